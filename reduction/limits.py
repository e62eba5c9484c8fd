"""Networks in which one source of a reduction's error is absent: wiring, kicks of the drive, finite size."""

from __future__ import annotations

from dataclasses import replace

from reduction.sources import sources
from spiking.drives import Drive, GaussianDrive, PoissonDrive, SumDrive, components
from spiking.errors import SpecificationError
from spiking.network import Network, Projection
from spiking.synapses import Delta, PendingCurrent, PendingKick
from spiking.wiring import AllToAll, Annealed, Explicit

_STAGES = 16


def has_kicks(network: Network) -> bool:
    """Return whether a drive of the network is made of finite kicks."""
    return any(isinstance(d, PoissonDrive) and d.rate > 0 for p in network.populations for d in components(p.drive))


def is_quenched(network: Network) -> bool:
    """Return whether a projection of the network has a random or given graph."""
    return any(not isinstance(p.wiring, Annealed | AllToAll) for p in network.projections)


def with_gaussian_drive(network: Network) -> Network:
    """Return the network with every Poisson drive replaced by a Gaussian one of its mean and variance."""
    return Network((replace(p, drive=_gaussian(p.drive)) for p in network.populations), network.projections)


def annealed(network: Network) -> Network:
    """Return the network in which every spike finds its targets anew, with the wiring's mean probability.

    Raises
    ------
    SpecificationError
        If a wiring has more edges than pairs of neurons.
    """
    found = {source.name: source.probability for source in sources(network, network.parameters, _STAGES)}
    return Network(network.populations, (_annealed(p, found[p.name]) for p in network.projections))


def mean_field_limit(network: Network, factor: float) -> Network:
    r"""Return an annealed network of `factor` times the neurons whose synaptic inputs have the same mean and variance.

    With N neurons in the source population, the input of a neuron at stationary rates has a mean proportional to
    :math:`N p S` and a variance across neurons proportional to :math:`N S^2 g(p)`, where :math:`g = p (1 - p/2)` for
    pending spikes that are consumed at random (`PendingCurrent`) and :math:`g = p (1 - p)` for all other synapses.
    Asking that N -> M N keeps both gives

    .. math::

        S' = \frac{p S}{M p'}, \qquad
        \frac{1}{p'} = M\,\frac{1 - p/2}{p} + \frac12 \quad \text{(consumed)}, \qquad
        \frac{1}{p'} = M\,\frac{1 - p}{p} + 1 \quad \text{(others)} .

    Fluctuations that neurons share shrink as 1/M, so that what stays, as M grows, is the mean field with the synaptic
    noise of the network itself. For p -> 0 this is thinning: p' = p/M at the same weight.

    Parameters
    ----------
    network : Network
        Wirings count as annealed; see `annealed`.
    factor : float
        M, at least 1; at 1 nothing changes.

    Raises
    ------
    SpecificationError
        If a projection has kicks that are rounded to whole numbers: smaller kicks are rounded otherwise.
    """
    for projection in network.projections:
        if isinstance(projection.synapse, PendingKick) and projection.synapse.rounded:
            raise SpecificationError(
                f"{projection.name}: its kicks are rounded to integers, and smaller kicks would be rounded otherwise"
            )
    fresh = annealed(network)
    populations = (replace(p, size=round(p.size * factor)) for p in fresh.populations)
    return Network(populations, (_thinned(p, factor) for p in fresh.projections))


def smallest_kick(network: Network, factor: float) -> float | None:
    """Return the least share of its size that a synaptic kick keeps in the mean-field limit; None without kicks."""
    limit = mean_field_limit(network, factor)
    shares = [
        limit[f"{p.name}.weight"] / p.synapse.weight
        for p in annealed(network).projections
        if isinstance(p.synapse, PendingKick | Delta) and p.synapse.weight
    ]
    return min(shares) if shares else None


def _gaussian(drive: Drive) -> Drive:
    if isinstance(drive, SumDrive):
        return SumDrive(_gaussian(drive.first), _gaussian(drive.second))
    return GaussianDrive(drive.rate, drive.size) if isinstance(drive, PoissonDrive) else drive


def _annealed(projection: Projection, probability: float) -> Projection:
    wiring = projection.wiring
    if isinstance(wiring, Annealed):
        return projection
    if probability > 1:
        raise SpecificationError(f"{projection.name}.wiring: has more edges than pairs of neurons")
    synapse = projection.synapse
    if isinstance(wiring, Explicit) and wiring.factors is not None and wiring.factors.size:
        factor = float(wiring.factors.mean())
        if factor < 0:
            raise SpecificationError(f"{projection.name}.factors: their mean of {factor:g} has the other sign")
        synapse = replace(synapse, weight=synapse.weight * factor)  # type: ignore[attr-defined, call-arg]
    return replace(projection, wiring=Annealed(probability), synapse=synapse)


def _thinned(projection: Projection, factor: float) -> Projection:
    assert isinstance(projection.wiring, Annealed)
    p, synapse = projection.wiring.probability, projection.synapse
    if p == 0:
        return projection
    if isinstance(synapse, PendingCurrent):
        thinner = 1.0 / (factor * (1 - p / 2) / p + 0.5)
    else:
        thinner = 1.0 / (factor * (1 - p) / p + 1.0)
    weight = synapse.weight * p / (factor * thinner)  # type: ignore[attr-defined]
    return replace(projection, wiring=Annealed(thinner), synapse=replace(synapse, weight=weight))  # type: ignore[call-arg]
