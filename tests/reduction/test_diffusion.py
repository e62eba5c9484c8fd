from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp
from scipy.special import erfcx, gamma

import spiking
from reduction.levels import diffusion as base
from reduction.levels.diffusion import Diffusion, refractory_moments
from spiking.errors import NumericalError, ParameterError

TAU, THRESHOLD, RESET, REFRACTORY = 20.0, 20.0, 10.0, 2.0


def leaky(mu, sigma, refractory=None, **options):
    """Diffusion of tau V' = mu - V + sigma sqrt(tau) xi."""
    return Diffusion(
        lambda v: (mu - v) / TAU, lambda v: sigma**2 / TAU, THRESHOLD, RESET,
        refractory=refractory or spiking.Fixed(REFRACTORY), **options,
    )  # fmt: skip


def siegert(mu, sigma):
    bounds = ((v - mu) / sigma for v in (RESET, THRESHOLD))
    integral = quad(lambda u: erfcx(-u), *bounds, epsabs=0.0, epsrel=1e-13, limit=500)[0]
    return 1.0 / (REFRACTORY + TAU * math.sqrt(math.pi) * integral)


def naive(diffusion, floor, points=200_001):
    """Mean and CV of the passage time, and the density for a flux of 1, by the trapezoidal rule on a fine grid."""
    v = np.linspace(floor, diffusion.threshold, points)
    mu, noise = (np.broadcast_to(f(v), v.shape) for f in (diffusion.drift, diffusion.noise))
    h, d = v[1] - v[0], 0.5 * noise
    potential = np.concatenate([[0.0], -np.cumsum(0.5 * h * (mu[1:] / d[1:] + mu[:-1] / d[:-1]))])

    def integrated(f):
        return np.concatenate([[0.0], np.cumsum(0.5 * h * (f[1:] + f[:-1]))])

    outer = integrated((np.exp(potential) / d)[::-1])[::-1]
    density = np.exp(-potential) * np.minimum(outer, np.interp(diffusion.reset, v, outer))
    slope = np.exp(potential) * integrated(np.exp(-potential))
    mean = np.trapezoid(density, v)
    variance = 2.0 * np.trapezoid(density * slope**2 / d, v)
    return mean, math.sqrt(variance) / mean, v, density


@pytest.mark.parametrize(
    ("mu", "sigma", "rate", "cv"),
    [
        (15, 5, 9.460800, 0.814757), (18, 4, 16.302316, 0.637346), (20, 5, 27.340567, 0.582636),
        (25, 5, 47.217443, 0.436354), (10, 10, 12.083925, 1.013044),
    ],
)  # fmt: skip
def test_rate_and_variation_in_white_noise(mu, sigma, rate, cv):
    diffusion = leaky(mu, sigma)
    assert 1000 * diffusion.rate() == pytest.approx(rate, abs=6e-7)
    assert diffusion.variation() == pytest.approx(cv, abs=6e-7)
    assert diffusion.rate() == pytest.approx(siegert(mu, sigma), rel=1e-12)


@pytest.mark.parametrize(("mu", "sigma"), [(0, 3.2), (-5, 4), (0, 2.5), (0, 1.0)])
def test_rates_from_1e_12_to_1e_171_hz_keep_their_digits(mu, sigma):
    diffusion = leaky(mu, sigma)
    print(f"\nrate {1000 * diffusion.rate():.2e} Hz: {diffusion.rate() / siegert(mu, sigma) - 1:+.1e}")
    assert diffusion.rate() == pytest.approx(siegert(mu, sigma), rel=1e-11)
    if mu:
        assert diffusion.variation() == pytest.approx(1.0, abs=1e-9)


def test_a_rate_that_floating_point_cannot_hold_is_0():
    silent = leaky(0, 0.4)
    assert silent.rate() == 0.0
    with pytest.raises(NumericalError, match="the intervals are too long"):
        silent.variation()


@pytest.mark.parametrize(("mu", "noise"), [(7.0, 7.0), (0.5, 7.0), (100.0, 7.0), (100.0, 1e-3)])
def test_the_perfect_integrator_is_exact(mu, noise):
    """Rate mu/theta, CV^2 = sigma^2/(mu theta)."""
    diffusion = Diffusion(lambda v: mu, lambda v: noise, 100.0, 0.0)
    assert diffusion.rate() == pytest.approx(mu / 100.0, rel=1e-12)
    assert diffusion.variation() ** 2 == pytest.approx(noise / (mu * 100.0), rel=1e-8)
    v = np.linspace(0.0, 100.0, 7)
    exact = -np.expm1(-2 * mu / noise * (100.0 - v)) / 100.0
    np.testing.assert_allclose(diffusion.density(v), exact, rtol=1e-9, atol=1e-14)
    below = np.exp(2 * mu / noise * -2.0) * -np.expm1(-2 * mu / noise * 100.0) / 100.0
    assert diffusion.density(-2.0) == pytest.approx(below, rel=1e-6, abs=1e-15)


