"""The command validate."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from reduction.commands.options import (
    Commands,
    add_reduction,
    add_scheme,
    add_times,
    check_times,
    closure,
    network_of,
    number,
)
from reduction.commands.output import print_json, progress


def register(commands: Commands) -> None:
    """Add the command."""
    validate = commands.add("validate", _validate, "compare reductions with the simulated network over a parameter")
    validate.add_argument("--parameter", required=True, metavar="ADDRESS", help="such as EI.probability")
    validate.add_argument("--values", required=True, help="start:stop:count, or a comma list")
    validate.add_argument("--levels", help="comma list of ode, published (default: those that cover the network)")
    add_times(validate, duration=5000.0, share=0.2)
    validate.add_argument("--dt", type=float, default=0.1, help="step of the simulation, ms (default 0.1)")
    add_scheme(validate, "reference")
    validate.set_defaults(scheme="reference")
    validate.add_argument("--trials", type=int, default=1, help="repetitions of the simulation (default 1)")
    validate.add_argument("--workers", type=int, help="points computed at a time (default: one per core)")
    validate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for report.html, validation.json, figures/"
    )
    add_reduction(validate)


def values(text: str) -> list[float]:
    """Return the numbers that ``start:stop:count`` or a comma list gives.

    Raises
    ------
    SpecificationError
        If it is neither.
    """
    from reduction.validation import MOST_VALUES
    from spiking.errors import SpecificationError

    place = f"--values {text}"
    if ":" not in text:
        return [number(place, part) for part in text.split(",")] if text.strip() else []
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].isdecimal():
        raise SpecificationError(f"{place}: must be start:stop:count with a whole count")
    start, stop, count = number(place, parts[0]), number(place, parts[1]), int(parts[2])
    if not (math.isfinite(start) and math.isfinite(stop)):
        raise SpecificationError(f"{place}: start and stop must be finite")
    if count > MOST_VALUES:
        raise SpecificationError(f"{place}: at most {MOST_VALUES} values")
    if count < 1 or (count > 1 and stop <= start):
        raise SpecificationError(f"{place}: stop must exceed start, and count be at least 1")
    if count == 1:
        return [start]
    return [round(start + (stop - start) * i / (count - 1), 12) for i in range(count)]


def _validate(options: argparse.Namespace) -> None:
    try:
        _compare(options)
    except KeyboardInterrupt:
        kept = f"finished points are kept in {options.out}: run the same command to resume"
        raise KeyboardInterrupt(kept) from None


def _compare(options: argparse.Namespace) -> None:
    from reduction.validation import validate

    network = network_of(options)
    check_times(options)
    begun = time.perf_counter()
    with progress(options, "validating") as report_progress:
        report = validate(
            network, parameter=options.parameter, values=values(options.values),
            levels=None if options.levels is None else [level for level in options.levels.split(",") if level],
            duration=options.duration,
            discard=options.discard, dt=options.dt, seed=options.seed, workers=options.workers, trials=options.trials,
            scheme=options.scheme, bins=options.bins, closure=closure(options.closure), store=options.out,
            progress=report_progress, command=options.command,
        )  # fmt: skip
    from reduction.report import verdicts

    report.save(options.out)
    wall = time.perf_counter() - begun
    page = options.out / "report.html"
    if options.json:
        rows = [
            {"value": r.value, "population": r.population, "level": r.level, "network": r.network.to_plain(),
             "reduced": r.reduced.to_plain(), "error": r.error.to_plain()}
            for r in report.comparisons()
        ]  # fmt: skip
        print_json({"report": str(page), "summary": report.to_json()["summary"], "comparisons": rows, "wall_s": wall})
        return
    print(*verdicts(report), f"Report: {page}", sep="\n")
