"""Ensembles of leaky neurons in noise: against a naive twin, moments, statistics, and what is refused."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import fields, replace

import naive_network
import numpy as np
import pytest

import spiking
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError
from spiking.kernels import noise as kernel
from spiking.noise import (
    ClassicalLIF,
    ConductanceLIF,
    NoNoise,
    PoissonTrains,
    StepNoise,
    WhiteNoise,
    bursts,
    firing_rate,
    interval_statistics,
    plain,
    rate_over_time,
    simulate_ensemble,
    thieu2022,
)
from spiking.noise.ensembles import EnsembleRecording
from spiking.noise.statistics import _in_runs_by_chance

BUSY = ConductanceLIF(
    current=400.0, noise=WhiteNoise(3.0, multiplicative=True), refractory=spiking.Normal(1.0, 2.0),
    excitation=PoissonTrains(40, 30.0, 2.0, 3.0, 0.0),
)  # fmt: skip
CASES = {
    "no noise": ClassicalLIF(current=2500.0, refractory=spiking.Fixed(3.0)),
    "additive": ClassicalLIF(current=2500.0, noise=WhiteNoise(1500.0), refractory=spiking.Exponential(2.0)),
    "per step": ClassicalLIF(current=2500.0, noise=StepNoise.per_second(50.0), refractory=spiking.NoRefractory()),
    "Ito": ClassicalLIF(current=2500.0, noise=WhiteNoise(25.0, True), refractory=spiking.Normal(1.0, 2.0)),
    "Stratonovich": ClassicalLIF(current=4000.0, noise=WhiteNoise(25.0, True, True)),
    "conductances": BUSY,
    "free": BUSY.free(),
}


def naive(neuron, steps, dt, size, seed):
    """One neuron after the other, one formula after the other, from Philox's counters on."""
    key = tuple(int(k) for k in np.random.SeedSequence(seed).generate_state(2))
    noise, refractory = neuron.noise, neuron.refractory
    b = getattr(noise, "intensity", getattr(noise, "deviation", 0.0)) / (neuron.tau_m * neuron.leak)
    b *= math.sqrt(noise.step) if isinstance(noise, StepNoise) else 1.0
    v, g, released = np.full(size, neuron.reset), np.zeros((2, size)), [0] * size
    trains = [neuron.excitation, neuron.inhibition] if isinstance(neuron, ConductanceLIF) else []
    course, spikes = [], []
    for step in range(steps):
        words = [naive_network.row_words(key, step, use, size) for use in range(3)]
        for i in range(size):
            slope = (neuron.rest - v[i] + neuron.current / neuron.leak) / neuron.tau_m
            for own, bits, train in zip(g, words[1:], trains, strict=False):
                mean = train.trains * train.rate * dt / 1000.0
                own[i] += train.weight * naive_network.quantile(bits[i], "poisson", mean) - own[i] * dt / train.tau
                slope += own[i] * (train.reversal - v[i]) / neuron.leak / neuron.tau_m
            if getattr(noise, "stratonovich", False):
                slope += b**2 / 2 * v[i]
            kick = b * math.sqrt(dt) * naive_network.normal(words[0][i])
            if step >= released[i]:
                v[i] += dt * slope + kick * (v[i] if getattr(noise, "multiplicative", False) else 1.0)
            if v[i] >= neuron.threshold:
                v[i] = neuron.reset
                bits = naive_network.philox((i, step, 0, kernel.REFRACTORY_USE), key)[0]
                wait = {
                    "none": lambda bits: 0.0, "fixed": lambda bits: refractory.duration,
                    "exponential": lambda bits: -refractory.mean * math.log(naive_network.uniform(bits)),
                    "normal": lambda bits: refractory.mean + refractory.deviation * naive_network.normal(bits),
                }[refractory.kind](bits)  # fmt: skip
                released[i] = step + 1 + math.floor(max(wait, 0.0) / dt + 0.5)
                spikes.append((step + 1, i))
        course.append(np.stack([v.copy(), *g.copy()]))
    return np.array(course), spikes


