"""Lines through the points of a branch: smooth, and split where stability changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

Floats = npt.NDArray[np.float64]

PARTS = 6
"""Pieces of a smooth line from each point to the next."""


def smooth(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return a smooth line through all points, with `PARTS` pieces from each to the next.

    x and y are interpolated over the length of the polygon by cubics that keep the order of neighbouring points.
    """
    points = np.column_stack([x, y])
    sizes = np.maximum(np.nan_to_num(np.ptp(points, axis=0)), 1e-300)
    steps = np.linalg.norm(np.nan_to_num(np.diff(points, axis=0) / sizes), axis=1)
    along = np.append(0.0, np.cumsum(np.maximum(steps, 1e-9)))
    fine = np.interp(np.arange(PARTS * (len(x) - 1) + 1) / PARTS, np.arange(len(x)), along)
    if len(x) > 1 and np.isfinite(points).all():
        points = PchipInterpolator(along, points)(fine)
    else:
        points = np.column_stack([np.interp(fine, along, column) for column in points.T])
    return points[:, 0], points[:, 1:]


def runs(stable: npt.NDArray[np.bool_], places: Sequence[int]) -> list[tuple[int, int, bool]]:
    """Return (first, last, stable) of runs of equal stability, as indices after special points are put in at `places`.

    Between two points stability changes at the first special point there, else at the later one.
    """
    index = np.arange(len(stable)) + np.searchsorted(np.sort(places), np.arange(len(stable)), side="right")
    found, first = [], 0
    for k in np.flatnonzero(stable[1:] != stable[:-1]):
        change = int(index[k]) + 1
        found.append((first, change, bool(stable[k])))
        first = change
    found.append((first, int(index[-1]), bool(stable[-1])))
    return found
