"""Paths of leaky neurons with exponential currents, their spikes at exact times within a step, and tangent vectors.

Over a step the noise is constant, so that voltages and currents are exponentials of time between spikes. A zero (or
infinity) marks what is absent: a crossing that does not come is due at infinity.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels import SOURCES
from spiking.kernels.random import normal, word

NOISE = 0

_MOST_NEWTON = 100
_MOST_SPIKES = 1000
_PATIENCE = 2
_LEAST = 1e-3
_ROUNDING = 1e-9

_jit = njit(nogil=True, error_model="numpy")


@_jit
def responses(time, leak, tau):
    """Return what is left of a voltage and of a current after a time, and the voltage that a unit of either drives.

    Returns
    -------
    kept, left : float
        exp(-leak t), exp(-t / tau).
    steady, decaying : float
        Voltage from a constant current of 1, and from one that decays from 1.
    """
    kept, left = math.exp(-leak * time), math.exp(-time / tau)
    x = (leak - 1.0 / tau) * time
    ratio = math.expm1(x) / x if abs(x) > 1e-5 else 1.0 + x * (0.5 + x / 6.0)
    return kept, left, -math.expm1(-leak * time) / leak, kept * time * ratio


@_jit
def moved(time, voltage, current, level, leak, rest, tau):
    """Return voltage and current after a time in which the current relaxes towards a level."""
    kept, left, steady, decaying = responses(time, leak, tau)
    return (
        rest + kept * (voltage - rest) + steady * level + decaying * (current - level),
        level + left * (current - level),
    )


@_jit
def crossing(voltage, current, level, leak, rest, tau, threshold, span):
    """Return the first time in a span at which a voltage reaches the threshold from below; infinity if it does not.

    The speed of the voltage changes its sign at most once: the voltage is greatest at the end or where that is zero.
    """
    if voltage >= threshold:
        return 0.0
    speed = current - leak * (voltage - rest)
    if voltage + span * (max(0.0, speed) + span * max(0.0, (level - current) / tau)) < threshold:
        return math.inf
    end, last = moved(span, voltage, current, level, leak, rest, tau)
    if end < threshold:
        if speed <= 0.0 or last - leak * (end - rest) >= 0.0:
            return math.inf
        low, high, time = 0.0, span, 0.5 * span
        for _ in range(_MOST_NEWTON):
            v, c = moved(time, voltage, current, level, leak, rest, tau)
            a = c - leak * (v - rest)
            low, high = (time, high) if a > 0.0 else (low, time)
            following = time - a / ((level - c) / tau - leak * a)
            following = following if low < following < high else 0.5 * (low + high)
            if abs(following - time) <= 1e-16 * span:
                break
            time = following
        if moved(time, voltage, current, level, leak, rest, tau)[0] < threshold:
            return math.inf
        span = time
    low, high, time = 0.0, span, span
    for _ in range(_MOST_NEWTON):
        v, c = moved(time, voltage, current, level, leak, rest, tau)
        low, high = (time, high) if v < threshold else (low, time)
        a = c - leak * (v - rest)
        following = time - (v - threshold) / a
        following = following if low < following < high else 0.5 * (low + high)
        if abs(following - time) <= 1e-16 * span:
            return following
        time = following
    return time


@_jit
def through(voltage, current, level, leak, rest, tau, threshold, reset, span, speeds, number):
    """Carry one neuron through a step, up to 1000 spikes; the speeds of its crossings are added to a list.

    Returns
    -------
    voltage, current : float
    logarithm : float
        Of the factors by which its resets stretch a difference of voltages.
    number : int
        Of speeds in the list.
    """
    logarithm, rise = 0.0, leak * (threshold - reset)
    for _ in range(_MOST_SPIKES):
        time = crossing(voltage, current, level, leak, rest, tau, threshold, span)
        if time == math.inf:
            break
        voltage, current = moved(time, voltage, current, level, leak, rest, tau)
        speed = current - leak * (threshold - rest)
        logarithm += math.log((speed + rise) / speed)
        speeds[number] = speed
        number += 1
        voltage, span = reset, span - time
    voltage, current = moved(span, voltage, current, level, leak, rest, tau)
    return voltage, current, logarithm, number


@_jit
def suited(voltage, current, leak, rest, tau, threshold, noise, dt):
    """Return a step between dt / 1000 and dt, in proportion to the time in which noise changes how a neuron crosses.

    Near the threshold at a low speed A the path is that of a noisy acceleration: a distance x or a speed A belong to
    times of the order of (2 x^2 / noise^2)^(1/3) and 2 A^2 / noise^2. Where this is less than the shorter time
    constant, the step is smaller than dt by the same factor.
    """
    strength = 0.5 * noise * noise * min(1.0 / leak, tau)
    speed, distance = current - leak * (voltage - rest), threshold - voltage
    part = speed * speed / strength
    if part >= 1.0:
        return dt
    return dt * min(
        1.0, max(part, (distance * distance / (strength * min(1.0 / leak, tau) ** 2)) ** (1.0 / 3.0), _LEAST)
    )


@njit(nogil=True, cache=True, error_model="numpy")
def follow_neuron(
    key, samples, length, dt, neuron, distance, state, place, growth, counts, speeds, sources=SOURCES,
):  # fmt: skip
    """Follow one neuron and, if a distance is given, a copy that far from it under the same noise.

    The copy's difference is measured and reset to the distance after every step in which both have spiked equally
    often. If one has not followed within two steps, the copy starts anew beside the neuron. What rounding leaves of a
    sample belongs to its last step.

    Parameters
    ----------
    samples : int
        Where to stop: index of a sample.
    length : float
        Of a sample, in ms.
    neuron : array, shape (7,)
        Leak, rest, threshold, reset, mean, tau (infinite: a constant current) and noise of its current.
    distance : float
        0: differences are those of the linearised flow, factors at resets and decay between.
    state : array, shape (5,)
        Voltage, current, copy's voltage, time in the sample, time since the copy was set; changed.
    place : array of int, shape (4,)
        Step, sample, spikes that the copy is ahead, steps since it was set; changed.
    growth : array, shape (samples,)
        Logarithm of the growth, added up.
    counts : array, shape (samples,)
        Spikes.
    speeds : array
        Of crossings; the run stops before it is full.

    Returns
    -------
    found, lost : int
        Speeds (-1: 1000 spikes in a step), and how often a copy started anew.
    """
    found = lost = 0
    leak, rest, threshold, reset, mean, tau, noise = neuron
    voltage, current, copy, time, since = state
    step, sample, missing, apart = place
    others = np.empty(_MOST_SPIKES)
    deviation = noise * math.sqrt(0.5 * tau) if noise > 0.0 else 0.0
    while sample < samples and found + _MOST_SPIKES <= speeds.size:
        span = suited(voltage, current, leak, rest, tau, threshold, noise, dt) if noise > 0.0 else dt
        last = length - time <= span * (1.0 + _ROUNDING)
        span = length - time if last else span
        level = mean
        if noise > 0.0:
            level += deviation / math.sqrt(math.tanh(0.5 * span / tau)) * normal(word(key, step, NOISE, 0))
        before, start, own = found, current, 0
        voltage, current, logarithm, found = through(
            voltage, start, level, leak, rest, tau, threshold, reset, span, speeds, before
        )
        counts[sample] += found - before
        if distance > 0.0:
            copy, _, _, own = through(copy, start, level, leak, rest, tau, threshold, reset, span, others, 0)
        if max(found - before, own) == _MOST_SPIKES:
            return -1, lost
        if distance == 0.0:
            growth[sample] += logarithm - leak * span
        else:
            missing, apart, since = missing + own - (found - before), apart + 1, since + span
            if missing == 0:
                growth[sample] += math.log(abs(copy - voltage) / distance)
                copy, apart, since = voltage + math.copysign(distance, copy - voltage), 0, 0.0
            elif apart > _PATIENCE:
                growth[sample] -= leak * since
                copy, missing, apart, since = voltage - distance, 0, 0, 0.0
                lost += 1
        step += 1
        time += span
        if last:
            sample, time = sample + 1, 0.0
    state[:] = voltage, current, copy, time, since
    place[:] = step, sample, missing, apart
    return found, lost


@_jit
def orthonormalise(directions, growth):
    """Make rows orthonormal, one after the other, and add the logarithms of the lengths that each adds."""
    for m in range(directions.shape[0]):
        for _ in range(2):
            for k in range(m):
                along = np.dot(directions[k], directions[m])
                for i in range(directions.shape[1]):
                    directions[m, i] -= along * directions[k, i]
        length = math.sqrt(np.dot(directions[m], directions[m]))
        growth[m] += math.log(length)
        directions[m] /= length


@_jit
def carry(j, time, voltage, current, level, leak, rest, tau, at, directions):
    """Carry one neuron and its rows of the tangent vectors up to a time within the step."""
    span = time - at[j]
    if span <= 0.0:
        return
    neurons = voltage.size
    voltage[j], current[j] = moved(span, voltage[j], current[j], level[j], leak[j], rest[j], tau[j])
    kept, left, _, decaying = responses(span, leak[j], tau[j])
    for m in range(directions.shape[0]):
        directions[m, j] = kept * directions[m, j] + decaying * directions[m, neurons + j]
        directions[m, neurons + j] *= left
    at[j] = time


@_jit
def spike(j, time, voltage, current, level, leak, rest, tau, threshold, reset, first, targets, jumps, at, directions):
    """Reset a neuron and let its targets' currents jump; return the logarithm of the saltation matrix' determinant.

    The spike comes earlier by (difference of voltage) / speed: in that time the neuron would have gained voltage at the
    speed that it has after the reset, and each target gains jump, and loses jump / tau, of current.
    """
    neurons = voltage.size
    carry(j, time, voltage, current, level, leak, rest, tau, at, directions)
    speed = current[j] - leak[j] * (threshold[j] - rest[j])
    ahead = current[j] - leak[j] * (reset[j] - rest[j])
    voltage[j] = reset[j]
    for edge in range(first[j], first[j + 1]):
        if targets[edge] == j:
            ahead += jumps[edge]
    for edge in range(first[j], first[j + 1]):
        k = targets[edge]
        carry(k, time, voltage, current, level, leak, rest, tau, at, directions)
        current[k] += jumps[edge]
        for m in range(directions.shape[0]):
            early = directions[m, j] / speed
            if k != j:
                directions[m, k] += jumps[edge] * early
            directions[m, neurons + k] -= jumps[edge] / tau[k] * early
    for m in range(directions.shape[0]):
        directions[m, j] *= ahead / speed
    return math.log(abs(ahead / speed))


@njit(nogil=True, cache=True, error_model="numpy")
def follow_network(
    key, first_step, steps, every, dt, leak, rest, threshold, reset, mean, tau, spread, first, targets, jumps,
    voltage, current, directions, growth, volume, counts, sources=SOURCES,
):  # fmt: skip
    """Follow a network and its tangent vectors; these are made orthonormal at the end of each sample.

    Parameters
    ----------
    directions : array, shape (vectors, 2 * neurons)
        Differences of the voltages, then of the currents; changed, as voltage and current are.
    growth : array, shape (samples, vectors)
    volume : array, shape (samples,)
        Logarithm of the growth of all volumes, added up.
    counts : array, shape (samples, neurons)
        Spikes.

    Returns
    -------
    done : int
        Steps; fewer if a neuron fires more than 1000 times in a step.
    """
    neurons, vectors = voltage.size, directions.shape[0]
    level, at, due = np.empty(neurons), np.empty(neurons), np.empty(neurons)
    kept, left, steady, decaying = np.empty(neurons), np.empty(neurons), np.empty(neurons), np.empty(neurons)
    shrinking = 0.0
    for i in range(neurons):
        kept[i], left[i], steady[i], decaying[i] = responses(dt, leak[i], tau[i])
        shrinking += dt * (leak[i] + 1.0 / tau[i])
    for n in range(steps):
        step = first_step + n
        sample = n // every
        waiting = 0
        for i in range(neurons):
            level[i] = mean[i]
            if spread[i] > 0.0:
                level[i] += spread[i] * normal(word(key, step, NOISE, i))
            at[i] = 0.0
            due[i] = crossing(
                voltage[i], current[i], level[i], leak[i], rest[i], tau[i], threshold[i], dt
            )  # fmt: skip
            waiting += due[i] < math.inf
        volume[sample] -= shrinking
        fired = 0
        while waiting > 0:
            j = np.argmin(due)
            time = due[j]
            if time == math.inf:
                break
            fired += 1
            if fired > _MOST_SPIKES * neurons:
                return n
            volume[sample] += spike(
                j, time, voltage, current, level, leak, rest, tau, threshold, reset, first, targets, jumps, at,
                directions,
            )  # fmt: skip
            counts[sample, j] += 1
            due[j] = time + crossing(
                voltage[j], current[j], level[j], leak[j], rest[j], tau[j], threshold[j], dt - time
            )
            for edge in range(first[j], first[j + 1]):
                k = targets[edge]
                due[k] = time + crossing(
                    voltage[k], current[k], level[k], leak[k], rest[k], tau[k], threshold[k], dt - time
                )
        for i in range(neurons):
            if at[i] > 0.0:
                carry(i, dt, voltage, current, level, leak, rest, tau, at, directions)
        for i in range(neurons):
            if at[i] == 0.0:
                v, c = voltage[i], current[i] - level[i]
                voltage[i] = rest[i] + kept[i] * (v - rest[i]) + steady[i] * level[i] + decaying[i] * c
                current[i] = level[i] + left[i] * c
                for m in range(vectors):
                    directions[m, i] = kept[i] * directions[m, i] + decaying[i] * directions[m, neurons + i]
                    directions[m, neurons + i] *= left[i]
        if (n + 1) % every == 0:
            orthonormalise(directions, growth[sample])
    return steps
