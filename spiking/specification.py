"""Frozen, validated dataclasses whose parameters declare their range and unit once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError


@dataclass(frozen=True)
class Requirement:
    """What a number must satisfy, in words and as a predicate."""

    text: str
    holds: Callable[[float], bool]


POSITIVE = Requirement("must be positive and finite", lambda x: 0 < x < math.inf)
ABOVE_MINUS_INF = Requirement("must be finite or inf", lambda x: x > -math.inf)
POSITIVE_OR_INF = Requirement("must be positive (inf allowed)", lambda x: x > 0)
NONNEGATIVE = Requirement("must be at least 0 and finite", lambda x: 0 <= x < math.inf)
FINITE = Requirement("must be finite", math.isfinite)
BELOW_INF = Requirement("must be finite or -inf", lambda x: x < math.inf)
NOT_NAN = Requirement("must be a number", lambda x: True)
PROBABILITY = Requirement("must lie in [0, 1]", lambda x: 0 <= x <= 1)

T = TypeVar("T")


def parameter(requirement: Requirement, unit: str, meaning: str, **options: Any) -> Any:
    """Declare a numeric field: its range, its unit and its meaning (also that of its sympy symbol)."""
    return field(metadata={"requirement": requirement, "unit": unit, "meaning": meaning}, **options)


def part(base: type[Specification], *, inline: bool = False, **options: Any) -> Any:
    """Declare a nested specification of a class; ``inline`` parts lend their parameters to the owner's address."""
    return field(metadata={"inline": inline, "base": base}, **options)


def array(dtype: type, unit: str, meaning: str, *, optional: bool = False) -> Any:
    """Declare a field that holds a one-dimensional, read-only array (or, if `optional`, None)."""
    metadata = {"dtype": dtype, "unit": unit, "meaning": meaning, "optional": optional}
    return field(default=None, metadata=metadata) if optional else field(metadata=metadata)


def checked_number(owner: str, name: str, value: object, requirement: Requirement, *, integer: bool = False) -> float:
    """Return `value` as a float (or int) that satisfies `requirement`.

    Raises
    ------
    ParameterError
        If `value` is not a number, is NaN, or is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterError(owner, name, value, f"must be {'an integer' if integer else 'a number'}")
    if integer and not (isinstance(value, Integral) or float(value).is_integer()):
        raise ParameterError(owner, name, value, f"must be an integer, and {requirement.text}")
    try:
        number = int(value) if isinstance(value, Integral) and integer else float(value)
    except OverflowError:
        raise ParameterError(owner, name, "a number too large for floating point", requirement.text) from None
    if math.isnan(number) or not requirement.holds(number):
        raise ParameterError(owner, name, number, requirement.text)
    return int(number) if integer else number


@dataclass(frozen=True)
class Specification:
    """Base of all specifications: a frozen dataclass, checked when made, equal by value.

    Fields declared by `parameter` are numbers (``int`` or ``bool`` if so annotated); fields declared by
    `part` are nested specifications; those declared by `array` are arrays; all others are names.
    """

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        owner = type(self).__name__
        for f in fields(self):
            value = getattr(self, f.name)
            if "requirement" in f.metadata:
                if f.type == "bool":
                    if not isinstance(value, bool):
                        raise ParameterError(owner, f.name, value, "must be true or false")
                    continue
                number = checked_number(owner, f.name, value, f.metadata["requirement"], integer=f.type == "int")
                object.__setattr__(self, f.name, number)
            elif "dtype" in f.metadata:
                object.__setattr__(self, f.name, _checked_array(owner, f.name, value, f.metadata))
            elif "inline" in f.metadata and not isinstance(value, f.metadata["base"]):
                base = f.metadata["base"]
                kinds = ", ".join(sorted(cls.__name__ for cls in _descendants(base) if cls.kind))
                raise ParameterError(owner, f.name, value, f"must be a {base.__name__.lower()}: {kinds}")

    def paths(self) -> dict[str, tuple[str, ...]]:
        """Return the relative address of every parameter and part, with the field names that lead to it."""
        found: dict[str, tuple[str, ...]] = {}
        for f in fields(self):
            if "requirement" in f.metadata:
                found[f.name] = (f.name,)
            elif "inline" in f.metadata:
                found[f.name] = (f.name,)
                prefix = "" if f.metadata["inline"] else f"{f.name}."
                for address, path in getattr(self, f.name).paths().items():
                    found[prefix + address] = (f.name, *path)
        return found

    def follow(self, path: tuple[str, ...]) -> Any:
        """Return the value at the end of a path of field names."""
        value: Any = self
        for name in path:
            value = getattr(value, name)
        return value

    def rebuilt(self, tree: Mapping[str, Any], address: str) -> Self:
        """Return a copy in which the fields named by a nested mapping are replaced, checked at `address`."""
        metadata = {f.name: f.metadata for f in fields(self)}
        new = {}
        for name, change in tree.items():
            if isinstance(change, Mapping):
                inner = address if metadata[name]["inline"] else f"{address}.{name}"
                new[name] = getattr(self, name).rebuilt(change, inner)
            else:
                new[name] = change
        return placed(address, lambda: replace(self, **new))

    def described(self, name: str) -> tuple[str, str]:
        """Return (unit, meaning) of a parameter of this specification."""
        metadata = next(f.metadata for f in fields(self) if f.name == name)
        return metadata["unit"], metadata["meaning"]


@dataclass(frozen=True, eq=False)
class ArraySpecification(Specification):
    """Base of the specifications that hold arrays: equal by value too."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(np.array_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    def __hash__(self) -> int:
        values = (getattr(self, f.name) for f in fields(self))
        return hash((type(self), *(v.tobytes() if isinstance(v, np.ndarray) else v for v in values)))


def _checked_array(owner: str, name: str, value: object, metadata: Mapping[str, Any]) -> npt.NDArray[Any] | None:
    if value is None and metadata["optional"]:
        return None
    whole = metadata["dtype"] is int
    kind = "integers" if whole else "finite numbers"
    try:
        given = np.asarray(value)
        if given.dtype.kind in "bc":
            raise TypeError
        found = given.astype(np.float64)
    except (TypeError, ValueError):
        raise ParameterError(owner, name, value, f"must be a list of {kind}") from None
    if found.ndim != 1 or not np.isfinite(found).all() or (whole and not np.array_equal(found, np.rint(found))):
        raise ParameterError(owner, name, value, f"must be a list of {kind}")
    frozen = found.astype(np.int64 if whole else np.float64)
    frozen.flags.writeable = False
    return frozen


def _descendants(cls: type[Specification]) -> set[type[Specification]]:
    return {cls}.union(*(_descendants(sub) for sub in cls.__subclasses__()))


def placed(address: str, make: Callable[[], T]) -> T:
    """Call `make`, giving a `ParameterError` the address at which it happened."""
    try:
        return make()
    except ParameterError as error:
        raise error.at(address) from None
