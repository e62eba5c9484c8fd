from __future__ import annotations

import errno
import fcntl
import functools
import json
import math
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
import sweep_functions
from hypothesis import given
from hypothesis import strategies as st
from sweep_functions import DiesOnce, Scaled, Versioned
from sweep_stores import GRID, alive, begun, contents, finish, kept_points, start, wait_until

import reduction.store
import reduction.whole_files
import spiking
from reduction.describing import described
from reduction.plain import from_text, to_text
from reduction.sweeping import Progress, sweep
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError

FIVE = {"x": [0.0, 1.0, 2.0, 3.0, 4.0]}
RATES = {"EI.probability": [0.5, 0.7, 0.9], "EE.weight": [0.9, 0.95]}


@pytest.mark.timeout(120)
def test_killed_at_any_moment_it_equals_an_undisturbed_one_byte_for_byte(tmp_path):
    log, moments = tmp_path / "log", random.Random(6)
    store, undisturbed = tmp_path / "killed", tmp_path / "undisturbed"
    under_way = Counter()
    for _ in range(20):
        process = start("logged", store, log=log)
        time.sleep(moments.uniform(0.0, 0.15))
        process.kill()
        process.communicate()
        workers = {pid for _, pid in begun(log)}
        assert wait_until(lambda workers=workers: not any(map(alive, workers)))
        lost = {point for point, _ in begun(log)} - kept_points(store)
        assert len(lost) <= 4  # one computed and one being written for each worker
        under_way.update(lost)
    assert 20 < len(kept_points(store)) < 200
    for folder, own in ((store, log), (undisturbed, tmp_path / "other")):
        finish(start("logged", folder, log=own))
    times = Counter(point for point, _ in begun(log))
    assert len(times) == 200
    assert all(times[point] <= 1 + under_way[point] for point in times)
    assert sum(times.values()) <= 200 + sum(under_way.values())
    assert contents(store) == contents(undisturbed)
    assert not [name for name in contents(store) if ".partial" in name]


def test_results_depend_on_nothing_but_the_point(tmp_path):
    """Inline, processes, threads, other numbers of workers, shards, another order: the same bits, the same bytes."""
    alone = sweep(sweep_functions.short_rates, RATES, workers=1, store=tmp_path / "1")
    assert len({to_text(result) for result in alone.results}) == 6
    assert alone.results == sweep(sweep_functions.short_rates, RATES, workers=1).results
    sweep(sweep_functions.short_rates, RATES, workers=2, store=tmp_path / "2")
    sweep(sweep_functions.short_rates, RATES, workers=3, store=tmp_path / "3")
    with ThreadPoolExecutor(2) as executor:
        sweep(sweep_functions.short_rates, RATES, executor=executor, store=tmp_path / "4")
    with ProcessPoolExecutor(2) as executor:
        sweep(sweep_functions.short_rates, RATES, executor=executor, store=tmp_path / "5")
    for part in (2, 0, 1):
        found = sweep(sweep_functions.short_rates, RATES, workers=1, store=tmp_path / "6", shard=(part, 3))
        assert len(found.missing) == {2: 4, 0: 2, 1: 0}[part]
    assert found == alone
    shuffled = random.Random(2).sample(alone.points, 6)
    other = sweep(sweep_functions.short_rates, shuffled, workers=2, store=tmp_path / "7")
    by_point = {tuple(point.values()): result for point, result in zip(alone.points, alone.results, strict=True)}
    assert other.results == tuple(by_point[tuple(point.values())] for point in shuffled)
    for number in range(2, 8):
        assert contents(tmp_path / str(number)) == contents(tmp_path / "1")


@pytest.mark.filterwarnings("default")
def test_dask(tmp_path):
    distributed = pytest.importorskip("distributed")
    alone = sweep(sweep_functions.short_rates, RATES, workers=1, store=tmp_path / "alone")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor()
        found = sweep(sweep_functions.short_rates, RATES, executor=executor, store=tmp_path / "dask")
        failing = sweep(sweep_functions.fails_at_two, FIVE, executor=executor)
        many = sweep(Scaled(2.0), {"x": list(range(100))}, executor=executor)
    assert found == alone
    assert contents(tmp_path / "dask") == contents(tmp_path / "alone")
    assert failing.failures == {2: "ArithmeticError: two is too much"}
    assert many.array().tolist() == [2.0 * x for x in range(100)]


