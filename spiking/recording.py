"""What a simulation, or a user's own data, leaves behind."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spiking import archive
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate
from spiking.network import Network
from spiking.specification import POSITIVE, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class State:
    """Momentary state of every trial of a network.

    Attributes
    ----------
    voltage : array, shape (trials, neurons)
        In mV.
    refractory : array, shape (trials, neurons)
        Steps left (scheme "exact": 1 until release).
    synaptic : array, shape (trials, sum of the targets' sizes over projections)
        Synaptic variable of every target, projection by projection: pending spikes, current in mV/ms, conductance over
        the leak's, or the delta kicks in mV that the next step applies.
    process : array, shape (trials, neurons)
        Ornstein-Uhlenbeck currents in mV/ms, less their mean; Lorentzian ones less their centre, in half widths.
    in_flight : array of int, shape (spikes, 3)
        Trial, age in steps, and neuron of the spikes that delays still hold.
    generators : tuple of str
        State of each trial's random generator (JSON).
    dt : float
        Step in ms to which `refractory` and `in_flight` refer.
    parts : tuple of str
        Names, sizes and kinds of the network's populations and projections.
    """

    voltage: Floats
    refractory: Floats
    synaptic: Floats
    process: Floats
    in_flight: Ints
    generators: tuple[str, ...]
    dt: float
    parts: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """Spikes, population counts and means of one or more trials.

    Times are in ms from the start of the run. A sampling interval ends at its sample's time: sample k stands for
    ``(k + 1) * sampling_interval``.

    Attributes
    ----------
    populations : dict
        Name to number of neurons; neurons are numbered population by population in this order.
    duration : float
        Of each trial, in ms.
    times, senders, trial : array, shape (spikes,)
        Spike times in ms, neurons, and trials; ordered by trial, then time.
    trials : int
    sampling_interval : float
        In ms.
    counts : array of int, shape (trials, samples, populations)
        Spikes of each population in each sampling interval.
    mean_voltage : array, shape (trials, samples, populations)
        Mean over the population (refractory neurons at reset) at the end of each interval, in mV; empty for spike data.
    spread_voltage : array, shape (trials, samples, populations)
        Standard deviation over the population at the end of each interval, in mV, like the mean: its neurons are all
        there are (no n - 1). NaN if read from an archive that has none; empty for spike data.
    mean_pending : array, shape (trials, samples, projections)
        Mean over the target population of the synaptic variable, as in `State.synaptic`; empty for spike data.
    traces : dict
        Population to the voltages of its traced neurons in mV, array of shape (trials, samples, neurons).
    histogram : array of int, shape (trials, intervals, populations, bins)
        How often a sampled voltage of the population lay in a bin, over successive `histogram_interval`.
    voltage_edges : array, shape (bins + 1,)
        Of the histogram's bins, in mV.
    histogram_interval : float
        In ms.
    synaptic_events : int
        Spikes that arrived at a synapse, over all trials.
    timing : dict
        ``setup_s`` (building the graph, and compiling) and ``wall_s`` (the run alone), in s, and ``threads``.
    network : Network or None
        What was simulated; None for a user's own data.
    options : dict
        dt, seed, scheme and package version of the run.
    final_state : State or None
        Where the run stopped; `simulate` continues from it.
    """

    populations: dict[str, int]
    duration: float
    times: Floats
    senders: Ints
    trial: Ints
    trials: int
    sampling_interval: float
    counts: Ints
    mean_voltage: Floats
    spread_voltage: Floats
    mean_pending: Floats
    network: Network | None
    options: dict[str, Any]
    final_state: State | None = None
    traces: dict[str, Floats] = field(default_factory=dict)
    histogram: Ints = field(default_factory=lambda: np.empty((1, 0, 0, 0), np.int64))
    voltage_edges: Floats = field(default_factory=lambda: np.empty(0))
    histogram_interval: float = 0.0
    synaptic_events: int = 0
    timing: dict[str, float] = field(default_factory=dict)

    @classmethod
    def from_spikes(
        cls,
        times: npt.ArrayLike,
        senders: npt.ArrayLike,
        populations: Mapping[str, int | Sequence[int]],
        *,
        duration: float | None = None,
        sampling_interval: float = 0.1,
    ) -> Recording:
        """Make a recording from a user's own spikes.

        Parameters
        ----------
        times : array_like, shape (spikes,)
            Spike times in ms.
        senders : array_like of int, shape (spikes,)
            Which neuron fired.
        populations : mapping
            Name to number of neurons (numbered on from 0, population by population) or to the neurons' own numbers.
        duration : float, optional
            In ms; by default up to the last spike.
        sampling_interval : float
            Width of the bins of `counts`, in ms.

        Raises
        ------
        SpecificationError
            If lengths differ, times are not finite or outside [0, duration], or a sender belongs to no population.
        """
        if not isinstance(populations, Mapping):
            raise ParameterError("", "populations", populations, "must map names to sizes or to neurons")
        try:
            t, s = (np.atleast_1d(np.asarray(given, float)) for given in (times, senders))
        except (TypeError, ValueError):
            raise SpecificationError("times and senders: must be numbers") from None
        if not np.array_equal(s, np.rint(s)):
            raise SpecificationError("senders: must all be integers")
        if t.ndim != 1 or t.shape != s.shape:
            raise SpecificationError(f"times and senders have shapes {t.shape} and {s.shape}: must be 1-D and equal")
        if not np.isfinite(t).all():
            raise SpecificationError("times: must all be finite")
        checked_number("", "sampling_interval", sampling_interval, POSITIVE)
        end = float(t.max(initial=0.0)) if duration is None else float(duration)
        if t.size and (t.min() < 0 or t.max() > end):
            raise SpecificationError(f"times lie in [{t.min()}, {t.max()}]: must lie in [0, duration = {end}]")
        if not end > 0:
            raise ParameterError("", "duration", end, "must be positive")
        index, sizes = _numbering(populations)
        try:
            own = np.array([index[int(sender)] for sender in s], np.int64)
        except KeyError as error:
            raise SpecificationError(f"senders: neuron {error.args[0]} belongs to none of the populations") from None
        order = np.argsort(t, kind="stable")
        t, own = t[order], own[order]
        samples = max(1, int(np.ceil(end / sampling_interval - 1e-9)))
        edges = np.concatenate([[0], np.cumsum(list(sizes.values()))])
        population = np.searchsorted(edges, own, side="right") - 1
        bin_of = np.clip(np.ceil(t / sampling_interval - 1e-9).astype(np.int64) - 1, 0, samples - 1)
        counts = np.zeros((1, samples, len(sizes)), np.int64)
        np.add.at(counts[0], (bin_of, population), 1)
        nothing = np.empty((1, samples, 0))
        return cls(
            populations=sizes, duration=end, times=t, senders=own, trial=np.zeros(t.size, np.int64), trials=1,
            sampling_interval=sampling_interval, counts=counts, mean_voltage=nothing, spread_voltage=nothing,
            mean_pending=nothing, network=None, options={},
        )  # fmt: skip

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {size}" for name, size in self.populations.items())
        return f"Recording({self.trials} x {self.duration:g} ms, {sizes}, {self.times.size} spikes)"

    @property
    def sample_times(self) -> Floats:
        """End of each sampling interval in ms, shape (samples,)."""
        return np.arange(1, self.counts.shape[1] + 1) * self.sampling_interval

    def index(self, population: str) -> int:
        """Return the position of a population.

        Raises
        ------
        UnknownNameError
            If there is none of that name.
        """
        if population not in self.populations:
            raise UnknownNameError("population", population, self.populations)
        return list(self.populations).index(population)

    def neurons(self, population: str) -> slice:
        """Return the range of the population's neurons."""
        first = sum(list(self.populations.values())[: self.index(population)])
        return slice(first, first + self.populations[population])

    def spikes(self, population: str, trial: int = 0, discard: float = 0.0) -> tuple[Floats, Ints]:
        """Return (times in ms, neurons) of the population's spikes of one trial after `discard` ms."""
        own = self.neurons(population)
        chosen = (
            (self.trial == trial) & (self.senders >= own.start) & (self.senders < own.stop) & (self.times > discard)
        )
        return self.times[chosen], self.senders[chosen]

    def rates(self, discard: float = 0.0) -> dict[str, Estimate]:
        """Firing rate per neuron in Hz of each population, with standard error; see `statistics.rates`."""
        from spiking import statistics

        return statistics.rates(self, discard=discard)

    def plot(self, ax: Axes | None = None, *, discard: float = 0.0, window: float = 200.0) -> Axes:
        """Draw a raster of the `window` ms after `discard`."""
        from spiking import plotting
        from spiking.statistics import checked_discard

        checked_discard(discard, self.duration)
        return plotting.raster(self, ax=ax, start=discard, window=window)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        from spiking import network_file

        metadata = {
            "kind": "recording", "populations": self.populations, "duration": self.duration, "trials": self.trials,
            "sampling_interval": self.sampling_interval, "options": self.options,
            "network": None if self.network is None else network_file.dumps(self.network),
            "histogram_interval": self.histogram_interval, "synaptic_events": self.synaptic_events,
            "timing": self.timing,
        }  # fmt: skip
        arrays: dict[str, npt.NDArray[Any]] = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"trace_{name}": values for name, values in self.traces.items()}
        if self.final_state is not None:
            state = self.final_state
            arrays |= {f"state_{name}": getattr(state, name) for name in _STATE_ARRAYS}
            metadata["state"] = {"generators": state.generators, "dt": state.dt, "parts": state.parts}
        archive.write(path, metadata, arrays)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Recording:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        from spiking import network_file

        metadata, arrays = archive.read(path, "recording")
        arrays.setdefault("spread_voltage", np.full_like(arrays["mean_voltage"], np.nan))
        state = None
        if "state" in metadata:
            generators, parts = (tuple(metadata["state"][name]) for name in ("generators", "parts"))
            state_arrays = {name: arrays.pop(f"state_{name}") for name in _STATE_ARRAYS}
            state = State(**state_arrays, generators=generators, dt=metadata["state"]["dt"], parts=parts)
        traces = {name[6:]: arrays.pop(name) for name in list(arrays) if name.startswith("trace_")}
        return Recording(
            traces=traces, histogram_interval=metadata["histogram_interval"],
            synaptic_events=metadata["synaptic_events"], timing=metadata["timing"],
            populations=metadata["populations"], duration=metadata["duration"], trials=metadata["trials"],
            sampling_interval=metadata["sampling_interval"], options=metadata["options"],
            network=None if metadata["network"] is None else network_file.loads(metadata["network"]),
            final_state=state, **arrays,
        )  # fmt: skip


_ARRAYS = (
    "times", "senders", "trial", "counts", "mean_voltage", "spread_voltage", "mean_pending", "histogram",
    "voltage_edges",
)  # fmt: skip
_STATE_ARRAYS = ("voltage", "refractory", "synaptic", "process", "in_flight")


def _numbering(populations: Mapping[str, int | Sequence[int]]) -> tuple[dict[int, int], dict[str, int]]:
    """Return {user's neuron number: our number} and {population: size}."""
    index: dict[int, int] = {}
    sizes: dict[str, int] = {}
    for name, members in populations.items():
        numbers = range(len(index), len(index) + members) if isinstance(members, int) else members
        for number in numbers:
            if int(number) in index:
                raise SpecificationError(f"populations: neuron {int(number)} belongs to two populations")
            index[int(number)] = len(index)
        sizes[name] = len(numbers)
        if sizes[name] == 0:
            raise ParameterError("populations", name, 0, "must have at least one neuron")
    return index, sizes
