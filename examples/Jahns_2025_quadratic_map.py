"""
The discretised quadratic neuron as a map
=========================================

The quadratic integrate-and-fire neuron in discrete time (Jahns, Moreno, Stojkov and Kinsy, arXiv:2510.05168) is the
quadratic map in other coordinates, so all of it is known. Above: the map of their first figure (a = 0.25, u1 = 0,
u2 = 0.5, no input) with its fixed points and the basin of the stable one; its fixed points and orbits of period 2, 4
and 8 over the input, followed by continuation from the saddle-node at 1/64 through the period doublings, and where
orbits end up (grey). Below: the window of the surrogate gradient, derived from the spread of the linearised voltage,
against the simulated density; and how far that spread can be trusted: for inputs of up to 0.02, and not for those of 1
that training uses, where resets keep the voltage together.
"""

import matplotlib.pyplot as plt
import numpy as np

import reduction
from reduction.bifurcation_plots import DOUBLED_COLOURS, INK
from spiking.estimates import block_estimate
from spiking.quadratic_map import QuadraticMap, basin, fixed_points, input_of, iterate, stable_fixed_point, step
from spiking.surrogate import leaky_window, linear_spread, quadratic_window

NEURON = QuadraticMap(a=0.25, u1=0.0, u2=0.5, threshold=1.0)
SILENT = QuadraticMap(a=0.25, u1=0.0, u2=0.5, threshold=np.inf)
STABLE, UNSTABLE = {"linestyle": "-", "linewidth": 1.7}, {"linestyle": (0, (3.5, 2.0)), "linewidth": 1.1}
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"


def draw_map(ax):
    """Draw the map, its fixed points, the basin of the stable one and two orbits."""
    u = np.linspace(-5.2, 1.6, 400)
    low, high = basin(SILENT)
    ax.axvspan(low, high, color="0.92", label=f"basin of u1: ({low:g}, {high:g})")
    ax.plot(u, u, color="0.6", lw=0.9)
    ax.plot(u, step(SILENT, u)[2], color=INK, lw=1.7)
    for start, colour in ((-3.7, BLUE), (0.75, VERMILION)):
        orbit = iterate(SILENT, start, np.zeros(12)).voltages
        stairs = np.repeat(orbit, 2)
        ax.plot(stairs[:-1], stairs[1:], color=colour, lw=1.0, label=f"orbit from {start:g}")
    points = fixed_points(SILENT)
    for voltage, stable, name in zip(points.voltages, points.stable, ("u1", "u2"), strict=True):
        ax.plot(voltage, voltage, "o", ms=6, mec=INK, mfc=INK if stable else "white", zorder=5)
        ax.annotate(name, (voltage, voltage), (5, -11), textcoords="offset points", fontsize=9)
    ax.set(xlabel="voltage $u_t$", ylabel="next voltage $u_{t+1}$", xlim=u[[0, -1]], ylim=(-1.1, 2.2))
    ax.set_title("no input", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper center")


def branches():
    """Return the fixed points over the input and the orbits of period 2, 4 and 8, by continuation."""
    system = reduction.MapSystem.from_expressions(
        {"u": "u + a*(u - u1)*(u - u2) + x"}, {"a": 0.25, "u1": 0.0, "u2": 0.5, "x": 0.0}, guess=[0.0]
    )
    found = [
        reduction.continue_equilibrium(system, reduction.find_equilibrium(system), "x", (-7.0, 0.4), largest_step=0.01)
    ]
    for _ in range(3):
        found.append(found[-1].switch(found[-1].of_kind("PD")[0], largest_step=0.01))
    return found


def draw_bifurcations(ax, found):
    """Draw fixed points and periodic orbits over the input, special points, and the attractors (grey)."""
    x = np.linspace(-7.0, 0.0156, 900)
    settled = iterate(SILENT, stable_fixed_point(SILENT)[0] - 2 * (x < -1), np.tile(x, (560, 1))).voltages[500:]
    shown = np.abs(settled) < 20
    ax.plot(np.broadcast_to(x, settled.shape)[shown], settled[shown], ",", color="0.75", zorder=0, rasterized=True)
    for doublings, branch in enumerate(found):
        colour = (INK, *DOUBLED_COLOURS)[doublings]
        orbit = branch.states[:, 0]
        unstable = ~branch.stable
        unstable[:-1] |= unstable[1:]  # up to the change of stability, on either side
        unstable[1:] |= unstable[:-1]
        for _ in range(2**doublings):
            for style, chosen in ((STABLE, branch.stable), (UNSTABLE, unstable)):
                ax.plot(np.where(chosen, branch.values, np.nan), orbit, color=colour, **style)
            orbit = step(SILENT, orbit, branch.values)[2]
        ax.plot([], [], color=colour, lw=1.7, label=f"period {2**doublings}" if doublings else "fixed points")
    for point in [p for branch in found[:3] for p in branch.special_points]:
        marker, name = {"LP": ("s", "saddle-node"), "PD": ("^", "period doubling")}[point.kind]
        label = name if name not in ax.get_legend_handles_labels()[1] else None
        ax.plot(point.value, point.state[0], marker, ms=5.5, mfc="white", mec=INK, ls="none", label=label, zorder=5)
        print(point)
    ax.set_title("fixed points and periodic orbits (dashed: unstable)", loc="left", fontsize=10)
    ax.set(xlabel="input x", ylabel="voltage u", xlim=(-7.0, 0.4), ylim=(-8.5, 5.5))
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="lower right")


