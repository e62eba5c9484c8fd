"""Networks in Brian2."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking.drives import (
    ConstantDrive,
    Drive,
    GaussianDrive,
    NoDrive,
    OrnsteinUhlenbeckDrive,
    PoissonDrive,
    components,
)
from spiking.errors import ParameterError
from spiking.network import Network, Population, Projection
from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, NoRefractory, Normal
from spiking.peers import common
from spiking.peers.common import Floats, Peer
from spiking.peers.equations import equations, variables
from spiking.recording import Recording
from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent, PendingSpikeSynapse
from spiking.wiring import AllToAll, Annealed, Bernoulli, Explicit, FixedInDegree, FixedOutDegree

_PEER = Peer(
    name="Brian2",
    module="brian2",
    extra="brian2",
    expressed=(
        LIF, QIF, EIF, NoRefractory, Fixed, Exponential, Normal,
        NoDrive, ConstantDrive, PoissonDrive, GaussianDrive, OrnsteinUhlenbeckDrive,
        Delta, ExponentialCurrent, ExponentialConductance,
        AllToAll, Bernoulli, FixedInDegree, FixedOutDegree, Explicit,
    ),
    reasons={
        Annealed: "Brian2 connects neurons once and for all; use bernoulli",
        PendingSpikeSynapse: (
            "spikes that wait for random times are not translated for Brian2; use exponential_current, which moves the "
            "same voltage on average"
        ),
    },
)  # fmt: skip
_SOURCES = 1000
_AT_THE_END_OF_A_STEP = "before_thresholds"


@dataclass
class Brian2Model:
    """A network in Brian2.

    Attributes
    ----------
    network : Network
        What was translated.
    dt : float
        Step in ms.
    seed : int
    simulation : brian2.Network
        Of all objects below.
    groups : dict
        Population to ``NeuronGroup``; its variable ``v`` is the voltage, a number in mV.
    synapses : dict
        Projection to ``Synapses``.
    variables : dict
        Projection to the variable of the target that its spikes change: ``v``, ``current_0`` (a number in mV/ms),
        ``conductance_0`` (over the leak conductance), ... Projections with equal time constants share one.
    inputs : dict
        Population to the objects of its random drives: ``PoissonInput``, ``CodeRunner``.
    monitors : dict
        Population to ``SpikeMonitor``. Brian2's time of a spike is the start of the step, ours the end.
    """

    network: Network
    dt: float
    seed: int
    simulation: Any
    groups: dict[str, Any]
    synapses: dict[str, Any]
    variables: dict[str, str]
    inputs: dict[str, list[Any]]
    monitors: dict[str, Any]

    def run(self, duration: float) -> Recording:
        """Run on for `duration` ms and return the spikes of this time.

        A standalone device that does not build on its own is built, with the options given to ``brian2.set_device``.
        """
        brian2 = _PEER.load()
        steps = common.run_steps(duration, self.dt)
        start = round(self.simulation.t_ * 1e3 / self.dt)
        self.simulation.run(steps * self.dt * brian2.ms, namespace={})
        device = brian2.get_device()
        if not device.build_on_run:
            device.build(**device.build_options)
        return self.recording(duration, start=start * self.dt)

    def recording(self, duration: float, *, start: float = 0.0) -> Recording:
        """Return the spikes of `duration` ms after `start` ms of a simulation that was run by Brian2's own means."""
        skipped = round(start / self.dt)
        spikes = {
            name: (np.rint(monitor.t_[:] * 1e3 / self.dt).astype(np.int64) + 1 - skipped, monitor.i[:])
            for name, monitor in self.monitors.items()
        }
        options = {"dt": self.dt, "seed": self.seed, "engine": f"brian2 {_PEER.load().__version__}"}
        return common.recording(self.network, spikes, duration=duration, options=options)


