from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spiking.kernels import tables


@given(st.floats(0, 200))
def test_poisson_rows(mean):
    row = tables.poisson_row(mean)
    np.testing.assert_allclose(row, stats.poisson(mean).cdf(np.arange(row.size)), atol=1e-13)
    assert row[-1] == 1.0


@given(st.integers(0, 1000), st.floats(0, 1))
def test_binomial_rows(trials, probability):
    row = tables.binomial_row(trials, probability)
    np.testing.assert_allclose(row, stats.binom(trials, probability).cdf(np.arange(trials + 1)), atol=1e-11)
    assert row[-1] == 1.0


@given(st.lists(st.floats(0, 50), min_size=1, max_size=5), st.floats(0, 1, exclude_max=True))
def test_the_guide_never_overshoots(means, u):
    cdf, starts, guide = tables.pack([tables.poisson_row(mean) for mean in means])
    ends = [*starts[1:], cdf.size]
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        exact = int(np.searchsorted(cdf[start:end], u, side="right"))
        assert guide[row, int(u * tables.GUIDE)] <= exact < end - start


def test_an_empty_table_is_harmless():
    cdf, starts, guide = tables.pack([])
    assert cdf[starts[0] + guide[0, 0]] == 1.0


@pytest.mark.parametrize("rate", [0.02, 0.4])
def test_two_draws_make_one_poisson_number(rate):
    rows = tables.consumption_rows(rate, binomial=False)
    waiting = 5 * tables.FINE + 17
    pair = np.convolve(*(np.diff(rows[i], prepend=0.0) for i in (17, tables.FINE + 5)))
    exact = stats.poisson(waiting * rate).pmf(np.arange(pair.size))
    np.testing.assert_allclose(pair, exact, atol=1e-12)
