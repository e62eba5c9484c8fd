"""Numbers given as start:stop:count or as a list."""

from __future__ import annotations

import math

from reduction.commands.options import number

MOST_VALUES = 100_000


def values(place: str, text: str) -> list[float]:
    """Return the numbers that ``start:stop:count`` or a comma list gives.

    Raises
    ------
    SpecificationError
        If it is neither; the message begins with the place.
    """
    from spiking.errors import SpecificationError

    if ":" not in text:
        return [number(place, part) for part in text.split(",")] if text.strip() else []
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].isdecimal():
        raise SpecificationError(f"{place}: must be start:stop:count with a whole count")
    start, stop, count = number(place, parts[0]), number(place, parts[1]), int(parts[2])
    if not (math.isfinite(start) and math.isfinite(stop)):
        raise SpecificationError(f"{place}: start and stop must be finite")
    if count > MOST_VALUES:
        raise SpecificationError(f"{place}: at most {MOST_VALUES} values")
    if count < 1 or (count > 1 and stop <= start):
        raise SpecificationError(f"{place}: stop must exceed start, and count be at least 1")
    if count == 1:
        return [start]
    return [float(f"{start + (stop - start) * i / (count - 1):.12g}") for i in range(count)]
