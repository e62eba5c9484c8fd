"""Exact mean fields of quadratic neurons, from their networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import reduction
import spiking
from reduction.differences import jacobian
from reduction.levels.exact import saddle_nodes
from spiking.errors import NumericalError, SpecificationError
from spiking.phases import lorentzian_of

BACKGROUND, STEP = -5.0, 0.0


def one_population(eta=BACKGROUND, size=10_000, coupling=15.0, tau=1.0):
    """The network of Montbrio, Pazo and Roxin: currents eta / tau, half width 1 / tau, coupling J."""
    return spiking.Network(
        [spiking.Population("E", size, spiking.QIF(tau_m=tau), spiking.LorentzianDrive(eta / tau, 1.0 / tau))],
        [spiking.Projection("E", "E", spiking.Delta(coupling / size), spiking.AllToAll())],
    )


def two_populations(size=4000):
    excitation, inhibition = spiking.ExponentialCurrent(6.0 / size, 2.0), spiking.Delta(5.0 / size, inhibitory=True)
    current = spiking.SumDrive(spiking.LorentzianDrive(0.3, 0.5), spiking.ConstantDrive(0.4))
    return spiking.Network(
        [
            spiking.Population("E", size, spiking.QIF(tau_m=2.0), current),
            spiking.Population("I", size, spiking.QIF(tau_m=1.0), spiking.LorentzianDrive(-0.5, 0.5)),
        ],
        [
            spiking.Projection("E", "I", inhibition, spiking.AllToAll()),
            spiking.Projection("I", "E", excitation, spiking.AllToAll()),
            spiking.Projection("E", "E", excitation, spiking.AllToAll()),
        ],
    )


def solution(network, start, times):
    system = reduction.exact_mean_field(network)
    found = solve_ivp(
        lambda t, y: system.rhs(t, y), (0.0, times[-1]), start, t_eval=times, rtol=1e-9, atol=1e-11, method="LSODA"
    )
    return found.y


@budget(max_examples=30, deadline=None)
@given(st.floats(-6, 2), st.floats(-20, 20), st.floats(0.2, 30), st.floats(0.01, 3), st.floats(-3, 3))
def test_one_population_obeys_the_published_equations(eta, coupling, tau, r, v):
    network = one_population(eta, tau=tau).replace({"EE.weight": abs(coupling) / 10_000})
    network = network.replace({"EE.synapse": spiking.Delta(abs(coupling) / 10_000, inhibitory=coupling < 0)})
    published = reduction.montbrio_pazo_roxin(eta=eta, delta=1.0, J=coupling, tau=tau)
    y = np.array([r / tau, v])
    np.testing.assert_allclose(reduction.exact_mean_field(network).rhs(0.0, y), published.rhs(0.0, y), rtol=1e-12)


def test_the_jacobian_is_the_derivative():
    system = reduction.exact_mean_field(two_populations())
    assert system.names == ("r_E", "v_E", "r_I", "v_I", "s_IE", "s_EE")
    y = np.array([0.2, -0.4, 0.3, 0.1, 0.5, 0.6])
    differences = jacobian(lambda z: system.rhs(0.0, z), y, np.ones(y.size))
    np.testing.assert_allclose(system.jacobian(0.0, y), differences, atol=1e-7)


@pytest.mark.parametrize("width", [1.0, 0.03, 0.01])
def test_saddle_nodes_are_found_from_the_network(width):
    system = reduction.exact_mean_field(one_population().replace({"E.drive.half_width": width}))
    branch = reduction.continue_equilibrium(system, reduction.find_equilibrium(system), "E.drive.center", (-6.0, 0.0))
    folds = sorted(point.value for point in branch.of_kind("LP"))
    exact = [point.eta for point in saddle_nodes(delta=width, J=15.0)]
    np.testing.assert_allclose(folds, sorted(exact), atol=1e-8)


def test_negative_rates_are_no_equilibria():
    system = reduction.exact_mean_field(one_population())
    found = reduction.find_equilibria(system, starts=30)
    np.testing.assert_allclose([e.state[0] for e in found], [0.08113444, 0.47298034, 1.03059680], atol=6e-9)
    with pytest.raises(NumericalError, match=r"out of the range of the states \(r_E = -0.0"):
        reduction.find_equilibrium(system, [-0.08, 2.0])


def test_the_guess_is_the_equilibrium_without_synapses():
    network = two_populations()
    system = reduction.exact_mean_field(network.replace({f"{p.name}.weight": 0.0 for p in network.projections}))
    np.testing.assert_allclose(system.rhs(0.0, system.guess), 0.0, atol=1e-14)
    assert (system.guess[:4:2] > 0.0).all()


def test_voltages_without_a_mean_have_a_centre():
    rng = np.random.default_rng(3)
    found = lorentzian_of(-1.7 + 0.3 * np.tan(np.pi * (rng.random((50, 4000)) - 0.5)))
    for values, exact in ((found.center, -1.7), (found.half_width, 0.3)):
        assert values.std() < 0.02
        assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(50)


def through_the_step(trials, dt, before, during, after):
    """Rates and voltage centres over time of network (trials, samples) and mean field (samples,)."""
    state, seed, sampled = "uniform", 1, []
    start, exact = np.array([1.0 / np.pi, 0.0]), []  # near the saddle: fluctuations count in the first few ms
    fine = np.arange(1, 11) / 10.0
    for eta, duration in ((BACKGROUND, before), (STEP, during), (BACKGROUND, after)):
        network = one_population(eta)
        run = spiking.simulate(
            network, duration, dt=dt, seed=seed, initial=state, trials=trials, sampling_interval=0.1,
            traces={"E": range(network.sizes["E"])},
        )  # fmt: skip
        state, seed = run.final_state, None
        sampled.append(np.stack([run.counts[:, :, 0] / 1000.0, lorentzian_of(run.traces["E"]).center]))
        times = 0.1 * (np.arange(run.counts.shape[1])[:, None] + fine).ravel()
        r, v = solution(network, start, times)
        start = np.array([r[-1], v[-1]])
        exact.append(np.stack([r.reshape(-1, 10).mean(axis=1), v[9::10]]))
    return np.concatenate(sampled, axis=2), np.concatenate(exact, axis=1)


def check_windows(found, exact, windows, dt):
    """Within 2 % and 3 standard errors; voltages with what two steps change, in themselves and by the spikes' kicks."""
    for begin, end in windows:
        kept = slice(round(10 * begin), round(10 * end))
        rate, voltage = found[:, :, kept].mean(axis=2)
        r, v = exact[:, kept].mean(axis=1)
        rate_se, voltage_se = np.array([rate, voltage]).std(axis=1, ddof=1) / np.sqrt(rate.size)
        print(f"{begin}-{end}: rate {rate.mean():.4f} +- {rate_se:.4f} (mean field {r:.4f}), "
              f"voltage {voltage.mean():.4f} +- {voltage_se:.4f} ({v:.4f})")  # fmt: skip
        assert rate_se < 0.03 * r
        assert abs(rate.mean() - r) < 0.02 * r + 3.0 * rate_se
        late = 20.0 * dt * np.abs(np.diff(exact[1, kept])).max()
        assert abs(voltage.mean() - v) < late + 30.0 * dt * r + 3.0 * voltage_se


