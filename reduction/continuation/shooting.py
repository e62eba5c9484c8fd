"""Multiple shooting of a cycle by implicit Runge-Kutta steps with sensitivities: the choice for 80 to 400 unknowns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reduction.continuation.discretisation import Discretisation, interpolated
from reduction.continuation.tableaux import AHEAD, DIAGONAL, DIAGONAL_ORDER, EMBEDDED, KNOWN, LAST
from reduction.system import ODESystem
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]
Factors = tuple[Floats, npt.NDArray[np.int32]]

_SEGMENTS = 12
_TOLERANCE = 1e-9
_FINEST_TOLERANCE = 1e-11
_SAFETY = 0.9
_STAGE_TOLERANCE = 1e-12
_STAGE_ITERATIONS = 8
_FINEST = 1e-7
_UNBALANCED = 2.5
_ALIKE = 0.01
_SIMILAR = 0.3
_A = DIAGONAL.a
_STAGES = len(_A)
_GAMMA = _A[-1, -1]


@dataclass(frozen=True, eq=False)
class CondensedShooting:
    """`discretisation.Condensed` of shooting: nothing is left inside."""

    a: Floats
    columns: Floats
    residual: Floats
    times: Floats
    states: Floats

    def expand(self, dy: Floats, dq: Floats, *, homogeneous: bool) -> Floats:
        return np.empty((0, dy.shape[2]))


@dataclass(frozen=True, eq=False)
class Shooting:
    """Segments between `nodes`, each integrated by given steps of a stiffly accurate method of order 5.

    The steps stay as they are while Newton's method runs, so that the equations are smooth; they are chosen anew, from
    the embedded estimate of the local error, for each point of a branch.

    Attributes
    ----------
    steps : tuple of arrays
        Of each segment, its steps in units of the period.
    tolerance : float
        Of the local error, over the range of each state.
    """

    system: ODESystem
    nodes: Floats
    steps: tuple[Floats, ...]
    tolerance: float = _TOLERANCE

    inside = 0

    @classmethod
    def fitted(
        cls, system: ODESystem, times: Floats, states: Floats, period: float, parameters: dict[str, float]
    ) -> Shooting:
        """Return segments of equally many steps along a sampled profile."""
        first = cls(system, np.linspace(0.0, 1.0, _SEGMENTS + 1), ())
        y = interpolated(times, states, first.nodes[:-1])
        return first._balanced(y, period, parameters)[0]

    def condense(
        self, inside: Floats, y: Floats, period: float, parameters: dict[str, float], free: Sequence[str]
    ) -> CondensedShooting:
        """As `discretisation.Discretisation.condense`."""
        m, n = y.shape
        a, columns, ends = np.empty((m, n, n)), np.empty((m, n, 1 + len(free))), np.empty((m, n))
        states = []
        for i, steps in enumerate(self.steps):
            along, sensitivity = self._segment(y[i], steps, period, parameters, free)
            a[i], columns[i], ends[i] = sensitivity[:n].T, sensitivity[n:].T, along[-1]
            states += along[:-1]
        times = np.concatenate([[0.0], np.cumsum(np.concatenate(self.steps))])
        return CondensedShooting(
            a, columns, ends - np.roll(y, -1, axis=0), times / times[-1], np.array([*states, y[0]])
        )

    def start(self, times: Floats, states: Floats) -> tuple[Floats, Floats]:
        """As `discretisation.Discretisation.start`."""
        return np.empty(0), interpolated(times, states, self.nodes[:-1])

    def adapted(self, inside: Floats, y: Floats, period: float, parameters: dict[str, float]) -> Shooting:
        """Return the same nodes with steps of the right size; other nodes when the segments are out of balance."""
        steps = tuple(self._chosen(y, period, parameters)[0])
        numbers = [len(part) for part in steps]
        if max(numbers) > _UNBALANCED * np.mean(numbers):
            return self._balanced(y, period, parameters)[0]
        return replace(self, steps=steps)

    def of(self, system: ODESystem) -> Shooting:
        """As `discretisation.Discretisation.of`."""
        return replace(self, system=system)

    def doubled(self) -> Shooting:
        """As `discretisation.Discretisation.doubled`."""
        nodes = np.concatenate([0.5 * self.nodes, 0.5 + 0.5 * self.nodes[1:]])
        return replace(self, nodes=nodes, steps=tuple(0.5 * part for part in self.steps) * 2)

    def refined(self) -> Shooting | None:
        """As `discretisation.Discretisation.refined`: steps about 1.7 times as short."""
        if self.tolerance < _FINEST_TOLERANCE:
            return None
        return replace(self, tolerance=self.tolerance / 16.0)

    def transferred(self, other: Discretisation, inside: Floats, y: Floats) -> tuple[Floats, Floats]:
        """As `discretisation.Discretisation.transferred`: the states at other nodes, by cubic interpolation."""
        if np.array_equal(self.nodes, other.nodes):
            return inside, y
        return inside, interpolated(self.nodes, np.concatenate([y, y[:1]]), other.nodes[:-1])

    def _balanced(self, y: Floats, period: float, parameters: dict[str, float]) -> tuple[Shooting, Floats]:
        """Return nodes between equally many steps, and the states there."""
        parts, along = self._chosen(y, period, parameters)
        flat, states = np.concatenate(parts), np.concatenate(along)
        times = np.concatenate([[0.0], np.cumsum(flat)])
        count = max(1, min(self.nodes.size - 1, len(flat)))
        cuts = np.linspace(0, len(flat), count + 1).round().astype(int)
        nodes = times[cuts] / times[-1]
        nodes[-1] = 1.0
        steps = tuple(flat[i:j] for i, j in pairwise(cuts))
        return replace(self, nodes=nodes, steps=steps), states[cuts[:-1]]

    def _chosen(self, y: Floats, period: float, parameters: dict[str, float]) -> tuple[list[Floats], list[Floats]]:
        """Integrate each segment with control of the local error; return its steps, and the states before each."""
        scale = np.maximum(np.ptp(y, axis=0), 1e-3 * np.abs(y).max() + 1e-12)
        parts, along = [], []
        ahead = 0.02 / (self.nodes.size - 1)
        for i, length in enumerate(np.diff(self.nodes)):
            state, done, taken, states = y[i], 0.0, [], []
            f, lu, before = self._rhs(state, parameters), None, np.inf
            while done < length * (1.0 - 1e-12):
                h = (length - done) / np.ceil((length - done) / ahead * (1.0 - 1e-9))
                lu = lu if abs(h / before - 1.0) < _ALIKE else None
                try:
                    stages, slopes, factors = self._stages(state, f, h * period, parameters, lu)
                    error = self._error(slopes, h * period, factors[-1], scale)
                except NumericalError:
                    error = 100.0
                change = min(3.0, _SAFETY * max(error, 1e-8) ** (-1.0 / DIAGONAL_ORDER))
                if error > 1.0 and h > _FINEST:
                    ahead, lu = h * max(0.2, change), None
                    continue
                taken.append(h)
                states.append(state)
                done += h
                state, f, lu, before = stages[-1], slopes[-1], factors[-1], h
                ahead = h * max(change, 1.0)
            even = np.array(taken) * (length / sum(taken))
            parts.append(even)
            along.append(np.array(states))
        return parts, along

    def _error(self, slopes: Floats, h: float, lu: Factors, scale: Floats) -> float:
        """Return the filtered embedded error over the tolerance."""
        filtered = _solved(lu, h * ((DIAGONAL.b - EMBEDDED) @ slopes))
        return float(np.sqrt(np.mean((filtered / scale) ** 2)) / self.tolerance)

    def _rhs(self, y: Floats, parameters: dict[str, float]) -> Floats:
        return np.asarray(self.system.function(0.0, y, parameters), float)

    def _iteration_matrix(self, y: Floats, h: float, parameters: dict[str, float]) -> Factors:
        """Return the factorised transpose of 1 - h gamma J."""
        from scipy.linalg.lapack import dgetrf

        matrix = np.multiply(self.system.derivative(0.0, y, parameters), -h * _GAMMA, order="C")
        matrix.ravel()[:: len(y) + 1] += 1.0
        lu, pivots, info = dgetrf(matrix.T, overwrite_a=1)
        if info != 0:
            raise NumericalError(
                "a step's matrix is singular or not finite: the right-hand side may not be smooth here"
            )
        return lu, pivots

    def _stages(
        self,
        y: Floats,
        f: Floats,
        h: float,
        parameters: dict[str, float],
        lu: Factors | None,
        *,
        exact: bool = False,
    ) -> tuple[Floats, Floats, list[Factors]]:
        """Return the stages of a step, their slopes, and the implicit ones' iteration matrices, `exact` or as used."""
        stages, slopes, factors = np.empty((_STAGES, y.size)), np.empty((_STAGES, y.size)), []
        stages[0], slopes[0] = y, f
        for i in range(1, _STAGES):
            known = y + h * (_A[i, :i] @ slopes[:i])
            guess = known + h * _GAMMA * (AHEAD[i, :i] @ slopes[:i])
            stages[i], lu = self._stage(known, guess, y, h, parameters, lu)
            slopes[i] = (stages[i] - known) / (h * _GAMMA)
            if exact:
                lu = self._iteration_matrix(stages[i], h, parameters)
            factors.append(lu)
        return stages, slopes, factors

    def _stage(
        self, known: Floats, guess: Floats, y: Floats, h: float, parameters: dict[str, float], lu: Factors | None
    ) -> tuple[Floats, Factors]:
        """Return the solution of z = known + h gamma f(z), and the iteration matrix used."""
        enough = _STAGE_TOLERANCE * (float(np.abs(y).max()) + 1e-300)
        starts = (guess, y) if lu is None else (guess, guess, y)
        for z in starts:
            if lu is None:
                lu = self._iteration_matrix(z, h, parameters)
            before = np.inf
            for _ in range(_STAGE_ITERATIONS):
                change = _solved(lu, known + h * _GAMMA * self._rhs(z, parameters) - z)
                z = z + change
                now = float(np.abs(change).max())
                if now <= enough or (now < before < np.inf and now * now <= enough * (before - now)):
                    return z, lu
                if not now < 0.9 * before:
                    break
                before = now
            lu = None
        raise NumericalError("a step of the cycle's integration did not converge: its mesh is too coarse here")

    def _segment(
        self, y: Floats, steps: Floats, period: float, parameters: dict[str, float], free: Sequence[str]
    ) -> tuple[list[Floats], Floats]:
        """Return the states along a segment and the end's sensitivities to y, the period and parameters, transposed.

        The latter have shape (n + 1 + parameters, n). `parts` holds those at the start of a step, h gamma times those
        of the first slope, and those of the implicit stages; the known side of a stage combines the parts before it.
        """
        n, q = y.size, 1 + len(free)
        parts = np.zeros((_STAGES + 1, n + q, n))
        flat = parts.reshape(_STAGES + 1, -1)
        parts[0, :n] = np.eye(n)
        forcing = np.empty((q, _STAGES, n))
        f, lu, along, before = self._rhs(y, parameters), None, [y], np.inf
        for k, h in enumerate(steps):
            duration = h * period
            lu = lu if abs(h / before - 1.0) < _SIMILAR else None
            stages, slopes, factors = self._stages(y, f, duration, parameters, lu, exact=True)
            forcing[0] = slopes / period
            for j, name in enumerate(free, start=1):
                forcing[j] = self.system.parameter_derivative_many(name, stages, parameters)
            if k == 0:
                parts[1, :n] = self.system.derivative(0.0, y, parameters).T
                parts[1, n:] = forcing[:, 0]
                parts[1] *= duration * _GAMMA
            else:
                np.dot(LAST, flat, out=flat[1])
                flat[1] *= h / before
                flat[0] = flat[-1]
            for i, lu in enumerate(factors, start=1):
                np.dot(KNOWN[i, : i + 1], flat[: i + 1], out=flat[i + 1])
                parts[i + 1, n:] += duration * _GAMMA * forcing[:, i]
                parts[i + 1] = _solved(lu, parts[i + 1].T).T
            y, f, before = stages[-1], slopes[-1], h
            along.append(y)
        return along, parts[-1]


def _solved(factors: Factors, right: Floats) -> Floats:
    """Return the solution for one or several right-hand sides, which are overwritten if they lie in Fortran's order."""
    from scipy.linalg.lapack import dgetrs

    return np.asarray(dgetrs(*factors, right, trans=1, overwrite_b=1)[0])
