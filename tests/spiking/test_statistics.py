from __future__ import annotations

import math

import naive
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import spiking
from spiking import statistics
from spiking.errors import ParameterError


def poisson(rate=20.0, size=50, duration=20000.0, seed=1):
    rng = np.random.default_rng(seed)
    number = rng.poisson(rate * size * duration / 1000)
    return spiking.Recording.from_spikes(
        rng.uniform(0, duration, number), rng.integers(0, size, number), {"X": size}, duration=duration
    )


def test_rates_and_their_errors_of_poisson_spikes():
    estimates = [poisson(seed=seed).rates(100.0)["X"] for seed in range(40)]
    z = np.array([(e.mean - 20.0) / e.se for e in estimates])
    assert abs(z.mean()) < 4 / np.sqrt(40)
    assert 0.5 < z.var(ddof=1) < 2.0  # the standard error is neither too small nor too large


def test_interval_variation_of_known_processes():
    cv = statistics.interval_variation(poisson())["X"]
    assert abs(cv.mean - 1.0) < 4 * cv.se + 0.005
    clock = spiking.Recording.from_spikes(np.arange(1, 100) * 10.0, np.zeros(99, int), {"X": 1})
    assert statistics.interval_variation(clock)["X"].mean == pytest.approx(0.0, abs=1e-12)


def test_synchrony_of_poisson_spikes():
    # itself, and the others' rate times the window: (1 + 20 Hz * 50 * 1 ms) / 50
    ssi = statistics.synchrony(poisson())["X"]
    assert abs(ssi.mean - (1 + 20e-3 * 50) / 50) < 4 * ssi.se


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), st.sampled_from([0.3, 1.0, 2.5]))
def test_synchrony_equals_its_naive_twin(steps, window):
    times = np.sort(np.array(steps) * 0.1)
    recording = spiking.Recording.from_spikes(times, np.arange(times.size) % 7, {"X": 7}, duration=41.0)
    found = statistics.synchrony(recording, window=window)["X"].mean
    assert found == pytest.approx(naive.synchrony(times, 7, window))
    assert 1 / 7 <= found <= times.size / 7


def test_synchrony_on_a_grid_takes_eleven_bins():
    recording = spiking.Recording.from_spikes([10.0, 10.5, 10.6], [0, 1, 2], {"X": 3}, duration=20.0)
    assert statistics.synchrony(recording)["X"].mean == pytest.approx((2 + 3 + 2) / 3 / 3)


def test_multiple_firing_events_are_found_where_they_are():
    # 100 spikes spread over 20 ms, every 200 ms
    times = np.concatenate([200.0 * k + np.linspace(100, 120, 100) for k in range(10)])
    recording = spiking.Recording.from_spikes(times, np.arange(1000) % 50, {"X": 50}, duration=2000.0)
    events = statistics.multiple_firing_events(recording, "X")
    assert events.start.size == 10
    np.testing.assert_allclose(np.diff(events.start), 200.0)
    assert np.all((events.start >= np.arange(10) * 200 + 97.5) & (events.start <= np.arange(10) * 200 + 105))
    assert np.all(events.size == 87)  # without the 13 of the first bin, where phi is still below 1.33 mu = 13.3
    with pytest.raises(ParameterError, match="bin_width"):
        statistics.multiple_firing_events(recording, "X", bin_width=500.0)


def test_peaks_of_a_known_rate():
    times = np.arange(0.1, 200, 0.1)
    rate = 20 + 15 * np.cos(2 * np.pi * (times - 10) / 20) + 5 * np.cos(2 * np.pi * (times - 10) / 40)
    peaks = statistics.rate_peaks(times, rate, 300)
    np.testing.assert_allclose(peaks.times, np.arange(10, 200, 20), atol=0.11)
    np.testing.assert_allclose(peaks.heights, np.where(np.arange(10) % 2, 30.0, 40.0), atol=0.01)
    np.testing.assert_allclose(np.abs(peaks.differences), 10.0, atol=0.01)
    assert statistics.rate_peaks(times, rate, 300, height=35).heights.size == 5
    assert statistics.rate_peaks(times, rate, 1600).heights.size == 0  # 8 per 300 neurons


def test_a_stationary_rate_has_no_peaks():
    times = np.arange(0.1, 200, 0.1)
    rate = 20 + 1e-9 * np.sin(times)
    assert statistics.rate_peaks(times, rate, 300).heights.size == 0


def test_the_boxcar_average_is_centred_and_uses_what_was_discarded():
    rate = np.arange(100.0)
    times, average = statistics.smoothed(rate, 0.1, 1.0, 2.0)
    np.testing.assert_allclose(average, times / 0.1 - 0.5)  # sample k is the average over [0.1 k, 0.1 (k + 1)]
    assert times[0] == pytest.approx(2.1)
    assert times[-1] == pytest.approx(9.5)


def test_spectrum_of_poisson_spikes_is_flat():
    recording = poisson()
    spectrum = statistics.spectrum(recording, "X")
    inner = (spectrum.frequency > 10) & (spectrum.frequency < 500)
    # two-sided rate / size per Hz, one-sided twice that
    level = spiking.estimates.block_estimate(spectrum.power[inner])
    assert abs(level.mean - 2 * 20.0 / 50) < 5 * level.se + 0.005
    z = (spectrum.power[inner] - 0.8) / spectrum.se[inner]
    assert abs(np.mean(z)) < 0.5
    with pytest.raises(ParameterError, match="segment"):
        statistics.spectrum(recording, "X", segment=1e6)


def test_spectrum_finds_the_rhythm():
    t = np.arange(0, 10000, 25.0)
    recording = spiking.Recording.from_spikes(np.repeat(t, 5), np.tile(np.arange(5), t.size), {"X": 5}, duration=1e4)
    spectrum = statistics.spectrum(recording, "X", segment=1000.0)
    above = spectrum.frequency > 5
    assert spectrum.frequency[above][np.argmax(spectrum.power[above])] % 40.0 == 0


@pytest.mark.slow
def test_the_standard_error_of_a_rate_is_its_spread_over_runs():
    """Also where events come in a rhythm: blocks that cut it at any phase would say 1.7 times as much."""
    network = spiking.presets.chang2025()
    runs = [spiking.simulate(network, 2500.0, seed=seed).rates(500.0) for seed in range(60)]
    for population in ("E", "I"):
        spread = np.std([run[population].mean for run in runs], ddof=1)
        stated = np.sqrt(np.mean([run[population].se ** 2 for run in runs]))
        assert 0.75 < stated / spread < 1.3


@pytest.mark.parametrize("trials", [1, 4])
def test_the_standard_error_of_a_mean_without_memory_and_with(trials):
    rng = np.random.default_rng(1)
    ratios = []
    for memory in (0.0, 0.9):
        noise = rng.standard_normal((400, trials, 4000))
        series = scipy.signal.lfilter([1.0], [1.0, -memory], noise, axis=-1) + 3.0
        found = [spiking.estimates.mean_estimate(own) for own in series]
        expected = 1.0 / (1.0 - memory) / math.sqrt(trials * 4000)
        ratios.append(np.sqrt(np.mean([e.se**2 for e in found])) / expected)
        assert np.std([e.mean for e in found], ddof=1) == pytest.approx(expected, rel=0.12)
    assert ratios == pytest.approx([1.0, 1.0], abs=0.06)


def test_a_mean_of_few_samples_has_no_standard_error():
    assert spiking.estimates.mean_estimate(np.ones((1, 3)))[0] == 1.0
    assert math.isnan(spiking.estimates.mean_estimate(np.ones((1, 3))).se)
