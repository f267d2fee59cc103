"""The command line: parse, start the work, say what happened, exit code."""

from __future__ import annotations

from headroom.cli.main import cli, main

__all__ = ["cli", "main"]
