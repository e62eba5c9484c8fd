"""Firing rates over dt: fitted limits, and errors with intervals that hold what the data cannot tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.estimates import Estimate

Floats = npt.NDArray[np.float64]

_CONFIDENCE = 1.96
_REJECTED = 0.05


class Bias(NamedTuple):
    """Relative error of a rate, with its 95 % interval over all powers of dt that the rates do not reject."""

    mean: float
    low: float
    high: float

    @property
    def reach(self) -> float:
        """The greatest magnitude in the interval."""
        return max(abs(self.low), abs(self.high))


class Fit(NamedTuple):
    """Powers that are not rejected, the relative errors, and the rate at dt = 0 with its widest interval."""

    powers: list[float]
    errors: list[Bias]
    limit: Bias


def fitted(steps: Floats, rates: Sequence[Estimate], powers: Sequence[float]) -> Fit:
    """Fit r_0 + c dt^p to rates, for each power."""
    mean, se = (np.array([getattr(rate, name) for rate in rates]) for name in ("mean", "se"))
    if not (np.isfinite(se).all() and (se > 0).all() and (mean > 3.0 * se).all()):
        return _silent(mean, se, steps)
    from scipy.stats import chi2

    kept, lows, highs, centres, limits = [], [], [], [], []
    best = math.inf
    for power in powers:
        design = np.stack([np.ones_like(steps), steps**power], axis=1) / se[:, None]
        covariance = np.linalg.inv(design.T @ design)
        limit, slope = covariance @ (design.T @ (mean / se))
        misfit = float(np.sum((mean / se - design @ [limit, slope]) ** 2))
        if chi2.sf(misfit, steps.size - 2) < _REJECTED or limit <= 0:
            continue
        error = slope * steps**power / limit
        gradient = np.stack([-error / limit, steps**power / limit], axis=1)
        reach = _CONFIDENCE * np.sqrt(np.einsum("ki,ij,kj->k", gradient, covariance, gradient))
        kept.append(float(power))
        lows.append(error - reach)
        highs.append(error + reach)
        width = _CONFIDENCE * math.sqrt(covariance[0, 0])
        limits.append((limit - width, limit + width))
        if misfit < best:
            best, centres = misfit, [limit, error]
    if not kept:
        return Fit([], [], Bias(math.nan, -math.inf, math.inf))
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    errors = [Bias(float(c), float(a), float(b)) for c, a, b in zip(centres[1], low, high, strict=True)]
    ends = np.array(limits)
    return Fit(kept, errors, Bias(float(centres[0]), float(ends[:, 0].min()), float(ends[:, 1].max())))


def _silent(mean: Floats, se: Floats, steps: Floats) -> Fit:
    """A rate without scatter is exact if it does not change; one within its error of 0 cannot be fitted."""
    if (se == 0).all() and (mean > 0).all() and np.ptp(mean) == 0:
        return Fit([1.0], [Bias(0.0, 0.0, 0.0)] * steps.size, Bias(mean[0], mean[0], mean[0]))
    return Fit([0.0], [], Bias(math.nan, -math.inf, math.inf))


def agrees(rate: Estimate, limit: Bias, accuracy: float) -> bool:
    """Return whether a rate certainly lies within the accuracy of the limit."""
    reach = _CONFIDENCE * rate.se
    return max(rate.mean + reach - limit.low, limit.high - rate.mean + reach) <= accuracy * limit.mean


def needed_duration(errors: dict[str, list[Bias]], accuracy: float, duration: float) -> float:
    """Return the duration at which the smallest step's intervals would shrink into the accuracy; NaN if they cannot."""
    factors = []
    for found in errors.values():
        last = found[-1]
        if abs(last.mean) >= accuracy:
            return math.nan
        factors.append(((last.reach - abs(last.mean)) / (accuracy - abs(last.mean))) ** 2)
    return float(duration * 1.2 * max(1.0, *factors))
