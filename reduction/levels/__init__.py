"""The ladder of reductions, one module per level."""
