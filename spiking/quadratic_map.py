r"""The discretised quadratic integrate-and-fire neuron: a map, conjugate to the quadratic map.

.. math:: u_{t+1} = u_t + a (u_t - u_1)(u_t - u_2) + x_t; \qquad u_{t+1} \ge \theta:\ \text{spike},\
          u_{t+1} \leftarrow u_{reset}

is the neuron of Jahns, Moreno, Stojkov and Kinsy (arXiv:2510.05168). With :math:`D = u_2 - u_1` and
:math:`z = a (u - (u_1 + u_2)/2) + 1/2` it reads, between spikes,

.. math:: z_{t+1} = z_t^2 + c_t, \qquad c_t = \tfrac14 - \tfrac14 a^2 D^2 + a x_t,

from which fixed points, basins and bifurcations follow in closed form. Voltage and input have no unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.arrays import checked_array
from spiking.errors import ParameterError
from spiking.specification import ABOVE_MINUS_INF, FINITE, POSITIVE, Specification, parameter

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_UNIT = "1"


@dataclass(frozen=True)
class QuadraticMap(Specification):
    r"""A discretised quadratic integrate-and-fire neuron.

    Parameters
    ----------
    a : float
        Curvature: coefficient of the square.
    u1, u2 : float
        Fixed points without input, u1 below u2. u1 has the multiplier 1 - aD and is stable if aD < 2; u2 is unstable.
    threshold, reset : float
        Voltage at which it spikes (``inf``: never), and its voltage after a spike; reset below threshold.
    input : float
        Mean input per step; `step` and `iterate` add to it.

    Raises
    ------
    ParameterError
        If a number is out of range, u2 is not above u1, or reset is not below threshold.
    """

    kind: ClassVar[str] = "quadratic_map"
    a: float = parameter(POSITIVE, _UNIT, "curvature of the quadratic map", default=0.25)
    u1: float = parameter(FINITE, _UNIT, "lower fixed point without input", default=0.0)
    u2: float = parameter(FINITE, _UNIT, "upper fixed point without input", default=0.5)
    threshold: float = parameter(ABOVE_MINUS_INF, _UNIT, "firing threshold", default=1.0)
    reset: float = parameter(FINITE, _UNIT, "reset voltage", default=0.0)
    input: float = parameter(FINITE, _UNIT, "mean input per step", default=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.u2 <= self.u1:
            raise ParameterError("QuadraticMap", "u2", self.u2, f"must lie above u1 = {self.u1}")
        if self.reset >= self.threshold:
            raise ParameterError("QuadraticMap", "reset", self.reset, f"must lie below threshold = {self.threshold}")

    @property
    def distance(self) -> float:
        """Distance D = u2 - u1 of the fixed points without input."""
        return self.u2 - self.u1

    @property
    def saddle_node(self) -> float:
        """Input a D^2/4 at which both fixed points meet; above it every orbit spikes."""
        return self.a * self.distance**2 / 4

    @property
    def period_doubling(self) -> float:
        """Input (a^2 D^2 - 4)/(4a) below which no fixed point is stable."""
        return self.saddle_node - 1 / self.a


class Interval(NamedTuple):
    """An open interval of voltages."""

    lower: float
    upper: float


@dataclass(frozen=True, eq=False, repr=False)
class FixedPoints:
    """Fixed points over the input.

    Attributes
    ----------
    input : array, shape (...)
    voltages, multipliers : array, shape (2, ...)
        Of the lower and the upper fixed point; NaN where there is none.
    """

    input: Floats
    voltages: Floats
    multipliers: Floats

    def __repr__(self) -> str:
        return f"FixedPoints(inputs of shape {self.input.shape}, {int(self.stable.sum())} stable)"

    @property
    def stable(self) -> Flags:
        """Whether each fixed point is stable, shape (2, ...)."""
        stable: Flags = np.abs(self.multipliers) < 1
        return stable


@dataclass(frozen=True, eq=False, repr=False)
class Orbit:
    """Orbits of a quadratic map.

    Attributes
    ----------
    model : QuadraticMap
    voltages : array, shape (steps + 1, ...)
        After resets, from the initial voltages on.
    reached : array, shape (steps, ...)
        Voltages before resets: these are compared with the threshold.
    spikes : array of bool, shape (steps, ...)
    """

    model: QuadraticMap
    voltages: Floats
    reached: Floats
    spikes: Flags

    def __repr__(self) -> str:
        steps, *neurons = self.spikes.shape
        return f"Orbit({steps} steps, neurons of shape {tuple(neurons)}, {int(self.spikes.sum())} spikes)"


def step(model: QuadraticMap, voltage: npt.ArrayLike, inputs: npt.ArrayLike = 0.0) -> tuple[Flags, Floats, Floats]:
    """Return (spikes, voltages after resets, voltages before resets) one step on; `inputs` add to `model.input`.

    A voltage too large for floating point is inf, which spikes if the threshold is finite.

    Raises
    ------
    ParameterError
        If a voltage is NaN or -inf, an input is not finite, or shapes do not fit.
    """
    u, x = checked_array("voltage", voltage, ABOVE_MINUS_INF), checked_array("inputs", inputs)
    try:
        np.broadcast_shapes(u.shape, x.shape)
    except ValueError:
        allowed = f"must broadcast against the inputs, of shape {x.shape}"
        raise ParameterError("", "voltage", u.shape, allowed) from None
    return _stepped(model, u, x)


def _stepped(model: QuadraticMap, u: Floats, x: Floats) -> tuple[Flags, Floats, Floats]:
    with np.errstate(over="ignore"):
        reached = np.asarray(u + model.a * (u - model.u1) * (u - model.u2) + (model.input + x))
    spikes = (reached >= model.threshold) & (model.threshold < math.inf)
    return spikes, np.where(spikes, model.reset, reached), reached


def iterate(model: QuadraticMap, initial: npt.ArrayLike, inputs: npt.ArrayLike) -> Orbit:
    """Return the orbits from given voltages under given inputs.

    Parameters
    ----------
    model : QuadraticMap
    initial : array_like
        Voltages at the start; broadcast against the inputs of one step.
    inputs : array_like, shape (steps, ...)
        Added to `model.input`, step by step; zeros for the autonomous map.

    Raises
    ------
    ParameterError
        If a number is not finite, or shapes do not fit.
    """
    start, given = checked_array("initial", initial), checked_array("inputs", inputs)
    if given.ndim == 0:
        raise ParameterError("", "inputs", inputs, "must have the steps as its first axis")
    try:
        shape = np.broadcast_shapes(start.shape, given.shape[1:])
    except ValueError:
        allowed = f"must broadcast against the inputs of one step, of shape {given.shape[1:]}"
        raise ParameterError("", "initial", start.shape, allowed) from None
    voltages = np.empty((len(given) + 1, *shape))
    reached, spikes = np.empty((len(given), *shape)), np.empty((len(given), *shape), bool)
    voltages[0] = start
    for t, x in enumerate(given):
        spikes[t], voltages[t + 1], reached[t] = _stepped(model, voltages[t], x)
    return Orbit(model, voltages, reached, spikes)


def to_quadratic(model: QuadraticMap, voltage: npt.ArrayLike) -> Floats:
    """Return z = a (u - (u1 + u2)/2) + 1/2 of voltages u: it follows z' = z^2 + c."""
    u = checked_array("voltage", voltage, None)
    return np.asarray(model.a * (u - (model.u1 + model.u2) / 2) + 0.5)


