"""Where sweeps up and down over a parameter differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from reduction.aspects.bifurcation_sweeps import Measured
from reduction.attractors.onsets import Onset
from spiking.estimates import block_estimate

Floats = npt.NDArray[np.float64]

SIGNIFICANCE = 0.05
_DETERMINISTIC = 0.02


@dataclass(frozen=True)
class Hysteresis:
    """Where sweeps up and down differ.

    Attributes
    ----------
    ranges : tuple of (float, float)
        First and last value of each stretch in which they do.
    edges : tuple of Onset
        Begin and end of each stretch: the middle between two values, with both as its interval.
    reason : str
        Why there are none; empty if there are.
    """

    ranges: tuple[tuple[float, float], ...] = ()
    edges: tuple[Onset, ...] = ()
    reason: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Return this for JSON."""
        edges = [edge.to_plain() for edge in self.edges]
        return {"ranges": [list(pair) for pair in self.ranges], "edges": edges, "reason": self.reason}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Hysteresis:
        """Return what `to_plain` wrote."""
        ranges = tuple((low, high) for low, high in data["ranges"])
        return cls(ranges, tuple(Onset.from_plain(edge) for edge in data["edges"]), data["reason"])


def hysteresis(values: Sequence[float], up: Sequence[Measured], down: Sequence[Measured], random: bool) -> Hysteresis:
    """Return where two sweeps differ in mean rate or mean peak height.

    Of random sources: Welch's test on the blocks at every value, Holm's correction over all tests, level 5 %. Of
    others: by more than 2 % and two events' share, which depends on where in its period a run begins.
    """
    if random:
        tests = [
            [_welch(own.rates, other.rates), _welch(own.mean_heights, other.mean_heights)]
            for own, other in zip(up, down, strict=True)
        ]
        differ = _holm(np.array(tests)).any(axis=1)
        reason = f"no significant difference: the smallest of {2 * len(up)} p-values is {np.min(tests):.2g}"
    else:
        shares = [
            max(_share(own.rates, other.rates), _share(own.mean_heights, other.mean_heights))
            for own, other in zip(up, down, strict=True)
        ]
        events = [max(sum(h.size for h in run.heights) for run in pair) for pair in zip(up, down, strict=True)]
        differ = np.array(shares) > [_DETERMINISTIC + (2.0 / number if number else 0.0) for number in events]
        reason = f"they differ by at most {100 * max(shares):.2g} %"
    if not differ.any():
        return Hysteresis(reason=reason)
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], differ.astype(int), [0]])))
    ranges, edges = [], []
    for first, after in bounds.reshape(-1, 2):
        ranges.append((values[first], values[after - 1]))
        for name, low, high in (("begins", first - 1, first), ("ends", after - 1, after)):
            if low >= 0 and high < len(values):
                middle = (values[low] + values[high]) / 2
                edges.append(Onset(f"hysteresis {name}", middle, values[low], values[high]))
    return Hysteresis(tuple(ranges), tuple(edges))


def _welch(first: Floats, second: Floats) -> float:
    """Return the two-sided p-value of Welch's test of equal means."""
    one, two = block_estimate(first), block_estimate(second)
    parts = np.array([one.se, two.se]) ** 2
    if not parts.sum() > 0:
        return float(one.mean == two.mean)
    freedom = parts.sum() ** 2 / (parts**2 / (np.array([first.size, second.size]) - 1)).sum()
    return float(2 * stdtr(freedom, -abs(one.mean - two.mean) / math.sqrt(parts.sum())))


def _holm(tests: Floats) -> npt.NDArray[np.bool_]:
    order = np.argsort(tests, axis=None)
    limits = SIGNIFICANCE / np.arange(tests.size, 0, -1)
    passed = np.logical_and.accumulate(tests.ravel()[order] <= limits)
    rejected = np.zeros(tests.size, bool)
    rejected[order[passed]] = True
    return rejected.reshape(tests.shape)


def _share(first: Floats, second: Floats) -> float:
    one, two = float(first.mean()), float(second.mean())
    return abs(one - two) / max(abs(one), abs(two), 1e-12)
