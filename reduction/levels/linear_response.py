"""Linear response of a diffusing neuron's firing rate, and where networks with delays begin to oscillate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reduction.levels import diffusion as base
from reduction.levels.diffusion import RULE, Diffusion, Floats, Function, Panels
from spiking.errors import SpecificationError
from spiking.neurons import Exponential, Fixed, Normal, Refractory
from spiking.specification import POSITIVE, checked_number

Complexes = npt.NDArray[np.complex128]

_OCTAVES = 2.0
_PHASE_STEP = 0.05
_FEWEST_FREQUENCIES = 400
_SMALL = 1e-5


class Modulation(NamedTuple):
    """What a modulation adds to drift (mV/ms) and noise sigma^2 (mV^2/ms), as functions of the voltage in mV."""

    drift: Function | None = None
    noise: Function | None = None


class Hopf(NamedTuple):
    """Where a network begins to oscillate: angular frequency in rad/ms, and the factor of its coupling."""

    omega: float
    gain: float


def linear_response(
    diffusion: Diffusion, omega: npt.ArrayLike, *, drift: Function | None = None, noise: Function | None = None
) -> Complexes:
    r"""Return the linear response :math:`\chi(\omega)` of the firing rate.

    With the drift :math:`\mu + \epsilon\, e^{i\omega t} a(v)` and the noise
    :math:`\sigma^2 + \epsilon\, e^{i\omega t} b(v)`, the rate is
    :math:`r + \epsilon\, \chi e^{i\omega t}` to first order; a negative phase is a lag.

    Parameters
    ----------
    diffusion : Diffusion
    omega : array_like
        Angular frequencies in rad/ms; complex if the modulation grows or decays.
    drift, noise : callable, optional
        a and b at an array of voltages; without both, a = 1: the response to a current, in 1/mV.

    Returns
    -------
    array of complex, shape of `omega`
        In 1/ms per unit of the modulation.

    Raises
    ------
    ParameterError, NumericalError
        As `Diffusion.rate`.

    Notes
    -----
    The equations of Richardson, Phys. Rev. E 76 (2007) 021919, for any drift and noise, by Radau collocation on panels
    that resolve the highest frequency of each two octaves; regular at :math:`\omega = 0`, where it is the slope of the
    stationary rate.
    """
    if drift is None and noise is None:
        drift = np.ones_like
    return np.asarray(responses(diffusion, omega, [Modulation(drift, noise)])[0])


def responses(diffusion: Diffusion, omega: npt.ArrayLike, modulations: Sequence[Modulation]) -> Complexes:
    """Return `linear_response` to several modulations at once, one row each before the shape of omega."""
    s = 1j * np.asarray(omega, complex)
    passage, forced = passage_transform(diffusion, s, modulations)
    return np.asarray(-forced / (passage + refractory_integral(diffusion.refractory, s)))


def passage_transform(
    diffusion: Diffusion, s: npt.ArrayLike, modulations: Sequence[Modulation] = ()
) -> tuple[Complexes, Complexes]:
    r"""Return what responses and spectra are made of, at complex growth rates s in 1/ms.

    Returns
    -------
    passage : array, shape of `s`
        :math:`(1/\hat f(s) - 1)/s` in ms, with :math:`\hat f` the Laplace transform of the passage time from reset to
        threshold; its mean at s = 0.
    forced : array, shape (modulations, *shape of s)
        The numerator of the response to each modulation.
    """
    rates = np.asarray(s, complex)
    flat = rates.ravel()
    result = np.empty((flat.size, 1 + len(modulations)), complex)
    scaled = np.abs(flat) * diffusion.passage_time()
    with np.errstate(divide="ignore"):
        octaves = np.maximum(np.ceil(np.log2(scaled) / _OCTAVES), 0.0)
    p = base.first_panels(diffusion)
    for octave in np.unique(octaves):
        members = np.flatnonzero(octaves == octave)
        p = resolved(diffusion, p, complex(flat[members[np.abs(flat[members]).argmax()]]), modulations)
        result[members] = _sweep(diffusion, p, flat[members], modulations)
    return result[:, 0].reshape(rates.shape), result[:, 1:].T.reshape(len(modulations), *rates.shape)


def resolved(diffusion: Diffusion, p: Panels, s: complex, modulations: Sequence[Modulation]) -> Panels:
    """Return panels that resolve the stationary density and the response at one growth rate."""
    from reduction.kernels import collocation as kernel

    def solve(p: Panels) -> tuple[Panels, Floats]:
        forcing, start, error = _forcings(diffusion, p, modulations)
        ratios, own = np.empty(1 + len(modulations), complex), np.empty(p.width.size)
        kernel.sweep(
            s, p.width, p.above, p.growth, p.source, forcing, start, RULE.integral, RULE.coefficients[-1], ratios, own
        )
        return p, np.maximum(error, own)

    return base.refined(diffusion, p, solve)


def _sweep(diffusion: Diffusion, p: Panels, s: Complexes, modulations: Sequence[Modulation]) -> Complexes:
    """Return the ratios at all growth rates s on given panels, shape (len(s), 1 + modulations)."""
    from reduction.kernels import collocation as kernel

    forcing, start, _ = _forcings(diffusion, p, modulations)
    ratios = np.empty((s.size, 1 + len(modulations)), complex)
    kernel.sweep_all(
        s, p.width, p.above, p.growth, p.source, forcing, start, RULE.integral, RULE.coefficients[-1], ratios
    )
    return ratios


def _forcings(diffusion: Diffusion, p: Panels, modulations: Sequence[Modulation]) -> tuple[Floats, Floats, Floats]:
    """Return what modulations add to y' at the nodes, y at the top for each solution, and the stationary error."""
    solution, error = base.stationary(p)
    share = diffusion.rate() * diffusion.passage_time() / solution.mass
    density = share * solution.values / p.slope
    change = np.linalg.solve(RULE.integral, (solution.values - solution.ends[:, None]).T).T / -p.width[:, None]
    gradient = share * (change - p.curvature * solution.values) / p.slope**2
    forcing = np.zeros((len(modulations), *p.growth.shape))
    for term, modulation in zip(forcing, modulations, strict=True):
        if modulation.drift is not None:
            term += p.source * np.asarray(modulation.drift(p.voltage), float) * density
        if modulation.noise is not None:
            term -= p.source * 0.5 * np.asarray(modulation.noise(p.voltage), float) * gradient
    starts = [base.start_value(p, p.source), 0.0, *(-base.start_value(p, term) for term in forcing)]
    return forcing, np.array(starts), error


