"""Events, return maps, sections and correlation dimension, against sequences and sets that are known."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest

import reduction
import spiking
from reduction import dynamics_plots
from reduction.attractors.dimension import correlation_dimension
from reduction.attractors.events import (
    alternation,
    firing_events,
    rate_events,
    return_map,
    successive_correlation,
)
from reduction.attractors.sections import poincare_section
from spiking import statistics
from spiking.errors import ParameterError, SpecificationError, UnknownNameError


def approximation(chang, probability=0.8):
    return reduction.MarkovApproximation(
        chang.replace({"EI.probability": probability}), closure="published", bins=75
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs():
    network = spiking.presets.chang2025()
    return {
        "network": spiking.simulate(network, 3000.0, seed=1, trials=2),
        "chain": reduction.integrate(approximation(network), "chain", 2000.0, seed=1),
        "ode": reduction.integrate(approximation(network, 0.82), "ode", 2500.0),
    }


def test_events_are_the_peaks_of_the_rate(runs):
    for trial in (0, 1):
        events = rate_events(runs["network"], "E", discard=500.0, trial=trial)
        times, rate = statistics.population_rate(runs["network"], "E", discard=500.0, trial=trial)
        peaks = statistics.rate_peaks(times, rate, 300)
        assert events.times.size == peaks.times.size > 50
        assert np.abs(events.times - peaks.times).max() <= 0.05 + 1e-9
        assert (events.sizes >= peaks.heights - 1e-9).all()
        assert events.intervals.tolist() == np.diff(events.times).tolist()
    chain = runs["chain"]
    own = rate_events(chain, "E", discard=500.0)
    assert own.times == pytest.approx(rate_events(chain.recording(), "E", discard=500.0).times)
    assert own.times.size == chain.peaks("E", discard=500.0).times.size


def test_a_period_of_two_alternates(runs):
    events = rate_events(runs["ode"], "E", discard=1500.0)
    assert np.ptp(events.sizes[::2]) < 0.01 * events.sizes.max()
    assert np.ptp(events.sizes[1::2]) < 0.01 * events.sizes.max()
    assert successive_correlation(events.sizes).mean == pytest.approx(-1.0, abs=1e-3)
    assert alternation(events.sizes).mean == pytest.approx(-1.0, abs=0.05)
    noisy = alternation(rate_events(runs["network"], "E", discard=500.0).sizes)
    assert -0.8 < noisy.mean < -0.2
    assert 0.02 < noisy.se < 0.2


def test_multiple_firing_events_of_recordings_and_trajectories(runs):
    network, chain = runs["network"], runs["chain"]
    found = firing_events(network, "E", discard=500.0, trial=1)
    expected = statistics.multiple_firing_events(network, "E", discard=500.0, trial=1)
    assert found.times.tolist() == expected.start.tolist()
    assert found.sizes.tolist() == expected.size.tolist()
    assert found.unit == "spikes"
    own = firing_events(chain, "E", discard=500.0)
    expected = statistics.multiple_firing_events(chain.recording(), "E", discard=500.0)
    assert own.times.tolist() == expected.start.tolist()
    assert own.sizes.tolist() == expected.size.tolist()
    ode = firing_events(runs["ode"], "E", discard=1500.0)
    assert ode.sizes.size >= 10


def test_nothing_happens_in_silence():
    silent = spiking.Recording.from_spikes([], [], {"E": 10}, duration=500.0)
    assert rate_events(silent, "E").times.size == 0
    assert firing_events(silent, "E").sizes.size == 0


def test_return_map_by_hand():
    now, following = return_map([1.0, 3.0, 2.0])
    assert now.tolist() == [1.0, 3.0]
    assert following.tolist() == [3.0, 2.0]


def test_correlation_and_alternation_have_honest_errors():
    """Independent values and an autoregression, 300 samples of each: z-scores have mean 0 and variance 1."""
    rng = np.random.default_rng(1)
    for phi, expected in ((0.0, 0.0), (-0.6, 2.0 / math.pi * math.asin(-0.6))):
        scores = {successive_correlation: [], alternation: []}
        for _ in range(300):
            values = rng.standard_normal(401)
            for k in range(1, 401):
                values[k] += phi * values[k - 1]
            for statistic, truth in ((successive_correlation, phi), (alternation, expected)):
                found = statistic(values[1:])
                scores[statistic].append((found.mean - truth) / found.se)
        for own in scores.values():
            assert abs(np.mean(own)) < 0.3
            assert 0.8 < np.std(own) < 1.25


def test_alternation_of_extremes():
    turn = np.tile([1.0, 5.0], 50)
    assert alternation(turn).mean == pytest.approx(-1.0)
    assert alternation(np.repeat([1.0, 5.0], 50)).mean > 0.9
    assert math.isnan(alternation(np.full(100, 3.0)).mean)
    assert math.isnan(successive_correlation(3.0 + 1e-3 * turn).mean)
    assert math.isnan(alternation(turn[:30]).mean)


@pytest.mark.parametrize("order", [2, 4])
def test_sections_converge_in_their_order(order):
    """A spiral whose upward crossings of y = 0.2 are known."""
    start = math.asin(0.2)

    def errors(step):
        times = np.arange(0.0, 40.0, step) + 0.013
        states = np.column_stack([np.cos(times), np.sin(times), np.exp(-0.1 * times)])
        found = poincare_section(times, states, 1, 0.2, order=order)
        truth = start + 2.0 * math.pi * np.arange(found.times.size)
        exact = np.column_stack([np.cos(truth), np.sin(truth), np.exp(-0.1 * truth)])
        assert found.times.size == 7
        return np.abs(found.times - truth).max(), np.abs(found.states - exact).max()

    coarse, fine = errors(0.2), errors(0.05)
    for before, after in zip(coarse, fine, strict=True):
        assert after < before * 4.0**-order * 2.5
    assert fine[0] < {2: 2e-3, 4: 2e-6}[order]


def test_sections_of_uneven_samples_and_tilted_planes():
    rng = np.random.default_rng(2)
    times = np.sort(rng.uniform(0.0, 30.0, 3000))
    states = np.column_stack([np.cos(times), np.sin(times)])
    found = poincare_section(times, states, [1.0, 1.0], 0.5)
    assert states.shape[1] == found.states.shape[1]
    assert found.states.sum(axis=1) == pytest.approx(0.5, abs=1e-9)
    assert found.return_times == pytest.approx(2.0 * math.pi, abs=1e-4)
    down = poincare_section(times, states, [-1.0, -1.0], -0.5)
    assert ((down.times - found.times[0]) % (2 * math.pi)).std() < 1e-4
    assert poincare_section(times, states, 0, 3.0).times.size == 0


def test_section_of_the_alternating_ode_has_two_points(runs):
    ode = runs["ode"]
    late = ode.times > 1500.0
    states = ode.mean_pending[0][late]
    section = poincare_section(ode.times[late], states, 1, float(states[:, 1].mean()))
    assert section.times.size >= 40
    for every in (section.states[::2], section.states[1::2]):
        assert (np.ptp(every, axis=0) < 0.01 * np.ptp(states, axis=0)).all()


def circle(rng, n):
    angle = rng.uniform(0.0, 2.0 * math.pi, n)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def torus(rng, n):
    a, b = rng.uniform(0.0, 2.0 * math.pi, (2, n))
    return np.column_stack([(2.0 + np.cos(a)) * np.cos(b), (2.0 + np.cos(a)) * np.sin(b), np.sin(a)])


@pytest.mark.parametrize(
    ("points", "dimension"),
    [(circle, 1.0), (torus, 2.0), *((lambda rng, n, d=d: rng.standard_normal((n, d)), d) for d in (1.0, 2.0, 3.0))],
    ids=["circle", "torus", "noise1", "noise2", "noise3"],
)
def test_dimension_of_known_sets(points, dimension):
    if callable(points) and points not in (circle, torus):
        cloud = points(np.random.default_rng(3), 8000, int(dimension))
    else:
        cloud = points(np.random.default_rng(3), 8000)
    found = correlation_dimension(cloud)
    print(found)
    assert found.dimension.mean == pytest.approx(dimension, rel=0.02)
    assert abs(found.dimension.mean - dimension) < 3.0 * found.dimension.se
    assert found.radii.shape == found.integral.shape
    assert found.slopes.shape == found.slope_errors.shape == (found.radii.size - 2,)


def test_integral_against_all_pairs():
    rng = np.random.default_rng(4)
    cloud = np.cumsum(rng.standard_normal((1003, 2)), axis=0)
    found = correlation_dimension(cloud, theiler=7)
    first, second = np.triu_indices(1003, 8)
    apart = np.linalg.norm(cloud[first] - cloud[second], axis=1)
    expected = [(apart <= r).mean() for r in found.radii]
    assert found.integral == pytest.approx(expected, abs=1e-12)


def test_neighbours_in_time_are_left_out():
    """Filtered noise looks like a curve to neighbours in time alone."""
    rng = np.random.default_rng(5)
    steps = rng.standard_normal((6000, 2))
    cloud = np.empty_like(steps)
    value = np.zeros(2)
    for k, step in enumerate(steps):
        value = 0.9 * value + step
        cloud[k] = value
    assert correlation_dimension(cloud, theiler=100).dimension.mean == pytest.approx(2.0, abs=0.08)


def test_where_there_is_no_scaling_region_there_is_no_dimension():
    """Noise in seven dimensions: of 1200 points too few pairs are near."""
    rng = np.random.default_rng(6)
    found = correlation_dimension(rng.standard_normal((1200, 7)))
    assert found.region is None
    assert math.isnan(found.dimension.mean)
    assert "no scaling region" in repr(found)


def test_errors_of_dimensions_are_honest():
    """30 clouds of 2000 points in the plane: scatter and stated standard error within a factor of 1.6."""
    rng = np.random.default_rng(7)
    found = [correlation_dimension(rng.standard_normal((2000, 2))).dimension for _ in range(30)]
    ratio = np.mean([e.se for e in found]) / np.std([e.mean for e in found], ddof=1)
    print(f"stated over measured error: {ratio:.2f}")
    assert 1 / 1.6 < ratio < 1.6


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda r: rate_events("x", "E"), SpecificationError, "must be a Recording or a Trajectory"),
        (lambda r: rate_events(r["chain"], "X"), UnknownNameError, "population 'X'"),
        (lambda r: rate_events(r["network"], "X"), UnknownNameError, "population 'X'"),
        (lambda r: rate_events(r["network"], "E", trial=2), ParameterError, "trial = 2"),
        (lambda r: rate_events(r["network"], "E", discard=1e5), ParameterError, "discard"),
        (lambda r: firing_events(r["ode"], "X"), UnknownNameError, "population 'X'"),
        (lambda r: return_map([[1.0]]), SpecificationError, "one-dimensional"),
        (lambda r: alternation([1.0, math.nan]), SpecificationError, "finite"),
        (lambda r: successive_correlation(["a"]), SpecificationError, "numbers"),
        (lambda r: poincare_section([0, 1], [[0.0], [1.0]], 0), SpecificationError, "K at least 4"),
        (lambda r: poincare_section([0, 1, 1, 2], [[0.0]] * 4, 0), SpecificationError, "must increase"),
        (lambda r: poincare_section([0, 1, 2, 3], [[0.0]] * 4, 1), ParameterError, "normal = 1"),
        (lambda r: poincare_section([0, 1, 2, 3], [[0.0]] * 4, [0.0]), SpecificationError, "not all zero"),
        (lambda r: poincare_section([0, 1, 2, 3], [[0.0]] * 4, "x"), ParameterError, "normal = 'x'"),
        (lambda r: poincare_section([0, 1, 2, 3], [[0.0]] * 4, 0, math.inf), ParameterError, "level"),
        (lambda r: poincare_section([0, 1, 2, 3], [[0.0]] * 4, 0, order=3), ParameterError, "2 or 4"),
        (lambda r: correlation_dimension(np.zeros((2000, 2))), SpecificationError, "all the same"),
        (lambda r: correlation_dimension(np.zeros((20, 2))), SpecificationError, "from 1000"),
        (lambda r: correlation_dimension(np.full((2000, 2), math.nan)), SpecificationError, "finite"),
        (lambda r: correlation_dimension(np.eye(1000)[:, :2], theiler=101), ParameterError, "theiler = 101"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(runs, call, error, words):
    with pytest.raises(error, match=words):
        call(runs)


def test_pictures(runs):
    sizes = {name: rate_events(run, "E", discard=500.0).sizes for name, run in runs.items()}
    figure = dynamics_plots.return_maps(sizes | {"nothing": np.empty(0)}, "event height", "E spikes per ms")
    assert len(figure.axes) == 4
    rng = np.random.default_rng(8)
    dimensions = {"network": correlation_dimension(torus(rng, 2000)), "noise": correlation_dimension(
        rng.standard_normal((1200, 7)))}  # fmt: skip
    dynamics_plots.correlation_integrals(dimensions, "mV")
    times = np.linspace(0.0, 60.0, 600)
    section = poincare_section(times, np.column_stack([np.cos(times), np.sin(times), times]), 1)
    dynamics_plots.sections({"network": section}, (0, 2), ("x (mV)", "t (ms)"))
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")
