from __future__ import annotations

import naive_network
import networkx
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import spiking
from spiking import graphs
from spiking.errors import ParameterError, SpecificationError, UnknownNameError


def network(wiring, sources=40, targets=50, synapse=None):
    neuron = spiking.LIF(1.0)
    return spiking.Network(
        [spiking.Population("A", sources, neuron), spiking.Population("B", targets, neuron)],
        [spiking.Projection("B", "A", synapse or spiking.Delta(1.0), wiring)],
    )


def test_bernoulli_rows_skip_geometric_numbers_of_targets():
    net = network(spiking.Bernoulli(0.3, seed=4))
    sources, targets, factors = graphs.edges(net, "BA")
    key = tuple(int(k) for k in np.random.SeedSequence(4, spawn_key=tuple(b"BA")).generate_state(2))
    for source in range(40):
        expected, target, block = [], -1, 0
        while target < 50:
            for bits in naive_network.philox((block, source, 0, 0), key):
                target += 1 + int(np.log(naive_network.uniform(bits)) / np.log(0.7))
                expected.append(target)
            block += 1
        assert targets[sources == source].tolist() == [t for t in expected if t < 50]
    assert factors is None


@pytest.mark.parametrize(("wiring", "owner"), [(spiking.FixedInDegree(7), 1), (spiking.FixedOutDegree(7), 0)])
def test_fixed_degrees(wiring, owner):
    found = graphs.edges(network(wiring), "BA")
    degrees = np.bincount(found[owner])
    assert degrees.tolist() == [7] * (50 if owner else 40)
    other = np.bincount(found[1 - owner], minlength=40 if owner else 50)
    assert 0.3 < other.var() / other.mean() < 2.5


@pytest.mark.parametrize("size", [70_000, 200_000])
def test_rows_of_many_blocks_are_whole(size):
    net = network(spiking.FixedOutDegree(300, seed=1), sources=5, targets=size)
    sources, targets, _ = graphs.edges(net, "BA")
    assert np.bincount(sources).tolist() == [300] * 5
    assert targets.max() < size
    assert targets.max() > 65536
    assert abs(targets.mean() / size - 0.5) < 4 / np.sqrt(12 * 1500)


@given(probability=st.floats(0, 1), seed=st.integers(0, 100))
def test_bernoulli_degrees_are_binomial(probability, seed):
    sources, targets, _ = graphs.edges(network(spiking.Bernoulli(probability, seed)), "BA")
    assert np.unique(sources * 50 + targets).size == sources.size
    spread = np.sqrt(2000 * probability * (1 - probability))
    assert abs(sources.size - 2000 * probability) <= 6 * spread + 1e-9


def test_projections_with_the_same_seed_differ():
    neuron = spiking.LIF(1.0)
    populations = [spiking.Population(name, 30, neuron) for name in "EI"]
    wiring = spiking.Bernoulli(0.5)
    net = spiking.Network(populations, [spiking.Projection("E", s, spiking.Delta(1.0), wiring) for s in "EI"])
    one, two = (graphs.edges(net, name) for name in ("EE", "EI"))
    assert not np.array_equal(one[1][:100], two[1][:100])


def test_an_explicit_graph_comes_back_sorted():
    wiring = spiking.Explicit([3, 0, 3, 3], [1, 2, 0, 1], [2.0, 3.0, 4.0, 5.0])
    sources, targets, factors = graphs.edges(network(wiring), "BA")
    assert sources.tolist() == [0, 3, 3, 3]
    assert targets.tolist() == [2, 0, 1, 1]
    assert factors.tolist() == [3.0, 4.0, 2.0, 5.0]


def test_sparse_matrices_hold_sources_in_columns():
    matrix = scipy.sparse.random_array((50, 40), density=0.1, rng=1)
    matrix.data[3] = 0.0
    wiring = spiking.Explicit.from_sparse(matrix, weighted=True)
    sources, targets, factors = graphs.edges(network(wiring), "BA")
    np.testing.assert_allclose(matrix.toarray()[targets, sources], factors)
    assert factors.size == matrix.nnz - 1


def test_networkx_and_back():
    neuron = spiking.LIF(1.0)
    net = spiking.Network(
        [spiking.Population("E", 8, neuron), spiking.Population("I", 4, neuron)],
        [
            spiking.Projection("E", "E", spiking.Delta(1.0), spiking.FixedInDegree(3)),
            spiking.Projection("E", "I", spiking.Delta(1.0), spiking.AllToAll()),
            spiking.Projection("I", "E", spiking.Delta(1.0), spiking.Explicit([1, 2], [0, 3], [0.5, 2.0])),
        ],
    )
    graph = graphs.to_networkx(net)
    assert graph.number_of_nodes() == 12
    assert graph.number_of_edges() == 24 + 32 + 2
    assert graph.nodes[9]["population"] == "I"
    again = graphs.from_networkx(net, graph)
    for name in ("EE", "EI", "IE"):
        for one, two in zip(graphs.edges(net, name), graphs.edges(again, name), strict=True):
            np.testing.assert_array_equal(one, two)


def test_graphs_that_do_not_fit_are_refused():
    net = network(spiking.AllToAll(), sources=2, targets=3)
    with pytest.raises(SpecificationError, match=r"graph: 4 nodes must be the 5 neurons 0 to 4 .*strange: \[4\]"):
        graphs.from_networkx(net, networkx.path_graph(4, networkx.DiGraph))
    with pytest.raises(ParameterError, match="graph = .*: must be a networkx.DiGraph or MultiDiGraph"):
        graphs.from_networkx(net, networkx.path_graph(5))
    graph = networkx.empty_graph(5, networkx.DiGraph)
    graph.add_edge(3, 0)
    with pytest.raises(SpecificationError, match=r"edge 3 -> 0 leads from B to A: .*must be one of \[\]"):
        graphs.from_networkx(net, graph)
    with pytest.raises(ParameterError, match="BA.targets = 3: must be at most 2: B has 3 neurons"):
        network(spiking.Explicit([0], [3]), sources=2, targets=3)
    with pytest.raises(ParameterError, match="Explicit.targets = '2 values': must be 1, as sources"):
        spiking.Explicit([0], [1, 2])
    with pytest.raises(ParameterError, match="Explicit.sources = -1: must be at least 0"):
        spiking.Explicit([-1], [1])
    with pytest.raises(ParameterError, match=r"Explicit.sources = \[0.5\]: must be a list of integers"):
        spiking.Explicit([0.5], [1])
    with pytest.raises(SpecificationError, match="BA.factors: pending-spike synapses count spikes"):
        network(spiking.Explicit([0], [1], [2.0]), synapse=spiking.PendingKick(1.0, 1.0))
    with pytest.raises(UnknownNameError, match="projection 'EI' does not exist; there are: BA"):
        graphs.edges(net, "EI")
    with pytest.raises(SpecificationError, match="BA.wiring = 'annealed'"):
        graphs.edges(network(spiking.Annealed(0.5)), "BA")


def test_a_graph_beyond_memory_is_refused():
    net = network(spiking.FixedInDegree(10**6), sources=10**6, targets=10**6)
    with pytest.raises(SpecificationError, match=r"the graph would take .* GiB, .*use procedural = true"):
        spiking.simulate(net, 1.0)
