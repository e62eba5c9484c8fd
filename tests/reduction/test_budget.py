from __future__ import annotations

import json
import math

import numpy as np
import pytest

import reduction
import spiking
from reduction import budget_plots, limits
from reduction.aspects import budget_runs
from reduction.aspects.budget import TERMS, ErrorBudget, assembled, error_budget
from reduction.measuring import Settings
from spiking import (
    LIF,
    AllToAll,
    Annealed,
    Bernoulli,
    Delta,
    Explicit,
    ExponentialCurrent,
    GaussianDrive,
    Network,
    PendingCurrent,
    PoissonDrive,
    Population,
    Projection,
)  # fmt: skip
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate

SHORT = Settings(duration=120.0, discard=40.0, seed=4)


def single(drive, size=400):
    return Network([Population("A", size, LIF(100.0, 0.0), drive)])


def check_algebra(budget):
    """Terms and interaction are the total; so are terms and the parts of the interaction."""
    for population in budget.populations:
        terms = sum(budget.term(name, population).mean for name in TERMS)
        parts = sum(budget.term(own.name, population).mean for own in budget.interactions)
        total = budget.total(population).mean
        reference, level = (budget.rates[run][population].mean for run in ("network", "level"))
        assert total == pytest.approx(level / reference - 1, abs=1e-12)
        assert terms + budget.interaction(population).mean == pytest.approx(total, abs=1e-12)
        if all(own.status != "not separable" for own in budget.terms):
            assert terms + parts == pytest.approx(total, abs=1e-12)
    runs = {run for own in (*budget.terms, *budget.interactions, *budget.checks) for run in own.combination}
    assert runs == set(budget.rates)


@pytest.mark.parametrize("level", ["ode", "chain", "langevin", "published"])
def test_terms_and_interaction_are_the_total(chang, level):
    budget = error_budget(chang, SHORT, level=level)
    check_algebra(budget)
    zero = {own.name for own in budget.terms if own.status == "by construction"}
    assert zero == {"diffusion", "wiring"} | ({"finite N"} if level == "chain" else set())
    for name in zero:
        assert budget.term(name, "E") == (0.0, 0.0)
    assert all(v.value is None or math.isfinite(v.value.mean) for v in budget.verdicts())
    again = ErrorBudget.from_plain(json.loads(json.dumps(budget.to_plain(), allow_nan=False)))
    assert again == budget
    assert [t.to_markdown() for t in again.tables()] == [t.to_markdown() for t in budget.tables()]


def test_all_sources_of_the_simulation_at_once(small):
    """Kicks in the drive, a graph, a step: their interaction is one group; rounded kicks have no mean-field limit."""
    quenched = [Bernoulli(p.wiring.probability, seed=3) for p in small.projections]
    network = small.replace({f"{p.name}.wiring": w for p, w in zip(small.projections, quenched, strict=True)})
    budget = error_budget(network, SHORT)
    check_algebra(budget)
    assert [own.name for own in budget.interactions] == ["dt x diffusion x wiring", "closure x finite N"]
    closure = next(own for own in budget.terms if own.name == "closure")
    assert (closure.status, closure.combination) == ("not separable", {})
    assert "rounded to integers" in closure.note
    assert "synaptic kicks" in next(own for own in budget.terms if own.name == "diffusion").note


