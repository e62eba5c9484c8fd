"""Strong and weak errors of Euler-Maruyama, per population and step."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spiking import memory
from spiking.convergence import storing
from spiking.convergence.coupled import CoupledPaths, Progress, checked_paths, coupled_paths
from spiking.convergence.fits import ErrorMeasure, Rare, measure
from spiking.convergence.lists import checked_list
from spiking.errors import ParameterError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.seeds import Seed
from spiking.specification import POSITIVE

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

_UNITS = {
    "voltage": "mV", "mismatch": "", "voltage_matched": "mV", "spike_time": "ms", "current": "mV/ms", "count_bias": "",
    "weak": "",
}  # fmt: skip
_PHASE = 3.0


@dataclass(frozen=True, eq=False, repr=False)
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

    def __repr__(self) -> str:
        return f"<StrongErrors of {', '.join(self.network.sizes)}: {self.paths} paths of {self.duration:g} ms>"

    def __getitem__(self, key: tuple[str, str]) -> ErrorMeasure:
        pair: object = key
        if not (isinstance(pair, tuple) and len(pair) == 2):
            population = self.network.populations[0].name
            allowed = f"must be a population and an error, such as ('{population}', 'voltage')"
            raise ParameterError("", "errors", pair, allowed)
        population, name = key
        if population not in self.network.sizes:
            raise UnknownNameError("population", population, self.network.sizes)
        if name not in MEASURES:
            raise UnknownNameError("error", name, MEASURES)
        return self.measures[population, name]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        storing.save(self, path)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> StrongErrors:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        return storing.load(StrongErrors, path)

    def plot(self, ax: Axes | None = None, *, population: str | None = None) -> Axes:
        """Draw a population's errors (by default the first's) over the steps."""
        from spiking import convergence_plots

        chosen = self.network.populations[0].name if population is None else population
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
    ``weak``              mean of :math:`\cos(3 v^h) - \cos(3 v^r)`, :math:`v = (V_T - V_{reset})/(V_{th} - V_{reset})`
    ====================  ====================================================================================

    Those of the current of neurons without synapses are carried by all paths; the others by few events, whose numbers
    the measures keep (`ErrorMeasure.events`): spikes that one step has and the other has not (for the current, those of
    its sources). Without noise, and from one start, nothing is left to chance, and no events are counted.

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
    given = checked_list("steps", steps, POSITIVE, "steps in ms")
    if len(given) < 2:
        raise ParameterError("", "steps", given, "must be at least two: errors are those against the finest")
    paths = checked_paths(paths)
    options = {"paths": paths, "seed": seed, "start": start, "workers": workers, "progress": progress}
    neurons, largest = sum(network.sizes.values()), max(network.sizes.values())
    needed = paths * len(given) * (32.0 * neurons + 40.0 * largest)
    memory.check(needed, "the paths and their errors", "reduce paths, steps or neurons")
    found = coupled_paths(network, duration, steps, **options)  # type: ignore[arg-type]
    measures = {
        (population.name, name): errors
        for population in network.populations
        for name, errors in _measures(network, population.name, found).items()
    }
    return StrongErrors(network, duration, float(found.steps[-1]), paths, seed, start, measures)


def _measures(network: Network, population: str, found: CoupledPaths) -> dict[str, ErrorMeasure]:
    own = network.neurons[population]
    low, high = network[f"{population}.reset"], network[f"{population}.threshold"]
    counts = found.counts[:, :, own]
    differ = counts[:, :-1] != counts[:, -1:]
    sources = sorted({p.source for p in network.projections if p.target == population})
    rare = _mismatches(differ, bool(sources))
    before: Rare | None = None
    certain = bool((found.voltage == found.voltage[:1]).all())
    if sources:
        neurons = np.concatenate(
            [np.arange(network.neurons[name].start, network.neurons[name].stop) for name in sources]
        )
        driving = found.counts[:, :, neurons]
        before = _mismatches(driving[:, :-1] != driving[:, -1:], True)
    measures = {}
    for name, unit in _UNITS.items():
        bottom: npt.NDArray[Any] | None = None
        if name == "mismatch":
            top: npt.NDArray[Any] = differ
        elif name == "count_bias":
            top = counts[:, :-1] - counts[:, -1:]
        elif name == "spike_time":
            top, bottom = found.time_squares[:, :-1, own], counts[:, :-1] * ~differ
        elif name == "weak":
            top = np.cos((found.voltage[:, :, own] - low) * (_PHASE / (high - low)))
            top = top[:, :-1] - top[:, -1:]
        else:
            ends = (found.current if name == "current" else found.voltage)[:, :, own]
            top = (ends[:, :-1] - ends[:, -1:]) ** 2
        if name == "voltage_matched":
            bottom = ~differ
            top = top * bottom
        carriers = None if certain else before if name == "current" else rare
        measures[name] = measure(
            MEASURES[name], unit, found.steps[:-1], top.mean(axis=2), None if bottom is None else bottom.mean(axis=2),
root=unit != "", rare=carriers, probability=name == "mismatch",
        )  # fmt: skip
    return measures


def _mismatches(differ: npt.NDArray[np.bool_], coupled: bool) -> Rare:
    """Count neurons with another count; paths that have any, if the neurons receive spikes: one may bring others."""
    if coupled:
        return Rare(np.asarray(differ.any(axis=2).sum(axis=0)), differ.shape[0])
    return Rare(np.asarray(differ.sum(axis=(0, 2))), differ.shape[0] * differ.shape[2])
