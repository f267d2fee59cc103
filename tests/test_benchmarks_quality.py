"""The figures of docs/quality.md: how they are taken, and that the page says what the file holds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")


@pytest.fixture
def benchmarks(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return repository / "benchmarks"


@pytest.mark.usefixtures("benchmarks")
def test_a_photograph_counts_over_its_own_inverse_srgb(tmp_path: Path) -> None:
    import quality_points

    def record(scene: str, share: float, method: str, db: float, stops: float) -> dict[str, object]:
        values = {"pu21_psnr": db, "clip_rmse": stops}
        return {"suite": "srgb", "scene": scene, "share": share, "method": method, "values": values}

    plain = "inverse of the declared curve"
    records = [record(s, share, plain, 20 + share, 1.5) for s in ("b", "a") for share in (0.05, 0.02)]
    records += [record(s, share, "mine", 25 + 2 * share, 0.8) for s in ("a", "b") for share in (0.02, 0.05)]
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps({"records": records}), "utf-8")
    found = quality_points.taken(path, "mine")
    assert found == {"0.02": {"a": [5.02, 0.8], "b": [5.02, 0.8]}, "0.05": {"a": [5.05, 0.8], "b": [5.05, 0.8]}}
    assert quality_points.means({"values": found}) == pytest.approx([5.035, 0.8])
    with pytest.raises(SystemExit, match="no other"):
        quality_points.taken(path, "other")


@pytest.mark.usefixtures("benchmarks")
def test_the_law_is_found_again() -> None:
    import learning_curve

    x = np.array([10.0, 43, 69, 102, 180, 230])
    law = learning_curve.power_law(x, 6.0 - 9.0 * x**-0.7)
    assert law.end == pytest.approx(6.0, abs=0.05) and law.rate == pytest.approx(0.7, rel=0.06)
    assert law.at(np.array([2300.0]))[0] == pytest.approx(6.0 - 9.0 * 2300**-0.7, abs=0.05)
    doubled = learning_curve.line(np.array([24.0, 48.0, 96.0]), np.array([3.0, 3.5, 4.0]))
    assert doubled.rate == pytest.approx(0.5) and doubled.end == pytest.approx(3.0)
