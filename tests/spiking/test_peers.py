"""Brian2 and NEST give our spikes, neuron by neuron; what they cannot express is refused by its address."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import spiking
from spiking import peers
from spiking.errors import SpecificationError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

DT = 0.1


@pytest.fixture
def to_brian2():
    brian2 = pytest.importorskip("brian2")
    brian2.prefs.codegen.target = "numpy"
    return peers.to_brian2


@pytest.fixture
def to_nest():
    pytest.importorskip("nest")
    return peers.to_nest


@pytest.fixture(params=["to_brian2", "to_nest"])
def build(request):
    return request.getfixturevalue(request.param)


def ours(network, voltage, duration, dt=DT):
    """The spikes of `spiking.simulate` from given voltages on."""
    silent_step = spiking.simulate(network, dt, dt=dt, scheme="grid", sampling_interval=dt)
    assert silent_step.times.size == 0
    start = replace(silent_step.final_state, voltage=voltage[None])
    return spiking.simulate(network, duration, dt=dt, scheme="grid", initial=start)


def assert_equal_trains(recording, expected, dt=DT):
    """Every neuron fires as often, and each of its spikes falls within dt."""
    assert expected.times.size > 100
    neurons = sum(expected.populations.values())
    np.testing.assert_array_equal(*(np.bincount(r.senders, minlength=neurons) for r in (recording, expected)))
    times = [r.times[np.argsort(r.senders, kind="stable")] for r in (recording, expected)]
    assert np.abs(times[0] - times[1]).max() <= dt + 1e-9


def random_graph(rng, sources, targets, *, weighted=False):
    """Edges of which one pair has two."""
    found = np.argwhere(rng.random((sources, targets)) < 0.3)
    source, target = np.concatenate([found, found[:1]]).T
    return spiking.Explicit(source, target, rng.uniform(0.5, 1.5, source.size) if weighted else None)


def network(synapses, *, neuron=None, drive=None, delay=1.5, weighted=False):
    """40 excitatory and 10 inhibitory neurons that fire at some 20 Hz, with a synapse for each source."""
    rng = np.random.default_rng(3)
    neuron = neuron or spiking.LIF(20.0, 10.0, tau_m=20.0, refractory=spiking.Fixed(2.0))
    drive = drive or spiking.ConstantDrive(1.15)
    sizes = {"E": 40, "I": 10}
    return spiking.Network(
        [spiking.Population(name, size, neuron, drive) for name, size in sizes.items()],
        [
            spiking.Projection(
                target, source, synapses[source],
                random_graph(rng, sizes[source], sizes[target], weighted=weighted), delay=delay,
            )
            for target in sizes
            for source in sizes
        ],
    )  # fmt: skip


def voltages(net, seed=1):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(p.neuron.reset, p.neuron.threshold, p.size) for p in net.populations])


DELTA = {"E": spiking.Delta(0.4), "I": spiking.Delta(1.2, inhibitory=True)}
CURRENT = {
    "E": spiking.ExponentialCurrent(0.4, 5.0),
    "I": spiking.ExponentialCurrent(1.2, 10.0, inhibitory=True),
}
CONDUCTANCE = {
    "E": spiking.ExponentialConductance(0.02, 5.0, 60.0),
    "I": spiking.ExponentialConductance(0.1, 10.0, 0.0),
}
LEAKY = spiking.LIF(20.0, 10.0, tau_m=20.0, refractory=spiking.Fixed(2.0))
PERFECT = spiking.LIF(20.0, 10.0, refractory=spiking.Fixed(2.0))
NEVER_REFRACTORY = spiking.LIF(20.0, 10.0, tau_m=20.0)
SHARED = {
    "delta": network(DELTA),
    "delta, weighted": network(DELTA, weighted=True),
    "delta, neither delay nor refractory time": network(DELTA, neuron=NEVER_REFRACTORY, delay=0.0),
    "current": network(CURRENT),
    "current, weighted": network(CURRENT, weighted=True),
    "current, no refractory time": network(CURRENT, neuron=NEVER_REFRACTORY),
    "current as slow as the leak": network(CURRENT | {"E": spiking.ExponentialCurrent(0.4, 20.0)}),
    "conductance": network(CONDUCTANCE),
}
ONLY_BRIAN2 = {
    "current, no delay": network(CURRENT, delay=0.0),
    "delta, perfect": network(DELTA, neuron=PERFECT),
    "current, perfect": network(CURRENT, neuron=PERFECT),
    "delta and current": network(CURRENT | {"E": DELTA["E"]}),
    "three currents": network(CURRENT).replace({"EI.tau": 7.0, "IE.tau": 4.0}),
}


@pytest.mark.parametrize("net", SHARED.values(), ids=SHARED)
def test_neuron_by_neuron_agreement(build, net):
    start = voltages(net)
    assert_equal_trains(build(net, dt=DT, voltage=start).run(200.0), ours(net, start, 200.0))


@pytest.mark.parametrize("net", ONLY_BRIAN2.values(), ids=ONLY_BRIAN2)
def test_neuron_by_neuron_agreement_with_brian2(to_brian2, net):
    start = voltages(net)
    assert_equal_trains(to_brian2(net, dt=DT, voltage=start).run(200.0), ours(net, start, 200.0))


def test_random_wiring_is_the_same_graph(build):
    wirings = [spiking.Bernoulli(0.3), spiking.FixedInDegree(9), spiking.FixedOutDegree(5), spiking.AllToAll()]
    plain = network(DELTA)
    net = spiking.Network(
        plain.populations, [replace(p, wiring=w) for p, w in zip(plain.projections, wirings, strict=True)]
    )
    start = voltages(net)
    assert_equal_trains(build(net, dt=DT, voltage=start).run(100.0), ours(net, start, 100.0))


def test_eif_neurons_differ_by_their_integration_only(build):
    neuron = spiking.EIF(0.0, -60.0, tau_m=20.0, rest=-65.0, onset=-50.0, slope_factor=2.0, refractory=spiking.Fixed(2))
    net = network(CURRENT, neuron=neuron, drive=spiking.ConstantDrive(1.0))
    start = np.random.default_rng(1).uniform(-60.0, -50.0, 50)
    fine = ours(net, start, 200.0, dt=0.02)
    recording = build(net, dt=0.02, voltage=start).run(200.0)
    assert recording.times.size == pytest.approx(fine.times.size, abs=2)
    first, expected = (np.array([r.times[r.senders == i].min() for i in range(50)]) for r in (recording, fine))
    np.testing.assert_allclose(first, expected, atol=0.1)


def test_qif_neurons_in_brian2(to_brian2):
    neuron = spiking.QIF(threshold=50.0, reset=-50.0, tau_m=10.0, refractory=spiking.Fixed(1.0))
    net = spiking.Network([spiking.Population("E", 5, neuron, spiking.ConstantDrive(2.5))])
    times = to_brian2(net, dt=0.01).run(200.0).spikes("E")[0][::5]
    period = 2 * math.atan(50.0 / math.sqrt(25.0)) * 10.0 / math.sqrt(25.0) + 1.0
    np.testing.assert_allclose(np.diff(times), period, atol=0.03)


def test_rate_of_a_constantly_driven_neuron(build):
    net = spiking.Network([spiking.Population("E", 1, LEAKY, spiking.ConstantDrive(25.0 / 20.0))])
    times = build(net, dt=0.01).run(1000.0).times
    assert 1000.0 / np.diff(times).mean() == pytest.approx(41.714907, abs=0.02)


@pytest.mark.parametrize("drive", [spiking.PoissonDrive(2.0, 0.3), spiking.PoissonDrive(80.0, -0.05)])
def test_moments_of_a_voltage_under_poisson_kicks(build, drive):
    net = spiking.Network([spiking.Population("E", 1000, spiking.LIF(1000.0, 0.0, tau_m=20.0), drive)])
    model = build(net, dt=DT, seed=1)
    model.run(200.0)
    voltage = np.array(model.groups["E"].v if hasattr(model, "groups") else model.populations["E"].V_m)
    gathered = -math.expm1(-DT / 20.0)
    mean = drive.rate * drive.size * DT / gathered
    variance = drive.rate * drive.size**2 * DT / -math.expm1(-2 * DT / 20.0)
    print(f"{voltage.mean():.3f} of {mean:.3f} mV, {voltage.var():.3f} of {variance:.3f} mV^2")
    assert voltage.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / voltage.size))
    assert voltage.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / voltage.size))


@pytest.mark.parametrize(
    ("drive", "mean", "variance"),
    [
        (spiking.GaussianDrive(2.0, 0.3), 12.0, 1.8),
        (spiking.OrnsteinUhlenbeckDrive(0.5, 0.2, 5.0), 10.0, 3.2),
        (spiking.SumDrive(spiking.ConstantDrive(0.2), spiking.GaussianDrive(2.0, -0.3)), -8.0, 1.8),
    ],
)
def test_moments_of_a_voltage_under_noise_in_brian2(to_brian2, drive, mean, variance):
    net = spiking.Network([spiking.Population("E", 1000, spiking.LIF(1000.0, 0.0, tau_m=20.0), drive)])
    model = to_brian2(net, dt=DT, seed=1)
    model.run(200.0)
    voltage = np.array(model.groups["E"].v)
    assert voltage.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / voltage.size))
    assert voltage.var() == pytest.approx(variance, rel=4 * math.sqrt(2 / voltage.size))


@pytest.mark.parametrize(
    ("refractory", "mean"),
    [(spiking.Exponential(2.0), 2.0), (spiking.Normal(2.0, 0.5), 2.0), (spiking.Normal(0.0, 2.0), 0.79788)],
)
def test_random_refractory_times_in_brian2(to_brian2, refractory, mean):
    neuron = replace(LEAKY, refractory=refractory)
    net = spiking.Network([spiking.Population("E", 300, neuron, spiking.ConstantDrive(25.0 / 20.0))])
    recording = to_brian2(net, dt=DT, seed=1).run(300.0)
    times = recording.times[np.argsort(recording.senders, kind="stable")]
    intervals = np.diff(times)[np.diff(np.sort(recording.senders)) == 0]
    rise = 22.0  # ms from reset to threshold: 20 log 3 = 21.97, to the next step
    error = intervals.std() / math.sqrt(intervals.size)
    assert intervals.mean() == pytest.approx(rise + mean, abs=4 * error)


def test_a_run_goes_on_where_the_last_ended(build):
    net = network(CURRENT)
    start = voltages(net)
    whole = build(net, dt=DT, voltage=start).run(100.0)
    model = build(net, dt=DT, voltage=start)
    parts = [model.run(60.0), model.run(40.0)]
    np.testing.assert_allclose(np.concatenate([parts[0].times, parts[1].times + 60.0]), whole.times, atol=1e-9)
    np.testing.assert_array_equal(np.concatenate([p.senders for p in parts]), whole.senders)
    np.testing.assert_array_equal(model.recording(100.0).times, whole.times)


def test_a_recording_says_where_it_comes_from(build):
    net = network(DELTA)
    recording = build(net, dt=DT, seed=5).run(50.05)
    assert recording.network == net
    assert recording.populations == net.sizes
    assert recording.duration == 50.05
    assert recording.options["dt"] == DT
    assert recording.options["seed"] == 5
    assert recording.options["engine"].split()[0] in ("brian2", "nest")


def test_threads_of_nest_change_nothing_without_noise(to_nest):
    net = network(CURRENT)
    one, two = (to_nest(net, dt=DT, voltage=voltages(net), threads=threads).run(100.0) for threads in (1, 2))
    np.testing.assert_array_equal(one.times, two.times)
    np.testing.assert_array_equal(one.senders, two.senders)


STANDALONE = """
import sys, brian2
sys.path.insert(0, sys.argv[1])
import test_peers
brian2.set_device("cpp_standalone", build_on_run=sys.argv[3] == "True", directory=sys.argv[2], with_output=False)
net = test_peers.network(test_peers.CURRENT, weighted=True)
start = test_peers.voltages(net)
recording = test_peers.peers.to_brian2(net, voltage=start).run(200.0)
test_peers.assert_equal_trains(recording, test_peers.ours(net, start, 200.0))
"""


@pytest.mark.slow
@pytest.mark.parametrize("build_on_run", [True, False])
def test_brian2_standalone(to_brian2, tmp_path, build_on_run):
    words = [sys.executable, "-c", STANDALONE, Path(__file__).parent, tmp_path, str(build_on_run)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_projection_may_have_no_edges(build):
    net = network(DELTA)
    empty = [replace(p, wiring=spiking.Explicit([], [])) for p in net.projections]
    model = build(spiking.Network(net.populations, empty), dt=DT)
    assert set(model.synapses) == {"EE", "EI", "IE", "II"}
    assert model.run(20.0).times.size == 0


def brian2_and_nest(net):
    return [(peers.to_brian2, "Brian2", net), (peers.to_nest, "NEST", net)]


@pytest.mark.parametrize(("build", "name", "net"), brian2_and_nest(spiking.presets.chang2025()))
def test_pending_spike_synapses_are_refused(build, name, net):
    with pytest.raises(
        SpecificationError, match=rf"EE.synapse = 'pending_current': .*{name}.* use exponential_current"
    ):
        build(net.replace({f"{p}.refractory": spiking.Fixed(2.0) for p in "EI"} | quiet("E") | quiet("I")))


def quiet(population):
    return {f"{population}.drive": spiking.NoDrive()}


@pytest.mark.parametrize(
    ("build", "change", "message"),
    [
        (peers.to_brian2, {"EI.wiring": spiking.Annealed(0.2)}, "EI.wiring = 'annealed': Brian2 .* use bernoulli"),
        (peers.to_nest, {"EI.wiring": spiking.Annealed(0.2)}, "EI.wiring = 'annealed': NEST .* use bernoulli"),
        (peers.to_brian2, {"E.drive": spiking.ArrayDrive([1.0], 1.0)}, "E.drive = 'array': .* use none, constant"),
        (
            peers.to_nest,
            {"E.drive": spiking.GaussianDrive(1.0)},
            "E.drive = 'gaussian': .* use none, constant, poisson",
        ),
        (peers.to_nest, {"E.refractory": spiking.Exponential(2.0)}, "E.refractory = 'exponential': .* use fixed"),
        (peers.to_nest, {"I.tau_m": math.inf}, "I.tau_m = inf: NEST's neurons need a leak"),
        (
            peers.to_nest,
            {"E.drive": spiking.PoissonDrive(1.0)},
            "EE.synapse = .* must be 'delta', as the kicks of E.drive",
        ),
        (peers.to_nest, {"EI.synapse": spiking.Delta(1.0)}, "EI.synapse = 'delta': must be 'exponential_current'"),
        (
            peers.to_nest,
            {"EI.inhibitory": False},
            r"EI.tau = 10.0: must be EE.tau = 5: NEST has one tau for all positive currents onto a neuron",
        ),
        (peers.to_brian2, {"EI.delay": 0.25}, "EI.delay = 0.25: must be a whole number of steps of dt = 0.1"),
        (peers.to_brian2, {"E.neuron": spiking.QIF()}, "E.threshold = inf: Brian2 needs finite cutoffs"),
        (peers.to_nest, {"E.neuron": spiking.QIF()}, "E.neuron = 'qif': NEST .* use eif, or to_brian2"),
    ],
)
def test_refusals_name_the_address(build, change, message):
    with pytest.raises(SpecificationError, match=message):
        build(network(CURRENT).replace(change))


def test_nest_has_two_conductances():
    net = network(CONDUCTANCE)
    third = spiking.Projection(
        "E", "E", spiking.ExponentialConductance(0.1, 3.0, 60.0), spiking.AllToAll(), name="slow"
    )
    with pytest.raises(SpecificationError, match=r"slow.tau = 3.0: .* must be \(5, 60\) or \(10, 0\)"):
        peers.to_nest(spiking.Network(net.populations, [*net.projections, third]))


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (peers.to_brian2, {"dt": 0.0}, "dt = 0.0: must be positive"),
        (peers.to_nest, {"dt": 0.00025}, "dt = 0.00025: must be a multiple of 0.001 ms"),
        (peers.to_brian2, {"seed": -1}, "seed = -1: must be at least 0"),
        (peers.to_nest, {"seed": 2**32}, "seed = 4294967296: must be at most 4294967294 for NEST"),
        (peers.to_nest, {"threads": 0}, "threads = 0: must be positive"),
        (peers.to_brian2, {"voltage": [1.0]}, "voltage: must be 50 finite numbers"),
        (peers.to_nest, {"voltage": "rest"}, "voltage = 'rest': must be an array of numbers"),
    ],
)
def test_options_are_checked(build, options, message):
    with pytest.raises(SpecificationError, match=message):
        build(network(DELTA, delay=0.0), **options)


@pytest.mark.parametrize(
    ("build", "name", "module"), [(peers.to_brian2, "Brian2", "brian2"), (peers.to_nest, "NEST", "nest")]
)
def test_a_missing_peer_says_how_to_install_it(build, name, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SpecificationError, match=rf"{name} is not installed: pip install snn2ode\[{module}\]"):
        build(network(DELTA))
