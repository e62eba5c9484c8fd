"""Published invariants of two strange attractors.

Leading exponent of the Lorenz equations (10, 28, 8/3): 0.9056 (Sprott, Chaos and Time-Series Analysis, 2003; Viswanath,
Cornell thesis, 1998), the others 0 and -14.5723, hence the Kaplan-Yorke dimension 2.062. Correlation dimension: Lorenz
2.05 +- 0.01, Henon 1.21 +- 0.01, 1.25 +- 0.02 with a correction (Grassberger and Procaccia, Physica D 9 (1983) 189).
"""

from __future__ import annotations

import numpy as np
import pytest

import reduction
from reduction.attractors.dimension import correlation_dimension
from reduction.attractors.events import return_map
from reduction.attractors.lyapunov import lyapunov_exponents
from reduction.attractors.sections import poincare_section

LEADING = 0.9056


def lorenz():
    equations = {"x": "sigma*(y - x)", "y": "rho*x - y - x*z", "z": "x*y - beta*z"}
    return reduction.ODESystem.from_expressions(equations, {"rho": 28.0, "sigma": 10.0, "beta": 8 / 3})


@pytest.fixture(scope="module")
def orbit():
    """20 000 samples, 0.1 apart."""
    start = reduction.flow(lorenz(), 20.0, initial=[1.0, 1.0, 20.0]).states[-1]
    return reduction.flow(lorenz(), 2000.0, initial=start, samples=20_000)


def test_exponents():
    found = lyapunov_exponents(lorenz(), 3, duration=420.0, discard=20.0, initial=[1.0, 1.0, 20.0])
    print(found, found.dimension)
    leading, zero, last = found.exponents
    assert all(found.converged)
    assert abs(leading.mean - LEADING) < 3.0 * leading.se
    assert leading.se < 0.04
    assert abs(zero.mean) < 3.0 * zero.se
    assert abs(last.mean + 14.5723) < 3.0 * last.se
    assert found.dimension == pytest.approx(2.062, abs=0.005)


@pytest.mark.slow
def test_exponents_more_precisely():
    found = lyapunov_exponents(lorenz(), 3, duration=4020.0, discard=20.0, initial=[1.0, 1.0, 20.0])
    print(found, found.dimension)
    leading, _, last = found.exponents
    assert abs(leading.mean - LEADING) < 3.0 * leading.se
    assert leading.mean == pytest.approx(LEADING, abs=0.01)
    assert last.mean == pytest.approx(-14.5723, abs=0.01)


def test_correlation_dimension_of_lorenz(orbit):
    found = correlation_dimension(orbit.states, theiler=20)
    print(found)
    assert found.region is not None
    assert found.region[1] / found.region[0] > 10.0
    assert found.dimension.mean == pytest.approx(2.05, abs=0.04)
    assert abs(found.dimension.mean - 2.05) < 3.0 * found.dimension.se


def test_correlation_dimension_of_henon():
    points = np.empty((20_100, 2))
    points[0] = 0.1, 0.1
    for k in range(len(points) - 1):
        x, y = points[k]
        points[k + 1] = 1.0 - 1.4 * x * x + y, 0.3 * x
    found = correlation_dimension(points[100:], theiler=10)
    print(found)
    assert 1.19 < found.dimension.mean < 1.26


def test_return_map_of_the_maxima_of_z():
    """Lorenz 1963: each maximum of z gives the next by a map with a cusp, steeper than 1 everywhere."""
    start = reduction.flow(lorenz(), 20.0, initial=[1.0, 1.0, 20.0]).states[-1]
    orbit = reduction.flow(lorenz(), 200.0, initial=start, samples=20_000)
    x, y, z = orbit.states.T
    rise = x * y - 8 / 3 * z
    section = poincare_section(orbit.times, np.column_stack([-rise, z]), 0)
    now, following = return_map(section.states[:, 1])
    assert now.size > 200
    order = np.argsort(now)
    now, following = now[order], following[order]
    cusp = int(following.argmax())
    for branch, sign in ((slice(0, cusp - 2), 1.0), (slice(cusp + 3, None), -1.0)):
        steps, rises = np.diff(now[branch]), sign * np.diff(following[branch])
        apart = steps > 0.02
        assert (rises[apart] > 0.0).all()
        assert (rises[apart] / steps[apart] > 0.95).all()
    assert section.return_times.mean() == pytest.approx(0.7511, abs=0.01)
