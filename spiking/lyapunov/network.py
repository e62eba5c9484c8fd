"""Leading Lyapunov exponents of a network, by QR along its flow."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spiking import archive, memory, network_file, seeds
from spiking.current_networks import current_network
from spiking.errors import ParameterError
from spiking.estimates import Estimate, mean_estimate
from spiking.lyapunov.dimension import kaplan_yorke
from spiking.lyapunov.paths import Progress, Run, checked_progress, checked_step, shortest_constant, starting_state
from spiking.network import Network
from spiking.specification import NONNEGATIVE, POSITIVE, Requirement, checked_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

_DISCARDED = 0.2
_SHOWN = 4
_KIND = "network_exponents"


@dataclass(frozen=True, eq=False, repr=False)
class NetworkExponents:
    """Leading Lyapunov exponents of a network under its noise held fixed.

    Attributes
    ----------
    network : Network
    dt : float
        In ms.
    exponents : tuple of Estimate
        By decreasing value, in 1/ms; there are as many as voltages and currents, without those that are constant.
    volume : Estimate
        Sum of all of them, whether they were asked for or not: mean divergence and mean log abs det of the saltation
        matrices, in 1/ms.
    rates : dict of str to Estimate
        Firing rate of each population in Hz.
    times : array, shape (samples,)
        Ends of the samples in ms, from the end of the transient on.
    growth : array, shape (samples, exponents)
        Mean growth rate over each sample, in 1/ms.
    """

    network: Network
    dt: float
    exponents: tuple[Estimate, ...]
    volume: Estimate
    rates: dict[str, Estimate]
    times: Floats
    growth: Floats

    def __repr__(self) -> str:
        shown = ", ".join(str(e) for e in self.exponents[:_SHOWN])
        more = f", ... {len(self.exponents)} in all" if len(self.exponents) > _SHOWN else ""
        return f"NetworkExponents({shown}{more}, in 1/ms)"

    @property
    def dimension(self) -> float:
        """Kaplan-Yorke dimension; see `spiking.lyapunov.dimension.kaplan_yorke`."""
        return kaplan_yorke([e.mean for e in self.exponents])

    @property
    def entropy_bound(self) -> float:
        """Sum of the positive exponents in 1/ms, which bounds the entropy rate; NaN if the last is still positive."""
        values = [e.mean for e in self.exponents]
        return math.nan if values[-1] > 0.0 else float(sum(max(value, 0.0) for value in values))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the exponents, by decreasing value."""
        from spiking.lyapunov_plots import spectrum

        return spectrum(self, ax=ax)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save to a compressed .npz archive, without loss.

        Raises
        ------
        SpecificationError
            If the file cannot be written.
        """
        metadata = {
            "kind": _KIND, "network": network_file.dumps(self.network), "dt": self.dt, "exponents": self.exponents,
            "volume": self.volume, "rates": self.rates,
        }  # fmt: skip
        archive.write(path, metadata, {"times": self.times, "growth": self.growth})

    @staticmethod
    def load(path: str | os.PathLike[str]) -> NetworkExponents:
        """Load what `save` wrote.

        Raises
        ------
        SpecificationError
            If the file is not such an archive.
        """
        metadata, arrays = archive.read(path, _KIND)
        return NetworkExponents(
            network_file.loads(metadata["network"]), metadata["dt"],
            tuple(Estimate(*pair) for pair in metadata["exponents"]), Estimate(*metadata["volume"]),
            {name: Estimate(*pair) for name, pair in metadata["rates"].items()}, **arrays,
        )  # fmt: skip


def network_exponents(
    network: Network,
    number: int = 1,
    *,
    duration: float,
    discard: float | None = None,
    dt: float | None = None,
    seed: seeds.Seed = 0,
    progress: Progress | None = None,
) -> NetworkExponents:
    r"""Return the leading Lyapunov exponents of a network of leaky neurons with exponential currents.

    The noise is held fixed: these are the exponents of the random flow, and say whether two copies of the network
    under the same noise, from nearby states, approach each other (:math:`\lambda_1 < 0`: the response to a repeated
    input is reliable) or not. `frozen_noise` shows it.

    Between spikes the tangent vectors obey :math:`\delta\dot V = -\gamma\,\delta V + \delta I`,
    :math:`\delta\dot I = -\delta I/\tau`. A spike of neuron j, where the state x jumps to g(x), multiplies them by the
    saltation matrix

    .. math:: S = Dg + \frac{(f^+ - Dg\, f^-)\, n^T}{n^T f^-},

    f the velocities before and after and n the direction of :math:`V_j`. With the speed A of :math:`V_j` at the
    threshold, the spike comes earlier by :math:`s = \delta V_j / A`, hence

    .. math:: \delta V_j \to s\,(A + \gamma (V_{th} - V_{reset}) + J_{jj}), \qquad
              \delta V_k \to \delta V_k + J_{kj}\, s, \qquad \delta I_k \to \delta I_k - J_{kj}\, s / \tau_k

    for the targets k, whose currents jump by :math:`J_{kj}` (for j itself the first and the last). S differs from the
    identity in one column: its determinant is the first factor over A. So all exponents together add up to
    :math:`-\sum_i (\gamma_i + 1/\tau_i)` plus the mean rate of the logarithms of those factors,
    `NetworkExponents.volume`. Currents that are constant are parameters and do not count.

    Vectors are made orthonormal (Gram-Schmidt) once in the shortest time constant (Benettin et al. 1980). In each step
    the noise is constant and the currents at its end are exact in law (without spikes); spikes have their exact times
    within it, in order, and act at once. The error of an exponent is of order dt; without noise there is none.
    `reduction.lyapunov_exponents` gives the exponents of the reduced equations, a different system.

    Parameters
    ----------
    network : Network
        Of leaky neurons without refractory time, Ornstein-Uhlenbeck or constant drives, exponential currents on a graph
        without delay (`spiking.current_networks`).
    number : int
        How many exponents, up to the number of voltages and currents.
    duration : float
        In ms, with the transient.
    discard : float, optional
        Transient in ms, in which the vectors align; by default a fifth of the duration.
    dt : float, optional
        Step in ms, at most half of every time constant; by default a fiftieth of the shortest one.
    progress : callable, optional
        Called with the finished fraction.

    Raises
    ------
    ParameterError, SpecificationError
        Before any work, if the input cannot be used.
    NumericalError
        If a step has more than 1000 spikes per neuron, or the growth is not finite (a crossing at speed 0).
    """
    arrays = current_network(network)
    neurons = arrays.leak.size
    moving = np.concatenate([np.ones(neurons, bool), np.isfinite(arrays.tau)])
    dimensions = int(moving.sum())
    most = Requirement(
        f"must lie between 1 and {dimensions}, the number of voltages and currents", lambda x: 1 <= x <= dimensions
    )
    number = int(checked_number("", "number", number, most, integer=True))
    dt = checked_step(arrays, dt)
    duration = checked_number("", "duration", duration, POSITIVE)
    discard = _DISCARDED * duration if discard is None else checked_number("", "discard", discard, NONNEGATIVE)
    seeds.check(seed)
    progress = checked_progress(progress)
    every = max(1, round(shortest_constant(arrays) / dt))
    length = every * dt
    if duration - discard < 1.5 * length:
        raise ParameterError(
            "", "duration", duration, f"must exceed discard = {discard:g} by {2 * length:g} ms or more"
        )
    stored = max(discard, duration - discard) / length * (3.0 * number + 2.0 * neurons) + 4.0 * neurons * number
    memory.check(8.0 * stored, "the growth and the tangent vectors", "reduce duration or number")
    lead, samples = round(discard / length), round((duration - discard) / length)
    root = seeds.of_trial(seed, 0)
    directions = np.random.default_rng(root.spawn(1)[0]).standard_normal((number, 2 * neurons)) * moving
    run = Run(arrays, root, dt, starting_state(arrays, root), directions)
    total = lead + samples

    def told(before: int) -> Progress:
        return lambda done: progress((before + done) / total)

    run.ahead(lead, every, told(0))
    growth, volume, counts = run.ahead(samples, every, told(lead))
    rates = {
        name: mean_estimate(1000.0 * counts[:, own].mean(axis=1)[None] / length)
        for name, own in network.neurons.items()
    }
    growth, found = growth / length, mean_estimate(volume[None] / length)
    growth = growth[:, np.argsort(-growth.mean(axis=0), kind="stable")]
    exponents = tuple(mean_estimate(own[None]) for own in growth.T)
    times = np.asarray(length * np.arange(1, samples + 1), float)
    return NetworkExponents(network, dt, exponents, found, rates, times, growth)
