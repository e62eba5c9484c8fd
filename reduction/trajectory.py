"""What integrating a reduction gives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spiking import archive, network_file
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate, mean_estimate
from spiking.network import Network
from spiking.recording import Recording
from spiking.statistics import BLOCKS, Peaks, checked_discard, rate_peaks, smoothed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

_ARRAYS = ("firing_rates", "mean_voltage", "spread_voltage", "mean_pending", "variance_pending", "final_state")


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """Rates and moments of a reduction, over time.

    Sample k stands for the time ``(k + 1) * sampling_interval`` ms. Levels without chance have one trial.

    Attributes
    ----------
    level : str
        ``"ode"``, ``"chain"``, ``"langevin"`` or ``"published"``.
    network : Network
    sampling_interval : float
        In ms.
    firing_rates : array, shape (trials, samples, populations)
        In Hz per neuron, averaged over each interval.
    mean_voltage : array, shape (trials, samples, populations)
        Over the population (refractory neurons at reset) in mV, at the end of each interval.
    spread_voltage : array, shape (trials, samples, populations)
        Standard deviation over the population (refractory neurons at reset) in mV, at the end of each interval. Neurons
        count at the middle of their bin; in level ``"published"``, as it takes them, spread evenly over a part of it.
        NaN if read from an archive that has none.
    mean_pending, variance_pending : array, shape (trials, samples, projections)
        Moments of the pending spikes at the end of each interval.
    final_state : array, shape (trials, n)
        Where the integration stopped, in the order of ``approximation.ode().names``; for level ``"published"`` counts,
        summed voltages, refractory pools, moments and the last spikes.
    options : dict
        Of the approximation and of the integration, with the package version.
    """

    level: str
    network: Network
    sampling_interval: float
    firing_rates: Floats
    mean_voltage: Floats
    spread_voltage: Floats
    mean_pending: Floats
    variance_pending: Floats
    final_state: Floats
    options: dict[str, Any]

    def __repr__(self) -> str:
        return f"Trajectory(level={self.level!r}, {self.duration:g} ms, {', '.join(self.network.sizes)})"

    @property
    def times(self) -> Floats:
        """End of each interval in ms, shape (samples,)."""
        return np.asarray(np.arange(1, self.firing_rates.shape[1] + 1) * self.sampling_interval)

    @property
    def duration(self) -> float:
        """In ms."""
        return float(self.firing_rates.shape[1] * self.sampling_interval)

    @property
    def trials(self) -> int:
        """Number of independent repetitions."""
        return len(self.firing_rates)

    def rates(self, discard: float = 0.0) -> dict[str, Estimate]:
        """Return the mean firing rate in Hz of each population after `discard` ms.

        The standard error comes from 19 overlapping windows per trial; it is 0 for levels without chance.

        Raises
        ------
        ParameterError
            If nothing is left.
        """
        first = round(checked_discard(discard, self.duration) / self.sampling_interval)
        kept = self.firing_rates[:, min(first, self.firing_rates.shape[1] - 1) :]
        random = self.options.get("seed") is not None
        return {
            name: mean_estimate(kept[:, :, a], BLOCKS) if random else Estimate(float(kept[:, :, a].mean()), 0.0)
            for a, name in enumerate(self.network.sizes)
        }

    def population_rate(
        self, population: str, *, discard: float = 0.0, boxcar: float = 1.0, trial: int = 0
    ) -> tuple[Floats, Floats]:
        """Return (times in ms, rate in population spikes per ms) of a trial, averaged over a centred boxcar (ms).

        Raises
        ------
        UnknownNameError, ParameterError
            If there is no such population or trial, or nothing is left after `discard`.
        """
        sizes = self.network.sizes
        if population not in sizes:
            raise UnknownNameError("population", population, sizes)
        if trial not in range(self.trials):
            raise ParameterError("", "trial", trial, f"must be 0 to {self.trials - 1}")
        checked_discard(discard, self.duration)
        rate = self.firing_rates[trial, :, list(sizes).index(population)] * sizes[population] / 1000.0
        return smoothed(rate, self.sampling_interval, boxcar, discard)

    def peaks(self, population: str, *, discard: float = 0.0, trial: int = 0) -> Peaks:
        """Return the peaks of a population's rate in a trial; see `spiking.statistics.rate_peaks`."""
        times, rate = self.population_rate(population, discard=discard, trial=trial)
        return rate_peaks(times, rate, self.network.sizes[population])

    def recording(self) -> Recording:
        """Return the spikes of level ``"chain"`` as a recording, for statistics of populations.

        Spikes stand at the end of their sampling interval, and neurons take turns in making them: synchrony, spectra
        and events are those of the chain, intervals of single neurons are not.

        Raises
        ------
        SpecificationError
            If the level does not count whole spikes.
        """
        if self.level != "chain":
            raise SpecificationError(f"recording: level {self.level!r} makes no whole spikes; use level 'chain'")
        sizes = np.array(list(self.network.sizes.values()))
        first = np.cumsum(sizes) - sizes
        counts = np.rint(self.firing_rates * sizes * (self.sampling_interval / 1000.0)).astype(np.int64)
        times, senders = [], []
        for own in counts:
            population = np.repeat(np.tile(np.arange(sizes.size), len(own)), own.ravel())
            turn = np.empty(population.size, np.int64)
            for a in range(sizes.size):
                turn[population == a] = np.arange((population == a).sum())
            times.append(np.repeat(self.times, own.sum(axis=1)))
            senders.append(first[population] + turn % sizes[population])
        return Recording(
            populations=self.network.sizes, duration=self.duration, times=np.concatenate(times),
            senders=np.concatenate(senders), trial=np.repeat(np.arange(self.trials), [t.size for t in times]),
            trials=self.trials, sampling_interval=self.sampling_interval, counts=counts,
            mean_voltage=self.mean_voltage, spread_voltage=self.spread_voltage, mean_pending=self.mean_pending,
            network=self.network, options=dict(self.options),
        )  # fmt: skip

    def plot(self, ax: Axes | None = None, *, discard: float = 0.0, window: float = 200.0) -> Axes:
        """Draw the rates of the `window` ms after `discard`."""
        from reduction import plotting

        checked_discard(discard, self.duration)
        return plotting.rates(self, ax=ax, start=discard, window=window)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        metadata = {
            "kind": "trajectory",
            "level": self.level,
            "sampling_interval": self.sampling_interval,
            "options": self.options,
            "network": network_file.dumps(self.network),
        }
        archive.write(path, metadata, {name: getattr(self, name) for name in _ARRAYS})

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Trajectory:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        metadata, arrays = archive.read(path, "trajectory")
        arrays.setdefault("spread_voltage", np.full_like(arrays["mean_voltage"], np.nan))
        network = network_file.loads(metadata["network"])
        own = {name: metadata[name] for name in ("level", "sampling_interval", "options")}
        return Trajectory(network=network, **own, **arrays)
