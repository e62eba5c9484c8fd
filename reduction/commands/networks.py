"""Commands on networks: presets, show, simulate."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from reduction.commands.options import (
    Commands,
    add_scheme,
    add_times,
    check_outputs,
    check_picture,
    check_times,
    network_of,
)
from reduction.commands.output import print_json, progress, save_picture

if TYPE_CHECKING:
    from spiking.network import Network
    from spiking.recording import Recording


def register(commands: Commands) -> None:
    """Add the commands."""
    commands.add("presets", _presets, "list the published parameter sets", network=None)
    commands.add("show", _show, "print a network as TOML")
    simulate = commands.add("simulate", _simulate, "simulate a network, neuron by neuron")
    add_times(simulate, duration=5000.0, share=0.2)
    simulate.add_argument("--dt", type=float, default=0.1, help="step, ms (default 0.1)")
    add_scheme(simulate, "reference if it covers the network, else grid")
    text = "snn2ode, exact (event-driven), or another simulator: brian2, nest (default snn2ode)"
    simulate.add_argument("--engine", default="snn2ode", help=text)
    text = "uniform: voltages between reset and threshold, drawn at random (default: all at reset)"
    simulate.add_argument("--initial", help=text)
    simulate.add_argument("--trials", type=int, default=1, help="independent repetitions (default 1)")
    simulate.add_argument("--workers", type=int, help="threads (default: one per core)")
    simulate.add_argument("--out", type=Path, metavar="FILE", help="save the recording (.npz)")
    simulate.add_argument(
        "--plot", type=Path, metavar="FILE", help="save a raster of the 200 ms after the transient (.png, .pdf or .svg)"
    )


def _presets(options: argparse.Namespace) -> None:
    from spiking import presets

    found = {name: (make.__doc__ or "").splitlines()[0] for name, make in presets.PRESETS.items()}
    if options.json:
        print_json(found)
        return
    for name, text in found.items():
        print(f"{name:14} {text}")


def _show(options: argparse.Namespace) -> None:
    from spiking import network_file

    network = network_of(options)
    if options.json:
        table = network_file.to_table(network)
        print_json(json.loads(json.dumps(table), parse_constant=lambda name: name))
    else:
        print(network_file.dumps(network), end="")


def _simulate(options: argparse.Namespace) -> None:
    from spiking import statistics

    network = network_of(options)
    check_picture(options.plot)
    check_outputs(options.out, options.plot)
    check_times(options)
    recording = _recording(options, network)
    rates = recording.rates(options.discard)
    ssi = statistics.synchrony(recording, discard=options.discard)
    cv = statistics.interval_variation(recording, discard=options.discard)
    if options.out is not None:
        recording.save(options.out)
    if options.plot is not None:
        save_picture(recording.plot(discard=options.discard), options.plot)
    if options.json:
        estimates = {"rates": rates, "ssi": ssi, "cv": cv}
        plain = {key: {name: e.to_plain() for name, e in found.items()} for key, found in estimates.items()}
        print_json({**plain, **recording.timing, "synaptic_events": recording.synaptic_events})
        return
    print(f"{'population':12}{'rate (Hz)':>20}{'CV of intervals':>22}{'SSI (1 ms)':>22}")
    for name in network.sizes:
        print(f"{name:12}{rates[name]!s:>20}{cv[name]!s:>22}{ssi[name]!s:>22}")
    setup, wall = recording.timing["setup_s"], recording.timing["wall_s"]
    print(f"{options.trials} x {recording.duration:g} ms in {wall:.2f} s, after {setup:.2f} s of preparation")


def _recording(options: argparse.Namespace, network: Network) -> Recording:
    """Simulate by the engine that the options name."""
    from spiking import peers, simulation
    from spiking.errors import SpecificationError, UnknownNameError

    engines = ("snn2ode", "exact", *peers.ENGINES)
    if options.engine not in engines:
        raise UnknownNameError("engine", options.engine, engines)
    if options.engine != "snn2ode" and options.scheme not in (None, options.engine):
        raise SpecificationError(f"--scheme {options.scheme}: not with --engine {options.engine}; leave it out")
    if options.engine not in peers.ENGINES:
        scheme = "exact" if options.engine == "exact" else options.scheme
        with progress(options, "simulating") as report_progress:
            return simulation.simulate(
                network, options.duration, dt=options.dt, seed=options.seed, scheme=scheme, initial=options.initial,
                trials=options.trials, workers=options.workers, progress=report_progress,
            )  # fmt: skip
    if options.trials != 1:
        raise SpecificationError(f"--trials {options.trials}: --engine {options.engine} runs one; vary --seed")
    return peers.simulate(
        network, options.duration, engine=options.engine, dt=options.dt, seed=options.seed, initial=options.initial,
        threads=options.workers or 1,
    )  # fmt: skip
