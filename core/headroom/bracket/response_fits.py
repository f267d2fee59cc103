"""Response curves out of a stack: Debevec and Malik's, Robertson's, and the nearest of real cameras' (EMoR).

All work on ``Samples`` and give a table of light over ``KNOTS`` codes, rising from 0 at code 0 to 1 at code 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from headroom.bracket.samples import Samples, residual_stops
from headroom.camera import EMOR_STD, emor_basis

__all__ = [
    "FITS", "KNOTS", "departed", "fit_debevec", "fit_emor", "fit_robertson", "logarithm", "rising", "trust_in",
]  # fmt: skip

Array = npt.NDArray[np.float64]

KNOTS = 256
TOE = 2
"""Knots above black through which the curve goes straight: codes that nobody can tell from noise."""
SAMPLE_LOG = 0.03
"""Standard deviation of a good observation, in natural logarithms: some 3 % of light."""
BEND = 4e-4
"""Standard deviation of the departure's second difference from knot to knot: a few tenths over the whole curve."""
ROUNDS = 6
"""Of reweighting: what moves disagrees with any curve, and loses its say (Cauchy's weights)."""
OUTLIER = 2.5
"""Robust standard deviations at which an observation counts half."""
ROBERTSON_ROUNDS = 60
ROBERTSON_END = 1e-4
EMOR_NUMBERS = 5
EMOR_STEPS = 25
LEAST_SLOPE = 0.01
"""Of a response, over a straight line's."""
LEAST = 1e-9


def fit_debevec(samples: Samples, base: Array) -> Array:
    """Debevec and Malik 1997, equation 3: least squares of log light, with the places' light eliminated.

    Smooth is not the curve itself but its departure from ``base``, (KNOTS,) the stated curve: a logarithm bends
    steeply towards black, and what the frames do not say is better taken from the stated curve than from a line.
    """
    log_base = logarithm(base)
    codes = np.linspace(0, 1, KNOTS)
    curve, trust = base, np.ones_like(samples.weight)
    for _ in range(ROUNDS):
        curve = departed(samples, log_base, trust)
        trust = trust_in(np.log2(np.maximum(np.interp(samples.code, codes, curve), LEAST)), samples)
    return curve


def departed(samples: Samples, log_base: Array, trust: Array, *, ridge: Array | None = None) -> Array:
    """(KNOTS,) ``exp(log_base + departure)``, one step: the departure under which the frames agree best.

    ``trust``: (P, N) beside the samples' weights. ``ridge``: (KNOTS,) how far the departure may be off 0.
    """
    low, share = _places(samples.code)
    known = (1 - share) * log_base[low] + share * log_base[low + 1]
    wanted = samples.ev_stops * np.log(2.0) - known  # what the departure is, but for the place's light
    prior = _bending() / BEND**2
    prior[KNOTS // 2, KNOTS // 2] += 1 / SAMPLE_LOG**2
    if ridge is not None:
        prior += np.diag(ridge**-2)
    normal, right = _normal(low, share, samples.weight * trust / SAMPLE_LOG**2, wanted)
    departure = np.asarray(np.linalg.solve(normal + prior, right), np.float64)
    return rising(np.exp(log_base + departure))


def fit_robertson(samples: Samples, base: Array) -> Array:
    """Robertson, Borman and Stevenson 2003, equations 8 and 12: light and curve in turn until neither moves.

    Begins with Debevec and Malik's curve and their outliers, and stays as smooth: left to itself it creeps, and may
    end with ripples of the frames' distance in stops, which no frame can contradict.
    """
    low, share = _places(samples.code)
    exposure = np.exp2(samples.ev_stops)
    log_base = logarithm(base)
    log_curve = logarithm(fit_debevec(samples, base))
    trust = trust_in(((1 - share) * log_curve[low] + share * log_curve[low + 1]) / np.log(2.0), samples)
    # Their Gaussian weights, equation 13; what clipped or is not shown still counts nothing.
    weight = np.exp(-4 * (samples.code - 0.5) ** 2 / 0.25) * (samples.weight > 0) * trust
    gathered = np.maximum((weight * exposure**2).sum(axis=1, keepdims=True), LEAST)
    count = _sums(low, share, weight)
    prior = _bending() / BEND**2 * SAMPLE_LOG**2
    for _ in range(ROBERTSON_ROUNDS):
        curve = np.exp(log_curve)
        seen = (1 - share) * curve[low] + share * curve[low + 1]
        expected = exposure * (weight * exposure * seen).sum(axis=1, keepdims=True) / gathered
        mean = _sums(low, share, weight * expected) / np.maximum(count, LEAST)
        departure = np.where(count > 0, np.log(np.maximum(mean, LEAST)) - log_base, 0)
        after = log_base + np.linalg.solve(np.diag(count + LEAST) + prior, count * departure)
        after -= after[KNOTS // 2]
        change, log_curve = float(np.abs(after - log_curve).max()), after
        if change < ROBERTSON_END:
            break
    return rising(np.exp(log_curve))


def fit_emor(samples: Samples, base: Array) -> Array:
    """Grossberg and Nayar 2004: five numbers choose among the curves of real cameras.

    Gauss-Newton on the frames' disagreement in log light; the spread of real cameras is the prior.
    """
    basis = emor_basis()
    components = basis.components[:EMOR_NUMBERS].astype(np.float64)
    spread = np.array(EMOR_STD[:EMOR_NUMBERS])
    light = np.linspace(0, 1, basis.mean.size)

    def decoded(numbers: Array, code: Array) -> Array:
        steps = np.maximum(np.diff(basis.mean + numbers @ components), LEAST_SLOPE / light.size)
        curve = np.concatenate([[0], np.cumsum(steps)])
        inverse: Array = np.interp(code, curve / curve[-1], light)
        return inverse

    def seen(numbers: Array) -> Array:
        return np.log2(np.maximum(decoded(numbers, samples.code), LEAST))

    def apart(numbers: Array) -> Array:
        return residual_stops(seen(numbers), samples)[1]

    def descended(numbers: Array) -> tuple[float, Array]:
        now, damping, sigma = apart(numbers), 1e-3, SAMPLE_LOG / np.log(2.0)

        def cost(apart: Array, numbers: Array) -> float:
            return float((weight * apart**2).sum() + ((numbers / spread) ** 2).sum())

        for _ in range(EMOR_STEPS):
            scale = OUTLIER * _robust_spread(now, samples.weight)
            weight = samples.weight / (1 + (now / scale) ** 2) / sigma**2
            slopes = np.stack([(apart(numbers + step) - now) / 1e-3 for step in 1e-3 * np.eye(EMOR_NUMBERS)], axis=-1)
            normal = np.einsum("pni,pn,pnj->ij", slopes, weight, slopes) + np.diag(spread**-2)
            right = -np.einsum("pni,pn,pn->i", slopes, weight, now) - numbers / spread**2
            change = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), right)
            after = apart(numbers + change)
            if cost(after, numbers + change) > cost(now, numbers):
                damping *= 10
                continue
            numbers, now, damping = numbers + change, after, max(damping / 5, 1e-6)
            if np.abs(change).max() < 1e-4:
                break
        return residual_stops(seen(numbers), samples)[0], numbers

    # There are valleys that lead nowhere: begun from the mean camera, and from where the frames' own curve points.
    own = np.interp(light, fit_debevec(samples, base), np.linspace(0, 1, KNOTS))
    starts = [np.zeros(EMOR_NUMBERS), np.linalg.lstsq(components.T, own - basis.mean, rcond=None)[0]]
    best = min((descended(start) for start in starts), key=lambda found: found[0])[1]
    return decoded(best, np.linspace(0, 1, KNOTS))


