"""Branches as a user traces them: bounds, events, resumption, interruption, reproducibility, ends and switches."""

from __future__ import annotations

import math

import exact_cycles
import models
import naive_continuation as naive
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import reduction
from reduction import Cycle, ODESystem
from reduction.continuation.cycle_problem import CycleProblem
from spiking.errors import SpecificationError

BAUTIN = {"b1": -0.1, "b2": 1.0}
CYCLE = {"x": "x*(1 - x**2 - y**2) - y", "y": "y*(1 - x**2 - y**2) + x"}
RADIUS = math.sqrt((1 + math.sqrt(0.6)) / 2)  # of the stable cycle there


def only(branch, kind):
    (point,) = branch.of_kind(kind)
    return point


def bautin_hopf():
    return only(reduction.continue_equilibrium(models.bautin(), [0.0, 0.0], "b1", (-1.0, 1.0)), "HB")


def bautin_cycle():
    angle = np.linspace(0.0, 4 * np.pi, 201)
    samples = RADIUS * np.column_stack([np.cos(angle), np.sin(angle)])
    return reduction.find_cycle(models.bautin(), (angle, samples), parameters=BAUTIN)


def folds(**options):
    return reduction.continue_equilibrium(models.cusp(), [-1.3], "m", (-1.0, 1.0), **options)


def cycles(**options):
    return reduction.continue_cycle(models.bautin(), bautin_cycle(), "b1", (-0.4, 0.2), **options)


def cycles_from_hopf(**options):
    return reduction.continue_cycle(models.bautin(), bautin_hopf(), "b1", (-0.4, 0.2), **options)


def curve_of_folds(**options):
    return reduction.continue_point(
        models.cusp(), folds().of_kind("LP")[0], ("m", "l"), ((-2.0, 2.0), (-1.0, 2.0)), **options
    )


def curve_of_hopf_points(**options):
    system = models.bogdanov_takens()
    point = only(reduction.continue_equilibrium(system, [-0.9, 0.0], "b1", (-1.0, 1.0)), "HB")
    return reduction.continue_point(system, point, ("b1", "b2"), ((-2.0, 2.0), (-2.0, 2.0)), **options)


def curve_of_cycle_folds(**options):
    point = only(cycles(), "LPC")
    options = {"initial_step": 0.05, "largest_step": 0.1, **options}
    return reduction.continue_point(models.bautin(), point, ("b1", "b2"), ((-0.5, 0.0), (0.4, 1.4)), **options)


TRACES = {
    "equilibria": folds,
    "cycles": cycles,
    "cycles from a Hopf point": cycles_from_hopf,
    "curve of folds": curve_of_folds,
    "curve of Hopf points": curve_of_hopf_points,
    "curve of folds of cycles": curve_of_cycle_folds,
}


def assert_same(one, two):
    """Bit for bit."""
    for name in ("values", "states", "minima", "maxima", "eigenvalues", "stable"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)
    assert [(p.kind, p.value) for p in one.special_points] == [(p.kind, p.value) for p in two.special_points]
    assert one.status == two.status


# -- bounds and status


def test_bounds_are_hit_exactly():
    branch = folds()
    assert (branch.values[0], branch.values[-1]) == (-1.0, 1.0)
    assert branch.status == "reached the bound -1; reached the bound 1"
    for end in (branch.states[0, 0], branch.states[-1, 0]):
        m = -1.0 if end < 0 else 1.0
        assert m + end - end**3 == pytest.approx(0.0, abs=1e-14)
    assert np.abs(branch.values).max() == 1.0
    assert cycles().values[-1] == 0.2


def test_bounds_of_a_curve_are_hit_exactly():
    curve = curve_of_folds()
    np.testing.assert_array_equal(curve.values[[0, -1], 1], 2.0)
    np.testing.assert_allclose(
        np.sort(curve.values[[0, -1], 0]), 4 / 3 * math.sqrt(2 / 3) * np.array([-1, 1]), rtol=1e-12
    )
    assert (np.abs(curve.values[:, 0]) <= 2.0).all()
    assert sorted(curve_of_cycle_folds().values[[0, -1], 1]) == [0.4, 1.4]


def test_a_start_on_a_bound_goes_the_other_way():
    for bounds, start in (((-1.0, 0.0), -1.0), ((-1.0, 0.5), -1.0)):
        branch = reduction.continue_equilibrium(models.cusp(), [-1.3], "m", bounds, parameters={"m": start})
        assert branch.values[0] == bounds[0]
        assert (branch.values >= bounds[0]).all()
        assert (branch.values <= bounds[1]).all()
        assert len(branch) > 20


