from __future__ import annotations

import math
import threading

import naive_network
import numpy as np
import pytest

import spiking
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError


def one(neuron, drive, size=500):
    return spiking.Network([spiking.Population("X", size, neuron, drive)])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_spike_equals_the_naive_twins(small, seed):
    recording = spiking.simulate(small, 150.0, dt=0.1, seed=seed)
    found = [(round(t / 0.1) - 1, int(s)) for t, s in zip(recording.times, recording.senders, strict=True)]
    assert len(found) > 100
    assert found == naive_network.simulate(small, 1500, 0.1, seed)


def test_results_do_not_depend_on_workers_or_other_trials(small):
    runs = [spiking.simulate(small, 200.0, seed=4, trials=3, workers=w) for w in (1, 3)]
    alone = spiking.simulate(small, 200.0, seed=4)
    for name in ("times", "senders", "trial", "counts", "mean_voltage", "spread_voltage", "mean_pending"):
        np.testing.assert_array_equal(getattr(runs[0], name), getattr(runs[1], name))
    np.testing.assert_array_equal(runs[0].times[runs[0].trial == 0], alone.times)
    assert not np.array_equal(runs[0].counts[0], runs[0].counts[1])
    other = spiking.simulate(small, 200.0, seed=5)
    assert not np.array_equal(other.times, alone.times)


def test_a_run_continues_bit_identically(small, tmp_path):
    whole = spiking.simulate(small, 300.0, seed=6, trials=2)
    first = spiking.simulate(small, 100.0, seed=6, trials=2)
    first.save(tmp_path / "first.npz")
    state = spiking.Recording.load(tmp_path / "first.npz").final_state
    rest = spiking.simulate(small, 200.0, seed=None, trials=2, initial=state)
    np.testing.assert_array_equal(np.concatenate([first.counts, rest.counts], axis=1), whole.counts)
    np.testing.assert_array_equal(rest.final_state.voltage, whole.final_state.voltage)


def test_counts_are_the_spikes(small):
    recording = spiking.simulate(small, 100.0, seed=7, sampling_interval=0.5)
    assert recording.counts.shape == (1, 200, 2)
    times, _ = recording.spikes("I")
    bins = np.ceil(times / 0.5 - 1e-9).astype(int) - 1
    np.testing.assert_array_equal(np.bincount(bins, minlength=200), recording.counts[0, :, 1])


def test_sampled_means_are_those_of_the_state(small):
    recording = spiking.simulate(small, 50.0, seed=8)
    state = recording.final_state
    assert recording.mean_voltage[0, -1, 0] == pytest.approx(state.voltage[0, :12].mean())
    assert recording.spread_voltage[0, -1, 1] == pytest.approx(state.voltage[0, 12:].std())
    assert recording.mean_pending[0, -1, 1] == pytest.approx(state.synaptic[0, 12:19].mean())


def test_every_sampled_moment_of_the_voltages_equals_the_naive_twins(small):
    recording = spiking.simulate(small, 40.0, seed=9, sampling_interval=0.2)
    twin = naive_network.Twin(small, 0.1, 9, "reference", np.repeat([2.0, 0.0], [12, 7]))
    for sample in range(200):
        twin.run(2)
        for a, own in enumerate((twin.v[:12], twin.v[12:])):
            assert recording.mean_voltage[0, sample, a] == pytest.approx(sum(own) / len(own), abs=1e-7)
            spread = math.sqrt(sum((v - sum(own) / len(own)) ** 2 for v in own) / len(own))
            assert recording.spread_voltage[0, sample, a] == pytest.approx(spread, abs=1e-7)


def test_fixed_refractory_time_bounds_intervals():
    network = one(spiking.LIF(1.0, refractory=spiking.Fixed(2.0)), spiking.PoissonDrive(20.0, 1.0), size=20)
    recording = spiking.simulate(network, 200.0, dt=0.05, seed=1)
    shortest = min(np.diff(recording.times[recording.senders == i]).min() for i in range(20))
    assert shortest == pytest.approx(2.05)


