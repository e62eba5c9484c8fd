"""Wiring as graphs: stored rows for the simulation, edge lists for other programs, networkx in and out."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network, Projection, checked_network
from spiking.specification import FINITE, POSITIVE, checked_number
from spiking.wiring import AllToAll, Annealed, Bernoulli, Explicit, FixedInDegree, FixedOutDegree

if TYPE_CHECKING:
    import networkx

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_CYCLES = 10**6


class Rows(NamedTuple):
    """The targets of every source; see `spiking.kernels.graph`."""

    row: Ints
    edges: npt.NDArray[np.uint16]
    factors: Floats


def key(projection: Projection) -> npt.NDArray[Any]:
    """Return the key of a projection's random graph: from the wiring's seed and the projection's name."""
    seed = getattr(projection.wiring, "seed", 0)
    return np.random.SeedSequence(seed, spawn_key=tuple(projection.name.encode())).generate_state(2, np.uint32)


def expected_edges(network: Network, projection: Projection) -> float:
    """Return the mean number of edges of a quenched wiring."""
    sources, targets = network.sizes[projection.source], network.sizes[projection.target]
    wiring = projection.wiring
    if isinstance(wiring, FixedInDegree):
        return float(targets) * wiring.in_degree
    if isinstance(wiring, FixedOutDegree):
        return float(sources) * wiring.out_degree
    if isinstance(wiring, Explicit):
        return float(wiring.sources.size)
    return float(sources) * targets * (wiring.probability if isinstance(wiring, Bernoulli) else 1.0)


