"""A leaky neuron in an Ornstein-Uhlenbeck current: density of voltage and current, speeds at the threshold."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre

from reduction.levels.panels import Panels, filled
from spiking.current_networks import current_network
from spiking.errors import NumericalError, ParameterError, SpecificationError
from spiking.network import Network
from spiking.specification import Requirement, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

_REACH = 8.0
_SPEED_WIDTH = 1.25
_VOLTAGE_PANELS = 4
_LAYER = 1.0
_GRADING, _GRADED = 0.35, 6
_COARSER = 2
_RESOLVED = 0.1
_DEGREES = Requirement("must lie between 4 and 12", lambda x: 4 <= x <= 12)


class _Neuron(NamedTuple):
    leak: float
    rest: float
    threshold: float
    reset: float
    mean: float
    tau: float
    noise: float

    @property
    def deviation(self) -> float:
        return self.noise * math.sqrt(self.tau / 2.0)

    @property
    def rise(self) -> float:
        """By how much a reset raises the speed, in mV/ms."""
        return self.leak * (self.threshold - self.reset)


@dataclass(frozen=True, eq=False)
class CrossingDensity:
    r"""Stationary density of a neuron, and of its speed :math:`A = \dot V` where it crosses the threshold.

    Attributes
    ----------
    network : Network
    rate, rate_error : float
        Firing rate in Hz, and its change if the polynomials' degree is lowered by 2 (which exceeds the error).
    exponent, exponent_error : float
        Lyapunov exponent of the voltage in 1/ms, and that change.
    speeds, weights : array, shape (points,)
        Quadrature of the speed at the threshold, in mV/ms: graded towards 0.
    crossing : array, shape (points,)
        Density of the speed over crossings, in ms/mV; its integral is 1.
    """

    network: Network
    rate: float
    rate_error: float
    exponent: float
    exponent_error: float
    speeds: Floats
    weights: Floats
    crossing: Floats
    _solution: _Solution = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"CrossingDensity(rate={self.rate:.6g} Hz ({self.rate_error:.1g}), "
            f"exponent={self.exponent:.6g}/ms ({self.exponent_error:.1g}))"
        )

    def probability_below(self, speed: npt.ArrayLike) -> Floats:
        """Return the part of crossings slower than a speed in mV/ms, of its shape."""
        asked = np.asarray(speed, float)
        edges = self._solution.speed.edges
        found = np.zeros(asked.shape)
        x, w = legendre.leggauss(self._solution.speed.degree + 2)
        edges = edges[edges >= 0.0]
        for low, high in itertools.pairwise(edges):
            half = 0.5 * np.clip(asked - low, 0.0, high - low)
            at = low + half[..., None] * (1.0 + x)
            found += half * ((at * self._solution.at_threshold(at)) @ w)
        return np.asarray(found / self._solution.flux)

    def density(self, voltage: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
        """Return the joint density in ms/mV^2 on a grid of voltages (mV) and currents (mV/ms), shape (n, m)."""
        return self._solution.joint(np.asarray(voltage, float), np.asarray(current, float))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the density of the speed at the threshold."""
        from spiking.lyapunov_plots import speed_curve

        return speed_curve(self.speeds, self.crossing, ax=ax)


