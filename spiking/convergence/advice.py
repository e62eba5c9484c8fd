"""The time step for a wanted accuracy of firing rates."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spiking import memory, parallel, seeds
from spiking.convergence.coupled import Progress, checked_steps
from spiking.convergence.lists import checked_list
from spiking.convergence.orders import StrongErrors, strong_errors
from spiking.convergence.rate_fits import Bias, Law, agrees, exceeds, fitted, needed_duration
from spiking.convergence.rates import has_chance, tapered_rates
from spiking.current_networks import current_network
from spiking.drives import KickDrive
from spiking.errors import ParameterError, SpecificationError
from spiking.estimates import Estimate
from spiking.network import Network, checked_network
from spiking.seeds import Seed
from spiking.simulation import default_scheme, simulate
from spiking.specification import POSITIVE, Requirement, checked_number
from spiking.statistics import checked_discard
from spiking.timing import time_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = npt.NDArray[np.float64]

SCHEMES = ("reference", "grid", "bridge", "interpolated")
LAWS: dict[str, tuple[Law, ...]] = {"noise": ((0.5,), (1.0,), (0.5, 1.0)), "smooth": ((1.0,), (2.0,))}
"""Powers of dt that the rates' error may have: with white noise (kicks) and without."""

_LADDER = 4
_LARGEST, _SMALLEST = 0.4, 1e-3
_FRACTION = Requirement("must lie between 0 and 1", lambda x: 0 < x < 1)
_PATHS, _FEWEST_PATHS, _STRONG_DURATION, _FINER = 200, 20, 20.0, 8
_STRONG_SHARE = 0.2
_MOST_UPDATES = 2e9


