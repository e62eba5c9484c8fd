"""Where the network of [C25] and its reduction bifurcate (tests/data/agreement.py makes agreement.csv)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import spiking
from reduction.aspects.bifurcations import compare_bifurcations
from reduction.measuring import Settings

DATA = Path(__file__).parents[1] / "data"
PARAMETER = "EI.probability"
FOLD_OF_TWO_EVENTS = 0.7880
"""Of the ODE with closure "published" and 150 bins, by continuation: the stable alternation begins there."""


def stored(case, source, what, sweep="all"):
    """Value and 95 % interval of an onset."""
    with (DATA / "agreement.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if (row["case"], row["source"], row["what"], row["sweep"]) == (case, source, what, sweep):
                return tuple(float(row[name]) for name in ("value", "low", "high"))
    raise LookupError((case, source, what, sweep))


def measured(values, levels, **options):
    """The comparison of a few values, without continuation."""
    values = np.round(values, 3).tolist()
    settings = Settings(**({"seed": 11} | options))
    network = spiking.presets.chang2025()
    return compare_bifurcations(network, settings, parameter=PARAMETER, values=values, levels=levels, diagram=[])


def test_alternation_of_the_network_begins_where_it_did():
    """Other random numbers and shorter runs: intervals overlap; both lie below the ODE's with the published closure."""
    result = measured(np.linspace(0.7, 0.8, 6), (), duration=2200.0, discard=200.0)
    onset = result.source("network").onset("alternation begins")
    value, low, high = stored("whole", "network", "alternation begins")
    print(f"\nalternation begins at {onset}; stored {value} ({low} to {high})")
    assert onset.low <= high
    assert low <= onset.high
    assert onset.high < FOLD_OF_TWO_EVENTS
    assert high < FOLD_OF_TWO_EVENTS


def test_alternation_of_the_ode_with_the_published_closure_begins_at_its_fold():
    result = measured(np.arange(0.77, 0.81, 0.01), ("ode",), duration=1500.0, discard=900.0, closure="published")
    for sweep in result.source("ode").sweeps:
        onset = sweep.onsets[0]
        print(f"\nODE, sweep {sweep.direction}: {onset}")
        assert (onset.low, onset.high) in [(0.78, 0.79), (0.79, 0.8)]


def test_the_conditional_closure_is_nearer_to_the_network_than_the_published_one():
    """By the stored onsets: both are later than the network's; the published closure by more than twice as much."""
    network, low, high = stored("whole", "network", "alternation begins")
    conditional, published = (
        stored(case, "ode", "alternation begins")[0] for case in ("whole", "whole, published closure")
    )
    error = (high - low) / (2 * 1.96)
    print(f"\nnetwork {network} ± {error:.4f}, conditional {conditional}, published {published}")
    assert 0 < conditional - network < 0.025  # a twentieth of the range of values: "close"
    assert published - network > max(3 * error, 2 * (conditional - network))


def test_the_hopf_point_is_blurred_by_finite_size():
    """Oscillation begins earlier in 400 neurons than in 4000, and there earlier than, or at, the ODE's Hopf point."""
    small = stored("Hopf", "network", "oscillation begins")
    large = stored("Hopf, 10 times the neurons", "network", "oscillation begins")
    ode = stored("Hopf, 10 times the neurons", "ode", "oscillation begins")
    print(f"\noscillation begins at {small[0]} (400 neurons), {large[0]} (4000), {ode[0]} (their ODE)")
    assert abs(large[0] - ode[0]) < abs(small[0] - stored("Hopf", "ode", "oscillation begins")[0])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_conditional_closure_and_chain_alternate_from_where_the_network_does():
    result = measured(np.linspace(0.7, 0.82, 7), ("ode", "chain"), duration=3000.0, discard=500.0)
    network, ode, chain = (result.source(name).onset("alternation begins") for name in ("network", "ode", "chain"))
    print(f"\nnetwork {network}, ODE {ode}, chain {chain}")
    assert ode.low >= 0.72
    assert ode.high <= 0.78
    difference = network.value - chain.value
    assert abs(difference) < 1.96 * np.hypot(network.estimate.se, chain.estimate.se)
    assert abs(network.value - ode.value) < 0.025
