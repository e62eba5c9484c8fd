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
class KickDrive(Drive):
    """Base of the drives made of many independent kicks to every neuron.

    Parameters
    ----------
    rate : float
        Kicks per ms.
    size : float
        Height of a kick in mV.
    """

    rate: float = parameter(NONNEGATIVE, "1/ms", "rate of the external kicks")
    size: float = parameter(FINITE, "mV", "size of an external kick", default=1.0)


@dataclass(frozen=True)
class PoissonDrive(KickDrive):
    """Poisson kicks; parameters as in `KickDrive`."""

    kind: ClassVar[str] = "poisson"


@dataclass(frozen=True)
class GaussianDrive(KickDrive):
    """White noise with the mean and variance of Poisson kicks: rate * size and rate * size^2 per ms ([C25]).

    Parameters as in `KickDrive`.
    """

    kind: ClassVar[str] = "gaussian"


def kicks_of(drive: Drive) -> tuple[float, float]:
    """Return (rate in 1/ms, size in mV) of a drive's kicks; zeros if it has none."""
    return (drive.rate, drive.size) if isinstance(drive, KickDrive) else (0.0, 0.0)
