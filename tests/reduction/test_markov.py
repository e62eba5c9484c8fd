from __future__ import annotations

import math

import numpy as np
import pytest

import reduction
import spiking
from spiking.errors import ParameterError, SpecificationError, UnknownNameError


def test_default_bins(chang):
    approximation = reduction.MarkovApproximation(chang)
    assert approximation.bins == {"E": 150, "I": 150}
    centres = approximation.centres("E")
    assert centres[0] == -49.5
    assert centres[-1] == 99.5


def test_bins_and_width_are_two_ways_to_say_the_same(chang):
    assert reduction.MarkovApproximation(chang, bins=300) == reduction.MarkovApproximation(chang, bin_width=0.5)


def test_the_default_closure_carries_levels_of_noise_for_currents_and_not_for_kicks(chang):
    approximation = reduction.MarkovApproximation(chang)
    assert (approximation.closure, approximation.noise_levels) == ("conditional", 3)
    assert approximation.columns("E") == 9
    assert reduction.MarkovApproximation(spiking.presets.lcy2019_hom()).columns("E") == 1
    np.testing.assert_array_equal(approximation.arrays().kappa, 0.0)


def test_default_bins_reach_where_a_leaky_voltage_goes():
    neuron = spiking.LIF(20.0, 19.0, 20.0, rest=5.0)
    network = spiking.Network([spiking.Population("X", 1, neuron, spiking.GaussianDrive(0.4, 0.5))])
    approximation = reduction.MarkovApproximation(network)
    assert approximation.v_min["X"] == pytest.approx(5.0 + 20 * 0.2 - 6 * np.sqrt(0.1 * 10))
    assert (approximation.centres("X") > 19.0).sum() >= 20


def test_closures(chang):
    kappas = {
        closure: reduction.MarkovApproximation(chang, closure=closure).arrays().kappa
        for closure in ("published", "white", 3.0)
    }
    np.testing.assert_array_equal(kappas["published"], [1, 1, 1, 1])
    np.testing.assert_array_equal(kappas["white"], [2.8, 9.0, 2.4, 9.0])
    np.testing.assert_array_equal(kappas[3.0], [3, 3, 3, 3])


def test_released_neurons_keep_the_mean_voltage_at_reset(chang):
    for bins in (150, 149, 97):
        approximation = reduction.MarkovApproximation(chang, bins=bins)
        arrays = approximation.arrays()
        k, share = int(arrays.reset_bin[1]), arrays.reset_share[1]
        centres = approximation.centres("I")
        assert (1 - share) * centres[k] + share * centres[k + 1] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bins": 10, "bin_width": 1.0}, "bin_width = 1.0: give either bins or bin_width"),
        ({"bins": 0}, "bins = 0: must be positive"),
        ({"bins": 3}, "bins = 3: must give E at least 4 bins"),
        ({"bins": 2.5}, "bins = 2.5: must be an integer"),
        ({"bin_width": math.nan}, "bin_width = nan"),
        ({"bin_width": 60.0}, "bin_width = 60.0: must give E at least 4 bins"),
        ({"v_min": 0.0}, "v_min = 0.0: must lie below E.reset = 0.0"),
        ({"closure": -1.0}, "closure = -1.0: must be at least 0"),
        ({"stages": 0}, "stages = 0: must be positive"),
        ({"noise_levels": 1}, "levels = 1: must be at least 2"),
        ({"noise_levels": 2.5}, "levels = 2.5: must be an integer"),
    ],
)
def test_bad_options_are_refused(chang, options, message):
    with pytest.raises(ParameterError, match=message):
        reduction.MarkovApproximation(chang, **options)


def test_unknown_closures_and_parameters_are_refused(chang):
    with pytest.raises(UnknownNameError, match="closure 'gray' does not exist"):
        reduction.MarkovApproximation(chang, closure="gray")
    with pytest.raises(UnknownNameError, match="address 'EI.prob' does not exist"):
        reduction.MarkovApproximation(chang).arrays({"EI.prob": 1.0})


