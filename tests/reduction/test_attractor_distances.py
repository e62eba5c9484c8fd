"""Coordinates, densities, distances and their calibration, against twins that do the same point by point."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import reduction
import spiking
from reduction.attractors import blocks as cutting
from reduction.attractors import calibration, coordinates, densities, distances, rhythms
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

PLACE = {"discard": 100.0, "interval": 0.5, "blocks": 10}


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def recording(small):
    return spiking.simulate(small, 300.0, seed=3, trials=2)


@pytest.fixture(scope="module")
def chain(chang):
    return reduction.integrate(reduction.MarkovApproximation(chang, bins=50), "chain", 60.0, seed=4, trials=2)


def window(source, k, sizes, trial):
    """Rates over the 1 ms around the end of sample k - 1, from plain sums."""
    own = source.counts[trial] if isinstance(source, spiking.Recording) else None
    if own is None:
        return source.firing_rates[trial, k - 5 : k + 5].sum(axis=0) / 10
    return [sum(own[k - 5 : k + 5, a].tolist()) * 1000.0 / size for a, size in enumerate(sizes)]


@pytest.mark.parametrize("kind", ["network", "chain"])
@pytest.mark.parametrize("trial", [0, 1])
def test_coordinates_are_the_samples_and_the_rates_around_them(recording, chain, kind, trial):
    source = recording if kind == "network" else chain
    network = source.network
    found = coordinates.coordinates(source, discard=20.3, interval=0.5, trial=trial)
    pending = [f"{p}.pending" for p in ("EE", "IE", "EI", "II")]
    if kind == "chain":
        pending = [f"{p.name}.pending" for p in network.projections]
    voltages = ["E.voltage", "E.voltage_spread", "I.voltage", "I.voltage_spread"]
    assert found.names == (*pending, *voltages, "E.rate", "I.rate") == coordinates.names_of(network)
    assert found.units == (*("spikes",) * 4, *("mV",) * 4, "Hz", "Hz")
    assert found.missing == {}
    np.testing.assert_allclose(found.times[:3], [20.5, 21.0, 21.5])
    assert found.times[-1] == pytest.approx(source.duration - 0.5)
    for k, time in list(enumerate(found.times))[::17]:
        sample = round(time / 0.1)
        np.testing.assert_array_equal(found.values[k, :4], source.mean_pending[trial, sample - 1])
        np.testing.assert_array_equal(found.values[k, [4, 6]], source.mean_voltage[trial, sample - 1])
        np.testing.assert_array_equal(found.values[k, [5, 7]], source.spread_voltage[trial, sample - 1])
        np.testing.assert_allclose(
            found.values[k, 8:], window(source, sample, network.sizes.values(), trial), atol=1e-9
        )


def test_chosen_coordinates_by_name(recording):
    found = coordinates.coordinates(recording)
    np.testing.assert_array_equal(found.of(["I.rate", "EE.pending"]), found.values[:, [9, 0]])
    with pytest.raises(UnknownNameError, match="coordinate 'X.rate' does not exist"):
        found.of(["X.rate"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discard": 300.0}, "discard = 300.0: must be less than the duration"),
        ({"discard": 299.9}, "discard = 299.9: leaves no time around which an average over 1 ms lies"),
        ({"interval": 0.25}, "interval = 0.25: must be a multiple of the sampling interval of 0.1 ms"),
        ({"interval": math.nan}, "interval = nan"),
        ({"trial": 2}, "trial = 2: must be 0 to 1"),
        ({"trial": True}, "trial = True"),
    ],
)
def test_bad_options_are_refused(recording, options, message):
    with pytest.raises(ParameterError, match=message):
        coordinates.coordinates(recording, **options)


def test_sources_of_another_kind_are_refused(small):
    with pytest.raises(SpecificationError, match="source = Network: must be a Recording or a Trajectory"):
        coordinates.coordinates(small)


def test_spike_data_have_rates_alone(recording):
    own = spiking.Recording.from_spikes(*recording.spikes("E"), {"E": 12}, duration=300.0)
    found = coordinates.coordinates(own, discard=50.0)
    assert found.names == ("E.rate",)
    assert found.missing["E.voltage_spread"] == "spike data have no voltages"
    whole = coordinates.coordinates(recording, discard=50.0)
    np.testing.assert_allclose(found.values[:, 0], whole.of(["E.rate"])[:, 0], atol=1e-9)


def test_synaptic_variables_have_the_networks_units():
    """Level and network agree where the law of large numbers holds, synapse by synapse; what a level lacks is named."""
    neuron = spiking.LIF(20.0, 0.0, 20.0, refractory=spiking.Exponential(2.0))
    kinds = {
        "C": spiking.ExponentialCurrent(0.02, 5.0, inhibitory=True),
        "G": spiking.ExponentialConductance(0.002, 4.0, -10.0),
        "P": spiking.PendingCurrent(0.01, 3.0),
        "D": spiking.Delta(0.01),
    }
    network = spiking.Network(
        [spiking.Population("E", 2000, neuron, spiking.GaussianDrive(12.0, 0.1))],
        [spiking.Projection("E", "E", s, spiking.Annealed(0.1), name=n, delay=1.0) for n, s in kinds.items()],
    )
    exact = coordinates.coordinates(spiking.simulate(network, 400.0, seed=1), discard=100.0)
    level = coordinates.coordinates(reduction.integrate(network, "ode", 400.0), discard=100.0)
    assert level.missing == {
        "D.pending": "a level spreads the kicks of a delta synapse over the last stage of its delay"
    }
    assert exact.names == ("C.pending", "G.pending", "P.pending", "D.pending", *exact.names[4:])
    assert exact.units[:4] == ("mV/ms", "leak conductances", "spikes", "mV")
    for name in ("C.pending", "G.pending", "P.pending", "E.voltage", "E.voltage_spread", "E.rate"):
        a, b = exact.of([name]), level.of([name])
        assert abs(a.mean() / b.mean() - 1) < 0.04, name
    assert exact.of(["C.pending"]).mean() < 0


def test_quadratic_neurons_without_a_threshold_have_no_voltages():
    network = spiking.Network([spiking.Population("X", 50, spiking.QIF(), spiking.ConstantDrive(1.0))])
    found = coordinates.coordinates(spiking.simulate(network, 20.0))
    assert found.names == ("X.rate",)
    assert "no finite mean" in found.missing["X.voltage"]


def test_a_run_from_an_old_archive_lacks_its_spreads(recording):
    from dataclasses import replace

    old = replace(recording, spread_voltage=np.full_like(recording.mean_voltage, math.nan))
    found = coordinates.coordinates(old)
    assert "E.voltage" in found.names
    assert found.missing["I.voltage_spread"] == "not in the archive from which the run was read"


def test_common_intervals():
    assert coordinates.common_interval([0.1]) == 0.5
    assert coordinates.common_interval([0.1, 0.02]) == pytest.approx(0.5)
    assert coordinates.common_interval([0.2, 0.1]) == pytest.approx(0.6)
    assert coordinates.common_interval([1.0, 0.1]) == 1.0
    with pytest.raises(SpecificationError, match=r"sampling intervals of 0.1, 0.10001 ms have no common multiple"):
        coordinates.common_interval([0.1, 0.10001])


def test_densities_integrate_to_what_lies_inside(rng):
    x, y = rng.normal(3.0, 2.0, 5000), rng.exponential(4.0, 5000)
    x_edges, y_edges = densities.display_edges(x), densities.display_edges(y[:2500])
    found = densities.occupation(x, y, x_edges, y_edges)
    density = found.density(x_edges, y_edges)
    total = sum(
        density[i, j] * (x_edges[i + 1] - x_edges[i]) * (y_edges[j + 1] - y_edges[j])
        for i, j in itertools.product(range(len(x_edges) - 1), range(len(y_edges) - 1))
    )
    inside = [x_edges[0] <= a <= x_edges[-1] and y_edges[0] <= b <= y_edges[-1] for a, b in zip(x, y, strict=True)]
    outside = 1 - sum(inside) / 5000
    assert 0 < outside < 0.02
    assert found.overflow == pytest.approx(outside)
    assert total == pytest.approx(1 - outside)


def test_bins_hold_equally_many_values_of_a_lattice(rng):
    counts = rng.poisson(30.0, 20000) * (10 / 3)
    edges = densities.display_edges(counts)
    levels = np.round(np.arange(0, 100) * (10 / 3), 9)
    inside = np.histogram(levels[(levels > edges[0]) & (levels < edges[-1])], edges)[0]
    assert set(inside.tolist()) == {inside[0]}


def test_cells_of_equal_shares_and_their_counts(rng):
    values = rng.normal(size=4000)
    edges = densities.equal_shares(values, 8)
    assert edges.size == 7
    np.testing.assert_allclose(np.histogram(values, [-9, *edges, 9])[0], 500)
    lattice = np.repeat([0.0, 1.0, 2.0], [3000, 500, 500])
    np.testing.assert_allclose(densities.equal_shares(lattice, 8), [0.5, 1.5])
    assert densities.equal_shares(np.ones(10), 4).size == 0
    points = rng.normal(size=(3, 50, 2))
    found = densities.cell_counts(points, [edges, np.array([0.0])])
    assert found.shape == (3, 16)
    for b in range(3):
        naive = np.zeros((8, 2), int)
        for x, y in points[b]:
            naive[sum(x > e for e in edges), int(y > 0)] += 1
        np.testing.assert_array_equal(found[b], naive.ravel())


def test_wasserstein_distances_equal_the_naive_ones(rng):
    blocks = rng.normal(size=(4, 60, 3)) * [1.0, 2.0, 0.5] + rng.normal(size=(4, 1, 3))
    found = distances.wasserstein(blocks[:, :, 0])
    sliced = distances.sliced_wasserstein(blocks)
    for i, j in itertools.product(range(4), range(4)):
        a, b = sorted(blocks[i, :, 0]), sorted(blocks[j, :, 0])
        assert found[i, j] == pytest.approx(sum(abs(x - y) for x, y in zip(a, b, strict=True)) / 60)
        total = 0.0
        for direction in distances.directions(3):
            shadows = [sorted(sum(p * d for p, d in zip(q, direction, strict=True)) for q in blocks[k]) for k in (i, j)]
            total += sum(abs(x - y) for x, y in zip(*shadows, strict=True)) / 60
        assert sliced[i, j] == pytest.approx(total / 64, abs=1e-12)


def test_a_shift_is_its_own_wasserstein_distance(rng):
    values = rng.normal(size=(1, 500))
    assert distances.wasserstein(np.vstack([values, values + 0.3]))[0, 1] == pytest.approx(0.3)
    assert np.linalg.norm(distances.directions(10), axis=1) == pytest.approx(1.0)
    np.testing.assert_array_equal(distances.directions(4), distances.directions(4))


def test_wasserstein_distances_of_events_of_any_number(rng):
    samples = [rng.normal(size=n) for n in (7, 1, 12, 0, 7)]
    samples.append(samples[0].copy())
    found = distances.wasserstein_of_events(samples)
    for i, j in itertools.product(range(6), range(6)):
        if 3 in (i, j):
            assert np.isnan(found[i, j])
        else:
            assert found[i, j] == pytest.approx(stats.wasserstein_distance(samples[i], samples[j]), abs=1e-12)


def test_jensen_shannon_divergences_equal_the_naive_ones(rng):
    counts = rng.integers(0, 4, (5, 9))
    counts[:, 0] += 1
    found = distances.jensen_shannon(counts)
    for i, j in itertools.product(range(5), range(5)):
        total = 0.0
        for a, b in zip(counts[i] / counts[i].sum(), counts[j] / counts[j].sum(), strict=True):
            m = (a + b) / 2
            total += (a * math.log2(a / m) if a else 0.0) / 2 + (b * math.log2(b / m) if b else 0.0) / 2
        assert found[i, j] == pytest.approx(total, abs=1e-12)
    assert distances.jensen_shannon(np.array([[4, 0], [0, 2]]))[0, 1] == pytest.approx(1.0)


def test_spectral_distances():
    powers = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 5.0], [1.5, 3.0, 0.0], [0.0, 0.0, 0.0]])
    found = distances.spectral(powers)
    np.testing.assert_allclose(found[0, :4], [0.0, 0.0, 1.0, 0.5 / 2.5])
    assert found[0, 4] == 1.0
    assert np.isnan(found[4, 4])


def test_spectra_of_blocks_are_those_of_each_block_alone():
    """A rate with a line at 50 Hz in the first block and at 80 Hz in the second; power by Parseval's theorem."""
    time = np.arange(0, 900, 0.1)
    rate = 40 + 20 * np.cos(2 * np.pi * np.where(time < 400, 50.0, 80.0) * time / 1000)
    spikes = np.repeat(time, np.diff(np.floor(np.cumsum(np.append(0, rate)) * 0.1)).astype(int)) + 0.05
    recording = spiking.Recording.from_spikes(spikes, np.zeros(spikes.size, int), {"E": 1}, duration=900.0)
    frequency, power = rhythms.block_spectra(recording, first=0.0, blocks=2, block=400.0, interval=0.5)
    assert frequency[0] == pytest.approx(5.0)
    assert frequency[-1] == pytest.approx(250.0)
    assert frequency[power[0].argmax(axis=1)] == pytest.approx([50.0, 80.0])
    near = np.abs(frequency - 50.0) <= 10.0
    assert power[0, 0, near].sum() * 5.0 == pytest.approx((20e3) ** 2 / 2, rel=0.02)
    with pytest.raises(SpecificationError, match="blocks of 150 ms: must be at least 200 ms"):
        rhythms.block_spectra(recording, first=0.0, blocks=2, block=150.0, interval=0.5)


