"""Every kind of neuron, synapse, drive and wiring in steps: against a naive twin, and against itself."""

from __future__ import annotations

import naive_network
import numpy as np
import pytest

import spiking
from spiking.errors import ParameterError, SpecificationError


@pytest.fixture(scope="module")
def zoo() -> spiking.Network:
    """Eight populations and every part that there is."""
    s = spiking
    fast, graph = s.ConstantDrive(1.5), s.Explicit([0, 1, 2, 2], [4, 0, 2, 3], [1, 2, 3, 4])
    regenerated = s.Bernoulli(0.4, procedural=True)
    return s.Network(
        [
            s.Population("A", 9, s.LIF(15.0, 0.0, 10.0, 1.0, s.Normal(1.0, 0.8)), s.GaussianDrive(3.0, 0.8)),
            s.Population("B", 7, s.LIF(-50.0, -60.0, 20.0, -60.0, s.Fixed(1.0)), s.SumDrive(fast, s.PoissonDrive(0.5))),
            s.Population("C", 6, s.QIF(20.0, -20.0, 2.0, s.Exponential(1.0)), s.OrnsteinUhlenbeckDrive(1.0, 1.5, 3.0)),
            s.Population("D", 5, s.QIF(), s.SumDrive(s.LorentzianDrive(0.8, 0.2), s.GaussianDrive(0.3, 0.5))),
            s.Population("F", 6, s.EIF(0.0, -65.0, 15.0, -65.0, -50.0, 2.0), s.ConstantDrive(2.0)),
            s.Population("G", 5, s.LIF(10.0), s.ArrayDrive(np.arange(1, 40) % 5 / 2.0, 2.5)),
            s.Population("H", 6, s.EIF(0.0, -65.0, 15.0, -65.0, -50.0, 2.0, s.Fixed(0.5)), s.GaussianDrive(20.0, 0.1)),
            s.Population("K", 6, s.LIF(8.0, tau_m=12.0, refractory=s.Exponential(2.0)), s.PoissonDrive(4.0, 0.5)),
        ],
        [
            s.Projection("A", "B", s.Delta(1.2), s.Bernoulli(0.6), delay=0.7),
            s.Projection("A", "A", s.Delta(0.8, inhibitory=True), s.FixedInDegree(3)),
            s.Projection("B", "A", s.ExponentialConductance(0.6, 3.0, 0.0), s.FixedOutDegree(4), delay=0.3),
            s.Projection("B", "F", s.ExponentialConductance(0.9, 5.0, -80.0), s.AllToAll(), delay=1.0),
            s.Projection("C", "A", s.ExponentialCurrent(0.9, 2.0), s.Bernoulli(0.5)),
            s.Projection("C", "B", s.ExponentialCurrent(0.5, 3.0), s.FixedInDegree(3), delay=0.2),
            s.Projection("C", "D", s.Delta(0.9, True), s.Annealed(0.5), delay=0.2),
            s.Projection("D", "C", s.ExponentialCurrent(0.4, 1.5, True), graph),
            s.Projection("F", "C", s.ExponentialCurrent(3.0, 4.0), s.FixedOutDegree(2, procedural=True)),
            s.Projection("H", "B", s.ExponentialConductance(0.5, 4.0, 0.0), regenerated, delay=0.1),
            s.Projection("G", "D", s.ExponentialCurrent(1.0, 2.0), s.Annealed(0.7), delay=0.4),
            s.Projection("G", "K", s.PendingCurrent(0.7, 2.0, True, -5.0), s.Bernoulli(0.5), delay=0.5),
            s.Projection("K", "G", s.ExponentialCurrent(0.8, 12.0), s.Bernoulli(0.5)),
            s.Projection("K", "K", s.PendingKick(0.7, 1.5, rounded=True), s.AllToAll(), delay=0.3),
            s.Projection("K", "A", s.PendingKick(0.5, 1.0, True), s.Annealed(0.3), delay=0.6),
        ],
    )  # fmt: skip


@pytest.mark.parametrize(("scheme", "seed"), [("grid", 1), ("grid", 2), ("bridge", 3)])
def test_every_spike_equals_the_naive_twins(zoo, scheme, seed):
    recording = spiking.simulate(zoo, 90.0, seed=seed, scheme=scheme)
    found = [(round(t / 0.1) - 1, int(s)) for t, s in zip(recording.times, recording.senders, strict=True)]
    assert found == naive_network.simulate(zoo, 900, 0.1, seed, scheme)
    for name in zoo.sizes:
        assert recording.spikes(name)[0].size > 10, name


