"""Successive population events: sizes, intervals, return maps, and what one event tells about the next."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.trajectory import Trajectory
from spiking import statistics
from spiking.errors import ParameterError, SpecificationError
from spiking.estimates import Estimate
from spiking.recording import Recording
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

BLOCKS = 20
_ONE_SIZE = 0.01
_FEWEST_PAIRS = 2 * BLOCKS


class EventSeries(NamedTuple):
    """Events of a population in order: times in ms, and sizes in `unit`, each of shape (events,)."""

    times: Floats
    sizes: Floats
    unit: str

    @property
    def intervals(self) -> Floats:
        """Times between successive events in ms, shape (events - 1,)."""
        return np.diff(self.times)


class ReturnMap(NamedTuple):
    """Pairs of a value and its successor, each of shape (pairs,)."""

    now: Floats
    following: Floats


def rate_events(
    source: Recording | Trajectory, population: str, *, discard: float = 0.0, trial: int = 0, boxcar: float = 1.0
) -> EventSeries:
    """Return the peaks of a population's rate as events; their size is the height of the peak.

    As `spiking.statistics.rate_peaks`, with its thresholds, of the rate averaged over `boxcar` ms. Time and height are
    those of the parabola through the highest sample and its neighbours, so that the grid adds no scatter to the events
    of a smooth rate.

    Raises
    ------
    UnknownNameError, ParameterError
        If there is no such population or trial, or nothing is left after `discard`.
    """
    _check_trial(source, trial)
    boxcar = checked_number("", "boxcar", boxcar, POSITIVE)
    if isinstance(source, Recording):
        size = source.populations[list(source.populations)[source.index(population)]]
        times, rate = statistics.population_rate(source, population, discard=discard, trial=trial, boxcar=boxcar)
    else:
        times, rate = source.population_rate(population, discard=discard, trial=trial, boxcar=boxcar)
        size = source.network.sizes[population]
    if times.size < 3:
        return EventSeries(np.empty(0), np.empty(0), "spikes per ms")
    found = statistics.rate_peaks(times, rate, size)
    at = np.searchsorted(times, found.times)
    below, here, above = rate[at - 1], rate[at], rate[at + 1]
    bend = below - 2.0 * here + above
    shift = np.divide(0.5 * (below - above), bend, out=np.zeros_like(bend), where=bend < 0.0)
    step = times[1] - times[0]
    return EventSeries(found.times + shift * step, here - 0.25 * (below - above) * shift, "spikes per ms")


def firing_events(
    source: Recording | Trajectory, population: str, *, discard: float = 0.0, trial: int = 0, bin_width: float = 2.5
) -> EventSeries:
    """Return the multiple-firing events of a population: size is the number of spikes, time the start.

    As `spiking.statistics.multiple_firing_events`. A trajectory's rate counts as one spike each time its integral
    passes a whole number and a half.

    Raises
    ------
    UnknownNameError, ParameterError
        If there is no such population or trial, or `bin_width` leaves less than 8 bins after `discard`.
    """
    _check_trial(source, trial)
    recording, own = (source, trial) if isinstance(source, Recording) else (_spikes(source, population, trial), 0)
    found = statistics.multiple_firing_events(recording, population, discard=discard, trial=own, bin_width=bin_width)
    return EventSeries(found.start, found.size.astype(float), "spikes")


def _spikes(trajectory: Trajectory, population: str, trial: int) -> Recording:
    """Return one population's expected spikes in a trial, at the ends of sampling intervals."""
    _, rate = trajectory.population_rate(population, boxcar=trajectory.sampling_interval, trial=trial)
    made = np.maximum.accumulate(np.cumsum(rate * trajectory.sampling_interval))
    spikes = trajectory.times[np.searchsorted(made, np.arange(0.5, made[-1]))]
    return Recording.from_spikes(
        spikes, np.zeros(spikes.size, int), {population: 1}, duration=trajectory.duration,
        sampling_interval=trajectory.sampling_interval,
    )  # fmt: skip


def _check_trial(source: Recording | Trajectory, trial: int) -> None:
    if not isinstance(source, (Recording, Trajectory)):
        raise SpecificationError(f"source = {type(source).__name__}: must be a Recording or a Trajectory")
    if isinstance(trial, bool) or trial not in range(source.trials):
        raise ParameterError("", "trial", trial, f"must be 0 to {source.trials - 1}")


def return_map(values: npt.ArrayLike) -> ReturnMap:
    """Return every value, but the last, beside its successor: of sizes or of intervals of events.

    Raises
    ------
    SpecificationError
        If the values are not a list of finite numbers.
    """
    series = _series(values)
    return ReturnMap(series[:-1], series[1:])


def successive_correlation(values: npt.ArrayLike) -> Estimate:
    """Return the correlation coefficient of successive values.

    The standard error is that of a jackknife over 20 blocks of successive pairs. NaN for less than 40 pairs, and if
    the values are all of one size: a standard deviation below a hundredth of the mean.

    Raises
    ------
    SpecificationError
        If the values are not a list of finite numbers.
    """
    return _jackknife(_series(values), _correlation)


def alternation(values: npt.ArrayLike) -> Estimate:
    """Return the alternation index: the mean of sign(h_k - m) sign(h_{k+1} - m), m the median of all values.

    -1 for values in turn above and below the median (a period of two), 0 for values without memory (-1/n on average),
    near 1 for runs on one side. It depends on the order of values alone, not on their sizes. Standard error and NaN as
    in `successive_correlation`.

    Raises
    ------
    SpecificationError
        If the values are not a list of finite numbers.
    """
    return _jackknife(_series(values), _alternation)


def _correlation(now: Floats, following: Floats) -> float:
    both = np.cov(now, following)
    product = both[0, 0] * both[1, 1]
    return float(both[0, 1] / math.sqrt(product)) if product > 0.0 else math.nan


def _alternation(now: Floats, following: Floats) -> float:
    middle = np.median(np.append(now, following[-1]))
    return float(np.mean(np.sign(now - middle) * np.sign(following - middle)))


def _jackknife(series: Floats, statistic: Callable[[Floats, Floats], float]) -> Estimate:
    """Return a statistic of successive pairs, with the standard error of leaving out one block of 20 at a time."""
    if series.size <= _FEWEST_PAIRS or series.std() < _ONE_SIZE * abs(series.mean()):
        return Estimate(math.nan, math.nan)
    now, following = series[:-1], series[1:]
    left_out = [
        statistic(np.delete(now, block), np.delete(following, block))
        for block in np.array_split(np.arange(now.size), BLOCKS)
    ]
    spread = np.array(left_out) - np.mean(left_out)
    return Estimate(statistic(now, following), math.sqrt((BLOCKS - 1) / BLOCKS * float(spread @ spread)))


def _series(values: npt.ArrayLike) -> Floats:
    try:
        series = np.asarray(values, float)
    except (TypeError, ValueError):
        raise SpecificationError("values: must be a list of numbers") from None
    if series.ndim != 1 or not np.isfinite(series).all():
        raise SpecificationError(f"values have shape {series.shape}: must be one-dimensional and finite")
    return series
