"""Systems whose right-hand side is a Python function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction import differences
from reduction.expressions import checked_guess, checked_mapping, checked_names, checked_parameters
from reduction.system import Floats, Function, Observable, ODESystem, Parameters
from spiking.errors import SpecificationError

UserFunction = Callable[[float, Floats, dict[str, float]], npt.ArrayLike]


def system_of(
    function: UserFunction,
    names: Sequence[str],
    parameters: Mapping[str, float],
    jacobian: UserFunction | None,
    guess: Mapping[str, float] | npt.ArrayLike | None,
    observables: Mapping[str, Observable],
) -> ODESystem:
    """Return a system from a function; see `ODESystem.from_callable`."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise SpecificationError(f"names = {names!r}: must be a sequence of names")
    states = checked_names(list(names), list(checked_mapping("parameters", parameters)))
    values = checked_parameters(parameters)
    start = checked_guess(guess, states)
    given = (
        {"function": function}
        | ({} if jacobian is None else {"jacobian": jacobian})
        | dict(checked_mapping("observables", observables))
    )
    for what, value in given.items():
        if not callable(value):
            raise SpecificationError(f"{what} = {value!r}: must be a function")
    rhs = _protected(function)
    _try(rhs, "function", start, values, (len(states),))
    derivative = _differenced(rhs, start) if jacobian is None else _protected(jacobian)
    if jacobian is not None:
        _try(derivative, "jacobian", start, values, (len(states), len(states)))
    return ODESystem(
        names=states,
        parameters=values,
        function=rhs,
        derivative=derivative,
        guess=start,
        observables=dict(observables),
        units=dict.fromkeys(observables, ""),
        exact_derivative=jacobian is not None,
    )


def _protected(function: UserFunction) -> Function:
    """Return the function on its own copies, so that neither side changes what the other holds."""
    return lambda t, y, p: np.array(function(t, y.copy(), dict(p)), float)


def _differenced(rhs: Function, guess: Floats) -> Function:
    def derivative(t: float, y: Floats, p: Parameters) -> Floats:
        return differences.jacobian(lambda state: rhs(t, state, p), y, differences.scale_of(y, guess))

    return derivative


def _try(function: Function, what: str, y: Floats, parameters: dict[str, float], shape: tuple[int, ...]) -> None:
    try:
        with np.errstate(all="ignore"):
            found: Any = function(0.0, y, parameters)
    except ArithmeticError:
        return
    except Exception as error:
        raise SpecificationError(f"{what} raised {type(error).__name__} at the guess {y}: {error}") from error
    if found.shape != shape:
        raise SpecificationError(f"{what} returned shape {found.shape}: must be {shape}")
