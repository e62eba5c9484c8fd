"""Stores of sweeps, looked at from outside, and processes that fill them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import ctrl_c
import sweep_runner

GRID = {"x": [float(x) for x in range(20)], "y": [float(y) for y in range(10)]}


def contents(folder):
    """Everything below a folder, by relative path: bytes of files, None for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def kept_points(folder):
    """Values of the finished points, as the log writes them."""
    found = set()
    for path in folder.glob("points/*/*.json"):
        if not path.name.startswith("."):
            values = json.loads(path.read_bytes())["values"]
            found.add(tuple(f"{value:g}" for value in values.values()))
    return found


def begun(log):
    """Lines of a log: (x, y) and process of every begun point."""
    lines = log.read_text(encoding="ascii").splitlines() if log.exists() else []
    return [((x, y), int(process)) for x, y, process in map(str.split, lines)]


def start(function, store, *, workers=2, shard=(0, 1), grid=GRID, log=None, method=()):
    """Start a process that sweeps, and wait until it is about to."""
    folder = Path(sweep_runner.__file__).parent
    words = [function, str(store), str(workers), str(shard[0]), str(shard[1]), json.dumps(grid), *method]
    paths = os.pathsep.join([str(folder), str(folder.parents[1])])
    environment = os.environ | {"SWEEP_LOG": str(log), "PYTHONPATH": paths}
    process = subprocess.Popen(
        [sys.executable, sweep_runner.__file__, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, start_new_session=True, preexec_fn=ctrl_c.heed,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def finish(process):
    """Wait until a process has ended well."""
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (0, ""), out


def alive(pid):
    """Whether a process runs (one that nobody has waited for is over)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def wait_until(condition, seconds=10.0):
    """Wait for a condition; False if it does not come true."""
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.01)
    return True
