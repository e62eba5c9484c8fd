"""integrate(): a level of the reduction, over time."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.levels import chain, langevin, mean_flow, published
from reduction.levels.stepping import Samples, Steps
from reduction.markov import MarkovApproximation
from reduction.trajectory import Trajectory
from spiking import memory, parallel, seeds
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network
from spiking.specification import POSITIVE, checked_number
from spiking.timing import time_grid

LEVELS = ("ode", "chain", "langevin", "published")
RANDOM_LEVELS = ("chain", "langevin")

_RUNS: dict[str, Callable[..., tuple[Samples, npt.NDArray[np.float64]]]] = {
    "ode": mean_flow.run, "chain": chain.run, "langevin": langevin.run, "published": published.run,
}  # fmt: skip


def integrate(
    approximation: MarkovApproximation | Network,
    level: str = "ode",
    duration: float = 1000.0,
    *,
    dt: float = 0.1,
    seed: seeds.Seed = 0,
    trials: int = 1,
    workers: int | None = None,
    initial: npt.ArrayLike | Trajectory | None = None,
    sampling_interval: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Trajectory:
    r"""Integrate a level of the reduction.

    Every level takes a step as follows: the moments of pending spikes half a step ahead at the present firing rates;
    levels of coloured noise and hops of voltages over the step at those moments; the moments by the spikes of the step.

    Level ``"ode"``: the mean of the hops, applied as the exponential of the generator (by uniformisation): second order
    in dt, densities positive and neurons conserved at any dt.

    Level ``"chain"``: whole neurons, each of which makes its random hops: the same exponential as a probability, drawn
    without error. Its mean over many neurons is the ODE level with the same dt. The cost of a step is bounded whatever
    the number of neurons: over ten in one bin of a large population are moved together, with Gaussian noise.

    Level ``"langevin"``: the ODE level with Gaussian noise on every hop, as much leaving one bin as enters the next;
    meant for many neurons per bin, where densities seldom become negative.

    Level ``"published"``: the two-moment scheme of [C25] on its own 35 bins, with explicit Euler steps; the
    approximation's bins do not matter. First sample: the start, with rate 0.

    Parameters
    ----------
    approximation : MarkovApproximation or Network
        A network is taken with the default options of `MarkovApproximation`.
    level : {"ode", "chain", "langevin", "published"}
    duration : float
        In ms; rounded to whole sampling intervals.
    dt : float
        Step in ms; the published scheme is defined by its 0.1.
    seed : int or SeedSequence
        Of the random levels.
    trials : int
        Independent repetitions of a random level.
    workers : int, optional
        Trials computed at a time; by default one per core. Results do not depend on it.
    initial : array_like, Trajectory or None
        A state as ``approximation.ode().names`` (one row per trial, or one for all), or an earlier trajectory to go on
        from; by default neurons spread evenly over the lower 60 % between reset and threshold, nothing pending. Level
        ``"chain"`` draws whole neurons from it. Level ``"published"`` always starts with all neurons at reset.
    sampling_interval : float, optional
        In ms, a multiple of dt; by default dt, or 0.1 if dt is a fraction of it.
    progress : callable, optional
        Called with the finished fraction, from time to time.

    Returns
    -------
    Trajectory

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        Before the run, if an option is out of range or the level does not cover the network.
    NumericalError
        If the state becomes non-finite.
    """
    if not isinstance(approximation, MarkovApproximation):
        approximation = MarkovApproximation(approximation)
    if level not in LEVELS:
        raise UnknownNameError("level", level, LEVELS)
    every, samples, dt = time_grid(duration, dt, sampling_interval)
    trials = int(checked_number("", "trials", trials, POSITIVE, integer=True))
    if level not in RANDOM_LEVELS and trials > 1:
        raise ParameterError("", "trials", trials, f"must be 1: level {level!r} has no chance in it")
    seeds.check(seed)
    workers = min(parallel.checked_workers(workers), trials)
    for source in approximation.sources():
        followed = approximation.telegraphs(source) > 0 or (source.source and not source.kick)
        if followed and dt > source.tau / 2:
            raise ParameterError("", "dt", dt, f"must be at most {source.tau / 2:g} ms, half of {source.name}.tau")
    columns = 3 * len(approximation.network.populations) + 2 * len(approximation.network.projections)
    memory.check(16.0 * samples * columns * trials, "the trajectory", "reduce duration, or raise sampling_interval")
    starts = _starts(level, initial, trials)
    finished = [0.0] * trials

    def run(trial: int, check: Callable[[], None]) -> tuple[Samples, npt.NDArray[np.float64]]:
        def report(fraction: float) -> None:
            check()
            finished[trial] = fraction
            if progress is not None:
                progress(sum(finished) / trials)

        options: dict[str, Any] = {"seed": seeds.of_trial(seed, trial)} if level in RANDOM_LEVELS else {}
        return _RUNS[level](approximation, Steps(samples, every, dt, report), starts[trial], **options)

    done = [run(0, lambda: None)] if trials == 1 else parallel.ordered_map(run, range(trials), workers=workers)
    sizes = np.array(list(approximation.network.sizes.values()))
    return Trajectory(
        level=level,
        network=approximation.network,
        sampling_interval=every * dt,
        firing_rates=np.stack([s.spikes for s, _ in done]) * (1000.0 / (every * dt)) / sizes,
        mean_voltage=np.stack([s.mean_voltage for s, _ in done]),
        spread_voltage=np.stack([s.spread_voltage for s, _ in done]),
        mean_pending=np.stack([s.mean_pending for s, _ in done]),
        variance_pending=np.stack([s.variance_pending for s, _ in done]),
        final_state=np.stack([state for _, state in done]),
        options={
            "dt": dt,
            "closure": approximation.closure,
            "noise_levels": approximation.noise_levels,
            "bins": approximation.bins,
            "v_min": approximation.v_min,
            "stages": approximation.stages,
            "seed": seeds.record(seed) if level in RANDOM_LEVELS else None,
            "version": version("snn2ode"),
        },
    )


def _starts(level: str, initial: Any, trials: int) -> list[Any]:
    """Return what each trial starts from."""
    if isinstance(initial, Trajectory):
        if initial.level == "published":
            raise SpecificationError("initial: is a trajectory of level 'published'; must be of another level")
        initial = initial.final_state
    if isinstance(initial, np.ndarray) and initial.ndim == 2 and level != "published":
        if len(initial) not in (1, trials):
            raise SpecificationError(f"initial: has {len(initial)} rows; must have 1 or trials = {trials}")
        return list(np.broadcast_to(initial, (trials, initial.shape[1])))
    return [initial] * trials


def covers(network: Network, level: str) -> bool:
    """Return whether a level covers a network."""
    if level == "published":
        try:
            published.published_arrays(MarkovApproximation(network))
        except SpecificationError:
            return False
    return True
