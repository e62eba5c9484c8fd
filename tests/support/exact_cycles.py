"""Cycles in closed form with all their multipliers, in any number of dimensions.

A planar to four-dimensional cycle, coupled with stable directions and mixed by an orthogonal matrix. `models.ORACLE`
holds where they bifurcate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from models import Floats, Parameters, batched

from reduction.system import ODESystem

Complexes = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class ExactCycle:
    """A system in R^n with a cycle in closed form; its functions take the parameter.

    Attributes
    ----------
    system : ODESystem
    parameter : str
    period : callable -> float
    multipliers : callable -> array, shape (n,)
        Complex; the first is the trivial one.
    states : callable (value, times of shape (K,)) -> array, shape (K, n)
        The cycle at these times.
    coordinates : callable (states of shape (K, n)) -> array, shape (K, k)
        Those of the planar to four-dimensional cycle: parts of w, then s or parts of z.
    """

    system: ODESystem
    parameter: str
    period: Callable[[float], float]
    multipliers: Callable[[float], Complexes]
    states: Callable[[float, Floats], Floats]
    coordinates: Callable[[Floats], Floats]

    @property
    def value(self) -> float:
        """Default value of the parameter."""
        return self.system.parameters[self.parameter]

    def sampled(self, value: float | None = None, points: int = 401) -> tuple[Floats, Floats]:
        """Return (times (K,), states (K, n)) over one period, both ends included, by default at the default value."""
        value = self.value if value is None else value
        times = np.linspace(0.0, self.period(value), points)
        return times, self.states(value, times)


def fold_of_cycles(n: int) -> ExactCycle:
    """Return w' = w (i + m + |w|^2 - |w|^4) in R^n: the unstable cycle, |w| < sqrt(1/2), and at -1/4 its fold.

    The multiplier is exp(2 pi (2 r^2 - 4 r^4)).
    """

    def square(m: float) -> float:
        return (1 - math.sqrt(1 + 4 * m)) / 2

    def field(c: Floats, p: Parameters) -> Floats:
        x, y = c[..., 0], c[..., 1]
        s = x**2 + y**2
        growth = p["m"] + s - s**2
        return np.stack([growth * x - y, growth * y + x], axis=-1)

    def slope(c: Floats, p: Parameters) -> Floats:
        x, y = c[..., 0], c[..., 1]
        s = x**2 + y**2
        growth, change = p["m"] + s - s**2, 2 * (1 - 2 * s)
        return _matrices([[growth + change * x**2, change * x * y - 1], [change * x * y + 1, growth + change * y**2]])

    return _embedded(
        n, {"m": -0.2}, field, slope,
        lambda m: [2 * square(m) - 4 * square(m) ** 2],
        lambda m, t: math.sqrt(square(m)) * np.column_stack([np.cos(t), np.sin(t)]),
    )  # fmt: skip


def torus(n: int) -> ExactCycle:
    """Return w' = w (i + s), s' = nu s + 1 - |w|^2 - s^3 in R^n: the cycle |w| = 1, s = 0, at nu = 0 a torus is born.

    The multipliers are exp(2 pi (nu/2 +- i sqrt(2 - nu^2/4))).
    """

    def field(c: Floats, p: Parameters) -> Floats:
        x, y, s = c[..., 0], c[..., 1], c[..., 2]
        return np.stack([s * x - y, s * y + x, p["nu"] * s + 1 - x**2 - y**2 - s**3], axis=-1)

    def slope(c: Floats, p: Parameters) -> Floats:
        x, y, s = c[..., 0], c[..., 1], c[..., 2]
        one = np.ones_like(x)
        return _matrices([[s, -one, x], [one, s, y], [-2 * x, -2 * y, p["nu"] - 3 * s**2]])

    def exponents(nu: float) -> list[complex]:
        root = complex(0.0, math.sqrt(2 - nu**2 / 4))
        return [nu / 2 + root, nu / 2 - root]

    return _embedded(
        n, {"nu": -0.2}, field, slope, exponents, lambda nu, t: np.column_stack([np.cos(t), np.sin(t), 0 * t])
    )


def period_doubling(n: int) -> ExactCycle:
    """Return w' = w (i + 1 - |w|^2), z' = i z/2 + (m - 1) z/2 + (m + 1) w conj(z)/2 - |z|^2 z in R^n.

    The cycle |w| = 1, z = 0 with multipliers -exp(2 pi m), -exp(-2 pi), exp(-4 pi); it doubles at m = 0.
    """
    return _embedded(
        n, {"m": -0.1}, _doubling_field, _doubling_slope, lambda m: [m + 0.5j, -1 + 0.5j, -2.0],
        lambda m, t: np.column_stack([np.cos(t), np.sin(t), 0 * t, 0 * t]),
    )  # fmt: skip


def doubled_period(n: int) -> ExactCycle:
    """Return the cycle doubled in `period_doubling`, m > 0: T = 4 pi, |z| = sqrt(m).

    The multipliers are exp(-8 pi m), exp(-4 pi (1 + m)), exp(-8 pi).
    """

    def cycle(m: float, t: Floats) -> Floats:
        root = math.sqrt(m)
        return np.column_stack([np.cos(t), np.sin(t), root * np.cos(t / 2), root * np.sin(t / 2)])

    return _embedded(n, {"m": 0.1}, _doubling_field, _doubling_slope, lambda m: [-2 * m, -1 - m, -2.0], cycle, turns=2)


def _doubling_field(c: Floats, p: Parameters) -> Floats:
    x, y, a, b = (c[..., k] for k in range(4))
    growth, low, high, s = 1 - x**2 - y**2, (p["m"] - 1) / 2, (p["m"] + 1) / 2, a**2 + b**2
    return np.stack(
        [
            growth * x - y,
            growth * y + x,
            (low - s) * a - b / 2 + high * (x * a + y * b),
            (low - s) * b + a / 2 + high * (y * a - x * b),
        ],
        axis=-1,
    )


def _doubling_slope(c: Floats, p: Parameters) -> Floats:
    x, y, a, b = (c[..., k] for k in range(4))
    growth, low, high, s = 1 - x**2 - y**2, (p["m"] - 1) / 2, (p["m"] + 1) / 2, a**2 + b**2
    zero, cross = np.zeros_like(x), high * y - 2 * a * b
    return _matrices(
        [
            [growth - 2 * x**2, -2 * x * y - 1, zero, zero],
            [-2 * x * y + 1, growth - 2 * y**2, zero, zero],
            [high * a, high * b, low - s - 2 * a**2 + high * x, cross - 0.5],
            [-high * b, high * a, cross + 0.5, low - s - 2 * b**2 - high * x],
        ]
    )


def _matrices(rows: list[list[Floats]]) -> Floats:
    """Return arrays of shape (...) as matrices of shape (..., k, k)."""
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


_COUPLING = 0.3


def _embedded(
    n: int,
    parameters: dict[str, float],
    field: Callable[[Floats, Parameters], Floats],
    slope: Callable[[Floats, Parameters], Floats],
    exponents: Callable[[float], list[complex]],
    cycle: Callable[[float, Floats], Floats],
    turns: int = 1,
) -> ExactCycle:
    r"""Return a cycle in c, of mean c_1 = 0 and T = 2 pi turns, with stable directions s, mixed: y = Q (c, s).

    .. math:: c_1' = f_1(c) + \epsilon \sum_j s_j / \sqrt{n - k}, \quad c_i' = f_i(c), \quad
              s_j' = (\epsilon c_1 - d_j) s_j, \qquad 0.5 \le d_j \le 3

    On the cycle s = 0, where the Jacobian is block triangular, so that the multipliers are those of the cycle in c and
    exp(-d_j T).
    """
    ((parameter, value),) = parameters.items()
    period = 2 * math.pi * turns
    k = cycle(value, np.zeros(1)).shape[1]
    mix = np.linalg.qr(np.random.default_rng(7).standard_normal((n, n)))[0]
    core, rest = mix[:, :k], mix[:, k:]
    rates = np.linspace(0.5, 3.0, n - k)
    weight = _COUPLING / math.sqrt(max(n - k, 1))
    constant = -(rest * rates) @ rest.T + weight * np.outer(core[:, 0], rest.sum(axis=1))
    projector = _COUPLING * rest @ rest.T

    def many(y: Floats, p: Parameters) -> Floats:
        c, s = y @ core, y @ rest
        f = field(c, p)
        f[..., 0] += weight * s.sum(axis=-1)
        return f @ core.T + ((_COUPLING * c[..., :1] - rates) * s) @ rest.T

    def derivative_many(y: Floats, p: Parameters) -> Floats:
        c, s = y @ core, y @ rest
        left = core @ slope(c, p)
        left[..., 0] += _COUPLING * s @ rest.T
        return constant + c[..., 0, None, None] * projector + left @ core.T

    names = [f"y{i}" for i in range(1, n + 1)]
    system = batched(many, derivative_many, names, parameters, np.zeros(n))
    return ExactCycle(
        system=system,
        parameter=parameter,
        period=lambda value: period,
        multipliers=lambda value: np.exp(period * np.concatenate([[0.0], exponents(value), -rates]).astype(complex)),
        states=lambda value, times: cycle(value, times) @ core.T,
        coordinates=lambda states: states @ core,
    )
