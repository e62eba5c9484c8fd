"""Pictures of trajectories and validations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from reduction.aspects.rates import EXCERPT, EXCERPT_STEP
from reduction.comparison import ValidationReport
from reduction.trajectory import Trajectory
from reduction.verdicts import LEVEL_NAMES
from spiking.estimates import Estimate
from spiking.plotting import cycle, raster_of

NETWORK = "#222222"
LEVEL_STYLES: dict[str, dict[str, Any]] = {
    "ode": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "chain": {"color": "#009E73", "linestyle": "-", "marker": "^"},
    "langevin": {"color": "#CC79A7", "linestyle": "-.", "marker": "v"},
    "published": {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    "siegert": {"color": "#56B4E9", "linestyle": ":", "marker": "D"},
}
_HEIGHT_BINS = 60


def rates(trajectory: Trajectory, *, ax: Axes | None = None, start: float = 0.0, window: float = 200.0) -> Axes:
    """Draw the rate of every population from `start` on for `window` ms, averaged over 1 ms."""
    ax = ax or plt.subplots(figsize=(6.5, 3.0), layout="constrained")[1]
    sizes = trajectory.network.sizes
    for (name, size), colour in zip(sizes.items(), cycle(len(sizes)), strict=True):
        times, rate = trajectory.population_rate(name)
        shown = (times > start) & (times <= start + window)
        ax.plot(times[shown], rate[shown] / size * 1000, color=colour, lw=1.2, label=name)
    ax.set(xlabel="time (ms)", ylabel="firing rate (Hz per neuron)")
    _set_top(ax, 1.15 * ax.dataLim.y1)
    ax.legend(frameon=False, ncols=len(sizes), loc="upper right")
    return ax


def rate_curves(report: ValidationReport, population: str, *, ax: Axes | None = None) -> Axes:
    """Draw a population's rate over the parameter: network with error bars (2 standard errors), levels as curves."""
    ax = ax or plt.subplots(figsize=(4.5, 3.4), layout="constrained")[1]
    values = report.options.values
    network = [point["network"].rates[population] for point in report.points]
    for level in report.options.levels:
        curve = [point[level].rates[population].mean if level in point else np.nan for point in report.points]
        ax.plot(values, curve, ms=4, lw=1.2, mfc="none", label=LEVEL_NAMES[level], **LEVEL_STYLES[level])
    ax.errorbar(
        values, [r.mean for r in network], yerr=[2 * np.nan_to_num(r.se) for r in network], fmt="k.", capsize=2.5,
        ms=6, lw=1.0, label="spiking network (± 2 s.e.)",
    )  # fmt: skip
    ax.set(xlabel=_parameter_label(report), ylabel=f"{population} firing rate (Hz)")
    _set_top(ax, 1.25 * ax.dataLim.y1)
    _set_span(ax, values)
    ax.legend(frameon=False, fontsize=8)
    return ax


def rates_figure(report: ValidationReport) -> Figure:
    """Draw rates over the parameter, one column per population, above the relative errors."""
    populations = list(report.network.sizes)
    figure, axes = plt.subplots(
        2, len(populations), figsize=(4.2 * len(populations), 5.2), layout="constrained", squeeze=False, sharex=True,
        height_ratios=(3, 2),
    )  # fmt: skip
    rows = report.comparisons()
    for column, population in enumerate(populations):
        rate_curves(report, population, ax=axes[0, column]).set_xlabel("")
        ax = axes[1, column]
        ax.axhline(0, color=NETWORK, lw=0.8)
        noise = [2 * np.nan_to_num(p["network"].rates[population].se / p["network"].rates[population].mean) * 100
                 if p["network"].rates[population].mean else 0.0 for p in report.points]  # fmt: skip
        span, band = list(report.options.values), list(noise)
        if len(span) == 1:
            span, band = list(_borders(span)), 2 * band
        ax.fill_between(span, np.negative(band), band, color="0.85", lw=0, label="network's ± 2 s.e.")
        for level in report.options.levels:
            own = [r for r in rows if r.population == population and r.level == level]
            errors = [100 * r.error.mean for r in own]
            ax.plot([r.value for r in own], errors, ms=4, lw=1.2, mfc="none", **LEVEL_STYLES[level])
        ax.set_yscale("symlog", linthresh=10, linscale=1.5)
        reach = 1.15 * max([10.0, *(abs(100 * r.error.mean) for r in rows if math.isfinite(r.error.mean))])
        ticks = [t for t in (-100, -30, -10, -5, 0, 5, 10, 30, 100) if abs(t) <= reach]
        ax.set(xlabel=_parameter_label(report), ylabel="relative error (%)\n(linear within ±10)", ylim=(-reach, reach))
        ax.set_yticks(ticks, [f"{t:+d}" if t else "0" for t in ticks])
        ax.minorticks_off()
        ax.legend(frameon=False, fontsize=8)
    _letters(list(axes.flat))
    return figure


