"""Neurons in noise against theory: free moments, orders in dt, rates, conductances."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import mpmath
import numpy as np
import pytest

import spiking
from reduction.levels.diffusion import refractory_moments
from reduction.noise_theory import (
    GRID_SHIFT,
    deterministic_rate,
    effective_membrane,
    euler_moments,
    firing,
    first_spike,
    free_moments,
    grid_shift,
)
from reduction.refractory_steps import rounded_moments
from spiking.errors import ParameterError, SpecificationError
from spiking.estimates import block_estimate
from spiking.noise import (
    ClassicalLIF,
    ConductanceLIF,
    NoNoise,
    PoissonTrains,
    StepNoise,
    WhiteNoise,
    firing_rate,
    interval_statistics,
    simulate_ensemble,
)

NOISES = {
    "additive": WhiteNoise(1500.0), "Ito": WhiteNoise(20.0, True), "Stratonovich": WhiteNoise(20.0, True, True),
    "per second": StepNoise.per_second(0.7, multiplicative=True),
}  # fmt: skip


def neuron(noise, current=500.0, **options):
    return ClassicalLIF(current=current, noise=NOISES[noise], **options)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("dt", [0.1, 2.0])
def test_free_moments_are_those_of_eulers_recursion(noise, dt):
    """Exactly, at any step: all samples together (chi^2 of mean and variance at 12 well separated times)."""
    free = neuron(noise).free()
    found = simulate_ensemble(free, 120.0, neurons=10_000, dt=dt, seed=2, sampling_interval=10.0).sample_moments()
    exact = euler_moments(free, round(120.0 / dt), dt)
    every = round(10.0 / dt)
    mean, variance = exact.mean[every - 1 :: every], exact.variance[every - 1 :: every]
    assert np.all(np.abs(found.mean - mean) < 4 * found.mean_se)
    assert np.all(np.abs(found.variance - variance) < 4 * found.variance_se)
    assert found.variance_se.max() < 0.03 * variance.max()


@pytest.mark.parametrize("noise", NOISES)
def test_eulers_moments_converge_with_order_1_to_the_exact_ones(noise):
    free, times = neuron(noise).free(), np.array([5.0, 30.0, 90.0])
    exact = free_moments(free, times)
    errors = []
    for dt in (0.1, 0.05, 0.025):
        found = euler_moments(free, round(90.0 / dt), dt)
        index = np.rint(times / dt).astype(int) - 1
        errors.append([found.mean[index] - exact.mean, found.variance[index] - exact.variance])
    orders = np.log2(np.abs(np.array(errors[:-1])) / np.abs(np.array(errors[1:])))
    np.testing.assert_allclose(orders, 1.0, atol=0.02)


def test_exact_free_moments():
    """Additive: the Ornstein-Uhlenbeck formulas; multiplicative: stationary moments; the sense shifts the mean."""
    additive = free_moments(neuron("additive"), np.array([0.0, 7.0, 300.0]))
    goal, b = -70.0 + 500.0 / 16.7, 1500.0 / (30.0 * 16.7)
    t = np.array([0.0, 7.0, 300.0])
    np.testing.assert_allclose(additive.mean, goal + (-70.0 - goal) * np.exp(-t / 30.0))
    np.testing.assert_allclose(additive.variance, b**2 * 15.0 * (1 - np.exp(-t / 15.0)))
    ito, b = free_moments(neuron("Ito"), 3000.0), 20.0 / (30.0 * 16.7)
    assert ito.mean == pytest.approx(goal)
    assert ito.variance == pytest.approx(b**2 * goal**2 / (2 / 30.0 - b**2))
    stratonovich = free_moments(neuron("Stratonovich"), 3000.0)
    assert stratonovich.mean == pytest.approx(goal / (1 - 15.0 * b**2))


@pytest.mark.parametrize("sense", [False, True], ids=["Ito", "Stratonovich"])
def test_free_moments_against_the_exponential_of_the_moment_equations(sense):
    """In 40 digits. Also where rates coincide or vanish (b^2 tau = 1, 2, 4, or next to it), and for growing moments."""
    own, times = ClassicalLIF(current=500.0), np.array([[0.0, 0.1], [40.0, 300.0]])
    push, start = (own.rest + 500.0 / 16.7) / 30.0, own.reset
    for squared in (0.0, 1e-9, 0.5, 1.0, 1.0 + 1e-7, 2.0, 2.0 + 1e-9, 2.001, 4.0):
        noisy = replace(own, noise=WhiteNoise(math.sqrt(squared / 30.0) * 30.0 * 16.7, True, sense))
        noise, decay = noisy.voltage_noise**2, 1.0 / 30.0 - noisy.ito_drift
        with mpmath.workdps(40):
            flow = mpmath.matrix(4)  # of 1, mean m, m^2 and variance
            flow[1, 0], flow[1, 1], flow[2, 1], flow[2, 2] = push, -decay, 2 * push, -2 * decay
            flow[3, 2], flow[3, 3] = noise, mpmath.mpf(noise) - 2 * decay
            state = mpmath.matrix([1.0, start, start**2, 0.0])
            moments = [mpmath.expm(flow * t) * state for t in times.ravel()]
        found = free_moments(noisy, times)
        np.testing.assert_allclose(found.mean.ravel(), [float(m[1]) for m in moments], rtol=1e-12)
        np.testing.assert_allclose(found.variance.ravel(), [float(m[3]) for m in moments], rtol=1e-10)


def test_free_moments_at_many_and_at_late_times():
    grid = np.linspace(0.0, 200.0, 100_001)
    begun = time.perf_counter()
    found = free_moments(neuron("Stratonovich"), grid)
    assert time.perf_counter() - begun < 1.0
    assert found.variance[[0, -1]] == pytest.approx([0.0, float(free_moments(neuron("Stratonovich"), 200.0).variance)])
    growing = replace(neuron("Ito"), noise=WhiteNoise(5000.0, True, True))
    assert free_moments(growing, 1e6) == (-math.inf, math.inf)


def test_deterministic_neuron():
    """3 nA: 3.541 ms and 86.65 Hz by the formula, 3.6 ms and 86.2 Hz by Euler's method with dt = 0.1."""
    nano = ClassicalLIF(current=3000.0)
    assert first_spike(nano) == pytest.approx(3.541, abs=5e-4)
    assert deterministic_rate(nano) == pytest.approx(86.65, abs=5e-3)
    assert first_spike(nano, dt=0.1) == pytest.approx(3.6)
    assert deterministic_rate(nano, dt=0.1) == pytest.approx(86.2, abs=0.05)
    found = simulate_ensemble(nano, 1000.0, neurons=2)
    assert found.times[0] == pytest.approx(3.6)
    assert np.unique(np.diff(found.spike_steps[found.senders == 0])).tolist() == [116]
    fine = simulate_ensemble(nano, 1000.0, neurons=1, dt=0.001, sampling_interval=10.0)
    assert 1000.0 / interval_statistics(fine).mean.mean == pytest.approx(deterministic_rate(nano), rel=1e-4)
    for current, fires in ((333.9, False), (334.1, True)):
        assert math.isfinite(first_spike(ClassicalLIF(current=current))) == fires
        assert (simulate_ensemble(ClassicalLIF(current=current), 400.0).senders.size > 0) == fires


