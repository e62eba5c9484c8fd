"""
Firing rates over a plane of parameters
=======================================

The reduction predicts firing rates from parameters alone: here over the connection probability from I to E and the
weight from E to E, for the spiking network, the reduced ODE and the self-consistent asynchronous state. Dots mark
errors within two standard errors of the simulation. The second figure has all rates against the network's. The
asynchronous state (Siegert) misses what synchrony does to rates; the ODE follows it.
"""

import matplotlib.pyplot as plt
import numpy as np

import reduction
import spiking
from reduction import plotting

report = reduction.validate(
    spiking.presets.chang2025(),
    parameter=("EI.probability", "EE.weight"),
    values=(np.linspace(0.55, 0.85, 4), np.linspace(0.85, 1.05, 3)),
    levels=["ode", "siegert"],
    closure="published",
    integration_dt=0.2,
    bins=100,
    duration=1500.0,
    discard=300.0,
    seed=1,
)
plotting.plane_figure(report, "E")

figure, ax = plt.subplots(figsize=(4.2, 4), layout="constrained")
styles = {("ode", "E"): ("#0072B2", "o"), ("ode", "I"): ("#0072B2", "s"), ("siegert", "E"): ("#D55E00", "o"),
          ("siegert", "I"): ("#D55E00", "s")}  # fmt: skip
names = {"ode": "ODE", "siegert": "asynchronous state"}
for (level, population), (colour, marker) in styles.items():
    rows = [row for row in report.comparisons() if (row.level, row.population) == (level, population)]
    ax.errorbar(
        [row.network.mean for row in rows], [row.reduced.mean for row in rows],
        xerr=[2 * row.network.se for row in rows], fmt=marker, color=colour, mfc="none", ms=5, lw=1,
        label=f"{names[level]}, {population}",
    )  # fmt: skip
reach = [0, max(row.reduced.mean for row in report.comparisons()) * 1.05]
ax.plot(reach, reach, color="0.6", lw=1, zorder=0)
ax.set(xlabel="rate of the spiking network (Hz, ± 2 s.e.)", ylabel="rate of the reduction (Hz)", xlim=reach, ylim=reach)
ax.legend(frameon=False, fontsize=8)
plt.show()
