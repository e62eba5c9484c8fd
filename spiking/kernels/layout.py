"""The arrays that describe a network to the compiled loops, its state, and what is recorded.

Neurons are numbered population by population; population a has those from ``start[a]`` to ``start[a + 1]``. The
synaptic variables of projection q (pending spikes, for example) stand in ``level[level_start[q]:level_start[q + 1]]``,
one for each neuron of its target. Times are in steps, currents in mV per step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LINEAR, CONDUCTANCE, QUADRATIC, QUADRATIC_INFINITE, EXPONENTIAL = range(5)
NO_KICKS, GAUSSIAN, POISSON = range(3)
FIXED, GEOMETRIC, EXPONENTIAL_TIME, NORMAL_TIME = range(4)
PENDING_CURRENT, PENDING_KICK, DELTA, EXPONENTIAL_CURRENT, EXPONENTIAL_CONDUCTANCE = range(5)
ANNEALED, ALL_TO_ALL, STORED, WEIGHTED, REGENERATED_OUT_DEGREE, REGENERATED_BERNOULLI = range(6)
GRID, BRIDGE, INTERPOLATED = range(3)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Populations(NamedTuple):
    """One entry per population (``start``: and one more).

    ``leak`` is the share of V - rest that a step takes away (LINEAR), else dt / tau_m; ``acting`` the time for which a
    constant input counts. Where ``quenched`` is not 0, that times ``process`` in the state is a constant input of every
    neuron too, at most ``quenched_most`` of it. A refractory time takes ``first_time + second_time * (random number)``
    steps, or as its kind says.
    """

    start: Ints
    flow: Ints
    threshold: Floats
    reset: Floats
    rest: Floats
    leak: Floats
    onset: Floats
    slope_factor: Floats
    keep_excess: Bools
    mean: Floats
    acting: Floats
    process_decay: Floats
    process_noise: Floats
    process_gain: Floats
    kicks: Ints
    deviation: Floats
    kick_size: Floats
    bridge_variance: Floats
    refractory: Ints
    first_time: Floats
    second_time: Floats
    quenched: Floats
    quenched_most: Floats


class Courses(NamedTuple):
    """Currents that depend on time: values (mV/ms) over intervals (in steps) of the populations that they drive."""

    population: Ints
    start: Ints
    interval: Floats
    values: Floats


class Projections(NamedTuple):
    """One entry per projection (``level_start``, ``row_start``: and one more).

    ``unit`` is what a spike adds to ``level``; ``gain`` turns that into current, or into a kick; c(v) is ``c0 + c1 v``;
    ``lag`` the steps from a spike to its arrival.
    """

    target: Ints
    source: Ints
    synapse: Ints
    level_start: Ints
    unit: Floats
    gain: Floats
    decay: Floats
    reversal: Floats
    c0: Floats
    c1: Floats
    rounded: Bools
    lag: Ints
    wiring: Ints
    parameter: Floats
    key: npt.NDArray[np.uint32]
    row_start: Ints


class Graph(NamedTuple):
    """Stored rows (see `graph.py`) of all projections, one after the other; ``factors`` if any is WEIGHTED."""

    row: Ints
    edges: npt.NDArray[np.uint16]
    factors: Floats


class Tables(NamedTuple):
    """Tables of `tables.pack`: drives (row: population), consumption and arrivals (projection q from its first row)."""

    drive_lookup: npt.NDArray[np.int16]
    drive_start: Ints
    drive_thresholds: npt.NDArray[np.uint64]
    consumption_lookup: npt.NDArray[np.int16]
    consumption_start: Ints
    consumption_thresholds: npt.NDArray[np.uint64]
    consumption_row: Ints
    arrival_lookup: npt.NDArray[np.int16]
    arrival_start: Ints
    arrival_thresholds: npt.NDArray[np.uint64]
    arrival_row: Ints


class State(NamedTuple):
    """What a step changes. A neuron moves in the steps from ``hold`` on, in the first only after the share ``late``.

    ``history[s % slots, bounds[s % slots, a]:bounds[s % slots, a + 1]]`` are the neurons of population a that fired in
    step s.
    """

    voltage: Floats
    hold: Ints
    late: Floats
    level: Floats
    process: Floats
    history: npt.NDArray[np.uint32]
    bounds: Ints


class Record(NamedTuple):
    """What is recorded. ``histogram`` has the shape (intervals, populations, bins)."""

    counts: Ints
    mean_voltage: Floats
    spread_voltage: Floats
    mean_synaptic: Floats
    traced: Ints
    traces: Floats
    edges: Floats
    samples_per_histogram: int
    histogram: Ints
    events: Ints
    times: Floats
    senders: Ints
