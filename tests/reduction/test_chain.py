"""The chain: whole neurons that hop at random."""

from __future__ import annotations

import math

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reduction
import spiking
from reduction.kernels import chain as kernel
from reduction.kernels import crowds
from reduction.levels import chain, ode, stepping
from reduction.limits import mean_field_limit
from spiking.errors import ParameterError, SpecificationError

NEURON = spiking.LIF(10.0, 0.0, 10.0, refractory=spiking.Exponential(1.5))
COLOURED = spiking.SumDrive(spiking.GaussianDrive(1.5, 0.7), spiking.OrnsteinUhlenbeckDrive(0.2, 0.4, 2.0))


def alone(size, drive=COLOURED, neuron=NEURON):
    """Neurons without connections: what moves them does not depend on their state."""
    return spiking.Network([spiking.Population("X", size, neuron, drive)])


def exact_law(approximation, dt, steps):
    """Probabilities to be found anywhere (rows) from anywhere (columns), and spikes on the way, after whole steps.

    Levels switch for half a step at both ends and for whole steps in between.
    """
    drive = next(d for d in naive.drives(approximation.network.populations[0].drive) if hasattr(d, "deviation"))
    (name,) = (s.name for s in approximation.sources())
    hops = naive.generator(approximation, "X", {name: (0.0, drive.deviation**2)})
    flips = naive.switching(approximation, "X", {name: 1 / (2 * drive.tau)})
    move, half, whole = (naive.linalg.expm(m) for m in (hops * dt, flips * dt / 2, flips * dt))
    law = half
    for step in range(steps):
        law = (half if step == steps - 1 else whole) @ move @ law
    return law


def full_state(approximation, trajectory, trial=0):
    return ode.layout(approximation).full(trajectory.final_state[trial], approximation.arrays())


@pytest.mark.parametrize("refractory", [spiking.Exponential(1.5), spiking.Fixed(1.0), spiking.NoRefractory()])
def test_the_mean_flow_of_frozen_input_is_the_exact_one(refractory):
    """Level "ode" against the product of matrix exponentials of every step."""
    neuron = spiking.LIF(10.0, 0.0, 10.0, refractory=refractory)
    approximation = reduction.MarkovApproximation(alone(50, neuron=neuron), bins=12, stages=3)
    start = ode.spread_state(approximation)
    own = ode.layout(approximation)
    trajectory = reduction.integrate(approximation, duration=4.0, dt=0.5, sampling_interval=4.0)
    expected = exact_law(approximation, 0.5, 8)[:-1, :-1] @ start[own.owner == 0]
    np.testing.assert_allclose(full_state(approximation, trajectory)[own.owner == 0], expected, rtol=1e-8, atol=1e-8)
    spikes = trajectory.firing_rates[0, 0, 0] * 50 * 4.0 / 1000.0
    assert spikes == pytest.approx(exact_law(approximation, 0.5, 8)[-1, :-1] @ start[own.owner == 0], rel=1e-8)