def test_it_is_reproducible_reports_progress_and_stops(chang):
    seen = []
    settings = Settings(duration=60.0, discard=20.0)
    budget = error_budget(chang, settings, level="chain", progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert error_budget(chang, settings, level="chain") == budget

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        error_budget(chang, settings, level="chain", progress=stop)


def test_standard_errors_from_independent_runs():
    """Against a Monte Carlo of independent rates with those standard errors."""
    names = ("network", "dt off", "level", "level, fine", "chain", "limit ode", "limit network")
    rng = np.random.default_rng(1)
    means = dict(zip(names, (50.0, 51.0, 55.0, 54.5, 52.0, 53.0, 52.5), strict=True))
    errors = dict(zip(names, (0.4, 0.3, 0.0, 0.0, 0.5, 0.0, 0.6), strict=True))
    plan = budget_runs.plan_runs(spiking.presets.chang2025(), SHORT, "ode")

    def budget(draw):
        rates = {
            name: {"E": Estimate(means[name] + draw * errors[name] * rng.standard_normal(), errors[name])}
            for name in names
        }
        rates |= {name: {"E": Estimate(50.0, 0.0)} for name in plan.runs if name.endswith("check")}
        return assembled(plan, "ode", rates)

    exact = budget(0.0)
    draws = [budget(1.0) for _ in range(4000)]
    for value in (
        lambda b: b.total("E"),
        lambda b: b.interaction("E"),
        *(lambda b, n=n: b.term(n, "E") for n in ("dt", "closure")),
    ):
        spread = np.std([value(own).mean for own in draws])
        assert value(exact).se == pytest.approx(spread, rel=0.05)
    assert exact.term("bins", "E").se == pytest.approx(0.01 * 0.4 / 50, rel=1e-9)


def test_a_planted_error_of_each_kind_is_found_in_its_term(chang):
    """Rates made from known effects: each shows in its own term, joint effects in the interaction of that pair."""
    for planted in ("dt", "bins", "closure", "finite N", "closure x finite N"):
        effect = dict.fromkeys(("dt", "bins", "closure", "finite N", "closure x finite N"), 0.0) | {planted: 5.0}
        truth = 50.0
        made = {
            "network": truth - effect["dt"], "dt off": truth, "dt off, check": truth, "limit network": truth,
            "limit network, check": truth, "limit ode": truth + effect["closure"],
            "limit ode, check": truth + effect["closure"],
            "level, fine": truth + effect["closure"] + effect["finite N"] + effect["closure x finite N"],
        }  # fmt: skip
        made["level"] = made["level, fine"] + effect["bins"]
        made["chain"] = made["level"] - effect["finite N"]
        rates = {name: {"E": Estimate(rate, 0.05)} for name, rate in made.items()}
        budget = assembled(budget_runs.plan_runs(chang, SHORT, "ode"), "ode", rates)
        check_algebra(budget)
        for name in effect:
            expected = effect[name] / made["network"]
            assert budget.term(name, "E").mean == pytest.approx(expected, abs=1e-12), (planted, name)
        text = " ".join(v.text for v in budget.verdicts())
        assert (budget.dominant("E") == "closure x finite N") == (planted == "closure x finite N")
        assert planted in text


def test_perfect_integrator_with_a_gaussian_drive():
    """Rates known exactly: 70 Hz in continuous time, 69.5227 Hz on a grid of 0.1 ms; bins, of second order, err too."""
    budget = error_budget(single(GaussianDrive(7.0), 100), Settings(duration=6000.0, discard=1000.0, seed=2))
    check_algebra(budget)
    expected = {"dt": 70 / 69.5227 - 1, "closure": 0.0, "finite N": 0.0, "total": 70 / 69.5227 - 1}
    for name, value in expected.items():
        found = budget.total("A") if name == "total" else budget.term(name, "A")
        if name == "total":
            value += 4 / 3 * budget.term("bins", "A").mean
        assert 0 < found.se < 1.5e-3
        assert abs(found.mean - value) < 4 * found.se + 7e-4 * (name == "closure"), name
    assert budget.term("dt", "A").mean > 5 * budget.term("dt", "A").se
    assert budget.term("bins", "A").mean == pytest.approx(3 / 4 * (69.83863 / 70 - 1), rel=0.02)
    assert budget.term("diffusion", "A") == (0.0, 0.0)


def test_perfect_integrator_with_poisson_kicks():
    """Unit kicks fire after exactly 100 of them: 70 Hz. A Gaussian drive on a grid has 69.5227 Hz: both terms show."""
    settings = Settings(duration=6000.0, discard=1000.0, seed=2)
    budget = error_budget(single(PoissonDrive(7.0), 100), settings, level="chain")
    check_algebra(budget)
    diffusion = budget.term("diffusion", "A")
    on_grid = budget.rates["network"]["A"]
    assert abs(diffusion.mean - (69.5227 / on_grid.mean - 1)) < 4 * diffusion.se
    assert abs(budget.rates["dt off"]["A"].mean / 70 - 1) < 4 * budget.rates["dt off"]["A"].se / 70 + 1e-3
    assert (
        abs(budget.rates["simulation off"]["A"].mean / 70 - 1) < 4 * budget.rates["simulation off"]["A"].se / 70 + 1e-3
    )
    assert [own.name for own in budget.interactions] == ["dt x diffusion"]


def test_scheme_exact_has_no_term_of_dt():
    settings = Settings(duration=60.0, discard=20.0, scheme="exact")
    budget = error_budget(spiking.presets.cai2021_hom(), settings)
    check_algebra(budget)
    zero = {own.name for own in budget.terms if own.status == "by construction"}
    assert zero == {"dt", "wiring"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"level": "siegert"}, SpecificationError, "closure='white'"),
        ({"level": "odd"}, UnknownNameError, "level 'odd' does not exist"),
    ],
)
def test_bad_input_is_refused(chang, options, error, message):
    with pytest.raises(error, match=message):
        error_budget(chang, SHORT, **options)


