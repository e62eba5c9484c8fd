"""Conditions that single out special points, by the bordered systems that each linearisation offers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_RANKS = {"HB": 2, "NS": 2, "BP": 2, "BPC": 2}
_OWN = {"HB": 1, "NS": 1}


@dataclass(frozen=True, eq=False)
class Singular:
    """A matrix of the linearisation, named by the kind of point, is singular.

    Attributes
    ----------
    kind : str
    borders : object
        As the linearisation's `borders` returns them.
    """

    kind: str
    borders: Any

    @classmethod
    def at(cls, kind: str, linearised: Any, own: Floats) -> Singular:
        """Return the condition with the borders that suit a linearisation."""
        return cls(kind, linearised.borders(kind, own))

    @property
    def rank(self) -> int:
        return _RANKS.get(self.kind, 1)

    @property
    def extra(self) -> int:
        return _OWN.get(self.kind, 0)

    def values(self, linearised: Any, own: Floats) -> Floats:
        """As `augmented.Condition.values`."""
        return np.asarray(linearised.singularity(self.kind, own, self.borders))
