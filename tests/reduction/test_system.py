from __future__ import annotations

import dataclasses
import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import spiking
from reduction import MarkovApproximation, ODESystem, montbrio_pazo_roxin
from reduction.expressions import is_model
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError

FITZHUGH = {"v": "v - v**3/3 - w + I", "w": "(v + 0.7 - 0.8*w)/tau"}
VALUES = {"I": 0.5, "tau": 12.5}


def fitzhugh():
    return ODESystem.from_expressions(FITZHUGH, VALUES, guess={"v": -1.0}, observables={"sum": "v + tau*w"})


def fitzhugh_function(t, y, p):
    v, w = y
    return [v - v**3 / 3 - w + p["I"], (v + 0.7 - 0.8 * w) / p["tau"]]


def test_expressions_have_the_values_of_the_same_arithmetic_in_python():
    system = fitzhugh()
    assert system.names == ("v", "w")
    assert system.parameters == VALUES
    assert system.guess.tolist() == [-1.0, 0.0]
    v, w, current = 0.3, -0.2, 0.8
    expected = [v - v**3 / 3 - w + current, (v + 0.7 - 0.8 * w) / 12.5]
    assert system.rhs(0.0, [v, w], {"I": current}) == pytest.approx(expected, rel=1e-15)
    assert system.jacobian(0.0, [v, w]) == pytest.approx(np.array([[1 - v**2, -1.0], [0.08, -0.064]]), rel=1e-15)
    assert system.parameter_derivative("tau", [v, w]) == pytest.approx([0.0, -(v + 0.7 - 0.8 * w) / 12.5**2], rel=1e-15)
    assert system.parameter_derivative("I", [v, w]).tolist() == [1.0, 0.0]
    assert system.observe("sum", [v, w], {"tau": 2.0}) == pytest.approx(v + 2.0 * w, rel=1e-15)
    assert system.units == {"sum": ""}


FUNCTIONS = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan, "sinh": math.sinh, "cosh": math.cosh,
    "tanh": math.tanh, "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "abs": abs, "erf": math.erf,
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_and_their_derivatives(name):
    system = ODESystem.from_expressions({"x": f"{name}(k*x)"}, {"k": 1.3})
    for x in (0.2, 0.55) if name in ("sqrt", "log") else (-0.6, 0.2, 0.55):
        function = FUNCTIONS[name]
        h = 1e-5
        slope = (function(1.3 * (x + h)) - function(1.3 * (x - h))) / (2 * h)
        assert system.rhs(0.0, [x]) == pytest.approx([function(1.3 * x)], rel=1e-15)
        assert system.rhs_many([[x]])[0] == pytest.approx([function(1.3 * x)], rel=1e-14)
        assert system.jacobian(0.0, [x])[0] == pytest.approx([slope], rel=1e-8)
        assert system.jacobian_many([[x]])[0, 0] == pytest.approx([slope], rel=1e-8)
        assert system.parameter_derivative("k", [x]) == pytest.approx([slope * x / 1.3], rel=1e-8)
        assert ODESystem.from_expressions({"x": f"{name}(0.5)"}).rhs(0.0, [1.0])[0] == function(0.5)


def numbers():
    return st.floats(0.1, 4.0).map(lambda x: round(x, 3))


def expressions():
    """Text of an expression that is finite wherever both states are positive."""
    atoms = st.sampled_from(["x", "y", "a", "EI.weight", "pi"]) | numbers().map(repr) | st.integers(1, 5).map(repr)

    def larger(inner):
        pair = st.tuples(inner, inner)
        return st.one_of(
            pair.map(lambda e: f"({e[0]} + {e[1]})"), pair.map(lambda e: f"({e[0]} - {e[1]})"),
            pair.map(lambda e: f"{e[0]}*{e[1]}"), pair.map(lambda e: f"({e[0]})/(1 + ({e[1]})**2)"),
            inner.map(lambda e: f"-({e})"), inner.map(lambda e: f"+({e})**3"),
            inner.map(lambda e: f"exp(-({e})**2)"), inner.map(lambda e: f"sqrt(1 + ({e})**2)**-1.5"),
            inner.map(lambda e: f"({e})**{4}"), inner.map(lambda e: f"(1 + ({e})**2)**-2"),
            pair.map(lambda e: f"(1 + abs({e[0]}))**tanh({e[1]})"), inner.map(lambda e: f"log(1 + ({e})**2)"),
            inner.map(lambda e: f"atan({e})"), inner.map(lambda e: f"2**sin({e})"),
        )  # fmt: skip

    return st.recursive(atoms, larger, max_leaves=12)


