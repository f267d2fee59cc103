"""From a finished run of a paper's single-image network to a model that can be shipped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from headroom import weights
from headroom.train.publish import facts_of, scenes_by_licence, write_model

__all__ = ["HDRCNN_SMALL_LIMITS", "publish_single"]

HDRCNN_SMALL_LIMITS = (
    "A small variant trained on a CPU for minutes, to compare systems at the same budget: no figure of the paper's "
    "network, whose released weights headroom models import hdrcnn reads.",
    "Its inverse curve is x^2 whatever the camera; the plate's stated colour space is used unless --curve estimate.",
    "It does not say how sure it is: the confidence in a report is one number for every pixel.",
    "Frames one by one; headroom convert steadies shots (--temporal on).",
)


def publish_single(
    trained: Path,
    folder: Path,
    *,
    version: str,
    hardware: str,
    minutes: float,
    manifest: Path,
    limits: Sequence[str],
    speed: str | None = None,
    measured: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    config: Mapping[str, Any] | None = None,
) -> weights.Card:
    """Write ``folder``/weights.safetensors, card.toml and README.md from a run's weights.

    ``minutes``: of the processor, that training took. ``speed``: seconds a megapixel and on what. ``config``: what was
    measured after the run, in place of the network's own numbers, such as ``error_stops``.
    """
    scenes = scenes_by_licence(manifest)
    facts = facts_of(
        folder, scenes, version=version, hardware=f"{hardware}, {minutes:.0f} minutes of the processor",
        more={"speed": speed} if speed else None, limits=limits, notes=notes, measured=measured,
    )  # fmt: skip
    configured = trained.with_name("configured.safetensors")
    with safe_open(trained, "pt") as file:
        header = dict(file.metadata() or {})
    header["config"] = json.dumps({**json.loads(header["config"]), **(config or {})})
    save_file(load_file(trained), configured, metadata=header)
    card = write_model(folder, configured, facts)
    configured.unlink()
    return card
