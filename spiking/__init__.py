"""Spiking networks: specifications, simulation, statistics."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spiking import presets, statistics
    from spiking.drives import GaussianDrive, NoDrive, PoissonDrive
    from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
    from spiking.estimates import Estimate
    from spiking.network import Network, Population, Projection
    from spiking.neurons import LIF, Exponential, Fixed, NoRefractory
    from spiking.recording import Recording, State
    from spiking.simulation import simulate
    from spiking.synapses import PendingCurrent, PendingKick
    from spiking.wiring import Annealed

_HOME = {
    "GaussianDrive": "drives", "NoDrive": "drives", "PoissonDrive": "drives",
    "NumericalError": "errors", "ParameterError": "errors", "SpecificationError": "errors",
    "UnknownNameError": "errors", "Estimate": "estimates",
    "Network": "network", "Population": "network", "Projection": "network",
    "LIF": "neurons", "Exponential": "neurons", "Fixed": "neurons", "NoRefractory": "neurons",
    "Recording": "recording", "State": "recording", "simulate": "simulation",
    "PendingCurrent": "synapses", "PendingKick": "synapses", "Annealed": "wiring",
}  # fmt: skip
_MODULES = ("presets", "statistics", "plotting")

__all__ = [
    "LIF", "Annealed", "Estimate", "Exponential", "Fixed", "GaussianDrive", "Network", "NoDrive", "NoRefractory",
    "NumericalError", "ParameterError", "PendingCurrent", "PendingKick", "PoissonDrive", "Population", "Projection",
    "Recording", "SpecificationError", "State", "UnknownNameError", "presets", "simulate", "statistics",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use, so that importing the package stays fast."""
    if name in _HOME:
        value = getattr(import_module(f"spiking.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return import_module(f"spiking.{name}")
    raise AttributeError(f"module 'spiking' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
