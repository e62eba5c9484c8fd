"""
Bistability and bursting of quadratic neurons
=============================================

Firing rate and voltage of infinitely many quadratic integrate-and-fire neurons obey two equations, exactly (Montbrio,
Pazo and Roxin, Phys. Rev. X 5 (2015) 021028). Left: strong coupling J makes low and high activity coexist between two
folds, which meet in a cusp at J = 7.796. Right: with spike-frequency adaptation the population bursts between two Hopf
points; at J above 11.0337 these are subcritical (beyond the generalised Hopf points GH), and bursts coexist with rest
up to a fold of cycles.
"""

import matplotlib.pyplot as plt

import reduction
from reduction.bifurcation_plots import plot_curves, shared_legend

CURRENTS, COUPLINGS = (-12.0, 4.0), (0.0, 30.0)
MODELS = {
    "no adaptation": {"delta": 1.0, "J": 15.0},
    "with adaptation": {"delta": 2.0, "J": 12.0, "alpha": 1.0, "tau_a": 10.0},
}


def branches(parameters):
    """Return the equilibria and the cycles over eta, and the curves of special points over eta and J."""
    system = reduction.montbrio_pazo_roxin(eta=CURRENTS[0], **parameters)
    rest = reduction.continue_equilibrium(system, reduction.find_equilibrium(system), "eta", CURRENTS)
    cycles = [reduction.continue_cycle(system, hopf, "eta", CURRENTS) for hopf in rest.of_kind("HB")[:1]]
    points = [rest.of_kind(kind)[0] for kind in ("LP", "HB") if rest.of_kind(kind)]
    curves = [reduction.continue_point(system, point, ("eta", "J"), (CURRENTS, COUPLINGS)) for point in points]
    return rest, cycles, curves


if __name__ == "__main__":
    figure, axes = plt.subplots(2, 2, figsize=(9, 6.6), sharex=True, layout="constrained")
    for (one, two), (name, parameters) in zip(axes.T, MODELS.items(), strict=True):
        rest, cycles, curves = branches(parameters)
        print(name, *(point for branch in (rest, *cycles, *curves) for point in branch.special_points), sep="\n  ")
        for branch in (rest, *cycles):
            branch.plot(one, observable="r")
        plot_curves(curves, two)
        one.set_title(
            f"{name}: $\\Delta$ = {parameters['delta']:g}, J = {parameters['J']:.4g}", loc="left", fontsize=10
        )
        one.set(xlabel="", ylabel="rate r (1/$\\tau$)", ylim=(0, None))
        two.set(xlabel="mean current $\\eta$", ylabel="coupling J", xlim=CURRENTS, ylim=COUPLINGS)
        two.axhline(parameters["J"], color="0.8", linewidth=0.8, zorder=0)
    shared_legend(figure, axes[0])
    plt.show()
