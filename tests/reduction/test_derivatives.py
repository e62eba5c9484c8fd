from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from reduction import ODESystem
from reduction.continuation.derivatives import second, second_of, third, third_of
from spiking.errors import NumericalError

POLYNOMIALS = {"x": "x - x**3/3 - y + x*y**2", "y": "(x + 0.7 - 0.8*y)*x*y"}
# name: equations, state, relative errors allowed of B and C, from the Jacobian and from the function alone
MODELS = {
    "cubic": (POLYNOMIALS, [0.3, -0.2], 1e-13, 1e-13, 1e-13, 1e-13),
    "cubic at 0": (POLYNOMIALS, [0.0, 0.0], 1e-13, 1e-13, 1e-13, 1e-13),
    "transcendental": (
        {"x": "exp(-x)*sin(y) + tanh(2*x)", "y": "1/(1 + exp(-3*y)) + x*log(2 + y**2)"}, [0.4, -0.7],
        1e-12, 1e-9, 1e-10, 1e-8),
    "Morris-Lecar": (
        {"x": "(-2.2*(1 + tanh((x + 1.2)/18))*(x - 120) - 8*y*(x + 84) - 2*(x + 60))/20",
         "y": "0.04*(0.5*(1 + tanh((x - 2)/30)) - y)*cosh((x - 2)/60)"}, [-33.0, 0.1], 1e-12, 1e-9, 1e-10, 1e-8),
    "close to the edge of its domain": (
        {"x": "x**4/(0.001 + x**4) - x", "y": "x - sqrt(y)"}, [0.2, 0.01], 1e-11, 1e-9, 1e-9, 1e-7),
    "small scale": ({"x": "tanh(x/0.001) - y", "y": "1000*x*y"}, [1e-4, 2e-4], 1e-12, 1e-9, 1e-10, 1e-8),
}  # fmt: skip


def exact(equations, y, directions):
    """The multilinear form by sympy, entry by entry."""
    symbols = [sp.Symbol(name) for name in equations]
    at = dict(zip(symbols, map(sp.Float, y), strict=True))
    out = np.zeros(len(symbols), complex)
    for row, text in enumerate(equations.values()):
        for indices in itertools.product(range(len(symbols)), repeat=len(directions)):
            derivative = sp.diff(sp.sympify(text), *(symbols[i] for i in indices))
            weight = np.prod([d[i] for d, i in zip(directions, indices, strict=True)])
            out[row] += complex(derivative.evalf(25, subs=at)) * weight
    return out


def error(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


def without_jacobian(system):
    return ODESystem.from_callable(lambda t, y, p: system.rhs(t, y), system.names)


@pytest.mark.parametrize("name", MODELS)
def test_forms_agree_with_symbolic_differentiation(name):
    equations, state, b_error, c_error, b_plain_error, c_plain_error = MODELS[name]
    y, system = np.array(state), ODESystem.from_expressions(equations)
    rng = np.random.default_rng(2)
    for _ in range(3):
        u, v, w = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
        b, c = exact(equations, state, [u, v]), exact(equations, state, [u, v, w])
        plain = without_jacobian(system)
        assert error(second(system, y, None, u, v), b) < b_error
        assert error(third(system, y, None, u, v, w), c) < c_error
        assert error(second(plain, y, None, u, v), b) < b_plain_error
        assert error(third(plain, y, None, u, v, w), c) < c_plain_error


CUBIC = ODESystem.from_expressions(
    {"x": "a*x*y - x**3 + z**2", "y": "x*y*z - z", "z": "x + y - z**2 + a*x**2*y"}, {"a": 2.0}
)
directions = st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6).map(
    lambda values: np.array(values[:3]) + 1j * np.array(values[3:])
)


