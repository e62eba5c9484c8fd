"""What the formats share: identifiers for names, and expressions as source text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from reduction.explicit import ExplicitEquations
from reduction.system import Floats

_LARGE = 10**6
_TOKEN = re.compile(r"[\d.]+d[-+]?\d+|\w+|\*\*|.")


@dataclass(frozen=True)
class Language:
    """How a language writes names, numbers and operators.

    Attributes
    ----------
    power : str
        Operator of powers.
    exponent : str
        Letter before the exponent of a number; appended to all numbers if it is ``"d"``.
    functions : dict
        sympy's name of a function to that of the language, where that is not the same in small letters.
    identifier : callable
        Name such as ``"E.density[3]"`` to the identifier that the language should use for it.
    longest : int
        Characters of an identifier.
    folds_case : bool
        Whether ``E`` and ``e`` are the same name.
    reserved : frozenset of str
        Identifiers that mean something else.
    """

    power: str = "**"
    exponent: str = "e"
    functions: Mapping[str, str] = field(default_factory=dict)
    identifier: Callable[[str], str] = lambda name: re.sub(r"\W+", "_", name).strip("_")
    longest: int = 63
    folds_case: bool = False
    reserved: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Model:
    """Explicit equations of level "ode" and the state to start from, to be written in some language."""

    equations: ExplicitEquations
    initial: Floats
    name: str

    @property
    def values(self) -> dict[str, float]:
        """Value of each parameter that enters, by address."""
        return {address: float(self.equations.approximation.network[address]) for address in self.equations.parameters}

    def identifiers(self, language: Language) -> dict[str, str]:
        """Return the identifier of every parameter, state, intermediate and observable."""
        e = self.equations
        groups = (("p", e.parameters), ("x", e.states), ("d", e.definitions), ("o", e.observables))
        found: dict[str, str] = {}
        taken = set(language.reserved)
        for letter, names in groups:
            for i, name in enumerate(names):
                wanted = language.identifier(name)
                tries = [wanted, *(f"{letter}{i}{'_' * j}" for j in range(9))]
                found[name] = next(x for x in tries if len(x) <= language.longest and _folded(x, language) not in taken)
                taken.add(_folded(found[name], language))
        return found

    def described(self, identifiers: Mapping[str, str]) -> list[str]:
        """Return lines that say what the identifiers of parameters and states stand for."""
        network = self.equations.approximation.network
        lines = ["Parameters"]
        for address in self.equations.parameters:
            unit, meaning = network.describe(address)
            lines.append(f"  {identifiers[address]}: {address}, {meaning}{f' ({unit})' if unit else ''}")
        lines.append("States (density, refractory: neurons; mean, variance: pending spikes)")
        return [*lines, *(f"  {identifiers[name]}: {name}" for name in self.equations.states)]

    def header(self, program: str, identifiers: Mapping[str, str]) -> list[str]:
        """Return the lines of a comment that opens a file."""
        approximation = self.equations.approximation
        bins = ", ".join(f"{name} {number}" for name, number in approximation.bins.items())
        floors = ", ".join(f"{name} {value:g}" for name, value in approximation.v_min.items())
        title = [
            f"{self.name}: a spiking network reduced by the Markov approximation, for {program}.",
            f"Written by snn2ode. Bins: {bins}; from v_min (mV): {floors}; closure: {approximation.closure}.",
            "Time in ms, voltages in mV, rates in Hz per neuron; B(x) = x/(e^x - 1) gives the rates of hops.",
            "",
        ]
        lines = [*title, *self.described(identifiers)]
        return [part for line in lines for part in textwrap.wrap(line, 110, subsequent_indent="    ") or [""]]


@dataclass(frozen=True)
class Source:
    """Writes expressions in a language, every symbol by its identifier.

    Numbers are written as floating-point ones. It knows sums, products, whole powers, square roots and functions.
    """

    language: Language
    identifiers: Mapping[str, str]

    def __call__(self, e: Any) -> str:
        """Return an expression as text."""
        if e.is_Add:
            first, *others = (self._signed(term) for term in e.as_ordered_terms())
            return ("-" if first[0] else "") + first[1] + "".join(f" {'-' if n else '+'} {t}" for n, t in others)
        negative, text = self._signed(e)
        return f"-{text}" if negative else text

    def number(self, value: float) -> str:
        """Return a number as text."""
        mantissa, _, exponent = repr(float(value)).partition("e")
        if "." not in mantissa:
            mantissa += ".0"
        if self.language.exponent == "d":
            return f"{mantissa}d{exponent or 0}"
        return f"{mantissa}e{exponent}" if exponent else mantissa

    def _signed(self, e: Any) -> tuple[bool, str]:
        """Return whether a term is negative, and its absolute value as text."""
        coefficient, factors = e.as_coeff_mul()
        above, below = [abs(coefficient)], []
        if coefficient.is_Rational and 1 < coefficient.q < _LARGE:
            above, below = [abs(coefficient.p)], [coefficient.q]
        for factor in factors:
            inverse = factor.is_Pow and factor.exp.is_negative
            (below if inverse else above).append(1 / factor if inverse else factor)
        if len(above) > 1 and above[0] == 1:
            del above[0]
        text = "*".join(map(self._factor, above))
        if below:
            divisor = "*".join(map(self._factor, below))
            text += f"/({divisor})" if len(below) > 1 else f"/{divisor}"
        return bool(coefficient < 0), text

    def _factor(self, e: Any) -> str:
        if isinstance(e, int) or e.is_Number:
            return self.number(e)
        if e.is_Symbol:
            return self.identifiers[e.name]
        if e.is_Pow and e.exp == sp.Rational(1, 2):
            return f"{self._function('sqrt')}({self(e.base)})"
        if e.is_Pow and e.exp.is_Integer:
            return f"{self._factor(e.base)}{self.language.power}{e.exp}"
        if e.is_Function or isinstance(e, sp.Max):
            return f"{self._function(e.func.__name__)}({', '.join(map(self, e.args))})"
        return f"({self(e)})"

    def _function(self, name: str) -> str:
        return self.language.functions.get(name, name.lower())


def needed(equations: ExplicitEquations, expressions: Iterable[Any]) -> list[str]:
    """Return the names of the intermediates that expressions need, in order of definition."""
    wanted = {symbol.name for e in expressions for symbol in e.free_symbols}
    for name in reversed(equations.definitions):
        if name in wanted:
            wanted |= {symbol.name for symbol in equations.definitions[name].free_symbols}
    return [name for name in equations.definitions if name in wanted]


def wrapped(text: str, width: int, end: str, indent: str) -> str:
    """Return a statement in lines of at most `width` characters, all but the last with `end`, broken between tokens."""
    lines = [""]
    for token in _TOKEN.findall(text):
        if len(lines[-1]) + len(token) > width - len(end):
            lines.append(indent)
        lines[-1] += token
    return f"{end}\n".join(lines)


def _folded(name: str, language: Language) -> str:
    return name.lower() if language.folds_case else name
