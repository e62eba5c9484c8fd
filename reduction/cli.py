"""The command snn2ode."""

from __future__ import annotations

import argparse
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from reduction.commands import bifurcation, convergence, networks, reductions, sweep, validation
from reduction.commands.options import EXIT_STATUS, Commands


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
    except KeyboardInterrupt as interruption:
        kept = f"; {interruption}" if interruption.args else ""
        print(f"\nsnn2ode: interrupted{kept}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return 0


def _show_warning(message: Warning | str, *_: Any) -> None:
    print(f"snn2ode: warning: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="snn2ode",
        description="Turn a spiking network into differential equations, and show how far to trust them.",
        epilog=EXIT_STATUS,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = Commands(parser)
    for group in (networks, convergence, reductions, bifurcation, validation, sweep):
        group.register(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"snn2ode {version('snn2ode')}")
        parser.exit()


if __name__ == "__main__":
    raise SystemExit(main())
