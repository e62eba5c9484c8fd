"""Dou, Chen, Lin, Xiao, arXiv 2603.10854: what it claims of Euler-Maruyama, and one experiment with printed errors.

Printed: errors at h = 2^-4 and 2^-10 against 2^-13 of 20 000 paths, and their slopes (two points each). The start is
not recorded; voltages uniform between reset and threshold and stationary currents reproduce what is printed at 2^-4
(with all voltages at reset the count's bias is 0.040).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from spiking.convergence import coupled_paths, crossing_speeds, layered, loop_truncation, recurrent, strong_errors

PRINTED = {
    "voltage": (0.177, 0.0294, 0.43),
    "mismatch": (0.0555, 0.00135, 0.89),
    "voltage_matched": (0.0763, 0.0052, 0.65),
    "spike_time": (0.125, 0.0133, 0.54),
    "current": (0.0295, 0.00041, 1.03),
    "count_bias": (0.0324, 0.00065, 0.94),
    "weak": (0.0375, 0.00105, 0.86),
}
CLAIMED = {"voltage": 0.5, "mismatch": 1.0, "count_bias": 1.0, "weak": 1.0}


def test_errors_of_one_neuron():
    """4000 paths: printed errors at 2^-4 within 3 standard errors (of both); orders within 3 of the long run's."""
    steps = [2.0**-k for k in (4, 5, 6, 7, 8, 11)]
    found = strong_errors(layered(1), 4.0, steps, paths=4000, seed=1, start="uniform")
    for name, (printed, _, _) in PRINTED.items():
        value = found["L1", name][0]
        print(name, value, found["L1", name].order())
        assert abs(value.mean - printed) < 3 * value.se * math.sqrt(1 + 4000 / 20000), name
    for name, claimed in CLAIMED.items():
        order = found["L1", name].order()
        assert abs(order.slope - claimed) < 3 * order.se, name
        assert order.se < {"voltage": 0.06, "mismatch": 0.1}.get(name, 0.25), name


def test_recorded_errors_against_printed_ones(table):
    """100 000 paths: which claimed orders hold; printed values lie within 3 standard errors of 20 000 paths."""
    rows = table("scheme_errors.csv")
    for name, (coarse, fine, slope) in PRINTED.items():
        own = [row for row in rows if row["error"] == name]
        first, last = ((float(row["value"]), float(row["se"])) for row in (own[0], own[-1]))
        for printed, (value, se) in ((coarse, first), (fine, last)):
            # Rare events: the smaller of two counts has the larger relative error, so the scale is the printed one's.
            scale = se * math.sqrt(1 + 100000 / 20000) * max(1.0, math.sqrt(printed / value))
            assert abs(printed - value) < 3 * scale, (name, printed, value)
        spread = math.hypot(*(se / value * math.sqrt(6) for value, se in (first, last))) / math.log(64)
        assert abs(slope - math.log(first[0] / last[0]) / math.log(64)) < 3 * spread, name
    for name, claimed in CLAIMED.items():
        row = next(row for row in rows if row["error"] == name)
        assert float(row["order_low"]) < claimed < float(row["order_high"]), name
    for name, claimed in (("voltage_matched", 0.5), ("spike_time", 0.5), ("current", 1.0)):
        row = next(row for row in rows if row["error"] == name)
        assert claimed < float(row["order_low"]) < claimed + 0.1, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_slopes_of_the_printed_experiment(seed):
    """20 000 paths against the printed 20 000: differences of two-point slopes, with the errors of both.

    The measures share their paths and their few events: of seven at four seeds, one difference beyond 3 is too many.
    """
    steps = [2.0**-k for k in (4, 10, 13)]
    found = strong_errors(layered(1), 4.0, steps, paths=20000, seed=seed, start="uniform")
    for name, (_, _, slope) in PRINTED.items():
        one = found["L1", name]
        relative = one.se[1] / abs(one.values[1])
        if name == "weak" and relative > 0.5:
            # Its slope is not known: the errors themselves, at 2^-10.
            assert abs(PRINTED[name][1] - one.values[1]) < 3 * math.sqrt(2) * one.se[1]
            continue
        order = one.order()
        z = (slope - order.slope) / (math.sqrt(2) * order.se)
        print(seed, name, order, slope, f"{z:.2f}")
        assert abs(z) < 3, name


