"""Exact, event-driven simulation of annealed kick networks ([LCY19]): every clock is exponential.

Indices as in `layout.py`. Pending spikes are chosen with equal chances through a binary indexed tree per projection
(Fenwick 1994) and times are counted from the last grid time, so that what happens next depends on the state alone: a
run can stop and go on bit-identically.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def advance(
    rng, first_step, steps, every, dt,
    start, threshold, reset, rest, leak, drive_rate, drive_size, release,
    target, source, pending_start, gain, tau, c0, c1, rounded, probability,
    voltage, refractory, pending, counts, mean_voltage, spread_voltage, mean_pending, arrivals, spike_times,
    spike_senders,
):  # fmt: skip
    """Advance the network over a grid on which samples are taken; stop early if the spike buffer might overflow.

    ``leak`` and ``release`` are rates in 1/ms; a release of 0 means no refractory time.

    Returns
    -------
    steps_done, spikes : int
        Spikes -1: more in one step than the buffer holds.
    """
    populations, projections = threshold.size, target.size
    population = np.empty(voltage.size, np.int64)
    held = np.zeros(populations, np.int64)
    for a in range(populations):
        for i in range(start[a], start[a + 1]):
            population[i] = a
            held[a] += refractory[i]
    waiting = np.zeros(projections, np.int64)
    tree = np.zeros(pending.size + projections, np.int64)
    for q in range(projections):
        base, size = pending_start[q] + q, pending_start[q + 1] - pending_start[q]
        for j in range(size):
            waiting[q] += pending[pending_start[q] + j]
            tree[base + j + 1] += pending[pending_start[q] + j]
            above = (j + 1) + ((j + 1) & -(j + 1))
            if above <= size:
                tree[base + above] += tree[base + j + 1]
    updated = np.empty(voltage.size)
    fired = 0
    for done in range(steps):
        step = first_step + done
        if fired + voltage.size > spike_times.size:
            return done, fired
        sample = step // every
        now = 0.0
        updated[:] = 0.0
        while True:
            total = 0.0
            for a in range(populations):
                total += drive_rate[a] * (start[a + 1] - start[a]) + release[a] * held[a]
            for q in range(projections):
                total += waiting[q] / tau[q]
            if total == 0.0:
                break
            now += rng.standard_exponential() / total
            if now > dt:
                break
            u = rng.random() * total

            hit, through = -1, -1
            for a in range(populations):
                share = drive_rate[a] * (start[a + 1] - start[a])
                if u < share:
                    hit = start[a] + min(int(u / drive_rate[a]), start[a + 1] - start[a] - 1)
                    break
                u -= share
                share = release[a] * held[a]
                if u < share:
                    place = min(int(u / release[a]), held[a] - 1)
                    i = start[a]
                    while refractory[i] == 0 or place > 0:
                        place -= refractory[i]
                        i += 1
                    refractory[i] = 0
                    held[a] -= 1
                    hit = -2
                    break
                u -= share
            if hit == -2 or (hit == -1 and projections == 0):
                continue
            if hit == -1:
                q = 0
                while q < projections - 1 and u >= waiting[q] / tau[q]:
                    u -= waiting[q] / tau[q]
                    q += 1
                if waiting[q] == 0:
                    continue
                place = min(int(u * tau[q]), waiting[q] - 1)
                base, size = pending_start[q] + q, pending_start[q + 1] - pending_start[q]
                j, span = 0, 1
                while 2 * span <= size:
                    span *= 2
                while span > 0:
                    if j + span <= size and tree[base + j + span] <= place:
                        j += span
                        place -= tree[base + j]
                    span >>= 1
                pending[pending_start[q] + j] -= 1
                waiting[q] -= 1
                above = j + 1
                while above <= size:
                    tree[base + above] -= 1
                    above += above & -above
                hit = start[target[q]] + j
                through = q

            if refractory[hit] == 1:
                continue
            a = population[hit]
            if leak[a] > 0.0:
                voltage[hit] = rest[a] + (voltage[hit] - rest[a]) * math.exp(-leak[a] * (now - updated[hit]))
                updated[hit] = now
            jump = drive_size[a]
            if through >= 0:
                jump = gain[through] * (c0[through] + c1[through] * voltage[hit])
                if rounded[through]:
                    jump = math.floor(jump + rng.random())
            voltage[hit] += jump
            if voltage[hit] < threshold[a]:
                continue
            if fired == spike_times.size:
                return done, -1
            voltage[hit] = reset[a]
            spike_times[fired] = step * dt + now
            spike_senders[fired] = hit
            fired += 1
            counts[sample, a] += 1
            if release[a] > 0.0:
                refractory[hit] = 1
                held[a] += 1
            for q in range(projections):
                if source[q] != a:
                    continue
                base, size = pending_start[q] + q, pending_start[q + 1] - pending_start[q]
                for j in range(size):
                    if rng.random() < probability[q]:
                        pending[pending_start[q] + j] += 1
                        waiting[q] += 1
                        arrivals[0] += 1
                        above = j + 1
                        while above <= size:
                            tree[base + above] += 1
                            above += above & -above

        for a in range(populations):
            if leak[a] > 0.0:
                for i in range(start[a], start[a + 1]):
                    if refractory[i] == 0:
                        voltage[i] = rest[a] + (voltage[i] - rest[a]) * math.exp(-leak[a] * (dt - updated[i]))
        if (step + 1) % every == 0:
            for a in range(populations):
                own_voltage = voltage[start[a] : start[a + 1]]
                mean_voltage[sample, a] = own_voltage.mean()
                spread_voltage[sample, a] = own_voltage.std()
            for q in range(projections):
                mean_pending[sample, q] = pending[pending_start[q] : pending_start[q + 1]].mean()
    return steps, fired
