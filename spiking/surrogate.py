r"""Windows of the surrogate gradient, derived from the neuron and the spread of its input.

A spike is a step of the voltage, whose derivative is zero or infinite; training replaces it by a window around the
threshold. The windows here are derived as follows (the derivation is this project's; Jahns et al., arXiv:2510.05168,
derive windows for the same neuron in their own way):

1. About the stable fixed point the voltage is a linear process with the multiplier :math:`\lambda` of the fixed point,
   so independent inputs of standard deviation :math:`s` spread it by :math:`\sigma = s / \sqrt{1 - \lambda^2}`. The
   leaky neuron :math:`u' = \beta u + x` has :math:`\lambda = \beta`, the quadratic one without mean input
   :math:`\lambda = 1 - a D`, hence :math:`\sigma^2 = s^2 / (a D (2 - a D))`.
2. Under that spread the probability of a spike has, as a function of the mean voltage, the slope of a Gaussian of
   width :math:`\sigma`. The window is the rectangle of unit area next to it in :math:`L^2`. Its half-width is
   :math:`\kappa \sigma` where :math:`\mathrm{erf}(\kappa/\sqrt 2) - \sqrt{2/\pi}\, \kappa\, e^{-\kappa^2/2} = 1/2`:
   :math:`\kappa = 1.53817`, the median of the Maxwell distribution.

`derive` carries out both steps in sympy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from spiking.arrays import checked_array
from spiking.errors import UnknownNameError
from spiking.quadratic_map import QuadraticMap, stable_fixed_point
from spiking.specification import NOT_NAN, POSITIVE, Requirement, Specification, checked_number, parameter

_DECAY = Requirement("must lie in [0, 1)", lambda x: 0 <= x < 1)
_NEURONS = ("leaky", "quadratic")


@dataclass(frozen=True)
class RectangularWindow(Specification):
    """A surrogate gradient: 1/(2 half_width) where the voltage is nearer to the threshold than `half_width`, else 0.

    Parameters
    ----------
    half_width : float
        In the unit of the voltage.
    """

    kind: ClassVar[str] = "rectangular"
    half_width: float = parameter(POSITIVE, "1", "half-width of the surrogate gradient")

    @property
    def height(self) -> float:
        """Value inside, which makes the area 1."""
        return 0.5 / self.half_width

    def __call__(self, distance: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the gradient at voltages of a given distance from the threshold.

        Raises
        ------
        ParameterError
            If a distance is not a number.
        """
        return np.where(np.abs(checked_array("distance", distance, NOT_NAN)) < self.half_width, self.height, 0.0)


@dataclass(frozen=True, eq=False)
class WindowDerivation:
    """The window of a neuron, step by step, as sympy expressions.

    Attributes
    ----------
    neuron : str
        ``"leaky"`` or ``"quadratic"``.
    map : Expr
        The next voltage, without reset.
    fixed_point, multiplier : Expr
        Stable fixed point and derivative of the map there.
    variance : Expr
        Stationary variance of the linearised map.
    distance : Expr
        Squared L2 distance of the rectangle of half-width h and the Gaussian of width sigma.
    stationary : Eq
        Where it is stationary, in kappa = h/sigma.
    half_width : Expr
        kappa times the square root of the variance.
    ratio : float
        The solution kappa.
    """

    neuron: str
    map: Any
    fixed_point: Any
    multiplier: Any
    variance: Any
    distance: Any
    stationary: Any
    half_width: Any
    ratio: float

    def latex(self) -> dict[str, str]:
        """Return each expression as LaTeX, by the name of its attribute."""
        import sympy

        names = ("map", "fixed_point", "multiplier", "variance", "distance", "stationary", "half_width")
        return {name: sympy.latex(getattr(self, name)) for name in names}


