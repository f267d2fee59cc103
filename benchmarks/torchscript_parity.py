"""How far the exported TorchScript model is from ``headroom convert``, in any torch, and what it costs.

    python benchmarks/torchscript_parity.py --python /path/to/torch-2.1.1/bin/python [--python ...] [--json FILE]
    python benchmarks/torchscript_parity.py --python ... --cost 4096x2160

Run by the Python that has headroom. It exports the model, writes plates as float EXRs, reconstructs them by the
command line, then lets every --python (torch and numpy are all it needs; default: itself) run the exported file on
the same values with the same settings. Exit code 1 where a difference passes 1e-3, relative to the engine's value or
to a thousandth of white where that is darker. Threads: $OMP_NUM_THREADS, else 1.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LIMIT = 1e-3
DARKEST = 1e-3
"""Linear; below this a difference is measured against it."""
SIZES = ("93x67", "641x479", "1917x1079")
LINEAR, ACESCG, SRGB = "Linear Rec.709 (sRGB)", "ACEScg", "sRGB Encoded Rec.709 (sRGB)"
CASES: dict[str, dict[str, Any]] = {
    "linear Rec.709": {"space": LINEAR},
    "linear ACEScg": {"space": ACESCG, "knobs": {"working_space": 1}},
    "sRGB plate, Rec.709 pipe": {"space": LINEAR, "plate": SRGB, "knobs": {"encoding": 2}},
    "sRGB plate, ACEScg pipe": {"space": ACESCG, "plate": SRGB, "knobs": {"working_space": 1, "encoding": 2}},
    "clip found at 0.93": {"space": LINEAR, "clip": 0.93},
    "other knobs": {
        "space": LINEAR,
        "knobs": {"boost": 1.4, "strength": 0.8, "peak_stops": 3.0, "clip_level": 0.9, "tau": 0.9},
        "options": ["--boost", "1.4", "--strength", "0.8", "--peak-stops", "3", "--clip-level", "0.9", "--tau", "0.9"],
    },
}
"""``space``: the pipe's; ``plate``: what the file was encoded in; ``knobs`` and ``options`` say the same thing."""
SHARPEST_CLIP = 93
"""Percentile of the scene that becomes white."""


def child(model: str, source: str, target: str, knobs: str, runs: str) -> None:
    """In the Python under test: run the file on saved pixels, tell time and memory."""
    import numpy as np
    import torch

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    module = torch.jit.load(model)
    for name, value in json.loads(knobs).items():
        setattr(module, name, value)
    pixels = torch.from_numpy(np.load(source))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    result = pixels
    with torch.no_grad():
        for _ in range(int(runs)):
            start = time.monotonic()
            result = module(pixels)
            seconds.append(round(time.monotonic() - start, 2))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # before the result is saved
    np.save(target, result.numpy())
    answer = {"torch": torch.__version__, "seconds": seconds, "peak_mb": peak / 1024, "before_mb": before / 1024}
    sys.stdout.write(json.dumps(answer) + "\n")


def run_in(python: str, model: Path, source: Path, target: Path, knobs: dict[str, Any], runs: int = 1) -> Any:
    """The child in another Python, whose environment holds nothing of headroom."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment.setdefault("OMP_NUM_THREADS", "1")
    words = [str(model), str(source), str(target), json.dumps(knobs), str(runs)]
    command = [python, "-W", "ignore", str(Path(__file__).resolve()), "--child", *words]
    done = subprocess.run(command, env=environment, cwd=source.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{python} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def plate(size: str, clip: float = 1.0) -> Any:
    """(H, W, 3) linear: the example's scene, thinned or mirrored to the size, clipped at ``clip``."""
    import numpy as np

    import headroom

    scene = headroom.read(Path(__file__).parents[1] / "examples" / "hangar-truth.exr").codes.astype(np.float32)
    scene = scene / np.float32(np.percentile(scene, SHARPEST_CLIP))
    width, height = map(int, size.split("x"))
    for axis, length in enumerate((height, width)):
        there = scene.shape[axis]
        index = np.pad(np.arange(there), (0, max(0, length - there)), "symmetric")
        index = index[(np.arange(length) * max(1.0, there / length)).astype(int)]
        scene = scene.take(index, axis)
    return scene.clip(0, clip)