@pytest.mark.parametrize("name", CASES)
def test_every_voltage_and_spike_equals_the_naive_twins(name):
    neuron, size, steps = CASES[name], 7, 300
    found = simulate_ensemble(neuron, 30.0, neurons=size, seed=5, traces=range(size), sampling_interval=0.1)
    course, spikes = naive(neuron, steps, 0.1, size, 5)
    assert list(zip(found.spike_steps.tolist(), found.senders.tolist(), strict=True)) == spikes
    assert (len(spikes) > 20) == (name != "free")
    np.testing.assert_allclose(found.traces, course[:, 0], rtol=0, atol=2e-4)
    for k, quantity in enumerate(("voltage", "excitation", "inhibition")):
        values, sample = course[:, k], found.sample_moments(quantity)
        np.testing.assert_allclose(sample.mean, values.mean(axis=1), atol=2e-4)
        np.testing.assert_allclose(sample.variance, values.var(axis=1, ddof=1), atol=2e-3)
        np.testing.assert_allclose(sample.mean_se, values.std(axis=1, ddof=1) / math.sqrt(size), atol=1e-3)


def test_chunks_samples_and_other_observers_change_nothing(monkeypatch):
    neuron = CASES["conductances"]
    whole = simulate_ensemble(neuron, 40.0, neurons=30, seed=2)
    monkeypatch.setattr("spiking.noise.simulation._NEURON_STEPS_PER_CALL", 200)
    heard = []
    pieces = simulate_ensemble(
        neuron, 40.0, neurons=30, seed=2, sampling_interval=1.0, traces=[3], progress=heard.append
    )
    np.testing.assert_array_equal(whole.spike_steps, pieces.spike_steps)
    np.testing.assert_array_equal(whole.senders, pieces.senders)
    np.testing.assert_array_equal(whole.moments[9::10], pieces.moments)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    other = simulate_ensemble(neuron, 40.0, neurons=30, seed=np.random.SeedSequence(3))
    assert not np.array_equal(other.moments, whole.moments)


def test_a_threshold_out_of_reach_leaves_the_free_potential():
    far = replace(CASES["additive"], threshold=1e3)
    np.testing.assert_array_equal(
        simulate_ensemble(far, 20.0, seed=1).moments, simulate_ensemble(far.free(), 20.0, seed=1).moments
    )


def test_conventions_of_the_noise_are_one_white_noise():
    """N(0, 1) sigma / sqrt(dt / 1000) is white noise of intensity sigma sqrt(1000): at any dt."""
    second = StepNoise.per_second(2.0)
    assert second.deviation == pytest.approx(200.0)
    assert second.white_intensity == pytest.approx(2.0 * math.sqrt(1000.0))
    assert StepNoise.per_second(2.0, step=0.02).white_intensity == pytest.approx(second.white_intensity)
    for dt in (0.1, 0.025):
        runs = [
            simulate_ensemble(ClassicalLIF(current=500.0, noise=noise).free(), 20.0, dt=dt, sampling_interval=0.1)
            for noise in (StepNoise.per_second(30.0), WhiteNoise(30.0 * math.sqrt(1000.0)))
        ]
        np.testing.assert_allclose(runs[0].moments, runs[1].moments, rtol=1e-9, atol=1e-9)


def test_standard_errors_are_the_scatter_of_repeated_runs():
    """Mean, variance, rate, rate in a bin, CV, bursts: over 200 runs, z of variance 1; no bursts in excess."""
    neuron = ClassicalLIF(current=600.0, noise=WhiteNoise(2000.0), refractory=spiking.Fixed(2.0))
    rows = []
    for seed in range(200):
        found = simulate_ensemble(neuron, 150.0, neurons=60, seed=seed, sampling_interval=50.0)
        sample, course = found.sample_moments(), rate_over_time(found, 50.0)
        rate, intervals = firing_rate(found, discard=50.0), interval_statistics(found, discard=50.0)
        burst = bursts(found, longest=10.0, fewest=2, discard=50.0)
        rows.append([
            (sample.mean[-1], sample.mean_se[-1]), (sample.variance[-1], sample.variance_se[-1]), rate,
            (course.rate[-1], course.se[-1]), intervals.mean, intervals.variation, burst.rate, burst.share,
            burst.excess,
        ])  # fmt: skip
    values, errors = np.moveaxis(np.array(rows), 2, 0)
    ratio = values.var(axis=0, ddof=1) / (errors**2).mean(axis=0)
    assert np.all(np.abs(ratio - 1.0) < 4 * math.sqrt(2 / 200)), ratio
    assert abs(values[:, -1].mean()) < 3 * values[:, -1].std() / math.sqrt(200)
    assert errors[:, -1].mean() < 0.01


