"""What a file says of where its picture comes from, and what that is worth to the response curve."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO
import pytest

from headroom import curve as curves
from headroom import io
from headroom.cli.main import run_command
from headroom.colour.plan import plan
from headroom.curve import informed, stated_curve
from headroom.reconstruct import Options, Reconstructor
from tiny_model import make_tiny_model

CANON: dict[str, Any] = {"Make": "Canon", "Model": "EOS 5D Mark II", "ExposureTime": 0.01}


def written(path: Path, attributes: dict[str, Any]) -> Path:
    """A noise picture whose header says so much."""
    spec = OpenImageIO.ImageSpec(72, 64, 3, "uint8")
    for name, value in attributes.items():
        spec.attribute(name, value)
    output = OpenImageIO.ImageOutput.create(str(path))
    output.open(str(path), spec)
    output.write_image(np.random.default_rng(1).integers(0, 256, (64, 72, 3), np.uint8))
    output.close()
    return path


@pytest.mark.parametrize(
    ("name", "attributes", "origin"),
    [
        ("camera.jpg", CANON, "camera"),
        ("converted.jpg", CANON | {"Software": "Adobe Photoshop Lightroom 6.1"}, "camera"),
        ("scanned.jpg", {"Make": "EPSON", "Model": "V700"}, None),
        ("web.jpg", {}, None),
        ("edited.jpg", {"Software": "Zoner Photo Community"}, None),
        ("render.png", {"Software": "Blender 4.5"}, "render"),
        ("stamped.png", {"RenderTime": "00:00.43", "Scene": "Scene"}, "render"),
        ("beauty.png", {"Software": "V-Ray 6"}, "render"),
        ("comp.jpg", CANON | {"Software": "Nuke 15.1v2"}, "render"),
    ],
)
def test_origins_are_read_from_files(tmp_path: Path, name: str, attributes: dict[str, Any], origin: str | None) -> None:
    assert io.read(written(tmp_path / name, attributes)).origin == origin


def test_odds_move_the_stated_curve_and_nothing_else() -> None:
    unsure = replace(stated_curve(), stated_probability=0.3)
    assert informed(unsure, None) is unsure
    assert informed(unsure, "camera").stated_probability == pytest.approx(0.15 / 0.85)
    assert informed(replace(unsure, stated_probability=1e-6), "render").keeps_stated
    for sure in (0.0, 1.0):
        for origin in ("camera", "render"):
            assert informed(replace(unsure, stated_probability=sure), origin).stated_probability == sure
    assert informed(unsure, "camera").table is unsure.table


def test_a_render_is_never_corrected_and_a_camera_a_little_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Reconstructor(make_tiny_model(tmp_path), device="cpu")
    colour = plan("sRGB Encoded Rec.709 (sRGB)")
    seen = {}
    for name, attributes in (("web", {}), ("camera", CANON), ("render", {"Software": "Blender"})):
        plate = io.read(written(tmp_path / f"{name}.png", attributes))
        seen[name] = model(plate, Options(curve="estimate"), colour=colour).report["curve"]
        assert seen[name]["origin"] == plate.origin
    odds = {name: told["stated_probability"] / (1 - told["stated_probability"]) for name, told in seen.items()}
    assert 0 < odds["camera"] == pytest.approx(odds["web"] / 2)
    monkeypatch.setattr(curves, "KEPT_PROBABILITY", 0.9999)
    plates = {name: io.read(tmp_path / f"{name}.png") for name in seen}
    used = {n: model(p, Options(curve="estimate"), colour=colour).report["curve"]["used"] for n, p in plates.items()}
    assert used == {"web": "estimate", "camera": "estimate", "render": "declared"}


def test_inspect_says_what_the_origin_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(written(tmp_path / "camera.jpg", CANON)), str(written(tmp_path / "web.jpg", {}))]
    assert run_command(["inspect", *files]) == 0
    told = capsys.readouterr().out
    assert told.count("origin") == 1
    assert "origin   camera: a camera's picture style" in told
    assert run_command(["inspect", "--json", *files]) == 0
    facts = json.loads(capsys.readouterr().out)["files"]
    assert [f["plate"]["stated_curve_odds"] for f in facts] == [0.5, 1.0]
