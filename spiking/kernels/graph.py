"""Random graphs, row by row (source by source), each row a function of the graph's key alone.

Stored rows are compressed: targets are cut into blocks of 65536 neurons, and the targets of source s in block b stand,
as numbers of 16 bits, in ``edges[row[s * blocks + b]:row[s * blocks + b + 1]]``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels import SOURCES
from spiking.kernels.random import fill, philox, uniform

BLOCK_BITS = 16
BLOCK = 1 << BLOCK_BITS
_LAST = BLOCK - 1

BERNOULLI, FIXED_IN_DEGREE, FIXED_OUT_DEGREE = 0, 1, 2


@njit(nogil=True)
def bernoulli_row(key, source, targets, log_failure, buffer):
    """Write the targets of a source, which skip a geometric number of neurons each; return how many."""
    found, block, target = 0, 0, -1
    while True:
        words = philox(block & 0xFFFFFFFF, source, block >> 32, 0, key[0], key[1])
        block += 1
        for bits in words:
            gap = math.log(uniform(bits)) / log_failure
            if gap >= targets - target - 1:
                return found
            target += 1 + int(gap)
            buffer[found] = target
            found += 1


@njit(nogil=True)
def _row(kind, key, owner, sources, targets, parameter, buffer, words):
    """Write the targets of a source, or (fixed in-degree) the sources of a target; return how many."""
    if kind == BERNOULLI:
        return bernoulli_row(key, owner, targets, parameter, buffer)
    among = np.uint64(sources if kind == FIXED_IN_DEGREE else targets)
    fill(words, key, owner, 1)
    for k in range(int(parameter)):
        buffer[k] = (np.uint64(words[k]) * among) >> np.uint64(32)
    return int(parameter)


@njit(nogil=True)
def _buffers(kind, targets, parameter):
    most = targets if kind == BERNOULLI else int(parameter)
    return np.empty(most, np.int64), np.empty((most + 3) // 4 * 4, np.uint32)


@njit(nogil=True, cache=True)
def count(kind, key, sources, targets, parameter, row, fingerprint=SOURCES):
    """Fill ``row`` with the places at which rows start."""
    owners = targets if kind == FIXED_IN_DEGREE else sources
    buffer, words = _buffers(kind, targets, parameter)
    blocks = (targets + _LAST) >> BLOCK_BITS
    row[:] = 0
    for owner in range(owners):
        for other in buffer[: _row(kind, key, owner, sources, targets, parameter, buffer, words)]:
            source, target = (other, owner) if kind == FIXED_IN_DEGREE else (owner, other)
            row[source * blocks + (target >> BLOCK_BITS) + 1] += 1
    total = 0
    for place in range(row.size):
        total += row[place]
        row[place] = total


@njit(nogil=True, cache=True)
def store(kind, key, sources, targets, parameter, row, edges, fingerprint=SOURCES):
    """Fill ``edges``, each row in ascending order."""
    owners = targets if kind == FIXED_IN_DEGREE else sources
    buffer, words = _buffers(kind, targets, parameter)
    blocks = (targets + _LAST) >> BLOCK_BITS
    place = row[:-1].copy()
    for owner in range(owners):
        others = buffer[: _row(kind, key, owner, sources, targets, parameter, buffer, words)]
        if kind == FIXED_OUT_DEGREE:
            others.sort()
        for other in others:
            source, target = (other, owner) if kind == FIXED_IN_DEGREE else (owner, other)
            here = source * blocks + (target >> BLOCK_BITS)
            edges[place[here]] = target & _LAST
            place[here] += 1
