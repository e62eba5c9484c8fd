"""Lyapunov exponents against eigenvalues, Floquet multipliers and conservation laws."""

from __future__ import annotations

import math

import numpy as np
import pytest

import reduction
import spiking
from reduction import ODESystem
from reduction.attractors.lyapunov import lyapunov_exponents
from spiking.errors import NumericalError, ParameterError, SpecificationError, UnknownNameError

FOCUS = ODESystem.from_expressions({"x": "-0.5*x + 3*y - 0.1*x**3", "y": "-3*x - 0.5*y", "z": "-4*z + x**2"})
OSCILLATORS = {
    "van der Pol": ({"x": "y", "y": "mu*(1 - x**2)*y - x"}, {"mu": 2.0}),
    "stiff van der Pol": ({"x": "y", "y": "mu*(1 - x**2)*y - x"}, {"mu": 10.0}),
    "Brusselator": ({"x": "1 + x**2*y - (B + 1)*x", "y": "B*x - x**2*y"}, {"B": 3.0}),
}


def one_population(size=4000):
    """An asynchronous population with a stable equilibrium."""
    neuron = spiking.LIF(20.0, 10.0, tau_m=20.0, refractory=spiking.Exponential(2.0))
    synapse = spiking.PendingCurrent(0.02, 3.0)
    return spiking.Network(
        [spiking.Population("E", size, neuron, spiking.GaussianDrive(0.6, 1.3))],
        [spiking.Projection("E", "E", synapse, spiking.Annealed(0.05))],
    )


def test_of_a_stable_equilibrium_they_are_the_real_parts_of_its_eigenvalues():
    found = lyapunov_exponents(FOCUS, 3, duration=100.0, discard=20.0, initial=[1.0, 1.0, 0.0])
    assert [e.mean for e in found.exponents] == pytest.approx([-0.5, -0.5, -4.0], abs=1e-7)
    assert all(found.converged)
    assert np.abs(found.final_state).max() < 1e-10
    assert found.dimension == 0.0


@pytest.mark.parametrize("name", OSCILLATORS)
def test_of_a_cycle_they_are_zero_and_the_multiplier(name):
    equations, parameters = OSCILLATORS[name]
    system = ODESystem.from_expressions(equations, parameters)
    cycle = reduction.find_cycle(system, reduction.flow(system, 100.0, initial=[1.0, 1.5]))
    duration = (10.0 if name == "stiff van der Pol" else 80.0) * cycle.period
    found = lyapunov_exponents(system, 2, duration=duration, discard=0.25 * duration, initial=cycle.states[0])
    assert all(found.converged)
    leading, second = found.exponents
    assert abs(leading.mean) <= 3.0 * leading.se + 1e-9
    # Along the orbit a small difference grows as the speed: over any time by no more than the range of its logarithm.
    speeds = np.linalg.norm(system.rhs_many(cycle.states, parameters), axis=1)
    assert abs(leading.mean) < math.log(speeds.max() / speeds.min()) / (0.75 * duration)
    if name == "stiff van der Pol":  # its multiplier, below 1e-100, is below what cycles resolve
        assert second.mean < -10.0
        return
    expected = math.log(min(abs(cycle.multipliers))) / cycle.period
    assert abs(second.mean - expected) <= 3.0 * second.se
    assert second.mean == pytest.approx(expected, rel=0.02)


def test_volume_shrinks_by_the_divergence():
    """Lorenz: the divergence is -(10 + 1 + 8/3) everywhere, so is the sum of the exponents, to the error of a step."""
    lorenz = ODESystem.from_expressions({"x": "10*(y - x)", "y": "28*x - y - x*z", "z": "x*y - 8/3*z"})
    found = lyapunov_exponents(lorenz, 3, duration=30.0, discard=5.0, initial=[1.0, 1.0, 20.0])
    assert sum(e.mean for e in found.exponents) == pytest.approx(-41.0 / 3.0, abs=1e-8)
    again = lyapunov_exponents(lorenz, 3, duration=30.0, discard=5.0, initial=[1.0, 1.0, 20.0])
    assert again.exponents == found.exponents
    assert np.array_equal(again.running, found.running)
    assert found.running[-1] == pytest.approx([e.mean for e in found.exponents])


def test_a_conservative_oscillator_grows_in_no_direction():
    pendulum = ODESystem.from_expressions({"angle": "speed", "speed": "-sin(angle)"})
    found = lyapunov_exponents(pendulum, 2, duration=2000.0, initial=[1.0, 0.0])
    # Neighbours drift apart in proportion to time: log(T) / T.
    assert 0.0 < found.exponents[0].mean < math.log(2000.0) / 1000.0
    assert found.exponents[0].mean + found.exponents[1].mean == pytest.approx(0.0, abs=1e-7)


def test_a_trajectory_that_has_not_settled_is_said_not_to_have_converged():
    """Decay at 0.001 for 20 e-foldings of the fast direction, then a saddle takes over."""
    system = ODESystem.from_expressions({"x": "x*(1 - x)", "y": "-y"})
    found = lyapunov_exponents(system, 1, duration=60.0, initial=[1e-13, 0.1])
    assert found.converged == (False,)
    settled = lyapunov_exponents(system, 1, duration=120.0, discard=60.0, initial=[1e-13, 0.1])
    assert settled.converged == (True,)
    assert settled.exponents[0].mean == pytest.approx(-1.0, abs=1e-6)


