"""SingleHDR's stages put together as they left their own runs, and what is to be said of such a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import save_file

from headroom.errors import UsageError
from headroom.networks.singlehdr.system import SingleHDR
from headroom.train.singlehdr_loop import LEARNS, join_stages
from headroom.weights import load_run

__all__ = ["SINGLEHDR_SMALL_LIMITS", "assemble"]

SINGLEHDR_SMALL_LIMITS = (
    "A small variant trained on a CPU for minutes, to compare systems at the same budget: no figure of the paper's "
    "network, whose released checkpoints headroom models import singlehdr reads.",
    "The stages as their own runs left them, without the joint training, so that each can be used alone (--stages).",
    "The perceptual term looked with random VGG features, not with ones trained on ImageNet.",
    "--curve estimate is Linearization-Net's, which learned for minutes: declare the colour space where you know it.",
    "It does not say how sure it is: the confidence in a report is one number for every pixel.",
    "Frames one by one; headroom convert steadies shots (--temporal on).",
)


def assemble(stages: Mapping[str, Path], out: Path) -> Path:
    """Write one weights file from those of the runs of dequantize, linearize and hallucinate."""
    missing = [stage for stage in LEARNS["joint"] if stage not in stages]
    if missing:
        raise UsageError(f"no run of {', '.join(missing)} was named")
    runs = {stage: load_run(stages[stage]) for stage in LEARNS["joint"]}
    network: SingleHDR = runs["hallucinate"][0]
    join_stages(network, stages)
    facts = {
        "network": "singlehdr",
        "config": json.dumps(asdict(network.config)),
        "recipe": ", ".join(facts["recipe"] for _, facts in runs.values()),
        "stages": ",".join(LEARNS["joint"]),
        "step": str(sum(int(facts["step"]) for _, facts in runs.values())),
    }
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, out, metadata=facts)
    return out
