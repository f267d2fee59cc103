"""Photographs of panoramas for the network of light powers: what it sees of each, and the light that it should give.

A photograph is taken as whole panoramas are (exposure by clipped share, response, noise, JPEG), reconstructed by
headroom-1, and kept as numbers alone: features of regions and scene, the light round each region's peak, and for 64
normals the irradiance, diffuse and through a glossy lobe, by what stays as it is, by each region's glow, and by its
concentrated light. Relighting is linear in the regions' powers, so training never touches a pixel again.
"""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headroom.camera import Response, expose_for_clipped_share, shoot
from headroom.colour.curves import srgb_encode
from headroom.colour.plan import ColourPlan, plan
from headroom.errors import PlateError, WriteError
from headroom.metrics.lighting import solid_angles
from headroom.metrics.linear import luminance
from headroom.panorama.clip_features import features
from headroom.panorama.clip_regions import (
    GAIN_MOST,
    LIGHT_FLOOR,
    SHARPEN,
    VIEW_COLUMNS,
    VIEW_ROWS,
    ClipRegions,
    PowerView,
    View,
    cell_directions,
    cell_weights,
)
from headroom.panorama.sphere import directions
from headroom.panorama.sun_disc import compact, disc_fits
from headroom.plate import FloatArray, Plate
from headroom.reconstruct import Reconstructor

__all__ = ["LightView", "Photography", "halved", "take_view"]

Array = npt.NDArray[np.float32]
Array64 = npt.NDArray[np.float64]

NORMALS = 64
BIN_ROWS, BIN_COLUMNS = 32, 64
GLOSSY_ROUGHNESS = 0.5


@dataclass(frozen=True, kw_only=True)
class Photography:
    """Ranges of everything random about a photograph."""

    clipped_share: tuple[float, float] = (0.006, 0.28)
    """Log-uniform."""
    half_size: float = 0.85
    """Share of the photographs of the panorama at half its size: four times as many an hour."""
    white_balance_std: float = 0.15
    saturation: tuple[float, float] = (0.75, 1.3)
    srgb_share: float = 0.62
    emor_share: float = 0.16
    style_share: float = 0.10
    sigmoid_share: float = 0.06
    noisy_share: float = 0.4
    jpeg_share: float = 0.35
    jpeg_quality: tuple[int, int] = (60, 98)
    shot_noise: tuple[float, float] = (0.001, 0.02)
    read_noise: tuple[float, float] = (0.0002, 0.004)


