"""Pictures of a network's bifurcations beside those of its reduction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reduction.aspects.bifurcation_branches import Curve, points_between
from reduction.aspects.bifurcation_results import BifurcationComparison, Source, Sweep
from reduction.attractors.onsets import ALTERNATION, LOWEST, OSCILLATION, Onset
from reduction.bifurcation_plots import DOUBLED_COLOURS, INK, KIND_COLOURS, MARKERS, MEANINGS
from reduction.plotting import LEVEL_STYLES, NETWORK
from reduction.verdicts import LEVEL_NAMES

Floats = npt.NDArray[np.float64]

_STABLE: dict[str, Any] = {"linestyle": "-", "linewidth": 1.8}
_UNSTABLE: dict[str, Any] = {"linestyle": (0, (3.0, 2.0)), "linewidth": 1.1}
_MARKER: dict[str, Any] = {"linestyle": "None", "markersize": 5.5, "markerfacecolor": "white", "markeredgecolor": INK}
_CHANCELESS = ("ode", "published")
_DIRECTIONS = {"up": "sweep up", "down": "sweep down", "rest": "from rest"}
_ORDERS = (ALTERNATION, OSCILLATION)
_ORDER_NAMES = {"alternation": "alternation of event sizes", "oscillation": "oscillation of the rate"}


def figures(
    parameter: str, values: Sequence[float], results: Sequence[BifurcationComparison]
) -> Iterator[tuple[str, str, Figure]]:
    """Yield (file name, caption, figure) of each comparison; parameter and values are the comparison's own."""
    for number, result in enumerate(results, start=1):
        end = f"-{number}" if len(results) > 1 else ""
        yield f"bifurcation_diagram{end}", _diagram_caption(result), diagram_figure(result)
        yield f"bifurcation_differences{end}", _differences_caption(result), differences_figure(result)
        yield f"bifurcation_onsets{end}", _orders_caption(result), orders_figure(result)


def _diagram_caption(result: BifurcationComparison) -> str:
    return (
        f"Peak heights of the {result.population} rate (averages over 1 ms) of the network over {result.parameter}, in "
        "a sweep up and one down (shades: share of the peaks at a value), with the branches of the reduction "
        f"({result.equations}). Bars at the top: 95 % intervals of where alternation begins and ends."
    )


def _differences_caption(result: BifurcationComparison) -> str:
    return (
        f"Differences of successive peak heights of the {result.population} rate over {result.parameter}: one value 0 "
        "for events of one size, two values for a large and a small one in turn. Of the network, all peaks (as "
        "published), and the highest rate in each event, without the small peaks that noise makes between events."
    )


def _orders_caption(result: BifurcationComparison) -> str:
    return (
        f"Order parameters (means over sweeps, with 2 standard errors) over {result.parameter}: 0 in Gaussian noise, 1 "
        "without noise; at a bifurcation in weak noise the dashed value. Diamonds: where they cross it, with 95 % "
        "intervals. Order parameters are not let fall below -1."
    )


