"""Equilibria of a system and fixed points of a map: finding them, and following them over a parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation import problem as core
from reduction.continuation.branching import Continuation, Progress, observed, refuse_switch
from reduction.continuation.families import Event
from reduction.continuation.point_family import PointFamily, PointOrigin, crossing_tangent
from reduction.continuation.points import LinearisedPoint, PointProblem
from reduction.continuation.results import Branch, Cycle, Equilibrium, SpecialPoint
from reduction.continuation.tracing import Steps, first
from reduction.system import ODESystem
from spiking import seeds
from spiking.errors import NumericalError, SpecificationError
from spiking.specification import NONNEGATIVE, checked_number

Floats = npt.NDArray[np.float64]

_ITERATIONS = 60
_RELATIVE = 1e-12
_SHORTEST = 1e-4
_SAME = 1e-6
_SPREAD = 0.1
_TINY = 1e-12
_STAGNANT = 1e-8
_ZERO = 1e-8
_STARTS = 30
_SWITCH_STEP = 0.01


def find_equilibrium(
    system: Any, guess: npt.ArrayLike | None = None, *, parameters: Mapping[str, float] | None = None
) -> Equilibrium:
    """Return the equilibrium near a guess, or the fixed point of a map, by Newton's method.

    Parameters
    ----------
    system : ODESystem, MapSystem or MarkovApproximation
    guess : array_like, shape (n,), optional
        Default: the system's own.
    parameters : mapping, optional
        Values that differ from the defaults.

    Raises
    ------
    SpecificationError
        If the input cannot be used; if the right-hand side is not smooth or depends on time.
    NumericalError
        If Newton's method does not converge, with advice.
    """
    system = checks.system_of(system)
    chosen = checks.parameters_of(system, parameters)
    state = checks.state_of(system, system.guess if guess is None else guess, "guess")
    problem = point_problem(system, (), chosen, state, ())
    try:
        found = newton(problem, state, [])
    except NumericalError:
        checks.smooth(system, state, chosen)
        raise
    checks.smooth(system, found, chosen)
    return described(problem, found)


def find_equilibria(
    system: Any,
    *,
    parameters: Mapping[str, float] | None = None,
    guesses: Sequence[npt.ArrayLike] | None = None,
    region: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    starts: int = _STARTS,
    seed: int = 0,
) -> list[Equilibrium]:
    """Return the equilibria found from many starts, each found one deflated away before the next search.

    Parameters
    ----------
    system : ODESystem, MapSystem or MarkovApproximation
    parameters : mapping, optional
        Values that differ from the defaults.
    guesses : sequence of array_like, optional
        Starts of your own, tried first.
    region : (low, high), each array_like of shape (n,) or a number, optional
        Box of random starts; by default they scatter around the system's guess at sizes from 0.1 to 100 times its own.
    starts : int
        Number of random starts.
    seed : int

    Returns
    -------
    list of Equilibrium
        In the order of their first state. There may be others.

    Raises
    ------
    SpecificationError
        If the input cannot be used.

    Notes
    -----
    Deflation: Farrell, Birkisson and Funke, SIAM J. Sci. Comput. 37 (2015) A2026.
    """
    system = checks.system_of(system)
    chosen = checks.parameters_of(system, parameters)
    n = len(system.names)
    starts = int(checked_number("", "starts", starts, NONNEGATIVE, integer=True))
    seeds.check(seed)
    random = np.random.default_rng(seed)
    own = [checks.state_of(system, guess, "guesses") for guess in guesses or ()]
    tries = [*own, system.guess]
    if region is not None:
        try:
            low, high = (np.broadcast_to(np.asarray(side, float), (n,)) for side in region)
            if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
                raise ValueError
        except (TypeError, ValueError):
            raise SpecificationError(
                f"region = {region!r}: must be (low, high), finite numbers or arrays of shape ({n},), low <= high"
            ) from None
        tries += list(low + (high - low) * random.random((starts, n)))
    else:
        size = float(np.sqrt(np.mean(system.guess**2))) or _SPREAD
        tries += [
            system.guess + size * 10.0 ** random.uniform(-1.0, 2.0) * random.standard_normal(n) for _ in range(starts)
        ]
    checks.autonomous(system, system.guess, chosen)
    found: list[Floats] = []
    problem = point_problem(system, (), chosen, system.guess, ())
    for start in tries:
        for _ in range(len(found) + 2):
            try:
                with np.errstate(all="ignore"):
                    state = newton(problem, newton(problem, start, found), [])
            except NumericalError:
                break
            if any(_same(state, other, problem.scale) for other in found):
                break
            found.append(state)
    return [described(problem, state) for state in sorted(found, key=lambda y: tuple(y))]


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
    base = start.parameters if isinstance(start, (Equilibrium, SpecialPoint, Cycle)) else {}
    chosen = checks.parameters_of(system, {**base, **checks.mapping_of(parameters)})
    limits = checks.bounds_of(name, bounds, chosen[name])
    state = start.state if isinstance(start, (Equilibrium, SpecialPoint)) else start
    state = checks.state_of(system, state, "start")
    checks.hooks(events, stop, progress)
    checks.smooth(system, state, chosen)
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
        return Branch(
            kind="fixed point" if problem.is_map else "equilibrium",
            parameter=problem.names[0],
            names=problem.system.names,
            values=values,
            states=states,
            minima=states,
            maxima=states,
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
        if point.kind == "HB":
            from reduction.continuation.cycles import continue_cycle

            return continue_cycle(problem.system, point, problem.names[0], bounds, **options)
        if point.kind == "PD":
            from reduction.continuation.doubling import continue_doubled

            options = {"events": self.family.user_events, "stop": self.family.stop, **options}
            return continue_doubled(problem.system, point, problem.names[0], bounds, **options)
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


def point_problem(
    system: ODESystem, names: Sequence[str], parameters: Mapping[str, float], state: Floats, widths: Sequence[float]
) -> PointProblem:
    """Return the problem of equilibria near a state, or of fixed points if the system is a map."""
    scale = max(float(np.sqrt(np.mean(y**2))) for y in (state, 0.1 * system.guess))
    return PointProblem(
        system, names, parameters, scale if scale > _ZERO else 1.0, widths, is_map=getattr(system, "is_map", False)
    )


def first_tangent(problem: PointProblem, x: Floats) -> tuple[Floats, Floats]:
    """Return (x, tangent), after fitting the metric to the change of the states over the range of the parameter."""
    linearised = problem.linearise(x)
    units = np.append(np.ones(problem.dimension), problem.widths)
    direction = np.linalg.svd(np.hstack([linearised.inner, linearised.columns]) * units)[2][-1]
    if abs(direction[-1]) > 1e-8:
        change = float(np.sqrt(np.mean((direction[:-1] / direction[-1]) ** 2)))
        problem.rescale(float(np.clip(change, problem.scale, 10.0 * problem.scale)))
    return x, core.unit(problem, direction * units * np.sign(direction[-1] or 1.0))


def described(problem: PointProblem, state: Floats) -> Equilibrium:
    """Return an equilibrium with its eigenvalues."""
    eigenvalues = problem.linearise(state).eigenvalues()
    return Equilibrium(state, problem.parameters(state), eigenvalues, is_stable(problem, eigenvalues))


def is_stable(problem: PointProblem, eigenvalues: npt.NDArray[np.complex128]) -> bool:
    """Return whether all eigenvalues decay."""
    return bool((np.abs(eigenvalues) < 1.0).all() if problem.is_map else (eigenvalues.real < 0.0).all())


def newton(problem: PointProblem, start: Floats, deflated: Sequence[Floats]) -> Floats:
    """Return a solution by damped Newton steps, away from those already known.

    Raises
    ------
    NumericalError
        If there is no convergence.
    """
    state, advice = start.copy(), "try another guess, `find_equilibria`, or the end of a simulation"
    linearised = problem.linearise(state)
    for _ in range(_ITERATIONS):
        step = _newton_step(linearised, advice)
        pull = sum((_pull(state, other, problem.scale) for other in deflated), np.zeros_like(state))
        share = 1.0 - float(pull @ step)
        step = step / share if abs(share) > 1e-12 else step
        size = float(np.linalg.norm(step))
        if size <= _RELATIVE * (float(np.linalg.norm(state)) + _RELATIVE):
            return state + step
        damping = 1.0
        while True:
            try:
                ahead = problem.linearise(state + damping * step)
                simplified = np.linalg.solve(linearised.inner, -ahead.residual)
                if deflated or np.linalg.norm(simplified) <= (1.0 - 0.25 * damping) * size or size < 1e-8:
                    break
            except (NumericalError, np.linalg.LinAlgError):
                pass
            damping *= 0.5
            if damping < _SHORTEST:
                raise NumericalError(f"Newton's method finds no equilibrium from this guess: {advice}")
        state, linearised = state + damping * step, ahead
        if not np.isfinite(state).all() or np.abs(state).max() > 1e12:
            break
    if np.isfinite(state).all() and size <= _STAGNANT * float(np.linalg.norm(state)):
        return state
    residual = float(np.abs(linearised.residual).max())
    raise NumericalError(f"Newton's method has not converged (largest residual {residual:.2g}): {advice}")


def _newton_step(linearised: LinearisedPoint, advice: str) -> Floats:
    try:
        step = np.asarray(np.linalg.solve(linearised.inner, -linearised.residual), np.float64)
    except np.linalg.LinAlgError:
        raise NumericalError(f"the Jacobian is singular: {advice}; a conserved quantity must be eliminated") from None
    if not np.isfinite(step).all():
        raise NumericalError(f"the Jacobian is singular: {advice}; a conserved quantity must be eliminated")
    return step


def _pull(state: Floats, known: Floats, scale: float) -> Floats:
    """Return the logarithmic gradient of scale^2 / |y - known|^2 + 1."""
    gap = np.asarray(state - known, float) / scale
    square = float(gap @ gap)
    factor = -2.0 / (square * (1.0 + square)) if square > 0.0 else 0.0
    return np.asarray(factor * gap / scale, np.float64)


def _same(a: Floats, b: Floats, scale: float) -> bool:
    size = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    return float(np.linalg.norm(a - b)) <= max(_SAME * size, _TINY * scale)
