"""ODESystem: what continuation sees of a model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from reduction.differences import scale_of, slope
from spiking.errors import SpecificationError, UnknownNameError
from spiking.specification import NOT_NAN, checked_number

Floats = npt.NDArray[np.float64]
Parameters = Mapping[str, float]
Function = Callable[[float, Floats, Parameters], Floats]
Observable = Callable[[Floats, Parameters], float]


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
    function_many, derivative_many : callable, optional
        f and df/dy at time 0 of states of shape (K, n), as functions of (states, p): shapes (K, n) and (K, n, n).
    parameter_slope, parameter_slope_many : callable, optional
        df/dp at time 0 as functions of (name of the parameter, y of shape (n,) or states of shape (K, n), p).
    exact_derivative : bool
        Whether `derivative` is exact to rounding rather than a finite difference of `function`.
    lowest : array, shape (n,), optional
        Least values that the states can have; roots below are no equilibria.
    """

    names: tuple[str, ...]
    parameters: dict[str, float]
    function: Function
    derivative: Function
    guess: Floats
    observables: dict[str, Observable] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    function_many: Callable[[Floats, Parameters], Floats] | None = None
    derivative_many: Callable[[Floats, Parameters], Floats] | None = None
    parameter_slope: Callable[[str, Floats, Parameters], Floats] | None = None
    parameter_slope_many: Callable[[str, Floats, Parameters], Floats] | None = None
    exact_derivative: bool = True
    lowest: Floats | None = None

    def admits(self, state: Floats) -> bool:
        """Whether a state, shape (n,), lies within the range of what the system describes."""
        return self.lowest is None or bool((state >= self.lowest).all())

    @classmethod
    def from_expressions(
        cls,
        equations: Mapping[str, str],
        parameters: Mapping[str, float] | None = None,
        *,
        guess: Mapping[str, float] | npt.ArrayLike | None = None,
        observables: Mapping[str, str] | None = None,
    ) -> ODESystem:
        """Return a system from the right-hand side of each state as text, with exact derivatives.

        An expression holds numbers, states, parameters, ``pi``, the operators ``+ - * / **`` and the functions sin,
        cos, tan, asin (arcsin), acos (arccos), atan (arctan), sinh, cosh, tanh, exp, log, sqrt, abs, erf. Names are
        Python identifiers, also joined by dots (``"EI.weight"``).

        Parameters
        ----------
        equations : mapping
            State to expression; the order is that of the states.
        parameters : mapping, optional
            Default value of every parameter.
        guess : mapping or array_like, shape (n,), optional
            A state to start from; states that a mapping leaves out, or all by default, are 0.
        observables : mapping, optional
            Name to expression.

        Raises
        ------
        SpecificationError
            If an expression cannot be read (the message names it and the position), or a name cannot be used.
        UnknownNameError
            If an expression uses a name that is neither state nor parameter, or an unknown function.
        ParameterError
            If a value is not a finite number.

        Examples
        --------
        >>> system = ODESystem.from_expressions({"v": "v - v**3/3 - w + I", "w": "(v + 0.7 - 0.8*w)/tau"},
        ...                                     {"I": 0.5, "tau": 12.5})
        >>> system.rhs(0.0, [1.0, 0.0])
        array([1.16666667, 0.136     ])
        """
        from reduction.expressions import system_of

        return system_of(equations, parameters or {}, guess, observables or {})

    @classmethod
    def from_callable(
        cls,
        function: Callable[[float, Floats, dict[str, float]], npt.ArrayLike],
        names: Sequence[str],
        parameters: Mapping[str, float] | None = None,
        *,
        jacobian: Callable[[float, Floats, dict[str, float]], npt.ArrayLike] | None = None,
        guess: Mapping[str, float] | npt.ArrayLike | None = None,
        observables: Mapping[str, Callable[[Floats, Parameters], float]] | None = None,
    ) -> ODESystem:
        """Return a system from a function ``rhs(t, y, p)`` that returns dy/dt, shape (n,).

        Parameters
        ----------
        function : callable
            y has shape (n,); p is a dictionary of all parameters. It must not depend on t.
        names : sequence of str
            States, in order.
        parameters : mapping, optional
            Default value of every parameter.
        jacobian : callable, optional
            df/dy of shape (n, n), with the same arguments; by default finite differences of fourth order, 4 n
            evaluations, on the scale of the largest of the state's modulus, a tenth of its guess's, and 0.01.
        guess : mapping or array_like, shape (n,), optional
            A state to start from; states that a mapping leaves out, or all by default, are 0.
        observables : mapping, optional
            Name to function of (y, p).

        Raises
        ------
        SpecificationError
            If a name cannot be used, or `function` or `jacobian` fails at the guess or returns another shape.
        ParameterError
            If a value is not a finite number.
        """
        from reduction.callables import system_of

        return system_of(function, names, parameters or {}, jacobian, guess, observables or {})

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> ODESystem:
        """Return the system of a TOML file with tables ``equations``, ``parameters``, ``guess``, ``observables``.

        All but ``equations`` may be left out; keys and values are the arguments of `from_expressions`. A dotted name
        is a quoted key (``"EI.weight" = 0.3``) or a key of a table (``EI.weight = 0.3``).

        Raises
        ------
        SpecificationError
            If the file cannot be read or does not describe a system; the message names the file and the key.
        """
        from reduction.expressions import read

        return read(path)

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

    def rhs_many(self, states: npt.ArrayLike, parameters: Parameters | None = None) -> Floats:
        """Return dy/dt at time 0 of states of shape (K, n), shape (K, n); errors as in `rhs`."""
        found, p = self._states(states), self._complete(parameters)
        if self.function_many is not None:
            return self.function_many(found, p)
        out = np.empty(found.shape)
        for k, y in enumerate(found):
            out[k] = self.function(0.0, y, p)
        return out

    def jacobian_many(self, states: npt.ArrayLike, parameters: Parameters | None = None) -> Floats:
        """Return the Jacobians at time 0 of states of shape (K, n), shape (K, n, n); errors as in `rhs`."""
        found, p = self._states(states), self._complete(parameters)
        if self.derivative_many is not None:
            return self.derivative_many(found, p)
        out = np.empty((*found.shape, len(self.names)))
        for k, y in enumerate(found):
            out[k] = self.derivative(0.0, y, p)
        return out

    def parameter_derivative(self, name: str, y: npt.ArrayLike, parameters: Parameters | None = None) -> Floats:
        """Return df/dp of one parameter at time 0, shape (n,).

        Exact if the system has `parameter_slope`; otherwise by `reduction.differences.slope`, on the scale of the
        largest of the parameter's modulus, a tenth of its default's, and 0.01.

        Raises
        ------
        SpecificationError
            As `rhs`, or if there is no parameter of that name.
        """
        state, p = self._state(y), self._complete(parameters)
        self._known(name)
        if self.parameter_slope is not None:
            return self.parameter_slope(name, state, p)
        scale = float(scale_of(p[name], self.parameters[name]))
        return slope(lambda value: self.function(0.0, state, {**p, name: value}), p[name], scale)

    def parameter_derivative_many(
        self, name: str, states: npt.ArrayLike, parameters: Parameters | None = None
    ) -> Floats:
        """Return df/dp of one parameter at time 0 of states of shape (K, n), shape (K, n); else as for one state."""
        found, p = self._states(states), self._complete(parameters)
        self._known(name)
        if self.parameter_slope_many is not None:
            return self.parameter_slope_many(name, found, p)
        if self.parameter_slope is not None:
            return np.array([self.parameter_slope(name, y, p) for y in found]).reshape(found.shape)
        scale = float(scale_of(p[name], self.parameters[name]))
        return slope(lambda value: self.rhs_many(found, {**p, name: value}), p[name], scale)

    def checked(self) -> ODESystem:
        """Return the same system, whose evaluations raise a `NumericalError` instead of returning NaN or infinity.

        The message names the first such entry, the state and the parameters. Errors of the model's functions and
        results of wrong shape raise it too; numpy's warnings are silent.
        """
        from reduction.guarding import guarded

        return guarded(self)

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

    def _states(self, states: npt.ArrayLike) -> Floats:
        found = np.asarray(states, float)
        if found.ndim != 2 or found.shape[1] != len(self.names):
            raise SpecificationError(f"states has shape {found.shape}: must have shape (K, {len(self.names)})")
        return found

    def _known(self, name: str) -> None:
        if name not in self.parameters:
            raise UnknownNameError("parameter", name, self.parameters)

    def _complete(self, parameters: Parameters | None) -> Parameters:
        if not parameters:
            return self.parameters
        for name, value in parameters.items():
            self._known(name)
            checked_number("", name, value, NOT_NAN)
        return {**self.parameters, **parameters}
