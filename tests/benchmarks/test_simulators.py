"""Beside Brian2 (C++ standalone) and NEST, one thread each, dt = 0.1: `make bench` runs it where both are installed."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = Path(__file__).parent / "run_simulator.py"

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("brian2") is None, reason="needs Brian2"),
    pytest.mark.timeout(1200),
]


def run(engine, preset, duration, repetitions):
    command = [sys.executable, str(PROGRAM), engine, preset, str(duration), str(repetitions)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("preset", "duration", "engines", "least"),
    [
        ("vogels_abbott_coba", 5000, ("brian2-euler", "brian2", "nest"), 1.5),
        ("vogels_abbott_cuba", 5000, ("brian2", "nest"), 1.5),
        ("brunel2000", 1000, ("brian2", "nest"), 3.0),
    ],
)
def test_run_time(preset, duration, engines, least):
    if importlib.util.find_spec("nest") is None:
        engines = tuple(engine for engine in engines if engine != "nest")
    ours = run("snn2ode", preset, duration, 8)
    print(f"\n{preset}, {duration} ms: snn2ode {ours['wall_s']:.3f} s (building and compiling {ours['build_s']:.1f} s)")
    for engine in engines:
        theirs = run(engine, preset, duration, 1 if engine == "nest" else 3)
        ratio = theirs["wall_s"] / ours["wall_s"]
        print(f"    {engine}: {theirs['wall_s']:.3f} s (building {theirs['build_s']:.1f} s): {ratio:.1f} times")
        for name, own in ours["found"].items():
            other, mean, spread = theirs["found"][name][0], np.mean(own), np.std(own, ddof=1)
            print(f"        {name}: {mean:.3f} +- {spread:.3f} (s.d. over {len(own)} runs) and {other:.3f}")
            assert abs(other - mean) < 3 * spread * np.sqrt(1 + 1 / len(own)) + 0.002 * mean
        assert ratio > (8.0 if engine == "nest" else least)
