"""Verdicts in plain words, each with the number behind it, and the tables that hold the rest."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spiking.estimates import Estimate

Grade = Literal["agrees", "close", "differs", "undecided"]

LEVEL_NAMES = {
    "network": "spiking network", "ode": "ODE", "chain": "chain", "langevin": "Langevin level",
    "published": "published scheme", "siegert": "asynchronous state",
}  # fmt: skip
"""What readers call the network and its levels."""


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