@pytest.mark.slow
def test_delayed_spikes_have_a_probability_of_order_h():
    """Why errors among equal counts are of order 1/2: k-th spikes more than 0.1 apart; coarse steps have more."""
    steps = np.array([2.0**-k for k in (4, 6, 7, 8, 9, 13)])
    found = coupled_paths(layered(1), 4.0, steps, paths=40000, seed=7, start="uniform")
    apart = (found.time_squares[:, :-1, 0] > 0.1**2).sum(axis=0)
    print(apart, apart / 40000 / steps[:-1])
    order = np.polyfit(np.log(steps[1:-1]), np.log(apart[1:]), 1, w=np.sqrt(apart[1:]))[0]
    assert abs(order - 1.0) < 0.15
    assert apart[0] / apart[1] > 8


def test_slow_crossings_are_rarer_than_the_square_of_their_speed():
    r"""P(A < α) falls as α^{5/2}: half a power beyond the bound O(α²), which it obeys; the inverse moment converges.

    Near a tangential crossing V is an integrated Brownian motion, whose speed b on return has a density b^{3/2}
    (McKean, J. Math. Kyoto Univ. 2 (1963) 227).
    """
    found = crossing_speeds(layered(1), crossings=2_000_000, seed=1)
    slow = found.probability(np.geomspace(0.01, 0.1, 6))
    order = slow.order()
    print("P(A < α) ~ α^p:", order, "ratio:", slow.values / slow.x**2, slow.se / slow.x**2)
    assert abs(order.slope - 2.5) < 3 * order.se
    assert order.low > 2.2
    for speed, printed in ((0.04, 0.35), (0.02, 0.29)):
        own = found.probability([speed])[0].mean
        events = own * 20000 * 4 * found.rate.mean
        assert abs(printed * speed**2 - own) < 3 * own / math.sqrt(events)
    moments = found.inverse_moment([0.08, 0.04, 0.02, 0.01])
    growth = np.diff(moments.values)
    print("moments", moments.values, moments.se)
    assert (growth[1:] < growth[:-1]).all()
    edges = np.linspace(0.02, 2.0, 34)
    flux = found.flux(edges)
    greatest = float((flux.values / flux.x).max())
    assert (found.rate.mean * moments.values < found.bound(moments.x, 1.0, greatest)).all()


def test_errors_of_deep_layers_have_the_same_order():
    found = strong_errors(layered(6, 4, 0.5), 4.0, [2.0**-k for k in (4, 6, 8, 11)], paths=400, seed=2, start="uniform")
    for name, claimed in (("voltage", 0.5), ("mismatch", 1.0)):
        first, last = found["L1", name], found["L6", name]
        order = last.order()
        print(name, first.order(), order, last.values / first.values)
        assert abs(order.slope - claimed) < 3 * order.se
        assert (last.values > first.values).all()
    assert abs(found["L1", "current"].order().slope - 1.0) < 0.1
    assert found["L2", "current"].order().high < 0.75


def test_recurrent_network_and_its_loops():
    net = recurrent(20, 0.1, 0.3, seed=3)
    found = strong_errors(net, 4.0, [2.0**-k for k in (4, 5, 6, 7, 10)], paths=400, seed=1)
    order = found["E", "voltage"].order()
    print("recurrent", order)
    assert abs(order.slope - 0.5) < 3 * order.se
    lengths = [0, 2, 4, 6, 8]
    cut = loop_truncation(net, lengths, 4.0, 2.0**-7, paths=150)
    unrolled = loop_truncation(net, lengths, 4.0, 2.0**-7, paths=150, method="unrolled")
    print(cut.cycles, cut.removed, cut.voltage.values, unrolled.voltage.values)
    assert cut.cycles.tolist() == [0, 4, 1, 1, 2]
    assert cut.voltage.values[-1] == 0
    assert (np.diff(cut.voltage.values) <= 0).all()
    assert (np.diff(unrolled.voltage.values) < 0).all()
    assert unrolled.mismatch.values[-1] < 0.01 < unrolled.mismatch.values[1]


def test_errors_over_time():
    """The probability of a wrong count grows with T; the error of the voltage does not: the neuron forgets."""
    times, steps = np.array([8.0, 16.0, 32.0, 64.0]), [2.0**-6, 2.0**-11]
    found = [
        strong_errors(layered(1), t, steps, paths=1000, seed=k, start="uniform") for k, t in enumerate(times.tolist())
    ]
    slopes = {}
    for name in ("mismatch", "voltage"):
        value, se = np.array([errors["L1", name][0] for errors in found]).T
        fit, covariance = np.polyfit(np.log(times), np.log(value), 1, w=value / se, cov="unscaled")
        slopes[name] = fit[0], math.sqrt(covariance[0, 0])
    print(slopes)
    assert abs(slopes["mismatch"][0] - 1.0) < 3 * slopes["mismatch"][1] < 0.4
    assert abs(slopes["voltage"][0]) < 3 * slopes["voltage"][1] < 0.4
