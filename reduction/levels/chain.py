"""The chain level: whole neurons hop between bins."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.levels import ode, random_walk
from reduction.levels.stepping import Samples, Steps
from reduction.markov import MarkovApproximation


def run(
    approximation: MarkovApproximation, steps: Steps, initial: Any, seed: np.random.SeedSequence
) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Return samples and final state; whole neurons are drawn from the initial state."""
    from reduction.kernels import chain as kernel

    draw, stream = seed.spawn(2)
    rng = np.random.default_rng(draw)
    full = whole(approximation, ode.checked_state(approximation, initial), rng)
    owed = rng.random(len(approximation.network.populations))
    return random_walk.run(approximation, "chain", partial(kernel.integrate, owed), steps, full, stream)


def whole(
    approximation: MarkovApproximation, full: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return a full state with whole neurons, drawn with the probabilities of the given one (itself if it is whole)."""
    own = ode.layout(approximation)
    drawn = full.copy()
    for a, size in enumerate(approximation.network.sizes.values()):
        members = own.owner == a
        counts = full[members]
        if not (counts == np.round(counts)).all():
            drawn[members] = rng.multinomial(size, counts / counts.sum())
    return drawn
