"""Write ladder.csv: rates and events of networks that the chain is compared with, 20 s each, chosen before looking.

chang2025 over EI.probability, and three networks far from it: leaky with a fixed refractory time and no reversal; three
populations, with leak and without; slow synapses, strong coupling and few neurons.
"""

from __future__ import annotations

import csv
import sys

import numpy as np

import spiking
from spiking import LIF, Annealed, Exponential, Fixed, GaussianDrive, Network, PendingCurrent, Population, Projection

DURATION, DISCARD = 21000.0, 1000.0
INHIBITORY = {"inhibitory": True, "reversal": -66.0}
V_MIN = {"leaky": -20.0}
FEWEST_EVENTS = 50


def networks() -> dict[str, Network]:
    """Return the networks by name."""
    chang = spiking.presets.chang2025()
    found = {f"{p:.2f}": chang.replace({"EI.probability": round(float(p), 2)}) for p in np.linspace(0.5, 1.0, 11)}

    neuron, drive, wiring = LIF(20.0, 0.0, 20.0, refractory=Fixed(2.0)), GaussianDrive(10.0, 0.115), Annealed(0.3)
    inhibition = PendingCurrent(0.6, 8.0, inhibitory=True)
    found["leaky"] = Network(
        [Population("E", 400, neuron, drive), Population("I", 100, neuron, drive)],
        [
            Projection("E", "E", PendingCurrent(0.12, 3.0), wiring),
            Projection("I", "E", PendingCurrent(0.2, 3.0), wiring),
            Projection("E", "I", inhibition, wiring),
            Projection("I", "I", inhibition, wiring),
        ],
    )  # fmt: skip

    neuron, drive = LIF(100.0, 0.0), GaussianDrive(6.0, 1.0)
    found["three"] = Network(
        [
            Population("E", 240, neuron, drive), Population("P", 40, neuron, drive),
            Population("S", 40, LIF(100.0, 0.0, 30.0), GaussianDrive(5.0, 1.0)),
        ],
        [
            Projection("E", "E", PendingCurrent(1.0, 2.0), Annealed(0.3)),
            Projection("P", "E", PendingCurrent(1.5, 1.5), Annealed(0.5)),
            Projection("S", "E", PendingCurrent(1.0, 4.0), Annealed(0.3)),
            Projection("E", "P", PendingCurrent(3.0, 4.0, **INHIBITORY), Annealed(0.7)),
            Projection("P", "P", PendingCurrent(2.5, 4.0, **INHIBITORY), Annealed(0.7)),
            Projection("E", "S", PendingCurrent(2.5, 10.0, **INHIBITORY), Annealed(0.4)),
        ],
    )  # fmt: skip

    neuron, drive, wiring = LIF(100.0, 0.0, refractory=Exponential(8.0)), GaussianDrive(8.0, 1.0), Annealed(0.6)
    inhibition = PendingCurrent(5.0, 20.0, **INHIBITORY)
    found["slow"] = Network(
        [Population("E", 150, neuron, drive), Population("I", 50, neuron, drive)],
        [
            Projection("E", "E", PendingCurrent(2.0, 5.0), wiring),
            Projection("I", "E", PendingCurrent(2.5, 5.0), wiring),
            Projection("E", "I", inhibition, wiring),
            Projection("I", "I", inhibition, wiring),
        ],
    )  # fmt: skip
    return found


def events(counts: np.ndarray, size: int) -> tuple[float, float, float]:
    """Return SSI, peak frequency (Hz, 20 to 200) and mean size of multiple-firing events, from counts per 0.1 ms.

    SSI over the spike's bin and five on each side; NaN for the size if there are fewer than 50 events.
    """
    near = np.convolve(counts, np.ones(11), "same")
    times = np.repeat((np.arange(counts.size) + 1) * 0.1, counts)
    recording = spiking.Recording.from_spikes(
        times, np.arange(times.size) % size, {"E": size}, duration=counts.size * 0.1
    )
    spectrum = spiking.statistics.spectrum(recording, "E")
    band = (spectrum.frequency > 20) & (spectrum.frequency < 200)
    peak = np.argmax(np.convolve(spectrum.power[band], np.ones(5), "same"))
    sizes = spiking.statistics.multiple_firing_events(recording, "E").size
    mean_size = float(sizes.mean()) if sizes.size >= FEWEST_EVENTS else np.nan
    return float((counts * near).sum() / counts.sum() / size), float(spectrum.frequency[band][peak]), mean_size


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["network", "population", "rate_hz", "se", "ssi", "peak_hz", "event_size"])
    for key, network in networks().items():
        recording = spiking.simulate(network, DURATION, dt=0.02, seed=11, scheme="bridge", sampling_interval=0.1)
        for name, rate in recording.rates(DISCARD).items():
            row = [key, name, f"{rate.mean:.4f}", f"{rate.se:.4f}"]
            if name == "E":
                counts = recording.counts[0, round(DISCARD / 0.1) :, 0]
                row += [f"{x:.5g}" for x in events(counts, network.sizes["E"])]
            writer.writerow(row)


if __name__ == "__main__":
    main()
