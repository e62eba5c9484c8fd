from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import reduction
import spiking
from reduction.agreement_plots import figures
from reduction.aspects.bifurcation_branches import Curve, Point, curve, points_between
from reduction.aspects.bifurcation_hysteresis import hysteresis
from reduction.aspects.bifurcation_results import BifurcationComparison
from reduction.aspects.bifurcation_sweeps import (
    Measured,
    band_amplitude,
    event_bounds,
    event_sizes,
    main_frequency,
    smoothed_rate,
)
from reduction.aspects.bifurcations import compare_bifurcations
from reduction.attractors.onsets import (
    ALTERNATION,
    OSCILLATION,
    Onset,
    alternation_sums,
    onsets,
    oscillation_sums,
    resampled,
)
from reduction.measuring import Settings
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError

PARAMETER = "EI.probability"
CYCLES = Path(__file__).parents[2] / "examples" / "data" / "chang2025_cycles.npz"
SHORT = Settings(duration=600.0, discard=200.0, seed=4)
RANGE = {"parameter": PARAMETER, "values": [0.68, 0.72, 0.8, 0.84]}


@pytest.fixture(scope="module")
def diagram():
    return reduction.Diagram.load(CYCLES)


@pytest.fixture(scope="module")
def comparison(diagram):
    return compare_bifurcations(spiking.presets.chang2025(), SHORT, **RANGE, levels=("ode",), diagram=diagram)


def order_of(sums, order):
    return float(order.value(np.asarray(sums).sum(axis=0)))


def found(rows, values, order, seed=0):
    generator = np.random.default_rng(seed)
    return onsets(values, np.column_stack([resampled(sums, order, generator) for sums in rows]), order)


def logistic(parameters, noise, events, seed):
    """Sizes from x -> r x (1 - x) plus noise: the period doubles at r = 3."""
    generator = np.random.default_rng(seed)
    r = np.asarray(parameters, float)
    x = 1 - 1 / r + 0.05
    rows = []
    for _ in range(events + 500):
        x = np.clip(r * x * (1 - x) + noise * generator.standard_normal(r.size), 0.01, 0.99)
        rows.append(x)
    return np.array(rows)[500:].T


# order parameters


def test_critical_values():
    """Moments of the densities exp(-a^4) and r exp(-r^4), by quadrature."""
    from scipy.integrate import quad

    def moment(power):
        return quad(lambda a: a**power * np.exp(-(a**4)), 0, np.inf)[0]

    assert pytest.approx((3 - moment(4) * moment(0) / moment(2) ** 2) / 2) == ALTERNATION.critical
    assert pytest.approx(2 - moment(5) * moment(1) / moment(3) ** 2) == OSCILLATION.critical


def test_alternation_of_known_sequences():
    turn = np.arange(4000)
    generator = np.random.default_rng(1)
    white = 1 + 0.2 * generator.standard_normal(4000)
    two_sizes = 1 + 0.2 * generator.choice([-1.0, 1.0], 4000)
    assert order_of(alternation_sums(1 + 0.2 * (-1.0) ** turn, 20), ALTERNATION) == pytest.approx(1)
    assert order_of(alternation_sums(np.ones(4000), 20), ALTERNATION) == 0
    assert abs(order_of(alternation_sums(white, 20), ALTERNATION)) < 0.12
    assert order_of(alternation_sums(two_sizes, 20), ALTERNATION) < ALTERNATION.critical  # two sizes in no order
    assert order_of(alternation_sums(1 + 0.5 * (turn % 3 == 0), 20), ALTERNATION) <= 0  # one large in three
    assert order_of(alternation_sums(1 + 0.005 * (-1.0) ** turn, 20), ALTERNATION) == 0  # below 1 %
    assert order_of(alternation_sums(np.ones(4), 20), ALTERNATION) == 0  # too few
    linear = np.empty(20_000)
    linear[0] = 0.0
    for k in range(1, linear.size):  # the noisy precursor of a period doubling alternates, but is Gaussian
        linear[k] = -0.9 * linear[k - 1] + 0.05 * generator.standard_normal()
    assert np.corrcoef(linear[1:], linear[:-1])[0, 1] < -0.88
    assert abs(order_of(alternation_sums(1 + linear, 20), ALTERNATION)) < 0.15


def test_alternation_sums_against_a_loop():
    sizes = np.random.default_rng(2).gamma(4.0, size=97)
    rows = []
    for n in range(2, 95):
        a = (sizes[n - 2] - 4 * sizes[n - 1] + 6 * sizes[n] - 4 * sizes[n + 1] + sizes[n + 2]) / 16
        d = sizes - sizes.mean()
        rows.append([1, sizes[n], a**2, a**4, d[n] * d[n + 1], d[n] * d[n + 2]])
    assert alternation_sums(sizes, 20).sum(axis=0) == pytest.approx(np.sum(rows, axis=0))


