"""Networks in NEST."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking.drives import ConstantDrive, NoDrive, PoissonDrive, components
from spiking.errors import ParameterError
from spiking.network import Network, Projection
from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, NoRefractory, Normal
from spiking.peers import common
from spiking.peers.common import Peer
from spiking.peers.models import neuron_model
from spiking.recording import Recording
from spiking.specification import POSITIVE, checked_number
from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent, PendingSpikeSynapse
from spiking.wiring import AllToAll, Annealed, Bernoulli, Explicit, FixedInDegree, FixedOutDegree

_RANDOM_TIMES = "NEST's refractory times do not vary; use fixed with the mean duration"
_PEER = Peer(
    name="NEST",
    module="nest",
    extra="nest",
    expressed=(
        LIF, EIF, NoRefractory, Fixed, NoDrive, ConstantDrive, PoissonDrive,
        Delta, ExponentialCurrent, ExponentialConductance,
        AllToAll, Bernoulli, FixedInDegree, FixedOutDegree, Explicit,
    ),
    reasons={
        Annealed: "NEST connects neurons once and for all; use bernoulli",
        PendingSpikeSynapse: (
            "NEST has no spikes that wait for random times; use exponential_current, which moves the same voltage on "
            "average"
        ),
        QIF: "NEST has no quadratic neuron with given constants; use eif, or to_brian2",
        Exponential: _RANDOM_TIMES,
        Normal: _RANDOM_TIMES,
    },
)  # fmt: skip
_TIC = 0.001  # ms


@dataclass
class NestModel:
    """A network in NEST.

    NEST has one network at a time: a model ends when the next is built or the kernel is reset.

    Attributes
    ----------
    network : Network
        What was translated.
    dt : float
        Step in ms.
    seed : int
    threads : int
    populations : dict
        Population to ``NodeCollection``.
    synapses : dict
        Projection to the name of its synapse model, for ``nest.GetConnections(synapse_model=...)``.
    generators : dict
        Population to ``poisson_generator``, if it has a Poisson drive.
    recorders : dict
        Population to ``spike_recorder``.
    """

    network: Network
    dt: float
    seed: int
    threads: int
    populations: dict[str, Any]
    synapses: dict[str, str]
    generators: dict[str, Any]
    recorders: dict[str, Any]

    def run(self, duration: float) -> Recording:
        """Run on for `duration` ms and return the spikes of this time."""
        nest = _PEER.load()
        steps = common.run_steps(duration, self.dt)
        start = nest.biological_time
        nest.Simulate(round(steps * self.dt, 6))
        return self.recording(duration, start=start)

    def recording(self, duration: float, *, start: float = 0.0) -> Recording:
        """Return the spikes of `duration` ms after `start` ms of a simulation that was run by NEST's own means.

        With MPI: the spikes of this process's neurons.
        """
        spikes = {}
        for name, recorder in self.recorders.items():
            events = recorder.events
            steps = np.rint((np.asarray(events["times"], float) - start) / self.dt)
            spikes[name] = steps, np.asarray(events["senders"]) - self.populations[name][0].global_id
        engine = f"nest {_PEER.load().__version__}"
        options = {"dt": self.dt, "seed": self.seed, "threads": self.threads, "engine": engine}
        return common.recording(self.network, spikes, duration=duration, options=options)


def to_nest(
    network: Network, *, dt: float = 0.1, seed: int = 0, voltage: npt.ArrayLike | None = None, threads: int = 1
) -> NestModel:
    """Build a network in NEST, whose kernel is reset.

    Parameters
    ----------
    network : Network
        Of leaky LIF or EIF neurons with fixed or no refractory time. One kind of synapse onto each population; Poisson
        kicks count as delta synapses.
    dt : float
        Step in ms, a multiple of 0.001.
    seed : int
        Of NEST's random numbers (``rng_seed`` is one more). The graph comes from the wirings' own seeds.
    voltage : array_like, shape (neurons,), optional
        Initial voltages in mV; by default each neuron's reset.
    threads : int
        Threads of NEST.

    Returns
    -------
    NestModel

    Raises
    ------
    SpecificationError
        Before anything is built, if the network has a part that NEST cannot express or an option is out of range; or if
        NEST is not installed.

    Notes
    -----
    Models: ``iaf_psc_delta``, ``iaf_psc_exp``, ``iaf_cond_exp`` for LIF neurons with delta synapses, exponential
    currents and exponential conductances; for EIF neurons ``aeif_psc_delta``, ``aeif_psc_exp``, ``aeif_cond_exp``
    without adaptation. The capacitance is 250 pF: a current of 1 mV/ms is 250 pA, and the leak conductance 250 pF /
    tau_m. Currents onto a neuron may have one time constant for positive and one for negative weights, conductances two
    pairs of time constant and reversal potential.

    The shortest delay is dt: exponential synapses without delay act a step later than in `spiking.simulate` (delta
    synapses take a step there too). A Poisson drive starts after the shortest delay of the network. ``iaf_cond_exp``
    and the EIF neurons are integrated with adaptive steps; EIF neurons are reset within a step, and without refractory
    time go on from there.
    """
    network, voltages = common.checked(_PEER, network, dt, seed, voltage)
    threads = int(checked_number("", "threads", threads, POSITIVE, integer=True))
    if not math.isclose(round(dt / _TIC) * _TIC, dt, rel_tol=1e-9):
        raise ParameterError("", "dt", dt, f"must be a multiple of {_TIC} ms, NEST's unit of time")
    models = {p.name: neuron_model(network, p, dt) for p in network.populations}
    for projection in network.projections:
        if projection.delay == 0 and not isinstance(projection.synapse, Delta):
            warnings.warn(
                f"{projection.name}.delay = 0: NEST delays by at least dt = {dt:g} ms, so its spikes act a step later",
                stacklevel=2,
            )
    nest = _quietly_loaded()
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=dt, rng_seed=int(seed) + 1, local_num_threads=threads)
    neurons = network.neurons
    shortest = {"delay": min((_delay(p, dt) for p in network.projections), default=dt)}
    populations, generators, recorders = {}, {}, {}
    for name, model in models.items():
        populations[name] = nest.Create(model.name, network.sizes[name], model.parameters)
        populations[name].V_m = voltages[neurons[name]]
        recorders[name] = nest.Create("spike_recorder")
        nest.Connect(populations[name], recorders[name], syn_spec=shortest)
        for drive in components(network.population(name).drive):
            if isinstance(drive, PoissonDrive):
                generators[name] = nest.Create("poisson_generator", params={"rate": 1000.0 * drive.rate})
                nest.Connect(generators[name], populations[name], syn_spec={"weight": drive.size} | shortest)
    gains = {name: gain for model in models.values() for name, gain in model.gains.items()}
    synapses = {p.name: _connect(nest, network, p, populations, gains[p.name], dt) for p in network.projections}
    return NestModel(
        network=network, dt=dt, seed=seed, threads=threads, populations=populations, synapses=synapses,
        generators=generators, recorders=recorders,
    )  # fmt: skip


def _quietly_loaded() -> Any:
    """Return NEST, without the banner that it prints when it is imported."""
    before = os.environ.get("PYNEST_QUIET")
    os.environ["PYNEST_QUIET"] = "1"
    try:
        return _PEER.load()
    finally:
        if before is None:
            del os.environ["PYNEST_QUIET"]


def _delay(projection: Projection, dt: float) -> float:
    """Return the delay of a projection in ms, at least dt."""
    return round(max(common.delay_steps(projection, dt), 1) * dt, 6)


def _connect(
    nest: Any, network: Network, projection: Projection, populations: dict[str, Any], gain: float, dt: float
) -> str:
    """Connect a projection and return the name of its synapse model."""
    sources, targets, weight = common.weighted_edges(network, projection)
    name, several = f"synapses_{projection.name}", isinstance(weight, np.ndarray)
    alike = {} if several else {"weight": weight * gain}
    nest.CopyModel("static_synapse", name, alike | {"delay": _delay(projection, dt)})
    if sources.size:
        source, target = (populations[end][0].global_id for end in (projection.source, projection.target))
        own = {"weight": weight * gain} if several else {}
        nest.Connect(sources + source, targets + target, "one_to_one", {"synapse_model": name} | own)
    return name
