"""The spike as a step whose gradient is a window."""

from __future__ import annotations

from typing import Any

import torch


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor, half_width: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(distance, half_width)
        return (distance >= 0).to(distance.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        distance, half_width = ctx.saved_tensors
        inside = distance.abs() < half_width
        return gradient * inside.to(gradient.dtype) / (2 * half_width), None


def spike(distance: torch.Tensor, half_width: torch.Tensor) -> torch.Tensor:
    """Return 1 where the voltage's distance above the threshold is at least 0, else 0, in the distance's type.

    The gradient is that of a ramp: 1/(2 half_width) where abs(distance) < half_width, else 0; see
    `spiking.surrogate.RectangularWindow`.

    Parameters
    ----------
    distance : Tensor
        Voltage minus threshold.
    half_width : Tensor
        Positive, of one element; it has no gradient.
    """
    spikes: torch.Tensor = _Spike.apply(distance, half_width)
    return spikes
