"""Scheme "bridge": exact factors for leak and synapses, and thresholds crossed between grid times."""

from __future__ import annotations

from spiking.engines.annealed import engine

ENGINE = engine("bridge", exact=True)
