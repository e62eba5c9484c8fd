"""Following equilibria of a system and fixed points of a map over a parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation import problem as core
from reduction.continuation.branching import Continuation, Progress, observed, refuse_switch
from reduction.continuation.families import Event
from reduction.continuation.point_family import PointFamily, PointOrigin, crossing_tangent
from reduction.continuation.points import PointProblem, is_stable, point_problem
from reduction.continuation.results import Branch, Equilibrium, SpecialPoint
from reduction.continuation.tracing import Steps, first
from reduction.system import ODESystem
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]

_SWITCH_STEP = 0.01


def continue_equilibrium(
    system: Any,
    start: Equilibrium | SpecialPoint | npt.ArrayLike,
    parameter: str,
    bounds: tuple[float, float],
    *,
    parameters: Mapping[str, float] | None = None,
    max_points: int = 400,
    initial_step: float = 0.01,
    smallest_step: float = 1e-6,
    largest_step: float = 0.05,
    events: Mapping[str, Event] | None = None,
    stop: Callable[[Floats, dict[str, float]], bool] | None = None,
    progress: Progress | None = None,
) -> Branch:
    """Follow an equilibrium (of a map: a fixed point) over a parameter, both ways, through folds.

    Parameters
    ----------
    system : ODESystem, MapSystem or MarkovApproximation
    start : Equilibrium, SpecialPoint or array_like of shape (n,)
        With its own parameters, or those of `parameters`.
    parameter : str
    bounds : (low, high)
        The branch ends on them exactly.
    parameters : mapping, optional
        Values that differ from the defaults (and from those of `start`).
    max_points : int
        In each direction.
    initial_step, smallest_step, largest_step : float
        Of the arc length, in units of the range of the parameter and the size of the states.
    events : mapping, optional
        Name to a function of (state, parameters); its zeros are located and reported as special points of that name.
    stop : callable, optional
        Of (state, parameters); the branch ends where it is true.
    progress : callable, optional
        Called with the number of points so far and the parameter.

    Returns
    -------
    Branch
        Special points LP, HB, BP (of maps: LP, PD, NS, BP). Its `status` says how each end came about.

    Raises
    ------
    SpecificationError
        If the input cannot be used; if the right-hand side is not smooth or depends on time.
    NumericalError
        If there is no equilibrium at the start.
    """
    system = checks.system_of(system)
    name = checks.name_of(system, parameter)
    steps = Steps(initial_step, smallest_step, largest_step, max_points)
    base = start.parameters if isinstance(start, (Equilibrium, SpecialPoint)) else {}
    chosen = checks.parameters_of(system, {**base, **checks.mapping_of(parameters)})
    limits = checks.bounds_of(name, bounds, chosen[name])
    state = start.state if isinstance(start, (Equilibrium, SpecialPoint)) else start
    state = checks.state_of(system, state, "start")
    checks.hooks(events, stop, progress)
    checks.smooth(system, state, chosen)
    for bound in limits:
        with suppress(NumericalError):
            checks.autonomous(system, state, chosen | {name: float(bound)})
    width = limits[1] - limits[0]
    problem = point_problem(system, (name,), chosen, state, (width,))
    family = PointFamily(problem, limits[None, :], events, stop)
    x = np.append(state, chosen[name])
    if (
        isinstance(start, SpecialPoint)
        and isinstance(start.origin, PointOrigin)
        and start.origin.problem.names == (name,)
    ):
        tangent = core.unit(problem, start.origin.tangent)
    else:
        x, tangent = first_tangent(problem, x)
    return PointContinuation(family, first(family, x, tangent), steps).run(progress)


class PointContinuation(Continuation):
    """`branching.Continuation` of equilibria or fixed points."""

    family: PointFamily

    def branch(self, before: str = "") -> Branch:
        """As `Continuation.branch`."""
        records, problem = self.ordered(), self.family.problem
        xs = np.array([record.x for record in records])
        states, values = xs[:, : problem.dimension], xs[:, -1]
        eigenvalues = np.array([record.eigenvalues for record in records])
        parameters = [problem.parameters(x) for x in xs]
        orbits = [orbit_of(problem.system, y, p) for y, p in zip(states, parameters, strict=True)]
        return Branch(
            kind="fixed point" if problem.is_map else "equilibrium",
            parameter=problem.names[0],
            names=problem.system.names,
            values=values,
            states=states,
            minima=np.array([orbit.min(axis=0) for orbit in orbits]),
            maxima=np.array([orbit.max(axis=0) for orbit in orbits]),
            eigenvalues=eigenvalues,
            stable=np.array([is_stable(problem, record.eigenvalues) for record in records]),
            parameters=problem.parameters(self.start.x),
            special_points=self.special_points(),
            observables=observed(self.family, [y[None, :] for y in states], parameters),
            units=dict(problem.system.units),
            status=self.status(before),
            continuation=self,
        )

    def switch(self, point: SpecialPoint, **options: Any) -> Branch:
        """As `Branch.switch`."""
        problem = self.family.problem
        refuse_switch(point, ("BP", "PD") if problem.is_map else ("BP", "HB"))
        bounds = (float(self.family.bounds[0, 0]), float(self.family.bounds[0, 1]))
        hooks = {"events": self.family.user_events, "stop": self.family.stop}
        if point.kind == "HB":
            from reduction.continuation.cycles import continue_cycle

            return continue_cycle(problem.system, point, problem.names[0], bounds, **{**hooks, **options})
        if point.kind == "PD":
            from reduction.continuation.doubling import continue_doubled

            return continue_doubled(problem.system, point, problem.names[0], bounds, **{**hooks, **options})
        progress = options.pop("progress", None)
        return self._crossed(point, self.steps.changed(options), progress)

    def _crossed(self, point: SpecialPoint, steps: Steps, progress: Progress | None) -> Branch:
        problem = self.family.problem
        across = crossing_tangent(problem, point.origin.x, point.origin.tangent)
        for length in (_SWITCH_STEP, 0.2 * _SWITCH_STEP, 0.04 * _SWITCH_STEP, 5.0 * _SWITCH_STEP):
            for sign in (1.0, -1.0):
                start = point.origin.x + sign * length * across
                try:
                    solution = core.corrected(problem, start, core.row(problem, across))
                except NumericalError:
                    continue
                if core.norm(problem, solution.x - start) < 0.5 * length:
                    record = self.family.inspect(solution, core.unit(problem, sign * solution.null[:, 0]))
                    return PointContinuation(self.family, record, steps).run(progress)
        raise NumericalError("no other branch was found at the branch point")


def orbit_of(system: ODESystem, state: Floats, parameters: Mapping[str, float]) -> Floats:
    """Return the state, or all states of the orbit of which it is a fixed point, shape (K, n)."""
    once: ODESystem | None = getattr(system, "once", None)
    states = [state]
    if once is not None:
        for _ in range(getattr(system, "iterates", 1) - 1):
            states.append(once.function(0.0, states[-1], parameters))
    return np.array(states, np.float64)


def first_tangent(problem: PointProblem, x: Floats) -> tuple[Floats, Floats]:
    """Return (x, tangent), after fitting the metric to the change of the states over the range of the parameter."""
    linearised = problem.linearise(x)
    units = np.append(np.ones(problem.dimension), problem.widths)
    direction = np.linalg.svd(np.hstack([linearised.inner, linearised.columns]) * units)[2][-1]
    if abs(direction[-1]) > 1e-8:
        change = float(np.sqrt(np.mean((direction[:-1] / direction[-1]) ** 2)))
        problem.rescale(float(np.clip(change, problem.scale, 10.0 * problem.scale)))
    return x, core.unit(problem, direction * units * np.sign(direction[-1] or 1.0))
