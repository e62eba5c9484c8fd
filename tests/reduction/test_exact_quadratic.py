"""The numbers of Montbrio, Pazo, Roxin 2015, with adaptation those of an independent continuation program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import spiking
from reduction.levels.exact import cusp, fixed_points, montbrio_pazo_roxin, saddle_nodes
from spiking.errors import ParameterError

PLAIN = {"delta": 1.0, "J": 15.0}
ADAPTING = {"delta": 2.0, "J": 15.0 * np.sqrt(2.0), "alpha": 1.0, "tau_a": 10.0}


def newton(function, x):
    for _ in range(50):
        base = function(x)
        steps = 1e-7 * (1 + np.abs(x))
        slopes = np.column_stack(
            [(function(x + h * e) - function(x - h * e)) / (2 * h) for h, e in zip(steps, np.eye(x.size), strict=True)]
        )
        move = np.linalg.solve(slopes, base)
        x = x - move
        if np.abs(move).max() < 1e-13:
            break
    return x


def special_point(system, test, state, eta):
    """Newton's method for an equilibrium at which a function of the Jacobian vanishes; (state, eta)."""

    def equations(x):
        p = {"eta": x[-1]}
        return np.append(system.rhs(0.0, x[:-1], p), test(system.jacobian(0.0, x[:-1], p)))

    found = newton(equations, np.append(state, eta))
    assert np.abs(equations(found)).max() < 1e-9
    return found[:-1], found[-1]


def pair_sum(jacobian):
    """Product of the sums of two eigenvalues: zero at a Hopf point."""
    values = np.linalg.eigvals(jacobian)
    sums = [values[i] + values[j] for i in range(values.size) for j in range(i)]
    return float(np.prod(sums).real)


def test_three_fixed_points():
    system = montbrio_pazo_roxin(eta=-5.0, **PLAIN)
    states = fixed_points(eta=-5.0, **PLAIN)
    np.testing.assert_allclose([y[0] for y in states], [0.08113444, 0.47298034, 1.03059680], atol=6e-9)
    node, saddle, focus = (np.linalg.eigvals(system.jacobian(0.0, y)) for y in states)
    assert np.isreal(node).all()
    assert node.max() < 0
    assert np.isreal(saddle).all()
    assert saddle.min() < 0 < saddle.max()
    assert focus[np.argmax(focus.imag)] == pytest.approx(-0.30886 + 3.31863j, abs=6e-6)


@pytest.mark.parametrize(("eta", "rate"), [(-3.136134086, 0.162569797), (-5.743527162, 0.753919727)])
def test_folds(eta, rate):
    system = montbrio_pazo_roxin(eta=-5.0, **PLAIN)
    state, found = special_point(system, np.linalg.det, np.array([rate + 0.01, -1 / (2 * np.pi * rate)]), eta + 0.02)
    assert found == pytest.approx(eta, abs=6e-10)
    assert state[0] == pytest.approx(rate, abs=6e-10)
    closed = min(saddle_nodes(**PLAIN), key=lambda fold: abs(fold.eta - eta))
    assert (closed.eta, closed.rate) == (pytest.approx(eta, abs=6e-10), pytest.approx(rate, abs=6e-10))


def test_the_cusp():
    found = cusp(delta=1.0)
    assert found.eta == pytest.approx(-np.sqrt(3), rel=1e-15)
    assert pytest.approx(7.796217, abs=6e-7) == found.J
    assert found.rate == pytest.approx(0.296220727, abs=6e-10)
    assert saddle_nodes(delta=1.0, J=found.J - 1e-6) == []
    pair = saddle_nodes(delta=1.0, J=found.J + 1e-6)
    assert [fold.eta for fold in pair] == pytest.approx([found.eta] * 2, abs=1e-5)


def test_folds_and_hopf_points_with_adaptation():
    system = montbrio_pazo_roxin(eta=-4.0, **ADAPTING)
    folds = saddle_nodes(**ADAPTING)
    assert [fold.eta for fold in folds] == pytest.approx([-3.537497, -3.548702], abs=6e-7)
    for fold in folds:
        v = -ADAPTING["delta"] / (2 * np.pi * fold.rate)
        state, eta = special_point(system, np.linalg.det, np.array([fold.rate, v, 10 * fold.rate, 0.0]), fold.eta)
        assert eta == pytest.approx(fold.eta, abs=1e-9)
        assert state[0] == pytest.approx(fold.rate, abs=1e-6)
    for eta in (-4.0398186, -0.534081):
        state = fixed_points(eta=eta + 1e-3, **ADAPTING)[-1]
        state, found = special_point(system, pair_sum, state, eta + 1e-3)
        assert found == pytest.approx(eta, abs=6e-7)
        pair = np.linalg.eigvals(system.jacobian(0.0, state, {"eta": found}))
        pair = pair[np.argsort(np.abs(pair.real))[:2]]
        assert np.abs(pair.real).max() < 1e-7
        assert np.abs(pair.imag).min() > 0.01


