"""The gallery's photographs, their truths, and what is measured of a result.

Virtual ones of HDR scenes, files, and a frame of an exposure bracket, whose merge is then the truth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import headroom
from headroom.camera import Response
from headroom.evaluate.exposures import Case, Exposure, expose
from headroom.evaluate.methods import inverse_response
from headroom.evaluate.scenes import Scene
from headroom.evaluate.score import QUICK_MEASURES, score
from headroom.evaluate.table import table
from headroom.metrics import align_scale, headroom_stops, luminance, well_exposed
from headroom.plate import FloatArray

BRACKET_SHARE = 0.05
LOST_LEAST = 5e-4
"""Share of the pixels that no frame recorded, from which on the page says so."""
SUFFIXES = (".jpg", ".jpeg", ".png")
LINEAR = "Linear Rec.709 (sRGB)"
FLOOR = 1e-5

COLUMNS = {
    "pu21_psnr": ("PU21-PSNR dB", "{:.2f}"),
    "jod": ("JOD", "{:.2f}"),
    "clip_rmse": ("log2 RMSE in the clip", "{:.2f}"),
    "clip_bias": ("bias in the clip, stops", "{:+.2f}"),
    "brightest": ("of its brightest tenth", "{:+.2f}"),
    "colour": ("colour off by, stops", "{:.2f}"),
}


@dataclass(frozen=True)
class Photograph:
    """What is shown: a plate, and its light where that is known."""

    name: str
    code: FloatArray
    is_jpeg: bool
    exposure: Exposure | None
    """With the truth; None: nobody knows it."""
    curve_known: bool = True
    note: str = ""

    @property
    def clipped(self) -> FloatArray:
        """(H, W, 3) 1 where a sample is at the plate's white."""
        return np.asarray(self.code >= 1.0, np.float32)


@dataclass(frozen=True)
class Result:
    """What a method made of a photograph."""

    light: FloatArray
    """On the truth's scale where that is known, else on the plate's."""
    figures: dict[str, float]


def measured(light: FloatArray, photo: Photograph, *, jod: bool | float = False) -> Result:
    """Aligned, with its figures; ``jod``: whether to take it too, or its value where it is known."""
    exposure = photo.exposure
    if exposure is None:
        scale = align_scale(light, inverse_response(photo.code, None), well_exposed(photo.code))
        return Result(light * np.float32(scale), {})
    light = resized(light, exposure.truth)
    figures = score(light, exposure, (*QUICK_MEASURES, "jod") if jod is True else QUICK_MEASURES)
    if jod and jod is not True:
        figures["jod"] = jod
    light = light * np.float32(figures["scale"])
    error, clipped = errors(light, exposure.truth), exposure.truth >= 1.0
    some, all_of_them = clipped.any(axis=2), clipped.all(axis=2)
    if some.any():
        bright = luminance(exposure.truth)
        top = some & (bright >= np.percentile(bright[some], 90))
        figures["brightest"] = float(error[top].mean())
    if all_of_them.any():
        hue = error[all_of_them] - error[all_of_them].mean(axis=1, keepdims=True)
        figures["colour"] = float(np.sqrt((hue**2).mean()))
    return Result(light, figures)


def errors(light: FloatArray, truth: FloatArray) -> FloatArray:
    """(H, W, 3) stops above the truth."""
    return np.asarray(np.log2(light.clip(FLOOR)) - np.log2(truth.clip(FLOOR)), np.float32)


def of_scene(case: Case) -> Photograph:
    """A virtual photograph, as the benchmark takes it."""
    exposure = expose(case)
    parts = [case.scene.name, f"{100 * case.share:g}", *([case.handling] if case.handling else [])]
    return Photograph("-".join(parts), exposure.code, exposure.is_jpeg, exposure)


