"""Cycles known in closed form, mixed into many dimensions: multipliers, where they bifurcate, the doubled branch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from exact_cycles import doubled_period, fold_of_cycles, period_doubling, torus
from models import ORACLE
from scipy.integrate import solve_ivp
from scipy.optimize import linear_sum_assignment

import reduction

LEAST = {fold_of_cycles: 2, torus: 3, period_doubling: 4, doubled_period: 4}
BY_SHOOTING = 80
LARGE = [pytest.param(n, marks=pytest.mark.slow) for n in (200, 400)]
SIZES = [2, 3, 4, 5, 6, 40, 100, *LARGE]


def distance(found, expected):
    """Largest distance of two sets of multipliers, each matched with its nearest."""
    apart = np.abs(np.subtract.outer(found, expected))
    return apart[linear_sum_assignment(apart)].max()


def continued(known, bounds):
    cycle = reduction.find_cycle(known.system, known.sampled())
    return reduction.continue_cycle(known.system, cycle, known.parameter, bounds)


def located(branch, kind, name):
    (point,) = [p for p in branch.special_points if p.kind == kind]
    (expected,) = ORACLE[name][kind]
    print(f"\n{name}, n = {len(branch.names)}: {kind} at {point.value:.2e} from {expected}", end="")
    assert point.value == pytest.approx(expected, abs=1e-6 if len(branch.names) > BY_SHOOTING else 1e-8)
    assert point.period == pytest.approx(2 * math.pi, abs=1e-6 if len(branch.names) > BY_SHOOTING else 1e-7)
    return point


@pytest.mark.parametrize("make", LEAST)
def test_the_cycles_solve_their_equations(make):
    """With derivatives in time by Fourier series, and the multipliers by integrating the variational equation."""
    n = 5
    known = make(n)
    period, parameters = known.period(known.value), known.system.parameters
    _, states = known.sampled(points=65)
    frequency = 2j * np.pi * np.fft.fftfreq(64, period / 64)
    slopes = np.fft.ifft(frequency[:, None] * np.fft.fft(states[:-1], axis=0), axis=0).real
    np.testing.assert_allclose(known.system.rhs_many(states[:-1], parameters), slopes, atol=1e-12)

    def variational(t, y):
        (state,) = known.states(known.value, np.array([t]))
        return (known.system.jacobian(t, state) @ y.reshape(n, n)).ravel()

    run = solve_ivp(variational, (0.0, period), np.eye(n).ravel(), method="DOP853", rtol=1e-12, atol=1e-14)
    assert distance(np.linalg.eigvals(run.y[:, -1].reshape(n, n)), known.multipliers(known.value)) < 1e-10

    y, u = np.random.default_rng(0).standard_normal((2, n))
    h = 1e-4
    difference = (known.system.rhs(0.0, y + h * u) - known.system.rhs(0.0, y - h * u)) / (2 * h)
    jacobian = known.system.jacobian_many(np.stack([states[0], y]), parameters)[1]
    np.testing.assert_allclose(jacobian @ u, difference, atol=1e-5)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("make", LEAST)
def test_multipliers(make, n):
    if n < LEAST[make]:
        pytest.skip(f"{make.__name__} has at least {LEAST[make]} dimensions")
    known = make(n)
    cycle = reduction.find_cycle(known.system, known.sampled())
    expected = known.multipliers(known.value)
    error = distance(cycle.multipliers, expected)
    print(f"\n{make.__name__}, n = {n}: multipliers within {error:.1e}", end="")
    assert cycle.period == pytest.approx(known.period(known.value), abs=1e-7)
    assert error < 1e-6
    assert cycle.stable == (np.sort(np.abs(expected))[-1] < 1 + 1e-9)


@pytest.mark.parametrize("n", [2, 6, 40, *LARGE])
def test_fold_of_cycles(n):
    branch = continued(fold_of_cycles(n), (-0.3, -0.1))
    located(branch, "LPC", "fold_of_cycles")
    assert [p.kind for p in branch.special_points] == ["LPC"]
    assert set(branch.stable) == {True, False}


@pytest.mark.parametrize("n", [3, 6, 40, *LARGE])
def test_torus(n):
    branch = continued(torus(n), (-0.3, 0.3))
    point = located(branch, "NS", "torus")
    assert [p.kind for p in branch.special_points] == ["NS"]
    pair = point.eigenvalues[np.abs(point.eigenvalues.imag) > 0.1]
    assert pair.size == 2
    tolerance = 1e-5 if n > BY_SHOOTING else 1e-7
    np.testing.assert_allclose(np.abs(pair), 1.0, atol=tolerance)
    np.testing.assert_allclose(np.abs(np.angle(pair)), ORACLE["torus"]["NS angle"], atol=tolerance)


@pytest.mark.parametrize("n", [4, 6, 40, *LARGE])
def test_period_doubling(n):
    """Onto the doubled cycles: T = 4 pi, |w| = 1, |z| = sqrt(m), and all multipliers."""
    known, doubled = period_doubling(n), doubled_period(n)
    branch = continued(known, (-0.2, 0.2))
    point = located(branch, "PD", "period_doubling")
    assert [p.kind for p in branch.special_points] == ["PD"]
    np.testing.assert_array_equal(branch.stable, branch.values < 0)

    other = branch.switch(point)
    beyond = other.values > 1e-3
    assert other.values.max() == pytest.approx(0.2)
    assert other.stable[beyond].all()
    np.testing.assert_allclose(other.periods, 4 * math.pi, atol=1e-6)
    c = known.coordinates(other.states[beyond])
    np.testing.assert_allclose(np.hypot(c[:, 0], c[:, 1]), 1.0, atol=1e-6)
    np.testing.assert_allclose(np.hypot(c[:, 2], c[:, 3]), np.sqrt(other.values[beyond]), atol=1e-6)
    errors = [
        distance(found, doubled.multipliers(m))
        for m, found in zip(other.values[beyond], other.eigenvalues[beyond], strict=True)
    ]
    print(f"; doubled branch, {beyond.sum()} cycles: multipliers within {max(errors):.1e}", end="")
    assert max(errors) < 1e-6


@pytest.mark.parametrize("n", [2, 40, *LARGE])
def test_from_the_hopf_point_to_the_fold(n):
    known = fold_of_cycles(n)
    start = reduction.find_equilibrium(known.system, np.zeros(n))
    equilibria = reduction.continue_equilibrium(known.system, start, "m", (-0.3, 0.2))
    (hopf,) = [p for p in equilibria.special_points if p.kind == "HB"]
    assert hopf.value == pytest.approx(0.0, abs=1e-8)
    assert hopf.period == pytest.approx(2 * math.pi, abs=1e-8)
    assert hopf.normal_form["first_lyapunov"] == pytest.approx(ORACLE["fold_of_cycles"]["l1"], abs=1e-6)
    branch = reduction.continue_cycle(known.system, hopf, "m", (-0.3, 0.2))
    fold = located(branch, "LPC", "fold_of_cycles")
    radius = np.hypot(*known.coordinates(fold.state[None])[0])
    assert radius == pytest.approx(ORACLE["fold_of_cycles"]["LPC radius"], abs=1e-6)
