"""How a World made from a clipped panorama lights a scene: Cycles renders by the truth, the clipped map and headroom's.

    python benchmarks/blender_world.py --blender BPY_PYTHON [--maps FOLDER ...] [--out docs/blender-world.md]

BPY_PYTHON is a Python that has the ``bpy`` module. Without ``--maps`` the eight CC0 panoramas that come with
Blender are used; more folders of lat-long EXRs may be named. ``--train FOLDER`` (the training scenes) proves that none
of the maps is among them. Each map is exposed so that ``--share`` of its pixels clip, and stored as 8-bit sRGB: that
is all that headroom sees. Diffuse, glossy (roughness 0.3) and mirror spheres, seen from front and back; fixed seed, no
denoising; the truth rendered with another seed is the floor that noise sets.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import headroom
from headroom import weights
from headroom.camera import expose_for_clipped_share
from headroom.colour.curves import srgb_encode
from headroom.evaluate.scenes import load_scene
from headroom.metrics import luminance
from headroom.plate import FloatArray

RENDER = Path(__file__).with_name("blender_world_render.py")
SPHERES = ("diffuse", "glossy", "mirror")
LINEAR = "Linear Rec.709"
SIZE = 96
COVERED = 0.999  # rim pixels are part background
SAME_PICTURE = 0.95  # correlation of small log luminances, over all turns; the same panorama gives 1.00
LOG_FLOOR = 1e-5


@dataclass(frozen=True)
class Source:
    """One panorama, photographed."""

    name: str
    truth: FloatArray
    """(H, W, 3) linear, 1.0 is the clip level."""
    folder: Path

    def file(self, kind: str) -> Path:
        return self.folder / f"{map_name(self.name, kind)}.{'png' if kind == 'clipped' else 'exr'}"


@dataclass(frozen=True)
class Errors:
    """Of one sphere against the truth's."""

    relative: float
    """RMS error / RMS of the truth's sphere."""
    stops: float
    """RMS error of log2 luminance."""
    energy: float
    """Mean luminance / the truth's."""


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as scratch:
        work = (options.keep or Path(scratch)) / f"{options.share:g}-{options.samples}"
        work.mkdir(parents=True, exist_ok=True)
        folders = options.maps or [shipped_maps(options.blender)]
        paths = [path for folder in folders for path in sorted(folder.glob("*.exr"))]
        paths = [path for path in paths if not options.only or path.stem in options.only]
        scenes = {path.stem: load_scene(path) for path in paths}
        scenes = {name: lin for name, lin in scenes.items() if lin.shape[1] == 2 * lin.shape[0]}
        seen = closest_training_scenes(scenes, options.train) if options.train else {}
        sources = [photograph(name, lin, options.share, work) for name, lin in scenes.items()]
        render(options.blender, sources, options.samples, work)
        results = {source.name: measure(source) for source in sources}
        text = report(results, seen, options)
        print(text)
        if options.out:
            options.out.write_text(text, encoding="utf-8")
        if options.json:
            plain = {m: {k: {s: vars(e) for s, e in by.items()} for k, by in r.items()} for m, r in results.items()}
            options.json.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
        if options.picture:
            contact_sheet(sources, results, options.picture)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", type=Path, required=True, help="a Python with bpy")
    parser.add_argument("--maps", type=Path, nargs="+", help="folders of lat-long EXRs; default: Blender's own")
    parser.add_argument("--only", nargs="+", help="names of maps")
    parser.add_argument("--share", type=float, default=0.05, help="of the pixels that clip; default 0.05")
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--train", type=Path, help="the training scenes, to show that no map is among them")
    parser.add_argument("--out", type=Path, help="Markdown table")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path, help="contact sheet, PNG")
    parser.add_argument("--keep", type=Path, help="keep maps and renders here; a later run uses them again")
    return parser.parse_args()


def shipped_maps(blender: Path) -> Path:
    said = subprocess.run([blender, RENDER, "--where"], capture_output=True, text=True, check=True).stdout
    return Path(next(line for line in said.splitlines() if line.startswith("studiolights:")).split(": ", 1)[1])


def photograph(name: str, lin: FloatArray, share: float, work: Path) -> Source:
    """The truth in units of the clip level, the 8-bit photograph, and what headroom makes of it: three files."""
    truth = lin * np.float32(expose_for_clipped_share(lin, share))
    source = Source(name, truth, work)
    headroom.io.write(source.file("truth"), truth, depth="float")
    codes = (srgb_encode(truth.clip(0, 1)) * 255 + 0.5).astype(np.uint8)
    Image.fromarray(codes).save(source.file("clipped"))
    if source.file("headroom").exists():
        return source
    hdr = headroom.reconstruct(headroom.read(source.file("clipped")), to="Linear Rec.709 (sRGB)")
    headroom.write(hdr, source.file("headroom"), depth="float")
    return source


