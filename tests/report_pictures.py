"""A plate and a result as `headroom convert` would write it, made in a moment and known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from headroom import io
from headroom.colour.curves import srgb_decode
from headroom.colour.gamut import BRADFORD, GAMUTS, REC709, rgb_to_rgb

__all__ = ["AP1", "Pair", "plate_and_result", "save_result"]

AP1 = GAMUTS["AP1"]


@dataclass(frozen=True)
class Pair:
    plate: Path
    result: Path
    codes: npt.NDArray[np.uint8]
    hdr709: npt.NDArray[np.float32]
    """Before it was rounded to half floats in the result's primaries."""
    mask: npt.NDArray[np.float32]
    gain: npt.NDArray[np.float32]


def plate_and_result(
    folder: Path,
    *,
    name: str = "",
    width: int = 96,
    height: int = 64,
    gain_stops: float = 4.0,
    primaries: tuple[float, ...] = AP1,
    channels: frozenset[str] | set[str] = frozenset({"mask", "gain"}),
    attributes: dict[str, str | int | float] | None = None,
) -> Pair:
    """A gradient with colour and texture whose right fifth is clipped, and its light with up to ``gain_stops`` more."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(11)
    x, y = np.meshgrid(np.linspace(0, 1.25, width), np.linspace(0, 1, height))
    shade = np.stack([x, 0.15 + 0.8 * x * (1 - 0.3 * y), 0.05 + 0.9 * x * y], axis=-1) + rng.normal(
        0, 0.01, (height, width, 3)
    )
    shade[x > 1] = 1.5
    codes = np.rint(255 * shade.clip(0, 1)).astype(np.uint8)
    mask = ((codes.max(axis=-1) / 255 - 0.95) / 0.05).clip(0, 1).astype(np.float32)
    gain = (mask * gain_stops * (0.4 + 0.6 * np.sin(3 * y) ** 2)).astype(np.float32)
    ldr709 = srgb_decode(codes.astype(np.float64) / 255)
    hdr709 = ldr709 * np.exp2(gain)[..., None]
    plate, result = folder / f"plate{name}.png", folder / f"hdr{name}.exr"
    Image.fromarray(codes).save(plate)
    told: dict[str, str | int | float] = {
        "headroom:model": "headroom-1 0.2.0",
        "headroom:weights": "abcdef0123",
        "headroom:sourceSpace": "sRGB Encoded Rec.709 (sRGB)",
        "headroom:space": "ACEScg",
        "headroom:options": '{"boost": 1.0, "clip_level": null, "curve": "declared"}',
    }
    save_result(
        result,
        hdr709,
        primaries=primaries,
        mask=mask if "mask" in channels else None,
        gain=gain if "gain" in channels else None,
        attributes={**told, **(attributes or {})},
    )
    return Pair(plate, result, codes, hdr709.astype(np.float32), mask, gain)


def save_result(path: Path, light709: npt.NDArray[Any], *, primaries: tuple[float, ...], **named: Any) -> None:
    """Linear Rec.709 as an EXR in other primaries."""
    light = light709 @ rgb_to_rgb(REC709, primaries, BRADFORD).T
    io.write(path, light.astype(np.float32), chromaticities=primaries, **named)
