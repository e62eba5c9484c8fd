"""External drives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spiking.specification import FINITE, NONNEGATIVE, Specification, parameter


@dataclass(frozen=True)
class Drive(Specification):
    """Base of the drives."""


@dataclass(frozen=True)
class NoDrive(Drive):
    """No external drive."""

    kind: ClassVar[str] = "none"


@dataclass(frozen=True)
class PoissonDrive(Drive):
    """Independent Poisson kicks to every neuron.

    Parameters
    ----------
    rate : float
        Kicks per ms.
    size : float
        Height of a kick in mV.
    """

    kind: ClassVar[str] = "poisson"
    rate: float = parameter(NONNEGATIVE, "1/ms", "rate of the external kicks")
    size: float = parameter(FINITE, "mV", "size of an external kick", default=1.0)


@dataclass(frozen=True)
class GaussianDrive(Drive):
    """White noise with the mean and variance of Poisson kicks: rate * size and rate * size^2 per ms ([C25]).

    Parameters
    ----------
    rate : float
        Kicks per ms.
    size : float
        Height of a kick in mV.
    """

    kind: ClassVar[str] = "gaussian"
    rate: float = parameter(NONNEGATIVE, "1/ms", "rate of the external kicks")
    size: float = parameter(FINITE, "mV", "size of an external kick", default=1.0)
