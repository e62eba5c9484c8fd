"""Occupation densities: where a trajectory spends its time, in planes of two coordinates and along each."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_DISPLAYED = 40
_BEYOND = 0.001
_MARGIN = 0.05


class Occupation(NamedTuple):
    """Histogram of the points of a trajectory in a plane.

    Attributes
    ----------
    counts : array of int, shape (x bins, y bins)
    points : int
        Number of all points, those outside the bins included.
    """

    counts: Ints
    points: int

    @property
    def overflow(self) -> float:
        """Share of the points that lie outside the bins."""
        return 1.0 - float(self.counts.sum()) / self.points

    def density(self, x_edges: Floats, y_edges: Floats) -> Floats:
        """Return the density per unit of x and of y, shape (x bins, y bins); its integral is 1 - `overflow`."""
        return self.counts / (self.points * np.outer(np.diff(x_edges), np.diff(y_edges)))


def display_edges(reference: Floats, bins: int = _DISPLAYED) -> Floats:
    """Return equal bins over the range of a coordinate, from its values in the network.

    The range leaves out a thousandth of the values at either end and adds a margin of 5 %. Where values lie on a
    lattice (a rate counts whole spikes), the bins' width is a multiple of its spacing, so that all hold equally many.
    """
    low, high = np.quantile(reference, [_BEYOND, 1.0 - _BEYOND])
    margin = _MARGIN * (high - low) or 0.5
    low, high = low - margin, high + margin
    width = (high - low) / bins
    distinct = np.unique(reference)
    gaps = np.diff(distinct)
    gaps = gaps[gaps > 1e-9 * (high - low)]
    spacing = float(gaps.min()) if gaps.size else 0.0
    if spacing > 0.1 * width:
        width = math.ceil(width / spacing - 1e-9) * spacing
        low = distinct[0] + (math.floor((low - distinct[0]) / spacing) - 0.5) * spacing
    return np.asarray(low + width * np.arange(math.ceil((high - low) / width - 1e-9) + 1))


def occupation(x: Floats, y: Floats, x_edges: Floats, y_edges: Floats) -> Occupation:
    """Count the points (x, y) of a trajectory in the bins of a plane."""
    counts = np.histogram2d(x, y, [x_edges, y_edges])[0].astype(np.int64)
    return Occupation(counts, x.size)


def equal_shares(reference: Floats, cells: int) -> Floats:
    """Return the inner edges of at most `cells` cells that hold equal shares of a coordinate's values in the network.

    The outer cells are open. Edges lie midway between neighbouring values, so that no value lies on an edge.
    """
    ordered = np.sort(reference)
    place = (np.arange(1, cells) * ordered.size) // cells
    at = ordered[place]
    first = np.searchsorted(ordered, at)
    below = ordered[np.maximum(first - 1, 0)]
    return np.unique(((at + below) / 2)[first > 0])


def cell_counts(blocks: Floats, edges: list[Floats]) -> Ints:
    """Count the points of every block in cells.

    Parameters
    ----------
    blocks : array, shape (blocks, points, coordinates)
    edges : list of array
        Inner edges of the cells of each coordinate; the outer cells are open.

    Returns
    -------
    array of int, shape (blocks, cells)
        Cells of all combinations of the coordinates' own.
    """
    number = np.zeros(blocks.shape[:2], np.int64)
    cells = 1
    for k, inner in enumerate(edges):
        number = number * (inner.size + 1) + np.searchsorted(inner, blocks[:, :, k])
        cells *= inner.size + 1
    offset = cells * np.arange(len(blocks))[:, None]
    return np.bincount((number + offset).ravel(), minlength=cells * len(blocks)).reshape(len(blocks), cells)
