"""Functions that tests sweep, at the top level of a module as worker processes want them."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import spiking
from reduction.measuring import Settings

LOG = "SWEEP_LOG"


def polynomial(values):
    x, y = values["x"], values["y"]
    return {"sum": x + y, "powers": np.array([x, x * x]), "mean": spiking.estimates.Estimate(y, 0.1), "name": "p"}


def non_finite(values):
    return {"all": [math.nan, math.inf, -math.inf, -0.0, 5e-324, 0.1 + 0.2], "x": np.float64(values["x"])}


def short_rates(values):
    """Rates of a random network, from the random stream of the point."""
    network = spiking.presets.chang2025().replace(values)
    return Settings(duration=30.0, discard=10.0, seed=7).at(values).rates(network, "network")


def logged(values):
    """Log the begin of a point outside the store, then take between 5 and 20 ms."""
    with Path(os.environ[LOG]).open("a", encoding="ascii") as log:
        log.write(f"{values['x']:g} {values['y']:g} {os.getpid()}\n")
    time.sleep(0.005 + 0.015 * ((7 * values["x"] + 3 * values["y"]) % 10) / 10)
    return {"value": math.sin(values["x"]) * values["y"]}


def long_at_last(values):
    """Log, and take a minute from the fourth point on."""
    with Path(os.environ[LOG]).open("a", encoding="ascii") as log:
        log.write(f"{values['x']:g} 0 {os.getpid()}\n")
    if values["x"] >= 3:
        time.sleep(60.0)
    return values["x"]


def fails_at_two(values):
    if values["x"] == 2:
        raise ArithmeticError("two is too much")
    return values["x"]


def fails_while_told(values):
    if os.environ.get("SWEEP_FAILS"):
        raise RuntimeError("not yet")
    return values["x"]


def dies_at_two(values):
    if values["x"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return values["x"]


def exits_at_two(values):
    if values["x"] == 2:
        os._exit(3)
    return values["x"]


def leaves_at_two(values):
    if values["x"] == 2:
        sys.exit("enough")
    return values["x"]


@dataclass(frozen=True)
class DiesOnce:
    """Dies at its first call with x = 2, as if memory had been short."""

    folder: str

    def __call__(self, values):
        if values["x"] == 2:
            try:
                (Path(self.folder) / "died").touch(exist_ok=False)
            except FileExistsError:
                return values["x"]
            os._exit(9)
        return values["x"]


@dataclass(frozen=True)
class Scaled:
    factor: float
    network: object = None

    def __call__(self, values):
        return self.factor * values["x"]


class Versioned:
    def __init__(self, number):
        self.number = number

    def specification(self):
        return {"number": self.number}

    def __call__(self, values):
        return self.number


def scaled(factor, values):
    return factor * values["x"]


def not_plain(values):
    return {"good": 1, "bad": [0, {1, 2}]}


def nothing(values):
    return None


def busy(values):
    """Compute for about 50 ms, on one core."""
    total, begun = 0.0, time.process_time()
    while time.process_time() - begun < 0.05:
        total += math.sin(total + values["x"])
