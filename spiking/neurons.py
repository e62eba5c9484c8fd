"""Neuron models and refractory times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from spiking.errors import ParameterError
from spiking.specification import (
    ABOVE_MINUS_INF,
    BELOW_INF,
    FINITE,
    NONNEGATIVE,
    POSITIVE,
    POSITIVE_OR_INF,
    Specification,
    parameter,
    part,
)

_MOST_SLOPES = 500.0


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
class Normal(Refractory):
    """Normally distributed refractory time, drawn anew at every spike; negative draws are taken as 0.

    Parameters
    ----------
    mean, deviation : float
        Mean and standard deviation in ms, before negative draws are cut off.
    """

    kind: ClassVar[str] = "normal"
    mean: float = parameter(FINITE, "ms", "mean refractory time before negative draws are cut off")
    deviation: float = parameter(NONNEGATIVE, "ms", "standard deviation of the refractory time")


@dataclass(frozen=True)
class Neuron(Specification):
    """Base of the neuron models."""


def _check_reset(neuron: LIF | QIF | EIF) -> None:
    if neuron.reset >= neuron.threshold:
        allowed = f"must lie below threshold = {neuron.threshold}"
        raise ParameterError(type(neuron).__name__, "reset", neuron.reset, allowed)


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
        `NoRefractory`, `Fixed`, `Exponential` or `Normal`.
    """

    kind: ClassVar[str] = "lif"
    threshold: float = parameter(FINITE, "mV", "firing threshold")
    reset: float = parameter(FINITE, "mV", "reset voltage", default=0.0)
    tau_m: float = parameter(POSITIVE_OR_INF, "ms", "membrane time constant", default=math.inf)
    rest: float = parameter(FINITE, "mV", "resting voltage of the leak", default=0.0)
    refractory: Refractory = part(Refractory, default=NoRefractory())

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_reset(self)


@dataclass(frozen=True)
class QIF(Neuron):
    r"""Quadratic integrate-and-fire neuron.

    .. math:: \dot V = V^2/\tau_m + \text{drive} + \text{synapses}; \qquad
              V \ge V_{th}:\ \text{spike},\ V \leftarrow V_{reset}

    With a constant current I and infinite cutoffs it fires at the rate :math:`\sqrt{I/\tau_m}/\pi`.

    Parameters
    ----------
    threshold, reset : float
        Upper and lower cutoff; both finite, or ``inf`` and ``-inf`` (then without refractory time).
    tau_m : float
        Membrane time constant in ms (of a voltage in units in which the coefficient of V^2 is 1 / tau_m).
    refractory : Refractory
    """

    kind: ClassVar[str] = "qif"
    threshold: float = parameter(ABOVE_MINUS_INF, "mV", "upper cutoff", default=math.inf)
    reset: float = parameter(BELOW_INF, "mV", "lower cutoff", default=-math.inf)
    tau_m: float = parameter(POSITIVE, "ms", "membrane time constant", default=1.0)
    refractory: Refractory = part(Refractory, default=NoRefractory())

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_reset(self)
        if math.isinf(self.threshold) != math.isinf(self.reset):
            raise ParameterError(
                "QIF", "reset", self.reset, "must be -inf if threshold is inf, and finite if it is not"
            )
        if math.isinf(self.threshold) and not isinstance(self.refractory, NoRefractory):
            raise ParameterError("QIF", "refractory", self.refractory.kind, "must be none with infinite cutoffs")


@dataclass(frozen=True)
class EIF(Neuron):
    r"""Exponential integrate-and-fire neuron (Fourcaud-Trocme et al., J. Neurosci. 23 (2003) 11628).

    .. math:: \dot V = \frac{-(V - V_{rest}) + \Delta_T e^{(V - V_T)/\Delta_T}}{\tau_m}
              + \text{drive} + \text{synapses}; \qquad V \ge V_{th}:\ \text{spike},\ V \leftarrow V_{reset}

    Parameters
    ----------
    threshold, reset : float
        Voltage in mV at which a spike is counted (far above `onset`), and reset.
    tau_m : float
        Membrane time constant in ms.
    rest : float
        Voltage in mV towards which the leak pulls.
    onset : float
        :math:`V_T` in mV: where the exponential's slope equals the leak's.
    slope_factor : float
        :math:`\Delta_T` in mV.
    refractory : Refractory
    """

    kind: ClassVar[str] = "eif"
    threshold: float = parameter(FINITE, "mV", "voltage at which a spike is counted")
    reset: float = parameter(FINITE, "mV", "reset voltage")
    tau_m: float = parameter(POSITIVE, "ms", "membrane time constant")
    rest: float = parameter(FINITE, "mV", "resting voltage of the leak")
    onset: float = parameter(FINITE, "mV", "voltage of spike onset")
    slope_factor: float = parameter(POSITIVE, "mV", "slope factor of the spike onset")
    refractory: Refractory = part(Refractory, default=NoRefractory())

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_reset(self)
        if self.onset >= self.threshold:
            raise ParameterError("EIF", "onset", self.onset, f"must lie below threshold = {self.threshold}")
        least = (self.threshold - self.onset) / _MOST_SLOPES
        if self.slope_factor < least:
            allowed = f"must be at least {least:g}: (threshold - onset) / {_MOST_SLOPES:g}"
            raise ParameterError("EIF", "slope_factor", self.slope_factor, allowed)
