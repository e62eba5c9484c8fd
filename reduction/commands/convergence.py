"""The command convergence: which time step for which accuracy."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reduction.commands.options import Commands, add_times, check_times, network_of
from reduction.commands.output import print_json, progress
from reduction.commands.ranges import values

if TYPE_CHECKING:
    from spiking.convergence import StepAdvice


def register(commands: Commands) -> None:
    """Add the command."""
    text = "advise the time step for a wanted accuracy of firing rates"
    convergence = commands.add("convergence", _convergence, text)
    text = "wanted relative error of every population's rate (default 0.01)"
    convergence.add_argument("--accuracy", type=float, default=0.01, help=text)
    add_times(convergence, duration=5000.0, share=0.2)
    convergence.add_argument("--trials", type=int, default=4, help="independent repetitions of each run (default 4)")
    convergence.add_argument("--workers", type=int, help="threads (default: one per core)")
    text = "reference, grid, bridge or interpolated (default reference if it covers the network, else grid)"
    convergence.add_argument("--scheme", help=text)
    text = "in ms, such as 0.1,0.05,0.025 (default: four, halving from the largest of 0.4, 0.2, ... that is allowed)"
    convergence.add_argument("--steps", metavar="LIST", help=text)


def _convergence(options: argparse.Namespace) -> None:
    from spiking.convergence import advise_step

    network = network_of(options)
    check_times(options)
    steps = None if options.steps is None else values("--steps", options.steps)
    with progress(options, "measuring rates") as report_progress:
        found = advise_step(
            network, options.accuracy, duration=options.duration, discard=options.discard, trials=options.trials,
            scheme=options.scheme, steps=steps, seed=options.seed, workers=options.workers, progress=report_progress,
        )  # fmt: skip
    if options.json:
        print_json(found.to_plain())
        return
    _print(found)


def _print(found: StepAdvice) -> None:
    strong = found.strong is not None
    print(f"{'population':12}{'dt (ms)':>10}{'rate (Hz)':>20}{'error (%), 95 %':>26}", end="")
    print(f"{'RMS of V (mV)':>20}{'counts differ':>20}" if strong else "")
    for name, rates in found.rates.items():
        for k, (dt, rate) in enumerate(zip(found.steps, rates, strict=True)):
            error = "-"
            if found.errors[name]:
                bias = found.errors[name][k]
                error = f"{100 * bias.mean:+.2f} ({100 * bias.low:+.2f} to {100 * bias.high:+.2f})"
            print(f"{name:12}{dt:10g}{rate!s:>20}{error:>26}", end="")
            if found.strong is not None:
                print(
                    *(f"{found.strong[name, error].text(k):>20}" for error in ("voltage", "mismatch")), sep="", end=""
                )
            print()
    if found.strong is not None:
        print(
            f"RMS of V and counts: after {found.strong.duration:g} ms of Euler-Maruyama steps, against the path on "
            f"{found.strong.reference:g} ms"
        )
    print(f"Advice: {found.text}.")
