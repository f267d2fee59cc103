"""``headroom farm-session``: what a bundle's actions call on the farm's machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["command"]

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_PASSED_ON = {"ignore_unknown_options": True}


@click.group("farm-session")
def command() -> None:
    """Keep a model loaded from task to task of a farm's session; `headroom farm` writes bundles that call this.

    FOLDER is the session's working directory.
    """


@command.command("start")
@click.argument("folder", type=_FOLDER)
@click.option("--idle", "idle_s", type=click.FloatRange(1), help="Seconds without a task after which it leaves.")
def start(folder: Path, idle_s: float | None) -> int:
    """Start the session's process; it outlives this command."""
    from headroom.farm import client

    session = client.start(folder, idle_s=idle_s)
    click.echo(f"headroom holds its model in process {session.pid}")
    return 0


@command.command("run", context_settings=_PASSED_ON)
@click.argument("folder", type=_FOLDER)
@click.option("--frames", required=True, metavar="RANGE", help="Of this task, as the scheduler spells them.")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def run(folder: Path, frames: str, arguments: tuple[str, ...]) -> int:
    """Have the session's process run a command line of headroom on a task's frames."""
    from headroom.farm import client

    option, count = _frames(frames)
    return client.run(folder, [*arguments, option], total=count)


@command.command("once", context_settings=_PASSED_ON)
@click.option("--frames", required=True, metavar="RANGE", help="As the scheduler spells them.")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def once(frames: str, arguments: tuple[str, ...]) -> int:
    """Run a command line of headroom on these frames, here and now."""
    from headroom.cli.main import run_command

    option, _ = _frames(frames)
    return run_command([*arguments, option])


@command.command("end")
@click.argument("folder", type=_FOLDER)
def end(folder: Path) -> int:
    """End the session's process."""
    from headroom.farm import client

    click.echo("the session's process has ended" if client.end(folder) else "there was no process to end")
    return 0


@command.command("serve", hidden=True)
@click.argument("folder", type=_FOLDER)
@click.option("--owner", type=int)
@click.option("--idle", "idle_s", type=float, default=900.0)
def serve(folder: Path, owner: int | None, idle_s: float) -> int:
    """The session's process itself."""
    from headroom.farm import daemon

    def run_one(arguments: list[str], keeper: Any) -> int:
        from headroom.cli.main import run_command

        return run_command(arguments, keeper)

    return daemon.serve(folder, run_one, _LateKeeper(), owner=owner, idle_s=idle_s)


class _LateKeeper:
    """A `headroom.jobs.keeper.ModelKeeper` that imports torch when the first task wants a model."""

    def __init__(self) -> None:
        self._keeper: Any = None

    def reconstructor(self, settings: Any) -> Any:
        from headroom.jobs.keeper import ModelKeeper

        self._keeper = self._keeper or ModelKeeper()
        return self._keeper.reconstructor(settings)


def _frames(text: str) -> tuple[str, int]:
    from headroom.errors import UsageError
    from headroom.farm.ranges import frames_option
    from headroom.host.frames import FrameError, parse_range

    try:
        option = frames_option(text)
        return f"--frames={option}", len(parse_range(option))
    except FrameError as error:
        raise UsageError(f"--frames {text!r}: {error}") from None