def python_value(text, x, y):
    names = FUNCTIONS | {"pi": math.pi, "x": x, "y": y, "a": 0.7, "w": 0.3}
    try:
        return eval(text.replace("EI.weight", "w"), {"__builtins__": {}}, names)
    except OverflowError:
        return math.inf


@settings(max_examples=120, deadline=None)
@given(text=expressions(), x=st.floats(0.1, 2.0), y=st.floats(0.1, 2.0))
def test_expressions_agree_with_python_and_their_derivatives_with_differences(text, x, y):
    values = [python_value(text, x + d, y + e) for d, e in ((0.0, 0.0), (1e-3, 0.0), (-1e-3, 0.0), (0.0, 1e-3))]
    assume(all(abs(value) < 1e6 for value in values))
    system = ODESystem.from_expressions({"x": text, "y": "y"}, {"a": 0.7, "EI.weight": 0.3})
    plain = ODESystem.from_callable(lambda t, z, p: [python_value(text, *z), z[1]], ("x", "y"), guess=[x, y])
    state = np.array([x, y])
    size = 1e3 + np.abs(values).max()
    assert system.rhs(0.0, state) == pytest.approx([values[0], y], abs=1e-13 * size)
    jacobian = system.jacobian(0.0, state)
    smooth = np.abs(plain.jacobian(0.0, state) - plain.jacobian(0.0, state * (1 + 1e-6))).max() < 1e-3
    assume(smooth)
    assert jacobian == pytest.approx(plain.jacobian(0.0, state), abs=1e-6 * (1.0 + np.abs(jacobian).max()))
    states = np.array([state, 1.1 * state, 0.9 * state])
    many, slopes = system.rhs_many(states), system.jacobian_many(states)
    for k, one in enumerate(states):
        assert many[k] == pytest.approx(system.rhs(0.0, one), rel=1e-12, abs=1e-12 * size)
        assert slopes[k] == pytest.approx(system.jacobian(0.0, one), rel=1e-11, abs=1e-12 * size)
        for name in ("a", "EI.weight"):
            assert system.parameter_derivative_many(name, states)[k] == pytest.approx(
                system.parameter_derivative(name, one), rel=1e-11, abs=1e-12 * size
            )


def test_names_of_other_meaning_in_python_or_sympy_are_names():
    system = ODESystem.from_expressions(
        {"E": "I*S + beta.x + gamma", "S": "N - t + pi + exp*exp(0)"},
        {"I": 2.0, "N": 3.0, "beta.x": 5.0, "gamma": 7.0, "t": 11.0, "pi": 13.0, "exp": 17.0},
    )
    assert system.rhs(0.0, [1.0, 10.0]).tolist() == [2.0 * 10.0 + 5.0 + 7.0, 3.0 - 11.0 + 13.0 + 17.0]


def test_letters_that_python_takes_for_one_another_name_the_same_parameter():
    system = ODESystem.from_expressions({"x": "\N{MICRO SIGN}*x"}, {"\N{MICRO SIGN}": 2.0})
    assert system.rhs(0.0, [1.0], {"\N{MICRO SIGN}": 4.0}).tolist() == [4.0]
    with pytest.raises(SpecificationError, match="cannot be told from another name"):
        ODESystem.from_expressions({"x": "1"}, {"\N{MICRO SIGN}": 2.0, "\N{GREEK SMALL LETTER MU}": 3.0})


def test_powers_of_0_have_finite_derivatives():
    hill = ODESystem.from_expressions({"x": "x**h/(1 + x**h)"}, {"h": 2.5})
    assert hill.jacobian(0.0, [0.0]).tolist() == [[0.0]]
    cube = ODESystem.from_expressions({"x": "x**3 + x**2.0 - x**5"})
    assert cube.rhs(0.0, [-2.0]).tolist() == [-8.0 + 4.0 + 32.0]
    assert cube.rhs_many([[-2.0]]).tolist() == [[-8.0 + 4.0 + 32.0]]
    assert ODESystem.from_expressions({"x": "x**100"}).rhs(0.0, [-1.5])[0] == pytest.approx(1.5**100, rel=1e-14)


