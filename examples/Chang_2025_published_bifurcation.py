"""
The published bifurcation diagram
=================================

Differences of successive peaks of the excitatory rate over the connection probability from I to E: the network above,
its reduction below, as in Chang et al., J. Comput. Phys. 537 (2025) 114117. Events of one size give the value 0; beyond
the period doubling a large and a small event in turn give two values. In the network, noise makes small peaks between
the events too; with one peak per event (the highest) they are gone.

Here 26 values of 1.2 s each. For 51 values of 5 s take ``[0.5 + 0.01 * k for k in range(51)]`` and
``Settings(duration=5000.0, discard=1000.0)``: minutes. The whole report with this figure comes from
``snn2ode validate chang2025 --parameter EI.probability --values 0.5:1.0:51 --levels ode --out report``.
"""

import matplotlib.pyplot as plt

import spiking
from reduction.agreement_plots import differences_figure
from reduction.aspects.bifurcations import compare_bifurcations
from reduction.measuring import Settings

if __name__ == "__main__":
    comparison = compare_bifurcations(
        spiking.presets.chang2025(),
        Settings(duration=1200.0, discard=300.0, closure="published"),
        parameter="EI.probability",
        values=[round(0.5 + 0.02 * k, 2) for k in range(26)],
        levels=("ode",),
        diagram=[],
    )
    differences_figure(comparison)
    plt.show()
