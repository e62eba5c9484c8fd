"""ODESystem: what continuation sees of a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spiking.errors import SpecificationError, UnknownNameError
from spiking.specification import NOT_NAN, checked_number

Floats = npt.NDArray[np.float64]
Parameters = Mapping[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class ODESystem:
    """A system dy/dt = f(t, y; p) with named states and parameters.

    Attributes
    ----------
    names : tuple of str
        State variables, in order.
    parameters : dict
        Default value of every parameter, by address.
    function, derivative : callable
        f(t, y, p) of shape (n,) and its Jacobian df/dy of shape (n, n), p a complete mapping of parameters.
    observables : dict
        Name (with unit in `units`) to a function of (y, p).
    units : dict
        Unit of each observable.
    guess : array, shape (n,)
        A state to start from.
    """

    names: tuple[str, ...]
    parameters: dict[str, float]
    function: Callable[[float, Floats, Parameters], Floats]
    derivative: Callable[[float, Floats, Parameters], Floats]
    guess: Floats
    observables: dict[str, Callable[[Floats, Parameters], float]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"ODESystem({len(self.names)} states, {len(self.parameters)} parameters)"

    def rhs(self, t: float, y: npt.ArrayLike, parameters: Parameters | None = None) -> Floats:
        """Return dy/dt, shape (n,).

        Parameters
        ----------
        t : float
            Time in ms.
        y : array_like, shape (n,)
        parameters : mapping, optional
            Values that differ from the defaults, by address. Only NaN is refused: a branch may pass through values
            that no network can have.

        Raises
        ------
        SpecificationError
            If `y` has the wrong shape or a parameter does not exist.
        """
        return self.function(t, self._state(y), self._complete(parameters))

    def jacobian(self, t: float, y: npt.ArrayLike, parameters: Parameters | None = None) -> Floats:
        """Return the Jacobian of `rhs` with respect to y, shape (n, n); arguments and errors as there."""
        return self.derivative(t, self._state(y), self._complete(parameters))

    def observe(self, name: str, y: npt.ArrayLike, parameters: Parameters | None = None) -> float:
        """Return an observable by name.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        if name not in self.observables:
            raise UnknownNameError("observable", name, self.observables)
        return self.observables[name](self._state(y), self._complete(parameters))

    def _state(self, y: npt.ArrayLike) -> Floats:
        state = np.asarray(y, float)
        if state.shape != (len(self.names),):
            raise SpecificationError(f"y has shape {state.shape}: must have shape ({len(self.names)},)")
        return state

    def _complete(self, parameters: Parameters | None) -> Parameters:
        if not parameters:
            return self.parameters
        for name, value in parameters.items():
            if name not in self.parameters:
                raise UnknownNameError("parameter", name, self.parameters)
            checked_number("", name, value, NOT_NAN)
        return {**self.parameters, **parameters}
