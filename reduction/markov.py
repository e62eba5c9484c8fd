"""The Markov approximation: voltage bins, closure and the one generator that every level shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from reduction import grids
from reduction.sources import Source, check, sources
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, Normal
from spiking.specification import FINITE, NONNEGATIVE, POSITIVE, checked_number

if TYPE_CHECKING:
    from reduction.kernels.layout import Arrays
    from reduction.system import ODESystem

CLOSURES = ("conditional", "published", "white")

_MOST_COLUMNS = 81


@dataclass(frozen=True, init=False)
class MarkovApproximation:
    r"""A network whose pending spikes are replaced by their mean and variance over each population.

    The one assumption (Markov approximation, [C25]): at any moment the pending spikes :math:`H_i^{ab}` of the neurons
    of population a are independent and identically distributed given the population state, with mean :math:`\bar H`
    and variance W. Closures say how the deviation from the mean acts on a voltage. For all but ``"conditional"`` it is
    white noise, and a neuron's voltage has the drift and noise intensity

    .. math::

        \mu_a(v) &= \lambda_a s_a - (v - v_{rest})/\tau_m + \sum_b \pm S^{ab} c(v) \bar H^{ab}/\tau^{ab} \\
        \sigma_a^2(v) &= \lambda_a s_a^2 + \sum_b \kappa\,(S^{ab} c(v)/\tau^{ab})^2\, W^{ab}

    With ``"conditional"`` the deviation is a sum of `noise_levels` - 1 independent two-valued (telegraph) noises with
    its variance and its correlation time: the density is carried for every level, so that E[H | v] is known in every
    bin. Densities hop between bins with Scharfetter-Gummel rates.

    Covers leaky, perfect, quadratic and exponential neurons with any refractory time; all synapses, delays and drives
    of `spiking`; random wiring counts as annealed, with its mean connection probability. Delta synapses need a delay.

    Parameters
    ----------
    network : Network
    bins : int, optional
        Bins per population, from `v_min` to the threshold.
    bin_width : float, optional
        Their width in mV (adjusted so that a whole number fits); give at most one of the two. By default 150 bins,
        more if less than 20 would lie above reset.
    v_min : float, optional
        Lower end of the bins in mV, a reflecting boundary, to be set where no neuron comes; by default half of
        threshold - reset below reset (twice that difference where inhibition has no reversal potential) or, if lower,
        six standard deviations below the mean that a leaky voltage has under its drive alone.
    closure : {"conditional", "white", "published"} or float
        Or kappa, the time in ms over which the deviation of H acts as white noise: 1 ms in [C25] ("published"), the
        integral 2 tau of its autocorrelation ("white"), or a number. The noise of kick synapses is white under
        "conditional", too: it is the thinning noise of the spikes.
    noise_levels : int
        Levels of each coloured noise under "conditional"; 2 or more. More converge towards Gaussian noise.
    stages : int
        Erlang stages that stand for a fixed refractory time or a delay (their sum has the right mean, and a standard
        deviation of duration / sqrt(stages)).

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        If an option is out of range, or the network has a part that the approximation does not cover.
    """

    network: Network
    bins: dict[str, int]
    v_min: dict[str, float]
    closure: str | float
    noise_levels: int
    stages: int

    def __init__(
        self,
        network: Network,
        *,
        bins: int | None = None,
        bin_width: float | None = None,
        v_min: float | None = None,
        closure: str | float = "conditional",
        noise_levels: int = 3,
        stages: int = 16,
    ) -> None:
        checked_network(network)
        if bins is not None and bin_width is not None:
            raise ParameterError("", "bin_width", bin_width, f"give either bins or bin_width, not both (bins = {bins})")
        if isinstance(closure, str):
            if closure not in CLOSURES:
                raise UnknownNameError("closure", closure, (*CLOSURES, "a number (ms)"))
        else:
            closure = checked_number("", "closure", closure, NONNEGATIVE)
        if checked_number("", "noise_levels", noise_levels, POSITIVE, integer=True) < 2:
            raise ParameterError("", "noise_levels", noise_levels, "must be at least 2")
        checked_number("", "stages", stages, POSITIVE, integer=True)
        check(network, int(stages))
        found = sources(network, network.parameters, int(stages))
        floors, numbers = {}, {}
        for population in network.populations:
            neuron = population.neuron
            assert isinstance(neuron, (LIF, QIF, EIF))
            inhibited = any(s.weight < 0 and s.c1 == 0 for s in found if s.target == population.name)
            floor = grids.lowest_voltage(population, inhibited)
            if v_min is not None and not math.isinf(floor):
                floor = checked_number("", "v_min", v_min, FINITE)
            if floor >= neuron.reset > -math.inf and not (isinstance(neuron, QIF) and v_min is None):
                allowed = f"must lie below {population.name}.reset = {neuron.reset}"
                raise ParameterError("", "v_min", floor, allowed)
            floors[population.name] = floor
            numbers[population.name] = grids.number_of_bins(population, floor, bins, bin_width)
        for name, item in (
            ("network", network), ("bins", numbers), ("v_min", floors), ("closure", closure),
            ("noise_levels", int(noise_levels)),
            ("stages", int(stages)),
        ):  # fmt: skip
            object.__setattr__(self, name, item)
        for population in network.populations:
            self._check_bins(population.name, bins, bin_width)
            columns = self.columns(population.name)
            if columns > _MOST_COLUMNS:
                raise SpecificationError(
                    f"closure = 'conditional': {population.name} has {columns} combinations of {noise_levels} levels, "
                    f"at most {_MOST_COLUMNS} are carried; give fewer noise_levels, or closure='white'"
                )

    def _check_bins(self, name: str, bins: int | None, bin_width: float | None) -> None:
        number, reset = self.bins[name], self.network[f"{name}.reset"]
        if number >= 4 and (self.v_min[name] in (reset, -math.inf) or self.edges(name)[1] <= reset):
            return
        option, value = ("bin_width", bin_width) if bin_width is not None else ("bins", bins or number)
        allowed = f"must give {name} at least 4 bins, and one between v_min = {self.v_min[name]} and reset"
        raise ParameterError("", option, value, allowed)

    def kappa(self, tau: float) -> float:
        """Return the closure time kappa in ms of a source with time constant `tau` whose noise is white."""
        if self.closure == "published":
            return 1.0
        return 2.0 * tau if isinstance(self.closure, str) else float(self.closure)

    def telegraphs(self, source: Source) -> int:
        """Return how many two-valued noises stand for a source's coloured noise; 0 if it is white."""
        return self.noise_levels - 1 if self.closure == "conditional" and not source.kick else 0

    def columns(self, population: str) -> int:
        """Return how many combinations of levels a population's density is carried for."""
        own = (s for s in self.sources() if s.target == population)
        return math.prod(self.telegraphs(s) + 1 for s in own)

    def sources(self, parameters: Mapping[str, float] | None = None) -> list[Source]:
        """Return the sources of input: the projections, then the Ornstein-Uhlenbeck drives."""
        return sources(self.network, self._values(parameters), self.stages)

    def pool_stages(self, population: str) -> int:
        """Return the number of refractory stages of a population."""
        neuron = self.network.population(population).neuron
        assert isinstance(neuron, (LIF, QIF, EIF))
        refractory = neuron.refractory
        if isinstance(refractory, Fixed):
            return self.stages
        if isinstance(refractory, Normal):
            mean, variance = _clipped_normal(refractory.mean, refractory.deviation)
            return max(1, min(self.stages, round(mean**2 / variance))) if variance > 0 else self.stages
        return int(isinstance(refractory, Exponential) or math.isinf(neuron.threshold))

    def refractory_time(self, population: str, parameters: Mapping[str, float] | None = None) -> float:
        """Return the mean refractory time of a population in ms."""
        neuron, values = self.network.population(population).neuron, self._values(parameters)
        assert isinstance(neuron, (LIF, QIF, EIF))
        if isinstance(neuron.refractory, Normal):
            mean, deviation = (values[f"{population}.refractory.{x}"] for x in ("mean", "deviation"))
            return _clipped_normal(mean, deviation)[0]
        return values.get(f"{population}.refractory.mean", values.get(f"{population}.refractory.duration", 0.0))

    def edges(self, population: str, parameters: Mapping[str, float] | None = None) -> npt.NDArray[np.float64]:
        """Return the bounds of a population's bins in mV, shape (bins + 1,)."""
        own, values = self.network.population(population), self._values(parameters)
        range_ = grids.bounds(own, values, self.v_min[population], self.bins[population])
        return grids.edges(own, values, range_, self.bins[population])

    def centres(self, population: str) -> npt.NDArray[np.float64]:
        """Return the middles of a population's bins in mV, shape (bins,)."""
        edges = self.edges(population)
        return np.asarray((edges[1:] + edges[:-1]) / 2)

    def ode(self, *, discretization: str = "bins", nodes: tuple[int, int] = (24, 48)) -> ODESystem:
        """Return the ODE level as an `ODESystem`.

        Parameters
        ----------
        discretization : {"bins", "chebyshev"}
            Finite volumes, see `reduction.levels.ode`, or polynomials below and above reset, which need far fewer
            unknowns, see `reduction.levels.chebyshev`.
        nodes : tuple of int
            Nodes of the polynomials below and above reset.

        Raises
        ------
        UnknownNameError, SpecificationError
            If there is no such discretization, or polynomials do not cover the approximation.
        """
        if discretization == "bins":
            from reduction.levels.ode import system

            return system(self)
        if discretization == "chebyshev":
            from reduction.levels.chebyshev import chebyshev_system

            return chebyshev_system(self, nodes=nodes)
        raise UnknownNameError("discretization", discretization, ("bins", "chebyshev"))

    def arrays(self, parameters: Mapping[str, float] | None = None, time: float = 0.0) -> Arrays:
        """Return the kernels' arrays for the network's parameters, some replaced, and its drives at `time` (ms).

        Raises
        ------
        UnknownNameError
            If an address does not exist.
        """
        from reduction.assembly import arrays

        return arrays(self, self._values(parameters), time)

    def _values(self, parameters: Mapping[str, float] | None) -> dict[str, float]:
        values = self.network.parameters
        for address, value in (parameters or {}).items():
            if address not in values:
                raise UnknownNameError("address", address, values)
            values[address] = value
        return values


def _clipped_normal(mean: float, deviation: float) -> tuple[float, float]:
    """Return mean and variance of a normal variable whose negative values are taken as 0."""
    if deviation == 0.0:
        return max(mean, 0.0), 0.0
    x = mean / deviation
    above, at = 0.5 * math.erfc(-x / math.sqrt(2)), math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    first = mean * above + deviation * at
    second = (mean**2 + deviation**2) * above + mean * deviation * at
    return first, second - first**2
