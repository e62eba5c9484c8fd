"""simulate(): the network, neuron by neuron."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from spiking import memory, parallel
from spiking.engines.trial import Engine, Trial, TrialState, run
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.recording import Recording, State
from spiking.specification import NONNEGATIVE, POSITIVE, checked_number
from spiking.timing import time_grid

SCHEMES = ("reference", "bridge", "exact")

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

    Scheme ``"bridge"``: the same step with exact factors for leak and synapses, pending spikes consumed binomially, and
    the probability that a voltage under white noise has crossed the threshold between two grid times (Brownian bridge):
    most of that bias goes. Without refractory time what lies above the threshold is kept above reset.

    Scheme ``"exact"`` (event-driven, no time step): for kick synapses, Poisson or no drive, and exponential or no
    refractory time, as in [LCY19]. Every kick, consumption and release is an event of its own exponential clock;
    between events voltages only leak. Spike times are exact; dt is only the default sampling interval.

    Parameters
    ----------
    network : Network
    duration : float
        In ms; rounded to whole sampling intervals.
    dt : float
        Step in ms; not for ``"exact"``: at most half of the shortest time constant.
    seed : int, SeedSequence or None
        Trial k uses the k-th spawned stream of PCG64: results do not depend on `workers`. With None, the random streams
        of `initial` go on, and the run continues bit-identically.
    scheme : {"reference", "bridge", "exact"}
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
    checked_network(network)
    engine = _engine(scheme)
    trials = int(checked_number("", "trials", trials, POSITIVE, integer=True))
    workers = parallel.checked_workers(workers)
    _check_seed(seed, initial)
    every, samples, dt = time_grid(duration, dt, sampling_interval)
    engine.check(network, dt)
    if initial is not None:
        if not isinstance(initial, State):
            raise ParameterError("", "initial", initial, "must be a State, such as recording.final_state")
        _check_state(initial, network, trials, dt)
    neurons = sum(network.sizes.values())
    pending = sum(network.sizes[p.target] for p in network.projections)
    memory.check(8.0 * trials * (14.0 * neurons + 2.0 * pending), "the state", "reduce the populations' sizes")
    columns = 2 * len(network.populations) + len(network.projections)
    remedy = "reduce duration or trials, or raise sampling_interval"
    memory.check(16.0 * trials * samples * columns, "the recording", remedy)
    advance = engine.prepare(network, dt)

    finished = [0.0] * trials

    def report(trial: int, fraction: float) -> None:
        finished[trial] = fraction
        if progress is not None:
            progress(sum(finished) / trials)

    def one(trial: int, check: Callable[[], None]) -> Trial:
        def tick(fraction: float) -> None:
            check()
            report(trial, fraction)

        state = _start(network, initial, seed, trial)
        return run(network, advance, state, every=every, samples=samples, dt=dt, tick=tick)

    done = parallel.ordered_map(one, range(trials), workers=min(workers, trials))
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


def _check_seed(seed: object, initial: State | None) -> None:
    if seed is None and initial is None:
        raise ParameterError("", "seed", None, "continues the random streams of `initial`: give that, or an integer")
    if not (seed is None or isinstance(seed, np.random.SeedSequence)):
        checked_number("", "seed", seed, NONNEGATIVE, integer=True)


def _seed_record(seed: int | np.random.SeedSequence | None) -> Any:
    if isinstance(seed, np.random.SeedSequence):
        return {"entropy": seed.entropy, "spawn_key": list(seed.spawn_key)}
    return None if seed is None else int(seed)


def _engine(scheme: str) -> Engine:
    if scheme not in SCHEMES:
        raise UnknownNameError("scheme", scheme, SCHEMES)
    from importlib import import_module

    engine: Engine = import_module(f"spiking.engines.{scheme}").ENGINE
    return engine


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
) -> TrialState:
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
        return TrialState(voltage, refractory.astype(np.int64), pending.astype(np.int64), generator)
    voltage = np.concatenate([np.full(p.size, network[f"{p.name}.reset"], float) for p in network.populations])
    targets = sum(network.sizes[p.target] for p in network.projections)
    return TrialState(voltage, np.zeros(voltage.size, np.int64), np.zeros(targets, np.int64), generator)
