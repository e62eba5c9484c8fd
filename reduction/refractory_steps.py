"""Refractory times on a grid of steps."""

from __future__ import annotations

import math

import numpy as np

from reduction.levels.diffusion import refractory_moments
from spiking.neurons import Exponential, Normal, Refractory

_TAIL = 10.0
_MOST_TERMS = 100_000.0
_LARGEST_RATIO = 40.0


def rounded_moments(refractory: Refractory, dt: float) -> tuple[float, float]:
    """Return mean and variance of a refractory time in ms and ms^2, rounded to whole steps of dt if that is not 0.

    From the chances that it takes at least k steps, that is, that it is longer than k - 1/2 steps.
    """
    from scipy.special import ndtr

    mean, variance = refractory_moments(refractory)
    if dt == 0.0:
        return mean, variance
    if isinstance(refractory, Exponential):
        half = 0.5 * dt / mean
        if half > _LARGEST_RATIO:
            return 0.0, 0.0
        steps = 0.5 / math.sinh(half)
        return steps * dt, steps * (1.0 / math.tanh(half) - steps) * dt**2
    if not isinstance(refractory, Normal) or refractory.deviation == 0.0:
        return math.floor(mean / dt + 0.5) * dt, 0.0
    middle, deviation = refractory.mean / dt, refractory.deviation / dt
    if deviation * _TAIL > _MOST_TERMS:
        return mean, variance
    certain = max(0.0, math.floor(middle - _TAIL * deviation))
    more = np.arange(1.0, max(2.0, middle + _TAIL * deviation - certain + 2.0))
    chance = ndtr((middle - (certain + more - 0.5)) / deviation)
    first, second = float(chance.sum()), float(((2.0 * more - 1.0) * chance).sum())
    return (certain + first) * dt, (second - first**2) * dt**2
