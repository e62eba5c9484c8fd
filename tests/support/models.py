"""Models whose bifurcations are known, each with its numbers: for tests, examples and benchmarks of continuation.

`ORACLE` holds the numbers: [exact] follow from a formula, [published] are printed by the source with the digits given
here, [computed] come from a program other than this one. Tuples increase; a cascade is in its own order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.levels import exact
from reduction.system import ODESystem

Floats = npt.NDArray[np.float64]
Parameters = Mapping[str, float]

_A, _B = 2.0, 5.45  # reaction of the Brusselator on a line
_DIFFUSION = (0.008, 0.004)


class Printed(float):
    """A number as its source prints it, good to `tolerance`: 0.6 of the last digit."""

    tolerance: float

    def __new__(cls, text: str) -> Printed:
        number = super().__new__(cls, text)
        number.tolerance = 0.6 * 10.0 ** -len(text.partition(".")[2])
        return number


def printed(*texts: str) -> tuple[Printed, ...]:
    """Return numbers as their source prints them."""
    return tuple(map(Printed, texts))


def tolerance(number: float) -> float:
    """Return how far a computed value may be from an oracle: 1e-8 where a formula gives it."""
    return number.tolerance if isinstance(number, Printed) else 1e-8


# "subcritical" belongs to the Hopf points, in their order.
ORACLE: dict[str, dict[Any, Any]] = {
    # x' = m + l x - x^3 at l = 1; CP = (m, l) [exact]
    "cusp": {"LP": (-2 / (3 * math.sqrt(3)), 2 / (3 * math.sqrt(3))), "CP": (0.0, 0.0)},
    # folds b1 = b2^2/4, Hopf points b1 = 0 with b2 < 0: here at b2 = -1; BT = (b1, b2) [exact]
    "bogdanov_takens": {
        "LP": (0.25,),
        "HB": (0.0,),
        "HB periods": (2 * math.pi,),
        "subcritical": (False,),
        "BT": (0.0, 0.0),
    },
    # at b2 = 1; l1 = 2 b2 where ||q|| = 1; GH = (b1, b2) [exact]
    "bautin": {
        "HB": (0.0,),
        "HB periods": (2 * math.pi,),
        "subcritical": (True,),
        "l1": 2.0,
        "LPC": (-0.25,),
        "LPC periods": (2 * math.pi,),
        "GH": (0.0, 0.0),
    },
    # BP, HB [exact]; cascade of the asymmetric cycle [published: AUTO-07p, demo lrz]
    "lorenz": {
        "BP": (1.0,),
        "HB": (470 / 19,),
        "HB periods": printed("0.6528303"),
        "subcritical": (True,),
        "PD": printed("229.407", "218.210", "215.966"),
        "PD periods": printed("0.480867", "0.987949", "1.98675"),
    },
    # [published: AUTO-07p, demo ab], by B; folds, cusp and Hopf points (`ab_hopf_points`) in closed form [exact]
    "ab": {
        14.0: {"HB": printed("0.165042", "0.3365505"), "subcritical": (True, False)},
        18.0: {
            "LP": (2 * math.exp(-3), math.exp(-1.5) / 2),
            "HB": printed("0.111153", "0.1838346"),
            "subcritical": (True, False),
        },
        "CP": (math.exp(-2), 16.0),
    },
    # [published: AUTO-07p, demo pp2], BP [exact]
    "pp2": {
        "BP": (0.6, 2 / 3 / (1 - math.exp(-5 / 3))),
        "LP": printed("0.832929"),
        "HB": printed("0.671594"),
        "subcritical": (False,),
    },
    # [published: AUTO-07p, demo plp]
    "plp": {
        "HB": printed("3.49995", "4.65046"),
        "subcritical": (True, True),
        "LPC": printed("2.75969", "5.00784"),
        "LPC periods": printed("10.0064", "5.67658"),
    },
    # HB, l1 where ||q|| = 1 [exact]; PD [published: MatCont]
    "feedback_control": {
        "HB": (1.0,),
        "HB periods": (2 * math.pi,),
        "subcritical": (False,),
        "l1": -0.3,
        "PD": printed("0.63030201"),
        "PD periods": printed("6.36407134"),
    },
    # [exact]
    "fitzhugh_nagumo": {
        "HB": printed("0.331281337", "1.418718663"),
        "HB periods": printed("22.80591687", "22.80591687"),
        "subcritical": (True, True),
    },
    # [published], by (phi, gCa, V3, V4)
    "morris_lecar": {
        (0.04, 4.4, 2.0, 30.0): {
            "HB": printed("93.8576", "212.0188"),
            "subcritical": (True, True),
            "LPC": printed("88.29325", "216.8998"),
        },
        (0.067, 4.0, 12.0, 17.4): {
            "LP": printed("-9.949039", "39.963153"),  # the second: SNIC
            "HB": printed("97.646164"),
            "subcritical": (True,),
            "LPC": printed("115.94872"),
        },
    },
    # PD of the cycles of 1, 2, 4, 8 points; the first two [exact]
    "logistic": {"PD": (3.0, 1 + math.sqrt(6), *printed("3.54409", "3.56441"))},
    # PD of the fixed point: b = 2 sqrt(a/3) - 1, by a [exact]
    "henon": {a: {"PD": (2 * math.sqrt(a / 3) - 1,)} for a in (1.0, 2.0)},
    # Delta 1, J 15; CP = (eta, J) [exact]; fixed points at eta -5
    "montbrio_pazo_roxin": {
        "LP": printed("-5.743527162", "-3.136134086"),
        "LP rates": printed("0.753919727", "0.162569797"),
        "CP": (-math.sqrt(3), 4 * math.sqrt(2) * 3**0.25 * math.pi / 3),
        "CP rate": Printed("0.296220727"),
        "rates": printed("0.08113444", "0.47298034", "1.03059680"),
    },
    # Delta 2, J 15 sqrt(2), alpha 1, tau_a 10 [computed: AUTO-07p]
    "adapting_montbrio_pazo_roxin": {
        "LP": printed("-3.548702", "-3.537497"),
        "HB": printed("-4.0398186", "-0.534081"),
        "subcritical": (True, True),
    },
    # first Hopf point: length, with 40 points [exact]
    "brusselator_pde": {"HB": printed("0.512894438")},
    # of `exact_cycles` [exact]
    "fold_of_cycles": {"HB": (0.0,), "l1": 2.0, "LPC": (-0.25,), "LPC radius": math.sqrt(0.5)},
    "torus": {"NS": (0.0,), "NS angle": 2 * math.pi * (math.sqrt(2) - 1)},
    "period_doubling": {"PD": (0.0,), "PD periods": (2 * math.pi,)},
}


def cusp() -> ODESystem:
    """Return the normal form of the cusp."""
    return ODESystem.from_expressions({"x": "m + l*x - x**3"}, {"m": -1.0, "l": 1.0})


def bogdanov_takens() -> ODESystem:
    """Return the normal form of Bogdanov and Takens (Kuznetsov 2004, 8.4)."""
    return ODESystem.from_expressions({"x": "y", "y": "b1 + b2*x + x**2 - x*y"}, {"b1": -0.1, "b2": -1.0})


def bautin() -> ODESystem:
    """Return the normal form z' = (b1 + i) z + b2 z |z|^2 - z |z|^4 (Kuznetsov 2004, 8.3), z = x + iy."""
    growth = "(b1 + b2*(x**2 + y**2) - (x**2 + y**2)**2)"
    return ODESystem.from_expressions({"x": f"{growth}*x - y", "y": f"{growth}*y + x"}, {"b1": -0.5, "b2": 1.0})


