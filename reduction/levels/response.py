"""What stationary rates cause: the drift and noise of every population, and the rate at which it then fires."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from reduction.grids import intrinsic_drift
from reduction.levels.diffusion import Diffusion, refractory_moments
from reduction.levels.siegert import perfect_rate, siegert_rate, siegert_variation
from reduction.markov import MarkovApproximation
from reduction.system import Floats
from spiking.drives import ArrayDrive, ConstantDrive, KickDrive, NoDrive, components, kicks_of
from spiking.errors import NumericalError, ParameterError, SpecificationError
from spiking.network import Network, Population, Projection
from spiking.neurons import EIF, LIF, QIF, Refractory
from spiking.synapses import Delta
from spiking.wiring import AllToAll, Annealed, Bernoulli, FixedInDegree, FixedOutDegree

_DIFFERENCE = 1e-6


@dataclass(frozen=True, eq=False)
class Response:
    """How populations respond to stationary rates r, in spikes per ms of whole populations.

    Attributes
    ----------
    network : Network
    floors : array, shape (populations,)
        Reflecting lower ends of the voltage in mV, or -inf.
    drift : array, shape (populations, 2, 1 + populations)
        The drift in mV/ms, beyond the neurons' own nonlinear one: by powers of v, then linear in (1, r).
    noise : array, shape (populations, 3, 1 + populations)
        The noise intensity in mV^2/ms, likewise.
    moments : callable
        From r to mean and variance of pending spikes, one for each projection.
    """

    network: Network
    floors: Floats
    drift: Floats
    noise: Floats
    moments: Callable[[Floats], tuple[Floats, Floats]]

    @cached_property
    def pauses(self) -> Floats:
        """Mean refractory times in ms, shape (populations,)."""
        return np.array([refractory_moments(_refractory(p))[0] for p in self.network.populations])

    @cached_property
    def _sizes(self) -> Floats:
        return np.array(list(self.network.sizes.values()), float)

    @cached_property
    def _closed(self) -> npt.NDArray[np.int64]:
        """Populations that obey Siegert's formula: leaky, with the same leak and the same noise at every voltage."""
        leaky = [isinstance(p.neuron, LIF) for p in self.network.populations]
        steady = (self.drift[:, 1, 0] < 0.0) & ~self.drift[:, 1, 1:].any(axis=-1) & ~self.noise[:, 1:].any(axis=(1, 2))
        return np.flatnonzero(leaky & steady)

    @cached_property
    def _collocated(self) -> npt.NDArray[np.int64]:
        return np.setdiff1d(np.arange(self._sizes.size), self._closed)

    @cached_property
    def _constants(self) -> Floats:
        """Of the populations that obey Siegert's formula, a row each: tau, threshold, reset, refractory time, shift."""
        neurons = [_lif(self.network.populations[a]) for a in self._closed]
        ends = [[n.threshold for n in neurons], [n.reset for n in neurons]]
        tau, pauses = -1.0 / self.drift[self._closed, 1, 0], self.pauses[self._closed]
        return np.array([tau, *ends, pauses, np.zeros_like(tau)])

    def inputs(self, rates: Floats) -> tuple[Floats, Floats]:
        """Return drift (..., populations, 2) and noise (..., populations, 3) at rates per neuron (1/ms)."""
        spikes = rates * self._sizes
        return tuple(  # type: ignore[return-value]
            (spikes @ part[..., 1:].reshape(-1, self._sizes.size).T).reshape(*rates.shape, -1) + part[..., 0]
            for part in (self.drift, self.noise)
        )

    def rates(self, rates: Floats) -> tuple[Floats, Floats]:
        """Return the rates (1/ms) that rates per neuron cause, shape (points, populations), and their slopes.

        The slopes are complete after `add_slopes`. A rate is NaN where there is no stationary density.
        """
        drift, noise = self.inputs(rates)
        caused, slopes = np.empty(rates.shape), np.zeros((*rates.shape, rates.shape[1]))
        self._siegert(drift, noise, caused, slopes)
        for a in self._collocated:
            caused[:, a] = [self._collocated_rate(a, *at) for at in zip(drift[:, a], noise[:, a], strict=True)]
        return caused, slopes

    def add_slopes(self, rates: Floats, caused: Floats, slopes: Floats) -> None:
        """Complete the slopes, shape (points, populations, populations): [k, a, b] of a's rate by b's.

        Those of Siegert's formula come with the rates; the others are differences.
        """
        drift, noise = self.inputs(rates)
        for a in self._collocated:
            by_drift, by_noise = self.drift[a, :, 1:] * self._sizes, self.noise[a, :, 1:] * self._sizes
            for b in np.flatnonzero(by_drift.any(axis=0) | by_noise.any(axis=0)):
                for k, rate in enumerate(rates[:, b]):
                    step = _DIFFERENCE * max(rate, _DIFFERENCE)
                    near = drift[k, a] + step * by_drift[:, b], noise[k, a] + step * by_noise[:, b]
                    slopes[k, a, b] = (self._collocated_rate(a, *near) - caused[k, a]) / step

    def _siegert(self, drift: Floats, noise: Floats, caused: Floats, slopes: Floats) -> None:
        """Fill the columns of the populations that obey Siegert's formula."""
        if not self._closed.size:
            return
        from reduction.kernels import siegert as kernel

        own, tau = self._closed, self._constants[0]
        arguments = np.empty((7, len(caused), own.size))
        arguments[0], arguments[1] = drift[:, own, 0] * tau, np.sqrt(noise[:, own, 0] * tau)
        arguments[2:] = self._constants[:, None]
        sigma = arguments[1]
        out = np.empty((3, sigma.size))
        kernel.rates(arguments.reshape(7, -1), out)
        rate, by_mu, by_sigma = out.reshape(3, *sigma.shape)
        caused[:, own] = rate
        by_mean = self.drift[own, 0, 1:] * self._sizes * tau[:, None]
        by_power = self.noise[own, 0, 1:] * self._sizes * tau[:, None]
        half = 0.5 * by_sigma / np.where(sigma > 0.0, sigma, 1.0)
        slopes[:, own] = by_mu[..., None] * by_mean + half[..., None] * by_power

    def _collocated_rate(self, a: int, drift: Floats, noise: Floats) -> float:
        """Return the rate of population a in 1/ms; NaN if there is no stationary density."""
        neuron = self.network.populations[a].neuron
        if isinstance(neuron, LIF) and not noise.any():
            ends = {"threshold": neuron.threshold, "reset": neuron.reset, "refractory": self.pauses[a]}
            if drift[1] == 0.0:
                return float(perfect_rate(drift[0], **ends)) / 1000.0
            return float(siegert_rate(-drift[0] / drift[1], 0.0, tau_m=-1.0 / drift[1], **ends)) / 1000.0
        try:
            return self._diffusion(a, drift, noise).rate()
        except (NumericalError, ParameterError):
            return math.nan

    def _diffusion(self, a: int, drift: Floats, noise: Floats) -> Diffusion:
        population, values = self.network.populations[a], self.network.parameters
        neuron = population.neuron
        assert isinstance(neuron, LIF | QIF | EIF)
        return Diffusion(
            drift=lambda v: drift[0] + drift[1] * v + intrinsic_drift(population, values, v),
            noise=lambda v: np.maximum(noise[0] + v * (noise[1] + v * noise[2]), 0.0),
            threshold=neuron.threshold, reset=neuron.reset, floor=self.floors[a], refractory=neuron.refractory,
        )  # fmt: skip

    def statistics(self, a: int, rates: Floats) -> tuple[float, float]:
        """Return CV and mean voltage (mV) of population a at rates per neuron (1/ms); NaN where there is none.

        For a leak alone the mean voltage follows from the balance of drift and resets.
        """
        drift, noise = (part[a] for part in self.inputs(rates))
        neuron, rate = self.network.populations[a].neuron, float(rates[a])
        pause, spread = refractory_moments(_refractory(self.network.populations[a]))
        if isinstance(neuron, LIF) and not noise[1:].any() and drift[1] < 0.0:
            mu, tau = -drift[0] / drift[1], -1.0 / drift[1]
            ends = {"threshold": neuron.threshold, "reset": neuron.reset, "refractory": pause}
            fixed = siegert_variation(mu, math.sqrt(noise[0] * tau), tau_m=tau, **ends)
            moved = pause * neuron.reset - tau * (neuron.threshold - neuron.reset)
            return math.hypot(fixed, rate * math.sqrt(spread)), float(mu * (1.0 - rate * pause) + rate * moved)
        if isinstance(neuron, LIF) and not noise.any():
            return (rate * math.sqrt(spread) if rate > 0.0 else math.nan), math.nan
        diffusion = self._diffusion(a, drift, noise)
        voltage = diffusion.mean_voltage() if math.isfinite(diffusion.threshold) else math.nan
        return (diffusion.variation() if rate > 0.0 else math.nan), voltage


