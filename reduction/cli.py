"""The command snn2ode."""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from reduction.markov import MarkovApproximation
    from spiking.network import Network
    from spiking.recording import Recording

_EPILOG = "Exit status: 0; 2 for bad input; 1 for a numerical failure; 130 if interrupted."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    from spiking.errors import NumericalError, SpecificationError

    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    options.command = shlex.join(["snn2ode", *words])
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        options.run(options)
    except SpecificationError as error:
        print(f"snn2ode: {error}", file=sys.stderr)
        return 2
    except NumericalError as error:
        print(f"snn2ode: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = (
            f"; finished points are kept in {options.out}: run the same command to resume" if _resumes(options) else ""
        )
        print(f"\nsnn2ode: interrupted{kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return 0


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"snn2ode: warning: {message}", file=sys.stderr)


def _resumes(options: argparse.Namespace) -> bool:
    return bool(options.run is _validate)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="snn2ode",
        description="Turn a spiking network into differential equations, and show how far to trust them.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--set", action="append", default=[], metavar="ADDRESS=VALUE", help="change a parameter; repeatable"
    )
    common.add_argument("--seed", type=int, default=0, help="of all random numbers (default 0)")
    common.add_argument("--json", action="store_true", help="print one JSON object on stdout")
    common.add_argument("--quiet", action="store_true", help="no progress on stderr")
    network = argparse.ArgumentParser(add_help=False, parents=[common])
    network.add_argument("network", metavar="NETWORK", help="name of a preset, or a TOML file")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[argparse.Namespace], None], text: str, parent: Any
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", parents=[parent], epilog=_EPILOG
        )
        sub.set_defaults(run=run)
        return sub

    command("presets", _presets, "list the published parameter sets", common)
    command("show", _show, "print a network as TOML", network)

    simulate = command("simulate", _simulate, "simulate a network, neuron by neuron", network)
    _add_times(simulate, duration=5000.0, share=0.2)
    simulate.add_argument("--dt", type=float, default=0.1, help="step, ms (default 0.1)")
    _add_scheme(simulate, "reference if it covers the network, else grid")
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

    derive = command("derive", _derive, "print the reduced equations", network)
    derive.add_argument("--format", choices=("text", "latex", "sympy"), default="text", help="(default text)")
    _add_reduction(derive)
    _add_floor(derive)

    export = command("export", _export, "write the reduced equations as a model of another program", network)
    export.add_argument("--to", required=True, metavar="PROGRAM", help="auto, xpp, python or julia")
    export.add_argument("--out", type=Path, metavar="DIR", help="for the files (default: print them)")
    export.add_argument("--name", default="network", help="of the model and its files (default network)")
    _add_reduction(export)
    _add_floor(export)

    stationary = command("stationary", _stationary, "find all stationary states, with their stability", network)
    stationary.add_argument("--starts", type=int, default=24, help="starting points (default 24)")
    _add_reduction(stationary)
    _add_floor(stationary)

    integrate = command("integrate", _integrate, "integrate a reduction", network)
    _add_times(integrate, duration=1000.0, share=0.3)
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
    _add_reduction(integrate)
    _add_floor(integrate)

    validate = command("validate", _validate, "compare reductions with the simulated network over a parameter", network)
    validate.add_argument("--parameter", required=True, metavar="ADDRESS", help="such as EI.probability")
    validate.add_argument("--values", required=True, help="start:stop:count, or a comma list")
    validate.add_argument("--levels", help="comma list of ode, published (default: those that cover the network)")
    _add_times(validate, duration=5000.0, share=0.2)
    validate.add_argument("--dt", type=float, default=0.1, help="step of the simulation, ms (default 0.1)")
    _add_scheme(validate, "reference")
    validate.set_defaults(scheme="reference")
    validate.add_argument("--trials", type=int, default=1, help="repetitions of the simulation (default 1)")
    validate.add_argument("--workers", type=int, help="points computed at a time (default: one per core)")
    validate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for report.html, validation.json, figures/"
    )
    _add_reduction(validate)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"snn2ode {version('snn2ode')}")
        parser.exit()


def _add_times(parser: argparse.ArgumentParser, *, duration: float, share: float) -> None:
    parser.add_argument("--duration", type=float, default=duration, help=f"ms (default {duration:g})")
    text = f"transient left out, ms (default {share:.0%} of the duration)".replace("%", "%%")
    parser.add_argument("--discard", type=float, help=text)
    parser.set_defaults(discard_share=share)


def _check_times(options: argparse.Namespace) -> None:
    """Check the times, and fill in the transient."""
    from spiking.specification import POSITIVE, checked_number
    from spiking.statistics import checked_discard

    checked_number("", "duration", options.duration, POSITIVE)
    if options.discard is None:
        options.discard = options.discard_share * options.duration
    checked_discard(options.discard, options.duration)


