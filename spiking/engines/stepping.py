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
from spiking.drives import (
    ArrayDrive,
    ConstantDrive,
    GaussianDrive,
    OrnsteinUhlenbeckDrive,
    PoissonDrive,
    components,
    kicks_of,
)
from spiking.engines.trial import Engine, Plan, indices, starts
from spiking.errors import ParameterError, SpecificationError
from spiking.kernels import layout
from spiking.kernels.layout import Record
from spiking.network import Network, Population, Projection
from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, NoRefractory, Normal
from spiking.recording import State
from spiking.synapses import (
    Delta,
    ExponentialConductance,
    ExponentialCurrent,
    PendingCurrent,
    PendingKick,
    PendingSpikeSynapse,
)
from spiking.wiring import AllToAll, Annealed, Bernoulli, FixedOutDegree

SCHEMES = {
    "reference": layout.GRID, "grid": layout.GRID, "bridge": layout.BRIDGE, "interpolated": layout.INTERPOLATED,
}  # fmt: skip


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
            if isinstance(drive, ArrayDrive) and drive.values.size * drive.interval < duration * (1 - 1e-9):
                needed = math.ceil(duration / drive.interval * (1 - 1e-9))
                allowed = f"must be at least {needed}, of {drive.interval:g} ms each, for a duration of {duration:g} ms"
                raise ParameterError(f"{name}.drive", "values", f"{drive.values.size} values", allowed)
    for projection in network.projections:
        limits[f"{projection.name}.tau"] = getattr(projection.synapse, "tau", math.inf)
        steps = projection.delay / dt
        if steps > 0 and (steps < 1 - 1e-9 or not math.isclose(steps, round(steps), rel_tol=1e-9)):
            allowed = f"must be 0 or a whole number of steps of dt = {dt:g} ms"
            raise ParameterError(projection.name, "delay", projection.delay, allowed)
    for address, value in limits.items():
        if dt > value / 2:
            raise ParameterError("", "dt", dt, f"must be at most {value / 2:g} ms, half of {address} = {value:g} ms")
    edges = sum(graphs.expected_edges(network, p) for p in network.projections if _stored(p))
    memory.check(3.0 * edges, "the graph", "reduce probability, degrees or sizes, or use procedural = true")
    slots = 1 + max((round(p.delay / dt) for p in network.projections), default=0)
    memory.check(4.0 * slots * sum(network.sizes.values()), "spikes on their way", "reduce delays, or raise dt")


