"""
Two classes of excitability in the Morris-Lecar neuron
======================================================

The neuron of Morris and Lecar, Biophys. J. 35 (1981) 193, with the two sets of parameters of Rinzel and Ermentrout (in
Methods in Neuronal Modeling, MIT Press 1989). Left, class 2: firing begins at a fold of cycles beside a subcritical
Hopf point, at 7 Hz. Right, class 1: it begins at a saddle-node on an invariant circle, at frequency 0, which then grows
as the square root of the distance.
"""

import matplotlib.pyplot as plt
import numpy as np

import reduction
from reduction.bifurcation_plots import shared_legend

CLASSES = {
    "class 2: Hopf point and fold of cycles": ({"phi": 0.04, "gCa": 4.4, "V3": 2.0, "V4": 30.0}, (60.0, 240.0)),
    "class 1: saddle-node on an invariant circle": ({"phi": 0.067, "gCa": 4.0, "V3": 12.0, "V4": 17.4}, (-20.0, 130.0)),
}


def branches(parameters, currents):
    """Return the branches of equilibria and of cycles over the current I (uA/cm^2); V in mV, time in ms."""
    system = reduction.ODESystem.from_expressions(
        {
            "V": "(I - 2*(V + 60) - gCa*(1 + tanh((V + 1.2)/18))/2*(V - 120) - 8*w*(V + 84))/20",
            "w": "phi*((1 + tanh((V - V3)/V4))/2 - w)*cosh((V - V3)/(2*V4))",
        },
        {"I": currents[0], **parameters},
        guess={"V": -60.0, "w": 0.0},
    )
    rest = reduction.continue_equilibrium(system, reduction.find_equilibrium(system), "I", currents)
    return rest, reduction.continue_cycle(system, rest.of_kind("HB")[0], "I", currents)


if __name__ == "__main__":
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), sharex="col", height_ratios=(1.6, 1), layout="constrained")
    for (voltage, frequency), (name, (parameters, currents)) in zip(axes.T, CLASSES.items(), strict=True):
        rest, cycles = branches(parameters, currents)
        print(name, cycles.status, *rest.special_points + cycles.special_points, sep="\n  ")
        rest.plot(voltage)
        cycles.plot(voltage)
        voltage.set_title(name, loc="left", fontsize=10)
        voltage.set(xlabel="", ylabel="V (mV)")
        hertz = 1000.0 / cycles.periods
        frequency.plot(cycles.values, hertz, color="#0072B2", linewidth=1.1, linestyle=(0, (3.5, 2.0)))
        frequency.plot(cycles.values, np.where(cycles.stable, hertz, np.nan), color="#0072B2", linewidth=1.7)
        frequency.set(xlabel="current I (µA/cm²)", ylabel="frequency (Hz)", ylim=(0, None))
    shared_legend(figure, axes[0])
    plt.show()
