"""The flows of neurons and spikes in a Markov approximation, with every coefficient as a sympy expression."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import sympy as sp

from reduction import terms
from reduction.bernoulli import Bernoulli
from reduction.explicit import Channel, symbol
from reduction.levels.ode import layout
from reduction.markov import MarkovApproximation
from reduction.sources import Source
from spiking.network import Network, Population
from spiking.neurons import LIF

_ONE = sp.Integer(1)


@dataclass(frozen=True)
class Flow:
    """Neurons that move: at which rate, what each changes, and the shares of the bins in which it lands by chance."""

    name: str
    rate: Any
    change: dict[str, Any]
    landing: dict[str, Any] = field(default_factory=dict)

    def mean_change(self) -> dict[str, Any]:
        return _sum(self.change, self.landing)

    def channels(self) -> Iterator[Channel]:
        """Yield one channel for each bin in which a neuron may land."""
        if not self.landing:
            yield Channel(self.name, self.rate, self.change)
        for state, share in self.landing.items():
            bin_number = state[state.index("[") :]
            yield Channel(f"{self.name}{bin_number}", self.rate * share, _sum(self.change, {state: sp.Integer(1)}))


class Flows:
    """Collects definitions and flows; it is the `terms.Notation` of explicit systems: symbols named by address."""

    def __init__(self, approximation: MarkovApproximation) -> None:
        self.approximation = approximation
        self.layout = layout(approximation)
        self.sources = approximation.sources()
        self.arrays = approximation.arrays()
        self.definitions: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.decay: dict[str, Any] = {}
        self.observables: dict[str, Any] = {}
        self.hops: list[tuple[Flow, Flow]] = []
        self.flows: list[Flow] = []

    @property
    def network(self) -> Network:
        return self.approximation.network

    def parameter(self, address: str) -> Any:
        return symbol(address)

    def projection_moments(self, source: Source) -> tuple[Any, Any]:
        return symbol(f"{source.name}.mean"), symbol(f"{source.name}.variance")

    def kappa(self, tau: Any) -> Any:
        if self.approximation.closure in ("white", "conditional"):
            return 2 * tau
        return terms.number(self.approximation.kappa(math.nan))

    def define(self, name: str, expression: Any) -> Any:
        """Return a symbol that stands for an expression, or the expression itself if it is a symbol or a number."""
        if not expression.is_Atom:
            self.definitions[name] = expression
            expression = symbol(name)
        self.values[name] = expression
        return expression

    def inputs(self, population: str) -> list[tuple[Source, int]]:
        """Return the sources of a population, each with the number of its two-valued noises."""
        return [(s, self.approximation.telegraphs(s)) for s in self.sources if s.target == population]

    def source(self, source: Source) -> None:
        """Define what a source adds, and how its moments decay."""
        name, telegraphs = source.name, self.approximation.telegraphs(source)
        self.define(f"{name}.current", terms.current(source, self))
        if telegraphs:
            self.define(f"{name}.amplitude", terms.amplitude(source, telegraphs, self))
        else:
            self.define(f"{name}.power", terms.power(source, self))
        if source.source:
            mean, variance = terms.moment_decay(source, self)
            self.decay |= {f"{name}.mean": mean, f"{name}.variance": variance}

    def population(self, population: Population) -> None:
        """Define the hops of a population in every column of levels, its spikes and its refractoriness."""
        name, bins = population.name, self.approximation.bins[population.name]
        columns, stages = self.approximation.columns(name), self.approximation.pool_stages(name)
        drive = terms.drive_terms(population, self)
        self.define(f"{name}.drive_drift", drive[0])
        self.define(f"{name}.drive_noise", drive[1])
        edges = [
            self.define(f"{name}.edge[{k}]", v)
            for k, v in enumerate(terms.edges(self.approximation, population, self, self.define))
        ]
        widths = self.widths(population, edges)
        edge_terms = [self.at_edge(population, k, edges[k]) for k in range(1, bins + 1)]
        landing = self.landing(name, edges)
        spikes = []
        for column in range(columns):
            density = [symbol(_place(name, "density", k, column, columns)) for k in range(bins)]
            for k, (mu, sigma2) in enumerate(edge_terms, 1):
                up, down = self.hop_rates(population, k, column, mu, sigma2, widths)
                if k == bins:
                    spikes.append(self.define(f"{name}.flux{_column(column, columns)}", up * density[-1]))
                    continue
                below, above = density[k - 1 : k + 1]
                at = _place(name, "", k, column, columns)
                self.hops.append((
                    Flow(at.replace(".", ".up"), up * below, {below.name: -_ONE, above.name: _ONE}),
                    Flow(at.replace(".", ".down"), down * above, {above.name: -_ONE, below.name: _ONE}),
                ))  # fmt: skip
        flux = self.define(f"{name}.flux", sp.Add(*spikes)) if columns > 1 else spikes[0]
        self.observables[f"{name}.rate"] = 1000 * flux / self.parameter(f"{name}.size")
        for column in range(columns):
            self.refractoriness(population, column, columns, spikes[column], stages, landing)

    def widths(self, population: Population, edges: list[Any]) -> list[Any]:
        """Define the width of a bin at every edge but the first: the same for leaky neurons."""
        name, bins = population.name, len(edges) - 1
        if isinstance(population.neuron, LIF):
            return [self.define(f"{name}.width", (edges[-1] - edges[0]) / bins)] * bins
        found = []
        for k, v in enumerate(edges[1:], 1):
            width, bend = terms.stretch(self.approximation, population, self, self.values, v)
            self.define(f"{name}.bend[{k}]", bend)
            found.append(self.define(f"{name}.width[{k}]", width))
        return found

    def at_edge(self, population: Population, k: int, v: Any) -> tuple[Any, Any]:
        """Define the mean drift and the intensity of the white noise at an edge."""
        name = population.name
        drift = [self.values[f"{name}.drive_drift"], terms.intrinsic_drift(population, v, self)]
        noise = [self.values[f"{name}.drive_noise"]]
        for source, telegraphs in self.inputs(name):
            c = terms.voltage_factor(source, v, self)
            drift.append(c * self.values[f"{source.name}.current"])
            if not telegraphs:
                noise.append(c**2 * self.values[f"{source.name}.power"])
                drift.append(-terms.noise_drift(source, v, self) * self.values[f"{source.name}.power"])
        return (
            self.define(f"{name}.drift[{k}]", sp.Add(*drift)),
            self.define(f"{name}.noise[{k}]", sp.Max(terms.LEAST_NOISE, sp.Add(*noise), evaluate=False)),
        )

    def hop_rates(
        self, population: Population, k: int, column: int, mu: Any, sigma2: Any, widths: list[Any]
    ) -> tuple[Any, Any]:
        """Define the Scharfetter-Gummel rates upwards and downwards across the lower end of bin k, or the threshold."""
        name = population.name
        last, columns = k == len(widths), self.approximation.columns(name)
        deviation = []
        for source, telegraphs in self.inputs(name):
            if telegraphs:
                c = terms.voltage_factor(source, self.values[f"{name}.edge[{k}]"], self)
                up_ones = self.level(source, column, telegraphs)
                deviation.append((2 * up_ones - telegraphs) * c * self.values[f"{source.name}.amplitude"])
        mu += sp.Add(*deviation)
        if not isinstance(population.neuron, LIF):
            mu -= sigma2 / 2 * self.values[f"{name}.bend[{k}]"]
        width = widths[k - 1]
        step = width / 2 if last else width
        at = _place(name, "", k, column, columns)
        peclet = self.define(at.replace(".", ".peclet"), 2 * mu * step / sigma2)
        scale = sigma2 / (2 * step)
        up = self.define(at.replace(".", ".up"), scale / width * Bernoulli(-peclet))
        if last:
            return up, sp.Integer(0)
        return up, self.define(at.replace(".", ".down"), scale / width * Bernoulli(peclet))

    def level(self, source: Source, column: int, telegraphs: int) -> int:
        """Return how many of a source's two-valued noises are up in a column."""
        stride = int(self.arrays.stride[self.sources.index(source)])
        return (column // stride) % (telegraphs + 1)

    def landing(self, name: str, edges: list[Any]) -> list[tuple[int, Any]]:
        """Return the two bins around reset, and the shares of released neurons that go there."""
        a = list(self.network.sizes).index(name)
        low, share = int(self.arrays.reset_bin[a]), float(self.arrays.reset_share[a])
        if share in (0.0, 1.0):
            return [(low + int(share), _ONE)]
        below, middle, above = edges[low : low + 3]
        first = (below + middle) / 2
        fraction = (self.parameter(f"{name}.reset") - first) / ((above - below) / 2)
        inside = self.define(f"{name}.reset_share", sp.together(fraction))
        return [(low, 1 - inside), (low + 1, inside)]

    def refractoriness(
        self,
        population: Population,
        column: int,
        columns: int,
        spikes: Any,
        number: int,
        landing: list[tuple[int, Any]],
    ) -> None:
        """Add the flows of spikes through the refractory stages back to reset."""
        name, bins = population.name, self.approximation.bins[population.name]
        suffix = _column(column, columns)
        stages = [symbol(_place(name, "refractory", s, column, columns)) for s in range(number)]
        back = {_place(name, "density", k, column, columns): share for k, share in landing}
        change = {_place(name, "density", bins - 1, column, columns): -_ONE} | self.arrivals(name)
        if not stages:
            self.flows.append(Flow(f"{name}.spike{suffix}", spikes, change, back))
            return
        leaving = self.define(f"{name}.leaving", terms.release_rate(self.approximation, population, self))
        self.flows.append(Flow(f"{name}.spike{suffix}", spikes, _sum(change, {stages[0].name: _ONE})))
        for s, (stage, following) in enumerate(pairwise(stages)):
            moved = {stage.name: -_ONE, following.name: _ONE}
            self.flows.append(Flow(_place(name, "stage", s, column, columns), leaving * stage, moved))
        self.flows.append(Flow(f"{name}.release{suffix}", leaving * stages[-1], {stages[-1].name: -_ONE}, back))

    def arrivals(self, population: str) -> dict[str, Any]:
        """Return what a spike of a population changes at once: moments, or the first stages of delays."""
        change: dict[str, Any] = {}
        for source in self.sources:
            if source.source == population:
                change |= {f"{source.name}.delay[0]": _ONE} if source.stages else self.jumps(source)
        return change

    def jumps(self, source: Source) -> dict[str, Any]:
        mean, variance = terms.moment_jumps(source, self)
        return _sum({f"{source.name}.mean": mean, f"{source.name}.variance": variance}, {})

    def delays_and_levels(self, source: Source) -> None:
        """Add the passage of spikes through a delay, and of neurons between the levels of coloured noise."""
        arriving: Any = sp.Integer(0)
        if source.stages:
            rate = self.define(f"{source.name}.delay_rate", terms.delay_rate(source, self))
            stages = [f"{source.name}.delay[{s}]" for s in range(source.stages)]
            for stage, following in pairwise(stages):
                self.flows.append(Flow(stage, rate * symbol(stage), {stage: -_ONE, following: _ONE}))
            arriving = rate * symbol(stages[-1])
            self.flows.append(Flow(stages[-1], arriving, {stages[-1]: -_ONE} | self.jumps(source)))
        elif source.source:
            arriving = symbol(f"{source.source}.flux")
        telegraphs = self.approximation.telegraphs(source)
        if not telegraphs:
            return
        name, columns = source.target, self.approximation.columns(source.target)
        flip = self.define(f"{source.name}.flip", terms.flip_rate(source, arriving, self))
        stride = int(self.arrays.stride[self.sources.index(source)])
        kinds = (("density", self.approximation.bins[name]), ("refractory", self.approximation.pool_stages(name)))
        for column in range(columns):
            j = self.level(source, column, telegraphs)
            if j == telegraphs:
                continue
            for kind, places in kinds:
                for k in range(places):
                    here = _place(name, kind, k, column, columns)
                    above = _place(name, kind, k, column + stride, columns)
                    at = here.replace(f"{name}.{kind}", f"{source.name}.flip_{kind}")
                    self.hops.append((
                        Flow(at, (telegraphs - j) * flip * symbol(here), {here: -_ONE, above: _ONE}),
                        Flow(f"{at}.down", (j + 1) * flip * symbol(above), {above: -_ONE, here: _ONE}),
                    ))  # fmt: skip

    def conservation(self) -> dict[str, Any]:
        """Return the state of each population that conservation of neurons gives."""
        own = self.layout
        return {
            own.names[index]: self.parameter(f"{name}.size")
            - sp.Add(*(symbol(own.names[k]) for k in np.flatnonzero(own.owner == a) if k != index))
            for a, (name, index) in enumerate(zip(self.network.sizes, own.eliminated, strict=True))
        }


def _place(name: str, kind: str, k: int, column: int, columns: int) -> str:
    """Return the name of a bin, stage or edge, with its column of levels if there are several."""
    return f"{name}.{kind}[{k}{f',{column}' if columns > 1 else ''}]"


def _column(column: int, columns: int) -> str:
    return f"[{column}]" if columns > 1 else ""


def _sum(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return the sum of two changes, without zeros."""
    both = {name: first.get(name, sp.Integer(0)) + second.get(name, sp.Integer(0)) for name in first | second}
    return {name: amount for name, amount in both.items() if amount != 0}
