"""What the commands share: their options, and what these mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reduction.markov import MarkovApproximation
    from spiking.network import Network

EXIT_STATUS = "Exit status: 0; 2 for bad input; 1 for a numerical failure; 130 if interrupted."


class Commands:
    """The commands of a parser.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
        self._common = argparse.ArgumentParser(add_help=False)
        self._common.add_argument(
            "--set", action="append", default=[], metavar="ADDRESS=VALUE", help="change a parameter; repeatable"
        )
        self._common.add_argument("--seed", type=int, default=0, help="of all random numbers (default 0)")
        self._common.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        self._common.add_argument("--quiet", action="store_true", help="no progress on stderr")

    def add(
        self,
        name: str,
        run: Callable[[argparse.Namespace], None],
        text: str,
        network: str | None = "name of a preset, or a TOML file",
    ) -> argparse.ArgumentParser:
        """Return the parser of a new command, with the common options.

        Parameters
        ----------
        name : str
        run : callable
            Runs the command, given its options.
        text : str
            What it does.
        network : str or None
            Help on its argument NETWORK; None if it takes none.
        """
        parser = self._commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            parents=[self._common],
            epilog=EXIT_STATUS,
        )
        if network is not None:
            parser.add_argument("network", metavar="NETWORK", help=network)
        parser.set_defaults(run=run)
        return parser


def add_times(parser: argparse.ArgumentParser, *, duration: float, share: float) -> None:
    """Add the duration and the transient, by default a share of it."""
    parser.add_argument("--duration", type=float, default=duration, help=f"ms (default {duration:g})")
    text = f"transient left out, ms (default {share:.0%} of the duration)".replace("%", "%%")
    parser.add_argument("--discard", type=float, help=text)
    parser.set_defaults(discard_share=share)


def check_times(options: argparse.Namespace) -> None:
    """Check the times, and fill in the transient."""
    from spiking.specification import POSITIVE, checked_number
    from spiking.statistics import checked_discard

    checked_number("", "duration", options.duration, POSITIVE)
    if options.discard is None:
        options.discard = options.discard_share * options.duration
    checked_discard(options.discard, options.duration)


def add_scheme(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the scheme of a simulation."""
    parser.add_argument("--scheme", help=f"reference, grid, bridge, interpolated or exact (default {default})")


def add_reduction(parser: argparse.ArgumentParser) -> None:
    """Add the options of a Markov approximation."""
    parser.add_argument(
        "--noise-levels", type=int, default=3, metavar="N", help="of coloured noise, closure conditional (default 3)"
    )
    parser.add_argument("--bins", type=int, help="voltage bins per population (default: 150, or more)")
    text = "conditional, white, published, or kappa in ms (default conditional)"
    parser.add_argument("--closure", default="conditional", help=text)


def add_floor(parser: argparse.ArgumentParser) -> None:
    """Add the lower end of the bins."""
    parser.add_argument("--v-min", type=float, help="lower end of the bins, mV (default: where no neuron comes)")


def network_of(options: argparse.Namespace) -> Network:
    """Return the network that the options name, with their changes."""
    from spiking import presets
    from spiking.network import Network

    name = options.network
    path = Path(name)
    if name not in presets.PRESETS and (path.suffix == ".toml" or path.exists()):
        network = Network.from_toml(path)
    else:
        network = presets.get(name)
    return network.replace(changes(options))


def changes(options: argparse.Namespace) -> dict[str, float | bool]:
    """Return the changed parameters, value by address."""
    return dict(_assignment(text) for text in options.set)


def _assignment(text: str) -> tuple[str, float | bool]:
    from spiking.errors import SpecificationError

    address, equals, value = text.partition("=")
    if not equals:
        raise SpecificationError(f"--set {text}: must be ADDRESS=VALUE")
    if value in ("true", "false"):
        return address, value == "true"
    return address, number(f"--set {text}", value)


def number(place: str, text: str) -> float:
    """Return the number that a text gives; a SpecificationError names the place."""
    from spiking.errors import SpecificationError

    try:
        return float(text)
    except ValueError:
        raise SpecificationError(
            f"{place}: {text!r} is not a number (kinds of parts are changed in the TOML)"
        ) from None


def approximation_of(options: argparse.Namespace, network: Network) -> MarkovApproximation:
    """Return the Markov approximation that the options describe."""
    from reduction.markov import MarkovApproximation

    return MarkovApproximation(
        network,
        bins=options.bins,
        v_min=options.v_min,
        closure=closure(options.closure),
        noise_levels=options.noise_levels,
    )


def closure(text: str) -> str | float:
    """Return a closure: a name, or kappa in ms."""
    try:
        return float(text)
    except ValueError:
        return text


def check_outputs(*paths: Path | None) -> None:
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


def check_picture(path: Path | None) -> None:
    """Refuse the file of a picture whose format is none of those drawn."""
    from spiking.errors import SpecificationError

    if path is not None and path.suffix not in (".png", ".pdf", ".svg"):
        raise SpecificationError(f"--plot {path}: must end in .png, .pdf or .svg")
