"""``headroom evaluate``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option
from headroom.cli.signals import cancel_on_signal
from headroom.settings import LIGHTS

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
@click.option(
    "--model",
    "models",
    multiple=True,
    help="A model's name or folder, with --brackets a merge method's; may be given again. [headroom-1; all methods]",
)
@click.option(
    "--shots", is_flag=True, help="Steadiness in time, on synthetic shots of the images: --temporal on and off."
)
@click.option("--ibl", is_flag=True, help="The light that panoramas throw: diffuse, glossy, suns, shadows.")
@click.option(
    "--brackets", is_flag=True, help="Merging: staged brackets of the images, still and moving, beside OpenCV's merges."
)
@click.option("--stacks", type=_FOLDER, help="With --brackets: real brackets, a folder each, which get figures too.")
@click.option(
    "--papers", "runs", type=_FOLDER, metavar="RUNS", help="The papers' claims, on training runs of SingleHDR in RUNS."
)
@click.option("--quick", is_flag=True, help="With --shots or --brackets: few and small ones.")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    help="Virtual cameras, or with --shots kinds of shot; may be given again. [the usual ones]",
)
@click.option(
    "--shares", type=_shares, metavar="PERCENT,...", help="Clipped shares of the photographs. [2,5,15; shots 5,15]"
)
@click.option("--measure", "measures", multiple=True, help="A group of measures; may be given again. [all there are]")
@click.option("--peers", type=_FOLDER, help="Folder with other systems' weights; default: one named peers near DIR.")
@click.option("--no-baselines", is_flag=True, help="The model and the oracles alone.")
@click.option(
    "--light",
    "lights",
    type=click.Choice(LIGHTS),
    multiple=True,
    help="Which of the possible lights, as in convert; may be given again. [median]",
)
@click.option("--no-estimate", is_flag=True, help="Leave out --curve estimate.")
@click.option("-o", "--output", type=_FOLDER, help="Folder for evaluation.json and .md (shots.*, evaluation-ibl.*).")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:N, mps or cpu.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "fp16", "bf16"]), default="auto", show_default=True)
@json_option
def command(
    folder: Path,
    models: tuple[str, ...],
    shots: bool,
    ibl: bool,
    brackets: bool,
    stacks: Path | None,
    runs: Path | None,
    quick: bool,
    suites: tuple[str, ...],
    shares: tuple[float, ...] | None,
    measures: tuple[str, ...],
    peers: Path | None,
    no_baselines: bool,
    lights: tuple[str, ...],
    no_estimate: bool,
    output: Path | None,
    device: str,
    precision: str,
    as_json: bool,
) -> None:
    """Measure models against baselines and oracles on the HDR images of DIR.

    Prints Markdown tables, or JSON. With --shots, DIR's images become shots with known motion, and what flickers is
    measured beside what is right. With --ibl its panoramas light things, and that light is compared with the true one.
    With --brackets they are photographed as exposure brackets by a shaking hand, with things that move, and merged.
    With --papers the claims of the papers are measured again, on networks trained by headroom train singlehdr-...
    """
    from headroom.errors import UsageError

    if quick and not (shots or brackets):
        raise UsageError("--quick belongs to --shots and --brackets")
    if stacks is not None and not brackets:
        raise UsageError("--stacks belongs to --brackets")
    if brackets and (shots or ibl or shares or no_estimate):
        raise UsageError("--brackets takes neither --shots, --ibl, --shares nor --no-estimate")
    if runs is not None and (shots or ibl or brackets or suites or measures or no_estimate):
        raise UsageError("--papers takes neither --shots, --ibl, --brackets, --suite, --measure nor --no-estimate")
    if shots and no_estimate:
        raise UsageError("--no-estimate has no meaning with --shots: the plates are sRGB and nothing is estimated")
    if lights and (shots or ibl or brackets or runs is not None):
        raise UsageError("--light belongs to the photographs, not to --shots, --ibl, --brackets or --papers")
    asked: dict[str, Any] = {"shares": shares, "measures": measures}
    asked = {name: value for name, value in asked.items() if value}
    asked |= {"peers": peers, "with_baselines": not no_baselines}
    chosen = models or ("headroom-1",)
    report: Any
    if runs is not None:
        asked["with_systems"] = asked.pop("with_baselines")
        report = _papers(folder, runs, models, device, precision, **asked)
    elif brackets:
        asked.pop("peers")
        report = _brackets(folder, models, device, precision, stacks, kinds=suites, quick=quick, **asked)
    elif ibl:
        if shots or measures or no_estimate:
            raise UsageError("--ibl takes neither --shots, --measure nor --no-estimate")
        report = _panoramas(folder, chosen, device, precision, suites=suites, **asked)
    elif shots:
        report = _shots(folder, chosen, device, precision, kinds=suites, quick=quick, **asked)
    else:
        report = _stills(
            folder,
            chosen,
            device,
            precision,
            suites=suites,
            lights=lights or ("median",),
            estimate=not no_estimate,
            **asked,
        )
    if output is not None:
        for path in report.write(output):
            click.echo(f"written: {path}", err=True)
    if as_json:
        emit_json(report.as_dict())
    else:
        click.echo(report.markdown())


def _papers(folder: Path, runs: Path, models: Sequence[str], device: str, precision: str, **asked: Any) -> Any:
    from headroom.evaluate.papers import evaluate_papers

    with _progress() as tell:
        return evaluate_papers(folder, runs, models=models, device=device, precision=precision, progress=tell, **asked)


def _stills(
    folder: Path,
    models: Sequence[str],
    device: str,
    precision: str,
    *,
    suites: Sequence[str],
    lights: Sequence[str],
    estimate: bool,
    **asked: Any,
) -> Any:
    from headroom.evaluate import evaluate, model_methods
    from headroom.evaluate.score import MEASURES
    from headroom.evaluate.suites import GROUPS, SUITES

    _check("suite", suites, (*SUITES, *GROUPS))
    _check("measure", asked.get("measures", ()), MEASURES)
    if suites:
        asked["suites"] = [name for suite in suites for name in GROUPS.get(suite, (suite,))]
    methods = [
        method
        for model in models
        for method in model_methods(model, device=device, precision=precision, estimate=estimate, lights=lights)
    ]
    with _progress() as tell:
        return evaluate(folder, methods, progress=tell, **asked)


def _shots(
    folder: Path, models: Sequence[str], device: str, precision: str, *, kinds: Sequence[str], quick: bool, **asked: Any
) -> Any:
    from headroom.evaluate.shots import KINDS, QUICK, SHOT_MEASURES, evaluate_shots, model_shot_methods

    _check("kind of shot", kinds, KINDS)
    _check("measure", asked.get("measures", ()), SHOT_MEASURES)
    if kinds:
        asked["kinds"] = kinds
    if quick:
        asked["size"] = QUICK
    methods = [method for model in models for method in model_shot_methods(model, device=device, precision=precision)]
    with cancel_on_signal() as cancelled, _progress() as tell:
        return evaluate_shots(folder, methods, progress=tell, cancelled=cancelled, **asked)


def _brackets(
    folder: Path,
    methods: Sequence[str],
    device: str,
    precision: str,
    stacks: Path | None,
    *,
    kinds: Sequence[str],
    quick: bool,
    **asked: Any,
) -> Any:
    from headroom.evaluate.brackets import (
        BRACKET_MEASURES,
        FULL_WIDTH,
        KINDS,
        QUICK,
        bracket_methods,
        evaluate_brackets,
        find_stacks,
        untrained,
    )

    _check("kind of bracket", kinds, KINDS)
    _check("measure", asked.get("measures", ()), BRACKET_MEASURES)
    if kinds:
        asked["kinds"] = kinds
    if quick:
        asked["size"] = QUICK
    if stacks is not None:
        find_stacks(stacks)
    entries = bracket_methods(methods, device=device, precision=precision)
    if not methods and not quick:
        present = {entry.name for entry in entries}
        asked["also_timed"] = [
            untrained(name, device=device, precision=precision) for name in FULL_WIDTH if name not in present
        ]
    with cancel_on_signal() as cancelled, _progress() as tell:
        return evaluate_brackets(folder, entries, stacks=stacks, progress=tell, cancelled=cancelled, **asked)


def _panoramas(
    folder: Path, models: Sequence[str], device: str, precision: str, *, suites: Sequence[str], **asked: Any
) -> Any:
    from headroom.evaluate.ibl import evaluate_ibl, ibl_methods
    from headroom.evaluate.suites import SUITES

    _check("suite", suites, SUITES)
    if suites:
        asked["suites"] = suites
    methods = [method for model in models for method in ibl_methods(model, device=device, precision=precision)]
    with _progress() as tell:
        return evaluate_ibl(folder, methods, progress=tell, **asked)


def _check(what: str, names: Iterable[str], known: Collection[str]) -> None:
    from headroom.errors import UsageError

    for name in names:
        if name not in known:
            raise UsageError(f"no {what} {name!r}; there are: {', '.join(known)}")


@contextmanager
def _progress() -> Iterator[Callable[[float, str], None]]:
    """A bar on a terminal; elsewhere a line whenever a twentieth is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        told = -1

        def line(share: float, name: str) -> None:
            nonlocal told
            if int(share * 20) > told:
                told = int(share * 20)
                click.echo(f"{share:4.0%} {name}", err=True)

        yield line
        return
    with Progress(console=console, transient=True) as bar:
        row = bar.add_task("", total=1.0)
        yield lambda share, name: bar.update(row, completed=share, description=name)
