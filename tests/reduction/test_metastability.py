"""Metastable states and dwell times against processes whose rates are known."""

from __future__ import annotations

import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import integrate as quadrature
from scipy import stats

import reduction
import spiking
from reduction import dynamics_plots
from reduction.aspects.metastability import MetastabilityComparison, compare_metastability
from reduction.attractors.metastability import (
    Dwells,
    States,
    dwell_difference,
    dwell_times,
    metastable_states,
    occupation_density,
    visited_states,
)
from reduction.measuring import Settings
from spiking.errors import ParameterError, SpecificationError, UnknownNameError


def switching_network():
    """Forty neurons with strong sparse excitation: silence, and a state of some 65 Hz."""
    neuron = spiking.LIF(20.0, 10.0, tau_m=20.0, refractory=spiking.Exponential(5.0))
    return spiking.Network(
        [spiking.Population("E", 40, neuron, spiking.GaussianDrive(0.45, 4.0 / 3.0))],
        [spiking.Projection("E", "E", spiking.PendingCurrent(2.375, 5.0), spiking.Annealed(0.2))],
    )


def telegraph(rng, means, duration, interval=1.0, noise=0.3):
    """A process that leaves states 0 and 1 at random, with white noise, sampled at an interval."""
    number = int(3 * duration / sum(means)) + 10
    times = np.cumsum(rng.exponential(1.0, (number, 2)) * means)
    assert times[-1] > duration
    at = np.arange(0.0, duration, interval)
    state = np.searchsorted(times, at) % 2
    return state + noise * rng.standard_normal(at.size)


def test_a_telegraph_process_gives_its_states_and_dwell_times():
    rng = np.random.default_rng(1)
    means = np.array([300.0, 700.0])
    records = [telegraph(rng, means, 100_000.0) for _ in range(4)]
    smooth = [np.convolve(record, np.full(5, 0.2), "valid") for record in records]
    states = metastable_states(smooth, 1.0, 5.0)
    assert states.modes == pytest.approx((0.0, 1.0), abs=0.05)
    assert states.minima[0] == pytest.approx(0.5, abs=0.15)
    for mean, dwells in zip(means, dwell_times(smooth, 1.0, states), strict=True):
        assert dwells.complete.size > 300
        estimate = dwells.mean
        assert estimate.se == pytest.approx(estimate.mean / math.sqrt(dwells.complete.size))
        assert abs(estimate.mean - mean) < 3.0 * estimate.se
        assert dwells.variation == pytest.approx(1.0, abs=0.2)


def test_dwells_by_hand():
    states = States((0.0, 1.0), (0.5,))
    assert states.cores == ((-math.inf, 0.25), (0.75, math.inf))
    record = [0.5, 0.5, 0.0, 0.0, 0.6, 0.8, 0.4, 0.9, 0.2, 0.7, 0.1, 1.0, 1.0]
    assert visited_states(record, states).tolist() == [-1, -1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1]
    low, high = dwell_times([record, [0.0] * 5], 2.0, states)
    assert low.complete.tolist() == [6.0]
    assert low.censored.tolist() == []
    assert high.complete.tolist() == [6.0]
    assert high.censored.tolist() == [4.0]
    assert high.mean.mean == 10.0
    one = States((0.0,), ())
    (whole,) = dwell_times([record], 2.0, one)
    assert whole.complete.size == 0
    assert math.isnan(whole.mean.mean)


def test_survival_by_hand():
    """Exits at 1, 3, 3; cut off at 2 and 4: 4/5, then 4/5 * 1/3; Greenwood's variances."""
    found = Dwells(np.array([3.0, 1.0, 3.0]), np.array([2.0, 4.0])).survival()
    assert found.times.tolist() == [1.0, 3.0]
    assert found.share == pytest.approx([0.8, 0.8 / 3.0])
    variance = 1 / 20, 1 / 20 + 2 / 3
    assert found.se == pytest.approx([0.8 * math.sqrt(variance[0]), 0.8 / 3 * math.sqrt(variance[1])])


def test_survival_covers_an_exponential_law():
    """With a third of the dwells cut off at random, the curve at its median is off by 2 s.e. in 5 % of 400 samples."""
    rng = np.random.default_rng(2)
    misses = 0
    for _ in range(400):
        dwells, cuts = rng.exponential(1.0, 80), rng.exponential(2.0, 80)
        found = Dwells(dwells[dwells <= cuts], cuts[dwells > cuts]).survival()
        at = np.searchsorted(found.times, math.log(2.0), "right") - 1
        misses += abs(found.share[at] - 0.5) > 1.96 * found.se[at]
    assert stats.binomtest(misses, 400, 0.05).pvalue > 0.01


