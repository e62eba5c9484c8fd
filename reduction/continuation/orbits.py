"""Trajectories of an ODE system by stiff integration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.system import ODESystem
from spiking.errors import NumericalError
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

_SAMPLES = 4000
_FINE_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Orbit:
    """A trajectory of an ODE system.

    Attributes
    ----------
    times : array, shape (K,)
    states : array, shape (K, n)
    names : tuple of str
        State variables.
    parameters : dict
        All parameters.
    """

    times: Floats
    states: Floats
    names: tuple[str, ...]
    parameters: dict[str, float]


def flow(
    system: Any,
    duration: float,
    initial: npt.ArrayLike | None = None,
    *,
    parameters: Mapping[str, float] | None = None,
    relative_tolerance: float = 1e-7,
    samples: int = _SAMPLES,
) -> Orbit:
    """Integrate an ODE system by LSODA, with its Jacobian.

    Parameters
    ----------
    system : ODESystem or MarkovApproximation
    duration : float
        In the system's unit of time.
    initial : array_like, shape (n,), optional
        Default: the system's guess.
    parameters : mapping, optional
        Values that differ from the defaults.
    relative_tolerance : float
    samples : int
        Number of equal intervals between samples.

    Raises
    ------
    SpecificationError
        If the input cannot be used.
    NumericalError
        If the integration fails.
    """
    system = checks.flow_of(system)
    chosen = checks.parameters_of(system, parameters)
    duration = checked_number("", "duration", duration, POSITIVE)
    tolerance = checked_number("", "relative_tolerance", relative_tolerance, POSITIVE)
    count = int(checked_number("", "samples", samples, POSITIVE, integer=True))
    start = checks.state_of(system, system.guess if initial is None else initial, "initial")
    return Orbit(
        *_integrated(system, start, chosen, tolerance, np.linspace(0.0, duration, count + 1)), system.names, chosen
    )


def once_around(system: ODESystem, start: Floats, period: float, parameters: dict[str, float]) -> tuple[Floats, Floats]:
    """Return times from 0 to 1 and states over a period, sampled where the integration steps, closed at the end.

    Raises
    ------
    NumericalError
        If the integration fails.
    """
    times, states = _integrated(system, start, parameters, _FINE_TOLERANCE, None, period)
    share = (times / period)[:, None]
    return times / period, states + share * (states[0] - states[-1])


def _integrated(
    system: ODESystem,
    start: Floats,
    parameters: dict[str, float],
    tolerance: float,
    at: Floats | None,
    duration: float | None = None,
) -> tuple[Floats, Floats]:
    from scipy.integrate import solve_ivp

    size = max(float(np.abs(start).max()), 1e-3)
    end = float(at[-1]) if at is not None else float(duration or 0.0)
    solution = solve_ivp(
        lambda t, y: system.function(t, y, parameters),
        (0.0, end),
        start,
        method="LSODA",
        jac=lambda t, y: system.derivative(t, y, parameters),
        t_eval=at,
        rtol=tolerance,
        atol=1e-3 * tolerance * size,
    )
    if not solution.success:
        reached = solution.t[-1] if solution.t.size else 0.0
        raise NumericalError(f"the integration failed at time {reached:g}: {solution.message}")
    return solution.t, solution.y.T
