"""The error budget: what a disagreement between a level of the reduction and the network consists of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reduction.aspects.budget_runs import Plan, Rates, plan_runs
from reduction.integration import LEVELS
from reduction.measuring import Settings
from reduction.verdicts import LEVEL_NAMES, Table, Verdict, graded, half_width
from spiking.errors import SpecificationError, UnknownNameError
from spiking.estimates import Estimate
from spiking.network import Network, checked_network

Progress = Callable[[float], None]
Combination = dict[str, float]

SIMULATION_TERMS = ("dt", "diffusion", "wiring")
TERMS = (*SIMULATION_TERMS, "bins", "closure", "finite N")
"""Sources of error: of the network as simulated, then of the reduction."""

NORMAL_95 = 1.96
DOMINANT = 1 / 3


@dataclass(frozen=True)
class Term:
    """One part of an error, as a combination of rates.

    Attributes
    ----------
    name : str
        One of `TERMS`, or of an interaction such as ``"closure x finite N"``.
    combination : dict
        Run to coefficient: the term is their sum over the rate of run ``"network"``; empty for 0.
    status : {"measured", "by construction", "not separable"}
        ``"not separable"``: what belongs to it is part of the interaction.
    note : str
        How it is measured, or the reason why it is not.
    """

    name: str
    combination: Combination
    status: Literal["measured", "by construction", "not separable"]
    note: str


@dataclass(frozen=True)
class ErrorBudget:
    """Total error of a level, (level - network) / network, and the terms that make it up.

    Attributes
    ----------
    level : str
    rates : dict
        Run to population to firing rate in Hz.
    runs : dict
        Run to a description of it.
    terms, interactions : tuple of Term
        The terms, each measured by switching one source off alone, and the groups of sources whose joint effect is not
        the sum of their terms. Terms and interactions together are the total, identically.
    checks : tuple of Term
        What is left of a term's own discretisation: to be small beside it.
    """

    level: str
    rates: dict[str, Rates]
    runs: dict[str, str]
    terms: tuple[Term, ...]
    interactions: tuple[Term, ...]
    checks: tuple[Term, ...]

    @property
    def populations(self) -> list[str]:
        """Names of the populations."""
        return list(self.rates["network"])

    def total(self, population: str) -> Estimate:
        """Return the relative error of a population's rate, with its standard error."""
        return self._relative({"level": 1.0, "network": -1.0}, population)

    def term(self, name: str, population: str) -> Estimate:
        """Return a term, an interaction or a check, relative to the network's rate, with its standard error.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        found = {t.name: t for t in (*self.terms, *self.interactions, *self.checks)}
        if name not in found:
            raise UnknownNameError("term", name, found)
        return self._relative(found[name].combination, population)

    def interaction(self, population: str) -> Estimate:
        """Return the total less all terms, with its standard error, which comes from the runs."""
        left: Combination = {"level": 1.0, "network": -1.0}
        for own in self.terms:
            left = _sum(left, own.combination, -1.0)
        return self._relative(left, population)

    def dominant(self, population: str) -> str | None:
        """Return the largest interaction if all interaction exceeds a third of the total, else None."""
        rest, total = self.interaction(population), self.total(population)
        if not self.interactions or not abs(rest.mean) > DOMINANT * abs(total.mean):
            return None
        return max(self.interactions, key=lambda own: abs(self._relative(own.combination, population).mean)).name

    def verdicts(self) -> list[Verdict]:
        """Return the largest term, and an interaction of more than a third of the total, for every population."""
        found = []
        name = LEVEL_NAMES[self.level]
        for population in self.populations:
            total, rest = self.total(population), self.interaction(population)
            if not math.isfinite(total.mean):
                text = f"{name}: {population} of the network does not fire, so there is no relative error."
                found.append(Verdict("budget", self.level, text, "undecided"))
                continue
            sizes = {own.name: self.term(own.name, population) for own in self.terms}
            largest = max(sizes, key=lambda term: abs(sizes[term].mean))
            text = (
                f"{name}: the error of the {population} rate is {shown(total)} % (95 %); its largest term is "
                f"{largest}, {shown(sizes[largest])} %."
            )
            found.append(Verdict("budget", self.level, text, graded(total, half_width(total)), total))
            pair = self.dominant(population)
            if pair:
                if abs(rest.mean) > NORMAL_95 * rest.se:
                    text = (
                        f"{name}: {population}: the terms do not simply add up: the interaction, {shown(rest)} % "
                        f"(95 %), is over a third of the total; most of it is {pair}."
                    )
                    grade = graded(rest, half_width(rest))
                else:
                    text = (
                        f"{name}: {population}: the interaction, {shown(rest)} % (95 %), may exceed a third of the "
                        f"total, but its interval holds 0; most of it would be {pair}."
                    )
                    grade = "undecided"
                found.append(Verdict("budget", pair, text, grade, rest))
        return found

    def tables(self) -> list[Table]:
        """Return the budget, its checks, and the rates behind it."""
        header = ["part", *(f"{name} (%)" for name in self.populations), "how"]
        rows = [["total", *(shown(self.total(name)) for name in self.populations), "level less network, over network"]]
        rows += [self._row(own) for own in self.terms]
        rest = ["interaction", *(shown(self.interaction(name)) for name in self.populations), "total less all terms"]
        rows += [rest, *(self._row(own, "of it, ") for own in self.interactions)]
        budget = Table(f"Error budget of the {LEVEL_NAMES[self.level]}, with 95 % intervals", header, rows)
        checks = Table("Convergence of the terms", header, [self._row(own) for own in self.checks])
        runs = []
        for name, text in self.runs.items():
            own = (self.rates[name][population] for population in self.populations)
            runs.append([f"{name}: {text}", *(f"{rate.mean:.2f} ± {rate.se:.2f}" for rate in own)])
        columns = ["run", *(f"{name} (Hz)" for name in self.populations)]
        rates = Table("Rates behind the budget, with standard errors", columns, runs)
        return [budget, checks, rates]

    def _row(self, own: Term, prefix: str = "") -> list[str]:
        cells = [shown(self.term(own.name, name)) for name in self.populations]
        if own.status != "measured":
            cells = ["0" if own.status == "by construction" else "-"] * len(cells)
        return [prefix + own.name, *cells, own.note]

    def _relative(self, combination: Mapping[str, float], population: str) -> Estimate:
        """Return a combination of rates over the network's, with the standard error from independent runs."""
        reference = self.rates["network"][population].mean
        if not reference:
            return Estimate(math.nan, math.nan)
        own = {run: c for run, c in combination.items() if c}
        value = math.fsum(c * self.rates[run][population].mean for run, c in own.items()) / reference
        slopes = {run: c / reference for run, c in own.items()}
        slopes["network"] = slopes.get("network", 0.0) - value / reference
        parts = [slope * self.rates[run][population].se for run, slope in slopes.items() if slope]
        return Estimate(value, math.hypot(*parts))

    def to_plain(self) -> dict[str, Any]:
        """Return the budget for JSON."""
        return {
            "level": self.level,
            "rates": {run: {p: e.to_plain() for p, e in rates.items()} for run, rates in self.rates.items()},
            "runs": dict(self.runs),
            **{
                kind: [
                    {"name": t.name, "combination": dict(t.combination), "status": t.status, "note": t.note}
                    for t in getattr(self, kind)
                ]
                for kind in ("terms", "interactions", "checks")
            },
        }

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> ErrorBudget:
        """Return the budget that `to_plain` wrote."""
        rates = {run: {p: Estimate.from_plain(e) for p, e in own.items()} for run, own in data["rates"].items()}
        parts = {kind: tuple(Term(**own) for own in data[kind]) for kind in ("terms", "interactions", "checks")}
        return cls(level=data["level"], rates=rates, runs=dict(data["runs"]), **parts)


