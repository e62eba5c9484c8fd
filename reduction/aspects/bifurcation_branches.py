"""Continued branches of a reduction, as far as a comparison with its network needs them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation.diagram import Diagram
from reduction.continuation.equilibria import continue_equilibrium
from reduction.continuation.finding import find_equilibrium
from reduction.continuation.locations import coordinates_of, nearest_segment
from reduction.continuation.results import Branch, SpecialPoint
from reduction.markov import MarkovApproximation
from reduction.measuring import Settings
from spiking.errors import NumericalError, SpecificationError
from spiking.network import Network
from spiking.statistics import rate_peaks, smoothed

Floats = npt.NDArray[np.float64]

SMALL = 75
"""Bins per population of the equations whose equilibria are continued."""

_PEAKS = 4
_PERIODS = 3
_SAMPLES_PER_MS = 20
_SAME_PLACE = 1e-5


@dataclass(frozen=True)
class Point:
    """A special point of a continued branch.

    Attributes
    ----------
    kind : str
        As `reduction.SpecialPoint.kind`.
    value : float
        Of the parameter.
    note : str
        Such as ``"supercritical"``.
    changes_stability : bool
        Whether stable and unstable points of the branch meet there.
    height : float
        The greatest of the branch's heights there.
    """

    kind: str
    value: float
    note: str
    changes_stability: bool
    height: float


@dataclass(frozen=True)
class Curve:
    """A continued branch: heights of a population's rate over the parameter.

    Attributes
    ----------
    kind : str
        ``"equilibrium"`` or ``"cycle"``.
    doublings : int
        Period doublings that lead to it.
    values : tuple of float, one per point
    heights : tuple of tuple of float
        Of equilibria the rate, of cycles the peaks of the rate's average over 1 ms, highest first; in spikes per ms.
    stable : tuple of bool
    points : tuple of Point
    averaged : bool
        Whether the heights are averages over 1 ms; else they are maxima of the rate itself.
    """

    kind: str
    doublings: int
    values: tuple[float, ...]
    heights: tuple[tuple[float, ...], ...]
    stable: tuple[bool, ...]
    points: tuple[Point, ...]
    averaged: bool

    def gains_stability(self, point: Point) -> bool:
        """Return whether the branch becomes stable there as the parameter grows, not unstable."""
        below = [i for i, value in enumerate(self.values) if value < point.value]
        above = [i for i, value in enumerate(self.values) if value > point.value]
        if not (below and above):
            return False
        before = min(below, key=lambda i: point.value - self.values[i])
        after = min(above, key=lambda i: self.values[i] - point.value)
        return self.stable[after] and not self.stable[before]

    def to_plain(self) -> dict[str, Any]:
        """Return the curve for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Curve:
        """Return the curve that `to_plain` wrote."""
        plain = dict(data)
        plain["heights"] = tuple(tuple(row) for row in data["heights"])
        plain["points"] = tuple(Point(**point) for point in data["points"])
        return cls(**plain | {name: tuple(data[name]) for name in ("values", "stable")})


def checked_branches(diagram: Diagram | Sequence[Branch] | None, parameter: str) -> list[tuple[Branch, int]] | None:
    """Return the branches of a diagram with their numbers of period doublings.

    Raises
    ------
    SpecificationError
        If it is neither a diagram nor branches, or over another parameter.
    """
    if diagram is None:
        return None
    if isinstance(diagram, Diagram):
        pairs = list(zip(diagram.branches, diagram.doublings, strict=True))
    elif isinstance(diagram, Sequence) and all(isinstance(branch, Branch) for branch in diagram):
        pairs = [(branch, 0) for branch in diagram]
    else:
        raise SpecificationError(f"diagram = {diagram!r}: must be a Diagram or a list of Branch")
    for branch, _ in pairs:
        if branch.parameter != parameter:
            raise SpecificationError(f"diagram: has a branch over {branch.parameter}; must be over {parameter}")
    return pairs


