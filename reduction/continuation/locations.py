"""Where branches lie: which segment of a branch holds a point, and whether a branch passes through it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reduction.continuation import problem as core
from reduction.continuation.results import Branch, SpecialPoint
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]

_SAME = 1e-6
_NEAR = 1e-3
_SAGITTA = 0.15
_NEGLIGIBLE = 1e-3


def coordinates(branch: Branch) -> Floats:
    """Return what tells points of a branch apart, shape (K, m): parameters, extrema, logarithm of the period."""
    columns = [branch.values.reshape(len(branch), -1), branch.minima, branch.maxima]
    if branch.periods is not None:
        columns.append(np.log(branch.periods)[:, None])
    return np.hstack(columns)


def coordinates_of(point: SpecialPoint, branch: Branch) -> Floats:
    """Return the coordinates of a special point as those of a branch's points, shape (m,)."""
    names = branch.parameter if isinstance(branch.parameter, tuple) else (branch.parameter,)
    profile = point.state[None, :] if point.states is None else point.states
    values = [point.parameters[name] for name in names]
    period = [] if branch.periods is None else [np.log(point.period or np.nan)]
    return np.concatenate([values, profile.min(axis=0), profile.max(axis=0), period])


def nearest_segment(branch: Branch, at: Floats) -> tuple[int, float, float, float]:
    """Return (segment, share along it, distance, its length) of the segment of a branch nearest to coordinates.

    Coordinates that are not known (NaN) do not count.
    """
    points = coordinates(branch)
    known = np.isfinite(at)
    units = _units(branch, points, np.where(known, at, 0.0))
    points, at = (points / units)[:, known], (at / units)[known]
    if len(points) == 1:
        return 0, 0.0, float(np.linalg.norm(at - points[0])), 0.0
    along = np.diff(points, axis=0)
    squares = np.maximum((along**2).sum(axis=1), 1e-300)
    shares = np.clip(((at - points[:-1]) * along).sum(axis=1) / squares, 0.0, 1.0)
    distances = np.linalg.norm(at - points[:-1] - shares[:, None] * along, axis=1)
    k = int(distances.argmin())
    return k, float(shares[k]), float(distances[k]), float(np.sqrt(squares[k]))


def is_near(branch: Branch, at: Floats) -> bool:
    """Return whether a branch passes coordinates as closely as its polygon can tell."""
    if not np.isfinite(at).all():
        return False
    _, _, distance, length = nearest_segment(branch, at)
    return distance <= _SAGITTA * length + _NEAR


def passes(branch: Branch, value: float, state: Floats) -> bool:
    """Return whether a branch of equilibria or fixed points passes a state at a value of its parameter.

    Where the branch crosses the value, Newton's method from the interpolated state decides.
    """
    problem = branch.continuation.family.problem
    values, states = with_special_points(branch)
    pick = np.zeros((1, state.size + 1))
    pick[0, -1] = 1.0
    for k in np.flatnonzero((values[:-1] - value) * (values[1:] - value) <= 0.0):
        width = values[k + 1] - values[k]
        share = (value - values[k]) / width if width else 0.5
        start = np.append(states[k] + share * (states[k + 1] - states[k]), value)
        try:
            found = core.corrected(problem, start, pick).x[:-1]
        except NumericalError:
            found = start[:-1]
        if is_same(found, state):
            return True
    return False


def with_special_points(branch: Branch) -> tuple[Floats, Floats]:
    """Return values and states of a branch over one parameter with its special points put in."""
    places = [nearest_segment(branch, coordinates_of(point, branch))[0] + 1 for point in branch.special_points]
    own = [point.parameters[str(branch.parameter)] for point in branch.special_points]
    if not places:
        return branch.values, branch.states
    states = np.insert(branch.states, places, [point.state for point in branch.special_points], axis=0)
    return np.insert(branch.values, places, own), states


def is_same(a: Floats, b: Floats) -> bool:
    """Return whether two states agree as closely as Newton's method finds them."""
    return float(np.linalg.norm(a - b)) <= _SAME * (1.0 + float(np.linalg.norm(a)))


def ends_at(branch: Branch, hopf: SpecialPoint) -> bool:
    """Return whether a branch of cycles begins or ends at a Hopf point: the cycles at one end shrink towards it."""
    points, at = coordinates(branch), coordinates_of(hopf, branch)
    units = _units(branch, points, at)
    amplitudes = (branch.maxima - branch.minima).max(axis=1)
    for end, before in ((0, 1), (-1, -2)) if len(branch) > 1 else ():
        shrinking = amplitudes[before] - amplitudes[end]
        if shrinking <= 0.0 or amplitudes[end] > 2.0 * shrinking:
            continue
        step = points[end] - points[before]
        gap = points[end] + step * amplitudes[end] / shrinking - at
        if np.linalg.norm(gap / units) <= np.linalg.norm(step / units) + _NEAR:
            return True
    return False


def _units(branch: Branch, points: Floats, at: Floats) -> Floats:
    """Return the unit of each coordinate: a parameter's range, a state's size, 1 for the logarithm of the period."""
    first = branch.values.reshape(len(branch), -1).shape[1]
    units = np.ones(points.shape[1])
    units[:first] = np.maximum(np.ptp(points[:, :first], axis=0), 1e-300)
    states = slice(first, points.shape[1] - (branch.periods is not None))
    sizes = np.maximum(np.abs(points[:, states]).max(axis=0), np.abs(at[states]))
    units[states] = np.maximum(sizes, max(_NEGLIGIBLE * float(sizes.max()), 1e-300))
    return units
