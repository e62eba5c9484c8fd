"""Correlation dimension of a cloud of points, by Grassberger and Procaccia."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError, SpecificationError
from spiking.estimates import Estimate
from spiking.specification import NONNEGATIVE, checked_number

Floats = npt.NDArray[np.float64]

BLOCKS = 10
MOST_POINTS = 40_000
_PER_OCTAVE = 4
_LARGEST_SHARE = 0.03
_FEWEST_PAIRS = 1000
_SHORTEST = 2.0
_ALIKE = 0.05
_SAMPLED_PAIRS = 20_000


@dataclass(frozen=True, eq=False)
class CorrelationDimension:
    """Correlation dimension, with what it was read from.

    Attributes
    ----------
    dimension : Estimate
        Slope of log C over log r in the scaling region, with its standard error (jackknife over 10 blocks of
        successive points, the region kept); NaN without a region.
    region : tuple of float or None
        Smallest and largest radius of the scaling region; None if there is none.
    radii, integral : array, shape (K,)
        Radii r, and the share C of pairs of points that are nearer than r.
    slopes : array, shape (K - 2,)
        Local slopes d log C / d log r at ``radii[1:-1]`` (NaN where C is 0).
    slope_errors : array, shape (K - 2,)
        Their standard errors, from the same jackknife.
    theiler : int
        Pairs at most that many samples apart are left out.
    """

    dimension: Estimate
    region: tuple[float, float] | None
    radii: Floats
    integral: Floats
    slopes: Floats
    slope_errors: Floats
    theiler: int

    def __repr__(self) -> str:
        if self.region is None:
            return "CorrelationDimension(no scaling region)"
        return f"CorrelationDimension({self.dimension}, for r from {self.region[0]:.3g} to {self.region[1]:.3g})"


def correlation_dimension(points: npt.ArrayLike, *, theiler: int = 0) -> CorrelationDimension:
    r"""Return the correlation dimension D2 of points, such as the samples of an attractor.

    :math:`C(r)` is the share of pairs of points nearer than r (Euclidean distance) among those more than `theiler`
    samples apart; D2 is the slope of log C over log r (Grassberger and Procaccia, Physica D 9 (1983) 189; the window:
    Theiler, Phys. Rev. A 34 (1986) 2427). Radii are four per octave. Only those count at which C is below 0.03 (the
    size of the cloud is felt above) and holds 1000 pairs. The scaling region is the longest range of them, of at least
    two octaves, in which every local slope lies within 5 % of the slope fitted to the range, or within two of its
    standard errors of that; of ranges of one length the one with the smallest scatter of slopes. If there is none,
    there is no number.

    Parameters
    ----------
    points : array_like, shape (n, d)
        In order of time. Scale the coordinates so that they are comparable.
    theiler : int
        At least the correlation time, in samples: near in time is near in space. 0 for points that are not in time.

    Raises
    ------
    ParameterError, SpecificationError
        If the points are not finite, are fewer than 1000 or more than 40 000, or all the same, or `theiler` is more
        than a tenth of their number.
    """
    x = _points(points)
    window = int(checked_number("", "theiler", theiler, NONNEGATIVE, integer=True))
    if window > len(x) // BLOCKS:
        raise ParameterError("", "theiler", window, f"must be at most {len(x) // BLOCKS}, a tenth of the points")
    radii = _radii(x)
    counts, totals = _pairs(x, radii, window)
    everything = np.triu(np.ones((BLOCKS, BLOCKS)))
    integral, logarithms = _integral(counts, totals, everything)
    slopes = _local(logarithms, radii)
    kept = []
    for block in range(BLOCKS):
        without = everything.copy()
        without[block], without[:, block] = 0.0, 0.0
        kept.append(_integral(counts, totals, without)[1])
    errors = _spread(np.array([_local(own, radii) for own in kept]))
    number = np.tensordot(everything, counts, 2)
    usable = (number >= _FEWEST_PAIRS) & (integral <= _LARGEST_SHARE)
    found = _region(np.log(radii), logarithms, slopes, errors, usable)
    if found is None:
        return CorrelationDimension(Estimate(math.nan, math.nan), None, radii, integral, slopes, errors, window)
    own = slice(found[0], found[1] + 1)
    fits = np.array([_fitted(np.log(radii[own]), values[own]) for values in kept])
    dimension = Estimate(_fitted(np.log(radii[own]), logarithms[own]), float(_spread(fits)))
    region = (float(radii[found[0]]), float(radii[found[1]]))
    return CorrelationDimension(dimension, region, radii, integral, slopes, errors, window)


def _points(points: npt.ArrayLike) -> Floats:
    try:
        x = np.asarray(points, float)
    except (TypeError, ValueError):
        raise SpecificationError("points: must be an array of numbers") from None
    if x.ndim != 2 or not _FEWEST_PAIRS <= len(x) <= MOST_POINTS or x.shape[1] == 0:
        raise SpecificationError(f"points have shape {x.shape}: must be (n, d), with n from 1000 to {MOST_POINTS}")
    if not np.isfinite(x).all():
        raise SpecificationError("points: must all be finite")
    if not np.ptp(x, axis=0).any():
        raise SpecificationError("points: are all the same")
    return x


def _radii(x: Floats) -> Floats:
    """Return radii down from about the distance below which C has its largest useful share, as far as pairs go."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(len(x), size=(2, _SAMPLED_PAIRS))
    apart = np.linalg.norm(x[first] - x[second], axis=1)
    apart = np.sort(apart[apart > 0.0])
    largest = 2.0 * float(apart[int(_LARGEST_SHARE * apart.size)])
    smallest = max(float(apart[0]) / 8.0, 1e-12 * float(apart[-1]))
    octaves = max(1.0, math.log2(largest / smallest))
    return np.asarray(largest * 2.0 ** (-np.arange(math.ceil(octaves * _PER_OCTAVE), -1, -1) / _PER_OCTAVE))


