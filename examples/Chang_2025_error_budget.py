"""
What an error consists of
=========================

A reduction that disagrees with its network by 5 % may have a wrong closure, lack finite-size noise, or be right where
the network's own time step is wrong. The error budget of the network of Chang et al., J. Comput. Phys. 537 (2025)
114117, switches one source of error off at a time. With the published closure (connection probability from I to E
p = 0.8), closure and finite N both lower the E rate, and their joint effect is much less than the sum. At p = 0.6 the
published scheme's own discretisation lowers rates by 7 %; that its simulator's step lowers them, too, hides 2 % of it.

Budgets are read from a file (``tests/data/error_budget.py`` measures them in 20 minutes). The response to a step of
the drive and the effect of a fixed graph are short runs.
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt

import spiking
from reduction.aspects.transients import compare_transients
from reduction.aspects.wiring import compare_wiring
from reduction.budget_plots import draw_parts
from reduction.measuring import Settings
from reduction.response_plots import transient_figure, wiring_figure
from spiking.estimates import Estimate

REDUCTIONS = {
    ("ode", "conditional"): "ODE, conditional closure",
    ("ode", "published"): "ODE, published closure",
    ("published", "published"): "published scheme",
}
PARTS = ("total", "dt", "bins", "closure", "finite N", "interaction")

# %%
# Budgets of three reductions at two connection probabilities. They share the network's runs, and so its term of dt.

root = Path(spiking.__file__).parent.parent
with (root / "tests" / "data" / "error_budget.csv").open(encoding="utf-8") as file:
    table = [row for row in csv.DictReader(file) if row["population"] == "E" and row["name"] in PARTS]

figure, axes = plt.subplots(2, 3, figsize=(10, 5.2), sharex=True, sharey=True, layout="constrained")
for row, probability in zip(axes, ("0.6", "0.8"), strict=True):
    for ax, (reduction, title) in zip(row, REDUCTIONS.items(), strict=True):
        own = {
            r["name"]: Estimate(float(r["value"]), float(r["se"]))
            for r in table
            if (r["probability"], r["level"], r["closure"]) == (probability, *reduction)
        }
        draw_parts(ax, [(name, own[name]) for name in PARTS])
        ax.set_title(f"{title}, p = {probability}", fontsize=9)
        if probability == "0.6":
            ax.set_xlabel("")
figure.suptitle("Error of the E rate and its terms, with 95 % intervals")

# %%
# The response to a step of the drive by a tenth, at all phases of the rhythm. The ratio in the legend is the distance
# over what sampling alone would give.

network = spiking.presets.chang2025().replace({"EI.probability": 0.6})
changes = {"E.drive.rate": 7.7, "I.drive.rate": 7.7}
response = compare_transients(
    network, Settings(seed=1), changes=changes, levels=("ode",), before=200.0, after=40.0, trials=60
)
transient_figure(response)
print(*(verdict.text for verdict in response.verdicts()), sep="\n")

# %%
# Fixed graphs in the place of a fresh coin for every spike.

graphs = compare_wiring(spiking.presets.chang2025(), Settings(duration=2500.0, discard=500.0, seed=1))
wiring_figure(graphs)
print(*(verdict.text for verdict in graphs.verdicts()), sep="\n")
plt.show()
