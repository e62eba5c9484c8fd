"""The package as a whole: floors, import time, installation."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = sys.executable


def best_time(*words):
    """The shortest of five runs: a machine can only be slower than the program."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)
        times.append(time.perf_counter() - begun)
    return min(times)


def test_importing_is_fast():
    assert best_time(PYTHON, "-c", "import spiking, reduction") < 1.0


def test_help_is_fast():
    assert best_time(PYTHON, "-m", "reduction.cli", "--help") < 0.7


def test_heavy_modules_are_imported_only_where_used():
    code = (
        "import sys, spiking, reduction; n = spiking.presets.chang2025(); reduction.MarkovApproximation(n); "
        "print([m for m in ('matplotlib', 'sympy', 'networkx', 'numba', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def imports(path: Path) -> list[tuple[str, str]]:
    """(module, name) of what a file imports."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [(str(node.module), alias.name) for alias in node.names]
    return found


def test_kernels_import_arrays_and_each_other_only():
    allowed = {"numpy", "numpy.typing", "numba", "math", "typing", "statistics", "hashlib", "pathlib", "__future__"}
    allowed |= {"numba.core", "numba.extending", "llvmlite"}
    for path in ROOT.glob("*/kernels/*.py"):
        floors = ("spiking.kernels", f"{path.parent.parent.name}.kernels")
        for module, name in imports(path):
            assert module in allowed or module.startswith(floors), (path, module, name)


def test_cached_kernels_that_call_other_files_notice_their_changes():
    """numba's cache looks at one file only: `SOURCES` as a default argument makes all part of its key."""
    checked = 0
    for path in ROOT.glob("reduction/kernels/*.py"):
        others = any(
            module.startswith(("reduction.kernels", "spiking.kernels")) and not name.isupper()
            for module, name in imports(path)
        )
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or "cache=True" not in "".join(
                map(ast.unparse, node.decorator_list)
            ):
                continue
            defaults = [ast.unparse(value) for value in node.args.defaults]
            assert defaults[-1:] == ["SOURCES"] or not others, f"{path}: {node.name} needs fingerprint=SOURCES"
            checked += others
    assert checked >= 5


def test_the_cache_notices_changes_in_every_file(tmp_path):
    """What Python calls takes `SOURCES` as a default argument, which is part of numba's key."""
    shutil.copytree(ROOT / "spiking", tmp_path / "spiking", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import numpy as np; from spiking.kernels import graph; row = np.zeros(6, np.int64);"
        "graph.count(graph.BERNOULLI, np.array([1, 2], np.uint32), 5, 40, -0.7, row); print(row)"
    )

    def run() -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    first = run()
    assert run() == first
    kernel = tmp_path / "spiking" / "kernels" / "random.py"
    kernel.write_text(kernel.read_text().replace("0xD2511F53", "0xD2511F55"))
    assert run() != first


def test_public_names_exist_and_are_documented():
    import reduction
    import spiking

    for module in (spiking, reduction):
        for name in module.__all__:
            assert getattr(module, name).__doc__, name
        assert dir(module) == sorted(module.__all__)
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            module.nothing  # noqa: B018


@pytest.mark.skipif(importlib.util.find_spec("build") is None, reason="needs the package `build`")
@pytest.mark.parametrize("environment", [pytest.param("empty", marks=pytest.mark.slow), pytest.param("of the tests")])
def test_the_wheel_installs_and_runs(tmp_path, environment):
    subprocess.run([PYTHON, "-m", "build", "--outdir", tmp_path, ROOT], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert list(tmp_path.glob("*.tar.gz"))
    python, path = PYTHON, tmp_path / "packages"
    options = ["--no-deps", "--target", path]
    if environment == "empty":
        subprocess.run([PYTHON, "-m", "venv", tmp_path / "env"], check=True)
        python, options = tmp_path / "env/bin/python", []
    subprocess.run([python, "-m", "pip", "install", "-q", *options, wheel], check=True, capture_output=True)
    shared = {"check": True, "capture_output": True, "text": True, "cwd": tmp_path}
    shared["env"] = {**os.environ, "PYTHONPATH": str(path)}
    words = ["show", "chang2025"]
    if environment == "empty":
        words = ["integrate", "chang2025", "--duration", "200", "--discard", "100"]
    done = subprocess.run([python, "-m", "reduction.cli", *words], **shared)
    assert "E" in done.stdout
    where = subprocess.run([python, "-c", "import spiking; print(spiking.__file__)"], **shared).stdout
    assert str(tmp_path) in where
