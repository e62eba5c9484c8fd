"""Stationary states of coloured noise: the rates that a population's columns of bins cause at given moments."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reduction.markov import MarkovApproximation
from reduction.system import Floats

if TYPE_CHECKING:
    from reduction.kernels.layout import Arrays

_DIFFERENCE = 1e-6


class ColumnResponse:
    """As `reduction.levels.response.Response`, for closure "conditional": by the hops between bins and levels.

    Parameters
    ----------
    approximation : MarkovApproximation
    moments : callable
        Mean and variance of pending spikes at population rates in 1/ms.
    pauses : array, shape (populations,)
        Mean refractory times in ms.
    """

    def __init__(
        self, approximation: MarkovApproximation, moments: Callable[[Floats], tuple[Floats, Floats]], pauses: Floats
    ) -> None:
        self.network, self.moments, self.pauses = approximation.network, moments, pauses
        self._approximation = approximation

    @cached_property
    def _arrays(self) -> Arrays:
        return self._approximation.arrays()

    def rates(self, rates: Floats) -> tuple[Floats, Floats]:
        """Return the rates (1/ms) that rates per neuron cause, shape (points, populations), and room for slopes."""
        count = rates.shape[1]
        caused = [[self._solve(a, point)[0] for a in range(count)] for point in rates]
        return np.array(caused), np.zeros((len(rates), count, count))

    def add_slopes(self, rates: Floats, caused: Floats, slopes: Floats) -> None:
        """Fill the slopes, shape (points, populations, populations): [k, a, b] of a's rate by b's, by differences."""
        for k, point in enumerate(rates):
            for b in range(point.size):
                step = _DIFFERENCE * max(point[b], _DIFFERENCE)
                near = point.copy()
                near[b] += step
                for a in range(point.size):
                    slopes[k, a, b] = (self._solve(a, near)[0] - caused[k, a]) / step

    def statistics(self, a: int, rates: Floats) -> tuple[float, float]:
        """Return CV and mean voltage (mV) of population a at rates per neuron (1/ms)."""
        return self._solve(a, rates)[1:]

    def _solve(self, a: int, rates: Floats) -> tuple[float, float, float]:
        """Return the rate (1/ms), CV of the intervals and mean voltage (mV) that rates per neuron cause.

        With G the generator of bins, refractory stages and levels, cut at threshold, a neuron that has just fired with
        the levels f is silent for a time of mean -1 G^-1 f and second moment 2 1 G^-2 f; spikes return as they left.
        """
        from scipy.sparse.linalg import splu

        matrix, exits, entry = self._generator(a, rates)
        try:
            solver = splu(matrix)
        except RuntimeError:  # singular: some neurons never come to threshold
            return 0.0, math.nan, math.nan
        visits = -solver.solve(entry)
        onward = exits @ visits
        levels = _stationary(onward)
        occupied = visits @ levels
        time = occupied.sum()
        if not time > 0.0 or not math.isfinite(time):
            return math.nan, math.nan, math.nan
        second = -2.0 * solver.solve(occupied).sum()
        arrays = self._arrays
        bins, stages = int(arrays.bins[a]), int(arrays.stages[a])
        edge = arrays.edge[arrays.edge_start[a] : arrays.edge_start[a + 1]]
        centres = np.append(0.5 * (edge[1:] + edge[:-1]), np.full(stages, arrays.reset[a]))
        voltage = occupied.reshape(-1, bins + stages).sum(axis=0) @ centres / time
        return float(1.0 / time), math.sqrt(max(second / time**2 - 1.0, 0.0)), float(voltage)

    def _generator(self, a: int, rates: Floats) -> tuple[Any, Floats, Floats]:
        """Return the generator of a population cut at threshold, its exits by column, and where each column returns."""
        from scipy import sparse

        from reduction.kernels import observing

        arrays = self._arrays
        spikes = rates * arrays.size
        mean, variance = self.moments(spikes)
        columns, bins, stages = int(arrays.columns[a]), int(arrays.bins[a]), int(arrays.stages[a])
        right, left = np.empty((2, columns, bins))
        observing.column_rates(arrays, a, mean, np.maximum(variance, 0.0), right, left)
        size = bins + stages
        low, share, release = int(arrays.reset_bin[a]), float(arrays.reset_share[a]), float(arrays.release[a])
        exits, entry = np.zeros((columns, columns * size)), np.zeros((columns * size, columns))
        blocks = []
        held = np.arange(bins, size)
        for c in range(columns):
            up, down = np.arange(bins - 1), np.arange(1, bins)
            moves = [(up + 1, up, right[c, :-1]), (down - 1, down, left[c, 1:])]
            if stages:
                moves += [
                    (held[1:], held[:-1], np.full(stages - 1, release)),
                    (np.array([low, low + 1]), held[[-1, -1]], release * np.array([1.0 - share, share])),
                ]
            exits[c, c * size + bins - 1] = right[c, -1]
            entry[c * size + (bins if stages else low), c] = 1.0 if stages else 1.0 - share
            if not stages:
                entry[c * size + low + 1, c] = share
            leaving = -np.concatenate([right[c] + left[c], np.full(stages, release)])
            moves.append((np.arange(size), np.arange(size), leaving))
            row, column, value = (np.concatenate(part) for part in zip(*moves, strict=True))
            blocks.append(sparse.coo_array((value, (row, column)), shape=(size, size)))
        switching = sparse.kron(self._switching(a, spikes, mean, variance), sparse.eye_array(size), format="csc")
        return sparse.csc_array(sparse.block_diag(blocks, format="csc") + switching), exits, entry

    def _switching(self, a: int, spikes: Floats, mean: Floats, variance: Floats) -> npt.NDArray[np.float64]:
        """Return the generator of the levels of a population, shape (columns, columns)."""
        arrays = self._arrays
        columns = int(arrays.columns[a])
        generator = np.zeros((columns, columns))
        for q in np.flatnonzero((arrays.target == a) & (arrays.telegraphs > 0)):
            number, stride = int(arrays.telegraphs[q]), int(arrays.stride[q])
            flip = 0.5 / arrays.tau[q]
            if arrays.source[q] >= 0 and variance[q] > 0.0:
                p = arrays.probability[q]
                intensity = arrays.consumption[q] * mean[q] / arrays.tau[q] + p * (1.0 - p) * spikes[arrays.source[q]]
                flip = 0.25 * intensity / variance[q]
            for c in range(columns):
                up = (c // stride) % (number + 1)
                if up < number:
                    generator[c + stride, c] += (number - up) * flip
                    generator[c, c + stride] += (up + 1) * flip
        return np.asarray(generator - np.diag(generator.sum(axis=0)))


def _stationary(onward: Floats) -> Floats:
    """Return the distribution of levels that a matrix of transitions from spike to spike leaves as it is."""
    equations = np.vstack([onward - np.eye(len(onward)), np.ones(len(onward))])
    return np.asarray(np.linalg.lstsq(equations, np.append(np.zeros(len(onward)), 1.0), rcond=None)[0])
