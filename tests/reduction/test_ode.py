from __future__ import annotations

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reduction
import spiking
from reduction.kernels import density as kernel
from reduction.levels import ode
from spiking.errors import ParameterError, SpecificationError, UnknownNameError

VARIANTS = {
    "exponential": {},
    "none": {"E.refractory": spiking.NoRefractory(), "I.refractory": spiking.NoRefractory()},
    "fixed": {"E.refractory": spiking.Fixed(3.0)},
    "leaky": {"E.tau_m": 20.0, "E.rest": 5.0, "I.tau_m": 10.0},
    "Poisson": {"E.drive": spiking.PoissonDrive(5.0, 1.5)},
}


def variant(chang, name, **options):
    return reduction.MarkovApproximation(chang.replace(VARIANTS[name]), bins=40, **options)


def random_state(approximation, seed=0):
    """A full state (density, pool, mean, variance) with all neurons somewhere."""
    rng = np.random.default_rng(seed)
    layout, arrays = ode.layout(approximation), approximation.arrays()
    full = rng.uniform(0.1, 1.0, len(layout.names))
    for a, size in enumerate(arrays.size):
        full[layout.owner == a] *= size / full[layout.owner == a].sum()
    moments = full[layout.owner < 0]
    half = moments.size // 2
    full[layout.owner < 0] = np.concatenate([20 * moments[:half], 18 * moments[half:]])
    return layout, full


def population_parts(approximation, layout, full, a):
    name = list(approximation.network.sizes)[a]
    moments = {
        p.name: (full[layout.names.index(f"{p.name}.mean")], full[layout.names.index(f"{p.name}.variance")])
        for p in approximation.network.projections
    }
    return naive.generator(approximation, name, moments), full[layout.owner == a]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("closure", ["published", "white"])
