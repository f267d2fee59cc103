"""What headroom-1 is to reach on the benchmark: the project's goals, each with its limit and what was found.

The mean (or median, where the goal says so) decides; the 95 % interval over scenes stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from headroom.evaluate.columns import COLUMNS
from headroom.evaluate.methods import BASE, BEST_GAIN, CURVE_ESTIMATE, LIGHT_MEAN, told_the_curve
from headroom.evaluate.report import ALL_SHARES, Report
from headroom.evaluate.statistics import ratio

__all__ = ["Goal", "goals"]

ORACLE_DB = 1.5
"""PU21-PSNR above the best constant gain of each picture, which only one who knows the truth can choose."""
ORACLE_LOG_SHARE = 0.85
BIAS_STOPS = 0.15
ENERGY = (0.8, 1.2)
DIFFUSE_SHARE = 0.8
WORST_DB = -1.0
"""Against inverse sRGB, on any photograph whose curve is stated."""
ESTIMATE_DB = 8.0
OUTSIDE_STOPS = 0.2
ESTIMATE_COST_DB = 0.3

COLUMN = {column.name: column for column in COLUMNS}


@dataclass(frozen=True)
class Goal:
    """One line of the table."""

    suite: str
    share: float
    """``ALL_SHARES``: over all of them."""
    title: str
    limit: str
    reached: str
    """Empty: this run did not measure it."""
    verdict: str
    """``met``, ``missed``, for a bound ``within reach`` or ``out of reach``; empty where it was not measured."""


def goals(report: Report, method: str) -> list[Goal]:
    """All goals for ``method`` (its name with the stated curve and the median light), suite by suite."""
    found: list[Goal] = []
    if "srgb" in report.suites:
        for share in report.shares:
            found += [*_stated(report, method, share), *_mean_light(report, method, share)]
    found += _worst(report, method)
    for share in report.shares:
        found += _unknown(report, method, share)
    return found


def _stated(report: Report, method: str, share: float) -> Iterator[Goal]:
    above = report.paired("srgb", share, method, BEST_GAIN, COLUMN["pu21_psnr"])
    yield _judged(
        "srgb", share, "PU21-PSNR over the best constant gain (oracle)", f"{ORACLE_DB:+g} dB", above.mean,
        f"{above.mean:+.2f} [{above.low:+.2f}, {above.high:+.2f}]", above.mean >= ORACLE_DB,
    )  # fmt: skip
    part, low, high = ratio(*(report.by_scene("srgb", share, name, "clip_rmse") for name in (method, BEST_GAIN)))
    yield _judged(
        "srgb", share, "log2 RMSE in the clip, of that oracle's", f"{ORACLE_LOG_SHARE:.0%}", part,
        f"{part:.1%} [{low:.1%}, {high:.1%}]", part <= ORACLE_LOG_SHARE,
    )  # fmt: skip
    seen = report.paired("srgb", share, method, BASE, COLUMN["jod"])
    yield _judged(
        "srgb", share, "JOD over inverse sRGB", "+0", seen.mean,
        f"{seen.mean:+.2f} [{seen.low:+.2f}, {seen.high:+.2f}]", seen.mean > 0,
    )  # fmt: skip
    bias = report.interval("srgb", share, method, "clip_bias")
    yield _judged(
        "srgb", share, "bias in the clip, stops", f"+-{BIAS_STOPS:g}", bias.mean,
        f"{bias.mean:+.2f} [{bias.low:+.2f}, {bias.high:+.2f}]", abs(bias.mean) <= BIAS_STOPS,
    )  # fmt: skip


def _mean_light(report: Report, method: str, share: float) -> Iterator[Goal]:
    """Of panoramas alone: only they light something."""
    method += LIGHT_MEAN
    energy = report.interval("srgb", share, method, "light_energy_clipped").median
    yield _judged(
        "srgb", share, f"energy in the clip over the true, median, `{LIGHT_MEAN.strip()}`",
        f"{ENERGY[0]:g} to {ENERGY[1]:g}", energy, f"{energy:.2f}", ENERGY[0] <= energy <= ENERGY[1],
    )  # fmt: skip
    ours, oracle = (report.interval("srgb", share, name, "light_diffuse").median for name in (method, BEST_GAIN))
    part = ours / oracle if oracle else math.nan
    yield _judged(
        "srgb", share, f"diffuse light's error, median, of that oracle's, `{LIGHT_MEAN.strip()}`",
        f"{DIFFUSE_SHARE:.0%}", part, f"{part:.0%} ({ours:.3f} for {oracle:.3f})", part <= DIFFUSE_SHARE,
    )  # fmt: skip


def _worst(report: Report, method: str) -> Iterator[Goal]:
    stated = {record.suite for record in report.records if record.declared == record.response}
    for suite in (name for name in report.suites if name in stated):
        value, scene = report.worst_image(suite, ALL_SHARES, method, BASE, "pu21_psnr")
        yield _judged(
            suite, ALL_SHARES, "worst photograph, PU21-PSNR over inverse sRGB", f"{WORST_DB:+g} dB", value,
            f"{value:+.2f} ({scene})", value >= WORST_DB,
        )  # fmt: skip


def _unknown(report: Report, method: str, share: float) -> Iterator[Goal]:
    """The camera's curve is not known; what the estimate of it brings, and costs where it was not needed."""
    estimate, pu21 = method + CURVE_ESTIMATE, COLUMN["pu21_psnr"]
    if "unknown" in report.suites:
        above = report.paired("unknown", share, estimate, BASE, pu21)
        yield _judged(
            "unknown", share, f"PU21-PSNR over inverse sRGB, `{CURVE_ESTIMATE.strip()}`", f"{ESTIMATE_DB:+g} dB",
            above.mean, f"{above.mean:+.2f} [{above.low:+.2f}, {above.high:+.2f}]", above.mean >= ESTIMATE_DB,
        )  # fmt: skip
        bound = report.paired("unknown", share, told_the_curve(method), BASE, pu21)
        yield _judged(
            "unknown", share, "the same, told the true curve: no estimate can do better (oracle)", "",
            bound.mean, f"{bound.mean:+.2f} [{bound.low:+.2f}, {bound.high:+.2f}]", bound.mean >= ESTIMATE_DB,
            words=("goal within reach", "goal out of reach"),
        )  # fmt: skip
        outside = report.interval("unknown", share, estimate, "outside_rmse").median
        yield _judged(
            "unknown", share, f"error outside the clip, stops, median, `{CURVE_ESTIMATE.strip()}`",
            f"{OUTSIDE_STOPS:g}", outside, f"{outside:.2f}", outside < OUTSIDE_STOPS,
        )  # fmt: skip
    if "srgb" in report.suites:
        cost = report.paired("srgb", share, method, estimate, pu21)
        yield _judged(
            "srgb", share, f"what `{CURVE_ESTIMATE.strip()}` costs on sRGB plates, PU21-PSNR",
            f"{ESTIMATE_COST_DB:g} dB", cost.mean, f"{cost.mean:.2f} [{cost.low:.2f}, {cost.high:.2f}]",
            cost.mean <= ESTIMATE_COST_DB,
        )  # fmt: skip


def _judged(
    suite: str,
    share: float,
    title: str,
    limit: str,
    value: float,
    reached: str,
    good: bool,
    words: tuple[str, str] = ("met", "missed"),
) -> Goal:
    if math.isnan(value):
        return Goal(suite, share, title, limit, "", "")
    return Goal(suite, share, title, limit, reached, words[0] if good else words[1])
