"""Transients: how the rates of network and levels answer a step of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.aspects.parameter_step import LEAD, RESOLUTION, SPREAD, StepOf, approximations
from reduction.integration import LEVELS, RANDOM_LEVELS, integrate
from reduction.measuring import Settings
from reduction.verdicts import LEVEL_NAMES, Grade, Table, Verdict
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate, finite_or_none
from spiking.network import Network, checked_network
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]
Progress = Callable[[float], None]

RESAMPLES = 400
CLOSE = 0.1
_RESOLVED = 0.5


@dataclass(frozen=True, eq=False)
class Response:
    """Mean response of one source, and numbers drawn from it, by population.

    Attributes
    ----------
    mean, se : dict
        Population to rate in Hz and its standard error over trials (over phases, for a level without chance), each of
        shape (times,).
    baseline, peak, latency : dict
        Population to `Estimate`: mean rate before the step in Hz, the response's largest excursion from it in Hz (its
        sign is that of the excursion), and the time of that after the step in ms.
    """

    mean: dict[str, Floats]
    se: dict[str, Floats]
    baseline: dict[str, Estimate]
    peak: dict[str, Estimate]
    latency: dict[str, Estimate]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Response) and self.to_plain() == other.to_plain()

    def to_plain(self) -> dict[str, Any]:
        """Return the response for JSON."""
        curves = {kind: {p: _plain(x) for p, x in getattr(self, kind).items()} for kind in ("mean", "se")}
        numbers = ("baseline", "peak", "latency")
        return curves | {kind: {p: e.to_plain() for p, e in getattr(self, kind).items()} for kind in numbers}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Response:
        """Return the response that `to_plain` wrote."""
        mean, se = ({p: np.array(x, float) for p, x in data[kind].items()} for kind in ("mean", "se"))
        numbers = ("baseline", "peak", "latency")
        found = ({p: Estimate.from_plain(e) for p, e in data[kind].items()} for kind in numbers)
        return cls(mean, se, *found)


@dataclass(frozen=True)
class Distance:
    """How far a level's mean response is from the network's, after the step.

    Attributes
    ----------
    error : float
        Root mean square over time of the difference, in Hz.
    ratio : float
        That over the value which sampling alone would give: 1 means indistinguishable.
    ratio_95 : float
        What sampling alone exceeds in one case of twenty (bootstrap over trials).
    relative : float
        The error over the network's excursion.
    """

    error: float
    ratio: float
    ratio_95: float
    relative: float


@dataclass(frozen=True, eq=False)
class TransientComparison:
    """Responses of network and levels to a step of parameters.

    Attributes
    ----------
    changes : dict
        Address to new value.
    trials : int
    times : array, shape (times,)
        Middles of the bins of `RESOLUTION` ms, in ms after the step.
    responses : dict
        ``"network"`` and every level that ran to its `Response`.
    distances : dict
        Level to population to `Distance`.
    missing : dict
        Level to the reason why it has no response.
    """

    changes: dict[str, float]
    trials: int
    times: Floats
    responses: dict[str, Response]
    distances: dict[str, dict[str, Distance]]
    missing: dict[str, str]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TransientComparison) and self.to_plain() == other.to_plain()

    def verdicts(self) -> list[Verdict]:
        """Return one verdict per level and population."""
        found = []
        for level, own in self.distances.items():
            for population, d in own.items():
                if not math.isfinite(d.ratio):
                    text = f"{LEVEL_NAMES[level]}: {population} gives no response to compare."
                    found.append(Verdict("transients", level, text, "undecided"))
                    continue
                same = d.ratio <= d.ratio_95
                grade: Grade = "close" if d.relative < CLOSE else "differs"
                if same:
                    grade = "agrees" if d.relative < _RESOLVED else "undecided"
                text = (
                    f"{LEVEL_NAMES[level]}: the {population} response is {d.error:.2g} Hz off (rms), "
                    f"{d.ratio:.2f} times what {self.trials} trials alone would give (at most {d.ratio_95:.2f} in "
                    f"95 % of cases), and {100 * d.relative:.1f} % of its excursion."
                )
                found.append(Verdict("transients", level, text, grade, Estimate(d.error, math.nan), "Hz"))
        for level, why in self.missing.items():
            found.append(Verdict("transients", level, f"{LEVEL_NAMES[level]}: {why}", "undecided"))
        return found

    def tables(self) -> list[Table]:
        """Return excursions, latencies and distances."""
        header = [
            "population", "source", "before (Hz)", "excursion (Hz)", "latency (ms)", "rms error (Hz)",
            "over sampling error",
        ]  # fmt: skip
        rows = []
        for population in self.responses["network"].mean:
            for source, own in self.responses.items():
                numbers = (own.baseline[population], own.peak[population], own.latency[population])
                cells = [population, source, *(f"{e.mean:.1f} ± {e.se:.1f}" for e in numbers), "-", "-"]
                if source in self.distances:
                    d = self.distances[source][population]
                    cells[-2:] = [f"{d.error:.2f}", f"{d.ratio:.2f} (95 %: {d.ratio_95:.2f})"]
                rows.append(cells)
        step = ", ".join(f"{address} to {value:g}" for address, value in self.changes.items())
        return [Table(f"Responses to a step of {step}, {self.trials} trials, with standard errors", header, rows, 2)]

    def to_plain(self) -> dict[str, Any]:
        """Return the comparison for JSON."""
        return {
            "changes": dict(self.changes), "trials": self.trials, "times": self.times.tolist(),
            "responses": {name: own.to_plain() for name, own in self.responses.items()},
            "distances": {
                level: {p: {k: finite_or_none(v) for k, v in vars(d).items()} for p, d in own.items()}
                for level, own in self.distances.items()
            },
            "missing": dict(self.missing),
        }  # fmt: skip

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> TransientComparison:
        """Return the comparison that `to_plain` wrote."""
        distances = {
            level: {p: Distance(**{k: math.nan if v is None else v for k, v in d.items()}) for p, d in own.items()}
            for level, own in data["distances"].items()
        }
        responses = {name: Response.from_plain(own) for name, own in data["responses"].items()}
        return cls(
            dict(data["changes"]), data["trials"], np.array(data["times"], float), responses, distances,
            dict(data["missing"]),
        )  # fmt: skip


def compare_transients(
    network: Network,
    settings: Settings | None = None,
    *,
    changes: Mapping[str, float] | None = None,
    levels: Sequence[str] = ("chain", "ode"),
    before: float = 300.0,
    after: float = 100.0,
    trials: int = 100,
    progress: Progress | None = None,
) -> TransientComparison:
    """Compare the responses of rates to a step of parameters.

    Every trial runs for `before` ms, then up to `SPREAD` ms more, evenly over the trials, so that the step comes at all
    phases of a rhythm alike; then it goes on from its state with the changed parameters. A level without chance has one
    run, from whose last `SPREAD` ms starts are taken every `RESOLUTION` ms and averaged in a Hann window: where its
    attractor is a cycle, the mean response is that over phases.

    Parameters
    ----------
    network : Network
    settings : Settings
        Duration, discard and trials do not matter here.
    changes : mapping, optional
        Address to new value; by default 8/7 of the rate of every drive of kicks.
    levels : sequence of {"chain", "ode", "langevin", "published"}
        ``"published"`` cannot start from a state: recorded as missing, as is any level that does not cover the network.
    before, after : float
        In ms.
    trials : int
        At least 4.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    TransientComparison

    Raises
    ------
    UnknownNameError, ParameterError, SpecificationError
        Before any work, if an address or a level is unknown, a number is out of range, or a changed network cannot go
        on from a state of the other (sizes).
    NumericalError
        If a run fails.
    """
    checked_network(network)
    settings = settings or Settings()
    changes = _default_changes(network) if changes is None else dict(changes)
    if not changes:
        raise SpecificationError("changes = {}: must change at least one parameter, such as {'E.drive.rate': 8.0}")
    changed = network.replace(changes)
    if changed == network:
        raise SpecificationError(f"changes = {changes}: are the values that the network has")
    for level in levels:
        if level not in LEVELS:
            raise UnknownNameError("level", level, LEVELS)
    checked_number("", "before", before, POSITIVE)
    if checked_number("", "after", after, POSITIVE) < 2 * RESOLUTION:
        raise ParameterError("", "after", after, f"must be at least {2 * RESOLUTION:g} ms")
    if checked_number("", "trials", trials, POSITIVE, integer=True) < 4:
        raise ParameterError("", "trials", trials, "must be at least 4")
    StepOf(network, changed, settings, "network", RESOLUTION, RESOLUTION).trial(0, RESOLUTION)
    missing = {level: why for level in levels if (why := _uncovered(network, changed, settings, level))}
    sources = ["network", *(level for level in dict.fromkeys(levels) if level not in missing)]

    def tick(source: int, fraction: float) -> None:
        if progress is not None:
            progress((source + fraction) / len(sources))

    found = {}
    for number, source in enumerate(sources):
        step = StepOf(network, changed, settings, source, min(LEAD, before), after)
        if source in ("network", *RANDOM_LEVELS):
            rows = []
            for trial in range(trials):
                rows.append(step.trial(trial, before + trial * SPREAD / trials))
                tick(number, (trial + 1) / trials)
            found[source] = np.stack(rows)
        else:
            found[source] = step.phases(before, lambda fraction, number=number: tick(number, fraction))  # type: ignore[misc]
    lead = round(min(LEAD, before) / RESOLUTION)
    times: Floats = np.asarray((np.arange(lead + round(after / RESOLUTION)) - lead + 0.5) * RESOLUTION, float)
    return _compared(network, settings, changes, times, found, missing)


def _default_changes(network: Network) -> dict[str, float]:
    found = {}
    for population in network.populations:
        for address in population.paths():
            if address.startswith("drive") and address.endswith("rate"):
                name = f"{population.name}.{address}"
                found[name] = 8 / 7 * float(network[name])
    if not found:
        raise SpecificationError("changes: no drive has kicks; name the parameters that change")
    return found


def _uncovered(network: Network, changed: Network, settings: Settings, level: str) -> str:
    """Return why a level cannot answer, from one short run of it; empty if it can."""
    if level == "published":
        return "the published scheme starts with all neurons at reset: it cannot go on from a state"
    step = StepOf(network, changed, settings, level, RESOLUTION, RESOLUTION)
    try:
        if level in RANDOM_LEVELS:
            step.trial(0, RESOLUTION)
        else:
            own, other = approximations(network, changed, settings)
            state = integrate(own, level, RESOLUTION, dt=settings.integration_dt)
            integrate(other, level, RESOLUTION, dt=settings.integration_dt, initial=state)
    except SpecificationError as error:
        return str(error)
    return ""


def _compared(
    network: Network, settings: Settings, changes: dict[str, float], times: Floats, found: dict[str, Floats],
    missing: dict[str, str],
) -> TransientComparison:  # fmt: skip
    rng = np.random.default_rng(settings.stream("transients: bootstrap"))
    names, later = list(network.sizes), times > 0
    errors = {source: _sampling_errors(source, own, rng) for source, own in found.items()}
    responses = {
        source: _response(_mean(source, own), errors[source], later, times, names) for source, own in found.items()
    }
    distances: dict[str, dict[str, Distance]] = {}
    for source in [name for name in found if name != "network"]:
        distances[source] = {}
        for a, name in enumerate(names):
            own, other = (_Curve(_mean(s, found[s])[later, a], errors[s][:, later, a]) for s in (source, "network"))
            distances[source][name] = _distance(other, own, responses["network"].peak[name])
    trials = len(found["network"])
    return TransientComparison(changes, trials, times, responses, distances, missing)


def _mean(source: str, rows: Floats) -> Floats:
    """Return the mean over trials, or over starts along a run in a Hann window, shape (times, populations)."""
    if source in ("network", *RANDOM_LEVELS):
        return np.asarray(rows.mean(axis=0))
    weights = np.sin(np.pi * (np.arange(len(rows)) + 0.5) / len(rows)) ** 2
    return np.asarray(np.tensordot(weights / weights.sum(), rows, 1))


def _sampling_errors(source: str, rows: Floats, rng: np.random.Generator) -> Floats:
    """Return draws of the error of the mean over rows, shape (RESAMPLES, times, populations).

    For random sources a bootstrap over trials; for a level without chance normal numbers times half the difference
    between the means over the two halves of its starts.
    """
    number = len(rows)
    if source in ("network", *RANDOM_LEVELS):
        weights = rng.multinomial(number, np.full(number, 1 / number), RESAMPLES) / number
        spread = math.sqrt(number / (number - 1))
        return np.asarray(spread * np.tensordot(weights, rows - rows.mean(axis=0), 1))
    first, second = (_mean(source, half) for half in np.array_split(rows, 2))
    return np.asarray(rng.standard_normal((RESAMPLES, 1, 1)) * (first - second) / 2)


def _response(mean: Floats, errors: Floats, later: npt.NDArray[np.bool_], times: Floats, names: list[str]) -> Response:
    se = np.sqrt((errors**2).mean(axis=0))
    found: dict[str, dict[str, Estimate]] = {"baseline": {}, "peak": {}, "latency": {}}
    for a, name in enumerate(names):
        draws = np.array([_excursion(mean[:, a] + error, later, times) for error in errors[:, :, a]])
        best = _excursion(mean[:, a], later, times)
        for kind, value, own in zip(found, best, draws.std(axis=0), strict=True):
            found[kind][name] = Estimate(float(value), float(own))
    curve, spread = ({name: np.array(x[:, a], float) for a, name in enumerate(names)} for x in (mean, se))
    return Response(curve, spread, found["baseline"], found["peak"], found["latency"])


def _excursion(curve: Floats, later: npt.NDArray[np.bool_], times: Floats) -> tuple[float, float, float]:
    """Return baseline, largest excursion from it after the step, and its time."""
    baseline = curve[~later].mean()
    largest = np.argmax(np.abs(curve[later] - baseline))
    return float(baseline), float(curve[later][largest] - baseline), float(times[later][largest])


class _Curve(NamedTuple):
    """A mean response after the step with draws of its sampling error."""

    mean: Floats
    errors: Floats


def _distance(network: _Curve, level: _Curve, peak: Estimate) -> Distance:
    error = math.sqrt(float(((level.mean - network.mean) ** 2).mean()))
    drawn = np.sqrt(((level.errors - network.errors) ** 2).mean(axis=1))
    expected = math.sqrt(float((drawn**2).mean()))
    if not (expected > 0 and peak.mean):
        return Distance(error, math.nan, math.nan, math.nan)
    return Distance(error, error / expected, float(np.quantile(drawn, 0.95)) / expected, error / abs(peak.mean))


def _plain(values: Floats) -> list[float | None]:
    return [finite_or_none(float(value)) for value in values]