def test_a_long_sum_and_a_constant_right_hand_side():
    system = ODESystem.from_expressions({"x": "+".join(["x*y"] * 1500), "y": 0})
    assert system.rhs(0.0, [2.0, 3.0]).tolist() == [9000.0, 0.0]
    assert system.rhs_many(np.ones((4, 2))).tolist() == [[1500.0, 0.0]] * 4
    assert system.jacobian_many(np.ones((2, 2))).tolist() == [[[1500.0, 1500.0], [0.0, 0.0]]] * 2
    assert system.rhs_many(np.empty((0, 2))).shape == (0, 2)


def test_eighty_coupled_states_are_read_and_differentiated():
    phases = [f"x{k}" for k in range(80)]
    equations = {name: f"w + K*sin({phases[k - 1]} - {name})" for k, name in enumerate(phases)}
    system = ODESystem.from_expressions(equations, {"w": 1.0, "K": 0.4})
    y = np.linspace(0.0, 3.0, 80)
    difference = np.roll(y, 1) - y
    assert system.rhs(0.0, y) == pytest.approx(1.0 + 0.4 * np.sin(difference), rel=1e-14)
    expected = np.diag(-0.4 * np.cos(difference))
    expected[np.arange(80), np.arange(80) - 1] = 0.4 * np.cos(difference)
    assert system.jacobian(0.0, y) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v - * w", r"equation of v: 'v - \* w' at position 5: invalid syntax"),
        ("v - (w", r"equation of v: 'v - \(w' at position 5"),
        ("", "equation of v: is empty"),
        ("v + Q", r"equation of v: 'v \+ Q' at position 5: state or parameter 'Q' does not exist; there are: v, w, I"),
        ("v + ww", r"did you mean w\?"),
        ("v^3", r"at position 1: \^ is not a power: write \*\*"),
        ("v + sinn(w)", r"position 5: function 'sinn' does not exist \(did you mean sin\?\)"),
        ("v(w)", r"v is no function \(is a \* missing\?\)"),
        ("2(w)", r"is a \* missing\?"),
        ("sin(v, w)", "sin takes one argument"),
        ("sin(*v)", "sin takes one argument"),
        ("heaviside(v)", "heaviside is not smooth: use a steep sigmoid"),
        ("v + t", "must not depend on time t"),
        ("1/0", "position 3: division by zero"),
        ("v/(w - w)", "division by zero"),
        ("log(0)", "is not a finite real number"),
        ("sqrt(-1)*v", "is not a finite real number"),
        ("9**9**9**9", "is not a finite real number"),
        ("1e999", "is not a finite real number"),
        ("1e300*1e300*v", "a constant is too large"),
        ("(-2)**v", "a power of a number that is not positive needs a number as exponent"),
        ("2j*v", "2j is not a real number"),
        ("True", "True is not a real number"),
        ("v if w else I", "only numbers, names"),
        ("v < w", "only numbers, names"),
        ("[v][0]", "only numbers, names"),
        ("(v + w).x", "a dot must stand in a name"),
        ("__import__('os').getcwd()", "only functions of one argument can be called"),
        ("(lambda: 1)()", "only functions of one argument can be called"),
        ("v\0", "equation of v"),
        ("(" * 3000 + "v" + ")" * 3000, "equation of v"),
        ("-" * 20000 + "v", "equation of v"),
        (None, "equation of v: None must be an expression as text"),
        (float("nan"), "'nan' does not exist"),
    ],
)  # fmt: skip
def test_expressions_that_are_refused(text, message):
    with pytest.raises(SpecificationError, match=message):
        ODESystem.from_expressions({"v": text, "w": "v"}, {"I": 1.0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"equations": {}}, "at least one state"),
        ({"equations": {"x": "x"}, "parameters": {"x": 1.0}}, "'x': is both a state and a parameter"),
        ({"equations": {"lambda": "1"}}, "no keyword of Python"),
        ({"equations": {"a b": "1"}}, "'a b': must be letters"),
        ({"equations": {"a.": "1"}}, "'a.': must be letters"),
        ({"equations": {"": "1"}}, "name '': must be a text"),
        ({"equations": {1: "1"}}, "name 1: must be a text"),
        ({"equations": ["x"]}, "equations: must be a table"),
        ({"equations": {"x": "x"}, "parameters": [1.0]}, "parameters: must be a table"),
        ({"equations": {"x": "x"}, "parameters": {"a": math.nan}}, "parameters.a = nan: must be finite"),
        ({"equations": {"x": "x"}, "parameters": {"a": "1"}}, "parameters.a = '1': must be a number"),
        ({"equations": {"x": "x"}, "guess": [1.0, 2.0]}, r"guess has shape \(2,\): must have shape \(1,\)"),
        ({"equations": {"x": "x"}, "guess": ["a"]}, "must be an array of numbers"),
        ({"equations": {"x": "x"}, "guess": {"y": 1.0}}, "guess: state 'y' does not exist"),
        ({"equations": {"x": "x"}, "guess": {"x": math.inf}}, "guess.x = inf: must be finite"),
        ({"equations": {"x": "x"}, "observables": {"two": "2*z"}}, "observable two: .* 'z' does not exist"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    with pytest.raises(SpecificationError, match=message):
        ODESystem.from_expressions(**arguments)


def test_evaluations_refuse_unknown_parameters_and_wrong_shapes():
    system = fitzhugh()
    with pytest.raises(UnknownNameError, match="parameter 'J'"):
        system.rhs_many(np.ones((3, 2)), {"J": 1.0})
    with pytest.raises(UnknownNameError, match="parameter 'v'"):
        system.parameter_derivative("v", [1.0, 2.0])
    with pytest.raises(UnknownNameError, match="parameter 'v'"):
        system.parameter_derivative_many("v", np.ones((3, 2)))
    with pytest.raises(ParameterError, match="I = nan"):
        system.jacobian_many(np.ones((3, 2)), {"I": math.nan})
    for states in (np.ones(2), np.ones((2, 3)), np.ones((1, 2, 2))):
        with pytest.raises(SpecificationError, match=r"must have shape \(K, 2\)"):
            system.jacobian_many(states)


def test_a_function_makes_the_same_system():
    exact = fitzhugh()
    system = ODESystem.from_callable(
        fitzhugh_function, ["v", "w"], VALUES, guess=exact.guess, observables={"sum": lambda y, p: y.sum()}
    )
    states = np.random.default_rng(0).normal(size=(5, 2))
    p = {"tau": 3.0}
    assert not system.exact_derivative
    assert system.rhs_many(states, p) == pytest.approx(exact.rhs_many(states, p), rel=1e-14)
    assert system.jacobian_many(states, p) == pytest.approx(exact.jacobian_many(states, p), abs=1e-10)
    for name in VALUES:
        slopes = exact.parameter_derivative_many(name, states, p)
        assert system.parameter_derivative_many(name, states, p) == pytest.approx(slopes, abs=1e-12)
        for k, y in enumerate(states):
            assert system.parameter_derivative(name, y, p) == pytest.approx(slopes[k], abs=1e-12)
    assert system.observe("sum", [1.0, 2.0]) == 3.0
    given_jacobian = ODESystem.from_callable(
        fitzhugh_function, ["v", "w"], VALUES, jacobian=lambda t, y, p: exact.jacobian(t, y, p)
    )
    assert given_jacobian.exact_derivative
    assert np.array_equal(given_jacobian.jacobian(0.0, states[0]), exact.jacobian(0.0, states[0]))


def test_a_function_cannot_change_what_it_is_given_nor_what_it_has_returned():
    buffer = np.zeros(1)

    def meddling(t, y, p):
        buffer[0] = p["a"] * y[0]
        y[0] = p["a"] = 100.0
        return buffer

    system = ODESystem.from_callable(meddling, ["x"], {"a": 2.0})
    state = np.array([3.0])
    first = system.rhs(0.0, state)
    system.rhs(0.0, [5.0])
    assert (first.tolist(), state.tolist(), system.parameters) == ([6.0], [3.0], {"a": 2.0})


def raising(t, y, p):
    raise KeyError("mu")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": raising, "names": ["x"]}, r"function raised KeyError at the guess \[0.\]: 'mu'"),
        ({"function": lambda t, y, p: [1.0, 2.0], "names": ["x"]}, r"function returned shape \(2,\): must be \(1,\)"),
        ({"function": lambda t, y, p: "a", "names": ["x"]}, "function raised ValueError"),
        ({"function": lambda t, y, p: y, "names": "x"}, "must be a sequence of names"),
        ({"function": lambda t, y, p: y, "names": ["x", "x"]}, "'x': is used twice"),
        ({"function": lambda t, y, p: y, "names": None}, "must be a sequence of names"),
        ({"function": lambda t, y, p: y, "names": ["x"], "parameters": ["a"]}, "parameters: must be a table"),
        ({"function": lambda t, y, p: y, "names": ["x"], "observables": ["a"]}, "observables: must be a table"),
        ({"function": lambda t, y, p: y, "names": []}, "at least one state"),
        ({"function": 3, "names": ["x"]}, "function = 3: must be a function"),
        ({"function": lambda t, y, p: y, "names": ["x"], "jacobian": 3}, "jacobian = 3: must be a function"),
        (
            {"function": lambda t, y, p: y, "names": ["x"], "jacobian": lambda t, y, p: y},
            r"jacobian returned shape \(1,\): must be \(1, 1\)",
        ),
        ({"function": lambda t, y, p: y, "names": ["x"], "observables": {"o": 3}}, "o = 3: must be a function"),
        ({"function": lambda t, y, p: y, "names": ["x"], "parameters": {"a": None}}, "parameters.a = None"),
    ],
)  # fmt: skip
def test_functions_that_are_refused(arguments, message):
    with pytest.raises(SpecificationError, match=message):
        ODESystem.from_callable(**arguments)


