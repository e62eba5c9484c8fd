"""A step of parameters: the rates of network or level in bins of time around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reduction.integration import integrate
from reduction.markov import MarkovApproximation
from reduction.measuring import Settings
from spiking.errors import SpecificationError
from spiking.network import Network
from spiking.simulation import simulate

Floats = npt.NDArray[np.float64]
Progress = Callable[[float], None]

RESOLUTION = 2.0
"""Width in ms of the bins of time in which responses are averaged."""

LEAD = 20.0
"""Time in ms before the step that is shown, and whose mean is the baseline."""

SPREAD = 200.0
"""Time in ms over which the starts of trials are spread, so that phases of a rhythm average out."""


@dataclass(frozen=True)
class StepOf:
    """A source of rates, before and after the step; results have the shape (bins, populations), in Hz."""

    network: Network
    changed: Network
    settings: Settings
    source: str
    lead: float
    after: float

    def trial(self, trial: int, before: float) -> Floats:
        """Return the response of a random source in a trial."""
        name = f"transients: {self.source} {trial}"
        seeds = [self.settings.stream(name), self.settings.stream(f"{name}, after")]
        if self.source == "network":
            options: dict[str, Any] = {"dt": self.settings.dt, "scheme": self.settings.scheme, "workers": 1}
            first = simulate(self.network, before, seed=seeds[0], **options)
            second = simulate(self.changed, self.after, seed=seeds[1], initial=first.final_state, **options)
            scale = 1000.0 / (np.array(list(self.network.sizes.values())) * first.sampling_interval)
            return self._binned(first.counts[0] * scale, second.counts[0] * scale, first.sampling_interval)
        own, other = approximations(self.network, self.changed, self.settings)
        options = {"dt": self.settings.integration_dt, "workers": 1}
        start = integrate(own, self.source, before, seed=seeds[0], **options)
        end = integrate(other, self.source, self.after, seed=seeds[1], initial=start, **options)
        return self._binned(start.firing_rates[0], end.firing_rates[0], start.sampling_interval)

    def phases(self, before: float, tick: Progress) -> Floats:
        """Return the responses of a level without chance from states along its run, shape (starts, bins, ...)."""
        number = round(SPREAD / RESOLUTION)
        own, other = approximations(self.network, self.changed, self.settings)
        options: dict[str, Any] = {"dt": self.settings.integration_dt}
        state = integrate(own, self.source, before, **options)
        earlier, rows = state.firing_rates[0], []
        for start in range(number):
            end = integrate(other, self.source, self.after, initial=state, **options)
            rows.append(self._binned(earlier, end.firing_rates[0], state.sampling_interval))
            state = integrate(own, self.source, RESOLUTION, initial=state, **options)
            earlier = np.concatenate([earlier, state.firing_rates[0]])
            tick((start + 1) / number)
        return np.stack(rows)

    def _binned(self, earlier: Floats, later: Floats, interval: float) -> Floats:
        """Return averages over bins of time that the step divides."""
        rates = np.concatenate([earlier, later])
        spikes = np.concatenate([np.zeros((1, rates.shape[1])), np.cumsum(rates, axis=0) * interval])
        times = (np.arange(len(spikes)) - len(earlier)) * interval
        edges = np.arange(-round(self.lead / RESOLUTION), round(self.after / RESOLUTION) + 1) * RESOLUTION
        return np.stack([np.diff(np.interp(edges, times, own)) / RESOLUTION for own in spikes.T], axis=1)


def approximations(
    network: Network, changed: Network, settings: Settings
) -> tuple[MarkovApproximation, MarkovApproximation]:
    """Return the approximations of a network and of its changed copy, on the same bins.

    Raises
    ------
    SpecificationError
        If a change moves the bins.
    """
    pair = settings.approximation(network), settings.approximation(changed)
    if any(own.v_min != pair[0].v_min or own.bins != pair[0].bins for own in pair):
        floor = min(v for own in pair for v in own.v_min.values())
        bins = max(n for own in pair for n in own.bins.values())
        pair = tuple(
            MarkovApproximation(
                own.network, bins=bins, v_min=floor, closure=settings.closure, noise_levels=settings.noise_levels
            )
            for own in pair
        )  # type: ignore[assignment]
    for name in network.sizes:
        if not np.array_equal(pair[0].edges(name), pair[1].edges(name)):
            raise SpecificationError(f"changes: move the voltage bins of {name}, so that no state can be gone on from")
    return pair
