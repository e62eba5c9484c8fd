"""Compiled loops: raw arrays in, raw arrays out; numpy, numba and math only."""
