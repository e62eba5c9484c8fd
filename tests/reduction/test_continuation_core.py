"""The parts of continuation, each against a dense, slow or symbolic twin."""

from __future__ import annotations

import math

import exact_cycles
import models
import naive_continuation as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reduction import ODESystem
from reduction.continuation import bordering, cyclic, normal_forms
from reduction.continuation.collocation import Collocation
from reduction.continuation.cycle_problem import cycle_problem
from reduction.continuation.cycle_search import covers
from reduction.continuation.cyclic import CyclicFactorisation
from reduction.continuation.extrema import extrema
from reduction.continuation.recurrence import one_period
from reduction.continuation.shooting import Shooting
from reduction.continuation.tableaux import DIAGONAL, DIAGONAL_ORDER, EMBEDDED, gauss

# -- cyclic block-bidiagonal systems

SMALL, LARGE = cyclic._BATCHED_UP_TO, cyclic._BATCHED_UP_TO + 1


def chain(segments, n, seed=0):
    """Blocks a near a rotation, b near minus the identity, both well conditioned."""
    random = np.random.default_rng(seed)
    a = np.stack([np.linalg.qr(random.standard_normal((n, n)))[0] for _ in range(segments)])
    noise = random.standard_normal((segments, n, n)) * 0.3 / n
    return a + noise, -np.eye(n) + noise[::-1]


def bordered(segments, n, borders, seed):
    random = np.random.default_rng(seed + 1)
    return (
        random.standard_normal((segments, n, borders)), random.standard_normal((borders, segments, n)),
        random.standard_normal((borders, borders)), random.standard_normal((segments, n, 2)),
        random.standard_normal((borders, 2)),
    )  # fmt: skip


def check_against_the_whole_matrix(segments, n, borders, factor, seed=0):
    a, b = chain(segments, n, seed)
    columns, rows, corner, right, below = bordered(segments, n, borders, seed)
    whole = naive.bordered_cyclic_matrix(a, b, columns, rows, corner, factor)
    y, q = CyclicFactorisation(a, b).solve(columns, rows, corner, right, below, factor)
    sides = np.concatenate([right.reshape(segments * n, 2), below])
    residual = whole @ np.concatenate([y.reshape(segments * n, 2), q]) - sides
    expected = np.linalg.solve(whole, sides)
    allowed = 1e-13 * np.linalg.cond(whole)
    assert np.iscomplexobj(y) == isinstance(factor, complex)
    np.testing.assert_allclose(residual, 0.0, atol=1e-11 * np.abs(expected).max())
    np.testing.assert_allclose(
        np.concatenate([y.reshape(segments * n, 2), q]), expected, rtol=0, atol=allowed * np.abs(expected).max()
    )


@pytest.mark.parametrize("n", [1, 2, SMALL, LARGE, 30])
@pytest.mark.parametrize("segments", [1, 2, 3, 7, 12])
def test_bordered_cyclic_systems(segments, n):
    check_against_the_whole_matrix(segments, n, 2, 1.0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 23), st.integers(1, 6), st.integers(0, 4),
    st.sampled_from([1.0, -1.0, np.exp(0.7j), np.exp(2.9j), 0.3]), st.integers(0, 99),
)  # fmt: skip
def test_any_number_of_segments_borders_and_any_boundary_factor(segments, n, borders, factor, seed):
    check_against_the_whole_matrix(segments, n, borders, complex(factor) if np.iscomplex(factor) else factor, seed)


@pytest.mark.parametrize("n", [SMALL, LARGE])
def test_complex_boundary_factors_on_both_sides_of_the_switch(n):
    check_against_the_whole_matrix(5, n, 3, complex(np.exp(1.1j)))


@pytest.mark.parametrize("factor", [1.0, -1.0, complex(np.exp(0.4j))])
@pytest.mark.parametrize(("segments", "n"), [(1, 3), (5, 3), (8, LARGE)])
def test_transposed_chains(segments, n, factor):
    """Equation i of the transposed chain is column i + 1 of the matrix; the last is divided by the factor."""
    a, b = chain(segments, n)
    right = np.random.default_rng(5).standard_normal((segments, n, 1))
    turned = np.roll(right, -1, axis=0).astype(complex)
    turned[-1] /= factor
    none = np.empty((segments, n, 0)), np.empty((0, segments, n)), np.empty((0, 0))
    w, _ = CyclicFactorisation(a, b).transposed().solve(*none, turned, np.empty((0, 1)), 1.0 / factor)
    whole = naive.bordered_cyclic_matrix(a, b, *none, factor)
    np.testing.assert_allclose(whole.T @ w.reshape(segments * n, 1), right.reshape(segments * n, 1), atol=1e-11)


