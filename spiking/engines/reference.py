"""Scheme "reference": the step of [C25]."""

from __future__ import annotations

from spiking.engines.annealed import engine

ENGINE = engine("reference", exact=False)
