"""Seeds: one random stream per trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from spiking.errors import ParameterError
from spiking.specification import NONNEGATIVE, checked_number

Seed = int | np.random.SeedSequence


def check(seed: object) -> None:
    """Refuse what is no seed.

    Raises
    ------
    ParameterError
        If it is neither a SeedSequence nor an integer of at least 0.
    """
    if isinstance(seed, np.random.SeedSequence):
        return
    if seed is None:
        raise ParameterError("", "seed", None, "must be an integer or a SeedSequence")
    checked_number("", "seed", seed, NONNEGATIVE, integer=True)


def root(seed: Seed) -> np.random.SeedSequence:
    """Return the sequence that a seed stands for."""
    return seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))


def of_trial(seed: Seed, trial: int) -> np.random.SeedSequence:
    """Return the seed of a trial."""
    own = root(seed)
    return np.random.SeedSequence(own.entropy, spawn_key=(*own.spawn_key, trial))


def record(seed: Seed | None) -> Any:
    """Return a seed as plain values."""
    if isinstance(seed, np.random.SeedSequence):
        return {"entropy": seed.entropy, "spawn_key": list(seed.spawn_key)}
    return None if seed is None else int(seed)