@pytest.mark.parametrize("scheme", ["grid", "bridge", "interpolated"])
def test_a_run_continues_bit_identically_with_spikes_under_way(zoo, scheme, tmp_path):
    options = {"trials": 2, "scheme": scheme, "traces": {"B": [0, 3]}, "voltage_bins": (-100.0, 50.0, 30)}
    whole = spiking.simulate(zoo, 80.0, seed=6, **options)
    first = spiking.simulate(zoo, 33.3, seed=6, **options)
    first.save(tmp_path / "first.npz")
    loaded = spiking.Recording.load(tmp_path / "first.npz")
    assert loaded.final_state.in_flight.shape[0] > 0
    rest = spiking.simulate(zoo, 46.7, seed=None, initial=loaded.final_state, **options)
    np.testing.assert_array_equal(np.concatenate([first.counts, rest.counts], axis=1), whole.counts)
    np.testing.assert_array_equal(np.concatenate([first.traces["B"], rest.traces["B"]], axis=1), whole.traces["B"])
    np.testing.assert_array_equal(first.histogram + rest.histogram, whole.histogram)
    np.testing.assert_array_equal(loaded.traces["B"], first.traces["B"])
    for name in ("voltage", "refractory", "synaptic", "process", "in_flight"):
        np.testing.assert_array_equal(getattr(rest.final_state, name), getattr(whole.final_state, name))


def test_what_cannot_go_on_is_refused(zoo):
    state = spiking.simulate(zoo, 60.0).final_state
    with pytest.raises(ParameterError, match="G.drive.values = '39 values': must be at least 44, .* of 110 ms"):
        spiking.simulate(zoo, 50.0, seed=None, initial=state)
    spiking.simulate(zoo, 50.0, seed=1, initial=state)
    kicks = spiking.presets.cai2021_hom()
    for first, then in (("exact", "reference"), ("reference", "exact")):
        state = spiking.simulate(kicks, 5.0, scheme=first).final_state
        with pytest.raises(SpecificationError, match=f"initial: its random numbers are not those of scheme '{then}'"):
            spiking.simulate(kicks, 5.0, scheme=then, seed=None, initial=state)
        spiking.simulate(kicks, 5.0, scheme=then, seed=1, initial=state)


def test_threads_and_other_trials_change_nothing(zoo):
    runs = [spiking.simulate(zoo, 60.0, seed=4, trials=3, workers=w) for w in (1, 3)]
    alone = spiking.simulate(zoo, 60.0, seed=4)
    for name in ("times", "senders", "trial", "counts", "mean_voltage", "spread_voltage", "mean_pending"):
        np.testing.assert_array_equal(getattr(runs[0], name), getattr(runs[1], name))
    np.testing.assert_array_equal(runs[0].times[runs[0].trial == 0], alone.times)
    assert runs[0].timing["threads"] == 1
    assert runs[1].timing["threads"] == 3


@pytest.mark.parametrize(
    "wiring", [spiking.Bernoulli(0.02, seed=2), spiking.FixedOutDegree(30, seed=2)], ids=["bernoulli", "out degree"]
)
def test_regenerated_targets_are_the_stored_ones(wiring):
    neuron = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Fixed(2.0))
    runs = []
    for procedural in (False, True):
        own = type(wiring)(
            *[getattr(wiring, f) for f in ("probability", "out_degree") if hasattr(wiring, f)], 2, procedural
        )
        net = spiking.Network(
            [spiking.Population("E", 1500, neuron, spiking.PoissonDrive(12.0, 0.1))],
            [spiking.Projection("E", "E", spiking.ExponentialCurrent(0.1, 3.0), own, delay=1.0)],
        )
        runs.append(spiking.simulate(net, 200.0, seed=1))
    assert runs[0].times.size > 1000
    np.testing.assert_array_equal(runs[0].times, runs[1].times)
    np.testing.assert_array_equal(runs[0].final_state.synaptic, runs[1].final_state.synaptic)
    assert runs[0].synaptic_events == runs[1].synaptic_events


def test_events_are_spikes_times_targets():
    neuron = spiking.LIF(1.0, refractory=spiking.Fixed(1.0))
    net = spiking.Network(
        [spiking.Population("E", 10, neuron, spiking.PoissonDrive(0.5, 2.0))],
        [spiking.Projection("E", "E", spiking.Delta(0.0), spiking.AllToAll(), delay=0.1)],
    )
    recording = spiking.simulate(net, 100.0)
    assert recording.synaptic_events == 10 * recording.times.size


