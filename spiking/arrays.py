"""Arrays of numbers that functions are given, checked before use."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError
from spiking.specification import FINITE, Requirement

Floats = npt.NDArray[np.float64]


def checked_array(name: str, value: npt.ArrayLike, requirement: Requirement | None = FINITE) -> Floats:
    """Return `value` as an array of floats that are not NaN and satisfy `requirement`; None: of any floats.

    Only the least and the greatest are tested: the requirement must hold between numbers for which it holds.

    Raises
    ------
    ParameterError
        If `value` is no array of real numbers, or one of them is out of range.
    """
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "biufO":
            raise TypeError
        found = given.astype(float)
    except (TypeError, ValueError, OverflowError):
        raise ParameterError("", name, value, "must be an array of real numbers") from None
    if requirement is not None and found.size:
        for extreme in (float(found.min()), float(found.max())):
            if math.isnan(extreme) or not requirement.holds(extreme):
                raise ParameterError("", name, extreme, requirement.text)
    return found
