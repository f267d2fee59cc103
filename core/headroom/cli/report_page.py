"""``headroom report``."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from headroom.cli.options import emit_json, json_option
from headroom.cli.signals import cancel_on_signal
from headroom.errors import UsageError

__all__ = ["command"]

_PATH = click.Path(path_type=Path)


@click.command("report")
@click.argument("pictures", nargs=-1, required=True, type=_PATH, metavar="[LDR] HDR")
@click.option("-o", "--output", required=True, type=_PATH, metavar="PAGE.html", help="The page.")
@click.option("--frames", metavar="RANGE", help="Frames of a shot, such as 1001-1240x2,1300; default: all.")
@click.option("--first-frame", type=int, metavar="N", help="Number of a movie's first frame, as it was converted.")
@click.option("--embed", metavar="N|RANGE", help="Frames of a shot to hold as pictures; default: 8, evenly spread.")
@click.option(
    "--size",
    "most_px",
    type=click.IntRange(64, 65536),
    metavar="PX",
    help="Longer side of the pictures in the page; default: 2048, of shots 1024.",
)
@click.option("--full", is_flag=True, help="Keep every pixel, however large the page becomes.")
@click.option("--from", "from_space", metavar="SPACE", help="Colour space of the plate; default: as it was converted.")
@click.option("--to", "to_space", metavar="SPACE", help="Colour space of the result; default: what its header says.")
@click.option("--ocio-config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@click.option("--overwrite", is_flag=True, help="Replace the page if it is there.")
@json_option
def command(
    pictures: tuple[Path, ...],
    output: Path,
    frames: str | None,
    first_frame: int | None,
    embed: str | None,
    most_px: int | None,
    full: bool,
    from_space: str | None,
    to_space: str | None,
    ocio_config: str | None,
    overwrite: bool,
    as_json: bool,
) -> int:
    """Show what a reconstruction did, as one HTML page that needs nothing else.

    LDR is the plate and HDR what `convert` made of it: two pictures, or two patterns such as plate.####.jpg and
    hdr.####.exr. HDR alone is shown without the comparison.
    """
    from headroom.report import make

    if len(pictures) > 2:
        raise UsageError(f"{len(pictures)} pictures: name a plate and its result; a shot goes as patterns, in quotes")
    if full and most_px is not None:
        raise UsageError("--full and --size exclude each other")
    plate, result = (pictures[0], pictures[1]) if len(pictures) == 2 else (None, pictures[0])
    start = time.perf_counter()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=as_json or not console.is_terminal)
    with cancel_on_signal() as cancelled, bar:
        task = bar.add_task("frames", total=None)
        made = make(
            plate,
            result,
            output,
            frames=frames,
            first_frame=first_frame,
            from_space=from_space,
            to_space=to_space,
            config=ocio_config,
            most_px=most_px,
            full=full,
            embed=embed,
            overwrite=overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            cancelled=cancelled,
        )
    seconds = time.perf_counter() - start
    exit_code = 1 if made.failed else 0
    if as_json:
        content = {"page": str(made.path), "bytes": made.bytes, "seconds": round(seconds, 3), **made.facts}
        emit_json({**content, "warnings": made.warnings, "failed": made.failed, "exit_code": exit_code})
        return exit_code
    for error in made.failed:
        click.echo(f"failed: {error}", err=True)
    shown = made.facts["frames"]
    width, height = made.facts["picture_size"]
    count = "" if shown is None else f"{len(shown)} frames, {len(made.facts['pictures'])} as pictures of "
    click.echo(f"{made.path}  {made.bytes / 1e6:.2f} MB, {count}{width}x{height}, {seconds:.1f} s")
    for warning in made.warnings:
        if not warning.startswith("left out: frame"):
            click.echo(f"  warning: {warning}", err=True)
    return exit_code
