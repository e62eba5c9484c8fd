"""What the commands print, draw and show on the way."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def print_json(data: dict[str, Any]) -> None:
    """Print one JSON object."""
    print(json.dumps(data, allow_nan=False))


def save_picture(ax: Axes, path: Path) -> None:
    """Write the figure of some axes to a file."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=200)


@contextmanager
def progress(options: argparse.Namespace, text: str) -> Iterator[Callable[[float], None]]:
    """Draw a bar on a terminal; yields what is to be called with the finished fraction."""
    from tqdm import tqdm

    form = "{l_bar}{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=text, disable=_hidden(options), bar_format=form, file=sys.stderr) as bar:

        def report(fraction: float) -> None:
            bar.n = min(fraction, 1.0)
            bar.refresh() if fraction >= 1 else bar.update(0)

        yield report


@contextmanager
def counter(options: argparse.Namespace, text: str, parameter: str) -> Iterator[Callable[[int, float], None]]:
    """Count on a terminal; yields what is to be called with the number of points and the parameter's value."""
    from tqdm import tqdm

    form = "{desc}: {n_fmt} points in {elapsed}{postfix}"
    with tqdm(desc=text, disable=_hidden(options), bar_format=form, file=sys.stderr) as bar:

        def report(number: int, value: float) -> None:
            bar.set_postfix_str(f"{parameter} = {value:.6g}", refresh=False)
            bar.update(number - bar.n)

        yield report


def _hidden(options: argparse.Namespace) -> bool:
    return options.quiet or not sys.stderr.isatty()
