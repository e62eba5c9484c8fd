"""Slow, obvious twins of the compiled kernels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import linalg

import spiking
from reduction import grids
from reduction.levels import ode
from reduction.markov import MarkovApproximation


def simulate_events(network: spiking.Network, duration: float, grid: float, seed: int) -> list[tuple[float, int]]:
    """Gillespie's algorithm for kick networks, drawing in the kernel's order: (time, neuron) of spikes.

    The clock is restarted at every grid time, which changes nothing in law.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(0,))))
    names = list(network.sizes)
    first = dict(zip(names, np.cumsum([0, *network.sizes.values()]), strict=False))
    owner = [p for p in network.populations for _ in range(p.size)]
    voltage = [p.neuron.reset for p in owner]
    since = [0.0] * len(owner)
    refractory = [0] * len(owner)
    pending = {p.name: [0] * network.sizes[p.target] for p in network.projections}
    spikes: list[tuple[float, int]] = []

    def leaked(i: int, now: float) -> float:
        neuron = owner[i].neuron
        return neuron.rest + (voltage[i] - neuron.rest) * math.exp(-(now - since[i]) / neuron.tau_m)

    def choose(total: float) -> tuple[int, spiking.Projection | None] | None:
        u = rng.random() * total
        for p in network.populations:
            rate = getattr(p.drive, "rate", 0.0)
            if u < rate * p.size:
                return first[p.name] + int(u / rate), None
            u -= rate * p.size
            own = [i for i in range(first[p.name], first[p.name] + p.size) if refractory[i]]
            if own and u < len(own) / p.neuron.refractory.mean:
                refractory[own[int(u * p.neuron.refractory.mean)]] = 0
                return None
            u -= len(own) / getattr(p.neuron.refractory, "mean", math.inf)
        for p in network.projections:
            share = sum(pending[p.name]) / p.synapse.tau
            if u < share:
                place = np.searchsorted(np.cumsum(pending[p.name]), int(u * p.synapse.tau), side="right")
                pending[p.name][place] -= 1
                return first[p.target] + int(place), p
            u -= share
        raise AssertionError("no event chosen")

    for step in range(round(duration / grid)):
        now = 0.0
        while True:
            total = sum(getattr(p.drive, "rate", 0.0) * p.size for p in network.populations)
            total += sum(r / o.neuron.refractory.mean for r, o in zip(refractory, owner, strict=True) if r)
            total += sum(sum(pending[p.name]) / p.synapse.tau for p in network.projections)
            now += rng.standard_exponential() / total
            if now > grid:
                break
            chosen = choose(total)
            if chosen is None or refractory[chosen[0]]:
                continue
            i, p = chosen
            voltage[i], since[i] = leaked(i, now), now
            if p is None:
                voltage[i] += owner[i].drive.size
            else:
                s, threshold = p.synapse, owner[i].neuron.threshold
                c = 1.0 if s.reversal == -math.inf else (voltage[i] - s.reversal) / (threshold - s.reversal)
                jump = (-1 if s.inhibitory else 1) * s.weight * c
                voltage[i] += math.floor(jump + rng.random()) if s.rounded else jump
            if voltage[i] >= owner[i].neuron.threshold:
                voltage[i] = owner[i].neuron.reset
                refractory[i] = int(isinstance(owner[i].neuron.refractory, spiking.Exponential))
                spikes.append((step * grid + now, i))
                for q in network.projections:
                    if q.source == owner[i].name:
                        for j in range(network.sizes[q.target]):
                            pending[q.name][j] += int(rng.random() < q.wiring.probability)
        for i in range(len(owner)):
            if not refractory[i]:
                voltage[i] = leaked(i, grid)
            since[i] = 0.0
    return spikes


def bernoulli(x: float) -> float:
    return 1.0 if abs(x) < 1e-14 else x / math.expm1(x)


