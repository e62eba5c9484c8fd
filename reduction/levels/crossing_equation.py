"""The equation of a leaky neuron in an Ornstein-Uhlenbeck current: panels, matrix, and its stationary solution."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.levels.panels import Panels, filled
from spiking import memory
from spiking.errors import NumericalError, SpecificationError

Floats = npt.NDArray[np.float64]

_REACH = 8.0
_SPEED_WIDTH = 1.25
_VOLTAGE_PANELS = 4
_LAYER = 1.0
_GRADING, _GRADED = 0.35, 6
_BYTES_OF_OPERATOR, _BYTES_OF_SOLUTION = 85.0, 130.0
_MOST_NONZEROS, _FILL = 1e9, 9.0
_REMEDY = "lower degree (down to 4), or sample the neuron by spiking.lyapunov.neuron_exponent"


class Neuron(NamedTuple):
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


class Solution(NamedTuple):
    """Values at the nodes, shape (panels of V, degree + 1, nodes in A); `flux` through the threshold in 1/ms."""

    neuron: Neuron
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


class _Extent(NamedTuple):
    """Ranges of voltage (up to the threshold) and speed, and the widths of their panels."""

    lowest: float
    width: float
    low: float
    high: float
    step: float


def _extent(n: Neuron) -> _Extent:
    """Panels as narrow as the current's deviation and the way from reset to threshold ask."""
    free = n.deviation * math.sqrt(n.tau / (n.leak * (1.0 + n.leak * n.tau)))
    lowest = min(n.reset, n.rest + n.mean / n.leak) - _REACH * free
    width = min((n.threshold - n.reset) / _VOLTAGE_PANELS, _SPEED_WIDTH * n.deviation / n.leak)
    step = min(_SPEED_WIDTH * n.deviation, _LAYER * (0.5 * n.noise**2 * (n.threshold - n.reset)) ** (1.0 / 3.0))
    low = n.mean - _REACH * n.deviation - n.leak * (n.threshold - n.rest)
    high = max(n.mean + _REACH * n.deviation - n.leak * (lowest - n.rest), n.rise + 2.0 * step)
    return _Extent(lowest, width, low, high, step)


def check_size(n: Neuron, degree: int) -> None:
    """Refuse what would take too much memory, or too long; the constants were measured.

    Raises
    ------
    SpecificationError
        Says how much, and the remedy.
    """
    lowest, width, low, high, step = _extent(n)
    voltages = (n.threshold - lowest) / width + _GRADED
    speeds, reached = ((span / step + 2.0 * _GRADED + 2.0) for span in (high - low, 2.0 * _REACH * n.deviation))
    block = voltages * (degree + 1.0) ** 3 * degree
    nonzeros = _FILL * block * min(speeds, reached)
    if nonzeros > _MOST_NONZEROS:
        raise SpecificationError(
            f"the density would take {voltages:.0f} x {speeds:.0f} panels, too many to solve for: {_REMEDY}"
        )
    needed = block * (_BYTES_OF_OPERATOR * speeds + _BYTES_OF_SOLUTION * min(speeds, reached))
    memory.check(needed, "the density", _REMEDY)


def _panels(n: Neuron, degree: int) -> tuple[Panels, Panels]:
    """Return panels of voltage and speed, graded at the corner."""
    lowest, width, low, high, step = _extent(n)
    powers = _GRADING ** np.arange(1, _GRADED + 1)
    below = filled(np.array([min(low, -2.0 * step), -step]), step)
    above = filled(np.unique([step, max(n.rise, step), high]), step)
    voltage = filled(np.array([lowest, n.reset, n.threshold - width]), width)
    return (
        Panels(np.concatenate([voltage, n.threshold - width * powers**3, [n.threshold]]), degree),
        Panels(np.concatenate([below, -step * powers, [0.0], step * powers[::-1], above]), degree),
    )


def _operator(n: Neuron, voltage: Panels, speed: Panels) -> Any:
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


def _reached(n: Neuron, voltage: Panels, speed: Panels) -> npt.NDArray[np.bool_]:
    """Which nodes, (V, A), belong to panels of V where some current is within reach of its mean."""
    least = (n.mean - _REACH * n.deviation) - n.leak * (voltage.edges[1:] - n.rest)
    most = (n.mean + _REACH * n.deviation) - n.leak * (voltage.edges[:-1] - n.rest)
    low, high = (np.repeat(value, voltage.degree + 1)[:, None] for value in (least, most))
    return (speed.nodes >= low) & (speed.nodes <= high)


def solve(n: Neuron, degree: int) -> Solution:
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
    except MemoryError:
        raise NumericalError(f"the density does not fit into memory: {_REMEDY}") from None
    except RuntimeError as error:
        raise NumericalError(f"the density cannot be solved for ({error}): reduce the deviation") from None
    if not np.isfinite(found).all():
        raise NumericalError("the density is not finite: reduce the deviation")
    values = found.reshape(voltage.number, degree + 1, -1)
    along = speed.continuous_matrix(speed.products(speed.weights)).sum(axis=0)
    across = voltage.weights @ voltage.value
    return Solution(n, voltage, speed, values / np.sum(across[:, :, None] * values * np.asarray(along).ravel()))
