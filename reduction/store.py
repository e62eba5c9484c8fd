"""Finished points of a validation, kept on disk so that an interrupted one resumes."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from reduction.comparison import FORMAT, Options, Source, from_plain, to_plain
from spiking import network_file
from spiking.errors import SpecificationError
from spiking.network import Network


class PointStore:
    """Finished points, one JSON file each, named by all that determines them."""

    def __init__(self, directory: str | os.PathLike[str] | None, network: Network, options: Options) -> None:
        self._paths: list[Path] = []
        if directory is None:
            return
        folder = Path(directory) / "points"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".writable").touch()
            (folder / ".writable").unlink()
        except OSError as error:
            raise SpecificationError(f"{folder}: cannot be written to: {error.strerror}") from None
        for value in options.values:
            determines = {
                "format": FORMAT,
                "version": version("snn2ode"),
                "network": network_file.to_table(network.replace({options.parameter: value})),
                "options": asdict(replace(options, values=(value,))),
            }
            digest = hashlib.sha256(json.dumps(determines, sort_keys=True).encode()).hexdigest()
            self._paths.append(folder / f"{digest[:24]}.json")

    def load(self, index: int) -> dict[str, Source] | None:
        """Return a finished point, or None; a file that cannot be read is removed."""
        if not self._paths or not self._paths[index].exists():
            return None
        try:
            data = json.loads(self._paths[index].read_text(encoding="utf-8"))
            return {name: from_plain(source) for name, source in data.items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            self._paths[index].unlink()
            return None

    def save(self, index: int, point: dict[str, Source]) -> None:
        """Keep a point: written whole, or not at all."""
        if not self._paths or self._paths[index].exists():
            return
        text = json.dumps({name: to_plain(source) for name, source in point.items()})
        partial = self._paths[index].with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(self._paths[index])