def by_convert(pixels: Any, case: dict[str, Any], model: str, folder: Path) -> tuple[Any, Any]:
    """The engine's (H, W, 3) and mask, through files and the command line."""
    import numpy as np
    import OpenEXR

    source, target = folder / "plate.exr", folder / "result.exr"
    OpenEXR.File({}, {"RGB": OpenEXR.Channel(pixels)}).write(str(source))
    spaces = ["--from", case.get("plate", case["space"]), "--to", case["space"]]
    fixed = ["--mask", "--depth", "float", "--device", "cpu", "--overwrite", "--model", model]
    words = [str(source), "-o", str(target), *spaces, *fixed, *case.get("options", [])]
    done = subprocess.run(
        [sys.executable, "-m", "headroom", "convert", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"headroom convert failed: {done.stderr[-2000:]}")
    channels = OpenEXR.File(str(target), separate_channels=True).channels()
    return np.stack([channels[c].pixels for c in "RGB"], -1), channels["headroom.mask"].pixels


def compare(case: dict[str, Any], size: str, model: Path, pythons: list[str], name: str, folder: Path) -> list[Any]:
    """One row a Python."""
    import numpy as np

    from headroom.colour.curves import srgb_encode
    from headroom.colour.plan import plan

    lin = plate(size, case.get("clip", 1.0))
    is_srgb = case.get("plate") == SRGB
    pipe = plan(None, frm=LINEAR, to=case["space"], is_float=True).base(lin) if is_srgb else lin
    engine, mask = by_convert(srgb_encode(lin) if is_srgb else lin, case, name, folder)
    np.save(folder / "in.npy", np.ascontiguousarray(pipe.transpose(2, 0, 1))[None])
    rows = []
    for python in pythons:
        facts = run_in(python, model, folder / "in.npy", folder / "out.npy", case.get("knobs", {}))
        out = np.load(folder / "out.npy")[0].transpose(1, 2, 0)
        difference = np.abs(out[..., :3] - engine) / np.maximum(np.abs(engine), DARKEST)
        recorded = mask == 0
        rows.append(
            facts
            | {
                "largest": float(difference.max()),
                "mean": float(difference.mean()),
                "mask": float(np.abs(out[..., 3] - mask).max()),
                "touched": float((~recorded).mean()),
                "recorded_same": bool(np.array_equal(out[..., :3][recorded], pipe[recorded])),
                "peak_value": float(out[..., :3].max()),
            }
        )
    return rows


def show_parity(arguments: argparse.Namespace, model: Path, folder: Path) -> list[Any]:
    """The table of differences."""
    print("| pixels | case | torch | largest difference | mean | mask | recorded untouched | masked | s | MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    answers = []
    for size in arguments.sizes:
        for title, case in CASES.items():
            for row in compare(case, size, model, arguments.python, arguments.model, folder):
                answers.append({"size": size, "case": title, **row})
                print(
                    f"| {size} | {title} | {row['torch']} | {row['largest']:.1e} | {row['mean']:.1e} "
                    f"| {row['mask']:.1e} | {'yes' if row['recorded_same'] else 'NO'} | {row['touched']:.1%} "
                    f"| {row['seconds'][-1]:.2f} | {row['peak_mb']:.0f} |",
                    flush=True,
                )
    return answers


def show_cost(arguments: argparse.Namespace, model: Path, folder: Path) -> list[Any]:
    """Time and memory of one large frame, by size of tile."""
    import numpy as np

    pixels = plate(arguments.cost)
    rgba = np.concatenate([pixels, np.ones_like(pixels[..., :1])], -1).transpose(2, 0, 1)[None]
    np.save(folder / "in.npy", np.ascontiguousarray(rgba))
    print("| pixels | torch | tile | peak MB of the process | MB before the frame | s, first and second run |")
    print("|---|---|---|---|---|---|")
    answers = []
    for python in arguments.python:
        for tile in arguments.tiles:
            row = run_in(python, model, folder / "in.npy", folder / "out.npy", {"tile_px": tile}, runs=2)
            answers.append({"size": arguments.cost, "tile_px": tile, **row})
            print(
                f"| {arguments.cost} | {row['torch']} | {tile or 'whole frame'} | {row['peak_mb']:.0f} "
                f"| {row['before_mb']:.0f} | {row['seconds'][0]:.1f}, {row['seconds'][1]:.1f} |",
                flush=True,
            )
    return answers


def main() -> int:
    """Parse, export, compare; 1 where a difference is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", help="a Python with torch and numpy; may be repeated")
    parser.add_argument("--model", default="headroom-1")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WxH")
    parser.add_argument("--cost", metavar="WxH", help="time and memory of a frame of this size instead")
    parser.add_argument("--tiles", nargs="+", type=int, default=[512, 1024, 2048, 0], metavar="PX")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    arguments.python = arguments.python or [sys.executable]

    from headroom.torchscript import export

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = export(arguments.model, folder / "model.pt").path
        answers = (show_cost if arguments.cost else show_parity)(arguments, model, folder)
    if arguments.json:
        arguments.json.write_text(json.dumps(answers, indent=2) + "\n", "utf-8")
    return int(any(row.get("largest", 0) > LIMIT or not row.get("recorded_same", True) for row in answers))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        sys.exit(main())
