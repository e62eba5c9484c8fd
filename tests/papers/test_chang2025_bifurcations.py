"""Bifurcations of the reduced network of [C25], beside integration and bisection (tests/data/period_doubling.py)."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import reduction
import spiking

DATA = Path(__file__).parents[1] / "data"
RANGES = {"EI.probability": (0.45, 1.0), "EE.weight": (0.5, 2.0), "E.drive.rate": (5.0, 13.0)}
BINS = 75


def rows(name, **wanted):
    with (DATA / name).open() as file:
        return [row for row in csv.DictReader(file) if all(row[key] == value for key, value in wanted.items())]


@cache
def network(bins=150, **options):
    approximation = reduction.MarkovApproximation(spiking.presets.chang2025(), closure="published", bins=bins)
    return approximation.ode(**options)


@pytest.mark.parametrize(
    ("model", "options", "parameter"),
    [
        ("published/150", {}, "EI.probability"),
        ("published/150", {}, "EE.weight"),
        ("published/24+48", {"discretization": "chebyshev"}, "EI.probability"),
        ("published/24+48", {"discretization": "chebyshev"}, "E.drive.rate"),
    ],
)
def test_hopf_points(model, options, parameter):
    """Every Hopf point that bisection on the eigenvalues found, with its period and the sign of l1."""
    system = network(**options)
    branch = reduction.continue_equilibrium(system, reduction.find_equilibrium(system), parameter, RANGES[parameter])
    found = branch.of_kind("HB")
    for row in rows("ode_hopf.csv", model=model, parameter=parameter):
        nearest = min(found, key=lambda point, row=row: abs(point.value - float(row["value"])))
        print(f"\n{model} {parameter}: HB {nearest.value:.8g}, bisection {row['value']}", end="")
        assert nearest.value == pytest.approx(float(row["value"]), rel=1e-6)
        assert nearest.period == pytest.approx(float(row["period"]), rel=1e-5)
        assert nearest.note == row["kind"]


def test_hopf_points_that_a_coarse_scan_misses():
    """Near p^{EI} = 0.918 one pair becomes stable and another loses stability, within 0.003 of each other."""
    system = network()
    branch = reduction.continue_equilibrium(
        system, reduction.find_equilibrium(system), "EI.probability", RANGES["EI.probability"]
    )
    found = [point for point in branch.of_kind("HB") if 0.91 < point.value < 0.93]
    assert [point.note for point in found] == ["subcritical", "supercritical"]
    assert [point.value for point in found] == pytest.approx([0.916474531, 0.919276045], abs=1e-8)
    for point in found:
        critical = point.eigenvalues[np.argsort(np.abs(point.eigenvalues.real))[:2]]
        assert np.abs(critical.real).max() < 1e-8


def cycle_at(probability):
    """The cycle on which an integration of the ODE ends, at BINS bins."""
    net = spiking.presets.chang2025().replace({"EI.probability": probability})
    approximation = reduction.MarkovApproximation(net, closure="published", bins=BINS)
    end = reduction.integrate(approximation, level="ode", duration=500.0).final_state[0]
    orbit = reduction.flow(
        network(BINS), 60.0, end, parameters={"EI.probability": probability}, relative_tolerance=1e-6
    )
    return reduction.find_cycle(network(BINS), orbit, parameters={"EI.probability": probability})


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_period_doubling():
    """Where the cycle of one event size loses stability, and on which side the doubled cycles begin."""
    (row,) = rows("period_doubling.csv", model=f"published/{BINS}", kind="PD")
    branch = reduction.continue_cycle(network(BINS), cycle_at(0.78), "EI.probability", (0.77, 0.80), largest_step=0.2)
    (point,) = branch.of_kind("PD")
    print(f"\nPD {point.value:.6f}, period {point.period:.5f}, {point.note}; integration {row['p']}, {row['period']}")
    assert point.value == pytest.approx(float(row["p"]), abs=1e-4)
    assert point.period == pytest.approx(float(row["period"]), abs=1e-3)
    assert point.note == "subcritical"
    assert branch.accuracy.max() < 1e-4
    curve = reduction.continue_point(
        network(BINS), point, ("EI.probability", "EE.weight"), ((0.6, 0.95), (0.85, 1.05)), max_points=4,
        initial_step=0.06, largest_step=0.15,
    )  # fmt: skip
    for row in rows("period_doubling.csv", model="published/150", kind="PD"):
        at = np.argsort(curve.values[:, 1])
        value = np.interp(float(row["EE.weight"]), curve.values[at, 1], curve.values[at, 0])
        print(f"EE.weight {row['EE.weight']}: PD at {value:.5f} with {BINS} bins, {row['p']} with 150 by integration")
        assert value == pytest.approx(float(row["p"]), abs=0.01)
