"""The published two-moment scheme of [C25], to be reproduced to the digit.

35 bins of width 4 mV on [-40, 100] (scaled to other thresholds) hold a count and a mean voltage each; see
`reduction.kernels.two_moment`. It is a map of the time step with kinks: for reproduction, not for continuation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from reduction.levels.stepping import Samples, Steps
from reduction.markov import MarkovApproximation
from spiking.drives import KickDrive
from spiking.errors import NumericalError, ParameterError, SpecificationError
from spiking.neurons import LIF, Exponential
from spiking.synapses import PendingCurrent
from spiking.wiring import Annealed

if TYPE_CHECKING:
    from reduction.kernels.layout import Arrays

_BINS = 35
_BINS_BELOW_RESET = 10
_INITIAL_VOLTAGE = 1e-4


def published_arrays(approximation: MarkovApproximation) -> Arrays:
    """Return the kernel's arrays on the published bins.

    Raises
    ------
    SpecificationError
        If the scheme does not cover the network.
    """
    network = approximation.network
    for population in network.populations:
        if not isinstance(population.neuron, LIF) or not isinstance(population.neuron.refractory, Exponential):
            raise SpecificationError(
                f"{population.name}: level 'published' covers LIF neurons with an exponential refractory time; "
                "use level 'ode'"
            )
        if not isinstance(population.drive, KickDrive) or not population.drive.rate > 0:
            raise SpecificationError(
                f"{population.name}.drive: level 'published' needs a poisson or gaussian drive; use level 'ode'"
            )
    for projection in network.projections:
        if not isinstance(projection.synapse, PendingCurrent) or not isinstance(projection.wiring, Annealed):
            raise SpecificationError(
                f"{projection.name}: level 'published' covers annealed pending_current synapses only; use level 'ode'"
            )
        if projection.delay > 0:
            raise ParameterError(projection.name, "delay", projection.delay, "must be 0 for level 'published'")
    closure = "published" if approximation.closure == "conditional" else approximation.closure
    arrays = MarkovApproximation(network, closure=closure).arrays()
    start = np.arange(len(network.sizes) + 1, dtype=np.int64) * _BINS
    return arrays._replace(start=start, reset_bin=start[:-1] + _BINS_BELOW_RESET)


def run(approximation: MarkovApproximation, steps: Steps, initial: Any) -> tuple[Samples, npt.NDArray[np.float64]]:
    """Return samples and final state (counts, summed voltages, pools, moments, last spikes).

    Raises
    ------
    SpecificationError
        If an initial state or a sampling interval is given: the scheme defines them.
    """
    from reduction.kernels import two_moment as kernel

    if initial is not None:
        raise SpecificationError("initial: level 'published' starts with all neurons at reset; leave it out")
    if steps.every != 1:
        allowed = "level 'published' samples every step; leave it out"
        raise ParameterError("", "sampling_interval", steps.every * steps.dt, allowed)
    arrays = published_arrays(approximation)
    width = (arrays.threshold - arrays.reset) / (_BINS - _BINS_BELOW_RESET)
    floor = arrays.reset - _BINS_BELOW_RESET * width
    state = initial_state(arrays)
    out = steps.empty(approximation)
    out.mean_voltage[0] = arrays.reset
    filled: Any = (*state, *out)
    for step, number in steps.pieces(approximation, state[0].size, first=1):
        kernel.integrate(arrays, floor, width, steps.dt, step, number, *filled)
        if not np.isfinite(state[0]).all():
            time = (step + number - 1) * steps.dt
            raise NumericalError(f"level 'published': counts became non-finite at {time:g} ms; reduce dt")
    return out, np.concatenate(state)


def initial_state(arrays: Arrays) -> tuple[npt.NDArray[np.float64], ...]:
    """Return (count, summed voltage, pool, mean, variance, last spikes): all neurons in the bin above reset."""
    count, voltage = np.zeros((2, arrays.start[-1]))
    count[arrays.reset_bin] = arrays.size
    voltage[arrays.reset_bin] = arrays.size * arrays.reset + _INITIAL_VOLTAGE
    populations, projections = arrays.size.size, arrays.target.size
    return (
        count, voltage, np.zeros(populations), np.zeros(projections), np.zeros(projections), np.zeros(populations),
    )  # fmt: skip
