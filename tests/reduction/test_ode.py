from __future__ import annotations

import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import reduction
import spiking
from reduction.kernels import density, mean_flow
from reduction.levels import ode
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

LIF = spiking.LIF(20.0, 5.0, 15.0, rest=1.0)
KICKS = spiking.GaussianDrive(4.0, 0.5)


def recurrent(neuron, synapse, *, drive=KICKS, wiring=None, delay=0.0, size=40):
    """A population that is its own input."""
    projection = spiking.Projection("X", "X", synapse, wiring or spiking.Annealed(0.4), delay=delay)
    return spiking.Network([spiking.Population("X", size, neuron, drive)], [projection])


def with_refractory(refractory):
    return recurrent(
        spiking.LIF(20.0, 5.0, 15.0, refractory=refractory), spiking.PendingCurrent(0.8, 1.5), delay=0.7
    )  # fmt: skip


OU = spiking.OrnsteinUhlenbeckDrive(1.2, 0.5, 3.0)
CURRENT = spiking.ExponentialCurrent(0.7, 2.0, inhibitory=True)
EIF = spiking.EIF(20.0, -5.0, 10.0, 0.0, 10.0, 1.5, spiking.Exponential(1.0))
SCOPE = {
    "no refractory time": with_refractory(spiking.NoRefractory()),
    "exponential": with_refractory(spiking.Exponential(2.0)),
    "fixed": with_refractory(spiking.Fixed(3.0)),
    "normal": with_refractory(spiking.Normal(2.0, 1.0)),
    "perfect": recurrent(spiking.LIF(20.0), spiking.PendingCurrent(0.8, 1.5, inhibitory=True, reversal=-15.0)),
    "kicks": recurrent(LIF, spiking.PendingKick(1.1, 2.5, inhibitory=True, reversal=-15.0), delay=1.0),
    "Poisson": recurrent(LIF, CURRENT, drive=spiking.PoissonDrive(5.0, 0.4), wiring=spiking.FixedInDegree(8)),
    "exponential current": recurrent(LIF, CURRENT, delay=0.4, wiring=spiking.Bernoulli(0.3, seed=1)),
    "conductance": recurrent(LIF, spiking.ExponentialConductance(0.2, 3.0, reversal=30.0)),
    "delta": recurrent(LIF, spiking.Delta(0.3), delay=1.5, wiring=spiking.FixedInDegree(6)),
    "Ornstein-Uhlenbeck": recurrent(LIF, CURRENT, drive=spiking.SumDrive(KICKS, OU)),
    "constant": recurrent(LIF, spiking.Delta(0.3, inhibitory=True), drive=spiking.SumDrive(
        spiking.ConstantDrive(1.4), spiking.GaussianDrive(2.0, 0.5)), delay=2.0),
    "quadratic, finite": recurrent(
        spiking.QIF(30.0, -6.0, 10.0, spiking.Fixed(1.0)), CURRENT, drive=spiking.GaussianDrive(2.0, 0.7)),
    "quadratic, infinite": recurrent(spiking.QIF(tau_m=8.0), CURRENT, drive=spiking.GaussianDrive(2.0, 0.7)),
    "exponential neuron": recurrent(EIF, spiking.ExponentialCurrent(0.5, 2.0), delay=1.0),
}  # fmt: skip


def approximation_of(network, **options):
    return reduction.MarkovApproximation(network, **{"bins": 16, "stages": 3, **options})


def random_state(approximation, seed=0):
    """A full state with all neurons somewhere."""
    rng = np.random.default_rng(seed)
    layout, arrays = ode.layout(approximation), approximation.arrays()
    full = rng.uniform(0.1, 1.0, len(layout.names))
    for a, size in enumerate(arrays.size):
        full[layout.owner == a] *= size / full[layout.owner == a].sum()
    _, _, _, mean, variance = layout.split(full)
    mean *= 20
    variance *= 18
    drives = arrays.source < 0
    mean[drives], variance[drives] = 0.0, arrays.variance[drives]
    return layout, full