def test_events_belong_to_the_block_in_which_they_start(chang):
    recording = spiking.simulate(chang, 700.0, seed=2)
    found = rhythms.block_events(recording, "E", first=100.0, blocks=3, block=200.0)
    times, rate = spiking.statistics.population_rate(recording, "E", discard=100.0)
    peaks = spiking.statistics.rate_peaks(times, rate, 300)
    own = [peaks.heights[(peaks.times >= a) & (peaks.times < a + 200)] for a in (100, 300, 500)]
    for block, heights in zip(found["peak_height"], own, strict=True):
        assert block.size == heights.size > 5
        np.testing.assert_allclose(block, heights, rtol=0.02, atol=1.0)  # of a parabola through whole numbers
    assert sum(b.size for b in found["peak_interval"]) == peaks.times.size - 1
    events = spiking.statistics.multiple_firing_events(recording, "E", discard=100.0)
    inside = events.start < 700.0
    np.testing.assert_array_equal(np.concatenate(found["event_size"]), events.size[inside])


def test_runs_are_cut_at_the_same_times_whatever_their_sampling(small):
    fine = spiking.simulate(small, 3000.0, seed=1)
    coarse = spiking.simulate(small, 3000.0, seed=1, sampling_interval=0.5)
    a, b = (cutting.cut(run, **PLACE) for run in (fine, coarse))
    length, block = cutting.block_length(3000.0, 100.0, 0.5, 10)
    assert (length, block) == (579, 289.5)
    for name in ("EE.pending", "E.voltage", "I.voltage_spread"):
        assert a.points[name].shape == (10, length)
        np.testing.assert_allclose(a.points[name], b.points[name])
    np.testing.assert_allclose(a.spectra["E"], b.spectra["E"])
    whole = coordinates.coordinates(fine, discard=100.5)
    np.testing.assert_array_equal(a.points["E.rate"][3], whole.of(["E.rate"])[3 * length : 4 * length, 0])


