"""Coupled paths, crossings and loops against naive twins; fits against synthetic data; the advice on dt."""

from __future__ import annotations

import math
from itertools import pairwise

import networkx
import numpy as np
import pytest

import spiking
from spiking import graphs
from spiking.convergence import (
    advise_step,
    coupled_paths,
    crossing_speeds,
    layered,
    loop_truncation,
    recurrent,
    strong_errors,
)
from spiking.convergence.advice import default_steps
from spiking.convergence.fits import measure
from spiking.convergence.loops import edges_of, edges_to_cut, unrolled, without_edges
from spiking.convergence.rate_fits import fitted
from spiking.current_networks import current_network
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate
from spiking.kernels import crossings as crossing_kernel
from spiking.kernels.random import normal, philox, uniform, word


@pytest.fixture(scope="module")
def ring() -> spiking.Network:
    """Two populations, edges both ways, different constants, strong synapses."""
    s = spiking
    return s.Network(
        [
            s.Population("E", 3, s.LIF(1.0, 0.1, 1.0), s.OrnsteinUhlenbeckDrive(1.3, 0.5, 0.5)),
            s.Population("I", 2, s.LIF(0.8, -0.2, 0.7, 0.1), s.SumDrive(s.ConstantDrive(1.1), s.NoDrive())),
        ],
        [
            s.Projection("E", "E", s.ExponentialCurrent(0.2, 0.5), s.Explicit([0, 1, 2], [1, 2, 0], [1.0, 2.0, 1.5])),
            s.Projection("E", "I", s.ExponentialCurrent(0.3, 0.5, True), s.AllToAll()),
            s.Projection("I", "E", s.ExponentialCurrent(0.4, 0.6), s.AllToAll()),
        ],
    )  # fmt: skip


