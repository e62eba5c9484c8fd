"""Scheme "exact": event-driven simulation of annealed kick networks, without a time step."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiking.drives import NoDrive, PoissonDrive, kicks_of
from spiking.engines.arrays import inhibitory_factor
from spiking.engines.trial import Engine, Plan, indices, parts_of, starts
from spiking.errors import ParameterError, SpecificationError
from spiking.kernels.layout import Record
from spiking.network import Network
from spiking.neurons import LIF, Exponential, NoRefractory
from spiking.recording import State
from spiking.synapses import PendingKick
from spiking.wiring import Annealed


def check(network: Network, dt: float, duration: float, plan: Plan) -> None:
    """Refuse networks whose events are not all exponential clocks, and leaks that can reach the threshold."""
    for population in network.populations:
        name, neuron = population.name, population.neuron
        if not isinstance(neuron, LIF):
            raise SpecificationError(
                f"{name}: scheme 'exact' simulates leaky or perfect IF neurons only; use another scheme"
            )
        if not isinstance(population.drive, (NoDrive, PoissonDrive)):
            raise SpecificationError(
                f"{name}.drive: scheme 'exact' needs Poisson kicks or no drive; use another scheme"
            )
        if not isinstance(neuron.refractory, (NoRefractory, Exponential)):
            raise SpecificationError(
                f"{name}.refractory: scheme 'exact' needs an exponential or no refractory time; use another scheme"
            )
        if neuron.tau_m < np.inf and neuron.rest >= neuron.threshold:
            raise SpecificationError(f"{name}.rest: scheme 'exact' needs it below {name}.threshold")
    for projection in network.projections:
        name = projection.name
        if not isinstance(projection.synapse, PendingKick):
            raise SpecificationError(f"{name}.synapse: scheme 'exact' needs kick synapses; use another scheme")
        if not isinstance(projection.wiring, Annealed):
            raise SpecificationError(f"{name}.wiring: scheme 'exact' needs annealed wiring; use another scheme")
        if projection.delay > 0:
            raise ParameterError(name, "delay", projection.delay, "must be 0 for scheme 'exact'; use another scheme")
    if plan.traced.size or plan.edges.size:
        raise SpecificationError("traces, voltage_bins: scheme 'exact' records none; use another scheme")


@dataclass
class Running:
    """State of one trial."""

    voltage: npt.NDArray[np.float64]
    refractory: npt.NDArray[np.int64]
    pending: npt.NDArray[np.int64]
    generator: np.random.Generator


class Events:
    """A network made ready; see `spiking.engines.trial.Model`."""

    def __init__(self, network: Network, dt: float) -> None:
        self.dt, self.parts = dt, parts_of(network)
        index = indices(network)
        self.pending_start = starts([network.sizes[p.target] for p in network.projections])
        neurons = [p.neuron for p in network.populations if isinstance(p.neuron, LIF)]
        kicks = [kicks_of(p.drive) for p in network.populations]
        synapses = [p.synapse for p in network.projections if isinstance(p.synapse, PendingKick)]
        factors = [inhibitory_factor(s, neurons[t].threshold) for s, t in zip(synapses, index.target, strict=True)]

        def floats(values: list[float]) -> npt.NDArray[np.float64]:
            return np.array(values, np.float64)

        self.constants = (
            index.start, floats([n.threshold for n in neurons]), floats([n.reset for n in neurons]),
            floats([n.rest for n in neurons]), floats([1.0 / n.tau_m for n in neurons]),
            floats([rate for rate, _ in kicks]), floats([size for _, size in kicks]),
            floats([1.0 / n.refractory.mean if isinstance(n.refractory, Exponential) else 0.0 for n in neurons]),
            index.target, index.source, self.pending_start,
            floats([-s.weight if s.inhibitory else s.weight for s in synapses]), floats([s.tau for s in synapses]),
            floats([c0 for c0, _ in factors]), floats([c1 for _, c1 in factors]),
            np.array([s.rounded for s in synapses], bool),
            floats([network[f"{p.name}.probability"] for p in network.projections]),
        )  # fmt: skip

    def start(self, seed: np.random.SeedSequence, voltage: npt.NDArray[np.float64]) -> Running:
        """Return the state of a trial at rest."""
        nothing = np.zeros(self.pending_start[-1], np.int64)
        generator = np.random.Generator(np.random.PCG64(seed))
        return Running(voltage.copy(), np.zeros(voltage.size, np.int64), nothing, generator)

    def resume(self, state: State, trial: int, seed: np.random.SeedSequence | None) -> Running:
        """Return the state of a trial where an earlier run stopped."""
        bits = np.random.PCG64(seed)
        if seed is None:
            bits.state = json.loads(state.generators[trial])
        refractory, pending = state.refractory[trial].astype(np.int64), state.synaptic[trial].astype(np.int64)
        return Running(state.voltage[trial].copy(), refractory, pending, np.random.Generator(bits))

    def advance(self, state: Running, first_step: int, steps: int, every: int, record: Record) -> tuple[int, int]:
        """Advance over some intervals of dt."""
        from spiking.kernels import events

        done, fired = events.advance(
            state.generator, first_step, steps, every, self.dt, *self.constants, state.voltage, state.refractory,
            state.pending, record.counts, record.mean_voltage, record.spread_voltage, record.mean_synaptic,
            record.events, record.times, record.senders,
        )  # fmt: skip
        return int(done), int(fired)

    def voltage(self, state: Running) -> npt.NDArray[np.float64]:
        """Return the voltages of a state."""
        return state.voltage

    def frozen(self, states: list[Running]) -> State:
        """Return the states of all trials."""
        return State(
            voltage=np.stack([s.voltage for s in states]),
            refractory=np.stack([s.refractory for s in states]).astype(np.float64),
            synaptic=np.stack([s.pending for s in states]).astype(np.float64),
            process=np.zeros((len(states), states[0].voltage.size)),
            in_flight=np.empty((0, 3), np.int64),
            generators=tuple(json.dumps(s.generator.bit_generator.state) for s in states),
            dt=self.dt, parts=self.parts,
        )  # fmt: skip


ENGINE = Engine(check, Events)
