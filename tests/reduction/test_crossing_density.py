"""Density of a leaky neuron in an Ornstein-Uhlenbeck current: against exact marginals, limits, and itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial import legendre
from scipy.integrate import quad
from scipy.special import erfcx
from scipy.stats import norm

import spiking
from reduction.levels.crossing_density import CrossingDensity, crossing_density
from spiking.errors import NumericalError, ParameterError, SpecificationError


def neuron(mean=1.2, tau=0.5, deviation=0.5, threshold=1.0, reset=0.0, tau_m=1.0, rest=0.0):
    drive = spiking.OrnsteinUhlenbeckDrive(mean, deviation, tau)
    return spiking.Network([spiking.Population("E", 1, spiking.LIF(threshold, reset, tau_m, rest), drive)])


@pytest.fixture(scope="module")
def found():
    return crossing_density(neuron())


def test_the_current_keeps_its_normal_distribution(found):
    graded = 1.0 - 0.1 * 0.3 ** np.arange(1, 9)
    edges = np.concatenate([np.linspace(-3.2, 0.0, 17), np.linspace(0.1, 0.9, 9), graded, [1.0]])
    x, w = legendre.leggauss(10)
    half = 0.5 * np.diff(edges)[:, None]
    voltage, weight = (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()
    current = np.linspace(-0.8, 3.2, 9)
    np.testing.assert_allclose(weight @ found.density(voltage, current), norm.pdf(current, 1.2, 0.5), rtol=1e-3)


def test_the_density_takes_numbers_lists_and_grids(found):
    voltage, current = np.array([[0.2, 0.5], [0.7, -5.0]]), np.array([1.0, 1.2, 1.4])
    grid = found.density(voltage, current)
    assert grid.shape == (2, 2, 3)
    assert found.density([0.2, 0.5], current).shape == (2, 3)
    number = found.density(0.5, 1.2)
    assert number.shape == ()
    assert number == grid[0, 1, 1] > 0
    assert not grid[1, 1].any()


def test_a_density_is_saved_and_loaded(found, tmp_path):
    found.save(tmp_path / "density.npz")
    again = CrossingDensity.load(tmp_path / "density.npz")
    assert repr(again) == repr(found)
    for name in ("network", "rate", "rate_error", "exponent", "exponent_error"):
        assert getattr(again, name) == getattr(found, name), name
    for name in ("speeds", "weights", "crossing"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
    assert again.density(0.5, 1.2) == found.density(0.5, 1.2)


def test_what_takes_too_much_memory_or_time_is_refused(monkeypatch):
    for reset in (0.999, 1.0 - 1e-12):
        with pytest.raises(SpecificationError, match="panels, too many to solve for: lower degree .* or sample"):
            crossing_density(neuron(reset=reset, mean=0.9))
    with pytest.raises(SpecificationError, match="the density would take .* GiB, more than .*: lower degree"):
        crossing_density(neuron(deviation=1e-4), degree=4)

    def full(*_):
        raise MemoryError

    monkeypatch.setattr("scipy.sparse.linalg.splu", full)
    with pytest.raises(NumericalError, match="the density does not fit into memory: lower degree"):
        crossing_density(neuron(), degree=4)


def test_higher_degrees_agree_to_less_than_the_stated_error(found):
    finer = crossing_density(neuron(), degree=8)
    assert abs(finer.rate - found.rate) < found.rate_error < 0.01
    assert abs(finer.exponent - found.exponent) < found.exponent_error < 1e-4
    assert finer.rate_error < 0.3 * found.rate_error
    assert finer.exponent_error < 0.3 * found.exponent_error


def test_units_and_the_level_of_voltages_do_not_matter(found):
    scaled = crossing_density(neuron(1.2 * 8 / 20, 10.0, 0.5 * 8 / 20, -50.0, -58.0, 20.0, -58.0))
    assert 20.0 * scaled.rate == pytest.approx(found.rate, rel=1e-8)
    assert 20.0 * scaled.exponent == pytest.approx(found.exponent, rel=1e-8)


@pytest.mark.parametrize(("mean", "sigma"), [(15.0, 5.0), (25.0, 5.0)])
def test_fast_currents_shift_threshold_and_reset(mean, sigma):
    """Fourcaud & Brunel (2002): white noise with both shifted by 2.065253 / 2 sqrt(tau / tau_m) sigma; then O(tau)."""
    errors = []
    for tau in (0.5, 0.25):
        shift = 0.5 * 2.065253 * sigma * math.sqrt(tau / 20.0)
        low, high = (10.0 + shift - mean) / sigma, (20.0 + shift - mean) / sigma
        theory = 1000.0 / (20.0 * math.sqrt(math.pi) * quad(lambda u: erfcx(-u), low, high)[0])
        rate = crossing_density(neuron(mean / 20.0, tau, sigma / math.sqrt(40.0 * tau), 20.0, 10.0, 20.0)).rate
        errors.append(rate / theory - 1.0)
    assert 0.0 < errors[1] < 0.007
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.06)


def test_weak_noise_leaves_the_period_of_a_constant_current():
    exact = 1000.0 / math.log(6.0)
    few, fewer = (crossing_density(neuron(deviation=sd)) for sd in (0.06, 0.03))
    assert (fewer.rate - exact) / (few.rate - exact) == pytest.approx(0.25, abs=0.03)
    assert fewer.exponent / few.exponent == pytest.approx(0.25, abs=0.05)


def test_slow_crossings_follow_the_power_five_halves(found):
    """Density at the corner ~ A^(1/2), so that flux ~ A^(3/2): fewer slow crossings than the bound A^2 allows."""
    speed = np.array([0.2, 0.1, 0.05, 0.025, 0.0125])
    part = found.probability_below(speed)
    slopes = np.diff(np.log(part)) / np.diff(np.log(speed))
    np.testing.assert_allclose(slopes, 2.5, atol=0.03)
    assert found.probability_below(np.inf) == pytest.approx(1.0)
    assert found.weights @ found.crossing == pytest.approx(1.0)


def test_what_has_no_density_is_refused():
    with pytest.raises(ParameterError, match="E.drive.deviation = 0.0: must be positive"):
        crossing_density(neuron(deviation=0.0))
    with pytest.raises(ParameterError, match="degree = 3: must lie between 4 and 12"):
        crossing_density(neuron(), degree=3)
    pair = spiking.Network([*neuron().populations, spiking.Population("I", 1, spiking.LIF(1.0, tau_m=1.0))])
    with pytest.raises(SpecificationError, match="must be one population without projections"):
        crossing_density(pair)
    with pytest.raises(NumericalError, match="the density is not resolved .*unless the neuron .* never fires"):
        crossing_density(neuron(0.0, 0.5, 0.1))
