"""Text to sympy expressions, by a white list: numbers, names, arithmetic and functions of one argument."""

from __future__ import annotations

import ast
import keyword
import math
import sys
import unicodedata
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy as sp

from spiking.errors import SpecificationError, UnknownNameError

_NAMING = "must be letters, digits and _, also joined by dots, and no keyword of Python (such as lambda)"
_LARGEST_EXPONENT = 64
_LARGEST_INTEGER = 2**53
_LARGEST_NUMBER = sys.float_info.max


class Modulus(sp.Function):  # type: ignore[misc]
    """|x| of a real x."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return Sign(self.args[0])


class Sign(sp.Function):  # type: ignore[misc]
    """Sign of a real x, 0 at 0."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.Integer(0)


class RealPower(sp.Function):  # type: ignore[misc]
    """x^y whose derivative y x^(y-1) stays finite at x = 0."""

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        base, exponent = self.args
        return exponent * RealPower(base, exponent - 1) if argindex == 1 else sp.log(base) * self


_FUNCTIONS: dict[str, tuple[Callable[[sp.Expr], sp.Expr], Callable[[float], float]]] = {
    "sin": (sp.sin, math.sin), "cos": (sp.cos, math.cos), "tan": (sp.tan, math.tan),
    "asin": (sp.asin, math.asin), "acos": (sp.acos, math.acos), "atan": (sp.atan, math.atan),
    "arcsin": (sp.asin, math.asin), "arccos": (sp.acos, math.acos), "arctan": (sp.atan, math.atan),
    "sinh": (sp.sinh, math.sinh), "cosh": (sp.cosh, math.cosh), "tanh": (sp.tanh, math.tanh),
    "exp": (sp.exp, math.exp), "log": (sp.log, math.log), "sqrt": (sp.sqrt, math.sqrt),
    "abs": (Modulus, math.fabs), "erf": (sp.erf, math.erf),
}  # fmt: skip
_STEPS = {"heaviside", "heav", "sign", "sgn", "max", "min", "floor", "ceil", "mod"}
_SPINES: tuple[tuple[type[ast.operator], ...], ...] = ((ast.Add, ast.Sub), (ast.Mult, ast.Div))


def symbol_names(names: Mapping[str, sp.Symbol]) -> dict[str, sp.Symbol]:
    """Return the same mapping with names as Python reads them (unicode normal form NFKC).

    Raises
    ------
    SpecificationError
        If a name is not made of identifiers joined by dots, or two are the same to Python.
    """
    found: dict[str, sp.Symbol] = {}
    for name, symbol in names.items():
        if not all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split(".")):
            raise SpecificationError(f"name {name!r}: {_NAMING}")
        normal = unicodedata.normalize("NFKC", name)
        if normal in found:
            raise SpecificationError(f"name {name!r}: cannot be told from another name")
        found[normal] = symbol
    return found


