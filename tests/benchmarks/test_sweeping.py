"""What a sweep costs beside its points: `make bench` prints times."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest
import sweep_functions

from reduction.sweeping import sweep


def clock(function, number, **options):
    begun = time.perf_counter()
    found = sweep(function, {"x": [float(x) for x in range(number)]}, **options)
    assert found.complete
    return time.perf_counter() - begun


@pytest.mark.parametrize("kept", [False, True])
def test_overhead_per_point(tmp_path, kept):
    """Of points that take no time, and of 2000 of them, so that starting the processes counts little."""
    print()
    for workers in (1, 2):
        store = tmp_path / str(workers) if kept else None
        per_point = clock(sweep_functions.nothing, 2000, workers=workers, store=store) / 2000
        where = "in a store" if kept else "without a store"
        print(
            f"overhead per point {where}, workers = {workers}: {1e3 * per_point:.2f} ms (load {os.getloadavg()[0]:.1f})"
        )
        assert per_point < 5e-3


def test_resuming_a_finished_sweep(tmp_path):
    clock(sweep_functions.nothing, 5000, workers=1, store=tmp_path)
    took = clock(sweep_functions.nothing, 5000, workers=1, store=tmp_path)
    print(f"\nreading 5000 finished points: {1e3 * took / 5000:.3f} ms per point")
    assert took / 5000 < 1e-3


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_two_workers(tmp_path):
    """80 points that compute for 50 ms each, beside two bare processes with 40 each: others may use the cores too."""
    one, two, bare = [], [], []
    for i in range(4):
        one.append(clock(sweep_functions.busy, 80, workers=1, store=tmp_path / f"1{i}"))
        two.append(clock(sweep_functions.busy, 80, workers=2, store=tmp_path / f"2{i}"))
        bare.append(two_bare_processes(80))
    gained, possible = min(one) / min(two), min(one) / min(bare)
    print(f"\n80 points of 50 ms: {min(one):.2f} s with one worker, {min(two):.2f} s with two: {gained:.2f} times "
          f"faster; two bare processes {possible:.2f} (load {os.getloadavg()[0]:.1f})")  # fmt: skip
    assert gained > min(1.8, 0.9 * possible)


def two_bare_processes(number):
    begun = time.perf_counter()
    halves = [multiprocessing.Process(target=several, args=(number // 2,)) for _ in range(2)]
    for half in halves:
        half.start()
    for half in halves:
        half.join()
    return time.perf_counter() - begun


def several(number):
    for x in range(number):
        sweep_functions.busy({"x": float(x)})