def test_oscillation_of_known_rates():
    times = np.arange(0, 8000, 0.1)
    generator = np.random.default_rng(3)

    def order(rate):
        frequency = main_frequency([rate], 0.1)
        squared = [band_amplitude(rate, 0.1, own) for own in (frequency, frequency / 2)]
        return frequency, order_of(oscillation_sums(rate, squared, 20), OSCILLATION)

    assert order(10 + np.cos(2 * np.pi * times / 16)) == (pytest.approx(1 / 16, abs=0.0011), pytest.approx(1, abs=0.02))
    noise = smoothed_rate(generator.standard_normal(times.size), 15)
    assert order(10 + 5 * noise / noise.std())[1] == pytest.approx(0, abs=0.2)
    assert order(10 + 0.001 * np.cos(2 * np.pi * times / 16))[1] == 0


def test_events_and_their_sizes():
    times = np.arange(0, 200, 0.1)
    centres = np.arange(20, 200, 20)
    spikes = np.where(np.arange(centres.size) % 2, 60.0, 30.0)
    rate = sum(n * np.exp(-((times - c) ** 2) / 2) / np.sqrt(2 * np.pi) for n, c in zip(spikes, centres, strict=True))
    cuts = event_bounds(smoothed_rate(rate, 15))
    assert event_sizes(rate, cuts, 300, 0.1) == pytest.approx(spikes[1:-1] / 300, rel=1e-3)
    assert event_bounds(np.full(100, 3.0)) == []


# onsets


def test_onset_is_interpolated_and_its_interval_holds_both_neighbours():
    orders = np.tile([0.0, 0.0, ALTERNATION.critical + 0.2, 1.0, 0.0], (50, 1))
    begins, ends = onsets([1, 2, 3, 4, 5], orders, ALTERNATION)
    assert begins.value == pytest.approx(2 + ALTERNATION.critical / (ALTERNATION.critical + 0.2))
    assert (begins.low, begins.high) == (2, 3)
    assert (ends.phenomenon, ends.low, ends.high) == ("alternation ends", 4, 5)
    assert begins.estimate.se == pytest.approx(0.5 / 1.96, rel=1e-4)


def test_onsets_that_are_not_shown_say_why():
    flat, _ = onsets([1, 2, 3], np.full((50, 3), 0.1), ALTERNATION)
    assert not flat.shown
    assert "stays below 0.41: at most 0.10" in flat.reason
    begins, ends = onsets([1, 2, 3], np.full((50, 3), 0.9), ALTERNATION)
    assert "at the first value, 1" in begins.reason
    assert "at the last value, 3" in ends.reason
    noisy = np.random.default_rng(4).normal(0.41, 0.5, (400, 3))
    noisy[0] = [0.0, 0.5, 0.0]
    assert "standard errors only" in onsets([1, 2, 3], noisy, ALTERNATION)[0].reason
    assert Onset.from_plain(json.loads(json.dumps(flat.to_plain()))) == flat


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
def test_onset_of_a_noisy_period_doubling(noise):
    """Of the logistic map, known to be at 3, in the middle of the range."""
    values = np.linspace(2.8, 3.2, 21)
    begins, _ = found(
        [alternation_sums(row, 20) for row in logistic(values, noise, 600, 5)], values.tolist(), ALTERNATION
    )
    assert begins.low <= 3.0 <= begins.high
    assert begins.high - begins.low < 0.13


def test_onset_of_a_noisy_hopf_point():
    """Of z' = (p + i omega) z - |z|^2 z + noise, known to be at 0; weak noise: read early by up to a quarter of it."""
    generator, values, noise, step = np.random.default_rng(8), np.linspace(-0.1, 0.1, 21), 0.02, 0.1
    z = np.full(values.size, 0.01 + 0j)
    rates = np.empty((55_000, values.size))
    for row in rates:
        kicks = generator.standard_normal(values.size) + 1j * generator.standard_normal(values.size)
        z = np.exp(2j * np.pi * 0.05 * step) * (z + step * (values - np.abs(z) ** 2) * z)
        z += noise * np.sqrt(step / 2) * kicks
        row[:] = 1 + z.real
    sums = []
    for rate in rates[5000:].T:
        frequency = main_frequency([rate], step)
        squared = [band_amplitude(rate, step, own) for own in (frequency, frequency / 2)]
        sums.append(oscillation_sums(rate, squared, 20))
    begins, _ = found(sums, values.tolist(), OSCILLATION)
    assert abs(begins.value) < 0.02
    assert begins.high - begins.low < 0.05


def test_no_period_doubling_is_found_below_it():
    values = np.linspace(2.6, 2.95, 15)
    rows = [alternation_sums(row, 20) for row in logistic(values, 0.01, 600, 6)]
    begins, ends = found(rows, values.tolist(), ALTERNATION)
    assert not begins.shown
    assert not ends.shown


