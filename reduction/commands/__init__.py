"""The commands of `snn2ode`, by what they work on."""
