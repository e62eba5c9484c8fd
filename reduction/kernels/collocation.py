"""Linear flux equations at a complex growth rate s, solved downwards over panels of collocation nodes.

On each panel y' = growth y - source (flux + s K) + forcing, K' = -y, along a coordinate that the panels descend; `flux`
is 1 above reset and 0 below. Solutions: number 0 starts at the top with y = K = 0 and has the flux, without forcing;
number 1 starts at reset with y = 0 and K = 1; number 2 + m starts at the top and has forcing m alone. All share one
scale, which drops out of their ratios.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_LARGE = 1e100


@njit(nogil=True, cache=True, inline="always")
def _size(z):
    """Sum of the absolute real and imaginary parts: within a factor of sqrt(2) of the absolute value."""
    return abs(z.real) + abs(z.imag)


@njit(nogil=True, cache=True)
def _eliminate(matrix, right):
    """Solve matrix x = right (several columns) in place, by Gaussian elimination with row exchange."""
    n, columns = right.shape
    for k in range(n):
        pivot, best = k, _size(matrix[k, k])
        for i in range(k + 1, n):
            size = _size(matrix[i, k])
            if size > best:
                pivot, best = i, size
        if pivot != k:
            for j in range(k, n):
                matrix[k, j], matrix[pivot, j] = matrix[pivot, j], matrix[k, j]
            for j in range(columns):
                right[k, j], right[pivot, j] = right[pivot, j], right[k, j]
        inverse = 1.0 / matrix[k, k]
        for i in range(k + 1, n):
            factor = matrix[i, k] * inverse
            for j in range(k + 1, n):
                matrix[i, j] -= factor * matrix[k, j]
            for j in range(columns):
                right[i, j] -= factor * right[k, j]
        matrix[k, k] = inverse
    for k in range(n - 1, -1, -1):
        for j in range(columns):
            total = right[k, j]
            for i in range(k + 1, n):
                total -= matrix[k, i] * right[i, j]
            right[k, j] = total * matrix[k, k]


@njit(nogil=True, cache=True)
def sweep(s, width, above, growth, source, forcing, start, integral, highest, ratios, error):
    """Solve at one s; fill the ratios of K at the lower end, and the error indicator of every panel.

    Parameters
    ----------
    s : complex
    width, above, growth, source, forcing
        Shapes (panels,), (panels,), (panels, nodes), (panels, nodes), (forcings, panels, nodes).
    start : array, shape (2 + forcings,)
        y at the top.
    integral : array, shape (nodes, nodes)
        Collocation on [0, 1].
    highest : array, shape (nodes + 1,)
        Weight of the highest polynomial, from the values at 0 and at the nodes.
    ratios : array, shape (1 + forcings,), to be filled
        K of solutions 0, 2, 3, ... over that of solution 1, at the lower end.
    error : array, shape (panels,), to be filled
        Weight of the highest polynomial in y over its size, times the largest share of this or a later panel in K.
    """
    panels, n = growth.shape
    solutions = 2 + forcing.shape[0]
    twice = np.empty((n, n))
    row_sum = np.empty(n)
    for i in range(n):
        row_sum[i] = 0.0
        for j in range(n):
            row_sum[i] += integral[i, j]
            twice[i, j] = 0.0
            for k in range(n):
                twice[i, j] += integral[i, k] * integral[k, j]
    matrix = np.empty((n, n), np.complex128)
    right = np.empty((n, solutions), np.complex128)
    y = start.astype(np.complex128)
    mass = np.zeros(solutions, np.complex128)
    weights, shares = np.empty((panels, solutions)), np.empty((panels, solutions))
    shrunk, begun = 1.0, False
    for p in range(panels):
        h, flux = width[p], shrunk if above[p] else 0.0
        if not above[p] and not begun:
            begun = True
            mass[1] = shrunk
        for i in range(n):
            a, b = growth[p, i], source[p, i]
            row = 1.0 / (1.0 + h * abs(a) + abs(s) * h * h * b)
            for j in range(n):
                matrix[i, j] = row * (h * a * integral[i, j] - s * h * h * b * twice[i, j])
            matrix[i, i] += row
            slope = row * (a - s * h * b * row_sum[i])
            for m in range(solutions):
                right[i, m] = slope * y[m] - row * b * s * mass[m]
                if m == 0:
                    right[i, m] -= row * b * flux
                elif m > 1:
                    right[i, m] += row * shrunk * forcing[m - 2, p, i]
        _eliminate(matrix, right)
        largest = 0.0
        for m in range(solutions):
            size = _size(y[m])
            weight = highest[0] * y[m]
            added = 0.0 * y[m]
            last = y[m]
            for i in range(n):
                value = y[m]
                for j in range(n):
                    value -= h * integral[i, j] * right[j, m]
                size = max(size, _size(value))
                weight += highest[1 + i] * value
                added += h * integral[n - 1, i] * value
                last = value
            mass[m] += added
            y[m] = last
            weights[p, m] = _size(weight) / size if size > 0.0 else 0.0
            shares[p, m] = h * size / _size(mass[m]) if mass[m] != 0.0 else 0.0
            largest = max(largest, _size(y[m]), _size(mass[m]))
        if largest > _LARGE:
            shrunk /= _LARGE
            for m in range(solutions):
                y[m] /= _LARGE
                mass[m] /= _LARGE
    if not begun:
        mass[1] = shrunk
    ratios[0] = mass[0] / mass[1]
    for m in range(2, solutions):
        ratios[m - 1] = mass[m] / mass[1]
    matter = np.zeros(solutions)
    for p in range(panels - 1, -1, -1):
        error[p] = 0.0
        for m in range(solutions):
            matter[m] = max(matter[m], min(shares[p, m], 1.0))
            error[p] = max(error[p], matter[m] * weights[p, m])


@njit(nogil=True, cache=True)
def sweep_all(s, width, above, growth, source, forcing, start, integral, highest, ratios):
    """Fill the ratios, shape (len(s), 1 + forcings), of `sweep` at every s."""
    error = np.empty(width.size)
    for k in range(s.size):
        sweep(s[k], width, above, growth, source, forcing, start, integral, highest, ratios[k], error)