def double_well(seed, trials, steps, noise, dt=0.01, every=2):
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], trials)
    out = np.empty((steps // every, trials))
    for step in range(steps):
        x = x + (x - x**3) * dt + math.sqrt(2.0 * noise * dt) * rng.standard_normal(trials)
        if step % every == every - 1:
            out[step // every] = x
    return out.T


def passage_time(noise, start, end):
    """Mean first passage of dx = (x - x^3) dt + sqrt(2 D) dW, by quadrature (Gardiner, Stochastic Methods, 5.2.7)."""
    grid = np.linspace(-3.0, end, 4001)
    potential = grid**4 / 4.0 - grid**2 / 2.0
    inner = quadrature.cumulative_trapezoid(np.exp(-potential / noise), grid, initial=0.0)
    outer = np.exp(potential / noise) * inner / noise
    inside = grid >= start
    return float(np.trapezoid(outer[inside], grid[inside]))


def test_a_double_well_is_left_at_kramers_rate():
    noise = 0.07
    records = list(double_well(3, 60, 100_000, noise))
    states = metastable_states(records, 0.02, 2.0)
    assert states.modes == pytest.approx((-1.0, 1.0), abs=0.1)
    expected = passage_time(noise, states.cores[0][1], states.cores[1][0])
    kramers = 2.0 * math.pi / math.sqrt(2.0) * math.exp(0.25 / noise)
    assert expected == pytest.approx(kramers, rel=0.25)
    for dwells in dwell_times(records, 0.02, states):
        assert dwells.complete.size > 100
        assert abs(dwells.mean.mean - expected) < 3.0 * dwells.mean.se
        assert dwells.variation == pytest.approx(1.0, abs=0.25)


def test_p_values_of_equal_processes_are_uniform():
    rng = np.random.default_rng(4)
    means = np.array([200.0, 200.0])
    states = States((0.0, 1.0), (0.5,))
    values = []
    for _ in range(150):
        first, second = (
            dwell_times([telegraph(rng, means, length, noise=0.0)], 1.0, states)[0] for length in (10_000.0, 20_000.0)
        )
        values.append(dwell_difference(first, second)[1])
    assert stats.kstest(values, "uniform").pvalue > 0.01
    assert stats.binomtest(int(np.sum(np.array(values) < 0.05)), 150, 0.05).pvalue > 0.01


def test_p_values_of_different_processes_are_small():
    rng = np.random.default_rng(5)
    states = States((0.0, 1.0), (0.5,))
    first, second = (
        dwell_times([telegraph(rng, np.array([mean, 200.0]), 60_000.0, noise=0.0)], 1.0, states)[0]
        for mean in (200.0, 400.0)
    )
    assert dwell_difference(first, second)[1] < 1e-3
    few = Dwells(np.array([1.0, 2.0, 3.0, 4.0]), np.empty(0))
    assert all(map(math.isnan, dwell_difference(few, first)))


def test_fluctuations_about_one_state_are_no_metastability():
    """Filtered noise, Gaussian and skewed, has one state in each of 40 runs."""
    rng = np.random.default_rng(6)
    decay = 0.95
    for _ in range(20):
        steps = rng.standard_normal(20_000)
        record = np.empty_like(steps)
        value = 0.0
        for k, step in enumerate(steps):
            value = decay * value + step
            record[k] = value
        for own in (record, np.exp(record / record.std())):
            assert len(metastable_states([own], 1.0, 20.0).modes) == 1


def test_states_must_last():
    rng = np.random.default_rng(7)
    record = telegraph(rng, np.array([12.0, 12.0]), 50_000.0, noise=0.1)
    assert len(metastable_states([record], 1.0, 3.0).modes) == 2
    assert len(metastable_states([record], 1.0, 5.0).modes) == 1
    thrice = np.repeat([0.0, 1.0, 0.0, 1.0, 0.0, 1.0], 500) + 0.1 * rng.standard_normal(3000)
    assert len(metastable_states([thrice], 1.0, 5.0).modes) == 1


def test_three_states():
    rng = np.random.default_rng(8)
    levels = rng.choice([0.0, 1.0, 2.0], 300)
    record = np.repeat(levels, 200) + 0.15 * rng.standard_normal(60_000)
    states = metastable_states([record], 1.0, 10.0)
    assert states.modes == pytest.approx((0.0, 1.0, 2.0), abs=0.1)
    assert len(states.cores) == 3


def test_density_integrates_to_one():
    rng = np.random.default_rng(9)
    values, density = occupation_density([rng.standard_normal(5000)], 5.0)
    assert np.trapezoid(density, values) == pytest.approx(1.0, abs=2e-3)
    wide = 1.06 * 1000.0**-0.2
    expected = stats.norm.pdf(values, scale=math.hypot(1.0, wide))
    assert np.abs(density - expected).max() < 0.02
    flat = occupation_density([np.full(10, 3.0)], 1.0)
    assert np.isfinite(flat.density).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metastable_states([], 1.0, 5.0), "at least one"),
        (lambda: metastable_states([[1.0, math.nan]], 1.0, 5.0), "finite"),
        (lambda: metastable_states([[[1.0]]], 1.0, 5.0), "one-dimensional"),
        (lambda: metastable_states([["a", "b"]], 1.0, 5.0), "numbers"),
        (lambda: metastable_states([[1.0, 2.0]], 0.0, 5.0), "interval = 0"),
        (lambda: metastable_states([[1.0, 2.0]], 1.0, -5.0), "window = -5"),
    ],
)
def test_bad_data_are_refused(call, words):
    with pytest.raises(SpecificationError, match=words):
        call()


