"""Verdicts in plain words, each with the number behind it, and the tables that hold the rest."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

from spiking.estimates import Estimate

Grade = Literal["agrees", "close", "differs", "undecided"]

LEVEL_NAMES = {
    "network": "spiking network", "ode": "ODE", "chain": "chain", "langevin": "Langevin level",
    "published": "published scheme", "siegert": "asynchronous state",
}  # fmt: skip
"""What readers call the network and its levels."""


NEGLIGIBLE = 0.01
CLOSE = 0.1
"""Relative differences that count as none, and as small."""


def graded(error: Estimate, half_width: float) -> Grade:
    """Return the grade of a relative difference, given the half-width of its interval.

    ``"agrees"``: within the interval, or within 1 %; ``"undecided"``: within an interval of more than 10 %, so that the
    run is too short to tell; ``"close"``: up to 10 %.
    """
    size = abs(error.mean)
    if not (math.isfinite(size) and math.isfinite(half_width)) or size <= half_width > CLOSE:
        return "undecided"
    if size <= max(NEGLIGIBLE, half_width):
        return "agrees"
    return "close" if size <= CLOSE else "differs"


def half_width(error: Estimate, tests: int = 1) -> float:
    """Return the half-width of the 95 % interval that holds for all of some tests at once (Bonferroni).

    A standard error that is not known counts as 0.
    """
    quantile = NormalDist().inv_cdf(1.0 - 0.025 / max(tests, 1))
    return quantile * error.se if math.isfinite(error.se) else 0.0


@dataclass(frozen=True)
class Verdict:
    """One finding of a comparison.

    Attributes
    ----------
    aspect : str
        Such as ``"rates"``.
    subject : str
        What is judged: a level, a bifurcation, a term.
    text : str
        One sentence that holds the number.
    grade : {"agrees", "close", "differs", "undecided"}
        ``"agrees"``: within sampling error; ``"undecided"``: the data do not tell.
    value : Estimate or None
        The number, with its standard error.
    unit : str
        Of the value.
    """

    aspect: str
    subject: str
    text: str
    grade: Grade
    value: Estimate | None = None
    unit: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Return the verdict for JSON."""
        number = None if self.value is None else self.value.to_plain()
        return {
            "aspect": self.aspect, "subject": self.subject, "text": self.text, "grade": self.grade, "value": number,
            "unit": self.unit,
        }  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table of a report: text cells, the first `text_columns` of them words, the others numbers."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    text_columns: int = 1

    def to_markdown(self) -> str:
        """Return the table as Markdown."""
        align = ["---" if i < self.text_columns else "---:" for i in range(len(self.header))]
        lines = [self.header, align, *self.rows]
        body = ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
        return "\n".join([f"*{self.caption}*", "", *body])

    def to_html(self) -> str:
        """Return the table as HTML that scrolls sideways within itself."""

        def line(cells: Sequence[str], tag: str) -> str:
            words = f'<{tag} class="text">'
            parts = [
                f"{words if i < self.text_columns else f'<{tag}>'}{html.escape(cell)}</{tag}>"
                for i, cell in enumerate(cells)
            ]
            return f"<tr>{''.join(parts)}</tr>"

        rows = "\n".join(line(row, "td") for row in self.rows)
        return (
            f'<div class="wide"><table><caption>{html.escape(self.caption)}</caption>'
            f"<thead>{line(self.header, 'th')}</thead>\n<tbody>\n{rows}\n</tbody></table></div>"
        )
