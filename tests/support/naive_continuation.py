"""Slow, obvious twins of the linear algebra and of the discretised equations of continuation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt

from reduction.continuation.collocation import Collocation
from reduction.continuation.cycle_problem import CycleProblem
from reduction.continuation.shooting import Shooting
from reduction.continuation.tableaux import DIAGONAL, gauss
from reduction.system import ODESystem

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]


def bordered_cyclic_matrix(
    a: Array, b: Array, columns: Array, rows: Array, corner: Array, factor: complex = 1.0
) -> Array:
    """Return the whole matrix of `cyclic.CyclicFactorisation.solve`, shape (segments n + p, segments n + p)."""
    m, n, _ = a.shape
    p = columns.shape[2]
    out = np.zeros((m * n + p, m * n + p), complex)
    for i in range(m):
        j = (i + 1) % m
        here = slice(i * n, (i + 1) * n)
        out[here, here] += a[i]
        out[here, j * n : (j + 1) * n] += b[i] * (factor if i == m - 1 else 1.0)
        out[here, m * n :] = columns[i]
        out[m * n :, here] = rows[:, i]
    out[m * n :, m * n :] = corner
    return out


def multipliers_by_many_digits(a: Array, b: Array, digits: int = 300) -> Array:
    """Return the eigenvalues of the product of all -b_i^{-1} a_i, largest modulus first."""
    with mpmath.workdps(digits):
        product = mpmath.eye(a.shape[1])
        for left, right in zip(a, b, strict=True):
            product = -mpmath.inverse(mpmath.matrix(right.tolist())) * mpmath.matrix(left.tolist()) * product
        values = mpmath.eig(product, left=False, right=False) if len(product) > 1 else product
        return np.array(sorted((complex(value) for value in values), key=abs, reverse=True))


def residual(problem: CycleProblem, x: Floats) -> Floats:
    """Return all equations of a cycle, one by one: inside the segments, at their ends, and the phase."""
    inside, y, period, _ = problem.split(x)
    parameters = problem.parameters(x)
    mesh = problem.discretisation
    if isinstance(mesh, Collocation):
        within, gaps = _collocation_equations(problem.system, mesh, inside, y, period, parameters)
    else:
        within, gaps = np.empty(0), _shooting_equations(problem.system, mesh, y, period, parameters)
    return np.concatenate([within, gaps, [np.sum(problem.phase * (y - problem.reference))]])


def _collocation_equations(
    system: ODESystem, mesh: Collocation, inside: Floats, y: Floats, period: float, parameters: dict[str, float]
) -> tuple[Floats, Floats]:
    table, m = gauss(4), len(y)
    stages = inside.reshape(m, 4, -1)
    within, gaps = [], []
    for i in range(m):
        h = (mesh.nodes[i + 1] - mesh.nodes[i]) * period
        slopes = np.array([system.rhs(0.0, z, parameters) for z in stages[i]])
        within += [stages[i, j] - y[i] - h * table.a[j] @ slopes for j in range(4)]
        through = np.concatenate([y[i : i + 1], stages[i]])
        powers = np.vander(np.concatenate([[0.0], table.c]), increasing=True)
        gaps.append(np.linalg.solve(powers, through).sum(axis=0) - y[(i + 1) % m])
    return np.concatenate(within), np.concatenate(gaps)


def _shooting_equations(
    system: ODESystem, mesh: Shooting, y: Floats, period: float, parameters: dict[str, float]
) -> Floats:
    gaps = []
    for i, steps in enumerate(mesh.steps):
        state = y[i]
        for h in steps:
            state = state + h * period * DIAGONAL.b @ slopes_of_a_step(system, state, h * period, parameters)
        gaps.append(state - y[(i + 1) % len(y)])
    return np.concatenate(gaps)


def slopes_of_a_step(system: ODESystem, state: Floats, h: float, parameters: dict[str, float]) -> Floats:
    """Return the slope of each stage of a diagonally implicit step, by Newton's method with its own Jacobian."""
    slopes: list[Floats] = []
    for i, row in enumerate(DIAGONAL.a):
        known = state + h * sum((row[j] * slopes[j] for j in range(i)), np.zeros_like(state))
        z = known.copy()
        for _ in range(20):
            matrix = np.eye(state.size) - h * row[i] * system.jacobian(0.0, z, parameters)
            z = z - np.linalg.solve(matrix, z - known - h * row[i] * system.rhs(0.0, z, parameters))
        slopes.append(system.rhs(0.0, z, parameters))
    return np.array(slopes)


def differences(function: Callable[[Floats], Floats], x: Floats, steps: Floats) -> Floats:
    """Return the Jacobian of a function by central differences of fourth order."""
    out = []
    for j, h in enumerate(steps):
        moved = [x + k * h * np.eye(x.size)[j] for k in (-2, -1, 1, 2)]
        far, near, ahead, further = (function(z) for z in moved)
        out.append((8.0 * (ahead - near) - (further - far)) / (12.0 * h))
    return np.array(out).T


def planar_lyapunov(f: Sequence[Sequence[float]], g: Sequence[Sequence[float]], omega: float) -> float:
    r"""Return 2 a/omega of x' = -omega y + f, y' = omega x + g, where r' = a r^3.

    f[j][k], g[j][k] are the derivatives :math:`\partial_x^j \partial_y^k` at 0 [Guckenheimer, Holmes 1983, eq. 3.4.11].
    """
    cubic = f[3][0] + f[1][2] + g[2][1] + g[0][3]
    quadratic = f[1][1] * (f[2][0] + f[0][2]) - g[1][1] * (g[2][0] + g[0][2]) - f[2][0] * g[2][0] + f[0][2] * g[0][2]
    return 2.0 * (cubic + quadratic / omega) / 16.0 / omega
