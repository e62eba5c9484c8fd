"""What the translations into other simulators share: checks before any work, receptors, recordings after the run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking import graphs
from spiking.drives import ConstantDrive, Drive, components
from spiking.errors import ParameterError, SpecificationError
from spiking.network import Network, Projection, checked_network
from spiking.neurons import EIF, LIF, QIF, Fixed, Neuron, Refractory
from spiking.recording import Recording
from spiking.specification import NONNEGATIVE, POSITIVE, Specification, checked_number
from spiking.synapses import ExponentialConductance, ExponentialCurrent, Synapse
from spiking.timing import time_grid
from spiking.wiring import Wiring

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BASES: tuple[type[Specification], ...] = (Neuron, Refractory, Drive, Synapse, Wiring)
_LARGEST_SEED = 2**32 - 2


@dataclass(frozen=True)
class Peer:
    """A simulator and what of a network it can express.

    Attributes
    ----------
    name : str
        As its authors write it.
    module, extra : str
        What to import, and the extra of this package that installs it.
    expressed : tuple of classes
        Neurons, refractory times, drives, synapses and wirings that it can express.
    reasons : mapping
        Class of a part that it cannot express, to why not and what to use instead.
    """

    name: str
    module: str
    extra: str
    expressed: tuple[type[Specification], ...]
    reasons: Mapping[type[Specification], str]

    def load(self) -> Any:
        """Return the peer's module.

        Raises
        ------
        SpecificationError
            If it is not installed.
        """
        try:
            return import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name != self.module:
                raise
            raise SpecificationError(f"{self.name} is not installed: pip install snn2ode[{self.extra}]") from None


class Receptor(NamedTuple):
    """What synapses onto one population have in common: they may share a variable.

    Attributes
    ----------
    kind : str
        Of the synapse.
    tau : float
        In ms; 0 for delta synapses.
    reversal : float
        In mV; 0 for all but conductances.
    """

    kind: str
    tau: float
    reversal: float


def receptor(synapse: Synapse) -> Receptor:
    """Return the receptor of a synapse."""
    tau = synapse.tau if isinstance(synapse, ExponentialCurrent | ExponentialConductance) else 0.0
    return Receptor(synapse.kind, tau, synapse.reversal if isinstance(synapse, ExponentialConductance) else 0.0)


def sign(synapse: Synapse) -> float:
    """Return -1 for an inhibitory synapse, 1 for any other (a conductance's effect has the sign of its reversal)."""
    return -1.0 if getattr(synapse, "inhibitory", False) else 1.0


def afferents(network: Network, population: str) -> list[Projection]:
    """Return the projections onto a population."""
    return [p for p in network.projections if p.target == population]


def checked(peer: Peer, network: object, dt: float, seed: int, voltage: object) -> tuple[Network, Floats]:
    """Return (network, initial voltages in mV) after all checks that no particular peer needs.

    Raises
    ------
    SpecificationError
        If the network has a part that the peer cannot express, or an option is out of range.
    """
    found = checked_network(network)
    checked_number("", "dt", dt, POSITIVE)
    if checked_number("", "seed", seed, NONNEGATIVE, integer=True) > _LARGEST_SEED:
        raise ParameterError("", "seed", seed, f"must be at most {_LARGEST_SEED} for {peer.name}")
    for population in found.populations:
        _check_part(peer, population.name, "neuron", population.neuron)
        for drive in components(population.drive):
            _check_part(peer, population.name, "drive", drive)
        if isinstance(population.neuron, LIF | QIF | EIF):
            _check_part(peer, population.name, "refractory", population.neuron.refractory)
    for projection in found.projections:
        _check_part(peer, projection.name, "synapse", projection.synapse)
        _check_part(peer, projection.name, "wiring", projection.wiring)
        if not math.isclose(delay_steps(projection, dt) * dt, projection.delay, rel_tol=1e-9, abs_tol=1e-9):
            raise ParameterError(
                projection.name, "delay", projection.delay, f"must be a whole number of steps of dt = {dt:g} ms"
            )
    return found, _checked_voltage(found, voltage)


def _check_part(peer: Peer, owner: str, name: str, part: Specification) -> None:
    if type(part) in peer.expressed:
        return
    base = next(base for base in _BASES if isinstance(part, base))
    kinds = ", ".join(cls.kind for cls in peer.expressed if issubclass(cls, base))
    given = next((reason for cls, reason in peer.reasons.items() if isinstance(part, cls)), None)
    raise ParameterError(owner, name, part.kind, given or f"is not translated for {peer.name}; use {kinds}")


def _checked_voltage(network: Network, voltage: object) -> Floats:
    neurons = sum(network.sizes.values())
    if voltage is None:
        return np.concatenate([np.full(p.size, float(network[f"{p.name}.reset"])) for p in network.populations])
    try:
        found = np.asarray(voltage, np.float64)
    except (TypeError, ValueError):
        raise ParameterError("", "voltage", voltage, "must be an array of numbers in mV") from None
    if found.shape != (neurons,) or not np.isfinite(found).all():
        raise SpecificationError(f"voltage: must be {neurons} finite numbers in mV, one for each neuron")
    return found


def delay_steps(projection: Projection, dt: float) -> int:
    """Return the delay of a projection in steps."""
    return round(projection.delay / dt)


def refractory_steps(refractory: Refractory, dt: float) -> int:
    """Return for how many steps a fixed refractory time holds the voltage; 0 for any other."""
    return round(refractory.duration / dt) if isinstance(refractory, Fixed) else 0


def constant_current(drive: Drive) -> float:
    """Return the constant current in mV/ms among the drives that make up a drive."""
    return sum((d.current for d in components(drive) if isinstance(d, ConstantDrive)), 0.0)


def weighted_edges(network: Network, projection: Projection) -> tuple[Ints, Ints, float | Floats]:
    """Return (sources, targets, weights in the synapse's unit) of a projection's edges.

    The weights are signed (negative if the synapse is inhibitory), and one number if they are all equal.
    """
    sources, targets, factors = graphs.edges(network, projection.name)
    weight = sign(projection.synapse) * network[f"{projection.name}.weight"]
    if factors is None or factors.size == 0:
        return sources, targets, weight
    if (factors == factors[0]).all():
        return sources, targets, weight * float(factors[0])
    return sources, targets, weight * factors


def run_steps(duration: float, dt: float) -> int:
    """Return the steps that a run of a duration in ms needs.

    Raises
    ------
    ParameterError
        If the duration is not positive.
    """
    return math.ceil(checked_number("", "duration", duration, POSITIVE) / dt - 1e-9)


def recording(
    network: Network,
    spikes: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    *,
    duration: float,
    options: Mapping[str, Any],
) -> Recording:
    """Return the recording of a peer's spikes.

    Parameters
    ----------
    network : Network
    spikes : mapping
        Population to (steps after which its spikes fell, its neurons numbered from 0); spikes outside of the duration
        are left out.
    duration : float
        In ms.
    options : mapping
        Of the run; its dt (ms) is the length of a step.
    """
    dt = options["dt"]
    first = {name: neurons.start for name, neurons in network.neurons.items()}
    steps = np.concatenate([np.asarray(steps, np.int64) for steps, _ in spikes.values()])
    senders = np.concatenate([np.asarray(own, np.int64) + first[name] for name, (_, own) in spikes.items()])
    order = np.lexsort((senders, steps))
    order = order[(steps[order] > 0) & (steps[order] <= duration / dt + 1e-9)]
    every, _, _ = time_grid(max(duration, dt), dt, None)
    found = Recording.from_spikes(
        np.minimum(steps[order] * dt, duration), senders[order], network.sizes,
        duration=duration, sampling_interval=every * dt,
    )  # fmt: skip
    return replace(found, network=network, options=dict(options))
