"""Exact mean field of networks of quadratic neurons with Lorentzian currents, from the network's own parameters."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

import numpy as np

from reduction.sources import drives
from reduction.system import Floats, ODESystem, Parameters
from spiking.drives import ConstantDrive, LorentzianDrive, NoDrive
from spiking.errors import ParameterError, SpecificationError
from spiking.network import Network, Population, Projection, checked_network
from spiking.neurons import QIF
from spiking.synapses import Delta, ExponentialCurrent
from spiking.wiring import AllToAll

_EXACT = "the mean field is exact only with"


def exact_mean_field(network: Network) -> ODESystem:
    r"""Return the equations that a network of quadratic neurons follows in the limit of infinitely many neurons.

    Montbrio, Pazo, Roxin, Phys. Rev. X 5 (2015) 021028, for any number of populations a: with the firing rate r (1/ms),
    the mean voltage v, currents of Lorentzian distribution (centre :math:`\eta`, half width :math:`\gamma`, in mV/ms),

    .. math::

        \dot r_a &= \frac{\gamma_a}{\pi \tau_a} + \frac{2 r_a v_a}{\tau_a} \\
        \dot v_a &= \frac{v_a^2}{\tau_a} + \eta_a - \pi^2 \tau_a r_a^2
                    + \sum_{\text{delta}} S^{ab} N_b r_b + \sum_{\text{currents}} s^{ab} \\
        \dot s^{ab} &= (S^{ab} N_b r_b - s^{ab})/\tau^{ab}

    The products S N are kept as the network grows. Delta synapses act at once (their delay must be 0): in a simulation
    they act in the step after.

    Parameters
    ----------
    network : Network
        Of `QIF` neurons with infinite cutoffs, a `LorentzianDrive` (and constants) on every population, and `Delta` or
        `ExponentialCurrent` synapses that are all to all and without delay.

    Returns
    -------
    ODESystem
        States ``r_E``, ``v_E``, ..., and ``s_EI``, ... for exponential currents; parameters by their addresses;
        observables ``E.rate`` (Hz) and ``E.mean_voltage`` (mV).

    Raises
    ------
    SpecificationError, ParameterError
        If the reduction of a part is not exact; names its address.
    """
    checked_network(network)
    for population in network.populations:
        _check_population(population)
    for projection in network.projections:
        _check_projection(projection)
    populations = list(network.sizes)
    n = len(populations)
    slow = [p for p in network.projections if isinstance(p.synapse, ExponentialCurrent)]
    place = {p.name: 2 * n + i for i, p in enumerate(slow)}
    links = [(p, 2 * populations.index(p.target), 2 * populations.index(p.source)) for p in network.projections]
    strengths = {
        p.name: (-1.0 if p.synapse.inhibitory else 1.0) * network.sizes[p.source]  # type: ignore[attr-defined]
        for p in network.projections
    }
    currents = {population.name: _addresses(population) for population in network.populations}

    def rhs(t: float, y: Floats, p: Parameters) -> Floats:
        out = np.empty_like(y)
        for a, name in enumerate(populations):
            r, v, tau = y[2 * a], y[2 * a + 1], p[f"{name}.tau_m"]
            centers, widths = currents[name]
            out[2 * a] = sum(p[w] for w in widths) / (math.pi * tau) + 2.0 * r * v / tau
            out[2 * a + 1] = v**2 / tau + sum(p[c] for c in centers) - math.pi**2 * tau * r**2
        for q, target, source in links:
            given = strengths[q.name] * p[f"{q.name}.weight"] * y[source]
            if q.name in place:
                s = place[q.name]
                out[target + 1] += y[s]
                out[s] = (given - y[s]) / p[f"{q.name}.tau"]
            else:
                out[target + 1] += given
        return out

    def jacobian(t: float, y: Floats, p: Parameters) -> Floats:
        out = np.zeros((y.size, y.size))
        for a, name in enumerate(populations):
            i, tau = 2 * a, p[f"{name}.tau_m"]
            out[i, i : i + 2] = 2.0 * y[i + 1] / tau, 2.0 * y[i] / tau
            out[i + 1, i : i + 2] = -2.0 * math.pi**2 * tau * y[i], 2.0 * y[i + 1] / tau
        for q, target, source in links:
            given = strengths[q.name] * p[f"{q.name}.weight"]
            if q.name in place:
                s, tau = place[q.name], p[f"{q.name}.tau"]
                out[target + 1, s] = 1.0
                out[s, source] = given / tau
                out[s, s] = -1.0 / tau
            else:
                out[target + 1, source] += given
        return out

    guess = np.zeros(2 * n + len(slow))
    for a, name in enumerate(populations):
        guess[2 * a : 2 * a + 2] = _uncoupled(*currents[name], network.parameters, network.parameters[f"{name}.tau_m"])
    addresses = [a for centers, widths in currents.values() for a in (*centers, *widths)]
    addresses += [f"{name}.tau_m" for name in populations]
    addresses += [f"{p.name}.weight" for p in network.projections] + [f"{p.name}.tau" for p in slow]
    observables: dict[str, Callable[[Floats, Parameters], float]] = {}
    for a, name in enumerate(populations):
        observables[f"{name}.rate"] = lambda y, p, i=2 * a: 1000.0 * float(y[i])  # type: ignore[misc]
        observables[f"{name}.mean_voltage"] = lambda y, p, i=2 * a + 1: float(y[i])  # type: ignore[misc]
    return ODESystem(
        names=(*(f"{x}_{name}" for name in populations for x in "rv"), *(f"s_{p.name}" for p in slow)),
        parameters={address: network.parameters[address] for address in addresses},
        function=rhs,
        derivative=jacobian,
        guess=guess,
        observables=observables,
        lowest=np.array([0.0, -math.inf] * n + [-math.inf] * len(slow)),
        units={address: "Hz" if address.endswith("rate") else "mV" for address in observables},
    )


def _addresses(population: Population) -> tuple[list[str], list[str]]:
    """Return the addresses of what adds up to the centre of a population's currents, and to their half width."""
    found = list(drives(population))
    centers = [f"{a}.center" for a, d in found if isinstance(d, LorentzianDrive)]
    centers += [f"{a}.current" for a, d in found if isinstance(d, ConstantDrive)]
    return centers, [f"{a}.half_width" for a, d in found if isinstance(d, LorentzianDrive)]


