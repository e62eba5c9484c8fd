"""One step of the neurons of one population: currents in, voltages moved, spikes out.

``push`` collects the integral of the currents over the step, ``half`` half of the integral of all conductances (over
the leak's capacity), ``jump`` what is added at the step's end.
"""

from __future__ import annotations

import math

from numba import njit

from spiking.kernels.layout import (
    CONDUCTANCE,
    EXPONENTIAL_TIME,
    FIXED,
    GEOMETRIC,
    LINEAR,
    QUADRATIC,
    QUADRATIC_INFINITE,
)
from spiking.kernels.random import normal, search, uniform, word

_CHUNK = 128
_SUBSTEP = 0.2
_ONE_POLE = math.pi**2

_jit = njit(nogil=True, error_model="numpy")


@_jit
def add_process(push, process, words, decay, noise, gain):
    """Advance an Ornstein-Uhlenbeck process exactly; add its mean over the step, given both ends."""
    for i in range(push.size):
        before = process[i]
        process[i] = before * decay + noise * normal(words[i])
        push[i] += gain * (before + process[i])


@_jit
def add_gaussian(sink, words, deviation):
    """Add white noise."""
    for i in range(sink.size):
        sink[i] += deviation * normal(words[i])


@_jit
def add_poisson(sink, words, size, row, lookup, start, thresholds):
    """Add Poisson kicks."""
    cells, first = lookup[row], start[row]
    for i in range(sink.size):
        bits = words[i]
        number = int(cells[bits >> 24])
        if number < 0:
            number = search(bits, -1 - number, first, thresholds)
        sink[i] += size * number


@_jit
def add_pending(push, voltage, level, gain, c0, c1):
    """Add the current of pending spikes at the step's start."""
    for i in range(push.size):
        push[i] += gain * (c0 + c1 * voltage[i]) * level[i]


@_jit
def add_current(push, level, gain, decay):
    """Add an exponential current's exact part in the voltage, and let it decay."""
    for i in range(push.size):
        push[i] += gain * level[i]
        level[i] *= decay


@_jit
def add_conductance(push, half, level, gain, decay, reversal):
    """Add a conductance at its mean over the step, and let it decay."""
    for i in range(push.size):
        mean = gain * level[i]
        half[i] += mean
        push[i] += 2.0 * reversal * mean
        level[i] *= decay


@_jit
def start_with_currents(push, constant, level, gain, decay, other_level, other_gain, other_decay):
    """Set the push to a constant and two exponential currents at once: arrays beyond the first cache cost most."""
    for i in range(push.size):
        push[i] = constant + gain * level[i] + other_gain * other_level[i]
        level[i] *= decay
        other_level[i] *= other_decay


@_jit
def start_with_conductances(
    push, half, constant, leak, level, gain, decay, reversal, other_level, other_gain, other_decay, other_reversal
):
    """Set push and half to a constant, the leak and two conductances at once."""
    for i in range(push.size):
        mean, other_mean = gain * level[i], other_gain * other_level[i]
        half[i] = 0.5 * leak + mean + other_mean
        push[i] = constant + 2.0 * (reversal * mean + other_reversal * other_mean)
        level[i] *= decay
        other_level[i] *= other_decay


@_jit
def add_arrived(sink, level):
    """Add delta kicks, and clear them."""
    for i in range(sink.size):
        sink[i] += level[i]
        level[i] = 0.0


@_jit
def move_linear(voltage, push, hold, step, leak, rest):
    """Move leaky and perfect integrators."""
    for i in range(voltage.size):
        v = voltage[i]
        voltage[i] = v + leak * (rest - v) + push[i] if hold[i] <= step else v


@_jit
def move_conductance(voltage, push, half, hold, step):
    """Move by the implicit midpoint rule, second order; to the goal itself where that would overshoot it (half > 1)."""
    for i in range(voltage.size):
        v = voltage[i]
        moved = (v * max(1.0 - half[i], 0.0) + push[i]) / max(1.0 + half[i], 2.0 * half[i])
        voltage[i] = moved if hold[i] <= step else v


@_jit
def _cosine(x):
    """Return cos(sqrt(x)), an entire function of x of either sign."""
    series = 1.0 - x / 240.0 * (1.0 - x / 306.0)
    for twice in (14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0):
        series = 1.0 - x / (twice * (twice - 1.0)) * series
    return series


@_jit
def _sine(x):
    """Return sin(sqrt(x)) / sqrt(x)."""
    series = 1.0 - x / 272.0 * (1.0 - x / 342.0)
    for twice in (14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0):
        series = 1.0 - x / (twice * (twice + 1.0)) * series
    return series


