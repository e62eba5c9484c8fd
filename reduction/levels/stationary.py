"""Self-consistent stationary rates: the asynchronous states of a network, all that many starting points lead to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.levels.columns import ColumnResponse
from reduction.levels.response import Response, is_delta_network, of_approximation, of_delta_network
from reduction.markov import MarkovApproximation
from reduction.system import Floats, ODESystem
from spiking.errors import NumericalError
from spiking.estimates import finite_or_none
from spiking.network import Network, checked_network
from spiking.specification import POSITIVE, checked_number

_FASTEST = 1.0
_DECADES = 3.0
_ROUNDS = 60
_HALVINGS = 6
_SAME = 1e-6
_TINY = 1e-300

_LEADING = 8
_FEW = 4
_MOST_VARIABLES = 1000
_FEWEST_BINS = 40
_EQUILIBRIUM_ROUNDS = 30
_EQUILIBRIUM = 1e-10
_LARGEST_STEP = 1e3


@dataclass(frozen=True, eq=False, repr=False)
class StationaryState:
    """An asynchronous state: stationary rates that reproduce themselves.

    Attributes
    ----------
    network : Network
    rates : dict of float
        Firing rate in Hz per neuron, by population.
    variations : dict of float
        Coefficient of variation of the intervals, by population; NaN for silent neurons.
    mean_voltage : dict of float
        In mV, refractory neurons counted at reset, by population; NaN where there is none (infinite cutoffs, no leak
        and no noise).
    mean_pending, variance_pending : dict of float
        Mean and variance over neurons of the pending spikes, by projection; empty for delta synapses.
    residual : float
        Largest difference between a rate and the rate that it causes, over the rate.
    equilibrium : array or None
        The equilibrium of the ODE level that belongs to this state, as ``approximation.ode().names``: on its bins, and
        with its closure. None if not asked for, or if Newton's method finds none from here.
    eigenvalues : array of complex or None
        The eight (or fewer) of largest real part, in 1/ms, of the ODE level's Jacobian there.
    """

    network: Network
    rates: dict[str, float]
    variations: dict[str, float]
    mean_voltage: dict[str, float]
    mean_pending: dict[str, float]
    variance_pending: dict[str, float]
    residual: float
    equilibrium: Floats | None
    eigenvalues: npt.NDArray[np.complex128] | None

    @property
    def stable(self) -> bool | None:
        """Whether small perturbations decay in the ODE level; None if its eigenvalues are not known."""
        return None if self.eigenvalues is None else bool(self.eigenvalues.real.max() < 0.0)

    def to_plain(self) -> dict[str, Any]:
        """Return rates, CVs, voltages, pending spikes and stability for JSON."""
        plain: dict[str, Any] = {
            name: {k: finite_or_none(v) for k, v in getattr(self, name).items()}
            for name in ("rates", "variations", "mean_voltage", "mean_pending", "variance_pending")
        }
        found = None if self.eigenvalues is None else [[float(e.real), float(e.imag)] for e in self.eigenvalues]
        return plain | {"stable": self.stable, "eigenvalues": found}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {rate:.6g} Hz" for name, rate in self.rates.items())
        word = {True: ", stable", False: ", unstable", None: ""}[self.stable]
        return f"StationaryState({shown}{word})"


class _Equilibrium(NamedTuple):
    state: Floats
    eigenvalues: npt.NDArray[np.complex128]


def stationary(
    approximation: MarkovApproximation | Network, *, starts: int = 24, tolerance: float = 1e-10, stability: bool = True
) -> list[StationaryState]:
    r"""Find the stationary states of a network, stable or not.

    Stationary rates give every population a drift and a noise intensity (for pending spikes
    :math:`\bar H = p r \tau, W = \bar H (1 - p/2)`), and these a rate: by Siegert's formula where the noise does not
    depend on the voltage, else by collocation of the stationary density; in either case free of bins. Rates that
    reproduce themselves are found by Newton's
    method from many starting points, from silence to saturation.

    With the closure "conditional" the rate of a population is that of its bins and levels, of second order in the bin
    width; the roots of white noise are starting points, with a few others.

    A network of leaky neurons with delta synapses needs no approximation: a projection of K sources per neuron, weight
    J and rate nu gives the drift K J nu and the noise K J^2 nu (Brunel, J. Comput. Neurosci. 8 (2000) 183).

    Parameters
    ----------
    approximation : MarkovApproximation or Network
        A network with other than delta synapses is taken with the default options of `MarkovApproximation`.
    starts : int
        Number of starting points, the same in every run; more of them may find more states.
    tolerance : float
        Largest relative difference between a rate and the rate that it causes.
    stability : bool
        Whether to find, in a Markov approximation, each state's equilibrium of the ODE level and its eigenvalues; of
        over 1000 variables, those of an approximation with two levels and as many bins as that allows, at least 40:
        near a bifurcation its stability may differ.

    Returns
    -------
    list of StationaryState
        By increasing rate of the first population.

    Raises
    ------
    ParameterError, SpecificationError
        If an option is out of range, or the network has a part that the approximation does not cover.
    NumericalError
        If no starting point leads to a stationary state.
    """
    number = int(checked_number("", "starts", starts, POSITIVE, integer=True))
    checked_number("", "tolerance", tolerance, POSITIVE)
    system = None
    response: Response | ColumnResponse
    if isinstance(approximation, Network) and is_delta_network(approximation):
        response = of_delta_network(approximation)
        points = _starting_points(response.pauses, number)
    else:
        if not isinstance(approximation, MarkovApproximation):
            approximation = MarkovApproximation(checked_network(approximation))
        response = of_approximation(approximation)
        points = _starting_points(response.pauses, number)
        if any(map(approximation.telegraphs, approximation.sources())):
            points = np.vstack([_roots(response, points, tolerance)[0], points[:: max(1, number // _FEW)]])
            response = ColumnResponse(approximation, response.moments, response.pauses)
        system = _compact(approximation).ode() if stability else None
    return [
        _state(response, rates, float(residual), system)
        for rates, residual in zip(*_roots(response, points, tolerance), strict=True)
    ]


def _compact(approximation: MarkovApproximation) -> MarkovApproximation:
    """Return an approximation with few enough variables for dense eigenvalues, itself if it has them."""
    variables = len(approximation.ode().names)
    if variables <= _MOST_VARIABLES:
        return approximation
    floors = set(approximation.v_min.values())
    options: dict[str, Any] = {"closure": approximation.closure, "stages": approximation.stages, "noise_levels": 2}
    options["v_min"] = floors.pop() if len(floors) == 1 else None
    columns = sum(MarkovApproximation(approximation.network, **options).columns(name) for name in approximation.bins)
    bins = min(max(_MOST_VARIABLES // columns - 3, _FEWEST_BINS), *approximation.bins.values())
    return MarkovApproximation(approximation.network, bins=bins, **options)


def _starting_points(pauses: Floats, number: int) -> Floats:
    """Return rates per neuron in 1/ms, shape (number, populations): silence, saturation, a low-discrepancy set between.

    The set is Kronecker's, with the powers of the root g of g^(d + 1) = g + 1, over three decades of rates.
    """
    saturation = 1.0 / np.maximum(pauses, 1.0 / _FASTEST)
    root = 1.0
    for _ in range(_ROUNDS):
        root = (1.0 + root) ** (1.0 / (saturation.size + 1))
    place = np.arange(number)[:, None] * root ** -np.arange(1.0, saturation.size + 1) % 1.0
    points = saturation * 10.0 ** (-_DECADES * place)
    points[-1] = 0.0
    return np.asarray(points)


def _roots(response: Response | ColumnResponse, rates: Floats, tolerance: float) -> tuple[Floats, Floats]:
    """Return all rates per neuron (1/ms) that reproduce themselves, and their residuals, by increasing first rate.

    From every given point: Newton's step, shortened until the difference between caused and given rates falls; where
    even the shortest does not help, halfway to the caused rates.
    """
    number = len(rates)
    found, residuals = np.empty((0, rates.shape[1])), np.empty(0)
    caused, slopes = response.rates(rates)
    for _ in range(_ROUNDS):
        residual = (np.abs(caused - rates) / np.maximum(np.maximum(rates, caused), _TINY)).max(axis=1)
        done = residual <= tolerance
        found, residuals = np.vstack([found, rates[done]]), np.append(residuals, residual[done])
        going = ~done & np.isfinite(residual)
        if not going.any():
            break
        rates, caused, slopes = _improved(response, rates[going], caused[going], slopes[going])
    if not residuals.size:
        raise NumericalError(
            f"no stationary state from {number} starting points: raise starts or tolerance; there may be none without "
            "refractory time, or where no noise is left"
        )
    order = np.lexsort(found.T[::-1])
    found, residuals = found[order], residuals[order]
    kept: list[int] = []
    for k, rate in enumerate(found):
        if not (np.abs(found[kept] - rate) <= _SAME * rate + _TINY).all(axis=1).any():
            kept.append(k)
    return found[kept], residuals[kept]


def _improved(
    response: Response | ColumnResponse, rates: Floats, caused: Floats, slopes: Floats
) -> tuple[Floats, Floats, Floats]:
    """Take one safeguarded step of `_roots` from every point; return the new rates, what they cause, and the slopes."""
    error = caused - rates
    response.add_slopes(rates, caused, slopes)
    inverse = np.linalg.pinv(np.eye(rates.shape[1]) - np.where(np.isfinite(slopes), slopes, 0.0))
    step = (inverse @ error[..., None])[..., 0]
    new, new_caused, new_slopes = 0.5 * (rates + caused), np.empty_like(caused), np.empty_like(slopes)
    trying, size = np.arange(len(rates)), np.linalg.norm(error, axis=1)
    for halvings in range(_HALVINGS):
        trial = np.maximum(rates[trying] + 0.5**halvings * step[trying], 0.0)
        result, by_rate = response.rates(trial)
        better = np.linalg.norm(result - trial, axis=1) < size[trying]
        done = trying[better]
        new[done], new_caused[done], new_slopes[done] = trial[better], result[better], by_rate[better]
        trying = trying[~better]
        if not trying.size:
            return new, new_caused, new_slopes
    new_caused[trying], new_slopes[trying] = response.rates(new[trying])
    return new, new_caused, new_slopes


def _state(
    response: Response | ColumnResponse, rates: Floats, residual: float, system: ODESystem | None
) -> StationaryState:
    network = response.network
    names, projections = list(network.sizes), [p.name for p in network.projections]
    statistics = [response.statistics(a, rates) for a in range(len(names))]
    mean, variance = response.moments(rates * list(network.sizes.values()))
    mean_pending = dict(zip(projections, mean.tolist(), strict=False))
    variance_pending = dict(zip(projections, variance.tolist(), strict=False))
    moments = {f"{name}.mean": value for name, value in mean_pending.items()}
    moments |= {f"{name}.variance": value for name, value in variance_pending.items()}
    equilibrium = None if system is None else _equilibrium(system, moments)
    return StationaryState(
        network=network,
        rates=dict(zip(names, (1000.0 * rates).tolist(), strict=True)),
        variations={name: cv for name, (cv, _) in zip(names, statistics, strict=True)},
        mean_voltage={name: voltage for name, (_, voltage) in zip(names, statistics, strict=True)},
        mean_pending=mean_pending,
        variance_pending=variance_pending,
        residual=residual,
        equilibrium=None if equilibrium is None else equilibrium.state,
        eigenvalues=None if equilibrium is None else equilibrium.eigenvalues,
    )


def _equilibrium(system: ODESystem, moments: dict[str, float]) -> _Equilibrium | None:
    """Return the ODE level's equilibrium near given moments of pending spikes, and its leading eigenvalues.

    Newton's method, at first for the densities alone: at fixed moments they obey (almost) linear equations.
    """
    index = {name: k for k, name in enumerate(system.names)}
    y = system.guess.copy()
    given = [index[name] for name in moments]
    y[given] = list(moments.values())
    own = np.setdiff1d(np.arange(y.size), given)
    for _ in range(_EQUILIBRIUM_ROUNDS):
        jacobian = system.jacobian(0.0, y)
        step = np.zeros_like(y)
        try:
            step[own] = np.linalg.solve(jacobian[np.ix_(own, own)], system.rhs(0.0, y)[own])
        except np.linalg.LinAlgError:
            return None
        y -= step
        change = np.abs(step).max() / np.abs(y).max()
        if not change <= _LARGEST_STEP:
            return None
        if change <= _EQUILIBRIUM and own.size == y.size:
            found = np.linalg.eigvals(system.jacobian(0.0, y)).astype(complex)
            return _Equilibrium(y, found[np.argsort(-found.real, kind="stable")][:_LEADING])
        own = np.arange(y.size)
    return None
