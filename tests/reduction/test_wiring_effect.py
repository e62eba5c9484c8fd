from __future__ import annotations

import json
import math

import numpy as np
import pytest

import spiking
from reduction import response_plots
from reduction.aspects.wiring import EFFECTS, WIRINGS, Sample, WiringComparison, compare_wiring, wired
from reduction.measuring import Settings
from spiking import (
    LIF,
    Annealed,
    Bernoulli,
    Exponential,
    ExponentialCurrent,
    GaussianDrive,
    Network,
    Population,
    Projection,
)
from spiking.errors import ParameterError, SpecificationError
from spiking.graphs import edges

SHORT = Settings(duration=120.0, discard=20.0, seed=1)


@pytest.fixture(scope="module")
def compared(chang):
    return compare_wiring(chang, SHORT, graphs=3)


def test_the_graphs(chang):
    """Same numbers of edges; in-degrees vary as binomial numbers, or by at most 1, without double edges."""
    network = chang.replace({"EI.probability": 0.555})
    sources, targets = 100, 300
    bernoulli = edges(wired(network, SHORT, "bernoulli", 0), "EI")
    equal = edges(wired(network, SHORT, "fixed in-degree", 0), "EI")
    for found, spread in ((bernoulli, sources * 0.555 * 0.445), (equal, 0.25)):
        degrees = np.bincount(found[1], minlength=targets)
        assert degrees.mean() == pytest.approx(55.5, abs=4 * math.sqrt(spread / targets))
        assert degrees.var() == pytest.approx(spread, rel=0.35)
        assert len(set(zip(*found[:2], strict=True))) == found[0].size
    assert set(np.bincount(equal[1])) == {55, 56}
    assert np.bincount(equal[0]).std() > 5
    assert wired(network, SHORT, "annealed", 0) == network
    other = edges(wired(network, SHORT, "bernoulli", 1), "EI")
    assert other[0].size != bernoulli[0].size or not np.array_equal(other[0], bernoulli[0])
    assert wired(network, SHORT, "bernoulli", 0) == wired(network, SHORT, "bernoulli", 0)


def test_effects_are_differences(compared):
    for quantity in ("rate", "synchrony"):
        for population in ("E", "I"):
            own = {name: compared.effect(name, quantity, population).mean for name in EFFECTS}
            assert own["fixed graph"] == pytest.approx(own["frozenness"] + own["in-degree variance"], abs=1e-12)
            means = {w: compared.samples[quantity][w][population].estimate.mean for w in WIRINGS}
            assert own["fixed graph"] == pytest.approx(means["bernoulli"] / means["annealed"] - 1, abs=1e-12)
            low, high = compared.interval("fixed graph", quantity, population)
            assert low < own["fixed graph"] < high
    assert all("no level of the reduction sees it" in v.text for v in compared.verdicts())


def test_standard_errors_hold_graphs_and_time():
    graphs = Sample((1.0, 2.0, 3.0, 4.0), (0.1, 0.1, 0.1, 0.1))
    assert graphs.estimate == pytest.approx((2.5, math.sqrt(5 / 3 / 4)))
    time = Sample((1.0, 1.0, 1.0, 1.0), (0.2, 0.2, 0.2, 0.2))
    assert time.estimate == pytest.approx((1.0, 0.1))
    assert time.interval_factor() == pytest.approx(3.18245, abs=1e-5)


def test_in_degree_variance_is_found():
    """Neurons whose mean input is below threshold: the rate is convex in the input, and grows with its variance.

    Differing in-degrees therefore raise the mean rate. Frozen edges lower it: ten regular sources fire less variably
    than a fifth of the spikes of fifty, drawn by coins. The two nearly cancel, and only apart do they show.
    """
    network = Network(
        [Population("S", 50, LIF(100.0, 0.0, refractory=Exponential(1.0)), GaussianDrive(6.0)),
         Population("T", 200, LIF(20.0, 0.0, 10.0), GaussianDrive(0.4, 1.0))],
        [Projection("T", "S", ExponentialCurrent(2.0, 5.0), Annealed(0.2))],
    )  # fmt: skip
    result = compare_wiring(network, Settings(duration=4000.0, discard=500.0, seed=3, scheme="grid"), graphs=4)
    low, high = result.interval("in-degree variance", "rate", "T")
    assert low > 0.05
    low, high = result.interval("in-degree variance", "rate", "S")
    assert low < 0 < high
    low, high = result.interval("frozenness", "rate", "T")
    assert high < -0.5


def test_round_trip_and_reproducibility(chang, compared):
    seen = []
    again = compare_wiring(chang, SHORT, graphs=3, progress=seen.append)
    assert again == compared
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    loaded = WiringComparison.from_plain(json.loads(json.dumps(again.to_plain(), allow_nan=False)))
    assert loaded == again
    assert [t.to_markdown() for t in loaded.tables()] == [t.to_markdown() for t in again.tables()]
    quenched = chang.replace({f"{p.name}.wiring": Bernoulli(0.8, seed=9) for p in chang.projections})
    assert compare_wiring(quenched, SHORT, graphs=3) == compared

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_wiring(chang, SHORT, progress=stop)


def test_bad_input_is_refused(chang):
    with pytest.raises(ParameterError, match="graphs = 1: must be at least 2"):
        compare_wiring(chang, SHORT, graphs=1)
    with pytest.raises(SpecificationError, match="EE.wiring = 'fixed_in_degree'"):
        compare_wiring(spiking.presets.brunel2000(), SHORT)
    with pytest.raises(SpecificationError, match="reduce the sizes"):
        compare_wiring(chang.replace({"E.size": 10_000}), SHORT)
    with pytest.raises(ParameterError, match="network"):
        compare_wiring(3, SHORT)


def test_figure(compared):
    for name, caption, figure in response_plots.figures("x", [1.0], [compared]):
        assert name == "wiring_0"
        assert "95 %" in caption
        figure.canvas.draw()