def of_spikes(times, duration, dt=0.1):
    """A recording of neurons whose spike times in ms are given."""
    pairs = sorted((round(t / dt), n) for n, own in enumerate(times) for t in own)
    steps, senders = np.array(pairs, np.int64).reshape(-1, 2).T
    return EnsembleRecording(
        ClassicalLIF(), len(times), duration, dt, 1.0, steps, senders, np.zeros((round(duration), 3, 3)),
        np.empty(0, int), np.empty((round(duration), 0)), {},
    )  # fmt: skip


@pytest.mark.parametrize("fewest", [2, 3, 4, 9])
def test_runs_by_chance_against_all_orders(fewest):
    """The naive twin: every order of short and long intervals, run by run."""
    for spikes in range(8):
        for short in range(max(spikes, 1)):
            orders = list(itertools.combinations(range(spikes - 1), short)) if spikes > 1 else [()]
            inside = 0
            for order in orders:
                joined = "".join("j" if k in order else " " for k in range(spikes - 1))
                runs = [len(run) + 1 for run in joined.split(" ")] if spikes else []
                inside += sum(run for run in runs if run >= fewest)
            found = _in_runs_by_chance(np.array([spikes]), np.array([short]), fewest)
            assert found[0] == pytest.approx(inside / len(orders), abs=1e-12), (spikes, short)


@pytest.mark.parametrize(("duration", "rate"), [(200.0, 20.0), (1000.0, 12.0)])
def test_poisson_neurons_do_not_burst(duration, rate):
    """Records of few spikes, neurons of two rates: no excess, within its standard error, over 60 runs."""
    rng, found = np.random.default_rng(7), []
    for _ in range(60):
        numbers = rng.poisson(60 * [0.5e-3 * rate * duration, 1.5e-3 * rate * duration])
        times = [np.unique(rng.integers(1, round(10 * duration), n) / 10) for n in numbers]
        found.append(bursts(of_spikes(times, duration), longest=30.0).excess)
    values, errors = np.array(found).T
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(60)
    assert values.var(ddof=1) / (errors**2).mean() == pytest.approx(1.0, abs=4 * math.sqrt(2 / 60))
    assert errors.mean() < 0.03


def test_bursting_neurons_do():
    """Bursts of three at 4 Hz, 5 ms between spikes, and the same spikes with their intervals in another order."""
    rng = np.random.default_rng(8)
    pauses = [np.maximum(rng.exponential(240.0, 40), 30.0).round(1) for _ in range(50)]
    bursting = [np.cumsum(np.column_stack([p, np.full((40, 2), 5.0)]).ravel()) for p in pauses]
    shuffled = [np.cumsum(rng.permutation(np.diff(t, prepend=0.0))) for t in bursting]
    duration = max(t[-1] for t in bursting).round() + 1.0
    found, mixed = (bursts(of_spikes(times, duration), longest=10.0) for times in (bursting, shuffled))
    assert found.share.mean == 1.0
    assert found.excess.mean == pytest.approx(1.0 - found.chance)
    assert found.chance < 0.8
    assert found.excess.mean > 20 * found.excess.se
    assert abs(mixed.excess.mean) < 3 * mixed.excess.se < 0.1