def test_the_right_hand_side_equals_its_naive_twin(chang, name, closure):
    approximation = variant(chang, name, closure=closure)
    layout, full = random_state(approximation)
    derivative = approximation.ode().rhs(0.0, full[layout.kept])
    expected, rates = np.zeros_like(full), []
    for a in (0, 1):
        matrix, state = population_parts(approximation, layout, full, a)
        expected[layout.owner == a] = matrix[:-1, :-1] @ state
        rates.append(matrix[-1, :-1] @ state)
    for p in approximation.network.projections:
        index = {kind: layout.names.index(f"{p.name}.{kind}") for kind in ("mean", "variance")}
        h, w = full[index["mean"]], full[index["variance"]]
        tau, share = p.synapse.tau, p.wiring.probability
        r = rates[list(approximation.network.sizes).index(p.source)]
        expected[index["mean"]] = -h / tau + share * r
        expected[index["variance"]] = -2 * w / tau + h / tau + share * (1 - share) * r
    np.testing.assert_allclose(derivative, expected[layout.kept], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("kick", [False, True])
def test_the_jacobian_is_the_derivative(chang, name, kick):
    approximation = variant(chang, name, closure="white")
    if kick:
        network = approximation.network
        parts = {f"{p.name}.synapse": spiking.PendingKick(p.synapse.weight, p.synapse.tau, p.synapse.inhibitory,
                                                         p.synapse.reversal) for p in network.projections}  # fmt: skip
        approximation = reduction.MarkovApproximation(network.replace(parts), bins=40, closure="white")
    system = approximation.ode()
    layout, full = random_state(approximation, seed=1)
    y = full[layout.kept]
    jacobian = system.jacobian(0.0, y)
    for column in range(y.size):
        step = np.zeros_like(y)
        step[column] = 1e-5 * max(1.0, abs(y[column]))
        difference = (system.rhs(0.0, y + step) - system.rhs(0.0, y - step)) / (2 * step[column])
        np.testing.assert_allclose(jacobian[:, column], difference, rtol=1e-6, atol=2e-7)


def test_the_jacobian_has_no_structural_zero(chang):
    for name in ("exponential", "none", "fixed"):
        approximation = variant(chang.replace({"EI.probability": 1.0}), name)
        system = approximation.ode()
        state = reduction.integrate(approximation, duration=300.0).final_state
        assert np.abs(np.linalg.eigvals(system.jacobian(0.0, state))).min() > 0.01


@pytest.mark.parametrize("name", VARIANTS)
def test_the_hops_are_the_exponential_of_the_generator(chang, name):
    approximation = variant(chang, name)
    layout, full = random_state(approximation, seed=2)
    arrays = approximation.arrays()
    for a in (0, 1):
        matrix, state = population_parts(approximation, layout, full, a)
        for time in (0.01, 0.1, 5.0):
            expected, spikes = naive.step(matrix, state, time)
            density, pool, mean, variance = (part.copy() for part in layout.split(full))
            drift, noise = np.empty((2, 2)), np.empty((2, 3))
            kernel.coefficients(arrays, mean, variance, drift, noise)
            right, left, work = np.empty(density.size), np.empty(density.size), np.empty((5, density.size))
            kernel.hop_rates(arrays, drift, noise, right, left)
            fired = kernel.hop(arrays, a, time, right, left, density, pool, work)
            moved = np.concatenate([density, pool, mean, variance])[layout.owner == a]
            np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-9)
            assert fired == pytest.approx(spikes, rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(
    probability=st.floats(0, 1), weight=st.floats(0, 20), rate=st.floats(0.01, 50), size=st.floats(0.01, 5),
    dt=st.floats(0.001, 0.5), bins=st.integers(10, 80),
)  # fmt: skip
def test_densities_stay_positive_and_neurons_are_conserved(probability, weight, rate, size, dt, bins):
    network = spiking.presets.chang2025().replace(
        {"EI.probability": probability, "EE.weight": weight, "E.drive.rate": rate, "E.drive.size": size}
    )
    approximation = reduction.MarkovApproximation(network, bins=bins)
    layout, arrays = ode.layout(approximation), approximation.arrays()
    trajectory = reduction.integrate(approximation, duration=20 * dt, dt=dt, sampling_interval=dt)
    full = layout.full(trajectory.final_state, arrays.size)
    assert full[layout.owner >= 0].min() > -1e-10
    assert np.isfinite(full).all()
    assert (trajectory.firing_rates >= 0).all()


def test_no_density_is_negative_at_default_settings(chang):
    for probability in (0.5, 0.8, 1.0):
        approximation = reduction.MarkovApproximation(chang.replace({"EI.probability": probability}))
        state, layout = None, ode.layout(approximation)
        for _ in range(20):
            state = reduction.integrate(approximation, duration=25.0, initial=state).final_state
            assert layout.full(state, approximation.arrays().size).min() >= 0.0


def test_the_pool_integrated_on_its_own_is_what_conservation_says(chang):
    approximation = reduction.MarkovApproximation(chang)
    layout, arrays = ode.layout(approximation), approximation.arrays()
    full = ode.spread_state(approximation)
    out = [np.zeros((10000, 2)), np.zeros((10000, 2)), np.zeros((10000, 4)), np.zeros((10000, 4))]
    density, pool, mean, variance = layout.split(full)
    kernel.integrate(arrays, 0.1, 0, 10000, 1, density, pool, mean, variance, *out)
    for a in (0, 1):
        inside = density[arrays.start[a] : arrays.start[a + 1]].sum()
        assert pool[a] > 1.0
        assert abs(pool[a] - (arrays.size[a] - inside)) < 1e-9 * arrays.size[a]


def test_continuing_equals_going_on(chang):
    approximation = reduction.MarkovApproximation(chang)
    whole = reduction.integrate(approximation, duration=60.0)
    first = reduction.integrate(approximation, duration=25.0)
    rest = reduction.integrate(approximation, duration=35.0, initial=first)
    both = np.concatenate([first.firing_rates, rest.firing_rates])
    np.testing.assert_allclose(both, whole.firing_rates, rtol=1e-8, atol=1e-8)


def test_the_system_agrees_with_the_integrator(chang):
    approximation = reduction.MarkovApproximation(chang)
    system = approximation.ode()
    state = reduction.integrate(approximation, duration=20.0).final_state
    short = reduction.integrate(approximation, duration=1e-4, dt=1e-4, sampling_interval=1e-4, initial=state)
    slope = (short.final_state - state) / 1e-4
    exact = system.rhs(0.0, state)
    assert np.abs(slope - exact).max() < 1e-3 * np.abs(exact).max()
    assert system.observe("E.rate", state) == pytest.approx(short.firing_rates[0, 0], rel=1e-3)
    assert system.observe("I.mean_voltage", state) == pytest.approx(short.mean_voltage[0, 1], abs=1e-2)
    assert system.observe("EI.variance", state) == pytest.approx(short.variance_pending[0, 1], rel=1e-2)


def test_parameters_of_the_system_are_the_networks(chang):
    approximation = reduction.MarkovApproximation(chang)
    state = reduction.integrate(approximation, duration=30.0).final_state
    for address, factor in (("EI.probability", 0.9), ("E.drive.rate", 1.1), ("EE.weight", 1.2), ("E.threshold", 1.01)):
        value = chang[address] * factor
        other = reduction.MarkovApproximation(
            chang.replace({address: value}), bins=150, v_min=-50.0
        ).ode()  # fmt: skip
        mine = approximation.ode().rhs(0.0, state, {address: value})
        np.testing.assert_array_equal(mine, other.rhs(0.0, state))
        assert not np.array_equal(mine, approximation.ode().rhs(0.0, state))


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
        found.append(trajectory.rates(599.0)["X"])
    assert (4 * found[1] - found[0]) / 3 == pytest.approx(rate, rel=2e-6)  # extrapolated to infinitely many bins
    assert (found[0] - rate) / (found[1] - rate) == pytest.approx(4.0, rel=0.02)  # second order in bin width


def test_wrong_states_and_names_are_refused(chang):
    approximation = reduction.MarkovApproximation(chang)
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
