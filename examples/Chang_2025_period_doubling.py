"""
A period doubling, by integration
=================================

Heights of successive events of the E rate as the connection probability from I to E grows, in the reduced ODE and in
the network. The ODE has one event size up to 0.78 and two in turn from 0.80, going up (triangles up) and down
(triangles down); the network's clouds follow, blurred by finite-size noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import reduction
import spiking

values = np.linspace(0.70, 0.90, 11)
chang = spiking.presets.chang2025()

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
for value in values:
    recording = spiking.simulate(chang.replace({"EI.probability": value}), 3000.0, seed=2)
    times, rate = spiking.statistics.population_rate(recording, "E", discard=500.0)
    heights = spiking.statistics.rate_peaks(times, rate, 300).heights
    left.plot(np.full(heights.size, value), heights, ".", color="#222222", ms=3, alpha=0.25, mew=0)

for order, marker, label in ((values, "^", "upwards"), (values[::-1], "v", "downwards")):
    state, points = None, []
    for value in order:
        approximation = reduction.MarkovApproximation(chang.replace({"EI.probability": value}), closure="published")
        trajectory = reduction.integrate(approximation, duration=2500.0, initial=state)
        state = trajectory.final_state
        points += [(value, height) for height in trajectory.peaks("E", discard=2000.0).heights]
    right.plot(*zip(*points, strict=True), marker, color="#0072B2", ms=5, mfc="none", ls="", label=label)

left.set(title="spiking network", ylabel="peak height (E spikes per ms)", ylim=(0, None))
right.set(title="ODE")
right.legend(frameon=False)
for ax in (left, right):
    ax.set_xlabel("connection probability $p^{EI}$")
plt.show()
