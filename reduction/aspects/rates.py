"""Firing rates: network and levels side by side at one parameter set, with the heights of their events."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.measuring import RATE_LEVELS, Settings, asynchronous_rates
from reduction.trajectory import Trajectory
from reduction.verdicts import LEVEL_NAMES, Table, Verdict, graded, half_width
from spiking import statistics
from spiking.errors import NumericalError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate
from spiking.network import Network, checked_network
from spiking.recording import Recording

Floats = npt.NDArray[np.float64]

EXCERPT = 200.0
EXCERPT_STEP = 0.5
"""Length and sampling in ms of the traces that a report shows."""


@dataclass(frozen=True, eq=False)
class Source:
    """What the network or one level gives at one parameter set.

    Attributes
    ----------
    rates : dict
        Population to `Estimate` in Hz; the standard error is 0 for levels without chance.
    peaks : dict
        Population to heights of the rate's peaks in spikes per ms, one array per trial; none for a stationary level.
    excerpt : dict
        Population to rate in spikes per ms, sampled every 0.5 ms of the 200 ms after the discarded time; empty for a
        stationary level.
    synchrony : dict or None
        Population to `Estimate` of the spike synchrony index (network and chain).
    raster : list or None
        [times in ms after the discarded time, neurons] of the excerpt (network only).
    """

    rates: dict[str, Estimate]
    peaks: dict[str, list[Floats]]
    excerpt: dict[str, Floats]
    synchrony: dict[str, Estimate] | None
    raster: list[list[float]] | None

    def height_differences(self, population: str) -> Floats:
        """Return the differences between heights of successive peaks."""
        return np.concatenate([np.empty(0), *(np.diff(h) for h in self.peaks[population])])

    def to_plain(self) -> dict[str, Any]:
        """Return the source for JSON."""
        return {
            "rates": {name: e.to_plain() for name, e in self.rates.items()},
            "peaks": {name: [h.tolist() for h in heights] for name, heights in self.peaks.items()},
            "excerpt": {name: rate.tolist() for name, rate in self.excerpt.items()},
            "synchrony": self.synchrony and {name: e.to_plain() for name, e in self.synchrony.items()},
            "raster": self.raster,
        }

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Source:
        """Return the source that `to_plain` wrote."""
        return cls(
            rates={name: Estimate.from_plain(e) for name, e in data["rates"].items()},
            peaks={name: [np.array(h, float) for h in heights] for name, heights in data["peaks"].items()},
            excerpt={name: np.array(rate, float) for name, rate in data["excerpt"].items()},
            synchrony=data["synchrony"] and {name: Estimate.from_plain(e) for name, e in data["synchrony"].items()},
            raster=data["raster"],
        )


@dataclass(frozen=True, eq=False)
class RateComparison:
    """Rates of the network and of levels at one parameter set.

    Attributes
    ----------
    sources : dict
        ``"network"`` and every level that ran to its `Source`.
    missing : dict
        Level to the reason why it has no rates here.
    """

    sources: dict[str, Source]
    missing: dict[str, str]

    def error(self, population: str, level: str) -> Estimate:
        """Return (level - network) / network with the standard error that both bring; NaN for a silent network.

        The network's error counts at least in full: a level near 0 would hide it.
        """
        rate, reduced = self.sources["network"].rates[population], self.sources[level].rates[population]
        if not rate.mean:
            return Estimate(math.nan, math.nan)
        ratio = reduced.mean / rate.mean
        return Estimate(ratio - 1, math.hypot(max(1.0, ratio) * rate.se, reduced.se) / rate.mean)

    def verdicts(self) -> list[Verdict]:
        """Return one verdict per level and population."""
        found = []
        for level in [name for name in self.sources if name != "network"]:
            for population in self.sources[level].rates:
                error = self.error(population, level)
                text = _sentence(level, population, error)
                found.append(Verdict("rates", level, text, graded(error, half_width(error)), error))
        for level, why in self.missing.items():
            found.append(Verdict("rates", level, f"{LEVEL_NAMES[level]}: {why}", "undecided"))
        return found

    def tables(self) -> list[Table]:
        """Return rates and relative errors."""
        levels = [name for name in self.sources if name != "network"]
        header = ["population", "network (Hz)"]
        header += [text for level in levels for text in (f"{LEVEL_NAMES[level]} (Hz)", "error (%)")]
        rows = []
        for population, rate in self.sources["network"].rates.items():
            cells = [population, f"{rate.mean:.2f} ± {rate.se:.2f}"]
            for level in levels:
                error = self.error(population, level)
                cells += [f"{self.sources[level].rates[population].mean:.2f}", percent(error)]
            rows.append(cells)
        return [Table("Firing rates, with standard errors", header, rows)]

    def to_plain(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {"sources": {name: s.to_plain() for name, s in self.sources.items()}, "missing": self.missing}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> RateComparison:
        """Return the comparison that `to_plain` wrote."""
        return cls({name: Source.from_plain(s) for name, s in data["sources"].items()}, dict(data["missing"]))


def compare_rates(
    network: Network,
    settings: Settings | None = None,
    *,
    levels: Sequence[str] = ("ode", "chain"),
    progress: Callable[[float], None] | None = None,
) -> RateComparison:
    """Compare firing rates of levels with those of the simulated network.

    Parameters
    ----------
    network : Network
    settings : Settings
    levels : sequence of {"ode", "chain", "langevin", "published", "siegert"}
        ``"siegert"``: the self-consistent asynchronous state in white noise. Where it does not exist, or a level does
        not cover the network, the reason is recorded.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    UnknownNameError
        If there is no such level.
    ParameterError, SpecificationError, NumericalError
        If the network cannot be simulated, or a run fails.
    """
    checked_network(network)
    settings = settings or Settings()
    for level in levels:
        if level not in RATE_LEVELS:
            raise UnknownNameError("level", level, RATE_LEVELS)
    parts = 1 + len(levels)

    def share(done: int) -> Callable[[float], None] | None:
        return None if progress is None else (lambda fraction: progress((done + fraction) / parts))

    recording = settings.simulated(network, progress=share(0))
    sources = {"network": _of_recording(recording, settings.discard)}
    missing = {}
    for done, level in enumerate(levels, start=1):
        if level == "siegert":
            try:
                rates = asynchronous_rates(network)
            except (NumericalError, SpecificationError) as error:
                missing[level] = str(error)
                continue
            sources[level] = Source(rates, {name: [] for name in rates}, {}, None, None)
            continue
        reason = uncovered(network, settings, level)
        if reason:
            missing[level] = reason
            continue
        trajectory = settings.integrated(network, level, progress=share(done))
        sources[level] = _of_trajectory(trajectory, settings.discard)
    return RateComparison(sources, missing)


def uncovered(network: Network, settings: Settings, level: str) -> str:
    """Return why a level does not cover a network, from one step of it; empty if it does."""
    try:
        settings.try_level(network, level)
    except SpecificationError as error:
        return str(error)
    return ""


def percent(error: Estimate) -> str:
    """Return a relative error in per cent, with its standard error."""
    spread = f" ± {100 * error.se:.1f}" if math.isfinite(error.se) else ""
    return f"{100 * error.mean:+.1f}{spread} %" if math.isfinite(error.mean) else "-"


def _sentence(level: str, population: str, error: Estimate) -> str:
    if not math.isfinite(error.mean):
        return f"{LEVEL_NAMES[level]}: {population} of the network does not fire, so there is no relative error."
    return f"{LEVEL_NAMES[level]}: the {population} rate differs from the network's by {percent(error)}."


def _of_recording(recording: Recording, discard: float) -> Source:
    peaks: dict[str, list[Floats]] = {}
    excerpt = {}
    for name, size in recording.populations.items():
        peaks[name] = []
        for trial in range(recording.trials):
            times, rate = statistics.population_rate(recording, name, discard=discard, trial=trial)
            peaks[name].append(statistics.rate_peaks(times, rate, size).heights)
            if trial == 0:
                excerpt[name] = _excerpt(rate, recording.sampling_interval)
    shown = (recording.trial == 0) & (recording.times > discard) & (recording.times <= discard + EXCERPT)
    return Source(
        rates=recording.rates(discard), peaks=peaks, excerpt=excerpt,
        synchrony=statistics.synchrony(recording, discard=discard),
        raster=[np.round(recording.times[shown] - discard, 6).tolist(), recording.senders[shown].tolist()],
    )  # fmt: skip


def _of_trajectory(trajectory: Trajectory, discard: float) -> Source:
    names, trials = trajectory.network.sizes, range(trajectory.trials)
    peaks = {n: [trajectory.peaks(n, discard=discard, trial=trial).heights for trial in trials] for n in names}
    excerpt = {
        n: _excerpt(trajectory.population_rate(n, discard=discard)[1], trajectory.sampling_interval) for n in names
    }
    synchrony = statistics.synchrony(trajectory.recording(), discard=discard) if trajectory.level == "chain" else None
    return Source(trajectory.rates(discard), peaks, excerpt, synchrony, None)


def _excerpt(rate: Floats, interval: float) -> Floats:
    every = max(1, round(EXCERPT_STEP / interval))
    return rate[: round(EXCERPT / interval) : every]
