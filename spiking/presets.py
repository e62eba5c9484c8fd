"""Published parameter sets, each with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

from spiking.drives import ConstantDrive, Drive, GaussianDrive, NoDrive, PoissonDrive
from spiking.errors import UnknownNameError
from spiking.network import Network, Population, Projection
from spiking.neurons import LIF, Exponential, Fixed, NoRefractory
from spiking.synapses import Delta, ExponentialConductance, ExponentialCurrent, PendingCurrent, PendingKick, Synapse
from spiking.wiring import Annealed, Bernoulli, FixedInDegree


def chang2025() -> Network:
    """E/I network of 400 perfect integrators in partial synchrony.

    Default set of Chang, Li, Wang, Tao, Xiao, "Minimizing information loss reduces spiking neuronal networks to
    differential equations", J. Comput. Phys. 537 (2025) 114117 [C25]. Its bifurcation parameter is
    ``EI.probability`` from 0.5 to 1.0.
    """
    neuron = LIF(threshold=100.0, reset=0.0, refractory=Exponential(4.0))
    drive = GaussianDrive(rate=7.0, size=1.0)
    wiring = Annealed(0.8)
    return Network(
        populations=[Population("E", 300, neuron, drive), Population("I", 100, neuron, drive)],
        projections=[
            Projection("E", "E", PendingCurrent(0.95, 1.4), wiring),
            Projection("E", "I", PendingCurrent(2.71, 4.5, inhibitory=True, reversal=-66.0), wiring),
            Projection("I", "E", PendingCurrent(1.25, 1.2), wiring),
            Projection("I", "I", PendingCurrent(2.45, 4.5, inhibitory=True, reversal=-66.0), wiring),
        ],
    )


def lcy2019_hom() -> Network:
    """Nearly homogeneous spiking of an integer-voltage kick network of 400 neurons.

    Li, Chariker, Young, J. Math. Biol. 78 (2019) 83 [LCY19], "Hom" set (tau_EE = 4).
    """
    refractory = Exponential(2.5)
    neuron = LIF(threshold=100.0, reset=0.0, refractory=refractory)
    return _kick_network((300, 100), neuron, {"EE": 5.0, "EI": 4.91, "IE": 2.0, "II": 4.91}, tau_ee=4.0)


def lcy2019_reg() -> Network:
    """Regularly synchronised variant of `lcy2019_hom` (tau_EE = 2); [LCY19], "Reg" set."""
    return lcy2019_hom().replace({"EE.tau": 2.0})


def cai2021_hom() -> Network:
    """Nearly homogeneous spiking of 100 neurons with strong kicks and no refractory time.

    Cai et al., Front. Comput. Neurosci. 15 (2021) 678688 [Cai21], "Hom" set (tau_EE = 4).
    """
    neuron = LIF(threshold=100.0, reset=0.0, refractory=NoRefractory())
    return _kick_network((75, 25), neuron, {"EE": 20.0, "EI": 20.0, "IE": 8.0, "II": 20.0}, tau_ee=4.0)


def cai2021_reg() -> Network:
    """Regularly synchronised variant of `cai2021_hom` (tau_EE = 1.7); [Cai21], "Reg" set."""
    return cai2021_hom().replace({"EE.tau": 1.7})


def _kick_network(sizes: tuple[int, int], neuron: LIF, weights: dict[str, float], tau_ee: float) -> Network:
    drive = PoissonDrive(rate=7.0, size=1.0)
    taus = {"EE": tau_ee, "IE": 1.2, "EI": 4.5, "II": 4.5}
    probabilities = {"EE": 0.15, "IE": 0.5, "EI": 0.5, "II": 0.4}

    def projection(name: str) -> Projection:
        inhibition = {"inhibitory": True, "reversal": -66.0} if name[1] == "I" else {}
        synapse = PendingKick(weights[name], taus[name], rounded=True, **inhibition)  # type: ignore[arg-type]
        return Projection(name[0], name[1], synapse, Annealed(probabilities[name]))

    return Network(
        populations=[Population("E", sizes[0], neuron, drive), Population("I", sizes[1], neuron, drive)],
        projections=[projection(name) for name in weights],
    )


def vogels_abbott_coba() -> Network:
    """Self-sustained irregular activity of 4000 conductance-based neurons.

    Vogels, Abbott, J. Neurosci. 25 (2005) 10786, with a background current of 20 mV and the constants of the review of
    simulators, Brette et al., J. Comput. Neurosci. 23 (2007) 349.
    """
    neuron = LIF(threshold=-50.0, reset=-60.0, tau_m=20.0, rest=-60.0, refractory=Fixed(5.0))
    synapses = {
        "E": ExponentialConductance(weight=0.4, tau=5.0, reversal=0.0),
        "I": ExponentialConductance(weight=5.1, tau=10.0, reversal=-80.0),
    }
    return _vogels_abbott(neuron, ConstantDrive(20.0 / 20.0), synapses, delay=0.8)


def vogels_abbott_cuba() -> Network:
    """Self-sustained irregular activity of 4000 current-based neurons.

    As `vogels_abbott_coba`, with exponential currents of 1.62 and -9 mV and a resting voltage above threshold.
    """
    neuron = LIF(threshold=-50.0, reset=-60.0, tau_m=20.0, rest=-49.0, refractory=Fixed(5.0))
    synapses = {
        "E": ExponentialCurrent(weight=1.62 * 5.0 / 20.0, tau=5.0),
        "I": ExponentialCurrent(weight=9.0 * 10.0 / 20.0, tau=10.0, inhibitory=True),
    }
    return _vogels_abbott(neuron, NoDrive(), synapses, delay=0.0)


def _vogels_abbott(neuron: LIF, drive: Drive, synapses: Mapping[str, Synapse], delay: float) -> Network:
    return Network(
        populations=[Population("E", 3200, neuron, drive), Population("I", 800, neuron, drive)],
        projections=[
            Projection(target, source, synapses[source], Bernoulli(0.02, seed=seed), delay=delay)
            for seed, (target, source) in enumerate(product("EI", "EI"))
        ],
    )


def brunel2000() -> Network:
    """Sparse network of 12500 neurons with delta synapses and Poisson drive, asynchronous and irregular.

    Brunel, J. Comput. Neurosci. 8 (2000) 183, model A with g = 5 and nu_ext = 2 nu_thr; ``EI.weight`` and ``II.weight``
    are g times 0.1 mV, and the drive (1000 sources merged) 10 nu_ext/nu_thr kicks per ms.
    """
    neuron = LIF(threshold=20.0, reset=10.0, tau_m=20.0, refractory=Fixed(2.0))
    drive = PoissonDrive(rate=20.0, size=0.1)
    synapses = {"E": (Delta(0.1), 1000), "I": (Delta(0.5, inhibitory=True), 250)}
    return Network(
        populations=[Population("E", 10000, neuron, drive), Population("I", 2500, neuron, drive)],
        projections=[
            Projection(target, source, synapse, FixedInDegree(in_degree, seed=seed), delay=1.5)
            for seed, (target, source) in enumerate(product("EI", "EI"))
            for synapse, in_degree in [synapses[source]]
        ],
    )


PRESETS: dict[str, Callable[[], Network]] = {
    f.__name__: f
    for f in (
        chang2025,
        lcy2019_hom,
        lcy2019_reg,
        cai2021_hom,
        cai2021_reg,
        vogels_abbott_coba,
        vogels_abbott_cuba,
        brunel2000,
    )
}


def get(name: str) -> Network:
    """Return the preset of a name.

    Raises
    ------
    UnknownNameError
        If there is none of that name; the message lists them.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    return PRESETS[name]()
