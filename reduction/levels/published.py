"""The published two-moment scheme of [C25], to be reproduced to the digit.

35 bins of width 4 mV on [-40, 100] (scaled to other thresholds) hold a count and a mean voltage each; see
`reduction.kernels.two_moment`. It is a map of the time step with kinks: for reproduction, not for continuation.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reduction.kernels.density import Arrays
from reduction.markov import MarkovApproximation
from spiking.errors import SpecificationError
from spiking.neurons import LIF, Exponential
from spiking.synapses import PendingKick

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
                f"{population.name}.refractory: level 'published' needs an exponential refractory time; use level 'ode'"
            )
        if not getattr(population.drive, "rate", 0.0) > 0:
            raise SpecificationError(f"{population.name}.drive: level 'published' needs a noisy drive; use level 'ode'")
    for projection in network.projections:
        if isinstance(projection.synapse, PendingKick):
            raise SpecificationError(
                f"{projection.name}.synapse: level 'published' covers current synapses only; use level 'ode'"
            )
    arrays = MarkovApproximation(network, closure=approximation.closure).arrays()
    populations = len(network.sizes)
    width = (arrays.threshold - arrays.reset) / (_BINS - _BINS_BELOW_RESET)
    start = np.arange(populations + 1, dtype=np.int64) * _BINS
    return arrays._replace(
        start=start,
        width=width,
        floor=arrays.reset - _BINS_BELOW_RESET * width,
        reset_bin=start[:-1] + _BINS_BELOW_RESET,
    )


def initial_state(arrays: Arrays) -> tuple[npt.NDArray[np.float64], ...]:
    """Return (count, summed voltage, pool, mean, variance, last spikes): all neurons in the bin above reset."""
    count, voltage = np.zeros((2, arrays.start[-1]))
    count[arrays.reset_bin] = arrays.size
    voltage[arrays.reset_bin] = arrays.size * arrays.reset + _INITIAL_VOLTAGE
    populations, projections = arrays.size.size, arrays.target.size
    return (
        count, voltage, np.zeros(populations), np.zeros(projections), np.zeros(projections), np.zeros(populations),
    )  # fmt: skip
