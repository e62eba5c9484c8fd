from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spiking.kernels import random, tables


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


words = st.integers(0, 2**32 - 1) | st.integers(0, 1023).map(lambda k: 2**32 - 1 - k)


@settings(deadline=None)
@given(st.lists(st.floats(0, 300), min_size=1, max_size=4), words)
def test_a_word_draws_its_quantile(means, word):
    rows = [tables.poisson_row(mean) for mean in means]
    table = tables.pack(rows)
    for i, row in enumerate(rows):
        expected = np.searchsorted(np.rint(row * 2.0**32), word, side="right")
        assert random.draw(np.uint32(word), i, *table) == expected < row.size


def test_an_empty_table_draws_nothing():
    assert random.draw(np.uint32(2**32 - 1), 0, *tables.pack([])) == 0


@pytest.mark.parametrize("rate", [0.02, 0.4])
def test_two_draws_make_one_poisson_number(rate):
    rows = tables.consumption_rows(rate, binomial=False)
    waiting = 5 * tables.FINE + 17
    pair = np.convolve(*(np.diff(rows[i], prepend=0.0) for i in (17, tables.FINE + 5)))
    exact = stats.poisson(waiting * rate).pmf(np.arange(pair.size))
    np.testing.assert_allclose(pair, exact, atol=1e-12)
