"""``headroom convert``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option, setting
from headroom.cli.signals import cancel_on_signal
from headroom.errors import UsageError

__all__ = ["CURVE_OPTIONS", "SHOT_OPTIONS", "command"]

_PATH = click.Path(path_type=Path)
SHOT_OPTIONS = (
    ("frames", "missing", "temporal", "analysis", "analyse_only")
    + ("preview_movie", "preview_exposure")
    + ("first_frame", "levels", "matrix")
)
"""Mean something for patterns and movies only; the worker's settings are the others."""
CURVE_OPTIONS = ("curve_out", "curve_plot")
"""Files beside the results, which the worker does not write."""


@click.command("convert")
@click.argument("inputs", nargs=-1, required=True, type=_PATH, metavar="IN...")
@click.option(
    "-o", "--output", type=_PATH, metavar="OUT", help="A file (.exr, .hdr, .tif), a pattern (hdr.####.exr) or a folder."
)
@click.option("--frames", metavar="RANGE", help="Of a pattern or movie: 1001-1240, 1001-1240x2,1300; default: all.")
@click.option(
    "--missing",
    type=click.Choice(["error", "skip", "nearest"]),
    help="Frames that are asked for and not there.  [default: error; gaps in what is there are only told]",
)
@click.option(
    "--temporal",
    type=click.Choice(["on", "off"]),
    help="Steady the added light in time.  [default: patterns and movies]",
)
@click.option(
    "--analysis", type=_PATH, metavar="FILE", help="What the frames of a shot have in common; made if absent."
)
@click.option("--analyse-only", is_flag=True, help="Make the analysis, no frames: chunks on a farm share it.")
@click.option("--preview-movie", type=_PATH, metavar="FILE", help="Also a tone-mapped movie to look at: .mp4, .mov.")
@click.option("--preview-exposure", type=float, default=0.0, metavar="STOPS", help="Of the preview movie.")
@click.option("--first-frame", type=int, metavar="N", help="Number of a movie's first frame; default: its time code.")
@click.option("--levels", type=click.Choice(["limited", "full"]), help="Of a movie whose tag is missing or wrong.")
@click.option("--matrix", type=click.Choice(["601", "709", "2020"]), help="Of a movie whose tag is missing or wrong.")
@setting("model", help="Name of a model, or its folder.")
@setting("from_space", metavar="SPACE", help="Colour space of the plates; default: what the file says.")
@setting("to_space", metavar="SPACE", help="Colour space of the results; default: scene_linear.")
@setting("ocio_config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@setting("curve", metavar="declared|estimate|FILE", help="What linearises the plate.")
@click.option(
    "--curve-out", type=_PATH, metavar="LUT", help="Also the estimated curve, as .spi1d or .cube (or a folder)."
)
@click.option("--curve-plot", type=_PATH, metavar="PNG", help="Also the estimated curve, drawn (or a folder).")
@setting("stages", metavar="STAGE,...", help="Only these: dequantize, linearize, hallucinate, refine.")
@setting("boost", help="Above 1: the network sees a brighter plate and its stops count for more.")
@setting("scaling", metavar="S", help="Compressed plates: codes from 1/S up count as clipped too.")
@setting("clip_level", metavar="CODE", help="Code that counts as clipped, 0..1 or an 8-bit code; default: detected.")
@setting("tau", help="Where the soft mask begins, as a share of the clip level.")
@setting("peak_stops", metavar="STOPS", help="Soft upper limit of the stops that are added.")
@setting("strength", help="Multiplies the stops that are added; 0: the plain linearisation.")
@setting("light", help="Which of the possible lights: median, the likeliest; mean, right on average; bold.")
@setting("dequantize", help="Smooth banding by less than half a code value.")
@setting("refine", help="SingleHDR's last stage, inside what clipped.")
@setting("mask", help="Add channel headroom.mask: how much of a pixel is reconstructed.")
@setting("gain", help="Add channel headroom.gain: stops that were added.")
@setting("depth")
@setting("compression", help="Of the EXR.")
@setting("part", help="Part or layer of a multi-part EXR, by name or number.")
@setting("device", help="auto, cuda, cuda:N, mps or cpu.")
@setting("precision")
@setting("memory", metavar="SIZE", help="Budget such as 4GB; large plates are worked on in bands.")
@setting("overwrite", help="Replace results that exist.")
@click.option(
    "--resume/--no-resume",
    default=None,
    help="Skip results that exist and were made from the same source and settings.  [default: patterns and movies]",
)
@json_option
def command(inputs: tuple[Path, ...], output: Path | None, as_json: bool, resume: bool | None, **chosen: Any) -> int:
    """Give clipped pictures their linear light back.

    IN is a picture, a folder of pictures, a frame pattern (plate.####.jpg, plate.%04d.jpg, plate.$F4.jpg; quote it)
    or a movie. Recorded pixels come out as their exact linearisation; only what clipped is reconstructed. A shot that
    was stopped, however it was, is gone on with by the same command.
    """
    from headroom.jobs.shots import is_shot

    shot_only = {name: chosen.pop(name) for name in SHOT_OPTIONS}
    curves = {name: chosen.pop(name) for name in CURVE_OPTIONS}
    if output is None and shot_only["analyse_only"] and shot_only["analysis"]:
        output = shot_only["analysis"].parent
    if output is None:
        raise UsageError("no output: name a file, a pattern or a folder with -o")
    shots = [path for path in inputs if is_shot(path)]
    if not shots:
        _refuse_shot_options(inputs, shot_only)
        return _stills(inputs, output, as_json, {**chosen, "resume": bool(resume)}, **curves)
    if len(shots) < len(inputs):
        still = next(path for path in inputs if path not in shots)
        raise UsageError(f"{still} is no pattern or movie, {shots[0]} is: convert them apart")
    from headroom.cli.convert_shots import convert_shots

    return convert_shots(inputs, output, as_json, {**chosen, "resume": resume is not False}, **curves, **shot_only)


def _stills(
    inputs: tuple[Path, ...],
    output: Path,
    as_json: bool,
    chosen: dict[str, Any],
    *,
    curve_out: Path | None,
    curve_plot: Path | None,
) -> int:
    from headroom.jobs import plan_tasks

    tasks, left_out = plan_tasks(inputs, output)
    wants_curves = curve_out is not None or curve_plot is not None
    if wants_curves:
        from headroom.jobs.curve_files import check_curve_targets, write_curves

        check_curve_targets(curve_out, curve_plot, [task.source for task in tasks])
    from headroom.cli.report import JsonWatcher, ScreenWatcher
    from headroom.jobs import Job, Settings, exit_code_of

    settings = Settings.of(**chosen)
    start = time.perf_counter()
    with cancel_on_signal() as cancelled:
        job = Job(settings)
        with JsonWatcher() if as_json else ScreenWatcher() as watcher:
            watcher.left_out(left_out)
            reports = job.run(tasks, watcher, cancelled)
        exit_code = exit_code_of(reports)
        if wants_curves:
            made = [report.source for report in reports if report.status in ("done", "skipped")]
            failed = write_curves(
                job.conversion,
                made,
                curve_out,
                curve_plot,
                cancelled=cancelled,
                tell=lambda text: click.echo(text, err=True),
            )
            exit_code = max(exit_code, failed)
    seconds = time.perf_counter() - start

    counts = {status: sum(r.status == status for r in reports) for status in ("done", "skipped", "failed")}
    if as_json:
        files = [report.as_dict() for report in reports]
        others = [str(path) for path in left_out]
        emit_json({"files": files, "left_out": others, **counts, "seconds": round(seconds, 3), "exit_code": exit_code})
    else:
        watcher.summary(counts, len(tasks), exit_code == 130, seconds)
    return exit_code


def _refuse_shot_options(inputs: tuple[Path, ...], given: dict[str, Any]) -> None:
    """Options that mean something for shots only; a file of a sequence was probably meant as all of it."""
    named = [
        name
        for name, value in given.items()
        if value not in (None, 0.0, False) and (name, value) != ("temporal", "off")
    ]
    if not named:
        return
    from headroom.io.sequence import pattern_of_file

    pattern = pattern_of_file(inputs[0])
    hint = f"; did you mean '{pattern}'?" if pattern else ", such as plate.####.jpg"
    raise UsageError(f"--{named[0].replace('_', '-')} is for a frame pattern or a movie{hint}")
