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


def test_the_default_closure_depends_on_the_synapses(chang):
    assert reduction.MarkovApproximation(chang).closure == "published"
    assert reduction.MarkovApproximation(spiking.presets.lcy2019_hom()).closure == "white"


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
        k, share = int(arrays.reset_bin[1]) - bins, arrays.reset_share[1]
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


def test_parts_that_the_theory_does_not_cover_are_refused(chang):
    with pytest.raises(SpecificationError, match="E: the Markov approximation covers LIF neurons only"):
        reduction.MarkovApproximation(chang.replace({"E.neuron": spiking.QIF(100.0, -100.0)}))
    with pytest.raises(ParameterError, match="EI.delay = 1.0: must be 0 for the Markov approximation"):
        reduction.MarkovApproximation(chang.replace({"EI.delay": 1.0}))
    with pytest.raises(SpecificationError, match="I.refractory = 'normal': the Markov approximation covers none"):
        reduction.MarkovApproximation(chang.replace({"I.refractory": spiking.Normal(4.0, 1.0)}))
    with pytest.raises(SpecificationError, match="EE: the Markov approximation needs pending-spike synapses with"):
        reduction.MarkovApproximation(chang.replace({"EE.wiring": spiking.Bernoulli(0.8)}))
    with pytest.raises(SpecificationError, match="E.drive: the Markov approximation covers white drives only"):
        reduction.MarkovApproximation(chang.replace({"E.drive": spiking.ConstantDrive(7.0)}))
