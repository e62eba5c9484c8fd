"""Orders of both discretisations of a cycle, measured: period and multipliers."""

from __future__ import annotations

from dataclasses import replace

import exact_cycles
import numpy as np
import pytest
from naive_continuation import slopes_of_a_step

from reduction import ODESystem
from reduction.continuation import problem as core
from reduction.continuation.collocation import Collocation
from reduction.continuation.cycle_family import content_of
from reduction.continuation.cycle_problem import cycle_problem
from reduction.continuation.shooting import Shooting
from reduction.continuation.tableaux import DIAGONAL, DIAGONAL_ORDER, EMBEDDED

MODELS = {
    "fold of cycles": exact_cycles.fold_of_cycles,
    "torus": exact_cycles.torus,
    "period doubling": exact_cycles.period_doubling,
}


def solved(system, mesh, times, states, period, parameters):
    """The cycle on a mesh: content with period and multipliers, both at the solution."""
    problem = cycle_problem(system, (), parameters, times, states, period, (), mesh)
    inside, y = mesh.start(times, states)
    problem.anchored(mesh, y, period, parameters)
    x = problem.joined(inside, y, period, ())
    solution = core.corrected(problem, x, np.empty((0, x.size)), tolerance=1e-11, iterations=20)
    return content_of(problem, replace(solution, linearised=problem.linearise(solution.x)))


def errors(cycle, mesh):
    """Of the period, and of the multipliers in order of their moduli."""
    times, states = cycle.sampled(points=2001)
    period = times[-1]
    found = solved(cycle.system, mesh, times / period, states, period, cycle.system.parameters)
    exact = np.sort(np.abs(cycle.multipliers(cycle.value)))[::-1]
    return np.array([abs(found.period - period), *np.abs(np.abs(found.multipliers) - exact)])


def collocation(system, intervals):
    return Collocation(system, np.linspace(0.0, 1.0, intervals + 1))


def shooting(system, steps, segments=12):
    each = steps // segments
    return Shooting(
        system, np.linspace(0.0, 1.0, segments + 1), tuple(np.full(each, 1.0 / steps) for _ in range(segments))
    )


def slopes(numbers, found):
    return -np.diff(np.log(found), axis=0) / np.diff(np.log(numbers))[:, None]


# Multipliers that one may expect to see: neither the trivial one nor those below rounding.
SEEN = {"fold of cycles": [0, 1, 3, 4], "torus": [0, 2, 3, 4], "period doubling": [0, 2, 3]}
# Without those whose error by shooting changes sign among the meshes tried.
SMOOTH = {**SEEN, "torus": [2, 3]}


@pytest.mark.parametrize("name", MODELS)
def test_collocation_is_of_order_eight(name):
    cycle, numbers = MODELS[name](6), np.array([6, 8, 12, 16])
    found = slopes(numbers, np.array([errors(cycle, collocation(cycle.system, m)) for m in numbers])[:, SEEN[name]])
    print(f"\n{name}: orders\n{np.round(found, 2)}", end="")
    np.testing.assert_allclose(found[-1], 8.0, atol=0.25)
    np.testing.assert_allclose(found, 8.0, atol=0.8)


@pytest.mark.parametrize("name", MODELS)
def test_shooting_has_the_order_of_its_method(name):
    cycle, numbers = MODELS[name](6), np.array([36, 48, 72, 96])
    found = slopes(numbers, np.array([errors(cycle, shooting(cycle.system, m)) for m in numbers])[:, SMOOTH[name]])
    print(f"\n{name}: orders\n{np.round(found, 2)}", end="")
    np.testing.assert_allclose(found.mean(axis=0), DIAGONAL_ORDER, atol=0.25)


def content(cycle, mesh):
    times, states = cycle.sampled(points=2001)
    return solved(cycle.system, mesh, times / times[-1], states, times[-1], cycle.system.parameters)