@pytest.mark.parametrize(
    "neuron", [NEURON, spiking.LIF(10.0, 0.0, 10.0, refractory=spiking.Fixed(1.0)), spiking.LIF(10.0, 0.0, 10.0)]
)
def test_every_neuron_draws_from_the_exact_law(neuron):
    """2000 trials from the same places: means of all counts, their covariances and the spikes against multinomials."""
    approximation = reduction.MarkovApproximation(alone(40, neuron=neuron), bins=14, stages=2, v_min=-18.0)
    own, arrays, trials = ode.layout(approximation), approximation.arrays(), 2000
    members = own.owner == 0
    start = np.zeros(len(own.names))
    start[:] = ode.spread_state(approximation)
    start[members] = 0.0
    start[[6, 8, 10, 12, 20, 21, 22, 27, 35, 39]] = 4.0  # in all three columns
    assert start[members].sum() == 40
    start[own.split(np.arange(start.size))[4]] = arrays.variance
    trajectory = reduction.integrate(
        approximation, "chain", 2.0, dt=0.5, sampling_interval=2.0, trials=trials, initial=start[own.kept], seed=1
    )
    counts = np.array([full_state(approximation, trajectory, k)[members] for k in range(trials)])
    np.testing.assert_array_equal(counts, np.round(counts))
    np.testing.assert_array_equal(counts.sum(axis=1), 40)
    law = exact_law(approximation, 0.5, 4)
    where = law[:-1, :-1]
    mean = where @ start[members]
    covariance = np.diag(mean) - where @ np.diag(start[members]) @ where.T
    often = mean > 0.5  # where counts are not too skew for a normal law
    mean, covariance, counts = mean[often], covariance[np.ix_(often, often)], counts[:, often]
    z = (counts.mean(axis=0) - mean) / np.sqrt(np.diag(covariance) / trials)
    scale = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / trials)
    u = ((np.cov(counts.T) - covariance) / scale)[np.triu_indices(mean.size)]
    fired = trajectory.firing_rates[:, 0, 0] * 40 * 2.0 / 1000.0
    spikes = (fired.mean() - law[-1, :-1] @ start[members]) / (fired.std(ddof=1) / math.sqrt(trials))
    print(f"\nmax |z|: means {np.abs(z).max():.1f}, covariances {np.abs(u).max():.1f}, spikes {abs(spikes):.1f}; "
          f"mean z^2 {np.mean(z**2):.2f}, {np.mean(u**2):.2f}")  # fmt: skip
    assert np.abs(z).max() < 4
    assert np.abs(u).max() < 5
    assert mean.size > 15
    assert 0.3 < np.mean(z**2) < 2.2
    assert 0.7 < np.mean(u**2) < 1.4
    assert abs(spikes) < 4


@pytest.mark.parametrize("factor", [1, 100])
def test_neurons_are_whole_and_none_is_lost(chang, factor):
    """Walking one by one, and moved together in crowds; with delays and levels."""
    network = chang.scaled(factor).replace({"EI.delay": 0.5, "I.refractory": spiking.Fixed(2.0)})
    approximation = reduction.MarkovApproximation(network, bins=30, noise_levels=2)
    trajectory = reduction.integrate(approximation, "chain", 30.0, seed=3, trials=2)
    own = ode.layout(approximation)
    for trial in range(2):
        full = full_state(approximation, trajectory, trial)
        neurons = full[own.owner >= 0]
        np.testing.assert_array_equal(neurons, np.round(neurons))
        assert neurons.min() == 0.0
        for a, size in enumerate(network.sizes.values()):
            assert full[own.owner == a].sum() == size
    spikes = trajectory.firing_rates * np.array(list(network.sizes.values())) * 0.1 / 1000.0
    np.testing.assert_allclose(spikes, np.round(spikes), atol=1e-9)
    assert spikes.sum() > 400 * factor


def test_trials_do_not_depend_on_workers_or_company(chang):
    approximation = reduction.MarkovApproximation(chang, bins=40, noise_levels=2)
    together = reduction.integrate(approximation, "chain", 20.0, trials=3, seed=7, workers=2)
    one_by_one = reduction.integrate(approximation, "chain", 20.0, trials=3, seed=7, workers=1)
    alone = reduction.integrate(approximation, "chain", 20.0, seed=7)
    for name in ("firing_rates", "mean_voltage", "spread_voltage", "mean_pending", "variance_pending", "final_state"):
        np.testing.assert_array_equal(getattr(together, name), getattr(one_by_one, name))
        np.testing.assert_array_equal(getattr(together, name)[:1], getattr(alone, name))
    rates = together.firing_rates
    assert not np.array_equal(rates[0], rates[1])
    assert not np.array_equal(rates[0], reduction.integrate(approximation, "chain", 20.0, seed=8).firing_rates[0])
    seed = np.random.SeedSequence(7)
    same = reduction.integrate(approximation, "chain", 20.0, trials=3, seed=seed)
    np.testing.assert_array_equal(same.firing_rates, rates)
    assert same.options["seed"] == {"entropy": 7, "spawn_key": []}


