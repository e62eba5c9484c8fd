"""Strong and weak errors of Euler-Maruyama, per population and step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spiking.convergence.coupled import CoupledPaths, Progress, coupled_paths
from spiking.convergence.fits import ErrorMeasure, measure
from spiking.errors import ParameterError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.seeds import Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

MEASURES = {
    "voltage": "RMS of V at the end",
    "mismatch": "probability that spike counts differ",
    "voltage_matched": "RMS of V, counts equal",
    "spike_time": "RMS of spike times, counts equal",
    "current": "RMS of I at the end",
    "count_bias": "mean of the count",
    "weak": "mean of cos at the end",
}
"""The errors and what they are."""

_UNITS = {"voltage": "mV", "voltage_matched": "mV", "spike_time": "ms", "current": "mV/ms"}
_PHASE = 3.0


@dataclass(frozen=True, eq=False)
class StrongErrors:
    """Errors of Euler-Maruyama against the finest step.

    ``errors["E", "voltage"]`` is an `ErrorMeasure` over the steps (without the reference); see `strong_errors`.

    Attributes
    ----------
    network : Network
    duration : float
        In ms.
    reference : float
        The finest step, in ms. Its own error is part of all others: one that falls as h^p is seen as
        h^p - reference^p if both go one way, which raises fitted orders.
    paths : int
    seed : int or SeedSequence
    start : str
    measures : mapping
        (population, name) to `ErrorMeasure`.
    """

    network: Network
    duration: float
    reference: float
    paths: int
    seed: Seed
    start: str
    measures: Mapping[tuple[str, str], ErrorMeasure]

    def __getitem__(self, key: tuple[str, str]) -> ErrorMeasure:
        population, name = key
        if population not in self.network.sizes:
            raise UnknownNameError("population", population, self.network.sizes)
        if name not in MEASURES:
            raise UnknownNameError("error", name, MEASURES)
        return self.measures[population, name]

    def plot(self, ax: Axes | None = None, *, population: str | None = None) -> Axes:
        """Draw a population's errors (by default the first's) over the steps."""
        from spiking import convergence_plots

        chosen = population or self.network.populations[0].name
        return convergence_plots.errors([self[chosen, name] for name in MEASURES], ax=ax)


def strong_errors(
    network: Network,
    duration: float,
    steps: Sequence[float],
    *,
    paths: int = 2000,
    seed: Seed = 0,
    start: str = "reset",
    workers: int | None = None,
    progress: Progress | None = None,
) -> StrongErrors:
    r"""Measure the errors of Euler-Maruyama on several steps under the same Brownian paths.

    Of each neuron, h against the finest step r, averaged over neurons of a population and paths:

    ====================  ====================================================================================
    ``voltage``           root of the mean of :math:`(V^h_T - V^r_T)^2`, in mV
    ``mismatch``          probability that the spike counts on [0, T] differ
    ``voltage_matched``   as ``voltage``, over neurons whose counts are equal
    ``spike_time``        root of the mean of :math:`(t^h_k - t^r_k)^2` over all spikes of those, in ms
    ``current``           root of the mean of :math:`(I^h_T - I^r_T)^2`, in mV/ms
    ``count_bias``        mean of the count's difference (its sign kept)
    ``weak``              mean of :math:`\cos(3 v^h) - \cos(3 v^r)`, with :math:`v = V_T/(V_{th} - V_{reset})`
    ====================  ====================================================================================

    Coupled paths make the weak errors differences of small variance: independent runs would need many times as many.

    Parameters
    ----------
    network : Network
        Of the class of `spiking.current_networks`.
    duration, steps, paths, seed, start, workers, progress
        As in `coupled_paths`; at least two steps and two paths.

    Raises
    ------
    ParameterError, SpecificationError, UnknownNameError
        As `coupled_paths`.
    """
    checked_network(network)
    if isinstance(steps, Sequence | np.ndarray) and len(steps) < 2:
        raise ParameterError("", "steps", list(steps), "must be at least two: errors are those against the finest")
    if paths == 1:
        raise ParameterError("", "paths", paths, "must be at least 2 for standard errors")
    options = {"paths": paths, "seed": seed, "start": start, "workers": workers, "progress": progress}
    found = coupled_paths(network, duration, steps, **options)  # type: ignore[arg-type]
    measures = {
        (population.name, name): errors
        for population in network.populations
        for name, errors in _measures(network, population.name, found).items()
    }
    return StrongErrors(network, duration, float(found.steps[-1]), paths, seed, start, measures)


def _measures(network: Network, population: str, found: CoupledPaths) -> dict[str, ErrorMeasure]:
    own = network.neurons[population]
    scale = _PHASE / (network[f"{population}.threshold"] - network[f"{population}.reset"])
    voltage, current, counts = found.voltage[:, :, own], found.current[:, :, own], found.counts[:, :, own]
    dv, di, dn = (a[:, :-1] - a[:, -1:] for a in (voltage, current, counts))
    equal = (dn == 0).astype(float)
    cosine = np.cos(scale * voltage)
    terms = {
        "voltage": (dv**2, None),
        "mismatch": (1.0 - equal, None),
        "voltage_matched": (dv**2 * equal, equal),
        "spike_time": (found.time_squares[:, :-1, own], counts[:, :-1] * equal),
        "current": (di**2, None),
        "count_bias": (dn.astype(float), None),
        "weak": (cosine[:, :-1] - cosine[:, -1:], None),
    }
    return {
        name: measure(
            MEASURES[name], _UNITS.get(name, ""), found.steps[:-1], top.mean(axis=2),
            None if bottom is None else bottom.mean(axis=2), root=name in _UNITS,
        )
        for name, (top, bottom) in terms.items()
    }  # fmt: skip
