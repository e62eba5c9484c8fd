"""Networks on which schemes are compared."""

from __future__ import annotations

from spiking.drives import Drive, OrnsteinUhlenbeckDrive
from spiking.errors import ParameterError
from spiking.network import Network, Population, Projection
from spiking.neurons import LIF
from spiking.specification import FINITE, POSITIVE, checked_number
from spiking.synapses import ExponentialCurrent
from spiking.wiring import AllToAll, Bernoulli

_NEURON = LIF(threshold=1.0, reset=0.0, tau_m=1.0)
_DRIVE = OrnsteinUhlenbeckDrive(mean=1.2, deviation=0.5, tau=0.5)


def layered(
    depth: int, width: int = 1, weight: float = 0.2, *, neuron: LIF = _NEURON, drive: OrnsteinUhlenbeckDrive = _DRIVE
) -> Network:
    """Return a feedforward network: layers L1, L2, ..., each driven and onto the next, all to all.

    Parameters
    ----------
    depth, width : int
        Number of layers, and of neurons in each.
    weight : float
        In mV, divided by the width; negative: inhibitory. The synapses have the time constant of the drive.
    neuron, drive : LIF, OrnsteinUhlenbeckDrive
        Of all layers. By default, in units of the membrane time constant: threshold 1, reset 0, a current of mean 1.2,
        standard deviation 0.5 and correlation time 0.5.

    Raises
    ------
    ParameterError
        If a number is out of range.
    """
    layers = int(checked_number("", "depth", depth, POSITIVE, integer=True))
    size = int(checked_number("", "width", width, POSITIVE, integer=True))
    weight = checked_number("", "weight", weight, FINITE)
    if not isinstance(drive, OrnsteinUhlenbeckDrive):
        raise ParameterError("", "drive", drive, "must be an OrnsteinUhlenbeckDrive: synapses have its time constant")
    synapse = ExponentialCurrent(abs(weight) / size, drive.tau, inhibitory=weight < 0)
    return Network(
        [Population(f"L{k + 1}", size, neuron, drive) for k in range(layers)],
        [Projection(f"L{k + 2}", f"L{k + 1}", synapse, AllToAll()) for k in range(layers - 1)],
    )


def recurrent(
    size: int, probability: float, weight: float, *, seed: int = 0, neuron: LIF = _NEURON, drive: Drive = _DRIVE
) -> Network:
    """Return one population E whose neurons are joined at random.

    Parameters
    ----------
    size : int
    probability : float
        Of an edge.
    weight : float
        In mV; negative: inhibitory.
    seed : int
        Of the graph.
    neuron, drive : LIF, Drive
        As in `layered`; without an Ornstein-Uhlenbeck drive the synapses have its default's time constant.

    Raises
    ------
    ParameterError
        If a number is out of range.
    """
    weight = checked_number("", "weight", weight, FINITE)
    tau = getattr(drive, "tau", _DRIVE.tau)
    synapse = ExponentialCurrent(abs(weight), tau, inhibitory=weight < 0)
    return Network(
        [Population("E", size, neuron, drive)], [Projection("E", "E", synapse, Bernoulli(probability, seed=seed))]
    )