def naive_paths(network, duration, steps, path, seed, start):
    a = current_network(network)
    key = np.random.SeedSequence(seed).generate_state(2, np.uint32)
    finest = steps[-1]
    number, neurons = round(duration / finest), a.leak.size
    block = max(256, round(steps[0] / finest))
    walk = np.zeros((number + 1, neurons))
    for i in range(neurons):
        scale = a.noise[i] * math.sqrt(finest)
        for n in range(number):
            lane, place = divmod(n % 256, 64)
            bits = philox(place, 1 + n // 256, path, i, key[0], key[1])[lane]
            walk[n + 1, i] = scale * normal(bits) + (0.0 if n % block == 0 else walk[n, i])
    found = []
    for h in steps:
        ratio = round(h / finest)
        v, c, times = np.empty(neurons), np.empty(neurons), [[] for _ in range(neurons)]
        for i in range(neurons):
            c[i] = a.mean[i] + a.noise[i] * math.sqrt(a.tau[i] / 2) * normal(word(key, path << 32, i, 0))
            room = (a.threshold[i] - a.reset[i]) * (start == "uniform")
            v[i] = a.reset[i] + room * uniform(word(key, path << 32, i, 1))
        for n in range(0, number, ratio):
            before = np.where(n % block == 0, 0.0, walk[n])
            dw = walk[n + ratio] - before
            new_v = v + h * (c - a.leak * (v - a.rest))
            c = c + h * (a.mean - c) / a.tau + dw
            fired = np.flatnonzero(new_v >= a.threshold)
            v = np.where(new_v >= a.threshold, a.reset, new_v)
            for i in fired:
                times[i].append((n + ratio) * finest)
                for e in range(a.first[i], a.first[i + 1]):
                    c[a.targets[e]] += a.jumps[e]
        found.append((v, c, times))
    return found


@pytest.mark.parametrize(("start", "top"), [("reset", 5), ("uniform", 2)])
def test_coupled_paths_equal_the_naive_twins(ring, start, top):
    steps = [2.0**-top, 2.0 ** -(top + 2), 2.0**-11]
    found = coupled_paths(ring, 3.0, steps, paths=3, seed=4, start=start)
    spikes = 0
    for path in range(3):
        twin = naive_paths(ring, 3.0, steps, path, 4, start)
        for level, (v, c, times) in enumerate(twin):
            np.testing.assert_array_equal(found.voltage[path, level], v)
            np.testing.assert_array_equal(found.current[path, level], c)
            np.testing.assert_array_equal(found.counts[path, level], [len(t) for t in times])
            for i, (own, reference) in enumerate(zip(times, twin[-1][2], strict=True)):
                equal = len(own) == len(reference)
                squares = sum((x - y) ** 2 for x, y in zip(own, reference, strict=True)) if equal else 0.0
                assert found.time_squares[path, level, i] == pytest.approx(squares, abs=1e-15)
                spikes += len(own)
    assert spikes > 60


def test_paths_depend_neither_on_workers_nor_on_their_number(ring):
    steps = [2.0**-5, 2.0**-9]
    many = coupled_paths(ring, 40.0, steps, paths=150, seed=2, workers=2)
    few = coupled_paths(ring, 40.0, steps, paths=7, seed=2, workers=1)
    for name in ("voltage", "current", "counts", "time_squares"):
        np.testing.assert_array_equal(getattr(many, name)[:7], getattr(few, name))
    assert few.counts.max() > 16
    assert not np.array_equal(many.voltage[0], coupled_paths(ring, 40.0, steps, paths=1, seed=3).voltage[0])


def test_crossings_equal_the_naive_twins():
    leak, tau, noise, mean = 1.0, 0.5, 1.0, 1.2
    table = crossing_kernel.table_of(leak, tau, noise, 0.125 * 0.5 ** np.arange(12))
    key = np.array([5, 9], np.uint32)
    speeds = np.empty(40)
    time, steps = crossing_kernel.run(key, 3, table, leak, tau, mean, 0.5, 1.0, 0.0, 2, 10**5, speeds)
    x, y, level, elapsed, found = 0.0, 0.5 * normal(philox(3, 0, 0, 0, 5, 9)[0]), 11, 0.0, []
    for step in range(steps):
        bits = philox(3, 1 + step // 2, 0, 0, 5, 9)[2 * (step % 2) :]
        a, b = normal(bits[0]), normal(bits[1])
        speed = mean + y - leak * x
        safe = [
            (max(speed, 0.0) + 0.5 * abs(-leak * speed - y / tau) * r[0]) * r[0] + 3 * noise * r[0] ** 1.5 < 1.0 - x
            for r in table
        ]
        level = safe.index(True) if any(safe) else 11
        h, xx, xy, xm, yy, y1, x1, x2, _ = table[level]
        new_y = yy * y + y1 * a
        new_x = xx * x + xy * y + xm * mean + x1 * a + x2 * b
        part = 1.0
        if new_x >= 1.0:
            part = (1.0 - x) / (new_x - x)
            new_x, new_y = 0.0, y + part * (new_y - y)
            found.append(mean + new_y - leak)
        elapsed += part * h
        if part < 1.0 and len(found) == 2:
            elapsed = 0.0
        x, y = new_x, new_y
    np.testing.assert_allclose(speeds, found[2:], rtol=1e-12)
    assert time == pytest.approx(elapsed)


def test_exact_steps_compose():
    """Two steps of h/2 have the mean and covariance of one of h, at every level, also when leak = 1/tau."""
    for leak, tau in ((1.0, 0.5), (0.5, 2.0), (0.05, 5.0)):
        table = crossing_kernel.table_of(leak, tau, 0.8, 0.25 * 0.5 ** np.arange(21))
        for (_, xx, xy, xm, yy, y1, x1, x2, _), (_, *half) in pairwise(table):
            own = np.array([[half[0], half[1]], [0.0, half[3]]])
            noise = np.array([[half[5], half[6]], [half[4], 0.0]])
            np.testing.assert_allclose(own @ own, [[xx, xy], [0.0, yy]], rtol=1e-13)
            np.testing.assert_allclose(own[0, 0] * half[2] + half[2], xm, rtol=1e-13)
            both = noise @ noise.T + own @ noise @ noise.T @ own.T
            np.testing.assert_allclose(both, [[x1**2 + x2**2, x1 * y1], [x1 * y1, y1**2]], rtol=1e-10)


def test_an_orders_interval_covers_the_truth():
    """Errors c(h) z with a heavy-tailed z that all steps share in part, 400 experiments: 95 % hold the true order."""
    rng = np.random.default_rng(3)
    steps = 2.0 ** -np.arange(4, 9)
    held = 0
    for _ in range(400):
        shared = rng.standard_normal((1000, 1)) + 0.7 * rng.standard_normal((1000, steps.size))
        squares = steps * shared**2 * rng.exponential(size=(1000, 1))
        order = measure("", "", steps, squares, root=True).order()
        held += order.low <= 0.5 <= order.high
    assert 0.92 * 400 <= held <= 0.98 * 400


def test_ratios_of_means_and_their_errors():
    rng = np.random.default_rng(1)
    top, bottom = rng.random((20000, 1)), 1.0 + rng.random((20000, 1))
    one = measure("", "", np.ones(1), top, bottom)
    ratio = top.mean() / bottom.mean()
    assert one.values[0] == pytest.approx(ratio)
    expected = np.std(top - ratio * bottom) / bottom.mean() / math.sqrt(20000)
    assert one.se[0] == pytest.approx(expected, rel=0.2)
    with pytest.raises(NumericalError, match="only 0 of 1 errors are known to better than 50 %: take more paths"):
        measure("x", "", np.ones(1), rng.standard_normal((50, 1))).order()


def test_cycles_are_those_of_the_graph(ring, monkeypatch):
    found = graphs.synaptic_cycles(ring, 5)
    graph = networkx.DiGraph(graphs.to_networkx(ring))
    naive = {
        tuple(walk)
        for walk in all_walks(graph, 5)
        if len(set(walk)) == len(walk) and walk[0] == min(walk) and graph.has_edge(walk[-1], walk[0])
    }
    assert set(found) == naive
    assert len(found) == len(naive)
    assert [len(c) for c in found] == sorted(len(c) for c in found)
    assert graphs.synaptic_cycles(ring, 2) == [c for c in found if len(c) <= 2]
    dense = recurrent(20, 1.0, 0.1)
    monkeypatch.setattr(graphs, "MOST_CYCLES", 1000)
    with pytest.raises(SpecificationError, match="more than 1000 cycles of at most 20 synapses: reduce longest"):
        graphs.synaptic_cycles(dense, 20)
    with pytest.raises(ParameterError, match="longest = 0: must be positive"):
        graphs.synaptic_cycles(ring, 0)


def all_walks(graph, longest):
    walks = [[node] for node in graph]
    for walk in walks:
        if len(walk) < longest:
            walks.extend([*walk, after] for after in graph[walk[-1]])
    return walks


def test_cutting_leaves_no_longer_loop():
    net = recurrent(20, 0.1, 0.3, seed=3)
    cycles = graphs.synaptic_cycles(net, 20)
    graph = networkx.DiGraph(graphs.to_networkx(net))
    cuts = edges_to_cut(cycles, range(9))
    for length, cut in enumerate(cuts):
        left = graph.copy()
        left.remove_edges_from(cut)
        assert max((len(c) for c in networkx.simple_cycles(left)), default=0) <= length
        assert length == 0 or cut <= cuts[length - 1]
    assert cuts[8] == set()
    assert edges_of((0, 2, 1)) == {(0, 2), (2, 1), (1, 0)}
    arrays = current_network(net)
    fewer = without_edges(arrays, cuts[0])
    assert arrays.targets.size - fewer.targets.size == len(cuts[0])


def test_unrolled_network_is_the_whole_one_once_deep_enough():
    net = recurrent(12, 0.15, 0.4, seed=1)
    found = loop_truncation(net, [0, 1, 4, 40], 3.0, 2.0**-6, method="unrolled", paths=40)
    assert found.voltage.values[0] > found.voltage.values[1] > 0
    assert found.voltage.values[3] == found.current.values[3] == found.mismatch.values[3] == 0
    arrays, streams = unrolled(current_network(net), 0)
    assert arrays.targets.size == 0
    alone = coupled_paths(net.replace({"EE.weight": 0.0}), 3.0, [2.0**-6], paths=5)
    flat = coupled_paths(arrays, 3.0, [2.0**-6], paths=5, streams=streams)
    np.testing.assert_array_equal(alone.voltage, flat.voltage)


def test_the_size_of_layers_and_their_synapses():
    net = layered(3, 4, -0.2)
    assert net.sizes == {"L1": 4, "L2": 4, "L3": 4}
    assert (net["L2L1.weight"], net["L2L1.tau"], net.projections[0].synapse.inhibitory) == (0.05, 0.5, True)
    assert graphs.synaptic_cycles(net, 12) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"steps": [0.1, 0.03]}, "steps = .*: must be different powers of 2 times the finest"),
        ({"steps": [0.5, 0.25]}, "steps = 0.5: must be at most 0.25 ms, half of the shortest time constant"),
        ({"steps": [0.25]}, "steps = .*: must be at least two"),
        ({"duration": 1.1}, "duration = 1.1: must be a multiple of the coarsest step of 0.25 ms"),
        ({"paths": 1}, "paths = 1: must be at least 2"),
        ({"paths": 0}, "paths = 0: must be positive"),
        ({"start": "zero"}, "start 'zero' does not exist; there are: reset, uniform"),
        ({"seed": -1}, "seed = -1: must be at least 0"),
    ],
)
def test_bad_options_are_refused(options, text):
    given = {"duration": 1.0, "steps": [0.25, 0.125], "paths": 3} | options
    with pytest.raises(SpecificationError, match=text):
        strong_errors(layered(1), given.pop("duration"), given.pop("steps"), **given)


