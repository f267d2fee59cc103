"""How a camera moves and exposes: one function a kind, all in pixels a frame, so that any field of view moves alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from headroom.evaluate.shots.geometry import Array64, Pose, turned

__all__ = ["CAMERAS", "Track", "poses"]

# A trained operator's hands: slow sway of some pixels, and a tremor of parts of one (frames are 384 wide).
SWAY_PX = 4.0
TREMOR_PX = 0.35
SWAY_ROLL_DEGREES = 1.0


@dataclass(frozen=True)
class Track:
    """What changes from frame to frame, each (frames,): none of it moves by default."""

    yaw_px: Array64
    pitch_px: Array64
    roll: Array64
    """Radians."""
    zoom: Array64
    """Focal length relative to the first view."""
    forward: Array64
    """Way into the scene, as a share of its distance."""
    aside: Array64
    ev_stops: Array64
    """Added exposure."""
    meters: bool = field(default=False)
    """The camera exposes by itself: ``ev_stops`` comes from what it sees (see ``shot``)."""


def _still(frames: int, **moved: npt.NDArray[np.floating] | bool) -> Track:
    names = ("yaw_px", "pitch_px", "roll", "forward", "aside", "ev_stops")
    rest = {name: np.zeros(frames) for name in names} | {"zoom": np.ones(frames)}
    return Track(**(rest | moved))  # type: ignore[arg-type]


def _eased(frames: int) -> Array64:
    """0 to 1, slow at both ends."""
    s = np.linspace(0.0, 1.0, frames)
    return s * s * (3.0 - 2.0 * s)


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))


def _static(rng: np.random.Generator, frames: int) -> Track:
    del rng
    return _still(frames)


def _pan(rng: np.random.Generator, frames: int) -> Track:
    way = _sign(rng) * rng.uniform(3.0, 7.0) * frames * _eased(frames)
    return _still(frames, yaw_px=way, pitch_px=way * rng.uniform(-0.25, 0.25))


def _zoom(rng: np.random.Generator, frames: int) -> Track:
    return _still(frames, zoom=np.exp(_sign(rng) * rng.uniform(0.25, 0.4) * (_eased(frames) - 0.5)))


def _dolly(rng: np.random.Generator, frames: int) -> Track:
    s = _eased(frames) - 0.5
    return _still(frames, forward=_sign(rng) * rng.uniform(0.2, 0.35) * s, aside=rng.uniform(-0.15, 0.15) * s)


def _handheld(rng: np.random.Generator, frames: int) -> Track:
    t = np.arange(frames)

    def sway(amount: float) -> Array64:
        waves = [np.sin(t * rng.uniform(0.15, 0.6) + rng.uniform(0, 2 * np.pi)) for _ in range(2)]
        return np.asarray(amount * (waves[0] + 0.5 * waves[1]), np.float64)

    tremor = rng.normal(0.0, TREMOR_PX, (2, frames))
    roll = sway(np.radians(SWAY_ROLL_DEGREES))
    return _still(frames, yaw_px=sway(SWAY_PX) + tremor[0], pitch_px=sway(SWAY_PX) + tremor[1], roll=roll)


def _ramp(rng: np.random.Generator, frames: int) -> Track:
    ev = _sign(rng) * rng.uniform(1.0, 1.6) * (_eased(frames) - 0.5)
    return _still(frames, ev_stops=ev, yaw_px=_sign(rng) * 0.4 * np.arange(frames))


def _auto(rng: np.random.Generator, frames: int) -> Track:
    way = _sign(rng) * rng.uniform(3.5, 5.5) * frames * _eased(frames)
    return _still(frames, yaw_px=way, meters=True)


def _drifting(rng: np.random.Generator, frames: int) -> Track:
    """Hands that hold nearly still: for shots in which something else moves."""
    t = np.arange(frames)
    return _still(
        frames,
        yaw_px=rng.uniform(-0.5, 0.5) * t + rng.normal(0, TREMOR_PX, frames),
        pitch_px=rng.uniform(-0.2, 0.2) * t + rng.normal(0, TREMOR_PX, frames),
    )


CAMERAS: dict[str, Callable[[np.random.Generator, int], Track]] = {
    "static": _static,
    "pan": _pan,
    "zoom": _zoom,
    "dolly": _dolly,
    "handheld": _handheld,
    "ramp": _ramp,
    "auto": _auto,
    "drifting": _drifting,
}


def poses(track: Track, yaw: float, pitch: float, half_tan: float, width: int) -> tuple[Pose, ...]:
    """The camera of each frame, looking along ``yaw`` and ``pitch`` (radians) where its track is 0."""
    radians_per_px = 2.0 * half_tan / width
    base = turned(yaw, pitch, 0.0)
    found = []
    for i in range(len(track.zoom)):
        own = (track.yaw_px[i] * radians_per_px, track.pitch_px[i] * radians_per_px)
        turn = turned(yaw + own[0], pitch + own[1], float(track.roll[i]))
        place = base @ np.array([track.aside[i], 0.0, track.forward[i]])
        found.append(Pose(turn, np.asarray(place, np.float64), half_tan / float(track.zoom[i])))
    return tuple(found)
