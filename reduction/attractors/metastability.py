"""Metastable states of a fluctuating observable, and how long it dwells in each.

Definition used here. The observable is a running mean over a window that spans several population events. Its states
are the modes of its occupation density between which the density falls to half of the lower mode or less, and in which
it dwells for three windows or more on average, at least five times. One such state, or none, is no metastability. The
observable is in the state whose core it visited last; a core begins halfway, in units of the observable, from the
density's minimum to the mode, so that fluctuations about the minimum are no switches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.errors import SpecificationError
from spiking.estimates import Estimate
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

GRID = 256
DEEPEST = 0.5
FEWEST_DWELLS = 5
SHORTEST_DWELL = 3.0
_CORE = 0.5
_MARGIN = 3.0


class Density(NamedTuple):
    """Occupation density of an observable: values, and density in its inverse unit, each of shape (256,)."""

    values: Floats
    density: Floats


@dataclass(frozen=True)
class States:
    """States of an observable, from the lowest to the highest.

    Attributes
    ----------
    modes : tuple of float
        Where the density has its maxima.
    minima : tuple of float
        Where it has its minimum between two neighbouring modes; one less than modes.
    """

    modes: tuple[float, ...]
    minima: tuple[float, ...]

    @property
    def cores(self) -> tuple[tuple[float, float], ...]:
        """Ends of each state's core, infinite beyond the outer modes."""
        low = [-math.inf, *(m + _CORE * (mode - m) for m, mode in zip(self.minima, self.modes[1:], strict=True))]
        high = [*(m + _CORE * (mode - m) for m, mode in zip(self.minima, self.modes[:-1], strict=True)), math.inf]
        return tuple(zip(low, high, strict=True))


@dataclass(frozen=True, eq=False)
class Dwells:
    """Dwell times in one state, in ms.

    Attributes
    ----------
    complete : array, shape (dwells,)
        From entry to exit.
    censored : array, shape (cut,)
        From entry to the end of the record. The first dwell of a record, whose entry was not seen, is left out.
    """

    complete: Floats
    censored: Floats

    @property
    def time(self) -> float:
        """Time spent in the state, in ms."""
        return float(self.complete.sum() + self.censored.sum())

    @property
    def mean(self) -> Estimate:
        """Mean dwell time of an exponential law in ms: all time over all exits; NaN without exits.

        The maximum-likelihood estimate with censored dwells; its standard error is mean / sqrt(exits).
        """
        exits = self.complete.size
        if exits == 0:
            return Estimate(math.nan, math.nan)
        mean = self.time / exits
        return Estimate(mean, mean / math.sqrt(exits))

    @property
    def variation(self) -> float:
        """Coefficient of variation of the complete dwells: 1 for escapes at random, 0 for an oscillation."""
        return float(self.complete.std(ddof=1) / self.complete.mean()) if self.complete.size > 1 else math.nan

    def survival(self) -> Survival:
        """Return the share of dwells longer than a time (Kaplan and Meier, J. Am. Stat. Assoc. 53 (1958) 457)."""
        times, exits = np.unique(self.complete, return_counts=True)
        everything = np.sort(np.concatenate([self.complete, self.censored]))
        at_risk = everything.size - np.searchsorted(everything, times, "left")
        share = np.asarray(np.cumprod(1.0 - exits / at_risk), float)
        left = at_risk - exits
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(left > 0, exits / (at_risk * left), 0.0)
        return Survival(times, share, np.asarray(share * np.sqrt(np.cumsum(terms)), float))


class Survival(NamedTuple):
    """Survival curve: times in ms, share of dwells that last longer, Greenwood's standard error; shape (exits,)."""

    times: Floats
    share: Floats
    se: Floats


def occupation_density(
    records: Sequence[npt.ArrayLike], correlation_samples: float, values: Floats | None = None
) -> Density:
    """Return a kernel density of an observable.

    The Gaussian kernel has the width 1.06 sd n^(-1/5), n the number of samples over `correlation_samples`: right for
    one Gaussian mode (Silverman, Density Estimation, 1986) and wide for several, so that chance makes no modes.

    Parameters
    ----------
    records : sequence of array_like, shape (samples,)
        One for each trial.
    correlation_samples : float
        How many successive samples count as one.
    values : array, shape (256,), optional
        Where; by default evenly over the range of the data and three widths beyond.

    Raises
    ------
    SpecificationError
        If a record is empty or not finite.
    """
    data = np.concatenate(_records(records))
    spread = float(data.std())
    number = max(1.0, data.size / checked_number("", "correlation_samples", correlation_samples, POSITIVE))
    width = 1.06 * spread * number**-0.2
    width = max(width, 1e-9 * float(np.abs(data).max()), 1e-9)
    if values is None:
        values = np.linspace(data.min() - _MARGIN * width, data.max() + _MARGIN * width, GRID)
    step = min(width / 4.0, float(values[1] - values[0]))
    low = min(float(data.min()), float(values[0])) - 6.0 * width
    bins = int((max(float(data.max()), float(values[-1])) + 6.0 * width - low) / step) + 1
    place = (data - low) / step
    whole = place.astype(int)
    share = place - whole
    counts = np.bincount(whole, 1.0 - share, bins + 1) + np.bincount(whole + 1, share, bins + 1)
    reach = math.ceil(5.0 * width / step)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), "same") / (data.size * step)
    return Density(values, np.interp(values, low + step * np.arange(bins + 1), smooth))