def rates_in_pieces(monkeypatch, network, level, floor, **options):
    """Rates of a run in few pieces, and of the same one in pieces of a few steps."""
    approximation = reduction.MarkovApproximation(network, bins=30, v_min=floor, closure="published")
    whole = reduction.integrate(approximation, level, 30.0, **options)
    monkeypatch.setattr(stepping, "_CELL_STEPS_PER_PIECE", 3 * 62)
    seen = []
    pieces = reduction.integrate(approximation, level, 30.0, progress=seen.append, **options)
    assert len(seen) > 50 * options.get("trials", 1)
    return whole.firing_rates, pieces.firing_rates


def test_pieces_of_a_run_change_nothing(chang, monkeypatch):
    """Steps are taken in pieces that can be interrupted."""
    whole, pieces = rates_in_pieces(monkeypatch, chang, "ode", -50.0)
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize("level", ["chain", "langevin"])
def test_every_piece_of_a_run_has_random_numbers_of_its_own(monkeypatch, level):
    """Means and variances of the spikes of 30 ms."""
    found = rates_in_pieces(monkeypatch, alone(400, spiking.GaussianDrive(1.3)), level, -15.0, trials=150, seed=4)
    (mean, other_mean), (variance, other_variance) = zip(
        *((s.mean(), s.var(ddof=1)) for s in (rates.mean(axis=(1, 2)) for rates in found)), strict=True
    )
    assert abs(mean - other_mean) < 4 * math.sqrt((variance + other_variance) / 150)
    assert 0.6 < variance / other_variance < 1.7


def test_a_network_of_400_000_neurons_is_nearly_its_ode(chang):
    network = chang.scaled(1000)
    approximation = reduction.MarkovApproximation(network, bins=60, closure="published")
    found = reduction.integrate(approximation, "chain", 400.0, seed=1).rates(100.0)
    expected = reduction.integrate(approximation, "ode", 400.0).rates(100.0)
    small = reduction.integrate(reduction.MarkovApproximation(chang, bins=60, closure="published"), "chain", 400.0)
    for name in ("E", "I"):
        z = (found[name].mean - expected[name].mean) / found[name].se
        print(f"\n400 000 neurons, {name}: chain {found[name]}, ODE {expected[name].mean:.3f} Hz")
        assert abs(z) < 4
        assert abs(found[name].mean / expected[name].mean - 1) < 0.02
    # Finite-size noise is what 400 neurons have beyond that.
    assert abs(small.rates(100.0)["E"].mean / expected["E"].mean - 1) > 0.02


def spikes_of(size, bins, trials, level="chain"):
    """Spikes in windows of 20 ms, shape (trials, windows)."""
    approximation = reduction.MarkovApproximation(alone(size, spiking.GaussianDrive(1.3)), bins=bins, v_min=-15.0)
    trajectory = reduction.integrate(approximation, level, 240.0, dt=0.2, sampling_interval=20.0, trials=trials, seed=2)
    return trajectory.firing_rates[:, 2:, 0] * size * 20.0 / 1000.0


def variance_of(spikes):
    """Variance in 20 ms, and its standard error."""
    own = spikes.var(axis=1, ddof=1)
    return own.mean(), own.std(ddof=1) / math.sqrt(own.size)


@pytest.mark.parametrize(("size", "bins"), [(100, 36), (100, 32), (400, 150), (400, 110)])
def test_walking_neurons_and_crowds_fire_at_the_rate_of_the_ode(size, bins):
    """Below and above three neurons per bin; 100 neurons make less than a spike per step."""
    spikes, exact = spikes_of(size, bins, 100), spikes_of(size, bins, 1, "ode").mean()
    own = spikes.mean(axis=1)
    se = own.std(ddof=1) / math.sqrt(own.size)
    print(f"\n{size} neurons, {bins} bins: {own.mean() / exact - 1:+.2%} ± {se / exact:.2%}")
    assert (size > kernel.CROWD * bins) == ((size, bins) in ((100, 32), (400, 110)))
    assert abs(own.mean() - exact) < 4 * se
    assert se < 0.003 * exact


