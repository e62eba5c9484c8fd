"""The network: one frozen value that drives simulation, reduction and validation."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spiking.drives import Drive, NoDrive, components
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.neurons import EIF, LIF, QIF, Neuron
from spiking.specification import NONNEGATIVE, POSITIVE, Specification, parameter, part
from spiking.synapses import ExponentialConductance, PendingSpikeSynapse, Synapse
from spiking.wiring import Explicit, Wiring

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Population(Specification):
    """Identical neurons under one name.

    Parameters
    ----------
    name : str
        A letter, then letters, digits or underscores.
    size : int
        Number of neurons.
    neuron : Neuron
        Its parameters have the addresses ``name.threshold``, ``name.refractory.mean``, ...
    drive : Drive
        External drive of each neuron; none by default.
    """

    name: str
    size: int = parameter(POSITIVE, "", "number of neurons")
    neuron: Neuron = part(Neuron, inline=True)
    drive: Drive = part(Drive, default=NoDrive())

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_name("Population", self.name)


@dataclass(frozen=True)
class Projection(Specification):
    """Synapses onto the neurons of `target` from those of `source`.

    Parameters
    ----------
    target, source : str
        Names of populations; S^{EI} belongs to target E and source I.
    synapse : Synapse
        Its parameters have the addresses ``EI.weight``, ``EI.tau``, ...
    wiring : Wiring
        Its parameters have the addresses ``EI.probability``, ...
    name : str
        By default target and source together: ``"EI"``.
    delay : float
        In ms, a whole number of steps in a simulation; 0: a spike acts from the end of the step in which it falls.
    """

    target: str
    source: str
    synapse: Synapse = part(Synapse, inline=True)
    wiring: Wiring = part(Wiring, inline=True)
    name: str = ""
    delay: float = parameter(NONNEGATIVE, "ms", "delay", default=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.name:
            object.__setattr__(self, "name", f"{self.target}{self.source}")
        _check_name("Projection", self.name)


def _check_name(owner: str, name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ParameterError(owner, "name", name, "must be a letter followed by letters, digits or underscores")


@dataclass(frozen=True)
class Network:
    """Populations and the projections among them.

    Every number has one address, such as ``"EI.probability"``: ``network["EI.probability"]`` reads it and
    ``network.replace({"EI.probability": 0.7})`` returns a changed copy.

    Parameters
    ----------
    populations : sequence of Population
    projections : sequence of Projection

    Raises
    ------
    SpecificationError
        If names repeat, a projection ends nowhere, or a value is out of range.
    """

    populations: tuple[Population, ...]
    projections: tuple[Projection, ...] = ()

    def __init__(self, populations: Iterable[Population], projections: Iterable[Projection] = ()) -> None:
        for what, given in (("populations", populations), ("projections", projections)):
            if not hasattr(given, "__iter__"):
                raise SpecificationError(f"{what} = {given!r}: must be a sequence")
            object.__setattr__(self, what, tuple(given))
        if not self.populations:
            raise SpecificationError("populations = []: a network needs at least one population")
        for what, cls in (("populations", Population), ("projections", Projection)):
            for item in getattr(self, what):
                if not isinstance(item, cls):
                    raise SpecificationError(f"{what}: {item!r} must be a {cls.__name__}")
        names = [item.name for item in self._items]
        for name in names:
            if names.count(name) > 1:
                raise SpecificationError(f"{name}: the name is used {names.count(name)} times; names must differ")
        for projection in self.projections:
            for end in ("target", "source"):
                if getattr(projection, end) not in self.sizes:
                    allowed = f"must be one of {', '.join(self.sizes)}"
                    raise ParameterError(projection.name, end, getattr(projection, end), allowed)
            self._check_synapse(projection)
            self._check_graph(projection)

    def _check_synapse(self, projection: Projection) -> None:
        neuron = self.population(projection.target).neuron
        name, synapse = projection.name, projection.synapse
        if isinstance(synapse, PendingSpikeSynapse) and synapse.reversal > -math.inf:
            threshold = neuron.threshold if isinstance(neuron, LIF | QIF | EIF) else math.inf
            if synapse.reversal >= threshold or threshold == math.inf:
                allowed = f"must lie below {projection.target}.threshold = {threshold}, and that be finite"
                raise ParameterError(name, "reversal", synapse.reversal, allowed)
        if isinstance(synapse, ExponentialConductance) and (
            not isinstance(neuron, LIF | EIF) or math.isinf(neuron.tau_m)
        ):
            raise SpecificationError(
                f"{name}.synapse = 'exponential_conductance': its target {projection.target} must be a LIF or EIF "
                "neuron with a leak (finite tau_m), which conductances are relative to"
            )

    def _check_graph(self, projection: Projection) -> None:
        name, wiring = projection.name, projection.wiring
        if not isinstance(wiring, Explicit):
            return
        for end, neurons in (("source", wiring.sources), ("target", wiring.targets)):
            population = getattr(projection, end)
            if neurons.max(initial=0) >= self.sizes[population]:
                allowed = (
                    f"must be at most {self.sizes[population] - 1}: {population} has {self.sizes[population]} neurons"
                )
                raise ParameterError(name, f"{end}s", int(neurons.max()), allowed)
        least = 0.0 if wiring.factors is None else float(wiring.factors.min(initial=0.0))
        if least < 0 and isinstance(projection.synapse, ExponentialConductance):
            raise ParameterError(name, "factors", least, "must be at least 0 for conductances")
        if wiring.factors is not None and isinstance(projection.synapse, PendingSpikeSynapse):
            raise SpecificationError(f"{name}.factors: pending-spike synapses count spikes; leave the factors out")

    @property
    def _items(self) -> tuple[Population | Projection, ...]:
        return (*self.populations, *self.projections)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of neurons of each population."""
        return {p.name: p.size for p in self.populations}

    @property
    def neurons(self) -> dict[str, slice]:
        """Range of each population's neurons, numbered population by population."""
        found, end = {}, 0
        for p in self.populations:
            found[p.name] = slice(end, end + p.size)
            end += p.size
        return found

    def population(self, name: str) -> Population:
        """Return a population by name."""
        return next(p for p in self.populations if p.name == name)

    def has_drive(self, kind: type[Drive]) -> bool:
        """Whether a population has a drive of a class, alone or in a sum."""
        return any(isinstance(drive, kind) for p in self.populations for drive in components(p.drive))

    @property
    def parameters(self) -> dict[str, float]:
        """Every number of the network by its address, in order of declaration."""
        return {
            f"{item.name}.{address}": value
            for item in self._items
            for address, path in item.paths().items()
            if isinstance(value := item.follow(path), (int, float)) and not isinstance(value, bool)
        }

    def describe(self, address: str) -> tuple[str, str]:
        """Return (unit, meaning) of the parameter at an address."""
        item, path = self._find(address)
        unit, meaning = item.follow(path[:-1]).described(path[-1])
        return str(unit), str(meaning)

    def _find(self, address: str) -> tuple[Population | Projection, tuple[str, ...]]:
        name, _, rest = str(address).partition(".")
        for item in self._items:
            if item.name == name and rest in item.paths():
                return item, item.paths()[rest]
        here = [item for item in self._items if item.name == name] or self._items
        numbers = {f"{item.name}.{a}" for item in here for a, p in item.paths().items() if not _is_part(item, p)}
        raise UnknownNameError("address", address, sorted(numbers))

    def __getitem__(self, address: str) -> Any:
        item, path = self._find(address)
        return item.follow(path)

    def replace(self, values: Mapping[str, Any]) -> Network:
        """Return a copy with other values at some addresses.

        Parameters
        ----------
        values : mapping
            Address to number; the address of a part (``"E.refractory"``, ``"E.drive"``) takes a specification.

        Raises
        ------
        UnknownNameError
            If an address does not exist; the message lists those that do.
        ParameterError
            If a value is out of range.
        """
        if not isinstance(values, Mapping):
            raise ParameterError("", "values", values, 'must map addresses to values: {"EI.probability": 0.7}')
        trees: dict[str, dict[str, Any]] = {}
        for address, value in values.items():
            item, path = self._find(address)
            tree = trees.setdefault(item.name, {})
            for name in path[:-1]:
                tree = tree.setdefault(name, {})
            tree[path[-1]] = value
        return Network(
            (p.rebuilt(trees.get(p.name, {}), p.name) for p in self.populations),
            (p.rebuilt(trees.get(p.name, {}), p.name) for p in self.projections),
        )

    def scaled(self, factor: float) -> Network:
        """Return the network with `factor` times the neurons and weights divided by `factor`.

        The drift of the reduction stays, its synaptic noise and finite-size noise shrink.
        """
        weights = {f"{p.name}.weight": self[f"{p.name}.weight"] / factor for p in self.projections}
        populations = (replace(p, size=round(p.size * factor)) for p in self.populations)
        return Network(populations, self.projections).replace(weights)

    @staticmethod
    def from_toml(path: str | os.PathLike[str]) -> Network:
        """Read a network from a TOML file; see `spiking.network_file`."""
        from spiking.network_file import read

        return read(path)

    def to_toml(self, path: str | os.PathLike[str]) -> None:
        """Write the network to a TOML file, without loss."""
        from spiking.network_file import write

        write(self, path)


def checked_network(network: object) -> Network:
    """Return `network` if it is one.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if not isinstance(network, Network):
        raise ParameterError("", "network", network, "must be a spiking.Network, such as spiking.presets.chang2025()")
    return network


def _is_part(item: Specification, path: tuple[str, ...]) -> bool:
    return isinstance(item.follow(path), Specification)
