"""Exact reduction of networks of quadratic integrate-and-fire neurons with Lorentzian heterogeneity.

Montbrio, Pazo, Roxin, Phys. Rev. X 5 (2015) 021028 [MPR15]: infinitely many neurons with cutoffs at infinity, coupled
all to all by instantaneous synapses; no further approximation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reduction.system import Floats, ODESystem, Parameters
from spiking.errors import ParameterError
from spiking.specification import FINITE, NONNEGATIVE, POSITIVE, checked_number

_REAL = 1e-7
_POLISHING = 3


@dataclass(frozen=True)
class SaddleNode:
    """Where two fixed points meet.

    Attributes
    ----------
    eta : float
        Centre of the currents.
    rate : float
        In 1/ms.
    """

    eta: float
    rate: float


@dataclass(frozen=True)
class Cusp:
    """Where two curves of saddle-nodes meet in the plane of eta and J.

    Attributes
    ----------
    eta, J : float
    rate : float
        In 1/ms.
    """

    eta: float
    J: float
    rate: float


def montbrio_pazo_roxin(
    *, eta: float, delta: float, J: float, tau: float = 1.0, alpha: float = 0.0, tau_a: float | None = None
) -> ODESystem:
    r"""Return the exact equations of a population of quadratic neurons, with or without adaptation.

    Neurons :math:`\tau \dot V_i = V_i^2 + \eta_i - A + J \tau r`, whose :math:`\eta_i` have a Lorentzian distribution
    of centre :math:`\eta` and half width :math:`\Delta`, follow [MPR15]

    .. math::

        \tau \dot r &= \Delta/(\pi\tau) + 2 r v \\
        \tau \dot v &= v^2 + \eta - A + J \tau r - (\pi \tau r)^2

    and, if `tau_a` is given, the population's adaptation of alpha-function shape

    .. math:: \dot A = x/\tau_a, \qquad \dot x = \alpha r - 2x/\tau_a - A/\tau_a.

    Parameters
    ----------
    eta, delta : float
        Centre and half width of the currents (no unit, as the voltage).
    J : float
        Coupling, positive if excitatory.
    tau : float
        Membrane time constant in ms.
    alpha : float
        Strength of the adaptation: :math:`A = \alpha \tau_a r` at a fixed point.
    tau_a : float, optional
        Time constant of the adaptation in ms; by default there is none.

    Returns
    -------
    ODESystem
        States ``r`` (1/ms), ``v`` and, with adaptation, ``A`` and ``x``. Observables: ``rate`` (Hz), ``mean_voltage``,
        ``synchrony`` (modulus of the Kuramoto order parameter, [MPR15]).

    Raises
    ------
    ParameterError
        If a value is out of range.
    """
    parameters = _checked(eta=eta, delta=delta, J=J, tau=tau, alpha=alpha, tau_a=tau_a)
    adapts = tau_a is not None

    def rhs(t: float, y: Floats, p: Parameters) -> Floats:
        r, v = y[:2]
        tau = p["tau"]
        current = p["eta"] + p["J"] * tau * r - (y[2] if adapts else 0.0)
        out = np.empty_like(y)
        out[0] = p["delta"] / (math.pi * tau**2) + 2.0 * r * v / tau
        out[1] = (v**2 + current - (math.pi * tau * r) ** 2) / tau
        if adapts:
            out[2] = y[3] / p["tau_a"]
            out[3] = p["alpha"] * r - (2.0 * y[3] + y[2]) / p["tau_a"]
        return out

    def jacobian(t: float, y: Floats, p: Parameters) -> Floats:
        r, v = y[:2]
        tau = p["tau"]
        out = np.zeros((y.size, y.size))
        out[0, :2] = 2.0 * v / tau, 2.0 * r / tau
        out[1, :2] = p["J"] - 2.0 * math.pi**2 * tau * r, 2.0 * v / tau
        if adapts:
            out[1, 2] = -1.0 / tau
            out[2, 3] = 1.0 / p["tau_a"]
            out[3] = p["alpha"], 0.0, -1.0 / p["tau_a"], -2.0 / p["tau_a"]
        return out

    def synchrony(y: Floats, p: Parameters) -> float:
        w = complex(math.pi * p["tau"] * y[0], -y[1])
        return abs((1.0 - w) / (1.0 + w))

    observables: dict[str, Callable[[Floats, Parameters], float]] = {
        "rate": lambda y, p: 1000.0 * float(y[0]), "mean_voltage": lambda y, p: float(y[1]), "synchrony": synchrony,
    }  # fmt: skip
    return ODESystem(
        names=("r", "v", "A", "x") if adapts else ("r", "v"),
        parameters=parameters,
        function=rhs,
        derivative=jacobian,
        guess=fixed_points(eta=eta, delta=delta, J=J, tau=tau, alpha=alpha, tau_a=tau_a)[0],
        observables=observables,
        lowest=np.array([0.0, *([-math.inf] * (3 if adapts else 1))]),
        units={"rate": "Hz", "mean_voltage": "", "synchrony": ""},
    )


def fixed_points(
    *, eta: float, delta: float, J: float, tau: float = 1.0, alpha: float = 0.0, tau_a: float | None = None
) -> list[Floats]:
    r"""Return all fixed points of `montbrio_pazo_roxin`, by increasing rate: one or three.

    With :math:`x = \pi \tau r` and :math:`j = (J - \alpha \tau_a/\tau)/\pi` they are the positive roots of

    .. math:: x^4 - j x^3 - \eta x^2 - \Delta^2/4 = 0, \qquad v = -\Delta/(2 x).

    Parameters and errors as there.

    Returns
    -------
    list of array, shape (2,) or (4,)
        States as ``montbrio_pazo_roxin(...).names``.
    """
    p = _checked(eta=eta, delta=delta, J=J, tau=tau, alpha=alpha, tau_a=tau_a)
    states = []
    for x in _positive_roots([1.0, -_coupling(p), -p["eta"], 0.0, -(p["delta"] ** 2) / 4.0]):
        r = x / (math.pi * p["tau"])
        state = [r, -p["delta"] / (2.0 * x)]
        states.append(np.array(state if tau_a is None else [*state, p["alpha"] * p["tau_a"] * r, 0.0]))
    return states


def saddle_nodes(
    *, delta: float, J: float, tau: float = 1.0, alpha: float = 0.0, tau_a: float | None = None
) -> list[SaddleNode]:
    r"""Return where two fixed points of `montbrio_pazo_roxin` meet as eta changes, by increasing rate: none or two.

    .. math:: 2 x^4 - j x^3 + \Delta^2/2 = 0, \qquad \eta = x^2 - j x - \Delta^2/(4 x^2)

    Parameters and errors as there; x and j as in `fixed_points`.

    Returns
    -------
    list of SaddleNode
        Between them, in eta, there are three fixed points.
    """
    p = _checked(eta=0.0, delta=delta, J=J, tau=tau, alpha=alpha, tau_a=tau_a)
    j, square = _coupling(p), p["delta"] ** 2
    return [
        SaddleNode(x**2 - j * x - square / (4.0 * x**2), x / (math.pi * p["tau"]))
        for x in _positive_roots([2.0, -j, 0.0, 0.0, square / 2.0])
    ]


def cusp(*, delta: float, tau: float = 1.0, alpha: float = 0.0, tau_a: float | None = None) -> Cusp:
    r"""Return where the saddle-nodes of `montbrio_pazo_roxin` meet as eta and J change.

    .. math:: \eta = -\sqrt3\, \Delta, \quad
              J = \frac{4 \sqrt2\, 3^{1/4} \pi}{3} \sqrt\Delta + \frac{\alpha\tau_a}{\tau},
              \quad \pi \tau r = \frac{3^{1/4}}{\sqrt2} \sqrt\Delta

    [MPR15]. Below this J there is one fixed point at any eta. Parameters and errors as there.
    """
    p = _checked(eta=0.0, delta=delta, J=0.0, tau=tau, alpha=alpha, tau_a=tau_a)
    root = 3.0**0.25 * math.sqrt(p["delta"])
    coupling = 4.0 * math.sqrt(2.0) * math.pi / 3.0 * root - math.pi * _coupling(p)
    return Cusp(-math.sqrt(3.0) * p["delta"], coupling, root / (math.sqrt(2.0) * math.pi * p["tau"]))


def _checked(*, eta: float, delta: float, J: float, tau: float, alpha: float, tau_a: float | None) -> dict[str, float]:
    found = {
        "eta": checked_number("", "eta", eta, FINITE),
        "delta": checked_number("", "delta", delta, POSITIVE),
        "J": checked_number("", "J", J, FINITE),
        "tau": checked_number("", "tau", tau, POSITIVE),
    }
    strength = checked_number("", "alpha", alpha, NONNEGATIVE)
    if tau_a is not None:
        return found | {"alpha": strength, "tau_a": checked_number("", "tau_a", tau_a, POSITIVE)}
    if strength > 0.0:
        raise ParameterError("", "alpha", alpha, "needs a time constant: give tau_a too")
    return found


def _coupling(p: Parameters) -> float:
    """Return j, the coupling at rest, with which the current is j x."""
    return (p["J"] - p.get("alpha", 0.0) * p.get("tau_a", 0.0) / p["tau"]) / math.pi


def _positive_roots(coefficients: list[float]) -> list[float]:
    """Return the positive real roots of a polynomial, in increasing order, polished by Newton's method."""
    roots = np.roots(coefficients)
    real = roots.real[(np.abs(roots.imag) <= _REAL * np.abs(roots)) & (roots.real > 0.0)]
    slope = np.polyder(coefficients)
    for _ in range(_POLISHING):
        steepness = np.polyval(slope, real)
        real = real - np.where(
            steepness != 0.0, np.polyval(coefficients, real) / np.where(steepness, steepness, 1.0), 0
        )
    return sorted(real.tolist())
