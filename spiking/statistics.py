"""Statistics of recordings, each with its standard error.

References: [C25] Chang et al. 2025; [LCY19] Li, Chariker, Young 2019 (see `spiking.presets`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.drives import LorentzianDrive
from spiking.errors import ParameterError
from spiking.estimates import Estimate, block_estimate, mean_estimate
from spiking.recording import Recording
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BLOCKS = 20
"""Blocks per trial from which standard errors are taken."""

_FEWEST_INTERVALS = 5
_PEAK_HEIGHT_PER_NEURON = 8 / 300
_LEAST_PROMINENCE = 1e-3


class Events(NamedTuple):
    """Multiple-firing events: start and end in ms, and size in spikes, each of shape (events,)."""

    start: Floats
    end: Floats
    size: Ints


class Peaks(NamedTuple):
    """Peaks of a rate: times in ms and heights in population spikes per ms, each of shape (peaks,)."""

    times: Floats
    heights: Floats

    @property
    def differences(self) -> Floats:
        """Successive height differences, shape (peaks - 1,): one value 0 for one height, two for two in turn."""
        return np.diff(self.heights)


class Spectrum(NamedTuple):
    """Power spectral density of a population rate: frequency in Hz; power and its standard error in Hz^2/Hz."""

    frequency: Floats
    power: Floats
    se: Floats


def checked_discard(discard: float, duration: float) -> float:
    """Return `discard` if it leaves something of `duration` (both in ms).

    Raises
    ------
    ParameterError
        If it does not.
    """
    discard = checked_number("", "discard", discard, NONNEGATIVE)
    if discard >= duration:
        raise ParameterError("", "discard", discard, f"must be less than the duration of {duration:g} ms")
    return discard


def _kept(recording: Recording, discard: float) -> Ints:
    """Counts after `discard`, shape (trials, samples, populations)."""
    first = round(checked_discard(discard, recording.duration) / recording.sampling_interval)
    return recording.counts[:, min(first, recording.counts.shape[1] - 1) :]


def rates(recording: Recording, *, discard: float = 0.0) -> dict[str, Estimate]:
    """Firing rate per neuron in Hz of each population.

    The standard error comes from 19 overlapping windows per trial, each a tenth of it, which should be much longer than
    the rate's correlation time; see `spiking.estimates.mean_estimate`. In networks whose currents are drawn anew for
    every trial (`LorentzianDrive`) it comes from the scatter over trials, and is nan for one trial.

    Parameters
    ----------
    recording : Recording
    discard : float
        Initial transient in ms that is left out of every trial.

    Raises
    ------
    ParameterError
        If nothing is left.
    """
    kept = _kept(recording, discard)
    weights = 1000.0 / recording.sampling_interval / np.array(list(recording.populations.values()))
    network = recording.network
    drawn = network is not None and network.has_drive(LorentzianDrive)
    found = {}
    for a, name in enumerate(recording.populations):
        series = kept[:, :, a] * weights[a]
        found[name] = block_estimate(series.mean(axis=1)) if drawn else mean_estimate(series, BLOCKS)
    return found


def interval_variation(recording: Recording, *, discard: float = 0.0) -> dict[str, Estimate]:
    """Coefficient of variation (CV) of the interspike intervals, averaged over neurons.

    Neurons with fewer than 5 intervals are left out. The standard error is that over neurons and trials: what slow
    fluctuations of the whole network add from run to run is not in it.

    Raises
    ------
    ParameterError
        If nothing is left after `discard`.
    """
    checked_discard(discard, recording.duration)
    result = {}
    for name in recording.populations:
        values = []
        for trial in range(recording.trials):
            times, senders = recording.spikes(name, trial, discard)
            order = np.lexsort((times, senders))
            intervals = np.diff(times[order])
            same = np.diff(senders[order]) == 0
            neuron = senders[order][1:][same]
            intervals = intervals[same]
            for own in np.split(intervals, np.flatnonzero(np.diff(neuron)) + 1):
                if own.size >= _FEWEST_INTERVALS:
                    values.append(own.std(ddof=1) / own.mean())
        result[name] = block_estimate(np.array(values))
    return result


def synchrony(recording: Recording, *, discard: float = 0.0, window: float = 1.0) -> dict[str, Estimate]:
    """Spike synchrony index (SSI) of each population.

    Mean over the population's spikes of the number of its spikes within +- window / 2 of it (itself included), over
    the population's size. For spikes on a grid of 0.1 ms and a window of 1 ms these are the 11 bins of [C25].

    Parameters
    ----------
    window : float
        In ms.

    Raises
    ------
    ParameterError
        If `window` is not positive or nothing is left after `discard`.
    """
    half = checked_number("", "window", window, POSITIVE) / 2 * (1 + 1e-9)
    checked_discard(discard, recording.duration)
    edges = np.linspace(discard, recording.duration, BLOCKS + 1)
    result = {}
    for name, size in recording.populations.items():
        sums, numbers = np.zeros((2, recording.trials, BLOCKS))
        for trial in range(recording.trials):
            times, _ = recording.spikes(name, trial, discard)
            near = np.searchsorted(times, times + half, "right") - np.searchsorted(times, times - half, "left")
            block = np.clip(np.searchsorted(edges, times) - 1, 0, BLOCKS - 1)
            sums[trial] = np.bincount(block, near, BLOCKS)
            numbers[trial] = np.bincount(block, minlength=BLOCKS)
        total = numbers.sum()
        with np.errstate(invalid="ignore"):
            blocks = (sums / numbers).ravel() / size
        mean = float(sums.sum() / total / size) if total else math.nan
        result[name] = Estimate(mean, block_estimate(blocks).se)
    return result


def multiple_firing_events(
    recording: Recording, population: str, *, discard: float = 0.0, trial: int = 0, bin_width: float = 2.5
) -> Events:
    """Multiple-firing events of a population, after [LCY19].

    phi is the running sum of the population's spikes over 8 bins and mu its mean. An event starts where
    phi >= 1.33 mu, extends as long as phi >= mu, and must last over 4 bins; events at most 4 bins apart are one.

    Parameters
    ----------
    bin_width : float
        In ms.

    Raises
    ------
    ParameterError
        If `bin_width` is not positive or less than 8 bins are left after `discard`.
    """
    width = checked_number("", "bin_width", bin_width, POSITIVE)
    checked_discard(discard, recording.duration)
    times, _ = recording.spikes(population, trial, discard)
    bins = int((recording.duration - discard) / width)
    if bins < 8:
        raise ParameterError("", "bin_width", width, "must leave at least 8 bins after `discard`")
    counts = np.histogram(times, bins, (discard, discard + bins * width))[0]
    phi = np.convolve(counts, np.ones(8, np.int64))[:bins]
    mu = phi.mean()
    runs: list[list[int]] = []
    if mu > 0:
        for first, last in _runs(phi >= mu):
            strong = np.flatnonzero(phi[first:last] >= 1.33 * mu)
            if strong.size == 0:
                continue
            start = first + int(strong[0])
            if runs and start - runs[-1][1] <= 4:
                runs[-1][1] = last
            else:
                runs.append([start, last])
    long = [(a, b) for a, b in runs if b - a > 4]
    size = np.array([counts[a:b].sum() for a, b in long], np.int64)
    bounds = np.array(long, float).reshape(-1, 2) * width + discard
    return Events(bounds[:, 0], bounds[:, 1], size)


def _runs(condition: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open ranges in which the condition holds."""
    steps = np.flatnonzero(np.diff(np.concatenate([[False], condition, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in steps.reshape(-1, 2)]


def population_rate(
    recording: Recording, population: str, *, discard: float = 0.0, trial: int = 0, boxcar: float = 1.0
) -> tuple[Floats, Floats]:
    """Rate of a whole population in spikes per ms, averaged over a centred boxcar of `boxcar` ms.

    Returns
    -------
    times, rate : array, shape (samples,)
        Times in ms after `discard`; only where the boxcar lies within the record.
    """
    checked_discard(discard, recording.duration)
    rate = recording.counts[trial, :, recording.index(population)] / recording.sampling_interval
    return smoothed(rate, recording.sampling_interval, boxcar, discard)


def smoothed(rate: Floats, interval: float, boxcar: float, discard: float = 0.0) -> tuple[Floats, Floats]:
    """Average a rate over a centred boxcar.

    Parameters
    ----------
    rate : array, shape (samples,)
        Averages over successive intervals of `interval` ms.
    boxcar, discard : float
        In ms; the average starts after `discard` and uses what lies before.

    Returns
    -------
    times, average : array, shape (samples - width + 1 - discarded,)
        Times in ms of the boxcars' centres.
    """
    width = max(1, round(boxcar / interval))
    average = np.convolve(rate, np.full(width, 1.0 / width), mode="valid")
    times = np.asarray((np.arange(average.size) + width / 2) * interval)
    kept = times > discard
    return times[kept], average[kept]


def rate_peaks(times: Floats, rate: Floats, size: int, *, height: float | None = None, distance: float = 4.0) -> Peaks:
    """Peaks of a population rate ([C25], with a boxcar of 1 ms before).

    Parameters
    ----------
    times : array, shape (samples,)
        Equally spaced, in ms.
    rate : array, shape (samples,)
        In population spikes per ms.
    size : int
        Number of neurons.
    height : float, optional
        Least height in spikes per ms; by default 8 per 300 neurons.
    distance : float
        Least distance of two peaks in ms; of nearer ones the highest stays.

    Returns
    -------
    Peaks
        Without those that stand out by less than a thousandth of the highest rate: a stationary rate has none.
    """
    from scipy.signal import find_peaks

    if times.size < 3:
        return Peaks(np.empty(0), np.empty(0))
    least = _PEAK_HEIGHT_PER_NEURON * size if height is None else height
    spacing = max(1, round(distance / (times[1] - times[0])))
    ripple = _LEAST_PROMINENCE * float(rate.max(initial=0.0))
    found, _ = find_peaks(rate, height=least, distance=spacing, prominence=ripple)
    return Peaks(times[found], rate[found])


def spectrum(recording: Recording, population: str, *, discard: float = 0.0, segment: float = 500.0) -> Spectrum:
    """Power spectral density of the population-averaged rate, in Hz^2/Hz, mean of Hann-windowed segments.

    Parameters
    ----------
    segment : float
        Length of a segment in ms: the frequency resolution is 1000 / segment Hz.

    Raises
    ------
    ParameterError
        If not one segment is left after `discard`.
    """
    from scipy.signal import periodogram

    kept = _kept(recording, discard)[:, :, recording.index(population)]
    length = round(checked_number("", "segment", segment, POSITIVE) / recording.sampling_interval)
    number = kept.shape[1] // length
    if number < 1:
        raise ParameterError("", "segment", segment, "must be at most the recorded time after `discard`")
    rate = kept[:, : number * length] * (1000.0 / recording.sampling_interval / recording.populations[population])
    pieces = rate.reshape(-1, length)
    frequency, power = periodogram(pieces, 1000.0 / recording.sampling_interval, window="hann", detrend="constant")
    se = power.std(axis=0, ddof=1) / math.sqrt(len(pieces)) if len(pieces) > 1 else np.full(frequency.size, math.nan)
    return Spectrum(frequency, power.mean(axis=0), se)