def test_a_level_that_does_not_cover_the_network_is_refused():
    with pytest.raises(SpecificationError, match="level 'published'"):
        error_budget(spiking.presets.brunel2000(), SHORT, level="published")
    with pytest.raises(ParameterError, match="network"):
        error_budget("chang2025")


def moments(network, name, rate):
    """Return mean and variance over neurons of a projection's input at a source rate, over tau, in closed form."""
    own = next(p for p in network.projections if p.name == name)
    p, weight, size = own.wiring.probability, own.synapse.weight, network.sizes[own.source]
    noise = p * (1 - p / 2) if isinstance(own.synapse, PendingCurrent) else p * (1 - p)
    return size * rate * p * weight, size * rate * weight**2 * noise


@pytest.mark.parametrize("factor", [1, 4, 20])
def test_the_mean_field_limit_keeps_mean_and_variance(chang, factor):
    currents = [
        replaced(p, ExponentialCurrent(0.3, 2.0), q)
        for p, q in zip(chang.projections, (0.3, 1.0, 0.05, 0.0), strict=True)
    ]
    kicks = [replaced(p, Delta(0.3), 0.2, delay=1.0) for p in chang.projections]
    for network in (chang, Network(chang.populations, currents), Network(chang.populations, kicks)):
        limit = limits.mean_field_limit(network, factor)
        assert limit.sizes == {name: factor * size for name, size in network.sizes.items()}
        for projection in network.projections:
            np.testing.assert_allclose(
                moments(limit, projection.name, 0.05), moments(network, projection.name, 0.05), rtol=1e-12, atol=1e-15
            )
    if factor == 1:
        for address in (f"{p.name}.{x}" for p in chang.projections for x in ("weight", "probability")):
            assert limits.mean_field_limit(chang, 1)[address] == pytest.approx(chang[address], rel=1e-14)


def replaced(projection, synapse, probability, delay=0.0):
    return Projection(projection.target, projection.source, synapse, Annealed(probability), delay=delay)


def test_shared_fluctuations_shrink_in_the_limit(chang):
    """The variance over time of the mean pending spikes falls as 1/M, that over neurons stays."""
    drive = GaussianDrive(7.0)
    sources = Network(
        [Population("A", 60, LIF(100.0, 0.0, refractory=spiking.Exponential(2.0)), drive),
         Population("B", 60, LIF(1e6, 0.0), spiking.NoDrive())],
        [Projection("B", "A", PendingCurrent(1.0, 2.0), Annealed(0.6))],
    )  # fmt: skip
    found = {}
    for factor in (1, 8):
        network = limits.mean_field_limit(sources, factor)
        recording = spiking.simulate(network, 3000.0, scheme="grid", seed=3)
        pending = recording.final_state.synaptic
        weight = network["BA.weight"]
        mean = weight * recording.mean_pending[0, 5000:, 0]
        runs = [spiking.simulate(network, 300.0, scheme="grid", seed=seed) for seed in range(20)]
        states = [run.final_state.synaptic[0] for run in runs]
        assert pending.shape[1] == 60 * factor
        found[factor] = mean.mean(), mean.var(), weight**2 * np.mean([s.var(ddof=1) for s in states])
    assert found[8][0] == pytest.approx(found[1][0], rel=0.02)
    assert found[8][1] / found[1][1] == pytest.approx(1 / 8, rel=0.25)
    assert found[8][2] == pytest.approx(found[1][2], rel=0.15)


