"""Ratios of means over paths, and power laws through them, with standard errors by jackknife over blocks of paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.errors import NumericalError
from spiking.estimates import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

BLOCKS = 100
"""Blocks of paths at most."""

_LARGEST_RELATIVE_ERROR = 0.5


class PowerLaw(NamedTuple):
    """A fitted error ~ x^slope with its standard error and 95 % interval, from `points` values of x."""

    slope: float
    se: float
    low: float
    high: float
    points: int

    def __str__(self) -> str:
        return f"{self.slope:.3f} ± {self.se:.3f} (95 %: {self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, eq=False)
class ErrorMeasure:
    """An error over steps (or depths, times, weights) with standard errors.

    Attributes
    ----------
    name, unit : str
    x : array, shape (points,)
        Where it is measured: steps in ms, unless its owner says otherwise.
    values, se : array, shape (points,)
        NaN where nothing was left to average.
    left_out : array, shape (blocks, points)
        The values without one block of paths each.
    """

    name: str
    unit: str
    x: Floats
    values: Floats
    se: Floats
    left_out: Floats

    def __getitem__(self, point: int) -> Estimate:
        return Estimate(float(self.values[point]), float(self.se[point]))

    def order(self, low: float = 0.0, high: float = np.inf) -> PowerLaw:
        r"""Fit :math:`\log |error| = const + p \log x` for x between `low` and `high`.

        Weights are the inverse squares of the relative standard errors; values known to less than 50 % are left out.
        All points share their paths and are correlated: standard error and interval come from fits without one block of
        paths each (jackknife), Student's t with blocks - 1 degrees of freedom.

        Raises
        ------
        NumericalError
            If fewer than 2 points are left.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.abs(self.se / self.values)
        near = (self.x >= low * (1 - 1e-9)) & (self.x <= high * (1 + 1e-9))
        used = near & (self.values != 0) & (relative < _LARGEST_RELATIVE_ERROR)
        if used.sum() < 2:
            raise NumericalError(
                f"{self.name}: only {used.sum()} of {near.sum()} errors are known to better than 50 %: take more paths"
            )
        floor = 1e-3 * relative[used].max()
        slope, se = _slope(
            self.x[used], self.values[used], self.left_out[:, used], 1.0 / np.maximum(relative[used], floor) ** 2
        )
        from scipy.stats import t

        reach = float(t.ppf(0.975, self.left_out.shape[0] - 1)) * se
        return PowerLaw(slope, se, slope - reach, slope + reach, int(used.sum()))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the error over the steps, with bars of 2 standard errors."""
        from spiking.convergence_plots import errors

        return errors([self], ax=ax)


def _slope(x: Floats, values: Floats, left_out: Floats, weights: Floats) -> tuple[float, float]:
    centred = np.log(x) - np.average(np.log(x), weights=weights)
    lever = weights * centred / np.sum(weights * centred**2)
    tiny = 1e-12 * np.abs(values)
    without = np.log(np.maximum(np.abs(left_out), tiny)) @ lever
    return float(np.log(np.abs(values)) @ lever), float(jackknife_error(without[:, None])[0])


def jackknife_error(left_out: Floats) -> Floats:
    """Return the standard error of values from those without one block each, shape (blocks, points)."""
    blocks = left_out.shape[0]
    if blocks < 2:
        return np.full(left_out.shape[1:], np.nan)
    deviations = left_out - left_out.mean(axis=0)
    return np.asarray(np.sqrt((blocks - 1) / blocks * np.sum(deviations**2, axis=0)))


def measure(
    name: str, unit: str, x: Floats, numerator: Floats, denominator: Floats | None = None, *, root: bool = False
) -> ErrorMeasure:
    """Return the ratio of two means over paths, or its square root.

    Parameters
    ----------
    numerator, denominator : array, shape (paths, points)
        Without a denominator: the mean of the numerator.
    """
    below = np.ones_like(numerator) if denominator is None else denominator
    blocks = min(BLOCKS, numerator.shape[0])
    cuts = np.linspace(0, numerator.shape[0], blocks + 1).astype(np.int64)[:-1]
    tops, bottoms = (np.add.reduceat(a, cuts, axis=0) for a in (numerator, below))
    values = _ratio(tops.sum(axis=0), bottoms.sum(axis=0), root)
    left_out = _ratio(tops.sum(axis=0) - tops, bottoms.sum(axis=0) - bottoms, root)
    return ErrorMeasure(name, unit, np.asarray(x, float), values, jackknife_error(left_out), left_out)


def _ratio(top: Floats, bottom: Floats, root: bool) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = top / bottom
    return np.asarray(np.sqrt(np.maximum(found, 0.0)) if root else found)
