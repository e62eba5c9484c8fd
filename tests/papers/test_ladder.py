"""The chain against the spiking network: rates, synchrony, spectrum and events; networks chosen before looking."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import reduction

sys.path.insert(0, str(Path(__file__).parent.parent / "data"))
from ladder import V_MIN, events, networks

QUICK = ("0.80", "leaky")


def compare(key, table, duration, trials, **options):
    """Return relative errors of the rates with their standard errors, and of SSI, peak frequency and event size."""
    network = networks()[key]
    reference = {row["population"]: row for row in table("ladder.csv") if row["network"] == key}
    approximation = reduction.MarkovApproximation(network, v_min=V_MIN.get(key), **options)
    trajectory = reduction.integrate(approximation, "chain", duration, seed=3, trials=trials)
    errors = {}
    for name, rate in trajectory.rates(1000.0).items():
        expected, se = (float(reference[name][x]) for x in ("rate_hz", "se"))
        errors[name] = rate.mean / expected - 1, np.hypot(rate.se, se) / expected
    size = network.sizes["E"]
    counts = np.rint(trajectory.firing_rates[:, 10000:, 0] * size * 1e-4).astype(int)
    found = np.mean([events(own, size) for own in counts], axis=0)
    expected = [float(reference["E"][x]) for x in ("ssi", "peak_hz", "event_size")]
    ratios = found / expected - 1
    shown = [f"{name} {e:+.1%} ± {s:.1%}" for name, (e, s) in errors.items()]
    print(f"\nchain, {key} {options or ''}:", *shown, "SSI {:+.0%} peak {:+.0%} event size {:+.0%}".format(*ratios))
    return errors, ratios


@pytest.mark.parametrize("key", QUICK)
def test_rates_of_the_chain(table, key):
    """Within 1 % plus 3 standard errors, over 5 s."""
    errors, _ = compare(key, table, 6000.0, 1)
    for error, se in errors.values():
        assert abs(error) < 0.01 + 3 * se


@pytest.mark.slow
def test_rates_and_events_of_the_chain_everywhere(table):
    """20 s in two trials each: mean error of the rates at most 2 %, worst at most 5 %; synchrony needs finer bins."""
    worst = []
    for key in networks():
        errors, ratios = compare(key, table, 21000.0, 2)
        worst += [abs(e) for e, _ in errors.values()]
        assert abs(ratios[1]) < 0.1
    print(f"\nmean {np.mean(worst):.2%}, worst {max(worst):.2%}")
    assert np.mean(worst) < 0.02
    assert max(worst) < 0.05
