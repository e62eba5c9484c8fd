"""The Lyapunov exponent of one neuron's voltage, by saltation or by two trajectories."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spiking import parallel, seeds
from spiking.current_networks import CurrentNetwork, current_network
from spiking.errors import SpecificationError, UnknownNameError
from spiking.estimates import Estimate, mean_estimate
from spiking.kernels import lyapunov as kernels
from spiking.lyapunov.paths import checked_step, starting_state
from spiking.network import Network
from spiking.specification import POSITIVE, checked_number

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Progress = Callable[[float], None]

METHODS = ("saltation", "trajectories")

_DISTANCE = 1e-7
_TRANSIENT = 20.0
_SAMPLES = 400
_BUFFER = 1 << 17
_PARTS = 100


@dataclass(frozen=True, eq=False)
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
        The other exponent, of the current: -1 / tau, in 1/ms.
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
    speeds: Floats = field(repr=False)
    lost: int = 0


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
        Of each trial in ms, after a transient of 20 times both time constants together.
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
    """
    arrays = current_network(network)
    if network.projections:
        raise SpecificationError("network: has projections; use network_exponents")
    if population is None and len(network.populations) == 1:
        population = network.populations[0].name
    if population not in network.sizes:
        raise UnknownNameError("population", population, network.sizes)
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    neuron = network.neurons[population].start
    trials = int(checked_number("", "trials", trials, POSITIVE, integer=True))
    seeds.check(seed)
    dt = checked_step(arrays, dt)
    duration = checked_number("", "duration", duration, POSITIVE)
    length = duration / _SAMPLES
    lead = math.ceil(_TRANSIENT * (1.0 / arrays.leak[neuron] + arrays.tau[neuron]) / length)
    distance = _DISTANCE * (arrays.threshold[neuron] - arrays.reset[neuron]) if method == "trajectories" else 0.0
    finished = [0.0] * trials

    def one(trial: int, check: Callable[[], None]) -> tuple[Floats, Ints, Floats, int]:
        def tick(fraction: float) -> None:
            check()
            finished[trial] = fraction
            if progress is not None:
                progress(sum(finished) / trials)

        walk = _Walk(arrays, neuron, seeds.of_trial(seed, trial), distance)
        walk.run(lead, length, dt, lambda fraction: check())
        return walk.run(_SAMPLES, length, dt, tick)

    runs = parallel.ordered_map(one, range(trials), workers=min(parallel.checked_workers(workers), trials))
    growth, counts = (np.stack([run[k] for run in runs]) / length for k in (0, 1))
    return NeuronExponent(
        network, population, method, duration, dt, trials, mean_estimate(growth), -1.0 / float(arrays.tau[neuron]),
        mean_estimate(1000.0 * counts), np.concatenate([run[2] for run in runs]), sum(run[3] for run in runs),
    )  # fmt: skip


class _Walk:
    """A neuron that goes on from where it is."""

    def __init__(self, arrays: CurrentNetwork, neuron: int, seed: np.random.SeedSequence, distance: float) -> None:
        own = (arrays.leak, arrays.rest, arrays.threshold, arrays.reset, arrays.mean, arrays.tau, arrays.noise)
        self.neuron, self.distance = np.array([value[neuron] for value in own]), distance
        self.key = seed.generate_state(2)
        voltage, current = starting_state(arrays, seed)
        self.state = np.array([voltage[neuron], current[neuron], voltage[neuron] - distance, 0.0, 0.0])
        self.place, self.buffer = np.zeros(4, np.int64), np.empty(_BUFFER)

    def run(self, samples: int, length: float, dt: float, tick: Progress) -> tuple[Floats, Ints, Floats, int]:
        """Return growth and spikes of each sample, the speeds of all crossings, and how many copies were lost."""
        growth, counts = np.zeros(samples), np.zeros(samples, np.int64)
        speeds, lost = [], 0
        self.place[1] = 0
        while self.place[1] < samples:
            target = min(samples, self.place[1] + max(1, samples // _PARTS))
            found, own = kernels.follow_neuron(
                self.key,
                target,
                length,
                dt,
                self.neuron,
                self.distance,
                self.state,
                self.place,
                growth,
                counts,
                self.buffer,
            )
            speeds.append(self.buffer[:found].copy())
            lost += own
            tick(self.place[1] / samples)
        return growth, counts, np.concatenate(speeds), lost
