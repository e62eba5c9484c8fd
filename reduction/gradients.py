"""Gradients of sympy expressions in the symbols that occur, at a cost that grows with their length alone."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp


class Gradient:
    """Maps an expression to its derivatives that are not 0, by name of the symbol.

    Each subexpression is differentiated once, by the chain rule, and only by the symbols it holds: `sympy.diff` by one
    symbol after the other takes minutes for a hundred coupled sums.
    """

    def __init__(self) -> None:
        self.known: dict[sp.Expr, dict[str, sp.Expr]] = {}

    def __call__(self, expression: sp.Expr) -> dict[str, sp.Expr]:
        if expression.is_Symbol:
            return {expression.name: sp.Integer(1)}
        if expression.is_Number:
            return {}
        if expression not in self.known:
            self.known[expression] = self._combined(self._parts(expression))
        return self.known[expression]

    @staticmethod
    def _parts(expression: sp.Expr) -> Iterable[tuple[sp.Expr, sp.Expr]]:
        """Yield pairs: derivative by an argument, the argument."""
        arguments = expression.args
        if expression.is_Add:
            return ((sp.Integer(1), term) for term in arguments)
        if expression.is_Mul:
            return ((sp.Mul(*arguments[:k], *arguments[k + 1 :]), factor) for k, factor in enumerate(arguments))
        if expression.is_Pow:
            base, exponent = arguments
            return ((exponent * base ** (exponent - 1), base),)
        return ((expression.fdiff(k), argument) for k, argument in enumerate(arguments, 1))

    def _combined(self, parts: Iterable[tuple[sp.Expr, sp.Expr]]) -> dict[str, sp.Expr]:
        terms: dict[str, list[sp.Expr]] = {}
        for outer, argument in parts:
            for name, inner in self(argument).items():
                terms.setdefault(name, []).append(outer * inner)
        sums = {name: sp.Add(*own) for name, own in terms.items()}
        return {name: total for name, total in sums.items() if not (total.is_Number and total.is_zero)}
