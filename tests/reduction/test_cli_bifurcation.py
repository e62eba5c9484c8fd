"""The command bifurcation: models and networks, what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager

import ctrl_c
import pytest
from models import ORACLE, tolerance

from reduction import Diagram
from reduction.cli import main
from reduction.continuation.exploration import Search

MODELS = {
    "neuron": """
        [equations]
        v = "v - v**3/3 - w + I"
        w = "(v + 0.7 - 0.8*w)/tau"
        [parameters]
        I = 0.0
        tau = 12.5
        [observables]
        difference = "v - w"
    """,
    "cusp": """
        [equations]
        x = "m + l*x - x**3"
        [parameters]
        m = -1.0
        l = 1.0
    """,
    "feedback": """
        [equations]
        x = "y"
        y = "z"
        z = "-alpha*z - y - x + x**2"
        [parameters]
        alpha = 1.5
    """,
    "nowhere": """
        [equations]
        x = "1 + x**2 + m**2"
        [parameters]
        m = 0.0
    """,
    "nothing": """
        [parameters]
        m = 0.0
    """,
    "broken": "[equations",
    "both": """
        [equations]
        x = "-x"
        [populations.E]
        size = 5
    """,
    "quadratic": """
        [populations.E]
        size = 10000
        neuron = "qif"
        drive = { kind = "lorentzian", center = -5.0, half_width = 1.0 }
        [projections.EE]
        target = "E"
        source = "E"
        synapse = "delta"
        weight = 0.0015
        wiring = "all_to_all"
    """,
}
QUADRATIC = ("{tmp}/quadratic.toml", "--parameter", "E.drive.center", "--from", "-8", "--to", "0")
NEURON = ("{tmp}/neuron.toml", "--parameter", "I", "--from", "0", "--to", "2")
CUSP = ("{tmp}/cusp.toml", "--parameter", "m", "--from", "-1", "--to", "1")
CHANG = ("chang2025", "--parameter", "EI.probability", "--from", "0.5", "--to", "0.53")
SMALL = ("--no-cycles", "--starts", "0")  # quick also for equations
HOPF = (0.516222981, 12.549386)
"""Value and period with 24 + 48 nodes."""


@pytest.fixture
def run(capsys, tmp_path):
    for name, text in MODELS.items():
        (tmp_path / f"{name}.toml").write_text(text)

    def run(*words):
        status = main(["bifurcation", *(word.replace("{tmp}", str(tmp_path)) for word in words)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def answer(run):
    def answer(*words):
        status, out, error = run(*words, "--json")
        assert (status, error) == (0, "")
        return json.loads(out, parse_constant=pytest.fail)

    return answer


def values(branch, kind):
    return sorted(point["value"] for point in branch["special_points"] if point["kind"] == kind)


def test_hopf_points_of_a_model(answer):
    found = answer(*NEURON)
    equilibria, cycles = found["branches"]
    oracle = ORACLE["fitzhugh_nagumo"]
    for value, expected in zip(values(equilibria, "HB"), oracle["HB"], strict=True):
        assert value == pytest.approx(expected, abs=tolerance(expected))
    for point, expected in zip(equilibria["special_points"], oracle["HB periods"], strict=True):
        assert point["period"] == pytest.approx(expected, abs=tolerance(expected))
        assert point["first_lyapunov"] > 0
    assert (equilibria["kind"], cycles["kind"]) == ("equilibrium", "cycle")
    assert len(values(cycles, "LPC")) == 2
    assert (found["unknowns"], found["parameter"], found["status"]) == (2, "I", "complete")


def test_the_table(run):
    status, out, _ = run(*NEURON, "--no-cycles", "--quiet")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].endswith("neuron.toml over I from 0 to 2: 2 unknowns")
    assert lines[2].startswith("equilibrium: ")
    assert lines[2].endswith("reached the bound 0; reached the bound 2")
    assert [line.split() for line in lines[3:5]] == [
        ["HB", "0.331281337", "period", "22.805917", "subcritical"],
        ["HB", "1.41871866", "period", "22.805917", "subcritical"],
    ]
    assert len(lines) == 7
    assert lines[6].startswith("complete, in ")


def test_changed_parameters_of_a_model(answer):
    """The Hopf points of x' = v - v^3/3 - w + I lie where 1 - v^2 = 0.8/tau."""
    branch = answer(*NEURON, *SMALL, "--set", "tau=5")["branches"][0]
    v = -((1 - 0.8 / 5.0) ** 0.5)
    expected = (v + 0.7) / 0.8 - v + v**3 / 3
    assert values(branch, "HB")[0] == pytest.approx(expected, abs=1e-8)


