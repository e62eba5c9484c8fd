"""The chain: whole neurons that hop between bins and switch levels at random."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reduction.kernels import SOURCES
from reduction.kernels.crowds import FULL, binomial, crowd_hops, divide, round_counts
from reduction.kernels.density import diffusion_at, edges_of, hops
from reduction.kernels.mean_flow import LARGEST_MEAN, MOST_HOPS
from reduction.kernels.moments import fill_transition, flip_probability
from reduction.kernels.steps import buffers, follow, look_ahead, settle
from reduction.kernels.stream import next_uniform, resume

CROWD = 3.0
_MOST_STEPS = 1000

_jit = njit(nogil=True, error_model="numpy")


@_jit
def _fastest(edge, spacing, bend, intrinsic, constant, slope, n0, n1, n2):
    """Bound of the rate at which a neuron leaves its bin, without exponential functions: B(x) <= 1 + max(-x, 0)."""
    bins = edge.size - 1
    most, down = 0.0, 0.0
    for k in range(bins):
        v, width = edge[k + 1], spacing[k + 1]
        diffusion = diffusion_at(n0, n1, n2, v)
        mu = intrinsic[k + 1] + constant + slope * v - diffusion * bend[k + 1]
        spread = diffusion / (width if k + 1 < bins else 0.5 * width)
        most = max(most, down + (spread + max(mu, 0.0)) / width)
        down = (spread + max(-mu, 0.0)) / width
    return most


@_jit
def hop(
    edge, spacing, bend, intrinsic, constant, slope, n0, n1, n2, low, share_above, release, time, density, pool, up,
    down, start, waiting, stream,
):  # fmt: skip
    """Let every neuron of a column make its hops over `time`; return the number of spikes and the stream.

    NaN instead of a number if rates have run away.
    Every neuron makes a Poisson number of steps of the chain 1 + G/q, which is exp(G time) as a probability. The
    probabilities of a step, ``up`` and ``down``, are found when a neuron first needs them.
    """
    bins, stages = density.size, pool.size
    q = max(release, _fastest(edge, spacing, bend, intrinsic, constant, slope, n0, n1, n2))
    if q == 0.0:
        return 0.0, stream
    if not q * time < MOST_HOPS:
        return math.nan, stream
    for k in range(bins):
        up[k] = -1.0
    pieces = int(q * time / LARGEST_MEAN) + 1
    hops_in_piece = q * time / pieces
    silent = math.exp(-hops_in_piece)
    leave = release / q
    spikes = 0.0
    for _ in range(pieces):
        for k in range(bins):
            start[k] = density[k]
            density[k] = 0.0
        for s in range(stages):
            waiting[s] = pool[s]
            pool[s] = 0.0
        for first in range(bins + stages):
            count = start[first] if first < bins else waiting[first - bins]
            for _ in range(int(count)):
                k = first
                left, stream = next_uniform(stream)
                weight = silent
                step = 0
                while left > weight and step < _MOST_STEPS:
                    left -= weight
                    step += 1
                    weight *= hops_in_piece / step
                    u, stream = next_uniform(stream)
                    if k >= bins:
                        if u < leave:
                            k += 1
                            if k == bins + stages:
                                landing, stream = next_uniform(stream)
                                k = low + 1 if landing < share_above else low
                        continue
                    if up[k] < 0.0:
                        v, width = edge[k + 1], spacing[k + 1]
                        diffusion = diffusion_at(n0, n1, n2, v)
                        mu = intrinsic[k + 1] + constant + slope * v - diffusion * bend[k + 1]
                        up[k] = hops(mu, diffusion, width if k + 1 < bins else 0.5 * width)[0] / (q * width)
                        down[k] = 0.0
                        if k > 0:
                            v, width = edge[k], spacing[k]
                            diffusion = diffusion_at(n0, n1, n2, v)
                            mu = intrinsic[k] + constant + slope * v - diffusion * bend[k]
                            down[k] = hops(mu, diffusion, width)[1] / (q * width)
                    if u < up[k]:
                        k += 1
                        if k == bins:
                            spikes += 1.0
                            if stages == 0:
                                landing, stream = next_uniform(stream)
                                k = low + 1 if landing < share_above else low
                    elif u < up[k] + down[k]:
                        k -= 1
                if k < bins:
                    density[k] += 1.0
                else:
                    pool[k - bins] += 1.0
    return spikes, stream


@_jit
def switch(arrays, a, time, variance, new_variance, density, pool, row, moved, stream):
    """Switch a population's levels at random over `time`, while the variances change; return the stream."""
    for q in range(arrays.target.size):
        number = arrays.telegraphs[q]
        if number == 0 or arrays.target[q] != a:
            continue
        flip = flip_probability(arrays.tau[q], time, variance[q], new_variance[q])
        for up in range(number + 1):
            fill_transition(flip, number, up, row[up])
        own, held = (
            density[arrays.start[a] : arrays.start[a + 1]],
            pool[arrays.pool_start[a] : arrays.pool_start[a + 1]],
        )
        stride, full = arrays.stride[q], FULL if arrays.size[a] > CROWD * own.size else math.inf
        stream = _switch_columns(arrays.bins[a], stride, number, full, row, own, moved[: own.size], stream)
        stream = _switch_columns(arrays.stages[a], stride, number, full, row, held, moved[: held.size], stream)
    return stream


