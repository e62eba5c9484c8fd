"""Leaky integrate-and-fire neurons in noise, and the noise; units mV, ms, nS and pA (nS times mV is pA)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from spiking.errors import ParameterError
from spiking.neurons import Fixed, Refractory
from spiking.specification import (
    ABOVE_MINUS_INF,
    FINITE,
    NONNEGATIVE,
    POSITIVE,
    Specification,
    parameter,
    part,
)

MS_PER_S = 1000.0


@dataclass(frozen=True)
class Noise(Specification):
    """Base of the noise of an injected current."""

    @property
    def white_intensity(self) -> float:
        """Intensity of the white noise that this is, in pA sqrt(ms); in nS sqrt(ms) if it multiplies the voltage."""
        return 0.0


@dataclass(frozen=True)
class NoNoise(Noise):
    """A current without noise."""

    kind: ClassVar[str] = "none"


@dataclass(frozen=True)
class WhiteNoise(Noise):
    r"""White noise of a stochastic differential equation.

    .. math:: I(t) = I_0 + \sigma\, \xi(t) \quad\text{or}\quad I_0 + \sigma V \xi(t), \qquad
              \langle \xi(t)\, \xi(t') \rangle = \delta(t - t')

    Time is in ms, so that :math:`\xi` is in 1/sqrt(ms). A step of Euler's method adds
    :math:`\sigma (1 \text{ or } V) \sqrt{dt}\, N(0, 1) / (\tau_m g_L)` to the voltage: the noise of the voltage does
    not depend on dt.

    Parameters
    ----------
    intensity : float
        :math:`\sigma` in pA sqrt(ms), or in nS sqrt(ms) if it multiplies the voltage in mV.
    multiplicative : bool
        Whether it does.
    stratonovich : bool
        In which sense the product with the voltage is meant; by default Ito's. Stratonovich's adds the drift
        :math:`b^2 V/2`, :math:`b = \sigma/(\tau_m g_L)`, to Ito's.
    """

    kind: ClassVar[str] = "white"
    intensity: float = parameter(NONNEGATIVE, "pA sqrt(ms)", "intensity of the white noise")
    multiplicative: bool = parameter(NONNEGATIVE, "", "whether it multiplies the voltage", default=False)
    stratonovich: bool = parameter(NONNEGATIVE, "", "whether in the sense of Stratonovich", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stratonovich and not self.multiplicative:
            raise ParameterError("WhiteNoise", "stratonovich", True, "is for multiplicative noise")

    @property
    def white_intensity(self) -> float:
        """`intensity`."""
        return self.intensity


@dataclass(frozen=True)
class StepNoise(Noise):
    r"""A fresh normal number in each step of a stated length, held over the step.

    .. math:: I_k = I_0 + s\, x_k \quad\text{or}\quad I_0 + s V_k x_k, \qquad x_k \sim N(0, 1)

    Under Euler's method, and at steps much shorter than :math:`\tau_m`, this is `WhiteNoise` of the intensity
    :math:`s \sqrt{\Delta}` in the sense of Ito. A simulation at another dt keeps that intensity, that is the meaning,
    and draws numbers of deviation :math:`s \sqrt{\Delta/dt}`; at dt = `step` it draws `deviation` itself.

    Parameters
    ----------
    deviation : float
        s in pA, or in nS if it multiplies the voltage in mV.
    step : float
        :math:`\Delta` in ms.
    multiplicative : bool
        Whether it multiplies the voltage.
    """

    kind: ClassVar[str] = "step"
    deviation: float = parameter(NONNEGATIVE, "pA", "standard deviation in each step")
    step: float = parameter(POSITIVE, "ms", "length of the steps", default=0.1)
    multiplicative: bool = parameter(NONNEGATIVE, "", "whether it multiplies the voltage", default=False)

    @classmethod
    def per_second(cls, sigma: float, *, step: float = 0.1, multiplicative: bool = False) -> StepNoise:
        """Return the noise of programs that divide sigma N(0, 1) by sqrt(dt / 1000), dt in ms.

        That is white noise with time in s: `WhiteNoise` of intensity sqrt(1000) sigma, 31.6 times what the same
        number means there. Figures 5 to 8 of Thieu and Melnik (2022) are reproduced in this convention, with pA.

        Parameters
        ----------
        sigma : float
            In pA sqrt(s), or in nS sqrt(s) if it multiplies the voltage in mV.
        step : float
            In ms.
        multiplicative : bool

        Raises
        ------
        ParameterError
            If a value is out of range.
        """
        known = cls(sigma, step, multiplicative)
        return replace(known, deviation=known.deviation * math.sqrt(MS_PER_S / known.step))

    @property
    def white_intensity(self) -> float:
        """`deviation` times the root of `step`."""
        return self.deviation * math.sqrt(self.step)


@dataclass(frozen=True)
class PoissonTrains(Specification):
    r"""Synaptic conductance driven by Poisson spike trains of its own: each neuron has others.

    .. math:: \dot g = -g/\tau + \bar g \sum_k \delta(t - t_k)

    The sum of the trains is one Poisson process of the rate ``trains * rate``.

    Parameters
    ----------
    trains : int
    rate : float
        Of each train, in Hz.
    weight : float
        :math:`\bar g` in nS.
    tau : float
        In ms.
    reversal : float
        In mV.
    """

    kind: ClassVar[str] = "poisson"
    trains: int = parameter(NONNEGATIVE, "", "number of spike trains")
    rate: float = parameter(NONNEGATIVE, "Hz", "rate of each train")
    weight: float = parameter(NONNEGATIVE, "nS", "conductance that a spike opens")
    tau: float = parameter(POSITIVE, "ms", "time constant of the conductance")
    reversal: float = parameter(FINITE, "mV", "reversal potential")

    @property
    def spikes_per_ms(self) -> float:
        """Spikes of all trains per ms."""
        return self.trains * self.rate / MS_PER_S


@dataclass(frozen=True)
class LangevinLIF(Specification):
    """Base of the neurons in noise; parameters as in `ClassicalLIF`, without defaults.

    Raises
    ------
    ParameterError
        If a value is out of range or the reset is not below threshold.
    """

    threshold: float = parameter(ABOVE_MINUS_INF, "mV", "firing threshold")
    reset: float = parameter(FINITE, "mV", "reset voltage, also the first")
    tau_m: float = parameter(POSITIVE, "ms", "membrane time constant")
    rest: float = parameter(FINITE, "mV", "reversal potential of the leak")
    leak: float = parameter(POSITIVE, "nS", "leak conductance")
    current: float = parameter(FINITE, "pA", "mean of the injected current")
    noise: Noise = part(Noise)
    refractory: Refractory = part(Refractory)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reset >= self.threshold:
            allowed = f"must lie below threshold = {self.threshold}"
            raise ParameterError(type(self).__name__, "reset", self.reset, allowed)

    def free(self) -> Self:
        """Return the same neurons without threshold: their voltage is the free membrane potential."""
        return replace(self, threshold=math.inf)

    @property
    def multiplicative(self) -> bool:
        """Whether the noise multiplies the voltage."""
        return bool(getattr(self.noise, "multiplicative", False))

    @property
    def voltage_noise(self) -> float:
        """Intensity of the voltage's noise: in mV/sqrt(ms), or in 1/sqrt(ms) if it multiplies the voltage."""
        return self.noise.white_intensity / (self.tau_m * self.leak)

    @property
    def ito_drift(self) -> float:
        """Coefficient in 1/ms of V in the drift that Stratonovich's sense adds to Ito's."""
        return 0.5 * self.voltage_noise**2 if getattr(self.noise, "stratonovich", False) else 0.0