def continued(
    network: Network, settings: Settings, parameter: str, bounds: tuple[float, float]
) -> tuple[list[tuple[Branch, int]], str]:
    """Return the equilibria over a parameter, and which equations they are of, or why there are none.

    The conditional closure has thousands of unknowns: then the published closure is taken, with 75 bins.
    """
    closure = "published" if settings.closure == "conditional" else settings.closure
    bins = settings.bins or SMALL
    name = f"closure {closure!r}, {bins} bins"
    advice = ""
    for value in (network[parameter], (bounds[0] + bounds[1]) / 2, bounds[1], bounds[0]):
        if not bounds[0] <= value <= bounds[1]:
            continue
        try:
            system = MarkovApproximation(network.replace({parameter: value}), closure=closure, bins=bins).ode()
            start = find_equilibrium(system)
            return [(continue_equilibrium(system, start, parameter, bounds), 0)], name
        except (NumericalError, SpecificationError) as error:
            advice = str(error)
    return [], f"no equilibria followed ({name}): {advice}"


def curve(branch: Branch, doublings: int, network: Network, population: str) -> Curve:
    """Return what is compared of a branch."""
    size = network.sizes[population]
    averaged = True
    observable = f"{population}.rate"
    if branch.kind == "cycle":
        source = _pending(branch, network, population)
        averaged = source is not None
        if source is None:
            rows = [[float(top)] for top in branch.observables[observable][:, 1] * (size / 1000.0)]
        else:
            rows = [_peaks(branch, index, source, network, size) for index in range(len(branch))]
    else:
        rows = [[float(rate)] for rate in branch.observables[observable][:, 1] * (size / 1000.0)]
    width = max(map(len, rows))
    heights = tuple(tuple(row + [row[-1]] * (width - len(row))) for row in rows)
    points = tuple(_point(branch, point, [row[0] for row in rows]) for point in branch.special_points)
    return Curve(
        branch.kind, doublings, tuple(branch.values.tolist()), heights, tuple(map(bool, branch.stable)), points,
        averaged,
    )  # fmt: skip


def _pending(branch: Branch, network: Network, population: str) -> str | None:
    """Return a projection from the population whose pending spikes the cycles of a branch know."""
    for projection in network.projections:
        own = projection.name
        known = (f"{own}.tau" in branch.parameters) and (f"{own}.probability" in branch.parameters)
        if projection.source == population and known and f"{own}.mean" in branch.names:
            return own
    return None


def _peaks(branch: Branch, index: int, projection: str, network: Network, size: int) -> list[float]:
    r"""Return the heights of the rate's peaks over a cycle, averaged over 1 ms, the highest first.

    :math:`\dot{\bar H} = -\bar H/\tau + p R` gives the spikes of a population per ms, R, from the mean number of
    pending spikes: over a window w it is :math:`(\bar H(t + w) - \bar H(t) + \int\bar H/\tau)/(p w)` on average.
    """
    cycle = branch.cycle(index)
    tau, probability = (cycle.parameters[f"{projection}.{name}"] for name in ("tau", "probability"))
    pending = cycle.states[:, branch.names.index(f"{projection}.mean")]
    samples = max(2, math.ceil(cycle.period * _SAMPLES_PER_MS))
    interval = cycle.period / samples
    times = np.arange(_PERIODS * samples + 1) * interval
    level = np.interp(times % cycle.period, cycle.times, pending)
    area = np.concatenate([[0.0], np.cumsum((level[1:] + level[:-1]) / 2 * interval)])
    rate = (np.diff(level) + np.diff(area) / tau) / (probability * interval)
    at, average = smoothed(rate, interval, 1.0)
    peaks = rate_peaks(at, average, size)
    middle = (peaks.times > cycle.period) & (peaks.times <= 2 * cycle.period)
    heights = sorted(peaks.heights[middle].tolist(), reverse=True)[:_PEAKS]
    return heights or [float(average.max())]


def _point(branch: Branch, point: SpecialPoint, heights: Sequence[float]) -> Point:
    segment, share, _, _ = nearest_segment(branch, coordinates_of(point, branch))
    height = heights[segment] + share * (heights[min(segment + 1, len(heights) - 1)] - heights[segment])
    around = branch.stable[max(0, segment - 1) : segment + 3]
    changes = bool(around.any() and not around.all())
    return Point(point.kind, float(np.asarray(point.value)), point.note, changes, float(height))


def points_between(curves: Sequence[Curve], low: float, high: float) -> list[tuple[Curve, Point]]:
    """Return the special points within a range, in order of the parameter; one that several curves share once."""
    found: list[tuple[Curve, Point]] = []
    for own in curves:
        for point in own.points:
            shared = any(
                point.kind == other.kind and abs(point.value - other.value) < _SAME_PLACE * (high - low)
                for _, other in found
            )
            if low <= point.value <= high and not shared:
                found.append((own, point))
    return sorted(found, key=lambda pair: pair[1].value)