@_jit
def move_quadratic(voltage, signal, push, hold, step, leak, infinite):
    """Move by the exact solution at constant current, a Moebius map, whose pole is a spike; nan if it has several."""
    for i in range(voltage.size):
        v, x = voltage[i], push[i] * leak
        cosine, sine = _cosine(x), _sine(x)
        pole = cosine - v * leak * sine
        moved = (cosine * v + push[i] * sine) / pole
        moved = moved if infinite or pole > 0.0 else math.inf
        moved = moved if x < _ONE_POLE else math.nan
        voltage[i] = moved if hold[i] <= step else v
        signal[i] = -pole


@_jit
def _upstroke(v, push, half, leak, rest, onset, slope_factor, threshold):
    """Return dV per step of an exponential integrate-and-fire neuron, its exponential cut off at threshold."""
    spike = slope_factor * math.exp((min(v, threshold) - onset) / slope_factor)
    return leak * (rest - v + spike) + push - 2.0 * half * v


@_jit
def _climb(v, share, push, half, leak, rest, onset, slope_factor, threshold):
    """Integrate an exponential neuron finely for a share of a step; return (voltage, share at threshold or `share`)."""
    done = 0.0
    while done < share:
        steepness = leak * (1.0 + math.exp((v - onset) / slope_factor)) + 2.0 * half
        h = min(share - done, _SUBSTEP / steepness)
        k1 = _upstroke(v, push, half, leak, rest, onset, slope_factor, threshold)
        k2 = _upstroke(v + 0.5 * h * k1, push, half, leak, rest, onset, slope_factor, threshold)
        k3 = _upstroke(v + 0.5 * h * k2, push, half, leak, rest, onset, slope_factor, threshold)
        k4 = _upstroke(v + h * k3, push, half, leak, rest, onset, slope_factor, threshold)
        moved = v + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        if moved >= threshold:
            return moved, done + h * (threshold - v) / (moved - v)
        v = moved
        done += h
    return v, share


@_jit
def move_exponential(voltage, push, half, hold, step, leak, rest, onset, slope_factor, threshold):
    """Move by the explicit midpoint rule, and finely above the onset, where a spike rises."""
    for i in range(voltage.size):
        v = voltage[i]
        if hold[i] > step:
            continue
        if v > onset:
            voltage[i] = _climb(v, 1.0, push[i], half[i], leak, rest, onset, slope_factor, threshold)[0]
        else:
            middle = v + 0.5 * _upstroke(v, push[i], half[i], leak, rest, onset, slope_factor, threshold)
            voltage[i] = v + _upstroke(middle, push[i], half[i], leak, rest, onset, slope_factor, threshold)


@_jit
def add_quenched(push, values, scale, most):
    """Add the constant inputs that differ between neurons."""
    for i in range(push.size):
        push[i] += min(scale * values[i], most)


@_jit
def add_jump(voltage, jump, hold, step):
    """Add what the step's end brings to neurons that are not refractory."""
    for i in range(voltage.size):
        voltage[i] += jump[i] if hold[i] <= step else 0.0


@_jit
def mark_crossed(signal, before, voltage, words, hold, step, threshold, variance):
    """Write to ``signal`` the voltage, or threshold if white noise took it there and back within the step.

    A path between two voltages below threshold has crossed it with the probability
    exp(-2 (threshold - v)(threshold - v') / variance) of a Brownian bridge.
    """
    for i in range(voltage.size):
        v = voltage[i]
        signal[i] = v
        if v < threshold and hold[i] <= step:
            exponent = 2.0 * (threshold - before[i]) * (threshold - v) / variance
            if exponent < 40.0 and uniform(words[i]) < math.exp(-exponent):
                signal[i] = threshold


@_jit
def _count(signal, level):
    number = 0
    for i in range(signal.size):
        number += signal[i] >= level
    return number


@_jit
def _holding(kind, first, second, key, step, use, neuron):
    """Return a refractory time in steps."""
    if kind == FIXED and second == 0.0:
        return first
    bits = word(key, step, use, neuron)
    if kind == FIXED:
        return first + second * uniform(bits)
    if kind == GEOMETRIC:
        return 1.0 + int(math.log(uniform(bits)) / first)
    if kind == EXPONENTIAL_TIME:
        return -first * math.log(uniform(bits))
    return max(0.0, first + second * normal(bits))


