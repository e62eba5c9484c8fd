"""What a validation consists of: one aspect at one parameter set, kept on disk when finished."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reduction.aspects import levels_with, procedure, result_type
from reduction.comparison import FORMAT, Options
from reduction.whole_files import is_leftover, write_whole
from spiking import network_file, parallel
from spiking.errors import NumericalError, SpecificationError
from spiking.network import Network

if TYPE_CHECKING:
    from reduction.continuation.diagram import Diagram


class _Accepted(Exception):
    """The work proper has begun."""


@dataclass(frozen=True)
class Task:
    """One aspect at one parameter set (over all of them for ``"bifurcations"``)."""

    network: Network
    options: Options
    aspect: str
    values: dict[str, float]
    diagram: Diagram | None = None

    def __call__(self, progress: Callable[[float], None] | None = None) -> dict[str, Any]:
        """Return the aspect's result as plain values.

        Raises
        ------
        NumericalError
            If a run fails, naming the parameter set.
        """
        try:
            result = procedure(self.aspect)(
                self.network.replace(self.values), self.options.settings.at(self.values), **self._options(),
                progress=progress,
            )  # fmt: skip
        except NumericalError as error:
            where = ", ".join(f"{name} = {value:g}" for name, value in self.values.items())
            raise NumericalError(f"{where or self.aspect}: {error}") from None
        plain: dict[str, Any] = result.to_plain()
        return plain

    def check(self) -> None:
        """Begin, and stop as soon as all input has been accepted.

        Raises
        ------
        SpecificationError
            If something is refused.
        """

        def stop(fraction: float) -> None:
            raise _Accepted

        with suppress(_Accepted):
            self(stop)

    def identity(self) -> str:
        """Return a name that depends on all that determines the result, and on nothing else."""
        settings = self.options.settings.at(self.values)
        determines = {
            "format": FORMAT,
            "version": version("snn2ode"),
            "network": network_file.to_table(self.network.replace(self.values)),
            "settings": str(settings),
            "aspect": self.aspect,
            "options": str({k: v for k, v in self._options().items() if k != "diagram"}),
            "diagram": None if self.diagram is None else _digest(self.diagram),
        }
        text = json.dumps(determines, sort_keys=True)
        return f"{self.aspect}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"

    def _options(self) -> dict[str, Any]:
        levels = levels_with(self.aspect, self.options.levels)
        match self.aspect:
            case "wiring":
                return {}
            case "budget":
                return {"level": levels[0]}
            case "attractors":
                return {"levels": levels, "planes": self.options.planes}
            case "bifurcations":
                over = {"parameter": self.options.parameter, "values": self.options.values}
                return {**over, "levels": levels, "diagram": self.diagram}
        return {"levels": levels}


def _digest(diagram: Diagram) -> str:
    digest = hashlib.sha256(diagram.parameter.encode())
    for branch in diagram.branches:
        for array in (branch.values, branch.minima, branch.maxima, branch.stable):
            digest.update(array.tobytes())
        for point in branch.special_points:
            digest.update(repr((point.kind, point.value, point.period, sorted(point.normal_form.items()))).encode())
    return digest.hexdigest()


class TaskStore:
    """Finished tasks, one JSON file each, named by all that determines them.

    Parameters
    ----------
    directory : path or None
        Whose folder ``points`` holds them; None keeps nothing.

    Raises
    ------
    SpecificationError
        If it cannot be written to.
    """

    def __init__(self, directory: str | os.PathLike[str] | None) -> None:
        self._folder = None if directory is None else Path(directory) / "points"
        if self._folder is None:
            return
        if (self._folder.parent / "sweep.json").exists():
            raise SpecificationError(f"{directory}: holds a sweep; give another directory")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / ".writable").touch()
            (self._folder / ".writable").unlink()
            for path in self._folder.iterdir():
                if is_leftover(path):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise SpecificationError(f"{self._folder}: cannot be written to: {error.strerror}") from None

    def load(self, task: Task) -> dict[str, Any] | None:
        """Return a finished task's result, or None; a file that cannot be read is removed."""
        path = self._path(task)
        if path is None or not path.exists():
            return None
        try:
            plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            result_type(task.aspect).from_plain(plain)
        except (ValueError, KeyError, TypeError, AttributeError):
            path.unlink()
            return None
        return plain

    def save(self, task: Task, result: dict[str, Any]) -> None:
        """Keep a result: written whole, or not at all.

        Raises
        ------
        NumericalError
            If there is no room.
        """
        path = self._path(task)
        if path is None or path.exists():
            return
        try:
            text = json.dumps(result, allow_nan=False)
        except ValueError as error:
            raise NumericalError(f"{task.aspect}: its result is not finite ({error})") from None
        try:
            write_whole(path, text)
        except OSError as error:
            raise NumericalError(f"{path}: cannot be written: {error.strerror}; what is there is kept") from None

    def _path(self, task: Task) -> Path | None:
        return None if self._folder is None else self._folder / f"{task.identity()}.json"


def run_all(
    tasks: Sequence[Task],
    *,
    workers: int | None = None,
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[dict[str, Any]]:
    """Return the results of all tasks, in order: those that the store has, and the others by threads or an executor.

    Raises
    ------
    SpecificationError
        If the store or the workers cannot be used.
    NumericalError
        If tasks failed, after all others have finished.
    KeyboardInterrupt
        On Ctrl-C; what had finished is in the store.
    """
    if executor is not None and workers is not None:
        raise SpecificationError("workers: an executor has its own; leave one of them out")
    number = parallel.checked_workers(workers)
    kept = TaskStore(store)
    results = {index: plain for index, task in enumerate(tasks) if (plain := kept.load(task)) is not None}
    missing = [index for index in range(len(tasks)) if index not in results]
    for index in missing:
        if tasks[index].aspect != "rates":
            tasks[index].check()
    finished = [float(index in results) for index in range(len(tasks))]
    failures: dict[int, str] = {}
    stop = threading.Event()

    telling = threading.Lock()

    def tell() -> None:
        if progress is not None:
            with telling:
                progress(sum(finished) / len(finished))

    def on_thread(index: int) -> dict[str, Any]:
        def tick(fraction: float) -> None:
            if stop.is_set():
                raise parallel.Interrupted
            finished[index] = 0.99 * fraction
            tell()

        return tasks[index](tick)

    def collect(future: Future[dict[str, Any]], index: int) -> None:
        try:
            results[index] = future.result()
        except NumericalError as error:
            failures[index] = str(error)
        else:
            kept.save(tasks[index], results[index])
        finished[index] = 1.0
        tell()

    pool = executor or ThreadPoolExecutor(number)
    futures: dict[Future[dict[str, Any]], int] = {}
    try:
        for index in missing:
            future = pool.submit(tasks[index]) if executor is not None else pool.submit(on_thread, index)
            futures[future] = index
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                collect(future, futures[future])
    except BaseException as error:
        stop.set()
        for future in futures:
            future.cancel()
        if executor is None:
            pool.shutdown(wait=True)
        for future, index in futures.items():
            if index not in results and future.done() and not future.cancelled() and not future.exception():
                kept.save(tasks[index], future.result())
        if isinstance(error, BrokenExecutor | CancelledError):
            why = f"executor: {type(error).__name__}: {error or 'a worker died'}"
            raise NumericalError(f"{why}; what a store has is kept: call again with a new executor") from None
        raise
    if executor is None:
        pool.shutdown()
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise NumericalError(f"{next(iter(failures.values()))}{more}; all other results are finished")
    return [results[index] for index in range(len(tasks))]