def test_bad_networks_and_names_are_refused():
    with pytest.raises(SpecificationError, match="refractory = 'exponential': must be 'none' for analysis of paths"):
        strong_errors(spiking.presets.chang2025().replace({"E.tau_m": 20.0}), 1.0, [0.2, 0.1])
    found = strong_errors(layered(1), 1.0, [0.25, 0.125], paths=3)
    with pytest.raises(UnknownNameError, match="error 'volt' does not exist"):
        found["L1", "volt"]
    with pytest.raises(SpecificationError, match="L2L1 leads to L2: crossing speeds are for neurons without synapses"):
        crossing_speeds(layered(2), "L2")
    silent = spiking.OrnsteinUhlenbeckDrive(0.0, 0.05, 0.5)
    with pytest.raises(NumericalError, match="L1 hardly fires"):
        crossing_speeds(layered(1, drive=silent), crossings=1000)
    with pytest.raises(ParameterError, match="crossings = 10: must be at least 1000"):
        crossing_speeds(layered(1), crossings=10)
    with pytest.raises(UnknownNameError, match="method 'loop' does not exist; there are: edges, unrolled"):
        loop_truncation(recurrent(3, 0.5, 0.1), [1], 1.0, 0.125, method="loop")


def test_fitted_errors_cover_the_truth_and_reject_wrong_powers():
    rng = np.random.default_rng(0)
    steps = 0.4 * 0.5 ** np.arange(4)
    for power in (0.5, 1.0):
        held = rejected = 0
        for _ in range(200):
            rates = [Estimate(50 - 10 * dt**power + 0.05 * rng.standard_normal(), 0.05) for dt in steps]
            found = fitted(steps, rates, (0.5, 1.0))
            held += bool(found.errors) and found.errors[2].low <= -0.2 * 0.1**power <= found.errors[2].high
            rejected += found.powers == [power]
        assert held >= 184
        assert rejected >= 180