def refractory_transform(refractory: Refractory, s: Complexes) -> Complexes:
    """Return the Laplace transform of the density of refractory times, at s in 1/ms."""
    if isinstance(refractory, Fixed):
        return np.exp(-s * refractory.duration)
    if isinstance(refractory, Exponential):
        return 1.0 / (1.0 + s * refractory.mean)
    if isinstance(refractory, Normal):
        from scipy.special import ndtr, wofz

        m, d = refractory.mean, refractory.deviation
        if d == 0.0:
            return np.exp(-s * max(m, 0.0))
        z = (s * d - m / d) / np.sqrt(2.0)
        return np.asarray(ndtr(-m / d) + 0.5 * np.exp(-0.5 * (m / d) ** 2) * wofz(1j * z))
    return np.ones_like(s)


def refractory_integral(refractory: Refractory, s: Complexes) -> Complexes:
    """Return (1 - transform)/s in ms; the mean refractory time at s = 0."""
    mean, variance = base.refractory_moments(refractory)
    small = np.abs(s) * mean < _SMALL
    safe = np.where(small, 1.0, s)
    series = mean - 0.5 * s * (variance + mean**2)
    return np.where(small, series, (1.0 - refractory_transform(refractory, safe)) / safe)


def characteristic(
    populations: Sequence[Diffusion], coupling: npt.ArrayLike, delays: npt.ArrayLike, omega: npt.ArrayLike
) -> Complexes:
    r"""Return the characteristic function of a network of populations with delays.

    .. math:: \det\left(1 - K^{ab} \chi_a(\omega)\, e^{-i \omega d^{ab}}\right)

    Its zeros are the network's modes :math:`e^{i\omega t}`: one with a negative imaginary part grows.

    Parameters
    ----------
    populations : sequence of Diffusion
        At the working point.
    coupling, delays : array_like, shape (populations, populations)
        Target first: the drift of a changes by ``coupling[a, b]`` (mV) times the rate (1/ms) of a neuron of b a time
        ``delays[a, b]`` (ms) before.
    omega : array_like
        Real or complex, in rad/ms.

    Raises
    ------
    SpecificationError
        If `coupling` or `delays` has the wrong shape.
    """
    loop = _loop(populations, coupling, delays, np.asarray(omega, complex))
    return np.asarray(np.linalg.det(np.eye(len(populations)) - loop))


