"""Curves of special points over two parameters: what is reported of each point, and what is looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import normal_forms
from reduction.continuation import problem as core
from reduction.continuation.augmented import Augmented
from reduction.continuation.conditions import Singular
from reduction.continuation.cycle_family import content_of, fitted, without_trivial
from reduction.continuation.cycle_problem import CycleProblem
from reduction.continuation.derivatives import second
from reduction.continuation.extrema import extrema
from reduction.continuation.families import BranchFamily, kinds_of_axis_crossing
from reduction.continuation.point_family import PointOrigin
from reduction.continuation.points import PointProblem
from reduction.continuation.problem import Solution
from reduction.continuation.results import SpecialPoint
from reduction.continuation.tracing import Ending, Record
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]


@dataclass(eq=False)
class CurveContent:
    """What a curve reports of a point; the linearisation is kept until the next step begins."""

    state: Floats
    eigenvalues: Complexes
    period: float | None
    extrema: tuple[Floats, Floats]
    profile: tuple[Floats, Floats] | None
    accuracy: float
    own: Floats
    linearised: Any
    null: tuple[Floats, Floats] | None = None


class CurveFamily(BranchFamily):
    """`tracing.Family` of curves of special points of one kind.

    Parameters
    ----------
    kind : str
    problem : Augmented
    bounds : array, shape (2, 2)
    """

    problem: Augmented

    def __init__(self, kind: str, problem: Augmented, bounds: Floats, *rest: Any) -> None:
        super().__init__(problem, bounds, *rest)
        self.kind = kind
        extra = problem.condition.extra
        self.places = (-2 - extra, -1 - extra)
        self.base: PointProblem | CycleProblem = problem.base  # type: ignore[assignment]
        self._null: tuple[Floats, Floats] | None = None

    def inspect(self, solution: Solution, tangent: Floats) -> Record:
        """As `tracing.Family.inspect`."""
        linearised, x = solution.linearised.base, solution.x
        content = self._content(x, linearised)
        record = Record(x, tangent, content.eigenvalues, x[list(self.places)], content, self.user_tests(x))
        record.eigenvalues = self._others(content)
        record.tests |= self._tests(x, content)
        return record

    def prepare(self, record: Record) -> None:
        """As `tracing.Family.prepare`: the mesh of cycles, and borders that suit the point."""
        content, extra = record.content, self.problem.condition.extra
        if isinstance(self.base, CycleProblem):
            fitted(self.base, record, content.accuracy)
            content.linearised = None
        x, own = record.x[: record.x.size - extra], record.x[record.x.size - extra :]
        linearised = content.linearised or self.base.linearise(x)
        content.linearised = None
        self.problem.condition = Singular.at(self.kind, linearised, own)
        self.problem.align(linearised)
        self._null = content.null or self._null
        record.tangent = core.unit(self.problem, record.tangent)

    def snapshot(self) -> Any:
        """As `BranchFamily.snapshot`."""
        mesh = None
        if isinstance(self.base, CycleProblem):
            base = self.base
            mesh = base.discretisation, base.reference, base.phase, base.weights, base.scale
        return mesh, self._null

    def restore(self, snapshot: Any) -> None:
        """As `BranchFamily.restore`."""
        mesh, self._null = snapshot
        if isinstance(self.base, CycleProblem):
            base = self.base
            base.discretisation, base.reference, base.phase, base.weights, base.scale = mesh

    def state_and_parameters(self, x: Floats) -> tuple[Floats, dict[str, float]]:
        """As `BranchFamily.state_and_parameters`."""
        x = x[: x.size - self.problem.condition.extra]
        state = x[: self.base.dimension] if isinstance(self.base, PointProblem) else self.base.split(x)[1][0]
        return state, self.base.parameters(x)

    def ended(self, before: Record, after: Record) -> Ending | None:
        """As `tracing.Family.ended`: a Hopf curve ends where the frequency vanishes."""
        if self.kind == "HB" and after.x[-1] <= 0.0:
            return Ending("ends at a Bogdanov-Takens point")
        return super().ended(before, after)

    def coordinates(self, record: Record) -> Floats:
        """As `BranchFamily.coordinates`."""
        content = record.content
        low, high = content.extrema
        size = self.base.scale * np.sqrt(self.base.dimension)
        return np.concatenate([record.values / self.base.widths, low / size, high / size])

    def crossings(self, before: Record, after: Record) -> list[str]:
        """As `BranchFamily.crossings`: what the eigenvalues that are not critical do."""
        if not isinstance(self.base, PointProblem) or self.base.is_map or self.kind not in ("LP", "HB"):
            return []
        if before.tests.get("BT", 0.0) * after.tests.get("BT", 0.0) < 0.0:
            return []
        found = kinds_of_axis_crossing(before, after, False, "ZH", "ZH")
        if self.kind == "LP":
            return [kind for kind in ("ZH",) if "HB" in found]
        return ["HH" if kind == "HB" else kind for kind in found]

    def measure(self, kind: str, record: Record) -> float:
        """As `BranchFamily.measure`."""
        values = record.eigenvalues
        paired = kind == "HH" or self.kind == "LP"
        wanted = values[np.abs(values.imag) > 0.0] if paired else values[values.imag == 0.0]
        return float(wanted.real[np.argmin(np.abs(wanted.real))]) if wanted.size else np.nan

    def locate(self, kind: str, before: Record, after: Record) -> SpecialPoint:
        """As `BranchFamily.locate`."""
        if kind in after.tests:
            return super().locate(kind, before, after)
        record, solution = self.zero(lambda found: self.measure(kind, found), before, after)
        return self.described(kind, solution, record.content.own, record)

    def described(self, kind: str, solution: Solution, own: Floats, record: Record) -> SpecialPoint:
        """As `BranchFamily.described`."""
        state, parameters = self.state_and_parameters(solution.x)
        content = record.content
        coefficients: dict[str, float] = {}
        note = ""
        if isinstance(self.base, PointProblem) and not self.base.is_map:
            jacobian = self.base.system.derivative(0.0, state, parameters)
            if kind == "CP":
                coefficients, note = normal_forms.cusp(self.base.system, state, parameters, jacobian)
            elif kind == "BT":
                coefficients, note = normal_forms.bogdanov_takens(self.base.system, state, parameters, jacobian)
        origin = PointOrigin(self.base, solution.x, record.tangent) if isinstance(self.base, PointProblem) else None
        period = content.period if kind != "BT" else None
        values = record.values
        return SpecialPoint(
            kind, (float(values[0]), float(values[1])), parameters, state, content.eigenvalues, period, coefficients,
            solution.size, note, origin=origin,
        )  # fmt: skip

    def _content(self, x: Floats, linearised: Any) -> CurveContent:
        extra = self.problem.condition.extra
        own, base_x = x[x.size - extra :], x[: x.size - extra]
        if isinstance(self.base, CycleProblem):
            found = content_of(self.base, Solution(base_x, linearised, np.empty(0), 0, 0.0))
            profile = found.times, found.states
            return CurveContent(
                found.states[0],
                found.multipliers,
                found.period,
                extrema(*profile),
                profile,
                found.accuracy,
                own,
                linearised,
            )
        state = base_x[: self.base.dimension]
        period = 2.0 * np.pi / float(np.sqrt(own[0])) if self.kind == "HB" and own[0] > 0.0 else None
        return CurveContent(state, linearised.eigenvalues(), period, (state, state), None, 0.0, own, linearised)

    def _others(self, content: CurveContent) -> Complexes:
        """Return the eigenvalues without those that are critical all along the curve."""
        values = content.eigenvalues
        if isinstance(self.base, CycleProblem):
            return without_trivial(values)
        if self.base.is_map:
            return values
        if self.kind == "HB":
            root = np.sqrt(complex(-content.own[0]))
            for critical in (root, -root):
                values = np.delete(values, np.abs(values - critical).argmin())
            return values
        return np.delete(values, np.abs(values).argmin())

    def _tests(self, x: Floats, content: CurveContent) -> dict[str, float]:
        """Return what vanishes at points of codimension two."""
        if not isinstance(self.base, PointProblem) or self.base.is_map:
            return {}
        state, parameters = self.state_and_parameters(x)
        system, jacobian = self.base.system, content.linearised.jacobian
        if self.kind == "HB":
            squared = float(content.own[0])
            tests = {"BT": squared}
            if squared > 0.0:
                try:
                    tests["GH"] = normal_forms.hopf(system, state, parameters, jacobian, float(np.sqrt(squared)))[0][
                        "first_lyapunov"
                    ]
                except (NumericalError, np.linalg.LinAlgError):
                    tests["GH"] = np.nan
            return tests
        left, _, right = np.linalg.svd(jacobian)
        v, w = right[-1], left[:, -1]
        if self._null is not None:
            v = v if v @ self._null[0] >= 0.0 else -v
            w = w if w @ self._null[1] >= 0.0 else -w
        content.null = (v, w)
        return {"BT": float(w @ v), "CP": float(w @ second(system, state, parameters, v, v))}
