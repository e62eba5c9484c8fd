"""Run a sweep of `sweep_functions` in a process of its own: FUNCTION STORE WORKERS K N GRID [START_METHOD]."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time

import sweep_functions

from reduction.sweeping import sweep

if __name__ == "__main__":
    function, store, workers, part, parts, grid, *method = sys.argv[1:]
    if method:
        multiprocessing.set_start_method(method[0])
    print("ready", flush=True)
    try:
        sweep(
            getattr(sweep_functions, function), json.loads(grid), store=store, workers=int(workers),
            shard=(int(part), int(parts)),
        )  # fmt: skip
    except KeyboardInterrupt as interruption:
        print(f"{time.time()} {interruption}", flush=True)
