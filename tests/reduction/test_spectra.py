from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import eig

import reduction
import spiking
from reduction.levels.diffusion import Diffusion
from reduction.levels.linear_response import passage_transform, refractory_integral, refractory_transform
from reduction.levels.spectra import (
    eigenvalues,
    inputs,
    population_spectra,
    power_spectrum,
    stationary_diffusions,
    stationary_moments,
)
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

KINDS = [spiking.NoRefractory(), spiking.Fixed(2.0), spiking.Exponential(2.0), spiking.Normal(2.0, 0.5)]


def leaky(mu=15.0, sigma=5.0, refractory=None):
    """Diffusion of tau V' = mu - V + sigma sqrt(tau) xi."""
    refractory = refractory or spiking.NoRefractory()
    return Diffusion(lambda v: (mu - v) / 20.0, lambda v: sigma**2 / 20.0, 20.0, 10.0, refractory=refractory)


@pytest.mark.parametrize(("mu", "d", "squared"), [(0.8, 0.1, 0.454617), (1.2, 0.1, 0.268100), (1.5, 0.05, 0.114013)])
def test_power_at_0_is_that_of_the_intervals(mu, d, squared):
    diffusion = Diffusion(lambda v: mu - v, lambda v: 2 * d, 1.0, 0.0)
    found = power_spectrum(diffusion, [0.0, 1e-3, 1e-1]) / (2000 * diffusion.rate())
    assert found[0] == pytest.approx(squared, abs=6e-7)
    assert found[1] == pytest.approx(found[0], rel=1e-8)
    assert found[2] == pytest.approx(found[0], rel=1e-4)


@pytest.mark.parametrize("refractory", KINDS)
def test_power_from_the_intervals(refractory):
    """The renewal formula as it stands, away from 0; twice the rate at high frequencies."""
    diffusion, frequency = leaky(refractory=refractory), np.array([2.0, 10.0, 50.0, 300.0])
    s = 2j * np.pi * frequency / 1000
    interval = refractory_transform(refractory, s) / (1 + s * passage_transform(diffusion, s)[0])
    exact = 2000 * diffusion.rate() * (1 - np.abs(interval) ** 2) / np.abs(1 - interval) ** 2
    np.testing.assert_allclose(power_spectrum(diffusion, frequency), exact, rtol=1e-9)
    assert power_spectrum(diffusion, 1e5) == pytest.approx(2000 * diffusion.rate(), rel=1e-6)


def test_power_of_a_simulated_neuron():
    """One-sided, as `spiking.statistics.spectrum`: mean of squared z, and no bias."""
    neuron = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Fixed(2.0))
    drive = spiking.GaussianDrive(rate=0.45, size=5.0 / 3.0)
    network = spiking.Network([spiking.Population("X", 100, neuron, drive)])
    recording = spiking.simulate(network, 20_000.0, seed=1, scheme="bridge", sampling_interval=0.5)
    found = spiking.statistics.spectrum(recording, "X", discard=200.0, segment=200.0)
    inside = (found.frequency > 5.0) & (found.frequency < 250.0)
    diffusion = leaky(refractory=spiking.Fixed(2.0))
    ratio = 100 * found.power[inside] / power_spectrum(diffusion, found.frequency[inside])
    z = (ratio - 1) / (ratio * found.se[inside] / found.power[inside])
    print(f"\none neuron's spectrum: mean ratio {ratio.mean():.4f}, mean z^2 {np.mean(z**2):.2f}")
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)
    assert np.mean(z**2) < 2.0


def asynchronous():
    """An E/I network with weak kick synapses, whose noise is white: both feedback signs, both kinds of response."""
    neuron = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Exponential(2.0))
    drive = spiking.GaussianDrive(rate=0.9, size=1.2)
    projections = [
        spiking.Projection(name[0], name[1], spiking.PendingKick(weight, tau, inhibitory=name[1] == "I"), wiring)
        for name, weight, tau, wiring in (
            ("EE", 0.06, 2.0, spiking.Annealed(0.25)), ("EI", 0.25, 4.0, spiking.Annealed(0.5)),
            ("IE", 0.06, 2.0, spiking.Annealed(0.5)), ("II", 0.2, 3.0, spiking.Annealed(0.5)),
        )
    ]  # fmt: skip
    populations = [spiking.Population("E", 200, neuron, drive), spiking.Population("I", 100, neuron, drive)]
    return spiking.Network(populations, projections)


def stationary_rates(approximation):
    own, spikes = inputs(approximation), np.full(2, 1.0)
    for _ in range(200):
        neurons = stationary_diffusions(approximation, own, *stationary_moments(own, spikes))
        spikes = 0.5 * spikes + 0.5 * own.size * [neuron.rate() for neuron in neurons]
    return dict(zip("EI", 1000.0 * spikes / own.size, strict=True))


