"""Linear response beside NNMT 1.3, which wants an environment of its own: `.venv/nnmt`, with `nnmt` from PyPI."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from reduction.levels.diffusion import Diffusion
from reduction.levels.linear_response import linear_response

PEER = Path(__file__).parents[2] / ".venv/nnmt/bin/python"
FREQUENCIES = np.linspace(1.0, 1000.0, 300)  # Hz
PROGRAM = """
import json, sys, time
import numpy as np
from nnmt.lif import exp
omega = 2 * np.pi * np.linspace(1.0, 1000.0, 300)
times = []
for _ in range(3):
    begun = time.perf_counter()
    chi = exp._transfer_function(15.0, 5.0, 0.02, 1e-15, 0.0, 20.0, 10.0, omega, synaptic_filter=False)
    times.append(time.perf_counter() - begun)
chi = np.asarray(chi, complex).ravel()
json.dump({"seconds": min(times), "real": chi.real.tolist(), "imag": chi.imag.tolist()}, sys.stdout)
"""


def leaky():
    return Diffusion(lambda v: (15.0 - v) / 20.0, lambda v: 25.0 / 20.0, 20.0, 10.0)


def ours():
    """Rate, stationary density and response from nothing."""
    return linear_response(leaky(), 2 * np.pi * FREQUENCIES / 1000)


def test_300_frequencies(benchmark):
    ours()
    benchmark.pedantic(ours, rounds=10)
    print(f"\n300 frequencies: {1e3 * benchmark.stats['min']:.1f} ms")
    assert benchmark.stats["min"] < 0.115


@pytest.mark.skipif(not PEER.exists(), reason="needs .venv/nnmt with the package nnmt")
def test_300_frequencies_beside_nnmt():
    done = subprocess.run([PEER, "-c", PROGRAM], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    ours()
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        chi = ours()
        times.append(time.perf_counter() - begun)
    scaled = 1000 * chi / 20.0  # Hz per mV of the mean input mu
    expected = np.array(theirs["real"]) + 1j * np.array(theirs["imag"])
    error = np.abs(scaled - expected).max() / np.abs(expected).max()
    print(f"\n300 frequencies: {1e3 * min(times):.1f} ms; NNMT {1e3 * theirs['seconds']:.0f} ms: "
          f"{theirs['seconds'] / min(times):.0f} times faster; difference {error:.0e}")  # fmt: skip
    assert error < 1e-4
    assert min(times) < theirs["seconds"] / 20


def test_one_rate(benchmark):
    benchmark.pedantic(lambda: leaky().rate(), rounds=200)
    print(f"\none stationary rate by collocation: {1e3 * benchmark.stats['min']:.2f} ms")
    assert benchmark.stats["min"] < 2e-3
