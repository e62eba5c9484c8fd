"""Orders of the steps of a simulation, measured: voltages under changing synaptic input, and spike times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import spiking

STEPS = [0.4, 0.2, 0.1, 0.05]
CURRENT = spiking.ExponentialCurrent(1.0, 3.0)
CONDUCTANCE = spiking.ExponentialConductance(1.0, 3.0, 0.0)
LEVEL = {CURRENT: 2.0, CONDUCTANCE: 1.5}

LEAKY = spiking.LIF(1e3, -60.0, 10.0, -60.0)
QUADRATIC = spiking.QIF(1e3, -1e3, 5.0)
EXPONENTIAL = spiking.EIF(0.0, -65.0, 15.0, -65.0, -50.0, 2.0)


def start(neuron, synapse, voltage, dt):
    """One neuron, at a voltage, with a synaptic variable that only decays."""
    network = spiking.Network(
        [spiking.Population("X", 1, neuron, spiking.ConstantDrive(0.3))],
        [spiking.Projection("X", "X", synapse, spiking.Explicit([], []))],
    )
    state = spiking.simulate(network, 0.4, dt=dt).final_state
    state.voltage[0], state.synaptic[0] = voltage, LEVEL[synapse]
    return network, dataclasses.replace(state, refractory=np.zeros((1, 1)))


def final_voltage(neuron, synapse, voltage, dt, duration=4.0):
    network, state = start(neuron, synapse, voltage, dt)
    return spiking.simulate(network, duration, dt=dt, initial=state, scheme="grid").final_state.voltage[0, 0]


def exact_slope(neuron, synapse):
    def slope(t, v):
        s = LEVEL[synapse] * np.exp(-t / synapse.tau)
        dv = 0.3 - s / neuron.tau_m * v if synapse is CONDUCTANCE else 0.3 + s
        if isinstance(neuron, spiking.QIF):
            return dv + v**2 / neuron.tau_m
        if isinstance(neuron, spiking.EIF):
            dv = dv + neuron.slope_factor * np.exp((v - neuron.onset) / neuron.slope_factor) / neuron.tau_m
        return dv - (v - neuron.rest) / neuron.tau_m

    return slope


@pytest.mark.parametrize(
    ("name", "neuron", "synapse", "voltage", "order"),
    [
        ("leaky, current", LEAKY, CURRENT, -65.0, None),
        ("leaky, conductance", LEAKY, CONDUCTANCE, -65.0, 2),
        ("quadratic, current", QUADRATIC, CURRENT, -8.0, 2),
        ("exponential, current", EXPONENTIAL, CURRENT, -64.0, 2),
        ("exponential, conductance", EXPONENTIAL, CONDUCTANCE, -64.0, 2),
    ],
)
def test_voltages(name, neuron, synapse, voltage, order):
    exact = solve_ivp(exact_slope(neuron, synapse), (0, 4.0), [voltage], rtol=1e-12, atol=1e-12).y[0, -1]
    errors = np.array([abs(final_voltage(neuron, synapse, voltage, dt) - exact) for dt in STEPS])
    if order is None:
        assert errors.max() < 1e-9
        print(f"\n{name}: exact to {errors.max():.0e} mV")
        return
    orders = np.log2(errors[:-1] / errors[1:])
    print(f"\n{name}: orders {np.round(orders, 2)}, error {errors[2]:.1e} mV at dt = 0.1")
    assert orders[-1] == pytest.approx(order, abs=0.15)


@pytest.mark.filterwarnings("ignore:.*once per step")
@pytest.mark.parametrize(
    ("name", "neuron", "voltage", "synapse"),
    [
        ("leaky", spiking.LIF(-59.0, -60.0, 10.0, -60.0), -64.0, CURRENT),
        ("leaky with conductance", spiking.LIF(-59.0, -60.0, 10.0, -60.0), -64.0, CONDUCTANCE),
        ("quadratic", spiking.QIF(50.0, -50.0, 5.0), -8.0, CURRENT),
        ("quadratic, infinite", spiking.QIF(tau_m=5.0), -8.0, CURRENT),
        ("exponential", EXPONENTIAL, -48.0, CURRENT),
    ],
)
def test_interpolated_spike_times(name, neuron, voltage, synapse):
    """The first spike, of second order; on the grid it is of first order at best."""
    event = exact_slope(neuron, synapse)
    top = min(neuron.threshold, 1e9)

    def reached(t, v):
        return v[0] - top

    reached.terminal = True
    solution = solve_ivp(event, (0, 50.0), [voltage], events=reached, rtol=1e-11, atol=1e-11)
    exact = solution.t_events[0][0]
    errors = []
    for dt in STEPS:
        network, state = start(neuron, synapse, voltage, dt)
        times = spiking.simulate(network, 40.0, dt=dt, initial=state, scheme="interpolated").times
        errors.append(abs(times[0] - exact))
        on_grid = spiking.simulate(network, 40.0, dt=dt, initial=state, scheme="grid").times[0]
        assert -1e-9 < on_grid - times[0] < dt + 1e-9
    slope = np.polyfit(np.log(STEPS), np.log(errors), 1)[0]
    print(f"\nspike time, {name}: order {slope:.2f}, error {errors[2]:.1e} ms at dt = 0.1")
    assert slope > 1.7
    assert errors[2] < 0.005
