"""The same network in other simulators: neuron for neuron, edge for edge.

`to_brian2` and `to_nest` build a network with the peer's own objects, units and sign conventions converted. Without
noise both give the spikes that `spiking.simulate` gives; each function's notes say where a peer differs. The peers are
imported when a model is built.
"""

from spiking.peers.brian import Brian2Model, to_brian2
from spiking.peers.nest import NestModel, to_nest
from spiking.peers.running import ENGINES, simulate

__all__ = ["ENGINES", "Brian2Model", "NestModel", "simulate", "to_brian2", "to_nest"]