def hopf_points(
    populations: Sequence[Diffusion], coupling: npt.ArrayLike, delays: npt.ArrayLike, *, highest: float
) -> list[Hopf]:
    """Return where a network with delays begins to oscillate as all its coupling grows at a fixed working point.

    Parameters
    ----------
    populations, coupling, delays
        As for `characteristic`.
    highest : float
        Largest angular frequency in rad/ms that is looked at.

    Returns
    -------
    list of Hopf
        Frequency and the factor of `coupling`, smallest factor first: from there on the stationary state is unstable.
    """
    from scipy.optimize import brentq, linear_sum_assignment

    highest = checked_number("", "highest", highest, POSITIVE)
    longest = float(np.max(np.asarray(delays, float), initial=0.0))
    omega = np.linspace(0.0, highest, _FEWEST_FREQUENCIES + int(highest * longest / _PHASE_STEP))
    eigenvalues = np.linalg.eigvals(_loop(populations, coupling, delays, omega.astype(complex)))
    found = []
    for k in range(1, omega.size):
        before, after = eigenvalues[k - 1], eigenvalues[k]
        pairs = linear_sum_assignment(np.abs(before[:, None] - after[None, :]))
        eigenvalues[k] = after = after[pairs[1]]
        for first, last in zip(before, after, strict=True):
            if first.imag * last.imag >= 0.0 or first.real + last.real <= 0.0:
                continue

            def nearest(w: float, a: complex = first, b: complex = last, k: int = k) -> complex:
                place = (w - omega[k - 1]) / (omega[k] - omega[k - 1])
                values = np.linalg.eigvals(_loop(populations, coupling, delays, np.array([w], complex)))[0]
                return complex(values[np.abs(values - (a + place * (b - a))).argmin()])

            w = float(brentq(lambda w, f=nearest: f(w).imag, omega[k - 1], omega[k], xtol=1e-12 * highest))
            found.append(Hopf(w, 1.0 / nearest(w).real))
    return sorted(found, key=lambda hopf: hopf.gain)


def _loop(
    populations: Sequence[Diffusion], coupling: npt.ArrayLike, delays: npt.ArrayLike, omega: Complexes
) -> Complexes:
    """Return the gains around the network's loops, shape (*shape of omega, populations, populations)."""
    number = len(populations)
    matrices = [np.asarray(m, float) for m in (coupling, delays)]
    for name, matrix in zip(("coupling", "delays"), matrices, strict=True):
        if matrix.shape != (number, number):
            raise SpecificationError(f"{name} has shape {matrix.shape}: must have shape {(number, number)}")
    chi = np.stack([linear_response(population, omega) for population in populations], axis=-1)
    return np.asarray(matrices[0] * chi[..., None] * np.exp(-1j * omega[..., None, None] * matrices[1]))
