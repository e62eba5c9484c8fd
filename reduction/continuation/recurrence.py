"""One period at the end of a simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation.orbits import Orbit, flow
from reduction.continuation.results import Cycle
from reduction.system import ODESystem
from spiking.errors import NumericalError, SpecificationError

Floats = npt.NDArray[np.float64]

_CLOSE = 0.1
_TIMES_BEST = 3.0
_SAME = 1e-3
_STILL = 1e-7


def one_period(system: ODESystem, trajectory: Any, parameters: dict[str, float]) -> tuple[Floats, Floats, float]:
    """Return (times from 0 to 1, states, period) of the shortest recurrence at the end of a trajectory.

    Raises
    ------
    SpecificationError
        If it is no trajectory of this system.
    NumericalError
        If its end does not recur.
    """
    if isinstance(trajectory, Cycle):
        return trajectory.times / trajectory.period, trajectory.states, trajectory.period
    times, states = samples(system, trajectory, parameters)
    last = states[-1]
    span = np.ptp(states[len(states) // 2 :], axis=0)
    if not (span > _STILL * (1.0 + np.abs(states).max(axis=0))).any():
        raise NumericalError("the trajectory ends in an equilibrium: find_equilibrium finds it")
    scale = np.where(span > 0.0, span, 1.0)
    distance = np.sqrt(np.mean(((states - last) / scale) ** 2, axis=1))
    slope = np.gradient(states, times, axis=0)[-1] / scale**2
    across = (states - last) @ slope
    away = np.flatnonzero(distance > 3.0 * _CLOSE)
    ahead = np.flatnonzero((across[:-1] < 0.0) & (across[1:] >= 0.0))
    ahead = ahead[ahead < away.max()] if away.size else ahead[:0]
    returns = []
    for k in ahead[::-1]:
        share = -across[k] / (across[k + 1] - across[k])
        point = states[k] + share * (states[k + 1] - states[k])
        returns.append(
            (times[k] + share * (times[k + 1] - times[k]), float(np.sqrt(np.mean(((point - last) / scale) ** 2))))
        )
    if away.size and distance[0] <= _SAME:
        returns.append((times[0], float(distance[0])))
    if not returns or min(d for _, d in returns) > _CLOSE:
        raise NumericalError(
            "the trajectory is not periodic at its end: integrate longer, so that it settles and holds at least two "
            "periods"
        )
    allowed = max(_TIMES_BEST * min(d for _, d in returns), _SAME)
    begin = next(t for t, d in returns if d <= allowed)
    keep = times > begin
    start = np.array([np.interp(begin, times, column) for column in states.T])
    own = np.concatenate([[begin], times[keep]])
    profile = np.concatenate([start[None], states[keep]])
    period = float(times[-1] - begin)
    share = ((own - begin) / period)[:, None]
    closed = profile + share * (profile[0] - profile[-1])
    return (own - begin) / period, closed, period


def samples(system: ODESystem, trajectory: Any, parameters: dict[str, float]) -> tuple[Floats, Floats]:
    """Return times (K,) and states (K, n) of a trajectory in one of its forms.

    Raises
    ------
    SpecificationError
    """
    n = len(system.names)
    if hasattr(trajectory, "final_state") and hasattr(trajectory, "level"):
        if trajectory.level != "ode":
            raise SpecificationError(
                f"trajectory of level {trajectory.level!r}: must be of level 'ode'; the others are steps in time with "
                "noise or kinks, not a smooth vector field"
            )
        orbit = flow(system, 0.2 * float(trajectory.times[-1]), trajectory.final_state[0], parameters=parameters)
        return orbit.times, orbit.states
    if isinstance(trajectory, Orbit):
        times, states = trajectory.times, trajectory.states
    elif hasattr(trajectory, "t") and hasattr(trajectory, "y"):
        times, states = np.asarray(trajectory.t, float), np.asarray(trajectory.y, float).T
    else:
        try:
            times, states = (np.asarray(part, float) for part in trajectory)
        except (TypeError, ValueError):
            raise SpecificationError(
                f"trajectory = {type(trajectory).__name__}: must be an Orbit, (times, states) or scipy's OdeResult"
            ) from None
    if times.ndim != 1 or states.shape != (times.size, n) or times.size < 8:
        raise SpecificationError(
            f"trajectory has times of shape {times.shape} and states of shape {states.shape}: must be (K,) and "
            f"(K, {n}), with K at least 8"
        )
    if not (np.isfinite(times).all() and np.isfinite(states).all() and (np.diff(times) > 0.0).all()):
        raise SpecificationError("trajectory: times must increase, states must be finite")
    return times, states
