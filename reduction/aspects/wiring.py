"""Quenched against annealed: what a fixed graph adds to the error of a reduction that has none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.measuring import Settings
from reduction.verdicts import Table, Verdict, graded
from spiking import statistics
from spiking.errors import ParameterError, SpecificationError
from spiking.estimates import Estimate, finite_or_none
from spiking.network import Network, Projection, checked_network
from spiking.simulation import simulate
from spiking.specification import POSITIVE, checked_number
from spiking.wiring import Annealed, Bernoulli, Explicit

Progress = Callable[[float], None]

WIRINGS = ("annealed", "fixed in-degree", "bernoulli")
WIRING_NAMES = {
    "annealed": "annealed", "fixed in-degree": "fixed graph, equal in-degrees", "bernoulli": "Bernoulli graph",
}  # fmt: skip
EFFECTS = {
    "fixed graph": ("bernoulli", "annealed"),
    "frozenness": ("fixed in-degree", "annealed"),
    "in-degree variance": ("bernoulli", "fixed in-degree"),
}
"""What each effect is the difference of."""


_MOST_EDGES = 20_000_000


@dataclass(frozen=True)
class Sample:
    """One quantity of one wiring: one value per graph (per trial, if annealed).

    Attributes
    ----------
    values : tuple of float
    within : tuple of float
        Standard error of each, from time.
    """

    values: tuple[float, ...]
    within: tuple[float, ...]

    @property
    def estimate(self) -> Estimate:
        """Mean over graphs, with the standard error that graphs and time bring together."""
        values, within = (np.asarray(own, float) for own in (self.values, self.within))
        between = float(values.var(ddof=1)) if values.size > 1 else 0.0
        return Estimate(float(values.mean()), math.sqrt(max(between, float((within**2).mean())) / values.size))

    def interval_factor(self) -> float:
        """Return what the standard error is multiplied with for a 95 % interval: Student's, from the graphs."""
        from scipy.stats import t

        return float(t.ppf(0.975, max(len(self.values) - 1, 1)))


