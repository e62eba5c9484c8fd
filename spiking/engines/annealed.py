"""Annealed networks of LIF neurons with pending-spike synapses, in steps: schemes "reference" and "bridge"."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.drives import GaussianDrive, PoissonDrive, kicks_of
from spiking.engines.trial import Advance, Engine, bound
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


def engine(scheme: str, *, exact: bool) -> Engine:
    """Return the engine of a stepping scheme; `exact` chooses exact factors and the Brownian bridge."""

    def check(network: Network, dt: float) -> None:
        check_step(network, dt)
        check_annealed(network, scheme)

    return Engine(check, partial(_prepare, exact=exact))


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


def _prepare(network: Network, dt: float, *, exact: bool) -> Advance:
    from spiking.kernels import pending

    return bound(pending.advance, _constants(network, dt, exact), dt)


def _constants(network: Network, dt: float, exact: bool) -> tuple[Any, ...]:
    """Return the arrays that `advance` takes between dt and the state.

    With `exact`, a step takes a leaky voltage to its conditional mean and variance at constant input (the input acts
    for tau_m (1 - exp(-dt/tau_m)), white noise for tau_m/2 (1 - exp(-2 dt/tau_m))) and consumes a pending spike with
    probability 1 - exp(-dt/tau). A spike lies half a step, on average, before the step's end: the release probability
    makes up for it.
    """
    from spiking.kernels import pending, tables

    neurons = [p.neuron for p in network.populations if isinstance(p.neuron, LIF)]
    index = indices(network)

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
        rate, size = kicks_of(drive)
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

    kick, gain, c0, c1, rounded, consumption, probability = ([] for _ in range(7))
    consumption_rows, arrival_rows = [], []
    for projection, target in zip(network.projections, index.target, strict=True):
        synapse, wiring = projection.synapse, projection.wiring
        assert isinstance(synapse, PendingSpikeSynapse)
        assert isinstance(wiring, Annealed)
        kick.append(isinstance(synapse, PendingKick))
        strength = -synapse.weight if synapse.inhibitory else synapse.weight
        share = -math.expm1(-dt / synapse.tau) if exact else dt / synapse.tau
        gain.append(strength if kick[-1] else strength * share * input_time[target] / dt)
        constant, slope = inhibitory_factor(synapse, neurons[target])
        c0.append(constant)
        c1.append(slope)
        rounded.append(isinstance(synapse, PendingKick) and synapse.rounded)
        consumption.append(share)
        probability.append(wiring.probability)
        consumption_rows += tables.consumption_rows(share, binomial=exact)
        arrival_rows += tables.arrival_rows(wiring.probability)

    return (
        index.start, floats([n.threshold for n in neurons]), floats([n.reset for n in neurons]),
        floats([n.rest for n in neurons]), floats(leaks),
        floats(variances) if exact else np.zeros(len(neurons)), exact,
        integers(kinds), floats(means), np.sqrt(floats(variances)), floats(kick_sizes), *drive_table,
        integers(steps), floats(release),
        index.target, index.source, index.pending_start, np.array(kick, bool), floats(gain), floats(c0), floats(c1),
        np.array(rounded, bool), floats(consumption), floats(probability),
        *tables.pack(consumption_rows), *tables.pack(arrival_rows),
    )  # fmt: skip


class Indices(NamedTuple):
    """Where neurons and pending spikes stand in the kernels' arrays.

    Population a has the neurons from start[a] to start[a + 1]; projection q leads to population target[q] from
    source[q], and its pending spikes stand from pending_start[q] to pending_start[q + 1].
    """

    start: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    source: npt.NDArray[np.int64]
    pending_start: npt.NDArray[np.int64]


def indices(network: Network) -> Indices:
    """Return the indices of a network."""
    names, sizes = list(network.sizes), list(network.sizes.values())
    target = [names.index(p.target) for p in network.projections]
    return Indices(
        start=integers([0, *np.cumsum(sizes)]),
        target=integers(target),
        source=integers([names.index(p.source) for p in network.projections]),
        pending_start=integers([0, *np.cumsum([sizes[t] for t in target])]),
    )


def floats(values: Iterable[float]) -> npt.NDArray[np.float64]:
    """Return an array of float64."""
    return np.array(list(values), np.float64)


def integers(values: Iterable[int]) -> npt.NDArray[np.int64]:
    """Return an array of int64."""
    return np.array(list(values), np.int64)


def inhibitory_factor(synapse: PendingSpikeSynapse, neuron: LIF) -> tuple[float, float]:
    """Return (c0, c1) of c(v) = c0 + c1 v: the voltage dependence of a synapse onto a neuron."""
    if synapse.reversal == -math.inf:
        return 1.0, 0.0
    span = neuron.threshold - synapse.reversal
    return -synapse.reversal / span, 1.0 / span
