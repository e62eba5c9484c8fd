"""Copies of a network under the same noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spiking import memory, seeds
from spiking.current_networks import CurrentNetwork, current_network
from spiking.lyapunov.paths import Progress, Run, checked_progress, checked_step, shortest_constant, starting_state
from spiking.network import Network
from spiking.specification import POSITIVE, Requirement, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

_APART = Requirement("must lie between 1e-12 and 1e6", lambda x: 1e-12 <= x <= 1e6)
_SHOWN = 3


@dataclass(frozen=True, eq=False, repr=False)
class FrozenNoise:
    """Copies of a network under the same noise, from different states.

    Attributes
    ----------
    network : Network
    times : array, shape (samples,)
        In ms.
    distance : array, shape (samples, copies - 1)
        Root of the mean square difference of voltages (in units of threshold - reset) between the first copy and each
        other one.
    """

    network: Network
    times: Floats
    distance: Floats

    def __repr__(self) -> str:
        ends = ", ".join(f"{value:.3g}" for value in self.distance[-1, :_SHOWN])
        more = ", ..." if self.distance.shape[1] > _SHOWN else ""
        return f"FrozenNoise({ends}{more} apart after {self.times[-1]:g} ms)"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the distances over time."""
        from spiking.lyapunov_plots import distances

        return distances(self, ax=ax)


def frozen_noise(
    network: Network,
    duration: float,
    *,
    copies: int = 2,
    apart: float | None = None,
    dt: float | None = None,
    seed: seeds.Seed = 0,
    progress: Progress | None = None,
) -> FrozenNoise:
    """Run copies of a network from different states under the same noise.

    A negative first exponent (`network_exponents`) brings copies together that start close by. Copies that start far
    apart may then still stay so for very long: inhibitory networks are known for such irregular transients ("stable
    chaos": Politi, Livi, Oppo, Kapral, Europhys. Lett. 22 (1993) 571).

    Parameters
    ----------
    network : Network
        As in `network_exponents`.
    duration : float
        In ms.
    dt : float, optional
        As in `network_exponents`.
    copies : int
        At least 2.
    apart : float, optional
        Root of the mean square difference of voltages, in units of threshold - reset, with which the other copies
        start beside the first (none above the threshold), from 1e-12 to 1e6; by default they start from independent
        states.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ParameterError, SpecificationError, NumericalError
        As in `network_exponents`.
    """
    arrays = current_network(network)
    copies = int(
        checked_number("", "copies", copies, Requirement("must be at least 2", lambda x: x >= 2), integer=True)
    )
    dt = checked_step(arrays, dt)
    duration = checked_number("", "duration", duration, POSITIVE)
    seeds.check(seed)
    progress = checked_progress(progress)
    if apart is not None:
        apart = checked_number("", "apart", apart, _APART)
    every = max(1, round(shortest_constant(arrays) / dt))
    wanted = duration / (every * dt)
    memory.check(8.0 * copies * (wanted + 4.0 * arrays.leak.size), "the distances", "reduce duration or copies")
    samples = max(1, round(wanted))
    root = seeds.of_trial(seed, 0)
    nothing = np.empty((0, 2 * arrays.leak.size))
    starts = [starting_state(arrays, seeds.of_trial(seed, 1 + copy)) for copy in range(copies)]
    if apart is not None:
        voltage, current = starts[0]
        starts[1:] = [(_beside(arrays, voltage, apart, other[0]), current.copy()) for other in starts[1:]]
    runs = [Run(arrays, root, dt, start, nothing) for start in starts]
    distance = np.empty((samples, copies - 1))
    for sample in range(samples):
        for run in runs:
            run.ahead(1, every)
        for copy, run in enumerate(runs[1:]):
            difference = (run.voltage - runs[0].voltage) / (arrays.threshold - arrays.reset)
            distance[sample, copy] = math.sqrt(float(np.mean(difference**2)))
        progress((sample + 1) / samples)
    return FrozenNoise(network, np.asarray(every * dt * np.arange(1, samples + 1), float), distance)


def _beside(arrays: CurrentNetwork, voltage: Floats, apart: float, other: Floats) -> Floats:
    """Return voltages below a network's by some distance, in proportion to another network's height above reset."""
    span = arrays.threshold - arrays.reset
    part = (other - arrays.reset) / span
    return np.asarray(voltage - apart * span * part / math.sqrt(float(np.mean(part**2))))
