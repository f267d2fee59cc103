"""docs/gallery: exposure ladders of headroom-1 beside inverse sRGB, ExpandNet and the truth, and its failures.

    python benchmarks/gallery.py SCENES --peers PEERS --photographs examples/hangar.jpg BRACKETS/room_static

SCENES: the held-apart HDR images, photographed as `headroom evaluate` does. Photographs: files (with FILE-truth.exr
where there is one), or folders that hold an exposure bracket: shown is the frame of which nearest 5 % clipped, the
truth is the bracket's merge. Which scenes are shown is decided by PU21-PSNR over inverse sRGB: the best, the median
and the worst at each clipped share. Only photographs whose licence stands in gallery_words.py are taken.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gallery_photographs import (
    Photograph,
    Result,
    errors,
    figures_table,
    measured,
    of_bracket,
    of_file,
    of_scene,
    what_clipped,
)
from gallery_pictures import Cell, busiest, coloured, cut, save_sheet, seen
from gallery_words import FAILURES, SEEN, SEEN_OF, SOURCES, Failure
from headroom.camera import Response
from headroom.evaluate import Report
from headroom.evaluate.expandnet import expandnet_methods
from headroom.evaluate.exposures import SHARES, Case
from headroom.evaluate.methods import BASE, CURVE_ESTIMATE, inverse_response
from headroom.evaluate.model import declared_plan, plate_of
from headroom.evaluate.scenes import Scene, find_scenes
from headroom.evaluate.table import table
from headroom.plate import FloatArray
from headroom.reconstruct import Options, Reconstructor

INVERSE, EXPANDNET_CLIP, TRUTH = "inverse sRGB", "ExpandNet in the clip only", "truth"
LADDER = (0.0, -2.0, -4.0, -6.0)
OVERVIEW_SHARE, OVERVIEW_STOPS = 0.05, -2.0
WINDOW_SHARE = 0.5
GAIN_STOPS = 6.0
ERROR_STOPS = 3.0


@dataclass(frozen=True)
class Answer:
    """What headroom-1 says beside the light, (H, W) each."""

    gain_stops: FloatArray
    confidence: FloatArray
    mask: FloatArray


class Gallery:
    """The methods, and the folder that the pictures go to."""

    def __init__(self, model: str, peers: Path | None, out: Path, evaluations: Sequence[Path] = ()) -> None:
        """Load the networks once; ``evaluations``: JSON files of `headroom evaluate`, whose figures are not taken
        again."""
        self.found = {
            (r.scene, r.share, r.method): r.values
            for r in Report.read(*evaluations).records
            if r.suite == "srgb" and r.kind != "oracle"
        }
        self.reconstructor = Reconstructor(model, device="cpu")
        self.model = self.reconstructor.card.name
        self.expandnet = expandnet_methods(peers)
        self.out = out
        out.mkdir(parents=True, exist_ok=True)

    def reconstruct(self, photo: Photograph, curve: str = "declared") -> tuple[FloatArray, Answer]:
        """As `headroom convert` does it."""
        plate, colour = plate_of(photo.code, photo.is_jpeg), declared_plan(Response.srgb())
        bands = list(self.reconstructor.bands(plate, colour, Options(curve=curve)))
        parts = ("pixels", "gain_stops", "confidence", "mask")
        light, *rest = (np.concatenate([getattr(band, part) for band in bands]) for part in parts)
        return light, Answer(*rest)

    def results(self, photo: Photograph, *, jod: bool) -> tuple[dict[str, Result], Answer]:
        """All that is shown of a photograph, by name."""
        base = inverse_response(photo.code, None)
        light, answer = self.reconstruct(photo)
        found = {INVERSE: base}
        found |= {method.name: method.run(photo.code, None, photo.is_jpeg) for method in self.expandnet}
        found[self.model] = light
        if not photo.curve_known:
            found[self.model + CURVE_ESTIMATE] = self.reconstruct(photo, "estimate")[0]
        return {
            name: measured(light, photo, jod=jod and self.already(photo, name).get("jod", True))
            for name, light in found.items()
        }, answer

    def already(self, photo: Photograph, method: str) -> dict[str, float]:
        """What an evaluation measured of a virtual photograph as it is."""
        if photo.exposure is None or photo.exposure.case.handling is not None:
            return {}
        case = photo.exposure.case
        return self.found.get((case.scene.name, case.share, BASE if method == INVERSE else method), {})


def gains(gallery: Gallery, scenes: Sequence[Scene]) -> dict[float, dict[str, float]]:
    """PU21-PSNR of headroom-1 over inverse sRGB, by share and scene."""
    found: dict[float, dict[str, float]] = {share: {} for share in SHARES}
    for share in SHARES:
        for scene in scenes:
            both = [gallery.found.get((scene.name, share, name), {}) for name in (gallery.model, BASE)]
            if not all("pu21_psnr" in values for values in both):
                photo = of_scene(Case(scene, share))
                lights = gallery.reconstruct(photo)[0], inverse_response(photo.code, None)
                both = [measured(light, photo).figures for light in lights]
            found[share][scene.name] = both[0]["pu21_psnr"] - both[1]["pu21_psnr"]
            say(f"{scene.name}, {share:g}: {found[share][scene.name]:+.2f} dB")
    return found


def chosen(gain: dict[str, float]) -> dict[str, str]:
    """Which scenes of a share are shown, and why."""
    order = sorted(gain, key=lambda name: gain[name])
    return {"best": order[-1], "median": order[len(order) // 2], "worst": order[0]}


def ladder(gallery: Gallery, photo: Photograph, results: dict[str, Result], answer: Answer) -> list[list[Cell]]:
    """The plate and what is said of it, and under it all results at falling exposures."""
    window = busiest(photo.clipped.max(axis=2), WINDOW_SHARE)
    truth = photo.exposure.truth if photo.exposure else None
    top = [
        Cell("plate (framed: what is shown below)", codes(photo.code), outlined=window),
        Cell(f"{gallery.model}: stops added", coloured(answer.gain_stops, 0, GAIN_STOPS, "inferno"),
             ("inferno", "0", f"{GAIN_STOPS:g}")),
    ]  # fmt: skip
    if truth is not None:
        true_stops = np.log2(truth.max(axis=2).clip(1.0))
        top.append(Cell("truth: stops above white", coloured(true_stops, 0, GAIN_STOPS, "inferno"),
                        ("inferno", "0", f"{GAIN_STOPS:g}")))  # fmt: skip
    sure = np.where(answer.mask > 0, answer.confidence, np.float32(1.0))
    top.append(Cell("confidence: right within a stop", coloured(sure, 0, 1, "viridis"), ("viridis", "0", "1")))
    lights = {name: result.light for name, result in results.items() if name != EXPANDNET_CLIP}
    if truth is not None:
        lights[TRUTH] = truth
    rows = [
        [Cell(f"{name}, {stops:g} stops", seen(cut(light, window), stops)) for name, light in lights.items()]
        for stops in LADDER
    ]
    return [top, *rows]


def failure_sheet(
    gallery: Gallery, photo: Photograph, failure: Failure, results: dict[str, Result]
) -> list[list[Cell]]:
    """Plate, result and truth of the part that clipped most, at two exposures, and the error in stops."""
    assert photo.exposure is not None
    window = busiest(photo.clipped.max(axis=2), WINDOW_SHARE)
    truth, ours = photo.exposure.truth, results[gallery.model].light
    wrong = errors(ours, truth).mean(axis=2)
    rows = []
    for stops, first in zip(
        failure.stops,
        (
            Cell("plate (framed: what is shown beside it)", codes(photo.code), outlined=window),
            Cell("error, stops (red: too bright)", coloured(wrong, -ERROR_STOPS, ERROR_STOPS, "RdBu_r"),
                 ("RdBu_r", f"-{ERROR_STOPS:g}", f"+{ERROR_STOPS:g}")),
        ),
        strict=True,
    ):  # fmt: skip
        lights = {INVERSE: results[INVERSE].light, gallery.model: ours, TRUTH: truth}
        shown = [Cell(f"{name}, {stops:g} stops", seen(cut(light, window), stops)) for name, light in lights.items()]
        rows.append([first, *shown])
    return rows


def overview(gallery: Gallery, scenes: Sequence[Scene], gain: dict[str, float]) -> list[list[Cell]]:
    """All scenes, two a line: plate, inverse sRGB, headroom-1, truth."""
    cells: list[list[Cell]] = []
    for scene in scenes:
        photo = of_scene(Case(scene, OVERVIEW_SHARE))
        assert photo.exposure is not None
        ours = measured(gallery.reconstruct(photo)[0], photo).light
        plain = measured(inverse_response(photo.code, None), photo).light
        view = f"{OVERVIEW_STOPS:g} stops"
        cells.append(
            [
                Cell(scene.name, codes(photo.code)),
                Cell(f"inverse sRGB, {view}", seen(plain, OVERVIEW_STOPS)),
                Cell(f"ours, {view}: {gain[scene.name]:+.1f} dB", seen(ours, OVERVIEW_STOPS)),
                Cell(f"truth, {view}", seen(photo.exposure.truth, OVERVIEW_STOPS)),
            ]
        )
    return [cells[n] + (cells[n + 1] if n + 1 < len(cells) else []) for n in range(0, len(cells), 2)]


def codes(code: FloatArray) -> np.ndarray:
    """A plate as any viewer shows it."""
    return np.rint(code * 255).astype(np.uint8)


def say(words: str) -> None:
    """Progress."""
    print(words, file=sys.stderr, flush=True)


def section(gallery: Gallery, photo: Photograph, title: str) -> str:
    """A ladder with its caption; the picture is written."""
    results, answer = gallery.results(photo, jod=True)
    path = gallery.out / f"{photo.name}.jpg"
    save_sheet(ladder(gallery, photo, results, answer), path)
    say(str(path))
    eye = SEEN.get(photo.name, "")
    parts = [f"### {title}", f"![{title}]({path.name})", f"{what_clipped(photo)} {eye}".strip(), figures_table(results)]
    return "\n\n".join(part for part in parts if part)


def failure_section(gallery: Gallery, photo: Photograph, failure: Failure) -> str:
    """What went wrong, and what would mend it."""
    results, _ = gallery.results(photo, jod=False)
    path = gallery.out / f"failure-{photo.name}.jpg"
    save_sheet(failure_sheet(gallery, photo, failure, results), path)
    say(str(path))
    shown = {name: results[name] for name in (INVERSE, gallery.model)}
    where = f"`{failure.scene}`, {100 * failure.share:g} % clipped" + (
        f", {failure.handling}" if failure.handling else ""
    )
    return "\n\n".join(
        [f"### {failure.title}", f"![{failure.title}]({path.name})", f"{where}. {what_clipped(photo)}",
         f"**What went wrong.** {failure.wrong}", f"**What would mend it.** {failure.mends}", figures_table(shown)]
    )  # fmt: skip


def page(gallery: Gallery, scenes: Sequence[Scene], photographs: Sequence[Path]) -> str:
    """README.md, and every picture on the way."""
    by_name = {scene.name: scene for scene in scenes}
    version = gallery.reconstructor.card.version
    gain = gains(gallery, scenes)
    save_sheet(overview(gallery, scenes, gain[OVERVIEW_SHARE]), gallery.out / "all-scenes.jpg")
    rule = []
    for share in SHARES:
        for why, name in chosen(gain[share]).items():
            title = f"{100 * share:g} % clipped, {why} of {len(scenes)}: {name}, {gain[share][name]:+.2f} dB"
            rule.append(section(gallery, of_scene(Case(by_name[name], share)), title))
    real, sources = [], []
    for path in photographs:
        photo = of_bracket(path) if path.is_dir() else of_file(path)
        real.append(section(gallery, photo, photo.name))
        source = SOURCES[photo.name]
        sources.append([photo.name, source.of, source.licence])
    failures = [
        failure_section(gallery, of_scene(Case(by_name[f.scene], f.share, handling=f.handling)), f) for f in FAILURES
    ]
    lowest = ", ".join(
        f"{gain[share][name]:+.2f} dB ({name}, {100 * share:g} %)"
        for share, name in sorted(
            ((share, name) for share in SHARES for name in gain[share]), key=lambda key: gain[key[0]][key[1]]
        )[:6]
    )
    fresh = "" if version == SEEN_OF else f" The words of what an eye sees were written of {SEEN_OF}'s pictures."
    parts = [
        "# Gallery",
        f"`{gallery.model}` {version}, made by `benchmarks/gallery.py`.{fresh} {len(scenes)} scenes that were never "
        "trained on, photographed as `headroom evaluate` does (sRGB, 8 bit); then photographs.",
        "**How it is shown.** Linear light times 2^stops, cut to 0..1, sRGB's curve: no tone mapping. White on the "
        "page is display white or brighter at that exposure; at 0 stops all look like the plate. All results are "
        "scaled to the truth on recorded pixels, as they are measured. Plates are shown whole; ladders show the half "
        "of the frame, by width and height, that holds most clipped pixels. Bias and colour are of the samples above "
        "white; colour: what the channels' errors differ by where all three clipped.",
        f"**What is shown.** All scenes in small at {100 * OVERVIEW_SHARE:g} % clipped. At each clipped share the "
        f"scene with the best, the median and the worst PU21-PSNR over inverse sRGB. The least of all: {lowest}. The "
        "failures at the end were chosen by eye.",
        f"## All scenes, {100 * OVERVIEW_SHARE:g} % clipped",
        "![All scenes](all-scenes.jpg)",
        "## Best, median and worst",
        *rule,
    ]
    if real:
        parts += [
            "## Photographs",
            "Brackets: the truth is the merge of all frames by their noise, through a response fitted to them, without "
            "a network; nobody told headroom-1 the camera's curve, so that both answers stand there, by sRGB's and by "
            "the estimated one. Where there is no truth there are no figures.",
            *real,
            table(["photograph", "of", "licence"], sources),
        ]
    if failures:
        parts += ["## Failures", *failures]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("--model", default="headroom-1", help="a model's name or folder")
    parser.add_argument("--peers", type=Path, help="folder with expandnet/weights.pth")
    parser.add_argument("--photographs", type=Path, nargs="*", default=[], help="files, or folders that hold a bracket")
    parser.add_argument(
        "--evaluation", type=Path, nargs="*", default=[],
        help="evaluation.json of `headroom evaluate` of this model: its figures are not taken again",
    )  # fmt: skip
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "gallery")
    asked = parser.parse_args()
    for path in asked.photographs:
        if path.stem not in SOURCES:
            parser.error(f"{path}: whose is it? Say so in SOURCES of benchmarks/gallery_words.py")
    gallery = Gallery(asked.model, asked.peers, asked.out, asked.evaluation)
    text = page(gallery, find_scenes(asked.scenes), asked.photographs)
    (asked.out / "README.md").write_text(text, encoding="utf-8")
    size = sum(path.stat().st_size for path in asked.out.iterdir())
    say(f"{asked.out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
