"""Systems whose right-hand sides are given as text, also in a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reduction.system import Floats, Observable, ODESystem, Parameters
from spiking.errors import SpecificationError, UnknownNameError
from spiking.specification import FINITE, checked_number

if TYPE_CHECKING:
    import sympy as sp

_TABLES = ("equations", "parameters", "guess", "observables")


def system_of(
    equations: Mapping[str, str],
    parameters: Mapping[str, float],
    guess: Mapping[str, float] | npt.ArrayLike | None,
    observables: Mapping[str, str],
) -> ODESystem:
    """Return a system from expressions; see `ODESystem.from_expressions`."""
    import sympy as sp

    from reduction.parsing import parse, symbol_names

    names = checked_names(
        list(checked_mapping("equations", equations)), list(checked_mapping("parameters", parameters))
    )
    values = checked_parameters(parameters)
    start = checked_guess(guess, names)
    states = {name: sp.Symbol(f"s{k}") for k, name in enumerate(names)}
    symbols = symbol_names(states | {name: sp.Symbol(f"p{k}") for k, name in enumerate(values)})
    found = [parse(text, f"equation of {name}", symbols) for name, text in equations.items()]
    observed = {
        name: parse(text, f"observable {name}", symbols)
        for name, text in checked_mapping("observables", observables).items()
    }  # fmt: skip
    model = _Model(names, tuple(values), found)
    return ODESystem(
        names=names,
        parameters=values,
        function=model.function,
        derivative=model.derivative,
        guess=start,
        observables={name: model.observable(expression) for name, expression in observed.items()},
        units=dict.fromkeys(observed, ""),
        function_many=model.function_many,
        derivative_many=model.derivative_many,
        parameter_slope=lambda name, y, p: model.parameter_slope(name)(y, p),
        parameter_slope_many=lambda name, states, p: model.parameter_slope(name).many(states, p),
    )


def read(path: str | os.PathLike[str]) -> ODESystem:
    """Return the system of a TOML file; see `ODESystem.from_toml`."""
    try:
        tables = _load(path)
        for key in tables:
            if key not in _TABLES:
                raise UnknownNameError("key", key, _TABLES)
        if "equations" not in tables:
            raise SpecificationError("equations: is missing")
        flat = {key: _flat(checked_mapping(key, tables.get(key, {})), key) for key in _TABLES}
        return system_of(flat["equations"], flat["parameters"], flat["guess"], flat["observables"])
    except SpecificationError as error:
        raise SpecificationError(f"{path}: {error}") from None


def is_model(path: str | os.PathLike[str]) -> bool:
    """Return whether a TOML file describes a system by equations; False if it cannot be read."""
    try:
        return "equations" in _load(path)
    except SpecificationError:
        return False


def checked_mapping(what: str, value: object) -> Mapping[str, Any]:
    """Return the value; a SpecificationError names it if it is no mapping."""
    if not isinstance(value, Mapping):
        raise SpecificationError(f"{what}: must be a table of names, not {value!r}")
    return value


def checked_names(states: Sequence[Any], parameters: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of the states.

    Raises
    ------
    SpecificationError
        If there is none, or a name is no text, is empty, or is used twice.
    """
    if not states:
        raise SpecificationError("a system needs at least one state")
    seen = set()
    for name in chain(states, parameters):
        if not isinstance(name, str) or not name.strip():
            raise SpecificationError(f"name {name!r}: must be a text that is not empty")
        if name in seen:
            what = "both a state and a parameter" if name in parameters else "used twice"
            raise SpecificationError(f"name {name!r}: is {what}")
        seen.add(name)
    return tuple(states)


def checked_parameters(parameters: Mapping[str, float]) -> dict[str, float]:
    """Return the values as floats; a ParameterError names one that is not a finite number."""
    return {name: checked_number("parameters", name, value, FINITE) for name, value in parameters.items()}


