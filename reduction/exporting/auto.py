"""AUTO-07p: a Fortran model and its constants file."""

from __future__ import annotations

from reduction.exporting.code import Language, Model, Source, wrapped

_RESERVED = """
func stpnt pvls bcnd icnd fopt reduced bernoulli ndim u icp par ijac f dfdu dfdp t x a s r i j max abs exp log tan atan
sqrt nint double integer parameter if then else end do call return subroutine function getp average intervals points
column
"""
FORTRAN = Language(
    exponent="d",
    folds_case=True,
    reserved=frozenset(_RESERVED.split()),
)

_LINE = 120
_USED_BY_AUTO = range(10, 21)  # period, torus angle and the like
_DEFAULT_PARAMETERS = 36

_BERNOULLI = """\
DOUBLE PRECISION FUNCTION BERNOULLI(X)
! B(x) = x/(e^x - 1) without 0/0 and without overflow.
  IMPLICIT NONE
  DOUBLE PRECISION, INTENT(IN) :: X
  DOUBLE PRECISION :: A, S
  A = ABS(X)
  IF (A < 0.1d0) THEN
    S = A*A
    BERNOULLI = 1d0 - A/2d0 + S/12d0*(1d0 - S/60d0*(1d0 - S/42d0*(1d0 - S/40d0)))
  ELSE
    BERNOULLI = A*EXP(-A)/(1d0 - EXP(-A))
  END IF
  BERNOULLI = BERNOULLI + MAX(-X, 0d0)
END FUNCTION BERNOULLI
"""

_FUNC = """\
SUBROUTINE FUNC(NDIM, U, ICP, PAR, IJAC, F, DFDU, DFDP)
  IMPLICIT NONE
  INTEGER, INTENT(IN) :: NDIM, ICP(*), IJAC
  DOUBLE PRECISION, INTENT(IN) :: U(NDIM), PAR(*)
  DOUBLE PRECISION, INTENT(OUT) :: F(NDIM)
  DOUBLE PRECISION, INTENT(INOUT) :: DFDU(NDIM, NDIM), DFDP(NDIM, *)
  DOUBLE PRECISION :: R({rates})
  CALL REDUCED(U, PAR, F, R)
END SUBROUTINE FUNC
"""

_PVLS = """\
SUBROUTINE PVLS(NDIM, U, PAR)
! Firing rates: of a stationary state, or averaged over a cycle (IPS = 2).
  IMPLICIT NONE
  INTEGER, INTENT(IN) :: NDIM
  DOUBLE PRECISION, INTENT(IN) :: U(*)
  DOUBLE PRECISION, INTENT(INOUT) :: PAR(*)
  DOUBLE PRECISION, EXTERNAL :: GETP
  DOUBLE PRECISION :: F({states}), R({rates}), AVERAGE({rates})
  INTEGER :: I, J, INTERVALS, POINTS, COLUMN
  INTERVALS = NINT(GETP('NTST', 0, U))
  POINTS = NINT(GETP('NCOL', 0, U))
  COLUMN = NINT(GETP('NDX', 0, U))
  CALL REDUCED(U, PAR, F, AVERAGE)
  IF (GETP('DTM', 1, U) > 0d0) THEN
    AVERAGE = 0d0
    DO I = 1, INTERVALS
      DO J = 0, POINTS
        CALL REDUCED(U((POINTS*(I - 1) + J)*COLUMN + 1), PAR, F, R)
        AVERAGE = AVERAGE + GETP('DTM', I, U)*GETP('WINT', J, U)*R
      END DO
    END DO
  END IF
{assignments}
END SUBROUTINE PVLS
"""

_UNUSED = """\
SUBROUTINE BCND
END SUBROUTINE BCND

SUBROUTINE ICND
END SUBROUTINE ICND

SUBROUTINE FOPT
END SUBROUTINE FOPT
"""


def auto_files(model: Model) -> dict[str, str]:
    """Return the equations file and the constants file of AUTO-07p."""
    numbers = parameter_numbers(model)
    return {f"{model.name}.f90": _equations(model, numbers), f"c.{model.name}": _constants(model, numbers)}


def parameter_numbers(model: Model) -> dict[str, int]:
    """Return the number in PAR of every parameter, then of every rate; PAR(10) to PAR(20) are left to AUTO."""
    names = [*model.equations.parameters, *model.equations.observables]
    free = [i for i in range(1, len(names) + len(_USED_BY_AUTO) + 1) if i not in _USED_BY_AUTO]
    return dict(zip(names, free, strict=False))


