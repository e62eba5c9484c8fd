"""The arrays that the step's kernel takes (see `spiking.kernels.layout`), from a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking import graphs
from spiking.drives import (
    ArrayDrive,
    ConstantDrive,
    GaussianDrive,
    LorentzianDrive,
    OrnsteinUhlenbeckDrive,
    PoissonDrive,
    components,
    kicks_of,
)
from spiking.engines.trial import indices, starts
from spiking.kernels import layout
from spiking.network import Network, Population, Projection
from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, NoRefractory, Normal
from spiking.synapses import (
    Delta,
    ExponentialConductance,
    ExponentialCurrent,
    PendingCurrent,
    PendingKick,
    PendingSpikeSynapse,
)
from spiking.wiring import AllToAll, Annealed, Bernoulli, FixedOutDegree

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Flow:
    """How a population's voltage moves in a step, and for which time (ms) constant input and white noise act."""

    kind: int
    leak: float
    acting: float
    noise_time: float


def flows_of(network: Network, dt: float, exact: bool) -> list[Flow]:
    """Return how the voltages of every population move; `exact` chooses exact propagators."""
    conductance = {p.target for p in network.projections if isinstance(p.synapse, ExponentialConductance)}
    return [_flow(p, dt, exact, p.name in conductance) for p in network.populations]


def _flow(population: Population, dt: float, exact: bool, conductance: bool) -> Flow:
    neuron = population.neuron
    if isinstance(neuron, LIF) and not conductance:
        if not exact or math.isinf(neuron.tau_m):
            return Flow(layout.LINEAR, dt / neuron.tau_m, dt, dt)
        leak = -math.expm1(-dt / neuron.tau_m)
        return Flow(layout.LINEAR, leak, neuron.tau_m * leak, -neuron.tau_m / 2 * math.expm1(-2 * dt / neuron.tau_m))
    assert isinstance(neuron, LIF | QIF | EIF)
    if isinstance(neuron, QIF):
        kind = layout.QUADRATIC_INFINITE if math.isinf(neuron.threshold) else layout.QUADRATIC
    else:
        kind = layout.CONDUCTANCE if isinstance(neuron, LIF) else layout.EXPONENTIAL
    return Flow(kind, dt / neuron.tau_m, dt, dt)


def populations(network: Network, dt: float, threshold_test: int, flows: list[Flow]) -> layout.Populations:
    """Return the constants of the populations."""
    columns = []
    for population, flow in zip(network.populations, flows, strict=True):
        neuron, parts = population.neuron, components(population.drive)
        assert isinstance(neuron, LIF | QIF | EIF)
        process = next((d for d in parts if isinstance(d, OrnsteinUhlenbeckDrive)), None)
        gaussian = any(isinstance(d, GaussianDrive) for d in parts)
        poisson = any(isinstance(d, PoissonDrive) for d in parts)
        rate, size = kicks_of(population.drive)
        constant = sum(d.current for d in parts if isinstance(d, ConstantDrive))
        lorentzian = next((d for d in parts if isinstance(d, LorentzianDrive)), None)
        constant += lorentzian.center if lorentzian else 0.0
        constant += (rate * size if gaussian else 0.0) + (process.mean if process else 0.0)
        decay = math.exp(-dt / process.tau) if process else 0.0
        variance = rate * size**2 * flow.noise_time if gaussian else 0.0
        bridged = variance if threshold_test == layout.BRIDGE and neuron.threshold < math.inf else 0.0
        columns.append((
            flow.kind, neuron.threshold, neuron.reset, getattr(neuron, "rest", 0.0), flow.leak,
            getattr(neuron, "onset", 0.0), getattr(neuron, "slope_factor", 1.0),
            bridged > 0 and isinstance(neuron.refractory, NoRefractory), constant * flow.acting, flow.acting,
            decay, process.deviation * math.sqrt(1 - decay**2) if process else 0.0,
            process.tau * math.tanh(dt / 2 / process.tau) * flow.acting / dt if process else 0.0,
            layout.GAUSSIAN if gaussian else layout.POISSON if poisson else layout.NO_KICKS,
            math.sqrt(variance), size, bridged, *_refractory(neuron, dt, threshold_test),
            *_quenched(neuron, lorentzian, constant, flow, dt),
        ))  # fmt: skip
    fields = zip(layout.Populations._fields[1:], zip(*columns, strict=True), strict=True)
    return layout.Populations(start=indices(network).start, **{name: np.array(column) for name, column in fields})


def _quenched(
    neuron: LIF | QIF | EIF, drive: LorentzianDrive | None, constant: float, flow: Flow, dt: float
) -> tuple[float, float]:
    """Return what a unit of `state.process` adds to the input, and the most that is added.

    A quadratic neuron is left at most the current with which it fires in every second step.
    """
    if drive is None:
        return 0.0, 0.0
    fastest = neuron.tau_m * (math.pi / (2.0 * dt)) ** 2 if isinstance(neuron, QIF) else math.inf
    return drive.half_width * flow.acting, max(0.0, fastest - constant) * flow.acting