@_jit
def _switch_columns(width, stride, number, full, chances, values, moved, stream):
    moved[:] = 0.0
    if width == 0:
        return stream
    for column in range(values.size // width):
        up = (column // stride) % (number + 1)
        last = number if up < number else number - 1
        for at in range(column * width, (column + 1) * width):
            if values[at] > full:
                left = 1.0 - chances[up, up]
                count, stream = binomial(values[at], left, stream)
                moved[at] -= count
                for to in range(last + 1):
                    if to == up or count == 0.0:
                        continue
                    going, stream = binomial(count, chances[up, to] / left if to < last else 1.0, stream)
                    moved[at + (to - up) * stride * width] += going
                    count -= going
                    left -= chances[up, to]
                continue
            for _ in range(int(values[at])):
                left, stream = next_uniform(stream)
                left -= chances[up, up]
                if left < 0.0:
                    continue
                to = 0 if up > 0 else 1
                while left >= chances[up, to] and to < number:
                    left -= chances[up, to]
                    to += 1 if to + 1 != up else 2
                to = min(to, number)
                moved[at] -= 1.0
                moved[at + (to - up) * stride * width] += 1.0
    values += moved
    return stream


@njit(nogil=True, cache=True)
def integrate(
    owed, arrays, dt, total, first_step, steps, every, key, counter, level_variance, density, pool, delay, mean,
    variance, spikes, mean_voltage, spread_voltage, mean_pending, variance_pending, fingerprint=SOURCES,
):  # fmt: skip
    """Take steps as `mean_flow.integrate` does, with whole neurons; ``key``, ``counter``: the random stream.

    In populations of over `CROWD` neurons per bin, the neurons of every bin that holds over `FULL` take a step with
    Gaussian noise together, and are rounded to whole ones after it; all others walk one by one. What whole spikes leave
    of those that the step made, which may be negative, is ``owed`` to the next steps.
    """
    populations, sources = arrays.size.size, arrays.target.size
    own = buffers(arrays)
    widest = max(arrays.bins.max(), arrays.stages.max())
    right, left = np.empty(widest), np.empty(widest)
    levels = arrays.telegraphs.max() + 1 if sources else 1
    work, row = np.empty((5, widest)), np.empty((levels, levels + 1))
    moved, crowd, crowd_pool = np.empty(max(density.size, pool.size)), np.empty(density.size), np.empty(pool.size)
    stream = resume(counter, key)
    for step in range(first_step, first_step + steps):
        sample = step // every
        look_ahead(arrays, dt, density, delay, mean, variance, own)
        for a in range(populations):
            stream = switch(
                arrays, a, dt if step > 0 else dt / 2.0, level_variance, own.middle_variance, density, pool, row,
                moved, stream,
            )  # fmt: skip
            made, stream = _advance(
                owed, arrays, a, dt, own.by_column, own.noise, right, left, density, pool, crowd, crowd_pool, work,
                stream,
            )  # fmt: skip
            if math.isnan(made):
                return step - first_step, a
            own.flux[a] = made / dt
            spikes[sample, a] += made
        level_variance[:] = own.middle_variance
        follow(arrays, dt, delay, mean, variance, own)
        if step + 1 == total:
            for a in range(populations):
                stream = switch(
                    arrays, a, dt / 2.0, own.middle_variance, own.new_variance, density, pool, row, moved, stream
                )
        settle(
            arrays, (step + 1) % every == 0, density, delay, mean, variance, own, mean_voltage[sample],
            spread_voltage[sample], mean_pending[sample], variance_pending[sample],
        )  # fmt: skip
    counter[0] = stream[1]
    return steps, -1


@_jit
def _advance(
    owed, arrays, a, dt, by_column, noise, right, left, density, pool, crowd, crowd_pool, work, stream
):  # fmt: skip
    """Let all neurons of one population hop; return its spikes and the stream."""
    bins, stages = arrays.bins[a], arrays.stages[a]
    edge, spacing, bend, intrinsic = edges_of(arrays, a)
    own, held = (
        density[arrays.start[a] : arrays.start[a + 1]],
        pool[arrays.pool_start[a] : arrays.pool_start[a + 1]],
    )
    gathered, waiting = crowd[: own.size], crowd_pool[: held.size]
    crowded = arrays.size[a] > CROWD * own.size
    total = 0.0
    if crowded:
        divide(own, gathered)
        divide(held, waiting)
        fired, stream = crowd_hops(arrays, a, dt, by_column, noise, right, left, gathered, waiting, work, stream)
        if math.isnan(fired):
            return fired, stream
        shift, stream = next_uniform(stream)
        round_counts(gathered, waiting, shift)
        total = max(math.floor(owed[a] + fired), 0.0)
        owed[a] += fired - total
    for column in range(arrays.columns[a]):
        c = arrays.column_start[a] + column
        fired, stream = hop(
            edge, spacing, bend, intrinsic, by_column[c, 0], by_column[c, 1], noise[a, 0], noise[a, 1], noise[a, 2],
            arrays.reset_bin[a], arrays.reset_share[a], arrays.release[a], dt,
            own[column * bins : (column + 1) * bins], held[column * stages : (column + 1) * stages], right, left,
            work[0], work[1], stream,
        )  # fmt: skip
        total += fired
    if crowded:
        own += gathered
        held += waiting
    return total, stream