def test_spectra_of_a_finite_network():
    network = asynchronous()
    approximation = reduction.MarkovApproximation(network, closure="white")
    rates = stationary_rates(approximation)
    recording = spiking.simulate(network, 20_000.0, seed=1, trials=2, scheme="bridge", sampling_interval=0.5)
    measured = recording.rates(200.0)
    for name in "EI":
        assert measured[name].mean == pytest.approx(rates[name], rel=0.02)
    for a, name in enumerate("EI"):
        found = spiking.statistics.spectrum(recording, name, discard=200.0, segment=200.0)
        inside = (found.frequency > 9.0) & (found.frequency < 250.0)
        exact = population_spectra(approximation, found.frequency[inside], rates)[:, a, a].real
        alone = 2 * rates[name] / network.sizes[name]
        ratio = found.power[inside] / exact
        z = (ratio - 1) / (ratio * found.se[inside] / found.power[inside])
        print(f"\n{name}: ratio {ratio.mean():.3f}, mean z^2 {np.mean(z**2):.2f}; ", end="")
        print(f"over Poisson {exact.min() / alone:.2f} to {exact.max() / alone:.2f}")
        assert ratio.mean() == pytest.approx(1.0, abs=0.04)
        assert np.mean(z**2) < 2.0
        assert exact.max() > 1.5 * exact.min()


def test_spectrum_of_quadratic_neurons_with_infinite_cutoffs_exponential_synapses_and_a_delay():
    neurons = spiking.Population("X", 500, spiking.QIF(tau_m=10.0), spiking.GaussianDrive(0.2, 3.0))
    inhibition = spiking.ExponentialCurrent(0.05, 3.0, inhibitory=True)
    network = spiking.Network(
        [neurons], [spiking.Projection("X", "X", inhibition, spiking.Bernoulli(0.2), delay=1.5)]
    )  # fmt: skip
    approximation = reduction.MarkovApproximation(network, closure="white")
    own, rate = inputs(approximation), 0.05
    for _ in range(60):
        moments = stationary_moments(own, np.array([500 * rate]))
        rate = 0.5 * rate + 0.5 * stationary_diffusions(approximation, own, *moments)[0].rate()
    recording = spiking.simulate(network, 10_000.0, dt=0.05, seed=1, sampling_interval=0.5, initial="uniform")
    assert recording.rates(500.0)["X"].mean == pytest.approx(1000 * rate, rel=2e-3)
    found = spiking.statistics.spectrum(recording, "X", discard=500.0, segment=200.0)
    inside = (found.frequency > 25.0) & (found.frequency < 300.0)
    exact = population_spectra(approximation, found.frequency[inside], {"X": 1000 * rate})[:, 0, 0].real
    ratio = found.power[inside] / exact
    z = (ratio - 1) / (ratio * found.se[inside] / found.power[inside])
    print(f"\nquadratic neurons: ratio {ratio.mean():.3f}, mean z^2 {np.mean(z**2):.2f}")
    assert ratio.mean() == pytest.approx(1.0, abs=0.05)
    assert np.mean(z**2) < 2.5
    assert exact.min() < 0.1 * exact.max()


def test_cross_spectra_are_hermitian_and_those_of_unconnected_populations_vanish():
    network, frequency = asynchronous(), np.array([0.0, 5.0, 40.0])
    approximation = reduction.MarkovApproximation(network, closure="white")
    found = population_spectra(approximation, frequency, stationary_rates(approximation))
    np.testing.assert_allclose(found, found.conj().transpose(0, 2, 1), rtol=1e-12, atol=1e-15)
    assert (np.linalg.eigvalsh(found) > 0).all()
    silent = network.replace({f"{name}.weight": 0.0 for name in ("EE", "EI", "IE", "II")})
    approximation = reduction.MarkovApproximation(silent, closure="white")
    rates = stationary_rates(approximation)
    found = population_spectra(approximation, frequency, rates)
    neuron = stationary_diffusions(approximation, inputs(approximation), np.zeros(4), np.zeros(4))[0]
    np.testing.assert_allclose(found[:, 0, 0], power_spectrum(neuron, frequency) / 200, rtol=1e-8)
    assert np.abs(found[:, 0, 1]).max() == 0.0


def test_the_response_at_0_is_the_slope_of_the_self_consistent_rates():
    """Power at 0 of N rates: total response (1 - R)^-1 by differences of what the rates cause."""
    approximation = reduction.MarkovApproximation(asynchronous(), closure="white")
    rates, own = stationary_rates(approximation), inputs(approximation)
    spikes = np.array(list(rates.values())) * own.size / 1000

    def caused(spikes):
        neurons = stationary_diffusions(approximation, own, *stationary_moments(own, spikes))
        return own.size * [neuron.rate() for neuron in neurons]

    loop = np.stack([(caused(spikes + h) - caused(spikes - h)) / 2e-4 for h in 1e-4 * np.eye(2)], axis=-1)
    neurons = stationary_diffusions(approximation, own, *stationary_moments(own, spikes))
    own_power = np.diag(spikes * [neuron.variation() ** 2 for neuron in neurons])
    total = np.linalg.inv(np.eye(2) - loop)
    expected = 2000 * total @ own_power @ total.T / np.outer(own.size, own.size)
    np.testing.assert_allclose(population_spectra(approximation, [0.0], rates)[0].real, expected, rtol=1e-6)


