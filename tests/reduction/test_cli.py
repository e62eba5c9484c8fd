from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import ctrl_c
import pytest

import reduction
import spiking
from reduction.cli import main


def run(capsys, *words):
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def answer(capsys, *words):
    status, out, _ = run(capsys, *words, "--json")
    assert status == 0
    return json.loads(out, parse_constant=pytest.fail)


def test_presets(capsys):
    assert set(answer(capsys, "presets")) == {
        "chang2025", "lcy2019_hom", "lcy2019_reg", "cai2021_hom", "cai2021_reg", "vogels_abbott_coba",
        "vogels_abbott_cuba", "brunel2000",
    }  # fmt: skip
    assert "chang2025 " in run(capsys, "presets")[1]


def test_show_prints_a_readable_network(capsys, tmp_path):
    _, out, _ = run(capsys, "show", "chang2025", "--set", "EI.probability=0.7", "--set", "E.size=200")
    (tmp_path / "net.toml").write_text(out)
    network = spiking.Network.from_toml(tmp_path / "net.toml")
    assert network == spiking.presets.chang2025().replace({"EI.probability": 0.7, "E.size": 200})
    assert answer(capsys, "show", str(tmp_path / "net.toml"))["projections"]["EI"]["probability"] == 0.7


def test_simulate(capsys, tmp_path):
    files = ["--out", str(tmp_path / "r.npz"), "--plot", str(tmp_path / "r.png")]
    data = answer(
        capsys, "simulate", "chang2025", "--duration", "600", "--discard", "100", "--seed", "3", "--trials", "2", *files
    )
    recording = spiking.simulate(spiking.presets.chang2025(), 600.0, seed=3, trials=2)
    assert data["rates"]["E"] == recording.rates(100.0)["E"]._asdict()
    assert set(data) == {"rates", "ssi", "cv", "setup_s", "wall_s", "threads", "synaptic_events"}
    assert data["synaptic_events"] == recording.synaptic_events
    assert spiking.Recording.load(tmp_path / "r.npz").rates(100.0) == recording.rates(100.0)
    assert (tmp_path / "r.png").stat().st_size > 10000
    _, out, _ = run(capsys, "simulate", "chang2025", "--duration", "300", "--discard", "100")
    assert "rate (Hz)" in out


def test_simulate_by_other_engines(capsys):
    exact = answer(capsys, "simulate", "cai2021_hom", "--duration", "300", "--discard", "100", "--engine", "exact")
    assert exact["rates"]["E"]["mean"] > 10
    for words, message in (
        (["cai2021_hom", "--engine", "genesis"], "engine 'genesis' does not exist"),
        (["cai2021_hom", "--engine", "exact", "--scheme", "grid"], "--scheme grid: not with --engine exact"),
        (["cai2021_hom", "--engine", "nest"], "EE.synapse = 'pending_kick': NEST has no spikes that wait"),
        (["vogels_abbott_coba", "--engine", "nest", "--trials", "2"], "--trials 2: --engine nest runs one"),
        (["vogels_abbott_coba", "--initial", "random"], "initial = 'random': must be a State"),
    ):
        status, _, error = run(capsys, "simulate", *words, "--duration", "20", "--discard", "0")
        assert status == 2
        assert message in error


def test_integrate(capsys, tmp_path):
    chang = spiking.presets.chang2025()
    for level in ("ode", "chain", "published"):
        words = ["integrate", "chang2025", "--level", level, "--duration", "500", "--discard", "300"]
        data = answer(capsys, *words, "--plot", str(tmp_path / "t.pdf"), "--out", str(tmp_path / "t.npz"))
        expected = reduction.integrate(reduction.MarkovApproximation(chang), level, 500.0).rates(300.0)
        assert (data["level"], data["rates"]) == (level, {name: r.to_plain() for name, r in expected.items()})
        assert reduction.Trajectory.load(tmp_path / "t.npz").rates(300.0) == expected
    assert (tmp_path / "t.pdf").exists()
    assert "Hz" in run(capsys, *words)[1]


