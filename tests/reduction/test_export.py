"""Exports, proven by the programs themselves where they are present.

Without a screen AUTO computes everything (stationary states, Hopf points, cycles). XPPAUT's own AUTO needs its window,
so with ``-silent`` it is made to integrate: its output is single precision, so right-hand sides come in two parts.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import reduction
import spiking
from reduction.exporting import auto, code, programs, xpp
from reduction.levels import ode
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

PARAMETER = "EI.probability"
AUTO = Path(os.environ.get("AUTO_DIR", "/usr/lib/auto-07p")) / "lib"
needs_fortran = pytest.mark.skipif(shutil.which("gfortran") is None, reason="gfortran is absent (Debian: gfortran)")
needs_auto = pytest.mark.skipif(
    not (AUTO / "main.o").exists() or shutil.which("gfortran") is None,
    reason="AUTO-07p is absent (Debian: auto-07p, gfortran)",
)
needs_xpp = pytest.mark.skipif(shutil.which("xppaut") is None, reason="xppaut is absent (Debian: xppaut)")


def stationary(system, guess, parameters=None, step=0.1):
    """A stationary state: implicit Euler steps that grow as the residual falls, at last Newton's (step = inf)."""
    y = guess
    for _ in range(500):
        f = system.rhs(0.0, y, parameters)
        if np.abs(f).max() < 1e-10:
            return y
        y = y + np.linalg.solve(np.eye(y.size) / step - system.jacobian(0.0, y, parameters), f)
        left = np.abs(system.rhs(0.0, y, parameters)).max()
        step = step * np.clip(np.abs(f).max() / left, 0.3, 2.5)
    raise AssertionError("no stationary state")


@pytest.fixture(scope="module")
def network(chang):
    return chang.replace({PARAMETER: 0.45})


@pytest.fixture(scope="module")
def approximation(network):
    return reduction.MarkovApproximation(network, bins=20, closure="published")


@pytest.fixture(scope="module")
def equilibrium(approximation):
    system = approximation.ode()
    return stationary(system, system.guess)


@pytest.fixture(scope="module")
def hopf(approximation, equilibrium):
    """Value of the parameter at which a pair of eigenvalues crosses the imaginary axis, and the state there."""
    system, state = approximation.ode(), equilibrium
    low, high = 0.45, 0.6
    while high - low > 1e-10:
        middle = (low + high) / 2
        state = stationary(system, state, {PARAMETER: middle}, np.inf)
        eigenvalues = np.linalg.eigvals(system.jacobian(0.0, state, {PARAMETER: middle}))
        stable = eigenvalues.real.max() < 0
        low, high = (middle, high) if stable else (low, middle)
    assert np.abs(eigenvalues[eigenvalues.real.argmax()].imag) > 0.1
    return low, state


def variants(small):
    """Networks of every kind: no refractory time, fixed ones, leak, kicks; names that differ in case or are long."""
    lif = spiking.LIF
    awkward = spiking.Network(
        [
            spiking.Population("e", 30, lif(15.0, tau_m=20.0, rest=1.0), spiking.PoissonDrive(1.3, 1.0)),
            spiking.Population("E", 20, lif(15.0, refractory=spiking.Exponential(2.0)), spiking.GaussianDrive(1.5)),
            spiking.Population("Pyramidal_cells_5", 9, lif(15.0, -2.0, refractory=spiking.Fixed(2.0))),
        ],
        [
            spiking.Projection("e", "E", spiking.PendingCurrent(0.7, 2.0), spiking.Annealed(1.0)),
            spiking.Projection("E", "e", spiking.PendingCurrent(0.2, 1.0, True, -30.0), spiking.Annealed(0.3)),
            spiking.Projection("Pyramidal_cells_5", "e", spiking.PendingKick(0.4, 3.0), spiking.Annealed(0.5)),
        ],
    )  # fmt: skip
    exponential = spiking.EIF(0.0, -60.0, 10.0, -65.0, onset=-50.0, slope_factor=2.0, refractory=spiking.Fixed(2.0))
    kinds = spiking.Network(
        [
            spiking.Population("E", 100, exponential, spiking.GaussianDrive(2.0, 1.0)),
            spiking.Population("I", 50, spiking.QIF(12.0, -2.0, 10.0), spiking.PoissonDrive(1.0, 0.5)),
            spiking.Population("Q", 50, spiking.QIF(tau_m=10.0), spiking.OrnsteinUhlenbeckDrive(1.0, 0.7, 4.0)),
        ],
        [
            spiking.Projection(
                "E", "I", spiking.ExponentialConductance(0.1, 5.0, -80.0), spiking.Bernoulli(0.2), "", 1.5
            ),
            spiking.Projection("Q", "E", spiking.Delta(0.3), spiking.FixedInDegree(10), delay=1.0),
        ],
    )
    return {"small": (small, "published"), "awkward": (awkward, 0.7), "white": (small, "white"),
            "kinds": (kinds, "conditional")}  # fmt: skip