@settings(deadline=None, max_examples=100)
@given(
    eta=st.floats(-30, 30), delta=st.floats(0.01, 10), J=st.floats(-30, 40), tau=st.floats(0.1, 50),
    alpha=st.floats(0, 5), tau_a=st.one_of(st.none(), st.floats(1, 100)),
)  # fmt: skip
def test_fixed_points_and_jacobian(eta, delta, J, tau, alpha, tau_a):
    parameters = {"eta": eta, "delta": delta, "J": J, "tau": tau, "alpha": alpha if tau_a else 0.0, "tau_a": tau_a}
    system = montbrio_pazo_roxin(**parameters)
    states = fixed_points(**parameters)
    assert len(states) in (1, 2, 3)
    for y in states:
        jacobian = system.jacobian(0.0, y)
        scale = np.abs(jacobian) @ np.maximum(np.abs(y), 1e-12) + abs(eta) / tau
        assert (np.abs(system.rhs(0.0, y)) <= 1e-10 * scale).all()
        for k in range(y.size):
            h = 1e-6 * max(abs(y[k]), 1e-3)
            e = h * np.eye(y.size)[k]
            difference = (system.rhs(0.0, y + e) - system.rhs(0.0, y - e)) / (2 * h)
            np.testing.assert_allclose(jacobian[:, k], difference, rtol=1e-6, atol=1e-6 * np.abs(jacobian).max())
    rates = [y[0] for y in states]
    assert rates == sorted(rates)


def test_between_folds_there_are_three_fixed_points():
    low, high = sorted(fold.eta for fold in saddle_nodes(**PLAIN, tau=5.0))
    for eta, number in ((low - 1e-6, 1), (low + 1e-6, 3), (high - 1e-6, 3), (high + 1e-6, 1)):
        assert len(fixed_points(eta=eta, **PLAIN, tau=5.0)) == number


def test_time_scales_with_tau():
    fast, slow = (montbrio_pazo_roxin(eta=-5.0, **PLAIN, tau=tau) for tau in (1.0, 10.0))
    y = np.array([0.7, -0.2])
    np.testing.assert_allclose(slow.rhs(0.0, y / [10.0, 1.0]), fast.rhs(0.0, y) / [100.0, 10.0], rtol=1e-14)
    assert slow.observe("rate", y / [10.0, 1.0]) == pytest.approx(70.0)
    assert slow.observe("synchrony", y / [10.0, 1.0]) == pytest.approx(fast.observe("synchrony", y))


def test_the_equations_follow_a_network():
    """Without coupling: the mean of sqrt(eta)/pi over the Lorentzian, and nearly one neuron's rate if it is narrow."""
    system = montbrio_pazo_roxin(eta=2.0, delta=0.5, J=0.0)
    eta = 2.0 + 0.5 * np.tan(np.pi * (np.arange(20000) + 0.5) / 20000 - np.pi / 2)
    single = np.sqrt(np.maximum(eta, 0.0)).mean() / np.pi
    (state,) = fixed_points(eta=2.0, delta=0.5, J=0.0)
    assert state[0] == pytest.approx(single, rel=1e-2)
    run = solve_ivp(system.rhs, (0, 60), [0.1, 0.0], rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(run.y[:, -1], state, rtol=1e-6)
    assert system.observe("synchrony", state) < 1.0
    one = spiking.Network([spiking.Population("X", 1, spiking.QIF(tau_m=1.0), spiking.ConstantDrive(2.0))])
    spikes = spiking.simulate(one, 200.0, scheme="interpolated").times.size
    assert spikes / 200.0 == pytest.approx(fixed_points(eta=2.0, delta=1e-6, J=0.0)[0][0], abs=1 / 200)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"delta": 0.0}, "delta = 0.0: must be positive"), ({"tau": -1.0}, "tau = -1.0: must be positive"),
        ({"alpha": 1.0}, "alpha = 1.0: needs a time constant: give tau_a too"),
        ({"alpha": -1.0, "tau_a": 10.0}, "alpha = -1.0: must be at least 0"),
        ({"J": np.inf}, "J = inf: must be finite"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused(change, message):
    for function in (montbrio_pazo_roxin, fixed_points):
        with pytest.raises(ParameterError, match=message):
            function(**{"eta": -5.0, **PLAIN, **change})
