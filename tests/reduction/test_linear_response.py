from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import spiking
from reduction.levels.diffusion import Diffusion
from reduction.levels.linear_response import (
    Hopf,
    Modulation,
    characteristic,
    hopf_points,
    linear_response,
    passage_transform,
    refractory_integral,
    refractory_transform,
    responses,
)
from spiking.errors import ParameterError, SpecificationError

KINDS = [spiking.NoRefractory(), spiking.Fixed(0.3), spiking.Exponential(0.3), spiking.Normal(0.3, 0.2)]


def leaky(mu, d, refractory=None, threshold=1.0, reset=0.0):
    """Diffusion of v' = -v + mu + sqrt(2D) xi."""
    return Diffusion(
        lambda v: mu - v, lambda v: 2 * d, threshold, reset, refractory=refractory or spiking.NoRefractory()
    )


def wall(mu=0.5):
    """Voltage-dependent noise, and a reflecting end not far below reset."""
    return Diffusion(lambda v: mu - 0.3 * v, lambda v: 0.2 + 0.1 * v**2, 1.0, 0.0, -0.7, spiking.Exponential(0.4))


@pytest.mark.parametrize(
    ("mu", "d", "slope", "size", "lag"),
    [
        (0.8, 0.1, 0.830988, 0.396884, 0.732995),
        (1.2, 0.1, 0.947247, 0.681822, 0.596678),
        (1.5, 0.05, 1.018605, 1.043719, 0.444881),
    ],
)
def test_response_to_current(mu, d, slope, size, lag):
    still, fast = linear_response(leaky(mu, d), [0.0, 10.0])
    assert still.imag == 0.0
    assert still.real == pytest.approx(slope, abs=6e-7)
    assert abs(fast) == pytest.approx(size, abs=6e-7)
    assert -np.angle(fast) == pytest.approx(lag, abs=6e-7)


def parabolic(order, mu, d, v):
    """exp((v - mu)^2 / 4D) U(order, (mu - v)/sqrt(D)): solution of the equation for the passage time's transform."""
    x = (mu - v) / mpmath.sqrt(d)
    return mpmath.exp(x**2 / 4) * mpmath.pcfd(order, x)


@pytest.mark.parametrize(("mu", "d"), [(0.8, 0.1), (1.5, 0.05)])
@pytest.mark.parametrize("s", [0.7j, 10j, 40j, 0.5 + 3j])
def test_passage_and_response_against_parabolic_cylinder_functions(mu, d, s):
    """The transform of the passage time, and the response to a current (Brunel, Chance, Fourcaud, Abbott 2001)."""
    mpmath.mp.dps = 30
    low, high = (parabolic(-s, mu, d, v) for v in (0.0, 1.0))
    assert passage_transform(leaky(mu, d), s)[0] == pytest.approx(complex((high / low - 1) / s), rel=1e-9)
    low_slope, high_slope = (parabolic(-s - 1, mu, d, v) for v in (0.0, 1.0))
    rate = leaky(mu, d).rate()
    ratio = (high_slope - low_slope) / (high - low)
    exact = complex(rate * s / (mpmath.sqrt(d) * (1 + s)) * ratio)
    assert linear_response(leaky(mu, d), s / 1j) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("mu", [0.02, 0.5])
def test_passage_of_a_perfect_integrator(mu):
    """Inverse Gaussian intervals: exp((mu - sqrt(mu^2 + 4 D s)) / 2 D)."""
    d, s = 0.05, 1j * np.geomspace(1e-6, 300.0, 40)
    exact = np.exp((mu - np.sqrt(mu**2 + 4 * d * s)) / (2 * d))
    found = 1 / (1 + s * passage_transform(Diffusion(lambda v: mu, lambda v: 2 * d, 1.0, 0.0), s)[0])
    np.testing.assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.parametrize("refractory", KINDS)
