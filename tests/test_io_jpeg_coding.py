"""What a JPEG's own tables say that its coding left, against what it did leave of pictures that are known."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bracket_views import scene
from headroom import io
from headroom.colour.curves import srgb_encode
from headroom.io.jpeg_coding import coding_of, coding_variance

GRAIN = 3.0
"""Codes: a photograph's, of luma."""


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """(H, W, 3) codes with grain, edges and smooth ground, away from both ends."""
    chance = np.random.default_rng(4)
    code = 30 + 195 * srgb_encode(scene(256, 320, seed=2).clip(0, 1))
    tint = np.array([1.0, 0.9, 0.75]) ** np.linspace(0, 1, 320)[:, None]
    grain = GRAIN * chance.standard_normal((256, 320, 1))
    return np.rint((code * tint + grain).clip(8, 247)).astype(np.uint8)


def saved(path: Path, picture: np.ndarray, **how: object) -> Path:
    Image.fromarray(picture).save(path, **how)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("quality", [85, 90, 95, 98])
def test_the_tables_predict_what_is_left(tmp_path: Path, picture: np.ndarray, quality: int) -> None:
    path = saved(tmp_path / "a.jpg", picture, quality=quality, subsampling=0)
    coded = np.asarray(Image.open(path))
    left = ((coded.astype(np.float64) - picture) ** 2).mean(axis=(0, 1))
    coding = coding_of(path)
    assert coding is not None
    predicted = np.array(coding_variance(coding, coded)) + 1 / 12  # and the decoded samples' own rounding
    assert (np.abs(np.log2(predicted / left)) < np.log2(1.3)).all()
    assert abs(np.log2(predicted.sum() / left.sum())) < np.log2(1.2)


def test_coarse_tables_leave_more_and_chroma_shows_in_red_and_blue(tmp_path: Path, picture: np.ndarray) -> None:
    left = []
    for quality in (98, 90, 75):
        path = saved(tmp_path / f"{quality}.jpg", picture, quality=quality)
        plate = io.read(path)
        assert plate.coding_variance is not None
        left.append(plate.coding_variance)
    assert left[0] < left[1] < left[2]
    assert all(green < red and green < blue for red, green, blue in left)


def test_headers_of_all_kinds(tmp_path: Path, picture: np.ndarray) -> None:
    for sampling, expected in ((0, (1, 1)), (1, (1, 2)), (2, (2, 2))):
        coding = coding_of(saved(tmp_path / f"{sampling}.jpg", picture, quality=90, subsampling=sampling))
        assert coding is not None
        assert coding.sampling == ((1, 1), expected, expected)
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, "jpeg", quality=90)
        tables = Image.open(buffer).quantization  # type: ignore[attr-defined]
        assert coding.tables[0].sum() == sum(tables[0])
        assert (coding.tables[0][0, 1], coding.tables[0][1, 0]) == (tables[0][1], tables[0][8])
    progressive = coding_of(saved(tmp_path / "p.jpg", picture, quality=90, progressive=True))
    assert progressive is not None
    grey = saved(tmp_path / "g.jpg", picture[..., 1], quality=90)
    assert len({round(v, 6) for v in io.read(grey).coding_variance or ()}) == 1


def test_what_is_no_jpeg_left_nothing(tmp_path: Path, picture: np.ndarray) -> None:
    png = tmp_path / "a.png"
    Image.fromarray(picture).save(png)
    assert coding_of(png) is None
    assert io.read(png).coding_variance is None
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(saved(tmp_path / "whole.jpg", picture, quality=90).read_bytes()[:40])
    assert coding_of(cut) is None
    assert coding_of(tmp_path / "nowhere.jpg") is None
    small = saved(tmp_path / "small.jpg", picture[:5, :5], quality=90)
    assert io.read(small).coding_variance == (0.0, 0.0, 0.0)


def test_a_header_with_any_byte_wrong_is_read_or_let_be(tmp_path: Path, picture: np.ndarray) -> None:
    whole = saved(tmp_path / "whole.jpg", picture[:16, :16], quality=80).read_bytes()
    head = whole.index(b"\xff\xda")
    read = 0
    for at in range(2, head, 3):
        for value in (0, 255):
            path = tmp_path / "hurt.jpg"
            path.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
            coding = coding_of(path)
            if coding is not None:
                assert np.isfinite(coding_variance(coding, picture[:16, :16])).all()
                read += 1
    assert 50 < read < head


def test_a_table_with_a_step_of_nothing_is_no_table(tmp_path: Path, picture: np.ndarray) -> None:
    whole = bytearray(saved(tmp_path / "whole.jpg", picture[:64, :64], quality=80).read_bytes())
    whole[whole.index(b"\xff\xdb") + 10] = 0
    (tmp_path / "hurt.jpg").write_bytes(whole)
    assert coding_of(tmp_path / "hurt.jpg") is None
