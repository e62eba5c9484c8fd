"""Comparisons of a reduction with its network, one aspect each."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple


class _Home(NamedTuple):
    module: str
    procedure: str
    result: str
    levels: tuple[str, ...]


_OVER_TIME = ("ode", "chain", "langevin", "published")
_CONTINUED = ("ode", "chain", "langevin")
_RANDOM = ("chain", "langevin")

_HOMES = {
    "rates": _Home("rates", "compare_rates", "RateComparison", (*_OVER_TIME, "siegert")),
    "budget": _Home("budget", "error_budget", "ErrorBudget", _OVER_TIME),
    "transients": _Home("transients", "compare_transients", "TransientComparison", _CONTINUED),
    "wiring": _Home("wiring", "compare_wiring", "WiringComparison", ()),
    "attractors": _Home("attractors", "compare_attractors", "AttractorComparison", _OVER_TIME),
    "metastability": _Home("metastability", "compare_metastability", "MetastabilityComparison", _RANDOM),
    "bifurcations": _Home("bifurcations", "compare_bifurcations", "BifurcationComparison", _OVER_TIME),
}

ASPECTS = tuple(_HOMES)
"""In the order of a report."""


def procedure(aspect: str) -> Any:
    """Return the function that compares an aspect."""
    home = _HOMES[aspect]
    return getattr(import_module(f"reduction.aspects.{home.module}"), home.procedure)


def result_type(aspect: str) -> Any:
    """Return the class of an aspect's results."""
    home = _HOMES[aspect]
    return getattr(import_module(f"reduction.aspects.{home.module}"), home.result)


def levels_with(aspect: str, levels: Sequence[str]) -> tuple[str, ...]:
    """Return those of some levels that have an aspect."""
    return tuple(level for level in levels if level in _HOMES[aspect].levels)


def possible_levels(aspect: str) -> tuple[str, ...]:
    """Return all levels that have an aspect; none if it is about the network alone."""
    return _HOMES[aspect].levels
