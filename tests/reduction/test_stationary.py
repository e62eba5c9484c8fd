from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

import reduction
import spiking
from reduction.levels.response import of_approximation, of_delta_network
from reduction.levels.siegert import perfect_rate, siegert_rate, siegert_variation
from reduction.levels.stationary import stationary
from spiking.errors import NumericalError, ParameterError, SpecificationError

LEAKY = spiking.LIF(20.0, 10.0, 20.0, refractory=spiking.Fixed(2.0))


def leaky_network():
    """Two leaky populations, constant noise."""
    drive = spiking.GaussianDrive(rate=8.0, size=0.1)
    projections = [
        spiking.Projection("E", "E", spiking.PendingCurrent(0.9, 2.0), spiking.Annealed(0.2)),
        spiking.Projection("I", "E", spiking.PendingCurrent(0.6, 2.0), spiking.Annealed(0.3)),
        spiking.Projection("E", "I", spiking.PendingCurrent(0.5, 5.0, inhibitory=True), spiking.Annealed(0.3)),
    ]
    return spiking.Network(
        [spiking.Population("E", 400, LEAKY, drive), spiking.Population("I", 100, LEAKY, drive)], projections
    )


def bistable():
    """One leaky population that excites itself through 100 sources with delta synapses."""
    drive = spiking.GaussianDrive(rate=7.0, size=0.1)
    synapse = spiking.Projection("E", "E", spiking.Delta(0.2), spiking.FixedInDegree(100), delay=1.5)
    return spiking.Network([spiking.Population("E", 1000, LEAKY, drive)], [synapse])


def test_rates_are_siegerts_where_the_noise_is_constant():
    network = leaky_network()
    approximation = reduction.MarkovApproximation(network, closure="white")
    for state in stationary(approximation, stability=False):
        drift, noise = {"E": 0.8, "I": 0.8}, {"E": 0.08, "I": 0.08}
        for p in network.projections:
            spikes = network.sizes[p.source] * state.rates[p.source] / 1000
            tau, share = p.synapse.tau, p.wiring.probability
            mean, variance = share * spikes * tau, share * spikes * tau * (1 - share / 2)
            assert state.mean_pending[p.name] == pytest.approx(mean, rel=1e-12)
            assert state.variance_pending[p.name] == pytest.approx(variance, rel=1e-12)
            drift[p.target] += (-1 if p.synapse.inhibitory else 1) * p.synapse.weight * mean / tau
            noise[p.target] += 2 * tau * (p.synapse.weight / tau) ** 2 * variance
        for name, rate in state.rates.items():
            inputs = 20 * drift[name], np.sqrt(20 * noise[name])
            neuron = {"tau_m": 20.0, "threshold": 20.0, "reset": 10.0, "refractory": 2.0}
            assert rate == pytest.approx(siegert_rate(*inputs, **neuron), rel=1e-8)
            assert state.variations[name] == pytest.approx(siegert_variation(*inputs, **neuron), rel=1e-8)
        assert state.residual < 1e-10


def test_perfect_integrators_obey_a_linear_equation():
    """nu = (lambda s + S p N nu)/theta, whatever the noise."""
    drive = spiking.GaussianDrive(rate=7.0, size=1.0)
    synapse = spiking.Projection("E", "E", spiking.PendingCurrent(0.5, 2.0), spiking.Annealed(0.3))
    network = spiking.Network([spiking.Population("E", 300, spiking.LIF(100.0), drive)], [synapse])
    (state,) = stationary(reduction.MarkovApproximation(network, closure="white"), stability=False)
    drift = 7.0 / (1 - 0.5 * 0.3 * 300 / 100.0)
    assert state.rates["E"] == pytest.approx(perfect_rate(drift, threshold=100.0), rel=1e-8)


def test_mean_voltage_and_variation_of_leaky_neurons_against_collocation():
    for refractory in (spiking.NoRefractory(), spiking.Fixed(3.0), spiking.Exponential(3.0)):
        network = spiking.Network(
            [
                spiking.Population(
                    "E", 1, spiking.LIF(20.0, 10.0, 20.0, 1.0, refractory), spiking.GaussianDrive(8.0, 0.1)
                )
            ]
        )
        (state,) = stationary(network)
        response = of_delta_network(network)
        drift, noise = response.inputs(np.array([0.0]))
        diffusion = response._diffusion(0, drift[0], noise[0])
        assert state.rates["E"] == pytest.approx(1000 * diffusion.rate(), rel=1e-9)
        assert state.mean_voltage["E"] == pytest.approx(diffusion.mean_voltage(), rel=1e-9)
        assert state.variations["E"] == pytest.approx(diffusion.variation(), rel=1e-8)


def test_all_roots_of_a_bistable_network():
    """Against a scan of the self-consistency for changes of sign."""
    network = bistable()
    states = stationary(network)

    def difference(rate):
        mu, power = 20 * (0.7 + 20 * rate / 1000), 20 * (0.07 + 100 * 0.2**2 * rate / 1000)
        neuron = {"tau_m": 20.0, "threshold": 20.0, "reset": 10.0, "refractory": 2.0}
        return siegert_rate(mu, np.sqrt(power), **neuron) - rate

    grid = np.concatenate([[0.0], np.geomspace(1e-9, 500, 4000)])
    values = np.array([difference(rate) for rate in grid])
    brackets = np.flatnonzero(np.sign(values[:-1]) != np.sign(values[1:]))
    roots = [brentq(difference, grid[k], grid[k + 1], xtol=1e-12, rtol=1e-13) for k in brackets]
    assert len(roots) == 3
    assert [state.rates["E"] for state in states] == pytest.approx(roots, rel=1e-8)
    assert all(state.stable is None for state in states)


