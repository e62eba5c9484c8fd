from __future__ import annotations

import pytest

import reduction
import spiking


def by_assumption(network, **options):
    checks = reduction.applicability(reduction.MarkovApproximation(network, **options))
    return {check.assumption.split(" (")[0]: check for check in checks}


def test_the_default_network(chang):
    checks = by_assumption(chang)
    assert "pending spikes decorrelate faster than voltages move" not in checks
    levels = checks["a few levels stand for the distribution of H"]
    assert (levels.value, levels.verdict) == (pytest.approx(1 / 3), "holds")
    assert by_assumption(chang, noise_levels=2)["a few levels stand for the distribution of H"].verdict == "strained"
    assert checks["many small kicks act as Gaussian noise"].value == pytest.approx(0.0271)
    assert checks["many small kicks act as Gaussian noise"].verdict == "holds"
    assert checks["populations are infinite"].address == "I.size"
    assert checks["one spike moves the population little"].value == pytest.approx(300 * 0.8 * 0.95 / 100)


def test_white_noise_needs_fast_decorrelation(chang):
    checks = by_assumption(chang, closure="white")
    decorrelation = checks["pending spikes decorrelate faster than voltages move"]
    assert decorrelation.value == pytest.approx(4.5 / (100 / 7))
    assert decorrelation.address == "EI.tau"
    assert decorrelation.verdict == "strained"
    assert "a few levels stand for the distribution of H" not in checks


@pytest.mark.parametrize(
    ("change", "assumption"),
    [
        ({"EI.tau": 450.0}, "pending spikes decorrelate faster than voltages move"),
        ({"IE.weight": 50.0}, "many small kicks act as Gaussian noise"),
        ({"I.size": 4}, "populations are infinite"),
        ({"EE.weight": 9.5}, "one spike moves the population little"),
        ({"EI.tau": 45.0}, "pending spikes decorrelate within a synchronous event"),
    ],
)
def test_each_assumption_can_be_broken_on_its_own(chang, change, assumption):
    (address,) = change
    check = by_assumption(chang.replace(change), closure="white")[assumption]
    assert check.verdict == "broken"
    assert check.address == address


def test_the_closure_is_judged(chang):
    name = "kappa is the integral 2 tau of the autocorrelation of H"
    assert by_assumption(chang, closure="published")[name].strain == pytest.approx(3.17, abs=0.01)
    assert by_assumption(chang, closure="white")[name].strain == 0.0
    assert name not in by_assumption(chang)


def test_special_parts_are_judged(chang):
    assert by_assumption(spiking.presets.lcy2019_hom())["rounding of jumps is negligible"].address == "IE.rounded"
    erlang = "Erlang stages stand for a fixed refractory time or delay"
    fixed = by_assumption(chang.replace({"E.refractory": spiking.Fixed(4.0)}), stages=4)[erlang]
    assert (fixed.address, fixed.value) == ("E.refractory", 0.5)
    delayed = by_assumption(chang.replace({"II.delay": 1.0}), stages=4)[erlang]
    assert (delayed.address, delayed.value) == ("II.delay", 0.5)
    assert erlang not in by_assumption(chang)


def test_fixed_graphs_are_judged_by_the_spread_of_in_degrees(chang):
    name = "a fixed graph acts like connections drawn anew at every spike"
    check = by_assumption(chang.replace({"EI.wiring": spiking.Bernoulli(0.04)}))[name]
    assert (check.address, check.value, check.verdict) == ("EI.wiring", 0.5, "broken")
    for wiring in (spiking.FixedInDegree(4), spiking.AllToAll()):
        assert name not in by_assumption(chang.replace({"EI.wiring": wiring}))


def test_every_kind_of_preset_is_judged():
    for name in ("chang2025", "cai2021_reg", "vogels_abbott_coba", "vogels_abbott_cuba", "brunel2000"):
        for check in reduction.applicability(spiking.presets.get(name)):
            assert check.value >= 0.0
            assert check.verdict in ("holds", "strained", "broken")
