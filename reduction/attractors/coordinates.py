"""Coordinates that a network and its reductions have in common: pending spikes, voltages, rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.trajectory import Trajectory
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network, Projection
from spiking.neurons import QIF
from spiking.recording import Recording
from spiking.specification import POSITIVE, checked_number
from spiking.statistics import checked_discard
from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent
from spiking.wiring import Explicit

Floats = npt.NDArray[np.float64]

INTERVAL = 0.5
BOXCAR = 1.0
"""Default spacing of the points, and average of the rates, in ms."""

_LONGEST_INTERVAL = 5.0
_NO_MOMENTS = "voltages of quadratic neurons without a threshold have no finite mean and spread"


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Points on a trajectory in a space that network and levels share.

    Attributes
    ----------
    names, units : tuple of str
        ``"EI.pending"``: mean over the target population of the synaptic variable, as in `spiking.State`;
        ``"E.voltage"``, ``"E.voltage_spread"``: mean and standard deviation over the population's neurons;
        ``"E.rate"``: firing rate per neuron, averaged over 1 ms around the point's time.
    times : array, shape (samples,)
        In ms.
    values : array, shape (samples, coordinates)
    missing : dict
        Name of a coordinate that the source cannot have to the reason.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    times: Floats
    values: Floats
    missing: dict[str, str]

    def of(self, names: Sequence[str]) -> Floats:
        """Return the values of some coordinates, shape (samples, names).

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        for name in names:
            if name not in self.names:
                raise UnknownNameError("coordinate", name, self.names)
        return self.values[:, [self.names.index(name) for name in names]]


def coordinates(
    source: Recording | Trajectory, *, discard: float = 0.0, interval: float = INTERVAL, trial: int = 0
) -> Coordinates:
    """Return the points of a trial in the coordinates that network and levels share.

    Parameters
    ----------
    source : Recording or Trajectory
    discard : float
        Initial transient in ms that is left out.
    interval : float
        Between points, in ms: a multiple of the source's sampling interval.
    trial : int

    Returns
    -------
    Coordinates
        Of the times, multiples of `interval`, around which the rates' 1 ms lies within the record.

    Raises
    ------
    SpecificationError, ParameterError
        If the source is something else, there is no such trial, or an option is out of range.
    """
    if not isinstance(source, (Recording, Trajectory)):
        raise SpecificationError(f"source = {type(source).__name__}: must be a Recording or a Trajectory")
    if isinstance(trial, bool) or trial not in range(source.trials):
        raise ParameterError("", "trial", trial, f"must be 0 to {source.trials - 1}")
    discard = checked_discard(discard, source.duration)
    step = source.sampling_interval
    stride = round(checked_number("", "interval", interval, POSITIVE) / step)
    if stride < 1 or not math.isclose(stride * step, interval, rel_tol=1e-6):
        raise ParameterError("", "interval", interval, f"must be a multiple of the sampling interval of {step:g} ms")
    rates, first_window = _rates(source, trial)
    width = source_samples(source) - len(rates) + 1
    number = np.arange(stride, source_samples(source) + 1, stride)  # of the sample that ends at a point's time
    window = number - first_window
    number = number[(number * step > discard + 1e-9 * step) & (window >= 0) & (window < len(rates))]
    if number.size == 0:
        raise ParameterError(
            "", "discard", discard, f"leaves no time around which an average over {width * step:g} ms lies"
        )
    columns: dict[str, tuple[str, Floats]] = {}
    missing: dict[str, str] = {}
    sizes = source.populations if isinstance(source, Recording) else source.network.sizes
    if source.network is not None:
        _add_moments(columns, missing, source, source.network, trial, number - 1)
    else:
        missing |= {f"{name}.{kind}": "spike data have no voltages" for name in sizes for kind in _VOLTAGES}
    columns |= {f"{name}.rate": ("Hz", rates[number - first_window, a]) for a, name in enumerate(sizes)}
    return Coordinates(
        names=tuple(columns), units=tuple(unit for unit, _ in columns.values()), times=np.asarray(number * step),
        values=np.stack([values for _, values in columns.values()], axis=1), missing=missing,
    )  # fmt: skip


_VOLTAGES = ("voltage", "voltage_spread")


def names_of(network: Network) -> tuple[str, ...]:
    """Return the names of all coordinates of a network, in order."""
    return (
        *(f"{p.name}.pending" for p in network.projections),
        *(f"{name}.{kind}" for name in network.sizes for kind in _VOLTAGES),
        *(f"{name}.rate" for name in network.sizes),
    )


