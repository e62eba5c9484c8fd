"""Crossing speeds: how fast voltages go through the threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel, seeds
from spiking.convergence.coupled import Progress
from spiking.convergence.fits import ErrorMeasure, measure
from spiking.current_networks import current_network
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate, block_estimate
from spiking.network import Network, checked_network
from spiking.seeds import Seed
from spiking.specification import POSITIVE, Requirement, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

REPLICAS = 100
"""Independent neurons over which standard errors are taken."""

_SKIPPED = 20
_LEVELS = 21
_MOST_STEPS = 3000
_COARSEST = 0.25
_FEWEST = Requirement(f"must be at least {10 * REPLICAS}", lambda x: x >= 10 * REPLICAS)


@dataclass(frozen=True, eq=False)
class CrossingSpeeds:
    r"""Speeds :math:`A = I - I_{th}`, :math:`I_{th} = \gamma (V_{th} - V_{rest})`, at the spikes of a population.

    Attributes
    ----------
    network : Network
    population : str
    speeds : array, shape (replicas, crossings)
        In mV/ms: dV/dt at successive crossings of independent neurons.
    time : array, shape (replicas,)
        That the crossings took, in ms.
    resolution : float
        In mV/ms: noise of the current over the finest step; speeds below are blurred.
    seed : int or SeedSequence
    """

    network: Network
    population: str
    speeds: Floats
    time: Floats
    resolution: float
    seed: Seed

    @property
    def rate(self) -> Estimate:
        """Crossings per neuron and ms."""
        found = block_estimate(self.time / self.speeds.shape[1])
        return Estimate(1.0 / found.mean, found.se / found.mean**2)

    def probability(self, speeds: Sequence[float] | Floats) -> ErrorMeasure:
        """Return the probability that a crossing is slower, at each of some speeds in mV/ms."""
        x = _checked_speeds(speeds)
        below = np.stack([(self.speeds < a).mean(axis=1) for a in x], axis=1)
        return measure("P(A < α)", "", x, below)

    def inverse_moment(self, speeds: Sequence[float] | Floats) -> ErrorMeasure:
        """Return the mean over crossings of 1/A² where A is at least as large as each of some speeds, in (ms/mV)²."""
        x = _checked_speeds(speeds)
        inverse = self.speeds**-2.0
        kept = np.stack([(inverse * (self.speeds >= a)).mean(axis=1) for a in x], axis=1)
        return measure("E[1/A²; A ≥ α]", "(ms/mV)²", x, kept)

    def flux(self, edges: Sequence[float] | Floats) -> ErrorMeasure:
        r"""Return the density of speeds at crossings times the rate, :math:`A \rho(V_{th}, I_{th} + A)`, in bins.

        Its `x` are the centres of the bins; per ms and mV/ms.
        """
        ends = _checked_speeds(edges)
        counts = np.stack([np.histogram(row, ends)[0] for row in self.speeds]) / np.diff(ends)
        return measure("A ρ", "1/mV", (ends[1:] + ends[:-1]) / 2, counts, self.time[:, None] * np.ones(ends.size - 1))

    def bound(self, speeds: Sequence[float] | Floats, above: float, greatest: float) -> Floats:
        r"""Return the rate of the bound, :math:`r a_0^{-2} + \rho_{max} \log(a_0/\alpha)`, on the inverse moment.

        Both sides are per ms: compare with ``rate.mean * inverse_moment``.

        Parameters
        ----------
        above, greatest : float
            :math:`a_0` in mV/ms, and the greatest :math:`\rho(V_{th}, I)` for :math:`A < a_0`.
        """
        return np.asarray(self.rate.mean * above**-2.0 + greatest * np.log(above / _checked_speeds(speeds)))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probability of slow crossings over the square of the speed."""
        from spiking import convergence_plots

        return convergence_plots.slow_crossings(self, ax=ax)


def _checked_speeds(speeds: Sequence[float] | Floats) -> Floats:
    if not isinstance(speeds, Sequence | np.ndarray) or len(speeds) == 0:
        raise ParameterError("", "speeds", speeds, "must be a list of speeds in mV/ms")
    return np.array([checked_number("", "speeds", a, POSITIVE) for a in speeds])


def crossing_speeds(
    network: Network,
    population: str | None = None,
    *,
    crossings: int = 1_000_000,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CrossingSpeeds:
    r"""Sample the stationary crossing speeds of neurons with an Ornstein-Uhlenbeck current.

    Voltage and current make exact Gaussian steps, which halve (20 times) as the threshold comes near, until it cannot
    be reached within one by 5 standard deviations; the crossing is interpolated within the finest. No grid blurs slow
    crossings: on a grid of step h speeds below :math:`\nu \sqrt h` are noise.

    Parameters
    ----------
    network : Network
        Of the class of `spiking.current_networks`.
    population : str, optional
        By default the first. No projection may lead to it.
    crossings : int
        In all; they come from 100 independent neurons.
    seed, workers, progress
        As in `coupled_paths`.

    Raises
    ------
    ParameterError, SpecificationError, UnknownNameError
        If an option is out of range, the network is of another class, the neurons receive spikes or have no noise.
    NumericalError
        If they hardly fire.
    """
    checked_network(network)
    name = population or network.populations[0].name
    if name not in network.sizes:
        raise UnknownNameError("population", name, network.sizes)
    arrays = current_network(network)
    inputs = [p.name for p in network.projections if p.target == name]
    if inputs:
        raise SpecificationError(f"{inputs[0]} leads to {name}: crossing speeds are for neurons without synapses")
    first = network.neurons[name].start
    leak, rest, threshold, reset, mean, tau, noise = (float(a[first]) for a in arrays[:7])
    if noise == 0:
        raise SpecificationError(f"{name}.drive: must be an Ornstein-Uhlenbeck drive with a deviation above 0")
    number = int(checked_number("", "crossings", crossings, _FEWEST, integer=True)) // REPLICAS
    seeds.check(seed)
    workers = parallel.checked_workers(workers)
    memory.check(16.0 * number * REPLICAS, "the speeds", "reduce crossings")

    from spiking.kernels import crossings as kernel

    steps = _COARSEST * min(tau, 1.0 / leak) * 2.0 ** -np.arange(_LEVELS)
    table = kernel.table_of(leak, tau, noise, steps)
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
    key = root.generate_state(2, np.uint32)
    spread = noise * math.sqrt(tau / 2.0)
    speeds, time = np.empty((REPLICAS, number)), np.empty(REPLICAS)

    def one(replica: int, check: Callable[[], None]) -> None:
        check()
        options = (leak, tau, mean, spread, threshold - rest, reset - rest, _SKIPPED)
        most = _MOST_STEPS * (number + _SKIPPED)
        time[replica], taken = kernel.run(key, replica, table, *options, most, speeds[replica])
        if taken == most:
            raise NumericalError(f"{name} hardly fires: no {number} crossings in {most} steps; raise its drive's mean")

    done = 0

    def tick(*_: object) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done / REPLICAS)

    parallel.ordered_map(one, range(REPLICAS), workers=workers, finished=tick)
    return CrossingSpeeds(network, name, speeds, time, float(noise * math.sqrt(steps[-1])), seed)
