"""simulate(): the network, neuron by neuron."""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel, seeds
from spiking.engines import exact, stepping
from spiking.engines.trial import Engine, Plan, Trial, empty_record, run
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network, checked_network
from spiking.recording import Recording, State
from spiking.specification import FINITE, POSITIVE, Requirement, checked_number
from spiking.timing import time_grid

Floats = npt.NDArray[np.float64]

SCHEMES = (*stepping.SCHEMES, "exact")

Progress = Callable[[float], None]

_MOST_PER_STEP = 0.1


def simulate(
    network: Network,
    duration: float,
    *,
    dt: float = 0.1,
    seed: int | np.random.SeedSequence | None = 0,
    scheme: str | None = None,
    initial: State | str | None = None,
    trials: int = 1,
    workers: int | None = None,
    sampling_interval: float | None = None,
    traces: Mapping[str, Sequence[int]] | None = None,
    voltage_bins: tuple[float, float, int] | None = None,
    histogram_interval: float | None = None,
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

    Scheme ``"grid"``, for every network: exact propagators for leaky and perfect neurons and exponential currents, the
    exact Moebius map of the quadratic neuron at constant input, the implicit midpoint rule (second order) for
    conductances, the explicit one for the exponential neuron; pending spikes are consumed binomially,
    Ornstein-Uhlenbeck currents advance exactly. Spikes are found, and kicks arrive, at grid times. A spike acts on
    synaptic currents, conductances and pending spikes from its time + delay on, on delta synapses from its time +
    max(delay, dt) on.

    Scheme ``"bridge"``: the same, with the probability that a voltage under white noise has crossed the threshold
    between two grid times (Brownian bridge): most of that bias goes. Without refractory time what lies above the
    threshold is kept above reset.

    Scheme ``"interpolated"``: the same as ``"grid"``, with spikes and releases at the times within the step at which
    they fall at constant input (exact for constant currents); spikes still arrive at grid times.

    Scheme ``"exact"`` (event-driven, no time step): for annealed kick synapses, Poisson or no drive, and exponential or
    no refractory time, as in [LCY19]. Every kick, consumption and release is an event of its own exponential clock;
    between events voltages only leak. Spike times are exact; dt is only the default sampling interval.

    Parameters
    ----------
    network : Network
    duration : float
        In ms; rounded to whole sampling intervals.
    dt : float
        Step in ms; not for ``"exact"``: at most half of the shortest time constant.
    seed : int, SeedSequence or None
        Trial k uses the k-th spawned key: every random number is a function of key, step, neuron and use (Philox), so
        that results depend neither on `workers` nor on other trials. With None, the random numbers of `initial` go on,
        and the run continues bit-identically.
    scheme : {"reference", "grid", "bridge", "interpolated", "exact"}, optional
        By default ``"reference"`` for LIF neurons with pending-spike synapses, else ``"grid"``.
    initial : State or "uniform", optional
        ``recording.final_state`` of an earlier run; or voltages drawn uniformly between reset and threshold, for each
        trial (with infinite cutoffs V = tan(theta / 2), theta uniform). By default every V at reset (at 0 if that is
        -inf). Nothing is pending and no neuron refractory.
    trials : int
        Independent repetitions.
    workers : int, optional
        Threads, one trial each; by default one per core.
    sampling_interval : float, optional
        Spacing in ms of the recorded counts and means, a multiple of dt; by default dt, or 0.1 if dt is a
        fraction of it.
    traces : mapping, optional
        Population to the neurons (from 0) whose voltages are recorded at every sample.
    voltage_bins : (float, float, int), optional
        Least and greatest voltage in mV, and number of bins, of histograms of all sampled voltages.
    histogram_interval : float, optional
        In ms: one histogram for each; by default one for the whole run.
    progress : callable, optional
        Called with the finished fraction, from time to time.

    Returns
    -------
    Recording
        Memory: 24 bytes per spike; 24 bytes per sample for each population, 8 for each projection and trace; 8 per
        histogram bin; all of it twice while trials are joined. More than half of the machine's memory is refused.

    Raises
    ------
    ParameterError, UnknownNameError, SpecificationError
        Before the run starts, if an option is out of range or the network has a part that the scheme cannot simulate.
    NumericalError
        If a voltage becomes non-finite, rates run away, or spikes fill the memory; names place and time. Its
        ``recording`` holds what the trial had recorded.
    """
    checked_network(network)
    scheme, engine = _engine(scheme, network)
    trials = int(checked_number("", "trials", trials, POSITIVE, integer=True))
    workers = min(parallel.checked_workers(workers), trials)
    check_start(seed, initial)
    parallel.check_progress(progress)
    every, samples, dt = time_grid(duration, dt, sampling_interval)
    plan = _plan(network, every, samples, dt, traces, voltage_bins, histogram_interval)
    length = samples * every * dt
    _check_memory(network, trials, plan)
    engine.check(network, dt, length + _elapsed(initial, seed, scheme), plan)

    begun = time.perf_counter()
    model = engine.prepare(network, dt)
    if isinstance(initial, State):
        _check_state(initial, model.frozen([model.start(np.random.SeedSequence(0), _reset(network))]), trials)
        own = [None if seed is None else seeds.of_trial(seed, trial) for trial in range(trials)]
        states = [model.resume(initial, trial, start) for trial, start in enumerate(own)]
    else:
        assert seed is not None
        states = [
            model.start(seeds.of_trial(seed, trial), starting_voltages(network, initial, seed, trial))
            for trial in range(trials)
        ]
    model.advance(states[0], 0, 0, every, empty_record(network, plan))
    setup = time.perf_counter() - begun

    def record(done: list[Trial], final: State | None) -> Recording:
        recorded = [t.record for t in done]
        wall = time.perf_counter() - begun - setup
        return Recording(
            populations=network.sizes,
            duration=recorded[0].counts.shape[0] * every * dt,
            times=np.concatenate([t.times for t in done]),
            senders=np.concatenate([t.senders for t in done]),
            trial=np.repeat(np.arange(len(done)), [t.times.size for t in done]),
            trials=len(done),
            sampling_interval=every * dt,
            counts=np.stack([r.counts for r in recorded]),
            mean_voltage=np.stack([r.mean_voltage for r in recorded]),
            spread_voltage=np.stack([r.spread_voltage for r in recorded]),
            mean_pending=np.stack([r.mean_synaptic for r in recorded]),
            traces=_split(traces, np.stack([r.traces for r in recorded])),
            histogram=np.stack([r.histogram for r in recorded]),
            voltage_edges=plan.edges,
            histogram_interval=plan.samples_per_histogram * every * dt,
            synaptic_events=sum(int(r.events[0]) for r in recorded),
            timing={"setup_s": setup, "wall_s": wall, "threads": workers},
            network=network,
            options={"dt": dt, "seed": seeds.record(seed), "scheme": scheme, "version": version("snn2ode")},
            final_state=final,
        )

    finished = [0.0] * trials

    def one(trial: int, check: Callable[[], None]) -> Trial:
        def tick(fraction: float) -> None:
            check()
            finished[trial] = fraction
            if progress is not None:
                progress(sum(finished) / trials)

        try:
            return run(network, model, states[trial], plan, dt=dt, trials=trials, tick=tick)
        except NumericalError as error:
            error.recording = record([error.recording], None)
            raise

    done = parallel.ordered_map(one, range(trials), workers=workers)
    found = record(done, model.frozen([t.state for t in done]))
    if scheme != "exact":
        _warn_of_rates(found, dt)
    return found


def _warn_of_rates(recording: Recording, dt: float) -> None:
    per_step = recording.counts.sum(axis=(0, 1)) * dt / (recording.trials * recording.duration)
    for fired, (name, size) in zip(per_step, recording.populations.items(), strict=True):
        if fired > _MOST_PER_STEP * size:
            warnings.warn(
                f"{name}: a neuron fires {1000 * fired / size / dt:.0f} times per s; it can fire once per step of "
                f"dt = {dt:g} ms: reduce dt",
                stacklevel=3,
            )


def check_start(seed: object, initial: object) -> None:
    """Refuse seeds and initial states that no run can start from.

    Raises
    ------
    ParameterError
        If one is out of range.
    """
    if not (initial is None or isinstance(initial, State) or (isinstance(initial, str) and initial == "uniform")):
        shown = initial if isinstance(initial, str) else type(initial).__name__
        raise ParameterError("", "initial", shown, 'must be a State, such as recording.final_state, or "uniform"')
    if seed is None and not isinstance(initial, State):
        raise ParameterError("", "seed", None, "continues the random streams of `initial`: give that, or an integer")
    if seed is not None:
        seeds.check(seed)


def default_scheme(network: Network) -> str:
    """Return the scheme that `simulate` takes by default: ``"reference"`` where it is defined, else ``"grid"``."""
    return "reference" if stepping.covers("reference", network) else "grid"


def _engine(scheme: str | None, network: Network) -> tuple[str, Engine]:
    if scheme is None:
        scheme = default_scheme(network)
    if scheme not in SCHEMES:
        raise UnknownNameError("scheme", scheme, SCHEMES)
    return scheme, exact.ENGINE if scheme == "exact" else stepping.engine(scheme)


def _plan(
    network: Network,
    every: int,
    samples: int,
    dt: float,
    traces: Mapping[str, Sequence[int]] | None,
    voltage_bins: tuple[float, float, int] | None,
    histogram_interval: float | None,
) -> Plan:
    traced: list[int] = []
    if traces is not None and not isinstance(traces, Mapping):
        raise ParameterError("", "traces", traces, 'must map populations to neurons: {"E": [0, 3]}')
    for name, neurons in (traces or {}).items():
        if name not in network.sizes:
            raise UnknownNameError("population", name, network.sizes)
        if not isinstance(neurons, Iterable):
            raise ParameterError("traces", name, neurons, "must be a list of neurons, such as [0, 3]")
        first = network.neurons[name].start
        for neuron in neurons:
            bound = Requirement(f"must lie between 0 and {network.sizes[name] - 1}", _below(network.sizes[name]))
            traced.append(first + int(checked_number("traces", name, neuron, bound, integer=True)))
    edges = np.empty(0)
    if voltage_bins is not None:
        if not (isinstance(voltage_bins, Sequence) and len(voltage_bins) == 3):
            raise ParameterError("", "voltage_bins", voltage_bins, "must be (least, greatest voltage, number of bins)")
        low, high, bins = voltage_bins
        checked_number("voltage_bins", "least", low, FINITE)
        checked_number(
            "voltage_bins",
            "greatest",
            high,
            Requirement(f"must be finite and above {low}", lambda x: low < x < math.inf),
        )
        bins = int(checked_number("voltage_bins", "bins", bins, POSITIVE, integer=True))
        memory.check(8.0 * bins, "the histograms", "reduce bins")
        edges = np.linspace(low, high, bins + 1)
    per_histogram = samples
    if histogram_interval is not None:
        interval = checked_number("", "histogram_interval", histogram_interval, POSITIVE)
        per_histogram = round(interval / (every * dt))
        if voltage_bins is None:
            raise ParameterError("", "histogram_interval", interval, "needs voltage_bins")
        if per_histogram < 1 or not math.isclose(per_histogram * every * dt, interval, rel_tol=1e-9):
            allowed = f"must be a multiple of the sampling interval of {every * dt:g} ms"
            raise ParameterError("", "histogram_interval", interval, allowed)
    return Plan(every, samples, np.array(traced, np.int64), edges, per_histogram)


def _below(size: int) -> Callable[[float], bool]:
    return lambda x: 0 <= x < size


def _split(traces: Mapping[str, Sequence[int]] | None, values: Floats) -> dict[str, Floats]:
    ends = np.cumsum([len(neurons) for neurons in (traces or {}).values()])
    return dict(zip(traces or {}, np.split(values, ends[:-1], axis=2), strict=True)) if traces else {}


def _check_memory(network: Network, trials: int, plan: Plan) -> None:
    neurons = sum(network.sizes.values())
    targets = sum(network.sizes[p.target] for p in network.projections)
    memory.check(8.0 * trials * (14.0 * neurons + 2.0 * targets), "the state", "reduce the populations' sizes")
    columns = 3 * len(network.populations) + len(network.projections) + plan.traced.size
    remedy = "reduce duration, trials or traces, or raise sampling_interval"
    memory.check(16.0 * trials * plan.samples * columns, "the recording", remedy)
    bins = plan.histograms * len(network.populations) * max(plan.edges.size - 1, 0)
    memory.check(16.0 * trials * bins, "the histograms", "raise histogram_interval, or reduce bins or trials")


def _check_state(state: State, fresh: State, trials: int) -> None:
    for name in ("voltage", "refractory", "synaptic", "process"):
        shape, wanted = getattr(state, name).shape, (trials, getattr(fresh, name).shape[1])
        if shape != wanted:
            raise SpecificationError(f"initial.{name} has shape {shape}: must have shape {wanted}")
    if state.parts != fresh.parts:
        differing = sorted(set(state.parts) ^ set(fresh.parts)) or list(state.parts)
        raise SpecificationError(f"initial: belongs to a network with other parts or another order: {differing}")
    if state.dt != fresh.dt:
        raise ParameterError("initial", "dt", state.dt, f"must equal the run's dt = {fresh.dt}")


def _elapsed(initial: object, seed: object, scheme: str) -> float:
    """Return the time in ms at which a run that goes on with its random numbers begins."""
    if seed is not None or not isinstance(initial, State):
        return 0.0
    past = json.loads(initial.generators[0])
    if ("step" in past) != (scheme != "exact"):
        raise SpecificationError(f"initial: its random numbers are not those of scheme '{scheme}'; give a seed")
    return float(past.get("step", 0) * initial.dt)


def _reset(network: Network) -> Floats:
    resets = [network[f"{p.name}.reset"] for p in network.populations]
    return np.repeat([r if math.isfinite(r) else 0.0 for r in resets], list(network.sizes.values())).astype(np.float64)


def starting_voltages(
    network: Network, initial: str | None, seed: int | np.random.SeedSequence, trial: int = 0
) -> Floats:
    """Return the voltages in mV with which `simulate` starts a trial, shape (neurons,).

    Parameters
    ----------
    initial : "uniform" or None
        As in `simulate`.
    """
    own = seeds.of_trial(seed, trial)
    reset = _reset(network)
    if initial is None:
        return reset
    sizes = list(network.sizes.values())
    top = np.repeat([network[f"{p.name}.threshold"] for p in network.populations], sizes)
    rng = np.random.default_rng(np.random.SeedSequence(own.entropy, spawn_key=(*own.spawn_key, 0)))
    drawn, finite = rng.random(reset.size), np.isfinite(top)
    return np.where(finite, reset + (np.where(finite, top, 0.0) - reset) * drawn, np.tan(np.pi * (drawn - 0.5)))