def test_statistics_of_a_known_recording():
    """Neuron 0: 1, 2, 3, 10, 20, 21; neuron 1: 5, 6.5, 8; neuron 2 silent (ms)."""
    times = [(1.0, 0), (2.0, 0), (3.0, 0), (5.0, 1), (6.5, 1), (8.0, 1), (10.0, 0), (20.0, 0), (21.0, 0)]
    found = of_spikes([[t for t, n in times if n == neuron] for neuron in range(3)], 25.0)
    assert firing_rate(found).mean == pytest.approx(9 / 3 / 0.025)
    assert firing_rate(found).se == pytest.approx(np.std([240.0, 120.0, 0.0], ddof=1) / math.sqrt(3))
    course = rate_over_time(found, 5.0)
    np.testing.assert_allclose(course.rate, np.array([4, 3, 0, 1, 1]) / 3 / 0.005)
    np.testing.assert_allclose(course.se[0], np.std([3, 1, 0], ddof=1) / math.sqrt(3) / 0.005)
    intervals = interval_statistics(found)
    np.testing.assert_allclose(np.sort(intervals.intervals), [1, 1, 1, 1.5, 1.5, 7, 10])
    assert intervals.variation.mean == pytest.approx(intervals.intervals.std() / intervals.intervals.mean())
    burst = bursts(found, longest=1.5)
    assert burst.size.tolist() == [3, 3]
    assert burst.start.tolist() == [1.0, 5.0]
    np.testing.assert_allclose(burst.end, [3.0, 8.0])
    assert burst.share.mean == pytest.approx(6 / 9)
    assert burst.rate.mean == pytest.approx(2 / 3 / 0.025)
    assert burst.chance == pytest.approx((3 + (3 * 4 + 6 * 3) / 10) / 9)  # 10 orders: 4, 1, 1 or 3, 2, 1 or 2, 2, 2
    assert burst.excess.mean == pytest.approx(burst.share.mean - burst.chance)
    assert bursts(found, longest=1.5, fewest=2).size.tolist() == [3, 2, 3]
    assert math.isnan(bursts(found, longest=1.5, discard=21.5).share.mean)
    assert bursts(found, longest=1.5, fewest=10**12).size.size == 0
    recording = found.recording()
    assert recording.rates()["LIF"].mean == pytest.approx(120.0)
    assert recording.counts[0, :, 0].tolist() == np.histogram(recording.times - 1e-6, 25, (0, 25))[0].tolist()


def test_a_spike_at_the_end_of_what_is_discarded_is_discarded():
    """Also where the product of step and dt lies above it: 3 * 0.1 > 0.3."""
    for step in (3, 6, 7, 11, 12):
        found = of_spikes([[step * 0.1, 1.8, 1.9]], 2.0)
        assert firing_rate(found, discard=step / 10).mean == pytest.approx(2 / (2.0 - step / 10) * 1000.0)
        assert interval_statistics(found, discard=step / 10).intervals.size == 1
        assert firing_rate(found, discard=(step - 0.5) / 10).mean == pytest.approx(3 / (2.05 - step / 10) * 1000.0)


@pytest.mark.parametrize("refractory", [spiking.Fixed(1e300), spiking.Exponential(1e300), spiking.Normal(1e300, 1e280)])
def test_refractory_times_beyond_any_run(refractory):
    found = simulate_ensemble(ClassicalLIF(refractory=refractory), 50.0, neurons=10)
    assert np.sort(found.senders).tolist() == list(range(10))


@pytest.mark.parametrize("name", CASES)
def test_recordings_save_and_load(name, tmp_path):
    own = CASES[name]
    seed = np.random.SeedSequence(3)
    found = simulate_ensemble(own, 12.0, neurons=5, seed=seed, traces=[1, 4], sampling_interval=0.3)
    found.save(tmp_path / "run.npz")
    again = EnsembleRecording.load(tmp_path / "run.npz")
    assert again.ensemble == own
    assert repr(again) == repr(found)
    for field in fields(found):
        ours, theirs = getattr(found, field.name), getattr(again, field.name)
        np.testing.assert_array_equal(ours, theirs, strict=isinstance(ours, np.ndarray))