def lorenz() -> ODESystem:
    """Return the Lorenz equations."""
    equations = {"x": "sigma*(y - x)", "y": "rho*x - y - x*z", "z": "x*y - beta*z"}
    return ODESystem.from_expressions(equations, {"rho": 0.5, "sigma": 10.0, "beta": 8 / 3})


def ab(B: float) -> ODESystem:
    """Return the reactions A -> B -> C in a stirred tank (AUTO-07p, demo ab); folds at u1 (1 - u1) = 4/B."""
    equations = {"u1": "-u1 + p*(1 - u1)*exp(u2)", "u2": "-u2 + p*B*(1 - u1)*exp(u2) - 3*u2"}
    return ODESystem.from_expressions(equations, {"p": 0.0, "B": B})


def ab_hopf_points(B: float) -> tuple[float, ...]:
    """Return the values of p at the Hopf points of `ab`: -B u^2 + (B + 4) u - 5 = 0, p = u/(1 - u) exp(-B u/4)."""
    return tuple(u / (1 - u) * math.exp(-B * u / 4) for u in sorted(np.roots([-B, B + 4, -5.0])))


def pp2() -> ODESystem:
    """Return a predator and its prey, which is harvested (AUTO-07p, demo pp2)."""
    equations = {"u1": "3*u1*(1 - u1) - u1*u2 - p*(1 - exp(-5*u1))", "u2": "-u2 + 3*u1*u2"}
    return ODESystem.from_expressions(equations, {"p": 0.0})


