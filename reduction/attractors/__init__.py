"""Attractors as measured: coordinates, densities, distances, sections, dimensions, exponents, metastable states."""
