"""The Lyapunov exponent of one neuron's voltage, by saltation or by two trajectories."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel, seeds
from spiking.current_networks import CurrentNetwork, current_network
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate, mean_estimate
from spiking.kernels import lyapunov as kernels
from spiking.lyapunov.paths import checked_growth, checked_progress, checked_step, starting_state
from spiking.network import Network
from spiking.specification import POSITIVE, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Progress = Callable[[float], None]

METHODS = ("saltation", "trajectories")

_DISTANCE = 1e-7
_TRANSIENT = 20.0
_SAMPLES = 400
_BUFFER = 1 << 17
_PARTS = 20


@dataclass(frozen=True, eq=False, repr=False)
class NeuronExponent:
    """Lyapunov exponent of a neuron's voltage.

    Attributes
    ----------
    network : Network
    population, method : str
    duration, dt : float
        Of each trial, and of a step, in ms.
    trials : int
    exponent : Estimate
        In 1/ms.
    current_exponent : float
        The other exponent, of the current: -1 / tau, in 1/ms; NaN if the current is constant.
    rate : Estimate
        Firing rate in Hz.
    speeds : array, shape (spikes,)
        Speed :math:`A = I - \\gamma (V_{th} - V_{rest})` of the voltage at every crossing of the threshold, in mV/ms.
    lost : int
        Method ``"trajectories"``: how often one trajectory crossed and the other did not (its growth is left out).
    """

    network: Network
    population: str
    method: str
    duration: float
    dt: float
    trials: int
    exponent: Estimate
    current_exponent: float
    rate: Estimate
    speeds: Floats
    lost: int = 0

    def __repr__(self) -> str:
        return (
            f"NeuronExponent({self.exponent} /ms, {self.rate} Hz; {self.method}, {self.trials} x {self.duration:g} ms)"
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the density of the speed at the threshold over crossings."""
        from spiking.lyapunov_plots import speeds

        return speeds(self.speeds, ax=ax, label="simulation (± 2 s.e.)")