def test_network_and_mean_field_through_a_step_of_the_current():
    found, exact = through_the_step(2, 0.001, 7.0, 20.0, 3.0)
    check_windows(found, exact, [(5, 7), (7, 7.5), (7.5, 9), (9, 14), (14, 27), (27, 28), (28, 30)], dt=0.001)
    assert exact[0, 60] < 0.1 < 0.8 < exact[0, -1]


@pytest.mark.slow
def test_network_and_mean_field_through_a_step_of_the_current_in_many_trials():
    found, exact = through_the_step(12, 0.001, 20.0, 20.0, 20.0)
    windows = [(5, 10), (10, 20), (20, 20.5), (20.5, 21), (21, 22), (22, 25), (25, 40), (40, 40.5), (40.5, 41)]
    check_windows(found, exact, [*windows, (41, 43), (45, 60)], dt=0.001)


def test_the_steps_error_is_of_first_order():
    network, centers = one_population(STEP, 4000), []
    for dt in (0.02, 0.01, 0.005):
        run = spiking.simulate(
            network, 30.0, dt=dt, initial="uniform", trials=4, sampling_interval=0.1, traces={"E": range(4000)}
        )
        centers.append(lorentzian_of(run.traces["E"][:, 100:]).center.mean(axis=1))
    orders = np.log2((centers[1] - centers[0]) / (centers[2] - centers[1]))
    se = orders.std(ddof=1) / 2.0
    print(orders, se)
    assert se < 0.1
    assert abs(orders.mean() - 1.0) < 0.1 + 3.0 * se