@settings(max_examples=40, deadline=None)
@given(y=st.lists(st.floats(-2.0, 2.0), min_size=3, max_size=3), u=directions, v=directions, w=directions, q=directions)
def test_forms_are_symmetric_and_linear(y, u, v, w, q):
    state, size = np.array(y), 50.0 * (1.0 + max(np.abs(d).max() for d in (u, v, w, q))) ** 4
    p = {"a": 1.5}
    for system, tolerance in ((CUBIC, 1e-11), (without_jacobian(CUBIC), 1e-11)):
        parameters = p if system.parameters else None
        b = second(system, state, parameters, u, v)
        c = third(system, state, parameters, u, v, w)
        assert b == pytest.approx(second(system, state, parameters, v, u), abs=tolerance * size)
        assert c == pytest.approx(third(system, state, parameters, w, u, v), abs=tolerance * size)
        assert third(system, state, parameters, u, v, w + 2j * q) == pytest.approx(
            c + 2j * third(system, state, parameters, u, v, q), abs=tolerance * size
        )
        assert second(system, state, parameters, u + q, v) == pytest.approx(
            b + second(system, state, parameters, q, v), abs=tolerance * size
        )
        assert second(system, state, parameters, u.conj(), v.conj()) == pytest.approx(b.conj(), abs=tolerance * size)


def test_real_directions_give_real_forms():
    u = np.array([1.0, 0.0, 2.0])
    assert second(CUBIC, np.zeros(3), None, u, u).dtype == float
    assert third(CUBIC, np.zeros(3), None, u, u, u).dtype == float
    assert second(CUBIC, np.zeros(3), None, u, u) == pytest.approx([8.0, 0.0, -8.0], rel=1e-14)
    assert third(CUBIC, np.zeros(3), None, u, u, u) == pytest.approx([-6.0, 0.0, 0.0], rel=1e-13)


def test_linear_systems_and_zero_directions_give_0():
    linear = ODESystem.from_expressions({"x": "y", "y": "-x"})
    u, zero = np.array([1.0, 2.0 + 1j]), np.zeros(2)
    for system in (linear, without_jacobian(linear)):
        assert np.abs(second(system, np.ones(2), None, u, u.conj())).max() < 1e-14
        assert np.abs(third(system, np.ones(2), None, u, u, u.conj())).max() < 1e-13
    for system in (CUBIC, without_jacobian(CUBIC)):
        assert not second(system, np.ones(3), None, np.zeros(3), np.ones(3)).any()
        assert not third(system, np.ones(3), None, np.ones(3), np.zeros(3), np.ones(3)).any()
    assert not second_of(lambda y: np.zeros((2, 2)), np.ones(2), u, zero).any()


def test_forms_of_a_map():
    """Henon's map x' = 1 - a x^2 + y, y' = b x has B(u, v) = (-2 a u_1 v_1, 0) and C = 0."""
    u, v = np.array([1.0 + 2j, 3.0]), np.array([0.5, 1j])

    def jacobian(y):
        return np.array([[-2.8 * y[0], 1.0], [0.3, 0.0]])

    assert second_of(jacobian, np.array([0.6, 0.2]), u, v) == pytest.approx([-1.4 - 2.8j, 0.0], rel=1e-14, abs=1e-14)
    assert np.abs(third_of(jacobian, np.array([0.6, 0.2]), u, v, u)).max() < 1e-12


def test_a_function_that_is_not_finite_or_not_smooth_is_refused():
    nowhere = ODESystem.from_callable(lambda t, y, p: y * np.nan, ["x"])
    with pytest.raises(NumericalError, match="derivative of order 2 .* at the state"):
        second(nowhere, np.ones(1), None, np.ones(1), np.ones(1))
    logarithm = ODESystem.from_expressions({"x": "log(x)"}).checked()
    assert second(logarithm, np.array([1e-3]), None, np.ones(1), np.ones(1)) == pytest.approx([-1e6], rel=1e-10)
    root = ODESystem.from_expressions({"x": "sqrt(x)"}).checked()
    with pytest.raises(NumericalError, match="the Jacobian is nan"):
        second(root, np.array([-1.0]), None, np.ones(1), np.ones(1))