def test_steps_of_the_advice_suit_the_network():
    np.testing.assert_allclose(default_steps(spiking.presets.brunel2000(), "grid", 100.0), [0.1, 0.05, 0.025, 0.0125])
    np.testing.assert_allclose(default_steps(spiking.presets.chang2025(), "grid", 100.0), [0.4, 0.2, 0.1, 0.05])
    np.testing.assert_allclose(default_steps(layered(1), "grid", 100.0), [0.2, 0.1, 0.05, 0.025])


def test_advice_on_chang2025():
    """The reference step's error at dt = 0.1 and p^EI = 0.6 is -1.9 % (docs/error-budget.md: +1.9 ± 0.4 of the ODE)."""
    net = spiking.presets.chang2025().replace({"EI.probability": 0.6})
    found = advise_step(net, 0.03, duration=2500.0, trials=2, seed=1)
    assert found.step == 0.1
    assert found.powers == {"E": [1.0], "I": [1.0]}
    error = found.errors["E"][2]
    se = (error.high - error.low) / (2 * 1.96)
    assert abs(error.mean + 0.019) < 3 * math.hypot(se, 0.002)
    assert se < 0.002
    assert found.bridge in (0.2, 0.4)
    assert "dt = 0.1 ms keeps rates within 3 %, scheme reference (95 % confidence); scheme bridge" in found.text
    short = advise_step(net, 0.003, duration=300.0, trials=1, seed=1)
    assert short.step is None
    assert short.text.startswith(("cannot tell which dt", "no dt from 0.05 ms up keeps rates within 0.3 %"))


def test_advice_on_a_network_of_paths():
    found = advise_step(layered(2, 50, 0.2), 0.05, duration=300.0, trials=2, seed=1)
    assert found.step == 0.05
    assert found.errors["L2"][1].low < -0.053 < found.errors["L2"][1].high
    assert found.bridge is None
    assert 1.0 in found.powers["L1"]
    interpolated = advise_step(found.network, 0.05, duration=300.0, trials=2, seed=1, scheme="interpolated")
    assert interpolated.step == 0.2
    assert "dt = 0.2 ms, the largest tried, keeps rates within 5 %" in interpolated.text
    voltage = found.strong["L2", "voltage"]
    assert (np.diff(voltage.values) < 0).all()
    assert voltage.order().low < 0.5 < voltage.order().high + 0.1
    with pytest.raises(ParameterError, match="accuracy = 2.0: must lie between 0 and 1"):
        advise_step(layered(1), 2.0)
    with pytest.raises(ParameterError, match="scheme = 'exact': .* it has no time step"):
        advise_step(layered(1), scheme="exact")
