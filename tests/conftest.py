from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import hypothesis
import matplotlib
import pytest

import spiking

matplotlib.use("Agg")
hypothesis.settings.register_profile("same examples every time", derandomize=True)
hypothesis.settings.load_profile("same examples every time")

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def chang() -> spiking.Network:
    return spiking.presets.chang2025()


@pytest.fixture(scope="session")
def small() -> spiking.Network:
    """A network of two populations that runs in no time: leak, both refractory kinds, both drives, both synapses."""
    lif = spiking.LIF
    return spiking.Network(
        populations=[
            spiking.Population(
                "E", 12, lif(20.0, 2.0, tau_m=15.0, rest=1.0, refractory=spiking.Exponential(2.0)),
                spiking.GaussianDrive(2.0, 0.9),
            ),
            spiking.Population("I", 7, lif(18.0, refractory=spiking.Fixed(1.5)), spiking.PoissonDrive(1.5, 1.0)),
        ],
        projections=[
            spiking.Projection("E", "E", spiking.PendingCurrent(0.8, 1.5), spiking.Annealed(0.6)),
            spiking.Projection("I", "E", spiking.PendingKick(1.1, 1.2, rounded=True), spiking.Annealed(0.9)),
            spiking.Projection(
                "E", "I", spiking.PendingCurrent(1.3, 3.0, inhibitory=True, reversal=-15.0), spiking.Annealed(0.7)
            ),
            spiking.Projection("I", "I", spiking.PendingKick(0.7, 2.5, inhibitory=True), spiking.Annealed(0.5)),
        ],
    )  # fmt: skip


@pytest.fixture(scope="session")
def table() -> Callable[[str], list[dict[str, str]]]:
    """Rows of a reference file."""

    def read(name: str) -> list[dict[str, str]]:
        with (DATA / name).open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read
