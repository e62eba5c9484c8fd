"""Pictures of attractors: occupation densities, calibrated distances, spectra and events of network and levels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from reduction.aspects.attractors import WHOLE, AttractorComparison, Distance
from reduction.plotting import LEVEL_STYLES, NETWORK
from reduction.verdicts import LEVEL_NAMES

_MOST_SHOWN = 3
_RATIO_TICKS = (0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20, 30, 50, 100)
_KINDS = {
    "cloud": "{0}", "coordinate": "{0}", "plane": "({0})", "spectrum": "spectrum of {0}", "event": "{0}",
}  # fmt: skip
_GROUPS = {
    "cloud": "sliced Wasserstein", "coordinate": "Wasserstein", "plane": "Jensen-Shannon,\nplanes",
    "spectrum": "spectra", "event": "Wasserstein,\nevents",
}  # fmt: skip


def figures(
    parameter: str, values: Sequence[float], results: Sequence[AttractorComparison]
) -> Iterator[tuple[str, str, Figure]]:
    """Yield (file name, caption, figure) of the attractors at the values of a parameter.

    At most three of the values, spread over their range, have pictures of their own.
    """
    if len(values) > 1:
        yield (
            "attractor_distances_over_parameter",
            f"Distances of the levels' attractors to the network's over {parameter}, in units of the network's "
            "distance to itself (line at 1), with intervals of 95 %",
            over_parameter(parameter, values, results),
        )
    chosen = sorted(set(np.linspace(0, len(values) - 1, _MOST_SHOWN).round().astype(int).tolist()))
    for index in chosen:
        result, where = results[index], f"{parameter} = {values[index]:g}" if parameter else ""
        place, suffix = (f" at {where}", f"_{index}") if where else ("", "")
        if not any(level.distances for level in result.levels.values()):
            continue
        yield (
            f"attractor_distances{suffix}",
            f"Distances of the levels' attractors to the network's{place}, in units of the network's distance to "
            f"itself (line at 1; {result.blocks} pieces of {result.block:.0f} ms per run), with intervals of 95 %",
            distances_figure(result),
        )
        if result.planes:
            yield (
                f"attractor_densities{suffix}",
                f"Occupation densities of the network and the levels{place}: one colour scale per row, its upper end "
                "the network's highest density",
                densities_figure(result),
            )
        yield (
            f"attractor_spectra{suffix}",
            f"Power spectra of the populations' rates{place}; bands: two standard errors over pieces of "
            f"{result.block:.0f} ms",
            spectra_figure(result),
        )
        if result.histograms:
            yield (
                f"attractor_events{suffix}",
                "Heights and intervals of the peaks of the rates, sizes and intervals of multiple-firing "
                f"events{place}",
                events_figure(result),
            )


def distances_figure(result: AttractorComparison) -> Figure:
    """Draw the calibrated distances of all levels, a row each, with their intervals of 95 % and the line at 1."""
    every = [(d.kind, d.subject) for own in result.levels.values() for d in own.distances]
    subjects = [(kind, subject) for kind in _GROUPS for own, subject in dict.fromkeys(every) if own == kind]
    figure, ax = plt.subplots(figsize=(7.2, 0.24 * len(subjects) + 1.5), layout="constrained")
    height = 0.7 / max(len(result.levels), 1)
    for number, (level, own) in enumerate(result.levels.items()):
        found = [(row, d) for row, key in enumerate(subjects) if (d := own.distance(*key)) is not None]
        shift = (number - (len(result.levels) - 1) / 2) * height
        _dots(ax, [row + shift for row, _ in found], [d for _, d in found], level, across=True)
    ax.axvline(1.0, color=NETWORK, lw=0.9, zorder=0)
    starts = [row for row, (kind, _) in enumerate(subjects) if row == 0 or subjects[row - 1][0] != kind]
    for row in starts[1:]:
        ax.axhline(row - 0.5, color="0.85", lw=0.8, zorder=0)
    ax.set_yticks(range(len(subjects)), [_KINDS[kind].format(subject) for kind, subject in subjects], fontsize=8)
    for row, end in zip(starts, [*starts[1:], len(subjects)], strict=True):
        ax.text(
            1.02, (row + end - 1) / 2, _GROUPS[subjects[row][0]], transform=ax.get_yaxis_transform(), va="center",
            fontsize=8, color="0.35",
        )  # fmt: skip
    ax.set(ylim=(len(subjects) - 0.5, -0.5), xlabel="distance / network's distance to itself")
    _ratio_axis(ax, across=True)
    figure.legend(
        *ax.get_legend_handles_labels(), loc="outside upper center", ncols=len(result.levels), frameon=False, fontsize=9
    )
    return figure


def over_parameter(parameter: str, values: Sequence[float], results: Sequence[AttractorComparison]) -> Figure:
    """Draw the distances of whole attractors, rhythms and events over a parameter."""
    populations = list(dict.fromkeys(s.population for result in results for s in result.spectra))
    first = populations[0] if populations else ""
    panels = [
        ("cloud", WHOLE, "all coordinates\n(sliced Wasserstein)"),
        ("spectrum", f"{first}.rate", f"spectrum of {first}"),
        ("event", f"{first}.peak_height", f"peak heights of {first}"),
        ("event", f"{first}.peak_interval", f"peak intervals of {first}"),
    ]  # fmt: skip
    figure, axes = plt.subplots(1, len(panels), figsize=(3.0 * len(panels), 3.2), layout="constrained", sharex=True)
    levels = list(dict.fromkeys(level for result in results for level in result.levels))
    step = (max(values) - min(values)) / max(len(values) - 1, 1)
    for ax, (kind, subject, title) in zip(axes, panels, strict=True):
        for number, level in enumerate(levels):
            shift = 0.06 * step * (number - (len(levels) - 1) / 2)
            found = [
                (value + shift, d) for value, result in zip(values, results, strict=True)
                if level in result.levels and (d := result.levels[level].distance(kind, subject)) is not None
            ]  # fmt: skip
            _dots(ax, [value for value, _ in found], [d for _, d in found], level, across=False)
        ax.axhline(1.0, color=NETWORK, lw=0.9, zorder=0)
        ax.set(xlabel=parameter, title=title)
        ax.title.set_fontsize(9)
        _ratio_axis(ax, across=False)
    axes[0].set_ylabel("distance /\nnetwork's distance to itself")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(levels), frameon=False)
    return figure


def densities_figure(result: AttractorComparison) -> Figure:
    """Draw the occupation densities: a row per plane, a column per source."""
    sources = ["network", *result.levels]
    figure, axes = plt.subplots(
        len(result.planes), len(sources), figsize=(2.35 * len(sources) + 0.9, 2.2 * len(result.planes) + 0.3),
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for row, plane in zip(axes, result.planes, strict=True):
        (x, y), (x_unit, y_unit) = plane.names, plane.units
        top = float(plane.density("network").max())
        norm = PowerNorm(0.5, 0.0, top)
        for ax, source in zip(row, sources, strict=True):
            ax.set(xlim=(plane.x_edges[0], plane.x_edges[-1]), ylim=(plane.y_edges[0], plane.y_edges[-1]))
            ax.set_xlabel(f"{x} ({x_unit})", fontsize=8)
            ax.tick_params(labelsize=7)
            if source not in plane.counts:
                ax.text(0.5, 0.5, "not available", ha="center", transform=ax.transAxes, color="0.4")
                continue
            shown = np.ma.masked_equal(plane.density(source).T, 0.0)
            shades = ax.pcolormesh(plane.x_edges, plane.y_edges, shown, cmap="viridis_r", norm=norm, rasterized=True)
            outside = plane.occupation(source).overflow
            if outside >= 0.0005:
                ax.set_xlabel(f"{x} ({x_unit}); {100 * outside:.1f} % outside", fontsize=8)
        row[0].set_ylabel(f"{y} ({y_unit})", fontsize=8)
        for ax in row[1:]:
            ax.set_yticklabels([])
        bar = figure.colorbar(shades, ax=list(row), extend="max", fraction=0.04, pad=0.01)
        bar.ax.tick_params(labelsize=7)
        bar.set_label(f"density\n(1/({x_unit} × {y_unit}))", fontsize=7)
    for ax, source in zip(axes[0], sources, strict=True):
        ax.set_title(LEVEL_NAMES[source], fontsize=10)
    return figure


def spectra_figure(result: AttractorComparison) -> Figure:
    """Draw the spectra of all sources over each other, one panel per population."""
    figure, axes = plt.subplots(
        1, len(result.spectra), figsize=(4.0 * len(result.spectra) + 0.4, 3.2), layout="constrained", squeeze=False
    )
    for ax, spectrum in zip(axes[0], result.spectra, strict=True):
        frequency = np.array(spectrum.frequency)
        highest, network = 0.0, np.array(spectrum.power["network"])
        for source in spectrum.power:
            power, error = np.array(spectrum.power[source]), np.array(spectrum.se[source])
            colour, line = _look(source)
            low = np.maximum(power - 2 * error, 0.05 * power)
            ax.fill_between(frequency, low, power + 2 * error, color=colour, alpha=0.22, lw=0)
            ax.plot(frequency, power, color=colour, ls=line, lw=1.3, label=LEVEL_NAMES[source])
            highest = max(highest, float((power + 2 * error).max()))
        ax.set(
            xlabel="frequency (Hz)", ylabel=f"power of the {spectrum.population} rate (Hz$^2$/Hz)",
            xlim=(0, frequency[-1]),
        )  # fmt: skip
        if network.min() > 0:
            ax.set_yscale("log")
            ax.set_ylim(0.1 * network.min(), 2 * highest)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def events_figure(result: AttractorComparison) -> Figure:
    """Draw histograms of sizes and intervals: a row per population, a column per kind of event."""
    populations = list(dict.fromkeys(h.subject.rpartition(".")[0] for h in result.histograms))
    kinds = list(dict.fromkeys(h.subject.rpartition(".")[2] for h in result.histograms))
    figure, axes = plt.subplots(
        len(populations), len(kinds), figsize=(2.9 * len(kinds), 2.3 * len(populations) + 0.4), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for ax in axes.flat:
        ax.set_visible(False)
    for histogram in result.histograms:
        population, _, kind = histogram.subject.rpartition(".")
        ax = axes[populations.index(population), kinds.index(kind)]
        ax.set_visible(True)
        for source, counts in histogram.counts.items():
            if not histogram.events[source]:
                continue
            colour, line = _look(source)
            share = np.array(counts) / histogram.events[source]
            if source == "network":
                ax.stairs(share, histogram.edges, fill=True, color="0.8", label=LEVEL_NAMES[source])
            else:
                ax.stairs(share, histogram.edges, color=colour, ls=line, lw=1.3, label=LEVEL_NAMES[source])
        network = np.array(histogram.counts["network"]) / max(histogram.events["network"], 1)
        highest = max(float(np.max(c)) / max(histogram.events[s], 1) for s, c in histogram.counts.items())
        ax.set_ylim(0, 1.08 * min(highest, 3 * float(network.max()) or highest))
        ax.set_xlabel(f"{population} {kind.replace('_', ' ')} ({histogram.unit})", fontsize=8)
        ax.tick_params(labelsize=7)
    for ax in axes[:, 0]:
        ax.set_ylabel("share of events", fontsize=8)
    handles, labels = max((ax.get_legend_handles_labels() for ax in axes.flat), key=lambda pair: len(pair[1]))
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def _look(source: str) -> tuple[str, str]:
    """Return colour and line style of a source."""
    if source == "network":
        return NETWORK, "-"
    return str(LEVEL_STYLES[source]["color"]), str(LEVEL_STYLES[source]["linestyle"])


def _dots(ax: Axes, places: Sequence[float], found: Sequence[Distance], level: str, *, across: bool) -> None:
    """Draw ratios with their intervals; `across` along the abscissa."""
    ratio = np.array([d.value.ratio.mean for d in found])
    reach = np.array([[d.value.ratio.mean - d.value.low, d.value.high - d.value.ratio.mean] for d in found])
    style = {
        "color": LEVEL_STYLES[level]["color"],
        "marker": LEVEL_STYLES[level]["marker"],
        "label": LEVEL_NAMES[level],
    }
    bars = reach.reshape(-1, 2).T
    common: dict[str, Any] = {**style, "linestyle": "none", "ms": 4, "mfc": "white", "lw": 1.0, "capsize": 1.5}
    if across:
        ax.errorbar(ratio, places, xerr=bars, **common)
    else:
        ax.errorbar(places, ratio, yerr=bars, **common)


def _ratio_axis(ax: Axes, *, across: bool) -> None:
    """Give the axis of ratios a logarithmic scale with plain numbers."""
    (ax.set_xscale if across else ax.set_yscale)("log")
    axis = ax.xaxis if across else ax.yaxis
    low, high = ax.get_xlim() if across else ax.get_ylim()
    low, high = min(low, 0.6), max(high, 1.8)
    (ax.set_xlim if across else ax.set_ylim)(low, high)
    ticks: npt.NDArray[np.float64] = np.array([t for t in _RATIO_TICKS if low <= t <= high])
    if ticks.size > 7:
        ticks = ticks[np.isin(ticks, (0.3, 0.5, 1, 2, 5, 10, 20, 50, 100))]
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