@pytest.mark.parametrize("current", [0.3, 1.0, 4.0])
def test_the_quadratic_neuron_at_vanishing_noise(current):
    for intensity, tolerance in ((1e-3, 3e-6), (1e-8, 1e-13)):
        diffusion = Diffusion(lambda v: v**2 + current, lambda v, s=intensity: s, math.inf, -math.inf)
        assert diffusion.rate() == pytest.approx(math.sqrt(current) / math.pi, rel=tolerance)


def test_the_quadratic_neuron_at_the_saddle_node_is_exact():
    """Mean passage time (2/sigma^2)^(1/3) Gamma(1/3)^2 / 3^(1/3) and CV 1/sqrt(3) (Sigeti, Horsthemke 1989)."""
    for noise in (0.01, 1.0, 30.0):
        diffusion = Diffusion(lambda v: v**2, lambda v, s=noise: s, math.inf, -math.inf)
        exact = gamma(1 / 3) ** 2 / 3 ** (1 / 3) * (2 / noise) ** (1 / 3)
        assert diffusion.passage_time() == pytest.approx(exact, rel=1e-11)
        assert diffusion.variation() == pytest.approx(1 / math.sqrt(3), rel=1e-10)


def test_finite_cutoffs_approach_infinite_ones():
    """They save the time 2/cutoff that infinity takes."""
    times = [Diffusion(lambda v: v**2 - 0.5, lambda v: 1.0, c, -c).passage_time() for c in (1e2, 1e3, math.inf)]
    assert times[2] - times[0] == pytest.approx(2e-2, rel=1e-3)
    assert times[2] - times[1] == pytest.approx(2e-3, rel=1e-3)


def exponential_neuron():
    return Diffusion(
        lambda v: (-65 - v + 2 * np.exp((v + 50) / 2)) / 15 + 1.0, lambda v: 1.0, -42.0, -65.0,
        refractory=spiking.Exponential(3.0),
    )  # fmt: skip


def voltage_dependent():
    return Diffusion(
        lambda v: 9.0 - 0.06 * (v + 66.0), lambda v: 7.0 + 0.004 * (v + 66.0) ** 2, 100.0, 0.0, -60.0
    )  # fmt: skip


@pytest.mark.parametrize("make", [exponential_neuron, voltage_dependent])
def test_any_drift_and_noise_against_the_naive_twin(make):
    diffusion = make()
    floor = diffusion.floor if math.isfinite(diffusion.floor) else -90.0
    mean, variation, v, density = naive(diffusion, floor)
    pause, spread = refractory_moments(diffusion.refractory)
    assert diffusion.passage_time() == pytest.approx(mean, rel=1e-6)
    assert diffusion.rate() == pytest.approx(1 / (mean + pause), rel=1e-6)
    expected = math.hypot(variation * mean, math.sqrt(spread)) / (mean + pause)
    assert diffusion.variation() == pytest.approx(expected, rel=1e-6)
    found = diffusion.density(v[::1000])
    np.testing.assert_allclose(found, density[::1000] / (mean + pause), rtol=1e-5, atol=1e-7 * found.max())
    voltage = (np.trapezoid(density * v, v) + pause * diffusion.reset) / (mean + pause)
    assert diffusion.mean_voltage() == pytest.approx(voltage, rel=1e-6)


def test_a_nearly_noiseless_exponential_neuron_has_its_period():
    drift = exponential_neuron().drift
    diffusion = Diffusion(lambda v: drift(v) + 0.5, lambda v: 1e-6, -42.0, -65.0)
    period = solve_ivp(lambda v, t: 1 / (drift(v) + 0.5), (-65.0, -42.0), [0.0], rtol=1e-11, atol=1e-12).y[0, -1]
    assert diffusion.passage_time() == pytest.approx(period, rel=1e-6)


def test_the_density_is_normalised():
    for refractory in (spiking.NoRefractory(), spiking.Exponential(2.0), spiking.Normal(1.0, 2.0)):
        diffusion = leaky(18, 4, refractory)
        inside = quad(diffusion.density, -30.0, RESET, epsabs=1e-12)[0]
        inside += quad(diffusion.density, RESET, THRESHOLD, epsabs=1e-12)[0]
        held = diffusion.rate() * refractory_moments(refractory)[0]
        assert inside + held == pytest.approx(1.0, abs=1e-9)
    assert diffusion.density(THRESHOLD) == pytest.approx(0.0, abs=1e-15)
    assert diffusion.density([25.0, -1e3]).tolist() == [0.0, 0.0]