def of_approximation(approximation: MarkovApproximation) -> Response:
    """Return the response of a Markov approximation.

    Noise that its closure carries as levels counts as white (kappa = 2 tau).

    Raises
    ------
    SpecificationError
        If a drive depends on time.
    """
    from reduction.kernels.observing import voltage_terms

    network, count = approximation.network, len(approximation.network.populations)
    for population in network.populations:
        if any(isinstance(drive, ArrayDrive) for drive in components(population.drive)):
            raise SpecificationError(f"{population.name}.drive depends on time: there is no stationary state")
    arrays = approximation.arrays()
    arrays = arrays._replace(kappa=np.where(arrays.telegraphs > 0, 2.0 * arrays.tau, arrays.kappa))
    driven, p = arrays.source >= 0, arrays.probability

    def moments(r: Floats) -> tuple[Floats, Floats]:
        arriving = p * np.where(driven, r[arrays.source], 0.0) * arrays.tau
        variance = arriving * (1.0 - p + arrays.consumption) / 2.0
        return arriving + arrays.mean, variance + np.where(driven, 0.0, arrays.variance)

    def at(r: Floats) -> tuple[Floats, Floats]:
        drift, noise = np.empty((count, 2)), np.empty((count, 3))
        voltage_terms(arrays, *moments(r), drift, noise)
        return drift, noise

    silent, *each = (at(r) for r in np.vstack([np.zeros(count), np.eye(count)]))
    drift, noise = (np.stack([silent[k], *(one[k] - silent[k] for one in each)], axis=-1) for k in (0, 1))
    floors = np.array([approximation.v_min[name] for name in network.sizes])
    return Response(network, floors, drift, noise, moments)


