"""The dimension that Lyapunov exponents give an attractor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def kaplan_yorke(exponents: Sequence[float]) -> float:
    """Return the Kaplan-Yorke dimension, NaN if the exponents do not reach down to a negative sum.

    j + (l_1 + ... + l_j) / abs(l_{j+1}), j the largest number of exponents whose sum is not negative: 0 if the first is
    negative.
    """
    sums = np.cumsum(exponents)
    below = np.flatnonzero(sums < 0.0)
    if below.size == 0:
        return math.nan
    j = int(below[0])
    return float(j + (sums[j - 1] if j else 0.0) / abs(exponents[j]))