def assert_twins_agree(approximation):
    layout, full = random_state(approximation)
    derivative = approximation.ode().rhs(0.0, full[layout.kept])
    expected = naive.right_hand_side(approximation, full)[layout.kept]
    np.testing.assert_allclose(derivative, expected, rtol=1e-10, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("name", SCOPE)
@pytest.mark.parametrize("options", [{"noise_levels": 2}, {"noise_levels": 3}, {"closure": "white"}, {"closure": 0.5}])
def test_the_right_hand_side_equals_its_naive_twin(name, options):
    assert_twins_agree(approximation_of(SCOPE[name], **options))


@pytest.mark.parametrize("options", [{"noise_levels": 2}, {"noise_levels": 3}, {"closure": "published"}])
def test_the_right_hand_side_of_two_populations_equals_its_naive_twin(chang, small, options):
    assert_twins_agree(approximation_of(chang.replace({"EI.delay": 1.0}), **options))
    assert_twins_agree(approximation_of(small, **options))


def check_jacobian(approximation):
    system = approximation.ode()
    layout, full = random_state(approximation, seed=1)
    y = full[layout.kept]
    jacobian = system.jacobian(0.0, y)
    scale = np.abs(jacobian).max()
    for column in range(y.size):
        size = 1e-3 * max(0.3, abs(y[column]))
        values = [system.rhs(0.0, y + factor * size * np.eye(y.size)[column]) for factor in (-2, -1, 1, 2)]
        difference = (8 * (values[2] - values[1]) - (values[3] - values[0])) / (12 * size)
        np.testing.assert_allclose(jacobian[:, column], difference, rtol=1e-6, atol=1e-9 * scale)


@pytest.mark.parametrize("name", SCOPE)
@pytest.mark.parametrize("options", [{"noise_levels": 2}, {"noise_levels": 3}, {"closure": "white"}])
def test_the_jacobian_is_the_derivative(name, options):
    check_jacobian(approximation_of(SCOPE[name], **options))


@pytest.mark.parametrize("options", [{"noise_levels": 2}, {"closure": "published"}])
def test_the_jacobian_of_two_populations_is_the_derivative(chang, small, options):
    check_jacobian(approximation_of(chang, **options))
    check_jacobian(approximation_of(small, **options))


@pytest.mark.parametrize("name", SCOPE)
def test_neurons_are_conserved_by_the_right_hand_side(name):
    approximation = approximation_of(SCOPE[name])
    layout, full = random_state(approximation)
    out = np.empty_like(full)
    from reduction.kernels import derivatives

    derivatives.right_hand_side(approximation.arrays(), *layout.split(full), out)
    assert abs(out[layout.owner == 0].sum()) < 1e-12 * np.abs(out).sum()


def test_the_jacobian_has_no_structural_zero(chang):
    changes = {
        "exponential": {},
        "none": {"E.refractory": spiking.NoRefractory(), "I.refractory": spiking.NoRefractory()},
        "fixed": {"E.refractory": spiking.Fixed(3.0)},
    }
    for change in changes.values():
        approximation = approximation_of(chang.replace({"EI.probability": 1.0} | change), bins=40, closure="published")
        state = reduction.integrate(approximation, duration=300.0).final_state[0]
        assert np.abs(np.linalg.eigvals(approximation.ode().jacobian(0.0, state))).min() > 0.01


@pytest.mark.parametrize("name", SCOPE)
def test_the_hops_are_the_exponential_of_the_generator(name):
    approximation = approximation_of(SCOPE[name])
    layout, full = random_state(approximation, seed=2)
    arrays = approximation.arrays()
    *_, mean, variance = layout.split(full)
    names = [s.name for s in approximation.sources()]
    matrix = naive.generator(approximation, "X", {n: (mean[q], variance[q]) for q, n in enumerate(names)})
    state = full[layout.owner == 0]
    drift, noise = np.empty((1, 2)), np.empty((1, 3))
    by_column = np.empty((arrays.columns[0], 2))
    density.coefficients(arrays, mean, variance, drift, noise)
    density.column_drifts(arrays, variance, drift, by_column)
    bins, stages = arrays.bins[0], arrays.stages[0]
    right, left, work = np.empty(bins), np.empty(bins), np.empty((5, max(bins, stages)))
    for time in (0.01, 0.1, 2.0):
        expected, spikes = naive.step(matrix, state, time)
        inside, pool, *_ = (part.copy() for part in layout.split(full))
        fired = 0.0
        for c in range(arrays.columns[0]):
            density.hop_rates(*density.edges_of(arrays, 0), *by_column[c], noise, 0, right, left)
            fired += mean_flow.hop(
                arrays.reset_bin[0], arrays.reset_share[0], arrays.release[0], time, right, left,
                inside[c * bins : (c + 1) * bins], pool[c * stages : (c + 1) * stages], work,
            )  # fmt: skip
        np.testing.assert_allclose(np.concatenate([inside, pool]), expected, rtol=1e-8, atol=1e-9)
        assert fired == pytest.approx(spikes, rel=1e-8)


@pytest.mark.filterwarnings("ignore:level 'ode'.*lowest bins:UserWarning")
@settings(deadline=None, max_examples=50)
@given(
    probability=st.floats(0, 1), weight=st.floats(0, 20), rate=st.floats(0.01, 50), size=st.floats(0.01, 5),
    dt=st.floats(0.001, 0.5), bins=st.integers(10, 60), levels=st.integers(2, 4), delay=st.sampled_from([0.0, 0.8]),
)  # fmt: skip
def test_densities_stay_positive_and_neurons_are_conserved(
    probability, weight, rate, size, dt, bins, levels, delay
):  # fmt: skip
    network = spiking.presets.chang2025().replace(
        {"EI.probability": probability, "EE.weight": weight, "E.drive.rate": rate, "E.drive.size": size,
         "EI.delay": delay}
    )  # fmt: skip
    approximation = reduction.MarkovApproximation(network, bins=bins, noise_levels=levels)
    layout, arrays = ode.layout(approximation), approximation.arrays()
    trajectory = reduction.integrate(approximation, duration=20 * dt, dt=dt, sampling_interval=dt)
    full = layout.full(trajectory.final_state[0], arrays)
    # What conservation gives is the difference of the others.
    assert full.min() >= -1e-11 * arrays.size.max()
    assert trajectory.firing_rates.min() >= 0.0
    for a in (0, 1):
        assert full[layout.owner == a].sum() == pytest.approx(arrays.size[a], rel=1e-12)


def test_refractory_pool_is_what_is_left(chang):
    """The integrator's own pool, not the one that conservation gives."""
    approximation = reduction.MarkovApproximation(chang)
    layout, arrays = ode.layout(approximation), approximation.arrays()
    full = ode.spread_state(approximation)
    out = [np.zeros((10000, columns)) for columns in (2, 2, 2, 4, 4)]
    parts = layout.split(full)
    mean_flow.integrate(arrays, 0.1, 10000, 0, 10000, 1, parts[4].copy(), *parts, *out)
    for a in (0, 1):
        inside = parts[0][arrays.start[a] : arrays.start[a + 1]].sum()
        held = parts[1][arrays.pool_start[a] : arrays.pool_start[a + 1]].sum()
        assert held > 1.0
        assert abs(held + inside - arrays.size[a]) < 1e-9 * arrays.size[a]


@pytest.mark.parametrize("name", ["conductance", "delta", "Ornstein-Uhlenbeck", "quadratic, infinite"])
def test_steps_converge_to_an_independent_solver_in_second_order(name):
    """Whole state after 10 ms, in which the first spikes come, against Radau at 1e-10 on the same equations."""
    approximation = approximation_of(SCOPE[name], bins=40, stages=4)
    system = approximation.ode()
    # Noise in place from the start: W = 0 is a branch point of its square root.
    start = reduction.integrate(approximation, duration=20.0).final_state[0]
    exact = solve_ivp(
        system.rhs, (0, 10.0), start, method="Radau", jac=system.jacobian, rtol=1e-9, atol=1e-9
    ).y[:, -1]  # fmt: skip

    def error(dt):
        end = reduction.integrate(approximation, duration=10.0, dt=dt, initial=start, sampling_interval=10.0)
        return np.abs(end.final_state[0] - exact).sum()

    errors = [error(dt) for dt in (0.1, 0.05, 0.025)]
    print(f"\n{name}: errors {errors}, of {approximation.network.sizes['X']} neurons")
    assert errors[-1] < 2e-3 * approximation.network.sizes["X"]
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2.0, atol=0.2)


