"""A validation as one self-contained HTML page, JSON and figures."""

from __future__ import annotations

import base64
import html
import io
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from reduction import plotting
from reduction.comparison import Comparison, ValidationReport
from reduction.plotting import LEVEL_NAMES
from spiking import network_file
from spiking.errors import SpecificationError
from spiking.estimates import Estimate

_STYLE = """
body { font: 16px/1.55 Georgia, 'Times New Roman', serif; color: #1a1a1a; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font: 0.85rem/1.4 system-ui, sans-serif; }
.wide { overflow-x: auto; }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
td.text, th.text { text-align: left; white-space: normal; }
thead th { border-bottom: 2px solid #333; vertical-align: bottom; }
tr.total td { border-top: 2px solid #333; font-weight: bold; }
td.small { background: #e8f3ea; } td.medium { background: #fdf3d8; } td.large { background: #f9dcd4; }
.holds { color: #1b6b34; } .strained { color: #8a5a00; } .broken { color: #a32a12; font-weight: bold; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
figcaption { font-size: 0.9rem; color: #333; }
pre { background: #f5f5f2; padding: 0.7rem 1rem; overflow-x: auto; font-size: 0.8rem; }
"""


def write(report: ValidationReport, directory: str | os.PathLike[str]) -> Path:
    """Write report.html, validation.json and figures/*.png, *.pdf into a directory, which is made if need be.

    Raises
    ------
    SpecificationError
        If the directory cannot be written to.
    """
    folder = Path(directory)
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        text = json.dumps(report.to_json(), indent=1, allow_nan=False)
        (folder / "validation.json").write_text(text, encoding="utf-8")
        pages = []
        for name, caption, figure in _figures(report):
            for suffix in ("png", "pdf"):
                figure.savefig(folder / "figures" / f"{name}.{suffix}", dpi=200)
            pages.append(_embedded(figure, caption))
            plt.close(figure)
        (folder / "report.html").write_text(_page(report, pages), encoding="utf-8")
    except OSError as error:
        raise SpecificationError(f"{directory}: cannot be written to: {error.strerror}") from None
    return folder


def _figures(report: ValidationReport) -> Iterator[tuple[str, str, Figure]]:
    population = next(iter(report.network.sizes))
    parameter = report.options.parameter
    yield (
        "rates",
        f"Firing rates over {parameter} (above) and relative errors of each level (below). Bars and grey bands are "
        "two standard errors of the simulation, from block averages.",
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
        f"Rate of the whole population {population}, 200 ms after the transient, at three values of {parameter}.",
        plotting.traces_figure(report, population),
    )
    yield "raster", "Spikes of the network in the same 200 ms.", plotting.raster_figure(report)


