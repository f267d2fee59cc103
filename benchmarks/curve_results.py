"""headroom-1's response curve, measured: docs/curve-results.md.

    python benchmarks/curve_results.py SCENES [--held-out TRAINING_SCENES] [--stacks STACKS] [--json out.json]

- Outside the clip: each scene is photographed as in ``headroom evaluate --suite unknown`` (five EMoR draws in turn,
  every second plate a JPEG 90) and through sRGB; error of the light of recorded pixels after the best exposure.
- Honesty: the stated probability that the stated curve holds, and the stated error, against what was found. On held-out
  scenes too: every fifth training scene, by 40 draws of their own.
- SingleHDR's Table 3: the curve and the linear picture, headroom-1 beside our Linearization-Net.
- Real cameras: the response that a bracket's exposures give away, against what is seen in each single frame.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from curve_page import AS_USED, page
from curve_pictures import draw
from headroom.camera import Response, expose_for_clipped_share, shoot
from headroom.clipping import ClipLevel
from headroom.curve import EstimatedCurve, stated_curve
from headroom.evaluate.exposures import EMOR_NAMES, LEAST_SLOPE, response_named
from headroom.evaluate.model import declared_plan, plate_of
from headroom.evaluate.papers.measure import curve_values
from headroom.evaluate.papers.shots import shots
from headroom.evaluate.scenes import Scene, find_scenes, load_scene
from headroom.metrics import align_scale, log_errors, well_exposed
from headroom.plate import FloatArray
from headroom.reconstruct import Reconstructor

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "curve-results.md"
SHARES = (0.02, 0.05, 0.15)
TABLE3_SHARES = (0.05,)
"""As in docs/papers.md."""
EVERY = 5
DRAWS, FIRST_SEED = 40, 1000
KNOTS = 65
CODES = (np.arange(25, 231) / 255).astype(np.float32)
"""Well exposed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--held-out", type=Path, help="Training scenes: how honest is it on every fifth of them?")
    parser.add_argument("--stacks", type=Path, help="Folder of real, static brackets with stated exposures.")
    parser.add_argument("--model", default="headroom-1")
    parser.add_argument("--rival", default="singlehdr-small")
    parser.add_argument("--json", type=Path, help="Also the figures of every photograph.")
    parser.add_argument("--again", type=Path, help="Page and pictures from such a file; nothing is measured.")
    asked = parser.parse_args()
    found: dict[str, Any] = json.loads(asked.again.read_text("utf-8")) if asked.again else measured(asked)
    if asked.json:
        asked.json.write_text(json.dumps(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    draw(found, ROOT / "docs" / "images")


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    ours = Reconstructor(asked.model)
    scenes = find_scenes(asked.scenes)
    found: dict[str, Any] = {"model": ours.card.name, "version": ours.card.version, "rival": asked.rival}
    found["plates"] = list(photographs(ours, scenes, [response_named(name) for name in EMOR_NAMES]))
    if asked.held_out:
        draws = [real_like(FIRST_SEED + n) for n in range(DRAWS)]
        found["held_out"] = list(photographs(ours, find_scenes(asked.held_out)[::EVERY], draws))
    found["table3"] = list(table3({asked.model: ours, asked.rival: Reconstructor(asked.rival)}, scenes))
    found["stacks"] = list(real_cameras(ours, asked.stacks)) if asked.stacks else []
    return found


def real_like(seed: int) -> Response:
    """A response that no training run and no benchmark has drawn."""
    rng, light = np.random.default_rng(seed), np.linspace(0, 1, 1025)
    while True:
        response = Response.draw_emor(rng)
        if float(np.diff(response.forward(light)).min()) * 1024 >= LEAST_SLOPE:
            return response


def photographs(ours: Reconstructor, scenes: Sequence[Scene], draws: Sequence[Response]) -> Iterator[dict[str, Any]]:
    """Figures of each scene at each share, by one of the draws and by sRGB."""
    for shift, share in enumerate(SHARES):
        for index, scene in enumerate(scenes):
            lin = load_scene(scene.path)
            truth = lin * np.float32(expose_for_clipped_share(lin, share))
            quality = 90 if (index // len(draws) + shift) % 2 else None
            for response in (draws[(index + shift) % len(draws)], Response.srgb()):
                code = shoot(truth, response, bits=8, jpeg_quality=quality)
                curve = seen_in(ours, code, quality is not None)
                known = response.name == "sRGB"
                row = {"scene": scene.name, "share": share, "response": response.name, "jpeg": quality, "stated": known}
                yield {**row, **figures(curve, response, code, truth)}
            print(f"{100 * share:g} % {scene.name}", flush=True)


def seen_in(model: Reconstructor, code: FloatArray, is_jpeg: bool) -> EstimatedCurve:
    """The estimate as ``headroom convert`` gets it."""
    return model.estimate(model.prepare(plate_of(code, is_jpeg), declared_plan(None)))


def figures(curve: EstimatedCurve, response: Response, code: FloatArray, truth: FloatArray) -> dict[str, Any]:
    """Errors in stops on recorded pixels, with the stated curve, the estimate, what is used of them, and the truth."""
    recorded = well_exposed(code)
    light = {
        "sRGB": stated_curve().decode(code),
        "estimate": curve.decode(code),
        "true": np.asarray(response.inverse(code), np.float32),
    }
    errors = {}
    for name, pixels in light.items():
        aligned = pixels * np.float32(align_scale(pixels, truth, recorded))
        errors[name] = log_errors(aligned, truth, recorded).rmse
    errors["used"] = errors["sRGB" if curve.keeps_stated else "estimate"]
    knots = np.linspace(0, 1, KNOTS)
    return {
        **{f"outside_{name}": value for name, value in errors.items()},
        "probability": curve.stated_probability,
        "kept": curve.keeps_stated,
        "stated_error": curve.error_stops,
        "found_error": apart(curve.decode(CODES), np.asarray(response.inverse(CODES)), code),
        "curve": curve.decode(knots.astype(np.float32)).tolist(),
        "truth": np.asarray(response.inverse(knots), np.float64).tolist(),
    }


def apart(one: FloatArray, other: FloatArray, code: FloatArray | None = None) -> float:
    """RMS of the log2 ratio over well-exposed codes after the best exposure; half plain, half as codes occur."""
    ratio = np.log2(np.maximum(one, 1e-5) / np.maximum(other, 1e-5))
    weight = np.full(len(ratio), 1 / len(ratio))
    if code is not None:
        step = CODES[1] - CODES[0]
        count = np.histogram(code, np.append(CODES - step / 2, CODES[-1] + step / 2))[0]
        weight = (weight + count / max(count.sum(), 1)) / 2
    weight /= weight.sum()
    return float(np.sqrt(weight @ (ratio - weight @ ratio) ** 2))


def table3(models: dict[str, Reconstructor], scenes: Sequence[Scene]) -> Iterator[dict[str, Any]]:
    """SingleHDR's measures on the photographs of docs/papers.md: all networks see the same codes."""
    for shot in shots(scenes, TABLE3_SHARES):
        grid = np.linspace(0, 1, len(shot.curve)).astype(np.float32)
        for is_jpeg, x_srgb in ((False, shot.x_srgb), (True, shot.x_jpeg)):
            ways = {"sRGB's curve for all": stated_curve()}
            for name, model in models.items():
                ways[name] = curve = seen_in(model, x_srgb, is_jpeg)
                if model.runner.contract.curve == "lines":
                    ways[name + AS_USED] = stated_curve() if curve.keeps_stated else curve
            for name, curve in ways.items():
                row = {"scene": shot.scene, "share": shot.share, "response": shot.response, "jpeg": is_jpeg}
                yield {**row, "method": name, **curve_values(curve.decode(grid), curve.decode(x_srgb), shot)}


def real_cameras(ours: Reconstructor, folder: Path) -> Iterator[dict[str, Any]]:
    """Each frame of each bracket whose exposures are stated."""
    from headroom.bracket.response_find import find_response
    from headroom.evaluate.brackets.stacks import read_stack

    for place in sorted(folder.glob("*_static")):
        bracket, colour = read_stack(place)
        response = find_response("emor", [bracket], colour)
        fitted = np.asarray(response.decode(np.repeat(CODES[:, None], 3, 1)[None]))[0]
        truth = np.exp(np.log(np.maximum(fitted, 1e-6)).mean(1))
        for number, plate in enumerate(bracket.plates):
            curve = ours.estimate(ours.prepare(plate, colour, clip=ClipLevel(1.0, "user", 0.0, 1.0)))
            yield {
                "stack": place.name,
                "camera": str(plate.metadata.get("Model", "")),
                "origin": plate.origin,
                "frame": number,
                "probability": curve.stated_probability,
                "kept": curve.keeps_stated,
                "off_sRGB": apart(stated_curve().decode(CODES), truth),
                "off_estimate": apart(curve.decode(CODES), truth),
            }


if __name__ == "__main__":
    main()
