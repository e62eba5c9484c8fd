"""simulate(): the network, neuron by neuron."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel
from spiking.drives import GaussianDrive, KickDrive, PoissonDrive
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network
from spiking.neurons import LIF, Exponential, Fixed
from spiking.recording import Recording, State
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number
from spiking.synapses import PendingKick, PendingSpikeSynapse
from spiking.wiring import Annealed

SCHEMES = ("reference",)

_STEPS_PER_CALL = 2000

Progress = Callable[[float], None]


def simulate(
    network: Network,
    duration: float,
    *,
    dt: float = 0.1,
    seed: int | np.random.SeedSequence | None = 0,
    scheme: str = "reference",
    initial: State | None = None,
    trials: int = 1,
    workers: int | None = None,
    sampling_interval: float | None = None,
    progress: Progress | None = None,
) -> Recording:
    r"""Simulate a network.

    Scheme ``"reference"`` [C25], one step of dt:

    1. Neurons that are not refractory: :math:`V \leftarrow V + dt\,(\text{leak} + \text{synapses at the old } V, H)
       + \text{drive}`; a Gaussian drive adds :math:`N(\lambda s\,dt, \lambda s^2 dt)`, a Poisson drive
       :math:`s\,\mathrm{Poisson}(\lambda dt)`. Kick synapses first consume :math:`\min(H, \mathrm{Poisson}(H dt/\tau))`
       pending spikes, each of which moves V at once (in refractory neurons they are lost).
       Those with :math:`V \ge V_{th}` fire: :math:`V \leftarrow V_{reset}`, refractory from now.
    2. All neurons: :math:`H \leftarrow \max(0, H - \mathrm{Poisson}(H dt/\tau))` (current synapses), then
       :math:`H \leftarrow H + \mathrm{Binomial}(n, p)` with n the source population's spikes of this step.
    3. Refractory neurons that did not fire in this step are released with probability dt / mean (exponential), or
       after their number of steps (fixed).

    Order in dt: the threshold is tested at grid times only, which lowers rates by a bias of order :math:`\sqrt{dt}`.

    Parameters
    ----------
    network : Network
    duration : float
        In ms; rounded to whole sampling intervals.
    dt : float
        Step in ms; at most half of the shortest time constant.
    seed : int, SeedSequence or None
        Trial k uses the k-th spawned stream of PCG64: results do not depend on `workers`. With None, the random streams
        of `initial` go on, and the run continues bit-identically.
    scheme : {"reference"}
    initial : State, optional
        ``recording.final_state`` of an earlier run; by default every V at reset, nothing pending, no neuron refractory.
    trials : int
        Independent repetitions.
    workers : int, optional
        Threads, one trial each; by default one per core.
    sampling_interval : float, optional
        Spacing in ms of the recorded counts and means, a multiple of dt; by default dt, or 0.1 if dt is a
        fraction of it.
    progress : callable, optional
        Called with the finished fraction, from time to time.

    Returns
    -------
    Recording
        Memory: 24 bytes per spike; 16 bytes per sample for each population, 8 for each projection (twice while
        trials are joined), refused beyond half of the machine's memory.

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        Before the run starts, if an option is out of range or the network has a part that the scheme cannot simulate.
    NumericalError
        If a voltage becomes non-finite; names the population and the time.
    """
    if scheme not in SCHEMES:
        raise UnknownNameError("scheme", scheme, SCHEMES)
    trials = int(checked_number("", "trials", trials, POSITIVE, integer=True))
    workers = parallel.checked_workers(workers)
    _check_seed(seed, initial)
    every, samples, dt = _check_times(network, duration, dt, sampling_interval)
    if initial is not None:
        _check_state(initial, network, trials, dt)
    columns = 2 * len(network.populations) + len(network.projections)
    remedy = "reduce duration or trials, or raise sampling_interval"
    memory.check(16.0 * trials * samples * columns, "the recording", remedy)
    constants = _constants(network, dt)

    finished = [0.0] * trials

    def report(trial: int, fraction: float) -> None:
        finished[trial] = fraction
        if progress is not None:
            progress(sum(finished) / trials)

    def run(trial: int, check: Callable[[], None]) -> _Trial:
        def tick(fraction: float) -> None:
            check()
            report(trial, fraction)

        return _run(network, constants, _start(network, initial, seed, trial), every, samples, dt, tick)

    done = parallel.ordered_map(run, range(trials), workers=min(workers, trials))
    return Recording(
        populations=network.sizes,
        duration=samples * every * dt,
        times=np.concatenate([t.times for t in done]),
        senders=np.concatenate([t.senders for t in done]),
        trial=np.repeat(np.arange(trials), [t.times.size for t in done]),
        trials=trials,
        sampling_interval=every * dt,
        counts=np.stack([t.counts for t in done]),
        mean_voltage=np.stack([t.mean_voltage for t in done]),
        mean_pending=np.stack([t.mean_pending for t in done]),
        network=network,
        options={"dt": dt, "seed": _seed_record(seed), "scheme": scheme, "version": version("snn2ode")},
        final_state=State(
            voltage=np.stack([t.state.voltage for t in done]),
            refractory=np.stack([t.state.refractory for t in done]),
            pending=np.stack([t.state.pending for t in done]),
            generators=tuple(json.dumps(t.state.generator.bit_generator.state) for t in done),
            dt=dt,
        ),
    )


@dataclass
class _TrialState:
    voltage: npt.NDArray[np.float64]
    refractory: npt.NDArray[np.int64]
    pending: npt.NDArray[np.int64]
    generator: np.random.Generator


@dataclass
class _Trial:
    times: npt.NDArray[np.float64]
    senders: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    mean_voltage: npt.NDArray[np.float64]
    mean_pending: npt.NDArray[np.float64]
    state: _TrialState


def _run(
    network: Network,
    constants: tuple[Any, ...],
    state: _TrialState,
    every: int,
    samples: int,
    dt: float,
    tick: Progress,
) -> _Trial:
    from spiking.kernels.pending import advance

    neurons = state.voltage.size
    steps = samples * every
    counts = np.zeros((samples, len(network.populations)), np.int64)
    mean_voltage = np.empty((samples, len(network.populations)))
    mean_pending = np.empty((samples, len(network.projections)))
    spike_steps = np.empty(max(4 * neurons, 4096), np.int64)
    spike_senders = np.empty_like(spike_steps)
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    step = 0
    while step < steps:
        tick(step / steps)
        done, fired = advance(  # type: ignore[call-arg]
            state.generator, step, min(_STEPS_PER_CALL, steps - step), every, *constants,
            state.voltage, state.refractory, state.pending,
            counts, mean_voltage, mean_pending, spike_steps, spike_senders,
        )  # fmt: skip
        found.append((spike_steps[:fired].copy(), spike_senders[:fired].copy()))
        step += done
        _check_finite(network, state.voltage, step * dt)
    tick(1.0)
    times = (np.concatenate([s for s, _ in found]) + 1) * dt
    return _Trial(times, np.concatenate([s for _, s in found]), counts, mean_voltage, mean_pending, state)


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


def _check_seed(seed: object, initial: State | None) -> None:
    if seed is None and initial is None:
        raise ParameterError("", "seed", None, "continues the random streams of `initial`: give that, or an integer")
    if not (seed is None or isinstance(seed, np.random.SeedSequence)):
        checked_number("", "seed", seed, NONNEGATIVE, integer=True)


def _seed_record(seed: int | np.random.SeedSequence | None) -> Any:
    if isinstance(seed, np.random.SeedSequence):
        return {"entropy": seed.entropy, "spawn_key": list(seed.spawn_key)}
    return None if seed is None else int(seed)


def _check_times(
    network: Network, duration: float, dt: float, sampling_interval: float | None
) -> tuple[int, int, float]:
    """Return (steps per sample, samples, dt)."""
    dt = checked_number("", "dt", dt, POSITIVE)
    for address, value in network.parameters.items():
        name = address.rpartition(".")[2]
        if name in ("tau", "tau_m", "mean", "duration") and dt > value / 2:
            raise ParameterError("", "dt", dt, f"must be at most {value / 2:g} ms, half of {address} = {value:g} ms")
    if sampling_interval is None:
        parts = round(0.1 / dt)
        every = parts if parts >= 1 and math.isclose(parts * dt, 0.1) else 1
    else:
        interval = checked_number("", "sampling_interval", sampling_interval, POSITIVE)
        every = round(interval / dt)
        if every < 1 or not math.isclose(every * dt, interval, rel_tol=1e-9):
            raise ParameterError("", "sampling_interval", interval, f"must be a multiple of dt = {dt:g} ms")
    duration = checked_number("", "duration", duration, POSITIVE)
    samples = round(duration / (every * dt))
    if samples < 1:
        raise ParameterError("", "duration", duration, f"must be at least one sampling interval of {every * dt:g} ms")
    return every, samples, dt


def _check_state(state: State, network: Network, trials: int, dt: float) -> None:
    neurons = sum(network.sizes.values())
    pending = sum(network.sizes[p.target] for p in network.projections)
    for name, width in (("voltage", neurons), ("refractory", neurons), ("pending", pending)):
        shape = getattr(state, name).shape
        if shape != (trials, width):
            raise SpecificationError(f"initial.{name} has shape {shape}: must have shape {(trials, width)}")
    if state.dt != dt:
        raise ParameterError("initial", "dt", state.dt, f"must equal the run's dt = {dt}")


def _start(
    network: Network, initial: State | None, seed: int | np.random.SeedSequence | None, trial: int
) -> _TrialState:
    if seed is None:
        assert initial is not None
        bits = np.random.PCG64()
        bits.state = json.loads(initial.generators[trial])
    else:
        root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(int(seed))
        bits = np.random.PCG64(np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, trial)))
    generator = np.random.Generator(bits)
    if initial is not None:
        arrays = (initial.voltage[trial], initial.refractory[trial], initial.pending[trial])
        voltage, refractory, pending = (array.copy() for array in arrays)
        return _TrialState(voltage, refractory.astype(np.int64), pending.astype(np.int64), generator)
    voltage = np.concatenate([np.full(p.size, network[f"{p.name}.reset"], float) for p in network.populations])
    targets = sum(network.sizes[p.target] for p in network.projections)
    return _TrialState(voltage, np.zeros(voltage.size, np.int64), np.zeros(targets, np.int64), generator)


def _constants(network: Network, dt: float) -> tuple[Any, ...]:
    """Return the arrays that `advance` takes between `every` and the state."""
    from spiking.kernels import pending, tables

    names = list(network.sizes)
    sizes = list(network.sizes.values())
    neurons = [_lif(p.name, p.neuron) for p in network.populations]
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    kinds, means, deviations, kick_sizes, drive_rows = [], [], [], [], []
    for population in network.populations:
        drive = population.drive
        gaussian, poisson = isinstance(drive, GaussianDrive), isinstance(drive, PoissonDrive)
        rate, size = (drive.rate, drive.size) if isinstance(drive, KickDrive) else (0.0, 0.0)
        kinds.append(pending.GAUSSIAN if gaussian else pending.POISSON if poisson else pending.NO_DRIVE)
        means.append(rate * size * dt if gaussian else 0.0)
        deviations.append(abs(size) * math.sqrt(rate * dt))
        kick_sizes.append(size)
        drive_rows.append(tables.poisson_row(rate * dt if poisson else 0.0))
    drive_table = tables.pack(drive_rows)

    steps, release = [], []
    for neuron in neurons:
        refractory = neuron.refractory
        if isinstance(refractory, Fixed):
            steps.append(round(refractory.duration / dt))
            release.append(-1.0)
        elif isinstance(refractory, Exponential):
            steps.append(1)
            release.append(dt / refractory.mean)
        else:
            steps.append(0)
            release.append(1.0)

    target, source, kick, gain, c0, c1, rounded, consumption, probability = ([] for _ in range(9))
    consumption_rows, arrival_rows = [], []
    for projection in network.projections:
        synapse, wiring = projection.synapse, projection.wiring
        if not isinstance(synapse, PendingSpikeSynapse) or not isinstance(wiring, Annealed):
            raise SpecificationError(
                f"{projection.name}: scheme 'reference' needs pending-spike synapses with annealed wiring"
            )
        target.append(names.index(projection.target))
        source.append(names.index(projection.source))
        kick.append(isinstance(synapse, PendingKick))
        strength = -synapse.weight if synapse.inhibitory else synapse.weight
        gain.append(strength if kick[-1] else strength * dt / synapse.tau)
        constant, slope = inhibitory_factor(synapse, neurons[target[-1]])
        c0.append(constant)
        c1.append(slope)
        rounded.append(isinstance(synapse, PendingKick) and synapse.rounded)
        consumption.append(dt / synapse.tau)
        probability.append(wiring.probability)
        consumption_rows += tables.consumption_rows(dt / synapse.tau)
        arrival_rows += tables.arrival_rows(wiring.probability)
    pending_start = np.concatenate([[0], np.cumsum([sizes[t] for t in target])]).astype(np.int64)

    def floats(values: Any) -> npt.NDArray[np.float64]:
        return np.array(values, np.float64)

    def integers(values: Any) -> npt.NDArray[np.int64]:
        return np.array(values, np.int64)

    return (
        start, floats([n.threshold for n in neurons]), floats([n.reset for n in neurons]),
        floats([n.rest for n in neurons]), floats([dt / n.tau_m for n in neurons]),
        integers(kinds), floats(means), floats(deviations), floats(kick_sizes), *drive_table,
        integers(steps), floats(release),
        integers(target), integers(source), pending_start, np.array(kick, bool), floats(gain), floats(c0), floats(c1),
        np.array(rounded, bool), floats(consumption), floats(probability),
        *tables.pack(consumption_rows), *tables.pack(arrival_rows),
    )  # fmt: skip


def inhibitory_factor(synapse: PendingSpikeSynapse, neuron: LIF) -> tuple[float, float]:
    """Return (c0, c1) of c(v) = c0 + c1 v: the voltage dependence of a synapse onto a neuron."""
    if synapse.reversal == -math.inf:
        return 1.0, 0.0
    span = neuron.threshold - synapse.reversal
    return -synapse.reversal / span, 1.0 / span


def _lif(name: str, neuron: object) -> LIF:
    if not isinstance(neuron, LIF):
        raise SpecificationError(f"{name}: scheme 'reference' simulates leaky or perfect IF neurons only")
    return neuron
