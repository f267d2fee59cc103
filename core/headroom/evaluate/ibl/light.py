"""How a lat-long lights a scene, compared with how the true one does.

Diffuse irradiance is ``metrics.lighting``'s. Glossy: radiance prefiltered by GGX (Walter et al. 2007) with normal, view
and reflection in one direction, as renderers prefilter environment maps (Karis 2013), alpha = roughness squared.
Key light: the cap of 5 degrees that holds most light; the sun, where there is one.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headroom.metrics import luminance
from headroom.metrics.lighting import irradiance, relative_rms, solid_angles
from headroom.plate import FloatArray

__all__ = ["IblErrors", "KeyLight", "TrueLight", "directions", "ibl_errors", "key_light", "prefiltered"]

Array64 = npt.NDArray[np.float64]

ROUGHNESS = (0.2, 0.5)
BINS_X, BINS_Y = 128, 64
LOBES = 1024
"""Directions in which the prefiltered map is looked up."""
KEY_CAP_DEGREES = 5.0
BLOCKER_DEGREES = 10.0
"""Half angle of what is held in front of the key light for the shadow's contrast."""
CANDIDATES = 64
LIGHT_FLOOR = 1e-9


@dataclass(frozen=True)
class KeyLight:
    """The brightest cap of a lat-long."""

    direction: Array64
    """(3,) unit vector to the centre of its light."""
    energy: float
    """Luminance times solid angle, summed over the cap."""


@dataclass(frozen=True)
class IblErrors:
    """Of one lat-long against the truth."""

    diffuse: float
    """RMS error of irradiance over normals and channels / RMS of the true irradiance."""
    diffuse_stops: float
    """RMS over normals of the log2 ratio of luminous irradiance."""
    glossy_02: float
    """As ``diffuse``, of the map prefiltered at roughness 0.2."""
    glossy_05: float
    flux: float
    """Luminous flux over the whole sphere: test / truth."""
    sun_energy: float
    """Light of the key light's cap, each map's own: test / truth."""
    sun_degrees: float
    """Angle between the key lights."""
    shadow_stops: float
    """Depth of the shadow that a blocker before the true key light casts: test - truth, stops."""


@dataclass(frozen=True)
class TrueLight:
    """What the errors need of the truth, computed once for all methods."""

    diffuse: Array64
    glossy: tuple[Array64, ...]
    flux: float
    key: KeyLight
    shadow_stops: float

    @classmethod
    def of(cls, truth: FloatArray) -> TrueLight:
        """From an (H, W, 3) lat-long."""
        key = key_light(truth)
        return cls(
            irradiance(truth),
            tuple(prefiltered(truth, roughness) for roughness in ROUGHNESS),
            float(_luminous(truth).sum()),
            key,
            _shadow_stops(truth, key.direction),
        )


def ibl_errors(test: FloatArray, truth: TrueLight) -> IblErrors:
    """Compare an aligned (H, W, 3) lat-long with the truth."""
    diffuse = irradiance(test)
    glossy = [
        relative_rms(prefiltered(test, roughness), true)
        for roughness, true in zip(ROUGHNESS, truth.glossy, strict=True)
    ]
    ratio = luminance(diffuse).clip(LIGHT_FLOOR) / luminance(truth.diffuse).clip(LIGHT_FLOOR)
    key = key_light(test)
    return IblErrors(
        diffuse=relative_rms(diffuse, truth.diffuse),
        diffuse_stops=float(np.sqrt(np.mean(np.log2(ratio) ** 2))),
        glossy_02=glossy[0],
        glossy_05=glossy[1],
        flux=float(_luminous(test).sum()) / truth.flux,
        sun_energy=key.energy / truth.key.energy,
        sun_degrees=math.degrees(math.acos(float(np.clip(key.direction @ truth.key.direction, -1, 1)))),
        shadow_stops=_shadow_stops(test, truth.key.direction) - truth.shadow_stops,
    )


