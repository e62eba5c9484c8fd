from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from scipy.integrate import quad
from scipy.signal import lfilter

from spiking.errors import ParameterError, UnknownNameError
from spiking.estimates import block_estimate
from spiking.quadratic_map import QuadraticMap, iterate
from spiking.surrogate import (
    RectangularWindow,
    derive,
    half_width_ratio,
    leaky_window,
    linear_spread,
    quadratic_window,
)

PUBLISHED = QuadraticMap(0.25, 0.0, 0.5)
UNBOUNDED = QuadraticMap(0.25, 0.0, 0.5, threshold=math.inf)


def test_the_derivation_of_the_spread():
    """Each expression satisfies what defines it: u = f(u), v = lambda^2 v + s^2, and the printed formula."""
    a, d, s = sympy.symbols("a D s", positive=True)
    expected = {"leaky": None, "quadratic": s**2 / (a * d * (2 - a * d))}
    for neuron, printed in expected.items():
        found = derive(neuron)
        u, x = sympy.symbols("u x", real=True)
        assert sympy.simplify(found.map.subs({x: 0, u: found.fixed_point}) - found.fixed_point) == 0
        assert sympy.simplify(sympy.diff(found.map, u).subs(u, found.fixed_point) - found.multiplier) == 0
        assert sympy.simplify(found.multiplier**2 * found.variance + s**2 - found.variance) == 0
        if printed is not None:
            assert sympy.simplify(found.variance - printed) == 0
        assert set(found.latex()) == {
            "map", "fixed_point", "multiplier", "variance", "distance", "stationary", "half_width",
        }  # fmt: skip


def test_the_derivation_of_the_half_width():
    """kappa solves the stationary condition, which is that of the L2 distance, computed here by quadrature."""
    found = derive("quadratic")
    (kappa,) = found.stationary.free_symbols
    assert float(sympy.nsolve(found.stationary, kappa, 1.5)) == pytest.approx(found.ratio, abs=1e-13)
    assert found.ratio == half_width_ratio() == pytest.approx(1.53817, abs=5e-6)
    h, sigma = sympy.symbols("h sigma", positive=True)

    def distance(width, spread=1.3):
        def gap(v):
            gaussian = math.exp(-((v / spread) ** 2) / 2) / (spread * math.sqrt(2 * math.pi))
            return (RectangularWindow(width)(v) - gaussian) ** 2

        return 2 * (quad(gap, 0, width)[0] + quad(gap, width, 20)[0])

    for width in (0.5, 2.0, 4.0):
        symbolic = float(found.distance.subs({h: width, sigma: 1.3}))
        assert symbolic == pytest.approx(distance(width), abs=1e-10)
    least = 1.3 * found.ratio
    assert distance(least) < min(distance(0.99 * least), distance(1.01 * least))
    others = [distance(least * factor) for factor in (0.1, 0.3, 0.7, 1.5, 3.0, 10.0)]
    assert min(others) > distance(least)


def test_windows_of_numbers_are_those_of_the_derivation():
    symbols = {"beta": 0.8, "a": 0.3, "D": 0.7, "s": 1.2, "u1": 0.1, "kappa": half_width_ratio()}
    for neuron, window in (
        ("leaky", leaky_window(0.8, 1.2)),
        ("quadratic", quadratic_window(QuadraticMap(0.3, 0.1, 0.8), 1.2)),
    ):
        expression = derive(neuron).half_width
        expected = float(expression.subs({symbol: symbols[symbol.name] for symbol in expression.free_symbols}))
        assert window.half_width == pytest.approx(expected, rel=1e-12)
    assert quadratic_window(PUBLISHED, 1.0).half_width == pytest.approx(1.5381722545 / math.sqrt(0.125 * 1.875))


def test_mean_input_moves_the_fixed_point():
    """A neuron with mean input has the window of the neuron without, whose fixed points are those of the first."""
    moved = QuadraticMap(0.25, 0.0, 0.5, input=0.01)
    root = math.sqrt(0.125**2 - 4 * 0.25 * 0.01) / 0.25
    same = QuadraticMap(0.25, 0.25 - root / 2, 0.25 + root / 2)
    assert quadratic_window(moved, 0.1).half_width == pytest.approx(quadratic_window(same, 0.1).half_width)


def test_a_window_is_a_rectangle_of_unit_area():
    window = RectangularWindow(0.4)
    distance = np.array([-0.4, np.nextafter(-0.4, 0), 0.0, 0.39, 0.4, 3.0])
    np.testing.assert_array_equal(window(distance), [0.0, 1.25, 1.25, 1.25, 0.0, 0.0])
    assert 2 * window.half_width * window.height == 1.0


