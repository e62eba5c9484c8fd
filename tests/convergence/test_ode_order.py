"""The ODE level's order in time and in bin width, measured."""

from __future__ import annotations

import numpy as np
import pytest

import reduction


def rates(network, *, duration, discard, **options):
    dt = options.pop("dt", 0.1)
    approximation = reduction.MarkovApproximation(network, **options)
    found = reduction.integrate(approximation, duration=duration, dt=dt).rates(discard)
    return np.array([found["E"], found["I"]])


@pytest.mark.parametrize("probability", [0.5, 0.8])
def test_second_order_in_time(chang, probability):
    """From one event into the next: errors of the whole state, against a step of 0.1/64."""
    approximation = reduction.MarkovApproximation(chang.replace({"EI.probability": probability}))
    start = reduction.integrate(approximation, duration=30.0, dt=0.1 / 8).final_state

    def end(dt):
        return reduction.integrate(
            approximation, duration=15.0, dt=dt, sampling_interval=0.1, initial=start
        ).final_state

    exact = end(0.1 / 64)
    errors = [np.abs(end(0.1 / n) - exact).sum() for n in (2, 4, 8)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    print(f"\norders in time, {probability}:", orders)
    assert np.all(orders > 1.8)
    assert np.all(orders < 2.4)


def test_second_order_in_bin_width_where_stationary(chang):
    """p^{EI} = 1.0: both rates; width 2, 1, 0.5."""
    network = chang.replace({"EI.probability": 1.0})
    found = [rates(network, duration=1500.0, discard=1400.0, bin_width=h) for h in (2.0, 1.0, 0.5)]
    orders = np.log2(np.abs((found[0] - found[1]) / (found[1] - found[2])))
    print("\norders in bin width, stationary E and I:", orders)
    np.testing.assert_allclose(orders, 2.0, atol=0.25)


def test_second_order_in_bin_width_of_an_oscillation(chang):
    """p^{EI} = 0.5: the I rate, averaged over 2 s; width 1, 0.5, 0.25."""
    network = chang.replace({"EI.probability": 0.5})
    found = [rates(network, duration=3000.0, discard=1000.0, bin_width=h, dt=0.05)[1] for h in (1.0, 0.5, 0.25)]
    order = np.log2((found[0] - found[1]) / (found[1] - found[2]))
    print("\norder in bin width, oscillating I:", order)
    assert order == pytest.approx(2.0, abs=0.3)
