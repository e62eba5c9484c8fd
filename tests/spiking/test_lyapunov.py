"""Lyapunov exponents with saltation: against a naive twin, finite differences, and each other."""

from __future__ import annotations

import threading

import matplotlib.pyplot as plt
import naive_lyapunov
import numpy as np
import pytest

import spiking
from spiking import lyapunov
from spiking.current_networks import current_network
from spiking.errors import ParameterError, SpecificationError
from spiking.kernels import lyapunov as kernels
from spiking.lyapunov import paths


def neuron(mean=1.2, tau=0.5, deviation=0.5):
    return spiking.Network(
        [spiking.Population("E", 1, spiking.LIF(1.0, tau_m=1.0), spiking.OrnsteinUhlenbeckDrive(mean, deviation, tau))]
    )


def periodic(current=1.5, size=1):
    """Neurons in a constant current, without noise and synapses."""
    return spiking.Network(
        [spiking.Population("E", size, spiking.LIF(20.0, 10.0, 20.0), spiking.ConstantDrive(current))]
    )


def mixed(deviation=0.3):
    """Two populations with other constants, excitation, inhibition, and a synapse of a neuron onto itself."""
    s = spiking
    drives = (s.OrnsteinUhlenbeckDrive(1.6, deviation, 1.5), s.SumDrive(s.ConstantDrive(2.0), s.NoDrive()))
    return s.Network(
        [
            s.Population("E", 3, s.LIF(1.0, -0.5, 4.0, -0.2), drives[0]),
            s.Population("I", 2, s.LIF(2.0, 0.0, 1.0, 0.5), drives[1]),
        ],
        [
            s.Projection("E", "E", s.ExponentialCurrent(0.3, 1.5), s.Explicit([0, 1, 2, 1], [1, 2, 0, 1])),
            s.Projection("E", "I", s.ExponentialCurrent(0.5, 1.5, True), s.Explicit([0, 1, 1], [0, 2, 1])),
            s.Projection("I", "E", s.ExponentialCurrent(0.4, 1.0), s.Explicit([0, 2], [0, 1])),
        ],
    )


def follow(a, key, steps, every, dt, voltage, current, directions):
    spread = paths.level_spread(a, dt)
    voltage, current, directions = voltage.copy(), current.copy(), directions.copy()
    samples = steps // every
    growth, volume = np.zeros((samples, len(directions))), np.zeros(samples)
    counts = np.zeros((samples, a.leak.size), np.int64)
    done = kernels.follow_network(
        key, 0, steps, every, dt, a.leak, a.rest, a.threshold, a.reset, a.mean, a.tau, spread, a.first, a.targets,
        a.jumps, voltage, current, directions, growth, volume, counts,
    )  # fmt: skip
    assert done == steps
    return voltage, current, growth, volume, counts, directions


@pytest.fixture(scope="module")
def start():
    rng = np.random.default_rng(3)
    return np.array([0.1, 0.6, -0.3, 0.4, 1.2]), rng.normal(1.5, 0.3, 5), np.array([5, 7], np.uint32)