def test_integrate_options(capsys):
    white = answer(capsys, "integrate", "chang2025", "--closure", "white", "--bins", "100", "--dt", "0.05")
    number = answer(capsys, "integrate", "chang2025", "--closure", "1.0", "--bins", "100", "--dt", "0.05")
    options = ["--bins", "100", "--dt", "0.05"]
    published = answer(capsys, "integrate", "chang2025", "--closure", "published", *options)
    default = answer(capsys, "integrate", "chang2025", *options)
    conditional = answer(capsys, "integrate", "chang2025", "--closure", "conditional", *options)
    assert number["rates"] == published["rates"] != white["rates"]
    assert default["rates"] == conditional["rates"] != white["rates"]


def test_trials_of_a_random_level(capsys):
    words = ["integrate", "chang2025", "--level", "chain", "--duration", "100", "--discard", "20", "--seed", "5"]
    found = answer(capsys, *words, "--trials", "3", "--workers", "1")["rates"]
    chang = spiking.presets.chang2025()
    expected = reduction.integrate(chang, "chain", 100.0, seed=5, trials=3).rates(20.0)
    assert found == {name: rate.to_plain() for name, rate in expected.items()}
    assert "±" in run(capsys, *words)[1]
    status, _, error = run(capsys, "integrate", "chang2025", "--trials", "3")
    assert (status, "trials = 3: must be 1: level 'ode' has no chance in it" in error) == (2, True)


def test_derive(capsys):
    assert "Hbar_EI(t)" in run(capsys, "derive", "chang2025")[1]
    assert r"\begin{align}" in run(capsys, "derive", "chang2025", "--format", "latex")[1]
    source = answer(capsys, "derive", "chang2025", "--format", "sympy")["equations"]
    namespace = {}
    exec(source, namespace)
    assert "E.bin" in namespace["equations"]


def test_validate(capsys, tmp_path):
    words = ["validate", "chang2025", "--parameter", "EI.probability", "--values", "0.6:0.8:2", "--duration", "300",
             "--discard", "100", "--out", str(tmp_path / "out"), "--workers", "2"]  # fmt: skip
    data = answer(capsys, *words)
    assert [row["value"] for row in data["comparisons"]] == [0.6] * 6 + [0.8] * 6
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "snn2ode validate chang2025 --parameter EI.probability --values 0.6:0.8:2" in page
    _, out, _ = run(capsys, *words)
    assert "Report: " in out


def test_values():
    from reduction.commands.ranges import values

    assert values("--values", "0.5:1.0:6") == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert values("--values", "0.5, 0.7") == [0.5, 0.7]
    assert values("--values", "2:2:1") == [2.0]