def _stored(projection: Projection) -> bool:
    wiring = projection.wiring
    return not (isinstance(wiring, (Annealed, AllToAll)) or getattr(wiring, "procedural", False))


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
        self.exact = scheme != "reference"
        index = indices(network)
        conductance = {p.target for p in network.projections if isinstance(p.synapse, ExponentialConductance)}
        flows = [_flow(p, dt, self.exact, p.name in conductance) for p in network.populations]
        self.populations = self._populations(index.start, flows)
        self.courses = _courses(network, dt)
        rows = [graphs.rows(network, p) if _stored(p) else None for p in network.projections]
        edge_start = starts([0 if r is None else r.edges.size for r in rows])
        row_start = starts([0 if r is None else r.row.size for r in rows])
        has_factors = [r is not None and r.factors.size > 0 for r in rows]
        pieces = [np.empty(0)]
        if any(has_factors):
            pieces += [r.factors if r.factors.size else np.ones(r.edges.size) for r in rows if r is not None]
        self.graph = layout.Graph(
            row=np.concatenate(
                [
                    np.empty(0, np.int64),
                    *(r.row + first for r, first in zip(rows, edge_start, strict=False) if r is not None),
                ]
            ),
            edges=np.concatenate([np.empty(0, np.uint16), *(r.edges for r in rows if r is not None)]),
            factors=np.concatenate(pieces),
        )
        self.projections = self._projections(flows, index, row_start, has_factors)
        self.tables = _tables(network, dt, self.exact)

    def _populations(self, start: npt.NDArray[np.int64], flows: list[_Flow]) -> layout.Populations:
        dt, columns = self.dt, []
        for population, flow in zip(self.network.populations, flows, strict=True):
            neuron, parts = population.neuron, components(population.drive)
            assert isinstance(neuron, LIF | QIF | EIF)
            process = next((d for d in parts if isinstance(d, OrnsteinUhlenbeckDrive)), None)
            gaussian = any(isinstance(d, GaussianDrive) for d in parts)
            poisson = any(isinstance(d, PoissonDrive) for d in parts)
            rate, size = kicks_of(population.drive)
            constant = sum(d.current for d in parts if isinstance(d, ConstantDrive))
            constant += (rate * size if gaussian else 0.0) + (process.mean if process else 0.0)
            decay = math.exp(-dt / process.tau) if process else 0.0
            variance = rate * size**2 * flow.noise_time if gaussian else 0.0
            bridged = variance if self.scheme == layout.BRIDGE and neuron.threshold < math.inf else 0.0
            columns.append((
                flow.kind, neuron.threshold, neuron.reset, getattr(neuron, "rest", 0.0), flow.leak,
                getattr(neuron, "onset", 0.0), getattr(neuron, "slope_factor", 1.0),
                bridged > 0 and isinstance(neuron.refractory, NoRefractory), constant * flow.acting, flow.acting,
                decay, process.deviation * math.sqrt(1 - decay**2) if process else 0.0,
                process.tau * math.tanh(dt / 2 / process.tau) * flow.acting / dt if process else 0.0,
                layout.GAUSSIAN if gaussian else layout.POISSON if poisson else layout.NO_KICKS,
                math.sqrt(variance), size, bridged, *self._refractory(neuron),
            ))  # fmt: skip
        fields = zip(layout.Populations._fields[1:], zip(*columns, strict=True), strict=True)
        return layout.Populations(start=start, **{name: np.array(column) for name, column in fields})

    def _refractory(self, neuron: LIF | QIF | EIF) -> tuple[int, float, float]:
        """Return (kind, first and second number) of a refractory time in steps.

        A spike found by the bridge lies half a step, on average, before the step's end.
        """
        refractory, dt = neuron.refractory, self.dt
        half = 0.5 if self.scheme == layout.BRIDGE else 0.0
        if isinstance(refractory, Fixed):
            steps = refractory.duration / dt
            if self.scheme == layout.INTERPOLATED:
                return layout.FIXED, steps, 0.0
            return (layout.FIXED, steps - 1.0, 1.0) if half else (layout.FIXED, float(max(1, round(steps))), 0.0)
        if isinstance(refractory, Exponential):
            if self.scheme == layout.INTERPOLATED:
                return layout.EXPONENTIAL_TIME, refractory.mean / dt, 0.0
            return layout.GEOMETRIC, graphs.log_failure(dt / (refractory.mean - half * dt)), 0.0
        if isinstance(refractory, Normal):
            return layout.NORMAL_TIME, refractory.mean / dt - half, refractory.deviation / dt
        return layout.FIXED, 0.0, 0.0

    def _projections(
        self, flows: list[_Flow], index: Any, row_start: npt.NDArray[np.int64], weighted: list[bool]
    ) -> layout.Projections:
        dt, network, columns, keys = self.dt, self.network, [], []
        for projection, target, has_factors in zip(network.projections, index.target, weighted, strict=True):
            synapse, flow, neuron = projection.synapse, flows[target], network.populations[target].neuron
            strength = -1.0 if getattr(synapse, "inhibitory", False) else 1.0
            strength *= synapse.weight  # type: ignore[attr-defined]
            tau = getattr(synapse, "tau", math.inf)
            share = -math.expm1(-dt / tau) if self.exact else dt / tau
            c0, c1, unit, reversal, rounded = 1.0, 0.0, 1.0, 0.0, False
            lag = round(projection.delay / dt)
            if isinstance(synapse, PendingCurrent):
                kind, gain = layout.PENDING_CURRENT, strength * share * flow.acting / dt
            elif isinstance(synapse, PendingKick):
                kind, gain, rounded = layout.PENDING_KICK, strength, synapse.rounded
            elif isinstance(synapse, Delta):
                kind, gain, unit, lag = layout.DELTA, 1.0, strength, max(0, lag - 1)
            elif isinstance(synapse, ExponentialCurrent):
                kind, unit = layout.EXPONENTIAL_CURRENT, strength / tau
                gain = _filtered(dt, tau, neuron) if flow.kind == layout.LINEAR else tau * share
            else:
                assert isinstance(synapse, ExponentialConductance)
                assert isinstance(neuron, LIF | EIF)
                kind, unit, reversal = layout.EXPONENTIAL_CONDUCTANCE, strength, synapse.reversal
                gain = 0.5 * tau * share / neuron.tau_m
            if isinstance(synapse, PendingSpikeSynapse):
                assert isinstance(neuron, LIF | QIF | EIF)
                c0, c1 = inhibitory_factor(synapse, neuron.threshold)
            columns.append((
                kind, unit, gain, math.exp(-dt / tau), reversal, c0, c1, rounded, lag,
                *_wiring(projection, has_factors),
            ))  # fmt: skip
            keys.append(graphs.key(projection))
        names = ("synapse", "unit", "gain", "decay", "reversal", "c0", "c1", "rounded", "lag", "wiring", "parameter")
        dtypes = (int, float, float, float, float, float, float, bool, int, int, float)
        values = zip(*columns, strict=True) if columns else [()] * len(names)
        arrays: dict[str, Any] = {
            n: np.array(column, dtype) for n, column, dtype in zip(names, values, dtypes, strict=True)
        }
        return layout.Projections(
            target=index.target, source=index.source,
            level_start=starts([network.sizes[p.target] for p in network.projections]),
            key=np.array(keys, np.uint32).reshape(-1, 2), row_start=row_start, **arrays,
        )  # fmt: skip

    def _slots(self) -> int:
        return int(self.projections.lag.max(initial=0)) + 1

    def start(self, seed: np.random.SeedSequence, voltage: npt.NDArray[np.float64]) -> Running:
        """Return the state of a trial at rest; Ornstein-Uhlenbeck processes are stationary."""
        rng = np.random.default_rng(seed.spawn(1)[0])
        process = rng.standard_normal(voltage.size)
        start = self.populations.start
        for a, population in enumerate(self.network.populations):
            drives = [d for d in components(population.drive) if isinstance(d, OrnsteinUhlenbeckDrive)]
            process[start[a] : start[a + 1]] *= drives[0].deviation if drives else 0.0
        arrays = layout.State(
            voltage=voltage.copy(), hold=np.zeros(voltage.size, np.int64), late=np.zeros(voltage.size),
            level=np.zeros(self.projections.level_start[-1]), process=process,
            history=np.empty((self._slots(), voltage.size), np.uint32),
            bounds=np.zeros((self._slots(), start.size), np.int64),
        )  # fmt: skip
        return Running(seed.generate_state(2), 0, arrays)

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
        arrays = layout.State(
            voltage=state.voltage[trial].copy(), hold=np.floor(left).astype(np.int64) + step, late=late,
            level=state.synaptic[trial].copy(),
            process=state.process[trial].copy(), history=history, bounds=bounds,
        )  # fmt: skip
        return Running(key, step, arrays)

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
        )


