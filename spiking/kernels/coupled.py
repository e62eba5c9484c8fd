"""One Brownian path, several steps: Euler-Maruyama paths of networks of `spiking.current_networks`, compared.

Neuron i takes its noise from stream s_i. The finest step's increments n = 0, 1, ... of a path come in chunks of 256:
increment n is lane (n % 256) // 64 of the Philox counter (n % 64; 1 + n // 256, path; s_i). Chunk 0 draws the start.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels import SOURCES
from spiking.kernels.random import fill, normal, uniform, word

CHUNK = 256
"""Increments that one call of the generator draws; a power of 2."""


@njit(nogil=True)
def draw_start(key, path, stream, mean, spread, reset, room, voltage, current):
    """Draw currents from their stationary law, and voltages uniformly above reset."""
    for i in range(mean.size):
        current[i] = mean[i] + spread[i] * normal(word(key, path << 32, stream[i], 0))
        voltage[i] = reset[i] + room[i] * uniform(word(key, path << 32, stream[i], 1))


@njit(nogil=True)
def draw_path(key, path, first_chunk, stream, scale, words, walk):
    """Fill the walk with the sums of a block's scaled increments, walk[0] = 0; shape (increments + 1, neurons)."""
    walk[0] = 0.0
    for i in range(scale.size):
        total = 0.0
        for chunk in range((walk.shape[0] - 1) // words.size):
            fill(words, key, (path << 32) + 1 + first_chunk + chunk, stream[i])
            for n in range(words.size):
                total += scale[i] * normal(words[n])
                walk[chunk * words.size + n + 1, i] = total


@njit(nogil=True)
def advance(
    h, steps, ratio, begin, leak, rest, threshold, reset, mean, tau, first, targets, jumps, walk, voltage, current,
    fired, count, times,
):  # fmt: skip
    """Take steps of one level; return whether the spike times fit. Times are in finest steps."""
    for step in range(steps):
        spikes = 0
        for i in range(voltage.size):
            v, c = voltage[i], current[i]
            current[i] = c + h * (mean[i] - c) / tau[i] + (walk[(step + 1) * ratio, i] - walk[step * ratio, i])
            v += h * (c - leak[i] * (v - rest[i]))
            if v >= threshold[i]:
                v = reset[i]
                fired[spikes] = i
                spikes += 1
            voltage[i] = v
        for k in range(spikes):
            i = fired[k]
            if count[i] == times.shape[1]:
                return False
            times[i, count[i]] = begin + (step + 1) * ratio
            count[i] += 1
            for e in range(first[i], first[i + 1]):
                current[targets[e]] += jumps[e]
    return True


@njit(nogil=True, cache=True)
def run(
    key, first_path, finest, ratios, begin, end, increments, spread, room, stream,
    leak, rest, threshold, reset, mean, tau, noise, first, targets, jumps,
    times, voltage, current, count, time_squares, fingerprint=SOURCES,
):  # fmt: skip
    """Run paths on steps ratios * finest (the last is the reference) from one finest increment to another.

    ``begin`` must be a multiple of the block, max(`CHUNK`, ratios); those of ``begin`` = 0 start, the others go on.
    ``voltage``, ``current``, ``count`` and ``time_squares``, of shape (paths, levels, neurons), hold the state, the
    numbers of spikes and, once ``end`` = ``increments`` and where these equal the reference's, the sum of squared
    differences of spike times. ``times``, of shape (levels, neurons, most spikes), holds those of one path: several
    must be run from 0 to the end.

    Returns
    -------
    paths : int
        Fewer than asked for if a neuron of the next one has more spikes than ``times`` holds.
    """
    paths, levels, neurons = voltage.shape
    block = max(CHUNK, ratios.max())
    words = np.empty(CHUNK, np.uint32)
    walk = np.empty((block + 1, neurons))
    scale = noise * math.sqrt(finest)
    fired = np.empty(neurons, np.int64)
    for p in range(paths):
        if begin == 0:
            for level in range(levels):
                count[p, level] = 0
                draw_start(key, first_path + p, stream, mean, spread, reset, room, voltage[p, level], current[p, level])
        for now in range(begin, end, block):
            draw_path(key, first_path + p, now // CHUNK, stream, scale, words, walk)
            length = min(block, end - now)
            for level in range(levels):
                ratio = ratios[level]
                if not advance(
                    finest * ratio, length // ratio, ratio, now, leak, rest, threshold, reset, mean, tau, first,
                    targets, jumps, walk, voltage[p, level], current[p, level], fired, count[p, level], times[level],
                ):  # fmt: skip
                    return p
        if end < increments:
            continue
        for level in range(levels):
            for i in range(neurons):
                total = 0.0
                if count[p, level, i] == count[p, levels - 1, i]:
                    for k in range(count[p, level, i]):
                        total += (finest * (times[level, i, k] - times[levels - 1, i, k])) ** 2
                time_squares[p, level, i] = total
    return paths
