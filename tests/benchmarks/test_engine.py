"""What a neuron-step and a synaptic event cost, beside what memory alone would take: `make bench` prints the tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from run_large import network

import spiking

LARGE = Path(__file__).parent / "run_large.py"


def wall(net, duration, repetitions=3, **options):
    """Best run time in s, and the recording."""
    options = {"seed": 1, "initial": "uniform", "sampling_interval": duration, **options}
    spiking.simulate(net, duration, **options)
    runs = [spiking.simulate(net, duration, **options) for _ in range(repetitions)]
    best = min(runs, key=lambda run: run.timing["wall_s"])
    return best.timing["wall_s"], best


def one(neuron, drive, synapses=()):
    projections = [
        spiking.Projection("E", "E", s, spiking.Explicit([], []), name=f"S{i}") for i, s in enumerate(synapses)
    ]
    return spiking.Network([spiking.Population("E", 4000, neuron, drive)], projections)


LIF = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Fixed(2.0))
EIF = spiking.EIF(0.0, -65.0, 15.0, -65.0, -50.0, 2.0)
CURRENTS = [spiking.ExponentialCurrent(1.0, 5.0), spiking.ExponentialCurrent(1.0, 10.0, True)]
CONDUCTANCES = [spiking.ExponentialConductance(1.0, tau, 0.0) for tau in (5.0, 10.0)]
CASES = {
    "LIF, constant drive": one(LIF, spiking.ConstantDrive(0.9)),
    "LIF, two currents": one(LIF, spiking.NoDrive(), CURRENTS),
    "LIF, two conductances": one(LIF, spiking.NoDrive(), CONDUCTANCES),
    "LIF, Poisson drive": one(LIF, spiking.PoissonDrive(8.0, 0.1)),
    "LIF, Gaussian drive": one(LIF, spiking.GaussianDrive(8.0, 0.1)),
    "LIF, Ornstein-Uhlenbeck drive": one(LIF, spiking.OrnsteinUhlenbeckDrive(0.8, 0.2, 5.0)),
    "QIF, constant drive": one(spiking.QIF(tau_m=10.0), spiking.ConstantDrive(0.01)),
    "EIF, constant drive": one(EIF, spiking.ConstantDrive(0.9)),
}


def test_neuron_steps():
    print("\nns per neuron and step, 4000 neurons:")
    for name, net in CASES.items():
        seconds, recording = wall(net, 500.0)
        rate = recording.rates()["E"].mean
        print(f"    {name:32} {seconds * 1e9 / 4000 / 5000:6.2f}   ({rate:.0f} Hz)")
    chang = spiking.presets.chang2025()
    seconds, _ = wall(chang, 3000.0, sampling_interval=0.1, initial=None)
    print(f"    {'chang2025 (all recorded)':32} {seconds * 1e9 / 400 / 30000:6.2f}")


@njit(nogil=True)
def deliver(sums, edges, degree, spikes):
    """The least that delivery can do: add to every target of stored rows."""
    for spike in spikes:
        row = edges[spike * degree : (spike + 1) * degree]
        for k in range(row.size):
            sums[row[k]] += 1.0


def floor(neurons, degree):
    """ns per event of that."""
    rng = np.random.default_rng(0)
    edges = np.sort(rng.integers(0, neurons, (neurons, degree), dtype=np.uint32), axis=1).ravel()
    spikes, sums = rng.integers(0, neurons, 50_000).astype(np.uint32), np.zeros(neurons)
    deliver(sums, edges, degree, spikes[:2])
    best = np.inf
    for _ in range(3):
        begun = time.perf_counter()
        deliver(sums, edges, degree, spikes)
        best = min(best, time.perf_counter() - begun)
    return best * 1e9 / spikes.size / degree


@pytest.mark.timeout(900)
def test_events_from_thousand_to_million_neurons():
    """In-degree 100; the time without connections is taken away, that of handling spikes is in."""
    print("\nneurons   ns per event   plain delivery   ratio")
    for neurons, duration in ((1_000, 4000.0), (10_000, 1000.0), (100_000, 100.0), (1_000_000, 20.0)):
        repetitions = 3 if neurons > 10_000 else 9
        seconds, recording = wall(network(neurons, 100), duration, repetitions)
        alone, _ = wall(network(neurons, 0, weight=0.0), duration, repetitions)
        cost, least = (seconds - alone) * 1e9 / recording.synaptic_events, floor(neurons, 100)
        print(f"{neurons:8}   {cost:12.2f}   {least:14.2f}   {cost / least:5.2f}")
        assert cost < 2.5 * least + 0.5


@pytest.mark.parametrize(("degree", "storage", "most"), [(100, "stored", 1.5), (1000, "procedural", 1.0)])
def test_memory_of_a_million_neurons(degree, storage, most):
    command = [sys.executable, str(LARGE), "1000000", str(degree), storage, "20"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(f"\n1e6 neurons, in-degree {degree}, {storage}: {found['peak_gb']:.2f} GB; setup {found['setup_s']:.1f} s, "
          f"20 ms in {found['wall_s']:.1f} s, {found['events']:.2g} events")  # fmt: skip
    assert found["peak_gb"] < most


def test_cold_and_warm_start(tmp_path):
    program = "import spiking; spiking.simulate(spiking.presets.chang2025(), 10.0)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], env=environment, check=True)
        times.append(time.perf_counter() - begun)
    print(f"\nfirst simulation of a process: {times[0]:.1f} s with an empty cache, {min(times[1:]):.2f} s then")
    assert times[0] < 40
    assert min(times[1:]) < 2
