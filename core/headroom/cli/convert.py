"""``headroom convert``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option, setting
from headroom.cli.signals import cancel_on_signal

__all__ = ["command"]

_PATH = click.Path(path_type=Path)


@click.command("convert")
@click.argument("inputs", nargs=-1, required=True, type=_PATH, metavar="IN...")
@click.option("-o", "--output", required=True, type=_PATH, metavar="OUT", help="A file (.exr, .hdr, .tif) or a folder.")
@setting("model", help="Name of a model, or its folder.")
@setting("from_space", metavar="SPACE", help="Colour space of the plates; default: what the file says.")
@setting("to_space", metavar="SPACE", help="Colour space of the results; default: scene_linear.")
@setting("ocio_config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@setting("curve", metavar="declared|estimate|FILE", help="What linearises the plate.")
@setting("boost", help="Above 1: the network sees a brighter plate and its stops count for more.")
@setting("clip_level", metavar="CODE", help="Code that counts as clipped, 0..1 or an 8-bit code; default: detected.")
@setting("tau", help="Where the soft mask begins, as a share of the clip level.")
@setting("peak_stops", metavar="STOPS", help="Soft upper limit of the stops that are added.")
@setting("strength", help="Multiplies the stops that are added; 0: the plain linearisation.")
@setting("dequantize", help="Smooth banding by less than half a code value.")
@setting("mask", help="Add channel headroom.mask: how much of a pixel is reconstructed.")
@setting("gain", help="Add channel headroom.gain: stops that were added.")
@setting("depth")
@setting("compression", help="Of the EXR.")
@setting("part", help="Part or layer of a multi-part EXR, by name or number.")
@setting("device", help="auto, cuda, cuda:N, mps or cpu.")
@setting("precision")
@setting("memory", metavar="SIZE", help="Budget such as 4GB; large plates are worked on in bands.")
@setting("overwrite", help="Replace results that exist.")
@setting("resume", help="Skip results that exist and were made from the same source and settings.")
@json_option
def command(inputs: tuple[Path, ...], output: Path, as_json: bool, **chosen: Any) -> int:
    """Give clipped pictures their linear light back.

    IN is a picture or a folder of pictures. Recorded pixels come out as their exact linearisation; only what
    clipped is reconstructed.
    """
    from headroom.jobs import plan_tasks

    tasks, left_out = plan_tasks(inputs, output)
    from headroom.cli.report import JsonWatcher, ScreenWatcher
    from headroom.jobs import Job, Settings, exit_code_of

    settings = Settings.of(**chosen)
    start = time.perf_counter()
    with cancel_on_signal() as cancelled:
        job = Job(settings)
        with JsonWatcher() if as_json else ScreenWatcher() as watcher:
            watcher.left_out(left_out)
            reports = job.run(tasks, watcher, cancelled)
    seconds = time.perf_counter() - start

    counts = {status: sum(r.status == status for r in reports) for status in ("done", "skipped", "failed")}
    exit_code = exit_code_of(reports)
    if as_json:
        files = [report.as_dict() for report in reports]
        others = [str(path) for path in left_out]
        emit_json({"files": files, "left_out": others, **counts, "seconds": round(seconds, 3), "exit_code": exit_code})
    else:
        watcher.summary(counts, len(tasks), exit_code == 130, seconds)
    return exit_code
