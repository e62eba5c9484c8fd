"""The discretised quadratic neuron (arXiv:2510.05168): its bifurcations by continuation against the quadratic map's."""

from __future__ import annotations

import math

import numpy as np
import pytest

import reduction
from spiking.quadratic_map import QuadraticMap, fixed_points, input_of, iterate

PUBLISHED = QuadraticMap(a=0.25, u1=0.0, u2=0.5, threshold=math.inf)
OTHER = QuadraticMap(a=0.7, u1=-0.3, u2=1.1, threshold=math.inf)


def followed(model, bounds):
    numbers = {"a": model.a, "u1": model.u1, "u2": model.u2, "x": 0.0}
    system = reduction.MapSystem.from_expressions({"u": "u + a*(u - u1)*(u - u2) + x"}, numbers, guess=[model.u1])
    rest = reduction.find_equilibrium(system)
    assert rest.state == pytest.approx([model.u1], abs=1e-12)
    assert rest.eigenvalues == pytest.approx([1 - model.a * model.distance], abs=1e-8)
    return reduction.continue_equilibrium(system, rest, "x", bounds)


def only(branch, kind):
    (point,) = branch.of_kind(kind)
    return point


@pytest.mark.parametrize("model", [PUBLISHED, OTHER], ids=["published", "other"])
def test_saddle_node_and_period_doubling(model):
    branch = followed(model, (1.3 * model.period_doubling, 2 * model.saddle_node))
    fold, doubling = only(branch, "LP"), only(branch, "PD")
    print(f"\nsaddle-node {fold.value:.12f}, period doubling {doubling.value:.12f}", end="")
    assert fold.value == pytest.approx(model.saddle_node, abs=1e-8)
    assert doubling.value == pytest.approx(model.period_doubling, abs=1e-8)
    assert doubling.note == "supercritical"
    exact = fixed_points(model, np.minimum(branch.values, model.saddle_node))
    nearest = np.abs(exact.voltages - branch.states[:, 0]).argmin(axis=0)
    kept = np.arange(len(branch))
    np.testing.assert_allclose(branch.states[:, 0], exact.voltages[nearest, kept], atol=1e-7)
    clear = np.abs(branch.values - model.saddle_node) > 1e-6
    np.testing.assert_array_equal(branch.stable[clear], exact.stable[nearest, kept][clear])


def test_published_numbers():
    branch = followed(PUBLISHED, (-4.5, 0.1))
    assert only(branch, "LP").value == pytest.approx(1 / 64, abs=1e-8)
    assert only(branch, "PD").value == pytest.approx(-3.984375, abs=1e-8)


def test_the_cascade_of_the_quadratic_map():
    """c = -3/4 and -5/4 exactly; then -1.3680989394 and -1.3940461566, as x = a D^2/4 + (c - 1/4)/a."""
    branch = followed(PUBLISHED, (-7.0, 0.4))
    points = [only(branch, "PD")]
    for _ in range(3):
        branch = branch.switch(points[-1])
        points.append(only(branch, "PD"))
    values = np.array([point.value for point in points])
    assert [point.period for point in points] == [1.0, 2.0, 4.0, 8.0]
    np.testing.assert_allclose(values[:2], input_of(PUBLISHED, [-0.75, -1.25]), atol=1e-8)
    np.testing.assert_allclose(values[2:], input_of(PUBLISHED, [-1.3680989394, -1.3940461566]), atol=1e-8)


def test_orbits_settle_on_the_doubled_orbit():
    """At x = -5 the map ends in the orbit of period two that continuation follows."""
    branch = followed(PUBLISHED, (-5.5, 0.1))
    doubled = branch.switch(
        only(branch, "PD"), stop=lambda y, p: p["x"] < -5.0, events={"at": lambda y, p: p["x"] + 5.0}
    )
    expected = only(doubled, "at").state[0]
    settled = iterate(PUBLISHED, -1.0, np.full(2000, -5.0)).voltages[-2:]
    assert np.abs(settled - expected).min() < 1e-8
    assert abs(settled[0] - settled[1]) > 1.0
