"""``headroom evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option

__all__ = ["command"]

_FOLDER = click.Path(path_type=Path, file_okay=False)


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) / 100 for part in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share < 1 for share in shares):
        raise click.BadParameter(f"{text!r} is not a list of percentages such as 2,5,15")
    return shares


@click.command("evaluate")
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--model", "models", multiple=True, help="A model's name or folder; may be given again. [headroom-1]")
@click.option("--suite", "suites", multiple=True, help="Virtual cameras; may be given again. [the usual ones]")
@click.option("--shares", type=_shares, metavar="PERCENT,...", help="Clipped shares of the photographs. [2,5,15]")
@click.option("--measure", "measures", multiple=True, help="A group of measures; may be given again. [all there are]")
@click.option("--peers", type=_FOLDER, help="Folder with other systems' weights; default: one named peers near DIR.")
@click.option("--no-baselines", is_flag=True, help="The model and the oracles alone.")
@click.option("--no-estimate", is_flag=True, help="Leave out --curve estimate.")
@click.option("-o", "--output", type=_FOLDER, help="Folder for evaluation.json and evaluation.md.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:N, mps or cpu.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto", show_default=True)
@json_option
def command(
    folder: Path,
    models: tuple[str, ...],
    suites: tuple[str, ...],
    shares: tuple[float, ...] | None,
    measures: tuple[str, ...],
    peers: Path | None,
    no_baselines: bool,
    no_estimate: bool,
    output: Path | None,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Measure models against baselines and oracles on the HDR images of DIR.

    Prints Markdown tables, or JSON.
    """
    from rich.console import Console
    from rich.progress import Progress

    from headroom.errors import UsageError
    from headroom.evaluate import evaluate, model_methods
    from headroom.evaluate.score import MEASURES
    from headroom.evaluate.suites import SUITES

    for name, known in [*((name, SUITES) for name in suites), *((name, MEASURES) for name in measures)]:
        if name not in known:
            raise UsageError(f"no suite or measure {name!r}; there are: {', '.join(known)}")
    asked: dict[str, Any] = {"suites": suites, "shares": shares, "measures": measures}
    methods = [
        method
        for model in models or ("headroom-1",)
        for method in model_methods(model, device=device, precision=precision, estimate=not no_estimate)
    ]
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task("", total=1.0)
        report = evaluate(
            folder,
            methods,
            peers=peers,
            with_baselines=not no_baselines,
            progress=lambda share, name: bar.update(row, completed=share, description=name),
            **{name: value for name, value in asked.items() if value},
        )
    if output is not None:
        for path in report.write(output):
            click.echo(f"written: {path}", err=True)
    if as_json:
        emit_json(report.as_dict())
    else:
        click.echo(report.markdown())
