"""The exported TorchScript file: the same pixels as the engine, live knobs, nothing that old torch or Nuke lack."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from command import headroom, one_line
from headroom.colour.curves import srgb_encode
from headroom.colour.names import LINEAR_REC709, SRGB
from headroom.colour.plan import plan
from headroom.errors import UsageError, WriteError
from headroom.io.pixels import make_finite
from headroom.plate import Plate
from headroom.reconstruct import Options, Reconstructor
from headroom.torchscript import export
from headroom.torchscript.export import CHANNELS_IN, CHANNELS_OUT, FACTS_FILE
from headroom.torchscript.knobs import ENCODINGS, KNOBS, SPACES

LIMIT = 1e-3
DARKEST = 1e-3
OPERATORS = Path(__file__).parent / "data" / "torchscript" / "torch-2.1.1-operators.txt.gz"
CATTERY_CHANNELS = {
    *(f"rgba.{c}" for c in ("red", "green", "blue", "alpha")),
    *(f"{way}.{c}" for way in ("forward", "backward") for c in "uv"),
    *(f"disparity{eye}.{c}" for eye in "LR" for c in "xy"),
    *("depth.Z", "deep.front", "deep.back", "mask.a", "rotopaint_mask.a", "mask_planartrack.a", "mask_splinewarp.a"),
}
"""The 19 names that CatFileCreator takes."""


def load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(path)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """headroom-1 as it is shipped."""
    return export("headroom-1", tmp_path_factory.mktemp("real") / "headroom-1.pt").path


@pytest.fixture(scope="module")
def tiny_path(tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tiny_models / "headroom-1", tmp_path_factory.mktemp("tiny") / "tiny.pt").path


@pytest.fixture
def tiny(tiny_path: Path) -> Iterator[Any]:
    with torch.no_grad():
        yield load(tiny_path)


def scene(height: int, width: int, *, clip: float = 1.0, seed: int = 3) -> np.ndarray:
    """(H, W, 3) linear light with texture, lamps and dark parts, clipped."""
    chance = np.random.default_rng(seed)
    coarse = chance.lognormal(-1.5, 1.3, (height // 24 + 2, width // 24 + 2, 3))
    rows, columns = np.linspace(0, coarse.shape[0] - 1.001, height), np.linspace(0, coarse.shape[1] - 1.001, width)
    y, x = rows.astype(int), columns.astype(int)
    fy, fx = (rows - y)[:, None, None], (columns - x)[None, :, None]
    top = coarse[y][:, x] * (1 - fx) + coarse[y][:, x + 1] * fx
    bottom = coarse[y + 1][:, x] * (1 - fx) + coarse[y + 1][:, x + 1] * fx
    light = (top * (1 - fy) + bottom * fy) * 0.8 * chance.uniform(0.9, 1.1, (height, width, 1))
    light.flat[0] = 2.0  # something is clipped at any size
    return light.clip(0, clip).astype(np.float32)


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def array(result: torch.Tensor) -> np.ndarray:
    return result[0].float().numpy().transpose(1, 2, 0)


def by_engine(model: Any, codes: np.ndarray, frm: str, to: str, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    plate = Plate(codes=codes, is_float=True, bits=32)
    result = Reconstructor(model, device="cpu")(plate, Options(**options), frm=frm, to=to)
    return result.pixels, result.mask


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float((np.abs(found - wanted) / np.maximum(np.abs(wanted), DARKEST)).max())


def check_same(result: torch.Tensor, pipe: np.ndarray, pixels: np.ndarray, mask: np.ndarray) -> None:
    found = array(result)
    recorded = mask == 0
    assert relative(found[..., :3], pixels) < LIMIT
    assert np.abs(found[..., -1] - mask).max() < LIMIT
    assert np.array_equal(found[..., :3][recorded], pipe[recorded])
    assert 0.001 < (~recorded).mean() < 0.9


# ---- the same pixels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(67, 93), (131, 45), (241, 403)])
@pytest.mark.parametrize("space", [LINEAR_REC709, "ACEScg"])
def test_equals_the_engine_at_odd_sizes(real: Path, size: tuple[int, int], space: str) -> None:
    module = load(real)
    module.working_space = SPACES.index(space)
    codes = scene(*size)
    with torch.no_grad():
        check_same(module(tensor(codes)), codes, *by_engine("headroom-1", codes, space, space))


@pytest.mark.parametrize("space", SPACES)
def test_an_srgb_plate_in_every_working_space(tiny: Any, tiny_models: Path, space: str) -> None:
    lin = scene(70, 90)
    tiny.working_space, tiny.encoding = SPACES.index(space), ENCODINGS.index("sRGB")
    pipe = plan(None, frm=LINEAR_REC709, to=space, is_float=True).base(lin)
    check_same(tiny(tensor(pipe)), pipe, *by_engine(tiny_models / "headroom-1", srgb_encode(lin), SRGB, space))


@pytest.mark.parametrize(
    ("encoding", "space"),
    [
        ("rec709_camera", "Camera Rec.709"),
        ("gamma_2.2", "Gamma 2.2 Encoded Rec.709"),
        ("gamma_2.4", "Gamma 2.4 Encoded Rec.709"),
        ("linear_rec709", LINEAR_REC709),
    ],
)
def test_every_encoding(tiny: Any, tiny_models: Path, encoding: str, space: str) -> None:
    codes = scene(70, 90)
    pipe = plan(None, frm=space, to="ACEScg", is_float=True).base(codes)
    tiny.working_space, tiny.encoding = SPACES.index("ACEScg"), ENCODINGS.index(encoding)
    check_same(tiny(tensor(pipe)), pipe, *by_engine(tiny_models / "headroom-1", codes, space, "ACEScg"))


@pytest.mark.parametrize(
    "options",
    [
        {"boost": 1.5},
        {"strength": 0.4},
        {"peak_stops": 0.3},
        {"clip_level": 0.8},
        {"tau": 0.7},
        {"boost": 0.7, "strength": 1.6, "peak_stops": 1.0, "clip_level": 0.6, "tau": 0.9},
    ],
)
def test_knobs_mean_what_the_options_mean(tiny: Any, tiny_models: Path, options: dict[str, float]) -> None:
    codes = scene(70, 90)
    plain = tiny(tensor(codes))
    for name, value in options.items():
        setattr(tiny, name, value)
    result = tiny(tensor(codes))
    assert not torch.equal(result, plain)
    check_same(result, codes, *by_engine(tiny_models / "headroom-1", codes, LINEAR_REC709, LINEAR_REC709, **options))


@pytest.mark.parametrize(("clip", "most"), [(0.7, 0.0), (0.85, 1.0), (0.93, 1.0), (0.999, 0.98)])
def test_finds_the_clip_level_that_the_engine_finds(tiny: Any, tiny_models: Path, clip: float, most: float) -> None:
    codes = scene(70, 90, clip=clip)
    pixels, mask = by_engine(tiny_models / "headroom-1", codes, LINEAR_REC709, LINEAR_REC709)
    found = array(tiny(tensor(codes)))
    assert relative(found[..., :3], pixels) < LIMIT
    assert np.abs(found[..., 3] - mask).max() < 1e-4
    assert mask.max() == pytest.approx(most, abs=1e-5)


@pytest.mark.parametrize("top", [255, 240])
def test_a_photograph_read_by_nuke_equals_the_photograph_converted(tiny: Any, tiny_models: Path, top: int) -> None:
    """8-bit codes: the engine has the file, Nuke what its Read made of it. ``top``: where a recompressed file clips."""
    codes = np.rint(srgb_encode(scene(70, 90)) * top).astype(np.uint8)
    result = Reconstructor(tiny_models / "headroom-1", device="cpu")(Plate(codes=codes), frm=SRGB, to="ACEScg")
    assert result.report["clip_level"] == pytest.approx(top / 255)
    pipe = plan(None, frm=SRGB, to="ACEScg").base(codes.astype(np.float32) / np.float32(255))
    tiny.working_space, tiny.encoding = SPACES.index("ACEScg"), ENCODINGS.index("sRGB")
    check_same(tiny(tensor(pipe)), pipe, result.pixels, result.mask)


def test_premultiplied_pixels(tiny: Any, tiny_models: Path) -> None:
    codes = scene(70, 90)
    matte = np.random.default_rng(1).uniform(0.2, 1, (70, 90)).astype(np.float32)
    matte[:20], matte[20:40] = 0, 1
    plate = Plate(codes=codes * np.where(matte > 0, matte, 1)[..., None], alpha=matte, premultiplied=True,
                  is_float=True, bits=32)  # fmt: skip
    result = Reconstructor(tiny_models / "headroom-1", device="cpu")(
        plate, Options(), frm=LINEAR_REC709, to=LINEAR_REC709
    )
    found = array(tiny(tensor(np.concatenate([plate.codes, matte[..., None]], -1))))
    assert found.shape == (70, 90, 5)
    assert relative(found[..., :3], result.pixels * np.where(matte > 0, matte, 1)[..., None]) < LIMIT
    assert np.array_equal(found[..., 3], matte)
    assert np.abs(found[..., 4] - result.mask).max() < 1e-4


# ---- the promises -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (1, 37), (53, 1), (15, 17), (16, 16), (129, 2)])
def test_any_size(tiny: Any, size: tuple[int, int]) -> None:
    result = tiny(tensor(scene(*size)))
    assert result.shape == (1, 4, *size)
    assert torch.isfinite(result).all()
    assert result.is_contiguous()


def test_what_holds_its_highlights_passes_through(tiny: Any) -> None:
    codes = scene(40, 50)
    codes[0, 0] = 1.06
    result = array(tiny(tensor(codes)))
    assert np.array_equal(result[..., :3], codes)
    assert result[..., 3].max() == 0
    tiny.clip_level = 1.0
    assert array(tiny(tensor(codes)))[..., 3].max() == 1


def test_strength_zero_leaves_the_plate(tiny: Any) -> None:
    codes = scene(40, 50)
    tiny.strength = 0.0
    assert np.array_equal(array(tiny(tensor(codes)))[..., :3], codes)


def test_tiles_do_not_show(tiny: Any) -> None:
    codes = tensor(scene(300, 420))
    tiny.tile_px = 0
    whole = tiny(codes)
    for tile_px in (1, 130, 256):
        tiny.tile_px = tile_px
        assert torch.allclose(tiny(codes), whole, rtol=1e-5, atol=1e-6)


def test_what_is_not_finite_is_read_as_from_a_file(tiny: Any) -> None:
    broken = scene(40, 50)
    broken[3, 4, 0], broken[5, 6, 1], broken[7, 8, 2] = np.nan, np.inf, -np.inf
    codes = broken.copy()
    assert make_finite(codes) == {"NaN": 1, "+Inf": 1, "-Inf": 1}
    assert torch.equal(tiny(tensor(broken)), tiny(tensor(codes)))
    nothing = tiny(torch.full((1, 3, 5, 6), torch.nan))
    assert torch.equal(nothing, torch.zeros(1, 4, 5, 6))


def test_reconstructed_light_fits_a_half_float_only_where_it_would_not(tiny: Any) -> None:
    codes = scene(40, 50)
    codes[5, 5] = -70000  # recorded: left alone
    tiny.clip_level, tiny.strength = 1.0, 60.0
    tiny.clamp_half = False
    free = tiny(tensor(codes))[:, :3]
    assert free.max() > 65504
    tiny.clamp_half = True
    clamped = tiny(tensor(codes))[:, :3]
    assert torch.equal(clamped, free.clamp(max=65504))
    assert clamped.min() == -70000


def test_half_precision(tiny: Any) -> None:
    codes = tensor(scene(40, 50))
    single = tiny(codes)
    tiny.half()
    result = tiny(codes.half())
    assert result.dtype == torch.float16
    assert relative(array(result)[..., :3], array(single)[..., :3]) < 0.02


def test_wrong_channels_are_said(tiny: Any) -> None:
    with pytest.raises(torch.jit.Error, match="red, green and blue"):  # type: ignore[attr-defined]
        tiny(torch.zeros(1, 1, 4, 4))


# ---- the file ---------------------------------------------------------------------------------------------------


def test_knobs_are_live_attributes(tiny: Any) -> None:
    kinds = {"float": float, "int": int, "bool": bool, "enumeration": int}
    for knob in KNOBS:
        value = getattr(tiny, knob.name)
        assert type(value) is kinds[knob.kind]
        assert value == knob.default
        assert knob.low <= knob.default <= knob.high or knob.kind in ("enumeration", "bool")
    assert {knob.name: len(knob.values) for knob in KNOBS if knob.values} == {
        "working_space": len(SPACES),
        "encoding": len(ENCODINGS),
    }


def test_facts_travel_in_the_file(tiny_path: Path) -> None:
    with zipfile.ZipFile(tiny_path) as file:
        name = next(name for name in file.namelist() if name.endswith(f"extra/{FACTS_FILE}"))
        facts = json.loads(file.read(name))
    assert facts["model"] == "headroom-1"
    assert [knob["name"] for knob in facts["knobs"]] == [knob.name for knob in KNOBS]
    assert tuple(facts["channels_in"]) == CHANNELS_IN
    assert tuple(facts["channels_out"]) == CHANNELS_OUT
    assert set(CHANNELS_OUT) <= CATTERY_CHANNELS
    assert len(CATTERY_CHANNELS) == 19


def test_same_bytes_again_and_no_trace_of_this_machine(real: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "headroom", "models", "export", "--torchscript", "-o"]
    for name in ("a.pt", "b.pt"):
        subprocess.run([*command, tmp_path / name], check=True, capture_output=True)
    first = (tmp_path / "a.pt").read_bytes()
    assert first == (tmp_path / "b.pt").read_bytes()
    assert str(Path(__file__).parents[1]).encode() not in first
    with zipfile.ZipFile(real) as file:
        assert not [name for name in file.namelist() if name.endswith("debug_pkl")]


def test_uses_only_operators_of_torch_2_1(real: Path) -> None:
    """What Nuke 15.1 to 16 carry; the list was taken from that release."""
    lines = gzip.decompress(OPERATORS.read_bytes()).decode().splitlines()
    assert lines[0].startswith("2.1.1")
    known = {signature(schema) for schema in lines[1:]}
    assert signature("aten::rms_norm(Tensor input, SymInt[] normalized_shape, float? eps=None) -> Tensor") not in known
    used = {schema for _, schema, _ in nodes(real)} - {"(no schema)"}
    assert len(used) > 50
    assert {schema for schema in used if signature(schema) not in known} == set()


def signature(schema: str) -> tuple[str, ...]:
    """Name, overload and argument names. How types are written changed between releases (int, SymInt, ScalarType)."""
    name, _, rest = schema.partition("(")
    arguments = re.sub(r"\([^()]*\)", "", rest.rpartition(" -> ")[0])  # (a!), (a -> *)
    return name, *(part.split("=")[0].split()[-1] for part in arguments.rstrip(")").split(",") if part.strip())


def test_names_no_device(real: Path) -> None:
    """A trace that remembers the CPU it was made on fails on a GPU."""
    constants = [kind_of_value for kind, _, kind_of_value in nodes(real) if kind == "prim::Constant"]
    assert len(constants) > 50
    assert "Device" not in constants


def nodes(path: Path) -> list[tuple[str, str, str]]:
    """Kind, schema and type of every node, as text: no node outlives its graph, and no graph its module."""
    module = load(path)
    graph = module.graph.copy()
    torch._C._jit_pass_inline(graph)

    def inside(block: Any) -> Iterator[tuple[str, str, str]]:
        for node in block.nodes():
            yield node.kind(), str(node.schema()), str(node.output().type()) if node.outputsSize() == 1 else ""
            for inner in node.blocks():
                yield from inside(inner)

    return list(inside(graph))


FRESH = """
import sys
sys.modules["headroom"] = None  # importing it fails, as where it is not installed
import warnings
warnings.simplefilter("ignore")
import numpy, torch
torch.set_num_threads(1)
module = torch.jit.load(sys.argv[1])
module.boost = 1.5
pixels = torch.from_numpy(numpy.load(sys.argv[2]))
module(pixels), module(pixels[:, :, :50])  # from the second frame on, torch runs code that it has optimised
numpy.save(sys.argv[3], module(pixels).numpy())
"""


def in_fresh_process(python: str, model: Path, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    codes = scene(67, 93)
    np.save(folder / "in.npy", tensor(codes).numpy())
    words = [python, "-c", FRESH, model, folder / "in.npy", folder / "out.npy"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return codes, np.load(folder / "out.npy")[0].transpose(1, 2, 0)


def test_runs_where_headroom_is_not_installed(tiny: Any, tiny_path: Path, tmp_path: Path) -> None:
    codes, found = in_fresh_process(sys.executable, tiny_path, tmp_path)
    tiny.boost = 1.5
    assert relative(found, array(tiny(tensor(codes)))) < 1e-5


def test_runs_in_old_torch(real: Path, tmp_path: Path) -> None:
    pythons = os.environ.get("HEADROOM_OLD_TORCH_PYTHONS", "")
    if not pythons:
        pytest.skip("name Pythons with torch 2.1 or newer, and numpy, in HEADROOM_OLD_TORCH_PYTHONS")
    for python in pythons.split(os.pathsep):
        codes, found = in_fresh_process(python, real, tmp_path)
        pixels, _ = by_engine("headroom-1", codes, LINEAR_REC709, LINEAR_REC709, boost=1.5)
        assert relative(found[..., :3], pixels) < LIMIT


# ---- the command ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tiny_headroom_1")
def test_command_writes_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "headroom-1.pt"
    said = headroom(capsys, "models", "export", "--torchscript", "-o", path)
    assert said.code == 0
    assert "mask.a" in said.out
    assert "boost" in said.out
    again = headroom(capsys, "models", "export", "--torchscript", "-o", path)
    assert again.code == 2
    assert one_line(again.err)
    answer = headroom(capsys, "models", "export", "headroom-1", "--torchscript", "-o", path, "--overwrite", "--json")
    facts = json.loads(answer.out)
    assert facts["bytes"] == path.stat().st_size
    assert facts["knobs"][0]["name"] == "working_space"
    assert [entry.name for entry in path.parent.iterdir()] == ["headroom-1.pt"]


@pytest.mark.parametrize(
    "words",
    [("--torchscript", "nope"), ("--torchscript", "-o", "x.onnx"), ("headroom-1",), ("--torchscript", "-o", ".")],
)
@pytest.mark.usefixtures("tiny_headroom_1")
def test_command_refuses(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = headroom(capsys, "models", "export", *words)
    assert said.code == 2
    assert one_line(said.err)
    assert not list(tmp_path.iterdir())


def test_failure_leaves_nothing(tiny_models: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match="choose a folder"):
        export(tiny_models / "headroom-1", tmp_path / "file" / "x.pt")
    with pytest.raises(UsageError, match="overwrite"):
        (tmp_path / "x.pt").write_text("there")
        export(tiny_models / "headroom-1", tmp_path / "x.pt")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "x.pt"]
