"""The ODE level over time."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.levels import ode
from reduction.levels.stepping import Samples, Steps
from reduction.markov import MarkovApproximation
from spiking.errors import NumericalError

_FLOOR_SHARE = 1e-3


def run(approximation: MarkovApproximation, steps: Steps, initial: Any) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Return samples and final state, from an initial state as `ode.checked_state` takes it."""
    from reduction.kernels import mean_flow as kernel

    full = ode.checked_state(approximation, initial)
    own = ode.layout(approximation)
    level_variance = own.split(full)[4].copy()
    out = steps.empty(approximation)
    for step, number in steps.pieces(approximation, own.parts[0]):
        arrays = approximation.arrays(time=step * steps.dt)
        done, population = kernel.integrate(
            arrays, steps.dt, steps.total, step, number, steps.every, level_variance, *own.split(full), *out
        )
        runaway(approximation, "ode", population, (step + done) * steps.dt)
        if not np.isfinite(full).all():
            raise NumericalError(
                f"level 'ode': the state became non-finite at {(step + number - 1) * steps.dt:g} ms; reduce dt"
            )
    check_floor(approximation, "ode", own.split(full)[0])
    return out, full[own.kept]


def runaway(approximation: MarkovApproximation, level: str, population: int, time: float) -> None:
    """Raise `NumericalError` if a kernel has returned the number of a population whose rates have run away."""
    if population < 0:
        return
    name = list(approximation.network.sizes)[population]
    raise NumericalError(
        f"level {level!r}: {name} makes too many hops per step at {time:g} ms. Either its rate runs away (is "
        "excitation balanced by inhibition or refractoriness?), or bins are too fine for this step: reduce dt, or use "
        "fewer bins"
    )


def check_floor(approximation: MarkovApproximation, level: str, density: npt.NDArray[np.float64]) -> None:
    """Warn if neurons have come to the lower end of the bins, which holds them up."""
    arrays = approximation.arrays()
    for a, (name, bins) in enumerate(approximation.bins.items()):
        if np.isinf(approximation.v_min[name]) or approximation.v_min[name] >= arrays.reset[a]:
            continue
        own = density[arrays.start[a] : arrays.start[a + 1]].reshape(-1, bins)
        share = own[:, : max(1, bins // 50)].sum() / approximation.network.sizes[name]
        if share > _FLOOR_SHARE:
            warnings.warn(
                f"level {level!r}: {100 * share:.2g} % of {name} lie in the lowest bins, and v_min = "
                f"{approximation.v_min[name]:g} holds them up: rates are not to be trusted; give a lower v_min",
                stacklevel=4,
            )