def from_quadratic(model: QuadraticMap, z: npt.ArrayLike) -> Floats:
    """Return the voltage whose `to_quadratic` is z."""
    return _voltage(model, checked_array("z", z, None))


def quadratic_parameter(model: QuadraticMap, inputs: npt.ArrayLike | None = None) -> Floats:
    """Return c = 1/4 - a^2 D^2/4 + a x of z' = z^2 + c for inputs x (default: the model's own)."""
    x = _inputs(model, inputs)
    return np.asarray(0.25 + model.a * (x - model.saddle_node))


def input_of(model: QuadraticMap, c: npt.ArrayLike) -> Floats:
    """Return the input whose `quadratic_parameter` is c."""
    return np.asarray(model.saddle_node + (checked_array("c", c) - 0.25) / model.a)


def fixed_points(model: QuadraticMap, inputs: npt.ArrayLike | None = None) -> FixedPoints:
    r"""Return both fixed points with their multipliers :math:`1 \mp \sqrt{a^2 D^2 - 4 a x}`.

    Threshold and reset play no part: a fixed point at or above the threshold is one of the map without reset only.

    Parameters
    ----------
    model : QuadraticMap
    inputs : array_like, optional
        Inputs x; default: the model's own.

    Raises
    ------
    ParameterError
        If an input is not finite.
    """
    x = _inputs(model, inputs)
    square = 4 * model.a * (model.saddle_node - x)
    root = np.sqrt(np.where(square >= 0, square, np.nan))
    multipliers = np.stack([1 - root, 1 + root])
    return FixedPoints(x, _voltage(model, multipliers / 2), multipliers)


