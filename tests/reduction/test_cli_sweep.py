from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import ctrl_c
import pytest
from sweep_stores import contents, kept_points, wait_until

import spiking
from reduction.cli import main
from reduction.measuring import Settings

GRID = ("--grid", "EI.probability=0.5:0.7:3", "--grid", "EE.weight=0.9,0.95")
TIMES = ("--duration", "60", "--discard", "20")


def run(capsys, *words):
    status = main(["sweep", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_rates_over_a_grid(capsys, tmp_path):
    words = ("chang2025", *GRID, *TIMES, "--store", str(tmp_path / "s"), "--seed", "4", "--workers", "2")
    status, out, error = run(capsys, *words)
    assert (status, error) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["EI.probability", "EE.weight", "E", "(Hz)", "I", "(Hz)"]
    assert lines[2].split()[:2] == ["0.5", "0.95"]
    assert lines[-1] == f"Table: {tmp_path / 's' / 'rates.csv'}"
    settings = Settings(duration=60.0, discard=20.0, seed=4)
    values = {"EI.probability": 0.6, "EE.weight": 0.95}
    expected = settings.at(values).rates(spiking.presets.chang2025().replace(values), "network")
    table = (tmp_path / "s" / "rates.csv").read_text().splitlines()
    assert table[0] == "EI.probability,EE.weight,E.rate_Hz,E.se_Hz,I.rate_Hz,I.se_Hz"
    assert table[4] == "0.6,0.95," + ",".join(repr(x) for name in "EI" for x in expected[name])
    before = contents(tmp_path / "s")
    status, out, _ = run(capsys, *words, "--json")
    data = json.loads(out, parse_constant=pytest.fail)
    assert data["points"][3] == {
        "values": values, "rates": {name: rate.to_plain() for name, rate in expected.items()}, "failure": None,
    }  # fmt: skip
    assert (data["missing"], data["table"]) == (0, str(tmp_path / "s" / "rates.csv"))
    assert contents(tmp_path / "s") == before


def test_shards(capsys, tmp_path):
    words = ("chang2025", *GRID, *TIMES, "--workers", "1", "--source", "ode", "--bins", "50", "--closure", "white")
    status, out, _ = run(capsys, *words, "--store", str(tmp_path / "s"), "--shard", "2/2")
    assert status == 0
    assert out.splitlines()[-1] == "3 of 6 points are finished after part 2/2; rates.csv is written when all are"
    assert len(out.splitlines()) == 5
    assert not (tmp_path / "s" / "rates.csv").exists()
    status, out, _ = run(capsys, *words, "--store", str(tmp_path / "s"), "--shard", "1/2")
    assert (status, len(out.splitlines())) == (0, 8)
    assert "±" not in out
    run(capsys, *words, "--store", str(tmp_path / "t"))
    assert contents(tmp_path / "s") == contents(tmp_path / "t")


@pytest.mark.parametrize("source", ["chain", "published", "siegert"])
def test_other_sources(capsys, tmp_path, source):
    words = ("--grid", "EI.probability=0.6", *TIMES, "--store", str(tmp_path / "s"), "--source", source)
    status, out, _ = run(capsys, "chang2025", *words, "--json")
    values = {"EI.probability": 0.6}
    settings = Settings(duration=60.0, discard=20.0).at(values)
    expected = settings.rates(spiking.presets.chang2025().replace(values), source)
    assert status == 0
    assert json.loads(out)["points"][0]["rates"] == {name: rate.to_plain() for name, rate in expected.items()}


def test_a_failed_point(capsys, tmp_path):
    """One point of two needs more memory than any machine has."""
    words = ("--grid", "E.size=300,1e13", *TIMES, "--store", str(tmp_path / "s"), "--workers", "1")
    status, out, error = run(capsys, "chang2025", *words)
    assert status == 1
    assert "failed" in out
    assert "1 of 2 points failed, first E.size = 1e+13: " in error
    assert error.endswith("; the same command tries them again\n")
    assert (tmp_path / "s" / "rates.csv").read_text().splitlines()[0].endswith(",failure")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid", "EI.probability"], "--grid EI.probability: must be ADDRESS=start:stop:count or ADDRESS=a,b,c"),
        (["--grid", "EI.probability=0.5:0.6"], "must be start:stop:count with a whole count"),
        (["--grid", "EI.probability="], "must hold at least one value"),
        (["--grid", "EI.probability=0.5,half"], "'half' is not a number"),
        (["--grid", "EI.probability=0.5", "--grid", "EI.probability=0.6"], "EI.probability has its values already"),
        (["--grid", "EI.probability=0.5,0.5"], "is there twice"),
        (["--grid", "EI.probability=0.5:1.5:3"], "EI.probability = 1.5: must lie in [0, 1]"),
        (["--grid", "EI.probabilty=0.5"], "did you mean EI.probability?"),
        (["--source", "ode2"], "source 'ode2' does not exist (did you mean ode?); there are: network, ode, chain"),
        (["--shard", "0/4"], "--shard 0/4: must be K/N with 1 <= K <= N, such as 1/4"),
        (["--shard", "3"], "--shard 3: must be K/N"),
        (["--workers", "0"], "workers = 0: must be positive"),
        (["--discard", "70"], "discard = 70.0: must be less than the duration"),
        (["--scheme", "euler"], "scheme 'euler' does not exist"),
        (["--source", "chain", "--closure", "-1"], "closure"),
    ],
)
def test_bad_input_is_refused_before_any_work(capsys, tmp_path, words, message):
    own = [] if "--grid" in words else ["--grid", "EI.probability=0.5,0.6"]
    store = ["--store", str(tmp_path / "s")]
    status, out, error = run(capsys, "chang2025", "--duration", "60", "--discard", "20", *store, *own, *words)
    assert (status, out) == (2, "")
    assert message in error
    assert not (tmp_path / "s").exists()


def test_the_store_of_another_sweep(capsys, tmp_path):
    words = ("chang2025", "--grid", "EI.probability=0.6", "--store", str(tmp_path), "--workers", "1")
    assert run(capsys, *words, *TIMES)[0] == 0
    status, _, error = run(capsys, *words, "--duration", "70", "--discard", "20")
    assert status == 2
    assert "holds another sweep (function.fields.settings.fields.duration is 60.0 there, 70.0 here)" in error


def test_ctrl_c(tmp_path):
    grid = ("--grid", "EI.probability=0.5:1.0:200")
    command = [sys.executable, "-m", "reduction.cli", "sweep", "chang2025", *grid, "--duration", "2000",
               "--store", str(tmp_path / "s"), "--workers", "2"]  # fmt: skip
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=ctrl_c.heed,
    )  # fmt: skip
    assert wait_until(lambda: len(kept_points(tmp_path / "s")) >= 2, 60)
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    kept = len(kept_points(tmp_path / "s"))
    assert f"snn2ode: interrupted; {kept} of 200 points are finished and kept in {tmp_path / 's'}" in error
