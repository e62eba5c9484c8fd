from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from scipy.integrate import dblquad, quad

from reduction.kernels import siegert as kernel
from reduction.levels.siegert import (
    SYNAPTIC_SHIFT,
    perfect_rate,
    perfect_variation,
    siegert_rate,
    siegert_slopes,
    siegert_variation,
)
from spiking.errors import ParameterError

NEURON = {"tau_m": 20.0, "threshold": 20.0, "reset": 10.0, "refractory": 2.0}


def naive_rate(mu, sigma, tau=20.0, threshold=20.0, reset=10.0, refractory=2.0, shift=0.0):
    """Siegert's integral with 30 digits."""
    with mpmath.workdps(30):
        mu, sigma = mpmath.mpf(float(mu)), mpmath.mpf(float(sigma))
        a, b = ((mpmath.mpf(float(v)) - mu) / sigma + shift for v in (reset, threshold))
        pieces = mpmath.linspace(a, b, 10)
        integral = mpmath.quad(lambda u: mpmath.exp(u * u) * mpmath.erfc(-u), pieces)
        return float(1000 / (float(refractory) + float(tau) * mpmath.sqrt(mpmath.pi) * integral))


@pytest.mark.parametrize(
    ("mu", "sigma", "rate", "cv"),
    [
        (15, 5, 9.460800, 0.814757), (18, 4, 16.302316, 0.637346), (20, 5, 27.340567, 0.582636),
        (25, 5, 47.217443, 0.436354), (10, 10, 12.083925, 1.013044),
    ],
)  # fmt: skip
def test_published_values(mu, sigma, rate, cv):
    assert siegert_rate(mu, sigma, **NEURON) == pytest.approx(rate, abs=6e-7)
    assert siegert_variation(mu, sigma, **NEURON) == pytest.approx(cv, abs=6e-7)


@pytest.mark.parametrize(("mu", "rate"), [(25, 41.714907), (30, 63.040002), (40, 98.918796), (20, 0.0), (5, 0.0)])
def test_without_noise(mu, rate):
    assert siegert_rate(mu, 0.0, **NEURON) == pytest.approx(rate, abs=6e-7)
    if rate > 0.0:
        assert siegert_rate(mu, 1e-9, **NEURON) == pytest.approx(siegert_rate(mu, 0.0, **NEURON), rel=1e-13)
        assert siegert_variation(mu, 0.0, **NEURON) == 0.0
        by_mu = siegert_slopes(mu, 0.0, **NEURON)[1]
        assert by_mu == pytest.approx(siegert_slopes(mu, 1e-6, **NEURON)[1], rel=1e-9)
    else:
        assert np.isnan(siegert_variation(mu, 0.0, **NEURON))


@pytest.mark.parametrize(
    ("mu", "sigma", "tau_syn", "rate"), [(15, 5, 2, 5.3115), (25, 5, 2, 40.7575), (15, 5, 1, 6.3958)]
)
def test_exponential_synapses_shift_threshold_and_reset(mu, sigma, tau_syn, rate):
    assert siegert_rate(mu, sigma, **NEURON, tau_syn=tau_syn) == pytest.approx(rate, abs=6e-5)
    assert pytest.approx(2.065253, abs=6e-7) == 2 * SYNAPTIC_SHIFT
    shift = float(mpmath.sqrt(2) * abs(mpmath.zeta(0.5)) / 2) * np.sqrt(tau_syn / 20)
    assert siegert_rate(mu, sigma, **NEURON, tau_syn=tau_syn) == pytest.approx(
        naive_rate(mu, sigma, shift=shift), rel=1e-13
    )


@pytest.mark.parametrize("y", [0.0, 1e-12, 1e-5, 0.1, 0.2499, 0.25, 0.3, 0.9, 1.0, 2.0, 3.0, 5.5, 9.0, 25.0, 37.0])
def test_special_functions_to_15_digits(y):
    with mpmath.workdps(30):
        exact = mpmath.exp(mpmath.mpf(y) ** 2) * mpmath.erfc(y)
        assert kernel.erfcx(y) == pytest.approx(float(exact), rel=1e-15)
        exact = mpmath.quad(lambda u: mpmath.exp(u * u) * mpmath.erfc(u), mpmath.linspace(0, y, 20)) if y else 0.0
        assert kernel.integral(0.0, y) == pytest.approx(float(exact), rel=2e-15, abs=0)
    assert kernel.dawson(y) == pytest.approx(special.dawsn(y), rel=2e-15, abs=0)


