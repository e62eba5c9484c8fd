"""Naive twins of the paths and tangent vectors of `spiking.kernels.lyapunov`: matrix exponentials, full matrices."""

from __future__ import annotations

import numpy as np
from scipy.linalg import block_diag, expm
from scipy.optimize import brentq

from spiking.kernels.random import normal, word

SCAN = 60


def levels(a, key, step, dt):
    """Return the constant levels towards which currents relax in a step."""
    left = np.exp(-dt / a.tau)
    spread = a.noise * np.sqrt(a.tau / 2 * (1 + left) / (1 - left))
    return a.mean + spread * np.array([normal(word(key, step, 0, i)) for i in range(a.leak.size)])


def generator(a, level):
    """Return the matrix M of (V, I, 1)' = M (V, I, 1)."""
    n = a.leak.size
    m = block_diag(np.diag(-a.leak), np.diag(-1 / a.tau), [[0.0]])
    m[:n, n : 2 * n] = np.eye(n)
    m[:n, -1] = a.leak * a.rest
    m[n : 2 * n, -1] = level / a.tau
    return m


def first_crossing(a, m, x, span):
    """Return (time, neuron) of the first crossing in a span, or None."""
    n = a.leak.size
    times = np.linspace(0, span, SCAN + 1)
    one = expm(m * times[1])
    path = [x]
    for _ in range(SCAN):
        path.append(one @ path[-1])
    path = np.array(path)
    found = []
    for i in range(n):
        above = np.flatnonzero(path[1:, i] >= a.threshold[i])
        if above.size:
            low, high = times[above[0]], times[above[0] + 1]
            found.append((brentq(lambda t, i=i: (expm(m * t) @ x)[i] - a.threshold[i], low, high, xtol=1e-15), i))
    return min(found) if found else None


def saltation(a, m, x, j):
    """Return the state after a spike of neuron j and the matrix S = Dg + (f+ - Dg f-) n^T / (n^T f-)."""
    n = a.leak.size
    after, derivative = x.copy(), np.eye(2 * n)
    after[j], derivative[j, j] = a.reset[j], 0.0
    for edge in range(a.first[j], a.first[j + 1]):
        after[n + a.targets[edge]] += a.jumps[edge]
    before_flow, after_flow = (m @ x)[:-1], (m @ after)[:-1]
    matrix = derivative + np.outer(after_flow - derivative @ before_flow, np.eye(2 * n)[j]) / before_flow[j]
    return after, matrix


def follow(a, key, steps, every, dt, voltage, current, directions):
    """Return voltages, currents, logarithms of growth and of volume, and spikes; directions as columns."""
    n = a.leak.size
    x, q = np.concatenate([voltage, current, [1.0]]), directions.copy()
    growth, volume, spikes = np.zeros(q.shape[1]), 0.0, []
    for step in range(steps):
        m, left = generator(a, levels(a, key, step, dt)), dt
        while (event := first_crossing(a, m, x, left)) is not None:
            time, j = event
            flow = expm(m * time)
            x, q = flow @ x, flow[: 2 * n, : 2 * n] @ q
            x, matrix = saltation(a, m, x, j)
            q = matrix @ q
            volume += np.linalg.slogdet(flow[: 2 * n, : 2 * n])[1] + np.linalg.slogdet(matrix)[1]
            left -= time
            spikes.append((step * dt + dt - left, j))
        flow = expm(m * left)
        x, q = flow @ x, flow[: 2 * n, : 2 * n] @ q
        volume += np.linalg.slogdet(flow[: 2 * n, : 2 * n])[1]
        if (step + 1) % every == 0 and q.size:
            q, r = np.linalg.qr(q)
            growth += np.log(np.abs(np.diag(r)))
    return x[:n], x[n : 2 * n], growth, volume, spikes


def step_size(a, voltage, current, dt):
    """Return the step of one neuron: dt times the longer of two times of the noise, over the shorter constant."""
    shorter = min(1 / a.leak[0], a.tau[0])
    speed, distance = current - a.leak[0] * (voltage - a.rest[0]), a.threshold[0] - voltage
    of_speed, of_distance = 2 * speed**2 / a.noise[0] ** 2, (2 * distance**2 / a.noise[0] ** 2) ** (1 / 3)
    return dt * np.clip(max(of_speed, of_distance) / shorter, 1e-3, 1.0)


def carried(a, m, voltage, current, span):
    """Return the voltage and current of one neuron after a time, and its speeds at the threshold."""
    x, speeds = np.array([voltage, current, 1.0]), []
    while (event := first_crossing(a, m, x, span)) is not None:
        x = expm(m * event[0]) @ x
        speeds.append((m @ x)[0])
        x[0] = a.reset[0]
        span -= event[0]
    return *(expm(m * span) @ x)[:2], speeds


def follow_neuron(a, key, samples, length, dt, distance, voltage, current):
    """Return voltage, current, growth and spikes of each sample, all speeds, steps, and how many copies were lost."""
    leak, rise = a.leak[0], a.leak[0] * (a.threshold[0] - a.reset[0])
    growth, counts, all_speeds, step, lost = np.zeros(samples), np.zeros(samples, int), [], 0, 0
    copy, missing, waited = voltage - distance, 0, []
    for sample in range(samples):
        left = length
        while left > 0:
            span = step_size(a, voltage, current, dt) if a.noise[0] else dt
            span = left if left < span * (1 + 1e-9) else span
            m = generator(a, levels(a, key, step, span) if a.noise[0] else a.mean)
            before = current
            voltage, current, speeds = carried(a, m, voltage, before, span)
            counts[sample] += len(speeds)
            all_speeds += speeds
            if distance == 0:
                growth[sample] += sum(np.log((speed + rise) / speed) for speed in speeds) - leak * span
            else:
                copy, _, others = carried(a, m, copy, before, span)
                missing += len(others) - len(speeds)
                waited.append(span)
                if missing == 0:
                    growth[sample] += np.log(abs(copy - voltage) / distance)
                    copy, waited = voltage + np.sign(copy - voltage) * distance, []
                elif len(waited) > 2:
                    growth[sample] -= leak * sum(waited)
                    copy, missing, waited, lost = voltage - distance, 0, [], lost + 1
            step += 1
            left = 0 if span == left else left - span
    return voltage, current, growth, counts, np.array(all_speeds), step, lost