@pytest.mark.parametrize(("segments", "n"), [(1, 1), (1, 4), (2, 3), (7, 5), (12, 2), (3, LARGE)])
def test_multipliers_are_those_of_the_product(segments, n):
    a, b = chain(segments, n)
    found = CyclicFactorisation(a, b).multipliers()
    expected = naive.multipliers_by_many_digits(a, b, digits=30)
    assert (np.diff(np.abs(found)) <= 0).all()
    for value in expected:
        assert np.abs(found - value).min() < 1e-11 * max(1.0, np.abs(expected[0]))
    assert np.prod(found) == pytest.approx(np.prod(expected), rel=1e-10)


@pytest.mark.parametrize("segments", [24, 41])
@pytest.mark.parametrize("middle", [[1.0, 0.9], [1.001, -1.0, 0.5]])
def test_growth_and_decay_beyond_rounding_hide_no_multiplier(segments, middle):
    """1e60 and 1e-60 over one period: the product of the blocks keeps none of the others."""
    random = np.random.default_rng(3)
    multipliers = np.array([1e60, *middle, 1e-60])
    n = multipliers.size
    frames = [np.linalg.qr(random.standard_normal((n, n)))[0] for _ in range(segments)]
    frames.append(frames[0])
    sizes = np.abs(multipliers) ** (1.0 / segments)
    a = np.array(
        [frames[i + 1] * (sizes if i else np.copysign(sizes, multipliers)) @ frames[i].T for i in range(segments)]
    )
    b = np.broadcast_to(-np.eye(n), a.shape)
    product = np.linalg.multi_dot(a[::-1])
    assert min(np.abs(np.linalg.eigvals(product) - value).min() for value in middle) > 1.0
    found = CyclicFactorisation(a, b).multipliers()
    assert np.abs(found[0]) > 1e15
    np.testing.assert_allclose(found[1:-1].real, middle, atol=1e-10)
    np.testing.assert_allclose(found[1:-1].imag, 0.0, atol=1e-10)
    assert np.abs(found[-1]) < 1e-12
    exact = naive.multipliers_by_many_digits(a, b)
    np.testing.assert_allclose(exact[1:-1], middle, atol=1e-10)


def test_a_complex_pair_between_growth_and_decay():
    random = np.random.default_rng(4)
    segments, angle = 30, 0.3
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    block = np.zeros((4, 4))
    block[0, 0], block[3, 3], block[1:3, 1:3] = 10.0**2, 10.0**-2, turn
    frames = [np.linalg.qr(random.standard_normal((4, 4)))[0] for _ in range(segments)]
    frames.append(frames[0])
    a = np.array([frames[i + 1] @ block @ frames[i].T for i in range(segments)])
    found = CyclicFactorisation(a, np.broadcast_to(-np.eye(4), a.shape)).multipliers()
    np.testing.assert_allclose(sorted(found[1:3], key=np.imag), [np.exp(-9j), np.exp(9j)], atol=1e-11)


@pytest.mark.parametrize("n", [2, LARGE])
def test_a_singular_system_is_an_error(n):
    """An unknown that no equation holds."""
    a, b = chain(4, n)
    a[:, :, -1], b[:, :, -1] = 0.0, 0.0
    none = np.empty((4, n, 0)), np.empty((0, 4, n)), np.empty((0, 0))
    with pytest.raises(np.linalg.LinAlgError):
        CyclicFactorisation(a, b).solve(*none, np.ones((4, n, 1)), np.empty((0, 1)))


# -- bordered matrices


@pytest.mark.parametrize("n", [1, 2, 5])
def test_singularity_is_the_determinant_over_that_of_the_bordered_matrix(n):
    """Cramer's rule."""
    random = np.random.default_rng(n)
    matrix = random.standard_normal((n, n))
    by = bordering.borders(matrix)
    whole = np.block([[matrix, by.columns], [by.rows, np.zeros((1, 1))]])
    expected = np.linalg.det(matrix) / np.linalg.det(whole)
    np.testing.assert_allclose(bordering.singularity(matrix, by), [[expected]], rtol=1e-12)
    other = matrix + 0.1 * random.standard_normal((n, n))
    whole[:n, :n] = other
    expected = np.linalg.det(other) / np.linalg.det(whole)
    np.testing.assert_allclose(bordering.singularity(other, by), [[expected]], rtol=1e-11)


