"""Speed and memory of headroom-1 beside ExpandNet and HDRCNN, on the CPU, in one command.

    python benchmarks/speed.py                      # 1920 x 1080, one thread, all systems
    python benchmarks/speed.py --threads 8 --runs 5 -o out/

Every system runs in a process of its own on the same 8-bit plate: pixels in memory to linear light
in memory, files not counted. Peak memory is the process's highest resident set, with Python and
torch in it; "idle" is what those and the plate take before the network is built. All run in
float32. The two others run at full width with random weights, which changes no time: ExpandNet as
its paper has it (the whole frame) and as its release does (patches of 256 px), HDRCNN on the frame
padded to multiples of 32. headroom-1 skips tiles without clipped pixels; "skips nothing" shows it
on a plate that is clipped in every tile. Times on a shared machine are good for ratios within one
run only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

OURS = "headroom-1"
EVERYWHERE = "headroom-1, skips nothing"
PATCHES = "ExpandNet, patches"
SYSTEMS = (OURS, EVERYWHERE, "ExpandNet", PATCHES, "HDRCNN")
PATCH_PX = 256
SPACING_PX = 32
"""One clipped pixel every so many leaves no tile to skip."""

Codes = npt.NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory beside ExpandNet and HDRCNN, on the CPU.")
    parser.add_argument("--size", default="1920x1080", help="WIDTHxHEIGHT of the synthetic plate")
    parser.add_argument("--plate", type=Path, help="a picture instead of the synthetic plate")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=2, help="the best of so many counts")
    parser.add_argument("--model", default="headroom-1", help="name or folder")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("-o", "--output", type=Path, help="folder for speed.json and speed.md")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child, np.load(options.plate), options)))
        return
    results = []
    with tempfile.TemporaryDirectory() as folder:
        codes = Path(folder) / "plate.npy"
        subprocess.run(
            [sys.executable, "-c", MAKE_PLATE, str(codes), options.size, str(options.plate or "")], check=True
        )
        for system in options.systems:
            print(f"{system} ...", file=sys.stderr, flush=True)
            results.append(in_own_process(system, codes, options))
    print(table(results))
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "speed.json").write_text(json.dumps(results, indent=1))
        (options.output / "speed.md").write_text(table(results) + "\n")


MAKE_PLATE = """
import sys
from pathlib import Path
import numpy as np
target, size, picture = sys.argv[1:]
if picture:
    from headroom.io import read
    plate = read(Path(picture))
    codes = np.rint(plate.rows(0, plate.height).clip(0, 1) * 255).astype(np.uint8)
else:
    from headroom.bench import synthetic_plate
    width, height = map(int, size.split("x"))
    codes = synthetic_plate(width, height).codes
np.save(target, codes)
"""


def in_own_process(system: str, codes: Path, options: argparse.Namespace) -> dict[str, Any]:
    threads = str(options.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    command = [sys.executable, __file__, "--child", system, "--plate", str(codes), "--threads", threads]
    command += ["--runs", str(options.runs), "--model", options.model]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return {"system": system, "failed": f"exit code {done.returncode}"}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(system: str, codes: Codes, options: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_num_threads(options.threads)
    if system == EVERYWHERE:
        codes[::SPACING_PX, ::SPACING_PX] = 255
    idle = peak_bytes()
    with torch.inference_mode():
        run, precision = BUILDERS.get(system, ours)(codes, options)
        seconds = []
        for _ in range(options.runs):
            start = time.perf_counter()
            light = run()
            seconds.append(time.perf_counter() - start)
            assert light.shape == codes.shape
            assert np.isfinite(light).all()
    height, width, _ = codes.shape
    return {
        "system": system,
        "width": width,
        "height": height,
        "clipped_share": float((codes == 255).any(axis=-1).mean()),
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "seconds": seconds,
        "pixels_per_second": width * height / min(seconds),
        "peak_memory_bytes": peak_bytes(),
        "idle_memory_bytes": idle,
    }


Run = Callable[[], npt.NDArray[np.float32]]


def ours(codes: Codes, options: argparse.Namespace) -> tuple[Run, str]:
    from headroom.colour.plan import plan
    from headroom.plate import Plate
    from headroom.reconstruct import Reconstructor

    reconstructor = Reconstructor(options.model, device="cpu", precision="fp32")
    colour = plan(None)
    plate = Plate(codes=codes)

    def run() -> npt.NDArray[np.float32]:
        light = np.empty(codes.shape, np.float32)
        for band in reconstructor.bands(plate, colour):
            light[band.y0 : band.y0 + len(band.pixels)] = band.pixels
        return light

    return run, reconstructor.runner.precision


def expandnet(codes: Codes, options: argparse.Namespace) -> tuple[Run, str]:
    import torch

    from headroom.networks.expandnet import ExpandNet

    network = ExpandNet().eval()
    patch_px = PATCH_PX if options.child == PATCHES else 0

    def run() -> npt.NDArray[np.float32]:
        plate = torch.from_numpy(codes).permute(2, 0, 1)[None].float() / 255.0
        light = network.by_patches(plate, patch_px) if patch_px else network(plate)
        result: npt.NDArray[np.float32] = light[0].permute(1, 2, 0).numpy()
        return result

    return run, "fp32"


def hdrcnn(codes: Codes, options: argparse.Namespace) -> tuple[Run, str]:
    import torch
    from torch.nn import functional

    from headroom.networks.hdrcnn import HDRCNN, MULTIPLE_OF, blend

    del options
    network = HDRCNN().eval()
    height, width, _ = codes.shape

    def run() -> npt.NDArray[np.float32]:
        plate = torch.from_numpy(codes).permute(2, 0, 1)[None].float() / 255.0
        padding = (0, -width % MULTIPLE_OF, 0, -height % MULTIPLE_OF)
        plate = functional.pad(plate, padding, mode="replicate")
        light = blend(plate, network(plate))[0, :, :height, :width]
        result: npt.NDArray[np.float32] = light.permute(1, 2, 0).numpy()
        return result

    return run, "fp32"


BUILDERS = {"ExpandNet": expandnet, PATCHES: expandnet, "HDRCNN": hdrcnn}


def peak_bytes() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def table(results: list[dict[str, Any]]) -> str:
    reference = next((r for r in results if r["system"] == OURS and "failed" not in r), None)
    head = ["system", "best of runs, s", "megapixels/s", f"{OURS} is faster by", "peak memory, MB",
            f"{OURS} needs of it", "idle, MB"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for result in results:
        if "failed" in result:
            lines.append(f"| {result['system']} | {result['failed']} |" + " |" * (len(head) - 2))
            continue
        speed, peak = result["pixels_per_second"], result["peak_memory_bytes"]
        faster = f"{reference['pixels_per_second'] / speed:.1f}x" if reference else ""
        share = f"{100 * reference['peak_memory_bytes'] / peak:.0f} %" if reference else ""
        cells = [result["system"], f"{min(result['seconds']):.2f}", f"{speed / 1e6:.3f}", faster,
                 f"{peak / 1e6:.0f}", share, f"{result['idle_memory_bytes'] / 1e6:.0f}"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    first = next((r for r in results if "failed" not in r), None)
    if first:
        lines += ["", f"{first['width']}x{first['height']}, {100 * first['clipped_share']:.0f} % clipped, "
                      f"{first['threads']} thread(s), torch {first['torch']}, {first['precision']}."]  # fmt: skip
    return "\n".join(lines)


if __name__ == "__main__":
    main()
