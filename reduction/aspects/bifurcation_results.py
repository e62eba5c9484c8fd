"""What the comparison of a network's bifurcations with those of its reduction finds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from reduction.aspects.bifurcation_branches import Curve
from reduction.aspects.bifurcation_hysteresis import Hysteresis
from reduction.attractors.onsets import Onset
from reduction.verdicts import LEVEL_NAMES, Grade, Table, Verdict
from spiking.estimates import Estimate, finite_or_none

_BIFURCATIONS = {
    "LP": "fold", "HB": "Hopf point", "BP": "branch point", "LPC": "fold of cycles", "PD": "period doubling",
    "NS": "torus bifurcation", "BPC": "branch point of cycles",
}  # fmt: skip


@dataclass(frozen=True)
class SweepPoint:
    """What a sweep finds at a value of the parameter.

    Attributes
    ----------
    rate : Estimate
        Firing rate in Hz per neuron.
    height : Estimate
        Mean height of the rate's peaks in population spikes per ms; 0 without peaks.
    heights, differences, event_differences : tuple of int
        Histograms, on the comparison's edges, of the heights of all peaks (`spiking.statistics.rate_peaks`), of the
        differences of successive ones, and of those of the highest rates in successive events.
    """

    rate: Estimate
    height: Estimate
    heights: tuple[int, ...]
    differences: tuple[int, ...]
    event_differences: tuple[int, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return the point for JSON."""
        return {
            "rate": self.rate.to_plain(), "height": self.height.to_plain(), "heights": list(self.heights),
            "differences": list(self.differences), "event_differences": list(self.event_differences),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> SweepPoint:
        """Return the point that `to_plain` wrote."""
        rate, height = (Estimate.from_plain(data[name]) for name in ("rate", "height"))
        return cls(rate, height, *(tuple(data[name]) for name in ("heights", "differences", "event_differences")))


@dataclass(frozen=True)
class Sweep:
    """A sweep: ``"up"``, ``"down"``, or from ``"rest"`` at each value; points in order of increasing value."""

    direction: str
    points: tuple[SweepPoint, ...]
    onsets: tuple[Onset, ...]

    def to_plain(self) -> dict[str, Any]:
        """Return the sweep for JSON."""
        return {
            "direction": self.direction, "points": [p.to_plain() for p in self.points],
            "onsets": [onset.to_plain() for onset in self.onsets],
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Sweep:
        """Return the sweep that `to_plain` wrote."""
        points = tuple(SweepPoint.from_plain(point) for point in data["points"])
        return cls(data["direction"], points, tuple(Onset.from_plain(onset) for onset in data["onsets"]))


@dataclass(frozen=True)
class Source:
    """The network or a level.

    Attributes
    ----------
    name : str
        ``"network"`` or a level.
    sweeps : tuple of Sweep
    orders : dict
        Order parameter (``"alternation"``, ``"oscillation"``) to its estimate at every value: the mean over sweeps.
    onsets : tuple of Onset
        From the mean over sweeps: alternation begins, ends; oscillation begins, ends.
    hysteresis : Hysteresis
    """

    name: str
    sweeps: tuple[Sweep, ...]
    orders: dict[str, tuple[Estimate, ...]]
    onsets: tuple[Onset, ...]
    hysteresis: Hysteresis

    def onset(self, phenomenon: str) -> Onset:
        """Return the onset of a phenomenon, such as ``"alternation begins"``."""
        return next(onset for onset in self.onsets if onset.phenomenon == phenomenon)

    def to_plain(self) -> dict[str, Any]:
        """Return the source for JSON."""
        return {
            "name": self.name, "sweeps": [sweep.to_plain() for sweep in self.sweeps],
            "orders": {name: [own.to_plain() for own in row] for name, row in self.orders.items()},
            "onsets": [onset.to_plain() for onset in self.onsets], "hysteresis": self.hysteresis.to_plain(),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Source:
        """Return the source that `to_plain` wrote."""
        orders = {name: tuple(Estimate.from_plain(own) for own in row) for name, row in data["orders"].items()}
        sweeps = tuple(Sweep.from_plain(sweep) for sweep in data["sweeps"])
        onsets = tuple(Onset.from_plain(onset) for onset in data["onsets"])
        return cls(data["name"], sweeps, orders, onsets, Hysteresis.from_plain(data["hysteresis"]))


@dataclass(frozen=True)
class Agreement:
    """A bifurcation of the reduction beside what the network shows.

    Attributes
    ----------
    bifurcation : str
        Kind of special point, such as ``"PD"``; empty if the reduction's own sweeps show it.
    source : str
        ``"continuation"``, or the level whose sweeps show it.
    reduced : Onset
        Where the reduction has it; of a continued point the interval has no width.
    network : Onset
        Where the network shows it.
    difference : Estimate or None
        Network less reduction, with its standard error; None if either does not show it.
    grade : {"agrees", "close", "differs", "undecided"}
        Within 1.96 error bars; else within a twentieth of the range of values; else further apart, or in the network
        alone; or the network does not show it.
    """

    bifurcation: str
    source: str
    reduced: Onset
    network: Onset
    difference: Estimate | None
    grade: Grade

    @property
    def error_bars(self) -> float:
        """The difference in units of its standard error; NaN if there is none."""
        if self.difference is None or not self.difference.se:
            return math.nan
        return self.difference.mean / self.difference.se

    @property
    def name(self) -> str:
        """The bifurcation or the phenomenon in words."""
        return _BIFURCATIONS.get(self.bifurcation, self.bifurcation) or self.reduced.phenomenon

    def to_plain(self) -> dict[str, Any]:
        """Return this for JSON."""
        return {
            "bifurcation": self.bifurcation, "source": self.source, "reduced": self.reduced.to_plain(),
            "network": self.network.to_plain(), "grade": self.grade, "error_bars": finite_or_none(self.error_bars),
            "difference": None if self.difference is None else self.difference.to_plain(),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Agreement:
        """Return what `to_plain` wrote."""
        difference = None if data["difference"] is None else Estimate.from_plain(data["difference"])
        reduced, network = (Onset.from_plain(data[name]) for name in ("reduced", "network"))
        return cls(data["bifurcation"], data["source"], reduced, network, difference, data["grade"])


@dataclass(frozen=True)
class BifurcationComparison:
    """The bifurcations of a network and of its reduction over a parameter.

    Attributes
    ----------
    parameter, label : str
        Its address; and with its meaning and unit.
    values : tuple of float
    population : str
        Whose rate is looked at.
    edges, difference_edges : tuple of float
        Of the histograms of peak heights and of their differences, in population spikes per ms.
    sources : tuple of Source
        The network first, then the levels.
    curves : tuple of Curve
        Continued branches of the reduction.
    equations : str
        Which equations the curves belong to, or why there are none.
    agreements : tuple of Agreement
    """

    parameter: str
    label: str
    values: tuple[float, ...]
    population: str
    edges: tuple[float, ...]
    difference_edges: tuple[float, ...]
    sources: tuple[Source, ...]
    curves: tuple[Curve, ...]
    equations: str
    agreements: tuple[Agreement, ...]

    def source(self, name: str) -> Source:
        """Return ``"network"`` or a level.

        Raises
        ------
        KeyError
            If it was not compared.
        """
        return {source.name: source for source in self.sources}[name]

    def verdicts(self) -> list[Verdict]:
        """Return one verdict for each bifurcation."""
        return [
            Verdict("bifurcations", f"{own.name} ({own.source})", self._sentence(own), own.grade, own.difference)
            for own in self.agreements
        ]

    def _sentence(self, own: Agreement) -> str:
        continued = f"the continued reduction ({self.equations})"
        where = continued if own.source == "continuation" else f"the {LEVEL_NAMES[own.source]}"
        if not own.reduced.shown:
            return f"{own.name}: the network's at {self.parameter} = {own.network}; {where}: {own.reduced}."
        first = f"{own.name}: {where} has it at {self.parameter} = {own.reduced.value:.4g}"
        if own.difference is None:
            return f"{first}; in the network {own.network}."
        side = "higher" if own.difference.mean > 0 else "lower"
        return (
            f"{first}; in the network {own.network.phenomenon} at {own.network}: "
            f"{abs(own.difference.mean):.3g} {side}, {abs(own.error_bars):.1f} error bars."
        )

    def tables(self) -> list[Table]:
        """Return the tables of agreements, of onsets in each sweep, and of hysteresis."""
        rows = [
            [
                own.name, own.source, own.network.phenomenon, own.grade, own.network.reason or own.reduced.reason,
                _number(own.reduced.value), _interval(own.reduced), _number(own.network.value), _interval(own.network),
                "" if own.difference is None else f"{own.difference.mean:+.4f} ± {own.difference.se:.4f}",
                "" if own.difference is None else f"{own.error_bars:+.1f}",
            ]
            for own in self.agreements
        ]  # fmt: skip
        header = [
            "bifurcation", "found by", "in the network", "grade", "remark", "reduction", "95 %", "network", "95 %",
            "difference", "error bars",
        ]  # fmt: skip
        tables = [Table(f"Bifurcations over {self.parameter}; continuation: {self.equations}", header, rows, 5)]
        onsets = [
            [source.name, direction, onset.phenomenon, onset.reason, _number(onset.value), _interval(onset)]
            for source in self.sources
            for direction, found in (("all", source.onsets), *((s.direction, s.onsets) for s in source.sweeps))
            for onset in found
        ]
        header = ["source", "sweep", "what", "not shown because", self.parameter, "95 %"]
        tables.append(Table(f"Onsets over {self.parameter} by order parameters", header, onsets, 4))
        folds = [
            [
                source.name, "; ".join(f"{low:g} to {high:g}" for low, high in source.hysteresis.ranges) or "none",
                source.hysteresis.reason,
            ]
            for source in self.sources
        ]  # fmt: skip
        tables.append(Table("Where sweeps up and down differ", ("source", self.parameter, "remark"), folds, 3))
        return tables

    def to_plain(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {
            "parameter": self.parameter, "label": self.label, "values": list(self.values),
            "population": self.population, "edges": list(self.edges),
            "difference_edges": list(self.difference_edges), "sources": [own.to_plain() for own in self.sources],
            "curves": [own.to_plain() for own in self.curves], "equations": self.equations,
            "agreements": [own.to_plain() for own in self.agreements],
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> BifurcationComparison:
        """Return the comparison that `to_plain` wrote."""
        return cls(
            data["parameter"], data["label"], tuple(data["values"]), data["population"], tuple(data["edges"]),
            tuple(data["difference_edges"]), tuple(Source.from_plain(own) for own in data["sources"]),
            tuple(Curve.from_plain(own) for own in data["curves"]), data["equations"],
            tuple(Agreement.from_plain(own) for own in data["agreements"]),
        )  # fmt: skip


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "not shown"


def _interval(onset: Onset) -> str:
    return f"{onset.low:.4f} to {onset.high:.4f}" if onset.shown and onset.high > onset.low else ""
