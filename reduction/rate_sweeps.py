"""Firing rates as what a sweep computes at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reduction.measuring import RATE_LEVELS, Settings
from spiking.errors import UnknownNameError
from spiking.network import Network

RATE, ERROR = "rate_Hz", "se_Hz"


@dataclass(frozen=True)
class RateMeasurement:
    """The firing rates of a network, or of a level of its reduction, as a function of parameters.

    Parameters
    ----------
    network : Network
    settings : Settings
        Random streams are those of the point: see `Settings.at`.
    source : str
        ``"network"``, or one of `reduction.measuring.RATE_LEVELS`.
    """

    network: Network
    settings: Settings
    source: str

    def __post_init__(self) -> None:
        if self.source not in ("network", *RATE_LEVELS):
            raise UnknownNameError("source", self.source, ("network", *RATE_LEVELS))

    def __call__(self, values: Mapping[str, float]) -> dict[str, dict[str, float]]:
        """Return the rate of each population, and its standard error, in Hz."""
        rates = self.settings.at(values).rates(self.network.replace(values), self.source)
        return {name: {RATE: rate.mean, ERROR: rate.se} for name, rate in rates.items()}

    def check(self, grid: Mapping[str, Sequence[float]]) -> None:
        """Refuse, before any work, what no point could be computed with.

        Every value is tried by itself, and one step of the source at the first point.

        Raises
        ------
        UnknownNameError, ParameterError, SpecificationError
            If an address, a value or the source is not allowed.
        """
        for address, values in grid.items():
            for value in values:
                self.network.replace({address: value})
        if self.source != "siegert":
            step = self.settings.dt if self.source in ("network", "published") else self.settings.integration_dt
            first = self.network.replace({address: values[0] for address, values in grid.items()})
            replace(self.settings, duration=step, discard=0.0).rates(first, self.source)