@pytest.mark.parametrize("closure", ["conditional", "published"])
def test_continuing_equals_going_on(chang, closure):
    """To the order of the step, since levels are brought to the end of a run."""
    approximation = reduction.MarkovApproximation(chang, closure=closure)
    whole = reduction.integrate(approximation, duration=60.0)
    first = reduction.integrate(approximation, duration=25.0)
    rest = reduction.integrate(approximation, duration=35.0, initial=first)
    both = np.concatenate([first.firing_rates, rest.firing_rates], axis=1)
    tolerance = 1e-8 if closure == "published" else 2e-3
    np.testing.assert_allclose(both, whole.firing_rates, rtol=tolerance, atol=tolerance * whole.firing_rates.max())


def test_the_system_agrees_with_the_integrator(chang):
    approximation = reduction.MarkovApproximation(chang)
    system = approximation.ode()
    state = reduction.integrate(approximation, duration=20.0).final_state[0]
    short = reduction.integrate(approximation, duration=1e-4, dt=1e-4, sampling_interval=1e-4, initial=state)
    slope = (short.final_state[0] - state) / 1e-4
    exact = system.rhs(0.0, state)
    assert np.abs(slope - exact).max() < 1e-3 * np.abs(exact).max()
    assert system.observe("E.rate", state) == pytest.approx(short.firing_rates[0, 0, 0], rel=1e-3)
    assert system.observe("I.mean_voltage", state) == pytest.approx(short.mean_voltage[0, 0, 1], abs=1e-2)
    assert system.observe("EI.variance", state) == pytest.approx(short.variance_pending[0, 0, 1], rel=1e-2)