def stable_fixed_point(model: QuadraticMap) -> tuple[float, float]:
    """Return (voltage, multiplier) of the stable fixed point under the model's own input.

    Raises
    ------
    ParameterError
        If there is none: the input must lie between the period doubling and the saddle-node.
    """
    low, high = model.period_doubling, model.saddle_node
    if not low < model.input < high:
        raise ParameterError(
            "QuadraticMap", "input", model.input,
            f"no fixed point is stable: must lie between the period doubling {low:g} and the saddle-node {high:g}",
        )  # fmt: skip
    points = fixed_points(model)
    return float(points.voltages[0]), float(points.multipliers[0])


def basin(model: QuadraticMap) -> Interval:
    r"""Return the basin of the stable fixed point without threshold: :math:`|z| < z_+`, the unstable fixed point.

    Its upper end is the unstable fixed point, its lower end is mapped there; at input 0 it is (u1 - 1/a, u2). Outside
    its closure orbits go to infinity, from below too: a voltage under the lower end is thrown up by the square.

    Raises
    ------
    ParameterError
        If no fixed point is stable.
    """
    stable_fixed_point(model)
    upper = float(fixed_points(model).multipliers[1]) / 2
    return Interval(float(from_quadratic(model, -upper)), float(from_quadratic(model, upper)))


def silent_interval(model: QuadraticMap) -> Interval | None:
    r"""Return the initial voltages from which the neuron never spikes and goes to the stable fixed point.

    The threshold cuts the basin: with :math:`z_\theta` the smaller of its z and :math:`z_+`, the interval is
    :math:`-\sqrt{z_\theta - c} < z < z_\theta`, whose lower end is mapped to the upper one. The map takes it into
    itself for every input with a stable fixed point below the threshold. None if that is not below the threshold: then
    there is no such interval.

    Raises
    ------
    ParameterError
        If no fixed point is stable.
    """
    voltage, _ = stable_fixed_point(model)
    if voltage >= model.threshold:
        return None
    whole = basin(model)
    if model.threshold >= whole.upper:
        return whole
    root = math.sqrt(float(to_quadratic(model, model.threshold) - quadratic_parameter(model)))
    return Interval(float(from_quadratic(model, -root)), model.threshold)


def _inputs(model: QuadraticMap, inputs: npt.ArrayLike | None) -> Floats:
    return np.asarray(model.input) if inputs is None else checked_array("inputs", inputs)


def _voltage(model: QuadraticMap, z: Floats) -> Floats:
    return np.asarray((model.u1 + model.u2) / 2 + (z - 0.5) / model.a)