def test_a_network_and_its_tangent_vectors_equal_the_naive_twins(start):
    voltage, current, key = start
    a, directions = current_network(mixed()), np.random.default_rng(1).standard_normal((4, 10))
    found = follow(a, key, 80, 10, 0.1, voltage, current, directions)
    twin = naive_lyapunov.follow(a, key, 80, 10, 0.1, voltage, current, directions.T)
    assert found[4].sum(axis=0).tolist() == np.bincount([j for _, j in twin[4]], minlength=5).tolist()
    assert found[4].sum(axis=0).min() > 3
    np.testing.assert_allclose(found[0], twin[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[1], twin[1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[2].sum(axis=0), twin[2], rtol=0, atol=1e-8)
    assert found[3].sum() == pytest.approx(twin[3], abs=1e-8)


@pytest.mark.parametrize("deviation", [0.0, 0.3])
def test_tangent_vectors_are_finite_differences_of_the_flow(start, deviation):
    voltage, current, key = start
    a = current_network(mixed(deviation))
    v = np.random.default_rng(2).standard_normal(10)
    v /= np.linalg.norm(v)
    *_, growth, _, counts, directions = follow(a, key, 60, 60, 0.1, voltage, current, v[None])
    assert counts.sum() > 8
    ends = []
    for sign in (1.0, -1.0):
        moved = follow(a, key, 60, 60, 0.1, voltage + sign * 1e-6 * v[:5], current + sign * 1e-6 * v[5:], v[None])
        ends.append(np.concatenate(moved[:2]))
        np.testing.assert_array_equal(moved[4], counts)
    np.testing.assert_allclose(np.exp(growth[0, 0]) * directions[0], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-7)


def test_all_exponents_add_up_to_the_growth_of_volumes():
    found = lyapunov.network_exponents(mixed(), 10, duration=400.0, dt=0.1, seed=2)
    assert sum(e.mean for e in found.exponents) == pytest.approx(found.volume.mean, rel=1e-10)
    assert found.growth.shape == (found.times.size, 10)


def test_a_step_that_is_cut_changes_nothing_without_noise():
    net = mixed(0.0)
    whole, parts = (lyapunov.network_exponents(net, 2, duration=30.0, discard=5.0, dt=dt) for dt in (0.5, 0.125))
    assert whole.rates["E"].mean == parts.rates["E"].mean > 0
    for one, other in zip(whole.exponents, parts.exponents, strict=True):
        assert one.mean == pytest.approx(other.mean, abs=1e-8)


def test_a_constant_current_neither_stretches_nor_shrinks():
    found = lyapunov.neuron_exponent(periodic(), duration=4e4, dt=0.1)
    assert found.rate.mean == pytest.approx(1000.0 / (20.0 * np.log(2.0)), rel=1e-3)
    assert abs(found.exponent.mean) < 1e-4
    np.testing.assert_allclose(found.speeds, 0.5, rtol=1e-9)


@pytest.mark.parametrize(("deviation", "distance"), [(0.5, 0.0), (0.5, 0.2), (0.0, 0.0), (None, 0.01)])
def test_one_neuron_equals_its_naive_twin(deviation, distance):
    net = (
        periodic().replace({"E.tau_m": 1.0, "E.drive.current": 21.0})
        if deviation is None
        else neuron(1.2, 0.5, deviation)
    )
    a, key = current_network(net), np.array([5, 7], np.uint32)
    own = np.array([values[0] for values in (a.leak, a.rest, a.threshold, a.reset, a.mean, a.tau, a.noise)])
    start, current, samples = a.reset[0] + 0.3, a.mean[0], 8
    state, place = np.array([start, current, start - distance, 0.0, 0.0]), np.zeros(4, np.int64)
    growth, counts, speeds = np.zeros(samples), np.zeros(samples, np.int64), np.empty(5000)
    found, lost = kernels.follow_neuron(key, samples, 2.0, 0.1, own, distance, state, place, growth, counts, speeds)
    twin = naive_lyapunov.follow_neuron(a, key, samples, 2.0, 0.1, distance, start, current)
    assert (place[0], found, lost) == (twin[5], twin[4].size, twin[6])
    assert lost > 0 if distance == 0.2 else lost == 0
    assert counts.tolist() == twin[3].tolist()
    assert counts.sum() > 5
    np.testing.assert_allclose(state[:2], twin[:2], rtol=0, atol=1e-10)
    np.testing.assert_allclose(growth, twin[2], rtol=0, atol=1e-8)
    np.testing.assert_allclose(speeds[:found], twin[4], rtol=1e-8)


def test_the_step_of_one_neuron_equals_its_naive_twin():
    a = current_network(neuron(1.2, 0.3, 0.4))
    for voltage in (-2.0, 0.5, 0.9, 0.99, 0.9999, 1.0):
        for current in (-1.0, 0.5, 0.99, 1.0, 1.02, 1.3, 3.0):
            found = kernels.suited(voltage, current, a.leak[0], a.rest[0], a.tau[0], a.threshold[0], a.noise[0], 0.1)
            assert found == pytest.approx(naive_lyapunov.step_size(a, voltage, current, 0.1), rel=1e-12)


@pytest.mark.parametrize("net", [neuron(), neuron(0.06, 5.0, 0.01).replace({"E.tau_m": 20.0}), periodic()])
def test_round_durations_are_measured(net):
    """A sample of a multiple of dt: rounding must not leave a last step of nothing, in which noise is infinite."""
    for dt in (None, 0.05, 0.1):
        for duration in (20.0, 40.0, 60.0, 100.0, 200.0, 400.0, 1000.0):
            found = lyapunov.neuron_exponent(net, duration=duration, dt=dt, workers=1)
            assert np.isfinite([found.exponent.mean, found.rate.mean]).all(), (dt, duration)


def test_growth_without_bound_is_an_error():
    just = periodic().replace({"E.threshold": 3.0, "E.reset": 0.0, "E.tau_m": 2.0})
    with pytest.raises(spiking.NumericalError, match="a voltage reached its threshold at speed 0"):
        lyapunov.neuron_exponent(just, duration=200.0, dt=0.25)
    with pytest.raises(spiking.NumericalError, match="a voltage reached its threshold at speed 0"):
        lyapunov.network_exponents(just, duration=200.0, dt=0.25)
    for method in lyapunov.METHODS:
        with pytest.raises(spiking.NumericalError, match=r"fires 1000 times in a step of 0.1 ms: reduce dt"):
            lyapunov.neuron_exponent(neuron(1e5), duration=2.0, dt=0.1, method=method)


def test_a_constant_current_is_no_dimension():
    alone = lyapunov.neuron_exponent(periodic(), duration=2e4, dt=10.0)
    assert np.isnan(alone.current_exponent)
    assert abs(alone.exponent.mean) < 1e-3
    found = lyapunov.network_exponents(periodic(size=2), 2, duration=2e4)
    assert found.dt == pytest.approx(0.4)
    assert max(abs(e.mean) for e in found.exponents) < 2e-3
    assert found.volume.mean == pytest.approx(sum(e.mean for e in found.exponents), abs=1e-12)
    with pytest.raises(ParameterError, match="number = 3: must lie between 1 and 2, the number of voltages and curr"):
        lyapunov.network_exponents(periodic(size=2), 3, duration=2e4)
    two = spiking.Network(
        [
            *neuron().populations,
            spiking.Population("C", 1, *[getattr(periodic().populations[0], n) for n in ("neuron", "drive")]),
        ]
    )
    all_three = lyapunov.network_exponents(two, 3, duration=1000.0)
    assert all_three.exponents[2].mean == pytest.approx(-2.0, abs=1e-6)
    assert np.isfinite(lyapunov.frozen_noise(two, 20.0).distance).all()


def test_a_copy_stays_as_far_as_saltation_says():
    one, other = (
        lyapunov.neuron_exponent(neuron(), method=method, duration=5000.0, trials=2, seed=5)
        for method in lyapunov.METHODS
    )
    np.testing.assert_array_equal(one.speeds, other.speeds)
    assert other.lost == 0
    assert one.exponent.mean == pytest.approx(other.exponent.mean, abs=2e-5)


def test_both_codes_agree_on_one_neuron():
    alone = lyapunov.neuron_exponent(neuron(), duration=2e4, trials=2, dt=0.01, seed=5)
    network = lyapunov.network_exponents(neuron(), 2, duration=4e4, dt=0.01, seed=6)
    first, second = network.exponents
    assert abs(first.mean - alone.exponent.mean) < 3 * np.hypot(first.se, alone.exponent.se)
    assert second.mean == pytest.approx(alone.current_exponent, abs=1e-6)


def test_standard_errors_are_honest():
    found = [lyapunov.neuron_exponent(neuron(), duration=1000.0, dt=0.05, seed=s, workers=1) for s in range(60)]
    means = np.array([f.exponent.mean for f in found])
    z = (means - means.mean()) / np.array([f.exponent.se for f in found])
    assert 0.6 < z.var(ddof=1) < 1.6


def test_the_same_noise_brings_copies_together():
    net = spiking.Network(
        [spiking.Population("E", 8, spiking.LIF(1.0, tau_m=1.0), spiking.OrnsteinUhlenbeckDrive(1.0, 0.5, 0.5))],
        [spiking.Projection("E", "E", spiking.ExponentialCurrent(0.1, 0.5, True), spiking.FixedInDegree(3))],
    )
    copies = lyapunov.frozen_noise(net, 60.0, copies=3)
    found = lyapunov.network_exponents(net, 1, duration=400.0)
    assert found.exponents[0].mean < -0.3
    assert copies.distance[0].min() > 0.1
    assert copies.distance[-1].max() < 1e-12
    assert found.dimension == 0.0
    assert found.entropy_bound == 0.0


def test_close_copies_part_at_the_rate_of_the_first_exponent():
    exponent = lyapunov.neuron_exponent(neuron(), duration=1e4).exponent
    ends = [lyapunov.frozen_noise(neuron(), 30.0, apart=1e-6, seed=seed) for seed in range(40)]
    rates = np.array([np.log(e.distance[-1, 0] / e.distance[9, 0]) / (e.times[-1] - e.times[9]) for e in ends])
    error = rates.std(ddof=1) / np.sqrt(rates.size)
    assert error < 0.05
    assert abs(rates.mean() - exponent.mean) < 3 * np.hypot(error, exponent.se)


def test_pictures_show_what_they_are_given():
    found = lyapunov.network_exponents(mixed(), 4, duration=60.0)
    ax = found.plot()
    assert [round(y, 9) for y in ax.containers[0].lines[0].get_ydata()] == [round(e.mean, 9) for e in found.exponents]
    copies = lyapunov.frozen_noise(mixed(), 20.0, copies=3)
    axes = copies.plot(plt.subplots()[1])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), copies.distance[:, 1])
    plt.close("all")