def test_max_points_is_said_and_counts_each_direction():
    branch = folds(max_points=7)
    assert "7 points: to go on, increase `max_points`" in branch.status
    assert len(folds(max_points=3, initial_step=1e-4)) == 7
    assert len(cycles_from_hopf(max_points=5)) == 7


def test_stop_ends_a_branch_at_the_first_point_where_it_holds():
    branch = folds(stop=lambda y, p: y[0] > 0.9)
    assert "stopped by `stop`" in branch.status
    assert (branch.states[:-1, 0] <= 0.9).all()
    assert branch.states[-1, 0] > 0.9
    branch = cycles(stop=lambda y, p: p["b1"] > 0.1)
    assert "stopped by `stop`" in branch.status
    assert 0.1 < branch.values.max() < 0.2


# -- the same points whatever the way they were asked for


@pytest.mark.parametrize("name", TRACES)
def test_two_runs_are_equal_bit_for_bit(name):
    assert_same(TRACES[name](max_points=12), TRACES[name](max_points=12))


@pytest.mark.parametrize("name", TRACES)
def test_a_resumed_branch_is_the_long_one(name):
    short = TRACES[name](max_points=4)
    assert "4 points" in short.status
    assert_same(short.continuation.resumed(3).continuation.resumed(9), TRACES[name](max_points=16))


@pytest.mark.parametrize("name", TRACES)
@pytest.mark.parametrize("number", [1, 5, 12])
def test_an_interrupted_branch_is_kept_and_goes_on(name, number):
    """From the callback: in the first direction, or the second."""

    def progress(count, value):
        assert math.isfinite(value)
        if count == number:
            raise KeyboardInterrupt

    whole = TRACES[name](max_points=8)
    branch = TRACES[name](max_points=8, progress=progress)
    if len(whole) <= number:
        assert_same(branch, whole)
        return
    assert branch.status.startswith("interrupted; ")
    assert len(branch) in (number + 1, number + 2)
    assert all(any((row == point).all() for row in whole.states) for point in branch.states[-number:])
    if number < 9:
        assert_same(branch.continuation.resumed(8), whole)


def test_progress_counts_the_points():
    seen = []
    branch = folds(progress=lambda count, value: seen.append((count, value)))
    assert [count for count, _ in seen] == list(range(1, len(branch)))
    assert {value for _, value in seen} <= set(branch.values)


def test_a_continuation_is_an_iterator():
    """Records in turn: forward, then backward; the branch so far at any time."""
    short = folds(max_points=2)
    continuation = short.continuation
    for trace, _ in continuation._ways:
        trace.extend(3)
    numbers = [len(continuation.branch()) for _ in continuation]
    assert numbers == list(range(len(short) + 1, len(short) + 1 + len(numbers)))


# -- every point


def test_every_equilibrium_solves_its_equations_with_its_eigenvalues():
    for system, start, name, bounds in (
        (models.fitzhugh_nagumo(), [-1.2, -0.6], "I", (-1.0, 2.0)),
        (models.lorenz(), [0.0, 0.0, 0.0], "rho", (0.0, 30.0)),
        (models.plp(), [110.0, 500.0], "rho", (-0.01, 6.0)),
    ):
        branch = reduction.continue_equilibrium(system, start, name, bounds)
        for value, y, eigenvalues, stable in zip(
            branch.values, branch.states, branch.eigenvalues, branch.stable, strict=True
        ):
            p = {name: value}
            jacobian = system.jacobian(0.0, y, p)
            assert np.abs(np.linalg.solve(jacobian, system.rhs(0.0, y, p))).max() < 1e-8 * (1 + np.abs(y).max())
            again = np.linalg.eigvals(jacobian)
            size = np.abs(again).max()
            assert max(np.abs(again - v).min() for v in eigenvalues) < 1e-6 * size
            assert stable == (again.real < 0).all() or np.abs(again.real).min() < 1e-6 * size


def test_every_cycle_solves_its_equations_with_its_multipliers():
    """Integrated over its period from phase 0, with the variational equations."""
    branch = cycles()
    system = models.bautin()
    for k in range(0, len(branch), 6):
        p = {**BAUTIN, "b1": branch.values[k]}

        def both(t, z, p=p):
            return np.concatenate(
                [system.rhs(0.0, z[:2], p), (system.jacobian(0.0, z[:2], p) @ z[2:].reshape(2, 2)).ravel()]
            )

        path = solve_ivp(
            both, (0.0, branch.periods[k]), [*branch.states[k], 1, 0, 0, 1], rtol=1e-10, atol=1e-12, method="DOP853"
        )
        np.testing.assert_allclose(path.y[:2, -1], branch.states[k], atol=1e-7)
        monodromy = np.linalg.eigvals(path.y[2:, -1].reshape(2, 2))
        np.testing.assert_allclose(np.sort(monodromy.real), np.sort(branch.eigenvalues[k].real), atol=2e-6)
        cycle = branch.cycle(k)
        assert cycle.period == branch.periods[k]
        assert cycle.stable == branch.stable[k]
        np.testing.assert_allclose(np.hypot(*cycle.states.T), branch.maxima[k, 0], rtol=2e-5)


