"""What a simulated ensemble leaves behind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spiking import archive
from spiking.errors import SpecificationError, UnknownNameError
from spiking.noise import plain
from spiking.noise.models import LangevinLIF
from spiking.recording import Recording
from spiking.specification import NONNEGATIVE, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

QUANTITIES = ("voltage", "excitation", "inhibition")
POPULATION = "LIF"
"""Name of the ensemble in `EnsembleRecording.recording`."""


@dataclass(frozen=True, eq=False, repr=False)
class SampleMoments:
    """Mean and variance over the neurons, as functions of time.

    Attributes
    ----------
    times : array, shape (samples,)
        In ms.
    mean, mean_se : array, shape (samples,)
        In mV (nS for conductances); standard error over neurons.
    variance, variance_se : array, shape (samples,)
        With n - 1 in the denominator, in mV^2 (nS^2); standard error from the fourth moment.
    """

    times: Floats
    mean: Floats
    mean_se: Floats
    variance: Floats
    variance_se: Floats

    def __repr__(self) -> str:
        ends = f", {self.times[0]:g} to {self.times[-1]:g} ms" if self.times.size else ""
        return f"SampleMoments({self.times.size} samples{ends})"


@dataclass(frozen=True, eq=False, repr=False)
class EnsembleRecording:
    """Spikes, sample moments and chosen traces of independent neurons.

    Attributes
    ----------
    ensemble : LangevinLIF
    neurons : int
    duration, dt, sampling_interval : float
        In ms.
    spike_steps, senders : array of int, shape (spikes,)
        Number of the step at whose end a spike falls (from 1), and neuron; ordered by time.
    moments : array, shape (samples, 3, 3)
        Of voltage (refractory neurons at reset), excitatory and inhibitory conductance: mean, second and fourth central
        moment over the neurons, in powers of mV and nS.
    traced : array of int, shape (traces,)
    traces : array, shape (samples, traces)
        Voltages of the traced neurons in mV.
    options : dict
        seed, package version, and ``wall_s`` of the run.
    """

    ensemble: LangevinLIF
    neurons: int
    duration: float
    dt: float
    sampling_interval: float
    spike_steps: Ints
    senders: Ints
    moments: Floats
    traced: Ints
    traces: Floats
    options: dict[str, Any]

    def __repr__(self) -> str:
        return f"EnsembleRecording({self.neurons} neurons, {self.duration:g} ms, {self.senders.size} spikes)"

    @property
    def times(self) -> Floats:
        """Spike times in ms, shape (spikes,)."""
        return np.asarray(self.spike_steps * self.dt, float)

    @property
    def sample_times(self) -> Floats:
        """Times of the samples in ms, shape (samples,)."""
        return np.asarray(np.arange(1, len(self.moments) + 1) * self.sampling_interval, float)

    def sample_moments(self, quantity: str = "voltage", *, start: float = 0.0) -> SampleMoments:
        """Return mean and variance over the neurons at each sample.

        Parameters
        ----------
        quantity : {"voltage", "excitation", "inhibition"}
        start : float
            First time in ms.

        Raises
        ------
        UnknownNameError, ParameterError
            If there is no such quantity, or `start` is out of range.
        """
        if quantity not in QUANTITIES:
            raise UnknownNameError("quantity", quantity, QUANTITIES)
        start = checked_number("", "start", start, NONNEGATIVE)
        kept = self.sample_times >= start
        n = self.neurons
        mean, second, fourth = self.moments[kept, QUANTITIES.index(quantity)].T
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = second * np.divide(n, n - 1)
            spread = np.maximum(fourth - second**2 * np.divide(n - 3, n - 1), 0.0)
            return SampleMoments(self.sample_times[kept], mean, np.sqrt(variance / n), variance, np.sqrt(spread / n))

    def recording(self) -> Recording:
        """Return the spikes as a `spiking.Recording` of the population ``"LIF"``, for `spiking.statistics`."""
        every = round(self.sampling_interval / self.dt)
        samples = len(self.moments)
        nothing = np.empty((1, samples, 0))
        return Recording(
            populations={POPULATION: self.neurons}, duration=self.duration, times=self.times, senders=self.senders,
            trial=np.zeros(self.senders.size, np.int64), trials=1, sampling_interval=self.sampling_interval,
            counts=np.bincount((self.spike_steps - 1) // every, minlength=samples).reshape(1, samples, 1),
            mean_voltage=nothing, spread_voltage=nothing, mean_pending=nothing, network=None,
            options={"dt": self.dt, **self.options},
        )  # fmt: skip

    def plot(
        self,
        axes: tuple[Axes, Axes, Axes] | None = None,
        *,
        window: tuple[float, float] | None = None,
        bin_width: float | None = None,
    ) -> tuple[Axes, Axes, Axes]:
        """Draw voltages (traces, mean, standard deviation), raster and rate over time; see `spiking.noise.plotting`.

        Parameters
        ----------
        axes : three Axes, optional
        window : (float, float), optional
            First and last time shown, in ms.
        bin_width : float, optional
            Of the rate in ms; see `rate_over_time`.
        """
        from spiking.noise import plotting

        return plotting.overview(self, axes=axes, window=window, bin_width=bin_width)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        metadata = {"kind": _KIND, "ensemble": plain.to_plain(self.ensemble)}
        metadata |= {name: getattr(self, name) for name in _NUMBERS}
        archive.write(path, metadata, {name: getattr(self, name) for name in _ARRAYS})

    @staticmethod
    def load(path: str | os.PathLike[str]) -> EnsembleRecording:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        metadata, arrays = archive.read(path, _KIND)
        try:
            ensemble = plain.ensemble_of(metadata["ensemble"])
            numbers = {name: metadata[name] for name in _NUMBERS}
            return EnsembleRecording(ensemble=ensemble, **numbers, **arrays)
        except (KeyError, TypeError, SpecificationError) as error:
            raise SpecificationError(f"{path}: is not a {_KIND} saved by this version ({error})") from None


_KIND = "recording of an ensemble"
_NUMBERS = ("neurons", "duration", "dt", "sampling_interval", "options")
_ARRAYS = ("spike_steps", "senders", "moments", "traced", "traces")
