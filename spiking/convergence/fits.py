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
Ints = npt.NDArray[np.int64]

BLOCKS = 100
"""Blocks of paths at most."""

FEWEST_EVENTS = 10
"""Rare events below which an error that they carry has no standard error."""

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


class Axis(NamedTuple):
    """What an error is drawn over, and its unit."""

    name: str
    unit: str

    def __str__(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name


STEP = Axis("step h", "ms")


class Rare(NamedTuple):
    """The events that carry an error: their numbers at each x, and of how many independent chances."""

    events: Ints
    chances: int


@dataclass(frozen=True, eq=False, repr=False)
class ErrorMeasure:
    """An error over steps (or depths, times, weights) with standard errors.

    Attributes
    ----------
    name, unit : str
    axis : Axis
        Name and unit of `x`.
    x : array, shape (points,)
        Where it is measured.
    values, se : array, shape (points,)
        NaN where nothing was left to average; `se` also where fewer than 10 `events` carry the value: their scatter
        says little then (that of 0 events nothing).
    left_out : array, shape (blocks, points)
        The values without one block of paths each.
    events : array of int, shape (points,), or None
        Rare events that carry the error, such as spikes that one path has and another has not.
    upper : array, shape (points,), or None
        Of probabilities of rare events: one-sided 95 % bounds (of Poisson where there are fewer than 10 events).
    """

    name: str
    unit: str
    axis: Axis
    x: Floats
    values: Floats
    se: Floats
    left_out: Floats
    events: Ints | None = None
    upper: Floats | None = None

    def __getitem__(self, point: int) -> Estimate:
        return Estimate(float(self.values[point]), float(self.se[point]))

    def __repr__(self) -> str:
        return f"<ErrorMeasure {self.name!r}: {', '.join(self.text(k) for k in range(self.x.size))}>"

    def text(self, point: int) -> str:
        """Return a value with its standard error in words, or what stands for it where too few events were seen."""
        if self.events is None or self.events[point] >= FEWEST_EVENTS:
            return str(self[point])
        if self.upper is not None:
            return f"< {self.upper[point]:.2g}"
        return f"{self.values[point]:.2g} ({self.events[point]} events)"

    def order(self, low: float = 0.0, high: float = np.inf) -> PowerLaw:
        r"""Fit :math:`\log |error| = const + p \log x` for x between `low` and `high`.

        Values known to less than 50 %, and those that fewer than 10 rare events carry, are left out. Weights are the
        inverse squares of the relative standard errors; of errors that rare events carry, the numbers of events (a
        value that happens to lack large ones is small, and so is its standard error). All points share their paths and
        are correlated: standard error and interval come from fits without one block of paths each (jackknife),
        Student's t with blocks - 1 degrees of freedom.

        Raises
        ------
        NumericalError
            If fewer than 2 points are left.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.abs(self.se / self.values)
        near = (self.x > 0) & (self.x >= low * (1 - 1e-9)) & (self.x <= high * (1 + 1e-9))
        used = near & (self.values != 0) & (relative < _LARGEST_RELATIVE_ERROR)
        if used.sum() < 2:
            raise NumericalError(
                f"{self.name}: only {used.sum()} of {near.sum()} errors are known to better than 50 %: take more paths"
            )
        if self.events is not None:
            weights = self.events[used].astype(float)
        elif relative[used].max() == 0.0:
            weights = np.ones(int(used.sum()))
        else:
            weights = 1.0 / np.maximum(relative[used], 1e-3 * relative[used].max()) ** 2
        slope, se = _slope(self.x[used], self.values[used], self.left_out[:, used], weights)
        from scipy.stats import t

        reach = float(t.ppf(0.975, self.left_out.shape[0] - 1)) * se
        return PowerLaw(slope, se, slope - reach, slope + reach, int(used.sum()))

    def to_plain(self) -> list[dict[str, float | None]]:
        """Return mean and standard error of every point for JSON, with events and upper bound where there are any."""
        found: list[dict[str, float | None]] = []
        for k in range(self.x.size):
            own = self[k].to_plain()
            own |= {} if self.events is None else {"events": int(self.events[k])}
            own |= {} if self.upper is None else {"upper": float(self.upper[k])}
            found.append(own)
        return found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the error over `x`, with bars of 2 standard errors."""
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
    name: str,
    unit: str,
    x: Floats,
    numerator: Floats,
    denominator: Floats | None = None,
    *,
    root: bool = False,
    rare: Rare | None = None,
    probability: bool = False,
    axis: Axis = STEP,
) -> ErrorMeasure:
    """Return the ratio of two means over paths, or its square root.

    Parameters
    ----------
    numerator, denominator : array, shape (paths, points)
        Without a denominator: the mean of the numerator.
    rare : Rare, optional
        The events that carry the numerator.
    probability : bool
        Whether the ratio is that of the rare events.
    """
    below = np.ones_like(numerator) if denominator is None else denominator
    blocks = min(BLOCKS, numerator.shape[0])
    cuts = np.linspace(0, numerator.shape[0], blocks + 1).astype(np.int64)[:-1]
    tops, bottoms = (np.add.reduceat(a, cuts, axis=0) for a in (numerator, below))
    values = _ratio(tops.sum(axis=0), bottoms.sum(axis=0), root)
    left_out = _ratio(tops.sum(axis=0) - tops, bottoms.sum(axis=0) - bottoms, root)
    se = jackknife_error(left_out)
    if rare is None:
        return ErrorMeasure(name, unit, axis, np.asarray(x, float), values, se, left_out)
    few = rare.events < FEWEST_EVENTS
    upper = np.where(few, poisson_bound(rare.events) / rare.chances, values + 1.645 * se) if probability else None
    se = np.where(few, np.nan, se)
    return ErrorMeasure(name, unit, axis, np.asarray(x, float), values, se, left_out, rare.events, upper)


def poisson_bound(events: Ints) -> Floats:
    """Return the mean at which so few events, or fewer, have a probability of 5 %."""
    from scipy.stats import chi2

    return np.asarray(chi2.ppf(0.95, 2.0 * (events + 1.0)) / 2.0)


def _ratio(top: Floats, bottom: Floats, root: bool) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = top / bottom
    return np.asarray(np.sqrt(np.maximum(found, 0.0)) if root else found)
