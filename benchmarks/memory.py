"""How much memory a tile needs: the slope of the process's peak over the tile's pixels.

    python benchmarks/memory.py

Each size runs in a process of its own, as one tile, everything clipped. ``NETWORK_BYTES_PER_PX`` and
``BAND_BYTES_PER_PX`` of ``headroom.engine.run`` together must not lie below the slope.
"""

from __future__ import annotations

import resource
import subprocess
import sys

import numpy as np

SIDES_PX = (512, 1024, 1536, 2048)


def child(side: int) -> None:
    import torch

    from headroom.colour.plan import plan
    from headroom.plate import Plate
    from headroom.reconstruct import Reconstructor

    torch.set_num_threads(1)
    plate = Plate(codes=np.full((side, side, 3), 255, np.uint8))
    for _ in Reconstructor(device="cpu", memory_bytes=64 << 30).bands(plate, plan(None)):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def main() -> None:
    from headroom.engine.run import BAND_BYTES_PER_PX, NETWORK_BYTES_PER_PX

    peaks = []
    for side in SIDES_PX:
        done = subprocess.run([sys.executable, __file__, str(side)], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
        print(f"{side} x {side}: {peaks[-1] / 1e6:.0f} MB")
    slope, base = np.polyfit(np.square(SIDES_PX), peaks, 1)
    print(f"{slope:.0f} bytes a pixel and {base / 1e6:.0f} MB besides;", end=" ")
    print(f"planned with: {NETWORK_BYTES_PER_PX} + {BAND_BYTES_PER_PX}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        child(int(sys.argv[1]))
    else:
        main()
