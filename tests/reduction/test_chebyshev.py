from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import reduction
import spiking
from reduction.levels import ode
from reduction.levels.chebyshev import chebyshev_system, domains
from reduction.levels.diffusion import Diffusion
from spiking.errors import ParameterError, SpecificationError

VARIANTS = {
    "exponential": {},
    "none": {"E.refractory": spiking.NoRefractory(), "I.refractory": spiking.NoRefractory()},
    "fixed": {"E.refractory": spiking.Fixed(3.0)},
    "leaky": {"E.tau_m": 20.0, "E.rest": 5.0, "I.tau_m": 10.0},
    "kick": {"EE.synapse": spiking.PendingKick(0.95, 1.4), "II.synapse": spiking.PendingKick(2.0, 4.0, True, -66.0)},
}
# drift, noise, floor, threshold, reset, end and step of time
INPUTS = {
    "suprathreshold": (lambda v: (25 - v) / 20, lambda v: 1.25, -5.0, 20.0, 10.0, 60.0, 0.1),
    "perfect": (lambda v: 7.0, lambda v: 7.0, -50.0, 100.0, 0.0, 60.0, 0.1),
    "voltage-dependent noise": (
        lambda v: 10 - 0.1 * (v + 66), lambda v: 7 + 0.003 * (v + 66) ** 2, -50.0, 100.0, 0.0, 60.0, 0.1
    ),
    "event": (lambda v: 100 - 0.4 * v, lambda v: 7.0, -50.0, 100.0, 0.0, 6.0, 0.01),
}  # fmt: skip


def approximated(chang, name="exponential", **changes):
    return reduction.MarkovApproximation(chang.replace(VARIANTS[name] | changes), closure="published", v_min=-50.0)


def population(name, nodes):
    """The domains of fixed input, the matrix of the density and the flux across the threshold."""
    drift, noise, floor, threshold, reset, _, _ = INPUTS[name]
    parts = domains(floor, reset, threshold, nodes)
    mu, d = (np.broadcast_to(f(parts.voltage), parts.voltage.shape) for f in (drift, lambda v: 0.5 * noise(v)))
    return parts, *parts.flow(np.eye(parts.points.size), mu, d, mu[-2:] > 0)


def random_state(system, seed=0):
    """Densities and moments off every symmetry."""
    rng = np.random.default_rng(seed)
    y = system.guess + 0.01 * rng.normal(size=system.guess.size)
    moments = [k for k, name in enumerate(system.names) if name.endswith(("mean", "variance"))]
    y[moments] = rng.uniform(1.0, 20.0, len(moments))
    return y


@pytest.mark.parametrize("name", VARIANTS)
def test_the_jacobian_is_the_derivative(chang, name):
    system = chebyshev_system(approximated(chang, name), (8, 12))
    y = random_state(system)
    jacobian = system.jacobian(0.0, y)
    scale = np.abs(jacobian).max()
    for column in range(y.size):
        step = np.zeros_like(y)
        step[column] = 1e-4
        difference = (system.rhs(0.0, y + step) - system.rhs(0.0, y - step)) / 2e-4
        np.testing.assert_allclose(jacobian[:, column], difference, rtol=1e-6, atol=1e-9 * scale)


@pytest.mark.parametrize("name", INPUTS)
def test_neurons_are_conserved(name):
    parts, matrix, flux = population(name, (10, 14))
    np.testing.assert_allclose(parts.weights @ matrix, -flux, atol=1e-10 * np.abs(matrix).max())
    assert parts.weights @ parts.injection == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("name", INPUTS)
def test_rates_at_fixed_input_converge_spectrally(name):
    """Where the points resolve the density; layers of 0.04 mV in the event are not, and cost 1e-4."""
    drift, noise, floor, threshold, reset, _, _ = INPUTS[name]
    exact = Diffusion(drift, noise, threshold, reset, floor).rate()
    errors = []
    for nodes in ((8, 16), (16, 32), (24, 48)):
        parts, matrix, _ = population(name, nodes)
        errors.append(abs(1 / (parts.weights @ np.linalg.solve(matrix, -parts.injection)) / exact - 1))
    print(f"\n{name}: stationary rate, errors {', '.join(f'{error:.1e}' for error in errors)}")
    if name == "event":
        assert max(errors) < 2e-4
    else:
        assert errors[2] < 1e-6
        assert errors[0] / errors[2] > 3.0**8  # faster than order 8 in the number of points


def transient(name, nodes):
    """Rate per neuron at fixed input, from a narrow bump, with an exponential refractory time of 4 ms."""
    *_, threshold, reset, end, step = INPUTS[name]
    parts, matrix, flux = population(name, nodes)
    start = np.exp(-0.5 * ((parts.points - 0.7 * reset - 0.3 * threshold) / (0.08 * (threshold - reset))) ** 2)
    full = np.block([[matrix, parts.injection[:, None] / 4.0], [flux, np.array([-1 / 4.0])]])
    y = np.append(start / (parts.weights @ start), 0.0)
    propagator, rates = expm(full * step), []
    for _ in range(round(end / step)):
        rates.append(flux @ y[:-1])
        y = propagator @ y
    return np.array(rates)


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("suprathreshold", (1e-3, 1e-7)), ("perfect", (1e-3, 1e-6)), ("voltage-dependent noise", (2e-2, 1e-6)),
        ("event", (1e-3, 1e-4)),
    ],
)  # fmt: skip
def test_transient_fluxes(name, limits):
    """Maximal error over the peak; in the event, layers at threshold and reset are 0.04 mV thin."""
    exact = transient(name, (48, 96))
    errors = [np.abs(transient(name, nodes) - exact).max() / exact.max() for nodes in ((16, 32), (24, 48))]
    print(
        f"\n{name}: transient flux, error over peak {errors[0]:.1e} with 16 + 32, {errors[1]:.1e} with 24 + 48 points"
    )
    assert (np.array(errors) < limits).all()


