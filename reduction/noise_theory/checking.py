"""What the theory covers."""

from __future__ import annotations

from spiking.errors import ParameterError
from spiking.noise.models import ClassicalLIF, LangevinLIF


def check_classical(neuron: LangevinLIF) -> None:
    if not isinstance(neuron, ClassicalLIF):
        raise ParameterError("", "neuron", type(neuron).__name__, "must be a ClassicalLIF")
