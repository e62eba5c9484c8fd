"""Bifurcations that formulas, textbooks and AUTO-07p's demos give, found by continuation; numbers: `models.ORACLE`."""

from __future__ import annotations

import math

import models
import numpy as np
import pytest
from models import ORACLE, tolerance

import reduction
from reduction.levels import exact

MORRIS_LECAR = list(ORACLE["morris_lecar"])


def found(branch, kind):
    return sorted((point for point in branch.special_points if point.kind == kind), key=lambda point: point.value)


def assert_printed(name, values, expected):
    """As many as there should be, each to the digits given."""
    values = [float(value) for value in values]
    print(
        f"\n{name}: " + ", ".join(f"{a:.9g} ({float(b):.9g})" for a, b in zip(values, expected, strict=False)), end=""
    )
    assert len(values) == len(expected), values
    for value, number in zip(values, expected, strict=True):
        assert value == pytest.approx(number, abs=tolerance(number))


def equilibria(system, parameter, bounds, **start):
    """The branch from the system's guess at its parameters."""
    point = reduction.find_equilibrium(system, system.guess, parameters=start or None)
    return reduction.continue_equilibrium(system, point, parameter, bounds)


# Model, parameter, bounds, oracle.
BRANCHES = {
    "cusp": (models.cusp, "m", (-1.0, 1.0), ORACLE["cusp"]),
    "bogdanov_takens": (models.bogdanov_takens, "b1", (-1.0, 1.0), ORACLE["bogdanov_takens"]),
    "bautin": (models.bautin, "b1", (-1.0, 1.0), ORACLE["bautin"]),
    "ab 14": (lambda: models.ab(14.0), "p", (-0.01, 0.5), ORACLE["ab"][14.0]),
    "ab 18": (lambda: models.ab(18.0), "p", (-0.01, 0.5), ORACLE["ab"][18.0]),
    "plp": (models.plp, "rho", (-0.01, 6.0), ORACLE["plp"]),
    "feedback_control": (models.feedback_control, "alpha", (0.5, 2.0), ORACLE["feedback_control"]),
    "fitzhugh_nagumo": (models.fitzhugh_nagumo, "I", (-1.0, 2.0), ORACLE["fitzhugh_nagumo"]),
    "brusselator_pde": (lambda: models.brusselator_pde(40), "l", (0.1, 0.6), ORACLE["brusselator_pde"]),
    "montbrio_pazo_roxin": (models.montbrio_pazo_roxin, "eta", (-12.0, 2.0), ORACLE["montbrio_pazo_roxin"]),
    "adapting": (models.adapting_montbrio_pazo_roxin, "eta", (-12.0, 2.0), ORACLE["adapting_montbrio_pazo_roxin"]),
    **{
        f"morris_lecar {k[0]}": (lambda k=k: models.morris_lecar(*k), "I", (-20.0, 250.0), ORACLE["morris_lecar"][k])
        for k in MORRIS_LECAR
    },
}  # fmt: skip


@pytest.mark.parametrize("name", BRANCHES)
def test_folds_and_hopf_points(name):
    model, parameter, bounds, oracle = BRANCHES[name]
    branch = equilibria(model(), parameter, bounds)
    for kind in ("LP", "HB"):
        assert_printed(f"{name} {kind}", [p.value for p in found(branch, kind)], oracle.get(kind, ()))
    hopf = found(branch, "HB")
    if "HB periods" in oracle:
        assert_printed(f"{name} periods", [p.period for p in hopf], oracle["HB periods"])
    if "subcritical" in oracle:
        assert [p.normal_form["first_lyapunov"] > 0 for p in hopf] == list(oracle["subcritical"])
    if "l1" in oracle:
        assert hopf[0].normal_form["first_lyapunov"] == pytest.approx(oracle["l1"], abs=1e-7)
    assert not found(branch, "BP")