def test_crowds_have_the_variance_of_neurons_that_walk():
    (walk, walk_se), (crowd, crowd_se) = (variance_of(spikes_of(400, bins, 100)) for bins in (150, 110))
    print(f"\nvariance of the spikes in 20 ms: {walk:.1f} ± {walk_se:.1f}, as a crowd {crowd:.1f} ± {crowd_se:.1f}")
    assert abs(crowd - walk) < 4 * math.hypot(crowd_se, walk_se)
    assert walk_se < 0.06 * walk


@pytest.mark.parametrize("refractory", [spiking.Fixed(1.0), spiking.NoRefractory()])
def test_crowds_with_few_neurons_in_a_bin_have_the_means_of_the_exact_law(refractory):
    """Beside full bins, in all three columns, are empty ones, on which Gaussian noise has no purchase."""
    neuron = spiking.LIF(10.0, 0.0, 10.0, refractory=refractory)
    approximation = reduction.MarkovApproximation(alone(200, neuron=neuron), bins=14, stages=2, v_min=-18.0)
    own, arrays, trials = ode.layout(approximation), approximation.arrays(), 2000
    members = own.owner == 0
    assert kernel.CROWD * 14 * arrays.columns[0] < 200
    start = np.zeros(len(own.names))
    start[[6, 8, 10, 12, 20, 21, 22, 27, 35, 39]] = 20.0
    start[own.split(np.arange(start.size))[4]] = arrays.variance
    trajectory = reduction.integrate(
        approximation, "chain", 2.0, dt=0.5, sampling_interval=2.0, trials=trials, initial=start[own.kept], seed=1
    )
    counts = np.array([full_state(approximation, trajectory, k)[members] for k in range(trials)])
    law = exact_law(approximation, 0.5, 4)
    where = law[:-1, :-1]
    mean = where @ start[members]
    variance = mean - where**2 @ start[members]
    occupied = mean > 0.1
    z = (counts.mean(axis=0) - mean)[occupied] / (counts.std(axis=0, ddof=1) / math.sqrt(trials))[occupied]
    fired = trajectory.firing_rates[:, 0, 0] * 200 * 2.0 / 1000.0
    spikes = (fired.mean() - law[-1, :-1] @ start[members]) / (fired.std(ddof=1) / math.sqrt(trials))
    ratio = counts.var(axis=0, ddof=1)[mean > 5.0] / variance[mean > 5.0]
    print(f"\nmax |z| {np.abs(z).max():.1f}, mean z^2 {np.mean(z**2):.2f}, spikes {spikes:.1f}; {ratio.size} variances "
          f"of {ratio.min():.2f} to {ratio.max():.2f} times the exact ones, mean {ratio.mean():.2f}")  # fmt: skip
    assert np.abs(z).max() < 4
    assert np.mean(z**2) < 2
    assert abs(spikes) < 4
    assert abs(ratio.mean() - 1) < 0.1


@pytest.mark.slow
def test_a_few_neurons_in_every_bin_fire_at_the_rate_of_the_ode(chang):
    """6000 excitatory neurons in 1350 bins, synchronous events: finite size changes rates by less than 0.5 %."""
    approximation = reduction.MarkovApproximation(mean_field_limit(chang, 20))
    chain_rates = reduction.integrate(approximation, "chain", 8500.0, seed=1).rates(500.0)
    ode_rates = reduction.integrate(approximation, "ode", 8500.0).rates(500.0)
    for name in ("E", "I"):
        found, exact = chain_rates[name], ode_rates[name].mean
        print(f"\n{name}: chain {found}, ODE {exact:.2f} Hz")
        assert abs(found.mean - exact) < 4 * found.se
        assert found.se < 0.006 * exact


@settings(deadline=None, max_examples=200)
@given(
    values=st.lists(st.floats(0.0, 50.0), min_size=2, max_size=30), stages=st.integers(0, 5),
    shift=st.floats(0.0, 1.0, exclude_max=True), total=st.integers(60, 400_000),
)  # fmt: skip
def test_rounding_keeps_the_sum_and_gives_whole_numbers(values, stages, shift, total):
    values = np.array([*values, 100.0])
    values *= total / values.sum()
    stages = min(stages, values.size - 2)
    held = values[:stages].copy()
    inside = values[stages:].copy()
    before = np.concatenate([inside, held])
    crowds.round_counts(inside, held, shift)
    both = np.concatenate([inside, held])
    np.testing.assert_array_equal(both, np.round(both))
    assert both.min() >= 0.0
    assert both.sum() == total
    assert np.abs(both - before).max() < 1.0 + 1e-9


