"""The search behind a bifurcation diagram: from equilibria to what crosses and branches off them, each branch once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from reduction.continuation import locations
from reduction.continuation.branching import Progress
from reduction.continuation.curves import continue_point
from reduction.continuation.cycles import continue_cycle
from reduction.continuation.equilibria import continue_equilibrium
from reduction.continuation.finding import find_equilibria
from reduction.continuation.results import Branch, SpecialPoint
from reduction.system import ODESystem
from spiking.errors import NumericalError, SpecificationError

Floats = npt.NDArray[np.float64]
T = TypeVar("T")

_MOST_BRANCHES = 100
_CHECKED = 7
_CLOSE = 1e-3
_CURVE_KINDS = ("LP", "HB", "LPC", "PD", "NS")


class Search:
    """The branches found so far, and the ways to more.

    Parameters
    ----------
    system : ODESystem
    parameter : str
    bounds : (low, high)
    parameters : dict
        All parameters.
    max_depth : int
        How many successive period doublings are followed.
    options : dict
        Of each continuation.
    progress : callable or None
        Called with the number of points so far, over all branches, and the parameter.
    """

    def __init__(
        self,
        system: ODESystem,
        parameter: str,
        bounds: tuple[float, float],
        parameters: dict[str, float],
        max_depth: int,
        options: dict[str, Any],
        progress: Progress | None,
    ) -> None:
        self.system, self.parameter, self.bounds, self.parameters = system, parameter, bounds, parameters
        self.max_depth, self.progress = max_depth, progress
        self.options = {**options, "progress": self._counted}
        self.branches: list[Branch] = []
        self.doublings: list[int] = []
        self.curves: list[Branch] = []
        self.notes: list[str] = []
        self._points = 0

    def equilibria(self, starts: int, seed: int) -> None:
        """Follow the equilibria of every search, what crosses them, and of maps the orbits of twice the period."""
        low, high = self.bounds
        default = self.parameters[self.parameter]
        values = [low, 0.5 * (low + high), high, *([default] if low <= default <= high else [])]
        for value in dict.fromkeys(values):
            parameters = {**self.parameters, self.parameter: value}
            search = partial(find_equilibria, self.system, parameters=parameters, starts=starts, seed=seed)
            for found in self._tried(f"equilibria at {self.parameter} = {value:.6g}", search) or ():
                if not any(locations.passes(branch, value, found.state) for branch in self.branches):
                    what = f"equilibrium at {self.parameter} = {value:.6g}"
                    trace = partial(continue_equilibrium, self.system, found, *self._range, **self.options)
                    self._follow(what, trace)
        if not self.branches:
            self.notes.append("no equilibrium found: raise `starts`, or give the system a better `guess`")
        self._switch(deque(zip(self.branches, self.doublings, strict=True)), ("BP", "PD"))

    def cycles(self) -> None:
        """Follow the cycles at every Hopf point, and what branches off them."""
        first = len(self.branches)
        for branch in self.branches[:first]:
            for point in branch.of_kind("HB"):
                if not any(locations.ends_at(known, point) for known in self.branches[first:]):
                    trace = partial(continue_cycle, self.system, point, *self._range, **self.options)
                    self._follow(f"cycles from {_place(point)}", trace)
        self._switch(deque(zip(self.branches[first:], self.doublings[first:], strict=True)), ("BPC", "PD"))

    def two_parameters(self, name: str, bounds: tuple[float, float]) -> None:
        """Follow the special points over a second parameter too."""
        names, both = (self.parameter, name), (self.bounds, bounds)
        for branch in self.branches:
            for point in branch.special_points:
                known = [curve for curve in self.curves if curve.kind == point.kind]
                if point.kind not in _CURVE_KINDS or any(
                    locations.is_near(curve, locations.coordinates_of(point, curve)) for curve in known
                ):
                    continue
                trace = partial(continue_point, self.system, point, names, both, **self.options)
                curve = self._tried(f"curve of {_place(point)}", trace)
                if curve is not None:
                    self.curves.append(curve)
                    self._stop_if_interrupted(curve)

    @property
    def _range(self) -> tuple[str, tuple[float, float]]:
        return self.parameter, self.bounds

    def _switch(self, waiting: deque[tuple[Branch, int]], kinds: tuple[str, ...]) -> None:
        while waiting:
            branch, depth = waiting.popleft()
            for point in branch.special_points:
                deeper = depth + (point.kind == "PD")
                if point.kind not in kinds or deeper > self.max_depth or self._is_switched(branch, point):
                    continue
                trace = partial(branch.switch, point, **self.options)
                found = self._follow(f"branch at {_place(point)}", trace, deeper)
                if found is not None:
                    waiting.append((found, deeper))

    def _is_switched(self, branch: Branch, point: SpecialPoint) -> bool:
        """Return whether another known branch begins at, ends at or crosses a special point of a branch."""
        others = [other for other in self.branches if other is not branch and other.kind == branch.kind]
        if point.kind == "PD" and branch.kind == "cycle":
            doubled = [locations.coordinates_of(point, other) for other in others]
            return any(locations.is_near(o, at + _one_doubling(at)) for o, at in zip(others, doubled, strict=True))
        width = self.bounds[1] - self.bounds[0]
        return any(
            abs(float(met.parameters[self.parameter]) - float(point.parameters[self.parameter])) < 1e-6 * width
            and _agree(met, point)
            for other in others
            for met in other.special_points
        )

    def _follow(self, what: str, trace: Callable[[], Branch], depth: int = 0) -> Branch | None:
        """Trace a branch and keep it, unless it is known."""
        if len(self.branches) >= _MOST_BRANCHES:
            self.notes.append(f"stopped at {_MOST_BRANCHES} branches: narrow the bounds, or lower `max_depth`")
            return None
        branch = self._tried(what, trace)
        if branch is None or self._is_known(branch):
            return None
        self.branches.append(branch)
        self.doublings.append(depth)
        self._stop_if_interrupted(branch)
        return branch

    def _tried(self, what: str, work: Callable[[], T]) -> T | None:
        """Return what some work gives, or None and a note if it fails."""
        try:
            return work()
        except Exception as error:
            expected = isinstance(error, (NumericalError, SpecificationError))
            self.notes.append(f"{what}: {error}" if expected else f"{what}: {type(error).__name__}: {error}")
            return None

    def _is_known(self, branch: Branch) -> bool:
        """Return whether points all along a branch lie on known ones."""
        others = [other for other in self.branches if other.kind == branch.kind]
        chosen = np.unique(np.linspace(0, len(branch) - 1, _CHECKED).astype(int))
        points = locations.coordinates(branch)[chosen]
        return all(any(locations.is_near(other, at) for other in others) for at in points)

    def _stop_if_interrupted(self, branch: Branch) -> None:
        """Stop the search where tracing a branch was interrupted: a branch ends its own trace in that case."""
        if branch.status.startswith("interrupted"):
            raise KeyboardInterrupt

    def _counted(self, number: int, value: float) -> None:
        self._points += 1
        if self.progress is not None:
            self.progress(self._points, value)


def _one_doubling(at: Floats) -> Floats:
    """Return what twice the period adds to a cycle's coordinates."""
    added = np.zeros_like(at)
    added[-1] = np.log(2.0)
    return added


def _agree(a: SpecialPoint, b: SpecialPoint) -> bool:
    """Return whether the states of two special points are the same, or the extrema of their cycles."""
    first, second = (point.state[None, :] if point.states is None else point.states for point in (a, b))
    gaps = np.concatenate([first.min(axis=0) - second.min(axis=0), first.max(axis=0) - second.max(axis=0)])
    return bool(np.abs(gaps).max() <= _CLOSE * float(np.abs(first).max()) + _CLOSE**2)


def _place(point: SpecialPoint) -> str:
    return f"{point.kind} at {point.value:.6g}"
