"""Every example runs."""

from __future__ import annotations

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


TRAINING = {"Jahns_2025_digits": ("torch", "sklearn")}


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=p.stem, marks=[pytest.mark.slow] if p.stem in TRAINING else []) for p in EXAMPLES],
)
def test_example(path, monkeypatch):
    for package in TRAINING.get(path.stem, ()):
        pytest.importorskip(package)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.extend(plt.get_fignums()))
    runpy.run_path(str(path), run_name="__main__")
    assert shown
    plt.close("all")
