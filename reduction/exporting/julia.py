"""Julia: an in-place right-hand side for BifurcationKit and the SciML solvers."""

from __future__ import annotations

from reduction.exporting.code import Language, Model, Source, needed

_RESERVED = """
baremodule begin break catch const continue do else elseif end export false finally for function global if import in isa
let local macro module quote return struct true try using while where abstract mutable primitive type outer public im pi
t y dy p a s x exp log tan atan sqrt abs max zero bernoulli rhs! rates parameters initial names
"""
JULIA = Language(
    power="^",
    reserved=frozenset(_RESERVED.split()),
)

_BERNOULLI = """\
"B(x) = x/(e^x - 1) without 0/0 and without overflow."
function bernoulli(x)
    a = abs(x)
    if a < 0.1
        s = a * a
        falling = 1.0 - a / 2.0 + s / 12.0 * (1.0 - s / 60.0 * (1.0 - s / 42.0 * (1.0 - s / 40.0)))
    else
        falling = a * exp(-a) / (1.0 - exp(-a))
    end
    return falling + max(-x, zero(x))
end
"""

_SNIPPET = """\
# Stationary states over a parameter, with BifurcationKit:
#
#     using BifurcationKit
#     problem = BifurcationProblem(rhs!, initial, parameters, (@optic _.{free}))
#     branch = continuation(problem, PALC(), ContinuationPar(p_min = {low}, p_max = {high}); bothside = true)"""


def julia_files(model: Model) -> dict[str, str]:
    """Return the file: ``rhs!(dy, y, p, t)``, ``rates(y, p)``, ``names``, ``parameters``, ``initial``."""
    e = model.equations
    names = model.identifiers(JULIA)
    source = Source(JULIA, names)
    assignments = {name: f"    {names[name]} = {source(x)}" for name, x in e.definitions.items()}
    unpacked = [f"    (; {', '.join(names[address] for address in e.parameters)}) = p"]
    unpacked += [f"    {names[state]} = y[{i}]" for i, state in enumerate(e.states, 1)]

    free = next((a for a in e.parameters if a.endswith(".probability")), next(iter(e.parameters)))
    value = model.values[free]
    lines = [f"# {line}".rstrip() for line in model.header("Julia", names)]
    lines += ["", "names = [", *(f'    "{name}",' for name in e.states), "]"]
    lines += ["parameters = (", *(f"    {names[a]} = {source.number(v)}," for a, v in model.values.items()), ")"]
    lines += ["initial = [", *(f"    {source.number(v)}," for v in model.initial), "]", "", _BERNOULLI]
    lines += ['"dy/dt per ms."', "function rhs!(dy, y, p, t = 0.0)", *unpacked, *assignments.values()]
    lines += [f"    dy[{i}] = {source(x)}" for i, x in enumerate(e.derivatives.values(), 1)]
    lines += ["    return dy", "end", "", '"Firing rates in Hz per neuron."', "function rates(y, p)", *unpacked]
    lines += [assignments[name] for name in needed(e, e.observables.values())]
    lines += [
        "    return (",
        *(f"        {names[n]} = {source(x)}," for n, x in e.observables.items()),
        "    )",
        "end",
        "",
    ]
    lines += [_SNIPPET.format(free=names[free], low=source.number(0.8 * value), high=source.number(1.2 * value))]
    return {f"{model.name}.jl": "\n".join(lines) + "\n"}