def test_collocation_equations_hold_along_a_branch():
    branch = cycles_from_hopf(max_points=25)
    continuation = branch.continuation
    record = continuation.ordered()[-1]
    problem = continuation.family.problem
    assert isinstance(problem, CycleProblem)
    assert np.abs(naive.residual(problem, record.x)[:-1]).max() < 1e-8


def test_extrema_lie_between_the_samples():
    branch = cycles()
    square = branch.maxima[:, 0] ** 2
    np.testing.assert_allclose(branch.values + square - square**2, 0.0, atol=1e-7)
    np.testing.assert_allclose(branch.minima, -branch.maxima, atol=1e-6)


# -- events of the user's


def test_events_are_located_on_branches_of_equilibria():
    branch = folds(events={"quarter": lambda y, p: y[0] - 0.25, "tenth": lambda y, p: p["m"] - 0.1})
    assert [p.kind for p in branch.special_points] == ["tenth", "LP", "tenth", "quarter", "LP", "tenth"]
    quarter = only(branch, "quarter")
    assert quarter.state[0] == pytest.approx(0.25, abs=1e-9)
    assert quarter.value == pytest.approx(0.25**3 - 0.25, abs=1e-9)
    for point in branch.of_kind("tenth"):
        assert point.value == pytest.approx(0.1, abs=1e-9)


def test_events_are_located_on_branches_of_cycles_and_curves():
    branch = cycles_from_hopf(events={"radius": lambda y, p: y @ y - 0.3})
    assert [p.kind for p in branch.special_points] == ["radius", "LPC"]
    assert only(branch, "radius").value == pytest.approx(0.09 - 0.3, abs=1e-8)
    curve = curve_of_folds(events={"one": lambda y, p: p["l"] - 1.0})
    assert [p.kind for p in curve.special_points] == ["one", "CP", "one"]
    for point in curve.of_kind("one"):
        np.testing.assert_allclose(np.abs(point.value), [2 / (3 * math.sqrt(3)), 1.0], atol=1e-9)


# -- cycles from trajectories


def circle(points, turns=1.0):
    angle = np.linspace(0.0, 2 * np.pi * turns, points)
    return angle, RADIUS * np.column_stack([np.cos(angle), np.sin(angle)])


def as_result(points=None):
    system = models.bautin()
    times = None if points is None else np.linspace(0.0, 60.0, points)
    return solve_ivp(
        lambda t, y: system.rhs(0.0, y, BAUTIN), (0.0, 60.0), [0.9, 0.1], t_eval=times, rtol=1e-7, atol=1e-9
    )


TRAJECTORIES = {
    "Orbit": lambda: reduction.flow(models.bautin(), 80.0, [0.9, 0.0], parameters=BAUTIN),
    "OdeResult": as_result,
    "OdeResult, sparse": lambda: as_result(80),
    "three covers": lambda: circle(1000, 3),
    "three and a half, sparse": lambda: circle(36, 3.5),
    "one, twelve samples": lambda: circle(12),
    "eight samples": lambda: circle(8),
    "Cycle run through three times": lambda: Cycle(
        *circle(400, 3), 6 * np.pi, BAUTIN, np.empty(0, complex), False, 0.0
    ),
    "lists": lambda: tuple(part.tolist() for part in circle(100, 2.5)),
}


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_a_cycle_from_every_kind_of_trajectory(name):
    cycle = reduction.find_cycle(models.bautin(), TRAJECTORIES[name](), parameters=BAUTIN)
    assert cycle.period == pytest.approx(2 * np.pi, rel=1e-9)
    assert cycle.parameters == BAUTIN
    assert cycle.stable
    assert cycle.accuracy < 1e-6
    square = RADIUS**2
    assert cycle.multipliers[1].real == pytest.approx(math.exp(2 * np.pi * (2 * square - 4 * square**2)), abs=1e-9)
    np.testing.assert_allclose(np.hypot(*cycle.states.T), RADIUS, rtol=1e-6)
    np.testing.assert_array_equal(cycle.states[0], cycle.states[-1])


