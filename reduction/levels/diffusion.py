"""One neuron's voltage as a diffusion up to a threshold: stationary density, firing rate, CV of the intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre

from spiking.errors import NumericalError, ParameterError
from spiking.neurons import Exponential, Fixed, NoRefractory, Normal, Refractory
from spiking.specification import ABOVE_MINUS_INF, BELOW_INF, checked_number

Floats = npt.NDArray[np.float64]
Function = Callable[[Floats], npt.ArrayLike]
Solution = TypeVar("Solution")

NODES = 8
TOLERANCE = 1e-8
"""Largest weight of the highest polynomial in a panel's solution; its end values are exact to about the square."""

_FIRST_PANELS = 8
_MOST_ROUNDS = 60
_MOST_PANELS = 10_000
_NEGLIGIBLE = 45.0
_MOST_STEPS_DOWN = 200
_LARGE = 1e150
_LARGEST_EXPONENT = 350.0
_LARGEST_GROWTH = 6.0  # of the density's logarithm over one panel; beyond, Radau collocation takes growth for decay
_THINNEST = 1e-9


class Rule(NamedTuple):
    """Radau collocation on [0, 1]: a polynomial that satisfies a differential equation at the nodes, the last at 1.

    Attributes
    ----------
    nodes, weights : array, shape (NODES,)
    integral : array, shape (NODES, NODES)
        From derivatives at the nodes to integrals from 0 to the nodes.
    coefficients : array, shape (NODES + 1, NODES + 1)
        From values at 0 and at the nodes to the weights of Legendre polynomials on [0, 1].
    start : array, shape (NODES,)
        From values at the nodes to the value at 0.
    """

    nodes: Floats
    weights: Floats
    integral: Floats
    coefficients: Floats
    start: Floats


def _radau() -> Rule:
    polynomial = np.zeros(NODES + 1)
    polynomial[-2:] = -1.0, 1.0
    x = np.sort(legendre.legroots(polynomial))
    x[-1] = 1.0
    basis = legendre.legvander(x, NODES)
    degree = np.arange(1, NODES)
    integrals = np.column_stack([1 + x, (basis[:, 2:] - basis[:, :-2]) / (2 * degree + 1)]) / 2
    to_coefficients = np.linalg.inv(basis[:, :-1])
    integral = integrals @ to_coefficients
    start = (-1.0) ** np.arange(NODES) @ to_coefficients
    coefficients = np.linalg.inv(legendre.legvander(np.append(-1.0, x), NODES))
    return Rule((1 + x) / 2, integral[-1], integral, coefficients, start)


RULE = _radau()


class Panels(NamedTuple):
    """Panels from the threshold downwards, and the flux equations y' = growth y - source J, J' = -s y at their nodes.

    y is the density over the coordinate x of the panels: the voltage, or its arc tangent if the cutoffs are infinite.
    Nodes of a panel run downwards.

    Attributes
    ----------
    top, width : array, shape (panels,)
        Upper end and width in x.
    above : array of bool, shape (panels,)
        Whether the panel lies above reset.
    voltage, slope, curvature, growth, source : array, shape (panels, NODES)
        v, dv/dx, the logarithmic derivative of dv/dx, and the two coefficients, at the nodes.
    """

    top: Floats
    width: Floats
    above: npt.NDArray[np.bool_]
    voltage: Floats
    slope: Floats
    curvature: Floats
    growth: Floats
    source: Floats


class Stationary(NamedTuple):
    """Stationary solution for a flux of 1/ms.

    Attributes
    ----------
    panels : Panels
    ends : array, shape (panels,)
        y at the upper ends.
    values : array, shape (panels, NODES)
        y at the nodes, in units of exp(`scale`) ms.
    mass : float
        Its integral: the mean passage time from reset to threshold.
    scale : float
    """

    panels: Panels
    ends: Floats
    values: Floats
    mass: float
    scale: float


