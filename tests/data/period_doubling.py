"""Write period_doubling.csv, ode_hopf.csv and ode_events.csv: bifurcations of the reduced chang2025 by integration.

Nothing is continued by collocation: cycles are found by integrating the ODE (LSODA, relative tolerance 1e-9) from event
to event and Newton's method on that return map; its derivative, hence the multipliers, is a difference of returns;
equilibria by Newton's method. A model is a closure and a discretisation: ``published/150`` has 150 bins per population,
``published/24+48`` that many Chebyshev points below and above reset. Rates in Hz, times in ms, peaks of the pending
spikes ``EE.mean`` in spikes; p is ``EI.probability``.

period_doubling.csv: where the cycle of one event per period loses stability. Columns: model; unknowns; EE.weight; kind,
PD (multiplier -1) or NS (a complex pair on the unit circle); p, to within 5e-5; period and peak of EE.mean; first and
second multiplier; spread, half the difference between the highest and lowest peak of EE.mean on what is reached 0.002
away where the cycle is unstable, and beyond, the same 0.002 away on the other side, started from there (both empty
where nothing repeats within 150 events, and for NS).

ode_hopf.csv: equilibria with a pair of imaginary eigenvalues, all other parameters at their defaults. Columns: model;
parameter; value; period, 2 pi / omega; rates of E and I; unstable eigenvalues before and after, away from the default;
crossing, the derivative of the real part with respect to the parameter, in 1/ms; lyapunov, Re c1 / omega with an
eigenvector of unit length; kind by its sign.

ode_events.csv: what is reached by changing p in steps, up and then down, each run starting from the end of the last
with one part in a thousand added. Columns: model; direction; p; events per period (0 at an equilibrium, empty where
nothing repeats within 150 events: slow, or irregular); period (of a cycle); rate_1 to rate_4, successive peaks of the
firing rate of E, to within 0.1 % (taken at the integration's own steps); mean_1 to mean_4, of EE.mean (of two events
where nothing repeats).

About 15 minutes on two cores.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import reduction
import spiking
from reduction.kernels import derivatives
from reduction.levels import ode

Floats = npt.NDArray[np.float64]

CHANGED = "EI.probability"
SETTLED, MOST_EVENTS = 5e-6, 150
KRYLOV = 4
NEAR = 0.002
LOSSES = (
    ("published/150", 0.95, 0.775, 0.795, 0.01), ("published/75", 0.95, 0.785, 0.795, 0.01),
    ("published/24+48", 0.95, 0.775, 0.785, 0.01), ("published/150", 0.9025, 0.72, 0.745, 0.005),
    ("published/150", 0.9975, 0.81, 0.83, 0.01), ("white/150", 0.95, 0.84, 0.832, -0.002),
    ("white/150", 0.95, 0.836, 0.824, -0.004), ("white/150", 0.95, 0.92, 0.945, 0.005),
)  # fmt: skip
HOPF = ("published/150", "published/24+48", "white/150")
SWEEPS = {
    "published/150": np.concatenate([np.arange(0.50, 0.77, 0.02), np.arange(0.775, 0.796, 0.0025),
                                     np.arange(0.80, 0.93, 0.02), np.arange(0.935, 0.986, 0.005)]),
    "white/150": np.concatenate([np.arange(0.50, 0.79, 0.02), np.arange(0.80, 0.966, 0.005), [0.98, 1.0]]),
}  # fmt: skip
SCANS = {
    CHANGED: np.arange(0.02, 1.5, 0.01),
    "EE.weight": np.arange(0.05, 2.0, 0.02),
    "E.drive.rate": np.arange(1, 30, 0.25),
}  # fmt: skip


class Return(NamedTuple):
    """From one event to the next; peaks of rate and EE.mean within 4 ms before its end, and 2 ms after its start."""

    time: float
    state: Floats
    before: tuple[float, float]
    after: tuple[float, float]


class Model:
    """An ODE with a section: EE.mean and IE.mean, filters of the same spikes, are in their stationary ratio."""

    def __init__(self, name: str) -> None:
        closure, *levels, size = name.split("/")
        options: dict[str, int] = {"noise_levels": int(levels[0])} if levels else {}
        self.name, self.polynomial = name, "+" in size
        if not self.polynomial:
            options["bins"] = int(size)
        self.approximation = reduction.MarkovApproximation(spiking.presets.chang2025(), closure=closure, **options)
        if self.polynomial:
            below, above = (int(n) for n in size.split("+"))
            self.system = self.approximation.ode(discretization="chebyshev", nodes=(below, above))
        else:
            self.system = self.approximation.ode()
        self.ee, self.ie = (self.system.names.index(f"{name}.mean") for name in ("EE", "IE"))
        self.at({})

    def at(self, changes: dict[str, float]) -> Model:
        """Set the parameters: the defaults with changes."""
        p = self.parameters = {**self.system.parameters, **changes}
        self.section = np.zeros(len(self.system.names))
        self.section[self.ee] = 1.0 / (p["EE.tau"] * p["EE.probability"])
        self.section[self.ie] = -1.0 / (p["IE.tau"] * p["IE.probability"])
        self.rhs: Callable[[Floats], Floats] = lambda y: self.system.function(0.0, y, p)
        self.jacobian: Callable[[Floats], Floats] = lambda y: self.system.derivative(0.0, y, p)
        if not self.polynomial:
            self.rhs = self._fast_rhs()
        return self

    def _fast_rhs(self) -> Callable[[Floats], Floats]:
        """Return the right-hand side with the kernel's arrays kept from call to call."""
        arrays, own = self.approximation.arrays(self.parameters), ode.layout(self.approximation)
        out = np.empty(own.owner.size)

        def rhs(y: Floats) -> Floats:
            derivatives.right_hand_side(arrays, *own.split(own.full(y, arrays)), out)
            return out[own.kept]

        return rhs

    def event(self, y: Floats, rtol: float = 1e-9) -> Return:
        """Integrate from the section to the section."""

        def crossing(t: float, y: Floats) -> float:
            return float(self.section @ y) if t > 1.0 else 1.0

        crossing.terminal, crossing.direction = True, 1.0  # type: ignore[attr-defined]
        found = solve_ivp(
            lambda t, y: self.rhs(y), (0.0, 500.0), y, method="LSODA", jac=lambda t, y: self.jacobian(y), rtol=rtol,
            atol=rtol, events=crossing,
        )  # fmt: skip
        if found.status != 1:
            raise RuntimeError(f"{self.name}, {self.parameters[CHANGED]}: no event within 500 ms")
        time, mean = float(found.t_events[0][0]), found.y[self.ee]
        ends = []
        for near in (found.t > max(time - 4.0, time / 2), found.t < min(2.0, time / 2)):
            rates = [self.rhs(state)[self.ee] for state in found.y[:, near].T] + mean[near] / self.parameters["EE.tau"]
            scale = 1000.0 / (self.parameters["EE.probability"] * self.parameters["E.size"])
            ends.append((float(rates.max() * scale), float(mean[near].max())))
        return Return(time, found.y_events[0][0], *ends)

    def equilibrium(self, y: Floats) -> Floats:
        """Find an equilibrium by Newton's method."""
        for _ in range(50):
            step = np.linalg.solve(self.jacobian(y), -self.rhs(y))
            y = y + step
            if np.linalg.norm(step) < 1e-11 * np.linalg.norm(y):
                return y
        raise RuntimeError(f"{self.name}: Newton's method does not converge")

    def first_equilibrium(self) -> Floats:
        """Find the equilibrium at the default parameters, from the mean over a period."""
        y = self.at({}).system.guess
        for _ in range(20):
            y = self.event(y, 1e-6).state
        time = self.event(y, 1e-6).time
        found = solve_ivp(lambda t, y: self.rhs(y), (0.0, time), y, method="LSODA", t_eval=np.linspace(0, time, 400))
        return self.equilibrium(found.y.mean(axis=1))