def render(blender: Path, sources: list[Source], samples: int, work: Path) -> None:
    kinds = {"truth": (LINEAR, 0), "floor": (LINEAR, 1), "clipped": ("sRGB", 0), "headroom": (LINEAR, 0)}
    renders = [
        {
            "map": str(source.file("truth" if kind == "floor" else kind)),
            "space": space,
            "seed": seed,
            "target": str(work / map_name(source.name, kind)),
        }
        for source in sources
        for kind, (space, seed) in kinds.items()
        if not (work / f"{map_name(source.name, kind)}-back.exr").exists()
    ]
    if not renders:
        return
    job = work / "job.json"
    job.write_text(json.dumps({"samples": samples, "size": SIZE, "renders": renders}), encoding="utf-8")
    with subprocess.Popen([blender, RENDER, job], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("rendered"):
                print(line.rstrip(), file=sys.stderr)
    if process.returncode:
        raise SystemExit(f"{blender} ended with {process.returncode} while rendering")


def map_name(name: str, kind: str) -> str:
    """What headroom makes depends on its weights; so does the name of its map and of its renders."""
    mark = f"-{weights.read_card(weights.find('headroom-1')).sha256[:8]}" if kind == "headroom" else ""
    return f"{name}-{kind}{mark}"


def spheres(source: Source, kind: str) -> tuple[FloatArray, np.ndarray]:
    """(SIZE, 6 * SIZE, 3) front and back side by side, and where a pixel is wholly on a sphere."""
    views = [headroom.read(source.folder / f"{map_name(source.name, kind)}-{view}.exr") for view in ("front", "back")]
    lin = np.concatenate([view.rows(0, view.height) for view in views], 1)
    alphas = [alpha for view in views if (alpha := view.alpha_rows(0, view.height)) is not None]
    return lin, np.concatenate(alphas, 1) > COVERED


def measure(source: Source) -> dict[str, dict[str, Errors]]:
    truth, covered = spheres(source, "truth")
    results: dict[str, dict[str, Errors]] = {}
    for kind in ("clipped", "headroom", "floor"):
        test, _ = spheres(source, kind)
        results[kind] = {}
        for index, sphere in enumerate(SPHERES):
            here = np.zeros_like(covered)
            for first in (index, index + 3):  # the front's and the back's
                here[:, first * SIZE : (first + 1) * SIZE] = covered[:, first * SIZE : (first + 1) * SIZE]
            a, b = test[here].astype(np.float64), truth[here].astype(np.float64)
            light = [luminance(side).clip(LOG_FLOOR) for side in (a, b)]
            results[kind][sphere] = Errors(
                relative=float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2))),
                stops=float(np.sqrt(np.mean(np.log2(light[0] / light[1]) ** 2))),
                energy=float(light[0].mean() / light[1].mean()),
            )
    return results


def closest_training_scenes(scenes: dict[str, FloatArray], train: Path) -> dict[str, tuple[float, str]]:
    """For each map the training scene most like it, over all turns about the vertical and mirrored."""
    known = {path.stem: small_log(load_scene(path)) for path in sorted(train.glob("*.exr"))}
    load_scene.cache_clear()
    closest = {}
    for name, lin in scenes.items():
        spectrum = np.fft.fft(small_log(lin), axis=1).conj()
        closest[name] = max(
            (float(np.fft.ifft(spectrum * np.fft.fft(side, axis=1), axis=1).real.sum(0).max()), other)
            for other, picture in known.items()
            for side in (picture, picture[:, ::-1])
        )
    taught = {name: other for name, (likeness, other) in closest.items() if likeness > SAME_PICTURE}
    if taught or set(scenes) & set(known):
        raise SystemExit(f"these maps are training scenes and cannot test: {taught or set(scenes) & set(known)}")
    return closest


def small_log(lin: FloatArray) -> np.ndarray:
    """(32, 64) log luminance of zero mean and unit norm on the sphere; other shapes are squeezed to it."""
    light = np.asarray(Image.fromarray(luminance(lin).astype(np.float32)).resize((64, 32), Image.Resampling.BOX))
    log = np.log2(light + 1e-4 * float(np.median(light)) + 1e-9)
    weight = np.sin((np.arange(32) + 0.5) * np.pi / 32)[:, None]
    log = (log - (log * weight).sum() / (64 * weight.sum())) * np.sqrt(weight)
    return np.asarray(log / np.sqrt((log**2).sum()))