@dataclass(frozen=True)
class Diffusion:
    r"""A voltage that diffuses up to a threshold and starts again at reset after a refractory time.

    .. math:: \partial_t p = -\partial_v J, \quad J = \mu(v)\, p - \tfrac12 \sigma^2(v)\, \partial_v p, \quad
              p(V_{th}) = 0

    The noise stands outside the gradient, as in the hops of the Markov approximation. In the Ito sense,
    :math:`dV = m\,dt + \sigma\,dW`, the same density has the drift :math:`\mu = m - \sigma \sigma'`.

    At rest :math:`p' = 2(\mu p - J)/\sigma^2`, solved downwards from the threshold by Radau collocation of 8 nodes on
    adaptive panels: all terms are positive, so that even the smallest rates keep their relative accuracy.

    Parameters
    ----------
    drift : callable
        mu in mV/ms at an array of voltages in mV.
    noise : callable
        sigma^2 in mV^2/ms, positive.
    threshold, reset : float
        In mV; both finite, or ``inf`` and ``-inf`` (for a drift that grows faster than linearly).
    floor : float
        Reflecting lower end in mV; ``-inf`` for none.
    refractory : Refractory

    Raises
    ------
    ParameterError
        If voltages are not in order.
    """

    drift: Function
    noise: Function
    threshold: float
    reset: float
    floor: float = -math.inf
    refractory: Refractory = NoRefractory()

    def __post_init__(self) -> None:
        checked_number("Diffusion", "threshold", self.threshold, ABOVE_MINUS_INF)
        checked_number("Diffusion", "reset", self.reset, BELOW_INF)
        checked_number("Diffusion", "floor", self.floor, BELOW_INF)
        if self.reset >= self.threshold:
            raise ParameterError("Diffusion", "reset", self.reset, f"must lie below threshold = {self.threshold}")
        if math.isinf(self.threshold) != math.isinf(self.reset):
            allowed = "must be -inf if threshold is inf, and finite if it is not"
            raise ParameterError("Diffusion", "reset", self.reset, allowed)
        if self.floor > self.reset:
            raise ParameterError("Diffusion", "floor", self.floor, f"must be at most reset = {self.reset}")

    def passage_time(self) -> float:
        """Return the mean passage time from reset to threshold in ms; errors as in `rate`."""
        solution = self._stationary
        return solution.mass * math.exp(solution.scale) if solution.scale < _LARGEST_EXPONENT else math.inf

    def rate(self) -> float:
        """Return the firing rate in 1/ms.

        Raises
        ------
        ParameterError
            If the noise is not positive somewhere.
        NumericalError
            If there is no stationary density, or the panels do not resolve it.
        """
        return 1.0 / (self.passage_time() + refractory_moments(self.refractory)[0])

    def variation(self) -> float:
        """Return the coefficient of variation of the intervals between spikes; errors as in `rate`.

        From the second order in s of the characteristic function of the passage time.
        """
        if self._stationary.scale > 0.0:
            raise NumericalError("the intervals are too long (over 1e150 ms) for their coefficient of variation")
        solution, second = refined(self, self._stationary.panels, _second_moment)
        mean, variance = refractory_moments(self.refractory)
        return math.sqrt((1.0 - 2.0 * second) * solution.mass**2 + variance) / (solution.mass + mean)

    def mean_voltage(self) -> float:
        """Return the mean voltage in mV, refractory neurons counted at reset; errors as in `rate`.

        Raises
        ------
        ParameterError
            If the cutoffs are infinite: there is none.
        """
        if math.isinf(self.reset):
            raise ParameterError("Diffusion", "reset", self.reset, "must be finite for a mean voltage")
        solution, p = self._stationary, self._stationary.panels
        moment = p.width @ ((solution.values * p.voltage) @ RULE.weights)
        free = 1.0 - self.rate() * refractory_moments(self.refractory)[0]
        return float(free * moment / solution.mass + (1.0 - free) * self.reset)

    def density(self, v: npt.ArrayLike) -> Floats:
        """Return the stationary density in 1/mV at voltages in mV, of neurons that are not refractory; errors as there.

        Its integral is the share of time in which the neuron is not refractory.
        """
        voltage = np.asarray(v, float)
        flat, solution, p = voltage.ravel(), self._stationary, self._stationary.panels
        x, slope = (flat, np.ones_like(flat)) if math.isfinite(self.threshold) else (np.arctan(flat), 1.0 + flat**2)
        index = np.clip(np.searchsorted(-p.top, -x, "right") - 1, 0, p.top.size - 1)
        place = (p.top[index] - x) / p.width[index]
        coefficients = np.column_stack([solution.ends, solution.values]) @ RULE.coefficients.T
        y = (legendre.legvander(2 * place - 1, NODES) * coefficients[index]).sum(axis=-1)
        free = 1.0 - self.rate() * refractory_moments(self.refractory)[0]
        inside = (place >= 0.0) & (place <= 1.0)
        return np.where(inside, free * y / (solution.mass * slope), 0.0).reshape(voltage.shape)

    @cached_property
    def _stationary(self) -> Stationary:
        return refined(self, first_panels(self), stationary)


