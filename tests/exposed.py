"""Brackets made for tests: a scene of known light, photographed with known exposures, as files with EXIF."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from headroom.colour.curves import srgb_encode

START = datetime(2026, 5, 1, 12, 0, 0)


def scene(height: int = 64, width: int = 96, seed: int = 0) -> np.ndarray:
    """(H, W, 3) linear light of about five decades: smooth, with edges, and a lamp of 60."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    base = 0.25 * 2.0 ** (3 * np.sin(7 * x + 2 * y) + 2 * np.cos(9 * y - 3 * x))
    tint = np.stack([1 + 0.3 * np.sin(5 * x), np.ones_like(x), 1 + 0.3 * np.cos(4 * y)], axis=-1)
    light = base[..., None] * tint
    for _ in range(12):
        top, left = chance.integers(0, height - 6), chance.integers(0, width - 8)
        light[top : top + 6, left : left + 8] = 2.0 ** chance.uniform(-5, 2) * chance.uniform(0.6, 1.4, 3)
    light[height // 4 : height // 4 + 6, width // 3 : width // 3 + 6] = 60.0
    return light.astype(np.float32)


def codes(light: np.ndarray, ev: float, *, bits: int = 8, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """The sRGB codes that a frame of ``ev`` stops records of the light."""
    linear = light * 2.0**ev
    if noise:
        chance = np.random.default_rng(seed + round(1000 * ev) % 7919)
        linear = linear + noise * np.sqrt(np.maximum(linear, 0.01)) * chance.standard_normal(linear.shape)
    top = 2**bits - 1
    return np.rint(srgb_encode(linear.clip(0, 1).astype(np.float32)) * top).astype(np.uint8 if bits == 8 else np.uint16)


def write_jpeg(
    path: Path, pixels: np.ndarray, *, seconds: float | None = None, f_number: float | None = 8.0,
    iso: int | None = 100, taken: float | None = None, bias: float | None = None, orientation: int = 1,
    make: str = "headroom", quality: int = 100,
) -> Path:  # fmt: skip
    """``taken``: seconds after noon, with its fraction."""
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[271] = make
    if orientation != 1:
        exif[274] = orientation
    inner = exif.get_ifd(0x8769)
    if seconds is not None:
        inner[33434] = IFDRational(round(seconds * 10**8), 10**8)
    if f_number is not None:
        inner[33437] = IFDRational(round(f_number * 100), 100)
    if iso is not None:
        inner[34855] = iso
    if bias is not None:
        inner[37380] = IFDRational(round(bias * 100), 100)
    if taken is not None:
        inner[36867] = (START + timedelta(seconds=int(taken))).strftime("%Y:%m:%d %H:%M:%S")
        inner[37521] = f"{taken % 1:.2f}"[2:]
    image.save(path, exif=exif, quality=quality, subsampling=0)
    return path


def write_bracket(
    folder: Path, light: np.ndarray, evs: list[float], *, first: float = 0.0, stem: str = "f"
) -> list[Path]:
    """JPEGs of 1/60 s and its multiples, a second apart."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_jpeg(folder / f"{stem}{k}.jpg", codes(light, ev), seconds=2.0**ev / 64, taken=first + k)
        for k, ev in enumerate(evs)
    ]