def report(
    results: dict[str, dict[str, dict[str, Errors]]], seen: dict[str, tuple[float, str]], options: argparse.Namespace
) -> str:
    lines = [
        "| panorama | diffuse: clipped | headroom | glossy: clipped | headroom | mirror, stops: clipped | headroom "
        "| diffuse light: clipped | headroom | noise floor: diffuse | glossy |",
        "|---|" + "---|" * 10,
    ]
    for name, by in results.items():
        lines.append(row(name, [by]))
    lines.append(row("**median**", list(results.values()), np.median))
    lines.append(row("**mean**", list(results.values()), np.mean))

    def ratio(by: dict[str, dict[str, Errors]], sphere: str) -> float:
        what = "stops" if sphere == "mirror" else "relative"
        return float(getattr(by["headroom"][sphere], what) / getattr(by["clipped"][sphere], what))

    clear = [
        name
        for name, by in results.items()
        if by["clipped"]["diffuse"].relative - by["headroom"]["diffuse"].relative > by["floor"]["diffuse"].relative
    ]
    falls = []
    for sphere in SPHERES:
        ratios = {name: ratio(by, sphere) for name, by in results.items()}
        worse = [name for name, value in ratios.items() if value >= 1]
        better = f"{len(results) - len(worse)} of {len(results)}"
        falls.append(
            f"The {sphere} sphere's error falls on {better}, to {np.median(list(ratios.values())):.2f} of the clipped "
            "map's (median)" + (f"; it does not on {', '.join(worse)}." if worse else ".")
        )
    lines += [
        "",
        "Diffuse and glossy: RMS error of the sphere / RMS of the true one. Mirror: RMS error of log2 luminance. "
        "Diffuse light: mean luminance of the sphere / the truth's. Noise floor: the truth with another seed.",
        "",
        f"{len(results)} panoramas, {100 * options.share:g} % of the pixels clipped, 8-bit sRGB, "
        f"{options.samples} samples. {' '.join(falls)} The diffuse sphere gains more than the noise floor on "
        f"{len(clear)}; within it on {', '.join(name for name in results if name not in clear) or 'none'}.",
    ]
    if seen:
        name = max(seen, key=lambda n: seen[n][0])
        lines.append(
            f"None is among the training scenes: the likest pair, {name} and {seen[name][1]}, correlates at "
            f"{seen[name][0]:.2f} (the same panorama, however turned: 1.00)."
        )
    return "\n".join(lines) + "\n"


def row(name: str, maps: list[dict[str, dict[str, Errors]]], average=np.mean) -> str:  # type: ignore[no-untyped-def]
    def figure(kind: str, sphere: str, what: str) -> float:
        return float(average([getattr(by[kind][sphere], what) for by in maps]))

    cells = [name]
    for sphere, what in (("diffuse", "relative"), ("glossy", "relative"), ("mirror", "stops"), ("diffuse", "energy")):
        clipped, ours = figure("clipped", sphere, what), figure("headroom", sphere, what)
        better = abs(ours - 1) < abs(clipped - 1) if what == "energy" else ours < clipped
        cells += [f"{clipped:.2f}", f"**{ours:.2f}**" if better else f"{ours:.2f}"]
    cells += [f"{figure('floor', sphere, 'relative'):.2f}" for sphere in ("diffuse", "glossy")]
    return "| " + " | ".join(cells) + " |"


def contact_sheet(sources: list[Source], results: dict[str, dict[str, dict[str, Errors]]], target: Path) -> None:
    """A row a map: the photograph, then front views lit by the truth, the clipped map and headroom's."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    titles = ("8-bit panorama", "lit by the truth", "by the clipped panorama", "by headroom-1's")
    shape = (len(sources), len(titles))
    figure, axes = plt.subplots(*shape, figsize=(14.4, 1.42 * shape[0] + 0.3), squeeze=False, layout="constrained")
    for line, source in zip(axes, sources, strict=True):
        truth, covered = spheres(source, "truth")
        diffuse = covered.copy()
        diffuse[:, SIZE:] = False
        scale = 0.4 / max(float(luminance(truth[diffuse]).mean()), 1e-6)
        line[0].imshow(np.asarray(Image.open(source.file("clipped")).resize((288, 144))))
        line[0].set_ylabel(source.name, fontsize=9)
        for axis, kind in zip(line[1:], ("truth", "clipped", "headroom"), strict=True):
            lit, _ = spheres(source, kind)
            shown = np.where(covered[..., None], srgb_encode((lit * scale).clip(0, 1)), 1.0)
            axis.imshow(shown[:, : 3 * SIZE])
            if kind != "truth":
                error = results[source.name][kind]["diffuse"]
                axis.set_xlabel(f"diffuse error {error.relative:.2f}, light x{error.energy:.2f}", fontsize=8)
        for axis in line:
            axis.set(xticks=[], yticks=[], frame_on=False)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=10)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=75)
    plt.close(figure)
    Image.open(target).convert("RGB").quantize(256).save(target, optimize=True)


if __name__ == "__main__":
    main()
