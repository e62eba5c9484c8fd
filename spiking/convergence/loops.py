r"""Recurrent networks against themselves with long loops cut, under the same Brownian paths.

Two ways to cut, both exact where nothing is cut:

* ``"edges"``: edges are removed until no simple cycle is longer than L, for L from the longest cycle down, so that a
  smaller L removes what a larger one did, and more. Each time that edge goes which lies on the most of the cycles
  that are too long; among equals the one on the fewest others, then the first. L = 1 leaves self-connections, L = 0 a
  network without cycles. The removed edges are missing for all influences, not for loops only.
* ``"unrolled"``: no edge is chosen. Layer k = 0, ..., L holds a copy of every neuron with that neuron's noise; copies
  of layer k receive the spikes of layer k - 1 (those of layer 0 none). The last layer is compared: it holds every
  influence along walks of at most L synapses, and none round a loop longer than L. This is a layered feedforward
  network, to which the theorems of arXiv 2603.10854 apply; its distance from the recurrent network is what they
  leave out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spiking import graphs, parallel
from spiking.convergence.coupled import (
    Progress,
    check_options,
    checked_duration,
    checked_paths,
    checked_steps,
    coupled_paths,
)
from spiking.convergence.fits import Axis, ErrorMeasure, Rare, measure
from spiking.convergence.lists import checked_list
from spiking.current_networks import CurrentNetwork, current_network
from spiking.errors import ParameterError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.seeds import Seed
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
Edge = tuple[int, int]

METHODS = ("edges", "unrolled")

_LOOP = Axis("longest loop kept L", "synapses")
_CYCLES_PER_CHECK = 10_000


@dataclass(frozen=True, eq=False, repr=False)
class LoopTruncation:
    """Distance of the network with long loops cut from the whole one.

    Attributes
    ----------
    network : Network
    method : str
    step, duration : float
        In ms.
    longest : int or None
        Cycles were enumerated up to this length; None: all (method "edges").
    cycles : array of int, shape (lengths,)
        Simple cycles of each length of `mismatch.x` and up to it from the one before (method "edges"; else empty).
    removed : array of int, shape (lengths,)
        Edges that were cut (method "edges"; else empty).
    voltage, current, mismatch : ErrorMeasure
        Over the longest loop kept: root mean squares in mV and mV/ms, and the probability that a neuron's spike count
        differs.
    """

    network: Network
    method: str
    step: float
    duration: float
    longest: int | None
    cycles: npt.NDArray[np.int64]
    removed: npt.NDArray[np.int64]
    voltage: ErrorMeasure
    current: ErrorMeasure
    mismatch: ErrorMeasure

    def __repr__(self) -> str:
        return f"<LoopTruncation by {self.method!r}, {self.voltage!r}>"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the distances over the longest loop kept."""
        from spiking import convergence_plots

        return convergence_plots.truncation([self], ax=ax)


