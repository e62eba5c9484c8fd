"""One trial: a compiled `advance`, called piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spiking.errors import NumericalError
from spiking.network import Network

_NEURON_STEPS_PER_CALL = 2_000_000


@dataclass
class TrialState:
    """Momentary state of one trial; arrays as in `spiking.State`."""

    voltage: npt.NDArray[np.float64]
    refractory: npt.NDArray[np.int64]
    pending: npt.NDArray[np.int64]
    generator: np.random.Generator


@dataclass
class Trial:
    """What one trial leaves behind; arrays as in `spiking.Recording`."""

    times: npt.NDArray[np.float64]
    senders: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    mean_voltage: npt.NDArray[np.float64]
    mean_pending: npt.NDArray[np.float64]
    state: TrialState


class Advance(Protocol):
    """Advance a state by some steps; fill the samples and the buffers of spikes; return (steps done, spikes)."""

    def __call__(self, state: TrialState, first_step: int, steps: int, every: int, *out: Any) -> tuple[int, int]: ...


@dataclass(frozen=True)
class Engine:
    """A scheme.

    Attributes
    ----------
    check : callable
        check(network, dt) raises a `SpecificationError` if the scheme does not cover the network or the step.
    prepare : callable
        prepare(network, dt) returns the network's `Advance`.
    """

    check: Callable[[Network, float], None]
    prepare: Callable[[Network, float], Advance]


def bound(kernel: Callable[..., tuple[int, int]], constants: tuple[Any, ...], dt: float) -> Advance:
    """Return the `Advance` that calls a compiled function with a network's constants."""

    def advance(state: TrialState, first_step: int, steps: int, every: int, *out: Any) -> tuple[int, int]:
        arrays = (state.voltage, state.refractory, state.pending, *out)
        return kernel(state.generator, first_step, steps, every, dt, *constants, *arrays)

    return advance


def run(
    network: Network,
    advance: Advance,
    state: TrialState,
    *,
    every: int,
    samples: int,
    dt: float,
    tick: Callable[[float], None],
) -> Trial:
    """Run a trial of `samples` times `every` steps; `tick` is called with the finished fraction between pieces.

    Raises
    ------
    NumericalError
        If a voltage becomes non-finite, or spikes come faster than they can be kept.
    """
    steps = samples * every
    counts = np.zeros((samples, len(network.populations)), np.int64)
    mean_voltage = np.empty((samples, len(network.populations)))
    mean_pending = np.empty((samples, len(network.projections)))
    times = np.empty(max(4 * state.voltage.size, 4096))
    senders = np.empty(times.size, np.int64)
    found: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]] = []
    most = max(1, min(2000, _NEURON_STEPS_PER_CALL // state.voltage.size))
    step = 0
    while step < steps:
        tick(step / steps)
        number = min(most, steps - step)
        done, fired = advance(state, step, number, every, counts, mean_voltage, mean_pending, times, senders)
        if fired < 0:
            raise NumericalError(
                f"over {times.size} spikes within {dt:g} ms, at {(step + done) * dt:g} ms: rates run away "
                "(is excitation balanced by inhibition or refractoriness?)"
            )
        found.append((times[:fired].copy(), senders[:fired].copy()))
        step += done
        _check_finite(network, state.voltage, step * dt)
    tick(1.0)
    return Trial(
        times=np.concatenate([t for t, _ in found]),
        senders=np.concatenate([s for _, s in found]),
        counts=counts,
        mean_voltage=mean_voltage,
        mean_pending=mean_pending,
        state=state,
    )


def _check_finite(network: Network, voltage: npt.NDArray[np.float64], time: float) -> None:
    if np.isfinite(voltage).all():
        return
    neuron = int(np.flatnonzero(~np.isfinite(voltage))[0])
    ends = np.cumsum(list(network.sizes.values()))
    name = list(network.sizes)[int(np.searchsorted(ends, neuron, side="right"))]
    raise NumericalError(
        f"{name}: the voltage of neuron {neuron} became non-finite before {time:g} ms; "
        f"reduce dt, or the weights onto {name}"
    )
