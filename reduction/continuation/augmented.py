"""Special points as solutions: a problem with the conditions that single them out, minimally augmented.

A condition is a scalar (or a few) that a bordered linear system gives: it vanishes where a matrix of the linearisation
becomes singular. Only its derivatives along the solutions of the problem are needed, one or two of them, whatever the
number of unknowns; they are differences of linearisations.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from reduction.continuation import problem as core
from reduction.continuation.problem import Problem

Floats = npt.NDArray[np.float64]

_DIFFERENCE = 1e-6
_NEGLIGIBLE = 1e-7


class Condition(Protocol):
    """What singles out a special point.

    Attributes
    ----------
    kind : str
    rank : int
        How many independent equations the values are.
    extra : int
        How many unknowns of its own it has (a squared frequency, an angle).
    """

    @property
    def kind(self) -> str: ...

    @property
    def rank(self) -> int: ...

    @property
    def extra(self) -> int: ...

    def values(self, linearised: Any, own: Floats) -> Floats:
        """Return the values, shape (m,), m >= rank, for own unknowns of shape (extra,)."""
        ...


class _Linearised:
    """`problem.Linearised` of an augmented problem."""

    def __init__(self, augmented: Augmented, x: Floats) -> None:
        base, k = augmented.base, augmented.condition.extra
        own, x = x[len(x) - k :], x[: len(x) - k]
        self.base = base.linearise(x)
        self.rank = augmented.condition.rank
        frame = augmented.frame(self.base)
        self.particular, self.null = core.solved(base, self.base, frame)
        condition = augmented.condition
        here = condition.values(self.base, own)
        slopes = []
        for direction in self.null.T:
            step = _DIFFERENCE / max(core.norm(base, direction), 1e-300)
            slopes.append((condition.values(base.linearise(x + step * direction), own) - here) / step)
        for j in range(k):
            step = _DIFFERENCE * max(abs(own[j]), 1e-3)
            slopes.append((condition.values(self.base, own + step * np.eye(k)[j]) - here) / step)
        self.values = here
        if core.norm(base, self.particular) > _NEGLIGIBLE:
            self.values = condition.values(base.linearise(x + self.particular), own)
        self.slopes = np.array(slopes).T
        self.extra = k

    def solve(self, rows: Floats) -> tuple[Floats, Floats]:
        basis = np.zeros((self.null.shape[0] + self.extra, self.slopes.shape[1]))
        basis[: self.null.shape[0], : self.null.shape[1]] = self.null
        basis[self.null.shape[0] :, self.null.shape[1] :] = np.eye(self.extra)
        start = np.concatenate([self.particular, np.zeros(self.extra)])
        left, sizes, right = np.linalg.svd(self.slopes)
        if sizes.size < self.rank or sizes[self.rank - 1] <= 1e-14 * sizes[0]:
            raise np.linalg.LinAlgError
        inverse = right[: self.rank].T / sizes[: self.rank] @ left[:, : self.rank].T
        particular = start - basis @ (inverse @ self.values)
        null = basis @ right[self.rank :].T
        if len(rows):
            across = np.linalg.inv(rows @ null)
            null = null @ across
            particular = particular - null @ (rows @ particular)
        return particular, null


class Augmented:
    """A problem and a condition: `problem.Problem` with the condition's rank fewer free dimensions.

    x is the base problem's x followed by the condition's own unknowns.
    """

    def __init__(self, base: Problem, condition: Condition, own: Floats) -> None:
        self.base, self.condition = base, condition
        self.free = base.free + condition.extra - condition.rank
        self._frame: Floats | None = None
        self._own_weights = 1e-3 / np.maximum(np.abs(own), 1e-3) ** 2

    @property
    def weights(self) -> Floats:
        return np.concatenate([self.base.weights, self._own_weights])

    def linearise(self, x: Floats) -> _Linearised:
        return _Linearised(self, x)

    def frame(self, linearised: Any) -> Floats:
        """Return rows that make the base problem regular: its own null vectors, found once and kept until `align`."""
        if self._frame is None:
            self.align(linearised)
        assert self._frame is not None
        return self._frame

    def align(self, linearised: Any) -> None:
        """Take the null vectors at a linearisation as the frame from here on."""
        root = np.sqrt(self.base.weights)
        rows = np.random.default_rng(0).standard_normal((self.base.free, root.size)) * root
        _, null = core.solved(self.base, linearised, rows)
        self._frame = (np.linalg.qr(root[:, None] * null)[0] * root[:, None]).T
