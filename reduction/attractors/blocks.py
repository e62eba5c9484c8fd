"""Runs cut into blocks of equal length, in all that distances between attractors look at."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.attractors.coordinates import coordinates
from reduction.attractors.rhythms import block_events, block_spectra
from reduction.trajectory import Trajectory
from spiking.recording import Recording

Floats = npt.NDArray[np.float64]


class Blocks(NamedTuple):
    """Blocks of all trials of a run, one trial after the other.

    Attributes
    ----------
    points : dict
        Name of a coordinate to its values, array of shape (blocks, points).
    units, missing : dict
        Name of a coordinate to its unit, and of one that the source cannot have to the reason.
    frequency : array, shape (frequencies,)
        In Hz.
    spectra : dict
        Population to the power spectral densities of its rate in Hz^2/Hz, array of shape (blocks, frequencies).
    events : dict
        Such as ``"E.peak_height"`` to one array of values per block; see `rhythms.block_events`.
    """

    points: dict[str, Floats]
    units: dict[str, str]
    missing: dict[str, str]
    frequency: Floats
    spectra: dict[str, Floats]
    events: dict[str, list[Floats]]

    def rows(self) -> int:
        """Return the number of blocks."""
        return len(next(iter(self.points.values())))


def cut(source: Recording | Trajectory, *, discard: float, interval: float, blocks: int) -> Blocks:
    """Cut every trial of a run, after `discard` ms, into `blocks` blocks of as many whole intervals as possible.

    Runs of one duration are cut at the same times, whatever their sampling interval.

    Parameters
    ----------
    source : Recording or Trajectory
    discard, interval : float
        In ms; as in `coordinates.coordinates`.
    blocks : int

    Raises
    ------
    ParameterError, SpecificationError
        If an option is out of range, or a block is shorter than a segment of a spectrum.
    """
    parts = []
    sizes = source.populations if isinstance(source, Recording) else source.network.sizes
    length, block = block_length(source.duration, discard, interval, blocks)
    first = interval * (math.ceil(discard / interval - 1e-6) + 1)
    for trial in range(source.trials):
        found = coordinates(source, discard=first, interval=interval, trial=trial)
        cloud = found.values[: blocks * length].T.reshape(-1, blocks, length)
        place = {"first": first, "blocks": blocks, "block": block, "trial": trial}
        frequency, powers = block_spectra(source, interval=interval, **place)  # type: ignore[arg-type]
        events = {
            f"{name}.{kind}": values
            for name in sizes
            for kind, values in block_events(source, name, **place).items()  # type: ignore[arg-type]
        }
        parts.append((cloud, powers, events))
    return Blocks(
        points={name: np.concatenate([p[0][k] for p in parts]) for k, name in enumerate(found.names)},
        units=dict(zip(found.names, found.units, strict=True)),
        missing=found.missing,
        frequency=frequency,
        spectra={name: np.concatenate([p[1][a] for p in parts]) for a, name in enumerate(sizes)},
        events={name: [values for p in parts for values in p[2][name]] for name in parts[0][2]},
    )


def block_length(duration: float, discard: float, interval: float, blocks: int) -> tuple[int, float]:
    """Return the length of a block in points and in ms.

    A point is left out at the start and at the end, where the averages of rates need room.
    """
    length = (int((duration - discard) / interval + 1e-6) - 2) // blocks
    return length, length * interval
