"""Write error_budget.csv: error budgets of chang2025 at two connection probabilities, for three reductions.

Rates in Hz (kind "rate"), all other values relative to the network's rate. Four trials of 10 s each for whatever has
chance in it, from one seed, chosen before looking. About 20 minutes on one core.
"""

from __future__ import annotations

import csv
import sys

import spiking
from reduction.aspects.budget import ErrorBudget, assembled
from reduction.aspects.budget_runs import plan_runs
from reduction.measuring import Settings

PROBABILITIES = (0.6, 0.8)
REDUCTIONS = (("ode", "conditional"), ("ode", "published"), ("published", "published"))


def network(probability: float) -> spiking.Network:
    """Return the network of a value of EI.probability."""
    return spiking.presets.chang2025().replace({"EI.probability": probability})


def settings(probability: float, closure: str) -> Settings:
    """Return the settings of a budget."""
    return Settings(duration=11000.0, trials=4, seed=21, closure=closure).at({"EI.probability": probability})


def rows(budget: ErrorBudget):
    """Yield kind, name, population, value and standard error of all that a budget holds."""
    for population in budget.populations:
        for run, rates in budget.rates.items():
            yield "rate", run, population, *rates[population]
        yield "total", "total", population, *budget.total(population)
        for kind, parts in (
            ("term", budget.terms),
            ("part of interaction", budget.interactions),
            ("check", budget.checks),
        ):
            for part in parts:
                yield kind, part.name, population, *budget.term(part.name, population)
        yield "interaction", "interaction", population, *budget.interaction(population)


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["probability", "level", "closure", "kind", "name", "population", "value", "se"])
    for probability in PROBABILITIES:
        made = {}
        for level, closure in REDUCTIONS:
            plan = plan_runs(network(probability), settings(probability, closure), level)
            for run in plan.runs.values():
                if run.key not in made:
                    made[run.key] = run.rates(None)
            budget = assembled(plan, level, {name: made[run.key] for name, run in plan.runs.items()})
            for kind, name, population, value, se in rows(budget):
                writer.writerow([probability, level, closure, kind, name, population, f"{value:.6g}", f"{se:.3g}"])
            sys.stdout.flush()


if __name__ == "__main__":
    main()
