"""``headroom worker``."""

from __future__ import annotations

import sys

import click

__all__ = ["command"]


@click.command("worker")
def command() -> int:
    """Serve a host program: one JSON object a line on standard input and output.

    Blender and Nuke start this by themselves. docs/worker.md tells how to speak to it. It ends when standard input
    closes.
    """
    from headroom.worker import serve

    if sys.stdin is not None and sys.stdin.isatty():
        click.echo("headroom worker: made to be started by a program; Ctrl-D ends it.", err=True)
    return serve()
