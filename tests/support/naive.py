"""Slow, obvious twins of the compiled kernels."""

from __future__ import annotations

import math

import numpy as np
from scipy import linalg

import spiking
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
    return 1.0 if x == 0 else x / math.expm1(x)


def generator(
    approximation: MarkovApproximation, population: str, moments: dict[str, tuple[float, float]]
) -> np.ndarray:
    """Dense generator of one population: bins, then refractory stages, then a last row that counts spikes.

    ``moments`` maps a projection onto the population to (mean, variance) of its pending spikes.
    """
    network = approximation.network
    neuron = network.population(population).neuron
    bins, stages, floor = (getattr(approximation, n)[population] for n in ("bins", "stages", "v_min"))
    h = (neuron.threshold - floor) / bins

    def mu_and_d(v: float) -> tuple[float, float]:
        drive = network.population(population).drive
        mu = drive.rate * drive.size - (v - neuron.rest) / neuron.tau_m
        noise = drive.rate * drive.size**2
        for p in network.projections:
            if p.target != population:
                continue
            s, (mean, variance) = p.synapse, moments[p.name]
            c = 1.0 if s.reversal == -math.inf else (v - s.reversal) / (neuron.threshold - s.reversal)
            kappa = approximation.kappa(s.tau)
            mu += (-1 if s.inhibitory else 1) * s.weight * c * mean / s.tau
            power = kappa * variance / s.tau**2
            if isinstance(s, spiking.PendingKick):
                power = max(0.0, mean / s.tau + kappa * (variance - mean) / s.tau**2)
            noise += (s.weight * c) ** 2 * power
        return mu, noise / 2

    size = bins + stages + 1
    matrix = np.zeros((size, size))

    def flow(source: int, target: int, rate: float) -> None:
        matrix[source, source] -= rate
        matrix[target, source] += rate

    for k in range(bins - 1):
        mu, d = mu_and_d(floor + (k + 1) * h)
        flow(k, k + 1, d / h**2 * bernoulli(-mu * h / d))
        flow(k + 1, k, d / h**2 * bernoulli(mu * h / d))
    mu, d = mu_and_d(neuron.threshold)
    rate = d / (h / 2) / h * bernoulli(-mu * h / 2 / d)
    centres = floor + (np.arange(bins) + 0.5) * h
    shares = np.maximum(0, 1 - np.abs(centres - neuron.reset) / h)
    if stages:
        flow(bins - 1, bins, rate)
    else:
        matrix[bins - 1, bins - 1] -= rate
        matrix[:bins, bins - 1] += rate * shares
    matrix[-1, bins - 1] = rate
    for s in range(stages):
        release = approximation.arrays().release[list(network.sizes).index(population)]
        if s + 1 < stages:
            flow(bins + s, bins + s + 1, release)
        else:
            matrix[bins + s, bins + s] -= release
            matrix[:bins, bins + s] += release * shares
    return matrix


def step(matrix: np.ndarray, state: np.ndarray, time: float) -> tuple[np.ndarray, float]:
    """Exponential of a generator: (new state, spikes)."""
    after = linalg.expm(matrix * time) @ np.append(state, 0.0)
    return after[:-1], float(after[-1])


def synchrony(times: np.ndarray, size: int, window: float) -> float:
    near = [(np.abs(times - t) <= window / 2 + 1e-9).sum() for t in times]
    return float(np.mean(near)) / size
