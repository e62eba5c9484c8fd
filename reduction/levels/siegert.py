"""One integrate-and-fire neuron in white noise: firing rate and interval statistics in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError
from spiking.specification import FINITE, NONNEGATIVE, POSITIVE, Requirement

Floats = npt.NDArray[np.float64]

SYNAPTIC_SHIFT = 1.0326265761156086
"""alpha/2, -zeta(1/2) over the root of 2: threshold and reset shift by this times sigma sqrt(tau_syn/tau_m)."""


def siegert_rate(
    mu: npt.ArrayLike,
    sigma: npt.ArrayLike,
    *,
    tau_m: npt.ArrayLike,
    threshold: npt.ArrayLike,
    reset: npt.ArrayLike,
    refractory: npt.ArrayLike = 0.0,
    tau_syn: npt.ArrayLike = 0.0,
) -> Any:
    r"""Return the firing rate in Hz of :math:`\tau_m \dot V = \mu - V + \sigma \sqrt{\tau_m}\, \xi`.

    .. math:: \frac1r = \tau_{ref} + \tau_m \sqrt\pi \int_{(V_r - \mu)/\sigma}^{(V_{th} - \mu)/\sigma}
              e^{u^2} (1 + \operatorname{erf} u)\, du

    (Siegert 1951; Brunel 2000, equation 21.) Relative error at most 1e-12 where the rate itself is that well
    conditioned, from 1e-290 Hz upwards; lower rates are 0.

    Parameters
    ----------
    mu : array_like
        Mean of the voltage without threshold, in mV.
    sigma : array_like
        In mV: :math:`\sqrt 2` times the standard deviation without threshold. At 0 the rate is the deterministic one.
    tau_m : array_like
        Membrane time constant in ms.
    threshold, reset : array_like
        In mV.
    refractory : array_like
        Mean refractory time in ms.
    tau_syn : array_like
        Time constant in ms of an exponential synapse through which the noise comes, to first order in
        :math:`\sqrt{\tau_{syn}/\tau_m}` (Fourcaud, Brunel, Neural Comput. 14 (2002) 2057): threshold and reset shift
        by :math:`|\zeta(1/2)| \sigma \sqrt{\tau_{syn}/2\tau_m}`.

    Returns
    -------
    float or array
        All arguments broadcast against each other.

    Raises
    ------
    ParameterError
        If a value is out of range.
    """
    return siegert_slopes(
        mu, sigma, tau_m=tau_m, threshold=threshold, reset=reset, refractory=refractory, tau_syn=tau_syn
    )[0]


def siegert_slopes(
    mu: npt.ArrayLike,
    sigma: npt.ArrayLike,
    *,
    tau_m: npt.ArrayLike,
    threshold: npt.ArrayLike,
    reset: npt.ArrayLike,
    refractory: npt.ArrayLike = 0.0,
    tau_syn: npt.ArrayLike = 0.0,
) -> tuple[Any, Any, Any]:
    """Return the rate in Hz and its derivatives by mu and by sigma, in Hz/mV; arguments and errors as `siegert_rate`.

    The slope at mu is the response to a slow change of the input. Without noise, the one by sigma is taken as 0.
    """
    from reduction.kernels.siegert import rates

    arguments, shape = _prepared(mu, sigma, tau_m, threshold, reset, refractory, tau_syn)
    out = np.empty((3, arguments.shape[1]))
    rates(arguments, out)
    out *= 1000.0
    rate, by_mu, by_sigma = out.reshape((3, *shape))
    return rate[()], by_mu[()], by_sigma[()]


def siegert_variation(
    mu: npt.ArrayLike,
    sigma: npt.ArrayLike,
    *,
    tau_m: npt.ArrayLike,
    threshold: npt.ArrayLike,
    reset: npt.ArrayLike,
    refractory: npt.ArrayLike = 0.0,
    tau_syn: npt.ArrayLike = 0.0,
) -> Any:
    r"""Return the coefficient of variation of the intervals between spikes; arguments and errors as `siegert_rate`.

    .. math:: CV^2 = 2\pi (r \tau_m)^2 \int_{(V_r - \mu)/\sigma}^{(V_{th} - \mu)/\sigma} e^{x^2} dx
              \int_{-\infty}^x e^{u^2} (1 + \operatorname{erf} u)^2 du

    (Brunel 2000, appendix.) The refractory time is taken as fixed: it lowers the CV. NaN where a neuron without noise
    never fires.
    """
    from reduction.kernels.siegert import variations

    arguments, shape = _prepared(mu, sigma, tau_m, threshold, reset, refractory, tau_syn)
    out = np.empty(arguments.shape[1])
    variations(arguments, out)
    return out.reshape(shape)[()]


def perfect_rate(
    drift: npt.ArrayLike, *, threshold: npt.ArrayLike, reset: npt.ArrayLike = 0.0, refractory: npt.ArrayLike = 0.0
) -> Any:
    r"""Return the firing rate in Hz of a perfect integrator, :math:`\dot V = \mu + \sigma \xi`, whatever its noise.

    .. math:: 1/r = \tau_{ref} + (V_{th} - V_r)/\mu, \quad r = 0 \text{ for } \mu \le 0

    Parameters
    ----------
    drift : array_like
        mu in mV/ms. If it is not positive, some neurons never reach the threshold: the rate is 0.
    threshold, reset : array_like
        In mV.
    refractory : array_like
        Mean refractory time in ms.

    Returns
    -------
    float or array

    Raises
    ------
    ParameterError
        If a value is out of range.
    """
    mu, span, pause = _perfect(drift, threshold, reset, refractory)
    return (1000.0 * np.maximum(mu, 0.0) / (span + np.maximum(mu, 0.0) * pause))[()]


def perfect_variation(
    drift: npt.ArrayLike,
    noise: npt.ArrayLike,
    *,
    threshold: npt.ArrayLike,
    reset: npt.ArrayLike = 0.0,
    refractory: npt.ArrayLike = 0.0,
) -> Any:
    r"""Return the CV of a perfect integrator's inverse-Gaussian intervals.

    .. math:: CV = \sqrt{\frac{\sigma^2}{\mu (V_{th} - V_r)}}\, (1 - r \tau_{ref})

    Parameters
    ----------
    drift, noise : array_like
        mu in mV/ms, and sigma^2 in mV^2/ms.
    threshold, reset, refractory : array_like
        As in `perfect_rate`; the refractory time is taken as fixed.

    Returns
    -------
    float or array
        NaN where the drift is not positive.

    Raises
    ------
    ParameterError
        If a value is out of range.
    """
    mu, span, pause = _perfect(drift, threshold, reset, refractory)
    power = _checked("noise", noise, NONNEGATIVE)
    passage = span / np.where(mu > 0.0, mu, np.nan)
    return (np.sqrt(power * passage) / span * (passage / (pause + passage)))[()]


def _perfect(
    drift: npt.ArrayLike, threshold: npt.ArrayLike, reset: npt.ArrayLike, refractory: npt.ArrayLike
) -> tuple[Floats, Floats, Floats]:
    upper, lower = _checked("threshold", threshold, FINITE), _checked("reset", reset, FINITE)
    _check_order(upper, lower)
    return _checked("drift", drift, FINITE), upper - lower, _checked("refractory", refractory, NONNEGATIVE)


def _prepared(
    mu: npt.ArrayLike,
    sigma: npt.ArrayLike,
    tau_m: npt.ArrayLike,
    threshold: npt.ArrayLike,
    reset: npt.ArrayLike,
    refractory: npt.ArrayLike,
    tau_syn: npt.ArrayLike,
) -> tuple[Floats, tuple[int, ...]]:
    """Return the kernels' arguments, shape (7, n), and the shape of the result."""
    checked = [
        _checked("mu", mu, FINITE), _checked("sigma", sigma, NONNEGATIVE), _checked("tau_m", tau_m, POSITIVE),
        _checked("threshold", threshold, FINITE), _checked("reset", reset, FINITE),
        _checked("refractory", refractory, NONNEGATIVE),
    ]  # fmt: skip
    _check_order(checked[3], checked[4])
    checked.append(SYNAPTIC_SHIFT * np.sqrt(_checked("tau_syn", tau_syn, NONNEGATIVE) / checked[2]))
    try:
        together = np.broadcast_arrays(*checked)
    except ValueError:
        shapes = ", ".join(str(a.shape) for a in checked if a.ndim)
        raise ParameterError("", "mu", f"shapes {shapes}", "all arguments must broadcast together") from None
    return np.array(together).reshape(7, -1), together[0].shape


def _checked(name: str, values: npt.ArrayLike, requirement: Requirement) -> Floats:
    """Return values as an array, all of which satisfy a requirement (an interval, so that the extremes decide)."""
    try:
        found = np.asarray(values, float)
    except (TypeError, ValueError):
        raise ParameterError("", name, values, "must be a number or an array of numbers") from None
    for extreme in (found.min(initial=np.inf), found.max(initial=-np.inf)) if found.size else ():
        if np.isnan(extreme) or not requirement.holds(float(extreme)):
            raise ParameterError("", name, float(extreme), requirement.text)
    return found


def _check_order(threshold: Floats, reset: Floats) -> None:
    wrong = ~(reset < threshold)
    if wrong.any():
        raise ParameterError(
            "", "reset", float(np.broadcast_to(reset, wrong.shape)[wrong][0]), "must lie below threshold"
        )
