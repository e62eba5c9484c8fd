"""
A step of the current: quadratic neurons and their exact mean field
===================================================================

Montbrio, Pazo and Roxin (Phys. Rev. X 5 (2015) 021028): 10000 quadratic integrate-and-fire neurons with Lorentzian
currents (half width 1), coupled all to all (J = 15). The centre of the currents steps from -5 to 0 and back; between
the two saddle-nodes at -5.74 and -3.14 the network remembers that it has been excited. The mean field's two equations
come from the same `Network`. Bands: two standard errors over the trials. Times are in units of the membrane time
constant.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import reduction
import spiking
from spiking.phases import lorentzian_of

SIZE, COUPLING, TRIALS, DT = 10_000, 15.0, 4, 0.001
STEPS = [(-5.0, 10.0), (0.0, 15.0), (-5.0, 10.0)]
NETWORK, FIELD = "#0072B2", "black"


def network(center):
    """Return the network whose currents have a centre."""
    return spiking.Network(
        [spiking.Population("E", SIZE, spiking.QIF(), spiking.LorentzianDrive(center, 1.0))],
        [spiking.Projection("E", "E", spiking.Delta(COUPLING / SIZE), spiking.AllToAll())],
    )


def simulated():
    """Return times, rates and mean voltages (trials, samples), and spikes of the first trial."""
    state, seed, rates, voltages, times, senders, begun = "uniform", 1, [], [], [], [], 0.0
    for center, duration in STEPS:
        run = spiking.simulate(
            network(center), duration, dt=DT, seed=seed, initial=state, trials=TRIALS, sampling_interval=0.05,
            traces={"E": range(0, SIZE, 4)},
        )  # fmt: skip
        state, seed = run.final_state, None
        rates.append(run.counts[:, :, 0] / SIZE / 0.05)
        voltages.append(lorentzian_of(run.traces["E"]).center)
        own = run.trial == 0
        times.append(run.times[own] + begun)
        senders.append(run.senders[own])
        begun += duration
    return np.hstack(rates), np.hstack(voltages), np.concatenate(times), np.concatenate(senders)


def mean_field():
    """Return times, rates and mean voltages of the exact equations."""
    start, begun, found = [1.0 / np.pi, 0.0], 0.0, []
    for center, duration in STEPS:
        system = reduction.exact_mean_field(network(center))
        times = np.linspace(0.0, duration, 800)
        solved = solve_ivp(system.rhs, (0.0, duration), start, t_eval=times, rtol=1e-8, atol=1e-10)
        start = solved.y[:, -1]
        found.append(np.vstack([begun + times, solved.y]))
        begun += duration
    return np.hstack(found)


def draw(axis, values, exact):
    """Draw a mean over trials, its band of two standard errors, and the mean field."""
    times = 0.05 * (np.arange(values.shape[1]) + 0.5)
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(TRIALS)
    label = f"{SIZE} neurons, mean of {TRIALS} trials"
    axis.fill_between(times, mean - 2 * error, mean + 2 * error, color=NETWORK, alpha=0.3, linewidth=0)
    axis.plot(times, mean, color=NETWORK, linewidth=1.6, label=label)
    axis.plot(exact[0], exact[1], color=FIELD, linewidth=0.9, linestyle="--", label="exact mean field")


if __name__ == "__main__":
    rates, voltages, times, senders = simulated()
    exact = mean_field()
    figure, axes = plt.subplots(
        4, 1, figsize=(7, 7), sharex=True, layout="constrained", height_ratios=[0.5, 1.2, 1.5, 1.5]
    )
    edges = np.cumsum([0.0, *(duration for _, duration in STEPS)])
    axes[0].stairs([center for center, _ in STEPS], edges, baseline=None, color="black")
    axes[0].set_ylabel("centre $\\eta$")
    shown = senders < 200
    axes[1].plot(times[shown], senders[shown], "k.", markersize=1.6, markeredgewidth=0)
    axes[1].set(ylabel="neuron", ylim=(0, 200))
    draw(axes[2], rates, exact[[0, 1]])
    axes[2].set(ylabel="firing rate (1/$\\tau$)", ylim=(0, None))
    draw(axes[3], voltages, exact[[0, 2]])
    axes[3].set(ylabel="mean voltage", xlabel="time ($\\tau$)", xlim=(0, edges[-1]))
    axes[2].legend(frameon=False, loc="upper right")
    plt.show()
