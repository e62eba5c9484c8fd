"""Pictures of errors of schemes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from spiking.plotting import COLOURS, cycle

if TYPE_CHECKING:
    from spiking.convergence.advice import StepAdvice
    from spiking.convergence.crossings import CrossingSpeeds
    from spiking.convergence.fits import ErrorMeasure
    from spiking.convergence.loops import LoopTruncation

_MARKERS = ("o", "s", "^", "v", "D", "P", "X")
_GREYS = ("0.25", "0.55")
_INK = "#222222"


def errors(measures: Sequence[ErrorMeasure], *, ax: Axes | None = None, label: str = "") -> Axes:
    """Draw magnitudes of errors with bars of 2 standard errors, on logarithmic axes, the fitted order in the legend.

    Points without a standard error are open; the label of x is by default the measures' own.
    """
    from spiking.errors import NumericalError

    ax = ax or plt.subplots(figsize=(5.6, 4.2), layout="constrained")[1]
    for k, one in enumerate(measures):
        colour = (*COLOURS, _INK)[k % (len(COLOURS) + 1)]
        shown = np.isfinite(one.values) & (one.values != 0)
        x, values = one.x[shown], np.abs(one.values[shown])
        try:
            order = one.order()
            text = f"{one.name}: {order.slope:.2f} ± {order.se:.2f}"
        except NumericalError:
            text = one.name
        reach = 2 * np.nan_to_num(one.se[shown])
        low = np.minimum(reach, 0.9 * values)
        ax.errorbar(
            x, values, yerr=[low, reach], fmt=_MARKERS[k % len(_MARKERS)], color=colour, ms=4, lw=1.0, capsize=2,
            linestyle="-", label=text,
        )  # fmt: skip
        rough = ~np.isfinite(one.se[shown])
        ax.plot(x[rough], values[rough], _MARKERS[k % len(_MARKERS)], color=colour, ms=4, mfc="white", zorder=3)
    units = ", ".join(dict.fromkeys(one.unit for one in measures if one.unit))
    names = {one.name for one in measures}
    quantity = names.pop() if len(names) == 1 else "error"
    ax.set(
        yscale="log",
        xlabel=label or str(measures[0].axis),
        ylabel=f"{quantity} (± 2 s.e.{f'; {units}' if units else ''})",
    )
    ax.set_xscale("log", base=2)
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, top * (top / bottom) ** (0.12 * len(measures)))
    ax.legend(
        frameon=False, fontsize=7.5, title="error: fitted order ± s.e.", title_fontsize=8, loc="upper left",
        alignment="left",
    )  # fmt: skip
    return ax


def powers(ax: Axes, exponents: Sequence[float], through: tuple[float, float]) -> None:
    """Draw power laws through a point of logarithmic axes as grey lines across."""
    span = np.array(ax.get_xlim())
    for exponent, colour in zip(exponents, _GREYS, strict=False):
        ax.plot(span, through[1] * (span / through[0]) ** exponent, ":", color=colour, lw=1.2, zorder=0)
        y = through[1] * (span[0] / through[0]) ** exponent
        text = "$h$" if exponent == 1 else f"$h^{{{exponent:g}}}$"
        ax.annotate(text, (span[0], y), (4, 4), textcoords="offset points", color=colour, fontsize=9)
    ax.set_xlim(*span)


def slow_crossings(found: CrossingSpeeds, *, ax: Axes | None = None) -> Axes:
    """Draw the probability of crossings slower than each speed, over its square, with the power 1/2 beside it."""
    ax = ax or plt.subplots(figsize=(4.8, 3.6), layout="constrained")[1]
    fastest = float(np.quantile(found.speeds, 0.5))
    slowest = max(8.0 * found.resolution, float(np.sort(found.speeds)[20]))
    x = np.geomspace(slowest, fastest, 25)
    below = found.probability(x)
    ratio, reach = below.values / x**2, 2 * below.se / x**2
    ax.fill_between(x, ratio - reach, ratio + reach, color=COLOURS[1], alpha=0.25, lw=0)
    ax.plot(x, ratio, color=COLOURS[1], lw=1.5, label="sampled (± 2 s.e.)")
    at = int(np.searchsorted(x, 0.1 * fastest))
    ax.plot(x, ratio[at] * np.sqrt(x / x[at]), "--", color=COLOURS[0], lw=1.2, label=r"$\propto \alpha^{1/2}$")
    ax.axhline(ratio[at], color="0.55", lw=1.0, ls=":", label=r"constant: $P \propto \alpha^2$")
    ax.set(
        xscale="log", yscale="log", xlabel=r"speed $\alpha$ (mV/ms)",
        ylabel=r"$P(A < \alpha)/\alpha^2$  (ms$^2$/mV$^2$)",
    )  # fmt: skip
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend(frameon=False, fontsize=8, loc="lower right")
    return ax


def truncation(found: Sequence[LoopTruncation], *, ax: Axes | None = None, labels: Sequence[str] = ()) -> Axes:
    """Draw the error of the voltage over the longest loop kept, with bars of 2 standard errors."""
    ax = ax or plt.subplots(figsize=(4.8, 3.6), layout="constrained")[1]
    names = labels or [one.method for one in found]
    for k, (one, name) in enumerate(zip(found, names, strict=True)):
        values = one.voltage.values
        reach = 2 * np.nan_to_num(one.voltage.se)
        shown = values > 0
        ax.errorbar(
            one.voltage.x[shown], values[shown], yerr=[np.minimum(reach, 0.9 * values)[shown], reach[shown]],
            color=COLOURS[k % len(COLOURS)], fmt=_MARKERS[k % len(_MARKERS)], linestyle="-", ms=4, lw=1.2, capsize=2,
            label=name,
        )  # fmt: skip
    ax.set(yscale="log", xlabel=str(found[0].voltage.axis), ylabel="RMS error of V (mV, ± 2 s.e.)")
    ax.legend(frameon=False, fontsize=8)
    return ax


def advice(found: StepAdvice, *, ax: Axes | None = None) -> Axes:
    """Draw the relative errors of the rates over dt with their intervals, and the wanted accuracy."""
    ax = ax or plt.subplots(figsize=(4.8, 3.6), layout="constrained")[1]
    band = 100 * found.accuracy
    ax.axhspan(-band, band, color="0.9", label=f"wanted: ± {band:g} %")
    ax.axhline(0, color="0.4", lw=0.8)
    for (name, own), colour in zip(found.errors.items(), cycle(len(found.errors)), strict=True):
        if own:
            centre, low, high = (100 * np.array(column) for column in zip(*own, strict=True))
            ax.errorbar(
                found.steps, centre, [centre - low, high - centre], fmt="o-", ms=4, capsize=3, color=colour, label=name
            )
    if found.step is not None:
        ax.axvline(found.step, color=_INK, lw=1.0, ls="--", label=f"advised: {found.step:g} ms")
    ax.set(xscale="log", xlabel="dt (ms)", ylabel="error of the rate (%, 95 % interval)")
    ax.set_xticks(found.steps, [f"{dt:g}" for dt in found.steps])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=8)
    return ax
