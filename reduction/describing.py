"""What identifies a function and its arguments from one process to the next."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np

from reduction.plain import plain
from spiking import network_file
from spiking.errors import SpecificationError
from spiking.network import Network

_LONGEST = 1000
_REMEDY = (
    "a store needs a function of a module's top level, a functools.partial of one, or an instance of a dataclass (or "
    "of a class with a method specification() or to_plain())"
)


def described(value: object, place: str) -> Any:
    """Return what identifies a function or an argument, as a plain value.

    A function or class is its module and name; a `functools.partial` its function and arguments; a network its table;
    a dataclass its class and fields; another object its class and what its method ``specification()`` or
    ``to_plain()`` returns. Of a list of more than a thousand items, such as the edges of a graph, it is a digest.

    Raises
    ------
    SpecificationError
        If the value has no such description, naming its place and what has one.
    """
    if isinstance(value, Network):
        return {"network": described(network_file.to_table(value), place)}
    if isinstance(value, FunctionType | type):
        return _name(value, place)
    if isinstance(value, partial):
        return {
            "partial": described(value.func, place),
            "arguments": [described(item, f"{place}, argument {i}") for i, item in enumerate(value.args)],
            "keywords": {key: described(item, f"{place}, argument {key}") for key, item in value.keywords.items()},
        }
    if isinstance(value, np.ndarray):
        return described(value.tolist(), place)
    if isinstance(value, list | tuple):
        items = [described(item, f"{place}[{i}]") for i, item in enumerate(value)]
        return items if len(items) <= _LONGEST else {"items": len(items), "sha256": digest(items)}
    if isinstance(value, dict):
        plain(dict.fromkeys(value), place)
        return {key: described(item, f"{place}[{key!r}]") for key, item in value.items()}
    for name in ("specification", "to_plain"):
        if callable(method := getattr(value, name, None)):
            return {"class": _name(type(value), place), name: described(method(), f"{place}.{name}()")}
    if is_dataclass(value):
        own = {f.name: described(getattr(value, f.name), f"{place}.{f.name}") for f in fields(value)}
        return {"class": _name(type(value), place), "fields": own}
    try:
        return plain(value, place)
    except SpecificationError:
        raise SpecificationError(f"{place} = {value!r}: cannot be told from others: {_REMEDY}") from None


def _name(value: FunctionType | type, place: str) -> str:
    if "<" in value.__qualname__:
        raise SpecificationError(f"{place}: {value.__qualname__} cannot be told from others: {_REMEDY}")
    return f"{value.__module__}.{value.__qualname__}"


def digest(value: object) -> str:
    """Return the SHA-256 of a plain value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
