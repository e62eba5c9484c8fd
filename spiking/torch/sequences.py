"""Layers over a sequence: time is the first axis, the batch the second."""

from __future__ import annotations

import torch
from torch import nn

from spiking.errors import SpecificationError
from spiking.torch.gradients import check_floating


def unroll(
    layer: nn.Module, inputs: torch.Tensor, state: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Run a layer over a sequence.

    Parameters
    ----------
    layer : Module
        With ``spikes, state = layer(input, state)``, such as `LIF` and `QIF`.
    inputs : Tensor, shape (steps, batch, ...)
    state : Tensor, shape (batch, ...), optional
        Voltages at the start; default: at reset.

    Returns
    -------
    spikes : Tensor, shape (steps, batch, ...)
    state : Tensor, shape (batch, ...)
        After the last step; to go on from.

    Raises
    ------
    SpecificationError
        If the inputs are no tensor of a floating-point type, or have no steps.
    """
    check_floating("inputs", inputs)
    if inputs.dim() < 2 or len(inputs) == 0:
        raise SpecificationError(
            f"inputs of shape {tuple(inputs.shape)}: must be (steps, batch, ...), at least one step"
        )
    spikes = []
    for input in inputs:
        fired, state = layer(input, state)
        spikes.append(fired)
    assert state is not None
    return torch.stack(spikes), state


class Unrolled(nn.Module):
    """A layer of neurons over a sequence from rest, spikes only: an element of ``torch.nn.Sequential``.

    ``Linear`` takes ``(steps, batch, features)`` as it is, and so does `ThresholdDependentBatchNorm`.

    Parameters
    ----------
    layer : Module
        As of `unroll`.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the spikes, shape (steps, batch, ...), of inputs of the same shape."""
        return unroll(self.layer, inputs)[0]
