"""Mean-field rates of published networks."""

from __future__ import annotations

import pytest

import spiking
from reduction.levels.stationary import stationary


@pytest.mark.parametrize(
    ("g", "external", "reset", "rate"), [(5, 2, 10.0, 37.9497), (6, 4, 10.0, 55.8413), (5, 2, 0.0, 32.03)]
)
def test_brunel(g, external, reset, rate):
    """Brunel 2000, model A: g and nu_ext/nu_thr; with reset 0 the constants of NEST's example."""
    changes = {f"{p}I.weight": 0.1 * g for p in "EI"}
    changes |= {f"{p}.drive.rate": 10.0 * external for p in "EI"} | {f"{p}.reset": reset for p in "EI"}
    (state,) = stationary(spiking.presets.brunel2000().replace(changes))
    print(f"\nBrunel 2000 ({g}, {external}), reset {reset}: {state.rates['E']:.4f} Hz, CV {state.variations['E']:.4f}")
    assert state.rates["E"] == pytest.approx(rate, abs=6e-5 if reset else 6e-3)
    assert state.rates["I"] == pytest.approx(state.rates["E"], rel=1e-12)