def test_nan_at_the_guess_is_an_error_only_where_a_checked_system_is_used_there():
    system = ODESystem.from_callable(lambda t, y, p: np.log(y - p["a"]), ["x"], {"a": 1.0}).checked()
    assert system.rhs(0.0, [2.0]) == pytest.approx([0.0], abs=1e-15)
    with pytest.raises(NumericalError, match=r"dy/dt is nan in \(x\) at x = 0; parameters: a = 1"):
        system.rhs(0.0, system.guess)
    assert issubclass(NumericalError, ArithmeticError)
    divides = ODESystem.from_callable(lambda t, y, p: [1.0 / float(y[0])], ["x"])
    with pytest.raises(NumericalError, match="dy/dt raised ZeroDivisionError .* at x = 0"):
        divides.checked().rhs(0.0, [0.0])


CHECKED = {
    "rhs": lambda s, y: s.rhs(0.0, y, {"a": 2.0}),
    "jacobian": lambda s, y: s.jacobian(0.0, y, {"a": 2.0}),
    "rhs_many": lambda s, y: s.rhs_many(np.array([[1.0, 1.0], y]), {"a": 2.0}),
    "jacobian_many": lambda s, y: s.jacobian_many(np.array([[1.0, 1.0], y]), {"a": 2.0}),
    "parameter_derivative": lambda s, y: s.parameter_derivative("a", y, {"a": 2.0}),
    "parameter_derivative_many": lambda s, y: s.parameter_derivative_many("a", np.array([[1.0, 1.0], y]), {"a": 2.0}),
}


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("exact", [True, False])
def test_checked_evaluations_name_the_entry_the_state_and_the_parameters(name, exact):
    expressions = {"x": "x", "z": "log(z)*a"}
    system = ODESystem.from_expressions(expressions, {"a": 1.0})
    if not exact:
        system = ODESystem.from_callable(lambda t, y, p: [y[0], p["a"] * np.log(y[1])], ["x", "z"], {"a": 1.0})
    call, checked = CHECKED[name], system.checked()
    assert np.array_equal(call(checked, [1.0, 3.0]), call(system, [1.0, 3.0]))
    with pytest.raises(NumericalError, match=r"nan in .*z.*z = -1, x = 1; parameters: a = 2|inf in .*z"):
        call(checked, [1.0, -1.0] if exact is False or "jacobian" not in name else [1.0, 0.0])


