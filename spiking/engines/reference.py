"""Scheme "reference": the step of [C25] for annealed pending-spike networks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking.drives import GaussianDrive, KickDrive, PoissonDrive
from spiking.engines.trial import Advance, Engine, TrialState
from spiking.errors import ParameterError, SpecificationError
from spiking.network import Network
from spiking.neurons import LIF, Exponential, Fixed
from spiking.synapses import PendingKick, PendingSpikeSynapse
from spiking.wiring import Annealed


def check(network: Network, dt: float) -> None:
    """Refuse steps beyond half of a time constant, and networks that are not annealed pending-spike networks."""
    for address, value in network.parameters.items():
        name = address.rpartition(".")[2]
        if name in ("tau", "tau_m", "mean", "duration") and dt > value / 2:
            raise ParameterError("", "dt", dt, f"must be at most {value / 2:g} ms, half of {address} = {value:g} ms")
    check_annealed(network, "reference")


def check_annealed(network: Network, scheme: str) -> None:
    """Refuse what is not an annealed network of LIF neurons with pending-spike synapses."""
    for population in network.populations:
        if not isinstance(population.neuron, LIF):
            raise SpecificationError(f"{population.name}: scheme '{scheme}' simulates leaky or perfect IF neurons only")
    for projection in network.projections:
        if not isinstance(projection.synapse, PendingSpikeSynapse) or not isinstance(projection.wiring, Annealed):
            raise SpecificationError(
                f"{projection.name}: scheme '{scheme}' needs pending-spike synapses with annealed wiring"
            )


def prepare(network: Network, dt: float) -> Advance:
    """Return the function that advances a trial."""
    from spiking.kernels import pending

    constants = _constants(network, dt)

    def advance(state: TrialState, first_step: int, steps: int, every: int, *out: Any) -> tuple[int, int]:
        done, fired = pending.advance(  # type: ignore[call-arg]
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


def _constants(network: Network, dt: float) -> tuple[Any, ...]:
    """Return the arrays that `advance` takes between `every` and the state."""
    from spiking.kernels import pending, tables

    names = list(network.sizes)
    sizes = list(network.sizes.values())
    neurons = [p.neuron for p in network.populations if isinstance(p.neuron, LIF)]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    kinds, means, deviations, kick_sizes, drive_rows = [], [], [], [], []
    for population in network.populations:
        drive = population.drive
        gaussian, poisson = isinstance(drive, GaussianDrive), isinstance(drive, PoissonDrive)
        rate, size = (drive.rate, drive.size) if isinstance(drive, KickDrive) else (0.0, 0.0)
        kinds.append(pending.GAUSSIAN if gaussian else pending.POISSON if poisson else pending.NO_DRIVE)
        means.append(rate * size * dt if gaussian else 0.0)
        deviations.append(abs(size) * math.sqrt(rate * dt))
        kick_sizes.append(size)
        drive_rows.append(tables.poisson_row(rate * dt if poisson else 0.0))
    drive_table = tables.pack(drive_rows)

    steps, release = [], []
    for neuron in neurons:
        refractory = neuron.refractory
        if isinstance(refractory, Fixed):
            steps.append(round(refractory.duration / dt))
            release.append(-1.0)
        elif isinstance(refractory, Exponential):
            steps.append(1)
            release.append(dt / refractory.mean)
        else:
            steps.append(0)
            release.append(1.0)

    target, source, kick, gain, c0, c1, rounded, consumption, probability = ([] for _ in range(9))
    consumption_rows, arrival_rows = [], []
    for projection in network.projections:
        synapse, wiring = projection.synapse, projection.wiring
        if not isinstance(synapse, PendingSpikeSynapse) or not isinstance(wiring, Annealed):
            raise SpecificationError(
                f"{projection.name}: scheme 'reference' needs pending-spike synapses with annealed wiring"
            )
        target.append(names.index(projection.target))
        source.append(names.index(projection.source))
        kick.append(isinstance(synapse, PendingKick))
        strength = -synapse.weight if synapse.inhibitory else synapse.weight
        gain.append(strength if kick[-1] else strength * dt / synapse.tau)
        constant, slope = inhibitory_factor(synapse, neurons[target[-1]])
        c0.append(constant)
        c1.append(slope)
        rounded.append(isinstance(synapse, PendingKick) and synapse.rounded)
        consumption.append(dt / synapse.tau)
        probability.append(wiring.probability)
        consumption_rows += tables.consumption_rows(dt / synapse.tau)
        arrival_rows += tables.arrival_rows(wiring.probability)
    pending_start = np.concatenate([[0], np.cumsum([sizes[t] for t in target])]).astype(np.int64)

    def floats(values: Any) -> npt.NDArray[np.float64]:
        return np.array(values, np.float64)

    def integers(values: Any) -> npt.NDArray[np.int64]:
        return np.array(values, np.int64)

    return (
        start, floats([n.threshold for n in neurons]), floats([n.reset for n in neurons]),
        floats([n.rest for n in neurons]), floats([dt / n.tau_m for n in neurons]),
        integers(kinds), floats(means), floats(deviations), floats(kick_sizes), *drive_table,
        integers(steps), floats(release),
        integers(target), integers(source), pending_start, np.array(kick, bool), floats(gain), floats(c0), floats(c1),
        np.array(rounded, bool), floats(consumption), floats(probability),
        *tables.pack(consumption_rows), *tables.pack(arrival_rows),
    )  # fmt: skip


def inhibitory_factor(synapse: PendingSpikeSynapse, neuron: LIF) -> tuple[float, float]:
    """Return (c0, c1) of c(v) = c0 + c1 v: the voltage dependence of a synapse onto a neuron."""
    if synapse.reversal == -math.inf:
        return 1.0, 0.0
    span = neuron.threshold - synapse.reversal
    return -synapse.reversal / span, 1.0 / span
