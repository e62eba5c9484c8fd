from __future__ import annotations

import math
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spiking
from spiking import network_file
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.presets import PRESETS


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_toml(name, tmp_path):
    network = spiking.presets.get(name)
    path = tmp_path / "net.toml"
    network.to_toml(path)
    assert spiking.Network.from_toml(path) == network


def test_every_address_reads_and_replaces(chang):
    for address, value in chang.parameters.items():
        assert chang[address] == value
        if math.isfinite(value) and address.rpartition(".")[2] not in ("reversal", "reset", "rest"):
            other = value / 2 if value != 300 else 100
            changed = chang.replace({address: other})
            assert changed[address] == other
            assert changed.replace({address: value}) == chang


positive = st.floats(1e-3, 1e3)


@settings(deadline=None)
@given(
    size=st.integers(1, 10**6), threshold=st.floats(1, 100), reset=st.floats(-50, 0), tau=positive, weight=positive,
    probability=st.floats(0, 1), mean=positive, rate=positive,
)  # fmt: skip
def test_random_networks_survive_toml(size, threshold, reset, tau, weight, probability, mean, rate):
    network = spiking.Network(
        [
            spiking.Population(
                "X", size, spiking.LIF(threshold, reset, tau, refractory=spiking.Exponential(mean)),
                spiking.PoissonDrive(rate),
            )
        ],
        [spiking.Projection("X", "X", spiking.PendingKick(weight, tau, True, -60.0), spiking.Annealed(probability))],
    )  # fmt: skip
    text = network_file.dumps(network)
    assert network_file.loads(text) == network
    assert network.replace(network.parameters) == network


def test_parts_can_be_replaced(chang):
    changed = chang.replace({"E.refractory": spiking.Fixed(3.0), "I.drive": spiking.PoissonDrive(2.0)})
    assert changed["E.refractory.duration"] == 3.0
    assert changed["I.drive.rate"] == 2.0
    assert changed["I.refractory.mean"] == 4.0


def test_networks_are_values(chang):
    assert chang == spiking.presets.chang2025()
    assert hash(chang) == hash(spiking.presets.chang2025())
    with pytest.raises(AttributeError):
        chang.populations = ()


def test_scaling_keeps_the_product_of_size_and_weight(chang):
    big = chang.scaled(10)
    assert big["E.size"] == 3000
    assert big["EI.weight"] == pytest.approx(0.271)
    assert big["EI.probability"] == chang["EI.probability"]


@pytest.mark.parametrize(
    ("address", "value", "message"),
    [
        ("EI.probability", 1.3, "EI.probability = 1.3: must lie in [0, 1]"),
        ("EI.probability", math.nan, "EI.probability = nan: must lie in [0, 1]"),
        ("E.size", -3, "E.size = -3: must be positive and finite"),
        ("E.size", 2.5, "E.size = 2.5: must be an integer"),
        ("EI.tau", 0.0, "EI.tau = 0.0: must be positive and finite"),
        ("EI.tau", "fast", "EI.tau = 'fast': must be a number"),
        ("E.refractory.mean", -1.0, "E.refractory.mean = -1.0: must be positive and finite"),
        ("E.drive.rate", math.inf, "E.drive.rate = inf: must be at least 0 and finite"),
        ("E.reset", 100.0, "E.reset = 100.0: must lie below threshold = 100.0"),
        ("EI.reversal", 100.0, "EI.reversal = 100.0: must lie below E.threshold = 100.0"),
        ("EE.reversal", -66.0, "EE.reversal = -66.0: only an inhibitory synapse"),
    ],
)
def test_bad_values_name_address_value_and_range(chang, address, value, message):
    with pytest.raises(ParameterError) as caught:
        chang.replace({address: value})
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("address", ["EI.prob", "Q.size", "E", "E.", "", "E.refractory.duration"])
def test_wrong_addresses_are_answered_with_the_right_ones(chang, address):
    with pytest.raises(UnknownNameError) as caught:
        chang.replace({address: 1.0})
    assert "there are: " in str(caught.value)
    with pytest.raises(UnknownNameError):
        chang[address]