def test_a_default_outside_the_range_is_no_error(answer):
    found = answer(*CUSP[:3], "--from", "-0.5", "--to", "0.5", "--starts", "5")
    assert len(values(found["branches"][0], "LP")) == 2
    assert found["parameters"]["m"] == -1.0


def test_cycles_of_twice_the_period(answer):
    words = ("{tmp}/feedback.toml", "--parameter", "alpha", "--from", "0.6", "--to", "1.1", "--depth", "1")
    branches = answer(*words)["branches"]
    (once,) = (branch for branch in branches if branch["kind"] == "cycle" and branch["doublings"] == 0)
    (twice,) = (branch for branch in branches if branch["doublings"] == 1)
    assert twice["kind"] == "cycle"
    (expected,) = ORACLE["feedback_control"]["PD"]
    assert values(once, "PD") == pytest.approx([expected], abs=tolerance(expected))
    assert not any(branch["doublings"] for branch in answer(*words[:-1], "0")["branches"])


def test_curves_over_two_parameters(answer, tmp_path):
    out = tmp_path / "made" / "here"
    found = answer(*CUSP, "--with", "l", "--with-from", "-1", "--with-to", "2", "--out", str(out))
    assert {curve["kind"] for curve in found["curves"]} == {"LP"}
    assert found["curves"][0]["parameters"] == ["m", "l"]
    (cusp,) = (point for curve in found["curves"] for point in curve["special_points"] if point["kind"] == "CP")
    assert cusp["value"] == pytest.approx(ORACLE["cusp"]["CP"], abs=1e-8)
    names = ["diagram.npz", "diagram.json", "bifurcation.png", "curves.png"]
    assert found["files"] == [str(out / name) for name in names]
    assert {path.name for path in out.iterdir()} == set(names)


def test_files(run, tmp_path):
    out = tmp_path / "out"
    status, printed, _ = run(*NEURON, *SMALL, "--out", str(out), "--observable", "w")
    assert status == 0
    assert printed.splitlines()[-3:] == [str(out / name) for name in ("diagram.npz", "diagram.json", "bifurcation.png")]
    data = json.loads((out / "diagram.json").read_text())
    loaded = Diagram.load(out / "diagram.npz")
    assert values(data["branches"][0], "HB") == [point.value for point in loaded.special_points]
    assert (out / "bifurcation.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_shows_the_observable(run, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "reduction.commands.bifurcation.save_picture", lambda ax, path: shown.append((ax.get_ylabel(), path.name))
    )
    for words in ((), ("--observable", "w")):
        assert run(*NEURON, *SMALL, "--out", str(tmp_path / "out"), *words)[0] == 0
    assert shown == [("difference", "bifurcation.png"), ("w", "bifurcation.png")]


@contextmanager
def interrupting(*_):
    """Ctrl-C at the twentieth point."""
    yield lambda number, value: signal.raise_signal(signal.SIGINT) if number == 20 else None


def test_ctrl_c_keeps_what_there_is(run, tmp_path, monkeypatch):
    ctrl_c.heed()
    monkeypatch.setattr("reduction.commands.bifurcation.counter", interrupting)
    out = tmp_path / "out"
    status, printed, error = run(*NEURON, "--out", str(out), "--json")
    assert status == 130
    assert error == f"\nsnn2ode: interrupted; what was found is kept in {out}\n"
    (branch,) = json.loads(printed)["branches"]
    (loaded,) = Diagram.load(out / "diagram.npz").branches
    assert len(loaded) == pytest.approx(20, abs=1)
    assert branch["status"].startswith("interrupted")
    status, printed, error = run(*NEURON)
    assert (status, error) == (130, "\nsnn2ode: interrupted; what was found is above\n")
    assert "equilibrium: " in printed


def test_no_equilibrium_at_all_is_a_numerical_failure(run):
    status, out, error = run("{tmp}/nowhere.toml", "--parameter", "m", "--from", "0", "--to", "1", "--starts", "2")
    assert (status, out) == (1, "")
    assert "no equilibrium found" in error


