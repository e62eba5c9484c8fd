"""Comparison of attractors: calibrated against the network's own sampling error, in words, tables and pictures."""

from __future__ import annotations

import json
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import stats

import spiking
from reduction import attractor_plots
from reduction.aspects import attractors as aspect
from reduction.attractors import blocks as cutting
from reduction.attractors.calibration import Calibrated, calibrate
from reduction.attractors.distances import sliced_wasserstein
from reduction.measuring import Settings
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.estimates import Estimate

SHORT = Settings(duration=2600.0, discard=500.0, seed=3, bins=40, noise_levels=2)


@pytest.fixture(scope="module")
def found(chang):
    return aspect.compare_attractors(chang, SHORT, levels=("chain", "ode", "published"))


def test_every_level_is_compared_in_everything(found):
    assert list(found.levels) == ["chain", "ode", "published"]
    assert (found.blocks, found.block) == (10, 209.5)
    assert found.missing == {}
    chain = found.levels["chain"]
    for kind, number in {"cloud": 1, "coordinate": 10, "occupation": 10, "plane": 3, "spectrum": 2}.items():
        assert sum(d.kind == kind for d in chain.distances) == number
    assert chain.distance("event", "E.peak_height").unit == "spikes per ms"
    assert chain.distance("coordinate", "I.voltage_spread").unit == "mV"
    assert chain.distance("coordinate", "X.rate") is None
    for own in found.levels.values():
        for d in own.distances:
            assert 0 < d.value.low < d.value.ratio.mean < d.value.high < math.inf, d
            assert 1e-3 <= d.value.rank <= 1
            assert d.value.distance == pytest.approx(d.value.ratio.mean * d.value.own_distance)


def test_the_chain_is_nearer_than_levels_without_chance(found):
    whole = {name: own.distance("cloud", aspect.WHOLE).value for name, own in found.levels.items()}
    print({name: f"{v.ratio} {v.rank}" for name, v in whole.items()})
    assert whole["chain"].ratio.mean < whole["ode"].ratio.mean
    for plane in [d.subject for d in found.levels["chain"].distances if d.kind == "plane"]:
        chain, ode = (found.levels[name].distance("plane", plane).value for name in ("chain", "ode"))
        assert ode.low > chain.high


def test_planes_hold_the_time_spent(found):
    names = [plane.names for plane in found.planes]
    assert names == [("EE.pending", "EI.pending"), ("E.voltage", "E.voltage_spread"), ("E.rate", "I.rate")]
    assert found.planes[1].units == ("mV", "mV")
    for plane in found.planes:
        area = np.outer(np.diff(plane.x_edges), np.diff(plane.y_edges))
        assert plane.points == {"network": 2 * 4190, "chain": 4190, "ode": 4190, "published": 4190}
        for source in plane.counts:
            outside = plane.occupation(source).overflow
            assert (plane.density(source) * area).sum() == pytest.approx(1 - outside)
        assert plane.occupation("network").overflow < 0.005


def test_spectra_and_histograms_hold_all_sources(found, chang):
    for spectrum in found.spectra:
        assert spectrum.frequency[0] == pytest.approx(5.0)
        assert set(spectrum.power) == set(spectrum.se) == {"network", "chain", "ode", "published"}
        peak = spectrum.frequency[int(np.argmax(spectrum.power["network"]))]
        assert 20.0 <= peak <= 90.0
    heights = next(h for h in found.histograms if h.subject == "E.peak_height")
    for source, number in heights.events.items():
        assert number > 20
        assert 0.98 * number <= sum(heights.counts[source]) <= number


def test_a_comparison_survives_json(found):
    text = json.dumps(found.to_plain(), allow_nan=False)
    again = aspect.AttractorComparison.from_plain(json.loads(text))
    assert again == found
    assert [v.text for v in again.verdicts()] == [v.text for v in found.verdicts()]
    print(f"\n{len(text) / 1000:.0f} kB")


