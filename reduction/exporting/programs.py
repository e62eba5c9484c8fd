"""export(): write the reduced equations of a network as a model of another program."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy.typing as npt

from reduction.derivation import explicit_equations, with_bins
from reduction.exporting.code import Model
from reduction.levels.ode import checked_state, layout
from reduction.markov import MarkovApproximation
from reduction.trajectory import Trajectory
from spiking.errors import ParameterError, SpecificationError, UnknownNameError
from spiking.network import Network

PROGRAMS = ("auto", "xpp", "python", "julia")


def export(
    network: Network | MarkovApproximation,
    program: str,
    path: str | Path | None = None,
    *,
    bins: int | None = None,
    initial: npt.ArrayLike | None = None,
    name: str = "network",
) -> dict[str, str]:
    """Write the ODE level of a network's reduction as a model of another program.

    * ``"auto"``: AUTO-07p, ``name.f90`` and the constants file ``c.name``; parameters are named in it by address.
    * ``"xpp"``: XPPAUT, ``name.ode``.
    * ``"python"``: ``name.py``, a module with ``rhs(t, y, p)`` that imports ``math`` alone.
    * ``"julia"``: ``name.jl``, ``rhs!(dy, y, p, t)`` with a NamedTuple p, and a ``BifurcationProblem``.

    Every parameter of the network that enters stays a parameter; bins, `v_min` and a numeric closure are fixed (see
    `reduction.explicit.ExplicitEquations`). A comment maps addresses to the identifiers of the language.

    Parameters
    ----------
    network : Network or MarkovApproximation
        A network is taken with the default closure.
    program : {"auto", "xpp", "python", "julia"}
    path : path, optional
        Directory into which the files are written; by default none is.
    bins : int, optional
        Per population; by default those of the approximation.
    initial : array_like or Trajectory, optional
        State to start from, shape (states,), ordered as ``approximation.ode().names``; AUTO needs one near a stationary
        state. By default neurons spread above reset.
    name : str
        Of the model and its files: a letter, then letters, digits or underscores.

    Returns
    -------
    dict
        File name to text.

    Raises
    ------
    SpecificationError, UnknownNameError, ParameterError
        If an option is wrong, or the program cannot hold the model.
    """
    if program not in PROGRAMS:
        raise UnknownNameError("program", program, PROGRAMS)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ParameterError("", "name", name, "must be a letter followed by letters, digits or underscores")
    approximation = with_bins(network, bins)
    state = initial.final_state[0] if isinstance(initial, Trajectory) else initial
    full = checked_state(approximation, state)
    model = Model(explicit_equations(approximation), full[layout(approximation).kept], name)
    write: Callable[[Model], dict[str, str]] = getattr(
        import_module(f"reduction.exporting.{program}"), f"{program}_files"
    )
    files = write(model)
    if path is not None:
        _save(Path(path), files)
    return files


def _save(directory: Path, files: dict[str, str]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecificationError(f"{directory}: cannot be written: {error.strerror}") from None
