"""Firing rates whose errors hold for regular firing too: what runs of a finite length and spikes on a grid add."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from spiking.drives import ArrayDrive, ConstantDrive, NoDrive, OrnsteinUhlenbeckDrive, components
from spiking.estimates import Estimate
from spiking.network import Network, Population, Projection
from spiking.neurons import Exponential, Normal
from spiking.recording import Recording
from spiking.synapses import PendingSpikeSynapse
from spiking.wiring import Annealed

Floats = npt.NDArray[np.float64]

ON_GRID = ("reference", "grid")
"""Schemes that put spikes at ends of steps."""

_FLANK = 10.0


def tapered_rates(recording: Recording, discard: float) -> dict[str, Estimate]:
    r"""Return the firing rate per neuron in Hz of each population, under a window with cosine flanks over all of a run.

    A plain count of a periodic spike train has an error of up to one spike per run, shared by neurons that fire
    together, which no scatter within the run shows. Flanks of ten mean intervals each (at most half of the run) leave
    less than a hundredth of it. In networks without chance, whose intervals a grid rounds to steps, the standard error
    holds that rounding: :math:`r^2 dt/\sqrt{12}`.
    """
    first = min(round(discard / recording.sampling_interval), recording.counts.shape[1] - 1)
    kept = recording.counts[:, first:]
    dt, scheme = recording.options["dt"], recording.options["scheme"]
    network = recording.network
    on_grid = network is not None and scheme in ON_GRID and not has_chance(network)
    found = {}
    for a, (name, plain) in enumerate(recording.rates(discard).items()):
        size = recording.populations[name]
        spikes = float(kept[:, :, a].sum()) / (recording.trials * size)
        window = _window(kept.shape[1], spikes)
        mean = float((kept[:, :, a] * (1000.0 / (recording.sampling_interval * size))).mean(axis=0) @ window)
        rounding = mean**2 * dt / 1000.0 / math.sqrt(12.0) if on_grid else 0.0
        scatter = plain.se * math.sqrt(window.size * float(window @ window))
        found[name] = Estimate(mean, math.hypot(scatter, rounding))
    return found


def _window(size: int, spikes: float) -> Floats:
    """Return weights with cosine flanks over the share of ten of so many spikes on either side."""
    share = min(0.5, _FLANK / max(spikes, 1.0))
    place = (np.arange(size) + 0.5) / size
    part = np.minimum(np.minimum(place, 1.0 - place) / share, 1.0)
    window = 0.5 - 0.5 * np.cos(np.pi * part)
    return np.asarray(window / window.sum())


def has_chance(network: Network) -> bool:
    """Return whether anything in a run is drawn at random."""
    return any(_random_neurons(p) for p in network.populations) or any(_random_synapses(p) for p in network.projections)


def _random_neurons(population: Population) -> bool:
    if isinstance(getattr(population.neuron, "refractory", None), Exponential | Normal):
        return True
    steady = (NoDrive, ConstantDrive, ArrayDrive)
    return any(
        not isinstance(drive, steady) and not (isinstance(drive, OrnsteinUhlenbeckDrive) and drive.deviation == 0.0)
        for drive in components(population.drive)
    )


def _random_synapses(projection: Projection) -> bool:
    return isinstance(projection.wiring, Annealed) or isinstance(projection.synapse, PendingSpikeSynapse)
