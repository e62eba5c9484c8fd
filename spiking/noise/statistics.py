"""Rates, intervals and bursts of an ensemble of independent neurons, with standard errors over the neurons."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError
from spiking.estimates import Estimate, block_estimate
from spiking.noise.ensembles import EnsembleRecording
from spiking.specification import POSITIVE, Requirement, checked_number
from spiking.statistics import checked_discard

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_IN_A_BURST = 3
_USUAL_BIN = 5.0
_AT_LEAST_2 = Requirement("must be at least 2", lambda x: x >= 2)


class RateCourse(NamedTuple):
    """Firing rate over time: centres of the bins in ms; rate and standard error in Hz; each of shape (bins,)."""

    times: Floats
    rate: Floats
    se: Floats


class IntervalStatistics(NamedTuple):
    """Intervals between spikes, of all neurons together.

    Attributes
    ----------
    intervals : array, shape (intervals,)
        In ms.
    mean : Estimate
        In ms.
    variation : Estimate
        Coefficient of variation.
    """

    intervals: Floats
    mean: Estimate
    variation: Estimate


class Bursts(NamedTuple):
    """Bursts of spikes.

    Attributes
    ----------
    neuron, size : array of int, shape (bursts,)
    start, end : array, shape (bursts,)
        First and last spike in ms.
    rate : Estimate
        Bursts per s and neuron.
    spikes_per_burst : Estimate
    share : Estimate
        Of all spikes, those in bursts.
    chance : float
        The share to be expected if successive intervals were independent: then all orders of a neuron's intervals are
        equally likely, and this is the mean over them. It needs no stationary record, and none that is long.
    excess : Estimate
        `share` less `chance`; its mean is exactly 0 for independent intervals, also if neurons differ. Neurons burst if
        it is larger by several standard errors.
    """

    neuron: Ints
    size: Ints
    start: Floats
    end: Floats
    rate: Estimate
    spikes_per_burst: Estimate
    share: Estimate
    chance: float
    excess: Estimate


def firing_rate(ensemble: EnsembleRecording, *, discard: float = 0.0) -> Estimate:
    """Firing rate per neuron in Hz after `discard` ms: spikes over time.

    The standard error is that over the neurons. Neurons that fire in step (no noise, a fixed refractory time) have
    none, but the window may hold one spike more or less; so too, with weak noise, as long as they remember that all
    started at reset: `interval_statistics` does not depend on that.

    Raises
    ------
    ParameterError
        If nothing is left after `discard`.
    """
    after = _after(ensemble, discard)
    counts = np.bincount(ensemble.senders[after], minlength=ensemble.neurons)
    return block_estimate(counts * 1000.0 / (ensemble.duration - discard))


def rate_over_time(ensemble: EnsembleRecording, bin_width: float | None = None) -> RateCourse:
    """Firing rate in successive bins; an incomplete last bin is left out.

    Parameters
    ----------
    bin_width : float, optional
        In ms, a multiple of dt. Default: the multiple nearest to 5 ms, at most the duration.

    Raises
    ------
    ParameterError
        If the bin is no multiple of dt, or longer than the run.
    """
    every = steps_per_bin(ensemble, bin_width)
    width, n = every * ensemble.dt, ensemble.neurons
    bins = _steps(ensemble) // every
    place = (ensemble.spike_steps - 1) // every
    inside = place < bins
    sums = np.bincount(place[inside], minlength=bins)
    cells, counts = np.unique(place[inside] * n + ensemble.senders[inside], return_counts=True)
    squares = np.bincount(cells // n, counts.astype(float) ** 2, bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (squares - sums**2 / n) / np.float64(n - 1)
    unit = 1000.0 / width
    se = np.asarray(np.sqrt(variance / n) * unit, float)
    return RateCourse(np.asarray((np.arange(bins) + 0.5) * width, float), sums / n * unit, se)


def interval_statistics(ensemble: EnsembleRecording, *, discard: float = 0.0) -> IntervalStatistics:
    """Mean and coefficient of variation of the intervals between spikes that both lie after `discard` ms.

    Intervals of all neurons are pooled; standard errors come from the scatter over neurons (delta method). A finite
    record misses long intervals: it should last many mean intervals.

    Raises
    ------
    ParameterError
        If nothing is left after `discard`.
    """
    neuron, _, step = _sorted_spikes(ensemble, discard)
    same = np.diff(neuron) == 0
    owner, steps = neuron[1:][same], np.diff(step)[same]
    if steps.size < 2:
        nothing = Estimate(math.nan, math.nan)
        return IntervalStatistics(steps * ensemble.dt, nothing, nothing)
    mean, variance = float(steps.mean()), float(steps.var())
    variation = math.sqrt(variance) / mean
    deviation = steps - mean
    slopes = (deviation**2 - variance) / (2.0 * variance) - deviation / mean if variance > 0 else 0.0 * deviation
    return IntervalStatistics(
        steps * ensemble.dt,
        Estimate(mean * ensemble.dt, _clustered(deviation, owner) * ensemble.dt),
        Estimate(variation, variation * _clustered(slopes, owner)),
    )


def bursts(
    ensemble: EnsembleRecording, longest: float, *, fewest: int = FEWEST_IN_A_BURST, discard: float = 0.0
) -> Bursts:
    """Find bursts: at least `fewest` spikes of a neuron, each at most `longest` ms after the one before.

    Parameters
    ----------
    longest : float
        Longest interval within a burst in ms. A neuron that fires regularly at such intervals bursts all the time:
        choose it well below the mean interval.
    fewest : int
        At least 2.
    discard : float
        In ms.

    Raises
    ------
    ParameterError
        If an option is out of range or nothing is left after `discard`.
    """
    longest = checked_number("", "longest", longest, POSITIVE)
    fewest = int(checked_number("", "fewest", fewest, _AT_LEAST_2, integer=True))
    neuron, times, _ = _sorted_spikes(ensemble, discard)
    joined = (np.diff(neuron) == 0) & (np.diff(times) <= longest * (1 + 1e-9))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], joined, [False]]).astype(np.int8)))
    first, last = edges[::2], edges[1::2]
    long = last - first + 1 >= fewest
    first, last = first[long], last[long]
    size, owner = last - first + 1, neuron[first]
    n = ensemble.neurons
    inside = np.bincount(owner, size, n)
    every = np.bincount(neuron, minlength=n)
    expected = _in_runs_by_chance(every, np.bincount(neuron[1:][joined], minlength=n), fewest)
    seconds = (ensemble.duration - discard) / 1000.0
    return Bursts(
        owner, size, times[first], times[last],
        rate=block_estimate(np.bincount(owner, minlength=n) / seconds),
        spikes_per_burst=_ratio(inside, np.bincount(owner, minlength=n)), share=_ratio(inside, every),
        chance=_ratio(expected, every).mean, excess=_ratio(inside - expected, every),
    )  # fmt: skip


def steps_per_bin(ensemble: EnsembleRecording, bin_width: float | None) -> int:
    """Return the number of steps in a bin of `rate_over_time`; errors as there."""
    dt, steps = _checked(ensemble).dt, _steps(ensemble)
    if bin_width is None:
        return min(max(1, round(_USUAL_BIN / dt)), steps)
    width = checked_number("", "bin_width", bin_width, POSITIVE)
    every = round(width / dt)
    if every < 1 or not math.isclose(every * dt, width, rel_tol=1e-9) or every > steps:
        allowed = f"must be a multiple of dt = {dt:g} ms, and at most {ensemble.duration:g}"
        raise ParameterError("", "bin_width", width, allowed)
    return every


def _checked(ensemble: EnsembleRecording) -> EnsembleRecording:
    if not isinstance(ensemble, EnsembleRecording):
        raise ParameterError("", "ensemble", type(ensemble).__name__, "must be an EnsembleRecording")
    return ensemble


def _steps(ensemble: EnsembleRecording) -> int:
    return round(ensemble.duration / ensemble.dt)


def _after(ensemble: EnsembleRecording, discard: float) -> npt.NDArray[np.bool_]:
    """Return which spikes fall after `discard`, in whole steps: a spike at `discard` does not."""
    discard = checked_discard(discard, _checked(ensemble).duration)
    after: npt.NDArray[np.bool_] = ensemble.spike_steps > math.floor(discard / ensemble.dt * (1 + 1e-12))
    return after


def _in_runs_by_chance(spikes: Ints, short: Ints, fewest: int) -> Floats:
    """Return how many spikes of a neuron lie in runs of at least `fewest`: mean over all orders of its intervals.

    Parameters
    ----------
    spikes, short : array of int, shape (neurons,)
        Numbers of spikes, and of intervals that join the spikes at their ends to one run; the others part them.
    """
    intervals = np.maximum(spikes - 1, 0)
    parting = intervals - short
    lost, all_short = np.zeros(spikes.size), np.ones(spikes.size)  # chance that `run - 1` stated intervals are short
    for run in range(1, min(fewest - 1, int(spikes.max(initial=0))) + 1):
        left = intervals - run + 1
        at_end = all_short * parting / np.maximum(left, 1)
        within = at_end * (parting - 1) / np.maximum(left - 1, 1)
        runs = 2 * at_end + (spikes - run - 1) * within
        lost += run * np.where(spikes > run, runs, np.where(spikes == run, all_short, 0.0))
        all_short *= np.maximum(short - run + 1, 0) / np.maximum(left, 1)
    return spikes - lost


def _sorted_spikes(ensemble: EnsembleRecording, discard: float) -> tuple[Ints, Floats, Ints]:
    """Return neurons, times in ms and steps of the spikes after `discard`, neuron by neuron."""
    kept = _after(ensemble, discard)
    steps, senders = ensemble.spike_steps[kept], ensemble.senders[kept]
    order = np.lexsort((steps, senders))
    return senders[order], np.asarray(steps[order] * ensemble.dt, float), steps[order]


def _clustered(deviations: Floats, neuron: Ints) -> float:
    """Return the standard error of a mean whose terms, less their mean, are independent between neurons only."""
    sums = np.bincount(neuron, deviations)
    groups = np.unique(neuron).size
    if groups < 2:
        return math.nan
    return math.sqrt(float(np.sum(sums**2)) * groups / (groups - 1)) / deviations.size


def _ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Estimate:
    """Return the ratio of two sums over neurons, with the standard error of the delta method."""
    total = float(denominator.sum())
    if total == 0:
        return Estimate(math.nan, math.nan)
    ratio, n = float(numerator.sum()) / total, numerator.size
    rest = numerator - ratio * denominator
    return Estimate(ratio, math.sqrt(float(np.sum(rest**2)) * n / (n - 1)) / total if n > 1 else math.nan)