def test_two_shards_share_a_store_at_the_same_time(tmp_path):
    both = [start("logged", tmp_path / "s", shard=(part, 2), workers=1, log=tmp_path / "log") for part in (0, 1)]
    for process in both:
        finish(process)
    finish(start("logged", tmp_path / "t", log=tmp_path / "other"))
    assert max(Counter(point for point, _ in begun(tmp_path / "log")).values()) == 1
    assert contents(tmp_path / "s") == contents(tmp_path / "t")


def test_what_another_process_finished_meanwhile_is_not_computed_again(tmp_path, monkeypatch):
    monkeypatch.setenv(sweep_functions.LOG, str(tmp_path / "log"))
    grid = {"x": [0.0, 1.0, 2.0], "y": [1.0]}
    reports = []

    def progress(state):
        reports.append((state.done, state.total))
        if len(reports) == 1:
            sweep(sweep_functions.logged, grid, store=tmp_path / "s", shard=(2, 3), workers=1)

    found = sweep(sweep_functions.logged, grid, store=tmp_path / "s", workers=1, progress=progress)
    assert found.complete
    assert len(begun(tmp_path / "log")) == 3
    assert reports == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_finished_sweep_is_read_and_not_computed(tmp_path, monkeypatch):
    monkeypatch.setenv(sweep_functions.LOG, str(tmp_path / "log"))
    first = sweep(sweep_functions.logged, GRID, store=tmp_path / "s", workers=2)
    before = (tmp_path / "log").read_text()
    assert sweep(sweep_functions.logged, GRID, store=tmp_path / "s", workers=2) == first
    assert (tmp_path / "log").read_text() == before


def test_leftovers_go_and_files_of_living_processes_stay(tmp_path):
    first = sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1)
    whole = contents(tmp_path / "s")
    folder = next((tmp_path / "s" / "points").iterdir())
    dead = [tmp_path / "s" / ".partial-sweep.json-1", folder / ".partial-x.json-2"]
    for path in dead:
        path.write_text("{")
    stale = next(folder.glob("*.json")).with_suffix(".failure")
    stale.write_text('{"failure": "RuntimeError: earlier"}')
    living = folder / ".partial-y.json-3"
    with living.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1) == first
        assert contents(tmp_path / "s") == whole | {str(living.relative_to(tmp_path / "s")): b""}
    sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1)
    assert contents(tmp_path / "s") == whole


def test_a_file_taken_for_a_leftover_while_it_is_written_is_written_again(tmp_path, monkeypatch):
    taken = []

    def claim(file):
        if len(taken) % 3 != 2:
            os.unlink(file.name)
        taken.append(file.name)

    monkeypatch.setattr(reduction.whole_files, "_claim", claim)
    assert sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1).complete
    assert len(taken) == 3 * 6
    monkeypatch.undo()
    sweep(Scaled(2.0), FIVE, store=tmp_path / "t", workers=1)
    assert contents(tmp_path / "s") == contents(tmp_path / "t")


def test_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1)
    monkeypatch.undo()
    sweep(Scaled(2.0), FIVE, store=tmp_path / "t", workers=1)
    assert contents(tmp_path / "s") == contents(tmp_path / "t")


@pytest.mark.parametrize("damage", [b"", b'{"values": {"x": 2.0}, "resu', b"\0" * 60, b"[]\n"])
def test_a_damaged_file_is_computed_again(tmp_path, damage):
    first = sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1)
    whole = contents(tmp_path / "s")
    next((tmp_path / "s").glob("points/*/*.json")).write_bytes(damage)
    assert sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1) == first
    assert contents(tmp_path / "s") == whole


