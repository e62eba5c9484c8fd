"""Commands on reductions: derive, export, stationary, integrate."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reduction.commands.options import (
    Commands,
    add_floor,
    add_reduction,
    add_times,
    approximation_of,
    check_outputs,
    check_picture,
    check_times,
    network_of,
)
from reduction.commands.output import print_json, progress, save_picture

if TYPE_CHECKING:
    from reduction.markov import MarkovApproximation


def register(commands: Commands) -> None:
    """Add the commands."""
    derive = commands.add("derive", _derive, "print the reduced equations")
    derive.add_argument("--format", choices=("text", "latex", "sympy"), default="text", help="(default text)")
    export = commands.add("export", _export, "write the reduced equations as a model of another program")
    export.add_argument("--to", required=True, metavar="PROGRAM", help="auto, xpp, python or julia")
    export.add_argument("--out", type=Path, metavar="DIR", help="for the files (default: print them)")
    export.add_argument("--name", default="network", help="of the model and its files (default network)")
    stationary = commands.add("stationary", _stationary, "find all stationary states, with their stability")
    stationary.add_argument("--starts", type=int, default=24, help="starting points (default 24)")
    integrate = commands.add("integrate", _integrate, "integrate a reduction")
    add_times(integrate, duration=1000.0, share=0.3)
    integrate.add_argument("--level", default="ode", help="ode, chain, langevin or published (default ode)")
    integrate.add_argument("--dt", type=float, default=0.1, help="step, ms (default 0.1)")
    integrate.add_argument("--trials", type=int, default=1, help="repetitions of a random level (default 1)")
    integrate.add_argument("--workers", type=int, help="threads for trials (default: one per core)")
    integrate.add_argument("--out", type=Path, metavar="FILE", help="save the trajectory (.npz)")
    integrate.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help="save the rates of the 200 ms after the transient (.png, .pdf or .svg)",
    )
    for parser in (derive, export, stationary, integrate):
        add_reduction(parser)
        add_floor(parser)


def _derive(options: argparse.Namespace) -> None:
    network = network_of(options)
    approximation = approximation_of(options, network)
    from reduction.symbolic import derive

    equations = derive(approximation)
    text = {"text": equations.__str__, "latex": equations.latex, "sympy": equations.source}[options.format]()
    if options.json:
        print_json({"format": options.format, "equations": text})
    else:
        print(text)


def _export(options: argparse.Namespace) -> None:
    from reduction.exporting.programs import export

    approximation = approximation_of(options, network_of(options))
    initial = _equilibrium(approximation) if options.to == "auto" else None
    files = export(approximation, options.to, options.out, initial=initial, name=options.name)
    if options.json:
        print_json({"files": files if options.out is None else [str(options.out / name) for name in files]})
    elif options.out is None:
        print(*files.values(), sep="\n", end="")
    else:
        print(*(options.out / name for name in files), sep="\n")


def _equilibrium(approximation: MarkovApproximation) -> Any:
    """Return an equilibrium, from which AUTO starts, with the first of the stationary rates."""
    from reduction.levels.stationary import stationary
    from spiking.errors import NumericalError

    equilibrium = stationary(approximation)[0].equilibrium
    if equilibrium is None or equilibrium.size != len(approximation.ode().names):
        raise NumericalError("AUTO starts from an equilibrium, and none was found: give fewer --bins or --noise-levels")
    return equilibrium


def _stationary(options: argparse.Namespace) -> None:
    from reduction.levels.stationary import stationary

    states = stationary(approximation_of(options, network_of(options)), starts=options.starts)
    if options.json:
        print_json({"states": [state.to_plain() for state in states]})
        return
    for state in states:
        word = {True: "stable", False: "unstable", None: "stability unknown"}[state.stable]
        for name, rate in state.rates.items():
            print(f"{name:12}{rate:12.6f} Hz   CV {state.variations[name]:.4f}   {word}")


def _integrate(options: argparse.Namespace) -> None:
    from reduction.integration import integrate

    network = network_of(options)
    check_picture(options.plot)
    check_outputs(options.out, options.plot)
    check_times(options)
    approximation = approximation_of(options, network)
    begun = time.perf_counter()
    with progress(options, "integrating") as report_progress:
        trajectory = integrate(
            approximation, options.level, options.duration, dt=options.dt, seed=options.seed, trials=options.trials,
            workers=options.workers, progress=report_progress,
        )  # fmt: skip
    wall = time.perf_counter() - begun
    rates = trajectory.rates(options.discard)
    if options.out is not None:
        trajectory.save(options.out)
    if options.plot is not None:
        save_picture(trajectory.plot(discard=options.discard), options.plot)
    if options.json:
        plain = {name: rate.to_plain() for name, rate in rates.items()}
        print_json({"level": options.level, "rates": plain, "wall_s": wall})
        return
    for name, rate in rates.items():
        print(f"{name:12}{rate.mean:10.4f}{f' ± {rate.se:.2g}' if rate.se else ''} Hz")
    print(f"level {options.level}: {trajectory.duration:g} ms in {wall:.2f} s (with compilation, if any)")