def test_parameters_of_the_system_are_the_networks(chang):
    approximation = reduction.MarkovApproximation(chang)
    state = reduction.integrate(approximation, duration=30.0).final_state[0]
    for address, factor in (("EI.probability", 0.9), ("E.drive.rate", 1.1), ("EE.weight", 1.2), ("E.threshold", 1.01)):
        value = chang[address] * factor
        other = reduction.MarkovApproximation(chang.replace({address: value}), bins=150, v_min=-50.0).ode()
        mine = approximation.ode().rhs(0.0, state, {address: value})
        np.testing.assert_array_equal(mine, other.rhs(0.0, state))
        assert not np.array_equal(mine, approximation.ode().rhs(0.0, state))


def test_drives_that_depend_on_time_enter_the_system():
    drive = spiking.SumDrive(KICKS, spiking.ArrayDrive([0.0, 1.5, -0.5], 2.0))
    system = approximation_of(recurrent(LIF, CURRENT, drive=drive)).ode()
    for time, current in ((0.0, 0.0), (1.99, 0.0), (2.0, 1.5), (4.1, -0.5), (100.0, -0.5)):
        constant = spiking.SumDrive(KICKS, spiking.ConstantDrive(current))
        other = approximation_of(recurrent(LIF, CURRENT, drive=constant)).ode()
        np.testing.assert_array_equal(system.rhs(time, system.guess), other.rhs(0.0, system.guess))


# Siegert's formula: tau V' = mu - V + sigma sqrt(tau) xi, tau 20 ms, threshold 20, reset 10, refractory time 2 ms
@pytest.mark.parametrize(
    ("mu", "sigma", "rate"), [(15, 5, 9.460800), (18, 4, 16.302316), (20, 5, 27.340567), (25, 5, 47.217443)]
)
@pytest.mark.parametrize("refractory", [spiking.Exponential(2.0), spiking.Fixed(2.0)])
def test_stationary_rates_are_siegerts(mu, sigma, rate, refractory):
    tau = 20.0
    drive = spiking.GaussianDrive(rate=mu**2 / (tau * sigma**2), size=sigma**2 / mu)
    neuron = spiking.LIF(20.0, 10.0, tau, refractory=refractory)
    network = spiking.Network([spiking.Population("X", 1, neuron, drive)])
    found = []
    for bins in (200, 400):
        approximation = reduction.MarkovApproximation(network, bins=bins, v_min=-30.0)
        trajectory = reduction.integrate(approximation, duration=600.0, dt=0.2, sampling_interval=0.2)
        found.append(trajectory.rates(599.0)["X"].mean)
    assert (4 * found[1] - found[0]) / 3 == pytest.approx(rate, rel=2e-6)  # extrapolated to infinitely many bins
    assert (found[0] - rate) / (found[1] - rate) == pytest.approx(4.0, rel=0.02)  # second order in bin width


def test_the_rate_of_a_quadratic_neuron_is_the_exact_one():
    """sqrt(I / tau) / pi with infinite cutoffs; without noise the times in the bins add up as a trapezoidal rule."""
    network = spiking.Network([spiking.Population("X", 10, spiking.QIF(tau_m=2.0), spiking.ConstantDrive(4.0))])
    errors = []
    for bins in (100, 200, 400):
        approximation = reduction.MarkovApproximation(network, bins=bins)
        found = reduction.integrate(approximation, duration=500.0).rates(450.0)["X"].mean
        errors.append(found / (1000.0 * math.sqrt(2.0) / math.pi) - 1)
    print(f"\nquadratic neuron: relative errors {errors}")
    assert max(map(abs, errors)) < 1e-3


def test_wrong_states_and_names_are_refused(chang):
    approximation = reduction.MarkovApproximation(chang, closure="published")
    system = approximation.ode()
    with pytest.raises(SpecificationError, match=r"y has shape \(3,\): must have shape \(308,\)"):
        system.rhs(0.0, np.zeros(3))
    with pytest.raises(UnknownNameError, match="parameter 'EI.prob' does not exist"):
        system.rhs(0.0, system.guess, {"EI.prob": 1.0})
    with pytest.raises(ParameterError, match="EE.tau = nan: must be a number"):
        system.rhs(0.0, system.guess, {"EE.tau": np.nan})
    with pytest.raises(UnknownNameError, match="observable 'E.height' does not exist"):
        system.observe("E.height", system.guess)
    with pytest.raises(SpecificationError, match="initial has shape"):
        reduction.integrate(approximation, initial=np.zeros(3))
    with pytest.raises(SpecificationError, match="initial: must be finite"):
        reduction.integrate(approximation, initial=np.full(308, np.nan))
    with pytest.raises(SpecificationError, match=r"initial: I.refractory\[0\] would be -350; must be at least 0"):
        reduction.integrate(approximation, initial=np.full(308, 3.0))
    with pytest.raises(SpecificationError, match=r"initial: has 3 rows; must have 1 or trials = 1"):
        reduction.integrate(approximation, initial=np.zeros((3, 308)))
