"""Writing the reduced equations out: from the terms of a network to a closed system, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

from reduction.explicit import Channel, ExplicitEquations, symbol
from reduction.flows import Flows
from reduction.markov import MarkovApproximation
from spiking.errors import ParameterError, UnknownNameError
from spiking.network import Network

LEVELS = ("ode", "chain", "langevin")


def explicit_equations(approximation: MarkovApproximation, level: str = "ode") -> ExplicitEquations:
    r"""Write the equations of a Markov approximation out, bin by bin.

    Level "ode" is the mean of the hops; "chain" the events of the Markov chain of whole neurons, each with its
    propensity and what it changes (a spike also makes the moments of pending spikes jump); "langevin" the same with
    Gaussian noise, one for the net flux across each edge, so that neurons are conserved.

    Parameters
    ----------
    approximation : MarkovApproximation
    level : {"ode", "chain", "langevin"}

    Raises
    ------
    UnknownNameError
        If there is no such level.
    """
    if level not in LEVELS:
        raise UnknownNameError("level", level, LEVELS)
    found = Flows(approximation)
    for source in found.sources:
        found.source(source)
    for population in approximation.network.populations:
        found.population(population)
    for source in found.sources:
        found.delays_and_levels(source)
    return _assembled(found, level)


def _assembled(found: Flows, level: str) -> ExplicitEquations:
    own = found.layout
    gone = {} if level == "chain" else found.conservation()
    names = [own.names[k] for k in ([*own.kept, *own.eliminated] if level == "chain" else own.kept)]
    names.sort(key=own.names.index)
    contributions = {name: [found.decay[name]] if name in found.decay else [] for name in names}
    flows = [*(flow for pair in found.hops for flow in pair), *found.flows]
    for flow in flows if level != "chain" else ():
        for name, amount in flow.mean_change().items():
            if name in contributions:
                contributions[name].append(amount * flow.rate)
    channels: list[Channel] = []
    if level == "chain":
        channels = [channel for flow in flows for channel in flow.channels()]
    elif level == "langevin":
        for up, down in found.hops:
            channels.append(Channel(up.name.replace(".up", ".hop"), up.rate + down.rate, up.change))
        channels += [channel for flow in found.flows for channel in flow.channels()]
        channels = [
            Channel(c.name, c.rate, {name: x for name, x in c.change.items() if name in contributions})
            for c in channels
        ]
    definitions = gone | found.definitions
    derivatives = {name: sp.Add(*parts) for name, parts in contributions.items()}
    rates = [c.rate for c in channels] + [x for c in channels for x in c.change.values()]
    used = {
        symbol.name
        for e in (*definitions.values(), *derivatives.values(), *found.observables.values(), *rates)
        for symbol in e.free_symbols
    }
    return ExplicitEquations(
        found.approximation, level, {name: symbol(name) for name in names},
        {address: symbol(address) for address in found.network.parameters if address in used},
        definitions, derivatives, found.observables, tuple(channels),
    )  # fmt: skip


def with_bins(network: Network | MarkovApproximation, bins: int | Mapping[str, int] | None) -> MarkovApproximation:
    """Return the approximation of a network with a number of bins, or an approximation that has them already.

    Raises
    ------
    ParameterError
        If an approximation has other bins.
    """
    if not isinstance(network, MarkovApproximation):
        if isinstance(bins, Mapping):
            raise ParameterError("", "bins", bins, "must be one number for a network; give a MarkovApproximation")
        return MarkovApproximation(network, bins=bins)
    if bins is None or bins == network.bins or all(bins == number for number in network.bins.values()):
        return network
    allowed = f"the approximation has {network.bins}; leave bins out, or derive from the network"
    raise ParameterError("", "bins", bins, allowed)