def error_budget(
    network: Network, settings: Settings | None = None, *, level: str = "ode", progress: Progress | None = None
) -> ErrorBudget:
    r"""Measure what the error of a level's firing rates consists of.

    With the network's rate R and the level's P, the error P - R, over R, is compared with what is left of it when one
    source alone is switched off:

    * **dt**: the network in continuous time, `scheme="bridge"` with a quarter of the step.
    * **diffusion**: every Poisson drive of the network replaced by a Gaussian one of its mean and variance.
    * **wiring**: every graph of the network replaced by annealed wiring of its mean probability.
    * **bins**: the level with twice the bins and half the step (for the published scheme: the ODE with its closure).
    * **finite N**: the chain, in the place of the level.
    * **closure**: ODE less network, both in the mean-field limit (`reduction.limits.mean_field_limit`), in continuous
      time, with fine bins; for the chain, which has finite N itself, chain less network at the network's own size.

    The rest is the interaction. As bins, all of the reduction's other errors, and all of the simulation's, add up to
    the total identically, it splits into two groups: what the joint effect of closure and finite N, and that of dt,
    diffusion and wiring, differ by from the sum of their terms.

    All runs are independent, so that standard errors of any combination follow from those of the rates. Runs of levels
    without chance are averaged with a Hann window, whose error at cycles falls as the third power of duration; half the
    difference between their halves counts as their standard error.

    Parameters
    ----------
    network : Network
    settings : Settings
    level : {"ode", "chain", "langevin", "published"}
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    ErrorBudget

    Raises
    ------
    UnknownNameError, ParameterError, SpecificationError
        Before any work, if the level is unknown or does not cover the network, or an option is out of range.
    NumericalError
        If a run fails.
    """
    checked_network(network)
    settings = settings or Settings()
    if level == "siegert":
        raise SpecificationError(
            "level = 'siegert': is one state of level 'ode' with closure 'white', not a level with terms of its own; "
            "take the budget of level 'ode' with closure='white'"
        )
    if level not in LEVELS:
        raise UnknownNameError("level", level, LEVELS)
    plan = plan_runs(network, settings, level)
    for run in plan.runs.values():
        run.dry()
    rates = {}
    for done, (name, run) in enumerate(plan.runs.items()):
        rates[name] = run.rates(_share(progress, done, len(plan.runs)))
    return assembled(plan, level, rates)


