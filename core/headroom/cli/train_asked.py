"""What ``headroom train`` was asked for, and what the commands of all recipes do with it alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from headroom.train.run import Progress
    from headroom.train.scenes import HdrScene

__all__ = ["Asked"]

Recipe = TypeVar("Recipe")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The command line."""

    recipe: str
    data: Path
    out: Path | None
    held_out_every: int
    add: tuple[Path, ...]
    """More scenes, none of them held out."""
    photographs: tuple[Path, ...]
    """Folders of LDR pictures; those that did not clip are scenes too."""
    time_budget: float | None
    """Seconds."""
    steps: int | None
    device: str
    start_weights: Path | None
    compile_network: bool
    brackets: Path | None
    """Merge networks: where staged brackets are kept."""
    features: Path | None
    """SingleHDR: a VGG-16 for the perceptual term."""
    as_json: bool

    @property
    def run(self) -> Path:
        """The run's folder."""
        return self.out or Path("runs") / self.recipe

    @property
    def device_type(self) -> str:
        """``cpu``, ``cuda`` or ``mps``."""
        from headroom.engine.device import pick_device

        return str(pick_device(self.device).type)

    def shortened(self, chosen: Recipe) -> Recipe:
        """The recipe with the steps that were asked for."""
        if self.steps is None:
            return chosen
        shorter: Any = replace(chosen, steps=self.steps)  # type: ignore[type-var]  # every recipe is a dataclass
        return shorter  # type: ignore[no-any-return]

    def split(self, found: list[HdrScene] | None = None, what: str = "scenes") -> tuple[list[HdrScene], list[HdrScene]]:
        """What is trained on and what is held out, of ``found`` or of the folder's scenes; says how many."""
        from headroom.train.scenes import load, split_by_scene

        scenes, held_out = split_by_scene(load(self.data) if found is None else found, every=self.held_out_every)
        if self.add or self.photographs:
            scenes = scenes + self._more()
        self.say(f"{len(scenes)} {what}, {len(held_out)} held out; run in {self.run}")
        return scenes, held_out

    def _more(self) -> list[HdrScene]:
        """What is trained on beside ``data``; says what each folder gave."""
        from headroom.cli.signals import cancel_on_signal
        from headroom.train.photographs import unclipped_photographs
        from headroom.train.scenes import load

        more = []
        for folder in self.add:
            added = load(folder)
            self.say(f"{folder}: {len(added)} scenes")
            more += added
        with cancel_on_signal() as cancelled:
            for folder in self.photographs:
                found = unclipped_photographs(folder, cancelled=cancelled)
                self.say(f"{folder}: {found}")
                more += found.scenes
        return more

    def say(self, line: str) -> None:
        """On standard error where standard output is JSON's."""
        click.echo(line, err=self.as_json)

    def tell(self, progress: Progress, name: str = "") -> None:
        """A line on how it goes; held-out figures have neither share nor time."""
        terms = "  ".join(f"{key} {value:.4g}" for key, value in progress.terms.items())
        begun = "held out" if math.isnan(progress.share) else f"{progress.share:6.1%}"
        taken = "" if math.isnan(progress.seconds) else f"  {progress.seconds:.0f} s"
        self.say(f"{name + '  ' if name else ''}{begun}  step {progress.step}{taken}  {terms}")