def test_singularity_vanishes_where_rank_is_lost():
    matrix = np.random.default_rng(0).standard_normal((6, 6))
    left, sizes, right = np.linalg.svd(matrix)
    by = bordering.borders(matrix, 2)
    sizes[-2:] = 0.0
    np.testing.assert_allclose(bordering.singularity(left * sizes @ right, by), np.zeros((2, 2)), atol=1e-13)
    sizes[-2:] = 0.1, 0.0
    found = bordering.singularity(left * sizes @ right, by)
    np.testing.assert_allclose(np.linalg.svd(found)[1], [0.1, 0.0], atol=1e-13)


def test_singularity_of_a_wide_matrix():
    """A branch point: [J, f_p] with one row in the span of the others."""
    matrix = np.random.default_rng(2).standard_normal((3, 4))
    by = bordering.borders(matrix)
    assert by.rows.shape == (2, 4)
    assert np.abs(bordering.singularity(matrix, by)).max() > 0.1
    matrix[2] = matrix[0] - 2 * matrix[1]
    np.testing.assert_allclose(bordering.singularity(matrix, by), 0.0, atol=1e-13)


# -- Runge-Kutta methods


@pytest.mark.parametrize("stages", [1, 2, 3, 4, 5])
def test_gauss_has_twice_the_order_of_its_stages(stages):
    """The simplifying assumptions B(2s), C(s), D(s) of Butcher."""
    table = gauss(stages)
    for k in range(1, 2 * stages + 1):
        assert table.b @ table.c ** (k - 1) == pytest.approx(1 / k, abs=1e-14)
    assert abs(table.b @ table.c ** (2 * stages) - 1 / (2 * stages + 1)) > 1e-9
    for k in range(1, stages + 1):
        np.testing.assert_allclose(table.a @ table.c ** (k - 1), table.c**k / k, atol=1e-14)
        np.testing.assert_allclose((table.b * table.c ** (k - 1)) @ table.a, table.b * (1 - table.c**k) / k, atol=1e-14)


def rooted_trees(order):
    """Return the rooted trees with so many nodes, each as the sorted tuple of its branches."""
    if order == 1:
        return [()]
    return sorted({tuple(sorted(branches)) for branches in forests(order - 1)})


def forests(nodes):
    if nodes == 0:
        return [()]
    return [
        (tree, *rest) for size in range(1, nodes + 1) for tree in rooted_trees(size) for rest in forests(nodes - size)
    ]


def size(tree):
    return 1 + sum(map(size, tree))


def density(tree):
    return size(tree) * math.prod(map(density, tree))


def inner(tree, a):
    """Return what the branches of a node contribute to each stage."""
    out = np.ones(len(a))
    for branch in tree:
        out = out * (a @ inner(branch, a))
    return out


def order_conditions(weights, table, order):
    """Return the residual of the condition of every rooted tree (Hairer, Norsett, Wanner, II.2)."""
    return np.array([weights @ inner(tree, table.a) - 1 / density(tree) for tree in rooted_trees(order)])


def test_numbers_of_rooted_trees():
    assert [len(rooted_trees(order)) for order in range(1, 7)] == [1, 1, 2, 4, 9, 20]


def test_orders_of_the_diagonal_method():
    """The estimate is one order lower."""
    np.testing.assert_allclose(DIAGONAL.a.sum(axis=1), DIAGONAL.c, atol=1e-13)
    for order in range(1, DIAGONAL_ORDER + 1):
        np.testing.assert_allclose(order_conditions(DIAGONAL.b, DIAGONAL, order), 0.0, atol=1e-13)
    assert np.abs(order_conditions(DIAGONAL.b, DIAGONAL, DIAGONAL_ORDER + 1)).max() > 1e-5
    for order in range(1, DIAGONAL_ORDER):
        np.testing.assert_allclose(order_conditions(EMBEDDED, DIAGONAL, order), 0.0, atol=1e-13)
    assert np.abs(order_conditions(EMBEDDED, DIAGONAL, DIAGONAL_ORDER)).max() > 1e-5


