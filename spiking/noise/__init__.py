"""Leaky integrate-and-fire neurons in noise: ensembles with Langevin currents and Poisson conductances."""

from spiking.noise.ensembles import EnsembleRecording, SampleMoments
from spiking.noise.models import (
    ClassicalLIF,
    ConductanceLIF,
    LangevinLIF,
    Noise,
    NoNoise,
    PoissonTrains,
    StepNoise,
    WhiteNoise,
)
from spiking.noise.published import thieu2022
from spiking.noise.simulation import simulate_ensemble
from spiking.noise.statistics import bursts, firing_rate, interval_statistics, rate_over_time

__all__ = [
    "ClassicalLIF", "ConductanceLIF", "EnsembleRecording", "LangevinLIF", "NoNoise", "Noise", "PoissonTrains",
    "SampleMoments", "StepNoise", "WhiteNoise", "bursts", "firing_rate", "interval_statistics", "rate_over_time",
    "simulate_ensemble", "thieu2022",
]  # fmt: skip
