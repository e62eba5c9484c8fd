"""Attractors: where network and levels spend their time, their rhythms and events, at a distance that is calibrated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.aspects.rates import uncovered
from reduction.attractors import densities, distances, rhythms
from reduction.attractors.blocks import Blocks, block_length, cut
from reduction.attractors.calibration import FEWEST_BLOCKS, Calibrated, calibrate
from reduction.attractors.coordinates import common_interval, names_of
from reduction.integration import LEVELS, RANDOM_LEVELS
from reduction.measuring import Settings
from reduction.plain import tuples
from reduction.verdicts import LEVEL_NAMES, Grade, Table, Verdict
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate
from spiking.network import Network, checked_network
from spiking.timing import time_grid

Floats = npt.NDArray[np.float64]

BLOCKS = 10
"""Blocks per trial."""

WHOLE = "all coordinates"
"""Subject of the distance in all coordinates at once."""

_NEAR = 1.5
_CLOSE = 2.0
_LEAST_RANK = 0.01
_WITHOUT_CHANCE = 0.7
_CELLS_OF_PLANE = 8
_CELLS_OF_LINE = 16
_HISTOGRAM_BINS = 30


@dataclass(frozen=True)
class Distance:
    """One distance of a level to the network.

    Attributes
    ----------
    kind : str
        ``"cloud"``: sliced Wasserstein-1 distance in all coordinates, each in the network's standard deviations;
        ``"coordinate"``: Wasserstein-1 distance along one of them; ``"occupation"``, ``"plane"``: Jensen-Shannon
        divergence of the occupation densities along one and in a plane of two; ``"spectrum"``: share of the power of a
        rate that lies at another frequency; ``"event"``: Wasserstein-1 distance of sizes or intervals of events.
    subject, unit : str
    value : Calibrated
    """

    kind: str
    subject: str
    unit: str
    value: Calibrated


@dataclass(frozen=True)
class LevelAttractor:
    """Distances of a level to the network; ``missing``: what could not be measured, and why."""

    distances: tuple[Distance, ...]
    missing: dict[str, str]

    def distance(self, kind: str, subject: str) -> Distance | None:
        """Return a distance, or None if it is missing."""
        return next((d for d in self.distances if (d.kind, d.subject) == (kind, subject)), None)


@dataclass(frozen=True)
class PlaneOccupation:
    """Where network and levels spend their time in a plane.

    Attributes
    ----------
    names, units : (str, str)
        Of the coordinates x and y.
    x_edges, y_edges : tuple of float
        Of the bins, from the network's data.
    counts : dict
        Source to the points in each bin, a tuple of columns of constant x.
    points : dict
        Source to the number of its points, those outside the bins included.
    """

    names: tuple[str, str]
    units: tuple[str, str]
    x_edges: tuple[float, ...]
    y_edges: tuple[float, ...]
    counts: dict[str, tuple[tuple[int, ...], ...]]
    points: dict[str, int]

    def occupation(self, source: str) -> densities.Occupation:
        """Return the histogram of a source."""
        return densities.Occupation(np.array(self.counts[source]), self.points[source])

    def density(self, source: str) -> Floats:
        """Return the density of a source per unit of x and of y, shape (x bins, y bins)."""
        return self.occupation(source).density(np.array(self.x_edges), np.array(self.y_edges))


@dataclass(frozen=True)
class RateSpectrum:
    """Spectra of a population's rate: frequency in Hz; source to power and its standard error over blocks, Hz^2/Hz."""

    population: str
    frequency: tuple[float, ...]
    power: dict[str, tuple[float, ...]]
    se: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class EventHistogram:
    """How often events have a size or an interval: source to numbers of events in bins, and to all of them."""

    subject: str
    unit: str
    edges: tuple[float, ...]
    counts: dict[str, tuple[int, ...]]
    events: dict[str, int]


