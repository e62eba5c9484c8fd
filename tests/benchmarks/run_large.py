"""Simulate a large network in a process of its own; print its times, rate, events and peak memory as JSON.

Usage: python run_large.py NEURONS IN_DEGREE stored|procedural DURATION
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import spiking


def network(neurons, degree, procedural=False, weight=1e-4):
    """Neurons at some 130 Hz, connected too weakly to change it."""
    neuron = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Fixed(2.0))
    wiring = spiking.FixedOutDegree(degree, procedural=True) if procedural else spiking.FixedInDegree(degree)
    return spiking.Network(
        [spiking.Population("E", neurons, neuron, spiking.PoissonDrive(10.0, 0.25))],
        [spiking.Projection("E", "E", spiking.ExponentialCurrent(weight, 2.0), wiring, delay=1.0)],
    )


def main(neurons, degree, storage, duration):
    net = network(int(neurons), int(degree), storage == "procedural")
    recording = spiking.simulate(net, float(duration), seed=1, initial="uniform", sampling_interval=1.0)
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = int(status.split("VmHWM:")[1].split()[0]) / 2**20
    rate = recording.rates()["E"].mean
    print(json.dumps({**recording.timing, "rate": rate, "events": recording.synaptic_events, "peak_gb": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
