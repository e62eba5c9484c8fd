"""The reduced equations in sympy, with the meaning of each symbol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

import sympy as sp

from reduction import latex
from reduction.derivation import LEVELS, explicit_equations, with_bins
from reduction.explicit import ExplicitEquations
from reduction.general import Meaning, general_form
from reduction.markov import MarkovApproximation
from spiking.errors import UnknownNameError
from spiking.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


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

    def latex(self, *, document: bool = False) -> str:
        """Return LaTeX: the equations by section, then a table of symbols.

        A fragment (needs amsmath, longtable), or with `document` a file that compiles.
        """
        names = {sp.Symbol(n): m.latex for n, m in self.meanings.items()}
        names |= {symbol: self.meanings[symbol.name].latex for symbol in self.symbols.values()}
        printer = latex.Printer(names, {name: meaning.latex for name, meaning in self.meanings.items()})
        lines = []
        for title, keys in self._sections():
            lines += [rf"\paragraph{{{latex.plain(title)}}}", r"\begin{align}"]
            rows = [
                f"  {printer.doprint(self.equations[n].lhs)} &= {printer.doprint(self.equations[n].rhs)}" for n in keys
            ]
            lines += [" \\\\\n".join(rows), r"\end{align}"]
        lines += [r"\begin{longtable}{lll}", r"symbol & meaning & value \\ \hline"]
        for meaning in self.meanings.values():
            value = f"${latex.number(self.network[meaning.address])}$" if meaning.address else ""
            lines.append(rf"${meaning.latex}$ & {latex.plain(meaning.text)} & {value} \\")
        lines.append(r"\end{longtable}")
        body = "\n".join(lines)
        return latex.document(body) if document else body

    def source(self) -> str:
        """Return Python source that builds the same equations as sympy objects, in a dictionary ``equations``."""
        body = "\n".join(f"    {name!r}: {sp.srepr(eq)}," for name, eq in self.equations.items())
        return f"from sympy import *\n\nequations = {{\n{body}\n}}\n"

    def _sections(self) -> Iterator[tuple[str, list[str]]]:
        projections = tuple(f"{p.name}." for p in self.network.projections)
        moments = [n for n in self.equations if n.startswith(projections)]
        if moments:
            yield "Pending spikes: mean and variance", moments
        for population in self.network.populations:
            own = [n for n in self.equations if n.startswith(f"{population.name}.") and n not in moments]
            yield f"Population {population.name}", own
        yield "Bernoulli function", ["B"]


@overload
def derive(
    network: Network | MarkovApproximation, level: Literal["ode"] = "ode", *, bins: None = None
) -> ReducedEquations: ...
@overload
def derive(
    network: Network | MarkovApproximation, level: str = "ode", *, bins: int | Mapping[str, int]
) -> ExplicitEquations: ...
@overload
def derive(
    network: Network | MarkovApproximation, level: str, *, bins: int | Mapping[str, int] | None = None
) -> ReducedEquations | ExplicitEquations: ...
def derive(
    network: Network | MarkovApproximation, level: str = "ode", *, bins: int | Mapping[str, int] | None = None
) -> ReducedEquations | ExplicitEquations:
    r"""Derive the reduced equations of a network from its Markov approximation.

    Without `bins`, level "ode" in general form. For every projection the mean :math:`\bar H` and variance W of pending
    spikes; for every population the drift and noise intensity of a voltage, the hop rates across an edge at v, a
    general bin k, the flux across the threshold, the refractory pool and where released neurons go. At the lower end
    nothing is exchanged: R and L vanish there; out of the last bin R is the firing rate.

    With `bins`, and at the other levels, a closed system with every bin written out.

    Parameters
    ----------
    network : Network or MarkovApproximation
        A network is taken with the default closure.
    level : {"ode", "chain", "langevin"}
        The mean of the hops, the Markov chain of whole neurons, or its diffusion approximation.
    bins : int or dict, optional
        Bins per population; for an approximation its own. Levels "chain" and "langevin" take those of the approximation
        if it is left out.

    Returns
    -------
    ReducedEquations or ExplicitEquations

    Raises
    ------
    UnknownNameError
        If there is no such level.
    ParameterError
        If `bins` is out of range, or not that of a given approximation.
    """
    if level not in LEVELS:
        raise UnknownNameError("level", level, LEVELS)
    approximation = with_bins(network, bins)
    if bins is not None or level != "ode":
        return explicit_equations(approximation, level)
    form = general_form(approximation)
    return ReducedEquations(approximation.network, form.equations, form.meanings, form.symbols)


def _left(eq: sp.Eq) -> str:
    lhs = eq.lhs
    return f"d/dt {sp.sstr(lhs.expr)}" if isinstance(lhs, sp.Derivative) else str(sp.sstr(lhs))