@dataclass(frozen=True)
class ClassicalLIF(LangevinLIF):
    r"""Leaky integrate-and-fire neuron with a noisy injected current.

    .. math:: \tau_m \dot V = -(V - E_L) + I(t)/g_L; \qquad V \ge V_{th}:\ \text{spike},\ V \leftarrow V_{reset}

    The voltage stays at reset for the refractory time. All start at reset. Defaults: Figures 2 to 4 of Thieu and Melnik
    (2022).

    Parameters
    ----------
    threshold, reset : float
        In mV; threshold ``inf``: none.
    tau_m : float
        In ms.
    rest : float
        :math:`E_L` in mV.
    leak : float
        :math:`g_L` in nS.
    current : float
        Mean of I in pA (1 nA is 1000 pA).
    noise : Noise
        `NoNoise`, `WhiteNoise` or `StepNoise`.
    refractory : Refractory
        `NoRefractory`, `Fixed`, `Exponential` or `Normal` of `spiking`; a simulation rounds it to whole steps.
    """

    kind: ClassVar[str] = "classical"
    threshold: float = parameter(ABOVE_MINUS_INF, "mV", "firing threshold", default=-50.0)
    reset: float = parameter(FINITE, "mV", "reset voltage, also the first", default=-70.0)
    tau_m: float = parameter(POSITIVE, "ms", "membrane time constant", default=30.0)
    rest: float = parameter(FINITE, "mV", "reversal potential of the leak", default=-70.0)
    leak: float = parameter(POSITIVE, "nS", "leak conductance", default=16.7)
    current: float = parameter(FINITE, "pA", "mean of the injected current", default=3000.0)
    noise: Noise = part(Noise, default=NoNoise())
    refractory: Refractory = part(Refractory, default=Fixed(8.0))


@dataclass(frozen=True)
class ConductanceLIF(LangevinLIF):
    r"""Leaky integrate-and-fire neuron with noisy current and two conductances opened by Poisson spike trains.

    .. math:: \tau_m \dot V = -(V - E_L) - \frac{g_E}{g_L} (V - E_E) - \frac{g_I}{g_L} (V - E_I) + \frac{I(t)}{g_L}

    Conductances start closed and go on while the neuron is refractory. Defaults: Figures 5 to 8 of Thieu and Melnik
    (2022), with the synaptic weights and time constants of the notebook that they started from, as they state none.

    Parameters
    ----------
    threshold, reset, tau_m, rest, leak, current, noise, refractory
        As in `ClassicalLIF`.
    excitation, inhibition : PoissonTrains
    """

    kind: ClassVar[str] = "conductance"
    threshold: float = parameter(ABOVE_MINUS_INF, "mV", "firing threshold", default=-55.0)
    reset: float = parameter(FINITE, "mV", "reset voltage, also the first", default=-70.0)
    tau_m: float = parameter(POSITIVE, "ms", "membrane time constant", default=10.0)
    rest: float = parameter(FINITE, "mV", "reversal potential of the leak", default=-60.0)
    leak: float = parameter(POSITIVE, "nS", "leak conductance", default=20.0)
    current: float = parameter(FINITE, "pA", "mean of the injected current", default=0.0)
    noise: Noise = part(Noise, default=NoNoise())
    refractory: Refractory = part(Refractory, default=Fixed(8.0))
    excitation: PoissonTrains = part(PoissonTrains, default=PoissonTrains(100, 10.0, 2.4, 2.0, 0.0))
    inhibition: PoissonTrains = part(PoissonTrains, default=PoissonTrains(50, 20.0, 2.4, 5.0, -80.0))