def assembled(plan: Plan, level: str, rates: dict[str, Rates]) -> ErrorBudget:
    """Return the budget of a level from the rates of all runs of its plan."""
    terms, interactions = _parts(plan, level)
    descriptions = {name: run.description for name, run in plan.runs.items()}
    return ErrorBudget(level, rates, descriptions, terms, interactions, _checks(plan, level))


def _parts(plan: Plan, level: str) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """Return the terms and the interactions of a plan, as combinations of runs."""
    off = {name: f"{name} off" for name in SIMULATION_TERMS}
    combinations: dict[str, Combination] = {name: {off[name]: 1.0, "network": -1.0} for name in SIMULATION_TERMS}
    combinations["bins"] = {"level": 1.0, "level, fine": -1.0}
    combinations["finite N"] = {"ode" if level == "published" else "level": 1.0, "chain": -1.0}
    joint: Combination = {"level, fine": 1.0, "simulation off": -1.0}
    combinations["closure"] = joint if level == "chain" else {"limit ode": 1.0, "limit network": -1.0}
    notes = {
        "dt": "network in continuous time less network", "diffusion": "network with Gaussian drive less network",
        "wiring": "network with annealed wiring less network",
        "bins": "level less ODE with twice the bins, half the step" if level == "published"
        else "level less itself with twice the bins, half the step",
        "closure": "fine chain less network in continuous time" if level == "chain"
        else "ODE less network, both in the mean-field limit",
        "finite N": f"{'ODE' if level in ('ode', 'published') else 'level'} less chain",
    }  # fmt: skip
    terms = []
    for name in TERMS:
        if name in plan.reasons:
            status: Any = "not separable" if name == "closure" else "by construction"
            terms.append(Term(name, {}, status, f"{status}: {plan.reasons[name]}"))
        else:
            note = "; ".join(text for text in (notes[name], plan.notes.get(name)) if text)
            terms.append(Term(name, _resolved(plan, combinations[name]), "measured", note))
    own = {t.name: t.combination for t in terms}
    groups = []
    active = [name for name in SIMULATION_TERMS if own[name]]
    if len(active) > 1:
        rest: Combination = {"simulation off": 1.0, "network": -1.0}
        for name in active:
            rest = _sum(rest, own[name], -1.0)
        text = "all of them off at once, less the sum of their terms"
        groups.append(Term(" x ".join(active), _resolved(plan, rest), "measured", text))
    if level != "chain":
        rest = _sum(_sum(joint, own["closure"], -1.0), own["finite N"], -1.0)
        text = "fine level less network in continuous time, less the sum of their terms"
        groups.append(Term("closure x finite N", _resolved(plan, rest), "measured", text))
    return tuple(terms), tuple(groups)


def _checks(plan: Plan, level: str) -> tuple[Term, ...]:
    """Return how far the terms would still move if refined again."""
    found = []
    if "dt off, check" in plan.runs:
        text = "continuous time: a quarter of the step less half of it"
        found.append(Term("check of dt", {"dt off": 1.0, "dt off, check": -1.0}, "measured", text))
    coarse = {"level, fine": 1 / 3, "level" if level == "chain" else "ode": -1 / 3}
    text = "bins and step, of second order: a third of the change is left"
    found.append(Term("check of bins", _resolved(plan, coarse), "measured", text))
    if "limit ode" in plan.runs:
        change = {"limit ode": 1.0, "limit network": -1.0, "limit ode, check": -1.0, "limit network, check": 1.0}
        text = "mean-field limit: closure term less that with half the neurons"
        found.append(Term("check of closure", change, "measured", text))
    return tuple(found)


def _resolved(plan: Plan, combination: Combination) -> Combination:
    """Return a combination of runs that were made, zeros left out."""
    found: Combination = {}
    for name, coefficient in combination.items():
        found = _sum(found, {plan.same.get(name, name): coefficient}, 1.0)
    return found


def _sum(first: Combination, second: Mapping[str, float], factor: float) -> Combination:
    """Return first + factor second, zeros left out."""
    found = {name: first.get(name, 0.0) + factor * second.get(name, 0.0) for name in (*first, *second)}
    return {name: value for name, value in found.items() if value}


def shown(estimate: Estimate) -> str:
    """Return a relative number in per cent with half its 95 % interval."""
    if not math.isfinite(estimate.mean):
        return "-"
    half = f" ± {100 * NORMAL_95 * estimate.se:.2f}" if math.isfinite(estimate.se) else ""
    return f"{100 * estimate.mean:+.2f}{half}"


def _share(progress: Progress | None, done: int, parts: int) -> Progress | None:
    return None if progress is None else (lambda fraction: progress((done + fraction) / parts))