def key_light(latlong: FloatArray) -> KeyLight:
    """The 5 degree cap that holds most light, centred on that light."""
    height, width, _ = latlong.shape
    energy = _luminous(latlong)
    toward = directions(height, width)
    bins, centres = _binned(energy[..., None])[:, 0], _bin_directions()
    near = math.cos(math.radians(KEY_CAP_DEGREES))
    brightest = np.argsort(bins)[-CANDIDATES:]
    caps = (centres[brightest] @ centres.T >= near) @ bins
    centre = centres[brightest[int(caps.argmax())]]
    for _ in range(3):
        inside = toward @ centre >= near
        mean = (energy[inside][:, None] * toward[inside]).sum(0)
        length = float(np.linalg.norm(mean))
        if length <= 0.0:
            break
        centre = mean / length
    return KeyLight(centre, float(energy[toward @ centre >= near].sum()))


def prefiltered(latlong: FloatArray, roughness: float) -> Array64:
    """(1024, 3) the lat-long through a GGX lobe, in directions spread over the sphere."""
    energy = _binned(latlong.astype(np.float64) * _weights(*latlong.shape[:2])[..., None])
    return (_ggx(roughness) @ energy.astype(np.float32)).astype(np.float64)


@functools.lru_cache(maxsize=2)
def directions(height: int, width: int) -> Array64:
    """(H, W, 3) unit vectors to the pixels' centres: x right, y up, z forward at the middle column."""
    polar = (np.arange(height) + 0.5) / height * math.pi
    azimuth = ((np.arange(width) + 0.5) / width - 0.5) * 2.0 * math.pi
    sin = np.sin(polar)[:, None]
    return np.stack(
        [sin * np.sin(azimuth), np.broadcast_to(np.cos(polar)[:, None], (height, width)), sin * np.cos(azimuth)], -1
    )


def _weights(height: int, width: int) -> Array64:
    return np.repeat(solid_angles(height, width)[:, None], width, 1)


def _luminous(latlong: FloatArray) -> Array64:
    """(H, W) luminance times solid angle."""
    return np.asarray(luminance(latlong.astype(np.float64)) * solid_angles(*latlong.shape[:2])[:, None])


def _shadow_stops(latlong: FloatArray, toward_light: Array64) -> float:
    cosine = directions(*latlong.shape[:2]) @ toward_light
    received = _luminous(latlong) * cosine.clip(0.0)
    hidden = cosine >= math.cos(math.radians(BLOCKER_DEGREES))
    whole = float(received.sum())
    return math.log2(max(whole, LIGHT_FLOOR) / max(whole - float(received[hidden].sum()), LIGHT_FLOOR))


def _binned(energy: Array64) -> Array64:
    """(H, W, C) to (8192, C) sums over 64 x 128 cells, rows from the top."""
    height, width, channels = energy.shape
    rows = np.arange(height) * BINS_Y // height
    columns = np.arange(width) * BINS_X // width
    cell = (rows[:, None] * BINS_X + columns).ravel()
    flat = energy.reshape(-1, channels)
    return np.stack([np.bincount(cell, flat[:, c], BINS_X * BINS_Y) for c in range(channels)], -1)


@functools.cache
def _bin_directions() -> Array64:
    return directions(BINS_Y, BINS_X).reshape(-1, 3)


@functools.cache
def _ggx(roughness: float) -> npt.NDArray[np.float32]:
    """(1024, 8192) weights of each cell's energy; each lobe's sum to 1 over cells of equal radiance."""
    index = np.arange(LOBES) + 0.5
    y = 1.0 - 2.0 * index / LOBES
    turn = index * math.pi * (3.0 - math.sqrt(5.0))
    lobes = np.stack([np.sqrt(1 - y * y) * np.sin(turn), y, np.sqrt(1 - y * y) * np.cos(turn)], -1)
    cosine = lobes @ _bin_directions().T
    half2 = (1.0 + cosine) / 2.0  # squared cosine of the angle to the half vector
    alpha2 = roughness**4
    kernel = cosine.clip(0.0) / (half2 * (alpha2 - 1.0) + 1.0) ** 2
    total = kernel @ _weights(BINS_Y, BINS_X).ravel()
    return np.asarray(kernel / total[:, None], np.float32)