def plp() -> ODESystem:
    """Return the enzyme-catalysed reaction of AUTO-07p's demo plp."""
    consumed = "rho*s*a/(1 + s + 0.1*s**2)"
    equations = {"s": f"s0 - s - {consumed}", "a": f"0.2*(500 - a) - {consumed}"}
    return ODESystem.from_expressions(equations, {"rho": 0.0, "s0": 110.0}, guess={"s": 110.0, "a": 500.0})


def feedback_control() -> ODESystem:
    """Return x''' + alpha x'' + x' + x - x^2 = 0 (Kuznetsov 2004, example 5.4)."""
    return ODESystem.from_expressions({"x": "y", "y": "z", "z": "-alpha*z - y - x + x**2"}, {"alpha": 1.5})


def brusselator_ode() -> ODESystem:
    """Return the Brusselator: Hopf point B = 1 + A^2, omega = A."""
    equations = {"x": "A - (B + 1)*x + x**2*y", "y": "B*x - x**2*y"}
    return ODESystem.from_expressions(equations, {"A": 1.0, "B": 1.5}, guess={"x": 1.0, "y": 1.5})


def brusselator_l1(A: float) -> float:
    """Return the first Lyapunov coefficient Re c1/omega of `brusselator_ode` where ||q|| = 1."""
    return -(2 + A**2) / (2 * (1 + 2 * A**2)) / A


def fitzhugh_nagumo() -> ODESystem:
    """Return the equations of FitzHugh and Nagumo."""
    equations = {"v": "v - v**3/3 - w + I", "w": "(v + 0.7 - 0.8*w)/12.5"}
    return ODESystem.from_expressions(equations, {"I": 0.0}, guess={"v": -1.2, "w": -0.6})


def morris_lecar(phi: float, gCa: float, V3: float, V4: float) -> ODESystem:
    """Return the Morris-Lecar neuron (Rinzel, Ermentrout 1989): I in uA/cm^2, potentials in mV, time in ms."""
    equations = {
        "V": "(I - 2*(V + 60) - gCa*(1 + tanh((V + 1.2)/18))/2*(V - 120) - 8*w*(V + 84))/20",
        "w": "phi*((1 + tanh((V - V3)/V4))/2 - w)*cosh((V - V3)/(2*V4))",
    }
    parameters = {"I": 0.0, "phi": phi, "gCa": gCa, "V3": V3, "V4": V4}
    return ODESystem.from_expressions(equations, parameters, guess={"V": -60.0, "w": 0.0})


def montbrio_pazo_roxin() -> ODESystem:
    """Return the quadratic neurons of Montbrio, Pazo, Roxin 2015 with Delta 1, J 15."""
    return exact.montbrio_pazo_roxin(eta=-10.0, delta=1.0, J=15.0)


def adapting_montbrio_pazo_roxin() -> ODESystem:
    """Return them with adaptation of alpha-function shape and Delta 2, J 15 sqrt(2)."""
    return exact.montbrio_pazo_roxin(eta=-10.0, delta=2.0, J=15 * math.sqrt(2), alpha=1.0, tau_a=10.0)


