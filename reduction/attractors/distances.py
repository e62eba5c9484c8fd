"""Distances between pieces of trajectories: every function returns those of all pairs of blocks at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DIRECTIONS = 64
_DIRECTION_SEED = 20250101


def directions(dimensions: int, number: int = DIRECTIONS) -> Floats:
    """Return unit vectors in random directions, always the same, shape (number, dimensions)."""
    drawn = np.random.default_rng(_DIRECTION_SEED).standard_normal((number, dimensions))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def wasserstein(blocks: Floats) -> Floats:
    """Return the Wasserstein-1 distances of the values of all pairs of blocks.

    Of two samples of equal size it is the mean distance of their ordered values: the mean shift that turns one law
    into the other, in the unit of the values.

    Parameters
    ----------
    blocks : array, shape (blocks, points)

    Returns
    -------
    array, shape (blocks, blocks)
    """
    from scipy.spatial.distance import pdist, squareform

    ordered = np.sort(blocks, axis=1)
    return np.asarray(squareform(pdist(ordered, "cityblock")) / blocks.shape[1])


def sliced_wasserstein(blocks: Floats) -> Floats:
    """Return the sliced Wasserstein-1 distances of all pairs of blocks: the mean of `wasserstein` over `directions`.

    Parameters
    ----------
    blocks : array, shape (blocks, points, coordinates)
        In units in which the coordinates are comparable.

    Returns
    -------
    array, shape (blocks, blocks)
    """
    chosen = directions(blocks.shape[2])
    total = np.zeros((len(blocks), len(blocks)))
    for direction in chosen:
        total += wasserstein(blocks @ direction)
    return total / len(chosen)


def wasserstein_of_events(samples: Sequence[Floats]) -> Floats:
    r"""Return the Wasserstein-1 distances of all pairs of samples of any sizes: :math:`\int |F - G|\,dx`.

    NaN where a sample is empty.
    """
    values = np.unique(np.concatenate(samples))
    found = np.full((len(samples), len(samples)), math.nan)
    full = [k for k, sample in enumerate(samples) if sample.size]
    below = np.array([np.searchsorted(np.sort(samples[k]), values[:-1], side="right") / samples[k].size for k in full])
    for k, own in zip(full, below, strict=True):
        found[k, full] = np.abs(below - own) @ np.diff(values)
    return found


def jensen_shannon(counts: npt.NDArray[np.int64]) -> Floats:
    """Return the Jensen-Shannon divergences in bits of all pairs of blocks, from 0 (equal) to 1 (nothing shared).

    Parameters
    ----------
    counts : array of int, shape (blocks, cells)
        Points of each block in each cell; see `densities.cell_counts`.

    Returns
    -------
    array, shape (blocks, blocks)
    """
    shares = counts / counts.sum(axis=1, keepdims=True)

    def surprise(p: Floats) -> Floats:
        return np.asarray(-(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=-1))

    own = surprise(shares)
    found = np.stack([surprise((shares + p) / 2) - (own + h) / 2 for p, h in zip(shares, own, strict=True)])
    return np.asarray(np.maximum(found, 0.0))


def spectral(powers: Floats) -> Floats:
    r"""Return the spectral distances of all pairs of blocks, :math:`\int |S - S'|\,df / \int (S + S')\,df`.

    The share of the power that lies at another place: 0 for equal spectra, 1 for spectra that share no frequency. A
    ratio of powers of 1 + x over the whole band gives x / (2 + x).

    Parameters
    ----------
    powers : array, shape (blocks, frequencies)
        Power spectral densities of the blocks, at equally spaced frequencies.

    Returns
    -------
    array, shape (blocks, blocks)
        NaN between blocks without any power.
    """
    total = powers.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.stack([np.abs(powers - own).sum(axis=1) / (total + own.sum()) for own in powers])
