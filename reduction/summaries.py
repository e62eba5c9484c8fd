"""What a report says first: verdicts over all parameter sets, in a few sentences, and the table of rates."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reduction.aspects.rates import percent
from reduction.comparison import ValidationReport
from reduction.verdicts import LEVEL_NAMES, Grade, Table, Verdict, graded, half_width
from spiking.estimates import Estimate

Sentence = tuple[Grade, str]

_SEVERITY: dict[Grade, int] = {"differs": 3, "close": 2, "undecided": 1, "agrees": 0}
_MOST_SETS = 3


def rate_sentences(report: ValidationReport) -> list[Sentence]:
    """Return one sentence per level on how well its rates agree over all parameter sets."""
    sentences: list[Sentence] = []
    rows = report.comparisons()
    for level, (mean, _) in report.summary().items():
        own = [r for r in rows if r.level == level and math.isfinite(r.error.mean)]
        if not own:
            reasons = [r.missing[level] for r in report.results["rates"] if level in r.missing]
            why = reasons[0] if reasons else "the network does not fire, so there is no relative error"
            sentences.append(("undecided", f"{LEVEL_NAMES[level]}: {why}."))
            continue
        worst = max(own, key=lambda r: abs(r.error.mean))
        values = zip(report.options.axes, _as_tuple(worst.value), strict=True)
        at = ", ".join(f"{name} = {value:g}" for name, value in values)
        grades = [graded(r.error, half_width(r.error, len(own))) for r in own]
        sentences.append(
            (
                max(grades, key=lambda grade: _SEVERITY[grade]),
                f"{LEVEL_NAMES[level]}: rates differ from the network's by {100 * mean:.1f} % on average; at most by "
                f"{percent(worst.error)} (s.e.; {worst.population} at {at}); {grades.count('agrees')} of {len(own)} "
                "rates agree within 1 % or an interval that is to hold all of them in 95 % of cases.",
            )
        )
    return sentences


def all_sentences(report: ValidationReport) -> dict[str, list[Sentence]]:
    """Return what a report says in short, by aspect."""
    verdicts = report.verdicts()
    return {a: rate_sentences(report) if a == "rates" else condensed(verdicts[a]) for a in report.results}


def condensed(found: Sequence[tuple[str, Verdict]]) -> list[Sentence]:
    """Return verdicts of few parameter sets as they are; of many, per subject, how often which, and the worst."""
    subjects: dict[str, list[tuple[str, Verdict]]] = {}
    for label, verdict in found:
        subjects.setdefault(verdict.subject, []).append((label, verdict))
    sentences: list[Sentence] = []
    if len({label for label, _ in found}) <= _MOST_SETS:
        return [(v.grade, f"{label}: {v.text}" if label else v.text) for label, v in found]
    for subject, own in subjects.items():
        grades = [v.grade for _, v in own]
        counted = ", ".join(f"{g} {grades.count(g)} times" for g in _SEVERITY if g in grades)
        label, worst = max(own, key=lambda entry: _SEVERITY[entry[1].grade])
        name = LEVEL_NAMES.get(subject, subject)
        sentences.append((worst.grade, f"{name}: {counted}. Worst at {label}: {worst.text}"))
    return sentences


def rate_table(report: ValidationReport) -> Table:
    """Return all rates and relative errors."""
    levels = report.options.levels
    axes = list(report.options.axes)
    header = [*axes, "population", "network (Hz)"]
    header += [text for level in levels for text in (f"{LEVEL_NAMES[level]} (Hz)", "error (%)")]
    found = {(_as_tuple(row.value), row.population, row.level): row for row in report.comparisons()}
    rows = []
    for values, point in zip(report.options.sets, report.points, strict=True):
        key = tuple(values.values())
        for population, rate in point["network"].rates.items():
            cells = [*(f"{value:g}" for value in key), population, hertz(rate)]
            for level in levels:
                row = found.get((key, population, level))
                cells += ["-", "-"] if row is None else [f"{row.reduced.mean:.2f}", percent(row.error)]
            rows.append(cells)
    totals = [text for m, w in report.summary().values() for text in ("", f"{100 * m:.1f} / {100 * w:.1f}")]
    blank = [""] * len(axes)
    rows.append(["mean / largest absolute error", *blank[1:], "", "", *totals])
    return Table("Firing rates, and relative errors with standard errors", header, rows, text_columns=len(axes) + 1)


def _as_tuple(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def hertz(rate: Estimate) -> str:
    """Return a rate with its standard error."""
    return f"{rate.mean:.2f} ± {rate.se:.2f}" if math.isfinite(rate.se) else f"{rate.mean:.2f}"


def applicability_table(report: ValidationReport) -> Table:
    """Return which assumptions the network strains."""
    rows = [
        [c.assumption, f"{c.measure} ({c.address})", c.verdict, c.consequence if c.strain > 1 else "",
         f"{c.value:.3g}", f"{c.strain:.2g}"]
        for c in report.checks
    ]  # fmt: skip
    header = ["assumption", "measure", "verdict", "expect", "value", "strain"]
    caption = (
        "Measured from the parameters alone, where the strain is largest. Strain 1 is comfortable by a rule of thumb; "
        "beyond 4 the assumption is broken, and only the comparison above tells what that costs."
    )
    return Table(caption, header, rows, text_columns=4)
