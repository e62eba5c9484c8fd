"""Following cycles of a system over a parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation import problem as core
from reduction.continuation.branching import Continuation, Progress, observed, refuse_switch
from reduction.continuation.cycle_family import CycleContent, CycleFamily, CycleOrigin, without_trivial
from reduction.continuation.cycle_problem import cycle_problem, solved_cycle
from reduction.continuation.departures import crossing, departed, doubled
from reduction.continuation.discretisation import make
from reduction.continuation.families import Event
from reduction.continuation.normal_forms import amplitude_near, null_vectors
from reduction.continuation.results import Branch, Cycle, SpecialPoint
from reduction.continuation.tracing import Steps
from reduction.system import ODESystem
from spiking.errors import SpecificationError

Floats = npt.NDArray[np.float64]

_SCALE_DISTANCE = 0.05
_DOUBTFUL = 1e-3
_SAMPLES = 400


def continue_cycle(
    system: Any,
    start: Cycle | SpecialPoint,
    parameter: str,
    bounds: tuple[float, float],
    *,
    parameters: Mapping[str, float] | None = None,
    max_points: int = 200,
    initial_step: float = 0.01,
    smallest_step: float = 1e-6,
    largest_step: float = 0.05,
    events: Mapping[str, Event] | None = None,
    stop: Callable[[Floats, dict[str, float]], bool] | None = None,
    progress: Progress | None = None,
) -> Branch:
    """Follow a cycle over a parameter, through folds: both ways from a cycle, one way from a Hopf point.

    Parameters
    ----------
    system : ODESystem or MarkovApproximation
    start : Cycle or SpecialPoint
        A Hopf point, or a special point of a branch of cycles.
    parameter, bounds, parameters, max_points, initial_step, smallest_step, largest_step, events, stop, progress
        As for `continue_equilibrium`; events see the state at phase 0.

    Returns
    -------
    Branch
        Special points LPC, PD, NS, BPC. With each cycle its accuracy: \\|mu - 1\\| of the trivial multiplier.

    Raises
    ------
    SpecificationError
        If the input cannot be used; if the start is neither a cycle, nor a Hopf point, nor of a branch of cycles.
    NumericalError
        If there is no cycle at the start.
    """
    system = checks.flow_of(system)
    name = checks.name_of(system, parameter)
    steps = Steps(initial_step, smallest_step, largest_step, max_points)
    if not isinstance(start, (Cycle, SpecialPoint)):
        raise SpecificationError(
            f"start = {type(start).__name__}: must be a Cycle or a Hopf point (find_cycle finds cycles)"
        )
    checks.hooks(events, stop, progress)
    chosen = checks.parameters_of(system, {**start.parameters, **checks.mapping_of(parameters)})
    limits = checks.bounds_of(name, bounds, chosen[name])
    if isinstance(start, SpecialPoint) and start.kind == "HB":
        return _from_hopf(system, start, name, chosen, limits, steps, events, stop, progress)
    if start.times is None or start.states is None or start.period is None:
        kind = getattr(start, "kind", "?")
        raise SpecificationError(
            f"start of kind {kind}: must be a Cycle, a Hopf point (HB) or a point of a branch of cycles"
        )
    if start.states.ndim != 2 or start.states.shape[1] != len(system.names):
        raise SpecificationError(f"start has states of shape {start.states.shape}: must be (K, {len(system.names)})")
    times, states = start.times / start.times[-1], start.states
    checks.smooth(system, states[0], chosen)
    origin = start.origin if isinstance(start, SpecialPoint) and isinstance(start.origin, CycleOrigin) else None
    mesh = start.origin if isinstance(start, Cycle) else None
    if origin is not None:
        mesh = origin.problem.discretisation
    mesh = None if mesh is None else mesh.of(system)
    problem = cycle_problem(system, (name,), chosen, times, states, start.period, (limits[1] - limits[0],), mesh)
    inside, y = problem.discretisation.start(times, states)
    if origin is not None:
        inside, y = origin.problem.split(origin.x)[:2]
    problem.anchored(problem.discretisation, y, start.period, chosen)
    x = problem.joined(inside, y, start.period, (chosen[name],))
    across = np.zeros((1, x.size))
    across[0, -1] = 1.0
    if origin is not None and origin.problem.names == problem.names:
        across = core.row(problem, origin.tangent)
    solution = solved_cycle(problem, x, across, "the start is no cycle of this system at these parameters")
    family = CycleFamily(problem, limits[None, :], events, stop)
    record = family.inspect(solution, core.unit(problem, solution.null[:, 0]))
    return CycleContinuation(family, record, steps).run(progress)


class CycleContinuation(Continuation):
    """`branching.Continuation` of cycles; `origin` is the Hopf point or period doubling at which they begin, if any."""

    family: CycleFamily
    origin: SpecialPoint | None = None

    def branch(self, before: str = "") -> Branch:
        """As `Continuation.branch`."""
        records, problem = self.ordered(), self.family.problem
        system, name = problem.system, problem.names[0]
        contents = [record.content for record in records]
        values = [float(record.values[0]) for record in records]
        if self.origin is not None:
            contents.insert(0, _degenerate(self.origin))
            values.insert(0, float(self.origin.parameters[name]))
        start = self.start.values[0] if self.origin is None else self.origin.parameters[name]
        fixed = problem.fixed | {name: float(start)}
        ranges = [c.extrema for c in contents]
        worst = max(content.accuracy for content in contents)
        if worst > _DOUBTFUL:
            before += f"multipliers doubtful where the trivial one is off 1, by up to {worst:.1g}; "
        stable = [bool((np.abs(without_trivial(c.multipliers)) < 1.0).all()) for c in contents]
        if self.origin is not None:
            stable[0] = stable[1] if len(stable) > 1 else False
        return Branch(
            kind="cycle",
            parameter=name,
            names=system.names,
            values=np.array(values),
            states=np.array([c.states[0] for c in contents]),
            minima=np.array([low for low, _ in ranges]),
            maxima=np.array([high for _, high in ranges]),
            eigenvalues=np.array([c.multipliers for c in contents]),
            stable=np.array(stable),
            parameters=fixed,
            special_points=self.special_points(),
            periods=np.array([c.period for c in contents]),
            accuracy=np.array([c.accuracy for c in contents]),
            profiles=[(c.times, c.states) for c in contents],
            observables=observed(self.family, [c.states for c in contents], [{**fixed, name: v} for v in values]),
            units=dict(system.units),
            status=self.status(before),
            continuation=self,
        )

    def switch(self, point: SpecialPoint, **options: Any) -> Branch:
        """As `Branch.switch`."""
        refuse_switch(point, ("PD", "BPC"))
        progress = options.pop("progress", None)
        steps = self.steps.changed(options)
        family, record = doubled(point, self.family) if point.kind == "PD" else crossing(point, self.family)
        traced = CycleContinuation(family, record, steps, both=point.kind == "BPC")
        if point.kind == "PD":
            traced.origin = point
        return traced.run(progress)


def _from_hopf(
    system: ODESystem,
    point: SpecialPoint,
    name: str,
    chosen: dict[str, float],
    limits: Floats,
    steps: Steps,
    events: Mapping[str, Event] | None,
    stop: Callable[[Floats, dict[str, float]], bool] | None,
    progress: Progress | None,
) -> Branch:
    state = checks.state_of(system, point.state, "start.state")
    jacobian = system.derivative(0.0, state, chosen)
    values = np.linalg.eigvals(jacobian)
    residual = np.abs(system.function(0.0, state, chosen))
    pair = values[values.imag > 1e-9 * np.abs(values).max()]
    size = float(np.abs(jacobian).max())
    if (residual > 1e-6 * (np.abs(jacobian) @ np.abs(state) + size)).any():
        raise SpecificationError(
            f"start: no equilibrium at {name} = {chosen[name]:g}; must be a Hopf point of this system"
        )
    if not pair.size or np.abs(pair.real).min() > 1e-5 * size:
        raise SpecificationError(
            f"start: no pair of imaginary eigenvalues at {name} = {chosen[name]:g}; must be a Hopf point of this system"
        )
    omega = float(pair.imag[np.argmin(np.abs(pair.real))])
    q = null_vectors(jacobian - 1j * omega * np.eye(len(values)))[0]
    scale = amplitude_near(system, state, chosen, name, omega, _SCALE_DISTANCE * float(limits[1] - limits[0]))
    period = 2.0 * np.pi / omega
    times = np.linspace(0.0, 1.0, _SAMPLES + 1)
    wave = np.real(np.exp(2j * np.pi * times)[:, None] * q)
    reference = point.state + 1e-3 * scale * wave
    mesh = make(system, times, reference, period, chosen)
    problem = cycle_problem(system, (name,), chosen, times, reference, period, (limits[1] - limits[0],), mesh)
    problem.scale = scale
    _, y = mesh.start(times, reference)
    along_inside, along_y = mesh.start(times, wave)
    still_inside, still_y = mesh.start(times, np.broadcast_to(point.state, wave.shape))
    problem.anchored(mesh, y, period, chosen)
    x = problem.joined(still_inside, still_y, period, (chosen[name],))
    tangent = core.unit(problem, problem.joined(along_inside, along_y, 0.0, (0.0,)))
    family = CycleFamily(problem, limits[None, :], events, stop)
    lengths = (steps.initial, 0.3 * steps.initial, 0.1 * steps.initial, 0.03 * steps.initial)
    record = departed(family, x, tangent, lengths, "the branch of cycles")
    traced = CycleContinuation(family, record, steps, both=False)
    traced.origin = replace(point, period=period)
    return traced.run(progress)


def _degenerate(point: SpecialPoint) -> CycleContent:
    """Return the cycle at which a branch begins: of no size at a Hopf point, run through twice at a period doubling."""
    assert point.period is not None
    if point.times is None or point.states is None:
        values = np.exp(point.eigenvalues * point.period)
        times, states, period = np.array([0.0, 1.0]), np.array([point.state, point.state]), point.period
    else:
        values, period = point.eigenvalues**2, 2.0 * point.period
        once = point.times / period
        times = np.concatenate([once, 0.5 + once[1:]])
        states = np.concatenate([point.states, point.states[1:]])
    accuracy = float(np.abs(values - 1.0).min())
    return CycleContent(times, states, period, values[np.argsort(-np.abs(values), kind="stable")], accuracy)
