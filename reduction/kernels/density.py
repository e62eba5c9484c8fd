"""Hopping of a population's voltage density between bins, coupled through the moments of pending spikes.

The full state is ``density`` (neurons in each bin, all populations), ``pool`` (neurons in each refractory stage, all
populations), and ``mean``, ``variance`` of the pending spikes (one per projection). Rates are in 1/ms, fluxes in
population spikes per ms.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit


class Arrays(NamedTuple):
    """Parameters of populations (a), then of projections (q)."""

    size: np.ndarray
    start: np.ndarray  # (a + 1) first bin
    floor: np.ndarray  # lower end of the first bin, mV
    width: np.ndarray  # of a bin, mV
    threshold: np.ndarray
    reset: np.ndarray
    rest: np.ndarray
    leak: np.ndarray  # 1 / tau_m
    drive_mean: np.ndarray  # mV/ms
    drive_variance: np.ndarray  # mV^2/ms
    reset_bin: np.ndarray  # released neurons go to this bin ...
    reset_share: np.ndarray  # ... but this share of them to the next one
    pool_start: np.ndarray  # (a + 1) first refractory stage
    stages: np.ndarray
    release: np.ndarray  # rate out of a stage
    target: np.ndarray
    source: np.ndarray
    weight: np.ndarray  # negative if inhibitory
    tau: np.ndarray
    c0: np.ndarray  # c(v) = c0 + c1 v
    c1: np.ndarray
    probability: np.ndarray
    kappa: np.ndarray
    kick: np.ndarray


_SMALL = 1e-2
_TAIL = 1e-12
_LARGEST_MEAN = 200.0
MOST_HOPS = 2e4


@njit(nogil=True, cache=True, inline="always")
def _hops(mu, diffusion, h):
    """Scharfetter-Gummel rates (right, left) times h: D/h B(-x), D/h B(x) with x = mu h/D, B(x) = x/(e^x - 1)."""
    speed = abs(mu)
    peclet = speed * h
    if peclet >= 500.0 * diffusion:
        against = 0.0
    elif peclet < _SMALL * diffusion:
        x = peclet / diffusion
        against = diffusion / h * (1.0 - x / 2.0 + x * x / 12.0 * (1.0 - x * x / 60.0))
    else:
        decay = math.exp(-peclet / diffusion)
        against = speed * decay / (1.0 - decay)
    along = against + speed
    return (along, against) if mu > 0.0 else (against, along)


@njit(nogil=True, cache=True, inline="always")
def _hop_slopes(mu, diffusion, h):
    """Derivatives of `_hops`: (right by mu, right by D, left by mu, left by D); right - left = mu."""
    if abs(mu) * h >= 500.0 * diffusion:
        up = 1.0 if mu > 0.0 else 0.0
        return up, 0.0, up - 1.0, 0.0
    x = mu * h / diffusion
    if abs(x) < _SMALL:
        b, slope = 1.0 - x / 2.0 + x * x / 12.0, -0.5 + x / 6.0 * (1.0 - x * x / 30.0)
    else:
        e = math.expm1(x)
        b = x / e
        slope = (1.0 - b - x) / e
    by_diffusion = (b - x * slope) / h
    return slope + 1.0, by_diffusion, slope, by_diffusion


@njit(nogil=True, cache=True)
def coefficients(arrays, mean, variance, drift, noise):
    """Fill drift mu = drift[a, 0] + drift[a, 1] v and noise sigma^2 = noise[a, 0] + noise[a, 1] v + noise[a, 2] v^2."""
    for a in range(arrays.size.size):
        drift[a, 0] = arrays.drive_mean[a] + arrays.rest[a] * arrays.leak[a]
        drift[a, 1] = -arrays.leak[a]
        noise[a, 0] = arrays.drive_variance[a]
        noise[a, 1] = 0.0
        noise[a, 2] = 0.0
    for q in range(arrays.target.size):
        a = arrays.target[q]
        c0, c1 = arrays.c0[q], arrays.c1[q]
        current = arrays.weight[q] * mean[q] / arrays.tau[q]
        drift[a, 0] += current * c0
        drift[a, 1] += current * c1
        scale = (arrays.weight[q] / arrays.tau[q]) ** 2
        if arrays.kick[q]:
            power = scale * (mean[q] * arrays.tau[q] + arrays.kappa[q] * (variance[q] - mean[q]))
            power = max(power, 0.0)
        else:
            power = scale * arrays.kappa[q] * variance[q]
        noise[a, 0] += power * c0 * c0
        noise[a, 1] += power * 2.0 * c0 * c1
        noise[a, 2] += power * c1 * c1


@njit(nogil=True, cache=True, inline="always")
def _at(drift, noise, a, v):
    mu = drift[a, 0] + drift[a, 1] * v
    return mu, max(0.5 * (noise[a, 0] + v * (noise[a, 1] + v * noise[a, 2])), 0.0)


@njit(nogil=True, cache=True)
def firing_rate(arrays, drift, noise, a):
    """Rate at which a neuron in the last bin of population a crosses the threshold, half a bin away."""
    h = arrays.width[a]
    mu, diffusion = _at(drift, noise, a, arrays.threshold[a])
    right, _ = _hops(mu, diffusion, h / 2.0)
    return right / h


@njit(nogil=True, cache=True)
def hop_rates(arrays, drift, noise, right, left):
    """Fill the rates out of every bin: right[k] from k to k + 1 (last bin: across the threshold), left[k] to k - 1."""
    for a in range(arrays.size.size):
        first, last = arrays.start[a], arrays.start[a + 1] - 1
        h = arrays.width[a]
        left[first] = 0.0
        for k in range(first, last):
            mu, diffusion = _at(drift, noise, a, arrays.floor[a] + (k - first + 1) * h)
            up, down = _hops(mu, diffusion, h)
            right[k] = up / h
            left[k + 1] = down / h
        right[last] = firing_rate(arrays, drift, noise, a)


@njit(nogil=True, cache=True)
def fluxes(arrays, density, drift, noise, flux):
    """Fill the population spikes per ms across the thresholds."""
    for a in range(arrays.size.size):
        flux[a] = firing_rate(arrays, drift, noise, a) * density[arrays.start[a + 1] - 1]


@njit(nogil=True, cache=True)
def advance_moments(arrays, time, flux, mean, variance, new_mean, new_variance):
    """Solve dH/dt = -H/tau + p r, dW/dt = -2W/tau + H/tau + p(1-p) r exactly over `time` at constant r."""
    for q in range(arrays.target.size):
        tau, p, r = arrays.tau[q], arrays.probability[q], flux[arrays.source[q]]
        decay = math.exp(-time / tau)
        gap = (mean[q] - variance[q]) * decay * decay + p * p * r * tau / 2.0 * (1.0 - decay * decay)
        new_mean[q] = mean[q] * decay + p * r * tau * (1.0 - decay)
        new_variance[q] = new_mean[q] - gap


@njit(nogil=True, cache=True)
def hop(arrays, a, time, right, left, density, pool, work):
    """Apply the exponential of population a's hops over `time`, by uniformisation; return the spikes of that time.

    exp(G t) = sum_k Poisson(k; q t) (1 + G/q)^k with q at least every exit rate: each term keeps densities positive
    and conserves neurons; the truncated tail goes to the last term. ``work`` has five rows as long as a population.
    Beyond MOST_HOPS hops the rates have run away: NaN, and nothing is moved.
    """
    first, end = arrays.start[a], arrays.start[a + 1]
    q = arrays.release[a]
    for k in range(first, end):
        q = max(q, right[k] + left[k])
    if q == 0.0:
        return 0.0
    if not q * time < MOST_HOPS:
        return math.nan
    bins = end - first
    stay, up, down = work[0, :bins], work[1, :bins], work[2, :bins]
    for k in range(bins):
        up[k] = right[first + k] / q
        down[k] = left[first + k] / q
        stay[k] = 1.0 - up[k] - down[k]
    pieces = int(q * time / _LARGEST_MEAN) + 1
    spikes = 0.0
    for _ in range(pieces):
        spikes += _hop_piece(arrays, a, q, q * time / pieces, stay, up, down, density, pool, work)
    return spikes


@njit(nogil=True, cache=True)
def _hop_piece(arrays, a, q, hops, stay, up, down, density, pool, work):
    first, end = arrays.start[a], arrays.start[a + 1]
    bins = end - first
    last = bins - 1
    pool_first, stages = arrays.pool_start[a], arrays.stages[a]
    low, share_above = arrays.reset_bin[a] - first, arrays.reset_share[a]
    leave = arrays.release[a] / q
    here, new = work[3, :bins], work[4, :bins]
    summed = density[first:end]
    pool_power = np.empty(stages)
    weight = math.exp(-hops)
    below = weight
    for k in range(bins):
        here[k] = summed[k]
        summed[k] *= weight
    for s in range(stages):
        pool_power[s] = pool[pool_first + s]
        pool[pool_first + s] *= weight
    spikes = 0.0
    term = 0
    while 1.0 - below > _TAIL:
        released = up[last] * here[last]
        spikes += (1.0 - below) * released
        for s in range(stages):
            leaving = leave * pool_power[s]
            pool_power[s] += released - leaving
            released = leaving
        new[0] = stay[0] * here[0] + down[1] * here[1]
        for k in range(1, last):
            new[k] = stay[k] * here[k] + up[k - 1] * here[k - 1] + down[k + 1] * here[k + 1]
        new[last] = stay[last] * here[last] + up[last - 1] * here[last - 1]
        new[low] += (1.0 - share_above) * released
        new[low + 1] += share_above * released
        term += 1
        weight *= hops / term
        below += weight
        share = weight if 1.0 - below > _TAIL else weight + (1.0 - below)
        for k in range(bins):
            summed[k] += share * new[k]
        for s in range(stages):
            pool[pool_first + s] += share * pool_power[s]
        here, new = new, here
    return spikes


@njit(nogil=True, cache=True)
def integrate(
    arrays, dt, first_step, steps, every, density, pool, mean, variance,
    spikes, mean_voltage, mean_pending, variance_pending,
):  # fmt: skip
    """Take second-order steps: moments half a step ahead, hops at those moments, then moments by the hops' spikes.

    ``spikes`` and the sampled means of row ``step // every`` are filled.

    Returns
    -------
    steps : int
        Taken; less than asked for if rates have run away.
    population : int
        Whose rates have run away, or -1.
    """
    populations, projections = arrays.size.size, arrays.target.size
    drift, noise = np.empty((populations, 2)), np.empty((populations, 3))
    right, left = np.empty(density.size), np.empty(density.size)
    work = np.empty((5, density.size))
    flux = np.empty(populations)
    middle_mean, middle_variance = np.empty(projections), np.empty(projections)
    for step in range(first_step, first_step + steps):
        sample = step // every
        coefficients(arrays, mean, variance, drift, noise)
        fluxes(arrays, density, drift, noise, flux)
        advance_moments(arrays, dt / 2.0, flux, mean, variance, middle_mean, middle_variance)
        coefficients(arrays, middle_mean, middle_variance, drift, noise)
        hop_rates(arrays, drift, noise, right, left)
        for a in range(populations):
            fired = hop(arrays, a, dt, right, left, density, pool, work)
            if math.isnan(fired):
                return step - first_step, a
            flux[a] = fired / dt
            spikes[sample, a] += fired
        advance_moments(arrays, dt, flux, mean, variance, mean, variance)
        if (step + 1) % every == 0:
            for a in range(populations):
                total = arrays.size[a] * arrays.reset[a]
                for k in range(arrays.start[a], arrays.start[a + 1]):
                    v = arrays.floor[a] + (k - arrays.start[a] + 0.5) * arrays.width[a]
                    total += density[k] * (v - arrays.reset[a])
                mean_voltage[sample, a] = total / arrays.size[a]
            for q in range(projections):
                mean_pending[sample, q] = mean[q]
                variance_pending[sample, q] = variance[q]
    return steps, -1


@njit(nogil=True, cache=True)
def right_hand_side(arrays, density, pool, mean, variance, out):
    """Fill d/dt of the full state: bins, pool, means, variances."""
    populations, projections = arrays.size.size, arrays.target.size
    drift, noise = np.empty((populations, 2)), np.empty((populations, 3))
    right, left, flux = np.empty(density.size), np.empty(density.size), np.empty(populations)
    coefficients(arrays, mean, variance, drift, noise)
    hop_rates(arrays, drift, noise, right, left)
    bins = density.size
    out[:] = 0.0
    for a in range(populations):
        first, last = arrays.start[a], arrays.start[a + 1] - 1
        for k in range(first, last):
            across = right[k] * density[k] - left[k + 1] * density[k + 1]
            out[k] -= across
            out[k + 1] += across
        released = right[last] * density[last]
        flux[a] = released
        out[last] -= released
        for s in range(arrays.pool_start[a], arrays.pool_start[a + 1]):
            leaving = arrays.release[a] * pool[s]
            out[bins + s] += released - leaving
            released = leaving
        out[arrays.reset_bin[a]] += (1.0 - arrays.reset_share[a]) * released
        out[arrays.reset_bin[a] + 1] += arrays.reset_share[a] * released
    base = bins + pool.size
    for q in range(projections):
        p, tau, r = arrays.probability[q], arrays.tau[q], flux[arrays.source[q]]
        out[base + q] = -mean[q] / tau + p * r
        out[base + projections + q] = (mean[q] - 2.0 * variance[q]) / tau + p * (1.0 - p) * r


@njit(nogil=True, cache=True)
def jacobian(arrays, density, pool, mean, variance, out):
    """Fill the Jacobian of `right_hand_side`."""
    populations, projections = arrays.size.size, arrays.target.size
    drift, noise = np.empty((populations, 2)), np.empty((populations, 3))
    right, left = np.empty(density.size), np.empty(density.size)
    coefficients(arrays, mean, variance, drift, noise)
    hop_rates(arrays, drift, noise, right, left)
    bins = density.size
    base = bins + pool.size
    out[:, :] = 0.0
    by_mean, by_variance = np.empty(projections), np.empty(projections)
    for a in range(populations):
        first, last = arrays.start[a], arrays.start[a + 1] - 1
        h = arrays.width[a]
        for k in range(first, last):
            mu, diffusion = _at(drift, noise, a, arrays.floor[a] + (k - first + 1) * h)
            r_mu, r_d, l_mu, l_d = _hop_slopes(mu, diffusion, h)
            along = (r_mu * density[k] - l_mu * density[k + 1]) / h
            spread = (r_d * density[k] - l_d * density[k + 1]) / h
            _moment_slopes(
                arrays, mean, variance, a, arrays.floor[a] + (k - first + 1) * h, by_mean, by_variance, along, spread
            )
            for row, sign in ((k, -1.0), (k + 1, 1.0)):
                out[row, k] += sign * right[k]
                out[row, k + 1] -= sign * left[k + 1]
                for q in range(projections):
                    out[row, base + q] += sign * by_mean[q]
                    out[row, base + projections + q] += sign * by_variance[q]

        mu, diffusion = _at(drift, noise, a, arrays.threshold[a])
        r_mu, r_d, _, _ = _hop_slopes(mu, diffusion, h / 2.0)
        along, spread = r_mu * density[last] / h, r_d * density[last] / h
        _moment_slopes(arrays, mean, variance, a, arrays.threshold[a], by_mean, by_variance, along, spread)
        _add_flux(out, last, -1.0, right[last], last, by_mean, by_variance, base)
        for q in range(projections):
            if arrays.source[q] == a:
                p = arrays.probability[q]
                _add_flux(out, base + q, p, right[last], last, by_mean, by_variance, base)
                _add_flux(out, base + projections + q, p * (1.0 - p), right[last], last, by_mean, by_variance, base)
        low, share = arrays.reset_bin[a], arrays.reset_share[a]
        pool_first, pool_end = arrays.pool_start[a], arrays.pool_start[a + 1]
        if pool_end == pool_first:
            _add_flux(out, low, 1.0 - share, right[last], last, by_mean, by_variance, base)
            _add_flux(out, low + 1, share, right[last], last, by_mean, by_variance, base)
            continue
        _add_flux(out, bins + pool_first, 1.0, right[last], last, by_mean, by_variance, base)
        for s in range(pool_first, pool_end):
            out[bins + s, bins + s] -= arrays.release[a]
            if s + 1 < pool_end:
                out[bins + s + 1, bins + s] += arrays.release[a]
        out[low, bins + pool_end - 1] += (1.0 - share) * arrays.release[a]
        out[low + 1, bins + pool_end - 1] += share * arrays.release[a]
    for q in range(projections):
        out[base + q, base + q] -= 1.0 / arrays.tau[q]
        out[base + projections + q, base + q] += 1.0 / arrays.tau[q]
        out[base + projections + q, base + projections + q] -= 2.0 / arrays.tau[q]


@njit(nogil=True, cache=True)
def _moment_slopes(arrays, mean, variance, a, v, by_mean, by_variance, along, spread):
    """Derivative of a flux by every Hbar and W, given its derivatives by the drift (along) and by D (spread)."""
    for q in range(arrays.target.size):
        by_mean[q] = 0.0
        by_variance[q] = 0.0
        if arrays.target[q] != a:
            continue
        tau, kappa = arrays.tau[q], arrays.kappa[q]
        c = arrays.c0[q] + arrays.c1[q] * v
        scale = 0.5 * (arrays.weight[q] * c / tau) ** 2
        by_mean[q] = along * arrays.weight[q] * c / tau
        if not arrays.kick[q]:
            by_variance[q] = spread * scale * kappa
        elif mean[q] * tau + kappa * (variance[q] - mean[q]) > 0.0:
            by_variance[q] = spread * scale * kappa
            by_mean[q] += spread * scale * (tau - kappa)


@njit(nogil=True, cache=True)
def _add_flux(out, row, factor, rate, last, by_mean, by_variance, base):
    """Add `factor` times the derivative of the flux across the threshold to a row."""
    projections = by_mean.size
    out[row, last] += factor * rate
    for q in range(projections):
        out[row, base + q] += factor * by_mean[q]
        out[row, base + projections + q] += factor * by_variance[q]
