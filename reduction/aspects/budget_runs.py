"""The runs that an error budget rests on: network and level, with one source of error off at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reduction import limits
from reduction.integration import RANDOM_LEVELS, integrate
from reduction.levels import published
from reduction.measuring import Settings
from reduction.trajectory import Trajectory
from spiking.errors import SpecificationError
from spiking.estimates import Estimate
from spiking.network import Network
from spiking.simulation import simulate
from spiking.synapses import Delta, PendingKick

Progress = Callable[[float], None]
Rates = dict[str, Estimate]

KICKS = (PendingKick, Delta)

_DRY = 0.1
_FINER, _CHECKED = 4, 2
_KICK_CHANGE = 0.05
_MOST_NEURONS, _LEAST_FACTOR, _MOST_FACTOR = 4000, 4, 20


class Run(NamedTuple):
    """One independent run that the budget rests on: runs with the same key give the same rates."""

    key: tuple[str, str, str]
    description: str
    execute: Callable[[float, float, Progress | None], Rates]
    duration: float
    discard: float
    dt: float

    def dry(self) -> None:
        """Take one step, so that bad input is refused before work starts."""
        self.execute(max(self.dt, _DRY), 0.0, None)

    def rates(self, progress: Progress | None) -> Rates:
        """Return the firing rates of the whole run."""
        return self.execute(self.duration, self.discard, progress)


class Plan(NamedTuple):
    """The runs, which names stand for another run, and why terms are missing."""

    runs: dict[str, Run]
    same: dict[str, str]
    reasons: dict[str, str]
    notes: dict[str, str]


def plan_runs(network: Network, settings: Settings, level: str) -> Plan:
    plan = Plan({}, {}, {}, {})
    _plan_network(plan, network, settings)
    _plan_level(plan, network, settings, level)
    if level != "chain":
        _plan_limit(plan, network, settings, level)
    return plan


def _plan_network(plan: Plan, network: Network, settings: Settings) -> None:
    """Plan the network as it is, with each source off, and with all off, in continuous time."""
    add = plan.runs.__setitem__
    steps = f"scheme '{settings.scheme}', dt = {settings.dt:g} ms"
    add("network", _simulated(network, settings, "network", f"the network, {steps}", settings.scheme, 1))
    gaussian, quenched, exact = limits.has_kicks(network), limits.is_quenched(network), settings.scheme == "exact"
    pure = network
    if gaussian:
        changed = limits.with_gaussian_drive(network)
        pure = limits.with_gaussian_drive(pure)
        if exact:
            add("diffusion off", _continuous(changed, settings, "diffusion off", "Gaussian drive"))
        else:
            text = f"Gaussian drive, {steps}"
            add("diffusion off", _simulated(changed, settings, "diffusion off", text, settings.scheme, 1))
    else:
        plan.same["diffusion off"] = "network"
        plan.reasons["diffusion"] = "no drive has Poisson kicks"
    if any(isinstance(s, KICKS) for s in (p.synapse for p in network.projections)):
        plan.notes["diffusion"] = "of the drive alone: that of synaptic kicks is in the closure term"
    if quenched:
        changed = limits.annealed(network)
        pure = limits.annealed(pure)
        text = f"annealed wiring, {steps}"
        add("wiring off", _simulated(changed, settings, "wiring off", text, settings.scheme, 1))
    else:
        plan.same["wiring off"] = "network"
        plan.reasons["wiring"] = "every spike finds its targets anew, or reaches all"
    if exact:
        plan.same["dt off"] = "network"
        plan.reasons["dt"] = "scheme 'exact' has no step"
    else:
        add("dt off", _continuous(network, settings, "dt off", "the network"))
        text = f"the network, scheme 'bridge', dt = {settings.dt / _CHECKED:g} ms"
        add("dt off, check", _simulated(network, settings, "dt off, check", text, "bridge", _CHECKED))
    if pure == network:
        plan.same["simulation off"] = "dt off"
    elif exact and not quenched:
        plan.same["simulation off"] = "diffusion off"
    else:
        add("simulation off", _continuous(pure, settings, "simulation off", "none of dt, kicks and graphs"))
    for name, other in list(plan.same.items()):
        plan.same[name] = plan.same.get(other, other)


def _plan_level(plan: Plan, network: Network, settings: Settings, level: str) -> None:
    """Plan the level as it is, refined, and as a chain."""
    add = plan.runs.__setitem__
    own = replace(settings, closure=_closure(settings, level))
    add("level", _integrated(network, settings, level, level, f"level '{level}'"))
    fine_level = "ode" if level == "published" else level
    add("level, fine", _integrated(network, _fine(network, own), fine_level, "budget: fine", f"level '{fine_level}'"))
    if level == "chain":
        plan.same["chain"] = "level"
        plan.reasons["finite N"] = "level 'chain' has the network's number of neurons"
        return
    add("chain", _integrated(network, own, "chain", "chain", "level 'chain'"))
    if level == "published":
        add("ode", _integrated(network, own, "ode", "ode", "level 'ode' with the same closure and bins as the chain"))
    else:
        plan.same["ode"] = "level"


def _plan_limit(plan: Plan, network: Network, settings: Settings, level: str) -> None:
    """Plan ODE and network in the mean-field limit, at two sizes."""
    factor = limit_factor(network)
    gaussian = limits.with_gaussian_drive(network)
    try:
        sizes = {"": factor, ", check": factor // 2}
        found = {suffix: limits.mean_field_limit(gaussian, own) for suffix, own in sizes.items()}
        share = limits.smallest_kick(gaussian, factor)
    except SpecificationError as error:
        plan.reasons["closure"] = str(error)
        return
    if share is not None and share < 1 - _KICK_CHANGE:
        plan.notes["closure"] = (
            f"synaptic kicks are down to {share:.2g} of their size in the limit: the effect of the rest of their size "
            "is in the interaction"
        )
    own = replace(settings, closure=_closure(settings, level))
    for suffix, limit in found.items():
        text = f"mean-field limit, {sizes[suffix]} times the neurons"
        fine = _fine(limit, own)
        plan.runs[f"limit ode{suffix}"] = _integrated(limit, fine, "ode", f"budget: limit ode{suffix}", f"{text}: ODE")
        name = f"limit network{suffix}"
        plan.runs[name] = _continuous(limit, settings, name, f"{text}: network")


def limit_factor(network: Network) -> int:
    """Return how many times the neurons the mean-field limit has: an even number that keeps its cost bounded."""
    neurons = sum(network.sizes.values())
    return max(_LEAST_FACTOR, min(_MOST_FACTOR, 2 * (_MOST_NEURONS // (2 * neurons))))


def _closure(settings: Settings, level: str) -> str | float:
    """Return the closure of a level's equations: the published scheme has kappa = 1 ms unless another is given."""
    return "published" if level == "published" and settings.closure == "conditional" else settings.closure


