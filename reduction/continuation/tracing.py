"""Pseudo-arclength continuation: a predictor along the tangent, a corrector across it, as an iterator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reduction.continuation import problem as core
from reduction.continuation.problem import Problem, Solution
from spiking.errors import NumericalError, ParameterError, UnknownNameError

Floats = npt.NDArray[np.float64]

_STRAIGHTEST = 0.95
_GROWTH = 1.4
_FAST_GROWTH = 2.0
_EASY, _HARD = 3, 5
_CLOSEST = 1e-3
_LONGEST_JUMP = 3.0
_SHORTEST_LOOP = 6
CLOSED = "closes on itself"


@dataclass(frozen=True)
class Steps:
    """How a branch is traced. Lengths are in units of the range of the parameter and the size of the states.

    Attributes
    ----------
    initial, smallest, largest : float
    max_points : int
        In each direction.
    """

    initial: float = 0.01
    smallest: float = 1e-6
    largest: float = 0.05
    max_points: int = 400

    def changed(self, options: Mapping[str, Any]) -> Steps:
        """Return the same with some of `initial_step`, `smallest_step`, `largest_step`, `max_points` changed.

        Raises
        ------
        UnknownNameError
            If there is another option.
        """
        fields = {"initial_step": "initial", "smallest_step": "smallest", "largest_step": "largest"}
        fields["max_points"] = "max_points"
        for name in options:
            if name not in fields:
                raise UnknownNameError("option", name, fields)
        return replace(self, **{fields[name]: value for name, value in options.items()})

    def __post_init__(self) -> None:
        for name in ("initial", "smallest", "largest"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0.0 < value < np.inf):
                raise ParameterError("", name + "_step", value, "must be positive")
        if not self.smallest <= self.initial <= self.largest:
            raise ParameterError("", "initial_step", self.initial, f"must lie in [{self.smallest}, {self.largest}]")
        if not (isinstance(self.max_points, int) and self.max_points > 0):
            raise ParameterError("", "max_points", self.max_points, "must be a positive integer")


@dataclass(eq=False)
class Record:
    """A point of a branch while it is traced.

    Attributes
    ----------
    x, tangent : array
    eigenvalues : array of complex
        Of the Jacobian; multipliers of cycles and maps (without the trivial one).
    values : array
        Free parameters.
    content : object
        What the family reports of this point.
    tests : dict
        Signed quantities whose zeros are special points on curves, and the user's events.
    special : list
        Special points between the point before and this one.
    """

    x: Floats
    tangent: Floats
    eigenvalues: npt.NDArray[np.complex128]
    values: Floats
    content: Any
    tests: dict[str, float] = field(default_factory=dict)
    special: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Ending:
    """Why a branch ends between two records, and whether the later one still belongs to it."""

    text: str
    keep: bool = True


class Family(Protocol):
    """What is traced: a problem, and what to say and to look for along its solutions.

    Attributes
    ----------
    problem : Problem
    bounds : array, shape (free parameters, 2)
    places : sequence of int
        Where the free parameters stand in x, from its end: negative.
    """

    @property
    def problem(self) -> Problem: ...

    @property
    def bounds(self) -> Floats: ...

    @property
    def places(self) -> Sequence[int]: ...

    def inspect(self, solution: Solution, tangent: Floats) -> Record:
        """Return the record of a solution."""
        ...

    def prepare(self, record: Record) -> None:
        """Make ready to step from a record: the problem may take another mesh, and the record's x with it."""
        ...

    def events(self, before: Record, after: Record) -> list[str]:
        """Return the kinds of special points between two records."""
        ...

    def doubtful(self, before: Record, after: Record) -> bool:
        """Return whether shorter steps are needed to tell what lies between two records."""
        ...

    def locate(self, kind: str, before: Record, after: Record) -> Any:
        """Return the special point of a kind between two records."""
        ...

    def ended(self, before: Record, after: Record) -> Ending | None:
        """Return why the branch ends between two records, or None if it goes on."""
        ...

    def closes(self, start: Record, before: Record, after: Record) -> bool:
        """Return whether the branch has come back to its start between two records."""
        ...


def first(family: Family, x: Floats, tangent: Floats) -> Record:
    """Return the record of the solution at which a branch starts."""
    solution = core.corrected(family.problem, x, core.row(family.problem, tangent))
    return family.inspect(solution, oriented(family.problem, solution.null[:, 0], tangent))


def oriented(problem: Problem, tangent: Floats, along: Floats) -> Floats:
    """Return the unit tangent that points the way of another."""
    tangent = core.unit(problem, tangent)
    return -tangent if problem.weights @ (tangent * along) < 0.0 else tangent


