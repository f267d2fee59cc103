"""Pages and paragraphs that scripts make of figures: handled pictures, the doubt, a merge's memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headroom.evaluate.exposures import Case
from headroom.evaluate.handling import HANDLINGS
from headroom.evaluate.scenes import Scene
from headroom.io import write
from headroom.reconstruct import Reconstructor
from tiny_model import make_tiny_model

pytest.importorskip("matplotlib")


@pytest.fixture
def benchmarks(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return repository / "benchmarks"


def handled_report(letters_db: float) -> dict[str, Any]:
    """Two scenes at two shares; all gain 2 dB but one photograph with letters."""
    import handled_results as page

    records, paired = [], []
    for way in HANDLINGS:
        for scene, share in (("a", 0.02), ("a", 0.05), ("b", 0.02), ("b", 0.05)):
            more = letters_db if (way, scene, share) == ("captioned", "b", 0.05) else 2.0
            for method, db in ((page.BASE, 30.0), (page.METHOD, 30.0 + more)):
                records.append(
                    {"suite": way, "scene": scene, "share": share, "method": method, "values": {"pu21_psnr": db}}
                )
        interval = {"mean": 2.0, "low": 1.0, "high": 3.0}
        of = {"suite": way, "method": page.METHOD, "than": page.BASE, "share": "all"}
        paired.append({**of, "better_by": {"pu21_psnr": interval, "clip_rmse": interval}})
    return {"records": records, "paired": paired}


@pytest.mark.usefixtures("benchmarks")
def test_one_photograph_that_loses_is_named_and_warned_of() -> None:
    import handled_results

    missed = handled_results.page(handled_report(-7.2), "9.9")
    assert "headroom-1 9.9" in missed and "missed by 1 of 44" in missed
    assert "2 scenes" in missed and "--shares 2,5 " in missed
    assert "-7.20 (b, 5 %) | 1 of 4" in missed and "White letters" in missed and "Strong lamp light" not in missed
    said = " ".join(handled_results.paragraph(handled_report(-7.2)).split())
    assert "in 10 of 11 such ways" in said and "1 of 4 do, up to 7.2 dB" in said
    met = handled_results.page(handled_report(-0.9), "9.9")
    assert "1 dB; met." in met and "White letters" not in met
    assert "in 11 of 11" in handled_results.paragraph(handled_report(-0.9))


@pytest.mark.usefixtures("benchmarks")
def test_only_what_lies_between_the_markers_changes() -> None:
    import merge_memory

    text = f"before\n{merge_memory.BEGIN}\nold\n{merge_memory.END}\nafter\n"
    filled = merge_memory.filled(text, 2.61e9)
    assert filled.startswith("before\n") and filled.endswith("\nafter\n") and "old" not in filled
    assert "24 megapixels merge within 2.7 GB" in filled and merge_memory.filled(filled, 2.61e9) == filled


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("doubt_width", [0, 6])
def test_the_doubt_of_either_kind_of_network_is_measured(tmp_path: Path, doubt_width: int) -> None:
    import doubt_results

    rng = np.random.default_rng(0)
    light = np.exp2(rng.normal(0, 2, (64, 96, 1)) + rng.normal(0, 0.2, (64, 96, 3))).astype(np.float32)
    write(tmp_path / "noise.exr", light, depth="float")
    model = Reconstructor(make_tiny_model(tmp_path, name="headroom-1", doubt_width=doubt_width), precision="fp32")
    found = doubt_results.measured(model, Case(Scene("noise", tmp_path / "noise.exr", "perspective"), 0.1))
    assert 0.005 < found["brighter"] < 0.1 and found["darker"] < 0.01 and found["covered"] > 0.9
    assert found["light_median"] < found["light_mean"] and found["light_median"] < found["light_bold"]
    samples, right = np.sum(found["bins"], axis=0)
    assert samples > 500 and right / samples == pytest.approx(found["right"])
    rows = [{"share": share, **found, "covered": covered} for share, covered in ((2.0, 0.8), (5.0, 0.9))]
    page = doubt_results.page(rows, [2.0, 5.0], model)
    assert "met at 1 of 2 shares" in page and ("where its mean is" in page) == bool(doubt_width)
