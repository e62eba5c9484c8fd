"""Networks of leaky neurons with one exponentially correlated current each, as arrays for the analysis of paths."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spiking import graphs
from spiking.drives import ConstantDrive, NoDrive, OrnsteinUhlenbeckDrive, components
from spiking.errors import SpecificationError
from spiking.network import Network, Population, Projection, checked_network
from spiking.neurons import LIF, NoRefractory
from spiking.synapses import ExponentialCurrent
from spiking.wiring import Annealed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class CurrentNetwork(NamedTuple):
    r"""Neurons of a network, numbered through its populations.

    .. math:: \dot V = -\gamma (V - V_{rest}) + I, \qquad
              dI = \frac{\mu - I}{\tau}\,dt + \nu\, dW + \text{jumps at spikes of sources}; \qquad
              V \ge V_{th}:\ V \leftarrow V_{reset}

    Attributes
    ----------
    leak, rest, threshold, reset : array, shape (neurons,)
        :math:`\gamma` in 1/ms, the others in mV.
    mean, tau, noise : array, shape (neurons,)
        :math:`\mu` in mV/ms; :math:`\tau` in ms, infinite where a current is constant (neither noise nor synapses);
        :math:`\nu` in mV/ms^(3/2).
    first : array of int, shape (neurons + 1,)
        Where a source's edges begin.
    targets : array of int, shape (edges,)
    jumps : array, shape (edges,)
        Of the target's current in mV/ms; negative if inhibitory.
    """

    leak: Floats
    rest: Floats
    threshold: Floats
    reset: Floats
    mean: Floats
    tau: Floats
    noise: Floats
    first: Ints
    targets: Ints
    jumps: Floats

    @property
    def deviation(self) -> Floats:
        """Stationary standard deviation of the drives' currents in mV/ms."""
        return np.asarray(self.noise * np.sqrt(0.5 * np.where(np.isinf(self.tau), 0.0, self.tau)))


def current_network(network: Network) -> CurrentNetwork:
    """Return a network's neurons, currents and edges as arrays.

    Raises
    ------
    SpecificationError
        If a part is not of the class of arXiv 2603.10854: leaky neurons without refractory time;
        Ornstein-Uhlenbeck, constant or no drive; exponential currents on a graph, without delay; in each population
        one time constant for the drive and for all synapses onto it.
    """
    checked_network(network)
    own = [_neurons(network, population) for population in network.populations]
    sizes = [population.size for population in network.populations]
    leak, rest, threshold, reset, mean, tau, noise = np.repeat(np.array(own, float), sizes, axis=0).T.copy()
    source, target, jump = _edges(network)
    order = np.lexsort((target, source))
    first = np.concatenate([[0], np.cumsum(np.bincount(source, minlength=sum(sizes)))])
    first = first.astype(np.int64)
    return CurrentNetwork(leak, rest, threshold, reset, mean, tau, noise, first, target[order], jump[order])


def _neurons(network: Network, population: Population) -> tuple[float, ...]:
    name, neuron = population.name, population.neuron
    if not isinstance(neuron, LIF) or math.isinf(neuron.tau_m):
        raise SpecificationError(f"{name}: must be leaky integrate-and-fire neurons with a finite tau_m")
    if not isinstance(neuron.refractory, NoRefractory):
        raise SpecificationError(
            f"{name}.refractory = '{neuron.refractory.kind}': must be 'none' for analysis of paths"
        )
    mean = deviation = 0.0
    taus: dict[float, str] = {}
    for drive in components(population.drive):
        if isinstance(drive, ConstantDrive):
            mean += drive.current
        elif isinstance(drive, OrnsteinUhlenbeckDrive):
            mean, deviation = mean + drive.mean, drive.deviation
            taus[drive.tau] = f"{name}.drive.tau"
        elif not isinstance(drive, NoDrive):
            allowed = "must be 'ornstein_uhlenbeck', 'constant', a sum of both, or 'none' for analysis of paths"
            raise SpecificationError(f"{name}.drive = '{drive.kind}': {allowed}")
    for projection in network.projections:
        if projection.target == name:
            taus.setdefault(_checked(projection).tau, f"{projection.name}.tau")
    if len(taus) > 1:
        (one, where), (other, there) = list(taus.items())[:2]
        raise SpecificationError(f"{there} = {other}: must equal {where} = {one}: a neuron has one current here")
    tau = next(iter(taus), math.inf)
    noise = deviation * math.sqrt(2.0 / tau)
    return 1.0 / neuron.tau_m, neuron.rest, neuron.threshold, neuron.reset, mean, tau, noise


def _checked(projection: Projection) -> ExponentialCurrent:
    name, synapse = projection.name, projection.synapse
    if not isinstance(synapse, ExponentialCurrent):
        raise SpecificationError(
            f"{name}.synapse = '{synapse.kind}': must be 'exponential_current' for analysis of paths"
        )
    if isinstance(projection.wiring, Annealed):
        raise SpecificationError(f"{name}.wiring = 'annealed': must be a graph for analysis of paths")
    if projection.delay > 0.0:
        raise SpecificationError(f"{name}.delay = {projection.delay}: must be 0 for analysis of paths")
    return synapse


def _edges(network: Network) -> tuple[Ints, Ints, Floats]:
    sources, targets, jumps = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for projection in network.projections:
        synapse = _checked(projection)
        source, target, factors = graphs.edges(network, projection.name)
        jump = (-1.0 if synapse.inhibitory else 1.0) * synapse.weight / synapse.tau
        sources.append(source + network.neurons[projection.source].start)
        targets.append(target + network.neurons[projection.target].start)
        jumps.append(jump * (np.ones(source.size) if factors is None else factors))
    return np.concatenate(sources), np.concatenate(targets), np.concatenate(jumps)
