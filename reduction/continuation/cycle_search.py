"""Finding cycles of a system from a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation.cycle_family import CycleContent, content_of, without_trivial
from reduction.continuation.cycle_problem import CycleProblem, cycle_problem, solved_cycle
from reduction.continuation.discretisation import interpolated, make
from reduction.continuation.orbits import once_around
from reduction.continuation.problem import Solution
from reduction.continuation.recurrence import one_period
from reduction.continuation.results import Cycle
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]

_ATTEMPTS = 5
_REFINEMENTS = 8
_ACCURATE = 1e-6
_PERIOD = 2e-8
_MOST_TURNS = 12
_ALIKE = 2e-3
_ADVICE = "the simulation's end is too far from a cycle: integrate longer, or sample more densely"
_SAMPLES = 400


def find_cycle(system: Any, trajectory: Any, *, parameters: Mapping[str, float] | None = None) -> Cycle:
    """Return the cycle on which a simulation ends, refined by Newton's method.

    Parameters
    ----------
    system : ODESystem or MarkovApproximation
    trajectory : Orbit, (times, states), scipy's OdeResult, Cycle, or Trajectory
        Times (K,) and states (K, n) whose end is near the cycle, several periods long. Of a `Trajectory` the final
        state is taken and integrated on.
    parameters : mapping, optional
        Values that differ from the defaults.

    Raises
    ------
    SpecificationError
        If the input cannot be used; if the right-hand side is not smooth or depends on time.
    NumericalError
        If the trajectory is not periodic at its end, or Newton's method does not converge; with advice.
    """
    system = checks.flow_of(system)
    own = getattr(trajectory, "parameters", None)
    chosen = checks.parameters_of(system, {**(own if isinstance(own, dict) else {}), **checks.mapping_of(parameters)})
    times, states, period = one_period(system, trajectory, chosen)
    checks.smooth(system, states[0], chosen)
    problem = cycle_problem(system, (), chosen, times, states, period, ())
    cycle = settled(problem, _first(problem, times, states, period))
    turns = covers(cycle.times / cycle.period, cycle.states)
    if turns == 1:
        return cycle
    times = np.linspace(0.0, 1.0, _SAMPLES + 1)
    states, once = interpolated(cycle.times / cycle.period, cycle.states, times / turns), cycle.period / turns
    return find_cycle(system, replace(cycle, times=times * once, states=states, period=once, origin=None))


def _first(problem: CycleProblem, times: Floats, states: Floats, period: float) -> Solution:
    """Return the cycle near a profile; if need be of one integrated anew, with its own samples, on finer meshes."""
    system, chosen = problem.system, problem.fixed
    for attempt in range(_ATTEMPTS):
        mesh = problem.discretisation
        x = problem.joined(*mesh.start(times, states), period, ())
        problem.anchored(mesh, problem.split(x)[1], period, chosen)
        try:
            return solved_cycle(problem, x, np.empty((0, x.size)), _ADVICE)
        except NumericalError:
            if attempt == _ATTEMPTS - 1:
                raise
        if attempt == 0:
            times, states = once_around(system, states[0], period, chosen)
            problem.discretisation = make(system, times, states, period, chosen)
        else:
            problem.discretisation = problem.discretisation.refined() or problem.discretisation
    raise AssertionError


def covers(times: Floats, states: Floats) -> int:
    """Return how many times a profile runs through the same cycle."""
    span = np.maximum(np.ptp(states, axis=0), 1e-12 * (1.0 + np.abs(states).max()))
    at = np.linspace(0.0, 1.0, _SAMPLES, endpoint=False)
    here = interpolated(times, states, at) / span
    for turns in range(_MOST_TURNS, 1, -1):
        if np.abs(interpolated(times, states, at + 1.0 / turns) / span - here).max() < _ALIKE:
            return turns
    return 1


def settled(problem: CycleProblem, solution: Solution) -> Cycle:
    """Return a cycle refined until its period no longer changes and its trivial multiplier is accurate."""
    for _ in range(_REFINEMENTS):
        old = problem.discretisation
        finer = old.refined()
        if finer is None:
            break
        inside, y, period, values = problem.split(solution.x)
        parameters = problem.parameters(solution.x)
        mesh = finer.adapted(*old.transferred(finer, inside, y), period, parameters)
        inside, y = old.transferred(mesh, inside, y)
        problem.anchored(mesh, y, period, parameters)
        x = problem.joined(inside, y, period, values)
        solution = solved_cycle(problem, x, np.empty((0, x.size)), _ADVICE)
        change = abs(problem.split(solution.x)[2] - period) / period
        if change <= _PERIOD and content_of(problem, solution).accuracy <= _ACCURATE:
            break
    found = cycle_of(content_of(problem, solution), problem.parameters(solution.x))
    return replace(found, origin=problem.discretisation)


def cycle_of(content: CycleContent, parameters: dict[str, float]) -> Cycle:
    """Return a cycle as a result."""
    stable = bool((np.abs(without_trivial(content.multipliers)) < 1.0).all())
    return Cycle(
        content.times * content.period, content.states, content.period, parameters, content.multipliers, stable,
        content.accuracy,
    )  # fmt: skip
