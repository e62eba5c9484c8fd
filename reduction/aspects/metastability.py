"""Metastability: whether network and levels switch between states, and how long they dwell in each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.attractors import metastability as states_of
from reduction.attractors.metastability import Density, Dwells, States
from reduction.integration import RANDOM_LEVELS
from reduction.measuring import Settings
from reduction.trajectory import Trajectory
from reduction.verdicts import LEVEL_NAMES, Grade, Table, Verdict
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate, block_estimate, finite_or_none
from spiking.network import Network, checked_network
from spiking.recording import Recording
from spiking.specification import POSITIVE, checked_number
from spiking.statistics import BLOCKS

Floats = npt.NDArray[np.float64]

ASPECT = "metastability"
WINDOW = 50.0
_PER_WINDOW = 10
_SIGNIFICANT, _DOUBTFUL = 0.01, 0.05
_COARSE = 0.25
_FEWEST_WINDOWS = 10
_MANY_DWELLS = 10
_CLOSE = 1.5


@dataclass(frozen=True, eq=False)
class Occupation:
    """How the network or a level occupies the states.

    Attributes
    ----------
    source : str
        ``"network"`` or a level.
    own_states : int
        Number of states in its own data; 1 is no metastability.
    density : Density
        Occupation density of its rate, in 1/Hz over Hz.
    shares : tuple of Estimate
        Of the time, in each of the network's states; standard errors from 20 blocks per trial.
    dwells : tuple of Dwells
        In each of the network's states.
    differences : tuple of (float, float)
        For each of the network's states Kolmogorov and Smirnov's distance between its dwells and the network's, and the
        p-value; NaN for the network itself and for too few dwells.
    """

    source: str
    own_states: int
    density: Density
    shares: tuple[Estimate, ...]
    dwells: tuple[Dwells, ...]
    differences: tuple[tuple[float, float], ...]

    def to_plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "source": self.source,
            "own_states": self.own_states,
            "density": {name: values.tolist() for name, values in self.density._asdict().items()},
            "shares": [share.to_plain() for share in self.shares],
            "dwells": [{"complete": d.complete.tolist(), "censored": d.censored.tolist()} for d in self.dwells],
            "differences": [[finite_or_none(value) for value in pair] for pair in self.differences],
        }

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Occupation:
        """Return what `to_plain` wrote."""

        def number(value: float | None) -> float:
            return math.nan if value is None else float(value)

        return cls(
            source=data["source"],
            own_states=data["own_states"],
            density=Density(*(np.array(data["density"][name], float) for name in Density._fields)),
            shares=tuple(Estimate.from_plain(share) for share in data["shares"]),
            dwells=tuple(
                Dwells(*(np.array(d[name], float) for name in ("complete", "censored"))) for d in data["dwells"]
            ),
            differences=tuple((number(a), number(b)) for a, b in data["differences"]),
        )


@dataclass(frozen=True, eq=False)
class MetastabilityComparison:
    """Result of `compare_metastability`.

    Attributes
    ----------
    population : str
        Whose rate is the observable.
    window : float
        Of its running mean, in ms.
    states : States
        Of the network; modes and minima in Hz.
    occupations : tuple of Occupation
        Of the network first, then of each level.
    """

    population: str
    window: float
    states: States
    occupations: tuple[Occupation, ...]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MetastabilityComparison) and self.to_plain() == other.to_plain()

    __hash__ = None  # type: ignore[assignment]

    @property
    def network(self) -> Occupation:
        """The network's."""
        return self.occupations[0]

    @property
    def levels(self) -> tuple[Occupation, ...]:
        """The levels'."""
        return self.occupations[1:]

    def verdicts(self) -> list[Verdict]:
        """Return one verdict for the network, and one for each level and state."""
        number = len(self.states.modes)
        if number == 1:
            text = (
                f"The {self.population} rate over {self.window:g} ms has one state in this run, near "
                f"{self.states.modes[0]:.3g} Hz: no metastability."
            )
            own = Verdict(ASPECT, "network", text, "undecided")
            return [own, *(self._of_one_state(level) for level in self.levels)]
        rates = " and ".join(f"{mode:.3g}" for mode in self.states.modes)
        exits = sum(d.complete.size for d in self.network.dwells)
        text = f"The {self.population} rate switches between {number} states, near {rates} Hz, {exits} times."
        own = Verdict(ASPECT, "network", text, "undecided", Estimate(float(exits), math.nan), "switches")
        return [own, *(self._of_state(level, k) for level in self.levels for k in range(number))]

    def _of_one_state(self, level: Occupation) -> Verdict:
        if level.own_states == 1:
            return Verdict(ASPECT, level.source, f"Neither does the {LEVEL_NAMES[level.source]} switch.", "undecided")
        text = f"The {LEVEL_NAMES[level.source]} switches between {level.own_states} states where the network has one."
        return Verdict(ASPECT, level.source, text, "differs", Estimate(level.own_states, 0.0), "states")

    def _of_state(self, level: Occupation, state: int) -> Verdict:
        near = f"the state near {self.states.modes[state]:.3g} Hz"
        here, there = self.network.dwells[state].mean, level.dwells[state].mean
        p = level.differences[state][1]
        if not math.isfinite(p):
            counts = f"{level.dwells[state].complete.size} and {self.network.dwells[state].complete.size}"
            if level.own_states == 1 and self.network.dwells[state].complete.size >= _MANY_DWELLS:
                text = f"The {LEVEL_NAMES[level.source]} stays in one state; the network leaves {near} again and again."
                return Verdict(ASPECT, level.source, text, "differs")
            name = LEVEL_NAMES[level.source]
            text = f"Too few dwells of {name} and network in {near} ({counts}) to compare; run longer."
            return Verdict(ASPECT, level.source, text, "undecided")
        ratio = _ratio(there, here)
        grade: Grade
        if p < _SIGNIFICANT:
            grade = "close" if 1.0 / _CLOSE <= ratio.mean <= _CLOSE else "differs"
            finding = "dwell times differ"
        elif p < _DOUBTFUL:
            grade, finding = "undecided", "a difference of dwell times is likely, not certain"
        elif ratio.se > _COARSE * ratio.mean:
            grade, finding = "undecided", "no difference of dwell times is seen, but the runs are short"
        else:
            grade, finding = "agrees", "dwell times agree"
        text = (
            f"The {LEVEL_NAMES[level.source]} dwells {ratio} times as long as the network in {near} "
            f"({there.mean:.3g} and {here.mean:.3g} ms): {finding} (p = {p:.2g})."
        )
        return Verdict(ASPECT, level.source, text, grade, ratio)

    def tables(self) -> list[Table]:
        """Return the dwell times in every state."""
        header = [
            "source", "own states", "state (Hz)", "share of time", "dwells", "mean dwell (ms)", "CV of dwells",
            "KS distance", "p",
        ]  # fmt: skip
        rows = []
        for own in self.occupations:
            for k, mode in enumerate(self.states.modes):
                distance, p = own.differences[k]
                numbers = [own.dwells[k].variation, distance, p]
                rows.append(
                    [
                        own.source,
                        str(own.own_states),
                        f"{mode:.3g}",
                        str(own.shares[k]),
                        str(own.dwells[k].complete.size),
                    ]
                    + ["-" if math.isnan(own.dwells[k].mean.mean) else str(own.dwells[k].mean)]
                    + ["-" if math.isnan(value) else f"{value:.2g}" for value in numbers]
                )
        caption = (
            f"Dwell times in the network's states of the {self.population} rate over {self.window:g} ms; "
            "own states: number in each source's own data"
        )
        return [Table(caption, header, rows)]

    def to_plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "population": self.population,
            "window": self.window,
            "modes": list(self.states.modes),
            "minima": list(self.states.minima),
            "occupations": [own.to_plain() for own in self.occupations],
        }

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> MetastabilityComparison:
        """Return what `to_plain` wrote."""
        return cls(
            data["population"],
            data["window"],
            States(tuple(data["modes"]), tuple(data["minima"])),
            tuple(Occupation.from_plain(own) for own in data["occupations"]),
        )


