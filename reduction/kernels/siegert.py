"""Siegert's formula: rate, slopes and coefficient of variation of a leaky integrate-and-fire neuron in white noise.

With a = (reset - mu)/sigma, b = (threshold - mu)/sigma, the mean passage time over tau sqrt(pi) is the integral of
erfcx(-u) from a to b. For negative arguments that is a difference of E(y), the integral of erfcx from 0 to y; for
positive ones erfcx(-u) = 2 exp(u^2) - erfcx(u) adds Dawson's function. All of it is scaled by exp(-b^2) where b > 0, so
that nothing overflows.

erfcx, E and the tail of the second moment are Chebyshev series in s = (y - 3)/(y + 3), exact to 1e-15:
(1 + 2 y) erfcx(y);  (E(y) - log(1 + y/3)/sqrt(pi)) (y + 3)/y;  (1 + 2 y)^3 times the tail.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_ERFCX = np.array([
    1.17756257419656, 0.005353904539615676, -0.09377550342284209, 0.05436652555744322, -0.018976596707845208,
    0.004453426061462712, -0.000633553171055315, 1.7661719523172e-05, 1.2841532864057e-05, -2.007228565906e-06,
    -1.80752279041e-07, 7.5498283438e-08, 1.885668524e-09, -2.69951905e-09, -1.4600791e-11, 1.03616074e-10,
    1.475716e-12, -4.27734e-12, -2.07922e-13, 1.81345e-13, 1.9734e-14, -7.288e-15, -1.517e-15, 2.35e-16, 1e-16,
])  # fmt: skip
_INTEGRAL = np.array([
    1.6984972808662313, -0.6170529479656858, 0.10519306136504467, -0.014029808645757674, 0.001096880330102504,
    3.7024462007713e-05, -2.1575185604288e-05, 1.355745780369e-06, 3.47984800021e-07, -5.2642957064e-08,
    -6.514104806e-09, 1.651766688e-09, 1.65655854e-10, -5.2678342e-11, -5.99383e-12, 1.727416e-12, 2.75494e-13,
    -5.4757e-14, -1.3902e-14, 1.41e-15, 6.99e-16, -6e-18, -3.3e-17,
])  # fmt: skip
_TAIL = np.array([
    1.2059118383717238, 0.34806301412009466, -0.39115981897622604, 0.11370101049864359, 0.010866509819051877,
    -0.020276698161004723, 0.006976094697879725, -0.000582697100041029, -0.000411580810108333, 0.000181784128921109,
    -3.0747928964083e-05, 1.72523314608e-07, 7.08129986e-07, -2.2768626873e-08, -2.2472653419e-08, -5.11349046e-10,
    1.166299268e-09, 7.4745234e-11, -6.3815937e-11, -6.297479e-12, 3.259335e-12, 5.09049e-13, -1.47228e-13,
    -3.8764e-14, 4.951e-15, 2.661e-15, -5e-18, -1.56e-16,
])  # fmt: skip
_MIDDLE = 3.0
_ROOT_PI = math.sqrt(math.pi)
_SILENT = 38.0
_NARROW = 1e-4
_NOISELESS = 1e-150

_STEP = 0.25
_GAUSSIANS = np.exp(-((_STEP * np.arange(1, 27, 2)) ** 2))
_DAWSON_SERIES = np.array([(-2.0) ** n / math.prod(range(1, 2 * n + 2, 2)) for n in range(10)])

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NEGLIGIBLE = 1e-18


@njit(nogil=True, cache=True, inline="always")
def _series(coefficients, y):
    """Chebyshev series in s = (y - 3)/(y + 3), by Clenshaw's recurrence."""
    twice = 2.0 - 4.0 * _MIDDLE / (y + _MIDDLE)
    b1 = b2 = 0.0
    for k in range(coefficients.size - 1, 0, -1):
        b1, b2 = coefficients[k] + twice * b1 - b2, b1
    return coefficients[0] + 0.5 * twice * b1 - b2


@njit(nogil=True, cache=True)
def erfcx(y):
    """exp(y^2) erfc(y) for y >= 0."""
    return _series(_ERFCX, y) / (1.0 + 2.0 * y)


@njit(nogil=True, cache=True)
def integral(y, width):
    """Integral of erfcx from y >= 0 to y + width."""
    low = _series(_INTEGRAL, y) * (y / (y + _MIDDLE))
    high = _series(_INTEGRAL, y + width) * ((y + width) / (y + width + _MIDDLE))
    return math.log1p(width / (y + _MIDDLE)) / _ROOT_PI + (high - low)


@njit(nogil=True, cache=True)
def dawson(x):
    """exp(-x^2) times the integral of exp(u^2) from 0 to x >= 0, by Rybicki's sampling (Comput. Phys. 3 (1989) 85)."""
    if x < _STEP:
        total = 0.0
        for n in range(_DAWSON_SERIES.size - 1, -1, -1):
            total = total * x * x + _DAWSON_SERIES[n]
        return total * x
    even = 2.0 * math.floor(0.5 * x / _STEP + 0.5)
    rest = x - even * _STEP
    factor = math.exp(2.0 * rest * _STEP)
    up, down = factor, 1.0 / factor
    square, inverse = up * up, down * down
    total = 0.0
    odd = 1.0
    for gaussian in _GAUSSIANS:
        total += gaussian * (up / (even + odd) + down / (even - odd))
        up *= square
        down *= inverse
        odd += 2.0
    return math.exp(-rest * rest) * total / _ROOT_PI


