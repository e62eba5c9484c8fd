"""Run a preset in one simulator, in a process of its own, and print its times and rates as JSON.

Usage: python run_simulator.py snn2ode|brian2|brian2-euler|nest PRESET DURATION REPETITIONS
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
import time

import spiking
from spiking import peers, presets, statistics
from spiking.simulation import starting_voltages


def ours(network, duration, repetitions):
    """Runs from different initial voltages."""
    begun = time.perf_counter()
    runs = [
        spiking.simulate(network, duration, initial="uniform", sampling_interval=1.0, seed=1 + k)
        for k in range(repetitions)
    ]
    wall = [run.timing["wall_s"] for run in runs]
    return runs, wall, time.perf_counter() - begun - sum(wall)


def brian2_standalone(network, duration, repetitions, method=None):
    """C++ with Brian2's own flags, among them -O3, -ffast-math and -march=native; one thread."""
    import brian2

    with tempfile.TemporaryDirectory() as directory:
        begun = time.perf_counter()
        brian2.set_device("cpp_standalone", directory=directory, build_on_run=False)
        model = peers.to_brian2(network, voltage=starting_voltages(network, "uniform", 1), seed=1)
        for group in model.groups.values() if method else ():
            group.state_updater.method_choice = method
        recording = model.run(duration)
        device = brian2.get_device()
        wall = [device._last_run_time]
        build = time.perf_counter() - begun - wall[0]
        for _ in range(repetitions - 1):
            device.run(directory=directory, results_directory="results", with_output=False, run_args=[])
            wall.append(device._last_run_time)
    return [recording], wall, build


def nest(network, duration, repetitions):
    wall, build = [], 0.0
    for _ in range(repetitions):
        begun = time.perf_counter()
        model = peers.to_nest(network, voltage=starting_voltages(network, "uniform", 1), seed=1)
        built = time.perf_counter()
        recording = model.run(duration)
        wall.append(time.perf_counter() - built)
        build += built - begun
    return [recording], wall, build


def main(engine, preset, duration, repetitions):
    engines = {
        "snn2ode": ours, "brian2": brian2_standalone, "nest": nest,
        "brian2-euler": functools.partial(brian2_standalone, method="euler"),
    }  # fmt: skip
    run = engines[engine]
    runs, wall, build = run(presets.get(preset), float(duration), int(repetitions))
    found = {
        f"{what} {name}": [measure(recording, discard=float(duration) / 5)[name].mean for recording in runs]
        for what, measure in (("rate", statistics.rates), ("cv", statistics.interval_variation))
        for name in runs[0].populations
    }
    print(json.dumps({"wall_s": min(wall), "build_s": build, "found": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
