"""The training of SingleHDR, a stage or all of them at a time, driven by ``run.run_training``.

Every run saves the whole system's weights and says in their header which stages were trained, so that a stage can be
used alone; ``joint`` takes each stage from its own run, which lies beside it.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from headroom.errors import UsageError, WeightsError
from headroom.networks.singlehdr.hallucination import soft_mask
from headroom.networks.singlehdr.linearization import apply_curve
from headroom.networks.singlehdr.system import SingleHDR, Stages
from headroom.train.run import Progress, Step, join_processes, log_line, run_training
from headroom.train.scenes import HdrScene
from headroom.train.singlehdr_camera import Photographer, Photographs
from headroom.train.singlehdr_features import FeatureNet, feature_net
from headroom.train.singlehdr_losses import (
    dequantize_loss,
    hallucinate_loss,
    joint_loss,
    linearize_loss,
    mu_law,
    refine_loss,
)
from headroom.train.singlehdr_pairs import Pair, PairCrops
from headroom.train.singlehdr_recipes import SINGLEHDR_RECIPES, Chain, SingleHdrRecipe, Stage
from headroom.weights import load_run

__all__ = ["LEARNS", "STAGES", "train_chain", "train_singlehdr"]

log = logging.getLogger(__name__)

STAGES = {
    "dequantize": "dequantization", "linearize": "linearization", "hallucinate": "hallucination", "refine": "refinement"
}  # fmt: skip
"""A stage and the part of the network that it is."""
LEARNS: dict[Stage, tuple[str, ...]] = {
    "dequantize": ("dequantize",),
    "linearize": ("linearize",),
    "hallucinate": ("hallucinate",),
    "joint": ("dequantize", "linearize", "hallucinate"),
    "end-to-end": ("dequantize", "linearize", "hallucinate"),
    "refine": ("dequantize", "linearize", "hallucinate", "refine"),
}
WEIGHTS = "weights.safetensors"
HELD_OUT_BATCHES = 6
HELD_OUT_SEED = 20_000


class Working(nn.Module):
    """The system as one stage's training runs it."""

    def __init__(self, network: SingleHDR, stage: Stage) -> None:
        """One call a step, as DistributedDataParallel needs."""
        super().__init__()
        self.network, self.stage = network, stage

    def forward(self, seen: Tensor) -> Any:
        """Codes (hallucinate: clipped linear light) to what the stage answers."""
        network = self.network
        if self.stage == "dequantize":
            return network.dequantization(seen)
        if self.stage == "linearize":
            curve = network.linearization(seen)
            return curve, apply_curve(seen, curve)
        if self.stage == "hallucinate":
            return seen + soft_mask(seen, network.config.mask_from) * network.hallucination(seen)
        return network(seen)


