"""Stored numbers to R'G'B' codes: every range, matrix, depth and sampling against the definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headroom.errors import PlateError, UsageError
from headroom.io.movie import MovieSource
from headroom.io.movie_codes import alpha_of, codes_of, planar, video_top
from headroom.io.movie_tags import MovieTags, tags_of
from movies import MATRIX_TAG, frame_of, rgb_of, write_movie

PATCHES = [(16, 128, 128), (235, 128, 128), (255, 128, 128), (0, 128, 128), (126, 90, 180), (81, 90, 240)]
"""8-bit Y, Cb, Cr: black, white, the last code, below black, a colour, the red of 601 colour bars."""


@pytest.mark.parametrize("matrix", ["601", "709", "2020", "240M"])
@pytest.mark.parametrize("levels", ["limited", "full"])
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("sampling", ["420", "422", "444"])
def test_flat_patches_follow_the_definition(matrix: Any, levels: Any, bits: int, sampling: str) -> None:
    pixels = f"yuv{sampling}p" + (f"{bits}le" if bits > 8 else "")
    for patch in PATCHES:
        stored = [v << (bits - 8) for v in patch]
        codes = codes_of(frame_of(stored, pixels, 18, 10), MovieTags(levels, matrix, None))
        assert codes.dtype == np.float32 and codes.shape == (10, 18, 3)
        np.testing.assert_allclose(
            codes, np.broadcast_to(rgb_of(*stored, matrix, levels, bits), codes.shape), atol=3e-7
        )


def test_white_and_black_are_exact() -> None:
    for bits in (8, 10, 12):
        pixels = "yuv420p" + (f"{bits}le" if bits > 8 else "")
        for luma, code in ((235, 1.0), (16, 0.0)):
            stored = [luma << (bits - 8), 128 << (bits - 8), 128 << (bits - 8)]
            codes = codes_of(frame_of(stored, pixels, 4, 4), MovieTags("limited", "709", None))
            assert (codes == np.float32(code)).all()


def test_light_above_white_is_kept_and_the_range_says_how_far_it_goes() -> None:
    assert video_top("limited", 8) == pytest.approx(239 / 219)
    assert video_top("limited", 10) == pytest.approx(959 / 876)
    assert video_top("full", 10) == 1.0
    codes = codes_of(frame_of([1023, 512, 512], "yuv422p10le", 4, 4), MovieTags("limited", "709", None))
    assert codes.max() == pytest.approx(video_top("limited", 10))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (7, 5), (33, 65)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p", "yuv411p", "yuv440p"])
def test_chroma_lies_where_it_was_sampled(width: int, height: int, pixels: str) -> None:
    """A straight ramp over the picture comes back as that ramp, away from the borders: no shift, no steps."""
    across = {"yuv420p": 2, "yuv422p": 2, "yuv444p": 1, "yuv411p": 4, "yuv440p": 1}[pixels]
    down = {"yuv420p": 2, "yuv440p": 2}.get(pixels, 1)
    columns, rows = -(-width // across), -(-height // down)
    # 4:2:0 and kin: chroma on the even columns, between the rows.
    x, y = np.meshgrid(np.arange(columns) * across, np.arange(rows) * down + (down - 1) / 2)
    ramp = np.round(64 + x + y * 2).astype(np.uint8)  # whole numbers where down is 1; halves do not occur
    exact = 64 + x + y * 2
    codes = codes_of(frame_of([128, 128, ramp], pixels, width, height), MovieTags("full", "709", None))
    red = (codes[..., 0].astype(np.float64) - 128 / 255) / (2 * (1 - 0.2126)) * 255 + 128
    px, py = np.meshgrid(np.arange(width), np.arange(height))
    inside = (px <= x.max()) & (py >= y.min()) & (py <= y.max())
    off = np.abs(ramp - exact).max()
    np.testing.assert_allclose(red[inside], (64 + px + 2 * py)[inside], atol=1e-3 + off)


def test_centred_chroma_lies_between_the_columns() -> None:
    ramp = (64 + 2 * np.arange(16) + 0.5).astype(np.float64)[None].repeat(4, 0)
    stored = np.floor(ramp).astype(np.uint8)  # sample i lies at column 2 i + 0.5
    codes = codes_of(frame_of([128, 128, stored], "yuv420p", 32, 8), MovieTags("full", "709", None), centred=True)
    red = (codes[4, 2:-2, 0].astype(np.float64) - 128 / 255) / (2 * (1 - 0.2126)) * 255 + 128
    np.testing.assert_allclose(red, 63.5 + np.arange(2, 30), atol=1e-3)


def test_integer_pictures_stay_integers() -> None:
    tags = MovieTags("full", "RGB", None)
    codes = codes_of(frame_of([20, 30, 10], "gbrp", 5, 3), tags)  # stored G, B, R
    assert codes.dtype == np.uint8 and tuple(codes[0, 0]) == (10, 20, 30)
    codes = codes_of(frame_of([512, 1023, 0], "gbrp10le", 5, 3), tags)
    assert codes.dtype == np.uint16 and tuple(codes[0, 0]) == (0, round(512 * 65535 / 1023), 65535)
    grey = codes_of(frame_of([77], "gray", 5, 3), tags)
    assert grey.shape == (3, 5, 3) and (grey == 77).all()


def test_identity_matrix_in_a_ycbcr_format_is_rgb() -> None:
    codes = codes_of(frame_of([20, 30, 10], "yuv444p", 5, 3), MovieTags("full", "RGB", None))
    assert tuple(codes[0, 0]) == (10, 20, 30)  # H.273: Y holds G, Cb holds B, Cr holds R


def test_alpha_has_full_range_whatever_the_colours_have() -> None:
    alpha = alpha_of(frame_of([940, 512, 512, 1023], "yuva444p10le", 4, 4))
    assert alpha is not None and alpha.dtype == np.uint16 and (alpha == 65535).all()


@pytest.mark.parametrize(
    ("packed", "flat"), [("uyvy422", "yuv422p"), ("nv12", "yuv420p"), ("p010le", "yuv420p10le"), ("rgb24", "gbrp")]
)
def test_packed_formats_are_laid_out_anew_value_by_value(packed: str, flat: str) -> None:
    bits = 10 if "10" in flat else 8
    rng = np.random.default_rng(7)
    source = frame_of([0] * 3, flat, 32, 16)
    for plane in source.planes:
        kind = np.dtype("<u2") if bits > 8 else np.dtype("u1")
        rows = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)
        rows[: plane.height, : plane.width] = rng.integers(0, 1 << bits, (plane.height, plane.width))
    again = planar(source.reformat(format=packed), "clip.mov")
    assert again.format.name == flat
    matrix: Any = "RGB" if flat == "gbrp" else "709"
    tags = MovieTags("full", matrix, None)
    np.testing.assert_array_equal(codes_of(again, tags), codes_of(source, tags))


LOSSLESS = [
    # codec, pixel format, its options, largest error in codes of its depth
    ("ffv1", "yuv420p", {}, "mkv", 0.0),
    ("ffv1", "yuv422p10le", {}, "mkv", 0.0),
    ("libx264", "yuv420p", {"qp": "0", "preset": "ultrafast"}, "mp4", 0.0),
    ("libx264", "yuv422p10le", {"qp": "0", "preset": "ultrafast"}, "mov", 0.0),
    ("libx265", "yuv420p10le", {"x265-params": "qp=0:log-level=none"}, "mp4", 1.0),
    ("prores_ks", "yuv422p10le", {"profile": "hq"}, "mov", 1.0),
    ("prores_ks", "yuva444p10le", {"profile": "4444"}, "mov", 1.0),
    ("dnxhd", "yuv422p", {"profile": "dnxhr_hq"}, "mov", 1.0),
    ("dnxhd", "yuv422p10le", {"profile": "dnxhr_hqx"}, "mxf", 1.0),
]


@pytest.mark.parametrize(("codec", "pixels", "options", "suffix", "off"), LOSSLESS)
@pytest.mark.parametrize("matrix", ["601", "709", "2020"])
def test_every_codec_gives_the_codes_that_went_in(
    tmp_path: Path, codec: str, pixels: str, options: dict[str, str], suffix: str, off: float, matrix: str
) -> None:
    bits = 10 if "10" in pixels else 8
    for levels, patch in (("limited", (235, 128, 128)), ("limited", (126, 90, 180)), ("full", (126, 90, 180))):
        if levels == "full" and codec in ("prores_ks", "dnxhd"):
            continue  # ProRes has limited range only; DNxHR's writer here does not note the other
        stored = [v << (bits - 8) for v in patch]
        planes = [*stored, 700] if "yuva" in pixels else stored
        path = tmp_path / f"{levels}{patch[0]}.{suffix}"
        tags = (1 if levels == "limited" else 2, MATRIX_TAG[matrix], 1, 1)
        write_movie(
            path, lambda k, p=planes: p, codec=codec, pixels=pixels, size=(256, 128), options=options, tags=tags
        )
        source = MovieSource(path)
        plate = source.read(source.frames[0])
        expected = rgb_of(*stored, matrix, levels, bits)
        step = 2.0 * off / (219 << (bits - 8)) + 3e-7  # chroma counts up to twice
        np.testing.assert_allclose(plate.codes, np.broadcast_to(expected, plate.codes.shape), atol=step)
        assert plate.video_top == video_top(levels, plate.bits)  # type: ignore[arg-type]
        assert plate.space == "Camera Rec.709" and not plate.warnings
        if "yuva" in pixels:
            assert plate.bits == 12 and plate.alpha is not None
            np.testing.assert_allclose(plate.alpha / 65535, 700 / 1023, atol=1e-3)
        else:
            assert plate.bits == bits and plate.alpha is None
        source.close()


def tags(**said: Any) -> MovieTags:
    given = {"is_rgb": False, "is_grey": False, "size": (1920, 1080), "stated": (1, 1, 1, 1), **said}
    return tags_of("clip.mov", **given)


def test_tags_name_the_space() -> None:
    assert tags().space == "Camera Rec.709"
    assert tags(stated=(1, 6, 6, 6)).space == "Camera Rec.709"
    assert tags(stated=(1, 9, 9, 14)).space == "Camera Rec.2020"
    assert tags(stated=(2, 1, 1, 13)).space == "sRGB Encoded Rec.709 (sRGB)"
    assert tags(stated=(2, 1, 12, 13)).space == "sRGB Encoded P3-D65"
    assert tags(stated=(2, 1, 1, 8)).space == "Linear Rec.709 (sRGB)"
    assert tags(is_rgb=True, stated=(0, 0, 2, 2)).space is None


def test_silent_tags_are_assumed_aloud() -> None:
    hd, sd = tags(stated=(0, 2, 2, 2)), tags(stated=(0, 2, 2, 2), size=(720, 576))
    assert (hd.matrix, hd.levels, sd.matrix) == ("709", "limited", "601")
    assert "limited range" in hd.warnings[0] and "Rec.709 matrix" in hd.warnings[0]
    assert tags(stated=(0, 2, 9, 14)).matrix == "2020"
    assert tags(stated=(0, 1, 1, 1), named_full=True).levels == "full"
    assert tags(stated=(1, 1, 1, 1), levels="full").levels == "full"
    assert tags(stated=(1, 1, 1, 1), matrix="601").matrix == "601"
    assert "SD primaries" in tags(stated=(1, 6, 6, 6)).warnings[0]
    assert "no known space" in tags(stated=(1, 1, 1, 9)).warnings[0]


def test_pq_and_hlg_are_refused_unless_named() -> None:
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        with pytest.raises(UsageError, match=f'is {name}, which holds its highlights already.*--from "Rec.2100-{name}'):
            tags(stated=(1, 9, 9, transfer))
        assert tags(stated=(1, 9, 9, transfer), from_space="Rec.2100-PQ").space == f"Rec.2100-{name} - Display"


def test_colour_codings_that_are_no_matrix_are_refused() -> None:
    with pytest.raises(PlateError, match="ICtCp.*export it"):
        tags(stated=(1, 14, 9, 14))


def test_metadata_that_speak_of_log_are_noticed() -> None:
    said = tags(metadata={"com.arri.camera.ColorGammaSxS": "LOG-C"}).warnings
    assert len(said) == 1 and "LOG-C" in said[0] and "name the space with --from" in said[0]
    assert not tags(metadata={"com.arri.camera.ColorGammaSxS": "LOG-C"}, from_space="LogC3").warnings
    assert not tags(metadata={"comment": "the dialogue logged on Friday", "title": "Blog"}).warnings
