"""What a sweep gives: results by point, as arrays, tables and files."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.plain import plain
from reduction.whole_files import write_whole
from spiking.errors import SpecificationError, UnknownNameError


@dataclass(frozen=True)
class Sweep:
    """Results of a function over a grid.

    Attributes
    ----------
    axes : dict or None
        Values by address, if the grid is their outer product.
    points : tuple of dict
        Values by address, in order of the grid: the last address runs fastest.
    results : tuple
        One per point, plain values; None where there is none.
    failures : dict
        Message by index of the point.
    missing : tuple of int
        Indices of points that belong to other shards and are not finished.
    """

    axes: dict[str, tuple[float, ...]] | None
    points: tuple[dict[str, float], ...]
    results: tuple[Any, ...]
    failures: dict[int, str]
    missing: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, or the number of points."""
        return (len(self.points),) if self.axes is None else tuple(len(values) for values in self.axes.values())

    @property
    def complete(self) -> bool:
        """Whether every point has a result."""
        return not self.failures and not self.missing

    def _has_result(self, index: int) -> bool:
        return index not in self.failures and index not in self.missing

    def array(self, *path: str | int) -> npt.NDArray[np.float64]:
        """Return one number, or array of numbers, of every result.

        Parameters
        ----------
        *path : str or int
            Keys that lead to it: ``array("E", "mean")`` is ``result["E"]["mean"]``; nothing for the result itself.

        Returns
        -------
        array, shape (*self.shape, *shape of one value)
            NaN where there is no result.

        Raises
        ------
        UnknownNameError
            If a result has no such key.
        SpecificationError
            If what is there is not a number or an array, or not of one shape.
        """
        found = {i: _numbers(self.results[i], path) for i in range(len(self.points)) if self._has_result(i)}
        shapes = {value.shape for value in found.values()}
        if len(shapes) > 1:
            raise SpecificationError(f"{_place(path)}: has different shapes: {sorted(shapes)}")
        shape = shapes.pop() if shapes else ()
        every = np.full((len(self.points), *shape), math.nan)
        for index, value in found.items():
            every[index] = value
        return every.reshape(*self.shape, *shape)

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return header and rows: addresses, then what the results hold, nested keys joined by dots.

        A cell without a value is None; failures have a last column ``failure``.
        """
        flat = [dict(_leaves(result)) if self._has_result(i) else {} for i, result in enumerate(self.results)]
        columns = list(dict.fromkeys(key for row in flat for key in row))
        addresses = list(self.points[0])
        rows = [
            [*(point[address] for address in addresses), *(row.get(key) for key in columns)]
            for point, row in zip(self.points, flat, strict=True)
        ]
        if self.failures:
            rows = [[*row, self.failures.get(index)] for index, row in enumerate(rows)]
        return [*addresses, *columns, *(["failure"] if self.failures else [])], rows

    def to_csv(self) -> str:
        """Return the table as CSV: numbers with all digits, empty cells for None."""
        header, rows = self.table()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([repr(cell) if isinstance(cell, float) else cell for cell in row] for row in rows)
        return text.getvalue()

    def to_json(self) -> str:
        """Return points, results and failures as JSON; a number that JSON lacks is ``{"$float": "nan"}``."""
        rows = [
            {"values": point, "result": result, "failure": self.failures.get(index)}
            for index, (point, result) in enumerate(zip(self.points, self.results, strict=True))
        ]
        return json.dumps(plain({"axes": self.axes, "points": rows}), indent=1, allow_nan=False) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the sweep to a file: a table if its name ends in ``.csv``, everything if in ``.json``.

        Raises
        ------
        SpecificationError
            If it ends in neither, or cannot be written.
        """
        path = Path(path)
        writers = {".csv": self.to_csv, ".json": self.to_json}
        if path.suffix not in writers:
            raise SpecificationError(f"{path}: must end in .csv or .json")
        try:
            write_whole(path, writers[path.suffix]())
        except OSError as error:
            raise SpecificationError(f"{path}: cannot be written: {error.strerror}") from None


def _place(path: tuple[str | int, ...]) -> str:
    return "result" + "".join(f"[{key!r}]" for key in path)


def _numbers(value: Any, path: tuple[str | int, ...]) -> npt.NDArray[np.float64]:
    for depth, key in enumerate(path):
        known = range(len(value)) if isinstance(value, list) else value if isinstance(value, dict) else ()
        if key not in known:
            raise UnknownNameError(f"key of {_place(path[:depth])}", key, map(str, known))
        value = value[key]
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecificationError(f"{_place(path)}: is not a number or an array of numbers") from None


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{place}.{key}" if place else str(key))
    else:
        yield place or "result", value
