"""The points of a sweep."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from reduction.describing import digest
from reduction.plain import plain
from spiking.errors import ParameterError, SpecificationError
from spiking.specification import NOT_NAN, checked_number

MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class Grid:
    """Points, and the axes that they are the outer product of, if so."""

    points: tuple[dict[str, float], ...]
    axes: dict[str, tuple[float, ...]] | None

    def identity(self) -> dict[str, Any]:
        """Return what identifies the set of points, whatever their order, as plain values."""
        values: dict[str, Any] = {
            address: sorted({point[address] for point in self.points}) for address in sorted(self.points[0])
        }
        own = sorted(digest(plain(point)) for point in self.points)
        return {"values": plain(values), "points": len(own), "sha256": digest(own)}


def grid_of(grid: object) -> Grid:
    """Return the checked points of a mapping (outer product) or a sequence of mappings.

    Raises
    ------
    SpecificationError
        If there are none or too many, if one is there twice, or if they have different addresses.
    ParameterError
        If a value is not a number.
    """
    axes = None
    if isinstance(grid, Mapping):
        axes = {_address(key): _axis(key, values) for key, values in grid.items()}
        if not axes:
            raise SpecificationError("grid = {}: must map at least one address to values")
        _check_number(math.prod(len(values) for values in axes.values()))
        points = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    elif isinstance(grid, Sequence) and not isinstance(grid, str) and all(isinstance(p, Mapping) for p in grid):
        _check_number(len(grid))
        points = [{_address(key): _number(key, value) for key, value in point.items()} for point in grid]
        for number, point in enumerate(points):
            if point.keys() != points[0].keys() or not point:
                raise SpecificationError(
                    f"grid[{number}] has the addresses {list(point)}: every point must have those of grid[0], "
                    f"{list(points[0])}, at least one"
                )
    else:
        raise ParameterError("", "grid", grid, "must map addresses to values, or be a list of such points")
    seen: set[tuple[float, ...]] = set()
    for point in points:
        values = tuple(point[address] for address in points[0])
        if values in seen:
            raise SpecificationError(f"grid: {point} is there twice; points must differ")
        seen.add(values)
    return Grid(tuple(points), axes)


def _check_number(points: int) -> None:
    if not 1 <= points <= MOST_POINTS:
        raise SpecificationError(f"grid: has {points} points; must have between 1 and {MOST_POINTS}")


def _address(key: object) -> str:
    if not isinstance(key, str):
        raise SpecificationError(f"grid: the address {key!r} must be a text, such as 'EI.probability'")
    return key


def _axis(address: str, values: object) -> tuple[float, ...]:
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ParameterError("grid", address, values, "must be a list of numbers")
    return tuple(_number(address, value) for value in values)


def _number(address: str, value: object) -> float:
    return float(checked_number("grid", address, value, NOT_NAN))
