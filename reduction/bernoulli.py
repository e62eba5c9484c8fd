"""The Bernoulli function of the Scharfetter-Gummel hop rates, in sympy and in numbers."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt
import sympy as sp

_SERIES_BELOW = 0.1


class Bernoulli(sp.Function):  # type: ignore[misc]
    r"""Bernoulli function :math:`B(x) = x/(e^x - 1)`, :math:`B(0) = 1`, of the Scharfetter-Gummel hop rates."""

    nargs = 1

    @classmethod
    def eval(cls, x: Any) -> Any:
        """Return the value where it is simple."""
        if x.is_zero:
            return sp.Integer(1)
        return {sp.oo: sp.Integer(0), -sp.oo: sp.oo}.get(x)

    def fdiff(self, argindex: int = 1) -> Any:
        """Return the derivative."""
        return BernoulliSlope(self.args[0])

    def _eval_evalf(self, prec: int) -> Any:
        with mpmath.workprec(prec + 10):
            x = self.args[0]._to_mpmath(prec + 10)
            value = x / mpmath.expm1(x)
        return sp.Float(value, precision=prec)


class BernoulliSlope(sp.Function):  # type: ignore[misc]
    r"""Derivative of the Bernoulli function, :math:`B'(x) = B(x)\,(1 - x - B(x))/x`, :math:`B'(0) = -1/2`."""

    nargs = 1

    @classmethod
    def eval(cls, x: Any) -> Any:
        """Return the value where it is simple."""
        if x.is_zero:
            return -sp.Rational(1, 2)
        return {sp.oo: sp.Integer(0), -sp.oo: sp.Integer(-1)}.get(x)

    def _eval_evalf(self, prec: int) -> Any:
        x = self.args[0]._to_mpmath(prec + 10)
        lost = max(0, -2 * int(mpmath.mag(x)))  # bits, in 1 - x - B
        with mpmath.workprec(prec + 10 + lost):
            b = x / mpmath.expm1(x)
            value = b * (1 - x - b) / x
        return sp.Float(value, precision=prec)


def bernoulli(x: npt.ArrayLike) -> Any:
    """Return B(x) = x/(e^x - 1) of numbers, to rounding for every x: no overflow, no 0/0."""
    x = np.asarray(x, float)
    size = np.abs(x)
    small = np.minimum(size, _SERIES_BELOW)
    square = small * small
    series = 1 - small / 2 + square / 12 * (1 - square / 60 * (1 - square / 42 * (1 - square / 40)))
    large = np.maximum(size, _SERIES_BELOW)
    decay = np.exp(-large)
    falling = np.where(size < _SERIES_BELOW, series, large * decay / (1 - decay))
    return falling + np.maximum(-x, 0)


def bernoulli_slope(x: npt.ArrayLike) -> Any:
    """Return B'(x) of numbers, to 1e-13 for every x."""
    x = np.asarray(x, float)
    size = np.abs(x)
    small = np.minimum(size, _SERIES_BELOW)
    square = small * small
    series = -0.5 + small / 6 * (1 - square / 30 * (1 - square / 28 * (1 - square / 30)))
    large = np.maximum(size, _SERIES_BELOW)
    decay = np.exp(-large)
    falling = np.where(size < _SERIES_BELOW, series, decay * (1 - large - decay) / (1 - decay) ** 2)
    return np.where(x < 0, -1 - falling, falling)
