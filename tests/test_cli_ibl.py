"""``headroom ibl`` from file to files."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from command import Said, headroom, one_line
from headroom import io
from headroom.colour.curves import srgb_encode
from headroom.colour.plan import plan
from headroom.metrics.linear import luminance
from headroom.panorama import harmonics
from headroom.panorama.layouts import FACES, cube_of, sample_latlong
from headroom.panorama.sphere import direction_of_angles, directions, solid_angles
from tiny_model import make_tiny_model

pytestmark = pytest.mark.usefixtures("tiny_headroom_1")

CapSys = pytest.CaptureFixture[str]
HEIGHT, WIDTH = 32, 64
REC709 = ("--to", "Linear Rec.709 (sRGB)")


def _codes(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Sky and ground, and a glow that clips."""
    d = directions(height, width)
    axis = np.array([0.6, 0.5, -0.3])
    glow = ((d @ (axis / np.linalg.norm(axis))).clip(0) ** 12)[..., None] * 3
    up = (d[..., 1:2] > 0) * np.array([0.25, 0.35, 0.6]) + (d[..., 1:2] <= 0) * np.array([0.2, 0.17, 0.12])
    return (srgb_encode((up + glow).clip(0, 1).astype(np.float32)) * 255 + 0.5).astype(np.uint8)


@pytest.fixture
def pano(tmp_path: Path) -> Path:
    Image.fromarray(_codes()).save(tmp_path / "pano.png")
    return tmp_path / "pano.png"


def ibl(capsys: CapSys, *arguments: Any) -> Said:
    return headroom(capsys, "ibl", *arguments, "--no-power", "--device", "cpu")


def pixels(path: Path) -> np.ndarray:
    plate = io.read(path)
    return plate.rows(0, plate.height)


def power(latlong: np.ndarray) -> float:
    omega = solid_angles(*latlong.shape[:2])
    return float((luminance(latlong.astype(np.float64)).sum(axis=1) * omega).sum())


