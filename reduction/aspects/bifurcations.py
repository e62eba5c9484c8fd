"""compare_bifurcations(): bifurcations of the network against those of its reduction, over a parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reduction.aspects.bifurcation_branches import Curve, Point, checked_branches, continued, curve, points_between
from reduction.aspects.bifurcation_hysteresis import Hysteresis, hysteresis
from reduction.aspects.bifurcation_results import (
    Agreement,
    BifurcationComparison,
    Source,
    Sweep,
    SweepPoint,
)
from reduction.aspects.bifurcation_sweeps import Measured, Sweeping, directions, sweep_all
from reduction.attractors.onsets import ALTERNATION, OSCILLATION, Onset, onsets, resampled
from reduction.continuation.diagram import Diagram
from reduction.continuation.results import Branch
from reduction.integration import LEVELS, RANDOM_LEVELS
from reduction.measuring import Progress, Settings
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate, block_estimate
from spiking.network import Network, checked_network
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

_HEIGHT_BINS = 80
_FEWEST_VALUES = 3
_CLOSE = 1 / 20
_COARSE = 1 / 10
_LEAST_RECORD = 100.0
_SHOWN_BY = {
    "PD": ("alternation begins", "alternation ends"),
    "HB": ("oscillation begins", "oscillation ends"),
    "LP": ("hysteresis begins", "hysteresis ends"),
    "LPC": ("hysteresis begins", "hysteresis ends"),
}
_AGREES = 1.959963985


def compare_bifurcations(
    network: Network,
    settings: Settings | None = None,
    *,
    parameter: str,
    values: Sequence[float],
    levels: Sequence[str] = ("ode",),
    population: str | None = None,
    smoothing: float = 1.5,
    diagram: Diagram | Sequence[Branch] | None = None,
    progress: Progress | None = None,
) -> BifurcationComparison:
    """Compare where the network and its reduction bifurcate over a parameter.

    Network and levels are swept up and down, each run going on where the last one stopped (level ``"published"`` cannot
    and starts from rest each time). Onsets of oscillation and alternation are where order parameters cross their
    critical values (see `reduction.attractors.onsets`), by the same estimator for all; hysteresis is where both sweeps
    differ. Beside them stand the special points of the reduction's continued branches.

    Parameters
    ----------
    network : Network
    settings : Settings
        Duration, transient and trials are those of every value in either sweep.
    parameter : str
        Address, such as ``"EI.probability"``.
    values : sequence of float
        At least three, strictly increasing.
    levels : sequence of {"ode", "chain", "langevin", "published"}
    population : str, optional
        Whose rate is looked at; by default the first.
    smoothing : float
        Standard deviation in ms of the Gaussian with which the rate is averaged before it is parted into events;
        about a tenth of their interval.
    diagram : Diagram or list of Branch, optional
        Continued branches over the same parameter, such as cycles loaded from a file. By default equilibria alone are
        followed, with 75 bins (or the settings'), and with closure ``"published"`` where the settings have
        ``"conditional"``.
    progress : callable, optional
        Called with the finished fraction.

    Returns
    -------
    BifurcationComparison

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        Before any work, if an option is out of range, the parameter changes the number of neurons, or a level does not
        cover the network.
    NumericalError
        If a run fails; names the source, the sweep and the value.
    """
    settings = settings or Settings()
    places, networks = _checked_values(network, parameter, values)
    names = _checked_levels(levels)
    sizes = network.sizes
    population = next(iter(sizes)) if population is None else population
    if population not in sizes:
        raise UnknownNameError("population", population, sizes)
    smoothing = float(checked_number("", "smoothing", smoothing, POSITIVE))
    branches = checked_branches(diagram, parameter)
    sweeping = Sweeping(networks, places, settings, population, smoothing)
    _dry_run(sweeping, names)

    measured = sweep_all(sweeping, ("network", *names), progress)
    equations = "branches as given"
    if branches is None:
        branches, equations = continued(network, settings, parameter, (places[0], places[-1]))
    curves = tuple(curve(branch, doublings, network, population) for branch, doublings in branches)
    top = 1.05 * max([1.0, *(float(h.max(initial=0.0)) for own in measured.values() for m in own for h in m.heights)])
    edges = np.linspace(0.0, top, _HEIGHT_BINS + 1)
    both = np.linspace(-top, top, 2 * _HEIGHT_BINS + 2)
    generator = np.random.default_rng(settings.stream("bifurcations: resamples"))
    sources = tuple(_source(name, places, measured, (edges, both), generator) for name in ("network", *names))
    unit, meaning = network.describe(parameter)
    return BifurcationComparison(
        parameter=parameter, label=f"{parameter}: {meaning}{f' ({unit})' if unit else ''}", values=places,
        population=population, edges=tuple(edges.tolist()), difference_edges=tuple(both.tolist()), sources=sources,
        curves=curves, equations=equations, agreements=tuple(_agreements(sources, curves, places)),
    )  # fmt: skip


def _checked_values(
    network: Network, parameter: str, values: Sequence[float]
) -> tuple[tuple[float, ...], list[Network]]:
    checked_network(network)
    network[parameter]
    try:
        places = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise SpecificationError(f"values = {values!r}: must be a sequence of numbers") from None
    if len(places) < _FEWEST_VALUES or not all(b > a for a, b in pairwise(places)):
        raise SpecificationError(f"values = {list(places)}: must be at least three, strictly increasing")
    networks = [network.replace({parameter: value}) for value in places]
    if any(changed.sizes != network.sizes for changed in networks):
        raise SpecificationError(f"{parameter}: changes the number of neurons; a sweep goes on from state to state")
    return places, networks


def _checked_levels(levels: Sequence[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys([levels] if isinstance(levels, str) else levels))
    for level in names:
        if level not in LEVELS:
            raise UnknownNameError("level", level, LEVELS)
    return names


def _dry_run(sweeping: Sweeping, levels: Sequence[str]) -> None:
    """Take one step of everything at both ends, so that bad input is refused before work starts."""
    settings = sweeping.settings
    if settings.duration - settings.discard < _LEAST_RECORD:
        allowed = f"must exceed discard by at least {_LEAST_RECORD:g} ms"
        raise ParameterError("", "duration", settings.duration, allowed)
    for network in (sweeping.networks[0], sweeping.networks[-1]):
        settings.try_network(network)
        for level in levels:
            settings.try_level(network, level)


def _source(
    name: str,
    values: tuple[float, ...],
    measured: Mapping[tuple[str, str], list[Measured]],
    edges: tuple[Floats, Floats],
    generator: np.random.Generator,
) -> Source:
    own = {direction: measured[name, direction] for direction in directions(name)}
    random = name == "network" or name in RANDOM_LEVELS
    orders: dict[str, tuple[Estimate, ...]] = {}
    together: list[Onset] = []
    single: dict[str, list[Onset]] = {direction: [] for direction in own}
    for order in (ALTERNATION, OSCILLATION):
        samples = {
            direction: np.column_stack([resampled(point.sums(order.name), order, generator) for point in points])
            for direction, points in own.items()
        }
        for direction in own:
            single[direction] += onsets(values, samples[direction], order)
        mean = np.mean(list(samples.values()), axis=0)
        together += onsets(values, mean, order)
        errors = mean[1:].std(axis=0, ddof=1)
        orders[order.name] = tuple(Estimate(float(m), float(s)) for m, s in zip(mean[0], errors, strict=True))
    found = Hysteresis(reason="each run starts from rest")
    if len(own) == 2:
        found = hysteresis(values, own["up"], own["down"], random)
    sweeps = tuple(
        Sweep(direction, tuple(_point(point, edges, random) for point in points), tuple(single[direction]))
        for direction, points in own.items()
    )
    return Source(name, sweeps, orders, tuple(together), found)


def _point(measured: Measured, edges: tuple[Floats, Floats], random: bool) -> SweepPoint:
    heights = np.concatenate(measured.heights)
    means = [block_estimate(blocks) for blocks in (measured.rates, measured.mean_heights)]
    rate, height = (own if random else Estimate(own.mean, 0.0) for own in means)
    differences = (np.histogram(own, edges[1])[0] for own in (measured.differences, measured.event_differences))
    histograms = np.histogram(heights, edges[0])[0], *differences
    return SweepPoint(rate, height, *(tuple(own.tolist()) for own in histograms))


def _agreements(sources: Sequence[Source], curves: Sequence[Curve], values: tuple[float, ...]) -> list[Agreement]:
    network = sources[0]
    span = values[-1] - values[0]
    found = [_of_point(own, point, network, span) for own, point in points_between(curves, values[0], values[-1])]
    for level in sources[1:]:
        for reduced, shown in zip(level.onsets, network.onsets, strict=True):
            if reduced.shown or shown.shown:
                found.append(_agreement("", level.name, reduced, shown, span))
        for edge in level.hysteresis.edges:
            found.append(_agreement("", level.name, edge, _nearest(edge, network), span))
    return found


def _of_point(own: Curve, point: Point, network: Source, span: float) -> Agreement:
    phenomena = _SHOWN_BY.get(point.kind)
    phenomenon = phenomena[own.gains_stability(point)] if phenomena else point.kind
    reduced = Onset(phenomenon, point.value, point.value, point.value)
    if phenomena is None:
        shown = Onset(point.kind, reason="no order parameter shows this kind")
    elif point.kind == "PD" and own.doublings:
        shown = Onset(phenomenon, reason="a doubling of cycles that alternate already has no order parameter")
    elif not point.changes_stability:
        shown = Onset(phenomenon, reason=f"the {own.kind} is unstable on both sides: no attractor changes")
    elif phenomenon.startswith("hysteresis"):
        shown = _nearest(reduced, network)
    else:
        shown = next(onset for onset in network.onsets if onset.phenomenon == phenomenon)
    return _agreement(point.kind, "continuation", reduced, shown, span)


def _nearest(edge: Onset, network: Source) -> Onset:
    """Return the edge of the network's hysteresis that is nearest; if it shows none, one that says why."""
    reason = network.hysteresis.reason or "hysteresis reaches both ends of the range"
    candidates = network.hysteresis.edges or (Onset(edge.phenomenon, reason=reason),)
    return min(candidates, key=lambda o: abs(o.value - edge.value) if o.shown else math.inf)


def _agreement(bifurcation: str, source: str, reduced: Onset, network: Onset, span: float) -> Agreement:
    if not network.shown:
        return Agreement(bifurcation, source, reduced, network, None, "undecided")
    if not reduced.shown:
        return Agreement(bifurcation, source, reduced, network, None, "differs")
    one, two = network.estimate, reduced.estimate
    difference = Estimate(one.mean - two.mean, math.hypot(one.se, two.se))
    apart = abs(difference.mean)
    grade = "close" if apart <= _CLOSE * span else "differs"
    if apart <= _AGREES * difference.se:
        grade = "agrees" if _AGREES * difference.se <= _COARSE * span else "undecided"
    return Agreement(bifurcation, source, reduced, network, difference, grade)  # type: ignore[arg-type]
