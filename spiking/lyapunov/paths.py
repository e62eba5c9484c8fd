"""Where paths start, their steps, and a network that goes on with its tangent vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from spiking import parallel
from spiking.current_networks import CurrentNetwork
from spiking.errors import NumericalError, ParameterError
from spiking.kernels import lyapunov as kernels
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Progress = Callable[[float], None]

_PARTS = 100
_STEPS = 50


def checked_progress(progress: Progress | None) -> Progress:
    """Return what is told about progress, or something that ignores it.

    Raises
    ------
    ParameterError
        If it cannot be called.
    """
    parallel.check_progress(progress)
    return progress or (lambda fraction: None)


def checked_growth(growth: Floats, remedy: str) -> None:
    """Refuse growth rates that are not finite.

    Raises
    ------
    NumericalError
        Says why that can be, and the remedy.
    """
    if not np.isfinite(growth).all():
        raise NumericalError(
            "the growth is not finite: a voltage reached its threshold at speed 0 (as in a constant current that just "
            f"leads there), or two trajectories are equal to rounding; {remedy}"
        )


def shortest_constant(arrays: CurrentNetwork) -> float:
    """Return the shortest time constant in ms."""
    return min(float((1.0 / arrays.leak).min()), float(arrays.tau.min()))


def checked_step(arrays: CurrentNetwork, dt: float | None) -> float:
    """Return a step in ms, by default a fiftieth of the shortest time constant.

    Raises
    ------
    ParameterError
        If it is not positive or exceeds half of that.
    """
    shortest = shortest_constant(arrays)
    dt = shortest / _STEPS if dt is None else checked_number("", "dt", dt, POSITIVE)
    if dt > 0.5 * shortest:
        raise ParameterError("", "dt", dt, f"must be at most {0.5 * shortest:g} ms, half of the shortest time constant")
    return dt


def level_spread(arrays: CurrentNetwork, dt: float) -> Floats:
    """Return the standard deviation of the constant levels under which a current is exact in law at the grid."""
    tau = np.where(np.isinf(arrays.tau), 1.0, arrays.tau)
    left = np.exp(-dt / tau)
    return np.asarray(arrays.noise * np.sqrt(0.5 * tau * (1.0 + left) / (1.0 - left)))


def starting_state(arrays: CurrentNetwork, seed: np.random.SeedSequence) -> tuple[Floats, Floats]:
    """Return voltages drawn uniformly between reset and threshold, and stationary currents."""
    rng = np.random.default_rng(seed)
    voltage = arrays.reset + (arrays.threshold - arrays.reset) * rng.random(arrays.leak.size)
    current = arrays.mean + arrays.deviation * rng.standard_normal(arrays.leak.size)
    return voltage, current


class Run:
    """A network that goes on from where it is, with its tangent vectors."""

    def __init__(
        self, arrays: CurrentNetwork, seed: np.random.SeedSequence, dt: float, start: tuple[Floats, Floats],
        directions: Floats,
    ) -> None:  # fmt: skip
        self.arrays, self.dt, self.directions, self.step = arrays, dt, directions, 0
        self.key, self.spread = seed.generate_state(2), level_spread(arrays, dt)
        self.voltage, self.current = start

    def ahead(self, samples: int, every: int, tick: Progress = lambda done: None) -> tuple[Floats, Floats, Ints]:
        """Return the growth of each vector, of volumes, and the spikes of each neuron, in each sample.

        Raises
        ------
        NumericalError
            If a neuron fires more than 1000 times in a step, or growth is not finite.
        """
        a = self.arrays
        growth, volume = np.zeros((samples, self.directions.shape[0])), np.zeros(samples)
        counts = np.zeros((samples, a.leak.size), np.int64)
        part = max(1, samples // _PARTS)
        for first in range(0, samples, part):
            own = slice(first, min(first + part, samples))
            steps = (own.stop - first) * every
            done = kernels.follow_network(
                self.key, self.step, steps, every, self.dt, a.leak, a.rest, a.threshold, a.reset, a.mean, a.tau,
                self.spread, a.first, a.targets, a.jumps, self.voltage, self.current, self.directions, growth[own],
                volume[own], counts[own],
            )  # fmt: skip
            if done < steps:
                at = (self.step + done) * self.dt
                raise NumericalError(
                    f"rates run away at {at:g} ms: over 1000 spikes per neuron in a step; reduce weights"
                )
            for found in (growth[own], volume[own]):
                checked_growth(found, "change the currents a little")
            self.step += steps
            tick(own.stop)
        return growth, volume, counts
