"""Synapse models: what a spike that arrives does to the voltage of its target."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from spiking.errors import ParameterError
from spiking.specification import BELOW_INF, FINITE, NONNEGATIVE, POSITIVE, Specification, parameter


@dataclass(frozen=True)
class Synapse(Specification):
    """Base of the synapse models."""


@dataclass(frozen=True)
class PendingSpikeSynapse(Synapse):
    r"""Base of the synapses whose arriving spikes wait: each is consumed at rate :math:`1/\tau`.

    Parameters
    ----------
    weight : float
        S, in mV: the voltage that one spike moves altogether (at least 0; the sign comes from `inhibitory`).
    tau : float
        Mean waiting time of a pending spike, in ms.
    inhibitory : bool
        Whether the synapse pulls the voltage down.
    reversal : float
        Inhibitory reversal potential in mV: the effect is scaled by
        :math:`c(v) = (v - v_{rev})/(v_{th} - v_{rev})`, not clipped. The default ``-inf`` means :math:`c = 1`.
        In [LCY19] and [C25] it is -66 (there written :math:`-M_r`).
    """

    weight: float = parameter(NONNEGATIVE, "mV", "synaptic weight")
    tau: float = parameter(POSITIVE, "ms", "synaptic time constant")
    inhibitory: bool = parameter(FINITE, "", "whether the synapse is inhibitory", default=False)
    reversal: float = parameter(BELOW_INF, "mV", "inhibitory reversal potential", default=-math.inf)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.inhibitory and self.reversal != -math.inf:
            allowed = "only an inhibitory synapse (inhibitory = true) has one; leave it out"
            raise ParameterError(type(self).__name__, "reversal", self.reversal, allowed)


@dataclass(frozen=True)
class PendingCurrent(PendingSpikeSynapse):
    r"""Pending-spike current synapse ([C25]): H pending spikes give the current :math:`S H/\tau`.

    Parameters as in `PendingSpikeSynapse`.
    """

    kind: ClassVar[str] = "pending_current"


@dataclass(frozen=True)
class PendingKick(PendingSpikeSynapse):
    """Pending-spike kick synapse ([LCY19], [Cai21]): each consumed spike moves the voltage by S at once.

    Parameters as in `PendingSpikeSynapse`, and

    Parameters
    ----------
    rounded : bool
        Whether each jump is rounded to a neighbouring integer, up or down by chance so that its mean is kept,
        as in the integer-voltage networks of [LCY19].
    """

    kind: ClassVar[str] = "pending_kick"
    rounded: bool = parameter(FINITE, "", "whether jumps are stochastically rounded to integers", default=False)


@dataclass(frozen=True)
class Delta(Synapse):
    """Delta synapse: a spike that arrives moves the voltage at once, unless its target is refractory.

    Parameters
    ----------
    weight : float
        In mV (at least 0; the sign comes from `inhibitory`).
    inhibitory : bool
    """

    kind: ClassVar[str] = "delta"
    weight: float = parameter(NONNEGATIVE, "mV", "synaptic weight")
    inhibitory: bool = parameter(FINITE, "", "whether the synapse is inhibitory", default=False)


@dataclass(frozen=True)
class ExponentialCurrent(Synapse):
    r"""Exponential current synapse: a spike adds :math:`\pm (S/\tau)\, e^{-t/\tau}` to :math:`\dot V`.

    Parameters
    ----------
    weight : float
        S in mV: the voltage that one spike moves altogether, net of the leak (at least 0; the sign comes from
        `inhibitory`). A peak of w mV of the driving voltage, as in :math:`\tau_m \dot V = -V + g`, is
        :math:`S = w \tau/\tau_m`.
    tau : float
        In ms.
    inhibitory : bool
    """

    kind: ClassVar[str] = "exponential_current"
    weight: float = parameter(NONNEGATIVE, "mV", "synaptic weight")
    tau: float = parameter(POSITIVE, "ms", "synaptic time constant")
    inhibitory: bool = parameter(FINITE, "", "whether the synapse is inhibitory", default=False)


@dataclass(frozen=True)
class ExponentialConductance(Synapse):
    r"""Exponential conductance: :math:`\dot V` gains :math:`-(g/\tau_m)(V - V_{rev})`, a spike adds w to g.

    Parameters
    ----------
    weight : float
        w, over the leak conductance (no unit).
    tau : float
        Time in ms with which g decays.
    reversal : float
        Reversal potential in mV: above threshold excitatory, below inhibitory.
    """

    kind: ClassVar[str] = "exponential_conductance"
    weight: float = parameter(NONNEGATIVE, "", "conductance that a spike adds, over the leak conductance")
    tau: float = parameter(POSITIVE, "ms", "synaptic time constant")
    reversal: float = parameter(FINITE, "mV", "reversal potential")
