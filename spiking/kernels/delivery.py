"""Pending spikes consumed, and spikes brought to the synapses of their targets."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels.graph import BLOCK, bernoulli_row
from spiking.kernels.prefetching import prefetch
from spiking.kernels.random import EXTRA_USE, draw, fill, search, uniform, word
from spiking.kernels.tables import BINOMIAL_COARSE, COARSE, FINE, FINE_BITS

_AHEAD, _EDGES_PER_LINE = 4, 32

_jit = njit(nogil=True, error_model="numpy")


@_jit
def _draw_more(multiples, most, row, lookup, start, thresholds, key, step, use, index):
    """Return the count of the coarse part of a number, ``multiples`` times FINE, at most ``most`` - 1 at a time."""
    number = 0
    while multiples > 0:
        use += EXTRA_USE
        part = min(multiples, most - 1)
        number += draw(word(key, step, use, index), row + FINE + part, lookup, start, thresholds)
        multiples -= part
    return number


@_jit
def consume(level, consumed, words, row, lookup, start, thresholds, key, step, use):
    """Take from every H a count between 0 and H, drawn from row H of a table, and keep it in ``consumed``."""
    for i in range(level.size):
        waiting = int(level[i])
        own, bits = row + (waiting & (FINE - 1)), words[i]
        number = int(lookup[own, bits >> 24])
        if number < 0:
            number = search(bits, -1 - number, start[own], thresholds)
        if waiting >= FINE:
            number += _draw_more(waiting >> FINE_BITS, COARSE, row, lookup, start, thresholds, key, step, use, i)
        number = min(waiting, number)
        level[i] = waiting - number
        consumed[i] = number


@_jit
def kick(voltage, hold, consumed, step, gain, c0, c1, rounded, key, use):
    """Let every consumed spike move the voltage of its target, one after the other, unless that is refractory."""
    for i in range(voltage.size):
        if consumed[i] > 0 and hold[i] <= step:
            for number in range(consumed[i]):
                jump = gain * (c0 + c1 * voltage[i])
                if rounded:
                    jump = math.floor(jump + uniform(word(key, step, use + number * EXTRA_USE, i)))
                voltage[i] += jump


@_jit
def arrive(sink, unit, spikes, words, row, lookup, start, thresholds, key, step, use):
    """Add Binomial(spikes, p) units to every target: a fresh coin for every spike; return how many arrived."""
    arrived = 0
    own = row + (spikes & (FINE - 1))
    cells, first = lookup[own], start[own]
    for i in range(sink.size):
        bits = words[i]
        number = int(cells[bits >> 24])
        if number < 0:
            number = search(bits, -1 - number, first, thresholds)
        if spikes >= FINE:
            number += _draw_more(
                spikes >> FINE_BITS, BINOMIAL_COARSE, row, lookup, start, thresholds, key, step, use, i
            )
        sink[i] += unit * number
        arrived += number
    return arrived


@_jit
def add_to_all(sink, amount):
    """Add the same to every target."""
    for i in range(sink.size):
        sink[i] += amount


@_jit
def _fetch_ahead(spikes, n, first_neuron, blocks, row, edges):
    """Ask for the place of the row of spike n, and for the row of the spike before it by `_AHEAD`."""
    if n < spikes.size:
        far = (np.int64(spikes[n]) - first_neuron) * blocks
        prefetch(row, far)
        prefetch(row, far + blocks)
    if _AHEAD <= n < spikes.size + _AHEAD:
        near = (np.int64(spikes[n - _AHEAD]) - first_neuron) * blocks
        for k in range(row[near], row[near + blocks], _EDGES_PER_LINE):
            prefetch(edges, k)


@_jit
def scatter(sink, unit, spikes, first_neuron, row, edges):
    """Add a unit to every target of the stored rows of the spikes; return how many arrived."""
    arrived, blocks = 0, (sink.size + BLOCK - 1) // BLOCK
    for n in range(2 * _AHEAD):
        _fetch_ahead(spikes, n, first_neuron, blocks, row, edges)
    for n in range(spikes.size):
        _fetch_ahead(spikes, n + 2 * _AHEAD, first_neuron, blocks, row, edges)
        place = (np.int64(spikes[n]) - first_neuron) * blocks
        arrived += row[place + blocks] - row[place]
        if blocks == 1:
            targets = edges[row[place] : row[place + 1]]
            for k in range(targets.size):
                sink[targets[k]] += unit
            continue
        for b in range(blocks):
            base = np.uint64(b * BLOCK)
            for k in range(np.uint64(row[place + b]), np.uint64(row[place + b + 1])):
                sink[base + np.uint64(edges[k])] += unit
    return arrived


@_jit
def scatter_weighted(sink, unit, spikes, first_neuron, row, edges, factors):
    """As `scatter`, each edge with its own factor."""
    arrived, blocks = 0, (sink.size + BLOCK - 1) // BLOCK
    for spike in spikes:
        place = (np.int64(spike) - first_neuron) * blocks
        for b in range(blocks):
            base = np.uint64(b * BLOCK)
            targets = edges[row[place + b] : row[place + b + 1]]
            own = factors[row[place + b] : row[place + b + 1]]
            for k in range(targets.size):
                sink[base + np.uint64(targets[k])] += unit * own[k]
            arrived += targets.size
    return arrived


@_jit
def regenerate_out_degree(sink, unit, spikes, first_neuron, degree, key, words):
    """Add a unit to `degree` targets of every spike, drawn anew as `graph.store` draws them."""
    among = np.uint64(sink.size)
    for spike in spikes:
        fill(words, key, np.int64(spike) - first_neuron, 1)
        for k in range(degree):
            sink[(np.uint64(words[k]) * among) >> np.uint64(32)] += unit
    return degree * spikes.size


@_jit
def regenerate_bernoulli(sink, unit, spikes, first_neuron, log_failure, key, buffer):
    """Add a unit to the targets of every spike, drawn anew as `graph.store` draws them."""
    arrived = 0
    for spike in spikes:
        number = bernoulli_row(key, np.int64(spike) - first_neuron, sink.size, log_failure, buffer)
        for k in range(number):
            sink[buffer[k]] += unit
        arrived += number
    return arrived
