from __future__ import annotations

import naive_network
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spiking.kernels import random

WORD = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)  # fmt: skip
def test_known_answers_of_philox4x32_10(counter, key, words):
    """From kat_vectors of Random123 (Salmon et al. 2011)."""
    assert " ".join(f"{word:08x}" for word in random.philox(*counter, *key)) == words
    assert " ".join(f"{word:08x}" for word in naive_network.philox(counter, key)) == words


@settings(deadline=None)
@given(key=st.tuples(WORD, WORD), step=st.integers(0, 2**40), use=st.integers(0, 2**20), quarter=st.integers(1, 20))
def test_a_block_of_words_is_the_counters_words(key, step, use, quarter):
    words = np.empty(4 * quarter, np.uint32)
    random.fill(words, np.array(key, np.uint32), step, use)
    for i, word in enumerate(words):
        assert word == naive_network.philox((i % quarter, step & 0xFFFFFFFF, step >> 32, use), key)[i // quarter]
    assert random.word(np.array(key, np.uint32), step, use, 3) == naive_network.philox(
        (3, step & 0xFFFFFFFF, step >> 32, use), key
    )[0]  # fmt: skip


def test_normal_numbers_are_the_quantiles_of_words():
    near_the_ends = np.concatenate([np.arange(3000), 2 ** np.arange(32), 2**32 - 1 - np.arange(3000)])
    words = np.concatenate([near_the_ends, np.random.default_rng(1).integers(0, 2**32, 20000)])
    found = [random.normal(np.uint32(word)) for word in words]
    np.testing.assert_allclose(found, stats.norm.ppf((words + 0.5) / 2**32), atol=1e-7)


def test_normal_numbers_have_the_right_moments():
    words = np.empty(400_000, np.uint32)
    random.fill(words, np.array([1, 2], np.uint32), 3, 4)
    found = np.array([random.normal(word) for word in words])
    assert stats.kstest(found, "norm").pvalue > 0.001
    assert abs((found**4).mean() - 3) < 4 * np.sqrt(96 / found.size)


def test_neighbouring_words_are_independent():
    """Words of one use over neurons and steps: no correlation between neighbours of either kind."""
    table = np.empty((200, 2000), np.uint32)
    for step in range(200):
        random.fill(table[step], np.array([5, 6], np.uint32), step, 1)
    x = table / 2.0**32 - 0.5
    for product in (x[1:] * x[:-1], x[:, 1:] * x[:, :-1]):
        assert abs(product.mean()) * 12 * np.sqrt(product.size) < 4