def test_overshoot_of_a_random_walk():
    """0.686544 for steps of 0.1 ms of 7 unit kicks per ms; 0.5826 without drift; half a step without noise."""
    assert grid_shift(7.0, math.sqrt(7.0), 0.1) == pytest.approx(0.686544, abs=1e-6)
    assert grid_shift(0.0, 3.0, 0.04) == pytest.approx(GRID_SHIFT * 3.0 * 0.2)
    assert grid_shift(-5.0, 3.0, 0.04) == pytest.approx(GRID_SHIFT * 3.0 * 0.2)
    assert grid_shift(0.02 * (1 - 1e-9), 1.0, 1.0) == pytest.approx(grid_shift(0.02 * (1 + 1e-9), 1.0, 1.0), rel=5e-5)
    assert grid_shift(5.0, 0.0, 0.1) == pytest.approx(0.25)
    assert grid_shift(5.0, 1e-4, 0.1) == pytest.approx(0.25, rel=1e-6)
    assert grid_shift(40 * (1 - 1e-9), 1.0, 1.0) == pytest.approx(grid_shift(40 * (1 + 1e-9), 1.0, 1.0), rel=1e-8)
    assert grid_shift(1e200, 1e-200, 0.1) == pytest.approx(5e198)
    for drift in (math.nan, math.inf, -math.inf, "a"):
        with pytest.raises(ParameterError, match="drift = "):
            grid_shift(drift, 1.0, 0.1)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("refractory", [spiking.Fixed(8.0), spiking.Normal(1.0, 2.0)], ids=["fixed", "normal"])
