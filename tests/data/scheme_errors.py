"""Errors of Euler-Maruyama for one neuron in coloured noise: as in test_scheme_analysis.py, with more paths."""

from __future__ import annotations

import csv
from pathlib import Path

from spiking.convergence import layered, strong_errors
from spiking.convergence.orders import MEASURES

STEPS = [2.0**-k for k in (4, 5, 6, 7, 8, 9, 10, 13)]
PATHS = 100_000


def main() -> None:
    """Write scheme_errors.csv: a row per error and step, with the order fitted over all steps and its 95 % interval."""
    found = strong_errors(layered(1), 4.0, STEPS, paths=PATHS, seed=0, start="uniform")
    with Path(__file__).with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["error", "step", "value", "se", "order", "order_se", "order_low", "order_high"])
        for name in MEASURES:
            one = found["L1", name]
            order = one.order()
            for k, step in enumerate(one.x):
                numbers = [*one[k], order.slope, order.se, order.low, order.high]
                table.writerow([name, repr(float(step)), *(f"{x:.6g}" for x in numbers)])


if __name__ == "__main__":
    main()
