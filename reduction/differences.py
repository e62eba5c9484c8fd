"""Derivatives of smooth functions by finite differences of fourth order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEP = float(np.finfo(float).eps ** 0.2)
SMALLEST_SCALE = 0.01


def slope(function: Callable[[float], Floats], x: float, scale: float) -> Floats:
    r"""Return the derivative of an array-valued function of a number.

    .. math:: f'(x) = \frac{8 (f(x + h) - f(x - h)) - (f(x + 2h) - f(x - 2h))}{12 h} + O(h^4),
              \qquad h = \varepsilon^{1/5} \, \mathrm{scale}

    [Abramowitz, Stegun, 25.3.6]: for a function that changes on `scale`, the errors of rounding
    (:math:`\varepsilon / h`) and of truncation (:math:`h^4`) are both near 1e-12.
    """
    h = (x + STEP * scale) - x
    near = function(x + h) - function(x - h)
    far = function(x + 2.0 * h) - function(x - 2.0 * h)
    return np.asarray((8.0 * near - far) / (12.0 * h))


def jacobian(function: Callable[[Floats], Floats], y: Floats, scale: Floats) -> Floats:
    """Return the Jacobian of a function of an array, column by column as `slope`; `scale` has one entry per unknown."""
    columns = []
    for j in range(y.size):

        def along(x: float, j: int = j) -> Floats:
            moved = y.copy()
            moved[j] = x
            return function(moved)

        columns.append(slope(along, float(y[j]), float(scale[j])))
    return np.stack(columns, axis=-1)


def scale_of(value: npt.ArrayLike, typical: npt.ArrayLike) -> Floats:
    """Return the scale of each entry: the largest of its modulus, a tenth of its typical modulus, and 0.01."""
    return np.maximum(np.maximum(np.abs(value), 0.1 * np.abs(typical)), SMALLEST_SCALE)