def loop_truncation(
    network: Network,
    lengths: Sequence[int],
    duration: float,
    step: float,
    *,
    method: str = "edges",
    longest: int | None = None,
    paths: int = 500,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> LoopTruncation:
    """Compare a network with itself, loops longer than each of some lengths cut, under the same Brownian paths.

    Parameters
    ----------
    network : Network
        Of the class of `spiking.current_networks`.
    lengths : sequence of int
        Longest loops kept, in synapses; in rising order.
    duration, step : float
        In ms.
    method : {"edges", "unrolled"}
        See above.
    longest : int, optional
        Cycles are enumerated up to this length (method "edges"); by default to any. Their number grows exponentially
        with length in dense graphs: if there are more than 10^6, this is refused. Longer cycles are not looked for:
        those that hold none of the removed edges remain. All `lengths` must be less.
    paths, seed, workers, progress
        As in `coupled_paths`.

    Raises
    ------
    ParameterError, SpecificationError, UnknownNameError
        If an option is out of range, the network is of another class, or has too many cycles.
    """
    checked_network(network)
    whole = current_network(network)
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    kept = _checked_lengths(lengths)
    paths = checked_paths(paths)
    neurons = whole.leak.size
    longest = None if longest is None else int(checked_number("", "longest", longest, POSITIVE, integer=True))
    if longest is not None and longest >= neurons:
        longest = None
    if longest is not None and kept[-1] >= longest and method == "edges":
        allowed = f"must be less than longest = {longest}: longer cycles are not looked for"
        raise ParameterError("", "lengths", kept[-1], allowed)
    checked_duration(duration, checked_steps(whole, [step])[0], 1)
    check_options(paths, seed, "reset", workers)
    parallel.check_progress(progress)

    def checkpoint() -> None:
        if progress is not None:
            progress(0.0)

    cycles: list[tuple[int, ...]] = []
    if method == "edges":
        cycles = graphs.synaptic_cycles(network, longest)
        cuts = edges_to_cut(cycles, kept, check=checkpoint)
        networks = [(without_edges(whole, cut), np.arange(neurons)) for cut in cuts]
    else:
        cuts = []
        networks = [unrolled(whole, length) for length in kept]
    total, done = 1 + len(networks), 0

    def run(arrays: CurrentNetwork, streams: npt.NDArray[np.int64]) -> list[npt.NDArray[Any]]:
        nonlocal done

        def report(fraction: float) -> None:
            if progress is not None:
                progress((done + fraction) / total)

        found = coupled_paths(
            arrays, duration, [step], paths=paths, seed=seed, streams=streams, workers=workers, progress=report
        )
        done += 1
        return [a[:, 0, -neurons:] for a in (found.voltage, found.current, found.counts)]

    reference = run(whole, np.arange(neurons))
    voltage, current, mismatch = (np.empty((paths, len(kept))) for _ in range(3))
    for k, (arrays, streams) in enumerate(networks):
        dv, di, dn = (one - other for one, other in zip(run(arrays, streams), reference, strict=True))
        for into, values in ((voltage, dv**2), (current, di**2), (mismatch, dn != 0)):
            into[:, k] = values.mean(axis=1)
    rare = [Rare(np.asarray((values > 0).sum(axis=0)), paths) for values in (voltage, current, mismatch)]
    x = np.array(kept)
    own = Counter(len(cycle) for cycle in cycles)
    between = zip([-1, *kept[:-1]], kept, strict=True)
    counted = [sum(own[n] for n in range(low + 1, high + 1)) for low, high in between] if cuts else []
    return LoopTruncation(
        network, method, step, duration, longest,
        np.array(counted, np.int64), np.array([len(cut) for cut in cuts], np.int64),
        measure("RMS of V", "mV", x, voltage, root=True, rare=rare[0], axis=_LOOP),
        measure("RMS of I", "mV/ms", x, current, root=True, rare=rare[1], axis=_LOOP),
        measure("probability that spike counts differ", "", x, mismatch, rare=rare[2], probability=True, axis=_LOOP),
    )  # fmt: skip


def edges_to_cut(
    cycles: Sequence[tuple[int, ...]], lengths: Sequence[int], check: Callable[[], None] = lambda: None
) -> list[set[Edge]]:
    """Return, for each length, edges without which no cycle is longer; those for a smaller length hold the others'.

    ``check`` is called now and then: an exception raised there stops the work.
    """
    through: dict[Edge, list[int]] = defaultdict(list)
    of_length: dict[int, list[int]] = defaultdict(list)
    for k, cycle in enumerate(cycles):
        if k % _CYCLES_PER_CHECK == 0:
            check()
        of_length[len(cycle)].append(k)
        for edge in edges_of(cycle):
            through[edge].append(k)
    short = Counter({edge: len(own) for edge, own in through.items()})
    long: Counter[Edge] = Counter()
    alive = [True] * len(cycles)
    by_length: dict[int, set[Edge]] = {}
    cut: set[Edge] = set()
    for length in range(max(*of_length, *lengths, 0), -1, -1):
        for k in of_length[length + 1]:
            if alive[k]:
                for edge in edges_of(cycles[k]):
                    short[edge] -= 1
                    long[edge] += 1
        while +long:
            check()
            worst = min(long, key=lambda edge: (-long[edge], short[edge], edge))
            cut.add(worst)
            for k in through[worst]:
                if alive[k]:
                    alive[k] = False
                    counts = long if len(cycles[k]) > length else short
                    for edge in edges_of(cycles[k]):
                        counts[edge] -= 1
        by_length[length] = set(cut)
    return [by_length[length] for length in lengths]


def _checked_lengths(lengths: object) -> list[int]:
    kept = [int(n) for n in checked_list("lengths", lengths, NONNEGATIVE, "integers", integer=True)]
    if sorted(set(kept)) != kept:
        raise ParameterError("", "lengths", kept, "must rise")
    return kept


def edges_of(cycle: tuple[int, ...]) -> set[Edge]:
    """Return the edges (source, target) of a cycle given by its neurons."""
    return set(zip(cycle, (*cycle[1:], cycle[0]), strict=True))


def without_edges(network: CurrentNetwork, cut: set[Edge]) -> CurrentNetwork:
    """Return the network without all synapses from the source to the target of some edges."""
    source = np.repeat(np.arange(network.leak.size), np.diff(network.first))
    pairs = zip(source.tolist(), network.targets.tolist(), strict=True)
    kept = np.array([pair not in cut for pair in pairs], bool)
    first = np.concatenate([[0], np.cumsum(np.bincount(source[kept], minlength=network.leak.size))]).astype(np.int64)
    return network._replace(first=first, targets=network.targets[kept], jumps=network.jumps[kept])


def unrolled(network: CurrentNetwork, depth: int) -> tuple[CurrentNetwork, npt.NDArray[np.int64]]:
    """Return the layered network of depth + 1 copies, and the noise stream of each of its neurons."""
    neurons, edges = network.leak.size, network.targets.size
    leak, rest, threshold, reset, mean, tau, noise = (np.tile(values, depth + 1) for values in network[:7])
    starts = [layer * edges + network.first[:-1] for layer in range(depth)]
    first = np.concatenate([*starts, np.full(neurons + 1, depth * edges)]).astype(np.int64)
    targets = np.tile(network.targets, depth) + neurons * np.repeat(np.arange(1, depth + 1), edges)
    jumps = np.tile(network.jumps, depth)
    found = CurrentNetwork(leak, rest, threshold, reset, mean, tau, noise, first, targets, jumps)
    return found, np.tile(np.arange(neurons), depth + 1)
