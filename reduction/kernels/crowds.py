"""Many neurons at a time: hops of full bins with Gaussian noise, binomial numbers, rounding to whole neurons."""

from __future__ import annotations

import math

from numba import njit

from reduction.kernels.density import edges_of, hop_rates
from reduction.kernels.mean_flow import hop as mean_hop
from reduction.kernels.stream import next_normal, next_uniform

FULL = 10.0
"""Neurons in a bin up to which each hops by itself."""

_GAUSSIAN = 10.0
_ROUNDING = 1.0 / 12.0

_jit = njit(nogil=True, error_model="numpy")


@_jit
def binomial(number, probability, stream):
    """Draw how many of a number succeed; return it and the stream.

    By inversion, or, if the variance is over `_GAUSSIAN`, as the nearest whole number to a Gaussian one; with the mean
    and the variance of the binomial law in both cases.
    """
    if number <= 0.0 or probability <= 0.0:
        return 0.0, stream
    if probability >= 1.0:
        return number, stream
    rare = min(probability, 1.0 - probability)
    variance = number * rare * (1.0 - rare)
    if variance > _GAUSSIAN:
        xi, stream = next_normal(stream)
        found = math.floor(number * rare + math.sqrt(variance - _ROUNDING) * xi + 0.5)
        found = min(max(found, 0.0), number)
    else:
        left, stream = next_uniform(stream)
        odds = rare / (1.0 - rare)
        weight = math.exp(number * math.log1p(-rare))
        found = 0.0
        while left > weight and found < number:
            left -= weight
            weight *= odds * (number - found) / (found + 1.0)
            found += 1.0
    return (found if probability <= 0.5 else number - found), stream


@_jit
def _noise(power, limit, stream):
    """Draw a Gaussian number of variance ``power``, cut off at ``limit`` on both sides: its mean stays 0."""
    xi, stream = next_normal(stream)
    return min(max(math.sqrt(power) * xi, -limit), limit), stream


@_jit
def crowd_hop(low, share_above, release, time, right, left, density, pool, work, stream):
    """Let the neurons of a column hop over `time`: on average for half of it, noise, on average for the other half.

    As `langevin.noisy_hop`, but the noise on an edge is at most what is on either side of it: no number becomes
    negative, and each keeps the mean of the mean flow. Returns the spikes, to which noise may give either sign (NaN if
    rates have run away), and the stream.
    """
    bins, stages = density.size, pool.size
    last = bins - 1
    spikes = mean_hop(low, share_above, release, time / 2.0, right, left, density, pool, work)
    if math.isnan(spikes):
        return spikes, stream
    for k in range(last):
        here, there = density[k], density[k + 1]
        moved, stream = _noise(time * (right[k] * here + left[k + 1] * there), min(here, there), stream)
        density[k] = here - moved
        density[k + 1] = there + moved
    room = pool[0] if stages > 0 else _room(density, low, share_above)
    fired, stream = _noise(time * right[last] * density[last], min(density[last], room), stream)
    spikes += fired
    density[last] -= fired
    for s in range(stages):
        pool[s] += fired
        room = pool[s + 1] if s + 1 < stages else _room(density, low, share_above)
        fired, stream = _noise(time * release * pool[s], min(pool[s], room), stream)
        pool[s] -= fired
    density[low] = max(density[low] + (1.0 - share_above) * fired, 0.0)
    density[low + 1] = max(density[low + 1] + share_above * fired, 0.0)
    return spikes + mean_hop(low, share_above, release, time / 2.0, right, left, density, pool, work), stream


@njit(nogil=True, inline="always")
def _room(density, low, share_above):
    """How many neurons can be taken from the two bins around reset in the shares in which they get them."""
    room = math.inf
    if share_above < 1.0:
        room = density[low] / (1.0 - share_above)
    if share_above > 0.0:
        room = min(room, density[low + 1] / share_above)
    return room


@_jit
def divide(values, crowd):
    """Take the numbers over `FULL` to ``crowd``, and leave the others."""
    for k in range(values.size):
        crowd[k] = values[k] if values[k] > FULL else 0.0
        values[k] -= crowd[k]


@_jit
def crowd_hops(arrays, a, dt, by_column, noise, right, left, density, pool, work, stream):
    """Apply the hops of all columns of a population; return its spikes (NaN if rates have run away) and the stream."""
    bins, stages = arrays.bins[a], arrays.stages[a]
    edge, spacing, bend, intrinsic = edges_of(arrays, a)
    total = 0.0
    for column in range(arrays.columns[a]):
        c = arrays.column_start[a] + column
        own, held = density[column * bins : (column + 1) * bins], pool[column * stages : (column + 1) * stages]
        if own.sum() + held.sum() == 0.0:
            continue
        hop_rates(edge, spacing, bend, intrinsic, by_column[c, 0], by_column[c, 1], noise, a, right, left)
        fired, stream = crowd_hop(
            arrays.reset_bin[a], arrays.reset_share[a], arrays.release[a], dt, right[:bins], left[:bins], own, held,
            work, stream,
        )  # fmt: skip
        total += fired
    return total, stream


@_jit
def round_counts(values, held, shift):
    """Round the numbers of a population to whole ones of the same sum, each with its mean; ``shift`` is in [0, 1)."""
    number = round(values.sum() + held.sum())
    total, whole = 0.0, 0.0
    for k in range(values.size):
        total += values[k]
        below = min(math.floor(total + shift), number)
        values[k] = below - whole
        whole = below
    for s in range(held.size):
        total += held[s]
        below = min(math.floor(total + shift), number)
        held[s] = below - whole
        whole = below
    values[0] += number - whole
