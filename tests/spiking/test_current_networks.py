"""Networks as arrays for the analysis of paths: against a naive loop, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import spiking as s
from spiking.current_networks import current_network
from spiking.errors import SpecificationError


def lif(**changes):
    return s.LIF(**({"threshold": 2.0, "reset": 0.5, "tau_m": 4.0, "rest": -0.3} | changes))


def network(synapse=None, wiring=None, neuron=None, drive=None, delay=0.0):
    """Two excitatory neurons onto two inhibitory ones."""
    drive = drive or s.OrnsteinUhlenbeckDrive(1.0, 0.2, 1.5)
    return s.Network(
        [s.Population("E", 2, neuron or lif(), drive), s.Population("I", 2, lif(), s.ConstantDrive(0.7))],
        [s.Projection("I", "E", synapse or s.ExponentialCurrent(0.5, 2.0), wiring or s.AllToAll(), delay=delay)],
    )


def test_arrays_equal_a_naive_loop():
    net = s.Network(
        [
            s.Population("E", 3, lif(), s.SumDrive(s.OrnsteinUhlenbeckDrive(1.0, 0.2, 1.5), s.ConstantDrive(0.4))),
            s.Population("I", 2, lif(threshold=1.0, tau_m=8.0), s.ConstantDrive(0.7)),
            s.Population("A", 2, lif(rest=0.0), s.SumDrive(s.ConstantDrive(0.3), s.ConstantDrive(0.2))),
            s.Population("B", 1, lif()),
        ],
        [
            s.Projection("E", "E", s.ExponentialCurrent(0.3, 1.5), s.Explicit([2, 0, 1, 0, 0], [0, 1, 1, 2, 1],
                                                                               [1.0, -2.0, 0.5, 3.0, 0.0])),
            s.Projection("E", "I", s.ExponentialCurrent(0.9, 1.5, inhibitory=True), s.AllToAll()),
            s.Projection("I", "E", s.ExponentialCurrent(0.4, 2.5), s.FixedInDegree(4, seed=3)),
        ],
    )  # fmt: skip
    a = current_network(net)
    start = {"E": 0, "I": 3, "A": 5, "B": 7}
    expected = []
    for projection, tau, sign in (("EE", 1.5, 1.0), ("EI", 1.5, -1.0), ("IE", 2.5, 1.0)):
        sources, targets, factors = s.graphs.edges(net, projection)
        for k, (source, target) in enumerate(zip(sources, targets, strict=True)):
            factor = 1.0 if factors is None else factors[k]
            weight = net[f"{projection}.weight"]
            edge = (start[projection[1]] + source, start[projection[0]] + target, sign * weight * factor / tau)
            expected.append(tuple(float(number) for number in edge))
    found = [
        (float(source), float(a.targets[edge]), float(a.jumps[edge]))
        for source in range(8)
        for edge in range(a.first[source], a.first[source + 1])
    ]
    assert sorted(found) == sorted(expected)
    assert len(found) == 5 + 6 + 8
    assert min(edge[2] for edge in found) == pytest.approx(-0.6)
    noise = 0.2 * math.sqrt(2 / 1.5)
    rows = {
        "leak": [0.25] * 3 + [0.125] * 2 + [0.25] * 3, "rest": [-0.3] * 5 + [0.0] * 2 + [-0.3],
        "threshold": [2.0] * 3 + [1.0] * 2 + [2.0] * 3, "reset": [0.5] * 8,
        "mean": [1.4] * 3 + [0.7] * 2 + [0.5] * 2 + [0.0], "tau": [1.5] * 3 + [2.5] * 2 + [math.inf] * 3,
        "noise": [noise] * 3 + [0.0] * 5, "deviation": [0.2] * 3 + [0.0] * 5,
    }  # fmt: skip
    for name, values in rows.items():
        np.testing.assert_allclose(getattr(a, name), values, rtol=1e-15, err_msg=name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"neuron": s.QIF()}, "E: must be leaky integrate-and-fire neurons with a finite tau_m"),
        ({"neuron": lif(tau_m=math.inf)}, "E: must be leaky integrate-and-fire neurons with a finite tau_m"),
        ({"neuron": lif(refractory=s.Fixed(1.0))}, "E.refractory = 'fixed': must be 'none'"),
        ({"drive": s.PoissonDrive(1.0, 0.1)}, "E.drive = 'poisson': must be 'ornstein_uhlenbeck', 'constant'"),
        ({"drive": s.LorentzianDrive(1.0, 0.1)}, "E.drive = 'lorentzian': must be 'ornstein_uhlenbeck'"),
        ({"drive": s.SumDrive(s.ConstantDrive(1.0), s.GaussianDrive(1.0, 0.1))}, "E.drive = 'gaussian': must be"),
        ({"synapse": s.Delta(0.1)}, "IE.synapse = 'delta': must be 'exponential_current'"),
        ({"synapse": s.PendingCurrent(0.1, 2.0)}, "IE.synapse = 'pending_current': must be 'exponential_current'"),
        ({"wiring": s.Annealed(0.5), "synapse": s.PendingCurrent(0.1, 2.0)}, "must be 'exponential_current'"),
        ({"delay": 1.0}, "IE.delay = 1.0: must be 0 for analysis of paths"),
    ],
)
def test_other_networks_are_refused(changes, message):
    with pytest.raises(SpecificationError) as error:
        current_network(network(**changes))
    assert message in str(error.value)


def test_one_time_constant_per_population():
    net = network()
    other = s.Network(
        [*net.populations[:1], s.Population("I", 2, lif(), s.OrnsteinUhlenbeckDrive(1.0, 0.0, 1.5))], net.projections
    )
    with pytest.raises(SpecificationError, match=r"IE.tau = 2.0: must equal I.drive.tau = 1.5: a neuron has one"):
        current_network(other)
