"""Pictures of responses to steps of parameters, and of what fixed graphs change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from reduction.aspects.transients import TransientComparison
from reduction.aspects.wiring import WIRING_NAMES, WIRINGS, WiringComparison
from reduction.plotting import LEVEL_STYLES, NETWORK
from reduction.verdicts import LEVEL_NAMES
from spiking.estimates import Estimate

MOST_SHOWN = 4

_WIRING_COLOURS = {"annealed": NETWORK, "fixed in-degree": "#56B4E9", "bernoulli": "#D55E00"}
_QUANTITIES = {"rate": "firing rate (Hz)", "synchrony": "spike synchrony index"}


def figures(
    parameter: str, values: Sequence[float], results: Sequence[TransientComparison] | Sequence[WiringComparison]
) -> Iterator[tuple[str, str, Figure]]:
    """Yield (file name, caption, figure) of transients, or of wirings, at a few values of the parameter."""
    for index in sorted(set(np.linspace(0, len(results) - 1, MOST_SHOWN).round().astype(int).tolist())):
        result, where = results[index], f"{parameter} = {values[index]:g}"
        if isinstance(result, TransientComparison):
            caption = (
                f"Mean response to a step ({_step(result)}) at {where}: {result.trials} trials, the step at all phases "
                "of a rhythm; bands are 95 % intervals of the mean."
            )
            yield f"transients_{index}", caption, transient_figure(result, where)
        else:
            caption = (
                "Annealed wiring, which the reduction assumes, against fixed graphs of the same probabilities at "
                f"{where}: small dots are graphs (runs, if annealed), large ones means with 95 % intervals. "
                "Equal in-degrees show what frozen edges do; Bernoulli graphs add the variance of in-degrees."
            )
            yield f"wiring_{index}", caption, wiring_figure(result, where)


def transient_figure(result: TransientComparison, title: str = "") -> Figure:
    """Draw the mean responses, one panel per population, with 95 % bands of the network and of random levels."""
    populations = list(result.responses["network"].mean)
    figure, axes = plt.subplots(
        len(populations), 1, figsize=(6.8, 2.2 * len(populations) + 0.6), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for ax, population in zip(axes[:, 0], populations, strict=True):
        for source, own in result.responses.items():
            style = {"color": NETWORK, "lw": 1.6} if source == "network" else _line(source)
            mean, half = own.mean[population], 1.96 * own.se[population]
            ax.fill_between(result.times, mean - half, mean + half, color=style["color"], alpha=0.18, lw=0)
            ax.plot(result.times, mean, label=_label(result, source, population), **style)
        ax.axvline(0, color="0.5", lw=0.8, ls=":")
        ax.set(ylabel=f"{population} rate (Hz)", xlim=(result.times[0], result.times[-1]))
        low, high = ax.get_ylim()
        ax.set_ylim(max(low, 0.0), high + 0.18 * (high - low))
        ax.legend(frameon=False, fontsize=8, ncols=len(result.responses), loc="upper center")
    axes[-1, 0].set_xlabel("time after the step (ms)")
    figure.suptitle(f"step of {_step(result)}{', at ' if title else ''}{title}", fontsize=10)
    return figure


def wiring_figure(result: WiringComparison, title: str = "") -> Figure:
    """Draw values and means of the three wirings, one panel per quantity and population."""
    populations = result.populations
    figure, axes = plt.subplots(
        len(result.samples), len(populations), figsize=(1.6 + 2.9 * len(populations), 1.9 * len(result.samples) + 0.5),
        sharey=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for row, (quantity, by_wiring) in zip(axes, result.samples.items(), strict=True):
        for ax, population in zip(row, populations, strict=True):
            for place, wiring in enumerate(WIRINGS):
                sample, colour = by_wiring[wiring][population], _WIRING_COLOURS[wiring]
                mean: Estimate = sample.estimate
                spread = place + 0.28 + 0.0 * np.asarray(sample.values)
                ax.plot(sample.values, spread, "o", ms=3.5, mfc="none", color=colour, alpha=0.8)
                ax.errorbar(
                    mean.mean, place, xerr=sample.interval_factor() * mean.se, fmt="o", ms=6, capsize=3, color=colour
                )
            ax.axvline(by_wiring["annealed"][population].estimate.mean, color="0.7", lw=0.8, zorder=0)
            ax.set(xlabel=f"{population}: {_QUANTITIES[quantity]}", ylim=(len(WIRINGS) - 0.5, -0.5))
        row[0].set_yticks(range(len(WIRINGS)), [WIRING_NAMES[wiring] for wiring in WIRINGS])
    figure.suptitle(f"{result.graphs} graphs each{', ' if title else ''}{title}", fontsize=10)
    return figure


def _line(source: str) -> dict[str, str | float]:
    style = LEVEL_STYLES[source]
    return {"color": style["color"], "ls": "--" if source == "ode" else style["linestyle"], "lw": 1.4}


def _label(result: TransientComparison, source: str, population: str) -> str:
    name = LEVEL_NAMES[source]
    if source not in result.distances:
        return name
    return f"{name} (distance {result.distances[source][population].ratio:.2f})"


def _step(result: TransientComparison) -> str:
    return ", ".join(f"{address} to {value:.3g}" for address, value in result.changes.items())
