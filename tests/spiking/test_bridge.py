from __future__ import annotations

import naive_network
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erfcx

import spiking

TAU, THRESHOLD, RESET, REFRACTORY = 20.0, 20.0, 10.0, 2.0
POINTS = [(15, 5, 9.460800), (18, 4, 16.302316), (20, 5, 27.340567), (25, 5, 47.217443)]


def siegert(mu, sigma, threshold):
    """Rate in Hz of tau V' = mu - V + sigma sqrt(tau) xi."""
    integral = quad(lambda u: erfcx(-u), (RESET - mu) / sigma, (threshold - mu) / sigma)[0]
    return 1000 / (REFRACTORY + TAU * np.sqrt(np.pi) * integral)


def rate(mu, sigma, **options):
    neuron = spiking.LIF(THRESHOLD, RESET, TAU, refractory=spiking.Exponential(REFRACTORY))
    drive = spiking.GaussianDrive(rate=mu**2 / (TAU * sigma**2), size=sigma**2 / mu)
    network = spiking.Network([spiking.Population("X", 1000, neuron, drive)])
    return spiking.simulate(network, 6200.0, seed=1, **options).rates(200.0)["X"]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_spike_equals_the_naive_twins(small, seed):
    recording = spiking.simulate(small, 150.0, dt=0.1, seed=seed, scheme="bridge")
    found = [(round(t / 0.1) - 1, int(s)) for t, s in zip(recording.times, recording.senders, strict=True)]
    assert len(found) > 100
    assert found == naive_network.simulate(small, 1500, 0.1, seed, "bridge")


@pytest.mark.parametrize(("mu", "sigma", "exact"), POINTS)
def test_siegerts_rate_within_half_a_percent(mu, sigma, exact):
    assert siegert(mu, sigma, THRESHOLD) == pytest.approx(exact, rel=1e-6)
    found = rate(mu, sigma, dt=0.1, scheme="bridge")
    print(f"\nSiegert ({mu}, {sigma}), bridge: {found.mean / exact - 1:+.2%}, s.e. {found.se / exact:.2%}")
    assert abs(found.mean - exact) < 3 * found.se + 0.003 * exact
    assert found.se < 0.006 * exact


@pytest.mark.parametrize("dt", [0.4, 0.1])
def test_the_grids_bias_is_a_higher_threshold(dt):
    """zeta(1/2)/sqrt(2 pi) = -0.5826: tested once per step, it acts as one higher by 0.5826 standard deviations."""
    for mu, sigma, exact in POINTS[:2]:
        found = rate(mu, sigma, dt=dt)
        print(f"\nSiegert ({mu}, {sigma}), grid, dt = {dt}: {found.mean / exact - 1:+.2%}, s.e. {found.se / exact:.2%}")
        shifted = siegert(mu, sigma, THRESHOLD + 0.5826 * sigma * np.sqrt(dt / TAU))
        assert abs(found.mean - shifted) < 3 * found.se + 0.15 * abs(shifted - exact)
        assert found.mean < exact - 5 * found.se


def test_a_perfect_integrator_loses_nothing_at_any_step():
    network = spiking.Network([spiking.Population("X", 400, spiking.LIF(100.0), spiking.GaussianDrive(7.0))])
    for dt in (0.1, 1.0):
        found = spiking.simulate(network, 8000.0, dt=dt, seed=1, scheme="bridge").rates(300.0)["X"]
        assert abs(found.mean - 70.0) < 4 * found.se


def test_the_reference_step_approaches_it(chang):
    """p^{EI} = 0.5: about 108.1 and 113.7 Hz in the continuous limit, 105.7 and 110.9 at dt = 0.1 on the grid."""
    network = chang.replace({"EI.probability": 0.5})
    bridge = spiking.simulate(network, 11000.0, dt=0.1, seed=1, trials=2, scheme="bridge").rates(1000.0)
    assert abs(bridge["E"].mean - 108.1) < 3 * bridge["E"].se + 0.3
    assert abs(bridge["I"].mean - 113.7) < 3 * bridge["I"].se + 0.3