@dataclass(frozen=True)
class _Flow:
    """How a population's voltage moves in a step, and for which time (ms) constant input and white noise act."""

    kind: int
    leak: float
    acting: float
    noise_time: float


def _flow(population: Population, dt: float, exact: bool, conductance: bool) -> _Flow:
    neuron = population.neuron
    if isinstance(neuron, LIF) and not conductance:
        if not exact or math.isinf(neuron.tau_m):
            return _Flow(layout.LINEAR, dt / neuron.tau_m, dt, dt)
        leak = -math.expm1(-dt / neuron.tau_m)
        return _Flow(layout.LINEAR, leak, neuron.tau_m * leak, -neuron.tau_m / 2 * math.expm1(-2 * dt / neuron.tau_m))
    assert isinstance(neuron, LIF | QIF | EIF)
    if isinstance(neuron, QIF):
        kind = layout.QUADRATIC_INFINITE if math.isinf(neuron.threshold) else layout.QUADRATIC
    else:
        kind = layout.CONDUCTANCE if isinstance(neuron, LIF) else layout.EXPONENTIAL
    return _Flow(kind, dt / neuron.tau_m, dt, dt)


def _filtered(dt: float, tau: float, neuron: Any) -> float:
    """Return what a unit current that decays with tau adds to a leaky voltage within dt (ms)."""
    difference = 1.0 / tau - 1.0 / neuron.tau_m
    time = dt if difference == 0 else -math.expm1(-dt * difference) / difference
    return math.exp(-dt / neuron.tau_m) * time


