"""Compiled loops of the reduction: raw arrays in, raw arrays out.

As in `spiking.kernels`, only the functions that Python calls are cached, and where they call functions of other files
their default argument `SOURCES` makes every file of this folder, and the random numbers', part of the cache's key.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from spiking.kernels import SOURCES as _RANDOM

_OWN = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
SOURCES = sha256(_RANDOM.encode() + _OWN).hexdigest()
