"""validate(): the reduction against the spiking network, over a parameter."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from reduction.assumptions import Check, applicability
from reduction.comparison import EXCERPT, EXCERPT_STEP, Options, Source, ValidationReport
from reduction.integration import LEVELS, RANDOM_LEVELS, covers, integrate
from reduction.markov import MarkovApproximation
from reduction.store import PointStore
from reduction.trajectory import Trajectory
from spiking import parallel, simulation, statistics
from spiking.errors import NumericalError, SpecificationError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.recording import Recording
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

MOST_VALUES = 100_000
DEFAULT_LEVELS = ("ode", "chain", "published")


def validate(
    network: Network,
    *,
    parameter: str,
    values: Sequence[float],
    levels: Sequence[str] | None = None,
    duration: float = 5000.0,
    discard: float = 1000.0,
    dt: float = 0.1,
    seed: int = 0,
    workers: int | None = None,
    trials: int = 1,
    scheme: str = "reference",
    bins: int | None = None,
    closure: str | float = "conditional",
    integration_dt: float = 0.1,
    store: str | os.PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
    command: str | None = None,
) -> ValidationReport:
    """Compare levels of the reduction with the simulated network, over a parameter.

    Parameters
    ----------
    network : Network
    parameter : str
        Address that takes the values, such as ``"EI.probability"``.
    values : sequence of float
        Strictly increasing.
    levels : sequence of {"chain", "ode", "langevin", "published"}, optional
        By default chain, ODE and published scheme, as far as they cover the network.
    duration, discard : float
        Of every run and of its transient, in ms.
    dt, scheme, trials
        Of the network's simulation; see `spiking.simulate`. The published scheme uses the same dt.
    seed : int
        The random stream of a point depends on the seed and on the parameter's value alone.
    workers : int, optional
        Points computed at a time; by default one per core. Results do not depend on it.
    bins, closure
        Of the `MarkovApproximation`.
    integration_dt : float
        Step in ms of level ``"ode"``.
    store : path, optional
        Directory in which every finished point is kept: an interrupted call, made again, resumes.
    progress : callable, optional
        Called with the finished fraction.
    command : str, optional
        Written into the report as the command that made it.

    Raises
    ------
    SpecificationError
        Before anything runs, if a value or an option is out of range, naming its address.
    NumericalError
        If a run fails, naming the value; finished points are in the store.
    KeyboardInterrupt
        On Ctrl-C; likewise.
    """
    options = _checked_options(
        network, parameter, values, levels, duration, discard, dt, seed, trials, scheme, bins, closure, integration_dt
    )
    networks = [network.replace({parameter: value}) for value in options.values]
    for changed in networks:
        _dry_run(changed, options)
    workers = parallel.checked_workers(workers)
    cache = PointStore(store, network, options)
    finished = [0.0] * len(networks)

    def point(index: int, check: Callable[[], None]) -> dict[str, Source]:
        kept = cache.load(index)
        if kept is not None:
            return kept

        def tick(fraction: float) -> None:
            check()
            finished[index] = fraction
            if progress is not None:
                progress(sum(finished) / len(finished))

        value = options.values[index]
        try:
            return _point(networks[index], options, value, tick)
        except NumericalError as error:
            raise NumericalError(f"{options.parameter} = {value:g}: {error}") from None

    def done(index: int, result: dict[str, Source]) -> None:
        cache.save(index, result)
        finished[index] = 1.0
        if progress is not None:
            progress(sum(finished) / len(finished))

    points = parallel.ordered_map(point, range(len(networks)), workers=workers, finished=done)
    return ValidationReport(
        network=network,
        options=options,
        points=points,
        checks=_worst_checks(networks, options),
        command=command or _call(options),
        versions={name: version(name) for name in ("snn2ode", "numpy", "scipy", "numba")},
    )


def _checked_options(
    network: Network, parameter: str, values: Sequence[float], levels: Sequence[str] | None, duration: float,
    discard: float, dt: float, seed: int, trials: int, scheme: str, bins: int | None, closure: str | float,
    integration_dt: float,
) -> Options:  # fmt: skip
    checked_network(network)
    network[parameter]
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        raise SpecificationError(f"values = {values!r}: must be a sequence of numbers") from None
    if len(numbers) > MOST_VALUES:
        raise SpecificationError(f"values: {len(numbers)} are too many; at most {MOST_VALUES}")
    if not numbers:
        raise SpecificationError("values = []: must hold at least one value")
    if any(b <= a for a, b in pairwise(numbers)):
        raise SpecificationError(f"values = {numbers}: must be strictly increasing")
    if levels is None:
        levels = [level for level in DEFAULT_LEVELS if covers(network, level)]
    elif isinstance(levels, str):
        levels = [levels]
    if not levels:
        raise SpecificationError(f"levels = []: must name at least one of {', '.join(LEVELS)}")
    for level in levels:
        if level not in LEVELS:
            raise UnknownNameError("level", level, LEVELS)
    checked_number("", "duration", duration, POSITIVE)
    statistics.checked_discard(discard, duration)
    return Options(
        parameter=parameter, values=tuple(numbers), levels=tuple(dict.fromkeys(levels)), duration=float(duration),
        discard=float(discard), dt=float(dt), seed=int(seed), trials=int(trials), scheme=scheme, bins=bins,
        closure=MarkovApproximation(network, closure=closure).closure, integration_dt=float(integration_dt),
    )  # fmt: skip


def _dry_run(network: Network, options: Options) -> None:
    """Run one step of everything, so that bad input is refused before work starts."""
    simulation.simulate(
        network, options.dt, dt=options.dt, seed=options.seed, scheme=options.scheme, trials=options.trials,
        sampling_interval=options.dt, workers=1,
    )  # fmt: skip
    approximation = MarkovApproximation(network, bins=options.bins, closure=options.closure)
    for level in options.levels:
        step = options.dt if level == "published" else options.integration_dt
        integrate(approximation, level, step, dt=step, sampling_interval=step)


def _point(network: Network, options: Options, value: float, tick: Callable[[float], None]) -> dict[str, Source]:
    parts = 1 + len(options.levels)
    begun = time.perf_counter()
    words = struct.unpack("<2I", struct.pack("<d", value))
    recording = simulation.simulate(
        network, options.duration, dt=options.dt, seed=np.random.SeedSequence(options.seed, spawn_key=words),
        scheme=options.scheme, trials=options.trials, workers=1, progress=lambda f: tick(f / parts),
    )  # fmt: skip
    sources = {"network": _of_recording(recording, options.discard, time.perf_counter() - begun)}
    approximation = MarkovApproximation(network, bins=options.bins, closure=options.closure)
    for done, level in enumerate(options.levels, start=1):
        begun = time.perf_counter()
        trajectory = integrate(
            approximation, level, options.duration, dt=options.dt if level == "published" else options.integration_dt,
            seed=np.random.SeedSequence(options.seed, spawn_key=(*words, done)), workers=1,
            trials=options.trials if level in RANDOM_LEVELS else 1,
            progress=lambda f, done=done: tick((done + f) / parts),  # type: ignore[misc]
        )  # fmt: skip
        sources[level] = _of_trajectory(trajectory, options.discard, time.perf_counter() - begun)
    return sources


def _of_recording(recording: Recording, discard: float, wall_s: float) -> Source:
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
        wall_s=wall_s,
    )  # fmt: skip


def _of_trajectory(trajectory: Trajectory, discard: float, wall_s: float) -> Source:
    trials = range(trajectory.trials)
    peaks = {
        name: [trajectory.peaks(name, discard=discard, trial=trial).heights for trial in trials]
        for name in trajectory.network.sizes
    }
    excerpt = {
        name: _excerpt(trajectory.population_rate(name, discard=discard)[1], trajectory.sampling_interval)
        for name in trajectory.network.sizes
    }
    synchrony = statistics.synchrony(trajectory.recording(), discard=discard) if trajectory.level == "chain" else None
    return Source(
        rates=trajectory.rates(discard), peaks=peaks, excerpt=excerpt, synchrony=synchrony, raster=None, wall_s=wall_s
    )


def _excerpt(rate: Floats, interval: float) -> Floats:
    every = max(1, round(EXCERPT_STEP / interval))
    return rate[: round(EXCERPT / interval) : every]


def _worst_checks(networks: Sequence[Network], options: Options) -> list[Check]:
    worst: dict[str, Check] = {}
    for network in networks:
        for check in applicability(MarkovApproximation(network, bins=options.bins, closure=options.closure)):
            if check.assumption not in worst or check.strain > worst[check.assumption].strain:
                worst[check.assumption] = check
    return list(worst.values())


def _call(options: Options) -> str:
    shown = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(options).items()}
    return f"reduction.validate(network, {', '.join(f'{k}={v!r}' for k, v in shown.items())})"
