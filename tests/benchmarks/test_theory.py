"""Stationary theory beside NNMT 1.3, in an environment of its own (.venv/nnmt): `make bench` prints the ratios."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import spiking
from reduction.levels.siegert import siegert_rate
from reduction.levels.stationary import stationary

PYTHON = Path(__file__).parents[2] / ".venv" / "nnmt" / "bin" / "python"

PROGRAM = """
import json, time
import numpy as np
from nnmt.lif import delta

def best(function, repetitions):
    function()
    times = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - begun)
    return min(times), result

rng = np.random.default_rng(0)
mu, sigma = rng.uniform(0, 30, 10000), rng.uniform(2, 10, 10000)
siegert = best(lambda: delta._firing_rates_for_given_input(mu / 1e3, sigma / 1e3, 0.01, 0.02, 0.02, 0.002), 10)

weights, degrees = np.array([[1e-4, -5e-4], [1e-4, -5e-4]]), np.array([[1000, 250], [1000, 250]])
external = {"J_ext": np.array([[1e-4], [1e-4]]), "K_ext": np.array([[1000], [1000]]), "nu_ext": np.array([20.0])}
network = {"J": weights, "K": degrees, "V_0_rel": 0.01, "V_th_rel": 0.02, "tau_m": 0.02, "tau_r": 0.002, **external}
fixed = best(lambda: delta._firing_rates(**network), 5)
print(json.dumps({"siegert": siegert[0], "fixed": fixed[0], "rates": siegert[1].tolist(), "states": fixed[1].tolist()}))
"""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="needs NNMT in .venv/nnmt")


@pytest.fixture(scope="module")
def nnmt():
    done = subprocess.run([PYTHON, "-c", PROGRAM], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def best(function, repetitions):
    function()
    times = []
    for _ in range(repetitions):
        begun = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - begun)
    return min(times), result


def test_ten_thousand_rates(nnmt):
    rng = np.random.default_rng(0)
    mu, sigma = rng.uniform(0, 30, 10000), rng.uniform(2, 10, 10000)
    neuron = {"tau_m": 20.0, "threshold": 20.0, "reset": 10.0, "refractory": 2.0}
    seconds, rates = best(lambda: siegert_rate(mu, sigma, **neuron), 30)
    np.testing.assert_allclose(rates, nnmt["rates"], rtol=1e-9)
    ratio = nnmt["siegert"] / seconds
    print(
        f"\n10^4 Siegert rates: {seconds * 1e3:.2f} ms; NNMT {nnmt['siegert'] * 1e3:.1f} ms: {ratio:.1f} times faster"
    )
    assert ratio > 1.0


def test_fixed_point_of_two_populations(nnmt):
    network = spiking.presets.brunel2000()
    for starts in (1, 24):
        seconds, states = best(lambda starts=starts: stationary(network, starts=starts), 50)
        assert list(states[0].rates.values()) == pytest.approx(nnmt["states"], rel=1e-6)
        ratio = nnmt["fixed"] / seconds
        print(f"\nE/I fixed point from {starts} starts: {seconds * 1e3:.2f} ms; NNMT {nnmt['fixed'] * 1e3:.1f} ms from "
              f"one: {ratio:.0f} times faster")  # fmt: skip
        assert ratio > (10.0 if starts == 1 else 3.0)
