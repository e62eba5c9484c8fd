"""NEST's model of a population: which, its parameters, and what its inputs stand for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spiking.drives import PoissonDrive, components
from spiking.errors import ParameterError
from spiking.network import Network, Population, Projection
from spiking.neurons import EIF
from spiking.peers import common
from spiking.peers.common import Receptor
from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent
from spiking.wiring import Explicit

_NAMES = {Delta.kind: "psc_delta", ExponentialCurrent.kind: "psc_exp", ExponentialConductance.kind: "cond_exp"}
_CAPACITANCE = 250.0  # pF

Ports = tuple[Receptor | None, Receptor | None]


@dataclass(frozen=True)
class NeuronModel:
    """NEST's model of a population.

    Attributes
    ----------
    name : str
        Of the model.
    parameters : dict
        In NEST's units: mV, ms, pF, nS, pA.
    gains : dict
        Projection onto the population to the factor that makes a weight of ours one of NEST's: mV, pA, or nS with the
        sign that tells its two conductances apart.
    """

    name: str
    parameters: dict[str, float]
    gains: dict[str, float]


def neuron_model(network: Network, population: Population, dt: float) -> NeuronModel:
    """Return NEST's model of a population for steps of dt (ms).

    Raises
    ------
    ParameterError
        If NEST has none that takes all inputs of the population.
    """
    neuron: Any = population.neuron
    if math.isinf(neuron.tau_m):
        allowed = "NEST's neurons need a leak; use a finite tau_m, or to_brian2"
        raise ParameterError(population.name, "tau_m", neuron.tau_m, allowed)
    afferents = common.afferents(network, population.name)
    kind = _input_kind(population, afferents)
    ports: Ports = (None, None)
    if kind == ExponentialCurrent.kind:
        ports = _current_ports(afferents)
    elif kind == ExponentialConductance.kind:
        ports = _conductance_ports(afferents)
    family = "aeif" if isinstance(neuron, EIF) else "iaf"
    parameters = _parameters(population, dt) | _constants(ports)
    if f"{family}_{_NAMES[kind]}" in ("iaf_psc_delta", "iaf_psc_exp"):
        parameters["tau_m"] = neuron.tau_m
    else:
        parameters["g_L"] = _CAPACITANCE / neuron.tau_m
    gains = {p.name: _gain(p, neuron.tau_m, ports) for p in afferents}
    return NeuronModel(f"{family}_{_NAMES[kind]}", parameters, gains)


def _input_kind(population: Population, afferents: Sequence[Projection]) -> str:
    """Return the one kind of synapse onto a population; Poisson kicks count as delta synapses."""
    kicked = any(isinstance(drive, PoissonDrive) for drive in components(population.drive))
    found, owner = (Delta.kind, f"kicks of {population.name}.drive") if kicked else ("", "")
    for projection in afferents:
        kind = projection.synapse.kind
        if found and kind != found:
            allowed = f"must be '{found}', as the {owner}: a neuron of NEST takes one kind of input; or use to_brian2"
            raise ParameterError(projection.name, "synapse", kind, allowed)
        found, owner = kind, f"synapses of {projection.name}"
    return found or Delta.kind


def _current_ports(afferents: Sequence[Projection]) -> Ports:
    """Return what positive and what negative weights act on: one time constant each."""
    found: dict[float, tuple[Receptor, str]] = {}
    for projection in afferents:
        receptor = common.receptor(projection.synapse)
        for sign in _signs(projection):
            taken, owner = found.setdefault(sign, (receptor, projection.name))
            if taken != receptor:
                what = "positive" if sign > 0 else "negative"
                allowed = f"must be {owner}.tau = {taken.tau:g}: NEST has one tau for all {what} currents onto a neuron"
                raise ParameterError(projection.name, "tau", receptor.tau, f"{allowed}; or use to_brian2")
    positive, negative = (found[sign][0] if sign in found else None for sign in (1.0, -1.0))
    return positive, negative


def _conductance_ports(afferents: Sequence[Projection]) -> Ports:
    """Return what positive and what negative weights act on: one time constant and reversal potential each."""
    found: list[Receptor] = []
    for projection in afferents:
        receptor = common.receptor(projection.synapse)
        if receptor not in found:
            found.append(receptor)
        if len(found) > 2:
            pairs = " or ".join(f"({tau:g}, {reversal:g})" for _, tau, reversal in found[:2])
            allowed = f"(tau, reversal) must be {pairs}: NEST has two pairs for a neuron; or use to_brian2"
            raise ParameterError(projection.name, "tau", receptor.tau, allowed)
    found.sort(key=lambda receptor: -receptor.reversal)
    return found[0], found[1] if len(found) > 1 else None


def _signs(projection: Projection) -> set[float]:
    """Return the signs of a projection's weights."""
    factors = projection.wiring.factors if isinstance(projection.wiring, Explicit) else None
    sign = common.sign(projection.synapse)
    return {sign} if factors is None else {sign * float(s) for s in np.unique(np.sign(factors)) if s}


def _parameters(population: Population, dt: float) -> dict[str, float]:
    neuron: Any = population.neuron
    found = {
        "C_m": _CAPACITANCE,
        "E_L": neuron.rest,
        "V_reset": neuron.reset,
        "V_th": neuron.threshold,
        "t_ref": round(common.refractory_steps(neuron.refractory, dt) * dt, 6),
        "I_e": _CAPACITANCE * common.constant_current(population.drive),
    }
    if isinstance(neuron, EIF):
        found |= {"V_th": neuron.onset, "V_peak": neuron.threshold, "Delta_T": neuron.slope_factor, "a": 0.0, "b": 0.0}
    return found


def _constants(ports: Ports) -> dict[str, float]:
    found = {}
    for port, suffix in zip(ports, ("ex", "in"), strict=True):
        if port is not None:
            found[f"tau_syn_{suffix}"] = port.tau
        if port is not None and port.kind == ExponentialConductance.kind:
            found[f"E_{suffix}"] = port.reversal
    return found


def _gain(projection: Projection, tau_m: float, ports: Ports) -> float:
    synapse = projection.synapse
    if isinstance(synapse, ExponentialCurrent):
        return _CAPACITANCE / synapse.tau
    if isinstance(synapse, ExponentialConductance):
        return _CAPACITANCE / tau_m * (1.0 if common.receptor(synapse) == ports[0] else -1.0)
    return 1.0
