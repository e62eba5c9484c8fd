from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import reduction
import spiking
from reduction import bernoulli as functions
from reduction.derivation import explicit_equations
from reduction.levels import ode
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

VARIANTS = {
    "exponential": {},
    "none": {"E.refractory": spiking.NoRefractory(), "I.refractory": spiking.NoRefractory()},
    "fixed": {"E.refractory": spiking.Fixed(3.0)},
    "leaky": {"E.tau_m": 20.0, "E.rest": 5.0, "I.tau_m": 10.0},
    "delayed": {"EI.delay": 2.0, "EE.delay": 0.5},
    "one driven": {"I.drive": spiking.NoDrive()},
}


def full_state(approximation, seed=0):
    """A random full state with all neurons somewhere."""
    rng = np.random.default_rng(seed)
    layout = ode.layout(approximation)
    full = rng.uniform(0.1, 1.0, len(layout.names))
    for a, size in enumerate(approximation.network.sizes.values()):
        full[layout.owner == a] *= size / full[layout.owner == a].sum()
    full[layout.owner < 0] *= 20.0
    return layout, full


def values_of(equations, expressions, state):
    """Numbers of expressions in the symbols of explicit equations."""
    return replace(equations, derivatives=dict(enumerate(expressions))).lambdify()(state)


def changes_of(equations, names, state):
    """Array (channels, names): what each channel adds to each state."""
    changes = [c.change.get(name, sp.Integer(0)) for c in equations.channels for name in names]
    return values_of(equations, changes, state).reshape(len(equations.channels), len(names))


def assert_same(found, expected):
    assert np.isfinite(found).all()
    assert np.abs(found - expected).max() <= 1e-13 * np.abs(expected).max()


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("closure", ["published", "white", 0.7, "conditional"])
def test_the_right_hand_side_is_that_of_the_ode_level(chang, name, closure):
    approximation = reduction.MarkovApproximation(chang.replace(VARIANTS[name]), bins=16, closure=closure)
    equations, system = explicit_equations(approximation), approximation.ode()
    assert tuple(equations.states) == system.names
    assert set(equations.derivatives) == set(system.names)
    assert set(equations.parameters) <= set(system.parameters)
    evaluate = equations.lambdify()
    for seed in range(3):
        layout, full = full_state(approximation, seed)
        assert_same(evaluate(full[layout.kept]), system.rhs(0.0, full[layout.kept]))
    other = {"EI.probability": 0.31, "EE.weight": 1.7, "E.threshold": 101.0, "I.reset": -0.5, "II.reversal": -70.0}
    assert_same(evaluate(full[layout.kept], other), system.rhs(0.0, full[layout.kept], other))
    pending = np.array([name.endswith((".mean", ".variance")) for name in system.names])
    quiet = np.where(pending, 0.0, system.guess)
    assert_same(evaluate(quiet), system.rhs(0.0, quiet))  # nothing pending: without drive, no noise


def test_kicks_and_both_refractory_times(small):
    for closure in ("published", "white"):
        approximation = reduction.MarkovApproximation(small, bins=30, closure=closure)
        layout, full = full_state(approximation)
        y = full[layout.kept]
        assert_same(explicit_equations(approximation).lambdify()(y), approximation.ode().rhs(0.0, y))
        lowest = y.copy()
        lowest[layout.owner[layout.kept] < 0] *= -0.1  # the noise of kicks is cut off at 0
        assert_same(explicit_equations(approximation).lambdify()(lowest), approximation.ode().rhs(0.0, lowest))


def every_kind():
    """Exponential and quadratic neurons, with and without cutoffs, on all synapses, wirings and drives."""
    exponential = spiking.EIF(0.0, -60.0, 10.0, -65.0, onset=-50.0, slope_factor=2.0, refractory=spiking.Fixed(2.0))
    quadratic = spiking.QIF(12.0, -2.0, 10.0, refractory=spiking.Exponential(2.0))
    current = spiking.SumDrive(spiking.ConstantDrive(1.0), spiking.OrnsteinUhlenbeckDrive(0.2, 0.7, 4.0))
    return spiking.Network(
        [
            spiking.Population("E", 100, exponential, spiking.GaussianDrive(2.0, 1.0)),
            spiking.Population("I", 50, quadratic, spiking.PoissonDrive(1.0, 0.5)),
            spiking.Population("Q", 50, spiking.QIF(tau_m=10.0), current),
        ],
        [
            spiking.Projection(
                "E", "I", spiking.ExponentialConductance(0.1, 5.0, -80.0), spiking.Bernoulli(0.2), delay=1.5
            ),
            spiking.Projection("I", "E", spiking.ExponentialCurrent(0.3, 3.0), spiking.FixedInDegree(10)),
            spiking.Projection("Q", "E", spiking.Delta(0.3), spiking.AllToAll(), delay=1.0),
            spiking.Projection("Q", "I", spiking.ExponentialCurrent(0.3, 3.0, True), spiking.FixedOutDegree(7)),
        ],
    )