@dataclass(frozen=True)
class Input:
    """A source of input of a population: its current at a voltage is ``current(v)`` times H."""

    name: str
    source: str | None
    current: Callable[[float], float]
    tau: float
    probability: float
    consumed: bool
    kick: bool
    delay: float
    stages: int


def drives(drive: spiking.drives.Drive) -> list[spiking.drives.Drive]:
    return [*drives(drive.first), *drives(drive.second)] if isinstance(drive, spiking.SumDrive) else [drive]


def inputs(approximation: MarkovApproximation, population: str) -> list[Input]:
    """Projections onto a population, then its Ornstein-Uhlenbeck drives."""
    network, stages = approximation.network, approximation.stages
    neuron = network.population(population).neuron
    found = []
    for p in network.projections:
        if p.target != population:
            continue
        s, delay = p.synapse, p.delay
        sign = -1.0 if getattr(s, "inhibitory", False) else 1.0
        tau, own = getattr(s, "tau", 0.0), stages if delay else 0
        if isinstance(s, spiking.Delta):
            tau, own = delay / stages, stages - 1
            delay -= tau
        if isinstance(s, spiking.ExponentialConductance):
            current = partial(lambda v, s: s.weight * (s.reversal - v) / neuron.tau_m, s=s)
        elif getattr(s, "reversal", -math.inf) > -math.inf:
            span = neuron.threshold - s.reversal
            current = partial(lambda v, s, w: w * (v - s.reversal), s=s, w=sign * s.weight / tau / span)
        else:
            current = partial(lambda v, w: w, w=sign * s.weight / tau)
        wiring, sizes = p.wiring, network.sizes
        if isinstance(wiring, spiking.AllToAll):
            probability = 1.0
        elif isinstance(wiring, spiking.FixedInDegree):
            probability = wiring.in_degree / sizes[p.source]
        else:
            probability = wiring.probability
        consumed = isinstance(s, spiking.PendingCurrent | spiking.PendingKick | spiking.Delta)
        kick = isinstance(s, spiking.PendingKick | spiking.Delta)
        found.append(Input(p.name, p.source, current, tau, probability, consumed, kick, delay, own))
    for d in drives(network.population(population).drive):
        if isinstance(d, spiking.OrnsteinUhlenbeckDrive):
            name = next(s.name for s in approximation.sources() if s.target == population and not s.source)
            found.append(Input(name, None, lambda v: 1.0, d.tau, 0.0, False, False, 0.0, 0))
    return found


def combinations(approximation: MarkovApproximation, population: str) -> list[tuple[int, ...]]:
    """How many telegraphs of each input are up, for every column; the first input's number changes fastest."""
    own = inputs(approximation, population)
    most = [0 if i.kick or approximation.closure != "conditional" else approximation.noise_levels - 1 for i in own]
    return [tuple(reversed(c)) for c in itertools.product(*(range(m + 1) for m in reversed(most)))]


