from __future__ import annotations

import json
import math

import numpy as np
import pytest

import reduction
import spiking
from reduction import response_plots
from reduction.aspects import parameter_step, transients
from reduction.aspects.transients import Distance, TransientComparison, compare_transients
from reduction.measuring import Settings
from spiking import LIF, GaussianDrive, Network, Population
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

UP = {"A.drive.rate": 9.0}


@pytest.fixture(scope="module")
def alone():
    """Neurons without synapses: their response to a step of the drive is the same in network and reduction."""
    return Network(
        [Population("A", 100, LIF(20.0, 0.0, 10.0, refractory=spiking.Exponential(2.0)), GaussianDrive(4.0))]
    )


@pytest.fixture(scope="module")
def compared(alone):
    settings = Settings(seed=5, dt=0.02, scheme="bridge")
    levels = ("chain", "ode", "published")
    return compare_transients(alone, settings, changes=UP, levels=levels, before=100.0, after=40.0, trials=60)


def test_a_run_continues_from_a_state(chang):
    """Continuing with changed parameters equals continuing, if they are changed back; and it does change the rates."""
    first = spiking.simulate(chang, 50.0, seed=1)
    same = chang.replace({"E.drive.rate": 8.0}).replace({"E.drive.rate": 7.0})
    once = spiking.simulate(same, 50.0, seed=2, initial=first.final_state)
    again = spiking.simulate(chang, 50.0, seed=2, initial=first.final_state)
    np.testing.assert_array_equal(once.times, again.times)
    np.testing.assert_array_equal(spiking.simulate(chang, 50.0, seed=1).final_state.voltage, first.final_state.voltage)
    other = spiking.simulate(chang.replace({"E.drive.rate": 14.0}), 50.0, seed=2, initial=first.final_state)
    assert other.times.size > 1.2 * again.times.size


def test_uncoupled_neurons_respond_alike(compared):
    """No synapses, no closure: chain and ODE are indistinguishable from the network, after the step as before."""
    for level in ("chain", "ode"):
        distance = compared.distances[level]["A"]
        assert distance.ratio <= distance.ratio_95
        assert distance.ratio > 0.4
        assert distance.relative < 0.1
        network, own = compared.responses["network"], compared.responses[level]
        for kind in ("baseline", "peak"):
            a, b = getattr(network, kind)["A"], getattr(own, kind)["A"]
            assert abs(a.mean - b.mean) < 4 * math.hypot(a.se, b.se)
    peak, latency = compared.responses["network"].peak["A"], compared.responses["network"].latency["A"]
    assert peak.mean > 10 * peak.se
    assert 0 < latency.mean < 20
    grades = {v.subject: v.grade for v in compared.verdicts()}
    assert grades == {"chain": "agrees", "ode": "agrees", "published": "undecided"}
    assert (
        "cannot go on from a state" in compared.missing["published"]
        or "level 'published'" in compared.missing["published"]
    )


def test_a_planted_difference_is_found(alone, compared, monkeypatch):
    """A level whose drive steps to 10 instead of 9: far outside sampling error, and no more."""
    honest = parameter_step.approximations

    def wrong(network, changed, settings):
        return honest(network, changed.replace({"A.drive.rate": 10.0}), settings)

    monkeypatch.setattr(parameter_step, "approximations", wrong)
    settings = Settings(seed=5, dt=0.02, scheme="bridge")
    planted = compare_transients(alone, settings, changes=UP, levels=("ode",), before=100.0, after=40.0, trials=60)
    distance = planted.distances["ode"]["A"]
    assert distance.ratio > 2 * distance.ratio_95
    assert planted.verdicts()[0].grade in ("close", "differs")
    assert planted.responses["network"] == compared.responses["network"]


def test_the_ratio_is_calibrated():
    """Two sources with one law: a ratio of 1 on average, over the 95 % bound in about one case of twenty."""
    rng = np.random.default_rng(3)
    times = np.arange(-9.0, 51.0, 2.0)
    network = Network([Population("A", 1, LIF(20.0))])
    ratios, beyond = [], 0
    for case in range(120):
        noise = rng.standard_normal((2, 40, times.size + 4))
        rows = sum(noise[:, :, k : k + times.size] for k in range(4))[..., None] + np.sin(times)[:, None]
        found = {"network": rows[0], "chain": rows[1]}
        result = transients._compared(network, Settings(seed=case), UP, times, found, {})
        distance = result.distances["chain"]["A"]
        ratios.append(distance.ratio**2)
        beyond += distance.ratio > distance.ratio_95
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.12)
    assert 1 <= beyond <= 14


