"""Reductions of spiking networks: levels, integration, validation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reduction.assumptions import applicability
    from reduction.comparison import ValidationReport
    from reduction.explicit import ExplicitEquations
    from reduction.exporting.programs import export
    from reduction.integration import integrate
    from reduction.levels.exact import montbrio_pazo_roxin
    from reduction.levels.shot_noise import shot_noise_rate
    from reduction.levels.siegert import siegert_rate, siegert_variation
    from reduction.levels.spectra import population_spectra
    from reduction.levels.stationary import StationaryState, stationary
    from reduction.markov import MarkovApproximation
    from reduction.symbolic import ReducedEquations, derive
    from reduction.system import ODESystem
    from reduction.trajectory import Trajectory
    from reduction.validation import validate

_HOME = {
    "MarkovApproximation": "markov",
    "ExplicitEquations": "explicit",
    "ODESystem": "system",
    "ReducedEquations": "symbolic",
    "StationaryState": "levels.stationary",
    "Trajectory": "trajectory",
    "ValidationReport": "comparison",
    "applicability": "assumptions",
    "derive": "symbolic",
    "export": "exporting.programs",
    "integrate": "integration",
    "montbrio_pazo_roxin": "levels.exact",
    "population_spectra": "levels.spectra",
    "shot_noise_rate": "levels.shot_noise",
    "siegert_rate": "levels.siegert",
    "siegert_variation": "levels.siegert",
    "stationary": "levels.stationary",
    "validate": "validation",
}

__all__ = [
    "ExplicitEquations",
    "MarkovApproximation",
    "ODESystem",
    "ReducedEquations",
    "StationaryState",
    "Trajectory",
    "ValidationReport",
    "applicability",
    "derive",
    "export",
    "integrate",
    "montbrio_pazo_roxin",
    "population_spectra",
    "shot_noise_rate",
    "siegert_rate",
    "siegert_variation",
    "stationary",
    "validate",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use, so that importing the package stays fast."""
    if name in _HOME:
        value = getattr(import_module(f"reduction.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'reduction' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
