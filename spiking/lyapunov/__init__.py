"""Lyapunov exponents of leaky neurons and their networks, with the stretching at resets (saltation)."""

from __future__ import annotations

from spiking.lyapunov.frozen import FrozenNoise, frozen_noise
from spiking.lyapunov.network import NetworkExponents, network_exponents
from spiking.lyapunov.neuron import METHODS, NeuronExponent, neuron_exponent

__all__ = [
    "METHODS", "FrozenNoise", "NetworkExponents", "NeuronExponent", "frozen_noise", "network_exponents",
    "neuron_exponent",
]  # fmt: skip
