"""Side by side with what one would write or pick instead: `make bench` prints times and ratios."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import pytest
from numba import njit
from scipy.integrate import solve_ivp

import reduction
import spiking

CHANG = spiking.presets.chang2025()


@njit
def plain_loop(steps, seed):
    """The [C25] network as one would first write it: a loop over neurons with np.random."""
    np.random.seed(seed)  # noqa: NPY002 - what one would write
    n, dt, fired = 400, 0.1, 0
    v, h, refractory = np.zeros(n), np.zeros((n, 2), np.int64), np.zeros(n, np.bool_)
    weight = np.array([[0.95, 2.71], [1.25, 2.45]])
    tau = np.array([[1.4, 4.5], [1.2, 4.5]])
    for _ in range(steps):
        spikes = np.zeros(2, np.int64)
        for i in range(n):
            a = 0 if i < 300 else 1
            if refractory[i]:
                if np.random.random() < dt / 4.0:  # noqa: NPY002
                    refractory[i] = False
                continue
            c = (v[i] + 66.0) / 166.0
            current = weight[a, 0] * h[i, 0] / tau[a, 0] - weight[a, 1] * c * h[i, 1] / tau[a, 1]
            v[i] += np.random.normal(7.0 * dt, np.sqrt(7.0 * dt)) + dt * current  # noqa: NPY002
            if v[i] >= 100.0:
                v[i] = 0.0
                refractory[i] = True
                spikes[a] += 1
        for i in range(n):
            a = 0 if i < 300 else 1
            for b in range(2):
                h[i, b] = max(0, h[i, b] - np.random.poisson(h[i, b] * dt / tau[a, b]))  # noqa: NPY002
                h[i, b] += np.random.binomial(spikes[b], 0.8)  # noqa: NPY002
        fired += spikes[0] + spikes[1]
    return fired


def clock(function, *arguments):
    begun = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - begun


def test_network_beside_a_plain_compiled_loop(benchmark):
    plain_loop(10, 0)
    spiking.simulate(CHANG, 10.0)
    benchmark.pedantic(spiking.simulate, (CHANG, 5000.0), {"seed": 1}, rounds=5)
    ours = min(clock(lambda: spiking.simulate(CHANG, 5000.0, seed=1)) for _ in range(5))
    plain = min(clock(plain_loop, 50000, 1) for _ in range(3))
    per_step = 1e9 / (50000 * 400)
    print(f"\nnetwork, 5 s: {ours * per_step:.0f} ns per neuron-step; plain loop {plain * per_step:.0f}: "
          f"{plain / ours:.1f} times faster")  # fmt: skip
    assert ours < plain


def test_two_trials_on_two_cores():
    spiking.simulate(CHANG, 10.0)
    one = min(clock(lambda: spiking.simulate(CHANG, 10000.0, trials=2, workers=1)) for _ in range(3))
    two = min(clock(lambda: spiking.simulate(CHANG, 10000.0, trials=2, workers=2)) for _ in range(3))
    print(f"\ntwo trials of 10 s: {one:.2f} s with one worker, {two:.2f} s with two: {one / two:.2f} times faster")


@pytest.mark.parametrize("level", ["ode", "chain", "langevin", "published"])
def test_one_simulated_second_of_a_level(benchmark, level):
    approximation = reduction.MarkovApproximation(CHANG)
    reduction.integrate(approximation, level, 10.0)
    benchmark.pedantic(reduction.integrate, (approximation, level, 1000.0), rounds=5)
    print(f"\nlevel {level}: {benchmark.stats['min']:.3f} s per simulated second")


@pytest.mark.parametrize("closure", ["conditional", "white"])
def test_chain_and_ode_whatever_the_size(closure):
    """The chain costs what is in the bins, up to a bound."""
    times = {}
    for factor in (1, 1000):
        approximation = reduction.MarkovApproximation(CHANG.scaled(factor), closure=closure)
        for level in ("chain", "ode"):
            reduction.integrate(approximation, level, 10.0)
            run = partial(reduction.integrate, approximation, level, 1000.0)
            times[level, factor] = min(clock(run) for _ in range(3))
    ode, few, many = times["ode", 1], times["chain", 1], times["chain", 1000]
    print(
        f"\n{closure}, per simulated second: ODE {ode:.2f} s; chain of 400 neurons {few:.2f} s, of 400 000 {many:.2f} s"
    )
    assert many < 10 * ode


def test_ode_beside_scipys_stiff_solver():
    approximation = reduction.MarkovApproximation(CHANG, closure="white")
    system = approximation.ode()
    start = reduction.integrate(approximation, duration=50.0).final_state[0]
    ours = min(clock(lambda: reduction.integrate(approximation, duration=100.0, initial=start)) for _ in range(3))

    def stiff():
        solve_ivp(system.rhs, (0, 100.0), start, method="BDF", jac=system.jacobian, rtol=1e-4, atol=1e-6)

    theirs = clock(stiff)
    print(f"\nODE, 100 ms: {ours * 1e3:.1f} ms; scipy BDF with our Jacobian {theirs * 1e3:.0f} ms: "
          f"{theirs / ours:.0f} times faster")  # fmt: skip
    assert ours < theirs
