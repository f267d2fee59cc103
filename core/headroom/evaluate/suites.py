"""Which photographs a benchmark takes: a named suite turns scenes and clipped shares into cases."""

from __future__ import annotations

from collections.abc import Sequence

from headroom.errors import UsageError
from headroom.evaluate.exposures import EMOR_NAMES, RESPONSES, Case
from headroom.evaluate.handling import HANDLINGS
from headroom.evaluate.scenes import Scene

__all__ = ["DEFAULT_SUITES", "GROUPS", "SUITES", "cases"]

JPEG_QUALITY = 90

SUITES = {
    "srgb": "sRGB response, stated",
    "srgb-jpeg": "sRGB response, stated, JPEG 90",
    "srgb-noise": "sRGB response, stated, shot and read noise",
    "mixed": "eight responses in turn, each stated; every second plate a JPEG 90",
    "mixed-unknown": "eight responses in turn, sRGB declared for all; every second plate a JPEG 90",
    "unknown": "five EMoR draws in turn, sRGB declared for all; every second plate a JPEG 90",
    "all": "every response, stated, with and without JPEG 90",
    "all-unknown": "every EMoR draw, sRGB declared, with and without JPEG 90",
    **{name: f"{name} response, stated" for name in RESPONSES if name != "srgb"},
    **{name: f"sRGB response, stated; {way.meaning}" for name, way in HANDLINGS.items()},
}
"""Name and meaning."""

GROUPS = {"handled": tuple(HANDLINGS)}
"""One name for several suites."""

DEFAULT_SUITES = ("srgb", "srgb-jpeg", "mixed", "unknown")

# Shot noise of about 10,000 electrons at the clip, read noise of half an 8-bit code of linear light.
SHOT_NOISE = 0.01
READ_NOISE = 0.002


def cases(scenes: Sequence[Scene], shares: Sequence[float], suite: str) -> list[Case]:
    """All photographs of a suite, share by share."""
    if suite not in SUITES:
        raise UsageError(f"suite {suite!r} is not known; choose among {', '.join(SUITES)}")
    if suite in ("mixed", "mixed-unknown"):
        return _in_turn(scenes, shares, RESPONSES, stated=suite == "mixed")
    if suite == "unknown":
        return _in_turn(scenes, shares, EMOR_NAMES, stated=False)
    if suite in ("all", "all-unknown"):
        responses = RESPONSES if suite == "all" else EMOR_NAMES
        return [
            Case(scene, share, name, name if suite == "all" else "srgb", quality)
            for share in shares
            for scene in scenes
            for name in responses
            for quality in (None, JPEG_QUALITY)
        ]
    if suite in HANDLINGS:
        return [Case(scene, share, handling=suite) for share in shares for scene in scenes]
    response = suite.split("-jpeg")[0].split("-noise")[0]
    quality = JPEG_QUALITY if suite.endswith("-jpeg") else None
    noise = (SHOT_NOISE, READ_NOISE) if suite.endswith("-noise") else (0.0, 0.0)
    return [Case(scene, share, response, response, quality, *noise) for share in shares for scene in scenes]


def _in_turn(scenes: Sequence[Scene], shares: Sequence[float], responses: Sequence[str], *, stated: bool) -> list[Case]:
    """Each scene once a share, its response moving on from scene to scene and from share to share."""
    plan = []
    for shift, share in enumerate(shares):
        for index, scene in enumerate(scenes):
            response = responses[(index + shift) % len(responses)]
            quality = JPEG_QUALITY if (index // len(responses) + shift) % 2 else None
            plan.append(Case(scene, share, response, response if stated else "srgb", quality))
    return plan
