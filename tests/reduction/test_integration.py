from __future__ import annotations

import math

import numpy as np
import pytest

import reduction
import spiking
from reduction.levels import ode
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError


@pytest.mark.parametrize("level", ["ode", "chain", "langevin", "published"])
def test_save_and_load_lose_nothing(chang, level, tmp_path):
    trajectory = reduction.integrate(reduction.MarkovApproximation(chang), level, 20.0)
    trajectory.save(tmp_path / "t.npz")
    loaded = reduction.Trajectory.load(tmp_path / "t.npz")
    moments = ("mean_voltage", "spread_voltage", "mean_pending", "variance_pending")
    for name in ("firing_rates", *moments, "final_state", "times"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(trajectory, name))
    assert (loaded.level, loaded.network, loaded.options) == (level, chang, trajectory.options)
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(SpecificationError, match="is not a trajectory saved by snn2ode"):
        reduction.Trajectory.load(tmp_path / "junk")


@pytest.mark.parametrize("level", ["ode", "chain", "langevin"])
@pytest.mark.parametrize("closure", ["conditional", "white"])
def test_moments_of_the_voltages_are_those_of_the_bins(chang, level, closure):
    network = chang.replace({"I.reset": 3.0})
    approximation = reduction.MarkovApproximation(network, bins=60, noise_levels=2, closure=closure)
    trajectory = reduction.integrate(approximation, level, 20.0, seed=2)
    own = ode.layout(approximation)
    density, pool = own.split(own.full(trajectory.final_state[0], approximation.arrays()))[:2]
    start = np.cumsum([0, *(60 * approximation.columns(name) for name in network.sizes)])
    for a, (name, size) in enumerate(network.sizes.items()):
        edges, columns = approximation.edges(name), approximation.columns(name)
        by_bin = density[start[a] : start[a + 1]].reshape(columns, 60).sum(axis=0)
        voltages = np.append((edges[1:] + edges[:-1]) / 2, network[f"{name}.reset"])
        weights = np.append(by_bin, size - by_bin.sum())
        mean = np.average(voltages, weights=weights)
        spread = np.sqrt(np.average((voltages - mean) ** 2, weights=weights))
        assert pool.sum() > 0
        assert trajectory.mean_voltage[0, -1, a] == pytest.approx(mean, abs=1e-8)
        assert trajectory.spread_voltage[0, -1, a] == pytest.approx(spread, abs=1e-7)


def test_the_spread_needs_no_variance_within_the_bins():
    """Leaky neurons far below threshold: the stationary law is Gaussian, of variance intensity times tau_m / 2."""
    neuron = spiking.LIF(200.0, 0.0, 10.0, rest=-400.0)
    network = spiking.Network([spiking.Population("X", 1000, neuron, spiking.GaussianDrive(20.0, 2.0))])
    errors = []
    for bins in (200, 100):
        approximation = reduction.MarkovApproximation(network, bins=bins, v_min=-200.0)
        trajectory = reduction.integrate(approximation, duration=150.0, dt=0.5)
        errors.append(trajectory.spread_voltage[0, -1, 0] ** 2 - 20.0 * 2.0**2 * 10.0 / 2)
    print(f"\nvariance of the bin centres less the exact one: {errors} mV^2 at bins of 2 and 4 mV")
    assert max(np.abs(errors)) < 1e-6


def test_an_archive_without_spreads_is_read_with_nan(chang, tmp_path):
    trajectory = reduction.integrate(chang, duration=5.0)
    trajectory.save(tmp_path / "t.npz")
    with np.load(tmp_path / "t.npz") as archive:
        np.savez_compressed(tmp_path / "old.npz", **{k: archive[k] for k in archive.files if k != "spread_voltage"})
    loaded = reduction.Trajectory.load(tmp_path / "old.npz")
    assert loaded.spread_voltage.shape == trajectory.spread_voltage.shape
    assert np.isnan(loaded.spread_voltage).all()


def test_sampling_only_samples(chang):
    approximation = reduction.MarkovApproximation(chang)
    fine = reduction.integrate(approximation, duration=20.0, dt=0.05, sampling_interval=0.05)
    coarse = reduction.integrate(approximation, duration=20.0, dt=0.05, sampling_interval=0.5)
    np.testing.assert_allclose(fine.firing_rates[0].reshape(40, 10, 2).mean(axis=1), coarse.firing_rates[0], rtol=1e-12)
    np.testing.assert_array_equal(fine.mean_pending[:, 9::10], coarse.mean_pending)
    np.testing.assert_allclose(fine.times[9::10], coarse.times)


