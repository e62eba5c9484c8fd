"""What every discretisation of a cycle offers to the boundary-value problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from reduction.system import ODESystem

Floats = npt.NDArray[np.float64]

COLLOCATION_UP_TO = 80


class Condensed(Protocol):
    """A cycle's equations, linearised, with what lies inside the segments eliminated.

    a_i dy_i - dy_{i+1} + columns_i dq = -residual_i, with q = (period, parameters).

    Attributes
    ----------
    a : array, shape (segments, n, n)
    columns : array, shape (segments, n, 1 + parameters)
    residual : array, shape (segments, n)
    times, states : array, shape (K,) and (K, n)
        The profile: from 0 to 1 in units of the period, the last state the first.
    """

    @property
    def a(self) -> Floats: ...

    @property
    def columns(self) -> Floats: ...

    @property
    def residual(self) -> Floats: ...

    @property
    def times(self) -> Floats: ...

    @property
    def states(self) -> Floats: ...

    def expand(self, dy: Floats, dq: Floats, *, homogeneous: bool) -> Floats:
        """Return the change inside, shape (inside, k), for dy (segments, n, k) and dq (1 + parameters, k)."""
        ...


class Discretisation(Protocol):
    """A mesh of a period and the method on it.

    Attributes
    ----------
    nodes : array, shape (segments + 1,)
        Ends of the segments, from 0 to 1 in units of the period.
    inside : int
        How many unknowns lie inside all segments.
    """

    @property
    def nodes(self) -> Floats: ...

    @property
    def inside(self) -> int: ...

    def condense(
        self, inside: Floats, y: Floats, period: float, parameters: dict[str, float], free: Sequence[str]
    ) -> Condensed:
        """Linearise at the states y (segments, n) at the nodes and the unknowns inside."""
        ...

    def start(self, times: Floats, states: Floats) -> tuple[Floats, Floats]:
        """Return (inside, y) of a profile: times (K,) from 0 to 1 and states (K, n)."""
        ...

    def adapted(self, inside: Floats, y: Floats, period: float, parameters: dict[str, float]) -> Discretisation:
        """Return the discretisation that suits this cycle."""
        ...

    def refined(self) -> Discretisation | None:
        """Return a finer one; None if it is fine enough already."""
        ...

    def transferred(self, other: Discretisation, inside: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return (inside, y) of a profile, or of a change of it, on another discretisation of the same kind."""
        ...

    def of(self, system: ODESystem) -> Discretisation:
        """Return the same mesh for another system."""
        ...

    def doubled(self) -> Discretisation:
        """Return the discretisation of two periods."""
        ...


def make(
    system: ODESystem, times: Floats, states: Floats, period: float, parameters: dict[str, float]
) -> Discretisation:
    """Return the default discretisation of a profile: collocation up to 80 unknowns, shooting beyond."""
    from reduction.continuation.collocation import Collocation
    from reduction.continuation.shooting import Shooting

    if len(system.names) <= COLLOCATION_UP_TO:
        return Collocation.fitted(system, times, states)
    return Shooting.fitted(system, times, states, period, parameters)


def interpolated(times: Floats, states: Floats, at: Floats) -> Floats:
    """Return a periodic profile between its samples, by cubic splines, shape (len(at), n)."""
    from scipy.interpolate import CubicSpline

    keep = np.concatenate([[True], np.diff(times) > 1e-12])
    t, x = times[keep], states[keep]
    return np.asarray(CubicSpline(t, x, axis=0)(np.mod(at, 1.0) * (t[-1] - t[0]) + t[0]))
