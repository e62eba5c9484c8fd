"""Compiled loops: raw arrays in, raw arrays out.

numba caches a compiled function under its own file's time only. So only the functions that Python calls are cached, and
their default argument `SOURCES` makes every file of this folder part of the cache's key.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

SOURCES = sha256(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))).hexdigest()