def _add_scheme(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--scheme", help=f"reference, grid, bridge, interpolated or exact (default {default})")


def _add_reduction(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--noise-levels", type=int, default=3, metavar="N", help="of coloured noise, closure conditional (default 3)"
    )
    parser.add_argument("--bins", type=int, help="voltage bins per population (default: 150, or more)")
    text = "conditional, white, published, or kappa in ms (default conditional)"
    parser.add_argument("--closure", default="conditional", help=text)


def _add_floor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--v-min", type=float, help="lower end of the bins, mV (default: where no neuron comes)")


def _network(options: argparse.Namespace) -> Network:
    from spiking import presets
    from spiking.network import Network

    name = options.network
    path = Path(name)
    if name not in presets.PRESETS and (path.suffix == ".toml" or path.exists()):
        network = Network.from_toml(path)
    else:
        network = presets.get(name)
    return network.replace(dict(_assignment(text) for text in options.set))


def _assignment(text: str) -> tuple[str, float | bool]:
    from spiking.errors import SpecificationError

    address, equals, value = text.partition("=")
    if not equals:
        raise SpecificationError(f"--set {text}: must be ADDRESS=VALUE")
    if value in ("true", "false"):
        return address, value == "true"
    return address, _number(f"--set {text}", value)


def _number(place: str, text: str) -> float:
    from spiking.errors import SpecificationError

    try:
        return float(text)
    except ValueError:
        raise SpecificationError(
            f"{place}: {text!r} is not a number (kinds of parts are changed in the TOML)"
        ) from None


def _values(text: str) -> list[float]:
    from reduction.validation import MOST_VALUES
    from spiking.errors import SpecificationError

    place = f"--values {text}"
    if ":" not in text:
        return [_number(place, part) for part in text.split(",")] if text.strip() else []
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].isdecimal():
        raise SpecificationError(f"{place}: must be start:stop:count with a whole count")
    start, stop, count = _number(place, parts[0]), _number(place, parts[1]), int(parts[2])
    if not (math.isfinite(start) and math.isfinite(stop)):
        raise SpecificationError(f"{place}: start and stop must be finite")
    if count > MOST_VALUES:
        raise SpecificationError(f"{place}: at most {MOST_VALUES} values")
    if count < 1 or (count > 1 and stop <= start):
        raise SpecificationError(f"{place}: stop must exceed start, and count be at least 1")
    if count == 1:
        return [start]
    return [round(start + (stop - start) * i / (count - 1), 12) for i in range(count)]


def _approximation(options: argparse.Namespace, network: Network) -> MarkovApproximation:
    from reduction.markov import MarkovApproximation

    return MarkovApproximation(
        network,
        bins=options.bins,
        v_min=options.v_min,
        closure=_closure(options.closure),
        noise_levels=options.noise_levels,
    )


def _closure(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def _check_outputs(*paths: Path | None) -> None:
    """Refuse, before any work, files that cannot be written."""
    from spiking.errors import SpecificationError

    for path in paths:
        if path is None:
            continue
        try:
            new = not path.exists()
            with path.open("ab"):
                pass
            if new:
                path.unlink()
        except OSError as error:
            raise SpecificationError(f"{path}: cannot be written: {error.strerror}") from None


def _check_picture(path: Path | None) -> None:
    from spiking.errors import SpecificationError

    if path is not None and path.suffix not in (".png", ".pdf", ".svg"):
        raise SpecificationError(f"--plot {path}: must end in .png, .pdf or .svg")


def _save(ax: Axes, path: Path) -> None:
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=200)


@contextmanager
def _progress(options: argparse.Namespace, text: str) -> Iterator[Callable[[float], None]]:
    from tqdm import tqdm

    hidden = options.quiet or not sys.stderr.isatty()
    form = "{l_bar}{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=text, disable=hidden, bar_format=form, file=sys.stderr) as bar:

        def report(fraction: float) -> None:
            bar.n = min(fraction, 1.0)
            bar.refresh() if fraction >= 1 else bar.update(0)

        yield report


def _print_json(data: dict[str, Any]) -> None:
    print(json.dumps(data, allow_nan=False))


def _presets(options: argparse.Namespace) -> None:
    from spiking import presets

    found = {name: (make.__doc__ or "").splitlines()[0] for name, make in presets.PRESETS.items()}
    if options.json:
        _print_json(found)
        return
    for name, text in found.items():
        print(f"{name:14} {text}")


def _show(options: argparse.Namespace) -> None:
    from spiking import network_file

    network = _network(options)
    if options.json:
        table = network_file.to_table(network)
        _print_json(json.loads(json.dumps(table), parse_constant=lambda name: name))
    else:
        print(network_file.dumps(network), end="")


