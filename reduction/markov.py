"""The Markov approximation: voltage bins, closure and the one generator that every level shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spiking.drives import KickDrive, NoDrive, kicks_of
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network, Population, checked_network
from spiking.neurons import LIF, Exponential, Fixed, Normal
from spiking.specification import FINITE, NONNEGATIVE, POSITIVE, checked_number
from spiking.synapses import PendingKick, PendingSpikeSynapse
from spiking.wiring import Annealed

if TYPE_CHECKING:
    from reduction.kernels.density import Arrays
    from reduction.system import ODESystem

CLOSURES = ("published", "white")

_BINS = 150
_FEWEST_ABOVE_RESET = 20
_RANGE_BELOW_RESET = 0.5
_DEVIATIONS = 6.0


@dataclass(frozen=True, init=False)
class MarkovApproximation:
    r"""A network whose pending spikes are replaced by their mean and variance over each population.

    The one assumption (Markov approximation, [C25]): pending spikes decorrelate fast, so that the :math:`H_i^{ab}` of
    the neurons of population a are independent and identically distributed given the population state, with mean
    :math:`\bar H` and variance W. A neuron's voltage then has the drift and noise intensity

    .. math::

        \mu_a(v) &= \lambda_a s_a - (v - v_{rest})/\tau_m + \sum_b \pm S^{ab} c(v) \bar H^{ab}/\tau^{ab} \\
        \sigma_a^2(v) &= \lambda_a s_a^2 + \sum_b \kappa\,(S^{ab} c(v)/\tau^{ab})^2\, W^{ab}

    and hops between bins with Scharfetter-Gummel rates.

    Parameters
    ----------
    network : Network
        With pending-spike synapses, annealed wiring and LIF neurons.
    bins : int, optional
        Bins per population, from `v_min` to the threshold.
    bin_width : float, optional
        Their width in mV (adjusted so that a whole number fits); give at most one of the two. By default 150 bins,
        more if less than 20 would lie above reset.
    v_min : float, optional
        Lower end of the bins in mV, a reflecting boundary, to be set where no neuron comes; by default half of
        threshold - reset below reset or, if that is lower, six standard deviations below the mean that a leaky
        voltage has under its drive alone.
    closure : {"published", "white"}, float or None
        kappa, the time in ms over which the fluctuation of H acts as white noise: 1 ms in [C25] ("published"), the
        integral 2 tau of its autocorrelation ("white"), or a number. By default "white" for networks with kick
        synapses, for which it is the thinning noise of the spikes, and "published" for all others.
    stages : int
        Erlang stages that stand for a fixed refractory time (their sum has the right mean, and a standard deviation of
        duration / sqrt(stages)).

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        If an option is out of range, or the network has a part that the approximation does not cover.
    """

    network: Network
    bins: dict[str, int]
    v_min: dict[str, float]
    closure: str | float
    stages: dict[str, int]

    def __init__(
        self,
        network: Network,
        *,
        bins: int | None = None,
        bin_width: float | None = None,
        v_min: float | None = None,
        closure: str | float | None = None,
        stages: int = 16,
    ) -> None:
        checked_network(network)
        if bins is not None and bin_width is not None:
            raise ParameterError("", "bin_width", bin_width, f"give either bins or bin_width, not both (bins = {bins})")
        if closure is None:
            kicks = any(isinstance(p.synapse, PendingKick) for p in network.projections)
            closure = "white" if kicks else "published"
        if isinstance(closure, str):
            if closure not in CLOSURES:
                raise UnknownNameError("closure", closure, (*CLOSURES, "a number (ms)"))
        else:
            closure = checked_number("", "closure", closure, NONNEGATIVE)
        checked_number("", "stages", stages, POSITIVE, integer=True)
        floors, numbers, pools = {}, {}, {}
        for population in network.populations:
            neuron = population.neuron
            if not isinstance(neuron, LIF):
                raise SpecificationError(f"{population.name}: the Markov approximation covers LIF neurons only")
            span = neuron.threshold - neuron.reset
            floor = _lowest_voltage(population) if v_min is None else checked_number("", "v_min", v_min, FINITE)
            if floor >= neuron.reset:
                allowed = f"must lie below {population.name}.reset = {neuron.reset}"
                raise ParameterError("", "v_min", floor, allowed)
            number = max(_BINS, math.ceil(_FEWEST_ABOVE_RESET * (neuron.threshold - floor) / span - 1e-9))
            if bin_width is not None:
                number = round((neuron.threshold - floor) / checked_number("", "bin_width", bin_width, POSITIVE))
            if bins is not None:
                number = int(checked_number("", "bins", bins, POSITIVE, integer=True))
            floors[population.name] = floor
            numbers[population.name] = number
            if number < 4 or (neuron.threshold - floor) / number > neuron.reset - floor:
                name, value = ("bin_width", bin_width) if bin_width is not None else ("bins", number)
                allowed = f"must give {population.name} at least 4 bins, and one between v_min = {floor} and reset"
                raise ParameterError("", name, value, allowed)
            refractory = neuron.refractory
            if isinstance(refractory, Normal):
                raise SpecificationError(
                    f"{population.name}.refractory = 'normal': the Markov approximation covers none, fixed, exponential"
                )
            pools[population.name] = (
                int(stages) if isinstance(refractory, Fixed) else int(isinstance(refractory, Exponential))
            )
            if not isinstance(population.drive, (NoDrive, KickDrive)):
                raise SpecificationError(f"{population.name}.drive: the Markov approximation covers white drives only")
        for projection in network.projections:
            if not isinstance(projection.synapse, PendingSpikeSynapse) or not isinstance(projection.wiring, Annealed):
                raise SpecificationError(
                    f"{projection.name}: the Markov approximation needs pending-spike synapses with annealed wiring"
                )
            if projection.delay > 0:
                raise ParameterError(
                    projection.name, "delay", projection.delay, "must be 0 for the Markov approximation"
                )
        for name, item in (
            ("network", network), ("bins", numbers), ("v_min", floors), ("closure", closure), ("stages", pools),
        ):  # fmt: skip
            object.__setattr__(self, name, item)

    def kappa(self, tau: float) -> float:
        """Return the closure time kappa in ms of a synapse with time constant `tau`."""
        if self.closure == "published":
            return 1.0
        return 2.0 * tau if self.closure == "white" else float(self.closure)

    def arrays(self, parameters: Mapping[str, float] | None = None) -> Arrays:
        """Return the kernels' arrays for the network's parameters, some of them replaced.

        Raises
        ------
        UnknownNameError
            If an address does not exist.
        """
        from reduction.kernels.density import Arrays

        network = self.network
        values = network.parameters
        for address, value in (parameters or {}).items():
            if address not in values:
                raise UnknownNameError("address", address, values)
            values[address] = value

        names = list(network.sizes)
        bins = [self.bins[name] for name in names]
        stages = [self.stages[name] for name in names]
        start = np.concatenate([[0], np.cumsum(bins)]).astype(np.int64)
        pool_start = np.concatenate([[0], np.cumsum(stages)]).astype(np.int64)

        def column(field: str) -> npt.NDArray[np.float64]:
            return np.array([values[f"{name}.{field}"] for name in names], float)

        threshold, reset = column("threshold"), column("reset")
        floor = np.array([self.v_min[name] for name in names])
        width = (threshold - floor) / bins
        position = (reset - floor) / width - 0.5
        below = np.clip(np.floor(position), 0, np.array(bins) - 2)
        drive_rate = np.array([values.get(f"{name}.drive.rate", 0.0) for name in names])
        drive_size = np.array([values.get(f"{name}.drive.size", 0.0) for name in names])
        release = [
            m / (values.get(f"{name}.refractory.mean") or values[f"{name}.refractory.duration"]) if m else 0.0
            for name, m in zip(names, stages, strict=True)
        ]

        projections = network.projections
        synapses = [p.synapse for p in projections if isinstance(p.synapse, PendingSpikeSynapse)]

        def per_projection(field: str) -> npt.NDArray[np.float64]:
            return np.array([values[f"{p.name}.{field}"] for p in projections], float)

        target = np.array([names.index(p.target) for p in projections], np.int64)
        sign = np.array([-1.0 if s.inhibitory else 1.0 for s in synapses])
        reversal = per_projection("reversal")
        bounded = np.isfinite(reversal)
        span = np.where(bounded, threshold[target] - reversal, 1.0)
        tau = per_projection("tau")
        return Arrays(
            size=column("size"), start=start, floor=floor, width=width, threshold=threshold, reset=reset,
            rest=column("rest"), leak=1.0 / column("tau_m"),
            drive_mean=drive_rate * drive_size, drive_variance=drive_rate * drive_size**2,
            reset_bin=start[:-1] + below.astype(np.int64), reset_share=np.clip(position - below, 0.0, 1.0),
            pool_start=pool_start, stages=np.array(stages, np.int64), release=np.array(release, float),
            target=target, source=np.array([names.index(p.source) for p in projections], np.int64),
            weight=sign * per_projection("weight"), tau=tau,
            c0=np.where(bounded, -np.where(bounded, reversal, 0.0) / span, 1.0), c1=np.where(bounded, 1.0 / span, 0.0),
            probability=per_projection("probability"), kappa=np.array([self.kappa(t) for t in tau], float),
            kick=np.array([isinstance(s, PendingKick) for s in synapses], bool),
        )  # fmt: skip

    def centres(self, population: str) -> npt.NDArray[np.float64]:
        """Return the middles of a population's bins in mV, shape (bins,)."""
        floor, bins = self.v_min[population], self.bins[population]
        width = (self.network[f"{population}.threshold"] - floor) / bins
        return np.asarray(floor + (np.arange(bins) + 0.5) * width)

    def ode(self) -> ODESystem:
        """Return the ODE level as an `ODESystem`; see `reduction.levels.ode`."""
        from reduction.levels.ode import system

        return system(self)


def _lowest_voltage(population: Population) -> float:
    """Return a voltage in mV below which, judged by its drive alone, no neuron comes."""
    neuron, drive = population.neuron, population.drive
    assert isinstance(neuron, LIF)
    floor = neuron.reset - _RANGE_BELOW_RESET * (neuron.threshold - neuron.reset)
    if math.isinf(neuron.tau_m):
        return floor
    rate, size = kicks_of(drive)
    mean = neuron.rest + neuron.tau_m * rate * size
    return min(floor, mean - _DEVIATIONS * math.sqrt(rate * size**2 * neuron.tau_m / 2))