def test_checked_evaluations_refuse_another_shape_and_other_errors():
    shapes = ODESystem.from_callable(lambda t, y, p: y[: 2 if y[0] < 1.0 else 1], ["x", "z"]).checked()
    with pytest.raises(NumericalError, match=r"dy/dt has shape \(1,\), must have \(2,\), at x = 2, z = 3; .*default"):
        shapes.rhs(0.0, [2.0, 3.0])
    tables = ODESystem.from_callable(lambda t, y, p: [[1.0, 2.0][int(y[0])]], ["x"]).checked()
    with pytest.raises(NumericalError, match=r"dy/dt raised IndexError \(list index out of range\) at x = 7"):
        tables.rhs(0.0, [7.0])


def test_values_outside_the_domain_are_nan_without_warnings():
    system = ODESystem.from_expressions({"x": "log(x) + x**0.5", "z": "exp(z)/a"}, {"a": 1.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(system.rhs(0.0, [-1.0, 0.0])[0])
        assert system.rhs(0.0, [1.0, 1e4])[1] == math.inf
        assert system.rhs(0.0, [1.0, 0.0], {"a": 0.0})[1] == math.inf
        assert np.isnan(system.rhs_many([[-1.0, 0.0]])[0, 0])
        assert system.jacobian(0.0, [0.0, 0.0])[0, 0] == math.inf


def test_other_systems_gain_the_same_methods():
    population = montbrio_pazo_roxin(eta=-5.0, delta=1.0, J=15.0, tau_a=10.0, alpha=1.0)
    states = population.guess + np.random.default_rng(1).uniform(0.0, 0.1, (3, 4))
    p = {"eta": -4.0}
    assert np.array_equal(population.rhs_many(states, p)[2], population.rhs(0.0, states[2], p))
    assert np.array_equal(population.jacobian_many(states, p)[1], population.jacobian(0.0, states[1], p))
    slope = population.parameter_derivative_many("eta", states, p)
    assert slope == pytest.approx(np.tile([0.0, 1.0, 0.0, 0.0], (3, 1)), abs=1e-11)
    assert population.parameter_derivative("tau_a", states[0])[2] == pytest.approx(-states[0, 3] / 100.0, rel=1e-10)
    batched = dataclasses.replace(population, function_many=lambda states, p: 2.0 * states)
    assert np.array_equal(batched.rhs_many(states), 2.0 * states)
    network = spiking.Network([spiking.Population("X", 10, spiking.LIF(20.0), spiking.GaussianDrive(1.0, 0.4))])
    system = MarkovApproximation(network, bins=12).ode()
    slope = system.parameter_derivative("X.drive.rate", system.guess)
    h = 1e-4
    p = system.parameters["X.drive.rate"]
    expected = [system.rhs(0.0, system.guess, {"X.drive.rate": p + s * h}) for s in (1.0, -1.0)]
    assert slope == pytest.approx((expected[0] - expected[1]) / (2 * h), rel=1e-5, abs=1e-9)


TOML = """
[equations]
v = "v - v**3/3 - w + I"
w = '''
(v + 0.7 - 0.8*w)
    / EI.tau
'''
[parameters]
I = 0.5
EI.tau = 12.5
[guess]
v = -1
[observables]
"v.square" = "v**2"
"""


def test_a_toml_file_describes_a_system(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(TOML)
    assert is_model(path)
    system = ODESystem.from_toml(path)
    assert system.parameters == {"I": 0.5, "EI.tau": 12.5}
    assert system.guess.tolist() == [-1.0, 0.0]
    assert np.array_equal(system.rhs(0.0, [0.3, 0.4]), fitzhugh().rhs(0.0, [0.3, 0.4]))
    assert system.observe("v.square", [3.0, 0.0]) == 9.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[equations", "is not TOML"),
        ("[parameters]\na = 1", "equations: is missing"),
        ("[equations]\nx = 'x'\n[extra]", "key 'extra' does not exist"),
        ("[equations]\nx = 'x + q'", "equation of x: .*'q' does not exist"),
        ("[equations]\nx = 'x'\n[parameters]\na = nan", "parameters.a = nan: must be finite"),
        ("[equations]\nx = 'x'\n[parameters]\n'a.b' = 1\na.b = 2", "parameters.a.b: is given twice"),
        ("equations = 3", "equations: must be a table"),
        ("[equations]\nx = 'x'\n[guess]\ny = 1", "guess: state 'y' does not exist"),
        ("[equations]\nx = 2020-01-01", "equation of x: .* must be an expression as text"),
    ],
)
def test_toml_files_that_are_refused(tmp_path, text, message):
    path = tmp_path / "model.toml"
    path.write_text(text)
    with pytest.raises(SpecificationError, match=f"model.toml: .*{message}"):
        ODESystem.from_toml(path)


def test_other_files_are_no_models(tmp_path):
    assert not is_model(tmp_path / "missing.toml")
    assert not is_model(tmp_path)
    network = tmp_path / "network.toml"
    network.write_text("[populations.E]\nsize = 10\n")
    assert not is_model(network)
    with pytest.raises(SpecificationError, match=r"missing.toml: cannot be read as a model"):
        ODESystem.from_toml(tmp_path / "missing.toml")
