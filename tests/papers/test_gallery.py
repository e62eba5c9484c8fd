"""What the bifurcation gallery shows, and what its page of documentation runs; numbers: `models.ORACLE`, tests/data."""

from __future__ import annotations

import csv
import functools
import math
import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from models import ORACLE, tolerance

import reduction
from reduction import cli
from reduction.bifurcation_plots import shared_legend
from reduction.levels import exact
from spiking.errors import SpecificationError

ROOT = Path(__file__).parents[2]


@functools.cache
def example(name):
    """The functions of an example, which is not shown."""
    return runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="gallery")


def assert_published(points, expected):
    values = [point.value for point in points]
    assert len(values) == len(expected), values
    for value, number in zip(sorted(values), expected, strict=True):
        assert value == pytest.approx(number, abs=tolerance(number))


def table(name):
    with (ROOT / "tests" / "data" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_on_the_imaginary_axis(system, point, parameters, period):
    """An equilibrium with a pair of eigenvalues +- 2 pi i / period, by numpy alone."""
    jacobian = system.jacobian(0.0, point, parameters)
    eigenvalues = np.linalg.eigvals(jacobian)
    size = np.abs(jacobian).max()
    assert np.abs(system.rhs(0.0, point, parameters)).max() < 1e-9 * size * np.abs(point).max()
    assert np.abs(eigenvalues - 2j * np.pi / period).min() < 1e-7 * size


@pytest.fixture(scope="module")
def fitzhugh():
    return example("FitzHugh_1961_excitability")["branches"]()


def test_fitzhugh_hopf_points_and_the_symmetry_of_the_folds(fitzhugh):
    """v -> -v turns I into 1.75 - I: folds of cycles, which no source prints, are each other's image."""
    _, rest, cycles = fitzhugh
    oracle = ORACLE["fitzhugh_nagumo"]
    assert_published(rest.special_points, oracle["HB"])
    assert [point.kind for point in rest.special_points] == ["HB", "HB"]
    folds = cycles.of_kind("LPC")
    print(f"\nFitzHugh: folds of cycles {[point.value for point in folds]}", end="")
    assert len(folds) == 2
    assert sum(point.value for point in folds) == pytest.approx(sum(oracle["HB"]), abs=1e-7)
    ends = cycles.values[0], cycles.values[-1]
    np.testing.assert_allclose(sorted(ends), oracle["HB"], atol=1e-3)


def test_fitzhugh_spikes_beside_rest_exist_from_the_fold_on(fitzhugh):
    system, _, cycles = fitzhugh
    fold = cycles.of_kind("LPC")[0].value
    for shift, amplitude in ((-2e-3, 0.0), (2e-3, 3.6)):
        orbit = reduction.flow(system, 2000.0, [2.0, 0.0], parameters={"I": fold + shift})
        assert np.ptp(orbit.states[-400:, 0]) == pytest.approx(amplitude, abs=0.2)


def test_periods_and_the_legend_of_a_figure(fitzhugh):
    _, rest, cycles = fitzhugh
    figure, (left, right) = plt.subplots(1, 2)
    rest.plot(left)
    cycles.plot(left)
    cycles.plot(right, measure="period")
    heights = np.concatenate([line.get_ydata() for line in right.lines if line.get_marker() == "None"])
    assert heights.min() == pytest.approx(ORACLE["fitzhugh_nagumo"]["HB periods"][0], rel=1e-3)
    assert heights.max() == pytest.approx(cycles.periods.max())
    shared_legend(figure, [left, right])
    assert left.get_legend() is None
    assert right.get_legend() is None
    (legend,) = figure.legends
    entries = [text.get_text() for text in legend.get_texts()]
    assert len(entries) == len(set(entries))
    assert {"equilibrium", "stable", "unstable", "HB: Hopf", "LPC: fold of cycles"} <= set(entries)
    plt.close(figure)
    with pytest.raises(SpecificationError, match="has no periods"):
        rest.plot(measure="period")
    plt.close("all")


@pytest.mark.parametrize("number", [0, 1])
def test_morris_lecar(number):
    functions = example("Morris_Lecar_1981_excitability")
    parameters, currents = list(functions["CLASSES"].values())[number]
    oracle = ORACLE["morris_lecar"][tuple(parameters[name] for name in ("phi", "gCa", "V3", "V4"))]
    rest, cycles = functions["branches"](parameters, currents)
    for branch, kind in ((rest, "LP"), (rest, "HB"), (cycles, "LPC")):
        assert_published(branch.of_kind(kind), oracle.get(kind, ()))
    if number:
        assert "period grows without bound" in cycles.status
        saddle_node = oracle["LP"][1]
        near = cycles.stable & (cycles.values < saddle_node + 0.2)
        distance, frequency = cycles.values[near] - saddle_node, 1.0 / cycles.periods[near]
        assert distance.min() < 0.01
        slope = np.polyfit(np.log(distance), np.log(frequency), 1)[0]
        print(f"\nMorris-Lecar, class 1: frequency as the distance to the power {slope:.3f}", end="")
        assert slope == pytest.approx(0.5, abs=0.02)


def test_lorenz_from_rest_to_the_homoclinic_orbit():
    """The homoclinic orbit is at 13.926 (Sparrow 1982): the period grows as its distance's logarithm over 2.0."""
    functions, oracle = example("Lorenz_1963_chaos"), ORACLE["lorenz"]
    rest, convection, cycles = functions["onset"](functions["system"]())
    assert_published(rest.special_points, oracle["BP"])
    assert_published(convection.of_kind("HB"), 2 * oracle["HB"])
    for branch in cycles:
        assert not branch.stable.any()
        assert "period grows without bound" in branch.status
        assert branch.values[-1] == pytest.approx(functions["HOMOCLINIC"], abs=1e-5)
        assert branch.periods[-1] > 5.0


def test_lorenz_cascade():
    functions, oracle = example("Lorenz_1963_chaos"), ORACLE["lorenz"]
    branches = functions["cascade"](functions["system"]())
    for branch, value, period in zip(branches, oracle["PD"], oracle["PD periods"], strict=False):
        (point,) = branch.of_kind("PD")
        assert point.value == pytest.approx(value, abs=tolerance(value))
        assert point.period == pytest.approx(period, abs=tolerance(period))


def test_quadratic_neurons_without_adaptation():
    functions, oracle = example("Montbrio_2015_quadratic_neurons"), ORACLE["montbrio_pazo_roxin"]
    rest, cycles, (folds,) = functions["branches"](functions["MODELS"]["no adaptation"])
    assert_published(rest.special_points, oracle["LP"])
    assert not cycles
    (cusp,) = folds.special_points
    np.testing.assert_allclose(cusp.value, oracle["CP"], atol=1e-8)
    for eta, coupling in folds.values[folds.values[:, 1] > oracle["CP"][1] + 1e-6]:
        assert min(abs(eta - fold.eta) for fold in exact.saddle_nodes(delta=1.0, J=coupling)) < 1e-8


def test_quadratic_neurons_with_adaptation():
    """The drawn curve of Hopf points passes through AUTO's, and each of its points is one; at GH their type changes."""
    functions, oracle = example("Montbrio_2015_quadratic_neurons"), ORACLE["adapting_montbrio_pazo_roxin"]
    parameters = functions["MODELS"]["with adaptation"]
    rest, (cycles,), (curve,) = functions["branches"](parameters)
    system = reduction.montbrio_pazo_roxin(eta=0.0, **parameters)
    assert [point.kind for point in rest.special_points] == ["HB", "HB"]
    assert all(point.normal_form["first_lyapunov"] > 0.0 for point in rest.special_points)
    for point in rest.special_points:
        assert_on_the_imaginary_axis(system, point.state, point.parameters, point.period)
    for state, (eta, coupling), period in zip(curve.states, curve.values, curve.periods, strict=True):
        assert_on_the_imaginary_axis(system, state, {"eta": eta, "J": coupling}, period)
    drawn = curve.values - [0.0, 15 * math.sqrt(2)]
    crossed = np.flatnonzero(drawn[:-1, 1] * drawn[1:, 1] < 0.0)
    shares = drawn[crossed, 1] / (drawn[crossed, 1] - drawn[crossed + 1, 1])
    passed = drawn[crossed, 0] + shares * (drawn[crossed + 1, 0] - drawn[crossed, 0])
    np.testing.assert_allclose(np.sort(passed), oracle["HB"], atol=0.02)
    generalised = curve.of_kind("GH")
    assert len(generalised) == 2
    below = functions["branches"]({**parameters, "J": min(point.value[1] for point in generalised) - 0.5})[0]
    assert [point.normal_form["first_lyapunov"] < 0.0 for point in below.of_kind("HB")] == [True, True]
    folds = cycles.of_kind("LPC")
    assert len(folds) == 2
    for point in folds:
        end = reduction.flow(system, point.period, point.state, parameters=point.parameters, relative_tolerance=1e-10)
        np.testing.assert_allclose(end.states[-1], point.state, atol=1e-6)
        assert np.sort(np.abs(point.eigenvalues - 1.0))[1] < 1e-3  # a double multiplier: the root of the error counts


def test_asynchronous_state_of_the_reduced_network():
    """Its Hopf points over p^EI and the weight are ones of the ODE; the first is near that of twice the bins."""
    functions = example("Chang_2025_bifurcations")
    system = functions["approximation"]().ode()
    branches = functions["equilibria"]()
    finer = [row for row in table("ode_hopf.csv") if row["model"] == "published/150"]
    for branch in branches:
        points = branch.of_kind("HB")
        assert points
        for point in points:
            assert_on_the_imaginary_axis(system, point.state, point.parameters, point.period)
        expected = sorted(float(row["value"]) for row in finer if row["parameter"] == branch.parameter)
        first, last = min(point.value for point in points), max(point.value for point in points)
        assert first == pytest.approx(expected[0], rel=0.03)
        assert last == pytest.approx(expected[-1], rel=0.03)


def test_period_doubling_of_the_reduced_network():
    """Against Newton's method on a return map by integration; its curve against the same with twice the bins."""
    stored = reduction.Diagram.load(ROOT / "examples" / "data" / "chang2025_cycles.npz")
    cycles, *doubled = stored.branches
    rows = [row for row in table("period_doubling.csv") if row["kind"] == "PD" and row["EE.weight"] == "0.95"]
    (expected,) = (row for row in rows if row["model"] == "published/75")
    point = cycles.of_kind("PD")[0]
    print(f"\nperiod doubling at {point.value:.6f}, period {point.period:.6f}", end="")
    assert point.value == pytest.approx(float(expected["p"]), abs=1e-4)
    assert point.period == pytest.approx(float(expected["period"]), abs=1e-3)
    assert doubled[0].periods[0] == pytest.approx(2 * point.period, rel=1e-6)
    (curve,) = stored.curves
    order = np.argsort(curve.values[:, 1])
    for row in table("period_doubling.csv"):
        if row["model"] == "published/150" and row["kind"] == "PD":
            drawn = np.interp(float(row["EE.weight"]), curve.values[order, 1], curve.values[order, 0])
            assert drawn == pytest.approx(float(row["p"]), abs=0.01)


def blocks(language):
    text = (ROOT / "docs" / "bifurcations.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.slow
def test_code_of_the_page_on_bifurcations_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python"):
        exec(block, names)
    plt.close("all")
    assert names["fold"].value == pytest.approx(2 / (3 * math.sqrt(3)), abs=1e-8)
    assert names["point"].value == pytest.approx(ORACLE["logistic"]["PD"][2], abs=1e-5)
    assert reduction.Diagram.load("neuron.npz").special_points


def test_commands_of_the_page_on_bifurcations_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (model,) = blocks("toml")
    (commands,) = blocks("sh")
    Path("neuron.toml").write_text(model, encoding="utf-8")
    own = [line.split()[1:] for line in commands.splitlines() if "neuron.toml" in line]
    assert len(own) == 2
    for arguments in own:
        assert cli.main([*arguments, "--quiet"]) == 0
        assert "0.331281337" in capsys.readouterr().out
    assert (tmp_path / "neuron" / "diagram.npz").exists()
