"""Neuron models and refractory times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from spiking.errors import ParameterError
from spiking.specification import FINITE, POSITIVE, POSITIVE_OR_INF, Specification, parameter, part


@dataclass(frozen=True)
class Refractory(Specification):
    """Base of the refractory times."""


@dataclass(frozen=True)
class NoRefractory(Refractory):
    """A neuron that integrates again in the very next moment after its reset."""

    kind: ClassVar[str] = "none"


@dataclass(frozen=True)
class Exponential(Refractory):
    """Exponentially distributed refractory time, drawn anew at every spike.

    Parameters
    ----------
    mean : float
        Mean in ms.
    """

    kind: ClassVar[str] = "exponential"
    mean: float = parameter(POSITIVE, "ms", "mean refractory time")


@dataclass(frozen=True)
class Fixed(Refractory):
    """The same refractory time after every spike.

    Parameters
    ----------
    duration : float
        In ms; a simulation rounds it to a whole number of steps.
    """

    kind: ClassVar[str] = "fixed"
    duration: float = parameter(POSITIVE, "ms", "refractory time")


@dataclass(frozen=True)
class Neuron(Specification):
    """Base of the neuron models."""


@dataclass(frozen=True)
class LIF(Neuron):
    r"""Integrate-and-fire neuron, leaky or (``tau_m = inf``) perfect.

    .. math:: \dot V = -(V - V_{rest}) / \tau_m + \text{drive} + \text{synapses}; \qquad
              V \ge V_{th}:\ \text{spike},\ V \leftarrow V_{reset}

    The voltage stays at reset for the refractory time. It has no lower bound.

    Parameters
    ----------
    threshold, reset : float
        In model voltage (mV when the network is in mV); reset below threshold.
    tau_m : float
        Membrane time constant in ms; ``inf`` means no leak.
    rest : float
        Voltage towards which the leak pulls.
    refractory : Refractory
        `NoRefractory`, `Exponential` or `Fixed`.
    """

    kind: ClassVar[str] = "lif"
    threshold: float = parameter(FINITE, "mV", "firing threshold")
    reset: float = parameter(FINITE, "mV", "reset voltage", default=0.0)
    tau_m: float = parameter(POSITIVE_OR_INF, "ms", "membrane time constant", default=math.inf)
    rest: float = parameter(FINITE, "mV", "resting voltage of the leak", default=0.0)
    refractory: Refractory = part(Refractory, default=NoRefractory())

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reset >= self.threshold:
            raise ParameterError("LIF", "reset", self.reset, f"must lie below threshold = {self.threshold}")