def test_another_sweep_is_refused(tmp_path, monkeypatch):
    def again(function=Scaled(2.0), grid=FIVE, specification=None):  # noqa: B008
        return sweep(function, grid, store=tmp_path / "s", workers=1, specification=specification)

    again()
    for call, message in (
        (lambda: again(Scaled(3.0)), "function.fields.factor is 2.0 there, 3.0 here"),
        (lambda: again(sweep_functions.fails_at_two), "function is {"),
        (lambda: again(grid={"x": [0.0, 1.0]}), "grid.points is 5 there, 2 here"),
        (lambda: again(grid={"x": [0.0, 1.0, 2.0, 3.0, 5.0]}), "grid.sha256 is"),
        (lambda: again(specification={"code": 2}), "specification is None there, {'code': 2} here"),
    ):
        with pytest.raises(SpecificationError, match="holds another sweep .* give another store, or remove") as refusal:
            call()
        assert message in str(refusal.value)
    assert again(grid=[{"x": x} for x in (3, 1, 0, 4, 2)]).complete  # the same points in another order
    monkeypatch.setattr("reduction.sweeping.version", lambda name: "99")
    with pytest.raises(SpecificationError, match="version is .* there, '99' here"):
        again()
    (tmp_path / "s" / "sweep.json").write_text("{")
    with pytest.raises(SpecificationError, match="is not the description of a sweep"):
        again()


def test_folders_of_others_are_refused(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(SpecificationError, match="holds thesis.tex but no sweep"):
        sweep(Scaled(2.0), FIVE, store=tmp_path, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(SpecificationError, match="cannot be used: (File exists|Not a directory)"):
        sweep(Scaled(2.0), FIVE, store=tmp_path / "thesis.tex", workers=1)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".partial-sweep.json-0").touch()
    assert sweep(Scaled(2.0), FIVE, store=tmp_path / "new", workers=1).complete


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_point_is_recorded_and_the_rest_goes_on(tmp_path, workers):
    found = sweep(sweep_functions.fails_at_two, FIVE, store=tmp_path / "s", workers=workers)
    assert found.failures == {2: "ArithmeticError: two is too much"}
    assert found.results == (0.0, 1.0, None, 3.0, 4.0)
    assert not found.complete
    (path,) = (tmp_path / "s").glob("points/*/*.failure")
    assert json.loads(path.read_text()) == {"values": {"x": 2.0}, "failure": "ArithmeticError: two is too much"}
    assert sweep(sweep_functions.leaves_at_two, FIVE, workers=workers).failures == {2: "SystemExit: enough"}


def test_failed_points_are_tried_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SWEEP_FAILS", "yes")
    found = sweep(sweep_functions.fails_while_told, FIVE, store=tmp_path / "s", workers=2, shard=(0, 2))
    assert set(found.failures) == {0, 2, 4}
    monkeypatch.delenv("SWEEP_FAILS")
    found = sweep(sweep_functions.fails_while_told, FIVE, store=tmp_path / "s", workers=2, shard=(1, 2))
    assert (set(found.failures), found.missing) == ({0, 2, 4}, ())
    assert sweep(sweep_functions.fails_while_told, FIVE, store=tmp_path / "s", workers=2).complete
    sweep(sweep_functions.fails_while_told, FIVE, store=tmp_path / "t", workers=2)
    assert contents(tmp_path / "s") == contents(tmp_path / "t")


def test_a_failure_never_hides_a_result(tmp_path):
    sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1)
    whole = contents(tmp_path / "s")
    specification = json.loads((tmp_path / "s" / "sweep.json").read_text())
    store = reduction.store.ResultStore(tmp_path / "s", specification, [{"x": x} for x in FIVE["x"]])
    store.save(3, reduction.workers.Outcome(None, "MemoryError: "))
    assert contents(tmp_path / "s") == whole


