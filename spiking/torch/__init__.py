"""Layers of spiking neurons for PyTorch, with surrogate gradient windows derived from their parameters.

A layer computes one step: ``spikes, state = layer(input, state)``, with the state passed explicitly (None at the start)
and the batch first: ``(batch, ...)``. `unroll` and `Unrolled` run a layer over a sequence, time first:
``(steps, batch, ...)``. Needs the extra ``torch``.
"""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ModuleNotFoundError('spiking.torch needs PyTorch: pip install "snn2ode[torch]"', name="torch") from None

from spiking.torch.gradients import spike
from spiking.torch.layers import LIF, QIF
from spiking.torch.normalisation import ThresholdDependentBatchNorm
from spiking.torch.sequences import Unrolled, unroll

__all__ = ["LIF", "QIF", "ThresholdDependentBatchNorm", "Unrolled", "spike", "unroll"]
