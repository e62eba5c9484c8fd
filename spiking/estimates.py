"""Estimates with standard errors."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


def finite_or_none(value: float) -> float | None:
    """Return a number that JSON can hold: it has no NaN and no infinity."""
    return value if math.isfinite(value) else None


class Estimate(NamedTuple):
    """A mean and its standard error, in the unit of the quantity."""

    mean: float
    se: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.se:.2g}"

    def to_plain(self) -> dict[str, float | None]:
        """Return both numbers for JSON."""
        return {name: finite_or_none(value) for name, value in self._asdict().items()}

    @classmethod
    def from_plain(cls, data: dict[str, float | None]) -> Estimate:
        """Return the estimate that `to_plain` wrote."""
        return cls(*(math.nan if data[name] is None else float(data[name]) for name in ("mean", "se")))  # type: ignore[arg-type]


def block_estimate(values: npt.NDArray[Any]) -> Estimate:
    """Mean of block averages with its standard error.

    Parameters
    ----------
    values : array
        One average per block; blocks much longer than the correlation time. Non-finite ones are left out.
    """
    finite = np.asarray(values, float)[np.isfinite(values)]
    if finite.size == 0:
        return Estimate(math.nan, math.nan)
    se = float(finite.std(ddof=1) / math.sqrt(finite.size)) if finite.size > 1 else math.nan
    return Estimate(float(finite.mean()), se)


def mean_estimate(samples: npt.NDArray[Any], windows: int = 20) -> Estimate:
    r"""Mean over trials and samples of a stationary series, with its standard error.

    Averages over blocks that cut a rhythm at any phase scatter more than the mean over the whole, which has two ends
    only. So the variance at low frequency comes from Hann windows that overlap by half (Welch 1967): the variance of
    their weighted means, over the window's sum of squared weights, over the number of samples. Windows should be much
    longer than the correlation time of what is not rhythmic.

    Parameters
    ----------
    samples : array, shape (trials, samples)
    windows : int
        Half windows per trial.

    Returns
    -------
    Estimate
        Standard error NaN for fewer than 4 samples per trial.
    """
    values = np.asarray(samples, float)
    trials, number = values.shape
    mean = float(values.mean())
    hop = max(number // windows, min(2, number // 2))
    if number < 4:
        return Estimate(mean, math.nan)
    window = np.hanning(2 * hop + 1)[:-1]
    window /= window.sum()
    starts = range(0, number - 2 * hop + 1, hop)
    means = np.array([values[:, start : start + 2 * hop] @ window for start in starts])
    if means.size < 2:
        return Estimate(mean, math.nan)
    variance = float(means.var(ddof=1)) / float(np.sum(window**2) * trials * number)
    return Estimate(mean, math.sqrt(variance))
