"""Branches of equilibria and of fixed points of maps: what is reported of each point, and what is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks, normal_forms
from reduction.continuation import problem as core
from reduction.continuation.families import (
    BranchFamily,
    at_one,
    at_zero,
    kinds_of_axis_crossing,
    kinds_of_circle_crossing,
    nearest_pair,
    pair_on_circle,
)
from reduction.continuation.points import LinearisedPoint, PointProblem
from reduction.continuation.problem import Problem, Solution
from reduction.continuation.results import SpecialPoint
from reduction.continuation.tracing import Ending, Record
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]

_LARGEST = 1e4
_MOVED = 1e-3
_STANDSTILL = 1e-13
_PARALLEL = 1e-7
_CURVATURE_STEP = 1e-3
_FLAT = 1e-3


@dataclass(frozen=True, eq=False)
class PointOrigin:
    """Where a special point was found: what continuation from there needs.

    Attributes
    ----------
    problem : PointProblem
    x, tangent : array
    """

    problem: PointProblem
    x: Floats
    tangent: Floats


class PointFamily(BranchFamily):
    """`tracing.Family` of equilibria, or of fixed points of a map."""

    problem: PointProblem

    def __init__(self, problem: PointProblem, *rest: Any) -> None:
        super().__init__(problem, *rest)
        self.first_scale = problem.scale

    def inspect(self, solution: Solution, tangent: Floats) -> Record:
        """As `tracing.Family.inspect`."""
        values = self.problem.linearise(solution.x).eigenvalues()
        return Record(solution.x, tangent, values, solution.x[[-1]], None, self.user_tests(solution.x))

    def prepare(self, record: Record) -> None:
        """As `tracing.Family.prepare`: the metric follows states that grow."""
        size = float(np.sqrt(np.mean(record.x[: self.problem.dimension] ** 2)))
        if size > 2.0 * self.problem.scale:
            self.problem.rescale(size)
        record.tangent = core.unit(self.problem, record.tangent)

    def doubtful(self, before: Record, after: Record) -> bool:
        """As `BranchFamily.doubtful`: the parameter turns back, but no eigenvalue shows it."""
        return self.turns(before, after) and not (at_one if self.problem.is_map else at_zero)(before, after)

    def snapshot(self) -> float:
        """As `BranchFamily.snapshot`: the metric's size of a state."""
        return self.problem.scale

    def restore(self, snapshot: float) -> None:
        """As `BranchFamily.restore`."""
        self.problem.rescale(snapshot)

    def ended(self, before: Record, after: Record) -> Ending | None:
        """As `tracing.Family.ended`: also where the states grow beyond bounds."""
        moved = core.norm(self.problem, after.x - before.x)
        if moved > _MOVED and abs(after.x[-1] - before.x[-1]) < _STANDSTILL * self.problem.widths[0]:
            return Ending(
                f"the parameter stands still at {float(after.values[0]):.6g}: the states grow without bound, or the "
                "equilibria are not isolated"
            )
        if self.problem.scale > _LARGEST * self.first_scale:
            return Ending(f"the states have grown {_LARGEST:g} times near {float(after.values[0]):.6g}")
        return super().ended(before, after)

    def state_and_parameters(self, x: Floats) -> tuple[Floats, dict[str, float]]:
        """As `BranchFamily.state_and_parameters`."""
        return x[: self.problem.dimension], self.problem.parameters(x)

    def coordinates(self, record: Record) -> Floats:
        """As `BranchFamily.coordinates`."""
        return np.asarray(record.x * np.sqrt(self.problem.weights))

    def crossings(self, before: Record, after: Record) -> list[str]:
        """As `BranchFamily.crossings`."""
        kinds = kinds_of_circle_crossing if self.problem.is_map else kinds_of_axis_crossing
        return kinds(before, after, self.turns(before, after), self.fold, self.branching)

    def measure(self, kind: str, record: Record) -> float:
        """As `BranchFamily.measure`."""
        if kind == self.fold:
            return float(record.tangent[-1])
        values = record.eigenvalues
        if self.problem.is_map:
            return circle_measure(kind, values, self.target)
        wanted = values[values.imag == 0.0]
        if kind == "HB":
            wanted = nearest_pair(values, self.target, np.abs(values.real))
        return float(wanted.real[np.argmin(np.abs(wanted.real))]) if wanted.size else np.nan

    def pair_that_crosses(self, before: Record, after: Record) -> complex | None:
        """As `BranchFamily.pair_that_crosses`."""
        return pair_on_circle(before, after) if self.problem.is_map else super().pair_that_crosses(before, after)

    def own_start(self, kind: str, record: Record) -> Floats:
        """As `BranchFamily.own_start`: the squared frequency of a Hopf point, the cosine of a torus's angle."""
        values = record.eigenvalues
        if kind == "HB":
            return np.array(
                [value.imag**2 for value in nearest_pair(values, self.target, np.abs(values.real))] or [1.0]
            )
        if kind == "NS":
            found = nearest_pair(values, self.target, np.abs(np.abs(values) - 1.0))
            return np.array([value.real / abs(value) for value in found] or [1.0])
        return np.empty(0)

    def regular(self, kind: str, linearised: object) -> tuple[Problem, Floats]:
        """As `BranchFamily.regular`: a branch point is regular once the equations may be perturbed."""
        if kind != self.branching:
            return self.problem, np.empty(0)
        left = np.linalg.svd(linearised.operator(kind, np.empty(0)))[0]  # type: ignore[attr-defined]
        return self.problem.perturbed(left[:, -1]), np.zeros(1)

    def described(self, kind: str, solution: Solution, own: Floats, record: Record) -> SpecialPoint:
        """As `BranchFamily.described`."""
        state, parameters = self.state_and_parameters(solution.x)
        linearised = solution.linearised
        if len(linearised.columns[0]) > 1:
            linearised = self.problem.linearise(solution.x)
        period: float | None = None
        coefficients: dict[str, float] = {}
        note = ""
        if kind == self.fold and _is_branching(linearised):
            kind = self.branching
        if self.problem.is_map:
            coefficients, note = normal_forms.of_fixed_point(
                kind, self.problem.system, state, parameters, linearised.jacobian
            )
            period = getattr(self.problem.system, "orbit_period", None)
        elif kind == "HB":
            if own[0] <= 0.0:
                raise NumericalError("the eigenvalues are real: a neutral saddle")
            omega = float(np.sqrt(own[0]))
            period = 2.0 * np.pi / omega
            coefficients, note = normal_forms.hopf(self.problem.system, state, parameters, linearised.jacobian, omega)
        elif kind == self.fold:
            coefficients, note = normal_forms.fold(self.problem.system, state, parameters, linearised.jacobian)
        if kind == self.fold and checks.bends(self.problem.system, state, self.problem.scale, parameters):
            note = "doubtful: the right-hand side has a kink here"
        return SpecialPoint(
            kind, float(solution.x[self.problem.dimension]), parameters, state, linearised.eigenvalues(), period,
            coefficients, solution.size, note, origin=PointOrigin(self.problem, solution.x, record.tangent),
        )  # fmt: skip


