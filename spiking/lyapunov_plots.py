"""Pictures of Lyapunov exponents, of copies under the same noise, and of speeds at the threshold."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spiking.lyapunov import FrozenNoise, NetworkExponents
from spiking.plotting import COLOURS

_BINS = 40
_SMALLEST = 1e-16
_NEGLIGIBLE = 1e-4


def spectrum(found: NetworkExponents, ax: Axes | None = None) -> Axes:
    """Draw exponents by decreasing value, with bars of 2 standard errors."""
    ax = ax or plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1]
    index = np.arange(1, len(found.exponents) + 1)
    means, errors = (np.array([getattr(e, name) for e in found.exponents]) for name in ("mean", "se"))
    ax.axhline(0.0, color="0.6", lw=0.8, zorder=0)
    ax.errorbar(index, means, 2.0 * errors, fmt="o", ms=3.5, lw=1.0, color=COLOURS[1], label="± 2 s.e.")
    ax.set(xlabel="index", ylabel="Lyapunov exponent (1/ms)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def distances(found: FrozenNoise, ax: Axes | None = None) -> Axes:
    """Draw the distances of copies from the first one over time, on a logarithmic scale."""
    ax = ax or plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1]
    for number, distance in enumerate(found.distance.T):
        ax.semilogy(
            found.times, np.maximum(distance, _SMALLEST), lw=1.1, color=COLOURS[number % len(COLOURS)],
            label=f"copies 1 and {number + 2}",
        )  # fmt: skip
    ax.set(xlabel="time (ms)", ylabel="distance of voltages\n(rms, threshold − reset = 1)")
    return ax


def speeds(found: npt.ArrayLike, *, ax: Axes | None = None, bins: int = _BINS, label: str = "") -> Axes:
    """Draw the density of speeds at the threshold from a sample, with bars of 2 standard errors."""
    ax = ax or plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1]
    sample = np.asarray(found, float)
    highest = float(sample.max(initial=0.0)) or 1.0
    counts, edges = np.histogram(sample, bins=bins, range=(0.0, highest))
    scale = max(sample.size, 1) * np.diff(edges)
    centres = 0.5 * (edges[1:] + edges[:-1])
    ax.errorbar(centres, counts / scale, 2.0 * np.sqrt(counts) / scale, fmt=".", ms=4, lw=0.9, color="k", label=label)
    ax.set_xlim(0.0, 1.1 * highest)
    return _speed_axes(ax)


def speed_curve(
    speed: npt.NDArray[np.float64], density: npt.NDArray[np.float64], *, ax: Axes | None = None, label: str = ""
) -> Axes:
    """Draw a density of speeds at the threshold as a line."""
    ax = ax or plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1]
    ax.plot(speed, density, color=COLOURS[1], lw=1.4, label=label)
    ax.set_xlim(0.0, float(speed[density > _NEGLIGIBLE * density.max()].max()))
    return _speed_axes(ax)


def _speed_axes(ax: Axes) -> Axes:
    ax.set(xlabel="speed at the threshold A (mV/ms)", ylabel="density over crossings (ms/mV)")
    ax.set_ylim(bottom=0.0)
    return ax
