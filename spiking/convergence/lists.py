"""Lists of numbers, as users give them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spiking.errors import ParameterError
from spiking.specification import Requirement, checked_number


def checked_list(
    name: str, values: object, requirement: Requirement, what: str, *, integer: bool = False
) -> list[float]:
    """Return a list of numbers that satisfy a requirement; `what` they are, for the message.

    Raises
    ------
    ParameterError
        If it is no list, is empty, or holds something else.
    """
    given: list[object] = []
    if (isinstance(values, np.ndarray) and values.ndim == 1) or (
        isinstance(values, Sequence) and not isinstance(values, str)
    ):
        given = list(values)
    if not given:
        raise ParameterError("", name, values, f"must be a list of {what}")
    return [checked_number("", name, value, requirement, integer=integer) for value in given]
