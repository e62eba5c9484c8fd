from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate as quadrature

import reduction
import spiking
from reduction import grids

EIF = spiking.EIF(0.0, -70.0, 20.0, -65.0, -50.0, 1.5)


def approximation(neuron, drive=None, **options):
    drive = drive or spiking.GaussianDrive(1.0)
    return reduction.MarkovApproximation(spiking.Network([spiking.Population("X", 10, neuron, drive)]), **options)


def test_leaky_neurons_have_even_bins():
    edges = approximation(spiking.LIF(20.0, 0.0), bins=30, v_min=-10.0).edges("X")
    np.testing.assert_allclose(edges, np.linspace(-10.0, 20.0, 31), atol=1e-13)


def test_quadratic_neurons_pass_infinite_bins_in_equal_times():
    """At the current that sets the scale, every bin takes pi tau / (scale (bins + 1)), and so does infinity."""
    own = approximation(spiking.QIF(tau_m=4.0), spiking.ConstantDrive(9.0), bins=60)
    edges = own.edges("X")
    scale = math.sqrt(4.0 * 9.0)
    times = 4.0 / scale * np.diff(np.arctan(edges / scale))
    np.testing.assert_allclose(times, 4.0 / scale * math.pi / 61, rtol=1e-9)
    np.testing.assert_allclose(edges, -edges[::-1], rtol=1e-12, atol=1e-12)
    assert own.pool_stages("X") == 1
    passage = 1 / own.arrays().release[0]
    assert passage == pytest.approx(2 * 4.0 / edges[-1])
    assert passage == pytest.approx(times[0], rel=1e-3)


def test_exponential_neurons_have_even_bins_that_widen_where_they_rush():
    """Every bin has the same integral of 1 / (1 + e / 10), e the exponential's drift over the slope factor's leak."""
    edges = approximation(EIF, bins=60).edges("X")

    def density(v):
        return 1 / (1 + math.exp((v - EIF.onset) / EIF.slope_factor) / 10)

    shares = [quadrature.quad(density, low, high)[0] for low, high in itertools.pairwise(edges)]
    np.testing.assert_allclose(shares, shares[0], rtol=1e-7)
    below = edges < -52.0
    np.testing.assert_allclose(np.diff(edges[below]), edges[1] - edges[0], rtol=0.02)
    assert np.sum(edges > -45.0) < 5  # the last 45 of 105 mV, where a neuron stays for 0.02 ms


@settings(deadline=None, max_examples=100)
@given(
    bins=st.integers(20, 400), width=st.floats(0.2, 5.0), onset=st.floats(-60, -30), span=st.floats(1.0, 60.0),
    tau=st.floats(1.0, 30.0), current=st.floats(-20, 20),
)  # fmt: skip
def test_edges_increase_from_end_to_end(bins, width, onset, span, tau, current):
    neurons = [
        spiking.LIF(onset + span, -70.0, tau), spiking.EIF(onset + span, -70.0, tau, -65.0, onset, width),
        spiking.QIF(span, -1.0, tau), spiking.QIF(tau_m=tau),
    ]  # fmt: skip
    for neuron in neurons:
        own = approximation(neuron, spiking.ConstantDrive(current), bins=bins)
        edges = own.edges("X")
        assert edges.size == bins + 1
        assert np.isfinite(edges).all()
        assert (np.diff(edges) > 0).all()
        if not math.isinf(neuron.threshold):
            assert (edges[0], edges[-1]) == (own.v_min["X"], neuron.threshold)


def test_the_neurons_own_drift():
    v = np.array([-60.0, -50.0, -40.0])
    population = approximation(EIF).network.populations[0]
    values = approximation(EIF).network.parameters
    np.testing.assert_allclose(grids.intrinsic_drift(population, values, v), 1.5 / 20 * np.exp((v + 50) / 1.5))
    own = approximation(spiking.QIF(tau_m=4.0)).network
    np.testing.assert_allclose(grids.intrinsic_drift(own.populations[0], own.parameters, v), v**2 / 4)
    own = approximation(spiking.LIF(10.0)).network
    np.testing.assert_array_equal(grids.intrinsic_drift(own.populations[0], own.parameters, v), 0.0)


def test_the_floor_lies_below_what_the_drive_reaches():
    """Half the distance from reset to threshold below reset, or six standard deviations below the mean."""
    neuron = spiking.LIF(20.0, 10.0, 20.0)
    assert approximation(neuron, spiking.ConstantDrive(1.0)).v_min["X"] == 5.0
    low = approximation(neuron, spiking.SumDrive(spiking.GaussianDrive(2.0, 0.5), spiking.ConstantDrive(-1.5)))
    assert low.v_min["X"] == pytest.approx(-10.0 - 6 * math.sqrt(2 * 0.25 * 10))
    assert approximation(spiking.LIF(20.0, 10.0)).v_min["X"] == 5.0
    assert approximation(spiking.QIF(20.0, -2.0)).v_min["X"] == -13.0
    assert approximation(spiking.QIF(100.0, -100.0)).v_min["X"] == -100.0
    assert approximation(spiking.QIF(), v_min=-3.0).v_min["X"] == -math.inf


def test_numbers_of_bins():
    assert approximation(spiking.LIF(20.0, 10.0)).bins == {"X": 150}
    assert approximation(spiking.LIF(20.0, 10.0), v_min=-10.0, bin_width=0.25).bins == {"X": 120}
    narrow = approximation(spiking.LIF(20.0, 19.0, 20.0), spiking.GaussianDrive(0.4, 0.5))
    assert (narrow.centres("X") > 19.0).sum() >= 20
    assert narrow.bins["X"] > 150
    assert approximation(spiking.QIF(), bin_width=1.0).bins == {"X": 150}


@pytest.mark.parametrize("neuron", [EIF, spiking.QIF(30.0, -2.0), spiking.LIF(20.0, 3.3), spiking.QIF()])
@pytest.mark.parametrize("bins", [80, 151])
def test_released_neurons_have_the_reset_voltage_on_average(neuron, bins):
    own = approximation(neuron, bins=bins)
    arrays, centres = own.arrays(), own.centres("X")
    k, share = int(arrays.reset_bin[0]), float(arrays.reset_share[0])
    assert 0.0 <= share <= 1.0
    if math.isinf(neuron.reset):
        assert (k, share) == (0, 0.0)
    else:
        assert (1 - share) * centres[k] + share * centres[k + 1] == pytest.approx(neuron.reset, abs=1e-9)
