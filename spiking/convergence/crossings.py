"""Crossing speeds: how fast voltages go through the threshold."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel, seeds
from spiking.convergence import storing
from spiking.convergence.coupled import Progress
from spiking.convergence.fits import Axis, ErrorMeasure, measure
from spiking.convergence.lists import checked_list
from spiking.current_networks import current_network
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate, block_estimate
from spiking.network import Network, checked_network
from spiking.seeds import Seed
from spiking.specification import NONNEGATIVE, POSITIVE, Requirement, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

REPLICAS = 100
"""Independent neurons over which standard errors are taken."""

_TRANSIENT = 10.0
_FEWEST_OF_PILOT = 100
_LEVELS = 21
_MOST_STEPS = 3000
_COARSEST = 0.25
_SPEED = Axis("speed α", "mV/ms")
_FEWEST = Requirement(f"must be at least {10 * REPLICAS}", lambda x: x >= 10 * REPLICAS)


@dataclass(frozen=True, eq=False, repr=False)
class CrossingSpeeds:
    r"""Speeds :math:`A = I - I_{th}`, :math:`I_{th} = \gamma (V_{th} - V_{rest})`, at the spikes of a population.

    Attributes
    ----------
    network : Network
    population : str
    speeds : array, shape (crossings,)
        In mV/ms: dV/dt at successive crossings of one independent neuron after the other.
    counts : array of int, shape (replicas,)
        Crossings of each neuron.
    duration : float
        In ms: time of each neuron, the same for all, after a transient. (As many crossings of each would take most from
        those that happen to be fast.)
    resolution : float
        In mV/ms: noise of the current over the finest step; speeds below are blurred.
    seed : int or SeedSequence
    """

    network: Network
    population: str
    speeds: Floats
    counts: npt.NDArray[np.int64]
    duration: float
    resolution: float
    seed: Seed

    @property
    def rate(self) -> Estimate:
        """Crossings per neuron and ms."""
        return block_estimate(self.counts / self.duration)

    def __repr__(self) -> str:
        return f"<CrossingSpeeds of {self.population}: {self.speeds.size} crossings, {self.rate} per ms>"

    def _rows(self) -> list[Floats]:
        return np.split(self.speeds, np.cumsum(self.counts)[:-1])

    def _mean(self, name: str, unit: str, x: Floats, sums: Callable[[Floats], list[float]]) -> ErrorMeasure:
        """Return the mean over crossings of what adds up to some sums over those of a neuron."""
        top = np.array([sums(row) for row in self._rows()])
        return measure(name, unit, x, top, self.counts[:, None] * np.ones(x.size), axis=_SPEED)

    def probability(self, speeds: Sequence[float] | Floats) -> ErrorMeasure:
        """Return the probability that a crossing is slower, at each of some speeds in mV/ms."""
        x = _checked_speeds("speeds", speeds)
        return self._mean("P(A < α)", "", x, lambda row: [float((row < a).sum()) for a in x])

    def inverse_moment(self, speeds: Sequence[float] | Floats) -> ErrorMeasure:
        """Return the mean over crossings of 1/A² where A is at least as large as each of some speeds, in (ms/mV)²."""
        x = _checked_speeds("speeds", speeds)
        return self._mean(
            "E[1/A²; A ≥ α]", "(ms/mV)²", x, lambda row: [float((row[row >= a] ** -2.0).sum()) for a in x]
        )

    def flux(self, edges: Sequence[float] | Floats) -> ErrorMeasure:
        r"""Return the density of speeds at crossings times the rate, :math:`A \rho(V_{th}, I_{th} + A)`, in bins.

        The bins' edges rise from at least 0. Its `x` are the centres of the bins; per ms and mV/ms.
        """
        ends = _checked_speeds("edges", edges, NONNEGATIVE)
        if ends.size < 2 or (np.diff(ends) <= 0).any():
            raise ParameterError("", "edges", ends.tolist(), "must be at least two speeds that rise")
        counts = np.stack([np.histogram(row, ends)[0] for row in self._rows()]) / np.diff(ends)
        return measure("A ρ", "1/mV", (ends[1:] + ends[:-1]) / 2, counts / self.duration, axis=_SPEED)

    def bound(self, speeds: Sequence[float] | Floats, above: float, greatest: float) -> Floats:
        r"""Return the rate of the bound, :math:`r a_0^{-2} + \rho_{max} \log(a_0/\alpha)`, on the inverse moment.

        Both sides are per ms: compare with ``rate.mean * inverse_moment``.

        Parameters
        ----------
        above, greatest : float
            :math:`a_0` in mV/ms, and the greatest :math:`\rho(V_{th}, I)` for :math:`A < a_0`.

        Raises
        ------
        ParameterError
            If a number is not positive, or a speed exceeds `above`.
        """
        above = checked_number("", "above", above, POSITIVE)
        greatest = checked_number("", "greatest", greatest, POSITIVE)
        x = _checked_speeds("speeds", speeds)
        if x.max() > above:
            raise ParameterError("", "speeds", float(x.max()), f"must be at most above = {above:g}")
        return np.asarray(self.rate.mean * above**-2.0 + greatest * np.log(above / x))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        storing.save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> CrossingSpeeds:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        return storing.load(CrossingSpeeds, path)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the probability of slow crossings over the square of the speed."""
        from spiking import convergence_plots

        return convergence_plots.slow_crossings(self, ax=ax)