def test_eigenvalues_of_pure_diffusion():
    """Reflecting floor at 0, reset at a, threshold at 1: -D (2 pi n / (1 +- a))^2."""
    d, a = 0.5, 0.3
    exact = [-d * (2 * math.pi * n / (1 + sign * a)) ** 2 for n in range(1, 9) for sign in (1, -1)]
    exact.sort(reverse=True)
    found = eigenvalues(Diffusion(lambda v: 0.0, lambda v: 2 * d, 1.0, a, 0.0), 6)
    np.testing.assert_allclose(found, exact[:6], rtol=1e-11)


def test_eigenvalues_of_a_leaky_neuron_between_symmetric_reset_and_threshold():
    """Every even Hermite polynomial is an eigenfunction: -2 k / tau."""
    found = eigenvalues(leaky(mu=15.0), 7)
    for k in range(1, 6):
        assert np.abs(found + 2 * k / 20.0).min() < 1e-9


def generator(diffusion, floor, bins, stages):
    """Twin: hops between many bins, refractory stages, no state of eigenvalue 0."""
    h = (diffusion.threshold - floor) / bins
    edges = floor + h * np.arange(1, bins + 1)
    d, width = 0.5 * diffusion.noise(edges) * np.ones(bins), np.append(np.full(bins - 1, h), h / 2)
    x = diffusion.drift(edges) * width / d
    up, down = d / (width * h) * x / -np.expm1(-x), d / (width * h) * x / np.expm1(x)
    matrix = np.diag(up[:-1], -1) + np.diag(down[:-1], 1) - np.diag(up) - np.diag(np.append(0.0, down[:-1]))
    matrix = np.pad(matrix, (0, stages))
    flow, where = up[-1], bins - 1
    for s in range(stages):
        matrix[bins + s, where] += flow
        where, flow = bins + s, stages / diffusion.refractory.duration
        matrix[where, where] -= flow
    place = (diffusion.reset - floor) / h - 0.5
    low = int(place)
    matrix[low, where] += (1 - place + low) * flow
    matrix[low + 1, where] += (place - low) * flow
    return matrix


def test_eigenvalues_with_refractory_stages_against_hops():
    diffusion = leaky(mu=18.0, refractory=spiking.Fixed(3.0))
    found = eigenvalues(diffusion, 3, stages=4)
    values = []
    for bins in (250, 500):
        own = eig(generator(diffusion, -10.0, bins, 4), right=False)
        values.append(np.sort_complex(own[np.argsort(-own.real)][1:4]))
    exact = (4 * values[1] - values[0]) / 3
    np.testing.assert_allclose(np.sort_complex(found), exact, rtol=2e-6)


@pytest.mark.parametrize("refractory", [spiking.NoRefractory(), spiking.Exponential(1.5)])
def test_eigenvalues_are_zeros_of_the_characteristic_function(refractory):
    diffusion = Diffusion(
        lambda v: 9.0 - 0.06 * (v + 66.0), lambda v: 7.0 + 0.004 * (v + 66.0) ** 2, 100.0, 0.0, -60.0, refractory
    )
    s = eigenvalues(diffusion, 4)
    interval = refractory_transform(refractory, s) / (1 + s * passage_transform(diffusion, s)[0])
    np.testing.assert_allclose(interval, 1.0, rtol=1e-9)
    assert (s.real < 0).all()
    excess = passage_transform(diffusion, 0.9 * s)[0] + refractory_integral(refractory, 0.9 * s)
    assert np.abs(excess).min() > 1e-3


def test_bad_input_is_refused(chang):
    with pytest.raises(SpecificationError, match="refractory = 'normal': eigenvalues are known for none"):
        eigenvalues(leaky(refractory=spiking.Normal(2.0, 1.0)))
    with pytest.raises(ParameterError, match="number = 0: must be positive"):
        eigenvalues(leaky(), 0)
    with pytest.raises(SpecificationError, match="closure = 'conditional': must be 'white', 'published' or a number"):
        population_spectra(reduction.MarkovApproximation(chang), [1.0], {"E": 1.0, "I": 1.0})
    approximation = reduction.MarkovApproximation(chang, closure="white")
    with pytest.raises(UnknownNameError, match="rate of population 'I' does not exist"):
        population_spectra(approximation, [1.0], {"E": 1.0})
    with pytest.raises(ParameterError, match=r"rates.E = -1.0: must be at least 0"):
        population_spectra(approximation, [1.0], {"E": -1.0, "I": 1.0})
