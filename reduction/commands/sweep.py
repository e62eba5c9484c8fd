"""The command sweep."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from reduction.commands.output import print_json
from reduction.commands.ranges import values

if TYPE_CHECKING:
    from reduction.rate_sweeps import RateMeasurement
    from reduction.sweeping import Progress
    from reduction.swept import Sweep

_FILE = "rates.csv"


def register(commands: Commands) -> None:
    """Add the command."""
    sweep = commands.add("sweep", _sweep, "measure firing rates over a grid of parameters, resumably")
    text = "start:stop:count or a comma list; repeatable: all combinations"
    sweep.add_argument("--grid", required=True, action="append", metavar="ADDRESS=VALUES", help=text)
    text = "network, chain, ode, langevin, published or siegert (default network)"
    sweep.add_argument("--source", default="network", help=text)
    add_times(sweep, duration=5000.0, share=0.2)
    sweep.add_argument("--dt", type=float, default=0.1, help="step of network and published scheme, ms (default 0.1)")
    add_scheme(sweep, "reference where it is defined, else grid")
    sweep.add_argument("--trials", type=int, default=1, help="repetitions of a random source (default 1)")
    text = f"keeps every finished point, and {_FILE} when all are; the same command resumes"
    sweep.add_argument("--store", type=Path, required=True, metavar="DIR", help=text)
    text = "compute the K-th of N parts only, such as 1/4 of a job array, in the same store"
    sweep.add_argument("--shard", default="1/1", metavar="K/N", help=text)
    sweep.add_argument("--workers", type=int, help="processes (default: one per core)")
    add_reduction(sweep)
    add_floor(sweep)


def _sweep(options: argparse.Namespace) -> None:
    from reduction.sweeping import sweep
    from spiking.errors import NumericalError

    check_times(options)
    grid, shard = _grid(options.grid), _shard(options.shard)
    measurement = _measurement(options)
    measurement.check(grid)
    with _bar(options) as progress:
        found = sweep(
            measurement, grid, workers=options.workers, store=options.store, shard=shard, progress=progress
        )  # fmt: skip
    path = None
    if not found.missing:
        path = options.store / _FILE
        found.save(path)
    if options.json:
        print_json(_to_plain(found, path))
    else:
        _print(found, path, options.shard)
    if found.failures:
        index, message = next(iter(found.failures.items()))
        first = f"first {_named(found.points[index])}: {message}"
        raise NumericalError(
            f"{len(found.failures)} of {len(found.points)} points failed, {first}; the same command tries them again"
        )


def _measurement(options: argparse.Namespace) -> RateMeasurement:
    from reduction.measuring import Settings
    from reduction.rate_sweeps import RateMeasurement
    from spiking.simulation import default_scheme

    network = network_of(options)
    settings = Settings(
        duration=options.duration, discard=options.discard, dt=options.dt,
        scheme=options.scheme or default_scheme(network), trials=options.trials, seed=options.seed, bins=options.bins,
        v_min=options.v_min, closure=closure(options.closure), noise_levels=options.noise_levels,
    )  # fmt: skip
    return RateMeasurement(network, settings, options.source)


def _grid(texts: list[str]) -> dict[str, list[float]]:
    from spiking.errors import SpecificationError

    grid: dict[str, list[float]] = {}
    for text in texts:
        address, equals, numbers = text.partition("=")
        if not equals:
            raise SpecificationError(f"--grid {text}: must be ADDRESS=start:stop:count or ADDRESS=a,b,c")
        if address in grid:
            raise SpecificationError(f"--grid {text}: {address} has its values already")
        grid[address] = values(f"--grid {text}", numbers)
        if not grid[address]:
            raise SpecificationError(f"--grid {text}: must hold at least one value")
    return grid


def _shard(text: str) -> tuple[int, int]:
    from spiking.errors import SpecificationError

    part, slash, number = text.partition("/")
    if not (slash and part.isdecimal() and number.isdecimal() and 1 <= int(part) <= int(number)):
        raise SpecificationError(f"--shard {text}: must be K/N with 1 <= K <= N, such as 1/4")
    return int(part) - 1, int(number)


@contextmanager
def _bar(options: argparse.Namespace) -> Iterator[Callable[[Progress], None]]:
    """Draw a bar on a terminal, with the time left by the points finished in this run."""
    from tqdm import tqdm

    hidden = options.quiet or not sys.stderr.isatty()
    form = "{desc}: {n_fmt}/{total_fmt} points|{bar}| {elapsed}{postfix}"
    with tqdm(desc="sweeping", total=1, disable=hidden, bar_format=form, file=sys.stderr) as bar:

        def report(progress: Progress) -> None:
            left = "" if progress.seconds_left is None else f"about {tqdm.format_interval(progress.seconds_left)} left"
            failed = f"{progress.failed} failed" if progress.failed else ""
            bar.total = progress.total
            bar.set_postfix_str(", ".join(filter(None, (left, failed))), refresh=False)
            bar.update(progress.done + progress.failed - bar.n)

        yield report


def _to_plain(found: Sweep, path: Path | None) -> dict[str, Any]:
    from reduction.rate_sweeps import ERROR, RATE
    from spiking.estimates import Estimate

    rows = [
        {
            "values": point,
            "rates": result and {name: Estimate(r[RATE], r[ERROR]).to_plain() for name, r in result.items()},
            "failure": found.failures.get(index),
        }
        for index, (point, result) in enumerate(zip(found.points, found.results, strict=True))
    ]
    return {"points": rows, "missing": len(found.missing), "table": None if path is None else str(path)}


def _print(found: Sweep, path: Path | None, shard: str) -> None:
    from reduction.rate_sweeps import ERROR, RATE
    from spiking.estimates import Estimate

    header = list(found.points[0])
    finished = [result for result in found.results if result is not None]
    names = list(finished[0]) if finished else []
    width = max(map(len, header)) + 2
    print("".join(f"{address:>{width}}" for address in header) + "".join(f"{f'{name} (Hz)':>18}" for name in names))
    for index, (point, result) in enumerate(zip(found.points, found.results, strict=True)):
        numbers = "".join(f"{point[address]:>{width}.6g}" for address in header)
        if result is not None:
            rates = (Estimate(result[name][RATE], result[name][ERROR]) for name in names)
            print(numbers + "".join(f"{_estimate(rate):>18}" for rate in rates))
        elif index in found.failures:
            print(f"{numbers}  failed")
    if path is None:
        left = f"{len(found.points) - len(found.missing)} of {len(found.points)} points are finished after part {shard}"
        print(f"{left}; {_FILE} is written when all are")
    else:
        print(f"Table: {path}")


def _estimate(rate: Any) -> str:
    return str(rate) if rate.se and math.isfinite(rate.se) else f"{rate.mean:.4g}"


def _named(point: dict[str, float]) -> str:
    return ", ".join(f"{address} = {value:g}" for address, value in point.items())
