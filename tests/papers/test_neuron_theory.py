"""One neuron against exact and asymptotic theory."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.special import erfcx

import spiking

TAU, THRESHOLD, RESET, REFRACTORY = 20.0, 20.0, 10.0, 2.0
ALPHA = 2.065253  # sqrt(2) |zeta(1/2)|


def one(neuron, drive, size=1):
    return spiking.Network([spiking.Population("X", size, neuron, drive)])


def siegert(mu, sigma, shift=0.0):
    """Rate in Hz of tau V' = mu - V + sigma sqrt(tau) xi."""
    bounds = ((v + shift - mu) / sigma for v in (RESET, THRESHOLD))
    integral = quad(lambda u: erfcx(-u), *bounds)[0]
    return 1000 / (REFRACTORY + TAU * np.sqrt(np.pi) * integral)


def first_interval(network, duration, **options):
    times = spiking.simulate(network, duration, scheme="interpolated", **options).times
    return np.diff(times)[-1]


@pytest.mark.parametrize(("mu", "rate"), [(25, 41.714907), (30, 63.040002), (40, 98.918796)])
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_deterministic_rate(mu, rate, dt):
    neuron = spiking.LIF(THRESHOLD, RESET, TAU, refractory=spiking.Fixed(REFRACTORY))
    interval = first_interval(one(neuron, spiking.ConstantDrive(mu / TAU)), 100.0, dt=dt)
    assert 1000 / interval == pytest.approx(rate, rel=2e-8)
    print(f"\ndeterministic LIF, mu {mu}, dt {dt}: {1000 / interval / rate - 1:+.1e}")


def test_period_of_the_quadratic_neuron():
    finite = first_interval(one(spiking.QIF(100.0, -100.0), spiking.ConstantDrive(4.0)), 10.0, dt=0.1)
    assert finite == pytest.approx(1.550799, abs=5e-7)
    infinite = first_interval(one(spiking.QIF(), spiking.ConstantDrive(4.0)), 10.0, dt=0.1)
    assert infinite == pytest.approx(np.pi / 2, rel=1e-12)
    slow = spiking.simulate(one(spiking.QIF(tau_m=5.0), spiking.ConstantDrive(0.3)), 1000.0, scheme="grid")
    assert slow.times.size / 1000.0 == pytest.approx(np.sqrt(0.3 / 5.0) / np.pi, abs=1e-3)


def test_period_of_the_exponential_neuron():
    """Period = integral of dV / (dV/dt) from reset to threshold."""
    neuron = spiking.EIF(0.0, -65.0, 15.0, -65.0, -50.0, 2.0, spiking.Fixed(1.0))
    drive = 1.5

    def slowness(v):
        return 1 / ((-65.0 - v + 2.0 * np.exp((v + 50.0) / 2.0)) / 15.0 + drive)

    exact = 1.0 + quad(slowness, -65.0, -40.0)[0] + quad(slowness, -40.0, 0.0)[0]
    coarse, fine = (first_interval(one(neuron, spiking.ConstantDrive(drive)), 200.0, dt=dt) for dt in (0.1, 0.05))
    assert abs(fine - exact) < 1e-3 * exact
    assert abs(coarse - exact) / abs(fine - exact) > 3


@pytest.mark.parametrize(
    ("mu", "sigma", "rate", "cv"),
    [
        (15, 5, 9.460800, 0.814757), (18, 4, 16.302316, 0.637346), (20, 5, 27.340567, 0.582636),
        (25, 5, 47.217443, 0.436354), (10, 10, 12.083925, 1.013044),
    ],
)  # fmt: skip
def test_white_noise(mu, sigma, rate, cv):
    """Siegert's rate and the coefficient of variation, by the Brownian bridge."""
    neuron = spiking.LIF(THRESHOLD, RESET, TAU, refractory=spiking.Fixed(REFRACTORY))
    drive = spiking.SumDrive(
        spiking.GaussianDrive(rate=1.0, size=sigma / np.sqrt(TAU)),
        spiking.ConstantDrive(mu / TAU - sigma / np.sqrt(TAU)),
    )
    recording = spiking.simulate(one(neuron, drive, 500), 10200.0, scheme="bridge", seed=2, sampling_interval=1.0)
    found = recording.rates(200.0)["X"]
    print(f"\nSiegert ({mu}, {sigma}): {found.mean / rate - 1:+.2%}, s.e. {found.se / rate:.2%}")
    assert siegert(mu, sigma) == pytest.approx(rate, rel=1e-6)
    assert abs(found.mean - rate) < 3 * found.se + 0.003 * rate
    variation = spiking.statistics.interval_variation(recording, discard=200.0)["X"]
    assert abs(variation.mean - cv) < 4 * variation.se + 0.01 * cv


@pytest.mark.parametrize(
    ("mu", "sigma", "tau_s", "rate"), [(15, 5, 2.0, 5.3115), (25, 5, 2.0, 40.7575), (15, 5, 1.0, 6.3958)]
)
def test_coloured_noise_shifts_threshold_and_reset(mu, sigma, tau_s, rate):
    """First order in sqrt(tau_s / tau) (Fourcaud, Brunel 2002): what remains is of the next order."""
    shift = ALPHA / 2 * np.sqrt(tau_s / TAU) * sigma
    assert siegert(mu, sigma, shift) == pytest.approx(rate, rel=1e-4)
    neuron = spiking.LIF(THRESHOLD, RESET, TAU, refractory=spiking.Fixed(REFRACTORY))
    drive = spiking.OrnsteinUhlenbeckDrive(mu / TAU, sigma / np.sqrt(2 * TAU * tau_s), tau_s)
    found = spiking.simulate(one(neuron, drive, 1000), 10200.0, scheme="interpolated", seed=3, sampling_interval=1.0)
    found = found.rates(200.0)["X"]
    white = siegert(mu, sigma)
    print(f"\nOrnstein-Uhlenbeck ({mu}, {sigma}, {tau_s}): {found.mean / rate - 1:+.1%}, s.e. {found.se / rate:.1%}")
    assert abs(found.mean - rate) < 3 * found.se + 0.6 * tau_s / TAU * white
    assert abs(found.mean - rate) < 0.2 * abs(white - rate)


