"""The reduced equations as models of other programs, one module per program."""
