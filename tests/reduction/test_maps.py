from __future__ import annotations

import math

import exact_cycles
import models
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reduction
from reduction import MapSystem, ODESystem, differences, time_map
from reduction.continuation.doubling import continue_doubled, departed
from reduction.continuation.point_family import PointFamily
from reduction.continuation.points import point_problem
from reduction.continuation.radau import Advanced, Flow, radau
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError

HENON = {"x": "y", "y": "a - b*x - y**2"}


def logistic():
    return MapSystem.from_expressions({"x": "r*x*(1 - x)"}, {"r": 2.0}, guess=[0.5], observables={"double": "2*x"})


def henon(a=1.0):
    return MapSystem.from_expressions(HENON, {"a": a, "b": 0.5}, guess=[0.5, 0.5])


def delayed_logistic():
    """x_{k+1} = r x_k (1 - x_{k-1}) [Kuznetsov 2004, example 4.2]."""
    return MapSystem.from_expressions({"x": "r*x*(1 - y)", "y": "x"}, {"r": 1.5}, guess=[1 / 3, 1 / 3])


def forced_doubling():
    """z' = i z/2 + (m - 1) z/2 + (m + 1) w conj(z)/2 - |z|^2 z, w = exp(i t): from `exact_cycles.period_doubling`."""

    def function(t, y, p):
        z, m = complex(*y), p["m"]
        slope = (0.5j + (m - 1) / 2 - abs(z) ** 2) * z + (m + 1) / 2 * np.exp(1j * t) * z.conjugate()
        return [slope.real, slope.imag]

    return ODESystem.from_callable(function, ["x", "y"], {"m": -0.1})


def forced_oscillator(decay=0.3):
    """x'' + 2 decay x' + 4 x = force cos t."""

    def function(t, y, p):
        return [y[1], -2 * p["decay"] * y[1] - 4 * y[0] + p["force"] * math.cos(t)]

    def jacobian(t, y, p):
        return [[0.0, 1.0], [-4.0, -2 * p["decay"]]]

    return ODESystem.from_callable(function, ["x", "v"], {"decay": decay, "force": 1.0}, jacobian=jacobian)


def only(branch, kind):
    (point,) = branch.of_kind(kind)
    return point


# -- maps and their iterates


def test_a_map_returns_the_next_state():
    system = logistic()
    assert (system.period, system.iterates, system.orbit_period) == (None, 1, 1.0)
    assert system.rhs(0.0, [0.25], {"r": 4.0}) == pytest.approx([0.75])
    assert system.jacobian(0.0, [0.25], {"r": 4.0}) == pytest.approx(np.array([[2.0]]))
    assert system.observe("double", [0.25]) == 0.5
    assert repr(system.iterated(3)) == "MapSystem(1 states, 1 parameters, iterated 3 times)"


def test_each_constructor_makes_a_map(tmp_path):
    file = tmp_path / "henon.toml"
    file.write_text('equations = {x = "y", y = "a - b*x - y**2"}\nparameters = {a = 1.0, b = 0.5}\n')
    given_function = MapSystem.from_callable(
        lambda t, y, p: [y[1], p["a"] - p["b"] * y[0] - y[1] ** 2], ["x", "y"], {"a": 1.0, "b": 0.5}
    )
    assert not given_function.exact_derivative
    assert not given_function.iterated(2).exact_derivative
    for system in (
        given_function,
        MapSystem.from_toml(file),
        henon(),
        henon().checked(),
        henon().iterated(4).checked(),
    ):
        assert isinstance(system, MapSystem)
        assert system.is_map
        y = [0.3, -0.2]
        expected = henon() if system.iterates == 1 else henon().iterated(4)
        np.testing.assert_array_equal(system.rhs(0.0, y), expected.rhs(0.0, y))


