"""Who computes the points of a sweep: this process, or the executor of the user; `processes` has the third kind."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from typing import Any, NamedTuple, Protocol

from reduction.plain import to_text
from spiking.errors import SpecificationError

Function = Callable[[dict[str, float]], Any]

_PER_WORKER = 4
_UNKNOWN_SIZE = 16


class Outcome(NamedTuple):
    """What became of a point: the result as JSON, or the message of the failure."""

    result: str | None
    failure: str | None = None


class Workers(Protocol):
    """What computes points, named by their index."""

    broken: str | None
    """Why no more points can be begun, if so."""

    @property
    def free(self) -> int:
        """How many more points may be begun."""

    @property
    def busy(self) -> bool:
        """Whether points are under way."""

    def begin(self, index: int, values: Mapping[str, float]) -> None:
        """Begin a point, where one is free."""

    def finished(self) -> list[tuple[int, Outcome]]:
        """Return points that have finished since the last call; waits for one, unless none is under way."""

    def abandon(self) -> list[tuple[int, Outcome]]:
        """Begin nothing any more; return what has finished until now, without waiting."""

    def close(self) -> None:
        """Let go of all resources."""


def evaluate(function: Function, values: dict[str, float]) -> Outcome:
    """Apply the function; an exception, or a result that has no plain form, is a failure."""
    try:
        return Outcome(to_text(function(values)))
    except (Exception, SystemExit) as error:
        return Outcome(None, f"{type(error).__name__}: {error}")


def pickled(function: Function) -> bytes:
    """Return a function as what a process can be sent.

    Raises
    ------
    SpecificationError
        If it cannot be sent, with the remedy.
    """
    try:
        return pickle.dumps(function)
    except Exception as error:
        remedy = (
            "give a function of a module's top level, a functools.partial of one, or an instance of a dataclass with "
            "__call__; or workers=1; or a ThreadPoolExecutor"
        )
        raise SpecificationError(f"function: cannot be sent to worker processes ({error}): {remedy}") from None


class Inline:
    """This process: one point at a time."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self._next: tuple[int, Mapping[str, float]] | None = None
        self.broken: str | None = None

    @property
    def free(self) -> int:
        return int(self._next is None)

    @property
    def busy(self) -> bool:
        return self._next is not None

    def begin(self, index: int, values: Mapping[str, float]) -> None:
        self._next = index, values

    def finished(self) -> list[tuple[int, Outcome]]:
        if self._next is None:
            return []
        index, values = self._next
        outcome = evaluate(self._function, dict(values))
        self._next = None
        return [(index, outcome)]

    def abandon(self) -> list[tuple[int, Outcome]]:
        return []

    def close(self) -> None:
        pass


class Futures:
    """An executor that the user made, and closes."""

    def __init__(self, function: Function, executor: Executor) -> None:
        self._function, self._executor = function, executor
        self._most = _PER_WORKER * _size(executor)
        self._running: dict[Future[Outcome], int] = {}
        self.broken: str | None = None

    @property
    def free(self) -> int:
        return 0 if self.broken else self._most - len(self._running)

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def begin(self, index: int, values: Mapping[str, float]) -> None:
        try:
            self._running[self._executor.submit(evaluate, self._function, dict(values))] = index
        except RuntimeError as error:
            self.broken = _said(error)

    def finished(self) -> list[tuple[int, Outcome]]:
        if not self._running:
            return []
        return [self._taken(future) for future in wait(self._running, None, FIRST_COMPLETED).done]

    def _taken(self, future: Future[Outcome]) -> tuple[int, Outcome]:
        index = self._running.pop(future)
        try:
            return index, future.result()
        except Exception as error:
            if isinstance(error, BrokenExecutor | CancelledError):
                self.broken = _said(error)
            return index, Outcome(None, _said(error))

    def abandon(self) -> list[tuple[int, Outcome]]:
        for future in self._running:
            future.cancel()
        return [self._taken(future) for future in list(self._running) if future.done() and not future.cancelled()]

    def close(self) -> None:
        pass


def _size(executor: Executor) -> int:
    """Return the number of an executor's workers, as far as it tells."""
    client: Any = getattr(executor, "_client", None)
    if hasattr(client, "nthreads"):
        return max(1, int(sum(client.nthreads().values())))
    return int(getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None) or _UNKNOWN_SIZE)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
