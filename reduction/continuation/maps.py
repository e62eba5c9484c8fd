"""Maps, their iterates, and the maps over a given time of differential equations."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation.radau import Advanced, Flow
from reduction.system import Floats, ODESystem, Parameters
from spiking.errors import SpecificationError
from spiking.specification import POSITIVE, checked_number

_TOLERANCE = 1e-6
_SAME_FORCING = 1e-8
_BETWEEN = 0.7310585786
_KEPT = 32


@dataclass(frozen=True, eq=False, repr=False)
class MapSystem(ODESystem):
    """A map y -> m(y; p) with named states and parameters; where an ODESystem has dy/dt, this has m(y; p) itself.

    `find_equilibrium`, `find_equilibria` and `continue_equilibrium` find and follow its fixed points. Its attributes
    are those of `ODESystem`, and these:

    Attributes
    ----------
    period : float or None
        Time that one application takes; None if the map knows no time.
    iterates : int
        How often the map that this one repeats is applied.
    once : MapSystem or None
        The map that this one repeats; None if this is no iterate.
    """

    is_map: ClassVar[bool] = True

    period: float | None = None
    iterates: int = 1
    once: MapSystem | None = None

    @classmethod
    def from_expressions(
        cls,
        equations: Mapping[str, str],
        parameters: Mapping[str, float] | None = None,
        *,
        guess: Mapping[str, float] | npt.ArrayLike | None = None,
        observables: Mapping[str, str] | None = None,
    ) -> MapSystem:
        """Return a map from the next value of each state as text; see `ODESystem.from_expressions`.

        Examples
        --------
        >>> MapSystem.from_expressions({"x": "r*x*(1 - x)"}, {"r": 3.0}).rhs(0.0, [0.5])
        array([0.75])
        """
        return cls._of(ODESystem.from_expressions(equations, parameters, guess=guess, observables=observables))

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
    ) -> MapSystem:
        """Return a map from a function ``m(t, y, p)``, which ignores t; see `ODESystem.from_callable`."""
        return cls._of(
            ODESystem.from_callable(
                function, names, parameters, jacobian=jacobian, guess=guess, observables=observables
            )
        )

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> MapSystem:
        """Return the map of a TOML file; see `ODESystem.from_toml`."""
        return cls._of(ODESystem.from_toml(path))

    @classmethod
    def _of(cls, system: ODESystem) -> MapSystem:
        return cls(**{f.name: getattr(system, f.name) for f in fields(ODESystem)})

    def __repr__(self) -> str:
        times = f", iterated {self.iterates} times" if self.iterates > 1 else ""
        return f"MapSystem({len(self.names)} states, {len(self.parameters)} parameters{times})"

    @property
    def orbit_period(self) -> float:
        """Period of the orbit through a fixed point: a time if the map knows it, else the number of iterates."""
        return float(self.iterates) if self.period is None else self.period

    def iterated(self, number: int) -> MapSystem:
        """Return this map applied so many times, with derivatives by the chain rule.

        Raises
        ------
        ParameterError
            If `number` is no positive integer.
        """
        number = int(checked_number("", "number", number, POSITIVE, integer=True))
        if number == 1:
            return self
        once = self.once or self
        repeated = _Repeated(once, number * self.iterates)
        return MapSystem(
            names=once.names,
            parameters=once.parameters,
            function=repeated.function,
            derivative=repeated.derivative,
            guess=once.guess,
            observables=once.observables,
            units=once.units,
            parameter_slope=repeated.parameter_slope,
            exact_derivative=once.exact_derivative,
            period=None if self.period is None else number * self.period,
            iterates=number * self.iterates,
            once=once,
        )


class _Repeated:
    """A map applied `number` times."""

    def __init__(self, once: MapSystem, number: int) -> None:
        self.once, self.number = once, number

    def function(self, t: float, y: Floats, p: Parameters) -> Floats:
        for _ in range(self.number):
            y = self.once.function(t, y, p)
        return y

    def derivative(self, t: float, y: Floats, p: Parameters) -> Floats:
        out = np.eye(y.size)
        for k in range(self.number):
            out = self.once.derivative(t, y, p) @ out
            if k + 1 < self.number:
                y = self.once.function(t, y, p)
        return out

    def parameter_slope(self, name: str, y: Floats, p: Parameters) -> Floats:
        out = np.zeros_like(y)
        for k in range(self.number):
            out = self.once.derivative(0.0, y, p) @ out + self.once.parameter_derivative(name, y, p)
            if k + 1 < self.number:
                y = self.once.function(0.0, y, p)
        return out


def time_map(system: Any, duration: float, *, tolerance: float = _TOLERANCE) -> MapSystem:
    """Return the map of a state at time 0 to that at time `duration` under dy/dt = f(t, y; p), with exact derivatives.

    For systems that are forced or sampled periodically, with `duration` as the period: f may depend on t (a function
    given to `ODESystem.from_callable` may use it). Fixed points of the map are cycles of the forced system, their
    multipliers its Floquet multipliers. To follow cycles of an autonomous system, use `continue_cycle`.

    Parameters
    ----------
    system : ODESystem or MarkovApproximation
    duration : float
        In the system's unit of time. It stays as it is while parameters change: to vary the period of a forcing,
        measure time in periods.
    tolerance : float
        Of the defect over a step, relative to the size of each state: see `reduction.continuation.radau.Flow`.

    Raises
    ------
    SpecificationError
        If the input cannot be used, or f has not the period `duration`.
    ParameterError
        If a number is out of range.
    NumericalError
        If f is not finite at the system's guess.

    Notes
    -----
    Radau IIA of order 9 with its variational equations, which every evaluation solves: for up to about a hundred
    states.
    """
    system = checks.system_of(system)
    if isinstance(system, MapSystem):
        raise SpecificationError(
            "system: must be a differential equation; it is a map already, see `MapSystem.iterated`"
        )
    duration = checked_number("", "duration", duration, POSITIVE)
    tolerance = checked_number("", "tolerance", tolerance, POSITIVE)
    sampled = _Sampled(Flow(system, duration, tolerance))
    sampled.refuse_other_period(system.guess, system.parameters)
    return MapSystem(
        names=system.names,
        parameters=system.parameters,
        function=sampled.function,
        derivative=sampled.derivative,
        guess=system.guess,
        observables=system.observables,
        units=system.units,
        parameter_slope=sampled.parameter_slope,
        period=duration,
    )


class _Sampled:
    """The map over the duration of a flow. Its last results are kept: map and derivatives are asked for in turn."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._names: tuple[str, ...] = ()
        self._kept: dict[tuple[Any, ...], Advanced] = {}

    def function(self, t: float, y: Floats, p: Parameters) -> Floats:
        return self._advanced(y, p).state.copy()

    def derivative(self, t: float, y: Floats, p: Parameters) -> Floats:
        return self._advanced(y, p).sensitivity[:, : y.size].copy()

    def parameter_slope(self, name: str, y: Floats, p: Parameters) -> Floats:
        if name not in self._names:
            self._names = (*self._names, name)
            self._kept.clear()
        return self._advanced(y, p).sensitivity[:, y.size + self._names.index(name)].copy()

    def refuse_other_period(self, y: Floats, p: Parameters) -> None:
        """Refuse a right-hand side that does not repeat itself after the duration.

        Raises
        ------
        SpecificationError
        """
        system, duration = self.flow.system, self.flow.duration
        for evaluated in (system.function, system.derivative):
            for time in (0.0, _BETWEEN * duration):
                first, last = evaluated(time, y, p), evaluated(time + duration, y, p)
                size = max(float(np.abs(first).max()), float(np.abs(last).max()), 1e-3)
                if np.abs(last - first).max() > _SAME_FORCING * size:
                    raise SpecificationError(
                        f"the right-hand side at time {time + duration:g} is not that at time {time:g}: "
                        f"duration = {duration:g} must be its period"
                    )

    def _advanced(self, y: Floats, p: Parameters) -> Advanced:
        key = (y.tobytes(), *(p[name] for name in self.flow.system.parameters))
        if key not in self._kept:
            self.refuse_other_period(y, p)
            if len(self._kept) == _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self.flow.advance(y, p, self._names)
        return self._kept[key]
