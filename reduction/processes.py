"""Worker processes that have one point at a time each, so that a death concerns one point alone."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from reduction.workers import Function, Outcome, evaluate, pickled
from spiking.errors import NumericalError, SpecificationError

_PATIENCE_S = 5.0


class Processes:
    """Processes of the platform's default start method; see `reduction.workers.Workers`.

    A point whose process dies is computed once more, after all others and with nothing beside it: memory that was short
    may then suffice. If the process dies again, the point has failed.

    Raises
    ------
    SpecificationError
        If the function cannot be sent to a process.
    NumericalError
        If processes cannot be started.
    """

    broken: str | None = None

    def __init__(self, function: Function, number: int) -> None:
        self._function = pickled(function)
        self._number = number
        self._workers: list[_Process] = []
        self._again: deque[tuple[int, Mapping[str, float]]] = deque()
        self._died: set[int] = set()
        try:
            for _ in range(number):
                self._workers.append(_Process(self._function))
            for worker in self._workers:
                worker.check()
        except BaseException:
            self.close()
            raise

    @property
    def free(self) -> int:
        return self._number - len(self._running)

    @property
    def busy(self) -> bool:
        return bool(self._running or self._again)

    @property
    def _running(self) -> list[_Process]:
        return [worker for worker in self._workers if worker.index is not None]

    def begin(self, index: int, values: Mapping[str, float]) -> None:
        for worker in [worker for worker in self._workers if worker.index is None]:
            if worker.begin(index, values):
                return
            self._workers.remove(worker)
        worker = _Process(self._function)
        self._workers.append(worker)
        worker.check()
        worker.begin(index, values)

    def finished(self) -> list[tuple[int, Outcome]]:
        found: list[tuple[int, Outcome]] = []
        while self.busy and not found:
            if not self._running:
                self.begin(*self._again.popleft())
            wait([end for worker in self._running for end in (worker.connection, worker.process.sentinel)])
            self._collect(found)
        return found

    def _collect(self, found: list[tuple[int, Outcome]]) -> None:
        for worker in self._running:
            assert worker.index is not None
            index, values = worker.index, worker.values
            if worker.connection.poll():
                with suppress(EOFError, OSError):
                    found.append((index, worker.connection.recv()))
                    worker.index = None
                    continue
            elif worker.process.is_alive():
                continue
            worker.kill()
            self._workers.remove(worker)
            if index in self._died:
                found.append((index, Outcome(None, _death(worker.process.exitcode))))
            else:
                self._died.add(index)
                self._again.append((index, values))

    def abandon(self) -> list[tuple[int, Outcome]]:
        found: list[tuple[int, Outcome]] = []
        for worker in self._running:
            with suppress(EOFError, OSError):
                if worker.connection.poll():
                    assert worker.index is not None
                    found.append((worker.index, worker.connection.recv()))
        return found

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.process.join(_PATIENCE_S)
            worker.kill()
        self._workers.clear()


class _Process:
    def __init__(self, function: bytes) -> None:
        self.index: int | None = None
        self.values: Mapping[str, float] = {}
        self.connection, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=_serve, args=(other,))
        try:
            self.process.start()
        except (OSError, AssertionError) as error:  # the latter in a process that may not have any of its own
            self.connection.close()
            raise NumericalError(f"a worker process cannot be started ({error}): give workers=1") from None
        finally:
            other.close()
        with suppress(OSError):
            self.connection.send_bytes(function)

    def check(self) -> None:
        """Wait until the process has the function, and refuse one that it cannot load."""
        try:
            problem = self.connection.recv()
        except (EOFError, OSError):
            self.kill()
            raise NumericalError(
                f"a worker process ended before it began ({_ending(self.process.exitcode)}): in a script, call sweep "
                'under `if __name__ == "__main__":`; or give workers=1'
            ) from None
        if problem is not None:
            remedy = "put it into a module that can be imported, or give workers=1"
            raise SpecificationError(f"function: cannot be loaded in worker processes ({problem}): {remedy}")

    def begin(self, index: int, values: Mapping[str, float]) -> bool:
        """Send a point; False if the process has died meanwhile."""
        try:
            self.connection.send(dict(values))
        except OSError:
            self.kill()
            return False
        self.index, self.values = index, values
        return True

    def stop(self) -> None:
        """Let the process end; at once if it is at work."""
        if self.index is not None:
            self.process.kill()
        with suppress(OSError):
            self.connection.send(None)

    def kill(self) -> None:
        """End the process, if it has not ended."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _serve(connection: Connection[Any, Any]) -> None:
    """Be a worker process: Ctrl-C concerns the parent alone, and the parent's death ends this process too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    try:
        function = pickle.loads(connection.recv_bytes())
    except Exception as error:
        connection.send(f"{type(error).__name__}: {error}")
        return
    connection.send(None)
    while (values := connection.recv()) is not None:
        connection.send(evaluate(function, values))


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _death(status: int | None) -> str:
    return (
        f"the worker process died, and once more when it was alone ({_ending(status)}): if memory is short, make the "
        "model smaller; a crash in compiled code shows with workers=1"
    )
