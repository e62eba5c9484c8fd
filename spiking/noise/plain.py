"""Specifications of neurons in noise as plain values, for archives, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from spiking.errors import SpecificationError
from spiking.neurons import Exponential, Fixed, NoRefractory, Normal, Refractory
from spiking.noise.models import (
    ClassicalLIF,
    ConductanceLIF,
    LangevinLIF,
    Noise,
    NoNoise,
    PoissonTrains,
    StepNoise,
    WhiteNoise,
)
from spiking.specification import Specification

_KINDS: dict[type[Specification], tuple[type[Specification], ...]] = {
    LangevinLIF: (ClassicalLIF, ConductanceLIF),
    Noise: (Noise, NoNoise, WhiteNoise, StepNoise),
    Refractory: (Refractory, NoRefractory, Exponential, Fixed, Normal),
    PoissonTrains: (PoissonTrains,),
}


def to_plain(specification: Specification) -> dict[str, Any]:
    """Return the parameters by name, parts as nested dictionaries, each with its kind."""
    plain: dict[str, Any] = {"kind": specification.kind}
    for f in fields(specification):
        value = getattr(specification, f.name)
        plain[f.name] = to_plain(value) if isinstance(value, Specification) else value
    return plain


def ensemble_of(plain: Mapping[str, Any]) -> LangevinLIF:
    """Return the neurons that `to_plain` wrote.

    Raises
    ------
    SpecificationError
        If a kind is unknown, or a value missing or out of range.
    """
    found = _made(LangevinLIF, plain)
    assert isinstance(found, LangevinLIF)
    return found


def _made(base: type[Specification], plain: Mapping[str, Any]) -> Specification:
    classes = {cls.kind: cls for cls in _KINDS[base]}
    values = dict(plain)
    kind = values.pop("kind", None)
    if kind not in classes:
        raise SpecificationError(f"{base.__name__} of kind {kind!r}: must be one of {', '.join(filter(None, classes))}")
    cls = classes[kind]
    for f in fields(cls):
        if "inline" in f.metadata and f.name in values:
            values[f.name] = _made(f.metadata["base"], values[f.name])
    try:
        return cls(**values)
    except TypeError as error:
        raise SpecificationError(f"{cls.__name__}: {error}") from None
