from __future__ import annotations

import json
import math
import zlib

import numpy as np
import pytest

import reduction
from reduction.summaries import all_sentences
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

FAST = {"parameter": "EI.probability", "values": [0.6, 0.8], "duration": 400.0, "discard": 150.0, "seed": 3}


@pytest.fixture(scope="module")
def report():
    import spiking

    return reduction.validate(spiking.presets.chang2025(), **FAST)


def test_what_it_compares(report, chang):
    import spiking

    assert [row.value for row in report.comparisons()] == [0.6] * 6 + [0.8] * 6
    row = report.comparisons()[0]
    assert (row.population, row.level) == ("E", "ode")
    assert row.error.mean == pytest.approx(row.reduced.mean / row.network.mean - 1)
    for row in report.comparisons():
        assert (row.reduced.se > 0) == (row.level == "chain")
        parts = row.reduced.se, max(1.0, row.error.mean + 1) * row.network.se
        assert row.error.se == pytest.approx(math.hypot(*parts) / row.network.mean)
    row = report.comparisons()[0]
    ode = reduction.integrate(
        reduction.MarkovApproximation(chang.replace({"EI.probability": 0.6})), "ode", 400.0
    )  # fmt: skip
    assert row.reduced == ode.rates(150.0)["E"]
    words = np.frombuffer(np.float64(0.6).tobytes(), "<u4")
    seed = np.random.SeedSequence(3, spawn_key=(*(int(w) for w in words), zlib.crc32(b"network")))
    network = spiking.simulate(chang.replace({"EI.probability": 0.6}), 400.0, seed=seed)
    assert row.network == network.rates(150.0)["E"]
    errors = [abs(r.error.mean) for r in report.comparisons() if r.level == "ode"]
    assert report.summary()["ode"] == (pytest.approx(np.mean(errors)), max(errors))


def test_results_do_not_depend_on_workers_or_company(report, chang):
    again = reduction.validate(chang, **FAST, workers=1)
    assert again.to_json() == report.to_json()
    alone = reduction.validate(chang, **{**FAST, "values": [0.8]})
    assert alone.to_json()["results"]["rates"][0] == report.to_json()["results"]["rates"][1]


def test_saving_loses_nothing(report, tmp_path):
    report.save(tmp_path / "out")
    loaded = reduction.ValidationReport.load(tmp_path / "out")
    assert loaded.to_json() == report.to_json()
    assert loaded.comparisons() == report.comparisons()
    with pytest.raises(SpecificationError, match="is not a validation saved by snn2ode"):
        reduction.ValidationReport.load(tmp_path)


