"""Every kind of neuron, synapse, drive and wiring: the reduction's rates against those of the simulated network."""

from __future__ import annotations

import math

import pytest

import reduction
import spiking

LIF = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Fixed(2.0))
NOISE = spiking.GaussianDrive(0.9, 1.0)
EIF = spiking.EIF(-30.0, -60.0, 15.0, -65.0, -50.0, 2.0, spiking.Exponential(2.0))


def recurrent(synapse, *, neuron=LIF, drive=NOISE, wiring=None, delay=0.0, size=400):
    projection = spiking.Projection("X", "X", synapse, wiring or spiking.Annealed(0.1), delay=delay)
    return spiking.Network([spiking.Population("X", size, neuron, drive)], [projection])


def brunel(scale=0.04, coupling=0.4):
    """Excitation and stronger inhibition by delta synapses after a delay, sparse fixed graphs."""
    sizes = {"E": round(10_000 * scale), "I": round(2500 * scale)}
    populations = [spiking.Population(n, s, LIF, spiking.PoissonDrive(6.0, 0.18)) for n, s in sizes.items()]
    return spiking.Network(populations, [
        spiking.Projection(
            a, b, spiking.Delta(coupling * (1.0 if b == "E" else 5.0), inhibitory=b == "I"),
            spiking.FixedInDegree(round(0.1 * sizes[b]), seed=k), delay=1.5,
        )
        for k, (a, b) in enumerate((a, b) for a in sizes for b in sizes)
    ])  # fmt: skip


NETWORKS = {
    "exponential current": (recurrent(spiking.ExponentialCurrent(0.4, 4.0, inhibitory=True)), 0.02),
    "conductance": (recurrent(spiking.ExponentialConductance(0.02, 4.0, reversal=0.0)), 0.02),
    "Bernoulli graph": (recurrent(
        spiking.ExponentialCurrent(0.4, 4.0, inhibitory=True), wiring=spiking.Bernoulli(0.1, seed=3)), 0.02),
    "Ornstein-Uhlenbeck": (recurrent(
        spiking.ExponentialCurrent(0.4, 4.0, inhibitory=True), delay=1.0,
        drive=spiking.SumDrive(spiking.GaussianDrive(0.3), spiking.OrnsteinUhlenbeckDrive(0.7, 0.3, 8.0))), 0.02),
    "exponential neuron": (recurrent(
        spiking.ExponentialCurrent(0.4, 4.0, inhibitory=True), neuron=EIF, drive=spiking.GaussianDrive(1.3)), 0.03),
    "quadratic neuron": (recurrent(
        spiking.ExponentialCurrent(0.5, 4.0, inhibitory=True), neuron=spiking.QIF(tau_m=10.0),
        drive=spiking.GaussianDrive(1.0)), 0.03),
    "normal refractory time": (recurrent(
        spiking.PendingCurrent(0.3, 2.0), neuron=spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Normal(3.0, 1.5))),
        0.02),
    "delta after a delay": (brunel(), 0.04),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_rates_are_those_of_the_network(name):
    """Within four standard errors and the stated bias of bins, closure and graphs; the ODE within 1 % more."""
    network, bias = NETWORKS[name]
    scheme = "grid" if "neuron" in name else "bridge"
    simulated = spiking.simulate(network, 2200.0, dt=0.05, seed=1, scheme=scheme).rates(200.0)
    approximation = reduction.MarkovApproximation(network)
    chain = reduction.integrate(approximation, "chain", 2200.0, seed=2).rates(200.0)
    mean = reduction.integrate(approximation, "ode", 500.0).rates(400.0)
    for population, rate in simulated.items():
        found = chain[population]
        print(f"\n{name}, {population}: network {rate}, chain {found}, ODE {mean[population].mean:.4g}; chain "
              f"{found.mean / rate.mean - 1:+.2%} ± {math.hypot(found.se, rate.se) / rate.mean:.2%}")  # fmt: skip
        assert rate.mean > 4.0
        assert abs(found.mean - rate.mean) < 4 * math.hypot(found.se, rate.se) + bias * rate.mean
        assert math.hypot(found.se, rate.se) < 0.03 * rate.mean
        assert abs(mean[population].mean - rate.mean) < 4 * rate.se + (bias + 0.01) * rate.mean
