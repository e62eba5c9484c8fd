"""The ensembles of the figures of Thieu and Melnik (2022)."""

from __future__ import annotations

from spiking.errors import UnknownNameError
from spiking.neurons import Fixed, Normal, Refractory
from spiking.noise.models import ClassicalLIF, ConductanceLIF, Noise, NoNoise, StepNoise, WhiteNoise

_FIXED, _STANDARD, _LATE, _WIDE = Fixed(8.0), Normal(0.0, 1.0), Normal(5.0, 1.0), Normal(1.0, 2.0)
_PA_PER_NA = 1000.0

_CLASSICAL: dict[str, tuple[float, Noise, Refractory]] = {
    "2 left": (3.0, NoNoise(), _FIXED),
    "2 right": (3.0, NoNoise(), _STANDARD),
    "3 left": (6.0, WhiteNoise(2.0 * _PA_PER_NA), _FIXED),
    "3 right": (6.0, WhiteNoise(2.0 * _PA_PER_NA), _STANDARD),
    "4 left": (6.0, WhiteNoise(2.0 * _PA_PER_NA), _LATE),
    "4 right": (6.0, StepNoise.per_second(2.0, multiplicative=True), _LATE),
}
_CONDUCTANCE: dict[str, tuple[float, float, bool, Refractory, float]] = {
    "6 left": (8.0, 0.0, False, _FIXED, 20.0),
    "6 right": (1.0, 2.0, False, _FIXED, 20.0),
    "7 left": (1.0, 2.0, False, _WIDE, 20.0),
    "7 right": (1.0, 2.0, True, _WIDE, 20.0),
    "8 left": (1.0, 2.0, True, _FIXED, 200.0),
    "8 right": (1.0, 2.0, True, _WIDE, 200.0),
}
PANELS = (*_CLASSICAL, *_CONDUCTANCE)


def thieu2022(figure: str) -> ClassicalLIF | ConductanceLIF:
    r"""Return the neurons of one panel of T. K. T. Thieu and R. Melnik, ICCSA 2022 (arXiv:2202.09482).

    The paper gives currents in mV, and no convention of the noise. Here:

    * Figures 2 to 4: nA, as less than 334 pA never makes these neurons fire, and `WhiteNoise` in nA sqrt(ms): with the
      division by sqrt(dt / 1000) it would move the voltage by 126 mV in a ms.
    * Figure 4 right: 6 nA, and the noise in pA, by `StepNoise.per_second`. In nA, :math:`2 V \xi` moves the voltage by
      :math:`3.99\,V` per root of ms, 279 mV at -70 mV, and takes some hundreds of volts below zero within 100 ms.
    * Figures 6 to 8: pA and `StepNoise.per_second`, which gives the paper's rates; with `WhiteNoise` of the same
      numbers 7 right does not burst, and the neurons of 8 are silent.
    * Refractory times that the paper leaves unstated (3 right, 4 right): those of 2 right and 4 left.

    Parameters
    ----------
    figure : str
        ``"2 left"`` to ``"8 right"``; Figure 5 has the neurons of 6 left.

    Raises
    ------
    UnknownNameError
        If there is no such panel.
    """
    if not isinstance(figure, str) or figure not in PANELS:
        raise UnknownNameError("figure", figure, PANELS)
    if figure in _CLASSICAL:
        nano, noise, refractory = _CLASSICAL[figure]
        return ClassicalLIF(current=nano * _PA_PER_NA, noise=noise, refractory=refractory)
    mean, sigma, multiplicative, refractory, leak = _CONDUCTANCE[figure]
    own = StepNoise.per_second(sigma, multiplicative=multiplicative) if sigma else NoNoise()
    return ConductanceLIF(current=mean, noise=own, refractory=refractory, leak=leak)
