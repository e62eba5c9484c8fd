"""Evaluations of a system that refuse NaN and infinity with the place where they appear."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reduction.system import Floats, ODESystem, Parameters
from spiking.errors import NumericalError

_SHOWN = 6


def guarded(system: ODESystem) -> ODESystem:
    """Return the system with every evaluation checked; see `ODESystem.checked`."""
    n = len(system.names)
    many: dict[str, Any] = {}
    if system.function_many is not None:
        many["function_many"] = _Guard(system, system.function_many, "dy/dt", (n,))
    if system.derivative_many is not None:
        many["derivative_many"] = _Guard(system, system.derivative_many, "the Jacobian", (n, n))
    for name in ("parameter_slope", "parameter_slope_many"):
        if getattr(system, name) is not None:
            many[name] = _Guard(system, getattr(system, name), "the derivative by {}", (n,))
    return replace(
        system,
        function=_Guard(system, system.function, "dy/dt", (n,)),
        derivative=_Guard(system, system.derivative, "the Jacobian", (n, n)),
        **many,
    )


@dataclass(frozen=True, eq=False)
class _Guard:
    """A function whose last arguments are state (or states) and parameters; `shape` is that of one result."""

    system: ODESystem
    function: Callable[..., Floats]
    what: str
    shape: tuple[int, ...]

    def __call__(self, *arguments: Any) -> Floats:
        *first, y, p = arguments
        what = self.what.format(*first)
        try:
            with np.errstate(all="ignore"):
                out = np.asarray(self.function(*arguments), float)
                total = float(out.sum())
        except NumericalError:
            raise
        except Exception as error:
            message = f"{what} raised {type(error).__name__} ({error}) at {self._place(y, p)}"
            raise NumericalError(message) from error
        shape = (*y.shape[:-1], *self.shape)
        if out.shape != shape:
            raise NumericalError(f"{what} has shape {out.shape}, must have {shape}, at {self._place(y, p)}")
        if not math.isfinite(total) and not np.isfinite(out).all():
            raise NumericalError(self._not_finite(what, out, y, p))
        return out

    def _not_finite(self, what: str, out: Floats, y: Floats, p: Parameters) -> str:
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(out))[0])
        value = out[where]
        if y.ndim == 2:
            y, where = y[where[0]], where[1:]
        entry = ", ".join(self.system.names[i] for i in where)
        return f"{what} is {value} in ({entry}) at {self._place(y, p, where)}"

    def _place(self, y: Floats, p: Parameters, first: tuple[int, ...] = ()) -> str:
        """Return the state, beginning with the entries `first`, and the parameters, if many only those changed."""
        defaults = self.system.parameters
        shown = p if len(p) <= _SHOWN else {name: p[name] for name in p if p[name] != defaults[name]}
        names = self.system.names
        order = (*first, *range(len(names)))
        states = f"one of {len(y)} states" if y.ndim == 2 else _listed({names[i]: float(y[i]) for i in order})
        return f"{states}; parameters: {_listed(shown) or 'default'}"


def _listed(values: Parameters) -> str:
    parts = [f"{name} = {value:.6g}" for name, value in list(values.items())[:_SHOWN]]
    return ", ".join(parts) + (f", ... ({len(values)} in all)" if len(values) > _SHOWN else "")
