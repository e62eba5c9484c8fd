"""A network, or a level of its reduction, swept up and down: each run goes on where the last one stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.attractors.onsets import ALTERNATION, OSCILLATION, alternation_sums, oscillation_sums
from reduction.integration import RANDOM_LEVELS, integrate
from reduction.measuring import Progress, Settings
from reduction.trajectory import Trajectory
from spiking import parallel
from spiking.errors import NumericalError
from spiking.network import Network
from spiking.recording import Recording
from spiking.simulation import simulate
from spiking.statistics import BLOCKS, population_rate, rate_peaks

Floats = npt.NDArray[np.float64]

_SEGMENT = 500.0
_LOWEST = 2
_PROMINENCE = 0.05
_TOP_QUANTILE = 0.99


@dataclass(frozen=True)
class Measured:
    """What a run shows: over blocks of time (and trials), sums for order parameters, and means."""

    alternation: Floats
    oscillation: Floats
    rates: Floats
    mean_heights: Floats
    heights: list[Floats]
    event_heights: list[Floats]

    @property
    def differences(self) -> Floats:
        """Differences of successive peak heights, in all trials."""
        return np.concatenate([np.diff(own) for own in self.heights])

    @property
    def event_differences(self) -> Floats:
        """Differences of the highest rates in successive events, in all trials."""
        return np.concatenate([np.diff(own) for own in self.event_heights])

    def sums(self, name: str) -> Floats:
        """Return the sums of the order parameter of a name, shape (blocks, columns)."""
        return {ALTERNATION.name: self.alternation, OSCILLATION.name: self.oscillation}[name]


@dataclass(frozen=True)
class Sweeping:
    """What is swept, and how."""

    networks: Sequence[Network]
    values: Sequence[float]
    settings: Settings
    population: str
    smoothing: float


def directions(source: str) -> tuple[str, ...]:
    """Return the sweeps of a source: the published scheme cannot go on from a state, and starts from rest each time."""
    return ("rest",) if source == "published" else ("up", "down")


def sweep_all(
    sweeping: Sweeping, sources: Sequence[str], progress: Progress | None
) -> dict[tuple[str, str], list[Measured]]:
    """Return, for every source and direction, what is measured at each value, in the order of the values.

    The sweeps run at the same time, on threads.

    Raises
    ------
    NumericalError
        If a run fails; names the source, the direction and the value.
    """
    tasks = [(source, direction) for source in sources for direction in directions(source)]
    finished = dict.fromkeys(tasks, 0.0)
    lock = threading.Lock()

    def one(task: tuple[str, str], check: Callable[[], None]) -> list[Measured]:
        def tick(fraction: float) -> None:
            check()
            finished[task] = fraction
            if progress is not None:
                with lock:
                    progress(sum(finished.values()) / len(tasks))

        return _sweep(sweeping, *task, tick)

    workers = min(parallel.checked_workers(None), len(tasks))
    return dict(zip(tasks, parallel.ordered_map(one, tasks, workers=workers), strict=True))


def _sweep(sweeping: Sweeping, source: str, direction: str, tick: Callable[[float], None]) -> list[Measured]:
    number = len(sweeping.values)
    order = range(number) if direction != "down" else range(number - 1, -1, -1)
    found: dict[int, Measured] = {}
    state: Any = None
    for done, index in enumerate(order):

        def within(fraction: float, done: int = done) -> None:
            tick((done + fraction) / number)

        value = sweeping.values[index]
        try:
            run = _run(sweeping, source, direction, index, state, within)
        except NumericalError as error:
            raise NumericalError(f"{source}, sweep {direction}, at {value:g}: {error}") from None
        found[index] = measure(run, sweeping.population, sweeping.settings.discard, sweeping.smoothing)
        state = run.final_state if direction != "rest" else None
    return [found[index] for index in range(number)]


def _run(
    sweeping: Sweeping, source: str, direction: str, index: int, state: Any, progress: Progress
) -> Recording | Trajectory:
    settings, network = sweeping.settings, sweeping.networks[index]
    seed = settings.stream(f"bifurcations of {source}, {direction}, {sweeping.values[index]!r}")
    if source == "network":
        return simulate(
            network, settings.duration, dt=settings.dt, seed=seed, scheme=settings.scheme, trials=settings.trials,
            workers=1, initial=state, progress=progress,
        )  # fmt: skip
    return integrate(
        settings.approximation(network), source, settings.duration,
        dt=settings.dt if source == "published" else settings.integration_dt, seed=seed, workers=1, initial=state,
        trials=settings.trials if source in RANDOM_LEVELS else 1, progress=progress,
    )  # fmt: skip


def measure(run: Recording | Trajectory, population: str, discard: float, smoothing: float) -> Measured:
    """Return what a run shows of a population after the transient, in 20 blocks per trial."""
    size = (run.populations if isinstance(run, Recording) else run.network.sizes)[population]
    interval = run.sampling_interval
    rates, smooth, heights = [], [], []
    for trial in range(run.trials):
        if isinstance(run, Recording):
            times, rate = population_rate(run, population, discard=discard, trial=trial)
        else:
            times, rate = run.population_rate(population, discard=discard, trial=trial)
        rates.append(rate)
        smooth.append(smoothed_rate(rate, smoothing / interval))
        heights.append(rate_peaks(times, rate, size).heights)
    frequency = main_frequency(smooth, interval)
    alternation, oscillation, event_heights = [], [], []
    for rate, own in zip(rates, smooth, strict=True):
        cuts = event_bounds(own)
        alternation.append(alternation_sums(event_sizes(rate, cuts, size, interval), BLOCKS))
        event_heights.append(np.array([rate[first:last].max() for first, last in pairwise(cuts)]))
        squared = [band_amplitude(own, interval, centre) for centre in (frequency, frequency / 2)]
        oscillation.append(oscillation_sums(rate, squared, BLOCKS))
    means = [block.mean() for rate in rates for block in np.array_split(rate, BLOCKS)]
    tops = [block.mean() if block.size else 0.0 for own in heights for block in np.array_split(own, BLOCKS)]
    return Measured(
        np.concatenate(alternation), np.concatenate(oscillation), np.array(means) * (1000.0 / size), np.array(tops),
        heights, event_heights,
    )  # fmt: skip


def smoothed_rate(rate: Floats, width: float) -> Floats:
    """Return a rate averaged with a Gaussian whose standard deviation is `width` samples."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(rate, width))


