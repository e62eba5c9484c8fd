"""The one source of random numbers: Philox4x32-10 (Salmon et al., SC11), a counter-based generator.

A word of 32 random bits is a function of the key (64 bits, from the seed and the trial), the step, the use (what the
word is for) and the index (which neuron): it does not depend on what else was drawn, in which order or by which thread.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numba import njit, uint32, uint64

EXTRA_USE = 1 << 16
"""Added to a use, once or more, for the further words that a single draw may need."""

_SEGMENTS, _FEWEST = 512, 16
_TAIL_SEGMENTS, _OCTAVES = 16, 27


_MASK, _SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
_MULTIPLY_0, _MULTIPLY_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


@njit(nogil=True, inline="always")
def philox(c0, c1, c2, c3, key0, key1):
    """Return the four words of one counter; all are 32 bits wide, held in 64 so that the loop in `fill` vectorises.

    Inlined by numba: LLVM would not, once several functions call it, and the loop would not vectorise.
    """
    c0, c1, c2, c3, key0, key1 = uint64(c0), uint64(c1), uint64(c2), uint64(c3), uint64(key0), uint64(key1)
    for _ in range(10):
        first, second = _MULTIPLY_0 * (c0 & _MASK), _MULTIPLY_1 * (c2 & _MASK)
        c0, c2 = (second >> _SHIFT) ^ c1 ^ key0, (first >> _SHIFT) ^ c3 ^ key1
        c1, c3 = second & _MASK, first & _MASK
        key0, key1 = (key0 + _WEYL_0) & _MASK, (key1 + _WEYL_1) & _MASK
    return uint32(c0), uint32(c1), uint32(c2), uint32(c3)


@njit(nogil=True)
def word(key, step, use, index):
    """Return one word."""
    return philox(index, step & 0xFFFFFFFF, step >> 32, use, key[0], key[1])[0]


@njit(nogil=True)
def fill(words, key, step, use):
    """Fill an array, of a size divisible by 4, with words: word i is lane i // q of counter i % q, q = size / 4."""
    quarter = uint64(words.size // 4)
    low, high, use = uint64(step & 0xFFFFFFFF), uint64(step >> 32), uint64(use)
    key0, key1 = uint64(key[0]), uint64(key[1])
    for j in range(quarter):
        a, b, c, d = philox(j, low, high, use, key0, key1)
        words[j], words[j + quarter], words[j + 2 * quarter], words[j + 3 * quarter] = a, b, c, d


@njit(nogil=True)
def uniform(bits):
    """Return the middle of the word's interval, in (0, 1)."""
    return (bits + 0.5) * 2.0**-32


def _hermite(edges):
    """Cubic in t in [0, 1] over each interval between successive probabilities: the normal quantile to about 1e-7."""
    normal = NormalDist()
    x = np.array([normal.inv_cdf(p) for p in edges])
    slope = np.diff(edges) / np.array([[normal.pdf(v) for v in x[:-1]], [normal.pdf(v) for v in x[1:]]])
    rise = np.diff(x)
    return np.stack([x[:-1], slope[0], 3 * rise - 2 * slope[0] - slope[1], slope[0] + slope[1] - 2 * rise], axis=1)


_CENTRE = np.zeros((_SEGMENTS, 4))
_CENTRE[_FEWEST:] = _hermite(np.arange(_FEWEST, _SEGMENTS + 1) / (2 * _SEGMENTS))
_TAIL = np.stack(
    [_hermite(np.linspace(1.0, 2.0, _TAIL_SEGMENTS + 1) * 2.0 ** -(7 + octave)) for octave in range(_OCTAVES)]
)


@njit(nogil=True)
def normal(bits):
    """Return the standard normal quantile of a word's uniform number (of magnitude at most 6.3)."""
    upper = bits >> 31
    half = (bits ^ -upper) & 0x7FFFFFFF
    segment = half >> 22
    if segment >= _FEWEST:
        t = ((half & 0x3FFFFF) + 0.5) * 2.0**-22
        c = _CENTRE[segment]
        x = c[0] + t * (c[1] + t * (c[2] + t * c[3]))
    else:
        p = 2 * half + 1
        octave = 0
        while p < 1 << 26:
            p <<= 1
            octave += 1
        t = (p & 0x3FFFFF) * 2.0**-22
        c = _TAIL[octave, (p >> 22) - 16]
        x = c[0] + t * (c[1] + t * (c[2] + t * c[3]))
    return -x if upper else x


@njit(nogil=True)
def search(bits, least, first, thresholds):
    """Return the count that a word draws from a row of `tables.pack` which starts at ``first``; at least ``least``."""
    number = least
    while bits >= thresholds[first + number]:
        number += 1
    return number


@njit(nogil=True)
def draw(bits, row, lookup, start, thresholds):
    """Return the count that a word draws from a row of `tables.pack`; written out in loops over neurons."""
    number = int(lookup[row, bits >> 24])
    return number if number >= 0 else search(bits, -1 - number, start[row], thresholds)