def growth(table, z):
    n = len(table.c)
    return 1 + z * table.b @ np.linalg.solve(np.eye(n) - z * table.a, np.ones(n))


def test_the_diagonal_method_is_stiffly_accurate_and_l_stable():
    np.testing.assert_array_equal(DIAGONAL.b, DIAGONAL.a[-1])
    assert not DIAGONAL.a[0].any()
    assert set(np.diag(DIAGONAL.a)[1:]) == {DIAGONAL.a[1, 0]}
    assert not np.triu(DIAGONAL.a, 1).any()
    assert np.abs(np.linalg.solve(DIAGONAL.a[1:, 1:], DIAGONAL.a[1:, 0])[-1]) < 1e-13
    frequencies = np.logspace(-3, 6, 400)
    assert max(abs(growth(DIAGONAL, 1j * w)) for w in frequencies) <= 1 + 1e-13
    assert abs(growth(DIAGONAL, -2000.0)) < 2e-2


@pytest.mark.parametrize("stages", [1, 4])
def test_gauss_is_a_stable_but_does_not_damp_what_is_stiff(stages):
    for w in np.logspace(-2, 4, 50):
        assert abs(growth(gauss(stages), 1j * w)) == pytest.approx(1.0, abs=1e-10)
    assert 0.9 < abs(growth(gauss(stages), -1e3 * stages**2)) < 1.0


# -- the linearised boundary-value problem


def profile_near_the_torus_cycle(n):
    """A curve near the cycle, none itself."""
    cycle = exact_cycles.torus(n)
    times, states = cycle.sampled()
    return cycle.system, times / times[-1], 1.05 * states + 0.02 * np.sin(times)[:, None], times[-1] * 1.02


@pytest.mark.parametrize("name", ["collocation", "shooting"])
def test_a_newton_step_is_that_of_the_dense_equations(name):
    """Particular and null vectors, with the rows of phase, of parameters and of the plane of the step."""
    system, times, states, period = profile_near_the_torus_cycle(3)
    if name == "collocation":
        mesh = Collocation(system, np.array([0.0, 0.3, 0.45, 0.7, 1.0]))
    else:
        mesh = Shooting(
            system,
            np.array([0.0, 0.4, 1.0]),
            (np.array([0.08, 0.12, 0.1, 0.1]), np.array([0.1, 0.15, 0.12, 0.08, 0.15])),
        )
    problem = cycle_problem(system, ("nu",), {"nu": -0.2}, times, states, period, (0.7,), mesh)
    inside, y = mesh.start(times, states)
    problem.anchored(mesh, y, period, {"nu": -0.2})
    x = problem.joined(inside, y + 0.01, period, [-0.2])
    equations = naive.residual(problem, x)
    jacobian = naive.differences(lambda z: naive.residual(problem, z), x, np.full(x.size, 1e-3))
    assert jacobian.shape == (x.size - 1, x.size)
    row = np.concatenate([np.zeros(inside.size), np.random.default_rng(0).standard_normal(x.size - inside.size)])[None]
    linearised = problem.linearise(x)
    particular, null = linearised.solve(row)
    whole = np.concatenate([jacobian, row])
    np.testing.assert_allclose(particular, np.linalg.solve(whole, np.append(-equations, 0.0)), atol=1e-8)
    np.testing.assert_allclose(null[:, 0], np.linalg.solve(whole, np.eye(x.size)[-1]), atol=1e-8)
    assert linearised.phase == pytest.approx(equations[-1], abs=1e-14)
    assert np.abs(equations).max() > 1e-3


