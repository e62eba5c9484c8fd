"""
From rest to chaos in the Lorenz equations
==========================================

The equations of Lorenz, J. Atmos. Sci. 20 (1963) 130, over the Rayleigh number. Rest gives way to a pair of steady
convections at a pitchfork (1), and these to turbulence at a subcritical Hopf point (24.7368): its unstable cycles live
at lower values and end in an orbit homoclinic to rest, at 13.9266, where the period grows as the logarithm of the
distance. Far above, a cycle doubles its period again and again towards chaos, at 229.407, 218.210, 215.966, ...
"""

import matplotlib.pyplot as plt

import reduction
from reduction.bifurcation_plots import shared_legend

HOMOCLINIC = 13.92656
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # of period T, 2T, 4T, 8T


def system():
    """Return the Lorenz equations."""
    equations = {"x": "sigma*(y - x)", "y": "rho*x - y - x*z", "z": "x*y - beta*z"}
    return reduction.ODESystem.from_expressions(equations, {"rho": 0.5, "sigma": 10.0, "beta": 8 / 3})


def onset(lorenz):
    """Return rest, the convections, and the cycles from both Hopf points."""
    rest = reduction.continue_equilibrium(lorenz, reduction.find_equilibrium(lorenz), "rho", (0.0, 30.0))
    convection = rest.switch(rest.of_kind("BP")[0])
    cycles = [reduction.continue_cycle(lorenz, hopf, "rho", (0.0, 30.0)) for hopf in convection.of_kind("HB")]
    return rest, convection, cycles


def cascade(lorenz, doublings=3):
    """Return the branch of cycles at large rho, and those of 2, 4, ... times the period."""
    orbit = reduction.flow(lorenz, 60.0, initial=[20.0, 10.0, 250.0], parameters={"rho": 250.0})
    found = [reduction.continue_cycle(lorenz, reduction.find_cycle(lorenz, orbit), "rho", (214.0, 250.0))]
    for _ in range(doublings):
        found.append(found[-1].switch(found[-1].of_kind("PD")[0]))
    return found


if __name__ == "__main__":
    lorenz = system()
    rest, convection, cycles = onset(lorenz)
    doubled = cascade(lorenz)
    for branch in (rest, convection, *cycles, *doubled):
        print(branch, *branch.special_points, sep="\n  ")

    figure, axes = plt.subplots(2, 2, figsize=(9, 6.6), width_ratios=(1.35, 1), layout="constrained")
    (left, orbits), (right, doubling) = axes
    for branch in (rest, convection, *cycles):
        branch.plot(left, observable="x")
    left.axvline(HOMOCLINIC, color="0.7", linewidth=0.8, zorder=0)
    left.annotate("homoclinic", (HOMOCLINIC, -9.5), (-4, 0), textcoords="offset points", fontsize=8, ha="right")
    left.set_title("pitchfork, Hopf points, homoclinic orbit", loc="left", fontsize=9)

    longest = int(cycles[0].periods.argmax())
    for branch in cycles:
        for index, colour in ((longest, "#0072B2"), (len(branch) // 3, "#56B4E9")):
            orbits.plot(*branch.profiles[min(index, len(branch) - 1)][1][:, [0, 2]].T, color=colour, linewidth=1.2)
    orbits.plot(0.0, 0.0, "o", color="#222222", markersize=4)
    orbits.set(xlabel="x", ylabel="z")
    orbits.set_title("unstable cycles, near the homoclinic orbit", loc="left", fontsize=9)

    for branch, colour in zip(doubled, COLOURS, strict=True):
        branch.plot(right, observable="z", colour=colour)
    right.set(xlabel="rho", ylabel="largest z", xlim=(214.0, 232.0), ylim=(288.0, 312.0))
    right.set_title("period doublings", loc="left", fontsize=9)
    shared_legend(figure, [left, right])
    for branch, colour, period in zip(doubled, COLOURS, ("T", "2T", "4T"), strict=False):
        cycle = branch.cycle(int(abs(branch.values - branch.of_kind("PD")[0].value).argmin()))
        doubling.plot(cycle.states[:, 0], cycle.states[:, 2], color=colour, linewidth=1.0, label=period)
    doubling.legend(loc="upper center", frameon=False, fontsize=8)
    doubling.set(xlabel="x", ylabel="z")
    doubling.set_title("cycles just before they double", loc="left", fontsize=9)
    plt.show()
