"""
Partial synchrony: network, ODE and published scheme
=====================================================

The E rate of the default network of Chang et al., J. Comput. Phys. 537 (2025) 114117, at two connection probabilities
from I to E: one event size at 0.7, a large and a small event in turn at 0.8. The network blurs both by the noise of its
400 neurons.
"""

import matplotlib.pyplot as plt

import reduction
import spiking

TRANSIENT, SHOWN = 2000.0, 150.0

figure, axes = plt.subplots(3, 2, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
for column, probability in enumerate((0.7, 0.8)):
    network = spiking.presets.chang2025().replace({"EI.probability": probability})
    recording = spiking.simulate(network, TRANSIENT + SHOWN, seed=1)
    approximation = reduction.MarkovApproximation(network)
    curves = {
        "spiking network": spiking.statistics.population_rate(recording, "E", discard=TRANSIENT),
        "ODE": reduction.integrate(approximation, "ode", TRANSIENT + SHOWN).population_rate("E", discard=TRANSIENT),
        "published scheme": reduction.integrate(approximation, "published", TRANSIENT + SHOWN).population_rate(
            "E", discard=TRANSIENT
        ),
    }
    for ax, (name, (times, rate)), colour in zip(
        axes[:, column], curves.items(), ("#222222", "#0072B2", "#D55E00"), strict=True
    ):
        ax.plot(times - TRANSIENT, rate, color=colour, lw=1.1)
        ax.set_title(name, fontsize=9, loc="left")
    axes[0, column].set_title(f"$p^{{EI}}$ = {probability}", loc="right")
    axes[-1, column].set_xlabel("time (ms)")
figure.supylabel("E spikes per ms")
plt.show()
