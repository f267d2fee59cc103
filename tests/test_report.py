"""The report page without a browser: what travels into it, what is measured, what is refused."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from command import headroom, one_line, save_picture
from headroom import io
from headroom.colour.curves import srgb_decode
from headroom.colour.gamut import BRADFORD, REC709, rgb_to_rgb
from headroom.errors import Cancelled, WriteError
from headroom.io.planes import read_planes
from headroom.report import make
from headroom.report.codec import LOW_STOPS, Layer, LogCode, RowEncoder
from headroom.report.shot import chosen_frames, find_jumps
from headroom.report.shrink import block_of, shrink
from report_pictures import AP1, plate_and_result, save_result


def facts_in(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', page.read_text(), re.S)
    assert found
    facts: dict[str, Any] = json.loads(found[1])
    return facts


# ---- pixels ---------------------------------------------------------------------------------------------------


@given(
    st.lists(st.floats(2.0**-19, 2.0**24, width=32), min_size=1, max_size=20), st.sampled_from([1.0, 1e6, 3e9, 1e30])
)
def test_light_comes_back_within_the_stated_error(lights: list[float], peak: float) -> None:
    code = LogCode.up_to(max(peak, *lights))
    light = np.array([*lights, *(-v for v in lights), 0.0, peak], np.float32)
    back = code.decode(code.encode(light))
    assert np.all(np.abs(back - light) <= np.abs(light.astype(np.float64)) * code.relative_error * 1.01)
    assert np.array_equal(np.sign(back), np.sign(light))


def test_error_is_below_a_half_floats() -> None:
    assert LogCode.up_to(2.0**24).relative_error < 2**-11
    assert LogCode.up_to(16).steps == LogCode.up_to(2.0**24).steps


def test_less_than_the_least_light_is_black() -> None:
    code = LogCode.up_to(1)
    assert not code.encode(np.array([0, 2.0 ** (LOW_STOPS - 1), -(2.0 ** (LOW_STOPS - 2))], np.float32)).any()


def decoded_rows(
    layers: tuple[Layer, ...], width: int, packed: bytes, table: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The page's decoder again, pixel by pixel, to check the encoder without a browser."""
    data = zlib.decompress(packed)
    row_bytes = width * sum(layer.channels * layer.bytes for layer in layers)
    height = len(data) // row_bytes
    out = {layer.name: np.zeros((layer.channels, height, width), np.int64) for layer in layers}
    at = 0
    for y in range(height):
        for layer in layers:
            for c in range(layer.channels):
                low = np.frombuffer(data, np.uint8, width, at).astype(np.int64)
                at += width
                if layer.bytes == 2:
                    low += np.frombuffer(data, np.uint8, width, at).astype(np.int64) << 8
                    at += width
                rest = (low >> 1) ^ -(low & 1)
                plane = out[layer.name][c]
                signed = layer.name not in ("code", "mask")
                base = None if layer.base in (None, "code") else out[layer.base][c]
                for x in range(width):
                    if layer.base == "code":
                        assert table is not None
                        value = table[out["code"][c, y, x] >> (0 if len(table) == 256 else 4)] + rest[x]
                    else:
                        seen = plane if base is None else plane - base
                        up = seen[y - 1, x] if y else 0
                        left = seen[y, x - 1] if x else up
                        corner = seen[y - 1, x - 1] if x and y else (up if not x else 0)
                        guess = sorted((left, up, left + up - corner))[1]
                        if base is not None:
                            guess = base[y, x] + (0 if abs(guess) <= 4 else guess)
                        value = guess + rest[x]
                    half = 1 << (8 * layer.bytes - 1)
                    plane[y, x] = (value + half) % (2 * half) - half if signed else value % (2 * half)
    return out