def refractory_moments(refractory: Refractory) -> tuple[float, float]:
    """Return mean and variance of a refractory time, in ms and ms^2."""
    if isinstance(refractory, Fixed):
        return refractory.duration, 0.0
    if isinstance(refractory, Exponential):
        return refractory.mean, refractory.mean**2
    if isinstance(refractory, Normal):
        m, s = refractory.mean, refractory.deviation
        if s == 0.0:
            return max(m, 0.0), 0.0
        positive = 0.5 * math.erfc(-m / (s * math.sqrt(2.0)))
        height = math.exp(-0.5 * (m / s) ** 2) / math.sqrt(2.0 * math.pi)
        mean = m * positive + s * height
        return mean, (m**2 + s**2) * positive + m * s * height - mean**2
    return 0.0, 0.0


def panels(diffusion: Diffusion, edges: Floats) -> Panels:
    """Return the panels between edges in x that run downwards, with the equations at their nodes.

    Raises
    ------
    ParameterError
        If the noise is not positive, or drift or noise is not finite, at a node.
    """
    width = edges[:-1] - edges[1:]
    x = edges[:-1, None] - width[:, None] * RULE.nodes
    if math.isfinite(diffusion.threshold):
        voltage, slope, curvature = x, np.ones_like(x), np.zeros_like(x)
    else:
        voltage = np.tan(x)
        slope, curvature = 1.0 + voltage**2, 2.0 * voltage
    drift = np.broadcast_to(np.asarray(diffusion.drift(voltage), float), x.shape)
    noise = 0.5 * np.broadcast_to(np.asarray(diffusion.noise(voltage), float), x.shape)
    for name, values, bad in (
        ("noise", 2 * noise, ~((noise > 0.0) & np.isfinite(noise))),
        ("drift", drift, ~np.isfinite(drift)),
    ):
        if bad.any():
            worst = np.flatnonzero(bad)[0]
            allowed = "must be positive and finite" if name == "noise" else "must be finite"
            place = f"{name}({voltage.flat[worst]:.6g})"
            raise ParameterError("Diffusion", place, float(values.flat[worst]), allowed)
    return Panels(
        top=edges[:-1], width=width, above=edges[1:] >= diffusion.reset if math.isfinite(diffusion.reset)
        else np.ones(width.size, bool), voltage=voltage, slope=slope, curvature=curvature,
        growth=slope * drift / noise + curvature, source=slope**2 / noise,
    )  # fmt: skip


def first_panels(diffusion: Diffusion) -> Panels:
    """Return a few panels on each side of reset, down to where nothing remains of the density."""
    if math.isinf(diffusion.threshold):
        return panels(diffusion, np.linspace(math.pi / 2, -math.pi / 2, 2 * _FIRST_PANELS + 1))
    edges = np.linspace(diffusion.threshold, diffusion.reset, _FIRST_PANELS + 1)
    floor = diffusion.floor if math.isfinite(diffusion.floor) else _lower_end(diffusion)
    if floor < diffusion.reset:
        edges = np.concatenate([edges, np.linspace(diffusion.reset, floor, _FIRST_PANELS + 1)[1:]])
    return panels(diffusion, edges)


def _lower_end(diffusion: Diffusion) -> float:
    """Return a voltage below reset at which the density has fallen to exp(-45) of its maximum."""
    v, step = diffusion.reset, (diffusion.threshold - diffusion.reset) / _FIRST_PANELS
    exponent = highest = 0.0
    for _ in range(_MOST_STEPS_DOWN):
        p = panels(diffusion, np.array([v, v - step]))
        exponent -= float(step * (p.growth[0] @ RULE.weights))
        v -= step
        step *= 1.25
        highest = max(highest, exponent)
        if exponent < highest - _NEGLIGIBLE:
            return v
    raise NumericalError(f"no stationary density: the drift does not hold the voltage above {v:.3g}; give a floor")