@pytest.mark.parametrize("start_method", [(), ("spawn",), ("forkserver",)])
def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process(tmp_path, start_method):
    log = tmp_path / "log"
    grid = {"x": [float(x) for x in range(50)]}
    process = start("long_at_last", tmp_path / "s", grid=grid, log=log, method=start_method)
    assert wait_until(lambda: len(begun(log)) == 5 and len(kept_points(tmp_path / "s")) == 3, 30)
    pressed = time.time()
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=30)
    returned, message = out.split(" ", 1)
    assert float(returned) - pressed < 5.0
    assert f"3 of 50 points are finished and kept in {tmp_path / 's'}: run the same sweep again" in message
    assert error == ""
    assert not any(alive(pid) for _, pid in begun(log))
    assert kept_points(tmp_path / "s") == {("0",), ("1",), ("2",)}
    assert not [name for name in contents(tmp_path / "s") if ".partial" in name]


def test_ctrl_c_keeps_results_that_had_arrived(tmp_path):
    """An interruption while a point is being written: it is written all the same."""
    save, calls = reduction.store.write_whole, []

    def interrupted(path, text, **options):
        calls.append(path.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        save(path, text, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reduction.store, "write_whole", interrupted)
        with pytest.raises(KeyboardInterrupt, match="2 of 5 points are finished and kept"):
            sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1)
    assert len(kept_points(tmp_path / "s")) == 2
    assert sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=1).complete


@pytest.mark.parametrize(
    ("function", "ending"), [("dies_at_two", "killed by SIGKILL"), ("exits_at_two", "exit status 3")]
)
def test_a_worker_that_dies(tmp_path, function, ending):
    found = sweep(getattr(sweep_functions, function), FIVE, store=tmp_path / "s", workers=2)
    assert set(found.failures) == {2}
    assert f"the worker process died, and once more when it was alone ({ending}): if memory" in found.failures[2]
    assert [result for result in found.results if result is not None] == [0.0, 1.0, 3.0, 4.0]


def test_a_worker_that_dies_once(tmp_path):
    assert sweep(DiesOnce(str(tmp_path)), FIVE, store=tmp_path / "s", workers=2).results == (0.0, 1.0, 2.0, 3.0, 4.0)


def test_many_workers_that_die():
    found = sweep(sweep_functions.dies_at_two, [{"x": 2, "y": y} for y in range(6)] + [{"x": 1, "y": 0}], workers=3)
    assert (len(found.failures), found.results[6]) == (6, 1.0)


def test_a_broken_executor(tmp_path):
    with (
        ProcessPoolExecutor(1) as executor,
        pytest.raises(
            NumericalError, match=r"the executor broke \(BrokenProcessPool: .*\); 2 of 5 points are finished"
        ),
    ):
        sweep(sweep_functions.exits_at_two, FIVE, executor=executor, store=tmp_path / "s")
    assert kept_points(tmp_path / "s") == {("0",), ("1",)}
    assert list((tmp_path / "s").glob("points/*/*.failure"))
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(NumericalError, match="the executor broke .*after shutdown.*; give a store to keep them"):
        sweep(Scaled(2.0), FIVE, executor=executor)


def test_what_cannot_be_pickled_is_refused(tmp_path):
    message = "cannot be sent to worker processes .*: give a function of a module's top level, .* or workers=1"
    with pytest.raises(SpecificationError, match=message):
        sweep(lambda values: 1.0, FIVE, workers=2)
    with pytest.raises(SpecificationError, match=message):
        sweep(Scaled(2.0, threading.Lock()), FIVE, workers=2, store=tmp_path / "s")
    with ProcessPoolExecutor(1) as executor, pytest.raises(SpecificationError, match=message):
        sweep(lambda values: 1.0, FIVE, executor=executor)
    assert not (tmp_path / "s").exists()
    with ThreadPoolExecutor(2) as executor:
        assert sweep(lambda values: 2 * values["x"], FIVE, executor=executor).results == (0.0, 2.0, 4.0, 6.0, 8.0)
    with pytest.raises(SpecificationError, match="lambda> cannot be told from others: a store needs a function of"):
        sweep(lambda values: 1.0, FIVE, workers=1, store=tmp_path / "s")