@pytest.mark.parametrize("turns", [2, 7, 10])
def test_a_strongly_shaped_cycle_is_found_once_however_often_it_was_run_through(turns):
    """The symmetric cycle of the Lorenz equations at 350, seen as several periods."""
    system = models.lorenz()
    parameters = {**system.parameters, "rho": 350.0}
    orbit = reduction.flow(system, 60.0, [20.0, 10.0, 350.0], parameters=parameters, samples=40000)
    once = reduction.find_cycle(system, orbit)
    assert once.period == pytest.approx(0.38848758, abs=1e-7)
    times = np.concatenate([[0.0], *(k * once.period + once.times[1:] for k in range(turns))])
    states = np.concatenate([once.states[:1], *[once.states[1:]] * turns])
    several = Cycle(times, states, turns * once.period, parameters, np.empty(0, complex), False, 0.0)
    assert reduction.find_cycle(system, several).period == pytest.approx(once.period, rel=1e-7)


def test_unstable_cycles_and_cycles_of_many_states():
    cycle = exact_cycles.fold_of_cycles(20)
    found = reduction.find_cycle(cycle.system, cycle.sampled(points=60))
    assert not found.stable
    assert found.period == pytest.approx(2 * np.pi, rel=1e-9)
    exact = cycle.multipliers(cycle.value)
    assert max(np.abs(found.multipliers - value).min() for value in exact) < 1e-7


def test_continuing_from_a_fold_of_cycles():
    """Where the parameter cannot be held."""
    system = models.bautin()
    again = reduction.continue_cycle(system, only(cycles(), "LPC"), "b1", (-0.4, 0.2))
    square = again.maxima[:, 0] ** 2
    np.testing.assert_allclose(again.values + square - square**2, 0.0, atol=1e-6)
    assert square.min() < 0.2
    assert square.max() > 0.9


def test_continuing_from_a_period_doubling():
    """Along the cycle that doubles, both ways."""
    model = exact_cycles.period_doubling(4)
    start = reduction.find_cycle(model.system, model.sampled())
    branch = reduction.continue_cycle(model.system, start, "m", (-0.2, 0.2))
    again = reduction.continue_cycle(model.system, only(branch, "PD"), "m", (-0.2, 0.2))
    np.testing.assert_allclose(again.periods, 2 * np.pi, rtol=1e-8)
    np.testing.assert_allclose(np.sort(again.values[[0, -1]]), [-0.2, 0.2])


def test_states_that_stand_still_do_not_shape_the_mesh():
    """z = 0.5 all along a circle: the mesh of a circle is even, whatever rounding leaves in z."""
    equations = {**CYCLE, "z": "z*(m - z**2)"}
    system = ODESystem.from_expressions(equations, {"m": 0.25})
    angle = np.linspace(0.0, 2 * np.pi, 200)
    samples = np.column_stack([np.cos(angle), np.sin(angle), np.full(200, 0.5)])
    branch = reduction.continue_cycle(system, reduction.find_cycle(system, (angle, samples)), "m", (0.1, 0.4))
    np.testing.assert_allclose(branch.periods, 2 * np.pi, rtol=1e-10)
    for times, _ in branch.profiles[2:-2]:
        ends = times[::5]
        assert np.diff(ends).max() < 10 * np.diff(ends).min()


# -- how branches of cycles end


def test_a_branch_of_cycles_from_one_hopf_point_to_the_other():
    """z' = (1 - m^2 + i) z - z |z|^2: r^2 = 1 - m^2."""
    growth = "(1 - m**2 - x**2 - y**2)"
    system = ODESystem.from_expressions({"x": f"{growth}*x - y", "y": f"{growth}*y + x"}, {"m": -2.0})
    equilibria = reduction.continue_equilibrium(system, [0.0, 0.0], "m", (-2.0, 2.0))
    first, last = equilibria.of_kind("HB")
    branch = equilibria.switch(first)
    assert "shrinks to an equilibrium: a Hopf point near" in branch.status
    assert float(branch.status.split("near ")[1].split(";")[0]) == pytest.approx(last.value, abs=1e-3)
    np.testing.assert_allclose(branch.maxima[:, 0] ** 2, 1 - branch.values**2, atol=1e-6)
    assert branch.stable[1:-1].all()