def test_refractory_moments():
    rng = np.random.default_rng(1)
    for mean, deviation in ((2.0, 1.0), (-1.0, 2.0), (3.0, 0.0), (-1.0, 0.0)):
        drawn = np.maximum(rng.normal(mean, deviation, 10**6), 0.0)
        found = refractory_moments(spiking.Normal(mean, deviation))
        assert found[0] == pytest.approx(drawn.mean(), abs=5e-3)
        assert found[1] == pytest.approx(drawn.var(), abs=1e-2)
    assert refractory_moments(spiking.Fixed(2.0)) == (2.0, 0.0)
    assert refractory_moments(spiking.Exponential(2.0)) == (2.0, 4.0)


def test_a_reflecting_floor_far_below_does_not_matter_and_one_at_reset_does():
    free = Diffusion(lambda v: 1.0, lambda v: 2.0, 1.0, 0.0)
    assert Diffusion(lambda v: 1.0, lambda v: 2.0, 1.0, 0.0, -60.0).rate() == pytest.approx(free.rate(), rel=1e-12)
    wall = Diffusion(lambda v: 1.0, lambda v: 2.0, 1.0, 0.0, 0.0)
    assert wall.passage_time() == pytest.approx(math.exp(-1.0), rel=1e-12)  # L/mu - D/mu^2 (1 - e^(-mu L/D))


def test_collocation_converges_with_order_15():
    """Error of the exponential function at the end of one panel, of order width^16."""
    errors = []
    for width in (3.0, 4.0):
        ends = [
            abs(np.linalg.solve(np.eye(base.NODES) + w * base.RULE.integral, np.ones(base.NODES))[-1] - math.exp(-w))
            for w in (width, -width)
        ]
        errors.append(math.sqrt(ends[0] * ends[1]))  # even in the width: the leading term alone
    order = math.log(errors[1] / errors[0]) / math.log(4.0 / 3.0) - 1
    print(f"\nRadau collocation, order {order:.2f}")
    assert order == pytest.approx(15.0, abs=0.5)


@settings(deadline=None, max_examples=40)
@given(mu=st.floats(-5, 40), sigma=st.floats(2, 12), shift=st.floats(-50, 50), scale=st.floats(0.1, 10))
def test_units_and_origin_of_the_voltage_do_not_matter(mu, sigma, shift, scale):
    plain = leaky(mu, sigma)
    moved = Diffusion(
        lambda v: scale * plain.drift((v - shift) / scale), lambda v: scale**2 * sigma**2 / TAU,
        THRESHOLD * scale + shift, RESET * scale + shift, refractory=plain.refractory,
    )  # fmt: skip
    assert moved.rate() == pytest.approx(plain.rate(), rel=1e-9)
    assert moved.variation() == pytest.approx(plain.variation(), rel=1e-8)
    assert moved.mean_voltage() == pytest.approx(scale * plain.mean_voltage() + shift, abs=1e-7 * scale)


def test_bad_input_is_refused():
    def flat(v):
        return 1.0

    with pytest.raises(ParameterError, match=r"Diffusion.reset = 2.0: must lie below threshold = 1.0"):
        Diffusion(flat, flat, 1.0, 2.0)
    with pytest.raises(ParameterError, match=r"Diffusion.reset = 0.0: must be -inf if threshold is inf"):
        Diffusion(flat, flat, math.inf, 0.0)
    with pytest.raises(ParameterError, match=r"Diffusion.floor = 0.5: must be at most reset = 0.0"):
        Diffusion(flat, flat, 1.0, 0.0, 0.5)
    with pytest.raises(ParameterError, match=r"Diffusion.noise\(.*\) = -1.0: must be positive and finite"):
        Diffusion(flat, lambda v: -1.0, 1.0, 0.0).rate()
    with pytest.raises(ParameterError, match=r"Diffusion.drift\(.*\) = nan: must be finite"):
        Diffusion(lambda v: math.nan, flat, 1.0, 0.0).rate()
    with pytest.raises(NumericalError, match="no stationary density: the drift does not hold the voltage above"):
        Diffusion(lambda v: -1.0, flat, 1.0, 0.0).rate()
    with pytest.raises(ParameterError, match=r"Diffusion.reset = -inf: must be finite for a mean voltage"):
        Diffusion(lambda v: v**2, flat, math.inf, -math.inf).mean_voltage()