def test_the_page_is_self_contained_and_says_what_matters(report, tmp_path):
    report.save(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == page.count("<img") == 5
    assert "http" not in page
    assert "<script" not in page
    assert page.index("In short") < page.index("relative errors") < page.index("Applicability")
    assert report.command in page.replace("&#x27;", "'")
    for _, sentence in all_sentences(report)["rates"]:
        assert sentence.replace("'", "&#x27;") in page
    for name in ("rates", "peaks", "differences", "traces", "raster"):
        for suffix in ("png", "pdf"):
            assert (tmp_path / "figures" / f"{name}.{suffix}").stat().st_size > 5000
    json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_the_rate_plot_has_error_bars_and_a_curve_per_level(report):
    ax = report.plot(population="I")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["ODE", "chain", "published scheme", "spiking network (± 2 s.e.)"]
    assert "Hz" in ax.get_ylabel()


def test_an_interrupted_validation_resumes(chang, tmp_path):
    options = {**FAST, "values": [0.6, 0.7, 0.8], "workers": 1}
    whole = reduction.validate(chang, **options)

    def stop(fraction):
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduction.validate(chang, **options, store=tmp_path, progress=stop)
    kept = sorted((tmp_path / "points").glob("*.json"))
    assert len(kept) == 1
    times = {path: path.stat().st_mtime_ns for path in kept}
    resumed = reduction.validate(chang, **options, store=tmp_path)
    assert resumed.to_json() == whole.to_json()
    assert {path: path.stat().st_mtime_ns for path in kept} == times
    assert len(list((tmp_path / "points").iterdir())) == 3


@pytest.mark.filterwarnings("ignore:.*once per step")
def test_a_failing_point_names_its_value_and_keeps_the_others(tmp_path):
    import spiking

    network = spiking.presets.cai2021_hom()
    options = {"parameter": "EI.weight", "values": [0.0, 20.0], "levels": ["ode"], "duration": 60.0, "discard": 10.0}
    with pytest.raises(spiking.NumericalError, match=r"EI.weight = 0: level 'ode': . makes too many hops"):
        reduction.validate(network, **options, store=tmp_path, workers=2)
    with pytest.raises(spiking.NumericalError):
        reduction.validate(network, **{**options, "values": [0.0]}, store=tmp_path)
    kept = len(list((tmp_path / "points").iterdir()))
    reduction.validate(network, **{**options, "values": [20.0]}, store=tmp_path)
    assert len(list((tmp_path / "points").iterdir())) == 1 >= kept


def test_a_damaged_point_is_computed_again(chang, tmp_path):
    options = {**FAST, "values": [0.8], "levels": ["ode"]}
    first = reduction.validate(chang, **options, store=tmp_path)
    (point,) = (tmp_path / "points").iterdir()
    point.write_text("garbage")
    assert reduction.validate(chang, **options, store=tmp_path).to_json() == first.to_json()


def test_default_levels_are_those_that_cover_the_network(chang):
    import spiking

    options = {"parameter": "EI.weight", "values": [20.0], "duration": 60.0, "discard": 10.0}
    assert reduction.validate(spiking.presets.cai2021_hom(), **options).options.levels == ("ode", "chain")
    assert reduction.validate(chang, **{**options, "values": [2.0]}).options.levels == ("ode", "chain", "published")


def test_other_options_do_not_use_the_store(chang, tmp_path):
    options = {**FAST, "values": [0.8], "levels": ["ode"]}
    first = reduction.validate(chang, **options, store=tmp_path)
    other = reduction.validate(chang, **{**options, "seed": 4}, store=tmp_path)
    assert first.comparisons()[0].network != other.comparisons()[0].network
    assert len(list((tmp_path / "points").iterdir())) == 2


def test_a_network_that_never_fires(tmp_path):
    import spiking

    silent = spiking.Network(
        [
            spiking.Population(
                "E", 20, spiking.LIF(1e4, refractory=spiking.Exponential(2.0)), spiking.GaussianDrive(1.0)
            )
        ],
        [spiking.Projection("E", "E", spiking.PendingCurrent(1.0, 1.0), spiking.Annealed(0.5))],
    )
    report = reduction.validate(
        silent, parameter="EE.weight", values=[1.0], duration=50.0, discard=10.0, levels=["ode"]
    )  # fmt: skip
    assert math.isnan(report.comparisons()[0].error.mean)
    report.save(tmp_path)
    json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"parameter": "EI.prob"}, UnknownNameError, "address 'EI.prob' does not exist"),
        ({"values": []}, SpecificationError, r"values = \[\]: must hold at least one value"),
        ({"values": [0.8, 0.6]}, SpecificationError, "must be strictly increasing"),
        ({"values": [0.8, 1.2]}, ParameterError, r"EI.probability = 1.2: must lie in \[0, 1\]"),
        ({"values": [math.nan]}, ParameterError, "EI.probability = nan"),
        ({"values": 0.5}, SpecificationError, "values = 0.5: must be a sequence of numbers"),
        ({"values": "0.5"}, SpecificationError, "values = '0.5': must be a sequence of numbers"),
        ({"levels": []}, SpecificationError, r"levels = \[\]: must name at least one"),
        ({"levels": ["sde"]}, UnknownNameError, "level 'sde' does not exist"),
        ({"discard": 400.0}, ParameterError, "discard = 400.0: must be less than the duration"),
        ({"dt": 2.0}, ParameterError, "dt = 2.0: must be at most"),
        ({"scheme": "euler"}, UnknownNameError, "scheme 'euler'"),
        ({"scheme": "exact"}, SpecificationError, "E.drive: scheme 'exact' needs Poisson kicks"),
        ({"workers": 0}, ParameterError, "workers = 0"),
        ({"closure": "gray"}, UnknownNameError, "closure 'gray'"),
        ({"trials": 0}, ParameterError, "trials = 0"),
    ],
)
def test_bad_options_are_refused_before_work_starts(chang, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        reduction.validate(chang, **{**FAST, "store": tmp_path / "store", **options})
    assert not (tmp_path / "store" / "points").exists() or not list((tmp_path / "store" / "points").iterdir())


def test_an_unwritable_store_is_refused(chang, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpecificationError, match="cannot be written to"):
        reduction.validate(chang, **FAST, store=tmp_path / "file")