def _uncoupled(centers: list[str], widths: list[str], p: Parameters, tau: float) -> tuple[float, float]:
    """Return stationary rate (1/ms) and mean voltage without synapses: (v + i pi tau r)^2 = -tau (eta + i gamma)."""
    root = cmath.sqrt(-tau * complex(sum(p[c] for c in centers), sum(p[w] for w in widths)))
    v = root if root.imag > 0.0 else -root
    return v.imag / (math.pi * tau), v.real


def _check_population(population: Population) -> None:
    name, neuron = population.name, population.neuron
    if not isinstance(neuron, QIF):
        raise SpecificationError(f"{name}.neuron = '{neuron.kind}': {_EXACT} 'qif' neurons")
    if not math.isinf(neuron.threshold):
        raise ParameterError(name, "threshold", neuron.threshold, "must be inf, and reset -inf: else nothing is exact")
    kinds = [drive for _, drive in drives(population)]
    for drive in kinds:
        if not isinstance(drive, LorentzianDrive | ConstantDrive | NoDrive):
            raise SpecificationError(f"{name}.drive = '{drive.kind}': {_EXACT} 'lorentzian' and 'constant' drives")
    if not any(isinstance(drive, LorentzianDrive) and drive.half_width > 0.0 for drive in kinds):
        raise SpecificationError(f"{name}.drive: {_EXACT} a 'lorentzian' drive of positive half_width")


def _check_projection(projection: Projection) -> None:
    name, synapse = projection.name, projection.synapse
    if not isinstance(synapse, Delta | ExponentialCurrent):
        raise SpecificationError(f"{name}.synapse = '{synapse.kind}': {_EXACT} 'delta' or 'exponential_current'")
    if not isinstance(projection.wiring, AllToAll):
        raise SpecificationError(f"{name}.wiring = '{projection.wiring.kind}': {_EXACT} 'all_to_all'")
    if projection.delay > 0.0:
        raise ParameterError(name, "delay", projection.delay, "must be 0: the equations have no delays")
