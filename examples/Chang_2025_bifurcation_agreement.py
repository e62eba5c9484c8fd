"""
Bifurcations of a network beside those of its reduction
=======================================================

The network of Chang et al., J. Comput. Phys. 537 (2025) 114117, swept up and down over the connection probability from
I to E, each run going on where the last one stopped. Over the cloud of its peak heights lie the cycles of the reduced
equations (closure ``"published"``, 75 bins), followed through folds and period doublings in
:doc:`Chang_2025_bifurcations`, and the equations' own sweeps.

Order parameters tell where event sizes begin to alternate and the rate to oscillate. They have a known value at a
period doubling and at a Hopf point in weak noise: the same estimator serves the network, whose noise blurs both, and
the equations, which have none.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

import reduction
import spiking
from reduction.agreement_plots import diagram_figure, orders_figure
from reduction.aspects.bifurcations import compare_bifurcations
from reduction.measuring import Settings

if __name__ == "__main__":
    comparison = compare_bifurcations(
        spiking.presets.chang2025(),
        Settings(duration=1200.0, discard=200.0, closure="published", bins=75),
        parameter="EI.probability",
        values=[round(0.5 + 0.02 * k, 2) for k in range(26)],
        levels=("ode",),
        diagram=reduction.Diagram.load(Path(sys.argv[0]).parent / "data" / "chang2025_cycles.npz"),
    )
    for verdict in comparison.verdicts():
        if verdict.grade != "undecided":
            print(f"{verdict.grade:10}{verdict.text}")
    diagram_figure(comparison)
    orders_figure(comparison)
    plt.show()
