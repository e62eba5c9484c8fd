"""Pictures of bifurcation diagrams: branches over a parameter, and curves of special points over two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reduction.continuation.locations import coordinates_of, nearest_segment
from reduction.continuation.results import Branch
from reduction.drawn_lines import PARTS, runs, smooth
from reduction.point_labels import Label, PointLabels
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

if TYPE_CHECKING:
    from reduction.continuation.diagram import Diagram

Floats = npt.NDArray[np.float64]

INK = "#222222"
KIND_COLOURS = {"equilibrium": INK, "fixed point": INK, "cycle": "#0072B2"}
DOUBLED_COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Of what one, two, ... period doublings lead to."""
CURVE_COLOURS = {"LP": "#0072B2", "HB": "#D55E00", "BP": "#56B4E9", "LPC": "#009E73", "PD": "#CC79A7", "NS": "#E69F00"}
MARKERS = {
    "LP": "s", "HB": "o", "BP": "D", "LPC": "<", "PD": "^", "NS": "v", "BPC": "d",
    "CP": "X", "BT": "*", "GH": "p", "ZH": "h", "HH": "8",
}  # fmt: skip
MEANINGS = {
    "LP": "fold", "HB": "Hopf", "BP": "branch point", "LPC": "fold of cycles", "PD": "period doubling",
    "NS": "Neimark-Sacker", "BPC": "branch point of cycles", "CP": "cusp", "BT": "Bogdanov-Takens",
    "GH": "generalised Hopf", "ZH": "zero-Hopf", "HH": "double Hopf",
}  # fmt: skip

_MEASURES = ("extrema", "mean", "period")
_STABLE: dict[str, Any] = {"linestyle": "-", "linewidth": 1.7}
_UNSTABLE: dict[str, Any] = {"linestyle": (0, (3.5, 2.0)), "linewidth": 1.1}
_POINT: dict[str, Any] = {"linestyle": "None", "markersize": 5.0, "markerfacecolor": "white", "markeredgecolor": INK,
                          "markeredgewidth": 0.9, "zorder": 5.0}  # fmt: skip
_OTHER_MARKER = "."
_LOGARITHMIC = 30.0
_COLUMNS = 7


def plot_branch(
    branch: Branch,
    ax: Axes | None = None,
    *,
    observable: str | None = None,
    measure: str = "extrema",
    colour: str | None = None,
    labels: bool = True,
) -> Axes:
    """Draw a branch over its parameter: solid where stable, dashed where not, special points by markers.

    Parameters
    ----------
    branch : Branch
        A curve over two parameters is drawn as by `plot_curves`.
    ax : Axes, optional
    observable : str, optional
        Observable or state; default: the first observable, else the first state.
    measure : str
        What is shown of a cycle: its ``"extrema"``, the ``"mean"`` of a state over the period, or the ``"period"``.
    colour : str, optional
        Default: by the branch's kind.
    labels : bool
        Whether special points are labelled by their kind, and a legend explains lines and markers.

    Raises
    ------
    UnknownNameError
        If there is no such observable or state.
    SpecificationError
        If the mean of an observable is asked for: branches keep its extrema only; or the period of a branch that has
        none.
    """
    if isinstance(branch.parameter, tuple):
        return plot_curves([branch], ax)
    if measure not in _MEASURES:
        raise ParameterError("", "measure", measure, f"must be {' or '.join(map(repr, _MEASURES))}")
    shown = _shown(branch, observable)
    if measure == "period":
        heights = _periods(branch)
        points, ylabel = _period_heights(branch), "period"
    else:
        heights = _heights(branch, shown, measure)
        points, ylabel = _point_heights(branch, shown, measure, heights), _with_unit(branch, shown)
    outside = ax is None
    ax = ax or plt.subplots(figsize=(6.2, 3.6), layout="constrained")[1]
    _draw(ax, branch, heights, points, colour, measure, 0, labels)
    ax.set(xlabel=branch.parameter, ylabel=ylabel)
    if labels:
        _legend(ax, outside=outside)
    return ax


