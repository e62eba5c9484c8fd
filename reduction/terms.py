"""What the Markov approximation is made of, as sympy expressions: drift, noise, moments, edges of bins.

Each function returns one term of the equations, written in the symbols that its caller chooses (`Notation`): the
general form of `reduction.symbolic` and the explicit systems of `reduction.derivation` are built from the same terms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import sympy as sp

from reduction import grids
from reduction.markov import MarkovApproximation
from reduction.sources import Source, drives
from spiking.drives import ArrayDrive, ConstantDrive, KickDrive, OrnsteinUhlenbeckDrive
from spiking.errors import SpecificationError
from spiking.network import Network, Population
from spiking.neurons import EIF, LIF, QIF, Exponential, Normal
from spiking.synapses import ExponentialConductance
from spiking.wiring import AllToAll, Explicit, FixedInDegree, FixedOutDegree

_V = sp.Dummy("v", real=True)
LEAST_NOISE = 1e-200
LEAST_VARIANCE = 1e-9


class Notation(Protocol):
    """Symbols in which terms are written."""

    @property
    def network(self) -> Network:
        """Network of the terms."""

    def parameter(self, address: str) -> Any:
        """Return the symbol of the parameter at an address."""

    def projection_moments(self, source: Source) -> tuple[Any, Any]:
        """Return mean and variance of a projection's pending spikes."""

    def kappa(self, tau: Any) -> Any:
        """Return the closure time in ms of a source with time constant tau whose noise is white."""


def drive_terms(population: Population, notation: Notation) -> tuple[Any, Any]:
    """Return the mean of the drives (mV/ms), and the intensity of the white ones (mV^2/ms).

    Raises
    ------
    SpecificationError
        If a drive depends on time.
    """
    mean, noise = sp.Integer(0), sp.Integer(0)
    for address, drive in drives(population):
        if isinstance(drive, KickDrive):
            rate, size = notation.parameter(f"{address}.rate"), notation.parameter(f"{address}.size")
            mean, noise = mean + rate * size, noise + rate * size**2
        elif isinstance(drive, ConstantDrive):
            mean += notation.parameter(f"{address}.current")
        elif isinstance(drive, OrnsteinUhlenbeckDrive):
            mean += notation.parameter(f"{address}.mean")
        elif isinstance(drive, ArrayDrive):
            raise SpecificationError(f"{address} = 'array': depends on time; the equations cover constant drives")
    return mean, noise


def intrinsic_drift(population: Population, v: Any, notation: Notation) -> Any:
    """Return what the neuron itself adds to the drift at v, in mV/ms."""
    neuron, name = population.neuron, population.name
    assert isinstance(neuron, (LIF, QIF, EIF))
    if math.isinf(neuron.tau_m):
        return sp.Integer(0)
    tau_m = notation.parameter(f"{name}.tau_m")
    if isinstance(neuron, QIF):
        return v**2 / tau_m
    drift = -(v - notation.parameter(f"{name}.rest")) / tau_m
    if isinstance(neuron, EIF):
        onset, width = notation.parameter(f"{name}.onset"), notation.parameter(f"{name}.slope_factor")
        drift += width * sp.exp((v - onset) / width) / tau_m
    return drift


def edges(
    approximation: MarkovApproximation, population: Population, notation: Notation, define: Callable[[str, Any], Any]
) -> list[Any]:
    """Return the bounds of the bins in mV, as `reduction.grids.edges`; `define` names what they share."""
    name, neuron = population.name, population.neuron
    bins, values = approximation.bins[name], approximation.network.parameters
    bounds = grids.bounds(population, values, approximation.v_min[name], bins)
    if math.isinf(values[f"{name}.threshold"]):
        return [number(x) for x in grids.edges(population, values, bounds, bins)]
    floor, threshold = number(bounds.floor), notation.parameter(f"{name}.threshold")
    shares = [sp.Rational(k, bins) for k in range(1, bins)]
    if isinstance(neuron, QIF):
        scale = number(grids.quadratic_scale(population))
        low, high = (define(f"{name}.{end}", sp.atan(v / scale)) for end, v in (("low", floor), ("high", threshold)))
        inner = [scale * sp.tan((1 - share) * low + share * high) for share in shares]
    elif isinstance(neuron, EIF):
        onset, width = notation.parameter(f"{name}.onset"), notation.parameter(f"{name}.slope_factor")
        fast = define(f"{name}.fast", onset + width * number(math.log(grids.FAST)))
        low = define(f"{name}.low", (floor - fast) / width - sp.log(1 + sp.exp((floor - fast) / width)))
        high = define(f"{name}.high", -sp.log(1 + sp.exp((fast - threshold) / width)))
        positions = [(1 - share) * low + share * high for share in shares]
        inner = [fast + width * (x - sp.log(1 - sp.exp(x))) for x in positions]
    else:
        inner = [share * threshold + (1 - share) * floor for share in shares]
    return [floor, *inner, threshold]