def test_rate_and_variation_of_renewal_theory_on_the_grid(noise, refractory):
    own = neuron(noise, refractory=refractory)
    found = simulate_ensemble(own, 10_200.0, neurons=450, seed=4, sampling_interval=100.0)
    rate, variation = firing_rate(found, discard=200.0), interval_statistics(found, discard=200.0).variation
    theory = firing(own, dt=0.1)
    print(f"\n{noise}, {refractory.kind}: rate {rate.mean / theory.rate - 1:+.2%} (s.e. {rate.se / rate.mean:.2%}), "
          f"CV {variation.mean / theory.variation - 1:+.2%} (s.e. {variation.se / variation.mean:.2%})")  # fmt: skip
    assert abs(rate.mean - theory.rate) < 3 * rate.se + 0.003 * theory.rate
    assert abs(variation.mean - theory.variation) < 3 * variation.se + 0.005 * theory.variation
    assert rate.se < 0.005 * rate.mean


def test_the_bias_of_the_rate_is_of_order_one_half():
    """The same Ito neuron at four steps: the rate's error against theory without grid goes as sqrt(dt)."""
    own = neuron("Ito", current=300.0)
    exact, steps, rows = firing(own).rate, np.array([0.4, 0.2, 0.1, 0.05]), []
    for dt in steps:
        rate = firing_rate(
            simulate_ensemble(own, 5200.0, neurons=2500, dt=dt, seed=6, sampling_interval=100.0 * dt), discard=200.0
        )
        rows.append((exact - rate.mean, rate.se))
    bias, se = np.array(rows).T
    weights = bias / se
    slope, _ = np.polyfit(np.log(steps), np.log(bias), 1, w=weights)
    design = np.vander(np.log(steps), 2) * weights[:, None]
    error = math.sqrt(np.linalg.inv(design.T @ design)[0, 0])
    print(f"\nbias of the rate {bias / exact}: order {slope:.3f} ± {error:.3f}")
    assert error < 0.05
    assert abs(slope - 0.5) < 3 * error + 0.05


def test_the_sense_of_the_product_matters():
    """Ito and Stratonovich: rates 9 % apart; the density solver tells them apart, and so does the simulation."""
    ito, stratonovich = (firing(neuron(noise, 300.0), dt=0.1).rate for noise in ("Ito", "Stratonovich"))
    assert stratonovich / ito == pytest.approx(0.9126, abs=5e-4)
    found = [
        firing_rate(simulate_ensemble(neuron(noise, 300.0), 2200.0, neurons=2000, seed=1), discard=200.0)
        for noise in ("Ito", "Stratonovich")
    ]
    ratio = found[1].mean / found[0].mean
    assert abs(ratio - stratonovich / ito) < 3 * ratio * math.hypot(*(f.se / f.mean for f in found))


