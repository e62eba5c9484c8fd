"""Coefficients of normal forms, from directional derivatives only.

With <p, q> = 1 and ||q|| = 1 in the Euclidean norm:

* fold: a = <p, B(q, q)> / 2 (Kuznetsov, Elements of Applied Bifurcation Theory, 3rd edition, eq. 5.24);
* cusp: c = <p, C(q, q, q) + 3 B(q, h)> / 6 with J h = -B(q, q) + <p, B(q, q)> q (eq. 8.126);
* Bogdanov-Takens: a = <p1, B(q0, q0)> / 2 and b = <p0, B(q0, q0)> + <p1, B(q0, q1)> (eq. 8.107);
* Hopf: the first Lyapunov coefficient l1 = Re c1 / omega,
  c1 = <p, C(q, q, q*) - 2 B(q, J^-1 B(q, q*)) + B(q*, (2 i omega - J)^-1 B(q, q))> / 2 (eq. 5.39);
* period doubling of a map: b = <p, C(q, q, q) + 3 B(q, (1 - M)^-1 B(q, q))> / 6 (eq. 5.47);
* torus of a map: d = Re(exp(-i theta) <p, C(q, q, q*) + 2 B(q, (1 - M)^-1 B(q, q*)) + B(q*, h)>) / 2 with
  h = (exp(2 i theta) - M)^-1 B(q, q) (eq. 5.57).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation.derivatives import second, third
from reduction.system import ODESystem
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[Any]
Coefficients = tuple[dict[str, float], str]

_NEGLIGIBLE = 1e-10
_SLOPE = 1e-3
_LARGE = 10.0
_ZERO = 1e-8


def null_vectors(matrix: npt.NDArray[Any]) -> tuple[Complexes, Complexes]:
    """Return (q, p) of a singular matrix: matrix q = 0, p^H matrix = 0, ||q|| = 1, <p, q> = 1."""
    left, _, right = np.linalg.svd(matrix)
    q, p = right[-1].conj().astype(complex), left[:, -1].astype(complex)
    q = q * (np.abs(q[np.abs(q).argmax()]) / q[np.abs(q).argmax()])
    product = np.vdot(p, q)
    return q, p / np.conj(product) if abs(product) > 1e-14 else p


def fold(system: ODESystem, state: Floats, parameters: Mapping[str, float], jacobian: Floats) -> Coefficients:
    """Return the quadratic coefficient of a fold; it vanishes at a cusp."""
    q, p = null_vectors(jacobian)
    return {"fold": float(np.vdot(p, second(system, state, parameters, q.real, q.real)).real / 2.0)}, ""


def cusp(system: ODESystem, state: Floats, parameters: Mapping[str, float], jacobian: Floats) -> Coefficients:
    """Return the cubic coefficient of a cusp."""
    (q, p), n = null_vectors(jacobian), len(state)
    u, w = q.real, p.real
    forced = second(system, state, parameters, u, u)
    bordered = np.block([[jacobian, w[:, None]], [u[None, :], np.zeros((1, 1))]])
    h = np.linalg.solve(bordered, np.append(-forced + (w @ forced) * u, 0.0))[:n]
    cubic = third(system, state, parameters, u, u, u) + 3.0 * second(system, state, parameters, u, h)
    value = float(w @ cubic / 6.0)
    return {"cusp": value}, "stable inside the wedge" if value < 0.0 else "unstable inside the wedge"


def hopf(
    system: ODESystem, state: Floats, parameters: Mapping[str, float], jacobian: Floats, omega: float
) -> Coefficients:
    """Return the first Lyapunov coefficient of a Hopf point, l1 = Re c1 / omega, with ||q|| = 1."""
    n = len(state)
    q, p = null_vectors(jacobian - 1j * omega * np.eye(n))
    qc = q.conj()

    def b(u: Complexes, v: Complexes) -> Complexes:
        return np.asarray(second(system, state, parameters, u, v))

    mean = np.linalg.solve(jacobian, b(q, qc))
    twice = np.linalg.solve(2j * omega * np.eye(n) - jacobian, b(q, q))
    value = np.vdot(p, third(system, state, parameters, q, q, qc) - 2.0 * b(q, mean) + b(qc, twice)) / 2.0
    first = float(value.real / omega)
    return {"first_lyapunov": first, "frequency": omega}, _criticality(first)


def bogdanov_takens(
    system: ODESystem, state: Floats, parameters: Mapping[str, float], jacobian: Floats
) -> Coefficients:
    """Return the coefficients a and b of w0' = w1, w1' = a w0^2 + b w0 w1 at a Bogdanov-Takens point (eq. 8.107)."""
    n = len(state)
    left, _, right = np.linalg.svd(jacobian)
    q0, p1 = right[-1], left[:, -1]
    bordered = np.block([[jacobian, p1[:, None]], [q0[None, :], np.zeros((1, 1))]])
    q1 = np.linalg.solve(bordered, np.append(q0, 0.0))[:n]
    p1 = p1 / (p1 @ q1)
    p0 = np.linalg.solve(bordered.T, np.append(p1, 0.0))[:n]
    p0 = p0 - (p0 @ q1) * p1
    quadratic = second(system, state, parameters, q0, q0)
    mixed = second(system, state, parameters, q0, q1)
    a, b = float(p1 @ quadratic / 2.0), float(p0 @ quadratic + p1 @ mixed)
    return {"a": a, "b": b}, ""


def amplitude_near(
    system: ODESystem, state: Floats, parameters: Mapping[str, float], name: str, omega: float, distance: float
) -> float:
    """Return the root-mean-square amplitude of the cycles a distance in a parameter from a Hopf point, to lowest order.

    r^2 = -distance * d(Re lambda)/dp / Re c1 with y = y0 + 2 r Re(q exp(i omega t)); where that is no use, because the
    point is degenerate, the size of the state.
    """
    jacobian = system.derivative(0.0, state, parameters)
    size = float(np.sqrt(np.mean(state**2)))
    fallback = size or 1.0
    try:
        moved = -np.linalg.solve(jacobian, system.parameter_derivative(name, state, parameters))
        ends = []
        for sign in (-1.0, 1.0):
            shift = sign * _SLOPE * distance
            p = {**parameters, name: parameters[name] + shift}
            values = np.linalg.eigvals(system.derivative(0.0, state + shift * moved, p))
            ends.append(values[np.argmin(np.abs(values - 1j * omega))].real)
        slope = float(ends[1] - ends[0]) / (2.0 * _SLOPE * distance)
        cubic = hopf(system, state, parameters, jacobian, omega)[0]["first_lyapunov"] * omega
    except (NumericalError, np.linalg.LinAlgError):
        return fallback
    if slope == 0.0 or cubic == 0.0:
        return fallback
    amplitude = float(np.sqrt(2.0 * abs(slope * distance / cubic) / len(state)))
    return min(amplitude, _LARGE * size) if size > _ZERO * amplitude else amplitude


def of_fixed_point(
    kind: str, system: ODESystem, state: Floats, parameters: Mapping[str, float], jacobian: Floats
) -> Coefficients:
    """Return the coefficients of a fold, period doubling or torus of a map."""
    n = len(state)
    identity = np.eye(n)

    def b(u: Complexes, v: Complexes) -> Complexes:
        return np.asarray(second(system, state, parameters, u, v))

    if kind == "LP":
        return fold(system, state, parameters, jacobian - identity)
    if kind == "PD":
        q, p = null_vectors(jacobian + identity)
        h = np.linalg.solve(identity - jacobian, b(q, q))
        doubling = float((np.vdot(p, third(system, state, parameters, q, q, q) + 3.0 * b(q, h)) / 6.0).real)
        return {"period_doubling": doubling}, _criticality(-doubling)
    if kind == "NS":
        values = np.linalg.eigvals(jacobian)
        values = values[values.imag > 0.0]
        multiplier = values[np.argmin(np.abs(np.abs(values) - 1.0))]
        q, p = null_vectors(jacobian - multiplier * identity)
        qc = q.conj()
        mean = np.linalg.solve(identity - jacobian, b(q, qc))
        twice = np.linalg.solve(multiplier**2 * identity - jacobian, b(q, q))
        value = np.vdot(p, third(system, state, parameters, q, q, qc) + 2.0 * b(q, mean) + b(qc, twice))
        torus = float((value / multiplier).real / 2.0)
        return {"torus": torus, "angle": float(np.angle(multiplier))}, _criticality(torus)
    return {}, ""


def _criticality(coefficient: float) -> str:
    if abs(coefficient) < _NEGLIGIBLE:
        return "degenerate"
    return "supercritical" if coefficient < 0.0 else "subcritical"
