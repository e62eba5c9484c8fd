"""The reduced equations in sympy, with the meaning of each symbol."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from reduction.markov import MarkovApproximation
from spiking.network import Network, Population, Projection
from spiking.neurons import LIF, Exponential, Fixed
from spiking.synapses import PendingKick, PendingSpikeSynapse

if TYPE_CHECKING:
    from collections.abc import Iterator

_T, _V, _K, _X = sp.Symbol("t"), sp.Symbol("v"), sp.Symbol("k", integer=True), sp.Symbol("x")
_BERNOULLI = sp.Function("B")


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


@dataclass(frozen=True, eq=False)
class ReducedEquations:
    """The equations of the ODE level for a network.

    Attributes
    ----------
    network : Network
    equations : dict
        Name (``"EI.mean"``, ``"E.drift"``, ``"E.bin"``, ...) to `sympy.Eq`.
    meanings : dict
        Symbol or function (by its printed name) to `Meaning`.
    symbols : dict
        Address of a parameter to its symbol.
    """

    network: Network
    equations: dict[str, sp.Eq]
    meanings: dict[str, Meaning]
    symbols: dict[str, sp.Symbol]

    def __str__(self) -> str:
        width = max(len(name) for name in self.meanings)
        lines = []
        for title, names in self._sections():
            lines += [title, ""]
            lines += [f"  {_left(self.equations[n])} = {sp.sstr(self.equations[n].rhs)}" for n in names]
            lines.append("")
        lines += ["Symbols", ""]
        for name, meaning in self.meanings.items():
            value = f" = {self.network[meaning.address]:g}  [{meaning.address}]" if meaning.address else ""
            lines.append(f"  {name:{width}}  {meaning.text}{value}")
        return "\n".join(lines)

    def latex(self) -> str:
        """Return a LaTeX fragment: the equations by section, then a table of symbols (needs amsmath, longtable)."""
        names = {sp.Symbol(n): m.latex for n, m in self.meanings.items()}
        names |= {symbol: self.meanings[symbol.name].latex for symbol in self.symbols.values()}
        printer = _Latex({"symbol_names": names, "fold_short_frac": False}, self.meanings)
        lines = []
        for title, keys in self._sections():
            lines += [rf"\paragraph{{{title}}}", r"\begin{align}"]
            rows = [
                f"  {printer.doprint(self.equations[n].lhs)} &= {printer.doprint(self.equations[n].rhs)}" for n in keys
            ]
            lines += [" \\\\\n".join(rows), r"\end{align}"]
        lines += [r"\begin{longtable}{lll}", r"symbol & meaning & value \\ \hline"]
        for meaning in self.meanings.values():
            value = f"${_latex_number(self.network[meaning.address])}$" if meaning.address else ""
            text = meaning.text.replace("^2", "$^2$")
            lines.append(rf"${meaning.latex}$ & {text} & {value} \\")
        lines.append(r"\end{longtable}")
        return "\n".join(lines)

    def source(self) -> str:
        """Return Python source that builds the same equations as sympy objects, in a dictionary ``equations``."""
        body = "\n".join(f"    {name!r}: {sp.srepr(eq)}," for name, eq in self.equations.items())
        return f"from sympy import *\n\nequations = {{\n{body}\n}}\n"

    def _sections(self) -> Iterator[tuple[str, list[str]]]:
        moments = [n for n in self.equations if n.endswith((".mean", ".variance"))]
        if moments:
            yield "Pending spikes: mean and variance", moments
        for population in self.network.populations:
            own = [n for n in self.equations if n.startswith(f"{population.name}.") and n not in moments]
            yield f"Population {population.name}", own
        yield "Bernoulli function", ["B"]


def derive(network: Network | MarkovApproximation) -> ReducedEquations:
    r"""Derive the reduced equations of a network: the ODE level of its Markov approximation.

    For every projection the mean :math:`\bar H` and variance W of pending spikes; for every population the drift and
    noise intensity of a voltage, the hop rates across an edge at v, a general bin k, the flux across the threshold, the
    refractory pool and where released neurons go. At the lower end nothing is exchanged: R and L vanish there; out of
    the last bin R is the firing rate.

    Parameters
    ----------
    network : Network or MarkovApproximation
        A network is taken with the default closure.

    Returns
    -------
    ReducedEquations
    """
    approximation = network if isinstance(network, MarkovApproximation) else MarkovApproximation(network)
    builder = _Builder(approximation)
    for projection in approximation.network.projections:
        builder.moments(projection)
    for population in approximation.network.populations:
        builder.population(population)
    builder.equations["B"] = sp.Eq(_BERNOULLI(_X), _X / (sp.exp(_X) - 1), evaluate=False)
    builder.mean("B", "B", "Bernoulli function of the Scharfetter-Gummel rates")
    builder.mean("v", "v", "voltage (mV)")
    builder.mean("t", "t", "time (ms)")
    return ReducedEquations(approximation.network, builder.equations, builder.meanings, builder.symbols)


@dataclass
class _Builder:
    approximation: MarkovApproximation
    equations: dict[str, sp.Eq] = field(default_factory=dict)
    meanings: dict[str, Meaning] = field(default_factory=dict)
    symbols: dict[str, sp.Symbol] = field(default_factory=dict)

    def mean(self, name: str, latex: str, text: str, address: str = "") -> None:
        self.meanings.setdefault(name, Meaning(latex, text, address))

    def parameter(self, address: str, name: str, latex: str) -> sp.Symbol:
        unit, text = self.approximation.network.describe(address)
        owner = address.partition(".")[0]
        self.mean(name, latex, f"{text}, {owner}{f' ({unit})' if unit else ''}", address)
        return self.symbols.setdefault(address, sp.Symbol(name))

    def function(self, name: str, latex: str, text: str, *arguments: Any) -> Any:
        self.mean(name, latex, text)
        return sp.Function(name)(*arguments)

    def of_projection(self, p: Projection) -> tuple[sp.Symbol, sp.Symbol, sp.Symbol]:
        n = p.name
        return (
            self.parameter(f"{n}.weight", f"S_{n}", rf"S^{{{n}}}"),
            self.parameter(f"{n}.tau", f"tau_{n}", rf"\tau^{{{n}}}"),
            self.parameter(f"{n}.probability", f"p_{n}", rf"p^{{{n}}}"),
        )

    def pending(self, p: Projection) -> tuple[Any, Any]:
        onto = f"pending spikes per neuron of {p.target} from {p.source}"
        mean = self.function(f"Hbar_{p.name}", rf"\bar H^{{{p.name}}}", f"mean number of {onto}", _T)
        variance = self.function(f"W_{p.name}", rf"W^{{{p.name}}}", f"variance of the number of {onto}", _T)
        return mean, variance

    def rate(self, population: str) -> Any:
        return self.function(
            f"r_{population}", f"r_{{{population}}}", f"spikes per ms of the whole population {population}", _T
        )

    def moments(self, p: Projection) -> None:
        _, tau, probability = self.of_projection(p)
        mean, variance = self.pending(p)
        r = self.rate(p.source)
        self.equations[f"{p.name}.mean"] = sp.Eq(sp.Derivative(mean, _T), -mean / tau + probability * r)
        self.equations[f"{p.name}.variance"] = sp.Eq(
            sp.Derivative(variance, _T), -2 * variance / tau + mean / tau + probability * (1 - probability) * r
        )

    def kappa(self, tau: sp.Symbol) -> Any:
        if self.approximation.closure == "white":
            return 2 * tau
        value = self.approximation.kappa(math.nan)
        self.mean("kappa", r"\kappa", f"closure: time over which fluctuations of H act as white noise, {value:g} ms")
        return sp.Symbol("kappa")

    def population(self, population: Population) -> None:
        name, neuron = population.name, population.neuron
        assert isinstance(neuron, LIF)
        size = self.parameter(f"{name}.size", f"N_{name}", f"N_{{{name}}}")
        threshold = self.parameter(f"{name}.threshold", f"Vth_{name}", rf"V^{{{name}}}_{{\mathrm{{th}}}}")
        reset = self.parameter(f"{name}.reset", f"Vreset_{name}", rf"V^{{{name}}}_{{\mathrm{{reset}}}}")
        floor, width, bins = (
            sp.Symbol(f"vmin_{name}"), sp.Symbol(f"h_{name}"), sp.Symbol(f"K_{name}", integer=True),
        )  # fmt: skip
        mu, noise, right, left = (
            self.function(symbol, latex, text.format(name), _V)
            for symbol, latex, text in (
                (f"mu_{name}", rf"\mu_{{{name}}}", "drift of the voltage of {} (mV/ms)"),
                (f"sigma2_{name}", rf"\sigma^2_{{{name}}}", "noise intensity of the voltage of {} (mV^2/ms)"),
                (f"R_{name}", f"R_{{{name}}}", "rate of hops of {} upwards across the edge at v (1/ms)"),
                (f"L_{name}", f"L_{{{name}}}", "rate of hops of {} downwards across the edge at v (1/ms)"),
            )
        )
        drift_terms, noise_terms = self.voltage_terms(population, neuron, threshold)
        self.equations[f"{name}.drift"] = sp.Eq(mu, drift_terms, evaluate=False)
        self.equations[f"{name}.noise"] = sp.Eq(noise, noise_terms, evaluate=False)
        peclet = 2 * mu * width / noise
        scale = noise / (2 * width**2)
        self.equations[f"{name}.right"] = sp.Eq(right, scale * _BERNOULLI(-peclet), evaluate=False)
        self.equations[f"{name}.left"] = sp.Eq(left, scale * _BERNOULLI(peclet), evaluate=False)

        def density(k: Any) -> Any:
            return self.function(f"n_{name}", f"n_{{{name}}}", f"neurons of {name} in bin k", k, _T)

        self.mean("k", "k", "number of a bin, from 0")
        self.mean(
            floor.name,
            rf"v^{{{name}}}_{{\min}}",
            f"lower end of the bins of {name}, {self.approximation.v_min[name]:g} mV",
        )
        self.mean(bins.name, f"K_{{{name}}}", f"number of bins of {name}, {self.approximation.bins[name]}")
        self.mean(width.name, f"h_{{{name}}}", f"bin width of {name}, (Vth - vmin)/K (mV)")

        def edge(k: Any) -> Any:
            return self.function(f"edge_{name}", rf"v^{{{name}}}", f"lower end of bin k of {name} (mV)", k)

        below, above = edge(_K), edge(_K + 1)
        self.equations[f"{name}.edge"] = sp.Eq(below, floor + _K * width, evaluate=False)
        released = self.function(
            f"q_{name}", f"q_{{{name}}}", f"neurons of {name} released from refractoriness per ms", _T
        )
        share = self.function(
            f"g_{name}", f"g_{{{name}}}", f"share of the released neurons of {name} that goes to bin k", _K
        )
        self.equations[f"{name}.bin"] = sp.Eq(
            sp.Derivative(density(_K), _T),
            right.subs(_V, below) * density(_K - 1)
            + left.subs(_V, above) * density(_K + 1)
            - (right.subs(_V, above) + left.subs(_V, below)) * density(_K)
            + share * released,
            evaluate=False,
        )
        at = {_V: threshold}
        self.equations[f"{name}.rate"] = sp.Eq(
            self.rate(name),
            noise.subs(at) / width**2 * _BERNOULLI(-mu.subs(at) * width / noise.subs(at)) * density(bins - 1),
            evaluate=False,
        )
        self.release(name, neuron, size, bins, released, density)
        distance = sp.Abs((below + above) / 2 - reset) / width
        self.equations[f"{name}.reset"] = sp.Eq(share, sp.Max(0, 1 - distance), evaluate=False)

    def voltage_terms(self, population: Population, neuron: LIF, threshold: sp.Symbol) -> tuple[Any, Any]:
        name, network = population.name, self.approximation.network
        drift, noise = sp.Integer(0), sp.Integer(0)
        if f"{name}.drive.rate" in network.parameters:
            rate = self.parameter(f"{name}.drive.rate", f"lambda_{name}", rf"\lambda_{{{name}}}")
            size = self.parameter(f"{name}.drive.size", f"s_{name}", f"s_{{{name}}}")
            drift, noise = drift + rate * size, noise + rate * size**2
        if math.isfinite(neuron.tau_m):
            tau_m = self.parameter(f"{name}.tau_m", f"taum_{name}", rf"\tau^{{{name}}}_m")
            rest = self.parameter(f"{name}.rest", f"Vrest_{name}", rf"V^{{{name}}}_{{\mathrm{{rest}}}}")
            drift -= (_V - rest) / tau_m
        for p in network.projections:
            if p.target != name:
                continue
            synapse = p.synapse
            assert isinstance(synapse, PendingSpikeSynapse)
            weight, tau, _ = self.of_projection(p)
            mean, variance = self.pending(p)
            c: Any = sp.Integer(1)
            if math.isfinite(synapse.reversal):
                reversal = self.parameter(f"{p.name}.reversal", f"Vrev_{p.name}", rf"V^{{{p.name}}}_{{\mathrm{{rev}}}}")
                c = (_V - reversal) / (threshold - reversal)
            drift += (-1 if synapse.inhibitory else 1) * weight * c * mean / tau
            power = self.kappa(tau) * variance / tau**2
            if isinstance(synapse, PendingKick):
                power = sp.Max(0, mean / tau + self.kappa(tau) * (variance - mean) / tau**2)
            noise += (weight * c) ** 2 * power
        return drift, noise

    def release(self, name: str, neuron: LIF, size: Any, bins: Any, released: Any, density: Any) -> None:
        if not isinstance(neuron.refractory, (Exponential, Fixed)):
            self.equations[f"{name}.release"] = sp.Eq(released, self.rate(name), evaluate=False)
            return
        total = sp.Sum(density(_K), (_K, 0, bins - 1))
        if isinstance(neuron.refractory, Exponential):
            tau = self.parameter(f"{name}.refractory.mean", f"tauref_{name}", rf"\tau^{{{name}}}_{{\mathrm{{ref}}}}")
            self.equations[f"{name}.release"] = sp.Eq(released, (size - total) / tau, evaluate=False)
            return
        tau = self.parameter(f"{name}.refractory.duration", f"tauref_{name}", rf"\tau^{{{name}}}_{{\mathrm{{ref}}}}")
        m = self.approximation.stages[name]

        def stage(j: int) -> Any:
            return self.function(f"u_{name}", f"u_{{{name}}}", f"neurons of {name} in a stage of refractoriness", j, _T)

        others = sum(stage(j) for j in range(2, m + 1))
        self.equations[f"{name}.stage1"] = sp.Eq(stage(1), size - total - others, evaluate=False)
        for j in range(2, m + 1):
            self.equations[f"{name}.stage{j}"] = sp.Eq(sp.Derivative(stage(j), _T), m * (stage(j - 1) - stage(j)) / tau)
        self.equations[f"{name}.release"] = sp.Eq(released, m * stage(m) / tau, evaluate=False)


class _Latex(LatexPrinter):  # type: ignore[misc]
    """LaTeX with the literature's names for symbols and functions."""

    def __init__(self, settings: dict[str, Any], meanings: dict[str, Meaning]) -> None:
        super().__init__(settings)
        self._meanings = meanings

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        name = expr.func.__name__
        if name not in self._meanings:
            return str(super()._print_Function(expr, exp))
        latex = self._meanings[name].latex
        arguments = [a for a in expr.args if a != _T]
        text = rf"{latex}\left({', '.join(self._print(a) for a in arguments)}\right)" if arguments else latex
        return rf"\left({text}\right)^{{{exp}}}" if exp is not None else text

    def _print_Derivative(self, expr: Any) -> str:
        return rf"\frac{{d}}{{dt}} {self._print(expr.expr)}"


def _left(eq: sp.Eq) -> str:
    lhs = eq.lhs
    return f"d/dt {sp.sstr(lhs.expr)}" if isinstance(lhs, sp.Derivative) else str(sp.sstr(lhs))


def _latex_number(value: float) -> str:
    return r"\infty" if value == math.inf else r"-\infty" if value == -math.inf else f"{value:g}"
