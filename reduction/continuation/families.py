"""What all branches share: telling from two neighbouring points what lies between them, and finding it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import problem as core
from reduction.continuation.augmented import Augmented
from reduction.continuation.conditions import Singular
from reduction.continuation.problem import Problem, Solution
from reduction.continuation.results import SpecialPoint
from reduction.continuation.tracing import Ending, Record, oriented
from spiking.errors import NumericalError, SpecificationError

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]
Event = Callable[[Floats, dict[str, float]], float]

_BISECTIONS = 10
_LOCATION_TOLERANCE = 1e-10
_ROUNDING = 1e-8
_SECANT_STEPS = 40
_OFF_CENTRE = 0.41
_LEADING = 12
_ASIDE = 0.05
_SMALLEST_MULTIPLIER = 1e-3
_LARGEST_MULTIPLIER = 1e100
_BEYOND = 1e-3


class BranchFamily(ABC):
    """`tracing.Family` of branches over one parameter, with detection and location of their special points.

    Parameters
    ----------
    problem : Problem
    bounds : array, shape (free parameters, 2)
    events : mapping
        Name to a function of (state, parameters) whose zeros are reported.
    stop : callable, optional
        Of (state, parameters): true where the branch is to end.
    """

    places: Sequence[int] = (-1,)
    target: complex | None = None
    fold, branching = "LP", "BP"

    def __init__(
        self,
        problem: Problem,
        bounds: Floats,
        events: Mapping[str, Event] | None = None,
        stop: Callable[[Floats, dict[str, float]], bool] | None = None,
    ) -> None:
        self.problem, self.bounds = problem, bounds
        self.user_events, self.stop = dict(events or {}), stop

    @abstractmethod
    def inspect(self, solution: Solution, tangent: Floats) -> Record:
        """As `tracing.Family.inspect`."""

    @abstractmethod
    def state_and_parameters(self, x: Floats) -> tuple[Floats, dict[str, float]]:
        """Return the state that a user's events see, and all parameters."""

    @abstractmethod
    def described(self, kind: str, solution: Solution, own: Floats, record: Record) -> SpecialPoint:
        """Return a special point that was located."""

    @abstractmethod
    def crossings(self, before: Record, after: Record) -> list[str]:
        """Return the kinds of bifurcations that the eigenvalues of two records show."""

    @abstractmethod
    def measure(self, kind: str, record: Record) -> float:
        """Return a signed quantity that vanishes at a special point of a kind."""

    def prepare(self, record: Record) -> None:  # noqa: B027
        """As `tracing.Family.prepare`."""

    def snapshot(self) -> Any:
        """Return what `prepare` may change of the problem."""
        return None

    def restore(self, snapshot: Any) -> None:  # noqa: B027
        """Take back the problem of a snapshot."""

    def ended(self, before: Record, after: Record) -> Ending | None:
        """As `tracing.Family.ended`."""
        if self.stop is None:
            return None
        try:
            stops = bool(self.stop(*self.state_and_parameters(after.x)))
        except Exception as error:
            raise SpecificationError(
                f"stop raised {type(error).__name__} ({error}): must return a truth value"
            ) from error
        return Ending("stopped by `stop`") if stops else None

    def pair_that_crosses(self, before: Record, after: Record) -> complex | None:
        """Return the upper one of the complex eigenvalues (of cycles and maps: multipliers) that cross, on the way."""
        a, b = crossed(before.eigenvalues, after.eigenvalues)
        upper = (a.imag > 0.0) | (b.imag > 0.0)
        return complex(0.5 * (a[upper][0] + b[upper][0])) if upper.any() else None

    def doubtful(self, before: Record, after: Record) -> bool:
        """As `tracing.Family.doubtful`: never, by default."""
        return False

    def closes(self, start: Record, before: Record, after: Record) -> bool:
        """As `tracing.Family.closes`, from what is plotted of each point: parameters, period and extrema."""
        first, last, here = (self.coordinates(record) for record in (before, after, start))
        step = last - first
        length = float(step @ step)
        along = float((here - first) @ step) / length if length > 0.0 else -1.0
        aside = here - first - along * step
        own = start.tangent[list(self.places)] @ after.tangent[list(self.places)]
        return bool(0.0 <= along < 1.0 and float(aside @ aside) < _ASIDE**2 * length and own > 0.0)

    @abstractmethod
    def coordinates(self, record: Record) -> Floats:
        """Return what tells points of a branch apart, whatever the mesh, in units of their size."""

    def own_start(self, kind: str, record: Record) -> Floats:
        """Return a guess of a condition's own unknowns."""
        return np.empty(0)

    def user_tests(self, x: Floats) -> dict[str, float]:
        """Return the values of the user's events."""
        if not self.user_events:
            return {}
        state, parameters = self.state_and_parameters(x)
        values = {}
        for name, event in self.user_events.items():
            try:
                values[name] = float(event(state, parameters))
            except Exception as error:
                message = f"events[{name!r}] raised {type(error).__name__} ({error}): must return a number"
                raise SpecificationError(message) from error
        return values

    def turns(self, before: Record, after: Record) -> bool:
        """Return whether the parameter turns back between two records."""
        at = self.places[0]
        return bool(before.tangent[at] * after.tangent[at] < 0.0)

    def events(self, before: Record, after: Record) -> list[str]:
        """As `tracing.Family.events`."""
        own = [
            name
            for name, value in after.tests.items()
            if np.isfinite(value * before.tests.get(name, np.nan)) and (before.tests[name] > 0.0) != (value > 0.0)
        ]
        return self.crossings(before, after) + own

    def locate(self, kind: str, before: Record, after: Record) -> SpecialPoint:
        """Return the special point of a kind between two records: by bracketing, then Newton's method.

        Raises
        ------
        NumericalError
            If it is not found.
        """
        if kind in after.tests:
            record, solution = self.zero(lambda found: found.tests[kind], before, after)
            return self.described(kind, solution, np.empty(0), record)
        self.target = self.pair_that_crosses(before, after) if kind in ("HB", "NS") else None
        low, high = before, after
        for _ in range(_BISECTIONS):
            try:
                record, solution = self.between(low, high, self._share(kind, low, high))
            except NumericalError:  # exactly on a point at which the equations are singular
                record, solution = self.between(low, high, _OFF_CENTRE)
            try:
                return self._pinned(kind, record, solution, before, after)
            except NumericalError:
                inside = kind in self.events(low, record)
                low, high = (low, record) if inside else (record, high)
        return self._bracketed(kind, before, after)

    def between(self, low: Record, high: Record, share: float) -> tuple[Record, Solution]:
        """Return the record a share of the way from one record to the next."""
        x = low.x + share * (high.x - low.x)
        along = high.x - low.x
        solution = core.corrected(self.problem, x, core.row(self.problem, core.unit(self.problem, along)))
        return self.inspect(solution, oriented(self.problem, solution.null[:, 0], along)), solution

    def regular(self, kind: str, linearised: Any) -> tuple[Problem, Floats]:
        """Return the problem on which a condition is regular, and what to append to x."""
        return self.problem, np.empty(0)

    def _share(self, kind: str, low: Record, high: Record) -> float:
        a, b = self.measure(kind, low), self.measure(kind, high)
        if not (np.isfinite(a) and np.isfinite(b)) or a * b >= 0.0:
            return 0.5
        return float(np.clip(a / (a - b), 0.02, 0.98))

    def _pinned(self, kind: str, record: Record, solution: Solution, before: Record, after: Record) -> SpecialPoint:
        own = self.own_start(kind, record)
        base, more = self.regular(kind, solution.linearised)
        x = np.concatenate([record.x, more])
        linearised = base.linearise(x)
        condition = Singular.at(kind, linearised, own)
        augmented = Augmented(base, condition, own)
        augmented.align(linearised)
        found = core.corrected(
            augmented, np.concatenate([x, own]), np.empty((0, x.size + own.size)), tolerance=_LOCATION_TOLERANCE
        )
        size = record.x.size
        moved = self.problem.weights @ (core.unit(self.problem, after.x - before.x) * (found.x[:size] - before.x))
        length = core.norm(self.problem, after.x - before.x)
        if not -_BEYOND * length <= moved <= (1.0 + _BEYOND) * length:
            raise NumericalError("the point found lies elsewhere")
        own = found.x[x.size :]
        if kind == self.branching:
            record = replace(record, tangent=core.unit(self.problem, after.x - before.x))
        accurate = Solution(found.x[:size], found.linearised.base, found.null, found.iterations, found.size)
        return self.described(kind, accurate, own, record)

    def _bracketed(self, kind: str, before: Record, after: Record) -> SpecialPoint:
        """Return a point as the zero of its measure, where Newton's method on its own equations does not converge."""
        a, b = self.measure(kind, before), self.measure(kind, after)
        if not a * b < 0.0:
            raise NumericalError("its equations have no solution between its neighbours")
        record, solution = self.zero(lambda found: self.measure(kind, found), before, after)
        point = self.described(kind, solution, self.own_start(kind, record), record)
        return replace(point, note=", ".join(filter(None, [point.note, "located by bracketing"])))

    def zero(self, test: Callable[[Record], float], before: Record, after: Record) -> tuple[Record, Solution]:
        """Return the zero of a test between two records by regula falsi (the Illinois variant)."""
        low, high, side = before, after, 0
        a, b = test(before), test(after)
        smallest = 1e-13 * max(abs(a), abs(b))
        for _ in range(_SECANT_STEPS):
            share = float(np.clip(a / (a - b), 1e-3, 1.0 - 1e-3))
            record, solution = self.between(low, high, share)
            value = test(record)
            gap = core.norm(self.problem, high.x - low.x)
            if abs(value) <= smallest or gap < _LOCATION_TOLERANCE:
                return record, solution
            if value * b > 0.0:
                high, b, a, side = record, value, 0.5 * a if side == 1 else a, 1
            else:
                low, a, b, side = record, value, 0.5 * b if side == -1 else b, -1
        return record, solution