def test_levels_multiply(chang):
    """Two coloured sources of each population; kicks and white closures have one column."""
    assert [reduction.MarkovApproximation(chang, noise_levels=n).columns("I") for n in (2, 3, 5)] == [4, 9, 25]
    assert reduction.MarkovApproximation(chang, closure="white").columns("I") == 1
    arrays = reduction.MarkovApproximation(chang, noise_levels=3).arrays()
    np.testing.assert_allclose(np.unique(arrays.level), [-math.sqrt(2), 0.0, math.sqrt(2)], atol=1e-15)
    names = [s.name for s in reduction.MarkovApproximation(chang).sources()]
    weights = np.outer([1, 2, 1], [1, 2, 1]).ravel() / 16
    for q, name in enumerate(names):
        own = arrays.level[arrays.column_start[arrays.target[q]] :][:9, q]
        assert own @ weights == pytest.approx(0.0, abs=1e-15), name
        assert own**2 @ weights == pytest.approx(1.0), name
    assert arrays.level[:9, names.index("EE")] @ (weights * arrays.level[:9, names.index("EI")]) == pytest.approx(0.0)
    assert not arrays.level[:9, names.index("IE")].any()


@pytest.mark.parametrize(("mean", "deviation"), [(3.0, 0.5), (1.0, 1.0), (2.0, 0.0), (-0.5, 1.0)])
def test_normal_refractory_times_become_erlang_stages(chang, mean, deviation):
    """With the mean and nearly the variance of the times of which negative ones are cut off."""
    network = chang.replace({"E.refractory": spiking.Normal(mean, deviation)})
    approximation = reduction.MarkovApproximation(network, stages=40)
    draws = np.maximum(np.random.default_rng(1).normal(mean, deviation, 400_000), 0.0)
    assert approximation.refractory_time("E") == pytest.approx(draws.mean(), rel=0.01)
    stages = approximation.pool_stages("E")
    exact = draws.mean() ** 2 / draws.var() if deviation else 1e9
    assert stages == max(1, min(40, round(exact)))
    assert approximation.arrays().release[0] == pytest.approx(stages / draws.mean(), rel=0.01)


def test_refractory_stages(chang):
    for refractory, stages in ((spiking.NoRefractory(), 0), (spiking.Exponential(2.0), 1), (spiking.Fixed(2.0), 16)):
        approximation = reduction.MarkovApproximation(chang.replace({"E.refractory": refractory}))
        assert approximation.pool_stages("E") == stages


def test_parts_that_the_theory_does_not_cover_are_refused(chang):
    neuron = spiking.LIF(100.0, 0.0, 20.0)
    delta = spiking.Population("X", 10, neuron), spiking.Projection("X", "X", spiking.Delta(1.0), spiking.AllToAll())
    with pytest.raises(ParameterError, match=r"XX.delay = 0.0: must be positive: a delta synapse without delay has no"):
        reduction.MarkovApproximation(spiking.Network([delta[0]], [delta[1]]))
    delayed = spiking.Network([delta[0]], [delta[1]]).replace({"XX.delay": 1.0})
    with pytest.raises(ParameterError, match=r"stages = 1: must be at least 2 for the delayed kicks of XX"):
        reduction.MarkovApproximation(delayed, stages=1)
    twice = spiking.Explicit(np.zeros(101, int), np.zeros(101, int))
    graph = spiking.Network([delta[0]], [spiking.Projection("X", "X", spiking.Delta(1.0), twice, delay=1.0)])
    with pytest.raises(SpecificationError, match=r"XX.wiring: more edges than pairs of neurons"):
        reduction.MarkovApproximation(graph)


def test_too_many_columns_are_refused(chang):
    with pytest.raises(
        SpecificationError,
        match=r"closure = 'conditional': E has 100 combinations of 10 levels, at most 81 are carried",
    ):
        reduction.MarkovApproximation(chang, noise_levels=10)
    assert reduction.MarkovApproximation(chang, noise_levels=10, closure="white").columns("E") == 1
