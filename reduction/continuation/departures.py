"""Leaving a branch of cycles: onto cycles of twice the period, and onto a branch that crosses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reduction.continuation import problem as core
from reduction.continuation.cycle_family import CycleFamily, CycleOrigin
from reduction.continuation.cycle_problem import CycleProblem
from reduction.continuation.results import SpecialPoint
from reduction.continuation.tracing import Record, oriented
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]

_SWITCH_STEPS = (0.02, 0.005, 0.08)
_SMALL_STEPS = (0.01, 0.02)
_QUADRATIC = (2.0, 8.0)


def doubled(
    point: SpecialPoint, family: CycleFamily, lengths: tuple[float, ...] = _SWITCH_STEPS
) -> tuple[CycleFamily, Record]:
    """Return the branch of cycles of twice the period at a period doubling: its family and first record.

    Raises
    ------
    NumericalError
        If it is not found.
    """
    origin: CycleOrigin = point.origin
    base = origin.problem
    mesh = base.discretisation.doubled()
    inside, y, period, values = base.split(origin.x)
    along_inside, along_y, _, _ = base.split(np.asarray(origin.across[:, 0], float))
    problem = CycleProblem(base.system, base.names, base.fixed, mesh, base.scale, base.widths)
    problem.anchored(mesh, np.concatenate([y, y]), 2.0 * period, base.parameters(origin.x))
    x = problem.joined(np.concatenate([inside, inside]), np.concatenate([y, y]), 2.0 * period, values)
    tangent = problem.joined(
        np.concatenate([along_inside, -along_inside]), np.concatenate([along_y, -along_y]), 0.0, np.zeros(len(values))
    )
    other = CycleFamily(problem, family.bounds, family.user_events, family.stop)
    other.doubled = True
    return other, departed(other, x, core.unit(problem, tangent), lengths, "the doubled branch")


def crossing(point: SpecialPoint, family: CycleFamily) -> tuple[CycleFamily, Record]:
    """Return the branch of cycles that crosses at a branch point: its family and first record."""
    origin: CycleOrigin = point.origin
    problem = origin.problem
    scaled = np.sqrt(problem.weights)[:, None] * np.asarray(origin.across, float)
    size = problem.discretisation.inside
    plane, triangle = np.linalg.qr(scaled)
    basis = np.linalg.solve(triangle.T, np.asarray(origin.across, float).T).T
    along = plane.T @ (np.sqrt(problem.weights) * np.concatenate([np.zeros(size), origin.tangent[size:]]))
    across = basis @ np.array([-along[1], along[0]])
    other = CycleFamily(problem, family.bounds, family.user_events, family.stop)
    return other, departed(other, origin.x, core.unit(problem, across), _SWITCH_STEPS, "the crossing branch")


def departed(family: CycleFamily, x: Floats, tangent: Floats, lengths: tuple[float, ...], what: str) -> Record:
    """Return the first record of a branch that leaves x along a tangent, by the first length at which it is found.

    Raises
    ------
    NumericalError
        If it is found at none.
    """
    problem = family.problem
    for length in lengths:
        try:
            solution = core.corrected(problem, x + length * tangent, core.row(problem, tangent))
        except NumericalError:
            continue
        along = float(problem.weights @ (tangent * (solution.x - x)))
        if abs(along - length) < 0.5 * length:
            return family.inspect(solution, oriented(problem, solution.null[:, 0], tangent))
    raise NumericalError(f"{what} was not found: its point may be degenerate")


def direction_of_doubling(point: SpecialPoint, family: CycleFamily) -> float:
    """Return lambda_2 of lambda = lambda_PD + lambda_2 s^2 along the doubled branch, s its arc length.

    Raises
    ------
    NumericalError
        If the shift does not grow as the square of s.
    """
    assert isinstance(point.value, float)
    small, large = (float(doubled(point, family, (length,))[1].values[0]) - point.value for length in _SMALL_STEPS)
    if not _QUADRATIC[0] < large / small < _QUADRATIC[1]:
        raise NumericalError("the doubled branch does not leave as a parabola")
    return (small / _SMALL_STEPS[0] ** 2 * 4.0 - large / _SMALL_STEPS[1] ** 2) / 3.0
