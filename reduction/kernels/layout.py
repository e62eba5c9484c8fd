"""The arrays that every kernel of the generator reads.

Populations a have ``columns[a]`` copies of their bins, one for each combination of the levels of their coloured noise
sources; column c of population a holds the bins ``start[a] + c * bins[a] ...`` of the flat density and the stages
``pool_start[a] + c * stages[a] ...`` of the flat refractory pool. Sources q of input are the projections, then the
Ornstein-Uhlenbeck drives (whose ``source`` is -1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Arrays(NamedTuple):
    """Parameters of populations (a), of their edges, and of their sources of input (q)."""

    size: np.ndarray
    bins: np.ndarray
    columns: np.ndarray
    start: np.ndarray  # (a + 1) first bin
    threshold: np.ndarray
    reset: np.ndarray
    rest: np.ndarray
    leak: np.ndarray  # 1 / tau_m
    drive_mean: np.ndarray  # mV/ms
    drive_variance: np.ndarray  # mV^2/ms
    reset_bin: np.ndarray  # of a column: released neurons go to this bin ...
    reset_share: np.ndarray  # ... but this share of them to the next one
    pool_start: np.ndarray  # (a + 1) first refractory stage
    stages: np.ndarray
    release: np.ndarray  # rate out of a stage
    edge_start: np.ndarray  # (a + 1) first edge; population a has bins[a] + 1 of them
    edge: np.ndarray  # mV; the last one of a population is its threshold
    spacing: np.ndarray  # width of a bin at the edges, mV
    bend: np.ndarray  # relative change of that width with the voltage at the edges, with a minus, 1/mV
    intrinsic: np.ndarray  # drift of the neuron alone at the edges beyond its leak, mV/ms
    target: np.ndarray
    source: np.ndarray
    weight: np.ndarray  # negative if inhibitory
    tau: np.ndarray
    c0: np.ndarray  # c(v) = c0 + c1 v
    c1: np.ndarray
    probability: np.ndarray
    consumption: np.ndarray  # 1 if pending spikes are consumed at random, 0 if they decay
    kappa: np.ndarray  # 0 where levels carry the noise
    kick: np.ndarray
    telegraphs: np.ndarray  # independent two-valued noises whose sum is the coloured noise; 0 for white noise
    stride: np.ndarray  # of the source's digit in the number of a column
    column_start: np.ndarray  # (a + 1) first of all columns
    level: np.ndarray  # (columns, q) deviation of a source from its mean, in its standard deviations
    mean: np.ndarray  # of the drives, which never changes; of the projections, 0
    variance: np.ndarray
    delay_start: np.ndarray  # (q + 1) first delay stage
    delay_rate: np.ndarray  # rate out of a delay stage