def _simulate(options: argparse.Namespace) -> None:
    from spiking import statistics

    network = _network(options)
    _check_picture(options.plot)
    _check_outputs(options.out, options.plot)
    _check_times(options)
    recording = _recording(options, network)
    rates = recording.rates(options.discard)
    ssi = statistics.synchrony(recording, discard=options.discard)
    cv = statistics.interval_variation(recording, discard=options.discard)
    if options.out is not None:
        recording.save(options.out)
    if options.plot is not None:
        _save(recording.plot(discard=options.discard), options.plot)
    if options.json:
        estimates = {"rates": rates, "ssi": ssi, "cv": cv}
        plain = {key: {name: e.to_plain() for name, e in found.items()} for key, found in estimates.items()}
        _print_json({**plain, **recording.timing, "synaptic_events": recording.synaptic_events})
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
        with _progress(options, "simulating") as progress:
            return simulation.simulate(
                network, options.duration, dt=options.dt, seed=options.seed, scheme=scheme, initial=options.initial,
                trials=options.trials, workers=options.workers, progress=progress,
            )  # fmt: skip
    if options.trials != 1:
        raise SpecificationError(f"--trials {options.trials}: --engine {options.engine} runs one; vary --seed")
    return peers.simulate(
        network, options.duration, engine=options.engine, dt=options.dt, seed=options.seed, initial=options.initial,
        threads=options.workers or 1,
    )  # fmt: skip


def _derive(options: argparse.Namespace) -> None:
    network = _network(options)
    approximation = _approximation(options, network)
    from reduction.symbolic import derive

    equations = derive(approximation)
    text = {"text": equations.__str__, "latex": equations.latex, "sympy": equations.source}[options.format]()
    if options.json:
        _print_json({"format": options.format, "equations": text})
    else:
        print(text)


def _export(options: argparse.Namespace) -> None:
    from reduction.exporting.programs import export

    approximation = _approximation(options, _network(options))
    initial = _equilibrium(approximation) if options.to == "auto" else None
    files = export(approximation, options.to, options.out, initial=initial, name=options.name)
    if options.json:
        _print_json({"files": files if options.out is None else [str(options.out / name) for name in files]})
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

    states = stationary(_approximation(options, _network(options)), starts=options.starts)
    if options.json:
        _print_json({"states": [state.to_plain() for state in states]})
        return
    for state in states:
        word = {True: "stable", False: "unstable", None: "stability unknown"}[state.stable]
        for name, rate in state.rates.items():
            print(f"{name:12}{rate:12.6f} Hz   CV {state.variations[name]:.4f}   {word}")


def _integrate(options: argparse.Namespace) -> None:
    from reduction.integration import integrate

    network = _network(options)
    _check_picture(options.plot)
    _check_outputs(options.out, options.plot)
    _check_times(options)
    approximation = _approximation(options, network)
    begun = time.perf_counter()
    with _progress(options, "integrating") as progress:
        trajectory = integrate(
            approximation, options.level, options.duration, dt=options.dt, seed=options.seed, trials=options.trials,
            workers=options.workers, progress=progress,
        )  # fmt: skip
    wall = time.perf_counter() - begun
    rates = trajectory.rates(options.discard)
    if options.out is not None:
        trajectory.save(options.out)
    if options.plot is not None:
        _save(trajectory.plot(discard=options.discard), options.plot)
    if options.json:
        plain = {name: rate.to_plain() for name, rate in rates.items()}
        _print_json({"level": options.level, "rates": plain, "wall_s": wall})
        return
    for name, rate in rates.items():
        print(f"{name:12}{rate.mean:10.4f}{f' ± {rate.se:.2g}' if rate.se else ''} Hz")
    print(f"level {options.level}: {trajectory.duration:g} ms in {wall:.2f} s (with compilation, if any)")


def _validate(options: argparse.Namespace) -> None:
    from reduction.validation import validate

    network = _network(options)
    _check_times(options)
    begun = time.perf_counter()
    with _progress(options, "validating") as progress:
        report = validate(
            network, parameter=options.parameter, values=_values(options.values),
            levels=None if options.levels is None else [level for level in options.levels.split(",") if level],
            duration=options.duration,
            discard=options.discard, dt=options.dt, seed=options.seed, workers=options.workers, trials=options.trials,
            scheme=options.scheme, bins=options.bins, closure=_closure(options.closure), store=options.out,
            progress=progress, command=options.command,
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
        _print_json({"report": str(page), "summary": report.to_json()["summary"], "comparisons": rows, "wall_s": wall})
        return
    print(*verdicts(report), f"Report: {page}", sep="\n")


if __name__ == "__main__":
    raise SystemExit(main())
