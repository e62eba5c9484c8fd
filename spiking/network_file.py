"""Networks as TOML: addresses become keys, kinds of parts become names."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import numpy as np

from spiking.drives import (
    ArrayDrive,
    ConstantDrive,
    GaussianDrive,
    LorentzianDrive,
    NoDrive,
    OrnsteinUhlenbeckDrive,
    PoissonDrive,
    SumDrive,
)
from spiking.errors import SpecificationError, UnknownNameError
from spiking.network import Network, Population, Projection
from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, NoRefractory, Normal
from spiking.specification import Specification, placed
from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent, PendingCurrent, PendingKick
from spiking.wiring import AllToAll, Annealed, Bernoulli, Explicit, FixedInDegree, FixedOutDegree

_KINDS: dict[str, tuple[type[Specification], ...]] = {
    "neuron": (LIF, QIF, EIF),
    "refractory": (NoRefractory, Fixed, Exponential, Normal),
    "drive": (
        NoDrive,
        PoissonDrive,
        GaussianDrive,
        ConstantDrive,
        LorentzianDrive,
        OrnsteinUhlenbeckDrive,
        ArrayDrive,
        SumDrive,
    ),
    "synapse": (PendingCurrent, PendingKick, Delta, ExponentialCurrent, ExponentialConductance),
    "wiring": (Annealed, Bernoulli, FixedInDegree, FixedOutDegree, AllToAll, Explicit),
}
_DEFAULT_KINDS = {"neuron": "lif"}


def to_table(network: Network) -> dict[str, Any]:
    """Return the network as nested dictionaries of plain values, as in its TOML file."""
    return {
        "populations": {p.name: _table(p, leave_out={"name"}) for p in network.populations},
        "projections": {p.name: _table(p, leave_out={"name"}) for p in network.projections},
    }


def from_table(table: Mapping[str, Any]) -> Network:
    """Build a network from the nested dictionaries of a TOML file.

    Raises
    ------
    SpecificationError
        If a key is unknown, missing, or its value out of range; the message names the address.
    """
    _check_keys("", table, {"populations", "projections"})
    populations = _named_tables(table, "populations")
    projections = _named_tables(table, "projections")
    return Network(
        [_object(Population, {"name": name, **entry}, name) for name, entry in populations.items()],
        [_object(Projection, {"name": name, **entry}, name) for name, entry in projections.items()],
    )


def dumps(network: Network) -> str:
    """Return the TOML text of a network."""
    import tomli_w

    return tomli_w.dumps(to_table(network))


def write(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a TOML file."""
    Path(path).write_text(dumps(network), encoding="utf-8")


def read(path: str | os.PathLike[str]) -> Network:
    """Read a network from a TOML file.

    Raises
    ------
    SpecificationError
        If the file cannot be read, is not TOML, or does not describe a network.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, TypeError) as error:
        raise SpecificationError(f"{path}: cannot be read as a network: {error}") from None
    return loads(text, str(path))


def loads(text: str, place: str = "network") -> Network:
    """Return the network that a TOML text describes; errors as in `read`, naming `place`."""
    try:
        return from_table(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SpecificationError(f"{place}: is not TOML: {error}") from None
    except SpecificationError as error:
        raise SpecificationError(f"{place}: {error}") from None


def _table(spec: Specification, leave_out: set[str]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for f in fields(spec):
        value = getattr(spec, f.name)
        if f.name in leave_out:
            continue
        if isinstance(value, Specification):
            if f.metadata["inline"]:
                table |= {f.name: value.kind, **_table(value, set())}
            else:
                table[f.name] = {"kind": value.kind, **_table(value, set())}
        elif value is not None:
            table[f.name] = value.tolist() if isinstance(value, np.ndarray) else value
    return table


def _named_tables(table: Mapping[str, Any], section: str) -> dict[str, dict[str, Any]]:
    entries = table.get(section, {})
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise SpecificationError(f"{section}: must hold one table per name, such as [{section}.E]")
    return entries


def _object(cls: type[Specification], table: Mapping[str, Any], address: str) -> Any:
    """Build `cls` from a table that also holds the keys of its inline parts."""
    inline = {
        f.name: _class_of(f, table.get(f.name, _DEFAULT_KINDS.get(f.name)), address)
        for f in fields(cls)
        if f.metadata.get("inline")
    }
    own = {f.name for f in fields(cls)}
    lent = {name: {g.name for g in fields(part)} for name, part in inline.items()}
    _check_keys(address, table, own.union(*lent.values()))
    values: dict[str, Any] = {}
    for f in fields(cls):
        if f.name in inline:
            part_table = {key: value for key, value in table.items() if key in lent[f.name]}
            values[f.name] = _object(inline[f.name], part_table, address)
        elif f.name in table:
            value = table[f.name]
            values[f.name] = _part(f, value, address) if "inline" in f.metadata else value
        elif f.default is MISSING:
            raise SpecificationError(f"{address}.{f.name}: is missing")
    return placed(address, lambda: cls(**values))


def _part(field: Field[Any], table: Any, address: str) -> Any:
    if not isinstance(table, dict) or "kind" not in table:
        raise SpecificationError(f'{address}.{field.name}: must be a table such as {{ kind = "..." }}')
    rest = {key: value for key, value in table.items() if key != "kind"}
    return _object(_class_of(field, table["kind"], address), rest, f"{address}.{field.name}")


def _class_of(field: Field[Any], kind: object, address: str) -> type[Specification]:
    classes = _KINDS[field.metadata["base"].__name__.lower()]
    for cls in classes:
        if cls.kind == kind:
            return cls
    names = ", ".join(cls.kind for cls in classes)
    if kind is None:
        raise SpecificationError(f"{address}.{field.name}: is missing; must be one of {names}")
    raise SpecificationError(f"{address}.{field.name} = {kind!r}: must be one of {names}")


def _check_keys(address: str, table: Mapping[str, Any], allowed: set[str]) -> None:
    for key in table:
        if key not in allowed:
            raise UnknownNameError("key", f"{address}.{key}" if address else key, sorted(allowed))
