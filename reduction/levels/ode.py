"""The ODE level: the mean of the hops of the Markov approximation.

Neurons are conserved in every population, so one variable of each is no state: the first refractory stage or, without
refractory time, the bin that receives the released neurons. The Jacobian then has no structural zero eigenvalue.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reduction.markov import MarkovApproximation
from reduction.system import Floats, ODESystem, Parameters
from spiking.errors import SpecificationError

if TYPE_CHECKING:
    from reduction.kernels.layout import Arrays

_SPREAD = 0.6
_PENDING = 1.0
_KEPT = 8


@dataclass(frozen=True)
class Layout:
    """How the full state (bins, refractory stages, delays, moments of pending spikes) becomes the ODE's state.

    Attributes
    ----------
    names : tuple of str
        Of the full state.
    owner : array of int, shape (full,)
        Population to which a neuron count belongs, -1 for delays and moments.
    eliminated : array of int, shape (populations,)
        Index in the full state of the variable that conservation gives.
    kept : array of int, shape (n,)
        Indices of the others; the moments of drives, which never change, are not among them.
    parts : tuple of int
        Ends of density, pool, delay, mean and variance in the full state.
    """

    names: tuple[str, ...]
    owner: npt.NDArray[np.int64]
    eliminated: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]
    parts: tuple[int, ...]

    def split(self, full: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Return (density, pool, delay, mean, variance), views of a full state."""
        a, b, c, d, e = self.parts
        return full[:a], full[a:b], full[b:c], full[c:d], full[d:e]

    def full(self, y: Floats, arrays: Arrays) -> Floats:
        """Return the full state of an ODE state, the other variables from conservation and from the drives."""
        state = np.zeros(self.owner.size)
        _, _, _, mean, variance = self.split(state)
        mean[:], variance[:] = arrays.mean, arrays.variance
        state[self.kept] = y
        for a, index in enumerate(self.eliminated):
            state[index] = arrays.size[a] - state[self.owner == a].sum()
        return state


def layout(approximation: MarkovApproximation) -> Layout:
    """Return the layout of an approximation's states."""
    arrays = approximation.arrays()
    names: list[str] = []
    owner: list[int] = []
    for kind, numbers in (("density", arrays.bins), ("refractory", arrays.stages)):
        for a, name in enumerate(approximation.network.sizes):
            for column in range(arrays.columns[a]):
                suffix = f",{column}" if arrays.columns[a] > 1 else ""
                names += [f"{name}.{kind}[{k}{suffix}]" for k in range(numbers[a])]
                owner += [a] * int(numbers[a])
    found = approximation.sources()
    ends = [int(arrays.start[-1]), len(names)]
    for source in found:
        stages = source.stages
        names += [f"{source.name}.delay[{s}]" for s in range(stages)]
    ends.append(len(names))
    for kind in ("mean", "variance"):
        names += [f"{source.name}.{kind}" for source in found]
        ends.append(len(names))
    owner += [-1] * (len(names) - len(owner))
    eliminated = np.where(arrays.stages > 0, ends[0] + arrays.pool_start[:-1], arrays.start[:-1] + arrays.reset_bin)
    constant = [ends[part] + q for part in (2, 3) for q, source in enumerate(found) if not source.source]
    kept = np.setdiff1d(np.arange(len(names)), [*eliminated, *constant])
    return Layout(tuple(names), np.array(owner), eliminated, kept, tuple(ends))