def rows(network: Network, projection: Projection) -> Rows:
    """Return the stored rows of a Bernoulli, fixed-degree or explicit wiring."""
    from spiking.kernels import graph

    sources, targets = network.sizes[projection.source], network.sizes[projection.target]
    blocks = -(-targets // graph.BLOCK)
    row = np.zeros(sources * blocks + 1, np.int64)
    wiring = projection.wiring
    if isinstance(wiring, Explicit):
        place = wiring.sources * blocks + wiring.targets // graph.BLOCK
        order = np.lexsort((wiring.targets, place))
        row[1:] = np.cumsum(np.bincount(place, minlength=row.size - 1))
        factors = np.empty(0) if wiring.factors is None else wiring.factors[order]
        return Rows(row, (wiring.targets[order] % graph.BLOCK).astype(np.uint16), factors)
    kind, parameter = rule(wiring)
    graph.count(kind, key(projection), sources, targets, parameter, row)
    edges = np.empty(row[-1], np.uint16)
    graph.store(kind, key(projection), sources, targets, parameter, row, edges)
    return Rows(row, edges, np.empty(0))


def rule(wiring: Any) -> tuple[int, float]:
    """Return (kind, parameter) of a random graph, as `spiking.kernels.graph` takes them."""
    from spiking.kernels import graph

    if isinstance(wiring, Bernoulli):
        return graph.BERNOULLI, log_failure(wiring.probability)
    if isinstance(wiring, FixedInDegree):
        return graph.FIXED_IN_DEGREE, float(wiring.in_degree)
    return graph.FIXED_OUT_DEGREE, float(wiring.out_degree)


def log_failure(probability: float) -> float:
    """Return log(1 - p), bounded away from 0 and -inf."""
    return -math.inf if probability == 1 else min(math.log1p(-probability), -1e-300)


def edges(network: Network, name: str) -> tuple[Ints, Ints, Floats | None]:
    """Return the graph of a projection.

    Parameters
    ----------
    network : Network
    name : str
        Of a projection with any wiring but `Annealed`.

    Returns
    -------
    sources, targets : array of int, shape (edges,)
        Numbered from 0 within their populations; ordered by source, then target.
    factors : array, shape (edges,), or None
        Of the weights, if the wiring has any.

    Raises
    ------
    UnknownNameError, SpecificationError
        If there is no such projection, or it has no graph.
    """
    projections = {p.name: p for p in checked_network(network).projections}
    if name not in projections:
        raise UnknownNameError("projection", name, projections)
    projection = projections[name]
    sources, targets = network.sizes[projection.source], network.sizes[projection.target]
    if isinstance(projection.wiring, Annealed):
        raise SpecificationError(
            f"{name}.wiring = 'annealed': targets are drawn anew at every spike; there is no graph"
        )
    if isinstance(projection.wiring, AllToAll):
        return np.repeat(np.arange(sources), targets), np.tile(np.arange(targets), sources), None
    from spiking.kernels import graph

    row, local, factors = rows(network, projection)
    source, block = np.divmod(np.repeat(np.arange(row.size - 1), np.diff(row)), -(-targets // graph.BLOCK))
    target = (block * graph.BLOCK + local).astype(np.int64)
    return source, target, factors if factors.size else None


def to_networkx(network: Network) -> networkx.MultiDiGraph:
    """Return the graph of a network without annealed projections.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes 0, 1, ... population by population, with the attribute `population`; edges from source to target with the
        attributes `projection` and `factor` (of the weight).
    """
    import networkx

    found: Any = networkx.MultiDiGraph()
    checked_network(network)
    first = {name: own.start for name, own in network.neurons.items()}
    for name, size in network.sizes.items():
        found.add_nodes_from(range(first[name], first[name] + size), population=name)
    for p in network.projections:
        sources, targets, factors = edges(network, p.name)
        strengths = np.ones(sources.size) if factors is None else factors
        found.add_edges_from(
            (int(s), int(t), {"projection": p.name, "factor": float(f)})
            for s, t, f in zip(sources + first[p.source], targets + first[p.target], strengths, strict=True)
        )
    return found


def synaptic_cycles(network: Network, longest: int | None = None) -> list[tuple[int, ...]]:
    """Return the simple cycles of a network, self-connections included, shortest first.

    Parameters
    ----------
    network : Network
        Without annealed projections.
    longest : int, optional
        Greatest number of synapses of a cycle; by default any.

    Returns
    -------
    list of tuple of int
        The neurons of each cycle in order, from its least on. Parallel synapses make one cycle.

    Raises
    ------
    ParameterError, SpecificationError
        If `longest` is no positive integer, the network has no graph, or more than 10^6 such cycles.
    """
    import networkx

    bound = None if longest is None else checked_number("", "longest", longest, POSITIVE, integer=True)
    found: list[tuple[int, ...]] = []
    for cycle in networkx.simple_cycles(networkx.DiGraph(to_networkx(network)), length_bound=bound):
        least = cycle.index(min(cycle))
        found.append((*cycle[least:], *cycle[:least]))
        if len(found) > MOST_CYCLES:
            size = "" if bound is None else f" of at most {bound} synapses"
            remedy = "limit" if bound is None else "reduce"
            raise SpecificationError(f"the network has more than {MOST_CYCLES} cycles{size}: {remedy} longest")
    return sorted(found, key=lambda cycle: (len(cycle), cycle))


def from_networkx(network: Network, graph: networkx.DiGraph) -> Network:
    """Return the network with the edges of a graph as explicit wiring of its projections.

    Parameters
    ----------
    network : Network
        With one projection for each pair of populations that the graph connects.
    graph : networkx.DiGraph or MultiDiGraph
        Its nodes are the neurons 0, 1, ... population by population. An edge may have the attributes `projection` (if
        several projections lead from its source's population to its target's) and `factor` (of the weight; networkx's
        own `weight` is not read).

    Raises
    ------
    SpecificationError
        If nodes and neurons differ, or an edge belongs to no projection.
    """
    checked_network(network)
    if not hasattr(graph, "edges") or not graph.is_directed():
        raise ParameterError("", "graph", graph, "must be a networkx.DiGraph or MultiDiGraph")
    total = sum(network.sizes.values())
    nodes = set(graph.nodes)
    if nodes != set(range(total)) or not all(isinstance(node, Integral) for node in nodes):
        strange = sorted(nodes ^ set(range(total)), key=str)[:3]
        raise SpecificationError(
            f"graph: {len(nodes)} nodes must be the {total} neurons 0 to {total - 1} of the populations "
            f"{', '.join(f'{n} ({size})' for n, size in network.sizes.items())}; "
            f"missing or strange: {strange or 'not integers'}"
        )
    first = {name: own.start for name, own in network.neurons.items()}
    owner = [name for name, size in network.sizes.items() for _ in range(size)]
    found: dict[str, list[tuple[int, int, float]]] = {p.name: [] for p in network.projections}
    between: dict[tuple[str, str], list[str]] = {}
    for p in network.projections:
        between.setdefault((p.source, p.target), []).append(p.name)
    for source, target, data in graph.edges(data=True):
        pair = (owner[source], owner[target])
        names = between.get(pair, [])
        name = data.get("projection", names[0] if len(names) == 1 else None)
        if name not in names:
            raise SpecificationError(
                f"graph: edge {source} -> {target} leads from {pair[0]} to {pair[1]}: its attribute `projection` is "
                f"{name!r}, and must be one of {names}"
            )
        factor = checked_number(f"graph: edge {source} -> {target}", "factor", data.get("factor", 1.0), FINITE)
        found[name].append((source - first[pair[0]], target - first[pair[1]], factor))
    return Network(network.populations, (_explicit(p, found[p.name]) for p in network.projections))


def _explicit(projection: Projection, triples: list[tuple[int, int, float]]) -> Projection:
    sources, targets, factors = np.array(triples, float).reshape(-1, 3).T
    wiring = Explicit(sources, targets, None if (factors == 1.0).all() else factors)
    try:
        return replace(projection, wiring=wiring)
    except ParameterError as error:
        raise error.at(projection.name) from None
