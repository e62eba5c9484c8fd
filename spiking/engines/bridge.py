"""Scheme "bridge": exact factors for leak and synapses, and thresholds crossed between grid times."""

from __future__ import annotations

from functools import partial

from spiking.engines.annealed import check_annealed, check_step, prepare
from spiking.engines.trial import Engine
from spiking.network import Network


def check(network: Network, dt: float) -> None:
    """Refuse steps beyond half of a time constant, and networks that are not annealed pending-spike networks."""
    check_step(network, dt)
    check_annealed(network, "bridge")


ENGINE = Engine(check, partial(prepare, exact=True))