def test_singularities_of_cycles_vanish_at_their_bifurcations_alone():
    """Fold of cycles at -1/4 (LPC), torus at 0 (NS at its angle), period doubling at 0 (PD)."""
    cases = [
        (exact_cycles.fold_of_cycles(3), "LPC", -0.25, -0.24, ()),
        (exact_cycles.torus(4), "NS", 0.0, 0.02, (models.ORACLE["torus"]["NS angle"],)),
        (exact_cycles.period_doubling(5), "PD", 0.0, 0.02, ()),
    ]
    for cycle, kind, value, other, own in cases:
        sizes = []
        for m in (value, other):
            times, states = cycle.sampled(m)
            parameters = {cycle.parameter: m}
            mesh = Collocation(cycle.system, np.linspace(0.0, 1.0, 31))
            problem = cycle_problem(
                cycle.system, (cycle.parameter,), parameters, times / times[-1], states, times[-1], (1.0,), mesh
            )
            inside, y = mesh.start(times / times[-1], states)
            problem.anchored(mesh, y, times[-1], parameters)
            linearised = problem.linearise(problem.joined(inside, y, times[-1], [m]))
            if not sizes:
                borders = linearised.borders(kind, np.array(own))
            sizes.append(np.abs(linearised.singularity(kind, np.array(own), borders)).max())
        assert sizes[0] < 1e-6 < 1e-3 * sizes[1], (kind, sizes)


# -- normal forms


def planar(f, g, omega):
    """x' = -omega y + f, y' = omega x + g with f, g given by their derivatives at 0."""

    def text(table):
        return " + ".join(
            f"({table[j][k] / math.factorial(j) / math.factorial(k)!r})*x**{j}*y**{k}"
            for j in range(4) for k in range(4) if 2 <= j + k <= 3
        )  # fmt: skip

    return ODESystem.from_expressions({"x": f"-({omega!r})*y + {text(f)}", "y": f"({omega!r})*x + {text(g)}"})


def jacobian_at(system, state):
    return system.jacobian(0.0, state)


@pytest.mark.parametrize("seed", range(5))
def test_first_lyapunov_coefficient_of_random_planar_systems(seed):
    random = np.random.default_rng(seed)
    f, g = random.uniform(-1, 1, (2, 4, 4)).tolist()
    omega = float(random.uniform(0.5, 3))
    system = planar(f, g, omega)
    zero = np.zeros(2)
    found, note = normal_forms.hopf(system, zero, {}, jacobian_at(system, zero), omega)
    expected = naive.planar_lyapunov(f, g, omega)
    assert found["first_lyapunov"] == pytest.approx(expected, rel=1e-8)
    assert note == ("subcritical" if expected > 0 else "supercritical")


def test_first_lyapunov_coefficient_with_a_stable_direction():
    """z' = i z + z u, u' = -u + c |z|^2: u = c |z|^2 on the centre manifold, so that l1 = 2 c."""
    equations = {"x": "-y + x*u", "y": "x + y*u", "u": "-u + c*(x**2 + y**2)"}
    for c in (-0.7, 0.4):
        system = ODESystem.from_expressions(equations, {"c": c})
        zero = np.zeros(3)
        found, _ = normal_forms.hopf(system, zero, {"c": c}, jacobian_at(system, zero), 1.0)
        assert found["first_lyapunov"] == pytest.approx(2 * c, abs=1e-10)


@pytest.mark.parametrize("c", [-2.0, 0.3])
def test_fold_and_cusp_coefficients(c):
    """x' = c x^2 and c x^3, by themselves, behind y' = -y + d x^2 with x' = x y, and by a nonlinear change."""
    zero = np.zeros(2)
    system = ODESystem.from_expressions({"x": "c*x**2 + x*y", "y": "-y + x**2"}, {"c": c})
    found, _ = normal_forms.fold(system, zero, {"c": c}, jacobian_at(system, zero))
    assert abs(found["fold"]) == pytest.approx(abs(c), abs=1e-10)
    for equation, expected in ((f"({c})*x**3", c), (f"({c})*x**3 + 1.5*x*y", c - 0.75)):
        system = ODESystem.from_expressions({"x": equation, "y": "-2*y - x**2"})
        found, note = normal_forms.cusp(system, zero, {}, jacobian_at(system, zero))
        assert found["cusp"] == pytest.approx(expected, abs=1e-10)
        assert note.startswith("stable" if expected < 0 else "unstable")


