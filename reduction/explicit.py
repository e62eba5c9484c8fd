"""Closed systems of the reduced equations: every bin, every intermediate, every parameter by its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp

from reduction import latex
from reduction.bernoulli import bernoulli, bernoulli_slope
from reduction.markov import MarkovApproximation
from spiking.errors import SpecificationError, UnknownNameError
from spiking.specification import NOT_NAN, checked_number


@dataclass(frozen=True)
class Channel:
    """Something that happens to single neurons: a hop, a spike, a release.

    Attributes
    ----------
    name : str
        ``"E.up[3]"`` (from bin 3 to bin 4), ``"E.down[4]"``, ``"E.spike"``, ``"E.release[12]"`` (to bin 12), ...
    rate : sympy.Expr
        At level "chain" its propensity (events per ms); at level "langevin" the intensity D(y) of its noise
        :math:`\\sqrt D\\,\\xi(t)`, xi Gaussian white noise of unit intensity, independent of that of other channels.
    change : dict
        State to the amount that one event, or a unit of noise, adds to it.
    """

    name: str
    rate: Any
    change: dict[str, Any]


@dataclass(frozen=True, eq=False)
class ExplicitEquations:
    r"""A closed system: the reduced equations of a network with a given number of bins.

    The equations hold for all values of the parameters near those of the network. Numbers of bins, `v_min`, a numeric
    closure time, and the two bins to which released neurons go are fixed; if reset or threshold moves so far that reset
    leaves the range between the middles of those bins, their shares extrapolate (neurons and mean reset are kept).

    Attributes
    ----------
    approximation : MarkovApproximation
    level : {"ode", "chain", "langevin"}
    states : dict
        Name, as in ``approximation.ode().names``, to symbol. At level "chain" also the variables that the others leave
        out because conservation gives them; ``density`` and ``refractory`` are then whole numbers of neurons.
    parameters : dict
        Address to symbol, for every number of the network that enters.
    definitions : dict
        Name of an intermediate (``"E.drift[3]"``, at the upper end of bin 3; ``"E.flux"``, spikes of the population per
        ms; ...) to its expression in states, parameters and intermediates before it. Its symbol has the same name.
    derivatives : dict
        State to its rate of change per ms: at level "langevin" the drift, at level "chain" the change between events.
    observables : dict
        ``"E.rate"`` (Hz per neuron) and so on.
    channels : tuple of Channel
        At levels "chain" and "langevin".
    """

    approximation: MarkovApproximation
    level: str
    states: dict[str, sp.Symbol]
    parameters: dict[str, sp.Symbol]
    definitions: dict[str, Any]
    derivatives: dict[str, Any]
    observables: dict[str, Any]
    channels: tuple[Channel, ...] = ()

    def __repr__(self) -> str:
        return (
            f"ExplicitEquations(level {self.level!r}, {len(self.states)} states, {len(self.parameters)} parameters, "
            f"{len(self.definitions)} definitions, {len(self.channels)} channels)"
        )

    def __str__(self) -> str:
        network = self.approximation.network
        lines = ["Parameters", ""]
        for address in self.parameters:
            unit, meaning = network.describe(address)
            lines.append(f"  {address} = {network[address]:g}  {meaning}{f' ({unit})' if unit else ''}")
        lines += ["", "Definitions", "", *(f"  {name} = {sp.sstr(e)}" for name, e in self.definitions.items())]
        title = {"ode": "Equations", "chain": "Between events", "langevin": "Drift"}[self.level]
        lines += ["", title, "", *(f"  d/dt {name} = {sp.sstr(e)}" for name, e in self.derivatives.items())]
        if self.channels:
            title = "Events: propensity; change" if self.level == "chain" else "Noise: intensity; added to"
            lines += ["", title, ""]
            for c in self.channels:
                change = ", ".join(f"{state} {sp.sstr(amount)}" for state, amount in c.change.items())
                lines.append(f"  {c.name}: {sp.sstr(c.rate)}; {change}")
        lines += ["", "Observables", "", *(f"  {name} = {sp.sstr(e)}" for name, e in self.observables.items())]
        return "\n".join(lines)

    def latex(self, *, document: bool = False) -> str:
        """Return LaTeX (amsmath, longtable): a fragment, or with `document` a file that compiles."""
        body = latex.explicit_latex(self)
        return latex.document(body) if document else body

    def lambdify(self) -> Callable[[npt.ArrayLike, Mapping[str, float] | None], npt.NDArray[np.float64]]:
        """Return a function (y, parameters=None) that evaluates the derivatives, shape (states,), from the expressions.

        `y` has the order of `states`; `parameters` maps addresses to values that differ from the network's. It is as
        exact as the `ODESystem` and slower: made to check the equations, not to integrate them.
        """
        given = [*self.states.values(), *self.parameters.values()]
        plain = {symbol(name): sp.Symbol(f"d{i}") for i, name in enumerate(self.definitions)}
        plain |= {symbol: sp.Symbol(f"x{i}") for i, symbol in enumerate(given)}
        definitions = [(plain[symbol(name)], e.xreplace(plain)) for name, e in self.definitions.items()]
        modules = [{"Bernoulli": bernoulli, "BernoulliSlope": bernoulli_slope}, "numpy"]
        evaluate = sp.lambdify(
            [[plain[symbol] for symbol in given]], [e.xreplace(plain) for e in self.derivatives.values()], modules,
            cse=lambda outputs: (definitions, outputs),
        )  # fmt: skip
        defaults = {address: self.approximation.network[address] for address in self.parameters}

        def derivatives(y: npt.ArrayLike, parameters: Mapping[str, float] | None = None) -> npt.NDArray[np.float64]:
            state = np.asarray(y, float)
            if state.shape != (len(self.states),):
                raise SpecificationError(f"y has shape {state.shape}: must have shape ({len(self.states)},)")
            for address, value in (parameters or {}).items():
                if address not in defaults:
                    raise UnknownNameError("parameter", address, defaults)
                checked_number("", address, value, NOT_NAN)
            return np.array(evaluate([*state, *(defaults | dict(parameters or {})).values()]), float)

        return derivatives


def symbol(name: str) -> Any:
    """Return the symbol of a state, parameter or intermediate."""
    return sp.Symbol(name, real=True)
