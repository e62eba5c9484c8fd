"""Polynomials on the panels of one axis, and the matrices from which equations in two variables are put together."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre

Floats = npt.NDArray[np.float64]
Sparse = Any


class Panels:
    """Polynomials of one degree on panels, given by their values at Lobatto points.

    Functions are continuous (neighbouring panels share a node: panels * degree + 1 nodes) or discontinuous
    (panels * (degree + 1) nodes).
    """

    def __init__(self, edges: Floats, degree: int) -> None:
        self.edges, self.degree = edges, degree
        inner = legendre.legroots(legendre.legder(np.eye(degree + 1)[degree]))
        self._lobatto = np.concatenate([[-1.0], inner, [1.0]])
        to_coefficients = np.linalg.inv(legendre.legvander(self._lobatto, degree))
        derivative = legendre.legder(np.eye(degree + 1), axis=0)
        x, w = legendre.leggauss(degree + 2)
        half = 0.5 * np.diff(edges)[:, None]
        self.to_coefficients = to_coefficients
        self.points, self.weights = edges[:-1, None] + half * (1.0 + x), half * w
        self.value = legendre.legvander(x, degree) @ to_coefficients
        self.slope = legendre.legvander(x, degree - 1) @ derivative @ to_coefficients / half[:, :, None]

    @property
    def nodes(self) -> Floats:
        """Places of the nodes of the continuous functions."""
        half = 0.5 * np.diff(self.edges)[:, None]
        return np.append((self.edges[:-1, None] + half * (1.0 + self._lobatto[:-1])).ravel(), self.edges[-1])

    @property
    def number(self) -> int:
        return int(self.edges.size - 1)

    def local(self, at: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """Return the panel of each point, and the values there of that panel's polynomials."""
        panel = np.clip(np.searchsorted(self.edges, at, side="right") - 1, 0, self.number - 1)
        low, high = self.edges[panel], self.edges[panel + 1]
        place = (2.0 * at - low - high) / (high - low)
        return panel, legendre.legvander(place, self.degree) @ self.to_coefficients

    def continuous(self, values: Floats, at: Floats) -> Floats:
        """Return a continuous function at some points; 0 outside."""
        panel, local = self.local(at)
        found = (local * values[panel[..., None] * self.degree + np.arange(self.degree + 1)]).sum(axis=-1)
        return np.where((at >= self.edges[0]) & (at <= self.edges[-1]), found, 0.0)

    def products(self, weights: Floats) -> Floats:
        """Return integrals of weight * test * function, one block for each panel."""
        return np.asarray(np.einsum("eq,qi,qj->eij", weights, self.value, self.value))

    def carried(self, weights: Floats) -> Floats:
        """Return integrals of weight * slope of test * function."""
        return np.asarray(np.einsum("eq,eqi,qj->eij", weights, self.slope, self.value))

    def spread(self, weights: Floats) -> Floats:
        """Return integrals of weight * slope of test * slope of function."""
        return np.asarray(np.einsum("eq,eqi,eqj->eij", weights, self.slope, self.slope))

    def upwind(self) -> tuple[Sparse, Sparse]:
        """Return the matrices of transport at speed 1 upwards and -1 downwards (its density), between open ends.

        Nothing enters; at the top everything leaves, at the bottom nothing does.
        """
        from scipy import sparse

        n, blocks = self.degree + 1, self.carried(self.weights)
        up, down = sparse.lil_matrix((self.number * n,) * 2), sparse.lil_matrix((self.number * n,) * 2)
        for e in range(self.number):
            own, first, last = slice(e * n, (e + 1) * n), e * n, (e + 1) * n - 1
            up[own, own], down[own, own] = blocks[e], -blocks[e]
            up[last, last] -= 1.0
            if e:
                up[first, first - 1] += 1.0
                down[first, first] -= 1.0
            if e + 1 < self.number:
                down[last, last + 1] += 1.0
        return up.tocsr(), down.tocsr()

    def discontinuous_matrix(self, blocks: Floats) -> Sparse:
        """Return blocks as a matrix over the discontinuous functions."""
        from scipy import sparse

        return sparse.block_diag(list(blocks), format="csr")

    def continuous_matrix(self, blocks: Floats) -> Sparse:
        """Return blocks as a matrix over the continuous functions."""
        from scipy import sparse

        nodes = np.arange(self.number)[:, None] * self.degree + np.arange(self.degree + 1)
        rows, columns = np.broadcast_arrays(nodes[:, :, None], nodes[:, None, :])
        shape = (self.number * self.degree + 1,) * 2
        return sparse.coo_matrix((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()

    def shifted(self, by: float) -> Sparse:
        """Return the integrals over x > 0 of x * test(x + by) * function(x), for continuous functions and by > 0."""
        from scipy import sparse

        marks = np.unique(np.concatenate([self.edges, self.edges - by]))
        marks = marks[(marks >= 0.0) & (marks <= self.edges[-1] - by)]
        x, w = legendre.leggauss(self.degree + 2)
        half = 0.5 * np.diff(marks)[:, None]
        at, weights = (marks[:-1, None] + half * (1.0 + x)).ravel(), (half * w).ravel()
        size = self.number * self.degree + 1
        test, function = (
            sparse.coo_matrix(
                (local.ravel(), (np.repeat(np.arange(at.size), self.degree + 1),
                                 (panel[:, None] * self.degree + np.arange(self.degree + 1)).ravel())),
                shape=(at.size, size),
            ).tocsr()
            for panel, local in (self.local(at + by), self.local(at))
        )  # fmt: skip
        return test.T @ sparse.diags(weights * at) @ function


def filled(marks: Floats, width: float) -> Floats:
    """Return marks and, evenly between them, as many edges as keep panels at most so wide."""
    parts = [marks[:1]]
    for low, high in itertools.pairwise(marks):
        parts.append(np.linspace(low, high, max(1, math.ceil((high - low) / width - 1e-9)) + 1)[1:])
    return np.concatenate(parts)