FITS = {"debevec": fit_debevec, "robertson": fit_robertson, "emor": fit_emor}


def rising(curve: Array) -> Array:
    """Never falling (pooled neighbours), straight through the toe to 0 at code 0, 1 at code 1."""
    values: list[float] = []
    counts: list[int] = []
    for value in curve:
        values.append(float(value))
        counts.append(1)
        while len(values) > 1 and values[-2] > values[-1]:
            last, number = values.pop(), counts.pop()
            values[-1] = (values[-1] * counts[-1] + last * number) / (counts[-1] + number)
            counts[-1] += number
    risen: Array = np.repeat(values, counts)
    risen[: TOE + 1] = risen[TOE] * np.arange(TOE + 1) / TOE
    whole: Array = risen / risen[-1]
    return whole


def logarithm(curve: Array) -> Array:
    """Of a curve that may be 0 at the dark end."""
    found: Array = np.log(np.maximum(curve, curve[TOE] / TOE / 4))
    return found


def _bending() -> Array:
    """(KNOTS, KNOTS): the sum of squared second differences, as a quadratic form."""
    bend = np.zeros((KNOTS - 2, KNOTS))
    rows = np.arange(KNOTS - 2)
    bend[rows, rows], bend[rows, rows + 1], bend[rows, rows + 2] = 1, -2, 1
    form: Array = bend.T @ bend
    return form


def _places(code: Array) -> tuple[npt.NDArray[np.int64], Array]:
    """The knot below a code, and the share of the one above."""
    at = code * (KNOTS - 1)
    low = at.astype(np.int64).clip(0, KNOTS - 2)
    return low, at - low


def _sums(low: npt.NDArray[np.int64], share: Array, values: Array) -> Array:
    """Values of observations, shared out to the knots about them."""
    total: Array = np.zeros(KNOTS)
    total += np.bincount(low.ravel(), (values * (1 - share)).ravel(), KNOTS)
    total += np.bincount((low + 1).ravel(), (values * share).ravel(), KNOTS)
    return total


def _normal(low: npt.NDArray[np.int64], share: Array, weight: Array, wanted: Array) -> tuple[Array, Array]:
    """The normal equations of the departure; each place's light is eliminated by its weighted mean."""
    count = len(low)
    place = np.repeat(np.arange(count)[:, None], low.shape[1], axis=1)
    total = np.maximum(weight.sum(axis=1), LEAST)
    means: Array = np.zeros((count, KNOTS))
    normal: Array = np.zeros((KNOTS, KNOTS))
    right: Array = np.zeros(KNOTS)
    ends = ((low, 1 - share), (low + 1, share))
    for knot, part in ends:
        sums = np.bincount((place * KNOTS + knot).ravel(), (weight * part).ravel(), count * KNOTS)
        means += sums.reshape(count, KNOTS)
        right += np.bincount(knot.ravel(), (weight * part * wanted).ravel(), KNOTS)
        for other, rest in ends:
            both = np.bincount((knot * KNOTS + other).ravel(), (weight * part * rest).ravel(), KNOTS * KNOTS)
            normal += both.reshape(KNOTS, KNOTS)
    normal -= (means / total[:, None]).T @ means
    right -= means.T @ ((weight * wanted).sum(axis=1) / total)
    return normal, right


def trust_in(log2_light: Array, samples: Samples) -> Array:
    """(P, N) 0..1: Cauchy's weights of what each observation is off, (P, N) light in stops."""
    _, apart = residual_stops(log2_light, samples)
    trust: Array = 1 / (1 + (apart / (OUTLIER * _robust_spread(apart, samples.weight))) ** 2)
    return trust


def _robust_spread(apart: Array, weight: Array) -> float:
    return max(1.4826 * float(np.median(np.abs(apart[weight > 0]))), 0.01)