def parse(text: object, place: str, symbols: Mapping[str, sp.Symbol]) -> sp.Expr:
    """Return an expression.

    Parameters
    ----------
    text : str
    place : str
        What the expression is, for messages.
    symbols : mapping
        As from `symbol_names`.

    Raises
    ------
    SpecificationError, UnknownNameError
        If it cannot be read; the message names the place and the position.
    """
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        text = str(text)
    if not isinstance(text, str):
        raise SpecificationError(f"{place}: {text!r} must be an expression as text")
    line = " ".join(text.split())
    if not line:
        raise SpecificationError(f"{place}: is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(line, mode="eval").body
    except SyntaxError as error:
        raise SpecificationError(f"{place}: {line!r} at position {error.offset or 1}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise SpecificationError(f"{place}: cannot be read: {error or 'too deeply nested'}") from None
    try:
        expression = _Reader(line, place, symbols).expression(tree)
    except RecursionError:
        raise SpecificationError(f"{place}: too deeply nested") from None
    if any(abs(number) > _LARGEST_NUMBER for number in expression.atoms(sp.Number)):
        raise SpecificationError(f"{place}: {line!r}: a constant is too large for floating point")
    return expression


@dataclass(frozen=True)
class _Reader:
    text: str
    place: str
    symbols: Mapping[str, sp.Symbol]

    def expression(self, node: ast.expr) -> sp.Expr:
        match node:
            case ast.Constant(value=value):
                return self.number(node, value)
            case ast.Name() | ast.Attribute():
                return self.name(node)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.expression(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.expression(operand)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return sp.Add(*self.spine(node, 0))
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return sp.Mul(*self.spine(node, 1))
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.power(node, self.expression(left), self.expression(right))
            case ast.BinOp(op=ast.BitXor()):
                raise self.refused(node, "^ is not a power: write **")
            case ast.Call():
                return self.call(node)
        raise self.refused(node, "only numbers, names, + - * / ** and functions of one argument can be used")

    def spine(self, node: ast.expr, kind: int) -> list[sp.Expr]:
        """Return the terms of a sum or the factors of a product, however many."""
        found = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, _SPINES[kind]):
            value = self.expression(node.right)
            if isinstance(node.op, ast.Div):
                if value.is_Number and value.is_zero:
                    raise self.refused(node.right, "division by zero")
                value = 1 / value
            found.append(-value if isinstance(node.op, ast.Sub) else value)
            node = node.left
        return [self.expression(node), *reversed(found)]

    def number(self, node: ast.expr, value: object) -> sp.Expr:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refused(node, f"{value!r} is not a real number")
        if isinstance(value, int) and value <= _LARGEST_INTEGER:
            return sp.Integer(value)
        return self.folded(node, lambda: float(value))

    def folded(self, node: ast.expr, compute: Callable[[], float]) -> sp.Expr:
        """Return a constant, computed in floating point so that no large number is ever expanded."""
        try:
            value = compute()
        except (ArithmeticError, ValueError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            raise self.refused(node, "is not a finite real number")
        return sp.Float(value)

    def name(self, node: ast.expr) -> sp.Expr:
        parts, inner = [], node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if not isinstance(inner, ast.Name):
            raise self.refused(node, "a dot must stand in a name")
        name = ".".join([inner.id, *reversed(parts)])
        if name in self.symbols:
            return self.symbols[name]
        if name == "pi":
            return sp.Float(math.pi)
        if name == "t":
            raise self.refused(
                node, "the right-hand side must not depend on time t (add states cos and sin of a forcing's phase)"
            )
        raise UnknownNameError(f"{self.where(node)}: state or parameter", name, self.symbols)

    def power(self, node: ast.expr, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if base.is_Number and exponent.is_Number:
            if base.is_Integer and exponent.is_Integer and abs(base) < 10 and 0 <= exponent < 10:
                return base**exponent
            return self.folded(node, lambda: float(base) ** float(exponent))
        if base.is_Number and not base.is_positive:
            raise self.refused(node, "a power of a number that is not positive needs a number as exponent")
        if not exponent.is_Number:
            return RealPower(base, exponent)
        value = float(exponent)
        if abs(value) > _LARGEST_EXPONENT:
            return RealPower(base, sp.Float(value))
        return base ** (sp.Rational(int(2.0 * value), 2) if (2.0 * value).is_integer() else exponent)

    def call(self, node: ast.Call) -> sp.Expr:
        function = node.func
        if not isinstance(function, ast.Name):
            raise self.refused(node, "only functions of one argument can be called (is a * missing?)")
        if function.id not in _FUNCTIONS:
            if function.id in self.symbols:
                raise self.refused(node, f"{function.id} is no function (is a * missing?)")
            if function.id.lower() in _STEPS:
                raise self.refused(node, f"{function.id} is not smooth: use a steep sigmoid, such as (1 + tanh(k*x))/2")
            raise UnknownNameError(f"{self.where(node)}: function", function.id, _FUNCTIONS)
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            raise self.refused(node, f"{function.id} takes one argument")
        argument = self.expression(node.args[0])
        symbolic, numeric = _FUNCTIONS[function.id]
        if argument.is_Number:
            return self.folded(node, lambda: numeric(float(argument)))
        return symbolic(argument)

    def where(self, node: ast.expr) -> str:
        before = self.text.encode()[: node.col_offset].decode()
        return f"{self.place}: {self.text!r} at position {len(before) + 1}"

    def refused(self, node: ast.expr, why: str) -> SpecificationError:
        return SpecificationError(f"{self.where(node)}: {why}")
