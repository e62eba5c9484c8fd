"""The ODE level with few unknowns: each density as two polynomials, below and above reset.

Polynomials are given by their values at Chebyshev points and tested against polynomials (Galerkin, exact quadrature),
with reset and threshold as ends. What joins them there is weak (discontinuous Galerkin: symmetric interior penalty,
upwind): neurons are conserved exactly, the error falls exponentially with the number of points where they resolve the
density, and where drift outruns noise (boundary layers thinner than the distance of points, during an event) neurons
leave a domain as they arrive at its end, without oscillations.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre

from reduction.levels.spectra import Inputs, inputs
from reduction.markov import MarkovApproximation
from reduction.system import Floats, ODESystem, Parameters
from spiking.drives import ArrayDrive, components
from spiking.errors import ParameterError, SpecificationError
from spiking.specification import POSITIVE, checked_number

_KEPT = 8
_FEWEST_NODES = 4
_PENALTY = 2.0


@dataclass(frozen=True, eq=False)
class Domains:
    """The two domains of a population and their matrices; arguments `drift` and `diffusion` are taken at `voltage`.

    Attributes
    ----------
    points : array, shape (n,)
        Chebyshev points in mV, below and above reset; reset is in both.
    weights : array, shape (n,)
        Integral of a density given at the points.
    voltage : array, shape (quadrature + 2,)
        Where drift and noise are needed: quadrature points, reset, threshold.
    value, slope : array, shape (quadrature, n)
        From a density to its values and derivatives at the quadrature points.
    lift : array, shape (n, n)
        Inverse of the mass matrix.
    quadrature : array, shape (quadrature,)
        Weights in mV.
    ends, end_slopes : array, shape (3, n)
        Values and derivatives at reset from below, at reset from above, at the threshold.
    penalty : array, shape (2,)
        Of a jump at reset and of a density at the threshold, in 1/mV.
    """

    points: Floats
    weights: Floats
    voltage: Floats
    value: Floats
    slope: Floats
    lift: Floats
    quadrature: Floats
    ends: Floats
    end_slopes: Floats
    penalty: Floats

    def flow(
        self, density: Floats, drift: Floats, diffusion: Floats, upward: npt.NDArray[np.bool_]
    ) -> tuple[Floats, Floats]:
        """Return how densities, shape (n,) or (n, k), change by themselves, and their flux across the threshold.

        Linear in the densities and, as long as `upward`, the signs of the drift at reset and threshold, stays, in drift
        and diffusion.
        """
        below, above, top = self.ends @ density
        slope_below, slope_above, top_slope = self.end_slopes @ density
        jump, (mu, d) = below - above, (drift[-2:], diffusion[-2:])
        across = mu[0] * (below if upward[0] else above)
        across += d[0] * (self.penalty[0] * jump - 0.5 * (slope_below + slope_above))
        out = (mu[1] * upward[1] + d[1] * self.penalty[1]) * top - d[1] * top_slope
        column = (slice(None), *(None,) * (density.ndim - 1))
        inner = (self.quadrature * drift[:-2])[column] * (self.value @ density)
        inner -= (self.quadrature * diffusion[:-2])[column] * (self.slope @ density)
        tested = self.slope.T @ inner
        for row, weight in zip(
            (*self.end_slopes, *self.ends), (0.5 * d[0] * jump, 0.5 * d[0] * jump, d[1] * top, -across, across, -out),
            strict=True,
        ):  # fmt: skip
            tested += row[column] * weight
        return self.lift @ tested, out

    @property
    def injection(self) -> Floats:
        """What one released neuron adds to the density, shape (n,)."""
        return np.asarray(0.5 * self.lift @ (self.ends[0] + self.ends[1]))


@lru_cache(maxsize=64)
def domains(floor: float, reset: float, threshold: float, nodes: tuple[int, int]) -> Domains:
    """Return the two domains of a population with so many points below and above reset."""
    spans = [(floor, reset), (reset, threshold)]
    parts = [_element(low, high, number) for (low, high), number in zip(spans, nodes, strict=True)]
    below, above = nodes
    ends, end_slopes = np.zeros((2, 3, below + above))
    for row, (part, end) in enumerate(((0, 1), (1, 0), (1, 1))):
        own = slice(0, below) if part == 0 else slice(below, None)
        ends[row, own], end_slopes[row, own] = parts[part].ends[end], parts[part].end_slopes[end]
    stiffness = [number**2 / (high - low) for number, (low, high) in zip(nodes, spans, strict=True)]
    return Domains(
        points=np.concatenate([part.points for part in parts]),
        weights=np.concatenate([part.quadrature @ part.value for part in parts]),
        voltage=np.concatenate([parts[0].voltage, parts[1].voltage, [reset, threshold]]),
        value=_block(*(part.value for part in parts)), slope=_block(*(part.slope for part in parts)),
        lift=_block(*(part.lift for part in parts)), quadrature=np.concatenate([part.quadrature for part in parts]),
        ends=ends, end_slopes=end_slopes, penalty=_PENALTY * np.array([max(stiffness), stiffness[1]]),
    )  # fmt: skip


class _Element(NamedTuple):
    """One domain; fields as those of `Domains`, ends and their slopes at both ends."""

    points: Floats
    voltage: Floats
    value: Floats
    slope: Floats
    quadrature: Floats
    lift: Floats
    ends: Floats
    end_slopes: Floats


def _element(low: float, high: float, number: int) -> _Element:
    half = 0.5 * (high - low)
    x = -np.cos(np.pi * np.arange(number) / (number - 1))
    q, weights = legendre.leggauss(number + 1)
    to_coefficients = np.linalg.inv(legendre.legvander(x, number - 1))
    derivative = legendre.legder(np.eye(number), axis=0)
    value = legendre.legvander(q, number - 1) @ to_coefficients
    slope = legendre.legvander(q, number - 2) @ derivative @ to_coefficients / half
    ends = legendre.legvander(np.array([-1.0, 1.0]), number - 1) @ to_coefficients
    end_slopes = legendre.legvander(np.array([-1.0, 1.0]), number - 2) @ derivative @ to_coefficients / half
    lift = np.asarray(np.linalg.inv(value.T @ (half * weights[:, None] * value)), float)
    points, voltage = low + half * (1 + x), low + half * (1 + q)
    return _Element(points, voltage, value, slope, half * weights, lift, ends, end_slopes)


def _block(first: Floats, second: Floats) -> Floats:
    result = np.zeros((first.shape[0] + second.shape[0], first.shape[1] + second.shape[1]))
    result[: first.shape[0], : first.shape[1]] = first
    result[first.shape[0] :, first.shape[1] :] = second
    return result


def chebyshev_system(approximation: MarkovApproximation, nodes: tuple[int, int] = (24, 48)) -> ODESystem:
    """Return the ODE level of a Markov approximation with polynomial densities, as an `ODESystem`.

    States: density at the Chebyshev points (neurons per mV), further refractory stages, mean and variance of pending
    spikes. Conservation gives the first refractory stage or, without refractory time, the density at a point in the
    middle above reset, which is left out. Parameters and observables as at level ``"ode"``.

    Parameters
    ----------
    approximation : MarkovApproximation
        With a closure of white noise, without delays, with finite cutoffs; its bins do not matter.
    nodes : (int, int)
        Points per population below and above reset.

    Raises
    ------
    ParameterError, SpecificationError
        If `nodes` is out of range or the approximation is not covered.
    """
    for name, number in zip(("nodes[0]", "nodes[1]"), nodes, strict=True):
        if checked_number("", name, number, POSITIVE, integer=True) < _FEWEST_NODES:
            raise ParameterError("", name, number, f"must be at least {_FEWEST_NODES}")
    return _Model(approximation, nodes).system()


class _Model:
    """The equations; the full state is the densities, the refractory stages, and the moments of the projections."""

    def __init__(self, approximation: MarkovApproximation, nodes: tuple[int, int]) -> None:
        self.approximation, self.nodes, self.points = approximation, nodes, sum(nodes)
        own = inputs(approximation)
        names = list(approximation.network.sizes)
        for name, threshold in zip(names, own.threshold, strict=True):
            if math.isinf(approximation.network[f"{name}.threshold"]):
                raise ParameterError(name, "threshold", threshold, "must be finite")
        if own.delay.any():
            raise SpecificationError("delays are not covered: every projection needs delay = 0")
        self.projections = np.flatnonzero(own.source >= 0)
        self.density = [slice(a * self.points, (a + 1) * self.points) for a in range(len(names))]
        pools = np.cumsum([len(names) * self.points, *own.stages])
        self.pool = [slice(int(first), int(end)) for first, end in itertools.pairwise(pools)]
        moments, number = int(pools[-1]), self.projections.size
        self.mean, self.variance = slice(moments, moments + number), slice(moments + number, moments + 2 * number)
        self.names = [f"{name}.density[{k}]" for name in names for k in range(self.points)]
        self.names += [f"{n}.refractory[{k}]" for n, m in zip(names, own.stages, strict=True) for k in range(m)]
        projections = [approximation.network.projections[q].name for q in self.projections]
        self.names += [f"{name}.{kind}" for kind in ("mean", "variance") for name in projections]
        middle = nodes[0] + nodes[1] // 2
        self.eliminated = [
            pool.start if pool.stop > pool.start else density.start + middle
            for pool, density in zip(self.pool, self.density, strict=True)
        ]
        self.kept = np.setdiff1d(np.arange(len(self.names)), self.eliminated)
        self.timed = any(
            isinstance(d, ArrayDrive) for p in approximation.network.populations for d in components(p.drive)
        )
        self.inputs = lru_cache(maxsize=_KEPT)(self._inputs)

    def system(self) -> ODESystem:
        names = list(self.approximation.network.sizes)
        observables: dict[str, Callable[[Floats, Parameters], float]] = {}
        units: dict[str, str] = {}
        for a, name in enumerate(names):
            observables |= {f"{name}.rate": self._rate(a), f"{name}.mean_voltage": self._mean_voltage(a)}
            units |= {f"{name}.rate": "Hz", f"{name}.mean_voltage": "mV"}
        for kind, unit in ((self.mean, "spikes"), (self.variance, "spikes^2")):
            for index in range(kind.start, kind.stop):
                observables[self.names[index]] = self._entry(index)
                units[self.names[index]] = unit
        return ODESystem(
            names=tuple(self.names[k] for k in self.kept),
            parameters=self.approximation.network.parameters,
            function=self.right_hand_side,
            derivative=self.jacobian,
            guess=self._guess(),
            observables=observables,
            units=units,
        )

    def _inputs(self, values: tuple[float, ...], time: float) -> tuple[Inputs, list[Domains]]:
        parameters = dict(zip(self.approximation.network.parameters, values, strict=True))
        own = inputs(self.approximation, parameters, time)
        ranges = zip(own.floor, own.reset, own.threshold, strict=True)
        return own, [domains(*range_, self.nodes) for range_ in ranges]

    def _prepared(self, t: float, y: Floats, p: Parameters) -> tuple[Inputs, list[Domains], Floats]:
        own, parts = self.inputs(tuple(p.values()), t if self.timed else 0.0)
        full = np.zeros(len(self.names))
        full[self.kept] = y
        for a, index in enumerate(self.eliminated):
            count = self._count(parts[a], a)
            full[index] = (own.size[a] - count @ full) / count[index]
        return own, parts, full

    def _count(self, part: Domains, a: int) -> Floats:
        """Neurons of a population as a functional of the full state."""
        count = np.zeros(len(self.names))
        count[self.density[a]], count[self.pool[a]] = part.weights, 1.0
        return count

    def _moments(self, own: Inputs, full: Floats) -> tuple[Floats, Floats]:
        mean, variance = own.mean.copy(), own.variance.copy()
        mean[self.projections], variance[self.projections] = full[self.mean], full[self.variance]
        return mean, variance

    def _coefficients(
        self, own: Inputs, part: Domains, a: int, drift: Floats, noise: Floats
    ) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
        """Drift, diffusion and whether the drift points up at reset and threshold, where `Domains` needs them."""
        v = part.voltage
        mu = np.asarray(own.intrinsic[a](v) + drift[a, 0] + drift[a, 1] * v)
        d = np.maximum(0.5 * (noise[a, 0] + v * (noise[a, 1] + v * noise[a, 2])), 0.0)
        return mu, d, mu[-2:] > 0.0

    def right_hand_side(self, t: float, y: Floats, p: Parameters) -> Floats:
        own, parts, full = self._prepared(t, y, p)
        mean, variance = self._moments(own, full)
        coefficients = own.coefficients(mean, variance)
        out, flux = np.zeros(full.size), np.zeros(own.size.size)
        for a, part in enumerate(parts):
            density, pool = full[self.density[a]], full[self.pool[a]]
            change, flux[a] = part.flow(density, *self._coefficients(own, part, a, *coefficients))
            leaving = own.release[a] * pool
            out[self.pool[a]] = np.append(flux[a], leaving[:-1])[: pool.size] - leaving
            out[self.density[a]] = change + part.injection * (leaving[-1] if pool.size else flux[a])
        q = self.projections
        tau, share, r = own.tau[q], own.probability[q], flux[own.source[q]]
        out[self.mean] = -mean[q] / tau + share * r
        out[self.variance] = (own.consumption[q] * mean[q] - 2 * variance[q]) / tau + share * (1 - share) * r
        return out[self.kept]

    def jacobian(self, t: float, y: Floats, p: Parameters) -> Floats:
        own, parts, full = self._prepared(t, y, p)
        mean, variance = self._moments(own, full)
        coefficients = own.coefficients(mean, variance)
        by_mean, by_variance = own.power_slopes(mean, variance)
        out, flux = np.zeros((full.size, full.size)), np.zeros((own.size.size, full.size))
        for a, part in enumerate(parts):
            density, pool, v = self.density[a], self.pool[a], part.voltage
            mu, d, upward = self._coefficients(own, part, a, *coefficients)
            out[density, density], flux[a, density] = part.flow(np.eye(self.points), mu, d, upward)
            for k, q in enumerate(self.projections):
                if own.target[q] != a:
                    continue
                c = own.c0[q] + own.c1[q] * v
                for column, current, power in (
                    (self.mean.start + k, own.weight[q] / own.tau[q], by_mean[q]),
                    (self.variance.start + k, 0.0, by_variance[q]),
                ):
                    drift = (current + own.noise_drift()[q] * own.c1[q] * power) * c
                    out[density, column], flux[a, column] = part.flow(full[density], drift, 0.5 * power * c**2, upward)
            released = flux[a]
            for s in range(pool.start, pool.stop):
                out[s] = released
                out[s, s] -= own.release[a]
                released = np.zeros(full.size)
                released[s] = own.release[a]
            out[density] += np.outer(part.injection, released)
        for k, q in enumerate(self.projections):
            rate, tau, share = flux[own.source[q]], own.tau[q], own.probability[q]
            first, second = self.mean.start + k, self.variance.start + k
            out[first], out[second] = share * rate, share * (1 - share) * rate
            out[first, first] -= 1.0 / tau
            out[second, first] += own.consumption[q] / tau
            out[second, second] -= 2.0 / tau
        for a, index in enumerate(self.eliminated):
            count = self._count(parts[a], a)
            count[index], size = 0.0, count[index]
            out -= np.outer(out[:, index], count / size)
        return np.asarray(out[np.ix_(self.kept, self.kept)])

    def _rate(self, a: int) -> Callable[[Floats, Parameters], float]:
        def observe(y: Floats, p: Parameters) -> float:
            own, parts, full = self._prepared(0.0, y, p)
            coefficients = own.coefficients(*self._moments(own, full))
            density = full[self.density[a]]
            flux = parts[a].flow(density, *self._coefficients(own, parts[a], a, *coefficients))[1]
            return float(1000.0 * flux / own.size[a])

        return observe

    def _mean_voltage(self, a: int) -> Callable[[Floats, Parameters], float]:
        def observe(y: Floats, p: Parameters) -> float:
            own, parts, full = self._prepared(0.0, y, p)
            part, density = parts[a], full[self.density[a]]
            moment = (part.quadrature * part.voltage[:-2]) @ (part.value @ density)
            held = own.size[a] - part.weights @ density
            return float((moment + held * own.reset[a]) / own.size[a])

        return observe

    def _entry(self, index: int) -> Callable[[Floats, Parameters], float]:
        return lambda y, p: float(self._prepared(0.0, y, p)[2][index])

    def _guess(self) -> Floats:
        """All neurons between reset and threshold, on a smooth bump, and nothing pending."""
        own, parts = self.inputs(tuple(self.approximation.network.parameters.values()), 0.0)
        full = np.zeros(len(self.names))
        for a, part in enumerate(parts):
            place = np.maximum((part.points - own.reset[a]) / (own.threshold[a] - own.reset[a]), 0.0)
            bump = np.sin(np.pi * place) ** 2
            full[self.density[a]] = own.size[a] * bump / (part.weights @ bump)
        return full[self.kept]