def test_refractory_times_have_the_right_mean():
    for refractory in (spiking.Exponential(3.0), spiking.Fixed(3.0)):
        network = one(spiking.LIF(1.0, refractory=refractory), spiking.PoissonDrive(1.0, 1.0))
        rate = spiking.simulate(network, 2000.0, dt=0.02, seed=2).rates(100.0)["X"]
        # a unit kick fires: interval = refractory time + waiting time 1 ms (+ half a step of the grid each)
        assert abs(rate.mean - 1000 / (4.0 + 0.02 / 2)) < 4 * rate.se + 0.3


def test_gaussian_drive_overshoots_the_threshold_as_theory_says():
    # steps of mean and variance 0.7 overshoot 100 by 0.686544 on average (ladder heights): 69.5227 Hz
    rate = spiking.simulate(one(spiking.LIF(100.0), spiking.GaussianDrive(7.0)), 20000.0, seed=3).rates(500.0)["X"]
    assert rate.se < 0.02
    assert abs(rate.mean - 69.5227) < 4 * rate.se


def test_poisson_kicks_give_gamma_intervals():
    network = one(spiking.LIF(100.0), spiking.PoissonDrive(7.0), size=400)
    recording = spiking.simulate(network, 4000.0, dt=0.02, seed=4)
    rate = recording.rates(200.0)["X"]
    assert abs(rate.mean - 70.0) < 4 * rate.se + 0.02  # a spike costs at most the kicks after the 100th in its step
    cv = spiking.statistics.interval_variation(recording, discard=200.0)["X"]
    assert abs(cv.mean - 0.1) < 4 * cv.se + 0.001


def test_pending_spikes_have_the_exact_moments():
    # E fires Poisson spikes at 3/ms altogether; X only collects them.
    # Mean p R tau; variance over neurons p R tau (1 - p/2).
    source = spiking.Population("E", 300, spiking.LIF(0.5), spiking.PoissonDrive(0.01, 1.0))
    sink = spiking.Population("X", 400, spiking.LIF(1e6))
    network = spiking.Network(
        [source, sink], [spiking.Projection("X", "E", spiking.PendingCurrent(0.0, 1.4), spiking.Annealed(0.8))]
    )
    recording = spiking.simulate(network, 4000.0, dt=0.02, seed=5)
    mean = spiking.estimates.block_estimate(recording.mean_pending[0, 500:, 0].reshape(-1, 250).mean(axis=1))
    assert abs(mean.mean - 3.36) < 4 * mean.se + 0.03
    variances = []
    state = recording.final_state
    for _ in range(150):
        run = spiking.simulate(network, 10.0, dt=0.02, seed=None, initial=state)
        state = run.final_state
        variances.append(state.synaptic[0].var(ddof=1))
    variance = spiking.estimates.block_estimate(np.array(variances))
    assert abs(variance.mean - 2.016) < 4 * variance.se + 0.03


@pytest.mark.filterwarnings("ignore:.*once per step")
def test_bins_of_pending_spikes_beyond_the_tables_are_drawn_too():
    # so strong a source that H exceeds every table: the mean still is p R tau
    source = spiking.Population("E", 2000, spiking.LIF(0.5), spiking.PoissonDrive(1.0, 1.0))
    sink = spiking.Population("X", 50, spiking.LIF(1e6))
    network = spiking.Network(
        [source, sink], [spiking.Projection("X", "E", spiking.PendingCurrent(0.0, 4.0), spiking.Annealed(0.9))]
    )
    recording = spiking.simulate(network, 200.0, dt=0.5, seed=6)
    rate = recording.counts[0, 100:, 0].mean() / 0.5
    mean = recording.mean_pending[0, 100:, 0].mean()
    assert mean > 5000
    # arrivals at the end of a step, consumption of a share dt/tau: H = p R dt (tau/dt) exactly
    assert mean == pytest.approx(0.9 * rate * 4.0, rel=0.01)


