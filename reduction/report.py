"""A validation on disk: one self-contained HTML page, Markdown, JSON and figures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from reduction import pages, plotting
from reduction.comparison import ValidationReport
from reduction.pages import Section
from reduction.summaries import Sentence, all_sentences, applicability_table, rate_table
from reduction.whole_files import write_whole
from spiking.errors import SpecificationError

_TITLES = {
    "rates": "Firing rates",
    "budget": "Error budget: what causes the difference",
    "transients": "Response to a step",
    "wiring": "Fixed wiring",
    "attractors": "Attractors",
    "metastability": "Metastability",
    "bifurcations": "Bifurcations",
}
_PLOTS = {
    "budget": "budget_plots", "transients": "response_plots", "wiring": "response_plots",
    "attractors": "attractor_plots", "metastability": "dynamics_plots", "bifurcations": "agreement_plots",
}  # fmt: skip


def write(report: ValidationReport, directory: str | os.PathLike[str]) -> Path:
    """Write report.html, report.md, validation.json and figures/*.png, *.pdf into a directory, made if need be.

    Raises
    ------
    SpecificationError
        If the directory cannot be written to.
    """
    folder = Path(directory)
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        write_whole(folder / "validation.json", json.dumps(report.to_json(), indent=1, allow_nan=False))
        said = all_sentences(report)
        sections = [_section(report, aspect, said[aspect], folder / "figures") for aspect in report.results]
        last = applicability_table(report)
        write_whole(folder / "report.html", pages.html_page(report, sections, last))
        write_whole(folder / "report.md", pages.markdown_page(report, sections, last))
    except OSError as error:
        raise SpecificationError(f"{directory}: cannot be written to: {error.strerror}") from None
    return folder


def _section(report: ValidationReport, aspect: str, sentences: list[Sentence], folder: Path) -> Section:
    pictures = []
    for name, caption, figure in _figures(report, aspect):
        for suffix in ("png", "pdf"):
            figure.savefig(folder / f"{name}.{suffix}", dpi=200)
        pictures.append(pages.Picture(f"figures/{name}.png", caption, pages.embedded(figure)))
        plt.close(figure)
    if aspect == "rates":
        return Section(_TITLES[aspect], sentences, [("", [rate_table(report)])], pictures)
    labels = [""] if aspect == "bifurcations" else report.labels()
    tables = [(label, result.tables()) for label, result in zip(labels, report.results[aspect], strict=True)]
    return Section(_TITLES[aspect], sentences, tables, pictures)


def _figures(report: ValidationReport, aspect: str) -> Iterator[tuple[str, str, Figure]]:
    if aspect == "rates":
        yield from _rate_figures(report)
        return
    module = import_module(f"reduction.{_PLOTS[aspect]}")
    parameter = report.options.parameter
    if isinstance(parameter, str):
        yield from module.figures(parameter, report.options.values, report.results[aspect])
    else:
        yield from module.figures("parameter set", range(1, len(report.options.sets) + 1), report.results[aspect])


def _rate_figures(report: ValidationReport) -> Iterator[tuple[str, str, Figure]]:
    populations = list(report.network.sizes)
    if not isinstance(report.options.parameter, str):
        for population in populations:
            caption = (
                f"Rate of population {population} in the network, and relative error of each level. A dot marks errors "
                "within two standard errors of zero."
            )
            yield f"plane_{population}", caption, plotting.plane_figure(report, population)
        return
    population, parameter = populations[0], report.options.parameter
    yield (
        "rates",
        f"Firing rates over {parameter} (above) and relative errors of each level (below). Bars and grey bands are "
        "two standard errors of the simulation.",
        plotting.rates_figure(report),
    )
    yield (
        "peaks",
        f"Heights of the peaks of the {population} rate (1 ms average, peaks at least 4 ms apart) over {parameter}. "
        "Each column is a histogram. One dark line: every event has the same size; two: large and small in turn.",
        plotting.peaks_figure(report, population),
    )
    yield (
        "differences",
        f"Differences between the heights of successive {population} peaks over {parameter}: zero where events "
        "repeat, two symmetric branches where they alternate. Each column is a histogram.",
        plotting.differences_figure(report, population),
    )
    yield (
        "traces",
        f"Rate of the whole population {population}, 200 ms after the transient, at up to three values of {parameter}.",
        plotting.traces_figure(report, population),
    )
    yield "raster", "Spikes of the network in the same 200 ms.", plotting.raster_figure(report)
