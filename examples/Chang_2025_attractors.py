"""
Attractors of network and levels
================================

The network of Chang et al. 2025 at p = 0.8 from I to E, where large and small events come in turn.
Above, the orbit in the plane of pending spikes of both synapses onto E; in the middle, in the plane of mean voltage and
pending inhibition; below, the return map of events, each height over the one before. The ODE and the published scheme
run around one closed curve of two loops; the chain blurs it as the network does. The numbers in the titles
are the alternation index: -1 for sizes strictly in turn, 0 for sizes without memory.
"""

import matplotlib.pyplot as plt
import numpy as np

import reduction
import spiking
from reduction.attractors.events import alternation, rate_events, return_map
from reduction.plotting import LEVEL_STYLES, NETWORK
from reduction.verdicts import LEVEL_NAMES

DURATION, DISCARD, SHOWN = 4000.0, 1500.0, 500.0

network = spiking.presets.chang2025()
approximation = reduction.MarkovApproximation(network)
runs = {"network": spiking.simulate(network, DURATION, dt=0.02, scheme="bridge", sampling_interval=0.1, seed=1)}
for level in ("chain", "ode", "published"):
    runs[level] = reduction.integrate(approximation, level, DURATION, seed=1)

names = [projection.name for projection in network.projections]
excitation, inhibition = names.index("EE"), names.index("EI")
figure, axes = plt.subplots(3, len(runs), figsize=(10.5, 8.2), layout="constrained", sharex="row", sharey="row")
for (name, run), (pending, voltage, events) in zip(runs.items(), axes.T, strict=True):
    colour = NETWORK if name == "network" else LEVEL_STYLES[name]["color"]
    times = np.arange(1, run.mean_pending.shape[1] + 1) * run.sampling_interval
    shown = (times > DISCARD) & (times <= DISCARD + SHOWN)
    moments, mean_voltage = run.mean_pending[0][shown], run.mean_voltage[0][shown, 0]
    pending.plot(moments[:, excitation], moments[:, inhibition], color=colour, lw=0.5, alpha=0.8)
    voltage.plot(mean_voltage, moments[:, inhibition], color=colour, lw=0.5, alpha=0.8)
    heights = rate_events(run, "E", discard=DISCARD).sizes
    events.axline((0, 0), slope=1, color="0.8", lw=0.8, zorder=0)
    events.plot(*return_map(heights), ".", color=colour, ms=4, alpha=0.5, mew=0)
    pending.set_title(LEVEL_NAMES[name], fontsize=10)
    pending.set_xlabel("$H^{EE}$ (pending spikes)")
    voltage.set_xlabel("mean voltage of E (mV)")
    events.set_xlabel("height of event k\n(E spikes per ms)")
    events.set_title(f"alternation {alternation(heights).mean:+.2f}, {heights.size} events", fontsize=8.5)

axes[0, 0].set_ylabel("$H^{EI}$ (pending spikes)")
axes[1, 0].set_ylabel("$H^{EI}$ (pending spikes)")
axes[2, 0].set(ylabel="height of event k + 1\n(E spikes per ms)", xlim=(0, 240), ylim=(0, 240))
plt.show()
