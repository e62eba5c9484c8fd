"""validate(): the reduction against the spiking network, over a parameter or a plane."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from importlib.metadata import version
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from reduction.aspects import ASPECTS, levels_with, possible_levels, result_type
from reduction.assumptions import Check, applicability
from reduction.comparison import Options, ValidationReport
from reduction.integration import LEVELS, covers
from reduction.measuring import RATE_LEVELS, Settings
from reduction.tasks import Task, run_all
from spiking.errors import SpecificationError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.simulation import default_scheme

if TYPE_CHECKING:
    from reduction.continuation.diagram import Diagram

MOST_VALUES = 100_000
DEFAULT_LEVELS = ("ode", "chain", "published")

Progress = Callable[[float], None]


def validate(
    network: Network,
    *,
    parameter: str | tuple[str, str],
    values: Sequence[float] | tuple[Sequence[float], Sequence[float]],
    aspects: Sequence[str] = ("rates",),
    levels: Sequence[str] | None = None,
    duration: float = 5000.0,
    discard: float | None = None,
    dt: float = 0.1,
    seed: int = 0,
    workers: int | None = None,
    trials: int = 1,
    scheme: str | None = None,
    bins: int | None = None,
    v_min: float | None = None,
    closure: str | float = "conditional",
    noise_levels: int = 3,
    integration_dt: float = 0.1,
    planes: Sequence[tuple[str, str]] | None = None,
    diagram: Diagram | None = None,
    executor: Executor | None = None,
    store: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    command: str | None = None,
) -> ValidationReport:
    """Compare levels of the reduction with the simulated network, over a parameter or a plane of two.

    Parameters
    ----------
    network : Network
    parameter : str or tuple of two
        Address that takes the values, such as ``"EI.probability"``; two addresses span a plane.
    values : sequence of float, or a pair of them
        Strictly increasing.
    aspects : sequence of str
        ``"rates"``; ``"budget"`` (the error split into its causes, see `error_budget`); ``"transients"`` (response to a
        step of drive); ``"wiring"`` (what a fixed graph adds); ``"attractors"`` (calibrated distances);
        ``"metastability"`` (dwell times); ``"bifurcations"`` (up and down sweeps, onsets, continued
        branches: over one parameter).
    levels : sequence of {"chain", "ode", "langevin", "published", "siegert"}, optional
        By default chain, ODE and published scheme, as far as they cover the network. An aspect uses those that have it.
    duration, discard : float
        Of every run and of its transient, in ms; the latter by default a fifth of the former.
    dt, scheme, trials
        Of the network's simulation; see `spiking.simulate`. The published scheme uses the same dt.
    seed : int
        The random stream of a run depends on the seed, the parameter set and the run's name alone.
    workers : int, optional
        Threads: parameter sets and aspects computed at a time; by default one per core. Results do not depend on it.
    bins, v_min, closure, noise_levels
        Of the `MarkovApproximation`.
    integration_dt : float
        Step in ms of the other levels.
    planes : sequence of pairs of str, optional
        Coordinates in whose planes attractors are compared, such as ``("EE.pending", "EI.pending")``.
    diagram : Diagram, optional
        Continued branches of the reduction over the parameter, for aspect ``"bifurcations"``; by default only
        equilibria are continued.
    executor : concurrent.futures.Executor, optional
        Where parameter sets are computed, instead of threads; see `sweep`.
    store : path, optional
        Directory in which everything finished is kept: an interrupted call, made again, resumes.
    progress : callable, optional
        Called with the finished fraction.
    command : str, optional
        Written into the report as the command that made it.

    Raises
    ------
    SpecificationError
        Before anything runs, if a value or an option is out of range, naming its address.
    NumericalError
        If a run fails, naming the parameter set; the others are finished first, and all that finished is in the store.
    KeyboardInterrupt
        On Ctrl-C; likewise.
    """
    settings = Settings(
        duration=duration, discard=discard, dt=dt,  # type: ignore[arg-type]
        scheme=scheme or default_scheme(checked_network(network)),
        trials=trials, seed=seed, bins=bins, v_min=v_min, closure=closure, noise_levels=noise_levels,
        integration_dt=integration_dt,
    )  # fmt: skip
    options = _checked_options(network, parameter, values, aspects, levels, planes, diagram, settings)
    networks = [network.replace(point) for point in options.sets]
    for changed in networks:
        _check_runs(changed, options)
    tasks = [
        Task(network, options, aspect, {} if aspect == "bifurcations" else point, diagram)
        for aspect in options.aspects
        for point in ([{}] if aspect == "bifurcations" else options.sets)
    ]
    found = run_all(tasks, workers=workers, executor=executor, store=store, progress=progress)
    results: dict[str, list[Any]] = {aspect: [] for aspect in options.aspects}
    for task, plain in zip(tasks, found, strict=True):
        results[task.aspect].append(result_type(task.aspect).from_plain(plain))
    return ValidationReport(
        network=network,
        options=options,
        results=results,
        checks=_worst_checks(networks, options),
        command=command or _call(options),
        versions={name: version(name) for name in ("snn2ode", "numpy", "scipy", "numba")},
    )


def _checked_options(
    network: Network,
    parameter: str | tuple[str, str],
    values: Any,
    aspects: Sequence[str],
    levels: Sequence[str] | None,
    planes: Sequence[tuple[str, str]] | None,
    diagram: Diagram | None,
    settings: Settings,
) -> Options:
    checked_network(network)
    chosen_aspects = _names("aspect", aspects, ASPECTS)
    chosen_levels = _names("level", default_levels(network) if levels is None else levels, RATE_LEVELS)
    for aspect in chosen_aspects:
        if possible_levels(aspect) and not levels_with(aspect, chosen_levels):
            raise SpecificationError(
                f"aspects: {aspect!r} needs one of the levels {', '.join(possible_levels(aspect))}; levels = "
                f"{', '.join(chosen_levels)}"
            )
    settings.approximation(network)
    if isinstance(parameter, str):
        network[parameter]
        axes: Any = checked_values("values", values)
    else:
        if not isinstance(parameter, list | tuple) or len(parameter) != 2 or len(values) != 2:
            raise SpecificationError(f"parameter = {parameter!r}: must be an address, or two with values for each")
        if "bifurcations" in chosen_aspects:
            raise SpecificationError("aspects: 'bifurcations' needs one parameter, not a plane")
        if parameter[0] == parameter[1]:
            raise SpecificationError(f"parameter = {parameter!r}: must be two different addresses")
        for address in parameter:
            network[address]
        axes = tuple(checked_values(f"values of {a}", v) for a, v in zip(parameter, values, strict=True))
        parameter = (parameter[0], parameter[1])
        if len(axes[0]) * len(axes[1]) > MOST_VALUES:
            raise SpecificationError(f"values: {len(axes[0]) * len(axes[1])} are too many; at most {MOST_VALUES}")
    for name, given, aspect in (("planes", planes, "attractors"), ("diagram", diagram, "bifurcations")):
        if given is not None and aspect not in chosen_aspects:
            raise SpecificationError(f"{name}: is for aspect {aspect!r}, which is not asked for")
    if planes is not None and any(isinstance(pair, str) or len(pair) != 2 for pair in planes):
        allowed = "must be pairs of coordinates, such as ('EE.pending', 'EI.pending')"
        raise SpecificationError(f"planes = {planes!r}: {allowed}")
    pairs = None if planes is None else tuple((str(x), str(y)) for x, y in planes)
    return Options(parameter, axes, chosen_aspects, chosen_levels, pairs, settings)


def default_levels(network: Network) -> tuple[str, ...]:
    """Return the levels that are compared by default: those that cover the network."""
    return tuple(level for level in DEFAULT_LEVELS if covers(network, level))


def checked_values(place: str, values: Any) -> tuple[float, ...]:
    """Return strictly increasing numbers.

    Raises
    ------
    SpecificationError
        If they are not, naming the place.
    """
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        raise SpecificationError(f"{place} = {values!r}: must be a sequence of numbers") from None
    if len(numbers) > MOST_VALUES:
        raise SpecificationError(f"{place}: {len(numbers)} are too many; at most {MOST_VALUES}")
    if not numbers:
        raise SpecificationError(f"{place} = []: must hold at least one value")
    if any(b <= a for a, b in pairwise(numbers)):
        raise SpecificationError(f"{place} = {numbers}: must be strictly increasing")
    return tuple(numbers)


def _names(what: str, names: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    names = [names] if isinstance(names, str) else list(names or [])
    if not names:
        raise SpecificationError(f"{what}s = []: must name at least one of {', '.join(known)}")
    for name in names:
        if name not in known:
            raise UnknownNameError(what, name, known)
    return tuple(dict.fromkeys(names))


def _check_runs(network: Network, options: Options) -> None:
    """Run one step of everything, so that bad input is refused before work starts."""
    options.settings.try_network(network)
    for level in [level for level in options.levels if level in LEVELS]:
        options.settings.try_level(network, level)


def _worst_checks(networks: Sequence[Network], options: Options) -> list[Check]:
    worst: dict[str, Check] = {}
    for network in networks:
        for check in applicability(options.settings.approximation(network)):
            if check.assumption not in worst or check.strain > worst[check.assumption].strain:
                worst[check.assumption] = check
    return list(worst.values())


def _call(options: Options) -> str:
    own = {k: v for k, v in asdict(options.settings).items() if k != "key"}
    shown = {k: getattr(options, k) for k in ("parameter", "values", "aspects", "levels")} | own
    text = ", ".join(f"{k}={list(v) if isinstance(v, tuple) else v!r}" for k, v in shown.items())
    return f"reduction.validate(network, {text})"
