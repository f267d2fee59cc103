"""Whether the fast measure of an environment map's light agrees with what Blender's Cycles renders.

    python benchmarks/ibl_cycles.py SCENES --blender BPY_PYTHON [--only noon_grass ...] --json out.json

Each panorama is photographed (8 bit sRGB, ``--share`` of its pixels clip), brought to light by four methods, and
lights the spheres of ``blender_world_render.py``; the relative RMS error of the rendered diffuse and glossy sphere
(roughness 0.3) is correlated with ``headroom evaluate --ibl``'s diffuse error and glossy error at roughness 0.2, over
all maps and methods.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import headroom
from headroom.evaluate.baselines import constant_gain
from headroom.evaluate.exposures import Case, expose
from headroom.evaluate.ibl import ibl_methods
from headroom.evaluate.ibl.light import TrueLight, ibl_errors
from headroom.evaluate.methods import BASE, Method, inverse_response
from headroom.evaluate.scenes import find_scenes
from headroom.metrics import align_scale

RENDER = Path(__file__).with_name("blender_world_render.py")
SUBSET = ("noon_grass", "quarry_01", "forest_slope", "cobblestone_street_night", "vestibule", "photo_studio_01")
SPACE = "Linear Rec.709"
COVERED = 0.999
SIZE = 64
GAIN_STOPS = 2.0
MEASURES = {"diffuse": "diffuse", "glossy": "glossy_02"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--blender", type=Path, required=True, help="a Python with bpy")
    parser.add_argument("--only", nargs="+", default=SUBSET, help="names of panoramas")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--json", type=Path, required=True)
    options = parser.parse_args()
    methods = [
        *ibl_methods(),
        Method(BASE, inverse_response),
        Method("constant gain x4", constant_gain(GAIN_STOPS)),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        fast = photograph(options, methods, work)
        version = render(options.blender, sorted(work.glob("*.exr")), options.samples, work)
        rows = [
            {"map": name, "method": method, **errors, **rendered(work, name, method)}
            for (name, method), errors in fast.items()
        ]
    found: dict[str, object] = {
        "blender": version, "samples": options.samples, "share": options.share, "maps": len(options.only),
        "renders": 2 * (len(rows) + len(options.only)), "rows": rows,
    }  # fmt: skip
    for sphere, measure in MEASURES.items():
        pair = np.array([[row[measure], row[f"cycles_{sphere}"]] for row in rows]).T
        found[sphere] = float(np.corrcoef(pair)[0, 1])
        found[f"{sphere}_rank"] = float(np.corrcoef(pair.argsort(1).argsort(1))[0, 1])
    options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print({key: value for key, value in found.items() if key != "rows"})


def photograph(
    options: argparse.Namespace, methods: list[Method], work: Path
) -> dict[tuple[str, str], dict[str, float]]:
    """Maps as EXR files, and the fast measure of each."""
    fast = {}
    for scene in find_scenes(options.folder):
        if scene.name not in options.only:
            continue
        exposure = expose(Case(scene, options.share))
        truth = TrueLight.of(exposure.truth)
        headroom.io.write(file(work, scene.name, "truth"), exposure.truth, depth="float")
        for method in methods:
            light = method.run(exposure.code, exposure.declared, False)
            light = light * np.float32(align_scale(light, exposure.truth, exposure.well_exposed))
            headroom.io.write(file(work, scene.name, method.name), light, depth="float")
            errors = ibl_errors(light, truth)
            fast[scene.name, method.name] = {measure: getattr(errors, measure) for measure in MEASURES.values()}
    return fast


def file(work: Path, name: str, method: str) -> Path:
    return work / f"{name}--{method.replace(' ', '_')}.exr"


def render(blender: Path, maps: list[Path], samples: int, work: Path) -> str:
    renders = [
        {"map": str(path), "space": SPACE, "seed": 0, "target": str(work / f"spheres-{path.stem}")} for path in maps
    ]
    job = work / "job.json"
    job.write_text(json.dumps({"samples": samples, "size": SIZE, "renders": renders}), encoding="utf-8")
    with subprocess.Popen([blender, RENDER, job], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("rendered"):
                print(line.rstrip(), file=sys.stderr)
    if process.returncode:
        raise SystemExit(f"{blender} ended with {process.returncode} while rendering")
    said = subprocess.run(
        [blender, "-c", "import bpy; print('version', bpy.app.version_string)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return next(line.split(" ", 1)[1] for line in said.splitlines() if line.startswith("version "))


def rendered(work: Path, name: str, method: str) -> dict[str, float]:
    """RMS error of the rendered diffuse and glossy spheres, front and back, relative to the truth's."""
    errors = {}
    spheres = [_spheres(work, name, which) for which in (method, "truth")]
    for index, sphere in enumerate(MEASURES):
        test, truth = (
            np.concatenate(
                [
                    light[:, index * SIZE : (index + 1) * SIZE][cover[:, index * SIZE : (index + 1) * SIZE]]
                    for light, cover in views
                ]
            )
            for views in spheres
        )
        errors[f"cycles_{sphere}"] = float(np.sqrt(np.mean((test - truth) ** 2) / np.mean(truth**2)))
    return errors


def _spheres(work: Path, name: str, method: str) -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for view in ("front", "back"):
        plate = headroom.read(work / f"spheres-{file(work, name, method).stem}-{view}.exr")
        alpha = plate.alpha_rows(0, plate.height)
        assert alpha is not None
        found.append((plate.rows(0, plate.height).astype(np.float64), alpha > COVERED))
    return found


if __name__ == "__main__":
    main()
