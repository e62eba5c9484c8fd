"""Write sparse_limit.csv: rates of chang2025 with 60 times the neurons and a 60th of the connection probabilities.

The first value is EI.probability before that division. About 20 minutes on one core.
"""

from __future__ import annotations

import csv
import sys

import spiking

FACTOR = 60
DURATIONS = {0.5: 6000.0, 0.7: 8000.0, 0.8: 21000.0, 0.9: 8000.0, 1.0: 8000.0}


def sparse(probability: float) -> spiking.Network:
    """Return the network of a value of EI.probability (before division)."""
    network = spiking.presets.chang2025().replace({"EI.probability": probability})
    sizes = {f"{name}.size": FACTOR * size for name, size in network.sizes.items()}
    thinned = {f"{p.name}.probability": network[f"{p.name}.probability"] / FACTOR for p in network.projections}
    return network.replace(sizes | thinned)


def main() -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["probability", "duration_ms", "dt_ms", "rate_E_hz", "se_E", "rate_I_hz", "se_I"])
    for value, duration in DURATIONS.items():
        recording = spiking.simulate(
            sparse(value), duration, dt=0.02, seed=5, scheme="bridge", sampling_interval=0.1
        )  # fmt: skip
        rates = recording.rates(1000.0)
        numbers = [f"{x:.4f}" for name in ("E", "I") for x in rates[name]]
        writer.writerow([value, f"{duration - 1000:g}", 0.02, *numbers])


if __name__ == "__main__":
    main()
