"""Implicit Runge-Kutta methods: Gauss collocation, and a stiffly accurate diagonally implicit one with its error."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tableau:
    """Coefficients of a Runge-Kutta method: Z_i = y + h sum_j a_ij f(Z_j), y+ = y + h sum_j b_j f(Z_j)."""

    a: Floats
    b: Floats
    c: Floats


@cache
def gauss(stages: int) -> Tableau:
    """Return Gauss collocation, of order 2 * stages (Hairer and Wanner, Solving ODEs II, 1996, IV.5)."""
    points, weights = np.polynomial.legendre.leggauss(stages)
    c = 0.5 * (points + 1.0)
    powers = np.vander(c, stages, increasing=True)
    orders = np.arange(1, stages + 1)
    integrals = c[:, None] ** orders / orders
    return Tableau(np.asarray(np.linalg.solve(powers.T, integrals.T).T, float), 0.5 * weights, c)


def _row(*entries: str) -> list[float]:
    return [float(Fraction(entry)) for entry in entries]


# ESDIRK5(4)8L[2]SA of Kennedy and Carpenter, Appl. Numer. Math. 44 (2003) 139: explicit first stage, seven implicit
# ones with the same diagonal, order 5, L-stable, stiffly accurate; EMBEDDED is of order 4.
DIAGONAL_ORDER = 5
_LAST = _row(
    "-872700587467/9133579230613",
    "0",
    "0",
    "22348218063261/9555858737531",
    "-1143369518992/8141816002931",
    "-39379526789629/19018526304540",
    "32727382324388/42900044865799",
    "41/200",
)
_STAGES_BEFORE = [
    _row("0"),
    _row("41/200", "41/200"),
    _row("41/400", "-567603406766/11931857230679", "41/200"),
    _row("683785636431/9252920307686", "0", "-110385047103/1367015193373", "41/200"),
    _row(
        "3016520224154/10081342136671",
        "0",
        "30586259806659/12414158314087",
        "-22760509404356/11113319521817",
        "41/200",
    ),
    _row(
        "218866479029/1489978393911",
        "0",
        "638256894668/5436446318841",
        "-1179710474555/5321154724896",
        "-60928119172/8023461067671",
        "41/200",
    ),
    _row(
        "1020004230633/5715676835656",
        "0",
        "25762820946817/25263940353407",
        "-2161375909145/9755907335909",
        "-211217309593/5846859502534",
        "-4269925059573/7827059040749",
        "41/200",
    ),
]
_MATRIX = np.array([row + [0.0] * (len(_LAST) - len(row)) for row in [*_STAGES_BEFORE, _LAST]])
DIAGONAL = Tableau(_MATRIX, _MATRIX[-1], _MATRIX.sum(axis=1))
EMBEDDED = np.array(
    _row(
        "-975461918565/9796059967033",
        "0",
        "0",
        "78070527104295/32432590147079",
        "-548382580838/3424219808633",
        "-33438840321285/15594753105479",
        "3629800801594/4656183773603",
        "4035322873751/18575991585200",
    )
)
_AHEAD_DEGREE = 2


def _ahead() -> Floats:
    """Return how the slope of each stage follows from those before, by a parabola through them in the least squares."""
    weights = np.zeros_like(DIAGONAL.a)
    for i in range(1, len(weights)):
        powers = np.arange(min(i, _AHEAD_DEGREE + 1))
        weights[i, :i] = DIAGONAL.c[i] ** powers @ np.linalg.pinv(DIAGONAL.c[:i, None] ** powers)
    return weights


def _known() -> Floats:
    """Return the known side of each stage, y + h sum_{j<i} a_ij f_j, by y, h gamma f_0 and the stages Z_1 ... Z_{i-1}.

    h gamma f_j = Z_j - known_j for j > 0.
    """
    a = DIAGONAL.a / DIAGONAL.a[-1, -1]
    stages = len(a)
    known, slopes = np.zeros((stages, stages + 1)), np.zeros((stages, stages + 1))
    slopes[0, 1] = 1.0
    for i in range(1, stages):
        known[i] = np.eye(stages + 1)[0] + a[i, :i] @ slopes[:i]
        slopes[i] = np.eye(stages + 1)[i + 1] - known[i]
    return known


AHEAD = _ahead()
KNOWN = _known()
LAST = np.eye(len(KNOWN) + 1)[-1] - KNOWN[-1]