def blocks_with(rng, shift, groups=(10, 10, 10), points=40):
    """Blocks of independent values; the level's are shifted."""
    values = rng.normal(size=(sum(groups), points))
    values[: groups[0]] += shift
    return distances.wasserstein(values)


def naive_ratio(matrix, level, first, second):
    across = [matrix[i, j] for i in level for j in [*first, *second]]
    within = [matrix[i, j] for i in first for j in second]
    return math.log((sum(across) / len(across)) / (sum(within) / len(within)))


@pytest.mark.parametrize("groups", [(10, 10, 10), (5, 8, 7)])
def test_calibration_equals_the_naive_one(rng, groups):
    matrix = blocks_with(rng, 0.2, groups)
    members = [list(range(sum(groups[:g]), sum(groups[: g + 1]))) for g in range(3)]
    found = calibration.calibrate(matrix, groups)
    ratio = naive_ratio(matrix, *members)
    variance = 0.0
    for g in range(3):
        left = [naive_ratio(matrix, *[[k for k in own if k != out] for own in members]) for out in members[g]]
        variance += (groups[g] - 1) * np.var(left)
    assert found.ratio.mean == pytest.approx(math.exp(ratio))
    assert found.ratio.se == pytest.approx(math.exp(ratio) * math.sqrt(variance))
    reach = stats.t.ppf(0.975, min(groups) - 1) * math.sqrt(variance)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((ratio - reach, ratio + reach))
    across = [matrix[i, j] for i in members[0] for j in members[1] + members[2]]
    assert found.distance == pytest.approx(np.mean(across))
    assert found.own_distance == pytest.approx(np.mean([matrix[i, j] for i in members[1] for j in members[2]]))