def generator(
    approximation: MarkovApproximation, population: str, moments: dict[str, tuple[float, float]]
) -> np.ndarray:
    """Dense generator of the hops of one population: per column of levels the bins, then per column the refractory
    stages, then a last row that counts spikes.

    ``moments`` maps an input of the population to (mean, variance).
    """
    neuron = approximation.network.population(population).neuron
    edges = approximation.edges(population)
    bins, stages = edges.size - 1, approximation.pool_stages(population)
    centres = (edges[1:] + edges[:-1]) / 2
    scale = (
        grids.quadratic_scale(approximation.network.population(population)) if isinstance(neuron, spiking.QIF) else 1.0
    )
    own, columns = inputs(approximation, population), combinations(approximation, population)
    telegraphs = [max(c[i] for c in columns) for i in range(len(own))]
    reset = neuron.reset if math.isfinite(neuron.reset) else edges[0]
    hold = approximation.refractory_time(population)
    if math.isinf(neuron.threshold):
        hold = neuron.tau_m * (1 / edges[-1] - 1 / edges[0])

    def mu_and_d(v: float, column: tuple[int, ...]) -> tuple[float, float]:
        mu, noise = 0.0, 0.0
        if isinstance(neuron, spiking.QIF):
            mu += v**2 / neuron.tau_m
        else:
            mu -= (v - neuron.rest) / neuron.tau_m
        if isinstance(neuron, spiking.EIF):
            mu += neuron.slope_factor * math.exp((v - neuron.onset) / neuron.slope_factor) / neuron.tau_m
        for d in drives(approximation.network.population(population).drive):
            if isinstance(d, spiking.PoissonDrive | spiking.GaussianDrive):
                mu, noise = mu + d.rate * d.size, noise + d.rate * d.size**2
            elif isinstance(d, spiking.OrnsteinUhlenbeckDrive):
                mu += d.mean
            elif isinstance(d, spiking.ConstantDrive):
                mu += d.current
            elif isinstance(d, spiking.ArrayDrive):
                mu += d.values[0]
        for i, number, up in zip(own, telegraphs, column, strict=True):
            mean, variance = moments[i.name]
            mu += i.current(v) * mean
            if number:
                mu += i.current(v) * sum([1] * up + [-1] * (number - up)) * math.sqrt(variance / number)
                continue
            kappa = approximation.kappa(i.tau)
            power = max(0.0, mean * i.tau + kappa * (variance - mean)) if i.kick else kappa * variance
            noise += i.current(v) ** 2 * power
            # D' of its own noise by a difference that is exact, since D is quadratic: Ito for kicks, else Stratonovich.
            slope = (i.current(v + 0.5) ** 2 - i.current(v - 0.5) ** 2) * power / 2
            mu -= slope if i.kick else slope / 2
        return mu, noise / 2

    def stretched(v: float) -> tuple[float, float]:
        """Width of a bin at v and u''/u', with u = arctan(v / scale) or -log(1 + z), z = 10 e^((onset - v) / width)."""
        if isinstance(neuron, spiking.QIF):
            whole = math.atan(edges[-1] / scale) - math.atan(edges[0] / scale)
            return whole / bins * (scale**2 + v**2) / scale, -2 * v / (scale**2 + v**2)
        if isinstance(neuron, spiking.EIF):
            z, first, last = (10 * math.exp((neuron.onset - x) / neuron.slope_factor) for x in (v, edges[0], edges[-1]))
            whole = math.log1p(first) - math.log1p(last)
            return whole / bins * neuron.slope_factor * (1 + z) / z, -1 / (1 + z) / neuron.slope_factor
        return (edges[-1] - edges[0]) / bins, 0.0

    size = len(columns) * (bins + stages) + 1
    matrix = np.zeros((size, size))

    def flow(source: int, target: int, rate: float) -> None:
        matrix[source, source] -= rate
        matrix[target, source] += rate

    for c, column in enumerate(columns):
        first, held = c * bins, len(columns) * bins + c * stages
        for k in range(bins - 1):
            mu, d = mu_and_d(edges[k + 1], column)
            h, bend = stretched(edges[k + 1])
            x = (mu - d * bend) * h / d
            flow(first + k, first + k + 1, d / h**2 * bernoulli(-x))
            flow(first + k + 1, first + k, d / h**2 * bernoulli(x))
        mu, d = mu_and_d(edges[-1], column)
        h, bend = stretched(edges[-1])
        rate = 2 * d / h**2 * bernoulli(-(mu - d * bend) * h / 2 / d)
        last = first + bins - 1
        low = min(max(int(np.sum(centres <= reset)) - 1, 0), bins - 2)
        above = min(max((reset - centres[low]) / (centres[low + 1] - centres[low]), 0.0), 1.0)
        chain = [(last, rate)] + [(held + s, stages / hold) for s in range(stages)]
        for (source, r), (target, _) in itertools.pairwise(chain):
            flow(source, target, r)
        source, r = chain[-1]
        flow(source, first + low, r * (1 - above))
        flow(source, first + low + 1, r * above)
        matrix[-1, last] = rate
    return matrix


