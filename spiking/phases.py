"""Phases of quadratic neurons: the rate and mean voltage that belong to voltages without a mean."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

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
    """
    v = np.asarray(voltages, float)
    order = np.mean((1.0 + 1j * v) / (1.0 - 1j * v), axis=-1)
    w = (1.0 - order.conj()) / (1.0 + order.conj())
    return Lorentzian(w.imag, w.real)
