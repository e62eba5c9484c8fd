"""
The ladder of reductions
========================

One generator, several readings. At the bifurcation of the network's events (connection probability from I to E 0.8) the
spiking network stands beside its chain (whole neurons that hop between voltage bins), the chain's mean (ODE), the same
with Gaussian noise (Langevin), and the published two-moment scheme. The chain has the network's rates, its irregular
events and its spectrum; the ODE is the skeleton without finite-size noise.
"""

import matplotlib.pyplot as plt
import numpy as np

import reduction
import spiking

network = spiking.presets.chang2025()
approximation = reduction.MarkovApproximation(network)
DURATION, DISCARD, WINDOW = 6000.0, 1000.0, 300.0

recording = spiking.simulate(network, DURATION, dt=0.02, scheme="bridge", sampling_interval=0.1, seed=1)
times, rate = spiking.statistics.population_rate(recording, "E", discard=DISCARD)
rows = {"spiking network": ("#222222", times, rate, recording.rates(DISCARD))}
for level, colour in (("chain", "#009E73"), ("langevin", "#CC79A7"), ("ode", "#0072B2"), ("published", "#D55E00")):
    trajectory = reduction.integrate(approximation, level, DURATION, seed=1)
    times, rate = trajectory.population_rate("E", discard=DISCARD)
    name = {"ode": "ODE", "langevin": "Langevin", "published": "published scheme"}.get(level, level)
    rows[name] = (colour, times, rate, trajectory.rates(DISCARD))

figure = plt.figure(figsize=(9, 7.5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(3, 2))
axes = left.subplots(len(rows), 1, sharex=True, sharey=True)
for ax, (name, (colour, times, rate, rates)) in zip(axes, rows.items(), strict=True):
    shown = times < times[0] + WINDOW
    ax.plot(times[shown] - times[0], rate[shown], color=colour, lw=1)
    ax.set_title(f"{name}: E {rates['E'].mean:.1f}, I {rates['I'].mean:.1f} Hz", fontsize=9, loc="left")
    ax.set_ylabel("E spikes\nper ms")
axes[-1].set_xlabel("time (ms)")
axes[0].set_ylim(0, None)

spectra, heights = right.subplots(2, 1)
for name, (colour, times, rate, _) in rows.items():
    step, segment = times[1] - times[0], round(500 / (times[1] - times[0]))
    pieces = rate[: rate.size // segment * segment].reshape(-1, segment)
    power = (np.abs(np.fft.rfft((pieces - rate.mean()) * np.hanning(segment), axis=1)) ** 2).mean(axis=0)
    frequency = np.fft.rfftfreq(segment, step / 1000)
    band = (frequency > 5) & (frequency < 200)
    spectra.semilogy(frequency[band], power[band] / power.sum(), color=colour, lw=1, label=name)
    peaks = spiking.statistics.rate_peaks(times, rate, network.sizes["E"]).heights
    heights.hist(peaks, np.linspace(0, 250, 51), density=True, histtype="step", color=colour, lw=1)
spectra.set(xlabel="frequency (Hz)", ylabel="share of the power of the E rate", ylim=(1e-4, 1))
spectra.legend(frameon=False, fontsize=7, ncols=2)
heights.set(xlabel="height of events (E spikes per ms)", ylabel="density", ylim=(0, 0.05))
plt.show()
