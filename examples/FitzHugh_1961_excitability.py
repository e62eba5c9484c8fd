"""
Excitability and canards of FitzHugh's equations
================================================

The equations of FitzHugh, Biophys. J. 1 (1961) 445, over the injected current: the equilibrium loses stability at two
subcritical Hopf points, and the cycles lead from one to the other. Next to each Hopf point they turn back in a fold and
then grow at almost constant current, from small oscillations to spikes (a canard explosion): beyond the Hopf point's
current the neuron fires at full amplitude at once, and below it rest and firing coexist.
"""

import matplotlib.pyplot as plt
import numpy as np

import reduction
from reduction.bifurcation_plots import shared_legend

CURRENTS = (-0.5, 2.0)
NEAR = (0.322, 0.334)


def branches():
    """Return the system, its branch of equilibria and its branch of cycles."""
    system = reduction.ODESystem.from_expressions(
        {"v": "v - v**3/3 - w + I", "w": "(v + 0.7 - 0.8*w)/12.5"}, {"I": 0.0}, guess={"v": -1.2, "w": -0.6}
    )
    rest = reduction.continue_equilibrium(system, reduction.find_equilibrium(system), "I", CURRENTS)
    cycles = reduction.continue_cycle(system, rest.of_kind("HB")[0], "I", CURRENTS)
    return system, rest, cycles


if __name__ == "__main__":
    system, rest, cycles = branches()
    for point in rest.special_points + cycles.special_points:
        print(point)

    figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), width_ratios=(1.35, 1), layout="constrained")
    (whole, near), (below, plane) = axes
    for ax in (whole, near):
        rest.plot(ax, labels=ax is whole)
        cycles.plot(ax, labels=ax is whole)
        ax.set(xlabel="current I", ylabel="v")
    shared_legend(figure, [whole])
    whole.set_title("equilibria; minima and maxima of cycles", loc="left", fontsize=9)
    near.set(xlim=NEAR, ylim=whole.get_ylim(), xticks=np.arange(0.322, 0.3345, 0.004))
    near.set_title("canard explosion at the first Hopf point", loc="left", fontsize=9)
    cycles.plot(below, measure="period", labels=False)
    below.set(xlabel="current I", xlim=whole.get_xlim(), ylim=(0, None))
    below.set_title("periods; the dots are cycles on the right", loc="left", fontsize=9)

    first = cycles.values < 0.4
    sizes = cycles.maxima[first, 0] - cycles.minima[first, 0]
    for size, colour in zip((0.4, 1.0, 1.8, 2.7, 3.7), plt.cm.viridis(np.linspace(0.0, 0.85, 5)), strict=True):
        cycle = cycles.cycle(int(np.flatnonzero(first)[np.abs(sizes - size).argmin()]))
        plane.plot(*cycle.states.T, color=colour, linewidth=1.3)
        below.plot(cycle.parameters["I"], cycle.period, "o", color=colour, markersize=4, zorder=6)
    v = np.linspace(-2.2, 2.2, 200)
    plane.plot(v, v - v**3 / 3 + rest.of_kind("HB")[0].value, color="0.6", linewidth=1, linestyle="--")
    plane.plot(v, (v + 0.7) / 0.8, color="0.6", linewidth=1, linestyle=":")
    plane.set(xlabel="v", ylabel="w", xlim=(-2.2, 2.2), ylim=(-0.8, 1.6))
    plane.set_title("cycles along the explosion, and nullclines", loc="left", fontsize=9)
    plt.show()
