"""integrate(): a level of the reduction, over time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.markov import MarkovApproximation
from reduction.trajectory import Trajectory
from spiking import memory
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network
from spiking.timing import time_grid

LEVELS = ("ode", "published")

_BIN_STEPS_PER_CALL = 300_000
_FLOOR_SHARE = 1e-3


def integrate(
    approximation: MarkovApproximation | Network,
    level: str = "ode",
    duration: float = 1000.0,
    *,
    dt: float = 0.1,
    initial: npt.ArrayLike | Trajectory | None = None,
    sampling_interval: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> Trajectory:
    r"""Integrate a level of the reduction.

    Level ``"ode"``: the mean of the hops. Each step takes the moments of pending spikes half a step ahead at the
    present firing rates, applies the exponential of the generator frozen there (by uniformisation), and advances the
    moments by the spikes of the step: second order in dt, densities positive and neurons conserved at any dt.

    Level ``"published"``: the two-moment scheme of [C25] on its own 35 bins, with explicit Euler steps; the
    approximation's bins do not matter. First sample: the start, with rate 0.

    Parameters
    ----------
    approximation : MarkovApproximation or Network
        A network is taken with the default options of `MarkovApproximation`.
    level : {"ode", "published"}
    duration : float
        In ms; rounded to whole sampling intervals.
    dt : float
        Step in ms; the published scheme is defined by its 0.1.
    initial : array_like, Trajectory or None
        Level ``"ode"``: a state as ``approximation.ode().names``, or an earlier trajectory to go on from; by default
        neurons spread evenly over the lower 60 % between reset and threshold, nothing pending. Level ``"published"``
        always starts with all neurons at reset.
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
    for projection in approximation.network.projections:
        tau = approximation.network[f"{projection.name}.tau"]
        if dt > tau / 2:
            raise ParameterError("", "dt", dt, f"must be at most {tau / 2:g} ms, half of {projection.name}.tau")
    columns = 2 * (len(approximation.network.populations) + len(approximation.network.projections))
    memory.check(16.0 * samples * columns, "the trajectory", "reduce duration, or raise sampling_interval")
    report = progress or (lambda fraction: None)
    run = _run_ode if level == "ode" else _run_published
    spikes, mean_voltage, mean_pending, variance_pending, state = run(
        approximation, samples, every, dt, initial, report
    )
    sizes = np.array(list(approximation.network.sizes.values()))
    return Trajectory(
        level=level,
        network=approximation.network,
        sampling_interval=every * dt,
        firing_rates=spikes * (1000.0 / (every * dt)) / sizes,
        mean_voltage=mean_voltage,
        mean_pending=mean_pending,
        variance_pending=variance_pending,
        final_state=state,
        options={
            "dt": dt,
            "closure": approximation.closure,
            "bins": approximation.bins,
            "v_min": approximation.v_min,
            "version": version("snn2ode"),
        },
    )


def covers(network: Network, level: str) -> bool:
    """Return whether a level covers a network."""
    if level == "published":
        from reduction.levels.published import published_arrays

        try:
            published_arrays(MarkovApproximation(network))
        except SpecificationError:
            return False
    return True


def _samples(samples: int, approximation: MarkovApproximation) -> tuple[npt.NDArray[np.float64], ...]:
    populations, projections = len(approximation.network.populations), len(approximation.network.projections)
    return (
        np.zeros((samples, populations)), np.zeros((samples, populations)),
        np.zeros((samples, projections)), np.zeros((samples, projections)),
    )  # fmt: skip


def _chunks(
    steps: int, bins: int, report: Callable[[float], None], check: Callable[[int], None], first: int = 0
) -> Iterator[tuple[int, int]]:
    """Yield (step, number of steps): pieces short enough to be interrupted."""
    most = max(1, _BIN_STEPS_PER_CALL // bins)
    for step in range(first, steps, most):
        report(step / steps)
        number = min(most, steps - step)
        yield step, number
        check(step + number - 1)
    report(1.0)


def _run_ode(
    approximation: MarkovApproximation,
    samples: int,
    every: int,
    dt: float,
    initial: Any,
    report: Callable[[float], None],
) -> tuple[npt.NDArray[np.float64], ...]:
    from reduction.kernels import density as kernel
    from reduction.levels import ode

    if isinstance(initial, Trajectory):
        if initial.level != "ode":
            raise SpecificationError(f"initial: is a trajectory of level {initial.level!r}; must be of level 'ode'")
        initial = initial.final_state
    full = ode.checked_state(approximation, initial)
    own, arrays = ode.layout(approximation), approximation.arrays()
    out = _samples(samples, approximation)

    def check(step: int) -> None:
        if not np.isfinite(full).all():
            raise NumericalError(f"level 'ode': the state became non-finite at {step * dt:g} ms; reduce dt")

    for step, number in _chunks(samples * every, own.bins, report, check):
        done, runaway = kernel.integrate(arrays, dt, step, number, every, *own.split(full), *out)
        if runaway >= 0:
            name = list(approximation.network.sizes)[runaway]
            raise NumericalError(
                f"level 'ode': {name} makes over {kernel.MOST_HOPS:.0e} hops per step at {(step + done) * dt:g} ms. "
                "Either its rate runs away (is excitation balanced by inhibition or refractoriness?), "
                "or bins are too fine for this step: reduce dt, or use fewer bins"
            )
    _check_floor(approximation, own.split(full)[0])
    return (*out, full[own.kept])


def _check_floor(approximation: MarkovApproximation, density: npt.NDArray[np.float64]) -> None:
    """Warn if neurons have come to the lower end of the bins, which holds them up."""
    first = 0
    for name, bins in approximation.bins.items():
        lowest = max(1, bins // 50)
        share = density[first : first + lowest].sum() / approximation.network.sizes[name]
        if share > _FLOOR_SHARE:
            warnings.warn(
                f"level 'ode': {100 * share:.2g} % of {name} lie in the lowest bins, and v_min = "
                f"{approximation.v_min[name]:g} holds them up: rates are not to be trusted; give a lower v_min",
                stacklevel=4,
            )
        first += bins


def _run_published(
    approximation: MarkovApproximation,
    samples: int,
    every: int,
    dt: float,
    initial: Any,
    report: Callable[[float], None],
) -> tuple[npt.NDArray[np.float64], ...]:
    from reduction.kernels import two_moment as kernel
    from reduction.levels import published

    if initial is not None:
        raise SpecificationError("initial: level 'published' starts with all neurons at reset; leave it out")
    if every != 1:
        raise ParameterError("", "sampling_interval", every * dt, "level 'published' samples every step; leave it out")
    arrays = published.published_arrays(approximation)
    state = published.initial_state(arrays)
    out = _samples(samples, approximation)
    out[1][0] = arrays.reset

    def check(step: int) -> None:
        if not np.isfinite(state[0]).all():
            raise NumericalError(f"level 'published': counts became non-finite at {step * dt:g} ms; reduce dt")

    for step, number in _chunks(samples, state[0].size, report, check, first=1):
        kernel.integrate(arrays, dt, step, number, *state, *out)
    return (*out, np.concatenate(state))
