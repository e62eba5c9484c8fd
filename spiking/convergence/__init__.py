"""How far the steps of a simulation can be trusted: strong and weak errors, crossing speeds, loops, advice on dt."""

from __future__ import annotations

from spiking.convergence.advice import StepAdvice, advise_step
from spiking.convergence.coupled import CoupledPaths, coupled_paths
from spiking.convergence.crossings import CrossingSpeeds, crossing_speeds
from spiking.convergence.fits import ErrorMeasure, PowerLaw
from spiking.convergence.loops import LoopTruncation, loop_truncation
from spiking.convergence.networks import layered, recurrent
from spiking.convergence.orders import StrongErrors, strong_errors

__all__ = [
    "CoupledPaths", "CrossingSpeeds", "ErrorMeasure", "LoopTruncation", "PowerLaw", "StepAdvice", "StrongErrors",
    "advise_step", "coupled_paths", "crossing_speeds", "layered", "loop_truncation", "recurrent", "strong_errors",
]  # fmt: skip