@settings(max_examples=30, deadline=None)
@given(
    y=st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(np.array), a=st.floats(0.2, 1.2), k=st.integers(1, 5),
    exact=st.booleans(),
)  # fmt: skip
def test_iterates_and_their_derivatives(y, a, k, exact):
    model = models.henon()
    jacobian = (lambda t, y, p: model.derivative(y, p)) if exact else None
    once = MapSystem.from_callable(
        lambda t, y, p: model.function(y, p), model.names, model.parameters, jacobian=jacobian
    )
    system, p = once.iterated(k), {"a": a}
    state = y
    for _ in range(k):
        state = once.rhs(0.0, state, p)
    np.testing.assert_array_equal(system.rhs(0.0, y, p), state)
    scale = np.ones(2)
    matrix = differences.jacobian(lambda x: system.rhs(0.0, x, p), y, scale)
    size = np.abs(matrix).max() + np.abs(state).max() + 1.0
    np.testing.assert_allclose(system.jacobian(0.0, y, p), matrix, atol=1e-6 * size)
    slope = differences.slope(lambda value: system.rhs(0.0, y, {"a": value}), a, 1.0)
    np.testing.assert_allclose(system.parameter_derivative("a", y, p), slope, atol=1e-6 * size)


def test_iterates_of_iterates():
    system = time_map(forced_oscillator(), 2 * math.pi)
    six = system.iterated(2).iterated(3)
    assert six.once is system
    assert (six.iterates, six.period) == (6, pytest.approx(12 * math.pi))
    y = np.array([0.2, -0.1])
    np.testing.assert_array_equal(six.rhs(0.0, y), system.iterated(6).rhs(0.0, y))
    assert system.iterated(1) is system
    assert logistic().iterated(2).iterated(2).orbit_period == 4.0


@pytest.mark.parametrize("number", [0, -2, 1.5, math.nan, "2", True])
def test_refused_numbers_of_iterates(number):
    with pytest.raises(ParameterError, match="number"):
        logistic().iterated(number)


# -- fixed points


def test_fixed_points_and_two_cycles():
    """x = y, y^2 + (1 + b) y = a; the two points of the two-cycle are the roots of y^2 - (1 + b) y + (1 + b)^2 = a."""
    b = 0.1
    fixed = np.sort(np.roots([1.0, 1 + b, -1.0]))
    two = np.sort(np.roots([1.0, -(1 + b), (1 + b) ** 2 - 1.0]))
    found = reduction.find_equilibria(henon(), parameters={"b": b})
    np.testing.assert_allclose([e.state for e in found], np.column_stack([fixed, fixed]), atol=1e-12)
    assert [e.stable for e in found] == [False, False]
    found = reduction.find_equilibria(henon().iterated(2), parameters={"b": b})
    states = {tuple(np.round(e.state, 9)): e.stable for e in found}
    expected = {(f, f): False for f in fixed} | {(two[0], two[1]): True, (two[1], two[0]): True}
    assert states == {tuple(np.round(key, 9)): stable for key, stable in expected.items()}


def test_fold_of_a_map():
    """x + m - x^2: fixed points +-sqrt(m), multipliers 1 -+ 2 sqrt(m)."""
    system = MapSystem.from_expressions({"x": "x + m - x**2"}, {"m": 0.25}, guess=[0.5])
    branch = reduction.continue_equilibrium(system, [0.5], "m", (-1.0, 0.5))
    fold = only(branch, "LP")
    assert fold.value == pytest.approx(0.0, abs=1e-8)
    assert fold.normal_form["fold"] == pytest.approx(-1.0, abs=1e-9)
    assert {p.kind for p in branch.special_points} == {"LP"}
    x = branch.states[:, 0]
    np.testing.assert_allclose(x**2, branch.values, atol=1e-9)
    np.testing.assert_allclose(branch.eigenvalues[:, 0], 1 - 2 * x, atol=1e-6)
    np.testing.assert_array_equal(branch.stable, x > 0)


def test_logistic_map():
    branch = reduction.continue_equilibrium(logistic(), [0.5], "r", (0.5, 3.5))
    assert branch.kind == "fixed point"
    np.testing.assert_allclose(branch.states[:, 0], 1 - 1 / branch.values, atol=1e-9)
    np.testing.assert_allclose(branch.eigenvalues[:, 0], 2 - branch.values, atol=1e-8)
    np.testing.assert_allclose(branch.observables["double"][:, 1], 2 * branch.states[:, 0])
    crossing, doubling = branch.special_points
    assert (crossing.kind, doubling.kind) == ("BP", "PD")
    assert crossing.value == pytest.approx(1.0, abs=1e-8)
    assert doubling.value == pytest.approx(3.0, abs=1e-8)
    assert doubling.normal_form["period_doubling"] == pytest.approx(9.0, abs=1e-8)
    assert (doubling.note, doubling.period) == ("supercritical", 1.0)
    zero = branch.switch(crossing)
    np.testing.assert_allclose(zero.states, 0.0, atol=1e-9)
    np.testing.assert_array_equal(
        zero.stable[np.abs(zero.values - 1) > 1e-6], zero.values[np.abs(zero.values - 1) > 1e-6] < 1
    )


