"""One trial: a compiled `advance`, called piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from spiking import memory
from spiking.drives import LorentzianDrive, OrnsteinUhlenbeckDrive, components
from spiking.errors import NumericalError
from spiking.kernels.layout import Record
from spiking.network import Network, Population
from spiking.recording import State

_NEURON_STEPS_PER_CALL = 2_000_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Plan(NamedTuple):
    """What a run records, beside spikes and means.

    Attributes
    ----------
    every, samples : int
        Steps per sample; samples.
    traced : array of int, shape (traces,)
        Neurons, numbered through all populations.
    edges : array, shape (bins + 1,) or (0,)
        Of the voltage histograms, in mV.
    samples_per_histogram : int
    """

    every: int
    samples: int
    traced: Ints
    edges: Floats
    samples_per_histogram: int

    @property
    def histograms(self) -> int:
        """Number of histograms over a trial."""
        return -(-self.samples // self.samples_per_histogram) if self.edges.size else 0


@dataclass
class Trial:
    """What one trial leaves behind; arrays as in `spiking.Recording`."""

    times: Floats
    senders: Ints
    record: Record
    state: Any


class Model(Protocol):
    """A network made ready for a scheme. The states of trials are the model's own."""

    def start(self, seed: np.random.SeedSequence, voltage: Floats) -> Any:
        """Return the state of a trial at rest with given voltages, nothing pending and no neuron refractory."""

    def resume(self, state: State, trial: int, seed: np.random.SeedSequence | None) -> Any:
        """Return the state of a trial where an earlier run stopped, with its own or new random numbers."""

    def advance(self, state: Any, first_step: int, steps: int, every: int, record: Record) -> tuple[int, int]:
        """Advance by some steps; fill the record and its buffers of spikes; return (steps done, spikes)."""

    def voltage(self, state: Any) -> Floats:
        """Return the voltages of a state."""

    def frozen(self, states: list[Any]) -> State:
        """Return the states of all trials."""


@dataclass(frozen=True)
class Engine:
    """A scheme.

    Attributes
    ----------
    check : callable
        check(network, dt, duration, plan) raises a `SpecificationError` if the scheme does not cover the run.
    prepare : callable
        prepare(network, dt) returns the network's `Model`.
    """

    check: Callable[[Network, float, float, Plan], None]
    prepare: Callable[[Network, float], Model]


def empty_record(network: Network, plan: Plan) -> Record:
    """Return the record of a trial, not yet filled."""
    populations, projections = len(network.populations), len(network.projections)
    buffer = max(4 * sum(network.sizes.values()), 4096)
    bins = max(plan.edges.size - 1, 0)
    return Record(
        counts=np.zeros((plan.samples, populations), np.int64),
        mean_voltage=np.empty((plan.samples, populations)),
        spread_voltage=np.empty((plan.samples, populations)),
        mean_synaptic=np.empty((plan.samples, projections)),
        traced=plan.traced, traces=np.empty((plan.samples, plan.traced.size)),
        edges=plan.edges, samples_per_histogram=plan.samples_per_histogram,
        histogram=np.zeros((plan.histograms, populations, bins), np.int64),
        events=np.zeros(1, np.int64), times=np.empty(buffer), senders=np.empty(buffer, np.int64),
    )  # fmt: skip


def run(
    network: Network, model: Model, state: Any, plan: Plan, *, dt: float, trials: int, tick: Callable[[float], None]
) -> Trial:
    """Run one of `trials` trials; `tick` is called with the finished fraction between pieces.

    Raises
    ------
    NumericalError
        If a voltage becomes non-finite, or spikes come faster or in greater number than they can be kept; `recording`
        is the trial so far.
    """
    record = empty_record(network, plan)
    steps = plan.samples * plan.every
    found: list[tuple[Floats, Ints]] = []
    most = max(1, min(2000, _NEURON_STEPS_PER_CALL // sum(network.sizes.values())))
    step = kept = 0
    try:
        while step < steps:
            tick(step / steps)
            done, fired = model.advance(state, step, min(most, steps - step), plan.every, record)
            if fired < 0:
                raise NumericalError(
                    f"over {record.times.size} spikes within {dt:g} ms, at {(step + done) * dt:g} ms: rates run away "
                    "(is excitation balanced by inhibition or refractoriness?)"
                )
            found.append((record.times[:fired].copy(), record.senders[:fired].copy()))
            step += done
            kept += fired
            if 48.0 * kept * trials > memory.available():
                raise NumericalError(
                    f"{kept} spikes by {step * dt:g} ms fill half of this machine's memory: "
                    "reduce duration, trials or rates, or run in pieces from final_state"
                )
            _check_finite(network, model.voltage(state), step * dt)
    except NumericalError as error:
        whole = step // plan.every
        columns = ("counts", "mean_voltage", "spread_voltage", "mean_synaptic", "traces")
        shortened = {name: getattr(record, name)[:whole] for name in columns}
        error.recording = _joined(found, record._replace(**shortened), state)
        raise
    tick(1.0)
    return _joined(found, record, state)


def _joined(found: list[tuple[Floats, Ints]], record: Record, state: Any) -> Trial:
    times = np.concatenate([np.empty(0), *(t for t, _ in found)])
    senders = np.concatenate([np.empty(0, np.int64), *(s for _, s in found)])
    order = np.argsort(times, kind="stable")
    return Trial(times[order], senders[order], record, state)


def _check_finite(network: Network, voltage: Floats, time: float) -> None:
    if np.isfinite(voltage).all():
        return
    neuron = int(np.flatnonzero(~np.isfinite(voltage))[0])
    ends = np.cumsum(list(network.sizes.values()))
    name = list(network.sizes)[int(np.searchsorted(ends, neuron, side="right"))]
    raise NumericalError(
        f"{name}: the voltage of neuron {neuron} became non-finite before {time:g} ms; "
        f"reduce dt, or the weights onto {name}"
    )


class Indices(NamedTuple):
    """Where populations stand: population a has the neurons from start[a] to start[a + 1]."""

    start: Ints
    target: Ints
    source: Ints


def indices(network: Network) -> Indices:
    """Return the indices of a network."""
    names, sizes = list(network.sizes), list(network.sizes.values())
    return Indices(
        start=starts(sizes),
        target=np.array([names.index(p.target) for p in network.projections], np.int64),
        source=np.array([names.index(p.source) for p in network.projections], np.int64),
    )


def parts_of(network: Network) -> tuple[str, ...]:
    """Return what the arrays of a state mean: the kinds and sizes of the network's parts."""
    populations = (" ".join((f"{p.name}: {p.size} {p.neuron.kind}", *_own_currents(p))) for p in network.populations)
    return (*populations, *(f"{p.name}: {p.synapse.kind}" for p in network.projections))


def _own_currents(population: Population) -> list[str]:
    """Return the kinds of a population's drives that stand in the state, neuron by neuron."""
    own = OrnsteinUhlenbeckDrive | LorentzianDrive
    return [drive.kind for drive in components(population.drive) if isinstance(drive, own)]


def starts(sizes: list[int]) -> Ints:
    """Return where pieces of given sizes start, one after the other, and where the last ends."""
    return np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))]).astype(np.int64)