@pytest.mark.parametrize("code_bytes", [1, 2, 0])
def test_rows_come_back_exactly(code_bytes: int) -> None:
    rng = np.random.default_rng(5)
    height, width = 7, 9
    values = {
        "ldr": rng.integers(-32767, 32768, (height, width, 3)),
        "hdr": rng.integers(-32767, 32768, (height, width, 3)),
        "mask": rng.integers(0, 256, (height, width)),
        "gain": rng.integers(-30720, 30721, (height, width)),
    }
    values["hdr"][:4] = values["ldr"][:4] + rng.integers(-1, 2, (4, width, 3))
    values["hdr"] = values["hdr"].clip(-32767, 32767)
    layers = [Layer("ldr", 3, 2), Layer("hdr", 3, 2, "ldr"), Layer("mask", 1, 1), Layer("gain", 1, 2)]
    table = None
    if code_bytes:
        values["code"] = rng.integers(0, 256**code_bytes, (height, width, 3))
        table = rng.integers(-32767, 32768, 256 if code_bytes == 1 else 4096).astype(np.int32)
        layers[:1] = [Layer("code", 3, code_bytes), Layer("ldr", 3, 2, "code")]
    out = BytesIO()
    rows = RowEncoder(tuple(layers), width, out, table=table)
    for part in (slice(0, 1), slice(1, 5), slice(5, 7)):
        rows.add({name: value[part].astype(np.int32) for name, value in values.items()})
    rows.close()
    found = decoded_rows(tuple(layers), width, out.getvalue(), table)
    for name, value in values.items():
        assert np.array_equal(np.moveaxis(found[name], 0, -1).reshape(value.shape), value), name


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9))
def test_shrinking_keeps_the_light(width: int, height: int, most: int) -> None:
    light = np.random.default_rng(width).uniform(0, 9, (height, width, 3)).astype(np.float32)
    block = block_of(width, height, most)
    small = shrink(light, block)
    assert max(small.shape[:2]) <= most
    areas = shrink(np.ones((height, width, 3), np.float32), 1)
    weights = np.add.reduceat(np.add.reduceat(areas, range(0, height, block), 0), range(0, width, block), 1)
    assert np.allclose((small * weights).sum(), light.sum(), rtol=1e-5)
    assert np.allclose(small[0, 0], light[:block, :block].mean((0, 1), dtype=np.float64), rtol=1e-6)


# ---- what is measured -----------------------------------------------------------------------------------------


def test_numbers_are_those_of_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    said = headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / "r.html", "--json")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    measures = told["measures"][0]
    brightest = pair.hdr709.max(axis=-1)
    assert measures["hdr"]["peak"] == pytest.approx(brightest.max(), rel=1e-3)
    assert measures["hdr"]["peak_at"] == list(np.unravel_index(brightest.argmax(), brightest.shape))[::-1]
    assert measures["clipped_share"] == pytest.approx((pair.codes == 255).any(axis=-1).mean())
    assert measures["masked_share"] == pytest.approx((pair.mask > 0).mean())
    assert measures["gain_mean_stops"] == pytest.approx(pair.gain[pair.mask > 0].mean(), abs=0.01)
    assert measures["hdr"]["above_white_share"] == pytest.approx((brightest > 1.0005).mean(), abs=0.01)
    weights = np.array([0.2126, 0.7152, 0.0722])
    assert measures["hdr"]["mean_luminance"] == pytest.approx((pair.hdr709 @ weights).mean(), rel=1e-3)
    assert measures["untouched"]["off_share"] == 0 and measures["untouched"]["worst"] < 2e-3
    half = float(np.log2(np.quantile(brightest, 0.5)))
    assert measures["hdr"]["percentile_stops"]["50"] == pytest.approx(half, abs=0.1)
    assert sum(measures["hdr"]["histogram"]["shares"]) == pytest.approx((brightest > 0).mean(), abs=1e-6)
    assert told["bytes"] == (tmp_path / "r.html").stat().st_size and told["warnings"] == []


def test_header_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    assert headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / "r.html").code == 0
    text = (tmp_path / "r.html").read_text()
    for told in ("headroom-1 0.2.0", "abcdef0123", "ACEScg (AP1), by the chromaticities in its header", "boost 1"):
        assert told in text
    assert "channel headroom.mask of the result" in text and "as the conversion took it" in text


@pytest.mark.parametrize(
    ("drop", "mask_from", "gain_from"),
    [
        ({"mask"}, "channel headroom.gain of the result is above 0", "channel headroom.gain of the result"),
        ({"mask", "gain"}, "clip at code value 1", "over the plate&#39;s, inside the mask"),
        ({"mask", "gain", "plate"}, "where the result is above white", None),
    ],
)
def test_where_mask_and_gain_come_from_is_said(
    drop: set[str], mask_from: str, gain_from: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = plate_and_result(tmp_path, channels={"mask", "gain"} - drop)
    inputs = [pair.result] if "plate" in drop else [pair.plate, pair.result]
    assert headroom(capsys, "report", *inputs, "-o", tmp_path / "r.html").code == 0
    text = (tmp_path / "r.html").read_text()
    assert mask_from in text
    assert gain_from is None or gain_from in text
    assert ("Gain from" in text) == (gain_from is not None)


def test_a_plate_that_is_not_the_results_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    Image.fromarray(np.roll(pair.codes, 5, axis=1)).save(tmp_path / "other.png")
    said = headroom(capsys, "report", tmp_path / "other.png", pair.result, "-o", tmp_path / "r.html")
    assert said.code == 0 and "some of the pixels outside the mask differ from the plate" in said.err
    assert "outside the mask differ from the plate" in (tmp_path / "r.html").read_text()


def test_primaries_without_a_name_are_read_by_their_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = (0.70, 0.30, 0.22, 0.75, 0.13, 0.05, 0.3127, 0.3290)
    pair = plate_and_result(tmp_path, primaries=own)
    said = headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / "r.html", "--json")
    told = json.loads(said.out)
    assert told["warnings"] == []
    assert told["measures"][0]["hdr"]["peak"] == pytest.approx(pair.hdr709.max(), rel=2e-3)


