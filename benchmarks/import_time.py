"""How long ``import headroom`` and ``headroom --help`` take: best of ten, each in a fresh interpreter.

    python benchmarks/import_time.py

The interpreter's own start is measured beside and subtracted. Goal: under 0.2 s, without torch.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

RUNS = 10
CASES = {
    "python alone": "pass",
    "import headroom": "import headroom",
    "headroom --help": "from headroom.cli import cli; cli.main(['--help'], standalone_mode=False)",
    "import headroom.reconstruct (torch)": "import headroom.reconstruct",
}


def best_seconds(code: str) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    seconds = {name: best_seconds(code) for name, code in CASES.items()}
    alone = seconds.pop("python alone")
    print(json.dumps({name: round(value - alone, 3) for name, value in seconds.items()}, indent=2))


if __name__ == "__main__":
    main()
