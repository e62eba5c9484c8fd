"""Branches and diagrams on disk: `spiking.archive` files with every array, bit for bit.

Equations are not stored: branches from a file can be drawn and read, not continued.
"""

from __future__ import annotations

import os
from dataclasses import fields
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation.results import Branch, SpecialPoint
from spiking import archive
from spiking.errors import SpecificationError

_NOT_STORED = {"continuation", "origin"}
_CLASSES: dict[str, type] = {"Branch": Branch, "SpecialPoint": SpecialPoint}


def save(path: str | os.PathLike[str], kind: str, content: Any) -> None:
    """Save values: numbers, text, None, arrays, branches, special points, and lists, tuples and mappings of these.

    Raises
    ------
    SpecificationError
        If the file cannot be written.
    """
    pool = _Pool()
    metadata = {"kind": kind, "version": version("snn2ode"), "content": pool.packed(content)}
    archive.write(path, metadata, pool.arrays())


def load(path: str | os.PathLike[str], kind: str) -> Any:
    """Return what `save` wrote.

    Raises
    ------
    SpecificationError
        If the file cannot be read, holds something else, or comes from a version with other results.
    """
    metadata, arrays = archive.read(path, kind)
    try:
        return _unpacked(metadata["content"], arrays)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        made = metadata.get("version", "unknown")
        raise SpecificationError(
            f"{path}: its content cannot be read by snn2ode {version('snn2ode')} (saved by version {made}; {error})"
        ) from None


class _Pool:
    """Arrays end to end, one vector for each type of number, and values that refer to them."""

    def __init__(self) -> None:
        self._parts: dict[str, list[npt.NDArray[Any]]] = {}
        self._lengths: dict[str, int] = {}
        self._known: dict[int, dict[str, Any]] = {}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the vectors by type."""
        return {dtype: np.concatenate(parts) for dtype, parts in self._parts.items()}

    def packed(self, value: Any) -> Any:
        """Return a value as JSON."""
        if isinstance(value, np.ndarray):
            return self._reference(value)
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, list):
            return [self.packed(item) for item in value]
        if isinstance(value, tuple):
            return {"tuple": [self.packed(item) for item in value]}
        if isinstance(value, dict):
            return {"mapping": {name: self.packed(item) for name, item in value.items()}}
        if type(value).__name__ in _CLASSES:
            own = [field.name for field in fields(value) if field.name not in _NOT_STORED]
            return {type(value).__name__: {name: self.packed(getattr(value, name)) for name in own}}
        return value

    def _reference(self, array: npt.NDArray[Any]) -> dict[str, Any]:
        if id(array) not in self._known:
            dtype = array.dtype.name
            start = self._lengths.get(dtype, 0)
            self._parts.setdefault(dtype, []).append(array.ravel())
            self._lengths[dtype] = start + array.size
            self._known[id(array)] = {"array": [dtype, start, list(array.shape)]}
        return self._known[id(array)]


def _unpacked(value: Any, arrays: dict[str, npt.NDArray[Any]]) -> Any:
    if isinstance(value, list):
        return [_unpacked(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "array":
        dtype, start, shape = content
        return arrays[dtype][start : start + int(np.prod(shape))].reshape(shape).copy()
    if kind == "tuple":
        return tuple(_unpacked(item, arrays) for item in content)
    own = {name: _unpacked(item, arrays) for name, item in content.items()}
    return own if kind == "mapping" else _CLASSES[kind](**own)