def test_a_large_picture_is_shrunk_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path, width=300, height=130)
    said = headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / "r.html", "--size", "100")
    assert said.code == 0 and "100x44" in said.out
    text = (tmp_path / "r.html").read_text()
    assert "each of its pixels is the mean of 3 × 3" in text and "--full" in text
    assert facts_in(tmp_path / "r.html")["embedded"][0]["measures"]["hdr"]["peak"] == pytest.approx(
        pair.hdr709.max(), rel=2e-3
    )
    said = headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / "full.html", "--full")
    assert "300x130" in said.out and "is the mean of" not in (tmp_path / "full.html").read_text()


def test_planes_come_as_stored(tmp_path: Path) -> None:
    pair = plate_and_result(tmp_path)
    planes = read_planes(pair.result, ["headroom.mask", "headroom.gain", "headroom.other"])
    assert set(planes) == {"headroom.mask", "headroom.gain"}
    assert planes["headroom.mask"].dtype == np.float16
    assert np.array_equal(planes["headroom.mask"], pair.mask.astype(np.float16))


# ---- shots ----------------------------------------------------------------------------------------------------


def make_shot(folder: Path, *, frames: range = range(1001, 1007), jump: int | None = None) -> tuple[Path, Path]:
    for frame in frames:
        pair = plate_and_result(folder, name=f".{frame}", gain_stops=3.0 if frame == jump else 1.5)
        pair.plate.rename(folder / f"plate.{frame}.png")
        pair.result.rename(folder / f"hdr.{frame}.exr")
    return folder / "plate.####.png", folder / "hdr.####.exr"


def test_a_shot_has_all_frames_in_its_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plates, results = make_shot(tmp_path, jump=1004)
    page = tmp_path / "r.html"
    said = headroom(capsys, "report", plates, results, "-o", page, "--embed", "2")
    assert said.code == 0 and "6 frames, 2 as pictures" in said.out
    facts = facts_in(page)
    assert facts["frames"] == list(range(1001, 1007))
    assert [picture["frame"] for picture in facts["embedded"]] == [1001, 1006]
    curves = {series["title"]: series for series in facts["series"]}
    assert all(len(series["values"]) == 6 for series in curves.values())
    gains = curves["Mean gain in the mask"]["values"]
    assert gains[3] == pytest.approx(2 * gains[0], rel=0.01)
    assert [facts["frames"][i] for i in facts["flags"]] == [1004, 1005]
    assert "jumps at frames 1004-1005" in said.err
    assert page.read_text().count('type="text/plain"') == 2


def test_frames_that_lack_or_are_damaged_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plates, results = make_shot(tmp_path)
    (tmp_path / "plate.1002.png").unlink()
    (tmp_path / "hdr.1005.exr").write_bytes((tmp_path / "hdr.1005.exr").read_bytes()[:500])
    said = headroom(capsys, "report", plates, results, "-o", tmp_path / "r.html", "--embed", "1004-1005")
    assert said.code == 1
    assert "1005" in said.err and "has no frames 1002" in said.err and "Traceback" not in said.err
    facts = facts_in(tmp_path / "r.html")
    assert facts["frames"] == [1001, 1003, 1004, 1006]
    assert [picture["frame"] for picture in facts["embedded"]] == [1004, 1006]
    assert "left out: frame 1005" in (tmp_path / "r.html").read_text()


def test_frames_are_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plates, results = make_shot(tmp_path)
    said = headroom(capsys, "report", plates, results, "-o", tmp_path / "r.html", "--frames", "1001-1005x2", "--json")
    assert json.loads(said.out)["frames"] == [1001, 1003, 1005]
    assert chosen_frames("3", tuple(range(10))) == (0, 4, 9)
    assert chosen_frames("50", (4, 5)) == (4, 5)
    assert chosen_frames("7-9", tuple(range(10))) == (7, 8, 9)


