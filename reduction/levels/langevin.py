"""The Langevin level: the ODE level with Gaussian noise on every hop."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.levels import ode, random_walk
from reduction.levels.stepping import Samples, Steps
from reduction.markov import MarkovApproximation


def run(
    approximation: MarkovApproximation, steps: Steps, initial: Any, seed: np.random.SeedSequence
) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Return samples and final state."""
    from reduction.kernels import langevin as kernel

    full = ode.checked_state(approximation, initial, signed=True)
    return random_walk.run(approximation, "langevin", kernel.integrate, steps, full, seed)