def test_verdicts_and_tables_say_the_numbers(found):
    verdicts = found.verdicts()
    assert [v.subject for v in verdicts] == [name for name in found.levels for _ in range(3)]
    first, ode = verdicts[0], verdicts[3]
    ratio = found.levels["chain"].distance("cloud", aspect.WHOLE).value.ratio
    assert first.text.startswith(
        f"The chain's attractor is {ratio.mean:.2f} ± {ratio.se:.2f} times as far from the netw"
    )
    assert first.value == ratio
    assert "0.7 would be the network's own law" in ode.text
    assert "0.7" not in first.text.split(";")[-1]
    distances, outside = found.tables()[:2]
    assert len(distances.rows) == sum(len(own.distances) for own in found.levels.values())
    assert len(outside.rows) == 12
    for table in found.tables():
        assert all(len(row) == len(table.header) for row in table.rows)


@pytest.mark.parametrize(
    ("ratio", "reach", "rank", "random", "grade"),
    [
        (1.05, 1.2, 0.3, True, "agrees"), (1.05, 1.2, 0.004, True, "close"), (1.05, 1.2, 0.004, False, "agrees"),
        (1.3, 1.6, 0.3, True, "undecided"), (0.7, 1.1, 0.001, False, "agrees"), (1.5, 1.2, 0.001, True, "close"),
        (2.6, 1.2, 0.001, True, "differs"), (2.2, 3.0, 0.2, False, "undecided"), (2.2, 3.0, 0.001, True, "differs"),
    ],
)  # fmt: skip
def test_grades(ratio, reach, rank, random, grade):
    value = Calibrated(Estimate(ratio, 0.1), ratio / reach, ratio * reach, rank, ratio, 1.0)
    assert aspect.grade_of(value, random=random) == grade


def test_results_depend_on_network_and_settings_alone(small):
    settings = Settings(duration=2150.0, discard=100.0, bins=20, noise_levels=2, seed=5)
    one, two = (aspect.compare_attractors(small, settings, levels=levels) for levels in (("chain",), ("ode", "chain")))
    assert one.levels["chain"] == two.levels["chain"]
    assert one.spectra[0].power["network"] == two.spectra[0].power["network"]
    other = aspect.compare_attractors(small, settings.at({"EE.weight": 0.8}), levels=())
    assert other.spectra[0].power["network"] != one.spectra[0].power["network"]


def test_trials_are_further_blocks(small):
    settings = Settings(duration=2150.0, discard=100.0, trials=2)
    found = aspect.compare_attractors(small, settings, levels=())
    assert found.blocks == 20
    assert found.planes[0].points["network"] == 2 * 2 * 10 * round(found.block / 0.5)


def test_progress_is_reported_and_may_stop_the_work(small):
    settings = Settings(duration=2150.0, discard=100.0, bins=20, noise_levels=2)
    seen = []
    aspect.compare_attractors(small, settings, levels=("ode",), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aspect.compare_attractors(small, settings, levels=("ode",), progress=stop)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"levels": ("siegert",)}, SpecificationError, "level 'siegert' is a stationary state and has no attractor"),
        ({"levels": ("chian",)}, UnknownNameError, "level 'chian' does not exist"),
        ({"planes": [("E.rate", "X.rate")]}, UnknownNameError, "coordinate 'X.rate' does not exist"),
        ({"planes": ["E.rate"]}, ParameterError, "planes = 'E.rate': must be pairs of coordinates"),
        (
            {"settings": Settings(duration=2000.0, discard=0.0)},
            ParameterError,
            "duration = 2000.0: must exceed discard by 2010 ms",
        ),
        (
            {"settings": Settings(dt=0.0371, integration_dt=0.1)},
            SpecificationError,
            "have no common multiple up to 5 ms",
        ),
        ({"settings": Settings(scheme="none")}, UnknownNameError, "scheme 'none' does not exist"),
    ],
)
def test_bad_input_is_refused_before_any_work(chang, options, error, message, monkeypatch):
    monkeypatch.setattr(Settings, "simulated", lambda *_, **__: pytest.fail("work has begun"))
    with pytest.raises(error, match=message):
        aspect.compare_attractors(chang, **options)


