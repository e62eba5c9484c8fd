"""continue_point(): curves of special points over two parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation import problem as core
from reduction.continuation.augmented import Augmented
from reduction.continuation.branching import Continuation, Progress
from reduction.continuation.conditions import Singular
from reduction.continuation.curve_family import CurveFamily
from reduction.continuation.cycle_family import CycleOrigin
from reduction.continuation.cycle_problem import CycleProblem, cycle_problem
from reduction.continuation.families import Event
from reduction.continuation.point_family import PointOrigin
from reduction.continuation.points import PointProblem, point_problem
from reduction.continuation.results import Branch, SpecialPoint
from reduction.continuation.tracing import Steps, first
from reduction.system import ODESystem
from spiking.errors import NumericalError, SpecificationError

Floats = npt.NDArray[np.float64]

_KINDS = ("LP", "HB", "LPC", "PD", "NS")


def continue_point(
    system: Any,
    point: SpecialPoint,
    parameters: tuple[str, str],
    bounds: tuple[tuple[float, float], tuple[float, float]],
    *,
    max_points: int = 200,
    initial_step: float = 0.01,
    smallest_step: float = 1e-6,
    largest_step: float = 0.05,
    events: Mapping[str, Event] | None = None,
    stop: Callable[[Floats, dict[str, float]], bool] | None = None,
    progress: Progress | None = None,
) -> Branch:
    """Follow a special point over two parameters, both ways.

    Parameters
    ----------
    system : ODESystem, MapSystem or MarkovApproximation
    point : SpecialPoint
        Of kind LP, HB, LPC, PD or NS; all other parameters keep its values.
    parameters : (str, str)
    bounds : ((low, high), (low, high))
        Of each; the curve ends on them exactly.
    max_points, initial_step, smallest_step, largest_step, events, stop, progress
        As for `continue_equilibrium`.

    Returns
    -------
    Branch
        Of the point's kind, with values of shape (K, 2). Special points along curves of LP: CP, BT, ZH; of HB: BT, GH,
        ZH, HH. A Hopf curve ends at BT.

    Raises
    ------
    SpecificationError
        If the input cannot be used.
    NumericalError
        If the point cannot be confirmed.
    """
    system = checks.system_of(system)
    if not isinstance(point, SpecialPoint) or point.kind not in _KINDS:
        kind = getattr(point, "kind", type(point).__name__)
        raise SpecificationError(f"point = {kind}: must be a special point of kind {', '.join(_KINDS)}")
    checks.hooks(events, stop, progress)
    pairs = [tuple(part) if isinstance(part, (tuple, list)) else () for part in (parameters, bounds)]
    if len(pairs[0]) != 2 or len(pairs[1]) != 2:
        raise SpecificationError(
            f"parameters = {parameters!r}, bounds = {bounds!r}: must be two names and two pairs (low, high)"
        )
    (first_name, second_name), sides = (checks.name_of(system, name) for name in pairs[0]), pairs[1]
    if first_name == second_name:
        raise SpecificationError(f"parameters = {parameters!r}: must be two different names")
    names = (first_name, second_name)
    chosen = checks.parameters_of(system, point.parameters)
    limits = np.array([checks.bounds_of(name, side, chosen[name]) for name, side in zip(names, sides, strict=True)])
    steps = Steps(initial_step, smallest_step, largest_step, max_points)
    widths = (float(limits[0, 1] - limits[0, 0]), float(limits[1, 1] - limits[1, 0]))
    base, x = _base(system, point, names, chosen, widths)
    own = _own(point, system)
    linearised = base.linearise(x)
    augmented = Augmented(base, Singular.at(point.kind, linearised, own), own)
    family = CurveFamily(point.kind, augmented, limits, events, stop)
    x = np.concatenate([x, own])
    root = np.sqrt(augmented.weights)
    rows = np.random.default_rng(1).standard_normal((1, x.size)) * root
    tangent = core.unit(augmented, core.solved(augmented, augmented.linearise(x), rows)[1][:, 0])
    try:
        record = first(family, x, tangent)
    except NumericalError as error:
        raise NumericalError(f"the {point.kind} point is not confirmed at {point.value}: {error}") from None
    return CurveContinuation(family, record, steps).run(progress)


class CurveContinuation(Continuation):
    """`branching.Continuation` of curves."""

    family: CurveFamily

    def branch(self, before: str = "") -> Branch:
        """As `Continuation.branch`."""
        records, base = self.ordered(), self.family.base
        contents = [record.content for record in records]
        periods = [content.period for content in contents]
        cycles = isinstance(base, CycleProblem)
        critical = {"LP": 1, "HB": 2, "LPC": 1, "PD": 1, "NS": 2}[self.family.kind]
        ends = self.family.kind == "HB"
        keep = [not ends or content.own[0] > 0.0 for content in contents]
        chosen = [c for c, k in zip(contents, keep, strict=True) if k]
        values = np.array([record.values for record, k in zip(records, keep, strict=True) if k])
        known = [period for period, k in zip(periods, keep, strict=True) if k]
        start = dict(zip(base.names, (float(v) for v in self.start.values), strict=True))
        return Branch(
            kind=self.family.kind,
            parameter=(base.names[0], base.names[1]),
            names=base.system.names,
            values=values,
            states=np.array([c.state for c in chosen]),
            minima=np.array([c.extrema[0] for c in chosen]),
            maxima=np.array([c.extrema[1] for c in chosen]),
            eigenvalues=np.array([c.eigenvalues for c in chosen]),
            stable=np.array([self._stable(c.eigenvalues, critical) for c in chosen]),
            parameters=base.fixed | start,
            special_points=self.special_points(),
            periods=None if None in known else np.array(known, float),
            accuracy=np.array([c.accuracy for c in chosen]) if cycles else None,
            profiles=[c.profile for c in chosen if c.profile is not None],
            units=dict(base.system.units),
            status=self.status(before),
            continuation=self,
        )

    def switch(self, point: SpecialPoint, **options: Any) -> Branch:
        """As `Branch.switch`: no branch begins on a curve."""
        raise SpecificationError(f"point = {point!r}: no other branch begins on a curve")

    def _stable(self, eigenvalues: npt.NDArray[np.complex128], critical: int) -> bool:
        """Return whether all eigenvalues but the critical ones decay."""
        base = self.family.base
        if isinstance(base, CycleProblem):
            critical += 1
        size = np.abs(eigenvalues) - 1.0 if isinstance(base, CycleProblem) or base.is_map else eigenvalues.real
        return bool((np.delete(size, np.argsort(np.abs(size))[:critical]) < 0.0).all())


def _base(
    system: ODESystem,
    point: SpecialPoint,
    names: tuple[str, str],
    chosen: dict[str, float],
    widths: tuple[float, float],
) -> tuple[PointProblem | CycleProblem, Floats]:
    values = [chosen[name] for name in names]
    if point.times is None or point.states is None:
        state = checks.state_of(system, point.state, "point.state")
        checks.smooth(system, state, chosen)
        problem = point_problem(system, names, chosen, state, widths)
        if isinstance(point.origin, PointOrigin):
            problem.rescale(point.origin.problem.scale)
        return problem, np.concatenate([state, values])
    period = float(point.times[-1])
    times = point.times / period
    if isinstance(point.origin, CycleOrigin):
        origin = point.origin.problem
        inside, y, period, _ = origin.split(point.origin.x)
        cycles = CycleProblem(system, names, chosen, origin.discretisation.of(system), origin.scale, widths)
    else:
        cycles = cycle_problem(system, names, chosen, times, point.states, period, widths)
        inside, y = cycles.discretisation.start(times, point.states)
    cycles.anchored(cycles.discretisation, y, period, chosen)
    return cycles, cycles.joined(inside, y, period, values)


def _own(point: SpecialPoint, system: ODESystem) -> Floats:
    """Return a condition's own unknowns at a point."""
    if point.kind == "HB":
        if point.period is None:
            raise SpecificationError(
                "point of kind HB without a period: must be a Hopf point found by continue_equilibrium"
            )
        return np.array([(2.0 * np.pi / point.period) ** 2])
    if point.kind == "NS":
        if "angle" not in point.normal_form:
            raise SpecificationError("point of kind NS without an angle: must be a torus found by continue_cycle")
        angle = point.normal_form["angle"]
        return np.array([np.cos(angle) if getattr(system, "is_map", False) else angle])
    return np.empty(0)
