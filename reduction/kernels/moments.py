"""Mean and variance of pending spikes, spikes under way, and the levels of coloured noise, over one step."""

from __future__ import annotations

import math

from numba import njit

_TAIL = 1e-15

_jit = njit(nogil=True, error_model="numpy")


@_jit
def advance_moments(arrays, time, arriving, mean, variance, new_mean, new_variance):
    """Solve dH/dt = -H/tau + p r, dW/dt = -2W/tau + H/tau + p(1-p) r exactly over `time` at constant r.

    Without random consumption dW/dt has no term H/tau.
    """
    for q in range(arrays.target.size):
        if arrays.source[q] < 0:
            new_mean[q], new_variance[q] = mean[q], variance[q]
            continue
        tau, p, r = arrays.tau[q], arrays.probability[q], arriving[q]
        decay = math.exp(-time / tau)
        squared = decay * decay
        gap = (mean[q] - variance[q]) * squared + p * p * r * tau / 2.0 * (1.0 - squared)
        new_mean[q] = mean[q] * decay + p * r * tau * (1.0 - decay)
        if arrays.consumption[q] > 0.0:
            new_variance[q] = new_mean[q] - gap
        else:
            new_variance[q] = variance[q] * squared + p * (1.0 - p) * r * tau / 2.0 * (1.0 - squared)


@_jit
def advance_delays(arrays, time, flux, delay, new_delay, arriving):
    """Move the spikes under way, those of this time entering at its middle; fill the mean rate of arrivals."""
    for q in range(arrays.target.size):
        first, end = arrays.delay_start[q], arrays.delay_start[q + 1]
        if arrays.source[q] < 0:
            arriving[q] = 0.0
            continue
        rate = flux[arrays.source[q]]
        if first == end:
            arriving[q] = rate
            continue
        entering = rate * time
        before = entering
        for s in range(first, end):
            before += delay[s]
        _shift(arrays.delay_rate[q] * time / 2.0, delay[first:end], new_delay[first:end])
        new_delay[first] += entering
        _shift(arrays.delay_rate[q] * time / 2.0, new_delay[first:end], new_delay[first:end])
        for s in range(first, end):
            before -= new_delay[s]
        arriving[q] = before / time


@_jit
def _shift(hops, stages, moved):
    """Move the contents of successive stages by a Poisson number of stages of mean ``hops``."""
    for s in range(stages.size - 1, -1, -1):
        weight = math.exp(-hops)
        total = 0.0
        for k in range(s + 1):
            total += weight * stages[s - k]
            weight *= hops / (k + 1)
        moved[s] = total


@_jit
def flip_probability(tau, time, variance, new_variance):
    """Probability that a telegraph noise of a source has changed its sign while its variance has changed.

    The noise stays at +-sqrt(W / M), and its mean decays as exp(-t / tau).
    """
    if new_variance <= 0.0:
        return 0.5
    ratio = math.sqrt(max(variance, 0.0) / new_variance)
    return min(max(0.5 * (1.0 - math.exp(-time / tau) * ratio), 0.0), 0.5)


@_jit
def fill_transition(flip, number, up, row):
    """Fill the distribution of how many of a number of telegraphs are up when ``up`` of them were."""
    row[: number + 1] = 0.0
    row[0] = 1.0
    for t in range(number):
        probability = 1.0 - flip if t < up else flip
        for i in range(t, -1, -1):
            row[i + 1] += row[i] * probability
            row[i] *= 1.0 - probability


@_jit
def switch_levels(flip, number, stride, columns, values, work, row):
    """Mix the columns (rows of ``values``) that differ in the digit of one source."""
    width = values.shape[1]
    for base in range(columns):
        if (base // stride) % (number + 1) > 0:
            continue
        for i in range(number + 1):
            for k in range(width):
                work[i, k] = 0.0
        for j in range(number + 1):
            fill_transition(flip, number, j, row)
            for i in range(number + 1):
                for k in range(width):
                    work[i, k] += row[i] * values[base + j * stride, k]
        for i in range(number + 1):
            for k in range(width):
                values[base + i * stride, k] = work[i, k]
