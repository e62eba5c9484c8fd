"""Batch normalisation that knows the firing threshold."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from spiking.errors import SpecificationError
from spiking.specification import POSITIVE, PROBABILITY, checked_number
from spiking.torch.gradients import check_floating


class ThresholdDependentBatchNorm(nn.Module):
    r"""Batch normalisation over time and batch to a standard deviation in proportion to the threshold.

    .. math:: y = \lambda\, \alpha V_{th} \frac{x - E[x]}{\sqrt{Var[x] + \epsilon}} + \beta

    of Zheng, Wu, Deng, Hu and Li (AAAI 2021), with :math:`\lambda` (1 at first) and :math:`\beta` (0 at first) learnt
    for each feature. In evaluation mode mean and variance are running averages.

    Parameters
    ----------
    features : int
        Size of the axis after time and batch.
    threshold : float
        Firing threshold :math:`V_{th}` of the neurons that take the output.
    alpha : float
        Standard deviation of the output at first, over the threshold.
    eps : float
        Added to the variance.
    momentum : float
        Share of the latest batch in the running averages.

    Raises
    ------
    ParameterError
        If a number is out of range.
    """

    scale: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(
        self, features: int, *, threshold: float = 1.0, alpha: float = 1.0, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        owner = type(self).__name__
        self.features = int(checked_number(owner, "features", features, POSITIVE, integer=True))
        self.eps = checked_number(owner, "eps", eps, POSITIVE)
        self.momentum = checked_number(owner, "momentum", momentum, PROBABILITY)
        scale = checked_number(owner, "alpha", alpha, POSITIVE) * checked_number(
            owner, "threshold", threshold, POSITIVE
        )
        self.weight = nn.Parameter(torch.ones(self.features))
        self.bias = nn.Parameter(torch.zeros(self.features))
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("running_mean", torch.zeros(self.features))
        self.register_buffer("running_var", torch.ones(self.features))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalise a sequence.

        Parameters
        ----------
        inputs : Tensor, shape (steps, batch, features, ...)
            Averages run over all axes but that of the features. Of the layer's own type (single precision, or what
            ``double()`` made it), or of a half precision if that is single.

        Returns
        -------
        Tensor
            Of the same shape.

        Raises
        ------
        SpecificationError
            If the input has another shape or type, or training has one value only per feature.
        """
        check_floating("inputs", inputs)
        own, half = self.weight.dtype, (torch.float16, torch.bfloat16)
        if inputs.dtype != own and not (own == torch.float32 and inputs.dtype in half):
            raise SpecificationError(f"inputs of type {inputs.dtype}: must be of the layer's, {own}; see its to()")
        if inputs.dim() < 3 or inputs.shape[2] != self.features:
            allowed = f"must be (steps, batch, {self.features}, ...)"
            raise SpecificationError(f"inputs of shape {tuple(inputs.shape)}: {allowed}")
        if self.training and inputs.numel() <= self.features:
            raise SpecificationError("training needs more than one value per feature")
        normalised = functional.batch_norm(
            inputs.flatten(0, 1), self.running_mean, self.running_var, self.weight * self.scale, self.bias,
            self.training, self.momentum, self.eps,
        )  # fmt: skip
        return normalised.unflatten(0, inputs.shape[:2])

    def extra_repr(self) -> str:
        return f"{self.features}, scale={self.scale.item():.6g}, eps={self.eps:g}, momentum={self.momentum:g}"
