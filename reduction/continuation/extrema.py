"""Extrema of a sampled periodic profile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_AROUND = 2


def extrema(times: Floats, states: Floats) -> tuple[Floats, Floats]:
    """Return the minima and maxima of each state over a period, each of shape (n,).

    Around the extreme sample the profile is the polynomial through it and two samples on each side.

    Parameters
    ----------
    times : array, shape (K,)
        From 0 to 1, increasing; the last sample is the first.
    states : array, shape (K, n)
    """
    if len(times) < 2 * _AROUND + 3:
        return states.min(axis=0), states.max(axis=0)
    return -_maxima(times, -states), _maxima(times, states)


def _maxima(times: Floats, states: Floats) -> Floats:
    number, columns = len(times) - 1, np.arange(states.shape[1])
    top = states[:number].argmax(axis=0)
    index = top + np.arange(-_AROUND, _AROUND + 1)[:, None]
    at = times[index % number] + index // number - times[top]
    width = 0.5 * (at[_AROUND + 1] - at[_AROUND - 1])
    usable = (np.diff(at, axis=0) > 1e-6 * width).all(axis=0)
    at = np.where(usable, at / width, np.arange(-_AROUND, _AROUND + 1)[:, None])
    values = states[index % number, columns]
    powers = np.moveaxis(at, 0, 1)[:, :, None] ** np.arange(2 * _AROUND + 1)
    coefficients = np.linalg.solve(powers, values.T[:, :, None])[:, :, 0]
    place = np.zeros(columns.size)
    for _ in range(8):
        slope, bend = (_polynomial(coefficients, place, order) for order in (1, 2))
        step = np.where(bend < 0.0, -slope / np.where(bend < 0.0, bend, 1.0), 0.0)
        place = np.clip(place + step, at[_AROUND - 1], at[_AROUND + 1])
    peak = _polynomial(coefficients, place, 0)
    highest = states.max(axis=0)
    near = usable & (peak >= highest) & (peak - highest <= highest - values.min(axis=0))
    return np.asarray(np.where(near, peak, highest))


def _polynomial(coefficients: Floats, place: Floats, order: int) -> Floats:
    """Return a derivative of the polynomials, row by row."""
    result = np.zeros(place.size)
    for power in range(coefficients.shape[1] - 1, order - 1, -1):
        factor = float(np.prod(np.arange(power, power - order, -1)))
        result = result * place + factor * coefficients[:, power]
    return result
