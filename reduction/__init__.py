"""Reductions of spiking networks: levels, integration, validation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reduction.aspects.attractors import compare_attractors
    from reduction.aspects.bifurcations import compare_bifurcations
    from reduction.aspects.budget import error_budget
    from reduction.aspects.metastability import compare_metastability
    from reduction.aspects.rates import compare_rates
    from reduction.aspects.transients import compare_transients
    from reduction.aspects.wiring import compare_wiring
    from reduction.assumptions import applicability
    from reduction.attractors.dimension import correlation_dimension
    from reduction.attractors.lyapunov import lyapunov_exponents
    from reduction.attractors.sections import poincare_section
    from reduction.comparison import ValidationReport
    from reduction.continuation.curves import continue_point
    from reduction.continuation.cycle_search import find_cycle
    from reduction.continuation.cycles import continue_cycle
    from reduction.continuation.diagram import Diagram, diagram
    from reduction.continuation.equilibria import continue_equilibrium
    from reduction.continuation.finding import find_equilibria, find_equilibrium
    from reduction.continuation.maps import MapSystem, time_map
    from reduction.continuation.orbits import Orbit, flow
    from reduction.continuation.results import Branch, Cycle, Equilibrium, SpecialPoint
    from reduction.explicit import ExplicitEquations
    from reduction.exporting.programs import export
    from reduction.integration import integrate
    from reduction.levels.crossing_density import CrossingDensity, crossing_density
    from reduction.levels.exact import montbrio_pazo_roxin
    from reduction.levels.quadratic_field import exact_mean_field
    from reduction.levels.shot_noise import shot_noise_rate
    from reduction.levels.siegert import siegert_rate, siegert_variation
    from reduction.levels.spectra import population_spectra
    from reduction.levels.stationary import StationaryState, stationary
    from reduction.markov import MarkovApproximation
    from reduction.measuring import Settings
    from reduction.sweeping import sweep
    from reduction.swept import Sweep
    from reduction.symbolic import ReducedEquations, derive
    from reduction.system import ODESystem
    from reduction.trajectory import Trajectory
    from reduction.validation import validate

_HOME = {
    "Branch": "continuation.results",
    "CrossingDensity": "levels.crossing_density",
    "Cycle": "continuation.results",
    "Diagram": "continuation.diagram",
    "Equilibrium": "continuation.results",
    "ExplicitEquations": "explicit",
    "MapSystem": "continuation.maps",
    "MarkovApproximation": "markov",
    "ODESystem": "system",
    "Orbit": "continuation.orbits",
    "ReducedEquations": "symbolic",
    "Settings": "measuring",
    "SpecialPoint": "continuation.results",
    "StationaryState": "levels.stationary",
    "Sweep": "swept",
    "Trajectory": "trajectory",
    "ValidationReport": "comparison",
    "applicability": "assumptions",
    "compare_attractors": "aspects.attractors",
    "compare_bifurcations": "aspects.bifurcations",
    "compare_metastability": "aspects.metastability",
    "compare_rates": "aspects.rates",
    "compare_transients": "aspects.transients",
    "compare_wiring": "aspects.wiring",
    "continue_cycle": "continuation.cycles",
    "continue_equilibrium": "continuation.equilibria",
    "continue_point": "continuation.curves",
    "correlation_dimension": "attractors.dimension",
    "crossing_density": "levels.crossing_density",
    "derive": "symbolic",
    "diagram": "continuation.diagram",
    "error_budget": "aspects.budget",
    "exact_mean_field": "levels.quadratic_field",
    "export": "exporting.programs",
    "find_cycle": "continuation.cycle_search",
    "find_equilibria": "continuation.finding",
    "find_equilibrium": "continuation.finding",
    "flow": "continuation.orbits",
    "integrate": "integration",
    "lyapunov_exponents": "attractors.lyapunov",
    "montbrio_pazo_roxin": "levels.exact",
    "poincare_section": "attractors.sections",
    "population_spectra": "levels.spectra",
    "shot_noise_rate": "levels.shot_noise",
    "siegert_rate": "levels.siegert",
    "siegert_variation": "levels.siegert",
    "stationary": "levels.stationary",
    "sweep": "sweeping",
    "time_map": "continuation.maps",
    "validate": "validation",
}

__all__ = [
    "Branch",
    "CrossingDensity",
    "Cycle",
    "Diagram",
    "Equilibrium",
    "ExplicitEquations",
    "MapSystem",
    "MarkovApproximation",
    "ODESystem",
    "Orbit",
    "ReducedEquations",
    "Settings",
    "SpecialPoint",
    "StationaryState",
    "Sweep",
    "Trajectory",
    "ValidationReport",
    "applicability",
    "compare_attractors",
    "compare_bifurcations",
    "compare_metastability",
    "compare_rates",
    "compare_transients",
    "compare_wiring",
    "continue_cycle",
    "continue_equilibrium",
    "continue_point",
    "correlation_dimension",
    "crossing_density",
    "derive",
    "diagram",
    "error_budget",
    "exact_mean_field",
    "export",
    "find_cycle",
    "find_equilibria",
    "find_equilibrium",
    "flow",
    "integrate",
    "lyapunov_exponents",
    "montbrio_pazo_roxin",
    "poincare_section",
    "population_spectra",
    "shot_noise_rate",
    "siegert_rate",
    "siegert_variation",
    "stationary",
    "sweep",
    "time_map",
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
