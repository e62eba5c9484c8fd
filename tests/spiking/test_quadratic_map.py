from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spiking.errors import ParameterError
from spiking.quadratic_map import (
    QuadraticMap,
    basin,
    fixed_points,
    from_quadratic,
    input_of,
    iterate,
    quadratic_parameter,
    silent_interval,
    stable_fixed_point,
    step,
    to_quadratic,
)
from spiking.surrogate import RectangularWindow

PUBLISHED = QuadraticMap(a=0.25, u1=0.0, u2=0.5)

models = st.builds(
    lambda a, u1, distance, threshold, x: QuadraticMap(a, u1, u1 + distance, u1 + threshold, u1 - 1.0, x),
    a=st.floats(0.05, 2.0),
    u1=st.floats(-2.0, 2.0),
    distance=st.floats(0.1, 3.0),
    threshold=st.floats(-0.9, 6.0),
    x=st.floats(-4.0, 0.5),
)


def unbounded(model):
    return QuadraticMap(model.a, model.u1, model.u2, math.inf, model.reset, model.input)


def next_voltage(model, u, x):
    """The naive twin of `step`, for one neuron."""
    after = u + model.a * (u - model.u1) * (u - model.u2) + (model.input + x)
    return (True, model.reset, after) if after >= model.threshold else (False, after, after)


def test_orbits_against_a_naive_twin():
    model = QuadraticMap(0.3, -0.2, 0.6, 0.9, -0.1, 0.02)
    inputs = 0.4 * np.random.default_rng(1).standard_normal((200, 3, 2))
    initial = np.array([0.1, -0.5])
    orbit = iterate(model, initial, inputs)
    assert orbit.model is model
    assert orbit.voltages.shape == (201, 3, 2)
    for i, j in np.ndindex(3, 2):
        u = float(initial[j])
        assert orbit.voltages[0, i, j] == u
        for t, x in enumerate(inputs[:, i, j]):
            spiked, u, reached = next_voltage(model, u, float(x))
            found = (orbit.spikes[t, i, j], orbit.voltages[t + 1, i, j], orbit.reached[t, i, j])
            assert found == (spiked, u, reached)
    assert 0 < orbit.spikes.sum() < orbit.spikes.size


def test_it_spikes_at_the_threshold_itself():
    model = QuadraticMap(0.25, 0.0, 0.5, 0.5, 0.0)
    spikes, after, reached = step(model, [0.5, np.nextafter(0.5, 0)])
    np.testing.assert_array_equal(spikes, [True, False])
    assert (after[0], reached[0]) == (0.0, 0.5)


def test_voltages_beyond_floating_point():
    assert step(PUBLISHED, 1e300)[0]
    spikes, after, _ = step(unbounded(PUBLISHED), np.array([1e300, -1e300]))
    assert not spikes.any()
    np.testing.assert_array_equal(after, math.inf)


# -- the conjugacy


def test_conjugacy_in_sympy():
    a, u1, u2, u, x = sympy.symbols("a u1 u2 u x")
    z = sympy.Lambda(u, a * (u - (u1 + u2) / 2) + sympy.Rational(1, 2))
    c = sympy.Rational(1, 4) - a**2 * (u2 - u1) ** 2 / 4 + a * x
    assert sympy.expand(z(u + a * (u - u1) * (u - u2) + x) - z(u) ** 2 - c) == 0
    numbers = {a: 0.3, u1: -0.2, u2: 0.6, x: 0.07, u: 0.4}
    model = QuadraticMap(0.3, -0.2, 0.6, input=0.07)
    assert float(to_quadratic(model, 0.4)) == pytest.approx(float(z(u).subs(numbers)), abs=1e-15)
    assert float(quadratic_parameter(model)) == pytest.approx(float(c.subs(numbers)), abs=1e-15)