@pytest.mark.parametrize("a", [1.0, 2.0])
def test_period_doubling_of_the_henon_map(a):
    """b = 2 sqrt(a/3) - 1, coefficient 1/(2 (1 - b^2)) with q = (1, -1)/sqrt(2)."""
    b = 2 * math.sqrt(a / 3) - 1
    point = only(reduction.continue_equilibrium(henon(a), reduction.find_equilibrium(henon(a)), "b", (0.0, 0.9)), "PD")
    assert point.value == pytest.approx(b, abs=1e-8)
    assert point.normal_form["period_doubling"] == pytest.approx(0.5 / (1 - b**2), abs=1e-8)


def test_torus_of_the_delayed_logistic_map():
    """At r = 2 with multipliers exp(+-i pi/3); the coefficient is -1 with ||q|| = 1."""
    branch = reduction.continue_equilibrium(delayed_logistic(), [1 / 3, 1 / 3], "r", (1.1, 2.5))
    point = only(branch, "NS")
    assert [p.kind for p in branch.special_points] == ["NS"]
    assert point.value == pytest.approx(2.0, abs=1e-8)
    np.testing.assert_allclose(np.abs(np.angle(point.eigenvalues)), math.pi / 3, atol=1e-8)
    assert point.normal_form["torus"] == pytest.approx(-1.0, abs=1e-8)
    assert point.note == "supercritical"
    np.testing.assert_array_equal(branch.stable, branch.values < 2.0)
    with pytest.raises(SpecificationError, match="BP, PD"):
        branch.switch(point)


def test_coefficients_of_a_map_without_jacobian():
    model = models.henon()
    system = MapSystem.from_callable(
        lambda t, y, p: model.function(y, p), model.names, model.parameters, guess=model.guess
    )
    point = only(reduction.continue_equilibrium(system, model.guess, "b", (0.0, 0.9)), "PD")
    assert point.value == pytest.approx(2 / math.sqrt(3) - 1, abs=1e-8)
    assert point.normal_form["period_doubling"] == pytest.approx(0.5 / (1 - point.value**2), abs=1e-8)


# -- orbits of twice the period


def test_doubled_orbit_of_the_logistic_map():
    """x = (r + 1 +- sqrt((r - 3)(r + 1)))/(2 r), multiplier 4 + 2 r - r^2."""
    branch = reduction.continue_equilibrium(logistic(), [0.5], "r", (1.5, 3.6))
    doubled = branch.switch(only(branch, "PD"))
    r, x = doubled.values, doubled.states[:, 0]
    assert doubled.kind == "fixed point"
    assert r[0] - 3 < 1e-3
    assert r[-1] == 3.6
    np.testing.assert_allclose((2 * r * x - r - 1) ** 2, (r - 3) * (r + 1), atol=1e-8)
    np.testing.assert_allclose(doubled.eigenvalues[:, 0], 4 + 2 * r - r**2, atol=1e-6)
    point = only(doubled, "PD")
    assert [p.kind for p in doubled.special_points] == ["PD"]
    assert point.value == pytest.approx(1 + math.sqrt(6), abs=1e-8)
    assert point.period == 2.0
    np.testing.assert_array_equal(doubled.stable, r < point.value)


def test_cascade():
    """The quotients of successive differences tend to 4.669."""
    branch = reduction.continue_equilibrium(logistic(), [0.5], "r", (1.5, 3.6))
    points = [only(branch, "PD")]
    for _ in range(5):
        branch = branch.switch(points[-1])
        points.append(only(branch, "PD"))
        assert (branch.values[:2] < points[-1].value).all()
    assert [p.period for p in points] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    values = np.array([p.value for p in points])
    np.testing.assert_allclose(values[:2], [3.0, 1 + math.sqrt(6)], atol=1e-8)
    np.testing.assert_allclose(values[2:4], [3.54409, 3.56441], atol=6e-6)
    gaps = np.diff(values)
    assert gaps[-2] / gaps[-1] == pytest.approx(4.6692, abs=0.01)


