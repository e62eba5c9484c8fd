from __future__ import annotations

import naive
import numpy as np
import pytest
from scipy import stats

import spiking
from spiking import presets
from spiking.errors import SpecificationError


@pytest.fixture(scope="module")
def kicks():
    """Three kinds of kick, a leak, both refractory kinds."""
    return spiking.Network(
        populations=[
            spiking.Population(
                "E", 10, spiking.LIF(12.0, 1.0, tau_m=12.0, rest=0.5, refractory=spiking.Exponential(1.5)),
                spiking.PoissonDrive(3.0, 0.9),
            ),
            spiking.Population("I", 6, spiking.LIF(10.0), spiking.PoissonDrive(1.0, 1.0)),
        ],
        projections=[
            spiking.Projection("E", "E", spiking.PendingKick(1.2, 1.5), spiking.Annealed(0.5)),
            spiking.Projection("I", "E", spiking.PendingKick(1.6, 1.0, rounded=True), spiking.Annealed(0.8)),
            spiking.Projection("E", "I", spiking.PendingKick(1.5, 3.0, True, -10.0), spiking.Annealed(0.7)),
            spiking.Projection("I", "I", spiking.PendingKick(0.5, 3.0, True), spiking.Annealed(1.0)),
        ],
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_every_spike_equals_the_naive_twins(kicks, seed):
    recording = spiking.simulate(kicks, 100.0, scheme="exact", seed=seed)
    expected = naive.simulate_events(kicks, 100.0, 0.1, seed)
    assert len(expected) > 50
    assert recording.senders.tolist() == [sender for _, sender in expected]
    np.testing.assert_allclose(recording.times, [time for time, _ in expected], rtol=1e-12)


def test_a_run_continues_bit_identically(kicks):
    whole = spiking.simulate(kicks, 200.0, scheme="exact", seed=3, trials=2)
    first = spiking.simulate(kicks, 70.0, scheme="exact", seed=3, trials=2)
    rest = spiking.simulate(kicks, 130.0, scheme="exact", seed=None, trials=2, initial=first.final_state)
    np.testing.assert_array_equal(np.concatenate([first.counts, rest.counts], axis=1), whole.counts)
    np.testing.assert_array_equal(rest.final_state.voltage, whole.final_state.voltage)
    np.testing.assert_array_equal(rest.final_state.synaptic, whole.final_state.synaptic)
    spreads = np.concatenate([first.spread_voltage, rest.spread_voltage], axis=1)
    np.testing.assert_array_equal(spreads, whole.spread_voltage)
    ends = [whole.final_state.voltage[:, own].std(axis=1) for own in (slice(0, 10), slice(10, 16))]
    np.testing.assert_allclose(whole.spread_voltage[:, -1], np.transpose(ends), rtol=1e-12)


def test_unit_kicks_give_exactly_gamma_intervals():
    network = spiking.Network([spiking.Population("X", 200, spiking.LIF(100.0), spiking.PoissonDrive(7.0))])
    recording = spiking.simulate(network, 1000.0, scheme="exact", seed=4)
    order = np.lexsort((recording.times, recording.senders))
    intervals = np.diff(recording.times[order])[np.diff(recording.senders[order]) == 0]
    assert intervals.size > 10000
    assert stats.kstest(intervals, stats.gamma(100, scale=1 / 7).cdf).pvalue > 0.001


def test_refractory_times_are_exactly_exponential():
    neuron = spiking.LIF(1.0, refractory=spiking.Exponential(3.0))
    network = spiking.Network([spiking.Population("X", 100, neuron, spiking.PoissonDrive(1000.0))])
    recording = spiking.simulate(network, 600.0, scheme="exact", seed=5)
    order = np.lexsort((recording.times, recording.senders))
    intervals = np.diff(recording.times[order])[np.diff(recording.senders[order]) == 0]
    waiting = 1e-3  # until the next kick
    assert abs(intervals.mean() - 3.0 - waiting) < 4 * intervals.std() / np.sqrt(intervals.size)
    assert stats.kstest(intervals, stats.expon(scale=3.0).cdf).statistic < 0.015


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        pytest.param("lcy2019_hom", (23.21, 54.51), marks=pytest.mark.slow),
        pytest.param("lcy2019_reg", (25.30, 56.59), marks=pytest.mark.slow),
        ("cai2021_hom", (32.22, 71.19)), ("cai2021_reg", (34.95, 75.37)),
    ],
)  # fmt: skip
def test_published_networks(name, rates):
    """Exact simulation by an independent program, whose standard errors were not recorded: 1 % is allowed for them."""
    found = spiking.simulate(presets.get(name), 21000.0, scheme="exact", seed=6, trials=2).rates(1000.0)
    for population, exact in zip(("E", "I"), rates, strict=True):
        print(
            f"\n{name} {population}: {found[population].mean / exact - 1:+.2%}, s.e. {found[population].se / exact:.2%}"
        )
        assert abs(found[population].mean - exact) < 3 * found[population].se + 0.01 * exact


def test_the_reference_step_approaches_it(kicks):
    """A first-order scheme: the difference of rates shrinks with dt."""
    network = presets.cai2021_hom()
    exact = spiking.simulate(network, 20500.0, scheme="exact", seed=7, trials=2).rates(500.0)["I"]
    coarse, fine = (spiking.simulate(network, 20500.0, dt=dt, seed=8, trials=2).rates(500.0)["I"] for dt in (0.4, 0.02))
    assert abs(fine.mean - exact.mean) < 4 * np.hypot(fine.se, exact.se)
    assert abs(coarse.mean - exact.mean) > 4 * np.hypot(coarse.se, exact.se)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"E.drive": spiking.GaussianDrive(1.0)}, "E.drive: scheme 'exact' needs Poisson kicks or no drive"),
        ({"E.refractory": spiking.Fixed(1.0)}, "E.refractory: scheme 'exact' needs an exponential or no refractory"),
        ({"EI.synapse": spiking.PendingCurrent(1.0, 1.0)}, "EI.synapse: scheme 'exact' needs kick synapses"),
        ({"E.rest": 12.0}, "E.rest: scheme 'exact' needs it below E.threshold"),
    ],
)
def test_what_it_does_not_cover_is_refused(kicks, changes, message):
    with pytest.raises(SpecificationError, match=message):
        spiking.simulate(kicks.replace(changes), 10.0, scheme="exact")


def test_rates_that_run_away_are_reported():
    network = presets.cai2021_hom().replace({"EI.weight": 0.0, "II.weight": 0.0})
    with pytest.raises(spiking.NumericalError, match=r"over 4096 spikes within 0.1 ms, at .* ms: rates run away"):
        spiking.simulate(network, 1000.0, scheme="exact")


def test_a_network_without_any_clock_stands_still():
    network = spiking.Network([spiking.Population("X", 3, spiking.LIF(1.0, tau_m=5.0))])
    recording = spiking.simulate(network, 10.0, scheme="exact")
    assert recording.times.size == 0
    np.testing.assert_allclose(recording.mean_voltage, 0.0)