def compare_metastability(
    network: Network,
    settings: Settings | None = None,
    *,
    levels: Sequence[str] = ("chain",),
    population: str | None = None,
    window: float = WINDOW,
    progress: Callable[[float], None] | None = None,
) -> MetastabilityComparison:
    """Compare how network and levels switch between states of a population's rate.

    States are those of the network's rate, averaged over a running window, by the definition of
    `reduction.attractors.metastability`; the levels are measured by the same thresholds.

    Parameters
    ----------
    network : Network
    settings : Settings
        Runs should hold tens of dwells.
    levels : sequence of {"chain", "langevin"}
        Levels without chance leave no state.
    population : str, optional
        By default the first.
    window : float
        In ms: several population events, and well below the dwell times.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        Before any run, if an option cannot be used.
    NumericalError
        If a run fails.
    """
    checked_network(network)
    settings = settings or Settings()
    levels = _checked_levels(levels)
    if population is None:
        population = next(iter(network.sizes))
    if population not in network.sizes:
        raise UnknownNameError("population", population, network.sizes)
    window = checked_number("", "window", window, POSITIVE)
    longest = (settings.duration - settings.discard) / _FEWEST_WINDOWS
    if window > longest:
        raise ParameterError("", "window", window, f"must be at most {longest:g} ms, a tenth of the recorded time")
    settings.approximation(network)
    share = 1.0 / (1 + len(levels))
    report = progress or (lambda fraction: None)

    def within(index: int) -> Callable[[float], None]:
        return lambda fraction: report(share * (index + fraction))

    records, interval = _records(settings.simulated(network, progress=within(0)), population, window, settings.discard)
    states = states_of.metastable_states(records, interval, window)
    found = [_occupation("network", records, interval, window, states, None)]
    for index, level in enumerate(levels, 1):
        run = settings.integrated(network, level, progress=within(index))
        records, interval = _records(run, population, window, settings.discard)
        found.append(_occupation(level, records, interval, window, states, found[0]))
    report(1.0)
    return MetastabilityComparison(population, window, states, tuple(found))


