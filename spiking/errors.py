"""Errors that name the place, the value, and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class SpecificationError(ValueError):
    """Bad input: a specification or an option that cannot be used as given."""


class ParameterError(SpecificationError):
    """A parameter outside what is allowed.

    Parameters
    ----------
    owner : str
        Address or class that owns the parameter, for example ``"EI"``; empty for an option of a function.
    name : str
        Name of the parameter.
    value : object
        The refused value.
    allowed : str
        What is allowed, for example ``"must lie in [0, 1]"``.
    """

    def __init__(self, owner: str, name: str, value: object, allowed: str) -> None:
        self.owner, self.name, self.value, self.allowed = owner, name, value, allowed
        shown = value if isinstance(value, (int, float)) else repr(value)
        super().__init__(f"{owner + '.' if owner else ''}{name} = {shown}: {allowed}")

    def at(self, owner: str) -> ParameterError:
        """Return the same error placed at another owner."""
        return ParameterError(owner, self.name, self.value, self.allowed)

    def __reduce__(self) -> tuple[type[ParameterError], tuple[str, str, object, str]]:
        return ParameterError, (self.owner, self.name, self.value, self.allowed)


class UnknownNameError(SpecificationError, KeyError):
    """A name (address, preset, level, key) that does not exist; the message lists those that do."""

    def __init__(self, what: str, name: object, known: Iterable[str]) -> None:
        self.what, self.name, self.known = what, name, tuple(known)
        close = get_close_matches(str(name), self.known, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        super().__init__(f"{what} {name!r} does not exist{hint}; there are: {', '.join(self.known) or 'none'}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, object, tuple[str, ...]]]:
        return UnknownNameError, (self.what, self.name, self.known)


class NumericalError(ArithmeticError):
    """A computation that failed although its input was legal; the message says what to change.

    Attributes
    ----------
    recording : spiking.Recording or None
        What a simulation had recorded of the trial that failed.
    """

    recording: Any = None