def event_bounds(smooth: Floats) -> list[int]:
    """Return the samples that part the events of a smoothed rate, one more than there are events.

    Events are the peaks that stand out by 5 % of the highest rate (99 % quantile); each reaches from the minimum before
    it to the minimum after it. The first and the last, which are cut off, are left out.
    """
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(smooth, prominence=max(_PROMINENCE * float(np.quantile(smooth, _TOP_QUANTILE)), 1e-12))
    return [first + int(np.argmin(smooth[first:last])) for first, last in pairwise(peaks)]


def event_sizes(rate: Floats, cuts: Sequence[int], size: int, interval: float) -> Floats:
    """Return the spikes per neuron of each event.

    Parameters
    ----------
    rate : array, shape (samples,)
        Population spikes per ms.
    cuts : sequence of int
        See `event_bounds`.
    size : int
        Number of neurons.
    interval : float
        Between samples, in ms.
    """
    spikes = np.concatenate([[0.0], np.cumsum(rate)]) * interval
    return np.diff(spikes[list(cuts)]) / size


def main_frequency(smooth: Sequence[Floats], interval: float) -> float:
    """Return the frequency in 1/ms at which the power of rates (of several trials) is greatest.

    Welch's estimate with segments of 500 ms; slower than two periods per segment is left out.
    """
    from scipy.signal import welch

    segment = min(smooth[0].size, round(_SEGMENT / interval))
    estimates = [welch(rate - rate.mean(), 1.0 / interval, nperseg=segment) for rate in smooth]
    power = np.mean([own for _, own in estimates], axis=0)
    return float(estimates[0][0][_LOWEST:][np.argmax(power[_LOWEST:])])


def band_amplitude(smooth: Floats, interval: float, frequency: float) -> Floats:
    """Return the squared amplitude of a rate's analytic signal from half to one and a half times a frequency (1/ms)."""
    frequencies = np.fft.fftfreq(smooth.size, interval)
    inside = (frequencies > 0.5 * frequency) & (frequencies < 1.5 * frequency)
    return np.asarray(np.abs(2 * np.fft.ifft(np.where(inside, np.fft.fft(smooth), 0.0))) ** 2)