def test_a_map_and_what_is_said_of_it(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    out = tmp_path / "env.exr"
    said = ibl(capsys, pano, "-o", out, "--depth", "float")
    assert said.code == 0
    assert "environment map" in said.out and "latlong (2:1)" in said.out and "relative" in said.out
    plate, result = io.read(pano), pixels(out)
    recorded = (plate.codes < 0.94 * 255).all(axis=-1)
    exact = plan(None).base(plate.rows(0, plate.height))
    assert (result[recorded] == exact[recorded]).all()
    assert result.max() > exact.max()
    attributes = io.header(out)["parts"][0]["attributes"]
    assert attributes["headroom:sourceLayout"] == "latlong (2:1)"
    assert "whiteLuminance" not in attributes


def test_powers_learnt_on_another_model_are_said_to_be(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    other = make_tiny_model(tmp_path, name="other")
    for name, model in (("full", "headroom-1"), ("small", other)):
        command = ("ibl", pano, "-o", tmp_path / f"{name}.exr", "--model", model, "--device", "cpu", "--json")
        report = json.loads(headroom(capsys, *command).out)
        assert report["power_model"]["regions"] > 0
        assert any("--no-power" in warning for warning in report["warnings"]) == (name == "small")


def test_turned_in_is_turned_out(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    Image.fromarray(np.roll(_codes(), 21, axis=1)).save(tmp_path / "turned.png")
    for name in ("pano", "turned"):
        source, target = tmp_path / f"{name}.png", tmp_path / f"{name}.exr"
        assert ibl(capsys, source, "-o", target, "--depth", "float", "--sun-disc", "off").code == 0
    one, other = pixels(tmp_path / "pano.exr"), pixels(tmp_path / "turned.exr")
    assert np.abs(np.roll(one, 21, axis=1) - other).max() <= 1e-4


def test_the_table_goes_out_and_in(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    table = tmp_path / "lights.json"
    assert ibl(capsys, pano, "-o", tmp_path / "a.exr", "--lights", table, "--depth", "float", *REC709).code == 0
    same = ibl(capsys, pano, "-o", tmp_path / "b.exr", "--lights-in", table, "--depth", "float", *REC709)
    assert same.code == 0
    assert (pixels(tmp_path / "a.exr") == pixels(tmp_path / "b.exr")).all()
    content = json.loads(table.read_text())
    before = content["lights"][0]["power"]
    content["lights"][0]["power"] = before + 5.0
    content["lights"].append({
        "id": "key", "added": True, "kind": "lamp", "power": 2.0, "disc_degrees": 30,
        "direction": direction_of_angles(-90, -40).tolist(),
    })  # fmt: skip
    table.write_text(json.dumps(content))
    again = tmp_path / "again.json"
    for name in ("c", "d"):
        said = ibl(capsys, pano, "-o", tmp_path / f"{name}.exr", "--lights-in", table, "--lights", again,
                   "--overwrite", "--depth", "float", *REC709)  # fmt: skip
        assert said.code == 0, said.err
        table = again
    first, second = pixels(tmp_path / "c.exr"), pixels(tmp_path / "d.exr")
    assert (first == second).all()
    assert power(first) - power(pixels(tmp_path / "a.exr")) == pytest.approx(7.0, rel=1e-3)


def test_split_lights_leave_map_and_list_that_are_the_whole(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    whole, rest = tmp_path / "whole.exr", tmp_path / "rest.exr"
    assert ibl(capsys, pano, "-o", whole, "--depth", "float", *REC709).code == 0
    assert ibl(capsys, pano, "-o", rest, "--split-lights", "all", "--depth", "float", *REC709).code == 0
    table = json.loads((tmp_path / "rest.lights.json").read_text())
    extra = sum(light["power"] - light["floor_power"] for light in table["lights"])
    assert table["split_off"] == [light["id"] for light in table["lights"]]
    assert power(pixels(rest)) + extra == pytest.approx(power(pixels(whole)), rel=1e-4)


def test_the_map_is_a_dome_and_each_sun_a_distant_light(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    usd, lux = pytest.importorskip("pxr.Usd"), pytest.importorskip("pxr.UsdLux")
    geometry = pytest.importorskip("pxr.UsdGeom")
    table, toward = tmp_path / "lights.json", (0.48, 0.6, -0.64)
    whole, rest, stage_file = tmp_path / "whole.exr", tmp_path / "maps" / "rest.exr", tmp_path / "env.usda"
    assert ibl(capsys, pano, "-o", whole, "--lights", table).code == 0
    content = json.loads(table.read_text())
    row = {"id": "sun-9", "kind": "sun", "added": True, "direction": toward, "disc_degrees": 0.6, "power": 7.0}
    table.write_text(json.dumps(content | {"lights": [*content["lights"], row]}))
    again = ("--lights-in", table, "--overwrite", "--depth", "float")
    assert ibl(capsys, pano, "-o", whole, *again, *REC709).code == 0
    asked = ("--split-lights", "sun", "--usd", stage_file, "--ev", 10)
    assert ibl(capsys, pano, "-o", rest, *again, *asked, *REC709).code == 0

    stage = usd.Stage.Open(str(stage_file))
    assert stage.GetDefaultPrim().GetName() == "env"
    assert geometry.GetStageUpAxis(stage) == "Y"
    dome = lux.DomeLight(stage.GetPrimAtPath("/env/map"))
    assert Path(dome.GetTextureFileAttr().Get().resolvedPath).resolve() == rest.resolve()
    assert dome.GetTextureFormatAttr().Get() == "latlong"
    nits = dome.GetIntensityAttr().Get()
    assert nits == pytest.approx(1.2 * 2**10)

    sun = lux.DistantLight(stage.GetPrimAtPath("/env/sun_9"))
    assert sun.GetAngleAttr().Get() == pytest.approx(0.6)
    assert sun.GetNormalizeAttr().Get()
    turn = geometry.Xformable(sun.GetPrim()).ComputeLocalToWorldTransform(usd.TimeCode.Default())
    assert np.array(turn.TransformDir((0, 0, -1))) == pytest.approx(-np.array(toward), abs=1e-6)
    assert abs(np.linalg.det(np.array(turn)) - 1) < 1e-6
    # Light on a surface that faces the sun: the stage's is the whole map's.
    colour = np.array(sun.GetColorAttr().Get())
    suns = [lux.DistantLight(prim) for prim in stage.Traverse() if prim.IsA(lux.DistantLight)]
    split = sum(one.GetIntensityAttr().Get() * luminance(np.array(one.GetColorAttr().Get())) for one in suns)
    assert power(pixels(rest)) * nits + split == pytest.approx(power(pixels(whole)) * nits, rel=1e-3)
    assert sun.GetIntensityAttr().Get() * luminance(colour) == pytest.approx(7.0 * nits, rel=1e-3)


def test_suns_past_half_are_float_by_themselves(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    out = tmp_path / "env.exr"
    said = ibl(capsys, pano, "-o", out, "--sky-stops", 20, "--sun-stops", 20, "--json")
    report = json.loads(said.out)
    assert report["depth"] == "float"
    assert any("65504" in line for line in report["warnings"])
    assert pixels(out).max() > 65504


@pytest.mark.parametrize("how", ["ev", "lux", "card"])
def test_an_absolute_scale(pano: Path, tmp_path: Path, capsys: CapSys, how: str) -> None:
    out, table = tmp_path / "env.exr", tmp_path / "l.json"
    ground = float(luminance(plan(None, to="Linear Rec.709 (sRGB)").base(io.read(pano).rows(30, 31))[0, 20]))
    option, nits = {
        "ev": (("--ev", 13), 1.2 * 2**13),
        "lux": (("--lux", 20000), None),
        "card": (("--grey-card", "18,29,4,2=5000lux"), 5000 * 0.18 / math.pi / ground),
    }[how]
    said = ibl(capsys, pano, "-o", out, *option, "--lights", table, "--json", *REC709, "--depth", "float")
    report = json.loads(said.out)
    stated = io.header(out)["parts"][0]["attributes"]["whiteLuminance"]
    if nits is None:
        up = directions(HEIGHT, WIDTH)[..., 1].clip(0) * solid_angles(HEIGHT, WIDTH)[:, None]
        nits = 20000 / float((luminance(pixels(out)) * up).sum())
    assert stated == pytest.approx(nits, rel=0.01)
    assert report["cd_m2_for_one"] == pytest.approx(stated, rel=1e-6)
    assert json.loads(table.read_text())["units"] == "cd/m2 and lux"


def test_all_the_other_outputs(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    said = ibl(
        capsys, pano, "-o", tmp_path / "env.exr", "--cubemap", tmp_path / "cross.exr", "--faces", tmp_path / "f.exr",
        "--face-size", 16, "--irradiance", tmp_path / "irr.exr", "--sh", tmp_path / "sh.json", "--sh-order", 4,
        "--preview", tmp_path / "p.png", "--truth", tmp_path / "env.exr", "--depth", "float", *REC709,
    )  # fmt: skip
    assert said.code == 0, said.err
    env, cross = pixels(tmp_path / "env.exr"), pixels(tmp_path / "cross.exr")
    assert cross.shape == (48, 64, 3)
    for face in FACES:
        assert (pixels(tmp_path / f"f_{face}.exr") == cube_of(env, face, 16)).all()
    for face, (row, column) in {
        "py": (0, 1), "nx": (1, 0), "pz": (1, 1), "px": (1, 2), "nz": (1, 3), "ny": (2, 1)
    }.items():  # fmt: skip
        part = cross[16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
        assert (part == pixels(tmp_path / f"f_{face}.exr")).all()
    assert (cross[:16, :16] == 0).all()
    assert (cross[32:, 32:] == 0).all()
    lit = pixels(tmp_path / "irr.exr")
    normal = direction_of_angles(30, 40)
    kernel = (directions(HEIGHT, WIDTH) @ normal).clip(0) * solid_angles(HEIGHT, WIDTH)[:, None] / math.pi
    true = (env * kernel[..., None]).sum((0, 1))
    assert sample_latlong(lit, normal[None, None])[0, 0] == pytest.approx(true, rel=0.02)
    table = json.loads((tmp_path / "sh.json").read_text())["coefficients"]
    by_harmonics = harmonics.basis(normal, 4) @ np.array([row["irradiance"] for row in table]) / math.pi
    assert by_harmonics == pytest.approx(true, rel=0.05)
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width > 1000
        assert np.asarray(picture).std() > 10


def test_the_preview_names_the_sun_first_however_faint() -> None:
    from headroom.ibl.preview import MOST_NAMED, named
    from headroom.panorama.lights import Light, Region

    def light(name: str, kind: str, power: float) -> Light:
        return Light(
            id=name, kind=kind, direction=(0.0, 1.0, 0.0), solid_angle_sr=0.1, colour=(1.0, 1.0, 1.0),
            radiance=power / 0.1, peak=power / 0.1, power=power, floor_power=0.0,
            region=Region(x=0, y=0, width=4, height=4, pixels=16),
        )  # fmt: skip

    skies = [light(f"sky-{n}", "sky", 10.0 / n) for n in range(1, MOST_NAMED + 2)]
    lights = (*skies, light("lamp-1", "lamp", 0.1), light("sun-1", "sun", 0.05))
    assert [one.id for one in named(lights)] == ["sun-1", *(sky.id for sky in skies[: MOST_NAMED - 1])]
    assert [one.id for one in named((skies[0], lights[-2]))] == ["sky-1"]
    assert named(()) == []


def test_a_ktx2_cubemap_is_laid_out_as_the_specification_says(tmp_path: Path) -> None:
    from headroom.ibl.ktx2 import write_cubemap

    rng = np.random.default_rng(1)
    levels = [[rng.random((n, n, 3), np.float32) * top for _ in FACES] for n, top in ((8, 60000), (4, 1), (2, 1))]
    path = tmp_path / "m.ktx2"
    assert write_cubemap(path, levels, {"KTXwriter": "test", "a": "b"}) == "half"
    data = path.read_bytes()
    assert data[:12] == b"\xabKTX 20\xbb\r\n\x1a\n"
    assert struct.unpack_from("<9I", data, 12) == (97, 2, 8, 8, 0, 0, 6, 3, 0)
    descriptor, descriptor_bytes, pairs, _ = struct.unpack_from("<4I", data, 48)
    assert struct.unpack_from("<I", data, descriptor)[0] == descriptor_bytes == pairs - descriptor
    ends = set()
    for level, faces in enumerate(levels):
        offset, length, plain = struct.unpack_from("<3Q", data, 80 + 24 * level)
        n = faces[0].shape[0]
        assert length == plain == 6 * n * n * 8
        assert offset % 8 == 0
        stored = np.frombuffer(data, "<f2", length // 2, offset).reshape(6, n, n, 4)
        assert (stored[..., :3] == np.array(faces).astype(np.float16)).all()
        assert (stored[..., 3] == 1).all()
        ends.add(offset + length)
    assert max(ends) == len(data)
    assert write_cubemap(path, [[face * 10 for face in levels[0]]], {}) == "float"


def _with_gpano(path: Path, **values: object) -> None:
    pairs = " ".join(f'GPano:{key}="{value}"' for key, value in values.items())
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" {pairs}/></rdf:RDF></x:xmpmeta>'
    )
    Image.fromarray(_codes()[8:24, 10:50]).save(path, quality=95, xmp=packet.encode())


def test_a_part_is_placed_by_its_metadata_or_by_hand(tmp_path: Path, capsys: CapSys) -> None:
    path = tmp_path / "part.jpg"
    _with_gpano(
        path, ProjectionType="equirectangular", FullPanoWidthPixels=128, FullPanoHeightPixels=64,
        CroppedAreaLeftPixels=20, CroppedAreaTopPixels=16, CroppedAreaImageWidthPixels=80,
        CroppedAreaImageHeightPixels=32,
    )  # fmt: skip
    said = ibl(capsys, path, "-o", tmp_path / "a.exr", "--json", "--depth", "float")
    report = json.loads(said.out)
    assert (report["width"], report["height"]) == (64, 32)
    assert report["layout"].startswith("a part of a lat-long (GPano")
    seen = solid_angles(32, 64)[8:24].sum() * 40 / (4 * math.pi)
    assert report["filled_share"] == pytest.approx(1 - seen)
    assert ibl(capsys, path, "-o", tmp_path / "b.exr", "--crop", "64x32+10+8", "--depth", "float").code == 0
    assert (pixels(tmp_path / "a.exr") == pixels(tmp_path / "b.exr")).all()


def test_six_faces_by_their_names(tmp_path: Path, capsys: CapSys) -> None:
    linear = _codes(64, 128).astype(np.float32)
    for face in FACES:
        Image.fromarray(cube_of(linear, face, 32).round().astype(np.uint8)).save(tmp_path / f"set_{face}.png")
    files = [tmp_path / f"set_{face}.png" for face in reversed(FACES)]
    said = ibl(capsys, *files, "-o", tmp_path / "env.exr", "--json", "--depth", "float")
    report = json.loads(said.out)
    assert report["layout"] == "six faces of a cube"
    assert (report["width"], report["height"]) == (128, 64)
    exact = plan(None).base(linear / 255)
    dark = (linear < 200).all(axis=2)
    assert np.median(np.abs(pixels(tmp_path / "env.exr") - exact)[dark] / exact[dark]) < 0.02


@pytest.mark.parametrize("size", [(8, 4), (9, 4), (66, 33), (63, 32)])
def test_small_and_odd_sizes(tmp_path: Path, capsys: CapSys, size: tuple[int, int]) -> None:
    width, height = size
    Image.fromarray(_codes(height, width)).save(tmp_path / "a.png")
    said = ibl(capsys, tmp_path / "a.png", "-o", tmp_path / "a.exr", "--layout", "latlong")
    assert said.code == 0, said.err
    assert pixels(tmp_path / "a.exr").shape == (height, width, 3)


@pytest.mark.parametrize("value", [0, 255])
def test_all_black_and_all_white(tmp_path: Path, capsys: CapSys, value: int) -> None:
    Image.fromarray(np.full((16, 32, 3), value, np.uint8)).save(tmp_path / "a.png")
    said = ibl(capsys, tmp_path / "a.png", "-o", tmp_path / "a.exr", "--sun-stops", 2, "--json")
    assert said.code == 0, said.err
    assert np.isfinite(pixels(tmp_path / "a.exr")).all()
    assert "no sun was found" in " ".join(json.loads(said.out)["warnings"])


def test_what_is_not_finite_is_named(tmp_path: Path, capsys: CapSys) -> None:
    lin = np.full((16, 32, 3), 0.5, np.float32)
    lin[3, 5] = np.nan
    lin[4, 6] = np.inf
    import OpenEXR

    with OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": lin}) as file:
        file.write(str(tmp_path / "a.exr"))
    said = ibl(capsys, tmp_path / "a.exr", "-o", tmp_path / "b.exr")
    assert said.code == 0
    assert "NaN" in said.err
    assert np.isfinite(pixels(tmp_path / "b.exr")).all()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--layout", "cross"), 1, "no cross"),
        (("--crop", "64x32"), 2, "FULLWIDTHxFULLHEIGHT"),
        (("--crop", "40x20+0+0"), 1, "does not fit"),
        (("--crop", "64x32+0+0", "--layout", "angular"), 2, "--crop"),
        (("--ev", 3, "--lux", 5), 2, "one of --ev"),
        (("--grey-card", "1,2=3"), 2, "X,Y,WIDTH,HEIGHT"),
        (("--grey-card", "60,2,10,10=5lux"), 2, "leaves the 64x32 map"),
        (("--split-lights", "torch"), 2, "torch"),
        (("--usd", "env.usda", "--split-lights"), 2, "--split-lights sun"),
        (("--usd", "env.usdc"), 2, "written as .usda"),
        (("--sun-disc", "-1"), 2, "neither a diameter"),
        (("--lights-in", "missing.json"), 2, "missing.json"),
        (("--sun-stops", "nan"), 2, "nan"),
        (("--truth", "x.exr"), 2, "--preview"),
        (("--to", "sRGB - Texture"), 2, "not linear"),
        (("--ggx", "mips.exr"), 2, "written as .ktx2"),
        (("--cubemap", "cross.png"), 2, "written as .exr"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line(
    pano: Path, tmp_path: Path, capsys: CapSys, arguments: tuple[Any, ...], code: int, says: str
) -> None:
    said = ibl(capsys, pano, "-o", tmp_path / "env.exr", *arguments)
    assert (said.code, says in said.err, one_line(said.err)) == (code, True, True), said.err
    assert not (tmp_path / "env.exr").exists()


def test_a_picture_that_is_no_panorama_is_one_line(tmp_path: Path, capsys: CapSys) -> None:
    for name, shape, says in (("a", (30, 50), "not 2:1"), ("b", (2, 4), "too small"), ("c", (30, 40), "not 2:1")):
        codes = np.random.default_rng(1).integers(0, 255, (*shape, 3), np.uint8)
        Image.fromarray(codes).save(tmp_path / f"{name}.png")
        said = ibl(capsys, tmp_path / f"{name}.png", "-o", tmp_path / "env.exr")
        assert (said.code, says in said.err, one_line(said.err)) == (1, True, True), said.err
    two = ibl(capsys, tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "env.exr")
    assert two.code == 2 and "six faces" in two.err


def test_nothing_is_overwritten_unasked(pano: Path, tmp_path: Path, capsys: CapSys) -> None:
    out = tmp_path / "env.exr"
    out.write_bytes(b"mine")
    said = ibl(capsys, pano, "-o", out)
    assert said.code == 1 and one_line(said.err)
    assert out.read_bytes() == b"mine"
    assert ibl(capsys, pano, "-o", pano).code == 2
    assert ibl(capsys, pano, "-o", tmp_path / "x.exr", "--cubemap", tmp_path / "x.exr").code == 2
