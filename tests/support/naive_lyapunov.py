"""A naive twin of the paths and tangent vectors of `spiking.kernels.lyapunov`: matrix exponentials, full matrices."""

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