def test_the_rank_is_that_of_the_energy_statistic(rng):
    matrix = blocks_with(rng, 0.25, (6, 6, 6))

    def statistic(level):
        network = [k for k in range(18) if k not in level]
        mean = lambda pairs: sum(matrix[i, j] for i, j in pairs) / len(pairs)  # noqa: E731
        return (
            2 * mean(list(itertools.product(level, network)))
            - mean(list(itertools.permutations(level, 2))) - mean(list(itertools.permutations(network, 2)))
        )  # fmt: skip

    generator = np.random.default_rng(calibration._PERMUTATION_SEED)
    is_level = np.arange(18) < 6
    drawn = [np.flatnonzero(generator.permutation(is_level)).tolist() for _ in range(999)]
    given = statistic(list(range(6)))
    assert calibration.calibrate(matrix, (6, 6, 6)).rank == (1 + sum(statistic(d) >= given for d in drawn)) / 1000


def test_ranks_of_equal_laws_are_uniform_and_ratios_cover_one(rng):
    """Independent blocks: 5 % of ranks below 0.05, 95 % of intervals hold 1; both within four binomial s.e."""
    found = [calibration.calibrate(blocks_with(rng, 0.0), (10, 10, 10)) for _ in range(200)]
    covered, low = np.mean([f.low <= 1 <= f.high for f in found]), np.mean([f.rank <= 0.05 for f in found])
    mean = np.mean([f.ratio.mean for f in found])
    print(
        f"\nindependent blocks: intervals hold 1 in {covered:.1%}, ranks up to 0.05 in {low:.1%}, mean ratio {mean:.3f}"
    )
    assert stats.kstest([f.rank for f in found], "uniform").pvalue > 1e-3
    assert 0.95 - 4 * math.sqrt(0.05 * 0.95 / 200) < covered
    assert abs(mean - 1) < 0.02