@pytest.mark.parametrize("closure", ["white", "conditional"])
def test_every_neuron_synapse_wiring_and_drive(closure):
    network = every_kind()
    approximation = reduction.MarkovApproximation(network, bins=24, closure=closure, noise_levels=2, stages=3)
    equations, system = explicit_equations(approximation), approximation.ode()
    layout, full = full_state(approximation)
    y = full[layout.kept]
    assert tuple(equations.states) == system.names
    evaluate = equations.lambdify()
    assert_same(evaluate(y), system.rhs(0.0, y))
    addresses = (
        "E.slope_factor",
        "E.onset",
        "I.threshold",
        "Q.tau_m",
        "EI.delay",
        "IE.in_degree",
        "Q.drive.second.tau",
    )
    for address in addresses:
        if closure == "white" and address == "Q.drive.second.tau":
            continue
        other = {address: network[address] * 1.01}
        assert_same(evaluate(y, other), system.rhs(0.0, y, other))


def test_what_is_not_covered_is_refused_by_name(chang):
    for change, message in (
        ({"E.drive": spiking.ArrayDrive([1.0, 2.0], 10.0)}, "E.drive = 'array': depends on time"),
        ({"I.refractory": spiking.Normal(3.0, 1.0)}, "I.refractory = 'normal': the equations cover"),
    ):
        for options in ({"bins": 12}, {}):
            with pytest.raises(SpecificationError, match=message):
                reduction.derive(chang.replace(change), **options)
    with pytest.raises(SpecificationError, match="E: the general form covers leaky neurons"):
        reduction.derive(every_kind())


def test_the_parameters_are_those_that_enter(chang):
    approximation = reduction.MarkovApproximation(chang.replace({"I.tau_m": 10.0}), bins=20, closure="white")
    equations, system = explicit_equations(approximation), approximation.ode()
    assert "I.tau_m" in equations.parameters
    assert not {"E.tau_m", "E.rest", "EE.reversal"} & set(equations.parameters)  # no leak, no reversal
    layout, full = full_state(approximation)
    y = full[layout.kept]
    exact = system.rhs(0.0, y)
    for address, value in system.parameters.items():
        if not np.isfinite(value) or address.endswith(".delay"):
            continue  # a delay of 0 has no stages
        moved = system.rhs(0.0, y, {address: value * 1.001 + 1e-3})
        assert (address in equations.parameters) == (not np.array_equal(moved, exact)), address


@pytest.mark.parametrize("variant", ["exponential", "none", "fixed", "delayed"])
@pytest.mark.parametrize("closure", ["white", "conditional"])
def test_the_events_of_the_chain_sum_up_to_the_ode(chang, variant, closure):
    network = chang.replace(VARIANTS[variant])
    approximation = reduction.MarkovApproximation(network, bins=12, closure=closure, noise_levels=2, stages=4)
    equations = explicit_equations(approximation, "chain")
    layout, full = full_state(approximation)
    assert tuple(equations.states) == layout.names
    rates = values_of(equations, [c.rate for c in equations.channels], full)
    changes = changes_of(equations, layout.names, full)
    decay = equations.lambdify()(full)
    assert (rates >= 0).all()
    assert (decay[layout.owner >= 0] == 0).all()  # between events no neuron moves
    for a in (0, 1):
        moved = changes[:, layout.owner == a]
        assert (moved.sum(axis=1) == 0).all()
        assert set(moved.ravel()) == {-1.0, 0.0, 1.0}
    assert_same((decay + rates @ changes)[layout.kept], approximation.ode().rhs(0.0, full[layout.kept]))


def test_langevin_has_the_drift_of_the_ode_and_the_covariance_of_the_chain(small):
    approximation = reduction.MarkovApproximation(small, bins=24, closure="white")
    layout, full = full_state(approximation)
    y = full[layout.kept]
    names = [layout.names[k] for k in layout.kept]
    matrices = []
    for level, state in (("chain", full), ("langevin", y)):
        equations = explicit_equations(approximation, level)
        rates = values_of(equations, [c.rate for c in equations.channels], state)
        changes = changes_of(equations, names, state)
        matrices.append(changes.T @ (rates[:, None] * changes))
    assert_same(matrices[1], matrices[0])
    assert_same(equations.lambdify()(y), approximation.ode().rhs(0.0, y))
    edges = 2 * 23
    assert rates.size == edges + (1 + 2) + (1 + 15 + 2)  # spikes, 15 passages of 16 stages, the 2 bins around reset


@given(st.floats(1e-300, 1e3))
def test_the_bernoulli_function_is_right_everywhere(size):
    with mpmath.workdps(700):
        for x in (size, -size):
            exact = mpmath.mpf(x) / mpmath.expm1(x)
            assert float(functions.bernoulli(x)) == pytest.approx(float(exact), rel=1e-15, abs=1e-300)
            slope = exact * (1 - mpmath.mpf(x) - exact) / mpmath.mpf(x)
            assert float(functions.bernoulli_slope(x)) == pytest.approx(float(slope), rel=2e-13, abs=1e-300)