def stationary(p: Panels) -> tuple[Stationary, Floats]:
    """Solve downwards from the threshold at a flux of 1; return the solution and each panel's error indicator."""
    free, driven = _panel_solutions(p, p.source)
    along, gain = free[:, -1].tolist(), driven[:, -1].tolist()
    ends, kept, scale, shrunk = np.empty(p.width.size), np.empty(p.width.size), np.zeros(p.width.size), 1.0
    y = start_value(p, p.source)
    for k, above in enumerate(p.above.tolist()):
        if abs(y) > _LARGE:
            y /= _LARGE
            shrunk /= _LARGE
            scale[k:] += math.log(_LARGE)
        ends[k] = y
        kept[k] = along[k] * y
        y = kept[k] + gain[k] * shrunk * above
        kept[k] /= y if y != 0.0 else 1.0
    values = ends[:, None] * free + (np.exp(-scale) * p.above)[:, None] * driven
    decrease = np.exp(scale - scale[-1])
    masses = decrease * p.width * (values @ RULE.weights)
    inherited = decrease * p.width * ends * (free @ RULE.weights)
    influence, later = masses.copy(), 0.0
    for k in range(ends.size - 1, -1, -1):
        influence[k] += later
        later = inherited[k] + kept[k] * later
    error = highest_weight(ends, values) * np.abs(influence / masses.sum())
    return Stationary(p, decrease * ends, decrease[:, None] * values, float(masses.sum()), float(scale[-1])), error


def start_value(p: Panels, source: Floats) -> float:
    """Return y at the upper end: 0 at a threshold, the ratio of source and growth at infinity."""
    return 0.0 if p.slope[0, 0] == 1.0 else float((source[0] / p.growth[0]) @ RULE.start)


def _panel_solutions(p: Panels, source: Floats) -> tuple[Floats, Floats]:
    """Return y at the nodes of each panel for a unit value at its start, and for the source alone (start 0).

    The unknowns are the derivatives, and rows are scaled, so that stiff nodes cancel nothing.
    """
    factors = p.width[:, None, None] * RULE.integral
    row = 1.0 / (1.0 + np.abs(p.width[:, None] * p.growth))
    matrix = row[:, :, None] * np.eye(NODES) + (row * p.growth)[:, :, None] * factors
    right = np.stack([row * p.growth, -row * source], axis=-1)
    change = factors @ np.linalg.solve(matrix, right)
    return 1.0 - change[..., 0], -change[..., 1]


def highest_weight(starts: Floats, values: Floats) -> Floats:
    """Return the weight of the highest polynomial of each panel's solution, over the solution's size."""
    size = np.maximum(np.abs(starts), np.abs(values).max(axis=-1))
    weight = np.abs(starts * RULE.coefficients[-1, 0] + values @ RULE.coefficients[-1, 1:])
    return np.asarray(weight / np.where(size > 0.0, size, 1.0))


def _second_moment(p: Panels) -> tuple[tuple[Stationary, float], Floats]:
    """Solve y' = growth y - source J with J the integral of the stationary y above, less all of it below reset.

    The integral of y is what the variance of the passage time lacks of half its mean's square. Return the stationary
    solution, that integral over the mean's square, and the error indicators of both solutions.
    """
    solution, error = stationary(p)
    factors = p.width[:, None, None] * RULE.integral
    within = (factors @ (solution.values / solution.mass)[..., None])[..., 0]
    flux = np.append(0.0, np.cumsum(within[:-1, -1]))[:, None] + within - np.where(p.above, 0.0, 1.0)[:, None]
    free, driven = _panel_solutions(p, p.source * flux)
    ends, y = np.empty(p.width.size), start_value(p, p.source * flux)
    for k in range(ends.size):
        ends[k] = y
        y = free[k, -1] * y + driven[k, -1]
    values = ends[:, None] * free + driven
    masses = p.width * (values @ RULE.weights) / solution.mass
    weight = np.cumsum(np.abs(masses)[::-1])[::-1] / np.abs(masses).sum()
    return (solution, float(masses.sum())), np.maximum(error, weight * highest_weight(ends, values))


def refined(diffusion: Diffusion, p: Panels, solve: Callable[[Panels], tuple[Solution, Floats]]) -> Solution:
    """Halve panels until every error indicator of `solve` is below the tolerance; return its solution.

    Raises
    ------
    NumericalError
        If that takes too many panels.
    """
    for _ in range(_MOST_ROUNDS):
        coarse = (p.width[:, None] * p.growth < -_LARGEST_GROWTH).any(axis=1)
        if not coarse.any():
            solution, indicator = solve(p)
            coarse = ~(indicator < TOLERANCE) & (p.width > _THINNEST * p.width.sum())
            if not coarse.any():
                return solution
        if p.width.size + coarse.sum() > _MOST_PANELS:
            break
        middle = p.top[coarse] - 0.5 * p.width[coarse]
        edges = np.concatenate([p.top, middle, p.top[-1:] - p.width[-1:]])
        p = panels(diffusion, -np.sort(-edges))
    raise NumericalError("the density is not resolved: drift and noise must be smooth between reset and threshold")