def test_a_slow_change_is_no_jump() -> None:
    def measured(hdr: float, ldr: float) -> dict[str, Any]:
        return {"hdr": {"mean_stops": hdr}, "ldr": {"mean_stops": ldr}}

    steady = [measured(0.02 * i, 0.0) for i in range(20)]
    assert find_jumps(list(range(20)), steady).flags == ()
    moving = [measured(-1 + (i % 2), -1.5 + (i % 2)) for i in range(20)]
    assert find_jumps(list(range(20)), moving).flags == ()


# ---- what is refused ------------------------------------------------------------------------------------------


def test_refusals_are_one_line_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    small = save_picture(tmp_path / "small.png", width=20, height=10)
    plates, results = make_shot(tmp_path / "shot", frames=range(1001, 1003))
    page = tmp_path / "out" / "r.html"
    cases: list[tuple[list[Any], int, str]] = [
        ([pair.plate, pair.plate], 1, "is no result"),
        ([small, pair.result], 1, "20x10"),
        ([pair.plate, tmp_path / "none.exr"], 1, "there is no such file"),
        ([tmp_path / "none.png", pair.result], 1, "there is no such file"),
        ([tmp_path], 1, "is a folder"),
        ([pair.plate, results], 2, "for both"),
        ([plates, pair.result], 2, "for both"),
        ([plates, tmp_path / "none.####.exr"], 1, "no file matches"),
        ([plates, results, "--frames", "5-9"], 1, "no frame to report on"),
        ([plates, results, "--embed", "3-4"], 2, "are not among 1001-1002"),
        ([plates, results, "--embed", "0"], 2, "1 to 64"),
        ([plates, results, "--embed", "x"], 2, "--embed"),
        ([pair.plate, pair.result, "--frames", "1-2"], 2, "single picture"),
        ([pair.plate, pair.result, "--embed", "2"], 2, "single picture"),
        ([plates, results, "--first-frame", "1"], 2, "for a movie"),
        ([pair.plate, pair.result, pair.result], 2, "a plate and its result"),
        ([pair.plate, pair.result, "--from", "no such space"], 2, "nearest"),
        ([pair.plate, pair.result, "--full", "--size", "99"], 2, "exclude"),
        ([pair.plate, tmp_path / "result.mov"], 2, "is a movie"),
    ]
    for arguments, code, words in cases:
        said = headroom(capsys, "report", *arguments, "-o", page)
        assert (said.code, said.out) == (code, ""), (arguments, said)
        assert words in said.err and one_line(said.err), (arguments, said)
        assert list(page.parent.glob("*")) == [], arguments
    said = headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / "r.png")
    assert said.code == 2 and "HTML" in said.err


def test_a_name_that_is_no_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    odd = pair.result.rename(tmp_path / os.fsdecode(b"r\xff.exr"))
    said = headroom(capsys, "report", pair.plate, odd, "-o", tmp_path / "r.html")
    assert said.code == 1 and "not UTF-8" in said.err and one_line(said.err)


def test_a_scale_of_its_own_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path, attributes={"headroom:scale": "1.0 is 250 cd/m2"})
    said = headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / "r.html")
    assert said.code == 0 and "1.0 is 250 cd/m2" in said.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = plate_and_result(tmp_path)
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Path("/dev/full").open("wb", buffering=0))  # noqa: SIM115
    with pytest.raises(WriteError, match="No space left"):
        make(pair.plate, pair.result, tmp_path / "r.html")
    assert not list(tmp_path.glob("*.html*"))


def test_a_page_is_only_replaced_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    page = tmp_path / "r.html"
    page.write_text("mine")
    said = headroom(capsys, "report", pair.plate, pair.result, "-o", page)
    assert said.code == 1 and "--overwrite" in said.err and page.read_text() == "mine"
    said = headroom(capsys, "report", small_damage(pair.result, tmp_path), "-o", page, "--overwrite")
    assert said.code == 1 and page.read_text() == "mine"
    assert headroom(capsys, "report", pair.plate, pair.result, "-o", page, "--overwrite").code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert not list(tmp_path.glob("*partial*"))


def small_damage(path: Path, folder: Path) -> Path:
    cut = folder / "cut.exr"
    cut.write_bytes(path.read_bytes()[:-900])
    return cut


def test_the_same_pair_gives_the_same_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    for name in ("a.html", "b.html"):
        assert headroom(capsys, "report", pair.plate, pair.result, "-o", tmp_path / name).code == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_sun_far_above_half_floats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    light = np.full((8, 8, 3), 0.5, np.float32)
    light[3, 4] = (3e8, 2.5e8, 2e8)
    save_result(tmp_path / "sun.exr", light, primaries=AP1)
    said = headroom(capsys, "report", tmp_path / "sun.exr", "-o", tmp_path / "r.html", "--json")
    told = json.loads(said.out)
    assert told["measures"][0]["hdr"]["peak"] > 2e8
    assert told["relative_error"] < 1e-3


