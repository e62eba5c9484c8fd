"""Bad input of continuation: refused before any work, by messages with the place, the value and what is allowed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import models
import numpy as np
import pytest

import reduction
from reduction import Cycle, Equilibrium, ODESystem
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError

CUSP, BAUTIN = models.cusp(), models.bautin()
EXCITED = {"b1": -0.1, "b2": 1.0}


class Counted:
    """A right-hand side that counts its evaluations."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, t, y, p):
        self.calls += 1
        return self.function(t, y, p)


def callable_system(function, names=("x",), parameters=None, **options):
    return ODESystem.from_callable(function, list(names), {"m": 1.0} if parameters is None else parameters, **options)


def counted():
    rhs = Counted(lambda t, y, p: np.array([p["m"] + y[0] - y[0] ** 3]))
    system = callable_system(rhs, guess=[1.3])
    rhs.calls = 0
    return system, rhs


@pytest.fixture(scope="module")
def fold():
    return reduction.continue_equilibrium(CUSP, [-1.3], "m", (-1.0, 1.0)).of_kind("LP")[0]


@pytest.fixture(scope="module")
def equilibria():
    return reduction.continue_equilibrium(BAUTIN, [0.0, 0.0], "b1", (-1.0, 1.0))


@pytest.fixture(scope="module")
def hopf(equilibria):
    (point,) = equilibria.of_kind("HB")
    return point


@pytest.fixture(scope="module")
def cycle():
    orbit = reduction.flow(BAUTIN, 80.0, [0.9, 0.0], parameters=EXCITED)
    return reduction.find_cycle(BAUTIN, orbit)


@pytest.fixture(scope="module")
def cycles(hopf):
    return reduction.continue_cycle(BAUTIN, hopf, "b1", (-0.4, 0.2))


@contextmanager
def refused(error, *parts):
    """Raises exactly this class, with all parts in its message."""
    with pytest.raises(error, match="(?s)" + "".join(f"(?=.*{part})" for part in parts)) as raised:
        yield
    assert raised.type is error


# -- parameters, names, bounds, steps: of equilibria; nothing is evaluated

