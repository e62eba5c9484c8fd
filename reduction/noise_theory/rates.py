"""Firing of leaky integrate-and-fire neurons in noise."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from reduction.levels.diffusion import Diffusion
from reduction.levels.siegert import siegert_rate
from reduction.noise_theory.checking import check_classical
from reduction.noise_theory.grid import grid_shift
from reduction.refractory_steps import rounded_moments
from spiking.errors import ParameterError
from spiking.noise.models import ClassicalLIF
from spiking.specification import NONNEGATIVE, checked_number


class Firing(NamedTuple):
    """Stationary firing of a neuron.

    Attributes
    ----------
    rate : float
        In Hz.
    variation : float
        Coefficient of variation of the intervals.
    threshold : float
        Effective threshold in mV.
    """

    rate: float
    variation: float
    threshold: float


def first_spike(neuron: ClassicalLIF, *, dt: float = 0.0) -> float:
    r"""Return the time in ms that a neuron without noise takes from reset to threshold; ``inf`` if it never gets there.

    .. math:: T = \tau_m \log \frac{E_L + I_0/g_L - V_{reset}}{E_L + I_0/g_L - V_{th}}

    Parameters
    ----------
    neuron : ClassicalLIF
        Its noise is left out.
    dt : float
        Step in ms of Euler's method, whose spikes fall at the ends of steps. 0: none, the formula.

    Raises
    ------
    ParameterError
        If the neuron has conductances, or dt is out of range.
    """
    check_classical(neuron)
    dt = checked_number("", "dt", dt, NONNEGATIVE)
    goal = neuron.rest + neuron.current / neuron.leak
    if goal <= neuron.threshold:
        return math.inf
    decay = math.log((goal - neuron.reset) / (goal - neuron.threshold))
    if dt == 0.0:
        return neuron.tau_m * decay
    if dt >= neuron.tau_m:
        raise ParameterError("", "dt", dt, f"must be below tau_m = {neuron.tau_m:g} ms")
    return dt * math.ceil(-decay / math.log1p(-dt / neuron.tau_m))


def deterministic_rate(neuron: ClassicalLIF, *, dt: float = 0.0) -> float:
    """Return the firing rate in Hz without noise of the current: 1 / (mean refractory time + `first_spike`).

    With `dt`, refractory times are rounded to whole steps, as by a simulation; errors as of `first_spike`.
    """
    passage = first_spike(neuron, dt=dt)
    return 1000.0 / (rounded_moments(neuron.refractory, dt)[0] + passage)


def firing(neuron: ClassicalLIF, *, dt: float = 0.0) -> Firing:
    r"""Return stationary rate and CV of a classical neuron in white noise.

    Additive noise: Siegert's formulas; multiplicative noise: the stationary density of the diffusion, with the drift
    :math:`\mu = m - \sigma \sigma'` that Ito's m has with the noise outside the gradient (`Diffusion`); in the sense of
    Stratonovich :math:`m + \sigma \sigma'/2` takes the place of m. Refractory times with their mean and variance (of a
    normal one with the negative draws cut off), with `dt` those of the times rounded to whole steps.

    Parameters
    ----------
    neuron : ClassicalLIF
        With noise and threshold.
    dt : float
        Step in ms of a simulation that tests the threshold at grid times only: raises it by `grid_shift`, to first
        order in the step. 0: none.

    Raises
    ------
    ParameterError
        If the neuron has conductances, no noise or no threshold.
    NumericalError
        If the density cannot be resolved.
    """
    check_classical(neuron)
    b = neuron.voltage_noise
    if b == 0.0:
        raise ParameterError("", "neuron.noise", neuron.noise.kind, "must have an intensity: see deterministic_rate")
    if math.isinf(neuron.threshold):
        raise ParameterError("", "neuron.threshold", neuron.threshold, "must be finite: see free_moments")
    goal, tau = neuron.rest + neuron.current / neuron.leak, neuron.tau_m
    at_threshold = abs(neuron.threshold) * b if neuron.multiplicative else b
    upward = (goal - neuron.threshold) / tau + neuron.ito_drift * neuron.threshold
    threshold = neuron.threshold + grid_shift(upward, at_threshold, dt)
    pause, scatter = rounded_moments(neuron.refractory, dt)
    if not neuron.multiplicative:
        density = Diffusion(lambda v: (goal - v) / tau, lambda v: np.full_like(v, b**2), threshold, neuron.reset)
        rate = siegert_rate(
            goal, b * math.sqrt(tau), tau_m=tau, threshold=threshold, reset=neuron.reset, refractory=pause
        )
        return Firing(float(rate), _variation(density, pause, scatter), threshold)
    if threshold >= 0.0 or neuron.reset >= 0.0:
        allowed = "must lie below 0 mV, where multiplicative noise vanishes"
        raise ParameterError("", "neuron.threshold", threshold, allowed)
    lost = neuron.ito_drift - b**2
    density = Diffusion(lambda v: (goal - v) / tau + lost * v, lambda v: (b * v) ** 2, threshold, neuron.reset)
    return Firing(1000.0 / (density.passage_time() + pause), _variation(density, pause, scatter), threshold)


def _variation(density: Diffusion, pause: float, scatter: float) -> float:
    """Return the CV of passage time plus refractory time, of which mean and variance are given."""
    passage = density.passage_time()
    return math.hypot(density.variation() * passage, math.sqrt(scatter)) / (passage + pause)
