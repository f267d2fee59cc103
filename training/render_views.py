"""Renders HDR training views of made-up rooms, streets and tables, lit by the skies of a folder and by lamps.

    python training/render_views.py --skies SCENES --out FOLDER --count 96 --seed 1
        [--size 512x512 | --size 512x512..1024x1024] [--samples 48] [--threads 1] [--first 0]

Runs in a Python that has bpy 4.5 or 5.2, OpenEXR and NumPy (README.md beside it). FOLDER gets ``train`` and
``held-out`` (every eighth view), each with a manifest.json that ``headroom train --data`` and ``--add`` read. Started
again, it goes on with the views that are not there yet; Control-C ends it after the view at work.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from views.files import Manifest, ManifestError, Sky, find_skies, write_exr
from views.lens import Lens, with_glare
from views.picture import balanced, facts_of, rescaled
from views.plan import held_out, plan

__all__ = ["main"]

LARGEST_PX = 4096


class Stopped(Exception):  # noqa: N818 - as headroom's own errors, it says what happened
    """Control-C, or the end of the job."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 where all views are there, 1 with one line where something failed, 130 where stopped."""
    asked = _parse(arguments)
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        # Cycles swallows what a handler raises, so the view at work is finished first.
        signal.signal(number, lambda number, _frame: signals.append(number))
    try:
        _render_all(asked, lambda: bool(signals))
    except Stopped:
        return _say("stopped; the same command goes on from here", 130)
    except (ManifestError, RuntimeError) as error:  # Blender's errors are RuntimeErrors
        return _say(" ".join(str(error).split()), 1)
    except ImportError as error:
        return _say(f"{error}; run it by a Python that has bpy, OpenEXR and NumPy (training/README.md)", 1)
    except OSError as error:
        return _say(f"{error.filename or asked.out}: {error.strerror or error}", 1)
    return 0


def _render_all(asked: argparse.Namespace, stopped: Callable[[], bool]) -> None:
    from views.cycles import bpy_version, is_outdoors, render

    folders = {name: asked.out / name for name in ("train", "held-out")}
    skies = find_skies(asked.skies)
    choices = {
        "seed": asked.seed, "size": [list(size) for size in asked.size], "samples": asked.samples,
        "skies": [sky.file.name for sky in skies],
    }  # fmt: skip
    manifests = {name: Manifest.open(folder, choices, bpy_version()) for name, folder in folders.items()}
    numbers = range(asked.first, asked.first + asked.count)
    missing = [n for n in numbers if not manifests[_side(n)].has(_name(asked.seed, n))]
    _say(f"{len(numbers) - len(missing)} of {len(numbers)} views are there; {len(skies)} skies")
    if not missing:
        return
    outdoors = [sky.file.name for sky in skies if is_outdoors(sky.file)]
    by_name = {sky.file.name: sky for sky in skies}
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headroom-views-") as scratch:
        for done, number in enumerate(missing):
            if stopped():
                raise Stopped
            begun = time.monotonic()
            described = plan(asked.seed, number, [sky.file.name for sky in skies], outdoors, _size(asked, number))
            sky = by_name[described["sky"]["file"]]
            clean = render(described, sky.file, Path(scratch), samples=asked.samples, threads=asked.threads)
            seen = balanced(with_glare(clean, Lens(**described["lens"])), described["camera"]["balance"])
            light, scale = rescaled(seen)
            name = _name(asked.seed, number)
            write_exr(folders[_side(number)] / name, light)
            facts = facts_of(light)
            manifests[_side(number)].add(_item(name, described, sky, facts, scale))
            left = (time.monotonic() - start) / (done + 1) * (len(missing) - done - 1)
            _say(
                f"{done + 1}/{len(missing)}  {name}  {described['kind']}, {described['hour']}  "
                f"{facts['stops_p1_max']:.1f} stops  {time.monotonic() - begun:.1f} s  {left / 60:.0f} min left"
            )


def _item(name: str, described: dict[str, Any], sky: Sky, facts: dict[str, Any], scale: float) -> dict[str, Any]:
    told = {key: described[key] for key in ("seed", "number", "kind", "hour", "size", "sky", "camera", "lens", "lamps")}
    unit = {"kcd_m2_of_1": float(f"{1 / scale:.4g}")}
    return {"file": name, "projection": "still", "licence": sky.licence, **told, **unit, "stats": facts}


def _side(number: int) -> str:
    return "held-out" if held_out(number) else "train"


def _name(seed: int, number: int) -> str:
    return f"view-{seed}-{number:05d}.exr"


def _size(asked: argparse.Namespace, number: int) -> tuple[int, int]:
    """Between the two sizes, by the view's number, so that it hangs on nothing else."""
    (low_x, low_y), (high_x, high_y) = asked.size
    share = number * 0.6180339887 % 1
    return round(low_x + share * (high_x - low_x)), round(low_y + share * (high_y - low_y))


def _sizes(text: str) -> tuple[tuple[int, int], tuple[int, int]]:
    try:
        ends = [tuple(int(side) for side in end.split("x")) for end in text.split("..")]
        (first, *_, last) = ends if len(ends) > 1 else ends * 2
        if len(ends) > 2 or len(first) != 2 or len(last) != 2:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: say 512x512, or 512x512..1024x768") from None
    if min(*first, *last) < 16 or max(*first, *last) > LARGEST_PX or first[0] > last[0] or first[1] > last[1]:
        raise argparse.ArgumentTypeError(f"{text}: sides of 16 to {LARGEST_PX} pixels, the smaller size first")
    return (first[0], first[1]), (last[0], last[1])


def _at_least(least: int) -> Any:
    def number(text: str) -> int:
        if not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text}: a whole number from {least} on")
        return int(text)

    return number


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--skies", type=Path, required=True, help="folder of lat-longs (.exr, .hdr) with a manifest.json"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=_at_least(1), default=64)
    parser.add_argument("--first", type=_at_least(0), default=0, help="number of the first view, to share the work")
    parser.add_argument("--seed", type=_at_least(0), default=1)
    parser.add_argument("--size", type=_sizes, default=((512, 512), (512, 512)), help="or a span: 512x512..1024x1024")
    parser.add_argument("--samples", type=_at_least(1), default=48, help="paths a pixel, before the denoiser")
    parser.add_argument("--threads", type=_at_least(1), default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


def _say(line: str, code: int = 0) -> int:
    out = sys.stderr if code else sys.stdout
    out.write(line + "\n")
    out.flush()
    return code


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended)  # Blender's own shutdown may hang in a module
