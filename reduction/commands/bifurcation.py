"""The command bifurcation."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reduction.commands.options import Commands, add_floor, check_outputs
from reduction.commands.output import counter, print_json, save_picture
from reduction.commands.subjects import Ranges, Subject, subject_of

if TYPE_CHECKING:
    from reduction.continuation.diagram import Diagram
    from reduction.continuation.results import Branch

_TEXT = "find equilibria, cycles and their bifurcations over a parameter"
_INTERRUPTED = "interrupted"


def register(commands: Commands) -> None:
    """Add the command."""
    source = "name of a preset, or a TOML file of a network or of equations"
    parser = commands.add("bifurcation", _bifurcation, _TEXT, network=source)
    parser.add_argument("--parameter", required=True, metavar="ADDRESS", help="such as EI.probability")
    parser.add_argument("--from", required=True, type=float, dest="low", metavar="VALUE", help="its least value")
    parser.add_argument("--to", required=True, type=float, dest="high", metavar="VALUE", help="its largest value")
    text = "a second parameter, over which the special points are followed too"
    parser.add_argument("--with", dest="second", metavar="ADDRESS", help=text)
    parser.add_argument("--with-from", type=float, dest="second_low", metavar="VALUE", help="its least value")
    parser.add_argument("--with-to", type=float, dest="second_high", metavar="VALUE", help="its largest value")
    parser.add_argument("--no-cycles", dest="cycles", action="store_false", help="equilibria only")
    parser.add_argument("--depth", type=int, default=2, help="successive period doublings followed (default 2)")
    text = "random starts of each search for equilibria (default 30; 0 for a Markov approximation)"
    parser.add_argument("--starts", type=int, help=text)
    text = "of each branch, in each direction (default 400)"
    parser.add_argument("--max-points", type=int, default=400, metavar="N", help=text)
    text = "between points, in units of the range of the parameter and the size of the states (default 0.05)"
    parser.add_argument("--largest-step", type=float, default=0.05, metavar="STEP", help=text)
    text = "observable or state that the figure shows (default: the first)"
    parser.add_argument("--observable", metavar="NAME", help=text)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for diagram.npz, diagram.json, bifurcation.png, curves.png"
    )
    of_networks = parser.add_argument_group("options of networks")
    text = "white, published, conditional, or kappa in ms (default white)"
    of_networks.add_argument("--closure", help=text)
    text = "of coloured noise, closure conditional (default 3)"
    of_networks.add_argument("--noise-levels", type=int, metavar="N", help=text)
    text = "default chebyshev, if it covers the network and no --bins are given"
    of_networks.add_argument("--discretization", choices=("bins", "chebyshev"), help=text)
    of_networks.add_argument("--bins", type=int, help="voltage bins per population (default: 150, or more)")
    text = "nodes of chebyshev below and above reset (default 12+20)"
    of_networks.add_argument("--nodes", metavar="BELOW+ABOVE", help=text)
    add_floor(parser)


def _bifurcation(options: argparse.Namespace) -> None:
    from reduction.continuation.diagram import diagram
    from spiking.errors import NumericalError

    ranges = _ranges(options)
    subject = subject_of(options, ranges)
    _check(options, subject)
    bounds, *others = ranges.values()
    starts = subject.starts if options.starts is None else options.starts
    begun = time.perf_counter()
    with counter(options, "following branches", options.parameter) as progress:
        found = diagram(
            subject.system, options.parameter, bounds, parameters=subject.changes,
            curves=(options.second, others[0]) if others else None, max_depth=options.depth, cycles=options.cycles,
            starts=starts, max_points=options.max_points, largest_step=options.largest_step,
            seed=options.seed, progress=progress,
        )  # fmt: skip
    wall = time.perf_counter() - begun
    interrupted = found.status.endswith(_INTERRUPTED)
    if not found.branches:
        raise KeyboardInterrupt if interrupted else NumericalError(found.status)
    data = _plain(options, subject, found)
    files = [] if options.out is None else _save(options, found, data)
    if options.json:
        print_json({**data, "files": [str(file) for file in files], "wall_s": wall})
    else:
        print(f"{options.network} over {_range(options.parameter, bounds)}: {subject}")
        _print_branches(found)
        print(f"\n{found.status}, in {wall:.1f} s", *files, sep="\n")
    if interrupted:
        raise KeyboardInterrupt(f"what was found is kept in {options.out}" if files else "what was found is above")


def _ranges(options: argparse.Namespace) -> Ranges:
    """Return (low, high) of each parameter by name."""
    from spiking.errors import SpecificationError

    given = {options.parameter: ("--", options.low, options.high)}
    seconds = (options.second, options.second_low, options.second_high)
    if any(value is not None for value in seconds):
        if None in seconds:
            raise SpecificationError("--with, --with-from and --with-to: a second parameter needs all three")
        if options.second == options.parameter:
            raise SpecificationError(f"--with {options.second}: is --parameter; must be another one")
        given[options.second] = ("--with-", options.second_low, options.second_high)
    for start, low, high in given.values():
        if not -float("inf") < low < high < float("inf"):
            raise SpecificationError(f"{start}from {low:g} {start}to {high:g}: must be finite, and increase")
    return {name: (low, high) for name, (_, low, high) in given.items()}


def _check(options: argparse.Namespace, subject: Subject) -> None:
    """Refuse, before any work, what would fail after it, and make the directory."""
    from reduction.continuation.checks import name_of
    from spiking.errors import SpecificationError, UnknownNameError
    from spiking.specification import NONNEGATIVE, POSITIVE, checked_number

    system = subject.system
    name_of(system, options.parameter)
    for name, least in (("depth", NONNEGATIVE), ("starts", NONNEGATIVE), ("max_points", POSITIVE)):
        if getattr(options, name) is not None:
            checked_number("", name, getattr(options, name), least, integer=True)
    checked_number("", "largest_step", options.largest_step, POSITIVE)
    if options.observable is not None and options.observable not in (*system.observables, *system.names):
        raise UnknownNameError("observable or state", options.observable, system.observables or system.names)
    if options.out is not None:
        try:
            options.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpecificationError(f"--out {options.out}: cannot be made: {error.strerror}") from None
        check_outputs(options.out / "diagram.npz")


def _plain(options: argparse.Namespace, subject: Subject, found: Diagram) -> dict[str, Any]:
    """Return kinds, special points and statuses as plain values; numbers that are not finite as None."""
    data = found.to_dict()
    for branch, doublings in zip(data["branches"], found.doublings, strict=True):
        branch["doublings"] = doublings
    data = {"system": options.network, "unknowns": len(subject.system.names), **subject.details, **data}
    plain: dict[str, Any] = json.loads(json.dumps(data), parse_constant=lambda _: None)
    return plain


def _save(options: argparse.Namespace, found: Diagram, data: dict[str, Any]) -> list[Path]:
    """Write the diagram and its figures; return the files."""
    from reduction.bifurcation_plots import plot_curves

    files = [options.out / name for name in ("diagram.npz", "diagram.json", "bifurcation.png")]
    found.save(files[0])
    files[1].write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    save_picture(found.plot(observable=options.observable), files[2])
    if found.curves:
        files.append(options.out / "curves.png")
        save_picture(plot_curves(found.curves), files[3])
    return files


def _print_branches(found: Diagram) -> None:
    for branch, doublings in zip(found.branches, found.doublings, strict=True):
        times = f"{doublings} period doubling{'s' if doublings > 1 else ''}"
        _print_branch(branch, f" after {times}" if doublings else "")
    for curve in found.curves:
        _print_branch(curve, f" over {' and '.join(curve.parameter)}")


def _print_branch(branch: Branch, more: str) -> None:
    print(f"\n{branch.kind}{more}: {len(branch)} points; {branch.status}")
    for point in branch.special_points:
        values = point.value if isinstance(point.value, tuple) else (point.value,)
        place = ", ".join(f"{value:.9g}" for value in values)
        period = "" if point.period is None else f"period {point.period:.8g}"
        print(f"    {point.kind:4}{place:>28}   {period:20}{point.note}".rstrip())


def _range(name: str, bounds: tuple[float, float]) -> str:
    return f"{name} from {bounds[0]:g} to {bounds[1]:g}"