def _checked_speeds(name: str, speeds: object, allowed: Requirement = POSITIVE) -> Floats:
    return np.array(checked_list(name, speeds, allowed, "speeds in mV/ms"))


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
        About so many in all; they come from 100 independent neurons, all over the same time, which follows from
        a short run that estimates the rate, after a transient of 10 (tau + 1/leak) each.
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
    name = network.populations[0].name if population is None else population
    if not isinstance(name, str) or name not in network.sizes:
        raise UnknownNameError("population", name, network.sizes)
    arrays = current_network(network)
    inputs = [p.name for p in network.projections if p.target == name]
    if inputs:
        raise SpecificationError(f"{inputs[0]} leads to {name}: crossing speeds are for neurons without synapses")
    first = network.neurons[name].start
    leak, rest, threshold, reset, mean, tau, noise = (float(a[first]) for a in arrays[:7])
    if noise == 0:
        raise SpecificationError(f"{name}.drive: must be an Ornstein-Uhlenbeck drive with a deviation above 0")
    number = int(checked_number("", "crossings", crossings, _FEWEST, integer=True))
    seeds.check(seed)
    workers = parallel.checked_workers(workers)
    parallel.check_progress(progress)
    memory.check(32.0 * number, "the speeds", "reduce crossings")

    from spiking.kernels import crossings as kernel

    steps = _COARSEST * min(tau, 1.0 / leak) * 2.0 ** -np.arange(_LEVELS)
    table = kernel.table_of(leak, tau, noise, steps)
    root = seeds.root(seed)
    key = root.generate_state(2, np.uint32)
    options = (table, leak, tau, mean, noise * math.sqrt(tau / 2.0), threshold - rest, reset - rest)
    most = _MOST_STEPS * (number // REPLICAS)
    transient = _TRANSIENT * (tau + 1.0 / leak)
    hardly = f"{name} hardly fires: no {number} crossings in {most} steps each; raise its drive's mean"

    def rows(first: int, begin: float, end: float, room: int, share: tuple[float, float]) -> list[Floats]:
        done = 0

        def one(replica: int, check: Callable[[], None]) -> Floats:
            speeds = np.empty(room)
            while True:
                check()
                found, taken = kernel.run(key, replica, *options, begin, end, most, speeds)
                if taken == most:
                    raise NumericalError(hardly)
                if found <= speeds.size:
                    return speeds[:found].copy()
                speeds = np.empty(found)

        def tick(*_: object) -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(share[0] + (share[1] - share[0]) * done / REPLICAS)

        return parallel.ordered_map(one, range(first, first + REPLICAS), workers=workers, finished=tick)

    pilot, seen = transient, 0
    while seen < _FEWEST_OF_PILOT:
        pilot *= 2.0
        seen = sum(row.size for row in rows(REPLICAS, transient, transient + pilot, 0, (0.0, 0.0)))
    duration = number * pilot / seen
    found = rows(0, transient, transient + duration, 2 * (number // REPLICAS), (0.0, 1.0))
    counts = np.array([row.size for row in found], np.int64)
    return CrossingSpeeds(
        network, name, np.concatenate(found), counts, duration, float(noise * math.sqrt(steps[-1])), seed
    )