def _fine(network: Network, settings: Settings) -> Settings:
    """Return settings with twice the bins and half the step."""
    bins = 2 * max(settings.approximation(network).bins.values())
    return replace(settings, bins=bins, integration_dt=settings.integration_dt / 2)


def _continuous(network: Network, settings: Settings, stream: str, what: str) -> Run:
    text = f"{what}, scheme 'bridge', dt = {settings.dt / _FINER:g} ms"
    return _simulated(network, settings, stream, text, "bridge", _FINER)


def _simulated(network: Network, settings: Settings, stream: str, text: str, scheme: str, finer: int) -> Run:
    seed = settings.stream(stream if stream == "network" else f"budget: {stream}")

    def execute(duration: float, discard: float, progress: Progress | None) -> Rates:
        recording = simulate(
            network, duration, dt=settings.dt / finer, seed=seed, scheme=scheme, trials=settings.trials, workers=1,
            sampling_interval=settings.dt, progress=progress,
        )  # fmt: skip
        return recording.rates(discard)

    return Run((stream, text, ""), text, execute, settings.duration, settings.discard, settings.dt)


def _integrated(network: Network, settings: Settings, level: str, stream: str, text: str) -> Run:
    approximation = settings.approximation(network)
    dt = settings.dt if level == "published" else settings.integration_dt
    trials = settings.trials if level in RANDOM_LEVELS else 1
    bins = "" if level == "published" else f", {max(approximation.bins.values())} bins"
    if level == "published":
        published.published_arrays(approximation)

    def execute(duration: float, discard: float, progress: Progress | None) -> Rates:
        trajectory = integrate(
            approximation, level, duration, dt=dt, seed=settings.stream(stream), trials=trials, workers=1,
            progress=progress,
        )  # fmt: skip
        return trajectory.rates(discard) if level in RANDOM_LEVELS else cycle_rates(trajectory, discard)

    text = f"{text}{bins}, dt = {dt:g} ms"
    return Run((stream, text, str(settings.closure)), text, execute, settings.duration, settings.discard, dt)


def cycle_rates(trajectory: Trajectory, discard: float) -> Rates:
    """Return the mean rates in Hz of a level without chance after `discard` ms, in a Hann window.

    At a cycle, the mean over T ms has an error of order 1/T, this one of order 1/T^3. The standard error is half the
    difference between the two halves of the run: slow transients and chaos show in it.
    """
    kept = trajectory.firing_rates[0, round(discard / trajectory.sampling_interval) :]
    whole = _tapered(kept)
    halves = [_tapered(half) for half in np.array_split(kept, 2)] if len(kept) > 1 else [whole, whole]
    return {
        name: Estimate(float(whole[a]), float(abs(halves[0][a] - halves[1][a]) / 2))
        for a, name in enumerate(trajectory.network.sizes)
    }


def _tapered(rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    weights = np.sin(np.pi * (np.arange(len(rates)) + 0.5) / len(rates)) ** 2
    return np.asarray(weights @ rates / weights.sum())