def stretch(
    approximation: MarkovApproximation, population: Population, notation: Notation, values: Mapping[str, Any], v: Any
) -> tuple[Any, Any]:
    """Return the width of a bin at v and u''/u', as `grids.stretch`; `values` holds what `edges` has named."""
    name, neuron, bins = population.name, population.neuron, approximation.bins[population.name]
    if isinstance(neuron, QIF):
        scale = number(grids.quadratic_scale(population))
        if math.isinf(neuron.threshold):
            range_ = grids.bounds(population, approximation.network.parameters, -math.inf, bins)
            whole = number(2 * math.atan(range_.threshold / grids.quadratic_scale(population)))
        else:
            whole = values[f"{name}.high"] - values[f"{name}.low"]
        return scale * whole / bins * (1 + (v / scale) ** 2), -2 * v / (scale**2 + v**2)
    width = notation.parameter(f"{name}.slope_factor")
    rise = sp.exp((v - values[f"{name}.fast"]) / width)
    whole = width * (values[f"{name}.high"] - values[f"{name}.low"])
    return whole / bins * (1 + rise), -rise / ((1 + rise) * width)


def time_constant(source: Source, notation: Notation) -> Any:
    """Return the time constant of a source in ms; kicks that end a delay wait in its last stage."""
    if source.kick and f"{source.name}.tau" not in notation.network.parameters:
        return notation.parameter(f"{source.name}.delay") / (source.stages + 1)
    return notation.parameter(f"{source.name}.tau")


def weight(source: Source, notation: Notation) -> Any:
    """Return the weight of a source in mV: the voltage that one spike moves altogether where c(v) = 1."""
    if not source.source:
        return time_constant(source, notation)
    projection = next(p for p in notation.network.projections if p.name == source.name)
    found = notation.parameter(f"{source.name}.weight")
    if isinstance(projection.wiring, Explicit) and projection.wiring.factors is not None:
        found *= number(float(projection.wiring.factors.mean())) if projection.wiring.factors.size else 0
    if isinstance(projection.synapse, ExponentialConductance):
        return found * time_constant(source, notation) / notation.parameter(f"{source.target}.tau_m")
    return -found if getattr(projection.synapse, "inhibitory", False) else found


def voltage_factor(source: Source, v: Any, notation: Notation) -> Any:
    """Return c(v), by which the effect of a source depends on the voltage: drift by c, noise intensity by c^2."""
    if source.c1 == 0:
        return sp.Integer(1)
    reversal = notation.parameter(f"{source.name}.reversal")
    if source.consumed:
        return (v - reversal) / (notation.parameter(f"{source.target}.threshold") - reversal)
    return reversal - v


def noise_drift(source: Source, v: Any, notation: Notation) -> Any:
    r"""Return what white noise of unit power takes from the drift, because its intensity depends on the voltage.

    The flux is :math:`\mu p - D\,\partial_v p`: D' = c c' for kicks (Ito), half of it for a filtered current.
    """
    c = voltage_factor(source, _V, notation)
    taken = c * sp.diff(c, _V) / (1 if source.kick else 2)
    return taken.subs(_V, v)


def probability(source: Source, notation: Notation) -> Any:
    """Return the probability that a spike of the source reaches a given target."""
    projection = next(p for p in notation.network.projections if p.name == source.name)
    wiring = projection.wiring
    if isinstance(wiring, AllToAll):
        return sp.Integer(1)
    if isinstance(wiring, FixedInDegree):
        return notation.parameter(f"{source.name}.in_degree") / notation.parameter(f"{source.source}.size")
    if isinstance(wiring, FixedOutDegree):
        return notation.parameter(f"{source.name}.out_degree") / notation.parameter(f"{source.target}.size")
    if isinstance(wiring, Explicit):
        pairs = notation.network.sizes[projection.source] * notation.network.sizes[projection.target]
        return sp.Rational(wiring.sources.size, pairs)
    return notation.parameter(f"{source.name}.probability")