def test_a_script_without_a_guard(tmp_path):
    """A start method that imports the script anew in the workers: the script must not sweep while it is imported."""
    text = (
        "import multiprocessing, reduction.sweeping\n"
        "def f(values): return values['x']\n"
        "{guard}\n"
        "    multiprocessing.set_start_method('spawn', force=True)\n"
        "    print(reduction.sweeping.sweep(f, {{'x': [1, 2, 3]}}, workers=2).results)\n"
    )

    def run(guard):
        (tmp_path / "script.py").write_text(text.format(guard=guard))
        return subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=60)

    assert run('if __name__ == "__main__":').stdout == "(1.0, 2.0, 3.0)\n"
    assert 'call sweep under `if __name__ == "__main__":`; or give workers=1' in run("if True:").stderr


def test_a_function_that_workers_cannot_load():
    text = (
        "import multiprocessing, reduction.sweeping\n"
        "multiprocessing.set_start_method('spawn')\n"
        "def f(values): return values['x']\n"
        "reduction.sweeping.sweep(f, {'x': [1, 2, 3]}, workers=2)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert "SpecificationError: function: cannot be loaded in worker processes (AttributeError: " in done.stderr
    assert "put it into a module that can be imported, or give workers=1" in done.stderr


def test_processes_that_cannot_be_started(monkeypatch):
    def refuse(*_):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(multiprocessing.Process, "start", refuse)
    with pytest.raises(NumericalError, match=r"cannot be started \(.*unavailable\): give workers=1"):
        sweep(Scaled(2.0), FIVE, workers=2)


def test_a_full_disk(tmp_path, monkeypatch):
    write, room = reduction.store.write_whole, iter(range(3))

    def full(path, text, **options):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, text, **options)

    monkeypatch.setattr(reduction.store, "write_whole", full)
    message = r"points/../\w+\.json: cannot be written: No space left on device; all points finished before are kept"
    with pytest.raises(NumericalError, match=message):
        sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=2)
    assert len(kept_points(tmp_path / "s")) == 2
    monkeypatch.undo()
    assert sweep(Scaled(2.0), FIVE, store=tmp_path / "s", workers=2).complete


@pytest.mark.parametrize("workers", [1, 2])
def test_a_result_that_is_not_plain(workers):
    found = sweep(sweep_functions.not_plain, FIVE, workers=workers)
    assert found.failures[0] == (
        "SpecificationError: result['bad'][1]: is of type set, which has no plain form: give numbers, texts, None, "
        "arrays, estimates, lists and dicts of these"
    )


@pytest.mark.parametrize("value", [1j, {1: 2}, {"$float": "x"}, object(), np.array([1j]), np.longdouble(1), b"x"])
def test_values_without_a_plain_form(value):
    with pytest.raises(SpecificationError, match="result"):
        to_text(value)


def test_what_is_not_finite_survives(tmp_path):
    for workers in (1, 2, 1):
        found = sweep(sweep_functions.non_finite, FIVE, store=tmp_path / "s", workers=workers).results[1]
        assert [repr(value) for value in found["all"]] == [
            "nan",
            "inf",
            "-inf",
            "-0.0",
            "5e-324",
            "0.30000000000000004",
        ]
        assert found["x"] == 1.0
    for path in (tmp_path / "s").glob("points/*/*.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != "$float"), inner),
)


@given(PLAIN)
def test_plain_values_survive(value):
    assert repr(from_text(to_text(value))) == repr(value)


def test_numpy_and_estimates_become_plain():
    value = (
        np.int64(3),
        np.float32(0.5),
        np.bool_(True),
        np.arange(4.0).reshape(2, 2),
        spiking.estimates.Estimate(1, 2),
    )
    assert from_text(to_text(value)) == [3, 0.5, True, [[0.0, 1.0], [2.0, 3.0]], {"mean": 1, "se": 2}]


def test_few_futures_are_in_flight():
    class Watched(ThreadPoolExecutor):
        flying = most = 0

        def submit(self, *arguments):
            self.flying += 1
            self.most = max(self.most, self.flying)
            future = super().submit(*arguments)
            future.add_done_callback(lambda _: setattr(self, "flying", self.flying - 1))
            return future

    with Watched(3) as executor:
        found = sweep(sweep_functions.nothing, {"x": list(range(3000))}, executor=executor)
        assert executor.most <= 4 * 3
    assert found.results == (None,) * 3000
    assert found.complete


