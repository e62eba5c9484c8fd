"""Linear response theory of spiking neurons and networks against what papers print."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

import reduction
import spiking
from reduction.levels.diffusion import Diffusion
from reduction.levels.linear_response import hopf_points, linear_response
from reduction.levels.spectra import inputs, population_spectra, stationary_diffusions, stationary_moments

MEAN_FIELD = 37.9497  # Hz, Brunel 2000 at g = 5, twice the threshold rate


def leaky(mu, d):
    return Diffusion(lambda v: mu - v, lambda v: 2 * d, 1.0, 0.0)


@pytest.mark.parametrize(("mu", "omega", "gain"), [(0.8, 23.6311, 3.95518), (1.2, 24.5238, 2.23952)])
def test_fast_oscillations_of_an_inhibitory_network(mu, omega, gain):
    """Brunel, Hakim 1999: K |chi| = 1 and a phase lag of pi (chi lags by about pi/4)."""
    found = hopf_points([leaky(mu, 0.1)], [[-1.0]], [[0.1]], highest=80.0)[0]
    print(f"\ndelayed inhibition, mu {mu}: omega {found.omega:.4f}, K {found.gain:.5f}")
    assert found.omega == pytest.approx(omega, abs=6e-5)
    assert found.gain == pytest.approx(gain, abs=6e-6)
    assert found.omega * 0.1 / (2 * math.pi) == pytest.approx(3 / 8, abs=0.02)


def test_a_leaky_neuron_follows_fast_changes_of_noise_but_not_of_current():
    """Lindner, Schimansky-Geier 2001; Brunel, Chance, Fourcaud, Abbott 2001."""
    neuron, omega = leaky(0.8, 0.1), np.array([1e3, 1e4])
    current, noise = linear_response(neuron, omega), linear_response(neuron, omega, noise=np.ones_like)
    assert abs(current[0] / current[1]) == pytest.approx(math.sqrt(10.0), rel=0.02)
    assert np.angle(current[1]) == pytest.approx(-math.pi / 4, abs=0.01)
    assert noise[1] == pytest.approx(neuron.rate() / 0.2, rel=0.02)


def brunel():
    changes = {f"{p}.drive.rate": 20.0 for p in "EI"} | {"EI.weight": 0.5, "II.weight": 0.5}
    return spiking.presets.brunel2000().replace(changes)


def test_spectrum_of_the_sparse_network_of_brunel_2000():
    """g = 5, twice the threshold rate: the finite network's fast oscillation, from 1 + 1 nodes of linear theory."""
    network = brunel()
    approximation = reduction.MarkovApproximation(network, closure="white")
    own = inputs(approximation)

    def excess(rate):
        """Rate in Hz that a common rate causes, less that rate."""
        moments = stationary_moments(own, own.size * rate / 1000)
        return 1000 * stationary_diffusions(approximation, own, *moments)[0].rate() - rate

    rate = brentq(excess, 20.0, 60.0)
    assert rate == pytest.approx(MEAN_FIELD, rel=0.02)  # which counts the shared part of the noise as each neuron's own
    recording = spiking.simulate(network, 2200.0, seed=1, sampling_interval=0.5, initial="uniform")
    found = spiking.statistics.spectrum(recording, "E", discard=200.0, segment=50.0)
    inside = (found.frequency > 30.0) & (found.frequency < 500.0)
    frequency = found.frequency[inside]
    exact = population_spectra(approximation, frequency, {"E": rate, "I": rate})[:, 0, 0].real
    peaks = frequency[found.power[inside].argmax()], frequency[exact.argmax()]
    heights = found.power[inside].max() / exact.max(), exact.max() * network.sizes["E"] / (2 * rate)
    print(
        f"\nBrunel 2000: peak of the spectrum at {peaks[0]:.0f} Hz, theory {peaks[1]:.0f} Hz, {heights[1]:.0f} times ",
        end="",
    )
    print(f"Poisson; measured {heights[0]:.2f} of that")
    assert abs(peaks[0] - peaks[1]) <= 20.0  # the resolution
    assert heights[1] > 20.0
    assert 0.3 < heights[0] < 1.0  # so near to the bifurcation, saturation lowers the peak
