"""The grid of steps and samples that simulations and integrations share."""

from __future__ import annotations

import math

from spiking.errors import ParameterError
from spiking.specification import POSITIVE, checked_number

_DEFAULT_INTERVAL = 0.1


def time_grid(duration: float, dt: float, sampling_interval: float | None) -> tuple[int, int, float]:
    """Return (steps per sample, samples, dt) of a run; all times in ms.

    The default sampling interval is dt, or 0.1 ms if dt is a fraction of it; durations are rounded to whole intervals.

    Raises
    ------
    ParameterError
        If a time is out of range or the sampling interval is no multiple of dt.
    """
    dt = checked_number("", "dt", dt, POSITIVE)
    if sampling_interval is None:
        parts = round(_DEFAULT_INTERVAL / dt)
        every = parts if parts >= 1 and math.isclose(parts * dt, _DEFAULT_INTERVAL) else 1
    else:
        interval = checked_number("", "sampling_interval", sampling_interval, POSITIVE)
        every = round(interval / dt)
        if every < 1 or not math.isclose(every * dt, interval, rel_tol=1e-9):
            raise ParameterError("", "sampling_interval", interval, f"must be a multiple of dt = {dt:g} ms")
    duration = checked_number("", "duration", duration, POSITIVE)
    samples = round(duration / (every * dt))
    if samples < 1:
        raise ParameterError("", "duration", duration, f"must be at least one sampling interval of {every * dt:g} ms")
    return every, samples, dt
