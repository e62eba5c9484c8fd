"""
How far Euler-Maruyama can be trusted
=====================================

Errors of a layered network of leaky neurons in coloured noise, all steps driven by the same Brownian paths (the setting
of Dou, Chen, Lin and Xiao, arXiv 2603.10854). Top: errors of the first and the sixth layer over the step h, with
fitted orders. Bottom left: the error of the voltage over depth, for several synaptic weights and durations. Bottom
right: the probability of slow crossings of the threshold, which cause the error, falls as the power 5/2 of their speed,
faster than the power 2 of the bound.
"""

import matplotlib.pyplot as plt
import numpy as np

from spiking.convergence import crossing_speeds, layered, strong_errors
from spiking.convergence_plots import errors, powers
from spiking.plotting import COLOURS

STEPS = [2.0**-k for k in (4, 5, 6, 7, 8, 11)]
SHOWN = ("voltage", "mismatch", "voltage_matched", "spike_time", "current", "weak")
DEPTH = 6


def depth_curves(ax):
    """Draw the error of the voltage at h = 2^-6 over the layer, for weights and durations."""
    for weight, duration, colour in ((0.2, 4.0, 1), (0.5, 4.0, 0), (0.5, 1.0, 2), (1.0, 4.0, 3)):
        net = layered(DEPTH, 4, weight)
        found = strong_errors(net, duration, [2.0**-6, 2.0**-11], paths=400, seed=3, start="uniform")
        own = [found[name, "voltage"][0] for name in net.sizes]
        ax.errorbar(
            range(1, DEPTH + 1), [e.mean for e in own], [2 * e.se for e in own], fmt="o-", ms=4, lw=1.2, capsize=2,
            color=COLOURS[colour], label=f"weight {weight:g}, T = {duration:g}",
        )  # fmt: skip
    ax.set(xlabel="layer", ylabel="RMS error of V at $h = 2^{-6}$ (± 2 s.e.)", ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
    ax.set_title("depth, weight, time", loc="left", fontsize=10)


if __name__ == "__main__":
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 8.0), layout="constrained")
    found = strong_errors(layered(DEPTH, 4, 0.5), 4.0, STEPS, paths=1000, seed=1, start="uniform")
    for ax, layer in zip(axes[0], ("L1", f"L{DEPTH}"), strict=True):
        errors([found[layer, name] for name in SHOWN], ax=ax, label="step h (membrane time constants)")
        ax.set_ylim(5e-4, 200)
        powers(ax, (0.5, 1.0), (2.0**-4, 0.5))
        ax.set_title(f"layer {layer[1:]}", loc="left", fontsize=10)
        print(layer, *(f"{name} {found[layer, name].order()}" for name in SHOWN), sep="\n  ")
    depth_curves(axes[1, 0])
    crossings = crossing_speeds(layered(1), crossings=1_000_000, seed=1)
    crossings.plot(axes[1, 1])
    axes[1, 1].set_title("slow crossings", loc="left", fontsize=10)
    print("P(A < α):", crossings.probability(np.geomspace(0.01, 0.1, 6)).order())
    plt.show()
