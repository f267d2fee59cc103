"""``headroom train``."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headroom.cli.options import emit_json, json_option
from headroom.cli.signals import cancel_on_signal
from headroom.cli.train_hdrcnn import train_hdrcnn_command
from headroom.cli.train_merge import train_merge_command
from headroom.cli.train_singlehdr import train_singlehdr_command

if TYPE_CHECKING:
    from headroom.train.loop import Progress

__all__ = ["command"]

_FOLDER = click.Path(path_type=Path, file_okay=False)
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def _time(text: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text.lower())
    if not found or float(found[1]) <= 0:
        raise click.BadParameter(f"{text!r} is not a time such as 90s, 30m or 2h")
    return float(found[1]) * _SECONDS[found[2]]


@click.command("train")
@click.argument("recipe")
@click.option("--data", required=True, type=_FOLDER, help="HDR images (.exr, .hdr) or packed shards.")
@click.option("--out", type=_FOLDER, help="Folder of the run; one that was begun goes on. Default: runs/RECIPE.")
@click.option(
    "--held-out-every",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    help="Every n-th scene is never trained on, only watched; 0: train on all.",
)
@click.option(
    "--time-budget", type=_time, metavar="TIME", help="End, and shape the learning rate, by time: 90s, 30m, 2h."
)
@click.option("--steps", type=click.IntRange(1), help="End after so many steps instead; default: the recipe's.")
@click.option("--device", default="auto", show_default=True, help="auto, cuda or cpu.")
@click.option(
    "--start", "start_weights", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="A model's weights.safetensors that a new run starts from.",
)  # fmt: skip
@click.option("--compile", "compile_network", is_flag=True, help="With torch.compile.")
@click.option(
    "--pack",
    "shards",
    type=_FOLDER,
    metavar="FOLDER",
    help="Only write the scenes of --data as shards into FOLDER; they load without image libraries.",
)
@click.option(
    "--brackets",
    type=_FOLDER,
    metavar="FOLDER",
    help="Merge networks: where staged brackets are kept, for several runs to share. Default: RUN/brackets.",
)
@click.option(
    "--features", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="SingleHDR: a VGG-16 (safetensors) for the perceptual term. Default: random features.",
)  # fmt: skip
@json_option
def command(
    recipe: str,
    data: Path,
    out: Path | None,
    held_out_every: int,
    time_budget: float | None,
    steps: int | None,
    device: str,
    start_weights: Path | None,
    compile_network: bool,
    shards: Path | None,
    brackets: Path | None,
    features: Path | None,
    as_json: bool,
) -> int:
    """Train a network by a RECIPE.

    headroom-1 (the gain), then headroom-1-curve (the response curve); headroom-ibl-1 (powers of panoramas' lights);
    for brackets headroom-merge-1, ahdrnet, kalantari-direct, kalantari-we, kalantari-wie, wu-resnet, wu-unet, and each
    of the papers' with -small (headroom-merge-1 with -cpu) for one CPU thread.
    HDRCNN: hdrcnn-pretrain (--data: any folder of photographs), then hdrcnn --start; each also as hdrcnn-small for one
    CPU thread, and with -log, -jpeg, -steady or -jacobian for other losses and sources.
    SingleHDR: singlehdr for all stages in turn; one by one singlehdr-dequantize, -linearize, -hallucinate, then -joint,
    and singlehdr-refine --start (--data: merged brackets as NAME.exr beside NAME.jpg); each with -small at its end for
    one CPU thread.

    The run goes on from its last state when it is started again. On several GPUs:
    torchrun --nproc-per-node N -m headroom train RECIPE ...
    """
    from headroom.engine.device import pick_device
    from headroom.errors import UsageError
    from headroom.train.curve_stage import CURVE_RECIPES, train_curve
    from headroom.train.hdrcnn_recipes import HDRCNN_RECIPES
    from headroom.train.light_power import LIGHT_RECIPES
    from headroom.train.loop import train
    from headroom.train.merge_recipes import MERGE_RECIPES
    from headroom.train.recipes import RECIPES
    from headroom.train.recipes import recipe as recipe_named
    from headroom.train.scenes import load, pack, split_by_scene
    from headroom.train.singlehdr_recipes import SINGLEHDR_RECIPES

    if shards is not None:
        for path in pack(data, shards):
            click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
        return 0
    if recipe in CURVE_RECIPES:
        scenes, held_out = split_by_scene(load(data), every=held_out_every)
        run = out or Path("runs") / recipe
        click.echo(f"{len(scenes)} scenes, {len(held_out)} held out; run in {run}", err=as_json)
        with cancel_on_signal() as cancelled:
            weights = train_curve(
                CURVE_RECIPES[recipe](), scenes, held_out, run,
                device=pick_device(device).type, time_budget=time_budget, steps=steps,
                start_weights=start_weights, cancelled=cancelled,
            )  # fmt: skip
        _done(recipe, run, weights, as_json)
        return 0
    if recipe in LIGHT_RECIPES:
        return _lights(recipe, data, out, held_out_every, time_budget, steps, as_json)
    if recipe in HDRCNN_RECIPES:
        run, weights = train_hdrcnn_command(
            recipe, data, out, held_out_every, time_budget=time_budget, steps=steps, device=device,
            start_weights=start_weights, compile_network=compile_network, as_json=as_json,
        )  # fmt: skip
        _done(recipe, run, weights, as_json)
        return 0
    if recipe in SINGLEHDR_RECIPES:
        run, weights = train_singlehdr_command(
            recipe, data, out, held_out_every, features=features, time_budget=time_budget, steps=steps, device=device,
            start_weights=start_weights, compile_network=compile_network, as_json=as_json,
        )  # fmt: skip
        _done(recipe, run, weights, as_json)
        return 0
    if recipe in MERGE_RECIPES:
        run, weights = train_merge_command(
            recipe, data, out, held_out_every, brackets=brackets, time_budget=time_budget, steps=steps, device=device,
            start_weights=start_weights, compile_network=compile_network, as_json=as_json,
        )  # fmt: skip
        _done(recipe, run, weights, as_json)
        return 0
    if recipe not in RECIPES:
        known = (*RECIPES, *CURVE_RECIPES, *LIGHT_RECIPES, *HDRCNN_RECIPES, *SINGLEHDR_RECIPES, *MERGE_RECIPES)
        near = difflib.get_close_matches(recipe, known, n=4)
        raise UsageError(f"no recipe {recipe!r}; {'near it: ' if near else 'there are: '}{', '.join(near or known)}")
    chosen = recipe_named(recipe)
    if steps is not None:
        chosen = replace(chosen, steps=steps)
    scenes, held_out = split_by_scene(load(data), every=held_out_every)
    run = out or Path("runs") / chosen.name

    def tell(progress: Progress) -> None:
        terms = "  ".join(f"{name} {value:.4g}" for name, value in progress.terms.items())
        click.echo(f"{progress.share:6.1%}  step {progress.step}  {progress.seconds:.0f} s  {terms}", err=as_json)

    click.echo(f"{len(scenes)} scenes, {len(held_out)} held out; run in {run}", err=as_json)
    with cancel_on_signal() as cancelled:
        weights = train(
            chosen,
            scenes,
            held_out,
            run,
            device=pick_device(device).type,
            time_budget=time_budget,
            compile_network=compile_network,
            start_weights=start_weights,
            on_progress=tell,
            cancelled=cancelled,
        )
    _done(chosen.name, run, weights, as_json)
    return 0


def _lights(
    recipe: str,
    data: Path,
    out: Path | None,
    held_out_every: int,
    time_budget: float | None,
    steps: int | None,
    as_json: bool,
) -> int:
    from headroom.train.light_power import LIGHT_RECIPES, train_lights
    from headroom.train.scenes import load, split_by_scene

    chosen = LIGHT_RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, steps=steps)
    scenes, held_out = split_by_scene(load(data), every=held_out_every)
    run = out or Path("runs") / recipe
    click.echo(f"{len(scenes)} scenes, {len(held_out)} held out; run in {run}", err=as_json)
    with cancel_on_signal() as cancelled:
        weights = train_lights(chosen, scenes, held_out, run, time_budget=time_budget, cancelled=cancelled)
    _done(recipe, run, weights, as_json)
    return 0


def _done(recipe: str, run: Path, weights: Path, as_json: bool) -> None:
    if as_json:
        emit_json({"recipe": recipe, "run": str(run), "weights": str(weights)})
    else:
        click.echo(f"weights: {weights}")
