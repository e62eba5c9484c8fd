"""Gauss collocation of a cycle on an adaptive mesh: the choice for few unknowns and for relaxation oscillations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from reduction.continuation.discretisation import Discretisation, interpolated
from reduction.continuation.tableaux import gauss
from reduction.system import ODESystem

Floats = npt.NDArray[np.float64]

STAGES = 4
_INTERVALS = 40
_MOST_INTERVALS = 300
_FLOOR = 0.1
_SMALL_RANGE = 1e-2


@dataclass(frozen=True, eq=False)
class CondensedCollocation:
    """`discretisation.Condensed` of collocation: the stages of each interval in terms of its left end."""

    a: Floats
    columns: Floats
    residual: Floats
    times: Floats
    states: Floats
    from_left: Floats
    from_parameters: Floats
    stage_residual: Floats

    def expand(self, dy: Floats, dq: Floats, *, homogeneous: bool) -> Floats:
        change = self.from_left @ dy + self.from_parameters @ dq
        if not homogeneous:
            change = change - self.stage_residual[:, :, None]
        return np.asarray(change.reshape(change.shape[0] * change.shape[1], change.shape[2]))


@dataclass(frozen=True, eq=False)
class Collocation:
    """Polynomials of degree 4 that satisfy the equations at the four Gauss points of each interval of `nodes`.

    The error at the nodes is of order 8 in the interval length (de Boor and Swartz 1973); the mesh equidistributes the
    size of the fifth derivative, estimated from the jumps of the fourth between intervals, as in COLSYS and AUTO
    (Ascher, Christiansen and Russell 1979).
    """

    system: ODESystem
    nodes: Floats

    @classmethod
    def fitted(cls, system: ODESystem, times: Floats, states: Floats, intervals: int = _INTERVALS) -> Collocation:
        """Return a mesh that follows the arc length of a sampled profile."""
        span = np.ptp(states, axis=0)
        steps = np.linalg.norm(np.diff(states, axis=0) / np.where(span > 0.0, span, 1.0), axis=1)
        steps = steps + np.diff(times) * max(steps.sum(), 1e-12)
        measure = np.concatenate([[0.0], np.cumsum(steps)])
        nodes = np.interp(np.linspace(0.0, measure[-1], intervals + 1), measure, times)
        nodes[0], nodes[-1] = 0.0, 1.0
        return cls(system, nodes)

    @property
    def inside(self) -> int:
        return (self.nodes.size - 1) * STAGES * len(self.system.names)

    def condense(
        self, inside: Floats, y: Floats, period: float, parameters: dict[str, float], free: Sequence[str]
    ) -> CondensedCollocation:
        """As `discretisation.Discretisation.condense`."""
        table, (m, n), s = gauss(STAGES), y.shape, STAGES
        stages = inside.reshape(m, s, n)
        width = np.diff(self.nodes)[:, None, None]
        flat = stages.reshape(-1, n)
        f = self.system.rhs_many(flat, parameters).reshape(m, s, n)
        jacobian = self.system.jacobian_many(flat, parameters).reshape(m, s, n, n)
        scaled = period * width * table.a
        residual = stages - y[:, None, :] - scaled @ f
        matrix = np.empty((m, s, n, s, n))
        np.multiply(-scaled[:, :, None, :, None], jacobian.transpose(0, 2, 1, 3)[:, None], out=matrix)
        matrix.reshape(m, -1)[:, :: s * n + 1] += 1.0
        right = np.zeros((m, s, n, n + 2 + len(free)))
        right[..., :n] = np.eye(n)
        right[..., n] = width * table.a @ f
        for k, name in enumerate(free):
            slope = self.system.parameter_derivative_many(name, flat, parameters).reshape(m, s, n)
            right[..., n + 1 + k] = scaled @ slope
        right[..., -1] = residual
        blocks, sides = matrix.reshape(m, s * n, s * n), right.reshape(m, s * n, -1)
        solved = np.asarray(np.linalg.solve(blocks, sides), float)
        share = np.linalg.solve(table.a.T, table.b)
        ends = (share @ solved.reshape(m, s, -1)).reshape(m, n, -1)
        rest = 1.0 - share.sum()
        ends[:, :, :n] += rest * np.eye(n)
        gap = rest * y + share @ stages - np.roll(y, -1, axis=0)
        return CondensedCollocation(
            ends[:, :, :n], ends[:, :, n:-1], gap - ends[:, :, -1], *self._profile(inside, y),
            solved[:, :, :n], solved[:, :, n:-1], solved[:, :, -1],
        )  # fmt: skip

    def start(self, times: Floats, states: Floats) -> tuple[Floats, Floats]:
        """As `discretisation.Discretisation.start`."""
        inside = interpolated(times, states, _gauss_points(self.nodes))
        return inside.ravel(), interpolated(times, states, self.nodes[:-1])

    def _profile(self, inside: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return the nodes and the Gauss points between them, and the states there."""
        at, values = self._samples(inside, y)
        return np.append(at[:, :-1], 1.0), np.concatenate([values[:, :-1].reshape(-1, y.shape[1]), y[:1]])

    def adapted(self, inside: Floats, y: Floats, period: float, parameters: dict[str, float]) -> Collocation:
        """Return the mesh that equidistributes the estimated interpolation error."""
        _, values = self._samples(inside, y)
        width = np.diff(self.nodes)
        powers = np.vander(np.append(0.0, gauss(STAGES).c), increasing=True)
        highest = np.linalg.solve(powers, values[:, :-1])[:, -1] * math.factorial(STAGES) / width[:, None] ** STAGES
        jumps = (highest - np.roll(highest, 1, axis=0)) / (0.5 * (width + np.roll(width, 1)))[:, None]
        scale = np.maximum(np.ptp(values, axis=(0, 1)), _SMALL_RANGE * np.ptp(values, axis=(0, 1)).max() + 1e-300)
        at_nodes = np.linalg.norm(jumps / scale, axis=1) ** (1.0 / (STAGES + 1))
        sizes = 0.5 * (at_nodes + np.roll(at_nodes, -1))
        mean = float(sizes @ width)
        if mean <= 0.0 or not np.isfinite(mean):
            return self
        measure = np.concatenate([[0.0], np.cumsum((sizes + _FLOOR * mean) * width)])
        nodes = np.interp(np.linspace(0.0, measure[-1], self.nodes.size), measure, self.nodes)
        nodes[0], nodes[-1] = 0.0, 1.0
        return Collocation(self.system, nodes)

    def of(self, system: ODESystem) -> Collocation:
        """As `discretisation.Discretisation.of`."""
        return replace(self, system=system)

    def doubled(self) -> Collocation:
        """As `discretisation.Discretisation.doubled`."""
        return Collocation(self.system, np.concatenate([0.5 * self.nodes, 0.5 + 0.5 * self.nodes[1:]]))

    def refined(self) -> Collocation | None:
        """As `discretisation.Discretisation.refined`: half as many intervals more."""
        if self.nodes.size > _MOST_INTERVALS:
            return None
        fractions = np.linspace(0.0, 1.0, (3 * (self.nodes.size - 1)) // 2 + 1)
        return Collocation(self.system, np.interp(fractions, np.linspace(0.0, 1.0, self.nodes.size), self.nodes))

    def transferred(self, other: Discretisation, inside: Floats, y: Floats) -> tuple[Floats, Floats]:
        """As `discretisation.Discretisation.transferred`: by the same piecewise polynomial."""
        values = self._evaluate(np.concatenate([other.nodes[:-1], _gauss_points(other.nodes)]), inside, y)
        m = other.nodes.size - 1
        return values[m:].ravel(), values[:m]

    def _samples(self, inside: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return left ends, Gauss points and right ends of all intervals, and the values there."""
        width = np.diff(self.nodes)
        right = np.roll(y, -1, axis=0)
        stages = inside.reshape(len(y), STAGES, -1)
        values = np.concatenate([y[:, None], stages, right[:, None]], axis=1)
        return self.nodes[:-1, None] + width[:, None] * _places(), values

    def _evaluate(self, at: Floats, inside: Floats, y: Floats) -> Floats:
        interval = np.clip(np.searchsorted(self.nodes, at, side="right") - 1, 0, self.nodes.size - 2)
        relative = _places()
        place = (at - self.nodes[interval]) / np.diff(self.nodes)[interval]
        basis = np.linalg.solve(
            np.vander(relative, increasing=True).T, np.vander(place, relative.size, increasing=True).T
        ).T
        return np.asarray(np.einsum("kj,kjn->kn", basis, self._samples(inside, y)[1][interval]))


def _places() -> Floats:
    """Return left end, Gauss points and right end of an interval of length 1."""
    return np.concatenate([[0.0], gauss(STAGES).c, [1.0]])


def _gauss_points(nodes: Floats) -> Floats:
    """Return the Gauss points of all intervals, one after the other."""
    return (nodes[:-1, None] + np.diff(nodes)[:, None] * gauss(STAGES).c).ravel()
