"""Results on disk: their fields as metadata and arrays of `spiking.archive`."""

from __future__ import annotations

import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from spiking import archive, network_file, seeds
from spiking.convergence.fits import Axis, ErrorMeasure
from spiking.errors import SpecificationError

if TYPE_CHECKING:
    from spiking.convergence.crossings import CrossingSpeeds
    from spiking.convergence.orders import StrongErrors

    Result = TypeVar("Result", CrossingSpeeds, StrongErrors)

_NEEDED = ("x", "values", "se", "left_out")
_OPTIONAL = ("events", "upper")


def save(result: CrossingSpeeds | StrongErrors, path: str | os.PathLike[str]) -> None:
    """Write the fields of a result: a network, a seed, measures, arrays, numbers and names."""
    metadata: dict[str, Any] = {"kind": type(result).__name__}
    arrays: dict[str, Any] = {}
    for field in fields(result):
        value = getattr(result, field.name)
        if field.name == "network":
            metadata["network"] = network_file.dumps(value)
        elif field.name == "seed":
            metadata["seed"] = seeds.record(value)
        elif field.name == "measures":
            metadata["measures"] = [[*key, one.name, one.unit, *one.axis] for key, one in value.items()]
            for k, one in enumerate(value.values()):
                own = {name: getattr(one, name) for name in (*_NEEDED, *_OPTIONAL)}
                arrays |= {f"{name}_{k}": array for name, array in own.items() if array is not None}
        elif isinstance(value, np.ndarray):
            arrays[field.name] = value
        else:
            metadata[field.name] = value
    archive.write(path, metadata, arrays)


def load(kind: type[Result], path: str | os.PathLike[str]) -> Result:
    """Read a result of a class.

    Raises
    ------
    SpecificationError
        If the file is not such an archive.
    """
    metadata, arrays = archive.read(path, kind.__name__)
    try:
        found: dict[str, Any] = {name: value for name, value in metadata.items() if name not in ("kind", "measures")}
        found["network"] = network_file.loads(metadata["network"])
        if isinstance(found["seed"], dict):
            found["seed"] = np.random.SeedSequence(found["seed"]["entropy"], spawn_key=found["seed"]["spawn_key"])
        if "measures" in metadata:
            found["measures"] = {
                (population, error): _measure(k, name, unit, Axis(*axis), arrays)
                for k, (population, error, name, unit, *axis) in enumerate(metadata["measures"])
            }
        else:
            found |= arrays
        return kind(**found)
    except (KeyError, TypeError, ValueError) as error:
        raise SpecificationError(f"{path}: is not a {kind.__name__} saved by this version ({error})") from None


def _measure(k: int, name: str, unit: str, axis: Axis, arrays: dict[str, Any]) -> ErrorMeasure:
    needed = (arrays[f"{own}_{k}"] for own in _NEEDED)
    return ErrorMeasure(name, unit, axis, *needed, *(arrays.get(f"{own}_{k}") for own in _OPTIONAL))