def _equations(model: Model, numbers: dict[str, int]) -> str:
    e = model.equations
    names = model.identifiers(FORTRAN)
    source = Source(FORTRAN, names)

    def statement(left: str, right: str) -> str:
        return wrapped(f"  {left} = {right}", _LINE, " &", "      ")

    header = [f"! {line}".rstrip() for line in model.header("AUTO-07p", names)]
    places = [f"  PAR({numbers[name]}): {name}" for name in numbers]
    lines = [*header, "! In AUTO", *(f"! {line}" for line in places), "", "SUBROUTINE REDUCED(U, PAR, F, R)"]
    lines += ["! Derivatives F per ms and firing rates R in Hz.", "  IMPLICIT NONE"]
    lines += [f"  DOUBLE PRECISION, INTENT(IN) :: U({len(e.states)}), PAR(*)"]
    lines += [f"  DOUBLE PRECISION, INTENT(OUT) :: F({len(e.states)}), R({len(e.observables)})"]
    lines += ["  DOUBLE PRECISION, EXTERNAL :: BERNOULLI"]
    lines += [f"  DOUBLE PRECISION :: {names[name]}" for name in (*e.parameters, *e.states, *e.definitions)]
    lines += [f"  {names[address]} = PAR({numbers[address]})" for address in e.parameters]
    lines += [f"  {names[name]} = U({i})" for i, name in enumerate(e.states, 1)]
    lines += [statement(names[name], source(x)) for name, x in e.definitions.items()]
    lines += [statement(f"F({i})", source(x)) for i, x in enumerate(e.derivatives.values(), 1)]
    lines += [statement(f"R({i})", source(x)) for i, x in enumerate(e.observables.values(), 1)]
    lines += ["END SUBROUTINE REDUCED", "", _BERNOULLI, _FUNC.format(rates=len(e.observables))]

    lines += ["SUBROUTINE STPNT(NDIM, U, PAR, T)", "  IMPLICIT NONE", "  INTEGER, INTENT(IN) :: NDIM"]
    lines += ["  DOUBLE PRECISION, INTENT(INOUT) :: U(NDIM), PAR(*)", "  DOUBLE PRECISION, INTENT(IN) :: T"]
    lines += [f"  PAR({numbers[address]}) = {source.number(value)}" for address, value in model.values.items()]
    lines += [f"  U({i}) = {source.number(value)}" for i, value in enumerate(model.initial, 1)]
    lines += ["END SUBROUTINE STPNT", ""]

    assignments = "\n".join(f"  PAR({numbers[name]}) = AVERAGE({i})" for i, name in enumerate(e.observables, 1))
    lines += [_PVLS.format(states=len(e.states), rates=len(e.observables), assignments=assignments), _UNUSED]
    return "\n".join(lines)


def _constants(model: Model, numbers: dict[str, int]) -> str:
    e = model.equations
    rates = [numbers[name] for name in e.observables]
    free = next((a for a in e.parameters if a.endswith(".probability")), next(iter(e.parameters)))
    parnames = ", ".join(f"{i}: '{name}'" for name, i in numbers.items())
    unames = ", ".join(f"{i}: '{name}'" for i, name in enumerate(e.states, 1))
    return f"""\
# Stationary states over {free}, from the state in STPNT; change ICP, DS, UZSTOP for another parameter.
unames = {{{unames}}}
parnames = {{{parnames}}}
NDIM = {len(e.states)}, IPS = 1, IRS = 0, ILP = 1
ICP = [{numbers[free]}, {", ".join(map(str, rates))}]
NTST = 50, NCOL = 4, IAD = 3, ISP = 2, ISW = 1, IPLT = 0, NBC = 0, NINT = 0
NMX = 500, NPR = 500, MXBF = 0, IID = 2, ITMX = 9, ITNW = 7, NWTN = 3, JAC = 0
EPSL = 1e-08, EPSU = 1e-08, EPSS = 1e-06
DS = 0.01, DSMIN = 1e-06, DSMAX = 1.0, IADS = 1
NPAR = {max(_DEFAULT_PARAMETERS, *numbers.values())}, THL = {{11: 0.0}}, THU = {{}}
UZSTOP = {{}}
"""