def test_static_responses_are_slopes_of_the_rate(refractory):
    h = 1e-4

    def rate(mu, d):
        return leaky(mu, d, refractory).rate()

    def difference(f):
        return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)

    still = responses(
        leaky(0.8, 0.1, refractory), 0.0, [Modulation(drift=np.ones_like), Modulation(noise=np.ones_like)]
    )
    assert still[0].real == pytest.approx(difference(lambda x: rate(0.8 + x, 0.1)), rel=1e-8)
    assert still[1].real == pytest.approx(difference(lambda x: rate(0.8, 0.1 + x / 2)), rel=1e-8)


def chain(diffusion, floor, bins, modulation, omega):
    """Twin: the response of hops between many bins (Scharfetter and Gummel), exponential refractory time."""
    h = (diffusion.threshold - floor) / bins
    edges = floor + h * np.arange(1, bins + 1)

    def generator(epsilon):
        mu = diffusion.drift(edges) + epsilon * (modulation.drift(edges) if modulation.drift else 0.0)
        noise = diffusion.noise(edges) + epsilon * (modulation.noise(edges) if modulation.noise else 0.0)
        d, width = 0.5 * noise * np.ones(bins), np.append(np.full(bins - 1, h), h / 2)
        x = mu * width / d
        up, down = d / (width * h) * x / -np.expm1(-x), d / (width * h) * x / np.expm1(x)
        matrix = np.zeros((bins + 1, bins + 1))
        k = np.arange(bins - 1)
        matrix[k + 1, k] += up[:-1]
        matrix[k, k] -= up[:-1]
        matrix[k, k + 1] += down[:-1]
        matrix[k + 1, k + 1] -= down[:-1]
        matrix[bins - 1, bins - 1] -= up[-1]
        matrix[bins, bins - 1] += up[-1]
        place = (diffusion.reset - floor) / h - 0.5
        low = int(np.floor(place))
        release = 1.0 / diffusion.refractory.mean
        matrix[low, bins] += (1 - place + low) * release
        matrix[low + 1, bins] += (place - low) * release
        matrix[bins, bins] -= release
        return matrix, up[-1]

    matrix, exit_rate = generator(0.0)
    system = np.vstack([matrix[:-1], np.ones(bins + 1)])
    density = np.linalg.solve(system, np.append(np.zeros(bins), 1.0))
    step = 1e-5
    (right, right_exit), (left, left_exit) = generator(step), generator(-step)
    force = (right - left) @ density / (2 * step)
    change = np.linalg.solve(1j * omega * np.eye(bins + 1) - matrix, force)
    return exit_rate * change[bins - 1] + (right_exit - left_exit) / (2 * step) * density[bins - 1]


@pytest.mark.parametrize(
    "modulation", [Modulation(drift=lambda v: 0.4 + v), Modulation(noise=lambda v: 0.3 + v**2)], ids=["drift", "noise"]
)
def test_any_modulation_against_the_naive_twin(modulation):
    for omega in (0.01, 1.0, 15.0):
        coarse, fine = (chain(wall(), -0.7, bins, modulation, omega) for bins in (340, 680))
        found = linear_response(wall(), omega, drift=modulation.drift, noise=modulation.noise)
        assert found == pytest.approx((4 * fine - coarse) / 3, rel=2e-5)


def test_a_modulation_of_both_is_the_sum():
    omega = np.array([0.0, 2.0, 30.0])
    both = linear_response(wall(), omega, drift=np.cos, noise=np.exp)
    apart = responses(wall(), omega, [Modulation(drift=np.cos), Modulation(noise=np.exp)])
    np.testing.assert_allclose(both, apart.sum(axis=0), rtol=1e-7)
    assert linear_response(wall(), omega.reshape(3, 1)).shape == (3, 1)


def test_high_frequencies():
    """chi of a current tends to r/sqrt(i omega D), of the noise sigma^2 to r/2D (Lindner, Schimansky-Geier 2001)."""
    omega = np.array([1e2, 1e4])
    diffusion, d = leaky(0.8, 0.1), 0.1
    current, noise = responses(diffusion, omega, [Modulation(drift=np.ones_like), Modulation(noise=np.ones_like)])
    for found, limit in ((current, diffusion.rate() / np.sqrt(1j * omega * d)), (noise, diffusion.rate() / (2 * d))):
        errors = np.abs(found / limit - 1)
        assert errors[1] < 0.03
        assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.2)  # falls as 1/sqrt(omega)


