"""How much memory a tile needs: the slope of the process's peak over the tile's pixels.

    python benchmarks/memory.py [MODEL] [SIDE...]

Each size runs in a process of its own, as one tile, everything clipped. ``bytes_per_px`` of the network's contract and
``BAND_BYTES_PER_PX`` of ``headroom.engine.run`` together must not lie below the slope.
"""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np

SIDES_PX = (512, 1024, 1536, 2048)
CHILD = "--one"


def child(model: str, side: int) -> None:
    import torch

    from headroom.colour.plan import plan
    from headroom.plate import Plate
    from headroom.reconstruct import Reconstructor

    torch.set_num_threads(1)
    plate = Plate(codes=np.full((side, side, 3), 255, np.uint8))
    for _ in Reconstructor(model, device="cpu", memory_bytes=64 << 30).bands(plate, plan(None)):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main(model: str = "headroom-1", *sides: str) -> None:
    from headroom import weights
    from headroom.engine.run import BAND_BYTES_PER_PX

    sides_px = tuple(map(int, sides)) or SIDES_PX
    peaks = []
    for side in sides_px:
        ask = [sys.executable, __file__, CHILD, model, str(side)]
        done = subprocess.run(ask, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
        print(f"{side} x {side}: {peaks[-1] / 1e6:.0f} MB")
    slope, base = np.polyfit(np.square(sides_px), peaks, 1)
    print(f"{slope:.0f} bytes a pixel and {base / 1e6:.0f} MB besides;", end=" ")
    planned = weights.load(model, network=weights.PLATES).module.contract.bytes_per_px
    print(f"planned with: {planned} + {BAND_BYTES_PER_PX}")


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        main(*sys.argv[1:])
