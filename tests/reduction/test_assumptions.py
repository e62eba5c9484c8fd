from __future__ import annotations

import pytest

import reduction
import spiking


def by_assumption(network, **options):
    checks = reduction.applicability(reduction.MarkovApproximation(network, **options))
    return {check.assumption.split(" (")[0]: check for check in checks}


def test_the_default_network(chang):
    checks = by_assumption(chang)
    decorrelation = checks["pending spikes decorrelate faster than voltages move"]
    assert decorrelation.value == pytest.approx(4.5 / (100 / 7))
    assert decorrelation.address == "EI.tau"
    assert decorrelation.verdict == "strained"
    assert checks["many small kicks act as Gaussian noise"].value == pytest.approx(0.0271)
    assert checks["many small kicks act as Gaussian noise"].verdict == "holds"
    assert checks["populations are infinite"].address == "I.size"
    assert checks["one spike moves the population little"].value == pytest.approx(300 * 0.8 * 0.95 / 100)


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
    check = by_assumption(chang.replace(change))[assumption]
    assert check.verdict == "broken"
    assert check.address == address


def test_the_closure_is_judged(chang):
    name = "kappa is the integral 2 tau of the autocorrelation of H"
    assert by_assumption(chang)[name].strain == pytest.approx(3.17, abs=0.01)
    assert by_assumption(chang, closure="white")[name].strain == 0.0


def test_special_parts_are_judged(chang):
    assert by_assumption(spiking.presets.lcy2019_hom())["rounding of jumps is negligible"].address == "IE.rounded"
    fixed = by_assumption(chang.replace({"E.refractory": spiking.Fixed(4.0)}), stages=4)
    assert fixed["Erlang stages stand for a fixed refractory time"].value == 0.5