def test_searches_have_random_starts_for_equations_only(answer, monkeypatch):
    given = []
    search = Search.equilibria
    monkeypatch.setattr(Search, "equilibria", lambda self, starts, seed: search(self, given.append(starts) or 0, seed))
    for words in (
        CUSP,
        (*CUSP, "--starts", "3"),
        (*CHANG, "--max-points", "1"),
        (*CHANG, "--max-points", "1", "--starts", "2"),
    ):
        answer(*words, "--no-cycles")
    assert given == [30, 3, 0, 2]


def test_a_network(answer):
    """The Hopf point has five digits of what twice as many nodes give."""
    found = answer(*CHANG, "--no-cycles")
    assert (found["closure"], found["discretization"], found["nodes"], found["unknowns"]) == (
        "white", "chebyshev", "12+20", 72,
    )  # fmt: skip
    assert found["status"] == "complete"
    (branch,) = found["branches"]
    (hopf,) = branch["special_points"]
    assert hopf["kind"] == "HB"
    assert hopf["value"] == pytest.approx(HOPF[0], abs=1e-5)
    assert hopf["period"] == pytest.approx(HOPF[1], abs=1e-3)
    assert hopf["first_lyapunov"] < 0


def test_options_of_networks(answer, run):
    nodes = answer(*CHANG, *SMALL, "--nodes", "8+12", "--closure", "published", "--max-points", "3")
    assert (nodes["closure"], nodes["unknowns"], nodes["nodes"]) == ("published", 48, "8+12")
    words = ("--closure", "conditional", "--bins", "12", "--noise-levels", "2", "--max-points", "3")
    bins = answer(*CHANG, *SMALL, *words)
    assert (bins["closure"], bins["discretization"], bins["bins"]) == ("conditional", "bins", "12+12")
    assert bins["noise_levels"] == 2
    first = run(*CHANG, *SMALL, *words)[1].splitlines()[0]
    assert first == (
        f"chang2025 over EI.probability from 0.5 to 0.53: {bins['unknowns']} unknowns "
        "(closure conditional, noise_levels 2, discretization bins, bins 12+12)"
    )


def test_the_file_of_a_network(answer, capsys, tmp_path):
    assert main(["show", "chang2025"]) == 0
    (tmp_path / "network.toml").write_text(capsys.readouterr().out)
    words = (*CHANG[1:], *SMALL, "--bins", "8", "--max-points", "2")
    one, other = (answer(network, *words) for network in ("{tmp}/network.toml", "chang2025"))
    assert one["branches"] == other["branches"]
    assert (one["system"], one["bins"]) == (str(tmp_path / "network.toml"), "8+8")


def test_an_exact_mean_field(answer):
    found = answer(*QUADRATIC, "--with", "EE.weight", "--with-from", "1e-4", "--with-to", "3e-3")
    assert values(found["branches"][0], "LP") == pytest.approx([-5.743527162, -3.136134086], abs=1e-8)
    (cusp,) = [p for curve in found["curves"] for p in curve["special_points"] if p["kind"] == "CP"]
    assert cusp["value"][0] == pytest.approx(-(3.0**0.5), abs=1e-7)
    assert len(found["branches"]) == 1