@dataclass(frozen=True)
class AttractorComparison:
    """Attractors of the network and of levels at one parameter set.

    Attributes
    ----------
    blocks : int
        Into which every run is cut, all its trials together; the network has two runs.
    block : float
        Length of a block in ms.
    levels : dict
        Level to its `LevelAttractor`.
    planes : tuple of PlaneOccupation
    spectra : tuple of RateSpectrum
    histograms : tuple of EventHistogram
    missing : dict
        Level that has no attractor here to the reason.
    """

    blocks: int
    block: float
    levels: dict[str, LevelAttractor]
    planes: tuple[PlaneOccupation, ...]
    spectra: tuple[RateSpectrum, ...]
    histograms: tuple[EventHistogram, ...]
    missing: dict[str, str]

    def verdicts(self) -> list[Verdict]:
        """Return verdicts on the whole attractor, the rhythm and the events of every level."""
        found = []
        for name, level in self.levels.items():
            for kind, what in _JUDGED.items():
                own = [d for d in level.distances if d.kind == kind]
                if not own and kind == "event" and any(why.endswith(_EVENTLESS) for why in level.missing.values()):
                    text = f"The {LEVEL_NAMES[name]} has no events to compare with those of the network."
                    found.append(Verdict("attractors", name, text, "differs"))
                if own:
                    worst = max(own, key=lambda d: d.value.low)
                    subject = "" if kind == "cloud" else f", by the {worst.subject} that is farthest,"
                    found.append(self._verdict(name, worst, f"The {LEVEL_NAMES[name]}'s {what}{subject}"))
        found += [
            Verdict("attractors", level, f"{LEVEL_NAMES[level]}: no attractor to compare: {why}", "undecided")
            for level, why in self.missing.items()
        ]
        return found

    def _verdict(self, level: str, distance: Distance, opening: str) -> Verdict:
        value, random = distance.value, level in RANDOM_LEVELS
        grade = grade_of(value, random=random)
        interval = f"95 %: {value.low:.2f} to {value.high:.2f}" + (f", p = {value.rank:.3f}" if random else "")
        ending = {
            "agrees": "indistinguishable at this length",
            "close": "told apart, but close",
            "differs": "another law",
            "undecided": "too short a run to tell",
        }[grade]
        text = (
            f"{opening} is {value.ratio.mean:.2f} ± {value.ratio.se:.2f} times as far from the network's as the "
            f"network from itself: {ending} (pieces of {self.block:.0f} ms; {interval}; "
            f"{value.distance:.2g} against {value.own_distance:.2g} {distance.unit})"
        )
        if not random:
            text += f"; for a level without chance, {_WITHOUT_CHANCE:.1f} would be the network's own law"
        return Verdict("attractors", level, text, grade, value.ratio, "times the network's own distance")

    def tables(self) -> list[Table]:
        """Return the calibrated distances, the overflow of planes, and what is missing."""
        caption = (
            "Distances of attractors over those of the network to itself (1: as another run of the network; "
            f"{self.blocks} pieces of {self.block:g} ms per run), with standard error, interval of 95 %, rank p and "
            "mean distance"
        )
        header = ["distance", "of", "level", "ratio", "95 %", "p", "level", "network to itself", "unit"]
        rows = [
            [
                _KINDS[d.kind], d.subject, name, f"{d.value.ratio.mean:.2f} ± {d.value.ratio.se:.2f}",
                f"{d.value.low:.2f} to {d.value.high:.2f}", f"{d.value.rank:.3f}", f"{d.value.distance:.3g}",
                f"{d.value.own_distance:.3g}", d.unit,
            ]
            for name, level in self.levels.items() for d in level.distances
        ]  # fmt: skip
        found = [Table(caption, header, rows, text_columns=3)]
        outside = [
            [", ".join(plane.names), source, f"{100 * plane.occupation(source).overflow:.2g}"]
            for plane in self.planes for source in plane.counts
        ]  # fmt: skip
        found.append(Table("Share of the time outside the bins of a plane (%)", ["plane", "of", "%"], outside, 2))
        reasons = [[level, what, why] for level, own in self.levels.items() for what, why in own.missing.items()]
        if reasons:
            found.append(Table("Not compared", ["level", "what", "why"], reasons, text_columns=3))
        return found

    def to_plain(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {
            "blocks": self.blocks,
            "block": self.block,
            "levels": {
                name: {
                    "distances": [
                        {"kind": d.kind, "subject": d.subject, "unit": d.unit, "value": _plain(d.value)}
                        for d in level.distances
                    ],
                    "missing": level.missing,
                }
                for name, level in self.levels.items()
            },
            "planes": [vars(plane) for plane in self.planes],
            "spectra": [vars(spectrum) for spectrum in self.spectra],
            "histograms": [vars(histogram) for histogram in self.histograms],
            "missing": self.missing,
        }

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> AttractorComparison:
        """Return the comparison that `to_plain` wrote."""
        return cls(
            blocks=data["blocks"],
            block=data["block"],
            levels={
                name: LevelAttractor(
                    tuple(
                        Distance(d["kind"], d["subject"], d["unit"], _calibrated(d["value"])) for d in own["distances"]
                    ),
                    dict(own["missing"]),
                )
                for name, own in data["levels"].items()
            },
            planes=tuple(PlaneOccupation(**tuples(plane)) for plane in data["planes"]),
            spectra=tuple(RateSpectrum(**tuples(spectrum)) for spectrum in data["spectra"]),
            histograms=tuple(EventHistogram(**tuples(histogram)) for histogram in data["histograms"]),
            missing=dict(data["missing"]),
        )


_KINDS = {
    "cloud": "sliced Wasserstein", "coordinate": "Wasserstein", "occupation": "Jensen-Shannon",
    "plane": "Jensen-Shannon, plane", "spectrum": "spectrum", "event": "Wasserstein, events",
}  # fmt: skip


_EVENTLESS = "the network's have"
_JUDGED = {"cloud": "attractor", "spectrum": "rhythm", "event": "sequence of events"}


def _plain(value: Calibrated) -> dict[str, Any]:
    return {**vars(value), "ratio": value.ratio.to_plain()}


def _calibrated(data: dict[str, Any]) -> Calibrated:
    return Calibrated(**{**data, "ratio": Estimate.from_plain(data["ratio"])})


def grade_of(value: Calibrated, *, random: bool) -> Grade:
    """Return the grade of a calibrated distance.

    ``"agrees"``: the interval of 95 % reaches down to 1 or below and up to less than 1.5, and, for levels with chance,
    the permutations do not tell the laws apart at 1 %. ``"undecided"``: the same, but it reaches up to 1.5 or more.
    Else ``"close"`` for a ratio below 2 and ``"differs"`` from there on.
    """
    if value.low <= 1.0 and (value.rank > _LEAST_RANK or not random):
        return "agrees" if value.high < _NEAR else "undecided"
    return "close" if value.ratio.mean < _CLOSE else "differs"


def compare_attractors(
    network: Network,
    settings: Settings | None = None,
    *,
    levels: Sequence[str] = ("chain", "ode"),
    planes: Sequence[tuple[str, str]] | None = None,
    progress: Callable[[float], None] | None = None,
) -> AttractorComparison:
    """Compare the attractors of levels with that of the simulated network.

    Two independent runs of the network and one of each level are cut into 10 blocks per trial. Distances between all
    pairs of blocks, in the coordinates that both have (`coordinates.coordinates`), of the spectra of their rates and of
    the sizes and intervals of their events, are divided by those between the network's two runs
    (`calibration.calibrate`): 1 is as far as another run of the network. The network is taken as simulated: the bias of
    its own time step is part of every distance.

    Parameters
    ----------
    network : Network
    settings : Settings
        Duration less discard at least 2010 ms; blocks should be much longer than the memory of the network.
    levels : sequence of {"chain", "ode", "langevin", "published"}
        A level that does not cover the network is recorded with the reason.
    planes : sequence of (str, str), optional
        Pairs of coordinates, such as ``("EE.pending", "EI.pending")``; by default the pending spikes of the first
        population's first two inputs, its mean voltage and spread, and the rates of the first two populations.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    UnknownNameError
        If there is no such level or coordinate.
    ParameterError, SpecificationError, NumericalError
        If the runs are too short, the network cannot be simulated, or a run fails.
    """
    checked_network(network)
    settings = settings or Settings()
    _check_levels(levels)
    chosen = _checked_planes(network, planes)
    interval = _checked_interval(settings, levels)
    settings.try_network(network)
    missing = {level: why for level in levels if (why := uncovered(network, settings, level))}
    own = [level for level in levels if level not in missing]
    share = _shares(2 + len(own), progress)

    place = {"discard": settings.discard, "interval": interval, "blocks": BLOCKS}
    pair = [
        cut(settings.simulated(network, stream=stream, progress=next(share)), **place)  # type: ignore[arg-type]
        for stream in ("network", "network, again")
    ]
    runs = {
        level: cut(settings.integrated(network, level, progress=next(share)), **place)  # type: ignore[arg-type]
        for level in own
    }
    sources = {"network": _pooled(pair), **runs}
    return AttractorComparison(
        blocks=BLOCKS * settings.trials,
        block=block_length(settings.duration, settings.discard, interval, BLOCKS)[1],
        levels={level: _compared(run, pair, chosen) for level, run in runs.items()},
        planes=tuple(_plane(names, sources) for names in chosen if all(n in sources["network"].points for n in names)),
        spectra=tuple(_spectrum(name, sources) for name in network.sizes),
        histograms=tuple(found for name in pair[0].events if (found := _histogram(name, sources)) is not None),
        missing=missing,
    )


def default_planes(network: Network) -> tuple[tuple[str, str], ...]:
    """Return the planes that are looked at by default."""
    first, *others = network.sizes
    inputs = [f"{p.name}.pending" for p in network.projections if p.target == first]
    planes = [(inputs[0], inputs[1] if len(inputs) > 1 else f"{first}.rate")] if inputs else []
    planes.append((f"{first}.voltage", f"{first}.voltage_spread"))
    planes.append((f"{first}.rate", f"{others[0]}.rate" if others else f"{first}.voltage"))
    return tuple(planes)


def _check_levels(levels: Sequence[str]) -> None:
    for level in levels:
        if level == "siegert":
            raise SpecificationError(
                "level 'siegert' is a stationary state and has no attractor to compare; choose among "
                f"{', '.join(LEVELS)}, or look at its rates"
            )
        if level not in LEVELS:
            raise UnknownNameError("level", level, LEVELS)


def _checked_planes(network: Network, planes: Sequence[tuple[str, str]] | None) -> tuple[tuple[str, str], ...]:
    if planes is None:
        return default_planes(network)
    known = names_of(network)
    for plane in planes:
        if isinstance(plane, str) or len(plane) != 2:
            raise ParameterError("", "planes", plane, "must be pairs of coordinates, such as ('E.rate', 'I.rate')")
        for name in plane:
            if name not in known:
                raise UnknownNameError("coordinate", name, known)
    return tuple((x, y) for x, y in planes)


def _checked_interval(settings: Settings, levels: Sequence[str]) -> float:
    """Return the interval between points, if the runs are long enough for it."""
    steps = {settings.dt} | {settings.integration_dt for level in levels if level != "published"}
    sampled = [every * dt for every, _, dt in (time_grid(settings.duration, step, None) for step in steps)]
    interval = common_interval(sampled)
    if block_length(settings.duration, settings.discard, interval, BLOCKS)[1] < rhythms.SEGMENT:
        least = BLOCKS * rhythms.SEGMENT + 10.0
        allowed = f"must exceed discard by {least:g} ms: {BLOCKS} blocks of {rhythms.SEGMENT:g} ms"
        raise ParameterError("", "duration", settings.duration, allowed)
    return interval


def _shares(parts: int, progress: Callable[[float], None] | None) -> Iterator[Callable[[float], None] | None]:
    """Yield what reports the progress of each of some parts."""
    for done in range(parts):

        def report(fraction: float, done: int = done) -> None:
            assert progress is not None
            progress((done + fraction) / parts)

        yield None if progress is None else report


def _pooled(pair: list[Blocks]) -> Blocks:
    first, second = pair
    return first._replace(
        points={name: np.concatenate([first.points[name], second.points[name]]) for name in first.points},
        spectra={name: np.concatenate([first.spectra[name], second.spectra[name]]) for name in first.spectra},
        events={name: first.events[name] + second.events[name] for name in first.events},
    )


def _compared(level: Blocks, pair: list[Blocks], planes: Sequence[tuple[str, str]]) -> LevelAttractor:
    """Return all distances of a level to the network."""
    network = _pooled(pair)
    missing = {**level.missing, **network.missing}
    fixed = {name for name, values in network.points.items() if values.std() <= 1e-12 * max(1.0, np.abs(values).max())}
    missing |= dict.fromkeys(sorted(fixed), "does not vary in the network")
    names = [name for name in network.points if name in level.points and name not in fixed]
    numbers = (level.rows(), pair[0].rows(), pair[1].rows())
    points = {name: np.concatenate([level.points[name], network.points[name]]) for name in names}
    found: list[Distance] = []

    def add(kind: str, subject: str, unit: str, matrix: Callable[[], Floats]) -> None:
        try:
            found.append(Distance(kind, subject, unit, calibrate(matrix(), numbers)))
        except SpecificationError as error:
            missing[f"{subject} ({_KINDS[kind]})"] = str(error)

    if names:
        scaled = [(points[n] - network.points[n].mean()) / network.points[n].std() for n in names]
        add("cloud", WHOLE, "s.d.", lambda: distances.sliced_wasserstein(np.stack(scaled, axis=2)))
    for name in names:
        add("coordinate", name, level.units[name], lambda name=name: distances.wasserstein(points[name]))  # type: ignore[misc]
    for kind, subjects, cells in (
        ("occupation", [(name,) for name in names], _CELLS_OF_LINE), ("plane", list(planes), _CELLS_OF_PLANE),
    ):  # fmt: skip
        for subject in subjects:
            if all(name in names for name in subject):
                edges = [densities.equal_shares(network.points[name].ravel(), cells) for name in subject]
                counts = densities.cell_counts(np.stack([points[name] for name in subject], axis=2), edges)
                add(kind, ", ".join(subject), "bit", lambda counts=counts: distances.jensen_shannon(counts))  # type: ignore[misc]
    for name in network.spectra:
        powers = np.concatenate([level.spectra[name], network.spectra[name]])
        add("spectrum", f"{name}.rate", "share of power", lambda powers=powers: distances.spectral(powers))  # type: ignore[misc]
    for name, events in network.events.items():
        samples = level.events[name] + events
        eventful = sum(own.size > 0 for own in level.events[name])
        if eventful < FEWEST_BLOCKS <= sum(own.size > 0 for own in events):
            missing[name] = f"{eventful} of {level.rows()} blocks have such events; {_EVENTLESS}"
            continue
        unit = rhythms.EVENT_UNITS[name.rpartition(".")[2]]
        add("event", name, unit, lambda samples=samples: distances.wasserstein_of_events(samples))  # type: ignore[misc]
    return LevelAttractor(tuple(found), missing)


def _plane(names: tuple[str, str], sources: dict[str, Blocks]) -> PlaneOccupation:
    network = sources["network"]
    x_edges, y_edges = (densities.display_edges(network.points[name].ravel()) for name in names)
    x, y = names
    found = {
        source: densities.occupation(run.points[x].ravel(), run.points[y].ravel(), x_edges, y_edges)
        for source, run in sources.items()
        if all(name in run.points for name in names)
    }
    return PlaneOccupation(
        names=names, units=(network.units[names[0]], network.units[names[1]]),
        x_edges=tuple(x_edges.tolist()), y_edges=tuple(y_edges.tolist()),
        counts={source: tuples(own.counts.tolist()) for source, own in found.items()},
        points={source: own.points for source, own in found.items()},
    )  # fmt: skip


def _spectrum(population: str, sources: dict[str, Blocks]) -> RateSpectrum:
    power, error = {}, {}
    for source, run in sources.items():
        own = run.spectra[population]
        power[source] = tuple(own.mean(axis=0).tolist())
        error[source] = tuple((own.std(axis=0, ddof=1) / math.sqrt(len(own))).tolist())
    return RateSpectrum(population, tuple(sources["network"].frequency.tolist()), power, error)


def _histogram(name: str, sources: dict[str, Blocks]) -> EventHistogram | None:
    """Return the histogram of an event's size or interval, on bins over the values of all; None without events."""
    values = {source: np.concatenate(run.events[name]) for source, run in sources.items()}
    every = np.concatenate(list(values.values()))
    if every.size == 0:
        return None
    low, high = np.quantile(every, [0.001, 0.999])
    edges = np.linspace(low, high if high > low else low + 1.0, _HISTOGRAM_BINS + 1)
    return EventHistogram(
        subject=name, unit=rhythms.EVENT_UNITS[name.rpartition(".")[2]], edges=tuple(edges.tolist()),
        counts={source: tuple(np.histogram(own, edges)[0].tolist()) for source, own in values.items()},
        events={source: own.size for source, own in values.items()},
    )  # fmt: skip