def test_the_quadratic_neuron_with_infinite_cutoffs():
    """Against finite ones; a response of order 1/cutoff goes."""
    modulation = Modulation(drift=np.ones_like)
    exact = responses(Diffusion(lambda v: v**2 + 1, lambda v: 0.5, math.inf, -math.inf), [0.0, 1.0, 6.0], [modulation])
    errors = []
    for cutoff in (100.0, 200.0):
        finite = Diffusion(lambda v: v**2 + 1, lambda v: 0.5, cutoff, -cutoff)
        errors.append(np.abs(responses(finite, [0.0, 1.0, 6.0], [modulation]) - exact).max())
    assert errors[1] < 0.02 * np.abs(exact).max()
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("refractory", KINDS)
def test_refractory_transforms(refractory):
    s = np.array([1e-9, 1e-6j, 0.3, 1j, 4 + 20j])
    drawn = np.random.default_rng(0).normal(0.3, 0.2, 10**6)
    values = {"none": [0.0], "fixed": [0.3], "normal": np.maximum(drawn, 0.0)}.get(refractory.kind)
    if values is None:
        values = -0.3 * np.log1p(-(np.arange(10**6) + 0.5) / 10**6)
    expected = [np.mean(np.exp(-x * np.asarray(values))) for x in s]
    np.testing.assert_allclose(refractory_transform(refractory, s), expected, atol=2e-3)
    np.testing.assert_allclose(
        s * refractory_integral(refractory, s), 1 - refractory_transform(refractory, s), rtol=1e-6, atol=1e-15
    )


def delayed(mu, delay):
    return [leaky(mu, 0.1)], [[-1.0]], [[delay]]


@pytest.mark.parametrize(("mu", "omega", "gain"), [(0.8, 23.6311, 3.95518), (1.2, 24.5238, 2.23952)])
def test_hopf_bifurcation_of_a_delayed_inhibitory_network(mu, omega, gain):
    populations, coupling, delays = delayed(mu, 0.1)
    first = hopf_points(populations, coupling, delays, highest=80.0)[0]
    assert first.omega == pytest.approx(omega, abs=6e-5)
    assert first.gain == pytest.approx(gain, abs=6e-6)
    scaled = -first.gain * np.ones((1, 1))
    assert abs(characteristic(populations, scaled, delays, first.omega)) < 1e-9
    # Beyond it, a zero of the characteristic function lies on the growing side (Newton's method).
    w = complex(first.omega)
    for _ in range(8):
        here, near = characteristic(populations, 1.02 * scaled, delays, np.array([w, w + 1e-5]))
        w -= here * 1e-5 / (near - here)
    assert abs(characteristic(populations, 1.02 * scaled, delays, w)) < 1e-8
    assert w.imag < -0.01


def test_two_equal_populations_oscillate_as_one_does():
    populations, coupling, delays = delayed(0.8, 0.1)
    one = hopf_points(populations, coupling, delays, highest=30.0)
    two = hopf_points(populations * 2, [[-0.7, -0.3], [-0.3, -0.7]], np.full((2, 2), 0.1), highest=30.0)
    assert isinstance(two[0], Hopf)
    np.testing.assert_allclose(two[0], one[0], rtol=1e-9)
    np.testing.assert_allclose(two[1].gain, one[0].gain / 0.4, rtol=1e-9)  # the antisymmetric mode


def test_wrong_shapes_are_refused():
    populations, _, delays = delayed(0.8, 0.1)
    with pytest.raises(SpecificationError, match=r"coupling has shape \(2,\): must have shape \(1, 1\)"):
        characteristic(populations, [1.0, 2.0], delays, 1.0)
    with pytest.raises(ParameterError, match="highest = -1.0: must be positive"):
        hopf_points(populations, [[1.0]], delays, highest=-1.0)
