"""One step after another of a network with annealed pending-spike synapses.

Indices: neurons are numbered population by population; the pending spikes of projection q onto the neurons of its
target stand in ``pending[pending_start[q]:pending_start[q + 1]]``. The inhibitory factor c(v) is ``c0 + c1 v``.
``refractory`` counts the steps left, or is 1 until the release with probability ``release`` per step (negative: fixed).
Loops over neurons are functions of their own: passing a generator costs a reference count, once per loop.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels.tables import BINOMIAL_COARSE, COARSE, FINE, FINE_BITS, GUIDE

NO_DRIVE, GAUSSIAN, POISSON = 0, 1, 2


@njit(nogil=True, cache=True)
def _consume(rng, pending, first, end, rate, binomial, row, cdf, start, guide, consumed):
    """Draw min(H, Poisson(H * rate)) or Binomial(H, rate) for every H, take it away and keep it in ``consumed``."""
    for j in range(first, end):
        waiting = pending[j]
        number = 0
        if waiting >= COARSE * FINE:
            number = rng.binomial(waiting, rate) if binomial else rng.poisson(waiting * rate)
        elif waiting > 0:
            u = rng.random()
            k = start[row + (waiting & (FINE - 1))]
            k_first = k
            k += guide[row + (waiting & (FINE - 1)), int(u * GUIDE)]
            while u >= cdf[k]:
                k += 1
            number = k - k_first
            if waiting >= FINE:
                u = rng.random()
                k_first = start[row + FINE + (waiting >> FINE_BITS)]
                k = k_first + guide[row + FINE + (waiting >> FINE_BITS), int(u * GUIDE)]
                while u >= cdf[k]:
                    k += 1
                number += k - k_first
        number = min(waiting, number)
        pending[j] = waiting - number
        consumed[j - first] = number


@njit(nogil=True, cache=True)
def _arrive(rng, pending, first, end, spikes, probability, row, cdf, start, guide):
    """Add Binomial(spikes, probability) to every H."""
    if spikes >= BINOMIAL_COARSE * FINE:
        for j in range(first, end):
            pending[j] += rng.binomial(spikes, probability)
        return
    for part in ((row + (spikes & (FINE - 1))), (row + FINE + (spikes >> FINE_BITS))):
        k_first = start[part]
        if cdf[k_first] >= 1.0:
            continue
        for j in range(first, end):
            u = rng.random()
            k = k_first + guide[part, int(u * GUIDE)]
            while u >= cdf[k]:
                k += 1
            pending[j] += k - k_first


@njit(nogil=True, cache=True)
def _kick(rng, voltage, refractory, first, end, consumed, gain, c0, c1, rounded):
    """Let every consumed spike move the voltage of its target, one after the other."""
    for i in range(first, end):
        if refractory[i] == 0:
            for _ in range(consumed[i - first]):
                jump = gain * (c0 + c1 * voltage[i])
                voltage[i] += math.floor(jump + rng.random()) if rounded else jump


@njit(nogil=True, cache=True)
def _drive(rng, increment, refractory, first, end, kind, deviation, size, row, cdf, start, guide):
    """Add the random part of the drive to the increments of neurons that are not refractory."""
    for i in range(first, end):
        if refractory[i] == 0:
            if kind == GAUSSIAN:
                increment[i] += deviation * rng.standard_normal()
            else:
                u = rng.random()
                k = start[row] + guide[row, int(u * GUIDE)]
                while u >= cdf[k]:
                    k += 1
                increment[i] += size * (k - start[row])


@njit(nogil=True, cache=True)
def _fire(
    rng, voltage, refractory, increment, first, end, threshold, reset, bridge, refractory_steps, release,
    time, fired, spike_times, spike_senders,
):  # fmt: skip
    """Move voltages, collect the spikes of those at threshold, release refractory neurons; return all spikes so far.

    ``bridge``, if positive, is the variance of white noise over the step: a path between two voltages below threshold
    has crossed it with the probability exp(-2 (threshold - v)(threshold - v') / variance) of a Brownian bridge.
    """
    for i in range(first, end):
        if refractory[i] == 0:
            v = voltage[i] + increment[i]
            crossed = v >= threshold
            if bridge > 0.0 and not crossed:
                exponent = 2.0 * (threshold - voltage[i]) * (threshold - v) / bridge
                crossed = exponent < 40.0 and rng.random() < math.exp(-exponent)
            if crossed:
                v = reset if refractory_steps > 0 or bridge == 0.0 else v - threshold + reset
                refractory[i] = refractory_steps
                spike_times[fired] = time
                spike_senders[fired] = i
                fired += 1
            voltage[i] = v
        elif release < 0.0:
            refractory[i] -= 1
        elif rng.random() < release:
            refractory[i] = 0
    return fired


@njit(nogil=True, cache=True)
def advance(
    rng, first_step, steps, every, dt,
    start, threshold, reset, rest, leak, bridge, binomial,
    drive_kind, drive_mean, drive_deviation, drive_size, drive_cdf, drive_start, drive_guide,
    refractory_steps, release,
    target, source, pending_start, kick, gain, c0, c1, rounded, consumption, probability,
    consumption_cdf, consumption_start, consumption_guide, arrival_cdf, arrival_start, arrival_guide,
    voltage, refractory, pending, counts, mean_voltage, mean_pending, spike_times, spike_senders,
):  # fmt: skip
    """Advance the network; stop early if the spike buffer might overflow.

    Returns
    -------
    steps_done, spikes : int
    """
    populations = threshold.size
    projections = target.size
    increment = np.empty(voltage.size)
    consumed = np.empty(voltage.size, np.int64)
    arrived = np.empty(populations, np.int64)
    fired = 0
    for done in range(steps):
        step = first_step + done
        if fired + voltage.size > spike_times.size:
            return done, fired
        sample = step // every

        for q in range(projections):
            if kick[q]:
                a = target[q]
                _consume(
                    rng, pending, pending_start[q], pending_start[q + 1], consumption[q], binomial, q * (FINE + COARSE),
                    consumption_cdf, consumption_start, consumption_guide, consumed,
                )  # fmt: skip
                _kick(rng, voltage, refractory, start[a], start[a + 1], consumed, gain[q], c0[q], c1[q], rounded[q])

        for a in range(populations):
            for i in range(start[a], start[a + 1]):
                increment[i] = drive_mean[a] + leak[a] * (rest[a] - voltage[i])
        for q in range(projections):
            if not kick[q]:
                offset = pending_start[q] - start[target[q]]
                for i in range(start[target[q]], start[target[q] + 1]):
                    increment[i] += gain[q] * (c0[q] + c1[q] * voltage[i]) * pending[offset + i]

        for a in range(populations):
            if drive_kind[a] != NO_DRIVE:
                _drive(
                    rng, increment, refractory, start[a], start[a + 1], drive_kind[a], drive_deviation[a],
                    drive_size[a], a, drive_cdf, drive_start, drive_guide,
                )  # fmt: skip
            before = fired
            fired = _fire(
                rng, voltage, refractory, increment, start[a], start[a + 1], threshold[a], reset[a],
                bridge[a], refractory_steps[a], release[a], (step + 1) * dt, fired, spike_times, spike_senders,
            )  # fmt: skip
            arrived[a] = fired - before
            counts[sample, a] += fired - before

        for q in range(projections):
            if not kick[q]:
                _consume(
                    rng, pending, pending_start[q], pending_start[q + 1], consumption[q], binomial, q * (FINE + COARSE),
                    consumption_cdf, consumption_start, consumption_guide, consumed,
                )  # fmt: skip
            if arrived[source[q]] > 0:
                _arrive(
                    rng, pending, pending_start[q], pending_start[q + 1], arrived[source[q]], probability[q],
                    q * (FINE + BINOMIAL_COARSE), arrival_cdf, arrival_start, arrival_guide,
                )  # fmt: skip

        if (step + 1) % every == 0:
            for a in range(populations):
                mean_voltage[sample, a] = voltage[start[a] : start[a + 1]].mean()
            for q in range(projections):
                mean_pending[sample, q] = pending[pending_start[q] : pending_start[q + 1]].mean()
    return steps, fired