@pytest.mark.parametrize(("a", "b"), [(1.0, -1.0), (0.5, 2.0), (-3.0, 0.7)])
def test_bogdanov_takens_coefficients(a, b):
    """w0' = w1, w1' = a w0^2 + b w0 w1 seen as y = P (w, s): both coefficients over |P e1|, with one common sign."""
    mix = np.random.default_rng(1).standard_normal((3, 3)) + 2 * np.eye(3)
    back = np.linalg.inv(mix)

    def rhs(t, y, p):
        w = back @ y
        return mix @ np.array([w[1], a * w[0] ** 2 + b * w[0] * w[1], -w[2] + w[0] ** 2])

    def jacobian(t, y, p):
        w = back @ y
        slope = np.array([[0, 1, 0], [2 * a * w[0] + b * w[1], b * w[0], 0], [2 * w[0], 0, -1]])
        return mix @ slope @ back

    system = ODESystem.from_callable(rhs, ["x", "y", "z"], jacobian=jacobian)
    zero = np.zeros(3)
    found, _ = normal_forms.bogdanov_takens(system, zero, {}, jacobian_at(system, zero))
    length = np.linalg.norm(mix[:, 0])
    sign = np.sign(found["a"] * a)
    np.testing.assert_allclose([found["a"], found["b"]], [sign * a / length, sign * b / length], atol=1e-8)


# -- profiles


def test_extrema_of_a_profile_between_its_samples():
    def profile(t):
        angle = 2 * np.pi * t
        return np.column_stack([np.sin(angle + 0.3), np.sin(angle) + 0.4 * np.cos(2 * angle + 1), 3.0 + 0 * t])

    fine = profile(np.linspace(0, 1, 200001))
    random = np.random.default_rng(0)
    for times in (np.linspace(0, 1, 81), np.linspace(0, 1, 81) ** 1.5, np.sort([0.0, 1.0, *random.random(150)])):
        low, high = extrema(times, profile(times))
        spacing = np.diff(times).max()
        np.testing.assert_allclose(low, fine.min(axis=0), atol=60 * (2 * spacing) ** 5)
        np.testing.assert_allclose(high, fine.max(axis=0), atol=60 * (2 * spacing) ** 5)
        assert (low <= profile(times).min(axis=0)).all()
        assert (high >= profile(times).max(axis=0)).all()


def test_extrema_at_the_seam_of_few_samples_and_of_kinks():
    times = np.linspace(0, 1, 41)
    low, high = extrema(times, np.cos(2 * np.pi * times - 1e-3)[:, None])
    np.testing.assert_allclose([low[0], high[0]], [-1, 1], atol=1e-6)
    few = np.array([[0.0], [1.0], [0.5], [0.0]])
    assert extrema(np.array([0, 0.2, 0.6, 1.0]), few) == (0.0, 1.0)
    saw = np.abs(times - 0.51)[:, None]
    low, high = extrema(times, saw)
    assert -0.01 <= low[0] <= saw.min()
    assert saw.max() <= high[0] <= 0.6


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 12])
def test_turns_of_a_profile_through_one_cycle(turns):
    times = np.linspace(0, 1, 60 * turns + 1)
    angle = 2 * np.pi * turns * times
    once = np.column_stack([np.cos(angle), np.sin(angle) + 0.3 * np.cos(2 * angle)])
    assert covers(times, once) == turns
    subharmonic = once + 0.02 * np.cos(2 * np.pi * times)[:, None]
    assert covers(times, subharmonic) == 1


def test_one_period_at_the_end_of_a_trajectory():
    system = models.bautin()
    for period, end in ((1.0, 7.3), (2.5, 20.0)):
        times = np.linspace(0, end, 1500)
        angle = 2 * np.pi * times / period
        states = np.column_stack([np.cos(angle) + 3.0, 0.2 * np.sin(angle)]) * (1 + 0.5 * np.exp(-2 * times))[:, None]
        own, profile, found = one_period(system, (times, states), system.parameters)
        assert found == pytest.approx(period, rel=1e-3)
        assert (own[0], own[-1]) == (0.0, 1.0)
        assert (np.diff(own) > 0).all()
        np.testing.assert_allclose(profile[-1], profile[0], atol=1e-12)
        np.testing.assert_allclose(profile[-1], states[-1], atol=2e-3)
        np.testing.assert_allclose(np.ptp(profile, axis=0), [2.0, 0.4], rtol=1e-2)


def test_one_period_of_two_unlike_loops_holds_both():
    """x alternates between two amplitudes: the first return is none."""
    times = np.linspace(0, 12, 3000)
    angle = np.pi * times
    states = np.column_stack([np.cos(2 * angle) + 0.3 * np.cos(angle), np.sin(2 * angle) + 0.3 * np.sin(angle)])
    assert one_period(models.bautin(), (times, states), {})[2] == pytest.approx(2.0, rel=1e-3)