@dataclass(frozen=True)
class LightView:
    """One photograph with R regions; irradiance is (..., 64, 3), light in shares of the recorded flux."""

    region: Array
    """(R, F) features."""
    scene: Array
    """(S,) features."""
    share: Array
    """() of the pixels that clipped."""
    true_light: Array
    """(R, 3) the truth's light above what was recorded."""
    glow_light: Array
    """(R, 3) headroom-1's."""
    sharp_light: Array
    """(R, 3) of the concentrated distribution, luminance 1."""
    true_compact: Array
    """(R,) of the truth's light above what was recorded, luminous, what lies within 5 degrees of its peak."""
    glow_compact: Array
    """(R,) of headroom-1's."""
    in_sky: Array
    """(R,) 1 where a sun's disc could be."""
    peak: Array
    """(R, P) features for the sun."""
    diffuse_kept: Array
    """(64, 3) from what no region changes."""
    diffuse_true: Array
    diffuse_clipped: Array
    diffuse_glow: Array
    """(R, 64, 3)."""
    diffuse_sharp: Array
    """(R, 64, 3) by concentrated light of the power of the recorded flux."""
    glossy_kept: Array
    glossy_true: Array
    glossy_glow: Array
    glossy_sharp: Array

    @classmethod
    def of(cls, view: View, truth: Array64, share: float) -> LightView:
        """From a view and the (128, 256, 3) truth, both in units of the clip level."""
        regions = ClipRegions.of(view)
        numbers = features(regions)
        flux = float((luminance(view.clipped) * cell_weights()).sum())
        level = luminance(view.clipped + view.extra)
        gain = np.log2((level / luminance(view.clipped).clip(LIGHT_FLOOR)).clip(1.0, 2.0**GAIN_MOST))
        sharp = view.extra * np.exp2(SHARPEN * gain)[..., None]
        true_extra = (truth - view.clipped).clip(0)
        kept = view.clipped + view.extra * (regions.labels == 0)[..., None]
        parts: dict[str, list[Array64]] = {name: [] for name in _PER_REGION}
        for n in range(regions.count):
            cells = np.nonzero(regions.labels == n + 1)
            sharp_n = _energy(sharp, cells)
            sharp_n = sharp_n / max(float(luminance(sharp_n.sum(0))), 1e-12)
            glow_n = _energy(view.extra, cells)
            true_n = _energy(true_extra, cells)
            parts["true_light"].append(true_n.sum(0) / flux)
            parts["glow_light"].append(glow_n.sum(0) / flux)
            parts["sharp_light"].append(sharp_n.sum(0))
            toward = cell_directions()[cells]
            parts["true_compact"].append(np.array(compact(luminance(true_n), toward) / flux))
            parts["glow_compact"].append(np.array(compact(luminance(glow_n), toward) / flux))
            for name, kernel in _kernels().items():
                seen = kernel[:, _bins()[cells]]
                parts[f"{name}_glow"].append(seen @ glow_n)
                parts[f"{name}_sharp"].append(seen @ sharp_n * flux)
        whole = {
            "diffuse_kept": _irradiance(kept, "diffuse"),
            "diffuse_true": _irradiance(truth, "diffuse"),
            "diffuse_clipped": _irradiance(view.clipped, "diffuse"),
            "glossy_kept": _irradiance(kept, "glossy"),
            "glossy_true": _irradiance(truth, "glossy"),
        }
        stacked = {name: np.array(found).reshape(regions.count, *_PER_REGION[name]) for name, found in parts.items()}
        seen_of = {"region": numbers.region, "scene": numbers.scene, "peak": numbers.peak}
        sky = np.asarray(disc_fits(regions), np.float64)
        everything = {**seen_of, "in_sky": sky, "share": np.array(share), **stacked, **whole}
        return cls(**{name: np.asarray(value, np.float32) for name, value in everything.items()})

    def save(self, path: Path) -> None:
        """One ``.npz``, written beside and renamed."""
        partial = path.with_suffix(".partial.npz")
        try:
            np.savez(partial, **asdict(self))
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise WriteError(f"{path}: cannot save the photograph ({error.strerror}); free some space") from error

    @classmethod
    def load(cls, path: Path) -> LightView:
        """What ``save`` wrote."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(**{field.name: file[field.name] for field in fields(cls)})
        except (OSError, ValueError, KeyError) as error:
            raise PlateError(f"{path}: not a photograph of this version ({error}); delete it") from error


_PER_REGION: dict[str, tuple[int, ...]] = {
    "true_light": (3,), "glow_light": (3,), "sharp_light": (3,),
    "true_compact": (), "glow_compact": (), "diffuse_glow": (NORMALS, 3),
    "diffuse_sharp": (NORMALS, 3), "glossy_glow": (NORMALS, 3), "glossy_sharp": (NORMALS, 3),
}  # fmt: skip


def take_view(lin: FloatArray, how: Photography, reconstructor: Reconstructor, rng: np.random.Generator) -> LightView:
    """Photograph a lat-long (H, W, 3) of linear light, reconstruct it, and keep what training needs."""
    if rng.random() < how.half_size:
        lin = halved(lin)
    lin = np.roll(lin, int(rng.integers(lin.shape[1])), 1)
    lin = lin[:, ::-1] if rng.random() < 0.5 else lin
    lin = lin * np.exp(how.white_balance_std * rng.standard_normal(3)).astype(np.float32)
    grey = lin.mean(2, keepdims=True)
    lin = np.ascontiguousarray((grey + (lin - grey) * np.float32(rng.uniform(*how.saturation))).clip(0))
    share = _log_uniform(rng, how.clipped_share)
    response = _response(rng, how)
    truth = lin * np.float32(expose_for_clipped_share(lin, share))
    noisy = rng.random() < how.noisy_share
    code = shoot(
        truth,
        response,
        shot_noise=_log_uniform(rng, how.shot_noise) * noisy,
        read_noise=_log_uniform(rng, how.read_noise) * noisy,
        jpeg_quality=int(rng.integers(*how.jpeg_quality)) if rng.random() < how.jpeg_share else None,
        rng=rng,
    )
    # Whatever the camera's curve, it is known: the plate comes linearised, as sRGB codes of 16 bits.
    codes = np.rint(srgb_encode(response.inverse(code)) * 65535.0).astype(np.uint16)
    found = list(reconstructor.bands(Plate(codes=codes), _colour()))
    view = PowerView.of(np.concatenate([b.pixels for b in found]), np.concatenate([b.mask for b in found]))
    small = PowerView.of(np.asarray(truth, np.float32), np.zeros(truth.shape[:2], np.float32))
    return LightView.of(view, small.clipped + small.extra, share)


def halved(lin: FloatArray) -> FloatArray:
    """(H, W, 3) to half the size, by area."""
    height, width = lin.shape[0] // 2 * 2, lin.shape[1] // 2 * 2
    return np.asarray(lin[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3)))


@functools.cache
def _colour() -> ColourPlan:
    return plan(None, to="Linear Rec.709 (sRGB)", bits=16)


def _log_uniform(rng: np.random.Generator, span: tuple[float, float]) -> float:
    return math.exp(rng.uniform(math.log(span[0]), math.log(span[1])))


def _response(rng: np.random.Generator, how: Photography) -> Response:
    shares = np.array([how.srgb_share, how.emor_share, how.style_share, how.sigmoid_share])
    kind = int(rng.choice(5, p=np.append(shares, 1 - shares.sum())))
    if kind == 0:
        return Response.srgb()
    if kind == 1:
        return Response.draw_emor(rng, spread=rng.uniform(0.7, 1.1))
    if kind == 2:
        return Response.picture_style(rng.uniform(-0.3, 0.7), rng.uniform(-0.3, 0.4))
    if kind == 3:
        n, sigma = np.clip(rng.normal(0.9, 0.1), 0.5, 1.5), np.clip(rng.normal(0.6, 0.1), 0.2, 2)
        return Response.sigmoid(float(n), float(sigma))
    return Response.gamma(float(rng.uniform(1.8, 2.6)))


def _energy(light: Array64, cells: tuple[npt.NDArray[np.intp], ...]) -> Array64:
    return np.asarray(light[cells] * cell_weights()[cells][:, None])


def _irradiance(light: Array64, kernel: str) -> Array64:
    energy = light * cell_weights()[..., None]
    binned = energy.reshape(BIN_ROWS, VIEW_ROWS // BIN_ROWS, BIN_COLUMNS, VIEW_COLUMNS // BIN_COLUMNS, 3).sum((1, 3))
    return np.asarray(_kernels()[kernel] @ binned.reshape(-1, 3))


@functools.cache
def _bins() -> npt.NDArray[np.intp]:
    """(128, 256) the coarse bin of each cell."""
    rows = np.arange(VIEW_ROWS) * BIN_ROWS // VIEW_ROWS
    return np.asarray(rows[:, None] * BIN_COLUMNS + np.arange(VIEW_COLUMNS) * BIN_COLUMNS // VIEW_COLUMNS)


@functools.cache
def _kernels() -> dict[str, Array64]:
    """(64, 2048) each: how much of a bin's light each normal receives; glossy is a GGX lobe (Walter et al. 2007)."""
    index = np.arange(NORMALS) + 0.5
    y = 1.0 - 2.0 * index / NORMALS
    turn = index * math.pi * (3.0 - math.sqrt(5.0))
    normals = np.stack([np.sqrt(1 - y * y) * np.cos(turn), y, np.sqrt(1 - y * y) * np.sin(turn)], -1)
    cosine = normals @ directions(BIN_ROWS, BIN_COLUMNS).reshape(-1, 3).T
    alpha2 = GLOSSY_ROUGHNESS**4
    lobe = cosine.clip(0) / ((1 + cosine) / 2 * (alpha2 - 1) + 1) ** 2
    weights = np.repeat(solid_angles(BIN_ROWS, BIN_COLUMNS)[:, None], BIN_COLUMNS, 1).ravel()
    return {"diffuse": cosine.clip(0), "glossy": lobe / (lobe @ weights)[:, None]}