def plot_diagram(diagram: Diagram, ax: Axes | None = None, observable: str | None = None) -> Axes:
    """Draw all branches of a diagram; on a figure of its own also the periods of cycles, in a panel below.

    Returns
    -------
    Axes
        Those of the branches.
    """
    outside = ax is None
    cyclic = [branch for branch in diagram.branches if branch.kind == "cycle"]
    below: Axes | None = None
    if ax is None and cyclic:
        ax, below = plt.subplots(2, 1, figsize=(6.6, 5.0), layout="constrained", sharex=True, height_ratios=(2.4, 1.0))[
            1
        ]
    elif ax is None:
        ax = plt.subplots(figsize=(6.6, 3.6), layout="constrained")[1]
    ax.set_xlabel(diagram.parameter)
    for branch, doublings in zip(diagram.branches, diagram.doublings, strict=True):
        shown = _shown(branch, observable)
        heights = _heights(branch, shown, "extrema")
        points = _point_heights(branch, shown, "extrema", heights)
        _draw(ax, branch, heights, points, None, "extrema", doublings, True)
        ax.set_ylabel(_with_unit(branch, shown))
    _legend(ax, outside=outside)
    if below is not None:
        ax.set_xlabel("")
        below.set(xlabel=diagram.parameter, ylabel="period")
        _draw_periods(below, diagram)
        below.figure.align_ylabels([ax, below])
    return ax


def plot_curves(curves: Sequence[Branch], ax: Axes | None = None) -> Axes:
    """Draw curves of special points over two parameters, coloured by kind.

    Raises
    ------
    SpecificationError
        If a branch is over one parameter, or the curves are not over the same two.
    """
    over = {curve.parameter for curve in curves}
    if len(over) > 1 or any(not isinstance(parameter, tuple) for parameter in over):
        raise SpecificationError(f"curves over {', '.join(map(str, over))}: must be over the same two parameters")
    outside = ax is None
    ax = ax or plt.subplots(figsize=(6.2, 4.2), layout="constrained")[1]
    for curve in curves:
        places = [nearest_segment(curve, coordinates_of(point, curve))[0] + 1 for point in curve.special_points]
        values = np.array([point.value for point in curve.special_points]).reshape(-1, 2)
        x, y = np.insert(curve.values, places, values, axis=0).T
        x, ys = smooth(x, y[:, None])
        ax.plot(x, ys[:, 0], color=CURVE_COLOURS.get(curve.kind, INK), linewidth=1.5, label=_meaning(curve.kind))
        for point in curve.special_points:
            first, second = (float(value) for value in np.asarray(point.value))
            _mark(ax, point.kind, first, np.array([second]), True)
        ax.set(xlabel=curve.parameter[0], ylabel=curve.parameter[1])
    _legend(ax, outside=outside)
    return ax


