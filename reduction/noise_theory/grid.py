"""A threshold that is tested on a grid of times."""

from __future__ import annotations

import math

import numpy as np

from spiking.specification import FINITE, NONNEGATIVE, checked_number

GRID_SHIFT = 0.5825971579390107
"""-zeta(1/2) over the root of 2 pi: mean overshoot of a driftless Gaussian random walk, in steps' deviations."""

_SMALL_DRIFT, _LARGE_DRIFT = 0.02, 40.0


def grid_shift(drift: float, sigma: float, dt: float) -> float:
    r"""Return by how much a threshold that is tested on a grid of times seems to lie higher, in mV.

    The mean overshoot of a Gaussian random walk of drift m = drift sqrt(dt)/sigma, in units of its steps' deviation
    (Siegmund, Sequential Analysis, 1985, chapter VIII):

    .. math:: \frac{1 + m^2}{2 m} - \sum_{n \ge 1} \frac{E\,(S_n)^-}{n}, \qquad
              E\,(S_n)^- = \sqrt n\, \varphi(\sqrt n\, m) - n m\, \Phi(-\sqrt n\, m)

    It is 0.5826 sigma sqrt(dt) for no drift, which is also taken for a negative one, and drift dt / 2 without noise.

    Parameters
    ----------
    drift : float
        At the threshold, in mV/ms.
    sigma : float
        In mV/sqrt(ms).
    dt : float
        In ms.

    Raises
    ------
    ParameterError
        If a number is not finite, or `sigma` or `dt` is negative.
    """
    from scipy.special import ndtr

    drift = checked_number("", "drift", drift, FINITE)
    sigma = checked_number("", "sigma", sigma, NONNEGATIVE)
    dt = checked_number("", "dt", dt, NONNEGATIVE)
    if sigma == 0.0 or dt == 0.0:
        return 0.5 * max(drift, 0.0) * dt
    m = max(drift, 0.0) * math.sqrt(dt) / sigma
    if m < _SMALL_DRIFT:
        return (GRID_SHIFT + m / 4.0) * sigma * math.sqrt(dt)
    if m > _LARGE_DRIFT:
        return 0.5 * drift * dt + 0.5 * sigma * math.sqrt(dt) / m
    n = np.arange(1.0, 2.0 + 100.0 / m**2)
    below = np.sqrt(n) * np.exp(-0.5 * n * m**2) / math.sqrt(2.0 * math.pi) - n * m * ndtr(-np.sqrt(n) * m)
    return float((1.0 + m**2) / (2.0 * m) - np.sum(below / n)) * sigma * math.sqrt(dt)
