"""Networks in steps: schemes "reference", "grid", "bridge" and "interpolated"."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking import graphs, memory
from spiking.drives import ArrayDrive, LorentzianDrive, OrnsteinUhlenbeckDrive, PoissonDrive, components
from spiking.engines import arrays
from spiking.engines.trial import Engine, Plan, parts_of
from spiking.errors import ParameterError, SpecificationError
from spiking.kernels import layout
from spiking.kernels.layout import Record
from spiking.kernels.tables import MOST_EXPECTED
from spiking.network import Network
from spiking.neurons import LIF, Exponential, Fixed
from spiking.recording import State
from spiking.synapses import PendingSpikeSynapse

SCHEMES = {
    "reference": layout.GRID, "grid": layout.GRID, "bridge": layout.BRIDGE, "interpolated": layout.INTERPOLATED,
}  # fmt: skip

_PROCESS_KEY = 1
_OUTERMOST = 0.25


def engine(scheme: str) -> Engine:
    """Return the engine of a scheme."""
    return Engine(partial(_check, scheme), partial(Stepping, scheme=scheme))


def covers(scheme: str, network: Network) -> bool:
    """Whether a scheme is defined for the parts of a network."""
    return scheme != "reference" or (
        all(isinstance(p.neuron, LIF) for p in network.populations)
        and all(isinstance(p.synapse, PendingSpikeSynapse) for p in network.projections)
    )


def _check(scheme: str, network: Network, dt: float, duration: float, plan: Plan) -> None:
    if not covers(scheme, network):
        raise SpecificationError(
            "scheme 'reference' is the step of [C25] for LIF neurons with pending-spike synapses; use scheme 'grid'"
        )
    limits: dict[str, float] = {}
    for population in network.populations:
        neuron, name = population.neuron, population.name
        limits[f"{name}.tau_m"] = getattr(neuron, "tau_m", math.inf)
        refractory = getattr(neuron, "refractory", None)
        if isinstance(refractory, Fixed):
            limits[f"{name}.refractory.duration"] = refractory.duration
        elif isinstance(refractory, Exponential):
            limits[f"{name}.refractory.mean"] = refractory.mean
        for drive in components(population.drive):
            if isinstance(drive, OrnsteinUhlenbeckDrive):
                limits[f"{name}.drive.tau"] = drive.tau
            if isinstance(drive, PoissonDrive) and drive.rate * dt > MOST_EXPECTED:
                allowed = f"must be at most {MOST_EXPECTED / dt:g} kicks per ms at dt = {dt:g} ms; use a GaussianDrive"
                raise ParameterError(f"{name}.drive", "rate", drive.rate, allowed)
            if isinstance(drive, ArrayDrive) and not _whole(drive.interval / dt):
                allowed = f"must be a whole number of steps of dt = {dt:g} ms"
                raise ParameterError(f"{name}.drive", "interval", drive.interval, allowed)
            if isinstance(drive, ArrayDrive) and drive.values.size * drive.interval < duration * (1 - 1e-9):
                needed = math.ceil(duration / drive.interval * (1 - 1e-9))
                allowed = f"must be at least {needed}, of {drive.interval:g} ms each, for a duration of {duration:g} ms"
                raise ParameterError(f"{name}.drive", "values", f"{drive.values.size} values", allowed)
    for projection in network.projections:
        limits[f"{projection.name}.tau"] = getattr(projection.synapse, "tau", math.inf)
        if projection.delay > 0 and not _whole(projection.delay / dt):
            allowed = f"must be 0 or a whole number of steps of dt = {dt:g} ms"
            raise ParameterError(projection.name, "delay", projection.delay, allowed)
    for address, value in limits.items():
        if dt > value / 2:
            raise ParameterError("", "dt", dt, f"must be at most {value / 2:g} ms, half of {address} = {value:g} ms")
    edges = sum(graphs.expected_edges(network, p) for p in network.projections if arrays.stored(p))
    longest = max((getattr(p.wiring, "out_degree", 0) for p in network.projections), default=0)
    memory.check(12.0 * longest, "the targets of a spike", "reduce out_degree")
    memory.check(3.0 * edges, "the graph", "reduce probability, degrees or sizes, or use procedural = true")
    slots = 1 + max((round(p.delay / dt) for p in network.projections), default=0)
    memory.check(4.0 * slots * sum(network.sizes.values()), "spikes on their way", "reduce delays, or raise dt")


def _whole(steps: float) -> bool:
    return round(steps) >= 1 and math.isclose(steps, round(steps), rel_tol=1e-9)


def _lorentzian(rng: np.random.Generator, size: int) -> npt.NDArray[np.float64]:
    """Draw a number of standard Lorentzian distribution from each of equally likely intervals.

    The two outermost, of infinite variance, stand where the mean root of their distance from 0 is theirs.
    """
    place = rng.random(size)
    if size > 1:
        place[0], place[-1] = _OUTERMOST, 1.0 - _OUTERMOST
    return np.asarray(np.tan(np.pi * ((np.arange(size) + place) / size - 0.5)), np.float64)


@dataclass
class Running:
    """State of one trial: the key of its random numbers, its count of steps, and its arrays."""

    key: npt.NDArray[Any]
    step: int
    arrays: layout.State


class Stepping:
    """A network made ready; see `spiking.engines.trial.Model`."""

    def __init__(self, network: Network, dt: float, *, scheme: str) -> None:
        self.network, self.dt, self.scheme = network, dt, SCHEMES[scheme]
        exact = scheme != "reference"
        flows = arrays.flows_of(network, dt, exact)
        self.populations = arrays.populations(network, dt, self.scheme, flows)
        self.courses = arrays.courses(network, dt)
        self.graph, row_start, weighted = arrays.graph(network)
        self.projections = arrays.projections(network, dt, exact, flows, row_start, weighted)
        self.tables = arrays.tables(network, dt, exact)

    def _slots(self) -> int:
        return int(self.projections.lag.max(initial=0)) + 1

    def start(self, seed: np.random.SeedSequence, voltage: npt.NDArray[np.float64]) -> Running:
        """Return the state of a trial at rest, with stationary Ornstein-Uhlenbeck currents."""
        rng = np.random.default_rng(np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, _PROCESS_KEY)))
        process = rng.standard_normal(voltage.size)
        start = self.populations.start
        for a, population in enumerate(self.network.populations):
            own = process[start[a] : start[a + 1]]
            drives = components(population.drive)
            own *= next((d.deviation for d in drives if isinstance(d, OrnsteinUhlenbeckDrive)), 0.0)
            if any(isinstance(d, LorentzianDrive) for d in drives):
                own[:] = rng.permutation(_lorentzian(rng, own.size))
        found = layout.State(
            voltage=voltage.copy(), hold=np.zeros(voltage.size, np.int64), late=np.zeros(voltage.size),
            level=np.zeros(self.projections.level_start[-1]), process=process,
            history=np.empty((self._slots(), voltage.size), np.uint32),
            bounds=np.zeros((self._slots(), start.size), np.int64),
        )  # fmt: skip
        return Running(seed.generate_state(2), 0, found)

    def resume(self, state: State, trial: int, seed: np.random.SeedSequence | None) -> Running:
        """Return the state of a trial where an earlier run stopped."""
        past = json.loads(state.generators[trial])
        step = int(past["step"]) if seed is None else 0
        key = np.array(past["key"], np.uint32) if seed is None else seed.generate_state(2)
        left = state.refractory[trial]
        late = left - np.floor(left)
        own = state.in_flight[state.in_flight[:, 0] == trial]
        slots, start = self._slots(), self.populations.start
        history = np.empty((slots, left.size), np.uint32)
        bounds = np.zeros((slots, start.size), np.int64)
        for age in range(1, slots + 1):
            senders = np.sort(own[own[:, 1] == age, 2])
            slot = (step - age) % slots
            history[slot, : senders.size] = senders
            bounds[slot] = np.searchsorted(senders, start)
        found = layout.State(
            voltage=state.voltage[trial].copy(), hold=np.floor(left).astype(np.int64) + step, late=late,
            level=state.synaptic[trial].copy(),
            process=state.process[trial].copy(), history=history, bounds=bounds,
        )  # fmt: skip
        return Running(key, step, found)

    def advance(self, state: Running, first_step: int, steps: int, every: int, record: Record) -> tuple[int, int]:
        """Advance by some steps."""
        from spiking.kernels import stepping

        done, fired = stepping.advance(
            state.key, self.scheme, first_step, steps, state.step - first_step, every, self.dt, self.populations,
            self.courses, self.projections, self.graph, self.tables, state.arrays, record,
        )  # fmt: skip
        state.step += done
        return int(done), int(fired)

    def voltage(self, state: Running) -> npt.NDArray[np.float64]:
        """Return the voltages of a state."""
        return state.arrays.voltage

    def frozen(self, states: list[Running]) -> State:
        """Return the states of all trials."""
        flights = [np.empty((0, 3), np.int64)]
        slots = self._slots()
        for trial, state in enumerate(states):
            for age in range(1, min(slots, state.step) + 1):
                slot = (state.step - age) % slots
                senders = state.arrays.history[slot, : state.arrays.bounds[slot, -1]].astype(np.int64)
                flights.append(np.stack([np.full_like(senders, trial), np.full_like(senders, age), senders], axis=1))
        return State(
            voltage=np.stack([s.arrays.voltage for s in states]),
            refractory=np.stack([np.maximum(s.arrays.hold + s.arrays.late - s.step, 0.0) for s in states]),
            synaptic=np.stack([s.arrays.level for s in states]),
            process=np.stack([s.arrays.process for s in states]),
            in_flight=np.concatenate(flights),
            generators=tuple(json.dumps({"key": s.key.tolist(), "step": s.step}) for s in states),
            dt=self.dt,
            parts=parts_of(self.network),
        )
