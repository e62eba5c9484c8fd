"""Where, over a parameter, noisy oscillations and alternations begin and end, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking.estimates import Estimate, finite_or_none

Floats = npt.NDArray[np.float64]

RESAMPLES = 400
NORMAL_95 = 1.959963985
"""Half-width of a 95 % interval of a normal distribution, in standard deviations."""

LOWEST = -1.0
"""Least value of an order parameter: what lies further below says no more, and would outweigh all else in a mean."""

_LEAST_AMPLITUDE = 0.01
_LEAST_SHARE = 0.95
_LEAST_SIGNIFICANCE = 3.0
_ALTERNATING_FILTER = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / 16.0


@dataclass(frozen=True)
class Order:
    """An order parameter: 0 in Gaussian noise, 1 without noise beyond the bifurcation, `critical` at it, at least -1.

    Attributes
    ----------
    name : str
    critical : float
    value : callable
        From sums over blocks, shape (..., columns), to the order parameter, shape (...).
    """

    name: str
    critical: float
    value: Callable[[Floats], Floats]


@dataclass(frozen=True)
class Onset:
    """Where something begins or ends.

    Attributes
    ----------
    phenomenon : str
        ``"alternation begins"``, ``"alternation ends"``, ``"oscillation begins"`` or ``"oscillation ends"``.
    value, low, high : float
        Of the parameter, with its 95 % confidence interval, never narrower than the step between values; NaN if not
        shown.
    reason : str
        Why it is not shown; empty if it is.
    """

    phenomenon: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Whether the data show it."""
        return not self.reason

    @property
    def estimate(self) -> Estimate:
        """The value with its error bar: the interval's half-width over 1.96."""
        return Estimate(self.value, (self.high - self.low) / (2 * NORMAL_95))

    def __str__(self) -> str:
        if not self.shown:
            return f"not shown: {self.reason}"
        return f"{self.value:.4g} (95 %: {self.low:.4g} to {self.high:.4g})"

    def to_plain(self) -> dict[str, Any]:
        """Return the onset for JSON."""
        numbers = {name: finite_or_none(getattr(self, name)) for name in ("value", "low", "high")}
        return {"phenomenon": self.phenomenon, **numbers, "reason": self.reason}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Onset:
        """Return the onset that `to_plain` wrote."""
        numbers = {name: math.nan if data[name] is None else data[name] for name in ("value", "low", "high")}
        return cls(data["phenomenon"], **numbers, reason=data["reason"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Onset) and self.to_plain() == other.to_plain()

    __hash__ = None  # type: ignore[assignment]


def alternation_sums(sizes: Floats, blocks: int) -> Floats:
    r"""Return, for blocks of successive events, the sums that `ALTERNATION` needs.

    Parameters
    ----------
    sizes : array, shape (events,)
    blocks : int

    Returns
    -------
    array, shape (blocks, 6)
        Number; sums of size, :math:`a^2`, :math:`a^4` and of the products of deviations of events one and two apart.
        :math:`a_n = (s_{n-2} - 4 s_{n-1} + 6 s_n - 4 s_{n+1} + s_{n+2})/16` is the amplitude of what alternates.
    """
    if sizes.size < _ALTERNATING_FILTER.size:
        return np.zeros((blocks, 6))
    amplitude = np.convolve(sizes, _ALTERNATING_FILTER, mode="valid")
    deviation = sizes - sizes.mean()
    middle = deviation[2:-2]
    columns = (
        np.ones(middle.size), sizes[2:-2], amplitude**2, amplitude**4, middle * deviation[3:-1], middle * deviation[4:],
    )  # fmt: skip
    return np.array([part.sum(axis=0) for part in np.array_split(np.column_stack(columns), blocks)])


def oscillation_sums(rate: Floats, amplitudes: Sequence[Floats], blocks: int) -> Floats:
    """Return, for blocks of time, the sums that `OSCILLATION` needs.

    Parameters
    ----------
    rate : array, shape (samples,)
    amplitudes : sequence of array, shape (samples,)
        Squared amplitude of the analytic signal of the rate in one or several bands.
    blocks : int

    Returns
    -------
    array, shape (blocks, 2 + 2 bands)
        Number; sums of rate, and of the squared amplitudes and their squares.
    """
    columns = [np.ones(rate.size), rate, *amplitudes, *(a**2 for a in amplitudes)]
    return np.array([part.sum(axis=0) for part in np.array_split(np.column_stack(columns), blocks)])


def _alternation(sums: Floats) -> Floats:
    number, size, second, fourth, one_apart, two_apart = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        order = (3.0 - fourth * number / second**2) / 2
        tiny = second * number < (_LEAST_AMPLITUDE * size) ** 2
    order = np.where((one_apart < 0) & (two_apart > 0), order, np.minimum(order, 0.0))
    return np.where(tiny | (number == 0) | ~np.isfinite(order), 0.0, np.maximum(order, LOWEST))


def _oscillation(sums: Floats) -> Floats:
    number, rate, *rest = np.moveaxis(sums, -1, 0)
    bands = len(rest) // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        orders = np.array([2.0 - rest[bands + k] * number / rest[k] ** 2 for k in range(bands)])
        tiny = np.max(rest[:bands], axis=0) * number < (_LEAST_AMPLITUDE * rate) ** 2
    order = np.max(np.where(np.isfinite(orders), orders, -np.inf), axis=0)
    return np.where(tiny | (number == 0) | ~np.isfinite(order), 0.0, np.maximum(order, LOWEST))


ALTERNATION = Order(
    "alternation", (3.0 - math.gamma(0.25) * math.gamma(1.25) / math.gamma(0.75) ** 2) / 2, _alternation
)
r"""Alternation of event sizes: :math:`(3 - \langle a^4\rangle/\langle a^2\rangle^2)/2`.

At a period doubling in weak noise the amplitude has the density :math:`\propto e^{-c a^4}`, whatever noise and event
sizes are: the critical value is :math:`(3 - \Gamma(1/4)\Gamma(5/4)/\Gamma(3/4)^2)/2 = 0.4058`. It counts as at most 0
if events one apart are not anticorrelated, or those two apart not correlated; as 0 if the amplitude is below 1 % of the
size.
"""

OSCILLATION = Order("oscillation", 2.0 - math.pi / 2, _oscillation)
r"""Oscillation of the rate: :math:`2 - \langle r^4\rangle/\langle r^2\rangle^2` of its amplitude r in the band of the
oscillation.

At a Hopf point in weak noise r has the density :math:`\propto r e^{-c r^4}`: the critical value is :math:`2 - \pi/2 =
0.4292`. The largest value over bands counts; 0 if the amplitude is below 1 % of the mean rate.
"""


def resampled(sums: Floats, order: Order, generator: np.random.Generator) -> Floats:
    """Return the order parameter and its values in resamples of the blocks, shape (1 + RESAMPLES,)."""
    drawn = generator.integers(len(sums), size=(RESAMPLES, len(sums)))
    return np.concatenate([order.value(sums.sum(axis=0)[None]), order.value(sums[drawn].sum(axis=1))])


def onsets(values: Sequence[float], orders: Floats, order: Order) -> tuple[Onset, Onset]:
    """Return where an order parameter rises above its critical value and where it falls below it again.

    The range in which it lies above is the one with the largest sum of its excesses over the critical value (each
    limited to 1 less the critical value, so that no single value decides). Its ends are interpolated linearly between
    the two values on either side. Their 95 % interval is that of the resamples, widened to those two values.

    Parameters
    ----------
    values : sequence of float
        Increasing.
    orders : array, shape (1 + resamples, values)
        The order parameter at every value, then in each resample of the data.
    order : Order

    Returns
    -------
    begins, ends : Onset
        Not shown if the sum is less than 3 standard errors above 0, if 5 % of the resamples lack the range, or if it
        reaches the first or last value.
    """
    places = np.asarray(values, float)
    limit = 1.0 - order.critical
    excess = np.clip(orders - order.critical, -limit, limit)
    first, last = _best_range(excess[0])
    names = f"{order.name} begins", f"{order.name} ends"
    if first < 0:
        top = int(np.argmax(orders[0]))
        spread = float(orders[1:, top].std(ddof=1))
        reason = (
            f"the order parameter of {order.name} stays below {order.critical:.2f}: "
            f"at most {orders[0, top]:.2f} ± {spread:.2g}, at {places[top]:g}"
        )
        return Onset(names[0], reason=reason), Onset(names[1], reason=reason)
    inside = slice(first, last + 1)
    strength, noise = float(excess[0, inside].sum()), float(excess[1:, inside].sum(axis=1).std(ddof=1))
    ranges = [_best_range(row) for row in excess[1:]]
    share = float(np.mean([low >= 0 for low, _ in ranges]))
    if strength < _LEAST_SIGNIFICANCE * noise or share < _LEAST_SHARE:
        ratio = f"{strength / noise:.1f} standard errors" if noise else "nothing"
        reason = f"{order.name} from {places[first]:g} to {places[last]:g} stands out by {ratio} only"
        return Onset(names[0], reason=reason), Onset(names[1], reason=reason)
    found = [(row, *ends) for row, ends in zip(excess[1:], ranges, strict=True) if ends[0] >= 0]
    return (
        _end(names[0], places, excess[0], first, first - 1, [(row, low, low - 1) for row, low, _ in found]),
        _end(names[1], places, excess[0], last, last + 1, [(row, high, high + 1) for row, _, high in found]),
    )


def _best_range(excess: Floats) -> tuple[int, int]:
    """Return the first and last index of the range with the largest positive sum; (-1, -1) if no sum is positive."""
    best, total, start, found = 0.0, 0.0, 0, (-1, -1)
    for index, own in enumerate(excess):
        if total <= 0:
            total, start = 0.0, index
        total += float(own)
        if total > best:
            best, found = total, (start, index)
    return found


def _end(
    name: str, places: Floats, excess: Floats, inside: int, outside: int, resamples: Sequence[tuple[Floats, int, int]]
) -> Onset:
    if not 0 <= outside < places.size:
        side = "first" if outside < 0 else "last"
        return Onset(name, reason=f"at the {side} value, {places[inside]:g}, the range of {name.split()[0]} goes on")
    crossings = [_crossing(places, *resample) for resample in resamples]
    low, high = np.quantile(crossings, (0.025, 0.975))
    near = sorted((places[inside], places[outside]))
    return Onset(name, _crossing(places, excess, inside, outside), float(min(low, near[0])), float(max(high, near[1])))


def _crossing(places: Floats, excess: Floats, inside: int, outside: int) -> float:
    if not 0 <= outside < places.size:
        return float(places[inside])
    share = excess[inside] / (excess[inside] - excess[outside])
    return float(places[inside] + share * (places[outside] - places[inside]))
