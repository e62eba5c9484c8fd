"""Which assumption of the Markov approximation a network strains, and by how much - before anything is run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from reduction import grids
from reduction.markov import MarkovApproximation
from reduction.sources import Source, drives
from spiking.drives import PoissonDrive
from spiking.network import Network
from spiking.neurons import Fixed, Normal
from spiking.synapses import PendingKick
from spiking.wiring import AllToAll, Annealed, FixedInDegree

Verdict = Literal["holds", "strained", "broken"]

_BROKEN = 4.0


@dataclass(frozen=True)
class Check:
    """One assumption, measured.

    Attributes
    ----------
    assumption : str
    address : str
        Where it is strained most.
    measure : str
        What `value` is, as a formula in words.
    value : float
    comfortable : float
        Up to here the assumption holds; beyond four times this it is broken.
    consequence : str
        What to expect, and which level or option helps.
    """

    assumption: str
    address: str
    measure: str
    value: float
    comfortable: float
    consequence: str

    @property
    def strain(self) -> float:
        """How many times the comfortable value."""
        return self.value / self.comfortable

    @property
    def verdict(self) -> Verdict:
        """In a word."""
        return "holds" if self.strain <= 1 else "strained" if self.strain <= _BROKEN else "broken"


def applicability(approximation: MarkovApproximation | Network) -> list[Check]:
    """Measure how far a network strains each assumption of its Markov approximation.

    The comfortable values are rules of thumb; what the strain costs is what `validate` measures.

    Parameters
    ----------
    approximation : MarkovApproximation or Network
        A network is taken with the default options.

    Returns
    -------
    list of Check
        Those that apply of fast decorrelation, event times, closure, levels, diffusion, finite size, avalanches, common
        input, fixed graphs, rounding and Erlang stages; each at the address where the strain is largest.
    """
    if isinstance(approximation, Network):
        approximation = MarkovApproximation(approximation)
    network = approximation.network
    sources = [s for s in approximation.sources() if s.source]
    wirings = {p.name: p.wiring for p in network.projections}
    bounds = {
        p.name: grids.bounds(p, network.parameters, approximation.v_min[p.name], approximation.bins[p.name])
        for p in network.populations
    }
    spans = {name: b.threshold - b.reset for name, b in bounds.items()}
    slow = [s for s in sources if not s.kick]
    scalar = [s for s in slow if approximation.telegraphs(s) == 0]
    checks: list[Check] = []

    def worst(candidates: dict[str, float], **text: str | float) -> None:
        if candidates:
            address = max(candidates, key=lambda a: candidates[a])
            checks.append(Check(address=address, value=candidates[address], **text))  # type: ignore[arg-type]

    passage = {p.name: _passage_time(network, p.name, spans[p.name]) for p in network.populations}
    worst(
        {f"{s.name}.tau": s.tau / passage[s.target] for s in scalar},
        assumption="pending spikes decorrelate faster than voltages move",
        measure="synaptic time over the time the drive alone needs from reset to threshold",
        comfortable=0.1,
        consequence="V and H become correlated: closure='conditional' follows that",
    )
    excitation = {s.name: s.tau for s in scalar if _excites(s, bounds[s.target])}
    inhibition = {s.name: s.tau for s in scalar if not _excites(s, bounds[s.target])}
    if excitation and inhibition:
        rise = min(excitation.values())
        worst(
            {f"{n}.tau": tau / rise for n, tau in inhibition.items()},
            assumption="pending spikes decorrelate within a synchronous event",
            measure="inhibitory synaptic time over the excitatory one that makes events",
            comfortable=1.0,
            consequence="during events H is far from independent of V: event sizes are less certain than rates",
        )
    worst(
        {f"{s.name}.tau": _factors_of_two(approximation.kappa(s.tau), 2 * s.tau) for s in scalar},
        assumption="kappa is the integral 2 tau of the autocorrelation of H",
        measure="factors of two between kappa and 2 tau",
        comfortable=1.0,
        consequence="synaptic noise is scaled wrongly where it matters; compare closure='conditional'",
    )
    worst(
        {f"{s.name}.tau": 1 / approximation.noise_levels for s in slow if approximation.telegraphs(s) > 0},
        assumption="a few levels stand for the distribution of H",
        measure="1 / noise_levels",
        comfortable=0.34,
        consequence="raise noise_levels= until rates stop moving",
    )
    kicks = {f"{s.name}.weight": _kick(s, bounds[s.target]) / spans[s.target] for s in sources}
    for population in network.populations:
        kicks |= {
            f"{address}.size": abs(drive.size) / spans[population.name]
            for address, drive in drives(population) if isinstance(drive, PoissonDrive)
        }  # fmt: skip
    worst(
        kicks,
        assumption="many small kicks act as Gaussian noise (diffusion)",
        measure="kick size over the distance from reset to threshold",
        comfortable=0.03,
        consequence="threshold crossings by single kicks are missed: the reduction's rates are off, mostly low rates",
    )
    worst(
        {f"{p.name}.size": 1 / math.sqrt(p.size) for p in network.populations},
        assumption="populations are infinite",
        measure="relative size of fluctuations, 1 / sqrt(N)",
        comfortable=0.03,
        consequence="the ODE lacks finite-size noise, which shifts rates near bifurcations and blurs events: "
        "level 'chain' has it",
    )
    worst(
        {
            f"{s.name}.weight": network.sizes[s.target] * s.probability * _kick(s, bounds[s.target]) / spans[s.target]
            for s in sources if _excites(s, bounds[s.target]) and s.target == s.source
        },
        assumption="one spike moves the population little (no avalanches)",
        measure="N p S / (threshold - reset): threshold distances that one spike covers in all its targets together",
        comfortable=1.0,
        consequence="events are avalanches: their size is sensitive to every approximation above",
    )  # fmt: skip
    worst(
        {f"{s.name}.probability": s.probability for s in sources},
        assumption="neurons of a population receive different spikes",
        measure="connection probability: the share of input that two neurons have in common",
        comfortable=0.5,
        consequence="the common part of H fluctuates for all neurons at once; only its mean is carried along",
    )
    worst(
        {
            f"{s.name}.wiring": 1 / math.sqrt(max(s.probability * network.sizes[s.source], 1e-9))
            for s in sources if not isinstance(wirings[s.name], (Annealed, FixedInDegree, AllToAll))
        },
        assumption="a fixed graph acts like connections drawn anew at every spike",
        measure="relative spread of in-degrees, 1 / sqrt(in-degree)",
        comfortable=0.1,
        consequence="neurons differ for good by their in-degree, which the reduction averages over",
    )  # fmt: skip
    worst(
        {
            f"{p.name}.rounded": 0.5 / p.synapse.weight
            for p in network.projections
            if isinstance(p.synapse, PendingKick) and p.synapse.rounded and p.synapse.weight
        },
        assumption="rounding of jumps is negligible",
        measure="standard deviation of the rounding (at most 0.5) over the jump",
        comfortable=0.3,
        consequence="the noise of stochastic rounding is left out of the noise intensity",
    )
    fixed = {
        f"{p.name}.refractory": 1 / math.sqrt(approximation.pool_stages(p.name))
        for p in network.populations
        if isinstance(getattr(p.neuron, "refractory", None), (Fixed, Normal))
    }
    worst(
        fixed | {f"{s.name}.delay": 1 / math.sqrt(approximation.stages) for s in sources if s.delay > 0},
        assumption="Erlang stages stand for a fixed refractory time or delay",
        measure="relative spread of the stages' sum, 1 / sqrt(stages)",
        comfortable=0.25,
        consequence="raise stages= to sharpen them",
    )
    return checks


def _excites(source: Source, bounds: grids.Bounds) -> bool:
    """Return whether a source drives the voltage up at threshold."""
    return source.weight * (source.c0 + source.c1 * bounds.threshold) > 0


def _kick(source: Source, bounds: grids.Bounds) -> float:
    """Return the largest voltage in mV that a spike moves between reset and threshold."""
    return abs(source.weight) * max(abs(source.c0 + source.c1 * v) for v in (bounds.reset, bounds.threshold))


def _factors_of_two(a: float, b: float) -> float:
    return abs(math.log2(a / b)) if a > 0 else math.inf


def _passage_time(network: Network, name: str, span: float) -> float:
    """Time in ms in which the drive alone takes a voltage over `span`, at most the membrane time constant."""
    drift = grids.mean_drive(network.population(name))
    ballistic = span / drift if drift > 0 else math.inf
    return min(ballistic, network.parameters[f"{name}.tau_m"], 1e9)
