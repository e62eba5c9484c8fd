"""Spiking networks: specifications, simulation, statistics."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spiking import (
        convergence,
        graphs,
        lyapunov,
        noise,
        peers,
        phases,
        presets,
        quadratic_map,
        statistics,
        surrogate,
    )
    from spiking.drives import (
        ArrayDrive,
        ConstantDrive,
        GaussianDrive,
        LorentzianDrive,
        NoDrive,
        OrnsteinUhlenbeckDrive,
        PoissonDrive,
        SumDrive,
    )
    from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
    from spiking.estimates import Estimate
    from spiking.network import Network, Population, Projection
    from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, NoRefractory, Normal
    from spiking.recording import Recording, State
    from spiking.simulation import simulate
    from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent, PendingCurrent, PendingKick
    from spiking.wiring import AllToAll, Annealed, Bernoulli, Explicit, FixedInDegree, FixedOutDegree

_NAMES = {
    "drives": "ArrayDrive ConstantDrive GaussianDrive LorentzianDrive NoDrive OrnsteinUhlenbeckDrive PoissonDrive "
    "SumDrive",
    "errors": "NumericalError ParameterError SpecificationError UnknownNameError",
    "estimates": "Estimate",
    "network": "Network Population Projection",
    "neurons": "EIF LIF QIF Exponential Fixed NoRefractory Normal",
    "recording": "Recording State",
    "simulation": "simulate",
    "synapses": "Delta ExponentialConductance ExponentialCurrent PendingCurrent PendingKick",
    "wiring": "AllToAll Annealed Bernoulli Explicit FixedInDegree FixedOutDegree",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
_MODULES = (
    "convergence", "graphs", "lyapunov", "noise", "peers", "phases", "plotting", "presets", "quadratic_map",
    "statistics", "surrogate", "torch",
)  # fmt: skip

__all__ = [
    "EIF", "LIF", "QIF", "AllToAll", "Annealed", "ArrayDrive", "Bernoulli", "ConstantDrive", "Delta", "Estimate",
    "Explicit", "Exponential", "ExponentialConductance", "ExponentialCurrent", "Fixed", "FixedInDegree",
    "FixedOutDegree", "GaussianDrive", "LorentzianDrive", "Network", "NoDrive", "NoRefractory", "Normal",
    "NumericalError", "OrnsteinUhlenbeckDrive", "ParameterError", "PendingCurrent", "PendingKick", "PoissonDrive",
    "Population", "Projection", "Recording", "SpecificationError", "State", "SumDrive", "UnknownNameError",
    "convergence", "graphs", "lyapunov", "noise", "peers", "phases", "presets", "quadratic_map", "simulate",
    "statistics", "surrogate",
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
