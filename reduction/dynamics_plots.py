"""Pictures of dynamics: return maps, sections, correlation integrals, metastable states."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reduction.aspects.metastability import MetastabilityComparison, Occupation
from reduction.attractors.dimension import CorrelationDimension
from reduction.attractors.events import alternation, return_map
from reduction.attractors.sections import Section
from reduction.plotting import LEVEL_STYLES, NETWORK
from reduction.verdicts import LEVEL_NAMES

_COLUMN = 3.0
_COLOURS = (NETWORK, "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LEAST_SHARE = 0.02


def return_maps(series: Mapping[str, npt.ArrayLike], quantity: str, unit: str) -> Figure:
    """Draw every value over its successor, one panel for each source, with the diagonal and the alternation index.

    Parameters
    ----------
    series : mapping
        Source (``"network"``, a level, or any label) to the successive values.
    quantity, unit : str
        For the axes, such as ``"height of E event"``, ``"spikes per ms"``.
    """
    figure, axes = _row(len(series))
    arrays = {source: np.asarray(values, float) for source, values in series.items()}
    filled = [values for values in arrays.values() if values.size]
    low, high = (min(map(np.min, filled)), max(map(np.max, filled))) if filled else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    limits = (low - margin, high + margin)
    for ax, (source, values) in zip(axes, arrays.items(), strict=True):
        ax.plot(limits, limits, color="0.8", lw=0.8, zorder=0)
        now, following = return_map(values)
        ax.plot(
            now, following, ".", color=_colour(source), ms=4, alpha=max(0.15, min(1.0, 150 / max(now.size, 1))), mew=0
        )
        index = alternation(values)
        shown = "one size" if math.isnan(index.mean) else f"alternation {index.mean:+.2f} ± {index.se:.2f}"
        ax.set_title(f"{_name(source)}\n{shown}, {values.size} events", fontsize=8.5)
        ax.set(xlim=limits, ylim=limits, aspect="equal", xlabel=f"{quantity} k\n({unit})")
    axes[0].set_ylabel(f"{quantity} k + 1\n({unit})")
    return figure


def sections(found: Mapping[str, Section], plane: tuple[int, int], labels: tuple[str, str]) -> Figure:
    """Draw the states of Poincare sections in a plane of two coordinates, one panel for each source.

    Parameters
    ----------
    found : mapping
        Source to its section.
    plane : (int, int)
        Coordinates of abscissa and ordinate.
    labels : (str, str)
        Theirs, with units.
    """
    figure, axes = _row(len(found), shared=True)
    for ax, (source, section) in zip(axes, found.items(), strict=True):
        x, y = section.states[:, list(plane)].T
        alpha = max(0.15, min(1.0, 300 / max(x.size, 1)))
        ax.plot(x, y, ".", color=_colour(source), ms=3.5, alpha=alpha, mew=0)
        ax.set_title(f"{_name(source)}\n{x.size} crossings", fontsize=8.5)
        ax.set_xlabel(labels[0])
    axes[0].set_ylabel(labels[1])
    return figure


def correlation_integrals(found: Mapping[str, CorrelationDimension], unit: str = "") -> Figure:
    """Draw correlation integrals, and their local slopes with bands of two standard errors; regions are drawn thick.

    Parameters
    ----------
    found : mapping
        Source, or any label, to its result.
    unit : str
        Of the radius.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.8), layout="constrained")
    fallback = iter(_COLOURS)
    highest = 1.0
    for source, result in found.items():
        colour = next(fallback) if source not in LEVEL_STYLES and source != "network" else _colour(source)
        seen = result.integral > 0.0
        left.loglog(result.radii[seen], result.integral[seen], color=colour, lw=0.9)
        radii, error = result.radii[1:-1], 2.0 * result.slope_errors
        trusted = error < 0.25 * np.maximum(result.slopes, 1e-9)
        right.semilogx(radii[trusted], result.slopes[trusted], color=colour, lw=0.9)
        low, high = result.slopes - error, result.slopes + error
        right.fill_between(radii[trusted], low[trusted], high[trusted], color=colour, alpha=0.2, lw=0)
        label = f"{_name(source)}: no scaling region"
        if result.region is not None:
            inside = (result.radii >= result.region[0]) & (result.radii <= result.region[1])
            left.loglog(result.radii[inside], result.integral[inside], color=colour, lw=2.6)
            right.hlines(result.dimension.mean, *result.region, color=colour, lw=2.6)
            label = f"{_name(source)}: {result.dimension.mean:.2f} ± {result.dimension.se:.2f}"
        left.plot([], [], color=colour, lw=2.0, label=label)
        if trusted.any():
            highest = max(highest, float(high[trusted].max()))
    radius = f"radius r ({unit})" if unit else "radius r"
    left.set(xlabel=radius, ylabel="share of pairs nearer than r")
    right.set(xlabel=radius, ylabel="local slope d log C / d log r", ylim=(0.0, 1.15 * highest), xlim=left.get_xlim())
    left.set_ylim(top=1.0)
    figure.legend(
        *left.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside upper center", ncols=2,
        title="correlation dimension (thick: scaling region)", title_fontsize=8,
    )  # fmt: skip
    return figure


