from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate as quadrature
from scipy import stats

import reduction
import spiking
from reduction.kernels import two_moment
from spiking.errors import ParameterError, SpecificationError


def test_every_published_rate_to_the_digit(chang, table):
    for row in table("published_scheme.csv"):
        network = chang.replace({"EI.probability": float(row["case"].partition("=")[2])})
        trajectory = reduction.integrate(reduction.MarkovApproximation(network), "published", 1000.0)
        rates = trajectory.rates(200.0)
        print(f"\n{row['case']}:", *(f"{n} {rates[n].mean / float(row[f'rate_{n}_hz']) - 1:+.1e}" for n in ("E", "I")))
        assert rates["E"].mean == pytest.approx(float(row["rate_E_hz"]), rel=1e-6)
        assert rates["I"].mean == pytest.approx(float(row["rate_I_hz"]), rel=1e-6)


@pytest.mark.parametrize(("low", "high", "mu", "deviation"), [(8, 12, 0.7, 0.8), (8, 8.0001, -3, 2), (5, 12, 4, 0.5)])
def test_spreading_a_bin_equals_quadrature(low, high, mu, deviation):
    floor, width, bins, count = -20.0, 4.0, 9, 7.0
    new_count, new_voltage = np.zeros(bins), np.zeros(bins)
    crossed = two_moment._spread(count, low, high, mu, deviation, floor, width, bins, new_count, new_voltage)

    def below(edge):
        return quadrature.quad(lambda x: stats.norm.cdf((edge - x - mu) / deviation), low, high)[0] / (high - low)

    def moment_below(edge):
        def inner(x):
            z = (edge - x - mu) / deviation
            return (x + mu) * stats.norm.cdf(z) - deviation * stats.norm.pdf(z)

        return quadrature.quad(inner, low, high)[0] / (high - low)

    edges = floor + width * np.arange(bins + 1)
    shares = np.diff([0.0, *[below(e) for e in edges[1:]]])
    moments = np.diff([0.0, *[moment_below(e) for e in edges[1:]]])
    np.testing.assert_allclose(new_count, count * shares, atol=1e-9)
    np.testing.assert_allclose(new_voltage, count * moments, atol=1e-7)
    assert crossed == pytest.approx(count * (1 - below(edges[-1])), abs=1e-9)


def test_the_first_row_is_the_start(chang):
    trajectory = reduction.integrate(reduction.MarkovApproximation(chang), "published", 10.0)
    assert trajectory.firing_rates.shape == (1, 100, 2)
    np.testing.assert_array_equal(trajectory.firing_rates[0, 0], 0.0)
    np.testing.assert_array_equal(trajectory.mean_pending[0, 0], 0.0)


def test_moments_of_the_voltages_are_those_of_what_the_scheme_spreads(chang):
    """By quadrature over every bin's uniform density, which the next step takes."""
    trajectory = reduction.integrate(reduction.MarkovApproximation(chang), "published", 30.0)
    count, voltage, pool = np.split(trajectory.final_state[0][:142], [70, 140])
    for a, size in enumerate((300, 100)):
        first, second = 0.0, 0.0
        for k in range(35):
            n, total = count[35 * a + k], voltage[35 * a + k]
            if n <= 0:
                continue
            low, middle, high = -40 + 4 * k, -38 + 4 * k, -36 + 4 * k
            m = min(max(total / n, low), high)
            low, high = (low, max(2 * m - low, low + 1e-4)) if m < middle else (min(2 * m - high, high - 1e-4), high)
            first += total
            second += n * quadrature.quad(lambda v: v**2, low, high)[0] / (high - low)
        assert trajectory.mean_voltage[0, -1, a] == pytest.approx(first / size, abs=1e-9)
        assert pool[a] > 0
        spread = np.sqrt(second / size - (first / size) ** 2)
        assert trajectory.spread_voltage[0, -1, a] == pytest.approx(spread, abs=1e-6)
    assert trajectory.spread_voltage[0, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"E.refractory": spiking.Fixed(4.0)},
            "E: level 'published' covers LIF neurons with an exponential refractory time",
        ),
        ({"I.drive": spiking.NoDrive()}, "I.drive: level 'published' needs a poisson or gaussian drive"),
        ({"E.neuron": spiking.QIF(100.0, -30.0)}, "E: level 'published' covers LIF neurons"),
        ({"IE.wiring": spiking.Bernoulli(0.8)}, "IE: level 'published' covers annealed pending_current synapses"),
        (
            {"IE.synapse": spiking.PendingKick(1.0, 1.0)},
            "IE: level 'published' covers annealed pending_current synapses only",
        ),
    ],
)
def test_what_the_scheme_does_not_cover_is_refused(chang, change, message):
    with pytest.raises(SpecificationError, match=message):
        reduction.integrate(reduction.MarkovApproximation(chang.replace(change)), "published", 10.0)


def test_its_start_and_sampling_are_fixed(chang):
    approximation = reduction.MarkovApproximation(chang)
    with pytest.raises(SpecificationError, match="initial: level 'published' starts"):
        reduction.integrate(approximation, "published", 10.0, initial=np.zeros(3))
    with pytest.raises(ParameterError, match="sampling_interval = 0.2"):
        reduction.integrate(approximation, "published", 10.0, sampling_interval=0.2)


def test_it_has_no_delays_and_no_levels_of_noise(chang):
    with pytest.raises(ParameterError, match=r"EI.delay = 1.0: must be 0 for level 'published'"):
        reduction.integrate(reduction.MarkovApproximation(chang.replace({"EI.delay": 1.0})), "published", 10.0)
    rates = [
        reduction.integrate(reduction.MarkovApproximation(chang, closure=closure), "published", 20.0).firing_rates
        for closure in ("conditional", "published", 1.0, "white")
    ]
    np.testing.assert_array_equal(rates[0], rates[1])
    np.testing.assert_array_equal(rates[1], rates[2])
    assert not np.array_equal(rates[2], rates[3])
