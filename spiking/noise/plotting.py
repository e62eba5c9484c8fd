"""Pictures of ensembles in noise."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spiking.errors import ParameterError
from spiking.noise.ensembles import EnsembleRecording
from spiking.noise.statistics import interval_statistics, rate_over_time, steps_per_bin
from spiking.plotting import COLOURS
from spiking.specification import FINITE, checked_number

Window = tuple[float, float] | None

_MEAN, _RATE, _THRESHOLD = COLOURS[1], COLOURS[0], "0.35"
_MOST_BINS = 60
_ROUNDING = 1e-9


def voltages(ensemble: EnsembleRecording, *, ax: Axes | None = None, window: Window = None) -> Axes:
    """Draw traces, the sample mean with one standard deviation on each side, and the threshold."""
    ax = ax or plt.subplots(figsize=(6.5, 2.6), layout="constrained")[1]
    moments, times = ensemble.sample_moments(), ensemble.sample_times
    for k, neuron in enumerate(ensemble.traced):
        ax.plot(times, ensemble.traces[:, k], color="0.7", lw=0.6, label=f"neuron {neuron}" if k == 0 else None)
    deviation = np.sqrt(moments.variance)
    ax.fill_between(times, moments.mean - deviation, moments.mean + deviation, color=_MEAN, alpha=0.25, lw=0)
    ax.plot(times, moments.mean, color=_MEAN, lw=1.4, label=f"mean ± s.d. of {ensemble.neurons}")
    if math.isfinite(ensemble.ensemble.threshold):
        ax.axhline(ensemble.ensemble.threshold, color=_THRESHOLD, lw=0.9, ls="--", label="threshold")
    ax.set(xlabel="time (ms)", ylabel="voltage (mV)", xlim=_window(ensemble, window))
    return ax


def variance(ensemble: EnsembleRecording, *, ax: Axes | None = None, window: Window = None) -> Axes:
    """Draw the sample variance of the voltage over time, with two standard errors on each side."""
    ax = ax or plt.subplots(figsize=(6.5, 2.2), layout="constrained")[1]
    moments, times = ensemble.sample_moments(), ensemble.sample_times
    band = 2.0 * moments.variance_se
    ax.fill_between(
        times, np.maximum(moments.variance - band, 0.0), moments.variance + band, color=_MEAN, alpha=0.25, lw=0
    )
    ax.plot(times, moments.variance, color=_MEAN, lw=1.2, label="sample variance ± 2 s.e.")
    ax.set(xlabel="time (ms)", ylabel="variance (mV²)", xlim=_window(ensemble, window))
    if moments.variance.max() > _ROUNDING:
        ax.set_ylim(0, None)
    else:
        ax.set_ylim(-0.05, 1.0)
    return ax


def raster(ensemble: EnsembleRecording, *, ax: Axes | None = None, window: Window = None, neurons: int = 100) -> Axes:
    """Draw the spikes of the first neurons."""
    ax = ax or plt.subplots(figsize=(6.5, 2.2), layout="constrained")[1]
    first, last = _window(ensemble, window)
    shown = (ensemble.senders < neurons) & (ensemble.times >= first) & (ensemble.times <= last)
    ax.plot(ensemble.times[shown], ensemble.senders[shown], ".", ms=2.5, mew=0, color="0.15", rasterized=True)
    ax.set(xlabel="time (ms)", ylabel="neuron", xlim=(first, last), ylim=(-1, min(neurons, ensemble.neurons)))
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    return ax


def rate(
    ensemble: EnsembleRecording, *, ax: Axes | None = None, window: Window = None, bin_width: float | None = None
) -> Axes:
    """Draw the firing rate in bins, as of `rate_over_time`, with two standard errors on each side."""
    ax = ax or plt.subplots(figsize=(6.5, 2.2), layout="constrained")[1]
    course = rate_over_time(ensemble, bin_width)
    width = steps_per_bin(ensemble, bin_width) * ensemble.dt
    edges = np.arange(course.times.size + 1) * width
    ax.stairs(
        course.rate + 2 * course.se, edges, baseline=np.maximum(course.rate - 2 * course.se, 0.0), fill=True,
        color=_RATE, alpha=0.3, lw=0,
    )  # fmt: skip
    ax.stairs(course.rate, edges, color=_RATE, lw=1.2, label=f"{width:g} ms bins ± 2 s.e.")
    ax.set(xlabel="time (ms)", ylabel="rate (Hz)", xlim=_window(ensemble, window), ylim=(0, None))
    return ax


def interval_histogram(ensemble: EnsembleRecording, *, ax: Axes | None = None, discard: float = 0.0) -> Axes:
    """Draw the density of the intervals between spikes, in bins of whole steps, with mean and CV."""
    ax = ax or plt.subplots(figsize=(4.0, 2.8), layout="constrained")[1]
    found = interval_statistics(ensemble, discard=discard)
    longest = float(np.quantile(found.intervals, 0.995)) if found.intervals.size else 1.0
    width = max(1, round(longest / _MOST_BINS / ensemble.dt)) * ensemble.dt
    edges = np.arange(-0.5 * ensemble.dt, longest + 2 * width, width)
    counts, _ = np.histogram(found.intervals, edges)
    label = f"mean {found.mean.mean:.3g} ms, CV {found.variation.mean:.2f}"
    ax.stairs(counts / (max(found.intervals.size, 1) * width), edges, fill=True, color=COLOURS[5], label=label)
    ax.set(xlabel="interval (ms)", ylabel="density (1/ms)", xlim=(0, longest), ylim=(0, None))
    return ax


def overview(
    ensemble: EnsembleRecording,
    *,
    axes: tuple[Axes, Axes, Axes] | None = None,
    window: Window = None,
    bin_width: float | None = None,
) -> tuple[Axes, Axes, Axes]:
    """Draw voltages, raster and rate, one above the other; returns the three axes."""
    _window(ensemble, window)
    if axes is None:
        _, made = plt.subplots(3, 1, figsize=(6.5, 5.6), sharex=True, height_ratios=(1.4, 1, 1), layout="constrained")
        axes = (made[0], made[1], made[2])
    voltages(ensemble, ax=axes[0], window=window)
    raster(ensemble, ax=axes[1], window=window)
    rate(ensemble, ax=axes[2], window=window, bin_width=bin_width)
    for ax in axes[:2]:
        ax.set_xlabel("")
    for ax in (axes[0], axes[2]):
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, frameon=False, fontsize=8)
    return axes


def _window(ensemble: EnsembleRecording, window: Window) -> tuple[float, float]:
    """Return the first and the last time in ms.

    Raises
    ------
    ParameterError
        If they are no two numbers in order.
    """
    if window is None:
        return 0.0, ensemble.duration
    try:
        first, last = (checked_number("", "window", end, FINITE) for end in window)
    except (TypeError, ValueError):
        raise ParameterError("", "window", window, "must be first and last time in ms, such as (0, 100)") from None
    if first >= last:
        raise ParameterError("", "window", window, "must start before it ends")
    return first, last
