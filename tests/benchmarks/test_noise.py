"""Ensembles in noise beside the vectorised numpy program that one would write."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from spiking import Fixed
from spiking.noise import ClassicalLIF, WhiteNoise, firing_rate, simulate_ensemble, thieu2022

NEURONS, DURATION, DT = 10_000, 1000.0, 0.1
STEPS = round(DURATION / DT)
CASES = {
    "additive": ClassicalLIF(current=500.0, noise=WhiteNoise(1500.0), refractory=Fixed(8.0)),
    "multiplicative": ClassicalLIF(current=500.0, noise=WhiteNoise(20.0, True), refractory=Fixed(8.0)),
    "additive, conductances": thieu2022("6 right"),
    "multiplicative, conductances": thieu2022("8 left"),
}


def vectorised(neuron, steps):
    """All neurons in one array per step; returns spikes."""
    rng = np.random.default_rng(1)
    v, hold, spikes = np.full(NEURONS, neuron.reset), np.zeros(NEURONS, int), 0
    deviation, wait = neuron.voltage_noise * math.sqrt(DT), round(neuron.refractory.duration / DT)
    trains = [getattr(neuron, name) for name in ("excitation", "inhibition") if hasattr(neuron, name)]
    conductances = [np.zeros(NEURONS) for _ in trains]
    mean, variance = np.empty(steps), np.empty(steps)
    for step in range(steps):
        slope = neuron.rest - v + neuron.current / neuron.leak
        for g, train in zip(conductances, trains, strict=True):
            g += train.weight * rng.poisson(train.spikes_per_ms * DT, NEURONS) - g * (DT / train.tau)
            slope += g / neuron.leak * (train.reversal - v)
        kick = deviation * rng.standard_normal(NEURONS) * (v if neuron.multiplicative else 1.0)
        v = np.where(hold <= step, v + slope * (DT / neuron.tau_m) + kick, v)
        fired = v >= neuron.threshold
        v[fired] = neuron.reset
        hold[fired] = step + 1 + wait
        spikes += int(fired.sum())
        mean[step], variance[step] = v.mean(), v.var(ddof=1)
    return spikes


@pytest.mark.parametrize("name", CASES)
def test_beside_vectorised_numpy(name):
    """10^8 neuron-steps, mean and variance at each step: at most 2.5 s on a core (25 ns per step)."""
    neuron = CASES[name]
    simulate_ensemble(neuron, 1.0, neurons=4)
    seconds = []
    for seed in range(3):
        begun = time.perf_counter()
        found = simulate_ensemble(neuron, DURATION, neurons=NEURONS, dt=DT, seed=seed)
        seconds.append(time.perf_counter() - begun)
    ours, steps = min(seconds), STEPS // 10
    begun = time.perf_counter()
    spikes = vectorised(neuron, steps)
    plain = (time.perf_counter() - begun) * STEPS / steps
    per_step = 1e9 / (NEURONS * STEPS)
    print(f"\n{name}: {ours:.2f} s, {ours * per_step:.1f} ns per neuron-step; numpy {plain * per_step:.1f}: "
          f"{plain / ours:.1f} times faster ({firing_rate(found)} Hz)")  # fmt: skip
    early = np.count_nonzero(found.spike_steps <= steps)
    assert abs(early - spikes) < 5 * math.sqrt(early + spikes)
    assert ours < 2.5
    assert ours < plain
