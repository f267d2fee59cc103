"""``headroom convert``."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from headroom.cli.options import MEMORY, emit_json, json_option

__all__ = ["command"]

_PATH = click.Path(path_type=Path)


class _CurveType(click.ParamType):
    name = "declared|estimate|FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in ("declared", "estimate") or isinstance(value, Path):
            return value
        path = Path(value)
        if not path.is_file():
            self.fail(f"{value!r} is neither declared, estimate nor a LUT file", param, ctx)
        return path


def _clip_level(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """A code value 0..1, or an 8-bit code such as 250."""
    if value is None or 0 < value <= 1:
        return value
    if 1 < value <= 255:
        return value / 255
    raise click.BadParameter(f"{value} is neither a code value in 0..1 nor an 8-bit code up to 255")


@click.command("convert")
@click.argument("inputs", nargs=-1, required=True, type=_PATH, metavar="IN...")
@click.option("-o", "--output", required=True, type=_PATH, metavar="OUT", help="A file (.exr, .hdr, .tif) or a folder.")
@click.option("--model", default="headroom-1", show_default=True, help="Name of a model, or its folder.")
@click.option("--from", "from_space", metavar="SPACE", help="Colour space of the plates; default: what the file says.")
@click.option("--to", "to_space", metavar="SPACE", help="Colour space of the results; default: scene_linear.")
@click.option("--ocio-config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@click.option("--curve", type=_CurveType(), default="declared", show_default=True, help="What linearises the plate.")
@click.option("--boost", type=float, default=1.0, show_default=True, help="Multiplies the reconstructed stops.")
@click.option("--clip-level", type=float, callback=_clip_level, help="Code that counts as clipped; default: detected.")
@click.option("--tau", type=click.FloatRange(0, 1, max_open=True), default=0.95, show_default=True,
              help="Where the soft mask begins, as a share of the clip level.")
@click.option("--peak-stops", type=float, metavar="STOPS", help="Scale the gain so that the peak lies this far above white.")
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="0 nothing, 1 all of the gain.")
@click.option("--dequantize", is_flag=True, help="Smooth banding by less than half a code value.")
@click.option("--mask", is_flag=True, help="Add channel headroom.mask: how much of a pixel is reconstructed.")
@click.option("--gain", is_flag=True, help="Add channel headroom.gain: stops that were added.")
@click.option("--depth", type=click.Choice(["auto", "half", "float"]), default="auto", show_default=True)
@click.option("--compression", type=click.Choice(["dwaa", "dwab", "zip", "zips", "piz", "none"]), default="zip",
              show_default=True, help="Of the EXR.")
@click.option("--part", help="Part or layer of a multi-part EXR, by name or number.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:N, mps or cpu.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto", show_default=True)
@click.option("--memory", type=MEMORY, help="Budget such as 4GB; large plates are worked on in bands.")
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
    from headroom.jobs import Job, Settings
    from headroom.reconstruct import Options

    option_names = ("curve", "boost", "clip_level", "tau", "peak_stops", "strength", "dequantize")
    options = Options(**{name: chosen.pop(name) for name in option_names})
    part = chosen.pop("part")
    settings = Settings(
        options=options,
        part=int(part) if part is not None and part.isdigit() else part,
        memory_bytes=chosen.pop("memory"),
        **chosen,
    )
    start = time.perf_counter()
    with _cancel_on_signal() as cancelled:
        job = Job(settings)
        with (JsonWatcher() if as_json else ScreenWatcher()) as watcher:
            watcher.left_out(left_out)
            reports = job.run(tasks, watcher, cancelled)
    seconds = time.perf_counter() - start

    counts = {status: sum(r.status == status for r in reports) for status in ("done", "skipped", "failed")}
    was_cancelled = any(report.status == "cancelled" for report in reports)
    exit_code = 130 if was_cancelled else 1 if counts["failed"] else 0
    if as_json:
        files = [report.as_dict() for report in reports]
        others = [str(path) for path in left_out]
        emit_json({"files": files, "left_out": others, **counts, "seconds": round(seconds, 3), "exit_code": exit_code})
    else:
        watcher.summary(counts, len(tasks), was_cancelled, seconds)
    return exit_code


@contextmanager
def _cancel_on_signal() -> Iterator[Any]:
    """Ctrl-C and SIGTERM ask the job to stop at the next tile; a second one stops at once."""
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
