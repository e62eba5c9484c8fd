"""
Asynchronous and fast oscillating states of a sparse network
============================================================

Two states of the network of Brunel, J. Comput. Neurosci. 8 (2000) 183: asynchronous and irregular at g = 5 and twice
the threshold drive, a fast global oscillation at g = 6 and four times. Mean-field theory gives 37.9 and 55.8 Hz for the
stationary state; the oscillation raises the rate above it.
"""

import matplotlib.pyplot as plt

import spiking

TRANSIENT, SHOWN, NEURONS = 100.0, 60.0, 60
STATES = {"asynchronous, irregular": (5.0, 2.0, 37.95), "fast oscillation": (6.0, 4.0, 55.84)}

figure, axes = plt.subplots(
    2, 2, figsize=(8, 4.4), sharex=True, sharey="row", height_ratios=(2, 1), layout="constrained"
)
for column, (name, (g, drive, theory)) in enumerate(STATES.items()):
    network = spiking.presets.brunel2000().replace({"EI.weight": 0.1 * g, "II.weight": 0.1 * g})
    network = network.replace({"E.drive.rate": 10.0 * drive, "I.drive.rate": 10.0 * drive})
    recording = spiking.simulate(network, TRANSIENT + 200.0, seed=1, initial="uniform")
    times, neurons = recording.spikes("E", discard=TRANSIENT)
    shown = neurons < NEURONS
    raster, rate = axes[:, column]
    raster.plot(times[shown] - TRANSIENT, neurons[shown], "|", color="#222222", ms=3)
    raster.set_title(f"{name}\ng = {g:g}, drive {drive:g} times threshold", fontsize=9)
    centres, activity = spiking.statistics.population_rate(recording, "E", discard=TRANSIENT, boxcar=0.3)
    hertz = 1000 * activity / network["E.size"]
    rate.plot(centres - TRANSIENT, hertz, color="#0072B2", lw=1, label="simulation")
    rate.axhline(theory, color="#D55E00", ls="--", lw=1, label=f"mean field, {theory:.0f} Hz")
    mean = recording.rates(TRANSIENT)["E"]
    rate.set_title(f"mean {mean.mean:.1f} Hz", fontsize=8, loc="left")
    rate.legend(fontsize=7, frameon=False, loc="upper right")
    rate.set_xlabel("time (ms)")
    rate.set_xlim(0, SHOWN)
axes[0, 0].set_ylabel("E neuron")
axes[1, 0].set_ylabel("E rate (Hz)")
plt.show()
