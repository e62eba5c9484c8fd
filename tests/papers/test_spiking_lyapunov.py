"""Exponents of arXiv 2603.10854's neuron (leak 1, threshold 1, reset 0) by formula, saltation and two trajectories."""

from __future__ import annotations

import numpy as np
import pytest

import spiking
from reduction.levels.crossing_density import crossing_density
from spiking.lyapunov import METHODS, neuron_exponent

CASES = ((1.2, 0.5, 0.5), (1.2, 0.5, 0.05), (1.5, 0.2, 0.5), (0.8, 0.5, 0.5))


def neuron(mean, tau, deviation):
    drive = spiking.OrnsteinUhlenbeckDrive(mean, deviation, tau)
    return spiking.Network([spiking.Population("E", 1, spiking.LIF(1.0, tau_m=1.0), drive)])


def test_formula_saltation_and_two_trajectories_agree():
    net = neuron(*CASES[0])
    formula = crossing_density(net)
    assert abs(formula.exponent + 0.436) < 0.004
    for seed, method in enumerate(METHODS, start=1):
        found = neuron_exponent(net, method=method, duration=1e4, trials=4, dt=0.01, seed=seed)
        assert found.exponent.se < 0.004
        assert abs(found.exponent.mean - formula.exponent) < 3 * found.exponent.se
        assert abs(found.rate.mean - formula.rate) < 3 * found.rate.se
        assert found.lost == 0


def test_the_error_is_of_first_order_in_the_step():
    net = neuron(*CASES[2])
    exact = crossing_density(net).exponent
    found = [neuron_exponent(net, duration=5e4, trials=4, dt=dt, seed=3).exponent for dt in (0.1, 0.05)]
    coarse, fine = (f.mean - exact for f in found)
    relative = np.hypot(found[0].se / coarse, found[1].se / fine)
    assert coarse > 20 * found[0].se
    assert relative < 0.1
    assert abs(np.log2(coarse / fine) - 1.0) < 3 * relative / np.log(2.0)


def test_speeds_at_the_threshold_have_the_density_of_the_formula():
    net = neuron(*CASES[3])
    found, formula = neuron_exponent(net, duration=2e4, trials=4, dt=0.01, seed=8), crossing_density(net)
    edges = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.3])
    for edge in edges:
        expected = float(formula.probability_below(edge))
        share, number = np.mean(found.speeds < edge), found.speeds.size
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / number)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_extrapolated_simulations_meet_the_formula(case):
    net = neuron(*case)
    formula = crossing_density(net, degree=8)
    assert formula.exponent_error < 1e-5
    dt = 0.05 * min(1.0, case[1])
    for method in METHODS:
        coarse, fine = (
            neuron_exponent(net, method=method, duration=5e4, trials=8, dt=h, seed=s).exponent
            for h, s in ((dt, 11), (dt / 2, 12))
        )
        error = np.hypot(2 * fine.se, coarse.se)
        assert error < 0.003
        assert abs(2 * fine.mean - coarse.mean - formula.exponent) < 3 * error


@pytest.mark.slow
def test_simulated_slow_crossings_follow_the_power_five_halves():
    net = neuron(*CASES[0])
    formula = crossing_density(net)
    speeds = neuron_exponent(net, duration=4e5, trials=8, dt=0.02, seed=4).speeds
    assert speeds.size > 1.7e6
    counts = np.array([np.sum(speeds < alpha) for alpha in (0.02, 0.08)])
    slope = np.log(counts[1] / counts[0]) / np.log(4.0)
    assert abs(slope - 2.5) < 3 / np.sqrt(counts[0]) / np.log(4.0)
    expected = formula.probability_below(np.array([0.02, 0.08])) * speeds.size
    assert np.all(np.abs(counts - expected) < 0.05 * expected + 3 * np.sqrt(expected))