def test_what_is_no_recording_is_not_loaded(tmp_path):
    found = simulate_ensemble(ClassicalLIF(), 5.0, neurons=2)
    found.recording().save(tmp_path / "other.npz")
    with pytest.raises(SpecificationError, match="is not a recording of an ensemble saved by snn2ode"):
        EnsembleRecording.load(tmp_path / "other.npz")
    for values, message in (
        ({"kind": "cubic"}, "LangevinLIF of kind 'cubic': must be one of classical, conductance"),
        ({"kind": "classical", "leak": -1.0}, "leak = -1.0"), ({"kind": "classical", "mass": 1.0}, "mass"),
        ({"kind": "classical", "noise": {"kind": "red"}}, "Noise of kind 'red': must be one of none, white, step"),
    ):  # fmt: skip
        with pytest.raises(SpecificationError, match=message):
            plain.ensemble_of(values)


def test_results_are_shown_in_a_line():
    found = simulate_ensemble(ClassicalLIF(), 5.0, neurons=2)
    assert repr(found) == "EnsembleRecording(2 neurons, 5 ms, 2 spikes)"
    assert repr(found.sample_moments(start=1.0)) == "SampleMoments(41 samples, 1 to 5 ms)"
    assert repr(found.sample_moments(start=6.0)) == "SampleMoments(0 samples)"


def test_refractory_times_have_their_moments():
    """Intervals of a neuron that fires in each step it can: 1 + the time rounded to steps."""
    for refractory, mean, deviation in (
        (spiking.Normal(0.0, 1.0), 1 / math.sqrt(2 * math.pi), math.sqrt(0.5 - 1 / (2 * math.pi))),
        (spiking.Normal(1.0, 2.0), 1.39559, 1.49), (spiking.Exponential(3.0), 3.0, 3.0), (spiking.Fixed(2.0), 2.0, 0.0),
    ):  # fmt: skip
        neuron = ClassicalLIF(threshold=-69.0, current=1e7, refractory=refractory)
        waits = interval_statistics(simulate_ensemble(neuron, 200.0, neurons=400, dt=0.05)).intervals - 0.05
        assert waits.mean() == pytest.approx(mean, rel=0.015)
        assert waits.std() == pytest.approx(deviation, rel=0.02, abs=1e-9)


