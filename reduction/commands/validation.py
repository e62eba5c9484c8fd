"""The commands validate and report."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from reduction.commands.options import (
    Commands,
    add_floor,
    add_reduction,
    add_scheme,
    add_times,
    check_times,
    closure,
    network_of,
)
from reduction.commands.output import print_json, progress
from reduction.commands.ranges import values

if TYPE_CHECKING:
    from reduction.comparison import ValidationReport
    from reduction.continuation.diagram import Diagram


def register(commands: Commands) -> None:
    """Add the commands."""
    validate = commands.add("validate", _validate, "compare reductions with the simulated network over a parameter")
    validate.add_argument(
        "--parameter", required=True, action="append", metavar="ADDRESS",
        help="such as EI.probability; twice, each with its --values: a plane",
    )  # fmt: skip
    validate.add_argument("--values", required=True, action="append",
        help="start:stop:count, or a comma list; with a sign in front: --values=-66,-60",
    )  # fmt: skip
    validate.add_argument(
        "--aspects", default="rates", metavar="LIST",
        help="comma list of rates, budget, transients, wiring, attractors, metastability, bifurcations (default rates)",
    )  # fmt: skip
    text = "comma list of ode, chain, langevin, published, siegert (default: ode,chain,published where they apply)"
    validate.add_argument("--levels", metavar="LIST", help=text)
    validate.add_argument(
        "--planes", metavar="LIST",
        help="pairs of coordinates in which attractors are compared, such as EE.pending/EI.pending,E.voltage/E.rate",
    )  # fmt: skip
    validate.add_argument(
        "--diagram", type=Path, metavar="FILE", help="continued branches, saved by snn2ode bifurcation (.npz)"
    )
    add_times(validate, duration=5000.0, share=0.2)
    validate.add_argument("--dt", type=float, default=0.1, help="step of the simulation, ms (default 0.1)")
    add_scheme(validate, "reference where it is defined, else grid")
    validate.add_argument(
        "--integration-dt", type=float, default=0.1, help="step of the levels except published, ms (default 0.1)"
    )
    text = "repetitions of a run (default 1); transients and wiring have their own"
    validate.add_argument("--trials", type=int, default=1, help=text)
    validate.add_argument("--workers", type=int, help="points computed at a time (default: one per core)")
    validate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for report.html, report.md, validation.json, figures/"
    )
    add_reduction(validate)
    add_floor(validate)
    report = commands.add("report", _report, "write the report of a validation anew", network=None)
    report.add_argument("directory", type=Path, metavar="DIR", help="of a validation: holds validation.json")


def _validate(options: argparse.Namespace) -> None:
    try:
        _compare(options)
    except KeyboardInterrupt:
        kept = f"finished points are kept in {options.out}: run the same command to resume"
        raise KeyboardInterrupt(kept) from None


def _compare(options: argparse.Namespace) -> None:
    from reduction.validation import validate
    from spiking.errors import SpecificationError

    network = network_of(options)
    check_times(options)
    if len(options.parameter) != len(options.values) or len(options.parameter) > 2:
        raise SpecificationError("--parameter: give one with its --values, or two with --values for each")
    grids = tuple(values(f"--values {text}", text) for text in options.values)
    plane = len(grids) == 2
    begun = time.perf_counter()
    with progress(options, "validating") as report_progress:
        report = validate(
            network, parameter=tuple(options.parameter) if plane else options.parameter[0],
            values=(grids[0], grids[1]) if plane else grids[0], aspects=_listed(options.aspects),
            levels=None if options.levels is None else _listed(options.levels), duration=options.duration,
            discard=options.discard, dt=options.dt, seed=options.seed, workers=options.workers, trials=options.trials,
            scheme=options.scheme, bins=options.bins, v_min=options.v_min, closure=closure(options.closure),
            noise_levels=options.noise_levels,
            integration_dt=options.integration_dt, planes=_planes(options.planes), diagram=_diagram(options.diagram),
            store=options.out, progress=report_progress, command=options.command,
        )  # fmt: skip
    report.save(options.out)
    _tell(report, options, time.perf_counter() - begun)


def _report(options: argparse.Namespace) -> None:
    from reduction.comparison import ValidationReport

    begun = time.perf_counter()
    report = ValidationReport.load(options.directory)
    report.save(options.directory)
    options.out = options.directory
    _tell(report, options, time.perf_counter() - begun)


def _tell(report: ValidationReport, options: argparse.Namespace, wall: float) -> None:
    from reduction.summaries import all_sentences

    page = options.out / "report.html"
    if options.json:
        data = report.to_json()
        rows = [
            {"value": r.value, "population": r.population, "level": r.level, "network": r.network.to_plain(),
             "reduced": r.reduced.to_plain(), "error": r.error.to_plain()}
            for r in report.comparisons()
        ]  # fmt: skip
        kept = {name: data[name] for name in ("summary", "verdicts")}
        print_json({"report": str(page), **kept, "comparisons": rows, "wall_s": wall})
        return
    for aspect, sentences in all_sentences(report).items():
        print(f"{aspect}:", *(f"  [{grade}] {text}" for grade, text in sentences), sep="\n")
    print(f"Report: {page}")


def _listed(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _planes(text: str | None) -> list[tuple[str, str]] | None:
    from spiking.errors import SpecificationError

    if text is None:
        return None
    pairs = [tuple(pair.split("/")) for pair in _listed(text)]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        raise SpecificationError(f"--planes {text}: must be a comma list of pairs such as EE.pending/EI.pending")
    return [(pair[0], pair[1]) for pair in pairs]


def _diagram(path: Path | None) -> Diagram | None:
    from reduction.continuation.diagram import Diagram

    return None if path is None else Diagram.load(path)
