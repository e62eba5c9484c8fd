"""Bifurcation analysis: branches of equilibria and cycles, where their stability changes, and curves of such points."""
