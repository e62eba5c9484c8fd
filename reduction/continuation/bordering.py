"""Bordered matrices: null vectors, and the scalar that vanishes where a matrix becomes singular."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Borders:
    """Columns (rows of the matrix, k) and rows (k', columns of the matrix) that make the bordered matrix regular."""

    columns: Array
    rows: Array


def borders(matrix: Array, rank: int = 1) -> Borders:
    """Return the borders that suit a nearly singular matrix best: its left and right null vectors.

    Parameters
    ----------
    matrix : array, shape (n, m), m >= n
    rank : int
        Number of columns to add; m - n more rows are added than columns.
    """
    left, _, right = np.linalg.svd(matrix)
    extra = matrix.shape[1] - matrix.shape[0]
    return Borders(left[:, -rank:], right[-(rank + extra) :])


def singularity(matrix: Array, by: Borders) -> Array:
    """Return g of shape (rows, columns) added; it vanishes where the matrix loses rank.

    [matrix, columns; rows, 0] [v; g'] = [0; identity] (Govaerts 2000, Numerical Methods for Bifurcations of Dynamical
    Equilibria, chapter 3).
    """
    n, k = by.columns.shape
    m = matrix.shape[1]
    whole = np.zeros((n + by.rows.shape[0], m + k), np.result_type(matrix, by.columns, by.rows))
    whole[:n, :m], whole[:n, m:], whole[n:, :m] = matrix, by.columns, by.rows
    right = np.zeros((whole.shape[0], by.rows.shape[0]), whole.dtype)
    right[n:] = np.eye(by.rows.shape[0])
    return np.asarray(np.linalg.solve(whole, right)[m:])
