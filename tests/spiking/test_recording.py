from __future__ import annotations

import numpy as np
import pytest

import spiking
from spiking.errors import ParameterError, SpecificationError, UnknownNameError


def test_save_and_load_lose_nothing(small, tmp_path):
    recording = spiking.simulate(small, 50.0, seed=1, trials=2)
    recording.save(tmp_path / "rec.npz")
    loaded = spiking.Recording.load(tmp_path / "rec.npz")
    assert loaded.network == recording.network
    assert loaded.options == recording.options
    assert loaded.populations == recording.populations
    for name in ("times", "senders", "trial", "counts", "mean_voltage", "spread_voltage", "mean_pending"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(recording, name))
    assert loaded.rates(10.0) == recording.rates(10.0)


def test_an_archive_without_spreads_is_read_with_nan(small, tmp_path):
    recording = spiking.simulate(small, 20.0, seed=1)
    recording.save(tmp_path / "rec.npz")
    with np.load(tmp_path / "rec.npz") as archive:
        np.savez_compressed(tmp_path / "old.npz", **{k: archive[k] for k in archive.files if k != "spread_voltage"})
    loaded = spiking.Recording.load(tmp_path / "old.npz")
    np.testing.assert_array_equal(loaded.mean_voltage, recording.mean_voltage)
    assert loaded.spread_voltage.shape == recording.spread_voltage.shape
    assert np.isnan(loaded.spread_voltage).all()


def test_a_users_own_spikes_have_the_same_statistics(small):
    recording = spiking.simulate(small, 500.0, seed=2)
    own = spiking.Recording.from_spikes(recording.times, recording.senders, small.sizes, duration=500.0)
    np.testing.assert_array_equal(own.counts, recording.counts)
    assert own.spread_voltage.size == own.mean_voltage.size == 0
    assert own.rates(100.0) == recording.rates(100.0)


def test_own_spikes_may_have_own_numbers_and_any_order(tmp_path):
    recording = spiking.Recording.from_spikes([3.0, 1.0, 2.0], [205, 7, 205], {"A": [7, 9], "B": [205]}, duration=10.0)
    assert recording.populations == {"A": 2, "B": 1}
    np.testing.assert_array_equal(recording.times, [1.0, 2.0, 3.0])
    assert recording.rates()["B"].mean == pytest.approx(200.0)
    assert recording.spikes("A")[0].tolist() == [1.0]
    recording.save(tmp_path / "own.npz")
    assert spiking.Recording.load(tmp_path / "own.npz").network is None


@pytest.mark.parametrize(
    ("times", "senders", "populations", "message"),
    [
        ([1.0, 2.0], [0], {"A": 1}, "must be 1-D and equal"),
        ([1.0, np.nan], [0, 0], {"A": 1}, "must all be finite"),
        ([-1.0], [0], {"A": 1}, r"must lie in \[0, duration"),
        ([1.0], [0.5], {"A": 3}, "senders: must all be integers"),
        ([1.0], [np.nan], {"A": 3}, "senders: must all be integers"),
        ([1.0], ["a"], {"A": 3}, "times and senders: must be numbers"),
        ([1.0], [0], ["A"], "must map names to sizes"),
        ([1.0], [5], {"A": 3}, "neuron 5 belongs to none of the populations"),
        ([1.0], [0], {"A": [0], "B": [0]}, "neuron 0 belongs to two populations"),
        ([1.0], [0], {"A": [0], "B": []}, "populations.B = 0: must have at least one neuron"),
    ],
)
def test_bad_spikes_are_refused(times, senders, populations, message):
    with pytest.raises(SpecificationError, match=message):
        spiking.Recording.from_spikes(times, senders, populations)


def test_no_spikes_at_all():
    recording = spiking.Recording.from_spikes([], [], {"A": 2}, duration=100.0)
    assert recording.rates()["A"].mean == 0.0
    assert np.isnan(spiking.statistics.synchrony(recording)["A"].mean)
    assert spiking.statistics.multiple_firing_events(recording, "A").size.size == 0


def test_wrong_questions_are_refused(small, tmp_path):
    recording = spiking.simulate(small, 20.0)
    with pytest.raises(ParameterError, match=r"discard = 20\.0: must be less than the duration of 20 ms"):
        recording.rates(20.0)
    with pytest.raises(UnknownNameError, match="population 'Q' does not exist"):
        recording.spikes("Q")
    (tmp_path / "junk.npz").write_bytes(b"junk")
    with pytest.raises(SpecificationError, match="is not a recording saved by snn2ode"):
        spiking.Recording.load(tmp_path / "junk.npz")


def test_the_raster_draws_every_spike(small):
    recording = spiking.simulate(small, 100.0)
    ax = recording.plot(window=100.0)
    assert sum(len(line.get_xdata()) for line in ax.lines) == recording.times.size
    assert ax.get_xlabel() == "time (ms)"
