"""The ODE level over time: second-order steps that keep densities positive and neurons conserved."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reduction.kernels import SOURCES
from reduction.kernels.density import edges_of, hop_rates
from reduction.kernels.moments import flip_probability, switch_levels
from reduction.kernels.steps import buffers, follow, look_ahead, settle

_TAIL = 1e-12
LARGEST_MEAN = 200.0
MOST_HOPS = 2e4

_jit = njit(nogil=True, error_model="numpy")


@_jit
def hop(low, share_above, release, time, right, left, density, pool, work):
    """Apply the exponential of a column's hops over `time`, by uniformisation; return the spikes of that time.

    exp(G t) = sum_k Poisson(k; q t) (1 + G/q)^k with q at least every exit rate: each term keeps densities positive
    and conserves neurons; the truncated tail goes to the last term. ``work`` has five rows as long as a column.
    Beyond MOST_HOPS hops the rates have run away: NaN, and nothing is moved.
    """
    bins = density.size
    q = release
    for k in range(bins):
        q = max(q, right[k] + left[k])
    if q == 0.0:
        return 0.0
    if not q * time < MOST_HOPS:
        return math.nan
    stay, up, down = work[0, :bins], work[1, :bins], work[2, :bins]
    for k in range(bins):
        up[k] = right[k] / q
        down[k] = left[k] / q
        stay[k] = 1.0 - up[k] - down[k]
    pieces = int(q * time / LARGEST_MEAN) + 1
    spikes = 0.0
    for _ in range(pieces):
        spikes += _hop_piece(low, share_above, release / q, q * time / pieces, stay, up, down, density, pool, work)
    return spikes


@_jit
def _hop_piece(low, share_above, leave, hops, stay, up, down, density, pool, work):
    bins, stages = density.size, pool.size
    last = bins - 1
    here, new = work[3, :bins], work[4, :bins]
    pool_power = np.empty(stages)
    weight = math.exp(-hops)
    below = weight
    for k in range(bins):
        here[k] = density[k]
        density[k] *= weight
    for s in range(stages):
        pool_power[s] = pool[s]
        pool[s] *= weight
    spikes = 0.0
    term = 0
    while 1.0 - below > _TAIL:
        released = up[last] * here[last]
        spikes += (1.0 - below) * released
        for s in range(stages):
            leaving = leave * pool_power[s]
            pool_power[s] += released - leaving
            released = leaving
        new[0] = stay[0] * here[0] + down[1] * here[1]
        for k in range(1, last):
            new[k] = stay[k] * here[k] + up[k - 1] * here[k - 1] + down[k + 1] * here[k + 1]
        new[last] = stay[last] * here[last] + up[last - 1] * here[last - 1]
        new[low] += (1.0 - share_above) * released
        new[low + 1] += share_above * released
        term += 1
        weight *= hops / term
        below += weight
        share = weight if 1.0 - below > _TAIL else weight + (1.0 - below)
        for k in range(bins):
            density[k] += share * new[k]
        for s in range(stages):
            pool[s] += share * pool_power[s]
        here, new = new, here
    return spikes


@_jit
def switch(arrays, time, variance, new_variance, density, pool, work, row):
    """Switch the levels of all coloured noise over `time`, while the variances change."""
    for q in range(arrays.target.size):
        number = arrays.telegraphs[q]
        if number == 0:
            continue
        a = arrays.target[q]
        columns, bins, stages = arrays.columns[a], arrays.bins[a], arrays.stages[a]
        flip = flip_probability(arrays.tau[q], time, variance[q], new_variance[q])
        own = density[arrays.start[a] : arrays.start[a + 1]].reshape((columns, bins))
        switch_levels(flip, number, arrays.stride[q], columns, own, work, row)
        if stages > 0:
            held = pool[arrays.pool_start[a] : arrays.pool_start[a + 1]].reshape((columns, stages))
            switch_levels(flip, number, arrays.stride[q], columns, held, work, row)


@njit(nogil=True, cache=True)
def integrate(
    arrays, dt, total, first_step, steps, every, level_variance, density, pool, delay, mean, variance,
    spikes, mean_voltage, spread_voltage, mean_pending, variance_pending, fingerprint=SOURCES,
):  # fmt: skip
    """Take second-order steps: moments half a step ahead, levels and hops at those moments, then moments by the spikes.

    Levels switch between the middles of successive steps, and for half a step at the start and at the end of a run of
    ``total`` steps; ``level_variance`` holds the variances at which they stand. ``spikes`` and the sampled moments of
    row ``step // every`` are filled.

    Returns
    -------
    steps : int
        Taken; less than asked for if rates have run away.
    population : int
        Whose rates have run away, or -1.
    """
    populations, sources = arrays.size.size, arrays.target.size
    own = buffers(arrays)
    widest = max(arrays.bins.max(), arrays.stages.max())
    right, left = np.empty(widest), np.empty(widest)
    rows = max(5, arrays.telegraphs.max() + 1 if sources else 5)
    work, row = np.empty((rows, widest)), np.empty(rows)
    for step in range(first_step, first_step + steps):
        sample = step // every
        look_ahead(arrays, dt, density, delay, mean, variance, own)
        time = dt if step > 0 else dt / 2.0
        switch(arrays, time, level_variance, own.middle_variance, density, pool, work, row)
        level_variance[:] = own.middle_variance
        for a in range(populations):
            bins, stages, low = arrays.bins[a], arrays.stages[a], arrays.reset_bin[a]
            edge, spacing, bend, intrinsic = edges_of(arrays, a)
            own.flux[a] = 0.0
            for column in range(arrays.columns[a]):
                c = arrays.column_start[a] + column
                hop_rates(
                    edge, spacing, bend, intrinsic, own.by_column[c, 0], own.by_column[c, 1], own.noise, a, right, left
                )
                first, pool_first = arrays.start[a] + column * bins, arrays.pool_start[a] + column * stages
                fired = hop(
                    low, arrays.reset_share[a], arrays.release[a], dt, right[:bins], left[:bins],
                    density[first : first + bins], pool[pool_first : pool_first + stages], work,
                )  # fmt: skip
                if math.isnan(fired):
                    return step - first_step, a
                own.flux[a] += fired / dt
                spikes[sample, a] += fired
        follow(arrays, dt, delay, mean, variance, own)
        if step + 1 == total:
            switch(arrays, dt / 2.0, own.middle_variance, own.new_variance, density, pool, work, row)
        settle(
            arrays, (step + 1) % every == 0, density, delay, mean, variance, own, mean_voltage[sample],
            spread_voltage[sample], mean_pending[sample], variance_pending[sample],
        )  # fmt: skip
    return steps, -1
