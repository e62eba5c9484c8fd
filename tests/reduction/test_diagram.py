"""Bifurcation diagrams: every branch once, what fails is noted, files keep everything."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.metadata import version

import models
import numpy as np
import pytest

import reduction
from reduction import Diagram, MapSystem, ODESystem
from reduction.continuation import exploration, storing
from reduction.continuation.results import Branch, SpecialPoint
from spiking import archive
from spiking.errors import NumericalError, SpecificationError

FOLD = 2.0 / (3.0 * np.sqrt(3.0))


def hopf_pair() -> ODESystem:
    """Cycles of radius sqrt(1 - m^2) about (2, 0), from the Hopf point at m = -1 to that at m = 1."""
    square = "((x - 2)**2 + y**2)"
    return ODESystem.from_expressions(
        {"x": f"(1 - m**2)*(x - 2) - y - (x - 2)*{square}", "y": f"x - 2 + (1 - m**2)*y - y*{square}"},
        {"m": 0.0},
        guess={"x": 2.0},
        observables={"sum": "x + y"},
    )


def pitchfork() -> ODESystem:
    return ODESystem.from_expressions({"x": "m*(x - 3) - (x - 3)**3"}, {"m": 0.5}, guess=[3.3])


@pytest.fixture(scope="module")
def ring() -> Diagram:
    return reduction.diagram(hopf_pair(), "m", (-1.5, 1.5))


@pytest.fixture(scope="module")
def cascade() -> Diagram:
    return reduction.diagram(models.feedback_control(), "alpha", (0.55, 1.2), max_depth=1)


def kinds(diagram: Diagram) -> list[str]:
    return [branch.kind for branch in diagram.branches]


def assert_identical(a: object, b: object) -> None:
    """Equal bit for bit, with the same types and shapes."""
    assert type(a) is type(b)
    if isinstance(a, (Branch, SpecialPoint, Diagram)):
        for field in fields(a):
            if field.name not in ("continuation", "origin"):
                assert_identical(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes()
    elif isinstance(a, dict):
        assert list(a) == list(b)
        assert_identical(list(a.values()), list(b.values()))
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_identical(x, y)
    else:
        assert a == b


def test_equilibria_on_one_branch_are_followed_once():
    """Three equilibria at m = 0, one at the bounds, all joined by two folds."""
    found = reduction.diagram(models.cusp(), "m", (-1.0, 1.0))
    assert kinds(found) == ["equilibrium"]
    assert found.status == "complete"
    assert sorted(p.value for p in found.special_points) == pytest.approx([-FOLD, FOLD], abs=1e-9)


def test_branches_that_never_meet_are_all_found():
    system = ODESystem.from_expressions({"x": "(x - 3 - m**2)*(x - 1)*(x + 2 + m)"}, {"m": 0.3}, guess=[0.0])
    found = reduction.diagram(system, "m", (-1.0, 1.0))
    assert sorted(float(b.states[0, 0] - b.states[-1, 0]) for b in found.branches) == pytest.approx([0.0, 0.0, 2.0])


def test_a_branch_that_crosses_is_followed_once():
    found = reduction.diagram(pitchfork(), "m", (-1.0, 1.0))
    assert kinds(found) == ["equilibrium"] * 2
    straight, forked = sorted(found.branches, key=lambda branch: np.ptp(branch.states))
    np.testing.assert_allclose(straight.states, 3.0, atol=1e-9)
    np.testing.assert_allclose((forked.states[:, 0] - 3.0) ** 2, forked.values, atol=1e-7)
    assert {np.sign(y).item() for y in np.round(forked.states[:, 0] - 3.0, 6)} >= {-1.0, 1.0}


def test_cycles_between_two_hopf_points_are_followed_once(ring):
    assert kinds(ring) == ["equilibrium", "cycle"]
    assert ring.status == "complete"
    cycles = ring.branches[1]
    radius = np.sqrt(1.0 - cycles.values[1:-1] ** 2)
    np.testing.assert_allclose(cycles.maxima[1:-1, 0] - 2.0, radius, rtol=1e-3)
    assert [p.kind for p in ring.special_points] == ["HB", "HB"]


def test_cycles_are_left_out_if_not_wanted():
    assert kinds(reduction.diagram(hopf_pair(), "m", (-1.5, 1.5), cycles=False)) == ["equilibrium"]


def test_period_doublings_are_followed_to_the_depth(cascade):
    doubled = [b for b, depth in zip(cascade.branches, cascade.doublings, strict=True) if depth == 1]
    assert sorted(cascade.doublings) == [0] * (len(cascade.branches) - 1) + [1]
    (point,) = [p for b in cascade.branches if b is not doubled[0] for p in b.of_kind("PD")]
    assert point.value == pytest.approx(models.ORACLE["feedback_control"]["PD"][0], abs=1e-7)
    assert doubled[0].periods[0] == pytest.approx(2 * point.period, rel=1e-3)
    assert doubled[0].of_kind("PD")


def test_doublings_of_a_map():
    logistic = MapSystem.from_expressions({"x": "r*x*(1 - x)"}, {"r": 2.5}, guess=[0.5])
    found = reduction.diagram(logistic, "r", (2.0, 3.6), max_depth=3)
    assert sorted(found.doublings) == [0, 0, 1, 2, 3]
    doublings = sorted(p.value for p in found.special_points if p.kind == "PD")
    assert doublings[:4] == pytest.approx([3.0, 3.44949, 3.54409, 3.56441], abs=1e-5)


def test_special_points_on_one_curve_are_followed_once_over_two_parameters():
    """27 m^2 = 4 l^3 through both folds, with a cusp at 0."""
    found = reduction.diagram(models.cusp(), "m", (-1.0, 1.0), curves=("l", (-0.5, 1.5)))
    (curve,) = found.curves
    assert curve.kind == "LP"
    np.testing.assert_allclose(27 * curve.values[:, 0] ** 2, 4 * curve.values[:, 1] ** 3, atol=1e-7)
    assert [p.kind for p in curve.special_points] == ["CP"]
    assert found.to_dict()["curves"][0]["parameters"] == ["m", "l"]


def test_a_hopf_curve_through_two_hopf_points_is_followed_once(tmp_path):
    """m^2 = k."""
    system = ODESystem.from_expressions(
        {"x": "(k - m**2)*x - y - x*(x**2 + y**2)", "y": "x + (k - m**2)*y - y*(x**2 + y**2)"},
        {"m": 0.0, "k": 1.0},
    )
    found = reduction.diagram(system, "m", (-1.5, 1.5), cycles=False, curves=("k", (0.0, 2.0)))
    (curve,) = found.curves
    np.testing.assert_allclose(curve.values[:, 0] ** 2, curve.values[:, 1], atol=1e-7)
    found.save(tmp_path / "curve.npz")
    assert_identical(found, Diagram.load(tmp_path / "curve.npz"))


def test_the_default_value_is_searched_too():
    """An isola between the bounds that the middle misses."""
    system = ODESystem.from_expressions({"x": "(x - 5)*((x - 1)**2 + (m - 0.5)**2 - 0.04)"}, {"m": 0.5}, guess=[1.0])
    found = [reduction.diagram(system, "m", (-1.0, 1.0), parameters={"m": m}, max_points=40) for m in (0.9, 0.5)]
    assert [len(d.branches) for d in found] == [1, 2]


def test_the_same_seed_gives_the_same_diagram():
    first, again = (reduction.diagram(pitchfork(), "m", (-1.0, 1.0), seed=3) for _ in range(2))
    assert_identical(first, again)


def test_a_part_that_fails_is_noted_and_the_rest_kept(monkeypatch):
    def failing(system, start, *args, **options):
        if start.value < 0.0:
            raise NumericalError("no such luck")
        return reduction.continue_cycle(system, start, *args, **options)

    monkeypatch.setattr(exploration, "continue_cycle", failing)
    found = reduction.diagram(hopf_pair(), "m", (-1.5, 1.5))
    assert found.status == "cycles from HB at -1: no such luck"
    assert kinds(found) == ["equilibrium", "cycle"]


def test_a_search_that_fails_is_noted(monkeypatch):
    def failing(system, *, parameters, **options):
        if parameters["m"] > 0.0:
            raise ZeroDivisionError("by chance")
        return reduction.find_equilibria(system, parameters=parameters, **options)

    monkeypatch.setattr(exploration, "find_equilibria", failing)
    found = reduction.diagram(hopf_pair(), "m", (-1.5, 1.5), cycles=False)
    assert found.status == "equilibria at m = 1.5: ZeroDivisionError: by chance"
    assert kinds(found) == ["equilibrium"]


def test_nothing_found_is_said():
    system = ODESystem.from_expressions({"x": "1 + (x - m)**2"}, {"m": 0.0})
    found = reduction.diagram(system, "m", (-1.0, 1.0))
    assert found.branches == []
    assert "no equilibrium found" in found.status


@pytest.mark.parametrize(("points", "expected"), [(20, ["equilibrium"]), (40, ["equilibrium", "cycle"])])
def test_an_interruption_returns_what_there_is(points, expected):
    def interrupt(number, value):
        if number == points:
            raise KeyboardInterrupt

    found = reduction.diagram(hopf_pair(), "m", (-1.5, 1.5), progress=interrupt)
    assert found.status == "interrupted"
    assert kinds(found) == expected


def test_an_interrupted_search_returns_what_there_is(monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(exploration, "find_equilibria", interrupted)
    assert reduction.diagram(pitchfork(), "m", (-1.0, 1.0)).status == "interrupted"


def test_progress_counts_the_points_of_all_branches(ring):
    calls = []
    reduction.diagram(hopf_pair(), "m", (-1.5, 1.5), progress=lambda number, value: calls.append((number, value)))
    numbers, values = zip(*calls, strict=True)
    assert numbers == tuple(range(1, len(calls) + 1))
    assert len(calls) >= sum(len(branch) for branch in ring.branches) - 3
    assert -1.5 <= min(values) <= max(values) <= 1.5


@pytest.mark.parametrize("name", ["ring", "cascade"])
def test_files_keep_every_bit(name, request, tmp_path):
    made = request.getfixturevalue(name)
    made.save(tmp_path / "diagram.npz")
    loaded = Diagram.load(tmp_path / "diagram.npz")
    assert_identical(made, loaded)
    assert archive.read(tmp_path / "diagram.npz", "diagram")[0]["version"] == version("snn2ode")
    assert all(branch.continuation is None for branch in loaded.branches)
    assert all(point.origin is None for point in loaded.special_points)
    cycles = loaded.branches[1]
    assert loaded.to_dict() == made.to_dict()
    with pytest.raises(SpecificationError, match="does not know its equations"):
        cycles.switch(loaded.special_points[0])


def test_loaded_cycles_are_read_as_before(ring, tmp_path):
    ring.save(tmp_path / "ring.npz")
    cycle = Diagram.load(tmp_path / "ring.npz").branches[1].cycle(5)
    assert_identical(cycle.states, ring.branches[1].cycle(5).states)
    assert cycle.period == pytest.approx(2 * np.pi, rel=1e-6)


def test_a_branch_alone_is_kept_too(ring, tmp_path):
    storing.save(tmp_path / "branch.npz", "branch", ring.branches[1])
    assert_identical(storing.load(tmp_path / "branch.npz", "branch"), ring.branches[1])


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("nothing")
    with pytest.raises(SpecificationError, match="is not a diagram"):
        Diagram.load(tmp_path / "text.npz")
    archive.write(tmp_path / "other.npz", {"kind": "diagram", "version": "9.9", "content": {"new": {}}}, {})
    with pytest.raises(SpecificationError, match="saved by version 9.9"):
        Diagram.load(tmp_path / "other.npz")
    with pytest.raises(SpecificationError, match="cannot be written"):
        Diagram("m", {}, [], []).save(tmp_path / "nowhere" / "diagram.npz")


def test_plain_values_for_json(ring):
    plain = json.loads(json.dumps(ring.to_dict()))
    assert plain["parameter"] == "m"
    assert [branch["kind"] for branch in plain["branches"]] == ["equilibrium", "cycle"]
    hopf = plain["branches"][0]["special_points"][0]
    assert (hopf["kind"], hopf["value"], hopf["period"]) == ("HB", pytest.approx(-1.0), pytest.approx(2 * np.pi))
    assert hopf["first_lyapunov"] < 0.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameter": "n"}, "parameter 'n' does not exist"),
        ({"bounds": (1.0, -1.0)}, "low < high"),
        ({"bounds": 3.0}, "two numbers"),
        ({"bounds": (-np.inf, 1.0)}, "finite"),
        ({"parameters": {"k": 1.0}}, "parameter 'k' does not exist"),
        ({"max_depth": -1}, "max_depth = -1"),
        ({"max_depth": 1.5}, "max_depth = 1.5"),
        ({"starts": -1}, "starts = -1"),
        ({"largest_step": 0.0}, "largest_step = 0"),
        ({"max_points": 0}, "max_points = 0"),
        ({"curves": "a"}, "must be \\(name, \\(low, high\\)\\)"),
        ({"curves": ("m", (0.0, 1.0))}, "must be another one"),
        ({"curves": ("a", (1.0, 2.0))}, "a = 0 at the start"),
    ],
)
def test_bad_input_is_refused(options, message):
    system = ODESystem.from_expressions({"x": "m + a + x - x**3"}, {"m": 0.0, "a": 0.0})
    with pytest.raises(SpecificationError, match=message):
        reduction.diagram(system, **{"parameter": "m", "bounds": (-1.0, 1.0), **options})


def test_time_dependence_is_refused():
    system = ODESystem.from_callable(lambda t, y, p: [np.sin(t) - y[0]], ["x"], {"m": 0.0})
    with pytest.raises(SpecificationError, match="depends on time"):
        reduction.diagram(system, "m", (-1.0, 1.0))