@pytest.mark.parametrize("y", [1e3, 1e8, 1e100])
def test_the_integral_of_erfcx_is_a_logarithm_in_the_end(y):
    exact = (np.log(2 * y) + np.euler_gamma / 2) / np.sqrt(np.pi) + 1 / (4 * np.sqrt(np.pi) * y**2)
    assert kernel.integral(0.0, y) == pytest.approx(exact, rel=1e-13)
    assert kernel.integral(y, y) == pytest.approx(np.log(2) / np.sqrt(np.pi), rel=1e-6 if y == 1e3 else 1e-14)


@settings(deadline=None, max_examples=100)
@given(
    mu=st.floats(-40, 60), sigma=st.floats(3.0, 60), tau=st.floats(1, 100), span=st.floats(1e-3, 30),
    refractory=st.floats(0, 5),
)  # fmt: skip
def test_rates_equal_the_integral(mu, sigma, tau, span, refractory):
    neuron = {"tau_m": tau, "threshold": 20.0, "reset": 20.0 - span, "refractory": refractory}
    integral = quad(
        lambda u: special.erfcx(-u), (20.0 - span - mu) / sigma, (20.0 - mu) / sigma, epsrel=1e-13, epsabs=0
    )
    exact = 1000 / (refractory + tau * np.sqrt(np.pi) * integral[0])
    assert siegert_rate(mu, sigma, **neuron) == pytest.approx(exact, rel=1e-10 if span < 1e-3 * sigma else 3e-12)


@pytest.mark.parametrize(("mu", "sigma"), [(0.0, 2.6), (-10, 4), (19.99, 0.01), (20, 1e4), (50, 1)])
def test_low_high_and_narrow(mu, sigma):
    assert siegert_rate(mu, sigma, **NEURON) == pytest.approx(naive_rate(mu, sigma), rel=2e-14)


@pytest.mark.parametrize("sigma", [0.0, 1e-320, 1e-30, 1e-3, 1.0, 1e10, 1e300])
def test_nothing_overflows(sigma):
    mu = np.array([-1e300, -1e4, 0.0, 20.0, 20.001, 1e4, 1e300])
    rate, by_mu, by_sigma = siegert_slopes(mu, sigma, **NEURON)
    assert np.isfinite([rate, by_mu, by_sigma]).all()
    assert (np.diff(rate) >= -1e-12 * rate[1:]).all()
    assert rate.max() <= 500.0 * (1 + 1e-12)
    variation = siegert_variation(mu, sigma, **NEURON)
    assert (np.isfinite(variation) | (rate == 0.0)).all()


@settings(deadline=None, max_examples=60)
@given(mu=st.floats(0, 40), sigma=st.floats(1.5, 30), tau_syn=st.sampled_from([0.0, 2.0]))
def test_slopes_are_derivatives(mu, sigma, tau_syn):
    """Against Richardson's extrapolation of central differences."""

    def central(function, h):
        coarse, fine = ((function(s) - function(-s)) / (2 * s) for s in (h, h / 2))
        return (4 * fine - coarse) / 3

    rate, by_mu, by_sigma = siegert_slopes(mu, sigma, **NEURON, tau_syn=tau_syn)
    h = 1e-3 * sigma / (1.0 + ((20.0 - mu) / sigma) ** 2)
    scale = rate / sigma
    assert by_mu == pytest.approx(
        central(lambda s: siegert_rate(mu + s, sigma, **NEURON, tau_syn=tau_syn), h), rel=1e-8, abs=1e-9 * scale
    )
    assert by_sigma == pytest.approx(
        central(lambda s: siegert_rate(mu, sigma + s, **NEURON, tau_syn=tau_syn), h), rel=1e-8, abs=1e-9 * scale
    )


@pytest.mark.parametrize(
    ("mu", "sigma", "refractory"), [(15, 5, 2.0), (25, 5, 0.0), (40, 3, 2.0), (12, 8, 5.0), (20, 40, 0.0)]
)
def test_variation_equals_the_double_integral(mu, sigma, refractory):
    a, b = (10 - mu) / sigma, (20 - mu) / sigma
    power = dblquad(
        lambda z, x: np.exp(2 * x * z - z * z) * special.erfcx(z - x) ** 2, a, b, 0, 30, epsabs=0, epsrel=1e-11
    )[0]
    neuron = {**NEURON, "refractory": refractory}
    exact = np.sqrt(2 * np.pi * power) * 20.0 * siegert_rate(mu, sigma, **neuron) / 1000
    assert siegert_variation(mu, sigma, **neuron) == pytest.approx(exact, rel=1e-10)


