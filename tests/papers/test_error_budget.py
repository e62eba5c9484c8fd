"""Error budgets of chang2025 at two connection probabilities: the terms that three reductions' errors are made of."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

from reduction.aspects.budget import TERMS, assembled, error_budget
from reduction.aspects.budget_runs import plan_runs
from spiking.estimates import Estimate

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))
from error_budget import PROBABILITIES, REDUCTIONS, network, rows, settings

CASES = [(p, level, closure) for p in PROBABILITIES for level, closure in REDUCTIONS]


@pytest.fixture(scope="module")
def stored(table):
    """Return a function from a case to (kind, name, population) to the stored estimate."""
    found = {}
    for row in table("error_budget.csv"):
        case = float(row["probability"]), row["level"], row["closure"]
        key = row["kind"], row["name"], row["population"]
        found.setdefault(case, {})[key] = Estimate(float(row["value"]), float(row["se"]))
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_table_follows_from_its_rates(stored, case):
    """Every stored part is that combination of the stored rates, and terms and interaction are the total."""
    probability, level, closure = case
    plan = plan_runs(network(probability), settings(probability, closure), level)
    rates = {run: {p: stored[case]["rate", run, p] for p in ("E", "I")} for run in plan.runs}
    budget = assembled(plan, level, rates)
    for kind, name, population, value, se in rows(budget):
        expected = stored[case][kind, name, population]
        assert (value, se) == (
            pytest.approx(expected.mean, rel=1e-4, abs=2e-5),
            pytest.approx(expected.se, rel=0.02, abs=1e-5),
        )
    for population in ("E", "I"):
        terms = sum(stored[case]["term", name, population].mean for name in TERMS)
        rest = stored[case]["interaction", "interaction", population].mean
        assert terms + rest == pytest.approx(stored[case]["total", "total", population].mean, abs=1e-5)


def test_where_terms_interact(stored):
    """Over a third of the total, and surely there, at 0.8 with the published closure alone: closure and finite N."""
    sure = set()
    for case in CASES:
        for population in ("E", "I"):
            rest, total = (
                stored[case]["interaction", "interaction", population],
                stored[case]["total", "total", population],
            )
            if abs(rest.mean) > abs(total.mean) / 3 and abs(rest.mean) > 1.96 * rest.se:
                sure.add((*case, population))
                print(
                    f"\n{case}, {population}: interaction {rest.mean:+.2%} ± {1.96 * rest.se:.2%} of {total.mean:+.2%}"
                )
                pair = stored[case]["part of interaction", "closure x finite N", population]
                assert pair.mean == pytest.approx(rest.mean, rel=1e-3)
    assert (0.8, "ode", "published", "E") in sure
    assert (0.8, "published", "published", "E") in sure
    assert not any(closure == "conditional" for _, _, closure, _ in sure)


def test_closure_terms_beside_the_sparse_limit(stored):
    """The conditional closure is within 1 % here as there; the published one several % off at 0.8.

    `sparse_limit.csv` has stronger synaptic noise, in which the published closure errs the other way (+13 %).
    """
    for probability in PROBABILITIES:
        for population in ("E", "I"):
            own = stored[probability, "ode", "conditional"]["term", "closure", population]
            assert abs(own.mean) < 0.01
    assert stored[0.8, "ode", "published"]["term", "closure", "E"].mean < -0.02


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("probability", PROBABILITIES)
def test_the_budget_is_measured_again(stored, probability):
    """With another seed and half the trials; each part within 4 standard errors of the stored one."""
    from dataclasses import replace

    own = replace(settings(probability, "conditional"), seed=77, trials=2)
    budget = error_budget(network(probability), own)
    for population in budget.populations:
        for name in ("dt", "bins", "closure", "finite N"):
            found, expected = (
                budget.term(name, population),
                stored[probability, "ode", "conditional"]["term", name, population],
            )
            print(f"\nbudget, {probability}, {population}, {name}: {found.mean:+.2%} ± {1.96 * found.se:.2%}")
            assert abs(found.mean - expected.mean) < 4 * math.hypot(found.se, expected.se) + 1e-4
