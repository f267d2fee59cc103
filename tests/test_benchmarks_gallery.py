"""The gallery's sheets and the rule by which scenes are shown; the ablations' variants."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def benchmarks(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))


def test_the_window_holds_what_clipped_and_is_the_middle_where_nothing_did() -> None:
    from gallery_pictures import busiest, cut

    weight = np.zeros((20, 40), np.float32)
    assert busiest(weight, 0.5) == (0.25, 0.25, 0.75, 0.75)
    weight[2:4, 30:38] = 1.0
    window = busiest(weight, 0.5)
    assert cut(weight, window).shape == (10, 20)
    assert cut(weight, window).sum() == weight.sum()


def test_light_is_shown_by_one_fixed_view() -> None:
    from gallery_pictures import seen

    light = np.array([[[0.0, 0.25, 1.0], [4.0, 8.0, 1e9]]], np.float32)
    assert seen(light, 0.0).tolist() == [[[0, 137, 255], [255, 255, 255]]]
    assert seen(light, -2.0).tolist() == [[[0, 71, 137], [255, 255, 255]]]


@pytest.mark.parametrize("cells", [2, 4, 5])
def test_a_sheet_keeps_aspects_and_fits_its_width(tmp_path: Path, cells: int) -> None:
    from gallery_pictures import FRAME, GAP, LABEL_PX, WIDTH, Cell, save_sheet

    wide, tall = np.full((10, 20, 3), 200, np.uint8), np.full((20, 20, 3), 90, np.uint8)
    row = [Cell("plate", wide, outlined=(0.0, 0.0, 0.5, 0.5))] + [Cell("truth", tall)] * (cells - 1)
    save_sheet([row, [Cell("gain", wide, bar=("inferno", "0", "6"))] * cells], tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        pixels = np.asarray(sheet).astype(int)
    count = max(cells, 4)
    width = (WIDTH - GAP * (count - 1)) // count
    assert pixels.shape == (2 * LABEL_PX + width + GAP + round(width / 2), WIDTH, 3)
    # The wide cell ends at half the row's height, and the frame stands in its corner.
    below = pixels[LABEL_PX + width // 2 + 12 : LABEL_PX + width - 8, 8 : width - 8]
    assert below.min() > 245
    assert np.abs(pixels[LABEL_PX + 1, 20 : width // 2 - 20] - FRAME).mean() < 60


def test_scenes_are_shown_by_rule() -> None:
    from gallery import chosen

    assert chosen({"a": 1.0, "b": 5.0, "c": 3.0, "d": -2.0, "e": 4.0}) == {"best": "b", "median": "c", "worst": "d"}


def test_every_ablation_leaves_out_one_part() -> None:
    from ablations import AVERAGED, WHOLE, variants

    legs = variants(steps=80)
    whole = asdict(legs[WHOLE[0]].recipe)
    for name, variant in legs.items():
        other = asdict(variant.recipe)
        changed = [
            (part, key) if isinstance(whole[part], dict) else (part, part)
            for part in whole
            for key in (whole[part] if isinstance(whole[part], dict) else (part,))
            if (whole[part][key] if isinstance(whole[part], dict) else whole[part])
            != (other[part][key] if isinstance(whole[part], dict) else other[part])
        ]
        assert len(changed) == (0 if name in (WHOLE[0], AVERAGED) else 1), (name, changed)
        assert other["steps"] == 80