def nearest_pair(values: Complexes, target: complex | None, distance: Floats) -> Complexes:
    """Return, of complex pairs, the upper value that is nearest to a target, by default of the smallest distance."""
    upper = values.imag > 0.0
    chosen = values[upper]
    if not chosen.size:
        return chosen
    apart = distance[upper] if target is None else np.abs(chosen - target)
    return np.asarray(chosen[[apart.argmin()]])


def paired(before: Complexes, after: Complexes, turn: float | None) -> tuple[Complexes, Complexes]:
    """Return the leading values of both, each beside the one it has become: the pairs that are closest overall.

    Imaginary parts that differ by `turn` are alike.
    """
    from scipy.optimize import linear_sum_assignment

    number = min(_LEADING, before.size)
    a = before[np.argsort(-before.real, kind="stable")[:number]]
    b = after[np.argsort(-after.real, kind="stable")[:number]]
    apart = a[:, None] - b[None, :]
    if turn is not None:
        apart = apart.real + 1j * (np.mod(apart.imag + 0.5 * turn, turn) - 0.5 * turn)
    return a, b[linear_sum_assignment(np.abs(apart))[1]]


def crossed(before: Complexes, after: Complexes, turn: float | None = None) -> tuple[Complexes, Complexes]:
    """Return the pairs of `paired` of which one lies on the left of the imaginary axis and one on the right."""
    a, b = paired(before, after, turn)
    across = (a.real > 0.0) != (b.real > 0.0)
    return a[across], b[across]