VARIANTS = ["small", "awkward", "white", "kinds"]


def random_states(approximation, number, seed=0):
    rng = np.random.default_rng(seed)
    layout = ode.layout(approximation)
    for _ in range(number):
        full = rng.uniform(0.1, 1.0, len(layout.names))
        for a, size in enumerate(approximation.network.sizes.values()):
            full[layout.owner == a] *= size / full[layout.owner == a].sum()
        full[layout.owner < 0] *= 20.0
        yield full[layout.kept]


def assert_same(found, expected, tolerance):
    assert np.isfinite(found).all()
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def python_module(text, path):
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", VARIANTS)
def test_the_python_module_has_the_right_hand_side_of_the_ode_level(name, small, tmp_path):
    network, closure = variants(small)[name]
    approximation = reduction.MarkovApproximation(network, bins=24, closure=closure)
    system = approximation.ode()
    module = python_module(programs.export(approximation, "python")["network.py"], tmp_path / f"{name}.py")
    assert system.names == module.NAMES
    assert {a: system.parameters[a] for a in module.PARAMETERS} == module.PARAMETERS
    np.testing.assert_array_equal(module.INITIAL, ode.spread_state(approximation)[ode.layout(approximation).kept])
    changed = {a: v * 1.001 for a, v in module.PARAMETERS.items() if not a.endswith((".reset", ".threshold"))}
    for y in (system.guess, *random_states(approximation, 3)):
        assert_same(np.array(module.rhs(0.0, list(y))), system.rhs(0.0, y), 1e-13)
        p = module.PARAMETERS | changed
        assert_same(np.array(module.rhs(0.0, list(y), p)), system.rhs(0.0, y, changed), 1e-13)
        for population in network.sizes:
            expected = system.observe(f"{population}.rate", y)
            assert module.rates(list(y))[f"{population}.rate"] == pytest.approx(expected, rel=1e-12)
    imported = re.findall(r"^(?:import|from) .*", programs.export(approximation, "python")["network.py"], re.MULTILINE)
    assert imported == ["import math"]


def test_extreme_states_stay_finite(approximation, tmp_path):
    module = python_module(programs.export(approximation, "python")["network.py"], tmp_path / "extreme.py")
    layout = ode.layout(approximation)
    system = approximation.ode()
    for size in (0.0, 1e-12, 1e12):
        for sign in (1.0, -1.0):
            y = system.guess.copy()
            y[layout.owner[layout.kept] < 0] = sign * size
            silent = {"E.drive.rate": 0.0, "I.drive.rate": 0.0}
            for parameters in ({}, silent):
                found = np.array(module.rhs(0.0, list(y), module.PARAMETERS | parameters))
                expected = system.rhs(0.0, y, parameters)
                assert np.abs(found - expected).max() <= 1e-13 * np.abs(expected).max() + 1e-190