def checked_guess(guess: Mapping[str, float] | npt.ArrayLike | None, names: Sequence[str]) -> Floats:
    """Return a state, shape (n,), 0 where nothing is given.

    Raises
    ------
    SpecificationError
        If there is no such state, or the shape is another.
    ParameterError
        If a value is not a finite number.
    """
    if guess is None:
        return np.zeros(len(names))
    if not isinstance(guess, Mapping):
        try:
            state = np.array(guess, float)
        except (TypeError, ValueError):
            raise SpecificationError(f"guess = {guess!r}: must be an array of numbers, or name each state") from None
        if state.shape != (len(names),):
            raise SpecificationError(f"guess has shape {state.shape}: must have shape ({len(names)},)")
        guess = dict(zip(names, state.tolist(), strict=True))
    for name in guess:
        if name not in names:
            raise UnknownNameError("guess: state", name, names)
    return np.array([checked_number("guess", name, guess.get(name, 0.0), FINITE) for name in names])


class _Evaluation:
    """Values of expressions at states and parameters, put into the entries `places` of arrays of shape `shape`."""

    def __init__(
        self, model: _Model, expressions: Sequence[sp.Expr], shape: tuple[int, ...], places: Sequence[int]
    ) -> None:
        from reduction.compiled import programs

        self.numbers, self.arrays = programs(len(model.names), len(model.parameters), expressions)
        self.parameters, self.shape, self.size = model.parameters, shape, int(np.prod(shape))
        self.dense = len(places) == self.size
        self.places = np.array(places, int)

    def __call__(self, y: Floats, p: Parameters) -> Floats:
        values = [p[name] for name in self.parameters]
        try:
            found = self.numbers(y.tolist(), values)
        except (ArithmeticError, ValueError):
            with np.errstate(all="ignore"):
                found = self.arrays(y, np.array(values))
        if self.dense:
            return np.array(found, float).reshape(self.shape)
        out = np.zeros(self.size)
        out[self.places] = found
        return out.reshape(self.shape)

    def many(self, states: Floats, p: Parameters) -> Floats:
        values = np.array([p[name] for name in self.parameters])
        with np.errstate(all="ignore"):
            found = self.arrays(np.ascontiguousarray(states.T), values)
        out = np.zeros((len(states), self.size))
        for place, value in zip(self.places, found, strict=True):
            out[:, place] = value
        return out.reshape(len(states), *self.shape)


class _Model:
    """The equations and their derivatives, each compiled when first needed."""

    def __init__(self, names: tuple[str, ...], parameters: tuple[str, ...], equations: list[sp.Expr]) -> None:
        from reduction.gradients import Gradient

        self.names, self.parameters = names, parameters
        n = len(names)
        self.right_hand_side = _Evaluation(self, equations, (n,), range(n))
        gradient = Gradient()
        self.slopes = [gradient(equation) for equation in equations]
        entries = {i * n + k: d[f"s{k}"] for i, d in enumerate(self.slopes) for k in range(n) if f"s{k}" in d}
        self.jacobian = _Evaluation(self, list(entries.values()), (n, n), list(entries))
        self.parameter_slope = lru_cache(maxsize=None)(self._parameter_slope)

    def function(self, t: float, y: Floats, p: Parameters) -> Floats:
        return self.right_hand_side(y, p)

    def derivative(self, t: float, y: Floats, p: Parameters) -> Floats:
        return self.jacobian(y, p)

    def function_many(self, states: Floats, p: Parameters) -> Floats:
        return self.right_hand_side.many(states, p)

    def derivative_many(self, states: Floats, p: Parameters) -> Floats:
        return self.jacobian.many(states, p)

    def _parameter_slope(self, name: str) -> _Evaluation:
        symbol = f"p{self.parameters.index(name)}"
        entries = {i: d[symbol] for i, d in enumerate(self.slopes) if symbol in d}
        return _Evaluation(self, list(entries.values()), (len(self.names),), list(entries))

    def observable(self, expression: sp.Expr) -> Observable:
        evaluation = _Evaluation(self, [expression], (1,), [0])
        return lambda y, p: float(evaluation(y, p)[0])


def _load(path: str | os.PathLike[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, TypeError) as error:
        raise SpecificationError(f"cannot be read as a model: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecificationError(f"is not TOML: {error}") from None


def _flat(table: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Join the keys of nested tables by dots."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        inner = (
            {f"{name}.{rest}": v for rest, v in _flat(value, key).items()} if isinstance(value, dict) else {name: value}
        )
        for address, entry in inner.items():
            if address in found:
                raise SpecificationError(f"{key}.{address}: is given twice")
            found[address] = entry
    return found
