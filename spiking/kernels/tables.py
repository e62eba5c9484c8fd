"""Cumulative distributions, packed row after row, for drawing small counts with one random word each."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FINE_BITS = 7
FINE, COARSE, BINOMIAL_COARSE = 1 << FINE_BITS, 32, 8
_CELLS = 256
_MOST = 32767


MOST_EXPECTED = 20_000.0
"""Largest mean of a Poisson row."""

Table = tuple[npt.NDArray[np.int16], Ints, npt.NDArray[np.uint64]]


def pack(rows: list[Floats]) -> Table:
    """Join rows for `random.draw`.

    Returns
    -------
    lookup, start, thresholds : array
        A word below thresholds[start[row] + k], and not below the one before, draws k. ``lookup[row, word >> 24]`` is
        k where all words of that cell draw the same, else -1 - (the least of theirs, or 32767 if that is more).
    """
    rows = rows or [np.ones(1)]
    start = np.concatenate([[0], np.cumsum([row.size for row in rows])[:-1]]).astype(np.int64)
    cells = np.arange(_CELLS, dtype=np.uint64) * np.uint64(2**32 // _CELLS)
    lookup = np.empty((len(rows), _CELLS), np.int16)
    thresholds = []
    for i, row in enumerate(rows):
        bounds = np.rint(row * 2.0**32).astype(np.uint64)
        least = np.searchsorted(bounds, cells, side="right")
        most = np.searchsorted(bounds, cells + np.uint64(2**32 // _CELLS - 1), side="right")
        lookup[i] = np.where((least == most) & (least <= _MOST), least, -1 - np.minimum(least, _MOST))
        thresholds.append(bounds)
    return lookup, start, np.concatenate(thresholds)


def poisson_row(mean: float) -> Floats:
    """Cumulative Poisson probabilities up to where they reach 1 in double precision."""
    largest = int(mean + 12 * math.sqrt(mean)) + 20
    k = np.arange(largest + 1)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])
    log_mean = math.log(mean) if mean > 0 else -math.inf
    with np.errstate(invalid="ignore"):
        log_power = np.where(k == 0, 0.0, k * log_mean)
    row = np.minimum(np.cumsum(np.exp(log_power - mean - log_factorial)), 1.0)
    row[-1] = 1.0
    full = int(np.searchsorted(row, 1.0))
    return np.asarray(row[: full + 1], np.float64)


def consumption_rows(rate: float, *, binomial: bool) -> list[Floats]:
    """Rows Binomial(H, rate), or Poisson(H * rate), for H = 0 .. FINE - 1, then H = 0, FINE, .. (COARSE - 1) FINE.

    Such numbers add up: one draw from each half serves every H below COARSE * FINE.
    """
    numbers = (*range(FINE), *range(0, COARSE * FINE, FINE))
    return [binomial_row(pending, rate) if binomial else poisson_row(pending * rate) for pending in numbers]


def arrival_rows(probability: float) -> list[Floats]:
    """Binomial rows of n trials for the same n as in `consumption_rows`, as far as BINOMIAL_COARSE."""
    numbers = (*range(FINE), *range(0, BINOMIAL_COARSE * FINE, FINE))
    return [binomial_row(n, probability) for n in numbers]


def binomial_row(trials: int, probability: float) -> Floats:
    """Cumulative binomial probabilities."""
    k = np.arange(trials + 1)
    if probability in (0.0, 1.0):
        return (k >= trials * probability).astype(np.float64)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    log_choose = log_factorial[-1] - log_factorial - log_factorial[::-1]
    row = np.cumsum(np.exp(log_choose + k * math.log(probability) + (trials - k) * math.log1p(-probability)))
    row = np.minimum(row, 1.0)
    row[-1] = 1.0
    return np.asarray(row, np.float64)