def test_construction_is_checked():
    e = spiking.Population("E", 3, spiking.LIF(1.0))
    synapse, wiring = spiking.PendingCurrent(1.0, 1.0), spiking.Annealed(0.5)
    with pytest.raises(SpecificationError, match="at least one population"):
        spiking.Network([])
    with pytest.raises(SpecificationError, match="used 2 times"):
        spiking.Network([e, e])
    with pytest.raises(ParameterError, match=r"EX.source = 'X': must be one of E"):
        spiking.Network([e], [spiking.Projection("E", "X", synapse, wiring)])
    with pytest.raises(ParameterError, match="must be a letter"):
        spiking.Population("2E", 3, spiking.LIF(1.0))
    with pytest.raises(ParameterError, match="synapse = 'current': must be a synapse: Delta, .*PendingKick"):
        spiking.Projection("E", "E", "current", wiring)
    with pytest.raises(ParameterError, match="must be a neuron: EIF, LIF, QIF"):
        spiking.Population("E", 3, synapse)
    with pytest.raises(SpecificationError, match="projections: 'EE' must be a Projection"):
        spiking.Network([e], ["EE"])


GOOD = """
[populations.E]
size = 10
threshold = 1.0
[projections.EE]
target = "E"
source = "E"
synapse = "pending_current"
weight = 0.1
tau = 1.0
wiring = "annealed"
probability = 0.5
"""


def test_toml_may_leave_out_defaults():
    network = network_file.loads(GOOD)
    assert network["E.tau_m"] == math.inf
    assert network.population("E").drive == spiking.NoDrive()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size = 10", "sise = 10", "key 'E.sise' does not exist"),
        ("size = 10", "", "E.size: is missing"),
        ("size = 10", "size = 'ten'", "E.size = 'ten': must be an integer"),
        ("size = 10", "size = true", "E.size = True: must be an integer"),
        ("probability = 0.5", "probability = 1.5", r"EE.probability = 1.5: must lie in \[0, 1\]"),
        ("probability = 0.5", "probability = nan", "EE.probability = nan"),
        ('"annealed"', '"quenched"', "EE.wiring = 'quenched': must be one of annealed"),
        ('wiring = "annealed"', "", "EE.wiring: is missing; must be one of annealed"),
        ('source = "E"', 'source = "Z"', "EE.source = 'Z': must be one of E"),
        ("threshold = 1.0", "threshold = 1.0\nrefractory = 4.0", "E.refractory: must be a table"),
        ("threshold = 1.0", 'threshold = 1.0\nrefractory = {kind = "x"}', "E.refractory = 'x': must be one of none"),
        ("threshold = 1.0", 'threshold = 1.0\nrefractory = {kind = "fixed"}', "E.refractory.duration: is missing"),
        ("[populations.E]", "[populations.E]\n[extra]", "key 'extra' does not exist"),
        ("[populations.E]", "[populations.E", "is not TOML"),
    ],
)  # fmt: skip
def test_bad_toml_is_refused_with_the_place(old, new, message):
    assert old in GOOD
    with pytest.raises(SpecificationError, match=message):
        network_file.loads(GOOD.replace(old, new, 1))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(SpecificationError, match="cannot be read"):
        spiking.Network.from_toml(tmp_path / "none.toml")


def test_the_design_document_example_is_readable():
    text = """
    [populations.E]
    size = 300
    threshold = 100.0
    refractory = { kind = "exponential", mean = 4.0 }
    drive = { kind = "gaussian", rate = 7.0, size = 1.0 }
    [populations.I]
    size = 100
    threshold = 100.0
    [projections.EI]
    target = "E"
    source = "I"
    synapse = "pending_current"
    weight = 2.71
    tau = 4.5
    inhibitory = true
    reversal = -66.0
    wiring = "annealed"
    probability = 0.8
    """
    network = network_file.from_table(tomllib.loads(text))
    assert network["EI.reversal"] == -66.0
    assert network["E.drive.rate"] == 7.0