def test_canard_explosion_of_fitzhugh_and_nagumo():
    """Within 1e-7 of one value of I the period grows from the Hopf point's to that of relaxation oscillations."""
    system = models.fitzhugh_nagumo()
    equilibria = reduction.continue_equilibrium(system, system.guess, "I", (-1.0, 2.0))
    orbit = reduction.flow(system, 400.0, [1.0, 0.0], parameters={"I": 0.5})
    relaxation = reduction.continue_cycle(system, reduction.find_cycle(system, orbit), "I", (0.2, 0.5))
    small = equilibria.switch(equilibria.of_kind("HB")[0], max_points=34)
    assert relaxation.periods.max() > 60.0
    assert relaxation.periods.min() < 40.0
    assert small.periods[0] == pytest.approx(22.80591687, abs=1e-7)
    assert small.periods.max() > 60.0
    explosion = small.values[small.periods > 50.0]
    assert len(explosion) >= 3
    assert np.ptp(explosion) < 1e-6
    on_the_other = relaxation.values[(relaxation.periods > 60.0)]
    assert np.abs(on_the_other - explosion[-1]).min() < 1e-6
    assert not small.stable[5:20].any()


def test_lorenz_cycles_end_in_the_homoclinic_orbit():
    """At rho = 13.926557 [Sparrow 1982]; the period grows as the log of the distance over the saddle's slowest rate.

    The fixed point of the return map x -> m + a x^s with the saddle index s = (8/3) / rate < 1 has m ~ -a x^s, and the
    passage takes -log(x) / rate = -log(m) / (8/3).
    """
    system = models.lorenz()
    equilibria = reduction.continue_equilibrium(
        system, [8.4853, 8.4853, 27.0], "rho", (10.0, 30.0), parameters={"rho": 28.0}
    )
    branch = equilibria.switch(only(equilibria, "HB"))
    assert "the period grows without bound near 13.9266: a homoclinic orbit" in branch.status
    assert branch.values[-1] == pytest.approx(13.926557, abs=2e-6)
    assert branch.periods[-1] > 6.0
    rho = branch.values[-1]
    near = (branch.periods > 2.0) & (branch.periods < 3.5)
    growth = np.diff(branch.periods[near]) / -np.diff(np.log(branch.values[near] - rho))
    np.testing.assert_allclose(growth, 3 / 8, rtol=0.01)
    assert not branch.stable.any()


# -- other branches


def test_pitchfork_of_equilibria():
    """x = +-sqrt(m), one branch through the pitchfork itself, where it turns."""
    system = ODESystem.from_expressions({"x": "m*x - x**3", "y": "-y + x**2"}, {"m": -1.0})
    trivial = reduction.continue_equilibrium(system, [0.0, 0.0], "m", (-1.0, 1.0))
    point = only(trivial, "BP")
    assert point.value == pytest.approx(0.0, abs=1e-10)
    crossing = trivial.switch(point)
    np.testing.assert_allclose(crossing.states[:, 0] ** 2, crossing.values, atol=1e-8)
    np.testing.assert_allclose(np.sort(crossing.states[[0, -1], 0]), [-1.0, 1.0], atol=1e-8)
    np.testing.assert_array_equal(trivial.stable, trivial.values < 0)
    assert crossing.stable[np.abs(crossing.states[:, 0]) > 1e-3].all()


def test_transcritical_point_and_back():
    system = ODESystem.from_expressions({"x": "m*x - x**2"}, {"m": -1.0})
    trivial = reduction.continue_equilibrium(system, [0.0], "m", (-1.0, 1.0))
    crossing = trivial.switch(only(trivial, "BP"))
    np.testing.assert_allclose(crossing.states[:, 0], crossing.values, atol=1e-9)
    np.testing.assert_allclose(crossing.values[[0, -1]], [-1.0, 1.0])
    back = crossing.switch(only(crossing, "BP"))
    np.testing.assert_allclose(back.states, 0.0, atol=1e-9)


def test_branch_points_are_found_in_skewed_coordinates_of_any_size():
    """y = S (x + m^2): the trivial branch is no straight line; sizes from 1e-3 to 1e3."""
    for size in (1e-3, 1.0, 1e3):
        x = f"(y/{size} - m**2)"
        system = ODESystem.from_expressions({"y": f"{size}*(m*{x} - {x}**3)"}, {"m": -1.0}, guess=[size])
        trivial = reduction.continue_equilibrium(system, [size], "m", (-1.0, 1.0))
        point = only(trivial, "BP")
        assert point.value == pytest.approx(0.0, abs=1e-8)
        crossing = trivial.switch(point)
        scaled = crossing.states[:, 0] / size - crossing.values**2
        np.testing.assert_allclose(scaled**2, crossing.values, atol=1e-6)


def crossing_cycles(z):
    system = ODESystem.from_expressions({**CYCLE, "z": z}, {"m": -0.3})
    angle = np.linspace(0.0, 2 * np.pi, 200)
    start = reduction.find_cycle(system, (angle, np.column_stack([np.cos(angle), np.sin(angle), 0 * angle])))
    branch = reduction.continue_cycle(system, start, "m", (-0.5, 0.5))
    return branch, only(branch, "BPC"), branch.switch(only(branch, "BPC"))


