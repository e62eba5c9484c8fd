r"""Distances in units of the network's own sampling error.

A distance of two finite samples is never zero: it grows with what the samples happen to miss, the more so the longer
the memory of the trajectory. So every distance of a level to the network is divided by that of the network to itself.

Two independent runs A and B of the network and one run L of the level are cut into blocks of equal length, long
compared with the memory of the trajectory. With d the distance of two blocks,

.. math:: \rho = \frac{\mathrm{mean}\ d(L_i, A_j \cup B_j)}{\mathrm{mean}\ d(A_i, B_j)} .

Both means are over blocks of independent runs and of equal length. If L has the law of the network they have the same
expectation, whatever the distance, its bias, and the memory within a run: :math:`\rho = 1`, up to a term of the order
of one over the number of blocks. If it has another law, :math:`\rho` grows with the length of the blocks. A level
without chance has no sampling error of its own: even with the network's law it would not give 1, but the share that
one sample has in the distance of two, :math:`1/\sqrt 2` where the error is Gaussian and small.

The standard error is that of a jackknife over the blocks of all three runs, of :math:`\log\rho`; the interval of 95 %
takes Student's t with one degree of freedom less than the smallest run has blocks.

The rank p is that of the energy statistic :math:`2\,d(L, N) - d(L, L') - d(N, N')` (means over pairs of different
blocks, N those of A and B; Székely and Rizzo 2013) among its values for 999 permutations of the blocks. It uses the
whole length of the runs, not that of a block, and tells laws apart long before :math:`\rho` does. Its level is right
where blocks are independent, and level and network both have chance in them.

Measured with the network of [C25], 10 blocks, in all coordinates (`tests/reduction/test_attractor_aspect.py`): of 100
independent runs of the network itself, 4 s each, the interval held 1 in 96 and 95 (p^{EI} = 0.6 and 0.8; p at most 0.05
in 8 and 7). Where a block holds few events, as multiple-firing events of I at 0.8, their intervals held 1 in 87 only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spiking.errors import SpecificationError
from spiking.estimates import Estimate

Floats = npt.NDArray[np.float64]

PERMUTATIONS = 999
FEWEST_BLOCKS = 4
_PERMUTATION_SEED = 20250102
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Calibrated:
    """A distance of a level to the network in units of the network's distance to itself.

    Attributes
    ----------
    ratio : Estimate
        1: as far from the network as a further run of the network.
    low, high : float
        Bounds of the ratio's interval of 95 %.
    rank : float
        Share of permutations that set the two as far apart: small if their laws differ.
    distance, own_distance : float
        Mean distance of a block of the level to one of the network, and of two blocks of the network, in the
        distance's unit.
    """

    ratio: Estimate
    low: float
    high: float
    rank: float
    distance: float
    own_distance: float


def calibrate(distances: Floats, blocks: tuple[int, int, int]) -> Calibrated:
    """Calibrate the distances of all pairs of blocks; see the module.

    Parameters
    ----------
    distances : array, shape (blocks, blocks)
        Symmetric: of the level's blocks, then those of one and of another run of the network. Blocks whose distances
        are NaN are left out.
    blocks : (int, int, int)
        How many there are of each.

    Raises
    ------
    SpecificationError
        If a run has less than 4 blocks left, or the distances are zero.
    """
    from scipy.stats import t as student

    owner = np.repeat([0, 1, 2], blocks)
    kept = np.isfinite(distances).any(axis=1)
    owner, distances = owner[kept], distances[np.ix_(kept, kept)]
    numbers = np.bincount(owner, minlength=3)
    if numbers.min() < FEWEST_BLOCKS:
        raise SpecificationError(f"{numbers.min()} blocks of a run have a value; at least {FEWEST_BLOCKS} are needed")
    sums = np.stack([distances[:, owner == g].sum(axis=1) for g in range(3)], axis=1)
    level, first, second = (sums[owner == g] for g in range(3))
    if not (level[:, 1:].sum() > 0.0 and first[:, 2].sum() > 0.0):
        raise SpecificationError("the distances are zero: nothing varies")
    full = _log_ratio(level[:, 1:].sum(), first[:, 2].sum(), *numbers)
    variance = 0.0
    for g, own in enumerate((level, first, second)):
        from_level = own[:, 1] + own[:, 2] if g == 0 else own[:, 0]
        within = np.zeros(len(own)) if g == 0 else own[:, 3 - g]
        fewer = numbers - (np.arange(3) == g)
        if not (level[:, 1:].sum() - from_level > 0.0).all() or not (first[:, 2].sum() - within > 0.0).all():
            raise SpecificationError("one block has all of the distances: too little happens in the others")
        without = _log_ratio(level[:, 1:].sum() - from_level, first[:, 2].sum() - within, *fewer)
        variance += (len(own) - 1) / len(own) * float(((without - without.mean()) ** 2).sum())
    ratio, error = math.exp(full), math.sqrt(variance)
    reach = float(student.ppf(0.5 + _CONFIDENCE / 2, numbers.min() - 1)) * error
    own_distance = float(first[:, 2].mean() / numbers[2])
    return Calibrated(
        ratio=Estimate(ratio, ratio * error), low=ratio * math.exp(-reach), high=ratio * math.exp(reach),
        rank=_rank(distances, owner == 0), distance=ratio * own_distance, own_distance=own_distance,
    )  # fmt: skip


def _log_ratio(across: Floats, within: Floats, level: int, first: int, second: int) -> Floats:
    """Return the logarithm of the ratio of mean distances, from the sums of distances."""
    return np.asarray(np.log(across / (level * (first + second))) - np.log(within / (first * second)))


def _rank(distances: Floats, is_level: npt.NDArray[np.bool_]) -> float:
    """Return the share of permutations, the given order included, whose energy statistic is not smaller."""
    generator = np.random.default_rng(_PERMUTATION_SEED)
    chosen = np.stack([is_level, *(generator.permutation(is_level) for _ in range(PERMUTATIONS))]).astype(float)
    level = int(is_level.sum())
    network = is_level.size - level
    from_level = chosen @ distances
    within_level = (from_level * chosen).sum(axis=1)
    across = from_level.sum(axis=1) - within_level
    within_network = distances.sum() - within_level - 2 * across
    statistic = (
        2 * across / (level * network)
        - within_level / (level * (level - 1))
        - within_network / (network * (network - 1))
    )
    return float((statistic >= statistic[0] - 1e-12 * abs(statistic[0])).mean())
