"""What integrating a reduction gives."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spiking import archive, network_file
from spiking.errors import UnknownNameError
from spiking.network import Network
from spiking.statistics import Peaks, checked_discard, rate_peaks, smoothed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

_ARRAYS = ("firing_rates", "mean_voltage", "mean_pending", "variance_pending", "final_state")


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """Rates and moments of a reduction, over time.

    Sample k stands for the time ``(k + 1) * sampling_interval`` ms.

    Attributes
    ----------
    level : str
        ``"ode"`` or ``"published"``.
    network : Network
    sampling_interval : float
        In ms.
    firing_rates : array, shape (samples, populations)
        In Hz per neuron, averaged over each interval.
    mean_voltage : array, shape (samples, populations)
        Over the population (refractory neurons at reset) in mV, at the end of each interval.
    mean_pending, variance_pending : array, shape (samples, projections)
        Moments of the pending spikes at the end of each interval.
    final_state : array, shape (n,)
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
    mean_pending: Floats
    variance_pending: Floats
    final_state: Floats
    options: dict[str, Any]

    def __repr__(self) -> str:
        return f"Trajectory(level={self.level!r}, {self.duration:g} ms, {', '.join(self.network.sizes)})"

    @property
    def times(self) -> Floats:
        """End of each interval in ms, shape (samples,)."""
        return np.asarray(np.arange(1, len(self.firing_rates) + 1) * self.sampling_interval)

    @property
    def duration(self) -> float:
        """In ms."""
        return len(self.firing_rates) * self.sampling_interval

    def rates(self, discard: float = 0.0) -> dict[str, float]:
        """Return the mean firing rate in Hz of each population after `discard` ms.

        Raises
        ------
        ParameterError
            If nothing is left.
        """
        first = self._first(discard)
        return dict(zip(self.network.sizes, map(float, self.firing_rates[first:].mean(axis=0)), strict=True))

    def population_rate(self, population: str, *, discard: float = 0.0, boxcar: float = 1.0) -> tuple[Floats, Floats]:
        """Return (times in ms, rate in population spikes per ms) averaged over a centred boxcar (ms).

        Raises
        ------
        UnknownNameError, ParameterError
            If there is no such population or nothing is left after `discard`.
        """
        sizes = self.network.sizes
        if population not in sizes:
            raise UnknownNameError("population", population, sizes)
        checked_discard(discard, self.duration)
        rate = self.firing_rates[:, list(sizes).index(population)] * sizes[population] / 1000.0
        return smoothed(rate, self.sampling_interval, boxcar, discard)

    def peaks(self, population: str, *, discard: float = 0.0) -> Peaks:
        """Return the peaks of a population's rate; see `spiking.statistics.rate_peaks`."""
        times, rate = self.population_rate(population, discard=discard)
        return rate_peaks(times, rate, self.network.sizes[population])

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
        network = network_file.loads(metadata["network"])
        own = {name: metadata[name] for name in ("level", "sampling_interval", "options")}
        return Trajectory(network=network, **own, **arrays)

    def _first(self, discard: float) -> int:
        return min(round(checked_discard(discard, self.duration) / self.sampling_interval), len(self.firing_rates) - 1)