@dataclass(frozen=True)
class Map:
    """A map y -> f(y; p): names, default parameters, f of shape (n,), df/dy of shape (n, n), a state to start from."""

    names: tuple[str, ...]
    parameters: dict[str, float]
    function: Callable[[Floats, Parameters], Floats]
    derivative: Callable[[Floats, Parameters], Floats]
    guess: Floats


def logistic() -> Map:
    """Return x -> r x (1 - x)."""
    return Map(
        ("x",), {"r": 2.0}, lambda y, p: p["r"] * y * (1 - y), lambda y, p: p["r"] * (1 - 2 * y)[None], np.array([0.5])
    )


def henon() -> Map:
    """Return x -> y, y -> a - b x - y^2."""
    return Map(
        ("x", "y"),
        {"a": 1.0, "b": 0.5},
        lambda y, p: np.array([y[1], p["a"] - p["b"] * y[0] - y[1] ** 2]),
        lambda y, p: np.array([[0.0, 1.0], [-p["b"], -2 * y[1]]]),
        np.array([0.5, 0.5]),
    )


def brusselator_pde(points: int) -> ODESystem:
    """Return the Brusselator on a line of length l, by finite differences: points inner points, ends held at rest."""

    def split(y: Floats, p: Parameters) -> tuple[Floats, Floats, tuple[float, float]]:
        scale = ((points + 1) / p["l"]) ** 2
        return y[..., :points], y[..., points:], (_DIFFUSION[0] * scale, _DIFFUSION[1] * scale)

    def laplacian(u: Floats, end: float) -> Floats:
        padded = np.pad(u, [(0, 0)] * (u.ndim - 1) + [(1, 1)], constant_values=end)
        return padded[..., 2:] - 2 * u + padded[..., :-2]

    def many(y: Floats, p: Parameters) -> Floats:
        u, v, (du, dv) = split(y, p)
        produced = u**2 * v
        return np.concatenate(
            [
                du * laplacian(u, _A) + _A - (_B + 1) * u + produced,
                dv * laplacian(v, _B / _A) + _B * u - produced,
            ],
            axis=-1,
        )

    second = np.eye(points, k=1) + np.eye(points, k=-1) - 2 * np.eye(points)
    i = np.arange(points)

    def derivative_many(y: Floats, p: Parameters) -> Floats:
        u, v, (du, dv) = split(y, p)
        out = np.zeros((*y.shape, y.shape[-1]))
        out[..., :points, :points], out[..., points:, points:] = du * second, dv * second
        out[..., i, i] += 2 * u * v - _B - 1
        out[..., i, points + i] = u**2
        out[..., points + i, i] = _B - 2 * u * v
        out[..., points + i, points + i] -= u**2
        return out

    names = [f"{s}{k}" for s in "uv" for k in range(1, points + 1)]
    guess = np.repeat([_A, _B / _A], points)
    return batched(many, derivative_many, names, {"l": 0.1}, guess)


def brusselator_pde_hopf_point(points: int, mode: int = 1) -> tuple[float, float]:
    """Return length and period at the Hopf point of a mode of `brusselator_pde`."""
    mu = 4 * (points + 1) ** 2 * math.sin(mode * math.pi / (2 * (points + 1))) ** 2
    square = sum(_DIFFUSION) * mu / (_B - 1 - _A**2)
    one, two = (d * mu / square for d in _DIFFUSION)
    determinant = (_B - 1 - one) * (-(_A**2) - two) + _A**2 * _B
    return math.sqrt(square), 2 * math.pi / math.sqrt(determinant)


def batched(
    many: Callable[[Floats, Parameters], Floats],
    derivative_many: Callable[[Floats, Parameters], Floats],
    names: list[str],
    parameters: dict[str, float],
    guess: Floats,
) -> ODESystem:
    """Return a system of functions of states (..., n), which serve one state and many."""
    return ODESystem(
        names=tuple(names),
        parameters=parameters,
        function=lambda t, y, p: many(y, p),
        derivative=lambda t, y, p: derivative_many(y, p),
        guess=guess,
        function_many=many,
        derivative_many=derivative_many,
    )
