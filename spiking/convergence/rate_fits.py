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
_PROBABLY = 1.0 + 1.28 / 1.96
"""Margin over half width of a 95 % interval that holds it with a probability of 80 %: 1.28 s.e. for its centre."""


class Bias(NamedTuple):
    """Relative error of a rate, with its 95 % interval over all laws in dt that the rates do not reject."""

    mean: float
    low: float
    high: float

    @property
    def reach(self) -> float:
        """The greatest magnitude in the interval."""
        return max(abs(self.low), abs(self.high))


Law = tuple[float, ...]
"""Powers p of dt in a rate r_0 + sum of c_p dt^p."""


class Fit(NamedTuple):
    """Laws that are not rejected, relative errors, the rate at dt = 0 with its widest interval; why there are none.

    `reason` is "" or one of `REASONS`; `half` the half width of the 95 % interval of the relative error at the smallest
    step that the standard errors give if no law is rejected, for `reason` = "too short".
    """

    laws: list[Law]
    errors: list[Bias]
    limit: Bias
    reason: str = ""
    half: float = math.nan


REASONS = ("hardly fires", "too short", "no law fits")
"""Less than a spike per neuron and run; a rate within 3 standard errors of 0; all laws rejected."""


def fitted(steps: Floats, rates: Sequence[Estimate], laws: Sequence[Law], duration: float) -> Fit:
    """Fit laws in dt to rates; the duration, in ms, is that in which each was measured.

    Laws with more unknowns than there are steps are left out.
    """
    laws = [law for law in laws if len(law) < steps.size]
    mean, se = (np.array([getattr(rate, name) for rate in rates]) for name in ("mean", "se"))
    if (se == 0).all() and (mean > 0).all() and np.ptp(mean) == 0:
        return Fit(list(laws), [Bias(0.0, 0.0, 0.0)] * steps.size, Bias(mean[0], mean[0], mean[0]))
    if mean.max() * duration < 1000.0:
        return _unfitted("hardly fires")
    if not (np.isfinite(se).all() and (se > 0).all()):
        return _unfitted("too short")
    if not (mean > 3.0 * se).all():
        halves = []
        for law in laws:
            covariance = _covariance(steps, se, law)[2]
            last = steps[-1] ** np.array(law)
            halves.append(_CONFIDENCE * math.sqrt(last @ covariance[1:, 1:] @ last) / float(mean.mean()))
        return _unfitted("too short", max(halves))
    from scipy.stats import chi2

    kept, lows, highs, centres, limits = [], [], [], [], []
    best = math.inf
    for law in laws:
        terms, design, covariance = _covariance(steps, se, law)
        limit, *slopes = covariance @ (design.T @ (mean / se))
        misfit = float(np.sum((mean / se - design @ [limit, *slopes]) ** 2))
        freedom = steps.size - 1 - len(law)
        if limit <= 0 or (freedom > 0 and chi2.sf(misfit, freedom) < _REJECTED):
            continue
        error = terms @ slopes / limit
        gradient = np.column_stack([-error / limit, terms / limit])
        reach = _CONFIDENCE * np.sqrt(np.einsum("ki,ij,kj->k", gradient, covariance, gradient))
        kept.append(law)
        lows.append(error - reach)
        highs.append(error + reach)
        width = _CONFIDENCE * math.sqrt(covariance[0, 0])
        limits.append((limit - width, limit + width))
        score = misfit + 2.0 * len(law)
        if score < best:
            best, centres = score, [limit, error]
    if not kept:
        return _unfitted("no law fits")
    low, high = np.min(lows, axis=0), np.max(highs, axis=0)
    errors = [Bias(float(c), float(a), float(b)) for c, a, b in zip(centres[1], low, high, strict=True)]
    ends = np.array(limits)
    return Fit(kept, errors, Bias(float(centres[0]), float(ends[:, 0].min()), float(ends[:, 1].max())))


def _covariance(steps: Floats, se: Floats, law: Law) -> tuple[Floats, Floats, Floats]:
    """Return the powers of the steps, the weighted design with a constant before them, and the covariance."""
    terms = steps[:, None] ** np.array(law)
    design = np.column_stack([np.ones_like(steps), terms]) / se[:, None]
    return terms, design, np.asarray(np.linalg.inv(design.T @ design), np.float64)


def _unfitted(reason: str, half: float = math.nan) -> Fit:
    return Fit([], [], Bias(math.nan, -math.inf, math.inf), reason, half)


def agrees(rate: Estimate, limit: Bias, accuracy: float) -> bool:
    """Return whether a rate certainly lies within the accuracy of the limit."""
    reach = _CONFIDENCE * rate.se
    return max(rate.mean + reach - limit.low, limit.high - rate.mean + reach) <= accuracy * limit.mean


def exceeds(error: Bias, accuracy: float) -> bool:
    """Return whether an error certainly exceeds the accuracy."""
    return error.low > accuracy or error.high < -accuracy


def needed_duration(fits: Sequence[Fit], accuracy: float, duration: float) -> float:
    """Return the duration at which the smallest step's intervals would probably lie within or beyond the accuracy.

    If the errors are as measured and intervals shrink as the root of the duration, that is so with a probability of
    80 % or more for each population that is not told yet. An error closer to the accuracy than a quarter of it counts
    as that far away. NaN if no width is known.
    """
    factors = []
    for fit in fits:
        half, mean = fit.half, 0.0
        if fit.errors:
            last = fit.errors[-1]
            if last.reach <= accuracy or exceeds(last, accuracy):
                continue
            half, mean = max(last.high - last.mean, last.mean - last.low), abs(last.mean)
        margin = max(abs(accuracy - mean), 0.25 * accuracy)
        factors.append((_PROBABLY * half / margin) ** 2)
    known = bool(factors) and math.isfinite(sum(factors))
    return float(duration * max(1.0, *factors)) if known else math.nan
