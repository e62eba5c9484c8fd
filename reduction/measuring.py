"""How the network and the levels are run at a parameter set: what every comparison shares."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from reduction.integration import LEVELS, RANDOM_LEVELS, integrate
from reduction.levels.stationary import stationary
from reduction.markov import MarkovApproximation
from reduction.trajectory import Trajectory
from spiking.errors import NumericalError, UnknownNameError
from spiking.estimates import Estimate
from spiking.network import Network, checked_network
from spiking.recording import Recording
from spiking.simulation import simulate
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number
from spiking.statistics import checked_discard

Progress = Callable[[float], None]

RATE_LEVELS = (*LEVELS, "siegert")
"""Levels that have firing rates: those over time, and the self-consistent asynchronous state."""


@dataclass(frozen=True)
class Settings:
    """How runs are made; times in ms.

    Parameters
    ----------
    duration, discard : float
        Of every run, and of its transient; by default a fifth of it.
    dt, scheme, trials
        Of the network; see `spiking.simulate`. The published scheme uses the same dt.
    seed : int
    bins, v_min, closure, noise_levels
        Of the `MarkovApproximation`.
    integration_dt : float
        Step of the other levels.
    key : tuple of int
        What the random streams depend on besides the seed: the parameter set; see `key_of`.

    Raises
    ------
    ParameterError
        If a number is out of range.
    """

    duration: float = 5000.0
    discard: float = None  # type: ignore[assignment]  # __post_init__ fills it in
    dt: float = 0.1
    scheme: str = "reference"
    trials: int = 1
    seed: int = 0
    bins: int | None = None
    v_min: float | None = None
    closure: str | float = "conditional"
    noise_levels: int = 3
    integration_dt: float = 0.1
    key: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("duration", "dt", "integration_dt"):
            object.__setattr__(self, name, float(checked_number("", name, getattr(self, name), POSITIVE)))
        object.__setattr__(self, "trials", int(checked_number("", "trials", self.trials, POSITIVE, integer=True)))
        object.__setattr__(self, "seed", int(checked_number("", "seed", self.seed, NONNEGATIVE, integer=True)))
        given: float | None = self.discard
        share = 0.2 * self.duration if given is None else given
        object.__setattr__(self, "discard", float(checked_discard(share, self.duration)))

    def at(self, values: Mapping[str, float]) -> Settings:
        """Return the settings whose random streams are those of a parameter set, values by address."""
        return replace(self, key=key_of(values))

    def stream(self, name: str) -> np.random.SeedSequence:
        """Return the random stream of a run, by its name: independent of which other runs there are."""
        return np.random.SeedSequence(self.seed, spawn_key=(*self.key, zlib.crc32(name.encode())))

    def approximation(self, network: Network) -> MarkovApproximation:
        """Return the Markov approximation of a network with these bins and this closure."""
        return MarkovApproximation(
            network, bins=self.bins, v_min=self.v_min, closure=self.closure, noise_levels=self.noise_levels
        )

    def try_network(self, network: Network) -> None:
        """Take one step of the network, so that bad input is refused before work starts.

        Raises
        ------
        ParameterError, UnknownNameError, SpecificationError
            As `spiking.simulate`.
        """
        simulate(
            network, self.dt, dt=self.dt, seed=self.seed, scheme=self.scheme, trials=self.trials,
            sampling_interval=self.dt, workers=1,
        )  # fmt: skip

    def try_level(self, network: Network, level: str) -> None:
        """Take one step of a level, likewise.

        Raises
        ------
        ParameterError, UnknownNameError, SpecificationError
            As `reduction.integrate`.
        """
        step = self.dt if level == "published" else self.integration_dt
        integrate(self.approximation(network), level, step, dt=step, sampling_interval=step)

    def simulated(self, network: Network, *, stream: str = "network", progress: Progress | None = None) -> Recording:
        """Simulate the network.

        Raises
        ------
        ParameterError, UnknownNameError, SpecificationError, NumericalError
            As `spiking.simulate`.
        """
        return simulate(
            network, self.duration, dt=self.dt, seed=self.stream(stream), scheme=self.scheme, trials=self.trials,
            workers=1, progress=progress,
        )  # fmt: skip

    def integrated(
        self, network: Network, level: str, *, stream: str | None = None, progress: Progress | None = None
    ) -> Trajectory:
        """Integrate a level.

        Raises
        ------
        ParameterError, UnknownNameError, SpecificationError, NumericalError
            As `reduction.integrate`.
        """
        dt = self.dt if level == "published" else self.integration_dt
        return integrate(
            self.approximation(network), level, self.duration, dt=dt, seed=self.stream(stream or level), workers=1,
            trials=self.trials if level in RANDOM_LEVELS else 1, progress=progress,
        )  # fmt: skip

    def rates(self, network: Network, source: str, *, progress: Progress | None = None) -> dict[str, Estimate]:
        """Return the firing rates in Hz, by population, of ``"network"`` or of one of `RATE_LEVELS`.

        Raises
        ------
        UnknownNameError
            If there is no such level.
        ParameterError, SpecificationError, NumericalError
            As the run itself.
        """
        if source == "network":
            return self.simulated(network, progress=progress).rates(self.discard)
        if source == "siegert":
            return asynchronous_rates(network)
        if source not in LEVELS:
            raise UnknownNameError("level", source, ("network", *RATE_LEVELS))
        return self.integrated(network, source, progress=progress).rates(self.discard)


def asynchronous_rates(network: Network) -> dict[str, Estimate]:
    """Return the rates of the asynchronous state in white noise (Siegert, self-consistent), with standard errors 0.

    Of several states the stable one; of several stable ones the one with the lowest rates.

    Raises
    ------
    NumericalError
        If none is found.
    SpecificationError
        If the network is not covered.
    """
    states = stationary(MarkovApproximation(checked_network(network), closure="white"))
    if not states:
        raise NumericalError("level 'siegert': no self-consistent rates found")
    best = min(states, key=lambda state: (state.stable is not True, sum(state.rates.values())))
    return {name: Estimate(rate, 0.0) for name, rate in best.rates.items()}


def key_of(values: Mapping[str, float]) -> tuple[int, ...]:
    """Return what identifies a parameter set in a random stream: the bits of its values, in order of the addresses."""
    return tuple(word for _, value in sorted(values.items()) for word in struct.unpack("<2I", struct.pack("<d", value)))
