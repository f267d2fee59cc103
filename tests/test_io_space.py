"""The colour space that a file states about itself: ICC by its numbers, PNG chunks, DPX, chromaticities."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from headroom.io import read
from headroom.io.hints import space_of_chromaticities
from headroom.io.icc import PRIMARIES, _adapted, description, space_of_profile

GAMMA_22 = ("curv", struct.pack(">IH", 1, 563))  # 563/256 = 2.19921875, Adobe RGB (1998), 4.3.4.2
SRGB_PARAMETERS = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SRGB_CURVE = ("para", struct.pack(">HH5i", 3, 0, *(round(v * 65536) for v in SRGB_PARAMETERS)))
LINEAR = ("curv", struct.pack(">I", 0))
PROPHOTO = (0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001, 0.34567, 0.35850)


def profile(chromaticities: tuple[float, ...], curve: tuple[str, bytes], name: str = "made by a test") -> bytes:
    """A minimal ICC version 2 matrix profile."""
    matrix = _adapted(chromaticities)
    kind, body = curve
    text = name.encode() + b"\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 80}
    for k, letter in enumerate((b"r", b"g", b"b")):
        numbers = [round(v * 65536) for v in matrix[:, k]]
        tags[letter + b"XYZ"] = b"XYZ \0\0\0\0" + struct.pack(">3i", *numbers)
        tags[letter + b"TRC"] = kind.encode() + b"\0\0\0\0" + body
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        content += b"\0" * (-len(content) % 4)
        table += struct.pack(">4sII", tag, start + len(data), len(content))
        data += content
    head = struct.pack(">I4sI4s4s4s", start + len(data), b"test", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + table + data


@pytest.mark.parametrize(
    ("primaries", "curve", "space"),
    [
        ("Rec.709", SRGB_CURVE, "sRGB Encoded Rec.709 (sRGB)"),
        ("Rec.709", LINEAR, "Linear Rec.709 (sRGB)"),
        ("P3-D65", SRGB_CURVE, "sRGB Encoded P3-D65"),
        ("AdobeRGB", GAMMA_22, "AdobeRGB"),
        ("Rec.2020", LINEAR, "Linear Rec.2020"),
        ("AP1", LINEAR, "ACEScg"),
        ("Rec.2020", GAMMA_22, None),
    ],
)
def test_profile_is_told_by_its_numbers(primaries: str, curve: tuple[str, bytes], space: str | None) -> None:
    assert space_of_profile(profile(PRIMARIES[primaries], curve)) == space


def test_profiles_that_pillow_makes_and_tables() -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert space_of_profile(made) == "sRGB Encoded Rec.709 (sRGB)"
    x = np.linspace(0, 1, 1024)
    table = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    stored = struct.pack(">I1024H", 1024, *np.rint(table * 65535).astype(int))
    assert space_of_profile(profile(PRIMARIES["Rec.709"], ("curv", stored))) == "sRGB Encoded Rec.709 (sRGB)"


def test_a_tiny_srgb_with_a_crude_curve_is_srgb() -> None:
    crude = ("curv", struct.pack(">IH", 1, 495))
    assert space_of_profile(profile(PRIMARIES["Rec.709"], crude, "sRGB")) == "sRGB Encoded Rec.709 (sRGB)"
    assert space_of_profile(profile(PRIMARIES["Rec.709"], crude, "scanner")) is None


def test_unknown_profile_is_named_and_the_assumption_said(tmp_path: Path) -> None:
    path = tmp_path / "wide.jpg"
    made = profile(PROPHOTO, ("curv", struct.pack(">IH", 1, 461)), "ProPhoto RGB")
    assert description(made) == "ProPhoto RGB"
    Image.new("RGB", (8, 8)).save(path, icc_profile=made)
    plate = read(path)
    assert plate.space is None
    assert "ProPhoto RGB" in plate.warnings[0]
    assert "taken as sRGB" in plate.warnings[0]
    assert "--from" in plate.warnings[0]


def test_profile_of_each_container_is_honoured(tmp_path: Path) -> None:
    made = profile(PRIMARIES["P3-D65"], SRGB_CURVE)
    for suffix in ("jpg", "png", "tif", "webp"):
        path = tmp_path / f"a.{suffix}"
        Image.new("RGB", (8, 8)).save(path, icc_profile=made)
        assert read(path).space == "sRGB Encoded P3-D65", suffix


@pytest.mark.parametrize("cut", [0, 10, 128, 140, 200])
def test_damaged_profile_is_no_crash(cut: int) -> None:
    damaged = profile(PRIMARIES["AP1"], LINEAR)[:cut]
    assert space_of_profile(damaged) is None
    assert description(damaged) in ("", "made by a test")


@pytest.mark.parametrize(
    ("kind", "body", "space"),
    [
        (b"cICP", bytes([9, 16, 0, 1]), "Rec.2100-PQ - Display"),
        (b"cICP", bytes([12, 13, 0, 1]), "sRGB Encoded P3-D65"),
        (b"gAMA", struct.pack(">I", 100_000), "Linear Rec.709 (sRGB)"),
        (b"gAMA", struct.pack(">I", 45_455), None),
    ],
)
def test_png_chunks(tmp_path: Path, kind: bytes, body: bytes, space: str | None) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4)).save(path)
    data = path.read_bytes()
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data[:33] + chunk + data[33:])  # after the signature and IHDR
    plate = read(path)
    assert plate.space == space
    assert plate.warnings == []


def test_no_statement_no_space(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.tif", "a.webp"):
        Image.new("RGB", (4, 4)).save(tmp_path / name)
        assert read(tmp_path / name).space is None


def test_chromaticities() -> None:
    assert space_of_chromaticities(PRIMARIES["AP0"]) == "ACES2065-1"
    assert space_of_chromaticities((0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)) == "Linear Rec.709 (sRGB)"
    assert space_of_chromaticities(PROPHOTO) is None
    assert space_of_chromaticities((0.0,) * 3) is None


def test_importing_io_loads_no_library() -> None:
    code = (
        "import sys, headroom.io as io; assert io.is_readable_suffix.__name__;"
        "print([m for m in ('numpy', 'OpenImageIO', 'OpenEXR', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    import headroom.io

    for name in headroom.io.__all__:
        assert getattr(headroom.io, name) is not None