@dataclass(frozen=True)
class WiringComparison:
    """Rates and synchrony of one network under three wirings with the same connection probabilities.

    Attributes
    ----------
    graphs : int
    samples : dict
        Quantity (``"rate"`` in Hz, ``"synchrony"``: the SSI) to wiring to population to `Sample`.
    """

    graphs: int
    samples: dict[str, dict[str, dict[str, Sample]]]

    @property
    def populations(self) -> list[str]:
        """Names of the populations."""
        return list(self.samples["rate"]["annealed"])

    def effect(self, name: str, quantity: str, population: str) -> Estimate:
        """Return one of `EFFECTS` over the annealed value; its standard error counts all three as independent."""
        more, less = (self.samples[quantity][wiring][population].estimate for wiring in EFFECTS[name])
        base = self.samples[quantity]["annealed"][population].estimate
        if not base.mean:
            return Estimate(math.nan, math.nan)
        value = (more.mean - less.mean) / base.mean
        if EFFECTS[name][1] == "annealed":
            return Estimate(value, math.hypot(more.se, (1 + value) * base.se) / abs(base.mean))
        return Estimate(value, math.hypot(more.se, less.se, value * base.se) / abs(base.mean))

    def interval(self, name: str, quantity: str, population: str) -> tuple[float, float]:
        """Return the 95 % interval of an effect, with Student's factor for the number of graphs."""
        own = self.effect(name, quantity, population)
        half = self.samples[quantity]["bernoulli"][population].interval_factor() * own.se
        return own.mean - half, own.mean + half

    def verdicts(self) -> list[Verdict]:
        """Return what the fixed graph does to every population's rate and synchrony."""
        found = []
        for quantity in self.samples:
            for population in self.populations:
                own = self.effect("fixed graph", quantity, population)
                low, high = self.interval("fixed graph", quantity, population)
                if not (math.isfinite(low) and math.isfinite(high)):
                    text = f"{population}: no {quantity} to compare"
                    found.append(Verdict("wiring", f"{quantity} of {population}", f"{text}.", "undecided"))
                    continue
                parts = ", ".join(
                    f"{name} {_interval(*self.interval(name, quantity, population))}"
                    for name in ("frozenness", "in-degree variance")
                )
                text = (
                    f"A fixed graph changes the {quantity} of {population} by {100 * own.mean:+.1f} % "
                    f"(95 %: {_interval(low, high)}; {parts}); no level of the reduction sees it."
                )
                grade = graded(own, (high - low) / 2)
                found.append(Verdict("wiring", f"{quantity} of {population}", text, grade, own))
        return found

    def tables(self) -> list[Table]:
        """Return values and effects."""
        header = ["quantity", "population", *WIRING_NAMES.values(), *(f"{name} (%, 95 %)" for name in EFFECTS)]
        rows = []
        for quantity, by_wiring in self.samples.items():
            for population in self.populations:
                own = (by_wiring[wiring][population].estimate for wiring in WIRINGS)
                cells = [quantity, population, *(f"{e.mean:.4g} ± {e.se:.2g}" for e in own)]
                cells += [_interval(*self.interval(name, quantity, population)) for name in EFFECTS]
                rows.append(cells)
        caption = f"Rates (Hz) and synchrony (SSI) under three wirings, {self.graphs} graphs each, with standard errors"
        return [Table(caption, header, rows, 2)]

    def to_plain(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        samples = {
            quantity: {
                wiring: {
                    p: {kind: [finite_or_none(x) for x in getattr(s, kind)] for kind in ("values", "within")}
                    for p, s in own.items()
                }
                for wiring, own in by_wiring.items()
            }
            for quantity, by_wiring in self.samples.items()
        }
        return {"graphs": self.graphs, "samples": samples}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> WiringComparison:
        """Return the comparison that `to_plain` wrote."""
        samples = {
            quantity: {
                wiring: {
                    p: Sample(**{k: tuple(math.nan if x is None else x for x in v) for k, v in s.items()})
                    for p, s in own.items()
                }
                for wiring, own in by_wiring.items()
            }
            for quantity, by_wiring in data["samples"].items()
        }
        return cls(data["graphs"], samples)


def compare_wiring(
    network: Network, settings: Settings | None = None, *, graphs: int = 4, progress: Progress | None = None
) -> WiringComparison:
    """Compare annealed wiring with fixed graphs of the same connection probabilities.

    Three networks: annealed (a fresh coin for every spike and target: what the reduction assumes); Bernoulli graphs;
    and graphs in which every target has the same number of sources, drawn without replacement. The last have frozen
    edges, but neurons that do not differ: so that what frozen edges do, and what the variance of in-degrees does, show
    apart. (`FixedInDegree` draws with replacement: its double edges would bring a noise of their own.)

    Parameters
    ----------
    network : Network
        All of its projections annealed or Bernoulli.
    settings : Settings
        Trials do not matter: every graph, and every run of the annealed network, is one trial.
    graphs : int
        Of each kind, and runs of the annealed network; at least 2.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    WiringComparison

    Raises
    ------
    ParameterError, SpecificationError
        Before any work, if a projection has another wiring, or a number is out of range.
    NumericalError
        If a run fails.
    """
    checked_network(network)
    settings = settings or Settings()
    if checked_number("", "graphs", graphs, POSITIVE, integer=True) < 2:
        raise ParameterError("", "graphs", graphs, "must be at least 2")
    for projection in network.projections:
        _check(network, projection)
    simulate(
        wired(network, settings, "annealed", 0), settings.dt, dt=settings.dt, scheme=settings.scheme, workers=1,
        sampling_interval=settings.dt,
    )  # fmt: skip
    found: dict[str, Any] = {
        q: {w: {p: ([], []) for p in network.sizes} for w in WIRINGS} for q in ("rate", "synchrony")
    }
    done, total = 0, graphs * len(WIRINGS)
    for wiring in WIRINGS:
        for graph in range(graphs):
            recording = simulate(
                wired(network, settings, wiring, graph), settings.duration, dt=settings.dt, scheme=settings.scheme,
                workers=1, seed=settings.stream(f"wiring: {wiring} {graph}"),
                progress=None if progress is None else lambda f, done=done: progress((done + f) / total),  # type: ignore[misc]
            )  # fmt: skip
            done += 1
            measured = {
                "rate": recording.rates(settings.discard),
                "synchrony": statistics.synchrony(recording, discard=settings.discard),
            }
            for quantity, by_population in measured.items():
                for name, estimate in by_population.items():
                    for kept, number in zip(found[quantity][wiring][name], estimate, strict=True):
                        kept.append(number)
    samples = {
        q: {w: {p: Sample(*map(tuple, own)) for p, own in of.items()} for w, of in by.items()}
        for q, by in found.items()
    }
    return WiringComparison(int(graphs), samples)


def wired(network: Network, settings: Settings, wiring: str, graph: int) -> Network:
    """Return the network under one of `WIRINGS`; graphs depend on the settings' seed and on their number."""
    rng = np.random.default_rng(settings.stream(f"wiring: graph {graph}"))
    projections = []
    for projection in network.projections:
        assert isinstance(projection.wiring, Annealed | Bernoulli)
        p, seed = projection.wiring.probability, int(rng.integers(2**31))
        if wiring == "annealed":
            own: Annealed | Bernoulli | Explicit = Annealed(p)
        elif wiring == "bernoulli":
            own = Bernoulli(p, seed=seed)
        else:
            own = _equal_in_degrees(network.sizes[projection.source], network.sizes[projection.target], p, seed)
        projections.append(replace(projection, wiring=own))
    return Network(network.populations, projections)


def _equal_in_degrees(sources: int, targets: int, probability: float, seed: int) -> Explicit:
    """Return a graph whose targets have the mean in-degree, or one of its two neighbouring integers."""
    rng = np.random.default_rng(seed)
    whole, rest = divmod(probability * sources, 1.0)
    degrees = np.full(targets, int(whole))
    degrees[rng.permutation(targets)[: round(rest * targets)]] += 1
    order = rng.random((targets, sources)).argsort(axis=1)
    chosen = np.arange(sources) < degrees[:, None]
    target: npt.NDArray[np.int64] = np.repeat(np.arange(targets), degrees)
    return Explicit(order[chosen], target)


def _check(network: Network, projection: Projection) -> None:
    if not isinstance(projection.wiring, Annealed | Bernoulli):
        raise SpecificationError(
            f"{projection.name}.wiring = {projection.wiring.kind!r}: has no annealed, Bernoulli and equal-in-degree "
            "version of one probability; must be 'annealed' or 'bernoulli'"
        )
    pairs = network.sizes[projection.source] * network.sizes[projection.target]
    if pairs > _MOST_EDGES:
        raise SpecificationError(
            f"{projection.name}: has {pairs} pairs of neurons, of at most {_MOST_EDGES} that graphs with equal "
            "in-degrees are drawn for; reduce the sizes"
        )


def _interval(low: float, high: float) -> str:
    return f"{100 * low:+.1f} to {100 * high:+.1f} %" if math.isfinite(low) and math.isfinite(high) else "-"