def compiled(files, directory):
    """AUTO's FUNC, STPNT and PVLS as a shared library, outside AUTO."""
    source = directory / "network.f90"
    source.write_text(files["network.f90"])
    stub = directory / "getp.f90"
    stub.write_text(
        "DOUBLE PRECISION FUNCTION GETP(CODE, IC, U)\n  CHARACTER(*) :: CODE\n  INTEGER :: IC\n"
        "  DOUBLE PRECISION :: U(*)\n  GETP = 0d0\nEND FUNCTION GETP\n"
    )
    library = directory / "network.so"
    command = ["gfortran", "-shared", "-fPIC", "-O1", "-Wall", "-ffree-line-length-132", "-o", library, source, stub]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return ctypes.CDLL(str(library))


@needs_fortran
@pytest.mark.parametrize("name", VARIANTS)
def test_autos_func_has_the_right_hand_side_of_the_ode_level(name, small, tmp_path):
    network, closure = variants(small)[name]
    approximation = reduction.MarkovApproximation(network, bins=24, closure=closure)
    system = approximation.ode()
    files = programs.export(approximation, "auto")
    library = compiled(files, tmp_path)
    numbers = {name: int(i) for i, name in re.findall(r"PAR\((\d+)\): (\S+)", files["network.f90"])}
    assert not set(numbers.values()) & set(range(10, 21))
    size = system.guess.size
    double, integer = np.ctypeslib.ndpointer(float), ctypes.byref(ctypes.c_int(size))
    u, par, out = np.zeros(size), np.zeros(max(numbers.values())), np.zeros(size)
    none = np.zeros(1)

    library.stpnt_.argtypes = [ctypes.c_void_p, double, double, double]
    library.func_.argtypes = [ctypes.c_void_p, double, double, double, ctypes.c_void_p, double, double, double]
    library.pvls_.argtypes = [ctypes.c_void_p, double, double]
    library.stpnt_(integer, u, par, none)
    np.testing.assert_array_equal(u, ode.spread_state(approximation)[ode.layout(approximation).kept])
    for address, i in numbers.items():
        assert par[i - 1] == (0.0 if address.endswith(".rate") and address in system.observables
                              else system.parameters[address])  # fmt: skip
    for y in (system.guess, *random_states(approximation, 3)):
        library.func_(integer, y.copy(), none, par, integer, out, none, none)
        assert_same(out, system.rhs(0.0, y), 1e-13)
        library.pvls_(integer, y.copy(), par)
        for population in network.sizes:
            found = par[numbers[f"{population}.rate"] - 1]
            assert found == pytest.approx(system.observe(f"{population}.rate", y), rel=1e-12)