def test_pitchfork_of_cycles():
    """z' = z (m - z^2) about the unit circle: multiplier exp(2 pi m), then z^2 = m with exp(-4 pi m)."""
    branch, point, crossing = crossing_cycles("z*(m - z**2)")
    assert point.value == pytest.approx(0.0, abs=1e-9)
    for k in range(len(branch)):
        assert np.abs(branch.eigenvalues[k] - np.exp(2 * np.pi * branch.values[k])).min() < 1e-6
    away = np.abs(branch.values) > 1e-6
    np.testing.assert_array_equal(branch.stable[away], branch.values[away] < 0)
    np.testing.assert_allclose(crossing.maxima[:, 2] ** 2, crossing.values, atol=1e-7)
    np.testing.assert_allclose(crossing.maxima[:, 2], crossing.minima[:, 2], atol=1e-8)
    np.testing.assert_allclose(np.sort(crossing.maxima[[0, -1], 2]), np.array([-1, 1]) * math.sqrt(0.5), atol=1e-7)
    np.testing.assert_allclose(crossing.periods, 2 * np.pi, rtol=1e-9)
    for k in range(len(crossing)):
        assert np.abs(crossing.eigenvalues[k] - np.exp(-4 * np.pi * crossing.values[k])).min() < 1e-5


def test_transcritical_crossing_of_cycles():
    """z' = z (m + 0.4 x - z) with x = cos t: log z returns after a period, so that the mean of z is m."""
    _, point, crossing = crossing_cycles("z*(m + 0.4*x - z)")
    assert point.value == pytest.approx(0.0, abs=1e-9)
    assert [p.kind for p in crossing.special_points] == ["BPC"]
    np.testing.assert_allclose(np.sort(crossing.values[[0, -1]]), [-0.5, 0.5])
    for k in range(len(crossing)):
        times, states = crossing.profiles[k]
        mean = np.trapezoid(states[:, 2], times)
        assert mean == pytest.approx(crossing.values[k], abs=2e-4)


def test_symmetric_lorenz_cycle_loses_its_symmetry():
    """At rho = 312.97 [Sparrow 1982, table], and its asymmetric cycles double at 229.407 [AUTO-07p]."""
    system = models.lorenz()
    orbit = reduction.flow(system, 60.0, [20.0, 10.0, 350.0], parameters={"rho": 350.0}, samples=40000)
    symmetric = reduction.continue_cycle(system, reduction.find_cycle(system, orbit), "rho", (225.0, 350.0))
    point = only(symmetric, "BPC")
    assert point.value == pytest.approx(312.97, abs=0.006)
    asymmetric = symmetric.switch(point)
    doubling = min(asymmetric.of_kind("PD"), key=lambda p: abs(p.value - 229.407))
    assert doubling.value == pytest.approx(229.407, abs=6e-4)
    off = np.abs(asymmetric.maxima[:, 0] + asymmetric.minima[:, 0])
    assert off.max() > 5.0
    np.testing.assert_allclose(symmetric.maxima[:, 0], -symmetric.minima[:, 0], rtol=1e-4)


def test_doubled_cycles_in_closed_form():
    """|z|^2 = m, T = 4 pi, multiplier exp(-8 pi m)."""
    model = exact_cycles.period_doubling(4)
    branch = reduction.continue_cycle(
        model.system, reduction.find_cycle(model.system, model.sampled()), "m", (-0.2, 0.2), max_points=40
    )
    point = only(branch, "PD")
    assert point.value == pytest.approx(0.0, abs=1e-8)
    doubled = branch.switch(point)
    np.testing.assert_allclose(doubled.periods, 4 * np.pi, rtol=1e-7)
    assert doubled.values[-1] == 0.2
    for k in range(len(doubled)):
        z = model.coordinates(doubled.profiles[k][1])[:, 2:]
        np.testing.assert_allclose((z**2).sum(axis=1), doubled.values[k], atol=1e-4)
        assert np.abs(doubled.eigenvalues[k] - np.exp(-8 * np.pi * doubled.values[k])).min() < 1e-4


def test_options_of_a_switch():
    equilibria = reduction.continue_equilibrium(models.lorenz(), [0.0, 0.0, 0.0], "rho", (0.0, 40.0))
    point = only(equilibria, "BP")
    assert "3 points" in equilibria.switch(point, max_points=3).status
    fine = equilibria.switch(point, largest_step=0.02)
    assert len(fine) > len(equilibria.switch(point))


# -- many equilibria


