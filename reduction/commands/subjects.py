"""What the command bifurcation analyses: the reduction of a network, or a model given by its equations."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reduction.commands.options import changes, closure, network_of

if TYPE_CHECKING:
    from reduction.markov import MarkovApproximation
    from reduction.system import ODESystem
    from spiking.network import Network

_OF_NETWORKS = ("closure", "noise_levels", "discretization", "bins", "nodes", "v_min")
_NODES = (12, 20)
_MOST_UNKNOWNS = 600
_MOST_WITH_CYCLES = 200
_STARTS = 30

Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Subject:
    """A system of ODEs and where it comes from.

    Attributes
    ----------
    system : ODESystem
    changes : dict
        Parameters that differ from those of the system.
    details : dict
        Of a network, how it was reduced.
    starts : int
        Random starts of a search for equilibria that serve it: none for a Markov approximation, whose own guess leads
        to an equilibrium, and random densities to roots with negative numbers of neurons.
    """

    system: ODESystem
    changes: dict[str, float]
    details: dict[str, Any]
    starts: int

    def __str__(self) -> str:
        reduced = ", ".join(f"{name} {value}" for name, value in self.details.items())
        return f"{len(self.system.names)} unknowns{f' ({reduced})' if reduced else ''}"


def subject_of(options: argparse.Namespace, ranges: Ranges) -> Subject:
    """Return what the options name: a preset, or a TOML file of a network or a model.

    Raises
    ------
    SpecificationError
        If it cannot be used: with these options, over these ranges of parameters, or with so many unknowns.
    """
    from reduction.expressions import is_model
    from reduction.system import ODESystem
    from spiking import presets

    path = Path(options.network)
    if options.network in presets.PRESETS or not is_model(path):
        _check_populations(path)
        return _reduced(options, ranges)
    _refuse_options(options, f"is for networks, and {path} has [equations]")
    return Subject(ODESystem.from_toml(path), changes(options), {}, _STARTS)


def _check_populations(path: Path) -> None:
    """Refuse a TOML file that describes nothing; what cannot be read is left to the reader of networks."""
    from spiking.errors import SpecificationError

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if "populations" not in tables:
        raise SpecificationError(f"{path}: must have [populations] (a network) or [equations] (a model)")


def _reduced(options: argparse.Namespace, ranges: Ranges) -> Subject:
    from reduction.markov import MarkovApproximation
    from spiking.drives import LorentzianDrive

    network = network_of(options)
    if network.has_drive(LorentzianDrive):
        return _exact(network, options, ranges)
    chosen: dict[str, Any] = {"closure": "white" if options.closure is None else closure(options.closure)}
    chosen |= {"bins": options.bins, "v_min": options.v_min}
    if options.noise_levels is not None:
        chosen["noise_levels"] = options.noise_levels
    approximation = MarkovApproximation(network, **chosen)
    for address, bounds in ranges.items():
        for value in bounds:
            network.replace({address: value})
            approximation.arrays({address: value})
    system, details = _discretized(options, approximation)
    _check_size(len(system.names), options.cycles)
    return Subject(system, {}, details, 0)


def _exact(network: Network, options: argparse.Namespace, ranges: Ranges) -> Subject:
    from reduction.levels.quadratic_field import exact_mean_field

    system = exact_mean_field(network)
    _refuse_options(options, "is for the Markov approximation, and this network has an exact mean field")
    for address, bounds in ranges.items():
        for value in bounds:
            exact_mean_field(network.replace({address: value}))
    return Subject(system, {}, {"reduction": "exact mean field"}, _STARTS)


def _refuse_options(options: argparse.Namespace, reason: str) -> None:
    from spiking.errors import SpecificationError

    for name in _OF_NETWORKS:
        if getattr(options, name) is not None:
            raise SpecificationError(f"--{name.replace('_', '-')}: {reason}; leave it out")


def _discretized(options: argparse.Namespace, approximation: MarkovApproximation) -> tuple[ODESystem, dict[str, Any]]:
    """Return the ODE, by polynomials where they cover the approximation, and how it was made."""
    from spiking.errors import SpecificationError

    details: dict[str, Any] = {"closure": approximation.closure}
    if options.discretization != "bins" and options.bins is None:
        nodes = _NODES if options.nodes is None else _nodes(options.nodes)
        try:
            system = approximation.ode(discretization=options.discretization or "chebyshev", nodes=nodes)
        except SpecificationError:
            if options.discretization is not None or options.nodes is not None:
                raise
        else:
            return system, details | {"discretization": "chebyshev", "nodes": "+".join(map(str, nodes))}
    elif options.nodes is not None or options.discretization == "chebyshev":
        raise SpecificationError("--bins: are of --discretization bins, and --nodes of chebyshev; give one of the two")
    if approximation.closure == "conditional":
        details["noise_levels"] = approximation.noise_levels
    numbers = "+".join(map(str, approximation.bins.values()))
    return approximation.ode(), details | {"discretization": "bins", "bins": numbers}


def _nodes(text: str) -> tuple[int, int]:
    from spiking.errors import SpecificationError

    below, _, above = text.partition("+")
    if not (below.isdecimal() and above.isdecimal()):
        raise SpecificationError(f"--nodes {text}: must be BELOW+ABOVE, two whole numbers such as 24+48")
    return int(below), int(above)


def _check_size(unknowns: int, cycles: bool) -> None:
    """Refuse a system that continuation would take hours over."""
    from spiking.errors import SpecificationError

    most = _MOST_WITH_CYCLES if cycles else _MOST_UNKNOWNS
    if unknowns <= most:
        return
    other = f" (with --no-cycles {_MOST_UNKNOWNS})" if cycles else ""
    raise SpecificationError(
        f"{unknowns} unknowns: at most {most}{other} are continued in a reasonable time; "
        "give --closure white, fewer --noise-levels, or fewer --bins or --nodes (reduction.diagram takes any number)"
    )
