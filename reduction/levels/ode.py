"""The ODE level: the mean of the hops of the Markov approximation.

Neurons are conserved in every population, so one variable of each is no state: the first refractory stage or, without
refractory time, the bin that receives the released neurons. The Jacobian then has no structural zero eigenvalue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reduction.markov import MarkovApproximation
from reduction.system import Floats, ODESystem, Parameters
from spiking.errors import SpecificationError

_SPREAD = 0.6


@dataclass(frozen=True)
class Layout:
    """How the full state (bins, refractory stages, mean and variance of pending spikes) becomes the ODE's state.

    Attributes
    ----------
    names : tuple of str
        Of the full state.
    owner : array of int, shape (full,)
        Population to which a neuron count belongs, -1 for moments.
    eliminated : array of int, shape (populations,)
        Index in the full state of the variable that conservation gives.
    kept : array of int, shape (n,)
        Indices of the others.
    """

    names: tuple[str, ...]
    owner: npt.NDArray[np.int64]
    eliminated: npt.NDArray[np.int64]
    kept: npt.NDArray[np.int64]
    bins: int
    pool: int

    def split(self, full: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return (density, pool, mean, variance), views of a full state."""
        moments = full[self.bins + self.pool :]
        half = moments.size // 2
        return full[: self.bins], full[self.bins : self.bins + self.pool], moments[:half], moments[half:]

    def full(self, y: Floats, sizes: Floats) -> Floats:
        """Return the full state of an ODE state, the eliminated variables from conservation."""
        state = np.zeros(self.owner.size)
        state[self.kept] = y
        for a, index in enumerate(self.eliminated):
            state[index] = sizes[a] - state[self.owner == a].sum()
        return state


def layout(approximation: MarkovApproximation) -> Layout:
    """Return the layout of an approximation's states."""
    arrays = approximation.arrays()
    names: list[str] = []
    owner: list[int] = []
    for kind, numbers in (("density", approximation.bins), ("refractory", approximation.stages)):
        for a, name in enumerate(approximation.network.sizes):
            names += [f"{name}.{kind}[{k}]" for k in range(numbers[name])]
            owner += [a] * numbers[name]
    for kind in ("mean", "variance"):
        names += [f"{p.name}.{kind}" for p in approximation.network.projections]
        owner += [-1] * len(approximation.network.projections)
    bins = int(arrays.start[-1])
    eliminated = np.where(arrays.stages > 0, bins + arrays.pool_start[:-1], arrays.reset_bin)
    kept = np.setdiff1d(np.arange(len(names)), eliminated)
    return Layout(tuple(names), np.array(owner), eliminated, kept, bins, int(arrays.pool_start[-1]))


def spread_state(approximation: MarkovApproximation) -> Floats:
    """Return the full state with neurons spread evenly over the 60 % above reset, and nothing pending."""
    own = layout(approximation)
    full = np.zeros(len(own.names))
    density = own.split(full)[0]
    first = 0
    for population in approximation.network.populations:
        bins = approximation.bins[population.name]
        reset, threshold = (approximation.network[f"{population.name}.{x}"] for x in ("reset", "threshold"))
        v = approximation.centres(population.name)
        inside = (v > reset) & (v < reset + _SPREAD * (threshold - reset))
        density[first : first + bins][inside] = population.size / inside.sum()
        first += bins
    return full


def system(approximation: MarkovApproximation) -> ODESystem:
    """Return the ODE level of a Markov approximation as an `ODESystem`.

    States: neurons per bin, further refractory stages, mean and variance of pending spikes. Parameters: the network's
    numbers by address. Observables: ``E.rate`` (Hz per neuron), ``E.mean_voltage`` (mV), ``EI.mean`` (pending spikes)
    and so on.
    """
    from reduction.kernels import density as kernel

    own = layout(approximation)

    def prepared(y: Floats, p: Parameters) -> tuple[kernel.Arrays, Floats]:
        arrays = approximation.arrays(p)
        return arrays, own.full(y, arrays.size)

    def rhs(t: float, y: Floats, p: Parameters) -> Floats:
        arrays, full = prepared(y, p)
        out = np.empty(full.size)
        kernel.right_hand_side(arrays, *own.split(full), out)
        return np.asarray(out[own.kept])

    def jacobian(t: float, y: Floats, p: Parameters) -> Floats:
        arrays, full = prepared(y, p)
        out = np.empty((full.size, full.size))
        kernel.jacobian(arrays, *own.split(full), out)
        for a, index in enumerate(own.eliminated):
            members = (own.owner == a) & (np.arange(full.size) != index)
            out[:, members] -= out[:, [index]]
        return np.asarray(out[np.ix_(own.kept, own.kept)])

    def rate(a: int) -> Callable[[Floats, Parameters], float]:
        def observe(y: Floats, p: Parameters) -> float:
            arrays, full = prepared(y, p)
            populations = arrays.size.size
            drift, noise, flux = np.empty((populations, 2)), np.empty((populations, 3)), np.empty(populations)
            density, _, mean, variance = own.split(full)
            kernel.coefficients(arrays, mean, variance, drift, noise)
            kernel.fluxes(arrays, density, drift, noise, flux)
            return float(1000.0 * flux[a] / arrays.size[a])

        return observe

    def mean_voltage(a: int) -> Callable[[Floats, Parameters], float]:
        def observe(y: Floats, p: Parameters) -> float:
            arrays, full = prepared(y, p)
            inside = slice(arrays.start[a], arrays.start[a + 1])
            centres = arrays.floor[a] + (np.arange(inside.stop - inside.start) + 0.5) * arrays.width[a]
            own_density = full[: own.bins][inside]
            held = arrays.size[a] - own_density.sum()
            return float((own_density @ centres + held * arrays.reset[a]) / arrays.size[a])

        return observe

    def moment(index: int) -> Callable[[Floats, Parameters], float]:
        return lambda y, p: float(own.full(y, approximation.arrays(p).size)[index])

    observables: dict[str, Callable[[Floats, Parameters], float]] = {}
    units: dict[str, str] = {}
    for a, name in enumerate(approximation.network.sizes):
        observables |= {f"{name}.rate": rate(a), f"{name}.mean_voltage": mean_voltage(a)}
        units |= {f"{name}.rate": "Hz", f"{name}.mean_voltage": "mV"}
    for index in np.flatnonzero(own.owner < 0):
        observables[own.names[index]] = moment(int(index))
        units[own.names[index]] = "spikes" if own.names[index].endswith("mean") else "spikes^2"
    return ODESystem(
        names=tuple(own.names[k] for k in own.kept),
        parameters=approximation.network.parameters,
        function=rhs,
        derivative=jacobian,
        guess=spread_state(approximation)[own.kept],
        observables=observables,
        units=units,
    )


def checked_state(approximation: MarkovApproximation, initial: npt.ArrayLike | None) -> Floats:
    """Return the full state to start from.

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
    full = own.full(y, approximation.arrays().size)
    tolerance = 1e-9 * sum(approximation.network.sizes.values())
    if full.min() < -tolerance:
        worst = int(full.argmin())
        raise SpecificationError(f"initial: {own.names[worst]} would be {full[worst]:.3g}; must be at least 0")
    return np.maximum(full, 0.0)
