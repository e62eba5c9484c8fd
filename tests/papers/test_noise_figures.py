"""Thieu and Melnik 2022: rates of the figures, which statements hold, what the convention of the noise decides."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from reduction.levels.diffusion import refractory_moments
from reduction.noise_theory import deterministic_rate, firing
from spiking import Fixed
from spiking.noise import (
    WhiteNoise,
    bursts,
    firing_rate,
    interval_statistics,
    rate_over_time,
    simulate_ensemble,
    thieu2022,
)

DISCARD = 200.0


@cache
def long_run(neuron):
    return simulate_ensemble(neuron, 2200.0, neurons=2000, seed=1, sampling_interval=10.0)


def stationary_rate(neuron):
    return firing_rate(long_run(neuron), discard=DISCARD)


def variation(neuron):
    return interval_statistics(long_run(neuron), discard=DISCARD).variation


def shown(figure, neurons=1000):
    """What a figure shows: the first 100 ms, with more neurons."""
    return simulate_ensemble(thieu2022(figure), 100.0, neurons=neurons, seed=3)


@pytest.mark.parametrize(
    ("figure", "known"),
    [("6 left", 12.4), ("6 right", 12.4), ("7 left", 13.4), ("7 right", 234.0), ("8 left", 19.5), ("8 right", 22.3)],
)
def test_rates_with_conductances(figure, known):
    found = stationary_rate(thieu2022(figure))
    print(f"\nFigure {figure}: {found} Hz, {found.mean / known - 1:+.1%}")
    assert abs(found.mean - known) < 0.05 * known + 3 * found.se
    assert found.se < 0.01 * found.mean


@pytest.mark.parametrize("figure", ["2 right", "3 left", "3 right", "4 left", "4 right"])
def test_rates_and_variation_of_the_classical_figures_are_those_of_theory(figure):
    neuron = thieu2022(figure)
    rate = stationary_rate(neuron)
    if neuron.voltage_noise == 0.0:
        expected = deterministic_rate(neuron, dt=0.1)
    else:
        expected = firing(neuron, dt=0.1).rate
        assert variation(neuron).mean == pytest.approx(firing(neuron, dt=0.1).variation, rel=0.01)
    print(f"\nFigure {figure}: {rate} Hz, theory {expected:.5g}")
    assert abs(rate.mean - expected) < 3 * rate.se + 0.003 * expected


@pytest.mark.parametrize(("figure", "plain"), [("7 right", 16.7), ("8 left", 0.0), ("8 right", 0.0)])
def test_the_same_numbers_as_a_plain_sde_neither_burst_nor_fire(figure, plain):
    """2 pA per mV times the root of ms, not of s: 31.6 times less noise."""
    neuron = replace(thieu2022(figure), noise=WhiteNoise(2.0, multiplicative=True))
    found = stationary_rate(neuron)
    assert found.mean == pytest.approx(plain, rel=0.03)
    assert bursts(long_run(neuron), longest=3.0, discard=DISCARD).share.mean < 0.01 or plain == 0.0


def test_runs_of_spikes_in_7_right_are_those_of_independent_intervals():
    found = bursts(long_run(thieu2022("7 right")), longest=3.0, discard=DISCARD)
    assert found.share.mean == pytest.approx(0.488, abs=0.01)
    print(f"\nFigure 7 right: share {found.share}, chance {found.chance:.4f}, excess {found.excess}")
    assert abs(found.excess.mean) < 3 * found.excess.se < 0.005
    assert bursts(long_run(thieu2022("6 right")), longest=3.0, discard=DISCARD).size.size == 0


def test_doubling_the_current_does_not_lower_the_rate():
    """Not "Figure 3 below Figure 2": 90 Hz (9 spikes in 100 ms) and 102 Hz."""
    below = firing_rate(shown("2 left"))
    assert below.mean == pytest.approx(90.0)
    above = stationary_rate(thieu2022("3 left"))
    assert above.mean == pytest.approx(101.0, rel=0.01)
    assert above.mean > below.mean > stationary_rate(thieu2022("2 left")).mean - 1.0
    for side in ("left", "right"):
        assert firing_rate(shown(f"3 {side}")).mean > 1.1 * firing_rate(shown(f"2 {side}")).mean


@pytest.mark.parametrize("figure", ["2 left", "2 right", "3 left", "3 right", "4 left", "4 right"])
def test_rates_do_not_vanish_after_20_ms(figure):
    """They stay at the stationary one, to one spike in 80 ms."""
    course = rate_over_time(shown(figure), 20.0)
    assert course.rate[1:].min() > 49.0
    assert course.rate[1:].mean() == pytest.approx(stationary_rate(thieu2022(figure)).mean, abs=1000.0 / 80.0)


def test_the_mean_between_5_and_10_ms():
    """Not -62 mV: after the first spike, at 3.6 ms, a refractory time of 8 ms holds all neurons at -70 mV."""
    for figure, least, most in (("2 left", -70.0, -70.0), ("3 left", -70.0, -69.5)):
        sample = shown(figure).sample_moments(start=5.0)
        within = sample.mean[sample.times <= 10.0 + 1e-9].mean()
        assert least - 1e-9 <= within <= most + 1e-9
    random = shown("2 right").sample_moments(start=5.0)
    assert random.mean[random.times <= 10.0].mean() == pytest.approx(-60.8, abs=0.3)


def test_random_refractory_times_and_irregular_spikes():
    """They make a neuron without input noise irregular; in noise their mean counts, not their scatter."""
    assert variation(thieu2022("2 left")).mean == 0.0
    assert variation(thieu2022("2 right")).mean == pytest.approx(0.146, abs=0.002)
    right, left = thieu2022("6 right"), thieu2022("7 left")
    fixed = replace(left, refractory=Fixed(refractory_moments(left.refractory)[0]))
    found = [variation(neuron) for neuron in (right, left, fixed)]
    print("\nCV of 6 right, 7 left, 7 left with a fixed refractory time of the same mean:", *found)
    assert found[1].mean - found[0].mean > 10 * found[0].se
    assert abs(found[1].mean - found[2].mean) < 3 * np.hypot(found[1].se, found[2].se)


def test_multiplicative_noise_in_nano_amperes_throws_voltages_far():
    """Figure 4 right, read as 2 V xi in nA: over 100 V below zero, so that it is drawn with noise in pA."""
    literal = replace(thieu2022("4 right"), noise=WhiteNoise(2000.0, multiplicative=True))
    found = simulate_ensemble(literal, 100.0, seed=1, traces=range(100))
    assert literal.voltage_noise * 70.0 == pytest.approx(279.4, abs=0.1)
    assert found.traces.min() < -100_000.0
    assert found.traces.max() < -50.0
    drawn = simulate_ensemble(thieu2022("4 right"), 100.0, seed=1, traces=range(100))
    assert -200.0 < drawn.traces.min() < drawn.traces.max() < -50.0