def test_the_least_duration_is_enough(small):
    settings = Settings(duration=2010.0, discard=0.0, bins=20, noise_levels=2)
    assert aspect.compare_attractors(small, settings, levels=()).block == 200.5


def test_a_level_that_does_not_cover_the_network_is_recorded(small):
    settings = Settings(duration=2150.0, discard=100.0, bins=20, noise_levels=2)
    found = aspect.compare_attractors(small, settings, levels=("published",))
    assert found.levels == {}
    assert "level 'published' covers LIF neurons with an exponential refractory time" in found.missing["published"]
    assert [v.grade for v in found.verdicts()] == ["undecided"]
    assert aspect.AttractorComparison.from_plain(json.loads(json.dumps(found.to_plain()))) == found
    assert list(attractor_plots.figures("EE.weight", [0.8], [found])) == []


def test_what_does_not_vary_or_happen_is_missing_with_the_reason():
    neuron = spiking.LIF(100.0, 0.0, 10.0, refractory=spiking.Exponential(2.0))
    network = spiking.Network(
        [
            spiking.Population("A", 20, neuron, spiking.GaussianDrive(1.0, 1.0)),
            spiking.Population("B", 10, neuron, spiking.NoDrive()),
        ],
        [spiking.Projection("B", "A", spiking.PendingCurrent(0.1, 2.0), spiking.Annealed(0.5))],
    )
    settings = Settings(duration=2150.0, discard=100.0, bins=40, noise_levels=2)
    found = aspect.compare_attractors(network, settings, levels=("chain",))
    own = found.levels["chain"]
    assert own.missing["B.voltage"] == own.missing["BA.pending"] == "does not vary in the network"
    assert {d.subject for d in own.distances if d.kind == "coordinate"} == {"A.voltage", "A.voltage_spread"}
    assert not any(d.kind in ("event", "spectrum") for d in own.distances)
    assert "0 blocks of a run have a value" in own.missing["A.peak_height (Wasserstein, events)"]
    assert found.histograms == ()
    json.dumps(found.to_plain(), allow_nan=False)
    for _, _, figure in attractor_plots.figures("", [0.0], [found]):
        figure.canvas.draw()
        plt.close(figure)


def test_default_planes_suit_any_populations():
    neuron, drive = spiking.LIF(10.0), spiking.GaussianDrive(1.0)
    alone = spiking.Network([spiking.Population("X", 5, neuron, drive)])
    assert aspect.default_planes(alone) == (("X.voltage", "X.voltage_spread"), ("X.rate", "X.voltage"))
    synapse = spiking.PendingCurrent(0.1, 2.0)
    loop = spiking.Network([*alone.populations], [spiking.Projection("X", "X", synapse, spiking.Annealed(0.5))])
    assert aspect.default_planes(loop)[0] == ("XX.pending", "X.rate")
    three = spiking.Network([spiking.Population(n, 5, neuron, drive) for n in "ABC"])
    assert aspect.default_planes(three)[-1] == ("A.rate", "B.rate")


def test_pictures_show_what_was_found(found):
    names = []
    for name, caption, figure in attractor_plots.figures("EI.probability", [0.8], [found]):
        names.append(name)
        assert len(caption) > 40
        assert "EI.probability = 0.8" in caption
        figure.canvas.draw()
        for ax in figure.axes:
            if ax.get_visible() and ax.has_data():
                assert ax.get_xlabel() or ax.get_ylabel()
        plt.close(figure)
    assert names == [f"attractor_{kind}_0" for kind in ("distances", "densities", "spectra", "events")]


