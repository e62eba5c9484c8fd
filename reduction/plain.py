"""Plain values, as strict JSON holds them, with NaN and the infinities besides, bit by bit."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from spiking.errors import SpecificationError
from spiking.estimates import Estimate

NUMBER = "$float"
"""Key that marks a number which JSON does not have: ``{"$float": "nan"}``."""


def to_text(value: object, place: str = "result") -> str:
    """Return a value as JSON, for `from_text` to read without loss.

    Parameters
    ----------
    value : object
        None, booleans, numbers, texts, numpy scalars and arrays, `spiking.estimates.Estimate`, and lists, tuples and
        dicts (with texts as keys) of these. Tuples and arrays become lists, an estimate ``{"mean": ..., "se": ...}``.
    place : str
        What the value is, for messages.

    Raises
    ------
    SpecificationError
        If something in it has no plain form, naming its place.
    """
    return json.dumps(plain(value, place), allow_nan=False)


def from_text(text: str | bytes) -> Any:
    """Return the value that `to_text` wrote.

    Raises
    ------
    ValueError
        If the text is not whole.
    """
    return json.loads(text, object_hook=_number)


def plain(value: object, place: str = "result") -> Any:
    """Return a value in the form that strict JSON holds; see `to_text`.

    Raises
    ------
    SpecificationError
        If something in it has no plain form, naming its place.
    """
    if isinstance(value, Estimate):
        value = value._asdict()
    elif isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {NUMBER: repr(float(value))}
    if isinstance(value, list | tuple):
        return [plain(item, f"{place}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key == NUMBER:
                raise SpecificationError(f"{place}: has the key {key!r}: keys must be texts other than {NUMBER!r}")
        return {str(key): plain(item, f"{place}[{key!r}]") for key, item in value.items()}
    allowed = "numbers, texts, None, arrays, estimates, lists and dicts of these"
    raise SpecificationError(f"{place}: is of type {type(value).__qualname__}, which has no plain form: give {allowed}")


def _number(table: dict[str, Any]) -> Any:
    return float(table[NUMBER]) if table.keys() == {NUMBER} else table


def tuples(data: Any) -> Any:
    """Return plain values with tuples for lists, as frozen results hold them."""
    if isinstance(data, dict):
        return {name: tuples(value) for name, value in data.items()}
    return tuple(tuples(value) for value in data) if isinstance(data, list | tuple) else data
