"""Finished training runs of SingleHDR in a folder: what each is, how long it learned, its network."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from headroom.errors import UsageError
from headroom.networks.singlehdr.system import SingleHDR
from headroom.weights import load_run

__all__ = ["Run", "find_runs"]

SMALL = "-small"
LOG_FILE = "log.jsonl"
"""Of the training loop."""
CHAIN_FILE = "finished.json"
"""Of a folder that holds the runs of a chain."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One of them."""

    recipe: str
    path: Path
    stages: tuple[str, ...]
    steps: int
    seconds: float
    processor_seconds: float | None
    """None: an older run, which did not keep it."""

    @property
    def kind(self) -> str:
        """The recipe without the system's name and its size: ``linearize-edges``."""
        return self.recipe.removeprefix("singlehdr-").removesuffix(SMALL)

    @property
    def is_small(self) -> bool:
        """Of the widths that one CPU thread can train."""
        return self.recipe.endswith(SMALL)

    def network(self) -> SingleHDR:
        """Its weights, in evaluation mode."""
        network = load_run(self.path)[0]
        assert isinstance(network, SingleHDR)
        return network

    def as_dict(self) -> dict[str, Any]:
        """Plain values; the path as its folder's name, which is all that a reader elsewhere can use."""
        return {**asdict(self), "path": self.path.parent.name, "stages": list(self.stages)}


def find_runs(folder: Path) -> dict[str, Run]:
    """SingleHDR's runs anywhere in a folder, by kind; ``UsageError`` where there is none, or two of one kind."""
    found: dict[str, Run] = {}
    for path in sorted(folder.rglob("weights.safetensors")):
        facts = _facts(path)
        if facts.get("network") != "singlehdr" or "stages" not in facts:
            continue
        if path.with_name(CHAIN_FILE).is_file():
            continue  # a chain's copy of its last run
        processor = facts.get("processor_seconds")
        run = Run(
            recipe=facts["recipe"], path=path, stages=tuple(facts["stages"].split(",")),
            steps=int(facts.get("step", 0)), seconds=float(facts.get("seconds") or _logged_seconds(path)),
            processor_seconds=None if processor is None else float(processor),
        )  # fmt: skip
        if run.kind in found:
            raise UsageError(f"{found[run.kind].path} and {path} are runs of one kind ({run.kind}); name one's folder")
        found[run.kind] = run
    if not found:
        raise UsageError(f"{folder}: no run of SingleHDR here; make some: headroom train singlehdr-small --data SCENES")
    return found


def _logged_seconds(weights: Path) -> float:
    """Of an older run, whose weights do not say it: its log's last word."""
    log = weights.with_name(LOG_FILE)
    lines = log.read_text("utf-8").splitlines() if log.is_file() else []
    return max((float(json.loads(line).get("seconds", 0.0)) for line in lines), default=0.0)


def _facts(path: Path) -> dict[str, str]:
    try:
        with safe_open(path, "pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError):
        return {}
