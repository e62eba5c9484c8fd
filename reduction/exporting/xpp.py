"""XPPAUT: a .ode file."""

from __future__ import annotations

from reduction.exporting.code import Language, Model, Source
from spiking.errors import SpecificationError

_MOST_NAMES = 1948  # states and intermediates that XPPAUT 6.11 holds
_LONGEST_FORMULA = 1000

_SHORT = {
    "density": "n", "refractory": "u", "mean": "h", "variance": "w", "probability": "p", "weight": "s",
    "reversal": "rev", "threshold": "vth", "reset": "vr", "rest": "vl", "tau_m": "taum", "drive": "d", "rate": "r",
}  # fmt: skip


def _identifier(name: str) -> str:
    owner, *fields = name.translate(str.maketrans("[,", "._", "]")).split(".")
    return "_".join([owner.lower(), "".join(_SHORT.get(field, field) for field in fields)])


_RESERVED = """
t pi sin cos tan atan atan2 sinh cosh tanh exp log ln log10 sqrt abs max min heav sign flr ceil mod not ran normal shift
del_shft delay int sum of if then else bern bfall bser aux par init done set global table wiener markov number lgamma
besseli besselj bessely erf erfc hom_bcs arg1
"""
XPP = Language(
    power="^",
    functions={"Bernoulli": "bern"},
    identifier=_identifier,
    longest=9,
    folds_case=True,
    reserved=frozenset(_RESERVED.split()),
)

_BERNOULLI = """\
# B(x) = x/(e^x - 1) without 0/0 and without overflow
bser(s)=1+s/12*(1-s/60*(1-s/42*(1-s/40)))
bfall(a)=if(a<0.1)then(bser(a*a)-a/2)else(a*exp(-a)/(1-exp(-a)))
bern(x)=bfall(abs(x))+max(-x,0)"""


def xpp_files(model: Model) -> dict[str, str]:
    """Return the .ode file of XPPAUT.

    Raises
    ------
    SpecificationError
        If the model is larger than XPPAUT's tables.
    """
    e = model.equations
    names = model.identifiers(XPP)
    source = Source(XPP, names)
    number = len(e.states) + len(e.definitions)
    if number > _MOST_NAMES:
        raise SpecificationError(f"xpp: {number} states and intermediates; XPPAUT holds {_MOST_NAMES}: give fewer bins")
    lines = [f"# {line}".rstrip() for line in model.header("XPPAUT", names)]
    lines += [f"par {names[address]}={source.number(value)}" for address, value in model.values.items()]
    lines += [f"init {names[n]}={source.number(v)}" for n, v in zip(e.states, model.initial, strict=True)]
    lines += [_BERNOULLI]
    formulas = [f"{names[name]}={source(x)}".replace(" ", "") for name, x in e.definitions.items()]
    formulas += [f"{names[name]}'={source(x)}".replace(" ", "") for name, x in e.derivatives.items()]
    longest = max(map(len, formulas))
    if longest > _LONGEST_FORMULA:
        raise SpecificationError(
            f"xpp: a formula of {longest} characters; XPPAUT reads {_LONGEST_FORMULA}: give fewer bins"
        )
    lines += formulas
    lines += [f"aux {names[name]}={source(x)}" for name, x in e.observables.items()]
    lines += ["@ meth=stiff,tol=1e-8,atol=1e-8,dt=0.1,total=1000,bound=1e8,maxstor=20000", "done"]
    return {f"{model.name}.ode": "\n".join(lines) + "\n"}
