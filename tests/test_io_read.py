"""Every kind of plate that the reader promises, each as a small real file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from PIL import Image, ImageCms

from headroom.io import is_readable_suffix, read

RNG = np.random.default_rng(7)
CODES8 = RNG.integers(0, 256, (7, 11, 3), dtype=np.uint8)
SRGB = "sRGB Encoded Rec.709 (sRGB)"


def save(path: Path, array: np.ndarray, kind: str, **attributes: object) -> Path:
    """Writes an array with OpenImageIO in the stored type ``kind``."""
    height, width, count = array.shape
    spec = OpenImageIO.ImageSpec(width, height, count, kind)
    for name, value in attributes.items():
        name = name.replace("__", ":")
        if isinstance(value, tuple):
            spec.attribute(name, OpenImageIO.TypeDesc(value[0]), value[1])
        else:
            spec.attribute(name, value)
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(array), out.geterror()
    assert out.close()
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "tga"])
def test_8_bit_codes_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"plate.{suffix}"
    Image.fromarray(CODES8).save(path, **({"lossless": True} if suffix == "webp" else {}))
    plate = read(path)
    assert plate.codes.dtype == np.uint8
    assert plate.bits == 8
    assert plate.alpha is None
    np.testing.assert_array_equal(plate.codes, CODES8)
    assert plate.rows(2, 5).dtype == np.float32
    np.testing.assert_array_equal(plate.rows(2, 5), CODES8[2:5].astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_codes_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    codes = RNG.integers(0, 65536, (5, 9, 3), dtype=np.uint16)
    plate = read(save(tmp_path / f"plate.{suffix}", codes, "uint16"))
    assert plate.bits == 16
    assert not plate.is_float
    np.testing.assert_array_equal(plate.codes, codes)


@pytest.mark.parametrize(("suffix", "kind"), [("tif", "float"), ("exr", "float"), ("exr", "half")])
def test_float_codes_come_back_exactly(tmp_path: Path, suffix: str, kind: str) -> None:
    values = (RNG.random((5, 9, 3)) * 40 - 1).astype(np.float16 if kind == "half" else np.float32)
    plate = read(save(tmp_path / f"plate.{suffix}", values, kind))
    assert plate.is_float
    assert plate.codes.dtype == values.dtype
    np.testing.assert_array_equal(plate.codes, values)


@pytest.mark.parametrize("bits", [10, 12])
def test_dpx_codes_stand_at_their_share_of_the_top_code(tmp_path: Path, bits: int) -> None:
    top = (1 << bits) - 1
    codes = np.arange(top + 1).repeat(3).reshape(1, -1, 3)
    widened = (codes << (16 - bits)) | (codes >> (2 * bits - 16))
    path = save(
        tmp_path / "plate.dpx",
        widened.astype(np.uint16),
        "uint16",
        oiio__BitsPerSample=bits,
        dpx__Transfer="Printing density",
        dpx__FrameRate=23.976,
        smpte__TimeCode=("timecode", (0x01020304, 0)),
    )
    plate = read(path)
    assert plate.bits == bits
    assert plate.codes.dtype == np.uint16
    np.testing.assert_array_equal(plate.codes, np.floor(codes / top * 65535 + 0.5).astype(np.uint16))
    assert plate.codes[0, 0, 0] == 0
    assert plate.codes[0, -1, 0] == 65535
    assert plate.space == "Cineon"
    assert plate.metadata["timeCode"] == (0x01020304, 0)
    assert plate.metadata["framesPerSecond"] == (24000, 1001)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(CODES8).save(path, exif=exif)
    from PIL import ImageOps

    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    plate = read(path)
    np.testing.assert_array_equal(plate.codes, upright)
    assert "Orientation" not in plate.metadata


def test_jpeg_is_told_as_such_and_rotated(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(CODES8).save(path, exif=exif, icc_profile=profile, quality=95)
    plate = read(path)
    assert plate.is_jpeg
    assert (plate.width, plate.height) == (7, 11)
    assert plate.space == SRGB
    assert plate.metadata["Make"] == "Maker"
    assert plate.warnings == []


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_straight_alpha_is_untouched(tmp_path: Path, suffix: str) -> None:
    rgba = np.dstack([CODES8, RNG.integers(0, 256, CODES8.shape[:2], dtype=np.uint8)])
    path = tmp_path / f"plate.{suffix}"
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    Image.fromarray(rgba).save(path, **options)
    plate = read(path)
    assert not plate.premultiplied
    np.testing.assert_array_equal(plate.codes, rgba[..., :3])
    np.testing.assert_array_equal(plate.alpha, rgba[..., 3])


def test_exr_alpha_is_premultiplied_and_divided_out_in_rows(tmp_path: Path) -> None:
    rgba = np.full((2, 3, 4), 0.5, np.float32)
    rgba[..., :3] = 0.25
    plate = read(save(tmp_path / "plate.exr", rgba, "float"))
    assert plate.premultiplied
    np.testing.assert_allclose(plate.rows(0, 2), 0.5)
    np.testing.assert_array_equal(plate.alpha, 0.5)


@pytest.mark.parametrize(("mode", "has_alpha"), [("L", False), ("LA", True), ("1", False)])
def test_grey_is_repeated(tmp_path: Path, mode: str, has_alpha: bool) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(CODES8).convert(mode).save(path)
    plate = read(path)
    assert plate.is_grey
    assert plate.codes.shape == (7, 11, 3)
    assert (plate.alpha is not None) == has_alpha
    np.testing.assert_array_equal(plate.codes[..., 0], plate.codes[..., 2])


def test_grey_16_bit(tmp_path: Path) -> None:
    codes = RNG.integers(0, 65536, (4, 5), dtype=np.uint16)
    path = tmp_path / "grey16.png"
    Image.fromarray(codes).save(path)
    np.testing.assert_array_equal(read(path).codes[..., 1], codes)


def test_cmyk_is_converted_and_said(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.tif"):
        Image.fromarray(CODES8).convert("CMYK").save(tmp_path / name)
        plate = read(tmp_path / name)
        assert plate.codes.shape == CODES8.shape
        assert "CMYK" in " ".join(plate.warnings)


def test_palette_is_expanded_and_said(tmp_path: Path) -> None:
    picture = Image.fromarray(CODES8).convert("P")
    for name in ("a.png", "a.tif", "a.gif"):
        picture.save(tmp_path / name)
        plate = read(tmp_path / name)
        # Pillow writes a TIFF's 16-bit palette as 256 times the 8-bit one, hence the one code.
        expected = np.asarray(picture.convert("RGB"))
        np.testing.assert_allclose(plate.codes, expected, atol=1 if name == "a.tif" else 0)
        assert "palette" in " ".join(plate.warnings)


def test_radiance_is_linear_rec709(tmp_path: Path) -> None:
    values = np.array([[[1.0, 2.0, 4.0], [1000.0, 500.0, 250.0]]], np.float32)
    plate = read(save(tmp_path / "sky.hdr", values, "float"))
    assert plate.is_float
    assert plate.space == "Linear Rec.709 (sRGB)"
    np.testing.assert_allclose(plate.codes, values, rtol=0.01)


def test_adobe_rgb_is_told_by_the_interoperability_index(tmp_path: Path) -> None:
    ifd0 = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    exif = struct.pack("<HHHII", 2, 0xA001, 3, 1, 65535) + struct.pack("<HHIII", 0xA005, 4, 1, 56, 0)
    interop = struct.pack("<HHHI4sI", 1, 1, 2, 4, b"R03\0", 0)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + ifd0 + exif + interop
    path = tmp_path / "_camera.jpg"
    Image.fromarray(CODES8).save(path, exif=block)
    assert read(path).space == "AdobeRGB"


def test_animation_gives_its_first_frame_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    frames = [Image.fromarray(CODES8).convert("P"), Image.fromarray(255 - CODES8).convert("P")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert "first frame" in " ".join(read(path).warnings)


@pytest.mark.parametrize("shape", [(1, 1), (1, 100_000), (100_000, 1), (257, 3)])
def test_odd_sizes(tmp_path: Path, shape: tuple[int, int]) -> None:
    codes = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    path = tmp_path / "strip.png"
    Image.fromarray(codes).save(path)
    np.testing.assert_array_equal(read(path).codes, codes)


def test_tiled_tiff_reads_like_any_other(tmp_path: Path) -> None:
    codes = RNG.integers(0, 65536, (301, 157, 3), dtype=np.uint16)
    spec = OpenImageIO.ImageSpec(157, 301, 3, "uint16")
    spec.tile_width, spec.tile_height = 64, 48
    path = tmp_path / "tiled.tif"
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    padded = np.zeros((336, 192, 3), np.uint16)
    padded[:301, :157] = codes
    assert out.write_tiles(0, 157, 0, 301, 0, 1, codes)
    assert out.close()
    np.testing.assert_array_equal(read(path).codes, codes)


def test_suffixes() -> None:
    assert is_readable_suffix(Path("a.EXR"))
    assert is_readable_suffix(Path("a.jpeg"))
    assert not is_readable_suffix(Path("a.txt"))
    assert not is_readable_suffix(Path("a"))
