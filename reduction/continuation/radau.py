"""Stiff integration over a given time together with the derivatives of its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from reduction.continuation.tableaux import Tableau
from reduction.differences import scale_of, slope
from reduction.system import ODESystem
from spiking.errors import NumericalError

Floats = npt.NDArray[np.float64]

STAGES = 5
_ITERATIONS = 10
_CONVERGED = 1e-11
_FIRST_STEP = 0.02
_SMALLEST_STEP = 1e-9
_SAFETY = 0.9
_SHRINKING, _GROWTH = 0.2, 4.0
_LATER = 0.7310585786


@cache
def radau(stages: int) -> Tableau:
    """Return Radau IIA: L-stable, of order 2 stages - 1.

    Hairer and Wanner, Solving Ordinary Differential Equations II, IV.5.
    """
    difference = np.zeros(stages + 1)
    difference[-2:] = -1.0, 1.0
    c = 0.5 * (np.sort(np.polynomial.legendre.legroots(difference)) + 1.0)
    c[-1] = 1.0
    powers = np.vander(c, stages, increasing=True)
    orders = np.arange(1, stages + 1)
    a = np.asarray(np.linalg.solve(powers.T, (c[:, None] ** orders / orders).T).T, float)
    return Tableau(a, a[-1], c)


@cache
def _defect(stages: int) -> tuple[float, Floats]:
    """Return the real eigenvalue of a, and the values at 0 of the Lagrange polynomials of c."""
    method = radau(stages)
    values = np.linalg.eigvals(method.a)
    at_start = np.linalg.solve(np.vander(method.c, stages, increasing=True).T, np.eye(stages)[0])
    return float(values[np.abs(values.imag).argmin()].real), at_start


@dataclass(frozen=True, eq=False)
class Advanced:
    """A state after a step or more, and its derivatives with respect to the first state and to parameters.

    Attributes
    ----------
    state : array, shape (n,)
    sensitivity : array, shape (n, n + parameters)
    """

    state: Floats
    sensitivity: Floats


class Flow:
    """The solution of dy/dt = f(t, y; p) from time 0 to `duration`, with its sensitivities.

    Radau IIA with five stages, order 9. Step sizes keep the defect at the left end of a step below `tolerance`, both of
    the state and of its derivatives with respect to the first state, over the size of each state (Hairer and Wanner,
    IV.8: an estimate of order 5, so that the error itself is far smaller).

    Parameters
    ----------
    system : ODESystem
        It may depend on time.
    duration : float
    tolerance : float
    """

    def __init__(self, system: ODESystem, duration: float, tolerance: float) -> None:
        self.system, self.duration, self.tolerance = system, duration, tolerance
        self._many = system.function_many is not None and not _depends_on_time(system)

    def advance(self, y: Floats, parameters: Mapping[str, float], names: Sequence[str]) -> Advanced:
        """Return the end from a state y, with its derivatives with respect to y and the named parameters.

        The steps do not depend on `names`.

        Raises
        ------
        NumericalError
            If the right-hand side is not finite on the way or too rough for any step.
        """
        n, time, h = y.size, 0.0, _FIRST_STEP * self.duration
        now = Advanced(y, np.hstack([np.eye(n), np.zeros((n, len(names)))]))
        scale = np.broadcast_to(scale_of(y, self.system.guess), (n,)).copy()
        growth = 1.0
        while time < self.duration:
            h = min(h, self.duration - time)
            ahead, reason = now, "the solution grows beyond bounds, or the right-hand side is not smooth"
            try:
                ahead, error = self.step(now, time, h, parameters, names, scale, growth)
            except NumericalError as failure:
                error, reason = math.inf, str(failure)
            factor = min(
                _GROWTH, max(_SHRINKING, _SAFETY * max(error / self.tolerance, 1e-300) ** (-1.0 / (STAGES + 1)))
            )
            if error > self.tolerance:
                h *= factor
                if h < _SMALLEST_STEP * self.duration:
                    raise NumericalError(f"the integration over {self.duration:g} fails at time {time:g}: {reason}")
                continue
            now, time = ahead, self.duration if h >= self.duration - time else time + h
            scale = np.maximum(scale, np.abs(now.state))
            growth = max(growth, float((np.abs(now.sensitivity[:, :n]) * scale / scale[:, None]).max()))
            h *= factor
        return now

    def step(
        self,
        now: Advanced,
        time: float,
        h: float,
        parameters: Mapping[str, float],
        names: Sequence[str],
        scale: Floats,
        growth: float = 1.0,
    ) -> tuple[Advanced, float]:
        """Return what follows a step of size h, and the estimated error of state and sensitivity over their sizes.

        Raises
        ------
        NumericalError
            If Newton's method does not converge.
        """
        n, method = now.state.size, radau(STAGES)
        slopes, jacobians = self._evaluated(np.array([time]), now.state[None], parameters)
        first, matrix = slopes[0], jacobians[0]
        times = time + method.c * h
        stages = now.state + h * method.c[:, None] * first
        for _ in range(_ITERATIONS):
            slopes, jacobians = self._evaluated(times, stages, parameters)
            block = np.eye(STAGES * n) - h * (method.a[:, None, :, None] * jacobians.transpose(1, 0, 2)[None]).reshape(
                STAGES * n, STAGES * n
            )
            change = _solved(block, (now.state + h * method.a @ slopes - stages).reshape(-1, 1)).reshape(STAGES, n)
            stages = stages + change
            if np.abs(change / scale).max() <= _CONVERGED:
                break
        else:
            raise NumericalError("Newton's method on the stages of a step does not converge")
        forcing = self._forcing(times, stages, parameters, names)
        right = np.broadcast_to(now.sensitivity, (STAGES, *now.sensitivity.shape)).copy()
        right[:, :, n:] += h * np.tensordot(method.a, forcing, 1)
        sensitivities = _solved(block, right.reshape(STAGES * n, -1)).reshape(right.shape)
        gamma, at_start = _defect(STAGES)
        defects = np.empty((n, 1 + n))
        defects[:, 0] = first - at_start @ slopes
        defects[:, 1:] = matrix @ now.sensitivity[:, :n] - np.tensordot(
            at_start, jacobians @ sensitivities[:, :, :n], 1
        )
        errors = np.abs(_solved(np.eye(n) - h * gamma * matrix, h * gamma * defects)) / scale[:, None]
        largest = max(float(errors[:, 0].max()), float((errors[:, 1:] * scale).max()) / growth)
        return Advanced(stages[-1], sensitivities[-1]), largest

    def _evaluated(self, times: Floats, states: Floats, parameters: Mapping[str, float]) -> tuple[Floats, Floats]:
        """Return f, shape (K, n), and df/dy, shape (K, n, n)."""
        if self._many:
            return self.system.rhs_many(states, parameters), self.system.jacobian_many(states, parameters)
        pairs = list(zip(times.tolist(), states, strict=True))
        return (
            np.array([self.system.function(t, y, parameters) for t, y in pairs]),
            np.array([self.system.derivative(t, y, parameters) for t, y in pairs]),
        )

    def _forcing(self, times: Floats, states: Floats, parameters: Mapping[str, float], names: Sequence[str]) -> Floats:
        """Return df/dp, shape (K, n, len(names))."""
        out = np.empty((*states.shape, len(names)))
        for j, name in enumerate(names):
            if self._many:
                out[:, :, j] = self.system.parameter_derivative_many(name, states, parameters)
                continue

            def along(value: float, name: str = name) -> Floats:
                changed = {**parameters, name: value}
                return np.array(
                    [self.system.function(t, y, changed) for t, y in zip(times.tolist(), states, strict=True)]
                )

            value = parameters[name]
            out[:, :, j] = slope(along, value, float(scale_of(value, self.system.parameters[name])))
        return out


def _solved(matrix: Floats, right: Floats) -> Floats:
    try:
        with np.errstate(all="ignore"):
            out = np.asarray(np.linalg.solve(matrix, right), float)
    except np.linalg.LinAlgError:
        raise NumericalError("a step's matrix is singular") from None
    if not np.isfinite(out).all():
        raise NumericalError("a step is not finite")
    return out


def _depends_on_time(system: ODESystem) -> bool:
    """Return whether the right-hand side depends on time at the system's guess."""
    return not np.array_equal(
        system.function(0.0, system.guess, system.parameters), system.function(_LATER, system.guess, system.parameters)
    )
