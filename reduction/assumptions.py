"""Which assumption of the Markov approximation a network strains, and by how much - before anything is run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from reduction.markov import MarkovApproximation
from spiking.drives import PoissonDrive
from spiking.network import Network
from spiking.neurons import LIF, Fixed
from spiking.synapses import PendingKick, PendingSpikeSynapse

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
        Fast decorrelation, event times, closure, diffusion, finite size, common input, and (where it applies) rounding
        and Erlang stages; each at the address where the strain is largest.
    """
    if isinstance(approximation, Network):
        approximation = MarkovApproximation(approximation)
    network = approximation.network
    synapses = {p.name: (p, p.synapse) for p in network.projections if isinstance(p.synapse, PendingSpikeSynapse)}
    neurons = {p.name: p.neuron for p in network.populations if isinstance(p.neuron, LIF)}
    spans = {name: neuron.threshold - neuron.reset for name, neuron in neurons.items()}
    checks: list[Check] = []

    def worst(candidates: dict[str, float], **text: str | float) -> None:
        if candidates:
            address = max(candidates, key=lambda a: candidates[a])
            checks.append(Check(address=address, value=candidates[address], **text))  # type: ignore[arg-type]

    passage = {name: _passage_time(network, name, spans[name]) for name in neurons}
    worst(
        {f"{n}.tau": s.tau / passage[p.target] for n, (p, s) in synapses.items()},
        assumption="pending spikes decorrelate faster than voltages move",
        measure="synaptic time over the time the drive alone needs from reset to threshold",
        comfortable=0.1,
        consequence="V and H become correlated; a closure that follows E[H | v] would be needed",
    )
    excitation = {n: s.tau for n, (_, s) in synapses.items() if not s.inhibitory}
    inhibition = {n: s.tau for n, (_, s) in synapses.items() if s.inhibitory}
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
        {f"{n}.tau": _factors_of_two(approximation.kappa(s.tau), 2 * s.tau) for n, (_, s) in synapses.items()},
        assumption="kappa is the integral 2 tau of the autocorrelation of H",
        measure="factors of two between kappa and 2 tau",
        comfortable=1.0,
        consequence="synaptic noise is scaled wrongly where it matters; compare closure='published' and 'white'",
    )  # fmt: skip
    kicks = {f"{n}.weight": s.weight / spans[p.target] for n, (p, s) in synapses.items()}
    for population in network.populations:
        if isinstance(population.drive, PoissonDrive):
            kicks[f"{population.name}.drive.size"] = abs(population.drive.size) / spans[population.name]
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
        consequence="the ODE lacks finite-size noise, which shifts rates near bifurcations and blurs events",
    )
    worst(
        {
            f"{n}.weight": network.sizes[p.target] * p.wiring.probability * s.weight / spans[p.target]  # type: ignore[attr-defined]
            for n, (p, s) in synapses.items()
            if not s.inhibitory and p.target == p.source
        },
        assumption="one spike moves the population little (no avalanches)",
        measure="N p S / (threshold - reset): threshold distances that one spike covers in all its targets together",
        comfortable=1.0,
        consequence="events are avalanches: their size is sensitive to every approximation above",
    )
    worst(
        {f"{n}.probability": p.wiring.probability for n, (p, _) in synapses.items()},  # type: ignore[attr-defined]
        assumption="neurons of a population receive different spikes",
        measure="connection probability: the share of input that two neurons have in common",
        comfortable=0.5,
        consequence="the common part of H fluctuates for all neurons at once; only its mean is carried along",
    )
    worst(
        {
            f"{n}.rounded": 0.5 / s.weight
            for n, (_, s) in synapses.items()
            if isinstance(s, PendingKick) and s.rounded and s.weight
        },
        assumption="rounding of jumps is negligible",
        measure="standard deviation of the rounding (at most 0.5) over the jump",
        comfortable=0.3,
        consequence="the noise of stochastic rounding is left out of the noise intensity",
    )
    worst(
        {
            f"{name}.refractory.duration": 1 / math.sqrt(approximation.stages[name])
            for name, neuron in neurons.items()
            if isinstance(neuron.refractory, Fixed)
        },
        assumption="Erlang stages stand for a fixed refractory time",
        measure="relative spread of the stages' sum, 1 / sqrt(stages)",
        comfortable=0.25,
        consequence="raise stages= to sharpen the refractory time",
    )
    return checks


def _factors_of_two(a: float, b: float) -> float:
    return abs(math.log2(a / b)) if a > 0 else math.inf


def _passage_time(network: Network, name: str, span: float) -> float:
    """Time in ms in which the drive alone takes a voltage over `span`, at most the membrane time constant."""
    parameters = network.parameters
    drift = parameters.get(f"{name}.drive.rate", 0.0) * parameters.get(f"{name}.drive.size", 0.0)
    ballistic = span / drift if drift > 0 else math.inf
    return min(ballistic, parameters[f"{name}.tau_m"], 1e9)
