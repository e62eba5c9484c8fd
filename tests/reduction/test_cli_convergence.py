from __future__ import annotations

import json

import pytest

import spiking
from reduction.cli import main
from spiking.convergence import advise_step, layered

TIMES = ("--duration", "200", "--trials", "1")


def run(capsys, *words):
    status = main(["convergence", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_numbers_are_those_of_the_function(capsys):
    words = ("chang2025", "--set", "EI.probability=0.6", *TIMES, "--accuracy", "0.05", "--seed", "3")
    status, out, error = run(capsys, *words, "--json")
    assert (status, error) == (0, "")
    net = spiking.presets.chang2025().replace({"EI.probability": 0.6})
    expected = advise_step(net, 0.05, duration=200.0, trials=1, seed=3).to_plain()
    found = json.loads(out, parse_constant=pytest.fail)
    assert {k: v for k, v in found.items() if k != "text"} == {k: v for k, v in expected.items() if k != "text"}
    assert found["strong"] is None
    status, out, _ = run(capsys, *words)
    lines = out.splitlines()
    assert status == 0
    assert lines[0].split() == ["population", "dt", "(ms)", "rate", "(Hz)", "error", "(%),", "95", "%"]
    assert len(lines) == 1 + 8 + 1
    assert lines[-1].startswith("Advice: ")


def test_strong_errors_of_a_network_of_paths(capsys, tmp_path):
    layered(1, 20).to_toml(tmp_path / "net.toml")
    status, out, _ = run(capsys, str(tmp_path / "net.toml"), *TIMES, "--accuracy", "0.2", "--scheme", "interpolated")
    assert status == 0
    assert out.splitlines()[0].split()[-6:] == ["RMS", "of", "V", "(mV)", "counts", "differ"]
    assert "of Euler-Maruyama steps, against the path on" in out
    assert (
        "Advice: dt = 0.2 ms, the largest tried, keeps rates within 20 %, scheme interpolated (95 % confidence)." in out
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--accuracy", "0"), "accuracy = 0.0: must lie between 0 and 1"),
        (("--scheme", "exact"), "scheme = 'exact': must be one of reference, grid, bridge, interpolated"),
        (("--duration", "-1"), "duration = -1.0: must be positive"),
        (("--trials", "0"), "trials = 0: must be positive"),
    ],
)
def test_bad_options(capsys, words, text):
    status, out, error = run(capsys, "chang2025", *words)
    assert (status, out) == (2, "")
    assert text in error
