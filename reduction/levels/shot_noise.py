"""One leaky integrate-and-fire neuron under kicks of finite, exponentially distributed size: its exact firing rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from spiking.errors import ParameterError
from spiking.specification import FINITE, NONNEGATIVE, POSITIVE, checked_number

_NODES = 20
_PANELS = 40
_NEGLIGIBLE = 45.0
_BISECTIONS = 60


def shot_noise_rate(
    *,
    excitatory_rate: float,
    excitatory_amplitude: float,
    inhibitory_rate: float = 0.0,
    inhibitory_amplitude: float = 0.0,
    tau_m: float,
    threshold: float,
    reset: float = 0.0,
    rest: float = 0.0,
    refractory: float = 0.0,
) -> float:
    r"""Return the firing rate in Hz of a leaky neuron that Poisson kicks of exponentially distributed sizes move.

    .. math:: \frac1r = \tau_{ref} + \tau_m \int_0^{1/a_e} \frac{ds}{s}\,
              (1 - a_e s)^{\tau_m R_e} (1 + a_i s)^{\tau_m R_i}
              \left[\frac{e^{s V_{th}}}{1 - a_e s} - e^{s V_r}\right]

    with voltages counted from rest (Richardson, Swarbrick, Phys. Rev. Lett. 105 (2010) 178102). No diffusion
    approximation: kicks may be as large as the distance to the threshold. Relative error at most 1e-11.

    Parameters
    ----------
    excitatory_rate, inhibitory_rate : float
        :math:`R_e, R_i`: kicks per ms.
    excitatory_amplitude, inhibitory_amplitude : float
        :math:`a_e, a_i`: their mean sizes in mV (an inhibitory kick lowers the voltage).
    tau_m : float
        Membrane time constant in ms.
    threshold, reset, rest : float
        In mV; the threshold above the others, so that without kicks the neuron is silent.
    refractory : float
        Mean refractory time in ms.

    Returns
    -------
    float

    Raises
    ------
    ParameterError
        If a value is out of range.
    """
    rate = checked_number("", "excitatory_rate", excitatory_rate, NONNEGATIVE)
    size = checked_number("", "excitatory_amplitude", excitatory_amplitude, POSITIVE)
    tau = checked_number("", "tau_m", tau_m, POSITIVE)
    opposed = tau * checked_number("", "inhibitory_rate", inhibitory_rate, NONNEGATIVE)
    ratio = checked_number("", "inhibitory_amplitude", inhibitory_amplitude, NONNEGATIVE) / size
    pause = checked_number("", "refractory", refractory, NONNEGATIVE)
    top = checked_number("", "threshold", threshold, FINITE)
    for name, value in (("reset", reset), ("rest", rest)):
        if checked_number("", name, value, FINITE) >= top:
            raise ParameterError("", name, value, f"must lie below threshold = {top}")
    if rate == 0.0:
        return 0.0
    highest = _log_passage(tau * rate, opposed, ratio, (top - rest) / size, (reset - rest) / size)
    return 1000.0 / (pause + tau * math.exp(highest)) if highest < 700.0 else 0.0


def _log_passage(kicks: float, opposed: float, ratio: float, threshold: float, reset: float) -> float:
    """Return the logarithm of the mean passage time over tau_m, voltages in mean excitatory kicks.

    With :math:`a_e s = 1 - e^{-x}` the integrand is exp(f(x)), f concave, times a factor that varies near 0: panels
    that widen geometrically away from the peak of f and from the lower end, until f has fallen by 45.
    """

    def exponent(x: float) -> float:
        s = -math.expm1(-x)
        return threshold * s + opposed * math.log1p(ratio * s) - kicks * x

    def slope(x: float) -> float:
        s = -math.expm1(-x)
        return (threshold + opposed * ratio / (1.0 + ratio * s)) * (1.0 - s) - kicks

    steepest = threshold + opposed * ratio
    peak = _where_positive(slope, 0.0, math.log(steepest / kicks)) if steepest > kicks else 0.0
    highest = exponent(peak)

    def remaining(x: float) -> float:
        return exponent(x) - highest + _NEGLIGIBLE

    beyond = 1.0
    while remaining(peak + beyond) > 0.0:
        beyond *= 2.0
    upper = _where_positive(remaining, peak, peak + beyond)
    lower = 0.0 if remaining(0.0) > 0.0 else _where_positive(remaining, peak, 0.0)
    middle = 0.5 * (lower + peak)
    total = 0.0
    x, weights = np.polynomial.legendre.leggauss(_NODES)
    for end, far in ((peak, upper), (peak, middle), (lower, middle)):
        edges = end + (far - end) * np.append(0.0, 0.5 ** np.arange(_PANELS)[::-1])
        half = 0.5 * np.diff(edges)[:, None]
        y = edges[:-1, None] + half * (1.0 + x)
        s = -np.expm1(-y)
        f = threshold * s + opposed * np.log1p(ratio * s) - kicks * y - highest
        values = np.exp(f) * -np.expm1(-(threshold - reset) * s - y) / np.where(s > 0.0, s, 1.0)
        total += float(np.sum(np.abs(half) * weights * values))
    return highest + math.log(total)


def _where_positive(function: Callable[[float], float], inside: float, outside: float) -> float:
    """Return where a function changes sign between a place where it is positive and one where it is not."""
    for _ in range(_BISECTIONS):
        middle = 0.5 * (inside + outside)
        if function(middle) > 0.0:
            inside = middle
        else:
            outside = middle
    return inside
