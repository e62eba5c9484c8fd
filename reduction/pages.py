"""Reports as pages: HTML that needs nothing else, and Markdown."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from reduction.comparison import ValidationReport
from reduction.summaries import Sentence
from reduction.verdicts import Table
from spiking import network_file

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.55 Georgia, 'Times New Roman', serif; color: #1a1a1a; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.25rem; margin-top: 2.4rem; border-top: 1px solid #bbb;
     padding-top: 0.8rem; }
nav { font: 0.9rem/1.6 system-ui, sans-serif; } nav a { margin-right: 1rem; }
table { border-collapse: collapse; font: 0.85rem/1.4 system-ui, sans-serif; }
caption { text-align: left; padding: 0.3rem 0; color: #333; }
.wide { overflow-x: auto; margin: 1rem 0; }
th, td { padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap;
         vertical-align: top; }
td.text, th.text { text-align: left; white-space: normal; min-width: 6rem; }
thead th { border-bottom: 2px solid #333; vertical-align: bottom; }
ul.verdicts { list-style: none; padding: 0; } ul.verdicts li { margin: 0.45rem 0; padding-left: 6.2rem; }
ul.verdicts b { float: left; width: 5.6rem; margin-left: -6.2rem; font: 0.8rem/1.5 system-ui, sans-serif;
                text-align: center; border-radius: 0.3rem; }
b.agrees { background: #d8ecdd; color: #13522a; } b.close { background: #fbedc6; color: #5f4300; }
b.differs { background: #f6d5cb; color: #7c1d09; } b.undecided { background: #e6e6e3; color: #333; }
figure { margin: 1.5rem 0; } img { max-width: 100%; height: auto; }
@media (max-width: 700px) { figure img { max-width: none; width: 42rem; } }
figcaption { font-size: 0.9rem; color: #333; }
summary { cursor: pointer; font: 0.95rem/1.6 system-ui, sans-serif; }
pre { background: #f5f5f2; padding: 0.7rem 1rem; overflow-x: auto; font-size: 0.8rem; }
"""

_KEY = (
    "agrees: within sampling error; close: a difference is there, but small; differs: by more; undecided: the data do "
    "not tell, or there is nothing to compare."
)


class Picture(NamedTuple):
    """A figure: its file, caption, and PNG as base64."""

    path: str
    caption: str
    data: str


class Section(NamedTuple):
    """An aspect of a report: verdicts, tables of the parameter sets, pictures."""

    title: str
    sentences: Sequence[Sentence]
    tables: Sequence[tuple[str, Sequence[Table]]]
    pictures: Sequence[Picture]


def embedded(figure: Figure) -> str:
    """Return a figure as base64 of its PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def html_page(report: ValidationReport, sections: Sequence[Section], assumptions: Table) -> str:
    """Return the page: no script, nothing loaded from elsewhere."""
    title = _title(report)
    links = "".join(f'<a href="#{_anchor(s.title)}">{html.escape(s.title)}</a>' for s in sections)
    body = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(_setting(report))}</p>",
        f'<nav>{links}<a href="#how">How it was made</a></nav>',
        "<h2>In short</h2>",
        *(f"<h3>{html.escape(s.title)}</h3>{_verdict_list(s.sentences)}" for s in sections),
        f"<p><small>{_KEY}</small></p>",
    ]
    for section in sections:
        body.append(f'<h2 id="{_anchor(section.title)}">{html.escape(section.title)}</h2>')
        for number, (label, tables) in enumerate(section.tables):
            own = "\n".join(table.to_html() for table in tables)
            if label:
                opened = " open" if number == 0 else ""
                own = f"<details{opened}><summary>{html.escape(label)}</summary>\n{own}</details>"
            body.append(own)
        body += [_figure(picture) for picture in section.pictures]
    body += [
        '<h2 id="assumptions">Applicability: which assumptions the network strains</h2>',
        assumptions.to_html(),
        '<h2 id="how">How it was made</h2>',
        f"<pre>{html.escape(report.command)}</pre>",
        f"<p>{html.escape(_provenance(report))}</p>",
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


def markdown_page(report: ValidationReport, sections: Sequence[Section], assumptions: Table) -> str:
    """Return the same as Markdown, with links to the figures' files."""
    parts = [f"# {_title(report)}", _setting(report), "## In short"]
    for section in sections:
        parts += [f"### {section.title}", "\n".join(f"* **{grade}**: {text}" for grade, text in section.sentences)]
    parts.append(_KEY)
    for section in sections:
        parts.append(f"## {section.title}")
        for label, tables in section.tables:
            parts += [f"### {label}"] if label else []
            parts += [table.to_markdown() for table in tables]
        parts += [f"![{picture.caption}]({picture.path})\n\n{picture.caption}" for picture in section.pictures]
    parts += [
        "## Applicability: which assumptions the network strains", assumptions.to_markdown(), "## How it was made",
        f"```sh\n{report.command}\n```", _provenance(report), "## The network",
        f"```toml\n{network_file.dumps(report.network)}```",
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _title(report: ValidationReport) -> str:
    spans = []
    for name, values in report.options.axes.items():
        span = f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g} to {values[-1]:g} ({len(values)} values)"
        spans.append(f"{name} = {span}")
    return f"Reduction against spiking network: {', '.join(spans)}"


def _setting(report: ValidationReport) -> str:
    settings = report.options.settings
    sizes = ", ".join(f"{n} {name}" for name, n in report.network.sizes.items())
    trials = f"{settings.trials} trial{'s' if settings.trials > 1 else ''}"
    return (
        f"Network of {sizes} neurons, simulated for {settings.duration:g} ms ({trials}, first {settings.discard:g} ms "
        f"discarded, dt = {settings.dt:g} ms, scheme {settings.scheme}, seed {settings.seed})."
    )


def _provenance(report: ValidationReport) -> str:
    settings = report.options.settings
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    return (
        f"{versions}. Closure: {settings.closure}; integration step {settings.integration_dt:g} ms. The same command, "
        "network and versions give the same numbers, bit by bit. Run again, it resumes or repeats."
    )


def _verdict_list(sentences: Sequence[Sentence]) -> str:
    items = "\n".join(f'<li><b class="{grade}">{grade}</b>{html.escape(text)}</li>' for grade, text in sentences)
    return f'<ul class="verdicts">\n{items}\n</ul>'


def _figure(picture: Picture) -> str:
    text = html.escape(picture.caption)
    image = f'<img alt="{text}" src="data:image/png;base64,{picture.data}">'
    return f'<figure><div class="wide">{image}</div><figcaption>{text}</figcaption></figure>'


def _anchor(title: str) -> str:
    return title.split(":")[0].lower().replace(" ", "-")
