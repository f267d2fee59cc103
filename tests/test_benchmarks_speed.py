"""The speed comparison runs as its command says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.usefixtures("tiny_headroom_1")
def test_speed_compares_systems_in_processes_of_their_own(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(repository / "benchmarks" / "speed.py"), "--size", "96x64", "--runs", "1"]
    command += ["--systems", "headroom-1", "ExpandNet", "-o", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(repository / "core")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours, theirs = json.loads((tmp_path / "speed.json").read_text())
    assert (ours["width"], ours["height"], ours["threads"]) == (96, 64, 1)
    assert 0 < ours["idle_memory_bytes"] <= ours["peak_memory_bytes"]
    assert theirs["pixels_per_second"] == pytest.approx(96 * 64 / min(theirs["seconds"]))
    assert "| ExpandNet |" in done.stdout
