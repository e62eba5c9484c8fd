"""Theory of leaky integrate-and-fire neurons in noise: what `spiking.noise` should measure."""

from reduction.noise_theory.grid import GRID_SHIFT, grid_shift
from reduction.noise_theory.membrane import (
    EffectiveMembrane,
    FreeMoments,
    effective_membrane,
    euler_moments,
    free_moments,
)
from reduction.noise_theory.rates import Firing, deterministic_rate, firing, first_spike

__all__ = [
    "GRID_SHIFT", "EffectiveMembrane", "Firing", "FreeMoments", "deterministic_rate", "effective_membrane",
    "euler_moments", "firing", "first_spike", "free_moments", "grid_shift",
]  # fmt: skip