def test_annealed_and_gaussian_networks(chang):
    edges = Explicit([0, 1, 2, 0], [0, 0, 1, 2], [1.0, 2.0, 1.0, 4.0])
    drive = spiking.SumDrive(PoissonDrive(2.0, 0.5), spiking.ConstantDrive(0.1))
    network = Network(
        [Population("A", 4, LIF(10.0, 0.0, 10.0), drive)],
        [Projection("A", "A", ExponentialCurrent(0.5, 2.0), edges)],
    )  # fmt: skip
    mean = limits.annealed(network)
    assert mean["AA.probability"] == 0.25
    assert mean["AA.weight"] == 1.0
    assert limits.has_kicks(network)
    assert limits.is_quenched(network)
    smooth = limits.with_gaussian_drive(network)
    assert not limits.has_kicks(smooth)
    assert smooth["A.drive.first"] == GaussianDrive(2.0, 0.5)
    assert limits.annealed(chang) == chang
    assert limits.annealed(chang.replace({"EE.wiring": AllToAll()}))["EE.probability"] == 1.0
    with pytest.raises(SpecificationError, match="EE: its kicks are rounded"):
        limits.mean_field_limit(spiking.presets.lcy2019_hom(), 4)
    twice = Network(network.populations, [Projection("A", "A", ExponentialCurrent(0.5, 2.0), spiking.FixedInDegree(6))])
    with pytest.raises(SpecificationError, match="AA.wiring: has more edges than pairs"):
        limits.annealed(twice)


def test_rates_at_a_cycle_in_a_hann_window(chang):
    """Rates of parts of one run scatter less than their plain means; a slow drift shows in the standard error."""
    trajectory = reduction.integrate(chang.replace({"EI.probability": 0.6}), duration=1500.0)
    exact = budget_runs.cycle_rates(trajectory, 500.0)["E"]
    plain, tapered = [], []
    for end in (893, 897, 901, 905, 909, 913, 917):
        part = trajectory.firing_rates[:, : end * 10]
        cut = reduction.Trajectory(**{**vars(trajectory), "firing_rates": part})
        plain.append(cut.rates(500.0)["E"].mean - exact.mean)
        tapered.append(budget_runs.cycle_rates(cut, 500.0)["E"].mean - exact.mean)
    assert np.std(tapered) < 0.1 * np.std(plain)
    drifting = reduction.Trajectory(
        **{**vars(trajectory), "firing_rates": np.linspace(40, 60, 4000)[None, :, None].repeat(2, 2)}
    )
    assert budget_runs.cycle_rates(drifting, 0.0)["E"].mean == pytest.approx(50.0)
    assert budget_runs.cycle_rates(drifting, 0.0)["E"].se == pytest.approx(5.0, rel=0.01)


def test_figures(chang):
    budgets = [error_budget(chang, Settings(duration=60.0, discard=20.0), level="chain") for _ in range(2)]
    found = list(budget_plots.figures("EI.probability", [0.7, 0.8], budgets))
    assert [name for name, _, _ in found] == ["budget_0", "budget_1", "budget_curves"]
    for _, caption, figure in found:
        assert "95 %" in caption
        figure.canvas.draw()


def test_a_silent_network_is_undecided(chang):
    silent = chang.replace({"E.drive": GaussianDrive(0.1), "I.drive": GaussianDrive(0.1)})
    budget = error_budget(silent, Settings(duration=30.0, discard=10.0), level="chain")
    assert math.isnan(budget.total("E").mean)
    assert {v.grade for v in budget.verdicts()} == {"undecided"}
    assert ErrorBudget.from_plain(json.loads(json.dumps(budget.to_plain(), allow_nan=False))).level == "chain"
    next(budget_plots.figures("x", [1.0], [budget]))[2].canvas.draw()
