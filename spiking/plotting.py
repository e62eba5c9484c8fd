"""Pictures of recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spiking.recording import Recording

COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe-Ito colours, told apart by colour-blind readers; one per population, in order."""


def raster(
    recording: Recording, *, ax: Axes | None = None, start: float = 0.0, window: float = 200.0, trial: int = 0
) -> Axes:
    """Draw spikes of one trial from `start` on for `window` ms, one row per neuron."""
    shown = (recording.trial == trial) & (recording.times > start) & (recording.times <= start + window)
    return raster_of(recording.times[shown], recording.senders[shown], recording.populations, ax=ax)


def raster_of(
    times: npt.ArrayLike, senders: npt.ArrayLike, populations: Mapping[str, int], *, ax: Axes | None = None
) -> Axes:
    """Draw spikes given by time in ms and neuron; neurons are numbered population by population."""
    ax = ax or plt.subplots(figsize=(6.5, 3.2), layout="constrained")[1]
    t, s = np.asarray(times, float), np.asarray(senders)
    size_of_dots = min(5.0, max(1.6, 30.0 / sum(populations.values()) ** 0.5))
    first = 0
    for (name, size), colour in zip(populations.items(), cycle(len(populations)), strict=True):
        own = (s >= first) & (s < first + size)
        ax.plot(
            t[own],
            s[own],
            ".",
            ms=size_of_dots,
            mew=0,
            color=colour,
            rasterized=True,
            label=f"{name} ({size} neuron{'s' if size > 1 else ''})",
        )
        first += size
    ax.set(xlabel="time (ms)", ylabel="neuron", ylim=(-0.5, first - 0.5))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(
        loc="upper left", bbox_to_anchor=(0, 1.14), ncols=len(populations), markerscale=9 / size_of_dots, frameon=False
    )
    return ax


def cycle(number: int) -> Sequence[str]:
    """Return a colour for each of `number` populations."""
    return [COLOURS[i % len(COLOURS)] for i in range(number)]
