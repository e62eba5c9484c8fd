"""Rhythms of a run cut into blocks: spectra of the population rates, and events with their sizes and intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reduction.attractors.coordinates import sampled_rates, source_samples
from reduction.attractors.events import EventSeries, firing_events, rate_events
from reduction.trajectory import Trajectory
from spiking.errors import SpecificationError
from spiking.recording import Recording

Floats = npt.NDArray[np.float64]

SEGMENT = 200.0
"""Length in ms of the segments of which a spectrum is the mean: its resolution is 5 Hz."""
BAND = 250.0
"""Highest frequency in Hz of a spectrum; its lowest is that of one period per segment."""

EVENTS = ("peak_height", "peak_interval", "event_size", "event_interval")
EVENT_UNITS = {"peak_height": "spikes per ms", "peak_interval": "ms", "event_size": "spikes", "event_interval": "ms"}


def block_spectra(
    source: Recording | Trajectory, *, first: float, blocks: int, block: float, interval: float, trial: int = 0
) -> tuple[Floats, Floats]:
    """Return the power spectral densities of the populations' rates in successive blocks.

    Mean of Hann-windowed segments of 200 ms that overlap by half, each without its mean.

    Parameters
    ----------
    source : Recording or Trajectory
    first : float
        Where the first block starts, in ms.
    blocks : int
    block : float
        Length of a block in ms, at least 200.
    interval : float
        Over which rates are averaged, in ms: a multiple of the sampling interval.
    trial : int

    Returns
    -------
    frequency : array, shape (frequencies,)
        In Hz.
    power : array, shape (populations, blocks, frequencies)
        In Hz^2/Hz.

    Raises
    ------
    SpecificationError
        If a block is shorter than a segment.
    """
    from scipy.signal import welch

    if block < SEGMENT * (1 - 1e-9):
        raise SpecificationError(f"blocks of {block:g} ms: must be at least {SEGMENT:g} ms, one segment of a spectrum")
    stride = round(interval / source.sampling_interval)
    rates = sampled_rates(source, trial)
    whole = source_samples(source) // stride
    averaged = rates[: whole * stride].reshape(whole, stride, -1).mean(axis=1)
    start, length = round(first / interval), round(block / interval)
    pieces = averaged[start : start + blocks * length].reshape(blocks, length, -1)
    frequency, power = welch(
        pieces, 1000.0 / interval, nperseg=round(SEGMENT / interval), axis=1, window="hann", detrend="constant"
    )
    kept = (frequency > 0) & (frequency <= BAND * (1 + 1e-9))
    return frequency[kept], np.moveaxis(power[:, kept], 2, 0)


def block_events(
    source: Recording | Trajectory, population: str, *, first: float, blocks: int, block: float, trial: int = 0
) -> dict[str, list[Floats]]:
    """Return sizes and intervals of a population's events, one array per block.

    ``"peak_height"`` (spikes per ms) and ``"peak_interval"`` (ms, to the next one): peaks of the rate averaged over
    1 ms (`events.rate_events`). ``"event_size"`` (spikes) and ``"event_interval"`` (ms, between starts):
    multiple-firing events (`events.firing_events`). An interval belongs to the block in which it starts.

    Parameters
    ----------
    source : Recording or Trajectory
    population : str
    first, block : float
        Start of the first block, and length of each, in ms.
    blocks, trial : int

    Raises
    ------
    UnknownNameError, ParameterError
        If there is no such population or trial.
    """
    edges = first + block * np.arange(blocks + 1)

    def cut(times: Floats, values: Floats) -> list[Floats]:
        own = np.searchsorted(edges, times, side="right") - 1
        return [values[own == k] for k in range(blocks)]

    found: dict[str, list[Floats]] = {}
    kinds: tuple[tuple[str, str, EventSeries], ...] = (
        ("peak_height", "peak_interval", rate_events(source, population, discard=first, trial=trial)),
        ("event_size", "event_interval", firing_events(source, population, discard=first, trial=trial)),
    )
    for size, interval, events in kinds:
        found[size] = cut(events.times, events.sizes)
        found[interval] = cut(events.times[:-1], events.intervals)
    return found