def test_phases_of_a_cycle_average_out(chang):
    """Before the step the ODE, on its cycle, has nearly its mean rate at all times."""
    network = chang.replace({"EI.probability": 0.6})
    result = compare_transients(network, levels=("ode",), before=400.0, after=10.0, trials=4, settings=Settings(seed=1))
    mean = result.responses["ode"].mean["E"][result.times < 0]
    cycle = reduction.integrate(network, duration=900.0)
    exact = cycle.rates(400.0)["E"].mean
    swing = np.ptp(cycle.firing_rates[0, 4000:, 0])
    assert np.abs(mean - exact).max() < 0.01 * swing
    assert result.changes == {"E.drive.rate": 8.0, "I.drive.rate": 8.0}


def test_round_trip_and_reproducibility(alone):
    options = {"changes": UP, "before": 10.0, "after": 6.0, "trials": 4}
    seen = []
    first = compare_transients(alone, Settings(seed=2), **options, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert compare_transients(alone, Settings(seed=2), **options) == first
    again = TransientComparison.from_plain(json.loads(json.dumps(first.to_plain(), allow_nan=False)))
    assert again == first
    assert again.times.tolist() == [-9, -7, -5, -3, -1, 1, 3, 5]
    assert [t.to_markdown() for t in again.tables()] == [t.to_markdown() for t in first.tables()]
    assert [v.text for v in again.verdicts()] == [v.text for v in first.verdicts()]
    assert compare_transients(alone, Settings(seed=3), **options) != first

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_transients(alone, Settings(seed=2), **options, progress=stop)


def test_bins_that_move_are_made_the_same_or_refused(alone):
    low, high = parameter_step.approximations(alone, alone.replace({"A.drive.rate": 0.1}), Settings())
    np.testing.assert_array_equal(low.edges("A"), high.edges("A"))
    options = {"before": 10.0, "after": 6.0, "trials": 4}
    moved = compare_transients(alone, changes={"A.threshold": 25.0}, **options)
    assert set(moved.missing) == {"chain", "ode"}
    assert "move the voltage bins of A" in moved.missing["ode"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"changes": {}}, SpecificationError, "at least one parameter"),
        ({"changes": {"A.odd": 1.0}}, UnknownNameError, "A.odd"),
        ({"changes": {"A.drive.rate": -1.0}}, ParameterError, "A.drive.rate"),
        ({"changes": {"A.drive.rate": 4.0}}, SpecificationError, "values that the network has"),
        ({"changes": {"A.size": 50}}, SpecificationError, "shape"),
        ({"levels": ("odd",)}, UnknownNameError, "level 'odd'"),
        ({"before": 0.0}, ParameterError, "before"),
        ({"after": 1.0}, ParameterError, "after"),
        ({"trials": 3}, ParameterError, "trials"),
    ],
)
def test_bad_input_is_refused(alone, options, error, message):
    with pytest.raises(error, match=message):
        compare_transients(alone, **{"changes": UP, **options})


def test_without_kicks_the_change_must_be_named(alone):
    with pytest.raises(SpecificationError, match="name the parameters"):
        compare_transients(alone.replace({"A.drive": spiking.ConstantDrive(3.0)}))


def test_figure_and_silence(compared, alone):
    for name, caption, figure in response_plots.figures("x", [1.0], [compared]):
        assert name == "transients_0"
        assert "60 trials" in caption
        figure.canvas.draw()
    silent = alone.replace({"A.drive.rate": 0.01})
    result = compare_transients(
        silent, changes={"A.drive.rate": 0.02}, before=10.0, after=6.0, trials=4, levels=("chain",)
    )
    assert isinstance(result.distances["chain"]["A"], Distance)
    assert result.verdicts()[0].grade == "undecided"