@pytest.mark.parametrize(("sign", "note", "end"), [(1, "supercritical", 0.8), (-1, "subcritical", -0.5)])
def test_small_orbits(sign, note, end):
    """-(1 + m) x +- 10^6 x^3: orbits 10^6 x^2 = +-m with multiplier (1 - 2 m)^2 about the fixed point 0."""
    system = MapSystem.from_expressions({"x": f"-(1 + m)*x + {sign}e6*x**3"}, {"m": -0.1})
    branch = reduction.continue_equilibrium(system, [0.0], "m", (-0.5, 0.8))
    point = only(branch, "PD")
    assert point.normal_form["period_doubling"] == pytest.approx(sign * 1e6, rel=1e-8)
    assert point.note == note
    doubled = branch.switch(point)
    m = doubled.values
    assert m[-1] == end
    np.testing.assert_allclose(1e6 * doubled.states[:, 0] ** 2, sign * m, atol=1e-6)
    np.testing.assert_allclose(doubled.eigenvalues[:, 0], (1 - 2 * m) ** 2, atol=1e-5)
    np.testing.assert_array_equal(doubled.stable, (np.abs(1 - 2 * m) < 1) & (sign > 0))


@pytest.mark.parametrize("shift", [-1000.0, -2.771, 1.0, 1000.0])
def test_doubling_of_a_fixed_point_that_moves(shift):
    """The logistic map of x - shift (r - 3)."""
    moved = f"(x - ({shift})*(r - 3))"
    system = MapSystem.from_expressions(
        {"x": f"r*{moved}*(1 - {moved}) + ({shift})*(r - 3)"}, {"r": 2.9}, guess=[1 - 1 / 2.9 - 0.1 * shift]
    )
    branch = reduction.continue_equilibrium(system, reduction.find_equilibrium(system), "r", (2.5, 3.4))
    doubled = branch.switch(only(branch, "PD"))
    r, x = doubled.values, doubled.states[:, 0] - shift * (doubled.values - 3)
    assert r[-1] == 3.4
    np.testing.assert_allclose((2 * r * x - r - 1) ** 2, (r - 3) * (r + 1), atol=1e-7)


def test_the_branch_of_fixed_points_is_not_taken_for_the_doubled_one():
    branch = reduction.continue_equilibrium(logistic(), [0.5], "r", (1.5, 3.6))
    point, system = only(branch, "PD"), logistic()
    problem = point_problem(system.iterated(2), ("r",), point.parameters, point.state, (2.1,))
    family = PointFamily(problem, np.array([[1.5, 3.6]]))
    x = np.append(point.state, point.value)
    along = np.array([1 / 9, 1.0])
    length = math.sqrt(problem.weights @ along**2)
    assert departed(family, system, x, along / length) is None
    across = np.array([1.0, 0.0]) / math.sqrt(problem.weights[0])
    family.problem.rescale(0.1 * problem.scale)
    record, straightness = departed(family, system, x, 0.1 * across)
    assert record.x[0] == pytest.approx(point.state[0] + 0.01 * problem.scale)
    assert 0.5 < straightness <= 1.0


def test_switching_keeps_events_and_takes_options():
    branch = reduction.continue_equilibrium(
        logistic(), [0.5], "r", (1.5, 3.5), events={"middle": lambda y, p: p["r"] - 3.25},
        stop=lambda y, p: p["r"] > 3.4,
    )  # fmt: skip
    doubled = branch.switch(only(branch, "PD"), largest_step=0.02)
    assert doubled.values.max() < 3.45
    assert only(doubled, "middle").value == pytest.approx(3.25, abs=1e-9)
    assert len(doubled) > len(branch.switch(only(branch, "PD")))
    assert len(branch.switch(only(branch, "PD"), max_points=3)) == 4


def test_refused_doublings():
    branch = reduction.continue_equilibrium(logistic(), [0.5], "r", (0.5, 3.5))
    crossing, doubling = branch.special_points
    with pytest.raises(SpecificationError, match="of kind PD"):
        continue_doubled(logistic(), crossing, "r", (0.5, 3.5))
    with pytest.raises(SpecificationError, match="must be a MapSystem"):
        continue_doubled(models.lorenz(), doubling, "rho", (0.5, 3.5))
    with pytest.raises(SpecificationError, match="of this map"):
        continue_doubled(logistic().iterated(2), doubling, "r", (0.5, 3.5))
    with pytest.raises(SpecificationError, match="bounds"):
        continue_doubled(logistic(), doubling, "r", (0.5, 2.5))
    with pytest.raises(UnknownNameError, match="'s'"):
        continue_doubled(logistic(), doubling, "s", (0.5, 3.5))
    with pytest.raises(ParameterError, match="max_points"):
        branch.switch(doubling, max_points=0)