@_jit
def fire(
    signal, level, voltage, hold, first_neuron, step, threshold, reset, keep_excess, infinite,
    kind, first_time, second_time, key, use, time, fired, times, senders,
):  # fmt: skip
    """Reset the neurons whose signal has reached the level; append their spikes; return the number of all so far."""
    for begin in range(0, signal.size, _CHUNK):
        end = min(begin + _CHUNK, signal.size)
        missing = _count(signal[begin:end], level)
        i = begin
        while missing > 0:
            if signal[i] >= level:
                missing -= 1
                if keep_excess:
                    voltage[i] += reset - threshold
                elif not infinite:
                    voltage[i] = reset
                hold[i] = step + 1 + int(_holding(kind, first_time, second_time, key, step, use, i) + 0.5)
                times[fired] = time
                senders[fired] = first_neuron + i
                fired += 1
            i += 1
    return fired


@_jit
def _log_kept(half):
    """Return the logarithm of the share of its distance from the goal that `move_conductance` leaves to a voltage."""
    return math.log(max((1.0 - half) / (1.0 + half), 1e-12))


@_jit
def _after(kind, v, share, push, half, leak, rest, onset, slope_factor, threshold):
    """Return the voltage after a share of a step at constant input."""
    if kind == LINEAR and leak == 0.0:
        return v + share * push
    if kind == LINEAR:
        goal = rest + push / leak
        return goal + (v - goal) * math.exp(share * math.log1p(-leak))
    if kind == CONDUCTANCE:
        goal = push / (2.0 * half)
        return goal + (v - goal) * math.exp(share * _log_kept(half))
    if kind == QUADRATIC:
        x = push * leak * share * share
        cosine, sine = _cosine(x), _sine(x)
        pole = cosine - v * leak * share * sine
        return (cosine * v + push * share * sine) / pole if pole > 0.0 else math.inf
    return _climb(v, share, push, half, leak, rest, onset, slope_factor, threshold)[0]


@_jit
def _crossing(kind, v, push, half, leak, rest, onset, slope_factor, threshold):
    """Return the share of a step after which a voltage reaches threshold at constant input."""
    if v >= threshold:
        return 0.0
    if kind == LINEAR and leak == 0.0:
        return (threshold - v) / push
    if kind == LINEAR:
        goal = rest + push / leak
        return math.log((goal - threshold) / (goal - v)) / math.log1p(-leak)
    if kind == CONDUCTANCE:
        goal = push / (2.0 * half)
        return math.log((goal - threshold) / (goal - v)) / _log_kept(half)
    if kind in (QUADRATIC, QUADRATIC_INFINITE):
        drive = push / leak
        root = math.sqrt(abs(drive))
        if drive > 0.0:
            return (math.atan(threshold / root) - math.atan(v / root)) / (root * leak)
        if drive == 0.0:
            return (1.0 / v - 1.0 / threshold) / leak
        far = (threshold - root) / (threshold + root) if threshold < math.inf else 1.0
        return math.log(far * (v + root) / (v - root)) / (2.0 * root * leak)
    return _climb(v, 1.0, push, half, leak, rest, onset, slope_factor, threshold)[1]


@_jit
def release(voltage, before, hold, late, step, kind, push, half, reset, leak, rest, onset, slope_factor, threshold):
    """Move neurons that are released within the step from then on only."""
    for i in range(voltage.size):
        if hold[i] == step and late[i] > 0.0:
            before[i] = reset
            voltage[i] = _after(
                kind, reset, 1.0 - late[i], push[i], half[i], leak, rest, onset, slope_factor, threshold
            )


@_jit
def fire_between(
    signal, level, before, voltage, hold, late, first_neuron, step, kind, push, half,
    reset, leak, rest, onset, slope_factor, threshold,
    refractory, first_time, second_time, key, use, first_step, dt, fired, times, senders,
):  # fmt: skip
    """As `fire`, with spikes and releases at the times at which they fall; times count from ``first_step``."""
    for i in range(signal.size):
        if signal[i] >= level and hold[i] <= step:
            begun = late[i] if hold[i] == step else 0.0
            share = begun + _crossing(kind, before[i], push[i], half[i], leak, rest, onset, slope_factor, threshold)
            if not share <= 1.0:
                share = 1.0
            times[fired] = (step - first_step + share) * dt
            senders[fired] = first_neuron + i
            fired += 1
            if kind == QUADRATIC_INFINITE:
                continue
            released = share + _holding(refractory, first_time, second_time, key, step, use, i)
            if released < 1.0:
                voltage[i] = _after(
                    kind, reset, 1.0 - released, push[i], half[i], leak, rest, onset, slope_factor, threshold
                )
                hold[i] = step + 1
                late[i] = 0.0
            else:
                voltage[i] = reset
                hold[i] = step + int(released)
                late[i] = released - int(released)
    return fired
