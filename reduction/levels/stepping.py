"""What the levels share when they are integrated: the grid of steps, pieces that can be interrupted, samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.markov import MarkovApproximation
from reduction.sources import drives
from spiking.drives import ArrayDrive

Floats = npt.NDArray[np.float64]

_CELL_STEPS_PER_PIECE = 300_000


class Samples(NamedTuple):
    """Spikes made in every sampling interval, and moments at its end: shape (samples, populations or projections)."""

    spikes: Floats
    mean_voltage: Floats
    spread_voltage: Floats
    mean_pending: Floats
    variance_pending: Floats


@dataclass(frozen=True)
class Steps:
    """Grid of a run.

    Attributes
    ----------
    samples, every : int
        Number of sampling intervals, and steps in each.
    dt : float
        In ms.
    report : callable
        Takes the finished fraction; may raise to stop the run.
    """

    samples: int
    every: int
    dt: float
    report: Callable[[float], None]

    @property
    def total(self) -> int:
        """Number of steps."""
        return self.samples * self.every

    def empty(self, approximation: MarkovApproximation) -> Samples:
        """Return samples to be filled."""
        network = approximation.network
        populations, projections = (self.samples, len(network.populations)), (self.samples, len(network.projections))
        return Samples(*(np.zeros(shape) for shape in (*3 * [populations], *2 * [projections])))

    def pieces(self, approximation: MarkovApproximation, cells: int, first: int = 0) -> Iterator[tuple[int, int]]:
        """Yield (step, number of steps): pieces short enough to be interrupted, over which drives are constant."""
        steps = self.total
        most = max(1, _CELL_STEPS_PER_PIECE // max(cells, 1))
        intervals = [
            drive.interval for p in approximation.network.populations for _, drive in drives(p)
            if isinstance(drive, ArrayDrive)
        ]  # fmt: skip
        step = first
        while step < steps:
            self.report(step / steps)
            ends = [math.ceil((math.floor(step * self.dt / i + 1e-9) + 1) * i / self.dt - 1e-9) for i in intervals]
            number = min([most, steps - step, *(end - step for end in ends)])
            yield step, number
            step += number
        self.report(1.0)