def arnoldi(model: Model, y: Floats, start: Floats, size: int) -> tuple[Floats, Floats]:
    """Return an orthonormal Krylov basis (n, size + 1) and Hessenberg matrix (size + 1, size) of the return map."""
    basis, matrix = np.zeros((y.size, size + 1)), np.zeros((size + 1, size))
    basis[:, 0] = start / np.linalg.norm(start)
    step = 1e-4 * np.linalg.norm(y)
    for k in range(size):
        moved = basis[:, k] * step
        change = (model.event(y + moved).state - model.event(y - moved).state) / (2 * step)
        for _ in range(2):
            parts = basis[:, : k + 1].T @ change
            matrix[: k + 1, k] += parts
            change -= basis[:, : k + 1] @ parts
        matrix[k + 1, k] = np.linalg.norm(change)
        basis[:, k + 1] = change / matrix[k + 1, k]
    return basis, matrix


def cycle(model: Model, y: Floats) -> Floats:
    """Find a cycle with one event per period, stable or not, by Newton's method in a Krylov space of the return map."""
    y = model.event(y).state
    for _ in range(12):
        rest = model.event(y).state - y
        size = np.linalg.norm(rest)
        if size < 3e-8 * np.linalg.norm(y):
            return y
        basis, matrix = arnoldi(model, y, rest, KRYLOV)
        matrix -= np.eye(KRYLOV + 1, KRYLOV)
        right = np.zeros(KRYLOV + 1)
        right[0] = -size
        step = basis[:, :KRYLOV] @ np.linalg.lstsq(matrix, right)[0]
        y = model.event(y + step * min(1.0, 0.1 * np.linalg.norm(y) / np.linalg.norm(step))).state
    raise RuntimeError(f"{model.name}, {model.parameters[CHANGED]}: no cycle, change {size / np.linalg.norm(y):.1e}")


