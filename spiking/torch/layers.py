"""Layers of leaky and of quadratic neurons, one step at a time."""

from __future__ import annotations

import torch
from torch import nn

from spiking.errors import ParameterError, SpecificationError
from spiking.quadratic_map import QuadraticMap
from spiking.specification import FINITE, POSITIVE, checked_number
from spiking.surrogate import RectangularWindow, leaky_window, quadratic_window
from spiking.torch.gradients import check_floating, windowed_step


class _Neurons(nn.Module):
    """Neurons that spike at a threshold and are set back to their reset; subclasses say how the voltage moves on.

    Parameters are buffers of double precision: `state_dict` has them, and layers agree with `spiking.quadratic_map`
    to rounding. Type and device of the result are the input's. Before moving a layer to a device without double
    precision, call its ``float()``.
    """

    threshold: torch.Tensor
    reset: torch.Tensor
    half_width: torch.Tensor

    def __init__(self, window: RectangularWindow, threshold: float, reset: float, **numbers: float) -> None:
        super().__init__()
        for name, value in {**numbers, "threshold": threshold, "reset": reset, "half_width": window.half_width}.items():
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    def forward(self, input: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Advance all neurons by one step.

        Parameters
        ----------
        input : Tensor, shape (batch, ...)
            Of a floating-point type.
        state : Tensor, shape (batch, ...), optional
            Voltages after the last step; taken in the input's type. None: all at reset, as at the start.

        Returns
        -------
        spikes, state : Tensor, shape (batch, ...)
            In the input's type; spikes are 0 or 1. No gradient flows through a reset: a neuron that spikes forgets.

        Raises
        ------
        SpecificationError
            If input or state is no tensor of a floating-point type, or their shapes differ.
        """
        check_floating("input", input)
        if state is None:
            state = self.reset.to(input).expand_as(input)
        else:
            check_floating("state", state)
            if state.shape != input.shape:
                shapes = f"{tuple(state.shape)}: must be that of the input {tuple(input.shape)}"
                raise SpecificationError(f"state of shape {shapes}")
        voltage = self.moved(state.to(input.dtype), input)
        spikes = windowed_step(voltage - self.threshold, self.half_width)
        return spikes.to(input.dtype), torch.where(spikes > 0, self.reset, voltage).to(input.dtype)

    def moved(self, state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value.item():.6g}" for name, value in self.named_buffers())


class LIF(_Neurons):
    r"""Leaky neurons: :math:`u_{t+1} = \beta u_t + x_t`, reset where :math:`u_{t+1} \ge \theta`.

    Parameters
    ----------
    decay : float
        :math:`\beta`, in [0, 1).
    threshold, reset : float
        Reset below threshold; the initial voltage is the reset.
    input_spread : float, optional
        Standard deviation of the input, from which `spiking.surrogate.leaky_window` derives the window. Default: the
        threshold, as `ThresholdDependentBatchNorm` makes it.
    half_width : float, optional
        Half-width of the window instead.

    Raises
    ------
    ParameterError
        If a number is out of range, both a spread and a half-width are given, or neither and the threshold is not
        positive.
    """

    decay: torch.Tensor

    def __init__(
        self,
        decay: float = 0.5,
        *,
        threshold: float = 1.0,
        reset: float = 0.0,
        input_spread: float | None = None,
        half_width: float | None = None,
    ) -> None:
        threshold = checked_number("LIF", "threshold", threshold, FINITE)
        reset = checked_number("LIF", "reset", reset, FINITE)
        if reset >= threshold:
            raise ParameterError("LIF", "reset", reset, f"must lie below threshold = {threshold}")
        derived = leaky_window(decay, _spread(input_spread, half_width, threshold))
        window = derived if half_width is None else RectangularWindow(half_width)
        super().__init__(window, threshold, reset, decay=decay)

    def moved(self, state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
        """Return the voltages before spikes and resets."""
        return self.decay * state + input


class QIF(_Neurons):
    r"""Quadratic neurons: :math:`u_{t+1} = u_t + a (u_t - u_1)(u_t - u_2) + x_t`, reset as in `LIF`.

    The same map as `spiking.quadratic_map.step`. Below u1 - 1/a, which only strong inhibition reaches, the square
    throws the voltage up.

    Parameters
    ----------
    a, u1, u2, threshold, reset : float
        As of `spiking.quadratic_map.QuadraticMap`; finite. The initial voltage is the reset.
    input_spread : float, optional
        Standard deviation of the input, from which `spiking.surrogate.quadratic_window` derives the window. Default:
        the threshold, as `ThresholdDependentBatchNorm` makes it.
    half_width : float, optional
        Half-width of the window instead; needed where u1 is unstable (a (u2 - u1) at least 2).

    Raises
    ------
    ParameterError
        If a number is out of range, both a spread and a half-width are given, or no window can be derived and none is
        given.
    """

    a: torch.Tensor
    u1: torch.Tensor
    u2: torch.Tensor

    def __init__(
        self,
        a: float = 0.25,
        u1: float = 0.0,
        u2: float = 0.5,
        *,
        threshold: float = 1.0,
        reset: float = 0.0,
        input_spread: float | None = None,
        half_width: float | None = None,
    ) -> None:
        model = QuadraticMap(a, u1, u2, checked_number("QIF", "threshold", threshold, FINITE), reset)
        spread = _spread(input_spread, half_width, model.threshold)
        window = quadratic_window(model, spread) if half_width is None else RectangularWindow(half_width)
        super().__init__(window, model.threshold, model.reset, a=model.a, u1=model.u1, u2=model.u2)

    def moved(self, state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
        """Return the voltages before spikes and resets."""
        return state + self.a * (state - self.u1) * (state - self.u2) + input


def _spread(input_spread: float | None, half_width: float | None, threshold: float) -> float:
    """Return the spread of the input: as given, or the threshold.

    Raises
    ------
    ParameterError
    """
    if half_width is not None:
        if input_spread is not None:
            raise ParameterError("", "half_width", half_width, "cannot be given together with input_spread")
        return 1.0
    if input_spread is None and threshold <= 0:
        raise ParameterError("", "input_spread", None, "must be given, or half_width, if the threshold is not positive")
    return checked_number("", "input_spread", threshold if input_spread is None else input_spread, POSITIVE)
