"""EXR as studios write it: windows, parts, layers, luminance/chroma, stated primaries."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO
import pytest

from headroom.errors import PlateError, UsageError
from headroom.io import header, read
from headroom.io.luminance_chroma import luminance_weights
from headroom.plate import Window

DATA = Path(__file__).parent / "data"
RNG = np.random.default_rng(11)
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)


def rgb(height: int = 6, width: int = 8) -> np.ndarray:
    return (RNG.random((height, width, 3)) * 20).astype(np.float16)


def test_window_with_a_negative_origin() -> None:
    plate = read(DATA / "autoshop_01_crop.exr")
    assert plate.data_window is not None
    assert plate.data_window.x == -5
    assert plate.data_window.y > 0
    assert plate.display_window == Window(width=1024, height=512)
    assert (plate.width, plate.height) == (96, 64)
    assert plate.space == "Linear Rec.709 (sRGB)"
    assert float(plate.codes.max()) == 83.0


def test_extra_channels_and_layers_are_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "layers.exr"
    beauty, diffuse = rgb(), rgb()
    depth = RNG.random((6, 8)).astype(np.float32)
    channels = {
        "RGB": beauty,
        "Z": depth,
        "diffuse.R": diffuse[..., 0].copy(),
        "diffuse.G": diffuse[..., 1].copy(),
    }
    channels["diffuse.B"] = diffuse[..., 2].copy()
    with OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels) as file:
        file.write(str(path))
    plate = read(path)
    np.testing.assert_array_equal(plate.codes, beauty)
    assert plate.codes.dtype == np.float16
    assert "diffuse" in plate.warnings[0]
    np.testing.assert_array_equal(read(path, part="diffuse").codes, diffuse)
    with pytest.raises(UsageError, match="specular"):
        read(path, part="specular")


def test_blender_style_layers(tmp_path: Path) -> None:
    path = tmp_path / "blender.exr"
    combined, noise = rgb(), rgb()
    channels = {}
    for layer, image in (("ViewLayer.AO", noise), ("ViewLayer.Combined", combined)):
        channels.update({f"{layer}.{c}": image[..., k].copy() for k, c in enumerate("RGB")})
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, channels) as file:
        file.write(str(path))
    np.testing.assert_array_equal(read(path).codes, combined)
    np.testing.assert_array_equal(read(path, part="AO").codes, noise)


def test_multi_part(tmp_path: Path) -> None:
    path = tmp_path / "parts.exr"
    first, second = rgb(), rgb()
    depth = np.ones((6, 8), np.float32)
    kind = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    parts = [
        OpenEXR.Part(dict(kind), {"Z": depth}, "depth"),
        OpenEXR.Part(dict(kind), {"RGB": first}, "left"),
        OpenEXR.Part(dict(kind), {"RGB": second}, "right"),
    ]
    with OpenEXR.File(parts) as file:
        file.write(str(path))
    np.testing.assert_array_equal(read(path).codes, first)
    np.testing.assert_array_equal(read(path, part="right").codes, second)
    np.testing.assert_array_equal(read(path, part=2).codes, second)
    told = header(path)
    assert [part["name"] for part in told["parts"]] == ["depth", "left", "right"]
    json.dumps(told)


def test_depth_alone_is_no_plate(tmp_path: Path) -> None:
    path = tmp_path / "z.exr"
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, {"Z": np.ones((3, 3), np.float32)}) as file:
        file.write(str(path))
    with pytest.raises(PlateError, match="no R, G, B or Y"):
        read(path)


def test_stated_primaries_name_the_space(tmp_path: Path) -> None:
    for values, space in ((AP1, "ACEScg"), ((0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351), None)):
        path = tmp_path / "c.exr"
        head = {"type": OpenEXR.scanlineimage, "chromaticities": values}
        with OpenEXR.File(head, {"RGB": rgb()}) as file:
            file.write(str(path))
        plate = read(path)
        assert plate.space == space
        assert bool(plate.warnings) == (space is None)


def test_interop_id_wins(tmp_path: Path) -> None:
    path = tmp_path / "i.exr"
    with OpenEXR.File({"type": OpenEXR.scanlineimage, "colorInteropID": "lin_ap0_scene"}, {"RGB": rgb()}) as file:
        file.write(str(path))
    assert read(path).space == "ACES2065-1"


def test_deep_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.exr"
    spec = OpenImageIO.ImageSpec(2, 1, 4, "float")
    spec.deep = True
    data = OpenImageIO.DeepData()
    data.init(2, 4, [OpenImageIO.TypeDesc("float")] * 4, ["R", "G", "B", "A"])
    out = OpenImageIO.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    assert out.write_deep_image(data)
    assert out.close()
    with pytest.raises(PlateError, match="deep"):
        read(path)


# ---- luminance and chroma ------------------------------------------------------------


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def write_luminance_chroma(path: Path, luma: np.ndarray, ry: np.ndarray, by: np.ndarray, x0: int, y0: int) -> None:
    """An uncompressed EXR with half-float Y and 2x2 subsampled RY and BY, byte by byte."""
    height, width = luma.shape
    entries = (("BY", 2), ("RY", 2), ("Y", 1))
    channels = b"".join(n.encode() + b"\0" + struct.pack("<iIii", 1, 0, s, s) for n, s in entries) + b"\0"
    box = struct.pack("<4i", x0, y0, x0 + width - 1, y0 + height - 1)
    head = struct.pack("<ii", 20000630, 2)
    head += attribute("channels", "chlist", channels) + attribute("compression", "compression", b"\0")
    head += attribute("dataWindow", "box2i", box) + attribute("displayWindow", "box2i", box)
    head += attribute("lineOrder", "lineOrder", b"\0")
    head += attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
    head += attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
    head += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    blocks = []
    for row in range(height):
        body = by[row // 2].tobytes() + ry[row // 2].tobytes() if row % 2 == 0 else b""
        body += luma[row].tobytes()
        blocks.append(struct.pack("<ii", y0 + row, len(body)) + body)
    offsets = np.cumsum([len(head) + 8 * height] + [len(b) for b in blocks[:-1]])
    path.write_bytes(head + offsets.astype("<u8").tobytes() + b"".join(blocks))


@pytest.mark.parametrize("origin", [(0, 0), (-4, 6)])
def test_subsampled_chroma_becomes_rgb(tmp_path: Path, origin: tuple[int, int]) -> None:
    wr, wg, wb = 0.2126, 0.7152, 0.0722
    colour = np.array([3.0, 1.0, 0.25])
    y = float(colour @ [wr, wg, wb])
    luma = (np.linspace(0.5, 2, 48).reshape(6, 8) * y).astype(np.float16)
    ry = np.full((3, 4), (colour[0] - y) / y, np.float16)
    by = np.full((3, 4), (colour[2] - y) / y, np.float16)
    path = tmp_path / "yc.exr"
    write_luminance_chroma(path, luma, ry, by, *origin)
    plate = read(path)
    assert not plate.is_grey
    assert plate.data_window == Window(x=origin[0], y=origin[1], width=8, height=6)
    expected = luma.astype(np.float64)[..., None] / y * colour
    np.testing.assert_allclose(plate.codes, expected, rtol=2e-3)
    json.dumps(header(path))


def test_chroma_varies_linearly_between_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "yc.exr"
    ramp = np.broadcast_to(np.arange(0, 8, 2) / 8, (3, 4)).astype(np.float16)
    zero = np.zeros((3, 4), np.float16)
    write_luminance_chroma(path, np.ones((6, 8), np.float16), ramp, zero, 0, 0)
    red = read(path).codes[0, :, 0]
    np.testing.assert_allclose(red, 1 + np.array([0, 1, 2, 3, 4, 5, 6, 6]) / 8, atol=1e-3)


def test_full_resolution_chroma_becomes_rgb(tmp_path: Path) -> None:
    path = tmp_path / "yc444.exr"
    planes = {"Y": np.full((2, 2), 0.5, np.float16)}
    planes.update({"RY": np.full((2, 2), 1.0, np.float16), "BY": np.full((2, 2), -0.5, np.float16)})
    with OpenEXR.File({"type": OpenEXR.scanlineimage}, planes) as file:
        file.write(str(path))
    pixels = read(path).codes
    np.testing.assert_allclose(pixels[..., 0], 1.0, rtol=1e-3)
    np.testing.assert_allclose(pixels[..., 2], 0.25, rtol=1e-3)
    np.testing.assert_allclose(pixels @ np.array([0.2126, 0.7152, 0.0722]), 0.5, rtol=1e-3)


def test_luminance_weights_of_rec709() -> None:
    rec709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
    np.testing.assert_allclose(luminance_weights(rec709), (0.2126, 0.7152, 0.0722), atol=1e-4)