def crossed_circle(before: Record, after: Record) -> tuple[Complexes, Complexes]:
    """Return the logarithms of the multipliers that crossed the unit circle between two records, pair by pair."""
    return crossed(_logarithms(before.eigenvalues), _logarithms(after.eigenvalues), 2.0 * np.pi)


def at_zero(before: Record, after: Record) -> int:
    """Return how many real eigenvalues crossed zero between two records."""
    return _at_zero(*crossed(before.eigenvalues, after.eigenvalues))


def at_one(before: Record, after: Record) -> int:
    """Return how many real multipliers crossed 1 between two records."""
    return _at_one(*crossed_circle(before, after))


def kinds_of_axis_crossing(before: Record, after: Record, turns: bool, fold: str, branching: str) -> list[str]:
    """Return what crossed the imaginary axis between two records: folds, branch points, Hopf points."""
    a, b = crossed(before.eigenvalues, after.eigenvalues)
    number = _at_zero(a, b)
    return _folds(number, turns, fold, branching) + ["HB"] * ((a.size - number) // 2)


def kinds_of_circle_crossing(before: Record, after: Record, turns: bool, fold: str, branching: str) -> list[str]:
    """Return what crossed the unit circle between two records: folds, branch points, period doublings, tori."""
    a, b = crossed_circle(before, after)
    number = _at_one(a, b)
    doubled = _singles(np.abs(a.imag) >= np.pi - _ROUNDING, np.abs(b.imag) >= np.pi - _ROUNDING)
    tori = max(a.size - number - doubled, 0) // 2
    return _folds(number, turns, fold, branching) + ["PD"] * doubled + ["NS"] * tori


def pair_on_circle(before: Record, after: Record) -> complex | None:
    """Return the upper one of the complex multipliers that cross the unit circle, on the way."""
    a, b = crossed_circle(before, after)
    upper = (a.imag > _ROUNDING) & (b.imag > _ROUNDING)
    return complex(np.exp(0.5 * (a[upper][0] + b[upper][0]))) if upper.any() else None


def _at_zero(a: Complexes, b: Complexes) -> int:
    return _singles(np.abs(a.imag) <= _ROUNDING * np.abs(a), np.abs(b.imag) <= _ROUNDING * np.abs(b))


def _at_one(a: Complexes, b: Complexes) -> int:
    return _singles(np.abs(a.imag) <= _ROUNDING, np.abs(b.imag) <= _ROUNDING)


def _singles(first: npt.NDArray[np.bool_], last: npt.NDArray[np.bool_]) -> int:
    """Return how many values crossed alone, given which are real before and after; pairs may meet and part between."""
    return int((first & last).sum() + (first ^ last).sum() % 2)


def _folds(number: int, turns: bool, fold: str, branching: str) -> list[str]:
    """Return folds and branch points, of which each takes one real value across."""
    return [fold] * int(turns) + [branching] * max(number - turns, 0)


def _logarithms(multipliers: Complexes) -> Complexes:
    """Return log mu, with the angle in (-pi, pi]; those far inside the circle are alike."""
    multipliers = np.nan_to_num(multipliers, nan=0.0, posinf=_LARGEST_MULTIPLIER, neginf=-_LARGEST_MULTIPLIER)
    size = np.log(np.clip(np.abs(multipliers), _SMALLEST_MULTIPLIER, _LARGEST_MULTIPLIER))
    return np.asarray(size + 1j * np.abs(np.angle(multipliers)) * np.where(multipliers.imag < 0.0, -1.0, 1.0))