def multipliers(model: Model, y: Floats) -> npt.NDArray[np.complex128]:
    """Return the leading multipliers of a cycle, by decreasing size, without the one along the cycle."""
    start = np.random.default_rng(1).normal(size=y.size) * y
    step = 1e-4 * np.linalg.norm(y) / np.linalg.norm(start)
    start = model.event(y + step * start).state - model.event(y - step * start).state
    _, matrix = arnoldi(model, y, start, KRYLOV)
    found = np.linalg.eigvals(matrix[:KRYLOV])
    return found[np.argsort(-np.abs(found))]


def attractor(model: Model, y: Floats, most: int = MOST_EVENTS) -> tuple[Floats, int | None, list[tuple[float, ...]]]:
    """Integrate until events repeat; return state, events per period, and (time, rate, mean) of each event."""
    states: list[Floats] = [y]
    events: list[tuple[float, ...]] = []
    for _ in range(most):
        r = model.event(states[-1], 1e-7)
        if events:
            time, *peaks = events[-1]
            events[-1] = (time, *np.maximum(peaks, r.after))
        events.append((r.time, *r.before))
        states.append(r.state)
        size = SETTLED * np.linalg.norm(r.state)
        for period in (1, 2, 3, 4, 6, 8):
            if len(states) > 20 + period and all(
                np.linalg.norm(states[-1 - period - k] - states[-1 - k]) < size for k in (0, 1)
            ):
                period, own = _shortest(events[-1 - period : -1])
                middle = solve_ivp(lambda t, y: model.rhs(y), (0, r.time / 2), r.state, method="LSODA").y[:, -1]
                still = abs(middle[model.ee] - r.state[model.ee]) < 1e-3 * r.state[model.ee]
                return r.state, 0 if still else period, own
    return states[-1], None, events[-3:-1]


def _shortest(events: list[tuple[float, ...]]) -> tuple[int, list[tuple[float, ...]]]:
    """Return the shortest period with which the peaks of EE.mean repeat to one part in a thousand, and its events."""
    means, number = np.array([mean for *_, mean in events]), len(events)
    for period in range(1, number):
        if number % period == 0 and np.abs(means - np.roll(means, period)).max() < 1e-3 * means.max():
            return period, events[-period:]
    return number, events


