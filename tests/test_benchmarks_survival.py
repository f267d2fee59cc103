"""The proof of survival runs as its command says, and would notice what it is there to notice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and /proc")
@pytest.mark.usefixtures("tiny_headroom_1")
def test_a_shot_is_killed_resumed_and_shared(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / "shot_survival.py"), "--scratch", str(tmp_path / "work")]
    command += ["--size", "64x48", "--frames", "12", "--kills", "1", "-o", str(tmp_path / "out")]
    environment = {**os.environ, "PYTHONPATH": str(repository / "core")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = json.loads((tmp_path / "out" / "survival.json").read_text())
    assert found["whole"]["files"] == 12, done.stderr
    assert found["killed"]["differing"] == found["killed"]["changed_after_in_place"] == []
    assert found["killed"]["lines_per_frame"] == {"1": 12}
    assert found["again"]["touched"] == 0
    assert found["workers"]["differing"] == [] and sum(found["workers"]["shares"]) == 12
    assert (tmp_path / "out" / "survival-memory.png").stat().st_size > 5000
    assert "| two workers: frames done by each |" in done.stdout


def test_what_is_not_as_promised_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    import shot_survival

    whole = {"files": 9, "seconds": 1.0, "bytes": 5, "early_peak_bytes": 100, "late_peak_bytes": 120, "peak_bytes": 120}
    workers = {"differing": ["a"], "shares": [6, 6], "seconds": 1.0, "lines_per_frame": {"1": 8, "2": 2}}
    rows = shot_survival.verdicts({"frames": 10, "whole": whole, "workers": workers})
    assert len(rows) == 5 and all(fine == "NO" for *_, fine in rows)
