"""A stream of random words, for loops that cannot say beforehand how many they need.

A stream is a tuple of numbers: how many words of the present counter are used up, the counter, its four words, and the
key. No array is passed along, which would cost a reference count per word.
"""

from __future__ import annotations

from numba import int64, njit, uint64

from spiking.kernels.random import normal, philox


@njit(nogil=True)
def resume(state, key):
    """Return the stream of a key from the counter in ``state`` on, an array of one number."""
    nothing = philox(0, 0, 0, 0, 0, 0)
    return int64(4), uint64(state[0]), nothing[0], nothing[1], nothing[2], nothing[3], uint64(key[0]), uint64(key[1])


@njit(nogil=True, inline="always")
def next_word(stream):
    """Return a word and the stream after it."""
    used, counter, w0, w1, w2, w3, key0, key1 = stream
    if used == 4:
        w0, w1, w2, w3 = philox(counter & uint64(0xFFFFFFFF), counter >> uint64(32), 0, 0, key0, key1)
        counter += uint64(1)
        used = int64(0)
    bits = w0 if used == 0 else w1 if used == 1 else w2 if used == 2 else w3
    return bits, (used + 1, counter, w0, w1, w2, w3, key0, key1)


@njit(nogil=True, inline="always")
def next_uniform(stream):
    """Return a number in (0, 1) and the stream after it."""
    bits, stream = next_word(stream)
    return (bits + 0.5) * 2.0**-32, stream


@njit(nogil=True, inline="always")
def next_normal(stream):
    """Return a standard normal number and the stream after it."""
    bits, stream = next_word(stream)
    return normal(bits), stream