def spread_state(approximation: MarkovApproximation) -> Floats:
    """Return the full state with neurons spread evenly between reset and 60 % of the way to threshold, nothing pending.

    Coloured noise is at its stationary distribution.
    """
    own, arrays = layout(approximation), approximation.arrays()
    full = np.zeros(len(own.names))
    density, _, _, mean, variance = own.split(full)
    mean[:], variance[:] = arrays.mean, arrays.variance
    for a, name in enumerate(approximation.network.sizes):
        edges = approximation.edges(name)
        v, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
        reset, threshold = arrays.reset[a], arrays.threshold[a]
        inside = (v > reset) & (v < reset + _SPREAD * (threshold - reset))
        share = np.where(inside, width, 0.0)
        shares = np.ones(arrays.columns[a])
        for q in np.flatnonzero(arrays.target == a):
            number = int(arrays.telegraphs[q])
            digit = (np.arange(shares.size) // arrays.stride[q]) % (number + 1)
            shares *= np.array([math.comb(number, int(j)) for j in digit]) / 2**number
        columns = np.outer(shares, share / share.sum()) * arrays.size[a]
        density[arrays.start[a] : arrays.start[a + 1]] = columns.ravel()
    return full


def _with_spikes_pending(own: Layout, full: Floats) -> Floats:
    """Return a state in which the noise of every synapse is above zero: there the equations are smooth."""
    for moments in own.split(full)[3:5]:
        moments[:] = np.maximum(moments, _PENDING)
    return full


def system(approximation: MarkovApproximation) -> ODESystem:
    """Return the ODE level of a Markov approximation as an `ODESystem`.

    States: neurons per bin (and, with coloured noise, column of levels), further refractory stages, spikes in the
    stages of delays, mean and variance of pending spikes. Parameters: the network's numbers by address. Observables:
    ``E.rate`` (Hz per neuron), ``E.mean_voltage`` (mV), ``EI.mean`` (pending spikes) and so on.
    """
    from reduction.kernels import derivatives as kernel
    from reduction.kernels import observing

    own = layout(approximation)

    @lru_cache(maxsize=_KEPT)
    def assembled(t: float, names: tuple[str, ...], values: tuple[float, ...]) -> Arrays:
        return approximation.arrays(dict(zip(names, values, strict=True)), t)

    def prepared(t: float, y: Floats, p: Parameters) -> tuple[Arrays, Floats]:
        arrays = assembled(t, tuple(p), tuple(p.values()))
        return arrays, own.full(y, arrays)

    def rhs(t: float, y: Floats, p: Parameters) -> Floats:
        arrays, full = prepared(t, y, p)
        out = np.empty(full.size)
        kernel.right_hand_side(arrays, *own.split(full), out)
        return np.asarray(out[own.kept])

    def jacobian(t: float, y: Floats, p: Parameters) -> Floats:
        arrays, full = prepared(t, y, p)
        out = np.empty((full.size, full.size))
        kernel.jacobian(arrays, *own.split(full), out)
        for a, index in enumerate(own.eliminated):
            members = (own.owner == a) & (np.arange(full.size) != index)
            out[:, members] -= out[:, [index]]
        return np.asarray(out[np.ix_(own.kept, own.kept)])

    def rate(a: int) -> Callable[[Floats, Parameters], float]:
        def observe(y: Floats, p: Parameters) -> float:
            arrays, full = prepared(0.0, y, p)
            flux = np.empty(arrays.size.size)
            density, _, _, mean, variance = own.split(full)
            observing.rates(arrays, density, mean, variance, flux)
            return float(1000.0 * flux[a] / arrays.size[a])

        return observe

    def mean_voltage(a: int) -> Callable[[Floats, Parameters], float]:
        def observe(y: Floats, p: Parameters) -> float:
            arrays, full = prepared(0.0, y, p)
            voltage = np.empty(arrays.size.size)
            observing.mean_voltages(arrays, own.split(full)[0], voltage)
            return float(voltage[a])

        return observe

    def moment(index: int) -> Callable[[Floats, Parameters], float]:
        return lambda y, p: float(prepared(0.0, y, p)[1][index])

    observables: dict[str, Callable[[Floats, Parameters], float]] = {}
    units: dict[str, str] = {}
    for a, name in enumerate(approximation.network.sizes):
        observables |= {f"{name}.rate": rate(a), f"{name}.mean_voltage": mean_voltage(a)}
        units |= {f"{name}.rate": "Hz", f"{name}.mean_voltage": "mV"}
    for part, unit in ((2, "spikes"), (3, "spikes^2")):
        for index in range(own.parts[part], own.parts[part + 1]):
            if index in own.kept:
                observables[own.names[index]] = moment(index)
                units[own.names[index]] = unit
    return ODESystem(
        names=tuple(own.names[k] for k in own.kept),
        parameters=approximation.network.parameters,
        function=rhs,
        derivative=jacobian,
        guess=_with_spikes_pending(own, spread_state(approximation))[own.kept],
        observables=observables,
        units=units,
    )


def checked_state(approximation: MarkovApproximation, initial: npt.ArrayLike | None, *, signed: bool = False) -> Floats:
    """Return the full state to start from; `signed` where densities may be negative.

    Raises
    ------
    SpecificationError
        If `initial` has the wrong shape, is not finite, or holds more neurons than there are.
    """
    if initial is None:
        return spread_state(approximation)
    own = layout(approximation)
    try:
        y = np.asarray(initial, float)
    except (TypeError, ValueError):
        raise SpecificationError(f"initial = {initial!r}: must be an array, a Trajectory or None") from None
    if y.shape != own.kept.shape:
        raise SpecificationError(f"initial has shape {y.shape}: must have shape {own.kept.shape}, as ode().names")
    if not np.isfinite(y).all():
        raise SpecificationError("initial: must be finite")
    full = own.full(y, approximation.arrays())
    if signed:
        return full
    tolerance = 1e-9 * sum(approximation.network.sizes.values())
    if full.min() < -tolerance:
        worst = int(full.argmin())
        raise SpecificationError(f"initial: {own.names[worst]} would be {full[worst]:.3g}; must be at least 0")
    return np.maximum(full, 0.0)