def test_degenerate_doubling():
    """-x (1 + m): every x is on an orbit of period two at m = 0, and none elsewhere."""
    system = MapSystem.from_expressions({"x": "-(1 + m)*x"}, {"m": -0.1})
    branch = reduction.continue_equilibrium(system, [0.0], "m", (-0.5, 0.5))
    point = only(branch, "PD")
    assert point.note == "degenerate"
    orbits = branch.switch(point)
    np.testing.assert_allclose(orbits.values, 0.0, atol=1e-9)


# -- the map over a given time


def decaying():
    return ODESystem.from_callable(
        lambda t, y, p: -p["a"] * t * y**2, ["y"], {"a": 1.0},
        jacobian=lambda t, y, p: np.diag(-2 * p["a"] * t * y), guess=[1.0],
    )  # fmt: skip


def exact_end(t, a):
    """Of y' = -a t y^2 from y = 1, with its derivatives by the first state and by a."""
    y = 1 / (1 + a * t**2 / 2)
    return np.array([y, y**2, -(y**2) * t**2 / 2])


@pytest.mark.parametrize("stages", [2, 3, 5])
def test_coefficients_of_the_method(stages):
    """sum_j a_ij c_j^(k-1) = c_i^k/k up to the number of stages, the weights exact up to degree 2 stages - 2."""
    method = radau(stages)
    for k in range(1, stages + 1):
        np.testing.assert_allclose(method.a @ method.c ** (k - 1), method.c**k / k, atol=1e-13)
    for k in range(1, 2 * stages):
        assert method.b @ method.c ** (k - 1) == pytest.approx(1 / k, abs=1e-13)
    assert abs(method.b @ method.c ** (2 * stages - 1) - 1 / (2 * stages)) > 1e-7