def test_results_are_shown_saved_and_loaded(tmp_path):
    found = lyapunov.network_exponents(mixed(), 6, duration=60.0)
    found.save(tmp_path / "exponents.npz")
    again = lyapunov.NetworkExponents.load(tmp_path / "exponents.npz")
    for name in ("network", "dt", "exponents", "volume", "rates", "dimension"):
        assert getattr(again, name) == getattr(found, name), name
    np.testing.assert_array_equal(again.growth, found.growth)
    np.testing.assert_array_equal(again.times, found.times)
    alone, silent = (lyapunov.neuron_exponent(neuron(mean), duration=100.0) for mean in (1.2, -9.0))
    copies = lyapunov.frozen_noise(mixed(), 10.0, copies=6)
    assert repr(found).endswith(", ... 6 in all, in 1/ms)")
    assert repr(alone) == f"NeuronExponent({alone.exponent} /ms, {alone.rate} Hz; saltation, 1 x 100 ms)"
    assert repr(copies).endswith(", ... apart after 10 ms)")
    assert all(len(repr(result)) < 120 for result in (found, alone, copies))
    heights = alone.plot().containers[0].lines[0].get_ydata()
    assert heights.sum() * alone.speeds.max() / heights.size == pytest.approx(1.0)
    assert silent.speeds.size == 0
    assert silent.plot().get_xlabel() == "speed at the threshold A (mV/ms)"
    plt.close("all")


