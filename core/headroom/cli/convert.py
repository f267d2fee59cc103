"""``headroom convert``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option, memory_size
from headroom.cli.signals import cancel_on_signal

__all__ = ["command"]

_PATH = click.Path(path_type=Path)


def _curve(text: str) -> str:
    if text in ("declared", "estimate") or Path(text).is_file():
        return text
    raise click.BadParameter(f"{text!r} is neither declared, estimate nor a LUT file")


@click.command("convert")
@click.argument("inputs", nargs=-1, required=True, type=_PATH, metavar="IN...")
@click.option("-o", "--output", required=True, type=_PATH, metavar="OUT", help="A file (.exr, .hdr, .tif) or a folder.")
@click.option("--model", default="headroom-1", show_default=True, help="Name of a model, or its folder.")
@click.option("--from", "from_space", metavar="SPACE", help="Colour space of the plates; default: what the file says.")
@click.option("--to", "to_space", metavar="SPACE", help="Colour space of the results; default: scene_linear.")
@click.option("--ocio-config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@click.option(
    "--curve",
    type=_curve,
    default="declared",
    metavar="declared|estimate|FILE",
    show_default=True,
    help="What linearises the plate.",
)
@click.option(
    "--boost",
    type=float,
    default=1.0,
    show_default=True,
    help="Above 1: the network sees a brighter plate and its stops count for more.",
)
@click.option(
    "--clip-level",
    type=float,
    metavar="CODE",
    help="Code that counts as clipped, 0..1 or an 8-bit code; default: detected.",
)
@click.option(
    "--tau",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.95,
    show_default=True,
    help="Where the soft mask begins, as a share of the clip level.",
)
@click.option("--peak-stops", type=float, metavar="STOPS", help="Soft upper limit of the stops that are added.")
@click.option(
    "--strength",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Multiplies the stops that are added; 0: the plain linearisation.",
)
@click.option("--dequantize", is_flag=True, help="Smooth banding by less than half a code value.")
@click.option("--mask", is_flag=True, help="Add channel headroom.mask: how much of a pixel is reconstructed.")
@click.option("--gain", is_flag=True, help="Add channel headroom.gain: stops that were added.")
@click.option("--depth", type=click.Choice(["auto", "half", "float"]), default="auto", show_default=True)
@click.option(
    "--compression",
    type=click.Choice(["dwaa", "dwab", "zip", "zips", "piz", "none"]),
    default="zip",
    show_default=True,
    help="Of the EXR.",
)
@click.option("--part", help="Part or layer of a multi-part EXR, by name or number.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:N, mps or cpu.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto", show_default=True)
@click.option(
    "--memory", type=memory_size, metavar="SIZE", help="Budget such as 4GB; large plates are worked on in bands."
)
@click.option("--overwrite", is_flag=True, help="Replace results that exist.")
@click.option("--resume", is_flag=True, help="Skip results that exist and were made from the same source and settings.")
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
    from headroom.reconstruct import Options

    option_names = ("curve", "boost", "clip_level", "tau", "peak_stops", "strength", "dequantize")
    lut = None
    if chosen["curve"] not in ("declared", "estimate"):
        lut, chosen["curve"] = Path(chosen["curve"]), "declared"
    options = Options(**{name: chosen.pop(name) for name in option_names})
    part = chosen.pop("part")
    settings = Settings(
        options=options,
        lut=lut,
        part=int(part) if part is not None and part.isdigit() else part,
        memory_bytes=chosen.pop("memory"),
        **chosen,
    )
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
