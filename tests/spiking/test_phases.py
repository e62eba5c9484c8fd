from __future__ import annotations

import math

import numpy as np
import pytest

from spiking.errors import ParameterError
from spiking.phases import lorentzian_of


def test_center_and_half_width_against_the_mean_phase():
    """Naive twin: the order parameter of the phases, angle by angle."""
    voltages = -5.0 + 2.0 * np.random.default_rng(1).standard_cauchy((3, 2000))
    found = lorentzian_of(voltages)
    for k, own in enumerate(voltages):
        order = sum(complex(math.cos(phase), math.sin(phase)) for phase in 2.0 * np.arctan(own)) / own.size
        w = (1.0 - order.conjugate()) / (1.0 + order.conjugate())
        assert (found.center[k], found.half_width[k]) == pytest.approx((w.imag, w.real), rel=1e-9)
        assert (found.center[k], found.half_width[k]) == pytest.approx((-5.0, 2.0), abs=0.5)


def test_voltages_that_are_alike_or_large():
    assert lorentzian_of([2.0]) == pytest.approx((2.0, 0.0), abs=1e-15)
    assert lorentzian_of([2.0, 2.0]).half_width >= 0.0
    assert lorentzian_of([1e12, 1e12]).center == pytest.approx(1e12)
    assert lorentzian_of([1e300, 1.0]) == pytest.approx((2.0, 1.0))


@pytest.mark.parametrize("voltages", [1.0, [], np.empty((3, 0)), [math.inf, 1.0], [math.nan], "x", [1j]])
def test_refused_voltages(voltages):
    with pytest.raises(ParameterError, match="voltages = "):
        lorentzian_of(voltages)