@settings(deadline=None)
@given(model=models, share=st.floats(-1.0, 1.0), seed=st.integers(0, 99))
def test_conjugacy_along_orbits(model, share, seed):
    """z(u_t) follows z' = z^2 + c_t step by step, bounded or not; both ways."""
    model = unbounded(model)
    inputs = 0.1 * np.random.default_rng(seed).standard_normal(30)
    orbit = iterate(model, from_quadratic(model, 2 * share), inputs)
    z, c = to_quadratic(model, orbit.voltages), quadratic_parameter(model, model.input + inputs)
    kept = np.abs(z[1:]) < 1e6
    size = 1 + z[:-1][kept] ** 2 + model.a * (abs(model.u1) + abs(model.u2) + np.abs(inputs[kept]) + 5) ** 2
    assert (np.abs(z[1:][kept] - (z[:-1][kept] ** 2 + c[kept])) <= 2e-15 * size).all()
    np.testing.assert_allclose(from_quadratic(model, z[:-1][kept]), orbit.voltages[:-1][kept], rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(input_of(model, quadratic_parameter(model, inputs)), inputs, atol=1e-13 / model.a)


# -- fixed points and bifurcations


def test_fixed_points_of_the_published_neuron():
    points = fixed_points(PUBLISHED)
    np.testing.assert_array_equal(points.voltages, [0.0, 0.5])
    np.testing.assert_array_equal(points.multipliers, [0.875, 1.125])
    np.testing.assert_array_equal(points.stable, [True, False])
    assert PUBLISHED.saddle_node == 1 / 64
    assert PUBLISHED.period_doubling == -3.984375
    assert stable_fixed_point(PUBLISHED) == (0.0, 0.875)


@given(model=models, inputs=st.lists(st.floats(-5.0, 2.0), min_size=1, max_size=5))
def test_fixed_points_over_the_input(model, inputs):
    """Fixed, with the derivative of the map as multiplier; none beyond the saddle-node; stable where said."""
    x = np.array(inputs)
    points = fixed_points(model, x)
    assert points.voltages.shape == points.multipliers.shape == (2, x.size)
    exists = x <= model.saddle_node
    np.testing.assert_array_equal(np.isfinite(points.voltages), [exists, exists])
    u = points.voltages[:, exists]
    slope = 1 + model.a * (2 * u - model.u1 - model.u2)
    np.testing.assert_allclose(points.multipliers[:, exists], slope, atol=1e-12)
    size = 1 + model.a * np.abs(u) ** 2
    after = u + model.a * (u - model.u1) * (u - model.u2) + x[exists]
    assert (np.abs(after - u) < 1e-12 * (size + 20)).all()
    inside = (model.period_doubling < x) & (x < model.saddle_node)
    clear = np.minimum(np.abs(x - model.period_doubling), np.abs(x - model.saddle_node)) > 1e-9
    np.testing.assert_array_equal(points.stable[0][clear], inside[clear])
    assert not points.stable[1].any()


@pytest.mark.parametrize("x", [1 / 64, 0.02, -3.984375, -4.5])
def test_no_stable_fixed_point(x):
    model = QuadraticMap(0.25, 0.0, 0.5, input=x)
    for function in (stable_fixed_point, basin, silent_interval):
        with pytest.raises(
            ParameterError, match=r"input = .* between the period doubling -3.98\S* and the saddle-node"
        ):
            function(model)


# -- basins


def test_basin_of_the_published_neuron():
    assert basin(PUBLISHED) == silent_interval(PUBLISHED) == (-4.0, 0.5)


@settings(max_examples=40, deadline=None)
@given(model=models, share=st.floats(1e-4, 1 - 1e-4), beyond=st.floats(1e-4, 2.0))
def test_basin_against_orbits(model, share, beyond):
    """From inside, orbits reach the stable fixed point; from outside, on either side, infinity."""
    low, high = model.period_doubling, model.saddle_node
    margin = 0.02 * (high - low)
    assume(low + margin < model.input < high - margin)
    model = unbounded(model)
    lower, upper = basin(model)
    width = upper - lower
    starts = np.array([lower + share * width, lower - beyond * width, upper + beyond * width])
    ends = iterate(model, starts, np.zeros(2000)).voltages[-1]
    assert ends[0] == pytest.approx(stable_fixed_point(model)[0], abs=1e-6 * width)
    np.testing.assert_array_equal(ends[1:], math.inf)


@settings(max_examples=40, deadline=None)
@given(model=models, share=st.floats(1e-3, 1 - 1e-3), beyond=st.floats(1e-3, 2.0))
def test_silent_interval_against_orbits(model, share, beyond):
    """From inside no spike ever; from outside a spike."""
    low, high = model.period_doubling, model.saddle_node
    margin = 0.02 * (high - low)
    assume(low + margin < model.input < high - margin)
    voltage, _ = stable_fixed_point(model)
    assume(abs(voltage - model.threshold) > 1e-3)
    found = silent_interval(model)
    if found is None:
        assert voltage > model.threshold
        starts = np.linspace(-3, 0.99, 50) + model.threshold
        assert iterate(model, starts, np.zeros(3000)).spikes.any(axis=0).all()
        return
    lower, upper = found
    whole = basin(model)
    assert whole.lower <= lower < voltage < upper <= whole.upper
    assert upper == min(model.threshold, whole.upper)
    width = upper - lower
    assert not iterate(model, lower + share * width, np.zeros(1000)).spikes.any()
    start = np.array([lower - beyond * width])
    assert iterate(model, start, np.zeros(1000)).spikes.any()
    if whole.upper < model.threshold:
        assert iterate(model, whole.upper + beyond * width, np.zeros(2000)).spikes.any()


# -- bad input


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"a": 0.0}, "a = 0.0: must be positive"),
        ({"a": math.inf}, "a = inf"),
        ({"u2": 0.0}, "u2 = 0.0: must lie above u1 = 0.0"),
        ({"u1": math.nan}, "u1 = nan"),
        ({"threshold": -math.inf}, "threshold = -inf"),
        ({"reset": 1.0}, "reset = 1.0: must lie below threshold = 1.0"),
        ({"input": "1"}, "input = '1': must be a number"),
    ],
)
def test_refused_neurons(numbers, message):
    with pytest.raises(ParameterError, match=message):
        QuadraticMap(**numbers)