def test_of_a_reduced_network_at_rest_it_is_the_leading_eigenvalue_to_second_order_in_dt():
    approximation = reduction.MarkovApproximation(one_population(), closure="white", bins=60)
    rest = reduction.find_equilibrium(approximation)
    leading = max(rest.eigenvalues.real)
    assert leading < 0.0
    errors = []
    for dt in (0.4, 0.2):
        found = lyapunov_exponents(approximation, duration=400.0, discard=250.0, initial=rest.state, dt=dt)
        errors.append(found.exponents[0].mean - leading)
    assert abs(errors[1]) < 0.02 * abs(leading)
    assert abs(errors[1]) < 0.4 * abs(errors[0]) or abs(errors[0]) < 1e-3 * abs(leading)


def test_directions_of_a_network_do_not_depend_on_when_they_are_made_orthonormal(monkeypatch):
    from reduction.attractors import lyapunov

    approximation = reduction.MarkovApproximation(one_population(), closure="white", bins=60)
    rest = reduction.find_equilibrium(approximation)
    run = {"duration": 300.0, "discard": 200.0, "initial": rest.state, "dt": 0.2}
    found = lyapunov_exponents(approximation, **run)
    for name, value in (("_INTERVAL", 2.0), ("_DISTANCE", 3e-8)):
        monkeypatch.setattr(lyapunov, name, value)
        other = lyapunov_exponents(approximation, **run)
        assert other.exponents[0].mean == pytest.approx(found.exponents[0].mean, rel=3e-3)


def test_progress_is_reported_and_can_stop():
    seen = []
    lyapunov_exponents(FOCUS, duration=10.0, initial=[1.0, 0.0, 0.0], progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lyapunov_exponents(FOCUS, duration=10.0, progress=stop)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"number": 0}, ParameterError, "number = 0"),
        ({"number": 4}, ParameterError, "at most the number of unknowns, 3"),
        ({"duration": -1.0}, ParameterError, "duration = -1"),
        ({"discard": 10.0}, ParameterError, "less than the duration of 10"),
        ({"tolerance": 0.0}, ParameterError, "tolerance = 0"),
        ({"initial": [1.0, 2.0]}, SpecificationError, "initial has shape"),
        ({"initial": [1.0, 2.0, math.nan]}, SpecificationError, "finite"),
        ({"parameters": {"q": 1.0}}, UnknownNameError, "'q'"),
        ({"seed": -1}, ParameterError, "seed = -1"),
    ],
)
def test_bad_input_is_refused(arguments, error, words):
    with pytest.raises(error, match=words):
        lyapunov_exponents(FOCUS, **({"duration": 10.0} | arguments))


def test_systems_that_cannot_be_used_are_refused():
    with pytest.raises(SpecificationError, match="must be an ODESystem"):
        lyapunov_exponents("lorenz", duration=10.0)
    forced = ODESystem.from_callable(lambda t, y, p: [math.cos(t) - y[0]], ["x"])
    with pytest.raises(SpecificationError, match="depends on time"):
        lyapunov_exponents(forced, duration=10.0)
    approximation = reduction.MarkovApproximation(one_population(), closure="white", bins=60)
    with pytest.raises(SpecificationError, match="change the network itself"):
        lyapunov_exponents(approximation, duration=10.0, parameters={"EE.weight": 0.1})
    drive = spiking.ArrayDrive([0.5, 1.0], 100.0)
    varied = spiking.Network([spiking.Population("E", 100, spiking.LIF(20.0, 10.0, tau_m=20.0), drive)], [])
    with pytest.raises(SpecificationError, match=r"E.drive: depends on time"):
        lyapunov_exponents(varied, duration=10.0)
    with pytest.raises(NumericalError, match="fails at time"):
        lyapunov_exponents(ODESystem.from_expressions({"x": "x**2"}), duration=10.0, initial=[1.0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("probability", "duration", "chaotic"),
    [(0.6, 4000.0, False), (0.8, 4000.0, False), (0.785, 12000.0, True), (0.787, 12000.0, True)],
)
def test_the_reduced_network_is_chaotic_where_its_events_are_irregular(chang, probability, duration, chaotic):
    network = chang.replace({"EI.probability": probability})
    approximation = reduction.MarkovApproximation(network, closure="published")
    found = lyapunov_exponents(approximation, duration=duration, discard=2000.0)
    (exponent,) = found.exponents
    print(f"p = {probability}: leading exponent {1000 * exponent.mean:.2f} +- {1000 * exponent.se:.2f} per s")
    assert found.converged == (True,)
    if chaotic:
        assert exponent.mean > 4.0 * exponent.se
        assert exponent.mean > 3e-3
    else:
        assert abs(exponent.mean) < 3.0 * exponent.se + 1e-6
        assert abs(exponent.mean) < 5e-4
