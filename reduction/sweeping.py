"""sweep(): a function over a grid of parameters, on all cores or machines, resumable at any moment."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from reduction.describing import described
from reduction.parameter_grids import Grid, grid_of
from reduction.plain import from_text, plain
from reduction.processes import Processes
from reduction.store import ResultStore
from reduction.swept import Sweep
from reduction.workers import Function, Futures, Inline, Outcome, Workers, pickled
from spiking.errors import NumericalError, ParameterError, SpecificationError
from spiking.parallel import checked_workers

FORMAT = 1


@dataclass(frozen=True)
class Progress:
    """How far a sweep is.

    Attributes
    ----------
    done, failed, total : int
        Points with a result, those that failed in this call, and all of this call's shard.
    seconds_left : float or None
        By the points finished in this call; None until there is one.
    """

    done: int
    failed: int
    total: int
    seconds_left: float | None


def sweep(
    function: Function,
    grid: Mapping[str, Sequence[float]] | Sequence[Mapping[str, float]],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    store: str | os.PathLike[str] | None = None,
    shard: tuple[int, int] = (0, 1),
    specification: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Sweep:
    """Apply a function to every point of a grid.

    Results depend neither on the executor nor on the number of workers, the order, or interruptions, if the function's
    result depends on its argument alone: draw random numbers from a stream named by the point, as
    `reduction.measuring.Settings.at` does.

    Parameters
    ----------
    function : callable
        Called with the values of a point, ``dict[str, float]``. Returns numbers, texts, None, numpy arrays,
        `spiking.estimates.Estimate`, lists and dicts (with texts as keys) of these; NaN and infinities are kept. An
        exception that it raises is the failure of that point; the other points go on.
    grid : mapping or sequence of mapping
        Values by address: their outer product, the last address running fastest; or the points themselves.
    executor : concurrent.futures.Executor, optional
        Such as a ThreadPoolExecutor, or ``client.get_executor()`` of dask.distributed. It stays open.
    workers : int, optional
        Processes of our own, by default one per core; with 1 all is computed in this process.
    store : path, optional
        Directory in which every finished point is kept: the same call made again computes what is missing, and what
        failed. Several processes may share it.
    shard : (int, int)
        ``(k, n)``, k from 0: this call computes every n-th point, from the k-th on.
    specification : mapping, optional
        What identifies the sweep in its store besides the function's name and arguments, the grid and the version of
        this package: such as the version of your own code.
    progress : callable, optional
        Called with a `Progress` at the start and after every point. An exception that it raises stops the sweep.

    Returns
    -------
    Sweep
        All points, in order of the grid. Those of other shards have a result if the store has it by then.

    Raises
    ------
    SpecificationError
        Before any work: if an argument is out of range; if the function cannot be sent to processes, or told from
        others in a store; if the store belongs to another sweep.
    NumericalError
        If the executor breaks, or the store cannot be written to. What had finished is in the store.
    KeyboardInterrupt
        On Ctrl-C: points not begun are cancelled, own processes ended; what had finished is in the store.
    """
    if not callable(function):
        raise ParameterError("", "function", function, "must be callable with the values of a point")
    if progress is not None and not callable(progress):
        raise ParameterError("", "progress", progress, "must be callable with a Progress")
    whole = grid_of(grid)
    number = _checked_number(executor, workers)
    if number > 1 if executor is None else isinstance(executor, ProcessPoolExecutor):
        pickled(function)
    first, step = _checked_shard(shard)
    own = range(first, len(whole.points), step)
    kept = None if store is None else ResultStore(store, _identity(function, whole, specification), whole.points)
    outcomes = _loaded(kept, own)
    missing = [index for index in own if index not in outcomes]
    run = _Run(whole, kept, outcomes, len(own), progress)
    run.report()
    if missing:
        run.compute(missing, lambda: _workers(function, executor, min(number, len(missing))))
    if kept is not None:
        for index in range(len(whole.points)):
            if index not in outcomes and (found := kept.load(index)) is not None:
                outcomes[index] = found
    return Sweep(
        axes=whole.axes,
        points=whole.points,
        results=tuple(_result(outcomes.get(index)) for index in range(len(whole.points))),
        failures={index: outcomes[index].failure or "" for index in sorted(outcomes) if outcomes[index].failure},
        missing=tuple(index for index in range(len(whole.points)) if index not in outcomes),
    )


class _Run:
    """The points of one call that are still missing."""

    def __init__(
        self,
        grid: Grid,
        store: ResultStore | None,
        outcomes: dict[int, Outcome],
        total: int,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self._grid, self._store, self._outcomes, self._progress = grid, store, outcomes, progress
        self._total = total
        self._failed = 0
        self._resumed = len(outcomes)
        self._begun = time.perf_counter()

    def report(self) -> None:
        if self._progress is None:
            return
        now = len(self._outcomes) - self._resumed
        elapsed = time.perf_counter() - self._begun
        left = elapsed / now * (self._total - len(self._outcomes)) if now else None
        self._progress(Progress(len(self._outcomes) - self._failed, self._failed, self._total, left))

    def compute(self, missing: Sequence[int], make: Callable[[], Workers]) -> None:
        """Compute points: while some are kept, the workers have the next ones already."""
        crew = make()
        queue = deque(missing)
        received: deque[tuple[int, Outcome]] = deque()
        try:
            while True:
                while queue and crew.free:
                    self._begin(crew, queue)
                while received:
                    self._keep(*received[0])
                    received.popleft()
                    self.report()
                if crew.broken is not None and not crew.busy:
                    raise NumericalError(f"the executor broke ({crew.broken}); {self._rest()}")
                if not crew.busy:
                    return
                received.extend(crew.finished())
        except BaseException as error:
            if not isinstance(error, NumericalError):
                for index, outcome in (*received, *crew.abandon()):
                    self._keep(index, outcome)
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(self._rest()) from None
            raise
        finally:
            crew.close()

    def _begin(self, crew: Workers, queue: deque[int]) -> None:
        """Begin the next point, unless another process has finished it meanwhile."""
        index = queue.popleft()
        found = None if self._store is None else self._store.load(index)
        if found is not None and found.failure is None:
            self._outcomes[index] = found
            self._resumed += 1
            self.report()
        else:
            crew.begin(index, self._grid.points[index])

    def _keep(self, index: int, outcome: Outcome) -> None:
        if index in self._outcomes:
            return
        if self._store is not None:
            self._store.save(index, outcome)
        self._failed += outcome.failure is not None
        self._outcomes[index] = outcome

    def _rest(self) -> str:
        finished = f"{len(self._outcomes) - self._failed} of {self._total} points are finished"
        if self._store is None:
            return f"{finished}; give a store to keep them"
        return f"{finished} and kept in {self._store.directory}: run the same sweep again to go on"


def _workers(function: Function, executor: Executor | None, number: int) -> Workers:
    if executor is not None:
        return Futures(function, executor)
    return Inline(function) if number == 1 else Processes(function, number)


def _checked_number(executor: object, workers: int | None) -> int:
    if executor is None:
        return checked_workers(workers)
    if not isinstance(executor, Executor):
        allowed = "must be a concurrent.futures.Executor, such as client.get_executor() of dask.distributed"
        raise ParameterError("", "executor", executor, allowed)
    if workers is not None:
        raise SpecificationError("workers: not with an executor, which has its own; leave one of the two out")
    return 1


def _checked_shard(shard: object) -> tuple[int, int]:
    allowed = "must be (k, n) with whole numbers 0 <= k < n"
    if not (isinstance(shard, tuple | list) and len(shard) == 2 and all(type(part) is int for part in shard)):
        raise ParameterError("", "shard", shard, allowed)
    if not 0 <= shard[0] < shard[1]:
        raise ParameterError("", "shard", tuple(shard), allowed)
    return shard[0], shard[1]


def _identity(function: Function, grid: Grid, specification: Mapping[str, Any] | None) -> dict[str, Any]:
    if specification is not None and not isinstance(specification, Mapping):
        raise ParameterError("", "specification", specification, "must be a mapping of plain values")
    return {
        "format": FORMAT,
        "version": version("snn2ode"),
        "function": described(function, "function"),
        "specification": plain(None if specification is None else dict(specification), "specification"),
        "grid": grid.identity(),
    }


def _loaded(store: ResultStore | None, indices: Sequence[int]) -> dict[int, Outcome]:
    """Return the results that are kept; failures are computed again."""
    if store is None:
        return {}
    found = ((index, store.load(index)) for index in indices)
    return {index: outcome for index, outcome in found if outcome is not None and outcome.failure is None}


def _result(outcome: Outcome | None) -> Any:
    return None if outcome is None or outcome.result is None else from_text(outcome.result)
