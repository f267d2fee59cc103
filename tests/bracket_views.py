"""Small brackets whose truth is known: one made-up scene seen by a hand-held camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from headroom.bracket.stack import Bracket
from headroom.camera import Response, shoot
from headroom.plate import FloatArray, Plate

Matrix = npt.NDArray[np.float64]


def scene(height: int, width: int, seed: int = 0) -> FloatArray:
    """Light over some ten stops: smooth ground, hard-edged things of all sizes, two lamps."""
    rng = np.random.default_rng(seed)
    light = np.ones((height, width, 3), np.float32)
    for sigma in (width / 6, width / 20, width / 60):
        noise = cv2.GaussianBlur(rng.standard_normal((height, width)).astype(np.float32), (0, 0), sigma)
        light *= np.exp(0.6 * noise / noise.std())[..., None]
    for _ in range(160):
        size = rng.uniform(0.01, 0.1) * width
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        box = cv2.boxPoints((centre, (size, size * rng.uniform(0.2, 1)), rng.uniform(0, 90)))
        cv2.fillPoly(light, [box.astype(np.int32)], (0.5 * np.exp(rng.normal(0, 1.2) + rng.normal(0, 0.3, 3))).tolist())
    for x in (0.25, 0.7):
        cv2.circle(light, (round(x * width), height // 4), width // 40, (30.0, 25.0, 18.0), -1)
    return light / np.median(light) * np.float32(0.18)


def hand(width: int, height: int, right: float, down: float, turn_degrees: float, zoom: float = 1.0) -> Matrix:
    """Reference to frame: a shift in pixels, a turn and a zoom about the middle."""
    middle = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]])
    c, s = zoom * np.cos(np.deg2rad(turn_degrees)), zoom * np.sin(np.deg2rad(turn_degrees))
    moved: Matrix = middle @ np.array([[c, -s, right], [s, c, down], [0, 0, 1]]) @ np.linalg.inv(middle)
    return moved


def seen(light: FloatArray, motion: Matrix, height: int, width: int) -> FloatArray:
    """The scene (twice as fine, with a margin) as a frame sees it whose ``motion`` is reference to frame."""
    margin = (light.shape[1] - 2 * width) / 2 + 0.5, (light.shape[0] - 2 * height) / 2 + 0.5
    to_scene = np.array([[2, 0, margin[0]], [0, 2, margin[1]], [0, 0, 1]]) @ np.linalg.inv(motion)
    soft = cv2.GaussianBlur(light, (0, 0), 1.0)
    frame: FloatArray = cv2.warpPerspective(
        soft, to_scene, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    return frame.clip(0, None)


def bracket(
    frames: Sequence[FloatArray],
    ev_stops: Sequence[float],
    *,
    response: Response | None = None,
    bits: int = 8,
    shot_noise: float = 0.01,
    read_noise: float = 0.001,
    reference: int | None = None,
) -> Bracket:
    """Frames of light at the reference's exposure, each shot at its own."""
    camera = response or Response.srgb()
    plates = []
    for k, (light, ev) in enumerate(zip(frames, ev_stops, strict=True)):
        code = shoot(
            light * np.float32(2.0**ev), camera, bits=bits, shot_noise=shot_noise, read_noise=read_noise,
            rng=np.random.default_rng(k),
        )  # fmt: skip
        kind = np.uint8 if bits == 8 else np.uint16
        plates.append(Plate(codes=np.round(code * np.iinfo(kind).max).astype(kind), bits=bits))
    middle = (len(plates) - 1) // 2 if reference is None else reference
    stops = tuple(float(ev - ev_stops[middle]) for ev in ev_stops)
    return Bracket(plates=tuple(plates), ev_stops=stops, reference=middle, source="stated")