@njit(nogil=True, cache=True)
def _weight(x, top):
    """erfcx(-x) exp(-max(top, 0)^2), for x <= top."""
    if top <= 0.0:
        return erfcx(-x)
    scale = math.exp(-top * top)
    if x <= 0.0:
        return scale * erfcx(-x)
    return 2.0 * math.exp((x - top) * (x + top)) - scale * erfcx(x)


@njit(nogil=True, cache=True)
def passage(a, b, width):
    """Integral of erfcx(-u) from a to b = a + width, times exp(-max(b, 0)^2)."""
    if width < _NARROW:
        middle, offset = 0.5 * (a + b), 0.5 * width / math.sqrt(3.0)
        return 0.5 * width * (_weight(middle - offset, b) + _weight(middle + offset, b))
    if b <= 0.0:
        return integral(-b, width)
    scale = math.exp(-b * b)
    if a <= 0.0:
        return 2.0 * dawson(b) + scale * (integral(0.0, -a) - integral(0.0, b))
    return 2.0 * (dawson(b) - math.exp(-width * (a + b)) * dawson(a)) - scale * integral(a, width)


@njit(nogil=True, cache=True, error_model="numpy")
def rate(mu, sigma, tau, threshold, reset, refractory, shift):
    """Firing rate in 1/ms and its derivatives by mu and by sigma; ``shift`` times sigma is added to both voltages."""
    span = threshold - reset
    if sigma <= _NOISELESS * max(span, abs(threshold - mu)):
        if mu <= threshold:
            return 0.0, 0.0, 0.0
        found = 1.0 / (refractory + tau * math.log1p(span / (mu - threshold)))
        return found, found * found * tau * span / ((mu - threshold) * (mu - reset)), 0.0
    width = span / sigma
    b, a = (threshold - mu) / sigma + shift, (reset - mu) / sigma + shift
    if b > _SILENT:
        return 0.0, 0.0, 0.0
    scale = math.exp(-(max(b, 0.0) ** 2))
    interval = scale * refractory + tau * _ROOT_PI * passage(a, b, width)
    found = scale / interval
    upper, lower = _weight(b, b), _weight(a, b)
    factor = found * tau * _ROOT_PI / (sigma * interval)
    return found, factor * (upper - lower), factor * ((b - shift) * upper - (a - shift) * lower)


@njit(nogil=True, cache=True)
def rates(arguments, out):
    """Fill ``out`` (3, n) with `rate` of the columns of ``arguments`` (7, n)."""
    for i in range(arguments.shape[1]):
        a = arguments[:, i]
        out[0, i], out[1, i], out[2, i] = rate(a[0], a[1], a[2], a[3], a[4], a[5], a[6])


@njit(nogil=True, cache=True)
def _second(x, top):
    """exp(x^2) times the integral of exp(-u^2) erfcx(-u)^2 from -inf to x, times exp(-2 max(top, 0)^2)."""
    tail = _series(_TAIL, abs(x)) / (1.0 + 2.0 * abs(x)) ** 3
    scale = math.exp(-2.0 * top * top) if top > 0.0 else 1.0
    if x <= 0.0:
        return scale * tail
    rise = math.exp((x - top) * (x + top))
    small = math.exp(-top * top)
    whole = 2.0 * math.log(2.0) / _ROOT_PI - 4.0 * integral(0.0, x)
    return rise * (small * whole + 4.0 * rise * dawson(x)) - scale * tail


@njit(nogil=True, cache=True, error_model="numpy")
def variation(mu, sigma, tau, threshold, reset, refractory, shift):
    """Coefficient of variation of the intervals (Brunel 2000, appendix), summed by panels down from the threshold."""
    span = threshold - reset
    if sigma <= _NOISELESS * max(span, abs(threshold - mu)):
        return 0.0 if mu > threshold else math.nan
    b, a = (threshold - mu) / sigma + shift, (reset - mu) / sigma + shift
    if b > _SILENT:
        return 1.0
    total, upper = 0.0, b
    while upper > a:
        step = 1.0 / (1.0 + upper) if upper > 0.0 else 1.0 - upper
        lower = max(upper - step, a)
        half, middle, part = 0.5 * (upper - lower), 0.5 * (upper + lower), 0.0
        for k in range(_NODES.size):
            part += _WEIGHTS[k] * _second(middle + half * _NODES[k], b)
        total += half * part
        if upper > 0.0 and half * part < _NEGLIGIBLE * total:
            break
        upper = lower
    interval = math.exp(-(max(b, 0.0) ** 2)) * refractory + tau * _ROOT_PI * passage(a, b, span / sigma)
    return tau * math.sqrt(2.0 * math.pi * total) / interval


@njit(nogil=True, cache=True)
def variations(arguments, out):
    """Fill ``out`` (n) with `variation` of the columns of ``arguments`` (7, n)."""
    for i in range(arguments.shape[1]):
        a = arguments[:, i]
        out[i] = variation(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