class Trace:
    """An iterator over the points of a branch in one direction, from a record on; the record itself is not repeated.

    Attributes
    ----------
    status : str
        Why it ended; empty while it runs.
    warnings : list of str
        Special points that were passed and could not be located.
    """

    def __init__(self, family: Family, start: Record, steps: Steps) -> None:
        self.family, self.start, self.record, self.steps = family, start, start, steps
        self.length = steps.initial
        self.status = ""
        self.warnings: list[str] = []
        self._number = 0
        self._limit = steps.max_points

    def extend(self, points: int) -> None:
        """Allow so many points more, if it was their number that ended the trace."""
        if self._number >= self._limit and (not self.status or self.status.endswith("`max_points`")):
            self.status, self._limit = "", self._number + points

    def __iter__(self) -> Iterator[Record]:
        return self

    def __next__(self) -> Record:
        record = None
        if not self.status and self._number >= self._limit:
            self.status = f"{self._number} points: to go on, increase `max_points`"
        if not self.status:
            record = self._advanced()
        if record is None:
            raise StopIteration
        self.record = record
        self._number += 1
        return record

    def _advanced(self) -> Record | None:
        before = self.record
        try:
            self.family.prepare(before)
        except NumericalError as error:
            self.status = f"stopped: {error}"
            return None
        found = self._step(before)
        if found is None:
            return None
        record, iterations = found
        ending = self.family.ended(before, record)
        if ending is not None:
            self.status = ending.text
            if not ending.keep:
                return None
        if self._number > _SHORTEST_LOOP and self.family.closes(self.start, before, record):
            self.status = CLOSED
        outside = self._outside(before.values, record.values)
        if outside is not None:
            landed = self._landed(before, record, *outside)
            if landed is None:
                return None
            record = landed
        for kind in self.family.events(before, record):
            try:
                record.special.append(self.family.locate(kind, before, record))
            except (NumericalError, np.linalg.LinAlgError) as error:
                self.warnings.append(f"{kind} between {before.values} and {record.values} not located: {error}")
        if iterations <= _EASY:
            growth = _GROWTH if iterations == _EASY else _FAST_GROWTH
            self.length = min(self.length * growth, self.steps.largest)
        elif iterations >= _HARD:
            self.length *= 0.7
        return record

    def _step(self, before: Record) -> tuple[Record, int] | None:
        """Return the next record, by a step short enough to be safe; None, with a status, if there is no such step."""
        problem, reason = self.family.problem, ""
        while self.length >= self.steps.smallest:
            try:
                start = before.x + self.length * before.tangent
                solution = core.corrected(problem, start, core.row(problem, before.tangent))
                if core.norm(problem, solution.x - before.x) > _LONGEST_JUMP * self.length:
                    raise NumericalError("the corrector leaves the branch")
                tangent = oriented(problem, solution.null[:, 0], before.tangent)
                if problem.weights @ (tangent * before.tangent) < _STRAIGHTEST:
                    raise NumericalError("the branch turns sharply")
                record = self.family.inspect(solution, tangent)
                several = len(self.family.events(before, record)) > 1 or self.family.doubtful(before, record)
            except NumericalError as error:
                reason, self.length = str(error), 0.5 * self.length
                continue
            if several and self.length > _CLOSEST * self.steps.largest:
                self.length *= 0.5
                continue
            return record, solution.iterations
        self.status = (
            f"stopped: the step fell below {self.steps.smallest:.1g} ({reason}); the right-hand side may not be smooth "
            "or finite here, otherwise decrease `smallest_step`"
        )
        return None

    def _outside(self, before: Floats, values: Floats) -> tuple[int, float] | None:
        """Return which parameter has left its bounds first, and which bound that is."""
        found = []
        for k, (low, high) in enumerate(self.family.bounds):
            if not low <= values[k] <= high:
                bound = float(low if values[k] < low else high)
                found.append((abs(bound - before[k]) / max(abs(values[k] - before[k]), 1e-300), k, bound))
        return min(found)[1:] if found else None

    def _landed(self, before: Record, after: Record, k: int, bound: float) -> Record | None:
        """Return the record exactly on a bound."""
        problem, at = self.family.problem, self.family.places[k]
        self.status = f"reached the bound {bound:.6g}"
        gap = bound - before.x[at]
        if abs(gap) <= 1e-12 * max(1.0, abs(bound)):
            return None
        x = before.x + gap / (after.x[at] - before.x[at]) * (after.x - before.x)
        x[at] = bound
        pick = np.zeros((1, x.size))
        pick[0, at] = 1.0
        try:
            solution = core.corrected(problem, x, pick)
            if core.norm(problem, solution.x - x) > core.norm(problem, after.x - before.x):
                raise NumericalError("the corrector leaves the branch")
        except NumericalError as error:
            self.status += f" (the point on it was not found: {error})"
            return None
        return self.family.inspect(solution, oriented(problem, solution.null[:, 0], after.tangent))