def of_delta_network(network: Network) -> Response:
    """Return the response of leaky neurons with delta synapses, in the diffusion approximation (Brunel 2000)."""
    count = len(network.populations)
    index = {p.name: a for a, p in enumerate(network.populations)}
    drift, noise = np.zeros((count, 2, 1 + count)), np.zeros((count, 3, 1 + count))
    for a, population in enumerate(network.populations):
        neuron = _lif(population)
        rate, size = kicks_of(population.drive)
        current = sum(d.current for d in components(population.drive) if isinstance(d, ConstantDrive))
        drift[a, 0, 0] = current + rate * size + neuron.rest / neuron.tau_m
        drift[a, 1, 0] = -1.0 / neuron.tau_m
        noise[a, 0, 0] = rate * size**2
    for projection in network.projections:
        synapse = projection.synapse
        assert isinstance(synapse, Delta)
        a, b = index[projection.target], index[projection.source]
        share = _sources(network, projection) / network.sizes[projection.source]
        drift[a, 0, 1 + b] += share * (-synapse.weight if synapse.inhibitory else synapse.weight)
        noise[a, 0, 1 + b] += share * synapse.weight**2
    nothing = np.empty(0)
    return Response(network, np.full(count, -math.inf), drift, noise, lambda r: (nothing, nothing))


def is_delta_network(network: Network) -> bool:
    """Return whether `of_delta_network` covers a network."""
    return all(
        isinstance(p.synapse, Delta) and not math.isnan(_sources(network, p)) for p in network.projections
    ) and all(
        isinstance(p.neuron, LIF)
        and math.isfinite(p.neuron.tau_m)
        and all(isinstance(d, NoDrive | KickDrive | ConstantDrive) for d in components(p.drive))
        for p in network.populations
    )


def _sources(network: Network, projection: Projection) -> float:
    """Return the mean number of sources of a neuron; NaN if the wiring is a list of edges."""
    wiring, sizes = projection.wiring, network.sizes
    if isinstance(wiring, FixedInDegree):
        return float(wiring.in_degree)
    if isinstance(wiring, FixedOutDegree):
        return wiring.out_degree * sizes[projection.source] / sizes[projection.target]
    if isinstance(wiring, Annealed | Bernoulli):
        return wiring.probability * sizes[projection.source]
    return float(sizes[projection.source]) if isinstance(wiring, AllToAll) else math.nan


def _refractory(population: Population) -> Refractory:
    assert isinstance(population.neuron, LIF | QIF | EIF)
    return population.neuron.refractory


def _lif(population: Population) -> LIF:
    assert isinstance(population.neuron, LIF)
    return population.neuron