def switching(approximation: MarkovApproximation, population: str, flips: dict[str, float]) -> np.ndarray:
    """Dense generator, of the same shape, of telegraphs that change sign at the rates ``flips`` of their inputs."""
    bins, stages = approximation.bins[population], approximation.pool_stages(population)
    own, columns = inputs(approximation, population), combinations(approximation, population)
    size = len(columns) * (bins + stages) + 1
    matrix = np.zeros((size, size))
    for c, column in enumerate(columns):
        for i, source in enumerate(own):
            number = max(other[i] for other in columns)
            for step, share in ((1, number - column[i]), (-1, column[i])):
                if not share:
                    continue
                to = columns.index((*column[:i], column[i] + step, *column[i + 1 :]))
                rate = share * flips[source.name]
                for first, width in ((0, bins), (len(columns) * bins, stages)):
                    for k in range(width):
                        matrix[first + c * width + k, first + c * width + k] -= rate
                        matrix[first + to * width + k, first + c * width + k] += rate
    return matrix


def right_hand_side(approximation: MarkovApproximation, full: np.ndarray) -> np.ndarray:
    """d/dt of a full state: density and pool of the populations, delays, means, variances of all sources."""
    own = ode.layout(approximation)
    at = {name: k for k, name in enumerate(own.names)}
    found = {i.name: (name, i) for name in approximation.network.sizes for i in inputs(approximation, name)}
    moments = {n: (full[at[f"{n}.mean"]], full[at[f"{n}.variance"]]) for n in found}
    hops = {
        name: generator(approximation, name, {n: m for n, m in moments.items() if found[n][0] == name})
        for name in approximation.network.sizes
    }
    members = {name: own.owner == a for a, name in enumerate(approximation.network.sizes)}
    flux = {name: hops[name][-1, :-1] @ full[members[name]] for name in hops}
    out = np.zeros_like(full)
    flips = {}
    for n, (_, i) in found.items():
        mean, variance = moments[n]
        if i.source is None:
            flips[n] = 1 / (2 * i.tau)
            continue
        arriving = flux[i.source]
        for s in range(i.stages):
            k = at[f"{n}.delay[{s}]"]
            out[k] = arriving - full[k] * i.stages / i.delay
            arriving = full[k] * i.stages / i.delay
        p = i.probability
        created = p * (1 - p) * arriving + (mean / i.tau if i.consumed else 0.0)
        out[at[f"{n}.mean"]] = p * arriving - mean / i.tau
        out[at[f"{n}.variance"]] = created - 2 * variance / i.tau
        # A telegraph of height sqrt(W) whose mean decays as exp(-t / tau): W' / 2W - 2 flips = -1 / tau.
        flips[n] = (1 / i.tau + out[at[f"{n}.variance"]] / (2 * variance)) / 2
    for name, matrix in hops.items():
        both = matrix + switching(approximation, name, flips)
        out[members[name]] = both[:-1, :-1] @ full[members[name]]
    return out


def hop_noise(matrix: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Covariance per ms of the counts when every hop from k to j, at the rate matrix[j, k], is Poisson."""
    noise = np.zeros_like(matrix)
    for j, k in zip(*np.nonzero(matrix), strict=True):
        if j != k:
            jump = np.zeros(len(matrix))
            jump[j], jump[k] = 1.0, -1.0
            noise += matrix[j, k] * state[k] * np.outer(jump, jump)
    return noise


def step(matrix: np.ndarray, state: np.ndarray, time: float) -> tuple[np.ndarray, float]:
    """Exponential of a generator: (new state, spikes)."""
    after = linalg.expm(matrix * time) @ np.append(state, 0.0)
    return after[:-1], float(after[-1])


def synchrony(times: np.ndarray, size: int, window: float) -> float:
    near = [(np.abs(times - t) <= window / 2 + 1e-9).sum() for t in times]
    return float(np.mean(near)) / size
