"""Scheme "exact": event-driven simulation of annealed kick networks, without a time step."""

from __future__ import annotations

from typing import Any

import numpy as np

from spiking.drives import KickDrive, NoDrive, PoissonDrive
from spiking.engines.annealed import check_annealed, inhibitory_factor
from spiking.engines.trial import Advance, Engine, TrialState
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

    names, sizes = list(network.sizes), list(network.sizes.values())
    neurons = [p.neuron for p in network.populations if isinstance(p.neuron, LIF)]
    kicks = [
        (p.drive.rate, p.drive.size) if isinstance(p.drive, KickDrive) else (0.0, 0.0) for p in network.populations
    ]
    synapses = [p.synapse for p in network.projections if isinstance(p.synapse, PendingKick)]
    target = [names.index(p.target) for p in network.projections]
    factors = [inhibitory_factor(s, neurons[t]) for s, t in zip(synapses, target, strict=True)]

    def floats(values: Any) -> Any:
        return np.array(list(values), np.float64)

    def integers(values: Any) -> Any:
        return np.array(list(values), np.int64)

    constants = (
        integers([0, *np.cumsum(sizes)]), floats(n.threshold for n in neurons), floats(n.reset for n in neurons),
        floats(n.rest for n in neurons), floats(1.0 / n.tau_m for n in neurons),
        floats(rate for rate, _ in kicks), floats(size for _, size in kicks),
        floats(1.0 / n.refractory.mean if isinstance(n.refractory, Exponential) else 0.0 for n in neurons),
        integers(target), integers(names.index(p.source) for p in network.projections),
        integers([0, *np.cumsum([sizes[t] for t in target])]),
        floats(-s.weight if s.inhibitory else s.weight for s in synapses), floats(s.tau for s in synapses),
        floats(c0 for c0, _ in factors), floats(c1 for _, c1 in factors), np.array([s.rounded for s in synapses], bool),
        floats(network[f"{p.name}.probability"] for p in network.projections),
    )  # fmt: skip

    def advance(state: TrialState, first_step: int, steps: int, every: int, *out: Any) -> tuple[int, int]:
        done, fired = events.advance(
            state.generator,
            first_step,
            steps,
            every,
            dt,
            *constants,
            state.voltage,
            state.refractory,
            state.pending,
            *out,
        )
        return done, fired

    return advance


ENGINE = Engine(check, prepare)
