"""Whether an environment map shows where its file began: turns, the file's edge and the poles, in figures.

    python benchmarks/ibl_seams.py SCENES [--only quarry_01 ...] [--json out.json]

Each panorama is photographed (8 bit sRGB, ``--share`` of its pixels clip) with its brightest column on the file's
edge, reconstructed on the sphere and given its lights' powers, as ``headroom ibl`` does; beside it plain conversion,
which takes the file for a flat picture. Printed for each:

- turned: the file turned by whole pixels, reconstructed, turned back; largest difference, relative;
- edge: mean step in stops from the last column to the first where both clipped, and between neighbours inside;
- zenith: how much the first three rows vary round the pole, in stops (standard deviation).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from headroom.evaluate.exposures import Case, expose
from headroom.evaluate.model import declared_plan, plate_of
from headroom.evaluate.scenes import find_scenes
from headroom.ibl.power import predicted
from headroom.metrics.linear import luminance
from headroom.panorama.reconstruct import reconstruct_sphere
from headroom.plate import FloatArray
from headroom.reconstruct import Reconstructor

TURNS = (1, 64, 333, 512)
INSIDE = 40
"""Columns beside the edge between which neighbours are compared."""
SUBSET = ("quarry_01", "noon_grass", "shanghai_riverside", "cobblestone_street_night")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--only", nargs="+", default=list(SUBSET))
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    reconstructor = Reconstructor("headroom-1")
    rows = []
    for scene in find_scenes(options.scenes):
        if scene.name not in options.only:
            continue
        exposure = expose(Case(scene, options.share))
        colour = declared_plan(exposure.declared)

        def on_sphere(code: FloatArray) -> tuple[FloatArray, FloatArray]:
            sphere = reconstruct_sphere(reconstructor, plate_of(code, False), colour)  # noqa: B023  called at once
            read, _ = predicted(sphere, lambda _: None)
            assert read is not None
            found = read(0, sphere.height)
            return found.pixels, found.mask

        def plain(code: FloatArray) -> FloatArray:
            bands = reconstructor.bands(plate_of(code, False), colour)  # noqa: B023  called at once
            return np.concatenate([band.pixels for band in bands])

        brightest = int(luminance(exposure.truth).sum(0).argmax())
        code, truth = np.roll(exposure.code, -brightest, 1), np.roll(exposure.truth, -brightest, 1)
        light, mask = on_sphere(code)
        flat = plain(code)
        row: dict[str, Any] = {"scene": scene.name}
        row["turned"] = {
            "sphere": max(_apart(np.roll(on_sphere(np.roll(code, n, 1))[0], -n, 1), light) for n in TURNS),
            "plain": max(_apart(np.roll(plain(np.roll(code, n, 1)), -n, 1), flat) for n in TURNS),
        }
        row["edge"] = {name: _edge(pixels, mask) for name, pixels in (("sphere", light), ("plain", flat))}
        row["zenith"] = {name: _pole(p) for name, p in (("sphere", light), ("plain", flat), ("truth", truth))}
        print(json.dumps(row), flush=True)
        rows.append(row)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _apart(again: FloatArray, before: FloatArray) -> float:
    return float((np.abs(again - before) / np.maximum(before, 1e-6)).max())


def _stops(pixels: FloatArray) -> FloatArray:
    return np.asarray(np.log2(np.maximum(luminance(pixels), 1e-4)), np.float32)


def _edge(pixels: FloatArray, mask: FloatArray) -> dict[str, float | int]:
    stops, clipped = _stops(pixels), (mask[:, 0] > 0) & (mask[:, -1] > 0)
    if not clipped.any():
        return {"rows": 0}
    across = float(np.abs(stops[:, 0] - stops[:, -1])[clipped].mean())
    inside = float(np.abs(np.diff(stops[:, :INSIDE], axis=1))[clipped].mean())
    return {"rows": int(clipped.sum()), "across": round(across, 4), "neighbours": round(inside, 4)}


def _pole(pixels: FloatArray) -> list[float]:
    return [round(float(v), 3) for v in _stops(pixels[:3]).std(1)]


if __name__ == "__main__":
    main()