@pytest.mark.parametrize("B", [14.0, 18.0])
def test_hopf_points_of_the_tank_in_closed_form(B):
    hopf = found(equilibria(models.ab(B), "p", (-0.01, 0.5)), "HB")
    np.testing.assert_allclose([p.value for p in hopf], models.ab_hopf_points(B), atol=1e-8)


@pytest.mark.parametrize("A", [0.5, 1.0, 2.0])
def test_brusselator(A):
    """Hassard, Kazarinoff, Wan 1981."""
    system = models.brusselator_ode()
    start = {"A": A, "B": 0.5}
    point = reduction.find_equilibrium(system, [A, start["B"] / A], parameters=start)
    (hopf,) = found(reduction.continue_equilibrium(system, point, "B", (0.2, 8.0)), "HB")
    assert hopf.value == pytest.approx(1 + A**2, abs=1e-8)
    assert hopf.period == pytest.approx(2 * math.pi / A, abs=1e-8)
    assert hopf.normal_form["first_lyapunov"] == pytest.approx(models.brusselator_l1(A), abs=1e-7)


@pytest.mark.parametrize("points", [10, 40])
def test_brusselator_on_a_line(points):
    """Hopf points of the first two modes."""
    system = models.brusselator_pde(points)
    hopf = found(equilibria(system, "l", (0.1, 1.2)), "HB")
    modes = [models.brusselator_pde_hopf_point(points, mode) for mode in (1, 2)]
    print(f"\n{points} points: {[p.value for p in hopf]}", end="")
    np.testing.assert_allclose([(p.value, p.period) for p in hopf], modes, atol=1e-8)
    assert hopf[0].normal_form["first_lyapunov"] < 0


def test_the_brusselator_on_a_line_has_its_jacobian():
    system = models.brusselator_pde(7)
    y = system.guess + 0.3 * np.random.default_rng(0).standard_normal((2, 14))
    h, basis = 1e-4, np.eye(14)
    slopes = np.stack([(system.rhs_many(y + h * e) - system.rhs_many(y - h * e)) / (2 * h) for e in basis], axis=-1)
    np.testing.assert_allclose(system.jacobian_many(y), slopes, atol=1e-6)
    np.testing.assert_array_equal(system.rhs_many(y)[1], system.rhs(0.0, y[1]))


def test_all_equilibria_of_the_quadratic_neurons():
    parameters = {"eta": -5.0}
    states = [e.state for e in reduction.find_equilibria(models.montbrio_pazo_roxin(), parameters=parameters)]
    assert_printed("rates", sorted(y[0] for y in states if y[0] > 0), ORACLE["montbrio_pazo_roxin"]["rates"])


def test_lorenz_equilibria():
    oracle, system = ORACLE["lorenz"], models.lorenz()
    origin = equilibria(system, "rho", (0.0, 40.0))
    assert_printed("Lorenz BP", [p.value for p in found(origin, "BP")], oracle["BP"])
    pitchfork = origin.switch(found(origin, "BP")[0])
    hopf = found(pitchfork, "HB")
    assert {round(p.value, 6) for p in hopf} == {round(oracle["HB"][0], 6)}
    assert hopf[0].value == pytest.approx(oracle["HB"][0], abs=1e-8)
    assert_printed("Lorenz HB", [hopf[0].period], oracle["HB periods"])
    assert hopf[0].normal_form["first_lyapunov"] > 0


def test_predator_and_harvested_prey():
    """Three branches, joined at two branch points."""
    oracle, system = ORACLE["pp2"], models.pp2()
    empty = equilibria(system, "p", (0.0, 0.95))
    assert_printed("pp2 BP", [p.value for p in found(empty, "BP")], oracle["BP"][:1])
    prey = empty.switch(found(empty, "BP")[0])
    assert_printed("pp2 LP", [p.value for p in found(prey, "LP")], oracle["LP"])
    other = [p for p in found(prey, "BP") if p.value > 0.7]
    assert_printed("pp2 BP", [p.value for p in other], oracle["BP"][1:])
    both = prey.switch(other[0])
    assert_printed("pp2 HB", [p.value for p in found(both, "HB")], oracle["HB"])
    assert found(both, "HB")[0].normal_form["first_lyapunov"] < 0


