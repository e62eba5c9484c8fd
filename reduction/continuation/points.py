"""Equilibria of a system and fixed points of a map as a problem to continue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from reduction.continuation import bordering
from reduction.continuation.bordering import Borders
from reduction.system import ODESystem

Floats = npt.NDArray[np.float64]

_ZERO = 1e-15


class LinearisedPoint:
    """`problem.Linearised` of `PointProblem`.

    Attributes
    ----------
    residual : array, shape (n,)
    jacobian : array, shape (n, n)
        Of the vector field; of a map itself.
    columns : array, shape (n, free)
        Derivatives with respect to the free parameters.
    """

    def __init__(self, problem: PointProblem, x: Floats) -> None:
        n = problem.dimension
        parameters = problem.parameters(x)
        state = x[:n]
        self.residual = problem.system.function(0.0, state, parameters)
        self.jacobian = problem.system.derivative(0.0, state, parameters)
        columns = [problem.system.parameter_derivative(name, state, parameters) for name in problem.names]
        self.inner = self.jacobian
        if problem.is_map:
            self.residual = self.residual - state
            self.inner = self.jacobian - np.eye(n)
        if problem.perturbation is not None:
            self.residual = self.residual + x[-1] * problem.perturbation
            columns.append(problem.perturbation)
        self.columns = np.array(columns).T.reshape(n, -1)

    def solve(self, rows: Floats) -> tuple[Floats, Floats]:
        n, k = self.columns.shape
        right = np.zeros((n + k, 1 + k))
        right[:n, 0] = -self.residual
        right[n:, 1:] = np.eye(k)
        solution = np.linalg.solve(np.concatenate([np.hstack([self.inner, self.columns]), rows]), right)
        return solution[:, 0], solution[:, 1:]

    def eigenvalues(self) -> npt.NDArray[np.complex128]:
        """Return the eigenvalues (of a map: multipliers), largest real part (modulus) first."""
        values = np.linalg.eigvals(self.jacobian).astype(complex)
        size = values.real if self.inner is self.jacobian else np.abs(values)
        return np.asarray(values[np.argsort(-size, kind="stable")])

    def operator(self, kind: str, own: Floats) -> Floats:
        """Return the matrix that is singular at a special point of a kind."""
        if kind == "HB":
            return np.asarray(self.jacobian @ self.jacobian + own[0] * np.eye(len(self.jacobian)))
        if kind == "NS":
            square = self.jacobian @ self.jacobian
            return np.asarray(square - 2.0 * own[0] * self.jacobian + np.eye(len(square)))
        if kind == "PD":
            return np.asarray(self.jacobian + np.eye(len(self.jacobian)))
        if kind == "BP":
            return np.hstack([self.inner, self.columns[:, :1]])
        return self.inner

    def borders(self, kind: str, own: Floats) -> Borders:
        return bordering.borders(self.operator(kind, own), 2 if kind in ("HB", "NS") else 1)

    def singularity(self, kind: str, own: Floats, borders: Borders) -> Floats:
        return bordering.singularity(self.operator(kind, own), borders).ravel()


class PointProblem:
    """f(y; p) = 0, or m(y; p) = y; x = (y, free parameters, and the factor of a perturbation if there is one).

    Parameters
    ----------
    system : ODESystem
    names : sequence of str
        Free parameters.
    fixed : mapping
        All parameters; those in `names` are replaced by x.
    scale : float
        Size of a typical state.
    widths : sequence of float
        Size of a typical change of each free parameter.
    is_map : bool
    perturbation : array, shape (n,), optional
        b of f + beta b = 0: makes a branch point regular.
    """

    def __init__(
        self,
        system: ODESystem,
        names: Sequence[str],
        fixed: Mapping[str, float],
        scale: float,
        widths: Sequence[float],
        *,
        is_map: bool = False,
        perturbation: Floats | None = None,
    ) -> None:
        self.system, self.names, self.fixed = system, tuple(names), dict(fixed)
        self.widths = tuple(float(width) for width in widths)
        self.is_map, self.perturbation = is_map, perturbation
        self.dimension = len(system.names)
        self.free = len(self.names) + (perturbation is not None)
        self.rescale(scale)

    def rescale(self, scale: float) -> None:
        """Take another size of a typical state for the metric."""
        n = self.dimension
        more = np.ones(0 if self.perturbation is None else 1)
        self.scale = scale
        self.weights = np.concatenate([np.full(n, 1.0 / (n * scale**2)), 1.0 / np.asarray(self.widths) ** 2, more])

    def linearise(self, x: Floats) -> LinearisedPoint:
        """As `problem.Problem.linearise`."""
        return LinearisedPoint(self, x)

    def parameters(self, x: Floats) -> dict[str, float]:
        """Return all parameters at x."""
        n = self.dimension
        return self.fixed | {name: float(x[n + k]) for k, name in enumerate(self.names)}

    def perturbed(self, direction: Floats) -> PointProblem:
        """Return the problem with a perturbation."""
        return PointProblem(
            self.system, self.names, self.fixed, self.scale, self.widths, is_map=self.is_map, perturbation=direction
        )


def point_problem(
    system: ODESystem, names: Sequence[str], parameters: Mapping[str, float], state: Floats, widths: Sequence[float]
) -> PointProblem:
    """Return the problem of equilibria near a state, or of fixed points if the system is a map."""
    scale = max(float(np.sqrt(np.mean(y**2))) for y in (state, 0.1 * system.guess))
    return PointProblem(
        system, names, parameters, scale if scale > _ZERO else 1.0, widths, is_map=getattr(system, "is_map", False)
    )


def is_stable(problem: PointProblem, eigenvalues: npt.NDArray[np.complex128]) -> bool:
    """Return whether all eigenvalues decay."""
    return bool((np.abs(eigenvalues) < 1.0).all() if problem.is_map else (eigenvalues.real < 0.0).all())
