"""Where chang2025 and its reductions begin and cease to oscillate and to alternate: writes agreement.csv (20 minutes).

The estimator on what is known, too: maps with a period doubling and normal forms of a Hopf point, with noise: writes
agreement_bias.csv. ``python tests/data/agreement.py [bias | CASE ...]``; by default all.
"""

import csv
import sys
from pathlib import Path

import numpy as np

import spiking
from reduction.aspects.bifurcation_sweeps import band_amplitude, main_frequency
from reduction.aspects.bifurcations import compare_bifurcations
from reduction.attractors.onsets import (
    ALTERNATION,
    OSCILLATION,
    alternation_sums,
    onsets,
    oscillation_sums,
    resampled,
)
from reduction.measuring import Settings

HERE = Path(__file__).parent
PARAMETER = "EI.probability"
WHOLE = tuple(np.round(np.linspace(0.5, 1.0, 51), 3).tolist())
HOPF = tuple(np.round(np.linspace(0.36, 0.56, 21), 3).tolist())
DOUBLING = tuple(np.round(np.linspace(0.7, 0.82, 13), 3).tolist())
CASES = {
    "whole": (WHOLE, 1, ("ode",), {"duration": 3000.0, "discard": 500.0}),
    "whole, published closure": (WHOLE, 1, ("ode",), {"duration": 3000.0, "discard": 500.0, "closure": "published"}),
    "Hopf": (HOPF, 1, ("ode",), {"duration": 5500.0, "discard": 500.0}),
    "Hopf, 10 times the neurons": (HOPF, 10, ("ode",), {"duration": 3500.0, "discard": 500.0}),
    "doubling": (DOUBLING, 1, ("ode", "chain"), {"duration": 3500.0, "discard": 500.0}),
}
NOISES = {"doubling": (0.0, 0.002, 0.005, 0.01, 0.02), "Hopf": (0.02, 0.05, 0.1, 0.2)}
REPETITIONS = 50


def measured(case):
    """Return the rows of a case."""
    values, factor, levels, options = CASES[case]
    network = spiking.presets.chang2025()
    network = network.scaled(factor) if factor > 1 else network
    result = compare_bifurcations(
        network, Settings(seed=6, **options), parameter=PARAMETER, values=values, levels=levels
    )
    rows = []
    for source in result.sources:
        for direction, found in (("all", source.onsets), *((s.direction, s.onsets) for s in source.sweeps)):
            for onset in found:
                numbers = [f"{x:.4f}" if onset.shown else "" for x in (onset.value, onset.low, onset.high)]
                rows.append([case, source.name, direction, onset.phenomenon, *numbers, onset.reason])
        ranges = "; ".join(f"{low:g} to {high:g}" for low, high in source.hysteresis.ranges)
        rows.append([case, source.name, "", "hysteresis", "", "", "", ranges or source.hysteresis.reason])
    return rows


def logistic(parameters, noise, events, generator):
    """Return sizes from x -> r x (1 - x) plus noise, for each r: its period doubles at r = 3."""
    r = np.asarray(parameters)
    x = 1 - 1 / r + 0.05
    found = np.empty((events + 500, r.size))
    for row in found:
        x = np.clip(r * x * (1 - x) + noise * generator.standard_normal(r.size), 0.01, 0.99)
        row[:] = x
    return found[500:].T


def stuart_landau(parameters, noise, samples, generator, step=0.1):
    """Return rates 1 + Re z, z' = (p + i omega) z - |z|^2 z + noise at 50 Hz, for each p in 1/ms: Hopf point at 0."""
    p = np.asarray(parameters)
    z = np.full(p.size, 0.01 + 0j)
    turn = np.exp(2j * np.pi * 0.05 * step)
    found = np.empty((samples + 5000, p.size))
    kick = noise * np.sqrt(step / 2)
    for row in found:
        kicks = generator.standard_normal(p.size) + 1j * generator.standard_normal(p.size)
        z = turn * (z + step * (p - np.abs(z) ** 2) * z) + kick * kicks
        row[:] = 1 + z.real
    return found[5000:].T


def breakpoint_of(values, amplitudes):
    """Return where a line that is flat at first and then rises or falls has its break, by least squares."""
    trials = np.linspace(values[1], values[-2], 200)
    designs = [np.column_stack([np.ones(values.size), np.maximum(values - own, 0)]) for own in trials]
    residuals = [np.linalg.lstsq(own, amplitudes, rcond=None)[1].sum() for own in designs]
    return trials[int(np.argmin(residuals))]


def estimate(kind, noise, generator):
    """Return the onset of a synthetic sweep, the true value, and the break in the amplitude."""
    if kind == "doubling":
        values, truth = np.linspace(2.8, 3.2, 21), 3.0
        sums = [alternation_sums(own, 20) for own in logistic(values, noise, 600, generator)]
        order = ALTERNATION
    else:
        values, truth = np.linspace(-0.1, 0.1, 21), 0.0
        sums = []
        for rate in stuart_landau(values, noise, 50_000, generator):
            frequency = main_frequency([rate], 0.1)
            squared = [band_amplitude(rate, 0.1, own) for own in (frequency, frequency / 2)]
            sums.append(oscillation_sums(rate, squared, 20))
        order = OSCILLATION
    amplitudes = np.array([np.sqrt(own[:, 2].sum() / own[:, 0].sum()) for own in sums])
    samples = np.column_stack([resampled(own, order, generator) for own in sums])
    return onsets(values, samples, order)[0], truth, breakpoint_of(values, amplitudes)


def biases():
    """Return kind, noise, how many were shown, then errors in units of the range: of the onset, and of the break."""
    rows = []
    for kind, levels in NOISES.items():
        span = {"doubling": 0.4, "Hopf": 0.2}[kind]
        for noise in levels:
            number = REPETITIONS if noise else 1
            found = [estimate(kind, noise, np.random.default_rng([6, k])) for k in range(number)]
            shown = [(onset, truth) for onset, truth, _ in found if onset.shown]
            errors = np.array([(onset.value - truth) / span for onset, truth in shown])
            covered = np.mean([onset.low <= truth <= onset.high for onset, truth in shown])
            width = np.mean([(onset.high - onset.low) / span for onset, _ in shown])
            broken = np.mean([(place - truth) / span for _, truth, place in found])
            numbers = (errors.mean(), errors.std(), covered, width, broken)
            rows.append([kind, noise, len(shown), *(f"{x:.4f}" for x in numbers)])
            print(rows[-1], flush=True)
    return rows


def write(name, header, rows):
    """Write a file beside this one."""
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


if __name__ == "__main__":
    wanted = sys.argv[1:] or ["bias", *CASES]
    if "bias" in wanted:
        header = [
            "kind",
            "noise",
            "shown",
            "mean error",
            "standard deviation",
            "coverage",
            "mean width",
            "mean error of break",
        ]
        write("agreement_bias.csv", header, biases())
    path = HERE / "agreement.csv"
    kept = []
    if path.exists():
        with path.open(encoding="utf-8") as file:
            kept = [row for row in list(csv.reader(file))[1:] if row[0] not in wanted]
    for case in CASES:
        if case in wanted:
            kept += measured(case)
            print(case, flush=True)
            write(path.name, ["case", "source", "sweep", "what", "value", "low", "high", "remark"], kept)
