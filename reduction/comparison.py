"""What a validation found: network and levels side by side."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reduction.aspects import ASPECTS, result_type
from reduction.aspects.rates import RateComparison, Source
from reduction.assumptions import Check
from reduction.measuring import Settings
from reduction.plain import tuples
from reduction.verdicts import Verdict
from spiking import network_file
from spiking.errors import SpecificationError
from spiking.estimates import Estimate, finite_or_none
from spiking.network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT = 3


@dataclass(frozen=True)
class Options:
    """What a validation compares.

    Attributes
    ----------
    parameter : str or tuple of two
        Address that takes the values.
    values : tuple of float, or of two such tuples
        Strictly increasing; of a plane, those of each parameter.
    aspects, levels : tuple of str
    planes : tuple of pairs of str, or None
        Pairs of coordinates in which attractors are compared; None: the default ones.
    settings : Settings
        Of the runs.
    """

    parameter: str | tuple[str, str]
    values: Any
    aspects: tuple[str, ...]
    levels: tuple[str, ...]
    planes: tuple[tuple[str, str], ...] | None
    settings: Settings

    @property
    def axes(self) -> dict[str, tuple[float, ...]]:
        """Each parameter with its values."""
        if isinstance(self.parameter, str):
            return {self.parameter: self.values}
        return dict(zip(self.parameter, self.values, strict=True))

    @property
    def sets(self) -> list[dict[str, float]]:
        """All parameter sets, values by address; the last parameter changes fastest."""
        axes = self.axes
        return [dict(zip(axes, point, strict=True)) for point in itertools.product(*axes.values())]

    def to_plain(self) -> dict[str, Any]:
        """Return the options for JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Options:
        """Return the options that `to_plain` wrote."""
        settings: dict[str, Any] = {k: tuples(v) for k, v in data["settings"].items()}
        own = {k: tuples(v) for k, v in data.items() if k != "settings"}
        return cls(**own, settings=Settings(**settings))


@dataclass(frozen=True)
class Comparison:
    """One level's rate against the network's.

    Attributes
    ----------
    value : float, or tuple of two floats
        Of the parameter.
    population, level : str
    network : Estimate
        In Hz.
    reduced : Estimate
        In Hz.
    error : Estimate
        Relative: (reduced - network) / network, with the standard error that both bring.
    """

    value: float | tuple[float, ...]
    population: str
    level: str
    network: Estimate
    reduced: Estimate
    error: Estimate


@dataclass(frozen=True, eq=False, repr=False)
class ValidationReport:
    """Network and levels over a parameter or a plane.

    Attributes
    ----------
    network : Network
        The base, before parameters are changed.
    options : Options
    results : dict
        Aspect to its results: one per parameter set, in the order of ``options.sets``; one in all for
        ``"bifurcations"``.
    checks : list of Check
        Applicability at the first parameter set at which an assumption is strained most.
    command : str
        That makes this report.
    versions : dict
        Package to version.
    """

    network: Network
    options: Options
    results: dict[str, list[Any]]
    checks: list[Check]
    command: str
    versions: dict[str, str]

    def __repr__(self) -> str:
        o = self.options
        shown = o.parameter if isinstance(o.parameter, str) else " and ".join(o.parameter)
        aspects, levels = ", ".join(o.aspects), ", ".join(o.levels)
        return f"ValidationReport({shown}, {len(o.sets)} parameter sets, {aspects} of levels {levels})"

    @property
    def points(self) -> list[dict[str, Source]]:
        """Per parameter set, ``"network"`` and each level that ran to its `Source`; empty without the rates."""
        rates: list[RateComparison] = self.results.get("rates", [])
        return [comparison.sources for comparison in rates]

    def comparisons(self) -> list[Comparison]:
        """Return every level's rates against the network's, ordered by parameter set, population, level."""
        rows = []
        for values, comparison in zip(self.options.sets, self.results.get("rates", []), strict=False):
            value = tuple(values.values())
            for population, rate in comparison.sources["network"].rates.items():
                for level in [name for name in self.options.levels if name in comparison.sources]:
                    rows.append(
                        Comparison(
                            value if len(value) > 1 else value[0], population, level, rate,
                            comparison.sources[level].rates[population], comparison.error(population, level),
                        )
                    )  # fmt: skip
        return rows

    def summary(self) -> dict[str, tuple[float, float]]:
        """Return per level the (mean, largest) absolute relative error of the rates; NaN if the network is silent."""
        errors: dict[str, list[float]] = {level: [] for level in self.options.levels}
        for row in self.comparisons():
            if math.isfinite(row.error.mean):
                errors[row.level].append(abs(row.error.mean))
        return {level: (float(np.mean(e)), max(e)) if e else (math.nan, math.nan) for level, e in errors.items()}

    def labels(self) -> list[str]:
        """Return the parameter sets in words."""
        return [", ".join(f"{name} = {value:g}" for name, value in values.items()) for values in self.options.sets]

    def verdicts(self) -> dict[str, list[tuple[str, Verdict]]]:
        """Return, by aspect, each verdict with its parameter set in words (empty where it is about all of them)."""
        found: dict[str, list[tuple[str, Verdict]]] = {}
        for aspect, results in self.results.items():
            labels: Sequence[str] = [""] if aspect == "bifurcations" else self.labels()
            found[aspect] = [(label, v) for label, r in zip(labels, results, strict=True) for v in r.verdicts()]
        return found

    def plot(self, ax: Axes | None = None, *, population: str | None = None) -> Axes:
        """Draw the rates of one population (default: the first) over the parameter."""
        from reduction import plotting

        return plotting.rate_curves(self, population or next(iter(self.network.sizes)), ax=ax)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write report.html, report.md, validation.json and figures/; return the directory."""
        from reduction import report

        return report.write(self, directory)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "format": FORMAT,
            "command": self.command,
            "versions": self.versions,
            "network": network_file.dumps(self.network),
            "options": self.options.to_plain(),
            "summary": {
                level: {"mean": finite_or_none(mean), "largest": finite_or_none(largest)}
                for level, (mean, largest) in self.summary().items()
            },
            "verdicts": {
                aspect: [{"at": label, **verdict.to_plain()} for label, verdict in found]
                for aspect, found in self.verdicts().items()
            },
            "applicability": [{**asdict(c), "strain": c.strain, "verdict": c.verdict} for c in self.checks],
            "parameter_sets": self.options.sets,
            "results": {aspect: [r.to_plain() for r in results] for aspect, results in self.results.items()},
        }

    @staticmethod
    def load(directory: str | os.PathLike[str]) -> ValidationReport:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If there is no such report, or another version of the format.
        """
        path = Path(directory) / "validation.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] != FORMAT:
                raise KeyError(f"format {data['format']}, not {FORMAT}: make it anew")
            checks = [{k: v for k, v in c.items() if k not in ("strain", "verdict")} for c in data["applicability"]]
            return ValidationReport(
                network=network_file.loads(data["network"]),
                options=Options.from_plain(data["options"]),
                results={
                    aspect: [result_type(aspect).from_plain(r) for r in data["results"][aspect]]
                    for aspect in ASPECTS if aspect in data["results"]
                },
                checks=[Check(**c) for c in checks],
                command=data["command"],
                versions=data["versions"],
            )  # fmt: skip
        except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise SpecificationError(f"{path}: is not a validation saved by snn2ode ({error})") from None