# hysteresis


def run_of(rates, heights):
    return Measured(np.zeros((20, 6)), np.zeros((20, 6)), np.asarray(rates), np.asarray(heights), [], [])


def test_hysteresis_is_found_where_it_is_and_nowhere_else():
    generator = np.random.default_rng(7)

    def sweep(shift):
        return [
            run_of(generator.normal(10 + s, 1, 20), generator.normal(50, 5, 20)) for s in (0, 0, shift, shift, 0, 0)
        ]

    result = hysteresis([1, 2, 3, 4, 5, 6], sweep(0), sweep(3), random=True)
    assert result.ranges == ((3, 4),)
    assert [(edge.value, edge.low, edge.high) for edge in result.edges] == [(2.5, 2, 3), (4.5, 4, 5)]
    null = [hysteresis([1, 2, 3, 4, 5, 6], sweep(0), sweep(0), random=True) for _ in range(100)]
    assert sum(bool(own.ranges) for own in null) <= 11  # 5 expected, P(> 11) = 0.4 %
    flat = [run_of(np.full(20, 10.0), np.zeros(20))] * 3
    lower = [run_of(np.full(20, 9.9), np.zeros(20))] * 3
    assert "at most 1 %" in hysteresis([1, 2, 3], flat, lower, random=False).reason
    assert hysteresis([1, 2, 3], flat, [*flat[:2], run_of(np.full(20, 5.0), np.zeros(20))], random=False).ranges == (
        (3, 3),
    )


# branches


def test_heights_of_cycles_are_those_of_the_integrated_ode(diagram, chang):
    """Peaks of the rate averaged over 1 ms, from the profile of the pending spikes alone."""
    for branch, doublings, value in ((diagram.branches[0], 0, 0.72), (diagram.branches[2], 1, 0.855)):
        own = curve(branch, doublings, chang, "E")
        assert own.averaged
        at = int(np.argmin(np.abs(np.array(own.values) - value) + 10.0 * ~np.array(own.stable)))
        approximation = reduction.MarkovApproximation(
            chang.replace({PARAMETER: own.values[at]}), closure="published", bins=75
        )
        heights = reduction.integrate(approximation, "ode", 900.0).peaks("E", discard=600.0).heights
        peaks = sorted({round(float(h), 0) for h in (heights.min(), heights.max())})
        assert sorted({round(h, 0) for h in own.heights[at]}) == pytest.approx(peaks, rel=0.02, abs=1.0)


def test_special_points_within_a_range():
    point = Point("HB", 0.5, "", True, 1.0)
    one = Curve("equilibrium", 0, (0.4, 0.6), ((1.0,), (1.0,)), (True, False), (point,), True)
    assert points_between([one, one], 0.4, 0.6) == [(one, point)]
    assert not one.gains_stability(point)
    assert dataclasses.replace(one, stable=(False, True)).gains_stability(point)
    assert points_between([one], 0.51, 0.6) == []
    assert Curve.from_plain(json.loads(json.dumps(one.to_plain()))) == one


# the whole


def test_what_is_compared(comparison, diagram):
    assert [source.name for source in comparison.sources] == ["network", "ode"]
    assert [sweep.direction for sweep in comparison.source("ode").sweeps] == ["up", "down"]
    network = comparison.source("network")
    orders = [own.mean for own in network.orders["alternation"]]
    assert max(orders[:2]) < ALTERNATION.critical < min(orders[2:])
    assert network.onset("alternation begins").shown
    assert 0.72 <= network.onset("alternation begins").value <= 0.8
    assert network.onset("alternation ends").reason.startswith("at the last value")
    doubling = next(own for own in comparison.agreements if own.bifurcation == "PD" and own.difference is not None)
    assert doubling.reduced.value == pytest.approx(diagram.branches[0].special_points[0].value)
    assert doubling.difference.mean == pytest.approx(doubling.network.value - doubling.reduced.value)
    unstable = [own for own in comparison.agreements if "unstable on both sides" in own.network.reason]
    assert {own.bifurcation for own in unstable} == {"PD", "LPC"}
    points = network.sweeps[0].points
    recording = spiking.simulate(
        spiking.presets.chang2025().replace({PARAMETER: 0.68}), 600.0,
        seed=SHORT.stream("bifurcations of network, up, 0.68"), workers=1,
    )  # fmt: skip
    assert points[0].rate.mean == pytest.approx(recording.rates(200.0)["E"].mean, rel=0.02)
    assert sum(points[0].heights) == sum(points[0].differences) + 1