def test_refused_orbits():
    for initial, inputs, message in (
        (0.0, 1.0, "steps as its first axis"),
        (math.nan, [0.0], "initial"),
        (0.0, [math.inf], "inputs"),
        (0.0, ["x"], "inputs"),
        ([0.0, 1.0, 2.0], np.zeros((4, 2)), "broadcast"),
    ):
        with pytest.raises(ParameterError, match=message):
            iterate(PUBLISHED, initial, inputs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: step(PUBLISHED, "x"), "voltage = 'x': must be an array of real numbers"),
        (lambda: step(PUBLISHED, math.nan), "voltage = nan: must be finite or inf"),
        (lambda: step(PUBLISHED, [0.0, -math.inf]), "voltage = -inf"),
        (lambda: step(PUBLISHED, 0.0, [[1.0], [2.0, 3.0]]), "inputs = .*must be an array of real numbers"),
        (lambda: step(PUBLISHED, 0.0, math.inf), "inputs = inf: must be finite"),
        (lambda: step(PUBLISHED, [0.0, 1.0], [1.0, 2.0, 3.0]), r"voltage = \(2,\): must broadcast .* shape \(3,\)"),
        (lambda: fixed_points(PUBLISHED, "x"), "inputs = 'x'"),
        (lambda: fixed_points(PUBLISHED, [0.0, math.nan]), "inputs = nan"),
        (lambda: quadratic_parameter(PUBLISHED, [1j]), "inputs = "),
        (lambda: input_of(PUBLISHED, math.inf), "c = inf"),
        (lambda: to_quadratic(PUBLISHED, ["1"]), "voltage = "),
        (lambda: from_quadratic(PUBLISHED, np.array([1j])), "z = .*must be an array of real numbers"),
        (lambda: RectangularWindow(1.0)("x"), "distance = 'x'"),
        (lambda: RectangularWindow(1.0)([0.0, math.nan]), "distance = nan"),
    ],
)
def test_refused_numbers(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_results_are_shown_in_a_line():
    assert repr(fixed_points(PUBLISHED, np.zeros((3, 2)))) == "FixedPoints(inputs of shape (3, 2), 6 stable)"
    assert repr(iterate(PUBLISHED, 0.9, np.zeros((4, 2)))) == "Orbit(4 steps, neurons of shape (2,), 2 spikes)"
