"""Where the voltage bins of a population lie: even for leaky neurons, wider where others rush through."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiking.drives import ConstantDrive, OrnsteinUhlenbeckDrive, components, kicks_of
from spiking.network import Population
from spiking.neurons import EIF, LIF, QIF
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

BINS = 150
_FEWEST_ABOVE_RESET = 20
_RANGE_BELOW_RESET = 0.5
_RANGE_WITHOUT_REVERSAL = 2.0
_DEVIATIONS = 6.0
FAST = 10.0


@dataclass(frozen=True)
class Bounds:
    """Range of a population's bins in mV, and its reset; finite also where the neuron's are not.

    `passage` is the time in ms that a quadratic neuron takes from the upper end over infinity to the lower end.
    """

    floor: float
    threshold: float
    reset: float
    passage: float


def bounds(population: Population, values: Mapping[str, float], floor: float, bins: int) -> Bounds:
    """Return the range of the bins for the parameters `values` (by address)."""
    name = population.name
    threshold, reset = values[f"{name}.threshold"], values[f"{name}.reset"]
    if not math.isinf(threshold):
        return Bounds(floor, threshold, reset, 0.0)
    step = 2 * math.pi / (bins + 1)
    cutoff = quadratic_scale(population) / math.tan(step / 4)
    return Bounds(-cutoff, cutoff, -cutoff, 2 * values[f"{name}.tau_m"] / cutoff)


def edges(population: Population, values: Mapping[str, float], range_: Bounds, bins: int) -> Floats:
    """Return the bounds of the bins in mV, shape (bins + 1,).

    Even in u(v) with u' = 1 where the neuron moves slowly, and u' proportional to 1/|dv/dt| where its own dynamics
    drive it fast: v for leaky, arctan(v) for quadratic, a logistic function for exponential neurons.
    """
    neuron, name = population.neuron, population.name
    if isinstance(neuron, QIF):
        scale = quadratic_scale(population)
        low, high = (math.atan(v / scale) for v in (range_.floor, range_.threshold))
        found = scale * np.tan(np.linspace(low, high, bins + 1))
    elif isinstance(neuron, EIF):
        width, onset = values[f"{name}.slope_factor"], values[f"{name}.onset"]
        fast = onset + width * math.log(FAST)
        low, high = (-width * np.logaddexp(0.0, (fast - v) / width) for v in (range_.floor, range_.threshold))
        share = np.linspace(low, high, bins + 1) / width
        found = fast + width * (share - np.log(-np.expm1(share)))
    else:
        return np.linspace(range_.floor, range_.threshold, bins + 1)
    found[0], found[-1] = range_.floor, range_.threshold
    return np.asarray(found)


def stretch(
    population: Population, values: Mapping[str, float], range_: Bounds, bins: int, v: Floats
) -> tuple[Floats, Floats]:
    """Return the width of a bin at voltages v, 1/u' times its width in u, in mV, and u''/u' in 1/mV."""
    neuron, name = population.neuron, population.name
    if isinstance(neuron, QIF):
        scale = quadratic_scale(population)
        low, high = (scale * math.atan(x / scale) for x in (range_.floor, range_.threshold))
        return (high - low) / bins * (1.0 + (v / scale) ** 2), -2.0 * v / (scale**2 + v**2)
    if isinstance(neuron, EIF):
        width, onset = values[f"{name}.slope_factor"], values[f"{name}.onset"]
        fast = onset + width * math.log(FAST)
        low, high = (-width * np.logaddexp(0.0, (fast - x) / width) for x in (range_.floor, range_.threshold))
        rise = np.exp((v - fast) / width)
        return (high - low) / bins * (1.0 + rise), -rise / (1.0 + rise) / width
    return np.full_like(v, (range_.threshold - range_.floor) / bins), np.zeros_like(v)


def intrinsic_drift(population: Population, values: Mapping[str, float], v: Floats) -> Floats:
    """Return the neuron's own drift beyond a leak in mV/ms, shape of `v`."""
    neuron, name = population.neuron, population.name
    if isinstance(neuron, QIF):
        return np.asarray(v**2 / values[f"{name}.tau_m"])
    if isinstance(neuron, EIF):
        width = values[f"{name}.slope_factor"]
        return np.asarray(width * np.exp((v - values[f"{name}.onset"]) / width) / values[f"{name}.tau_m"])
    return np.zeros_like(v)


def quadratic_scale(population: Population) -> float:
    """Return the voltage at which a quadratic neuron's own drift is that of its drive, at least 1 mV."""
    neuron = population.neuron
    assert isinstance(neuron, QIF)
    return max(1.0, math.sqrt(neuron.tau_m * abs(mean_drive(population))))


def mean_drive(population: Population) -> float:
    """Return the mean current of a population's constant, random and kick drives in mV/ms."""
    rate, size = kicks_of(population.drive)
    total = rate * size
    for drive in components(population.drive):
        if isinstance(drive, ConstantDrive):
            total += drive.current
        elif isinstance(drive, OrnsteinUhlenbeckDrive):
            total += drive.mean
    return total


def lowest_voltage(population: Population, inhibited: bool) -> float:
    """Return a voltage in mV below which, judged by its drive, no neuron comes; further down if it is `inhibited`.

    That is where inhibition has no reversal potential.
    """
    neuron = population.neuron
    assert isinstance(neuron, (LIF, QIF, EIF))
    if math.isinf(neuron.reset):
        return -math.inf
    depth = _RANGE_WITHOUT_REVERSAL if inhibited else _RANGE_BELOW_RESET
    floor = neuron.reset - depth * (neuron.threshold - neuron.reset)
    if isinstance(neuron, QIF):
        # From a low reset neurons rush up: no room for a bin below it.
        low, reset, high = (math.atan(v / quadratic_scale(population)) for v in (floor, neuron.reset, neuron.threshold))
        return floor if reset - low > 2 * (high - low) / BINS else neuron.reset
    if math.isinf(neuron.tau_m):
        return floor
    rate, size = kicks_of(population.drive)
    mean = neuron.rest + neuron.tau_m * mean_drive(population)
    return min(floor, mean - _DEVIATIONS * math.sqrt(rate * size**2 * neuron.tau_m / 2))


def number_of_bins(population: Population, floor: float, bins: int | None, bin_width: float | None) -> int:
    """Return how many bins a population gets.

    Raises
    ------
    ParameterError
        If an option is out of range.
    """
    neuron = population.neuron
    assert isinstance(neuron, (LIF, QIF, EIF))
    if bins is not None:
        return int(checked_number("", "bins", bins, POSITIVE, integer=True))
    if bin_width is not None:
        width = checked_number("", "bin_width", bin_width, POSITIVE)
        return BINS if math.isinf(neuron.threshold) else round((neuron.threshold - floor) / width)
    if not isinstance(neuron, LIF):
        return BINS
    share = (neuron.threshold - floor) / (neuron.threshold - neuron.reset)
    return max(BINS, math.ceil(_FEWEST_ABOVE_RESET * share - 1e-9))
