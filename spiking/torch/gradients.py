"""The spike as a step whose gradient is a window."""

from __future__ import annotations

from typing import Any

import torch

from spiking.errors import ParameterError, SpecificationError
from spiking.specification import POSITIVE, checked_number


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, distance: torch.Tensor, half_width: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(distance, half_width)
        return torch.where(distance.isnan(), distance, (distance >= 0).to(distance.dtype))

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        distance, half_width = ctx.saved_tensors
        inside = distance.abs() < half_width
        return gradient * inside.to(gradient.dtype) / (2 * half_width), None


def check_floating(name: str, value: object) -> None:
    """Refuse what is no tensor of a floating-point type.

    Raises
    ------
    SpecificationError
    """
    if not isinstance(value, torch.Tensor):
        raise SpecificationError(f"{name} of type {type(value).__name__}: must be a tensor of a floating-point type")
    if not value.is_floating_point():
        raise SpecificationError(f"{name} of type {value.dtype}: must be of a floating-point type")


def windowed_step(distance: torch.Tensor, half_width: torch.Tensor) -> torch.Tensor:
    """Return what `spike` returns, for a half-width that has been checked."""
    spikes: torch.Tensor = _Spike.apply(distance, half_width)
    return spikes


def spike(distance: torch.Tensor, half_width: torch.Tensor | float) -> torch.Tensor:
    """Return 1 where the distance above the threshold is at least 0, else 0, nan for nan, in the distance's type.

    The gradient is that of a ramp: 1/(2 half_width) where abs(distance) < half_width, else 0; see
    `spiking.surrogate.RectangularWindow`.

    Parameters
    ----------
    distance : Tensor
        Voltage minus threshold; of a floating-point type.
    half_width : float or Tensor
        Positive; a tensor of one element. It has no gradient.

    Raises
    ------
    ParameterError, SpecificationError
        If the half-width is not positive, or the distance is no tensor of a floating-point type.
    """
    check_floating("distance", distance)
    if isinstance(half_width, torch.Tensor):
        if half_width.numel() != 1:
            raise ParameterError("", "half_width", tuple(half_width.shape), "must be a tensor of one element")
        half_width = half_width.item()
    number = checked_number("", "half_width", half_width, POSITIVE)
    return windowed_step(distance, torch.tensor(number, dtype=torch.float64))
