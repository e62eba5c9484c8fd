"""The Langevin level's order in dt: stationary covariances of counts at frozen input, without sampling noise.

Input is frozen, so drift and noise are linear in the counts, and mean and covariance of a step are a linear map:
`tests/reduction/test_langevin.py` shows that the program's step has those moments.
"""

from __future__ import annotations

import naive
import numpy as np
import pytest

import reduction
import spiking


@pytest.mark.parametrize("refractory", [spiking.NoRefractory(), spiking.Exponential(1.5)])
def test_second_order_of_the_stationary_covariance(refractory):
    """Against the exact one, N (diag p - p p'), which solves the Lyapunov equation of the linear noise."""
    neuron = spiking.LIF(10.0, 0.0, 10.0, refractory=refractory)
    network = spiking.Network([spiking.Population("X", 1000, neuron, spiking.GaussianDrive(1.5, 0.7))])
    matrix = naive.generator(reduction.MarkovApproximation(network, bins=12, v_min=-12.0), "X", {})[:-1, :-1]
    share = np.linalg.svd(matrix)[2][-1]
    share /= share.sum()
    exact = 1000 * (np.diag(share) - np.outer(share, share))
    noise = naive.hop_noise(matrix, 1000 * share)
    if refractory != spiking.NoRefractory():  # without, released neurons jump two ways in one hop, by its mean
        np.testing.assert_allclose(matrix @ exact + exact @ matrix.T + noise, 0.0, atol=1e-9)
    errors = []
    for dt in (0.4, 0.2, 0.1):
        half = naive.linalg.expm(matrix * dt / 2)
        covariance = np.zeros_like(matrix)
        whole, added = half @ half, half @ (noise * dt) @ half.T
        for _ in range(20):  # doubling: steps 1, 2, 4, ...
            covariance = added
            added, whole = added + whole @ added @ whole.T, whole @ whole
        errors.append(np.abs(covariance - exact).max() / np.abs(exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    print(f"\nstationary covariance, {refractory.kind}: relative errors {errors}, orders {orders}")
    np.testing.assert_allclose(orders, 2.0, atol=0.1)
