from __future__ import annotations

import re

import numpy as np
import pytest
import sympy as sp

import reduction
import spiking
from reduction.levels import ode
from spiking import presets


def numeric(approximation):
    """The right-hand side evaluated from the symbolic equations alone."""
    equations = reduction.derive(approximation)
    network = approximation.network
    values = {symbol: network[address] for address, symbol in equations.symbols.items()}
    values[sp.Symbol("kappa")] = approximation.kappa(np.nan) if approximation.closure != "white" else 0
    for name, bins in approximation.bins.items():
        width = (network[f"{name}.threshold"] - approximation.v_min[name]) / bins
        values |= {
            sp.Symbol(f"vmin_{name}"): approximation.v_min[name],
            sp.Symbol(f"h_{name}"): width,
            sp.Symbol(f"K_{name}", integer=True): bins,
        }
    return equations, values


def bernoulli(x):
    return x / np.expm1(x)


@pytest.mark.parametrize("closure", ["published", "white"])
@pytest.mark.parametrize("preset", ["chang2025", "lcy2019_hom", "cai2021_reg"])
def test_the_equations_are_those_that_are_integrated(preset, closure):
    approximation = reduction.MarkovApproximation(presets.get(preset), bins=12, closure=closure)
    equations, values = numeric(approximation)
    layout, system = ode.layout(approximation), approximation.ode()
    rng = np.random.default_rng(3)
    full = rng.uniform(1, 5, len(layout.names))
    sizes = np.array([full[layout.owner == a].sum() for a in (0, 1)])
    parameters = {"E.size": sizes[0], "I.size": sizes[1]}
    values |= {equations.symbols[a]: s for a, s in parameters.items() if a in equations.symbols}
    state = dict(zip(layout.names, full, strict=True))
    derivative = dict(zip(system.names, system.rhs(0.0, full[layout.kept], parameters), strict=True))
    t, k, v = sp.Symbol("t"), sp.Symbol("k", integer=True), sp.Symbol("v")
    moments = {}
    for p in approximation.network.projections:
        moments[sp.Function(f"Hbar_{p.name}")(t)] = state[f"{p.name}.mean"]
        moments[sp.Function(f"W_{p.name}")(t)] = state[f"{p.name}.variance"]

    rates = {}
    for name, bins in approximation.bins.items():
        eq = equations.equations
        n = sp.Function(f"n_{name}")
        mu, noise = sp.Function(f"mu_{name}")(v), sp.Function(f"sigma2_{name}")(v)
        inner = {
            mu: eq[f"{name}.drift"].rhs.subs(moments).subs(values),
            noise: eq[f"{name}.noise"].rhs.subs(moments).subs(values),
        }
        hops = [sp.lambdify(v, eq[f"{name}.{side}"].rhs.subs(inner).subs(values), [{"B": bernoulli}, "numpy"])
                for side in ("right", "left")]  # fmt: skip
        h, floor = values[sp.Symbol(f"h_{name}")], approximation.v_min[name]
        density = [state[f"{name}.density[{j}]"] for j in range(bins)]
        vth = equations.symbols[f"{name}.threshold"]
        at = {mu.subs(v, vth): inner[mu].subs(v, values[vth]), noise.subs(v, vth): inner[noise].subs(v, values[vth])}
        bins_symbol = sp.Symbol(f"K_{name}", integer=True)
        flux = eq[f"{name}.rate"].rhs.subs(at).subs(n(bins_symbol - 1, t), density[-1]).subs(values)
        rates[name] = float(sp.lambdify([], flux, [{"B": bernoulli}, "numpy"])())
        released = eq[f"{name}.release"].rhs.subs(sp.Function(f"r_{name}")(t), rates[name])
        if released.has(sp.Sum):
            released = released.subs(sp.Sum(n(k, t), (k, 0, bins_symbol - 1)), sum(density))
        released = float(released.subs(values))
        edge = sp.Function(f"edge_{name}")
        share = sp.lambdify(
            k, eq[f"{name}.reset"].rhs.subs({edge(k): floor + k * h, edge(k + 1): floor + (k + 1) * h}).subs(values)
        )
        for j in range(bins):
            r_low = hops[0](floor + j * h) if j else 0.0
            l_low = hops[1](floor + j * h) if j else 0.0
            r_up = hops[0](floor + (j + 1) * h) if j < bins - 1 else rates[name] / density[-1]
            l_up = hops[1](floor + (j + 1) * h) if j < bins - 1 else 0.0
            concrete = {
                sp.Function(f"R_{name}")(edge(k)): r_low, sp.Function(f"L_{name}")(edge(k)): l_low,
                sp.Function(f"R_{name}")(edge(k + 1)): r_up, sp.Function(f"L_{name}")(edge(k + 1)): l_up,
                n(k, t): density[j], n(k - 1, t): density[j - 1] if j else 0.0,
                n(k + 1, t): density[j + 1] if j < bins - 1 else 0.0,
                sp.Function(f"g_{name}")(k): share(j), sp.Function(f"q_{name}")(t): released,
            }  # fmt: skip
            if f"{name}.density[{j}]" in derivative:
                expected = float(eq[f"{name}.bin"].rhs.xreplace(concrete))
                assert derivative[f"{name}.density[{j}]"] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    for p in approximation.network.projections:
        for kind in ("mean", "variance"):
            expression = equations.equations[f"{p.name}.{kind}"].rhs.subs(moments)
            expression = expression.subs(sp.Function(f"r_{p.source}")(t), rates[p.source]).subs(values)
            assert derivative[f"{p.name}.{kind}"] == pytest.approx(float(expression), rel=1e-9)


def test_every_symbol_has_a_meaning_and_every_parameter_an_address(chang):
    equations = reduction.derive(chang)
    used = set().union(*(eq.free_symbols for eq in equations.equations.values()))
    named = {a.func.__name__ for eq in equations.equations.values() for a in eq.atoms(sp.core.function.AppliedUndef)}
    for name in {s.name for s in used} | named:
        assert name in equations.meanings or name == "x"
    for address, symbol in equations.symbols.items():
        assert chang[address] is not None
        assert equations.meanings[symbol.name].address == address


def test_text_and_latex_and_source(chang):
    equations = reduction.derive(chang)
    text = str(equations)
    assert "d/dt Hbar_EI(t) = p_EI*r_I(t) - Hbar_EI(t)/tau_EI" in text
    assert "p_EI      connection probability, EI = 0.8  [EI.probability]" in text
    latex = equations.latex()
    assert r"\frac{d}{dt} \bar H^{EE} &= p^{EE} r_{E} - \frac{\bar H^{EE}}{\tau^{EE}}" in latex
    assert latex.count(r"\begin{align}") == latex.count(r"\end{align}") == 4
    assert latex.count("{") == latex.count("}")
    assert not re.search(r"_E|_I", latex.split("longtable")[0])  # no plain names left
    namespace = {}
    exec(equations.source(), namespace)
    assert namespace["equations"] == equations.equations


def test_fixed_refractory_times_become_stages(chang):
    network = chang.replace({"E.refractory": spiking.Fixed(3.0), "I.refractory": spiking.NoRefractory()})
    equations = reduction.derive(reduction.MarkovApproximation(network, stages=3, closure="white")).equations
    assert "E.stage3" in equations
    assert "E.stage4" not in equations
    assert equations["I.release"].rhs == sp.Function("r_I")(sp.Symbol("t"))