# -- the linearised spread against the map itself


def simulated_spread(model, spread, *, neurons=400, steps=1600, seed=3):
    """Standard deviation of the voltage before resets, with its standard error over independent neurons."""
    inputs = spread * np.random.default_rng(seed).standard_normal((steps, neurons))
    voltages = iterate(model, np.zeros(neurons), inputs).reached[200:]
    variance = block_estimate(((voltages - voltages.mean()) ** 2).mean(axis=0))
    deviation = math.sqrt(variance.mean)
    return deviation, variance.se / (2 * deviation)


def second_order(sigma):
    """Spread over the linearised spread, from the moments to the next order in the curvature: m = E w^k, w = u - u1.

    w' = lambda w + a w^2 + x gives m1 = m2/D, m3 (1 - lambda^3) = 9 lambda^2 a s^4 + 3 lambda r m1 + 3 a r s^2 and
    m2 (1 - lambda^2) = r + 2 lambda a m3 + 3 a^2 s^4 with s the linear spread and r the variance of the input.
    """
    a, d = PUBLISHED.a, PUBLISHED.distance
    factor = 1 - a * d
    r = sigma**2 * (1 - factor**2)
    m1 = sigma**2 / d
    m3 = (9 * factor**2 * a * sigma**4 + 3 * factor * r * m1 + 3 * a * r * sigma**2) / (1 - factor**3)
    m2 = (r + 2 * factor * a * m3 + 3 * a**2 * sigma**4) / (1 - factor**2)
    return math.sqrt(m2 - m1**2) / sigma


def test_the_linearised_spread_of_the_quadratic_map():
    """Inputs of 0.002: within its error of 0.3 %."""
    sigma = linear_spread(0.875, 0.002)
    deviation, se = simulated_spread(UNBOUNDED, 0.002)
    print(f"\ninput 0.002: {deviation / sigma:.4f} ± {se / sigma:.4f} of the linearised spread", end="")
    assert se / sigma < 0.003
    assert abs(deviation - sigma) < 3 * se


def test_the_first_correction_of_the_spread():
    """Against the linear map under the same noise and its negative, which takes most of the chance out."""
    spread = 0.006
    noise = spread * np.random.default_rng(4).standard_normal((1600, 400))
    inputs = np.stack([noise, -noise], axis=1)
    linear = lfilter([1.0], [1.0, -0.875], inputs, axis=0)[200:]
    voltages = iterate(UNBOUNDED, np.zeros((2, 400)), inputs).reached[200:]
    excess = (voltages - voltages.mean()) ** 2 - linear**2
    difference = block_estimate(excess.mean(axis=(0, 1)) / (linear**2).mean())
    expected = second_order(linear_spread(0.875, spread)) ** 2 - 1
    print(f"\ninput {spread}: variance {difference} above the linearised; from the moments {expected:.6f}", end="")
    assert difference.se < 0.02 * expected
    assert abs(difference.mean - expected) < 3 * difference.se


def test_the_linearised_spread_fails_for_large_inputs():
    """More spread under inputs of 0.08, as the voltage runs away beyond u2; less under those of 1: resets."""
    print()
    for spread, low, high in ((0.08, 1.2, 1.4), (1.0, 0.5, 0.6)):
        deviation, se = simulated_spread(PUBLISHED, spread)
        sigma = linear_spread(0.875, spread)
        print(f"input {spread}, with resets: {deviation / sigma:.3f} ± {se / sigma:.3f} of the linear spread")
        assert low < deviation / sigma < high


def test_refused_windows():
    steep = QuadraticMap(4.0, 0.0, 0.5)
    with pytest.raises(ParameterError, match="no fixed point is stable"):
        quadratic_window(steep, 1.0)
    for spread in (0.0, -1.0, math.inf, math.nan, "1"):
        with pytest.raises(ParameterError, match="input_spread"):
            quadratic_window(PUBLISHED, spread)
    for decay in (1.0, -0.1, math.nan):
        with pytest.raises(ParameterError, match=r"decay = .*must lie in \[0, 1\)"):
            leaky_window(decay, 1.0)
    with pytest.raises(ParameterError, match="half_width = 0.0"):
        RectangularWindow(0.0)
    with pytest.raises(ParameterError, match="multiplier"):
        linear_spread(1.0, 1.0)
    with pytest.raises(UnknownNameError, match="'cubic' does not exist; there are: leaky, quadratic"):
        derive("cubic")