def test_each_run_goes_on_where_the_last_stopped(comparison):
    first, second = (spiking.presets.chang2025().replace({PARAMETER: value}) for value in RANGE["values"][:2])

    def rate(state):
        run = reduction.integrate(second, "ode", 600.0, initial=state)
        blocks = np.array_split(run.population_rate("E", discard=200.0)[1], 20)
        return np.mean([block.mean() for block in blocks]) / 0.3

    swept = comparison.source("ode").sweeps[0].points[1].rate.mean
    assert swept == pytest.approx(rate(reduction.integrate(first, "ode", 600.0).final_state), rel=1e-12)
    assert swept != pytest.approx(rate(None), rel=1e-9)


def test_verdicts_tables_and_round_trip(comparison):
    again = BifurcationComparison.from_plain(json.loads(json.dumps(comparison.to_plain(), allow_nan=False)))
    assert again == comparison
    assert pickle.loads(pickle.dumps(comparison)) == comparison
    verdicts = comparison.verdicts()
    assert len(verdicts) == len(comparison.agreements)
    assert any("period doubling: the continued reduction" in own.text and "error bars" in own.text for own in verdicts)
    for table in comparison.tables():
        assert all(len(row) == len(table.header) for row in table.rows)
        assert table.to_markdown()


@pytest.mark.slow
def test_reproducible_bit_by_bit(chang):
    few = {"parameter": PARAMETER, "values": [0.7, 0.75, 0.8], "levels": ("chain", "published")}
    settings = Settings(duration=120.0, discard=20.0, seed=1, bins=40, closure="white")
    first = compare_bifurcations(chang, settings, **few)
    assert compare_bifurcations(chang, settings, **few) == first
    assert [sweep.direction for sweep in first.source("published").sweeps] == ["rest"]
    assert first.source("published").hysteresis.reason == "each run starts from rest"
    assert first.equations == "closure 'white', 40 bins"
    assert {own.kind for own in first.curves} == {"equilibrium"}


def test_progress_reaches_one_and_can_stop(chang):
    seen = []
    few = {"parameter": PARAMETER, "values": [0.7, 0.75, 0.8], "levels": (), "diagram": []}
    settings = Settings(duration=150.0, discard=20.0)
    compare_bifurcations(chang, settings, **few, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_bifurcations(chang, settings, **few, progress=stop)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"values": [0.5, 0.6]}, SpecificationError, "at least three"),
        ({"values": [0.5, 0.7, 0.6]}, SpecificationError, "strictly increasing"),
        ({"values": "abc"}, SpecificationError, "sequence of numbers"),
        ({"values": [0.8, 0.9, 1.1]}, ParameterError, "EI.probability"),
        ({"parameter": "EI.nothing"}, UnknownNameError, "EI.nothing"),
        ({"parameter": "E.size", "values": [100, 200, 300]}, SpecificationError, "number of neurons"),
        ({"levels": ("siegert",)}, UnknownNameError, "siegert"),
        ({"population": "X"}, UnknownNameError, "X"),
        ({"smoothing": -1.0}, ParameterError, "smoothing"),
        ({"diagram": "cycles.npz"}, SpecificationError, "Diagram"),
    ],
)
def test_bad_input_is_refused_before_work(chang, changed, error, match):
    def never(fraction):
        raise AssertionError("work began")

    with pytest.raises(error, match=match):
        compare_bifurcations(
            chang, SHORT, **({"parameter": PARAMETER, "values": [0.6, 0.7, 0.8]} | changed), progress=never
        )


def test_a_diagram_over_another_parameter_is_refused(chang, diagram):
    with pytest.raises(SpecificationError, match=r"must be over E\.drive\.rate"):
        compare_bifurcations(chang, SHORT, parameter="E.drive.rate", values=[6, 7, 8], diagram=diagram)


def test_a_failing_run_is_named(chang, monkeypatch):
    def fail(*args, **options):
        if options["initial"] is not None:
            raise NumericalError("runs away")
        return spiking.simulate(*args, **options)

    monkeypatch.setattr("reduction.aspects.bifurcation_sweeps.simulate", fail)
    settings = Settings(duration=150.0, discard=20.0)
    with pytest.raises(NumericalError, match=r"network, sweep (up|down), at 0\.75: runs away"):
        compare_bifurcations(chang, settings, parameter=PARAMETER, values=[0.7, 0.75, 0.8], levels=(), diagram=[])


def test_pictures(comparison):
    names = []
    for name, caption, figure in figures(PARAMETER, RANGE["values"], [comparison]):
        names.append(name)
        assert caption.endswith(".")
        figure.canvas.draw()
        assert all(ax.get_xlabel() or ax.get_ylabel() or ax.lines or ax.collections for ax in figure.axes)
        plt.close(figure)
    assert names == ["bifurcation_diagram", "bifurcation_differences", "bifurcation_onsets"]
    assert len(list(figures(PARAMETER, RANGE["values"], []))) == 0
