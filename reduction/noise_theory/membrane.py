"""Free membrane potentials in noise: means and variances without threshold."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.noise_theory.checking import check_classical
from spiking import memory
from spiking.arrays import checked_array
from spiking.errors import ParameterError
from spiking.noise.models import ClassicalLIF, ConductanceLIF, PoissonTrains
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

_CANCELLING = 100.0


class FreeMoments(NamedTuple):
    """Mean in mV and variance in mV^2 of the free membrane potential, each of the shape of the times."""

    mean: Floats
    variance: Floats


class EffectiveMembrane(NamedTuple):
    """A membrane under open conductances.

    Attributes
    ----------
    tau : float
        Effective time constant in ms.
    rest : float
        Voltage towards which the mean conductances and the mean current pull, in mV.
    excitation, inhibition : (float, float)
        Mean and variance of the stationary conductances, in nS and nS^2.
    variance : float
        Of the voltage in mV^2, approximately; ``inf`` if multiplicative noise makes it grow without bound.
    """

    tau: float
    rest: float
    excitation: tuple[float, float]
    inhibition: tuple[float, float]
    variance: float


def free_moments(neuron: ClassicalLIF, times: npt.ArrayLike) -> FreeMoments:
    r"""Return mean and variance of the voltage without threshold, from reset on.

    .. math:: \dot m = -\lambda m + E/\tau_m, \qquad
              \dot s = (b^2 - 2 \lambda) s + (b m)^2 \ \text{(multiplicative)} \quad\text{or}\quad -2 \lambda s + b^2

    with :math:`E = E_L + I_0/g_L`, :math:`b` = `LangevinLIF.voltage_noise`, and :math:`\lambda = 1/\tau_m`, in the
    sense of Stratonovich :math:`1/\tau_m - b^2/2`. Exact: the voltage's equation is linear. With multiplicative noise
    the variance grows without bound for :math:`b^2 > 2 \lambda`.

    Parameters
    ----------
    neuron : ClassicalLIF
        Its threshold is not used.
    times : array_like
        In ms, not negative.

    Raises
    ------
    ParameterError
        If the neuron has conductances or a time is out of range.
    """
    check_classical(neuron)
    t, start = checked_array("times", times, NONNEGATIVE), neuron.reset
    push = (neuron.rest + neuron.current / neuron.leak) / neuron.tau_m
    decay, noise = 1.0 / neuron.tau_m - neuron.ito_drift, neuron.voltage_noise**2
    with np.errstate(over="ignore"):
        mean = np.exp(-min(decay, 0.0) * t) * (
            start * np.exp(-max(decay, 0.0) * t) + push * _convolved(t, 0.0, decay, -min(decay, 0.0))
        )
    if not neuron.multiplicative:
        return FreeMoments(mean, noise * _convolved(t, 2.0 * decay, 0.0, 0.0))
    if noise == 0.0:
        return FreeMoments(mean, np.zeros_like(t))
    goal = push / decay if decay != 0.0 else math.inf
    away, own = start - goal, 2.0 * decay - noise
    shift = -min(own, 0.0)
    powers = ((goal * goal, 0.0), (2.0 * goal * away, decay), (away * away, 2.0 * decay))
    with np.errstate(over="ignore", invalid="ignore"):
        summed = sum(weight * _convolved(t, own, other, shift) for weight, other in powers)
        variance = np.asarray(noise * np.exp(shift * t) * summed)
    lost = abs(goal) > _CANCELLING * (abs(start) + abs(push) * t)
    if lost.any():
        variance[lost] = _exponentiated(push, decay, noise, start, t[lost])
    return FreeMoments(mean, variance)


def euler_moments(neuron: ClassicalLIF, steps: int, dt: float) -> FreeMoments:
    r"""Return mean and variance that Euler's method itself gives the voltage without threshold; exact at any dt.

    .. math:: m' = (1 - \lambda\,dt) m + E\,dt/\tau_m, \qquad
              s' = (1 - \lambda\,dt)^2 s + b^2 dt\, (1 \ \text{or}\ m^2 + s)

    Parameters
    ----------
    neuron : ClassicalLIF
        Its threshold is not used.
    steps : int
    dt : float
        In ms.

    Returns
    -------
    FreeMoments
        After 1, 2, ..., `steps` steps.

    Raises
    ------
    ParameterError, SpecificationError
        If the neuron has conductances, or an option is out of range or asks for too much memory.
    """
    check_classical(neuron)
    steps = int(checked_number("", "steps", steps, POSITIVE, integer=True))
    dt = checked_number("", "dt", dt, POSITIVE)
    memory.check(16.0 * steps, "the moments", "reduce steps")
    kept = 1.0 - (1.0 / neuron.tau_m - neuron.ito_drift) * dt
    push = (neuron.rest + neuron.current / neuron.leak) * dt / neuron.tau_m
    noise = neuron.voltage_noise**2 * dt
    mean, variance = neuron.reset, 0.0
    found = np.empty((2, steps))
    for step in range(steps):
        power = mean * mean + variance if neuron.multiplicative else 1.0
        mean, variance = kept * mean + push, kept**2 * variance + noise * power
        found[:, step] = mean, variance
    return FreeMoments(found[0], found[1])


def effective_membrane(neuron: ConductanceLIF) -> EffectiveMembrane:
    r"""Return how mean conductances change the membrane, and about how far the free voltage scatters.

    .. math:: \tau_{eff} = \frac{\tau_m g_L}{g_{tot}}, \quad
              V_\infty = \frac{g_L E_L + \bar g_E E_E + \bar g_I E_I + I_0}{g_{tot}}, \quad
              g_{tot} = g_L + \bar g_E + \bar g_I - \tfrac12 b^2 \tau_m g_L

    where the last term is the drift of multiplicative noise in the sense of Stratonovich only, with :math:`b` =
    `LangevinLIF.voltage_noise`. Shot noise: :math:`\langle g \rangle = \bar g\, n r \tau`, :math:`\mathrm{Var}\, g =
    \bar g^2 n r \tau / 2`, both exact. The voltage's variance is that of the effective time constant approximation
    (Richardson, Phys. Rev. E 69 (2004) 051918): fluctuations of the conductances act as currents at
    :math:`V_\infty`, to first order. To these the noise of the current adds exactly: additive

    .. math:: \mathrm{Var}\, V = s + \tfrac12 \tau_{eff}\, b^2, \qquad
              s = \sum_k \left(\frac{\sigma_k (E_k - V_\infty)}{g_{tot}}\right)^2 \frac{\tau_k}{\tau_k + \tau_{eff}}

    or multiplicative :math:`(s + \frac12 \tau_{eff}\, b^2 V_\infty^2) / (1 - \frac12 \tau_{eff}\, b^2)`, infinite if
    the denominator is not positive.

    No rate is offered: for conductances whose time constants are those of the membrane there is none in closed form.

    Raises
    ------
    ParameterError
        If the neuron has no conductances, or its noise is so strong that the mean voltage runs away.
    """
    if not isinstance(neuron, ConductanceLIF):
        raise ParameterError("", "neuron", type(neuron).__name__, "must be a ConductanceLIF")
    both = (neuron.excitation, neuron.inhibition)
    moments = [_shot_noise(trains) for trains in both]
    opened = neuron.leak + sum(mean for mean, _ in moments)
    total = opened - neuron.ito_drift * neuron.tau_m * neuron.leak
    if total <= 0.0:
        most = math.sqrt(2.0 * opened * neuron.tau_m * neuron.leak)
        allowed = f"must be below {most:g} nS sqrt(ms) in the sense of Stratonovich: the mean voltage runs away"
        raise ParameterError("", "neuron.noise", neuron.noise.white_intensity, allowed)
    tau = neuron.tau_m * neuron.leak / total
    driven = sum(mean * trains.reversal for (mean, _), trains in zip(moments, both, strict=True))
    rest = (neuron.leak * neuron.rest + driven + neuron.current) / total
    variance = sum(
        power * ((trains.reversal - rest) / total) ** 2 * trains.tau / (trains.tau + tau)
        for (_, power), trains in zip(moments, both, strict=True)
    )
    diffused = 0.5 * tau * neuron.voltage_noise**2
    if not neuron.multiplicative:
        variance += diffused
    else:
        variance = (variance + diffused * rest**2) / (1.0 - diffused) if diffused < 1.0 else math.inf
    return EffectiveMembrane(tau, rest, moments[0], moments[1], variance)


def _shot_noise(trains: PoissonTrains) -> tuple[float, float]:
    events = trains.spikes_per_ms * trains.tau
    return trains.weight * events, trains.weight**2 * events / 2.0


def _convolved(t: Floats, one: float, other: float, shift: float) -> Floats:
    """Return exp(-shift t) times the integral over u in (0, t) of exp(-one (t - u) - other u).

    Neither rate plus `shift` may be negative.
    """
    from scipy.special import exprel

    return np.asarray(t * np.exp(-(min(one, other) + shift) * t) * exprel(-abs(one - other) * t))


def _exponentiated(push: float, decay: float, noise: float, start: float, times: Floats) -> Floats:
    """Return the variance under multiplicative noise at times so short that its closed form would cancel.

    Moments in the order m, 1, m^2, variance: for triangular matrices scipy loses digits where rates nearly coincide.
    """
    from scipy.linalg import expm

    flow = np.array([
        [-decay, push, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [2.0 * push, 0.0, -2.0 * decay, 0.0],
        [0.0, 0.0, noise, noise - 2.0 * decay],
    ])  # fmt: skip
    state = np.array([start, 1.0, start * start, 0.0])
    return np.array([(expm(flow * t) @ state)[3] for t in times])
