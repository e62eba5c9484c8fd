"""Finding equilibria of a system and fixed points of a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.continuation import checks
from reduction.continuation.points import LinearisedPoint, PointProblem, is_stable, point_problem
from reduction.continuation.results import Equilibrium
from spiking import seeds
from spiking.errors import NumericalError, SpecificationError
from spiking.specification import NONNEGATIVE, checked_number

Floats = npt.NDArray[np.float64]

_ITERATIONS = 60
_RELATIVE = 1e-12
_SHORTEST = 1e-4
_SAME = 1e-6
_SPREAD = 0.1
_TINY = 1e-12
_STAGNANT = 1e-8
_STARTS = 30


def find_equilibrium(
    system: Any, guess: npt.ArrayLike | None = None, *, parameters: Mapping[str, float] | None = None
) -> Equilibrium:
    """Return the equilibrium near a guess, or the fixed point of a map, by Newton's method.

    Parameters
    ----------
    system : ODESystem, MapSystem or MarkovApproximation
    guess : array_like, shape (n,), optional
        Default: the system's own.
    parameters : mapping, optional
        Values that differ from the defaults.

    Raises
    ------
    SpecificationError
        If the input cannot be used; if the right-hand side is not smooth or depends on time.
    NumericalError
        If Newton's method does not converge, or converges outside the range of the states; with advice.
    """
    system = checks.system_of(system)
    chosen = checks.parameters_of(system, parameters)
    state = checks.state_of(system, system.guess if guess is None else guess, "guess")
    problem = point_problem(system, (), chosen, state, ())
    try:
        found = newton(problem, state, [])
    except NumericalError:
        checks.smooth(system, state, chosen)
        raise
    checks.smooth(system, found, chosen)
    if not system.admits(found):
        below = ", ".join(
            f"{n} = {y:g}" for n, y, low in zip(system.names, found, system.lowest, strict=True) if y < low
        )
        raise NumericalError(f"Newton's method leads out of the range of the states ({below}): try another guess")
    return described(problem, found)


def find_equilibria(
    system: Any,
    *,
    parameters: Mapping[str, float] | None = None,
    guesses: Sequence[npt.ArrayLike] | None = None,
    region: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    starts: int = _STARTS,
    seed: int = 0,
) -> list[Equilibrium]:
    """Return the equilibria found from many starts, each found one deflated away before the next search.

    Parameters
    ----------
    system : ODESystem, MapSystem or MarkovApproximation
    parameters : mapping, optional
        Values that differ from the defaults.
    guesses : sequence of array_like, optional
        Starts of your own, tried first.
    region : (low, high), each array_like of shape (n,) or a number, optional
        Box of random starts; by default they scatter around the system's guess at sizes from 0.1 to 100 times its own.
    starts : int
        Number of random starts.
    seed : int

    Returns
    -------
    list of Equilibrium
        In the order of their first state. There may be others.

    Raises
    ------
    SpecificationError
        If the input cannot be used.

    Notes
    -----
    Deflation: Farrell, Birkisson and Funke, SIAM J. Sci. Comput. 37 (2015) A2026.
    """
    system = checks.system_of(system)
    chosen = checks.parameters_of(system, parameters)
    n = len(system.names)
    starts = int(checked_number("", "starts", starts, NONNEGATIVE, integer=True))
    seeds.check(seed)
    random = np.random.default_rng(seed)
    own = [checks.state_of(system, guess, "guesses") for guess in guesses or ()]
    tries = [*own, system.guess]
    if region is not None:
        try:
            low, high = (np.broadcast_to(np.asarray(side, float), (n,)) for side in region)
            if not (np.isfinite(low).all() and np.isfinite(high).all() and (low <= high).all()):
                raise ValueError
        except (TypeError, ValueError):
            raise SpecificationError(
                f"region = {region!r}: must be (low, high), finite numbers or arrays of shape ({n},), low <= high"
            ) from None
        tries += list(low + (high - low) * random.random((starts, n)))
    else:
        size = float(np.sqrt(np.mean(system.guess**2))) or _SPREAD
        tries += [
            system.guess + size * 10.0 ** random.uniform(-1.0, 2.0) * random.standard_normal(n) for _ in range(starts)
        ]
    checks.autonomous(system, tries[0], chosen)
    found: list[Floats] = []
    problem = point_problem(system, (), chosen, system.guess, ())
    for start in tries:
        for _ in range(len(found) + 2):
            try:
                with np.errstate(all="ignore"):
                    state = newton(problem, newton(problem, start, found), [])
            except NumericalError:
                break
            if any(_same(state, other, problem.scale) for other in found):
                break
            found.append(state)
    admitted = filter(system.admits, found)
    return [described(problem, state) for state in sorted(admitted, key=lambda y: tuple(y))]


def described(problem: PointProblem, state: Floats) -> Equilibrium:
    """Return an equilibrium with its eigenvalues."""
    eigenvalues = problem.linearise(state).eigenvalues()
    return Equilibrium(state, problem.parameters(state), eigenvalues, is_stable(problem, eigenvalues))


def newton(problem: PointProblem, start: Floats, deflated: Sequence[Floats]) -> Floats:
    """Return a solution by damped Newton steps, away from those already known.

    Raises
    ------
    NumericalError
        If there is no convergence.
    """
    state, advice = start.copy(), "try another guess, `find_equilibria`, or the end of a simulation"
    linearised = problem.linearise(state)
    for _ in range(_ITERATIONS):
        step = _newton_step(linearised, advice)
        pull = sum((_pull(state, other, problem.scale) for other in deflated), np.zeros_like(state))
        share = 1.0 - float(pull @ step)
        step = step / share if abs(share) > 1e-12 else step
        size = float(np.linalg.norm(step))
        if size <= _RELATIVE * (float(np.linalg.norm(state)) + _RELATIVE):
            return state + step
        damping = 1.0
        while True:
            try:
                ahead = problem.linearise(state + damping * step)
                simplified = np.linalg.solve(linearised.inner, -ahead.residual)
                if deflated or np.linalg.norm(simplified) <= (1.0 - 0.25 * damping) * size or size < 1e-8:
                    break
            except (NumericalError, np.linalg.LinAlgError):
                pass
            damping *= 0.5
            if damping < _SHORTEST:
                raise NumericalError(f"Newton's method finds no equilibrium from this guess: {advice}")
        state, linearised = state + damping * step, ahead
        if not np.isfinite(state).all() or np.abs(state).max() > 1e12:
            break
    if np.isfinite(state).all() and size <= _STAGNANT * float(np.linalg.norm(state)):
        return state
    residual = float(np.abs(linearised.residual).max())
    raise NumericalError(f"Newton's method has not converged (largest residual {residual:.2g}): {advice}")


def _newton_step(linearised: LinearisedPoint, advice: str) -> Floats:
    try:
        step = np.asarray(np.linalg.solve(linearised.inner, -linearised.residual), np.float64)
    except np.linalg.LinAlgError:
        raise NumericalError(f"the Jacobian is singular: {advice}; a conserved quantity must be eliminated") from None
    if not np.isfinite(step).all():
        raise NumericalError(f"the Jacobian is singular: {advice}; a conserved quantity must be eliminated")
    return step


def _pull(state: Floats, known: Floats, scale: float) -> Floats:
    """Return the logarithmic gradient of scale^2 / |y - known|^2 + 1."""
    gap = np.asarray(state - known, float) / scale
    square = float(gap @ gap)
    factor = -2.0 / (square * (1.0 + square)) if square > 0.0 else 0.0
    return np.asarray(factor * gap / scale, np.float64)


def _same(a: Floats, b: Floats, scale: float) -> bool:
    size = max(float(np.linalg.norm(a)), float(np.linalg.norm(b)))
    return float(np.linalg.norm(a - b)) <= max(_SAME * size, _TINY * scale)