def _refractory(neuron: LIF | QIF | EIF, dt: float, threshold_test: int) -> tuple[int, float, float]:
    """Return (kind, first and second number) of a refractory time in steps.

    A spike found by the bridge lies half a step, on average, before the step's end.
    """
    refractory = neuron.refractory
    half = 0.5 if threshold_test == layout.BRIDGE else 0.0
    if isinstance(refractory, Fixed):
        steps = refractory.duration / dt
        if threshold_test == layout.INTERPOLATED:
            return layout.FIXED, steps, 0.0
        return (layout.FIXED, steps - 1.0, 1.0) if half else (layout.FIXED, float(max(1, round(steps))), 0.0)
    if isinstance(refractory, Exponential):
        if threshold_test == layout.INTERPOLATED:
            return layout.EXPONENTIAL_TIME, refractory.mean / dt, 0.0
        return layout.GEOMETRIC, graphs.log_failure(dt / (refractory.mean - half * dt)), 0.0
    if isinstance(refractory, Normal):
        return layout.NORMAL_TIME, refractory.mean / dt - half, refractory.deviation / dt
    return layout.FIXED, 0.0, 0.0


def projections(
    network: Network, dt: float, exact: bool, flows: list[Flow], row_start: Ints, weighted: list[bool]
) -> layout.Projections:
    """Return the constants of the projections; ``weighted`` tells which have factors."""
    index, columns, keys = indices(network), [], []
    for projection, target, has_factors in zip(network.projections, index.target, weighted, strict=True):
        synapse, flow, neuron = projection.synapse, flows[target], network.populations[target].neuron
        strength = -1.0 if getattr(synapse, "inhibitory", False) else 1.0
        strength *= synapse.weight  # type: ignore[attr-defined]
        tau = getattr(synapse, "tau", math.inf)
        share = _consumed(dt, tau, exact)
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


def stored(projection: Projection) -> bool:
    """Whether a projection's graph is stored."""
    wiring = projection.wiring
    return not (isinstance(wiring, (Annealed, AllToAll)) or getattr(wiring, "procedural", False))


def graph(network: Network) -> tuple[layout.Graph, Ints, list[bool]]:
    """Return the stored rows of all projections, where those of each begin, and which have factors."""
    rows = [graphs.rows(network, p) if stored(p) else None for p in network.projections]
    kept = [r for r in rows if r is not None]
    first_edges = starts([r.edges.size for r in kept])
    weighted = [r is not None and r.factors.size > 0 for r in rows]
    factors = [np.empty(0)]
    if any(weighted):
        factors += [r.factors if r.factors.size else np.ones(r.edges.size) for r in kept]
    joined = layout.Graph(
        row=np.concatenate(
            [np.empty(0, np.int64), *(r.row + first for r, first in zip(kept, first_edges, strict=False))]
        ),
        edges=np.concatenate([np.empty(0, np.uint16), *(r.edges for r in kept)]),
        factors=np.concatenate(factors),
    )
    return joined, starts([0 if r is None else r.row.size for r in rows]), weighted


def _consumed(dt: float, tau: float, exact: bool) -> float:
    """Return the share of a synaptic variable that goes within dt (ms)."""
    return -math.expm1(-dt / tau) if exact else dt / tau


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


def courses(network: Network, dt: float) -> layout.Courses:
    """Return the currents that depend on time."""
    drives = [(a, d) for a, p in enumerate(network.populations) for d in components(p.drive)]
    parts = [(a, d) for a, d in drives if isinstance(d, ArrayDrive)]
    return layout.Courses(
        population=np.array([a for a, _ in parts], np.int64),
        start=starts([d.values.size for _, d in parts]),
        interval=np.array([d.interval / dt for _, d in parts], float),
        values=np.concatenate([np.empty(0), *(d.values for _, d in parts)]),
    )


def tables(network: Network, dt: float, exact: bool) -> layout.Tables:
    """Return the tables from which small counts are drawn."""
    from spiking.kernels import tables as rows

    drives = []
    for population in network.populations:
        poisson = any(isinstance(d, PoissonDrive) for d in components(population.drive))
        drives.append(rows.poisson_row(kicks_of(population.drive)[0] * dt if poisson else 0.0))
    consumption: list[npt.NDArray[np.float64]] = []
    arrival: list[npt.NDArray[np.float64]] = []
    consumption_row, arrival_row = [], []
    for projection in network.projections:
        consumption_row.append(len(consumption))
        arrival_row.append(len(arrival))
        if isinstance(projection.synapse, PendingSpikeSynapse):
            share = _consumed(dt, projection.synapse.tau, exact)
            consumption += rows.consumption_rows(share, binomial=exact)
        if isinstance(projection.wiring, Annealed):
            arrival += rows.arrival_rows(projection.wiring.probability)
    return layout.Tables(
        *rows.pack(drives), *rows.pack(consumption), np.array(consumption_row, np.int64), *rows.pack(arrival),
        np.array(arrival_row, np.int64),
    )  # fmt: skip


def inhibitory_factor(synapse: PendingSpikeSynapse, threshold: float) -> tuple[float, float]:
    """Return (c0, c1) of c(v) = c0 + c1 v: the voltage dependence of a synapse onto a neuron."""
    if synapse.reversal == -math.inf:
        return 1.0, 0.0
    span = threshold - synapse.reversal
    return -synapse.reversal / span, 1.0 / span