def test_stationary_states_have_self_consistent_rates_and_no_structural_zero(chang):
    """Newton's method from the end of a run; rates are those of the neurons at the state's own moments."""
    approximation = approximated(chang, **{"EI.probability": 1.0})
    system = chebyshev_system(approximation)
    y = solve_ivp(system.rhs, (0.0, 60.0), system.guess, method="BDF", jac=system.jacobian, rtol=1e-5, atol=1e-6).y[
        :, -1
    ]
    for _ in range(12):
        y = y - np.linalg.solve(system.jacobian(0.0, y), system.rhs(0.0, y))
    assert np.abs(np.linalg.eigvals(system.jacobian(0.0, y))).min() > 0.01
    from reduction.levels.spectra import inputs, stationary_diffusions, stationary_moments

    own = inputs(approximation)
    rates = np.array([system.observe(f"{name}.rate", y) for name in "EI"])
    mean, variance = stationary_moments(own, rates * own.size / 1000)
    assert system.observe("EI.mean", y) == pytest.approx(mean[1], rel=1e-9)
    for name, rate, neuron in zip("EI", rates, stationary_diffusions(approximation, own, mean, variance), strict=True):
        assert rate == pytest.approx(1000 * neuron.rate(), rel=1e-5)
        assert system.observe(f"{name}.mean_voltage", y) == pytest.approx(neuron.mean_voltage(), abs=1e-3)


@pytest.mark.parametrize("probability", [0.5, 0.8, 1.0])
def test_events_as_the_refined_ode_has_them(chang, probability):
    """152 unknowns against 1200 bins, from the same bump: counts and rates over 60 ms, of the highest event too."""
    network = chang.replace({"EI.probability": probability})
    fine = reduction.MarkovApproximation(network, closure="published", v_min=-50.0, bins=600)
    system = chebyshev_system(fine)
    assert len(system.names) == 152
    layout = ode.layout(fine)
    full = np.zeros(len(layout.names))
    for a, (name, size) in enumerate(network.sizes.items()):
        place = np.clip(fine.centres(name) / 100.0, 0.0, None)
        bump = np.sin(np.pi * place) ** 2
        full[600 * a : 600 * (a + 1)] = size * bump / bump.sum()
    refined = reduction.integrate(fine, "ode", 60.0, dt=0.05, sampling_interval=0.5, initial=full[layout.kept])
    run = solve_ivp(
        system.rhs, (0.0, 60.0), system.guess, method="BDF", jac=system.jacobian, rtol=1e-6, atol=1e-7,
        t_eval=np.arange(0.0, 60.0, 0.02),
    )  # fmt: skip
    rates = np.array([[system.observe(f"{name}.rate", y) for name in "EI"] for y in run.y.T])
    middle = 0.5 * (rates + np.vstack([rates[1:], rates[-1:]]))
    samples = middle.reshape(120, 25, 2).mean(axis=1)
    exact = refined.firing_rates.reshape(120, 2)
    difference = samples.mean(axis=0) / exact.mean(axis=0) - 1
    error = np.abs(samples - exact).max() / exact.max()
    print(f"\np^EI {probability}: E, I {difference[0]:+.2%}, {difference[1]:+.2%}; error over the peak {error:.1%}")
    assert np.abs(difference).max() < 0.01
    assert error < 0.03


@pytest.mark.parametrize("method", ["Radau", "LSODA"])
def test_other_solvers_agree(chang, method):
    system = chebyshev_system(approximated(chang), (12, 24))

    def end(name):
        run = solve_ivp(system.rhs, (0.0, 8.0), system.guess, method=name, jac=system.jacobian, rtol=1e-6, atol=1e-8)
        assert run.success
        return run.y[:, -1]

    np.testing.assert_allclose(end(method), end("BDF"), atol=2e-3)


def test_parameters_of_the_system_are_the_networks(chang):
    system = chebyshev_system(approximated(chang), (8, 12))
    y = random_state(system)
    for address, factor in (("EI.probability", 0.9), ("E.drive.rate", 1.1), ("EE.weight", 1.2), ("E.threshold", 1.01)):
        value = chang[address] * factor
        other = chebyshev_system(approximated(chang, **{address: value}), (8, 12))
        np.testing.assert_allclose(system.rhs(0.0, y, {address: value}), other.rhs(0.0, y), rtol=1e-12, atol=1e-12)
        assert not np.allclose(system.rhs(0.0, y), other.rhs(0.0, y))


def test_what_is_not_covered_is_refused(chang):
    with pytest.raises(ParameterError, match=r"nodes\[1\] = 3: must be at least 4"):
        chebyshev_system(approximated(chang), (8, 3))
    with pytest.raises(SpecificationError, match="closure = 'conditional': must be 'white', 'published' or a number"):
        chebyshev_system(reduction.MarkovApproximation(chang, closure="conditional"))
    late = chang.replace({"EI.delay": 1.0})
    with pytest.raises(SpecificationError, match="delays are not covered: every projection needs delay = 0"):
        chebyshev_system(reduction.MarkovApproximation(late, closure="white"))
    quadratic = spiking.Network([spiking.Population("X", 1, spiking.QIF(), spiking.GaussianDrive(1.0))])
    with pytest.raises(ParameterError, match=r"X.threshold = .*: must be finite"):
        chebyshev_system(reduction.MarkovApproximation(quadratic, closure="white"))