def test_a_changed_network(answer):
    assert answer(*CHANG, *SMALL, "--set", "E.size=200", "--max-points", "2")["parameters"]["E.size"] == 200


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.toml", *NEURON[1:]), "none.toml: cannot be read"),
        (("chang2024", *NEURON[1:]), "preset 'chang2024' does not exist (did you mean chang2025?)"),
        (("{tmp}", *NEURON[1:]), "cannot be read as a network"),
        (("{tmp}/nothing.toml", *NEURON[1:]), "must have [populations] (a network) or [equations] (a model)"),
        (("{tmp}/broken.toml", *NEURON[1:]), "broken.toml: is not TOML"),
        (("{tmp}/both.toml", *NEURON[1:]), "both.toml: key 'populations' does not exist"),
        ((*NEURON, "--parameter", "J"), "parameter 'J' does not exist"),
        ((*NEURON, "--set", "J=1"), "parameter 'J' does not exist"),
        ((*NEURON, "--set", "tau"), "--set tau: must be ADDRESS=VALUE"),
        ((*NEURON, "--set", "tau=true"), "tau = True: must be a number"),
        ((*NEURON, "--to", "-1"), "--from 0 --to -1: must be finite, and increase"),
        ((*NEURON, "--to", "nan"), "--from 0 --to nan: must be finite, and increase"),
        ((*NEURON, "--with", "tau"), "--with, --with-from and --with-to: a second parameter needs all three"),
        ((*NEURON, "--with-to", "5"), "--with, --with-from and --with-to: a second parameter needs all three"),
        ((*NEURON, "--with", "I", "--with-from", "0", "--with-to", "5"), "--with I: is --parameter; must be another"),
        ((*NEURON, "--with", "J", "--with-from", "0", "--with-to", "5"), "parameter 'J' does not exist"),
        ((*NEURON, "--with", "tau", "--with-from", "9", "--with-to", "5"), "--with-from 9 --with-to 5: must be finite"),
        ((*NEURON, "--with", "tau", "--with-from", "0", "--with-to", "5"), "tau = 12.5 at the start: must lie within"),
        ((*NEURON, "--depth", "-1"), "depth = -1: must be at least 0"),
        ((*NEURON, "--starts", "-1"), "starts = -1: must be at least 0"),
        ((*NEURON, "--max-points", "0"), "max_points = 0: must be positive"),
        ((*NEURON, "--largest-step", "0"), "largest_step = 0.0: must be positive"),
        ((*NEURON, "--observable", "rate"), "observable or state 'rate' does not exist; there are: difference"),
        ((*NEURON, "--out", "{tmp}/cusp.toml"), "cusp.toml: cannot be made: File exists"),
        ((*NEURON, "--bins", "20"), "--bins: is for networks, and {tmp}/neuron.toml has [equations]; leave it out"),
        ((*NEURON, "--noise-levels", "2"), "--noise-levels: is for networks"),
        ((*QUADRATIC, "--bins", "20"), "--bins: is for the Markov approximation, and this network has an exact mean"),
        ((*QUADRATIC, "--parameter", "E.drive.half_width"), "E.drive.half_width = -8.0: must be at least 0"),
        ((*CHANG, "--parameter", "EI.prob"), "address 'EI.prob' does not exist"),
        ((*CHANG, "--parameter", "EI.inhibitory"), "EI.inhibitory = 0.5: must be true or false"),
        ((*CHANG, "--parameter", "EI.delay", "--from", "0"), "EI.delay = 0.53: must stay 0"),
        ((*CHANG, "--to", "1.5"), "EI.probability = 1.5: must lie in [0, 1]"),
        ((*CHANG, "--set", "EI.prob=1"), "address 'EI.prob' does not exist"),
        ((*CHANG, "--with", "EI.tau", "--with-from", "-1", "--with-to", "9"), "EI.tau = -1.0: must be positive"),
        ((*CHANG, "--closure", "grey"), "closure 'grey' does not exist"),
        ((*CHANG, "--bins", "2"), "bins = 2: must give E at least 4 bins"),
        ((*CHANG, "--nodes", "24"), "--nodes 24: must be BELOW+ABOVE"),
        ((*CHANG, "--nodes", "2+9"), "nodes[0] = 2: must be at least 4"),
        ((*CHANG, "--nodes", "8+9", "--bins", "20"), "--bins: are of --discretization bins, and --nodes of chebyshev"),
        ((*CHANG, "--nodes", "8+9", "--discretization", "bins"), "--nodes of chebyshev; give one of the two"),
        ((*CHANG, "--bins", "20", "--discretization", "chebyshev"), "give one of the two"),
        ((*CHANG, "--closure", "conditional", "--discretization", "chebyshev"), "closure = 'conditional': must be"),
        ((*CHANG, "--closure", "conditional"), "unknowns: at most 200 (with --no-cycles 600) are continued"),
        ((*CHANG, "--closure", "conditional", "--no-cycles"), "unknowns: at most 600 are continued"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_any_work(run, tmp_path, monkeypatch, words, message):
    monkeypatch.setattr("reduction.continuation.exploration.Search.equilibria", lambda *_: pytest.fail("work"))
    status, out, error = run(*words)
    assert (status, out) == (2, "")
    assert message.replace("{tmp}", str(tmp_path)) in error
    assert error.startswith("snn2ode: ")
    assert len(error.strip().splitlines()) == 1
