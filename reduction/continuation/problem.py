"""The protocol between problems (equilibria, cycles, curves of special points) and the continuation of their solutions.

A problem is F(x) = 0 with `free` more unknowns than equations, so that its solutions are points, curves or surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]

_ITERATIONS = 10
_DIVERGENCE = 3.0
TOLERANCE = 1e-8


class Linearised(Protocol):
    """F and its derivative at one x, factorised."""

    def solve(self, rows: Floats) -> tuple[Floats, Floats]:
        """Return (particular, null) for rows of shape (free, len(x)).

        F' particular = -F and rows @ particular = 0; F' null = 0 and rows @ null = identity.
        """
        ...


class Problem(Protocol):
    """F(x) = 0.

    Attributes
    ----------
    free : int
        Dimension of the set of solutions.
    weights : array, shape (len(x),)
        Of the metric sum_i weights_i x_i^2; unknowns of weight 0 follow the others.
    """

    @property
    def free(self) -> int: ...

    @property
    def weights(self) -> Floats: ...

    def linearise(self, x: Floats) -> Linearised:
        """Return F and its derivative at x."""
        ...


@dataclass(frozen=True, eq=False)
class Solution:
    """A solution, and the linearisation at the last iterate but one, within `size` of it."""

    x: Floats
    linearised: Any
    null: Floats
    iterations: int
    size: float


def norm(problem: Problem, dx: Floats) -> float:
    """Return the length of a step in the problem's metric."""
    return float(np.sqrt(problem.weights @ dx**2))


def solved(problem: Problem, linearised: Linearised, rows: Floats) -> tuple[Floats, Floats]:
    """Return `Linearised.solve`, with a NumericalError in place of a singular or infinite result."""
    try:
        with np.errstate(all="ignore"):
            particular, null = linearised.solve(rows)
    except (np.linalg.LinAlgError, ValueError):
        raise NumericalError("the linearised equations are singular") from None
    if not (np.isfinite(particular).all() and np.isfinite(null).all()):
        raise NumericalError("the linearised equations are singular or not finite")
    return particular, null


def corrected(
    problem: Problem,
    x: Floats,
    rows: Floats,
    *,
    tolerance: float = TOLERANCE,
    iterations: int = _ITERATIONS,
    longest: float = np.inf,
) -> Solution:
    """Return the solution near x in the plane rows @ (solution - x) = 0, by Newton's method.

    Parameters
    ----------
    problem : Problem
    x : array
        Where to start.
    rows : array, shape (free, len(x))
    tolerance : float
        Length of the last step, in the problem's metric.
    iterations : int
    longest : float
        Longer steps are shortened to it, and may grow.

    Raises
    ------
    NumericalError
        If the iteration does not converge; the message says how it failed.
    """
    start, before = x, np.inf
    for k in range(iterations):
        linearised = problem.linearise(x)
        particular, null = solved(problem, linearised, rows)
        step = particular - null @ (rows @ (x - start))
        size = norm(problem, step)
        if size > _DIVERGENCE * before and longest == np.inf:
            raise NumericalError(f"Newton's method diverges: steps of {before:.2g} and {size:.2g}")
        step = step * min(1.0, longest / size) if size > 0.0 else step
        x, before = x + step, size
        if size <= tolerance:
            return Solution(x, linearised, null, k + 1, size)
    raise NumericalError(f"Newton's method has not converged in {iterations} iterations (last step {before:.2g})")


def unit(problem: Problem, tangent: Floats) -> Floats:
    """Return a tangent of length 1 in the problem's metric."""
    return np.asarray(tangent / max(norm(problem, tangent), 1e-300))


def row(problem: Problem, tangent: Floats) -> Floats:
    """Return the row whose product with a step is the inner product with the tangent, shape (1, len(x))."""
    return (problem.weights * tangent)[None, :]
