"""Phases of quadratic neurons: the rate and mean voltage that belong to voltages without a mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spiking.arrays import checked_array
from spiking.errors import ParameterError

Floats = npt.NDArray[np.float64]


class Lorentzian(NamedTuple):
    """A Lorentzian distribution of voltages.

    Attributes
    ----------
    center, half_width : array
        In mV; the half width is pi tau_m times the firing rate.
    """

    center: Floats
    half_width: Floats


def lorentzian_of(voltages: npt.ArrayLike) -> Lorentzian:
    r"""Return the Lorentzian distribution with the same mean phase as the voltages of quadratic neurons.

    With :math:`V = \tan(\theta/2)` the order parameter :math:`Z = \langle e^{i\theta} \rangle` of a Lorentzian
    distribution is :math:`\bar Z = (1 - W)/(1 + W)` with :math:`W = \Delta_V + i \bar V` (Montbrio, Pazo, Roxin, Phys.
    Rev. X 5 (2015) 021028). The sample mean of such voltages never settles; Z does, with a standard error of at most
    :math:`n^{-1/2}`.

    Parameters
    ----------
    voltages : array_like, shape (..., neurons)
        In mV.

    Returns
    -------
    Lorentzian
        Arrays of shape (...).

    Raises
    ------
    ParameterError
        If a voltage is not finite, or there are no neurons.
    """
    v = checked_array("voltages", voltages)
    if v.ndim == 0 or v.size == 0:
        raise ParameterError("", "voltages", v.shape, "must have the neurons as last axis, at least one")
    inverse = 1.0 / (1.0 - 1j * v)
    below, above = np.mean(-1j * v * inverse, axis=-1), np.mean(inverse, axis=-1)  # (1 - Z)/2 and (1 + Z)/2
    w = np.conj(below / above)
    return Lorentzian(w.imag, np.maximum(w.real, 0.0))