def test_conductances_and_the_effective_membrane():
    """Shot noise exactly (Euler raises its variance by 1 / (1 - dt / 2 tau)); the voltage to first order."""
    own = ConductanceLIF()
    theory = effective_membrane(own)
    assert theory.tau == pytest.approx(5.4348, abs=5e-5)
    assert theory.rest == pytest.approx(-58.6957, abs=5e-5)
    assert theory.excitation == pytest.approx((4.8, 5.76))
    assert theory.inhibition == pytest.approx((12.0, 14.4))
    found = simulate_ensemble(own.free(), 950.0, neurons=4000, seed=3, sampling_interval=30.0)
    for quantity, (mean, variance), tau in (
        ("excitation", theory.excitation, 2.0), ("inhibition", theory.inhibition, 5.0),
    ):  # fmt: skip
        sample = found.sample_moments(quantity, start=50.0)
        for values, errors, exact in (
            (sample.mean, sample.mean_se, mean), (sample.variance, sample.variance_se, variance / (1 - 0.05 / tau)),
        ):  # fmt: skip
            assert abs(values.mean() - exact) < 3 * errors.mean() / math.sqrt(values.size)
    step = replace(own.free(), reset=-65.0, excitation=replace(own.excitation, trains=0),
                   inhibition=replace(own.inhibition, trains=0))  # fmt: skip
    mean = simulate_ensemble(step, 30.0, neurons=1).sample_moments().mean
    np.testing.assert_allclose(mean, -60.0 - 5.0 * 0.99 ** np.arange(1, 301))


@pytest.mark.parametrize(
    "noise",
    [NoNoise(), WhiteNoise(150.0), WhiteNoise(20.0, True), WhiteNoise(20.0, True, True), WhiteNoise(40.0, True, True)],
    ids=["none", "additive", "Ito", "Stratonovich", "strong"],
)
def test_the_effective_membrane_in_noise(noise):
    """Mean to 0.05 mV and variance to 2 %; Stratonovich's drift moves the mean by 1.6 and 7.2 mV."""
    own = ConductanceLIF(noise=noise)
    theory = effective_membrane(own)
    run = simulate_ensemble(own.free(), 950.0, neurons=4000, seed=3, sampling_interval=30.0)
    found = run.sample_moments(start=50.0)
    mean, variance = block_estimate(found.mean - theory.rest), block_estimate(found.variance / theory.variance)
    print(f"\n{noise}: mean {mean} mV off, variance {variance} of theory")
    assert abs(mean.mean) < 0.05 + 2 * mean.se
    assert abs(variance.mean - 1.0) < 0.02
    assert mean.se < 0.003 * math.sqrt(theory.variance)
    assert variance.se < 0.01


def test_what_multiplicative_noise_does_to_the_effective_membrane():
    """Without conductances its moments are exact; they grow without bound, and the drift is not held, where said."""
    closed = ConductanceLIF(
        reset=-65.0, excitation=PoissonTrains(0, 1.0, 1.0, 1.0, 0.0), inhibition=PoissonTrains(0, 1.0, 1.0, 1.0, 0.0)
    )  # fmt: skip
    like = ClassicalLIF(tau_m=10.0, leak=20.0, rest=-60.0, reset=-65.0, current=0.0)
    for noise in (WhiteNoise(300.0), WhiteNoise(40.0, True), WhiteNoise(40.0, True, True)):
        exact = free_moments(replace(like, noise=noise), 1e4)
        theory = effective_membrane(replace(closed, noise=noise))
        assert theory.rest == pytest.approx(float(exact.mean), rel=1e-10)
        assert theory.variance == pytest.approx(float(exact.variance), rel=1e-10)
    bound = math.sqrt(2.0 * 20.0 * 10.0 * 20.0)
    assert effective_membrane(replace(closed, noise=WhiteNoise(0.99 * bound, True))).variance < math.inf
    assert effective_membrane(replace(closed, noise=WhiteNoise(1.01 * bound, True))).variance == math.inf
    assert effective_membrane(replace(closed, noise=WhiteNoise(0.99 * bound, True, True))).variance == math.inf
    with pytest.raises(ParameterError, match=r"noise = 90.0: must be below 89.4\d* nS sqrt\(ms\) in the sense of Str"):
        effective_membrane(replace(closed, noise=WhiteNoise(90.0, True, True)))


