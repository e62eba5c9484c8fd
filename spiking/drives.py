"""External drives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError
from spiking.specification import (
    FINITE,
    NONNEGATIVE,
    POSITIVE,
    ArraySpecification,
    Specification,
    array,
    parameter,
    part,
)


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


@dataclass(frozen=True)
class ConstantDrive(Drive):
    """A constant current.

    Parameters
    ----------
    current : float
        In mV/ms: its part of dV/dt.
    """

    kind: ClassVar[str] = "constant"
    current: float = parameter(FINITE, "mV/ms", "constant current")


@dataclass(frozen=True)
class OrnsteinUhlenbeckDrive(Drive):
    r"""A current that is an Ornstein-Uhlenbeck process, independent for every neuron, stationary from the start.

    .. math:: \dot I = (\mu - I)/\tau + \sigma \sqrt{2/\tau}\, \xi(t)

    Parameters
    ----------
    mean, deviation : float
        Of the current, in mV/ms: :math:`\mu` and :math:`\sigma`.
    tau : float
        Correlation time in ms.
    """

    kind: ClassVar[str] = "ornstein_uhlenbeck"
    mean: float = parameter(FINITE, "mV/ms", "mean current")
    deviation: float = parameter(NONNEGATIVE, "mV/ms", "standard deviation of the current")
    tau: float = parameter(POSITIVE, "ms", "correlation time of the current")


@dataclass(frozen=True, eq=False)
class ArrayDrive(ArraySpecification, Drive):
    """A current that depends on time, the same for every neuron.

    Parameters
    ----------
    values : array_like, shape (intervals,)
        Current in mV/ms over successive intervals; a simulation must not last longer.
    interval : float
        In ms.
    """

    kind: ClassVar[str] = "array"
    values: npt.NDArray[np.float64] = array(float, "mV/ms", "current over successive intervals")
    interval: float = parameter(POSITIVE, "ms", "interval of the values")


@dataclass(frozen=True)
class LorentzianDrive(Drive):
    r"""A constant current that differs between neurons, with a Lorentzian distribution; drawn anew for every trial.

    Montbrio, Pazo, Roxin, Phys. Rev. X 5 (2015) 021028. Each of as many equally likely intervals as there are neurons
    gives one current, at random within it, to a random neuron; the two outermost give the current with which a
    quadratic neuron fires at their mean rate. (At the quantiles, as in that paper, 10000 quadratic neurons fire up to
    4 % less than infinitely many; independent currents have rates of infinite variance.) In a simulation a quadratic
    neuron has at most the current with which it fires in every second step.

    Parameters
    ----------
    center, half_width : float
        Of the distribution, in mV/ms.
    """

    kind: ClassVar[str] = "lorentzian"
    center: float = parameter(FINITE, "mV/ms", "centre of the currents")
    half_width: float = parameter(NONNEGATIVE, "mV/ms", "half width at half maximum of the currents' distribution")


@dataclass(frozen=True)
class SumDrive(Drive):
    """Two drives at once; either may be a sum again; one of all may be kicks, one drawn for every neuron.

    Parameters
    ----------
    first, second : Drive
        Their parameters have the addresses ``E.drive.first.rate``, ...
    """

    kind: ClassVar[str] = "sum"
    first: Drive = part(Drive)
    second: Drive = part(Drive)

    def __post_init__(self) -> None:
        super().__post_init__()
        own = OrnsteinUhlenbeckDrive | LorentzianDrive
        for cls, what in ((KickDrive, "kicks"), (own, "'ornstein_uhlenbeck' or 'lorentzian'")):
            if sum(isinstance(drive, cls) for drive in components(self)) > 1:
                raise ParameterError("SumDrive", "second", self.second.kind, f"at most one part may be {what}")


def components(drive: Drive) -> list[Drive]:
    """Return the drives that make up a drive."""
    return components(drive.first) + components(drive.second) if isinstance(drive, SumDrive) else [drive]


def kicks_of(drive: Drive) -> tuple[float, float]:
    """Return (rate in 1/ms, size in mV) of a drive's kicks; zeros if it has none."""
    return next(((d.rate, d.size) for d in components(drive) if isinstance(d, KickDrive)), (0.0, 0.0))
