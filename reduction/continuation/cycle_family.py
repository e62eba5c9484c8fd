"""Branches of cycles: what is reported of each point, and what is looked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import problem as core
from reduction.continuation.cycle_problem import CycleProblem
from reduction.continuation.discretisation import interpolated
from reduction.continuation.extrema import extrema
from reduction.continuation.families import BranchFamily, at_one, kinds_of_circle_crossing, nearest_pair, pair_on_circle
from reduction.continuation.point_family import circle_measure
from reduction.continuation.problem import Problem, Solution
from reduction.continuation.results import SpecialPoint
from reduction.continuation.tracing import Ending, Record
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

_ACCURACY = 1e-5
_WORST_ACCURACY = 10.0
_TRUSTED = 1e-2
_RESONANT = 1e-4
_LONGEST = 100.0
_STANDSTILL = 1e-6
_SLOW = 8.0
_MOVED = 1e-3
_FIXED = 1e-14
_HALF = 64
_SMALLEST = 1e-3


@dataclass(frozen=True, eq=False)
class CycleContent:
    """What a branch reports of a cycle; times run from 0 to 1."""

    times: Floats
    states: Floats
    period: float
    multipliers: Complexes
    accuracy: float

    @cached_property
    def extrema(self) -> tuple[Floats, Floats]:
        """Minima and maxima of each state."""
        return extrema(self.times, self.states)

    @property
    def amplitude(self) -> float:
        """The largest half range of a state."""
        return float(0.5 * np.ptp(self.states, axis=0).max())


@dataclass(frozen=True, eq=False)
class CycleOrigin:
    """Where a special point was found: what continuation from there needs.

    Attributes
    ----------
    problem : CycleProblem
        Its own, with the discretisation and phase at the point.
    x, tangent : array
    across : array, shape (len(x), k)
        Null vectors of the operator that is singular there.
    """

    problem: CycleProblem
    x: Floats
    tangent: Floats
    across: npt.NDArray[Any]


class CycleFamily(BranchFamily):
    """`tracing.Family` of cycles."""

    problem: CycleProblem
    fold, branching = "LPC", "BPC"
    doubled = False
    shortest = np.inf
    largest = 0.0

    def inspect(self, solution: Solution, tangent: Floats) -> Record:
        """As `tracing.Family.inspect`."""
        content = content_of(self.problem, solution)
        values = without_trivial(content.multipliers)
        period, x = content.period, solution.x
        if not period > 0.0:
            raise NumericalError("the period is not positive")
        return Record(x, tangent, values, x[[-1]], content, self.user_tests(x))

    def state_and_parameters(self, x: Floats) -> tuple[Floats, dict[str, float]]:
        """As `BranchFamily.state_and_parameters`: the state at phase 0."""
        return self.problem.split(x)[1][0], self.problem.parameters(x)

    def prepare(self, record: Record) -> None:
        """As `tracing.Family.prepare`: the mesh that suits the cycle, finer where its multipliers are not accurate."""
        fitted(self.problem, record, record.content.accuracy)

    def snapshot(self) -> Any:
        """As `BranchFamily.snapshot`."""
        problem = self.problem
        return problem.discretisation, problem.reference, problem.phase, problem.weights, problem.scale

    def restore(self, snapshot: Any) -> None:
        """As `BranchFamily.restore`."""
        problem = self.problem
        problem.discretisation, problem.reference, problem.phase, problem.weights, problem.scale = snapshot

    def coordinates(self, record: Record) -> Floats:
        """As `BranchFamily.coordinates`."""
        content, problem = record.content, self.problem
        low, high = content.extrema
        size = problem.scale * np.sqrt(problem.dimension)
        return np.concatenate([record.values / problem.widths, [np.log(content.period)], low / size, high / size])

    def crossings(self, before: Record, after: Record) -> list[str]:
        """As `BranchFamily.crossings`."""
        turns = self.turns(before, after)
        if max(before.content.accuracy, after.content.accuracy) > _TRUSTED:
            return [self.fold] if turns else []
        return kinds_of_circle_crossing(before, after, turns, self.fold, self.branching)

    def doubtful(self, before: Record, after: Record) -> bool:
        """As `BranchFamily.doubtful`: the parameter turns back, but no multiplier shows it."""
        trusted = max(before.content.accuracy, after.content.accuracy) <= _TRUSTED
        return trusted and self.turns(before, after) and not at_one(before, after)

    def measure(self, kind: str, record: Record) -> float:
        """As `BranchFamily.measure`."""
        return float(record.tangent[-1]) if kind == self.fold else circle_measure(kind, record.eigenvalues, self.target)

    def own_start(self, kind: str, record: Record) -> Floats:
        """As `BranchFamily.own_start`: the angle of a torus."""
        if kind != "NS":
            return np.empty(0)
        values = record.eigenvalues
        nearest = nearest_pair(values, self.target, np.abs(np.abs(values) - 1.0))
        return np.array([float(np.angle(value)) for value in nearest] or [0.5 * np.pi])

    def pair_that_crosses(self, before: Record, after: Record) -> complex | None:
        """As `BranchFamily.pair_that_crosses`."""
        return pair_on_circle(before, after)

    def regular(self, kind: str, linearised: Any) -> tuple[Problem, Floats]:
        """As `BranchFamily.regular`: a branch point is regular once the equations may be perturbed."""
        if kind != self.branching:
            return self.problem, np.empty(0)
        return self.problem.perturbed(linearised.borders(kind, np.empty(0)).columns[:, :, 0]), np.zeros(1)

    def ended(self, before: Record, after: Record) -> Ending | None:
        """As `tracing.Family.ended`: also where the cycle shrinks to nothing or its period grows without bound."""
        small, content = before.content, after.content
        self.largest = max(self.largest, content.amplitude)
        self.shortest = min(self.shortest, small.period)
        overlap = np.sum(_centred(self.problem, before.x) * _centred(self.problem, after.x))
        if overlap <= 0.0 or content.amplitude < _SMALLEST * self.largest:
            return Ending(f"shrinks to an equilibrium: a Hopf point near {float(after.values[0]):.6g}", keep=False)
        moved = core.norm(self.problem, after.x - before.x)
        if moved > _MOVED and abs(float(after.values[0] - before.values[0])) < _FIXED * self.problem.widths[0]:
            return Ending(
                f"the parameter stands still at {float(after.values[0]):.6g}: cycles that are not isolated, or that "
                "run into a homoclinic orbit"
            )
        slowing = np.log(content.period / small.period)
        still = abs(float(after.values[0] - before.values[0])) < _STANDSTILL * slowing * self.problem.widths[0]
        if content.period > _LONGEST * self.shortest or (still and content.period > _SLOW * self.shortest):
            return Ending(
                f"the period grows without bound near {float(after.values[0]):.6g}: a homoclinic orbit, or a "
                "saddle-node on it"
            )
        if min(content.accuracy, small.accuracy) > _WORST_ACCURACY:
            return Ending(
                f"the trivial multiplier is {content.accuracy:.1g} off at {float(after.values[0]):.6g}: too stiff or "
                "too unstable a cycle for its multipliers to be known, or a homoclinic orbit is near",
            )  # fmt: skip
        if self.doubled and np.sum(_alternation(small) * _alternation(content)) <= 0.0:
            return Ending(f"ends at a period doubling near {float(after.values[0]):.6g}", keep=False)
        return super().ended(before, after)

    def locate(self, kind: str, before: Record, after: Record) -> SpecialPoint:
        """As `BranchFamily.locate`; of a period doubling also on which side of it the doubled cycles lie."""
        point = super().locate(kind, before, after)
        if kind == "NS" and np.pi - abs(point.normal_form["angle"]) < _RESONANT:
            kind, point = "PD", super().locate("PD", before, after)
        if kind != "PD":
            return point
        from reduction.continuation.departures import direction_of_doubling

        try:
            shift = direction_of_doubling(point, self)
        except NumericalError as error:
            return replace(point, note=f"criticality unknown: {error}")
        grows = (np.abs(after.eigenvalues) > 1.0).sum() > (np.abs(before.eigenvalues) > 1.0).sum()
        unstable_side = (1.0 if grows else -1.0) * float(after.values[0] - before.values[0])
        note = "supercritical" if shift * unstable_side > 0.0 else "subcritical"
        return replace(point, normal_form={"direction": shift}, note=note)

    def described(self, kind: str, solution: Solution, own: Floats, record: Record) -> SpecialPoint:
        """As `BranchFamily.described`."""
        problem, x = self.problem, solution.x
        content = content_of(problem, solution)
        across = np.empty((x.size, 0))
        if kind in ("LPC", "PD", "NS", "BPC"):
            linearised = problem.linearise(x)
            across = linearised.null_vectors(kind, own)
        origin = CycleOrigin(frozen(problem), x, record.tangent, across)
        note = f"doubtful: the trivial multiplier is {content.accuracy:.1g} off" if content.accuracy > _TRUSTED else ""
        return SpecialPoint(
            kind, float(problem.split(x)[3][0]), problem.parameters(x), content.states[0], content.multipliers,
            content.period, {"angle": float(own[0])} if kind == "NS" else {}, solution.size, note,
            content.times * content.period, content.states, origin,
        )  # fmt: skip


def fitted(problem: CycleProblem, record: Record, accuracy: float) -> None:
    """Give the problem, and a record's x and tangent, the mesh that suits the cycle.

    x and tangent may hold more unknowns of their own at the end.
    """
    own = record.x.size - problem.weights.size
    x, tangent = record.x[: record.x.size - own], record.tangent[: record.x.size - own]
    inside, y, period, values = problem.split(x)
    old, parameters = problem.discretisation, problem.parameters(x)
    finer = old.refined() if accuracy > _ACCURACY else None
    start = (inside, y) if finer is None else old.transferred(finer, inside, y)
    mesh = (finer or old).adapted(*start, period, parameters)
    along_inside, along_y, along_period, along_values = problem.split(tangent)
    new_inside, new_y = old.transferred(mesh, inside, y)
    along_inside, along_y = old.transferred(mesh, along_inside, along_y)
    problem.scale = max(problem.scale, float(np.sqrt(np.mean((y - y.mean(axis=0)) ** 2))))
    problem.anchored(mesh, new_y, period, parameters)
    record.x = np.concatenate([problem.joined(new_inside, new_y, period, values), record.x[x.size :]])
    along = problem.joined(along_inside, along_y, along_period, along_values)
    along = along / max(core.norm(problem, along), 1e-300)
    record.tangent = np.concatenate([along, record.tangent[x.size :]])


def frozen(problem: CycleProblem) -> CycleProblem:
    """Return the problem as it is now, apart from what tracing changes later."""
    other = CycleProblem(
        problem.system, problem.names, problem.fixed, problem.discretisation, problem.scale, problem.widths
    )
    other.reference, other.phase, other.weights = problem.reference, problem.phase, problem.weights
    return other


def content_of(problem: CycleProblem, solution: Solution) -> CycleContent:
    """Return what a branch reports of a solution."""
    condensed = solution.linearised.condensed
    multipliers = solution.linearised.multipliers()
    accuracy = float(np.abs(multipliers - 1.0).min())
    return CycleContent(condensed.times, condensed.states, problem.split(solution.x)[2], multipliers, accuracy)


def without_trivial(multipliers: Complexes) -> Complexes:
    """Return the multipliers without the one closest to 1."""
    return np.delete(multipliers, np.abs(multipliers - 1.0).argmin())


def _alternation(content: CycleContent) -> Floats:
    """Return by how much the second half of a period differs from the first."""
    at = np.linspace(0.0, 0.5, _HALF, endpoint=False)
    return interpolated(content.times, content.states, at + 0.5) - interpolated(content.times, content.states, at)


def _centred(problem: CycleProblem, x: Floats) -> Floats:
    y = problem.split(x)[1]
    return np.asarray(y - y.mean(axis=0))
