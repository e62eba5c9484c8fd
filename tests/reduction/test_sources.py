from __future__ import annotations

import naive
import numpy as np
import pytest

import reduction
import spiking
from reduction.sources import drives, white_drive

NEURON = spiking.LIF(20.0, 5.0, 12.0, rest=1.0)
OU = spiking.OrnsteinUhlenbeckDrive(0.3, 0.4, 6.0)


def of_one(synapse, *, wiring=None, delay=0.0, drive=None, stages=8):
    """The sources of a population Y that gets spikes of X."""
    network = spiking.Network(
        [spiking.Population("X", 10, NEURON), spiking.Population("Y", 20, NEURON, drive or spiking.NoDrive())],
        [spiking.Projection("Y", "X", synapse, wiring or spiking.Annealed(0.3), delay=delay)],
    )
    approximation = reduction.MarkovApproximation(network, stages=stages)
    return approximation, approximation.sources()


@pytest.mark.parametrize(
    ("synapse", "consumed", "kick"),
    [
        (spiking.PendingCurrent(0.8, 1.5), True, False),
        (spiking.PendingCurrent(0.8, 1.5, inhibitory=True, reversal=-15.0), True, False),
        (spiking.PendingKick(0.8, 1.5, inhibitory=True), True, True),
        (spiking.ExponentialCurrent(0.8, 1.5, inhibitory=True), False, False),
        (spiking.ExponentialConductance(0.2, 3.0, reversal=0.0), False, False),
        (spiking.Delta(0.8, inhibitory=True), True, True),
    ],
)
def test_every_synapse_becomes_a_current_of_its_spikes(synapse, consumed, kick):
    """weight (c0 + c1 v) / tau is the current per pending spike, as an independent list of synapses has it."""
    approximation, (source,) = of_one(synapse, delay=2.0)
    (expected,) = naive.inputs(approximation, "Y")
    for v in (-30.0, 5.0, 20.0):
        assert source.weight * (source.c0 + source.c1 * v) / source.tau == pytest.approx(expected.current(v))
    assert (source.consumed, source.kick) == (consumed, kick) == (expected.consumed, expected.kick)
    assert (source.tau, source.stages) == (pytest.approx(expected.tau), expected.stages)
    assert source.probability == 0.3


def test_the_charge_of_a_spike_is_the_synapses():
    """S mV (net of the leak) by a current; w tau / tau_m times the distance to reversal by a conductance."""
    for synapse, charge in (
        (spiking.PendingCurrent(0.8, 1.5), 0.8), (spiking.ExponentialCurrent(0.8, 1.5), 0.8),
        (spiking.Delta(0.8, inhibitory=True), -0.8),
        (spiking.ExponentialConductance(0.2, 3.0, reversal=0.0), 0.2 * 3.0 / 12.0 * (0.0 - 10.0)),
    ):  # fmt: skip
        source = of_one(synapse, delay=1.0)[1][0]
        assert source.weight * (source.c0 + source.c1 * 10.0) == pytest.approx(charge)


def test_the_kick_of_a_delta_synapse_ends_its_delay():
    """All stages together have the delay's mean, and its square over the number of stages as variance."""
    (source,) = of_one(spiking.Delta(0.8), delay=2.0, stages=8)[1]
    assert source.stages == 7
    assert source.delay + source.tau == pytest.approx(2.0)
    assert source.delay / source.stages == pytest.approx(source.tau)


@pytest.mark.parametrize(
    ("wiring", "probability", "factor"),
    [
        (spiking.Annealed(0.3), 0.3, 1.0),
        (spiking.Bernoulli(0.3, seed=1), 0.3, 1.0),
        (spiking.FixedInDegree(3), 0.3, 1.0),
        (spiking.FixedOutDegree(4), 0.2, 1.0),
        (spiking.AllToAll(), 1.0, 1.0),
        (spiking.Explicit([0, 0, 9], [1, 2, 19]), 3 / 200, 1.0),
        (spiking.Explicit([0, 0, 9], [1, 2, 19], [1.0, 2.0, 6.0]), 3 / 200, 3.0),
        (spiking.Explicit([], [], []), 0.0, 0.0),
    ],
)
def test_every_wiring_becomes_a_connection_probability(wiring, probability, factor):
    (source,) = of_one(spiking.ExponentialCurrent(0.8, 1.5), wiring=wiring)[1]
    assert source.probability == pytest.approx(probability)
    assert source.weight == pytest.approx(0.8 * factor)


def test_wirings_reach_as_many_targets_as_the_graph_has():
    """The probability times the pairs is the number of edges of the graph that is simulated."""
    for wiring in (spiking.FixedInDegree(3), spiking.FixedOutDegree(4), spiking.AllToAll()):
        approximation, (source,) = of_one(spiking.PendingCurrent(0.8, 1.5), wiring=wiring)
        edges = spiking.graphs.to_networkx(approximation.network).number_of_edges()
        assert source.probability * 200 == pytest.approx(edges)


def test_drives_are_found_in_sums():
    drive = spiking.SumDrive(spiking.SumDrive(spiking.GaussianDrive(2.0, 0.5), OU), spiking.ConstantDrive(0.7))
    approximation, (_, source) = of_one(spiking.PendingCurrent(0.8, 1.5), drive=drive)
    population = approximation.network.population("Y")
    assert [address for address, _ in drives(population)] == [
        "Y.drive.first.first", "Y.drive.first.second", "Y.drive.second"
    ]  # fmt: skip
    assert (source.name, source.target, source.source) == ("Y.drive.first.second", "Y", "")
    assert (source.variance, source.tau) == (pytest.approx(0.16), 6.0)
    assert source.weight / source.tau == 1.0
    mean, variance = white_drive(population, approximation.network.parameters, 0.0)
    assert (mean, variance) == (pytest.approx(2.0 * 0.5 + 0.3 + 0.7), pytest.approx(2.0 * 0.25))


def test_currents_that_depend_on_time_hold_their_last_value():
    drive = spiking.SumDrive(spiking.ArrayDrive([1.0, 2.0, 4.0], 0.5), spiking.ConstantDrive(0.1))
    approximation, _ = of_one(spiking.PendingCurrent(0.8, 1.5), drive=drive)
    population, values = approximation.network.population("Y"), approximation.network.parameters
    for time, current in ((0.0, 1.0), (0.49, 1.0), (0.5, 2.0), (1.0, 4.0), (99.0, 4.0)):
        assert white_drive(population, values, time) == (pytest.approx(current + 0.1), 0.0)


def test_sources_follow_parameters_given_by_address():
    approximation, _ = of_one(spiking.PendingCurrent(0.8, 1.5), drive=OU)
    changed = approximation.sources({"YX.probability": 0.9, "Y.drive.deviation": 2.0, "YX.tau": 3.0})
    assert (changed[0].probability, changed[0].tau, changed[1].variance) == (0.9, 3.0, 4.0)
    np.testing.assert_array_equal(approximation.arrays({"YX.weight": 2.0}).weight, [2.0, 6.0])