@pytest.mark.parametrize("name", ["torus", "period doubling"])
def test_multipliers_do_not_depend_on_the_number_of_segments(name):
    """The same steps cut into 2 to 96 segments."""
    cycle = MODELS[name](5)
    found = [content(cycle, shooting(cycle.system, 96, segments)).multipliers for segments in (2, 3, 12, 32, 96)]
    for other in found[1:]:
        gaps = np.abs(found[0][:, None] - other[None]).min(axis=1)
        np.testing.assert_allclose(gaps, 0.0, atol=1e-10)


# -- a relaxation oscillation


def van_der_pol(mu):
    return ODESystem.from_expressions({"x": "mu*(x - x**3/3 - y)", "y": "x/mu"}, {"mu": mu})


@pytest.fixture(scope="module")
def relaxation():
    """The cycle at mu = 5 on 300 intervals: system, times, states, period."""
    from scipy.integrate import solve_ivp

    system = van_der_pol(5.0)
    p = system.parameters
    path = solve_ivp(
        lambda t, y: system.rhs(0.0, y), (0.0, 60.0), [2.0, 0.0], method="LSODA", rtol=1e-10, atol=1e-12,
        events=_upward(), dense_output=True,
    )  # fmt: skip
    begin, end = path.t_events[0][-2:]
    times = np.linspace(0.0, 1.0, 4001)
    states = path.sol(begin + times * (end - begin)).T
    mesh = Collocation.fitted(system, times, states, 300)
    found = solved(system, mesh, times, states, end - begin, p)
    assert found.period == pytest.approx(end - begin, rel=1e-8)
    return system, times, states, found.period


def _upward():
    def crossing(t, y):
        return y[0]

    crossing.direction = 1.0
    return crossing


def test_period_of_van_der_pol_by_collocation(relaxation):
    """On meshes that follow the arc; the error changes sign below 40 intervals and scatters about order eight above."""
    system, times, states, period = relaxation
    numbers = np.array([40, 48, 64, 80, 96, 128])
    meshes = [Collocation.fitted(system, times, states, m) for m in numbers]
    found = [abs(solved(system, mesh, times, states, period, system.parameters).period - period) for mesh in meshes]
    order = -np.polyfit(np.log(numbers), np.log(found), 1)[0]
    print(f"\nvan der Pol: errors {found}, order {order:.2f}", end="")
    assert order == pytest.approx(8.0, abs=0.6)


def test_van_der_pol_by_shooting_over_the_tolerance(relaxation):
    """Errors of the period and of the trivial multiplier.

    They fall more slowly than the tolerance (powers near 0.7 and 0.85 were measured): where the state jumps, the steps
    are stiff and of lower order.
    """
    system, times, states, period = relaxation
    tolerances = np.array([1e-6, 1e-7, 1e-8, 1e-9])
    found = []
    for tolerance in tolerances:
        mesh = replace(shooting(system, 48), tolerance=tolerance)
        mesh = mesh.adapted(np.empty(0), mesh.start(times, states)[1], period, system.parameters)
        cycle = solved(system, mesh, times, states, period, system.parameters)
        found.append([abs(cycle.period / period - 1.0), cycle.accuracy])
    powers = np.polyfit(np.log(tolerances), np.log(found), 1)[0]
    print(f"\nvan der Pol: errors {found}, powers of the tolerance {powers}", end="")
    assert 0.6 < powers.min() <= powers.max() < 1.2


@pytest.mark.parametrize("name", MODELS)
def test_errors_of_adapted_steps_are_proportional_to_the_tolerance(name):
    """Up to the scatter of step sizes: they grow only when 1.2 times longer ones would do, 1.2^5 over three decades."""
    cycle = MODELS[name](6)
    times, states = cycle.sampled(points=2001)
    tolerances = np.array([1e-7, 1e-8, 1e-9, 1e-10])
    found, numbers = [], []
    for tolerance in tolerances:
        mesh = replace(shooting(cycle.system, 24, 2), tolerance=tolerance)
        y = mesh.start(times / times[-1], states)[1]
        mesh = mesh.adapted(np.empty(0), y, times[-1], cycle.system.parameters)
        numbers.append(sum(map(len, mesh.steps)))
        found.append(errors(cycle, mesh))
    assert np.polyfit(np.log(tolerances), np.log(numbers), 1)[0] == pytest.approx(-1.0 / DIAGONAL_ORDER, abs=0.04)
    powers = np.polyfit(np.log(tolerances), np.log(np.array(found)[:, SMOOTH[name]]), 1)[0]
    print(f"\n{name}: powers of the tolerance {np.round(powers, 2)}", end="")
    np.testing.assert_allclose(powers, 1.0, atol=0.2)