def diagram_figure(result: BifurcationComparison) -> Figure:
    """Draw the network's peak heights in each sweep, with continued branches, sweeps of levels and onsets on top."""
    sweeps = result.sources[0].sweeps
    figure, axes = plt.subplots(
        1, len(sweeps), figsize=(5.6 * len(sweeps), 4.4), sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    flat: list[Axes] = list(axes.flat)
    edges = np.array(result.edges)
    top = 1.3 * edges[-1]
    shades = None
    for letter, ax, sweep in zip("AB", flat, sweeps, strict=True):
        shades = _columns(ax, result, [point.heights for point in sweep.points], edges)
        for source in result.sources[1:]:
            _dots(ax, result, source, sweep.direction, edges)
        for curve in result.curves:
            _curve(ax, curve)
        for _, point in points_between(result.curves, result.values[0], result.values[-1]):
            ax.plot(point.value, point.height, marker=MARKERS.get(point.kind, "."), zorder=6, **_MARKER)
        _bars(ax, result, sweep, 0.96 * top, 0.055 * top)
        ax.set(xlabel=result.label, ylim=(0, top), xlim=_span(result))
        ax.set_title(letter, loc="left", fontweight="bold", fontsize=11)
        ax.set_title(f"network, {_DIRECTIONS[sweep.direction]}", fontsize=10)
    flat[0].set_ylabel(f"peak height of the {result.population} rate\n(spikes per ms)")
    if shades is not None:
        figure.colorbar(shades, ax=flat, label="share of the network's peaks", extend="max", fraction=0.04)
    figure.legend(handles=_entries(result), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def differences_figure(result: BifurcationComparison) -> Figure:
    """Draw the differences of successive peaks over the parameter, the network above and the levels below."""
    network, *levels = result.sources
    rows = [
        (f"{LEVEL_NAMES['network']}, all peaks", network, "differences"),
        (f"{LEVEL_NAMES['network']}, one peak per event", network, "event_differences"),
        *((LEVEL_NAMES[level.name], level, "differences") for level in levels),
    ]
    figure, axes = plt.subplots(
        len(rows),
        1,
        figsize=(6.5, 2.0 * len(rows) + 0.5),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    flat: list[Axes] = list(axes.flat)
    edges = np.array(result.difference_edges)
    shades = None
    for letter, ax, (title, source, which) in zip("ABCDEFGH", flat, rows, strict=False):
        columns = zip(*([getattr(point, which) for point in sweep.points] for sweep in source.sweeps), strict=True)
        counts = [np.sum(column, axis=0) for column in columns]
        if source.name in _CHANCELESS:
            _marks(ax, result.values, counts, edges, source.name)
        else:
            drawn = _columns(ax, result, counts, edges)
            shades = drawn if drawn is not None else shades
        ax.set_title(title, fontsize=10)
        ax.set_title(letter, loc="left", fontweight="bold", fontsize=11)
        ax.axhline(0, color="0.8", lw=0.6, zorder=0)
        ax.set_ylabel("difference\n(spikes per ms)")
    flat[-1].set(xlabel=result.label, xlim=_span(result))
    if shades is not None:
        figure.colorbar(shades, ax=flat, label="share of differences per cell", extend="max", fraction=0.04)
    return figure


def orders_figure(result: BifurcationComparison) -> Figure:
    """Draw the order parameters over the parameter, and where they cross their critical values."""
    figure, axes = plt.subplots(
        len(_ORDERS), 1, figsize=(6.5, 6.0), sharex=True, layout="constrained", squeeze=False
    )  # fmt: skip
    flat: list[Axes] = list(axes.flat)
    for letter, ax, order in zip("AB", flat, _ORDERS, strict=True):
        ax.axhline(order.critical, color="0.5", lw=1.0, ls="--", label="at the bifurcation")
        for place, source in enumerate(result.sources):
            style = _style(source.name)
            estimates = source.orders[order.name]
            means = np.array([own.mean for own in estimates])
            errors = np.array([2 * own.se for own in estimates])
            spans = np.minimum(errors, means - LOWEST), np.minimum(errors, np.maximum(1.0 - means, 0.0))
            ax.errorbar(result.values, means, yerr=spans, ms=3.5, lw=1.1, elinewidth=0.8, mfc="none",
                        label=LEVEL_NAMES[source.name], **style)  # fmt: skip
            shown = [o for o in source.onsets if o.shown and o.phenomenon.startswith(order.name)]
            for onset in shown:
                _bar(ax, onset, order.critical + 0.07 * place, style["color"])
        ax.set(ylabel=_ORDER_NAMES[order.name], ylim=(LOWEST - 0.1, 1.15), xlim=_span(result))
        ax.set_title(letter, loc="left", fontweight="bold", fontsize=11)
    flat[-1].set_xlabel(result.label)
    handles, labels = flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _columns(ax: Axes, result: BifurcationComparison, counts: Sequence[npt.ArrayLike], edges: Floats) -> Any:
    """Draw a histogram at every value as a column of shades; nothing if there are no counts."""
    table = np.array(counts, float)
    if not table.any():
        ax.text(0.5, 0.5, "no peaks", ha="center", transform=ax.transAxes, color="0.4")
        return None
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)
    return ax.pcolormesh(
        _borders(result),
        edges,
        np.ma.masked_equal(share.T, 0),
        cmap="Greys",
        norm=PowerNorm(0.5, 0, 0.15),
        rasterized=True,
    )


def _dots(ax: Axes, result: BifurcationComparison, source: Source, direction: str, edges: Floats) -> None:
    """Draw the occupied heights of a level's sweep in the same direction."""
    if source.name not in _CHANCELESS:
        return
    sweep = next((own for own in source.sweeps if own.direction in (direction, "rest")), None)
    if sweep is None:
        return
    _marks(ax, result.values, [point.heights for point in sweep.points], edges, source.name)


def _marks(ax: Axes, values: Sequence[float], counts: Sequence[npt.ArrayLike], edges: Floats, name: str) -> None:
    """Mark the middle of every occupied cell."""
    middles = (edges[1:] + edges[:-1]) / 2
    style = _style(name)
    for value, own in zip(values, counts, strict=True):
        found = middles[np.asarray(own) > 0]
        ax.plot(np.full(found.size, value), found, ls="None", marker=style["marker"], ms=2.6, mew=0.7, mfc="none",
                mec=style["color"], alpha=0.9, zorder=3)  # fmt: skip


def _curve(ax: Axes, curve: Curve) -> None:
    """Draw a continued branch, solid where stable and dashed where not."""
    heights, values, stable = np.array(curve.heights), np.array(curve.values), np.array(curve.stable)
    bounds = np.flatnonzero(np.diff(stable)) + 1
    for first, last in zip([0, *bounds], [*bounds, stable.size], strict=True):
        run = slice(max(first - 1, 0), last)
        for column in heights.T:
            ax.plot(
                values[run], column[run], color=_colour(curve), zorder=4, **(_STABLE if stable[first] else _UNSTABLE)
            )


def _bars(ax: Axes, result: BifurcationComparison, sweep: Sweep, top: float, step: float) -> None:
    """Draw, above the peaks, the intervals of where alternation begins and ends: network and levels, one row each."""
    rows: list[tuple[str, Sequence[Onset]]] = [("network", sweep.onsets)]
    for source in result.sources[1:]:
        own = next((s for s in source.sweeps if s.direction in (sweep.direction, "rest")), source.sweeps[0])
        rows.append((source.name, own.onsets))
    for row, (name, onsets) in enumerate(rows):
        for onset in onsets:
            if onset.shown and onset.phenomenon.startswith(ALTERNATION.name):
                _bar(ax, onset, top - row * step, _style(name)["color"])


def _bar(ax: Axes, onset: Onset, height: float, colour: str) -> None:
    errors = [[onset.value - onset.low], [onset.high - onset.value]]
    ax.errorbar([onset.value], [height], xerr=errors, fmt="D", ms=4.5, capsize=3.0, lw=1.4, color=colour, zorder=7)


def _entries(result: BifurcationComparison) -> list[Line2D]:
    """Explain lines, dots, markers and bars, each once."""
    names = {
        (own.kind, own.doublings): f"{own.kind}{'s of two events' if own.doublings else ''}" for own in result.curves
    }
    entries = [
        Line2D([], [], color=_colour(own), label=names.pop((own.kind, own.doublings)), **_STABLE)
        for own in result.curves
        if (own.kind, own.doublings) in names
    ]
    if result.curves:
        entries.append(Line2D([], [], color="0.5", label="unstable", **_UNSTABLE))
    for source in result.sources[1:]:
        if source.name in _CHANCELESS:
            style = _style(source.name)
            entries.append(Line2D([], [], ls="None", marker=style["marker"], ms=3.5, mfc="none", mec=style["color"],
                                  label=f"peaks of the {LEVEL_NAMES[source.name]}, same sweep"))  # fmt: skip
    kinds = {point.kind for _, point in points_between(result.curves, result.values[0], result.values[-1])}
    entries += [
        Line2D([], [], marker=MARKERS.get(kind, "."), label=MEANINGS.get(kind, kind), **_MARKER)
        for kind in sorted(kinds)
    ]
    for source in result.sources:
        shown = (onset for sweep in source.sweeps for onset in sweep.onsets)
        if any(onset.shown and onset.phenomenon.startswith(ALTERNATION.name) for onset in shown):
            entries.append(Line2D([], [], color=_style(source.name)["color"], marker="D", ms=4.5, lw=1.4,
                                  label=f"alternation begins or ends: {LEVEL_NAMES[source.name]}"))  # fmt: skip
    return entries


def _colour(curve: Curve) -> str:
    if curve.doublings:
        return DOUBLED_COLOURS[(curve.doublings - 1) % len(DOUBLED_COLOURS)]
    return KIND_COLOURS.get(curve.kind, INK)


def _style(name: str) -> dict[str, Any]:
    return LEVEL_STYLES.get(name, {"color": NETWORK, "linestyle": "-", "marker": "."})


def _borders(result: BifurcationComparison) -> Floats:
    points = np.array(result.values)
    middles = (points[1:] + points[:-1]) / 2
    return np.concatenate([[2 * points[0] - middles[0]], middles, [2 * points[-1] - middles[-1]]])


def _span(result: BifurcationComparison) -> tuple[float, float]:
    borders = _borders(result)
    return float(borders[0]), float(borders[-1])
