"""Theory of leaky integrate-and-fire neurons in noise: what `spiking.noise` should measure."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.levels.diffusion import Diffusion, refractory_moments
from reduction.levels.siegert import siegert_rate
from spiking.errors import ParameterError
from spiking.noise.models import ClassicalLIF, ConductanceLIF, LangevinLIF, PoissonTrains
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

GRID_SHIFT = 0.5825971579390107
"""-zeta(1/2) over the root of 2 pi: mean overshoot of a driftless Gaussian random walk, in steps' deviations."""

_SMALL_DRIFT = 0.02


class FreeMoments(NamedTuple):
    """Mean in mV and variance in mV^2 of the free membrane potential, each of the shape of the times."""

    mean: Floats
    variance: Floats


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
        Of the voltage in mV^2, approximately.
    """

    tau: float
    rest: float
    excitation: tuple[float, float]
    inhibition: tuple[float, float]
    variance: float


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
    _check_classical(neuron)
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
    """Return the firing rate in Hz without noise of the current: 1 / (mean refractory time + `first_spike`)."""
    return 1000.0 / (refractory_moments(neuron.refractory)[0] + first_spike(neuron, dt=dt))


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
    from scipy.linalg import expm

    _check_classical(neuron)
    found = np.asarray(times, float)
    for extreme in (found.min(initial=0.0), found.max(initial=0.0)):
        checked_number("", "times", extreme, NONNEGATIVE)
    push, decay, noise = neuron.rest + neuron.current / neuron.leak, 1.0 / neuron.tau_m, neuron.voltage_noise**2
    flow = _moment_flow(push / neuron.tau_m, decay - neuron.ito_drift, noise, neuron.multiplicative)
    start = np.array([1.0, neuron.reset, neuron.reset**2, 0.0])
    moments = np.array([expm(flow * t) @ start for t in found.ravel()]).reshape((*found.shape, 4))
    return FreeMoments(moments[..., 1], moments[..., 3])


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
    ParameterError
        If the neuron has conductances or an option is out of range.
    """
    _check_classical(neuron)
    steps = int(checked_number("", "steps", steps, POSITIVE, integer=True))
    dt = checked_number("", "dt", dt, POSITIVE)
    kept = 1.0 - (1.0 / neuron.tau_m - neuron.ito_drift) * dt
    push = (neuron.rest + neuron.current / neuron.leak) * dt / neuron.tau_m
    noise = neuron.voltage_noise**2 * dt
    mean, variance = neuron.reset, 0.0
    found = np.empty((2, steps))
    for step in range(steps):
        power = mean**2 + variance if neuron.multiplicative else 1.0
        mean, variance = kept * mean + push, kept**2 * variance + noise * power
        found[:, step] = mean, variance
    return FreeMoments(found[0], found[1])


def grid_shift(drift: float, sigma: float, dt: float) -> float:
    r"""Return by how much a threshold that is tested on a grid of times seems to lie higher, in mV.

    The mean overshoot of a Gaussian random walk of drift m = drift sqrt(dt)/sigma, in units of its steps' deviation
    (Siegmund, Sequential Analysis, 1985, chapter VIII):

    .. math:: \frac{1 + m^2}{2 m} - \sum_{n \ge 1} \frac{E\,(S_n)^-}{n}, \qquad
              E\,(S_n)^- = \sqrt n\, \varphi(\sqrt n\, m) - n m\, \Phi(-\sqrt n\, m)

    It is 0.5826 sigma sqrt(dt) for no drift, which is also taken for a negative one, and drift dt / 2 without noise.

    Parameters
    ----------
    drift : float
        At the threshold, in mV/ms.
    sigma : float
        In mV/sqrt(ms).
    dt : float
        In ms.

    Raises
    ------
    ParameterError
        If `sigma` or `dt` is negative.
    """
    from scipy.special import ndtr

    sigma = checked_number("", "sigma", sigma, NONNEGATIVE)
    dt = checked_number("", "dt", dt, NONNEGATIVE)
    if sigma == 0.0 or dt == 0.0:
        return 0.5 * max(drift, 0.0) * dt
    m = max(drift, 0.0) * math.sqrt(dt) / sigma
    if m < _SMALL_DRIFT:
        return (GRID_SHIFT + m / 4.0) * sigma * math.sqrt(dt)
    n = np.arange(1.0, 2.0 + 100.0 / m**2)
    below = np.sqrt(n) * np.exp(-0.5 * n * m**2) / math.sqrt(2.0 * math.pi) - n * m * ndtr(-np.sqrt(n) * m)
    return float((1.0 + m**2) / (2.0 * m) - np.sum(below / n)) * sigma * math.sqrt(dt)