def test_progress_and_interruption(small):
    seen = []
    spiking.simulate(small, 1000.0, trials=2, progress=seen.append)
    assert seen[-1] == 1.0
    assert all(0 <= f <= 1 for f in seen)

    def stop(fraction):
        if fraction > 0.2:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        spiking.simulate(small, 1e6, trials=3, workers=3, sampling_interval=100.0, progress=stop)
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": 1.0}, r"dt = 1.0: must be at most 0.7 ms, half of EE.tau = 1.4 ms|dt = 1.0: must be at most 0.6"),
        ({"dt": 0.0}, "dt = 0.0: must be positive"),
        ({"dt": math.nan}, "dt = nan"),
        ({"duration": 0.01}, "duration = 0.01: must be at least one sampling interval of 0.1 ms"),
        ({"duration": -5.0}, "duration = -5.0: must be positive"),
        ({"duration": math.inf}, "duration = inf"),
        ({"trials": 0}, "trials = 0: must be positive"),
        ({"workers": 0}, "workers = 0: must be positive"),
        ({"seed": -1}, "seed = -1: must be at least 0"),
        ({"seed": None}, "seed = None: continues the random streams"),
        ({"seed": 1.5}, "seed = 1.5: must be an integer"),
        ({"sampling_interval": 0.15}, "sampling_interval = 0.15: must be a multiple of dt"),
    ],
)
def test_bad_options_are_refused(chang, options, message):
    arguments = {"duration": 10.0, **options}
    with pytest.raises(ParameterError, match=message):
        spiking.simulate(chang, **arguments)


def test_unknown_schemes_and_wrong_states_are_refused(chang, small):
    with pytest.raises(
        UnknownNameError,
        match=r"scheme 'euler' does not exist; there are: reference, grid, bridge, interpolated, exact",
    ):
        spiking.simulate(chang, 10.0, scheme="euler")
    state = spiking.simulate(small, 10.0).final_state
    with pytest.raises(SpecificationError, match=r"initial.voltage has shape"):
        spiking.simulate(chang, 10.0, initial=state)
    with pytest.raises(ParameterError, match=r"initial.dt = 0.1: must equal the run's dt = 0.05"):
        spiking.simulate(small, 10.0, dt=0.05, initial=state)


def test_a_name_is_not_a_network():
    import reduction

    for function in (lambda n: spiking.simulate(n, 10.0), reduction.MarkovApproximation, reduction.derive):
        with pytest.raises(ParameterError, match="network = 'chang2025': must be a spiking.Network"):
            function("chang2025")


def test_a_recording_that_would_not_fit_is_refused(chang):
    with pytest.raises(
        SpecificationError, match=r"the recording would take .* GiB, .*: reduce duration, trials or traces"
    ):
        spiking.simulate(chang, 1e12)


def test_spikes_that_fill_the_memory_stop_the_run(chang, monkeypatch):
    monkeypatch.setattr(spiking.memory, "available", lambda: 1e7)
    with pytest.raises(NumericalError, match=r"\d+ spikes by .* ms fill half of .* run in pieces") as caught:
        spiking.simulate(chang, 60000.0, sampling_interval=100.0)
    assert caught.value.recording.times.size > 100_000


def test_a_voltage_that_runs_away_is_reported(chang):
    state = spiking.simulate(chang, 1.0).final_state
    state.voltage[0, 310] = math.nan
    with pytest.raises(
        NumericalError, match=r"I: the voltage of neuron 310 became non-finite before .* ms; reduce dt"
    ) as caught:
        spiking.simulate(chang, 1000.0, initial=state)
    kept = caught.value.recording
    assert kept.times.size > 100
    assert kept.counts[..., 0].sum() == kept.spikes("E")[0].size
