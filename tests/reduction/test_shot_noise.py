from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from reduction.levels.shot_noise import shot_noise_rate
from reduction.levels.siegert import siegert_rate
from spiking.errors import ParameterError


def naive_rate(rate, size, opposed, opposed_size, tau, threshold, reset):
    """The integral over u = 1 - a_e s, whose power of u quadpack takes as a weight."""

    def integrand(u):
        s = (1 - u) / size
        difference = (np.expm1(s * threshold) - np.expm1(s * reset)) / s if s else threshold - reset
        return (1 + opposed_size * s) ** (tau * opposed) * (difference / size + np.exp(s * reset))

    power = tau * rate - 1
    return 1000 / (tau * quad(integrand, 0, 1, weight="alg", wvar=(power, 0), epsrel=1e-10, epsabs=0, limit=200)[0])


def test_published_values():
    common = {"excitatory_amplitude": 1.0, "tau_m": 20.0, "threshold": 10.0, "reset": 5.0}
    assert shot_noise_rate(excitatory_rate=0.6, **common) == pytest.approx(46.909123, abs=6e-7)
    both = shot_noise_rate(excitatory_rate=1.0, inhibitory_rate=0.5, inhibitory_amplitude=0.8, **common)
    assert both == pytest.approx(57.122685, abs=6e-7)


@pytest.mark.parametrize(
    ("kicks", "size", "opposed", "opposed_size", "reset"), [(12, 1, 0, 0, 5), (1, 1, 2, 3, -5), (4, 2, 3, 0.5, 9.9)]
)
def test_twelve_digits(kicks, size, opposed, opposed_size, reset):
    def integrand(s):
        weight = (1 - size * s) ** kicks * (1 + opposed_size * s) ** opposed
        return weight * (mpmath.exp(s * 10) / (1 - size * s) - mpmath.exp(s * reset)) / s

    with mpmath.workdps(30):
        exact = 1000 / (20 * mpmath.quad(integrand, mpmath.linspace(0, mpmath.mpf(1) / size, 10)))
    found = shot_noise_rate(
        excitatory_rate=kicks / 20, excitatory_amplitude=size, inhibitory_rate=opposed / 20,
        inhibitory_amplitude=opposed_size, tau_m=20.0, threshold=10.0, reset=reset,
    )  # fmt: skip
    assert found == pytest.approx(float(exact), rel=1e-12)


@pytest.mark.filterwarnings("ignore::scipy.integrate.IntegrationWarning")
@settings(deadline=None, max_examples=100)
@given(
    kicks=st.floats(0.1, 60.0), size=st.floats(0.2, 5.0), opposed=st.floats(0.0, 20.0),
    opposed_size=st.floats(0.0, 5.0), reset=st.floats(-10.0, 9.5),
)  # fmt: skip
def test_rates_equal_the_integral(kicks, size, opposed, opposed_size, reset):
    found = shot_noise_rate(
        excitatory_rate=kicks / 20, excitatory_amplitude=size, inhibitory_rate=opposed / 20,
        inhibitory_amplitude=opposed_size, tau_m=20.0, threshold=10.0, reset=reset,
    )  # fmt: skip
    exact = naive_rate(kicks / 20, size, opposed / 20, opposed_size, 20.0, 10.0, reset)
    assert found == pytest.approx(exact, rel=1e-9)


def test_small_kicks_are_diffusion():
    """The difference from Siegert's formula is proportional to the size of the kicks."""
    mu, sigma, errors = 8.0, 3.0, []
    for size in (1e-2, 1e-3, 1e-4):
        total, net = sigma**2 / (2 * size**2 * 20), mu / (20 * size)
        found = shot_noise_rate(
            excitatory_rate=(total + net) / 2, excitatory_amplitude=size, inhibitory_rate=(total - net) / 2,
            inhibitory_amplitude=size, tau_m=20.0, threshold=10.0, reset=5.0,
        )  # fmt: skip
        errors.append(found / siegert_rate(mu, sigma, tau_m=20.0, threshold=10.0, reset=5.0) - 1)
    np.testing.assert_allclose(np.diff(np.log10(np.abs(errors))), -1.0, atol=0.02)


def test_rare_kicks_cross_one_at_a_time():
    """A rate of R exp(-theta/a) to first order in tau R."""
    for kicks, close in ((1e-6, 1e-4), (1e-9, 1e-7)):
        found = shot_noise_rate(excitatory_rate=kicks, excitatory_amplitude=2.0, tau_m=20.0, threshold=10.0)
        assert found == pytest.approx(1000 * kicks * math.exp(-5.0), rel=close)
    assert shot_noise_rate(excitatory_rate=0.0, excitatory_amplitude=2.0, tau_m=20.0, threshold=10.0) == 0.0


def test_rest_refractory_time_and_scale():
    neuron = {"excitatory_rate": 0.6, "excitatory_amplitude": 1.0, "tau_m": 20.0, "threshold": 10.0, "reset": 5.0}
    plain = shot_noise_rate(**neuron)
    assert shot_noise_rate(**{**neuron, "threshold": -50.0, "reset": -55.0}, rest=-60.0) == pytest.approx(
        plain, rel=1e-13
    )
    assert 1000 / shot_noise_rate(**neuron, refractory=3.0) == pytest.approx(1000 / plain + 3.0, rel=1e-13)
    none = shot_noise_rate(**neuron, inhibitory_rate=5.0, inhibitory_amplitude=0.0)
    assert none == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"excitatory_rate": -1.0}, "excitatory_rate = -1.0: must be at least 0"),
        ({"excitatory_amplitude": 0.0}, "excitatory_amplitude = 0.0: must be positive"),
        ({"rest": 12.0}, "rest = 12.0: must lie below threshold = 10.0"),
        ({"reset": 10.0}, "reset = 10.0: must lie below threshold"),
        ({"tau_m": math.inf}, "tau_m = inf: must be positive and finite"),
    ],
)
def test_wrong_values_are_refused(change, message):
    neuron = {"excitatory_rate": 0.6, "excitatory_amplitude": 1.0, "tau_m": 20.0, "threshold": 10.0}
    with pytest.raises(ParameterError, match=message):
        shot_noise_rate(**{**neuron, **change})
