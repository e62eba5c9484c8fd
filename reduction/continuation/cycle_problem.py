"""Cycles of a system as a problem to continue: a condensed cyclic boundary-value problem with a phase condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import problem as core
from reduction.continuation.cyclic import CyclicFactorisation
from reduction.continuation.discretisation import Discretisation, make
from reduction.continuation.problem import Solution
from reduction.system import ODESystem
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

_FOUND = 1e-10
_FOUND_NEARLY = 1e-7
_FIND_ITERATIONS = 25
_LONGEST_STEP = 0.3


@dataclass(frozen=True, eq=False)
class CycleBorders:
    """Borders of the operator that is singular at a special point of a cycle.

    Attributes
    ----------
    columns : array, shape (segments, n, k)
    column_corner : array, shape (rows of the operator beside the segments, k)
    rows : array, shape (k', segments, n)
    row_corner : array, shape (k', columns of the operator beside the segments)
    """

    columns: Array
    column_corner: Array
    rows: Array
    row_corner: Array

    def corner(self, columns: Array, rows: Array) -> Array:
        """Return where all columns, the operator's and these, meet all rows."""
        own = np.zeros((rows.shape[0], columns.shape[2]))
        none = np.zeros((self.rows.shape[0], self.columns.shape[2]))
        return np.block([[own, self.column_corner], [self.row_corner, none]])


class LinearisedCycle:
    """`problem.Linearised` of `CycleProblem`.

    Attributes
    ----------
    condensed : Condensed
    factorisation : CyclicFactorisation
    """

    def __init__(self, problem: CycleProblem, x: Floats) -> None:
        self.problem = problem
        inside, y, period, _ = problem.split(x)
        self.condensed = problem.discretisation.condense(inside, y, period, problem.parameters(x), problem.names)
        self.columns, self.residual = self.condensed.columns, self.condensed.residual
        if problem.perturbation is not None:
            self.residual = self.residual + x[-1] * problem.perturbation
            self.columns = np.concatenate([self.columns, problem.perturbation[:, :, None]], axis=2)
        self.factorisation = CyclicFactorisation(
            self.condensed.a, np.broadcast_to(-np.eye(y.shape[1]), self.condensed.a.shape)
        )
        self.phase = float(np.sum(problem.phase * (y - problem.reference)))

    def solve(self, rows: Floats) -> tuple[Floats, Floats]:
        m, n, p = self.columns.shape
        free = p - 1
        inside = self.problem.discretisation.inside
        right = np.zeros((m, n, 1 + free))
        right[:, :, 0] = -self.residual
        below = np.zeros((p, 1 + free))
        below[0, 0] = -self.phase
        below[1:, 1:] = np.eye(free)
        within = np.concatenate([self.problem.phase[None], rows[:, inside : inside + m * n].reshape(free, m, n)])
        corner = np.concatenate([np.zeros((1, p)), rows[:, inside + m * n :]])
        dy, dq = self.factorisation.solve(self.columns, within, corner, right, below)
        return self._joined(dy[:, :, :1], dq[:, :1], homogeneous=False)[:, 0], self._joined(
            dy[:, :, 1:], dq[:, 1:], homogeneous=True
        )

    def multipliers(self) -> npt.NDArray[np.complex128]:
        """Return the Floquet multipliers, largest modulus first."""
        return self.factorisation.multipliers()

    def borders(self, kind: str, own: Floats) -> CycleBorders:
        """Return the borders that suit the operator of a kind: approximate null vectors, by inverse iteration."""
        columns, rows = self._operator(kind, own)[:2]
        m, n = self.residual.shape
        random = np.random.default_rng(0)
        extra = columns.shape[2] - rows.shape[0]
        guess = CycleBorders(
            random.standard_normal((m, n, 1)), random.standard_normal((rows.shape[0], 1)),
            random.standard_normal((1 + extra, m, n)), random.standard_normal((1 + extra, columns.shape[2])),
        )  # fmt: skip
        v, q = self._bordered(kind, own, guess)
        q = q[: columns.shape[2]]
        flat = np.concatenate([v.reshape(m * n, -1), q])
        flat = np.linalg.qr(flat)[0].conj()
        across = CycleBorders(
            guess.columns, guess.column_corner,
            flat[: m * n].T.reshape(1 + extra, m, n), flat[m * n :].T,
        )  # fmt: skip
        w, s = self._bordered_transposed(kind, own, across)
        size = np.sqrt(np.sum(np.abs(w) ** 2) + np.sum(np.abs(s) ** 2))
        return CycleBorders(w.conj() / size, s.conj() / size, across.rows, across.row_corner)

    def singularity(self, kind: str, own: Floats, borders: CycleBorders) -> Floats:
        """Return what vanishes where the operator of a kind is singular."""
        columns = self._operator(kind, own)[0].shape[2]
        values = self._bordered(kind, own, borders)[1][columns:].ravel()
        return np.concatenate([values.real, values.imag]) if kind == "NS" else values.real

    def null_vectors(self, kind: str, own: Floats) -> Array:
        """Return the null vectors of the operator of a kind as changes of x, shape (len(x), k); complex for a torus."""
        v, q = self._bordered(kind, own, self.borders(kind, own))
        dq = np.zeros((self.columns.shape[2], v.shape[2]), v.dtype)
        known = self._operator(kind, own)[0].shape[2]
        dq[:known] = q[:known]
        if np.iscomplexobj(v):
            parts = [self._joined(f(v), f(dq), homogeneous=True) for f in (np.real, np.imag)]
            return np.asarray(parts[0] + 1j * parts[1])
        return self._joined(v, dq, homogeneous=True)

    def _operator(self, kind: str, own: Floats) -> tuple[Array, Array, complex]:
        """Return columns and rows beside the segments (where they meet: zeros), and the boundary factor."""
        m, n = self.residual.shape
        if kind in ("PD", "NS"):
            factor = -1.0 if kind == "PD" else complex(np.exp(1j * own[0]))
            return np.empty((m, n, 0)), np.empty((0, m, n)), factor
        width = 2 if kind == "BPC" else 1
        return self.columns[:, :, :width], self.problem.phase[None], 1.0

    def _bordered(self, kind: str, own: Floats, by: CycleBorders) -> tuple[Array, Array]:
        columns, rows, factor = self._operator(kind, own)
        more = by.rows.shape[0]
        whole = np.concatenate([columns, by.columns], axis=2)
        below = np.concatenate([np.zeros((rows.shape[0], more)), np.eye(more)])
        corners = by.corner(columns, rows)
        return self.factorisation.solve(
            whole, np.concatenate([rows, by.rows]), corners, np.zeros((*self.residual.shape, more)), below, factor
        )

    def _bordered_transposed(self, kind: str, own: Floats, by: CycleBorders) -> tuple[Array, Array]:
        """Return the left null vector: at the segments' equations, shape (segments, n, 1), and at the rows beside."""
        columns, rows, factor = self._operator(kind, own)
        k = by.columns.shape[2]
        turned = np.concatenate([rows, by.rows]).transpose(1, 2, 0)
        turned = np.roll(turned, -1, axis=0).astype(np.result_type(turned, type(factor)))
        turned[-1] /= factor
        below = np.concatenate([np.zeros((columns.shape[2], k)), np.eye(k)])
        corners = by.corner(columns, rows).T
        across = np.concatenate([columns, by.columns], axis=2).transpose(2, 0, 1)
        w, q = self.factorisation.transposed().solve(
            turned, across, corners, np.zeros((*self.residual.shape, k)), below, 1.0 / factor
        )
        return w, q[: rows.shape[0]]

    def _joined(self, dy: Floats, dq: Floats, *, homogeneous: bool) -> Floats:
        known = self.condensed.columns.shape[2]
        inside = self.condensed.expand(dy, dq[:known], homogeneous=homogeneous)
        return np.concatenate([inside, dy.reshape(dy.shape[0] * dy.shape[1], dy.shape[2]), dq])


class CycleProblem:
    """A periodic orbit: x = (inside, states at the nodes, period, free parameters, factor of a perturbation).

    Parameters
    ----------
    system : ODESystem
    names : sequence of str
        Free parameters.
    fixed : mapping
        All parameters; those in `names` are replaced by x.
    discretisation : Discretisation
    scale : float
        Size of a typical state.
    widths : sequence of float
        Size of a typical change of each free parameter.
    perturbation : array, shape (segments, n), optional
    """

    def __init__(
        self,
        system: ODESystem,
        names: Sequence[str],
        fixed: Mapping[str, float],
        discretisation: Discretisation,
        scale: float,
        widths: Sequence[float],
        perturbation: Floats | None = None,
    ) -> None:
        self.system, self.names, self.fixed = system, tuple(names), dict(fixed)
        self.scale, self.widths = scale, tuple(float(w) for w in widths)
        self.dimension, self.perturbation = len(system.names), perturbation
        self.free = len(self.names) + (perturbation is not None)
        self.discretisation = discretisation
        self.reference = np.zeros((0, 0))
        self.phase = np.zeros((0, 0))
        self.weights = np.empty(0)

    def anchored(
        self, discretisation: Discretisation, y: Floats, period: float, parameters: Mapping[str, float]
    ) -> None:
        """Take a discretisation and a profile from which the phase is measured: (y - y_ref) . y_ref' = 0 on average."""
        self.discretisation = discretisation
        share = self._shares()
        slope = self.system.rhs_many(y, parameters)
        self.reference = y.copy()
        phase = slope * share[:, None]
        self.phase = phase / max(float(np.linalg.norm(phase)), 1e-300)
        self.weights = np.concatenate([
            np.zeros(discretisation.inside),
            np.repeat(share / (self.dimension * self.scale**2), self.dimension),
            [1.0 / period**2],
            1.0 / np.asarray(self.widths) ** 2,
            np.ones(self.free - len(self.names)),
        ])  # fmt: skip

    def linearise(self, x: Floats) -> LinearisedCycle:
        """As `problem.Problem.linearise`."""
        return LinearisedCycle(self, x)

    def split(self, x: Floats) -> tuple[Floats, Floats, float, Floats]:
        """Return (inside, y of shape (segments, n), period, free parameters) of x."""
        inside, m = self.discretisation.inside, self.discretisation.nodes.size - 1
        end = inside + m * self.dimension
        return x[:inside], x[inside:end].reshape(m, -1), float(x[end]), x[end + 1 : end + 1 + len(self.names)]

    def joined(self, inside: Floats, y: Floats, period: float, values: Sequence[float] | Floats) -> Floats:
        """Return x."""
        return np.concatenate([inside, y.ravel(), [period], np.asarray(values, float)])

    def parameters(self, x: Floats) -> dict[str, float]:
        """Return all parameters at x."""
        values = self.split(x)[3]
        return self.fixed | {name: float(value) for name, value in zip(self.names, values, strict=True)}

    def perturbed(self, direction: Floats) -> CycleProblem:
        """Return the problem with a perturbation, anchored alike."""
        other = CycleProblem(
            self.system, self.names, self.fixed, self.discretisation, self.scale, self.widths, direction
        )
        other.reference, other.phase, other.weights = self.reference, self.phase, np.append(self.weights, 1.0)
        return other

    def _shares(self) -> Floats:
        """Return the part of the period that each node stands for."""
        widths = np.diff(self.discretisation.nodes)
        return np.asarray(0.5 * (widths + np.roll(widths, 1)))


def cycle_problem(
    system: ODESystem,
    names: tuple[str, ...],
    parameters: dict[str, float],
    times: Floats,
    states: Floats,
    period: float,
    widths: tuple[float, ...],
    discretisation: Discretisation | None = None,
) -> CycleProblem:
    """Return the problem of cycles near a profile; times run from 0 to 1."""
    mesh = make(system, times, states, period, parameters) if discretisation is None else discretisation
    scale = float(np.sqrt(np.mean((states - states.mean(axis=0)) ** 2)))
    return CycleProblem(system, names, parameters, mesh, scale if scale > 0.0 else 1.0, widths)


def solved_cycle(problem: CycleProblem, x: Floats, rows: Floats, advice: str) -> Solution:
    """Return the cycle near x by damped Newton steps, to a looser tolerance where rounding allows no better.

    Raises
    ------
    NumericalError
        If there is no convergence; the message ends with the advice.
    """
    for tolerance in (_FOUND, _FOUND_NEARLY):
        try:
            return core.corrected(
                problem, x, rows, tolerance=tolerance, iterations=_FIND_ITERATIONS, longest=_LONGEST_STEP
            )
        except NumericalError as error:
            failure = error
    raise NumericalError(f"{failure}: {advice}") from None