def _embedded(figure: Figure, caption: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    text = html.escape(caption)
    return f'<figure><img alt="{text}" src="data:image/png;base64,{data}"><figcaption>{text}</figcaption></figure>'


def _page(report: ValidationReport, figures: list[str]) -> str:
    options = report.options
    sizes = ", ".join(f"{n} {name}" for name, n in report.network.sizes.items())
    span = f"{options.values[0]:g}"
    if len(options.values) > 1:
        span = f"{options.values[0]:g} to {options.values[-1]:g} ({len(options.values)} values)"
    title = f"Reduction against spiking network: {options.parameter} = {span}"
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>Network of {html.escape(sizes)} neurons, simulated for {options.duration:g} ms "
        f"({options.trials} trial{'s' if options.trials > 1 else ''}, first {options.discard:g} ms discarded, "
        f"dt = {options.dt:g} ms, seed {options.seed}).</p>",
        *(f"<p>{html.escape(line)}</p>" for line in verdicts(report)),
        "<h2>Firing rates and relative errors</h2>",
        _rate_table(report),
        "<h2>How it was made</h2>",
        f"<pre>{html.escape(report.command)}</pre>",
        f"<p>{html.escape(versions)}. Closure: {html.escape(str(options.closure))}; "
        f"integration step of the ODE {options.integration_dt:g} ms. Run again, it resumes or repeats.</p>",
        "<h2>Applicability: which assumptions the network strains</h2>",
        "<p>Measured from the parameters alone, at the value where the strain is largest. Strain 1 is comfortable by a "
        "rule of thumb; beyond 4 the assumption is broken, and only the comparison above tells what that costs.</p>",
        _check_table(report),
        "<h2>Dynamics</h2>",
        *figures,
        "<h2>The network</h2>",
        f"<pre>{html.escape(network_file.dumps(report.network))}</pre>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def verdicts(report: ValidationReport) -> list[str]:
    """Return one sentence per level on how well its rates agree."""
    sentences = []
    rows = report.comparisons()
    for level, (mean, _) in report.summary().items():
        if not math.isfinite(mean):
            sentences.append(f"{LEVEL_NAMES[level]}: the network does not fire, so there is no relative error.")
            continue
        own = [r for r in rows if r.level == level and math.isfinite(r.error.mean)]
        worst = max(own, key=lambda r: abs(r.error.mean))
        sentences.append(
            f"{LEVEL_NAMES[level]}: rates differ from the network's by {100 * mean:.1f} % on average; at most by "
            f"{_percent(worst.error)} ({worst.population} at {report.options.parameter} = {worst.value:g})."
        )
    return sentences


def _rate_table(report: ValidationReport) -> str:
    levels = report.options.levels
    header = "".join(f"<th>{LEVEL_NAMES[level]} (Hz)</th><th>error (%)</th>" for level in levels)
    lines = [
        f'<div class="wide"><table><thead><tr><th class="text">{html.escape(report.options.parameter)}</th>'
        f'<th class="text">population</th><th>network (Hz)</th>{header}</tr></thead><tbody>'
    ]
    rows = report.comparisons()
    for start in range(0, len(rows), len(levels)):
        group = rows[start : start + len(levels)]
        first = group[0]
        cells = "".join(_error_cells(row) for row in group)
        lines.append(
            f'<tr><td class="text">{first.value:g}</td><td class="text">{html.escape(first.population)}</td>'
            f"<td>{_hertz(first.network)}</td>{cells}</tr>"
        )
    totals = "".join(f"<td></td><td>{100 * m:.1f} / {100 * w:.1f}</td>" for m, w in report.summary().values())
    lines.append(f'<tr class="total"><td class="text" colspan="3">mean / largest absolute error</td>{totals}</tr>')
    return "\n".join(lines) + "</tbody></table></div>"


def _error_cells(row: Comparison) -> str:
    size = abs(row.error.mean)
    shade = "small" if size <= 0.02 else "medium" if size <= 0.1 else "large"
    return f'<td>{row.reduced.mean:.2f}</td><td class="{shade}">{_percent(row.error)[:-2]}</td>'


def _hertz(rate: Estimate) -> str:
    return f"{rate.mean:.2f} ± {rate.se:.2f}" if math.isfinite(rate.se) else f"{rate.mean:.2f}"


def _percent(error: Estimate) -> str:
    spread = f" ± {100 * error.se:.1f}" if math.isfinite(error.se) else ""
    return f"{100 * error.mean:+.1f}{spread} %"


def _check_table(report: ValidationReport) -> str:
    lines = [
        '<div class="wide"><table><thead><tr><th class="text">assumption</th><th class="text">measure</th>'
        "<th>value</th>"
        '<th>strain</th><th class="text">verdict</th><th class="text">expect</th></tr></thead><tbody>'
    ]
    for check in report.checks:
        lines.append(
            f'<tr><td class="text">{html.escape(check.assumption)}</td>'
            f'<td class="text">{html.escape(check.measure)} ({html.escape(check.address)})</td>'
            f"<td>{check.value:.3g}</td><td>{check.strain:.2g}</td>"
            f'<td class="text {check.verdict}">{check.verdict}</td>'
            f'<td class="text">{html.escape(check.consequence) if check.strain > 1 else ""}</td></tr>'
        )
    return "\n".join(lines) + "</tbody></table></div>"