def _checked_levels(levels: Sequence[str]) -> tuple[str, ...]:
    if isinstance(levels, str) or not levels:
        raise SpecificationError(f"levels = {levels!r}: must be a list of levels: {', '.join(RANDOM_LEVELS)}")
    for level in levels:
        if level not in RANDOM_LEVELS:
            raise UnknownNameError("level with chance in it", level, RANDOM_LEVELS)
    if len(set(levels)) < len(levels):
        raise SpecificationError(f"levels = {list(levels)}: must differ")
    return tuple(levels)


def _records(
    source: Recording | Trajectory, population: str, window: float, discard: float
) -> tuple[list[Floats], float]:
    """Return the running mean of a population's rate in Hz, a record for each trial, and the interval of samples."""
    if isinstance(source, Recording):
        per_interval = source.counts[:, :, source.index(population)] * (
            1000.0 / source.sampling_interval / source.populations[population]
        )
    else:
        per_interval = source.firing_rates[:, :, list(source.network.sizes).index(population)]
    width = max(1, round(window / source.sampling_interval))
    every = max(1, width // _PER_WINDOW)
    first = round(discard / source.sampling_interval)
    total = np.cumsum(np.pad(per_interval[:, first:], ((0, 0), (1, 0))), axis=1)
    means = (total[:, width:] - total[:, :-width]) / width
    return list(means[:, ::every]), every * source.sampling_interval


def _occupation(
    source: str, records: list[Floats], interval: float, window: float, states: States, network: Occupation | None
) -> Occupation:
    dwells = states_of.dwell_times(records, interval, states)
    visited = [states_of.visited_states(record, states) for record in records]
    blocks = [block for own in visited for block in np.array_split(own, BLOCKS) if (block >= 0).any()]
    shares = tuple(
        block_estimate(np.array([np.mean(block[block >= 0] == k) for block in blocks]))
        for k in range(len(states.modes))
    )
    own_states = len(states.modes) if network is None else len(
        states_of.metastable_states(records, interval, window).modes
    )  # fmt: skip
    if network is None:
        differences = tuple((math.nan, math.nan) for _ in states.modes)
    else:
        differences = tuple(map(states_of.dwell_difference, dwells, network.dwells))
    density = states_of.occupation_density(records, max(1.0, window / interval))
    return Occupation(source, own_states, density, shares, dwells, differences)


def _ratio(above: Estimate, below: Estimate) -> Estimate:
    """Return the ratio of two independent estimates."""
    mean = above.mean / below.mean
    return Estimate(mean, abs(mean) * math.hypot(above.se / above.mean, below.se / below.mean))