def test_memory_within_runs_does_not_bias_the_ratio(rng):
    """Blocks that follow the slow course of their run: pairs of one run are nearer, pairs of two runs are compared."""

    def run():
        course = np.cumsum(rng.normal(size=10)) * 0.2
        return rng.normal(size=(10, 40)) + (course - course[0] + rng.normal() * 0.3)[:, None]

    logs = [
        math.log(
            calibration.calibrate(distances.wasserstein(np.vstack([run(), run(), run()])), (10, 10, 10)).ratio.mean
        )
        for _ in range(200)
    ]
    assert abs(np.mean(logs)) < 4 * np.std(logs) / math.sqrt(200)


def test_the_law_without_sampling_error_gives_the_share_of_one_sample(rng):
    """1 / sqrt(2): its blocks are all alike, as those of a level without chance."""
    exact = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    ratios = []
    for _ in range(20):
        samples = [exact] * 10 + [rng.normal(size=200) for _ in range(20)]
        ratios.append(calibration.calibrate(distances.wasserstein_of_events(samples), (10, 10, 10)).ratio.mean)
    assert np.mean(ratios) == pytest.approx(1 / math.sqrt(2), abs=0.04)


def test_what_cannot_be_calibrated_is_refused(rng):
    matrix = blocks_with(rng, 0.0)
    matrix[:8] = matrix[:, :8] = math.nan
    with pytest.raises(SpecificationError, match="2 blocks of a run have a value; at least 4 are needed"):
        calibration.calibrate(matrix, (10, 10, 10))
    with pytest.raises(SpecificationError, match="the distances are zero"):
        calibration.calibrate(np.zeros((30, 30)), (10, 10, 10))
    matrix = blocks_with(rng, 0.0)
    matrix[3] = matrix[:, 3] = math.nan
    kept = np.arange(30) != 3
    assert calibration.calibrate(matrix, (10, 10, 10)) == calibration.calibrate(matrix[np.ix_(kept, kept)], (9, 10, 10))