@dataclass(frozen=True, eq=False, repr=False)
class StepAdvice:
    """Firing rates over dt, their errors, and the largest dt whose errors stay below the wanted accuracy.

    Attributes
    ----------
    network : Network
    accuracy : float
        Wanted: relative error of every population's rate.
    scheme : str
    steps : array, shape (steps,)
        In ms, falling.
    rates : dict
        Population to its rates in Hz, one `Estimate` per step; see `spiking.convergence.rates.tapered_rates`.
    errors : dict
        Population to the relative errors, one `Bias` per step; empty if there is a reason.
    laws : dict
        Population to the laws in dt that its rates do not reject: tuples of powers.
    reasons : dict
        Population to why it has no errors: "hardly fires" (less than once per neuron and run), "too short" (its
        rate is within 3 standard errors of 0) or "no law fits"; else "".
    step : float or None
        The largest dt, in ms, of those measured whose error stays below the accuracy, as all smaller ones', with 95 %
        confidence; None if it cannot be told.
    needed : float
        Simulated time per step and trial (with its transient in proportion), in ms, at which the intervals at the
        smallest step would lie within or beyond the accuracy with a probability of 80 % or more, if errors are as
        measured; NaN if it is told, or longer runs do not help.
    bridge : float or None
        The largest dt at which scheme "bridge" was measured to stay below the accuracy, with 95 % confidence, if that
        is larger.
    strong : StrongErrors or None
        Of the steps, for networks of the class of `spiking.current_networks`.
    duration, wall : float
        Simulated time per step and trial, in ms; seconds that everything took.
    """

    network: Network
    accuracy: float
    scheme: str
    steps: Floats
    rates: dict[str, list[Estimate]]
    errors: dict[str, list[Bias]]
    laws: dict[str, list[Law]]
    reasons: dict[str, str]
    step: float | None
    needed: float
    bridge: float | None
    strong: StrongErrors | None
    duration: float
    wall: float

    @property
    def text(self) -> str:
        """The advice in words."""
        wanted = f"rates within {100 * self.accuracy:g} %"
        if self.step is not None:
            largest = ", the largest tried," if self.step == self.steps[0] else ""
            found = f"dt = {self.step:g} ms{largest} keeps {wanted}, scheme {self.scheme} (95 % confidence)"
        elif any(errors and exceeds(errors[-1], self.accuracy) for errors in self.errors.values()):
            found = f"no dt from {self.steps[-1]:g} ms up keeps {wanted}, scheme {self.scheme}: use smaller steps"
        elif silent := self._of("hardly fires"):
            found = f"cannot tell: {silent} hardly fires (less than once per neuron in {self.duration:g} ms)"
        elif lawless := self._of("no law fits"):
            found = f"cannot tell: the rate of {lawless} follows no known law in dt: use smaller steps"
        elif math.isfinite(self.needed):
            found = (
                f"cannot tell which dt keeps {wanted}, scheme {self.scheme}: longer runs are needed, "
                f"about --duration {self.needed:.2g}"
            )
        elif short := self._of("too short"):
            found = f"cannot tell which dt keeps {wanted}: the runs are too short for {short}"
        else:
            found = f"cannot tell which dt keeps {wanted}, scheme {self.scheme}: use smaller steps"
        if self.bridge is not None:
            found += f"; scheme bridge does at dt = {self.bridge:g} ms"
        return found

    def _of(self, reason: str) -> str:
        return ", ".join(name for name, own in self.reasons.items() if own == reason)

    def __repr__(self) -> str:
        return f"<StepAdvice: {self.text}>"

    def to_plain(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return {
            "accuracy": self.accuracy, "scheme": self.scheme, "steps_ms": self.steps.tolist(), "step_ms": self.step,
            "bridge_ms": self.bridge, "needed_ms": self.needed if math.isfinite(self.needed) else None,
            "rates": {name: [rate.to_plain() for rate in rates] for name, rates in self.rates.items()},
            "errors": {name: [error._asdict() for error in errors] for name, errors in self.errors.items()},
            "laws": {name: [list(law) for law in laws] for name, laws in self.laws.items()},
            "reasons": {name: reason or None for name, reason in self.reasons.items()},
            "strong": self._strong(), "text": self.text,
        }  # fmt: skip

    def _strong(self) -> dict[str, Any] | None:
        if self.strong is None:
            return None
        names = ("voltage", "mismatch")
        return {
            "duration_ms": self.strong.duration, "reference_ms": self.strong.reference, "paths": self.strong.paths,
            "errors": {
                population: {name: self.strong[population, name].to_plain() for name in names}
                for population in self.network.sizes
            },
        }  # fmt: skip

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the rates over dt, relative to the limit."""
        from spiking import convergence_plots

        return convergence_plots.advice(self, ax=ax)


def advise_step(
    network: Network,
    accuracy: float = 0.01,
    *,
    duration: float = 5000.0,
    discard: float | None = None,
    trials: int = 4,
    scheme: str | None = None,
    steps: Sequence[float] | None = None,
    seed: Seed = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> StepAdvice:
    r"""Advise the largest time step that keeps firing rates within a wanted accuracy.

    The network is simulated at each of some steps, and :math:`r(dt) = r_0 + \sum_p c_p\,dt^p` is fitted to every
    population's rates by weighted least squares, for the laws that theory allows (`LAWS`): under white noise p = 1/2
    (threshold tested at grid times), 1, or both together; without white noise 1 or 2. Laws at which the residuals are
    improbable (:math:`\chi^2`, 5 %) are dropped; the relative error has the 95 % interval that covers those of all
    others. So what the data cannot tell widens the interval. Rates are averaged under a window with soft ends, so that
    they hold for regular spike trains too; where nothing is random, their standard error holds the rounding of
    intervals to steps.

    Parameters
    ----------
    network : Network
        Any that `spiking.simulate` covers.
    accuracy : float
        Relative error of rates, between 0 and 1.
    duration, discard : float
        Of each run, and its transient (by default a fifth), in ms.
    trials : int
        Of each run.
    scheme : {"reference", "grid", "bridge", "interpolated"}, optional
        By default that of `simulate`. Under white noise, ``"bridge"`` is measured too.
    steps : sequence of float, optional
        At least 3 steps in ms; by default four, halving from the largest of 0.4, 0.2, 0.1, ... that `simulate` takes.
    seed, workers, progress
        As in `simulate`; every run has its own stream.

    Raises
    ------
    ParameterError, SpecificationError, UnknownNameError
        If an option is out of range, or as in `simulate`.
    """
    checked_network(network)
    accuracy = checked_number("", "accuracy", accuracy, _FRACTION)
    duration = checked_number("", "duration", duration, POSITIVE)
    discard = checked_discard(0.2 * duration if discard is None else discard, duration)
    trials = int(checked_number("", "trials", trials, POSITIVE, integer=True))
    seeds.check(seed)
    workers = parallel.checked_workers(workers)
    scheme = default_scheme(network) if scheme is None else scheme
    if not isinstance(scheme, str) or scheme not in SCHEMES:
        reason = ": it has no time step" if scheme == "exact" else ""
        raise ParameterError("", "scheme", scheme, f"must be one of {', '.join(SCHEMES)}{reason}")
    parallel.check_progress(progress)
    ladder = default_steps(network, scheme, duration) if steps is None else _checked(steps)
    noisy = network.has_drive(KickDrive)
    runs = [(scheme, float(dt)) for dt in ladder]
    for name, dt in runs:
        _check_run(network, name, dt, duration, trials)
    if noisy and scheme != "bridge":
        runs += [("bridge", dt) for _, dt in runs[:2] if _runs(network, "bridge", dt, duration, trials)]
    plan = _strong_plan(network, ladder)
    ends = np.cumsum([0.0, *(1.0 / dt for _, dt in runs)])
    ends *= (1.0 if plan is None else 1.0 - _STRONG_SHARE) / ends[-1]

    def reporter(low: float, high: float) -> Progress:
        def report(fraction: float) -> None:
            if progress is not None:
                progress(low + fraction * (high - low))

        return report

    begun = time.perf_counter()
    measured = []
    for k, (name, dt) in enumerate(runs):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*it can fire once per step")
            recording = simulate(
                network, duration, dt=dt, seed=seeds.of_trial(seed, k), scheme=name, trials=trials, workers=workers,
                progress=reporter(float(ends[k]), float(ends[k + 1])),
            )  # fmt: skip
        measured.append(tapered_rates(recording, discard))
    strong = None
    if plan is not None:
        options = {"seed": seed, "workers": workers, "progress": reporter(float(ends[-1]), 1.0)}
        strong = strong_errors(network, plan.duration, plan.steps, paths=plan.paths, start="uniform", **options)  # type: ignore[arg-type]
    rates = {name: [found[name] for found in measured[: ladder.size]] for name in network.sizes}
    laws = LAWS["noise" if noisy else "smooth"]
    fits = {name: fitted(ladder, found, laws, duration - discard) for name, found in rates.items()}
    errors = {name: fit.errors for name, fit in fits.items()}
    known = all(errors.values())
    worst = [max(e[k].reach for e in errors.values()) for k in range(ladder.size)] if known else [math.inf]
    good = [all(w <= accuracy for w in worst[k:]) for k in range(len(worst))]
    chosen = float(ladder[good.index(True)]) if any(good) else None
    needed = math.nan
    if chosen is None and has_chance(network):
        needed = needed_duration(list(fits.values()), accuracy, duration)
    bridge = None
    for (_, dt), found in zip(runs[ladder.size :], measured[ladder.size :], strict=True):
        if known and all(agrees(found[name], fits[name].limit, accuracy) for name in network.sizes):
            bridge = dt
            break
    if bridge is not None and chosen is not None and bridge <= chosen:
        bridge = None
    return StepAdvice(
        network, accuracy, scheme, ladder, rates, errors, {name: fit.laws for name, fit in fits.items()},
        {name: fit.reason for name, fit in fits.items()}, chosen, needed, bridge, strong, duration,
        time.perf_counter() - begun,
    )  # fmt: skip


def default_steps(network: Network, scheme: str, duration: float) -> Floats:
    """Return four steps that `simulate` takes, halving from the largest of 0.4, 0.2, ... ms.

    Raises
    ------
    SpecificationError
        If it takes none of at least 0.001 ms.
    """
    largest = _LARGEST
    while True:
        ladder = largest * 0.5 ** np.arange(_LADDER)
        try:
            for dt in ladder:
                _check_run(network, scheme, float(dt), duration, 1)
        except ParameterError:
            largest /= 2
            if largest < _SMALLEST:
                raise
            continue
        return np.asarray(ladder)


def _check_run(network: Network, scheme: str, dt: float, duration: float, trials: int) -> None:
    """Refuse a run that `simulate` would refuse."""
    from spiking.engines import stepping
    from spiking.engines.trial import Plan

    every, samples, dt = time_grid(duration, dt, None)
    columns = 3 * len(network.populations) + len(network.projections)
    memory.check(16.0 * trials * samples * columns, "the recording", "reduce duration or trials")
    plan = Plan(every, samples, np.empty(0, np.int64), np.empty(0), 1)
    stepping.engine(scheme).check(network, dt, samples * every * dt, plan)


def _runs(network: Network, scheme: str, dt: float, duration: float, trials: int) -> bool:
    try:
        _check_run(network, scheme, dt, duration, trials)
    except SpecificationError:
        return False
    return True


def _checked(steps: Sequence[float]) -> Floats:
    given = set(checked_list("steps", steps, POSITIVE, "at least 3 different steps in ms"))
    if len(given) < 3:
        raise ParameterError("", "steps", steps, "must be at least 3 different steps in ms")
    return np.array(sorted(given, reverse=True))


class _StrongPlan(NamedTuple):
    duration: float
    steps: list[float]
    paths: int


def _strong_plan(network: Network, steps: Floats) -> _StrongPlan | None:
    """Return how strong errors are measured, if the network has them and they cost less than about a minute."""
    try:
        arrays = current_network(network)
        ladder = [*steps.tolist(), float(steps[-1]) / _FINER]
        checked_steps(arrays, ladder)
    except SpecificationError:
        return None
    duration = math.ceil(_STRONG_DURATION / (arrays.leak.max() * steps[0])) * float(steps[0])
    paths = int(min(_PATHS, _MOST_UPDATES * ladder[-1] / (duration * arrays.leak.size)))
    return _StrongPlan(duration, ladder, paths) if paths >= _FEWEST_PATHS else None
