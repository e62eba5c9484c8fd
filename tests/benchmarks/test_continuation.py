"""Continuation: a Newton step of a cycle, equilibria with eigenvalues, and a branch of cycles beside AUTO-07p's.

AUTO's program is linked from Debian's objects (auto-07p, gfortran) with a model in Fortran that gives its Jacobian.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import exact_cycles
import models
import numpy as np
import pytest

import reduction
from reduction.continuation.cycle_problem import cycle_problem

AUTO = Path(os.environ.get("AUTO_DIR", "/usr/lib/auto-07p")) / "lib"
needs_auto = pytest.mark.skipif(
    not (AUTO / "main.o").exists() or shutil.which("gfortran") is None,
    reason="AUTO-07p is absent (Debian: auto-07p, gfortran)",
)
INTERVALS, COLLOCATION = 40, 4  # NTST, NCOL: those of a branch by default
CYCLES = 10

EQUATIONS = """
SUBROUTINE FUNC(NDIM, U, ICP, PAR, IJAC, F, DFDU, DFDP)
  IMPLICIT NONE
  INTEGER, INTENT(IN) :: NDIM, ICP(*), IJAC
  DOUBLE PRECISION, INTENT(IN) :: U(NDIM), PAR(*)
  DOUBLE PRECISION, INTENT(OUT) :: F(NDIM)
  DOUBLE PRECISION, INTENT(INOUT) :: DFDU(NDIM, NDIM), DFDP(NDIM, *)
  DOUBLE PRECISION, PARAMETER :: A = 2d0, B = 5.45d0
  DOUBLE PRECISION :: X(0:NDIM/2+1), Y(0:NDIM/2+1), DX, DY
  INTEGER :: I, N
  N = NDIM/2
  DX = 0.008d0*((N + 1)/PAR(1))**2
  DY = DX/2d0
  X(0) = A
  X(1:N) = U(1:N)
  X(N+1) = A
  Y(0) = B/A
  Y(1:N) = U(N+1:NDIM)
  Y(N+1) = B/A
  DO I = 1, N
    F(I) = DX*(X(I-1) - 2*X(I) + X(I+1)) + A - (B + 1)*X(I) + X(I)**2*Y(I)
    F(N+I) = DY*(Y(I-1) - 2*Y(I) + Y(I+1)) + B*X(I) - X(I)**2*Y(I)
  END DO
  IF (IJAC == 0) RETURN
  DFDU(1:NDIM, 1:NDIM) = 0d0
  DO I = 1, N
    IF (I > 1) THEN
      DFDU(I, I-1) = DX
      DFDU(N+I, N+I-1) = DY
    END IF
    IF (I < N) THEN
      DFDU(I, I+1) = DX
      DFDU(N+I, N+I+1) = DY
    END IF
    DFDU(I, I) = -2*DX - (B + 1) + 2*X(I)*Y(I)
    DFDU(I, N+I) = X(I)**2
    DFDU(N+I, I) = B - 2*X(I)*Y(I)
    DFDU(N+I, N+I) = -2*DY - X(I)**2
  END DO
  IF (IJAC == 1) RETURN
  DO I = 1, N
    DFDP(I, 1) = -2*DX/PAR(1)*(X(I-1) - 2*X(I) + X(I+1))
    DFDP(N+I, 1) = -2*DY/PAR(1)*(Y(I-1) - 2*Y(I) + Y(I+1))
  END DO
END SUBROUTINE FUNC

SUBROUTINE STPNT(NDIM, U, PAR, T)
  IMPLICIT NONE
  INTEGER, INTENT(IN) :: NDIM
  DOUBLE PRECISION, INTENT(INOUT) :: U(NDIM), PAR(*)
  DOUBLE PRECISION, INTENT(IN) :: T
  PAR(1) = 0.4d0
  U(1:NDIM/2) = 2d0
  U(NDIM/2+1:NDIM) = 5.45d0/2d0
END SUBROUTINE STPNT

SUBROUTINE BCND
END SUBROUTINE BCND

SUBROUTINE ICND
END SUBROUTINE ICND

SUBROUTINE FOPT
END SUBROUTINE FOPT

SUBROUTINE PVLS
END SUBROUTINE PVLS
"""

CONSTANTS = """\
NDIM = {states}, IRS = 0, IPS = 1, ILP = 1
ICP = [1]
NTST = {intervals}, NCOL = {collocation}, IAD = 3, ISP = 2, ISW = 1, IPLT = 0, NBC = 0, NINT = 0
NMX = 50, NPR = 500, MXBF = 0, IID = 2, ITMX = 9, ITNW = 7, NWTN = 3, JAC = 1
EPSL = 1e-08, EPSU = 1e-08, EPSS = 1e-06
DS = 0.01, DSMIN = 1e-06, DSMAX = 0.05, IADS = 1
NPAR = 36, THL = {{11: 0.0}}, THU = {{}}
UZSTOP = {{1: 0.53}}
"""


@pytest.fixture(scope="module")
def auto(tmp_path_factory):
    """Directory with AUTO compiled for the Brusselator on a line."""
    directory = tmp_path_factory.mktemp("auto")
    (directory / "brusselator.f90").write_text(EQUATIONS)
    objects = sorted(AUTO.glob("*.o"))
    command = ["gfortran", "-O2", "-fopenmp", "brusselator.f90", *map(str, objects), "-o", "brusselator"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    return directory


def run(directory, constants):
    """Seconds, and AUTO's output."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    begun = time.perf_counter()
    done = subprocess.run(
        ["./brusselator"], cwd=directory, input=constants, text=True, capture_output=True, env=environment, check=True
    )
    return time.perf_counter() - begun, done.stdout


