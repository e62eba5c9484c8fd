"""Pictures of error budgets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reduction.aspects.budget import NORMAL_95, TERMS, ErrorBudget
from reduction.plotting import NETWORK
from reduction.verdicts import LEVEL_NAMES
from spiking.estimates import Estimate

COLOURS = {
    "total": NETWORK, "dt": "#56B4E9", "diffusion": "#E69F00", "wiring": "#CC79A7", "bins": "#0072B2",
    "closure": "#D55E00", "finite N": "#009E73", "interaction": "#7F7F7F",
}  # fmt: skip
"""Colour of every part of a budget."""

ABSENT = "absent by construction"
MOST_SHOWN = 4

_LABELS = {
    "dt": "dt of the network", "diffusion": "diffusion (kicks)", "wiring": "wiring (graph)", "bins": "bins and step",
    "closure": "closure", "finite N": "finite N", "total": "total error", "interaction": "interaction",
}  # fmt: skip


def figures(
    parameter: str, values: Sequence[float], results: Sequence[ErrorBudget]
) -> Iterator[tuple[str, str, Figure]]:
    """Yield (file name, caption, figure): the budget at a few values, and its parts over the parameter."""
    chosen = sorted(set(np.linspace(0, len(results) - 1, MOST_SHOWN).round().astype(int).tolist()))
    for index in chosen:
        title = f"{parameter} = {values[index]:g}"
        name = LEVEL_NAMES.get(results[index].level, results[index].level)
        caption = (
            f"Error budget of the {name} at {title}: the total relative error of each population's rate, the terms "
            "it is made of, each measured by switching one source of error off alone, and the interaction that is left "
            "(95 % intervals). Terms and interaction add up to the total."
        )
        yield f"budget_{index}", caption, budget_figure(results[index], title)
    if len(results) > 1:
        caption = f"Parts of the error over {parameter}, with 95 % intervals."
        yield "budget_curves", caption, curves_figure(parameter, values, results)


def budget_figure(budget: ErrorBudget, title: str = "") -> Figure:
    """Draw a budget: one panel per population, one row per part, with 95 % intervals."""
    parts = {population: _parts(budget, population) for population in budget.populations}
    number = len(next(iter(parts.values())))
    figure, axes = plt.subplots(
        1, len(parts), figsize=(1.6 + 3.2 * len(parts), 1.0 + 0.32 * number), sharey=True, sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, (population, own) in zip(axes[0], parts.items(), strict=True):
        draw_parts(ax, own)
        ax.set_title(f"{population} rate", fontsize=10)
    for ax in axes[0, 1:]:
        ax.tick_params(axis="y", length=0)
    figure.suptitle(f"{LEVEL_NAMES.get(budget.level, budget.level)}{', ' if title else ''}{title}", fontsize=11)
    return figure


def draw_parts(ax: Axes, parts: Sequence[tuple[str, Estimate | None]]) -> None:
    """Draw parts of an error from top to bottom: (name, estimate relative to the network, or None if absent)."""
    rows = range(len(parts))
    ax.axvline(0, color=NETWORK, lw=0.8)
    finite = [e for _, e in parts if e is not None and math.isfinite(e.mean)]
    for row, (name, estimate) in zip(rows, parts, strict=True):
        colour = COLOURS.get(name.strip(), COLOURS["interaction"])
        if estimate is None:
            ax.text(0, row, f"  {ABSENT}", color="0.45", fontsize=7, va="center")
            continue
        half = 100 * NORMAL_95 * (estimate.se if math.isfinite(estimate.se) else 0.0)
        face = colour if name in _LABELS else "white"
        ax.plot([0, 100 * estimate.mean], [row, row], color=colour, lw=4, alpha=0.25, solid_capstyle="butt")
        ax.errorbar(100 * estimate.mean, row, xerr=half, fmt="o", color=colour, ms=5, capsize=2.5, lw=1.2, mfc=face)
    for line in (0.5, sum(name in ("total", *TERMS) for name, _ in parts) - 0.5):
        ax.axhline(line, color="0.85", lw=0.8, zorder=0)
    reach = max((100 * (abs(e.mean) + NORMAL_95 * np.nan_to_num(e.se)) for e in finite), default=1.0) or 1.0
    left, right = ax.get_xlim() if ax.get_autoscalex_on() is False else (-reach, reach)
    ax.set_xlim(min(left, -1.1 * reach), max(right, 1.1 * reach))
    ax.set_yticks(rows, [_LABELS.get(name, name) for name, _ in parts])
    ax.set_ylim(len(parts) - 0.5, -0.5)
    ax.set_xlabel("error relative to the network (%)")


def curves_figure(parameter: str, values: Sequence[float], results: Sequence[ErrorBudget]) -> Figure:
    """Draw total, terms and interaction over the parameter, one panel per population."""
    populations = results[0].populations
    figure, axes = plt.subplots(
        1, len(populations), figsize=(4.2 * len(populations) + 0.8, 3.4), sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    names = [
        t.name
        for t in results[0].terms
        if any(own.combination for b in results for own in b.terms if own.name == t.name)
    ]
    step = float(np.diff(values).min()) if len(values) > 1 else 1.0
    for ax, population in zip(axes[0], populations, strict=True):
        ax.axhline(0, color=NETWORK, lw=0.8)
        for place, name in enumerate(["total", *names, "interaction"]):
            own = [_value(budget, name, population) for budget in results]
            shift = (place - (len(names) + 1) / 2) * 0.05 * step
            ax.errorbar(
                np.asarray(values, float) + shift, [100 * e.mean for e in own],
                yerr=[100 * NORMAL_95 * np.nan_to_num(e.se) for e in own], color=COLOURS[name], capsize=2, ms=4,
                fmt="o-" if name == "total" else "s--" if name == "interaction" else "^-",
                lw=1.6 if name == "total" else 1.0, label=_LABELS[name],
            )  # fmt: skip
        ax.set(xlabel=parameter, title=f"{population} rate")
    axes[0, 0].set_ylabel("error relative to the network (%)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)
    return figure


def _value(budget: ErrorBudget, name: str, population: str) -> Estimate:
    if name == "total":
        return budget.total(population)
    return budget.interaction(population) if name == "interaction" else budget.term(name, population)


def _parts(budget: ErrorBudget, population: str) -> list[tuple[str, Estimate | None]]:
    found: list[tuple[str, Estimate | None]] = [("total", budget.total(population))]
    for own in budget.terms:
        found.append((own.name, budget.term(own.name, population) if own.combination else None))
    found.append(("interaction", budget.interaction(population)))
    if len(budget.interactions) > 1:
        found += [(f"  {own.name}", budget.term(own.name, population)) for own in budget.interactions]
    return found
