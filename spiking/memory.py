"""Refusing, before work starts, what would not fit into memory."""

from __future__ import annotations

import os

from spiking.errors import SpecificationError

_SHARE = 0.5
_FALLBACK = 4 * 2**30


def available() -> int:
    """Return the bytes that a run may use: half of the machine's memory."""
    try:
        return int(_SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return _FALLBACK


def check(needed: float, what: str, remedy: str) -> None:
    """Refuse to allocate more than `available`.

    Raises
    ------
    SpecificationError
        If `needed` bytes are too many; says how many, and the remedy.
    """
    bound = available()
    if needed > bound:
        raise SpecificationError(
            f"{what} would take {needed / 2**30:.3g} GiB, more than the {bound / 2**30:.3g} GiB "
            f"that a run may use (half of this machine's memory): {remedy}"
        )