def cycles_in_auto(directory, points, repetitions):
    """Least seconds, and (length, period) of the cycles from the first Hopf point."""
    constants = CONSTANTS.format(states=2 * points, intervals=INTERVALS, collocation=COLLOCATION)
    _, output = run(directory, constants)
    label = re.search(r"HB +(\d+) ", output)[1]
    shutil.copy(directory / "fort.8", directory / "fort.3")
    constants += (
        f"IPS = 2\nIRS = {label}\nICP = [1, 11]\nUZSTOP = {{}}\nNMX = {CYCLES}\nNPR = 1\nDS = 0.05\nDSMAX = 0.2\n"
    )
    seconds = min(run(directory, constants)[0] for _ in range(repetitions))
    rows = [line.split() for line in (directory / "fort.7").read_text().splitlines() if not line.startswith("   0")]
    return seconds, np.array([[float(row[4]), float(row[-1])] for row in rows])


def best(function, repetitions):
    times = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - begun)
    return min(times), result


@needs_auto
@pytest.mark.parametrize("points", [10, 20, 40])
def test_ten_cycles_beside_auto(auto, points):
    """From the Hopf point to the length of AUTO's tenth cycle, with multipliers."""
    repetitions = 3 if points < 40 else 1
    theirs, cycles = cycles_in_auto(auto, points, repetitions)
    assert len(cycles) == CYCLES
    length, period = models.brusselator_pde_hopf_point(points)
    np.testing.assert_allclose(cycles[0], [length, period], rtol=1e-6)

    system = models.brusselator_pde(points)
    start = reduction.find_equilibrium(system, system.guess)
    (hopf,) = reduction.continue_equilibrium(system, start, "l", (0.1, 0.53)).special_points
    end = cycles[-1, 0]
    ours, branch = best(lambda: reduction.continue_cycle(system, hopf, "l", (0.5, end)), repetitions)
    each = ours / len(branch.values), theirs / CYCLES
    print(f"\nn = {2 * points}: {len(branch.values)} cycles in {ours:.2f} s; ", end="")
    print(f"AUTO-07p (NTST {INTERVALS}, NCOL {COLLOCATION}): {CYCLES} in {theirs:.2f} s; ", end="")
    print(f"one cycle {1e3 * each[0]:.0f} and {1e3 * each[1]:.0f} ms: {each[1] / each[0]:.2f} times")
    last = np.argmax(branch.values)
    assert branch.values[last] == pytest.approx(end, abs=1e-12)
    assert branch.periods[last] == pytest.approx(cycles[-1, 1], rel=1e-5)


@pytest.mark.parametrize("n", [200, 400])
def test_newton_step_of_a_cycle(benchmark, n):
    known = exact_cycles.period_doubling(n)
    step = newton_step(known)
    benchmark.pedantic(step, rounds=3, warmup_rounds=1)
    print(f"\nn = {n}: Newton step of a cycle {benchmark.stats['min']:.2f} s")


def newton_step(known):
    """Return a function that assembles and solves the equations of a cycle once, on a branch's first mesh."""
    cycle = reduction.find_cycle(known.system, known.sampled())
    times = cycle.times / cycle.times[-1]
    problem = cycle_problem(
        known.system, (known.parameter,), cycle.parameters, times, cycle.states, cycle.period, (1.0,)
    )
    inside, y = problem.discretisation.start(times, cycle.states)
    problem.anchored(problem.discretisation, y, cycle.period, cycle.parameters)
    x = problem.joined(inside, y, cycle.period, (cycle.parameters[known.parameter],))
    fixed_parameter = np.zeros((1, x.size))
    fixed_parameter[0, -1] = 1.0
    return lambda: problem.linearise(x).solve(fixed_parameter)


def test_a_hundred_equilibria(benchmark):
    """Along the branch, with all eigenvalues; n = 200."""
    system = models.brusselator_pde(100)
    start = reduction.find_equilibrium(system, system.guess)
    branch = benchmark.pedantic(
        lambda: reduction.continue_equilibrium(system, start, "l", (0.09, 1.5)), rounds=3, warmup_rounds=1
    )
    each = benchmark.stats["min"] / len(branch.values)
    print(f"\nn = 200: {len(branch.values)} equilibria, {1e3 * each:.1f} ms each, 100 in {100 * each:.2f} s")
