"""Scheme "exact": event-driven simulation of annealed kick networks, without a time step."""

from __future__ import annotations

import numpy as np

from spiking.drives import NoDrive, PoissonDrive, kicks_of
from spiking.engines.annealed import check_annealed, floats, indices, inhibitory_factor
from spiking.engines.trial import Advance, Engine, bound
from spiking.errors import SpecificationError
from spiking.network import Network
from spiking.neurons import LIF, Exponential, NoRefractory
from spiking.synapses import PendingKick


def check(network: Network, dt: float) -> None:
    """Refuse networks whose events are not all exponential clocks, and leaks that can reach the threshold."""
    check_annealed(network, "exact")
    for population in network.populations:
        name, neuron = population.name, population.neuron
        if not isinstance(population.drive, (NoDrive, PoissonDrive)):
            raise SpecificationError(f"{name}.drive: scheme 'exact' needs Poisson kicks or no drive; use 'reference'")
        if isinstance(neuron, LIF):
            if not isinstance(neuron.refractory, (NoRefractory, Exponential)):
                raise SpecificationError(
                    f"{name}.refractory: scheme 'exact' needs an exponential or no refractory time; use 'reference'"
                )
            if neuron.tau_m < np.inf and neuron.rest >= neuron.threshold:
                raise SpecificationError(f"{name}.rest: scheme 'exact' needs it below {name}.threshold")
    for projection in network.projections:
        if not isinstance(projection.synapse, PendingKick):
            raise SpecificationError(f"{projection.name}.synapse: scheme 'exact' needs kick synapses; use 'reference'")


def prepare(network: Network, dt: float) -> Advance:
    """Return the function that advances a trial."""
    from spiking.kernels import events

    index = indices(network)
    neurons = [p.neuron for p in network.populations if isinstance(p.neuron, LIF)]
    kicks = [kicks_of(p.drive) for p in network.populations]
    synapses = [p.synapse for p in network.projections if isinstance(p.synapse, PendingKick)]
    factors = [inhibitory_factor(s, neurons[t]) for s, t in zip(synapses, index.target, strict=True)]
    constants = (
        index.start, floats(n.threshold for n in neurons), floats(n.reset for n in neurons),
        floats(n.rest for n in neurons), floats(1.0 / n.tau_m for n in neurons),
        floats(rate for rate, _ in kicks), floats(size for _, size in kicks),
        floats(1.0 / n.refractory.mean if isinstance(n.refractory, Exponential) else 0.0 for n in neurons),
        index.target, index.source, index.pending_start,
        floats(-s.weight if s.inhibitory else s.weight for s in synapses), floats(s.tau for s in synapses),
        floats(c0 for c0, _ in factors), floats(c1 for _, c1 in factors), np.array([s.rounded for s in synapses], bool),
        floats(network[f"{p.name}.probability"] for p in network.projections),
    )  # fmt: skip

    return bound(events.advance, constants, dt)


ENGINE = Engine(check, prepare)
