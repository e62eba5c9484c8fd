"""Sympy expressions to compiled Python: one program for numbers and for arrays, each subexpression computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special
import sympy as sp

from reduction.parsing import Modulus, RealPower, Sign
from spiking.errors import SpecificationError

Floats = npt.NDArray[np.float64]
Program = Callable[[Any, Any], list[Any]]

_NAMES = ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "exp", "log", "sqrt")
_NUMBERS: dict[str, Any] = {name: getattr(math, name) for name in _NAMES} | {
    "power": math.pow, "erf": math.erf, "modulus": abs, "sign": lambda x: float((x > 0.0) - (x < 0.0)),
}  # fmt: skip
_ARRAYS: dict[str, Any] = {name: getattr(np, name) for name in _NAMES} | {
    "power": np.power, "erf": scipy.special.erf, "modulus": np.abs, "sign": np.sign,
}  # fmt: skip
_WRITTEN_OUT = 4


def programs(states: int, parameters: int, outputs: Sequence[sp.Expr]) -> tuple[Program, Program]:
    """Return functions (y, p) -> list of the outputs' values, for y of numbers and for y of arrays of shape (K,).

    Symbols are ``s0``, ``s1``, ... for states and ``p0``, ... for parameters. Outputs that depend on no state are
    numbers in either program. The one of numbers raises an ArithmeticError or ValueError where numpy gives NaN or
    infinity.

    Raises
    ------
    SpecificationError
        If a constant is too large for floating point.
    """
    writer = _Writer()
    results = [writer.operand(output) for output in outputs]
    used = set().union(*(output.free_symbols for output in outputs)) if outputs else set()
    lines = ["def program(y, p):"]
    for kind, number in (("s", states), ("p", parameters)):
        wanted = [k for k in range(number) if sp.Symbol(f"{kind}{k}") in used]
        argument = "y" if kind == "s" else "p"
        if len(wanted) == number and number:
            lines.append(f" {''.join(f'{kind}{k}, ' for k in range(number))}= {argument}")
        else:
            lines += [f" {kind}{k} = {argument}[{k}]" for k in wanted]
    source = "\n".join([*lines, *writer.lines, f" return [{', '.join(results)}]"])
    code = compile(source, "<equations>", "exec")
    found = []
    for functions in (_NUMBERS, _ARRAYS):
        namespace = {"__builtins__": {}, **functions}
        exec(code, namespace)
        found.append(namespace["program"])
    return found[0], found[1]


class _Writer:
    """Writes one assignment per operation."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.known: dict[sp.Expr, str] = {}

    def operand(self, expression: sp.Expr) -> str:
        if expression.is_Symbol:
            return str(expression.name)
        if not expression.free_symbols:
            return self.number(expression)
        if expression not in self.known:
            text = self.operation(expression)
            self.known[expression] = f"x{len(self.known)}"
            self.lines.append(f" {self.known[expression]} = {text}")
        return self.known[expression]

    @staticmethod
    def number(expression: sp.Expr) -> str:
        try:
            value = float(expression)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise SpecificationError("a constant is too large for floating point")
        return repr(value) if value >= 0.0 else f"({value!r})"

    def operation(self, expression: sp.Expr) -> str:
        if expression.is_Add:
            return self.sum(expression.args)
        if expression.is_Mul:
            return self.product(expression.args)
        if expression.is_Pow:
            return self.power(*expression.args)
        if isinstance(expression, RealPower):
            return f"power({self.operand(expression.args[0])}, {self.operand(expression.args[1])})"
        name = {Modulus: "modulus", Sign: "sign"}.get(expression.func, expression.func.__name__)
        return f"{name}({self.operand(expression.args[0])})"

    def sum(self, terms: Sequence[sp.Expr]) -> str:
        text = ""
        for term in sorted(terms, key=lambda term: term.could_extract_minus_sign()):
            negative = term.could_extract_minus_sign()
            operand = self.operand(-term if negative else term)
            text += f" {'-' if negative else '+'} {operand}" if text else f"{'-' if negative else ''}{operand}"
        return text

    def product(self, factors: Sequence[sp.Expr]) -> str:
        sign, above, below = "", [], []
        for factor in factors:
            if factor == -1:
                sign = "-"
            elif factor.is_Pow and factor.exp.is_Number and factor.exp.is_negative:
                below.append(self.operand(factor.base**-factor.exp))
            else:
                above.append(self.operand(factor))
        top = sign + ("*".join(above) or "1.0")
        if not below:
            return top
        return f"{top}/{below[0]}" if len(below) == 1 else f"{top}/({'*'.join(below)})"

    def power(self, base: sp.Expr, exponent: sp.Expr) -> str:
        if exponent.is_negative:
            return f"1.0/{self.operand(base**-exponent)}"
        text = self.operand(base)
        if exponent == sp.Rational(1, 2):
            return f"sqrt({text})"
        if exponent.is_Integer:
            return "*".join([text] * int(exponent)) if exponent <= _WRITTEN_OUT else f"{text}**{int(exponent)}"
        return f"power({text}, {self.number(exponent)})"