class Auto:
    """AUTO-07p in a directory: the program compiled once, then runs with changed constants."""

    def __init__(self, directory, files):
        self.directory, self.constants = directory, files["c.network"]
        (directory / "network.f90").write_text(files["network.f90"])
        objects = sorted(AUTO.glob("*.o"))
        command = ["gfortran", "-O2", "-fopenmp", "network.f90", *map(str, objects), "-o", "network.exe"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)

    def run(self, **changes):
        """Lines of fort.7 by point type: numbers of branch, point, type, label, then columns."""
        given = self.constants + "".join(f"{name} = {value}\n" for name, value in changes.items())
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        run = subprocess.run(
            ["./network.exe"], cwd=self.directory, input=given, text=True, capture_output=True, env=environment,
            check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout + run.stderr
        rows = [[float(x) for x in line.split()] for line in (self.directory / "fort.7").read_text().splitlines()
                if not line.startswith("   0")]  # fmt: skip
        return {abs(int(row[2])): row for row in rows if row[2] != 0}, run.stdout

    def last_solution(self, size):
        """State at the beginning of the last cycle in fort.8, whose lines hold seven numbers."""
        lines = (self.directory / "fort.8").read_text().splitlines()
        headers = [i for i, line in enumerate(lines) if re.fullmatch(r"( +-?\d+){16,}", line)]
        words = " ".join(lines[headers[-1] + 1 :]).split()[1 : 1 + size]
        return np.array([float(re.sub(r"(?<=\d)([-+]\d{3})$", r"e\1", word)) for word in words])


@pytest.fixture(scope="module")
def in_auto(approximation, equilibrium, tmp_path_factory):
    return Auto(tmp_path_factory.mktemp("auto"), programs.export(approximation, "auto", initial=equilibrium))


ICP = f"['{PARAMETER}', 'E.rate', 'I.rate']"
HOPF, USER = 3, 4


@needs_auto
def test_auto_finds_the_same_stationary_states_and_hopf_point(in_auto, approximation, equilibrium, hopf):
    system = approximation.ode()
    points, output = in_auto.run(ICP=ICP, UZSTOP=f"{{'{PARAMETER}': [0.55]}}")
    assert PARAMETER[:13] in output
    value, state = hopf
    row = points[HOPF]
    assert row[4] == pytest.approx(value, abs=1e-6)
    parameters = {PARAMETER: row[4]}
    assert row[-2] == pytest.approx(
        system.observe("E.rate", stationary(system, state, parameters, np.inf), parameters), rel=1e-6
    )
    print(f"Hopf point: AUTO {row[4]:.9f}, here {value:.9f}")
    row = points[USER]
    assert row[4] == pytest.approx(0.55, abs=1e-9)
    there = stationary(system, state, {PARAMETER: 0.55}, np.inf)
    for column, population in ((-2, "E"), (-1, "I")):
        expected = system.observe(f"{population}.rate", there, {PARAMETER: 0.55})
        assert row[column] == pytest.approx(expected, rel=1e-6)


@needs_auto
def test_auto_follows_the_cycle_and_averages_its_rates(in_auto, approximation):
    in_auto.run(ICP=ICP, UZSTOP=f"{{'{PARAMETER}': [0.55]}}")
    shutil.copy(in_auto.directory / "fort.8", in_auto.directory / "fort.3")
    points, _ = in_auto.run(
        ICP=f"['{PARAMETER}', 'PERIOD', 'E.rate', 'I.rate']", IPS=2, IRS=2, ISP=0, NTST=30, NMX=40, DS=1.0, DSMAX=100.0,
        UZSTOP=f"{{'{PARAMETER}': [0.56]}}",
    )  # fmt: skip
    period, *rates = points[USER][-3:]

    start = in_auto.last_solution(len(approximation.ode().names))

    system, parameters = approximation.ode(), {PARAMETER: 0.56}
    names = ("E.rate", "I.rate")

    def slopes(t, y):
        return [*system.rhs(t, y[:-2], parameters), *(system.observe(n, y[:-2], parameters) for n in names)]

    tolerance = {"rtol": 1e-8, "atol": 1e-8}
    solution = solve_ivp(slopes, (0.0, period), [*start, 0.0, 0.0], method="LSODA", **tolerance)
    *end, sum_e, sum_i = solution.y[:, -1]
    expected = np.array([sum_e, sum_i]) / period
    print(f"cycle of {period:.4f} ms: open by {np.abs(end - start).max():.1e}; Hz: AUTO {rates}, here {expected}")
    assert np.abs(np.array(end) - start).max() < 1e-4 * np.abs(start).max()
    assert np.ptp(solution.y[0:-2], axis=1).max() > 10.0
    assert rates == pytest.approx(list(expected), rel=1e-6)


def run_xpp(text, directory):
    """Rows of XPPAUT's output, and what it said."""
    (directory / "network.ode").write_text(text)
    run = subprocess.run(
        ["xppaut", "network.ode", "-silent"], cwd=directory, text=True, capture_output=True, timeout=100, check=False
    )
    output = directory / "output.dat"
    assert output.exists(), run.stdout[-2000:] + run.stderr[-2000:]
    return np.loadtxt(output, ndmin=2), run.stdout


def in_two_parts(text, names, scales):
    """The model standing still, and in auxiliaries whole and fractional part of its scaled right-hand side."""
    lines = []
    for line in text.splitlines():
        left, _, right = line.partition("'=")
        if left in names:
            i = names.index(left)
            scaled = f"{scales[i]}*rhs{i}"
            lines += [
                f"rhs{i}={right}",
                f"{left}'=0",
                f"aux high{i}=flr({scaled})",
                f"aux low{i}={scaled}-flr({scaled})",
            ]
        elif not line.startswith(("aux", "@")):
            lines.append(line)
    lines.insert(-1, "@ meth=euler,dt=1,total=1,bound=1e30")
    return "\n".join(lines) + "\n"


@needs_xpp
@pytest.mark.parametrize("name", VARIANTS)
def test_xppaut_has_the_right_hand_side_of_the_ode_level(name, small, tmp_path):
    network, closure = variants(small)[name]
    approximation = reduction.MarkovApproximation(network, bins=24, closure=closure)
    system = approximation.ode()
    for y in random_states(approximation, 3):
        text = programs.export(approximation, "xpp", initial=y)["network.ode"]
        names = re.findall(r"^(\w+)'=", text, re.MULTILINE)
        assert len(names) == y.size
        expected = system.rhs(0.0, y)
        scales = 2.0 ** (22 - np.ceil(np.log2(np.maximum(np.abs(expected), 1e-6))))  # 22 bits each
        rows, _ = run_xpp(in_two_parts(text, names, scales), tmp_path)
        parts = rows[0, 1 + y.size :].reshape(y.size, 2)
        np.testing.assert_allclose(parts.sum(axis=1) / scales, expected, rtol=1e-10, atol=1e-10)


@needs_xpp
def test_xppaut_reaches_the_same_stationary_state(approximation, equilibrium, tmp_path):
    text = programs.export(approximation, "xpp", initial=1.01 * equilibrium)["network.ode"]
    rows, said = run_xpp(text.replace("total=1000", "total=2000").replace("dt=0.1", "dt=100"), tmp_path)
    assert "naux=2" in said
    end = rows[-1]
    assert end[0] == 2000.0
    assert_same(end[1:-2], equilibrium, 1e-6)
    system = approximation.ode()
    assert end[-2:] == pytest.approx([system.observe(f"{n}.rate", equilibrium) for n in "EI"], rel=1e-6)


@needs_xpp
def test_xppaut_spirals_alike_on_both_sides_of_the_hopf_point(network, hopf, tmp_path):
    """Without its window XPPAUT cannot look for the Hopf point itself."""
    value, state = hopf
    for offset, sign in ((-0.01, -1), (0.01, 1)):
        approximation = reduction.MarkovApproximation(
            network.replace({PARAMETER: value + offset}), bins=20, closure="published"
        )
        system = approximation.ode()
        state = stationary(system, state, step=np.inf)
        text = programs.export(approximation, "xpp", initial=1.0002 * state)["network.ode"]
        rows, _ = run_xpp(text.replace("total=1000", "total=300").replace("dt=0.1", "dt=1"), tmp_path)
        x = rows[150::2, -2] - system.observe("E.rate", state)
        (one, two), *_ = np.linalg.lstsq(np.column_stack([x[1:-1], x[:-2]]), x[2:])
        found = np.log(np.roots([1.0, -one, -two])) / 2.0  # 2 ms apart
        eigenvalues = np.linalg.eigvals(system.jacobian(0.0, state))
        expected = eigenvalues[eigenvalues.real.argmax()]
        print(f"{PARAMETER} = {value + offset:.4f}: XPPAUT {found[0]:.5f} / ms, here {expected:.5f} / ms")
        assert np.sign(found.real).tolist() == [sign, sign]
        assert found[0].real == pytest.approx(expected.real, rel=0.01)
        assert abs(found[0].imag) == pytest.approx(abs(expected.imag), rel=1e-4)


@pytest.mark.parametrize("name", ["awkward", "kinds"])
def test_julia_is_well_formed(name, small):
    network, closure = variants(small)[name]
    approximation = reduction.MarkovApproximation(network, bins=24, closure=closure)
    text = programs.export(approximation, "julia")["network.jl"]
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for opening, closing in (("(", ")"), ("[", "]")):
        assert body.count(opening) == body.count(closing)
    assert len(re.findall(r"^\s*(?:function|if)\b", body, re.MULTILINE)) == len(
        re.findall(r"^\s*end$", body, re.MULTILINE)
    )
    derivatives = body[body.index("function rhs!") : body.index("return dy")]
    known = {"y", "p", "t", "dy", "max", "bernoulli", "exp", "log", "tan", "atan", "sqrt"}
    unpacked = re.search(r"\(; (.*)\) = p", derivatives)
    known |= set(unpacked[1].split(", "))
    assert known >= {line.split()[0] for line in body[body.index("parameters = (") :].split(")")[0].splitlines()[1:]}
    for left, right in re.findall(r"^    (\S+) = (.*)$", derivatives[derivatives.index(") = p") + 5 :], re.MULTILINE):
        assert set(re.findall(r"[A-Za-z_]\w*", re.sub(r"\d\.\d*e-?\d+", "", right))) <= known
        known.add(left)
    assert [int(i) for i in re.findall(r"dy\[(\d+)\] =", derivatives)] == list(
        range(1, 1 + len(approximation.ode().names))
    )
    assert "@optic _." in text


@pytest.mark.skipif(shutil.which("julia") is None, reason="julia is absent")
def test_julia_has_the_right_hand_side_of_the_ode_level(small, tmp_path):
    approximation = reduction.MarkovApproximation(small, bins=24, closure="white")
    y = next(random_states(approximation, 1))
    programs.export(approximation, "julia", tmp_path, initial=y)
    script = 'include("network.jl"); dy = zero(initial); rhs!(dy, initial, parameters); foreach(println, dy)'
    run = subprocess.run(["julia", "-e", script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert_same(np.array(run.stdout.split(), float), approximation.ode().rhs(0.0, y), 1e-13)


@pytest.mark.parametrize("program", programs.PROGRAMS)
def test_files_say_what_their_names_stand_for(program, small, tmp_path):
    network, _ = variants(small)["awkward"]
    approximation = reduction.MarkovApproximation(network, bins=24, closure="white")
    files = programs.export(approximation, program, tmp_path / "new", name="model")
    assert {f.name: f.read_text() for f in (tmp_path / "new").iterdir()} == files
    text = "".join(files.values())
    assert "nan" not in text.lower().replace("number", "")
    assert max(map(len, files.get("model.f90", "").splitlines() or [""])) <= 132
    language = {"auto": auto.FORTRAN, "xpp": xpp.XPP}.get(program)
    equations = reduction.derive(approximation, bins=approximation.bins)
    for address in (*equations.parameters, *equations.states):
        assert len(re.findall(rf"^.*\w+: {re.escape(address)}(?:,|$)", text, re.MULTILINE)) == 1
    if language is not None:
        names = code.Model(equations, approximation.ode().guess, "model").identifiers(language)
        assert len({x.lower() for x in names.values()}) == len(names)
        assert max(map(len, names.values())) <= language.longest
        assert all(re.fullmatch(r"[A-Za-z]\w*", x) for x in names.values())


def test_wrong_options_are_refused(chang, approximation, tmp_path):
    with pytest.raises(UnknownNameError, match="program 'matcont' does not exist"):
        programs.export(chang, "matcont")
    with pytest.raises(ParameterError, match="name = '1 x': must be a letter"):
        programs.export(chang, "auto", name="1 x")
    with pytest.raises(SpecificationError, match=r"initial has shape \(3,\)"):
        programs.export(approximation, "auto", initial=[1.0, 2.0, 3.0])
    with pytest.raises(ParameterError, match="bins = 30: the approximation has"):
        programs.export(approximation, "auto", bins=30)
    with pytest.raises(SpecificationError, match="XPPAUT holds 1948: give fewer bins"):
        programs.export(chang, "xpp")
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecificationError, match="cannot be written"):
        programs.export(approximation, "python", tmp_path / "file")


@needs_xpp
def test_xppaut_holds_what_we_say_it_holds(chang, tmp_path):
    text = programs.export(reduction.MarkovApproximation(chang, bins=137, closure="white"), "xpp")["network.ode"]
    rows, _ = run_xpp(text.replace("total=1000", "total=0.1"), tmp_path)
    assert rows.shape[1] == 1 + 282 + 2
    with pytest.raises(SpecificationError, match="XPPAUT holds"):
        programs.export(reduction.MarkovApproximation(chang, bins=138, closure="white"), "xpp")