def test_two_populations_with_slow_synapses():
    network = two_populations()
    times = np.arange(0.1, 40.05, 0.1)
    system = reduction.exact_mean_field(network)
    run = spiking.simulate(network, 40.0, dt=0.005, seed=4, initial="uniform", trials=4, sampling_interval=0.1)
    exact = solution(network, np.array([1 / np.pi / 2.0, 0.0, 1 / np.pi, 0.0, 0.0, 0.0]), times)
    for a, row in ((0, 0), (1, 2)):
        rates = run.counts[:, 200:, a].mean(axis=1) / 4000 / 0.1
        se = rates.std(ddof=1) / 2.0
        print(system.names[row], rates.mean(), se, exact[row, 200:].mean())
        assert se < 0.01 * rates.mean()
        assert abs(rates.mean() - exact[row, 200:].mean()) < 0.02 * rates.mean() + 3.0 * se


def test_the_standard_error_is_the_scatter_over_draws_of_the_currents():
    network = one_population(size=1000, coupling=0.0)
    runs = spiking.simulate(network, 40.0, dt=0.005, initial="uniform", trials=8, sampling_interval=0.1)
    found, exact = runs.rates(discard=10.0)["E"], 1000.0 * reduction.exact_mean_field(network).guess[0]
    counts = runs.counts[:, 100:, 0].mean(axis=1) * 10.0
    assert found.se == pytest.approx(counts.std(ddof=1) / np.sqrt(8))
    assert found.se < 0.01 * found.mean
    assert abs(found.mean - exact) < 0.005 * exact + 3.0 * found.se
    alone = spiking.simulate(network, 40.0, dt=0.005, initial="uniform", sampling_interval=0.1)
    assert np.isnan(alone.rates(discard=10.0)["E"].se)


def test_currents_are_standard_and_in_random_order():
    network = one_population(size=4000)
    state = spiking.simulate(network, 0.1, dt=0.1, trials=200).final_state.process
    share = np.arctan(state) / np.pi + 0.5
    assert abs(np.sort(share, axis=1) - (np.arange(4000) + 0.5) / 4000).max() < 0.500001 / 4000
    assert abs(share.mean(axis=0) - 0.5).max() < 6.0 * np.sqrt(1 / 12 / 200)
    assert share[:, :100].mean() == pytest.approx(0.5, abs=5.0 * np.sqrt(1 / 12 / 20_000))


def test_a_run_continues_with_its_currents_at_another_width():
    first = spiking.simulate(one_population(coupling=0.0, size=2000), 10.0, dt=0.005, initial="uniform", trials=2)
    wide = one_population(coupling=0.0, size=2000).replace({"E.drive.half_width": 10.0})
    run = spiking.simulate(wide, 20.0, dt=0.005, seed=None, initial=first.final_state, trials=2)
    rate = run.rates(discard=5.0)["E"].mean
    assert rate == pytest.approx(1000.0 * reduction.exact_mean_field(wide).guess[0], rel=0.02)
    other = wide.replace({"E.drive": spiking.OrnsteinUhlenbeckDrive(0.0, 1.0, 1.0)})
    with pytest.raises(SpecificationError, match="initial: belongs to a network with other parts"):
        spiking.simulate(other, 1.0, dt=0.005, initial=first.final_state, trials=2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"E.neuron": spiking.QIF(100.0, -100.0)}, "E.threshold = 100.0: must be inf, and reset -inf"),
        ({"E.neuron": spiking.LIF(1.0)}, "E.neuron = 'lif': .* exact only with 'qif' neurons"),
        ({"E.drive": spiking.GaussianDrive(1.0)}, "E.drive = 'gaussian': .* 'lorentzian' and 'constant' drives"),
        ({"E.drive": spiking.ConstantDrive(1.0)}, "E.drive: .* 'lorentzian' drive of positive half_width"),
        ({"E.drive.half_width": 0.0}, "E.drive: .* 'lorentzian' drive of positive half_width"),
        ({"EE.wiring": spiking.Annealed(0.5)}, "EE.wiring = 'annealed': .* 'all_to_all'"),
        ({"EE.synapse": spiking.PendingKick(0.1, 1.0)}, "EE.synapse = 'pending_kick': .* 'delta' or"),
        ({"EE.delay": 1.0}, "EE.delay = 1.0: must be 0"),
    ],
)
def test_what_is_not_exact_is_refused(changes, message):
    with pytest.raises(SpecificationError, match=message):
        reduction.exact_mean_field(one_population().replace(changes))


def test_the_markov_approximation_refuses_currents_that_differ():
    with pytest.raises(SpecificationError, match="E.drive = 'lorentzian': .* reduction.exact_mean_field"):
        reduction.MarkovApproximation(one_population())
