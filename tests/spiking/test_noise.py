"""Ensembles of leaky neurons in noise: against a naive twin, moments, statistics, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

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
    rate_over_time,
    simulate_ensemble,
    thieu2022,
)
from spiking.noise.ensembles import EnsembleRecording

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
    """Mean, variance, rate, rate in a bin, CV: over 200 runs, their z have variance 1."""
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
        ])  # fmt: skip
    values, errors = np.moveaxis(np.array(rows), 2, 0)
    ratio = values.var(axis=0, ddof=1) / (errors**2).mean(axis=0)
    assert np.all(np.abs(ratio - 1.0) < 4 * math.sqrt(2 / 200)), ratio


def test_statistics_of_a_known_recording():
    """Neuron 0: 1, 2, 3, 10, 20, 21; neuron 1: 5, 6.5, 8; neuron 2 silent (ms)."""
    times = [(1.0, 0), (2.0, 0), (3.0, 0), (5.0, 1), (6.5, 1), (8.0, 1), (10.0, 0), (20.0, 0), (21.0, 0)]
    steps, senders = np.array([(round(t / 0.1), n) for t, n in times]).T
    found = EnsembleRecording(
        ClassicalLIF(), 3, 25.0, 0.1, 1.0, steps, senders, np.zeros((25, 3, 3)), np.empty(0, int), np.empty((25, 0)), {}
    )
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
    assert burst.chance == pytest.approx(1 - (2 / 7) ** 2 * (1 + 2 * 5 / 7))
    assert bursts(found, longest=1.5, fewest=2).size.tolist() == [3, 2, 3]
    assert math.isnan(bursts(found, longest=1.5, discard=21.5).share.mean)
    recording = found.recording()
    assert recording.rates()["LIF"].mean == pytest.approx(120.0)
    assert recording.counts[0, :, 0].tolist() == np.histogram(recording.times - 1e-6, 25, (0, 25))[0].tolist()


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
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message.replace("(", r"\(")):
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