def test_rounding_keeps_the_mean():
    rng = np.random.default_rng(1)
    values, held = rng.uniform(0, 5, 20), rng.uniform(0, 5, 3)
    held[-1] += round(values.sum() + held.sum()) + 1 - values.sum() - held.sum()
    shifts = (np.arange(4000) + 0.5) / 4000
    found = np.zeros(23)
    for shift in shifts:
        inside, pool = values.copy(), held.copy()
        crowds.round_counts(inside, pool, shift)
        found += np.concatenate([inside, pool])
    np.testing.assert_allclose(found / 4000, np.concatenate([values, held]), atol=1e-3)


def test_a_run_goes_on_where_another_ended(chang):
    """The next run starts from the very neurons: nothing is drawn when all counts are whole."""
    approximation = reduction.MarkovApproximation(chang, bins=30, noise_levels=2)
    first = reduction.integrate(approximation, "chain", 15.0, trials=2, seed=5)
    for trial in range(2):
        full = ode.checked_state(approximation, first.final_state[trial])
        np.testing.assert_array_equal(chain.whole(approximation, full, np.random.default_rng(0)), full)
    rest = reduction.integrate(approximation, "chain", 5.0, trials=2, seed=6, initial=first)
    alone = reduction.integrate(approximation, "chain", 5.0, seed=6, initial=first.final_state[0])
    np.testing.assert_array_equal(rest.firing_rates[0], alone.firing_rates[0])
    assert abs(rest.mean_pending[0, 0] - first.mean_pending[0, -1]).max() < 0.2 * first.mean_pending.max()
    # Statistics of cut runs are those of whole ones.
    rates = [r.rates(10.0)["E"] for r in (
        reduction.integrate(approximation, "chain", 200.0, trials=8, seed=9),
        reduction.integrate(approximation, "chain", 190.0 + 10.0, trials=8, seed=10, initial=reduction.integrate(
            approximation, "chain", 40.0, trials=8, seed=11)),
    )]  # fmt: skip
    assert abs(rates[0].mean - rates[1].mean) < 4 * math.hypot(rates[0].se, rates[1].se)


def test_whole_neurons_are_drawn_with_the_probabilities_of_the_state(chang):
    approximation = reduction.MarkovApproximation(chang, bins=10, noise_levels=2)
    full, own = ode.spread_state(approximation), ode.layout(approximation)
    drawn = np.array([chain.whole(approximation, full, np.random.default_rng(k)) for k in range(500)])
    neurons = own.owner >= 0
    spread = np.sqrt(np.maximum(full[neurons], 0.5) / 500)
    assert np.abs((drawn.mean(axis=0)[neurons] - full[neurons]) / spread).max() < 4.5
    np.testing.assert_array_equal(drawn[:, own.owner == 1].sum(axis=1), 100)


@pytest.mark.parametrize("level", ["ode", "chain", "langevin"])
def test_a_current_that_depends_on_time_acts_interval_by_interval(level):
    """The first interval is as if it went on; without chance, all are as runs that go on one from the other."""
    options = {"bins": 30, "closure": "white"}
    white = spiking.GaussianDrive(1.5, 0.7)

    def run(drive, duration, **more):
        network = alone(60, spiking.SumDrive(white, drive))
        approximation = reduction.MarkovApproximation(network, v_min=-12.0, **options)
        return reduction.integrate(approximation, level, duration, **more)

    steady = run(spiking.ConstantDrive(0.3), 12.0)
    currents = [0.3, 1.2, -0.5]
    changing = run(spiking.ArrayDrive(currents, 4.0), 12.0)
    np.testing.assert_array_equal(changing.firing_rates[0, :40], steady.firing_rates[0, :40])
    assert not np.array_equal(changing.firing_rates[0, 40:], steady.firing_rates[0, 40:])
    if level == "ode":
        last, rates = None, []
        for current in currents:
            last = run(spiking.ConstantDrive(current), 4.0, initial=last)
            rates.append(last.firing_rates[0])
        np.testing.assert_allclose(np.concatenate(rates), changing.firing_rates[0], rtol=1e-9, atol=1e-9)


