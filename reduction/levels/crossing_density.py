"""A leaky neuron in an Ornstein-Uhlenbeck current: density of voltage and current, speeds at the threshold."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre

from reduction.levels.crossing_equation import Neuron, Solution, check_size, solve
from reduction.levels.panels import Panels
from spiking import archive, network_file
from spiking.current_networks import current_network
from spiking.errors import NumericalError, ParameterError, SpecificationError
from spiking.network import Network
from spiking.specification import Requirement, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

_COARSER = 2
_RESOLVED = 0.1
_KIND = "crossing_density"
_DEGREES = Requirement("must lie between 4 and 12", lambda x: 4 <= x <= 12)


@dataclass(frozen=True, eq=False)
class CrossingDensity:
    r"""Stationary density of a neuron, and of its speed :math:`A = \dot V` where it crosses the threshold.

    Attributes
    ----------
    network : Network
    rate, rate_error : float
        Firing rate in Hz, and its change if the polynomials' degree is lowered by 2 (which exceeds the error).
    exponent, exponent_error : float
        Lyapunov exponent of the voltage in 1/ms, and that change.
    speeds, weights : array, shape (points,)
        Quadrature of the speed at the threshold, in mV/ms: graded towards 0.
    crossing : array, shape (points,)
        Density of the speed over crossings, in ms/mV; its integral is 1.
    """

    network: Network
    rate: float
    rate_error: float
    exponent: float
    exponent_error: float
    speeds: Floats
    weights: Floats
    crossing: Floats
    _solution: Solution = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"CrossingDensity(rate={self.rate:.6g} Hz ({self.rate_error:.1g}), "
            f"exponent={self.exponent:.6g}/ms ({self.exponent_error:.1g}))"
        )

    def probability_below(self, speed: npt.ArrayLike) -> Floats:
        """Return the part of crossings slower than a speed in mV/ms, of its shape."""
        asked = np.asarray(speed, float)
        edges = self._solution.speed.edges
        found = np.zeros(asked.shape)
        x, w = legendre.leggauss(self._solution.speed.degree + 2)
        edges = edges[edges >= 0.0]
        for low, high in itertools.pairwise(edges):
            half = 0.5 * np.clip(asked - low, 0.0, high - low)
            at = low + half[..., None] * (1.0 + x)
            found += half * ((at * self._solution.at_threshold(at)) @ w)
        return np.asarray(found / self._solution.flux)

    def density(self, voltage: npt.ArrayLike, current: npt.ArrayLike) -> Floats:
        """Return the joint density in ms/mV^2 at every voltage (mV) with every current (mV/ms).

        Its shape is that of the voltages followed by that of the currents: (n, m) for a grid, () for two numbers.
        """
        at, with_current = np.asarray(voltage, float), np.asarray(current, float)
        return self._solution.joint(at.ravel(), with_current.ravel()).reshape(at.shape + with_current.shape)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the density of the speed at the threshold."""
        from spiking.lyapunov_plots import speed_curve

        return speed_curve(self.speeds, self.crossing, ax=ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        solution = self._solution
        metadata = {
            "kind": _KIND, "network": network_file.dumps(self.network), "degree": solution.speed.degree,
            "rate_error": self.rate_error, "exponent_error": self.exponent_error,
        }  # fmt: skip
        arrays = {"voltage": solution.voltage.edges, "speed": solution.speed.edges, "values": solution.values}
        archive.write(path, metadata, arrays)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> CrossingDensity:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        metadata, arrays = archive.read(path, _KIND)
        network = network_file.loads(metadata["network"])
        voltage, speed = (Panels(arrays[name], metadata["degree"]) for name in ("voltage", "speed"))
        solution = Solution(_checked(network), voltage, speed, arrays["values"])
        return _described(network, solution, metadata["rate_error"], metadata["exponent_error"])


def crossing_density(network: Network, *, degree: int = 6) -> CrossingDensity:
    r"""Solve for the stationary density of a leaky neuron in an Ornstein-Uhlenbeck current.

    In voltage and speed :math:`A = I - \gamma (V - V_{rest})` the density obeys

    .. math:: \partial_V (A \rho) + \partial_A \Big[\Big(\frac{\mu - \gamma (V - V_{rest})}{\tau}
              - \Big(\gamma + \frac1\tau\Big) A\Big) \rho\Big] = \frac{\nu^2}{2} \partial_A^2 \rho
              + \text{what was reset},

    with no neuron entering at the threshold (:math:`\rho = 0` for A < 0), and those that leave there at A > 0 entering
    at reset with the same current, at speed :math:`A + \gamma (V_{th} - V_{reset})`. Polynomials on panels, upwind and
    discontinuous in V (where each speed carries one way), continuous in A; panels shrink geometrically towards
    (threshold, A = 0), where :math:`\rho \sim A^{1/2}`. Neurons are conserved exactly. One sparse linear system.

    The rate is the flux :math:`\int_0^\infty A \rho\,dA` at the threshold, and the Lyapunov exponent of the voltage

    .. math:: \lambda = -\gamma + \int_0^\infty A \rho(V_{th}, A)
              \log\Big(1 + \frac{\gamma (V_{th} - V_{reset})}{A}\Big)\, dA

    (arXiv 2603.10854).

    Parameters
    ----------
    network : Network
        One population of leaky neurons without refractory time, with an Ornstein-Uhlenbeck drive (and constant
        currents), without projections.
    degree : int
        Of the polynomials, from 4 to 12.

    Raises
    ------
    ParameterError, SpecificationError
        If the network is another one, or the panels would be too many: the wider voltages are spread, compared with the
        way from reset to threshold (and the weaker or slower the noise), the more it takes.
    NumericalError
        If the density is not resolved: a change of the rate by a tenth, or a neuron that (nearly) never fires.
    """
    degree = int(checked_number("", "degree", degree, _DEGREES, integer=True))
    neuron = _checked(network)
    check_size(neuron, degree)
    coarse, fine = (solve(neuron, n) for n in (degree - _COARSER, degree))
    if not abs(fine.flux - coarse.flux) < _RESOLVED * fine.flux:
        rates = " and ".join(f"{1000.0 * s.flux:.3g} Hz" for s in (coarse, fine))
        remedy = "raise degree, unless the neuron (nearly) never fires"
        raise NumericalError(f"the density is not resolved (rates with the last two degrees: {rates}): {remedy}")
    return _described(network, fine, 1000.0 * abs(fine.flux - coarse.flux), abs(fine.exponent - coarse.exponent))


def _described(network: Network, solution: Solution, rate_error: float, exponent_error: float) -> CrossingDensity:
    speeds, weights = solution.quadrature()
    return CrossingDensity(
        network=network,
        rate=1000.0 * solution.flux,
        rate_error=rate_error,
        exponent=solution.exponent,
        exponent_error=exponent_error,
        speeds=speeds,
        weights=weights,
        crossing=speeds * solution.at_threshold(speeds) / solution.flux,
        _solution=solution,
    )


def _checked(network: Network) -> Neuron:
    arrays = current_network(network)
    if len(network.populations) > 1 or network.projections:
        raise SpecificationError("network: must be one population without projections: its neurons are independent")
    values = (arrays.leak, arrays.rest, arrays.threshold, arrays.reset, arrays.mean, arrays.tau, arrays.noise)
    neuron = Neuron(*(float(value[0]) for value in values))
    if neuron.noise == 0.0:
        name = f"{network.populations[0].name}.drive"
        raise ParameterError(name, "deviation", 0.0, "must be positive: there is no density without noise")
    return neuron
