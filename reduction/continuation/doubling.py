"""Orbits of twice the period that begin at the period doublings of a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from reduction.continuation import checks
from reduction.continuation import problem as core
from reduction.continuation.branching import Progress
from reduction.continuation.equilibria import PointContinuation
from reduction.continuation.families import Event
from reduction.continuation.maps import MapSystem
from reduction.continuation.normal_forms import null_vectors
from reduction.continuation.point_family import PointFamily
from reduction.continuation.points import point_problem
from reduction.continuation.results import Branch, SpecialPoint
from reduction.continuation.tracing import Record, Steps
from reduction.system import Floats
from spiking.errors import NumericalError, SpecificationError

_DEPARTURE = 0.01
_SIZES = (1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4)
_NEAR = 0.5
_AT_MINUS_ONE = 1e-5


def continue_doubled(
    system: Any,
    point: SpecialPoint,
    parameter: str,
    bounds: tuple[float, float],
    *,
    max_points: int = 400,
    initial_step: float = 0.01,
    smallest_step: float = 1e-6,
    largest_step: float = 0.05,
    events: Mapping[str, Event] | None = None,
    stop: Callable[[Floats, dict[str, float]], bool] | None = None,
    progress: Progress | None = None,
) -> Branch:
    """Follow the orbit of twice the period from a period doubling of a map, over a parameter.

    Parameters
    ----------
    system : MapSystem
        The map of which the point is a fixed point.
    point : SpecialPoint
        Of kind PD.
    parameter, bounds, max_points, initial_step, smallest_step, largest_step, events, stop, progress
        As in `continue_equilibrium`.

    Returns
    -------
    Branch
        Of fixed points of ``system.iterated(2)``: one of the two points of each orbit, from next to the period doubling
        on.

    Raises
    ------
    SpecificationError
        If the input cannot be used.
    NumericalError
        If the orbit is not found: the period doubling may be degenerate.
    """
    system = checks.system_of(system)
    if not isinstance(system, MapSystem):
        raise SpecificationError(f"system = {type(system).__name__}: must be a MapSystem")
    name = checks.name_of(system, parameter)
    steps = Steps(initial_step, smallest_step, largest_step, max_points)
    if getattr(point, "kind", None) != "PD":
        raise SpecificationError(f"point = {point!r}: must be a special point of kind PD")
    chosen = checks.parameters_of(system, point.parameters)
    limits = checks.bounds_of(name, bounds, chosen[name])
    state = checks.state_of(system, point.state, "point")
    jacobian = system.derivative(0.0, state, chosen)
    missed = np.abs(system.function(0.0, state, chosen) - state).max()
    if (
        missed > _AT_MINUS_ONE * max(1.0, float(np.abs(state).max()))
        or np.abs(np.linalg.eigvals(jacobian) + 1.0).min() > _AT_MINUS_ONE * max(1.0, float(np.abs(jacobian).max()))
    ):  # fmt: skip
        raise SpecificationError(f"point = {point!r}: must be a period doubling of this map")
    twice = checks.system_of(system.iterated(2))
    problem = point_problem(twice, (name,), chosen, state, (float(limits[1] - limits[0]),))
    family, scale = PointFamily(problem, limits[None, :], events, stop), problem.scale
    x = np.append(state, chosen[name])
    across = np.append(null_vectors(jacobian + np.eye(state.size))[0].real, 0.0)
    for share in _SIZES:
        problem.rescale(share * scale)
        tries = [departed(family, system, x, sign * core.unit(problem, across)) for sign in (1.0, -1.0)]
        found = [both for both in tries if both is not None]
        if found:
            record = max(found, key=lambda both: both[1])[0]
            careful = replace(steps, initial=max(smallest_step, share * initial_step))
            return PointContinuation(family, record, careful, both=False).run(progress)
    raise NumericalError("the orbit of twice the period was not found: the period doubling may be degenerate")


def departed(family: PointFamily, once: MapSystem, x: Floats, along: Floats) -> tuple[Record, float] | None:
    """Return the record next to x, and how straight the branch leads there; None if it is not of the doubled orbit."""
    problem = family.problem
    try:
        solution = core.corrected(problem, x + _DEPARTURE * along, core.row(problem, along))
        state, tangent = solution.x[:-1], core.unit(problem, solution.null[:, 0])
        record = family.inspect(solution, tangent)
        apart = once.function(0.0, state, problem.parameters(solution.x)) - state
    except NumericalError:
        return None
    if (
        core.norm(problem, np.append(apart, 0.0)) < _DEPARTURE
        or np.abs(record.eigenvalues - 1.0).min() > _NEAR
        or not family.bounds[0, 0] <= solution.x[-1] <= family.bounds[0, 1]
    ):
        return None
    return record, float(problem.weights @ (tangent * along))