def test_limits_of_the_variation():
    free = {**NEURON, "refractory": 0.0}
    assert siegert_variation(0.0, 2.0, **free) == pytest.approx(1.0, abs=1e-12)  # rare spikes are a Poisson process
    ratio = siegert_variation(15, 5, **NEURON) / siegert_variation(15, 5, **free)
    assert ratio == pytest.approx(siegert_rate(15, 5, **NEURON) / siegert_rate(15, 5, **free), rel=1e-13)
    # little noise: a linear response of the passage time, sigma^2 tau^3/2 [(mu - theta)^-2 - (mu - Vr)^-2]/tau^2
    sigma = 1e-5
    deviation = sigma * 20.0 * np.sqrt(0.5 * (1 / 10.0**2 - 1 / 20.0**2))
    assert siegert_variation(30, sigma, **free) == pytest.approx(deviation / (20 * np.log(2)), rel=1e-9)


def test_weak_leaks_are_the_perfect_integrator():
    """drift 7 mV/ms and noise 7 mV^2/ms up to 100 mV: 70 Hz, CV 0.1."""
    assert perfect_rate(7.0, threshold=100.0) == pytest.approx(70.0, rel=1e-15)
    assert perfect_variation(7.0, 7.0, threshold=100.0) == pytest.approx(0.1, rel=1e-15)
    for tau, close in ((1e5, 2e-3), (1e7, 2e-5)):
        leaky = {"tau_m": tau, "threshold": 100.0, "reset": 0.0, "refractory": 3.0}
        sigma = np.sqrt(7.0 * tau)
        found = siegert_rate(7.0 * tau, sigma, **leaky), siegert_variation(7.0 * tau, sigma, **leaky)
        assert found[0] == pytest.approx(perfect_rate(7.0, threshold=100.0, refractory=3.0), rel=close)
        assert found[1] == pytest.approx(perfect_variation(7.0, 7.0, threshold=100.0, refractory=3.0), rel=close)
    np.testing.assert_array_equal(perfect_rate([-1.0, 0.0], threshold=100.0), 0.0)
    assert np.isnan(perfect_variation(0.0, 1.0, threshold=1.0))


def test_everything_broadcasts():
    mu, sigma = np.linspace(10, 30, 5)[:, None], np.array([0.0, 2.0, 5.0])
    refractory = np.array([0.0, 1.0, 2.0])
    together = siegert_rate(mu, sigma, tau_m=20.0, threshold=20.0, reset=10.0, refractory=refractory)
    variations = siegert_variation(mu, sigma, tau_m=20.0, threshold=20.0, reset=10.0, refractory=refractory)
    assert together.shape == variations.shape == (5, 3)
    for i in range(5):
        for j in range(3):
            one = {"tau_m": 20.0, "threshold": 20.0, "reset": 10.0, "refractory": refractory[j]}
            assert together[i, j] == siegert_rate(mu[i, 0], sigma[j], **one)
    assert siegert_rate([], 1.0, **NEURON).shape == (0,)
    assert isinstance(siegert_rate(15, 5, **NEURON), float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tau_m": -1.0}, "tau_m = -1.0: must be positive"),
        ({"sigma": [1.0, -2.0]}, "sigma = -2.0: must be at least 0"),
        ({"mu": np.nan}, "mu = nan: must be finite"), ({"refractory": np.inf}, "refractory = inf: must be at least 0"),
        ({"reset": [5.0, 20.0]}, "reset = 20.0: must lie below threshold"), ({"tau_syn": -1}, "tau_syn = -1.0"),
        ({"mu": "much"}, "mu = 'much': must be a number"), ({"mu": [1, 2], "sigma": [1, 2, 3]}, "broadcast"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(change, message):
    arguments = {"mu": 15.0, "sigma": 5.0, **NEURON, **change}
    for function in (siegert_rate, siegert_variation):
        with pytest.raises(ParameterError, match=message):
            function(**arguments)
    with pytest.raises(ParameterError, match="noise = -1.0: must be at least 0"):
        perfect_variation(1.0, -1.0, threshold=1.0)