def test_stability_of_a_bistable_network():
    """Low and high rates are stable, the root between them is a saddle."""
    network = bistable().replace({"EE.synapse": spiking.PendingCurrent(0.2, 2.0), "EE.delay": 0.0})
    approximation = reduction.MarkovApproximation(network, closure="white", bins=100)
    states = stationary(approximation)
    assert [state.stable for state in states] == [True, False, True]
    saddle = states[1].eigenvalues
    assert abs(saddle[0].imag) == 0
    assert saddle[1].real < 0
    assert "unstable" in repr(states[1])
    rhs = approximation.ode().rhs(0.0, states[1].equilibrium)
    assert np.abs(rhs).max() < 1e-9


def test_the_equilibrium_approaches_the_state_with_the_bins():
    """Second order in the width of the bins."""
    network = bistable().replace({"EE.synapse": spiking.PendingCurrent(0.2, 2.0), "EE.delay": 0.0})
    rates = []
    for bins in (150, 300):
        approximation = reduction.MarkovApproximation(network, closure="white", bins=bins)
        _, state, _ = stationary(approximation)
        rates.append(approximation.ode().observe("E.rate", state.equilibrium))
    exact = state.rates["E"]
    assert (4 * rates[1] - rates[0]) / 3 == pytest.approx(exact, rel=1e-4)
    assert (rates[0] - exact) / (rates[1] - exact) == pytest.approx(4.0, rel=0.05)


def test_eigenvalues_are_growth_rates(chang):
    """A small perturbation along the trajectory of the ODE level decays at the leading eigenvalue's rate."""
    approximation = reduction.MarkovApproximation(chang.replace({"EI.probability": 1.0}), closure="published", bins=60)
    (state,) = stationary(approximation, starts=4)
    assert state.stable
    leading = state.eigenvalues[0]
    step, system = 20.0, approximation.ode()
    deviations, y = [], state.equilibrium * (1 + 1e-5)
    for _ in range(12):
        run = reduction.integrate(approximation, duration=step, dt=0.02, initial=y, sampling_interval=step)
        y = run.final_state.ravel()
        deviations.append(y - state.equilibrium)
    growth = np.linalg.norm(deviations[11]) / np.linalg.norm(deviations[5])
    assert np.log(growth) / (6 * step) == pytest.approx(leading.real, rel=0.15)
    assert system.observe("E.rate", y) == pytest.approx(system.observe("E.rate", state.equilibrium), rel=1e-4)


def test_slopes_of_the_response_are_derivatives(chang):
    for response in (
        of_delta_network(bistable()),
        of_approximation(reduction.MarkovApproximation(chang, closure="white")),
    ):
        at = np.full((1, len(response.pauses)), 0.06)
        caused, slopes = response.rates(at)
        response.add_slopes(at, caused, slopes)
        for b in range(at.size):
            h = 1e-5 * np.eye(at.size)[b]
            difference = (response.rates(at + h)[0] - response.rates(at - h)[0]) / 2e-5
            np.testing.assert_allclose(slopes[:, :, b], difference, rtol=1e-4)


def test_brunels_network_in_other_wirings_has_the_same_rates():
    fixed = spiking.presets.brunel2000()
    (expected,) = stationary(fixed)
    for wiring in (spiking.Bernoulli(0.1), spiking.FixedOutDegree(1000)):
        (found,) = stationary(fixed.replace({"EE.wiring": wiring}))
        assert found.rates == pytest.approx(expected.rates, rel=1e-9)
    assert expected.mean_pending == {}


def test_quadratic_neurons():
    """With little noise sqrt(I)/pi."""
    drive = spiking.SumDrive(spiking.GaussianDrive(1e-5, 1.0), spiking.ConstantDrive(4.0))
    network = spiking.Network([spiking.Population("X", 1, spiking.QIF(tau_m=1.0), drive)])
    (state,) = stationary(network, stability=False)
    assert state.rates["X"] == pytest.approx(1000 * 2.0 / np.pi, rel=1e-5)
    assert np.isnan(state.mean_voltage["X"])


def test_silence():
    network = spiking.Network([spiking.Population("E", 10, spiking.LIF(20.0, 0.0, 20.0))])
    (state,) = stationary(network)
    assert state.rates["E"] == 0.0
    assert np.isnan(state.variations["E"])
    assert state.mean_voltage["E"] == 0.0


def test_no_state_says_so():
    drive = spiking.GaussianDrive(rate=7.0, size=1.0)
    synapse = spiking.Projection("E", "E", spiking.PendingCurrent(2.0, 2.0), spiking.Annealed(0.5))
    network = spiking.Network([spiking.Population("E", 300, spiking.LIF(100.0), drive)], [synapse])
    with pytest.raises(NumericalError, match="no stationary state from 3 starting points: raise starts"):
        stationary(reduction.MarkovApproximation(network, closure="white"), starts=3)


def test_wrong_options_are_refused():
    with pytest.raises(ParameterError, match="starts = 0: must be positive"):
        stationary(bistable(), starts=0)
    with pytest.raises(ParameterError, match="tolerance = -1.0: must be positive"):
        stationary(bistable(), tolerance=-1.0)
    with pytest.raises(ParameterError, match="must be a spiking.Network"):
        stationary("brunel2000")
    network = bistable().replace({"E.drive": spiking.ArrayDrive([1.0, 2.0], 1.0)})
    with pytest.raises(SpecificationError, match="E.drive depends on time: there is no stationary state"):
        stationary(network)