def losses(name: str, weight: float, start: float, end: float, step: float) -> list[list[str]]:
    """Return the rows of period_doubling.csv that following the cycle from `start` to `end` gives."""
    model, rows = Model(name), []
    states: dict[float, tuple[Floats, npt.NDArray[np.complex128], Return]] = {}
    y = model.at({"EE.weight": weight, CHANGED: start}).system.guess
    for _ in range(60):
        last, y = y, model.event(y, 1e-6).state
    guess = (last + y) / 2

    def tests(p: float) -> Floats:
        """Products that vanish at a period doubling, and at a torus or where two multipliers are 1/mu and mu."""
        nonlocal guess
        if p not in states:
            near = sorted(states, key=lambda q: abs(q - p))[:2]
            if len(near) == 2:
                (q, r), slope = near, (p - near[0]) / (near[1] - near[0])
                guess = states[q][0] + slope * (states[r][0] - states[q][0])
            elif near:
                guess = states[near[0]][0]
            own = cycle(model.at({"EE.weight": weight, CHANGED: p}), guess)
            mu = multipliers(model, own)
            states[p] = own, mu, model.event(own)
        mu = states[p][1]
        return np.array([np.prod(1.0 + mu).real, (mu[0] * mu[1]).real - 1.0])

    values = np.arange(start, end + 0.5 * step, step)
    for p, q in itertools.pairwise(float(v) for v in values):
        before, after = tests(p), tests(q)
        for k, kind in enumerate(("PD", "NS")):
            if before[k] * after[k] > 0.0:
                continue
            critical = float(brentq(lambda x, k=k: tests(x)[k], p, q, xtol=3e-5))
            tests(critical)
            state, mu, event = states[critical]
            if kind == "NS" and mu[0].imag == 0.0:
                continue
            side = float(np.sign(step) * np.sign(before[k]))
            spread, beyond = doubled(model, state, critical, weight, side) if kind == "PD" else ("", "")
            rows.append([name, str(y.size), f"{weight:g}", kind, f"{critical:.5f}", f"{event.time:.5f}",
                         f"{max(event.before[1], event.after[1]):.3f}",
                         *(f"{x.real:.4f}{x.imag:+.4f}j" for x in mu[:2]), spread, beyond])  # fmt: skip
    return rows


def doubled(model: Model, y: Floats, p: float, weight: float, side: float) -> tuple[str, str]:
    """Return half the range of the peaks near a doubling: where the cycle is unstable, then on the other side."""
    spreads = []
    for distance in (side * NEAR, -side * NEAR):
        model.at({"EE.weight": weight, CHANGED: p + distance})
        y, period, events = attractor(model, y * 1.001)
        means = [mean for *_, mean in events]
        spreads.append("" if period is None else f"{(max(means) - min(means)) / 2:.3f}")
    return spreads[0], spreads[1]


def sweep(name: str) -> list[list[str]]:
    """Return the rows of ode_events.csv of a model."""
    model, rows = Model(name), []
    y, values = model.system.guess, np.round(SWEEPS[name], 4)
    for direction, order in (("up", values), ("down", values[::-1])):
        for p in order:
            y, period, events = attractor(model.at({CHANGED: float(p)}), y * 1.001)
            time = f"{sum(e[0] for e in events):.4f}" if period else ""
            peaks = [[f"{e[k]:.3f}" for e in events] + [""] * (4 - len(events)) for k in (1, 2)]
            if len(events) > 4:
                raise RuntimeError(f"{name}, {p}: {len(events)} events per period")
            rows.append([name, direction, f"{p:g}", "" if period is None else str(period), time, *peaks[0], *peaks[1]])
    return rows


