"""What the random levels share when they are integrated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.levels import ode
from reduction.levels.mean_flow import check_floor, runaway
from reduction.levels.stepping import Samples, Steps
from reduction.markov import MarkovApproximation


def run(
    approximation: MarkovApproximation,
    level: str,
    kernel: Callable[..., tuple[int, int]],
    steps: Steps,
    full: npt.NDArray[np.float64],
    seed: np.random.SeedSequence,
) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Return samples and final state of a kernel that draws random numbers, from a full state, which is used up."""
    own = ode.layout(approximation)
    state: Any = own.split(full)
    key = seed.generate_state(2, np.uint32)
    counter = np.zeros(1, np.uint64)
    level_variance = state[4].copy()
    out = steps.empty(approximation)
    for step, number in steps.pieces(approximation, own.parts[0]):
        arrays = approximation.arrays(time=step * steps.dt)
        done, population = kernel(
            arrays, steps.dt, steps.total, step, number, steps.every, key, counter, level_variance, *state, *out
        )
        runaway(approximation, level, population, (step + done) * steps.dt)
    if level == "chain":
        check_floor(approximation, level, state[0])
    return out, full[own.kept]
