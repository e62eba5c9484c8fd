"""Wiring: which spikes reach which neurons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from spiking.errors import ParameterError
from spiking.specification import (
    FINITE,
    NONNEGATIVE,
    PROBABILITY,
    ArraySpecification,
    Specification,
    array,
    parameter,
)

if TYPE_CHECKING:
    from scipy.sparse import sparray, spmatrix


@dataclass(frozen=True)
class Wiring(Specification):
    """Base of the wiring rules.

    All but `Annealed` are quenched: one graph for all time and all trials, which belongs to the network (a random one
    comes from its `seed`). A neuron may be its own target.
    """


@dataclass(frozen=True)
class Annealed(Wiring):
    """A fresh coin for every spike and every target ([C25], [LCY19]); a neuron may be its own target.

    Parameters
    ----------
    probability : float
        With which a spike reaches a given neuron of the target population.
    """

    kind: ClassVar[str] = "annealed"
    probability: float = parameter(PROBABILITY, "", "connection probability")


@dataclass(frozen=True)
class Bernoulli(Wiring):
    """Each pair of neurons is connected, once, with the same probability.

    Parameters
    ----------
    probability : float
    seed : int
        Of the graph.
    procedural : bool
        Whether targets are drawn anew, alike, at every spike, instead of being stored: memory grows with the number
        of neurons only; a spike costs several times as much.
    """

    kind: ClassVar[str] = "bernoulli"
    probability: float = parameter(PROBABILITY, "", "connection probability")
    seed: int = parameter(NONNEGATIVE, "", "seed of the graph", default=0)
    procedural: bool = parameter(FINITE, "", "whether targets are drawn anew at every spike", default=False)


@dataclass(frozen=True)
class FixedInDegree(Wiring):
    """Each target has the same number of sources, drawn with replacement: a pair may be connected more than once.

    Parameters
    ----------
    in_degree : int
        Connections per target.
    seed : int
        Of the graph.
    """

    kind: ClassVar[str] = "fixed_in_degree"
    in_degree: int = parameter(NONNEGATIVE, "", "connections per target")
    seed: int = parameter(NONNEGATIVE, "", "seed of the graph", default=0)


@dataclass(frozen=True)
class FixedOutDegree(Wiring):
    """Each source has the same number of targets, drawn with replacement: a pair may be connected more than once.

    Parameters
    ----------
    out_degree : int
        Connections per source.
    seed, procedural
        As in `Bernoulli`.
    """

    kind: ClassVar[str] = "fixed_out_degree"
    out_degree: int = parameter(NONNEGATIVE, "", "connections per source")
    seed: int = parameter(NONNEGATIVE, "", "seed of the graph", default=0)
    procedural: bool = parameter(FINITE, "", "whether targets are drawn anew at every spike", default=False)


@dataclass(frozen=True)
class AllToAll(Wiring):
    """Every neuron of the source reaches every neuron of the target, itself included."""

    kind: ClassVar[str] = "all_to_all"


@dataclass(frozen=True, eq=False)
class Explicit(ArraySpecification, Wiring):
    """A given graph.

    Parameters
    ----------
    sources, targets : array_like of int, shape (edges,)
        Neurons of the source and of the target population, each numbered from 0. A pair may occur more than once.
    factors : array_like, shape (edges,), optional
        Of each edge, multiplies the synapse's weight; 1 by default. Not for pending-spike synapses.

    Raises
    ------
    ParameterError
        If lengths differ or a number is negative.
    """

    kind: ClassVar[str] = "explicit"
    sources: npt.NDArray[np.int64] = array(int, "", "sources of the edges")
    targets: npt.NDArray[np.int64] = array(int, "", "targets of the edges")
    factors: npt.NDArray[np.float64] | None = array(float, "", "factors of the edges", optional=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, values in (("sources", self.sources), ("targets", self.targets), ("factors", self.factors)):
            if values is not None and values.size != self.sources.size:
                raise ParameterError(
                    "Explicit", name, f"{values.size} values", f"must be {self.sources.size}, as sources"
                )
            if name != "factors" and values is not None and values.min(initial=0) < 0:
                raise ParameterError("Explicit", name, int(values.min()), "must be at least 0")

    @classmethod
    def from_sparse(cls, matrix: sparray | spmatrix, *, weighted: bool = False) -> Explicit:
        """Take the nonzero entries of a matrix of shape (targets, sources): row i holds the sources of target i.

        Parameters
        ----------
        matrix : scipy sparse array or matrix
        weighted : bool
            Whether its values are the edges' factors.
        """
        if not hasattr(matrix, "tocoo"):
            raise ParameterError("", "matrix", type(matrix).__name__, "must be a scipy sparse array or matrix")
        if not isinstance(weighted, bool):
            raise ParameterError("", "weighted", weighted, "must be true or false")
        entries: Any = matrix.tocoo(copy=True)
        entries.eliminate_zeros()
        return cls(entries.col, entries.row, entries.data if weighted else None)
