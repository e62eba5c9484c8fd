"""The right-hand side of the ODE level and its Jacobian.

The full state is density, pool, delay, mean, variance.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reduction.kernels import SOURCES
from reduction.kernels.density import (
    arrivals,
    coefficients,
    column_drifts,
    diffusion_at,
    edges_of,
    fluxes,
    hop_rates,
    hop_slopes,
    noise_drift,
)

_LEAST_VARIANCE = 1e-9

_jit = njit(nogil=True, error_model="numpy")


@_jit
def _flip_rate(arrays, q, arriving, mean, variance):
    """Rate at which one telegraph of a source changes sign, Q / (4 W), Q the intensity of the noise that feeds W."""
    if arrays.source[q] < 0:
        return 0.5 / arrays.tau[q]
    p = arrays.probability[q]
    intensity = arrays.consumption[q] * mean[q] / arrays.tau[q] + p * (1.0 - p) * arriving[q]
    return 0.25 * intensity / max(variance[q], _LEAST_VARIANCE)


@_jit
def _switch(arrays, q, factor, width, values, out):
    """Add `factor` times the flow between the levels of a source: out and values hold the columns of its target."""
    number, stride = arrays.telegraphs[q], arrays.stride[q]
    for column in range(arrays.columns[arrays.target[q]]):
        j = (column // stride) % (number + 1)
        if j == number:
            continue
        here, above = column * width, (column + stride) * width
        for k in range(width):
            flow = factor * ((number - j) * values[here + k] - (j + 1) * values[above + k])
            out[here + k] -= flow
            out[above + k] += flow


@njit(nogil=True, cache=True)
def right_hand_side(arrays, density, pool, delay, mean, variance, out, fingerprint=SOURCES):
    """Fill d/dt of the full state."""
    populations, sources = arrays.size.size, arrays.target.size
    drift, noise = np.empty((populations, 2)), np.empty((populations, 3))
    right, left = np.empty(arrays.bins.max()), np.empty(arrays.bins.max())
    flux, arriving = np.zeros(populations), np.empty(sources)
    coefficients(arrays, mean, variance, drift, noise)
    by_column = np.empty((arrays.column_start[populations], 2))
    column_drifts(arrays, variance, drift, by_column)
    bins_in_all, pool_in_all = density.size, pool.size
    out[:] = 0.0
    for a in range(populations):
        bins, stages = arrays.bins[a], arrays.stages[a]
        edge, spacing, bend, intrinsic = edges_of(arrays, a)
        for column in range(arrays.columns[a]):
            constant, slope = by_column[arrays.column_start[a] + column]
            hop_rates(edge, spacing, bend, intrinsic, constant, slope, noise, a, right, left)
            first = arrays.start[a] + column * bins
            last = first + bins - 1
            for k in range(bins - 1):
                across = right[k] * density[first + k] - left[k + 1] * density[first + k + 1]
                out[first + k] -= across
                out[first + k + 1] += across
            released = right[bins - 1] * density[last]
            flux[a] += released
            out[last] -= released
            for s in range(arrays.pool_start[a] + column * stages, arrays.pool_start[a] + (column + 1) * stages):
                leaving = arrays.release[a] * pool[s]
                out[bins_in_all + s] += released - leaving
                released = leaving
            low, share = first + arrays.reset_bin[a], arrays.reset_share[a]
            out[low] += (1.0 - share) * released
            out[low + 1] += share * released
    arrivals(arrays, flux, delay, arriving)
    base = bins_in_all + pool_in_all
    for q in range(sources):
        a = arrays.target[q]
        if arrays.telegraphs[q] > 0:
            rate = _flip_rate(arrays, q, arriving, mean, variance)
            held = slice(arrays.pool_start[a], arrays.pool_start[a + 1])
            own = slice(arrays.start[a], arrays.start[a + 1])
            _switch(arrays, q, rate, arrays.bins[a], density[own], out[own])
            out_pool = out[bins_in_all : bins_in_all + pool_in_all]
            _switch(arrays, q, rate, arrays.stages[a], pool[held], out_pool[held])
        if arrays.source[q] < 0:
            continue
        entering = flux[arrays.source[q]]
        for s in range(arrays.delay_start[q], arrays.delay_start[q + 1]):
            leaving = arrays.delay_rate[q] * delay[s]
            out[base + s] = entering - leaving
            entering = leaving
        p, tau, r = arrays.probability[q], arrays.tau[q], arriving[q]
        moments = base + delay.size
        out[moments + q] = -mean[q] / tau + p * r
        out[moments + sources + q] = (
            -2.0 * variance[q] / tau + arrays.consumption[q] * mean[q] / tau + p * (1.0 - p) * r
        )


@njit(nogil=True, cache=True)
def jacobian(arrays, density, pool, delay, mean, variance, out, fingerprint=SOURCES):
    """Fill the Jacobian of `right_hand_side`."""
    populations, sources = arrays.size.size, arrays.target.size
    drift, noise = np.empty((populations, 2)), np.empty((populations, 3))
    right, left = np.empty(arrays.bins.max()), np.empty(arrays.bins.max())
    coefficients(arrays, mean, variance, drift, noise)
    by_column = np.empty((arrays.column_start[populations], 2))
    column_drifts(arrays, variance, drift, by_column)
    flux, arriving = np.empty(populations), np.empty(sources)
    fluxes(arrays, density, by_column, noise, flux)
    arrivals(arrays, flux, delay, arriving)
    n = out.shape[0]
    pools = density.size
    base = pools + pool.size
    moments = base + delay.size
    out[:, :] = 0.0
    by_flux = np.zeros((populations, n))
    slopes = np.empty(n)
    for a in range(populations):
        bins, stages = arrays.bins[a], arrays.stages[a]
        edge, spacing, bend, intrinsic = edges_of(arrays, a)
        for column in range(arrays.columns[a]):
            constant, slope = by_column[arrays.column_start[a] + column]
            hop_rates(edge, spacing, bend, intrinsic, constant, slope, noise, a, right, left)
            first = arrays.start[a] + column * bins
            for k in range(bins):
                v, width = edge[k + 1], spacing[k + 1]
                diffusion = diffusion_at(noise[a, 0], noise[a, 1], noise[a, 2], v)
                mu = intrinsic[k + 1] + constant + slope * v - diffusion * bend[k + 1]
                here = density[first + k]
                slopes[:] = 0.0
                slopes[first + k] = right[k]
                if k < bins - 1:
                    r_mu, r_d, l_mu, l_d = hop_slopes(mu, diffusion, width)
                    there = density[first + k + 1]
                    along = (r_mu * here - l_mu * there) / width
                    spread = (r_d * here - l_d * there) / width - along * bend[k + 1]
                    slopes[first + k + 1] = -left[k + 1]
                else:
                    r_mu, r_d, _, _ = hop_slopes(mu, diffusion, 0.5 * width)
                    along = r_mu * here / width
                    spread = r_d * here / width - along * bend[k + 1]
                _add_moment_slopes(arrays, mean, variance, a, column, v, along, spread, moments, slopes)
                out[first + k] -= slopes
                if k < bins - 1:
                    out[first + k + 1] += slopes
            by_flux[a] += slopes
            low, share = first + arrays.reset_bin[a], arrays.reset_share[a]
            pool_first = pools + arrays.pool_start[a] + column * stages
            if stages == 0:
                out[low] += (1.0 - share) * slopes
                out[low + 1] += share * slopes
                continue
            out[pool_first] += slopes
            for s in range(pool_first, pool_first + stages):
                out[s, s] -= arrays.release[a]
                if s + 1 < pool_first + stages:
                    out[s + 1, s] += arrays.release[a]
            out[low, pool_first + stages - 1] += (1.0 - share) * arrays.release[a]
            out[low + 1, pool_first + stages - 1] += share * arrays.release[a]
    by_arrival, flow = np.empty(n), np.empty(n)
    for q in range(sources):
        a, p, tau = arrays.target[q], arrays.probability[q], arrays.tau[q]
        by_arrival[:] = 0.0
        first, end = arrays.delay_start[q], arrays.delay_start[q + 1]
        if arrays.source[q] >= 0 and first == end:
            by_arrival[:] = by_flux[arrays.source[q]]
        elif arrays.source[q] >= 0:
            by_arrival[base + end - 1] = arrays.delay_rate[q]
        if arrays.telegraphs[q] > 0:
            _switch_slopes(
                arrays, q, arriving, mean, variance, density, pool, by_arrival, moments, pools, slopes, flow, out
            )
        if arrays.source[q] < 0:
            continue
        for s in range(first, end):
            if s == first:
                out[base + s] += by_flux[arrays.source[q]]
            else:
                out[base + s, base + s - 1] += arrays.delay_rate[q]
            out[base + s, base + s] -= arrays.delay_rate[q]
        out[moments + q] += p * by_arrival
        out[moments + q, moments + q] -= 1.0 / tau
        row = moments + sources + q
        out[row] += p * (1.0 - p) * by_arrival
        out[row, moments + q] += arrays.consumption[q] / tau
        out[row, row] -= 2.0 / tau


@_jit
def _add_moment_slopes(arrays, mean, variance, a, column, v, along, spread, moments, slopes):
    """Add a flux's derivatives by every mean and W, given its derivatives by the drift (along) and by D (spread)."""
    sources = arrays.target.size
    for q in range(sources):
        if arrays.target[q] != a:
            continue
        tau, kappa = arrays.tau[q], arrays.kappa[q]
        gain, factor = arrays.weight[q] / tau, arrays.c0[q] + arrays.c1[q] * v
        by_power = gain * gain * factor * (0.5 * spread * factor - noise_drift(arrays.kick[q]) * along * arrays.c1[q])
        by_mean, by_variance = along * gain * factor, 0.0
        if arrays.telegraphs[q] > 0:
            deviation = math.sqrt(max(variance[q], _LEAST_VARIANCE))
            by_variance = 0.5 * along * gain * factor * arrays.level[arrays.column_start[a] + column, q] / deviation
        elif not arrays.kick[q]:
            by_variance = by_power * kappa
        elif mean[q] * tau + kappa * (variance[q] - mean[q]) > 0.0:
            by_variance = by_power * kappa
            by_mean += by_power * (tau - kappa)
        slopes[moments + q] += by_mean
        slopes[moments + sources + q] += by_variance


