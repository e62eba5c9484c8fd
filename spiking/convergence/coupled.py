"""Euler-Maruyama paths of a network on several steps, driven by the same Brownian paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel, seeds
from spiking.convergence.lists import checked_list
from spiking.current_networks import CurrentNetwork, current_network
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network
from spiking.seeds import Seed
from spiking.specification import POSITIVE, Requirement, checked_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Progress = Callable[[float], None]

STARTS = ("reset", "uniform")

_UPDATES_PER_CALL = 5e7
_FEWEST_SPIKES = 16
_TWO = Requirement("must be at least 2 for standard errors", lambda x: x >= 2)


@dataclass(frozen=True, eq=False)
class CoupledPaths:
    """Ends of paths on several steps; neurons are numbered through the populations.

    Attributes
    ----------
    steps : array, shape (levels,)
        In ms, falling; the last is the reference.
    voltage, current : array, shape (paths, levels, neurons)
        At the end, in mV and mV/ms.
    counts : array of int, shape (paths, levels, neurons)
        Spikes.
    time_squares : array, shape (paths, levels, neurons)
        Where the count equals the reference's: the sum over spikes of the squared difference of the k-th spike's time
        from the reference's, in ms^2; elsewhere 0.
    """

    steps: Floats
    voltage: Floats
    current: Floats
    counts: Ints
    time_squares: Floats


def coupled_paths(
    network: Network | CurrentNetwork,
    duration: float,
    steps: Sequence[float],
    *,
    paths: int,
    seed: Seed = 0,
    start: str = "reset",
    streams: Ints | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CoupledPaths:
    r"""Run a network by Euler-Maruyama on several steps under the same Brownian paths.

    .. math:: V_{n+1} &= V_n + h\,(I_n - \gamma (V_n - V_{rest})), \\
              I_{n+1} &= I_n + h\,(\mu - I_n)/\tau + \nu\,(W_{(n+1) h} - W_{n h});

    then neurons with :math:`V_{n+1} \ge V_{th}` spike at (n+1) h: their voltage is reset, the currents of their targets
    jump. W is drawn on the finest step and summed for the others. Currents
    start from the stationary law of their drive.

    Parameters
    ----------
    network : Network
        Of the class of `spiking.current_networks`, or its arrays.
    duration : float
        In ms: a multiple of the coarsest step.
    steps : sequence of float
        In ms: the finest, and powers of 2 times it; at most half of the shortest time constant.
    paths : int
    seed : int or SeedSequence
        A path is a function of seed and number: it depends neither on `workers` nor on how many there are.
    start : {"reset", "uniform"}
        Voltages at the start: at reset, or drawn uniformly between reset and threshold.
    streams : array of int, shape (neurons,), optional
        Noise of each neuron, an integer from 0 to 2^32 - 1; those with the same share it. By default all differ.
    workers : int, optional
        Threads; by default one per core.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ParameterError, SpecificationError, UnknownNameError
        If an option is out of range, or the network is of another class.
    """
    arrays = network if isinstance(network, CurrentNetwork) else current_network(network)
    neurons = arrays.leak.size
    paths, workers = check_options(paths, seed, start, workers)
    parallel.check_progress(progress)
    finest, ratios = checked_steps(arrays, steps)
    increments = checked_duration(duration, finest, int(ratios[0]))
    own = np.arange(neurons) if streams is None else _checked_streams(streams, neurons)

    from spiking.kernels import coupled

    shape = (paths, ratios.size, neurons)
    block = max(coupled.CHUNK, int(ratios[0]))
    needed = 32.0 * math.prod(shape) + workers * (8.0 * block * neurons + _times_bytes(_FEWEST_SPIKES, shape))
    memory.check(needed, "the paths", "reduce paths, steps, neurons, workers, or the ratio of the steps")
    noisy = arrays.noise > 0.0
    spread = arrays.noise * np.sqrt(np.where(noisy, arrays.tau, 0.0) / 2.0)
    room = (arrays.threshold - arrays.reset) * (start == "uniform")
    root = seeds.root(seed)
    key = root.generate_state(2, np.uint32)
    voltage, current, squares = (np.empty(shape) for _ in range(3))
    counts = np.empty(shape, np.int64)
    cost = neurons * float(np.sum(1.0 / ratios) + 2.0)
    size = max(1, int(_UPDATES_PER_CALL / (increments * cost)))
    longest = increments if size > 1 else block * max(1, int(_UPDATES_PER_CALL / (block * cost)))
    options = (spread, room, own, *arrays)

    def one(batch: range, check: Callable[[], None]) -> None:
        times = np.empty((*shape[1:], _FEWEST_SPIKES), np.int64)
        begin, done = 0, batch.start
        while done < batch.stop:
            check()
            left = slice(done, batch.stop)
            end = min(begin + longest, increments)
            outputs = (voltage[left], current[left], counts[left], squares[left])
            ran = coupled.run(key, done, finest, ratios, begin, end, increments, *options, times, *outputs)
            if ran < batch.stop - done:
                done, begin = done + ran, 0
                most = 2 * times.shape[2]
                memory.check(workers * _times_bytes(most, shape), "the spike times", "reduce duration or workers")
                times = np.empty((*shape[1:], most), np.int64)
            else:
                begin = 0 if end == increments else end
                done += ran if end == increments else 0

    finished = 0

    def tick(batch: range, _: None) -> None:
        nonlocal finished
        finished += len(batch)
        if progress is not None:
            progress(finished / paths)

    batches = [range(first, min(first + size, paths)) for first in range(0, paths, size)]
    parallel.ordered_map(one, batches, workers=workers, finished=tick)
    return CoupledPaths(np.asarray(finest * ratios, np.float64), voltage, current, counts, squares)


def _times_bytes(most: int, shape: tuple[int, ...]) -> float:
    return 8.0 * most * shape[1] * shape[2]


def _checked_streams(streams: object, neurons: int) -> Ints:
    found = np.asarray(streams)
    if found.shape != (neurons,) or found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= 2**32:
        allowed = f"must be {neurons} integers, one per neuron, from 0 to 2^32 - 1"
        raise ParameterError("", "streams", streams, allowed)
    return found.astype(np.int64)


def check_options(paths: int, seed: Seed, start: str, workers: int | None) -> tuple[int, int]:
    """Return the numbers of paths and workers.

    Raises
    ------
    ParameterError, UnknownNameError
        If an option is out of range.
    """
    paths = int(checked_number("", "paths", paths, POSITIVE, integer=True))
    workers = parallel.checked_workers(workers)
    seeds.check(seed)
    if start not in STARTS:
        raise UnknownNameError("start", start, STARTS)
    return paths, workers


def checked_paths(paths: int) -> int:
    """Return a number of paths that have a scatter.

    Raises
    ------
    ParameterError
        If it is no integer of at least 2.
    """
    return int(checked_number("", "paths", paths, _TWO, integer=True))


def checked_steps(arrays: CurrentNetwork, steps: Sequence[float]) -> tuple[float, Ints]:
    """Return the finest step and the multiples of it, falling.

    Raises
    ------
    ParameterError
        If they are no powers of 2 times the finest, repeat, or are too large.
    """
    given = sorted(checked_list("steps", steps, POSITIVE, "steps in ms"), reverse=True)
    finest = given[-1]
    powers = np.log2(np.array(given) / finest)
    if (np.abs(powers - np.rint(powers)) > 1e-9).any() or (np.diff(np.rint(powers)) == 0).any():
        raise ParameterError("", "steps", list(steps), "must be different powers of 2 times the finest")
    allowed = 0.5 * min(arrays.tau.min(), 1.0 / arrays.leak.max())
    if given[0] > allowed:
        text = f"must be at most {allowed:g} ms, half of the shortest time constant"
        raise ParameterError("", "steps", given[0], text)
    return finest, (2.0 ** np.rint(powers)).astype(np.int64)


def checked_duration(duration: float, finest: float, coarsest: int) -> int:
    """Return the number of finest steps.

    Raises
    ------
    ParameterError
        If it is no multiple of the coarsest step.
    """
    duration = checked_number("", "duration", duration, POSITIVE)
    ratio = duration / (finest * coarsest)
    number = round(ratio) if math.isfinite(ratio) else 0
    if number < 1 or not math.isclose(number * finest * coarsest, duration, rel_tol=1e-9):
        allowed = f"must be a multiple of the coarsest step of {finest * coarsest:g} ms"
        raise ParameterError("", "duration", duration, allowed)
    if number * coarsest >= 2**31:
        raise SpecificationError(f"duration = {duration:g} ms takes {number * coarsest} steps: must be below 2^31")
    return number * coarsest