def _pairs(x: Floats, radii: Floats, window: int) -> tuple[Floats, Floats]:
    """Return how many pairs of two blocks, shape (BLOCKS, BLOCKS, K), are near, and how many there are."""
    from scipy.spatial import KDTree

    cuts = np.linspace(0, len(x), BLOCKS + 1).round().astype(int)
    trees = [KDTree(x[i:j]) for i, j in pairwise(cuts)]
    counts = np.zeros((BLOCKS, BLOCKS, radii.size))
    totals = np.zeros((BLOCKS, BLOCKS))
    sizes = np.diff(cuts)
    for a in range(BLOCKS):
        for b in range(a, BLOCKS):
            found = np.asarray(trees[a].count_neighbors(trees[b], radii), float)
            counts[a, b] = (found - sizes[a]) / 2.0 if a == b else found
            totals[a, b] = sizes[a] * (sizes[a] - 1) / 2.0 if a == b else sizes[a] * sizes[b]
    block = np.repeat(np.arange(BLOCKS), sizes)
    for lag in range(1, window + 1):
        apart = np.linalg.norm(x[lag:] - x[:-lag], axis=1)
        place = np.searchsorted(radii, apart)
        pair = block[:-lag] * BLOCKS + block[lag:]
        near = np.bincount(pair * (radii.size + 1) + place, minlength=BLOCKS**2 * (radii.size + 1))
        counts -= near.reshape(BLOCKS, BLOCKS, -1).cumsum(axis=2)[:, :, :-1]
        totals -= np.bincount(pair, minlength=BLOCKS**2).reshape(BLOCKS, BLOCKS)
    return counts, totals


def _integral(counts: Floats, totals: Floats, chosen: Floats) -> tuple[Floats, Floats]:
    """Return C and its logarithm for the chosen pairs of blocks."""
    share = np.tensordot(chosen, counts, 2) / (chosen * totals).sum()
    return share, np.log(share, out=np.full(share.size, -math.inf), where=share > 0.0)


def _local(logarithms: Floats, radii: Floats) -> Floats:
    finite = np.where(np.isfinite(logarithms), logarithms, math.nan)
    return (finite[2:] - finite[:-2]) / np.log(radii[2:] / radii[:-2])


def _spread(left_out: Floats) -> Floats:
    """Return the jackknife's standard error of values, shape (BLOCKS, ...)."""
    apart = left_out - left_out.mean(axis=0)
    return np.asarray(np.sqrt((BLOCKS - 1) / BLOCKS * (apart**2).sum(axis=0)))


def _fitted(x: Floats, y: Floats) -> float:
    return float(np.polynomial.polynomial.polyfit(x - x.mean(), y, 1)[1])


def _region(
    x: Floats, y: Floats, slopes: Floats, errors: Floats, usable: npt.NDArray[np.bool_]
) -> tuple[int, int] | None:
    """Return the first and last radius of the scaling region, by the rule in `correlation_dimension`."""
    found = np.flatnonzero(usable)
    if found.size == 0:
        return None
    for length in range(found.size, int(_SHORTEST * _PER_OCTAVE), -1):
        best, least = None, math.inf
        for first in range(found[0], found[-1] + 2 - length):
            last = first + length - 1
            if not usable[first : last + 1].all():
                continue
            slope = _fitted(x[first : last + 1], y[first : last + 1])
            inside, error = slopes[first : last - 1], errors[first : last - 1]
            away = np.abs(inside - slope)
            if (away <= _ALIKE * slope + 2.0 * error).all() and (scatter := float(inside.std())) < least:
                best, least = (first, last), scatter
        if best is not None:
            return best
    return None