# Model, parameter, bounds of the equilibria, number of the Hopf point, bounds of the cycles, oracle.
CYCLES = {
    "bautin": (models.bautin, "b1", (-1.0, 1.0), 0, (-0.4, 0.2), ORACLE["bautin"]),
    "plp": (models.plp, "rho", (-0.01, 6.0), 0, (2.0, 6.0), ORACLE["plp"]),
    "feedback_control": (models.feedback_control, "alpha", (0.5, 2.0), 0, (0.6, 1.1), ORACLE["feedback_control"]),
    **{
        f"morris_lecar {k[0]}": (
            lambda k=k: models.morris_lecar(*k), "I", (-20.0, 250.0), 0, (45.0, 250.0), ORACLE["morris_lecar"][k],
        )
        for k in MORRIS_LECAR
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CYCLES)
def test_cycles_from_hopf_points(name):
    model, parameter, bounds, number, cycle_bounds, oracle = CYCLES[name]
    system = model()
    hopf = found(equilibria(system, parameter, bounds), "HB")[number]
    branch = reduction.continue_cycle(system, hopf, parameter, cycle_bounds)
    for kind in ("LPC", "PD"):
        points = found(branch, kind)
        assert_printed(f"{name} {kind}", [p.value for p in points], oracle.get(kind, ()))
        if f"{kind} periods" in oracle:
            assert_printed(f"{name} {kind} periods", [p.period for p in points], oracle[f"{kind} periods"])
    assert not found(branch, "NS")


def test_cycles_of_the_bautin_normal_form():
    """Radius squared (1 +- sqrt(1 + 4 b1))/2 and multiplier exp(2 pi (2 r^2 - 4 r^4)) all along."""
    system = models.bautin()
    hopf = found(equilibria(system, "b1", (-1.0, 1.0)), "HB")[0]
    branch = reduction.continue_cycle(system, hopf, "b1", (-0.4, 0.2))
    square = branch.maxima[1:, 0] ** 2
    np.testing.assert_allclose(branch.values[1:] + square - square**2, 0.0, atol=1e-7)
    np.testing.assert_allclose(branch.periods, 2 * math.pi, rtol=1e-8)
    multipliers = np.exp(2 * math.pi * (2 * square - 4 * square**2))
    np.testing.assert_allclose(np.prod(branch.eigenvalues[1:], axis=1).real, multipliers, rtol=1e-6)
    clear = np.abs(multipliers - 1) > 1e-3
    np.testing.assert_array_equal(branch.stable[1:][clear], (square > 0.5)[clear])


def test_period_doublings_of_the_lorenz_cycle():
    """From the asymmetric cycle at rho = 250 downwards, each branch from the doubling of the last."""
    oracle, system = ORACLE["lorenz"], models.lorenz()
    orbit = reduction.flow(system, 60.0, initial=[20.0, 10.0, 250.0], parameters={"rho": 250.0})
    branch = reduction.continue_cycle(system, reduction.find_cycle(system, orbit), "rho", (214.0, 260.0))
    points = []
    for value in oracle["PD"]:
        if points:
            branch = branch.switch(points[-1])
        points.append(min(found(branch, "PD"), key=lambda p, value=value: abs(p.value - value)))
    assert_printed("Lorenz PD", [p.value for p in points], oracle["PD"])
    assert_printed("Lorenz periods", [p.period for p in points], oracle["PD periods"])


def curve_of(system, kind, parameters, first, bounds, **start):
    branch = equilibria(system, parameters[0], first, **start)
    return reduction.continue_point(system, found(branch, kind)[0], parameters, bounds)


# Model, kind of the points, parameters, bounds on the way to the first point, bounds of the curve, special point.
CURVES = {
    "cusp": (models.cusp, "LP", ("m", "l"), (-1.0, 1.0), ((-2.0, 2.0), (-1.0, 2.0)), "CP", ORACLE["cusp"]),
    "folds to BT": (
        models.bogdanov_takens, "LP", ("b1", "b2"), (-1.0, 1.0), ((-2.0, 2.0), (-2.0, 2.0)), "BT",
        ORACLE["bogdanov_takens"],
    ),
    "Hopf points to BT": (
        models.bogdanov_takens, "HB", ("b1", "b2"), (-1.0, 1.0), ((-2.0, 2.0), (-2.0, 2.0)), "BT",
        ORACLE["bogdanov_takens"],
    ),
    "bautin": (models.bautin, "HB", ("b1", "b2"), (-1.0, 1.0), ((-2.0, 2.0), (-2.0, 2.0)), "GH", ORACLE["bautin"]),
    "ab": (lambda: models.ab(18.0), "LP", ("p", "B"), (-0.01, 0.5), ((0.0, 0.5), (14.0, 25.0)), "CP", ORACLE["ab"]),
    "montbrio_pazo_roxin": (
        models.montbrio_pazo_roxin, "LP", ("eta", "J"), (-12.0, 2.0), ((-12.0, 2.0), (5.0, 20.0)), "CP",
        ORACLE["montbrio_pazo_roxin"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CURVES)
def test_points_of_codimension_two(name):
    model, kind, parameters, first, bounds, special, oracle = CURVES[name]
    curve = curve_of(model(), kind, parameters, first, bounds)
    points = [p for p in curve.special_points if p.kind == special]
    assert len(points) == 1, curve.special_points
    print(f"\n{name}: {special} at {points[0].value}, expected {oracle[special]}", end="")
    np.testing.assert_allclose(points[0].value, oracle[special], atol=1e-8)
    if "CP rate" in oracle:
        assert points[0].state[0] == pytest.approx(oracle["CP rate"], abs=tolerance(oracle["CP rate"]))


def test_curve_of_folds_of_the_cusp():
    """27 m^2 = 4 l^3."""
    curve = curve_of(models.cusp(), "LP", ("m", "l"), (-1.0, 1.0), ((-2.0, 2.0), (-1.0, 2.0)))
    one, two = curve.values.T
    assert one.min() < -1.0
    assert one.max() > 1.0
    np.testing.assert_allclose(27 * one**2, 4 * two**3, atol=1e-8)


def test_curves_through_the_bogdanov_takens_point():
    """Folds b1 = b2^2/4; Hopf points b1 = 0, b2 < 0."""
    bounds = ((-2.0, 2.0), (-2.0, 2.0))
    folds, hopf = (curve_of(models.bogdanov_takens(), kind, ("b1", "b2"), (-1.0, 1.0), bounds) for kind in ("LP", "HB"))
    np.testing.assert_allclose(folds.values[:, 0], folds.values[:, 1] ** 2 / 4, atol=1e-8)
    assert folds.values[:, 1].min() < -1.9
    assert folds.values[:, 1].max() > 1.9
    np.testing.assert_allclose(hopf.values[:, 0], 0.0, atol=1e-8)
    assert hopf.values[:, 1].min() < -1.9


def test_curve_of_folds_of_cycles():
    """b1 = -b2^2/4 from b2 = 1 towards the generalised Hopf point, where the cycle vanishes."""
    system = models.bautin()
    hopf = found(equilibria(system, "b1", (-1.0, 1.0)), "HB")[0]
    (fold,) = found(reduction.continue_cycle(system, hopf, "b1", (-0.4, 0.2)), "LPC")
    curve = reduction.continue_point(system, fold, ("b1", "b2"), ((-1.0, 0.5), (0.1, 1.8)))
    one, two = curve.values.T
    assert two.min() < 0.11
    assert two.max() > 1.79
    np.testing.assert_allclose(one, -(two**2) / 4, atol=1e-8)


def test_curve_of_folds_of_the_quadratic_neurons():
    system = models.montbrio_pazo_roxin()
    curve = curve_of(system, "LP", ("eta", "J"), (-12.0, 2.0), ((-12.0, 2.0), (5.0, 20.0)))
    assert np.ptp(curve.values[:, 1]) > 5.0
    cusp = ORACLE["montbrio_pazo_roxin"]["CP"][1]
    for eta, coupling in curve.values:
        if coupling - cusp > 1e-6:
            assert min(abs(eta - fold.eta) for fold in exact.saddle_nodes(delta=1.0, J=coupling)) < 1e-8


def fixed_points(model, parameter, bounds, **start):
    """The branch of fixed points of a map from its guess."""
    system = reduction.MapSystem.from_callable(
        lambda t, y, p: model.function(y, p), model.names, model.parameters,
        jacobian=lambda t, y, p: model.derivative(y, p), guess=model.guess,
    )  # fmt: skip
    return equilibria(system, parameter, bounds, **start)


def test_logistic_cascade():
    branch = fixed_points(models.logistic(), "r", (1.5, 3.6))
    points = []
    for _ in ORACLE["logistic"]["PD"]:
        if points:
            branch = branch.switch(points[-1])
        points.append(found(branch, "PD")[0])
    assert_printed("logistic PD", [p.value for p in points], ORACLE["logistic"]["PD"])


@pytest.mark.parametrize("a", ORACLE["henon"])
def test_henon(a):
    branch = fixed_points(models.henon(), "b", (0.0, 0.9), a=a)
    assert_printed(f"Henon a = {a}", [p.value for p in found(branch, "PD")], ORACLE["henon"][a]["PD"])


def hodgkin_huxley():
    """The squid axon of 1952 at 6.3 degrees, rest at -65 mV."""
    return reduction.ODESystem.from_expressions(
        {
            "V": "I - 120*m**3*h*(V - 50) - 36*n**4*(V + 77) - 0.3*(V + 54.387)",
            "m": "0.1*(V + 40)/(1 - exp(-(V + 40)/10))*(1 - m) - 4*exp(-(V + 65)/18)*m",
            "h": "0.07*exp(-(V + 65)/20)*(1 - h) - h/(1 + exp(-(V + 35)/10))",
            "n": "0.01*(V + 55)/(1 - exp(-(V + 55)/10))*(1 - n) - 0.125*exp(-(V + 65)/80)*n",
        },
        {"I": 0.0},
        guess={"V": -65.0, "m": 0.05, "h": 0.6, "n": 0.32},
    )


def test_hodgkin_huxley_from_either_hopf_point():
    """Folds and doublings that lie within 1e-5 of each other in I are found, and alike from both ends of the branch."""
    system = hodgkin_huxley()
    rest = reduction.find_equilibrium(system)
    hopf = found(reduction.continue_equilibrium(system, rest, "I", (0.0, 170.0)), "HB")
    np.testing.assert_allclose([point.value for point in hopf], [9.775438, 154.522434], atol=1e-6)
    ends = []
    for point in hopf:
        branch = reduction.continue_cycle(system, point, "I", (5.0, 170.0))
        assert branch.status.startswith("shrinks to an equilibrium")
        ends.append(sorted((p.kind, p.value) for p in branch.special_points))
    assert [kind for kind, _ in ends[0]] == ["LPC", "LPC", "LPC", "PD", "PD"]
    assert [kind for kind, _ in ends[1]] == [kind for kind, _ in ends[0]]
    first, second = (np.array([value for _, value in points]) for points in ends)
    print("\nHodgkin-Huxley:", ", ".join(f"{kind} {value:.7g}" for kind, value in ends[0]), end="")
    np.testing.assert_allclose(first, second, atol=1e-6)