def moments(source: Source, notation: Notation) -> tuple[Any, Any]:
    """Return mean and variance of what a source is proportional to; those of drives never change."""
    if not source.source:
        return sp.Integer(0), notation.parameter(f"{source.name}.deviation") ** 2
    return notation.projection_moments(source)


def current(source: Source, notation: Notation) -> Any:
    """Return the mean drift in mV/ms that a source causes where c(v) = 1."""
    mean, _ = moments(source, notation)
    return weight(source, notation) * mean / time_constant(source, notation)


def power(source: Source, notation: Notation) -> Any:
    """Return the intensity in mV^2/ms of the white noise that a source causes where c(v) = 1."""
    mean, variance = moments(source, notation)
    tau = time_constant(source, notation)
    kappa = notation.kappa(tau)
    if source.kick:
        shot = sp.Max(0, mean / tau + kappa * (variance - mean) / tau**2)
        return weight(source, notation) ** 2 * shot
    return (weight(source, notation) / tau) ** 2 * kappa * variance


def amplitude(source: Source, telegraphs: int, notation: Notation) -> Any:
    """Return by how much the drift in mV/ms deviates through one of a source's two-valued noises, where c(v) = 1."""
    _, variance = moments(source, notation)
    if not source.source:
        return notation.parameter(f"{source.name}.deviation") / sp.sqrt(telegraphs)
    deviation = sp.sqrt(sp.Max(0, variance, evaluate=False) / telegraphs)
    return weight(source, notation) / time_constant(source, notation) * deviation


def flip_rate(source: Source, arriving: Any, notation: Notation) -> Any:
    """Return the rate in 1/ms at which each of a source's two-valued noises changes sign."""
    tau = time_constant(source, notation)
    if not source.source:
        return 1 / (2 * tau)
    mean, variance = moments(source, notation)
    p = probability(source, notation)
    intensity = p * (1 - p) * arriving + (mean / tau if source.consumed else 0)
    return intensity / (4 * sp.Max(LEAST_VARIANCE, variance, evaluate=False))


def moment_decay(source: Source, notation: Notation) -> tuple[Any, Any]:
    """Return d/dt of mean and variance of a projection's pending spikes between arrivals."""
    tau = time_constant(source, notation)
    mean, variance = moments(source, notation)
    return -mean / tau, -2 * variance / tau + (mean / tau if source.consumed else 0)


def moment_jumps(source: Source, notation: Notation) -> tuple[Any, Any]:
    """Return by how much each spike that arrives raises mean and variance of a projection's pending spikes."""
    p = probability(source, notation)
    return p, p * (1 - p)


def delay_rate(source: Source, notation: Notation) -> Any:
    """Return the rate in 1/ms at which each stage of a delay is left."""
    stages = source.stages + (source.kick and f"{source.name}.tau" not in notation.network.parameters)
    return stages / notation.parameter(f"{source.name}.delay")


def release_rate(approximation: MarkovApproximation, population: Population, notation: Notation) -> Any:
    """Return the rate in 1/ms at which each refractory stage is left.

    Raises
    ------
    SpecificationError
        If refractory times are normally distributed.
    """
    name, neuron = population.name, population.neuron
    assert isinstance(neuron, (LIF, QIF, EIF))
    stages = approximation.pool_stages(name)
    if math.isinf(neuron.threshold):
        values = approximation.network.parameters
        cutoff = grids.bounds(population, values, approximation.v_min[name], approximation.bins[name]).threshold
        return stages * number(cutoff) / (2 * notation.parameter(f"{name}.tau_m"))
    if isinstance(neuron.refractory, Normal):
        raise SpecificationError(f"{name}.refractory = 'normal': the equations cover none, fixed, exponential")
    field = "mean" if isinstance(neuron.refractory, Exponential) else "duration"
    return stages / notation.parameter(f"{name}.refractory.{field}")


def number(value: float) -> Any:
    """Return the number that a float is printed as, exactly."""
    return sp.Rational(repr(float(value)))
