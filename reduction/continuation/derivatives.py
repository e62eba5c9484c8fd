r"""Second and third derivatives of a right-hand side or a map, as multilinear forms along given directions.

.. math:: B(u, v) = \sum_{jk} \frac{\partial^2 f}{\partial y_j \partial y_k} u_j v_k, \qquad
          C(u, v, w) = \sum_{jkl} \frac{\partial^3 f}{\partial y_j \partial y_k \partial y_l} u_j v_k w_l

[Kuznetsov, Elements of Applied Bifurcation Theory, sec. 5.4]. No tensor is made: the forms are differences of the
Jacobian along directions (of the function, where the Jacobian is itself a difference), extrapolated to step 0 [Ridders,
Adv. Eng. Softw. 4 (1982) 75]. Directions may be complex; the state is real.

Relative errors where f changes on the scale of its state or of 1: near 1e-12 (B) and 1e-10 (C) from an exact Jacobian,
to rounding if f is a polynomial of third degree; near 1e-11 (B) and 1e-9 (C) from the function alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.system import Floats, ODESystem, Parameters
from spiking.errors import NumericalError

Vector = npt.NDArray[Any]
Map = Callable[[Floats], npt.NDArray[Any]]

_FIRST_STEP = 0.5
_LEVELS = 25
_PATIENCE = 3
_TOLERANCE = 1e-12
_FALLING = 0.5
_NO_BEND = 1e-10
_WORTH_STOPPING = 1e-6
_STENCILS: dict[int, dict[int, float]] = {
    1: {-1: -0.5, 1: 0.5},
    2: {-1: 1.0, 0: -2.0, 1: 1.0},
    3: {-2: -0.5, -1: 1.0, 1: -1.0, 2: 0.5},
}


def second(system: ODESystem, y: Floats, parameters: Parameters | None, u: Vector, v: Vector) -> Vector:
    """Return B(u, v) of a system's right-hand side at (y, parameters), shape (n,).

    Raises
    ------
    NumericalError
        If the right-hand side is not finite around y.
    """
    if system.exact_derivative:
        return second_of(lambda state: system.jacobian(0.0, state, parameters), y, u, v)
    return _form(lambda state: system.rhs(0.0, state, parameters), y, (u, v))


def third(system: ODESystem, y: Floats, parameters: Parameters | None, u: Vector, v: Vector, w: Vector) -> Vector:
    """Return C(u, v, w) of a system's right-hand side at (y, parameters), shape (n,); errors as in `second`."""
    if system.exact_derivative:
        return third_of(lambda state: system.jacobian(0.0, state, parameters), y, u, v, w)
    return _form(lambda state: system.rhs(0.0, state, parameters), y, (u, v, w))


def second_of(jacobian: Map, y: Floats, u: Vector, v: Vector) -> Vector:
    """Return B(u, v), shape (n,), of the function whose Jacobian is J(y) of shape (n, n); errors as in `second`."""
    return _form(lambda state: jacobian(state) @ v, y, (u,))


def third_of(jacobian: Map, y: Floats, u: Vector, v: Vector, w: Vector) -> Vector:
    """Return C(u, v, w), shape (n,), of the function whose Jacobian is J(y) of shape (n, n); errors as in `second`."""
    return _form(lambda state: jacobian(state) @ w, y, (u, v))


def _form(function: Map, y: Floats, directions: Sequence[Vector]) -> Vector:
    """Return the derivative of a function along one to three directions, by linearity from their real parts."""
    parts = [[(1.0, np.real(d))] + ([(1j, np.imag(d))] if np.iscomplexobj(d) else []) for d in directions]
    known: dict[tuple[bytes, ...], Vector] = {}
    total: Any = 0.0
    for chosen in product(*parts):
        real = [part for _, part in chosen]
        key = tuple(sorted(part.tobytes() for part in real))
        if key not in known:
            known[key] = _polarised(function, y, real)
        total = total + math.prod(factor for factor, _ in chosen) * known[key]
    return np.asarray(total)


def _polarised(function: Map, y: Floats, directions: Sequence[Floats]) -> Vector:
    r"""Return a derivative along real directions from those along their sums and differences.

    .. math:: D(u_1, \dots, u_m) = \frac{1}{2^{m-1} m!} \sum_{\epsilon_2, \dots, \epsilon_m = \pm 1}
              \epsilon_2 \cdots \epsilon_m \, D(d, \dots, d), \qquad d = u_1 + \epsilon_2 u_2 + \dots
    """
    scale = np.maximum(np.abs(y), max(1.0, 0.1 * float(np.abs(y).max())))
    sizes = [float((np.abs(d) / scale).max()) for d in directions]
    order = len(directions)
    total = np.zeros_like(function(y))
    if min(sizes) == 0.0:
        return total
    units = [d / size for d, size in zip(directions, sizes, strict=True)]
    for signs in product((1.0, -1.0), repeat=order - 1):
        along = sum((sign * unit for sign, unit in zip(signs, units[1:], strict=True)), start=units[0])
        size = float((np.abs(along) / scale).max())
        if size > 0.0:
            total = total + math.prod(signs) * size**order * _derivative(function, y, along / size, order)
    return np.asarray(total * math.prod(sizes) / (2.0 ** (order - 1) * math.factorial(order)))


def _derivative(function: Map, y: Floats, direction: Floats, order: int) -> Vector:
    """Return the derivative of some order along a direction by extrapolated central differences.

    Steps are halved until the estimates agree or rounding parts them again; the pair that agrees best counts. Steps at
    which the function's even part does not fall as the step does are too long for its Taylor series, and left out.
    """
    centre = function(y)
    best, error, misses, bend = np.array(math.nan), math.inf, 0, math.inf
    previous: list[Vector] = []
    for level in range(_LEVELS):
        h = _FIRST_STEP / 2.0**level
        values = _sampled(function, y, h * direction, order)
        difference = np.asarray(sum(weight * values[k] for k, weight in _STENCILS[order].items()) / h**order)
        magnitude, longer = max(_norm(value) for value in values.values()), bend
        bend = _norm(values[1] + values[-1] - 2.0 * centre)
        if not (np.isfinite(difference).all() and (bend <= _FALLING * longer or bend <= _NO_BEND * magnitude)):
            previous = [difference] if np.isfinite(difference).all() else []
            continue
        row = [difference]
        for j, older in enumerate(previous):
            row.append(row[j] + (row[j] - older) / (4.0 ** (j + 1) - 1.0))
        misses += 1
        for j in range(1, len(row)):
            distance = max(_norm(row[j] - row[j - 1]), _norm(row[j] - previous[j - 1]))
            if distance < error:
                best, error, misses = row[j], distance, 0
        goal = _WORTH_STOPPING if misses >= _PATIENCE else _TOLERANCE
        if error <= max(goal * _norm(best), np.finfo(float).eps * magnitude / h**order):
            break
        previous = row
    if not math.isfinite(error):
        raise NumericalError(f"the derivative of order {order} does not exist or is not finite at the state {y}")
    return best


def _sampled(function: Map, y: Floats, step: Floats, order: int) -> dict[int, Vector]:
    """Return the function at the points of the stencil, NaN at all of them if it fails at one."""
    points = {-1, 1, *_STENCILS[order]}
    try:
        with np.errstate(all="ignore"):
            return {k: function(y + k * step) for k in points}
    except NumericalError:
        return dict.fromkeys(points, np.full(y.size, math.nan))


def _norm(vector: Vector) -> float:
    return float(np.abs(vector).max())