def test_a_perfect_integrator_has_inverse_gaussian_intervals():
    """Rate mu/theta, CV^2 = sigma^2/(mu theta): 70 Hz, CV 0.1."""
    network = one(spiking.LIF(100.0), spiking.GaussianDrive(7.0), 100)
    recording = spiking.simulate(network, 2000.0, dt=0.02, scheme="bridge", seed=1)
    order = np.lexsort((recording.times, recording.senders))
    intervals = np.diff(recording.times[order])[np.diff(recording.senders[order]) == 0]
    mean, shape = 100.0 / 7.0, 100.0**2 / 7.0
    exact = stats.invgauss(mean / shape, scale=shape)
    smeared = intervals + np.random.default_rng(0).uniform(-0.01, 0.01, intervals.size)
    assert intervals.size > 10_000
    assert stats.kstest(smeared, exact.cdf).pvalue > 0.001
    assert exact.std() / exact.mean() == pytest.approx(0.1)


def shot_noise(rates, amplitudes, targets=100, sources=1000):
    """Every source has one amplitude, and all of them an exponential distribution, in another order at every target."""
    rng = np.random.default_rng(1)
    neuron = spiking.LIF(10.0, 5.0, 20.0)
    populations = [spiking.Population("X", targets, neuron)]
    projections = []
    for name, rate, amplitude in zip("EI", rates, amplitudes, strict=False):
        kicks = spiking.PoissonDrive(rate / sources, 1.0)
        populations.append(spiking.Population(name, sources, spiking.LIF(0.5), kicks))
        quantiles = -np.log1p(-(np.arange(sources) + 0.5) / sources)
        quantiles *= 1 / quantiles.mean()
        factors = np.concatenate([rng.permutation(quantiles) for _ in range(targets)])
        wiring = spiking.Explicit(np.tile(np.arange(sources), targets), np.repeat(np.arange(targets), sources), factors)
        projections.append(spiking.Projection("X", name, spiking.Delta(amplitude, name == "I"), wiring))
    return spiking.Network(populations, projections)


@pytest.mark.parametrize(
    ("rates", "amplitudes", "exact"), [((0.6,), (1.0,), 46.909123), ((1.0, 0.5), (1.0, 0.8), 57.122685)]
)
def test_shot_noise_with_exponential_amplitudes(rates, amplitudes, exact):
    """Richardson, Swarbrick 2010."""
    recording = spiking.simulate(shot_noise(rates, amplitudes), 60200.0, seed=2, trials=2, sampling_interval=1.0)
    found = recording.rates(200.0)["X"]
    print(f"\nshot noise {rates}: {found.mean / exact - 1:+.2%}, s.e. {found.se / exact:.2%}")
    assert abs(found.mean - exact) < 3 * found.se + 0.004 * exact
    assert found.se < 0.01 * exact


def test_effective_time_constant_of_conductances():
    """tau_eff = tau/(1 + sum g/g_L): 5.4348 ms, towards -58.6957 mV."""
    neuron = spiking.LIF(-50.0, -70.0, 10.0, -60.0)
    e, i = spiking.ExponentialConductance(1.0, 1e9, 0.0), spiking.ExponentialConductance(1.0, 1e9, -80.0)
    network = spiking.Network(
        [spiking.Population("X", 1, neuron)],
        [spiking.Projection("X", "X", s, spiking.AllToAll(), name=n) for n, s in (("E", e), ("I", i))],
    )
    start = spiking.simulate(network, 0.1).final_state
    start.synaptic[0] = [4.8 / 20.0, 12.0 / 20.0]
    start.voltage[0] = -70.0
    start = dataclasses.replace(start, dt=0.02)
    recording = spiking.simulate(network, 100.0, dt=0.02, initial=start, traces={"X": [0]})
    v = recording.traces["X"][0, :, 0]
    assert v[-1] == pytest.approx(-58.6957, abs=5e-5)
    times = np.arange(1, v.size + 1) * 0.1
    slope = np.polyfit(times[:100], np.log(v[-1] - v[:100]), 1)[0]
    assert -1 / slope == pytest.approx(5.4348, rel=1e-4)


def test_stationary_variance_under_coloured_noise():
    """Var V = sigma_I^2 tau^2 tau_s/(tau + tau_s) at any step, for white noise Var V = sigma^2 tau/2."""
    neuron = spiking.LIF(1e6, -1e6, 10.0)
    for drive, exact in (
        (spiking.OrnsteinUhlenbeckDrive(0.0, 2.0, 4.0), 4.0 * 100.0 * 4.0 / 14.0),
        (spiking.GaussianDrive(4.0, 0.5), 1.0 * 10.0 / 2),
    ):
        for dt in (0.1, 1.0):
            start = spiking.simulate(one(neuron, drive, 4000), dt, dt=dt).final_state
            start.voltage[:] = 0.0
            state = spiking.simulate(one(neuron, drive, 4000), 80.0, dt=dt, scheme="grid", initial=start).final_state
            assert state.voltage[0].var() == pytest.approx(exact, rel=4 * np.sqrt(2 / 4000) + 0.01 * dt)
