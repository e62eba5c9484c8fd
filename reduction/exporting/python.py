"""A Python module that needs nothing but Python."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from typing import Any

from reduction.exporting.code import Language, Model, Source, needed

PYTHON = Language(
    functions={name: f"math.{name}" for name in ("exp", "log", "tan", "atan", "sqrt")},
    reserved=frozenset({*keyword.kwlist, *keyword.softkwlist, "t", "y", "p", "math", "max", "abs", "bernoulli", "rhs",
                        "rates", "NAMES", "PARAMETERS", "INITIAL"}),
)  # fmt: skip

_BERNOULLI = '''\
def bernoulli(x):
    """Return B(x) = x/(e^x - 1) without 0/0 and without overflow."""
    a = abs(x)
    if a < 0.1:
        s = a * a
        falling = 1.0 - a / 2.0 + s / 12.0 * (1.0 - s / 60.0 * (1.0 - s / 42.0 * (1.0 - s / 40.0)))
    else:
        falling = a * math.exp(-a) / (1.0 - math.exp(-a))
    return falling + max(-x, 0.0)
'''


def python_files(model: Model) -> dict[str, str]:
    """Return the module: ``rhs(t, y, p)``, ``rates(y, p)``, ``NAMES``, ``PARAMETERS``, ``INITIAL``."""
    e = model.equations
    names = model.identifiers(PYTHON)
    source = Source(PYTHON, names)

    def body(outputs: Iterable[Any]) -> list[str]:
        expressions = {name: e.definitions[name] for name in needed(e, outputs)}
        given = {symbol.name for x in (*expressions.values(), *outputs) for symbol in x.free_symbols}
        lines = [f"    {names[address]} = p[{address!r}]" for address in e.parameters if address in given]
        lines += [f"    {names[state]} = y[{i}]" for i, state in enumerate(e.states) if state in given]
        return [*lines, *(f"    {names[name]} = {source(x)}" for name, x in expressions.items())]

    rhs, rates = body(e.derivatives.values()), body(e.observables.values())
    lines = ['"""' + "\n".join(model.header("Python", names)).replace("\\", "\\\\"), '"""', "", "import math", ""]
    lines += ["NAMES = (", *(f"    {name!r}," for name in e.states), ")"]
    lines += ["PARAMETERS = {", *(f"    {address!r}: {value!r}," for address, value in model.values.items()), "}"]
    lines += ["INITIAL = (", *(f"    {float(value)!r}," for value in model.initial), ")", "", ""]
    lines += [_BERNOULLI, ""]
    lines += ["def rhs(t, y, p=PARAMETERS):", '    """Return dy/dt per ms as a list in the order of NAMES."""', *rhs]
    lines += ["    return [", *(f"        {source(x)}," for x in e.derivatives.values()), "    ]", "", ""]
    lines += ["def rates(y, p=PARAMETERS):", '    """Return the firing rates in Hz per neuron, by name."""', *rates]
    lines += ["    return {", *(f"        {n!r}: {source(x)}," for n, x in e.observables.items()), "    }"]
    return {f"{model.name}.py": "\n".join(lines) + "\n"}
