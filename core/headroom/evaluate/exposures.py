"""Virtual photographs: a scene, shot so that a stated share of it clips, through a stated response."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.camera import Response, expose_for_clipped_share, shoot
from headroom.errors import UsageError
from headroom.evaluate.handling import HANDLINGS, handled
from headroom.evaluate.scenes import Scene, load_scene
from headroom.metrics import headroom_stops, pu21_encode, to_nits, well_exposed
from headroom.plate import FloatArray

__all__ = ["EMOR_NAMES", "RESPONSES", "SHARES", "Case", "Exposure", "expose", "response_named"]

SHARES = (0.02, 0.05, 0.15)
"""Share of the pixels that have some channel at or above the clip level."""

BITS = 8
NOISE_SEED = 1

# Eilertsen et al. 2017: the means of the sigmoid's two parameters.
SIGMOID = (0.9, 0.6)
GAMMA = 2.2

EMOR_NAMES = ("emor-1", "emor-2", "emor-3", "emor-4", "emor-5")
"""Five fixed draws; the seed of a draw is its number."""

# Least slope of a draw, as a share of a straight line's. A random sum of components can have a flat
# stretch in its middle, where 8 bits record nothing at all; no camera is built like that.
LEAST_SLOPE = 0.1

RESPONSES = ("srgb", "gamma", "sigmoid", *EMOR_NAMES)


@dataclass(frozen=True)
class Case:
    """What is photographed how, and what the methods are told."""

    scene: Scene
    share: float
    response: str = "srgb"
    declared: str = "srgb"
    """The response that the methods are told: the true one, or sRGB where it counts as unknown."""
    jpeg_quality: int | None = None
    shot_noise: float = 0.0
    """Standard deviation at the clip level, growing with the root of the light."""
    read_noise: float = 0.0
    handling: str | None = None
    """What happened to it after the camera: one of ``HANDLINGS``; response, noise and JPEG are then that way's own."""

    @property
    def name(self) -> str:
        """For tables and logs."""
        parts = [self.scene.name, f"{100 * self.share:g} %", self.response]
        if self.declared != self.response:
            parts.append(f"declared {self.declared}")
        if self.jpeg_quality is not None:
            parts.append(f"JPEG {self.jpeg_quality}")
        if self.shot_noise or self.read_noise:
            parts.append("noise")
        if self.handling is not None:
            parts.append(self.handling)
        return ", ".join(parts)


@dataclass(frozen=True)
class Exposure:
    """A virtual photograph and its truth, both (H, W, 3)."""

    case: Case
    code: FloatArray
    """Code values 0..1."""
    truth: FloatArray
    """Linear light in camera units: 1.0 is the clip level."""
    well_exposed: npt.NDArray[np.bool_]
    """(H, W): recorded pixels that are compared for the scale and for the curve."""
    declared: Response
    response: Response
    headroom: float
    """Stops from the clip level to the truth's 99.9th percentile; below 0.5 there is little to test."""

    @functools.cached_property
    def truth_pu21(self) -> FloatArray:
        """(H, W, 3) the truth in PU21 units."""
        return np.asarray(pu21_encode(to_nits(self.truth)), np.float32)

    @property
    def is_jpeg(self) -> bool:
        """Whether the plate went through JPEG."""
        if self.case.handling is not None:
            return HANDLINGS[self.case.handling].is_jpeg
        return self.case.jpeg_quality is not None


@functools.cache
def response_named(name: str) -> Response:
    """One of ``RESPONSES``."""
    if name == "srgb":
        return Response.srgb()
    if name == "gamma":
        return Response.gamma(GAMMA)
    if name == "sigmoid":
        return Response.sigmoid(*SIGMOID)
    if name in EMOR_NAMES:
        return _draw(seed=1 + EMOR_NAMES.index(name))
    raise UsageError(f"response {name!r} is not known; choose among {', '.join(RESPONSES)}")


def _draw(seed: int) -> Response:
    rng = np.random.default_rng(seed)
    light = np.linspace(0.0, 1.0, 1025)
    while True:
        response = Response.draw_emor(rng)
        if float(np.diff(response.forward(light)).min()) * 1024 >= LEAST_SLOPE:
            return response


def expose(case: Case) -> Exposure:
    """Take the photograph."""
    lin = load_scene(case.scene.path)
    truth = lin * np.float32(expose_for_clipped_share(lin, case.share))
    response = response_named(case.response)
    if case.handling is not None:
        code, truth = handled(truth, case.handling)
    else:
        code = shoot(
            truth,
            response,
            bits=BITS,
            jpeg_quality=case.jpeg_quality,
            shot_noise=case.shot_noise,
            read_noise=case.read_noise,
            rng=np.random.default_rng(NOISE_SEED),
        )
    return Exposure(
        case=case,
        code=code,
        truth=truth,
        well_exposed=well_exposed(code),
        declared=response_named(case.declared),
        response=response,
        headroom=headroom_stops(truth),
    )