def test_float_plates_have_no_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = plate_and_result(tmp_path)
    plate = srgb_decode(pair.codes.astype(np.float32) / 255).astype(np.float32)
    io.write(tmp_path / "plate.exr", plate, depth="float", chromaticities=None)
    said = headroom(
        capsys, "report", tmp_path / "plate.exr", pair.result, "-o", tmp_path / "r.html", "--from", "lin_srgb"
    )
    assert said.code == 0, said.err
    assert "Plate code" not in (tmp_path / "r.html").read_text()


def test_transparent_pixels_are_not_held_against_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Colours multiplied by no alpha are black in the file: nobody changed them."""
    pair = plate_and_result(tmp_path)
    alpha = np.where(np.arange(pair.codes.shape[0]) % 2, 1.0, 0.0)[:, None] * np.ones(pair.codes.shape[1])
    light = (pair.hdr709 @ rgb_to_rgb(REC709, AP1, BRADFORD).T).astype(np.float32)
    planes = {"alpha": alpha.astype(np.float32), "mask": pair.mask, "gain": pair.gain}
    io.write(tmp_path / "cut.exr", light, chromaticities=AP1, **planes)
    said = headroom(capsys, "report", pair.plate, tmp_path / "cut.exr", "-o", tmp_path / "r.html", "--json")
    untouched = json.loads(said.out)["measures"][0]["untouched"]
    assert untouched["off_share"] == 0 and untouched["share"] == pytest.approx((pair.mask[1::2] == 0).mean() / 2)


def test_a_movie_is_a_plate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import av

    pair = plate_and_result(tmp_path)
    with av.open(str(tmp_path / "plate.mov"), "w") as movie:
        stream = movie.add_stream("prores_ks", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv422p10le"
        for _ in range(2):
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(pair.codes, "rgb24")))
        movie.mux(stream.encode())
    for frame in (1, 2):
        (tmp_path / f"hdr.{frame:04d}.exr").write_bytes(pair.result.read_bytes())
    arguments = [tmp_path / "plate.mov", tmp_path / "hdr.####.exr", "-o", tmp_path / "r.html", "--json"]
    told = json.loads(headroom(capsys, "report", *arguments).out)
    assert told["frames"] == [1, 2]
    luminance = (srgb_decode(pair.codes / 255.0) @ [0.2126, 0.7152, 0.0722]).mean()
    assert told["measures"][0]["ldr"]["mean_luminance"] == pytest.approx(luminance, rel=0.03)
    said = headroom(capsys, "report", *arguments, "--overwrite", "--first-frame", "2")
    assert json.loads(said.out)["frames"] == [2]


def test_names_are_text_and_never_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "<img src=x onerror=alert(1)>&\"'.exr"
    pair = plate_and_result(tmp_path, attributes={"headroom:model": "</script><script>alert(2)</script>"})
    pair.result.rename(tmp_path / evil)
    assert headroom(capsys, "report", pair.plate, tmp_path / evil, "-o", tmp_path / "r.html").code == 0
    text = (tmp_path / "r.html").read_text()
    assert "<img src=x" not in text and "<script>alert" not in text and "alert(2)&lt;/script&gt;" in text
    assert text.count("<script") == 3


def test_thumbnails_are_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plates, results = make_shot(tmp_path, frames=range(1001, 1003))
    assert headroom(capsys, "report", plates, results, "-o", tmp_path / "r.html").code == 0
    text = (tmp_path / "r.html").read_text()
    found = re.findall(r'<img src="data:image/jpeg;base64,([^"]+)" alt="" width="(\d+)" height="(\d+)">', text)
    assert len(found) == 2
    with Image.open(BytesIO(base64.b64decode(html.unescape(found[0][0])))) as thumb:
        assert thumb.size == (96, 64) == (int(found[0][1]), int(found[0][2]))


def test_a_cancelled_report_leaves_nothing(tmp_path: Path) -> None:
    plates, results = make_shot(tmp_path / "shot")
    answers = iter([False, False, True])
    steps: list[tuple[int, int]] = []
    with pytest.raises(Cancelled, match="nothing was written"):
        make(
            plates,
            results,
            tmp_path / "out" / "r.html",
            progress=lambda done, total: steps.append((done, total)),
            cancelled=lambda: next(answers),
        )
    assert steps == [(1, 6), (2, 6)]
    assert list((tmp_path / "out").iterdir()) == []
