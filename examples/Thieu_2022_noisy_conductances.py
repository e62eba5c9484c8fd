"""
Noise, Poisson input and bursts of conductance-based neurons
============================================================

Figures 5 to 8 of T. K. T. Thieu and R. Melnik, *Effects of noise on leaky integrate-and-fire neuron models for
neuromorphic computing applications* (ICCSA 2022, arXiv:2202.09482): 100 independent neurons, each with 100 excitatory
and 50 inhibitory Poisson trains of its own and a noisy current. The rates of the paper come out with currents in pA and
noise divided by the root of dt in s, that is, 31.6 times what the same number means with time in ms.

The first figure has the input: conductances and the free membrane potential, with their theory (shot noise, and the
membrane's effective time constant of 5.43 ms). The last has the intervals between spikes. With multiplicative noise
and a leak of 20 nS (7 right) neurons fire at 234 Hz, and half of their spikes lie in runs of three or more that are at
most 3 ms apart: as many as independent intervals give by chance. The random refractory time of 7 left makes spikes more
irregular than in 6 right because it is shorter: with a fixed one of the same mean the CV is the same.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from reduction.levels.diffusion import refractory_moments
from reduction.noise_theory import effective_membrane
from spiking import Fixed
from spiking.noise import bursts, firing_rate, interval_statistics, plotting, simulate_ensemble, thieu2022
from spiking.plotting import COLOURS

DURATION, LONG, DISCARD = 400.0, 4000.0, 200.0
TITLES = {
    "6 left": "$I$ = 8 pA, $t_{ref}$ = 8 ms",
    "6 right": "$I$ = (1 + 2 $\\xi$) pA, $t_{ref}$ = 8 ms",
    "7 left": "$I$ = (1 + 2 $\\xi$) pA, $t_{ref}$ ~ N(1, 2²) ms",
    "7 right": "$I$ = (1 + 2 $V\\xi$) pA, $t_{ref}$ ~ N(1, 2²) ms",
    "8 left": "$I$ = (1 + 2 $V\\xi$) pA, $t_{ref}$ = 8 ms",
    "8 right": "$I$ = (1 + 2 $V\\xi$) pA, $t_{ref}$ ~ N(1, 2²) ms",
}


def long_run(neuron):
    """Simulate many neurons for long, for rates and intervals."""
    return simulate_ensemble(neuron, LONG, neurons=500, seed=2, sampling_interval=10.0)


def draw_input(axes):
    """Draw conductances and the free potential, with mean and standard deviation by theory."""
    neuron = thieu2022("6 left").free()
    found, theory = simulate_ensemble(neuron, 60.0, neurons=1000, seed=1, traces=[0]), effective_membrane(neuron)
    for name, colour, (mean, power) in zip(("excitation", "inhibition"), COLOURS, theory[2:4], strict=False):
        sample = found.sample_moments(name)
        deviation = np.sqrt(sample.variance)
        axes[0].fill_between(
            sample.times, sample.mean - deviation, sample.mean + deviation, color=colour, alpha=0.2, lw=0
        )
        axes[0].plot(sample.times, sample.mean, color=colour, label=f"{name}: mean ± s.d.")
        for level in (mean - power**0.5, mean, mean + power**0.5):
            axes[0].axhline(level, color=colour, ls=":", lw=1)
    plotting.voltages(found, ax=axes[1])
    for level in (-1, 0, 1):
        label = "effective membrane" if level == 0 else None
        axes[1].axhline(theory.rest + level * theory.variance**0.5, color="k", ls=":", lw=1.2, label=label)
    axes[0].set(xlabel="time (ms)", ylabel="conductance (nS)", xlim=(0, 60), ylim=(0, 26))
    axes[1].set_ylim(-72, -46)
    axes[0].set_title("conductances (dotted: shot noise)", loc="left", fontsize=10)
    axes[1].set_title("free membrane potential", loc="left", fontsize=10)
    for ax in axes:
        ax.legend(loc="upper right", frameon=False, fontsize=8, ncols=2)


def draw(axes, name):
    """Simulate one panel and draw it down a column; return the long run."""
    neuron = thieu2022(name)
    found, long = simulate_ensemble(neuron, DURATION, seed=1, traces=[0]), long_run(neuron)
    rate = firing_rate(long, discard=DISCARD)
    plotting.voltages(found, ax=axes[0])
    plotting.variance(found, ax=axes[1])
    plotting.raster(found, ax=axes[2])
    plotting.rate(found, ax=axes[3], bin_width=10.0)
    axes[3].axhline(rate.mean, color="k", lw=1, ls="--", label=f"500 neurons, 4 s: {rate.mean:.3g} Hz")
    axes[0].set_title(f"{name}: {TITLES[name]}, $g_L$ = {neuron.leak:g} nS", loc="left", fontsize=9)
    axes[3].set_ylim(0, 1.3 * axes[3].get_ylim()[1])
    axes[3].legend(loc="upper right", frameon=False, fontsize=8, ncols=2)
    for ax in axes[:3]:
        ax.set_xlabel("")
    return long


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    draw_input(axes)
    runs = {}
    for number in (6, 7, 8):
        figure, axes = plt.subplots(
            4, 2, figsize=(9, 7.4), sharex=True, sharey="row" if number == 6 else False, height_ratios=(1.6, 1, 1, 1.2),
            layout="constrained",
        )  # fmt: skip
        for column, side in zip(axes.T, ("left", "right"), strict=True):
            runs[f"{number} {side}"] = draw(column, f"{number} {side}")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False, fontsize=9)
        for ax in axes[:, 1]:
            ax.set_ylabel("")

    figure, axes = plt.subplots(2, 3, figsize=(9, 4.8), layout="constrained")
    for ax, (name, run) in zip(axes.T.flat, runs.items(), strict=True):
        found = interval_statistics(run, discard=DISCARD)
        bursting = bursts(run, longest=3.0, discard=DISCARD)
        rate = firing_rate(run, discard=DISCARD)
        print(f"{name}: {rate} Hz, CV {found.variation}, share of spikes in bursts {bursting.share}, "
              f"by chance {bursting.chance:.4f}, excess {bursting.excess}")  # fmt: skip
        plotting.interval_histogram(run, ax=ax, discard=DISCARD)
        share, chance = 100 * bursting.share.mean, 100 * bursting.chance
        ax.legend(
            loc="upper right", frameon=False, fontsize=8, title=f"in bursts: {share:.1f} % (chance {chance:.1f} %)",
            title_fontsize=8,
        )  # fmt: skip
        ax.set_title(name, loc="left", fontsize=10)
        ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    mean, _ = refractory_moments(thieu2022("7 left").refractory)
    fixed = long_run(replace(thieu2022("7 left"), refractory=Fixed(mean)))
    print(f"7 left with t_ref = {mean:.4g} ms: CV {interval_statistics(fixed, discard=DISCARD).variation}")
    plt.show()