def to_brian2(network: Network, *, dt: float = 0.1, seed: int = 0, voltage: npt.ArrayLike | None = None) -> Brian2Model:
    """Build a network in Brian2.

    Parameters
    ----------
    network : Network
        Without annealed wiring and pending-spike synapses; a QIF neuron needs finite cutoffs.
    dt : float
        Step in ms.
    seed : int
        Of Brian2's random numbers, which are set by ``brian2.seed``. The graph comes from the wirings' own seeds.
    voltage : array_like, shape (neurons,), optional
        Initial voltages in mV; by default each neuron's reset.

    Returns
    -------
    Brian2Model

    Raises
    ------
    SpecificationError
        Before anything is built, if the network has a part that Brian2 cannot express or an option is out of range;
        or if Brian2 is not installed.

    Notes
    -----
    Voltages are pure numbers in mV, currents in mV/ms; times are Brian2's. Methods: ``exact`` for LIF neurons,
    ``exponential_euler`` for LIF neurons with conductances (which enter with their mean over the step: second order in
    dt), ``rk4`` for LIF neurons without leak or with a synapse as slow as the leak (which ``exact`` cannot treat),
    ``rk2`` for QIF and EIF neurons, whose upswing is cut off at threshold.

    Brian2 holds a voltage one step less than its refractory time says, and its spikes act after the threshold test;
    to agree with `spiking.simulate`, the refractory time is one step longer, and delta synapses and noise act before
    that test (``when="before_thresholds"``) with a delay one step shorter. A random refractory time is drawn at every
    spike and rounded to whole steps.

    Poisson kicks come from a ``PoissonInput`` of 1000 sources for each neuron: a binomial number of kicks in each step,
    which Brian2 takes from a normal distribution if more than 5 are expected. White noise and the noise of an
    Ornstein-Uhlenbeck current are added at the end of each step, with the variance that they gather in it (exact for
    LIF neurons in white noise).

    It works with ``brian2.set_device("cpp_standalone")`` too, with and without ``build_on_run=False``.
    """
    network, voltages = common.checked(_PEER, network, dt, seed, voltage)
    for population in network.populations:
        if math.isinf(network[f"{population.name}.threshold"]):
            allowed = "Brian2 needs finite cutoffs; use a high threshold and a low reset"
            raise ParameterError(population.name, "threshold", math.inf, allowed)
    brian2 = _PEER.load()
    brian2.seed(int(seed))
    clock = brian2.Clock(dt * brian2.ms)
    neurons = network.neurons
    groups = {p.name: _group(brian2, network, p, clock, voltages[neurons[p.name]], dt) for p in network.populations}
    inputs = {p.name: _inputs(brian2, groups[p.name], p, dt) for p in network.populations}
    acted_on = {p.name: variables(network, p.target)[common.receptor(p.synapse)] for p in network.projections}
    synapses = {p.name: _synapses(brian2, network, p, groups, acted_on[p.name], clock, dt) for p in network.projections}
    monitors = {name: brian2.SpikeMonitor(group, name=f"spikes_{name}") for name, group in groups.items()}
    own_runs = [source for found in inputs.values() for source in found if isinstance(source, brian2.PoissonInput)]
    simulation = brian2.Network(*groups.values(), *own_runs, *synapses.values(), *monitors.values())
    return Brian2Model(
        network=network, dt=dt, seed=seed, simulation=simulation, groups=groups, synapses=synapses,
        variables=acted_on, inputs=inputs, monitors=monitors,
    )  # fmt: skip


def _group(brian2: Any, network: Network, population: Population, clock: Any, voltage: Floats, dt: float) -> Any:
    found = equations(network, population, dt)
    refractory: Any = found.refractory
    if isinstance(refractory, int):
        refractory = (refractory + 1) * clock.dt if refractory else False
    group = brian2.NeuronGroup(
        population.size,
        found.differential,
        threshold="v >= threshold",
        reset=found.reset,
        refractory=refractory,
        method=found.method,
        namespace=found.constants,
        clock=clock,
        name=f"neurons_{population.name}",
    )
    group.v = voltage if np.ptp(voltage) else voltage[0]
    for drive in components(population.drive):
        if isinstance(drive, OrnsteinUhlenbeckDrive):
            group.noise = f"{drive.mean} + {drive.deviation}*randn()"
    return group


def _inputs(brian2: Any, group: Any, population: Population, dt: float) -> list[Any]:
    """Return the objects that add a population's noise at the end of each step."""
    return [
        found
        for drive in components(population.drive)
        if (found := _input(brian2, group, population.neuron, drive, dt)) is not None
    ]


def _input(brian2: Any, group: Any, neuron: Any, drive: Drive, dt: float) -> Any:
    if isinstance(drive, PoissonDrive):
        rate = drive.rate / _SOURCES / brian2.ms
        return brian2.PoissonInput(group, "v", _SOURCES, rate, drive.size, when=_AT_THE_END_OF_A_STEP)
    if isinstance(drive, GaussianDrive):
        tau = neuron.tau_m if isinstance(neuron, LIF) else math.inf
        gathered = dt if math.isinf(tau) else -math.expm1(-2 * dt / tau) * tau / 2
        variable, deviation = "v", math.sqrt(drive.rate * gathered) * drive.size
    elif isinstance(drive, OrnsteinUhlenbeckDrive):
        variable, deviation = "noise", drive.deviation * math.sqrt(-math.expm1(-2 * dt / drive.tau))
    else:
        return None
    return group.run_regularly(f"{variable} += {deviation}*randn()", clock=group.clock, when=_AT_THE_END_OF_A_STEP)


def _synapses(
    brian2: Any, network: Network, projection: Projection, groups: dict[str, Any], variable: str, clock: Any, dt: float
) -> Any:
    sources, targets, weight = common.weighted_edges(network, projection)
    synapse = projection.synapse
    if isinstance(synapse, ExponentialCurrent):
        weight = weight / synapse.tau
    several = isinstance(weight, np.ndarray)
    steps = common.delay_steps(projection, dt)
    delta = isinstance(synapse, Delta)
    found = brian2.Synapses(
        groups[projection.source],
        groups[projection.target],
        model="weight : 1 (constant)" if several else "",
        on_pre=f"{variable}_post += weight",
        delay=(max(steps, 1) - 1 if delta else steps) * clock.dt,
        namespace={} if several else {"weight": weight},
        clock=clock,
        name=f"synapses_{projection.name}",
    )
    if delta:
        found.pre.when = _AT_THE_END_OF_A_STEP
    if sources.size == 0:
        found.connect(False)
        return found
    found.connect(i=sources, j=targets)
    if several:
        found.weight = weight
    return found