def test_its_spikes_make_a_recording(chang):
    trajectory = reduction.integrate(
        reduction.MarkovApproximation(chang, bins=40, noise_levels=2), "chain", 100.0, trials=2
    )
    recording = trajectory.recording()
    assert (recording.trials, recording.duration) == (2, 100.0)
    sizes = np.array([300, 100])
    np.testing.assert_allclose(recording.counts, trajectory.firing_rates * sizes * 1e-4, atol=1e-9)
    assert recording.times.size == recording.counts.sum()
    for trial in range(2):
        own = recording.trial == trial
        for a, low in enumerate((0, 300)):
            inside = own & (recording.senders >= low) & (recording.senders < low + sizes[a])
            assert inside.sum() == recording.counts[trial, :, a].sum()
            times, numbers = np.unique(np.round(recording.times[inside] * 10).astype(int) - 1, return_counts=True)
            np.testing.assert_array_equal(recording.counts[trial, times, a], numbers)
    for name in ("E", "I"):
        assert recording.rates(20.0)[name].mean == pytest.approx(trajectory.rates(20.0)[name].mean)
    synchrony = spiking.statistics.synchrony(recording, discard=20.0)["E"].mean
    assert 0.05 < synchrony < 1.0


def test_standard_errors_are_those_of_repetitions():
    """Spread of 40 runs against what each says about itself; neighbouring blocks are anticorrelated a little."""
    approximation = reduction.MarkovApproximation(alone(50, spiking.GaussianDrive(1.3)), bins=30, v_min=-15.0)
    runs = [reduction.integrate(approximation, "chain", 420.0, dt=0.2, seed=k).rates(20.0)["X"] for k in range(40)]
    spread = np.std([r.mean for r in runs], ddof=1)
    said = math.sqrt(np.mean([r.se**2 for r in runs]))
    print(f"\nspread of rates {spread:.3f} Hz, standard error {said:.3f} Hz")
    assert 0.7 < said / spread < 1.8
    many = reduction.integrate(approximation, "chain", 420.0, dt=0.2, trials=40, seed=50).rates(20.0)["X"]
    assert many.se == pytest.approx(said / math.sqrt(40), rel=0.2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "seed = -1: must be at least 0"),
        ({"seed": None}, "seed = None: must be an integer or a SeedSequence"),
        ({"seed": 1.5}, "seed = 1.5: must be an integer"),
        ({"trials": 0}, "trials = 0: must be positive"),
        ({"trials": 1.5}, "trials = 1.5: must be an integer"),
        ({"trials": 2, "level": "ode"}, "trials = 2: must be 1: level 'ode' has no chance in it"),
        ({"trials": 2, "level": "published"}, "trials = 2: must be 1: level 'published' has no chance in it"),
        ({"workers": 0}, "workers = 0: must be"),
    ],
)
def test_bad_options_are_refused(chang, options, message):
    approximation = reduction.MarkovApproximation(chang, bins=30)
    with pytest.raises(ParameterError, match=message):
        reduction.integrate(approximation, **{"level": "chain", "duration": 5.0, **options})


def test_initial_states_of_other_trials_are_refused(chang):
    approximation = reduction.MarkovApproximation(chang, bins=30, noise_levels=2)
    two = reduction.integrate(approximation, "chain", 2.0, trials=2)
    with pytest.raises(SpecificationError, match="initial: has 2 rows; must have 1 or trials = 3"):
        reduction.integrate(approximation, "chain", 2.0, trials=3, initial=two)
    one = reduction.integrate(approximation, "ode", 2.0)
    spread = reduction.integrate(approximation, "chain", 2.0, trials=3, initial=one)
    assert spread.trials == 3
    with pytest.raises(SpecificationError, match="recording: level 'ode' makes no whole spikes; use level 'chain'"):
        one.recording()
    with pytest.raises(ParameterError, match=r"trial = 3: must be 0 to 2"):
        spread.peaks("E", trial=3)
