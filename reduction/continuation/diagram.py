"""Bifurcation diagrams: every branch that starts and special points lead to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reduction.continuation import checks, storing
from reduction.continuation.branching import Progress
from reduction.continuation.exploration import Search
from reduction.continuation.results import Branch, SpecialPoint
from reduction.continuation.tracing import Steps
from reduction.system import ODESystem
from spiking.errors import SpecificationError
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INITIAL_STEP = 0.01


@dataclass(frozen=True, eq=False)
class Diagram:
    """A bifurcation diagram.

    Attributes
    ----------
    parameter : str
    parameters : dict
        All parameters; that of `parameter` is its default.
    branches : list of Branch
        Equilibria (or fixed points) first, then cycles, in the order in which they were found.
    doublings : list of int
        Of each branch, how many period doublings lead to it.
    curves : list of Branch
        Curves of special points over two parameters.
    status : str
        ``"complete"``, or what was not found and why. Each branch has a status of its own.
    """

    parameter: str
    parameters: dict[str, float]
    branches: list[Branch]
    doublings: list[int]
    curves: list[Branch] = field(default_factory=list)
    status: str = "complete"

    def __repr__(self) -> str:
        kinds = [branch.kind for branch in self.branches]
        counted = [f"{kinds.count(kind)} of kind {kind!r}" for kind in dict.fromkeys(kinds)]
        curves = f", {len(self.curves)} curves" if self.curves else ""
        return f"Diagram(over {self.parameter}: {', '.join(counted) or 'no branches'}{curves}; {self.status})"

    @property
    def special_points(self) -> list[SpecialPoint]:
        """The special points of all branches, in order along each; one where branches meet appears on each of them."""
        return [point for branch in self.branches for point in branch.special_points]

    def plot(self, ax: Axes | None = None, observable: str | None = None) -> Axes:
        """Draw the diagram; see `reduction.bifurcation_plots.plot_diagram`."""
        from reduction.bifurcation_plots import plot_diagram

        return plot_diagram(self, ax, observable)

    def to_dict(self) -> dict[str, Any]:
        """Return kinds, special points and statuses as plain values for JSON."""
        return {
            "parameter": self.parameter,
            "parameters": dict(self.parameters),
            "status": self.status,
            "branches": [_summary(branch) for branch in self.branches],
            "curves": [{"parameters": list(curve.parameter), **_summary(curve)} for curve in self.curves],
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss but for the equations.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        own = ("parameter", "parameters", "branches", "doublings", "curves", "status")
        storing.save(path, "diagram", {name: getattr(self, name) for name in own})

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Diagram:
        """Load what `save` wrote. The branches cannot be switched or continued: they do not know their equations.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        return Diagram(**storing.load(path, "diagram"))


def diagram(
    system: Any,
    parameter: str,
    bounds: tuple[float, float],
    *,
    parameters: Mapping[str, float] | None = None,
    curves: tuple[str, tuple[float, float]] | None = None,
    max_depth: int = 2,
    cycles: bool = True,
    starts: int = 30,
    max_points: int = 400,
    largest_step: float = 0.05,
    seed: int = 0,
    progress: Progress | None = None,
) -> Diagram:
    """Return the branches over a parameter that can be reached, each traced once.

    Equilibria are searched at both bounds, in the middle between them and at the parameter's default. Each that lies on
    no branch found so far is followed; so are, at branch points, the branches that cross, at Hopf points the cycles,
    and at period doublings those of twice the period.

    Parameters
    ----------
    system : ODESystem, MapSystem or MarkovApproximation
    parameter : str
    bounds : (low, high)
    parameters : mapping, optional
        Values that differ from the defaults.
    curves : (name, (low, high)), optional
        A second parameter, over which the special points found are followed too.
    max_depth : int
        How many successive period doublings are followed.
    cycles : bool
        Whether to follow cycles from Hopf points.
    starts : int
        Random starts of each search for equilibria; see `find_equilibria`.
    max_points, largest_step
        Of each branch; see `continue_equilibrium`.
    seed : int
    progress : callable, optional
        Called with the number of points so far, over all branches, and the parameter.

    Returns
    -------
    Diagram
        With what there is if a part fails, or at a KeyboardInterrupt; its `status` gives the reasons. Equilibria that
        no search hits, and cycles that no Hopf point leads to, are not in it.

    Raises
    ------
    SpecificationError
        If the input cannot be used; if the right-hand side is not smooth or depends on time.
    """
    system = checks.system_of(system)
    name = checks.name_of(system, parameter)
    chosen = checks.parameters_of(system, parameters)
    limits = _limits(name, bounds)
    depth = int(checked_number("", "max_depth", max_depth, NONNEGATIVE, integer=True))
    checked_number("", "starts", starts, NONNEGATIVE, integer=True)
    step = min(_INITIAL_STEP, checked_number("", "largest_step", largest_step, POSITIVE))
    Steps(initial=step, largest=largest_step, max_points=max_points)
    checks.smooth(system, system.guess, chosen)
    other = None if curves is None else _second(system, name, curves, chosen)
    options = {"initial_step": step, "largest_step": largest_step, "max_points": max_points}
    search = Search(system, name, limits, chosen, depth, options, progress)
    try:
        search.equilibria(starts, seed)
        if cycles:
            search.cycles()
        if other is not None:
            search.two_parameters(*other)
    except KeyboardInterrupt:
        search.notes.append("interrupted")
    status = "; ".join(dict.fromkeys(search.notes)) or "complete"
    return Diagram(name, chosen, search.branches, search.doublings, search.curves, status)


def _summary(branch: Branch) -> dict[str, Any]:
    return {
        "kind": branch.kind,
        "status": branch.status,
        "special_points": [
            {
                "kind": point.kind,
                "value": list(point.value) if isinstance(point.value, tuple) else point.value,
                "period": point.period,
                **{name: float(value) for name, value in point.normal_form.items()},
            }
            for point in branch.special_points
        ],
    }


def _limits(name: str, bounds: object) -> tuple[float, float]:
    """Return bounds as two increasing finite numbers."""
    try:
        low, _ = (float(value) for value in bounds)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise SpecificationError(f"bounds of {name} = {bounds!r}: must be two numbers (low, high)") from None
    checked = checks.bounds_of(name, bounds, low)
    return float(checked[0]), float(checked[1])


def _second(
    system: ODESystem, first: str, curves: Any, parameters: Mapping[str, float]
) -> tuple[str, tuple[float, float]]:
    """Return name and bounds of the second parameter."""
    try:
        given, limits = curves
    except (TypeError, ValueError):
        raise SpecificationError(f"curves = {curves!r}: must be (name, (low, high))") from None
    name = checks.name_of(system, given)
    if name == first:
        raise SpecificationError(f"curves: {name!r} is the parameter of the diagram; must be another one")
    checked = checks.bounds_of(name, limits, parameters[name])
    return name, (float(checked[0]), float(checked[1]))