def of_file(path: Path) -> Photograph:
    """A photograph; its truth may be smaller, and both are then compared at that size."""
    code, is_jpeg = read_code(path)
    truth_path = path.with_name(f"{path.stem}-truth.exr")
    if not truth_path.is_file():
        return Photograph(path.stem, code, is_jpeg, None)
    plate = headroom.read(truth_path)
    truth = plate.rows(0, plate.height)
    return Photograph(path.stem, code, is_jpeg, known(path, resized(code, truth), truth))


def of_bracket(folder: Path) -> Photograph:
    """The frame of which nearest 5 % clipped, the darkest left out: nobody knows what clipped there.

    Truth: all frames merged by their noise, through a response fitted to them, without any network.
    """
    frames = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    codes = [read_code(path) for path in frames]
    shares = [float((code.max(axis=2) >= 1.0).mean()) for code, _ in codes]
    darkest = float(np.mean(codes[int(np.argmin([code.mean() for code, _ in codes]))][0]))
    away = [abs(math.log(max(s, 1e-4) / BRACKET_SHARE)) for s in shares]
    number = min((n for n in range(len(codes)) if codes[n][0].mean() > darkest), key=lambda n: away[n])
    merged = headroom.merge(
        frames, to=LINEAR, method="inverse-variance", align="none", response="emor", goes_on=False,
        reference=frames[number].name,
    )  # fmt: skip
    code, is_jpeg = codes[number]
    lost = float((merged.mask > 0).mean())
    note = (
        f"No frame recorded {lost:.1%} of the pixels: there the truth itself is too dark." if lost >= LOST_LEAST else ""
    )
    return Photograph(folder.name, code, is_jpeg, known(folder, code, merged.pixels), curve_known=False, note=note)


def read_code(path: Path) -> tuple[FloatArray, bool]:
    """Code values 0..1, and whether it is a JPEG."""
    plate = headroom.read(path)
    return plate.rows(0, plate.height), plate.is_jpeg


def known(path: Path, code: FloatArray, truth: FloatArray) -> Exposure:
    """A photograph whose light is known, put on the plate's scale: 1.0 clips."""
    recorded = well_exposed(code)
    truth = truth * np.float32(align_scale(truth, inverse_response(code, None), recorded))
    srgb = Response.srgb()
    scene = Scene(path.stem, path, "perspective")
    return Exposure(Case(scene, math.nan), code, truth, recorded, srgb, srgb, headroom_stops(truth))


def resized(pixels: FloatArray, like: FloatArray) -> FloatArray:
    """(H, W, 3) averaged over the pixels of a smaller picture."""
    if pixels.shape == like.shape:
        return pixels
    return np.asarray(cv2.resize(pixels, like.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)


def what_clipped(photo: Photograph) -> str:
    """In words."""
    clipped = photo.clipped
    some, all_of_them = clipped.max(axis=2) > 0, clipped.min(axis=2) > 0
    if not some.any():
        return "Nothing is at white."
    _, _, found, _ = cv2.connectedComponentsWithStats(some.astype(np.uint8), connectivity=8)
    areas = np.sort(found[1:, cv2.CC_STAT_AREA])[::-1]
    words = (
        f"Clipped: {some.mean():.1%} of the pixels ({all_of_them.sum() / some.sum():.0%} of them in all channels) in "
        f"{len(areas)} patches, the largest {areas[0] / some.size:.1%} of the frame."
    )
    if photo.exposure is not None:
        light = photo.exposure.truth.max(axis=2)
        stops = np.log2(light[light >= 1.0])
        words += f" The light there: median {np.median(stops):.1f} stops above white, brightest {stops.max():.1f}."
    return f"{words} {photo.note}".strip()


def figures_table(results: dict[str, Result]) -> str:
    """All figures of a photograph; empty without a truth."""
    rows = [
        [name, *(form.format(r.figures[key]) if key in r.figures else "" for key, (_, form) in COLUMNS.items())]
        for name, r in results.items()
        if r.figures
    ]
    return table(["", *(title for title, _ in COLUMNS.values())], rows) if rows else ""
