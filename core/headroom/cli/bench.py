"""``headroom bench``."""

from __future__ import annotations

import re

import click

from headroom.cli.options import emit_json, json_option, memory_size

__all__ = ["command"]


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
@json_option
def command(
    size: tuple[int, int],
    runs: int,
    model: str,
    device: str,
    precision: str,
    memory: int | None,
    compile_network: bool,
    as_json: bool,
) -> None:
    """Measure speed and memory on this machine, on a synthetic plate with a tenth clipped."""
    from headroom.bench import bench

    result = bench(
        *size,
        model=model,
        device=device,
        precision=precision,
        memory_bytes=memory,
        runs=runs,
        compile_network=compile_network,
    )
    if as_json:
        emit_json(result.as_dict())
        return
    how = f"{result.precision}, {result.threads} threads, torch {result.torch}"
    click.echo(f"{result.model} on {result.device} ({how})")
    click.echo(f"{result.width}x{result.height}: {result.seconds:.2f} s, {result.megapixels_per_second:.2f} MP/s")
    click.echo(f"peak memory {result.peak_memory_bytes / 1e9:.2f} GB")
