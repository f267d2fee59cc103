"""``headroom merge``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option, setting
from headroom.cli.signals import cancel_on_signal
from headroom.errors import UsageError

__all__ = ["command"]

_PATH = click.Path(path_type=Path)


def _ev(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    from headroom.merge.request import parse_ev

    if value is None:
        return None
    try:
        return parse_ev(value)
    except UsageError as error:
        raise click.BadParameter(str(error), ctx, param) from None


@click.command("merge")
@click.argument("inputs", nargs=-1, required=True, type=_PATH, metavar="IN...")
@click.option("-o", "--output", required=True, type=_PATH, metavar="OUT",
              help="A file (.exr, .hdr, .tif) for one stack; a folder for one EXR a stack.")  # fmt: skip
@click.option("--ev", callback=_ev, metavar="-2,0,2",
              help="Exposures in stops, in the order of the files (in a folder: of time, then name); "
              "default: EXIF.")  # fmt: skip
@click.option("--estimate-ev", is_flag=True, help="Measure the exposures in the pictures.")
@click.option("--per-stack", type=click.IntRange(2), metavar="N",
              help="Frames in each stack of a folder; default: told by time and exposure.")  # fmt: skip
@click.option("--same-exposure", "doubles", type=click.Choice(["keep", "average", "error"]),
              help="Frames of one exposure: each counts, one mean of them (tripod), or refused.  "
              "[default: keep, with a note]")  # fmt: skip
@click.option("--reference", default="middle", show_default=True, metavar="middle|auto|N|FILE",
              help="Whose view the result shows: the middle one by exposure, the best recorded one, or the Nth from "
              "the darkest.")  # fmt: skip
@click.option("--align", type=click.Choice(["flow", "global", "none"]), default="flow", show_default=True,
              help="Dense flow, one homography a frame, or frames as they lie.")  # fmt: skip
@click.option("--method", default="headroom-merge-1", show_default=True, metavar="NAME",
              help="How frames become one: ahdrnet, wu-resnet, wu-unet, kalantari-we, -direct, -wie, with -small after "
              "them; debevec, inverse-variance (classical); or a model's folder.")  # fmt: skip
@click.option("--response", default="auto", show_default=True, metavar="NAME|FILE",
              help="Camera curve: declared (the colour space); emor, debevec, robertson (fitted to the stack); "
              "network; a LUT; auto: declared, or emor where the frames contradict it.")  # fmt: skip
@click.option("--response-plot", type=_PATH, metavar="PNG", help="Draw the curve.")
@click.option("--group", is_flag=True,
              help="The stacks are shots of one panorama: one reference exposure, one curve.")  # fmt: skip
@click.option("--no-continue", is_flag=True, help="Leave alone what even the darkest frame lost.")
@setting("model", help="Single-image network that continues there.")
@setting("clip_level", metavar="CODE", help="Code that counts as clipped, 0..1 or an 8-bit code; default: detected.")
@setting("from_space", metavar="SPACE", help="Colour space of the frames; default: what the files say.")
@setting("to_space", metavar="SPACE", help="Colour space of the result; default: scene_linear.")
@setting("ocio_config", metavar="FILE|NAME", help="OCIO config; default: $OCIO, else a built-in one.")
@setting("mask", help="Add channel headroom.mask: how much of a pixel no frame recorded, or none that is believed.")
@setting("depth")
@setting("compression", help="Of the EXR.")
@setting("device", help="auto, cuda, cuda:N, mps or cpu.")
@setting("precision")
@setting("memory", metavar="SIZE", help="Budget such as 4GB; decides the size of the windows.")
@setting("overwrite", help="Replace results that exist.")
@json_option
def command(inputs: tuple[Path, ...], output: Path, as_json: bool, **chosen: Any) -> int:
    """Merge a bracket of exposures into one linear picture, without ghosts.

    IN is the frames, in any order: pictures of 8 or 16 bit, EXRs, camera RAW (with the extra 'raw'); or folders, whose
    stacks are told apart. 1.0 of the result is the white of the reference frame. What some frame recorded comes from
    the frames; what none did (a sun) is continued by the single-image network, and --mask says where.
    """
    from headroom.cli.merge_screen import Screen
    from headroom.merge.job import MergeJob

    request = _request(inputs, output, chosen)
    with cancel_on_signal() as cancelled:
        job = MergeJob(request)
        with Screen(quiet=as_json) as screen:
            screen.left_out(job.plan.left_out)
            reports = job.run(screen, cancelled)
    failed = sum(report["status"] == "failed" for report in reports)
    if as_json:
        emit_json({"stacks": reports, "left_out": job.plan.left_out, "failed": failed, "exit_code": int(failed > 0)})
    elif len(reports) > 1:
        click.echo(f"{len(reports) - failed} of {len(reports)} stacks merged")
    return int(failed > 0)


def _request(inputs: tuple[Path, ...], output: Path, chosen: dict[str, Any]) -> Any:
    from headroom.bracket.reading import Exposing
    from headroom.merge.request import Merging, Request

    exposing = Exposing(
        ev_stops=chosen.pop("ev"), estimate=chosen.pop("estimate_ev"), doubles=chosen.pop("doubles")
    )  # fmt: skip
    merging = Merging(
        goes_on=not chosen.pop("no_continue"), memory_bytes=chosen.pop("memory"),
        **{name: chosen.pop(name)
           for name in ("method", "align", "reference", "response", "clip_level", "model", "device", "precision")},
    )  # fmt: skip
    return Request(inputs=inputs, output=output, exposing=exposing, merging=merging, **chosen)
