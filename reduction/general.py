"""The general form of the reduced equations: one bin k, one voltage v, in the literature's symbols."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from reduction import latex, terms
from reduction.markov import MarkovApproximation
from reduction.sources import Source
from spiking.errors import SpecificationError
from spiking.network import Network, Population
from spiking.neurons import LIF

_T, _V, _K, _X = sp.Symbol("t"), sp.Symbol("v"), sp.Symbol("k", integer=True), sp.Symbol("x")
_BERNOULLI = sp.Function("B")
_PARAMETERS = {
    "size": "N", "threshold": "Vth", "reset": "Vreset", "rest": "Vrest", "tau_m": "taum", "drive.rate": "lambda",
    "drive.size": "s", "refractory.mean": "tauref", "refractory.duration": "tauref", "weight": "S", "tau": "tau",
    "probability": "p", "reversal": "Vrev",
}  # fmt: skip


@dataclass(frozen=True)
class Meaning:
    """What a symbol stands for.

    Attributes
    ----------
    latex : str
    text : str
        In words, with the unit.
    address : str
        Address of the parameter; empty for variables and functions.
    """

    latex: str
    text: str
    address: str = ""


def general_form(approximation: MarkovApproximation) -> GeneralForm:
    """Write the equations of the ODE level in general form.

    Raises
    ------
    SpecificationError
        If a neuron is not leaky, a drive depends on time, or refractory times are normally distributed.
    """
    builder = GeneralForm(approximation)
    for source in approximation.sources():
        if source.source:
            builder.moment_equations(source)
    for population in approximation.network.populations:
        builder.population(population)
    builder.equations["B"] = sp.Eq(_BERNOULLI(_X), _X / (sp.exp(_X) - 1), evaluate=False)
    builder.mean("B", "B", "Bernoulli function of the Scharfetter-Gummel rates")
    builder.mean("v", "v", "voltage (mV)")
    builder.mean("t", "t", "time (ms)")
    return builder


@dataclass(frozen=True)
class _Levels:
    """A coloured source: the number of its two-valued noises, how many are up, and the rate at which each changes."""

    source: Source
    number: int
    up: sp.Symbol
    rate: Any


@dataclass
class GeneralForm:
    """Collects the equations; it is their `terms.Notation`.

    Attributes
    ----------
    approximation : MarkovApproximation
    equations, meanings, symbols : dict
        As those of `reduction.symbolic.ReducedEquations`.
    """

    approximation: MarkovApproximation
    equations: dict[str, sp.Eq] = field(default_factory=dict)
    meanings: dict[str, Meaning] = field(default_factory=dict)
    symbols: dict[str, sp.Symbol] = field(default_factory=dict)

    def mean(self, name: str, latex: str, text: str, address: str = "") -> None:
        self.meanings.setdefault(name, Meaning(latex, text, address))

    def parameter(self, address: str) -> Any:
        unit, text = self.approximation.network.describe(address)
        owner, _, field_name = address.partition(".")
        name = f"{_PARAMETERS.get(field_name, field_name.replace('.', '_'))}_{owner}"
        self.mean(name, latex.symbol(address), f"{text}, {owner}{f' ({unit})' if unit else ''}", address)
        return self.symbols.setdefault(address, sp.Symbol(name))

    def function(self, name: str, latex: str, text: str, *arguments: Any) -> Any:
        self.mean(name, latex, text)
        return sp.Function(name)(*arguments)

    @property
    def network(self) -> Network:
        return self.approximation.network

    def projection_moments(self, source: Source) -> tuple[Any, Any]:
        name, tag = source.name, latex.plain(source.name)
        onto = f"pending spikes per neuron of {source.target} from {source.source}"
        mean = self.function(f"Hbar_{name}", rf"\bar H^{{{tag}}}", f"mean number of {onto}", _T)
        variance = self.function(f"W_{name}", rf"W^{{{tag}}}", f"variance of the number of {onto}", _T)
        return mean, variance

    def rate(self, population: str) -> Any:
        return self.function(
            f"r_{population}",
            f"r_{{{latex.plain(population)}}}",
            f"spikes per ms of the whole population {population}",
            _T,
        )

    def arriving(self, source: Source) -> Any:
        """Return the spikes per ms that reach a projection's synapses, after its delay."""
        rate = self.rate(source.source)
        if not source.stages:
            return rate
        passage = terms.delay_rate(source, self)
        text, tag = f"spikes from {source.source} to {source.target} in a stage of the delay", latex.plain(source.name)
        for j in range(1, source.stages + 1):
            stage = self.function(f"D_{source.name}", f"D^{{{tag}}}", text, j, _T)
            self.equations[f"{source.name}.delay{j}"] = sp.Eq(sp.Derivative(stage, _T), rate - passage * stage)
            rate = passage * stage
        return rate

    def moment_equations(self, source: Source) -> None:
        arriving, moments = self.arriving(source), self.projection_moments(source)
        decays, jumps = terms.moment_decay(source, self), terms.moment_jumps(source, self)
        for kind, moment, decay, jump in zip(("mean", "variance"), moments, decays, jumps, strict=True):
            self.equations[f"{source.name}.{kind}"] = sp.Eq(sp.Derivative(moment, _T), decay + jump * arriving)

    def kappa(self, tau: Any) -> Any:
        if self.approximation.closure in ("white", "conditional"):
            return 2 * tau
        value = self.approximation.kappa(math.nan)
        self.mean("kappa", r"\kappa", f"closure: time over which fluctuations of H act as white noise, {value:g} ms")
        return sp.Symbol("kappa")

    def levels(self, population: str) -> list[_Levels]:
        """Return the coloured sources of a population with the numbers of their two-valued noises that are up."""
        found = []
        for source in self.approximation.sources():
            number = self.approximation.telegraphs(source)
            if source.target == population and number:
                tag, symbol = latex.plain(source.name), sp.Symbol(f"j_{source.name}", integer=True)
                text = (
                    f"two-valued noises of {source.name} that are up, of {number}; nothing is below 0 or above {number}"
                )
                self.mean(symbol.name, f"j_{{{tag}}}", text)
                arriving = self.arriving(source) if source.source else sp.Integer(0)
                rate = self.function(
                    f"flip_{source.name}", rf"\gamma^{{{tag}}}", "rate at which each changes (1/ms)", _T
                )
                self.equations[f"{population}.{source.name}.flip"] = sp.Eq(
                    rate, terms.flip_rate(source, arriving, self), evaluate=False
                )
                found.append(_Levels(source, number, symbol, rate))
        return found

    def population(self, population: Population) -> None:
        name, neuron = population.name, population.neuron
        tag = latex.plain(name)
        if not isinstance(neuron, LIF):
            raise SpecificationError(f"{name}: the general form covers leaky neurons, whose bins are equal; give bins")
        levels = self.levels(name)
        threshold, reset = (self.parameter(f"{name}.{field_name}") for field_name in ("threshold", "reset"))
        floor, width, bins = (
            sp.Symbol(f"vmin_{name}"), sp.Symbol(f"h_{name}"), sp.Symbol(f"K_{name}", integer=True),
        )  # fmt: skip
        mu, noise, right, left = (
            self.function(symbol, tex, text.format(name), _V)
            for symbol, tex, text in (
                (f"mu_{name}", rf"\mu_{{{tag}}}", "drift of the voltage of {} (mV/ms)"),
                (f"sigma2_{name}", rf"\sigma^2_{{{tag}}}", "noise intensity of the voltage of {} (mV^2/ms)"),
                (f"R_{name}", f"R_{{{tag}}}", "rate of hops of {} upwards across the edge at v (1/ms)"),
                (f"L_{name}", f"L_{{{tag}}}", "rate of hops of {} downwards across the edge at v (1/ms)"),
            )
        )
        drift_terms, noise_terms = self.voltage_terms(population, levels)
        self.equations[f"{name}.drift"] = sp.Eq(mu, drift_terms, evaluate=False)
        self.equations[f"{name}.noise"] = sp.Eq(noise, noise_terms, evaluate=False)
        peclet = 2 * mu * width / noise
        scale = noise / (2 * width**2)
        self.equations[f"{name}.right"] = sp.Eq(right, scale * _BERNOULLI(-peclet), evaluate=False)
        self.equations[f"{name}.left"] = sp.Eq(left, scale * _BERNOULLI(peclet), evaluate=False)

        ups = [x.up for x in levels]

        def density(k: Any, *up: Any) -> Any:
            return self.function(f"n_{name}", f"n_{{{tag}}}", f"neurons of {name} in bin k", k, *(up or ups), _T)

        self.mean("k", "k", "number of a bin, from 0")
        self.mean(
            floor.name,
            rf"v^{{{tag}}}_{{\min}}",
            f"lower end of the bins of {name}, {self.approximation.v_min[name]:g} mV",
        )
        self.mean(bins.name, f"K_{{{tag}}}", f"number of bins of {name}, {self.approximation.bins[name]}")
        self.mean(width.name, f"h_{{{tag}}}", f"bin width of {name}, (Vth - vmin)/K (mV)")

        def edge(k: Any) -> Any:
            return self.function(f"edge_{name}", rf"v^{{{tag}}}", f"lower end of bin k of {name} (mV)", k)

        below, above = edge(_K), edge(_K + 1)
        self.equations[f"{name}.edge"] = sp.Eq(below, floor + _K * width, evaluate=False)
        released = self.function(
            f"q_{name}", f"q_{{{tag}}}", f"neurons of {name} released from refractoriness per ms", *ups, _T
        )
        share = self.function(
            f"g_{name}", f"g_{{{tag}}}", f"share of the released neurons of {name} that goes to bin k", _K
        )
        self.equations[f"{name}.bin"] = sp.Eq(
            sp.Derivative(density(_K), _T),
            right.subs(_V, below) * density(_K - 1)
            + left.subs(_V, above) * density(_K + 1)
            - (right.subs(_V, above) + left.subs(_V, below)) * density(_K)
            + share * released
            + _switching(levels, lambda *up: density(_K, *up)),
            evaluate=False,
        )
        at = {_V: threshold}
        across = noise.subs(at) / width**2 * _BERNOULLI(-mu.subs(at) * width / noise.subs(at)) * density(bins - 1)
        flux = self.rate(name)
        if levels:
            flux = self.function(f"f_{name}", f"f_{{{tag}}}", f"spikes per ms of {name} at given levels", *ups, _T)
            total = sp.Sum(flux, *((x.up, 0, x.number) for x in levels))
            self.equations[f"{name}.flux"] = sp.Eq(flux, across, evaluate=False)
            across = total
        self.equations[f"{name}.rate"] = sp.Eq(self.rate(name), across, evaluate=False)
        self.release(population, flux, released, density(_K), bins, levels)
        distance = sp.Abs((below + above) / 2 - reset) / width
        self.equations[f"{name}.reset"] = sp.Eq(share, sp.Max(0, 1 - distance), evaluate=False)

    def voltage_terms(self, population: Population, levels: list[_Levels]) -> tuple[Any, Any]:
        """Return drift (at given levels) and intensity of the white noise at v."""
        drift, noise = terms.drive_terms(population, self)
        drift += terms.intrinsic_drift(population, _V, self)
        coloured = {x.source.name: x for x in levels}
        for source in self.approximation.sources():
            if source.target != population.name:
                continue
            c = terms.voltage_factor(source, _V, self)
            drift += c * terms.current(source, self)
            if source.name in coloured:
                own = coloured[source.name]
                drift += c * (2 * own.up - own.number) * terms.amplitude(source, own.number, self)
            else:
                noise += c**2 * terms.power(source, self)
                drift -= terms.noise_drift(source, _V, self) * terms.power(source, self)
        return drift, noise

    def release(
        self, population: Population, flux: Any, released: Any, density: Any, bins: Any, levels: list[_Levels]
    ) -> None:
        """Write where neurons that have fired are until they are released."""
        name, tag = population.name, latex.plain(population.name)
        m = self.approximation.pool_stages(name)
        if not m:
            self.equations[f"{name}.release"] = sp.Eq(released, flux, evaluate=False)
            return
        rate = terms.release_rate(self.approximation, population, self)
        ups = [x.up for x in levels]

        def stage(j: int, *up: Any) -> Any:
            text = f"neurons of {name} in a stage of refractoriness"
            return self.function(f"u_{name}", f"u_{{{tag}}}", text, j, *(up or ups), _T)

        entering = flux
        for j in range(1, m + 1):
            here = stage(j)
            right = entering - rate * here + _switching(levels, lambda *up, j=j: stage(j, *up))
            self.equations[f"{name}.stage{j}"] = sp.Eq(sp.Derivative(here, _T), right)
            entering = rate * here
        if not levels:
            held = self.parameter(f"{name}.size") - sp.Sum(density, (_K, 0, bins - 1))
            rest = held - sum(stage(j) for j in range(2, m + 1))
            del self.equations[f"{name}.stage1"]
            if m == 1:
                entering = rate * rest
            else:
                self.equations[f"{name}.stage1"] = sp.Eq(stage(1), rest, evaluate=False)
        self.equations[f"{name}.release"] = sp.Eq(released, entering, evaluate=False)


def _switching(levels: list[_Levels], of: Callable[..., Any]) -> Any:
    """Return the rate of change of what is held at each combination of levels through changes of level."""
    change = sp.Integer(0)
    for i, own in enumerate(levels):
        ups = [x.up for x in levels]
        below, above = ([*ups[:i], own.up + step, *ups[i + 1 :]] for step in (-1, 1))
        change += own.rate * (
            (own.number - own.up + 1) * of(*below) + (own.up + 1) * of(*above) - own.number * of(*ups)
        )
    return change