def test_it_plots():
    import matplotlib.pyplot as plt

    from spiking.noise import plotting

    found = simulate_ensemble(CASES["conductances"], 50.0, neurons=20, traces=[0, 1])
    voltages, raster, rate = found.plot()
    assert (voltages.get_ylabel(), raster.get_ylabel(), rate.get_ylabel()) == ("voltage (mV)", "neuron", "rate (Hz)")
    assert raster.lines[0].get_xdata().size == found.senders.size
    plotting.variance(simulate_ensemble(CASES["no noise"], 5.0))
    assert "CV" in plotting.interval_histogram(found).get_legend_handles_labels()[1][0]
    plotting.interval_histogram(simulate_ensemble(CASES["free"], 5.0, neurons=2))
    for dt, duration, width in ((0.3, 90.0, 5.1), (0.7, 210.0, 4.9), (7.0, 70.0, 7.0), (0.1, 3.0, 3.0)):
        short = simulate_ensemble(ClassicalLIF(), duration, dt=dt)
        np.testing.assert_array_equal(rate_over_time(short).rate, rate_over_time(short, width).rate)
        assert f"{width:g} ms bins" in plotting.rate(short).get_legend_handles_labels()[1][0]
    short.plot()
    axes = found.plot(window=(10, 20), bin_width=2.5)
    assert axes[0].get_xlim() == (10.0, 20.0)
    assert "2.5 ms bins" in axes[2].get_legend_handles_labels()[1][0]
    for window in ((1,), (1, 2, 3), 5, (5, 5), (0, math.inf), ("a", "b")):
        with pytest.raises(ParameterError, match="window = "):
            found.plot(window=window)
    plt.close("all")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ClassicalLIF(reset=-50.0), ParameterError, "ClassicalLIF.reset = -50.0: must lie below threshold"),
        (lambda: ClassicalLIF(leak=0), ParameterError, "ClassicalLIF.leak = 0.0: must be positive and finite"),
        (lambda: ClassicalLIF(noise=2.0), ParameterError, "must be a noise: NoNoise, StepNoise, WhiteNoise"),
        (lambda: WhiteNoise(-1.0), ParameterError, "WhiteNoise.intensity = -1.0: must be at least 0"),
        (lambda: WhiteNoise(1.0, 1), ParameterError, "WhiteNoise.multiplicative = 1: must be true or false"),
        (lambda: WhiteNoise(1.0, False, True), ParameterError, "is for multiplicative noise"),
        (lambda: StepNoise.per_second(1.0, step=0.0), ParameterError, "StepNoise.step = 0.0: must be positive"),
        (lambda: PoissonTrains(1.5, 1, 1, 1, 0), ParameterError, "PoissonTrains.trains = 1.5: must be an integer"),
        (lambda: thieu2022("5 left"), UnknownNameError, "figure '5 left' does not exist"),
        (lambda: simulate_ensemble(spiking.LIF(1.0), 1.0), ParameterError, "ensemble = 'LIF': must be a ClassicalLIF"),
        (lambda: simulate_ensemble(BUSY, 1.0, neurons=0), ParameterError, "neurons = 0: must be positive"),
        (lambda: simulate_ensemble(BUSY, 10.0, dt=2.0), ParameterError, "dt = 2.0: must be at most half of excit"),
        (lambda: simulate_ensemble(ClassicalLIF(refractory=spiking.Fixed(0.1)), 10.0, dt=0.5), ParameterError,
         "dt = 0.5: must be at most twice refractory.duration = 0.1 ms"),
        (lambda: simulate_ensemble(BUSY, 10.0, traces=[100]), ParameterError, "traces = 100: must lie between 0"),
        (lambda: simulate_ensemble(BUSY, 10.0, traces=3), ParameterError, "traces = 3: must be a list of neurons"),
        (lambda: simulate_ensemble(BUSY, 10.0, seed=None), ParameterError, "seed = None"),
        (lambda: simulate_ensemble(BUSY, 10.0, progress=1), ParameterError, "progress = 1: must be a function"),
        (lambda: simulate_ensemble(BUSY, 1e12), SpecificationError, "the record would take"),
        (lambda: simulate_ensemble(replace(BUSY, excitation=PoissonTrains(10**9, 1e3, 1, 2, 0)), 1.0), ParameterError,
         "excitation.rate = 1000.0: must give at most 20000 spikes per step"),
        (lambda: simulate_ensemble(BUSY, 5.0).sample_moments("current"), UnknownNameError, "quantity 'current'"),
        (lambda: firing_rate(simulate_ensemble(BUSY, 5.0), discard=5.0), ParameterError, "discard = 5.0"),
        (lambda: rate_over_time(simulate_ensemble(BUSY, 5.0), 0.15), ParameterError, "bin_width = 0.15: must be a mul"),
        (lambda: bursts(simulate_ensemble(BUSY, 5.0), 2.0, fewest=1), ParameterError, "fewest = 1: must be at least 2"),
        (lambda: thieu2022(["9"]), UnknownNameError, "figure ['9'] does not exist"),
        (lambda: simulate_ensemble(BUSY, 5.0, dt=1e-300), ParameterError, "dt = 1e-300: must give at most 2^62 steps"),
        (lambda: firing_rate(5), ParameterError, "ensemble = 'int': must be an EnsembleRecording"),
        (lambda: firing_rate(simulate_ensemble(BUSY, 5.0).recording()), ParameterError, "ensemble = 'Recording': must"),
        (lambda: rate_over_time(5), ParameterError, "ensemble = 'int': must be an EnsembleRecording"),
        (lambda: interval_statistics(None), ParameterError, "ensemble = 'NoneType': must be an EnsembleRecording"),
        (lambda: bursts(None, 3.0), ParameterError, "ensemble = 'NoneType': must be an EnsembleRecording"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


def test_a_run_that_diverges_says_so():
    neuron = ClassicalLIF(noise=WhiteNoise(1e7, multiplicative=True)).free()
    with pytest.raises(NumericalError, match="a voltage became non-finite before .* ms: reduce dt or the noise"):
        simulate_ensemble(neuron, 200.0)


def test_specifications_are_values():
    assert thieu2022("6 left") == thieu2022("6 left")
    assert thieu2022("6 left") != thieu2022("6 right")
    assert NoNoise().white_intensity == 0.0
    assert ClassicalLIF().free().threshold == math.inf