def shared_legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Replace the legends of some axes by one of their figure, above all axes, with each entry once."""
    entries: dict[str, Any] = {}
    for ax in axes:
        legend = ax.get_legend()
        if legend is not None:
            for handle in legend.legend_handles:
                if handle is not None:
                    entries.setdefault(str(handle.get_label()), handle)
            legend.remove()
    where: dict[str, Any] = {"loc": "outside upper center", "ncols": _COLUMNS}
    figure.legend(handles=list(entries.values()), frameon=False, fontsize=8, **where)


def _shown(branch: Branch, observable: str | None) -> str:
    """Return what is drawn: an observable or state that the branch has."""
    if observable is None:
        return next(iter(branch.observables), branch.names[0])
    if observable not in branch.observables and observable not in branch.names:
        raise UnknownNameError("observable or state", observable, [*branch.observables, *branch.names])
    return observable


def _with_unit(branch: Branch, observable: str) -> str:
    unit = branch.units.get(observable)
    return f"{observable} ({unit})" if unit else observable


def _heights(branch: Branch, observable: str, measure: str) -> Floats:
    """Return what is drawn of each point: (K, 2) for extrema that differ, else (K, 1)."""
    if branch.kind == "cycle" and measure == "mean":
        if observable not in branch.names:
            raise SpecificationError(f"the mean of {observable!r} is not known: measure 'mean' is for states only")
        at = branch.names.index(observable)
        return np.array([[_mean(times, states[:, at])] for times, states in branch.profiles])
    if observable in branch.observables:
        both = branch.observables[observable]
    else:
        at = branch.names.index(observable)
        both = np.column_stack([branch.minima[:, at], branch.maxima[:, at]])
    return both if (both[:, 0] != both[:, 1]).any() else both[:, :1]


def _point_heights(branch: Branch, observable: str, measure: str, heights: Floats) -> list[tuple[int, Floats]]:
    """Return (segment of the branch, what is drawn) of each special point; between neighbours if it is not known."""
    found = []
    for point in branch.special_points:
        k, share, _, _ = nearest_segment(branch, coordinates_of(point, branch))
        following = heights[min(k + 1, len(heights) - 1)]
        height = heights[k] + share * (following - heights[k])
        if observable not in branch.observables:
            at = branch.names.index(observable)
            if point.states is not None and point.times is not None:
                own = point.states[:, at]
                height = np.array([_mean(point.times, own)] if measure == "mean" else [own.min(), own.max()])
            elif heights.shape[1] == 1:
                height = point.state[[at]]
        found.append((k, np.asarray(height)))
    return found


def _mean(times: Floats, values: Floats) -> float:
    return float(np.trapezoid(values, times) / times[-1])


def _draw(
    ax: Axes,
    branch: Branch,
    heights: Floats,
    points: Sequence[tuple[int, Floats]],
    colour: str | None,
    measure: str,
    doublings: int,
    labels: bool,
) -> None:
    """Draw lines, split where stability changes, and special points."""
    if colour is None:
        doubled = DOUBLED_COLOURS[(doublings - 1) % len(DOUBLED_COLOURS)]
        colour = doubled if doublings else KIND_COLOURS.get(branch.kind, INK)
    name = branch.kind
    if doublings:
        name = f"cycle of period {2**doublings}T" if branch.kind == "cycle" else f"points of period {2**doublings}"
    elif branch.kind == "cycle":
        name = "cycle (min, max)" if heights.shape[1] == 2 else f"cycle ({measure})" if measure == "mean" else "cycle"
    places = [k + 1 for k, _ in points]
    x = np.insert(branch.values, places, [float(np.asarray(point.value)) for point in branch.special_points])
    y = np.insert(heights, places, np.array([height for _, height in points]).reshape(-1, heights.shape[1]), axis=0)
    x, y = smooth(x, y)
    for first, last, stable in runs(branch.stable, places):
        run = slice(PARTS * first, PARTS * last + 1)
        for column in y.T:
            ax.plot(x[run], column[run], color=colour, label=name, **(_STABLE if stable else _UNSTABLE))
    for point, (_, height) in zip(branch.special_points, points, strict=True):
        _mark(ax, point.kind, float(np.asarray(point.value)), height, labels)


def _draw_periods(ax: Axes, diagram: Diagram) -> None:
    """Draw the periods of cycles, and those of the oscillation at Hopf points."""
    periods = [np.ones(1)]
    for branch, doublings in zip(diagram.branches, diagram.doublings, strict=True):
        for point in branch.of_kind("HB"):
            if point.period is not None:
                _mark(ax, point.kind, float(np.asarray(point.value)), np.array([point.period]), True)
        if branch.kind == "cycle" and branch.periods is not None:
            periods.append(branch.periods)
            _draw(ax, branch, _periods(branch), _period_heights(branch), None, "period", doublings, True)
    every = np.concatenate(periods[1:])
    if every.max() > _LOGARITHMIC * every.min():
        ax.set_yscale("log")


def _periods(branch: Branch) -> Floats:
    """Return the period of each cycle, shape (K, 1)."""
    if branch.periods is None:
        raise SpecificationError(f"a branch of kind {branch.kind!r} has no periods: measure must be {_MEASURES[0]!r}")
    return branch.periods[:, None]


def _period_heights(branch: Branch) -> list[tuple[int, Floats]]:
    """Return (segment of the branch, period) of each special point."""
    segments = [nearest_segment(branch, coordinates_of(point, branch))[0] for point in branch.special_points]
    periods = [np.full(1, np.nan if point.period is None else point.period) for point in branch.special_points]
    return list(zip(segments, periods, strict=True))


def _mark(ax: Axes, kind: str, value: float, heights: Floats, labels: bool) -> None:
    """Draw a special point at all heights, and label it at the last one."""
    style = _POINT | ({"markersize": 8.0} if kind == "BT" else {})
    marker = MARKERS.get(kind, _OTHER_MARKER)
    ax.plot(np.full(heights.size, value), heights, marker=marker, label=_meaning(kind), **style)
    if labels:
        PointLabels.of(ax).labels.append(Label(value, float(heights[-1]), kind))


def _meaning(kind: str) -> str:
    return f"{kind}: {MEANINGS[kind]}" if kind in MEANINGS else kind


def _legend(ax: Axes, *, outside: bool) -> None:
    """Explain each colour, line style and marker once."""
    lines = [line for line in ax.lines if line.get_linestyle() != "None"]
    colours = {str(line.get_label()): line.get_color() for line in lines}
    styles = {line.get_linestyle() for line in lines}
    entries = [Line2D([], [], color=colour, linewidth=1.7, label=label) for label, colour in colours.items()]
    if "--" in styles:
        entries += [Line2D([], [], color="0.5", label="stable", **_STABLE)] if "-" in styles else []
        entries.append(Line2D([], [], color="0.5", label="unstable", **_UNSTABLE))
    markers = {str(line.get_label()): line for line in ax.lines if line.get_marker() not in ("None", None)}
    entries += markers.values()
    where: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)} if outside else {"loc": "best"}
    if entries:
        ax.legend(handles=entries, frameon=False, fontsize=8, handlelength=2.4, **where)