def test_progress(tmp_path, monkeypatch):
    monkeypatch.setenv(sweep_functions.LOG, str(tmp_path / "log"))
    grid, states = {"x": [1.0, 2.0], "y": [float(y) for y in range(20)]}, []
    sweep(sweep_functions.logged, grid, workers=1, store=tmp_path / "s", shard=(0, 2))
    begun = time.monotonic()
    sweep(sweep_functions.logged, grid, workers=1, store=tmp_path / "s", progress=states.append)
    took = time.monotonic() - begun
    assert states[0] == Progress(20, 0, 40, None)
    assert [state.done for state in states] == list(range(20, 41))
    assert states[10].seconds_left == pytest.approx(took / 2, rel=0.5)  # not a quarter: what was resumed cost nothing
    assert states[-1].seconds_left == 0.0
    assert all(a.total == b.total == 40 for a, b in pairwise(states))
    states.clear()
    sweep(sweep_functions.fails_at_two, FIVE, workers=2, progress=states.append)
    assert (states[-1].done, states[-1].failed) == (4, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_in_progress_stops(tmp_path, workers):
    def stop(state):
        if state.done == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        sweep(Scaled(2.0), {"x": [float(x) for x in range(100)]}, workers=workers, store=tmp_path / "s", progress=stop)
    assert 2 <= len(kept_points(tmp_path / "s")) <= 2 + 2 * workers


def test_results_as_arrays_tables_and_files(tmp_path):
    grid = {"x": [1.0, 2.0, 3.0], "y": np.array([0.5, 1.5])}
    found = sweep(sweep_functions.polynomial, grid, workers=1)
    x, y = np.meshgrid(grid["x"], grid["y"], indexing="ij")
    assert found.shape == (3, 2)
    assert found.points[1] == {"x": 1.0, "y": 1.5}
    np.testing.assert_array_equal(found.array("sum"), x + y)
    np.testing.assert_array_equal(found.array("powers"), np.stack([x, x**2], axis=-1))
    np.testing.assert_array_equal(found.array("powers", 1), x**2)
    np.testing.assert_array_equal(found.array("mean", "se"), np.full((3, 2), 0.1))
    for path, error, message in (
        (("total",), UnknownNameError, "key of result 'total' does not exist; there are: sum, powers, mean, name"),
        (("mean", "sd"), UnknownNameError, r"key of result\['mean'\] 'sd' does not exist"),
        (("powers", 2), UnknownNameError, "there are: 0, 1"),
        (("name",), SpecificationError, r"result\['name'\]: is not a number"),
        ((), SpecificationError, "result: is not a number"),
    ):
        with pytest.raises(error, match=message):
            found.array(*path)
    found.save(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[:2] == [
        "x,y,sum,powers.0,powers.1,mean.mean,mean.se,name", "1.0,0.5,1.5,1.0,1.0,0.5,0.1,p",
    ]  # fmt: skip
    found.save(tmp_path / "t.json")
    data = json.loads((tmp_path / "t.json").read_text())
    assert data["axes"] == {"x": [1.0, 2.0, 3.0], "y": [0.5, 1.5]}
    assert data["points"][1]["values"] == {"x": 1.0, "y": 1.5}
    assert tuple(row["result"] for row in data["points"]) == found.results
    for name, message in (("t.txt", "must end in .csv or .json"), ("no/t.csv", "cannot be written")):
        with pytest.raises(SpecificationError, match=message):
            found.save(tmp_path / name)


def test_tables_with_gaps(tmp_path):
    found = sweep(sweep_functions.fails_at_two, FIVE, workers=1)
    np.testing.assert_array_equal(found.array(), [0.0, 1.0, math.nan, 3.0, 4.0])
    found.save(tmp_path / "t.csv")
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert (lines[0], lines[1], lines[3]) == ("x,result,failure", "0.0,0.0,", "2.0,,ArithmeticError: two is too much")
    part = sweep(Scaled(1.0), FIVE, workers=1, shard=(1, 2))
    assert part.missing == (0, 2, 4)
    np.testing.assert_array_equal(part.array(), [math.nan, 1.0, math.nan, 3.0, math.nan])
    assert (
        sweep(sweep_functions.non_finite, {"x": [1.0]}, workers=1).to_csv().splitlines()[1].startswith("1.0,nan,inf,")
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"function": 3}, ParameterError, "function = 3: must be callable"),
        ({"grid": {}}, SpecificationError, "must map at least one address"),
        ({"grid": []}, SpecificationError, "has 0 points"),
        ({"grid": {"x": []}}, SpecificationError, "has 0 points"),
        ({"grid": {"x": 3.0}}, ParameterError, "grid.x = 3.0: must be a list of numbers"),
        ({"grid": {"x": ["a"]}}, ParameterError, "grid.x = 'a': must be a number"),
        ({"grid": {"x": [math.nan]}}, ParameterError, "grid.x = nan"),
        ({"grid": {"x": [1.0, 1]}}, SpecificationError, "{'x': 1.0} is there twice"),
        ({"grid": {1: [1.0]}}, SpecificationError, "the address 1 must be a text"),
        ({"grid": [{"x": 1}, {"y": 1}]}, SpecificationError, r"grid\[1\] has the addresses \['y'\]"),
        ({"grid": [{}]}, SpecificationError, r"grid\[0\] has the addresses \[\]"),
        ({"grid": "x"}, ParameterError, "must map addresses to values, or be a list of such points"),
        ({"grid": {"x": range(1001), "y": range(1000)}}, SpecificationError, "has 1001000 points; must have between"),
        ({"workers": 0}, ParameterError, "workers = 0"),
        ({"executor": 2}, ParameterError, "executor = 2: must be a concurrent.futures.Executor"),
        ({"shard": (2, 2)}, ParameterError, r"shard = \(2, 2\): must be \(k, n\) with whole numbers 0 <= k < n"),
        ({"shard": "1/2"}, ParameterError, "shard = '1/2'"),
        ({"progress": True}, ParameterError, "progress = 1|progress = True"),
        ({"specification": 2}, ParameterError, "specification = 2: must be a mapping"),
        ({"specification": {"a": {1}}}, SpecificationError, r"specification\['a'\]: is of type set"),
    ],
)
def test_bad_input_is_refused_before_any_work(tmp_path, arguments, error, message):
    calls = {"function": pytest.fail, "grid": FIVE, "store": tmp_path / "s"} | arguments
    if calls["function"] is pytest.fail:
        calls["function"] = Scaled(2.0)
    with pytest.raises(error, match=message):
        sweep(calls.pop("function"), calls.pop("grid"), **calls)
    assert not (tmp_path / "s").exists()