def test_histograms_and_traces_are_of_the_sampled_voltages():
    net = spiking.presets.chang2025()
    options = {"traces": {"I": [5, 0], "E": [299]}, "voltage_bins": (-40.0, 100.0, 35), "histogram_interval": 10.0}
    recording = spiking.simulate(net, 50.0, sampling_interval=1.0, **options)
    assert recording.traces["I"].shape == (1, 50, 2)
    state = recording.final_state.voltage[0]
    assert recording.traces["I"][0, -1].tolist() == [state[305], state[300]]
    assert recording.traces["E"][0, -1, 0] == state[299]
    assert recording.histogram.shape == (1, 5, 2, 35)
    assert recording.histogram.sum(axis=(1, 3)).tolist() == [[50 * 300, 50 * 100]]
    alone = spiking.simulate(net, 50.0, sampling_interval=50.0, voltage_bins=(-40.0, 100.0, 35))
    np.testing.assert_array_equal(alone.histogram[0, 0, 0], np.histogram(state[:300], alone.voltage_edges)[0])


def test_an_array_drive_is_a_constant_drive_in_pieces():
    def rates(drive):
        net = spiking.Network([spiking.Population("E", 2, spiking.LIF(10.0, tau_m=10.0), drive)])
        return spiking.simulate(net, 100.0, scheme="interpolated").times

    np.testing.assert_allclose(rates(spiking.ArrayDrive([1.7] * 50, 2.0)), rates(spiking.ConstantDrive(1.7)))
    step = rates(spiking.ArrayDrive([1.7, 0.0], 50.0))
    constant = rates(spiking.ConstantDrive(1.7))
    np.testing.assert_allclose(step, constant[constant < 50.0])


def test_uniform_voltages_lie_between_reset_and_threshold():
    net = spiking.presets.vogels_abbott_coba()
    state = spiking.simulate(net, 0.1, seed=3, initial="uniform", trials=2).final_state
    assert -60.5 < state.voltage.min() < -59.0
    assert -51.0 < np.quantile(state.voltage, 0.97) < -50.0
    assert not np.array_equal(state.voltage[0], state.voltage[1])


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"AB.delay": 0.05}, {}, r"AB.delay = 0.05: must be 0 or a whole number of steps of dt = 0.1 ms"),
        ({"AB.delay": 0.25}, {}, r"AB.delay = 0.25: must be 0 or a whole number"),
        ({}, {"duration": 100.0}, r"G.drive.values = '39 values': must be at least 40, of 2.5 ms each, for a duration"),
        ({"F.tau_m": 0.15}, {}, r"dt = 0.1: must be at most 0.075 ms, half of F.tau_m = 0.15 ms"),
        ({}, {"scheme": "reference"}, "scheme 'reference' is the step of .*; use scheme 'grid'"),
        ({}, {"scheme": "exact"}, "A.drive: scheme 'exact' needs Poisson kicks"),
        ({}, {"traces": {"A": [9]}}, "traces.A = 9: must lie between 0 and 8"),
        ({}, {"traces": {"X": [0]}}, "population 'X' does not exist"),
        ({}, {"voltage_bins": (0.0, -1.0, 5)}, "voltage_bins.greatest = -1.0: must be finite and above 0.0"),
        ({}, {"initial": "random"}, "initial = 'random': must be a State, .* or \"uniform\""),
        ({}, {"traces": [1]}, r"traces = \[1\]: must map populations to neurons"),
        ({}, {"traces": {"A": 3}}, "traces.A = 3: must be a list of neurons"),
        ({"G.drive.interval": 2.55}, {}, "G.drive.interval = 2.55: must be a whole number of steps of dt = 0.1 ms"),
        ({}, {"histogram_interval": 10.0}, "histogram_interval = 10.0: needs voltage_bins"),
        (
            {}, {"voltage_bins": (0.0, 1.0, 5), "histogram_interval": 0.15},
            "histogram_interval = 0.15: must be a multiple of the sampling interval of 0.1 ms",
        ),
        ({}, {"voltage_bins": (0.0, np.inf, 5)}, "voltage_bins.greatest = inf: must be finite"),
        ({}, {"initial": np.zeros(40)}, "initial = .*: must be a State"),
        ({}, {"progress": 3}, "progress = 3: must be a function"),
        ({"FC.out_degree": 10**11}, {}, "the targets of a spike would take .* GiB"),
        ({}, {"voltage_bins": (1, 2)}, r"voltage_bins = \(1, 2\): must be"),
        ({"K.drive.rate": 1e6}, {}, "K.drive.rate = 1000000.0: must be at most 200000 kicks per ms"),
        ({"A.size": 10**10}, {}, "the state would take .* GiB"),
        ({}, {"voltage_bins": (0.0, 1.0, 10**12)}, "the histograms would take .* GiB"),
    ],
)  # fmt: skip
def test_bad_runs_are_refused(zoo, changes, options, message):
    arguments = {"duration": 50.0, **options}
    with pytest.raises(SpecificationError, match=message):
        spiking.simulate(zoo.replace(changes), **arguments)


