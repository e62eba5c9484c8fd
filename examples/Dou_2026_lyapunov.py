"""
Spikes that pull trajectories apart: Lyapunov exponents with saltation
======================================================================

A leaky neuron in an Ornstein-Uhlenbeck current (Dou, Chen, Lin & Xiao, arXiv 2603.10854; leak 1, threshold 1, reset 0).
The density of voltage and current, computed without chance, gives the speed at which the voltage crosses the threshold,
and with it the exponent of the voltage. Slow crossings are rarer than the bound :math:`P(A < \\alpha) = O(\\alpha^2)`:
they follow the power 5/2. Two neurons in the same current, a path with the stretching at its resets, and the formula
agree. Below, 50 neurons that inhibit each other, under noise held fixed. With little noise, moderate weights make the
first exponent positive: copies of the network part. With more it is negative at all weights; yet only copies that start
very close come together, those a thousandth apart do not (stable chaos). With much noise all of them do.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FixedLocator, NullFormatter

import spiking
from reduction.levels.crossing_density import crossing_density
from spiking import lyapunov
from spiking.lyapunov_plots import speed_curve, speeds

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
WEIGHTS = (0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)


def neuron(deviation=0.5, mean=1.2, tau=0.5):
    """Return one neuron."""
    drive = spiking.OrnsteinUhlenbeckDrive(mean, deviation, tau)
    return spiking.Network([spiking.Population("E", 1, spiking.LIF(1.0, tau_m=1.0), drive)])


def inhibitory(weight, deviation):
    """Return 50 neurons, each with 10 inhibitory inputs; membranes of 10 ms, currents of 2 ms."""
    drive = spiking.OrnsteinUhlenbeckDrive(0.3, deviation, 2.0)
    synapse = spiking.ExponentialCurrent(weight, 2.0, inhibitory=True)
    wiring = spiking.FixedInDegree(10, seed=1)
    return spiking.Network(
        [spiking.Population("I", 50, spiking.LIF(1.0, tau_m=10.0), drive)],
        [spiking.Projection("I", "I", synapse, wiring)],
    )


def draw_density(ax, found):
    """Draw the density of voltage and current, and the flux at the threshold."""
    voltage, current = np.linspace(-0.7, 1.0, 170), np.linspace(-0.6, 3.0, 181)
    image = ax.pcolormesh(voltage, current, found.density(voltage, current).T, cmap="cividis", shading="nearest",
                          rasterized=True, vmin=0.0)  # fmt: skip
    ax.plot(voltage, voltage, color="w", lw=0.9, ls="--")
    ax.annotate("dV/dt = 0", (-0.3, -0.3), (4, -3), textcoords="offset points", color="w", fontsize=8, va="top")
    shown = found.speeds < 2.0
    ax.plot(1.01 + 0.22 * found.crossing[shown], 1.0 + found.speeds[shown], color=ORANGE, lw=1.4)
    ax.annotate("flux", (1.17, 2.3), color=ORANGE, fontsize=8, ha="center")
    ax.axvline(1.0, color="0.3", lw=0.8)
    ax.set(xlabel="voltage V (mV)", ylabel="current I (mV/ms)", xlim=(-0.7, 1.32), ylim=(-0.6, 3.0))
    plt.colorbar(image, ax=ax, label="density (ms/mV²)", pad=0.02)


def _plain_ticks(axis, places):
    axis.set_major_locator(FixedLocator(places))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def draw_slow(ax, found, sample):
    """Draw the part of slow crossings over the square of the speed."""
    alpha = np.geomspace(0.01, 0.6, 40)
    ax.loglog(alpha, found.probability_below(alpha) / alpha**2, color=BLUE, lw=1.4, label="density")
    ax.loglog(alpha[:22], 2.09 * np.sqrt(alpha[:22]) * 0.8, color="0.5", lw=0.9, ls=":", label="slope 1/2")
    at = np.array([0.05, 0.1, 0.2, 0.4])
    count = np.array([np.sum(sample < a) for a in at])
    scale = sample.size * at**2
    ax.errorbar(at, count / scale, 2 * np.sqrt(count) / scale, fmt="k.", ms=5, lw=0.9, label="simulation (± 2 s.e.)")
    ax.set(xlabel="speed α (mV/ms)", ylabel="P(A < α) / α²  (ms²/mV²)", ylim=(0.12, 2.0))
    _plain_ticks(ax.xaxis, (0.01, 0.03, 0.1, 0.3))
    _plain_ticks(ax.yaxis, (0.2, 0.5, 1.0))


def draw_methods(ax):
    """Draw the exponent over the noise by formula, saltation and two trajectories."""
    deviations = np.array([0.1, 0.2, 0.3, 0.45, 0.6, 0.8])
    exact = [crossing_density(neuron(d), degree=4).exponent for d in deviations]
    ax.plot(deviations, exact, color=BLUE, lw=1.4, label="formula (density)")
    for method, marker, shift in (("saltation", "o", -0.006), ("trajectories", "^", 0.006)):
        found = [
            lyapunov.neuron_exponent(neuron(d), method=method, duration=2e3, dt=0.01, seed=int(100 * d)).exponent
            for d in deviations
        ]
        ax.errorbar(
            deviations + shift, [f.mean for f in found], [2 * f.se for f in found], fmt=marker, ms=4.5, mfc="none",
            lw=1.0, color=ORANGE if method == "saltation" else GREEN, label=method.replace("traj", "two traj"),
        )  # fmt: skip
    ax.set(xlabel="standard deviation of the current (mV/ms)", ylabel="exponent λ (1/ms)")


def draw_network(ax):
    """Draw the first exponent of the network over the weight, for two levels of noise."""
    ax.axhline(0.0, color="0.6", lw=0.8)
    for deviation, colour, marker in ((0.02, ORANGE, "o"), (0.06, BLUE, "s")):
        found = [
            lyapunov.network_exponents(inhibitory(w, deviation), duration=4000.0, dt=0.1).exponents[0] for w in WEIGHTS
        ]
        ax.errorbar(
            WEIGHTS, [1000 * f.mean for f in found], [2000 * f.se for f in found], fmt=f"{marker}-", ms=4, lw=1.0,
            color=colour, label=f"noise {deviation} mV/ms",
        )  # fmt: skip
    ax.set(xscale="log", xlabel="inhibitory weight (mV)", ylabel="first exponent (1/s)", ylim=(-14, 11))
    _plain_ticks(ax.xaxis, (0.02, 0.05, 0.1, 0.2, 0.5))


def draw_copies(ax):
    """Draw how far copies under the same noise are apart."""
    for deviation, apart, colour, line in (
        (0.02, 1e-6, ORANGE, "-"), (0.06, 1e-6, BLUE, "-"), (0.06, 1e-3, BLUE, ":"), (0.3, None, GREEN, "-"),
    ):  # fmt: skip
        found = lyapunov.frozen_noise(inhibitory(0.1, deviation), 2500.0, dt=0.1, apart=apart)
        start = "independent" if apart is None else f"{apart:g} apart"
        ax.semilogy(
            found.times / 1000, np.maximum(found.distance[:, 0], 1e-16), lw=1.0, color=colour, ls=line,
            label=f"noise {deviation}, {start}",
        )  # fmt: skip
    ax.set(xlabel="time (s)", ylabel="distance of two copies (rms, mV)", ylim=(1e-16, 1e9))
    ax.yaxis.set_major_locator(FixedLocator((1e-15, 1e-10, 1e-5, 1.0)))


if __name__ == "__main__":
    found = crossing_density(neuron())
    path = lyapunov.neuron_exponent(neuron(), duration=2e4, trials=4, dt=0.02, seed=2)
    print(found, f"saltation: {path.exponent}, rate: {path.rate} Hz", sep="\n")

    figure, axes = plt.subplots(2, 3, figsize=(11.5, 6.6), layout="constrained")
    draw_density(axes[0, 0], found)
    speeds(path.speeds, ax=axes[0, 1], label="simulation (± 2 s.e.)")
    speed_curve(found.speeds, found.crossing, ax=axes[0, 1], label="density")
    draw_slow(axes[0, 2], found, path.speeds)
    draw_methods(axes[1, 0])
    draw_network(axes[1, 1])
    draw_copies(axes[1, 2])
    titles = ("density and flux at the threshold", "speeds of crossings", "slow crossings", "one neuron",
              "50 inhibitory neurons", "the same noise, weight 0.1 mV")  # fmt: skip
    for ax, title, letter in zip(axes.flat, titles, "abcdef", strict=True):
        ax.set_title(f"{letter}  {title}", loc="left", fontsize=10)
        if ax is not axes[0, 0]:
            ax.legend(frameon=False, fontsize=8)
    plt.show()
