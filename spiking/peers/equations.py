"""The equations of a population in Brian2's language: voltages in mV and currents in mV/ms are pure numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from spiking.drives import GaussianDrive, OrnsteinUhlenbeckDrive, components
from spiking.network import Network, Population
from spiking.neurons import EIF, LIF, QIF, Exponential, Fixed, NoRefractory
from spiking.peers import common
from spiking.peers.common import Receptor
from spiking.synapses import Delta, ExponentialConductance

_NAMES = {"delta": "v", "exponential_current": "current_{}", "exponential_conductance": "conductance_{}"}


@dataclass(frozen=True)
class Equations:
    """What a ``NeuronGroup`` needs to know of a population.

    Attributes
    ----------
    differential : str
        Differential equations and parameters.
    method : str
        Of integration.
    reset : str
        Code that follows a spike.
    refractory : int or str
        For how many steps the voltage is held after a spike, or the variable that is Brian2's refractory time.
    constants : dict
        Value of every name in the equations.
    """

    differential: str
    method: str
    reset: str
    refractory: int | str
    constants: dict[str, float]


def variables(network: Network, population: str) -> dict[Receptor, str]:
    """Return the variable on which each receptor of a population acts."""
    found: dict[Receptor, str] = {}
    for projection in common.afferents(network, population):
        receptor = common.receptor(projection.synapse)
        found.setdefault(receptor, _NAMES[receptor.kind].format(len(found)))
    return found


def equations(network: Network, population: Population, dt: float) -> Equations:
    """Return the equations of a population for steps of dt (ms)."""
    neuron: Any = population.neuron
    method = _method(network, population)
    slope, constants = _own_slope(neuron)
    constants |= {"threshold": neuron.threshold, "reset": neuron.reset}
    others = []
    for receptor, variable in variables(network, population.name).items():
        if receptor.kind == Delta.kind:
            continue
        slope += f" + {_input(receptor, variable, constants, method, dt)}"
        others.append(f"d{variable}/dt = -{variable}/(tau_{variable}*ms) : 1")
        constants[f"tau_{variable}"] = receptor.tau
    current = common.constant_current(population.drive)
    for drive in components(population.drive):
        if isinstance(drive, GaussianDrive):
            current += drive.rate * drive.size
        if isinstance(drive, OrnsteinUhlenbeckDrive):
            slope += " + noise/ms"
            others.append("dnoise/dt = (noise_mean - noise)/(noise_tau*ms) : 1")
            constants |= {"noise_mean": drive.mean, "noise_tau": drive.tau}
    if current:
        slope += " + drive/ms"
        constants["drive"] = current
    refractory, reset, drawn = _refractory(neuron, dt)
    if isinstance(refractory, str):
        others.append(f"{refractory} : second")
    held = " (unless refractory)" if refractory else ""
    lines = "\n".join([f"dv/dt = {slope} : 1{held}", *others])
    return Equations(lines, method, reset, refractory, constants | drawn)


def _own_slope(neuron: Any) -> tuple[str, dict[str, float]]:
    """Return a neuron's own part of dv/dt and its constants."""
    if isinstance(neuron, QIF):
        return "v**2/(tau_m*ms)", {"tau_m": neuron.tau_m}
    if math.isinf(neuron.tau_m):
        return "0*hertz", {}
    constants = {"tau_m": neuron.tau_m, "rest": neuron.rest}
    if not isinstance(neuron, EIF):
        return "(rest - v)/(tau_m*ms)", constants
    upswing = "slope_factor*exp(clip((v - onset)/slope_factor, -100, (threshold - onset)/slope_factor))"
    constants |= {"onset": neuron.onset, "slope_factor": neuron.slope_factor}
    return f"(rest - v + {upswing})/(tau_m*ms)", constants


def _input(receptor: Receptor, variable: str, constants: dict[str, float], method: str, dt: float) -> str:
    """Return a receptor's part of dv/dt, and add its constants to `constants`."""
    level = variable
    if method == "exponential_euler":  # which takes the value at the start of the step for that of the whole step
        level = f"mean_{variable}*{variable}"
        constants[f"mean_{variable}"] = -math.expm1(-dt / receptor.tau) * receptor.tau / dt
    if receptor.kind != ExponentialConductance.kind:
        return f"{level}/ms"
    constants[f"reversal_{variable}"] = receptor.reversal
    return f"{level}*(reversal_{variable} - v)/(tau_m*ms)"


def _method(network: Network, population: Population) -> str:
    neuron: Any = population.neuron
    if not isinstance(neuron, LIF):
        return "rk2"
    receptors = variables(network, population.name)
    if any(receptor.kind == ExponentialConductance.kind for receptor in receptors):
        return "exponential_euler"
    slow = {receptor.tau for receptor in receptors}
    slow |= {drive.tau for drive in components(population.drive) if isinstance(drive, OrnsteinUhlenbeckDrive)}
    return "rk4" if math.isinf(neuron.tau_m) or neuron.tau_m in slow else "exact"


def _refractory(neuron: Any, dt: float) -> tuple[int | str, str, dict[str, float]]:
    """Return (refractory time, code of the reset, its constants)."""
    refractory, reset = neuron.refractory, "v = reset"
    if isinstance(refractory, NoRefractory | Fixed):
        return common.refractory_steps(refractory, dt), reset, {}
    if isinstance(refractory, Exponential):
        drawn, constants = "-mean*log(1 - rand())", {"mean": refractory.mean}
    else:
        drawn = "clip(mean + deviation*randn(), 0, inf)"
        constants = {"mean": refractory.mean, "deviation": refractory.deviation}
    return "refractory_time", f"{reset}\nrefractory_time = {drawn}*ms + 1.5*dt", constants
