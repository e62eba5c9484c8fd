"""
Leaky neurons in additive and multiplicative noise
==================================================

Figures 2 to 4 of T. K. T. Thieu and R. Melnik, *Effects of noise on leaky integrate-and-fire neuron models for
neuromorphic computing applications* (ICCSA 2022, arXiv:2202.09482): voltages, their variance, spikes and rates of 100
independent neurons. The paper gives currents in mV; here they are in nA, and the noise is white, in nA times the root
of ms. Only the noise of Figure 4 right is in pA per mV times the root of s: in nA it would throw voltages to hundreds
of volts below zero.

Theory stands beside the simulation: the mean voltage until the first neurons fire (dotted), and the stationary rate
of renewal theory for neurons that are looked at every 0.1 ms (dashed). The rate goes to that value and not to zero
after 20 ms, and twice the current (Figure 3 left) makes neurons fire more than in Figure 2, not less.
"""

import matplotlib.pyplot as plt
import numpy as np

from reduction.noise_theory import deterministic_rate, firing, free_moments
from spiking.noise import firing_rate, plotting, simulate_ensemble, thieu2022

DT, DURATION = 0.1, 100.0
TITLES = {
    "2 left": "$I$ = 3 nA, $t_{ref}$ = 8 ms",
    "2 right": "$I$ = 3 nA, $t_{ref}$ ~ N(0, 1) ms",
    "3 left": "$I$ = (6 + 2 $\\xi$) nA, $t_{ref}$ = 8 ms",
    "3 right": "$I$ = (6 + 2 $\\xi$) nA, $t_{ref}$ ~ N(0, 1) ms",
    "4 left": "$I$ = (6 + 2 $\\xi$) nA, $t_{ref}$ ~ N(5, 1) ms",
    "4 right": "$I$ = 6 nA + 2 $V\\xi$ pA, $t_{ref}$ ~ N(5, 1) ms",
}


def expected_rate(neuron):
    """Return the stationary rate in Hz on the simulation's grid, by theory."""
    return firing(neuron, dt=DT).rate if neuron.voltage_noise > 0.0 else deterministic_rate(neuron, dt=DT)


def draw(axes, name):
    """Simulate one panel and draw it down a column."""
    neuron = thieu2022(name)
    found = simulate_ensemble(neuron, DURATION, dt=DT, seed=1, traces=[0])
    long = simulate_ensemble(neuron, 2000.0, neurons=500, dt=DT, seed=2, sampling_interval=10.0)
    rate, theory = firing_rate(long, discard=200.0), expected_rate(neuron)
    print(f"{name}: {rate} Hz, theory {theory:.4g} Hz; in the first {DURATION:g} ms {firing_rate(found)} Hz")
    plotting.voltages(found, ax=axes[0])
    plotting.variance(found, ax=axes[1])
    plotting.raster(found, ax=axes[2])
    plotting.rate(found, ax=axes[3])
    free = free_moments(neuron, times := np.linspace(0.0, 4.0, 100))
    below = free.mean + 2.0 * np.sqrt(free.variance) < neuron.threshold
    axes[0].plot(times[below], free.mean[below], ":", color="k", lw=2.2, label="mean before spikes, theory")
    axes[3].axhline(theory, color="k", lw=1, ls="--", label=f"stationary, theory: {theory:.4g} Hz")
    axes[0].set_title(f"{name}: {TITLES[name]}", loc="left", fontsize=10)
    axes[3].set_ylim(0, 1.3 * axes[3].get_ylim()[1])
    axes[3].legend(loc="upper right", frameon=False, fontsize=8, ncols=2)
    for ax in axes[:3]:
        ax.set_xlabel("")


if __name__ == "__main__":
    for number in (2, 3, 4):
        figure, axes = plt.subplots(
            4, 2, figsize=(9, 7.4), sharex=True, height_ratios=(1.6, 1, 1, 1.2), layout="constrained"
        )
        for column, side in zip(axes.T, ("left", "right"), strict=True):
            draw(column, f"{number} {side}")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
        for ax in axes[:, 1]:
            ax.set_ylabel("")
    plt.show()
