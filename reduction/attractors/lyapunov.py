"""Lyapunov exponents of ODE systems and of reduced networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation.radau import STAGES, Advanced, Flow
from reduction.differences import scale_of
from reduction.integration import integrate
from reduction.markov import MarkovApproximation
from reduction.sources import drives
from reduction.system import ODESystem
from spiking.drives import ArrayDrive
from spiking.errors import NumericalError, ParameterError, SpecificationError
from spiking.estimates import Estimate, block_estimate
from spiking.lyapunov.dimension import kaplan_yorke
from spiking.network import Network
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

Floats = npt.NDArray[np.float64]

WINDOWS = 39
"""Blocks, each overlapping the next by half, from which standard errors are taken."""

_TOLERANCE = 1e-6
_FIRST_STEP = 1e-4
_SMALLEST_STEP = 1e-12
_SAFETY, _SHRINKING, _GROWTH = 0.9, 0.2, 4.0
_DISTANCE = 1e-7
_INTERVAL = 5.0
_STANDARD_ERRORS = 3.0


class _Growth(NamedTuple):
    """Logarithmic growth of every direction over a step that ends at a time."""

    time: float
    logarithms: Floats


@dataclass(frozen=True, eq=False)
class LyapunovExponents:
    """Leading Lyapunov exponents, with what shows whether they have converged.

    Attributes
    ----------
    exponents : tuple of Estimate
        By decreasing value, per unit of time (1/ms for a network). The standard error comes from 39 blocks of equal
        length that overlap by half; it holds the fluctuations along the trajectory alone, not the error of the steps,
        and is too large for short runs (three times for 120 units of time of the Lorenz equations).
    times : array, shape (39,)
        Ends of the blocks, from the end of the transient on.
    running : array, shape (39, k)
        Exponents of the time up to there.
    converged : tuple of bool
        Whether those of both halves differ by less than three standard errors of their difference and one e-folding
        in a half (a constant factor of the growth tells nothing about its rate).
    final_state : array, shape (n,)
        Where the trajectory stopped.
    """

    exponents: tuple[Estimate, ...]
    times: Floats
    running: Floats
    converged: tuple[bool, ...]
    final_state: Floats

    def __repr__(self) -> str:
        shown = ", ".join(str(e) + ("" if c else " (not converged)") for e, c in zip(self.exponents, self.converged,
                                                                                     strict=True))  # fmt: skip
        return f"LyapunovExponents({shown})"

    @property
    def dimension(self) -> float:
        """Kaplan-Yorke dimension; see `spiking.lyapunov.dimension.kaplan_yorke`."""
        return kaplan_yorke([e.mean for e in self.exponents])


def lyapunov_exponents(
    system: ODESystem | MarkovApproximation | Network,
    number: int = 1,
    *,
    duration: float,
    discard: float = 0.0,
    initial: npt.ArrayLike | None = None,
    parameters: Mapping[str, float] | None = None,
    tolerance: float = _TOLERANCE,
    dt: float = 0.1,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> LyapunovExponents:
    r"""Return the leading Lyapunov exponents along a trajectory of the reduction.

    Those of the spiking network itself: `spiking.lyapunov.network_exponents`.

    Directions are carried along the trajectory by the linearised flow, :math:`\dot Q = J(y(t))\, Q`, and made
    orthonormal again by QR after every step; the exponents are the mean growth rates of the diagonal of R (Benettin,
    Galgani, Giorgilli, Strelcyn, Meccanica 15 (1980) 9).

    An `ODESystem` is integrated by Radau IIA of order 9 with the exact derivative of each step, all n directions at
    a time: a step costs of the order of :math:`(5 n)^3` operations, so it is meant for up to some 40 unknowns, stiff or
    not. A `MarkovApproximation` (or a network, with its default options) takes the steps of level ``"ode"`` of
    `reduction.integrate`, and directions are differences of 1e-7 (in neurons and spikes) between trajectories, made
    orthonormal every 5 ms: the exponents are those of the time-step map, of second order in dt, and `number` + 1
    integrations are what they cost.

    Parameters
    ----------
    system : ODESystem, MarkovApproximation or Network
    number : int
        How many exponents.
    duration, discard : float
        Length of the trajectory, and of its transient, in which directions align; in the system's unit of time.
    initial : array_like, shape (n,), optional
        By default the system's guess; of a network as `reduction.integrate`.
    parameters : mapping, optional
        Of an `ODESystem`: values that differ from the defaults.
    tolerance : float
        Of the error of a step of an `ODESystem`, state and derivative, over the size of the state.
    dt : float
        Step in ms of a network.
    seed : int
        Of the first directions.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        Before any work, if the input cannot be used; a map and a system that depends on time cannot.
    NumericalError
        If the integration fails.

    Examples
    --------
    >>> lorenz = ODESystem.from_expressions({"x": "10*(y - x)", "y": "28*x - y - x*z", "z": "x*y - 8/3*z"})
    >>> lyapunov_exponents(lorenz, 3, duration=200.0, discard=20.0, initial=[1.0, 1.0, 20.0])  # doctest: +SKIP
    LyapunovExponents(0.8991 ± 0.012, ...)
    """
    number = int(checked_number("", "number", number, POSITIVE, integer=True))
    duration = checked_number("", "duration", duration, POSITIVE)
    discard = checked_number("", "discard", discard, NONNEGATIVE)
    if discard >= duration:
        raise ParameterError("", "discard", discard, f"must be less than the duration of {duration:g}")
    tolerance = checked_number("", "tolerance", tolerance, POSITIVE)
    dt = checked_number("", "dt", dt, POSITIVE)
    rng = np.random.default_rng(int(checked_number("", "seed", seed, NONNEGATIVE, integer=True)))
    if isinstance(system, Network):
        system = MarkovApproximation(system)
    if isinstance(system, MarkovApproximation):
        if parameters:
            raise SpecificationError("parameters: belong to an ODESystem; change the network itself")
        walk: _Walk = _Differences(system, initial, duration, dt)
    else:
        walk = _Tangents(system, initial, parameters, duration, tolerance)
    n = walk.state.size
    if number > n:
        raise ParameterError("", "number", number, f"must be at most the number of unknowns, {n}")
    times, logarithms = [0.0], []
    for grown in walk.steps(_orthonormal(rng.standard_normal((n, number)))[0]):
        times.append(grown.time)
        logarithms.append(grown.logarithms)
        if progress is not None:
            progress(min(1.0, grown.time / duration))
    return _collected(np.array(times), np.array(logarithms), discard, walk.state)


def _collected(times: Floats, logarithms: Floats, discard: float, final_state: Floats) -> LyapunovExponents:
    """Return the exponents from the growth, shape (K, k), over steps between times, shape (K + 1,).

    Growth at the ends of a block does not belong to its rate: it only turns up again, reversed, in the next one. So
    blocks are weighted by Hann's window and overlap by half, which counts all times alike but those at both ends.
    """
    width = 2.0 * (times[-1] - discard) / (WINDOWS + 1)
    starts = discard + 0.5 * width * np.arange(WINDOWS)
    place = np.clip((times[None] - starts[:, None]) / width, 0.0, 1.0)
    weights = np.diff(place - np.sin(2.0 * math.pi * place) / (2.0 * math.pi), axis=1)
    rates = weights @ (logarithms / np.diff(times)[:, None])
    rates = rates[:, np.argsort(-rates.mean(axis=0), kind="stable")]
    half = WINDOWS // 2
    exponents, converged = [], []
    for own in rates.T:
        whole, first, second = map(_of_windows, (own, own[:half], own[-half:]))
        allowed = _STANDARD_ERRORS * math.hypot(first.se, second.se) + 2.0 / (times[-1] - discard)
        exponents.append(whole)
        converged.append(bool(abs(first.mean - second.mean) <= allowed))
    running = np.cumsum(rates, axis=0) / np.arange(1, WINDOWS + 1)[:, None]
    return LyapunovExponents(tuple(exponents), starts + width - discard, running, tuple(converged), final_state)


def _of_windows(rates: Floats) -> Estimate:
    """Return the mean of windows that overlap by half: neighbours share a sixth of their variance."""
    found = block_estimate(rates)
    return Estimate(found.mean, found.se * math.sqrt(1.0 + 2.0 * (1.0 - 1.0 / rates.size) / 6.0))


class _Walk:
    """A trajectory with directions that it carries along."""

    state: Floats

    def steps(self, directions: Floats) -> Iterator[_Growth]:
        """Yield the growth of orthonormal directions, shape (n, k), step by step."""
        raise NotImplementedError


class _Tangents(_Walk):
    """Steps of Radau IIA with the derivatives of each step."""

    def __init__(
        self, system: object, initial: object, parameters: Mapping[str, float] | None, duration: float, tolerance: float
    ) -> None:
        self.system = checks.flow_of(system)
        self.parameters = checks.parameters_of(self.system, parameters)
        self.state = checks.state_of(self.system, self.system.guess if initial is None else initial, "initial")
        checks.autonomous(self.system, self.state, self.parameters)
        self.duration, self.tolerance = duration, tolerance

    def steps(self, directions: Floats) -> Iterator[_Growth]:
        n, k = directions.shape
        flow = Flow(self.system, self.duration, self.tolerance)
        basis = _orthonormal(np.hstack([directions, np.eye(n)[:, : n - k]]))[0]
        now = Advanced(self.state, basis)
        scale = np.broadcast_to(scale_of(self.state, self.system.guess), (n,)).copy()
        time, h = 0.0, _FIRST_STEP * self.duration
        while time < self.duration:
            last = h >= self.duration - time
            h = min(h, self.duration - time)
            reason = "the solution grows beyond bounds, or the right-hand side is not smooth"
            try:
                ahead, error = flow.step(now, time, h, self.parameters, (), scale)
            except NumericalError as failure:
                ahead, error, reason = now, math.inf, str(failure)
            factor = _SAFETY * max(error / self.tolerance, 1e-300) ** (-1.0 / (STAGES + 1))
            factor = min(_GROWTH, max(_SHRINKING, factor))
            if error > self.tolerance:
                h *= factor
                if h < _SMALLEST_STEP * self.duration:
                    raise NumericalError(f"the integration fails at time {time:g}: {reason}")
                continue
            basis, logarithms = _orthonormal(ahead.sensitivity)
            now, time = Advanced(ahead.state, basis), self.duration if last else time + h
            scale = np.maximum(scale, np.abs(now.state))
            self.state = now.state
            yield _Growth(time, logarithms[:k])
            h *= factor


class _Differences(_Walk):
    """Steps of level "ode", and small differences between trajectories."""

    def __init__(self, approximation: MarkovApproximation, initial: object, duration: float, dt: float) -> None:
        for population in approximation.network.populations:
            if any(isinstance(drive, ArrayDrive) for _, drive in drives(population)):
                raise SpecificationError(f"{population.name}.drive: depends on time; must be constant")
        first = integrate(approximation, "ode", dt, dt=dt, initial=cast(npt.ArrayLike, initial), sampling_interval=dt)
        self.state = first.final_state[0]
        self.approximation, self.duration, self.dt = approximation, duration, dt

    def steps(self, directions: Floats) -> Iterator[_Growth]:
        number = max(1, round(_INTERVAL / self.dt))
        total = max(1, round(self.duration / self.dt))
        done = 0
        while done < total:
            number = min(number, total - done)
            ahead = self._ahead(self.state, number)
            moved = [(self._ahead(self.state + _DISTANCE * d, number) - ahead) / _DISTANCE for d in directions.T]
            directions, logarithms = _orthonormal(np.array(moved).T)
            self.state, done = ahead, done + number
            yield _Growth(self.duration * done / total, logarithms)

    def _ahead(self, state: Floats, number: int) -> Floats:
        span = number * self.dt
        done = integrate(self.approximation, "ode", span, dt=self.dt, initial=state, sampling_interval=span)
        return np.asarray(done.final_state[0])


def _orthonormal(directions: Floats) -> tuple[Floats, Floats]:
    """Return an orthonormal basis of the columns, and the logarithms of the lengths that each adds.

    Raises
    ------
    NumericalError
        If a direction has vanished.
    """
    basis, triangle = np.linalg.qr(directions)
    lengths = np.abs(np.diag(triangle))
    if not (np.isfinite(lengths).all() and lengths.min() > 0.0):
        raise NumericalError("a direction has vanished or is not finite: ask for fewer exponents")
    return basis, np.log(lengths)
