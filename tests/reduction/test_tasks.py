from __future__ import annotations

import errno
import os
import pickle
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

import reduction
from reduction import tasks
from reduction.whole_files import write_whole
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError

FAST = {
    "parameter": "EI.probability", "values": [0.6, 0.8], "levels": ["ode"], "duration": 200.0, "discard": 50.0,
    "closure": "white", "integration_dt": 0.2,
}  # fmt: skip


def test_processes_give_the_same_as_threads(chang):
    with ProcessPoolExecutor(2) as pool:
        far = reduction.validate(chang, **FAST, executor=pool)
    assert far.to_json() == reduction.validate(chang, **FAST, workers=1).to_json()


def test_a_store_takes_more_values_later(chang, tmp_path):
    reduction.validate(chang, **FAST, store=tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "points").iterdir()}
    assert len(kept) == 2
    more = reduction.validate(chang, **{**FAST, "values": [0.6, 0.7, 0.8]}, store=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert more.to_json() == reduction.validate(chang, **{**FAST, "values": [0.6, 0.7, 0.8]}).to_json()


def killing(task):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_dies_is_reported_and_what_finished_is_kept(chang, tmp_path):
    reduction.validate(chang, **{**FAST, "values": [0.6]}, store=tmp_path)
    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(killing, None).result()
        with pytest.raises(NumericalError, match="executor: BrokenProcessPool: .* call again with a new executor"):
            reduction.validate(chang, **FAST, executor=pool, store=tmp_path)
    assert len(list((tmp_path / "points").iterdir())) == 1
    reduction.validate(chang, **FAST, store=tmp_path)


def test_continued_branches_reach_other_processes_without_their_equations():
    system = reduction.ODESystem.from_expressions({"x": "m + x - x**3/3"}, {"m": -2.0})
    diagram = reduction.diagram(system, "m", (-2.0, 2.0))
    far = pickle.loads(pickle.dumps(diagram))
    assert [p.value for p in far.special_points] == [p.value for p in diagram.special_points] != []
    with pytest.raises(SpecificationError, match="does not know its equations"):
        far.branches[0].switch(far.special_points[0])


def test_a_full_disk_stops_with_the_path_and_keeps_what_is_there(chang, tmp_path, monkeypatch):
    written = []

    def full(path, text):
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(path)
        write_whole(path, text)

    monkeypatch.setattr(tasks, "write_whole", full)
    with pytest.raises(NumericalError, match=r"points/rates-\w+.json: cannot be written: No space left on device"):
        reduction.validate(chang, **FAST, store=tmp_path, workers=1)
    assert list((tmp_path / "points").iterdir()) == written


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"aspects": ["speed"]}, UnknownNameError, "aspect 'speed' does not exist"),
        ({"aspects": []}, SpecificationError, r"aspects = \[\]: must name at least one of rates, budget"),
        ({"aspects": ["metastability"]}, SpecificationError, "'metastability' needs one of the levels chain, langevin"),
        ({"levels": ["siegert"], "aspects": ["attractors"]}, SpecificationError, "'attractors' needs one of the"),
        (
            {"parameter": ("EI.probability", "EE.weight"), "values": ([0.6], [1.0]), "aspects": ["bifurcations"]},
            SpecificationError, "needs one parameter, not a plane",
        ),
        ({"aspects": ["rates", "bifurcations"]}, SpecificationError, "values = .* must be at least three"),
        ({"aspects": ["rates", "attractors"]}, ParameterError, "duration = 200.0: must exceed discard by 2010 ms"),
        ({"parameter": ("EI.probability",)}, SpecificationError, "must be an address, or two with values for each"),
        (
            {"parameter": ("EI.probability", "EE.weight"), "values": ([0.6], [1.0, 0.9])},
            SpecificationError, "values of EE.weight = .* must be strictly increasing",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_before_any_work(chang, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        reduction.validate(chang, **{**FAST, **options}, store=tmp_path)
    assert not list(tmp_path.glob("points/*"))
