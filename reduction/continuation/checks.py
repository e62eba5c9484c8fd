"""What continuation asks of its input, checked before any work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.system import ODESystem
from spiking.errors import SpecificationError, UnknownNameError
from spiking.specification import NOT_NAN, checked_number

Floats = npt.NDArray[np.float64]

KINDS = frozenset(("LP", "HB", "BP", "LPC", "PD", "NS", "BPC", "CP", "BT", "GH", "ZH", "HH"))
_LATER = 0.7310585786
_KINK = 1e-2
_WRONG = 1e-2
_COARSE, _FINE, _AROUND = 1e-4, 1e-6, 0.1
_MAP_ERROR = 1e-8


def system_of(system: Any) -> ODESystem:
    """Return the system, guarded against values that are not finite; a Markov approximation gives its ODE.

    Raises
    ------
    SpecificationError
        If it is none.
    """
    if hasattr(system, "ode") and not isinstance(system, ODESystem):
        system = system.ode()
    if not isinstance(system, ODESystem):
        raise SpecificationError(
            f"system = {type(system).__name__}: must be an ODESystem: from_expressions, from_callable and "
            "MarkovApproximation.ode make one"
        )
    return system.checked()


def flow_of(system: Any) -> ODESystem:
    """Return `system_of`, but no map.

    Raises
    ------
    SpecificationError
    """
    found = system_of(system)
    if getattr(found, "is_map", False):
        raise SpecificationError(
            "system is a map: its orbits are fixed points of `system.iterated(number)`, see find_equilibrium"
        )
    return found


def parameters_of(system: ODESystem, changed: Mapping[str, float] | None) -> dict[str, float]:
    """Return all parameters, with some changed.

    Raises
    ------
    UnknownNameError, ParameterError
    """
    for name, value in mapping_of(changed).items():
        if name not in system.parameters:
            raise UnknownNameError("parameter", name, system.parameters)
        checked_number("", name, value, NOT_NAN)
    return {**system.parameters, **(changed or {})}


def mapping_of(parameters: Mapping[str, float] | None) -> Mapping[str, float]:
    """Return changed parameters, none by default.

    Raises
    ------
    SpecificationError
        If they are no mapping.
    """
    if not isinstance(parameters, (Mapping, type(None))):
        raise SpecificationError(f"parameters = {parameters!r}: must be a mapping of names to numbers")
    return parameters or {}


def name_of(system: ODESystem, name: object) -> str:
    """Return the name of a parameter that exists.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    """
    if not isinstance(name, str) or name not in system.parameters:
        raise UnknownNameError("parameter", name, system.parameters)
    return name


def bounds_of(name: str, bounds: object, value: float) -> Floats:
    """Return bounds (low, high) that hold a value.

    Raises
    ------
    SpecificationError
        If they are no two increasing numbers, or exclude the value.
    """
    try:
        low, high = (float(v) for v in bounds)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise SpecificationError(f"bounds of {name} = {bounds!r}: must be two numbers (low, high)") from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise SpecificationError(f"bounds of {name} = ({low:g}, {high:g}): must be finite, with low < high")
    if not low <= value <= high:
        raise SpecificationError(f"{name} = {value:g} at the start: must lie within the bounds [{low:g}, {high:g}]")
    return np.array([low, high])


def state_of(system: ODESystem, state: object, what: str) -> Floats:
    """Return a finite state of the right shape.

    Raises
    ------
    SpecificationError
    """
    if isinstance(state, Mapping):
        for name in state:
            if name not in system.names:
                raise UnknownNameError("state", name, system.names)
        state = [state.get(name, own) for name, own in zip(system.names, system.guess, strict=True)]
    try:
        found = np.asarray(state, float)
    except (TypeError, ValueError):
        raise SpecificationError(f"{what} = {state!r}: must be an array of numbers") from None
    if found.shape != (len(system.names),):
        raise SpecificationError(f"{what} has shape {found.shape}: must have shape ({len(system.names)},)")
    if not np.isfinite(found).all():
        raise SpecificationError(f"{what}: must be finite")
    return found.copy()


def hooks(events: object, stop: object, progress: object) -> None:
    """Refuse hooks that cannot be called.

    Raises
    ------
    SpecificationError
    """
    if not isinstance(events, (Mapping, type(None))):
        raise SpecificationError(f"events = {events!r}: must be a mapping of names to functions of (state, parameters)")
    taken = KINDS.intersection(events or {})
    if taken:
        raise SpecificationError(
            f"events: {', '.join(sorted(taken))} names a kind of special point: choose another name"
        )
    for name, value in {
        **{f"events[{k!r}]": v for k, v in (events or {}).items()},
        "stop": stop,
        "progress": progress,
    }.items():
        if value is not None and not callable(value):
            raise SpecificationError(f"{name} = {value!r}: must be a function")


def autonomous(system: ODESystem, state: Floats, parameters: Mapping[str, float]) -> None:
    """Refuse a right-hand side that depends on time.

    Raises
    ------
    SpecificationError
    NumericalError
        If it is not finite.
    """
    here, later = (system.function(t, state, parameters) for t in (0.0, _LATER))
    if np.abs(later - here).max() > 1e-9 * np.abs(here).max() + 1e-12:
        raise SpecificationError(
            "the right-hand side depends on time: continuation needs an autonomous system (time_map makes a map of a "
            "periodic one)"
        )


def smooth(system: ODESystem, state: Floats, parameters: Mapping[str, float]) -> None:
    """Refuse a right-hand side that depends on time, has a kink at a state, or whose Jacobian is not its derivative.

    Raises
    ------
    SpecificationError
        With the reason.
    NumericalError
        If it is not finite.
    """
    autonomous(system, state, parameters)
    here, jacobian = system.function(0.0, state, parameters), system.derivative(0.0, state, parameters)
    unit = np.maximum(np.abs(state), max(1e-6 * float(np.abs(state).max()), 1e-3 * float(not state.any()), 1e-12))
    around = [np.abs(system.function(0.0, state + sign * _AROUND * unit, parameters)) for sign in (-1.0, 1.0)]
    rounding = 1e-14 * (np.abs(here) + np.abs(jacobian) @ np.abs(state) + around[0] + around[1]) + 1e-300
    if getattr(system, "is_map", False):
        rounding = rounding + _MAP_ERROR * np.abs(state)
    for direction in np.random.default_rng(0).choice([-1.0, 1.0], (2, state.size)) * unit:
        coarse, fine = (one_sided(system, state, direction, h, parameters) for h in (_COARSE, _FINE))
        scale = np.abs(jacobian) @ np.abs(direction) + rounding / (_FINE * _KINK)
        if ((np.abs(fine[0]) > _KINK * scale) & (np.abs(fine[0]) > 0.3 * np.abs(coarse[0]))).any():
            raise SpecificationError(
                "the right-hand side has a kink here (its one-sided derivatives differ): continuation needs it smooth"
            )
        wrong = np.abs(fine[1] - jacobian @ direction) / scale
        if system.exact_derivative and wrong.max() > _WRONG:
            raise SpecificationError(
                f"the Jacobian is not the derivative of the right-hand side (row {system.names[int(wrong.argmax())]})"
            )


def bends(system: ODESystem, state: Floats, scale: float, parameters: Mapping[str, float]) -> bool:
    """Return whether the right-hand side has a kink near a state: its slopes differ at all small distances."""
    jacobian = system.derivative(0.0, state, parameters)
    for direction in np.random.default_rng(0).choice([-1.0, 1.0], (2, state.size)) * scale:
        far, near = (np.abs(one_sided(system, state, direction, h, parameters)[0]) for h in (1e-2, 1e-3))
        if ((near > _KINK * np.abs(jacobian).max() * scale) & (near > 0.7 * far)).any():
            return True
    return False


def one_sided(
    system: ODESystem, state: Floats, direction: Floats, h: float, parameters: Mapping[str, float]
) -> tuple[Floats, Floats]:
    """Return the difference of both one-sided slopes along a direction, and their mean."""
    behind, here, ahead = (system.function(0.0, state + k * h * direction, parameters) for k in (-1, 0, 1))
    return (ahead - 2.0 * here + behind) / h, (ahead - behind) / (2.0 * h)