def train_singlehdr(
    recipe: SingleHdrRecipe,
    scenes: list[HdrScene],
    held_out: list[HdrScene],
    run: Path,
    *,
    pairs: list[Pair] | None = None,
    features: Path | None = None,
    device: str = "cpu",
    time_budget: float | None = None,
    compile_network: bool = False,
    start_weights: Path | None = None,
    stages_from: Mapping[str, Path] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Train into the folder ``run`` and return the path of the averaged weights; arguments as ``run_training``'s.

    ``pairs``: what ``refine`` learns from; without any it learns from virtual photographs. ``features``: a file for
    ``feature_net``. ``stages_from``: for ``joint``, the weights of each stage; default: those of its recipes' runs,
    beside ``run``.
    """
    crew = join_processes(device)
    where = crew.device
    torch.manual_seed(recipe.seed)
    to: Any = SingleHDR(recipe.config).to  # its stub knows no memory_format
    network: SingleHDR = to(where, memory_format=torch.channels_last)
    if "hallucinate" in LEARNS[recipe.stage] and network.hallucination.head_fuse.bias is not None:
        nn.init.constant_(network.hallucination.head_fuse.bias, recipe.added_bias)
    if start_weights is not None:
        start_from(network, start_weights)
    elif recipe.stage == "joint":
        join_stages(network, stages_from or _beside(recipe, run))
    elif recipe.stage == "refine":
        raise UsageError(f"{recipe.name} refines what is trained: name that model's weights with --start")
    for stage, part in STAGES.items():
        if stage not in LEARNS[recipe.stage] and getattr(network, part) is not None:
            getattr(network, part).requires_grad_(False)
    looked = None
    if recipe.stage in ("hallucinate", "joint", "end-to-end") and recipe.weights.perceptual:
        looked = feature_net(features).to(where)
    autocast = torch.autocast(where.type, torch.bfloat16) if where.type in {"cpu", "cuda"} else nullcontext()

    def begin(step: int) -> Step:
        seed = recipe.seed + 1000 * crew.rank + step
        if recipe.stage == "refine" and pairs:
            crops = PairCrops(pairs, crop_px=recipe.camera.crop_px, batch=recipe.camera.batch, device=where, seed=seed)

            def refine(trained: nn.Module) -> tuple[dict[str, Tensor], int]:
                x_srgb, light = crops()
                with autocast:
                    stages = trained(x_srgb)
                return refine_loss(stages.light, light), len(x_srgb)

            return refine
        take = Photographer(scenes, recipe.camera, where, seed=seed)

        def one(trained: nn.Module) -> tuple[dict[str, Tensor], int]:
            shot = take()
            with autocast:
                answer = trained(_seen(recipe.stage, shot))
            return _loss(recipe, answer, shot, looked), len(shot.x_srgb)

        return one

    watched = None
    if held_out and crew.rank == 0:
        watched = Photographer(held_out, recipe.camera, where, seed=HELD_OUT_SEED)

    def validate(average: nn.Module, step: int) -> None:
        if watched is not None:
            measured = measure(cast(SingleHDR, average), recipe.stage, watched)
            log.info("step %d: %s", step, measured)
            log_line(run, step, math.nan, measured)

    facts = {
        "network": "singlehdr",
        "config": json.dumps(asdict(recipe.config)),
        "recipe": recipe.name,
        "stages": ",".join(LEARNS[recipe.stage]),
    }
    return run_training(
        recipe,
        network,
        run,
        crew=crew,
        facts=facts,
        begin=begin,
        wrap=lambda inner: Working(inner, recipe.stage),
        validate=validate,
        time_budget=time_budget,
        compile_network=compile_network,
        on_progress=on_progress,
        cancelled=cancelled,
    )


def train_chain(
    chain: Chain,
    scenes: list[HdrScene],
    held_out: list[HdrScene],
    run: Path,
    *,
    time_budget: float | None,
    steps: int | None,
    on_progress: Callable[[str, Progress], None] | None = None,
    **how: Any,
) -> Path:
    """All runs of a chain, each in a folder of its own in ``run``; one that is finished is not run again.

    ``steps`` are shared out as the time is. Returns the path of the last one's weights, copied into ``run``.
    """
    run.mkdir(parents=True, exist_ok=True)
    finished = run / "finished.json"
    done: list[str] = json.loads(finished.read_text("utf-8")) if finished.is_file() else []
    weights: dict[str, Path] = {}
    for link, share in chain.links:
        folder = run / link.stage
        weights[link.stage] = folder / WEIGHTS
        if link.name in done:
            continue
        recipe = link if steps is None else replace(link, steps=max(1, round(share * steps)))

        def tell(progress: Progress, name: str = link.name) -> None:
            if on_progress:
                on_progress(name, progress)

        train_singlehdr(
            recipe, scenes, held_out, folder,
            time_budget=share * time_budget if time_budget else None,
            stages_from=weights, on_progress=tell, **how,
        )  # fmt: skip
        done.append(link.name)
        finished.write_text(json.dumps(done), "utf-8")
    return Path(shutil.copyfile(weights[chain.links[-1][0].stage], run / WEIGHTS))


def start_from(network: SingleHDR, path: Path) -> None:
    """All parts that a file has; only Refinement-Net may be missing there, and begin anew."""
    try:
        tensors = load_file(path)
        missing, unknown = network.load_state_dict(tensors, strict=False)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(f"{path}: not weights of this recipe's network ({reason})") from error
    lacking = [name for name in missing if not name.startswith("refinement.")]
    if lacking or unknown:
        raise WeightsError(f"{path}: not weights of this recipe's network ({(lacking or unknown)[0]})")


def join_stages(network: SingleHDR, files: Mapping[str, Path]) -> None:
    """Each stage's part from the run that trained it."""
    for stage in LEARNS["joint"]:
        path = files[stage]
        if not path.is_file():
            raise UsageError(
                f"{path}: the joint training starts from its stages; first: headroom train {path.parent.name} --data "
                "SCENES, or name a whole model's weights with --start"
            )
        trained, facts = load_run(path)
        if not isinstance(trained, SingleHDR):
            raise WeightsError(f"{path}: not weights of a run of SingleHDR")
        if stage not in facts.get("stages", "").split(","):
            raise WeightsError(f"{path}: trained {facts.get('stages')}, not {stage}")
        part = STAGES[stage]
        try:
            getattr(network, part).load_state_dict(getattr(trained, part).state_dict())
        except RuntimeError as error:
            raise WeightsError(f"{path}: of other widths than this recipe's ({str(error).splitlines()[0]})") from error


def _beside(recipe: SingleHdrRecipe, run: Path) -> dict[str, Path]:
    """Where the stages' runs lie by default: by their recipes' names, beside this one."""
    names = {stage: recipe.name.replace("joint", stage, 1) for stage in LEARNS["joint"]}
    assert all(name in SINGLEHDR_RECIPES for name in names.values())
    return {stage: run.parent / name / WEIGHTS for stage, name in names.items()}


def _seen(stage: Stage, shot: Photographs) -> Tensor:
    """The authors fed each stage the truth of the one before it."""
    return {"linearize": shot.code, "hallucinate": shot.clipped}.get(stage, shot.x_srgb)


def _loss(recipe: SingleHdrRecipe, answer: Any, shot: Photographs, features: FeatureNet | None) -> dict[str, Tensor]:
    if recipe.stage == "dequantize":
        return dequantize_loss(answer, shot, recipe.weights)
    if recipe.stage == "linearize":
        curve, linear = answer
        return linearize_loss(curve, linear, shot, recipe.weights)
    if recipe.stage == "joint":
        return joint_loss(answer, shot, recipe.weights, features)
    if recipe.stage == "refine":
        return refine_loss(answer.light, shot.light)
    light = answer.light if isinstance(answer, Stages) else answer
    return hallucinate_loss(light, shot, recipe.weights, features)


@torch.no_grad()
def measure(network: SingleHDR, stage: Stage, take: Photographer) -> dict[str, float]:
    """What a run watches, on scenes that it is not trained on, always the same pictures; dB and mu-law differences."""
    take.restart(HELD_OUT_SEED)
    working = Working(network, stage).eval()
    sums: dict[str, float] = {}
    for _ in range(HELD_OUT_BATCHES):
        shot = take()
        answer = working(_seen(stage, shot))
        if isinstance(answer, Stages):
            found = {"codes_db": _db(answer.dequantized, shot.code), "linear_db": _db(answer.linear, shot.clipped)}
            found["mu_law_l1"] = float((mu_law(answer.light) - mu_law(shot.light)).abs().mean())
        elif stage == "dequantize":
            found = {"codes_db": _db(answer.clamp(0, 1), shot.code), "plain_db": _db(shot.x_srgb, shot.code)}
        elif stage == "linearize":
            found = {"linear_db": _db(answer[1], shot.clipped), "curve_rms": _rms(answer[0], shot.curve)}
        else:
            found = {"mu_law_l1": float((mu_law(answer) - mu_law(shot.light)).abs().mean())}
            found["mu_law_l1_clipped"] = float((mu_law(shot.clipped) - mu_law(shot.light)).abs().mean())
        for name, value in found.items():
            sums[f"held_out_{name}"] = sums.get(f"held_out_{name}", 0.0) + value / HELD_OUT_BATCHES
    return sums


def _db(first: Tensor, second: Tensor) -> float:
    """Mean over the pictures of the PSNR in 0..1."""
    error = (first.float() - second.float()).square().mean((1, 2, 3)).clamp(min=1e-10)
    return float(-10 * error.log10().mean())


def _rms(first: Tensor, second: Tensor) -> float:
    return float((first - second).square().mean(1).sqrt().mean())