VALIDATE = ("validate", "chang2025", "--out", "{tmp}/out", "--parameter", "EI.probability", "--duration", "300")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("show", "chang2024"), "preset 'chang2024' does not exist (did you mean chang2025?)"),
        (("show", "none.toml"), "none.toml: cannot be read"),
        (("show", "chang2025", "--set", "EI.prob=1"), "address 'EI.prob' does not exist"),
        (("show", "chang2025", "--set", "EI.probability"), "--set EI.probability: must be ADDRESS=VALUE"),
        (("show", "chang2025", "--set", "EI.probability=many"), "'many' is not a number"),
        (("show", "chang2025", "--set", "EI.probability=1.3"), "EI.probability = 1.3: must lie in [0, 1]"),
        (("show", "chang2025", "--set", "EI.inhibitory=2"), "EI.inhibitory = 2.0: must be true or false"),
        (("simulate", "chang2025", "--dt", "5"), "dt = 5.0: must be at most"),
        (("simulate", "chang2025", "--duration", "0.01", "--discard", "0"), "duration = 0.01: must be at least"),
        (("simulate", "chang2025", "--duration", "100", "--discard", "100"), "discard = 100.0: must be less than"),
        (("simulate", "chang2025", "--duration", "-5"), "duration = -5.0: must be positive"),
        (("simulate", "chang2025", "--scheme", "magic"), "scheme 'magic' does not exist"),
        (("simulate", "chang2025", "--out", "{tmp}/no/file.npz"), "cannot be written: No such file or directory"),
        (("simulate", "chang2025", "--plot", "{tmp}/file.gif"), "must end in .png, .pdf or .svg"),
        (("integrate", "chang2025", "--level", "sde"), "level 'sde' does not exist"),
        (("integrate", "chang2025", "--closure", "grey"), "closure 'grey' does not exist"),
        (("integrate", "chang2025", "--bins", "2"), "bins = 2: must give E at least 4 bins"),
        ((*VALIDATE, "--values", ""), "values = []: must hold at least one value"),
        ((*VALIDATE, "--values", "1.0:0.5:6"), "stop must exceed start"),
        ((*VALIDATE, "--values", "0.5:1.0"), "must be start:stop:count"),
        ((*VALIDATE, "--values", "0.5:nan:3"), "start and stop must be finite"),
        ((*VALIDATE, "--values", "0.8,0.6"), "must be strictly increasing"),
        ((*VALIDATE, "--values", "0.8,a"), "'a' is not a number"),
        ((*VALIDATE, "--values", "0:1:1000000"), "at most 100000 values"),
        ((*VALIDATE, "--values", "0.8", "--levels", "ode,x"), "level 'x' does not exist"),
        ((*VALIDATE, "--values", "0.8", "--discard", "300"), "discard = 300.0"),
    ],
)
def test_bad_input_is_refused_with_status_2(capsys, tmp_path, words, message):
    status, out, err = run(capsys, *(word.replace("{tmp}", str(tmp_path)) for word in words))
    assert status == 2
    assert out == ""
    assert message in err
    assert err.startswith("snn2ode: ")
    assert len(err.strip().splitlines()) == 1


def test_a_numerical_failure_has_status_1(capsys, monkeypatch):
    def fail(*_, **__):
        raise spiking.NumericalError("reduce dt")

    monkeypatch.setattr("spiking.simulation.simulate", fail)
    status, _, err = run(capsys, "simulate", "chang2025")
    assert (status, err) == (1, "snn2ode: reduce dt\n")


def test_ctrl_c_keeps_finished_points_and_the_same_command_resumes(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "reduction.cli", "validate", "chang2025", "--parameter", "EI.probability",
               "--values", "0.6,0.7,0.8", "--duration", "3000", "--workers", "1", "--out", str(out),
               "--json"]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=ctrl_c.heed
    )
    deadline = time.monotonic() + 120
    while not list(out.glob("points/*.json")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "finished points are kept" in err
    assert "Traceback" not in err
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("points/*.json")}
    assert 1 <= len(kept) < 3
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert len(json.loads(again.stdout)["comparisons"]) == 18
    assert again.stderr == ""
    assert {name: (out / "points" / name).stat().st_mtime_ns for name in kept} == kept


def test_the_same_seed_gives_the_same_numbers_in_another_process():
    command = [sys.executable, "-m", "reduction.cli", "simulate", "chang2025", "--duration", "300", "--discard", "50",
               "--seed", "11", "--trials", "2", "--json"]  # fmt: skip
    found = [
        json.loads(subprocess.run([*command, "--workers", w], capture_output=True, text=True, check=True).stdout)[
            "rates"
        ]
        for w in ("1", "2")
    ]
    assert found[0] == found[1]


def test_a_closed_pipe_is_no_error():
    shell = f"{sys.executable} -m reduction.cli derive chang2025 | head -n 1"
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, env=os.environ, check=False)
    assert "Traceback" not in done.stderr