ARGUMENTS = {
    "name that does not exist": ({"parameter": "q"}, UnknownNameError, ("'q'", "there are: m")),
    "name close to one that does": ({"parameter": "M"}, UnknownNameError, ("'M'", "there are: m")),
    "name that is none": ({"parameter": None}, UnknownNameError, ("None", "m")),
    "name that is a list": ({"parameter": ["m"]}, UnknownNameError, ("m",)),
    "other value of no parameter": ({"parameters": {"q": 1.0}}, UnknownNameError, ("'q'", "m")),
    "value NaN": ({"parameters": {"m": np.nan}}, ParameterError, ("m = nan",)),
    "value infinite": ({"parameters": {"m": np.inf}}, SpecificationError, ("m = inf",)),
    "value of text": ({"parameters": {"m": "x"}}, ParameterError, ("m = 'x'", "number")),
    "bounds reversed": ({"bounds": (1.0, -1.0)}, SpecificationError, ("bounds of m", "low < high")),
    "bounds equal": ({"bounds": (1.0, 1.0)}, SpecificationError, ("bounds of m", "low < high")),
    "bounds NaN": ({"bounds": (np.nan, 1.0)}, SpecificationError, ("bounds of m", "nan", "finite")),
    "bounds infinite": ({"bounds": (-np.inf, 1.0)}, SpecificationError, ("bounds of m", "finite")),
    "bounds of text": ({"bounds": ("a", "b")}, SpecificationError, ("bounds of m", "two numbers")),
    "bounds None": ({"bounds": None}, SpecificationError, ("bounds of m", "two numbers")),
    "one bound": ({"bounds": (2.0,)}, SpecificationError, ("bounds of m", "two numbers")),
    "three bounds": ({"bounds": (0.0, 1.0, 2.0)}, SpecificationError, ("bounds of m", "two numbers")),
    "a number for bounds": ({"bounds": 3.0}, SpecificationError, ("bounds of m", "two numbers")),
    "bounds below the start": ({"bounds": (-2.0, 0.5)}, SpecificationError, ("m = 1 ", "start", r"\[-2, 0.5\]")),
    "bounds above the start": ({"bounds": (1.5, 2.0)}, SpecificationError, ("m = 1 ", "start", r"\[1.5, 2\]")),
    "start of another shape": ({"start": [1.0, 2.0]}, SpecificationError, (r"\(2,\)", r"\(1,\)")),
    "start a number": ({"start": 1.0}, SpecificationError, (r"\(\)", r"\(1,\)")),
    "start NaN": ({"start": [np.nan]}, SpecificationError, ("start", "finite")),
    "start of text": ({"start": ["a"]}, SpecificationError, ("start", "numbers")),
    "start complex": ({"start": [1j]}, SpecificationError, ("start", "numbers")),
    "no points": ({"max_points": 0}, ParameterError, ("max_points = 0", "positive integer")),
    "half a point": ({"max_points": 2.5}, ParameterError, ("max_points = 2.5", "positive integer")),
    "step of 0": ({"initial_step": 0.0}, ParameterError, ("initial_step = 0", "positive")),
    "step below 0": ({"initial_step": -0.1}, ParameterError, ("initial_step = -0.1", "positive")),
    "step NaN": ({"largest_step": np.nan}, ParameterError, ("largest_step = nan", "positive")),
    "step infinite": ({"largest_step": np.inf}, ParameterError, ("largest_step = inf", "positive")),
    "step of text": ({"smallest_step": "a"}, ParameterError, ("smallest_step = 'a'", "positive")),
    "first step above the largest": ({"initial_step": 1.0}, ParameterError, ("initial_step = 1", r"\[1e-06, 0.05\]")),
    "first step below the smallest": ({"smallest_step": 0.1}, ParameterError, ("initial_step = 0.01", "0.1")),
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_of_a_branch_of_equilibria(name):
    changed, error, parts = ARGUMENTS[name]
    system, rhs = counted()
    arguments = {"start": [1.3], "parameter": "m", "bounds": (-2.0, 2.0), **changed}
    with refused(error, *parts):
        reduction.continue_equilibrium(system, **arguments)
    assert rhs.calls == 0


SHARED = [name for name in ARGUMENTS if not name.startswith("start ")]


@pytest.mark.parametrize("name", SHARED)
def test_the_same_arguments_of_a_branch_of_cycles(name, cycle):
    changed, error, _ = ARGUMENTS[name]
    start = replace(cycle, parameters={"m": 1.0}, states=cycle.states[:, :1])
    system, rhs = counted()
    with refused(error):
        reduction.continue_cycle(system, **{"start": start, "parameter": "m", "bounds": (-2.0, 2.0), **changed})
    assert rhs.calls == 0


@pytest.mark.parametrize(
    "system", [None, "cusp", 3, {"x": "m"}, lambda t, y, p: y, models.logistic()], ids=lambda s: type(s).__name__
)
def test_what_is_no_system(system, hopf, cycle):
    for attempt in (
        lambda: reduction.find_equilibrium(system, [1.0]),
        lambda: reduction.find_equilibria(system),
        lambda: reduction.continue_equilibrium(system, [1.0], "m", (-1.0, 1.0)),
        lambda: reduction.find_cycle(system, cycle),
        lambda: reduction.continue_cycle(system, cycle, "b1", (-1.0, 1.0)),
        lambda: reduction.continue_point(system, hopf, ("b1", "b2"), ((-1.0, 1.0), (0.0, 2.0))),
        lambda: reduction.flow(system, 1.0),
    ):
        with refused(SpecificationError, "system = ", "must be an ODESystem"):
            attempt()


# -- searching equilibria


@pytest.mark.parametrize(
    ("guess", "parts"),
    [
        ([1.0, 2.0], (r"shape \(2,\)", r"\(1,\)")),
        (1.0, (r"shape \(\)", r"\(1,\)")),
        ([[1.0]], (r"shape \(1, 1\)", r"\(1,\)")),
        ([], (r"shape \(0,\)", r"\(1,\)")),
        ([np.nan], ("finite",)),
        ([np.inf], ("finite",)),
        (["a"], ("numbers",)),
    ],
)
def test_guesses(guess, parts):
    system, rhs = counted()
    with refused(SpecificationError, "guess", *parts):
        reduction.find_equilibrium(system, guess)
    with refused(SpecificationError, "guess", *parts):
        reduction.find_equilibria(system, guesses=[guess])
    assert rhs.calls == 0


def test_searches_that_find_nothing_give_advice():
    system = ODESystem.from_expressions({"x": "x**2 + 1"})
    with refused(NumericalError, "try another guess, `find_equilibria`"):
        reduction.find_equilibrium(system, [1.3])
    assert reduction.find_equilibria(system) == []


def test_a_start_that_is_no_equilibrium():
    """The corrector finds the equilibrium next to it, or says that it does not converge."""
    branch = reduction.continue_equilibrium(CUSP, [-1.2], "m", (-1.0, 1.0))
    assert len(branch) > 20
    with refused(NumericalError):
        reduction.continue_equilibrium(
            ODESystem.from_expressions({"x": "x**2 + 1 + m**2"}, {"m": 0.0}), [1.3], "m", (-1, 1)
        )


def test_conserved_quantities_are_named():
    exchange = ODESystem.from_expressions({"x": "k*y - x", "y": "x - k*y"}, {"k": 1.0})
    with refused(NumericalError, "the Jacobian is singular", "conserved quantity must be eliminated"):
        reduction.find_equilibrium(exchange, [0.3, 0.7])
    with refused(NumericalError, "singular"):
        reduction.continue_equilibrium(exchange, [0.5, 0.5], "k", (0.5, 2.0))


def test_regions():
    for region in ((0.0, 1.0, 2.0), 3.0, ("a", "b"), ([0.0, 0.0], [1.0, 1.0])):
        with refused(SpecificationError, "region", r"\(1,\)"):
            reduction.find_equilibria(CUSP, region=region)


# -- right-hand sides


def test_nan_at_the_start():
    system = ODESystem.from_expressions({"x": "log(x) - m"}, {"m": 0.0})
    for attempt in (
        lambda: reduction.find_equilibrium(system, [-1.0]),
        lambda: reduction.continue_equilibrium(system, [-1.0], "m", (-1.0, 1.0)),
    ):
        with refused(NumericalError, r"dy/dt is nan in \(x\)", "x = -1", "m = 0"):
            attempt()


@pytest.mark.parametrize("how", ["NaN", "an exception", "a wrong shape"])
def test_a_right_hand_side_that_fails_midway(how):
    """The branch so far is kept, up to the step allowed, and the status says what happened and where."""

    def rhs(t, y, p):
        if p["m"] < -0.3:
            if how == "an exception":
                raise RuntimeError("table ends")
            return np.array([np.nan] if how == "NaN" else [0.0, 0.0])
        return np.array([p["m"] - y[0]])

    branch = reduction.continue_equilibrium(callable_system(rhs), [1.0], "m", (-1.0, 2.0))
    what = {
        "NaN": "dy/dt is nan in (x)",
        "an exception": "RuntimeError (table ends)",
        "a wrong shape": "has shape (2,)",
    }
    assert what[how] in branch.status
    assert "m = -0.3000" in branch.status
    assert "reached the bound 2" in branch.status
    assert -0.3 <= branch.values[0] < -0.29
    assert branch.values[-1] == 2.0
    np.testing.assert_allclose(branch.states[:, 0], branch.values, atol=1e-9)


def test_an_expression_whose_domain_ends_midway():
    system = ODESystem.from_expressions({"x": "sqrt(m + 0.5) - x"}, {"m": 1.0})
    branch = reduction.continue_equilibrium(system, [1.2], "m", (-1.0, 2.0))
    assert "dy/dt is nan in (x)" in branch.status
    assert branch.values[0] == pytest.approx(-0.5, abs=1e-4)
    np.testing.assert_allclose(branch.states[:, 0] ** 2, branch.values + 0.5, atol=1e-8)


def test_a_branch_of_cycles_whose_right_hand_side_fails_midway(hopf):
    """The derivative by the parameter looks two steps ahead, each of 7e-4 of its scale."""

    def rhs(t, y, p):
        if p["b1"] < -0.2:
            return np.full(2, np.nan)
        return BAUTIN.function(t, y, p)

    system = callable_system(rhs, ("x", "y"), BAUTIN.parameters, jacobian=BAUTIN.derivative)
    branch = reduction.continue_cycle(system, hopf, "b1", (-0.4, 0.2))
    assert "dy/dt is nan in (x)" in branch.status
    assert -0.2 <= branch.values[-1] < -0.2 + 2 * 0.2 * np.finfo(float).eps ** 0.2 + 1e-6
    assert len(branch) > 10


def test_a_kink_at_the_start():
    system = callable_system(lambda t, y, p: np.array([p["m"] - y[0] - 2 * abs(y[0] - 0.2)]), guess=[0.2])
    for attempt in (
        lambda: reduction.find_equilibrium(system, [0.2], parameters={"m": 0.2}),
        lambda: reduction.continue_equilibrium(system, [0.2], "m", (-1.0, 2.0), parameters={"m": 0.2}),
    ):
        with refused(SpecificationError, "kink here", "needs it smooth"):
            attempt()


def test_a_jump_midway_stops_the_branch():
    system = callable_system(lambda t, y, p: np.array([p["m"] - y[0] - (0.5 if y[0] > 0.1 else 0.0)]), guess=[0.5])
    branch = reduction.continue_equilibrium(system, [0.5], "m", (-1.0, 2.0))
    assert "the right-hand side may not be smooth or finite here" in branch.status
    assert branch.values[0] >= 0.6 - 1e-3
    np.testing.assert_allclose(branch.states[:, 0], branch.values - 0.5, atol=1e-8)


def test_a_corner_met_midway_is_said():
    """m = x + 2 |x| turns at a corner, which is no fold; what the branch holds solves the equations."""
    system = callable_system(lambda t, y, p: np.array([p["m"] - y[0] - 2 * abs(y[0])]), guess=[1 / 3])
    branch = reduction.continue_equilibrium(system, [1 / 3], "m", (-1.0, 2.0))
    x, m = branch.states[:, 0], branch.values
    np.testing.assert_allclose(m - x - 2 * np.abs(x), 0.0, atol=1e-8)
    assert "kink" in branch.of_kind("LP")[0].note


def test_a_wrong_jacobian():
    system = callable_system(
        lambda t, y, p: np.array([p["m"] - y[0] ** 3, -y[1]]), ("x", "z"),
        jacobian=lambda t, y, p: np.array([[-2 * y[0] ** 2, 0.0], [0.0, -1.0]]), guess=[0.9, 0.0],
    )  # fmt: skip
    for attempt in (
        lambda: reduction.find_equilibrium(system, [0.9, 0.1]),
        lambda: reduction.continue_equilibrium(system, [1.0, 0.0], "m", (0.5, 2.0)),
    ):
        with refused(SpecificationError, "the Jacobian is not the derivative", r"row x\)"):
            attempt()


def test_dependence_on_time(cycle):
    forced = callable_system(lambda t, y, p: np.array([np.sin(t) - y[0]]), guess=[0.1])
    angle = np.linspace(0.0, 20.0, 300)
    for attempt in (
        lambda: reduction.find_equilibrium(forced),
        lambda: reduction.continue_equilibrium(forced, [0.1], "m", (-2.0, 2.0)),
        lambda: reduction.find_cycle(forced, (angle, np.sin(angle)[:, None])),
    ):
        with refused(SpecificationError, "depends on time", "autonomous"):
            attempt()


# -- trajectories


def constant(points):
    return np.linspace(0.0, 10.0, points), np.zeros((points, 2))


TRAJECTORIES = {
    "None": (None, ("NoneType", "Orbit", "times, states", "OdeResult")),
    "a number": (5, ("int", "Orbit")),
    "text": ("ab", ("str", "Orbit")),
    "one array": ((np.arange(10.0),), ("tuple", "Orbit")),
    "three arrays": ((np.arange(10.0),) * 3, ("tuple", "Orbit")),
    "states of text": ((np.arange(10.0), [["a", "b"]] * 10), ("tuple", "Orbit")),
    "three states": ((np.arange(10.0), np.zeros((10, 3))), (r"\(10, 3\)", r"\(K, 2\)")),
    "states on their side": ((np.arange(10.0), np.zeros((2, 10))), (r"\(2, 10\)", r"\(K, 2\)")),
    "states of one dimension": ((np.arange(10.0), np.zeros(10)), (r"\(10,\)", r"\(K, 2\)")),
    "fewer times than states": ((np.arange(9.0), np.zeros((10, 2))), (r"\(9,\)", r"\(10, 2\)")),
    "too few": (constant(7), (r"\(7,\)", "at least 8")),
    "times that fall": ((np.arange(10.0)[::-1], np.zeros((10, 2))), ("times must increase",)),
    "times that stand still": ((np.zeros(10), np.zeros((10, 2))), ("times must increase",)),
    "times NaN": ((np.full(10, np.nan), np.zeros((10, 2))), ("times must increase",)),
    "states NaN": ((np.arange(10.0), np.full((10, 2), np.nan)), ("states must be finite",)),
    "states infinite": ((np.arange(10.0), np.full((10, 2), np.inf)), ("states must be finite",)),
    "a result of another system": (
        SimpleNamespace(t=np.arange(10.0), y=np.zeros((3, 10))), (r"\(10, 3\)", r"\(K, 2\)"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAJECTORIES)
def test_what_is_no_trajectory(name):
    trajectory, parts = TRAJECTORIES[name]
    with refused(SpecificationError, "trajectory", *parts):
        reduction.find_cycle(BAUTIN, trajectory)


def test_a_trajectory_with_parameters_that_do_not_exist(cycle):
    with refused(UnknownNameError, "'q'", "b1"):
        reduction.find_cycle(BAUTIN, cycle, parameters={"q": 1.0})
    with refused(ParameterError, "b1 = nan"):
        reduction.find_cycle(BAUTIN, cycle, parameters={"b1": np.nan})


def test_trajectories_that_do_not_end_in_a_cycle():
    saddle = ODESystem.from_expressions({"x": "0.3*x", "y": "-y"})
    short = reduction.flow(BAUTIN, 3.0, [0.9, 0.0], parameters=EXCITED)
    damped = reduction.flow(BAUTIN, 300.0, [0.1, 0.0], parameters={"b1": -0.3})
    noise = np.linspace(0.0, 3.0, 50), np.random.default_rng(0).random((50, 2))
    cases = [
        (BAUTIN, short, ("not periodic at its end", "integrate longer")),
        (BAUTIN, damped, ("equilibrium", "find_equilibrium")),
        (BAUTIN, constant(100), ("equilibrium", "find_equilibrium")),
        (saddle, reduction.flow(saddle, 10.0, [0.1, 1.0]), ("not periodic at its end", "integrate longer")),
        (BAUTIN, noise, ("integrate longer|sample more densely",)),
    ]
    for system, trajectory, parts in cases:
        with refused(NumericalError, *parts):
            reduction.find_cycle(system, trajectory)


def test_a_cycle_of_other_parameters_is_none(cycle):
    with refused(NumericalError, "integrate longer"):
        reduction.find_cycle(BAUTIN, cycle, parameters={"b1": -0.9})
    with refused(NumericalError, "no cycle of this system at these parameters"):
        reduction.continue_cycle(BAUTIN, cycle, "b1", (-1.0, 1.0), parameters={"b1": -0.9})


def test_a_simulation_of_another_level(chang):
    approximation = reduction.MarkovApproximation(chang, bins=12)
    trajectory = reduction.integrate(approximation, level="published", duration=2.0, dt=0.1, seed=0)
    with refused(SpecificationError, "trajectory of level 'published'", "must be of level 'ode'"):
        reduction.find_cycle(approximation, trajectory)


def test_a_markov_approximation_is_a_system(small):
    """Accepted directly: the same as its ODE."""
    approximation = reduction.MarkovApproximation(small, bins=12)
    one, two = (reduction.flow(system, 1.0, samples=5) for system in (approximation, approximation.ode()))
    np.testing.assert_array_equal(one.states, two.states)
    assert one.names == two.names
    with refused(UnknownNameError, "'q'"):
        reduction.continue_equilibrium(approximation, one.states[-1], "q", (0.0, 1.0))
    with refused(SpecificationError, "guess", rf"\({len(one.names)},\)"):
        reduction.find_equilibrium(approximation, [1.0])


# -- starts of branches of cycles


def test_what_no_branch_of_cycles_starts_from(fold, hopf):
    for start in (None, [1.0, 2.0], "HB", Equilibrium(np.zeros(2), {}, np.zeros(2, complex), True)):
        with refused(SpecificationError, "start = ", "must be a Cycle or a Hopf point", "find_cycle"):
            reduction.continue_cycle(BAUTIN, start, "b1", (-1.0, 1.0))
    with refused(SpecificationError, "kind LP", "Hopf point"):
        reduction.continue_cycle(CUSP, fold, "m", (-1.0, 1.0))


def test_a_hopf_point_that_is_none(hopf):
    cases = [
        (replace(hopf, parameters={"b1": -0.3, "b2": 1.0}), {}, ("imaginary eigenvalues", "b1 = -0.3")),
        (hopf, {"b1": 0.3}, ("imaginary eigenvalues", "b1 = 0.3")),
        (hopf, {"b1": 1e-3}, ("imaginary eigenvalues", "b1 = 0.001")),
        (replace(hopf, state=np.array([0.5, 0.0])), {}, ("no equilibrium", "b1")),
    ]
    for point, parameters, parts in cases:
        with refused(SpecificationError, "start", "must be a Hopf point of this system", *parts):
            reduction.continue_cycle(BAUTIN, point, "b1", (-1.0, 1.0), parameters=parameters)
    with refused(UnknownNameError, "'b1'"):
        reduction.continue_cycle(models.fitzhugh_nagumo(), hopf, "I", (-1.0, 1.0))


def test_starts_of_another_dimension(hopf, cycle):
    system = models.lorenz()
    for start in (hopf, cycle):
        with refused(SpecificationError, r"3"):
            reduction.continue_cycle(system, replace(start, parameters=system.parameters), "rho", (0.0, 1.0))


def test_a_cycle_outside_the_bounds(cycle):
    with refused(SpecificationError, "b1 = -0.1 at the start", r"\[0.5, 1\]"):
        reduction.continue_cycle(BAUTIN, cycle, "b1", (0.5, 1.0))


# -- switches


def test_points_at_which_no_other_branch_begins(equilibria, cycles, fold, hopf):
    (turn,) = cycles.of_kind("LPC")
    folds = reduction.continue_equilibrium(CUSP, [-1.3], "m", (-1.0, 1.0))
    for branch, point, kinds in (
        (cycles, turn, "PD, BPC"), (cycles, hopf, "PD, BPC"), (cycles, None, "PD, BPC"), (cycles, 3, "PD, BPC"),
        (folds, fold, "BP, HB"), (equilibria, turn, "BP, HB"),
    ):  # fmt: skip
        with refused(SpecificationError, "point = ", f"of this branch of kind {kinds}"):
            branch.switch(point)
    with refused(ParameterError, "max_points = 0"):
        equilibria.switch(hopf, max_points=0)


def test_no_branch_begins_on_a_curve(fold):
    curve = reduction.continue_point(CUSP, fold, ("m", "l"), ((-2.0, 2.0), (-1.0, 2.0)))
    (point,) = curve.of_kind("CP")
    with refused(SpecificationError, "CP"):
        curve.switch(point)


def test_a_branch_of_equilibria_has_no_cycles(equilibria):
    with refused(SpecificationError, "'equilibrium'"):
        equilibria.cycle(0)


# -- curves


def test_kinds_without_curves(fold, hopf):
    origin = reduction.continue_equilibrium(models.lorenz(), [0.0, 0.0, 0.0], "rho", (0.0, 40.0))
    (branching,) = origin.of_kind("BP")
    with refused(SpecificationError, "point = BP", "LP, HB, LPC, PD, NS"):
        reduction.continue_point(models.lorenz(), branching, ("rho", "sigma"), ((0.0, 40.0), (1.0, 20.0)))
    for point in (None, [1.0], "LP"):
        with refused(SpecificationError, "point = ", "LP, HB, LPC, PD, NS"):
            reduction.continue_point(CUSP, point, ("m", "l"), ((-2.0, 2.0), (-1.0, 2.0)))


BOTH = ((-2.0, 2.0), (-1.0, 2.0))
CURVES = {
    "one name": (("m",), BOTH, SpecificationError, ("two names",)),
    "three names": (("m", "l", "l"), BOTH, SpecificationError, ("two names",)),
    "no names": (None, BOTH, SpecificationError, ("two names",)),
    "a name twice": (("m", "m"), BOTH, SpecificationError, ("'m', 'm'", "different")),
    "one pair": (("m", "l"), BOTH[:1], SpecificationError, ("two pairs",)),
    "one interval": (("m", "l"), (-2.0, 2.0), SpecificationError, ("bounds of m",)),
    "no bounds": (("m", "l"), None, SpecificationError, ("two pairs",)),
    "reversed": (("m", "l"), ((-2.0, 2.0), (2.0, -1.0)), SpecificationError, ("bounds of l", "low < high")),
    "start outside": (("m", "l"), ((-2.0, 2.0), (3.0, 4.0)), SpecificationError, ("l = 1 ", r"\[3, 4\]")),
}  # fmt: skip


@pytest.mark.parametrize("name", CURVES)
def test_arguments_of_a_curve(name, fold):
    parameters, bounds, error, parts = CURVES[name]
    with refused(error, *parts):
        reduction.continue_point(CUSP, fold, parameters, bounds)


def test_an_unknown_parameter_of_a_curve_is_named(fold):
    with refused(UnknownNameError, "'q'", "m, l"):
        reduction.continue_point(CUSP, fold, ("m", "q"), BOTH)


def test_points_that_are_not_what_they_say(fold, hopf):
    with refused(NumericalError, "LP point is not confirmed"):
        reduction.continue_point(CUSP, replace(fold, state=np.array([3.0])), ("m", "l"), BOTH)
    bounds = ((-2.0, 2.0), (-2.0, 2.0))
    with refused(NumericalError, "LP point is not confirmed"):
        reduction.continue_point(BAUTIN, replace(hopf, kind="LP"), ("b1", "b2"), bounds)
    with refused(SpecificationError, "HB without a period", "continue_equilibrium"):
        reduction.continue_point(BAUTIN, replace(hopf, period=None), ("b1", "b2"), bounds)
    with refused(SpecificationError, "shape"):
        reduction.continue_point(BAUTIN, replace(hopf, state=np.zeros(3)), ("b1", "b2"), bounds)
    with refused(UnknownNameError, "'m'"):
        reduction.continue_point(BAUTIN, fold, ("b1", "b2"), bounds)


def test_a_torus_without_its_angle(cycles):
    (turn,) = cycles.of_kind("LPC")
    with refused(SpecificationError, "NS"):
        reduction.continue_point(
            BAUTIN, replace(turn, kind="NS", origin=None), ("b1", "b2"), ((-2.0, 2.0), (-2.0, 2.0))
        )


# -- events, stop, progress


CALLBACKS = {
    "events that are no mapping": {"events": 3},
    "an event that is no function": {"events": {"a": 3}},
    "an event that returns nothing": {"events": {"a": lambda y, p: None}},
    "an event of one argument": {"events": {"a": lambda y: 1.0}},
    "stop that is no function": {"stop": 3},
    "progress that is no function": {"progress": 3},
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_that_cannot_be_called(name):
    with pytest.raises((SpecificationError, NumericalError)):
        reduction.continue_equilibrium(CUSP, [-1.3], "m", (-1.0, 1.0), **CALLBACKS[name])


def test_parameters_that_are_no_mapping():
    with refused(SpecificationError, "parameters"):
        reduction.find_equilibrium(CUSP, [1.0], parameters=[1.0])


@pytest.mark.parametrize("options", [{"starts": -1}, {"starts": 2.5}, {"starts": "a"}, {"seed": "a"}, {"seed": -1}])
def test_numbers_of_a_search(options):
    with pytest.raises(SpecificationError, match=next(iter(options))):
        reduction.find_equilibria(CUSP, **options)


@pytest.mark.parametrize("region", [(1.0, -1.0), (np.nan, 1.0), (-np.inf, 1.0)])
def test_regions_that_hold_nothing(region):
    with refused(SpecificationError, "region"):
        reduction.find_equilibria(CUSP, region=region)


def test_searches_refuse_dependence_on_time():
    with refused(SpecificationError, "depends on time"):
        reduction.find_equilibria(callable_system(lambda t, y, p: np.array([np.sin(t) - y[0]])))


def test_no_false_equilibrium_where_a_function_decays():
    """exp(x) has no zero, however small it becomes."""
    system = ODESystem.from_expressions({"x": "exp(x)"})
    with refused(NumericalError, "try another guess"):
        reduction.find_equilibrium(system, [1.0])
    assert reduction.find_equilibria(system) == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"duration": 0.0}, "duration"), ({"duration": -1.0}, "duration"), ({"duration": np.nan}, "duration"),
        ({"duration": "a"}, "duration"), ({"duration": None}, "duration"), ({"duration": np.inf}, "duration"),
        ({"samples": 0}, "samples"), ({"samples": 2.5}, "samples"),
        ({"relative_tolerance": -1.0}, "relative_tolerance"),
    ],
)  # fmt: skip
def test_options_of_flow(arguments, part):
    with refused(ParameterError, part):
        reduction.flow(CUSP, **{"duration": 1.0, "initial": [1.0], **arguments})


def test_flows_that_fail():
    with refused(SpecificationError, "initial", r"\(1,\)"):
        reduction.flow(CUSP, 1.0, [1.0, 2.0])
    for equation in ("x**2", "log(x) - 5"):
        with refused(NumericalError, "dy/dt is|integration failed"):
            reduction.flow(ODESystem.from_expressions({"x": equation}), 10.0, [1.0])


def test_a_cycle_is_described_with_its_period(cycle):
    assert isinstance(cycle, Cycle)
    assert repr(cycle).startswith("Cycle(period 6.28318")