def test_orders_of_one_step():
    """The step itself errs as h^(order + 1); b - b^ applied to its slopes, the estimate, as h^order."""
    cycle = exact_cycles.torus(3)
    y, p = cycle.states(cycle.value, np.array([0.4]))[0], cycle.system.parameters
    steps, found = np.array([0.2, 0.1, 0.05]), []
    for h in steps:
        stage_slopes = slopes_of_a_step(cycle.system, y, h, p)
        end = cycle.states(cycle.value, np.array([0.4 + h]))[0]
        defect = y + h * DIAGONAL.b @ stage_slopes - end
        found.append([np.linalg.norm(h * (DIAGONAL.b - EMBEDDED) @ stage_slopes), np.linalg.norm(defect)])
    np.testing.assert_allclose(slopes(1 / steps, np.array(found))[-1], [DIAGONAL_ORDER, DIAGONAL_ORDER + 1], atol=0.25)


# -- a stiff direction


def with_a_stiff_direction(rate):
    """The unit circle and z = x^2 + O(1/rate), z' = -rate (z - x^2), with multiplier exp(-2 pi rate)."""
    equations = {"x": "x*(1 - x**2 - y**2) - y", "y": "y*(1 - x**2 - y**2) + x", "z": "-k*(z - x**2)"}
    system = ODESystem.from_expressions(equations, {"k": rate})
    angle = np.linspace(0.0, 2 * np.pi, 401)
    x = np.cos(angle)
    wave = rate * (rate * np.cos(2 * angle) + 2 * np.sin(2 * angle)) / (rate**2 + 4) / 2
    return system, angle / (2 * np.pi), np.column_stack([x, np.sin(angle), 0.5 + wave])


@pytest.mark.parametrize("intervals", [10, 20, 40])
def test_what_is_stiff_in_both_discretisations(intervals):
    """Rate 2000 per period, exact multipliers 1, exp(-4 pi), exp(-2000).

    Shooting is L-stable: the stiff multiplier is 0. Collocation is not: it leaves R(-2000/M)^M, below 1 but not small,
    as R(-infinity) = 1 for four Gauss points. Period and the other multipliers are right in both.
    """
    rate = 2000 / (2 * np.pi)
    system, times, states = with_a_stiff_direction(rate)
    p = system.parameters
    damped = solved(system, shooting(system, 240), times, states, 2 * np.pi, p)
    left = solved(system, collocation(system, intervals), times, states, 2 * np.pi, p)
    for found, allowed in ((damped, 1e-6), (left, 2e-8 if intervals > 10 else 1e-6)):
        assert found.period == pytest.approx(2 * np.pi, abs=10 * allowed)
        assert np.abs(found.multipliers - 1.0).min() < 1e-8
        assert np.abs(found.multipliers - np.exp(-4 * np.pi)).min() < allowed
    assert np.abs(damped.multipliers).min() < 1e-15
    z = -2000 / intervals
    numerator = 1 + z / 2 + 3 * z**2 / 28 + z**3 / 84 + z**4 / 1680
    expected = (numerator / (1 - z / 2 + 3 * z**2 / 28 - z**3 / 84 + z**4 / 1680)) ** intervals
    assert 0.0 < expected < 1.0
    print(f"\n{intervals} intervals: stiff multiplier {np.abs(left.multipliers)}, expected {expected:.3g}", end="")
    assert np.abs(left.multipliers - expected).min() < 1e-10 + 1e-8 * expected