def hopf_points(name: str) -> list[list[str]]:
    """Return the rows of ode_hopf.csv of a model."""
    model, rows = Model(name), []
    default = model.first_equilibrium()
    for parameter, scan in SCANS.items():
        known = {model.system.parameters[parameter]: default}

        def leading(
            value: float, parameter: str = parameter, known: dict[float, Floats] = known
        ) -> tuple[int, complex]:
            """Number of unstable eigenvalues of the equilibrium, and the one of positive frequency nearest the axis."""
            near = known[min(known, key=lambda other: abs(other - value))]
            known[value] = model.at({parameter: value}).equilibrium(near)
            found = np.linalg.eigvals(model.jacobian(known[value]))
            pairs = found[found.imag > 1e-6]
            return int((found.real > 0).sum()), complex(pairs[np.abs(pairs.real).argmin()])

        first = model.system.parameters[parameter]
        for side in (scan[scan < first][::-1], scan[scan > first]):
            for low, high in itertools.pairwise([first, *(float(v) for v in side)]):
                counts = leading(low)[0], leading(high)[0]
                if counts[0] == counts[1]:
                    continue
                while abs(high - low) > 1e-9:
                    middle = (low + high) / 2
                    low, high = (middle, high) if leading(middle)[0] == counts[0] else (low, middle)
                step = 1e-4 * high
                slope = (leading(high + step)[1].real - leading(high - step)[1].real) / (2 * step)
                omega = leading(high)[1].imag
                rates = [model.system.observe(f"{a}.rate", known[high], model.parameters) for a in "EI"]
                coefficient = lyapunov(model, known[high], omega)
                rows.append([name, parameter, f"{high:.8g}", f"{2 * np.pi / omega:.6f}", *(f"{r:.5f}" for r in rates),
                             f"{counts[0]} to {counts[1]}", f"{slope:.5g}", f"{coefficient:.4e}",
                             "supercritical" if coefficient < 0 else "subcritical"])  # fmt: skip
    return rows


def lyapunov(model: Model, y: Floats, omega: float) -> float:
    """Return Re c1 / omega (Kuznetsov, Elements of Applied Bifurcation Theory, 5.4), by differences of the Jacobian."""
    matrix = model.jacobian(y)
    right = _null(matrix, 1j * omega)
    left = _null(matrix.T, -1j * omega)
    left /= np.conj(np.vdot(left, right))
    h = 1e-3 * np.linalg.norm(y)

    def second(a: npt.NDArray[np.complex128], b: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
        return sum(
            f * (model.jacobian(y + h * u) - model.jacobian(y - h * u)) @ b for f, u in ((1, a.real), (1j, a.imag))
        ) / (2 * h)

    def third(a: Floats, b: Floats, c: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
        return sum(s * t * model.jacobian(y + h * (s * a + t * b)) @ c for s in (1, -1) for t in (1, -1)) / (4 * h * h)

    r, i, q = right.real, right.imag, right
    cubic = third(r, r, np.conj(q)) - third(i, i, np.conj(q)) + 2j * third(r, i, np.conj(q))
    eye = np.eye(y.size)
    steady = np.linalg.solve(matrix, second(q, np.conj(q)))
    double = np.linalg.solve(2j * omega * eye - matrix, second(q, q))
    c1 = np.vdot(left, cubic - 2 * second(q, steady) + second(np.conj(q), double)) / 2
    return float(c1.real / omega)


def _null(matrix: Floats, value: complex) -> npt.NDArray[np.complex128]:
    """Return the unit eigenvector whose eigenvalue is nearest to `value`."""
    found, vectors = np.linalg.eig(matrix)
    return vectors[:, np.abs(found - value).argmin()]


TABLES: dict[str, tuple[list[str], Callable[..., list[list[str]]], list[tuple[Any, ...]]]] = {
    "ode_hopf": (
        ["model", "parameter", "value", "period", "rate_E", "rate_I", "unstable", "crossing", "lyapunov", "kind"],
        hopf_points, [(name,) for name in HOPF],
    ),
    "ode_events": (
        ["model", "direction", "p", "events", "period", *(f"{x}_{k}" for x in ("rate", "mean") for k in range(1, 5))],
        sweep, [(name,) for name in SWEEPS],
    ),
    "period_doubling": (
        ["model", "unknowns", "EE.weight", "kind", "p", "period", "mean", "first", "second", "spread", "beyond"],
        losses, list(LOSSES),
    ),
}  # fmt: skip


def main() -> None:
    with ProcessPoolExecutor() as pool:
        found = {
            name: [pool.submit(make, *arguments) for arguments in tasks] for name, (_, make, tasks) in TABLES.items()
        }
        for name, (columns, _, _) in TABLES.items():
            with Path(__file__).with_name(f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerows([columns, *(row for task in found[name] for row in task.result())])


if __name__ == "__main__":
    main()