@pytest.mark.parametrize("m", [0.1, -0.3, 0.38])
def test_all_three_equilibria(m):
    found = reduction.find_equilibria(models.cusp(), parameters={"m": m})
    exact = np.sort(np.roots([-1.0, 0.0, 1.0, m]).real)
    np.testing.assert_allclose([e.state[0] for e in found], exact, atol=1e-10)
    assert [e.stable for e in found] == [True, False, True]
    assert all(e.parameters == {"m": m, "l": 1.0} for e in found)


def test_all_roots_of_polynomials():
    five = ODESystem.from_expressions({"x": "(x - 1)*(x - 2)*(x - 3)*(x + 4)*(x - 5.5)"})
    np.testing.assert_allclose([e.state[0] for e in reduction.find_equilibria(five)], [-4, 1, 2, 3, 5.5], atol=1e-9)
    twelve = ODESystem.from_expressions({"x": "(x**2 - 1)*(x**2 - 4)*(x**2 - 9)", "y": "y**2 - x - 4"})
    found = np.array([e.state for e in reduction.find_equilibria(twelve)])
    expected = [(x, sign * math.sqrt(x + 4)) for x in (-3, -2, -1, 1, 2, 3) for sign in (-1, 1)]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_equilibria_in_a_region_and_from_own_guesses():
    system = models.cusp()
    only_here = reduction.find_equilibria(system, parameters={"m": 0.1}, guesses=[[5.0]], starts=0)
    assert len(only_here) == 3
    seeded = [reduction.find_equilibria(system, parameters={"m": 0.1}, region=(-2.0, 2.0), seed=3) for _ in range(2)]
    np.testing.assert_array_equal(*[[e.state for e in found] for found in seeded])
    assert len(seeded[0]) == 3


# -- sizes and rates


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("rate", [2 * np.pi * 1e3, 2 * np.pi * 1e-5])
def test_cycles_of_any_size_and_period(size, rate):
    """z' = rate ((b + i) z - z |z|^2/size^2) at b = 0.5 from a simulation: period 1e-3 or 1e5."""
    system = scaled_hopf(size, rate)
    orbit = reduction.flow(system, 40 * 2 * np.pi / rate, [0.3 * size, 0.0], parameters={"b": 0.5})
    cycle = reduction.find_cycle(system, orbit)
    assert cycle.period * rate == pytest.approx(2 * np.pi, rel=1e-10)
    assert cycle.multipliers[1].real == pytest.approx(np.exp(-2 * np.pi), rel=1e-6)
    branch = reduction.continue_cycle(system, cycle, "b", (0.2, 0.8))
    np.testing.assert_allclose((branch.maxima[:, 0] / size) ** 2, branch.values, rtol=1e-5)
    assert branch.status == "reached the bound 0.2; reached the bound 0.8"


def scaled_hopf(size, rate):
    growth = f"(b - (x**2 + y**2)/{size}**2)"
    equations = {"x": f"{rate!r}*({growth}*x - y)", "y": f"{rate!r}*({growth}*y + x)"}
    return ODESystem.from_expressions(equations, {"b": -0.5})


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_cycles_from_a_hopf_point_of_any_size(size):
    system = scaled_hopf(size, 1.0)
    equilibria = reduction.continue_equilibrium(system, [0.0, 0.0], "b", (-1.0, 1.0))
    branch = equilibria.switch(only(equilibria, "HB"))
    assert branch.values[-1] == 1.0
    assert not branch.special_points
    np.testing.assert_allclose((branch.maxima[:, 0] / size) ** 2, branch.values, atol=1e-5)


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_equilibria_of_any_size(size):
    system = ODESystem.from_expressions({"x": f"m + x/{size} - (x/{size})**3"}, {"m": -1.0}, guess=[-1.3 * size])
    branch = reduction.continue_equilibrium(system, [-1.3 * size], "m", (-1.0, 1.0))
    oracle = models.ORACLE["cusp"]["LP"]
    np.testing.assert_allclose(sorted(p.value for p in branch.of_kind("LP")), oracle, atol=1e-8)
    found = reduction.find_equilibria(system, parameters={"m": 0.1})
    np.testing.assert_allclose(
        [e.state[0] / size for e in found], np.sort(np.roots([-1.0, 0.0, 1.0, 0.1]).real), rtol=1e-8
    )


