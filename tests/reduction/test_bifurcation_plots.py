"""Pictures of branches: line styles, where they change, markers, labels and legends."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from reduction import Diagram
from reduction.bifurcation_plots import (
    CURVE_COLOURS,
    DOUBLED_COLOURS,
    INK,
    KIND_COLOURS,
    plot_branch,
    plot_curves,
    plot_diagram,
)
from reduction.continuation.results import Branch, SpecialPoint
from reduction.point_labels import Label, PointLabels
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

HOPF = 0.43


def special(kind, value, state, period=None, profile=None):
    times = None if profile is None else np.linspace(0.0, period, len(profile))
    return SpecialPoint(
        kind, value, {"m": value}, np.asarray(state, float), np.zeros(2, complex), period, times=times, states=profile
    )


def equilibria():
    """x = m, y = 0, stable up to a Hopf point between two points."""
    values = np.linspace(0.0, 1.0, 11)
    states = np.column_stack([values, np.zeros(11)])
    return Branch(
        kind="equilibrium", parameter="m", names=("x", "y"), values=values, states=states, minima=states, maxima=states,
        eigenvalues=np.zeros((11, 2), complex), stable=values < HOPF, parameters={"m": 0.0},
        special_points=[special("HB", HOPF, [HOPF, 0.0], 6.0)],
        observables={"rate": np.column_stack([10 * values, 10 * values])}, units={"rate": "Hz"},
    )  # fmt: skip


def circle(m, turns=80):
    """A cycle of radius m - HOPF about (m, 0), with its mean off the middle of its extrema."""
    angle = np.linspace(0.0, 2.0 * np.pi, turns + 1)
    radius = m - HOPF
    return np.column_stack([m + radius * np.cos(angle) + 0.5 * radius * np.cos(2 * angle), radius * np.sin(angle)])


def cycles(kind="PD", at=0.66, first=HOPF, period=6.0):
    values = np.linspace(first, 1.0, 8)
    profiles = [(np.linspace(0.0, 1.0, 81), circle(m)) for m in values]
    states = [states for _, states in profiles]
    return Branch(
        kind="cycle", parameter="m", names=("x", "y"), values=values, states=np.array([s[0] for s in states]),
        minima=np.array([s.min(axis=0) for s in states]), maxima=np.array([s.max(axis=0) for s in states]),
        eigenvalues=np.ones((8, 2), complex), stable=values < at, parameters={"m": first},
        special_points=[special(kind, at, circle(at)[0], period, circle(at))],
        periods=np.linspace(period, 1.5 * period, 8),
        accuracy=np.zeros(8), profiles=profiles,
        observables={"rate": 10 * np.array([[s[:, 0].min(), s[:, 0].max()] for s in states])}, units={"rate": "Hz"},
    )  # fmt: skip


def curve(kind, values, points=()):
    values = np.asarray(values, float)
    states = values[:, :1].copy()
    found = [
        SpecialPoint(k, tuple(v), {"a": v[0], "b": v[1]}, np.array([v[0]]), np.zeros(1, complex)) for k, v in points
    ]
    return Branch(
        kind=kind, parameter=("a", "b"), names=("x",), values=values, states=states, minima=states, maxima=states,
        eigenvalues=np.zeros((len(values), 1), complex), stable=np.ones(len(values), bool), parameters={},
        special_points=found,
    )  # fmt: skip


def lines(ax, style):
    return [line for line in ax.lines if line.get_linestyle() == style]


def markers(ax):
    return [line for line in ax.lines if line.get_linestyle() == "None"]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def texts(ax):
    ax.figure.canvas.draw()
    return PointLabels.of(ax).texts


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def test_lines_change_style_exactly_at_the_special_point():
    ax = plot_branch(equilibria(), observable="x")
    (solid,), (dashed,) = lines(ax, "-"), lines(ax, "--")
    assert solid.get_xdata()[[0, -1]] == pytest.approx([0.0, HOPF], abs=1e-15)
    assert dashed.get_xdata()[[0, -1]] == pytest.approx([HOPF, 1.0], abs=1e-15)
    np.testing.assert_allclose(solid.get_ydata(), solid.get_xdata(), atol=1e-12)
    assert solid.get_color() == dashed.get_color() == INK
    (marker,) = markers(ax)
    assert (marker.get_xdata().tolist(), marker.get_ydata().tolist()) == ([HOPF], [HOPF])
    assert legend(ax) == ["equilibrium", "stable", "unstable", "HB: Hopf"]
    assert [text.get_text() for text in texts(ax)] == ["HB"]


def test_stability_that_changes_at_no_special_point_changes_at_the_later_point():
    branch = equilibria()
    branch.special_points.clear()
    ax = plot_branch(branch)
    assert lines(ax, "-")[0].get_xdata()[-1] == pytest.approx(0.5)
    assert markers(ax) == []


def test_what_is_stable_throughout_needs_no_explanation_of_styles():
    branch = equilibria()
    branch.stable[:] = True
    branch.special_points.clear()
    ax = plot_branch(branch)
    assert lines(ax, "--") == []
    assert legend(ax) == ["equilibrium"]


def test_cycles_are_shown_by_both_extrema():
    ax = plot_branch(cycles(), observable="x")
    assert len(lines(ax, "-")) == len(lines(ax, "--")) == 2
    low, high = lines(ax, "--")
    assert low.get_ydata()[-1] == circle(1.0)[:, 0].min()
    assert high.get_ydata()[-1] == circle(1.0)[:, 0].max()
    assert high.get_color() == KIND_COLOURS["cycle"]
    (marker,) = markers(ax)
    np.testing.assert_array_equal(marker.get_xdata(), [0.66, 0.66])
    np.testing.assert_array_equal(marker.get_ydata(), [circle(0.66)[:, 0].min(), circle(0.66)[:, 0].max()])
    assert legend(ax)[0] == "cycle (min, max)"
    assert [text.get_text() for text in texts(ax)] == ["PD"]


def test_cycles_are_shown_by_their_mean():
    ax = plot_branch(cycles(), observable="x", measure="mean")
    (solid,) = lines(ax, "-")
    np.testing.assert_allclose(solid.get_ydata(), solid.get_xdata(), atol=1e-12)
    assert legend(ax)[0] == "cycle (mean)"


def test_the_first_observable_is_the_default_with_its_unit():
    ax = plot_branch(equilibria())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("m", "rate (Hz)")
    assert markers(ax)[0].get_ydata() == pytest.approx([10 * HOPF])
    bare = equilibria()
    bare.observables.clear()
    assert plot_branch(bare).get_ylabel() == "x"


def test_lines_pass_every_point_and_no_extremum_is_added():
    branch = equilibria()
    rng = np.random.default_rng(0)
    branch.values[:] = rng.random(11)
    branch.states[:, 0] = rng.random(11)
    branch.stable[:] = True
    branch.special_points.clear()
    (line,) = lines(plot_branch(branch, observable="x"), "-")
    x, y = line.get_data()
    np.testing.assert_allclose((x[::6], y[::6]), (branch.values, branch.states[:, 0]), atol=1e-12)
    assert x.min() >= branch.values.min() - 1e-12
    assert y.max() <= branch.states[:, 0].max() + 1e-12


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"observable": "z"}, UnknownNameError, "observable or state 'z' does not exist; there are: rate, x, y"),
        ({"observable": "rate", "measure": "mean"}, SpecificationError, "the mean of 'rate' is not known"),
        ({"measure": "median"}, ParameterError, "must be 'extrema' or 'mean'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        plot_branch(cycles(), **options)


def test_no_labels_and_a_colour_of_ones_own():
    ax = plot_branch(equilibria(), colour="red", labels=False)
    assert ax.get_legend() is None
    assert texts(ax) == []
    assert lines(ax, "-")[0].get_color() == "red"


def test_a_diagram_shows_branches_by_kind_and_periods_below():
    diagram = Diagram("m", {"m": 0.0}, [equilibria(), cycles(), cycles("NS", 0.8, 0.66, 12.0)], [0, 0, 1])
    ax = plot_diagram(diagram, observable="x")
    above, below = ax.figure.axes
    assert ax is above
    assert {line.get_color() for line in lines(ax, "-")} == {INK, KIND_COLOURS["cycle"], DOUBLED_COLOURS[0]}
    assert legend(ax)[:3] == ["equilibrium", "cycle (min, max)", "cycle of period 2T"]
    assert legend(ax)[3:] == ["stable", "unstable", "HB: Hopf", "PD: period doubling", "NS: Neimark-Sacker"]
    assert len(markers(ax)) == 3
    assert (below.get_xlabel(), below.get_ylabel(), ax.get_xlabel()) == ("m", "period", "")
    assert [(m.get_xdata().tolist(), m.get_ydata().tolist()) for m in markers(below)] == [
        ([HOPF], [6.0]), ([0.66], [6.0]), ([0.8], [12.0]),
    ]  # fmt: skip
    assert below.get_yscale() == "linear"


def test_a_diagram_on_given_axes_stays_on_them():
    figure, ax = plt.subplots()
    assert plot_diagram(Diagram("m", {}, [equilibria(), cycles()], [0, 0]), ax) is ax
    assert figure.axes == [ax]
    assert ax.get_ylabel() == "rate (Hz)"


def test_long_periods_are_on_a_logarithmic_scale():
    long = cycles()
    long.periods[-1] = 1e4
    assert plot_diagram(Diagram("m", {}, [long], [0])).figure.axes[1].get_yscale() == "log"


def test_an_empty_diagram_is_empty_axes():
    ax = plot_diagram(Diagram("m", {}, [], []))
    assert ax.get_xlabel() == "m"
    assert ax.lines[:] == []


def test_curves_over_two_parameters():
    a = np.linspace(-1.0, 1.0, 20)
    cusp = ("CP", (0.013, 0.0))
    found = [
        curve("LP", np.column_stack([a**3, a**2]), [cusp]),
        curve("LP", np.column_stack([a, 0 * a + 0.7])),
        curve("HB", np.column_stack([a, 0 * a + 0.5])),
    ]
    ax = plot_curves(found)
    assert [line.get_color() for line in lines(ax, "-")] == [CURVE_COLOURS[kind] for kind in ("LP", "LP", "HB")]
    assert legend(ax) == ["LP: fold", "HB: Hopf", "CP: cusp"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert [0.013, 0.0] in lines(ax, "-")[0].get_xydata().tolist()
    assert [text.get_text() for text in texts(ax)] == ["CP"]
    assert len(lines(plot_branch(found[2]), "-")) == 1


def test_curves_over_other_parameters_are_refused():
    with pytest.raises(SpecificationError, match="the same two parameters"):
        plot_curves([equilibria()])
    other = curve("HB", np.zeros((3, 2)))
    object.__setattr__(other, "parameter", ("a", "c"))
    with pytest.raises(SpecificationError, match="the same two parameters"):
        plot_curves([curve("LP", np.zeros((3, 2))), other])


def crowded(number=14):
    figure, ax = plt.subplots(figsize=(4, 3))
    x = np.linspace(0.0, 1.0, 200)
    ax.plot(x, x**2)
    near = np.random.default_rng(1).random((number, 2)) * [0.25, 0.2]
    corners = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    ax.plot(*np.array([*near, *corners]).T, "o")
    PointLabels.of(ax).labels.extend(Label(*place, f"P{k}") for k, place in enumerate([*near.tolist(), *corners]))
    return figure, ax


def test_labels_neither_overlap_nor_leave_the_axes():
    figure, ax = crowded()
    found = texts(ax)
    assert len(found) == 18
    renderer = figure.canvas.get_renderer()
    boxes, inside = [text.get_window_extent(renderer) for text in found], ax.get_window_extent(renderer)
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(inside.contains(b.x0, b.y0) and inside.contains(b.x1, b.y1) for b in boxes)


def test_labels_follow_the_limits():
    _, ax = crowded()
    ax.set_xlim(0.9, 1.1)
    ax.set_ylim(0.9, 1.1)
    assert [text.get_text() for text in texts(ax)] == ["P15"]


def test_a_label_that_finds_no_place_is_left_out():
    _, ax = crowded(200)
    found = texts(ax)
    assert 18 < len(found) < 204
    boxes = [text.get_window_extent() for text in found]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_equal_labels_of_points_that_coincide_are_drawn_once():
    _, ax = plt.subplots()
    PointLabels.of(ax).labels.extend([Label(0.5, 0.5, "HB"), Label(0.5, 0.5, "HB"), Label(0.5, 0.5, "BP")])
    assert sorted(text.get_text() for text in texts(ax)) == ["BP", "HB"]


def test_labels_keep_off_lines():
    _, ax = plt.subplots()
    x = np.linspace(0.0, 1.0, 50)
    ax.plot(x, x)
    ax.plot([0.5], [0.5], "o")
    PointLabels.of(ax).labels.append(Label(0.5, 0.5, "HB"))
    (text,) = texts(ax)
    box = text.get_window_extent()
    pixels = ax.transData.transform(np.column_stack([np.linspace(0, 1, 5000)] * 2))
    assert not any(box.contains(*pixel) for pixel in pixels)
