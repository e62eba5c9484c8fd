"""Finished points of a sweep, one file each, in a directory that survives the death of its process at any moment."""

from __future__ import annotations

import hashlib
import json
import os
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reduction.plain import to_text
from reduction.whole_files import is_leftover, is_temporary, write_whole
from reduction.workers import Outcome
from spiking.errors import NumericalError, SpecificationError

_RESULT, _FAILURE = ".json", ".failure"
_LEAST_INTERVAL = 20.0


class ResultStore:
    """The directory of a sweep.

    ``sweep.json`` says what was swept; ``points/xx/`` hold one file for each point, ``.json`` with a result or
    ``.failure`` with a message, named by the SHA-256 of its values. The files hold neither times nor names of machines:
    finished stores of the same sweep are equal byte for byte. Several processes may use a store at once.

    Parameters
    ----------
    directory : path
        Made if it does not exist.
    specification : dict
        What identifies the sweep: plain values, as `reduction.plain.plain` returns them.
    points : sequence of mapping
        Values by address.

    Raises
    ------
    SpecificationError
        If the directory holds something else, or another sweep, or cannot be written to.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        specification: dict[str, Any],
        points: Sequence[Mapping[str, float]],
    ) -> None:
        self.directory = Path(directory)
        self._values = [to_text(dict(sorted(values.items())), "values") for values in points]
        self._digests = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in self._values]
        self._next_sync = 0.0
        try:
            self._open(specification)
            self._clear()
        except OSError as error:
            raise SpecificationError(f"{error.filename or directory}: cannot be used: {error.strerror}") from None

    def _open(self, specification: dict[str, Any]) -> None:
        path = self.directory / "sweep.json"
        self.directory.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            foreign = sorted(entry.name for entry in self.directory.iterdir() if not is_temporary(entry))
            if foreign and not path.exists():
                raise SpecificationError(
                    f"{self.directory}: holds {foreign[0]} but no sweep: give an empty or a new directory as store"
                )
            text = json.dumps(specification, indent=1, sort_keys=True, allow_nan=False) + "\n"
            write_whole(path, text, exclusive=True)
        try:
            stored = json.loads(path.read_bytes())
        except ValueError:
            raise SpecificationError(f"{path}: is not the description of a sweep; give another store") from None
        difference = _difference(stored, specification)
        if difference:
            raise SpecificationError(
                f"{self.directory}: holds another sweep ({difference}): give another store, or remove this one"
            )
        (self.directory / "points").mkdir(exist_ok=True)

    def _clear(self) -> None:
        """Remove what killed processes left behind; what a living one is writing stays."""
        folders = [self.directory, *(path for path in (self.directory / "points").iterdir() if path.is_dir())]
        for path in (path for folder in folders for path in folder.iterdir()):
            if is_leftover(path) or (path.suffix == _FAILURE and path.with_suffix(_RESULT).exists()):
                path.unlink(missing_ok=True)

    def _path(self, index: int, suffix: str) -> Path:
        digest = self._digests[index]
        return self.directory / "points" / digest[:2] / f"{digest}{suffix}"

    def load(self, index: int) -> Outcome | None:
        """Return what is kept of a point, or None; a file that is not whole counts as none.

        Raises
        ------
        SpecificationError
            If its file cannot be read.
        """
        for suffix, key in ((_RESULT, "result"), (_FAILURE, "failure")):
            path = self._path(index, suffix)
            try:
                kept = json.loads(path.read_bytes())[key]
            except (FileNotFoundError, ValueError, KeyError, TypeError):
                continue
            except OSError as error:
                raise SpecificationError(f"{path}: cannot be read: {error.strerror}") from None
            return Outcome(json.dumps(kept)) if key == "result" else Outcome(None, str(kept))
        return None

    def save(self, index: int, outcome: Outcome) -> None:
        """Keep a point. A result replaces a failure, never the other way round.

        Raises
        ------
        NumericalError
            If the file cannot be written, such as on a full disk.
        """
        result, failure = self._path(index, _RESULT), self._path(index, _FAILURE)
        if outcome.failure is None:
            path, content = result, f'"result": {outcome.result}'
        else:
            path, content = failure, f'"failure": {json.dumps(outcome.failure)}'
        try:
            path.parent.mkdir(exist_ok=True)
            self._write(path, f'{{"values": {self._values[index]}, {content}}}\n')
            if path == result or result.exists():
                failure.unlink(missing_ok=True)
        except OSError as error:
            raise NumericalError(
                f"{path}: cannot be written: {error.strerror}; all points finished before are kept: mend this, and run "
                "the same sweep again"
            ) from None

    def _write(self, path: Path, text: str) -> None:
        """Write a file, and wait for the disk unless that took more than a twentieth of the time lately."""
        begun = time.monotonic()
        sync = begun >= self._next_sync
        write_whole(path, text, sync=sync)
        if sync:
            ended = time.monotonic()
            self._next_sync = ended + _LEAST_INTERVAL * (ended - begun)


def _difference(stored: Any, given: Any, place: str = "") -> str:
    """Return the first difference between two descriptions, in words, or nothing."""
    if isinstance(stored, dict) and isinstance(given, dict):
        for key in sorted({*stored, *given}):
            found = _difference(stored.get(key), given.get(key), f"{place}.{key}" if place else key)
            if found:
                return found
        return ""
    return "" if json.dumps(stored) == json.dumps(given) else f"{place} is {_short(stored)} there, {_short(given)} here"


def _short(value: Any) -> str:
    return textwrap.shorten(repr(value), 100, placeholder=" ...")