def crossing_density(network: Network, *, degree: int = 6) -> CrossingDensity:
    r"""Solve for the stationary density of a leaky neuron in an Ornstein-Uhlenbeck current.

    In voltage and speed :math:`A = I - \gamma (V - V_{rest})` the density obeys

    .. math:: \partial_V (A \rho) + \partial_A \Big[\Big(\frac{\mu - \gamma (V - V_{rest})}{\tau}
              - \Big(\gamma + \frac1\tau\Big) A\Big) \rho\Big] = \frac{\nu^2}{2} \partial_A^2 \rho
              + \text{what was reset},

    with no neuron entering at the threshold (:math:`\rho = 0` for A < 0), and those that leave there at A > 0 entering
    at reset with the same current, at speed :math:`A + \gamma (V_{th} - V_{reset})`. Polynomials on panels, upwind and
    discontinuous in V (where each speed carries one way), continuous in A; panels shrink geometrically towards
    (threshold, A = 0), where :math:`\rho \sim A^{1/2}`. Neurons are conserved exactly. One sparse linear system.

    The rate is the flux :math:`\int_0^\infty A \rho\,dA` at the threshold, and the Lyapunov exponent of the voltage

    .. math:: \lambda = -\gamma + \int_0^\infty A \rho(V_{th}, A)
              \log\Big(1 + \frac{\gamma (V_{th} - V_{reset})}{A}\Big)\, dA

    (arXiv 2603.10854).

    Parameters
    ----------
    network : Network
        One population of leaky neurons without refractory time, with an Ornstein-Uhlenbeck drive (and constant
        currents), without projections.
    degree : int
        Of the polynomials, from 4 to 12.

    Raises
    ------
    ParameterError, SpecificationError
        If the network is another one.
    NumericalError
        If the density is not resolved: a change of the rate by a tenth, or a neuron that (nearly) never fires.
    """
    degree = int(checked_number("", "degree", degree, _DEGREES, integer=True))
    neuron = _checked(network)
    coarse, fine = (_solve(neuron, n) for n in (degree - _COARSER, degree))
    if not abs(fine.flux - coarse.flux) < _RESOLVED * fine.flux:
        rates = " and ".join(f"{1000.0 * s.flux:.3g} Hz" for s in (coarse, fine))
        remedy = "raise degree, unless the neuron (nearly) never fires"
        raise NumericalError(f"the density is not resolved (rates with the last two degrees: {rates}): {remedy}")
    exponents = [s.exponent for s in (coarse, fine)]
    speeds, weights = fine.quadrature()
    return CrossingDensity(
        network=network,
        rate=1000.0 * fine.flux,
        rate_error=1000.0 * abs(fine.flux - coarse.flux),
        exponent=exponents[1],
        exponent_error=abs(exponents[1] - exponents[0]),
        speeds=speeds,
        weights=weights,
        crossing=speeds * fine.at_threshold(speeds) / fine.flux,
        _solution=fine,
    )


def _checked(network: Network) -> _Neuron:
    arrays = current_network(network)
    if len(network.populations) > 1 or network.projections:
        raise SpecificationError("network: must be one population without projections: its neurons are independent")
    values = (arrays.leak, arrays.rest, arrays.threshold, arrays.reset, arrays.mean, arrays.tau, arrays.noise)
    neuron = _Neuron(*(float(value[0]) for value in values))
    if neuron.noise == 0.0:
        name = f"{network.populations[0].name}.drive"
        raise ParameterError(name, "deviation", 0.0, "must be positive: there is no density without noise")
    return neuron


class _Solution(NamedTuple):
    """Values at the nodes, shape (panels of V, degree + 1, nodes in A); `flux` through the threshold in 1/ms."""

    neuron: _Neuron
    voltage: Panels
    speed: Panels
    values: Floats

    def at_threshold(self, speed: Floats) -> Floats:
        return self.speed.continuous(self.values[-1, -1], speed)

    def quadrature(self) -> tuple[Floats, Floats]:
        up = self.speed.edges[:-1] >= 0.0
        return self.speed.points[up].ravel(), self.speed.weights[up].ravel()

    @property
    def flux(self) -> float:
        speed, weight = self.quadrature()
        return float(weight @ (speed * self.at_threshold(speed)))

    @property
    def exponent(self) -> float:
        speed, weight = self.quadrature()
        logarithm = np.log1p(self.neuron.rise / speed)
        return float(-self.neuron.leak + weight @ (speed * self.at_threshold(speed) * logarithm))

    def joint(self, voltage: Floats, current: Floats) -> Floats:
        panel, local = self.voltage.local(voltage)
        found = np.zeros((voltage.size, current.size))
        for row, (v, e) in enumerate(zip(voltage, panel, strict=True)):
            if self.voltage.edges[0] <= v <= self.voltage.edges[-1]:
                speed = current - self.neuron.leak * (v - self.neuron.rest)
                found[row] = self.speed.continuous(local[row] @ self.values[e], speed)
        return found


