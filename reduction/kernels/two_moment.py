"""The published two-moment scheme of [C25]: counts and mean voltages of wide bins, convolved with a Gaussian."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_REACH = 7.0
_LEAST_WIDTH = 1e-4
_ROOT_HALF = math.sqrt(0.5)
_ROOT_TAU = 1.0 / math.sqrt(2.0 * math.pi)


@njit(nogil=True, cache=True, inline="always")
def _integrals(z):
    """First and second antiderivative of the normal distribution function at z."""
    if z < -_REACH:
        return 0.0, 0.0
    if z > _REACH:
        return z, 0.5 * (z * z + 1.0)
    below = 0.5 * math.erfc(-z * _ROOT_HALF)
    at = _ROOT_TAU * math.exp(-0.5 * z * z)
    return z * below + at, 0.5 * ((z * z + 1.0) * below + z * at)


@njit(nogil=True, cache=True, inline="always")
def _filled_part(low, high, mean):
    """Return the part of a bin over which its neurons, of a mean voltage, are spread evenly."""
    if mean < 0.5 * (low + high):
        return low, max(2.0 * mean - low, low + _LEAST_WIDTH)
    return min(2.0 * mean - high, high - _LEAST_WIDTH), high


@njit(nogil=True, cache=True)
def _deviation(count, voltage, held, reset, size, floor, width):
    """Return the standard deviation of a population's voltages; those of ``held`` neurons are at reset."""
    mean = (voltage.sum() + held * reset) / size
    total = held * (reset - mean) ** 2
    for k in range(count.size):
        if count[k] > 0.0:
            low = floor + k * width
            v = min(max(voltage[k] / count[k], low), low + width)
            first, last = _filled_part(low, low + width, v)
            total += count[k] * ((v - mean) ** 2 + (last - first) ** 2 / 12.0)
    return math.sqrt(total / size)


@njit(nogil=True, cache=True)
def _spread(count, low, high, mu, deviation, floor, width, bins, new_count, new_voltage):
    """Move one bin's neurons, uniform on [low, high], by N(mu, deviation^2); return what is above the last bin.

    With F(u) the share below u and M(u) its first moment, M(u) = u F(u) - int F.
    """
    bottom, top = low + mu - _REACH * deviation, high + mu + _REACH * deviation
    first = min(max(math.floor((bottom - floor) / width), 0), bins)
    share_below, moment_below = 0.0, 0.0
    mean = 0.5 * (low + high) + mu
    spread = high - low
    for k in range(first, bins):
        edge = floor + (k + 1) * width
        if edge >= top:
            share, moment = 1.0, mean
        elif edge <= bottom:
            continue
        else:
            g_low, k_low = _integrals((edge - low - mu) / deviation)
            g_high, k_high = _integrals((edge - high - mu) / deviation)
            share = deviation / spread * (g_low - g_high)
            moment = edge * share - deviation * deviation / spread * (k_low - k_high)
        new_count[k] += count * (share - share_below)
        new_voltage[k] += count * (moment - moment_below)
        share_below, moment_below = share, moment
        if edge >= top:
            return 0.0
    return count * (1.0 - share_below)


@njit(nogil=True, cache=True)
def integrate(
    arrays, floors, widths, dt, first_step, steps, count, voltage, pool, mean, variance, fired,
    spikes, mean_voltage, spread_voltage, mean_pending, variance_pending,
):  # fmt: skip
    """Take steps of the published scheme; row ``step`` receives what the step has made.

    ``fired`` holds the spikes of the step before, which drive the moments of pending spikes with one step of delay.
    """
    populations, projections = arrays.size.size, arrays.target.size
    new_count, new_voltage = np.empty(count.size), np.empty(count.size)
    new_fired = np.empty(populations)
    for step in range(first_step, first_step + steps):
        for a in range(populations):
            first, end = arrays.start[a], arrays.start[a + 1]
            floor, width = floors[a], widths[a]
            new_count[first:end] = 0.0
            new_voltage[first:end] = 0.0
            crossed = 0.0
            for k in range(first, end):
                if count[k] <= 0.0:
                    continue
                low = floor + (k - first) * width
                high = low + width
                v = min(max(voltage[k] / count[k], low), high)
                mu = arrays.drive_mean[a] - (v - arrays.rest[a]) * arrays.leak[a]
                noise = arrays.drive_variance[a]
                for q in range(projections):
                    if arrays.target[q] == a:
                        c = arrays.weight[q] * (arrays.c0[q] + arrays.c1[q] * v) / arrays.tau[q]
                        mu += c * mean[q]
                        noise += arrays.kappa[q] * c * c * variance[q]
                low, high = _filled_part(low, high, v)
                crossed += _spread(
                    count[k], low, high, mu * dt, math.sqrt(noise * dt), floor, width, end - first,
                    new_count[first:end], new_voltage[first:end],
                )  # fmt: skip
            pool[a] += crossed
            released = abs(dt * (crossed - pool[a] * arrays.release[a]))
            pool[a] -= released
            into = arrays.reset_bin[a]
            new_count[into] += released
            new_voltage[into] += released * arrays.reset[a]
            new_fired[a] = crossed
        for q in range(projections):
            rate, tau, p = fired[arrays.source[q]] / dt, arrays.tau[q], arrays.probability[q]
            old = mean[q]
            mean[q] += dt * (-old / tau + p * rate)
            variance[q] += dt * ((old - 2.0 * variance[q]) / tau + p * (1.0 - p) * rate)
        count[:] = new_count
        voltage[:] = new_voltage
        fired[:] = new_fired
        for a in range(populations):
            spikes[step, a] = fired[a]
            held = pool[a] * arrays.reset[a]
            own = slice(arrays.start[a], arrays.start[a + 1])
            mean_voltage[step, a] = (voltage[own].sum() + held) / arrays.size[a]
            spread_voltage[step, a] = _deviation(
                count[own], voltage[own], pool[a], arrays.reset[a], arrays.size[a], floors[a], widths[a]
            )
        for q in range(projections):
            mean_pending[step, q] = mean[q]
            variance_pending[step, q] = variance[q]
