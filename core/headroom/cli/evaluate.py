"""``headroom evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command("evaluate")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Measure a model against baselines on a folder of HDR images."""
    raise NotImplementedError
