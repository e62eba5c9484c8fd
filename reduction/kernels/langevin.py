"""Gaussian noise on every hop: the Langevin level."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reduction.kernels import SOURCES
from reduction.kernels.density import edges_of, hop_rates
from reduction.kernels.mean_flow import hop
from reduction.kernels.moments import flip_probability, switch_levels
from reduction.kernels.steps import buffers, follow, look_ahead, settle
from reduction.kernels.stream import next_normal, resume

_LEAST_STAY = 1e-6

_jit = njit(nogil=True, error_model="numpy")


@_jit
def noisy_hop(low, share_above, release, time, right, left, density, pool, work, stream):
    """Apply a column's hops over `time`: the mean ones for half of it, the noise of all, the mean ones again.

    The noise on an edge has the variance of the hops across it in either direction, and moves neurons: none is lost.
    Returns the spikes (NaN if rates have run away) and the stream.
    """
    bins, stages = density.size, pool.size
    spikes = hop(low, share_above, release, time / 2.0, right, left, density, pool, work)
    if math.isnan(spikes):
        return spikes, stream
    here = max(density[0], 0.0)
    for k in range(bins - 1):
        there = max(density[k + 1], 0.0)
        xi, stream = next_normal(stream)
        across = math.sqrt(time * (right[k] * here + left[k + 1] * there)) * xi
        density[k] -= across
        density[k + 1] += across
        here = there
    xi, stream = next_normal(stream)
    moved = math.sqrt(time * right[bins - 1] * here) * xi
    spikes += moved
    density[bins - 1] -= moved
    for s in range(stages):
        xi, stream = next_normal(stream)
        leaving = math.sqrt(time * release * max(pool[s], 0.0)) * xi
        pool[s] += moved - leaving
        moved = leaving
    density[low] += (1.0 - share_above) * moved
    density[low + 1] += share_above * moved
    return spikes + hop(low, share_above, release, time / 2.0, right, left, density, pool, work), stream


@_jit
def _switch(arrays, a, time, variance, new_variance, density, pool, work, row, stream):
    """Switch the levels of a population's coloured noise over `time`: mean, noise and mean as in `noisy_hop`."""
    columns, bins, stages = arrays.columns[a], arrays.bins[a], arrays.stages[a]
    for q in range(arrays.target.size):
        number, stride = arrays.telegraphs[q], arrays.stride[q]
        if number == 0 or arrays.target[q] != a:
            continue
        flip = flip_probability(arrays.tau[q], time, variance[q], new_variance[q])
        stay = max(1.0 - 2.0 * flip, _LEAST_STAY)
        half, flips = 0.5 * (1.0 - math.sqrt(stay)), -0.5 * math.log(stay)
        own = density[arrays.start[a] : arrays.start[a + 1]].reshape((columns, bins))
        switch_levels(half, number, stride, columns, own, work, row)
        stream = _add_switch_noise(flips, number, stride, columns, own, stream)
        switch_levels(half, number, stride, columns, own, work, row)
        if stages > 0:
            held = pool[arrays.pool_start[a] : arrays.pool_start[a + 1]].reshape((columns, stages))
            switch_levels(half, number, stride, columns, held, work, row)
            stream = _add_switch_noise(flips, number, stride, columns, held, stream)
            switch_levels(half, number, stride, columns, held, work, row)
    return stream


@_jit
def _add_switch_noise(flips, number, stride, columns, values, stream):
    """Add the noise of telegraphs that flip ``flips`` times on average."""
    for column in range(columns):
        up = (column // stride) % (number + 1)
        if up == number:
            continue
        rise, fall = flips * (number - up), flips * (up + 1)
        above = column + stride
        for k in range(values.shape[1]):
            power = rise * max(values[column, k], 0.0) + fall * max(values[above, k], 0.0)
            xi, stream = next_normal(stream)
            moved = math.sqrt(power) * xi
            values[column, k] -= moved
            values[above, k] += moved
    return stream


@njit(nogil=True, cache=True)
def integrate(
    arrays, dt, total, first_step, steps, every, key, counter, level_variance, density, pool, delay, mean,
    variance, spikes, mean_voltage, spread_voltage, mean_pending, variance_pending, fingerprint=SOURCES,
):  # fmt: skip
    """Take steps as `mean_flow.integrate` does, with Gaussian noise; ``key``, ``counter``: the random stream."""
    populations, sources = arrays.size.size, arrays.target.size
    own = buffers(arrays)
    widest = max(arrays.bins.max(), arrays.stages.max())
    right, left = np.empty(widest), np.empty(widest)
    rows = max(5, arrays.telegraphs.max() + 1 if sources else 5)
    work, row = np.empty((rows, widest)), np.empty(rows)
    stream = resume(counter, key)
    for step in range(first_step, first_step + steps):
        sample = step // every
        look_ahead(arrays, dt, density, delay, mean, variance, own)
        time = dt if step > 0 else dt / 2.0
        for a in range(populations):
            stream = _switch(arrays, a, time, level_variance, own.middle_variance, density, pool, work, row, stream)
            fired, stream = _hops(arrays, a, dt, own.by_column, own.noise, right, left, density, pool, work, stream)
            if math.isnan(fired):
                return step - first_step, a
            own.flux[a] = fired / dt
            spikes[sample, a] += fired
        level_variance[:] = own.middle_variance
        follow(arrays, dt, delay, mean, variance, own)
        if step + 1 == total:
            for a in range(populations):
                stream = _switch(
                    arrays, a, dt / 2.0, own.middle_variance, own.new_variance, density, pool, work, row, stream
                )
        settle(
            arrays, (step + 1) % every == 0, density, delay, mean, variance, own, mean_voltage[sample],
            spread_voltage[sample], mean_pending[sample], variance_pending[sample],
        )  # fmt: skip
    counter[0] = stream[1]
    return steps, -1


@_jit
def _hops(arrays, a, dt, by_column, noise, right, left, density, pool, work, stream):
    """Apply the hops of all columns of a population; return its spikes (NaN if rates have run away) and the stream."""
    bins, stages = arrays.bins[a], arrays.stages[a]
    edge, spacing, bend, intrinsic = edges_of(arrays, a)
    total = 0.0
    for column in range(arrays.columns[a]):
        c = arrays.column_start[a] + column
        hop_rates(edge, spacing, bend, intrinsic, by_column[c, 0], by_column[c, 1], noise, a, right, left)
        first, pool_first = arrays.start[a] + column * bins, arrays.pool_start[a] + column * stages
        fired, stream = noisy_hop(
            arrays.reset_bin[a], arrays.reset_share[a], arrays.release[a], dt, right[:bins], left[:bins],
            density[first : first + bins], pool[pool_first : pool_first + stages], work, stream,
        )  # fmt: skip
        total += fired
    return total, stream