def test_progress_is_reported(chang):
    seen = []
    reduction.integrate(reduction.MarkovApproximation(chang), duration=500.0, progress=seen.append)
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dt": 0.0}, "dt = 0.0"),
        ({"dt": 0.7}, "dt = 0.7: must be at most 0.6 ms, half of IE.tau"),
        ({"duration": 0.02}, "duration = 0.02: must be at least one sampling interval of 0.1 ms"),
        ({"duration": math.nan}, "duration = nan"),
        ({"sampling_interval": math.nan}, "sampling_interval = nan: must be positive"),
        ({"sampling_interval": 0.25}, "sampling_interval = 0.25: must be a multiple of dt"),
        ({"sampling_interval": 0.01}, "sampling_interval = 0.01: must be a multiple of dt"),
    ],
)
def test_bad_options_are_refused(chang, options, message):
    with pytest.raises(ParameterError, match=message):
        reduction.integrate(reduction.MarkovApproximation(chang), **options)


def test_a_rate_that_runs_away_is_reported():
    network = spiking.presets.cai2021_hom().replace({"EI.weight": 0.0})
    with pytest.raises(
        NumericalError, match=r"level 'ode': [EI] makes too many hops per step at .* ms. Either its rate runs away"
    ):
        reduction.integrate(reduction.MarkovApproximation(network), duration=1000.0)


def test_a_trajectory_that_would_not_fit_is_refused(chang):
    with pytest.raises(SpecificationError, match=r"the trajectory would take .* GiB, .*: reduce duration"):
        reduction.integrate(reduction.MarkovApproximation(chang), duration=1e12)


def test_a_network_without_drive_rests(chang):
    silent = chang.replace({"E.drive": spiking.NoDrive(), "I.drive": spiking.NoDrive()})
    assert reduction.integrate(silent, duration=50.0).rates() == {"E": (0.0, 0.0), "I": (0.0, 0.0)}


def test_a_network_stands_for_its_default_approximation(chang):
    direct = reduction.integrate(chang, duration=20.0)
    np.testing.assert_array_equal(
        direct.firing_rates, reduction.integrate(reduction.MarkovApproximation(chang), duration=20.0).firing_rates
    )


def test_a_floor_that_holds_neurons_up_is_reported():
    neuron = spiking.LIF(20.0, 19.0, 20.0, refractory=spiking.Exponential(2.0))
    network = spiking.Network([spiking.Population("X", 100, neuron, spiking.GaussianDrive(0.6))])
    with pytest.warns(
        UserWarning, match=r"level 'ode': .* % of X lie in the lowest bins, and v_min = 15 holds them up"
    ):
        reduction.integrate(reduction.MarkovApproximation(network, v_min=15.0), duration=100.0)
    wide = [
        reduction.integrate(reduction.MarkovApproximation(network, v_min=v), duration=600.0).rates(500.0)["X"].mean
        for v in (None, -40.0)
    ]
    assert wide[0] == pytest.approx(wide[1], rel=2e-3)


def test_results_introduce_themselves_in_a_line(chang):
    trajectory = reduction.integrate(chang, duration=20.0)
    recording = spiking.simulate(chang, 20.0)
    for thing in (trajectory, recording, reduction.MarkovApproximation(chang).ode()):
        assert len(repr(thing)) < 100


def test_unknown_levels_and_questions_are_refused(chang):
    approximation = reduction.MarkovApproximation(chang)
    with pytest.raises(
        UnknownNameError, match="level 'sde' does not exist.*; there are: ode, chain, langevin, published"
    ):
        reduction.integrate(approximation, "sde")
    trajectory = reduction.integrate(approximation, duration=20.0)
    with pytest.raises(ParameterError, match=r"discard = 30\.0: must be less than the duration of 20 ms"):
        trajectory.rates(30.0)
    with pytest.raises(UnknownNameError, match="population 'Q'"):
        trajectory.population_rate("Q")
    published = reduction.integrate(approximation, "published", 20.0)
    with pytest.raises(SpecificationError, match="is a trajectory of level 'published'"):
        reduction.integrate(approximation, "ode", 20.0, initial=published)


def test_the_plot_shows_every_population(chang):
    ax = reduction.integrate(reduction.MarkovApproximation(chang), duration=50.0).plot()
    assert [line.get_label() for line in ax.lines] == ["E", "I"]
    assert "Hz" in ax.get_ylabel()
