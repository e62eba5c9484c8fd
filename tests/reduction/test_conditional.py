"""The closure "conditional": levels of coloured noise, and the limits in which it is known exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reduction
import spiking
from reduction.levels import ode

NEURON = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Exponential(2.0))


def driven(deviation, tau, *, current=0.9, neuron=NEURON, size=100, white=0.4):
    """Neurons with coloured and white noise, not connected."""
    drive = spiking.SumDrive(
        spiking.OrnsteinUhlenbeckDrive(current, deviation, tau), spiking.GaussianDrive(white, 1.0)
    )  # fmt: skip
    return spiking.Network([spiking.Population("X", size, neuron, drive)])


def rate(network, *, duration=500.0, dt=0.2, **options):
    approximation = reduction.MarkovApproximation(network, **{"bins": 60, "v_min": -20.0, **options})
    trajectory = reduction.integrate(approximation, duration=duration, dt=dt, sampling_interval=1.0)
    return trajectory.rates(duration - 1.0)["X"].mean


def levels_of(approximation, trajectory):
    """Neurons by bin or stage (axis 1) and column (axis 0), at the end."""
    layout, arrays = ode.layout(approximation), approximation.arrays()
    full = layout.full(trajectory.final_state[0], arrays)
    density, pool, *_ = layout.split(full)
    return [
        np.concatenate([
            density[arrays.start[a] : arrays.start[a + 1]].reshape(columns, -1),
            pool[arrays.pool_start[a] : arrays.pool_start[a + 1]].reshape(columns, -1),
        ], axis=1)
        for a, columns in enumerate(arrays.columns)
    ]  # fmt: skip


def test_fast_noise_is_white_noise():
    """At the same 2 tau W rates approach that of white noise, faster and faster: towards in proportion to tau."""

    def own_rate(tau, dt, **options):
        network = driven(math.sqrt(0.4 / tau), tau, current=0.7, white=1.0)
        return rate(network, dt=dt, bins=300, duration=150.0, **options)

    white = own_rate(1.0, 0.1, closure="white")
    slow, *differences = [
        own_rate(tau, min(tau / 4, 0.1), noise_levels=2) / white - 1 for tau in (3.2, 0.1, 0.05, 0.025)
    ]
    ratios = np.array(differences[:-1]) / differences[1:]
    print(f"\nconditional against white: {slow:+.2%} at tau = 3.2; {differences}, ratios {ratios}")
    assert abs(slow) > 0.02
    assert abs(differences[-1]) < 0.007
    assert (ratios > 1.3).all()
    assert (ratios < 2.0).all()


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_slow_noise_is_a_frozen_current(levels):
    """The rate is the average, over a binomial distribution, of rates at constant currents, at every time."""
    deviation = 0.25

    def over_time(network, **options):
        approximation = reduction.MarkovApproximation(network, bins=60, v_min=-20.0, **options)
        return reduction.integrate(approximation, duration=100.0).firing_rates[0, :, 0]

    expected = 0.0
    for up in range(levels):
        level = (2 * up - (levels - 1)) / math.sqrt(levels - 1)
        share = math.comb(levels - 1, up) / 2 ** (levels - 1)
        expected = expected + share * over_time(driven(0.0, 1.0, current=0.6 + deviation * level))
    found = over_time(driven(deviation, 1e13, current=0.6), noise_levels=levels)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert abs(expected[-1] / over_time(driven(0.0, 1.0, current=0.6))[-1] - 1) > 0.05


@pytest.mark.parametrize("levels", [2, 4])
def test_voltages_of_neurons_that_do_not_fire_have_the_exact_variance(levels):
    """Linear neurons: D tau_m + sigma^2 tau_m^2 tau / (tau + tau_m), whatever the shape of the noise.

    And the covariance of voltage and current, sigma^2 tau_m tau / (tau + tau_m). Second order in the bin width.
    """
    tau_m, tau, deviation, white = 20.0, 7.0, 0.3, 1.0
    network = driven(deviation, tau, current=0.0, neuron=spiking.LIF(40.0, -40.0, tau_m), white=white)
    network = network.replace({"X.drive.second.size": 1.0, "X.drive.first.mean": -white})
    exact = white / 2 * tau_m + deviation**2 * tau_m**2 * tau / (tau + tau_m)
    covariance = deviation**2 * tau_m * tau / (tau + tau_m)
    errors = []
    for bins in (100, 200):
        approximation = reduction.MarkovApproximation(network, bins=bins, v_min=-41.0, noise_levels=levels)
        trajectory = reduction.integrate(approximation, duration=600.0, dt=0.2, sampling_interval=600.0)
        (counts,) = levels_of(approximation, trajectory)
        v, share = approximation.centres("X"), counts / counts.sum()
        current = deviation * approximation.arrays().level[:, 0]
        mean = share.sum(axis=0) @ v
        errors.append(
            [share.sum(axis=0) @ (v - mean) ** 2 / exact - 1, current @ share @ (v - mean) / covariance - 1]
        )  # fmt: skip
    print(f"\nvariance, covariance with the current, {levels} levels: relative errors {errors}")
    np.testing.assert_allclose(np.array(errors[0]) / errors[1], 4.0, atol=0.5)
    assert np.abs(4 * np.array(errors[1]) - errors[0]).max() / 3 < 2e-4


@pytest.mark.parametrize("refractory", [spiking.NoRefractory(), spiking.Exponential(2.0), spiking.Fixed(2.0)])
def test_the_mean_of_the_levels_decays_with_the_time_constant(refractory):
    """All neurons up at the start: the sum of level times count, over bins and stages, goes as exp(-t / tau)."""
    neuron = spiking.LIF(20.0, 10.0, 20.0, refractory=refractory)
    approximation = reduction.MarkovApproximation(driven(0.5, 4.0, neuron=neuron), bins=40, noise_levels=4, v_min=-20.0)
    layout, arrays = ode.layout(approximation), approximation.arrays()
    full = ode.spread_state(approximation)
    density, *_ = layout.split(full)
    columns = density.reshape(4, -1)
    columns[3], columns[:3] = columns.sum(axis=0), 0.0
    for duration in (0.3, 2.0, 9.0):
        end = reduction.integrate(approximation, duration=duration, initial=full[layout.kept])
        (counts,) = levels_of(approximation, end)
        mean = arrays.level[:, 0] @ counts.sum(axis=1) / 100
        assert mean == pytest.approx(math.sqrt(3) * math.exp(-duration / 4.0), rel=1e-10)
        assert end.firing_rates.max() > 0.0 or duration < 1.0


def test_levels_stay_binomial_while_the_variance_changes(chang):
    """In every population and at any time; within a bin they are not: that is the correlation of V and H."""
    approximation = reduction.MarkovApproximation(chang.replace({"EI.delay": 0.5}), bins=50, noise_levels=3)
    for duration in (5.0, 14.3, 40.0):
        trajectory = reduction.integrate(approximation, duration=duration)
        for counts in levels_of(approximation, trajectory):
            binomial = np.outer([1, 2, 1], [1, 2, 1]).ravel() / 16
            np.testing.assert_allclose(counts.sum(axis=1) / counts.sum(), binomial, rtol=1e-9)
    upper = counts[:, 45] / counts[:, 45].sum()
    assert np.abs(upper / binomial - 1).max() > 0.05


def test_a_noise_without_variance_changes_nothing():
    network = driven(0.0, 5.0)
    np.testing.assert_allclose(rate(network, noise_levels=4), rate(network, closure="white"), rtol=1e-9)


def test_kicks_have_the_same_noise_under_both_closures():
    network = spiking.presets.lcy2019_hom()
    conditional, white = (
        reduction.integrate(reduction.MarkovApproximation(network, closure=closure), duration=50.0).firing_rates
        for closure in ("conditional", "white")
    )
    np.testing.assert_array_equal(conditional, white)


@settings(deadline=None, max_examples=30)
@given(
    deviation=st.floats(0, 5), tau=st.floats(1e-3, 1e3), dt=st.floats(1e-3, 2.0), levels=st.integers(2, 6),
    delay=st.sampled_from([0.0, 1.3]), weight=st.floats(0, 3), inhibitory=st.booleans(),
)  # fmt: skip
def test_densities_stay_positive_in_every_column(deviation, tau, dt, levels, delay, weight, inhibitory):
    dt = min(dt, tau / 2)
    network = driven(deviation, tau)
    synapse = spiking.ExponentialCurrent(weight, 4.0, inhibitory=inhibitory)
    network = spiking.Network(
        network.populations, [spiking.Projection("X", "X", synapse, spiking.Annealed(0.1), delay=delay)]
    )
    approximation = reduction.MarkovApproximation(network, bins=20, noise_levels=levels, v_min=-200.0)
    trajectory = reduction.integrate(approximation, duration=10 * dt, dt=dt, sampling_interval=dt)
    (counts,) = levels_of(approximation, trajectory)
    assert counts.min() >= -1e-11 * 100
    assert counts.sum() == pytest.approx(100.0, rel=1e-12)
    assert trajectory.firing_rates.min() >= 0.0