SETTINGS = Settings(duration=15_000.0, discard=1000.0, seed=2, bins=60)


@pytest.fixture(scope="module")
def comparison():
    return compare_metastability(switching_network(), SETTINGS)


def test_network_and_chain_switch(comparison):
    assert [own.source for own in comparison.occupations] == ["network", "chain"]
    assert len(comparison.states.modes) == 2
    low, high = comparison.states.modes
    assert low < 12.0
    assert 50.0 < high < 85.0
    for own in comparison.occupations:
        assert sum(share.mean for share in own.shares) == pytest.approx(1.0)
    verdicts = comparison.verdicts()
    assert [v.subject for v in verdicts] == ["network", "chain", "chain"]
    assert "switches between 2 states" in verdicts[0].text
    (table,) = comparison.tables()
    assert len(table.rows) == 4
    assert all(len(row) == len(table.header) for row in table.rows)


def test_results_survive_json_and_are_reproducible(comparison):
    text = json.dumps(comparison.to_plain(), allow_nan=False)
    again = MetastabilityComparison.from_plain(json.loads(text))
    assert again == comparison
    assert again.verdicts() == comparison.verdicts()
    fresh = compare_metastability(switching_network(), SETTINGS)
    assert fresh == comparison


def test_pictures(comparison):
    ((name, caption, figure),) = dynamics_plots.figures("EE.weight", [2.375], [comparison])
    assert name == "metastability-2.375.png"
    assert "Kaplan-Meier" in caption
    assert len(figure.axes) == 3
    figure.canvas.draw()
    plt.close("all")


def test_a_network_of_one_state(chang):
    seen = []
    settings = Settings(duration=1500.0, discard=500.0, closure="white", bins=60, seed=1)
    found = compare_metastability(chang, settings, levels=("chain", "langevin"), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(found.states.modes) == 1
    assert found.network.shares[0].mean == 1.0
    first = found.verdicts()[0]
    assert "one state" in first.text
    assert first.grade == "undecided"
    assert not list(dynamics_plots.figures("EI.probability", [0.8], [found]))
    json.dumps(found.to_plain(), allow_nan=False)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"levels": ("ode",)}, UnknownNameError, "level with chance in it 'ode'"),
        ({"levels": ()}, SpecificationError, "list of levels"),
        ({"levels": "chain"}, SpecificationError, "list of levels"),
        ({"levels": ("chain", "chain")}, SpecificationError, "must differ"),
        ({"population": "X"}, UnknownNameError, "population 'X'"),
        ({"window": 0.0}, ParameterError, "window = 0"),
        ({"window": 2000.0}, ParameterError, "a tenth of the recorded time"),
        ({"settings": Settings(bins=-3)}, SpecificationError, "bins"),
    ],
)
def test_bad_options_are_refused_before_any_run(arguments, error, words, monkeypatch):
    monkeypatch.setattr(Settings, "simulated", lambda *a, **k: pytest.fail("a run was made"))
    with pytest.raises(error, match=words):
        compare_metastability(switching_network(), **arguments)


def test_progress_can_stop_it():
    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_metastability(switching_network(), SETTINGS, progress=stop)


@pytest.mark.slow
def test_dwell_times_of_network_and_chain():
    """Over 200 s: the chain waits as long for its active state, and stays in it longer (1.7 times over 700 s)."""
    settings = Settings(duration=200_000.0, dt=0.05, scheme="bridge", seed=1, bins=100)
    found = compare_metastability(switching_network(), settings)
    for verdict in found.verdicts():
        print(verdict.text)
    low, high = (
        chain.mean.mean / network.mean.mean
        for network, chain in zip(found.network.dwells, found.levels[0].dwells, strict=True)
    )
    assert low == pytest.approx(1.0, abs=0.35)
    assert 1.3 < high < 3.0
    assert found.levels[0].own_states == found.network.own_states == 2


def test_trajectories_and_recordings_are_measured_alike(chang):
    from reduction.aspects.metastability import _records

    chain = reduction.integrate(reduction.MarkovApproximation(chang, bins=40, closure="white"), "chain", 300.0, seed=1)
    first, interval = _records(chain, "E", 50.0, 100.0)
    second, same = _records(chain.recording(), "E", 50.0, 100.0)
    assert interval == same == pytest.approx(5.0)
    assert first[0] == pytest.approx(second[0])
    direct = chain.firing_rates[0, 1000:1500, 0].mean()
    assert first[0][0] == pytest.approx(direct)
