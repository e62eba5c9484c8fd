"""Pending spikes, delays and levels of noise over one step, against matrix exponentials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg, stats

import reduction
import spiking
from reduction.kernels import moments as kernel


@pytest.fixture(scope="module")
def arrays():
    """Three sources: pending spikes after a delay, an exponential current, a drive."""
    drive = spiking.SumDrive(spiking.GaussianDrive(1.0), spiking.OrnsteinUhlenbeckDrive(0.0, 0.7, 3.0))
    network = spiking.Network(
        [spiking.Population("X", 10, spiking.LIF(10.0, tau_m=10.0)),
         spiking.Population("Y", 20, spiking.LIF(10.0, tau_m=10.0), drive)],
        [spiking.Projection("X", "Y", spiking.PendingCurrent(1.0, 1.7), spiking.Annealed(0.3), delay=1.1),
         spiking.Projection("Y", "X", spiking.ExponentialCurrent(1.0, 2.6), spiking.Annealed(0.4))],
    )  # fmt: skip
    return reduction.MarkovApproximation(network, stages=4).arrays()


def advanced(arrays, time, arriving, mean, variance):
    out = np.empty(3), np.empty(3)
    kernel.advance_moments(arrays, time, np.array(arriving), np.array(mean), np.array(variance), *out)
    return out


@pytest.mark.parametrize("time", [1e-6, 0.1, 5.0])
def test_moments_solve_their_equations_exactly(arrays, time):
    arriving, mean, variance = [3.0, 2.0, 0.0], [5.0, 4.0, 0.0], [1.0, 6.0, 0.49]
    new_mean, new_variance = advanced(arrays, time, arriving, mean, variance)
    for q in (0, 1):
        tau, p, r = arrays.tau[q], arrays.probability[q], arriving[q]
        consumed = 1.0 if q == 0 else 0.0
        matrix = np.array([[-1 / tau, 0, p * r], [consumed / tau, -2 / tau, p * (1 - p) * r], [0, 0, 0]])
        expected = linalg.expm(matrix * time) @ [mean[q], variance[q], 1.0]
        np.testing.assert_allclose([new_mean[q], new_variance[q]], expected[:2], rtol=1e-12)
    assert (new_mean[2], new_variance[2]) == (0.0, 0.49)


def test_stationary_moments_are_the_known_ones(arrays):
    """Pending spikes: p R tau and p R tau (1 - p/2); decaying ones: p (1 - p) R tau / 2."""
    new_mean, new_variance = advanced(arrays, 1e3, [3.0, 3.0, 0.0], [0.0] * 3, [0.0] * 3)
    for q, p in ((0, 0.3), (1, 0.4)):
        tau = arrays.tau[q]
        assert new_mean[q] == pytest.approx(p * 3.0 * tau)
        assert new_variance[q] == pytest.approx(p * 3.0 * tau * (1 - p / 2) if q == 0 else p * (1 - p) * 3.0 * tau / 2)


def delayed(arrays, time, steps, flux, delay):
    new, arriving, total = delay.copy(), np.empty(3), 0.0
    for _ in range(steps):
        kernel.advance_delays(arrays, time / steps, np.array(flux), delay, new, arriving)
        delay, total = new.copy(), total + arriving[0] * time / steps
    return new, total, arriving


def test_delays_are_erlang_stages_in_second_order(arrays):
    """Spikes under way, and those that have arrived, against the stages' matrix exponential at a constant rate."""
    rate, stages, flux = arrays.delay_rate[0], 4, [0.0, 2.5]
    assert rate == pytest.approx(4 / 1.1)
    matrix = np.zeros((stages + 2, stages + 2))
    for s in range(stages):
        matrix[s, s] -= rate
        matrix[s + 1, s] += rate
    matrix[0, -1] = flux[1]
    start = np.array([0.4, 1.5, 0.2, 0.9])
    expected = linalg.expm(matrix * 0.8) @ [*start, 0.0, 1.0]
    errors = []
    for steps in (4, 8, 16):
        new, arrived, _ = delayed(arrays, 0.8, steps, flux, start)
        assert new.sum() + arrived == pytest.approx(start.sum() + 0.8 * flux[1], rel=1e-12)
        errors.append(np.abs([*(new - expected[:stages]), arrived - expected[stages]]).max())
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.1)
    np.testing.assert_allclose(delayed(arrays, 0.8, 1, [0.0, 0.0], start)[0], (linalg.expm(matrix * 0.8) @ [
        *start, 0.0, 0.0])[:stages], rtol=1e-12)  # fmt: skip


def test_without_delay_spikes_arrive_at_once_and_drives_get_none(arrays):
    _, _, arriving = delayed(arrays, 0.1, 1, [1.75, 2.5], np.zeros(4))
    np.testing.assert_array_equal(arriving[1:], [1.75, 0.0])


@settings(deadline=None)
@given(
    time=st.floats(1e-4, 50.0), arriving=st.floats(0, 20), mean=st.floats(0, 30), share=st.floats(0, 1),
    q=st.sampled_from([0, 1]),
)  # fmt: skip
def test_the_mean_of_a_telegraph_decays_whatever_its_variance_does(arrays, time, arriving, mean, share, q):
    """(1 - 2 flip) sqrt(W') = exp(-t / tau) sqrt(W): no probability out of range is needed for it."""
    variance = 1e-3 + share * mean
    _, new_variance = advanced(arrays, time, [arriving] * 3, [mean] * 3, [variance] * 3)
    flip = kernel.flip_probability(arrays.tau[q], time, variance, new_variance[q])
    assert 0.0 <= flip <= 0.5
    expected = math.exp(-time / arrays.tau[q]) * math.sqrt(variance / new_variance[q])
    assert 1 - 2 * flip == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_without_variance_signs_are_drawn_anew(arrays):
    assert kernel.flip_probability(arrays.tau[0], 0.1, 0.0, 1.0) == 0.5
    assert kernel.flip_probability(arrays.tau[0], 0.1, 0.0, 0.0) == 0.5


def transition(flip, number):
    rows = np.empty((number + 1, number + 1))
    for up in range(number + 1):
        kernel.fill_transition(flip, number, up, rows[up])
    return rows


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("flip", [0.0, 0.03, 0.5])
def test_levels_change_as_independent_telegraphs_do(number, flip):
    rows = transition(flip, number)
    for up in range(number + 1):
        stay, rise = (stats.binom.pmf(np.arange(n + 1), n, p) for n, p in ((up, 1 - flip), (number - up, flip)))
        np.testing.assert_allclose(rows[up], np.convolve(stay, rise), atol=1e-15)
    binomial = stats.binom.pmf(np.arange(number + 1), number, 0.5)
    np.testing.assert_allclose(binomial @ rows, binomial, rtol=1e-13)
    np.testing.assert_allclose(rows @ rows, transition(2 * flip * (1 - flip), number), atol=1e-14)


def test_switching_mixes_the_columns_of_one_source():
    """Against a Kronecker product: two sources of 2 and 3 telegraphs, columns numbered with the first fastest."""
    values = np.random.default_rng(1).uniform(size=(12, 5))
    work, row = np.empty((4, 5)), np.empty(4)
    for number, stride, matrix in (
        (2, 1, np.kron(np.eye(4), transition(0.1, 2))), (3, 3, np.kron(transition(0.2, 3), np.eye(3)))
    ):  # fmt: skip
        moved = values.copy()
        kernel.switch_levels(0.1 if number == 2 else 0.2, number, stride, 12, moved, work, row)
        np.testing.assert_allclose(moved, matrix.T @ values, rtol=1e-13)