@pytest.mark.parametrize("procedure", ["neuron_exponent", "network_exponents", "frozen_noise"])
def test_progress_is_told_by_the_calling_thread(procedure):
    run, told = getattr(lyapunov, procedure), []
    options = {"trials": 3} if procedure == "neuron_exponent" else {}
    run(neuron(), duration=100.0, **options, progress=lambda part: told.append((part, threading.current_thread())))
    assert {thread for _, thread in told} == {threading.current_thread()}
    parts = [part for part, _ in told]
    assert parts == sorted(parts)
    assert len(parts) > 10
    assert parts[-1] == 1.0
    with pytest.raises(ZeroDivisionError):
        run(neuron(), duration=100.0, **options, progress=lambda part: 1 / 0)
    with pytest.raises(ParameterError, match="progress = 3: must be a function of the finished fraction"):
        run(neuron(), duration=100.0, progress=3)


def test_what_does_not_fit_into_memory_is_refused():
    with pytest.raises(SpecificationError, match="the distances would take .* reduce duration or copies"):
        lyapunov.frozen_noise(neuron(), 1e13)
    for duration in (1e13, 1e308):
        with pytest.raises(SpecificationError, match="the growth and the tangent vectors would take"):
            lyapunov.network_exponents(neuron(), duration=duration)
    many = neuron().replace({"E.size": 10**6})
    with pytest.raises(SpecificationError, match="the growth and the tangent vectors would take"):
        lyapunov.network_exponents(many, 10**6, duration=10.0)
    with pytest.raises(SpecificationError, match="the growth would take .* reduce trials"):
        lyapunov.neuron_exponent(neuron(), duration=10.0, trials=10**9)
    with pytest.raises(ParameterError, match="duration = 1e-09: must be at least dt = 0.01 ms"):
        lyapunov.neuron_exponent(neuron(), duration=1e-9)


def test_what_cannot_be_used_is_refused():
    coupled = mixed()
    with pytest.raises(SpecificationError, match="has projections; use network_exponents"):
        lyapunov.neuron_exponent(coupled, duration=10.0)
    with pytest.raises(spiking.UnknownNameError, match="method 'flux' does not exist"):
        lyapunov.neuron_exponent(neuron(), method="flux", duration=10.0)
    with pytest.raises(ParameterError, match="dt = 0.3: must be at most 0.25 ms, half of the shortest time constant"):
        lyapunov.neuron_exponent(neuron(), duration=10.0, dt=0.3)
    with pytest.raises(ParameterError, match="number = 11: must lie between 1 and 10, the number of voltages and"):
        lyapunov.network_exponents(coupled, 11, duration=10.0)
    with pytest.raises(ParameterError, match="duration = 10.0: must exceed discard = 10 by 2 ms"):
        lyapunov.network_exponents(coupled, 1, duration=10.0, discard=10.0)
    with pytest.raises(ParameterError, match="copies = 1: must be at least 2"):
        lyapunov.frozen_noise(coupled, 10.0, copies=1)
    for population in ([1], "X", 5):
        with pytest.raises(spiking.UnknownNameError, match="population .* does not exist; there are: E"):
            lyapunov.neuron_exponent(neuron(), population, duration=10.0)
    for apart in (1e300, 1e-13, 0.0):
        with pytest.raises(ParameterError, match="apart = .*: must lie between 1e-12 and 1e6"):
            lyapunov.frozen_noise(coupled, 10.0, apart=apart)
    wild = coupled.replace({"EE.weight": 1e9})
    with pytest.raises(spiking.NumericalError, match="rates run away at"):
        lyapunov.network_exponents(wild, 1, duration=100.0)