def test_an_executor_has_its_own_workers():
    with ThreadPoolExecutor(1) as executor, pytest.raises(SpecificationError, match="workers: not with an executor"):
        sweep(Scaled(2.0), FIVE, executor=executor, workers=2)


def test_descriptions(chang):
    assert described(sweep_functions.scaled, "f") == "sweep_functions.scaled"
    assert described(functools.partial(sweep_functions.scaled, 3.0, name=math.inf), "f") == {
        "partial": "sweep_functions.scaled", "arguments": [3.0], "keywords": {"name": {"$float": "inf"}},
    }  # fmt: skip
    assert described(Versioned(4), "f") == {"class": "sweep_functions.Versioned", "specification": {"number": 4}}
    assert described(Scaled(2.0), "f")["fields"] == {"factor": 2.0, "network": None}
    table = described(Scaled(2.0, chang), "f")["fields"]["network"]["network"]
    assert table["projections"]["EI"]["probability"] == 0.8
    assert described(chang.replace({"EI.weight": 2.0}), "f") != described(chang, "f")
    long = described(np.arange(2000), "f")
    assert long["items"] == 2000
    assert long != described(np.arange(1, 2001), "f")
    for unknown in (threading.Lock(), functools.partial(sweep_functions.scaled, np.random.default_rng(1))):
        with pytest.raises(SpecificationError, match="cannot be told from others: a store needs"):
            described(unknown, "f")