@pytest.mark.parametrize("offset", [0.0, 10.0, 100.0, 1e4])
def test_cycles_about_an_equilibrium_far_from_zero(offset):
    """The normal form of Bautin about x = offset: cycles of amplitude 1 and their fold, in as many points."""
    growth = f"(b1 + ((x - {offset})**2 + y**2) - ((x - {offset})**2 + y**2)**2)"
    equations = {"x": f"{growth}*(x - {offset}) - y", "y": f"{growth}*y + x - {offset}"}
    system = ODESystem.from_expressions(equations, {"b1": -0.5}, guess=[offset, 0.0])
    equilibria = reduction.continue_equilibrium(system, [offset, 0.0], "b1", (-1.0, 1.0))
    branch = reduction.continue_cycle(system, only(equilibria, "HB"), "b1", (-0.4, 0.2))
    assert only(branch, "LPC").value == pytest.approx(-0.25, abs=1e-8)
    assert branch.values[-1] == 0.2
    assert len(branch) > 20


@pytest.mark.parametrize(("first", "second"), [(1e3, 1e-3), (1e6, 1e-6)])
def test_cycles_of_states_of_unlike_sizes(first, second):
    growth = f"(b - (x/{first})**2 - (y/{second})**2)"
    equations = {"x": f"{growth}*x - {first / second!r}*y", "y": f"{growth}*y + {second / first!r}*x"}
    system = ODESystem.from_expressions(equations, {"b": 0.5})
    cycle = reduction.find_cycle(system, reduction.flow(system, 200.0, [0.3 * first, 0.0]))
    assert cycle.period == pytest.approx(2 * np.pi, rel=1e-9)
    branch = reduction.continue_cycle(system, cycle, "b", (0.2, 0.8))
    for k, size in enumerate((first, second)):
        np.testing.assert_allclose((branch.maxima[:, k] / size) ** 2, branch.values, rtol=1e-6)


@pytest.mark.parametrize("mu", [10.0, 30.0])
def test_relaxation_oscillations_from_a_simulation(mu):
    """Van der Pol's period is (3 - 2 log 2) mu + 7.0143 mu^(-1/3) + O(log(mu)/mu) [Dorodnicyn 1947]."""
    system = ODESystem.from_expressions({"x": "mu*(x - x**3/3 - y)", "y": "x/mu"}, {"mu": mu})
    orbit = reduction.flow(system, 10 * mu, [2.0, 0.0], samples=40000)
    cycle = reduction.find_cycle(system, orbit)
    assert cycle.period == pytest.approx(
        (3 - 2 * math.log(2)) * mu + 7.01432 * mu ** (-1 / 3), abs=1.5 * math.log(mu) / mu
    )
    assert cycle.stable


def test_relaxation_oscillations_by_continuation():
    """From mu = 10 to 100, where a sampled simulation is too far from the cycle."""
    system = ODESystem.from_expressions({"x": "mu*(x - x**3/3 - y)", "y": "x/mu"}, {"mu": 10.0})
    cycle = reduction.find_cycle(system, reduction.flow(system, 100.0, [2.0, 0.0], samples=20000))
    branch = reduction.continue_cycle(system, cycle, "mu", (5.0, 100.0))
    assert branch.stable.all()
    assert branch.periods[-1] == pytest.approx((3 - 2 * math.log(2)) * 100 + 7.01432 * 100 ** (-1 / 3), abs=0.07)


def test_both_directions_begin_with_the_same_metric():
    """x = m from 0: an odd system has an odd branch, although the states grow on the way."""
    system = ODESystem.from_expressions({"x": "m - x"}, {"m": 0.0})
    branch = reduction.continue_equilibrium(system, [0.0], "m", (-1e6, 1e6))
    np.testing.assert_allclose(branch.values[0], -branch.values[-1], rtol=1e-6)


def test_one_state_and_a_parameter_without_effect():
    system = ODESystem.from_expressions({"x": "-x + 2"}, {"m": 0.0})
    branch = reduction.continue_equilibrium(system, [2.0], "m", (-1.0, 1.0))
    np.testing.assert_array_equal(branch.states, 2.0)
    np.testing.assert_array_equal(branch.values[[0, -1]], [-1.0, 1.0])
    assert not branch.special_points


def test_a_vertical_branch_ends_where_its_states_have_grown():
    branch = reduction.continue_equilibrium(ODESystem.from_expressions({"x": "m"}, {"m": 0.0}), [0.0], "m", (-1.0, 1.0))
    assert "the states" in branch.status
    assert "grow" in branch.status
    np.testing.assert_allclose(branch.values, 0.0, atol=1e-12)


def test_branches_from_a_file_cannot_be_switched(tmp_path):
    diagram = reduction.diagram(models.cusp(), "m", (-1.0, 1.0))
    diagram.save(tmp_path / "diagram.npz")
    loaded = reduction.Diagram.load(tmp_path / "diagram.npz").branches[0]
    with pytest.raises(SpecificationError, match="continue it anew"):
        loaded.switch(loaded.special_points[0])