def derive(neuron: str) -> WindowDerivation:
    """Derive the window of a neuron symbolically; see the module's text for the steps.

    Parameters
    ----------
    neuron : str
        ``"leaky"``: u' = beta u + x; or ``"quadratic"``: u' = u + a (u - u1)(u - u2) + x, without mean input.

    Returns
    -------
    WindowDerivation
        In the symbols a, u1, D = u2 - u1, beta, s (standard deviation of the input), sigma, h and kappa.

    Raises
    ------
    UnknownNameError
        If there is no such neuron.
    """
    if neuron not in _NEURONS:
        raise UnknownNameError("neuron", neuron, _NEURONS)
    import sympy

    u, x = sympy.symbols("u x", real=True)
    s, kappa = sympy.symbols("s kappa", positive=True)
    if neuron == "leaky":
        beta = sympy.Symbol("beta", nonnegative=True)
        following, rest = beta * u + x, sympy.Integer(0)
    else:
        a, distance_of_points = sympy.symbols("a D", positive=True)
        rest = sympy.Symbol("u1", real=True)
        following = u + a * (u - rest) * (u - rest - distance_of_points) + x
    multiplier = sympy.expand(sympy.diff(following, u).subs(u, rest))
    unspread = sympy.expand(1 - multiplier) * sympy.expand(1 + multiplier)  # from v = multiplier^2 v + s^2
    distance, stationary = _rectangle()
    half_width = kappa * s / sympy.sqrt(unspread)
    return WindowDerivation(
        neuron, following, rest, multiplier, s**2 / unspread, distance, stationary, half_width, half_width_ratio()
    )


@cache
def half_width_ratio() -> float:
    """Return kappa = 1.53817...: half-width over sigma of the rectangle of unit area nearest to a Gaussian in L2."""
    from scipy.special import gammaincinv

    return math.sqrt(2 * float(gammaincinv(1.5, 0.5)))


def quadratic_window(model: QuadraticMap, input_spread: float) -> RectangularWindow:
    r"""Return the window of a quadratic neuron.

    .. math:: h = \kappa s / \sqrt{r (2 - r)}, \qquad r = \sqrt{a^2 D^2 - 4 a x}

    with the mean input x of the model; r = aD without.

    Parameters
    ----------
    model : QuadraticMap
    input_spread : float
        Standard deviation s of the input of a step; that of threshold-dependent batch norm is alpha times threshold.

    Raises
    ------
    ParameterError
        If no fixed point is stable (without mean input: if a D is not below 2), or the spread is not positive.
    """
    spread = checked_number("", "input_spread", input_spread, POSITIVE)
    return RectangularWindow(half_width_ratio() * linear_spread(stable_fixed_point(model)[1], spread))


def leaky_window(decay: float, input_spread: float) -> RectangularWindow:
    r"""Return the window of the leaky neuron u' = decay u + x: :math:`h = \kappa s / \sqrt{1 - \beta^2}`.

    Parameters
    ----------
    decay : float
        :math:`\beta`, in [0, 1).
    input_spread : float
        Standard deviation s of the input of a step.

    Raises
    ------
    ParameterError
        If a number is out of range.
    """
    beta = checked_number("", "decay", decay, _DECAY)
    spread = checked_number("", "input_spread", input_spread, POSITIVE)
    return RectangularWindow(half_width_ratio() * linear_spread(beta, spread))


def linear_spread(multiplier: float, input_spread: float) -> float:
    """Return the stationary standard deviation of v' = multiplier v + x for independent x of a given spread.

    Raises
    ------
    ParameterError
        If the multiplier is not between -1 and 1, or the spread is not positive.
    """
    inside = Requirement("must lie between -1 and 1", lambda x: -1 < x < 1)
    number = checked_number("", "multiplier", multiplier, inside)
    spread = checked_number("", "input_spread", input_spread, POSITIVE)
    return spread / math.sqrt((1 - number) * (1 + number))


@cache
def _rectangle() -> tuple[Any, Any]:
    """Return the squared L2 distance over (h, sigma), and its stationary condition in kappa = h/sigma."""
    import sympy

    h, sigma, kappa = sympy.symbols("h sigma kappa", positive=True)
    v = sympy.Symbol("v", real=True)
    gaussian = sympy.exp(-(v**2) / (2 * sigma**2)) / (sigma * sympy.sqrt(2 * sympy.pi))
    square = sympy.integrate(gaussian**2, (v, -sympy.oo, sympy.oo))
    overlap = sympy.integrate(gaussian, (v, -h, h)) / (2 * h)
    distance = sympy.simplify(1 / (2 * h) - 2 * overlap + square)
    slope = sympy.diff(distance, h).subs(h, kappa * sigma)
    condition = sympy.expand(sympy.simplify(slope * sigma**2 * kappa**2))
    constant = condition.as_independent(kappa, as_Add=True)[0]
    return distance, sympy.Eq(condition - constant, -constant)
