"""The USD stage as text; tests/test_cli_ibl.py reads one with USD itself."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from headroom.ibl.usd import write_usd
from headroom.panorama.lights import Light, Region


@pytest.mark.parametrize("toward", [(0.48, 0.6, -0.64), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)])
def test_the_stage_says_where_the_sun_stands_whichever_way(toward: tuple[float, ...], tmp_path: Path) -> None:
    light = Light(
        id="sun-1", kind="sun", direction=toward, solid_angle_sr=1e-4, colour=(1.0, 1.0, 1.0), radiance=1.0,  # type: ignore[arg-type]
        peak=1.0, power=3.0, floor_power=1.0, region=Region(x=0, y=0, width=1, height=1, pixels=1),
    )  # fmt: skip
    write_usd(tmp_path / "e.usda", tmp_path / "maps" / "e.exr", [light], None, lambda colour: colour)
    text = (tmp_path / "e.usda").read_text()
    assert "@@@./maps/e.exr@@@" in text
    assert "inputs:intensity = 2\n" in text
    rows = next(line for line in text.splitlines() if "matrix4d" in line).split("= ", 1)[1]
    turn = np.array(ast.literal_eval(rows))[:3, :3]
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-6)
    assert turn[2] == pytest.approx(toward, abs=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1.0)
