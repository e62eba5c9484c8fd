"""Independent tasks on threads, with progress and clean interruption.

The compiled kernels release the interpreter's lock, so threads use all cores without copying or recompiling.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from spiking.errors import ParameterError
from spiking.specification import POSITIVE, checked_number

Task = TypeVar("Task")
Result = TypeVar("Result")


class Interrupted(Exception):
    """Raised inside a task that was asked to stop."""


def checked_workers(workers: int | None) -> int:
    """Return the number of workers: as given, or one per core."""
    if workers is None:
        return os.cpu_count() or 1
    return int(checked_number("", "workers", workers, POSITIVE, integer=True))


def check_progress(progress: object) -> None:
    """Refuse what cannot be called with the finished fraction.

    Raises
    ------
    ParameterError
        If it is neither a function nor None.
    """
    if progress is not None and not callable(progress):
        raise ParameterError("", "progress", progress, "must be a function of the finished fraction")


def ordered_map(
    function: Callable[[Task, Callable[[], None]], Result],
    tasks: Sequence[Task],
    *,
    workers: int,
    finished: Callable[[Task, Result], Any] | None = None,
) -> list[Result]:
    """Apply `function` to every task and return the results in order.

    Parameters
    ----------
    function : callable
        Called with a task and a function that it must call now and then: this raises `Interrupted` once another task
        has failed or the user has pressed Ctrl-C.
    finished : callable, optional
        Called with (task, result) in the calling thread, as tasks finish.

    Raises
    ------
    KeyboardInterrupt, Exception
        The first failure, after the other tasks have stopped; what had finished has been passed to `finished`.
    """
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise Interrupted

    results: dict[int, Result] = {}
    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures: dict[Future[Result], int] = {pool.submit(function, task, check): i for i, task in enumerate(tasks)}

        def collect(done: Iterable[Future[Result]]) -> None:
            for future in done:
                index = futures[future]
                results[index] = future.result()
                if finished is not None:
                    finished(tasks[index], results[index])

        pending = set(futures)
        try:
            while pending:
                done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
                collect(done)
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            collect(f for f, i in futures.items() if i not in results and not f.cancelled() and not f.exception())
            raise
    return [results[i] for i in range(len(tasks))]
