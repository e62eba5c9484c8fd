"""What a step of every level begins and ends with: moments half a step ahead, moments by the spikes made, samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from reduction.kernels.density import coefficients, column_drifts, fluxes
from reduction.kernels.moments import advance_delays, advance_moments
from reduction.kernels.observing import fill_voltages

_jit = njit(nogil=True, error_model="numpy")


class Buffers(NamedTuple):
    """Of one step: drift and noise at its middle, population spikes per ms, and moments at its middle and end."""

    drift: np.ndarray
    noise: np.ndarray
    by_column: np.ndarray
    flux: np.ndarray
    arriving: np.ndarray
    middle_mean: np.ndarray
    middle_variance: np.ndarray
    new_mean: np.ndarray
    new_variance: np.ndarray
    new_delay: np.ndarray


@_jit
def buffers(arrays):
    """Return buffers to be filled."""
    populations, sources = arrays.size.size, arrays.target.size
    return Buffers(
        np.empty((populations, 2)), np.empty((populations, 3)), np.empty((arrays.column_start[populations], 2)),
        np.empty(populations), np.empty(sources), np.empty(sources), np.empty(sources), np.empty(sources),
        np.empty(sources), np.empty(arrays.delay_start[sources]),
    )  # fmt: skip


@_jit
def look_ahead(arrays, dt, density, delay, mean, variance, own):
    """Fill drift and noise at the moments half a step ahead, at the present firing rates."""
    coefficients(arrays, mean, variance, own.drift, own.noise)
    column_drifts(arrays, variance, own.drift, own.by_column)
    fluxes(arrays, density, own.by_column, own.noise, own.flux)
    advance_delays(arrays, dt / 2.0, own.flux, delay, own.new_delay, own.arriving)
    advance_moments(arrays, dt / 2.0, own.arriving, mean, variance, own.middle_mean, own.middle_variance)
    coefficients(arrays, own.middle_mean, own.middle_variance, own.drift, own.noise)
    column_drifts(arrays, own.middle_variance, own.drift, own.by_column)


@_jit
def follow(arrays, dt, delay, mean, variance, own):
    """Fill delays and moments at the end of a step, by the spikes per ms that it has made."""
    advance_delays(arrays, dt, own.flux, delay, own.new_delay, own.arriving)
    advance_moments(arrays, dt, own.arriving, mean, variance, own.new_mean, own.new_variance)


@_jit
def settle(
    arrays, sampled, density, delay, mean, variance, own, mean_voltage, spread_voltage, mean_pending, variance_pending
):  # fmt: skip
    """Take over delays and moments; if the step ends a sampling interval, fill its row of moments."""
    mean[:] = own.new_mean
    variance[:] = own.new_variance
    delay[:] = own.new_delay
    if sampled:
        fill_voltages(arrays, density, mean_voltage, spread_voltage)
        mean_pending[:] = mean[: mean_pending.size]
        variance_pending[:] = variance[: mean_pending.size]
