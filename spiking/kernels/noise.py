"""Leaky integrate-and-fire neurons in noise, without synapses between them: Euler steps, spikes, sample moments."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels import SOURCES
from spiking.kernels.random import fill, normal, search, uniform, word

CURRENT_USE, EXCITATION_USE, INHIBITION_USE, REFRACTORY_USE = range(4)
FIXED_TIME, EXPONENTIAL_TIME, NORMAL_TIME = range(3)
MOST_STEPS = 2.0**62
"""Of a run, and of a refractory time: their sum is an integer of 64 bits."""

_jit = njit(nogil=True, error_model="numpy")


@_jit
def _receive(level, words, decay, weight, row, lookup, start, thresholds):
    """Let conductances decay, and add a Poisson number of spikes to each."""
    cells, first = lookup[row], start[row]
    for i in range(level.size):
        bits = words[i]
        number = int(cells[bits >> 24])
        if number < 0:
            number = search(bits, -1 - number, first, thresholds)
        level[i] += weight * number - decay * level[i]


@_jit
def _drift(voltage, hold, step, push, decay):
    for i in range(voltage.size):
        v = voltage[i]
        voltage[i] = v + (push - decay * v) if hold[i] <= step else v


@_jit
def _drift_with_conductances(voltage, hold, step, push, decay, share, excitation, inhibition, upper, lower):
    for i in range(voltage.size):
        v, e, g = voltage[i], share * excitation[i], share * inhibition[i]
        moved = v + ((push + e * upper + g * lower) - (decay + e + g) * v)
        voltage[i] = moved if hold[i] <= step else v


@_jit
def _noise(noise, voltage, words, additive, multiplicative):
    """Write the random part of the step, at the voltage before it."""
    for i in range(voltage.size):
        noise[i] = (additive + multiplicative * voltage[i]) * normal(words[i])


@_jit
def _add(voltage, hold, step, noise):
    for i in range(voltage.size):
        v = voltage[i]
        voltage[i] = v + noise[i] if hold[i] <= step else v


@_jit
def _holding(kind, first, second, key, step, neuron):
    """Return a refractory time in whole steps."""
    time = first
    if kind != FIXED_TIME:
        bits = word(key, step, REFRACTORY_USE, neuron)
        time = -first * math.log(uniform(bits)) if kind == EXPONENTIAL_TIME else max(0.0, first + second * normal(bits))
    return int(min(time, MOST_STEPS) + 0.5)


@_jit
def _reached(voltage, threshold):
    """Return whether any voltage has: a loop that vectorises."""
    number = 0
    for i in range(voltage.size):
        number += voltage[i] >= threshold
    return number > 0


@_jit
def _moments(x, out):
    """Write mean, second and fourth central moment, each summed in four parts: the same everywhere, and fast."""
    part = x.size // 4
    a = b = c = d = 0.0
    for i in range(part):
        a += x[i]
        b += x[i + part]
        c += x[i + 2 * part]
        d += x[i + 3 * part]
    for i in range(4 * part, x.size):
        a += x[i]
    mean = ((a + b) + (c + d)) / x.size
    a = b = c = d = 0.0
    e = f = g = h = 0.0
    for i in range(part):
        p, q = (x[i] - mean) ** 2, (x[i + part] - mean) ** 2
        r, s = (x[i + 2 * part] - mean) ** 2, (x[i + 3 * part] - mean) ** 2
        a, b, c, d = a + p, b + q, c + r, d + s
        e, f, g, h = e + p * p, f + q * q, g + r * r, h + s * s
    for i in range(4 * part, x.size):
        p = (x[i] - mean) ** 2
        a += p
        e += p * p
    out[0], out[1], out[2] = mean, ((a + b) + (c + d)) / x.size, ((e + f) + (g + h)) / x.size


@njit(nogil=True, cache=True, error_model="numpy")
def advance(
    key, first_step, steps, every, membrane, refractory, conductances, tables, state, record, fingerprint=SOURCES
):
    """Advance an ensemble; stop early if the spike buffer might overflow.

    Parameters
    ----------
    key : array, shape (2,)
        Of all random numbers.
    first_step, steps, every : int
        Steps done before; steps to do; steps per sample.
    membrane : (push, decay, additive, multiplicative, threshold, reset)
        Euler's step: V + push - decay V + (additive + multiplicative V) N(0, 1); mV per step.
    refractory : (kind, first, second)
        In steps.
    conductances : (share, decays, weights, reversals)
        dt / (tau_m g_L) in 1/nS, 0 for neurons without; shape (2,) each: lost share per step, nS per spike, mV.
    tables : tuple
        Rows of spikes per step, excitatory and inhibitory, packed by `tables.pack`.
    state : (voltage, hold, excitation, inhibition)
        Shape (neurons,) each; ``hold`` is the first step in which a neuron moves again.
    record : (moments, traced, traces, steps of spikes, senders)
        Moments of shape (samples, 3, 3): of voltage, excitation, inhibition.

    Returns
    -------
    steps_done, spikes : int
    """
    push, decay, additive, multiplicative, threshold, reset = membrane
    kind, first_time, second_time = refractory
    share, decays, weights, reversals = conductances
    lookup, start, thresholds = tables
    voltage, hold, excitation, inhibition = state
    moments, traced, traces, spike_steps, senders = record
    noisy = additive != 0.0 or multiplicative != 0.0
    words, noise = np.empty((voltage.size + 3) // 4 * 4, np.uint32), np.empty(voltage.size)
    fired = 0
    for done in range(steps):
        if fired + voltage.size > senders.size:
            return done, fired
        step = first_step + done
        if noisy:
            fill(words, key, step, CURRENT_USE)
            _noise(noise, voltage, words, additive, multiplicative)
        if share > 0.0:
            fill(words, key, step, EXCITATION_USE)
            _receive(excitation, words, decays[0], weights[0], 0, lookup, start, thresholds)
            fill(words, key, step, INHIBITION_USE)
            _receive(inhibition, words, decays[1], weights[1], 1, lookup, start, thresholds)
            _drift_with_conductances(
                voltage, hold, step, push, decay, share, excitation, inhibition, reversals[0], reversals[1]
            )
        else:
            _drift(voltage, hold, step, push, decay)
        if noisy:
            _add(voltage, hold, step, noise)
        if threshold < math.inf and _reached(voltage, threshold):
            for i in range(voltage.size):
                if voltage[i] >= threshold:
                    voltage[i] = reset
                    hold[i] = step + 1 + _holding(kind, first_time, second_time, key, step, i)
                    spike_steps[fired], senders[fired] = step + 1, i
                    fired += 1
        if (step + 1) % every == 0:
            sample = step // every
            _moments(voltage, moments[sample, 0])
            if share > 0.0:
                _moments(excitation, moments[sample, 1])
                _moments(inhibition, moments[sample, 2])
            for k in range(traced.size):
                traces[sample, k] = voltage[traced[k]]
    return steps, fired
