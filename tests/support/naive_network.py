"""Slow, obvious twin of the compiled step: neuron by neuron, in plain Python."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy import stats

import spiking
from spiking.drives import components

MASK = 0xFFFFFFFF


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10 as its authors write it."""
    x, (k0, k1) = list(counter), key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * x[0], 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * x[2], 1 << 32)
        x = [high1 ^ x[1] ^ k0, low1, high0 ^ x[3] ^ k1, low0]
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return x[0], x[1], x[2], x[3]


def row_words(key: tuple[int, int], step: int, use: int, size: int) -> list[int]:
    """Words of `size` neurons, four from each counter."""
    quarter = (size + 3) // 4
    lanes = [philox((j, step, 0, use), key) for j in range(quarter)]
    return [lanes[i % quarter][i // quarter] for i in range(size)]


@functools.cache
def _bounds(kind: str, *parameters: float) -> np.ndarray:
    distribution = {"poisson": stats.poisson, "binomial": stats.binom}[kind](*parameters)
    return np.rint(distribution.cdf(np.arange(200)) * 2.0**32)


def quantile(bits: int, kind: str, *parameters: float) -> int:
    return int(np.searchsorted(_bounds(kind, *parameters), bits, side="right"))


def uniform(bits: int) -> float:
    return (bits + 0.5) / 2**32


def normal(bits: int) -> float:
    return NormalDist().inv_cdf(uniform(bits))


class Twin:
    """A network of at most a few dozen neurons, stepped in schemes reference, grid and bridge."""

    def __init__(self, network: spiking.Network, dt: float, seed: int, scheme: str, voltage: np.ndarray) -> None:
        self.network, self.dt, self.scheme = network, dt, scheme
        self.exact = scheme != "reference"
        root = np.random.SeedSequence(seed, spawn_key=(0,))
        words = root.generate_state(2)
        self.key = (int(words[0]), int(words[1]))
        sizes = network.sizes
        self.first = dict(zip(sizes, np.cumsum([0, *sizes.values()]).tolist(), strict=False))
        self.v = voltage.astype(float).copy()
        self.held_until = [0] * self.v.size
        self.level = {p.name: [0.0] * sizes[p.target] for p in network.projections}
        self.fired: list[dict[str, list[int]]] = []
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 1)))
        process = rng.standard_normal(self.v.size)
        self.process = process
        for p in network.populations:
            for d in components(p.drive):
                if isinstance(d, spiking.OrnsteinUhlenbeckDrive):
                    process[self.first[p.name] : self.first[p.name] + p.size] *= d.deviation
                elif isinstance(d, spiking.LorentzianDrive):
                    place = rng.random(p.size)
                    place[[0, -1]] = 0.25, 0.75
                    standard = [math.tan(math.pi * ((j + w) / p.size - 0.5)) for j, w in enumerate(place)]
                    process[self.first[p.name] : self.first[p.name] + p.size] = rng.permutation(standard)
        self.targets = {p.name: self._targets(p) for p in network.projections}

    def _targets(self, p: spiking.Projection) -> dict[int, list[tuple[int, float]]]:
        if isinstance(p.wiring, spiking.Annealed):
            return {}
        found: dict[int, list[tuple[int, float]]] = {s: [] for s in range(self.network.sizes[p.source])}
        sources, targets, factors = spiking.graphs.edges(self.network, p.name)
        for k in range(sources.size):
            found[int(sources[k])].append((int(targets[k]), 1.0 if factors is None else float(factors[k])))
        return found

    def neurons(self, name: str) -> range:
        return range(self.first[name], self.first[name] + self.network.sizes[name])

    def run(self, steps: int) -> list[tuple[int, int]]:
        """Return (step, neuron) of the spikes of the next steps."""
        begun = len(self.fired)
        return [(n, i) for n in range(begun, begun + steps) for own in self.step(n).values() for i in own]

    def factor(self, p: Any, v: float) -> float:
        if p.synapse.reversal == -math.inf:
            return 1.0
        return (v - p.synapse.reversal) / (self.network[f"{p.target}.threshold"] - p.synapse.reversal)

    @staticmethod
    def strength(synapse: Any) -> float:
        return -synapse.weight if getattr(synapse, "inhibitory", False) else synapse.weight

    def consume(self, n: int, q: int, p: Any) -> list[int]:
        level, tau = self.level[p.name], p.synapse.tau
        words = row_words(self.key, n, 4 * len(self.network.populations) + q, len(level))
        taken = []
        for j, bits in enumerate(words):
            waiting = int(level[j])
            share = 1 - math.exp(-self.dt / tau) if self.exact else self.dt / tau
            rule = ("binomial", waiting, share) if self.exact else ("poisson", waiting * share)
            number = min(waiting, quantile(bits, *rule)) if waiting else 0
            level[j] -= number
            taken.append(number)
        return taken

    def step(self, n: int) -> dict[str, list[int]]:
        network, many, synapses = self.network, len(self.network.populations), len(self.network.projections)
        for q, p in enumerate(network.projections):
            if isinstance(p.synapse, spiking.PendingKick):
                for j, number in enumerate(self.consume(n, q, p)):
                    i = self.first[p.target] + j
                    for k in range(number if self.held_until[i] <= n else 0):
                        jump = self.strength(p.synapse) * self.factor(p, self.v[i])
                        use = 4 * many + 2 * synapses + q + k * 65536
                        bits = philox((j, n, 0, use), self.key)[0]
                        self.v[i] += math.floor(jump + uniform(bits)) if p.synapse.rounded else jump
        fired = {}
        for a, population in enumerate(network.populations):
            fired[population.name] = self.move(n, a, population)
        self.fired.append(fired)
        for q, p in enumerate(network.projections):
            if isinstance(p.synapse, spiking.PendingCurrent):
                self.consume(n, q, p)
            lag = round(p.delay / self.dt)
            if isinstance(p.synapse, spiking.Delta):
                lag = max(0, lag - 1)
            if n >= lag:
                self.deliver(n, q, p, self.fired[n - lag][p.source])
        return fired

    def deliver(self, n: int, q: int, p: Any, spikes: list[int]) -> None:
        unit = 1.0
        if isinstance(p.synapse, spiking.ExponentialCurrent):
            unit = self.strength(p.synapse) / p.synapse.tau
        elif isinstance(p.synapse, spiking.Delta | spiking.ExponentialConductance):
            unit = self.strength(p.synapse)
        level = self.level[p.name]
        if isinstance(p.wiring, spiking.Annealed):
            if spikes:
                use = 4 * len(self.network.populations) + len(self.network.projections) + q
                for j, bits in enumerate(row_words(self.key, n, use, len(level))):
                    level[j] += unit * quantile(bits, "binomial", len(spikes), p.wiring.probability)
            return
        for s in spikes:
            for target, factor in self.targets[p.name][s - self.first[p.source]]:
                level[target] += unit * factor

    def move(self, n: int, a: int, population: Any) -> list[int]:
        dt, neuron, name, many = self.dt, population.neuron, population.name, len(self.network.populations)
        own = self.neurons(name)
        incoming = [p for p in self.network.projections if p.target == name]
        conductances = [p for p in incoming if isinstance(p.synapse, spiking.ExponentialConductance)]
        lif = isinstance(neuron, spiking.LIF) and not conductances
        tau_m = neuron.tau_m
        exponential = lif and self.exact and tau_m < math.inf
        acting = tau_m * (1 - math.exp(-dt / tau_m)) if exponential else dt
        noise_time = tau_m / 2 * (1 - math.exp(-2 * dt / tau_m)) if exponential else dt
        words = row_words(self.key, n, a, len(own))
        coloured = row_words(self.key, n, 3 * many + a, len(own))
        bridge_words = row_words(self.key, n, many + a, len(own))
        spikes = []
        for j, i in enumerate(own):
            before = self.v[i]
            push, kick, conductance, towards, variance = 0.0, 0.0, 0.0, 0.0, 0.0
            for d in components(population.drive):
                if isinstance(d, spiking.ConstantDrive):
                    push += d.current * acting
                elif isinstance(d, spiking.LorentzianDrive):
                    most = population.neuron.tau_m * (math.pi / 2.0 / dt) ** 2
                    push += min(d.center + d.half_width * self.process[i], most) * acting
                elif isinstance(d, spiking.ArrayDrive):
                    push += d.values[int((n + 0.5) * dt / d.interval)] * acting
                elif isinstance(d, spiking.GaussianDrive):
                    push += d.rate * d.size * acting
                    variance = d.rate * d.size**2 * noise_time
                    kick += math.sqrt(variance) * normal(words[j])
                elif isinstance(d, spiking.PoissonDrive):
                    kick += d.size * quantile(words[j], "poisson", d.rate * dt)
                elif isinstance(d, spiking.OrnsteinUhlenbeckDrive):
                    x, decay = self.process[i], math.exp(-dt / d.tau)
                    self.process[i] = x * decay + d.deviation * math.sqrt(1 - decay**2) * normal(coloured[j])
                    mean = (x + self.process[i]) * d.tau * math.tanh(dt / 2 / d.tau) / dt
                    push += (d.mean + mean) * acting
            for p in incoming:
                level, s = self.level[p.name], p.synapse
                if isinstance(s, spiking.PendingCurrent):
                    share = (1 - math.exp(-dt / s.tau)) if self.exact else dt / s.tau
                    push += self.strength(s) * self.factor(p, before) * level[j] * share * acting / dt
                elif isinstance(s, spiking.Delta):
                    kick += level[j]
                    level[j] = 0.0
                elif isinstance(s, spiking.ExponentialCurrent):
                    decay = math.exp(-dt / s.tau)
                    if lif and tau_m < math.inf:
                        filtered = dt * decay
                        if tau_m != s.tau:
                            filtered = (math.exp(-dt / tau_m) - decay) / (1 / s.tau - 1 / tau_m)
                        push += level[j] * filtered
                    else:
                        push += level[j] * s.tau * (1 - decay)
                    level[j] *= decay
                elif isinstance(s, spiking.ExponentialConductance):
                    mean = level[j] * s.tau * (1 - math.exp(-dt / s.tau)) / dt / tau_m
                    conductance += mean
                    towards += mean * s.reversal
                    level[j] *= math.exp(-dt / s.tau)
            if self.held_until[i] > n:
                continue
            pole = 1.0
            if lif:
                decay = math.exp(-dt / tau_m) if self.exact else 1 - dt / tau_m
                v = neuron.rest + (before - neuron.rest) * decay + push
            elif isinstance(neuron, spiking.LIF):
                total, goal = conductance + 1 / tau_m, towards + neuron.rest / tau_m + push / dt
                v = (before * (1 - dt / 2 * total) + dt * goal) / (1 + dt / 2 * total)
            elif isinstance(neuron, spiking.EIF):

                def slope(u: float) -> float:
                    spike = neuron.slope_factor * math.exp(
                        (min(u, neuron.threshold) - neuron.onset) / neuron.slope_factor
                    )
                    return (neuron.rest - u + spike) / tau_m + push / dt + towards - conductance * u  # noqa: B023

                if before <= neuron.onset:
                    v = before + dt * slope(before + dt / 2 * slope(before))
                else:
                    v = self.climb(before, neuron, slope, conductance)
            else:
                root = np.emath.sqrt(push / dt * tau_m)
                angle = root * dt / tau_m
                pole = float((np.cos(angle) - before / root * np.sin(angle)).real)
                v = float((before * np.cos(angle) + root * np.sin(angle)).real) / pole
                if neuron.threshold < math.inf and pole <= 0:
                    v = math.inf
            v += kick
            crossed = pole <= 0 if neuron.threshold == math.inf else v >= neuron.threshold
            bridged = self.scheme == "bridge" and variance > 0 and neuron.threshold < math.inf
            if bridged and not crossed:
                exponent = 2 * (neuron.threshold - before) * (neuron.threshold - v) / variance
                crossed = exponent < 40 and uniform(bridge_words[j]) < math.exp(-exponent)
            if crossed:
                spikes.append(i)
                held = self.holding(neuron.refractory, n, 2 * many + a, j)
                self.held_until[i] = n + 1 + held
                if bridged and isinstance(neuron.refractory, spiking.NoRefractory):
                    v += neuron.reset - neuron.threshold
                elif neuron.threshold < math.inf:
                    v = neuron.reset
            self.v[i] = v
        return spikes

    def climb(self, v: float, neuron: Any, slope: Any, conductance: float) -> float:
        """Classical Runge-Kutta steps, each a fifth of the time in which dV/dt changes."""
        left = self.dt
        while left > 1e-12 and v < neuron.threshold:
            steepness = (1 + math.exp((v - neuron.onset) / neuron.slope_factor)) / neuron.tau_m + conductance
            h = min(left, 0.2 / steepness)
            k1 = slope(v)
            k2 = slope(v + h / 2 * k1)
            k3 = slope(v + h / 2 * k2)
            k4 = slope(v + h * k3)
            v += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            left -= h
        return v

    def holding(self, refractory: Any, n: int, use: int, j: int) -> int:
        bits = philox((j, n, 0, use), self.key)[0]
        half = 0.5 if self.scheme == "bridge" else 0.0
        if isinstance(refractory, spiking.Fixed):
            steps = refractory.duration / self.dt
            return int(steps - 0.5 + uniform(bits)) if half else round(steps)
        if isinstance(refractory, spiking.Exponential):
            rate = self.dt / (refractory.mean - half * self.dt)
            return 1 + int(math.log(uniform(bits)) / math.log(1 - rate))
        if isinstance(refractory, spiking.Normal):
            mean = refractory.mean / self.dt - half
            return int(max(0.0, mean + refractory.deviation / self.dt * normal(bits)) + 0.5)
        return 0


def simulate(
    network: spiking.Network, steps: int, dt: float, seed: int, scheme: str = "reference", voltage: Any = None
) -> list[tuple[int, int]]:
    """Return (step, neuron) of the spikes of a trial."""
    if voltage is None:
        resets = [network[f"{p.name}.reset"] for p in network.populations]
        voltage = np.repeat([r if math.isfinite(r) else 0.0 for r in resets], list(network.sizes.values()))
    return Twin(network, dt, seed, scheme, voltage).run(steps)
