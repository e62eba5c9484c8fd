"""Results of bifurcation analysis: equilibria, cycles, special points and branches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spiking.errors import SpecificationError

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]


def _without(result: Any, name: str) -> dict[str, Any]:
    """Return the attributes to be pickled: equations and their functions stay behind, as in a file."""
    return {**result.__dict__, name: None}


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """An equilibrium of a system, or a fixed point of a map.

    Attributes
    ----------
    state : array, shape (n,)
    parameters : dict
        All parameters.
    eigenvalues : array of complex, shape (n,)
        Of the Jacobian, in 1/time; of a map, its multipliers. The least stable first.
    stable : bool
    """

    state: Floats
    parameters: dict[str, float]
    eigenvalues: Complexes
    stable: bool

    def __repr__(self) -> str:
        shown = np.array2string(self.state, precision=6, threshold=6)
        return f"Equilibrium({shown}, {'stable' if self.stable else 'unstable'})"


@dataclass(frozen=True, eq=False)
class Cycle:
    """A periodic orbit.

    Attributes
    ----------
    times : array, shape (K,)
        From 0 to the period.
    states : array, shape (K, n)
        The last is the first.
    period : float
    parameters : dict
        All parameters.
    multipliers : array of complex, shape (n,)
        Floquet multipliers, largest modulus first; the trivial one included.
    stable : bool
    accuracy : float
        \\|mu - 1\\| of the trivial multiplier.
    """

    times: Floats
    states: Floats
    period: float
    parameters: dict[str, float]
    multipliers: Complexes
    stable: bool
    accuracy: float
    origin: Any = field(default=None, repr=False)

    def __repr__(self) -> str:
        kind = "stable" if self.stable else "unstable"
        return f"Cycle(period {self.period:.8g}, {kind}, trivial multiplier within {self.accuracy:.1g} of 1)"

    def __getstate__(self) -> dict[str, Any]:
        return _without(self, "origin")


@dataclass(frozen=True, eq=False)
class SpecialPoint:
    """A bifurcation, or where an event of the user's vanishes.

    Attributes
    ----------
    kind : str
        On branches of equilibria: ``"LP"`` (fold), ``"HB"`` (Hopf), ``"BP"`` (branch point). Of cycles: ``"LPC"``
        (fold), ``"PD"`` (period doubling), ``"NS"`` (Neimark-Sacker: torus), ``"BPC"`` (branch point). Of maps: LP, PD,
        NS, BP. On curves: ``"CP"`` (cusp), ``"BT"`` (Bogdanov-Takens), ``"GH"`` (generalised Hopf), ``"ZH"``
        (zero-Hopf), ``"HH"`` (double Hopf). Or the name of a user's event.
    value : float or tuple of two floats
        The free parameter; on a curve, both.
    parameters : dict
        All parameters.
    state : array, shape (n,)
        Of a cycle, the state at phase 0.
    eigenvalues : array of complex, shape (n,)
        Of the Jacobian; multipliers of cycles and maps.
    period : float or None
        Of the cycle; of a Hopf point, 2 pi / omega; of a map, that of its orbit: a time, or the number of iterates.
    normal_form : dict
        Coefficients by name: see `reduction.continuation.normal_forms`.
    precision : float
        Estimated error of `value` over the range of the parameter: the last step of Newton's method.
    note : str
        What the coefficients mean, in words.
    times, states : array, shape (K,) and (K, n), or None
        Of a cycle, its profile.
    """

    kind: str
    value: float | tuple[float, float]
    parameters: dict[str, float]
    state: Floats
    eigenvalues: Complexes
    period: float | None = None
    normal_form: dict[str, float] = field(default_factory=dict)
    precision: float = 0.0
    note: str = ""
    times: Floats | None = None
    states: Floats | None = None
    origin: Any = field(default=None, repr=False)

    def __repr__(self) -> str:
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        shown = ", ".join(f"{value:.9g}" for value in values)
        period = "" if self.period is None else f", period {self.period:.8g}"
        note = f", {self.note}" if self.note else ""
        return f"SpecialPoint({self.kind} at {shown}{period}{note})"

    def __getstate__(self) -> dict[str, Any]:
        return _without(self, "origin")


@dataclass(frozen=True, eq=False)
class Branch:
    """A branch of equilibria, cycles or fixed points over a parameter, or a curve of special points over two.

    Attributes
    ----------
    kind : str
        ``"equilibrium"``, ``"cycle"``, ``"fixed point"``, or that of a curve's points: ``"LP"``, ``"HB"``, ``"LPC"``...
    parameter : str or tuple of two
    names : tuple of str
        State variables.
    values : array, shape (K,) or (K, 2)
        The parameter, in order along the branch.
    states : array, shape (K, n)
        Of cycles, the state at phase 0.
    minima, maxima : array, shape (K, n)
        Extrema of each state over the period; the state itself at equilibria.
    eigenvalues : array of complex, shape (K, n)
        Of the Jacobian, or multipliers (with the trivial one).
    stable : array of bool, shape (K,)
    periods : array, shape (K,), or None
        Of cycles, and of the linear oscillation along a Hopf curve.
    accuracy : array, shape (K,), or None
        Of cycles, \\|mu - 1\\| of the trivial multiplier.
    special_points : list of SpecialPoint
        In order along the branch.
    parameters : dict
        All parameters at the start.
    observables : dict
        Observable to (minimum, maximum) over the period, shape (K, 2).
    units : dict
        Unit of each observable.
    status : str
        How each end came about, with advice if it stopped early.
    """

    kind: str
    parameter: str | tuple[str, str]
    names: tuple[str, ...]
    values: Floats
    states: Floats
    minima: Floats
    maxima: Floats
    eigenvalues: Complexes
    stable: npt.NDArray[np.bool_]
    parameters: dict[str, float]
    special_points: list[SpecialPoint] = field(default_factory=list)
    periods: Floats | None = None
    accuracy: Floats | None = None
    profiles: list[tuple[Floats, Floats]] = field(default_factory=list, repr=False)
    observables: dict[str, Floats] = field(default_factory=dict, repr=False)
    units: dict[str, str] = field(default_factory=dict, repr=False)
    status: str = ""
    continuation: Any = field(default=None, repr=False)

    def __repr__(self) -> str:
        special = ", ".join(point.kind for point in self.special_points) or "no special points"
        return f"Branch({self.kind}, {len(self.values)} points over {self.parameter}: {special}; {self.status})"

    def __len__(self) -> int:
        return len(self.values)

    def __getstate__(self) -> dict[str, Any]:
        return _without(self, "continuation")

    def of_kind(self, kind: str) -> list[SpecialPoint]:
        """Return the special points of a kind."""
        return [point for point in self.special_points if point.kind == kind]

    def cycle(self, index: int) -> Cycle:
        """Return a cycle of a branch of cycles, by its index.

        Raises
        ------
        SpecificationError
            If the branch is none of cycles.
        """
        if self.kind != "cycle" or self.periods is None or self.accuracy is None:
            raise SpecificationError(f"a branch of kind {self.kind!r} has no cycles")
        times, states = self.profiles[index]
        parameters = self.parameters | {str(self.parameter): float(self.values[index])}
        return Cycle(
            times * self.periods[index], states, float(self.periods[index]), parameters, self.eigenvalues[index],
            bool(self.stable[index]), float(self.accuracy[index]),
        )  # fmt: skip

    def switch(self, point: SpecialPoint, **options: Any) -> Branch:
        """Return the branch that crosses or begins at a special point of this one.

        At PD the cycles of twice the period; at BP and BPC the branch that crosses; at HB the cycles.

        Raises
        ------
        SpecificationError
            If the point is of a kind that has no other branch, or this branch was loaded from a file: continue it anew.
        NumericalError
            If the other branch is not found.
        """
        if self.continuation is None:
            raise SpecificationError("a branch from a file does not know its equations: continue it anew to switch")
        other: Branch = self.continuation.switch(point, **options)
        return other

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the branch, whole, to an .npz archive; its equations are not written.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        from reduction.continuation import storing

        storing.save(path, "branch", self)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Branch:
        """Return a branch from its file.

        Raises
        ------
        SpecificationError
            If the file cannot be read or holds something else.
        """
        from reduction.continuation import storing

        branch: Branch = storing.load(path, "branch")
        return branch

    def plot(self, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw the branch; see `reduction.bifurcation_plots.plot_branch`."""
        from reduction.bifurcation_plots import plot_branch

        return plot_branch(self, ax, **options)