# f(t, y; a), its derivative by y, time, and the end from y = 1 with its derivatives by the first state and by a = -1
LINEAR = {
    "growth that changes": (
        lambda t, y, p: p["a"] * (1 + t) * y, lambda t, p: p["a"] * (1 + t), 2.0, math.exp(-4) * np.array([1, 1, 4]),
    ),
    "forcing": (
        lambda t, y, p: p["a"] * (y - math.sin(t) - 1) + math.cos(t), lambda t, p: p["a"], 4.0,
        [1 + math.sin(4.0), math.exp(-4), 0.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_order_of_the_integration(name):
    function, derivative, duration, end = LINEAR[name]
    system = ODESystem.from_callable(
        function, ["y"], {"a": -1.0}, jacobian=lambda t, y, p: [[derivative(t, p)]], guess=[1.0]
    )
    flow, errors = Flow(system, duration, 1.0), []
    for number in (4, 8):
        now, h = Advanced(np.ones(1), np.array([[1.0, 0.0]])), duration / number
        for k in range(number):
            now, _ = flow.step(now, k * h, h, {"a": -1.0}, ["a"], np.ones(1))
        errors.append(np.abs(np.append(now.state, now.sensitivity) - end))
    orders = np.log2(errors[0] / errors[1])
    print(f"\n{name}: errors {errors}, orders {orders}", end="")
    np.testing.assert_allclose(orders, 9.0, atol=0.25)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6])
def test_tolerance_of_the_integration(tolerance):
    found = Flow(decaying(), 4.0, tolerance).advance(np.ones(1), {"a": 2.0}, ["a"])
    error = np.abs(np.append(found.state, found.sensitivity) - exact_end(4.0, 2.0)).max()
    print(f"\ntolerance {tolerance}: error {error:.2g}", end="")
    assert error < 0.1 * tolerance


@pytest.mark.parametrize("k", [1e2, 1e4, 1e6, 1e8])
def test_stiff_states_decay(k):
    """y' = -k (y - cos t) - sin t, y = cos t: kept to the tolerance, and the multiplier exp(-2 pi k) is 0."""
    system = ODESystem.from_callable(
        lambda t, y, p: -p["k"] * (y - math.cos(t)) - math.sin(t), ["y"], {"k": k}, guess=[1.0]
    )
    stroboscopic = time_map(system, 2 * math.pi)
    end = float(stroboscopic.rhs(0.0, [1.0])[0])
    print(f"\nk = {k:g}: error {end - 1.0:.2g}", end="")
    assert end == pytest.approx(1.0, abs=1e-6)
    assert np.abs(stroboscopic.jacobian(0.0, [1.0])).max() < 1e-8
    assert reduction.find_equilibrium(stroboscopic).stable


CYCLES = {
    "fold 2": exact_cycles.fold_of_cycles(2),
    "torus 3": exact_cycles.torus(3),
    "torus 12": exact_cycles.torus(12),
    "doubling 4": exact_cycles.period_doubling(4),
}


@pytest.mark.parametrize("name", CYCLES)
def test_multipliers_of_cycles(name):
    """The Jacobian of the map over the period at a point of a cycle has the Floquet multipliers as eigenvalues."""
    cycle = CYCLES[name]
    stroboscopic = time_map(cycle.system, cycle.period(cycle.value))
    y = cycle.states(cycle.value, np.array([1.0]))[0]
    np.testing.assert_allclose(stroboscopic.rhs(0.0, y), y, atol=1e-9)
    found = np.linalg.eigvals(stroboscopic.jacobian(0.0, y))
    expected = cycle.multipliers(cycle.value)
    error = max(np.abs(found - value).min() for value in expected)
    print(f"\n{name}: error of the multipliers {error:.2g}", end="")
    assert error < 1e-7
    assert max(np.abs(expected - value).min() for value in found) < 1e-7


@pytest.mark.parametrize("name", ["fold 2", "torus 12"])
def test_derivatives_of_the_map_over_a_time(name):
    cycle = CYCLES[name]
    stroboscopic = time_map(cycle.system, 2.0)
    y = cycle.states(cycle.value, np.array([1.0]))[0] + 0.05
    n, p = y.size, {cycle.parameter: cycle.value}
    matrix = differences.jacobian(lambda x: stroboscopic.rhs(0.0, x, p), y, np.ones(n))
    np.testing.assert_allclose(stroboscopic.jacobian(0.0, y, p), matrix, atol=1e-6)
    slope = differences.slope(lambda v: stroboscopic.rhs(0.0, y, {cycle.parameter: v}), cycle.value, 1.0)
    np.testing.assert_allclose(stroboscopic.parameter_derivative(cycle.parameter, y, p), slope, atol=1e-6)


def test_results_do_not_depend_on_what_was_asked_before():
    system = forced_oscillator()
    used = time_map(system, 2 * math.pi)
    states = np.random.default_rng(3).standard_normal((40, 2))
    for y in states:
        used.rhs(0.0, y)
        used.parameter_derivative("force", y, {"decay": 0.1})
        used.parameter_derivative("decay", y)
    for y in states[[0, 39]]:
        fresh = time_map(system, 2 * math.pi)
        np.testing.assert_array_equal(used.rhs(0.0, y), fresh.rhs(0.0, y))
        np.testing.assert_array_equal(used.jacobian(0.0, y), fresh.jacobian(0.0, y))
        given_slope = used.parameter_derivative("decay", y, {"force": 2.0})
        np.testing.assert_allclose(given_slope, fresh.parameter_derivative("decay", y, {"force": 2.0}), atol=1e-13)
    matrix = used.jacobian(0.0, states[0])
    matrix[:] = 0.0
    assert np.abs(used.jacobian(0.0, states[0])).max() > 0.0


def test_forced_linear_oscillator():
    """x = Re (force exp(i t)/(3 + 2 i decay)); multipliers exp(2 pi (-decay +- i sqrt(4 - decay^2)))."""
    stroboscopic = time_map(forced_oscillator(), 2 * math.pi)
    branch = reduction.continue_equilibrium(
        stroboscopic, reduction.find_equilibrium(stroboscopic), "decay", (-0.2, 0.3)
    )
    decay = branch.values
    amplitude = 1 / (3 + 2j * decay)
    np.testing.assert_allclose(branch.states, np.column_stack([amplitude.real, (1j * amplitude).real]), atol=1e-8)
    expected = np.exp(2 * math.pi * (-decay + 1j * np.sqrt(4 - decay**2)))
    found = branch.eigenvalues[
        np.arange(decay.size), np.argmax(branch.eigenvalues.imag * expected.imag[:, None], axis=1)
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(branch.stable, decay > 0)


def test_period_doubling_of_a_forced_system():
    """Multipliers -exp(2 pi m), -exp(-2 pi); then |z|^2 = m over two periods of the forcing.

    With multiplier -(1 + 2 pi m) and amplitude sqrt(m), the coefficient of the normal form is 2 pi.
    """
    stroboscopic = time_map(forced_doubling(), 2 * math.pi)
    branch = reduction.continue_equilibrium(stroboscopic, [0.0, 0.0], "m", (-0.2, 0.2))
    point = only(branch, "PD")
    assert [p.kind for p in branch.special_points] == ["PD"]
    assert point.value == pytest.approx(0.0, abs=1e-8)
    assert point.period == pytest.approx(2 * math.pi)
    assert point.normal_form["period_doubling"] == pytest.approx(2 * math.pi, abs=1e-6)
    expected = -np.exp([2 * math.pi * branch.values, np.full(len(branch), -2 * math.pi)]).T
    np.testing.assert_allclose(branch.eigenvalues, expected, atol=1e-6)
    doubled = branch.switch(point)
    m = doubled.values
    assert m[-1] == 0.2
    np.testing.assert_allclose((doubled.states**2).sum(axis=1), m, atol=1e-8)
    np.testing.assert_allclose(doubled.eigenvalues, np.exp([-8 * math.pi * m, -4 * math.pi * (1 + m)]).T, atol=1e-6)
    assert doubled.stable.all()


def test_refused_maps_over_a_time():
    with pytest.raises(SpecificationError, match="must be its period"):
        time_map(forced_oscillator(), 3.0)
    with pytest.raises(SpecificationError, match="must be its period"):
        time_map(forced_doubling(), 3.0)
    with pytest.raises(SpecificationError, match="map already"):
        time_map(logistic(), 1.0)
    with pytest.raises(SpecificationError, match="must be an ODESystem"):
        time_map("lorenz", 1.0)
    for duration in (0.0, -1.0, math.inf, math.nan, "1"):
        with pytest.raises(ParameterError, match="duration"):
            time_map(forced_oscillator(), duration)
    with pytest.raises(ParameterError, match="tolerance"):
        time_map(forced_oscillator(), 2 * math.pi, tolerance=0.0)


def test_half_a_period_is_none():
    """sin 0 = sin pi = 0, but sin is not of period pi."""
    system = ODESystem.from_callable(lambda t, y, p: -y + math.sin(t), ["y"])
    with pytest.raises(SpecificationError, match="must be its period"):
        time_map(system, math.pi)


def test_another_period_of_the_forcing_is_refused_later():
    system = ODESystem.from_callable(
        lambda t, y, p: -y + p["force"] * math.cos(p["omega"] * t), ["y"], {"omega": 1.0, "force": 0.0}
    )
    stroboscopic = time_map(system, 2 * math.pi)
    assert stroboscopic.rhs(0.0, [1.0], {"force": 1.0}).shape == (1,)
    with pytest.raises(SpecificationError, match="must be its period"):
        stroboscopic.rhs(0.0, [1.0], {"force": 1.0, "omega": 1.1})
    with pytest.raises(NumericalError, match="must be its period"):
        reduction.find_equilibrium(stroboscopic, [1.0], parameters={"force": 1.0, "omega": 1.1})


def test_growth_without_bounds():
    """y' = y^2 from 1 ends at time 1."""
    stroboscopic = time_map(ODESystem.from_expressions({"y": "y**2"}, guess=[0.1]), 2.0)
    assert stroboscopic.rhs(0.0, [0.1]) == pytest.approx([0.1 / 0.8], abs=1e-9)
    with pytest.raises(NumericalError, match=r"fails at time (1|0\.99)"):
        stroboscopic.rhs(0.0, [1.0])


def test_a_right_hand_side_that_is_not_finite():
    with pytest.raises(NumericalError, match="nan"):
        time_map(ODESystem.from_expressions({"y": "log(y)"}, guess=[-1.0]), 1.0)
    system = time_map(ODESystem.from_expressions({"y": "-1 - sqrt(y)"}, guess=[4.0]), 1.0)
    assert system.rhs(0.0, [4.0]).shape == (1,)
    with pytest.raises(NumericalError, match="fails at time 0"):
        system.rhs(0.0, [0.5])
