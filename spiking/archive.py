"""Results on disk: one compressed .npz of plain arrays, with metadata as JSON. Nothing in it is executed on loading."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking.errors import SpecificationError


def write(path: str | os.PathLike[str], metadata: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write an archive: whole, or not at all.

    Raises
    ------
    SpecificationError
        If the file cannot be written.
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, metadata=np.array(json.dumps(metadata)), **dict(arrays))
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SpecificationError(f"{path}: cannot be written: {error.strerror}") from None


def read(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (metadata, arrays) of an archive whose metadata name the kind of result.

    Raises
    ------
    SpecificationError
        If the file cannot be read or holds something else.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise OSError("no such file, or no .npz archive")
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        metadata = json.loads(str(arrays.pop("metadata")))
        if metadata["kind"] != kind:
            raise ValueError(f"it holds a {metadata['kind']}")
    except (OSError, EOFError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise SpecificationError(f"{path}: is not a {kind} saved by snn2ode ({error})") from None
    return metadata, arrays
