"""The one generator: hops of a voltage between bins at given moments of pending spikes.

Rates are in 1/ms, fluxes in population spikes per ms.
"""

from __future__ import annotations

import math

from numba import njit

_SMALL = 1e-2

_jit = njit(nogil=True, error_model="numpy")


@njit(nogil=True, inline="always")
def hops(mu, diffusion, h):
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


@njit(nogil=True, inline="always")
def hop_slopes(mu, diffusion, h):
    """Derivatives of `hops`: (right by mu, right by D, left by mu, left by D); right - left = mu."""
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


@_jit
def coefficients(arrays, mean, variance, drift, noise):
    """Fill drift mu = drift[a, 0] + drift[a, 1] v and noise sigma^2 = noise[a, 0] + noise[a, 1] v + noise[a, 2] v^2.

    The intrinsic drift beyond the leak and the levels of coloured noise come on top. The flux is mu p - D dp/dv. Noise
    whose intensity depends on v therefore brings a drift: -D'/2 if it is the white limit of a filtered current
    (Stratonovich), -D' if it is that of kicks (Ito).
    """
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
        power = (arrays.weight[q] / arrays.tau[q]) ** 2
        if arrays.kick[q]:
            power *= max(mean[q] * arrays.tau[q] + arrays.kappa[q] * (variance[q] - mean[q]), 0.0)
        else:
            power *= arrays.kappa[q] * variance[q]
        noise[a, 0] += power * c0 * c0
        noise[a, 1] += power * 2.0 * c0 * c1
        noise[a, 2] += power * c1 * c1
        drift[a, 0] -= noise_drift(arrays.kick[q]) * power * c0 * c1
        drift[a, 1] -= noise_drift(arrays.kick[q]) * power * c1 * c1


@njit(nogil=True, inline="always")
def noise_drift(kick):
    """Share of dD/dv that noise of intensity proportional to c(v)^2 takes from the drift."""
    return 1.0 if kick else 0.5


@_jit
def column_drifts(arrays, variance, drift, by_column):
    """Fill the drift (constant, slope in v) of every column: the mean one and that of the levels."""
    by_column[:, :] = 0.0
    for q in range(arrays.target.size):
        if arrays.telegraphs[q] > 0:
            current = arrays.weight[q] * math.sqrt(max(variance[q], 0.0)) / arrays.tau[q]
            constant, slope = current * arrays.c0[q], current * arrays.c1[q]
            a = arrays.target[q]
            for c in range(arrays.column_start[a], arrays.column_start[a + 1]):
                by_column[c, 0] += arrays.level[c, q] * constant
                by_column[c, 1] += arrays.level[c, q] * slope
    for a in range(arrays.size.size):
        by_column[arrays.column_start[a] : arrays.column_start[a + 1]] += drift[a]


@njit(nogil=True, inline="always")
def diffusion_at(n0, n1, n2, v):
    """D = sigma^2 / 2 at v, of noise with the coefficients n0, n1, n2."""
    return max(0.5 * (n0 + v * (n1 + v * n2)), 0.0)


@_jit
def edges_of(arrays, a):
    """Return the edges of a population, with spacing, bend and intrinsic drift."""
    own = slice(arrays.edge_start[a], arrays.edge_start[a + 1])
    return arrays.edge[own], arrays.spacing[own], arrays.bend[own], arrays.intrinsic[own]


@_jit
def hop_rates(edge, spacing, bend, intrinsic, constant, slope, noise, a, right, left):
    """Fill the rates out of the bins of a column: right[k] from k to k + 1, left[k] to k - 1.

    Bins are even in a coordinate u(v), in which the flux mu p - D dp/dv has the drift (mu - D u''/u') u' and the
    diffusion D u'^2. From the last bin, right is the rate across the threshold, half a bin away.
    """
    bins = edge.size - 1
    n0, n1, n2 = noise[a]
    left[0] = 0.0
    for k in range(bins):
        v, width = edge[k + 1], spacing[k + 1]
        diffusion = diffusion_at(n0, n1, n2, v)
        mu = intrinsic[k + 1] + constant + slope * v - diffusion * bend[k + 1]
        distance = 0.5 * width if k + 1 == bins else width
        up, down = hops(mu, diffusion, distance)
        right[k] = up / width
        if k + 1 < bins:
            left[k + 1] = down / width


@_jit
def fluxes(arrays, density, by_column, noise, flux):
    """Fill the population spikes per ms across the thresholds."""
    for a in range(arrays.size.size):
        at = arrays.edge_start[a + 1] - 1
        v, width = arrays.edge[at], arrays.spacing[at]
        diffusion = diffusion_at(noise[a, 0], noise[a, 1], noise[a, 2], v)
        own = arrays.intrinsic[at] - diffusion * arrays.bend[at]
        total = 0.0
        last = arrays.start[a] - 1
        for c in range(arrays.column_start[a], arrays.column_start[a + 1]):
            last += arrays.bins[a]
            up, _ = hops(own + by_column[c, 0] + by_column[c, 1] * v, diffusion, 0.5 * width)
            total += up / width * density[last]
        flux[a] = total


@_jit
def arrivals(arrays, flux, delay, arriving):
    """Fill the population spikes per ms that reach the synapses of each source, after its delay."""
    for q in range(arrays.target.size):
        last = arrays.delay_start[q + 1] - 1
        if arrays.source[q] < 0:
            arriving[q] = 0.0
        elif last < arrays.delay_start[q]:
            arriving[q] = flux[arrays.source[q]]
        else:
            arriving[q] = arrays.delay_rate[q] * delay[last]