@_jit
def _switch_slopes(arrays, q, arriving, mean, variance, density, pool, by_arrival, moments, pools, slopes, flow, out):
    """Add the derivatives of the switching between the levels of a source."""
    a, p = arrays.target[q], arrays.probability[q]
    number, stride, sources = arrays.telegraphs[q], arrays.stride[q], arrays.target.size
    rate = _flip_rate(arrays, q, arriving, mean, variance)
    slopes[:] = 0.0
    if arrays.source[q] >= 0:
        held = max(variance[q], _LEAST_VARIANCE)
        slopes += 0.25 * p * (1.0 - p) / held * by_arrival
        slopes[moments + q] += 0.25 * arrays.consumption[q] / arrays.tau[q] / held
        if variance[q] > _LEAST_VARIANCE:
            slopes[moments + sources + q] -= rate / variance[q]
    flow[:] = 0.0
    own = slice(arrays.start[a], arrays.start[a + 1])
    _switch(arrays, q, 1.0, arrays.bins[a], density[own], flow[own])
    held_pool = slice(arrays.pool_start[a], arrays.pool_start[a + 1])
    flow_pool = flow[pools : pools + pool.size]
    _switch(arrays, q, 1.0, arrays.stages[a], pool[held_pool], flow_pool[held_pool])
    for i in range(flow.size):
        if flow[i] != 0.0:
            out[i] += flow[i] * slopes
    for part in range(2):
        width = arrays.bins[a] if part == 0 else arrays.stages[a]
        offset = arrays.start[a] if part == 0 else pools + arrays.pool_start[a]
        for column in range(arrays.columns[a]):
            j = (column // stride) % (number + 1)
            if j == number:
                continue
            here, above = offset + column * width, offset + (column + stride) * width
            for k in range(width):
                up, down = rate * (number - j), rate * (j + 1)
                out[here + k, here + k] -= up
                out[here + k, above + k] += down
                out[above + k, here + k] += up
                out[above + k, above + k] -= down