def neuron_exponent(
    network: Network,
    population: str | None = None,
    *,
    method: str = "saltation",
    duration: float,
    dt: float | None = None,
    trials: int = 1,
    seed: seeds.Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> NeuronExponent:
    r"""Return the Lyapunov exponent of the voltage of a leaky neuron in an Ornstein-Uhlenbeck current.

    Two neurons in the same current, :math:`\dot V = -\gamma (V - V_{rest}) + I`, approach each other at the rate
    :math:`\gamma` between spikes. At a reset the one behind follows later by (difference) / (speed A), and in that time
    the one ahead moves on at its speed after reset (saltation):
    :math:`\delta V^+ = \delta V^- (A + \gamma (V_{th} - V_{reset})) / A`. So, with the firing rate r and the
    mean over crossings,

    .. math:: \lambda = -\gamma + r \Big\langle \log\Big(1 + \frac{\gamma (V_{th} - V_{reset})}{A}\Big) \Big\rangle .

    The exponent of the current itself is :math:`-1/\tau`. `reduction.crossing_density` computes both factors without
    chance. (arXiv 2603.10854.)

    The path: the current is exact in law at the ends of steps; within them the noise is constant, so that V and I are
    known exponentials, and crossings are found to rounding. Near the threshold at low speed, where noise decides
    whether a path crosses, steps shrink with the time scale of that (down to dt / 1000). What is left of the error is
    of order dt.

    Methods: ``"saltation"`` adds up the logarithms along one path, which is also the flux of crossings times the mean
    logarithm. ``"trajectories"`` follows a second neuron 1e-7 (threshold - reset) behind in the same current,
    and measures and resets the distance after every step at whose end both have spiked equally often (Benettin et al.
    1980). If one crosses and the other just does not, their distance is no longer small: the second starts anew, that
    spike's growth is left out, and `NeuronExponent.lost` counts it.

    Parameters
    ----------
    network : Network
        Of leaky neurons without refractory time; without projections.
    population : str, optional
        Needed if there are several.
    method : {"saltation", "trajectories"}
    duration : float
        Of each trial in ms, after a transient of 20 times both time constants together; at least dt.
    dt : float, optional
        Largest step in ms, at most half of either time constant; by default a fiftieth of the shorter one.
    trials : int
        Each with its own noise.
    workers : int, optional
        Threads, one trial each; by default one per core.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        Before any work, if the input cannot be used.
    NumericalError
        If a step has 1000 spikes, or the growth is not finite (a crossing at speed 0).
    """
    arrays = current_network(network)
    if network.projections:
        raise SpecificationError("network: has projections; use network_exponents")
    if population is None and len(network.populations) == 1:
        population = network.populations[0].name
    if not isinstance(population, str) or population not in network.sizes:
        raise UnknownNameError("population", population, network.sizes)
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    neuron = network.neurons[population].start
    trials = int(checked_number("", "trials", trials, POSITIVE, integer=True))
    seeds.check(seed)
    dt = checked_step(arrays, dt)
    duration = checked_number("", "duration", duration, POSITIVE)
    if duration < dt:
        raise ParameterError("", "duration", duration, f"must be at least dt = {dt:g} ms")
    memory.check(24.0 * trials * _SAMPLES, "the growth", "reduce trials")
    workers = min(parallel.checked_workers(workers), trials)
    progress = checked_progress(progress)
    tau = float(arrays.tau[neuron])
    transient = _TRANSIENT * (1.0 / arrays.leak[neuron] + (0.0 if math.isinf(tau) else tau))
    length = duration / _SAMPLES
    lead_length = max(length, transient / _SAMPLES)
    distance = _DISTANCE * (arrays.threshold[neuron] - arrays.reset[neuron]) if method == "trajectories" else 0.0
    walks = [_Walk(arrays, neuron, seeds.of_trial(seed, trial), distance) for trial in range(trials)]

    def ahead(samples: int, length: float) -> list[_Stretch]:
        return parallel.ordered_map(
            lambda walk, check: walk.run(samples, length, dt, check), walks, workers=workers
        )  # fmt: skip

    ahead(math.ceil(transient / lead_length), lead_length)
    stretches = []
    for part in range(_PARTS):
        stretches.append(ahead(_SAMPLES // _PARTS, length))
        progress((part + 1) / _PARTS)
    runs = list(zip(*stretches, strict=True))
    growth, counts = (np.stack([np.concatenate([own[k] for own in run]) for run in runs]) / length for k in (0, 1))
    checked_growth(growth, "change the current a little, or reduce dt")
    return NeuronExponent(
        network, population, method, duration, dt, trials, mean_estimate(growth),
        math.nan if math.isinf(tau) else -1.0 / tau, mean_estimate(1000.0 * counts),
        np.concatenate([own.speeds for run in runs for own in run]), sum(own.lost for run in runs for own in run),
    )  # fmt: skip


class _Stretch(NamedTuple):
    """Growth and spikes of each sample, the speeds of all crossings, and how many copies were lost."""

    growth: Floats
    counts: Ints
    speeds: Floats
    lost: int


class _Walk:
    """A neuron that goes on from where it is."""

    def __init__(self, arrays: CurrentNetwork, neuron: int, seed: np.random.SeedSequence, distance: float) -> None:
        own = (arrays.leak, arrays.rest, arrays.threshold, arrays.reset, arrays.mean, arrays.tau, arrays.noise)
        self.neuron, self.distance = np.array([value[neuron] for value in own]), distance
        self.key = seed.generate_state(2)
        voltage, current = starting_state(arrays, seed)
        self.state = np.array([voltage[neuron], current[neuron], voltage[neuron] - distance, 0.0, 0.0])
        self.place = np.zeros(4, np.int64)

    def run(self, samples: int, length: float, dt: float, check: Callable[[], None]) -> _Stretch:
        """Go on; `check` is called between samples.

        Raises
        ------
        NumericalError
            If a step has 1000 spikes.
        """
        growth, counts, buffer = np.zeros(samples), np.zeros(samples, np.int64), np.empty(_BUFFER)
        speeds, lost = [], 0
        self.place[1] = 0
        while self.place[1] < samples:
            check()
            found, own = kernels.follow_neuron(
                self.key, self.place[1] + 1, length, dt, self.neuron, self.distance, self.state, self.place, growth,
                counts, buffer,
            )  # fmt: skip
            if found < 0:
                raise NumericalError(f"the neuron fires 1000 times in a step of {dt:g} ms: reduce dt")
            speeds.append(buffer[:found].copy())
            lost += own
        return _Stretch(growth, counts, np.concatenate(speeds), lost)