def _wiring(projection: Projection, weighted: bool) -> tuple[int, float]:
    wiring = projection.wiring
    if isinstance(wiring, Annealed):
        return layout.ANNEALED, wiring.probability
    if isinstance(wiring, AllToAll):
        return layout.ALL_TO_ALL, 0.0
    if isinstance(wiring, FixedOutDegree) and wiring.procedural:
        return layout.REGENERATED_OUT_DEGREE, float(wiring.out_degree)
    if isinstance(wiring, Bernoulli) and wiring.procedural:
        return layout.REGENERATED_BERNOULLI, graphs.log_failure(wiring.probability)
    return (layout.WEIGHTED if weighted else layout.STORED), 0.0


def _courses(network: Network, dt: float) -> layout.Courses:
    drives = [(a, d) for a, p in enumerate(network.populations) for d in components(p.drive)]
    parts = [(a, d) for a, d in drives if isinstance(d, ArrayDrive)]
    return layout.Courses(
        population=np.array([a for a, _ in parts], np.int64),
        start=starts([d.values.size for _, d in parts]),
        interval=np.array([d.interval / dt for _, d in parts], float),
        values=np.concatenate([np.empty(0), *(d.values for _, d in parts)]),
    )


def _tables(network: Network, dt: float, exact: bool) -> layout.Tables:
    from spiking.kernels import tables

    drives = []
    for population in network.populations:
        poisson = any(isinstance(d, PoissonDrive) for d in components(population.drive))
        drives.append(tables.poisson_row(kicks_of(population.drive)[0] * dt if poisson else 0.0))
    consumption: list[npt.NDArray[np.float64]] = []
    arrival: list[npt.NDArray[np.float64]] = []
    consumption_row, arrival_row = [], []
    for projection in network.projections:
        consumption_row.append(len(consumption))
        arrival_row.append(len(arrival))
        if isinstance(projection.synapse, PendingSpikeSynapse):
            tau = projection.synapse.tau
            share = -math.expm1(-dt / tau) if exact else dt / tau
            consumption += tables.consumption_rows(share, binomial=exact)
        if isinstance(projection.wiring, Annealed):
            arrival += tables.arrival_rows(projection.wiring.probability)
    return layout.Tables(
        *tables.pack(drives), *tables.pack(consumption), np.array(consumption_row, np.int64), *tables.pack(arrival),
        np.array(arrival_row, np.int64),
    )  # fmt: skip


def inhibitory_factor(synapse: PendingSpikeSynapse, threshold: float) -> tuple[float, float]:
    """Return (c0, c1) of c(v) = c0 + c1 v: the voltage dependence of a synapse onto a neuron."""
    if synapse.reversal == -math.inf:
        return 1.0, 0.0
    span = threshold - synapse.reversal
    return -synapse.reversal / span, 1.0 / span