def metastable_states(records: Sequence[npt.ArrayLike], interval: float, window: float) -> States:
    """Return the states of an observable by the definition of this module.

    Parameters
    ----------
    records : sequence of array_like, shape (samples,)
        Running means, one for each trial.
    interval, window : float
        Of the samples, and over which each is a mean, in ms.

    Raises
    ------
    ParameterError, SpecificationError
        If a record is empty or not finite, or a time is not positive.
    """
    interval = checked_number("", "interval", interval, POSITIVE)
    window = checked_number("", "window", window, POSITIVE)
    values, density = occupation_density(records, max(1.0, window / interval))
    states = _deep_enough(values, density)
    while len(states.modes) > 1:
        dwells = dwell_times(records, interval, states)
        brief = {
            k: own.time
            for k, own in enumerate(dwells)
            if own.complete.size < FEWEST_DWELLS or own.complete.mean() < SHORTEST_DWELL * window
        }
        if not brief:
            break
        states = _without(states, values, density, min(brief, key=lambda k: brief[k]))
    return states


def _deep_enough(values: Floats, density: Floats) -> States:
    """Return the modes of a density between which it falls to half of the lower one."""
    inside = density[1:-1]
    peaks = np.flatnonzero((inside > density[:-2]) & (inside >= density[2:])) + 1
    states = _between(values, density, [int(p) for p in peaks] or [int(density.argmax())])
    while len(states.modes) > 1:
        heights = np.interp(states.modes, values, density)
        ratio = np.interp(states.minima, values, density) / np.minimum(heights[:-1], heights[1:])
        if ratio.max() <= DEEPEST:
            break
        pair = int(ratio.argmax())
        states = _without(states, values, density, pair + int(heights[pair + 1] < heights[pair]))
    return states


def _between(values: Floats, density: Floats, peaks: list[int]) -> States:
    minima = [i + int(density[i : j + 1].argmin()) for i, j in pairwise(peaks)]
    return States(tuple(float(values[p]) for p in peaks), tuple(float(values[m]) for m in minima))


def _without(states: States, values: Floats, density: Floats, index: int) -> States:
    kept = [int(np.abs(values - mode).argmin()) for k, mode in enumerate(states.modes) if k != index]
    return _between(values, density, kept)


def visited_states(record: npt.ArrayLike, states: States) -> Ints:
    """Return the number of the state at every sample, -1 before the first visit to a core, shape (samples,).

    Raises
    ------
    SpecificationError
        If the record is empty or not finite.
    """
    (own,) = _records([record])
    state = np.full(own.size, -1)
    for number, (low, high) in enumerate(states.cores):
        state[(own >= low) & (own <= high)] = number
    last = np.maximum.accumulate(np.where(state >= 0, np.arange(own.size), -1))
    return np.where(last >= 0, state[np.maximum(last, 0)], -1)


def dwell_times(records: Sequence[npt.ArrayLike], interval: float, states: States) -> tuple[Dwells, ...]:
    """Return the dwell times in each state.

    Parameters
    ----------
    records : sequence of array_like, shape (samples,)
        One for each trial.
    interval : float
        Of the samples, in ms.
    states : States

    Raises
    ------
    ParameterError, SpecificationError
        If a record is empty or not finite, or the interval not positive.
    """
    interval = checked_number("", "interval", interval, POSITIVE)
    complete: list[list[float]] = [[] for _ in states.modes]
    censored: list[list[float]] = [[] for _ in states.modes]
    for record in _records(records):
        visited = visited_states(record, states)
        entries = np.flatnonzero(np.diff(visited) != 0) + 1
        entries = entries[visited[entries - 1] >= 0]
        ends = np.append(entries[1:], visited.size)[: entries.size]
        for entry, end in zip(entries.tolist(), ends.tolist(), strict=True):
            (censored if end == visited.size else complete)[visited[entry]].append((end - entry) * interval)
    return tuple(Dwells(np.array(c), np.array(d)) for c, d in zip(complete, censored, strict=True))


def dwell_difference(first: Dwells, second: Dwells) -> tuple[float, float]:
    """Return Kolmogorov and Smirnov's largest difference of two samples of complete dwells, and its p-value.

    The p-value is exact for the numbers of dwells at hand (asymptotic above 10 000); NaN where there are less than
    five. Censored dwells are left out of both: take records of the same length.
    """
    from scipy.stats import ks_2samp

    if min(first.complete.size, second.complete.size) < FEWEST_DWELLS:
        return math.nan, math.nan
    found = ks_2samp(first.complete, second.complete)
    return float(found.statistic), float(found.pvalue)


def _records(records: Sequence[npt.ArrayLike]) -> list[Floats]:
    try:
        found = [np.asarray(record, float) for record in records]
    except (TypeError, ValueError):
        raise SpecificationError("records: must be arrays of numbers") from None
    if not found:
        raise SpecificationError("records: must hold at least one")
    for record in found:
        if record.ndim != 1 or record.size < 2 or not np.isfinite(record).all():
            raise SpecificationError(
                f"a record has shape {record.shape}: must be one-dimensional, finite, of two samples or more"
            )
    return found