def _panels(n: _Neuron, degree: int) -> tuple[Panels, Panels]:
    """Panels as narrow as the current's deviation and the way from reset to threshold ask, graded at the corner."""
    free = n.deviation * math.sqrt(n.tau / (n.leak * (1.0 + n.leak * n.tau)))
    lowest = min(n.reset, n.rest + n.mean / n.leak) - _REACH * free
    width = min((n.threshold - n.reset) / _VOLTAGE_PANELS, _SPEED_WIDTH * n.deviation / n.leak)
    step = min(_SPEED_WIDTH * n.deviation, _LAYER * (0.5 * n.noise**2 * (n.threshold - n.reset)) ** (1.0 / 3.0))
    powers = _GRADING ** np.arange(1, _GRADED + 1)
    low = n.mean - _REACH * n.deviation - n.leak * (n.threshold - n.rest)
    high = max(n.mean + _REACH * n.deviation - n.leak * (lowest - n.rest), n.rise + 2.0 * step)
    below = filled(np.array([min(low, -2.0 * step), -step]), step)
    above = filled(np.unique([step, max(n.rise, step), high]), step)
    voltage = filled(np.array([lowest, n.reset, n.threshold - width]), width)
    return (
        Panels(np.concatenate([voltage, n.threshold - width * powers**3, [n.threshold]]), degree),
        Panels(np.concatenate([below, -step * powers, [0.0], step * powers[::-1], above]), degree),
    )


def _operator(n: _Neuron, voltage: Panels, speed: Panels) -> Any:
    """Return the weak form of the stationary equation, with rows for tests and columns for the density's values."""
    from scipy import sparse

    a = speed.points
    upward = (speed.edges[:-1] >= 0.0)[:, None]
    up, down = (speed.continuous_matrix(speed.products(speed.weights * abs(a) * s)) for s in (upward, ~upward))
    level = (n.mean + n.leak * n.rest) / n.tau - (n.leak + 1.0 / n.tau) * a
    drift = speed.carried(speed.weights * level) - speed.spread(0.5 * n.noise**2 * speed.weights)
    pull = speed.carried(-n.leak / n.tau * speed.weights)
    rising, falling = voltage.upwind()
    mass, tilted = (voltage.discontinuous_matrix(voltage.products(voltage.weights * f)) for f in (1.0, voltage.points))
    size = mass.shape[0]
    entry = int(np.searchsorted(voltage.edges, n.reset)) * (voltage.degree + 1)
    back = sparse.coo_matrix(([1.0], ([entry], [size - 1])), shape=(size, size))
    return (
        sparse.kron(rising, up) + sparse.kron(falling, down) + sparse.kron(mass, speed.continuous_matrix(drift))
        + sparse.kron(tilted, speed.continuous_matrix(pull)) + sparse.kron(back, speed.shifted(n.rise))
    )  # fmt: skip


def _reached(n: _Neuron, voltage: Panels, speed: Panels) -> npt.NDArray[np.bool_]:
    """Which nodes, (V, A), belong to panels of V where some current is within reach of its mean."""
    least = (n.mean - _REACH * n.deviation) - n.leak * (voltage.edges[1:] - n.rest)
    most = (n.mean + _REACH * n.deviation) - n.leak * (voltage.edges[:-1] - n.rest)
    low, high = (np.repeat(value, voltage.degree + 1)[:, None] for value in (least, most))
    return (speed.nodes >= low) & (speed.nodes <= high)


def _solve(n: _Neuron, degree: int) -> _Solution:
    """Return the null vector of the operator: one value, where neurons are many, stands in for its equation."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    voltage, speed = _panels(n, degree)
    operator = _operator(n, voltage, speed)
    place = np.array([min(n.rest + n.mean / n.leak, 0.5 * (n.reset + n.threshold))])
    row = int(voltage.local(place)[0][0]) * (degree + 1) + degree // 2
    column = int(speed.local(n.mean - n.leak * (place - n.rest))[0][0]) * degree + degree // 2
    kept = _reached(n, voltage, speed)
    chosen = np.zeros(kept.shape)
    chosen[row, column] = 1.0
    chosen, found = chosen[kept], np.zeros(kept.shape)
    system = sparse.diags(1.0 - chosen) @ operator.tocsr()[kept.ravel()][:, kept.ravel()] + sparse.diags(chosen)
    try:
        found[kept] = splu(system.tocsc()).solve(chosen)
    except RuntimeError as error:
        raise NumericalError(f"the density cannot be solved for ({error}): reduce the deviation") from None
    if not np.isfinite(found).all():
        raise NumericalError("the density is not finite: reduce the deviation")
    values = found.reshape(voltage.number, degree + 1, -1)
    along = speed.continuous_matrix(speed.products(speed.weights)).sum(axis=0)
    across = voltage.weights @ voltage.value
    return _Solution(n, voltage, speed, values / np.sum(across[:, :, None] * values * np.asarray(along).ravel()))
