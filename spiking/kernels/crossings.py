"""Threshold crossings of a neuron with an Ornstein-Uhlenbeck current: exact Gaussian steps that shrink near them.

x = V - rest, y = I - mean. Row k of ``table`` belongs to the step h_k = h_0 / 2^k: its entries are named in `ROW`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from spiking.kernels import SOURCES
from spiking.kernels.random import normal, philox

ROW = ("h", "x_from_x", "x_from_y", "x_from_mean", "y_from_y", "y_noise", "x_from_y_noise", "x_noise", "reach")


@njit(nogil=True)
def level_of(level, table, distance, speed, change):
    """Return the coarsest level whose step cannot, for practical purposes, reach the threshold; else the finest."""
    while level > 0 and _safe(table[level - 1], distance, speed, change):
        level -= 1
    while level < table.shape[0] - 1 and not _safe(table[level], distance, speed, change):
        level += 1
    return level


@njit(nogil=True)
def _safe(row, distance, speed, change):
    return (max(speed, 0.0) + 0.5 * abs(change) * row[0]) * row[0] + row[8] < distance


@njit(nogil=True, cache=True)
def run(
    key, replica, table, leak, tau, mean, spread, threshold, reset, begin, end, most_steps, speeds, fingerprint=SOURCES
):
    """Write dV/dt at the crossings from one time to another into ``speeds``; voltages are relative to rest.

    Returns
    -------
    crossings : int
        If more than ``speeds`` holds, the others are not written.
    steps : int
        If ``most_steps``: the end was not reached.
    """
    bits = philox(replica, 0, 0, 0, key[0], key[1])
    x, y = reset, spread * normal(bits[0])
    level, step, elapsed, crossings = table.shape[0] - 1, 0, 0.0, 0
    while elapsed < end and step < most_steps:
        speed = mean + y - leak * x
        level = level_of(level, table, threshold - x, speed, -leak * speed - y / tau)
        row = table[level]
        if step % 2 == 0:
            bits = philox(replica, 1 + step // 2, (1 + step // 2) >> 32, 0, key[0], key[1])
            first, second = normal(bits[0]), normal(bits[1])
        else:
            first, second = normal(bits[2]), normal(bits[3])
        step += 1
        new_y = row[4] * y + row[5] * first
        new_x = row[1] * x + row[2] * y + row[3] * mean + row[6] * first + row[7] * second
        if new_x < threshold:
            x, y = new_x, new_y
            elapsed += row[0]
            continue
        part = (threshold - x) / (new_x - x)
        y += part * (new_y - y)
        elapsed += part * row[0]
        x = reset
        if begin <= elapsed < end:
            if crossings < speeds.size:
                speeds[crossings] = mean + y - leak * threshold
            crossings += 1
    return crossings, step


def _reach(noise: float, h: float) -> float:
    """Return how far noise may carry V beyond its mean in h: more than 5 standard deviations."""
    return 3.0 * noise * math.sqrt(h) * h


def table_of(leak: float, tau: float, noise: float, steps: np.ndarray) -> np.ndarray:
    """Return the coefficients of the exact steps; their integrals over the noise by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    found = np.empty((steps.size, len(ROW)))
    for k, h in enumerate(steps):
        s, w = 0.5 * h * (nodes + 1.0), 0.5 * h * weights
        to_x, to_y = _response(s, leak, tau), np.exp(-s / tau)
        xx, xy, yy = (noise**2 * float(w @ (a * b)) for a, b in ((to_x, to_x), (to_x, to_y), (to_y, to_y)))
        own = math.sqrt(yy)
        rest = math.sqrt(max(xx - xy**2 / yy, 0.0)) if yy > 0 else 0.0
        found[k] = (
            h, math.exp(-leak * h), _response(np.array([h]), leak, tau)[0], -math.expm1(-leak * h) / leak,
            math.exp(-h / tau), own, xy / own if own > 0 else 0.0, rest, _reach(noise, h),
        )  # fmt: skip
    return found


def _response(s: np.ndarray, leak: float, tau: float) -> np.ndarray:
    """Return x at time s after y = 1 at time 0."""
    rate = leak - 1.0 / tau
    with np.errstate(invalid="ignore"):
        grown = np.where(np.abs(rate * s) < 1e-12, s, np.expm1(rate * s) / (rate if rate else 1.0))
    return np.exp(-leak * s) * grown
