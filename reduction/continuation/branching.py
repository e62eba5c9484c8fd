"""A branch traced both ways, as a result that can be resumed and switched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reduction.continuation.families import BranchFamily
from reduction.continuation.results import Branch, SpecialPoint
from reduction.continuation.tracing import CLOSED, Record, Steps, Trace
from spiking.errors import SpecificationError

Progress = Callable[[int, float], None]

_SHOWN = 3


class Continuation(ABC):
    """A branch while it is traced: an iterator over its records, forward and then backward from the start.

    Parameters
    ----------
    family : BranchFamily
    start : Record
    steps : Steps
    both : bool
        Whether to trace backward too.
    """

    def __init__(self, family: BranchFamily, start: Record, steps: Steps, *, both: bool = True) -> None:
        self.family, self.start, self.steps = family, start, steps
        mesh = family.snapshot()
        backward = replace(start, tangent=-start.tangent, special=[])
        self._ways = [(Trace(family, start, steps), mesh)]
        if both:
            self._ways.append((Trace(family, backward, steps), mesh))
        self._records: list[list[Record]] = [[] for _ in self._ways]

    def __iter__(self) -> Iterator[Record]:
        for way, ((trace, mesh), records) in enumerate(zip(self._ways, self._records, strict=True)):
            if way and self._ways[0][0].status == CLOSED:
                break
            self.family.restore(mesh)
            for record in trace:
                records.append(record)
                self._ways[way] = (trace, self.family.snapshot())
                yield record

    def run(self, progress: Progress | None = None) -> Branch:
        """Trace to the end and return the branch; an interruption returns what there is."""
        interrupted = ""
        try:
            for number, record in enumerate(self, start=1):
                if progress is not None:
                    progress(number, float(record.values[0]))
        except KeyboardInterrupt:
            interrupted = "interrupted; "
        return self.branch(interrupted)

    def resumed(self, max_points: int, progress: Progress | None = None) -> Branch:
        """Go on with both ends that stopped at `max_points`, for so many points more."""
        for trace, _ in self._ways:
            trace.extend(max_points)
        return self.run(progress)

    def ordered(self) -> list[Record]:
        """Return all records, in order along the branch."""
        backward = self._records[1][::-1] if len(self._records) > 1 else []
        return [*backward, self.start, *self._records[0]]

    def special_points(self) -> list[SpecialPoint]:
        """Return the special points, in order along the branch."""
        backward = [p for r in self._records[1][::-1] for p in r.special[::-1]] if len(self._records) > 1 else []
        return [*backward, *self.start.special, *(p for r in self._records[0] for p in r.special)]

    def status(self, before: str = "") -> str:
        """Return how each end came about, and what was passed without being located."""
        ways = self._ways[:1] if self._ways[0][0].status == CLOSED else self._ways[::-1]
        ends = [trace.status or "not finished" for trace, _ in ways]
        warnings = [w for trace, _ in self._ways for w in trace.warnings]
        shown = [*warnings[:_SHOWN], *([f"and {len(warnings) - _SHOWN} more"] if len(warnings) > _SHOWN else [])]
        return before + "; ".join([*dict.fromkeys(ends), *shown])

    @abstractmethod
    def branch(self, before: str = "") -> Branch:
        """Return the branch so far."""

    @abstractmethod
    def switch(self, point: SpecialPoint, **options: Any) -> Branch:
        """As `Branch.switch`."""


def observed(
    family: BranchFamily, states: list[np.ndarray[Any, Any]], parameters: Sequence[Mapping[str, float]]
) -> dict[str, np.ndarray[Any, Any]]:
    """Return (minimum, maximum) of every observable over profiles (K, n), shape (len(states), 2)."""
    system = family.problem.system  # type: ignore[attr-defined]
    found = {}
    for name in system.observables:
        pairs = []
        for profile, p in zip(states, parameters, strict=True):
            values = [system.observables[name](y, p) for y in profile]
            pairs.append((min(values), max(values)))
        found[name] = np.array(pairs, float).reshape(-1, 2)
    return found


def refuse_switch(point: SpecialPoint, kinds: tuple[str, ...]) -> None:
    """Refuse a point at which no other branch begins.

    Raises
    ------
    SpecificationError
    """
    if not isinstance(point, SpecialPoint) or point.kind not in kinds or point.origin is None:
        raise SpecificationError(
            f"point = {point!r}: must be a special point of this branch of kind {', '.join(kinds)}"
        )
