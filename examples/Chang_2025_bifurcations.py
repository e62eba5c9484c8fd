"""
Bifurcations of a reduced spiking network
=========================================

The network of Chang et al., J. Comput. Phys. 537 (2025) 114117, reduced to 158 differential equations (closure
``"published"``, 75 bins per population), over the connection probability from I to E. The asynchronous state is
unstable between two Hopf points; a cycle with one event of synchronous firing per period takes its place. Where its
multiplier passes -1 it loses stability to nothing near: the cycles of twice the period that branch off there are
unstable and turn back. Stable ones, with a large and a small event in turn, begin at a fold a little further on. Over
the probability and the weight from E to E, the point is a curve.

Equilibria are computed here. The cycles take minutes:
``python examples/Chang_2025_bifurcations.py --compute`` writes them to the file that is read here.
"""

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt

import reduction
import spiking
from reduction.bifurcation_plots import plot_curves, shared_legend

PROBABILITY, WEIGHT = "EI.probability", "EE.weight"
KEPT, LEADING = ("EE.mean", "EI.mean"), 6
COLOURS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")


def approximation(probability=0.8):
    """Return the Markov approximation whose ODE is analysed."""
    network = spiking.presets.chang2025().replace({PROBABILITY: probability})
    return reduction.MarkovApproximation(network, closure="published", bins=75)


def equilibria():
    """Return the asynchronous state over the probability, and over the weight from E to E."""
    system = approximation().ode()
    start = reduction.find_equilibrium(system)
    return [
        reduction.continue_equilibrium(system, start, parameter, bounds)
        for parameter, bounds in ((PROBABILITY, (0.45, 1.0)), (WEIGHT, (0.6, 1.5)))
    ]


def cycle_at(probability):
    """Return the cycle on which an integration ends."""
    system, changed = approximation().ode(), {PROBABILITY: probability}
    end = reduction.integrate(approximation(probability), "ode", 400.0).final_state[0]
    orbit = reduction.flow(system, 60.0, end, parameters=changed, relative_tolerance=1e-6)
    return reduction.find_cycle(system, orbit, parameters=changed)


def compute():
    """Return, as a diagram, the cycles of one event, those that branch off, those of two events, and a curve."""
    system = approximation().ode()
    one = reduction.continue_cycle(system, cycle_at(0.7), PROBABILITY, (0.48, 1.0), max_points=80, progress=print)
    first = one.of_kind("PD")[0]
    born = one.switch(first, max_points=45, initial_step=0.02, largest_step=0.08, progress=print)
    steps = {"max_points": 10, "initial_step": 0.02, "largest_step": 0.1}
    two = reduction.continue_cycle(system, cycle_at(0.82), PROBABILITY, (0.48, 1.0), **steps, progress=print)
    curve = reduction.continue_point(
        system, first, (PROBABILITY, WEIGHT), ((0.6, 0.95), (0.85, 1.05)), max_points=4, initial_step=0.06,
        largest_step=0.15, progress=print,
    )  # fmt: skip
    branches = [slim(branch) for branch in (one, born, two)]
    return reduction.Diagram(PROBABILITY, system.parameters, branches, [0, 1, 1], [slim(curve)])


def slim(branch):
    """Return a branch of cycles with few of its states and multipliers, so that its file is small."""
    kept = [branch.names.index(name) for name in KEPT]
    points = [
        replace(p, state=p.state[kept], states=p.states[:, kept], eigenvalues=p.eigenvalues[:LEADING])
        for p in branch.special_points
    ]
    return replace(
        branch,
        names=KEPT,
        states=branch.states[:, kept],
        minima=branch.minima[:, kept],
        maxima=branch.maxima[:, kept],
        profiles=[(times, states[:, kept]) for times, states in branch.profiles],
        observables={name: branch.observables[name] for name in ("E.rate",) if name in branch.observables},
        eigenvalues=branch.eigenvalues[:, :LEADING],
        special_points=points,
    )


def stable_near(branch, value):
    """Return the stable cycle of a branch nearest to a value of its parameter."""
    return branch.cycle(int((abs(branch.values - value) + 10.0 * ~branch.stable).argmin()))


if __name__ == "__main__":
    path = Path(sys.argv[0]).parent / "data" / "chang2025_cycles.npz"
    if "--compute" in sys.argv:
        path.parent.mkdir(exist_ok=True)
        compute().save(path)
    over_probability, over_weight = equilibria()
    diagram = reduction.Diagram.load(path)
    cycles, *doubled = diagram.branches
    for branch in (over_probability, over_weight, *diagram.branches, *diagram.curves):
        print(branch, *branch.special_points, sep="\n  ")

    figure, axes = plt.subplots(2, 3, figsize=(12, 6.6), layout="constrained")
    (rates, means, course), (weight, periods, plane) = axes
    over_probability.plot(rates, observable="E.rate")
    cycles.plot(rates, observable="E.rate")
    rates.set(ylabel="E rate (Hz)")
    over_weight.plot(weight, observable="E.rate")
    weight.set(xlabel="weight $S^{EE}$ (mV)", ylabel="E rate (Hz)")
    cycles.plot(means, observable="EE.mean")
    cycles.plot(periods, measure="period", labels=False)
    for branch, colour in zip(doubled, COLOURS, strict=False):
        branch.plot(means, observable="EE.mean", colour=colour)
        branch.plot(periods, measure="period", colour=colour, labels=False)
    means.set(ylabel="extrema of $H^{EE}$")
    periods.set(ylabel="period (ms)")
    for branch, value, colour in ((cycles, 0.78, "#0072B2"), (doubled[-1], 0.82, COLOURS[1])):
        cycle = stable_near(branch, value)
        for k in range(round(cycles.periods.max() * 2 / cycle.period)):
            course.plot(k * cycle.period + cycle.times, cycle.states[:, 0], color=colour, linewidth=1.2)
        course.plot([], [], color=colour, label=f"$p^{{EI}}$ = {cycle.parameters[PROBABILITY]:.3f}")
    course.set(xlabel="time (ms)", ylabel="pending spikes $H^{EE}$", ylim=(0, 130))
    course.legend(frameon=False, fontsize=8, loc="upper right")
    plot_curves(diagram.curves, plane)
    plane.set(ylabel="weight $S^{EE}$ (mV)")
    for ax in (rates, means, periods, plane):
        ax.set_xlabel("connection probability $p^{EI}$")
    titles = ("asynchronous state, and events of one size", "events of one and of two sizes", "stable cycles")
    for ax, title in zip(
        axes.flat, (*titles, "asynchronous state", "periods", "where the period doubles"), strict=True
    ):
        ax.set_title(title, loc="left", fontsize=9)
    shared_legend(figure, [rates, means, weight])
    plt.show()