def test_every_distance_is_drawn(found):
    figure = attractor_plots.distances_figure(found)
    for marker, level in (("^", "chain"), ("o", "ode"), ("s", "published")):
        expected = [d.value.ratio.mean for d in found.levels[level].distances if d.kind != "occupation"]
        (drawn,) = (line.get_xdata() for line in figure.axes[0].lines if line.get_marker() == marker)
        assert sorted(drawn) == sorted(expected)
    plt.close(figure)
    figure = attractor_plots.over_parameter("EI.probability", [0.7, 0.8], [found, found])
    whole = found.levels["chain"].distance("cloud", aspect.WHOLE).value.ratio.mean
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines if line.get_marker() == "^"] == [[whole, whole]]
    plt.close(figure)


def whole_distance(runs, blocks=10, **place):
    """Calibrated distance, in all coordinates, of the first of three runs."""
    level, *pair = (cutting.cut(run, blocks=blocks, interval=0.5, **place) for run in runs)
    names = list(level.points)
    network = {n: np.concatenate([p.points[n] for p in pair]) for n in names}
    points = [(np.concatenate([level.points[n], network[n]]) - network[n].mean()) / network[n].std() for n in names]
    return calibrate(sliced_wasserstein(np.stack(points, axis=2)), (blocks, blocks, blocks))


def coverage(network, repetitions, duration, seed):
    """Calibrated distances of independent runs of a network from itself."""
    found = []
    for repetition in range(repetitions):
        settings = Settings(duration=duration, discard=500.0, seed=seed + repetition)
        runs = [settings.simulated(network, stream=name) for name in ("third", "network", "network, again")]
        found.append(whole_distance(runs, discard=500.0))
    held = sum(f.low <= 1 <= f.high for f in found)
    ratios = np.array([f.ratio.mean for f in found])
    print(
        f"\n{repetitions} runs of {duration - 500:g} ms: interval holds 1 in {held}; ratio {ratios.mean():.3f}, s.d. "
        f"{ratios.std():.3f}, stated s.e. {np.mean([f.ratio.se for f in found]):.3f}; p <= 0.05 in "
        f"{sum(f.rank <= 0.05 for f in found)}"
    )
    return held, ratios, found


def check_coverage(held, ratios, found):
    """Held within what 95 % allow at 1 in 1000; ratios 1 on average; ranks not too often low."""
    assert held >= stats.binom.ppf(1e-3, len(ratios), 0.95)
    assert abs(ratios.mean() - 1) < 4 * ratios.std() / math.sqrt(len(ratios)) + 0.02
    assert sum(f.rank <= 0.05 for f in found) <= stats.binom.ppf(0.999, len(ratios), 0.05)


def test_a_network_is_as_far_from_itself_as_it_says(small):
    check_coverage(*coverage(small, 20, 2600.0, 100))


@pytest.mark.slow
@pytest.mark.parametrize("probability", [0.6, 0.8])
def test_chang2025_is_as_far_from_itself_as_it_says(chang, probability):
    check_coverage(*coverage(chang.replace({"EI.probability": probability}), 100, 4500.0, 1000))


@pytest.mark.slow
@pytest.mark.parametrize("probability", [0.6, 0.8])
def test_a_weight_three_per_cent_larger_is_detected(chang, probability):
    """By the ratio with runs of 20 s, by the permutations with runs of 4 s."""
    network = chang.replace({"EI.probability": probability})
    other = network.replace({"EE.weight": 1.03 * network["EE.weight"]})
    for duration in (4500.0, 20500.0):
        found = []
        for repetition in range(10):
            settings = Settings(duration=duration, discard=500.0, seed=2000 + repetition)
            pair = [settings.simulated(network, stream=name) for name in ("network", "network, again")]
            found.append(whole_distance([settings.simulated(other, stream="third"), *pair], discard=500.0))
        above, low = sum(f.low > 1 for f in found), sum(f.rank <= 0.05 for f in found)
        print(
            f"\np^EI = {probability}, {duration - 500:g} ms: ratio {np.mean([f.ratio.mean for f in found]):.2f}, "
            f"interval above 1 in {above} of 10, p <= 0.05 in {low}"
        )
        assert low >= 8
    assert above >= 8
