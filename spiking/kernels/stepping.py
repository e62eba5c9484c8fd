"""One step after another of a network, for all schemes that have steps."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels import SOURCES
from spiking.kernels.delivery import (
    add_to_all,
    arrive,
    consume,
    kick,
    regenerate_bernoulli,
    regenerate_out_degree,
    scatter,
    scatter_weighted,
)
from spiking.kernels.layout import (
    ALL_TO_ALL,
    ANNEALED,
    CONDUCTANCE,
    DELTA,
    EXPONENTIAL,
    EXPONENTIAL_CONDUCTANCE,
    EXPONENTIAL_CURRENT,
    GAUSSIAN,
    GRID,
    INTERPOLATED,
    LINEAR,
    NO_KICKS,
    PENDING_CURRENT,
    PENDING_KICK,
    QUADRATIC_INFINITE,
    REGENERATED_BERNOULLI,
    REGENERATED_OUT_DEGREE,
    WEIGHTED,
)
from spiking.kernels.membrane import (
    add_arrived,
    add_conductance,
    add_current,
    add_gaussian,
    add_jump,
    add_pending,
    add_poisson,
    add_process,
    add_quenched,
    fire,
    fire_between,
    mark_crossed,
    move_conductance,
    move_exponential,
    move_linear,
    move_quadratic,
    release,
    start_with_conductances,
    start_with_currents,
)
from spiking.kernels.random import fill

_jit = njit(nogil=True, error_model="numpy")


@_jit
def _mean(x):
    """Return the mean, summed in eight parts: the same on every machine, and fast."""
    part = x.size // 8
    a = b = c = d = e = f = g = h = 0.0
    for i in range(part):
        a += x[i]
        b += x[i + part]
        c += x[i + 2 * part]
        d += x[i + 3 * part]
        e += x[i + 4 * part]
        f += x[i + 5 * part]
        g += x[i + 6 * part]
        h += x[i + 7 * part]
    for i in range(8 * part, x.size):
        a += x[i]
    return (((a + b) + (c + d)) + ((e + f) + (g + h))) / x.size


@_jit
def _spread(x, mean):
    """Return the standard deviation about a mean that is known, summed in eight parts as `_mean` does."""
    part = x.size // 8
    a = b = c = d = e = f = g = h = 0.0
    for i in range(part):
        a += (x[i] - mean) ** 2
        b += (x[i + part] - mean) ** 2
        c += (x[i + 2 * part] - mean) ** 2
        d += (x[i + 3 * part] - mean) ** 2
        e += (x[i + 4 * part] - mean) ** 2
        f += (x[i + 5 * part] - mean) ** 2
        g += (x[i + 6 * part] - mean) ** 2
        h += (x[i + 7 * part] - mean) ** 2
    for i in range(8 * part, x.size):
        a += (x[i] - mean) ** 2
    return math.sqrt((((a + b) + (c + d)) + ((e + f) + (g + h))) / x.size)


@_jit
def add_to_histogram(histogram, values, edges):
    """Count the values in equal bins; those outside are left out."""
    bins = edges.size - 1
    scale = bins / (edges[bins] - edges[0])
    for value in values:
        k = math.floor((value - edges[0]) * scale)
        if 0 <= k < bins:
            histogram[int(k)] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def advance(
    key, scheme, first_step, steps, origin, every, dt, populations, courses, projections, graph, tables, state, record,
    fingerprint=SOURCES,
):  # fmt: skip
    """Advance the network; stop early if the spike buffer might overflow.

    Parameters
    ----------
    key : array, shape (2,)
        Of all random numbers.
    first_step, steps : int
        Counted from the start of the run, which is step ``origin`` of the state's own count.

    Returns
    -------
    steps_done, spikes : int
    """
    (
        start, flow, threshold, reset, rest, leak, onset, slope_factor, keep_excess, mean, acting,
        process_decay, process_noise, process_gain, kicks, deviation, kick_size, bridge_variance,
        refractory, first_time, second_time, quenched, quenched_most,
    ) = populations  # fmt: skip
    course_population, course_start, course_interval, course_values = courses
    (
        target, source, synapse, level_start, unit, gain, decay, reversal, c0, c1, rounded, lag,
        wiring, wiring_parameter, wiring_key, row_start,
    ) = projections  # fmt: skip
    row, edges, factors = graph
    (
        drive_lookup, drive_first, drive_thresholds,
        consumption_lookup, consumption_first, consumption_thresholds, consumption_row,
        arrival_lookup, arrival_first, arrival_thresholds, arrival_row,
    ) = tables  # fmt: skip
    voltages, holds, lates, levels, processes, history, bounds = state
    (
        counts, mean_voltage, spread_voltage, mean_synaptic, traced, traces, voltage_edges, samples_per_histogram,
        histogram, events, times, senders,
    ) = record  # fmt: skip
    size, n, m = start[-1], flow.size, target.size
    most = 0
    for a in range(n):
        most = max(most, start[a + 1] - start[a])
    push, half, jump, before, marks = (np.zeros(most), np.zeros(most), np.zeros(most), np.zeros(most), np.zeros(most))
    words = np.empty((most + 3) // 4 * 4, np.uint32)
    consumed = np.empty(most, np.int64)
    longest = most
    has_delta = np.zeros(n, np.bool_)
    first_pair, second_pair = np.full(n, -1), np.full(n, -1)
    for q in range(m):
        if wiring[q] == REGENERATED_OUT_DEGREE:
            longest = max(longest, int(wiring_parameter[q]) + 3)
        if synapse[q] == DELTA:
            has_delta[target[q]] = True
        a = target[q]
        if second_pair[a] < 0 and synapse[q] in (EXPONENTIAL_CURRENT, EXPONENTIAL_CONDUCTANCE):
            if first_pair[a] < 0:
                first_pair[a] = q
            elif synapse[q] == synapse[first_pair[a]] and (synapse[q] == EXPONENTIAL_CURRENT or flow[a] == CONDUCTANCE):
                second_pair[a] = q
    buffer, row_words = np.empty(longest, np.int64), np.empty(longest // 4 * 4, np.uint32)
    slots = bounds.shape[0]
    fired = 0
    for done in range(steps):
        if fired + size > times.size:
            return done, fired
        run_step = first_step + done
        step = origin + run_step
        sample = run_step // every
        slot = step % slots
        bounds[slot, 0] = 0

        for q in range(m):
            if synapse[q] == PENDING_KICK:
                own, many = slice(start[target[q]], start[target[q] + 1]), start[target[q] + 1] - start[target[q]]
                fill(words[: (many + 3) // 4 * 4], key, step, 4 * n + q)
                consume(
                    levels[level_start[q] : level_start[q + 1]], consumed, words, consumption_row[q],
                    consumption_lookup, consumption_first, consumption_thresholds, key, step, 4 * n + q,
                )  # fmt: skip
                kick(
                    voltages[own], holds[own], consumed, step, gain[q], c0[q], c1[q], rounded[q], key,
                    4 * n + 2 * m + q,
                )  # fmt: skip

        for a in range(n):
            many = start[a + 1] - start[a]
            padded = (many + 3) // 4 * 4
            voltage, hold = voltages[start[a] : start[a + 1]], holds[start[a] : start[a + 1]]
            own_push, own_half, own_jump = push[:many], half[:many], jump[:many]

            current = mean[a]
            for c in range(course_population.size):
                if course_population[c] == a:
                    interval = int((step + 0.5) / course_interval[c])
                    current += course_values[min(course_start[c] + interval, course_start[c + 1] - 1)] * acting[a]
            if flow[a] == CONDUCTANCE:
                current += leak[a] * rest[a]
            i, j = first_pair[a], second_pair[a]
            if j >= 0 and synapse[i] == EXPONENTIAL_CONDUCTANCE:
                start_with_conductances(
                    own_push, own_half, current, leak[a],
                    levels[level_start[i] : level_start[i + 1]], gain[i], decay[i], reversal[i],
                    levels[level_start[j] : level_start[j + 1]], gain[j], decay[j], reversal[j],
                )  # fmt: skip
            else:
                if flow[a] in (CONDUCTANCE, EXPONENTIAL):
                    own_half[:] = 0.5 * leak[a] if flow[a] == CONDUCTANCE else 0.0
                if j >= 0:
                    start_with_currents(
                        own_push, current, levels[level_start[i] : level_start[i + 1]], gain[i], decay[i],
                        levels[level_start[j] : level_start[j + 1]], gain[j], decay[j],
                    )  # fmt: skip
                else:
                    own_push[:] = current
            if quenched[a] > 0.0:
                add_quenched(own_push, processes[start[a] : start[a + 1]], quenched[a], quenched_most[a])
            separate = flow[a] != LINEAR or scheme == INTERPOLATED
            jumps = separate and (kicks[a] != NO_KICKS or has_delta[a])
            if jumps:
                own_jump[:] = 0.0
            sink = own_jump if separate else own_push

            if process_gain[a] != 0.0:
                fill(words[:padded], key, step, 3 * n + a)
                process = processes[start[a] : start[a + 1]]
                add_process(own_push, process, words, process_decay[a], process_noise[a], process_gain[a])
            for q in range(m):
                if target[q] != a or (j >= 0 and q in (i, j)):
                    continue
                level = levels[level_start[q] : level_start[q + 1]]
                if synapse[q] == PENDING_CURRENT:
                    add_pending(own_push, voltage, level, gain[q], c0[q], c1[q])
                elif synapse[q] == EXPONENTIAL_CURRENT:
                    add_current(own_push, level, gain[q], decay[q])
                elif synapse[q] == EXPONENTIAL_CONDUCTANCE:
                    add_conductance(own_push, own_half, level, gain[q], decay[q], reversal[q])
                elif synapse[q] == DELTA:
                    add_arrived(sink, level)
            if kicks[a] != NO_KICKS:
                fill(words[:padded], key, step, a)
                if kicks[a] == GAUSSIAN:
                    add_gaussian(sink, words, deviation[a])
                else:
                    add_poisson(sink, words, kick_size[a], a, drive_lookup, drive_first, drive_thresholds)

            if scheme != GRID:
                before[:many] = voltage
            if flow[a] == LINEAR:
                move_linear(voltage, own_push, hold, step, leak[a], rest[a])
            elif flow[a] == CONDUCTANCE:
                move_conductance(voltage, own_push, own_half, hold, step)
            elif flow[a] == EXPONENTIAL:
                move_exponential(
                    voltage, own_push, own_half, hold, step, leak[a], rest[a], onset[a], slope_factor[a], threshold[a]
                )
            else:
                move_quadratic(voltage, marks, own_push, hold, step, leak[a], flow[a] == QUADRATIC_INFINITE)
            infinite = flow[a] == QUADRATIC_INFINITE
            if scheme == INTERPOLATED:
                release(
                    voltage, before, hold, lates[start[a] : start[a + 1]], step, flow[a], own_push, own_half,
                    reset[a], leak[a], rest[a], onset[a], slope_factor[a], threshold[a],
                )  # fmt: skip
            if jumps:
                add_jump(voltage, own_jump, hold, step)
            bridged = bridge_variance[a] > 0.0
            if bridged:
                fill(words[:padded], key, step, n + a)
                mark_crossed(marks, before, voltage, words, hold, step, threshold[a], bridge_variance[a])

            earlier = fired
            signal = marks[:many] if infinite or bridged else voltage
            level_at_spike = 0.0 if infinite else threshold[a]
            if scheme == INTERPOLATED:
                fired = fire_between(
                    signal, level_at_spike, before, voltage, hold, lates[start[a] : start[a + 1]], start[a], step,
                    flow[a], own_push, own_half, reset[a], leak[a], rest[a], onset[a], slope_factor[a], threshold[a],
                    refractory[a], first_time[a], second_time[a], key, 2 * n + a, origin, dt, fired, times, senders,
                )  # fmt: skip
            else:
                fired = fire(
                    signal, level_at_spike, voltage, hold, start[a], step, threshold[a], reset[a], keep_excess[a],
                    infinite, refractory[a], first_time[a], second_time[a], key, 2 * n + a, (run_step + 1) * dt,
                    fired, times, senders,
                )  # fmt: skip
            counts[sample, a] += fired - earlier
            place = bounds[slot, a]
            for k in range(earlier, fired):
                history[slot, place] = senders[k]
                place += 1
            bounds[slot, a + 1] = place

        for q in range(m):
            level = levels[level_start[q] : level_start[q + 1]]
            padded = (level.size + 3) // 4 * 4
            if synapse[q] == PENDING_CURRENT:
                fill(words[:padded], key, step, 4 * n + q)
                consume(
                    level, consumed, words, consumption_row[q], consumption_lookup, consumption_first,
                    consumption_thresholds, key, step, 4 * n + q,
                )  # fmt: skip
            then, b = (step - lag[q]) % slots, source[q]
            number = bounds[then, b + 1] - bounds[then, b]
            if number == 0:
                continue
            spikes = history[then, bounds[then, b] : bounds[then, b + 1]]
            use = 4 * n + m + q
            if wiring[q] == ANNEALED:
                fill(words[:padded], key, step, use)
                events[0] += arrive(
                    level, unit[q], number, words, arrival_row[q], arrival_lookup, arrival_first, arrival_thresholds,
                    key, step, use,
                )  # fmt: skip
            elif wiring[q] == ALL_TO_ALL:
                add_to_all(level, unit[q] * number)
                events[0] += level.size * number
            elif wiring[q] == REGENERATED_OUT_DEGREE:
                degree = int(wiring_parameter[q])
                own_words = row_words[: (degree + 3) // 4 * 4]
                events[0] += regenerate_out_degree(level, unit[q], spikes, start[b], degree, wiring_key[q], own_words)
            elif wiring[q] == REGENERATED_BERNOULLI:
                events[0] += regenerate_bernoulli(
                    level, unit[q], spikes, start[b], wiring_parameter[q], wiring_key[q], buffer
                )
            else:
                rows = row[row_start[q] : row_start[q + 1]]
                if wiring[q] == WEIGHTED:
                    events[0] += scatter_weighted(level, unit[q], spikes, start[b], rows, edges, factors)
                else:
                    events[0] += scatter(level, unit[q], spikes, start[b], rows, edges)

        if (run_step + 1) % every == 0:
            bins = voltage_edges.size - 1
            for a in range(n):
                own_voltage = voltages[start[a] : start[a + 1]]
                mean_voltage[sample, a] = _mean(own_voltage)
                spread_voltage[sample, a] = _spread(own_voltage, mean_voltage[sample, a])
                if bins > 0:
                    add_to_histogram(histogram[sample // samples_per_histogram, a], own_voltage, voltage_edges)
            for q in range(m):
                mean_synaptic[sample, q] = _mean(levels[level_start[q] : level_start[q + 1]])
            for k in range(traced.size):
                traces[sample, k] = voltages[traced[k]]
    return steps, fired