def plane_figure(report: ValidationReport, population: str) -> Figure:
    """Draw a plane of two parameters: the network's rate, and each level's relative error where it is significant."""
    first, second = report.options.axes
    shape = [len(values) for values in report.options.axes.values()]
    borders = [_borders(values) for values in report.options.axes.values()]
    levels = report.options.levels
    figure, axes = plt.subplots(
        1, 1 + len(levels), figsize=(3.1 * (1 + len(levels)) + 0.8, 3.3), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    rate = np.array([point["network"].rates[population].mean for point in report.points]).reshape(shape)
    shades = axes[0, 0].pcolormesh(*borders, rate.T, cmap="viridis", vmin=0.0)
    figure.colorbar(shades, ax=axes[0, 0], label=f"{population} rate of the network (Hz)")
    axes[0, 0].set_title(LEVEL_NAMES["network"], fontsize=10)
    found = {(row.level, row.value): row.error for row in report.comparisons() if row.population == population}
    nothing = Estimate(math.nan, math.nan)
    sets = [tuple(point.values()) for point in report.options.sets]
    errors = {level: [found.get((level, point), nothing) for point in sets] for level in levels}
    finite = [abs(100 * e.mean) for own in errors.values() for e in own if math.isfinite(e.mean)]
    reach = max(1.0, *finite) if finite else 1.0
    for ax, level in zip(axes[0, 1:], levels, strict=True):
        shown = np.array([100 * e.mean for e in errors[level]]).reshape(shape)
        shades = ax.pcolormesh(*borders, shown.T, cmap="PuOr", vmin=-reach, vmax=reach)
        ax.set_title(LEVEL_NAMES[level], fontsize=10)
        sampling = np.array([abs(e.mean) <= 2 * e.se for e in errors[level]]).reshape(shape)
        at = np.argwhere(sampling)
        grid = list(report.options.axes.values())
        ax.plot([grid[0][i] for i, _ in at], [grid[1][j] for _, j in at], ".", color="0.35", ms=3)
    if levels:
        figure.colorbar(
            shades, ax=list(axes[0, 1:]), label=f"relative error of the {population} rate (%)", fraction=0.05
        )
    for ax in axes[0]:
        ax.set_xlabel(first)
    axes[0, 0].set(ylabel=second, xticks=report.options.values[0][:: -(-shape[0] // 6)])
    _letters(list(axes.flat))
    return figure


def peaks_figure(report: ValidationReport, population: str) -> Figure:
    """Draw the heights of the rate's peaks over the parameter: network cloud and reduced points side by side."""
    values = [[np.concatenate(p[s].peaks[population]) for p in report.points] for s in _sources(report)]
    label = f"peak height of the {population} rate\n(spikes per ms)"
    return _clouds(report, values, label, symmetric=False, stacked=False)


def differences_figure(report: ValidationReport, population: str) -> Figure:
    """Draw histograms of the height differences of successive peaks over the parameter, the network on top."""
    values = [[p[s].height_differences(population) for p in report.points] for s in _sources(report)]
    return _clouds(report, values, "difference of\nsuccessive peaks\n(spikes per ms)", symmetric=True, stacked=True)


def traces_figure(report: ValidationReport, population: str) -> Figure:
    """Draw the rate of the 200 ms after the transient: one row per chosen value, one column per source."""
    chosen = _chosen(report)
    sources = _sources(report)
    figure, axes = plt.subplots(
        len(chosen), len(sources), figsize=(3.3 * len(sources), 1.7 * len(chosen) + 0.4), sharex=True, sharey="row",
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for row, index in enumerate(chosen):
        for column, source in enumerate(sources):
            ax = axes[row, column]
            rate = report.points[index][source].excerpt[population]
            colour = NETWORK if source == "network" else LEVEL_STYLES[source]["color"]
            ax.plot(np.arange(rate.size) * EXCERPT_STEP, rate, color=colour, lw=1.0)
            if row == 0:
                ax.set_title(LEVEL_NAMES[source], fontsize=10)
            if row == len(chosen) - 1:
                ax.set_xlabel("time after transient (ms)")
            if column == 0:
                value = report.options.values[index]
                ax.set_ylabel(f"{report.options.parameter} = {value:g}\n{population} spikes per ms", fontsize=8)
        _set_top(axes[row, 0], 1.05 * max(ax.dataLim.y1 for ax in axes[row]))
    return figure


def raster_figure(report: ValidationReport) -> Figure:
    """Draw rasters of the network at the chosen values."""
    chosen = _chosen(report)
    figure, axes = plt.subplots(
        len(chosen), 1, figsize=(6.8, 2.3 * len(chosen) + 0.3), sharex=True, layout="constrained", squeeze=False
    )
    for row, index in enumerate(chosen):
        times, senders = report.points[index]["network"].raster or ([], [])
        ax = raster_of(times, senders, report.network.sizes, ax=axes[row, 0])
        ax.set_xlim(0, EXCERPT)
        if row and (legend := ax.get_legend()) is not None:
            legend.remove()
        if row < len(chosen) - 1:
            ax.set_xlabel("")
        else:
            ax.set_xlabel("time after transient (ms)")
        ax.set_ylabel(f"neuron\n({report.options.parameter} = {report.options.values[index]:g})", fontsize=8)
    return figure


def _clouds(
    report: ValidationReport, values: list[list[npt.NDArray[np.float64]]], label: str, *, symmetric: bool, stacked: bool
) -> Figure:
    """Draw, per source, the histogram of values at every parameter as a column of grey levels."""
    sources = _sources(report)
    shape = (len(sources), 1) if stacked else (1, len(sources))
    size = (6.5, 2.1 * len(sources) + 0.4) if stacked else (3.1 * len(sources) + 0.6, 3.6)
    figure, axes = plt.subplots(*shape, figsize=size, sharex=True, sharey=True, layout="constrained", squeeze=False)
    flat: list[Axes] = list(axes.flat)
    largest = max((float(np.abs(v).max()) for column in values for v in column if v.size), default=1.0) * 1.05
    edges = np.linspace(-largest if symmetric else 0.0, largest, _HEIGHT_BINS + 1)
    borders = _borders(report.options.values)
    for ax, source, columns in zip(flat, sources, values, strict=True):
        density = np.array([np.histogram(v, edges)[0] / max(v.size, 1) for v in columns]).T
        shades = ax.pcolormesh(
            borders,
            edges,
            np.ma.masked_equal(density, 0),
            cmap="viridis_r",
            norm=PowerNorm(0.5, 0, 0.5),
            rasterized=True,
        )
        ax.set_title(LEVEL_NAMES[source], fontsize=10)
        if not any(v.size for v in columns):
            ax.text(0.5, 0.5, "no peaks", ha="center", transform=ax.transAxes, color="0.4")
    for ax in axes[-1]:
        ax.set_xlabel(report.options.parameter)
    for ax in axes[:, 0]:
        ax.set_ylabel(label)
    figure.colorbar(shades, ax=flat, label="share of peaks per cell", extend="max", fraction=0.04)
    _letters(flat)
    return figure


def _borders(values: Sequence[float]) -> npt.NDArray[np.float64]:
    points = np.asarray(values, float)
    if points.size == 1:
        half = 0.02 * abs(points[0]) or 0.02
        return np.array([points[0] - half, points[0] + half])
    middles = (points[1:] + points[:-1]) / 2
    return np.concatenate([[2 * points[0] - middles[0]], middles, [2 * points[-1] - middles[-1]]])


def _set_top(ax: Axes, top: float) -> None:
    """Let the ordinate run from 0 to `top`, also where nothing or only zero is drawn."""
    ax.set_ylim(0, top if 0 < top < math.inf else 1.0)


def _set_span(ax: Axes, values: Sequence[float]) -> None:
    """Give the parameter's axis some width around a single value."""
    if len(values) == 1:
        half = 0.1 * abs(values[0]) or 0.1
        ax.set_xlim(values[0] - half, values[0] + half)
        ax.set_xticks([values[0]])


def _sources(report: ValidationReport) -> list[str]:
    """Network and those levels that have events everywhere."""
    levels = (level for level in report.options.levels if level != "siegert")
    return ["network", *(level for level in levels if all(level in point for point in report.points))]


def _chosen(report: ValidationReport, number: int = 3) -> list[int]:
    """Indices of a few values spread over the range."""
    return sorted(set(np.linspace(0, len(report.points) - 1, number).round().astype(int).tolist()))


def _parameter_label(report: ValidationReport) -> str:
    parameter = str(report.options.parameter)
    unit, meaning = report.network.describe(parameter)
    return f"{parameter}: {meaning}{f' ({unit})' if unit else ''}"


def _letters(axes: Sequence[Axes]) -> None:
    for letter, ax in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", axes, strict=False):
        ax.set_title(letter, loc="left", fontweight="bold", fontsize=11)
