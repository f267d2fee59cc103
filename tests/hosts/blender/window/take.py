"""The pictures of docs/blender/, taken from a real Blender window.

    sudo sh make_chroot.sh                      # once: Debian sid with Blender, in /root/chroot-sid
    sudo python take.py --zip dist/headroom-blender-X.zip [--out docs/blender] [--only node world]

Installs the zip with Blender's own command, as a user would, into a fresh user folder; then Blender runs
``drive.py`` under Xvfb. The worker is the ``headroom`` beside this Python, which the chroot sees through bind mounts
in a mount namespace of its own: nothing of them stays behind.
"""

# ruff: noqa: T201  a script

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from headroom.camera import expose_for_clipped_share
from headroom.colour.curves import srgb_encode
from headroom.evaluate.scenes import load_scene

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[3]
STAGE = Path("/home/artist")
ENGINE = Path("/opt/headroom/bin/headroom")
"""In the chroot, as a user would have them: both are seen in the preferences' picture."""
PICTURES = ("node", "panel", "progress", "result", "world", "preferences")
CHECKS = ("conduct",)
"""What is looked at by the script itself and has no picture."""
PANORAMA = "usr/share/blender/datafiles/studiolights/world/courtyard.exr"
CLIPPED_SHARE = 0.05
FRAMES = 6
SIZE = (1600, 1000)
DISPLAY = 77
LIMIT_S = 900
FEW_COLOURS = 4096
"""More of them are a render or a photograph, which a palette would show in steps."""


def main() -> int:
    options = parse()
    stage = options.chroot / STAGE.relative_to("/")
    if stage.exists():
        shutil.rmtree(stage)
    (stage / "shots").mkdir(parents=True)
    for name in ("drive.py", "inside.sh"):
        shutil.copy(HERE / name, stage)
    shutil.copy(options.zip, stage / "headroom.zip")
    make_plates(stage, options.chroot)

    engine = options.chroot / ENGINE.relative_to("/")
    engine.parent.mkdir(parents=True, exist_ok=True)
    engine.write_text(f'#!/bin/sh\nexec {shlex.quote(str(options.worker))} "$@"\n', encoding="utf-8")
    engine.chmod(0o755)

    folders = bind_folders(options.worker)
    binds = " && ".join(
        f"mkdir -p {shlex.quote(str(inside))} && mount --rbind {shlex.quote(str(folder))} {shlex.quote(str(inside))}"
        for folder in folders
        for inside in [options.chroot / str(folder).lstrip("/")]
    )
    variables = {
        "HOME": f"{STAGE}",
        "BLENDER_USER_RESOURCES": f"{STAGE}/.config/blender",
        "HEADROOM_WORKER": str(ENGINE),
        "OMP_NUM_THREADS": "2",
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    inside = [
        f"blender --command extension install-file -r user_default -e {STAGE}/headroom.zip",
        shlex.join(
            ["sh", f"{STAGE}/inside.sh", str(DISPLAY), *map(str, SIZE), "--window-geometry", "0", "0"]
            + [*map(str, SIZE), "--python-exit-code", "3", "--python", f"{STAGE}/drive.py", "--"]
            + (options.only or [*PICTURES, *CHECKS])
        ),
    ]
    environment = shlex.join(f"{name}={value}" for name, value in variables.items())
    chroot = f"chroot {shlex.quote(str(options.chroot))} env -i {environment} sh -ec {shlex.quote('; '.join(inside))}"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", f"{binds}; {chroot}"]
    done = subprocess.run(command, timeout=LIMIT_S, check=False)

    options.out.mkdir(parents=True, exist_ok=True)
    taken = sorted((stage / "shots").glob("*.png"))
    taken = [shot for shot in taken if shot.stem != "failed"]
    for shot in taken:
        # Blender's interface has few colours: a palette keeps the repository small and looks the same.
        picture = Image.open(shot).convert("RGB")
        plain = picture.getcolors(FEW_COLOURS) is not None
        kept = picture.quantize(256, dither=Image.Dither.NONE) if plain else picture
        kept.save(options.out / shot.name, optimize=True)
        print(f"{options.out / shot.name}: {picture.width} x {picture.height}")
    missing = [
        name for name in options.only or PICTURES if name in PICTURES and name not in {shot.stem for shot in taken}
    ]
    if missing:
        print(f"not taken: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing or done.returncode else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zip", type=Path, required=True)
    parser.add_argument("--chroot", type=Path, default=Path("/root/chroot-sid"))
    parser.add_argument("--worker", type=Path, default=Path(sys.executable).parent / "headroom")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "blender")
    parser.add_argument("--only", nargs="+", choices=PICTURES + CHECKS)
    return parser.parse_args()


def bind_folders(worker: Path) -> list[Path]:
    """What the worker's Python needs to see: its environment, the Python it was made from, this repository."""
    base = subprocess.run(
        [worker.parent / "python", "-c", "import sys, os; print(os.path.realpath(sys.base_prefix))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    return [worker.parent.parent, Path(base), REPOSITORY]


def make_plates(stage: Path, chroot: Path) -> None:
    """A still, a sequence of it panned, and a lat-long panorama, all of 8 bits and clipped."""
    shutil.copy(REPOSITORY / "examples" / "hangar.jpg", stage / "hangar.jpg")
    still = Image.open(stage / "hangar.jpg")
    (stage / "plate").mkdir()
    width, height = still.width - 8 * FRAMES, still.height
    for index in range(FRAMES):
        part = still.crop((8 * index, 0, 8 * index + width, height))
        part.save(stage / "plate" / f"hangar.{1001 + index}.jpg", quality=95)
    truth = load_scene(chroot / PANORAMA)
    codes = srgb_encode((truth * np.float32(expose_for_clipped_share(truth, CLIPPED_SHARE))).clip(0, 1))
    Image.fromarray((codes * 255 + 0.5).astype(np.uint8)).save(stage / "courtyard.png")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("take.py must be root: it enters a chroot")
    raise SystemExit(main())
