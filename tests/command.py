"""The command line as a user meets it: in this process where that is enough, in its own where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

__all__ = ["Said", "headroom", "headroom_process", "one_line", "save_picture"]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


def headroom(capsys: pytest.CaptureFixture[str], *arguments: Any) -> Said:
    from headroom.cli import main

    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return Said(int(ended.value.code or 0), said.out, said.err)


def headroom_process(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "headroom", *map(str, arguments)],
        text=True,
        env={**os.environ, **options.pop("env", {})},
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.endswith("\n") and "Traceback" not in text


def save_picture(path: Path, *, width: int = 48, height: int = 32, clipped: float = 0.2) -> Path:
    """A gradient whose right part is white, with some texture."""
    x = np.linspace(0, 1 / max(1 - clipped, 1e-3), width, dtype=np.float32)
    rows = np.linspace(1.0, 0.8, height, dtype=np.float32)[:, None]
    code = np.clip(x[None] * rows, 0, 1)[..., None] * np.array([1.0, 0.95, 0.9], np.float32)
    code[:, int(width * (1 - clipped)) :] = 1.0 if clipped else code[:, int(width * (1 - clipped)) :]
    Image.fromarray(np.rint(code * 255).astype(np.uint8)).save(path)
    return path