def _is_branching(linearised: LinearisedPoint) -> bool:
    """Return whether the parameter does not help either: the branch turns where another crosses it (a pitchfork)."""
    left = np.linalg.svd(linearised.inner)[0][:, -1]
    column = linearised.columns[:, 0]
    return bool(
        abs(left @ column) <= _PARALLEL * max(float(np.linalg.norm(column)), float(np.linalg.norm(linearised.inner)))
    )


def circle_measure(kind: str, multipliers: npt.NDArray[np.complex128], target: complex | None) -> float:
    """Return a signed distance from the unit circle of the multiplier that makes a point of a kind."""
    real = multipliers[multipliers.imag == 0.0].real
    if kind == "NS":
        wanted = np.abs(nearest_pair(multipliers, target, np.abs(np.abs(multipliers) - 1.0))) - 1.0
    elif kind == "PD":
        wanted = real[real < 0.0] + 1.0
    else:
        wanted = real[real > 0.0] - 1.0
    return float(wanted[np.argmin(np.abs(wanted))]) if wanted.size else np.nan


def crossing_tangent(problem: PointProblem, x: Floats, tangent: Floats) -> Floats:
    """Return the tangent of the other branch at a branch point.

    Both tangents are zeros of the quadratic form of w F on the plane of null vectors, w the left null vector (the
    algebraic bifurcation equation: Keller 1977).
    """
    linearised = problem.linearise(x)
    left, _, right = np.linalg.svd(np.hstack([linearised.inner, linearised.columns]))
    root = np.sqrt(problem.weights)
    plane = np.linalg.qr(root[:, None] * right[-2:].T)[0] / root[:, None]
    along = (plane * problem.weights[:, None]).T @ tangent
    along = along / np.linalg.norm(along)

    def form(direction: Floats) -> float:
        step = _CURVATURE_STEP * (plane @ direction)
        ahead, here, behind = (problem.linearise(x + sign * step).residual for sign in (1.0, 0.0, -1.0))
        return float(left[:, -1] @ (ahead - 2.0 * here + behind)) / _CURVATURE_STEP**2

    across = np.array([-along[1], along[0]])
    bend, mixed = form(across), 0.5 * (form(across + along) - form(across) - form(along))
    if abs(mixed) > _FLAT * abs(bend) and mixed != 0.0:
        across = across - 0.5 * bend / mixed * along
    return core.unit(problem, plane @ across)
