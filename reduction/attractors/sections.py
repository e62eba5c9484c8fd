"""Poincare sections of sampled trajectories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError, SpecificationError
from spiking.specification import FINITE, checked_number

Floats = npt.NDArray[np.float64]

ORDERS = (2, 4)
_BISECTIONS = 52


@dataclass(frozen=True, eq=False)
class Section:
    """Upward crossings of a hyperplane.

    Attributes
    ----------
    times : array, shape (crossings,)
    states : array, shape (crossings, d)
    """

    times: Floats
    states: Floats

    @property
    def return_times(self) -> Floats:
        """Times between successive crossings, shape (crossings - 1,)."""
        return np.diff(self.times)


def poincare_section(
    times: npt.ArrayLike, states: npt.ArrayLike, normal: int | npt.ArrayLike, level: float = 0.0, *, order: int = 4
) -> Section:
    r"""Return where a sampled trajectory crosses the hyperplane :math:`n \cdot x = c` upwards.

    Between samples of opposite sides the trajectory is the polynomial through the two of them (order 2: error
    :math:`O(h^2)` in time and state; for noisy data) or through these and the next one on either side (order 4:
    :math:`O(h^4)` with samples h apart). Downward crossings are those of the opposite normal and level.

    Parameters
    ----------
    times : array_like, shape (K,)
        Increasing.
    states : array_like, shape (K, d)
        In any coordinates.
    normal : int or array_like, shape (d,)
        The number of a coordinate, or the hyperplane's normal n.
    level : float
        c, in the units of n x.
    order : {2, 4}

    Raises
    ------
    ParameterError, SpecificationError
        If times, states or normal do not fit together, or are not finite.
    """
    if order not in ORDERS:
        raise ParameterError("", "order", order, "must be 2 or 4")
    t, x = _samples(times, states, order)
    direction = _normal(normal, x.shape[1])
    level = checked_number("", "level", level, FINITE)
    height = x @ direction - level
    first = np.flatnonzero((height[:-1] < 0.0) & (height[1:] >= 0.0))
    start = np.clip(first - (order - 2) // 2, 0, t.size - order)
    index = start[:, None] + np.arange(order)
    middle = t[first, None]
    nodes = t[index] - middle
    low, high = np.zeros(first.size), t[first + 1] - t[first]
    for _ in range(_BISECTIONS):
        half = 0.5 * (low + high)
        below = np.einsum("ij,ij->i", _lagrange(nodes, half), height[index]) < 0.0
        low, high = np.where(below, half, low), np.where(below, high, half)
    weights = _lagrange(nodes, high)
    return Section(t[first] + high, np.einsum("ij,ijk->ik", weights, x[index]))


def _lagrange(nodes: Floats, at: Floats) -> Floats:
    """Return the values of the Lagrange polynomials of each row of nodes, shape (K, order), at one place each."""
    weights = np.ones_like(nodes)
    for i in range(nodes.shape[1]):
        for j in range(nodes.shape[1]):
            if i != j:
                weights[:, i] *= (at - nodes[:, j]) / (nodes[:, i] - nodes[:, j])
    return weights


def _samples(times: npt.ArrayLike, states: npt.ArrayLike, order: int) -> tuple[Floats, Floats]:
    try:
        t, x = np.asarray(times, float), np.asarray(states, float)
    except (TypeError, ValueError):
        raise SpecificationError("times and states: must be arrays of numbers") from None
    if t.ndim != 1 or x.ndim != 2 or x.shape[0] != t.size or t.size < order:
        raise SpecificationError(
            f"times have shape {t.shape} and states {x.shape}: must be (K,) and (K, d), with K at least {order}"
        )
    if not (np.isfinite(t).all() and np.isfinite(x).all() and (np.diff(t) > 0.0).all()):
        raise SpecificationError("times must increase, and times and states be finite")
    return t, x


def _normal(normal: int | npt.ArrayLike, dimensions: int) -> Floats:
    if isinstance(normal, (int, np.integer)) and not isinstance(normal, bool):
        if not 0 <= normal < dimensions:
            raise ParameterError("", "normal", int(normal), f"must be a coordinate, 0 to {dimensions - 1}, or a vector")
        return np.asarray(np.eye(dimensions)[normal])
    try:
        direction = np.asarray(normal, float)
    except (TypeError, ValueError):
        raise ParameterError("", "normal", normal, "must be a coordinate's number or a vector") from None
    if direction.shape != (dimensions,) or not np.isfinite(direction).all() or not direction.any():
        raise SpecificationError(
            f"normal has shape {direction.shape}: must have shape ({dimensions},), be finite and not all zero"
        )
    return direction