def noise(spread):
    """Return independent Gaussian inputs of 200 neurons, shape (steps, neurons)."""
    return spread * np.random.default_rng(1).standard_normal((1700, 200))


def reached(spread):
    """Return the quadratic neurons' voltages before resets under noise, shape (steps, neurons)."""
    return iterate(NEURON, np.full(200, NEURON.reset), noise(spread)).reached[200:]


def reached_leaky(spread, decay=0.5):
    """Return the same of leaky neurons."""
    voltage, found = np.zeros(200), []
    for x in noise(spread):
        found.append(decay * voltage + x)
        voltage = np.where(found[-1] >= NEURON.threshold, NEURON.reset, found[-1])
    return np.array(found[200:])


def draw_window(ax, spread=0.01):
    """Draw the density of the voltage, the Gaussian of the linearised map, and the window of the same area."""
    sigma = linear_spread(stable_fixed_point(NEURON)[1], spread)
    window = quadratic_window(NEURON, spread)
    v = np.linspace(-4.2, 4.2, 1201) * sigma
    values = reached(spread)
    ax.hist(
        (values - values.mean()).ravel() / sigma, 60, range=(-4.2, 4.2), density=True, color="0.85", label="simulated"
    )
    gaussian = np.exp(-((v / sigma) ** 2) / 2) / np.sqrt(2 * np.pi)
    ax.plot(v / sigma, gaussian, color=BLUE, lw=1.5, label="linearised about $u_1$")
    ax.plot(v / sigma, sigma * window(v), color=VERMILION, lw=1.5, label="window, half-width 1.538 $\\sigma$")
    ax.set(
        xlabel="distance from the mean / $\\sigma$",
        ylabel="density $\\times\\ \\sigma$",
        ylim=(0, 0.56),
        xlim=(-4.2, 4.2),
    )
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    ax.set_title(f"window and density, input of standard deviation {spread:g}", loc="left", fontsize=10)


def draw_spreads(ax):
    """Draw the simulated over the linearised spread, with resets, over the spread of the input."""
    cases = (("quadratic", reached, stable_fixed_point(NEURON)[1], VERMILION, "s"),
             ("leaky, decay 0.5", reached_leaky, 0.5, BLUE, "o"))  # fmt: skip
    for label, simulated, multiplier, colour, marker in cases:
        spreads, ratios = np.geomspace(0.002, 2.0, 16), []
        for spread in spreads:
            values = simulated(spread)
            variance = block_estimate(((values - values.mean()) ** 2).mean(axis=0))
            deviation = np.sqrt(variance.mean)
            ratios.append(np.array([deviation, variance.se / (2 * deviation)]) / linear_spread(multiplier, spread))
        ratio, error = np.transpose(ratios)
        ax.errorbar(spreads, ratio, 2 * error, color=colour, marker=marker, ms=5, mfc="white", lw=1.2, label=label)
        print(label, *(f"{s:.3g}: {r:.3f} ± {e:.3f}" for s, r, e in zip(spreads, ratio, error, strict=True)))
    ax.axhline(1.0, color="0.6", lw=0.9, zorder=0)
    ax.axvline(1.0, color="0.6", lw=0.9, ls=":", zorder=0)
    ax.annotate("training", (1.0, 1.36), (-4, 0), textcoords="offset points", ha="right", fontsize=8, color="0.35")
    ax.set_title("spread of the voltage before resets (± 2 s.e.)", loc="left", fontsize=10)
    ax.set(xscale="log", xlabel="standard deviation of the input", ylabel="simulated / linearised", ylim=(0.3, 1.45))
    ax.legend(frameon=False, fontsize=8, loc="lower left")


if __name__ == "__main__":
    figure, axes = plt.subplots(2, 2, figsize=(9.2, 7.0), layout="constrained")
    draw_map(axes[0, 0])
    draw_bifurcations(axes[0, 1], branches())
    draw_window(axes[1, 0])
    draw_spreads(axes[1, 1])
    print("period doublings of the quadratic map at x =", *input_of(NEURON, [-0.75, -1.25, -1.3680989394]))
    print("half-widths for inputs of 1:", leaky_window(0.5, 1.0).half_width, quadratic_window(NEURON, 1.0).half_width)
    plt.show()
