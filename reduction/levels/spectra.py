"""Spectra: of one neuron's spike train, of the rates of a finite network, and of the Fokker-Planck operator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from reduction import grids
from reduction.levels import diffusion as base
from reduction.levels.diffusion import RULE, Diffusion, Floats
from reduction.levels.linear_response import (
    Complexes,
    Modulation,
    passage_transform,
    refractory_integral,
    resolved,
    responses,
)
from reduction.markov import MarkovApproximation
from spiking.errors import NumericalError, SpecificationError, UnknownNameError
from spiking.neurons import Exponential, Fixed, NoRefractory
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

_STILL = 1e-6
_SPARE = 3
_NEWTON_STEPS = 3
_DIFFERENCE = 1e-5
_NEAR = 1e-3


@dataclass(frozen=True)
class Inputs:
    """What a Markov approximation with scalar closure says of drift and noise: arrays per population (a), source (q).

    Attributes
    ----------
    floor, threshold, reset, size : array, shape (a,)
    drift : array, shape (a, 2)
        Constant and slope in v, without what pending spikes bring.
    noise : array, shape (a,)
    intrinsic : tuple of callable
        Further drift of each population, at an array of voltages.
    stages, release : array, shape (a,)
        Refractory stages and the rate out of one of them in 1/ms.
    target, source, weight, tau, c0, c1, probability, consumption, kappa, kick, delay : array, shape (q,)
        As `reduction.sources.Source`; source -1 is a drive.
    mean, variance : array, shape (q,)
        Of the drives.
    """

    floor: Floats
    threshold: Floats
    reset: Floats
    size: Floats
    drift: Floats
    noise: Floats
    intrinsic: tuple[base.Function, ...]
    stages: npt.NDArray[np.int64]
    release: Floats
    target: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    weight: Floats
    tau: Floats
    c0: Floats
    c1: Floats
    probability: Floats
    consumption: Floats
    kappa: Floats
    kick: npt.NDArray[np.bool_]
    delay: Floats
    mean: Floats
    variance: Floats

    def powers(self, mean: Floats, variance: Floats) -> Floats:
        """Return the noise intensity of every source over c(v)^2 at given moments of pending spikes."""
        kicks = np.maximum(mean * self.tau + self.kappa * (variance - mean), 0.0)
        return np.asarray((self.weight / self.tau) ** 2 * np.where(self.kick, kicks, self.kappa * variance))

    def power_slopes(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Return the derivatives of `powers` by the means and by the variances."""
        scale = (self.weight / self.tau) ** 2
        on = ~self.kick | (mean * self.tau + self.kappa * (variance - mean) > 0.0)
        return scale * on * self.kick * (self.tau - self.kappa), scale * on * self.kappa

    def noise_drift(self) -> Floats:
        """Return the drift that noise of intensity c(v)^2 brings, over c(v) dc/dv: -1/2 for currents, -1 for kicks."""
        return np.where(self.kick, -1.0, -0.5)

    def coefficients(self, mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Return drift (a, 2) and noise (a, 3) as polynomials in v, without the intrinsic drift."""
        drift, noise = self.drift.copy(), np.zeros((self.size.size, 3))
        noise[:, 0] = self.noise
        current, power = self.weight * mean / self.tau, self.powers(mean, variance)
        np.add.at(drift, self.target, np.stack([current * self.c0, current * self.c1], axis=-1))
        taken = self.noise_drift() * power * self.c1
        np.add.at(drift, self.target, np.stack([taken * self.c0, taken * self.c1], axis=-1))
        factors = np.stack([self.c0**2, 2 * self.c0 * self.c1, self.c1**2], axis=-1)
        np.add.at(noise, self.target, power[:, None] * factors)
        return drift, noise


def inputs(
    approximation: MarkovApproximation, parameters: Mapping[str, float] | None = None, time: float = 0.0
) -> Inputs:
    """Return drift and noise of an approximation; the one place here that reads its arrays.

    Raises
    ------
    SpecificationError
        If the closure carries coloured noise.
    """
    arrays, network = approximation.arrays(parameters, time), approximation.network
    if arrays.telegraphs.any():
        allowed = "must be 'white', 'published' or a number here"
        raise SpecificationError(f"closure = {approximation.closure!r}: {allowed}")
    values = network.parameters | dict(parameters or {})
    return Inputs(
        floor=arrays.edge[arrays.edge_start[:-1]], threshold=arrays.threshold, reset=arrays.reset, size=arrays.size,
        drift=np.stack([arrays.drive_mean + arrays.rest * arrays.leak, -arrays.leak], axis=-1),
        noise=arrays.drive_variance,
        intrinsic=tuple(partial(grids.intrinsic_drift, p, values) for p in network.populations),
        stages=arrays.stages, release=arrays.release, target=arrays.target, source=arrays.source,
        weight=arrays.weight, tau=arrays.tau, c0=arrays.c0, c1=arrays.c1, probability=arrays.probability,
        consumption=arrays.consumption, kappa=arrays.kappa, kick=arrays.kick,
        delay=np.array([source.delay for source in approximation.sources(parameters)]),
        mean=arrays.mean, variance=arrays.variance,
    )  # fmt: skip


def power_spectrum(diffusion: Diffusion, frequency: npt.ArrayLike) -> Floats:
    r"""Return the power spectral density of one neuron's spike train, in Hz^2/Hz.

    Intervals are independent, so that with F the characteristic function of an interval

    .. math:: S(f) = 2 r\, \frac{1 - |F|^2}{|1 - F|^2}

    One-sided, as `spiking.statistics.spectrum`: twice the rate at high frequencies, and at 0 that times the square of
    the coefficient of variation.

    Parameters
    ----------
    diffusion : Diffusion
    frequency : array_like
        In Hz.

    Raises
    ------
    ParameterError, NumericalError
        As `Diffusion.rate`.
    """
    omega = 2.0 * math.pi * np.asarray(frequency, float) / 1000.0
    return np.asarray(2000.0 * diffusion.rate() * _relative_power(diffusion, omega))


def _relative_power(diffusion: Diffusion, omega: Floats) -> Floats:
    """Return the spectrum over that of Poisson spikes of the same rate, at angular frequencies in rad/ms.

    With 1/f = 1 + s K (f of the passage time, s = i omega) and rho of the refractory time, all divided by omega^2.
    """
    s = np.asarray(1j * omega, complex)
    passage = passage_transform(diffusion, s)[0]
    refractory = refractory_integral(diffusion.refractory, s)
    still = omega * diffusion.passage_time() < _STILL
    w = np.where(still, 1.0, omega)
    lost = 2.0 * refractory.imag / w + np.abs(refractory) ** 2
    power = (np.abs(passage) ** 2 - 2.0 * passage.imag / w - lost) / np.abs(passage + refractory) ** 2
    return np.where(still, diffusion.variation() ** 2, power)


def population_spectra(
    approximation: MarkovApproximation, frequency: npt.ArrayLike, rates: Mapping[str, float]
) -> Complexes:
    r"""Return the spectra and cross-spectra of the population rates of a finite asynchronous network, in Hz^2/Hz.

    The spikes of population a fluctuate by themselves, and because pending spikes follow all spikes:

    .. math::

        \delta r_a = \xi_a + \sum_b R_{ab}(f)\, \delta r_b, \qquad
        R_{ab} = N_a \left(\chi^\mu_{ab}\, \bar H_{ab} + \chi^\sigma_{ab}\, W_{ab}\right)

    with the spectra of single neurons for :math:`\xi_a`, the responses to drift and noise, and the moments of pending
    spikes per spike of the source. To first order in 1/N: for a stable stationary state.

    Parameters
    ----------
    approximation : MarkovApproximation
        With a closure of white noise.
    frequency : array_like, shape (f,)
        In Hz.
    rates : mapping
        Stationary rate in Hz of each population.

    Returns
    -------
    array of complex, shape (f, populations, populations)
        One-sided, of rates per neuron, as `spiking.statistics.spectrum`; element a, b is the mean of
        :math:`r_a r_b^*`.

    Raises
    ------
    SpecificationError, UnknownNameError
        If the closure is not covered, or a rate is missing.
    """
    network, own = approximation.network, inputs(approximation)
    for name in network.sizes:
        if name not in rates:
            raise UnknownNameError("rate of population", name, rates)
    spikes = np.array(
        [checked_number("rates", n, rates[n], NONNEGATIVE) * network.sizes[n] / 1000 for n in network.sizes]
    )
    omega = 2.0 * math.pi * np.asarray(frequency, float) / 1000.0
    mean, variance = stationary_moments(own, spikes)
    by_mean, by_variance = own.power_slopes(mean, variance)
    loop = np.zeros((omega.size, spikes.size, spikes.size), complex)
    power = np.empty((omega.size, spikes.size))
    for a, neuron in enumerate(stationary_diffusions(approximation, own, mean, variance)):
        arriving = np.flatnonzero((own.target == a) & (own.source >= 0)).tolist()
        modulations = []
        for q in arriving:
            modulations.append(Modulation(drift=partial(_polynomial, own, q, own.weight[q] / own.tau[q], 1)))
            taken = partial(_polynomial, own, q, own.noise_drift()[q] * own.c1[q], 1)
            modulations.append(Modulation(drift=taken, noise=partial(_polynomial, own, q, 1.0, 2)))
        chi = responses(neuron, omega, modulations) if modulations else np.empty((0, omega.size))
        for q, by_drift, by_noise in zip(arriving, chi[::2], chi[1::2], strict=True):
            p, tau = own.probability[q], own.tau[q]
            late = np.exp(-1j * omega * own.delay[q])
            pending = p * tau / (1.0 + 1j * omega * tau) * late
            spread = (own.consumption[q] * pending + p * (1.0 - p) * tau * late) / (2.0 + 1j * omega * tau)
            response = by_drift * pending + by_noise * (by_mean[q] * pending + by_variance[q] * spread)
            loop[:, a, own.source[q]] += own.size[a] * response
        power[:, a] = spikes[a] * _relative_power(neuron, omega)
    spread = np.linalg.inv(np.eye(spikes.size) - loop)
    total = np.einsum("fac,fc,fbc->fab", spread, power, spread.conj())
    return np.asarray(2000.0 * total / np.outer(own.size, own.size))


def _polynomial(own: Inputs, q: int, factor: float, power: int, v: Floats) -> Floats:
    return np.asarray(factor * (own.c0[q] + own.c1[q] * v) ** power)


def stationary_moments(own: Inputs, spikes: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the pending spikes at stationary population spikes per ms."""
    r = np.where(own.source >= 0, spikes[own.source], 0.0)
    pending = own.probability * r * own.tau
    spread = (own.consumption * pending + own.probability * (1.0 - own.probability) * r * own.tau) / 2.0
    return own.mean + pending, own.variance + spread


def stationary_diffusions(
    approximation: MarkovApproximation, own: Inputs, mean: Floats, variance: Floats
) -> list[Diffusion]:
    """Return the diffusing neuron of each population at given moments of pending spikes."""
    drift, noise = own.coefficients(mean, variance)
    neurons = [population.neuron for population in approximation.network.populations]

    def mu(a: int, v: Floats) -> Floats:
        return np.asarray(own.intrinsic[a](v) + drift[a, 0] + drift[a, 1] * v)

    def sigma(a: int, v: Floats) -> Floats:
        return np.asarray(noise[a, 0] + v * (noise[a, 1] + v * noise[a, 2]))

    return [
        Diffusion(
            partial(mu, a), partial(sigma, a), neuron.threshold, neuron.reset,  # type: ignore[attr-defined]
            floor if math.isfinite(neuron.reset) else -math.inf, neuron.refractory,  # type: ignore[attr-defined]
        )
        for a, (neuron, floor) in enumerate(zip(neurons, own.floor, strict=True))
    ]  # fmt: skip


def eigenvalues(diffusion: Diffusion, number: int = 6, *, stages: int = 16) -> Complexes:
    """Return the leading eigenvalues of the Fokker-Planck operator with absorption at threshold and return to reset.

    They are how perturbations of the density decay at fixed drift and noise. The eigenvalue 0 of the stationary density
    is left out. By collocation on panels that resolve them: the operator's inverse is a matrix of the values at the
    nodes, so that the leading eigenvalues are its largest; Newton's method on the characteristic function of the
    intervals improves them.

    Parameters
    ----------
    diffusion : Diffusion
        Without, with exponential or with fixed refractory time.
    number : int
    stages : int
        Erlang stages that stand for a fixed refractory time, as in `reduction.MarkovApproximation`.

    Returns
    -------
    array of complex, shape (number,)
        In 1/ms, by decreasing real part.

    Raises
    ------
    SpecificationError
        If the refractory time is of another kind.
    """
    number = int(checked_number("", "number", number, POSITIVE, integer=True))
    stages = int(checked_number("", "stages", stages, POSITIVE, integer=True))
    if not isinstance(diffusion.refractory, (NoRefractory, Exponential, Fixed)):
        kind = diffusion.refractory.kind
        raise SpecificationError(f"refractory = {kind!r}: eigenvalues are known for none, exponential and fixed")
    if isinstance(diffusion.refractory, NoRefractory):
        stages = 0
    elif isinstance(diffusion.refractory, Exponential):
        stages = 1
    p = base.refined(diffusion, base.first_panels(diffusion), base.stationary).panels
    found = _eigenvalues(diffusion, p, stages, number)
    finer = resolved(diffusion, p, complex(found[np.abs(found).argmax()]), ())
    if finer.width.size > p.width.size:
        found = _eigenvalues(diffusion, finer, stages, number)
    return _polished(diffusion, stages, found)


def _polished(diffusion: Diffusion, stages: int, s: Complexes) -> Complexes:
    """Improve simple eigenvalues by Newton's method: 1 = f(s) rho(s), with f of passage and rho of refractory time."""
    mean = base.refractory_moments(diffusion.refractory)[0]

    def excess(s: Complexes) -> Complexes:
        waiting = (1.0 - (1.0 + s * mean / max(stages, 1)) ** -stages) / s
        return passage_transform(diffusion, s)[0] + waiting

    for _ in range(_NEWTON_STEPS):
        here, right, left = excess(np.stack([s, s * (1.0 + _DIFFERENCE), s * (1.0 - _DIFFERENCE)]))
        step = here * 2.0 * _DIFFERENCE * s / (right - left)
        s = np.where(np.abs(step) < _NEAR * np.abs(s), s - step, s)
    return s


def _eigenvalues(diffusion: Diffusion, p: base.Panels, stages: int, number: int) -> Complexes:
    """Return eigenvalues s: X = r ahead + s back X at nodes and refractory stages, r such that X holds no neurons."""
    panels, nodes = p.growth.shape
    total = panels * nodes
    integral = np.kron(np.tril(np.ones((panels, panels)), -1) * p.width, np.tile(RULE.weights, (nodes, 1)))
    for k in range(panels):
        own = slice(k * nodes, (k + 1) * nodes)
        integral[own, own] += p.width[k] * RULE.integral
    growth, source = p.growth.ravel(), p.source.ravel()
    above = np.repeat(p.above, nodes).astype(float)
    row = 1.0 / (1.0 + np.abs(growth) * np.repeat(p.width, nodes))
    matrix = np.diag(row) + (row * growth)[:, None] * integral
    start = base.start_value(p, p.source)
    right = np.column_stack([growth * start - source * above, source * (1.0 - above), source[:, None] * integral])
    solved = integral @ np.linalg.solve(matrix, row[:, None] * right)
    time = base.refractory_moments(diffusion.refractory)[0] / max(stages, 1)
    ahead = np.append(start - solved[:, 0], np.full(stages, time))
    back = np.zeros((total + stages, total + stages))
    back[:total, :total] = solved[:, 2:]
    back[:total, total:] = solved[:, 1:2]
    back[total:, total:] = -time * np.tril(np.ones((stages, stages)))
    count = np.append((p.width[:, None] * RULE.weights).ravel(), np.ones(stages))
    inverse = np.linalg.eigvals(back - np.outer(ahead, (count @ back) / (count @ ahead)))
    if inverse.size < _SPARE * number:
        raise NumericalError(f"number = {number}: at most {inverse.size // _SPARE} eigenvalues are resolved")
    slowest = 1.0 / inverse[np.argsort(-np.abs(inverse))[: _SPARE * number]]
    return np.asarray(slowest[np.argsort(-slowest.real)][:number], complex)
