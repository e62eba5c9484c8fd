"""The ODE level's order in time and in bin width, measured."""

from __future__ import annotations

import numpy as np
import pytest

import reduction
import spiking


def rates(network, *, duration, discard, **options):
    dt = options.pop("dt", 0.1)
    approximation = reduction.MarkovApproximation(network, **options)
    found = reduction.integrate(approximation, duration=duration, dt=dt).rates(discard)
    return np.array([found["E"].mean, found["I"].mean])


@pytest.mark.parametrize(("probability", "options"), [
    pytest.param(0.5, {}, marks=pytest.mark.slow),
    (0.8, {}), (0.8, {"closure": "published"}), (0.8, {"delay": 0.7, "noise_levels": 2}),
])  # fmt: skip
def test_second_order_in_time(chang, probability, options):
    """From one event into the next: errors of the whole state, against a step of 0.1/64."""
    network = chang.replace({"EI.probability": probability, "EI.delay": options.pop("delay", 0.0)})
    approximation = reduction.MarkovApproximation(network, bins=100, **options)
    start = reduction.integrate(approximation, duration=30.0, dt=0.1 / 8).final_state

    def end(dt):
        return reduction.integrate(
            approximation, duration=15.0, dt=dt, sampling_interval=0.1, initial=start
        ).final_state

    exact = end(0.1 / 64)
    errors = [np.abs(end(0.1 / n) - exact).sum() for n in (2, 4, 8)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    print(f"\norders in time, {probability}, {options}:", orders)
    assert np.all(orders > 1.8)
    assert np.all(orders < 2.4)


@pytest.mark.parametrize(("closure", "widths"), [("published", (2.0, 1.0, 0.5)), ("conditional", (1.0, 0.5, 0.25))])
def test_second_order_in_bin_width_where_stationary(chang, closure, widths):
    """p^{EI} = 1.0: both rates. The drive's noise alone hides bins less: "conditional" needs finer ones."""
    network = chang.replace({"EI.probability": 1.0})
    found = [
        rates(network, duration=1000.0, discard=900.0, bin_width=h, closure=closure, noise_levels=2) for h in widths
    ]  # fmt: skip
    orders = np.log2(np.abs((found[0] - found[1]) / (found[1] - found[2])))
    print(f"\norders in bin width, stationary E and I, {closure}:", orders)
    np.testing.assert_allclose(orders, 2.0, atol=0.25)


def over_cycles(network, **options):
    """Mean I rate over the whole cycles of 1 to 3 s."""
    trajectory = reduction.integrate(reduction.MarkovApproximation(network, **options), duration=3000.0, dt=0.05)
    first, *_, last = (trajectory.times.searchsorted(t) for t in trajectory.peaks("E", discard=1000.0).times)
    return trajectory.firing_rates[0, first:last, 1].mean()


def test_second_order_in_bin_width_of_an_oscillation(chang):
    """p^{EI} = 0.5: the I rate over whole cycles; width 1, 0.5, 0.25; closure of [C25]."""
    network = chang.replace({"EI.probability": 0.5})
    found = [over_cycles(network, bin_width=h, closure="published") for h in (1.0, 0.5, 0.25)]
    order = np.log2((found[0] - found[1]) / (found[1] - found[2]))
    print("\norder in bin width, oscillating I:", order)
    assert order == pytest.approx(2.0, abs=0.3)


@pytest.mark.slow
def test_second_order_in_bin_width_of_an_oscillation_with_levels(chang):
    """As above with two levels of each noise: from width 0.5 on; from 1 on the order is 0.9 to 1.4."""
    network = chang.replace({"EI.probability": 0.5})
    found = [
        rates(network, duration=2000.0, discard=1000.0, bin_width=h, dt=0.05, noise_levels=2)[1]
        for h in (0.5, 0.25, 0.125)
    ]
    order = np.log2((found[0] - found[1]) / (found[1] - found[2]))
    print("\norder in bin width, oscillating I, two levels:", order)
    assert order == pytest.approx(2.0, abs=0.3)


def test_uneven_bins_converge():
    """Quadratic and exponential neurons in noise: between first and second order, from a small error on."""
    drive = spiking.GaussianDrive(2.0, 0.7)
    exponential = spiking.EIF(20.0, -5.0, 10.0, 0.0, 10.0, 1.5)
    for neuron in (spiking.QIF(tau_m=8.0), exponential):
        network = spiking.Network([spiking.Population("X", 10, neuron, drive)])
        found = [
            reduction.integrate(reduction.MarkovApproximation(network, bins=b), duration=500.0).rates(480.0)["X"].mean
            for b in (150, 300, 600)
        ]
        order = np.log2((found[0] - found[1]) / (found[1] - found[2]))
        limit = (4 * found[2] - found[1]) / 3
        print(f"\n{neuron.kind}: order in bins {order:.2f}, default bins {found[0] / limit - 1:+.2%}")
        assert order > 1.1
        assert abs(found[0] / limit - 1) < 0.002
