"""``headroom bench``."""

from __future__ import annotations

import re
from typing import Any

import click

from headroom.cli.bench_screen import frame_lines, limit_lines, shot_lines
from headroom.cli.options import emit_json, json_option, memory_size, setting
from headroom.errors import UsageError

__all__ = ["command"]

SYNTHETIC = "synthetic"
"""``--shot`` without a name."""


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", text)
    if not found:
        raise click.BadParameter(f"{text!r} is not a size such as 1920x1080")
    return int(found[1]), int(found[2])


@click.command("bench")
@click.option("--size", type=_size, default="1920x1080", metavar="WxH", show_default=True)
@click.option("--runs", type=click.IntRange(1, 100), default=3, show_default=True, help="The best of these counts.")
@click.option("--model", default="headroom-1", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto", show_default=True)
@click.option("--memory", type=memory_size, metavar="SIZE", help="Budget such as 4GB.")
@click.option("--compile", "compile_network", is_flag=True, help="With torch.compile; the first run takes longer.")
@click.option("--limits", is_flag=True, help="What the machine can do at most: convolutions, EXR out, plates in.")
@click.option(
    "--shot",
    is_flag=False,
    flag_value=SYNTHETIC,
    metavar="[PATTERN]",
    help="A shot through the whole pipeline, against the limits: plate.####.jpg, a movie, or one made up.",
)
@click.option("--frames", metavar="N|RANGE", help="With --shot: how many made-up ones (24), or which of PATTERN.")
@click.option("--temporal", type=click.Choice(["on", "off"]), default="on", show_default=True, help="With --shot.")
@setting("compression", help="With --shot: of the EXRs.")
@json_option
def command(
    size: tuple[int, int],
    runs: int,
    model: str,
    device: str,
    precision: str,
    memory: int | None,
    compile_network: bool,
    limits: bool,
    shot: str | None,
    frames: str | None,
    temporal: str,
    compression: str,
    as_json: bool,
) -> None:
    """Measure speed and memory on this machine.

    Without --shot or --limits: one synthetic plate with a tenth clipped, files not counted.
    """
    if frames is not None and shot is None:
        raise UsageError("--frames goes with --shot")
    chosen: dict[str, Any] = {"model": model, "device": device, "precision": precision}
    if shot is not None:
        from headroom.bench.shot import bench_shot

        measured = bench_shot(
            None if shot == SYNTHETIC else shot,
            size=size,
            frames=frames,
            temporal=temporal,
            say=lambda text: click.echo(text, err=True),
            compression=compression,
            memory=memory,
            compile_network=compile_network,
            **chosen,
        )
        _tell(as_json, measured.as_dict(), shot_lines(measured))
    elif limits:
        from headroom.bench.limits import measure_limits

        found = measure_limits(*size, runs=runs, **chosen)
        _tell(as_json, found.as_dict(), limit_lines(found))
    else:
        from headroom.bench import bench

        result = bench(*size, memory_bytes=memory, runs=runs, compile_network=compile_network, **chosen)
        _tell(as_json, result.as_dict(), frame_lines(result))


def _tell(as_json: bool, content: dict[str, Any], lines: list[str]) -> None:
    if as_json:
        emit_json(content)
    else:
        click.echo("\n".join(lines))
