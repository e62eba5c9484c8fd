"""simulate_ensemble(): independent neurons in noise, by Euler's method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel, seeds
from spiking.errors import NumericalError, ParameterError
from spiking.kernels.tables import MOST_EXPECTED, pack, poisson_row
from spiking.neurons import Exponential, Fixed, Normal, Refractory
from spiking.noise.ensembles import EnsembleRecording
from spiking.noise.models import ClassicalLIF, ConductanceLIF, LangevinLIF
from spiking.specification import POSITIVE, Requirement, checked_number
from spiking.timing import time_grid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NEURON_STEPS_PER_CALL = 2_000_000
_LEAST_BUFFER = 4096
_LARGEST_STEP = 0.5  # of the shortest time constant


def simulate_ensemble(
    ensemble: LangevinLIF,
    duration: float,
    *,
    neurons: int = 100,
    dt: float = 0.1,
    seed: int | np.random.SeedSequence = 0,
    sampling_interval: float | None = None,
    traces: Iterable[int] = (),
    progress: Callable[[float], None] | None = None,
) -> EnsembleRecording:
    r"""Simulate independent neurons in noise (the trials of an experiment), from reset and with closed conductances.

    One step of Euler's method (Euler-Maruyama, Ito):

    1. Conductances: :math:`g \leftarrow g - g\, dt/\tau + \bar g\, \mathrm{Poisson}(n r\, dt)`.
    2. Neurons that are not refractory: :math:`V \leftarrow V + \frac{dt}{\tau_m}
       \left(E_L - V + \frac{g_E}{g_L} (E_E - V) + \frac{g_I}{g_L} (E_I - V) + \frac{I_0}{g_L}\right)
       + b\, (1 \text{ or } V) \sqrt{dt}\, N(0, 1)`, with the new conductances, the old V and :math:`b` =
       `LangevinLIF.voltage_noise`.
    3. Those with :math:`V \ge V_{th}` spike at the step's end, and stay at reset for the refractory time, drawn anew
       and rounded to whole steps.

    Order in dt: 1 for means without threshold; the threshold is tested at grid times only, which lowers rates in noise
    by a bias of order :math:`\sqrt{dt}`.

    Parameters
    ----------
    ensemble : ClassicalLIF or ConductanceLIF
    duration : float
        In ms; rounded to whole sampling intervals.
    neurons : int
        Each with its own noise and its own Poisson trains.
    dt : float
        In ms; at most half of the shortest time constant.
    seed : int or SeedSequence
        Every random number is a function of seed, step, use and neuron (Philox). So ensembles that differ in threshold
        or current, ``ensemble.free()`` for one, meet the same noise.
    sampling_interval : float, optional
        Of moments and traces in ms, a multiple of dt; by default dt, or 0.1 if dt is a fraction of it.
    traces : iterable of int
        Neurons (from 0) whose voltages are recorded at every sample.
    progress : callable, optional
        Called with the finished fraction, from time to time.

    Returns
    -------
    EnsembleRecording
        Memory: 128 bytes per neuron, 48 per spike, 72 per sample, and 8 per sample and trace. More than half of the
        machine's memory is refused.

    Raises
    ------
    ParameterError, SpecificationError
        Before the run starts, if an option is out of range or does not fit the ensemble.
    NumericalError
        If a voltage becomes non-finite, or spikes fill the memory.
    """
    from spiking.kernels import noise as kernel

    if not isinstance(ensemble, ClassicalLIF | ConductanceLIF):
        raise ParameterError("", "ensemble", type(ensemble).__name__, "must be a ClassicalLIF or a ConductanceLIF")
    neurons = int(checked_number("", "neurons", neurons, POSITIVE, integer=True))
    seeds.check(seed)
    parallel.check_progress(progress)
    every, samples, dt = time_grid(duration, dt, sampling_interval)
    _check_step(ensemble, dt)
    traced = _traced(traces, neurons)
    remedy = "reduce duration, neurons or traces, or raise sampling_interval"
    memory.check(128.0 * neurons + samples * (72.0 + 8.0 * traced.size), "the record", remedy)
    if every * samples > kernel.MOST_STEPS:
        raise ParameterError("", "dt", dt, f"must give at most 2^62 steps (here {float(every * samples):.3g})")

    root = seeds.root(seed)
    key = root.generate_state(2)
    conductances, tables = _synapses(ensemble, dt)
    state = (
        np.full(neurons, ensemble.reset), np.zeros(neurons, np.int64), np.zeros(neurons), np.zeros(neurons),
    )  # fmt: skip
    buffer = max(4 * neurons, _LEAST_BUFFER)
    moments, values = np.zeros((samples, 3, 3)), np.empty((samples, traced.size))
    record = (moments, traced, values, np.empty(buffer, np.int64), np.empty(buffer, np.int64))
    arguments = (
        every,
        _membrane(ensemble, dt),
        _refractory(ensemble.refractory, dt),
        conductances,
        tables,
        state,
        record,
    )
    kernel.advance(key, 0, 0, *arguments)

    begun = time.perf_counter()
    found: list[tuple[Ints, Ints]] = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    steps, step, kept = samples * every, 0, 0
    most = max(1, _NEURON_STEPS_PER_CALL // neurons)
    while step < steps:
        if progress is not None:
            progress(step / steps)
        done, fired = kernel.advance(key, step, min(most, steps - step), *arguments)
        found.append((record[3][:fired].copy(), record[4][:fired].copy()))
        step, kept = step + done, kept + fired
        if not np.isfinite(state[0]).all():
            raise NumericalError(f"a voltage became non-finite before {step * dt:g} ms: reduce dt or the noise")
        if 48.0 * kept > memory.available():
            raise NumericalError(
                f"{kept} spikes by {step * dt:g} ms fill half of this machine's memory: reduce duration or neurons"
            )
    if progress is not None:
        progress(1.0)
    spike_steps, senders = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return EnsembleRecording(
        ensemble=ensemble, neurons=neurons, duration=steps * dt, dt=dt, sampling_interval=every * dt,
        spike_steps=spike_steps, senders=senders, moments=moments, traced=traced, traces=values,
        options={"seed": seeds.record(seed), "version": version("snn2ode"), "wall_s": time.perf_counter() - begun},
    )  # fmt: skip


def _check_step(ensemble: LangevinLIF, dt: float) -> None:
    limits = {"tau_m": ensemble.tau_m}
    if isinstance(ensemble, ConductanceLIF):
        limits |= {"excitation.tau": ensemble.excitation.tau, "inhibition.tau": ensemble.inhibition.tau}
    name = min(limits, key=limits.__getitem__)
    if dt > _LARGEST_STEP * limits[name]:
        raise ParameterError("", "dt", dt, f"must be at most half of {name} = {limits[name]:g} ms")
    if isinstance(ensemble.refractory, Fixed) and ensemble.refractory.duration < 0.5 * dt:
        allowed = f"must be at most twice refractory.duration = {ensemble.refractory.duration:g} ms"
        raise ParameterError("", "dt", dt, allowed)


def _traced(traces: Iterable[int], neurons: int) -> Ints:
    if not isinstance(traces, Iterable):
        raise ParameterError("", "traces", traces, "must be a list of neurons, such as [0, 3]")
    bound = Requirement(f"must lie between 0 and {neurons - 1}", lambda x: 0 <= x < neurons)
    return np.array([int(checked_number("", "traces", n, bound, integer=True)) for n in traces], np.int64)


def _membrane(ensemble: LangevinLIF, dt: float) -> tuple[float, float, float, float, float, float]:
    rate = dt / ensemble.tau_m
    deviation = ensemble.voltage_noise * math.sqrt(dt)
    return (
        rate * (ensemble.rest + ensemble.current / ensemble.leak), rate - ensemble.ito_drift * dt,
        0.0 if ensemble.multiplicative else deviation, deviation if ensemble.multiplicative else 0.0,
        ensemble.threshold, ensemble.reset,
    )  # fmt: skip


def _refractory(refractory: Refractory, dt: float) -> tuple[int, float, float]:
    from spiking.kernels import noise as kernel

    if isinstance(refractory, Exponential):
        return kernel.EXPONENTIAL_TIME, refractory.mean / dt, 0.0
    if isinstance(refractory, Normal):
        return kernel.NORMAL_TIME, refractory.mean / dt, refractory.deviation / dt
    return kernel.FIXED_TIME, refractory.duration / dt if isinstance(refractory, Fixed) else 0.0, 0.0


def _synapses(ensemble: LangevinLIF, dt: float) -> tuple[tuple[float, Floats, Floats, Floats], Any]:
    if not isinstance(ensemble, ConductanceLIF):
        return (0.0, np.zeros(2), np.zeros(2), np.zeros(2)), pack([])
    rows = []
    for name in ("excitation", "inhibition"):
        trains = getattr(ensemble, name)
        expected = trains.spikes_per_ms * dt
        if expected > MOST_EXPECTED:
            allowed = f"must give at most {MOST_EXPECTED:g} spikes per step of dt = {dt:g} ms (here {expected:.3g})"
            raise ParameterError(name, "rate", trains.rate, allowed)
        rows.append(poisson_row(expected))
    both = (ensemble.excitation, ensemble.inhibition)
    share = dt / (ensemble.tau_m * ensemble.leak)
    decays, weights, reversals = (
        np.array(column) for column in zip(*((dt / t.tau, t.weight, t.reversal) for t in both), strict=True)
    )
    return (share, decays, weights, reversals), pack(rows)