def common_interval(steps: Sequence[float]) -> float:
    """Return the shortest interval in ms, from 0.5 on, that is a multiple of all sampling intervals.

    Raises
    ------
    SpecificationError
        If it is longer than 5 ms.
    """
    nanoseconds = [round(1e6 * step) for step in steps]
    shared = math.lcm(*nanoseconds) / 1e6
    interval = shared * max(1, math.ceil(INTERVAL / shared - 1e-9))
    if interval > _LONGEST_INTERVAL:
        spelled = ", ".join(f"{step:g}" for step in sorted(set(steps)))
        raise SpecificationError(
            f"sampling intervals of {spelled} ms have no common multiple up to {_LONGEST_INTERVAL:g} ms: "
            "choose dt and integration_dt of which one is a multiple of the other"
        )
    return interval


def source_samples(source: Recording | Trajectory) -> int:
    """Return the number of samples of a source."""
    return int((source.counts if isinstance(source, Recording) else source.firing_rates).shape[1])


def sampled_rates(source: Recording | Trajectory, trial: int) -> Floats:
    """Return the firing rates in Hz per neuron of every sampling interval, shape (samples, populations)."""
    if isinstance(source, Trajectory):
        return np.asarray(source.firing_rates[trial])
    return np.asarray(source.counts[trial] * _rate_of_one(source))


def _rate_of_one(recording: Recording) -> Floats:
    """Return the rate in Hz that one spike per sampling interval makes, shape (populations,)."""
    return 1000.0 / recording.sampling_interval / np.array(list(recording.populations.values()))


def _rates(source: Recording | Trajectory, trial: int) -> tuple[Floats, int]:
    """Return the rates averaged over a boxcar, and the number of the sample at whose end the first one is centred."""
    made: npt.NDArray[Any] = source.counts[trial] if isinstance(source, Recording) else source.firing_rates[trial]
    scale = _rate_of_one(source) if isinstance(source, Recording) else 1.0
    width = min(max(1, round(BOXCAR / source.sampling_interval)), len(made))
    total = np.cumsum(np.vstack([np.zeros((1, made.shape[1]), made.dtype), made]), axis=0)
    return np.asarray((total[width:] - total[:-width]) * (scale / width)), (width + 1) // 2


def _add_moments(
    columns: dict[str, tuple[str, Floats]],
    missing: dict[str, str],
    source: Recording | Trajectory,
    network: Network,
    trial: int,
    samples: npt.NDArray[np.int64],
) -> None:
    for q, projection in enumerate(network.projections):
        name = f"{projection.name}.pending"
        unit, factor = _synaptic(projection)
        if isinstance(source, Trajectory):
            if isinstance(projection.synapse, Delta):
                missing[name] = "a level spreads the kicks of a delta synapse over the last stage of its delay"
                continue
            columns[name] = (unit, factor * source.mean_pending[trial, samples, q])
        else:
            columns[name] = (unit, source.mean_pending[trial, samples, q])
    for a, population in enumerate(network.populations):
        neuron = population.neuron
        for kind, values in zip(_VOLTAGES, (source.mean_voltage, source.spread_voltage), strict=True):
            name = f"{population.name}.{kind}"
            if isinstance(neuron, QIF) and math.isinf(neuron.threshold):
                missing[name] = _NO_MOMENTS
            elif not np.isfinite(values[trial, samples, a]).all():
                missing[name] = "not in the archive from which the run was read"
            else:
                columns[name] = ("mV", values[trial, samples, a])


def _synaptic(projection: Projection) -> tuple[str, float]:
    """Return the unit of a projection's synaptic variable in the network, and how much of it a spike pending makes."""
    synapse, wiring = projection.synapse, projection.wiring
    factor = 1.0
    if isinstance(wiring, Explicit) and wiring.factors is not None and wiring.factors.size:
        factor = float(wiring.factors.mean())
    if isinstance(synapse, ExponentialCurrent):
        return "mV/ms", factor * (-synapse.weight if synapse.inhibitory else synapse.weight) / synapse.tau
    if isinstance(synapse, ExponentialConductance):
        return "leak conductances", factor * synapse.weight
    return ("mV", factor) if isinstance(synapse, Delta) else ("spikes", factor)