def test_rates_that_the_step_limits_are_warned_of():
    net = spiking.Network([spiking.Population("E", 3, spiking.LIF(1.0), spiking.ConstantDrive(100.0))])
    with pytest.warns(UserWarning, match="E: a neuron fires 10000 times per s; it can fire once per step of dt = 0.1"):
        spiking.simulate(net, 10.0, scheme="interpolated")


def test_two_spikes_of_a_quadratic_neuron_in_a_step_stop_the_run():
    net = spiking.Network([spiking.Population("E", 1, spiking.QIF(), spiking.ConstantDrive((2 * np.pi / 0.1) ** 2))])
    with pytest.raises(spiking.NumericalError, match="E: the voltage of neuron 0 became non-finite .* reduce dt"):
        spiking.simulate(net, 10.0)


def test_a_state_of_other_parts_is_refused(zoo):
    state = spiking.simulate(zoo, 5.0).final_state
    spiking.simulate(zoo.replace({"AB.weight": 2.0}), 5.0, initial=state)
    for changes in ({"F.neuron": spiking.LIF(1.0, tau_m=5.0)}, {"CA.synapse": spiking.Delta(1.0)}):
        with pytest.raises(SpecificationError, match="initial: belongs to a network with other parts"):
            spiking.simulate(zoo.replace(changes), 5.0, initial=state)


def test_a_conductance_that_exceeds_the_step_pulls_to_its_reversal():
    net = spiking.Network(
        [spiking.Population("E", 1, spiking.LIF(10.0, 0.0, 20.0))],
        [spiking.Projection("E", "E", spiking.ExponentialConductance(1.0, 5.0, -20.0), spiking.Explicit([], []))],
    )
    state = spiking.simulate(net, 0.1).final_state
    for level in (1e3, 1e6, 1e300):
        state.synaptic[0] = level
        trace = spiking.simulate(net, 2.0, initial=state, traces={"E": [0]}).traces["E"][0, :, 0]
        assert (np.abs(np.diff(trace)) < 0.2).all() or level == 1e3
        assert trace[-1] == pytest.approx(-20.0, abs=0.1)


def test_bad_parts_are_refused(zoo):
    s = spiking
    with pytest.raises(ParameterError, match="QIF.reset = -1.0: must be -inf if threshold is inf"):
        s.QIF(reset=-1.0)
    with pytest.raises(ParameterError, match="QIF.refractory = 'fixed': must be none with infinite cutoffs"):
        s.QIF(refractory=s.Fixed(1.0))
    with pytest.raises(ParameterError, match="EIF.onset = 1.0: must lie below threshold = 0.0"):
        s.EIF(0.0, -65.0, 15.0, -65.0, 1.0, 2.0)
    with pytest.raises(ParameterError, match="SumDrive.second = 'sum': at most one part may be kicks"):
        s.SumDrive(s.GaussianDrive(1.0), s.SumDrive(s.ConstantDrive(1.0), s.PoissonDrive(1.0)))
    with pytest.raises(SpecificationError, match="BA.synapse = 'exponential_conductance': its target B must be a LIF"):
        zoo.replace({"B.neuron": s.QIF()})
    with pytest.raises(ParameterError, match=r"EIF.slope_factor = 0.05: must be at least 0.1: \(threshold - onset\)"):
        s.EIF(0.0, -65.0, 15.0, -65.0, -50.0, 0.05)
    with pytest.raises(ParameterError, match="BF.factors = -1.0: must be at least 0 for conductances"):
        zoo.replace({"BF.wiring": s.Explicit([0], [0], [-1.0])})
    with pytest.raises(ParameterError, match="LIF.threshold = .*too large"):
        s.LIF(10**400)
    with pytest.raises(ParameterError, match="Explicit.sources = .*: must be a list of integers"):
        s.Explicit(np.array([True, False]), np.array([False, True]))
    with pytest.raises(ParameterError, match="ArrayDrive.values = .*: must be a list of finite numbers"):
        s.ArrayDrive([1.0, np.nan], 1.0)
