"""LaTeX of the reduced equations: names of the literature, long sums in several lines, a document that compiles."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

if TYPE_CHECKING:
    from reduction.explicit import ExplicitEquations

_NAMES = {
    "size": "N_{{{0}}}", "threshold": r"V^{{{0}}}_{{\mathrm{{th}}}}", "reset": r"V^{{{0}}}_{{\mathrm{{reset}}}}",
    "rest": r"V^{{{0}}}_{{\mathrm{{rest}}}}", "tau_m": r"\tau^{{{0}}}_m", "drive.rate": r"\lambda_{{{0}}}",
    "drive.size": "s_{{{0}}}", "refractory.mean": r"\tau^{{{0}}}_{{\mathrm{{ref}}}}",
    "refractory.duration": r"\tau^{{{0}}}_{{\mathrm{{ref}}}}", "weight": "S^{{{0}}}", "tau": r"\tau^{{{0}}}",
    "probability": "p^{{{0}}}", "reversal": r"V^{{{0}}}_{{\mathrm{{rev}}}}",
    "density": "n^{{{0}}}_{{{1}}}", "refractory": "u^{{{0}}}_{{{1}}}", "mean": r"\bar H^{{{0}}}",
    "variance": "W^{{{0}}}", "current": "I^{{{0}}}", "power": "P^{{{0}}}", "width": "h^{{{0}}}",
    "edge": "v^{{{0}}}_{{{1}}}", "drift": r"\mu^{{{0}}}_{{{1}}}", "noise": r"\Sigma^{{{0}}}_{{{1}}}",
    "peclet": "x^{{{0}}}_{{{1}}}", "up": "R^{{{0}}}_{{{1}}}", "down": "L^{{{0}}}_{{{1}}}", "flux": "r_{{{0}}}",
    "rate": r"\nu_{{{0}}}", "reset_share": "g^{{{0}}}", "leaving": "q^{{{0}}}",
    "amplitude": "A^{{{0}}}", "flip": r"\gamma^{{{0}}}", "delay_rate": "d^{{{0}}}",
    "drive_drift": r"\mu^{{{0}}}_{{\mathrm{{drive}}}}", "drive_noise": r"\Sigma^{{{0}}}_{{\mathrm{{drive}}}}",
}  # fmt: skip
_TERMS_PER_LINE = 5
_ROWS_PER_BLOCK = 40

_DOCUMENT = r"""\documentclass{article}
\usepackage[landscape,margin=15mm]{geometry}
\usepackage{amsmath,longtable}
\allowdisplaybreaks
\begin{document}
%s
\end{document}
"""


class Printer(LatexPrinter):  # type: ignore[misc]
    """LaTeX of expressions, with given names for symbols and for functions."""

    def __init__(self, symbols: dict[Any, str], functions: dict[str, str]) -> None:
        super().__init__({"symbol_names": symbols, "fold_short_frac": False})
        self._functions = functions

    def _print_Function(self, expr: Any, exp: Any = None) -> str:
        name = expr.func.__name__
        if name not in self._functions:
            return str(super()._print_Function(expr, exp))
        latex = self._functions[name]
        arguments = [a for a in expr.args if a != sp.Symbol("t")]
        text = rf"{latex}\left({', '.join(self._print(a) for a in arguments)}\right)" if arguments else latex
        return rf"\left({text}\right)^{{{exp}}}" if exp is not None else text

    def _print_Derivative(self, expr: Any) -> str:
        return rf"\frac{{d}}{{dt}} {self._print(expr.expr)}"


def document(body: str) -> str:
    """Return a complete LaTeX document around a fragment."""
    return _DOCUMENT % body


def number(value: float) -> str:
    """Return a number in LaTeX."""
    if math.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    mantissa, _, exponent = f"{value:g}".partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa


def explicit_latex(equations: ExplicitEquations) -> str:
    """Return a LaTeX fragment of an explicit system."""
    e, network = equations, equations.approximation.network
    symbols = {sp.Symbol(name, real=True): symbol(name) for name in (*e.states, *e.parameters, *e.definitions)}
    printer = Printer(symbols, {"Bernoulli": "B"})
    title = {"ode": "Equations", "chain": "Between events", "langevin": "Drift"}[e.level]
    blocks = [
        (title, {rf"\frac{{d}}{{dt}} {symbols[e.states[n]]}": x for n, x in e.derivatives.items()}),
        ("Definitions", {symbols[sp.Symbol(n, real=True)]: x for n, x in e.definitions.items()}),
        ("Observables", {symbol(n): x for n, x in e.observables.items()}),
    ]
    lines = [line for heading, rows in blocks for line in _block(heading, rows, printer)]
    lines += [r"\noindent$B(x) = x/(e^x - 1)$.", ""]
    if e.channels:
        second = "propensity" if e.level == "chain" else "intensity of the noise"
        lines += [r"\begin{longtable}{lll}", rf"event & {second} & change \\ \hline"]
        for c in e.channels:
            change = ", ".join(f"${symbols[e.states[n]]}$: ${printer.doprint(x)}$" for n, x in c.change.items())
            lines.append(rf"{plain(c.name)} & ${printer.doprint(c.rate)}$ & {change} \\")
        lines.append(r"\end{longtable}")
    lines += [r"\begin{longtable}{lll}", r"symbol & meaning & value \\ \hline"]
    for address, s in e.parameters.items():
        unit, text = network.describe(address)
        meaning = f"{text}, {address.partition('.')[0]}{f' ({unit})' if unit else ''}"
        lines.append(rf"${symbols[s]}$ & {plain(meaning)} & ${number(network[address])}$ \\")
    return "\n".join([*lines, r"\end{longtable}"])


def symbol(name: str) -> str:
    """Return the symbol of a parameter, state, intermediate or observable in LaTeX."""
    owner, _, rest = name.partition(".")
    found = re.fullmatch(r"([^\[]*)(?:\[([\d,]+)\])?", rest)
    assert found is not None
    template = _NAMES.get(found[1])
    owner = plain(owner)
    if template is None:
        return rf"\mathrm{{{plain(rest)}}}^{{{owner}}}"
    text = template.format(owner, found[2])
    return f"{text}[{found[2]}]" if found[2] and "{1}" not in template else text


def _block(title: str, rows: dict[str, Any], printer: Printer) -> list[str]:
    lines = [rf"\paragraph{{{title}}}"]
    items = list(rows.items())
    for first in range(0, len(items), _ROWS_PER_BLOCK):
        part = [f"  {left} &= {_broken(x, printer)}" for left, x in items[first : first + _ROWS_PER_BLOCK]]
        lines += [r"\begin{align*}", " \\\\\n".join(part), r"\end{align*}"]
    return lines


def _broken(expression: Any, printer: Printer) -> str:
    """Return an expression, a long sum in several lines."""
    if not expression.is_Add or len(expression.args) <= _TERMS_PER_LINE:
        return str(printer.doprint(expression))
    parts: list[str] = []
    for i, term in enumerate(expression.as_ordered_terms()):
        text = str(printer.doprint(term))
        sign = "" if text.startswith("-") or not i else "+ "
        parts.append(("\\\\\n  &\\quad " if i and i % _TERMS_PER_LINE == 0 else "") + sign + text)
    return " ".join(parts)


def plain(text: str) -> str:
    """Return text with what means something else in LaTeX escaped."""
    return text.replace("_", r"\_").replace("^2", "$^2$")
