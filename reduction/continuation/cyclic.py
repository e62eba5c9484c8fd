"""Cyclic block-bidiagonal linear systems: the condensed form of every boundary-value problem of a cycle.

Segment i of a cycle relates the states at its ends,

    A_i y_i + B_i y_{i+1} + C_i q = r_i,   i = 0 ... M-1,   y_M = factor * y_0,
    sum_i R_i y_i + D q = s,

with q the period, parameters and borders. States inside are eliminated in pairs by orthogonal transformations, as in
the structured elimination of Wright (1992), SIAM J. Sci. Stat. Comput. 13, 742; what remains, A y_0 + B y_M, is the
pencil whose eigenvalues are the Floquet multipliers (Fairgrieve and Jepson 1991, SIAM J. Numer. Anal. 28, 1446). No
product of monodromy matrices is ever formed, so growth and decay over a period do not hide each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_BATCHED_UP_TO = 16


@dataclass(frozen=True)
class _Level:
    """One sweep over neighbouring pairs: what was eliminated, in terms of its neighbours."""

    orthogonal: _Orthogonal
    left: Array
    right: Array


class CyclicFactorisation:
    """The chain A_i y_i + B_i y_{i+1}, factorised once for any boundary factor, borders and right-hand sides.

    Parameters
    ----------
    a, b : array, shape (segments, n, n)

    Attributes
    ----------
    first, last : array, shape (n, n)
        The pencil: first @ y_0 + last @ y_M = 0 for every solution of the homogeneous chain.
    """

    def __init__(self, a: Array, b: Array) -> None:
        self._blocks = a, b
        self._levels: list[_Level] = []
        n = a.shape[1]
        while len(a) > 1:
            pairs = len(a) // 2
            stacked = np.concatenate([b[: 2 * pairs : 2], a[1 : 2 * pairs : 2]], axis=1)
            sides = np.zeros((pairs, 2 * n, 2 * n), stacked.dtype)
            sides[:, :n, :n] = a[: 2 * pairs : 2]
            sides[:, n:, n:] = b[1 : 2 * pairs : 2]
            orthogonal = _Orthogonal(stacked)
            sides = orthogonal.apply(sides)
            self._levels.append(_Level(orthogonal, sides[:, :n, :n], sides[:, :n, n:]))
            odd = slice(2 * pairs, None)
            a = np.concatenate([sides[:, n:, :n], a[odd]])
            b = np.concatenate([sides[:, n:, n:], b[odd]])
        self.first, self.last = a[0], b[0]

    def transposed(self) -> CyclicFactorisation:
        """Return the factorised chain of the transposed system; its boundary factor is the inverse."""
        a, b = self._blocks
        return CyclicFactorisation(b.transpose(0, 2, 1), np.roll(a, -1, axis=0).transpose(0, 2, 1))

    def multipliers(self) -> Array:
        """Return the Floquet multipliers y_M = mu y_0, shape (n,), largest modulus first."""
        from scipy.linalg import eigvals

        values = eigvals(self.first, -self.last, check_finite=False).astype(complex)
        values[~np.isfinite(values)] = np.inf
        return np.asarray(values[np.argsort(-np.abs(values), kind="stable")])

    def solve(
        self, columns: Array, rows: Array, corner: Array, right: Array, below: Array, factor: complex = 1.0
    ) -> tuple[Array, Array]:
        """Solve the bordered cyclic system for several right-hand sides.

        Parameters
        ----------
        columns : array, shape (segments, n, p)
        rows : array, shape (p, segments, n)
        corner : array, shape (p, p)
        right : array, shape (segments, n, k)
        below : array, shape (p, k)
        factor : complex
            y_M = factor * y_0.

        Returns
        -------
        y : array, shape (segments, n, k)
        q : array, shape (p, k)

        Raises
        ------
        numpy.linalg.LinAlgError
            If the system is singular or not finite.
        """
        segments, n, p = columns.shape
        sides = np.concatenate([columns, right], axis=2)
        border = np.concatenate([corner, below], axis=1)
        weights = np.concatenate([rows, np.zeros((p, 1, n), rows.dtype)], axis=1).transpose(1, 0, 2)
        tops = []
        for level in self._levels:
            pairs = level.left.shape[0]
            turned = level.orthogonal.apply(sides[: 2 * pairs].reshape(pairs, 2 * n, -1))
            top = turned[:, :n]
            tops.append(top)
            inner = level.orthogonal.divide_left(weights[1 : 2 * pairs : 2])
            border = border - inner.transpose(1, 0, 2).reshape(p, pairs * n) @ top.reshape(pairs * n, -1)
            kept = weights[::2].copy() if len(weights) % 2 else np.concatenate([weights[::2], weights[-1:]])
            kept[:pairs] -= inner @ level.left
            kept[1 : pairs + 1] -= inner @ level.right
            weights = kept
            sides = np.concatenate([turned[:, n:], sides[2 * pairs :]])
        matrix = np.block([
            [self.first + factor * self.last, sides[0][:, :p]],
            [weights[0] + factor * weights[1], border[:, :p]],
        ])  # fmt: skip
        solution = np.linalg.solve(matrix, np.concatenate([sides[0][:, p:], border[:, p:]]))
        y, q = np.stack([solution[:n], factor * solution[:n]]), solution[n:]
        for level, top in zip(reversed(self._levels), reversed(tops), strict=True):
            pairs = level.left.shape[0]
            inner = top[:, :, p:] - top[:, :, :p] @ q - level.left @ y[:pairs] - level.right @ y[1 : pairs + 1]
            inner = level.orthogonal.divide(inner)
            spread = np.empty((len(y) + pairs, *y.shape[1:]), inner.dtype)
            spread[: 2 * pairs + 1 : 2] = y[: pairs + 1]
            spread[1 : 2 * pairs : 2] = inner
            spread[2 * pairs + 1 :] = y[pairs + 1 :]
            y = spread
        if not np.isfinite(y).all():
            raise np.linalg.LinAlgError("singular, or not finite")
        return y[:segments], q


class _Orthogonal:
    """Orthogonal triangularisations of tall blocks, shape (pairs, 2n, n): small ones all at once, large ones singly."""

    def __init__(self, stacked: Array) -> None:
        n = stacked.shape[2]
        self._small = n <= _BATCHED_UP_TO
        if self._small:
            q, r = np.linalg.qr(stacked, mode="complete")
            self._transposed = q.transpose(0, 2, 1)
            self._inverse = _inverses(r[:, :n])
        else:
            from scipy.linalg.lapack import dgeqrf

            self._reflectors = [dgeqrf(np.asfortranarray(block), overwrite_a=1, lwork=64 * n)[:2] for block in stacked]
            self._triangles = [np.asfortranarray(q[:n]) for q, _ in self._reflectors]

    def apply(self, sides: Array) -> Array:
        """Return Q^T times sides, shape (pairs, 2n, m)."""
        if self._small:
            return np.asarray(self._transposed @ sides)
        from scipy.linalg.lapack import dormqr

        if np.iscomplexobj(sides):
            return np.asarray(self.apply(sides.real) + 1j * self.apply(sides.imag))
        work = 64 * max(sides.shape[2], 1)
        turned = [
            dormqr("L", "T", q, tau, np.asfortranarray(side), lwork=work, overwrite_c=1)[0]
            for (q, tau), side in zip(self._reflectors, sides, strict=True)
        ]
        return np.stack(turned)

    def divide(self, sides: Array) -> Array:
        """Return R^{-1} times sides, shape (pairs, n, m)."""
        if self._small:
            return np.asarray(self._inverse @ sides)
        return self._each(sides, 0)

    def divide_left(self, rows: Array) -> Array:
        """Return rows times R^{-1}, rows of shape (pairs, p, n)."""
        if self._small:
            return np.asarray(rows @ self._inverse)
        return self._each(rows.transpose(0, 2, 1), 1).transpose(0, 2, 1)

    def _each(self, sides: Array, transposed: int) -> Array:
        from scipy.linalg.blas import dtrsm

        if np.iscomplexobj(sides):
            return np.asarray(self._each(sides.real, transposed) + 1j * self._each(sides.imag, transposed))
        pairs = zip(self._triangles, sides, strict=True)
        return np.stack([dtrsm(1.0, r, side, trans_a=transposed) for r, side in pairs])


def _inverses(triangles: Array) -> Array:
    try:
        return np.linalg.inv(triangles)
    except np.linalg.LinAlgError:
        return np.full(triangles.shape, np.nan)
