from __future__ import annotations

import json
import math
import re

import pytest
from browser import CHROMIUM, layout

import reduction
import spiking
from reduction.cli import main
from reduction.summaries import condensed
from reduction.verdicts import Table, Verdict, graded, half_width
from spiking.errors import SpecificationError
from spiking.estimates import Estimate

SHORT = {"duration": 300.0, "discard": 100.0, "seed": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    report = reduction.validate(
        spiking.presets.chang2025(), parameter="EI.probability", values=[0.6, 0.8], levels=["ode", "siegert"], **SHORT
    )
    return report.save(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def plane():
    return reduction.validate(
        spiking.presets.chang2025(), parameter=("EI.probability", "EE.weight"), values=([0.6, 0.8], [0.9, 0.95, 1.0]),
        levels=["ode"], closure="white", integration_dt=0.2, **SHORT,
    )  # fmt: skip


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [390, 1400])
def test_the_page_fits_its_window_and_shows_every_picture(folder, tmp_path, width):
    found = layout(folder / "report.html", width, tmp_path)
    assert found["content"] <= found["width"] <= width
    assert found["wide"] == []
    assert (found["images"], found["broken"], found["scripts"]) == (5, 0, 0)
    assert found["text"] > 3000


def test_markdown_says_the_same_and_its_figures_exist(folder):
    text = (folder / "report.md").read_text(encoding="utf-8")
    page = (folder / "report.html").read_text(encoding="utf-8")
    sentences = re.findall(r"^\* \*\*(\w+)\*\*: (.*)$", text, re.M)
    assert len(sentences) == 2
    for grade, sentence in sentences:
        escaped = sentence.replace("'", "&#x27;")
        assert f'<b class="{grade}">{grade}</b>{escaped}' in page
    paths = re.findall(r"\]\((figures/\w+\.png)\)", text)
    assert len(paths) == 5
    assert all((folder / path).stat().st_size > 5000 for path in paths)


def test_a_report_is_written_anew_from_its_numbers(folder, capsys):
    page = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert "asynchronous state: rates differ" in capsys.readouterr().out
    assert (folder / "report.html").read_bytes() == page


def test_a_folder_without_a_report_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "is not a validation saved by snn2ode" in capsys.readouterr().err
    (tmp_path / "validation.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(SpecificationError, match="format 2, not 3: make it anew"):
        reduction.ValidationReport.load(tmp_path)


def test_a_level_without_dynamics_has_rates_only(folder):
    report = reduction.ValidationReport.load(folder)
    assert {row.level for row in report.comparisons()} == {"ode", "siegert"}
    states = reduction.stationary(
        reduction.MarkovApproximation(spiking.presets.chang2025().replace({"EI.probability": 0.6}), closure="white")
    )
    rate = report.points[0]["siegert"].rates["E"]
    assert rate.mean in [state.rates["E"] for state in states]
    assert report.points[0]["siegert"].height_differences("E").size == 0


def test_a_plane_has_every_pair_in_order_and_a_map_per_population(plane, tmp_path):
    pairs = [(p, w) for p in (0.6, 0.8) for w in (0.9, 0.95, 1.0)]
    assert [row.value for row in plane.comparisons()] == [pair for pair in pairs for _ in range(2)]
    plane.save(tmp_path)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"plane_{population}.{suffix}" for population in "EI" for suffix in ("png", "pdf")
    }
    assert reduction.ValidationReport.load(tmp_path).to_json() == plane.to_json()
    lone = reduction.validate(
        spiking.presets.chang2025().replace({"EE.weight": 1.0}), parameter="EI.probability", values=[0.6],
        levels=["ode"], closure="white", integration_dt=0.2, **SHORT,
    )  # fmt: skip
    ode = [row.reduced for row in lone.comparisons()]
    assert [row.reduced for row in plane.comparisons()][4:6] == ode


@pytest.mark.parametrize(
    ("error", "se", "grade"),
    [
        (0.004, 0.0, "agrees"), (0.03, 0.02, "agrees"), (-0.03, 0.01, "close"), (0.2, 0.05, "differs"),
        (0.07, 0.16, "undecided"), (math.nan, math.nan, "undecided"), (0.5, 0.16, "differs"),
    ],
)  # fmt: skip
def test_grades_of_rates(error, se, grade):
    assert graded(Estimate(error, se), half_width(Estimate(error, se))) == grade


def test_an_interval_for_many_tests_is_wider():
    assert half_width(Estimate(0.0, 0.01)) == pytest.approx(0.0196, abs=1e-4)
    assert half_width(Estimate(0.0, 0.01), 22) == pytest.approx(0.0305, abs=1e-4)
    assert half_width(Estimate(0.0, math.nan)) == 0.0


def test_many_parameter_sets_are_condensed_to_the_worst():
    verdicts = [
        (f"p = {i}", Verdict("attractors", "chain", f"number {i}.", "differs" if i == 3 else "agrees"))
        for i in range(6)
    ]
    assert condensed(verdicts) == [("differs", "chain: differs 1 times, agrees 5 times. Worst at p = 3: number 3.")]
    assert condensed(verdicts[:2]) == [("agrees", "p = 0: number 0."), ("agrees", "p = 1: number 1.")]


def test_tables_escape_what_they_hold():
    table = Table("a < b", ["name", "x|y"], [["<E>", "1|2"]])
    assert '<td class="text">&lt;E&gt;</td>' in table.to_html()
    assert "| <E> | 1\\|2 |" in table.to_markdown()
