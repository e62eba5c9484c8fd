"""Wiring: which spikes reach which neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spiking.specification import PROBABILITY, Specification, parameter


@dataclass(frozen=True)
class Wiring(Specification):
    """Base of the wiring rules."""


@dataclass(frozen=True)
class Annealed(Wiring):
    """A fresh coin for every spike and every target ([C25], [LCY19]); a neuron may be its own target.

    Parameters
    ----------
    probability : float
        With which a spike reaches a given neuron of the target population.
    """

    kind: ClassVar[str] = "annealed"
    probability: float = parameter(PROBABILITY, "", "connection probability")
