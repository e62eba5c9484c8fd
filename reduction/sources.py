"""Sources of input: what projections and Ornstein-Uhlenbeck drives add to drift and noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from spiking.drives import (
    ArrayDrive,
    ConstantDrive,
    Drive,
    KickDrive,
    LorentzianDrive,
    OrnsteinUhlenbeckDrive,
    SumDrive,
)
from spiking.errors import ParameterError, SpecificationError
from spiking.network import Network, Population, Projection
from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent, PendingKick, PendingSpikeSynapse
from spiking.wiring import AllToAll, Explicit, FixedInDegree, FixedOutDegree


@dataclass(frozen=True)
class Source:
    """One source of input of a population.

    The current is ``weight (c0 + c1 v) H / tau`` (or kicks of weight (c0 + c1 v), H / tau of them per ms), where H has
    a mean and a variance over the neurons of the population.

    Attributes
    ----------
    name : str
        Address of the projection or drive.
    target, source : str
        Populations; the source of a drive is empty.
    weight, tau, c0, c1, probability, variance : float
        In mV, ms, 1, 1/mV and 1; the variance is that of a drive, which never changes.
    consumed : bool
        Whether pending spikes are consumed at random, or decay.
    kick : bool
    delay : float
        In ms, before spikes reach H.
    stages : int
        Erlang stages of the delay.
    """

    name: str
    target: str
    source: str
    weight: float
    tau: float
    c0: float = 1.0
    c1: float = 0.0
    probability: float = 0.0
    variance: float = 0.0
    consumed: bool = False
    kick: bool = False
    delay: float = 0.0
    stages: int = 0


def sources(network: Network, values: Mapping[str, float], stages: int) -> list[Source]:
    """Return the sources of a network for the parameters `values` (by address): the projections, then the drives."""
    found = [_of_projection(network, projection, values, stages) for projection in network.projections]
    for population in network.populations:
        for address, drive in drives(population):
            if isinstance(drive, OrnsteinUhlenbeckDrive):
                tau = values[f"{address}.tau"]
                variance = values[f"{address}.deviation"] ** 2
                found.append(Source(address, population.name, "", weight=tau, tau=tau, variance=variance))
    return found


def drives(population: Population) -> Iterator[tuple[str, Drive]]:
    """Yield the simple drives of a population with their addresses."""

    def walk(address: str, drive: Drive) -> Iterator[tuple[str, Drive]]:
        if isinstance(drive, SumDrive):
            yield from walk(f"{address}.first", drive.first)
            yield from walk(f"{address}.second", drive.second)
        else:
            yield address, drive

    return walk(f"{population.name}.drive", population.drive)


def white_drive(population: Population, values: Mapping[str, float], time: float) -> tuple[float, float]:
    """Return the mean (mV/ms) of all drives of a population at a time (ms), and the intensity of the white ones."""
    mean, variance = 0.0, 0.0
    for address, drive in drives(population):
        if isinstance(drive, KickDrive):
            rate, size = values[f"{address}.rate"], values[f"{address}.size"]
            mean, variance = mean + rate * size, variance + rate * size**2
        elif isinstance(drive, ConstantDrive):
            mean += values[f"{address}.current"]
        elif isinstance(drive, OrnsteinUhlenbeckDrive):
            mean += values[f"{address}.mean"]
        elif isinstance(drive, ArrayDrive):
            index = math.floor(time / values[f"{address}.interval"] + 1e-9)
            mean += float(drive.values[min(index, drive.values.size - 1)])
    return mean, variance


def _of_projection(network: Network, projection: Projection, values: Mapping[str, float], stages: int) -> Source:
    name, synapse = projection.name, projection.synapse
    weight = values[f"{name}.weight"]
    if isinstance(projection.wiring, Explicit) and projection.wiring.factors is not None:
        weight *= float(projection.wiring.factors.mean()) if projection.wiring.factors.size else 0.0
    delay = values[f"{name}.delay"]
    if (delay > 0) != (projection.delay > 0):
        allowed = "positive" if projection.delay > 0 else "0"
        raise ParameterError(name, "delay", delay, f"must stay {allowed}: the stages of a delay are states")
    delayed = {"delay": delay, "stages": stages if delay > 0 else 0}
    common = {
        "name": name, "target": projection.target, "source": projection.source,
        "probability": _probability(network, projection, values),
    }  # fmt: skip
    sign = -1.0 if getattr(synapse, "inhibitory", False) else 1.0
    if isinstance(synapse, Delta):
        # The kick ends the delay: its last stage holds the spikes that are consumed.
        last = delay / stages
        before = {"delay": delay - last, "stages": stages - 1}
        return Source(weight=sign * weight, tau=last, consumed=True, kick=True, **before, **common)  # type: ignore[arg-type]
    tau = values[f"{name}.tau"]
    if isinstance(synapse, ExponentialConductance):
        scaled = weight * tau / values[f"{projection.target}.tau_m"]
        reversal = values[f"{name}.reversal"]
        return Source(weight=scaled, tau=tau, c0=reversal, c1=-1.0, **delayed, **common)  # type: ignore[arg-type]
    if isinstance(synapse, ExponentialCurrent):
        return Source(weight=sign * weight, tau=tau, **delayed, **common)  # type: ignore[arg-type]
    assert isinstance(synapse, PendingSpikeSynapse)
    c0, c1 = 1.0, 0.0
    reversal = values[f"{name}.reversal"]
    if math.isfinite(reversal):
        span = values[f"{projection.target}.threshold"] - reversal
        c0, c1 = -reversal / span, 1.0 / span
    return Source(
        weight=sign * weight, tau=tau, c0=c0, c1=c1, consumed=True, kick=isinstance(synapse, PendingKick),
        **delayed, **common,  # type: ignore[arg-type]
    )  # fmt: skip


def _probability(network: Network, projection: Projection, values: Mapping[str, float]) -> float:
    """Return the probability that a spike of the source reaches a given target."""
    wiring, name = projection.wiring, projection.name
    if isinstance(wiring, AllToAll):
        return 1.0
    if isinstance(wiring, FixedInDegree):
        return values[f"{name}.in_degree"] / values[f"{projection.source}.size"]
    if isinstance(wiring, FixedOutDegree):
        return values[f"{name}.out_degree"] / values[f"{projection.target}.size"]
    if isinstance(wiring, Explicit):
        return wiring.sources.size / (network.sizes[projection.source] * network.sizes[projection.target])
    return values[f"{name}.probability"]


def check(network: Network, stages: int) -> None:
    """Refuse what the Markov approximation does not cover.

    Raises
    ------
    SpecificationError, ParameterError
        Naming the address and the reason.
    """
    for population in network.populations:
        if any(isinstance(drive, LorentzianDrive) for _, drive in drives(population)):
            raise SpecificationError(
                f"{population.name}.drive = 'lorentzian': the Markov approximation has one current for all neurons of "
                "a population; quadratic neurons coupled all to all are reduced exactly by "
                "reduction.exact_mean_field, and by snn2ode bifurcation"
            )
    for projection in network.projections:
        synapse, name = projection.synapse, projection.name
        if isinstance(synapse, Delta) and projection.delay == 0:
            raise ParameterError(
                name, "delay", 0.0, "must be positive: a delta synapse without delay has no Markov approximation; "
                "give a delay, or a pending_kick synapse"
            )  # fmt: skip
        if isinstance(synapse, Delta) and stages < 2:
            raise ParameterError("", "stages", stages, f"must be at least 2 for the delayed kicks of {name}")
        tau_m = network.parameters[f"{projection.target}.tau_m"]
        if isinstance(synapse, ExponentialConductance) and math.isinf(tau_m):
            raise SpecificationError(f"{name}: a conductance needs a leak, but {projection.target}.tau_m = inf")
        if isinstance(projection.wiring, Explicit) and _probability(network, projection, network.parameters) > 1:
            raise SpecificationError(f"{name}.wiring: more edges than pairs of neurons; at most one each is covered")