def survival_curves(result: MetastabilityComparison) -> Figure:
    """Draw the occupation density, and each state's survival of dwells: steps, bands of 2 s.e., exponential laws."""
    number = len(result.states.modes)
    panels = 1 + (number if number > 1 else 0)
    figure, axes = plt.subplots(1, panels, figsize=(3.1 * panels + 0.4, 3.2), layout="constrained", squeeze=False)
    _densities(axes[0, 0], result)
    for state, ax in enumerate(axes[0, 1:]):
        seen = np.concatenate([own.dwells[state].complete for own in result.occupations])
        unit, factor = ("s", 1e-3) if seen.max(initial=0.0) > 3000.0 else ("ms", 1.0)
        for own in result.occupations:
            _survival(ax, own, state, factor)
        ax.legend(frameon=False, fontsize=8, loc="upper right", title=f"mean dwell time ({unit})", title_fontsize=8)
        ax.set_yscale("log")
        ax.set(ylim=(_LEAST_SHARE / 2, 4.0), xlim=(0, None), xlabel=f"dwell time t ({unit})")
        ax.set_ylabel("share of dwells longer than t")
        ax.set_title(f"state near {result.states.modes[state]:.3g} Hz", fontsize=9)
    return figure


def figures(
    parameter: str, values: Sequence[float], results: Sequence[MetastabilityComparison]
) -> Iterator[tuple[str, str, Figure]]:
    """Yield (file name, caption, figure) for every value at which network or levels have several states."""
    for value, result in zip(values, results, strict=True):
        if max(own.own_states for own in result.occupations) == 1:
            continue
        caption = (
            f"{parameter} = {value:g}: occupation density of the {result.population} rate over {result.window:g} ms "
            "(dotted: borders of the network's states), and survival of dwells in each state (steps: Kaplan-Meier; "
            "bands: ± 2 s.e.; thin lines: exponential laws of the mean dwell times in the legend)."
        )
        yield f"metastability-{value:g}.png", caption, survival_curves(result)


def _densities(ax: Axes, result: MetastabilityComparison) -> None:
    for own in result.occupations:
        states = f"{own.own_states} state{'s' if own.own_states > 1 else ''}"
        ax.plot(*own.density, color=_colour(own.source), lw=1.3, label=f"{_name(own.source)}: {states}")
    for minimum in result.states.minima:
        ax.axvline(minimum, color="0.5", lw=0.8, ls=":")
    ax.set(xlabel=f"{result.population} rate over {result.window:g} ms (Hz)", ylabel="occupation density (1/Hz)")
    ax.set_ylim(0, 1.35 * ax.dataLim.y1)
    ax.set_xlim(left=0)
    ax.set_title("occupation", fontsize=9)
    ax.legend(frameon=False, fontsize=8, loc="upper right")


def _survival(ax: Axes, own: Occupation, state: int, factor: float) -> None:
    dwells, colour = own.dwells[state], _colour(own.source)
    if dwells.complete.size == 0:
        ax.plot([], [], color=colour, label=f"{_name(own.source)}: no exit seen")
        return
    found, mean = dwells.survival(), dwells.mean
    times = np.concatenate([[0.0], found.times]) * factor
    share, se = np.concatenate([[1.0], found.share]), np.concatenate([[0.0], found.se])
    label = f"{_name(own.source)}: {mean.mean * factor:.3g} ± {mean.se * factor:.2g}"
    ax.step(times, np.maximum(share, 1e-9), where="post", color=colour, lw=1.3, label=label)
    low, high = np.maximum(share - 2.0 * se, 1e-9), np.minimum(share + 2.0 * se, 1.0)
    ax.fill_between(times, low, high, step="post", color=colour, alpha=0.15, lw=0)
    until = np.array([0.0, min(times[-1], -math.log(_LEAST_SHARE / 2) * mean.mean * factor)])
    ax.plot(until, np.exp(-until / (mean.mean * factor)), color=colour, lw=0.7)


def _row(number: int, *, shared: bool = False) -> tuple[Figure, list[Axes]]:
    size = (_COLUMN * max(number, 1) + 0.5, 3.4 if shared else 4.0)
    figure, axes = plt.subplots(
        1, max(number, 1), figsize=size, sharex=shared, sharey=True, layout="constrained", squeeze=False
    )
    return figure, list(axes[0])


def _name(source: str) -> str:
    return LEVEL_NAMES.get(source, source)


def _colour(source: str) -> str:
    return str(LEVEL_STYLES[source]["color"]) if source in LEVEL_STYLES else NETWORK
