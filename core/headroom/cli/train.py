"""``headroom train``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from headroom.cli.options import emit_json, json_option
from headroom.cli.signals import cancel_on_signal
from headroom.cli.train_asked import Asked
from headroom.cli.train_hdrcnn import train_hdrcnn_command
from headroom.cli.train_merge import train_merge_command
from headroom.cli.train_singlehdr import train_singlehdr_command

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
    "--add", multiple=True, type=_FOLDER, help="More HDR images or shards, all trained on; may be given several times."
)
@click.option(
    "--photographs", multiple=True, type=_FOLDER, metavar="FOLDER",
    help="LDR photographs: those that did not clip are exposed anew until they do; may be given several times.",
)  # fmt: skip
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
def command(recipe: str, shards: Path | None, **asked: Any) -> int:
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
    from headroom.errors import UsageError
    from headroom.train.curve_stage import CURVE_RECIPES
    from headroom.train.hdrcnn_recipes import HDRCNN_RECIPES
    from headroom.train.light_power import LIGHT_RECIPES
    from headroom.train.merge_recipes import MERGE_RECIPES
    from headroom.train.recipes import RECIPES
    from headroom.train.scenes import pack
    from headroom.train.singlehdr_recipes import SINGLEHDR_RECIPES

    if shards is not None:
        for path in pack(asked["data"], shards):
            click.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
        return 0
    families: tuple[tuple[Iterable[str], Callable[[Asked], Path]], ...] = (
        (RECIPES, _gain),
        (CURVE_RECIPES, _curve),
        (LIGHT_RECIPES, _lights),
        (HDRCNN_RECIPES, train_hdrcnn_command),
        (SINGLEHDR_RECIPES, train_singlehdr_command),
        (MERGE_RECIPES, train_merge_command),
    )
    for recipes, train_by in families:
        if recipe in recipes:
            whole = Asked(recipe=recipe, **asked)
            _done(whole, train_by(whole))
            return 0
    known = [name for recipes, _ in families for name in recipes]
    near = difflib.get_close_matches(recipe, known, n=4)
    raise UsageError(f"no recipe {recipe!r}; {'near it: ' if near else 'there are: '}{', '.join(near or known)}")


def _gain(asked: Asked) -> Path:
    from headroom.train.loop import train
    from headroom.train.recipes import recipe as recipe_named

    chosen = asked.shortened(recipe_named(asked.recipe))
    scenes, held_out = asked.split()
    with cancel_on_signal() as cancelled:
        return train(
            chosen, scenes, held_out, asked.run, device=asked.device_type, time_budget=asked.time_budget,
            compile_network=asked.compile_network, start_weights=asked.start_weights, on_progress=asked.tell,
            cancelled=cancelled,
        )  # fmt: skip


def _curve(asked: Asked) -> Path:
    from headroom.train.curve_stage import CURVE_RECIPES, train_curve

    scenes, held_out = asked.split()
    with cancel_on_signal() as cancelled:
        return train_curve(
            CURVE_RECIPES[asked.recipe](), scenes, held_out, asked.run, device=asked.device_type,
            time_budget=asked.time_budget, steps=asked.steps, start_weights=asked.start_weights, cancelled=cancelled,
        )  # fmt: skip


def _lights(asked: Asked) -> Path:
    from headroom.train.light_power import LIGHT_RECIPES, train_lights

    chosen = asked.shortened(LIGHT_RECIPES[asked.recipe]())
    scenes, held_out = asked.split()
    with cancel_on_signal() as cancelled:
        return train_lights(
            chosen, scenes, held_out, asked.run, time_budget=asked.time_budget, cancelled=cancelled
        )  # fmt: skip


def _done(asked: Asked, weights: Path) -> None:
    if asked.as_json:
        emit_json({"recipe": asked.recipe, "run": str(asked.run), "weights": str(weights)})
    else:
        click.echo(f"weights: {weights}")