def firing(neuron: ClassicalLIF, *, dt: float = 0.0) -> Firing:
    r"""Return stationary rate and CV of a classical neuron in white noise.

    Additive noise: Siegert's formulas; multiplicative noise: the stationary density of the diffusion, with the drift
    :math:`\mu = m - \sigma \sigma'` that Ito's m has with the noise outside the gradient (`Diffusion`); in the sense of
    Stratonovich :math:`m + \sigma \sigma'/2` takes the place of m. Refractory times with their mean and variance (of a
    normal one with the negative draws cut off).

    Parameters
    ----------
    neuron : ClassicalLIF
        With noise and threshold.
    dt : float
        Step in ms of a simulation that tests the threshold at grid times only: raises it by `grid_shift`. 0: none.

    Raises
    ------
    ParameterError
        If the neuron has conductances, no noise or no threshold.
    NumericalError
        If the density cannot be resolved.
    """
    _check_classical(neuron)
    b = neuron.voltage_noise
    if b == 0.0:
        raise ParameterError("", "neuron.noise", neuron.noise.kind, "must have an intensity: see deterministic_rate")
    if math.isinf(neuron.threshold):
        raise ParameterError("", "neuron.threshold", neuron.threshold, "must be finite: see free_moments")
    goal, tau = neuron.rest + neuron.current / neuron.leak, neuron.tau_m
    at_threshold = abs(neuron.threshold) * b if neuron.multiplicative else b
    upward = (goal - neuron.threshold) / tau + neuron.ito_drift * neuron.threshold
    threshold = neuron.threshold + grid_shift(upward, at_threshold, dt)
    pause, _ = refractory_moments(neuron.refractory)
    if not neuron.multiplicative:
        density = Diffusion(
            lambda v: (goal - v) / tau, lambda v: np.full_like(v, b**2), threshold, neuron.reset,
            refractory=neuron.refractory,
        )  # fmt: skip
        rate = siegert_rate(
            goal, b * math.sqrt(tau), tau_m=tau, threshold=threshold, reset=neuron.reset, refractory=pause
        )
        return Firing(float(rate), density.variation(), threshold)
    if threshold >= 0.0 or neuron.reset >= 0.0:
        allowed = "must lie below 0 mV, where multiplicative noise vanishes"
        raise ParameterError("", "neuron.threshold", threshold, allowed)
    lost = neuron.ito_drift - b**2
    density = Diffusion(
        lambda v: (goal - v) / tau + lost * v, lambda v: (b * v) ** 2, threshold, neuron.reset,
        refractory=neuron.refractory,
    )  # fmt: skip
    return Firing(1000.0 * density.rate(), density.variation(), threshold)


def effective_membrane(neuron: ConductanceLIF) -> EffectiveMembrane:
    r"""Return how mean conductances change the membrane, and about how far the free voltage scatters.

    .. math:: \tau_{eff} = \frac{\tau_m}{1 + (\bar g_E + \bar g_I)/g_L}, \quad
              V_\infty = \frac{g_L E_L + \bar g_E E_E + \bar g_I E_I + I_0}{g_L + \bar g_E + \bar g_I}

    Shot noise: :math:`\langle g \rangle = \bar g\, n r \tau`, :math:`\mathrm{Var}\, g = \bar g^2 n r \tau / 2`, both
    exact. The voltage's variance is that of the effective time constant approximation (Richardson, Phys. Rev. E 69
    (2004) 051918): fluctuations of the conductances act as currents at :math:`V_\infty`, to first order,

    .. math:: \mathrm{Var}\, V = \sum_s \left(\frac{\sigma_s (E_s - V_\infty)}{g_{tot}}\right)^2
              \frac{\tau_s}{\tau_s + \tau_{eff}} + \tfrac12 \tau_{eff}\, b^2 (1 \text{ or } V_\infty^2)

    No rate is offered: for conductances whose time constants are those of the membrane there is none in closed form.

    Raises
    ------
    ParameterError
        If the neuron has no conductances.
    """
    if not isinstance(neuron, ConductanceLIF):
        raise ParameterError("", "neuron", type(neuron).__name__, "must be a ConductanceLIF")
    both = (neuron.excitation, neuron.inhibition)
    moments = [_shot_noise(trains) for trains in both]
    total = neuron.leak + sum(mean for mean, _ in moments)
    tau = neuron.tau_m * neuron.leak / total
    driven = sum(mean * trains.reversal for (mean, _), trains in zip(moments, both, strict=True))
    rest = (neuron.leak * neuron.rest + driven + neuron.current) / total
    variance = 0.5 * tau * (neuron.voltage_noise * (rest if neuron.multiplicative else 1.0)) ** 2
    for (_, power), trains in zip(moments, both, strict=True):
        variance += power * ((trains.reversal - rest) / total) ** 2 * trains.tau / (trains.tau + tau)
    return EffectiveMembrane(tau, rest, moments[0], moments[1], variance)


def _shot_noise(trains: PoissonTrains) -> tuple[float, float]:
    events = trains.spikes_per_ms * trains.tau
    return trains.weight * events, trains.weight**2 * events / 2.0


def _moment_flow(push: float, decay: float, noise: float, multiplicative: bool) -> Floats:
    """Return the matrix that moves (1, m, m^2, s), m the mean and s the variance."""
    own, squared = (0.0, noise) if multiplicative else (noise, 0.0)
    return np.array([
        [0.0, 0.0, 0.0, 0.0], [push, -decay, 0.0, 0.0], [0.0, 2.0 * push, -2.0 * decay, 0.0],
        [own, 0.0, squared, squared - 2.0 * decay],
    ])  # fmt: skip


def _check_classical(neuron: LangevinLIF) -> None:
    if not isinstance(neuron, ClassicalLIF):
        raise ParameterError("", "neuron", type(neuron).__name__, "must be a ClassicalLIF")
