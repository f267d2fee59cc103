"""The progress bar of commands that work on one thing at a time."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Bar", "new_bar"]

Self = TypeVar("Self", bound="Bar")


def new_bar(console: Console, *, quiet: bool = False) -> Progress:
    """Name, bar, per cent, time left; on a terminal only."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)


class Bar:
    """A bar on standard error where that is a terminal, lines at every tenth where it is not."""

    def __init__(self, name: str = "", *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._quiet, self._terminal = quiet, console.is_terminal
        self._bar = new_bar(console, quiet=quiet)
        self._id = self._bar.add_task(name, total=1.0)
        self._name, self._tenth = name, 0

    def __enter__(self: Self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bar away."""
        self._bar.stop()

    def begin(self, name: str) -> None:
        """The next thing: the bar starts again."""
        self._name, self._tenth = name, 0
        self._bar.reset(self._id, description=name, total=1.0)

    def progress(self, share: float) -> None:
        """0..1."""
        self._bar.update(self._id, completed=share)
        if not self._quiet and not self._terminal and int(share * 10) > self._tenth:
            self._tenth = int(share * 10)
            click.echo(f"{self._name}: {self._tenth * 10} %", err=True)
