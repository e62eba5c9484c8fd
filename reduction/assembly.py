"""The kernels' arrays of a Markov approximation, for given parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reduction import grids
from reduction.kernels.layout import Arrays
from reduction.sources import sources, white_drive

if TYPE_CHECKING:
    from reduction.markov import MarkovApproximation

Ints = npt.NDArray[np.int64]


def arrays(approximation: MarkovApproximation, values: Mapping[str, float], time: float) -> Arrays:
    """Return the arrays for the parameters `values` (by address) and the drives at `time` (ms)."""
    network = approximation.network
    names = list(network.sizes)
    found = sources(network, values, approximation.stages)
    bins = np.array([approximation.bins[name] for name in names], np.int64)
    stages = np.array([approximation.pool_stages(name) for name in names], np.int64)
    telegraphs = np.array([approximation.telegraphs(s) for s in found], np.int64)
    targets = np.array([names.index(s.target) for s in found], np.int64)
    columns, stride = np.ones(len(names), np.int64), np.ones(len(found), np.int64)
    for q, a in enumerate(targets):
        stride[q] = columns[a]
        columns[a] *= telegraphs[q] + 1

    ranges = [
        grids.bounds(p, values, approximation.v_min[p.name], approximation.bins[p.name]) for p in network.populations
    ]
    edges = [
        grids.edges(p, values, r, approximation.bins[p.name]) for p, r in zip(network.populations, ranges, strict=True)
    ]
    stretches = [
        grids.stretch(p, values, r, approximation.bins[p.name], e)
        for p, r, e in zip(network.populations, ranges, edges, strict=True)
    ]
    reset = np.array([r.reset for r in ranges])
    reset_bin, reset_share = np.zeros(len(names), np.int64), np.zeros(len(names))
    for a, (edge, voltage) in enumerate(zip(edges, reset, strict=True)):
        centres = (edge[1:] + edge[:-1]) / 2
        reset_bin[a] = min(max(int(np.searchsorted(centres, voltage, side="right")) - 1, 0), bins[a] - 2)
        low, high = centres[reset_bin[a]], centres[reset_bin[a] + 1]
        reset_share[a] = min(max((voltage - low) / (high - low), 0.0), 1.0)

    white = [white_drive(p, values, time) for p in network.populations]
    leak = [0.0 if f"{n}.rest" not in values else 1.0 / values[f"{n}.tau_m"] for n in names]
    hold = [approximation.refractory_time(name, values) or r.passage for name, r in zip(names, ranges, strict=True)]
    delays = np.array([s.stages for s in found], np.int64)
    return Arrays(
        size=np.array([values[f"{n}.size"] for n in names], float),
        bins=bins, columns=columns, start=_starts(bins * columns),
        threshold=np.array([r.threshold for r in ranges]), reset=reset,
        rest=np.array([values.get(f"{n}.rest", 0.0) for n in names]), leak=np.array(leak),
        drive_mean=np.array([mean for mean, _ in white]), drive_variance=np.array([noise for _, noise in white]),
        reset_bin=reset_bin, reset_share=reset_share,
        pool_start=_starts(stages * columns), stages=stages,
        release=np.array([m / time if m else 0.0 for m, time in zip(stages, hold, strict=True)]),
        edge_start=_starts(bins + 1), edge=np.concatenate(edges),
        spacing=np.concatenate([s for s, _ in stretches]), bend=np.concatenate([b for _, b in stretches]),
        intrinsic=np.concatenate(
            [grids.intrinsic_drift(p, values, e) for p, e in zip(network.populations, edges, strict=True)]
        ),
        target=targets,
        source=np.array([names.index(s.source) if s.source else -1 for s in found], np.int64),
        weight=np.array([s.weight for s in found]), tau=np.array([s.tau for s in found]),
        c0=np.array([s.c0 for s in found]), c1=np.array([s.c1 for s in found]),
        probability=np.array([s.probability for s in found]),
        consumption=np.array([float(s.consumed) for s in found]),
        kappa=np.array([0.0 if m else approximation.kappa(s.tau) for s, m in zip(found, telegraphs, strict=True)]),
        kick=np.array([s.kick for s in found], bool), telegraphs=telegraphs, stride=stride,
        column_start=_starts(columns), level=_levels(columns, targets, telegraphs, stride),
        mean=np.zeros(len(found)), variance=np.array([s.variance for s in found]),
        delay_start=_starts(delays),
        delay_rate=np.array([s.stages / s.delay if s.stages else 0.0 for s in found]),
    )  # fmt: skip


def _levels(columns: Ints, targets: Ints, telegraphs: Ints, stride: Ints) -> npt.NDArray[np.float64]:
    """Return the sums of telegraph noises, of unit variance, that the columns stand for."""
    levels = np.zeros((columns.sum(), targets.size))
    first = _starts(columns)
    for q in np.flatnonzero(telegraphs):
        a, number = targets[q], telegraphs[q]
        up = (np.arange(columns[a]) // stride[q]) % (number + 1)
        levels[first[a] : first[a + 1], q] = (2 * up - number) / math.sqrt(number)
    return levels


def _starts(numbers: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(numbers)]).astype(np.int64)
