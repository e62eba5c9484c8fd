"""Annealed networks of LIF neurons with pending-spike synapses, in steps: schemes "reference" and "bridge"."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking.drives import GaussianDrive, KickDrive, PoissonDrive
from spiking.engines.trial import Advance, TrialState
from spiking.errors import ParameterError, SpecificationError
from spiking.network import Network
from spiking.neurons import LIF, Exponential, Fixed
from spiking.synapses import PendingKick, PendingSpikeSynapse
from spiking.wiring import Annealed


def check_step(network: Network, dt: float) -> None:
    """Refuse steps beyond half of a time constant."""
    for address, value in network.parameters.items():
        name = address.rpartition(".")[2]
        if name in ("tau", "tau_m", "mean", "duration") and dt > value / 2:
            raise ParameterError("", "dt", dt, f"must be at most {value / 2:g} ms, half of {address} = {value:g} ms")


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


def prepare(network: Network, dt: float, *, exact: bool) -> Advance:
    """Return the function that advances a trial; `exact` chooses exact factors and the Brownian bridge."""
    from spiking.kernels import pending

    constants = _constants(network, dt, exact)

    def advance(state: TrialState, first_step: int, steps: int, every: int, *out: Any) -> tuple[int, int]:
        arrays = (state.voltage, state.refractory, state.pending, *out)
        done, fired = pending.advance(state.generator, first_step, steps, every, dt, *constants, *arrays)
        return done, fired

    return advance


def _constants(network: Network, dt: float, exact: bool) -> tuple[Any, ...]:
    """Return the arrays that `advance` takes between dt and the state.

    With `exact`, a step takes a leaky voltage to its conditional mean and variance at constant input (the input acts
    for tau_m (1 - exp(-dt/tau_m)), white noise for tau_m/2 (1 - exp(-2 dt/tau_m))) and consumes a pending spike with
    probability 1 - exp(-dt/tau). A spike lies half a step, on average, before the step's end: the release probability
    makes up for it.
    """
    from spiking.kernels import pending, tables

    names = list(network.sizes)
    sizes = list(network.sizes.values())
    neurons = [p.neuron for p in network.populations if isinstance(p.neuron, LIF)]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    leaks = [-math.expm1(-dt / n.tau_m) if exact else dt / n.tau_m for n in neurons]
    input_time = [n.tau_m * leak if exact and leak > 0 else dt for n, leak in zip(neurons, leaks, strict=True)]
    noise_time = [
        -n.tau_m / 2 * math.expm1(-2 * dt / n.tau_m) if exact and leak > 0 else dt
        for n, leak in zip(neurons, leaks, strict=True)
    ]

    kinds, means, variances, kick_sizes, drive_rows = [], [], [], [], []
    for a, population in enumerate(network.populations):
        drive = population.drive
        gaussian, poisson = isinstance(drive, GaussianDrive), isinstance(drive, PoissonDrive)
        rate, size = (drive.rate, drive.size) if isinstance(drive, KickDrive) else (0.0, 0.0)
        kinds.append(pending.GAUSSIAN if gaussian else pending.POISSON if poisson else pending.NO_DRIVE)
        means.append(rate * size * input_time[a] if gaussian else 0.0)
        variances.append(rate * size**2 * noise_time[a] if gaussian else 0.0)
        kick_sizes.append(size)
        drive_rows.append(tables.poisson_row(rate * dt if poisson else 0.0))
    drive_table = tables.pack(drive_rows)

    steps, release = [], []
    for neuron in neurons:
        refractory = neuron.refractory
        if isinstance(refractory, Fixed):
            steps.append(max(1, round(refractory.duration / dt - exact / 2)))
            release.append(-1.0)
        elif isinstance(refractory, Exponential):
            steps.append(1)
            release.append(dt / (refractory.mean - exact * dt / 2))
        else:
            steps.append(0)
            release.append(1.0)

    target, source, kick, gain, c0, c1, rounded, consumption, probability = ([] for _ in range(9))
    consumption_rows, arrival_rows = [], []
    for projection in network.projections:
        synapse, wiring = projection.synapse, projection.wiring
        assert isinstance(synapse, PendingSpikeSynapse)
        assert isinstance(wiring, Annealed)
        target.append(names.index(projection.target))
        source.append(names.index(projection.source))
        kick.append(isinstance(synapse, PendingKick))
        strength = -synapse.weight if synapse.inhibitory else synapse.weight
        share = -math.expm1(-dt / synapse.tau) if exact else dt / synapse.tau
        gain.append(strength if kick[-1] else strength * share * input_time[target[-1]] / dt)
        constant, slope = inhibitory_factor(synapse, neurons[target[-1]])
        c0.append(constant)
        c1.append(slope)
        rounded.append(isinstance(synapse, PendingKick) and synapse.rounded)
        consumption.append(share)
        probability.append(wiring.probability)
        consumption_rows += tables.consumption_rows(share, binomial=exact)
        arrival_rows += tables.arrival_rows(wiring.probability)
    pending_start = np.concatenate([[0], np.cumsum([sizes[t] for t in target])]).astype(np.int64)

    def floats(values: Any) -> npt.NDArray[np.float64]:
        return np.array(values, np.float64)

    def integers(values: Any) -> npt.NDArray[np.int64]:
        return np.array(values, np.int64)

    return (
        start, floats([n.threshold for n in neurons]), floats([n.reset for n in neurons]),
        floats([n.rest for n in neurons]), floats(leaks),
        floats(variances) if exact else np.zeros(len(neurons)), exact,
        integers(kinds), floats(means), np.sqrt(floats(variances)), floats(kick_sizes), *drive_table,
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
