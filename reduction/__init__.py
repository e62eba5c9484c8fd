"""Reductions of spiking networks: levels, integration, validation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reduction.assumptions import applicability
    from reduction.comparison import ValidationReport
    from reduction.integration import integrate
    from reduction.markov import MarkovApproximation
    from reduction.symbolic import ReducedEquations, derive
    from reduction.system import ODESystem
    from reduction.trajectory import Trajectory
    from reduction.validation import validate

_HOME = {
    "MarkovApproximation": "markov", "ODESystem": "system", "ReducedEquations": "symbolic", "Trajectory": "trajectory",
    "ValidationReport": "comparison", "applicability": "assumptions", "derive": "symbolic",
    "integrate": "integration", "validate": "validation",
}  # fmt: skip

__all__ = [
    "MarkovApproximation", "ODESystem", "ReducedEquations", "Trajectory", "ValidationReport", "applicability", "derive",
    "integrate", "validate",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use, so that importing the package stays fast."""
    if name in _HOME:
        value = getattr(import_module(f"reduction.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'reduction' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