@pytest.mark.parametrize("refractory", [
    spiking.Fixed(0.14), spiking.Exponential(0.1), spiking.Exponential(3.0), spiking.Normal(0.0, 1.0),
    spiking.Normal(0.17, 0.02), spiking.Normal(1.0, 0.0), spiking.NoRefractory(),
], ids=repr)  # fmt: skip
def test_refractory_times_are_rounded_on_the_grid(refractory):
    """Moments of draws rounded to steps of 0.1 ms; neurons that fire in each step that they can have these rates."""
    draws = np.random.default_rng(1)
    size, dt = 1_000_000, 0.1
    times = {
        "none": lambda: np.zeros(size), "fixed": lambda: np.full(size, refractory.duration),
        "exponential": lambda: draws.exponential(refractory.mean, size),
        "normal": lambda: np.maximum(draws.normal(refractory.mean, refractory.deviation, size), 0.0),
    }[refractory.kind]()  # fmt: skip
    steps = np.floor(times / dt + 0.5) * dt
    mean, variance = rounded_moments(refractory, dt)
    spread = (steps - mean) ** 2
    assert abs(steps.mean() - mean) < 4 * steps.std() / 1000.0 + 1e-12
    assert abs(spread.mean() - variance) < 4 * spread.std() / 1000.0 + 1e-12
    assert rounded_moments(refractory, 0.0) == refractory_moments(refractory)
    np.testing.assert_allclose(rounded_moments(refractory, 1e-5), refractory_moments(refractory), atol=1e-5)
    own = ClassicalLIF(refractory=refractory)
    found = firing_rate(simulate_ensemble(own, 4000.0, neurons=50, seed=2, sampling_interval=10.0))
    rate = deterministic_rate(own, dt=dt)
    assert abs(found.mean - rate) < 3 * found.se + 1000.0 / 4000.0  # a spike more or less
    noisy = firing(replace(own, noise=WhiteNoise(1500.0)), dt=dt)
    without = firing(replace(own, noise=WhiteNoise(1500.0), refractory=spiking.NoRefractory()), dt=dt)
    assert 1000.0 / noisy.rate == pytest.approx(1000.0 / without.rate + mean)
    own_variance = (1000.0 / without.rate * without.variation) ** 2
    assert (1000.0 / noisy.rate * noisy.variation) ** 2 == pytest.approx(own_variance + variance)


def test_what_theory_does_not_cover_is_refused():
    for call in (first_spike, firing, lambda n: free_moments(n, 1.0), lambda n: euler_moments(n, 1, 0.1)):
        with pytest.raises(ParameterError, match="neuron = 'ConductanceLIF': must be a ClassicalLIF"):
            call(ConductanceLIF())
    with pytest.raises(ParameterError, match="must be a ConductanceLIF"):
        effective_membrane(ClassicalLIF())
    with pytest.raises(ParameterError, match="noise = 'none': must have an intensity: see deterministic_rate"):
        firing(ClassicalLIF())
    with pytest.raises(ParameterError, match="threshold = inf: must be finite: see free_moments"):
        firing(neuron("Ito").free())
    with pytest.raises(ParameterError, match="must lie below 0 mV"):
        firing(neuron("Ito", threshold=5.0))
    with pytest.raises(ParameterError, match="times = -1.0: must be at least 0"):
        free_moments(neuron("Ito"), [-1.0, 2.0])
    for times in ("abc", None, [[1.0], [2.0, 3.0]], [1j], np.array([1j]), ["1"], [math.nan, 1.0], math.inf):
        with pytest.raises(ParameterError, match="times = "):
            free_moments(neuron("Ito"), times)
    for call in (first_spike, deterministic_rate):
        with pytest.raises(ParameterError, match="neuron = 'int': must be a ClassicalLIF"):
            call(5)
    with pytest.raises(SpecificationError, match="the moments would take .* reduce steps"):
        euler_moments(neuron("Ito"), 10**13, 0.1)
    with pytest.raises(ParameterError, match="dt = 30.0: must be below tau_m"):
        first_spike(ClassicalLIF(), dt=30.0)
