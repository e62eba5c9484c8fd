"""What is read off a state: firing rates, means and spreads of voltages."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from reduction.kernels import SOURCES
from reduction.kernels.density import coefficients, column_drifts, edges_of, fluxes, hop_rates

_jit = njit(nogil=True, error_model="numpy")


@njit(nogil=True, cache=True)
def rates(arrays, density, mean, variance, flux, fingerprint=SOURCES):
    """Fill the population spikes per ms across the thresholds."""
    drift, noise = np.empty((arrays.size.size, 2)), np.empty((arrays.size.size, 3))
    coefficients(arrays, mean, variance, drift, noise)
    by_column = np.empty((arrays.column_start[arrays.size.size], 2))
    column_drifts(arrays, variance, drift, by_column)
    fluxes(arrays, density, by_column, noise, flux)


@njit(nogil=True, cache=True)
def voltage_terms(arrays, mean, variance, drift, noise, fingerprint=SOURCES):
    """Fill drift and noise intensity of the voltages; see `density.coefficients`."""
    coefficients(arrays, mean, variance, drift, noise)


@njit(nogil=True, cache=True)
def mean_voltages(arrays, density, voltage, fingerprint=SOURCES):
    """Fill the mean voltages of the populations, refractory neurons at reset."""
    fill_voltages(arrays, density, voltage, np.empty(voltage.size))


@_jit
def fill_voltages(arrays, density, mean, spread):
    """Fill means and standard deviations of the voltages, refractory neurons at reset.

    Neurons count at the middle of their bin, without a variance within the bins: hops have the right mean and variance
    between the middles, so that those of a leaky voltage far from its threshold come out exactly.
    """
    for a in range(arrays.size.size):
        bins, edges = arrays.bins[a], arrays.edge_start[a]
        total, squares = arrays.size[a] * arrays.reset[a], 0.0
        for column in range(arrays.columns[a]):
            first = arrays.start[a] + column * bins
            for k in range(bins):
                above = 0.5 * (arrays.edge[edges + k] + arrays.edge[edges + k + 1]) - arrays.reset[a]
                share = density[first + k] * above
                total += share
                squares += share * above
        mean[a] = total / arrays.size[a]
        spread[a] = math.sqrt(max(squares / arrays.size[a] - (mean[a] - arrays.reset[a]) ** 2, 0.0))


@njit(nogil=True, cache=True)
def column_rates(arrays, a, mean, variance, right, left, fingerprint=SOURCES):
    """Fill the hop rates of all columns of a population, shape (columns, bins)."""
    drift, noise = np.empty((arrays.size.size, 2)), np.empty((arrays.size.size, 3))
    coefficients(arrays, mean, variance, drift, noise)
    by_column = np.empty((arrays.column_start[arrays.size.size], 2))
    column_drifts(arrays, variance, drift, by_column)
    edge, spacing, bend, intrinsic = edges_of(arrays, a)
    for c in range(arrays.columns[a]):
        constant, slope = by_column[arrays.column_start[a] + c]
        hop_rates(edge, spacing, bend, intrinsic, constant, slope, noise, a, right[c], left[c])