def test_the_bernoulli_function_in_sympy():
    x = sp.Symbol("x", real=True)
    b = functions.Bernoulli
    assert b(0) == 1
    assert b(sp.oo) == 0
    assert b(-sp.oo) == sp.oo
    for value in (1e-30, -1e-9, 0.3, -2.0, 50.0, 1000.0, -1000.0):
        with mpmath.workdps(60):
            exact = mpmath.mpf(value) / mpmath.expm1(value)
            slope = exact * (1 - mpmath.mpf(value) - exact) / mpmath.mpf(value)
        assert abs(b(sp.Float(value)).evalf(30) / sp.Float(exact, 40) - 1) < 1e-15
        assert abs(sp.diff(b(x), x).subs(x, sp.Float(value)).evalf(30) / sp.Float(slope, 40) - 1) < 1e-14
    assert functions.bernoulli(1e202) == 0
    assert functions.bernoulli(-1e202) == 1e202
    assert functions.bernoulli(0.0) == 1
    assert functions.bernoulli_slope(0.0) == -0.5
    assert functions.bernoulli_slope(-1e202) == -1


def test_bins_and_levels(chang):
    assert isinstance(reduction.derive(chang), reduction.ReducedEquations)
    equations = reduction.derive(chang, bins=12)
    assert equations.level == "ode"
    assert equations.approximation.bins == {"E": 12, "I": 12}
    size = len(equations.states)
    approximation = reduction.MarkovApproximation(chang, bin_width=10.0)
    assert reduction.derive(approximation, "chain").approximation is approximation
    assert reduction.derive(approximation, bins=approximation.bins).approximation is approximation
    with pytest.raises(UnknownNameError, match="level 'sde' does not exist .*there are: ode, chain, langevin"):
        reduction.derive(chang, "sde")
    with pytest.raises(ParameterError, match=r"bins = 12: the approximation has \{'E': 15, 'I': 15\}"):
        reduction.derive(approximation, bins=12)
    with pytest.raises(ParameterError, match="bins = 3: must give E at least 4 bins"):
        reduction.derive(chang, bins=3)
    with pytest.raises(ParameterError, match="must be one number for a network"):
        reduction.derive(chang, bins={"E": 12, "I": 12})
    evaluate = equations.lambdify()
    with pytest.raises(SpecificationError, match=rf"y has shape \(3,\): must have shape \({size},\)"):
        evaluate(np.zeros(3))
    with pytest.raises(UnknownNameError, match="parameter 'E.tau_m' does not exist"):
        evaluate(np.zeros(size), {"E.tau_m": 10.0})
    with pytest.raises(ParameterError, match="EE.tau = nan: must be a number"):
        evaluate(np.zeros(size), {"EE.tau": np.nan})


def test_as_text(chang):
    approximation = reduction.MarkovApproximation(chang, bins=12, closure="published")
    text = str(reduction.derive(approximation, bins=12))
    assert "EI.probability = 0.8  connection probability" in text
    assert "d/dt EI.mean = -EI.mean/EI.tau + EI.probability*I.flux" in text
    assert "E.flux = E.density[11]*E.up[12]" in text
    chain = str(reduction.derive(approximation, "chain"))
    assert "E.up[4]: E.density[3]*E.up[4]; E.density[3] -1, E.density[4] 1" in chain
    assert "E.spike: E.flux; E.density[11] -1, EE.mean EE.probability" in chain
    assert "Noise: intensity; added to" in str(reduction.derive(approximation, "langevin"))


def documents(chang, small):
    awkward = spiking.Network(
        [
            spiking.Population(
                "P_1", 50, spiking.LIF(20.0, refractory=spiking.Fixed(2.0)), spiking.PoissonDrive(2.0, 1.0)
            )
        ],
        [spiking.Projection("P_1", "P_1", spiking.PendingCurrent(0.3, 2.0), spiking.Annealed(0.2))],
    )
    yield "general", reduction.derive(chang)
    yield "general_awkward", reduction.derive(awkward)
    yield "ode", reduction.derive(chang, bins=12)
    yield "general_white", reduction.derive(reduction.MarkovApproximation(chang, closure="white"))
    yield "chain", reduction.derive(reduction.MarkovApproximation(small, bins=12, closure="white"), "chain")
    yield "langevin", reduction.derive(awkward, "langevin", bins=12)


def test_latex_is_balanced(chang, small):
    for _, equations in documents(chang, small):
        text = equations.latex(document=True)
        for opening, closing in (("{", "}"), (r"\left", r"\right")):
            assert text.count(opening) == text.count(closing)
        assert text.count(r"\begin{") == text.count(r"\end{")
        assert text.startswith(r"\documentclass")
        assert equations.latex() in text
        assert not re.search(r"\\mathrm\{\w*\}\^", equations.latex())  # everything has a symbol


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is absent (Debian: texlive-latex-base)")
def test_latex_compiles(chang, small, tmp_path):
    for name, equations in documents(chang, small):
        (tmp_path / f"{name}.tex").write_text(equations.latex(document=True))
        run = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"], cwd=tmp_path,
            capture_output=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-2000:]
        assert (tmp_path / f"{name}.pdf").stat().st_size > 10_000
        assert b"Overfull \\hbox" not in run.stdout or name.startswith("general"), name
