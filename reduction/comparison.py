"""What a validation found: network and levels side by side."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reduction.assumptions import Check
from spiking import network_file
from spiking.errors import SpecificationError
from spiking.estimates import Estimate, finite_or_none
from spiking.network import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

FORMAT = 2
EXCERPT = 200.0
EXCERPT_STEP = 0.5
"""Length and sampling in ms of the traces that a report shows."""


@dataclass(frozen=True)
class Options:
    """How a validation was made; times in ms."""

    parameter: str
    values: tuple[float, ...]
    levels: tuple[str, ...]
    duration: float
    discard: float
    dt: float
    seed: int
    trials: int
    scheme: str
    bins: int | None
    closure: str | float
    integration_dt: float


@dataclass(frozen=True, eq=False)
class Source:
    """What the network or one level gives at one value of the parameter.

    Attributes
    ----------
    rates : dict
        Population to `Estimate` in Hz; the standard error is 0 for levels without chance.
    peaks : dict
        Population to heights of the rate's peaks in spikes per ms, one array per trial.
    excerpt : dict
        Population to rate in spikes per ms, sampled every 0.5 ms of the 200 ms after the discarded time.
    synchrony : dict or None
        Population to `Estimate` of the spike synchrony index (network and chain).
    raster : list or None
        [times in ms after the discarded time, neurons] of the excerpt (network only).
    wall_s : float
        Time it took, in s.
    """

    rates: dict[str, Estimate]
    peaks: dict[str, list[Floats]]
    excerpt: dict[str, Floats]
    synchrony: dict[str, Estimate] | None
    raster: list[list[float]] | None
    wall_s: float

    def height_differences(self, population: str) -> Floats:
        """Return the differences between heights of successive peaks."""
        return np.concatenate([np.diff(h) for h in self.peaks[population]])


@dataclass(frozen=True)
class Comparison:
    """One level's rate against the network's.

    Attributes
    ----------
    value : float
        Of the parameter.
    population, level : str
    network : Estimate
        In Hz.
    reduced : Estimate
        In Hz.
    error : Estimate
        Relative: (reduced - network) / network, with the standard error that both bring.
    """

    value: float
    population: str
    level: str
    network: Estimate
    reduced: Estimate
    error: Estimate


@dataclass(frozen=True, eq=False, repr=False)
class ValidationReport:
    """Network and levels over a parameter.

    Attributes
    ----------
    network : Network
        The base, before the parameter is changed.
    options : Options
    points : list of dict
        Per value: ``"network"`` and each level to a `Source`.
    checks : list of Check
        Applicability at the first value at which an assumption is strained most.
    command : str
        That makes this report.
    version : str
    """

    network: Network
    options: Options
    points: list[dict[str, Source]]
    checks: list[Check]
    command: str
    versions: dict[str, str]

    def __repr__(self) -> str:
        o = self.options
        return f"ValidationReport({o.parameter}, {len(o.values)} values, levels {', '.join(o.levels)})"

    def comparisons(self) -> list[Comparison]:
        """Return every level's rates against the network's, ordered by value, population, level."""
        rows = []
        for value, point in zip(self.options.values, self.points, strict=True):
            for population in self.network.sizes:
                rate = point["network"].rates[population]
                for level in self.options.levels:
                    reduced = point[level].rates[population]
                    ratio = reduced.mean / rate.mean if rate.mean else math.nan
                    se = math.hypot(ratio * rate.se, reduced.se) / rate.mean if rate.mean else math.nan
                    error = Estimate(ratio - 1, se)
                    rows.append(Comparison(value, population, level, rate, reduced, error))
        return rows

    def summary(self) -> dict[str, tuple[float, float]]:
        """Return per level the (mean, largest) absolute relative error of the rates; NaN if the network is silent."""
        errors: dict[str, list[float]] = {level: [] for level in self.options.levels}
        for row in self.comparisons():
            if math.isfinite(row.error.mean):
                errors[row.level].append(abs(row.error.mean))
        return {level: (float(np.mean(e)), max(e)) if e else (math.nan, math.nan) for level, e in errors.items()}

    def plot(self, ax: Axes | None = None, *, population: str | None = None) -> Axes:
        """Draw the rates of one population (default: the first) over the parameter."""
        from reduction import plotting

        return plotting.rate_curves(self, population or next(iter(self.network.sizes)), ax=ax)

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write report.html, validation.json and figures/; return the directory."""
        from reduction import report

        return report.write(self, directory)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "format": FORMAT,
            "command": self.command,
            "versions": self.versions,
            "network": network_file.dumps(self.network),
            "options": asdict(self.options),
            "summary": {
                level: {"mean": finite_or_none(mean), "largest": finite_or_none(largest)}
                for level, (mean, largest) in self.summary().items()
            },
            "applicability": [{**asdict(c), "strain": c.strain, "verdict": c.verdict} for c in self.checks],
            "points": [
                {"value": v, **{name: to_plain(s) for name, s in p.items()}}
                for v, p in zip(self.options.values, self.points, strict=True)
            ],
        }

    @staticmethod
    def load(directory: str | os.PathLike[str]) -> ValidationReport:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If there is no such report.
        """
        path = Path(directory) / "validation.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            options: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data["options"].items()}
            checks = [{k: v for k, v in c.items() if k not in ("strain", "verdict")} for c in data["applicability"]]
            return ValidationReport(
                network=network_file.loads(data["network"]),
                options=Options(**options),
                points=[{k: from_plain(s) for k, s in p.items() if k != "value"} for p in data["points"]],
                checks=[Check(**c) for c in checks],
                command=data["command"],
                versions=data["versions"],
            )
        except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise SpecificationError(f"{path}: is not a validation saved by snn2ode ({error})") from None


def to_plain(source: Source) -> dict[str, Any]:
    """Return a source as plain values."""
    return {
        "rates": {name: e.to_plain() for name, e in source.rates.items()},
        "peaks": {name: [h.tolist() for h in heights] for name, heights in source.peaks.items()},
        "excerpt": {name: rate.tolist() for name, rate in source.excerpt.items()},
        "synchrony": source.synchrony and {name: e.to_plain() for name, e in source.synchrony.items()},
        "raster": source.raster,
        "wall_s": source.wall_s,
    }


def from_plain(data: dict[str, Any]) -> Source:
    """Return the source that `to_plain` wrote."""
    return Source(
        rates={name: Estimate.from_plain(e) for name, e in data["rates"].items()},
        peaks={name: [np.array(h, float) for h in heights] for name, heights in data["peaks"].items()},
        excerpt={name: np.array(rate) for name, rate in data["excerpt"].items()},
        synchrony=data["synchrony"] and {name: Estimate.from_plain(e) for name, e in data["synchrony"].items()},
        raster=data["raster"],
        wall_s=data["wall_s"],
    )
