"""A whole run in another simulator, with the same result as `spiking.simulate`."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from spiking import graphs
from spiking.errors import UnknownNameError
from spiking.network import Network, checked_network
from spiking.peers.brian import to_brian2
from spiking.peers.nest import to_nest
from spiking.recording import Recording
from spiking.simulation import check_start, starting_voltages

ENGINES = ("brian2", "nest")


def simulate(
    network: Network,
    duration: float,
    *,
    engine: str,
    dt: float = 0.1,
    seed: int = 0,
    initial: str | None = None,
    threads: int = 1,
) -> Recording:
    """Simulate a network in Brian2 or NEST.

    Parameters
    ----------
    network : Network
    duration, dt : float
        In ms.
    engine : {"brian2", "nest"}
    seed : int
        Of the peer's random numbers and of the initial voltages, which are those of `spiking.simulate`'s first trial.
    initial : "uniform", optional
        As in `spiking.simulate`.
    threads : int
        Of NEST.

    Returns
    -------
    Recording
        ``timing`` parts building the model (``setup_s``) from running it (``wall_s``; with Brian2 that includes
        compiling its code the first time).

    Raises
    ------
    UnknownNameError, SpecificationError
        If the peer does not exist, is not installed, or cannot express the network; see `to_brian2`, `to_nest`.
    """
    checked_network(network)
    if engine not in ENGINES:
        raise UnknownNameError("engine", engine, ENGINES)
    check_start(seed, initial)
    begun = time.perf_counter()
    voltage = starting_voltages(network, initial, seed)
    if engine == "nest":
        run = to_nest(network, dt=dt, seed=seed, voltage=voltage, threads=threads).run
    else:
        threads = 1
        run = to_brian2(network, dt=dt, seed=seed, voltage=voltage).run
    built = time.perf_counter()
    recording = run(duration)
    timing = {"setup_s": built - begun, "wall_s": time.perf_counter() - built, "threads": threads}
    return replace(recording, timing=timing, synaptic_events=_events(network, recording))


def _events(network: Network, recording: Recording) -> int:
    """Return the targets of all spikes."""
    fired = np.bincount(recording.senders, minlength=sum(network.sizes.values()))
    neurons, total = network.neurons, 0
    for projection in network.projections:
        sources, _, _ = graphs.edges(network, projection.name)
        degrees = np.bincount(sources, minlength=network.sizes[projection.source])
        total += int(degrees @ fired[neurons[projection.source]])
    return total
