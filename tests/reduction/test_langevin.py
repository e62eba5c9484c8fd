"""The Langevin level: the mean flow with Gaussian noise on every hop."""

from __future__ import annotations

import math

import naive
import numpy as np
import pytest

import reduction
import spiking
from reduction.levels import ode
from spiking.errors import NumericalError

DRIVE = spiking.SumDrive(spiking.GaussianDrive(1.5, 0.7), spiking.OrnsteinUhlenbeckDrive(0.2, 0.4, 2.0))


def alone(size, drive=DRIVE, refractory=None):
    neuron = spiking.LIF(10.0, 0.0, 10.0, refractory=refractory or spiking.Exponential(1.5))
    return spiking.Network([spiking.Population("X", size, neuron, drive)])


def full_states(approximation, trajectory):
    own, arrays = ode.layout(approximation), approximation.arrays()
    return np.array([own.full(state, arrays)[own.owner == 0] for state in trajectory.final_state])


def step_moments(matrix, dt, mean, covariance):
    """Mean and covariance after a step: the flow for dt / 2, the noise of every hop at the mean, the flow again."""
    half = naive.linalg.expm(matrix * dt / 2)
    middle = half @ mean
    noise = naive.hop_noise(matrix, middle) * dt
    return half @ middle, half @ (half @ covariance @ half.T + noise) @ half.T


@pytest.mark.parametrize("refractory", [spiking.NoRefractory(), spiking.Exponential(1.5), spiking.Fixed(1.0)])
def test_one_step_has_the_mean_and_the_covariance_of_its_hops(refractory):
    """Means and covariances of 4000 trials after a step, white noise alone, against the moments of the scheme."""
    size, trials, dt = 40_000, 4000, 0.5
    network = alone(size, spiking.GaussianDrive(1.5, 0.7), refractory)
    approximation = reduction.MarkovApproximation(network, bins=12, stages=2, v_min=-12.0)
    start = reduction.integrate(approximation, duration=5.0).final_state[0]
    trajectory = reduction.integrate(
        approximation, "langevin", dt, dt=dt, sampling_interval=dt, trials=trials, initial=start, seed=1
    )
    counts = full_states(approximation, trajectory)
    matrix = naive.generator(approximation, "X", {})[:-1, :-1]
    own = ode.layout(approximation)
    before = own.full(start, approximation.arrays())[own.owner == 0]
    mean, covariance = step_moments(matrix, dt, before, np.zeros_like(matrix))
    z = (counts.mean(axis=0) - mean) / np.sqrt(np.diag(covariance) / trials)
    scale = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / trials)
    u = ((np.cov(counts.T) - covariance) / scale)[np.triu_indices(mean.size)]
    print(f"\nmax |z|: means {np.abs(z).max():.1f}, covariances {np.abs(u).max():.1f}; mean u^2 {np.mean(u**2):.2f}")
    assert np.abs(z).max() < 4
    assert np.abs(u).max() < 4.5
    assert 0.5 < np.mean(u**2) < 1.6


def test_its_stationary_counts_are_nearly_multinomial():
    """With levels: mean N p and covariance N (diag p - p p'), to which the chain's is equal."""
    size, trials = 30_000, 1500
    approximation = reduction.MarkovApproximation(alone(size), bins=10, v_min=-14.0, noise_levels=2)
    trajectory = reduction.integrate(approximation, "langevin", 40.0, dt=0.1, trials=trials, sampling_interval=40.0)
    counts = full_states(approximation, trajectory)
    (name,) = (s.name for s in approximation.sources())
    matrix = naive.generator(approximation, "X", {name: (0.0, 0.16)})
    matrix = (matrix + naive.switching(approximation, "X", {name: 1 / (2 * 2.0)}))[:-1, :-1]
    share = np.linalg.svd(matrix)[2][-1]
    share /= share.sum()
    often = size * share > 1000
    mean = size * share[often]
    covariance = size * (np.diag(share) - np.outer(share, share))[np.ix_(often, often)]
    np.testing.assert_allclose(counts[:, often].mean(axis=0), mean, rtol=0.01)
    batches = counts[:, often].reshape(15, 100, -1).var(axis=1, ddof=1) / np.diag(covariance)
    ratio, se = batches.mean(), batches.mean(axis=1).std(ddof=1) / math.sqrt(15)
    print(f"\nvariances over multinomial ones: {ratio:.4f} ± {se:.4f}")
    assert abs(ratio - 1) < 4 * se
    assert se < 0.02


@pytest.mark.parametrize("levels", [2, 3])
def test_neurons_are_conserved(chang, levels):
    network = chang.scaled(100).replace({"EI.delay": 0.5, "I.refractory": spiking.Fixed(2.0)})
    approximation = reduction.MarkovApproximation(network, bins=40, noise_levels=levels)
    own, state = ode.layout(approximation), ode.spread_state(approximation)
    from reduction.kernels import langevin as kernel

    parts = own.split(state)
    out = [np.zeros((300, columns)) for columns in (2, 2, 2, 4, 4)]
    words = np.array([1, 2], np.uint32)
    kernel.integrate(
        approximation.arrays(), 0.1, 300, 0, 300, 1, words, np.zeros(1, np.uint64), parts[4].copy(), *parts, *out
    )
    for a, size in enumerate(network.sizes.values()):
        assert state[own.owner == a].sum() == pytest.approx(size, rel=1e-11)
    assert out[0].sum() > 10_000


def test_its_mean_is_the_ode_and_its_noise_shrinks_with_the_population():
    spreads = []
    for size in (10_000, 1_000_000):
        approximation = reduction.MarkovApproximation(alone(size), bins=30, v_min=-14.0, noise_levels=2)
        many = reduction.integrate(approximation, "langevin", 40.0, trials=60, seed=3, sampling_interval=2.0)
        exact = reduction.integrate(approximation, "ode", 40.0, sampling_interval=2.0).firing_rates[0, :, 0]
        found = many.firing_rates[:, :, 0]
        se = found.std(axis=0, ddof=1) / math.sqrt(60)
        assert np.abs((found.mean(axis=0) - exact) / se).max() < 4
        spreads.append(se[10:].mean())
    assert spreads[0] / spreads[1] == pytest.approx(10.0, rel=0.15)


def test_trials_do_not_depend_on_workers(chang):
    approximation = reduction.MarkovApproximation(chang.scaled(100), bins=30, noise_levels=2)
    two, one = (
        reduction.integrate(approximation, "langevin", 5.0, trials=3, seed=7, workers=workers) for workers in (2, 1)
    )
    np.testing.assert_array_equal(two.firing_rates, one.firing_rates)
    np.testing.assert_array_equal(two.final_state, one.final_state)
    assert not np.array_equal(one.firing_rates[0], one.firing_rates[1])
    assert one.rates(1.0)["E"].se > 0


def test_a_rate_that_runs_away_is_reported():
    network = spiking.presets.cai2021_hom().scaled(100).replace({"EI.weight": 0.0})
    for level in ("langevin", "chain"):
        with pytest.raises(NumericalError, match=rf"level '{level}': [EI] makes too many hops per step at .* ms"):
            reduction.integrate(reduction.MarkovApproximation(network), level, duration=1000.0)
